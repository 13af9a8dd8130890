/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <gsrelay/gsrelay_io.h>

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "daemon/os/os.h"
#include "proto/ticket.h"

/* Input cannot be waited for together with sockets, so it is looked at that often. */
#define POLL_MS 10

/* The relay keeps 128 waiting states of stream 0 for a room; a quarter of that at a time, and then
 * time for it to send them out, loses none here. */
#define BATCH_LINES  32
#define BATCH_GAP_NS UINT64_C(5000000)

#define PING_GAP_NS     UINT64_C(200000000)
#define QUALITY_PING_NS UINT64_C(1000000000)
#define QUALITY_GAP_NS  UINT64_C(5000000000)
#define NS_PER_US       UINT64_C(1000)

struct member {
    const struct tool_options *options;
    struct gsrelay_client *client;
    struct input *input;
    int exit_code;
    bool is_done;
    bool is_ending;
    bool has_session;
    bool is_bound;
    bool is_code_shown;    /* create: the code was printed. */
    uint16_t own;          /* Our member id. */
    uint32_t request;      /* create, join; ping: the one that is out. */
    uint32_t blob_request; /* --blob: its upload; 0 = none is out. */
    uint32_t pings;
    uint64_t quality_ns; /* When to tell of our way next. */
    uint64_t next_ns;    /* The next batch of lines, the next ping. */
    bool has_line;       /* A line that the budget did not allow yet. */
    size_t line_size;
    char line[GSRELAY_EVENT_BYTES + 2];
};

/* Whether what happens in the room is told. */
static bool listens(const struct member *member)
{
    return member->options->command != TOOL_SEND && member->options->command != TOOL_PING;
}

/* A message for a person, which --quiet leaves out. */
static void note(const struct member *member, const char *text)
{
    if (!member->options->is_quiet)
        say("%s", text);
}

static void end(struct member *member, int exit_code)
{
    if (exit_code != TOOL_DONE)
        member->exit_code = exit_code;
    if (member->is_ending)
        return;
    member->is_ending = true;
    if (gsrelay_disconnect(member->client) != GSRELAY_OK)
        member->is_done = true;
}

static void check(struct member *member, int exit_code)
{
    if (exit_code != TOOL_DONE)
        end(member, exit_code);
}

/* Somebody closed our output (a pipe into `head`): there is no use in going on. */
static void check_output(struct member *member, bool is_written)
{
    check(member, is_written ? TOOL_DONE : TOOL_REFUSED);
}

/* --- Starting -------------------------------------------------------------------------------- */

static int read_ticket(const struct tool_options *options, char name[TICKET_NAME_MAX + 1],
                       uint8_t key[TICKET_KEY_SIZE])
{
    char line[TICKET_LINE_SIZE + 2];
    int result;

    if (file_line_read(options->ticket_file, "ticket file", line, sizeof(line)) < 0)
        return -1;
    result = gsrelay_ticket_read(line, name, key);
    sodium_memzero(line, sizeof(line));
    if (result < 0)
        say("%s is not a ticket: one line, NAME KEY, as gsrelay ticket prints it",
            options->ticket_file);
    return result;
}

static int open_client(struct member *member)
{
    const struct tool_options *options = member->options;
    struct gsrelay_options client_options;
    char name[TICKET_NAME_MAX + 1];
    uint8_t key[TICKET_KEY_SIZE];
    int result;

    gsrelay_options_init(&client_options);
    client_options.down_bytes_s = options->down_rate_s;
    if (options->blob_file != NULL || options->blob_out_file != NULL)
        client_options.blob_bytes = GSRELAY_BLOB_MAX;
    if (options->ticket_file != NULL) {
        if (read_ticket(options, name, key) < 0)
            return TOOL_USAGE;
        client_options.ticket_name = name;
        client_options.ticket_key = key;
    }
    result = gsrelay_create(&client_options, &member->client);
    sodium_memzero(key, sizeof(key));
    if (result == GSRELAY_OK)
        result = gsrelay_connect(member->client, options->host, options->port);
    if (result == GSRELAY_OK)
        return TOOL_DONE;
    say("could not start: %s", gsrelay_result_text(result));
    return TOOL_NO_RELAY;
}

