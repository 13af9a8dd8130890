/* SPDX-License-Identifier: MIT */
#include "tests/daemon/count_allocations.h"

bool count_allocations_works(void)
{
    return false;
}

uint64_t count_allocations(void)
{
    return 0;
}
