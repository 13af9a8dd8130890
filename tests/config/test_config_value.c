/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_value.h"

static struct relay_config values;
static char why[CONFIG_MESSAGE_TEXT_SIZE];

static const struct config_key *key_of(const char *section, const char *name)
{
    const size_t index = config_key_find(section, name);

    assert_true(index < config_key_count());
    return config_key_at(index);
}

static void assert_taken(const char *section, const char *name, const char *text, uint64_t expected)
{
    const struct config_key *key = key_of(section, name);

    if (config_value_parse(key, text, &values, why) != 0) {
        fail_msg("%s.%s = %s: %s", section, name, text, why);
    }
    assert_true(config_value_number(key, &values) == expected);
}

static void assert_refused(const char *section, const char *name, const char *text,
                           const char *expected)
{
    const struct relay_config before = values;

    why[0] = '\0';
    assert_int_equal(config_value_parse(key_of(section, name), text, &values, why), RESULT_INVALID);
    assert_string_equal(why, expected);
    assert_memory_equal(&values, &before, sizeof(values));
}

static void assert_printed(const char *section, const char *name, const char *expected)
{
    char text[CONFIG_VALUE_TEXT_SIZE];

    config_value_print(key_of(section, name), &values, text);
    assert_string_equal(text, expected);
}

static void port__outside_its_range_or_no_number__is_refused_with_the_range(void **state)
{
    (void)state;
    assert_taken("udp", "port", "0", 0);
    assert_taken("udp", "port", "65535", 65535);
    assert_refused("udp", "port", "65536", "65536 is out of range; allowed: 0 to 65535");
    assert_refused("udp", "port", "-1", "\"-1\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "0x50", "\"0x50\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "7777abc",
                   "\"7777abc\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "+80", "\"+80\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "8 0", "\"8 0\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "1.5", "\"1.5\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "0080", "\"0080\" is not a whole number; allowed: 0 to 65535");
    assert_refused("udp", "port", "", "the value is missing; allowed: 0 to 65535");
    /* 2^64 + 80, and 2^16 + 80: neither may wrap to 80. */
    assert_refused("udp", "port", "18446744073709551696",
                   "18446744073709551696 is out of range; allowed: 0 to 65535");
    assert_refused("udp", "port", "65616", "65616 is out of range; allowed: 0 to 65535");
}

static void count__borders__are_inclusive(void **state)
{
    (void)state;
    assert_taken("udp", "workers", "1", 1);
    assert_taken("udp", "workers", "64", 64);
    assert_refused("udp", "workers", "0", "0 is out of range; allowed: 1 to 64");
    assert_refused("udp", "workers", "65", "65 is out of range; allowed: 1 to 64");
    assert_refused("udp", "workers", "4294967297", "4294967297 is out of range; allowed: 1 to 64");
    assert_refused("control", "commands_per_s", "0",
                   "0 is out of range; allowed: 1 to 100000 a second");
}

static void duration__every_unit__is_turned_into_nanoseconds(void **state)
{
    (void)state;
    assert_taken("room", "tick_max", "5ms", UINT64_C(5000000));
    assert_taken("server", "drain_timeout", "250ms", UINT64_C(250000000));
    assert_taken("server", "drain_timeout", "10s", UINT64_C(10000000000));
    assert_taken("server", "drain_timeout", "10 s", UINT64_C(10000000000));
    assert_taken("server", "drain_timeout", "5m", UINT64_C(300000000000));
    assert_taken("room", "max_age", "2h", UINT64_C(7200000000000));
    assert_taken("room", "max_age", "30d", UINT64_C(2592000000000000));
    assert_taken("server", "drain_timeout", "off", 0);
    assert_taken("server", "drain_timeout", "0", 0);
    assert_taken("server", "drain_timeout", "0s", 0);
}

