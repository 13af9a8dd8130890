/* SPDX-License-Identifier: MIT */
#include "sim_player.h"

#include <assert.h>
#include <string.h>

uint64_t sim_player_time(const struct sim_player *player, uint64_t now_ns)
{
    const int64_t gained_ns = (int64_t)now_ns * player->clock_ppm / 1000000;

    return player->clock_ahead_ns + (uint64_t)((int64_t)now_ns + gained_ns);
}

/* When the player's own clock shows that. */
static uint64_t time_of(const struct sim_player *player, uint64_t own_ns)
{
    uint64_t now_ns = 0;

    if (own_ns == UINT64_MAX || own_ns <= player->clock_ahead_ns) {
        return own_ns == UINT64_MAX ? UINT64_MAX : 0;
    }
    now_ns = (own_ns - player->clock_ahead_ns) * 1000000 / (uint64_t)(1000000 + player->clock_ppm);
    while (sim_player_time(player, now_ns) < own_ns) {
        now_ns++;
    }
    return now_ns;
}

/* Takes a new address: the port at least, now and then another network. */
static void move(struct sim_player *player)
{
    struct sim_random *random = player->players->random;
    const uint8_t network = (uint8_t)(sim_random_chance(random, 300) ? sim_random_below(random, 200)
                                                                     : player->address.ip[3]);

    player->address = addr_ipv4(10, 1, (uint8_t)player->index, network,
                                (uint16_t)(20000 + sim_random_below(random, 40000)));
}

void sim_player_open(struct sim_player *player, struct sim_players *players, uint16_t index,
                     bool is_restless)
{
    struct gsrelay_options options;

    memset(player, 0, sizeof(*player));
    player->index = index;
    player->is_restless = is_restless;
    player->players = players;
    player->link = SIM_LINK_NONE;
    player->clock_ahead_ns = (index * UINT64_C(7919) + 1) * SIM_SECOND;
    player->clock_ppm = (index % 5 - 2) * 50;
    player->act_ns = sim_random_below(players->random, 2000) * SIM_MS;
    player->send_interval_ns = sim_random_between(players->random, 40, 400) * SIM_MS;
    gsrelay_options_init(&options);
    sim_random_fill(players->random, options.seed, sizeof(options.seed));
    options.members_max = SIM_PLAYERS_MAX;
    options.state_bytes = 32768;
    options.connect_tries = 0;
    options.reconnect_ms = 20000;
    options.rejoin = sim_random_below(players->random, 2);
    options.blob_bytes = SIM_BLOB_BYTES;
    if (gsrelay_create(&options, &player->client) != GSRELAY_OK) {
        assert(!"no memory");
    }
    move(player);
}

void sim_player_close(struct sim_player *player)
{
    gsrelay_destroy(player->client);
}

/* --- Packets --------------------------------------------------------------------------------- */

void sim_player_datagram(struct sim_player *player, const struct sim_packet *packet,
                         uint64_t now_ns)
{
    if (!addr_equal(&packet->to, &player->address) || now_ns < player->mute_ns) {
        return; /* It has moved, or is out of reach. */
    }
    gsrelay_io_udp_input(player->client, sim_player_time(player, now_ns), packet->bytes,
                         packet->size);
}

static struct sim_link *own_link(struct sim_player *player)
{
    return player->link == SIM_LINK_NONE ? NULL : &player->players->links->links[player->link];
}

static void lose_link(struct sim_player *player, uint32_t reason, uint64_t now_ns)
{
    struct sim_link *link = own_link(player);

    link->is_client_open = false;
    link->is_client_trying = false;
    player->link = SIM_LINK_NONE;
    gsrelay_io_tcp_closed(player->client, sim_player_time(player, now_ns), reason);
}

void sim_player_stream(struct sim_player *player, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_link *link = own_link(player);

    if (link == NULL || player->link != packet->link) {
        return;
    }
    if (packet->kind == SIM_PACKET_OPENED && link->is_client_trying) {
        link->is_client_trying = false;
        link->is_client_open = true;
        gsrelay_io_tcp_connected(player->client, sim_player_time(player, now_ns));
    } else if (packet->kind == SIM_PACKET_RESET_DOWN) {
        lose_link(player, GSRELAY_REASON_CONNECTION_LOST, now_ns);
    }
}

