/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/addr.h"

static int parse(const char *text, struct addr *out)
{
    return addr_parse(text, strlen(text), out);
}

/* What addr_print() makes of the text. */
static void assert_prints(const char *text, const char *expected)
{
    char printed[ADDR_TEXT_SIZE];
    struct addr addr;
    struct addr again;

    if (parse(text, &addr) != RESULT_OK) {
        fail_msg("refused: %s", text);
    }
    assert_int_equal(addr_print(&addr, printed), strlen(expected));
    assert_string_equal(printed, expected);
    assert_int_equal(parse(printed, &again), RESULT_OK);
    assert_true(addr_equal(&addr, &again));
}

static void parse__valid_text__prints_rfc5952(void **state)
{
    (void)state;
    assert_prints("1.2.3.4", "1.2.3.4:0");
    assert_prints("255.255.255.255:65535", "255.255.255.255:65535");
    assert_prints("0.0.0.0:1", "0.0.0.0:1");
    assert_prints("::", "[::]:0");
    assert_prints("::1", "[::1]:0");
    assert_prints("[::1]:80", "[::1]:80");
    assert_prints("[::1]", "[::1]:0");
    assert_prints("1::", "[1::]:0");
    assert_prints("2001:DB8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:0");
    assert_prints("2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:0");
    assert_prints("0:0:1:0:0:0:1:0", "[0:0:1::1:0]:0");
    assert_prints("1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:0");
    assert_prints("::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:0");
    assert_prints("1:2:3:4:5:6:0:0", "[1:2:3:4:5:6::]:0");
    assert_prints("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:0");
    assert_prints("64:ff9b::1.2.3.4", "[64:ff9b::102:304]:0");
    assert_prints("1:2:3:4:5:6:1.2.3.4", "[1:2:3:4:5:6:102:304]:0");
    assert_prints("fe80::1%2", "[fe80::1%2]:0");
    assert_prints("[fe80::1%4294967295]:9", "[fe80::1%4294967295]:9");
    assert_prints("ff02::1%3", "[ff02::1%3]:0");
    assert_prints("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295",
                  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:0");
}

static void parse__mapped_ipv4__becomes_ipv4(void **state)
{
    (void)state;
    assert_prints("::ffff:127.0.0.1", "127.0.0.1:0");
    assert_prints("[::FFFF:7f00:1]:7", "127.0.0.1:7");
    assert_prints("0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4:0");
    /* Close to it, but not it. */
    assert_prints("::fffe:1.2.3.4", "[::fffe:102:304]:0");
    assert_prints("::1.2.3.4", "[::102:304]:0");
}

static void parse__bad_text__refused_and_out_untouched(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4:080",
        "1.2.3.4:0x5",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1..3.4",
        ".1.2.3",
        "1.2.3.4%1",
        "localhost",
        ":",
        ":::",
        "1:",
        ":1",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "12345::",
        "::g",
        "[::1",
        "::1]",
        "[::1]:",
        "[::1]80",
        "[::1]:x",
        "[]",
        "[1.2.3.4]:80",
        "::1%2",
        "fe80::1%",
        "fe80::1%0",
        "fe80::1%x",
        "fe80::1%02",
        "::1.2.3",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:1.2.3.4",
        "fe80::1%4294967296",
        "1:2:3:4::5:6:7:8",
        "[[::1]]",
        "::ffff:1.2.3.4%1",
        "99999999999.1.1.1",
    };
    const struct addr before = addr_ipv4(9, 9, 9, 9, 9);

    (void)state;
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        struct addr addr = before;

        if (parse(bad[index], &addr) != RESULT_INVALID) {
            fail_msg("accepted: %s", bad[index]);
        }
        assert_true(addr_equal(&addr, &before));
    }
}

static void parse__nul_inside__refused(void **state)
{
    struct addr addr;

    (void)state;
    assert_int_equal(addr_parse("1.2.3.4\0", 8, &addr), RESULT_INVALID);
    assert_int_equal(addr_parse("1.2.3.45", 7, &addr), RESULT_OK);
    assert_int_equal(addr.ip[3], 4);
}

static void canonicalise__any_content__idempotent_and_clean(void **state)
{
    struct addr addr = {.family = ADDR_FAMILY_IPV4, .reserved = 7, .scope_id = 3, .port = 5};
    struct addr expected = addr_ipv4(1, 2, 3, 4, 5);

    (void)state;
    memcpy(addr.ip, "\1\2\3\4junkjunkjunk", 16);
    addr_canonicalise(&addr);
    assert_true(addr_equal(&addr, &expected));
    addr_canonicalise(&addr);
    assert_true(addr_equal(&addr, &expected));

    addr.family = 9;
    addr_canonicalise(&addr);
    assert_int_equal(addr.family, ADDR_FAMILY_NONE);
    assert_int_equal(addr.port, 0);
}

static void ipv6__global_with_scope__scope_dropped(void **state)
{
    const uint8_t global[16] = {0x20, 0x01, [15] = 1};
    const uint8_t local[16] = {0xfe, 0xbf, [15] = 1};
    const uint8_t site[16] = {0xfe, 0xc0, [15] = 1};

    (void)state;
    assert_int_equal(addr_ipv6(global, 1, 4).scope_id, 0);
    assert_int_equal(addr_ipv6(local, 1, 4).scope_id, 4);
    assert_int_equal(addr_ipv6(site, 1, 4).scope_id, 0);
}

