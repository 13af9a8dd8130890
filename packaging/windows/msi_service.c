/* SPDX-License-Identifier: MIT */
/*
 * The MSI's one custom action in code: notes whether the service was running before anything was
 * touched, so that an upgrade or a repair starts again what ran and leaves stopped what was
 * stopped. No exe can do this, because only a DLL can set a property. Everything else is a verb of
 * gsrelayd.exe.
 */
#include <windows.h>
#include <stdbool.h>

#include <msi.h>
#include <msiquery.h>

#include "daemon/identity.h"

__declspec(dllexport) UINT __stdcall note_service(MSIHANDLE install);

static const wchar_t *service_state(void)
{
    SERVICE_STATUS status;
    const wchar_t *state = L"";
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (manager == NULL)
        return state;
    SC_HANDLE service = OpenServiceA(manager, IDENTITY_SERVICE_NAME, SERVICE_QUERY_STATUS);
    if (service != NULL && QueryServiceStatus(service, &status)) {
        bool down = status.dwCurrentState == SERVICE_STOPPED ||
                    status.dwCurrentState == SERVICE_STOP_PENDING;
        state = down ? L"stopped" : L"running";
    }
    if (service != NULL)
        CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return state;
}

UINT __stdcall note_service(MSIHANDLE install)
{
    return MsiSetPropertyW(install, L"GsrelayService", service_state());
}
