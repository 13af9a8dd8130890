/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "daemon/net/net_error.h"
#include "daemon/net/net_udp_windows.h"

/* Wine takes what Windows refuses here, so the refusal is ours. */
static bool is_sendable(const struct net_udp *net, const struct net_outgoing *outgoing)
{
    const size_t sizes[] = {outgoing->head.size, outgoing->body.size, outgoing->tag.size};
    size_t room = NET_DATAGRAM_MAX;

    for (unsigned i = 0; i < 3; i++) {
        if (sizes[i] > room) {
            return false;
        }
        room -= sizes[i];
    }
    return outgoing->to.port != 0 && !addr_is_unspecified(&outgoing->to) &&
           outgoing->to.family == net->sockets[outgoing->socket_index].family;
}

static size_t size_of(const struct net_outgoing *outgoing)
{
    return outgoing->head.size + outgoing->body.size + outgoing->tag.size;
}

/* How many of the count datagrams from `first` on may leave as one send: to one peer, equally long
 * but the last, which may be shorter, and together no more than one datagram may be. */
static unsigned run_of(const struct net_udp *net, const struct net_outgoing first[], unsigned count)
{
    const size_t segment_size = size_of(first);
    const unsigned most = count < NET_UDP_BATCH ? count : NET_UDP_BATCH;
    size_t bytes = segment_size;
    unsigned run = 1;

    if (!net->sockets[first->socket_index].has_segments || segment_size == 0) {
        return 1;
    }
    while (run < most && !first[run].is_apart && first[run].socket_index == first->socket_index &&
           addr_equal(&first[run].to, &first->to) && is_sendable(net, &first[run])) {
        const size_t size = size_of(&first[run]);

        if (size == 0 || size > segment_size || bytes + size > NET_DATAGRAM_MAX) {
            break;
        }
        bytes += size;
        run++;
        if (size < segment_size) {
            break;
        }
    }
    return run;
}

/* Sends count datagrams as one send. Returns 0 or the system's error. */
static int send_run(struct net_udp *net, const struct net_outgoing first[], unsigned count)
{
    const SOCKET socket = net->sockets[first->socket_index].handle;
    WSABUF buffers[NET_UDP_BATCH * 3] = {{0}};
    DWORD buffer_count = 0;
    union net_sockaddr to;
    DWORD sent = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct net_vector vectors[] = {first[i].head, first[i].body, first[i].tag};

        for (unsigned k = 0; k < 3; k++) {
            if (vectors[k].size > 0) {
                /* The system only reads: WSABUF serves both directions and so has no const. */
                buffers[buffer_count].buf = (CHAR *)(uintptr_t)vectors[k].bytes;
                buffers[buffer_count].len = (ULONG)vectors[k].size;
                buffer_count++;
            }
        }
    }
    if (count > 1) {
        return udp_segments_send(net->system, socket, &first->to, buffers, buffer_count,
                                 (DWORD)size_of(first));
    }
    if (buffer_count == 0) {
        /* A datagram of no bytes is one empty buffer: Winsock refuses a list of none. */
        buffer_count = 1;
    }
    const int to_size = net_sockaddr_from(&first->to, &to);
    const int status =
        net->system->send_to(net->system, socket, buffers, buffer_count, &sent, &to.any, to_size);
    return status == 0 ? 0 : WSAGetLastError();
}

/* Whether the error of a send of several may be about their being several: it is nothing that
 * passes, and nothing about the path. */
static bool may_be_about_segments(int error)
{
    const enum net_error_class error_class = net_error_class_windows(error);

    return error_class == NET_ERROR_DROP_ONE || error_class == NET_ERROR_FATAL;
}

/* Counts what became of a datagram and says it in the words of the contract. */
static int count_send(struct net_udp *net, const struct net_outgoing *outgoing, int error)
{
    const int result = net_error_result_windows(error);

    switch (result) {
    case RESULT_OK:
        net->counters.sent_datagrams++;
        net->counters.sent_bytes += size_of(outgoing);
        return RESULT_OK;
    case RESULT_AGAIN:
        net->counters.send_would_block++;
        return RESULT_AGAIN;
    case RESULT_CLOSED:
    case RESULT_UNREACHABLE:
        net->counters.send_peer_errors++;
        return RESULT_UNREACHABLE;
    case RESULT_DENIED:
        net->counters.send_peer_errors++;
        return RESULT_DENIED;
    case RESULT_INVALID:
    case RESULT_NO_MEMORY:
        net->counters.send_errors++;
        return result;
    default:
        net->counters.send_errors++;
        return RESULT_OS;
    }
}

/* Writes down what became of count datagrams that were one send. Returns how many were taken. */
static unsigned finish_run(struct net_udp *net, struct net_outgoing first[], unsigned count,
                           int error)
{
    for (unsigned i = 0; i < count; i++) {
        first[i].result = count_send(net, &first[i], error);
    }
    if (first->result != RESULT_OK) {
        return 0;
    }
    net->counters.sent_segmented += count > 1 ? count : 0;
    return count;
}

unsigned net_udp_send(struct net_udp *net, struct net_outgoing outgoing[], unsigned count)
{
    bool is_full[NET_ADDRESSES_MAX] = {false};
    unsigned alone_until = 0; /* The datagrams before it belong to a send that was refused. */
    unsigned sent_count = 0;
    unsigned run = 0;
    int refusal = 0; /* Of that send, until its first datagram has gone alone. */

    for (unsigned i = 0; i < count; i += run) {
        struct net_outgoing *const one = &outgoing[i];

        assert(one->socket_index < net->socket_count);
        assert(one->to.family == net->sockets[one->socket_index].family);
        run = 1;
        if (!is_sendable(net, one)) {
            net->counters.send_refused++;
            one->result = RESULT_INVALID;
            continue;
        }
        if (i >= alone_until) {
            run = run_of(net, one, count - i);
        }
        const int error = is_full[one->socket_index] ? WSAEWOULDBLOCK : send_run(net, one, run);
        if (run > 1 && may_be_about_segments(error)) {
            net->counters.segment_refusals++;
            refusal = error;
            alone_until = i + run;
            run = 0;
            continue;
        }
        /* Believed for good only where the datagram itself was not at fault; and WSAEMSGSIZE is
         * about one path. */
        if (refusal != 0 && refusal != WSAEMSGSIZE && error == 0) {
            net->sockets[one->socket_index].has_segments = false;
        }
        refusal = 0;
        sent_count += finish_run(net, one, run, error);
        is_full[one->socket_index] = one->result == RESULT_AGAIN;
    }
    return sent_count;
}
