/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_RELOAD_H
#define GSRELAY_DAEMON_RELOAD_H

#include "config/config.h"
#include "config/secret_file.h"
#include "daemon/configure.h"
#include "daemon/log/log.h"
#include "daemon/options.h"

#include <stdbool.h>

/* reload.h - reads the settings and secrets again while the relay serves.
 *
 * A thread of its own does the reading, because a file may lie on a share that does not answer:
 * neither the data plane nor the control channel waits for it. What it found is one block, which
 * belongs to the reader until reload_news() returns it, and to the owner from then until
 * reload_done(); so nothing is copied under a lock and nothing allocated. It is not applied here.
 *
 * Asked again while it reads, or while its news are not done with, it reads once more after: what
 * was written before the last question is always read.
 *
 * Threads: reload_ask() from any; the others from one, the owner's. `wake` is called on the
 * reader's thread with a lock of ours held: it passes the word on and calls nothing here.
 * Memory: all of it is allocated by reload_create(). */

#define RELOAD_KEYS_SIZE 3072 /* The names of all keys, with commas. */

struct reload_news {
    int result;           /* RESULT_OK, or RESULT_INVALID and nothing is to be changed. */
    struct config config; /* What is to be in force: live keys as they were read, others as before.
                           */
    bool has_secrets;     /* The secrets of tickets are these from now on. */
    struct secret_file secrets;
    struct config_report reports[CONFIGURE_REPORTS];
    char changed[RELOAD_KEYS_SIZE]; /* Live keys with another value, as "udp.rebind,log.level". */
    char restart[RELOAD_KEYS_SIZE]; /* Other keys that read differently from what is in force. */
};

/* configure_all(), or what a test puts in its place. */
typedef int reload_load(const struct options *options, struct config *out,
                        struct secret_file *secrets_out,
                        struct config_report reports_out[CONFIGURE_REPORTS]);

struct reload_options {
    const struct options *options; /* Copied; what they point at must stay. */
    const struct config *in_force; /* Copied. A file that was found is read again by its name. */
    reload_load *load;
    void (*wake)(void *context); /* Something has begun, or there are news. */
    void *wake_context;
};

struct reload;

/* Returns RESULT_NO_MEMORY when there is no memory or no thread. */
GSRELAY_CHECKED int reload_create(const struct reload_options *options, struct reload **out);

/* Asks for the files to be read, and returns at once. */
void reload_ask(struct reload *reload);

/* True once for each time that the reading has begun. */
bool reload_has_begun(struct reload *reload);

/* What was found; NULL while there is nothing new. */
const struct reload_news *reload_news(struct reload *reload);

/* The news are done with. If they are good they are in force now. */
void reload_done(struct reload *reload);

/* Writes what was found to the log: mistakes and warnings one by one, that it was refused or what
 * changed, which keys need a restart. */
void reload_log(struct log *log, const struct reload_news *news);

/* Ends the thread and wipes and frees all. After a second a reader that hangs in the system is left
 * behind with its memory, which it frees should it ever come back. NULL is nothing. */
void reload_destroy(struct reload *reload);

#endif