static int ask_for_room(struct member *member)
{
    const struct tool_options *options = member->options;
    const struct gsrelay_room_options room = {.election = options->election};
    int32_t request = 0;

    if (options->command == TOOL_PING && options->code == NULL)
        return TOOL_DONE;
    if (options->command == TOOL_CREATE)
        request = gsrelay_create_room(member->client, &room);
    else
        request = gsrelay_join_room(member->client, options->code);
    if (request > 0) {
        member->request = (uint32_t)request;
        return TOOL_DONE;
    }
    say("what was given for CODE cannot be a room's code");
    return TOOL_USAGE;
}

/* --- Sending --------------------------------------------------------------------------------- */

static int send_text(struct member *member, const char *text, size_t size)
{
    const struct tool_options *options = member->options;
    uint32_t flags = options->is_retained ? GSRELAY_RETAIN : 0;
    uint16_t to = options->to_group < 0 ? GSRELAY_TO_ALL : GSRELAY_TO_GROUP(options->to_group);
    int result = gsrelay_send(member->client, to, options->stream, flags, text, size);

    if (result == GSRELAY_TOO_LARGE) {
        say("a line of %zu bytes is too long for a datagram, the most is %zu: not sent", size,
            gsrelay_payload_max(member->client, flags));
        member->exit_code = TOOL_REFUSED;
    }
    return result;
}

/* Fetches a line unless one is left over. 1; 0 when there is none now; -1 at the end of input. */
static int fetch_line(struct member *member)
{
    unsigned too_long = input_too_long(member->input);
    int size;

    if (member->has_line)
        return 1;
    size = input_next(member->input, member->line, sizeof(member->line));
    if (input_too_long(member->input) != too_long) {
        say("a line of more than %d bytes is too long for a datagram: not sent",
            GSRELAY_EVENT_BYTES);
        member->exit_code = TOOL_REFUSED;
    }
    if (size < 0)
        return size == -2 ? -1 : 0;
    member->line_size = (size_t)size;
    member->has_line = true;
    return 1;
}

static void send_lines(struct member *member)
{
    struct gsrelay_room room;
    uint64_t now_ns = os_clock_ns();
    unsigned count = 0;
    int result = 1;

    if (member->is_ending || now_ns < member->next_ns ||
        gsrelay_get_room(member->client, &room) != GSRELAY_OK || !room.is_bound)
        return;
    while (count < BATCH_LINES && (result = fetch_line(member)) > 0 &&
           send_text(member, member->line, member->line_size) != GSRELAY_OVER_BUDGET) {
        member->has_line = false;
        count++;
    }
    gsrelay_flush(member->client);
    if (count > 0)
        member->next_ns = now_ns + BATCH_GAP_NS + 2 * room.tick_us * NS_PER_US;
    if (result < 0)
        end(member, TOOL_DONE);
}

static void send_words(struct member *member)
{
    char text[GSRELAY_EVENT_BYTES * 4];
    size_t size = 0;

    if (!options_words(member->options, text, sizeof(text), &size)) {
        say("the text is too long for a datagram");
        end(member, TOOL_USAGE);
        return;
    }
    (void)send_text(member, text, size);
    end(member, TOOL_DONE);
}

static void send_ping(struct member *member)
{
    int32_t request;

    if (!member->has_session || member->request != 0 || os_clock_ns() < member->next_ns)
        return;
    request = gsrelay_ping(member->client);
    member->request = request > 0 ? (uint32_t)request : 0;
    member->next_ns = os_clock_ns() + PING_GAP_NS;
}

