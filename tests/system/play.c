/* SPDX-License-Identifier: MIT */

/* play.c - rooms full of clients that play through a running relay and check what they see.
 *
 * Every state says who sent it, on which stream, and its number there, and is filled with bytes
 * made from those three. A receiver checks that it comes from a member of its own room, unaltered,
 * never twice, and in order on its stream. What was neither received nor superseded is lost; only
 * the relay knows what it superseded, so the last line of output is for tests/system/check_run.sh,
 * which reads the relay's counters beside it.
 *
 * Runs on both systems against any relay: it knows its address and nothing else. */

#include "daemon/os/os.h"

#include <gsrelay/gsrelay.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOMS_MAX = 16,
    CLIENTS_MAX = 64, /* Of one room. */
    STREAMS = 3,      /* Stream 0 in order; 1 latest-wins; 2 latest-wins and retained. */
    STATE_SIZE = 100,
    HEADER_SIZE = 12
};

static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t SETUP_TIMEOUT_NS = UINT64_C(60000000000);
static const uint64_t QUIET_NS = UINT64_C(1000000000);

struct player {
    struct gsrelay_client *client;
    uint16_t member;
    bool is_in_room;
    bool is_bound;
    uint32_t members_seen;
    uint32_t numbers_sent[STREAMS];
    uint32_t numbers_seen[CLIENTS_MAX][STREAMS]; /* The newest number from each sender. */
    uint64_t received;
};

struct room {
    struct player players[CLIENTS_MAX];
    char code[GSRELAY_CODE_SIZE];
    uint64_t sent;
};

struct game {
    const char *host;
    uint16_t port;
    unsigned room_count;
    unsigned client_count;
    unsigned rate_per_s;
    unsigned seconds;
    unsigned tick_us;
    unsigned faults;
    uint64_t changed_ns; /* When the last state came. */
    struct room rooms[ROOMS_MAX];
};

static struct game game;

static void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fault(const char *format, ...)
{
    va_list arguments;

    if (++game.faults > 20) {
        return;
    }
    (void)fprintf(stderr, "play: ");
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\n");
}

static void put_u32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void fill_state(uint8_t state[STATE_SIZE], unsigned room, unsigned sender, unsigned stream,
                       uint32_t number)
{
    uint32_t noise = room * 0x9E3779B9u + sender * 0x85EBCA6Bu + stream * 0xC2B2AE35u + number;

    put_u32(state, room);
    put_u32(state + 4, sender << 8 | stream);
    put_u32(state + 8, number);
    for (unsigned i = HEADER_SIZE; i < STATE_SIZE; i++) {
        noise = noise * 1664525u + 1013904223u;
        state[i] = (uint8_t)(noise >> 24);
    }
}

static void take_state(unsigned room_index, unsigned receiver, const struct gsrelay_event *event)
{
    struct room *room = &game.rooms[room_index];
    struct player *player = &room->players[receiver];
    uint8_t expected[STATE_SIZE];
    unsigned sender;
    unsigned stream;
    uint32_t number;

    if (event->size != STATE_SIZE) {
        fault("a state of %u bytes", event->size);
        return;
    }
    sender = get_u32(event->bytes + 4) >> 8;
    stream = event->bytes[7];
    number = get_u32(event->bytes + 8);
    fill_state(expected, room_index, sender, stream, number);
    if (memcmp(expected, event->bytes, STATE_SIZE) != 0) {
        fault("room %u, client %u: a state was altered or is of another room", room_index,
              receiver);
        return;
    }
    if (sender >= game.client_count || sender == receiver || stream >= STREAMS ||
        stream != event->stream || event->member != room->players[sender].member) {
        fault("room %u, client %u: a state names sender %u, stream %u, but came as member %u, "
              "stream %u",
              room_index, receiver, sender, stream, event->member, event->stream);
        return;
    }
    if (number <= player->numbers_seen[sender][stream]) {
        fault("room %u, client %u: sender %u, stream %u: %" PRIu32 " after %" PRIu32, room_index,
              receiver, sender, stream, number, player->numbers_seen[sender][stream]);
        return;
    }
    player->numbers_seen[sender][stream] = number;
    player->received++;
    game.changed_ns = os_clock_ns();
}

