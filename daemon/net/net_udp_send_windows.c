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

/* Returns 0 or the system's error. */
static int send_one(struct net_udp *net, const struct net_outgoing *outgoing)
{
    const struct net_vector vectors[] = {outgoing->head, outgoing->body, outgoing->tag};
    WSABUF buffers[3] = {{0}};
    DWORD buffer_count = 0;
    union net_sockaddr to;
    DWORD sent = 0;

    for (unsigned i = 0; i < 3; i++) {
        if (vectors[i].size > 0) {
            /* The system only reads: WSABUF serves both directions and so has no const. */
            buffers[buffer_count].buf = (CHAR *)(uintptr_t)vectors[i].bytes;
            buffers[buffer_count].len = (ULONG)vectors[i].size;
            buffer_count++;
        }
    }
    if (buffer_count == 0) {
        /* A datagram of no bytes is one empty buffer: Winsock refuses a list of none. */
        buffer_count = 1;
    }
    const int to_size = net_sockaddr_from(&outgoing->to, &to);
    const int status =
        net->system->send_to(net->system, net->sockets[outgoing->socket_index].handle, buffers,
                             buffer_count, &sent, &to.any, to_size);
    return status == 0 ? 0 : WSAGetLastError();
}

/* Counts what became of a datagram and says it in the words of the contract. */
static int count_send(struct net_udp *net, const struct net_outgoing *outgoing, int error)
{
    const int result = net_error_result_windows(error);

    switch (result) {
    case RESULT_OK:
        net->counters.sent_datagrams++;
        net->counters.sent_bytes += outgoing->head.size + outgoing->body.size + outgoing->tag.size;
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

unsigned net_udp_send(struct net_udp *net, struct net_outgoing outgoing[], unsigned count)
{
    bool is_full[NET_ADDRESSES_MAX] = {false};
    unsigned sent_count = 0;

    for (unsigned i = 0; i < count; i++) {
        struct net_outgoing *const one = &outgoing[i];

        assert(one->socket_index < net->socket_count);
        assert(one->to.family == net->sockets[one->socket_index].family);
        if (!is_sendable(net, one)) {
            net->counters.send_refused++;
            one->result = RESULT_INVALID;
            continue;
        }
        const int error = is_full[one->socket_index] ? WSAEWOULDBLOCK : send_one(net, one);
        one->result = count_send(net, one, error);
        if (one->result == RESULT_AGAIN) {
            is_full[one->socket_index] = true;
        } else if (one->result == RESULT_OK) {
            sent_count++;
        }
    }
    return sent_count;
}
