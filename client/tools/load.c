/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "client/socket_os.h"
#include "daemon/os/os.h"

/* Files of the process itself, the two waits, the sockets for datagrams. */
#define HANDLES_BESIDE 64

/* From the word to go until the first state, so that all begin together. */
#define RUN_DELAY_NS (50 * NS_PER_MS)

/* What is under way at the end gets that long, and a room's longest tick. */
#define SETTLE_NS (1 * NS_PER_S)

/* Without anybody new for that long, those who are not in do not get in. */
#define PATIENCE_NS (10 * NS_PER_S)

/* A relay that had no session of ours for that long in the run is gone. */
#define GONE_NS (2 * NS_PER_S)

/* How long a polite end may take. */
#define LEAVE_NS (3 * NS_PER_S)

/* The longest sleep, in which nobody looks at the connections. */
#define SLEEP_JOINING_NS (1 * NS_PER_MS)
#define SLEEP_RUNNING_NS (5 * NS_PER_MS)

uint64_t load_handles_needed(uint32_t count)
{
    return (uint64_t)count + HANDLES_BESIDE;
}

/* splitmix64, as in net_fake.c: it only spreads things in time. */
uint64_t load_random(struct load *load, uint64_t limit)
{
    uint64_t value = load->random += UINT64_C(0x9E3779B97F4A7C15);

    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return (value ^ value >> 31) % limit;
}

/* --- Starting -------------------------------------------------------------------------------- */

static uint64_t real_clock(void *context)
{
    (void)context;
    return os_clock_ns();
}

static int fail(struct load *load, int exit_code, const char *format, ...) GSRELAY_PRINTF(3, 4);
static int fail(struct load *load, int exit_code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(load->failure, sizeof(load->failure), format, arguments);
    va_end(arguments);
    say("%s", load->failure);
    return exit_code;
}

static int find_server(struct load *load)
{
    const struct tool_options *options = load->options;
    char text[SOCKET_OS_TEXT_SIZE];
    int error = 0;

    if (socket_os_start(&error) < 0) {
        return fail(load, TOOL_NO_RELAY, "the system's sockets do not start: %s",
                    socket_os_error_text(error, text));
    }
    if (socket_os_resolve(options->host, options->port, &load->server, 1, text) > 0)
        return TOOL_DONE;
    return fail(load, TOOL_NO_RELAY, "could not find %s: %s", options->host, text);
}

static int check_handles(struct load *load)
{
    const uint32_t count = load->count;
    const uint64_t needed = load_handles_needed(count);
    const uint64_t allowed = os_file_limit_raise(needed);

    if (allowed >= needed)
        return TOOL_DONE;
    return fail(
        load, TOOL_USAGE,
        "%u clients need %llu open files, and the system allows this process %llu: raise its hard "
        "limit to %llu (ulimit -Hn %llu as root, or LimitNOFILE= of a unit)",
        count, (unsigned long long)needed, (unsigned long long)allowed, (unsigned long long)needed,
        (unsigned long long)needed);
}

static void wake_up(void *context)
{
    const struct load *load = context;

    net_udp_wake(load->wire->udp);
}

static int open_load(struct load *load)
{
    struct net_failure failure = {0};
    int result = find_server(load);

    if (result == TOOL_DONE)
        result = check_handles(load);
    if (result != TOOL_DONE)
        return result;
    if (load_wire_open(&load->server, load->count, NULL, &load->wire, &failure) < 0) {
        return fail(load, TOOL_NO_RELAY, "could not %s: %s", failure.step, failure.text);
    }
    net_udp_set_precise(load->wire->udp, true);
    os_random_fill(&load->random, sizeof(load->random));
    load->begin_ns = load->clock(load->clock_context);
    load->progress_ns = load->begin_ns;
    load->connected_ns = load->begin_ns;
    result = load_members_open(load);
    if (result == TOOL_DONE && os_requests_open(wake_up, load) < 0) {
        return fail(load, TOOL_NO_RELAY, "the system does not let us wait for Ctrl+C");
    }
    load->has_requests = result == TOOL_DONE;
    return result;
}

static void close_load(struct load *load)
{
    if (load->has_requests)
        os_requests_close();
    load_members_close(load);
    load_wire_close(load->wire);
    socket_os_stop();
}

/* --- The course of it ------------------------------------------------------------------------ */

