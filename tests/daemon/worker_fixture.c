/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/daemon/worker_fixture.h"

#include "proto/record.h"

#include <sodium.h>
#include <string.h>

void worker_fixture_wake_nobody(void *context)
{
    (void)context;
}

const struct relay_limits WORKER_FIXTURE_LIMITS = {
    .slots_max = 16,
    .rooms_max = 4,
    .members_per_room_max = 8,
    .streams_per_member = 4,
    .max_datagram = 1232,
    .cells_max = 512,
    .client_datagrams_rate = 10000000,
    .client_datagrams_burst = 10000000,
    .client_bytes_rate = 2000000000,
    .client_bytes_burst = 2000000000,
    .client_records_rate = 10000000,
    .client_records_burst = 10000000,
    .room_deliveries_rate = 10000000,
    .room_deliveries_burst = 10000000,
    .challenge_session_rate = 4,
    .challenge_session_burst = 4,
    .challenge_address_rate = 100,
    .challenge_address_burst = 100,
    .cookie_rotate_ns = UINT64_C(30000000000),
    .bind_timeout_ns = UINT64_C(60000000000),
    .session_idle_ns = UINT64_C(60000000000),
    .room_empty_ttl_ns = UINT64_C(60000000000),
    .room_retained_bytes = 65536,
    .rebind = REBIND_ANY,
    .rebind_moves = 4,
};

struct net_udp *worker_fixture_open_net(struct addr *address)
{
    const struct net_udp_options options = {
        .addresses = address,
        .address_count = 1,
        .max_datagram = 1232,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = 1 << 20,
        .ttl = NET_SETTING_DEFAULT,
        .dscp = NET_SETTING_DEFAULT,
    };
    struct net_failure failure;
    struct net_udp *net = NULL;

    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    *address = net_udp_address(net, 0);
    return net;
}

static void wait_event(struct worker_fixture *fixture, enum event_type type)
{
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;

    for (;;) {
        while (queue_pop(fixture->link->events, &fixture->event)) {
            if (fixture->event.type == type) {
                return;
            }
        }
        assert_true(os_clock_ns() < deadline_ns);
        os_sleep_ms(1);
    }
}

static void join(struct worker_fixture *fixture, unsigned index)
{
    struct command command = {
        .type = index == 0 ? COMMAND_CREATE : COMMAND_JOIN,
        .session = {index, 1000 + index},
        .request = 1,
        .room = fixture->room,
        .members_max = 8,
        .code = {'B', 'C', 'D', 'F', 'G', 'H'},
        .code_size = 6,
    };
    struct worker_member *member = &fixture->members[index];
    const struct command *place = queue_reserve(fixture->link->commands);

    command.secret.tag = 0x10203040u + index;
    memset(command.secret.key_up, (int)(1 + index), sizeof(command.secret.key_up));
    memset(command.secret.key_down, (int)(101 + index), sizeof(command.secret.key_down));
    assert_true(queue_push(fixture->link->commands, &command));
    link_wake_worker(fixture->link);
    wait_event(fixture, EVENT_MEMBERSHIP);
    /* The keys are the slot's now, and stay nowhere else. */
    assert_true(sodium_is_zero((const uint8_t *)&place->secret, sizeof(place->secret)));
    fixture->room = fixture->event.room;
    member->slot = fixture->event.slot;
    member->secret = fixture->event.secret;
    assert_memory_equal(&member->secret, &command.secret, sizeof(command.secret));
}

void worker_fixture_send_body(struct worker_fixture *fixture, struct worker_member *member,
                              enum datagram_type type, uint8_t *datagram, size_t body_size)
{
    const struct datagram_head head = {type, member->slot.index, member->slot.tag,
                                       ++member->sequence};
    struct net_outgoing outgoing = {.to = fixture->relay};

    outgoing.body.bytes = datagram;
    outgoing.body.size = datagram_seal(&head, member->secret.key_up, datagram, body_size);
    (void)net_udp_send(member->net, &outgoing, 1);
}

static void take_datagram(struct worker_fixture *fixture, struct worker_member *member,
                          const struct net_received *received)
{
    uint8_t datagram[64];
    uint8_t cookie[BODY_COOKIE_SIZE];
    struct datagram_head head;

    assert_int_equal(datagram_check_down(received->bytes, received->size, 1232, &head),
                     REASON_NONE);
    assert_true(datagram_tag_fits(received->bytes, received->size, member->secret.key_down));
    if (head.type == DATAGRAM_CHALLENGE) {
        assert_true(body_challenge_read(datagram_body(received->bytes), 8, cookie));
        body_confirm_write(datagram + DATAGRAM_HEAD_SIZE, cookie);
        worker_fixture_send_body(fixture, member, DATAGRAM_CONFIRM, datagram, BODY_CONFIRM_SIZE);
    } else if (head.type == DATAGRAM_BOUND) {
        member->is_bound = true;
    } else if (head.type == DATAGRAM_PONG) {
        member->has_pong = body_ping_read(datagram_body(received->bytes),
                                          datagram_body_size(received->size), &member->pong);
    } else if (head.type == DATAGRAM_DATA) {
        struct record_reader reader;
        struct record record;

        record_reader_init(&reader, RECORD_DOWN, datagram_body(received->bytes),
                           datagram_body_size(received->size));
        while (record_next(&reader, &record)) {
            assert_int_equal(record.size, WORKER_FIXTURE_PAYLOAD);
            member->states++;
        }
    }
}

