/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/os/lines.h"
#include "daemon/os/os.h"
#include "daemon/worker.h"
#include "proto/body.h"
#include "proto/datagram.h"
#include "proto/record.h"
#include "tests/daemon/count_allocations.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A worker on real sockets: two members, made by commands as the control thread would, whose
 * datagrams come from another net_udp. */

enum { MEMBERS = 2, PAYLOAD = 60, STEADY_DATAGRAMS = 100000, BURST = 32 };

static const uint64_t PATIENCE_NS = UINT64_C(20000000000);

struct member {
    struct net_udp *net;
    struct slot_ref slot;
    struct slot_secret secret;
    uint64_t sequence;
    uint64_t states;
    bool is_bound;
};

struct fixture {
    struct worker *worker;
    struct link *link;
    struct os_thread *thread;
    struct addr relay;
    struct room_ref room;
    struct member members[MEMBERS];
    struct event event;
};

static void wake_nobody(void *context)
{
    (void)context;
}

static const struct relay_limits LIMITS = {
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

static struct net_udp *open_net(struct addr *address)
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

static void wait_event(struct fixture *fixture, enum event_type type)
{
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;

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

static void join(struct fixture *fixture, unsigned index)
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
    struct member *member = &fixture->members[index];
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

static void send_body(struct fixture *fixture, struct member *member, enum datagram_type type,
                      uint8_t *datagram, size_t body_size)
{
    const struct datagram_head head = {type, member->slot.index, member->slot.tag,
                                       ++member->sequence};
    struct net_outgoing outgoing = {.to = fixture->relay};

    outgoing.body.bytes = datagram;
    outgoing.body.size = datagram_seal(&head, member->secret.key_up, datagram, body_size);
    (void)net_udp_send(member->net, &outgoing, 1);
}

static void take_datagram(struct fixture *fixture, struct member *member,
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
        send_body(fixture, member, DATAGRAM_CONFIRM, datagram, BODY_CONFIRM_SIZE);
    } else if (head.type == DATAGRAM_BOUND) {
        member->is_bound = true;
    } else if (head.type == DATAGRAM_DATA) {
        struct record_reader reader;
        struct record record;

        record_reader_init(&reader, RECORD_DOWN, datagram_body(received->bytes),
                           datagram_body_size(received->size));
        while (record_next(&reader, &record)) {
            assert_int_equal(record.size, PAYLOAD);
            member->states++;
        }
    }
}

static void receive_all(struct fixture *fixture, struct member *member, uint64_t timeout_ns)
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

static void bind_member(struct fixture *fixture, struct member *member)
{
    uint8_t datagram[64];
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;

    body_bind_write(datagram + DATAGRAM_HEAD_SIZE, 1);
    send_body(fixture, member, DATAGRAM_BIND, datagram, BODY_BIND_SIZE);
    while (!member->is_bound) {
        receive_all(fixture, member, UINT64_C(10000000));
        assert_true(os_clock_ns() < deadline_ns);
    }
}

static void send_state(struct fixture *fixture, struct member *member)
{
    uint8_t payload[PAYLOAD] = {0};
    uint8_t datagram[256];
    struct record_writer writer;
    const struct record record = {.member = MEMBER_ALL,
                                  .stream = 1,
                                  .is_retained = true,
                                  .size = sizeof(payload),
                                  .payload = payload};

    record_writer_init(&writer, RECORD_UP, datagram + DATAGRAM_HEAD_SIZE, 200);
    assert_true(record_write(&writer, &record));
    send_body(fixture, member, DATAGRAM_DATA, datagram, writer.size);
}

static const struct link_snapshot *take_snapshot(struct fixture *fixture)
{
    const struct link_snapshot *snapshot;
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;

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

static void expect_ledgers(const struct core_counters *core)
{
    assert_int_equal(core->datagrams_received,
                     sum(core->datagrams_handled, 0, CORE_TYPES - 1) + sum(core->dropped, 1, 39));
    assert_int_equal(core->records_read, core->records_admitted + sum(core->dropped, 40, 59));
    assert_int_equal(core->deliveries_made, core->deliveries_sent + core->deliveries_superseded +
                                                core->deliveries_waiting +
                                                sum(core->dropped, 60, 79));
}

static void create_worker(struct fixture *fixture)
{
    struct addr relay = addr_ipv4(127, 0, 0, 1, 0);
    const uint8_t seed[32] = {7};
    struct net_udp *net;

    memset(fixture, 0, sizeof(*fixture));
    net = open_net(&relay);
    fixture->relay = relay;
    assert_int_equal(worker_create(&LIMITS, net, seed, os_clock_ns(), &fixture->worker), RESULT_OK);
    fixture->link = worker_link(fixture->worker);
    fixture->link->wake_control = wake_nobody;
}

static void start_worker(struct fixture *fixture)
{
    assert_int_equal(os_thread_create(worker_run, fixture->worker, "worker", &fixture->thread), 0);
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct addr own = addr_ipv4(127, 0, 0, 1, 0);

        fixture->members[i].net = open_net(&own);
        join(fixture, i);
        bind_member(fixture, &fixture->members[i]);
    }
}

static void stop_worker(struct fixture *fixture)
{
    atomic_store(&fixture->link->stop, true);
    link_wake_worker(fixture->link);
    os_thread_join(fixture->thread);
    assert_int_equal(fixture->link->failure, 0);
    for (unsigned i = 0; i < MEMBERS; i++) {
        net_udp_close(fixture->members[i].net);
    }
}

static int set_up(void **state)
{
    static struct fixture fixture;

    create_worker(&fixture);
    start_worker(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    stop_worker(fixture);
    worker_destroy(fixture->worker);
    return 0;
}

static void worker__a_state_is_sent__the_other_member_gets_it(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;
    const struct link_snapshot *snapshot;

    send_state(fixture, &fixture->members[0]);
    while (fixture->members[1].states == 0) {
        receive_all(fixture, &fixture->members[1], UINT64_C(10000000));
        assert_true(os_clock_ns() < deadline_ns);
    }
    snapshot = take_snapshot(fixture);
    assert_int_equal(snapshot->core.records_admitted, 1);
    assert_int_equal(snapshot->core.deliveries_sent, 1);
    assert_int_equal(snapshot->core.slots_bound, MEMBERS);
    expect_ledgers(&snapshot->core);
}

/* Bursts, with both ends keeping pace: what is counted is allocations, not speed. */
static void worker__a_long_steady_run__allocates_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct link_snapshot *snapshot;
    uint64_t before;
    unsigned sent = 0;

    if (!count_allocations_works()) {
        skip();
    }
    send_state(fixture, &fixture->members[0]);
    before = count_allocations();
    while (sent < STEADY_DATAGRAMS) {
        for (unsigned i = 0; i < BURST; i++, sent++) {
            send_state(fixture, &fixture->members[sent % MEMBERS]);
        }
        for (unsigned i = 0; i < MEMBERS; i++) {
            receive_all(fixture, &fixture->members[i], UINT64_C(1000000));
        }
    }
    assert_int_equal(count_allocations() - before, 0);
    snapshot = take_snapshot(fixture);
    assert_true(snapshot->core.records_admitted > STEADY_DATAGRAMS / 2);
    expect_ledgers(&snapshot->core);
    print_message("%u datagrams, %llu taken, %llu states delivered, no allocation\n", sent,
                  (unsigned long long)snapshot->core.records_admitted,
                  (unsigned long long)snapshot->core.deliveries_sent);
}

static void worker__new_limits__act_on_the_members_who_are_there(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;
    struct relay_limits limits = LIMITS;

    limits.client_datagrams_rate = 1;
    limits.client_datagrams_burst = 1;
    assert_true(link_limits_give(fixture->link, &limits));
    while (!link_limits_give(fixture->link, &limits)) { /* Until it has the first ones. */
        assert_true(os_clock_ns() < deadline_ns);
        os_sleep_ms(1);
    }
    do {
        send_state(fixture, &fixture->members[0]);
        assert_true(os_clock_ns() < deadline_ns);
    } while (take_snapshot(fixture)->core.dropped[REASON_CLIENT_DATAGRAMS] == 0);
    expect_ledgers(&fixture->link->snapshot.core);
}

static void count_wake(void *context)
{
    (*(unsigned *)context)++;
}

/* A full queue is no obstacle, and no word is lost: what was given last is what acts. */
static void worker__new_limits_while_its_queue_is_full__are_taken_once(void **state)
{
    const struct command drain = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};
    const uint8_t seed[32] = {7};
    struct addr relay = addr_ipv4(127, 0, 0, 1, 0);
    struct worker *worker = NULL;
    struct link *link;
    unsigned wakes = 0;

    (void)state;
    assert_int_equal(worker_create(&LIMITS, open_net(&relay), seed, os_clock_ns(), &worker),
                     RESULT_OK);
    link = worker_link(worker);
    link->wake_control = count_wake;
    link->wake_context = &wakes;
    while (queue_push(link->commands, &drain)) {
    }
    assert_null(link_limits_get(link));
    assert_true(link_limits_give(link, &LIMITS));
    assert_memory_equal(link_limits_get(link), &LIMITS, sizeof(LIMITS));
    assert_false(link_limits_give(link, &LIMITS));
    atomic_store(&link->stop, true);
    worker_run(worker);
    assert_null(link_limits_get(link));
    assert_int_equal(wakes, 1);
    assert_true(link_limits_give(link, &LIMITS));
    worker_destroy(worker);
}

