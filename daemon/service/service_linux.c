/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"
#include "daemon/service/notify_linux.h"
#include "daemon/service/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* While starting and stopping our words come LIFE_STARTING_MS and LIFE_STOPPING_MS apart; systemd
 * then gives us this long for the next one. */
#define EXTENSION "EXTEND_TIMEOUT_USEC=20000000"

enum { TEXT_SIZE = 2048, VARIABLE_SIZE = 128 };

struct systemd {
    struct notify notify;
    struct life_host console; /* The journal keeps what stands on standard output and error. */
    char serving[SERVER_READY_SIZE];
};

/* `state` is lines of "NAME=value", `status` a sentence for `systemctl status`. */
static void tell(const struct systemd *systemd, const char *state, const char *status)
{
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text), "%s\nSTATUS=%s", state, status);
    notify_send(&systemd->notify, text);
}

static void tell_starting(void *context, const char *what)
{
    tell(context, EXTENSION, what);
}

static void tell_ready(void *context, const char *line)
{
    struct systemd *systemd = context;

    systemd->console.ready(systemd->console.context, line);
    (void)snprintf(systemd->serving, sizeof(systemd->serving), "%.*s", (int)strcspn(line, "\n"),
                   line);
    tell(systemd, "READY=1", systemd->serving);
}

/* systemd wants the time on its own clock, so that it knows a word from before the reload that it
 * asked for from one after it. */
static void tell_reloading(const struct systemd *systemd)
{
    struct timespec now;
    char state[VARIABLE_SIZE];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(systemd, state, "reading the settings again");
}

static void take_notice(void *context, enum server_notice notice)
{
    const struct systemd *systemd = context;

    switch (notice) {
    case SERVER_NOTICE_RELOADING:
        tell_reloading(systemd);
        return;
    case SERVER_NOTICE_RELOADED:
        tell(systemd, "READY=1", systemd->serving);
        return;
    case SERVER_NOTICE_RELOAD_REFUSED:
        tell(systemd, "READY=1",
             "the last reload was refused, the settings before it act; see the log");
        return;
    case SERVER_NOTICE_DRAINING:
        /* STOPPING=1 would start the clock of TimeoutStopSec, but a drain lasts as long as games
         * do. */
        notify_send(&systemd->notify, "STATUS=draining: ends with the last room");
        return;
    case SERVER_NOTICE_STOPPING:
        return; /* tell_stopping() comes. */
    }
}

static void tell_stopping(void *context)
{
    tell(context, "STOPPING=1\n" EXTENSION, "stopping");
}

static void tell_alive(void *context)
{
    const struct systemd *systemd = context;

    notify_send(&systemd->notify, "WATCHDOG=1");
}

static uint64_t read_number(const char *name)
{
    char text[VARIABLE_SIZE];
    uint64_t value = 0;

    if (os_env_get(name, text, sizeof(text)) <= 0) {
        return 0;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || value > (UINT64_MAX - 9) / 10) {
            return 0;
        }
        value = value * 10 + (uint64_t)(*at - '0');
    }
    return value;
}

/* Half of the time after which systemd takes us for dead; 0 where it does not look. The variable is
 * inherited, so it may be meant for the process that started us. */
static uint64_t watchdog_interval_ns(void)
{
    const uint64_t process = read_number("WATCHDOG_PID");
    const uint64_t timeout_us = read_number("WATCHDOG_USEC");

    if ((process != 0 && process != (uint64_t)getpid()) || timeout_us > UINT64_MAX / 1000) {
        return 0;
    }
    return timeout_us * 1000 / 2;
}

static enum exit_code run_under_systemd(const struct options *options, const char *address)
{
    static struct systemd systemd;
    const struct life_host console = service_console();
    const struct life_host host = {
        .context = &systemd,
        .starting = tell_starting,
        .ready = tell_ready,
        .notice = take_notice,
        .stopping = tell_stopping,
        .alive = tell_alive,
        .alive_interval_ns = watchdog_interval_ns(),
        .mistakes = console.mistakes,
        .is_managed = true,
    };
    enum exit_code code;

    if (notify_open(&systemd.notify, address) != 0) {
        (void)fprintf(stderr, "gsrelayd: NOTIFY_SOCKET names no socket that it can use; systemd "
                              "will not hear when it is ready\n");
        return life_run(options, &console);
    }
    systemd.console = console;
    code = life_run(options, &host);
    notify_close(&systemd.notify);
    return code;
}

enum exit_code service_run_foreground(const struct options *options)
{
    const struct life_host console = service_console();
    char address[TEXT_SIZE];

    if (os_env_get("NOTIFY_SOCKET", address, sizeof(address)) > 0) {
        return run_under_systemd(options, address);
    }
    return life_run(options, &console);
}

enum exit_code service_run_managed(const char *name, const struct options *options)
{
    (void)name;
    return service_run_foreground(options);
}
