/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_udp_windows.h"

#include <assert.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_error.h"

/* Names that the headers of MinGW-w64 10 do not have. */
#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif
#ifndef IPV6_TCLASS
#define IPV6_TCLASS 39
#endif

/* Unusable results of a socket in a row before the turn goes on without it: 10040 and 10054 can be
 * had from outside, and must not hold the worker. */
#define UNUSABLE_MAX (4 * NET_UDP_BATCH)

/* How long net_udp_close() waits for a completion that the system owes us. */
#define REAP_STEP_NS  UINT64_C(100000000)
#define REAP_STEP_MAX 50

/* NTSTATUS of a wake-up whose datagram did not fit into no bytes: the usual one. */
#define STATUS_TOO_LONG 0x80000005u

/* --- The state of a socket ------------------------------------------------------------------- */

bool udp_state_may_change(enum udp_state from, enum udp_state to)
{
    static const bool table[UDP_STATE_COUNT][UDP_STATE_COUNT] = {
        [UDP_QUEUED] = {[UDP_DRAINING] = true},
        [UDP_DRAINING] = {[UDP_QUEUED] = true, [UDP_ARMED] = true, [UDP_BACKING_OFF] = true},
        [UDP_ARMED] = {[UDP_QUEUED] = true, [UDP_BACKING_OFF] = true},
        [UDP_BACKING_OFF] = {[UDP_QUEUED] = true},
    };

    return table[from][to];
}

static void set_state(struct udp_socket *socket, enum udp_state state)
{
    assert(udp_state_may_change(socket->state, state));
    socket->state = state;
}

bool udp_socket_is_sound(const struct udp_socket *socket)
{
    return socket->is_in_flight == (socket->state == UDP_ARMED) &&
           (socket->retry_at_ns != 0) == (socket->state == UDP_BACKING_OFF);
}

/* After a refusal of the system: queued at once the first time, then after a delay. */
static void retry_later(struct net_udp *net, struct udp_socket *socket)
{
    const uint64_t delay_ns = net_backoff_fail(&socket->backoff);

    if (delay_ns == 0) {
        set_state(socket, UDP_QUEUED);
        return;
    }
    net->counters.backoffs++;
    socket->retry_at_ns = net->system->now_ns(net->system) + delay_ns;
    set_state(socket, UDP_BACKING_OFF);
}

/* Posts the wake-up. The socket is empty, or was a moment ago. */
static void arm(struct net_udp *net, struct udp_socket *socket)
{
    WSABUF nothing = {0};

    socket->wake_up = (OVERLAPPED){0};
    const int status = net->system->post_recv(net->system, socket->handle, &nothing, 1, MSG_PEEK,
                                              &socket->wake_up);
    const int error = status == 0 ? 0 : WSAGetLastError();
    if (error != 0 && error != WSA_IO_PENDING && error != WSAEMSGSIZE) {
        net->counters.arm_failures++;
        retry_later(net, socket);
        return;
    }
    /* Also after WSAEMSGSIZE a completion comes: on a port without SKIP mode only a true failure
     * goes without one. */
    socket->is_in_flight = true;
    if (!socket->is_suspect) {
        net_backoff_reset(&socket->backoff);
    }
    set_state(socket, UDP_ARMED);
}

/* Whether the wake-up ended as one does that saw a datagram, or the fault of a peer. */
static bool is_wake_up_good(struct net_udp *net, struct udp_socket *socket)
{
    /* An NTSTATUS fills the lower half of the word only. */
    const ULONG status = (ULONG)socket->wake_up.Internal;
    DWORD transferred = 0;

    if (status == 0 || status == STATUS_TOO_LONG ||
        net->system->operation_result(net->system, socket->handle, &socket->wake_up,
                                      &transferred)) {
        return true;
    }
    const enum net_error_class error_class = net_error_class_windows(WSAGetLastError());
    return error_class == NET_ERROR_PEER_GONE || error_class == NET_ERROR_DROP_ONE;
}

