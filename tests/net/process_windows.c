/* SPDX-License-Identifier: MIT */
#include "tests/net/process_windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <windows.h>

#define HANDLES_COUNT 64
#define HEAPS_MAX     64

uintptr_t process_highest_handle(void)
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

int process_check_heaps(void **state)
{
    HANDLE heaps[HEAPS_MAX];
    const DWORD count = GetProcessHeaps(HEAPS_MAX, heaps);

    (void)state;
    if (count == 0 || count > HEAPS_MAX) {
        return -1;
    }
    for (DWORD i = 0; i < count; i++) {
        if (!HeapValidate(heaps[i], 0, NULL)) {
            return -1;
        }
    }
    return 0;
}
