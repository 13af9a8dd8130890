/* SPDX-License-Identifier: MIT */
#include "tests/net/script_linux.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/net/net_tcp_linux.h"

/* What loopback cannot produce, on the real backend with a system that misbehaves. */

#define MILLISECOND_NS UINT64_C(1000000)
#define EVENTS_MAX     16

struct bench {
    struct script script;
    struct net_tcp *net;
    struct net_conn conn; /* Of the last ACCEPTED. */
    unsigned accepted;
    unsigned readable;
    unsigned sent;
    unsigned closed;
    enum net_close_reason reason;
};

static struct net_tcp_options options_for(struct script *script, const struct addr *address)
{
    return (struct net_tcp_options){
        .addresses = address,
        .address_count = 1,
        .max_connections = 8,
        .output_bytes = 4096,
        .output_rings = 8,
        .backlog = 16,
        .no_delay = true,
        .reuse_address = true,
        .linger_s = 5,
        .keepalive_idle_s = NET_SETTING_DEFAULT,
        .keepalive_interval_s = NET_SETTING_DEFAULT,
        .recv_buffer_bytes = NET_SETTING_DEFAULT,
        .send_buffer_bytes = NET_SETTING_DEFAULT,
        .system = &script->system,
    };
}

static void bench_open(struct bench *bench)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct net_failure failure = {0};

    memset(bench, 0, sizeof(*bench));
    script_init(&bench->script);
    const struct net_tcp_options options = options_for(&bench->script, &address);
    assert_int_equal(net_tcp_open(&options, &bench->net, &failure), RESULT_OK);
}

static void bench_close(struct bench *bench)
{
    net_tcp_shutdown(bench->net);
    assert_int_equal(bench->script.open_sockets, 0);
}

static unsigned pump(struct bench *bench, uint64_t timeout_ns)
{
    struct net_tcp_event events[EVENTS_MAX];
    const int count = net_tcp_wait(bench->net, events, EVENTS_MAX, timeout_ns);

    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        bench->accepted += events[i].type == NET_TCP_ACCEPTED;
        bench->readable += events[i].type == NET_TCP_READABLE;
        bench->sent += events[i].type == NET_TCP_SENT;
        if (events[i].type == NET_TCP_ACCEPTED) {
            bench->conn = events[i].conn;
        }
        if (events[i].type == NET_TCP_CLOSED) {
            bench->closed++;
            bench->reason = events[i].reason;
        }
    }
    return (unsigned)count;
}

/* A blocking client socket. */
static int connect_to(const struct bench *bench)
{
    const struct addr address = net_tcp_address(bench->net, 0);
    union net_sockaddr to;
    const socklen_t size = net_sockaddr_from(&address, &to);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to.any, size), 0);
    return fd;
}

static int join(struct bench *bench)
{
    const unsigned before = bench->accepted;
    const int fd = connect_to(bench);

    for (unsigned i = 0; bench->accepted == before; i++) {
        assert_true(i < 100);
        (void)pump(bench, NET_WAIT_FOREVER);
    }
    return fd;
}

static struct net_tcp_counters counters_of(const struct bench *bench)
{
    struct net_tcp_counters counters;

    net_tcp_counters(bench->net, &counters);
    return counters;
}

static void write__a_few_bytes_at_a_time__stream_is_unaltered(void **state)
{
    static const unsigned chunks[] = {1, 2, 3, 5, 1000};
    struct bench bench;
    uint8_t bytes[4096];
    uint8_t next_in = 0;
    uint8_t next_out = 0;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    for (unsigned round = 0; round < 20; round++) {
        const size_t size = 1 + round * 150;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = next_in++;
        }
        bench.script.chunk = chunks[round % 5];
        script_fail(&bench.script, CALL_SENDMSG, round % 7, 1, round % 2 == 0 ? EAGAIN : EINTR);
        assert_int_equal(net_tcp_write(bench.net, bench.conn, bytes, size), RESULT_OK);
        for (unsigned i = 0; net_tcp_pending(bench.net, bench.conn) > 0; i++) {
            assert_true(i < 10000);
            (void)pump(&bench, NET_WAIT_FOREVER);
        }
        size_t have = 0;
        while (have < size) {
            const ssize_t count = recv(fd, bytes + have, size - have, 0);
            assert_true(count > 0);
            have += (size_t)count;
        }
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], next_out++);
        }
    }
    (void)close(fd);
    bench_close(&bench);
}

