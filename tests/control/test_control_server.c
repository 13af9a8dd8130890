/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/control_server.h"
#include "daemon/control/control_server_parts.h"
#include "daemon/os/os.h"
#include "proto/control_message.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "tests/conformance/peer.h"
#include "tests/control/bench_worker.h"

/* The thread and its sockets are real; the worker is played by the test's own thread. */

#define LOG_BYTES (1u << 20)

/* Long enough for a loaded machine; nothing waits for it unless something is broken. */
#define PATIENCE_NS UINT64_C(20000000000)

struct fixture {
    struct config config;
    struct log *log;
    char *logged;
    size_t logged_size;
    struct net_udp *udp;
    struct link link;
    struct link *links[1];
    struct bench_worker worker;
    struct control_server *server;
    struct os_thread *thread;
    int result;
    atomic_uint moments[CONTROL_SERVER_STOPPING + 1];
    atomic_bool is_apply_wanted;
    atomic_bool is_applied;
    atomic_uint reopened;
    struct peer *peer;
    struct noise_cipher send;
    struct noise_cipher receive;
    uint8_t down[65536];
    size_t down_size;
    bool is_closed;
};

static struct fixture *fixture;

/* The log belongs to the server's thread; the test reads when that has ended. */
static int write_log(void *context, const char *line, size_t size)
{
    struct fixture *to = context;
    if (to->logged_size + size >= LOG_BYTES) {
        return RESULT_FULL;
    }
    memcpy(to->logged + to->logged_size, line, size);
    to->logged_size += size;
    return 0;
}

static void reopen_sink(void *context)
{
    struct fixture *of = context;
    (void)atomic_fetch_add(&of->reopened, 1);
}

static void close_log(void *context)
{
    (void)context;
}

static void open_link(void)
{
    struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct net_failure failure;
    const struct net_udp_options options = {.addresses = &address,
                                            .address_count = 1,
                                            .max_datagram = 1232,
                                            .recv_buffer_bytes = NET_SETTING_DEFAULT,
                                            .send_buffer_bytes = NET_SETTING_DEFAULT,
                                            .ttl = NET_SETTING_DEFAULT,
                                            .dscp = NET_SETTING_DEFAULT};
    assert_int_equal(net_udp_open(&options, &fixture->udp, &failure), 0);
    fixture->link.net = fixture->udp;
    fixture->link.udp_port = net_udp_address(fixture->udp, 0).port;
    fixture->link.commands = queue_create(sizeof(struct command), 8);
    fixture->link.events = queue_create(sizeof(struct event), 8);
    fixture->links[0] = &fixture->link;
}

/* On the control thread. */
static void take_moment(void *context, enum control_server_moment moment)
{
    struct fixture *of = context;
    (void)atomic_fetch_add(&of->moments[moment], 1);
    if (moment == CONTROL_SERVER_TURN && atomic_exchange(&of->is_apply_wanted, false)) {
        control_server_apply(of->server, &of->config.values, NULL);
        atomic_store(&of->is_applied, true);
    }
}

static int open_server(struct control_server **out, struct net_failure *failure)
{
    static const struct secret_file no_secrets;
    const struct control_server_options options = {.config = &fixture->config.values,
                                                   .secrets = &no_secrets,
                                                   .links = fixture->links,
                                                   .worker_count = 1,
                                                   .rooms_per_worker = BENCH_ROOMS,
                                                   .log = fixture->log,
                                                   .on_moment = take_moment,
                                                   .context = fixture};
    return control_server_open(&options, out, failure);
}

static void run_server(void *context)
{
    struct fixture *of = context;
    of->result = control_server_run(of->server);
}

