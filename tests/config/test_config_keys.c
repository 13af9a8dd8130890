/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/config_keys.h"
#include "config/config_value.h"

static void table__every_default__is_a_legal_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        struct relay_config values;
        char why[CONFIG_MESSAGE_TEXT_SIZE] = "";
        char text[CONFIG_VALUE_TEXT_SIZE];

        memset(&values, 0, sizeof(values));
        if (config_value_parse(key, key->fallback, &values, why) != 0) {
            fail_msg("%s.%s: %s", key->section, key->name, why);
        }
        config_value_print(key, &values, text);
        {
            struct relay_config again;

            memset(&again, 0, sizeof(again));
            assert_int_equal(config_value_parse(key, text, &again, why), 0);
            assert_true(config_value_equal(key, &values, &again));
        }
    }
}

static void table__names__are_unique_and_lower_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);

        assert_int_equal(config_key_find(key->section, key->name), i);
        assert_true(config_section_exists(key->section));
        assert_int_equal(strspn(key->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(key->name));
        assert_int_equal(strspn(key->section, "abcdefghijklmnopqrstuvwxyz"), strlen(key->section));
        /* inih cuts both at 49 bytes. */
        assert_true(strlen(key->name) < 50 && strlen(key->section) < 50);
    }
    assert_int_equal(config_key_find("udp", "nonsense"), config_key_count());
    assert_int_equal(config_key_find("nonsense", "port"), config_key_count());
    assert_false(config_section_exists("nonsense"));
}

static void table__sections__stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < config_key_count(); i++) {
        const char *section = config_key_at(i)->section;

        for (size_t j = 0; j + 1 < i; j++) {
            if (strcmp(config_key_at(j)->section, section) == 0) {
                assert_string_equal(config_key_at(i - 1)->section, section);
            }
        }
    }
}

/* Two keys that wrote to one field would pass every other test. */
static void table__fields__do_not_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(config_key_at(i)->offset, config_key_at(j)->offset);
        }
    }
}

static void table__help__is_there_and_fits_the_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const char *line = key->help;
        unsigned lines = 0;

        assert_true(strlen(key->help) > 10);
        while (*line != '\0') {
            const size_t size = strcspn(line, "\n");

            assert_true(size > 0 && size <= 98);
            lines++;
            line += size + (line[size] == '\n' ? 1 : 0);
        }
        assert_true(lines <= 3);
        assert_int_equal(key->help[strlen(key->help) - 1], '.');
    }
}

static void table__numbers__have_a_range_and_choices_have_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const bool is_choice = key->type == CONFIG_TYPE_CHOICE;
        const bool is_number = key->type != CONFIG_TYPE_BOOL && !is_choice &&
                               key->type != CONFIG_TYPE_PATH && key->type != CONFIG_TYPE_ADDRESS;

        assert_true(is_number == (key->max > 0));
        assert_true(key->min <= key->max);
        assert_true(is_choice == (key->words != NULL));
        if (key->type == CONFIG_TYPE_COUNT || key->type == CONFIG_TYPE_RATE) {
            assert_true(key->max <= UINT32_MAX);
        }
        if (key->type == CONFIG_TYPE_PORT) {
            assert_true(key->max <= UINT16_MAX);
        }
        if (key->zero_word != NULL) {
            assert_true(key->min > 0);
        }
    }
}

static void table__rates__end_in_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const size_t size = strlen(key->name);
        const bool ends_in_s = size > 2 && strcmp(key->name + size - 2, "_s") == 0;

        if (key->type == CONFIG_TYPE_RATE) {
            assert_true(ends_in_s);
        } else if (key->type != CONFIG_TYPE_BYTES) {
            assert_false(ends_in_s);
        }
    }
}

static void defaults__are__those_of_the_design(void **state)
{
    static struct config config;

    (void)state;
    config_defaults(&config);
    assert_int_equal(config.values.server.listen_count, 1);
    assert_true(addr_is_loopback(&config.values.server.listen[0]));
    assert_int_equal(config.values.udp.port, 7777);
    assert_int_equal(config.values.control.port, 7777);
    assert_int_equal(config.values.udp.workers, 1);
    assert_int_equal(config.values.udp.max_datagram_bytes, 1232);
    assert_int_equal(config.values.udp.recv_buffer_bytes, 4 * 1024 * 1024);
    assert_int_equal(config.values.server.drain_timeout_ns, UINT64_C(5000000000));
    assert_int_equal(config.values.limits.clients_per_room, 64);
    assert_int_equal(config.values.limits.room_deliveries_s, 262144);
    assert_int_equal(config.values.control.connections_per_ip, 64);
    assert_int_equal(config.values.control.accepts_per_ip_s, 32);
    assert_int_equal(config.values.control.accepts_per_ip_burst, 64);
    assert_int_equal(config.values.control.max_connections, 4096 + 256);
    assert_int_equal(config.values.room.tick_default_ns, 0);
    assert_int_equal(config.values.room.tick_max_ns, 50 * 1000000);
    assert_int_equal(config.values.auth.mode, CONFIG_AUTH_OPEN);
    assert_int_equal(config.values.udp.rebind, CONFIG_REBIND_ANY);
    assert_int_equal(config.values.log.level, CONFIG_LOG_INFO);
    assert_int_equal(config.origins[0].kind, CONFIG_FROM_DEFAULT);
    assert_string_equal(config.path, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__every_default__is_a_legal_value),
        cmocka_unit_test(table__names__are_unique_and_lower_case),
        cmocka_unit_test(table__sections__stand_together),
        cmocka_unit_test(table__fields__do_not_overlap),
        cmocka_unit_test(table__help__is_there_and_fits_the_page),
        cmocka_unit_test(table__numbers__have_a_range_and_choices_have_words),
        cmocka_unit_test(table__rates__end_in_s),
        cmocka_unit_test(defaults__are__those_of_the_design),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
