/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <malloc.h>
#include <signal.h>

/* Tables are sized by the limits and used in part. Mapped, they cost only the pages that are used;
 * out of the heap they would be cleared, and so touched, as a whole. One arena does for threads
 * that allocate only when they start. */
static void set_up_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 16 * 1024);
    (void)mallopt(M_TOP_PAD, 16 * 1024);
    (void)mallopt(M_ARENA_MAX, 1);
#endif
}

int main(int argc, char **argv)
{
    /* Standard output may be a pipe whose reader leaves: that is an error of the write. */
    (void)signal(SIGPIPE, SIG_IGN);
    set_up_memory();
    return program_main(argc, argv);
}
