/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_PLAYER_H
#define GSRELAY_TESTS_SIM_SIM_PLAYER_H

#include "sim_blob.h"
#include "sim_message.h"
#include "sim_relay.h"

#include <gsrelay/gsrelay.h>
#include <gsrelay/gsrelay_io.h>

/* sim_player.h - a player: the client library as it is shipped, somebody who plays with it, and a
 * judge of all that it is told.
 *
 *     A state comes from a member of the own room, unaltered, on the stream and to the receiver
 *     that it was sent for, once, and on streams above 0 never after a newer one.
 *     A member joins before it is heard and before it leaves, and no state comes after that.
 *     The room's clock, as any of its members reads it at any time, is as far wrong as it says at
 *     most, and never goes back, though the players' own clocks go wrongly.
 *     Each request is answered once. The host's epoch rises.
 *     Whoever becomes host gets what an earlier host has left (sim_blob.h). */

#define SIM_PLAYERS_MAX     64
#define SIM_STREAMS         5
#define SIM_MEMBERSHIPS_MAX 16384
#define SIM_CODES_MAX       8
#define SIM_HEARD_MAX       512
#define SIM_ROOMS_MAX       256

/* What each stream is for: one stream serves one destination. */
enum sim_stream {
    SIM_STREAM_EACH,     /* 0: to all, each of them once. */
    SIM_STREAM_RETAINED, /* To all, kept for late joiners. */
    SIM_STREAM_ALL,
    SIM_STREAM_HOST,
    SIM_STREAM_ONE /* To one member. */
};

struct sim_membership {
    uint32_t room;
    uint16_t player;
    uint16_t member;
};

/* When a room was made, by what all its members have read of its clock. */
struct sim_room_clock {
    uint32_t room;
    int64_t earliest_ns;
    int64_t latest_ns;
};

/* What the players of a world share. */
struct sim_players {
    struct sim_net *net;
    struct sim_links *links;
    struct sim_random *random;
    struct sim_judge *judge;
    struct addr relay; /* Without a port. */
    uint64_t calm_ns;  /* From then on nobody leaves any more. */
    uint64_t still_ns; /* From then on nobody asks for anything, and all are to agree. */
    uint64_t end_ns;   /* From then on everybody goes home. */
    uint32_t churn;    /* Per mille: what a player does besides playing. */
    uint32_t streams;  /* Streams above 0 that may be used. */
    uint32_t code_count;
    char codes[SIM_CODES_MAX][GSRELAY_CODE_SIZE]; /* Rooms that were made last. */
    struct sim_blobs blobs;
    uint32_t clock_count;
    struct sim_room_clock clocks[SIM_ROOMS_MAX]; /* Of the rooms that were entered last. */
    uint32_t membership_count;
    struct sim_membership memberships[SIM_MEMBERSHIPS_MAX];
};

/* What a player heard last of one membership. A player who came back may be there twice for a
 * while. */
struct sim_heard {
    uint32_t membership;
    uint32_t numbers[SIM_STREAMS]; /* The highest of each stream. */
    uint64_t seen;                 /* Of stream 0: bit i is the highest less i. */
};

struct sim_player {
    uint16_t index;
    bool is_restless; /* An insider who sends from many addresses and everything twice. */
    struct gsrelay_client *client;
    struct sim_players *players;
    struct addr address;
    uint32_t udp_serial;
    uint32_t link;
    uint64_t send_ns; /* When to send next; the interval between two. */
    uint64_t send_interval_ns;
    uint64_t clock_ahead_ns; /* Its own clock is that far ahead of the world's when this is 0, */
    int64_t clock_ppm;       /* and so much faster. */
    uint64_t room_time_us;   /* The room's time that it read last. */
    uint32_t room_clock;     /* The place of its room's. */
    uint64_t act_ns;         /* When to do something else next. */
    uint64_t listen_ns;      /* Takes no events before. */
    uint64_t mute_ns;        /* No datagram comes through before, in either direction. */
    uint32_t requests[GSRELAY_REQUESTS_MAX + 1]; /* A blob is on its way beside them. */
    uint32_t request_count;
    uint32_t blob_request; /* Of the last blob that it left, */
    uint32_t blob_number;  /* and which that is. */
    bool waits_for_blob;   /* It became host and has not heard what was left for it. */
    bool is_leaving;
    uint32_t membership; /* 0 = in no room. */
    uint32_t room;
    uint16_t member;
    uint16_t host;
    uint32_t host_epoch;
    uint32_t others;               /* Members known, besides the own. */
    uint16_t ids[SIM_PLAYERS_MAX]; /* Theirs. */
    uint32_t numbers[SIM_STREAMS]; /* Of the last state sent. */
    uint32_t heard_count;
    struct sim_heard heard[SIM_HEARD_MAX];
};

/* Makes a player with a client of its own; `seed` is 32 random bytes. */
void sim_player_open(struct sim_player *player, struct sim_players *players, uint16_t index,
                     bool is_restless);
void sim_player_close(struct sim_player *player);

/* A packet has arrived. */
void sim_player_datagram(struct sim_player *player, const struct sim_packet *packet,
                         uint64_t now_ns);
void sim_player_stream(struct sim_player *player, const struct sim_packet *packet, uint64_t now_ns);

/* Plays, and lets the client do what is due. */
void sim_player_run(struct sim_player *player, uint64_t now_ns);
uint64_t sim_player_deadline(const struct sim_player *player);

/* What the player's own clock shows. */
uint64_t sim_player_time(const struct sim_player *player, uint64_t now_ns);

/* Reads the room's clock and judges it: sim_player_judge.c. */
void sim_player_read_clock(struct sim_player *player, uint64_t now_ns);

/* Takes what the client has to tell, and judges it: sim_player_judge.c. */
void sim_player_listen(struct sim_player *player, uint64_t now_ns);

/* In the calm: whether two players see the same room, and hold the same state of a third one. */
void sim_player_compare(const struct sim_player *a, const struct sim_player *b);
void sim_player_judge_host(const struct sim_player *player);
void sim_player_compare_states(const struct sim_player *a, const struct sim_player *b,
                               const struct sim_player *sender);

/* The number of a join code. */
uint32_t sim_room_hash(const char *code);

#endif