static void take_event(unsigned room_index, unsigned index, const struct gsrelay_event *event)
{
    struct room *room = &game.rooms[room_index];
    struct player *player = &room->players[index];

    switch (event->type) {
    case GSRELAY_EVENT_ROOM_JOINED:
        player->is_in_room = true;
        player->member = event->member;
        memcpy(room->code, event->code, sizeof(room->code));
        break;
    case GSRELAY_EVENT_MEMBER_JOINED:
        player->members_seen++;
        break;
    case GSRELAY_EVENT_UDP_BOUND:
        player->is_bound = true;
        break;
    case GSRELAY_EVENT_STATE:
        take_state(room_index, index, event);
        break;
    case GSRELAY_EVENT_CONNECTED:
    case GSRELAY_EVENT_HOST_CHANGED:
    case GSRELAY_EVENT_QUALITY:
        break;
    default:
        fault("room %u, client %u: event %" PRIu32 ", %s %s", room_index, index, event->type,
              gsrelay_reason_name(event->reason), gsrelay_error_text(player->client));
        break;
    }
}

static void poll_all(void)
{
    for (unsigned r = 0; r < game.room_count; r++) {
        for (unsigned c = 0; c < game.client_count; c++) {
            struct gsrelay_client *client = game.rooms[r].players[c].client;
            struct gsrelay_event event;

            if (client == NULL) {
                continue;
            }
            if (gsrelay_poll(client, 0) < 0) {
                fault("poll: %s", gsrelay_error_text(client));
            }
            while (gsrelay_next_event(client, &event) == 1) {
                take_event(r, c, &event);
            }
        }
    }
}

static bool open_player(struct room *room, unsigned index)
{
    const struct gsrelay_room_options options = {
        .members_max = game.client_count,
        .tick_us = game.tick_us == 0 ? GSRELAY_TICK_NONE : game.tick_us,
    };
    struct player *player = &room->players[index];

    if (gsrelay_create(NULL, &player->client) != GSRELAY_OK ||
        gsrelay_connect(player->client, game.host, game.port) != GSRELAY_OK) {
        fault("could not connect: %s",
              player->client != NULL ? gsrelay_error_text(player->client) : "no memory");
        return false;
    }
    if (index == 0) {
        return gsrelay_create_room(player->client, &options) > 0;
    }
    return gsrelay_join_room(player->client, room->code) > 0;
}

static bool is_ready(unsigned clients)
{
    for (unsigned r = 0; r < game.room_count; r++) {
        for (unsigned c = 0; c < clients; c++) {
            const struct player *player = &game.rooms[r].players[c];

            if (!player->is_in_room || !player->is_bound || player->members_seen != clients - 1) {
                return false;
            }
        }
    }
    return true;
}

/* One client of every room at a time, so that each knows how many it has to see. */
static bool set_up(void)
{
    const uint64_t deadline_ns = os_clock_ns() + SETUP_TIMEOUT_NS;

    for (unsigned c = 0; c < game.client_count; c++) {
        for (unsigned r = 0; r < game.room_count; r++) {
            if (!open_player(&game.rooms[r], c)) {
                return false;
            }
        }
        while (!is_ready(c + 1)) {
            poll_all();
            if (game.faults > 0) {
                return false;
            }
            if (os_clock_ns() > deadline_ns) {
                fault("not every client was in its room and bound after a minute");
                return false;
            }
            os_sleep_ms(1);
        }
    }
    return true;
}

static void send_state(unsigned room_index, unsigned index)
{
    struct room *room = &game.rooms[room_index];
    struct player *player = &room->players[index];
    const uint32_t total =
        player->numbers_sent[0] + player->numbers_sent[1] + player->numbers_sent[2];
    const uint8_t stream = (uint8_t)(total % STREAMS);
    uint8_t state[STATE_SIZE];
    int result;

    fill_state(state, room_index, index, stream, player->numbers_sent[stream] + 1);
    result = gsrelay_send(player->client, GSRELAY_TO_ALL, stream, stream == 2 ? GSRELAY_RETAIN : 0,
                          state, sizeof(state));
    if (result != GSRELAY_OK) {
        fault("send: %s", gsrelay_result_text(result));
        return;
    }
    player->numbers_sent[stream]++;
    room->sent++;
}

