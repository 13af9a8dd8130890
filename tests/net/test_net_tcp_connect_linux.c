/* SPDX-License-Identifier: MIT */
#include "tests/net/script_linux.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "daemon/net/net_tcp_linux.h"

/* Connecting, where the system refuses each of its steps. */

static struct net_tcp *open_net(struct script *script, const struct addr *listen)
{
    const struct net_tcp_options options = {
        .addresses = listen,
        .address_count = 1,
        .max_connections = 2,
        .output_bytes = 4096,
        .output_rings = 2,
        .backlog = 16,
        .no_delay = true,
        .reuse_address = true,
        .keepalive_idle_s = NET_SETTING_DEFAULT,
        .keepalive_interval_s = NET_SETTING_DEFAULT,
        .recv_buffer_bytes = NET_SETTING_DEFAULT,
        .send_buffer_bytes = NET_SETTING_DEFAULT,
        .system = &script->system,
    };
    struct net_tcp *net = NULL;
    struct net_failure failure = {0};

    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_OK);
    return net;
}

static int refuse_connect_error;

static int refuse_connect(struct net_system *system, int fd, const struct sockaddr *address,
                          socklen_t size)
{
    (void)system;
    (void)fd;
    (void)address;
    (void)size;
    errno = refuse_connect_error;
    return -1;
}

static void connect__every_failing_call__leaves_nothing(void **state)
{
    static const struct {
        int error;
        int result;
    } cases[] = {{ENETUNREACH, RESULT_UNREACHABLE},
                 {EADDRNOTAVAIL, RESULT_NO_MEMORY},
                 {EACCES, RESULT_DENIED}};
    const struct addr any = addr_ipv4(127, 0, 0, 1, 0);
    struct script script;
    struct net_conn conn = {0};

    (void)state;
    script_init(&script);
    struct net_tcp *const net = open_net(&script, &any);
    const struct addr to = net_tcp_address(net, 0);
    const int sockets = script.open_sockets;
    script_fail(&script, CALL_SOCKET, 0, 1, EMFILE);
    assert_int_equal(net_tcp_connect(net, &to, &conn), RESULT_NO_MEMORY);
    script_fail(&script, CALL_EPOLL_ADD, 0, 1, ENOSPC);
    assert_int_equal(net_tcp_connect(net, &to, &conn), RESULT_NO_MEMORY);
    script.system.connect = refuse_connect;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refuse_connect_error = cases[i].error;
        assert_int_equal(net_tcp_connect(net, &to, &conn), cases[i].result);
    }
    assert_int_equal(conn.generation, 0);
    assert_int_equal(script.open_sockets, sockets);
    assert_int_equal(net_tcp_connection_count(net), 0);
    net_tcp_shutdown(net);
    assert_int_equal(script.open_sockets, 0);
}

/* Loopback may refuse inside of connect(), and then the socket itself knows of no error. */
static void connect__refused_at_once__is_closed_as_reset(void **state)
{
    const struct addr any = addr_ipv4(127, 0, 0, 1, 0);
    struct script script;
    struct net_tcp_event event;
    struct net_conn conn = {0};

    (void)state;
    script_init(&script);
    struct net_tcp *const net = open_net(&script, &any);
    const struct addr to = net_tcp_address(net, 0);
    script.system.connect = refuse_connect;
    refuse_connect_error = ECONNREFUSED;
    assert_int_equal(net_tcp_connect(net, &to, &conn), RESULT_OK);
    assert_int_equal(net_tcp_wait(net, &event, 1, 0), 1);
    assert_int_equal(event.type, NET_TCP_CLOSED);
    assert_int_equal(event.reason, NET_CLOSE_RESET);
    net_tcp_shutdown(net);
    assert_int_equal(script.open_sockets, 0);
}

static void connect__options__reach_the_socket(void **state)
{
    const struct addr any = addr_ipv4(127, 0, 0, 1, 0);
    struct script script;
    struct net_conn conn = {0};
    int value = 0;
    socklen_t size = sizeof(value);

    (void)state;
    script_init(&script);
    struct net_tcp *const net = open_net(&script, &any);
    const struct addr to = net_tcp_address(net, 0);
    assert_int_equal(net_tcp_connect(net, &to, &conn), RESULT_OK);
    assert_int_equal(getsockopt(net->conns[conn.index].fd, IPPROTO_TCP, TCP_NODELAY, &value, &size),
                     0);
    assert_int_not_equal(value, 0);
    assert_int_equal(getsockopt(net->conns[conn.index].fd, SOL_SOCKET, SO_REUSEADDR, &value, &size),
                     0);
    assert_int_equal(value, 0);
    net_tcp_shutdown(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect__every_failing_call__leaves_nothing),
        cmocka_unit_test(connect__refused_at_once__is_closed_as_reset),
        cmocka_unit_test(connect__options__reach_the_socket),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests_name("tcp connect on Linux", tests, NULL, NULL);
}