static int set_up(void **state)
{
    (void)state;
    fixture = lines_create(sizeof(*fixture));
    fixture->logged = calloc(1, LOG_BYTES);
    config_defaults(&fixture->config);
    fixture->config.values.control.port = 0;
    fixture->config.values.control.max_connections = 40;
    fixture->config.values.limits.max_clients = 40;
    fixture->config.values.limits.max_rooms = BENCH_ROOMS;
    const struct log_options options = {.level = LOG_DEBUG, .lines_per_s = 1000};
    const struct log_sink sink = {
        .write = write_log, .close = close_log, .context = fixture, .reopen = reopen_sink};
    assert_int_equal(log_create(&options, sink, &fixture->log), 0);
    open_link();
    struct net_failure failure;
    assert_int_equal(open_server(&fixture->server, &failure), 0);
    fixture->link.wake_control = control_server_wake;
    fixture->link.wake_context = fixture->server;
    assert_int_equal(os_thread_create(run_server, fixture, "control", &fixture->thread), 0);
    return 0;
}

/* Plays the worker: commands, and the snapshot when one is asked for. */
static void play_worker(void)
{
    struct bench_worker *worker = &fixture->worker;
    const struct command *command = queue_peek(fixture->link.commands);
    bool has_acted = false;
    while (command != NULL && worker->event_count < 32) {
        bench_worker_run(worker, command);
        queue_pop_peeked(fixture->link.commands);
        command = queue_peek(fixture->link.commands);
    }
    unsigned passed = 0;
    while (passed < worker->event_count &&
           queue_push(fixture->link.events, &worker->events[passed])) {
        passed++;
    }
    worker->event_count -= passed;
    memmove(worker->events, worker->events + passed, worker->event_count * sizeof(struct event));
    has_acted = passed > 0;
    unsigned asked = atomic_load(&fixture->link.snapshot_asked);
    if (asked != atomic_load(&fixture->link.snapshot_taken)) {
        fixture->link.snapshot.turns = 4242;
        atomic_store(&fixture->link.snapshot_taken, asked);
        has_acted = true;
    }
    if (has_acted) {
        control_server_wake(fixture->server);
    }
}

/* Until the last snapshot is given, which the server asks for after `last` ones. */
static void play_until_asked_after(unsigned last)
{
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    while (atomic_load(&fixture->link.snapshot_asked) == last ||
           atomic_load(&fixture->link.snapshot_taken) !=
               atomic_load(&fixture->link.snapshot_asked)) {
        assert_true(os_clock_ns() < end_ns);
        play_worker();
        if (fixture->peer != NULL) {
            uint8_t bytes[512];
            int size = peer_receive(fixture->peer, bytes, sizeof(bytes));
            if (size > 0) {
                memcpy(fixture->down + fixture->down_size, bytes, (size_t)size);
                fixture->down_size += (size_t)size;
            } else if (size != RESULT_AGAIN && !fixture->is_closed) {
                fixture->is_closed = true;
                peer_finish(fixture->peer);
            }
        }
        os_sleep_ms(1);
    }
    os_thread_join(fixture->thread);
    fixture->thread = NULL;
}

/* The server ends by itself, and asked for no counters before. */
static void play_until_ended(void)
{
    play_until_asked_after(0);
}

static void play_until_stopped(void)
{
    unsigned last = atomic_load(&fixture->link.snapshot_asked);
    control_server_stop(fixture->server, UINT32_MAX);
    play_until_asked_after(last);
}

static int tear_down(void **state)
{
    (void)state;
    if (fixture->thread != NULL) {
        play_until_stopped();
    }
    peer_close(fixture->peer);
    control_server_close(fixture->server);
    log_destroy(fixture->log);
    net_udp_close(fixture->udp);
    queue_destroy(fixture->link.commands);
    queue_destroy(fixture->link.events);
    free(fixture->logged);
    lines_destroy(fixture);
    return 0;
}

/* Waits until that many bytes have come down. */
static void await(size_t size)
{
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    while (fixture->down_size < size) {
        assert_true(os_clock_ns() < end_ns);
        play_worker();
        int count = peer_receive(fixture->peer, fixture->down + fixture->down_size,
                                 size - fixture->down_size);
        if (count > 0) {
            fixture->down_size += (size_t)count;
        } else {
            assert_int_equal(count, RESULT_AGAIN);
            os_sleep_ms(1);
        }
    }
}

static void send_all(const void *bytes, size_t size)
{
    assert_int_equal(peer_send(fixture->peer, bytes, size), size);
}

