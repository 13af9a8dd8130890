/* SPDX-License-Identifier: MIT */
#include "tests/conformance/udp_support.h"

/* What every backend of net_udp.h must do with datagrams. */

static void assert_numbers(const struct store *store, uint32_t first, unsigned count)
{
    assert_int_equal(store->count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(stored_number(&store->items[i]), first + i);
    }
}

static void batch__border_counts__all_arrive_once_and_in_order(void **state)
{
    static const unsigned counts[] = {1, 2, 63, 64, 65, 127, 128, 129};
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    const struct addr sender = net_udp_address(from, 0);

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct store store = {0};
        send_numbered(from, net_udp_address(to, 0), i * 1000, counts[i]);
        collect(to, &store, counts[i]);
        assert_numbers(&store, i * 1000, counts[i]);
        assert_true(addr_equal(&store.items[0].from, &sender));
    }
    net_udp_close(from);
    net_udp_close(to);
}

static void receive__small_capacity__goes_on_where_it_stopped(void **state)
{
    static const unsigned capacities[] = {1, 2, 5, 63};
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();

    (void)state;
    for (unsigned i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        struct store store = {0};
        send_numbered(from, net_udp_address(to, 0), 0, 70);
        collect_with(to, &store, 70, capacities[i]);
        assert_numbers(&store, 0, 70);
    }
    net_udp_close(from);
    net_udp_close(to);
}

static void receive__stopped_early__next_wait_returns_at_once(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct net_received received[4];
    struct store rest = {0};

    (void)state;
    send_numbered(from, net_udp_address(to, 0), 0, 10);
    unsigned count = 0;
    for (unsigned round = 0; count == 0; round++) {
        assert_true(round < 200);
        assert_true(net_udp_wait(to, 100 * MILLISECOND_NS) >= 0);
        count = net_udp_recv(to, received, 4);
    }
    /* A lost readiness would hang here for ever. */
    assert_true((net_udp_wait(to, NET_WAIT_FOREVER) & NET_UDP_READY) != 0);
    collect(to, &rest, 10 - count);
    assert_int_equal(stored_number(&rest.items[rest.count - 1]), 9);
    net_udp_close(from);
    net_udp_close(to);
}

static void size__zero__is_a_datagram(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    const struct addr address = net_udp_address(to, 0);
    struct net_outgoing batch[3] = {outgoing(address, NULL, 0), outgoing(address, "x", 1),
                                    outgoing(address, NULL, 0)};
    struct store store = {0};

    (void)state;
    assert_int_equal(net_udp_send(from, batch, 3), 3);
    collect(to, &store, 3);
    assert_int_equal(store.items[0].size, 0);
    assert_int_equal(store.items[1].size, 1);
    assert_int_equal(store.items[2].size, 0);
    const struct addr sender = net_udp_address(from, 0);
    assert_true(addr_equal(&store.items[0].from, &sender));
    net_udp_close(from);
    net_udp_close(to);
}

static void size__largest_in_three_parts__arrives_whole(void **state)
{
    static uint8_t bytes[SUPPORT_MAX_DATAGRAM];
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct net_received received[1];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    struct net_outgoing one = {.to = net_udp_address(to, 0),
                               .head = {bytes, 14},
                               .body = {bytes + 14, sizeof(bytes) - 22},
                               .tag = {bytes + sizeof(bytes) - 8, 8}};
    assert_int_equal(net_udp_send(from, &one, 1), 1);
    for (unsigned round = 0; net_udp_recv(to, received, 1) == 0; round++) {
        assert_true(round < 200);
        assert_true(net_udp_wait(to, 100 * MILLISECOND_NS) >= 0);
    }
    assert_int_equal(received[0].size, sizeof(bytes));
    assert_memory_equal(received[0].bytes, bytes, sizeof(bytes));
    net_udp_close(from);
    net_udp_close(to);
}

static void parts__each_one_empty_in_turn__bytes_are_joined(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct net_outgoing batch[8];
    struct store store = {0};

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        batch[i] = (struct net_outgoing){.to = net_udp_address(to, 0)};
        batch[i].head = (i & 1) != 0 ? (struct net_vector){"h", 1} : (struct net_vector){0};
        batch[i].body = (i & 2) != 0 ? (struct net_vector){"b", 1} : (struct net_vector){0};
        batch[i].tag = (i & 4) != 0 ? (struct net_vector){"t", 1} : (struct net_vector){0};
    }
    assert_int_equal(net_udp_send(from, batch, 8), 8);
    collect(to, &store, 8);
    for (unsigned i = 0; i < 8; i++) {
        char expected[4] = {0};
        unsigned size = 0;
        for (unsigned part = 0; part < 3; part++) {
            if ((i & (1U << part)) != 0) {
                expected[size++] = "hbt"[part];
            }
        }
        assert_int_equal(store.items[i].size, size);
        assert_memory_equal(store.items[i].bytes, expected, size);
    }
    net_udp_close(from);
    net_udp_close(to);
}