static void write__full_or_no_buffers__waits_and_tells_sent(void **state)
{
    static const int errors[] = {EAGAIN, ENOBUFS, ENOMEM};
    struct bench bench;
    char bytes[4];

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned before = bench.sent;
        script_fail(&bench.script, CALL_SENDMSG, 0, 1, errors[i]);
        assert_int_equal(net_tcp_write(bench.net, bench.conn, "abcd", 4), RESULT_OK);
        assert_int_equal(net_tcp_pending(bench.net, bench.conn), 4);
        while (bench.sent == before) {
            (void)pump(&bench, NET_WAIT_FOREVER);
        }
        assert_int_equal(net_tcp_pending(bench.net, bench.conn), 0);
        assert_int_equal(recv(fd, bytes, 4, MSG_WAITALL), 4);
    }
    assert_int_equal(bench.closed, 0);
    (void)close(fd);
    bench_close(&bench);
}

static void write__connection_breaks__is_closed_once(void **state)
{
    static const struct {
        int error;
        enum net_close_reason reason;
    } cases[] = {{ECONNRESET, NET_CLOSE_RESET},
                 {EPIPE, NET_CLOSE_RESET},
                 {ETIMEDOUT, NET_CLOSE_TIMEOUT},
                 {EHOSTUNREACH, NET_CLOSE_TIMEOUT},
                 {EBADF, NET_CLOSE_ERROR}};
    struct bench bench;
    uint8_t byte = 0;

    (void)state;
    bench_open(&bench);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int fd = join(&bench);
        const struct net_conn conn = bench.conn;
        script_fail(&bench.script, CALL_SENDMSG, 0, 1, cases[i].error);
        assert_int_equal(net_tcp_write(bench.net, conn, "x", 1), RESULT_CLOSED);
        assert_int_equal(net_tcp_write(bench.net, conn, "x", 1), RESULT_CLOSED);
        assert_int_equal(net_tcp_read(bench.net, conn, &byte, 1), RESULT_CLOSED);
        while (bench.closed == i) {
            (void)pump(&bench, NET_WAIT_FOREVER);
        }
        assert_int_equal(bench.reason, cases[i].reason);
        assert_int_equal(net_tcp_write(bench.net, conn, "x", 1), RESULT_NOT_FOUND);
        assert_int_equal(net_tcp_connection_count(bench.net), 0);
        (void)close(fd);
    }
    assert_int_equal(counters_of(&bench).closed_reset, 2);
    assert_int_equal(counters_of(&bench).closed_timeout, 2);
    assert_int_equal(counters_of(&bench).closed_error, 1);
    bench_close(&bench);
}

static void read__errors__are_told_apart(void **state)
{
    struct bench bench;
    uint8_t byte = 0;

    (void)state;
    bench_open(&bench);
    int fd = join(&bench);
    script_fail(&bench.script, CALL_RECV, 0, 3, EINTR);
    assert_int_equal(net_tcp_read(bench.net, bench.conn, &byte, 1), RESULT_AGAIN);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    script_fail(&bench.script, CALL_RECV, 0, 3, EINTR);
    while (net_tcp_read(bench.net, bench.conn, &byte, 1) != 1) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    script_fail(&bench.script, CALL_RECV, 0, 1, ETIMEDOUT);
    assert_int_equal(net_tcp_read(bench.net, bench.conn, &byte, 1), RESULT_CLOSED);
    while (bench.closed == 0) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_int_equal(bench.reason, NET_CLOSE_TIMEOUT);
    (void)close(fd);
    bench_close(&bench);
}

