/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <signal.h>

int main(int argc, char **argv)
{
    /* Standard output may be a pipe whose reader leaves: that is an error of the write. */
    (void)signal(SIGPIPE, SIG_IGN);
    return program_main(argc, argv);
}
