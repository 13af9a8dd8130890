/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SERVICE_LIFE_SCRIPT_H
#define GSRELAY_TESTS_SERVICE_LIFE_SCRIPT_H

#include "daemon/options.h"
#include "daemon/server.h"

#include <stdbool.h>
#include <stddef.h>

/* life_script.h - what the tests of lives share: a thread for the life, a list of what it said that
 * can be waited for, settings for free ports, and a relay that is in the way.
 *
 * A wait has no end of its own; ctest's limit ends one in vain. Threads: as each says. */

/* --- What was said --------------------------------------------------------------------------- */

/* Forgets everything. */
void said_clear(void);

/* Adds a line. From any thread. */
void said_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Waits for a line that begins so, after the first `from` lines, and returns how many lines there
 * are up to it, itself included. */
size_t said_wait(size_t from, const char *beginning);

/* The lines so far, and one of them. */
size_t said_count(void);
const char *said_line(size_t index);

/* --- A life in a thread ---------------------------------------------------------------------- */

/* Runs it in a thread of its own. */
void life_begin(enum exit_code (*run)(void *context), void *context);

/* Waits for its end. */
enum exit_code life_end(void);

/* --- Settings -------------------------------------------------------------------------------- */

/* An empty relay.ini of this test and free ports on 127.0.0.1. */
struct options free_ports(void);

/* Adds a setting; the text is borrowed. */
void set(struct options *options, const char *setting);

/* Writes a file into the folder of the tests and returns its path, valid until the next call. */
const char *write_file(const char *name, const char *text);

/* Reads one, NUL-terminated; an empty text where there is none. */
const char *read_file(const char *path);

/* --- In the way ------------------------------------------------------------------------------ */

/* A relay of its own that holds a free port, and the options told to use that one as control.port.
 * One at a time. */
struct server *block_port(struct options *options);
void unblock_port(struct server *server);

#endif