static void read_link(struct sim_player *player, uint64_t now_ns)
{
    struct sim_link *link = own_link(player);

    if (link == NULL || !link->is_client_open) {
        return;
    }
    if (link->down.size > 0) {
        sim_pipe_read(&link->down,
                      gsrelay_io_tcp_input(player->client, sim_player_time(player, now_ns),
                                           link->down.bytes, link->down.size));
    }
    if (link->down.has_ended && link->down.size == 0) {
        lose_link(player, GSRELAY_REASON_CONNECTION_CLOSED, now_ns);
    }
}

static void write_link(struct sim_player *player, uint64_t now_ns)
{
    struct sim_link *link = own_link(player);
    const uint8_t *bytes;
    size_t size;

    if (link == NULL) {
        if (gsrelay_io_tcp_wanted(player->client) == 1) {
            player->link =
                sim_link_open(player->players->links, player->index, &player->address, now_ns);
            if (player->link == SIM_LINK_NONE) {
                gsrelay_io_tcp_closed(player->client, sim_player_time(player, now_ns),
                                      GSRELAY_REASON_CONNECTION_LOST);
            }
        }
        return;
    }
    bytes = gsrelay_io_tcp_output(player->client, &size);
    if (link->is_client_open && size > 0) {
        gsrelay_io_tcp_sent(player->client, sim_link_write(player->players->links, player->link,
                                                           true, bytes, size, now_ns));
        (void)gsrelay_io_tcp_output(player->client, &size);
    }
    if (gsrelay_io_tcp_wanted(player->client) == 0 && (size == 0 || !link->is_client_open)) {
        sim_link_close(player->players->links, player->link, false, now_ns);
        player->link = SIM_LINK_NONE;
        gsrelay_io_tcp_closed(player->client, sim_player_time(player, now_ns),
                              GSRELAY_REASON_CONNECTION_LOST);
    }
}

static void write_datagrams(struct sim_player *player, uint64_t now_ns)
{
    struct sim_players *players = player->players;
    struct gsrelay_udp_peer peer;
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT];
    struct addr to = players->relay;
    size_t size;

    if (gsrelay_io_udp_peer(player->client, &peer) != GSRELAY_OK) {
        return;
    }
    if (peer.serial != player->udp_serial) {
        player->udp_serial = peer.serial;
        move(player);
    }
    to.port = peer.port;
    while ((size = gsrelay_io_udp_output(player->client, bytes, sizeof(bytes))) > 0) {
        if (now_ns < player->mute_ns) {
            continue;
        }
        sim_net_send(players->net, now_ns, &player->address, &to, bytes, size);
        if (player->is_restless) {
            struct addr from = player->address;

            from.port = (uint16_t)(from.port + 1 + sim_random_below(players->random, 3));
            sim_net_send(players->net, now_ns, &from, &to, bytes, size);
        }
    }
}

/* --- What a player does ---------------------------------------------------------------------- */

static void asked(struct sim_player *player, int32_t request)
{
    if (request <= 0) {
        return; /* Not now, or too many are unanswered. */
    }
    SIM_HOLDS(player->players->judge, player->request_count <= GSRELAY_REQUESTS_MAX);
    if (player->request_count <= GSRELAY_REQUESTS_MAX) {
        player->requests[player->request_count++] = (uint32_t)request;
    }
}

static void look_for_room(struct sim_player *player)
{
    struct sim_players *players = player->players;
    struct sim_random *random = players->random;
    struct gsrelay_room_options options = {0};
    const uint32_t codes =
        players->code_count < SIM_CODES_MAX ? players->code_count : SIM_CODES_MAX;
    int32_t request;

    if (codes > 0 && sim_random_chance(random, 750)) {
        request =
            gsrelay_join_room(player->client, players->codes[sim_random_below(random, codes)]);
    } else {
        options.tick_us = sim_random_chance(random, 400) ? sim_random_below(random, 50000) : 0;
        options.election = sim_random_below(random, 3);
        options.metadata_size = sim_random_below(random, 64);
        options.metadata = "the metadata of a room, up to sixty-four bytes of it are kept here";
        request = gsrelay_create_room(player->client, &options);
    }
    asked(player, request);
}

