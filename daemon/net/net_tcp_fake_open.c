/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_tcp_fake.h"

static void fill_settings(struct net_tcp *net, const struct net_tcp_options *options)
{
    net->settings[0] = (struct fake_setting){"reuse_address", options->reuse_address, 0};
    net->settings[1] = (struct fake_setting){"no_delay", options->no_delay, 0};
    net->settings[2] = (struct fake_setting){"keepalive", options->keepalive, 0};
    net->settings[3] = (struct fake_setting){"keepalive_idle", options->keepalive_idle_s, 7200};
    net->settings[4] =
        (struct fake_setting){"keepalive_interval", options->keepalive_interval_s, 75};
    net->settings[5] = (struct fake_setting){"recv_buffer", options->recv_buffer_bytes, 65536};
    net->settings[6] = (struct fake_setting){"send_buffer", options->send_buffer_bytes, 65536};
}

static struct net_tcp *net_create(const struct net_tcp_options *options, struct net_system *system)
{
    struct net_tcp *const net =
        calloc(1, sizeof(*net) + options->max_connections * sizeof(struct tcp_conn));

    if (net == NULL ||
        net_ring_pool_create(options->output_rings, options->output_bytes, &net->rings) < 0) {
        free(net);
        return NULL;
    }
    net->system = system;
    net->output_bytes = options->output_bytes;
    net->linger_ns = (uint64_t)options->linger_s * UINT64_C(1000000000);
    net->max_connections = options->max_connections;
    atomic_init(&net->is_woken, 0);
    fill_settings(net, options);
    for (uint32_t i = 0; i < net->max_connections; i++) {
        net->conns[i] = (struct tcp_conn){.generation = 1, .ring = NET_RING_NONE};
    }
    return net;
}

int net_tcp_open(const struct net_tcp_options *options, struct net_tcp **out,
                 struct net_failure *failure_out)
{
    struct net_system *const system =
        options->system != NULL ? options->system : net_fake_default();
    const char *const fault = net_check_tcp(options);
    uint16_t port = 0;

    if (fault != NULL) {
        return fake_fail(failure_out, RESULT_INVALID, "check options", NULL, fault);
    }
    if (options->address_count > 0) {
        const int result = fake_choose_port(system, options->addresses, options->address_count,
                                            true, &port, failure_out);
        if (result < 0) {
            return result;
        }
    }
    struct net_tcp *const net = net_create(options, system);
    if (net == NULL) {
        return fake_fail(failure_out, RESULT_NO_MEMORY, "allocate connections", NULL, "no memory");
    }
    net->listener_count = options->address_count;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        net->listeners[i].address = options->addresses[i];
        net->listeners[i].address.port = port;
        net->listeners[i].backlog = options->backlog;
        fake_listener_add(system, &net->listeners[i]);
    }
    *out = net;
    return RESULT_OK;
}

void net_tcp_stop_accepting(struct net_tcp *net)
{
    for (uint32_t i = 0; i < net->listener_count; i++) {
        if (net->listeners[i].is_open) {
            fake_listener_remove(net->system, &net->listeners[i]);
        }
    }
}

void net_tcp_shutdown(struct net_tcp *net)
{
    if (net == NULL) {
        return;
    }
    net_tcp_stop_accepting(net);
    for (uint32_t i = 0; i < net->max_connections; i++) {
        if (net->conns[i].state != CONN_FREE) {
            tcp_fake_release(net, &net->conns[i], true);
        }
    }
    net_ring_pool_destroy(net->rings);
    free(net);
}

struct addr net_tcp_address(const struct net_tcp *net, unsigned listener_index)
{
    assert(listener_index < net->listener_count);
    return net->listeners[listener_index].address;
}

unsigned net_tcp_granted(const struct net_tcp *net, struct net_granted out[], unsigned capacity)
{
    return fake_grants(net->settings, 7, net->listener_count, out, capacity);
}

unsigned net_tcp_connection_count(const struct net_tcp *net)
{
    return net->connection_count;
}

void net_tcp_counters(const struct net_tcp *net, struct net_tcp_counters *out)
{
    *out = net->counters;
}

void net_tcp_wake(struct net_tcp *net)
{
    (void)atomic_exchange_explicit(&net->is_woken, 1, memory_order_acq_rel);
}
