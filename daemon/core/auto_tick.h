/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_AUTO_TICK_H
#define GSRELAY_CORE_AUTO_TICK_H

#include <stdint.h>

/* auto_tick.h - how much the relay lengthens its rooms' flushes because it is short of time.
 *
 * What a datagram costs hardly depends on what is in it, so a worker that has little time left is
 * helped by sending fewer and fuller ones. Over windows of 16 ms the busy share of a worker's time
 * is looked at: above four fifths the tick is doubled (from a quarter of a millisecond up), below
 * a half it is halved, between them it stays. A longer tick lowers the share, so it settles where
 * the worker just keeps up; the gap between the thresholds keeps it from swinging.
 * Threads: one owner. Memory: the caller's; zero bytes = no tick. */

struct auto_tick {
    uint64_t busy_ns; /* Of the window that is under way. */
    uint64_t idle_ns;
    uint64_t tick_ns; /* In force; 0 = none. */
    uint64_t raised;  /* How often it was lengthened. */
    uint64_t max_ns;  /* The longest there has been. */
};

/* Adds a turn: how long it took, and how long the worker waited after it. */
void auto_tick_turn(struct auto_tick *tick, uint64_t limit_ns, uint64_t busy_ns, uint64_t idle_ns);

#endif
