/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_windows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net/net_check.h"

#define NS_PER_S UINT64_C(1000000000)

#define MAX_CONNECTIONS_MAX 1048576u

/* How long net_tcp_shutdown() waits for a completion that the system owes us. */
#define REAP_STEP_NS  UINT64_C(100000000)
#define REAP_STEP_MAX 50

/* --- Opening --------------------------------------------------------------------------------- */

static int check_options(const struct net_tcp_options *options, struct net_failure *failure_out)
{
    const char *const text = net_check_tcp(options);

    return text == NULL ? RESULT_OK : net_failure_set(failure_out, "check options", NULL, 0, text);
}

static void set_up(struct net_tcp *net, const struct net_tcp_options *options)
{
    const int32_t recv_bytes = options->recv_buffer_bytes;
    const int32_t send_bytes = options->send_buffer_bytes;
    const struct net_option ladder[TCP_OPTIONS_COUNT] = {
        {"reuse_address", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_EXCLUSIVEADDRUSE), 0,
         options->reuse_address},
        {NULL, "set IPV6_V6ONLY", {-1, IPPROTO_IPV6}, {0, IPV6_V6ONLY}, 0, 1},
        {"no_delay", NULL, NET_OPTION_BOTH(IPPROTO_TCP, TCP_NODELAY), 0, options->no_delay},
        {"keepalive", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_KEEPALIVE), 0, options->keepalive},
        {"recv_buffer", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_RCVBUF), 0, recv_bytes},
        {"send_buffer", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_SNDBUF), 0, send_bytes},
    };

    memcpy(net->options, ladder, sizeof(ladder));
    net->system = options->system != NULL ? options->system : net_system_windows();
    net->output_bytes = options->output_bytes;
    net->linger_ns = (uint64_t)options->linger_s * NS_PER_S;
    net->keepalive_idle_s = options->keepalive ? options->keepalive_idle_s : NET_SETTING_DEFAULT;
    net->keepalive_interval_s =
        options->keepalive ? options->keepalive_interval_s : NET_SETTING_DEFAULT;
    net->noted = (struct conn_list){CONN_NONE, CONN_NONE};
    net->lingering = (struct conn_list){CONN_NONE, CONN_NONE};
    net->max_connections = options->max_connections;
    net->first_free = CONN_NONE;
}

static int open_sockets(struct net_tcp *net, const struct net_tcp_options *options,
                        struct net_failure *failure_out)
{
    const struct net_socket_plan plan = {
        .system = net->system,
        .type = SOCK_STREAM,
        .addresses = options->addresses,
        .address_count = options->address_count,
        .options = net->options,
        .option_count = TCP_OPTIONS_COUNT,
    };
    SOCKET sockets[NET_ADDRESSES_MAX];
    struct addr bound[NET_ADDRESSES_MAX];

    if (plan.address_count == 0) {
        return RESULT_OK;
    }
    const int result = net_sockets_open(&plan, sockets, bound, &net->grants, failure_out);

    if (result < 0) {
        return result;
    }
    net->listener_count = options->address_count;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        net->listeners[i].socket = sockets[i];
        net->listeners[i].bound = bound[i];
    }
    return RESULT_OK;
}

static int start_listeners(struct net_tcp *net, uint32_t backlog, struct net_failure *failure_out)
{
    for (uint32_t i = 0; i < net->listener_count; i++) {
        if (!net_port_add(&net->port, net->listeners[i].socket)) {
            return net_failure_set(failure_out, "join completion port", &net->listeners[i].bound,
                                   (int)GetLastError(), NULL);
        }
    }
    for (uint32_t i = 0; i < net->listener_count; i++) {
        const char *const step = tcp_listener_start(net, i, backlog);
        if (step != NULL) {
            return net_failure_set(failure_out, step, &net->listeners[i].bound, WSAGetLastError(),
                                   NULL);
        }
    }
    return RESULT_OK;
}

int net_tcp_open(const struct net_tcp_options *options, struct net_tcp **out,
                 struct net_failure *failure_out)
{
    int result = check_options(options, failure_out);