static uint16_t somebody(struct sim_player *player)
{
    return player->others == 0
               ? player->member
               : player->ids[sim_random_below(player->players->random, player->others)];
}

/* The library may be in another room already, of which the player has not heard. */
static bool is_up_to_date(const struct sim_player *player)
{
    struct gsrelay_room room;

    return gsrelay_get_room(player->client, &room) == GSRELAY_OK && room.member == player->member &&
           sim_room_hash(room.code) == player->room;
}

/* What becomes of it the relay decides: it may be too large, or its sender not the host. */
static void leave_blob(struct sim_player *player)
{
    static uint8_t bytes[SIM_BLOB_BYTES];
    struct sim_players *players = player->players;
    struct sim_random *random = players->random;
    const uint32_t size =
        sim_random_chance(random, 100) ? 0 : sim_random_between(random, 4, SIM_BLOB_BYTES);
    const uint32_t number =
        sim_blob_make(&players->blobs, player->room, player->host_epoch, size, bytes);
    const int32_t request = number == 0 ? 0 : gsrelay_set_blob(player->client, bytes, size);

    if (request > 0) {
        player->blob_request = (uint32_t)request;
        player->blob_number = number;
        player->waits_for_blob = false;
        players->blobs.blobs[number - 1].is_by_host = player->host == player->member;
        sim_judge_tell(players->judge, "player %u: leaves blob %u of %u bytes as request %d",
                       player->index, number, size, (int)request);
        asked(player, request);
    } else if (number != 0) {
        players->blobs.count--;
    }
}

static void mingle(struct sim_player *player, uint64_t now_ns)
{
    struct sim_players *players = player->players;
    struct sim_random *random = players->random;

    switch (sim_random_below(random, 16)) {
    case 0:
    case 1:
        player->is_leaving = true;
        asked(player, gsrelay_leave(player->client));
        break;
    case 2:
        asked(player, gsrelay_kick(player->client, somebody(player)));
        break;
    case 3:
        asked(player, gsrelay_lock(player->client, (int)sim_random_below(random, 2)));
        break;
    case 4:
        asked(player, gsrelay_hand_over(player->client, somebody(player)));
        break;
    case 5:
        asked(player,
              gsrelay_set_metadata(player->client, "other metadata", sim_random_below(random, 15)));
        break;
    case 6:
        asked(player, gsrelay_ping(player->client));
        break;
    case 7:
        (void)gsrelay_disconnect(player->client);
        break;
    case 8:
    case 9:
        move(player);
        if (sim_random_chance(random, 500)) {
            gsrelay_io_udp_rebind(player->client, sim_player_time(player, now_ns));
        }
        break;
    case 10:
        asked(player, gsrelay_set_heir(player->client,
                                       sim_random_chance(random, 800) ? somebody(player) : 0));
        break;
    case 11:
    case 12:
        /* Long enough for a host to lose the role, seldom for a member to be removed. */
        player->mute_ns = now_ns + sim_random_between(random, 1000, 12000) * SIM_MS;
        break;
    case 13:
        player->listen_ns = now_ns + sim_random_below(random, 1000) * SIM_MS;
        break;
    case 14:
        if (is_up_to_date(player)) {
            leave_blob(player);
        }
        break;
    default:
        if (player->link != SIM_LINK_NONE) {
            sim_link_cut(players->links, player->link, now_ns);
        }
        break;
    }
}

