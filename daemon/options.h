/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_OPTIONS_H
#define GSRELAY_DAEMON_OPTIONS_H

#include "proto/result.h"

#include <stddef.h>

/* options.h - gsrelayd's command line, taken apart.
 *
 * Knows the words, not what they mean to the daemon. Threads: any. Memory: nothing is allocated;
 * the options point into argv. */

#define OPTIONS_SETTINGS_MAX 96
#define OPTIONS_ERROR_SIZE   256

enum options_action {
    OPTIONS_RUN,
    OPTIONS_CHECK_CONFIG,
    OPTIONS_DUMP_CONFIG,
    OPTIONS_DUMP_DEFAULTS,
    OPTIONS_GENKEY,
    OPTIONS_VERSION,
    OPTIONS_HELP
};

struct options {
    enum options_action action;
    const char *config_path;                    /* NULL: not named. */
    const char *settings[OPTIONS_SETTINGS_MAX]; /* "section.key=value" each. */
    size_t setting_count;
};

/* Reads argv[1] and on. Returns RESULT_OK, or RESULT_INVALID with a sentence in `error`. */
GSRELAY_CHECKED int options_parse(int argc, char *const argv[], struct options *out,
                                  char error[OPTIONS_ERROR_SIZE]);

/* What --help prints. */
const char *options_help(void);

#endif
