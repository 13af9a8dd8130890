/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config_keys.h"
#include "config/config_value.h"
#include "daemon/control/control_server_parts.h"
#include "daemon/worker_settings.h"

#include <stdio.h>
#include <string.h>

/* Every key marked live must reach somebody who acts on it while the relay serves, and nothing that
 * is sized or opened at the start may depend on it.
 *
 * Who acts: cores and the control channel, which are handed new limits (tests/core and
 * tests/control set theirs after the start in every test, so what they test there is what a reload
 * does), and the few settings below that server.c and the control thread keep themselves. */

struct taken {
    struct relay_limits relay;
    struct control_limits control;
    struct net_tcp_options sockets;
    uint64_t others[8];
};

/* What a reload hands on. Zeroed first: padding is compared too. */
static void take(const struct relay_config *values, struct taken *out)
{
    struct addr addresses[CONFIG_LISTEN_MAX];
    const uint64_t others[] = {
        values->server.drain_timeout_ns, values->server.drain_wait_ns,  values->log.level,
        values->log.lines_per_s,         values->log.stats_interval_ns,
    };

    memset(out, 0, sizeof(*out));
    worker_settings_limits(values, &out->relay);
    control_server_limits(values, 1, &out->control);
    out->control.worker_count = 1;
    control_server_sockets(values, addresses, &out->sockets);
    out->sockets.addresses = NULL;
    memcpy(out->others, others, sizeof(others));
}

/* Keys that are handed on in another way, and the test that holds it. */
static bool is_elsewhere(const struct config_key *key)
{
    /* reload__secrets__are_replaced_where_tickets_are_and_stay_required, tests/system/reload.sh */
    return strcmp(key->section, "auth") == 0 && strcmp(key->name, "secret_file") == 0;
}

/* Another value than `values` has, that is allowed. */
static void change(const struct config_key *key, struct relay_config *values)
{
    static const char *const candidates[] = {
        "yes", "no",    "open", "ticket", "never",     "warn", "off", "2",
        "3",   "4KiB",  "1KiB", "8KiB",   "300B",      "7s",   "2m",  "2ms",
        "20",  "32MiB", "::1",  "10",     "127.0.0.3", "x",
    };
    const struct relay_config before = *values;
    char why[CONFIG_MESSAGE_TEXT_SIZE];

    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        *values = before;
        if (config_value_parse(key, candidates[i], values, why) == 0 &&
            !config_value_equal(key, values, &before)) {
            return;
        }
    }
    fail_msg("no other value for %s.%s", key->section, key->name);
}

static void live_keys__each_one__reaches_who_acts_on_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        static struct config config;
        static struct taken before;
        static struct taken after;

        if (!key->is_live || is_elsewhere(key)) {
            continue;
        }
        config_defaults(&config);
        take(&config.values, &before);
        take(&config.values, &after);
        assert_memory_equal(&before, &after, sizeof(before));
        change(key, &config.values);
        take(&config.values, &after);
        if (memcmp(&before, &after, sizeof(before)) == 0) {
            fail_msg("%s.%s is marked live, but nobody is told", key->section, key->name);
        }
    }
}

static void live_keys__each_one__leaves_tables_and_sockets_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        static struct config config;
        static struct taken before;
        static struct taken after;

        if (!key->is_live) {
            continue;
        }
        config_defaults(&config);
        take(&config.values, &before);
        change(key, &config.values);
        take(&config.values, &after);
        assert_int_equal(core_size(&before.relay), core_size(&after.relay));
        assert_int_equal(before.relay.cells_max, after.relay.cells_max);
        assert_int_equal(before.relay.slots_max, after.relay.slots_max);
        assert_int_equal(before.relay.rooms_max, after.relay.rooms_max);
        assert_int_equal(before.relay.members_per_room_max, after.relay.members_per_room_max);
        assert_int_equal(before.relay.streams_per_member, after.relay.streams_per_member);
        assert_int_equal(before.relay.max_datagram, after.relay.max_datagram);
        assert_int_equal(control_size(&before.control), control_size(&after.control));
        assert_int_equal(before.control.preauth_max, after.control.preauth_max);
        assert_string_equal(before.control.advertise, after.control.advertise);
        assert_memory_equal(&before.sockets, &after.sockets, sizeof(before.sockets));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_keys__each_one__reaches_who_acts_on_it),
        cmocka_unit_test(live_keys__each_one__leaves_tables_and_sockets_alone),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
