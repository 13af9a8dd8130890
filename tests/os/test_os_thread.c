/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "daemon/os/os.h"

#define THREADS 4
#define ROUNDS  20000

struct shared {
    struct os_mutex *mutex;
    struct os_condition *condition;
    uint64_t count;
    bool is_ready;
};

static int set_up(void **state)
{
    static struct shared shared;
    shared = (struct shared){.mutex = os_mutex_create(), .condition = os_condition_create()};
    *state = &shared;
    return shared.mutex != NULL && shared.condition != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct shared *shared = *state;
    os_condition_destroy(shared->condition);
    os_mutex_destroy(shared->mutex);
    return 0;
}

static void count_up(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < ROUNDS; i++) {
        os_mutex_lock(shared->mutex);
        shared->count++;
        os_mutex_unlock(shared->mutex);
    }
}

static void mutex__many_threads__loses_no_count(void **state)
{
    struct shared *shared = *state;
    struct os_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(os_thread_create(count_up, shared, "a name of some length", &threads[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        os_thread_join(threads[i]);
    }
    assert_int_equal(shared->count, THREADS * ROUNDS);
}

static void wait_until_ready(void *context)
{
    struct shared *shared = context;
    os_mutex_lock(shared->mutex);
    while (!shared->is_ready) {
        (void)os_condition_wait(shared->condition, shared->mutex, UINT64_MAX);
    }
    shared->count++;
    os_mutex_unlock(shared->mutex);
}

static void condition__broadcast__wakes_every_waiter(void **state)
{
    struct shared *shared = *state;
    struct os_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(os_thread_create(wait_until_ready, shared, "waiter", &threads[i]), 0);
    }
    os_mutex_lock(shared->mutex);
    shared->is_ready = true;
    os_condition_broadcast(shared->condition);
    os_mutex_unlock(shared->mutex);
    for (int i = 0; i < THREADS; i++) {
        os_thread_join(threads[i]);
    }
    assert_int_equal(shared->count, THREADS);
}

static void condition__signal__wakes_a_waiter(void **state)
{
    struct shared *shared = *state;
    struct os_thread *thread;
    assert_int_equal(os_thread_create(wait_until_ready, shared, "waiter", &thread), 0);
    os_mutex_lock(shared->mutex);
    shared->is_ready = true;
    os_condition_signal(shared->condition);
    os_mutex_unlock(shared->mutex);
    os_thread_join(thread);
    assert_int_equal(shared->count, 1);
}

static void condition__nobody_signals__times_out(void **state)
{
    struct shared *shared = *state;
    uint64_t begin_ns = os_clock_ns();
    os_mutex_lock(shared->mutex);
    while (os_condition_wait(shared->condition, shared->mutex, 5000001)) {
    }
    assert_false(os_condition_wait(shared->condition, shared->mutex, 0));
    os_mutex_unlock(shared->mutex);
    /* Some waiting took place; by how much a loaded machine overshoots is not asked. */
    assert_true(os_clock_ns() - begin_ns > 1000000u);
}

static void destroy__null__is_allowed(void **state)
{
    (void)state;
    os_mutex_destroy(NULL);
    os_condition_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mutex__many_threads__loses_no_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(condition__broadcast__wakes_every_waiter, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(condition__signal__wakes_a_waiter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(condition__nobody_signals__times_out, set_up, tear_down),
        cmocka_unit_test(destroy__null__is_allowed),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
