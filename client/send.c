/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

#define TOKEN_E9 UINT64_C(1000000000)

/* The body that brings a datagram to the least size that goes up. */
#define BODY_SIZE_MIN (DATAGRAM_UP_SIZE_MIN - DATAGRAM_OVERHEAD)

void allowance_init(struct allowance *allowance, uint64_t rate_per_s, uint64_t burst,
                    uint64_t now_ns)
{
    allowance->rate_per_s = rate_per_s;
    allowance->burst = burst > 0 ? burst : 1;
    allowance->level_e9 = allowance->burst * TOKEN_E9;
    allowance->filled_ns = now_ns;
}

bool allowance_has(struct allowance *allowance, uint64_t amount, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - allowance->filled_ns;
    uint64_t limit_e9 = allowance->burst * TOKEN_E9;

    /* A bucket is full after two seconds in any case, and two seconds cannot overflow: rates have
     * 32 bits. */
    if (elapsed_ns > 2 * NS_PER_S)
        elapsed_ns = 2 * NS_PER_S;
    allowance->filled_ns = now_ns;
    allowance->level_e9 += elapsed_ns * allowance->rate_per_s;
    if (allowance->level_e9 > limit_e9)
        allowance->level_e9 = limit_e9;
    return allowance->level_e9 >= amount * TOKEN_E9;
}

void allowance_take(struct allowance *allowance, uint64_t amount)
{
    uint64_t amount_e9 = amount * TOKEN_E9;

    allowance->level_e9 = allowance->level_e9 > amount_e9 ? allowance->level_e9 - amount_e9 : 0;
}

void send_begin(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;

    /* The relay's buckets hold a burst that it does not tell. Half a second's worth keeps us below
     * any that holds a second's, whatever the network does to the spacing of our datagrams. */
    allowance_init(&udp->datagrams, udp->datagrams_s, udp->datagrams_s / 2, client->now_ns);
    allowance_init(&udp->bytes, udp->bytes_s, udp->bytes_s / 2 + udp->max_datagram, client->now_ns);
    allowance_init(&udp->records, udp->records_s, udp->records_s / 2, client->now_ns);
    udp->pack.count = 0;
}

static void open_pack(struct udp *udp)
{
    record_writer_init(&udp->pack, RECORD_UP, udp->pack_bytes + DATAGRAM_HEAD_SIZE,
                       udp->max_datagram - DATAGRAM_OVERHEAD);
}

void send_flush(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;
    bool is_padded;

    if (!udp->exists || udp->pack.count == 0)
        return;
    /* A short body holds one or two records, so the padding always fits. */
    is_padded = record_write_padding(&udp->pack, BODY_SIZE_MIN);
    assert(is_padded);
    (void)is_padded;
    udp_queue_put(client, DATAGRAM_DATA, udp->pack_bytes, udp->pack.size);
    udp->data_sequence = udp->sequence;
    udp->pack.count = 0;
}

static bool is_destination(uint16_t to)
{
    return (to >= MEMBER_FIRST && to <= MEMBER_LAST) || to == MEMBER_HOST || to == MEMBER_ALL ||
           (to >= MEMBER_GROUP_FIRST && to <= MEMBER_GROUP_LAST);
}

/* Asks all three buckets before it takes from any. */
static bool take_budget(struct gsrelay_client *client, bool is_new_datagram, size_t size)
{
    struct udp *udp = &client->udp;
    size_t bytes = size + (is_new_datagram ? DATAGRAM_OVERHEAD + BODY_SIZE_MIN : 0);
    bool has_datagram = allowance_has(&udp->datagrams, 1, client->now_ns);
    bool has_bytes = allowance_has(&udp->bytes, bytes, client->now_ns);
    bool has_record = allowance_has(&udp->records, 1, client->now_ns);

    if ((is_new_datagram && !has_datagram) || !has_bytes || !has_record)
        return false;
    if (is_new_datagram)
        allowance_take(&udp->datagrams, 1);
    allowance_take(&udp->bytes, bytes);
    allowance_take(&udp->records, 1);
    return true;
}

int gsrelay_send(struct gsrelay_client *client, uint16_t to, uint8_t stream, uint32_t flags,
                 const void *bytes, size_t size)
{
    struct udp *udp = &client->udp;
    bool is_retained = (flags & GSRELAY_RETAIN) != 0;
    size_t taken = record_size(RECORD_UP, is_retained, size);
    struct record record = {.member = to,
                            .stream = stream,
                            .is_retained = is_retained,
                            .size = (uint16_t)size,
                            .payload = bytes};
    bool is_written;

    if (!is_destination(to) || (flags & ~GSRELAY_RETAIN) != 0 || (bytes == NULL && size > 0))
        return GSRELAY_INVALID;
    if (is_retained && (to != GSRELAY_TO_ALL || stream == 0))
        return GSRELAY_INVALID;
    if (!client->room.exists || !udp->exists || client->link.is_ending)
        return GSRELAY_WRONG_STATE;
    if (size > gsrelay_payload_max(client, flags))
        return GSRELAY_TOO_LARGE;

    /* What is packed already leaves before it could be refused for lack of room. */
    if (udp->pack.count > 0 &&
        (udp->pack.size + taken > udp->pack.capacity || udp->pack.count + 1 >= RECORDS_MAX))
        send_flush(client);
    if (!take_budget(client, udp->pack.count == 0, taken)) {
        client->stats.states_over_budget++;
        return GSRELAY_OVER_BUDGET;
    }
    if (udp->pack.count == 0)
        open_pack(udp);
    is_written = record_write(&udp->pack, &record);
    assert(is_written);
    (void)is_written;
    client->stats.states_sent++;
    return GSRELAY_OK;
}

void gsrelay_flush(struct gsrelay_client *client)
{
    send_flush(client);
}

size_t gsrelay_payload_max(const struct gsrelay_client *client, uint32_t flags)
{
    if (!client->udp.exists)
        return 0;
    /* Down, a retained record also carries its age; it must fit there too. */
    return client->udp.max_datagram - DATAGRAM_OVERHEAD -
           record_size(RECORD_DOWN, (flags & GSRELAY_RETAIN) != 0, 0);
}
