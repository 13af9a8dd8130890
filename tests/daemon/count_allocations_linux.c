/* SPDX-License-Identifier: MIT */
#include "tests/daemon/count_allocations.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_uint_fast64_t calls;

uint64_t count_allocations(void)
{
    return atomic_load(&calls);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)

bool count_allocations_works(void)
{
    return false;
}

#else

/* glibc's own entry points, which stay what they are when a program defines malloc itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

bool count_allocations_works(void)
{
    /* Called as anybody else calls them: an inlined malloc() would not be the one that valgrind has
     * put in the place of ours. */
    void *(*volatile take)(size_t size) = malloc;
    void (*volatile give_back)(void *memory) = free;
    const uint64_t before = count_allocations();

    give_back(take(16));
    return count_allocations() == before + 2;
}

void *malloc(size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_memalign(alignment, size);
}

void free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_add(&calls, 1);
        __libc_free(memory);
    }
}

#endif
