/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>

#include "daemon/os/os.h"
#include "tests/os/os_raise.h"

static atomic_uint wakes;

static void count_wake(void *context)
{
    assert_ptr_equal(context, &wakes);
    (void)atomic_fetch_add(&wakes, 1);
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&wakes, 0);
    (void)os_requests_take();
    return os_requests_open(count_wake, &wakes);
}

static int tear_down(void **state)
{
    (void)state;
    os_requests_close();
    return 0;
}

/* Waits for what another thread brings; ctest's limit ends a wait in vain. */
static unsigned wait_for_requests(void)
{
    unsigned taken = os_requests_take();
    while (taken == 0) {
        os_sleep_ms(1);
        taken = os_requests_take();
    }
    return taken;
}

static void requests__nothing_came__are_empty(void **state)
{
    (void)state;
    assert_int_equal(os_requests_take(), 0);
    assert_int_equal(atomic_load(&wakes), 0);
}

static void requests__added__are_taken_once_and_wake(void **state)
{
    (void)state;
    os_requests_add(OS_REQUEST_COUNTERS);
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(atomic_load(&wakes), 2);
    assert_int_equal(os_requests_take(), OS_REQUEST_COUNTERS | OS_REQUEST_STOP);
    assert_int_equal(os_requests_take(), 0);
}

static void requests__interrupt_of_the_system__is_a_stop(void **state)
{
    (void)state;
    if (!os_raise(OS_REQUEST_STOP)) {
        skip();
    }
    assert_int_equal(wait_for_requests(), OS_REQUEST_STOP);
    while (atomic_load(&wakes) == 0) {
        os_sleep_ms(1);
    }
}

static void requests__counters_signal__asks_for_counters(void **state)
{
    (void)state;
    if (!os_raise(OS_REQUEST_COUNTERS)) {
        skip();
    }
    assert_int_equal(wait_for_requests(), OS_REQUEST_COUNTERS);
}

static void requests__reload_reopen_and_drain_signals__ask_for_each(void **state)
{
    static const enum os_request each[] = {OS_REQUEST_RELOAD, OS_REQUEST_REOPEN_LOG,
                                           OS_REQUEST_DRAIN};

    (void)state;
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        if (!os_raise(each[i])) {
            skip();
        }
        assert_int_equal(wait_for_requests(), each[i]);
    }
}

static void requests__added_after_close__do_not_wake(void **state)
{
    (void)state;
    os_requests_close();
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(atomic_load(&wakes), 0);
    assert_int_equal(os_requests_take(), OS_REQUEST_STOP);
}

static void requests__opened_again__work(void **state)
{
    (void)state;
    os_requests_close();
    assert_int_equal(os_requests_open(count_wake, &wakes), 0);
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(atomic_load(&wakes), 1);
    assert_int_equal(os_requests_take(), OS_REQUEST_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests__nothing_came__are_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests__added__are_taken_once_and_wake, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests__interrupt_of_the_system__is_a_stop, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests__counters_signal__asks_for_counters, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests__reload_reopen_and_drain_signals__ask_for_each,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests__added_after_close__do_not_wake, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests__opened_again__work, set_up, tear_down),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