/* With --json, and all that a ping of a room does: what we know of our own way, now and then. */
static void tell_quality(struct member *member)
{
    bool is_ping = member->options->command == TOOL_PING;
    int result;

    if (member->is_ending || !member->is_bound || os_clock_ns() < member->quality_ns)
        return;
    result = print_own_quality(member->client, member->options->is_json);
    check_output(member, result >= 0);
    member->quality_ns = os_clock_ns() + (is_ping ? QUALITY_PING_NS : QUALITY_GAP_NS);
    if (is_ping && result > 0 && ++member->pings >= member->options->count)
        end(member, TOOL_DONE);
}

/* --- Events ---------------------------------------------------------------------------------- */

static const char *why(const struct gsrelay_event *event)
{
    return gsrelay_reason_text(event->reason);
}

/* The code is printed only when states can come: whoever reads it may join and send at once. */
static void show_code(struct member *member)
{
    struct gsrelay_room room;

    if (member->options->command != TOOL_CREATE || member->is_code_shown ||
        gsrelay_get_room(member->client, &room) != GSRELAY_OK)
        return;
    member->is_code_shown = true;
    if (!member->options->is_json)
        check_output(member, print_line("%s", room.code));
}

static void on_joined(struct member *member, const struct gsrelay_event *event)
{
    char text[128];

    member->own = event->member;
    if (member->options->groups != 0)
        (void)gsrelay_subscribe(member->client, member->options->groups);
    if (member->options->is_json && listens(member))
        check_output(member, print_line("{\"event\":\"joined\",\"code\":\"%s\",\"member\":%u,"
                                        "\"host\":%u}",
                                        event->code, event->member, event->host));
    if (member->options->blob_file != NULL && !member->is_ending)
        check(member, tool_blob_leave(member->options, member->client, &member->blob_request));
    snprintf(text, sizeof(text), "in room %s as member %u%s", event->code, event->member,
             event->host == event->member ? ", its host" : "");
    note(member, text);
}

static void on_left(struct member *member, const struct gsrelay_event *event)
{
    if (member->is_ending)
        return;
    say("the room is left: %s", why(event));
    end(member, TOOL_REFUSED);
}

static void on_member(struct member *member, const struct gsrelay_event *event)
{
    bool is_joined = event->type == GSRELAY_EVENT_MEMBER_JOINED;
    char text[128];

    if (member->options->is_json && listens(member)) {
        if (is_joined)
            check_output(member,
                         print_line("{\"event\":\"member_joined\",\"member\":%u}", event->member));
        else
            check_output(member,
                         print_line("{\"event\":\"member_left\",\"member\":%u,\"reason\":\"%s\"}",
                                    event->member, gsrelay_reason_name(event->reason)));
    }
    if (is_joined)
        snprintf(text, sizeof(text), "member %u %s", event->member,
                 (event->flags & GSRELAY_EVENT_PRESENT) != 0 ? "is here" : "joined");
    else
        snprintf(text, sizeof(text), "member %u left%s%s", event->member,
                 event->reason != GSRELAY_REASON_NONE ? ": " : "",
                 event->reason != GSRELAY_REASON_NONE ? why(event) : "");
    note(member, text);
}

static void on_host(struct member *member, const struct gsrelay_event *event)
{
    char text[64];

    if (member->options->is_json && listens(member))
        check_output(member,
                     print_line("{\"event\":\"host_changed\",\"host\":%u,\"host_epoch\":%u}",
                                event->host, event->host_epoch));
    if (event->host == 0)
        note(member, "the room has no host now");
    else if (event->host == member->own)
        note(member, "we are the host now");
    else {
        snprintf(text, sizeof(text), "the host is now member %u", event->host);
        note(member, text);
    }
}

static void on_request_failed(struct member *member, const struct gsrelay_event *event)
{
    const char *what = member->options->command == TOOL_CREATE ? "create a room"
                       : member->options->command == TOOL_PING && member->options->code == NULL
                           ? "ping"
                           : "join the room";
    char wait[64] = "";

    if (member->blob_request != 0 && event->request == member->blob_request)
        what = "leave the file of --blob";
    else if (event->request != member->request)
        return;
    if (member->is_ending)
        return;
    if (event->time_ms > 0)
        snprintf(wait, sizeof(wait), "; try again in %u s", (event->time_ms + 999) / 1000);
    if (event->limit > 0)
        say("could not %s: %s (limit %u)%s", what, why(event), event->limit, wait);
    else
        say("could not %s: %s%s", what, why(event), wait);
    end(member, TOOL_REFUSED);
}

