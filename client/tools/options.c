/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <stdio.h>
#include <string.h>

#include "proto/addr.h"

enum option_id {
    OPTION_SERVER,
    OPTION_TICKET_FILE,
    OPTION_STREAM,
    OPTION_RETAIN,
    OPTION_GROUPS,
    OPTION_TO_GROUP,
    OPTION_DOWN_RATE,
    OPTION_ELECTION,
    OPTION_BLOB,
    OPTION_BLOB_OUT,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_COUNT,
    OPTION_SECRET_FILE,
    OPTION_KEY_ID,
    OPTION_CLIENT,
    OPTION_EXPIRES,
    OPTION_GRANT,
    OPTION_ROOMS,
    OPTION_MEMBERS,
    OPTION_RATE,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_RAMP,
    OPTION_CLOSED,
    OPTION_TICK,
    OPTION_PID,
    OPTION_HELP,
    OPTION_VERSION
};

/* What is given to a command that has no use for it would be ignored without a word. */
enum option_use {
    USE_ANY,
    USE_NOT_LOAD, /* load goes its own way. */
    USE_LOAD,     /* load alone. */
    USE_TICKET    /* Where a ticket is made. */
};

struct option {
    const char *name;
    char letter;
    bool has_value;
    enum option_id id;
    enum option_use use;
};

static const struct option options[] = {
    {"server", 's', true, OPTION_SERVER, USE_ANY},
    {"ticket-file", 't', true, OPTION_TICKET_FILE, USE_ANY},
    {"stream", 0, true, OPTION_STREAM, USE_ANY},
    {"retain", 0, false, OPTION_RETAIN, USE_NOT_LOAD},
    {"groups", 0, true, OPTION_GROUPS, USE_NOT_LOAD},
    {"to-group", 0, true, OPTION_TO_GROUP, USE_NOT_LOAD},
    {"down-rate", 0, true, OPTION_DOWN_RATE, USE_ANY},
    {"election", 0, true, OPTION_ELECTION, USE_ANY},
    {"blob", 0, true, OPTION_BLOB, USE_ANY},
    {"blob-out", 0, true, OPTION_BLOB_OUT, USE_NOT_LOAD},
    {"json", 0, false, OPTION_JSON, USE_ANY},
    {"quiet", 'q', false, OPTION_QUIET, USE_ANY},
    {"count", 'c', true, OPTION_COUNT, USE_NOT_LOAD},
    {"secret-file", 0, true, OPTION_SECRET_FILE, USE_ANY},
    {"key-id", 0, true, OPTION_KEY_ID, USE_TICKET},
    {"client", 0, true, OPTION_CLIENT, USE_NOT_LOAD},
    {"expires", 0, true, OPTION_EXPIRES, USE_TICKET},
    {"grant", 0, true, OPTION_GRANT, USE_TICKET},
    {"rooms", 0, true, OPTION_ROOMS, USE_LOAD},
    {"members", 0, true, OPTION_MEMBERS, USE_LOAD},
    {"rate", 0, true, OPTION_RATE, USE_LOAD},
    {"size", 0, true, OPTION_SIZE, USE_LOAD},
    {"duration", 0, true, OPTION_DURATION, USE_LOAD},
    {"ramp", 0, true, OPTION_RAMP, USE_LOAD},
    {"closed", 0, false, OPTION_CLOSED, USE_LOAD},
    {"tick", 0, true, OPTION_TICK, USE_LOAD},
    {"pid", 0, true, OPTION_PID, USE_LOAD},
    {"help", 'h', false, OPTION_HELP, USE_ANY},
    {"version", 'V', false, OPTION_VERSION, USE_ANY},
};

struct command {
    const char *name;
    enum tool_command command;
    unsigned words_min;
    unsigned words_max;
    const char *words;
};

