/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_port_windows.h"

#include <assert.h>

#define NS_PER_MS 1000000u

/* A timer counts steps of 100 ns; a negative time is from now on. */
#define NS_PER_TIMER_STEP 100u

/* Longer waits are made of several; it also keeps the product below INFINITE. */
#define WAIT_MAX_NS (UINT64_C(3600) * 1000000000u)

/* What a completion belongs to. */
enum port_key {
    KEY_OPERATION,
    KEY_WAKE,
    KEY_TIMER,
};

static VOID CALLBACK post_timer(PVOID context, BOOLEAN is_timeout)
{
    struct net_port *const port = context;

    (void)is_timeout;
    /* If it fails the wait ends by its own, coarser timeout. */
    (void)port->system->post_completion(port->system, port->handle, KEY_TIMER);
}

/* Not having a timer is no failure: the wait is then precise by the period, if it must. */
static void open_timer(struct net_port *port)
{
    HANDLE timer = port->system->create_timer(port->system);

    if (timer == NULL) {
        return;
    }
    if (!RegisterWaitForSingleObject(&port->timer_wait, timer, post_timer, port, INFINITE,
                                     WT_EXECUTEINWAITTHREAD)) {
        port->timer_wait = NULL;
        (void)CloseHandle(timer);
        return;
    }
    port->timer = timer;
}

int net_port_open(struct net_port *port, struct net_system *system, bool has_timer)
{
    *port = (struct net_port){.system = system};
    atomic_init(&port->is_wanted, false);
    atomic_init(&port->is_posted, false);
    port->handle = system->create_port(system);
    if (port->handle == NULL) {
        return (int)GetLastError();
    }
    if (has_timer) {
        open_timer(port);
    }
    return RESULT_OK;
}

void net_port_close(struct net_port *port)
{
    net_port_set_precise(port, false);
    if (port->timer != NULL) {
        /* INVALID_HANDLE_VALUE waits for a callback that runs at this moment. */
        (void)UnregisterWaitEx(port->timer_wait, INVALID_HANDLE_VALUE);
        (void)CloseHandle(port->timer);
    }
    (void)CloseHandle(port->handle);
    *port = (struct net_port){0};
}

bool net_port_add(struct net_port *port, SOCKET socket)
{
    return port->system->associate(port->system, port->handle, socket, KEY_OPERATION) != NULL;
}

void net_port_set_precise(struct net_port *port, bool is_precise)
{
    if (is_precise == port->is_precise) {
        return;
    }
    port->is_precise = is_precise;
    if (port->timer != NULL) {
        if (!is_precise) {
            (void)CancelWaitableTimer(port->timer);
        }
        return;
    }
    port->has_period = is_precise;
    if (is_precise) {
        port->system->begin_period(port->system);
    } else {
        port->system->end_period(port->system);
    }
}

static void start_timer(struct net_port *port, uint64_t timeout_ns)
{
    const uint64_t steps = (timeout_ns + NS_PER_TIMER_STEP - 1) / NS_PER_TIMER_STEP;
    LARGE_INTEGER due;

    due.QuadPart = -(LONGLONG)steps;
    (void)SetWaitableTimer(port->timer, &due, 0, NULL, NULL, FALSE);
}

/* In whole milliseconds, rounded up, or a loop would spin through the last one. */
static DWORD coarse_timeout_ms(uint64_t timeout_ns)
{
    if (timeout_ns == NET_WAIT_FOREVER) {
        return INFINITE;
    }
    const uint64_t bounded_ns = timeout_ns < WAIT_MAX_NS ? timeout_ns : WAIT_MAX_NS;
    return (DWORD)((bounded_ns + NS_PER_MS - 1) / NS_PER_MS);
}

int net_port_wait(struct net_port *port, OVERLAPPED *completed[NET_PORT_BATCH], uint64_t timeout_ns)
{
    OVERLAPPED_ENTRY entries[NET_PORT_BATCH];
    ULONG entry_count = 0;
    int count = 0;
    const uint64_t left_ns = atomic_load(&port->is_wanted) ? 0 : timeout_ns;

    if (port->is_precise && port->timer != NULL && left_ns > 0 && left_ns < WAIT_MAX_NS) {
        start_timer(port, left_ns);
    }
    if (!port->system->get_completions(port->system, port->handle, entries, NET_PORT_BATCH,
                                       &entry_count, coarse_timeout_ms(left_ns))) {
        return GetLastError() == WAIT_TIMEOUT ? 0 : RESULT_OS;
    }
    assert(entry_count <= NET_PORT_BATCH);
    for (ULONG i = 0; i < entry_count; i++) {
        if (entries[i].lpCompletionKey == KEY_OPERATION) {
            assert(entries[i].lpOverlapped != NULL);
            completed[count] = entries[i].lpOverlapped;
            count++;
        } else if (entries[i].lpCompletionKey == KEY_WAKE) {
            /* Before the wake is taken: whoever wakes from here on posts a packet of its own. */
            atomic_store(&port->is_posted, false);
        }
    }
    return count;
}

void net_port_wake(struct net_port *port)
{
    atomic_store(&port->is_wanted, true);
    if (!atomic_exchange(&port->is_posted, true)) {
        if (!port->system->post_completion(port->system, port->handle, KEY_WAKE)) {
            atomic_store(&port->is_posted, false);
        }
    }
}

bool net_port_take_wake(struct net_port *port)
{
    return atomic_exchange(&port->is_wanted, false);
}
