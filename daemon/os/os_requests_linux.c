/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Signals belong to the process, so this is the one place with state of the process. They are
 * blocked everywhere and read by a thread of our own from a signalfd: `wake` then runs as ordinary
 * code, with none of the limits of a signal handler. */
static struct {
    atomic_uint pending;
    pthread_mutex_t lock; /* Held around `wake`, so that close can rule out a late call. */
    void (*wake)(void *context);
    void *context;
    struct os_thread *thread;
    int signals_fd;
    int close_fd;
    bool had_terminal; /* When it began. */
} requests = {.lock = PTHREAD_MUTEX_INITIALIZER, .signals_fd = -1, .close_fd = -1};

static bool has_terminal(void)
{
    const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (terminal >= 0) {
        (void)close(terminal);
    }
    return terminal >= 0;
}

/* A closed terminal, and the shell in it, send SIGHUP as an operator does who wants a reload; but
 * by then the terminal is gone. */
static unsigned request_of_hangup(void)
{
    return requests.had_terminal && !has_terminal() ? OS_REQUEST_STOP : OS_REQUEST_RELOAD;
}

static unsigned request_of(unsigned signal_number)
{
    switch (signal_number) {
    case SIGHUP:
        return request_of_hangup();
    case SIGQUIT:
        return OS_REQUEST_DRAIN;
    case SIGUSR1:
        return OS_REQUEST_REOPEN_LOG;
    case SIGUSR2:
        return OS_REQUEST_COUNTERS;
    default:
        return OS_REQUEST_STOP;
    }
}

static void read_signals(void)
{
    struct signalfd_siginfo signals[8];
    unsigned added = 0;
    ssize_t size = read(requests.signals_fd, signals, sizeof(signals));
    for (ssize_t i = 0; i < size / (ssize_t)sizeof(signals[0]); i++) {
        added |= request_of(signals[i].ssi_signo);
    }
    if (added != 0) {
        os_requests_add(added);
    }
}

static void run_requests(void *context)
{
    (void)context;
    for (;;) {
        struct pollfd ready[2] = {{.fd = requests.signals_fd, .events = POLLIN},
                                  {.fd = requests.close_fd, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (ready[1].revents != 0) {
            return;
        }
        if (ready[0].revents != 0) {
            read_signals();
        }
    }
}

static void fill_signal_set(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
    (void)sigaddset(set, SIGQUIT);
    (void)sigaddset(set, SIGUSR1);
    (void)sigaddset(set, SIGUSR2);
}

/* Whom nohup started stays when the terminal goes. */
static bool is_hangup_ignored(void)
{
    struct sigaction hangup;

    return sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
}

static void close_descriptor(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

int os_requests_open(void (*wake)(void *context), void *context)
{
    sigset_t set;
    sigset_t before;
    fill_signal_set(&set);
    requests.had_terminal = has_terminal() && !is_hangup_ignored();
    if (pthread_sigmask(SIG_BLOCK, &set, &before) != 0) {
        return -1;
    }
    requests.signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    requests.close_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (requests.signals_fd < 0 || requests.close_fd < 0) {
        goto close_descriptors;
    }
    requests.wake = wake;
    requests.context = context;
    if (os_thread_create(run_requests, NULL, "requests", &requests.thread) != 0) {
        goto forget_wake;
    }
    return 0;

forget_wake:
    requests.wake = NULL;
close_descriptors:
    close_descriptor(&requests.signals_fd);
    close_descriptor(&requests.close_fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -1;
}

int os_requests_open_managed(void (*wake)(void *context), void *context)
{
    return os_requests_open(wake, context); /* A service manager sends signals, too. */
}

unsigned os_requests_take(void)
{
    return atomic_exchange(&requests.pending, 0);
}

void os_requests_add(unsigned added)
{
    (void)atomic_fetch_or(&requests.pending, added);
    (void)pthread_mutex_lock(&requests.lock);
    if (requests.wake != NULL) {
        requests.wake(requests.context);
    }
    (void)pthread_mutex_unlock(&requests.lock);
}

void os_requests_close(void)
{
    if (requests.thread == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&requests.lock);
    requests.wake = NULL;
    (void)pthread_mutex_unlock(&requests.lock);
    /* An eventfd with room for 2^64 - 2 takes a 1. */
    if (eventfd_write(requests.close_fd, 1) == 0) {
        os_thread_join(requests.thread);
    }
    requests.thread = NULL;
    close_descriptor(&requests.signals_fd);
    close_descriptor(&requests.close_fd);
}
