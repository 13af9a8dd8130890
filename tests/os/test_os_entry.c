/* SPDX-License-Identifier: MIT */
/* Prints its arguments, or with "--echo" what it reads, or with "--complain" on standard error;
 * ctest compares every byte, so a CR before a line feed would show too. The arrays have the stack
 * protector at work, which tests/tidy/binaries.sh looks for in every program. */
#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"

static int echo_input(void)
{
    /* Smaller than what comes, so that it takes several reads. */
    char bytes[4];
    int size = os_stdin_read(bytes, sizeof(bytes));
    while (size > 0) {
        (void)fwrite(bytes, 1, (size_t)size, stdout);
        size = os_stdin_read(bytes, sizeof(bytes));
    }
    (void)printf("[%d]", size);
    return 0;
}

static int complain(void)
{
    return os_stderr_write("one\n\xeb\x91\x98\r\n", 9) == 0 ? 0 : 1;
}

int program_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--complain") == 0) {
        return complain();
    }
    if (argc == 2 && strcmp(argv[1], "--echo") == 0) {
        return echo_input();
    }
    for (int i = 1; i < argc; i++) {
        (void)printf("[%s]", argv[i]);
    }
    (void)printf("\n");
    return argv[argc] == NULL ? 0 : 1;
}