static void duration__unit_missing_or_wrong__is_told(void **state)
{
    (void)state;
    assert_refused("udp", "session_idle", "30",
                   "\"30\" has no unit; write ms, s, m, h or d, as in 10s");
    assert_refused("udp", "session_idle", "30sec", "\"30sec\": write the unit \"sec\" as s");
    assert_refused("udp", "session_idle", "30S", "\"30S\": write the unit \"S\" as s");
    assert_refused("udp", "session_idle", "1min", "\"1min\": write the unit \"min\" as m");
    assert_refused("udp", "session_idle", "30x",
                   "\"30x\" has an unknown unit; write ms, s, m, h or d, as in 10s");
    assert_refused("udp", "session_idle", "30KiB",
                   "\"30KiB\" has an unknown unit; write ms, s, m, h or d, as in 10s");
    assert_refused("udp", "session_idle", "1s30s",
                   "\"1s30s\" has an unknown unit; write ms, s, m, h or d, as in 10s");
    assert_refused("udp", "session_idle", "s", "\"s\" is not a whole number; allowed: 5s to 10m");
    assert_refused("udp", "session_idle", "-5s",
                   "\"-5s\" is not a whole number; allowed: 5s to 10m");
    assert_refused("udp", "session_idle", "off",
                   "\"off\" is not a whole number; allowed: 5s to 10m");
    assert_refused("udp", "session_idle", "0s", "0s is out of range; allowed: 5s to 10m");
    assert_refused("udp", "session_idle", "4999ms", "4999ms is out of range; allowed: 5s to 10m");
    /* 213504 days and a few hours are 2^64 ns. */
    assert_refused("room", "max_age", "213504d",
                   "213504d is out of range; allowed: off, or 1m to 30d");
    assert_refused("room", "max_age", "18446744073709551615d",
                   "18446744073709551615d is out of range; allowed: off, or 1m to 30d");
}

static void size__every_unit__is_turned_into_bytes(void **state)
{
    (void)state;
    assert_taken("udp", "max_datagram", "1200B", 1200);
    assert_taken("udp", "recv_buffer", "64KiB", 65536);
    assert_taken("udp", "recv_buffer", "4MiB", 4194304);
    assert_taken("server", "memory_max", "64GiB", UINT64_C(68719476736));
    assert_taken("udp", "recv_buffer", "system", 0);
    assert_taken("limits", "client_bytes_s", "65536", 65536);
    assert_taken("limits", "client_bytes_s", "64KiB", 65536);
}

static void size__decimal_and_bit_spellings__are_refused_with_the_right_one(void **state)
{
    (void)state;
    assert_refused("udp", "recv_buffer", "4MB", "\"4MB\": write the unit \"MB\" as MiB");
    assert_refused("udp", "recv_buffer", "64Kb", "\"64Kb\": write the unit \"Kb\" as KiB");
    assert_refused("udp", "recv_buffer", "64KB", "\"64KB\": write the unit \"KB\" as KiB");
    assert_refused("udp", "recv_buffer", "64k", "\"64k\": write the unit \"k\" as KiB");
    assert_refused("udp", "recv_buffer", "64kib", "\"64kib\": write the unit \"kib\" as KiB");
    assert_refused("udp", "recv_buffer", "1G", "\"1G\": write the unit \"G\" as GiB");
    assert_refused("udp", "recv_buffer", "4096",
                   "\"4096\" has no unit; write B, KiB, MiB or GiB, as in 64KiB");
    assert_refused("udp", "recv_buffer", "4096s",
                   "\"4096s\" has an unknown unit; write B, KiB, MiB or GiB, as in 64KiB");
    assert_refused("udp", "recv_buffer", "17179869184GiB",
                   "17179869184GiB is out of range; allowed: system, or 4KiB to 1GiB");
}

