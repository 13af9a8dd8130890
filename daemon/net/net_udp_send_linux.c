/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>

#include "daemon/net/net_error.h"
#include "daemon/net/net_udp_linux.h"

/* How often an interrupted call is repeated before it counts as an error. */
#define RETRIES_MAX 100

/* Everything that an outgoing datagram can end as is counted here and nowhere else. */
static void finish_outgoing(struct net_udp *net, struct net_outgoing *outgoing, int result,
                            size_t size)
{
    outgoing->result = result;
    switch (result) {
    case RESULT_OK:
        net->counters.sent_datagrams++;
        net->counters.sent_bytes += size;
        break;
    case RESULT_AGAIN:
        net->counters.send_would_block++;
        break;
    case RESULT_UNREACHABLE:
    case RESULT_DENIED:
        net->counters.send_peer_errors++;
        break;
    default:
        net->counters.send_errors++;
        break;
    }
}

/* The result of a datagram that the system refused, one of those that the contract lists. */
static int outgoing_result(int error)
{
    const int result = net_error_result_linux(error);

    switch (net_error_class_linux(error)) {
    case NET_ERROR_AGAIN:
        return RESULT_AGAIN;
    case NET_ERROR_PEER_GONE:
        return RESULT_UNREACHABLE;
    case NET_ERROR_RESOURCE:
        return RESULT_NO_MEMORY;
    case NET_ERROR_DROP_ONE:
        return result == RESULT_UNSUPPORTED ? RESULT_INVALID : result;
    case NET_ERROR_NONE:
    case NET_ERROR_RETRY:
    case NET_ERROR_CLOSING:
    case NET_ERROR_FATAL:
        break;
    }
    return RESULT_OS;
}

/* Sends the first count messages of the batch. Returns true when the socket took or refused all of
 * them, false when its buffer was full. */
static bool flush_batch(struct net_udp *net, const struct udp_socket *socket, unsigned count)
{
    struct net_system *const system = net->system;
    struct send_batch *const batch = &net->send;
    unsigned sent = 0;
    unsigned retries = 0;

    /* "sent" moves by what the call returned, and by one for the message that met an error. */
    while (sent < count) {
        const int taken = system->sendmmsg(system, socket->fd, &batch->messages[sent], count - sent,
                                           MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken > 0) {
            assert((unsigned)taken <= count - sent);
            for (int i = 0; i < taken; i++) {
                finish_outgoing(net, batch->entries[sent], RESULT_OK, batch->sizes[sent]);
                sent++;
            }
            continue;
        }
        const int error = taken < 0 ? errno : EIO;
        if (net_error_class_linux(error) == NET_ERROR_RETRY && retries < RETRIES_MAX) {
            retries++;
            continue;
        }
        const int result = outgoing_result(error);
        if (result == RESULT_AGAIN) {
            break;
        }
        finish_outgoing(net, batch->entries[sent], result, 0);
        sent++;
    }
    for (unsigned i = sent; i < count; i++) {
        finish_outgoing(net, batch->entries[i], RESULT_AGAIN, 0);
    }
    return sent == count;
}

/* Whether the datagram may go to the system at all. Wine sends some of these to nowhere and Windows
 * refuses them, so it is decided here for every system. */
static bool is_sendable(const struct net_outgoing *outgoing, size_t *size_out)
{
    const size_t head = outgoing->head.size;
    const size_t body = outgoing->body.size;
    const size_t tag = outgoing->tag.size;

    if (outgoing->to.port == 0 || addr_is_unspecified(&outgoing->to)) {
        return false;
    }
    if (head > NET_DATAGRAM_MAX || body > NET_DATAGRAM_MAX || tag > NET_DATAGRAM_MAX ||
        head + body + tag > NET_DATAGRAM_MAX) {
        return false;
    }
    *size_out = head + body + tag;
    return true;
}

static void put_vector(struct iovec vectors[3], size_t *count, struct net_vector from)
{
    if (from.size > 0) {
        /* sendmmsg() only reads; iovec knows no const. */
        vectors[*count] = (struct iovec){(void *)(uintptr_t)from.bytes, from.size};
        *count += 1;
    }
}

static void put_message(struct net_udp *net, unsigned slot, struct net_outgoing *outgoing,
                        size_t size)
{
    struct send_batch *const batch = &net->send;
    struct msghdr *const header = &batch->messages[slot].msg_hdr;
    size_t vector_count = 0;

    put_vector(batch->vectors[slot], &vector_count, outgoing->head);
    put_vector(batch->vectors[slot], &vector_count, outgoing->body);
    put_vector(batch->vectors[slot], &vector_count, outgoing->tag);
    header->msg_iovlen = vector_count;
    header->msg_namelen = net_sockaddr_from(&outgoing->to, &batch->names[slot]);
    batch->entries[slot] = outgoing;
    batch->sizes[slot] = size;
}

/* Sends those of outgoing[] that leave by the socket of the given index; returns how many they
 * are. */
static unsigned send_by(struct net_udp *net, uint32_t index, struct net_outgoing outgoing[],
                        unsigned count)
{
    const struct udp_socket *const socket = &net->sockets[index];
    unsigned seen = 0;
    unsigned waiting = 0;
    bool has_room = true;

    for (unsigned i = 0; i < count; i++) {
        size_t size = 0;
        if (outgoing[i].socket_index != index) {
            continue;
        }
        seen++;
        assert(outgoing[i].to.family == socket->address.family);
        if (!is_sendable(&outgoing[i], &size)) {
            outgoing[i].result = RESULT_INVALID;
            net->counters.send_refused++;
        } else if (!has_room) {
            finish_outgoing(net, &outgoing[i], RESULT_AGAIN, 0);
        } else {
            put_message(net, waiting, &outgoing[i], size);
            waiting++;
        }
        if (waiting == NET_UDP_BATCH) {
            has_room = flush_batch(net, socket, waiting);
            waiting = 0;
        }
    }
    if (waiting > 0) {
        (void)flush_batch(net, socket, waiting);
    }
    return seen;
}

unsigned net_udp_send(struct net_udp *net, struct net_outgoing outgoing[], unsigned count)
{
    const uint64_t sent_before = net->counters.sent_datagrams;
    unsigned seen = 0;

    for (uint32_t index = 0; index < net->socket_count && seen < count; index++) {
        seen += send_by(net, index, outgoing, count);
    }
    assert(seen == count);
    return (unsigned)(net->counters.sent_datagrams - sent_before);
}
