/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_OS_LINES_H
#define GSRELAY_OS_LINES_H

/* lines.h - memory that shares no cache line with anything else.
 *
 * Whatever a thread writes for each datagram lies in such a block, and within a block what
 * different threads write lies LINES_APART from each other: two lines of 64 bytes, because
 * processors fetch them in pairs (Intel, "Optimization Reference Manual", the spatial prefetcher).
 * Not a pool and no allocator: blocks are made at the start and given back at the end.
 *
 * Threads: any. Memory: pages are touched when they are used, and not before. */

#include <stddef.h>

#define LINES_APART 128

/* Whether b, a later member of the struct, is in another pair of lines than the end of a. */
#define LINES_PART(type, a, b)                                                                     \
    ((offsetof(type, a) + sizeof(((type *)0)->a) - 1) / LINES_APART <                              \
     offsetof(type, b) / LINES_APART)

/* A zeroed block of at least `size` bytes that begins on a multiple of LINES_APART and has all its
 * lines to itself. NULL when there is no memory. */
void *lines_create(size_t size);

/* NULL is nothing. */
void lines_destroy(void *block);

#endif
