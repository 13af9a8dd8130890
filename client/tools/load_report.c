/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <stdarg.h>
#include <string.h>

#include "daemon/os/os.h"

/* Above that the generator measures itself. */
#define BUSY_SHARE 0.85

/* A sender that comes so late has had to wait for the processor. */
#define LATE_NS (5 * NS_PER_MS)

/* What the relay allows by default is for players; a load is many players at one address. */
static const struct {
    unsigned reason;
    const char *key;
} keys[] = {
    {REASON_CLIENT_DATAGRAMS, "limits.client_datagrams_s"},
    {REASON_CLIENT_BYTES, "limits.client_bytes_s"},
    {REASON_CLIENT_RECORDS, "limits.client_records_s"},
    {REASON_ROOM_DELIVERIES, "limits.room_deliveries_s"},
    {REASON_ROOM_BYTES, "limits.room_bytes_s"},
    {REASON_STREAM_LIMIT, "limits.streams_per_member"},
    {REASON_CELL_POOL, "limits.max_clients"},
    {REASON_CHALLENGE_LIMIT, "udp.challenge_per_ip_s"},
    {REASON_BIND_TIMEOUT, "udp.challenge_per_ip_s"},
    {REASON_BUSY, "control.connections_per_ip, control.accepts_per_ip_s or limits.max_clients"},
    {REASON_CONNECTION_CLOSED, "control.connections_per_ip or control.accepts_per_ip_s"},
    {REASON_CONNECTION_LOST, "control.connections_per_ip or control.accepts_per_ip_s"},
    {REASON_CONNECTIONS_PER_IP, "control.connections_per_ip"},
    {REASON_ACCEPTS_PER_IP, "control.accepts_per_ip_s"},
    {REASON_PREAUTH_FULL, "control.preauth_max"},
    {REASON_CLIENTS_LIMIT, "limits.max_clients"},
    {REASON_ROOMS_LIMIT, "limits.max_rooms"},
    {REASON_ROOM_RATE, "limits.rooms_created_per_minute"},
    {REASON_ROOM_FULL, "limits.clients_per_room"},
    {REASON_BAD_VALUE, "limits.clients_per_room or room.tick_max"},
    {REASON_COMMAND_RATE, "control.commands_per_s"},
    {REASON_OVER_LIMIT, "limits.client_datagrams_s"},
};

/* The relay compares the members first, and the limit of a tick is in microseconds. */
static bool is_room_too_large(const struct load *load)
{
    return load->is_room_refused && load->room_limit > 0 && load->plan->members > load->room_limit;
}

static bool is_tick_too_long(const struct load *load)
{
    return load->is_room_refused && load->room_limit > 0 && !is_room_too_large(load) &&
           load->plan->tick_ms != LOAD_TICK_DEFAULT &&
           (uint64_t)load->plan->tick_ms * 1000 > load->room_limit;
}

const char *load_reason_key(const struct load *load, unsigned reason)
{
    if (reason == REASON_BAD_VALUE && is_room_too_large(load))
        return "limits.clients_per_room";
    if (reason == REASON_BAD_VALUE && is_tick_too_long(load))
        return "room.tick_max";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].reason == reason)
            return keys[i].key;
    }
    return NULL;
}

/* --- The live view --------------------------------------------------------------------------- */

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* One line to standard error, over the last one on a terminal. */
static void show(const struct load *load, const char *format, ...) GSRELAY_PRINTF(2, 3);
static void show(const struct load *load, const char *format, ...)
{
    va_list arguments;

    if (load->options->is_quiet)
        return;
    va_start(arguments, format);
    if (load->is_terminal)
        fputs("\r", stderr);
    vfprintf(stderr, format, arguments);
    fputs(load->is_terminal ? "\x1B[K" : "\n", stderr);
    fflush(stderr);
    va_end(arguments);
}

/* What comes next begins on a line of its own. */
static void end_line(const struct load *load)
{
    if (load->is_terminal && !load->options->is_quiet)
        fputs("\r\x1B[K", stderr);
}

#define SERVER_TEXT_SIZE (TOOL_HOST_SIZE + 16)

