/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_SHARE_H
#define GSRELAY_CORE_SHARE_H

#include "daemon/core/bucket.h"
#include "daemon/core/member_set.h"

#include <stdbool.h>
#include <stdint.h>

/* share.h - a room's budget, shared fairly between those who send in it.
 *
 * Who sends uses what there is while more than half of the room's burst is left: nothing is kept
 * back from one sender because others could have sent. Below that each sender has a bucket of its
 * own (unless it is the only one), which fills at the room's rate divided by those who sent in this
 * second or the one before. The shares add up to the rate, so who stays within its share is never
 * refused because of the others, and what they leave goes to whoever wants it as soon as the room
 * is above the half again. Threads: one owner. Memory: the caller's; zero bytes = nobody has sent.
 */

/* Who has sent lately. */
struct share {
    uint64_t second; /* Of `now`, from 1; 0 = none. */
    struct member_set now;
    struct member_set before;
};

/* One budget of a room: what it is and the buckets that it is kept in. */
struct share_budget {
    struct bucket *room;
    struct bucket *own; /* The sender's. */
    uint32_t rate;
    uint32_t burst;
};

/* Notes that a member sends. */
void share_mark(struct share *share, unsigned member, uint64_t now_ns);

/* How many members have sent in this second or the one before; at least 1. */
unsigned share_count(const struct share *share);

/* Whether `cost` may be taken; nothing is taken yet. */
bool share_has(const struct share *share, const struct share_budget *budget, uint32_t cost,
               uint64_t now_ns);

/* Takes what share_has() allowed at the same moment. */
void share_take(const struct share *share, const struct share_budget *budget, uint32_t cost,
                uint64_t now_ns);

/* When share_has() may succeed, in ns from now. */
uint64_t share_wait_ns(const struct share *share, const struct share_budget *budget, uint32_t cost);

#endif
