/* SPDX-License-Identifier: MIT */
#include "tests/net/script_linux.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/net/net_udp_linux.h"

/* Opening by the table of options, and waiting: through net_udp.h, with a system that misbehaves.
 */

#define MILLISECOND_NS UINT64_C(1000000)

static struct net_udp_options options_for(struct script *script, const struct addr addresses[],
                                          uint32_t count)
{
    return (struct net_udp_options){
        .addresses = addresses,
        .address_count = count,
        .max_datagram = 100,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = 1 << 20,
        .ttl = NET_SETTING_DEFAULT,
        .dscp = NET_SETTING_DEFAULT,
        .system = &script->system,
    };
}

static struct net_udp *open_scripted(struct script *script)
{
    const struct addr addresses[] = {addr_ipv4(127, 0, 0, 1, 0), addr_ipv4(127, 0, 0, 2, 0)};
    const struct net_udp_options options = options_for(script, addresses, 2);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    return net;
}

static void close_scripted(struct script *script, struct net_udp *net)
{
    net_udp_close(net);
    assert_int_equal(script->open_sockets, 0);
}

static void wait__no_pwait2__falls_back_and_rounds_up(void **state)
{
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    script_fail(&script, CALL_PWAIT2, 0, UINT32_MAX, ENOSYS);
    assert_int_equal(net_udp_wait(net, 1), 0);
    assert_int_equal(script.last_timeout_ms, 1);
    assert_int_equal(net_udp_wait(net, MILLISECOND_NS), 0);
    assert_int_equal(script.last_timeout_ms, 1);
    assert_int_equal(net_udp_wait(net, MILLISECOND_NS + 1), 0);
    assert_int_equal(script.last_timeout_ms, 2);
    assert_int_equal(net_udp_wait(net, 0), 0);
    assert_int_equal(script.last_timeout_ms, 0);
    net_udp_wake(net);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
    assert_int_equal(script.last_timeout_ms, -1);
    assert_int_equal(script.calls[CALL_PWAIT2], 1);
    close_scripted(&script, net);
}

static void wait__interrupted__goes_on_with_the_time_that_is_left(void **state)
{
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    const uint64_t start_ns = script.now_ns;
    script.interrupted_after_ns = 3 * MILLISECOND_NS;
    script_fail(&script, CALL_PWAIT2, 0, 2, EINTR);
    assert_int_equal(net_udp_wait(net, 10 * MILLISECOND_NS), 0);
    assert_int_equal(script.calls[CALL_PWAIT2], 3);
    assert_int_equal(script.last_timeout_ns, 4 * MILLISECOND_NS);
    assert_int_equal(script.now_ns - start_ns, 10 * MILLISECOND_NS);
    close_scripted(&script, net);
}

static void wait__broken__says_so(void **state)
{
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    script_fail(&script, CALL_PWAIT2, 0, 1, EBADF);
    assert_int_equal(net_udp_wait(net, 0), RESULT_OS);
    close_scripted(&script, net);
}

static void open__chosen_port_taken_on_the_second_address__tries_another(void **state)
{
    struct script script;

    (void)state;
    script_init(&script);
    /* The first attempt's second bind, and then the second attempt's first. */
    script_fail(&script, CALL_BIND, 1, 2, EADDRINUSE);
    struct net_udp *const net = open_scripted(&script);
    assert_int_equal(net_udp_address(net, 0).port, net_udp_address(net, 1).port);
    assert_int_equal(script.calls[CALL_BIND], 5);
    assert_int_equal(script.open_sockets, 2);
    close_scripted(&script, net);
}

static void open__every_failing_call__is_named_and_leaves_nothing(void **state)
{
    static const struct {
        enum call call;
        unsigned skip;
        int error;
        int result;
    } cases[] = {{CALL_SOCKET, 0, EMFILE, RESULT_NO_MEMORY},
                 {CALL_SOCKET, 1, EAFNOSUPPORT, RESULT_UNSUPPORTED},
                 {CALL_BIND, 0, EACCES, RESULT_DENIED},
                 {CALL_BIND, 1, EADDRNOTAVAIL, RESULT_UNREACHABLE},
                 {CALL_BIND, 1, EADDRINUSE, RESULT_IN_USE},
                 {CALL_EPOLL_ADD, 0, ENOSPC, RESULT_NO_MEMORY}};
    const struct addr addresses[] = {addr_ipv4(127, 0, 0, 1, 0), addr_ipv4(127, 0, 0, 2, 0)};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct script script;
        struct net_udp *net = NULL;
        struct net_failure failure = {0};

        script_init(&script);
        const struct net_udp_options options = options_for(&script, addresses, 2);
        /* Also the chosen port is then never free. */
        script_fail(&script, cases[i].call, cases[i].skip, UINT32_MAX, cases[i].error);
        assert_int_equal(net_udp_open(&options, &net, &failure), cases[i].result);
        assert_int_equal(failure.result, cases[i].result);
        assert_int_equal(failure.os_error, cases[i].error);
        assert_non_null(failure.step);
        assert_true(strlen(failure.text) > 0);
        if (cases[i].call != CALL_EPOLL_ADD) {
            assert_int_equal(failure.address.family, ADDR_FAMILY_IPV4);
        }
        assert_null(net);
        assert_int_equal(script.open_sockets, 0);
    }
}

static void open__refused_option__is_noted_and_no_failure(void **state)
{
    struct net_granted granted[8];
    struct script script;

    (void)state;
    script_init(&script);
    script_fail(&script, CALL_SETSOCKOPT, 0, 1, ENOPROTOOPT);
    struct net_udp *const net = open_scripted(&script);
    assert_int_equal(net_udp_granted(net, granted, 8), 10);
    assert_string_equal(granted[0].name, "recv_buffer");
    assert_int_equal(granted[0].os_error, ENOPROTOOPT);
    assert_int_equal(granted[1].os_error, 0);
    close_scripted(&script, net);
}

static void open__dscp_and_ttl__reach_the_socket(void **state)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct net_failure failure = {0};
    struct net_granted granted[4];
    struct net_udp *net = NULL;
    struct script script;
    int value = 0;
    socklen_t size = sizeof(value);

    (void)state;
    script_init(&script);
    struct net_udp_options options = options_for(&script, &address, 1);
    options.dscp = 46;
    options.ttl = 17;
    options.recv_buffer_bytes = 65536;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    /* DSCP is the upper six bits of the byte: 46 is 184 there. */
    assert_int_equal(getsockopt(net->sockets[0].fd, IPPROTO_IP, IP_TOS, &value, &size), 0);
    assert_int_equal(value, 184);
    assert_int_equal(getsockopt(net->sockets[0].fd, IPPROTO_IP, IP_TTL, &value, &size), 0);
    assert_int_equal(value, 17);
    assert_int_equal(net_udp_granted(net, granted, 4), 5);
    assert_int_equal(granted[0].granted, 65536);
    assert_int_equal(granted[2].granted, 17);
    assert_int_equal(granted[3].granted, 46);
    close_scripted(&script, net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait__no_pwait2__falls_back_and_rounds_up),
        cmocka_unit_test(wait__interrupted__goes_on_with_the_time_that_is_left),
        cmocka_unit_test(wait__broken__says_so),
        cmocka_unit_test(open__chosen_port_taken_on_the_second_address__tries_another),
        cmocka_unit_test(open__every_failing_call__is_named_and_leaves_nothing),
        cmocka_unit_test(open__refused_option__is_noted_and_no_failure),
        cmocka_unit_test(open__dscp_and_ttl__reach_the_socket),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
