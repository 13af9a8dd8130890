/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_NOTABLE_H
#define GSRELAY_LOG_LOG_NOTABLE_H

/* log_notable.h - the events that a machine's administrator should meet without opening our log:
 * start, stop, reload, mistakes, failures, a first sign of limits. Nothing that a packet causes.
 *
 * Each has a number, once released never given to another meaning, and a sentence for the Windows
 * Event Log. gsrelay_events.mc, which the exe's message table is made from, and the table in
 * docs/OPERATIONS.md are held to this list by tests/log/test_log_notable.c.
 * 1xx: life; 2xx: something is wrong; 3xx: limits.
 *
 * X(ID, EVENT, EXIT_CODE, LIMIT, KEYS, TEXT). EXIT_CODE: the row is for lines with that exit_code;
 * NULL: for all others. LIMIT: OFTEN for what may come again and again, see log_tee.h. KEYS: the
 * fields that stand for %1, %2 ... in TEXT, up to LOG_NOTABLE_KEYS_MAX.
 * Threads: constant. Memory: constant. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/log/log_event.h"
#include "daemon/log/log_line.h"

#define LOG_NOTABLE_KEYS_MAX 3

#define LOG_NOTABLE_LIST(X)                                                                        \
    X(100, READY, NULL, SELDOM, KEYS("control", "udp", "version"),                                 \
      "The relay is ready: clients may come. Control channel (TCP): %1. Game states (UDP): %2. "   \
      "Version %3.")                                                                               \
    X(101, STOPPED, NULL, SELDOM, KEYS(NULL), "The relay has stopped in order.")                   \
    X(102, DRAINING, NULL, SELDOM, KEYS("rooms", "wait"),                                          \
      "The relay drains: rooms that are open go on (%1 of them), nobody new is let in, and it "    \
      "stops when the last room is gone, or after %2 (server.drain_wait; off: no such bound).")    \
    X(103, STARTING, NULL, SELDOM, KEYS("version", "config"),                                      \
      "The relay %1 starts. Configuration: %2.")                                                   \
    X(104, STOPPING, NULL, SELDOM, KEYS(NULL), "The relay stops: its clients are told.")           \
    X(105, WAITING, NULL, SELDOM, KEYS("error", "tried_for_ms"),                                   \
      "The relay cannot open a socket yet and tries again for %2 ms (server.start_retry): %1")     \
    X(110, RELOADED, NULL, SELDOM, KEYS("file", "changed"),                                        \
      "The configuration was read again and is in use. File: %1. Changed: %2.")                    \
    X(111, RELOAD_REFUSED, NULL, SELDOM, KEYS("file", "errors"),                                   \
      "The changed configuration was refused, and the relay goes on with the one before. File: "   \
      "%1. Mistakes: %2; each has an event 200 of its own. Correct them and reload again.")        \
    X(112, RESTART_NEEDED, NULL, SELDOM, KEYS("keys"),                                             \
      "These settings were changed but take effect only when the relay is restarted: %1")          \
    X(200, CONFIG_ERROR, NULL, SELDOM, KEYS("file", "line", "text"),                               \
      "A mistake in the configuration. File: %1. Line: %2 (0: none). What is wrong: %3. Correct "  \
      "it, check the file with gsrelayd --check-config, then start or reload the relay again.")    \
    X(201, FAILED, "3", SELDOM, KEYS("error"),                                                     \
      "The relay cannot use an address or port: %1. Nothing is served. Do what the sentence "      \
      "says, then start the relay again.")                                                         \
    X(202, FAILED, "4", SELDOM, KEYS("error"),                                                     \
      "Memory, handles or threads were not to be had: %1. Lower the limit that is named, or give " \
      "the machine more, then start the relay again.")                                             \
    X(203, FAILED, "2", SELDOM, KEYS("error"),                                                     \
      "The configuration cannot be used: %1. Correct it, then start the relay again.")             \
    X(204, FAILED, NULL, SELDOM, KEYS("error", "exit_code"),                                       \
      "The relay has failed: %1. Exit code %2. Its log has what came before; please report it.")   \
    X(210, LOG_STUCK, NULL, OFTEN, KEYS("error"),                                                  \
      "The log cannot be written as it should: %1. The relay goes on and tries again; lines that " \
      "find no place meanwhile are counted. Make room on the disk, or give back the folder or "    \
      "the rights to it.")                                                                         \
    X(211, LOG_LOST, NULL, OFTEN, KEYS("lines"),                                                   \
      "The log is written again. Lines that were lost meanwhile: %1.")                             \
    X(300, LIMIT_HIT, NULL, OFTEN, KEYS("reason", "text", "limit"),                                \
      "A limit was reached: %1 (%2). Its value: %3. What is over it is refused and counted, and "  \
      "the client is told. The log has more; docs/OPERATIONS.md says which setting to change.")

struct log_notable {
    enum log_event event;
    uint16_t id;
    bool is_limited;
    const char *exit_code; /* NULL: any other. */
    const char *keys[LOG_NOTABLE_KEYS_MAX + 1];
    const char *text;
};

size_t log_notable_count(void);

/* The row at index, in the order of the ids. */
const struct log_notable *log_notable_at(size_t index);

/* The row of a finished line, as an index; log_notable_count() when the line is not notable. */
size_t log_notable_find(const char *line, size_t size);

/* The value for %index+1 of the line's row: empty where the line has no such field. A '%' before a
 * digit is parted from it by a space, or the Event Viewer would take it for a field (ReportEventW's
 * page). At most LOG_LINE_SIZE bytes with the NUL. */
void log_notable_value(const struct log_notable *notable, unsigned index, const char *line,
                       size_t size, char out[LOG_LINE_SIZE]);

#endif
