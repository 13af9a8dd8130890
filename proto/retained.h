/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_RETAINED_H
#define GSRELAY_PROTO_RETAINED_H

/* retained.h - the digest over the retained states that a member holds, or should hold
 * (docs/PROTOCOL.md 2.8).
 *
 * The digest is the sum, modulo 2^64, of one hash for each state. So both sides keep it up to date
 * by adding and subtracting, the order does not matter, and the relay has it for any member as the
 * room's sum without the member's own (incremental multiset hashing by addition; Clarke and others,
 * "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking", 2003).
 * The hash has no secret: it finds what was lost, not what was forged.
 * Threads: pure functions. Memory: none. */

#include <stddef.h>
#include <stdint.h>

/* In place of a digest: none is told. */
#define RETAINED_NOT_TOLD UINT64_MAX

/* The hash of the newest state that a member retains on a stream. */
uint64_t retained_hash(uint16_t member, uint8_t stream, const uint8_t *payload, size_t size);

#endif