static void run(void)
{
    const uint64_t start_ns = os_clock_ns();
    const uint64_t rounds = (uint64_t)game.rate_per_s * game.seconds;
    uint64_t done = 0;

    while (done < rounds && game.faults == 0) {
        const uint64_t due = (os_clock_ns() - start_ns) * game.rate_per_s / SECOND_NS;

        if (due > done) {
            for (unsigned r = 0; r < game.room_count; r++) {
                for (unsigned c = 0; c < game.client_count; c++) {
                    send_state(r, c);
                }
            }
            done++;
        }
        poll_all();
        os_sleep_ms(1);
    }
    game.changed_ns = os_clock_ns();
    while (os_clock_ns() - game.changed_ns < QUIET_NS) {
        poll_all();
        os_sleep_ms(1);
    }
}

/* Stream 0 loses nothing and every stream ends with its newest state, if nothing was lost at all.
 */
static unsigned count_missing_ends(unsigned room_index)
{
    const struct room *room = &game.rooms[room_index];
    unsigned missing = 0;

    for (unsigned to = 0; to < game.client_count; to++) {
        for (unsigned from = 0; from < game.client_count; from++) {
            for (unsigned stream = 0; stream < STREAMS && from != to; stream++) {
                if (room->players[to].numbers_seen[from][stream] !=
                    room->players[from].numbers_sent[stream]) {
                    missing++;
                }
            }
        }
    }
    return missing;
}

static void report(void)
{
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t stale = 0;
    uint64_t expected_min = UINT64_MAX; /* Of the room with the fewest. */
    unsigned missing_ends = 0;

    for (unsigned r = 0; r < game.room_count; r++) {
        const uint64_t expected = game.rooms[r].sent * (game.client_count - 1);

        sent += game.rooms[r].sent;
        expected_min = expected < expected_min ? expected : expected_min;
        missing_ends += count_missing_ends(r);
        for (unsigned c = 0; c < game.client_count; c++) {
            struct gsrelay_stats stats;

            gsrelay_get_stats(game.rooms[r].players[c].client, &stats);
            received += game.rooms[r].players[c].received;
            stale += stats.dropped_stale;
        }
    }
    (void)printf("play rooms=%u clients=%u sent=%" PRIu64 " expected=%" PRIu64
                 " expected_room_min=%" PRIu64 " received=%" PRIu64 " stale=%" PRIu64
                 " missing_ends=%u faults=%u\n",
                 game.room_count, game.client_count, sent, sent * (game.client_count - 1),
                 expected_min, received, stale, missing_ends, game.faults);
}

static void tear_down(void)
{
    for (unsigned r = 0; r < game.room_count; r++) {
        for (unsigned c = 0; c < game.client_count; c++) {
            gsrelay_destroy(game.rooms[r].players[c].client);
        }
    }
}

static bool read_arguments(int argc, char **argv)
{
    static char host[GSRELAY_ADDRESS_SIZE];
    const char *colon = argc == 7 ? strrchr(argv[1], ':') : NULL;

    if (colon == NULL || (size_t)(colon - argv[1]) >= sizeof(host)) {
        return false;
    }
    memcpy(host, argv[1], (size_t)(colon - argv[1]));
    game.host = host;
    game.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    game.room_count = (unsigned)strtoul(argv[2], NULL, 10);
    game.client_count = (unsigned)strtoul(argv[3], NULL, 10);
    game.rate_per_s = (unsigned)strtoul(argv[4], NULL, 10);
    game.seconds = (unsigned)strtoul(argv[5], NULL, 10);
    game.tick_us = 1000 * (unsigned)strtoul(argv[6], NULL, 10);
    return game.port != 0 && game.room_count >= 1 && game.room_count <= ROOMS_MAX &&
           game.client_count >= 2 && game.client_count <= CLIENTS_MAX && game.rate_per_s >= 1;
}

int program_main(int argc, char **argv)
{
    if (!read_arguments(argc, argv)) {
        (void)fprintf(stderr, "usage: gsrelay_play ADDRESS:PORT ROOMS CLIENTS RATE_PER_S SECONDS "
                              "TICK_MS\n");
        return 2;
    }
    if (set_up()) {
        run();
    }
    report();
    tear_down();
    return game.faults == 0 ? 0 : 1;
}
