/* SPDX-License-Identifier: MIT */
#include "tests/os/os_raise.h"

#include <windows.h>

bool os_raise(enum os_request request)
{
    /* Ctrl+Break of a group of our own would need a console, which a test run may not have; Wine
     * gives the call but no event. The handler itself is called by tests of the whole daemon. */
    (void)request;
    return false;
}