static void close__owner_first_after_a_break__no_event_follows(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    script_fail(&bench.script, CALL_SENDMSG, 0, 1, ECONNRESET);
    assert_int_equal(net_tcp_write(bench.net, bench.conn, "x", 1), RESULT_CLOSED);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ORDERLY), RESULT_OK);
    assert_int_equal(net_tcp_connection_count(bench.net), 0);
    assert_int_equal(pump(&bench, 0), 0);
    assert_int_equal(bench.closed, 0);
    (void)close(fd);
    bench_close(&bench);
}

static void finish__refused__is_closed(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    script_fail(&bench.script, CALL_SHUTDOWN, 0, 1, ENOTCONN);
    assert_int_equal(net_tcp_finish(bench.net, bench.conn), RESULT_OK);
    while (bench.closed == 0) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_int_equal(bench.reason, NET_CLOSE_RESET);
    (void)close(fd);
    bench_close(&bench);
}

static void interest__refused_by_epoll__is_closed_and_never_hangs(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    script_fail(&bench.script, CALL_EPOLL_MOD, 0, 1, ENOMEM);
    assert_int_equal(net_tcp_pause(bench.net, bench.conn), RESULT_OK);
    while (bench.closed == 0) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_int_equal(bench.reason, NET_CLOSE_ERROR);
    (void)close(fd);

    /* The same for one that lingers: it is simply gone. */
    const int second = join(&bench);
    script_fail(&bench.script, CALL_EPOLL_ADD, 0, 1, ENOMEM);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ORDERLY), RESULT_OK);
    assert_int_equal(net_tcp_connection_count(bench.net), 0);
    (void)close(second);
    bench_close(&bench);
}

static void accept__passing_errors__go_on_at_once(void **state)
{
    static const int errors[] = {ECONNABORTED, EINTR, EPROTO, ENETDOWN, EPERM};
    struct bench bench;

    (void)state;
    bench_open(&bench);
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        script_fail(&bench.script, CALL_ACCEPT, 0, 3, errors[i]);
        (void)close(join(&bench));
    }
    assert_int_equal(bench.accepted, 5);
    assert_int_equal(counters_of(&bench).accept_aborted, 12);
    assert_int_equal(counters_of(&bench).accept_errors, 0);
    assert_int_equal(counters_of(&bench).accept_backoffs, 0);
    bench_close(&bench);
}

