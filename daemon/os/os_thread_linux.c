/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S          1000000000u
#define THREAD_NAME_BYTES 16

struct os_thread {
    pthread_t handle;
};

/* What the new thread needs. It frees this itself, because an abandoned thread may outlive its
 * struct os_thread. */
struct start {
    os_thread_function *run;
    void *context;
    char name[THREAD_NAME_BYTES];
};

struct os_mutex {
    pthread_mutex_t handle;
};

struct os_condition {
    pthread_cond_t handle;
};

/* These calls fail only when a caller breaks their rules: going on would mean to run unlocked. */
static void require_success(int error)
{
    if (error != 0) {
        abort();
    }
}

static void *enter_thread(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.run(start.context);
    return NULL;
}

int os_thread_create(os_thread_function *run, void *context, const char *name,
                     struct os_thread **out)
{
    struct os_thread *thread = calloc(1, sizeof(*thread));
    struct start *start = calloc(1, sizeof(*start));
    if (thread == NULL || start == NULL) {
        goto free_both;
    }
    start->run = run;
    start->context = context;
    memcpy(start->name, name, strnlen(name, THREAD_NAME_BYTES - 1));
    if (pthread_create(&thread->handle, NULL, enter_thread, start) != 0) {
        goto free_both;
    }
    *out = thread;
    return 0;

free_both:
    free(start);
    free(thread);
    return -1;
}

void os_thread_join(struct os_thread *thread)
{
    require_success(pthread_join(thread->handle, NULL));
    free(thread);
}

void os_thread_abandon(struct os_thread *thread)
{
    require_success(pthread_detach(thread->handle));
    free(thread);
}

struct os_mutex *os_mutex_create(void)
{
    struct os_mutex *mutex = calloc(1, sizeof(*mutex));
    if (mutex != NULL && pthread_mutex_init(&mutex->handle, NULL) != 0) {
        free(mutex);
        mutex = NULL;
    }
    return mutex;
}

void os_mutex_destroy(struct os_mutex *mutex)
{
    if (mutex != NULL) {
        require_success(pthread_mutex_destroy(&mutex->handle));
        free(mutex);
    }
}

void os_mutex_lock(struct os_mutex *mutex)
{
    require_success(pthread_mutex_lock(&mutex->handle));
}

void os_mutex_unlock(struct os_mutex *mutex)
{
    require_success(pthread_mutex_unlock(&mutex->handle));
}

struct os_condition *os_condition_create(void)
{
    pthread_condattr_t attributes;
    struct os_condition *condition = calloc(1, sizeof(*condition));
    if (condition == NULL || pthread_condattr_init(&attributes) != 0) {
        goto free_condition;
    }
    /* The default clock jumps when somebody sets the time. */
    if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&condition->handle, &attributes) != 0) {
        goto destroy_attributes;
    }
    (void)pthread_condattr_destroy(&attributes);
    return condition;

destroy_attributes:
    (void)pthread_condattr_destroy(&attributes);
free_condition:
    free(condition);
    return NULL;
}

void os_condition_destroy(struct os_condition *condition)
{
    if (condition != NULL) {
        require_success(pthread_cond_destroy(&condition->handle));
        free(condition);
    }
}

bool os_condition_wait(struct os_condition *condition, struct os_mutex *mutex, uint64_t timeout_ns)
{
    uint64_t now_ns = os_clock_ns();
    if (timeout_ns > (uint64_t)INT64_MAX - now_ns) {
        require_success(pthread_cond_wait(&condition->handle, &mutex->handle));
        return true;
    }
    uint64_t end_ns = now_ns + timeout_ns;
    struct timespec end = {.tv_sec = (time_t)(end_ns / NS_PER_S),
                           .tv_nsec = (long)(end_ns % NS_PER_S)};
    int error = pthread_cond_timedwait(&condition->handle, &mutex->handle, &end);
    if (error == ETIMEDOUT) {
        return false;
    }
    require_success(error);
    return true;
}

void os_condition_signal(struct os_condition *condition)
{
    require_success(pthread_cond_signal(&condition->handle));
}

void os_condition_broadcast(struct os_condition *condition)
{
    require_success(pthread_cond_broadcast(&condition->handle));
}
