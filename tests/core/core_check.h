/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CORE_CORE_CHECK_H
#define GSRELAY_TESTS_CORE_CORE_CHECK_H

#include "daemon/core/core.h"

/* core_check.h - recounts everything that a core keeps twice.
 *
 * Walks slots, rooms, streams, rings, pools, timers and lists, and adds up the three ledgers of
 * counters.h. May be called between any two calls of core.h. */

/* NULL if all is well, else the name of what does not hold. */
const char *core_check(struct core *core);

#endif
