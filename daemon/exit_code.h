/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_EXIT_CODE_H
#define GSRELAY_DAEMON_EXIT_CODE_H

/* exit_code.h - how gsrelayd ends; documented in docs/OPERATIONS.md and --help, stable. The Windows
 * service reports the same numbers. */

enum exit_code {
    EXIT_CODE_OK = 0,      /* Stopped in order, or the question on the command line was answered. */
    EXIT_CODE_FAILURE = 1, /* Something broke while it ran. */
    EXIT_CODE_CONFIG = 2, /* The command line or the configuration is wrong; nothing was started. */
    EXIT_CODE_ADDRESS = 3,  /* An address or port could not be opened. */
    EXIT_CODE_RESOURCES = 4 /* Memory, handles or threads were not to be had. */
};

#endif
