/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_fake_parts.h"

#define USUAL_BUFFER_BYTES 212992

struct net_udp {
    struct net_system *system;
    struct fake_socket sockets[NET_ADDRESSES_MAX];
    uint32_t socket_count;
    uint32_t max_datagram;
    uint32_t rotor;
    _Atomic int is_woken;
    struct net_udp_counters counters;
    struct fake_setting settings[5];
    uint8_t buffers[]; /* NET_UDP_BATCH x (max_datagram + 1). */
};

static void fill_settings(struct net_udp *net, const struct net_udp_options *options)
{
    net->settings[0] =
        (struct fake_setting){"recv_buffer", options->recv_buffer_bytes, USUAL_BUFFER_BYTES};
    net->settings[1] =
        (struct fake_setting){"send_buffer", options->send_buffer_bytes, USUAL_BUFFER_BYTES};
    net->settings[2] = (struct fake_setting){"ttl", options->ttl, 64};
    net->settings[3] = (struct fake_setting){"dscp", options->dscp, 0};
    net->settings[4] = (struct fake_setting){"segment", options->segments, 0};
}

int net_udp_open(const struct net_udp_options *options, struct net_udp **out,
                 struct net_failure *failure_out)
{
    struct net_system *const system =
        options->system != NULL ? options->system : net_fake_default();
    const char *const fault = net_check_udp(options);
    uint16_t port = 0;

    if (fault != NULL) {
        return fake_fail(failure_out, RESULT_INVALID, "check options", NULL, fault);
    }
    const int result = fake_choose_port(system, options->addresses, options->address_count, false,
                                        &port, failure_out);
    if (result < 0) {
        return result;
    }
    struct net_udp *const net =
        calloc(1, sizeof(*net) + NET_UDP_BATCH * ((size_t)options->max_datagram + 1));
    if (net == NULL) {
        return fake_fail(failure_out, RESULT_NO_MEMORY, "allocate buffers", NULL, "no memory");
    }
    net->system = system;
    net->socket_count = options->address_count;
    net->max_datagram = options->max_datagram;
    atomic_init(&net->is_woken, 0);
    fill_settings(net, options);
    for (uint32_t i = 0; i < net->socket_count; i++) {
        struct fake_socket *const socket = &net->sockets[i];
        socket->address = options->addresses[i];
        socket->address.port = port;
        socket->inbox_limit = options->recv_buffer_bytes > 0 ? (size_t)options->recv_buffer_bytes
                                                             : USUAL_BUFFER_BYTES;
        fake_socket_bind(system, socket);
    }
    *out = net;
    return RESULT_OK;
}

void net_udp_close(struct net_udp *net)
{
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        fake_socket_unbind(net->system, &net->sockets[i]);
    }
    free(net);
}

/* What there is to tell now. */
static int look(struct net_udp *net)
{
    int bits = 0;

    fake_deliver(net->system);
    if (atomic_exchange_explicit(&net->is_woken, 0, memory_order_acq_rel) != 0) {
        net->counters.wakes++;
        bits |= NET_UDP_WOKEN;
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (net->sockets[i].first != NULL) {
            bits |= NET_UDP_READY;
        }
    }
    return bits;
}

int net_udp_wait(struct net_udp *net, uint64_t timeout_ns)
{
    const uint64_t deadline_ns = fake_deadline(net->system, timeout_ns);

    for (;;) {
        const int bits = look(net);
        if (bits != 0 || timeout_ns == 0 || !fake_pass_time(net->system, UINT64_MAX, deadline_ns)) {
            return bits;
        }
    }
}

int net_udp_rest(struct net_udp *net, uint64_t timeout_ns)
{
    return net_udp_wait(net, timeout_ns);
}

void net_udp_set_precise(struct net_udp *net, bool is_precise)
{
    (void)net;
    (void)is_precise;
}