static const struct command commands[] = {
    {"create", TOOL_CREATE, 0, 0, ""},
    {"join", TOOL_JOIN, 1, 1, " CODE"},
    {"send", TOOL_SEND, 2, 1000, " CODE TEXT"},
    {"watch", TOOL_WATCH, 1, 1, " CODE"},
    {"ping", TOOL_PING, 0, 1, " [CODE]"},
    {"ticket", TOOL_TICKET, 0, 0, ""},
    {"load", TOOL_LOAD, 0, 0, ""},
    {"help", TOOL_HELP, 0, 0, ""},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char help[] =
    "gsrelay - a member of a room on a gsrelay relay, for the command line\n"
    "\n"
    "  gsrelay create            make a room; prints its code as the first line\n"
    "  gsrelay join CODE         join a room\n"
    "  gsrelay send CODE TEXT... join, send the text, leave\n"
    "  gsrelay watch CODE        join and print what arrives, until Ctrl+C\n"
    "  gsrelay ping [CODE]       measure the way to the relay and back; as a member of a\n"
    "                            room by UDP: jitter, loss, the room's clock as well\n"
    "  gsrelay ticket            make a ticket from a secret (see below)\n"
    "  gsrelay load              see what a relay carries (see below)\n"
    "\n"
    "create and join send each line of standard input to all others and print what\n"
    "arrives as MEMBER: TEXT. They leave at the end of input, when the last line has\n"
    "reached the relay (at most half a second later) or at once on Ctrl+C. States\n"
    "travel over UDP: lines may get lost.\n"
    "\n"
    "  -s, --server HOST:PORT    the relay's control port (127.0.0.1:7777)\n"
    "  -t, --ticket-file FILE    a ticket, as `gsrelay ticket` prints it\n"
    "      --stream N            send on stream N, 0 to 255 (0). 0 keeps the order and\n"
    "                            passes all; on the others the newest line wins\n"
    "      --retain              the relay keeps the newest line for who joins later;\n"
    "                            needs a stream above 0\n"
    "      --to-group N          send to the members of interest group N, 0 to 63, only\n"
    "      --groups LIST         be a member of these groups, as in 0,4,8-15\n"
    "      --down-rate BYTES     the most that the relay is to send a second; the newest\n"
    "                            states come first, in turn (no limit of ours)\n"
    "      --election RULE       create: who becomes host after us: oldest (the default),\n"
    "                            lowest_rtt, or heir (named by a game; else oldest)\n"
    "      --blob FILE           create: leave the file with the relay for the next host, at\n"
    "                            most 64 KiB (and the relay's room.blob_bytes)\n"
    "      --blob-out FILE       when we become host, put what the host before us has left\n"
    "                            into this file\n"
    "      --json                print each event as one JSON object a line\n"
    "  -q, --quiet               no messages on standard error but errors\n"
    "  -c, --count N             ping: how many (4)\n"
    "  -h, --help                this text\n"
    "  -V, --version             the version\n"
    "\n"
    "ticket prints one line for --ticket-file. It takes:\n"
    "      --secret-file FILE    the relay's auth.secret_file\n"
    "      --key-id ID           which secret of it (the first)\n"
    "      --client ID           who the ticket is for (a random name)\n"
    "      --expires TIME        how long it is good: 90s, 10m, 2h (1h)\n"
    "      --grant GRANT         create, join=CODE or join=BEGIN*; may be repeated\n"
    "                            (create and join=*)\n"
    "\n"
    "load fills rooms with members who all send, and measures what arrives and when:\n"
    "      --rooms N             how many rooms (4)\n"
    "      --members N           members of each room, 2 to 256 (8)\n"
    "      --rate N              states a second of each member, 1 to 1000 (20)\n"
    "      --size BYTES          of each state, from 20 (100)\n"
    "      --duration TIME       how long to send: 500ms, 30s, 5m (10s)\n"
    "      --ramp TIME           over how long the members join (1s)\n"
    "      --tick MS             the rooms' tick, 0 for none (the relay's)\n"
    "      --stream N            0 to 255 (1)\n"
    "      --down-rate BYTES     the most that each member takes a second\n"
    "      --closed              each member sends its next state when the last one has\n"
    "                            come to the next member, in place of --rate\n"
    "      --pid N               the relay's process, if it runs here and is not found\n"
    "      --secret-file FILE    make a ticket for each member; --ticket-file takes a\n"
    "                            file with as many tickets as members\n"
    "It ends with 1 when members were refused or lost, or nothing arrived. The relay's\n"
    "limits for one address are low: it says which key of relay.ini to raise.\n"
    "\n"
    "Exit codes: 0 done; 1 the relay said no or ended it; 2 wrong command line or\n"
    "file; 3 no connection to the relay, or refused at its door.\n";

void options_help(void)
{
    fputs(help, stdout);
}

static int complain(const char *text, const char *word)
{
    char safe[8 * 80 + 1];
    size_t size = strlen(word);

    text_escape(word, size < 80 ? size : 80, false, safe);
    say("%s: %s", text, safe);
    fputs("Try gsrelay --help.\n", stderr);
    return -1;
}

/* A decimal number without sign or blanks. -1 for anything else or above the limit. */
static int64_t parse_number(const char *text, size_t size, int64_t limit)
{
    int64_t value = 0;

    if (size == 0)
        return -1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
        if (value > limit)
            return -1;
    }
    return value;
}