    if (result < 0) {
        return result;
    }
    struct net_tcp *const net =
        calloc(1, sizeof(*net) + (size_t)options->max_connections * sizeof(net->conns[0]));
    if (net == NULL) {
        return net_failure_set(failure_out, "allocate connections", NULL, ERROR_NOT_ENOUGH_MEMORY,
                               NULL);
    }
    set_up(net, options);
    result = net_ring_pool_create(options->output_rings, options->output_bytes, &net->rings);
    if (result < 0) {
        result = net_failure_set(failure_out, "allocate output rings", NULL,
                                 ERROR_NOT_ENOUGH_MEMORY, NULL);
        goto free_memory;
    }
    result = net_winsock_start(failure_out);
    if (result < 0) {
        goto destroy_rings;
    }
    const int error = net_port_open(&net->port, net->system, false);
    if (error != 0) {
        result = net_failure_set(failure_out, "open completion port", NULL, error, NULL);
        goto stop_winsock;
    }
    result = open_sockets(net, options, failure_out);
    if (result < 0) {
        goto close_port;
    }
    result = start_listeners(net, options->backlog, failure_out);
    if (result < 0) {
        /* Accepts may be in flight by now. */
        net_tcp_shutdown(net);
        return result;
    }
    *out = net;
    return RESULT_OK;

close_port:
    net_port_close(&net->port);
stop_winsock:
    net_winsock_stop();
destroy_rings:
    net_ring_pool_destroy(net->rings);
free_memory:
    free(net);
    return result;
}

/* --- Operations ------------------------------------------------------------------------------ */

void tcp_op_posted(struct net_tcp *net, struct tcp_op *op)
{
    assert(!op->is_in_flight);
    op->is_in_flight = true;
    net->in_flight_count++;
}

/* Takes an operation back from the system and goes on with what it was for. */
static void finish_operation(struct net_tcp *net, OVERLAPPED *overlapped)
{
    struct tcp_op *const op = CONTAINING_RECORD(overlapped, struct tcp_op, overlapped);

    assert(op->is_in_flight && net->in_flight_count > 0);
    op->is_in_flight = false;
    net->in_flight_count--;
    switch (op->kind) {
    case OP_ACCEPT:
        tcp_accept_finish(net, CONTAINING_RECORD(op, struct tcp_accept, op));
        break;
    case OP_RECV:
        tcp_conn_finish_recv(net, CONTAINING_RECORD(op, struct tcp_conn, recv));
        break;
    case OP_SEND:
        tcp_conn_finish_send(net, CONTAINING_RECORD(op, struct tcp_conn, send));
        break;
    }
}

/* One look at the port. Returns the count of operations that ended, or RESULT_OS. */
static int reap(struct net_tcp *net, uint64_t timeout_ns)
{
    OVERLAPPED *completed[NET_PORT_BATCH];
    const int count = net_port_wait(&net->port, completed, timeout_ns);

    for (int i = 0; i < count; i++) {
        finish_operation(net, completed[i]);
    }
    return count;
}

/* --- Closing --------------------------------------------------------------------------------- */

int net_tcp_close(struct net_tcp *net, struct net_conn handle, enum net_close_mode mode)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    tcp_conn_close(net, conn, mode);
    if (conn->state == CONN_CLOSING) {
        /* What was cancelled has mostly ended by now; so the peer sees the end without delay, even
         * if the owner does not wait for long. If it has not, a later wait goes on. */
        (void)reap(net, 0);
    }
    return RESULT_OK;
}

void net_tcp_shutdown(struct net_tcp *net)
{
    if (net == NULL) {
        return;
    }
    net_tcp_stop_accepting(net);
    for (uint32_t i = 0; i < net->fresh; i++) {
        struct tcp_conn *const conn = &net->conns[i];
        if (conn->state != CONN_FREE && conn->state != CONN_CLOSING) {
            tcp_conn_abort(net, conn);
        }
    }
    int count = 0;
    for (unsigned i = 0; net->in_flight_count > 0 && count >= 0 && i < REAP_STEP_MAX; i++) {
        count = reap(net, REAP_STEP_NS);
        (void)net_port_take_wake(&net->port);
    }
    const bool is_quiet = net->in_flight_count == 0;
    net_port_close(&net->port);
    net_winsock_stop();
    if (is_quiet) {
        net_ring_pool_destroy(net->rings);
        free(net);
    }
    /* Else the system owes a completion and may still use our memory: better lost than hit. */
}

