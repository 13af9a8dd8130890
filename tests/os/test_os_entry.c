/* SPDX-License-Identifier: MIT */
/* Prints its arguments; ctest compares every byte, so a CR before the line feed would show too. The
 * array has the stack protector at work, which tests/tidy/binaries.sh looks for in every program. */
#include <stdio.h>

#include "daemon/os/os.h"

int program_main(int argc, char **argv)
{
    char value[64];
    if (os_env_get("GSRELAY_TEST_NOT_SET", value, sizeof(value)) != -1) {
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        (void)printf("[%s]", argv[i]);
    }
    (void)printf("\n");
    return argv[argc] == NULL ? 0 : 1;
}