static int parse_server(const char *text, struct tool_options *out)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_size = strlen(text);
    struct addr addr;
    int64_t port = 7777;
    bool is_ipv6 = addr_parse(text, host_size, &addr) == 0 && addr.family == ADDR_FAMILY_IPV6;

    /* "::1" has colons and no port. */
    if (colon != NULL && (!is_ipv6 || colon[-1] == ']')) {
        port = parse_number(colon + 1, strlen(colon + 1), 65535);
        host_size = (size_t)(colon - text);
    }
    if (host_size >= 2 && host[0] == '[' && host[host_size - 1] == ']') {
        host++;
        host_size -= 2;
    }
    if (host_size == 0 || host_size >= sizeof(out->host) || port < 1 ||
        memchr(host, '[', host_size) != NULL || memchr(host, ']', host_size) != NULL)
        return complain("--server is HOST:PORT, as in 127.0.0.1:7777 or [::1]:7777, not", text);
    memcpy(out->host, host, host_size);
    out->host[host_size] = '\0';
    out->port = (uint16_t)port;
    return 0;
}

/* A number with a unit, as milliseconds. */
static int parse_time(const char *name, const char *text, const char *example, uint64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = strspn(text, "0123456789");
    char message[96];

    for (size_t i = 0; i < COUNT(units); i++) {
        int64_t number = parse_number(text, digits, 1000000);

        if (strcmp(text + digits, units[i].unit) != 0 || number < 1)
            continue;
        *out_ms = (uint64_t)(number * units[i].ms);
        return 0;
    }
    snprintf(message, sizeof(message), "%s is a number with a unit, as in %s, not", name, example);
    return complain(message, text);
}

static int parse_lifetime(const char *text, struct tool_options *out)
{
    uint64_t lifetime_ms = 0;

    if (parse_time("--expires", text, "90s, 10m or 2h", &lifetime_ms) < 0)
        return -1;
    /* Tickets know seconds. */
    out->lifetime_s = lifetime_ms < 1000 ? 1 : lifetime_ms / 1000;
    return 0;
}

static int set_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *out)
{
    char message[64];

    *out = parse_number(text, strlen(text), most);
    if (*out >= least)
        return 0;
    snprintf(message, sizeof(message), "%s is a number from %d to %d, not", name, (int)least,
             (int)most);
    return complain(message, text);
}

/* "0,4,8-15" */
static int parse_groups(const char *text, struct tool_options *out)
{
    const char *at = text;
    uint64_t groups = 0;

    for (;;) {
        const size_t size = strcspn(at, ",");
        const size_t first_size = strcspn(at, ",-");
        const int64_t first = parse_number(at, first_size, GSRELAY_GROUPS - 1);
        const int64_t last =
            first_size == size
                ? first
                : parse_number(at + first_size + 1, size - first_size - 1, GSRELAY_GROUPS - 1);

        if (first < 0 || last < first)
            return complain("--groups is a list of groups from 0 to 63, as in 0,4,8-15, not", text);
        for (int64_t group = first; group <= last; group++)
            groups |= UINT64_C(1) << group;
        if (at[size] == '\0')
            break;
        at += size + 1;
    }
    out->groups = groups;
    return 0;
}

static int set_u32(const char *name, const char *value, int64_t least, int64_t most, uint32_t *out)
{
    int64_t number = 0;

    if (set_number(name, value, least, most, &number) < 0)
        return -1;
    *out = (uint32_t)number;
    return 0;
}

static int set_load_option(enum option_id id, const char *value, struct tool_load *out)
{
    if (id == OPTION_ROOMS)
        return set_u32("--rooms", value, 1, LOAD_CLIENTS_MAX / 2, &out->rooms);
    if (id == OPTION_MEMBERS)
        return set_u32("--members", value, 2, GSRELAY_MEMBERS_LIMIT, &out->members);
    if (id == OPTION_RATE)
        return set_u32("--rate", value, 1, 1000, &out->rate_s);
    if (id == OPTION_SIZE)
        return set_u32("--size", value, LOAD_SIZE_MIN, GSRELAY_EVENT_BYTES, &out->size);
    if (id == OPTION_TICK)
        return set_u32("--tick", value, 0, 1000, &out->tick_ms);
    if (id == OPTION_PID)
        return set_u32("--pid", value, 1, INT32_MAX, &out->pid);
    if (id == OPTION_DURATION)
        return parse_time("--duration", value, "500ms, 30s or 5m", &out->duration_ms);
    return parse_time("--ramp", value, "500ms, 30s or 5m", &out->ramp_ms);
}

