/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/validate.h"

#include <sodium.h>

#define ROTATE (30 * SECOND)
#define NOW    (1000 * SECOND)

static struct validate *open_validate(uint8_t seed_byte)
{
    struct validate *validate = calloc(1, sizeof(*validate));
    uint8_t seed[VALIDATE_SEED_SIZE];

    assert_non_null(validate);
    assert_true(sodium_init() >= 0);
    memset(seed, seed_byte, sizeof(seed));
    validate_init(validate, seed);
    return validate;
}

static void cookie__of_another_path_slot_or_seed__does_not_fit(void **state)
{
    struct validate *validate = open_validate(1);
    struct validate *other = open_validate(2);
    const struct path path = fixture_path(5);
    struct path elsewhere = path;
    uint8_t cookie[COOKIE_SIZE];
    (void)state;

    validate_cookie(validate, ROTATE, &path, 7, 99, NOW, cookie);
    assert_true(validate_cookie_fits(validate, ROTATE, &path, 7, 99, NOW, cookie));
    assert_false(validate_cookie_fits(other, ROTATE, &path, 7, 99, NOW, cookie));
    assert_false(validate_cookie_fits(validate, ROTATE, &path, 8, 99, NOW, cookie));
    assert_false(validate_cookie_fits(validate, ROTATE, &path, 7, 98, NOW, cookie));
    elsewhere.socket = 1;
    assert_false(validate_cookie_fits(validate, ROTATE, &elsewhere, 7, 99, NOW, cookie));
    elsewhere = path;
    elsewhere.peer.port++;
    assert_false(validate_cookie_fits(validate, ROTATE, &elsewhere, 7, 99, NOW, cookie));
    elsewhere = path;
    elsewhere.peer.ip[3]++;
    assert_false(validate_cookie_fits(validate, ROTATE, &elsewhere, 7, 99, NOW, cookie));
    cookie[0] ^= 1;
    assert_false(validate_cookie_fits(validate, ROTATE, &path, 7, 99, NOW, cookie));
    free(validate);
    free(other);
}

static void cookie__grows_old__holds_for_one_to_two_periods(void **state)
{
    struct validate *validate = open_validate(1);
    const struct path path = fixture_path(5);
    const uint64_t made_ns = NOW - NOW % ROTATE + ROTATE - 1;
    uint8_t cookie[COOKIE_SIZE];
    (void)state;

    validate_cookie(validate, ROTATE, &path, 7, 99, made_ns, cookie);
    assert_true(validate_cookie_fits(validate, ROTATE, &path, 7, 99, made_ns + 1, cookie));
    assert_true(validate_cookie_fits(validate, ROTATE, &path, 7, 99, made_ns + ROTATE, cookie));
    assert_false(
        validate_cookie_fits(validate, ROTATE, &path, 7, 99, made_ns + ROTATE + 1, cookie));
    free(validate);
}

static void bucket__of_an_address__is_shared_by_ports_and_by_a_64(void **state)
{
    struct validate *validate = open_validate(1);
    const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 1};
    const uint8_t same_64[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 2, 9};
    const uint8_t other_64[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2, 1};
    const struct addr a = addr_ipv4(192, 0, 2, 1, 1000);
    const struct addr b = addr_ipv4(192, 0, 2, 1, 2000);
    const struct addr c = addr_ipv4(192, 0, 2, 2, 1000);
    const struct addr d = addr_ipv6(ip, 1, 0);
    const struct addr e = addr_ipv6(same_64, 2, 0);
    const struct addr f = addr_ipv6(other_64, 1, 0);
    (void)state;

    assert_ptr_equal(validate_bucket(validate, &a), validate_bucket(validate, &b));
    assert_ptr_not_equal(validate_bucket(validate, &a), validate_bucket(validate, &c));
    assert_ptr_equal(validate_bucket(validate, &d), validate_bucket(validate, &e));
    assert_ptr_not_equal(validate_bucket(validate, &d), validate_bucket(validate, &f));
    free(validate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie__of_another_path_slot_or_seed__does_not_fit),
        cmocka_unit_test(cookie__grows_old__holds_for_one_to_two_periods),
        cmocka_unit_test(bucket__of_an_address__is_shared_by_ports_and_by_a_64),
    };

    return RUN_TESTS(tests);
}