/* Whatever its status, a wake-up means: read. Only a run of bad ones is slowed down, or a socket
 * that is broken for good would take the whole processor. */
static void finish_wake_up(struct net_udp *net, OVERLAPPED *overlapped)
{
    struct udp_socket *const socket = CONTAINING_RECORD(overlapped, struct udp_socket, wake_up);

    assert(socket->is_in_flight && socket->state == UDP_ARMED);
    socket->is_in_flight = false;
    socket->is_suspect = !is_wake_up_good(net, socket);
    if (socket->is_suspect) {
        net->counters.receive_errors++;
        retry_later(net, socket);
    } else {
        set_state(socket, UDP_QUEUED);
    }
}

/* --- Opening and closing --------------------------------------------------------------------- */

/* Windows reports a peer that is gone (ICMP port unreachable, TTL expired) as an error of the next
 * receive on the socket, whoever sent the datagram that comes. Both reports are turned off; the
 * second is not known everywhere (Wine). */
static const char *turn_off_peer_errors(struct net_system *system, SOCKET socket)
{
    BOOL off = FALSE;

    if (system->ioctl(system, socket, (DWORD)SIO_UDP_CONNRESET, &off, sizeof(off), NULL, 0) != 0) {
        return "set SIO_UDP_CONNRESET";
    }
    (void)system->ioctl(system, socket, (DWORD)SIO_UDP_NETRESET, &off, sizeof(off), NULL, 0);
    return NULL;
}

/* Windows and Wine accept much that they do not do, so that only a trial tells. One for each family
 * that is in use: they have stacks of their own. */
static void find_segments(struct net_udp *net, bool is_wanted)
{
    int errors[2] = {-1, -1}; /* By family; -1: not tried yet. */

    for (uint32_t i = 0; i < net->socket_count; i++) {
        struct udp_socket *const socket = &net->sockets[i];
        int *const error = &errors[socket->family == ADDR_FAMILY_IPV6];
        struct net_granted granted = {.name = "segment", .socket_index = i, .asked = is_wanted};

        if (is_wanted && *error < 0) {
            *error = udp_segments_try(net->system, socket->family);
        }
        if (is_wanted) {
            socket->has_segments = *error == 0;
            granted.granted = socket->has_segments;
            granted.os_error = *error;
        }
        net_grants_add(&net->grants, granted);
    }
}

static int open_sockets(struct net_udp *net, const struct net_udp_options *options,
                        struct net_failure *failure_out)
{
    const int32_t recv_bytes = options->recv_buffer_bytes;
    const int32_t send_bytes = options->send_buffer_bytes;
    const struct net_option ladder[] = {
        /* SO_REUSEADDR would let anybody take the port over. */
        {NULL, "set SO_EXCLUSIVEADDRUSE", NET_OPTION_BOTH(SOL_SOCKET, SO_EXCLUSIVEADDRUSE), 0, 1},
        {NULL, "set IPV6_V6ONLY", {-1, IPPROTO_IPV6}, {0, IPV6_V6ONLY}, 0, 1},
        {"recv_buffer", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_RCVBUF), 0, recv_bytes},
        {"send_buffer", NULL, NET_OPTION_BOTH(SOL_SOCKET, SO_SNDBUF), 0, send_bytes},
        {"ttl", NULL, {IPPROTO_IP, IPPROTO_IPV6}, {IP_TTL, IPV6_UNICAST_HOPS}, 0, options->ttl},
        {"dscp", NULL, {IPPROTO_IP, IPPROTO_IPV6}, {IP_TOS, IPV6_TCLASS}, 2, options->dscp},
    };
    const struct net_socket_plan plan = {
        .system = net->system,
        .type = SOCK_DGRAM,
        .addresses = options->addresses,
        .address_count = options->address_count,
        .options = ladder,
        .option_count = sizeof(ladder) / sizeof(ladder[0]),
        .prepare = turn_off_peer_errors,
    };
    SOCKET handles[NET_ADDRESSES_MAX];
    struct addr bound[NET_ADDRESSES_MAX];
    const int result = net_sockets_open(&plan, handles, bound, &net->grants, failure_out);

    if (result < 0) {
        return result;
    }
    net->socket_count = options->address_count;
    for (uint32_t i = 0; i < net->socket_count; i++) {
        net->sockets[i] = (struct udp_socket){.handle = handles[i],
                                              .state = UDP_DRAINING,
                                              .family = options->addresses[i].family,
                                              .bound = bound[i]};
    }
    find_segments(net, options->segments);
    return RESULT_OK;
}