static int parse_election(const char *text, struct tool_options *out)
{
    static const char *const rules[] = {[GSRELAY_ELECT_OLDEST] = "oldest",
                                        [GSRELAY_ELECT_LOWEST_RTT] = "lowest_rtt",
                                        [GSRELAY_ELECT_HEIR] = "heir"};

    for (uint32_t rule = 0; rule < COUNT(rules); rule++) {
        if (strcmp(text, rules[rule]) == 0) {
            out->election = rule;
            return 0;
        }
    }
    return complain("--election is oldest, lowest_rtt or heir, not", text);
}

static int set_option(enum option_id id, const char *value, struct tool_options *out)
{
    int64_t number = 0;

    switch (id) {
    case OPTION_SERVER:
        return parse_server(value, out);
    case OPTION_TICKET_FILE:
        out->ticket_file = value;
        break;
    case OPTION_STREAM:
        if (set_number("--stream", value, 0, 255, &number) < 0)
            return -1;
        out->stream = (uint8_t)number;
        break;
    case OPTION_RETAIN:
        out->is_retained = true;
        break;
    case OPTION_GROUPS:
        return parse_groups(value, out);
    case OPTION_TO_GROUP:
        if (set_number("--to-group", value, 0, GSRELAY_GROUPS - 1, &number) < 0)
            return -1;
        out->to_group = (int)number;
        break;
    case OPTION_DOWN_RATE:
        if (set_number("--down-rate", value, 1, 1000000000, &number) < 0)
            return -1;
        out->down_rate_s = (uint32_t)number;
        break;
    case OPTION_ELECTION:
        return parse_election(value, out);
    case OPTION_BLOB:
        out->blob_file = value;
        break;
    case OPTION_BLOB_OUT:
        out->blob_out_file = value;
        break;
    case OPTION_JSON:
        out->is_json = true;
        break;
    case OPTION_QUIET:
        out->is_quiet = true;
        break;
    case OPTION_COUNT:
        if (set_number("--count", value, 1, 1000000, &number) < 0)
            return -1;
        out->count = (uint32_t)number;
        break;
    case OPTION_SECRET_FILE:
        out->secret_file = value;
        break;
    case OPTION_KEY_ID:
        out->key_id = value;
        break;
    case OPTION_CLIENT:
        out->client_id = value;
        break;
    case OPTION_EXPIRES:
        return parse_lifetime(value, out);
    case OPTION_GRANT:
        if (out->grant_count == TOOL_GRANTS_MAX)
            return complain("too many of --grant", value);
        out->grants[out->grant_count++] = value;
        break;
    case OPTION_CLOSED:
        out->load.is_closed = true;
        break;
    case OPTION_ROOMS:
    case OPTION_MEMBERS:
    case OPTION_RATE:
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_RAMP:
    case OPTION_TICK:
    case OPTION_PID:
        return set_load_option(id, value, &out->load);
    case OPTION_HELP:
        out->command = TOOL_HELP;
        break;
    case OPTION_VERSION:
        out->command = TOOL_VERSION;
        break;
    }
    return 0;
}

static const struct option *find_option(const char *word, size_t size)
{
    for (size_t i = 0; i < COUNT(options); i++) {
        if (word[1] == '-' ? strlen(options[i].name) == size - 2 &&
                                 memcmp(options[i].name, word + 2, size - 2) == 0
                           : size == 2 && options[i].letter == word[1])
            return &options[i];
    }
    return NULL;
}

/* Reads the option in argv[*at], and its value behind "=" or in the next word. */
static int parse_option(int argc, char **argv, int *at, struct tool_options *out)
{
    const char *word = argv[*at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t size = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct option *option = find_option(word, size);
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (option == NULL)
        return complain("there is no option", word);
    if (!option->has_value && value != NULL)
        return complain("this option takes no value", word);
    if (option->has_value && value == NULL) {
        if (*at + 1 >= argc)
            return complain("a value is missing behind", word);
        value = argv[++*at];
    }
    out->given |= UINT64_C(1) << option->id;
    return set_option(option->id, value, out);
}

static int set_words(char **words, unsigned count, struct tool_options *out)
{
    const struct command *command = NULL;
    char message[64];

    if (count == 0)
        return complain("a command is missing", "create, join, send, watch, ping, ticket or load");
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strcmp(commands[i].name, words[0]) == 0)
            command = &commands[i];
    }
    if (command == NULL)
        return complain("there is no command", words[0]);
    if (count - 1 < command->words_min) {
        snprintf(message, sizeof(message), "gsrelay %s%s", command->name, command->words);
        return complain("something is missing", message);
    }
    if (count - 1 > command->words_max) {
        snprintf(message, sizeof(message), "gsrelay %s%s takes no more words", command->name,
                 command->words);
        return complain(message, words[command->words_max + 1]);
    }
    out->command = command->command;
    out->code = count > 1 ? words[1] : NULL;
    out->words = words + 2;
    out->word_count = count > 2 ? count - 2 : 0;
    return 0;
}

