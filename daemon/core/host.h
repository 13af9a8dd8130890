/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_HOST_H
#define GSRELAY_CORE_HOST_H

#include "daemon/core/core.h"

#include <stdint.h>

/* host.h - who is the host of a room, and when somebody else becomes it.
 *
 * What a host can do depends on two roads: its control connection (KICK, LOCK, ...) and UDP
 * (states). Of each member the core knows how both are:
 *
 *                      control connection     UDP                              elected
 *     fit              there                  bound, heard of within the time  first
 *     reachable        there                  not bound yet, or silent         if nobody is fit
 *     out of reach     lost                   any                              never
 *
 * "The time" is room_host_silence_ns (0: bound is enough). And so the role moves:
 *
 *     the host                                         then
 *     hands over                                       whoever it names, fit or not
 *     leaves                                           whoever is elected; nobody: host 0
 *     has lost control for room_host_grace_ns          whoever is elected, if somebody is fit;
 *     has not been heard of for room_host_silence_ns   else it stays, and is looked at again
 *     (host 0) a member joins, or is back              that one
 *     (empty room) a member joins                      that one
 *
 * Each change raises the room's epoch by one; a former host that is still there is a member like
 * the others. The rule of the room says who is elected of several: ELECTION_OLDEST; _LOWEST_RTT,
 * where whoever is not measured yet comes last, and of equals the oldest first; _HEIR, which is the
 * member that this host has named, else the oldest.
 *
 * Nothing here runs per datagram: the room's timer asks when the host was last heard of.
 * Threads: those of the core. Memory: the core's. */

/* Who would be host if `member` left; MEMBER_NONE if nobody could. */
unsigned host_after(const struct core *core, uint32_t room, unsigned member);

/* Gives the role to somebody else if the host cannot fill it, or to somebody if there is none, and
 * says so: one event at most. */
void host_look(struct core *core, uint32_t room);

/* When host_look() has something to do at the earliest; UINT64_MAX = not before something changes.
 */
uint64_t host_deadline(const struct core *core, uint32_t room);

/* Whether a member lost the role because it was out of reach, and has not been back since. What it
 * retains is then the host's to inherit. */
bool host_was_lost(const struct core *core, uint32_t slot);

/* The control connection of a member is gone, or there again. */
void host_control_lost(struct core *core, uint32_t slot);
void host_control_back(struct core *core, uint32_t slot);

#endif
