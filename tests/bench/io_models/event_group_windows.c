/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/event_group_windows.h"

#include "daemon/os/os.h"

#include <stdlib.h>

#define MEMBERS_MAX (WSA_MAXIMUM_WAIT_EVENTS - 1)

struct group {
    struct event_groups *owner;
    struct group *next;
    struct os_thread *thread;
    WSAEVENT wake_up;
    unsigned reserved;              /* Places given away, under the mutex. */
    struct event_member *newcomers; /* Under the mutex. */
    /* The thread's own. events[0] is wake_up, events[i + 1] that of members[i]. */
    unsigned count;
    struct event_member *members[MEMBERS_MAX];
    WSAEVENT events[WSA_MAXIMUM_WAIT_EVENTS];
};

struct event_groups {
    struct os_mutex *mutex;
    struct group *first;
    bool is_stopping; /* Under the mutex. */
};

static void end_member(struct group *group, struct event_member *member)
{
    member->end(member);
    os_mutex_lock(group->owner->mutex);
    group->reserved--;
    os_mutex_unlock(group->owner->mutex);
}

/* The last one takes the place. */
static void remove_member(struct group *group, unsigned index)
{
    struct event_member *const member = group->members[index];

    group->count--;
    group->members[index] = group->members[group->count];
    group->events[index + 1] = group->events[group->count + 1];
    end_member(group, member);
}

/* Takes in who has come. Returns false when the groups are to end. */
static bool take_newcomers(struct group *group)
{
    os_mutex_lock(group->owner->mutex);
    /* Before looking, so that whoever comes after the look sets it again. */
    (void)WSAResetEvent(group->wake_up);
    struct event_member *newcomer = group->newcomers;
    const bool is_stopping = group->owner->is_stopping;
    group->newcomers = NULL;
    os_mutex_unlock(group->owner->mutex);
    while (newcomer != NULL) {
        struct event_member *const member = newcomer;
        newcomer = member->next;
        group->members[group->count] = member;
        group->events[group->count + 1] = member->event;
        group->count++;
        if (!member->begin(member)) {
            remove_member(group, group->count - 1);
        }
    }
    return !is_stopping;
}

/* Serves the events from the given one on. A wait tells the first that is set and no other, so the
 * rest is asked again from behind it; whoever always began at the front would let the members at
 * the back starve. */
static bool serve_from(struct group *group, unsigned index)
{
    bool goes_on = true;

    for (;;) {
        if (index == 0) {
            goes_on = take_newcomers(group);
            index = 1;
        } else if (group->members[index - 1]->signalled(group->members[index - 1])) {
            index++;
        } else {
            remove_member(group, index - 1);
        }
        const unsigned left = group->count + 1 - index;
        if (left == 0) {
            return goes_on;
        }
        const DWORD found = WSAWaitForMultipleEvents(left, group->events + index, FALSE, 0, FALSE);
        if (found >= WSA_WAIT_EVENT_0 + left) {
            return goes_on; /* WSA_WAIT_TIMEOUT: no more is set. */
        }
        index += found - WSA_WAIT_EVENT_0;
    }
}

static void run_group(void *context)
{
    struct group *const group = context;
    bool goes_on = true;

    while (goes_on) {
        const DWORD found =
            WSAWaitForMultipleEvents(group->count + 1, group->events, FALSE, WSA_INFINITE, FALSE);
        if (found > WSA_WAIT_EVENT_0 + group->count) {
            break; /* WSA_WAIT_FAILED: an event is none. */
        }
        goes_on = serve_from(group, found - WSA_WAIT_EVENT_0);
    }
    while (group->count > 0) {
        remove_member(group, group->count - 1);
    }
}

struct event_groups *event_groups_create(void)
{
    struct event_groups *const groups = calloc(1, sizeof(*groups));

    if (groups == NULL) {
        return NULL;
    }
    groups->mutex = os_mutex_create();
    if (groups->mutex == NULL) {
        free(groups);
        return NULL;
    }
    return groups;
}

/* With the mutex held. */
static struct group *make_group(struct event_groups *groups)
{
    struct group *const group = calloc(1, sizeof(*group));

    if (group == NULL) {
        return NULL;
    }
    group->owner = groups;
    group->wake_up = WSACreateEvent();
    group->events[0] = group->wake_up;
    if (group->wake_up == WSA_INVALID_EVENT ||
        os_thread_create(run_group, group, "group", &group->thread) != 0) {
        if (group->wake_up != WSA_INVALID_EVENT) {
            (void)WSACloseEvent(group->wake_up);
        }
        free(group);
        return NULL;
    }
    group->next = groups->first;
    groups->first = group;
    return group;
}

bool event_groups_add(struct event_groups *groups, struct event_member *member)
{
    os_mutex_lock(groups->mutex);
    struct group *group = groups->first;
    while (group != NULL && group->reserved == MEMBERS_MAX) {
        group = group->next;
    }
    if (group == NULL && !groups->is_stopping) {
        group = make_group(groups);
    }
    const bool is_added = group != NULL && !groups->is_stopping;
    if (is_added) {
        group->reserved++;
        member->next = group->newcomers;
        group->newcomers = member;
        (void)WSASetEvent(group->wake_up);
    }
    os_mutex_unlock(groups->mutex);
    return is_added;
}

void event_groups_destroy(struct event_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    os_mutex_lock(groups->mutex);
    groups->is_stopping = true;
    for (struct group *group = groups->first; group != NULL; group = group->next) {
        (void)WSASetEvent(group->wake_up);
    }
    os_mutex_unlock(groups->mutex);
    while (groups->first != NULL) {
        struct group *const group = groups->first;
        groups->first = group->next;
        os_thread_join(group->thread);
        (void)WSACloseEvent(group->wake_up);
        free(group);
    }
    os_mutex_destroy(groups->mutex);
    free(groups);
}