static void send_message(struct control_message *message)
{
    uint8_t frame[CONTROL_MESSAGE_SIZE_MAX + 64];
    static uint32_t request;
    message->request = ++request;
    int size = control_message_encode(message, frame + 2, CONTROL_MESSAGE_SIZE_MAX);
    assert_true(size > 0);
    size = noise_encrypt(&fixture->send, frame + 2, (size_t)size, frame + 2, sizeof(frame) - 2);
    frame_length_write(frame, (uint16_t)size);
    send_all(frame, (size_t)size + 2);
}

/* The next message, decrypted in place at the beginning of down[]. */
static struct control_message next_message(void)
{
    struct control_message message;
    await(2);
    size_t size = (size_t)(fixture->down[0] << 8 | fixture->down[1]);
    await(size + 2);
    static uint8_t plain[CONTROL_MESSAGE_SIZE_MAX];
    int plain_size =
        noise_decrypt(&fixture->receive, fixture->down + 2, size, plain, sizeof(plain));
    assert_true(plain_size > 0);
    assert_int_equal(control_message_decode(CONTROL_DOWN, plain, (size_t)plain_size, &message),
                     REASON_NONE);
    fixture->down_size -= size + 2;
    memmove(fixture->down, fixture->down + size + 2, fixture->down_size);
    return message;
}

static void login(void)
{
    static const uint8_t no_key[NOISE_KEY_SIZE];
    struct noise_handshake handshake;
    uint8_t hello[HELLO_SIZE_MAX];
    uint8_t private_key[NOISE_KEY_SIZE];
    fixture->peer = peer_connect(control_server_address(fixture->server, 0), false);
    assert_non_null(fixture->peer);
    os_random_fill(private_key, sizeof(private_key));
    size_t at = hello_begin(HELLO_OPEN, NULL, 0, hello);
    noise_handshake_init(&handshake, NOISE_INITIATOR, hello + 2, at - 2, no_key, private_key);
    assert_true(noise_handshake_write(&handshake, NULL, 0, hello + at, HELLO_NOISE_SIZE) > 0);
    send_all(hello, at + HELLO_NOISE_SIZE);
    await(HELLO_ACCEPTED_SIZE);
    assert_int_equal(noise_handshake_read(&handshake, fixture->down + 4, HELLO_NOISE_SIZE, NULL, 0),
                     0);
    noise_handshake_split(&handshake, &fixture->send, &fixture->receive, NULL);
    fixture->down_size = 0;
    struct control_message start = {.type = CONTROL_START};
    send_message(&start);
    assert_int_equal(next_message().type, CONTROL_WELCOME);
}

static unsigned count_logged(const char *text)
{
    unsigned count = 0;
    const char *at = strstr(fixture->logged, text);
    while (at != NULL) {
        count++;
        at = strstr(at + 1, text);
    }
    return count;
}

static void client__logs_in_and_creates__and_hears_of_the_stop(void **state)
{
    (void)state;
    login();
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    send_message(&create);
    struct control_message membership = next_message();
    assert_int_equal(membership.type, CONTROL_MEMBERSHIP);
    assert_int_equal(membership.membership.udp_port, fixture->link.udp_port);
    play_until_stopped();
    assert_int_equal(fixture->result, RESULT_OK);
    assert_int_equal(next_message().type, CONTROL_DRAINING);
    struct control_message end = next_message();
    assert_int_equal(end.type, CONTROL_ENDED);
    assert_int_equal(end.reason, REASON_SHUTDOWN);
    assert_true(fixture->is_closed);
    assert_int_equal(fixture->worker.drains, 1);
    assert_int_equal(count_logged("evt=session_opened"), 1);
    assert_int_equal(count_logged("evt=room_opened"), 1);
    assert_int_equal(count_logged("evt=stopping"), 1);
    assert_int_equal(count_logged("evt=counters scope=worker worker=0"), 1);
    assert_int_equal(count_logged("turns=4242"), 1);
    assert_int_equal(count_logged("ended_shutdown=1"), 1);
    assert_int_equal(count_logged("closed_shutdown=1"), 1);
}