static void close_sockets(struct net_udp *net)
{
    for (uint32_t i = 0; i < net->socket_count; i++) {
        (void)net->system->close_socket(net->system, net->sockets[i].handle);
    }
}

/* Nothing is posted before all sockets belong to the port, so that a failure here leaves nothing in
 * flight. A new socket counts as just drained. */
static int join_port(struct net_udp *net, struct net_failure *failure_out)
{
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (!net_port_add(&net->port, net->sockets[i].handle)) {
            return net_failure_set(failure_out, "join completion port", &net->sockets[i].bound,
                                   (int)GetLastError(), NULL);
        }
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        arm(net, &net->sockets[i]);
    }
    return RESULT_OK;
}

static int check_options(const struct net_udp_options *options, struct net_failure *failure_out)
{
    const char *const text = net_check_udp(options);

    return text == NULL ? RESULT_OK : net_failure_set(failure_out, "check options", NULL, 0, text);
}

int net_udp_open(const struct net_udp_options *options, struct net_udp **out,
                 struct net_failure *failure_out)
{
    int result = check_options(options, failure_out);

    if (result < 0) {
        return result;
    }
    struct net_udp *const net =
        lines_create(sizeof(*net) + NET_UDP_BATCH * ((size_t)options->max_datagram + 1));
    if (net == NULL) {
        return net_failure_set(failure_out, "allocate buffers", NULL, ERROR_NOT_ENOUGH_MEMORY,
                               NULL);
    }
    net->system = options->system != NULL ? options->system : net_system_windows();
    net->max_datagram = options->max_datagram;
    result = net_winsock_start(failure_out);
    if (result < 0) {
        goto free_memory;
    }
    const int error = net_port_open(&net->port, net->system, true);
    if (error != 0) {
        result = net_failure_set(failure_out, "open completion port", NULL, error, NULL);
        goto stop_winsock;
    }
    result = open_sockets(net, options, failure_out);
    if (result < 0) {
        goto close_port;
    }
    result = join_port(net, failure_out);
    if (result < 0) {
        goto close_sockets;
    }
    *out = net;
    return RESULT_OK;

close_sockets:
    close_sockets(net);
close_port:
    net_port_close(&net->port);
stop_winsock:
    net_winsock_stop();
free_memory:
    lines_destroy(net);
    return result;
}

static unsigned count_in_flight(const struct net_udp *net)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < net->socket_count; i++) {
        count += net->sockets[i].is_in_flight;
    }
    return count;
}

/* Takes back every OVERLAPPED that the system still has. Statuses do not matter: of a cancelled
 * operation they differ between systems. */
static bool reap(struct net_udp *net)
{
    OVERLAPPED *completed[NET_PORT_BATCH];

    for (unsigned step = 0; count_in_flight(net) > 0 && step < REAP_STEP_MAX; step++) {
        const int count = net_port_wait(&net->port, completed, REAP_STEP_NS);
        for (int i = 0; i < count; i++) {
            CONTAINING_RECORD(completed[i], struct udp_socket, wake_up)->is_in_flight = false;
        }
        (void)net_port_take_wake(&net->port);
        if (count < 0) {
            break;
        }
    }
    return count_in_flight(net) == 0;
}

