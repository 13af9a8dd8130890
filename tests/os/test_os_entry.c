/* SPDX-License-Identifier: MIT */
/* Prints its arguments; ctest compares every byte, so a CR before the line feed would show too. */
#include <stdio.h>

#include "daemon/os/os.h"

int program_main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        (void)printf("[%s]", argv[i]);
    }
    (void)printf("\n");
    return argv[argc] == NULL ? 0 : 1;
}