void net_udp_wake(struct net_udp *net)
{
    (void)atomic_exchange_explicit(&net->is_woken, 1, memory_order_acq_rel);
}

/* Takes the oldest datagram of the socket's inbox. Returns false when it was dropped. */
static bool take(struct net_udp *net, uint32_t index, unsigned slot, struct net_received *received)
{
    struct fake_socket *const socket = &net->sockets[index];
    struct fake_packet *const packet = socket->first;
    uint8_t *const buffer = net->buffers + slot * ((size_t)net->max_datagram + 1);
    const bool fits = packet->size <= net->max_datagram;

    socket->first = packet->next;
    socket->inbox_bytes -= packet->size + FAKE_PACKET_COST;
    if (fits) {
        memcpy(buffer, packet->bytes, packet->size);
        *received = (struct net_received){.bytes = buffer,
                                          .size = (uint32_t)packet->size,
                                          .socket_index = index,
                                          .from = packet->from};
        net->counters.received_datagrams++;
        net->counters.received_bytes += packet->size;
    } else {
        net->counters.received_oversize++;
    }
    free(packet);
    return fits;
}

unsigned net_udp_recv(struct net_udp *net, struct net_received received[], unsigned capacity)
{
    unsigned filled = 0;

    assert(capacity >= 1 && capacity <= NET_UDP_BATCH);
    for (uint32_t visit = 0; visit < net->socket_count && filled < capacity; visit++) {
        const uint32_t index = net->rotor;
        net->rotor = (net->rotor + 1) % net->socket_count;
        while (filled < capacity && net->sockets[index].first != NULL) {
            if (take(net, index, filled, &received[filled])) {
                filled++;
            }
        }
    }
    return filled;
}

static bool is_sendable(const struct net_outgoing *outgoing)
{
    const size_t head = outgoing->head.size;
    const size_t body = outgoing->body.size;
    const size_t tag = outgoing->tag.size;

    return outgoing->to.port != 0 && !addr_is_unspecified(&outgoing->to) &&
           head <= NET_DATAGRAM_MAX && body <= NET_DATAGRAM_MAX && tag <= NET_DATAGRAM_MAX &&
           head + body + tag <= NET_DATAGRAM_MAX;
}

unsigned net_udp_send(struct net_udp *net, struct net_outgoing outgoing[], unsigned count)
{
    const uint32_t room = net->system->options.send_room;
    uint32_t taken[NET_ADDRESSES_MAX] = {0};
    unsigned sent = 0;

    for (unsigned i = 0; i < count; i++) {
        struct net_outgoing *const one = &outgoing[i];
        assert(one->socket_index < net->socket_count);
        assert(one->to.family == net->sockets[one->socket_index].address.family);
        if (!is_sendable(one)) {
            one->result = RESULT_INVALID;
            net->counters.send_refused++;
        } else if (room > 0 && taken[one->socket_index] >= room) {
            one->result = RESULT_AGAIN;
            net->counters.send_would_block++;
        } else {
            fake_send(net->system, &net->sockets[one->socket_index], one);
            taken[one->socket_index]++;
            one->result = RESULT_OK;
            net->counters.sent_datagrams++;
            net->counters.sent_bytes += one->head.size + one->body.size + one->tag.size;
            sent++;
        }
    }
    return sent;
}

struct addr net_udp_address(const struct net_udp *net, unsigned socket_index)
{
    assert(socket_index < net->socket_count);
    return net->sockets[socket_index].address;
}

unsigned net_udp_granted(const struct net_udp *net, struct net_granted out[], unsigned capacity)
{
    return fake_grants(net->settings, 5, net->socket_count, out, capacity);
}

void net_udp_counters(struct net_udp *net, struct net_udp_counters *out)
{
    net->counters.kernel_drops = 0;
    for (uint32_t i = 0; i < net->socket_count; i++) {
        net->counters.kernel_drops += net->sockets[i].drops;
    }
    *out = net->counters;
}