static void server_text(const struct load *load, char out[SERVER_TEXT_SIZE])
{
    const bool is_ipv6 = strchr(load->options->host, ':') != NULL;

    snprintf(out, SERVER_TEXT_SIZE, is_ipv6 ? "[%s]:%u" : "%s:%u", load->options->host,
             load->options->port);
}

void load_report_begin(const struct load *load)
{
    const struct tool_load *plan = load->plan;
    char rate[64] = "as fast as states come back";
    char server[SERVER_TEXT_SIZE];

    if (load->options->is_quiet)
        return;
    if (!plan->is_closed)
        snprintf(rate, sizeof(rate), "%u states a second each", plan->rate_s);
    server_text(load, server);
    say("%s: %u rooms of %u, %s, %u bytes on stream %u, %.1f s", server, plan->rooms, plan->members,
        rate, plan->size, load->options->stream, (double)plan->duration_ms / 1000);
}

void load_report_ready(const struct load *load, uint64_t now_ns)
{
    end_line(load);
    if (load->ready_count < load->count)
        say("only %u of %u members are in; going on with them", load->ready_count, load->count);
    else if (!load->options->is_quiet)
        say("all %u members are in, after %.1f s", load->count, ms(now_ns - load->begin_ns) / 1000);
}

/* Why those who are not in are not: the key that the last one met, the first where there are
 * several, so that the line keeps to its width; the report names all. */
void load_report_why(const struct load *load, char out[LOAD_LIVE_WHY_SIZE])
{
    const char *key = load_reason_key(load, load->last_refused);

    out[0] = '\0';
    if (load->last_refused == 0)
        return;
    if (key == NULL)
        key = reason_name(load->last_refused);
    snprintf(out, LOAD_LIVE_WHY_SIZE, "; see %.*s", (int)strcspn(key, ", "), key);
}

void load_report_second(struct load *load, uint64_t now_ns, uint64_t second_ns, uint64_t own_cpu_ns,
                        uint64_t relay_cpu_ns)
{
    struct load_tally *second = &load->second;
    const double seconds = (double)second_ns / 1e9;
    char relay[32] = "";

    if (load->phase == LOAD_RAMP) {
        char why[LOAD_LIVE_WHY_SIZE];

        load_report_why(load, why);
        show(load, "%5.1f s  %u of %u members are in%s", ms(now_ns - load->begin_ns) / 1000,
             load->ready_count, load->count, why);
        return;
    }
    if (relay_cpu_ns > 0)
        snprintf(relay, sizeof(relay), ", relay %.0f %%", 100 * share(relay_cpu_ns, second_ns));
    /* Eighty columns: what is longer would not be written over. */
    show(load, "%5.1f s %u in, sent %.0f/s, got %.0f/s, p50 %.1f p99 %.1f ms, own %.0f %%%s",
         now_ns > load->run_ns ? ms(now_ns - load->run_ns) / 1000 : 0, load->ready_count,
         (double)second->sent / seconds, (double)second->delivered / seconds,
         ms(histogram_quantile(&second->latency, 0.5)),
         ms(histogram_quantile(&second->latency, 0.99)), 100 * share(own_cpu_ns, second_ns), relay);
    memset(second, 0, sizeof(*second));
}

/* --- The verdict ----------------------------------------------------------------------------- */

static uint64_t sum_of(const uint64_t counts[REASON_LIMIT])
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < REASON_LIMIT; i++)
        sum += counts[i];
    return sum;
}

static int no_relay(const struct load *load, char *out, size_t size)
{
    const char *what = load->connect_failure == NET_CLOSE_RESET
                           ? "nobody listens there; is gsrelayd running?"
                           : "no way there, or no answer";
    char server[SERVER_TEXT_SIZE];

    server_text(load, server);
    if (load->needs_ticket)
        snprintf(out, size, "the relay wants tickets: give it --secret-file, or --ticket-file");
    else if (load->connect_failure == NET_CLOSE_NONE)
        snprintf(out, size, "the relay let nobody in");
    else
        snprintf(out, size, "could not connect to %s: %s", server, what);
    return TOOL_NO_RELAY;
}