static bool is_given(const struct tool_options *out, enum option_id id)
{
    return (out->given >> id & 1) != 0;
}

/* What is wrong with an option of that use; NULL: nothing. */
static const char *misuse(const struct tool_options *out, enum option_use use)
{
    if (out->command != TOOL_LOAD)
        return use == USE_LOAD ? "only load takes this option" : NULL;
    if (use == USE_TICKET && out->secret_file == NULL)
        return "load makes tickets only with --secret-file";
    return use == USE_NOT_LOAD ? "load does not take this option" : NULL;
}

static int check_use(const struct tool_options *out)
{
    for (size_t i = 0; i < COUNT(options); i++) {
        const char *wrong = misuse(out, options[i].use);

        if (wrong != NULL && is_given(out, options[i].id))
            return complain(wrong, options[i].name);
    }
    if (is_given(out, OPTION_CLOSED) && is_given(out, OPTION_RATE))
        return complain("members send when the last state has come, or at a rate",
                        "--closed with --rate");
    return 0;
}

static int check_together(const struct tool_options *out)
{
    if (out->is_retained && out->stream == 0)
        return complain("--retain needs a stream above 0", "add --stream 1");
    if (out->is_retained && out->to_group >= 0)
        return complain("only what goes to all can be retained", "--retain with --to-group");
    if (is_given(out, OPTION_ELECTION) && out->command != TOOL_CREATE)
        return complain("--election is for", "create");
    if (out->blob_file != NULL && out->command != TOOL_CREATE)
        return complain("only who makes the room can leave a file", "--blob without create");
    if (out->command == TOOL_TICKET && out->secret_file == NULL)
        return complain("ticket needs --secret-file", "the relay's auth.secret_file");
    if (out->command == TOOL_LOAD && out->load.rooms * out->load.members > LOAD_CLIENTS_MAX)
        return complain("rooms times members is more than one process can drive", "100000");
    if (out->command == TOOL_LOAD && out->ticket_file != NULL && out->secret_file != NULL)
        return complain("tickets are read or made", "--ticket-file with --secret-file");
    return check_use(out);
}

int options_parse(int argc, char **argv, struct tool_options *out)
{
    unsigned word_count = 0;
    bool has_options = true;

    *out = (struct tool_options){.host = "127.0.0.1", .port = 7777, .count = 4, .to_group = -1};
    out->lifetime_s = 3600;
    out->load = (struct tool_load){.rooms = 4,
                                   .members = 8,
                                   .rate_s = 20,
                                   .size = 100,
                                   .tick_ms = LOAD_TICK_DEFAULT,
                                   .duration_ms = 10000,
                                   .ramp_ms = 1000};
    /* Words move to the front of argv, options go. */
    for (int i = 1; i < argc; i++) {
        if (has_options && strcmp(argv[i], "--") == 0)
            has_options = false;
        else if (!has_options || argv[i][0] != '-' || argv[i][1] == '\0')
            argv[word_count++] = argv[i];
        else if (parse_option(argc, argv, &i, out) < 0)
            return -1;
    }
    if (out->command == TOOL_HELP || out->command == TOOL_VERSION)
        return 0;
    if (set_words(argv, word_count, out) < 0)
        return -1;
    /* Of states that go out all the time the newest is enough. */
    if (out->command == TOOL_LOAD && !is_given(out, OPTION_STREAM))
        out->stream = 1;
    return check_together(out);
}

bool options_words(const struct tool_options *from, char *out, size_t capacity, size_t *size_out)
{
    size_t size = 0;

    for (unsigned i = 0; i < from->word_count; i++) {
        size_t word_size = strlen(from->words[i]);

        if (size + word_size + 1 > capacity)
            return false;
        if (i > 0)
            out[size++] = ' ';
        memcpy(out + size, from->words[i], word_size);
        size += word_size;
    }
    *size_out = size;
    return true;
}
