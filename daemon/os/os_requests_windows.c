/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <windows.h>

#include <stdatomic.h>

/* Windows gives 5 s from the close of a console to the end of the process. */
#define CLOSE_WAIT_MS 4000

/* A process has one console, so this is the one place with state of the process. */
static struct {
    atomic_uint pending;
    SRWLOCK lock; /* Held around `wake`, so that close can rule out a late call. */
    void (*wake)(void *context);
    void *context;
    HANDLE closed; /* Set by os_requests_close(): the drain is over. */
} requests = {.lock = SRWLOCK_INIT};

/* Runs on a thread that the system makes for it. */
static BOOL WINAPI handle_control(DWORD control)
{
    const bool is_end = control == CTRL_CLOSE_EVENT || control == CTRL_LOGOFF_EVENT ||
                        control == CTRL_SHUTDOWN_EVENT;

    os_requests_add(is_end ? OS_REQUEST_STOP | OS_REQUEST_HURRY : OS_REQUEST_STOP);
    if (is_end) {
        /* The process ends when this returns, whatever it says. */
        (void)WaitForSingleObject(requests.closed, CLOSE_WAIT_MS);
    }
    return TRUE;
}

static void set_wake(void (*wake)(void *context), void *context)
{
    AcquireSRWLockExclusive(&requests.lock);
    requests.wake = wake;
    requests.context = context;
    ReleaseSRWLockExclusive(&requests.lock);
}

int os_requests_open_managed(void (*wake)(void *context), void *context)
{
    set_wake(wake, context);
    return 0;
}

int os_requests_open(void (*wake)(void *context), void *context)
{
    if (requests.closed == NULL) {
        /* Never closed again: a handler may wait on it while the process ends. */
        requests.closed = CreateEventW(NULL, TRUE, FALSE, NULL);
    }
    if (requests.closed == NULL || !ResetEvent(requests.closed)) {
        return -1;
    }
    set_wake(wake, context);
    /* A parent may have told its children to ignore Ctrl+C; this puts it back for us. */
    (void)SetConsoleCtrlHandler(NULL, FALSE);
    if (!SetConsoleCtrlHandler(handle_control, TRUE)) {
        os_requests_close();
        return -1;
    }
    return 0;
}

unsigned os_requests_take(void)
{
    return atomic_exchange(&requests.pending, 0);
}

void os_requests_add(unsigned added)
{
    (void)atomic_fetch_or(&requests.pending, added);
    AcquireSRWLockExclusive(&requests.lock);
    if (requests.wake != NULL) {
        requests.wake(requests.context);
    }
    ReleaseSRWLockExclusive(&requests.lock);
}

void os_requests_close(void)
{
    set_wake(NULL, NULL);
    if (requests.closed != NULL) {
        /* The handler stays: a second Ctrl+C must not tear down what is being taken down. */
        (void)SetEvent(requests.closed);
    }
}