static int no_room(const struct load *load, char *out, size_t size)
{
    const char *key = load_reason_key(load, REASON_BAD_VALUE);

    if (is_room_too_large(load))
        snprintf(out, size, "the relay makes no room of %u members, %u at most; raise %s",
                 load->plan->members, load->room_limit, key);
    else if (is_tick_too_long(load))
        snprintf(out, size,
                 "the relay makes no room with a tick of %u ms, %.0f ms at most; "
                 "raise %s",
                 load->plan->tick_ms, load->room_limit / 1000.0, key);
    else
        snprintf(out, size, "the relay makes no such room: %s; raise %s",
                 reason_text(REASON_BAD_VALUE), key);
    return TOOL_REFUSED;
}

int load_verdict(const struct load *load, char *out, size_t size)
{
    const struct load_figures *figures = &load->figures;

    if (load->is_gone) {
        if (load->arrived_ns > load->run_ns)
            snprintf(out, size, "the relay went away: no state came after %.1f s of the run",
                     ms(load->arrived_ns - load->run_ns) / 1000);
        else
            snprintf(out, size, "the relay went away before any state came");
        return TOOL_NO_RELAY;
    }
    if (load->is_interrupted && load->run_ns == 0) {
        snprintf(out, size,
                 "interrupted while members came in: %u of %u were in, and nothing was sent",
                 figures->joined_count, load->count);
        return TOOL_DONE;
    }
    if (!load->had_session && !load->is_interrupted)
        return no_relay(load, out, size);
    if (load->is_room_refused)
        return no_room(load, out, size);
    if (figures->joined_count < load->count) {
        snprintf(out, size,
                 "%u of %u members were not let in, so this is another load than was "
                 "asked for",
                 load->count - figures->joined_count, load->count);
        return TOOL_REFUSED;
    }
    if (load->is_too_large) {
        snprintf(out, size, "nothing was sent");
        return TOOL_USAGE;
    }
    if (load->run_ns == 0 && !load->is_interrupted) {
        snprintf(out, size, "nothing was sent");
        return TOOL_REFUSED;
    }
    if (figures->ready_count < figures->joined_count) {
        snprintf(out, size, "%u of %u members were lost on the way",
                 figures->joined_count - figures->ready_count, figures->joined_count);
        return TOOL_REFUSED;
    }
    if (load->total.expected > 0 && load->total.delivered == 0) {
        snprintf(out, size, "nothing of what was sent arrived");
        return TOOL_REFUSED;
    }
    snprintf(out, size,
             load->is_interrupted ? "interrupted; the figures are of the time before" : "done");
    return TOOL_DONE;
}

/* --- The report ------------------------------------------------------------------------------ */

static void print_reasons(const struct load *load, const char *what,
                          const uint64_t counts[REASON_LIMIT])
{
    for (unsigned i = 0; i < REASON_LIMIT; i++) {
        const char *key = load_reason_key(load, i);

        if (counts[i] > 0)
            print_line("%-16s%llu times: %s%s%s", what, (unsigned long long)counts[i],
                       reason_text(i), key != NULL ? "; raise " : "", key != NULL ? key : "");
    }
}

static void print_times(const char *what, const struct histogram *histogram, const char *remark)
{
    if (histogram->count > 0)
        print_line("%-16sp50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, most %.3f ms%s", what,
                   ms(histogram_quantile(histogram, 0.5)), ms(histogram_quantile(histogram, 0.99)),
                   ms(histogram_quantile(histogram, 0.999)), ms(histogram->max), remark);
}