static void on_pong(struct member *member, const struct gsrelay_event *event)
{
    const struct tool_options *options = member->options;

    if (event->request != member->request || options->command != TOOL_PING || options->code != NULL)
        return;
    if (options->is_json)
        check_output(member, print_line("{\"event\":\"pong\",\"time_us\":%u}", event->rtt_us));
    else
        check_output(member, print_line("%s:%u: time=%u.%03u ms", options->host, options->port,
                                        event->rtt_us / 1000, event->rtt_us % 1000));
    member->request = 0;
    if (++member->pings >= options->count)
        end(member, TOOL_DONE);
}

static void on_request_done(struct member *member, const struct gsrelay_event *event)
{
    if (member->blob_request == 0 || event->request != member->blob_request) {
        on_pong(member, event);
        return;
    }
    member->blob_request = 0;
    check(member, tool_blob_left(member->options));
}

static void on_disconnected(struct member *member, const struct gsrelay_event *event)
{
    const char *text = gsrelay_error_text(member->client);
    bool is_by_relay = event->reason >= GSRELAY_REASON_LEFT;

    member->is_done = true;
    if (member->is_ending)
        return;
    if (event->reason == GSRELAY_REASON_REFUSED && event->limit == 1 &&
        member->options->ticket_file == NULL)
        say("%s; give one with --ticket-file", text);
    else if (!member->has_session && strncmp(text, "could not connect", 17) == 0)
        say("%s; is gsrelayd running there?", text);
    else
        say("%s", text[0] != '\0' ? text : why(event));
    member->exit_code = is_by_relay ? TOOL_REFUSED : TOOL_NO_RELAY;
}

static void on_silent(struct member *member)
{
    struct gsrelay_udp_peer peer = {0};

    show_code(member);
    (void)gsrelay_io_udp_peer(member->client, &peer);
    say("nothing comes over UDP from port %u of %s: does a firewall stop it, or is only TCP "
        "forwarded?",
        peer.port, peer.address[0] != '\0' ? peer.address : member->options->host);
    if (member->options->command == TOOL_SEND)
        end(member, TOOL_NO_RELAY);
}

static void on_connection(struct member *member, const struct gsrelay_event *event)
{
    char text[700];

    if (event->type == GSRELAY_EVENT_CONNECTED) {
        member->has_session = true;
    } else if (event->type == GSRELAY_EVENT_RESUMED) {
        note(member, "connected again");
    } else if (event->type == GSRELAY_EVENT_CONNECTION_LOST) {
        snprintf(text, sizeof(text), "%s; trying again", gsrelay_error_text(member->client));
        note(member, text);
    } else if (event->type == GSRELAY_EVENT_SESSION_LOST && !member->is_ending) {
        say("the relay was restarted or waited too long: the room is left");
        end(member, TOOL_REFUSED);
    } else if (event->type == GSRELAY_EVENT_DRAINING) {
        if (event->time_ms == GSRELAY_NO_DEADLINE)
            snprintf(text, sizeof(text), "the relay stops when the last room is gone");
        else
            snprintf(text, sizeof(text), "the relay stops in %u ms", event->time_ms);
        note(member, text);
    } else if (event->type == GSRELAY_EVENT_NOTICE) {
        snprintf(text, sizeof(text), "the relay drops what we send: %s (limit %u)", why(event),
                 event->limit);
        note(member, text);
    }
}

static void on_bound(struct member *member)
{
    bool is_first = !member->is_bound;

    member->is_bound = true;
    show_code(member);
    if (is_first && member->options->command == TOOL_SEND)
        send_words(member);
}

