/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/config_loader.h"
#include "config/config_report.h"
#include "config/config_value.h"

/* low must not be more than high. Both are numbers of one unit. */
struct order_rule {
    const char *low_section;
    const char *low_name;
    const char *high_section;
    const char *high_name;
};

static const struct order_rule order_rules[] = {
    {"limits", "clients_per_room", "limits", "max_clients"},
    {"limits", "max_clients", "control", "max_connections"},
    {"control", "preauth_max", "control", "max_connections"},
    {"control", "frame_max", "control", "out_buffer"},
    {"control", "accepts_per_ip_s", "control", "accepts_per_ip_burst"},
    {"control", "commands_per_s", "control", "commands_burst"},
    {"limits", "client_datagrams_s", "limits", "client_datagrams_burst"},
    {"limits", "client_bytes_s", "limits", "client_bytes_burst"},
    {"limits", "client_records_s", "limits", "client_records_burst"},
    /* Otherwise a bucket is never deep enough for one datagram, or for one record to everybody. */
    {"udp", "max_datagram", "limits", "client_bytes_burst"},
    {"limits", "clients_per_room", "limits", "room_deliveries_s"},
    {"auth", "clock_skew", "auth", "ticket_max_age"},
    {"room", "tick_default", "room", "tick_max"},
};

/* The system, or the ticket, counts these in seconds. */
static const struct {
    const char *section;
    const char *name;
} whole_second_keys[] = {{"control", "keepalive_idle"},
                         {"control", "keepalive_interval"},
                         {"control", "linger"},
                         {"auth", "ticket_max_age"},
                         {"auth", "clock_skew"}};

/* The key to blame: the one that was set last in the order of precedence, and of two in the file
 * the one further down. */
static size_t blamed(const struct config_loader *loader, size_t a, size_t b)
{
    const struct config_origin at_a = loader->config.origins[a];
    const struct config_origin at_b = loader->config.origins[b];

    if (at_a.kind != at_b.kind) {
        return at_a.kind > at_b.kind ? a : b;
    }
    return at_a.line >= at_b.line ? a : b;
}

static size_t index_of(const char *section, const char *name)
{
    const size_t index = config_key_find(section, name);

    assert(index < config_key_count());
    return index;
}

static void report_key(struct config_loader *loader, size_t index, const char *text)
{
    const struct config_origin origin = loader->config.origins[index];
    char label[CONFIG_LABEL_SIZE];

    config_loader_label(config_key_at(index), origin, label);
    config_report_add(loader->report, CONFIG_ERROR, origin, "%s: %s", label, text);
}

static void check_order(struct config_loader *loader, const struct order_rule *rule)
{
    const size_t low = index_of(rule->low_section, rule->low_name);
    const size_t high = index_of(rule->high_section, rule->high_name);
    const uint64_t low_value = config_value_number(config_key_at(low), &loader->config.values);
    const uint64_t high_value = config_value_number(config_key_at(high), &loader->config.values);
    char low_text[CONFIG_VALUE_TEXT_SIZE];
    char high_text[CONFIG_VALUE_TEXT_SIZE];
    char text[CONFIG_MESSAGE_TEXT_SIZE];

    if (loader->is_bad[low] || loader->is_bad[high] || low_value <= high_value) {
        return;
    }
    config_value_print(config_key_at(low), &loader->config.values, low_text);
    config_value_print(config_key_at(high), &loader->config.values, high_text);
    (void)snprintf(text, sizeof(text), "%s.%s (%.24s) must not be more than %s.%s (%.24s)",
                   rule->low_section, rule->low_name, low_text, rule->high_section, rule->high_name,
                   high_text);
    report_key(loader, blamed(loader, low, high), text);
}

static void check_whole_seconds(struct config_loader *loader, const char *section, const char *name)
{
    const size_t index = index_of(section, name);
    const uint64_t value = config_value_number(config_key_at(index), &loader->config.values);

    if (value % UINT64_C(1000000000) != 0) {
        report_key(loader, index, "only whole seconds are possible here");
    }
}