static void words__only_those_listed__are_taken(void **state)
{
    (void)state;
    assert_taken("control", "no_delay", "yes", 1);
    assert_taken("control", "no_delay", "no", 0);
    assert_refused("control", "no_delay", "true",
                   "\"true\" is not allowed here; allowed: yes or no");
    assert_refused("control", "no_delay", "1", "\"1\" is not allowed here; allowed: yes or no");
    assert_taken("auth", "mode", "ticket", CONFIG_AUTH_TICKET);
    assert_taken("auth", "mode", "open", CONFIG_AUTH_OPEN);
    assert_refused("auth", "mode", "Open", "\"Open\" is not allowed here; allowed: open or ticket");
    assert_taken("udp", "rebind", "never", CONFIG_REBIND_NEVER);
    assert_taken("udp", "rebind", "port", CONFIG_REBIND_PORT);
    assert_taken("log", "level", "error", CONFIG_LOG_ERROR);
    assert_taken("log", "level", "debug", CONFIG_LOG_DEBUG);
    assert_refused("log", "level", "trace",
                   "\"trace\" is not allowed here; allowed: error, warn, info or debug");
}

static void addresses__a_list__is_read_and_printed(void **state)
{
    const struct config_key *key = key_of("server", "listen");

    (void)state;
    assert_int_equal(
        config_value_parse(key, "127.0.0.1,  ::1 ,[2001:db8::2],::ffff:10.0.0.1", &values, why), 0);
    assert_int_equal(values.server.listen_count, 4);
    assert_true(addr_is_loopback(&values.server.listen[0]));
    assert_true(addr_is_loopback(&values.server.listen[1]));
    assert_int_equal(values.server.listen[3].family, ADDR_FAMILY_IPV4);
    assert_int_equal(values.server.listen[4].family, ADDR_FAMILY_NONE);
    assert_printed("server", "listen", "127.0.0.1, ::1, 2001:db8::2, 10.0.0.1");
    assert_int_equal(config_value_parse(key,
                                        "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,"
                                        "7.7.7.7,8.8.8.8",
                                        &values, why),
                     0);
    assert_int_equal(values.server.listen_count, 8);
}

static void addresses__anything_else__is_refused(void **state)
{
    (void)state;
    assert_refused("server", "listen", "localhost",
                   "\"localhost\" is not an IP address, as 192.0.2.1 or 2001:db8::1");
    assert_refused("server", "listen", "127.0.0.1:7777",
                   "\"127.0.0.1:7777\" has a port; ports are udp.port and control.port");
    assert_refused("server", "listen", "[::1]:7777",
                   "\"[::1]:7777\" has a port; ports are udp.port and control.port");
    assert_refused("server", "listen", "127.0.0.1 ::1",
                   "\"127.0.0.1 ::1\" is not an IP address, as 192.0.2.1 or 2001:db8::1");
    assert_refused("server", "listen", "127.0.0.1,",
                   "an address is missing; write IP addresses with commas between them");
    assert_refused("server", "listen", ",",
                   "an address is missing; write IP addresses with commas between them");
    assert_refused("server", "listen", "::1, 0:0::1", "\"0:0::1\" is in the list twice");
    assert_refused("server", "listen", "127.0.0.1, ::ffff:127.0.0.1",
                   "\"::ffff:127.0.0.1\" is in the list twice");
    assert_refused("server", "listen", "224.0.0.1", "\"224.0.0.1\" is a multicast address");
    assert_refused("server", "listen",
                   "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,8.8.8.8,9.9.9.9",
                   "there are more than 8 addresses");
    assert_refused("server", "listen", "", "the value is missing; allowed: 1 to 8 IP addresses");
}

static void address__one_or_none__is_taken(void **state)
{
    const struct config_key *key = key_of("udp", "advertise");

    (void)state;
    assert_int_equal(config_value_parse(key, "198.51.100.7", &values, why), 0);
    assert_printed("udp", "advertise", "198.51.100.7");
    assert_refused("udp", "advertise", "0.0.0.0",
                   "\"0.0.0.0\" is no address that a client could send to");
    assert_refused("udp", "advertise", "198.51.100.7:1",
                   "\"198.51.100.7:1\" has a port; ports are udp.port and control.port");
    assert_int_equal(config_value_parse(key, "", &values, why), 0);
    assert_int_equal(values.udp.advertise.family, ADDR_FAMILY_NONE);
    assert_printed("udp", "advertise", "");
}