static void size__oversize__is_counted_and_never_seen(void **state)
{
    static uint8_t bytes[NET_DATAGRAM_MAX];
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    const struct addr address = net_udp_address(to, 0);
    struct store store = {0};

    (void)state;
    /* Once into a socket that is waited for, once into one with datagrams queued before and after.
     */
    send_one(from, address, bytes, SUPPORT_MAX_DATAGRAM + 1);
    send_one(from, address, "a", 1);
    collect(to, &store, 1);
    send_one(from, address, "b", 1);
    send_one(from, address, bytes, sizeof(bytes));
    send_one(from, address, bytes, SUPPORT_MAX_DATAGRAM + 1);
    send_one(from, address, "c", 1);
    collect(to, &store, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(store.items[i].size, 1);
        assert_int_equal(store.items[i].bytes[0], 'a' + (int)i);
    }
    assert_int_equal(counters_of(to).received_oversize, 3);
    assert_int_equal(counters_of(to).received_datagrams, 3);
    net_udp_close(from);
    net_udp_close(to);
}

static void size__whole_batches_of_oversize__hide_nothing_behind_them(void **state)
{
    static uint8_t bytes[SUPPORT_MAX_DATAGRAM + 1];
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct store store = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        send_one(from, net_udp_address(to, 0), bytes, sizeof(bytes));
    }
    send_one(from, net_udp_address(to, 0), "z", 1);
    collect(to, &store, 1);
    assert_int_equal(store.items[0].bytes[0], 'z');
    assert_int_equal(counters_of(to).received_oversize, 100);
    net_udp_close(from);
    net_udp_close(to);
}

static void batch__bad_destinations_in_the_middle__others_arrive(void **state)
{
    static uint8_t too_long[NET_DATAGRAM_MAX + 1];
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct net_udp *const gone = open_udp();
    const struct addr address = net_udp_address(to, 0);
    const struct addr dead = net_udp_address(gone, 0);
    struct store store = {0};

    (void)state;
    net_udp_close(gone);
    for (unsigned round = 0; round < 5; round++) {
        struct net_outgoing batch[] = {
            outgoing(address, "0", 1),
            outgoing(dead, "x", 1),
            outgoing(address, "1", 1),
            outgoing(loopback4(0), "x", 1),
            outgoing(addr_ipv4(0, 0, 0, 0, 9), "x", 1),
            outgoing(address, too_long, sizeof(too_long)),
            outgoing(address, "2", 1),
        };
        const unsigned taken = net_udp_send(from, batch, 7);
        /* Nobody at the port is news of the network, which may or may not be told. */
        assert_true(batch[1].result == RESULT_OK || batch[1].result == RESULT_UNREACHABLE);
        assert_int_equal(taken, batch[1].result == RESULT_OK ? 4 : 3);
        assert_int_equal(batch[0].result, RESULT_OK);
        assert_int_equal(batch[2].result, RESULT_OK);
        assert_int_equal(batch[3].result, RESULT_INVALID);
        assert_int_equal(batch[4].result, RESULT_INVALID);
        assert_int_equal(batch[5].result, RESULT_INVALID);
        assert_int_equal(batch[6].result, RESULT_OK);
        store.count = 0;
        collect(to, &store, 3);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(store.items[i].bytes[0], '0' + (int)i);
        }
    }
    assert_int_equal(counters_of(from).send_refused, 15);

    /* And the one who wrote to the dead still hears. */
    send_one(to, net_udp_address(from, 0), "hello", 5);
    store.count = 0;
    collect(from, &store, 1);
    assert_int_equal(store.items[0].size, 5);
    net_udp_close(from);
    net_udp_close(to);
}

static void order__two_senders_interleaved__each_in_its_own_order(void **state)
{
    struct net_udp *const a = open_udp();
    struct net_udp *const b = open_udp();
    struct net_udp *const to = open_udp();
    const struct addr address_a = net_udp_address(a, 0);
    struct store store = {0};
    uint32_t next_a = 0;
    uint32_t next_b = 0;

    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        send_numbered(a, net_udp_address(to, 0), i, 1);
        send_numbered(b, net_udp_address(to, 0), i, 1);
    }
    collect(to, &store, 100);
    for (unsigned i = 0; i < store.count; i++) {
        const bool is_a = addr_equal(&store.items[i].from, &address_a);
        uint32_t *const next = is_a ? &next_a : &next_b;
        assert_int_equal(stored_number(&store.items[i]), *next);
        *next += 1;
    }
    assert_int_equal(next_a, 50);
    assert_int_equal(next_b, 50);
    net_udp_close(a);
    net_udp_close(b);
    net_udp_close(to);
}

