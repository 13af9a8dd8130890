/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_REPLAY_H
#define GSRELAY_PROTO_REPLAY_H

/* replay.h - which sequence numbers of a peer were seen already.
 *
 * A bit ring over the last REPLAY_WINDOW sequences, moved forward by the highest one (the idea of
 * RFC 6479: advance by clearing, never by shifting). Ask replay_check() before the tag of a
 * datagram is computed, and call replay_set() only after the tag proved right: a forged sequence
 * must never move the window.
 * Sequences have 48 bits and start at 1; 0 counts as seen.
 * Threads: one owner. Memory: the caller's, 136 bytes. */

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW 1024

struct replay {
    uint64_t highest;                  /* The highest sequence set; 0 at the start. */
    uint64_t seen[REPLAY_WINDOW / 64]; /* Bit (sequence % REPLAY_WINDOW). */
};

enum replay_verdict {
    REPLAY_HIGHEST, /* New, and higher than all before it. */
    REPLAY_NEW,     /* New, but late: inside the window. */
    REPLAY_SEEN,    /* Set before. */
    REPLAY_OLD      /* REPLAY_WINDOW or more behind the highest: unknown, so refused. */
};

void replay_init(struct replay *replay);

enum replay_verdict replay_check(const struct replay *replay, uint64_t sequence);

/* Marks a sequence that replay_check() called highest or new; anything else is the caller's
 * mistake. */
void replay_set(struct replay *replay, uint64_t sequence);

#endif