static void accept__no_handles_left__backs_off_without_spinning(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    script_fail(&bench.script, CALL_ACCEPT, 0, 20, EMFILE);
    const int fd = connect_to(&bench);
    const uint64_t start_ns = bench.script.now_ns;
    for (unsigned i = 0; bench.accepted == 0; i++) {
        assert_true(i < 100);
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    /* At once, then after 1, 2, 4 ... 64 ms (127 in all), then twelve times 100 ms. */
    assert_int_equal(bench.script.now_ns - start_ns, (127 + 12 * 100) * MILLISECOND_NS);
    assert_int_equal(counters_of(&bench).accept_errors, 20);
    assert_int_equal(counters_of(&bench).accept_backoffs, 19);
    (void)close(fd);
    bench_close(&bench);
}

static void accept__no_place_in_epoll__peer_is_let_go_and_the_next_is_served(void **state)
{
    struct bench bench;
    char byte = 0;

    (void)state;
    bench_open(&bench);
    script_fail(&bench.script, CALL_EPOLL_ADD, 0, 1, ENOSPC);
    const int unlucky = connect_to(&bench);
    for (unsigned i = 0; counters_of(&bench).accept_errors == 0; i++) {
        assert_true(i < 100);
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_int_equal(bench.accepted, 0);
    assert_int_equal(net_tcp_connection_count(bench.net), 0);
    assert_int_equal(recv(unlucky, &byte, 1, 0), 0);
    const int fd = join(&bench);
    assert_int_equal(net_tcp_connection_count(bench.net), 1);
    (void)close(unlucky);
    (void)close(fd);
    bench_close(&bench);
}

static void accept__listener_cannot_be_armed__is_tried_again(void **state)
{
    struct bench bench;
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct net_failure failure = {0};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    script_init(&bench.script);
    script_fail(&bench.script, CALL_EPOLL_ADD, 1, 4, ENOMEM);
    const struct net_tcp_options options = options_for(&bench.script, &address);
    assert_int_equal(net_tcp_open(&options, &bench.net, &failure), RESULT_OK);
    const int fd = connect_to(&bench);
    for (unsigned i = 0; bench.accepted == 0; i++) {
        assert_true(i < 100);
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    (void)close(fd);
    bench_close(&bench);
}

static void linger__expires__by_the_clock(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    const int first = join(&bench);
    const struct net_conn first_conn = bench.conn;
    const int second = join(&bench);
    const uint64_t start_ns = bench.script.now_ns;
    assert_int_equal(net_tcp_close(bench.net, first_conn, NET_CLOSE_ORDERLY), RESULT_OK);
    assert_int_equal(pump(&bench, 2000 * MILLISECOND_NS), 0);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ORDERLY), RESULT_OK);
    assert_int_equal(net_tcp_connection_count(bench.net), 2);
    /* Without end: the looking ends by the deadlines alone. */
    assert_int_equal(pump(&bench, 4000 * MILLISECOND_NS), 0);
    assert_int_equal(net_tcp_connection_count(bench.net), 1);
    assert_int_equal(bench.script.now_ns - start_ns, 5000 * MILLISECOND_NS);
    assert_int_equal(pump(&bench, 4000 * MILLISECOND_NS), 0);
    assert_int_equal(net_tcp_connection_count(bench.net), 0);
    assert_int_equal(bench.script.now_ns - start_ns, 7000 * MILLISECOND_NS);
    assert_int_equal(counters_of(&bench).linger_expired, 2);
    (void)close(first);
    (void)close(second);
    bench_close(&bench);
}

/* Nothing is left to tell: a wait must last, not return over and over. */
static void assert_quiet(struct bench *bench)
{
    const uint64_t start_ns = bench->script.now_ns;

    for (unsigned i = 0; i < 10; i++) {
        (void)pump(bench, 10 * MILLISECOND_NS);
    }
    assert_true(bench->script.now_ns - start_ns >= 80 * MILLISECOND_NS);
}

static void wait__end_was_read__does_not_spin(void **state)
{
    struct bench bench;
    uint8_t byte = 0;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    while (net_tcp_read(bench.net, bench.conn, &byte, 1) != 0) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_quiet(&bench);
    (void)close(fd);
    bench_close(&bench);
}

static void wait__hang_up_while_paused__does_not_spin(void **state)
{
    struct bench bench;
    uint8_t byte = 0;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    assert_int_equal(net_tcp_pause(bench.net, bench.conn), RESULT_OK);
    assert_int_equal(net_tcp_finish(bench.net, bench.conn), RESULT_OK);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_int_equal(close(fd), 0);
    assert_quiet(&bench);
    assert_int_equal(bench.closed, 0);
    assert_int_equal(net_tcp_resume(bench.net, bench.conn), RESULT_OK);
    while (net_tcp_read(bench.net, bench.conn, &byte, 1) != 0) {
        (void)pump(&bench, NET_WAIT_FOREVER);
    }
    assert_int_equal(pump(&bench, 0), 1);
    assert_int_equal(bench.reason, NET_CLOSE_FINISHED);
    bench_close(&bench);
}

static void wait__lingering_peer_ended_but_does_not_read__does_not_spin(void **state)
{
    static uint8_t bytes[4096];
    struct bench bench;
    int result = RESULT_OK;

    (void)state;
    bench_open(&bench);
    const int fd = join(&bench);
    while (result == RESULT_OK) {
        result = net_tcp_write(bench.net, bench.conn, bytes, sizeof(bytes));
    }
    assert_int_equal(result, RESULT_FULL);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ORDERLY), RESULT_OK);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_quiet(&bench);
    assert_int_equal(net_tcp_connection_count(bench.net), 1);
    (void)close(fd);
    bench_close(&bench);
}