/* --- Waiting --------------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Does what is due and returns how long to wait at most. */
static uint64_t run_timers(struct net_tcp *net, uint64_t timeout_ns)
{
    const uint64_t now_ns = net->system->now_ns(net->system);
    uint64_t next_ns = tcp_listeners_retry(net, now_ns);

    next_ns = least(next_ns, tcp_conns_end_lingering(net, now_ns));
    next_ns = least(next_ns, tcp_conns_retry(net, now_ns));
    if (next_ns == UINT64_MAX) {
        return timeout_ns;
    }
    return least(timeout_ns, next_ns > now_ns ? next_ns - now_ns : 0);
}

/* Somebody was accepted and has no place: whoever lingers gives his up, the oldest first, or those
 * who end slowly on purpose would keep all others out. One in each wait: the place may be free only
 * when a completion has been reaped. */
static void make_room(struct net_tcp *net)
{
    if (net->first_done != NULL && !tcp_conn_is_left(net) && net->lingering.first != CONN_NONE) {
        (void)tcp_conns_end_lingering(net, net->conns[net->lingering.first].deadline_ns);
    }
}

static unsigned tell_accepted(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity)
{
    unsigned count = 0;

    while (count < capacity && tcp_accept_is_waiting(net)) {
        const struct tcp_conn *const conn = tcp_accept_take(net);
        if (conn != NULL) {
            events[count] = (struct net_tcp_event){.type = NET_TCP_ACCEPTED,
                                                   .conn = tcp_conn_handle(net, conn),
                                                   .peer = conn->peer,
                                                   .listener_index = conn->listener_index};
            count++;
        }
    }
    return count;
}

/* Tells what each noted connection has to tell now; what is noted meanwhile waits. */
static unsigned tell_noted(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity)
{
    const uint32_t last = net->noted.last;
    unsigned count = 0;

    while (count < capacity && net->noted.first != CONN_NONE) {
        const bool is_last = net->noted.first == last;
        count += tcp_conn_tell(net, events + count, capacity - count);
        if (is_last) {
            break;
        }
    }
    return count;
}

int net_tcp_wait(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity,
                 uint64_t timeout_ns)
{
    unsigned count = 0;

    assert(capacity > 0);
    make_room(net);
    const uint64_t left_ns = run_timers(net, timeout_ns);
    const bool has_news = net->noted.first != CONN_NONE || tcp_accept_is_waiting(net);
    const int reaped = reap(net, has_news ? 0 : left_ns);
    if (reaped < 0) {
        return reaped;
    }
    if (net_port_take_wake(&net->port)) {
        net->counters.wakes++;
    }
    net->accepts_next = !net->accepts_next;
    if (net->accepts_next) {
        count = tell_accepted(net, events, capacity);
    }
    count += tell_noted(net, events + count, capacity - count);
    if (!net->accepts_next) {
        count += tell_accepted(net, events + count, capacity - count);
    }
    return (int)count;
}

void net_tcp_wake(struct net_tcp *net)
{
    net_port_wake(&net->port);
}

/* --- What it is ------------------------------------------------------------------------------ */

struct addr net_tcp_address(const struct net_tcp *net, unsigned listener_index)
{
    assert(listener_index < net->listener_count);
    return net->listeners[listener_index].bound;
}

unsigned net_tcp_granted(const struct net_tcp *net, struct net_granted out[], unsigned capacity)
{
    return net_grants_copy(&net->grants, out, capacity);
}

unsigned net_tcp_connection_count(const struct net_tcp *net)
{
    return net->connection_count;
}

void net_tcp_counters(const struct net_tcp *net, struct net_tcp_counters *out)
{
    *out = net->counters;
}
