/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/os/lines.h"
#include "daemon/os/os.h"
#include "daemon/worker.h"
#include "tests/daemon/count_allocations.h"
#include "tests/daemon/worker_fixture.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEADY_DATAGRAMS = 100000, BURST = 32 };

static int set_up(void **state)
{
    static struct worker_fixture fixture;

    worker_fixture_create(&fixture);
    worker_fixture_start(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct worker_fixture *fixture = *state;

    worker_fixture_stop(fixture);
    worker_destroy(fixture->worker);
    return 0;
}

static void worker__a_state_is_sent__the_other_member_gets_it(void **state)
{
    struct worker_fixture *fixture = *state;
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;
    const struct link_snapshot *snapshot;

    worker_fixture_send_state(fixture, &fixture->members[0]);
    while (fixture->members[1].states == 0) {
        worker_fixture_receive_all(fixture, &fixture->members[1], UINT64_C(10000000));
        assert_true(os_clock_ns() < deadline_ns);
    }
    snapshot = worker_fixture_take_snapshot(fixture);
    assert_int_equal(snapshot->core.records_admitted, 1);
    assert_int_equal(snapshot->core.deliveries_sent, 1);
    assert_int_equal(snapshot->core.slots_bound, WORKER_FIXTURE_MEMBERS);
    worker_fixture_expect_ledgers(&snapshot->core);
}

/* Bursts, with both ends keeping pace: what is counted is allocations, not speed. */
static void worker__a_long_steady_run__allocates_nothing(void **state)
{
    struct worker_fixture *fixture = *state;
    const struct link_snapshot *snapshot;
    uint64_t before;
    unsigned sent = 0;

    if (!count_allocations_works()) {
        skip();
    }
    worker_fixture_send_state(fixture, &fixture->members[0]);
    before = count_allocations();
    while (sent < STEADY_DATAGRAMS) {
        for (unsigned i = 0; i < BURST; i++, sent++) {
            worker_fixture_send_state(fixture, &fixture->members[sent % WORKER_FIXTURE_MEMBERS]);
        }
        for (unsigned i = 0; i < WORKER_FIXTURE_MEMBERS; i++) {
            worker_fixture_receive_all(fixture, &fixture->members[i], UINT64_C(1000000));
        }
    }
    assert_int_equal(count_allocations() - before, 0);
    snapshot = worker_fixture_take_snapshot(fixture);
    assert_true(snapshot->core.records_admitted > STEADY_DATAGRAMS / 2);
    worker_fixture_expect_ledgers(&snapshot->core);
    print_message("%u datagrams, %llu taken, %llu states delivered, no allocation\n", sent,
                  (unsigned long long)snapshot->core.records_admitted,
                  (unsigned long long)snapshot->core.deliveries_sent);
}

static void send_ping(struct worker_fixture *fixture, struct worker_member *member)
{
    uint8_t datagram[DATAGRAM_OVERHEAD + BODY_PING_SIZE];
    const struct body_ping ping = {.client_time_us = 1};

    body_ping_write(datagram + DATAGRAM_HEAD_SIZE, &ping);
    worker_fixture_send_body(fixture, member, DATAGRAM_PING, datagram, BODY_PING_SIZE);
}

/* Whose PING comes when the worker's next turn has begun long ago, and when it was sent. */
static struct worker_fixture *_Atomic late_sender;
static _Atomic uint64_t late_ns;

unsigned __real_net_udp_recv(struct net_udp *net, struct net_received out[], unsigned capacity);
unsigned __wrap_net_udp_recv(struct net_udp *net, struct net_received out[], unsigned capacity);

/* The linker sends net_udp_recv() here. While a sender is set only the worker calls it. */
unsigned __wrap_net_udp_recv(struct net_udp *net, struct net_received out[], unsigned capacity)
{
    struct worker_fixture *fixture = atomic_exchange(&late_sender, NULL);

    if (fixture != NULL) {
        uint64_t now_ns;

        os_sleep_ms(50);
        now_ns = os_clock_ns();
        send_ping(fixture, &fixture->members[0]);
        atomic_store(&late_ns, now_ns);
    }
    return __real_net_udp_recv(net, out, capacity);
}

/* What the worker did in the turn before a PING came is no delay of that PING's. */
static void worker__a_ping_comes_late_in_a_turn__its_delay_begins_then(void **state)
{
    struct worker_fixture *fixture = *state;
    struct worker_member *member = &fixture->members[0];
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;
    uint64_t away_ns;

    atomic_store(&late_ns, 0);
    atomic_store(&late_sender, fixture);
    worker_fixture_send_state(fixture, &fixture->members[1]);
    while (atomic_load(&late_ns) == 0) {
        assert_true(os_clock_ns() < deadline_ns);
        os_sleep_ms(1);
    }
    while (!member->has_pong) {
        worker_fixture_receive_all(fixture, member, UINT64_C(10000000));
        assert_true(os_clock_ns() < deadline_ns);
    }
    away_ns = os_clock_ns() - atomic_load(&late_ns);
    assert_true(member->pong.delay_us <= away_ns / 1000);
}

static void worker__new_limits__act_on_the_members_who_are_there(void **state)
{
    struct worker_fixture *fixture = *state;
    const uint64_t deadline_ns = os_clock_ns() + WORKER_FIXTURE_PATIENCE_NS;
    struct relay_limits limits = WORKER_FIXTURE_LIMITS;

    limits.client_datagrams_rate = 1;
    limits.client_datagrams_burst = 1;
    assert_true(link_limits_give(fixture->link, &limits));
    while (!link_limits_give(fixture->link, &limits)) { /* Until it has the first ones. */
        assert_true(os_clock_ns() < deadline_ns);
        os_sleep_ms(1);
    }
    do {
        worker_fixture_send_state(fixture, &fixture->members[0]);
        assert_true(os_clock_ns() < deadline_ns);
    } while (worker_fixture_take_snapshot(fixture)->core.dropped[REASON_CLIENT_DATAGRAMS] == 0);
    worker_fixture_expect_ledgers(&fixture->link->snapshot.core);
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
    assert_int_equal(worker_create(&WORKER_FIXTURE_LIMITS, worker_fixture_open_net(&relay), seed,
                                   os_clock_ns(), &worker),
                     RESULT_OK);
    link = worker_link(worker);
    link->wake_control = count_wake;
    link->wake_context = &wakes;
    while (queue_push(link->commands, &drain)) {
    }
    assert_null(link_limits_get(link));
    assert_true(link_limits_give(link, &WORKER_FIXTURE_LIMITS));
    assert_memory_equal(link_limits_get(link), &WORKER_FIXTURE_LIMITS,
                        sizeof(WORKER_FIXTURE_LIMITS));
    assert_false(link_limits_give(link, &WORKER_FIXTURE_LIMITS));
    atomic_store(&link->stop, true);
    worker_run(worker);
    assert_null(link_limits_get(link));
    assert_int_equal(wakes, 1);
    assert_true(link_limits_give(link, &WORKER_FIXTURE_LIMITS));
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
    assert_int_equal(worker_create(&WORKER_FIXTURE_LIMITS, worker_fixture_open_net(&relay), seed,
                                   os_clock_ns(), &worker),
                     RESULT_OK);
    link = worker_link(worker);
    link->wake_control = worker_fixture_wake_nobody;
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
static void create_watched(struct worker_fixture *fixture, struct blocks *blocks)
{
    const bool is_counted = count_allocations_works();
    const uint64_t before = count_allocations();

    memset(blocks, 0, sizeof(*blocks));
    blocks_now = blocks;
    worker_fixture_create(fixture);
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

static void play(struct worker_fixture *fixture)
{
    for (unsigned sent = 0; sent < 100 * BURST; sent++) {
        worker_fixture_send_state(fixture, &fixture->members[sent % WORKER_FIXTURE_MEMBERS]);
        if (sent % BURST == 0) {
            worker_fixture_receive_all(fixture, &fixture->members[0], UINT64_C(1000000));
            worker_fixture_receive_all(fixture, &fixture->members[1], UINT64_C(1000000));
        }
    }
    assert_true(worker_fixture_take_snapshot(fixture)->core.deliveries_sent > 0);
}

/* Two workers made as the server makes them, one after the other. What one writes while members
 * join and states flow lies in its own blocks, and those have no line in common. */
static void workers__one_serves__no_line_of_the_other_is_written(void **state)
{
    static struct worker_fixture fixtures[2];
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
        worker_fixture_start(&fixtures[i]);
        play(&fixtures[i]);
        worker_fixture_stop(&fixtures[i]);
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
        cmocka_unit_test_setup_teardown(worker__a_ping_comes_late_in_a_turn__its_delay_begins_then,
                                        set_up, tear_down),
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
