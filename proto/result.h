/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_RESULT_H
#define GSRELAY_PROTO_RESULT_H

/* result.h - the outcome of a call inside this program.
 *
 * Functions return 0 or a count on success and one of these on failure. What a peer did wrong, and
 * why something of a peer's was dropped or refused, is an enum reason (reason.h) instead. */

enum result {
    RESULT_OK = 0,
    RESULT_AGAIN = -1,     /* Nothing to do now; try when the other side has moved. */
    RESULT_FULL = -2,      /* A table, pool, queue or buffer with a fixed size has no place left. */
    RESULT_INVALID = -3,   /* The input breaks its format or range. */
    RESULT_DENIED = -4,    /* Authentication failed or a permission is missing. */
    RESULT_NOT_FOUND = -5, /* The thing named does not exist. */
    RESULT_IN_USE = -6,    /* A port, name or place belongs to somebody else. */
    RESULT_UNREACHABLE = -7,  /* The peer or address cannot be reached. */
    RESULT_CLOSED = -8,       /* The other end, or our own close, ended this connection. */
    RESULT_NO_MEMORY = -9,    /* Allocation failed, or the limit of handles is reached. */
    RESULT_UNSUPPORTED = -10, /* This system does not have it. */
    RESULT_OS = -11           /* Any other error of the operating system. */
};

#if defined(__GNUC__)
#define GSRELAY_CHECKED __attribute__((warn_unused_result))
#else
#define GSRELAY_CHECKED
#endif

/* Lets the compiler check the arguments of our own printf-like functions against their format. It
 * is C99's format on Windows too, where plain "printf" means that of the old C library. */
#if defined(__clang__)
#define GSRELAY_PRINTF(format_index, first_index)                                                  \
    __attribute__((format(printf, format_index, first_index)))
#elif defined(__GNUC__)
#define GSRELAY_PRINTF(format_index, first_index)                                                  \
    __attribute__((format(gnu_printf, format_index, first_index)))
#else
#define GSRELAY_PRINTF(format_index, first_index)
#endif

/* A short English name, for logs and tests. Never NULL. */
const char *result_name(int result);

#endif
