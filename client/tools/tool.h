/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_TOOLS_TOOL_H
#define GSRELAY_CLIENT_TOOLS_TOOL_H

/* tool.h - the `gsrelay` command: what its files offer each other.
 *
 * options.c  the command line -> struct tool_options
 * member.c   create, join, send, watch, ping: one client on the library's sockets
 * blob.c     what hosts leave for hosts: --blob and --blob-out
 * mint.c     ticket
 * load*.c    load: see load.h
 * input.c    standard input, read by a thread of its own, because Windows cannot wait for it
 * quality.c  how good the way to the relay is
 * output.c   what is printed, with nothing in it that could drive a terminal
 * Threads: the main thread, and the one that input.c starts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay.h>

#include "proto/result.h"

/* Documented in --help. */
enum tool_exit {
    TOOL_DONE = 0,
    TOOL_REFUSED = 1, /* The relay said no, or ended it: no such room, kicked, full, stopped. */
    TOOL_USAGE = 2,   /* The command line, or a file that it names, is wrong. */
    TOOL_NO_RELAY = 3 /* No connection, no answer over UDP, or refused at the door. */
};

enum tool_command {
    TOOL_NONE,
    TOOL_CREATE,
    TOOL_JOIN,
    TOOL_SEND,
    TOOL_WATCH,
    TOOL_PING,
    TOOL_TICKET,
    TOOL_LOAD,
    TOOL_HELP,
    TOOL_VERSION
};

#define TOOL_GRANTS_MAX 9
#define TOOL_HOST_SIZE  256

#define LOAD_TICK_DEFAULT UINT32_MAX
#define LOAD_SIZE_MIN     20 /* Bytes of a state: whose, which, from when. */
#define LOAD_CLIENTS_MAX  100000

struct tool_load {
    uint32_t rooms;
    uint32_t members; /* Of each room. */
    uint32_t rate_s;  /* States a second of each member. */
    uint32_t size;    /* Bytes of a state. */
    uint32_t tick_ms; /* Of the rooms; LOAD_TICK_DEFAULT: the relay's. */
    uint32_t pid;     /* Of the relay; 0: to be found. */
    uint64_t duration_ms;
    uint64_t ramp_ms;
    bool is_closed;
};

struct tool_options {
    enum tool_command command;
    char host[TOOL_HOST_SIZE];
    uint16_t port;
    const char *ticket_file;
    uint8_t stream;
    bool is_retained;
    int to_group;          /* The group that lines go to; -1: to all. */
    uint64_t groups;       /* The groups to subscribe to. */
    uint32_t down_rate_s;  /* Bytes that the relay may send us a second; 0: no budget of ours. */
    const char *blob_file; /* create: what to leave for the next host. */
    const char *blob_out_file; /* create, join, watch: where to put what was left for us. */
    uint32_t election;         /* create: enum gsrelay_election. */
    bool is_json;
    bool is_quiet;
    uint32_t count; /* ping: how many. */

    const char *code; /* join, send, watch. */
    char **words;     /* send: what to send. */
    unsigned word_count;

    struct tool_load load;

    /* ticket; secret_file for load as well */
    const char *secret_file;
    const char *key_id;
    const char *client_id;
    uint64_t lifetime_s;
    const char *grants[TOOL_GRANTS_MAX];
    unsigned grant_count;

    uint64_t given; /* The options that stood there; options.c knows the bits. */
};

/* Reads the command line. Returns 0, or prints what is wrong to standard error and returns -1. */
int options_parse(int argc, char **argv, struct tool_options *out);
void options_help(void);

/* The words of send, with a space between. False when they do not fit. */
bool options_words(const struct tool_options *from, char *out, size_t capacity, size_t *size_out);

int member_run(const struct tool_options *options);
int mint_run(const struct tool_options *options);
int load_run(const struct tool_options *options);

/* Reads the first line of a file that has something on it, without its end. Complains and returns
 * -1 when there is none or it does not fit. */
int file_line_read(const char *path, const char *what, char *out, size_t size);

/* --- blob.c ---------------------------------------------------------------------------------- */

/* All return TOOL_DONE, or the exit code to end with; what is wrong was said. */

/* Leaves the file of --blob with the relay; the request is out then. */
int tool_blob_leave(const struct tool_options *options, struct gsrelay_client *client,
                    uint32_t *request_out);

/* Tells that the relay has it. */
int tool_blob_left(const struct tool_options *options);

/* Puts what came with GSRELAY_EVENT_BLOB into the file of --blob-out, if there is one. */
int tool_blob_got(const struct tool_options *options, const struct gsrelay_client *client,
                  const struct gsrelay_event *event);

/* --- input.c --------------------------------------------------------------------------------- */

struct input;

/* Starts the thread; once. NULL on failure. */
struct input *input_open(void);

/* Ends the thread if its input has ended; else leaves it to the end of the process. Takes NULL. */
void input_close(struct input *input);

/* Takes the next line without its end into out; a CR at the end goes too. Returns its size, -1 when
 * none is ready, -2 at the end of input. A line that does not fit capacity is thrown away and
 * counted. */
int input_next(struct input *input, char *out, size_t capacity);
unsigned input_too_long(const struct input *input);

/* --- output.c -------------------------------------------------------------------------------- */

/* One line to standard error: "gsrelay: ...". */
void say(const char *format, ...) GSRELAY_PRINTF(1, 2);

/* All below write to standard output and return false once it cannot be written to any more. */
bool print_line(const char *format, ...) GSRELAY_PRINTF(1, 2);

/* "3: text" or a JSON object. */
bool print_state(const struct gsrelay_event *event, bool is_json);

/* What the host is told of the others' ways to the relay, as JSON objects. */
bool print_quality_of_others(struct gsrelay_client *client);

/* The own one and the room's clock. 1; 0 if nothing is known yet; -1 if it cannot be written. */
int print_own_quality(struct gsrelay_client *client, bool is_json);

/* Writes bytes as text that is safe to print: valid, printable UTF-8 stays as it is, everything
 * else becomes \n, \t, \xHH or \u{HHHH}. With is_json also quotes and backslashes are escaped, as
 * JSON does it. out takes at least 8 bytes for each byte and 1 more. Returns the length. */
size_t text_escape(const void *bytes, size_t size, bool is_json, char *out);

/* True when the bytes are valid UTF-8. */
bool text_is_utf8(const void *bytes, size_t size);

#endif