static void handle__generation_wraps__skips_the_one_that_means_none(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    int fd = join(&bench);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ABORT), RESULT_OK);
    (void)close(fd);
    bench.net->conns[0].generation = UINT32_MAX;
    fd = join(&bench);
    assert_int_equal(bench.conn.generation, UINT32_MAX);
    assert_int_equal(net_tcp_close(bench.net, bench.conn, NET_CLOSE_ABORT), RESULT_OK);
    (void)close(fd);
    fd = join(&bench);
    assert_int_equal(bench.conn.index, 0);
    assert_int_equal(bench.conn.generation, 1);
    (void)close(fd);
    bench_close(&bench);
}

static void open__every_failing_call__is_named_and_leaves_nothing(void **state)
{
    static const struct {
        enum call call;
        int error;
        int result;
    } cases[] = {{CALL_SOCKET, EMFILE, RESULT_NO_MEMORY},
                 {CALL_BIND, EACCES, RESULT_DENIED},
                 {CALL_BIND, EADDRINUSE, RESULT_IN_USE},
                 {CALL_LISTEN, EADDRINUSE, RESULT_IN_USE},
                 {CALL_EPOLL_ADD, ENOSPC, RESULT_NO_MEMORY}};
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct script script;
        struct net_tcp *net = NULL;
        struct net_failure failure = {0};

        script_init(&script);
        const struct net_tcp_options options = options_for(&script, &address);
        script_fail(&script, cases[i].call, 0, UINT32_MAX, cases[i].error);
        assert_int_equal(net_tcp_open(&options, &net, &failure), cases[i].result);
        assert_int_equal(failure.os_error, cases[i].error);
        assert_true(strlen(failure.step) > 0 && strlen(failure.text) > 0);
        assert_null(net);
        assert_int_equal(script.open_sockets, 0);
    }
}

static void granted__options__reach_the_accepted_socket(void **state)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct bench bench;
    struct net_failure failure = {0};
    int value = 0;
    socklen_t size = sizeof(value);

    (void)state;
    memset(&bench, 0, sizeof(bench));
    script_init(&bench.script);
    struct net_tcp_options options = options_for(&bench.script, &address);
    options.keepalive = true;
    options.keepalive_idle_s = 33;
    options.keepalive_interval_s = 7;
    assert_int_equal(net_tcp_open(&options, &bench.net, &failure), RESULT_OK);
    const int fd = join(&bench);
    const int accepted = bench.net->conns[bench.conn.index].fd;
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    assert_int_equal(value, 1);
    assert_int_equal(getsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    assert_int_equal(value, 1);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size), 0);
    assert_int_equal(value, 33);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_KEEPINTVL, &value, &size), 0);
    assert_int_equal(value, 7);
    (void)close(fd);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write__a_few_bytes_at_a_time__stream_is_unaltered),
        cmocka_unit_test(write__full_or_no_buffers__waits_and_tells_sent),
        cmocka_unit_test(write__connection_breaks__is_closed_once),
        cmocka_unit_test(read__errors__are_told_apart),
        cmocka_unit_test(close__owner_first_after_a_break__no_event_follows),
        cmocka_unit_test(finish__refused__is_closed),
        cmocka_unit_test(interest__refused_by_epoll__is_closed_and_never_hangs),
        cmocka_unit_test(accept__passing_errors__go_on_at_once),
        cmocka_unit_test(accept__no_handles_left__backs_off_without_spinning),
        cmocka_unit_test(accept__no_place_in_epoll__peer_is_let_go_and_the_next_is_served),
        cmocka_unit_test(accept__listener_cannot_be_armed__is_tried_again),
        cmocka_unit_test(linger__expires__by_the_clock),
        cmocka_unit_test(wait__end_was_read__does_not_spin),
        cmocka_unit_test(wait__hang_up_while_paused__does_not_spin),
        cmocka_unit_test(wait__lingering_peer_ended_but_does_not_read__does_not_spin),
        cmocka_unit_test(handle__generation_wraps__skips_the_one_that_means_none),
        cmocka_unit_test(open__every_failing_call__is_named_and_leaves_nothing),
        cmocka_unit_test(granted__options__reach_the_accepted_socket),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
