/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_MEMBER_SET_H
#define GSRELAY_CORE_MEMBER_SET_H

#include "daemon/core/message.h"

#include <stdbool.h>
#include <stdint.h>

/* member_set.h - a set of the members of one room, by their index in it.
 *
 * A plain value; zero bytes are the empty set. Threads: pure functions. */

#define MEMBER_SET_WORDS (CORE_MEMBERS_MAX / 64)

/* No member; also where an iteration ends. */
#define MEMBER_NONE CORE_MEMBERS_MAX

struct member_set {
    uint64_t words[MEMBER_SET_WORDS];
};

static inline bool member_set_has(const struct member_set *set, unsigned member)
{
    return (set->words[member / 64] >> (member % 64) & 1) != 0;
}

static inline void member_set_add(struct member_set *set, unsigned member)
{
    set->words[member / 64] |= UINT64_C(1) << (member % 64);
}

static inline void member_set_remove(struct member_set *set, unsigned member)
{
    set->words[member / 64] &= ~(UINT64_C(1) << (member % 64));
}

static inline bool member_set_is_empty(const struct member_set *set)
{
    uint64_t any = 0;

    for (unsigned word = 0; word < MEMBER_SET_WORDS; word++) {
        any |= set->words[word];
    }
    return any == 0;
}

/* Hamming weight by halves, quarters and bytes (Wilkes, Wheeler, Gill 1957): without a processor
 * flag the compiler's own is a call. */
static inline unsigned member_set_count_word(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

static inline unsigned member_set_count(const struct member_set *set)
{
    unsigned count = 0;

    for (unsigned word = 0; word < MEMBER_SET_WORDS; word++) {
        count += member_set_count_word(set->words[word]);
    }
    return count;
}

static inline void member_set_add_all(struct member_set *set, const struct member_set *other)
{
    for (unsigned word = 0; word < MEMBER_SET_WORDS; word++) {
        set->words[word] |= other->words[word];
    }
}

static inline void member_set_remove_all(struct member_set *set, const struct member_set *other)
{
    for (unsigned word = 0; word < MEMBER_SET_WORDS; word++) {
        set->words[word] &= ~other->words[word];
    }
}

static inline struct member_set member_set_both(const struct member_set *a,
                                                const struct member_set *b)
{
    struct member_set both;

    for (unsigned word = 0; word < MEMBER_SET_WORDS; word++) {
        both.words[word] = a->words[word] & b->words[word];
    }
    return both;
}

/* The first member of the set from `from` on; MEMBER_NONE if there is none. */
static inline unsigned member_set_next(const struct member_set *set, unsigned from)
{
    for (unsigned word = from / 64; word < MEMBER_SET_WORDS; word++) {
        uint64_t bits = set->words[word];

        if (word == from / 64) {
            bits &= ~UINT64_C(0) << (from % 64);
        }
        if (bits != 0) {
            return word * 64 + (unsigned)__builtin_ctzll(bits);
        }
    }
    return MEMBER_NONE;
}

#endif