void net_udp_close(struct net_udp *net)
{
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (net->sockets[i].is_in_flight) {
            (void)net->system->cancel(net->system, net->sockets[i].handle);
        }
    }
    const bool is_quiet = reap(net);
    close_sockets(net);
    net_port_close(&net->port);
    net_winsock_stop();
    if (is_quiet) {
        lines_destroy(net);
    }
    /* Else the system owes a completion and may still write to our memory: better lost than hit. */
}

/* --- Waiting --------------------------------------------------------------------------------- */

/* Queues the sockets whose back-off is over. Returns when the next one is. */
static uint64_t end_backoffs(struct net_udp *net, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; i < net->socket_count; i++) {
        struct udp_socket *const socket = &net->sockets[i];
        if (socket->state != UDP_BACKING_OFF) {
            continue;
        }
        if (socket->retry_at_ns <= now_ns) {
            socket->retry_at_ns = 0;
            set_state(socket, UDP_QUEUED);
        } else if (socket->retry_at_ns < next_ns) {
            next_ns = socket->retry_at_ns;
        }
    }
    return next_ns;
}

static bool is_any_queued(const struct net_udp *net)
{
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (net->sockets[i].state == UDP_QUEUED) {
            return true;
        }
    }
    return false;
}

/* One look at the port, of at most timeout_ns. Returns the bits of net_udp_wait() or RESULT_OS. */
static int wait_once(struct net_udp *net, uint64_t timeout_ns)
{
    OVERLAPPED *completed[NET_PORT_BATCH];
    int bits = 0;
    const int count = net_port_wait(&net->port, completed, timeout_ns);

    if (count < 0) {
        return count;
    }
    for (int i = 0; i < count; i++) {
        finish_wake_up(net, completed[i]);
    }
    if (is_any_queued(net)) {
        bits |= NET_UDP_READY;
    }
    if (net_port_take_wake(&net->port)) {
        net->counters.wakes++;
        bits |= NET_UDP_WOKEN;
    }
    return bits;
}

int net_udp_wait(struct net_udp *net, uint64_t timeout_ns)
{
    uint64_t now_ns = net->system->now_ns(net->system);
    const uint64_t end_ns = timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;

    for (;;) {
        const uint64_t retry_ns = end_backoffs(net, now_ns);
        const uint64_t until_ns = retry_ns < end_ns ? retry_ns : end_ns;
        uint64_t left_ns = NET_WAIT_FOREVER;
        if (is_any_queued(net) || until_ns <= now_ns) {
            left_ns = 0;
        } else if (until_ns != UINT64_MAX) {
            left_ns = until_ns - now_ns;
        }
        const int bits = wait_once(net, left_ns);
        if (bits != 0) {
            return bits;
        }
        /* Nothing: the time is over, the timer of an earlier wait fired, or a short back-off. */
        now_ns = net->system->now_ns(net->system);
        if (now_ns >= end_ns) {
            return 0;
        }
    }
}

int net_udp_rest(struct net_udp *net, uint64_t timeout_ns)
{
    return net_udp_wait(net, timeout_ns);
}

void net_udp_set_precise(struct net_udp *net, bool is_precise)
{
    net_port_set_precise(&net->port, is_precise);
}

void net_udp_wake(struct net_udp *net)
{
    net_port_wake(&net->port);
}

/* --- Receiving ------------------------------------------------------------------------------- */

enum take_outcome {
    TAKE_DATAGRAM,
    TAKE_OVERSIZE,
    TAKE_NOTICE, /* An error that is a message, not a state: reading goes on. */
    TAKE_EMPTY,
    TAKE_FAILED,
};

