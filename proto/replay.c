/* SPDX-License-Identifier: MIT */
#include "proto/replay.h"

#include <assert.h>
#include <string.h>

#define WORD_BITS 64

static_assert(REPLAY_WINDOW % WORD_BITS == 0 && (REPLAY_WINDOW & (REPLAY_WINDOW - 1)) == 0,
              "the ring is indexed by the sequence's low bits");

static uint64_t *word_of(struct replay *replay, uint64_t sequence)
{
    return &replay->seen[sequence % REPLAY_WINDOW / WORD_BITS];
}

static uint64_t bit_of(uint64_t sequence)
{
    return UINT64_C(1) << (sequence % WORD_BITS);
}

void replay_init(struct replay *replay)
{
    memset(replay, 0, sizeof(*replay));
    replay->seen[0] = 1;
}

enum replay_verdict replay_check(const struct replay *replay, uint64_t sequence)
{
    if (sequence > replay->highest) {
        return REPLAY_HIGHEST;
    }
    if (replay->highest - sequence >= REPLAY_WINDOW) {
        return REPLAY_OLD;
    }
    if ((replay->seen[sequence % REPLAY_WINDOW / WORD_BITS] & bit_of(sequence)) != 0) {
        return REPLAY_SEEN;
    }
    return REPLAY_NEW;
}

/* Forgets what stood in the ring places of (highest, sequence]. */
static void advance(struct replay *replay, uint64_t sequence)
{
    uint64_t at = replay->highest + 1;

    if (sequence - replay->highest >= REPLAY_WINDOW) {
        memset(replay->seen, 0, sizeof(replay->seen));
        return;
    }
    while (at <= sequence) {
        if (at % WORD_BITS == 0 && sequence - at >= WORD_BITS) {
            *word_of(replay, at) = 0;
            at += WORD_BITS;
        } else {
            *word_of(replay, at) &= ~bit_of(at);
            at++;
        }
    }
}

void replay_set(struct replay *replay, uint64_t sequence)
{
    assert(replay_check(replay, sequence) == REPLAY_HIGHEST ||
           replay_check(replay, sequence) == REPLAY_NEW);
    if (sequence > replay->highest) {
        advance(replay, sequence);
        replay->highest = sequence;
    }
    *word_of(replay, sequence) |= bit_of(sequence);
}