/* More commands than one turn takes, the order to tell the members among them. */
static void worker__stopped_with_many_commands_waiting__carries_out_all(void **state)
{
    const struct command drain = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};
    const uint8_t seed[32] = {7};
    struct addr relay = addr_ipv4(127, 0, 0, 1, 0);
    struct worker *worker = NULL;
    struct link *link;

    (void)state;
    assert_int_equal(worker_create(&LIMITS, open_net(&relay), seed, os_clock_ns(), &worker),
                     RESULT_OK);
    link = worker_link(worker);
    link->wake_control = wake_nobody;
    while (queue_push(link->commands, &drain)) {
    }
    assert_int_equal(queue_space(link->commands), 0);
    atomic_store(&link->stop, true);
    worker_run(worker);
    assert_int_equal(queue_space(link->commands), WORKER_COMMANDS);
    worker_destroy(worker);
}

/* --- Cache lines ------------------------------------------------------------------------------ */

/* The blocks that were made while somebody wrote them down (the linker sends lines_create() here).
 */
struct blocks {
    unsigned count;
    struct {
        uint8_t *begin;
        size_t size; /* With the rest of its last pair of lines. */
        uint8_t *copy;
    } items[16];
};

static struct blocks *blocks_now;

void *__real_lines_create(size_t size);
void *__wrap_lines_create(size_t size);