static void path__bytes__are_kept_and_too_many_refused(void **state)
{
    const struct config_key *key = key_of("auth", "secret_file");
    static char text[CONFIG_PATH_SIZE + 1];

    (void)state;
    assert_int_equal(config_value_parse(key, "C:\\\xEC\x84\x9C\xEB\xB2\x84\\a;b.txt", &values, why),
                     0);
    assert_string_equal(values.auth.secret_file, "C:\\\xEC\x84\x9C\xEB\xB2\x84\\a;b.txt");
    memset(text, 'p', sizeof(text) - 1);
    assert_refused("auth", "secret_file", text,
                   "the path is 1024 bytes long; at most 1023 are possible");
    text[CONFIG_PATH_SIZE - 1] = '\0';
    assert_int_equal(config_value_parse(key, text, &values, why), 0);
    assert_string_equal(values.auth.secret_file, text);
    assert_refused("auth", "secret_file", "a\"b", "a path cannot have a double quote in it");
    assert_int_equal(config_value_parse(key, "", &values, why), 0);
    assert_string_equal(values.auth.secret_file, "");
}

static void print__a_number__takes_the_largest_unit_that_divides(void **state)
{
    (void)state;
    values.server.drain_timeout_ns = UINT64_C(90000000000);
    assert_printed("server", "drain_timeout", "90s");
    values.server.drain_timeout_ns = UINT64_C(120000000000);
    assert_printed("server", "drain_timeout", "2m");
    values.server.drain_timeout_ns = UINT64_C(1500000000);
    assert_printed("server", "drain_timeout", "1500ms");
    values.server.drain_timeout_ns = 0;
    assert_printed("server", "drain_timeout", "off");
    values.udp.max_datagram_bytes = 1232;
    assert_printed("udp", "max_datagram", "1232B");
    values.udp.recv_buffer_bytes = 0;
    assert_printed("udp", "recv_buffer", "system");
    values.udp.recv_buffer_bytes = 3 * 1024;
    assert_printed("udp", "recv_buffer", "3KiB");
}

/* For each key with a number: the ends of its range and 0 survive being written and read. */
static void print__ends_of_every_range__are_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        char range[CONFIG_RANGE_TEXT_SIZE];
        char text[CONFIG_VALUE_TEXT_SIZE];
        const char *low;
        char *high;

        config_value_print_range(key, range);
        assert_true(strlen(range) > 0 && strlen(range) < sizeof(range) - 1);
        if (key->max == 0 || key->type == CONFIG_TYPE_ADDRESSES) {
            continue;
        }
        low = strstr(range, "or ") == NULL ? range : strstr(range, "or ") + 3;
        high = strstr(range, " to ");
        assert_non_null(high);
        *high = '\0';
        high += 4;
        high[strcspn(high, " ")] = '\0';
        assert_taken(key->section, key->name, low, key->min);
        config_value_print(key, &values, text);
        assert_string_equal(text, low);
        assert_taken(key->section, key->name, high, key->max);
        config_value_print(key, &values, text);
        assert_string_equal(text, high);
        if (key->zero_word != NULL) {
            assert_taken(key->section, key->name, key->zero_word, 0);
            config_value_print(key, &values, text);
            assert_string_equal(text, key->zero_word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port__outside_its_range_or_no_number__is_refused_with_the_range),
        cmocka_unit_test(count__borders__are_inclusive),
        cmocka_unit_test(duration__every_unit__is_turned_into_nanoseconds),
        cmocka_unit_test(duration__unit_missing_or_wrong__is_told),
        cmocka_unit_test(size__every_unit__is_turned_into_bytes),
        cmocka_unit_test(size__decimal_and_bit_spellings__are_refused_with_the_right_one),
        cmocka_unit_test(words__only_those_listed__are_taken),
        cmocka_unit_test(addresses__a_list__is_read_and_printed),
        cmocka_unit_test(addresses__anything_else__is_refused),
        cmocka_unit_test(address__one_or_none__is_taken),
        cmocka_unit_test(path__bytes__are_kept_and_too_many_refused),
        cmocka_unit_test(print__a_number__takes_the_largest_unit_that_divides),
        cmocka_unit_test(print__ends_of_every_range__are_read_back),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