static void addresses__two_sockets__path_names_the_socket(void **state)
{
    const struct addr addresses[] = {loopback4(0), second_loopback(0)};
    const struct net_udp_options options = udp_options(addresses, 2);
    struct net_udp *const relay = open_udp_with(&options);
    struct net_udp *const client = open_udp_with(&options);
    struct store store = {0};

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        const struct addr address = net_udp_address(relay, i);
        store.count = 0;
        struct net_outgoing question = outgoing(address, "ask", 3);
        question.socket_index = i;
        assert_int_equal(net_udp_send(client, &question, 1), 1);
        collect(relay, &store, 1);
        assert_int_equal(store.items[0].socket_index, i);

        struct net_outgoing answer = outgoing(store.items[0].from, "answer", 6);
        answer.socket_index = store.items[0].socket_index;
        assert_int_equal(net_udp_send(relay, &answer, 1), 1);
        store.count = 0;
        collect(client, &store, 1);
        assert_true(addr_equal(&store.items[0].from, &address));
    }
    net_udp_close(relay);
    net_udp_close(client);
}

static void addresses__sockets_mixed_in_one_batch__each_keeps_its_order(void **state)
{
    const struct addr addresses[] = {loopback4(0), second_loopback(0)};
    const struct net_udp_options options = udp_options(addresses, 2);
    struct net_udp *const relay = open_udp_with(&options);
    struct net_udp *const client = open_udp_with(&options);
    struct net_outgoing batch[150];
    uint32_t numbers[150];
    struct store store = {0};
    uint32_t next[2] = {0};

    (void)state;
    for (uint32_t i = 0; i < 150; i++) {
        numbers[i] = i;
        batch[i] = outgoing(net_udp_address(client, i % 2), &numbers[i], sizeof(numbers[i]));
        batch[i].socket_index = i % 2;
    }
    assert_int_equal(net_udp_send(relay, batch, 150), 150);
    collect(client, &store, 150);
    const struct addr second = net_udp_address(relay, 1);
    for (unsigned i = 0; i < 150; i++) {
        const unsigned index = addr_equal(&store.items[i].from, &second) ? 1 : 0;
        assert_int_equal(stored_number(&store.items[i]), next[index] * 2 + index);
        next[index]++;
    }
    net_udp_close(relay);
    net_udp_close(client);
}

static void ipv6__both_families_on_one_port__do_not_mix(void **state)
{
    const struct addr addresses[] = {loopback4(0), loopback6(0)};
    const struct net_udp_options options = udp_options(addresses, 2);
    struct store store = {0};

    (void)state;
    if (!has_ipv6()) {
        skip();
    }
    struct net_udp *const a = open_udp_with(&options);
    struct net_udp *const b = open_udp_with(&options);
    assert_int_equal(net_udp_address(a, 0).port, net_udp_address(a, 1).port);
    for (uint32_t i = 0; i < 2; i++) {
        struct net_outgoing one = outgoing(net_udp_address(b, i), "six", 3);
        one.socket_index = i;
        assert_int_equal(net_udp_send(a, &one, 1), 1);
        store.count = 0;
        collect(b, &store, 1);
        assert_int_equal(store.items[0].socket_index, i);
        const struct addr sender = net_udp_address(a, i);
        assert_true(addr_equal(&store.items[0].from, &sender));
    }
    net_udp_close(a);
    net_udp_close(b);
}

static void counters__after_traffic__add_up(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct store store = {0};

    (void)state;
    send_numbered(from, net_udp_address(to, 0), 0, 100);
    collect(to, &store, 100);
    assert_int_equal(counters_of(from).sent_datagrams, 100);
    assert_int_equal(counters_of(from).sent_bytes, 400);
    assert_int_equal(counters_of(from).received_datagrams, 0);
    assert_int_equal(counters_of(to).received_datagrams, 100);
    assert_int_equal(counters_of(to).received_bytes, 400);
    assert_int_equal(counters_of(to).receive_errors, 0);
    assert_int_equal(counters_of(to).kernel_drops, 0);
    net_udp_close(from);
    net_udp_close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch__border_counts__all_arrive_once_and_in_order),
        cmocka_unit_test(receive__small_capacity__goes_on_where_it_stopped),
        cmocka_unit_test(receive__stopped_early__next_wait_returns_at_once),
        cmocka_unit_test(size__zero__is_a_datagram),
        cmocka_unit_test(size__largest_in_three_parts__arrives_whole),
        cmocka_unit_test(parts__each_one_empty_in_turn__bytes_are_joined),
        cmocka_unit_test(size__oversize__is_counted_and_never_seen),
        cmocka_unit_test(size__whole_batches_of_oversize__hide_nothing_behind_them),
        cmocka_unit_test(batch__bad_destinations_in_the_middle__others_arrive),
        cmocka_unit_test(order__two_senders_interleaved__each_in_its_own_order),
        cmocka_unit_test(addresses__two_sockets__path_names_the_socket),
        cmocka_unit_test(addresses__sockets_mixed_in_one_batch__each_keeps_its_order),
        cmocka_unit_test(ipv6__both_families_on_one_port__do_not_mix),
        cmocka_unit_test(counters__after_traffic__add_up),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
