/* SPDX-License-Identifier: MIT */
#include "tests/net/handles_windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <windows.h>

#define HANDLES_COUNT 64

uintptr_t handles_highest(void)
{
    HANDLE events[HANDLES_COUNT];
    uintptr_t highest = 0;

    for (unsigned i = 0; i < HANDLES_COUNT; i++) {
        events[i] = CreateEventW(NULL, FALSE, FALSE, NULL);
        assert_non_null(events[i]);
        highest = (uintptr_t)events[i] > highest ? (uintptr_t)events[i] : highest;
    }
    for (unsigned i = 0; i < HANDLES_COUNT; i++) {
        assert_true(CloseHandle(events[i]));
    }
    return highest;
}
