/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/timer.h"
#include "daemon/control/connection.h"

/* The diagram of connection.h, said a second time. */
static void state__changes__are_those_of_the_diagram(void **state)
{
    (void)state;
    static const struct {
        enum connection_state from;
        enum connection_state to;
    } arrows[] = {
        {CONNECTION_FREE, CONNECTION_FIRST_FLIGHT},
        {CONNECTION_FIRST_FLIGHT, CONNECTION_PROVING},
        {CONNECTION_FIRST_FLIGHT, CONNECTION_FINISHING},
        {CONNECTION_FIRST_FLIGHT, CONNECTION_FREE},
        {CONNECTION_PROVING, CONNECTION_OPEN},
        {CONNECTION_PROVING, CONNECTION_FINISHING},
        {CONNECTION_PROVING, CONNECTION_FREE},
        {CONNECTION_OPEN, CONNECTION_FINISHING},
        {CONNECTION_OPEN, CONNECTION_FREE},
        {CONNECTION_FINISHING, CONNECTION_FREE},
    };
    unsigned allowed = 0;
    for (unsigned from = 0; from < CONNECTION_STATES; from++) {
        for (unsigned to = 0; to < CONNECTION_STATES; to++) {
            allowed += connection_state_may((enum connection_state)from, (enum connection_state)to);
        }
    }
    assert_int_equal(allowed, sizeof(arrows) / sizeof(arrows[0]));
    for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++) {
        assert_true(connection_state_may(arrows[i].from, arrows[i].to));
    }
}

static void output__bound__is_small_until_there_is_a_session(void **state)
{
    (void)state;
    struct control_limits limits = {.frame_max_bytes = 4096,
                                    .out_buffer_bytes = 8192,
                                    .handshake_timeout_ns = 5,
                                    .idle_timeout_ns = 60};
    struct connection_pools pools;
    struct connection connection = {.state = CONNECTION_FREE};
    struct addr peer = addr_ipv4(10, 0, 0, 1, 1);
    static const uint8_t bytes[8192];
    struct arena arena = {.base = NULL};
    for (int pass = 0; pass < 2; pass++) {
        buffer_pool_init(&pools.frames, &arena, 1, connection_frame_bytes(&limits));
        buffer_pool_init(&pools.outputs, &arena, 1, limits.out_buffer_bytes);
        if (pass == 0) {
            arena.base = calloc(1, arena.used);
            arena.used = 0;
        }
    }
    connection_open(&connection, &peer, 0, &limits, 1000);
    assert_true(connection_deadline(&connection) == 1005);
    assert_int_equal(connection_overdue(&connection, 1004), REASON_NONE);
    assert_int_equal(connection_overdue(&connection, 1005), REASON_HANDSHAKE_TIMEOUT);
    assert_int_equal(connection_put(&connection, &pools, &limits, bytes, 2048), REASON_NONE);
    assert_int_equal(connection_put(&connection, &pools, &limits, bytes, 1), REASON_OUTPUT_FULL);
    connection_output_taken(&connection, &pools);
    assert_int_equal(pools.outputs.used_count, 0);
    connection.system_pending = 2048; /* What the system has not taken counts. */
    assert_int_equal(connection_put(&connection, &pools, &limits, bytes, 1), REASON_OUTPUT_FULL);
    connection.session = 0;
    assert_int_equal(connection_put(&connection, &pools, &limits, bytes, 8192 - 2048), REASON_NONE);
    assert_int_equal(connection_put(&connection, &pools, &limits, bytes, 1), REASON_OUTPUT_FULL);
    connection_release(&connection, &pools);
    assert_int_equal(pools.outputs.used_count, 0);
    assert_int_equal(connection.state, CONNECTION_FREE);
    free(arena.base);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__changes__are_those_of_the_diagram),
        cmocka_unit_test(output__bound__is_small_until_there_is_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
