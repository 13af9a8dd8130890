/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_DAEMON_COUNT_ALLOCATIONS_H
#define GSRELAY_TESTS_DAEMON_COUNT_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* count_allocations.h - how often the whole test program has asked for or given back memory.
 *
 * On Linux malloc and its family are replaced in the program that links count_allocations_linux.c,
 * unless a sanitizer has replaced them already; elsewhere nothing is counted and
 * count_allocations_works() is false. Threads: any. */

bool count_allocations_works(void);

/* Calls of malloc, calloc, realloc, aligned_alloc and free (of anything but NULL) so far. */
uint64_t count_allocations(void);

#endif