static void print_traffic(const struct load *load)
{
    const struct load_tally *total = &load->total;
    const double seconds = ms(load->figures.seconds_ns) / 1000;
    const uint64_t missing = total->expected - total->delivered;

    print_line("%-16s%llu states, %.0f a second", "sent", (unsigned long long)total->sent,
               seconds > 0 ? (double)total->sent / seconds : 0);
    print_line("%-16s%llu of %llu deliveries, %.0f a second", "delivered",
               (unsigned long long)total->delivered, (unsigned long long)total->expected,
               seconds > 0 ? (double)total->delivered / seconds : 0);
    print_line("%-16s%llu (%.3f %%), superseded by newer ones or lost", "not delivered",
               (unsigned long long)missing, 100 * share(missing, total->expected));
    print_line("%-16s%.3f %% up, %.3f %% down, of datagrams, as relay and members count them",
               "lost", 100 * load->figures.lost_up, 100 * load->figures.lost_down);
    print_times("latency", &total->latency,
                load->plan->is_closed ? "" : ", from when it was to be sent");
    print_times("age", &total->age, ", of the state before, when the next one came");
    if (load->plan->is_closed && total->timeouts > 0)
        print_line("%-16s%llu states did not come back in 250 ms", "given up",
                   (unsigned long long)total->timeouts);
}

static void print_cost(const struct load *load)
{
    const struct load_figures *figures = &load->figures;
    struct os_memory memory = {0};
    const uint64_t states = load->total.delivered > 0 ? load->total.delivered : 1;

    if (figures->has_relay)
        print_line("%-16s%.2f CPU seconds (%.0f %% of a core), %.0f ns a delivered state; memory "
                   "%.1f MiB, at most %.1f MiB",
                   "relay", (double)figures->relay.cpu_ns / 1e9,
                   100 * share(figures->relay.cpu_ns, figures->seconds_ns),
                   (double)figures->relay.cpu_ns / (double)states,
                   (double)figures->relay.resident_bytes / 1048576,
                   (double)figures->relay.peak_bytes / 1048576);
    else
        print_line("%-16snot measured (%s)", "relay", figures->relay_why);
    if (os_memory_usage(&memory) == 0)
        print_line("%-16s%.2f CPU seconds (%.0f %% of a core); memory %.1f MiB", "generator",
                   (double)figures->own_cpu_ns / 1e9,
                   100 * share(figures->own_cpu_ns, figures->seconds_ns),
                   (double)memory.resident_bytes / 1048576);
}

/* What makes the figures say less than they seem to. */
static void print_warnings(const struct load *load)
{
    const struct load_figures *figures = &load->figures;

    if (share(figures->own_cpu_ns, figures->seconds_ns) > BUSY_SHARE)
        print_line("%-16sthe generator was busy: these figures are about it, not about the relay",
                   "warning");
    if (histogram_quantile(&load->total.late, 0.99) > LATE_NS)
        print_line(
            "%-16sthis machine was busy: a state in a hundred was sent %.1f ms late or more, which "
            "its latency counts",
            "warning", ms(histogram_quantile(&load->total.late, 0.99)));
    if (figures->kernel_drops > 0)
        print_line("%-16sthis machine dropped %llu datagrams that the generator was too slow for",
                   "warning", (unsigned long long)figures->kernel_drops);
    if (figures->send_full > 0)
        print_line("%-16sthis machine took %llu datagrams less than were sent", "warning",
                   (unsigned long long)figures->send_full);
    if (load->total.over_budget > 0)
        print_line(
            "%-16s%llu states were held back: the relay allows a member less a second; raise "
            "limits.client_datagrams_s, _bytes_s and _records_s",
            "warning", (unsigned long long)load->total.over_budget);
}

int load_report_end(struct load *load)
{
    char verdict[256];
    int exit_code = load_verdict(load, verdict, sizeof(verdict));

    end_line(load);
    if (load->options->is_json) {
        if (!load_json_print(load, exit_code, verdict))
            exit_code = TOOL_REFUSED;
    } else if (load->run_ns != 0) {
        print_line("%-16s%u of %u at the start, %u at the end", "members",
                   load->figures.joined_count, load->count, load->figures.ready_count);
        print_traffic(load);
        print_cost(load);
        print_warnings(load);
    }
    if (!load->options->is_json) {
        if (load->run_ns == 0 && load->is_interrupted)
            print_line("%-16s%u of %u so far", "members", load->figures.joined_count, load->count);
        print_reasons(load, "refused", load->refused);
        print_reasons(load, "lost", load->lost);
        print_reasons(load, "dropped", load->notices);
    }
    if (exit_code != TOOL_DONE || load->is_interrupted || sum_of(load->notices) > 0)
        say("%s", verdict);
    return exit_code;
}
