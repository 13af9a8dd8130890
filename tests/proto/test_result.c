/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/reason.h"
#include "proto/result.h"

static void result_name__every_number__a_name(void **state)
{
    (void)state;
    assert_string_equal(result_name(RESULT_OK), "ok");
    assert_string_equal(result_name(7), "ok");
    assert_string_equal(result_name(RESULT_AGAIN), "again");
    assert_string_equal(result_name(RESULT_OS), "os error");
    assert_string_equal(result_name(RESULT_OS - 1), "unknown");
    assert_string_equal(result_name(-1000), "unknown");
}

static void reason_name__outside_the_table__unknown(void **state)
{
    (void)state;
    assert_string_equal(reason_name(REASON_NONE), "none");
    assert_string_equal(reason_name(REASON_ROOM_CLOSED), "room_closed");
    assert_string_equal(reason_name(39), "unknown");
    assert_string_equal(reason_name(REASON_LIMIT), "unknown");
    assert_string_equal(reason_name(65535), "unknown");
    assert_string_equal(reason_text(39), "unknown reason");
    assert_string_equal(reason_text(65535), "unknown reason");
}

/* Names go into logs and counters as they are. */
static void reason_names__all__small_words_and_different(void **state)
{
    (void)state;
    for (unsigned a = 0; a < REASON_LIMIT; a++) {
        const char *name = reason_name(a);

        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (unsigned b = a + 1; b < REASON_LIMIT; b++) {
            assert_true(strcmp(name, "unknown") == 0 || strcmp(name, reason_name(b)) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_name__every_number__a_name),
        cmocka_unit_test(reason_name__outside_the_table__unknown),
        cmocka_unit_test(reason_names__all__small_words_and_different),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
