/* SPDX-License-Identifier: MIT */
#include "tests/conformance/tcp_support.h"

#include "daemon/os/os.h"

struct addr loopback4(uint16_t port)
{
    return addr_ipv4(127, 0, 0, 1, port);
}

struct addr loopback6(uint16_t port)
{
    static const uint8_t ip[16] = {[15] = 1};

    return addr_ipv6(ip, port, 0);
}

struct net_tcp_options tcp_options(const struct addr addresses[], uint32_t count)
{
    return (struct net_tcp_options){
        .addresses = addresses,
        .address_count = count,
        .max_connections = WORLD_CONNS_MAX,
        .output_bytes = 16384,
        .output_rings = WORLD_CONNS_MAX,
        .backlog = 256,
        .no_delay = true,
        .keepalive = true,
        .reuse_address = true,
        .linger_s = 5,
        .keepalive_idle_s = 60,
        .keepalive_interval_s = 10,
        .recv_buffer_bytes = NET_SETTING_DEFAULT,
        .send_buffer_bytes = 16384,
    };
}

void world_open_with(struct world *world, const struct net_tcp_options *options)
{
    struct net_failure failure = {0};

    memset(world, 0, sizeof(*world));
    world->capacity = WORLD_EVENTS_MAX;
    if (net_tcp_open(options, &world->net, &failure) < 0) {
        fail_msg("open: %s: %s (%lld)", failure.step, failure.text, (long long)failure.os_error);
    }
}

void world_open(struct world *world)
{
    const struct addr address = loopback4(0);
    const struct net_tcp_options options = tcp_options(&address, 1);

    world_open_with(world, &options);
}

void world_close(struct world *world)
{
    net_tcp_shutdown(world->net);
    world->net = NULL;
}

struct model *model_of(struct world *world, struct net_conn conn)
{
    assert_true(conn.index < WORLD_CONNS_MAX);
    return &world->models[conn.index];
}

static void note_accepted(struct world *world, const struct net_tcp_event *event)
{
    struct model *const model = model_of(world, event->conn);
    const uint32_t old_generation = model->conn.generation;

    assert_false(model->is_open);
    assert_int_not_equal(event->conn.generation, 0);
    assert_int_not_equal(event->conn.generation, old_generation);
    const unsigned closed_count = model->closed_count;
    *model = (struct model){.is_open = true,
                            .conn = event->conn,
                            .peer = event->peer,
                            .listener_index = event->listener_index,
                            .closed_count = closed_count};
    world->accepted_count++;
    world->last_accepted = event->conn;
}

struct net_conn dial(struct world *world, struct addr to)
{
    struct net_conn conn = {0};

    assert_int_equal(net_tcp_connect(world->net, &to, &conn), RESULT_OK);
    struct model *const model = model_of(world, conn);
    assert_false(model->is_open);
    assert_int_not_equal(conn.generation, 0);
    assert_int_not_equal(conn.generation, model->conn.generation);
    *model = (struct model){.is_open = true,
                            .is_connecting = true,
                            .conn = conn,
                            .peer = to,
                            .listener_index = NET_TCP_NO_LISTENER,
                            .closed_count = model->closed_count};
    return conn;
}

static void note_event(struct world *world, const struct net_tcp_event *event)
{
    struct model *const model = model_of(world, event->conn);

    if (event->type == NET_TCP_ACCEPTED) {
        note_accepted(world, event);
        return;
    }
    assert_true(model->is_open);
    assert_int_equal(model->conn.generation, event->conn.generation);
    assert_true(addr_equal(&model->peer, &event->peer));
    switch (event->type) {
    case NET_TCP_READABLE:
        model->readable_count++;
        break;
    case NET_TCP_SENT:
        model->sent_count++;
        break;
    case NET_TCP_CLOSED:
        assert_int_not_equal(event->reason, NET_CLOSE_NONE);
        model->is_open = false;
        model->reason = event->reason;
        model->closed_count++;
        world->closed_count++;
        return;
    case NET_TCP_CONNECTED:
        assert_int_equal(event->listener_index, NET_TCP_NO_LISTENER);
        assert_true(model->is_connecting);
        assert_int_equal(model->readable_count + model->sent_count, 0);
        model->is_connecting = false;
        world->connected_count++;
        break;
    case NET_TCP_ACCEPTED:
        break;
    }
    assert_int_equal(event->reason, NET_CLOSE_NONE);
}

unsigned pump_for(struct world *world, uint64_t timeout_ns)
{
    struct net_tcp_event events[WORLD_EVENTS_MAX];

    const int count = net_tcp_wait(world->net, events, world->capacity, timeout_ns);
    assert_true(count >= 0);
    assert_true((unsigned)count <= world->capacity);
    for (int i = 0; i < count; i++) {
        note_event(world, &events[i]);
    }
    return (unsigned)count;
}

unsigned pump(struct world *world)
{
    return pump_for(world, 20 * MILLISECOND_NS);
}

struct peer *join_with(struct world *world, bool small_buffers, struct net_conn *conn_out)
{
    const unsigned before = world->accepted_count;
    struct peer *const peer = peer_connect(net_tcp_address(world->net, 0), small_buffers);

    assert_non_null(peer);
    PUMP_UNTIL(world, world->accepted_count > before);
    assert_int_equal(world->accepted_count, before + 1);
    *conn_out = world->last_accepted;
    return peer;
}

struct peer *join(struct world *world, struct net_conn *conn_out)
{
    return join_with(world, false, conn_out);
}