/* Has the control thread go on with the fixture's configuration. */
static void apply(void)
{
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    atomic_store(&fixture->is_applied, false);
    atomic_store(&fixture->is_apply_wanted, true);
    control_server_wake(fixture->server);
    while (!atomic_load(&fixture->is_applied)) {
        assert_true(os_clock_ns() < end_ns);
        os_sleep_ms(1);
    }
}

static void create_room(void)
{
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    send_message(&create);
    assert_int_equal(next_message().type, CONTROL_MEMBERSHIP);
}

static void drain__with_a_room__ends_when_it_is_gone(void **state)
{
    (void)state;
    struct control_message leave = {.type = CONTROL_LEAVE};
    login();
    create_room();
    control_server_drain(fixture->server);
    control_server_drain(fixture->server);
    struct control_message draining = next_message();
    assert_int_equal(draining.type, CONTROL_DRAINING);
    assert_true(draining.deadline_ms == CONTROL_NO_DEADLINE);
    /* It serves as before. */
    struct control_message ping = {.type = CONTROL_PING};
    send_message(&ping);
    assert_int_equal(next_message().type, CONTROL_PONG);
    assert_int_equal(atomic_load(&fixture->moments[CONTROL_SERVER_DRAINING]), 1);
    assert_int_equal(atomic_load(&fixture->moments[CONTROL_SERVER_STOPPING]), 0);
    /* A bound that a reload gives it is told, and taken away again. */
    fixture->config.values.server.drain_wait_ns = UINT64_C(3600000000000);
    apply();
    draining = next_message();
    assert_int_equal(draining.type, CONTROL_DRAINING);
    assert_in_range(draining.deadline_ms, 3000000, 3600000);
    fixture->config.values.server.drain_wait_ns = 0;
    apply();
    assert_true(next_message().deadline_ms == CONTROL_NO_DEADLINE);
    send_message(&leave);
    play_until_ended();
    assert_int_equal(fixture->result, RESULT_OK);
    assert_int_equal(next_message().type, CONTROL_OK);
    assert_int_equal(next_message().type, CONTROL_DRAINING);
    assert_int_equal(next_message().reason, REASON_SHUTDOWN);
    assert_int_equal(atomic_load(&fixture->moments[CONTROL_SERVER_STOPPING]), 1);
    assert_int_equal(count_logged("evt=draining rooms=1 wait=off\n"), 1);
}

static void drain__wait_is_over__ends_with_rooms_in_play(void **state)
{
    (void)state;
    login();
    create_room();
    fixture->config.values.server.drain_wait_ns = UINT64_C(50000000);
    apply();
    control_server_drain(fixture->server);
    play_until_ended();
    assert_int_equal(fixture->result, RESULT_OK);
    assert_in_range(next_message().deadline_ms, 0, 50);
    assert_int_equal(next_message().type, CONTROL_DRAINING);
    assert_int_equal(next_message().reason, REASON_SHUTDOWN);
    assert_int_equal(fixture->worker.drains, 1);
}

static void drain__stop_meanwhile__ends_at_once(void **state)
{
    (void)state;
    login();
    create_room();
    control_server_drain(fixture->server);
    assert_int_equal(next_message().type, CONTROL_DRAINING);
    play_until_stopped();
    assert_int_equal(fixture->result, RESULT_OK);
    assert_int_equal(next_message().type, CONTROL_DRAINING);
    assert_int_equal(next_message().reason, REASON_SHUTDOWN);
}

static void apply__other_settings__hold_from_the_next_request(void **state)
{
    (void)state;
    login();
    fixture->config.values.limits.client_datagrams_s = 77;
    fixture->config.values.log.stats_interval_ns = UINT64_C(20000000);
    apply();
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    send_message(&create);
    struct control_message membership = next_message();
    assert_int_equal(membership.membership.datagrams_s, 77);
    assert_int_equal(membership.membership.udp_port, fixture->link.udp_port);
    /* Counters that would have come after a minute. */
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    while (atomic_load(&fixture->link.snapshot_asked) < 2) {
        assert_true(os_clock_ns() < end_ns);
        play_worker();
        os_sleep_ms(1);
    }
}