static uint64_t relay_cpu_ns(const struct load *load)
{
    struct load_usage usage;
    char why[LOAD_WHY_SIZE];

    if (load->relay_pid == 0 || load_relay_usage(load->relay_pid, &usage, why) < 0)
        return 0;
    return usage.cpu_ns;
}

static void find_relay(struct load *load)
{
    struct load_figures *figures = &load->figures;

    load->relay_pid = load->plan->pid;
    if (load->relay_pid == 0)
        load->relay_pid = load_relay_find(&load->server, figures->relay_why);
    if (load->relay_pid == 0)
        return;
    figures->has_relay =
        load_relay_usage(load->relay_pid, &figures->relay, figures->relay_why) == 0;
    if (!figures->has_relay)
        load->relay_pid = 0;
}

/* The largest state that a datagram of this relay carries has to be known from a member. */
static bool fits(struct load *load)
{
    for (uint32_t i = 0; i < load->count; i++) {
        size_t most;

        if (load->members[i].state != LOAD_READY)
            continue;
        most = gsrelay_payload_max(load->members[i].client, 0);
        if (load->plan->size <= most)
            return true;
        load->is_too_large = true;
        say("--size %u is more than a state of this relay can have (%zu, by its udp.max_datagram)",
            load->plan->size, most);
        return false;
    }
    return true;
}

static void begin_run(struct load *load, uint64_t now_ns)
{
    struct net_udp_counters counters;

    load->phase = LOAD_RUN;
    load->run_ns = now_ns + RUN_DELAY_NS;
    load->end_ns = load->run_ns + load->plan->duration_ms * NS_PER_MS;
    load->connected_ns = now_ns;
    find_relay(load);
    net_udp_counters(load->wire->udp, &counters);
    load->figures.kernel_drops = counters.kernel_drops;
    load->figures.send_full = counters.send_would_block;
    load->figures.own_cpu_ns = os_cpu_time_ns();
    load->second_ns = now_ns;
    load->second_own_ns = load->figures.own_cpu_ns;
    load->second_relay_ns = load->figures.relay.cpu_ns;
    load_traffic_begin(load, load->run_ns);
}

static double mean_loss(const struct load *load, bool is_up)
{
    uint64_t sum_ppm = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < load->count; i++) {
        struct gsrelay_stats stats;

        if (load->members[i].state != LOAD_READY)
            continue;
        gsrelay_get_stats(load->members[i].client, &stats);
        sum_ppm += is_up ? stats.loss_up_ppm : stats.loss_down_ppm;
        count++;
    }
    return count > 0 ? (double)sum_ppm / count / 1e6 : 0;
}

/* No state is sent any more: what the run took is known. */
static void end_run(struct load *load, uint64_t now_ns)
{
    struct load_figures *figures = &load->figures;
    const uint64_t cpu_before_ns = figures->relay.cpu_ns;

    load_traffic_end(load);
    load->phase = LOAD_SETTLE;
    load->settle_ns = now_ns + SETTLE_NS;
    figures->seconds_ns = now_ns > load->run_ns ? now_ns - load->run_ns : 0;
    figures->own_cpu_ns = os_cpu_time_ns() - figures->own_cpu_ns;
    if (figures->has_relay &&
        load_relay_usage(load->relay_pid, &figures->relay, figures->relay_why) < 0)
        figures->has_relay = false;
    figures->relay.cpu_ns -= cpu_before_ns;
}

static void settle(struct load *load, uint64_t now_ns)
{
    struct load_figures *figures = &load->figures;
    struct net_udp_counters counters;

    if (now_ns < load->settle_ns && load->total.delivered < load->total.expected &&
        !load->is_interrupted && !load->is_gone)
        return;
    net_udp_counters(load->wire->udp, &counters);
    figures->kernel_drops = counters.kernel_drops - figures->kernel_drops;
    figures->send_full = counters.send_would_block - figures->send_full;
    figures->lost_up = mean_loss(load, true);
    figures->lost_down = mean_loss(load, false);
    figures->ready_count = load->ready_count;
    load->leave_ns = now_ns + LEAVE_NS;
    load_members_leave(load, now_ns);
}

