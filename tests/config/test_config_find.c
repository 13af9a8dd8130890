/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_find.h"

static const char *const places[] = {"beside/relay.ini", "machine/relay.ini"};

/* Exists: the one path that context names. */
static bool is_path(void *context, const char *path)
{
    return context != NULL && strcmp(context, path) == 0;
}

static struct config_search search_with(const char *argument, const char *variable,
                                        const char *existing)
{
    return (struct config_search){.argument = argument,
                                  .variable = variable,
                                  .candidates = places,
                                  .candidate_count = 2,
                                  .exists = is_path,
                                  .exists_context = (void *)(uintptr_t)existing};
}

static void find__named_by_argument_or_variable__is_taken_unseen(void **state)
{
    struct config_search search = search_with("a.ini", "v.ini", places[0]);
    bool is_named = false;

    (void)state;
    assert_string_equal(config_find(&search, &is_named), "a.ini");
    assert_true(is_named);
    is_named = false;
    search = search_with(NULL, "v.ini", places[0]);
    assert_string_equal(config_find(&search, &is_named), "v.ini");
    assert_true(is_named);
    /* --config with an empty path is a mistake to be told, not a wish for the usual places. */
    search = search_with("", "v.ini", places[0]);
    assert_string_equal(config_find(&search, &is_named), "");
    assert_true(is_named);
}

static void find__not_named__looks_at_the_places_in_order(void **state)
{
    struct config_search search = search_with(NULL, NULL, places[0]);
    bool is_named = true;

    (void)state;
    assert_ptr_equal(config_find(&search, &is_named), places[0]);
    assert_false(is_named);
    search = search_with(NULL, "", places[1]);
    assert_ptr_equal(config_find(&search, &is_named), places[1]);
    assert_false(is_named);
    search = search_with(NULL, NULL, NULL);
    assert_null(config_find(&search, &is_named));
    assert_false(is_named);
}

static void environment_get__exact_name__gives_its_value(void **state)
{
    static const char *const environment[] = {"GSRELAY_CONFIG2=no", "GSRELAY_CONFIG",
                                              "A=", "GSRELAY_CONFIG=x=y"};

    (void)state;
    assert_string_equal(config_environment_get(environment, 4, CONFIG_FILE_VARIABLE), "x=y");
    assert_string_equal(config_environment_get(environment, 4, "A"), "");
    assert_null(config_environment_get(environment, 3, CONFIG_FILE_VARIABLE));
    assert_null(config_environment_get(NULL, 0, CONFIG_FILE_VARIABLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find__named_by_argument_or_variable__is_taken_unseen),
        cmocka_unit_test(find__not_named__looks_at_the_places_in_order),
        cmocka_unit_test(environment_get__exact_name__gives_its_value),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