static enum take_outcome classify_error(struct net_udp *net, int error)
{
    switch (net_error_class_windows(error)) {
    case NET_ERROR_AGAIN:
        return TAKE_EMPTY;
    case NET_ERROR_RETRY:
        return TAKE_NOTICE;
    case NET_ERROR_PEER_GONE:
        net->counters.receive_peer_errors++;
        return TAKE_NOTICE;
    case NET_ERROR_DROP_ONE:
        if (error == WSAEMSGSIZE) {
            net->counters.received_oversize++;
            return TAKE_OVERSIZE;
        }
        break;
    case NET_ERROR_NONE:
    case NET_ERROR_CLOSING:
    case NET_ERROR_RESOURCE:
    case NET_ERROR_FATAL:
        break;
    }
    net->counters.receive_errors++;
    return TAKE_FAILED;
}

/* Takes one datagram off the socket into the buffer of slot. */
static enum take_outcome take(struct net_udp *net, uint32_t socket_index, unsigned slot,
                              struct net_received *received)
{
    const uint32_t buffer_size = net->max_datagram + 1;
    uint8_t *const bytes = net->bytes + (size_t)slot * buffer_size;
    union net_sockaddr from;
    int from_size = sizeof(from);

    const int size = net->system->recv_from(net->system, net->sockets[socket_index].handle, bytes,
                                            (int)buffer_size, &from.any, &from_size);
    if (size < 0) {
        return classify_error(net, WSAGetLastError());
    }
    if ((uint32_t)size > net->max_datagram) {
        net->counters.received_oversize++;
        return TAKE_OVERSIZE;
    }
    net->counters.received_datagrams++;
    net->counters.received_bytes += (uint32_t)size;
    *received = (struct net_received){.bytes = bytes,
                                      .size = (uint32_t)size,
                                      .socket_index = socket_index,
                                      .from = net_sockaddr_to(&from)};
    return TAKE_DATAGRAM;
}

/* Reads the socket until it is empty or the batch is full; returns how many of it are filled. */
static unsigned drain(struct net_udp *net, uint32_t socket_index, struct net_received received[],
                      unsigned count, unsigned capacity)
{
    struct udp_socket *const socket = &net->sockets[socket_index];
    unsigned unusable_count = 0;
    bool has_taken = false;

    set_state(socket, UDP_DRAINING);
    while (count < capacity && unusable_count < UNUSABLE_MAX) {
        switch (take(net, socket_index, count, &received[count])) {
        case TAKE_DATAGRAM:
            count++;
            has_taken = true;
            socket->is_suspect = false;
            break;
        case TAKE_OVERSIZE:
            unusable_count++;
            has_taken = true;
            break;
        case TAKE_NOTICE:
            unusable_count++;
            break;
        case TAKE_EMPTY:
            arm(net, socket);
            return count;
        case TAKE_FAILED:
            retry_later(net, socket);
            return count;
        }
    }
    if (has_taken) {
        set_state(socket, UDP_QUEUED);
    } else {
        /* Nothing but errors without end: no peer's fault any more. */
        retry_later(net, socket);
    }
    return count;
}

unsigned net_udp_recv(struct net_udp *net, struct net_received received[], unsigned capacity)
{
    unsigned count = 0;

    assert(capacity >= 1 && capacity <= NET_UDP_BATCH);
    for (uint32_t i = 0; i < net->socket_count && count < capacity; i++) {
        const uint32_t index = (net->first_socket + i) % net->socket_count;
        if (net->sockets[index].state == UDP_QUEUED) {
            count = drain(net, index, received, count, capacity);
        }
    }
    net->first_socket = (net->first_socket + 1) % net->socket_count;
    return count;
}

/* --- What it is ------------------------------------------------------------------------------ */

struct addr net_udp_address(const struct net_udp *net, unsigned socket_index)
{
    assert(socket_index < net->socket_count);
    return net->sockets[socket_index].bound;
}

unsigned net_udp_granted(const struct net_udp *net, struct net_granted out[], unsigned capacity)
{
    return net_grants_copy(&net->grants, out, capacity);
}

void net_udp_counters(struct net_udp *net, struct net_udp_counters *out)
{
    /* Windows does not tell how many datagrams it dropped on one socket: kernel_drops stays 0. */
    *out = net->counters;
}