static void act(struct sim_player *player, uint64_t now_ns)
{
    struct sim_players *players = player->players;
    const int state = gsrelay_get_state(player->client);

    if (now_ns < player->listen_ns) {
        player->act_ns = player->listen_ns; /* Who does not listen asks for nothing. */
        return;
    }
    if (now_ns >= players->end_ns) {
        (void)gsrelay_disconnect(player->client);
        player->act_ns = now_ns + SIM_SECOND;
        return;
    }
    player->act_ns = now_ns + sim_random_between(players->random, 100, 900) * SIM_MS;
    if (state == GSRELAY_STATE_IDLE) {
        (void)gsrelay_io_start(player->client, sim_player_time(player, now_ns));
    } else if (state == GSRELAY_STATE_CONNECTED && player->membership == 0 &&
               player->request_count == 0 && now_ns < players->still_ns) {
        look_for_room(player);
    } else if (now_ns < players->calm_ns && player->membership != 0 &&
               sim_random_chance(players->random, players->churn)) {
        mingle(player, now_ns);
    } else if (now_ns < players->calm_ns && player->membership != 0 &&
               player->host == player->member && is_up_to_date(player) &&
               sim_random_chance(players->random, 300)) {
        leave_blob(player);
    }
}

static uint16_t destination(struct sim_player *player, enum sim_stream stream)
{
    switch (stream) {
    case SIM_STREAM_HOST:
        return GSRELAY_TO_HOST;
    case SIM_STREAM_ONE:
        return player->others > 0 ? player->ids[0] : GSRELAY_TO_ALL;
    case SIM_STREAM_EACH:
    case SIM_STREAM_RETAINED:
    case SIM_STREAM_ALL:
        break;
    }
    return GSRELAY_TO_ALL;
}

static void send_state(struct sim_player *player, enum sim_stream stream)
{
    struct sim_players *players = player->players;
    const bool is_retained = stream == SIM_STREAM_RETAINED;
    const uint32_t flags = is_retained ? GSRELAY_RETAIN : 0;
    uint8_t bytes[GSRELAY_EVENT_BYTES];
    struct sim_message message = {
        .membership = player->membership,
        .room = player->room,
        .number = player->numbers[stream] + 1,
        .player = player->index,
        .to = destination(player, stream),
        .stream = (uint8_t)stream,
        .is_retained = is_retained,
        .size = (uint16_t)(SIM_MESSAGE_SIZE_MIN + sim_random_below(players->random, 48)),
    };

    if (sim_random_chance(players->random, 30)) {
        message.size = (uint16_t)gsrelay_payload_max(player->client, flags);
    }
    if (message.size < SIM_MESSAGE_SIZE_MIN || stream > players->streams) {
        return;
    }
    sim_message_write(&message, bytes);
    if (gsrelay_send(player->client, message.to, (uint8_t)stream, flags, bytes, message.size) ==
        GSRELAY_OK) {
        player->numbers[stream]++;
    }
}

static void play(struct sim_player *player, uint64_t now_ns)
{
    struct sim_random *random = player->players->random;

    /* In the calm nobody speaks: what was lost by then, the relay has to mend by what it keeps. */
    if (now_ns >= player->players->calm_ns) {
        player->send_ns = UINT64_MAX;
        return;
    }
    player->send_ns = now_ns + player->send_interval_ns;
    if (player->membership == 0 || player->is_leaving || !is_up_to_date(player)) {
        return;
    }
    for (unsigned stream = 0; stream < SIM_STREAMS; stream++) {
        if (sim_random_chance(random, 500)) {
            send_state(player, (enum sim_stream)stream);
        }
    }
}

void sim_player_run(struct sim_player *player, uint64_t now_ns)
{
    /* Events first, as the client reads no more while they wait. */
    sim_player_listen(player, now_ns);
    if (now_ns >= player->act_ns) {
        act(player, now_ns);
    }
    if (now_ns >= player->send_ns) {
        play(player, now_ns);
    }
    read_link(player, now_ns);
    gsrelay_io_run(player->client, sim_player_time(player, now_ns));
    sim_player_listen(player, now_ns);
    if (player->membership != 0 && is_up_to_date(player)) {
        sim_player_read_clock(player, now_ns);
    }
    write_link(player, now_ns);
    write_datagrams(player, now_ns);
}

uint64_t sim_player_deadline(const struct sim_player *player)
{
    uint64_t deadline_ns = time_of(player, gsrelay_io_deadline(player->client));

    deadline_ns = player->act_ns < deadline_ns ? player->act_ns : deadline_ns;
    return player->send_ns < deadline_ns ? player->send_ns : deadline_ns;
}
