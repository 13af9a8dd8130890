/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_OS_TEXT_WINDOWS_H
#define GSRELAY_OS_TEXT_WINDOWS_H

/* os_text_windows.h - between our UTF-8 and the UTF-16 of the Windows calls.
 *
 * Threads: any. Memory: the caller's. */

#include "daemon/os/os.h"

#include <wchar.h>

/* Text with its NUL, into at most `capacity` units. -1 when it does not fit or is not UTF-8. */
OS_CHECKED int os_widen(const char *text, wchar_t *out, int capacity);

/* `length` units into UTF-8 with a NUL. The bytes without it, or -1 when it does not fit or is not
 * valid text. */
OS_CHECKED int os_narrow(const wchar_t *text, size_t length, char *out, size_t size);

#endif
