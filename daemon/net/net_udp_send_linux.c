/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/net/net_error.h"
#include "daemon/net/net_udp_linux.h"

/* How often an interrupted call is repeated before it counts as an error. */
#define RETRIES_MAX 100

/* The segments of a send are one datagram until they are cut: NET_DATAGRAM_MAX bounds them all
 * together, and the batch their number. */
static_assert(NET_UDP_BATCH <= 64, "UDP_MAX_SEGMENTS of all kernels");

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

static void empty_batch(struct send_batch *batch)
{
    batch->message_count = 0;
    batch->datagram_count = 0;
    batch->vector_count = 0;
    batch->is_last_open = false;
}

static void put_vector(struct send_batch *batch, struct msghdr *header, struct net_vector from)
{
    if (from.size > 0) {
        /* sendmmsg() only reads; iovec knows no const. */
        batch->vectors[batch->vector_count++] =
            (struct iovec){(void *)(uintptr_t)from.bytes, from.size};
        header->msg_iovlen++;
    }
}

/* Adds a datagram to the last message. */
static void put_datagram(struct send_batch *batch, struct net_outgoing *outgoing, size_t size)
{
    const unsigned message = batch->message_count - 1;
    struct msghdr *const header = &batch->messages[message].msg_hdr;

    put_vector(batch, header, outgoing->head);
    put_vector(batch, header, outgoing->body);
    put_vector(batch, header, outgoing->tag);
    batch->datagrams[message]++;
    batch->message_sizes[message] += size;
    batch->entries[batch->datagram_count] = outgoing;
    batch->sizes[batch->datagram_count] = size;
    batch->datagram_count++;
}

static void begin_message(struct send_batch *batch, struct net_outgoing *outgoing, size_t size)
{
    const unsigned message = batch->message_count++;
    struct msghdr *const header = &batch->messages[message].msg_hdr;

    header->msg_iov = &batch->vectors[batch->vector_count];
    header->msg_iovlen = 0;
    header->msg_namelen = net_sockaddr_from(&outgoing->to, &batch->names[message]);
    header->msg_control = NULL;
    header->msg_controllen = 0;
    batch->datagrams[message] = 0;
    batch->message_sizes[message] = 0;
    batch->segment_sizes[message] = size;
    batch->is_last_open = size > 0;
    put_datagram(batch, outgoing, size);
}

/* Whether a datagram may be a segment of the last message: to the same peer, as long as the first
 * or, as the last, shorter. */
static bool may_join(const struct send_batch *batch, const struct net_outgoing *outgoing,
                     size_t size)
{
    const unsigned message = batch->message_count - 1;

    return batch->message_count > 0 && batch->is_last_open && size > 0 && !outgoing->is_apart &&
           size <= batch->segment_sizes[message] &&
           batch->message_sizes[message] + size <= NET_DATAGRAM_MAX &&
           addr_equal(&batch->entries[batch->datagram_count - 1]->to, &outgoing->to);
}

static void join_message(struct send_batch *batch, struct net_outgoing *outgoing, size_t size)
{
    const unsigned message = batch->message_count - 1;
    const uint16_t segment_size = (uint16_t)batch->segment_sizes[message];
    struct msghdr *const header = &batch->messages[message].msg_hdr;

    if (header->msg_control == NULL) {
        struct cmsghdr *control = (struct cmsghdr *)(void *)batch->controls[message].bytes;

        control->cmsg_level = IPPROTO_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof(segment_size));
        memcpy(CMSG_DATA(control), &segment_size, sizeof(segment_size));
        header->msg_control = control;
        header->msg_controllen = sizeof(batch->controls[message].bytes);
    }
    put_datagram(batch, outgoing, size);
    batch->is_last_open = size == segment_size;
}

/* Gives all datagrams of a message one result; `first` is the first of them. */
static void finish_message(struct net_udp *net, unsigned message, unsigned first, int result)
{
    const unsigned count = net->send.datagrams[message];

    for (unsigned i = first; i < first + count; i++) {
        finish_outgoing(net, net->send.entries[i], result, net->send.sizes[i]);
    }
    if (result == RESULT_OK && count > 1) {
        net->counters.sent_segmented += count;
    }
}

