/* SPDX-License-Identifier: MIT */
#include "tests/net/tcp_script_windows.h"

/* Connecting, where the system refuses each of its steps. */

static struct script script;

static int set_up(void **state)
{
    (void)state;
    script_init(&script);
    return 0;
}

/* Fails one call of each kind in turn; all must leave the sockets as they were. */
static void connect__every_failing_call__leaves_nothing(void **state)
{
    const struct {
        struct fault *fault;
        int error;
        int result;
    } cases[] = {
        {&script.make_socket, WSAEMFILE, RESULT_NO_MEMORY},
        {&script.find_extension, WSAEOPNOTSUPP, RESULT_UNSUPPORTED},
        {&script.associate, ERROR_NOT_ENOUGH_MEMORY, RESULT_NO_MEMORY},
        {&script.post_connect, WSAENETUNREACH, RESULT_UNREACHABLE},
        {&script.post_connect, WSAEADDRINUSE, RESULT_NO_MEMORY},
    };
    struct net_conn conn = {0};

    (void)state;
    script_open(&script);
    const struct addr to = net_tcp_address(script.world.net, 0);
    const int sockets = script.open_sockets;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        *cases[i].fault = (struct fault){.count = 1, .error = cases[i].error};
        assert_int_equal(net_tcp_connect(script.world.net, &to, &conn), cases[i].result);
        assert_int_equal(script.open_sockets, sockets);
        assert_int_equal(net_tcp_connection_count(script.world.net), 0);
    }
    assert_int_equal(conn.generation, 0);
    (void)dial(&script.world, to);
    PUMP_UNTIL(&script.world, script.world.connected_count == 1);
    script_close(&script);
}

/* ConnectEx was taken up and comes to nothing later. */
static void connect__fails_later__is_told_with_its_reason(void **state)
{
    static const struct {
        int error;
        enum net_close_reason reason;
    } cases[] = {{WSAECONNREFUSED, NET_CLOSE_RESET},
                 {WSAETIMEDOUT, NET_CLOSE_TIMEOUT},
                 {WSAENETUNREACH, NET_CLOSE_ERROR}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        script_init(&script);
        script_open(&script);
        script.recv_result = (struct fault){.count = 1, .error = cases[i].error};
        const struct net_conn conn = dial(&script.world, net_tcp_address(script.world.net, 0));
        PUMP_UNTIL(&script.world, !model_of(&script.world, conn)->is_open);
        assert_int_equal(model_of(&script.world, conn)->reason, cases[i].reason);
        assert_int_equal(script.world.connected_count, 0);
        assert_stale(&script.world, conn);
        script_close(&script);
    }
}

/* What is in flight when the owner has had enough is taken back before the socket goes. */
static void connect__closed_in_flight__waits_for_its_completion(void **state)
{
    (void)state;
    script_open(&script);
    const struct net_conn conn = dial(&script.world, net_tcp_address(script.world.net, 0));
    script.holds_completions = true;
    drop(&script.world, conn, NET_CLOSE_ABORT);
    assert_int_equal(script.world.net->conns[conn.index].state, CONN_CLOSING);
    net_tcp_stop_accepting(script.world.net);
    script.holds_completions = false;
    PUMP_UNTIL(&script.world, net_tcp_connection_count(script.world.net) == 0);
    assert_int_equal(script.world.connected_count, 0);
    script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(connect__every_failing_call__leaves_nothing, set_up),
        cmocka_unit_test_setup(connect__fails_later__is_told_with_its_reason, set_up),
        cmocka_unit_test_setup(connect__closed_in_flight__waits_for_its_completion, set_up),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests_name("tcp connect on Windows", tests, NULL, NULL);
}