static void check_ports(struct config_loader *loader)
{
    const size_t port = index_of("udp", "port");
    const size_t workers = index_of("udp", "workers");
    const struct config_udp *udp = &loader->config.values.udp;
    char text[CONFIG_MESSAGE_TEXT_SIZE];

    if (loader->is_bad[port] || loader->is_bad[workers] || udp->port + udp->workers - 1 <= 65535) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "udp.workers (%u) from udp.port (%u) on would need ports above 65535",
                   (unsigned)udp->workers, (unsigned)udp->port);
    report_key(loader, blamed(loader, port, workers), text);
}

/* A socket on "every address" takes the port of every single one of its family. */
static void check_listen(struct config_loader *loader)
{
    const size_t index = index_of("server", "listen");
    const struct config_server *server = &loader->config.values.server;

    for (uint32_t i = 0; i < server->listen_count; i++) {
        for (uint32_t j = 0; j < server->listen_count; j++) {
            char all[ADDR_TEXT_SIZE];
            char one[ADDR_TEXT_SIZE];
            char text[CONFIG_MESSAGE_TEXT_SIZE];

            if (i == j || !addr_is_unspecified(&server->listen[i]) ||
                server->listen[i].family != server->listen[j].family) {
                continue;
            }
            (void)addr_print_ip(&server->listen[i], all);
            (void)addr_print_ip(&server->listen[j], one);
            (void)snprintf(text, sizeof(text), "%s already covers %s", all, one);
            report_key(loader, index, text);
        }
    }
}

/* A relay that anybody in the world may use has to be asked for twice. */
static void check_open_public(struct config_loader *loader)
{
    const size_t listen = index_of("server", "listen");
    const size_t mode = index_of("auth", "mode");
    const size_t allow = index_of("server", "allow_open_public");
    const struct relay_config *values = &loader->config.values;

    if (loader->is_bad[listen] || loader->is_bad[mode] || loader->is_bad[allow] ||
        values->auth.mode != CONFIG_AUTH_OPEN || values->server.allow_open_public) {
        return;
    }
    for (uint32_t i = 0; i < values->server.listen_count; i++) {
        if (!addr_is_loopback(&values->server.listen[i])) {
            char address[ADDR_TEXT_SIZE];
            char text[CONFIG_MESSAGE_TEXT_SIZE];

            (void)addr_print_ip(&values->server.listen[i], address);
            (void)snprintf(text, sizeof(text),
                           "with auth.mode = open anybody who reaches %s could use the relay; set "
                           "auth.mode = ticket, or server.allow_open_public = yes if that is meant",
                           address);
            report_key(loader, blamed(loader, listen, mode), text);
            return;
        }
    }
}

static void check_tickets(struct config_loader *loader)
{
    const size_t mode = index_of("auth", "mode");
    const size_t secret_file = index_of("auth", "secret_file");
    const struct config_auth *auth = &loader->config.values.auth;

    if (!loader->is_bad[mode] && !loader->is_bad[secret_file] && auth->mode == CONFIG_AUTH_TICKET &&
        auth->secret_file[0] == '\0') {
        report_key(loader, blamed(loader, mode, secret_file),
                   "auth.mode = ticket needs auth.secret_file, the file with the tickets' secrets");
    }
}

void config_check(struct config_loader *loader)
{
    for (size_t i = 0; i < sizeof(order_rules) / sizeof(order_rules[0]); i++) {
        check_order(loader, &order_rules[i]);
    }
    for (size_t i = 0; i < sizeof(whole_second_keys) / sizeof(whole_second_keys[0]); i++) {
        check_whole_seconds(loader, whole_second_keys[i].section, whole_second_keys[i].name);
    }
    check_ports(loader);
    check_listen(loader);
    check_open_public(loader);
    check_tickets(loader);
}