static void reopen_log__asked_for__reaches_the_sink(void **state)
{
    (void)state;
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    control_server_reopen_log(fixture->server);
    while (atomic_load(&fixture->reopened) == 0) {
        assert_true(os_clock_ns() < end_ns);
        os_sleep_ms(1);
    }
    play_until_stopped();
    assert_int_equal(atomic_load(&fixture->reopened), 1);
}

static void report__asked_for__writes_counters_while_serving(void **state)
{
    (void)state;
    login();
    control_server_report(fixture->server);
    uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    while (atomic_load(&fixture->link.snapshot_taken) == 0) {
        assert_true(os_clock_ns() < end_ns);
        play_worker();
        os_sleep_ms(1);
    }
    play_until_stopped();
    assert_int_equal(count_logged("evt=counters scope=control"), 2);
    assert_int_equal(count_logged("evt=counters scope=tcp"), 2);
    assert_int_equal(count_logged("evt=counters scope=log"), 2);
}

static void garbage__from_a_stranger__is_refused_and_logged(void **state)
{
    (void)state;
    fixture->peer = peer_connect(control_server_address(fixture->server, 0), false);
    assert_non_null(fixture->peer);
    send_all("GET / HTTP/1.1\r\n\r\n", 18);
    await(HELLO_REFUSAL_SIZE);
    assert_int_equal(fixture->down[3], HELLO_REFUSED);
    fixture->down_size = 0;
    play_until_stopped();
    assert_int_equal(count_logged("evt=auth_failed"), 1);
    assert_int_equal(count_logged("reason=frame_size"), 2); /* And evt=client_closed. */
}

static void port__in_use__is_told_with_the_address(void **state)
{
    (void)state;
    struct control_server *second = NULL;
    struct net_failure failure;
    struct addr taken = control_server_address(fixture->server, 0);
    fixture->config.values.control.port = taken.port;
    assert_int_equal(open_server(&second, &failure), RESULT_IN_USE);
    assert_null(second);
    assert_int_equal(failure.result, RESULT_IN_USE);
    assert_true(addr_equal(&failure.address, &taken));
}

static void size__of_the_defaults__fits_a_small_machine(void **state)
{
    (void)state;
    struct config config;
    config_defaults(&config);
    size_t size = control_server_size(&config.values);
    assert_true(size > 1000000 && size < 128u << 20);
}

static void limits__of_the_defaults__are_those_of_relay_ini(void **state)
{
    (void)state;
    struct config config;
    struct control_limits limits;
    config_defaults(&config);
    config.values.udp.advertise = addr_ipv4(192, 0, 2, 7, 0);
    control_server_limits(&config.values, 99, &limits);
    assert_int_equal(limits.rooms_per_worker_max, 99);
    assert_int_equal(limits.sessions_max, 4096);
    assert_int_equal(limits.connections_max, 4096 + 256);
    assert_int_equal(limits.preauth_max, 256);
    assert_int_equal(limits.frame_max_bytes, 4096);
    assert_int_equal(limits.out_buffer_bytes, 16384);
    assert_int_equal(limits.tick_max_us, 50000);
    assert_int_equal(limits.tick_default_us, 0);
    assert_int_equal(limits.ticket_age_max_s, 3600);
    assert_int_equal(limits.clock_skew_s, 30);
    assert_false(limits.is_ticket_required);
    assert_string_equal(limits.advertise, "192.0.2.7");
    assert_true(control_size(&limits) > 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(client__logs_in_and_creates__and_hears_of_the_stop),
        TEST(drain__with_a_room__ends_when_it_is_gone),
        TEST(drain__wait_is_over__ends_with_rooms_in_play),
        TEST(drain__stop_meanwhile__ends_at_once),
        TEST(apply__other_settings__hold_from_the_next_request),
        TEST(reopen_log__asked_for__reaches_the_sink),
        TEST(report__asked_for__writes_counters_while_serving),
        TEST(garbage__from_a_stranger__is_refused_and_logged),
        TEST(port__in_use__is_told_with_the_address),
        cmocka_unit_test(size__of_the_defaults__fits_a_small_machine),
        cmocka_unit_test(limits__of_the_defaults__are_those_of_relay_ini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