static void on_event(struct member *member, const struct gsrelay_event *event)
{
    switch ((enum gsrelay_event_type)event->type) {
    case GSRELAY_EVENT_STATE:
        if (listens(member))
            check_output(member, print_state(event, member->options->is_json));
        break;
    case GSRELAY_EVENT_DISCONNECTED:
        on_disconnected(member, event);
        break;
    case GSRELAY_EVENT_REQUEST_DONE:
        on_request_done(member, event);
        break;
    case GSRELAY_EVENT_REQUEST_FAILED:
        on_request_failed(member, event);
        break;
    case GSRELAY_EVENT_ROOM_JOINED:
        on_joined(member, event);
        break;
    case GSRELAY_EVENT_ROOM_LEFT:
        on_left(member, event);
        break;
    case GSRELAY_EVENT_MEMBER_JOINED:
    case GSRELAY_EVENT_MEMBER_LEFT:
        on_member(member, event);
        break;
    case GSRELAY_EVENT_HOST_CHANGED:
        on_host(member, event);
        break;
    case GSRELAY_EVENT_UDP_BOUND:
        on_bound(member);
        break;
    case GSRELAY_EVENT_UDP_SILENT:
        on_silent(member);
        break;
    case GSRELAY_EVENT_CONNECTED:
    case GSRELAY_EVENT_ATTEMPT_FAILED:
    case GSRELAY_EVENT_CONNECTION_LOST:
    case GSRELAY_EVENT_RESUMED:
    case GSRELAY_EVENT_SESSION_LOST:
    case GSRELAY_EVENT_DRAINING:
    case GSRELAY_EVENT_NOTICE:
        on_connection(member, event);
        break;
    case GSRELAY_EVENT_BLOB:
        check(member, tool_blob_got(member->options, member->client, event));
        break;
    case GSRELAY_EVENT_QUALITY:
        if (member->options->is_json && listens(member))
            check_output(member, print_quality_of_others(member->client));
        break;
    case GSRELAY_EVENT_NONE:
    case GSRELAY_EVENT_METADATA:
    case GSRELAY_EVENT_LOCK:
        break;
    }
}

/* --- The loop -------------------------------------------------------------------------------- */

static void loop(struct member *member)
{
    enum tool_command command = member->options->command;
    bool has_input = command == TOOL_CREATE || command == TOOL_JOIN;
    struct gsrelay_event event;

    while (!member->is_done) {
        int result = gsrelay_poll(member->client, POLL_MS);

        if (result < 0) {
            say("%s", gsrelay_result_text(result));
            member->exit_code = TOOL_NO_RELAY;
            return;
        }
        while (!member->is_done && gsrelay_next_event(member->client, &event))
            on_event(member, &event);
        if ((os_requests_take() & OS_REQUEST_STOP) != 0)
            end(member, TOOL_DONE);
        if (has_input)
            send_lines(member);
        if (command == TOOL_PING && member->options->code == NULL && !member->is_ending)
            send_ping(member);
        else if (command == TOOL_PING || (member->options->is_json && listens(member)))
            tell_quality(member);
    }
}

static void no_wake(void *context)
{
    (void)context;
}

int member_run(const struct tool_options *options)
{
    static struct member member;
    bool has_input = options->command == TOOL_CREATE || options->command == TOOL_JOIN;

    member = (struct member){.options = options};
    if (os_requests_open(no_wake, NULL) < 0)
        note(&member, "Ctrl+C will end this at once, without a good-bye");
    member.exit_code = open_client(&member);
    if (member.exit_code == TOOL_DONE)
        member.exit_code = ask_for_room(&member);
    if (member.exit_code == TOOL_DONE && has_input) {
        member.input = input_open();
        if (member.input == NULL) {
            say("could not start a thread for standard input");
            member.exit_code = TOOL_NO_RELAY;
        }
    }
    if (member.exit_code == TOOL_DONE)
        loop(&member);
    gsrelay_destroy(member.client);
    input_close(member.input);
    os_requests_close();
    return member.exit_code;
}