/* Whether those who are not in yet may still come. */
static bool is_ramp_over(const struct load *load, uint64_t now_ns)
{
    if (load->ready_count + load->lost_count == load->count || load->needs_ticket ||
        load->is_room_refused)
        return true;
    /* Nobody is there at all: no use in trying on. */
    if (!load->had_session && load->connect_failure != NET_CLOSE_NONE)
        return true;
    return now_ns > load->progress_ns + PATIENCE_NS &&
           now_ns > load->begin_ns + load->plan->ramp_ms * NS_PER_MS + PATIENCE_NS;
}

static void step_phase(struct load *load, uint64_t now_ns)
{
    if (load->session_count > 0)
        load->connected_ns = now_ns;
    switch (load->phase) {
    case LOAD_RAMP:
        if (load->is_interrupted || is_ramp_over(load, now_ns)) {
            load->figures.joined_count = load->ready_count;
            if (load->is_interrupted || load->is_room_refused || load->ready_count == 0 ||
                !fits(load)) {
                load->leave_ns = now_ns + LEAVE_NS;
                load_members_leave(load, now_ns);
            } else {
                load_report_ready(load, now_ns);
                begin_run(load, now_ns);
            }
        }
        break;
    case LOAD_RUN:
        if (now_ns > load->connected_ns + GONE_NS ||
            (load->ready_count == 0 && load->lost[REASON_SHUTDOWN] > 0))
            load->is_gone = true;
        if (now_ns >= load->end_ns || load->ready_count == 0 || load->is_interrupted ||
            load->is_gone)
            end_run(load, now_ns);
        break;
    case LOAD_SETTLE:
        settle(load, now_ns);
        break;
    case LOAD_LEAVE:
        break;
    }
}

static void step_second(struct load *load, uint64_t now_ns)
{
    uint64_t own_ns;
    uint64_t relay_ns;

    if (load->phase == LOAD_LEAVE || now_ns < load->second_ns + NS_PER_S)
        return;
    own_ns = os_cpu_time_ns();
    relay_ns = load->phase == LOAD_RAMP ? 0 : relay_cpu_ns(load);
    load_report_second(load, now_ns, now_ns - load->second_ns, own_ns - load->second_own_ns,
                       relay_ns > load->second_relay_ns ? relay_ns - load->second_relay_ns : 0);
    load->second_ns = now_ns;
    load->second_own_ns = own_ns;
    load->second_relay_ns = relay_ns;
}

static uint64_t sleep_ns(const struct load *load, uint64_t now_ns)
{
    const uint64_t next_ns = timer_next(&load->timers);
    const uint64_t longest_ns =
        load->phase == LOAD_RUN || load->phase == LOAD_SETTLE ? SLEEP_RUNNING_NS : SLEEP_JOINING_NS;

    if (next_ns <= now_ns)
        return 0;
    return next_ns - now_ns < longest_ns ? next_ns - now_ns : longest_ns;
}

static void run_to_the_end(struct load *load)
{
    uint64_t now_ns = load->begin_ns;
    uint32_t index;

    load->second_ns = now_ns;
    load->second_own_ns = os_cpu_time_ns();
    while (load->phase != LOAD_LEAVE ||
           (load->ended_count < load->count && now_ns < load->leave_ns && !load->is_gone)) {
        load_members_receive(load, sleep_ns(load, now_ns));
        now_ns = load->clock(load->clock_context);
        while (timer_take_due(&load->timers, now_ns, &index))
            load_member_step(load, index, now_ns);
        /* Once all leave, it is known what it came to. */
        if ((os_requests_take() & OS_REQUEST_STOP) != 0 && load->phase != LOAD_LEAVE)
            load->is_interrupted = true;
        step_phase(load, now_ns);
        step_second(load, now_ns);
    }
}

int load_run(const struct tool_options *options)
{
    struct load *load = calloc(1, sizeof(*load));
    int result;

    if (load == NULL) {
        say("there is not enough memory");
        return TOOL_USAGE;
    }
    load->options = options;
    load->plan = &options->load;
    load->count = load->plan->rooms * load->plan->members;
    load->clock = real_clock;
    load->is_terminal = os_stderr_is_terminal();
    snprintf(load->figures.relay_why, LOAD_WHY_SIZE, "the run did not begin");
    snprintf(load->failure, sizeof(load->failure), "the run did not begin");
    result = open_load(load);
    if (result == TOOL_DONE) {
        load_report_begin(load);
        run_to_the_end(load);
        result = load_report_end(load);
    } else if (options->is_json) {
        (void)load_json_print(load, result, load->failure);
    }
    close_load(load);
    free(load);
    return result;
}