void drop(struct world *world, struct net_conn conn, enum net_close_mode mode)
{
    model_of(world, conn)->is_open = false;
    assert_int_equal(net_tcp_close(world->net, conn, mode), RESULT_OK);
    assert_stale(world, conn);
}

void read_exactly(struct world *world, struct net_conn conn, void *bytes, size_t size)
{
    size_t have = 0;

    for (unsigned idle = 0; have < size;) {
        const int count = net_tcp_read(world->net, conn, (uint8_t *)bytes + have, size - have);
        if (count > 0) {
            have += (size_t)count;
            idle = 0;
            continue;
        }
        assert_int_equal(count, RESULT_AGAIN);
        assert_true(idle < 1000);
        idle += pump(world) == 0;
    }
}

void read_end(struct world *world, struct net_conn conn)
{
    uint8_t byte = 0;

    for (unsigned idle = 0;; idle += pump(world) == 0) {
        const int count = net_tcp_read(world->net, conn, &byte, 1);
        if (count == 0) {
            return;
        }
        assert_int_equal(count, RESULT_AGAIN);
        assert_true(idle < 1000);
    }
}

void read_or_finish(struct world *world, struct net_conn conn)
{
    char bytes[4];

    if (net_tcp_read(world->net, conn, bytes, sizeof(bytes)) == 0) {
        assert_int_equal(net_tcp_finish(world->net, conn), RESULT_OK);
    }
}

/* Gives the other side its turn, and the system a moment. */
static void give_turn(struct world *world)
{
    if (world->net != NULL) {
        (void)pump_for(world, MILLISECOND_NS);
    } else {
        os_sleep_ms(1);
    }
}

void peer_read_exactly(struct world *world, struct peer *peer, void *bytes, size_t size)
{
    size_t have = 0;

    for (unsigned idle = 0; have < size;) {
        const int count = peer_receive(peer, (uint8_t *)bytes + have, size - have);
        if (count > 0) {
            have += (size_t)count;
            idle = 0;
            continue;
        }
        assert_int_equal(count, RESULT_AGAIN);
        assert_true(idle < 20000);
        idle++;
        give_turn(world);
    }
}

void peer_read_end(struct world *world, struct peer *peer)
{
    uint8_t byte = 0;

    for (unsigned idle = 0;; idle++) {
        const int count = peer_receive(peer, &byte, 1);
        if (count == 0) {
            return;
        }
        assert_int_equal(count, RESULT_AGAIN);
        assert_true(idle < 20000);
        give_turn(world);
    }
}

void peer_read_reset(struct world *world, struct peer *peer)
{
    uint8_t bytes[4096];

    for (unsigned idle = 0;;) {
        const int count = peer_receive(peer, bytes, sizeof(bytes));
        if (count == RESULT_CLOSED) {
            return;
        }
        assert_int_not_equal(count, 0);
        if (count == RESULT_AGAIN) {
            assert_true(idle < 20000);
            idle++;
            give_turn(world);
        }
    }
}

uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 31 + offset / 251);
}

void fill_output(struct world *world, struct net_conn conn, uint64_t *at)
{
    uint8_t bytes[1000];

    for (;;) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = pattern(*at + i);
        }
        const int result = net_tcp_write(world->net, conn, bytes, sizeof(bytes));
        if (result == RESULT_FULL) {
            /* A backend that sends by itself needs its turn before full means full. */
            const unsigned sent_before = model_of(world, conn)->sent_count;
            for (unsigned i = 0; i < 10; i++) {
                (void)pump_for(world, MILLISECOND_NS);
            }
            if (model_of(world, conn)->sent_count == sent_before) {
                return;
            }
            continue;
        }
        assert_int_equal(result, RESULT_OK);
        *at += sizeof(bytes);
        assert_true(*at < UINT64_C(256) << 20);
    }
}

void peer_drain(struct world *world, struct peer *peer, uint64_t *at, uint64_t end)
{
    uint8_t bytes[8192];

    for (unsigned idle = 0; *at < end;) {
        const uint64_t left = end - *at;
        const int count =
            peer_receive(peer, bytes, left < sizeof(bytes) ? (size_t)left : sizeof(bytes));
        if (count > 0) {
            for (int i = 0; i < count; i++) {
                if (bytes[i] != pattern(*at + (uint64_t)i)) {
                    fail_msg("byte %llu is wrong", (unsigned long long)(*at + (uint64_t)i));
                }
            }
            *at += (uint64_t)count;
            idle = 0;
            continue;
        }
        assert_int_equal(count, RESULT_AGAIN);
        assert_true(idle < 20000);
        idle++;
        give_turn(world);
    }
}

void assert_stale(struct world *world, struct net_conn conn)
{
    struct addr peer;
    uint8_t byte = 0;

    assert_int_equal(net_tcp_read(world->net, conn, &byte, 1), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_write(world->net, conn, "x", 1), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_pending(world->net, conn), 0);
    assert_int_equal(net_tcp_finish(world->net, conn), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_pause(world->net, conn), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_resume(world->net, conn), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_peer(world->net, conn, &peer), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_close(world->net, conn, NET_CLOSE_ORDERLY), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_close(world->net, conn, NET_CLOSE_ABORT), RESULT_NOT_FOUND);
}

struct net_tcp_counters counters_of(const struct world *world)
{
    struct net_tcp_counters counters;

    net_tcp_counters(world->net, &counters);
    return counters;
}