void *__wrap_lines_create(size_t size)
{
    void *const block = __real_lines_create(size);

    if (blocks_now != NULL) {
        const unsigned place = blocks_now->count++;

        assert_true(place < 16);
        blocks_now->items[place].begin = block;
        blocks_now->items[place].size = (size + LINES_APART - 1) / LINES_APART * LINES_APART;
    }
    return block;
}

/* A worker with its sockets, whose every block is written down: there is no other memory of it. */
static void create_watched(struct fixture *fixture, struct blocks *blocks)
{
    const bool is_counted = count_allocations_works();
    const uint64_t before = count_allocations();

    memset(blocks, 0, sizeof(*blocks));
    blocks_now = blocks;
    create_worker(fixture);
    blocks_now = NULL;
    assert_true(blocks->count >= 5); /* Sockets, worker, core, two queues with their places. */
    if (is_counted) {
        assert_int_equal(count_allocations() - before, blocks->count);
    }
}

static void copy_blocks(struct blocks *blocks)
{
    for (unsigned i = 0; i < blocks->count; i++) {
        blocks->items[i].copy = test_malloc(blocks->items[i].size);
        memcpy(blocks->items[i].copy, blocks->items[i].begin, blocks->items[i].size);
    }
}

/* How many lines were written since the copies were made. */
static unsigned count_written(struct blocks *blocks)
{
    unsigned written = 0;

    for (unsigned i = 0; i < blocks->count; i++) {
        for (size_t at = 0; at < blocks->items[i].size; at += 64) {
            written += memcmp(blocks->items[i].begin + at, blocks->items[i].copy + at, 64) != 0;
        }
        test_free(blocks->items[i].copy);
    }
    return written;
}

static void expect_no_line_in_common(const struct blocks *one, const struct blocks *other)
{
    for (unsigned i = 0; i < one->count; i++) {
        const uintptr_t begin = (uintptr_t)one->items[i].begin;

        assert_int_equal(begin % LINES_APART, 0);
        for (unsigned k = 0; k < other->count; k++) {
            const uintptr_t there = (uintptr_t)other->items[k].begin;
            assert_true(begin + one->items[i].size <= there ||
                        there + other->items[k].size <= begin);
        }
    }
}

static void play(struct fixture *fixture)
{
    for (unsigned sent = 0; sent < 100 * BURST; sent++) {
        send_state(fixture, &fixture->members[sent % MEMBERS]);
        if (sent % BURST == 0) {
            receive_all(fixture, &fixture->members[0], UINT64_C(1000000));
            receive_all(fixture, &fixture->members[1], UINT64_C(1000000));
        }
    }
    assert_true(take_snapshot(fixture)->core.deliveries_sent > 0);
}

/* Two workers made as the server makes them, one after the other. What one writes while members
 * join and states flow lies in its own blocks, and those have no line in common. */
static void workers__one_serves__no_line_of_the_other_is_written(void **state)
{
    static struct fixture fixtures[2];
    static struct blocks blocks[2];
    const char *const preload = getenv("LD_PRELOAD");

    (void)state;
    if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
        skip(); /* Whole blocks are compared, with what was never set in them. */
    }
    create_watched(&fixtures[0], &blocks[0]);
    create_watched(&fixtures[1], &blocks[1]);
    expect_no_line_in_common(&blocks[0], &blocks[1]);
    for (unsigned i = 0; i < 2; i++) {
        unsigned written[2];

        copy_blocks(&blocks[0]);
        copy_blocks(&blocks[1]);
        start_worker(&fixtures[i]);
        play(&fixtures[i]);
        stop_worker(&fixtures[i]);
        written[0] = count_written(&blocks[0]);
        written[1] = count_written(&blocks[1]);
        print_message("worker %u serves: %u lines of worker 0 and %u of worker 1 were written\n", i,
                      written[0], written[1]);
        assert_true(written[i] > 100);
        assert_int_equal(written[1 - i], 0);
    }
    worker_destroy(fixtures[0].worker);
    worker_destroy(fixtures[1].worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worker__a_state_is_sent__the_other_member_gets_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(worker__a_long_steady_run__allocates_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(worker__new_limits__act_on_the_members_who_are_there,
                                        set_up, tear_down),
        cmocka_unit_test(worker__new_limits_while_its_queue_is_full__are_taken_once),
        cmocka_unit_test(worker__stopped_with_many_commands_waiting__carries_out_all),
        cmocka_unit_test(workers__one_serves__no_line_of_the_other_is_written),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