/* Puts the datagrams from `first` on anew, each as a message of its own. */
static void split_from(struct send_batch *batch, unsigned first)
{
    struct net_outgoing *entries[NET_UDP_BATCH];
    size_t sizes[NET_UDP_BATCH];
    const unsigned count = batch->datagram_count - first;

    for (unsigned i = 0; i < count; i++) {
        entries[i] = batch->entries[first + i];
        sizes[i] = batch->sizes[first + i];
    }
    empty_batch(batch);
    for (unsigned i = 0; i < count; i++) {
        begin_message(batch, entries[i], sizes[i]);
    }
}

/* Whether the error of a send may be about its being several datagrams. Linux decides all three
 * before it makes the first packet, so that none of the datagrams has left. */
static bool may_be_about_segments(unsigned datagrams, int error)
{
    return datagrams > 1 && (error == EINVAL || error == EIO || error == EMSGSIZE);
}

/* A send of several was refused, and `taken` says what became of the first of them alone. EINVAL
 * and EIO come from devices that cannot segment and are believed for good, but only where the
 * datagram itself was not at fault: an address that is refused must not cost the others theirs.
 * EMSGSIZE is about one path. */
static void judge_refusal(struct udp_socket *socket, int refusal, int taken)
{
    if (taken > 0 && (refusal == EINVAL || refusal == EIO)) {
        socket->has_segments = false;
    }
}

/* Sends the batch and empties it. Returns true when the socket took or refused all of it, false
 * when its buffer was full. */
static bool flush_batch(struct net_udp *net, struct udp_socket *socket)
{
    struct net_system *const system = net->system;
    struct send_batch *const batch = &net->send;
    unsigned message = 0;
    unsigned datagram = 0;
    unsigned retries = 0;
    int refusal = 0; /* Of the send that was split last, until its first datagram has gone. */
    bool has_room = true;

    /* Both move by what the call returned, and by one message for the one that met an error. */
    while (message < batch->message_count && has_room) {
        const unsigned left = batch->message_count - message;
        const int taken = system->sendmmsg(system, socket->fd, &batch->messages[message], left,
                                           MSG_DONTWAIT | MSG_NOSIGNAL);
        const int error = taken < 0 ? errno : EIO;

        assert(taken <= (int)left);
        if (taken <= 0 && net_error_class_linux(error) == NET_ERROR_RETRY &&
            retries < RETRIES_MAX) {
            retries++;
            continue;
        }
        judge_refusal(socket, refusal, taken);
        refusal = 0;
        for (int i = 0; i < taken; i++) {
            finish_message(net, message, datagram, RESULT_OK);
            datagram += batch->datagrams[message];
            message++;
        }
        if (taken > 0) {
            continue;
        }
        if (taken < 0 && may_be_about_segments(batch->datagrams[message], error)) {
            net->counters.segment_refusals++;
            refusal = error;
            split_from(batch, datagram);
            message = 0;
            datagram = 0;
            continue;
        }
        const int result = outgoing_result(error);
        has_room = result != RESULT_AGAIN;
        if (has_room) {
            finish_message(net, message, datagram, result);
            datagram += batch->datagrams[message];
            message++;
        }
    }
    for (unsigned i = datagram; i < batch->datagram_count; i++) {
        finish_outgoing(net, batch->entries[i], RESULT_AGAIN, 0);
    }
    empty_batch(batch);
    return has_room;
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

/* Sends those of outgoing[] that leave by the socket of the given index; returns how many they
 * are. */
static unsigned send_by(struct net_udp *net, uint32_t index, struct net_outgoing outgoing[],
                        unsigned count)
{
    struct udp_socket *const socket = &net->sockets[index];
    struct send_batch *const batch = &net->send;
    unsigned seen = 0;
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
        } else if (socket->has_segments && may_join(batch, &outgoing[i], size)) {
            join_message(batch, &outgoing[i], size);
        } else {
            begin_message(batch, &outgoing[i], size);
        }
        if (batch->datagram_count == NET_UDP_BATCH) {
            has_room = flush_batch(net, socket);
        }
    }
    if (batch->datagram_count > 0) {
        (void)flush_batch(net, socket);
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
