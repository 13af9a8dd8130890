/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/member_set.h"

static void set__members_across_words__are_counted_and_walked(void **state)
{
    static const unsigned members[] = {0, 63, 64, 127, 128, 200, 255};
    struct member_set set = {{0}};
    unsigned at = 0;
    (void)state;

    assert_true(member_set_is_empty(&set));
    assert_int_equal(member_set_next(&set, 0), MEMBER_NONE);
    for (unsigned index = 0; index < 7; index++) {
        member_set_add(&set, members[index]);
        assert_true(member_set_has(&set, members[index]));
    }
    assert_int_equal(member_set_count(&set), 7);
    for (unsigned index = 0; index < 7; index++) {
        at = member_set_next(&set, at);
        assert_int_equal(at, members[index]);
        at++;
    }
    assert_int_equal(member_set_next(&set, at), MEMBER_NONE);
    member_set_remove(&set, 128);
    assert_false(member_set_has(&set, 128));
    assert_int_equal(member_set_next(&set, 128), 200);
}

static void sets__joined_and_parted__hold_what_they_should(void **state)
{
    struct member_set odd = {{0}};
    struct member_set low = {{0}};
    struct member_set both;
    (void)state;

    for (unsigned member = 1; member < 256; member += 2) {
        member_set_add(&odd, member);
    }
    for (unsigned member = 0; member < 100; member++) {
        member_set_add(&low, member);
    }
    both = member_set_both(&odd, &low);
    assert_int_equal(member_set_count(&both), 50);
    member_set_remove_all(&low, &odd);
    assert_int_equal(member_set_count(&low), 50);
    assert_false(member_set_has(&low, 1));
    member_set_add_all(&low, &odd);
    assert_int_equal(member_set_count(&low), 178);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set__members_across_words__are_counted_and_walked),
        cmocka_unit_test(sets__joined_and_parted__hold_what_they_should),
    };

    return RUN_TESTS(tests);
}
