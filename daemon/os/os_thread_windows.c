/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <windows.h>

#include <process.h>
#include <stdlib.h>

#define NS_PER_MS 1000000u

struct os_thread {
    HANDLE handle;
};

/* What the new thread needs. It frees this itself, because an abandoned thread may outlive its
 * struct os_thread. */
struct start {
    os_thread_function *run;
    void *context;
};

struct os_mutex {
    SRWLOCK lock;
};

struct os_condition {
    CONDITION_VARIABLE variable;
};

static unsigned __stdcall enter_thread(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.run(start.context);
    return 0;
}

int os_thread_create(os_thread_function *run, void *context, const char *name,
                     struct os_thread **out)
{
    struct os_thread *thread = calloc(1, sizeof(*thread));
    struct start *start = calloc(1, sizeof(*start));
    if (thread == NULL || start == NULL) {
        goto free_both;
    }
    /* Naming a thread is a call of Windows 10 1607 that import libraries of mingw-w64 10 lack. */
    (void)name;
    start->run = run;
    start->context = context;
    /* Not CreateThread: the C library keeps state per thread that only this one frees. */
    uintptr_t handle = _beginthreadex(NULL, 0, enter_thread, start, 0, NULL);
    if (handle == 0) {
        goto free_both;
    }
    thread->handle = (HANDLE)handle;
    *out = thread;
    return 0;

free_both:
    free(start);
    free(thread);
    return -1;
}

void os_thread_join(struct os_thread *thread)
{
    if (WaitForSingleObject(thread->handle, INFINITE) != WAIT_OBJECT_0) {
        abort();
    }
    (void)CloseHandle(thread->handle);
    free(thread);
}

void os_thread_abandon(struct os_thread *thread)
{
    (void)CloseHandle(thread->handle);
    free(thread);
}

struct os_mutex *os_mutex_create(void)
{
    struct os_mutex *mutex = calloc(1, sizeof(*mutex));
    if (mutex != NULL) {
        InitializeSRWLock(&mutex->lock);
    }
    return mutex;
}

void os_mutex_destroy(struct os_mutex *mutex)
{
    free(mutex);
}

void os_mutex_lock(struct os_mutex *mutex)
{
    AcquireSRWLockExclusive(&mutex->lock);
}

void os_mutex_unlock(struct os_mutex *mutex)
{
    ReleaseSRWLockExclusive(&mutex->lock);
}

struct os_condition *os_condition_create(void)
{
    struct os_condition *condition = calloc(1, sizeof(*condition));
    if (condition != NULL) {
        InitializeConditionVariable(&condition->variable);
    }
    return condition;
}

void os_condition_destroy(struct os_condition *condition)
{
    free(condition);
}

bool os_condition_wait(struct os_condition *condition, struct os_mutex *mutex, uint64_t timeout_ns)
{
    DWORD timeout_ms = INFINITE;
    if (timeout_ns / NS_PER_MS < INFINITE - 1) {
        timeout_ms = (DWORD)(timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0));
    }
    return SleepConditionVariableSRW(&condition->variable, &mutex->lock, timeout_ms, 0) != 0;
}

void os_condition_signal(struct os_condition *condition)
{
    WakeConditionVariable(&condition->variable);
}

void os_condition_broadcast(struct os_condition *condition)
{
    WakeAllConditionVariable(&condition->variable);
}
