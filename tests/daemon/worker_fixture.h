/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_DAEMON_WORKER_FIXTURE_H
#define GSRELAY_TESTS_DAEMON_WORKER_FIXTURE_H

#include "daemon/os/os.h"
#include "daemon/worker.h"
#include "proto/body.h"
#include "proto/datagram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* worker_fixture.h - a worker on real sockets: two members, made by commands as the control thread
 * would, whose datagrams come from another net_udp. */

#define WORKER_FIXTURE_MEMBERS     2
#define WORKER_FIXTURE_PAYLOAD     60
#define WORKER_FIXTURE_PATIENCE_NS UINT64_C(20000000000)

extern const struct relay_limits WORKER_FIXTURE_LIMITS;

struct worker_member {
    struct net_udp *net;
    struct slot_ref slot;
    struct slot_secret secret;
    uint64_t sequence;
    uint64_t states;
    bool is_bound;
    bool has_pong;
    struct body_ping pong;
};

struct worker_fixture {
    struct worker *worker;
    struct link *link;
    struct os_thread *thread;
    struct addr relay;
    struct room_ref room;
    struct worker_member members[WORKER_FIXTURE_MEMBERS];
    struct event event;
};

/* For links whose control thread is the test itself. */
void worker_fixture_wake_nobody(void *context);

/* Opens sockets at the address and writes back which port they got. */
struct net_udp *worker_fixture_open_net(struct addr *address);

/* Makes the worker; starts its thread and brings the members in; ends the thread. The test itself
 * destroys the worker. */
void worker_fixture_create(struct worker_fixture *fixture);
void worker_fixture_start(struct worker_fixture *fixture);
void worker_fixture_stop(struct worker_fixture *fixture);

/* Seals and sends a datagram whose body lies behind the room for its head. */
void worker_fixture_send_body(struct worker_fixture *fixture, struct worker_member *member,
                              enum datagram_type type, uint8_t *datagram, size_t body_size);
void worker_fixture_send_state(struct worker_fixture *fixture, struct worker_member *member);

/* Takes what there is for a member, or comes within the time. */
void worker_fixture_receive_all(struct worker_fixture *fixture, struct worker_member *member,
                                uint64_t timeout_ns);

const struct link_snapshot *worker_fixture_take_snapshot(struct worker_fixture *fixture);
void worker_fixture_expect_ledgers(const struct core_counters *core);

#endif
