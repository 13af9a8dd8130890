/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_check.h"

#define CONNECTIONS_MAX 1048576u

/* Whether the value is left to the system, or at least as large as it may be. */
static bool is_setting(int32_t value, int32_t least)
{
    return value == NET_SETTING_DEFAULT || value >= least;
}

const char *net_check_udp(const struct net_udp_options *options)
{
    if (options->max_datagram < 1 || options->max_datagram > NET_DATAGRAM_MAX) {
        return "max_datagram must be 1 to 65507 bytes";
    }
    if (!is_setting(options->recv_buffer_bytes, 0) || !is_setting(options->send_buffer_bytes, 0)) {
        return "a buffer size must not be negative";
    }
    if (!is_setting(options->ttl, 1) || options->ttl > 255) {
        return "ttl must be 1 to 255";
    }
    if (!is_setting(options->dscp, 0) || options->dscp > 63) {
        return "dscp must be 0 to 63";
    }
    return NULL;
}

const char *net_check_tcp(const struct net_tcp_options *options)
{
    if (options->max_connections < 1 || options->max_connections > CONNECTIONS_MAX) {
        return "max_connections must be 1 to 1048576";
    }
    if (options->output_bytes < 1) {
        return "output_bytes must be at least 1";
    }
    if (options->output_rings < 1 || options->output_rings > options->max_connections) {
        return "output_rings must be 1 to max_connections";
    }
    if (options->backlog < 1) {
        return "backlog must be at least 1";
    }
    if (options->linger_s < 0) {
        return "linger must not be negative";
    }
    if (!is_setting(options->keepalive_idle_s, 1) ||
        !is_setting(options->keepalive_interval_s, 1)) {
        return "a keepalive time must be at least 1 s";
    }
    if (!is_setting(options->recv_buffer_bytes, 0) || !is_setting(options->send_buffer_bytes, 0)) {
        return "a buffer size must not be negative";
    }
    return NULL;
}

const char *net_check_addresses(const struct addr addresses[], uint32_t count,
                                const struct addr **culprit_out)
{
    *culprit_out = NULL;
    if (count < 1 || count > NET_ADDRESSES_MAX) {
        return "there must be 1 to 8 listen addresses";
    }
    for (uint32_t i = 0; i < count; i++) {
        *culprit_out = &addresses[i];
        if (addresses[i].family != ADDR_FAMILY_IPV4 && addresses[i].family != ADDR_FAMILY_IPV6) {
            return "a listen address is missing";
        }
        if (addresses[i].port != addresses[0].port) {
            return "all listen addresses must have the same port";
        }
    }
    *culprit_out = NULL;
    return NULL;
}
