/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_EVENT_GROUP_WINDOWS_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_EVENT_GROUP_WINDOWS_H

/* event_group_windows.h - any number of events, waited for by as many threads as that takes.
 *
 * WSAWaitForMultipleEvents takes 64 events at most, so each group is a thread with 63 members and
 * one event by which it is told of newcomers and of the end. Groups are made as members come.
 *
 * Threads: a member's functions run in the thread of its group only, and all in the same one. That
 * matters to Windows too: what a thread has posted is cancelled when that thread ends.
 * event_groups_add() may be called from any thread, the others belong to one.
 * Memory: a member is its maker's; it is the group's from event_groups_add() until its end() is
 * called, which may free it. */

#include "winsock_names.h"

#include <stdbool.h>

struct event_member {
    WSAEVENT event; /* Made by the maker and closed in end(). */
    /* First call, in the group's thread. False: it is over, end() follows. */
    bool (*begin)(struct event_member *member);
    /* The event is set. It is this function's to reset it. False as above. */
    bool (*signalled)(struct event_member *member);
    /* The last call: after begin() or signalled() returned false, or when all groups end. What is
     * in flight must be taken back here. */
    void (*end)(struct event_member *member);
    struct event_member *next; /* The group's, until begin(). */
};

struct event_groups;

/* NULL when there is no memory. */
struct event_groups *event_groups_create(void);

/* Gives a member to a group that has a place, or to a new one. False when the system has no more
 * threads or memory: then the member is still the caller's. */
bool event_groups_add(struct event_groups *groups, struct event_member *member);

/* Ends every member and every thread, and frees the groups. NULL is nothing. */
void event_groups_destroy(struct event_groups *groups);

#endif