void worker_fixture_receive_all(struct worker_fixture *fixture, struct worker_member *member,
                                uint64_t timeout_ns)
{
    struct net_received received[NET_UDP_BATCH];
    unsigned count;

    assert_true(net_udp_wait(member->net, timeout_ns) >= 0);
    while ((count = net_udp_recv(member->net, received, NET_UDP_BATCH)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            take_datagram(fixture, member, &received[i]);
        }
    }
}

static void bind_member(struct worker_fixture *fixture, struct worker_member *member)
{
    uint8_t datagram[64];
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;

    body_bind_write(datagram + DATAGRAM_HEAD_SIZE, 1);
    worker_fixture_send_body(fixture, member, DATAGRAM_BIND, datagram, BODY_BIND_SIZE);
    while (!member->is_bound) {
        worker_fixture_receive_all(fixture, member, UINT64_C(10000000));
        assert_true(os_clock_ns() < deadline_ns);
    }
}

void worker_fixture_send_state(struct worker_fixture *fixture, struct worker_member *member)
{
    uint8_t payload[WORKER_FIXTURE_PAYLOAD] = {0};
    uint8_t datagram[256];
    struct record_writer writer;
    const struct record record = {.member = MEMBER_ALL,
                                  .stream = 1,
                                  .is_retained = true,
                                  .size = sizeof(payload),
                                  .payload = payload};

    record_writer_init(&writer, RECORD_UP, datagram + DATAGRAM_HEAD_SIZE, 200);
    assert_true(record_write(&writer, &record));
    worker_fixture_send_body(fixture, member, DATAGRAM_DATA, datagram, writer.size);
}

const struct link_snapshot *worker_fixture_take_snapshot(struct worker_fixture *fixture)
{
    const struct link_snapshot *snapshot;
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;

    link_snapshot_ask(fixture->link);
    while ((snapshot = link_snapshot_get(fixture->link)) == NULL) {
        assert_true(os_clock_ns() < deadline_ns);
        os_sleep_ms(1);
    }
    return snapshot;
}

static uint64_t sum(const uint64_t counts[], unsigned first, unsigned last)
{
    uint64_t total = 0;

    for (unsigned i = first; i <= last; i++) {
        total += counts[i];
    }
    return total;
}

void worker_fixture_expect_ledgers(const struct core_counters *core)
{
    assert_int_equal(core->datagrams_received,
                     sum(core->datagrams_handled, 0, CORE_TYPES - 1) + sum(core->dropped, 1, 39));
    assert_int_equal(core->records_read, core->records_admitted + sum(core->dropped, 40, 59));
    assert_int_equal(core->deliveries_made, core->deliveries_sent + core->deliveries_superseded +
                                                core->deliveries_waiting +
                                                sum(core->dropped, 60, 79));
}

void worker_fixture_create(struct worker_fixture *fixture)
{
    struct addr relay = addr_ipv4(127, 0, 0, 1, 0);
    const uint8_t seed[32] = {7};
    struct net_udp *net;

    memset(fixture, 0, sizeof(*fixture));
    net = worker_fixture_open_net(&relay);
    fixture->relay = relay;
    assert_int_equal(
        worker_create(&WORKER_FIXTURE_LIMITS, net, seed, os_clock_ns(), &fixture->worker),
        RESULT_OK);
    fixture->link = worker_link(fixture->worker);
    fixture->link->wake_control = worker_fixture_wake_nobody;
}

void worker_fixture_start(struct worker_fixture *fixture)
{
    assert_int_equal(os_thread_create(worker_run, fixture->worker, "worker", &fixture->thread), 0);
    for (unsigned i = 0; i < WORKER_FIXTURE_MEMBERS; i++) {
        struct addr own = addr_ipv4(127, 0, 0, 1, 0);

        fixture->members[i].net = worker_fixture_open_net(&own);
        join(fixture, i);
        bind_member(fixture, &fixture->members[i]);
    }
}

void worker_fixture_stop(struct worker_fixture *fixture)
{
    atomic_store(&fixture->link->stop, true);
    link_wake_worker(fixture->link);
    os_thread_join(fixture->thread);
    assert_int_equal(fixture->link->failure, 0);
    for (unsigned i = 0; i < WORKER_FIXTURE_MEMBERS; i++) {
        net_udp_close(fixture->members[i].net);
    }
}
