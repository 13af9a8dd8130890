/* SPDX-License-Identifier: MIT */
#include "daemon/os/lines.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static_assert((LINES_APART & (LINES_APART - 1)) == 0, "a multiple is found with a mask");

void *lines_create(size_t size)
{
    /* Calloc and no aligned allocation: it alone knows which pages are zero already. */
    unsigned char *block;
    void *whole;

    if (size > SIZE_MAX - 3 * (size_t)LINES_APART) {
        return NULL;
    }
    size = (size + LINES_APART - 1) / LINES_APART * LINES_APART;
    whole = calloc(1, size + LINES_APART + sizeof(whole));
    if (whole == NULL) {
        return NULL;
    }
    block = (unsigned char *)whole + sizeof(whole);
    block += -(uintptr_t)block & (LINES_APART - 1);
    /* Right before the block is room for the address that free() wants. */
    memcpy(block - sizeof(whole), &whole, sizeof(whole));
    return block;
}

void lines_destroy(void *block)
{
    void *whole;

    if (block != NULL) {
        memcpy(&whole, (unsigned char *)block - sizeof(whole), sizeof(whole));
        free(whole);
    }
}