static void equal__port_or_scope_differs__told_apart(void **state)
{
    const struct addr a = addr_ipv4(1, 2, 3, 4, 5);
    const struct addr b = addr_ipv4(1, 2, 3, 4, 6);
    const struct addr c = addr_ipv4(1, 2, 3, 5, 5);

    (void)state;
    assert_true(addr_equal(&a, &a));
    assert_false(addr_equal(&a, &b));
    assert_true(addr_equal_ip(&a, &b));
    assert_false(addr_equal_ip(&a, &c));
}

static void classes__edges__told_apart(void **state)
{
    static const struct {
        const char *text;
        int loopback, unspecified, multicast;
    } rows[] = {
        {"127.255.0.1", 1, 0, 0}, {"128.0.0.1", 0, 0, 0}, {"126.0.0.1", 0, 0, 0},
        {"0.0.0.0", 0, 1, 0},     {"0.0.0.1", 0, 0, 0},   {"224.0.0.1", 0, 0, 1},
        {"239.1.1.1", 0, 0, 1},   {"240.0.0.1", 0, 0, 0}, {"223.9.9.9", 0, 0, 0},
        {"::1", 1, 0, 0},         {"::", 0, 1, 0},        {"::2", 0, 0, 0},
        {"ff02::1", 0, 0, 1},     {"fe80::1", 0, 0, 0},   {"::ffff:127.0.0.1", 1, 0, 0},
    };
    const struct addr none = {0};

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct addr addr;

        assert_int_equal(parse(rows[index].text, &addr), RESULT_OK);
        assert_int_equal(addr_is_loopback(&addr), rows[index].loopback);
        assert_int_equal(addr_is_unspecified(&addr), rows[index].unspecified);
        assert_int_equal(addr_is_multicast(&addr), rows[index].multicast);
    }
    assert_false(addr_is_loopback(&none) || addr_is_unspecified(&none) || addr_is_multicast(&none));
}

static void print__none__says_none(void **state)
{
    char text[ADDR_TEXT_SIZE];
    const struct addr none = {0};

    (void)state;
    assert_int_equal(addr_print(&none, text), 4);
    assert_string_equal(text, "none");
    assert_int_equal(addr_print_ip(&none, text), 4);
}

static void prefix_key__ipv4_and_ipv6__groups_as_documented(void **state)
{
    struct addr a, b, c, d;
    const struct addr none = {0};

    (void)state;
    assert_int_equal(parse("1.2.3.4:5", &a), 0);
    assert_int_equal(parse("[2001:db8:1:2:3::4]:5", &b), 0);
    assert_int_equal(parse("[2001:db8:1:2::ffff]:6", &c), 0);
    assert_int_equal(parse("2001:db8:1:3::ffff", &d), 0);
    assert_true(addr_prefix_key(&a) == 0xffff01020304u);
    assert_true(addr_prefix_key(&b) == 0x20010db800010002u);
    assert_true(addr_prefix_key(&b) == addr_prefix_key(&c));
    assert_true(addr_prefix_key(&b) != addr_prefix_key(&d));
    assert_true(addr_prefix_key(&none) == 0);
}

static void wire__both_families__round_trip(void **state)
{
    static const uint8_t expected[ADDR_WIRE_SIZE] = {0, 0,    0,    0, 0, 0, 0, 0,    0,
                                                     0, 0xff, 0xff, 1, 2, 3, 4, 0x1e, 0x61};
    uint8_t bytes[ADDR_WIRE_SIZE];
    struct addr a = addr_ipv4(1, 2, 3, 4, 7777);
    struct addr b;
    struct addr back;

    (void)state;
    addr_to_wire(&a, bytes);
    assert_memory_equal(bytes, expected, sizeof(bytes));
    back = addr_from_wire(bytes);
    assert_true(addr_equal(&back, &a));

    assert_int_equal(parse("[fe80::1%7]:1", &b), 0);
    addr_to_wire(&b, bytes);
    back = addr_from_wire(bytes);
    assert_int_equal(back.scope_id, 0);
    b.scope_id = 0;
    assert_true(addr_equal(&back, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__valid_text__prints_rfc5952),
        cmocka_unit_test(parse__mapped_ipv4__becomes_ipv4),
        cmocka_unit_test(parse__bad_text__refused_and_out_untouched),
        cmocka_unit_test(parse__nul_inside__refused),
        cmocka_unit_test(canonicalise__any_content__idempotent_and_clean),
        cmocka_unit_test(ipv6__global_with_scope__scope_dropped),
        cmocka_unit_test(equal__port_or_scope_differs__told_apart),
        cmocka_unit_test(classes__edges__told_apart),
        cmocka_unit_test(print__none__says_none),
        cmocka_unit_test(prefix_key__ipv4_and_ipv6__groups_as_documented),
        cmocka_unit_test(wire__both_families__round_trip),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
