/* SPDX-License-Identifier: MIT */

/* scm_control_windows.c - what "sc control NAME CODE" does on Windows and Wine's sc does not: sends
 * a service a control, past all that "gsrelayd service" looks at before.
 *
 * usage: gsrelay_scm_control NAME CODE */

#include "daemon/os/os.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

int program_main(int argc, char **argv)
{
    char text[OS_ERROR_TEXT_SIZE];
    SERVICE_STATUS status;
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service =
        argc == 3 && manager != NULL ? OpenServiceA(manager, argv[1], SERVICE_ALL_ACCESS) : NULL;

    if (service == NULL || !ControlService(service, (DWORD)strtoul(argv[2], NULL, 10), &status)) {
        (void)fprintf(stderr, "gsrelay_scm_control: %s\n",
                      os_error_text((int)GetLastError(), text));
        return 1;
    }
    (void)CloseServiceHandle(service);
    (void)CloseServiceHandle(manager);
    return 0;
}
