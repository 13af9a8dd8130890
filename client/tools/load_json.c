/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <string.h>

#include "daemon/os/os.h"

#define VERDICT_MAX 600

/* One object on one line. Names stay as they are; new ones may come. */

static void print_times(const char *name, const struct histogram *histogram)
{
    printf(",\"%s\":{\"count\":%llu,\"mean_us\":%.3f,\"p50_us\":%.3f,\"p99_us\":%.3f,"
           "\"p999_us\":%.3f,\"max_us\":%.3f}",
           name, (unsigned long long)histogram->count, histogram_mean(histogram) / 1e3,
           (double)histogram_quantile(histogram, 0.5) / 1e3,
           (double)histogram_quantile(histogram, 0.99) / 1e3,
           (double)histogram_quantile(histogram, 0.999) / 1e3, (double)histogram->max / 1e3);
}

static void print_reasons(const struct load *load, const char *name,
                          const uint64_t counts[REASON_LIMIT])
{
    const char *comma = "";

    printf(",\"%s\":[", name);
    for (unsigned i = 0; i < REASON_LIMIT; i++) {
        const char *key = load_reason_key(load, i);

        if (counts[i] == 0)
            continue;
        printf("%s{\"reason\":\"%s\",\"count\":%llu,\"raise\":\"%s\"}", comma, reason_name(i),
               (unsigned long long)counts[i], key != NULL ? key : "");
        comma = ",";
    }
    printf("]");
}

static void print_plan(const struct load *load)
{
    const struct tool_load *plan = load->plan;
    char host[8 * TOOL_HOST_SIZE + 1];

    text_escape(load->options->host, strnlen(load->options->host, TOOL_HOST_SIZE), true, host);
    printf("{\"server\":\"%s\",\"port\":%u,\"rooms\":%u,\"members\":%u,\"mode\":\"%s\","
           "\"rate\":%u,\"size\":%u,\"stream\":%u,\"duration_ms\":%llu",
           host, load->options->port, plan->rooms, plan->members,
           plan->is_closed ? "closed" : "open", plan->is_closed ? 0 : plan->rate_s, plan->size,
           load->options->stream, (unsigned long long)plan->duration_ms);
    if (plan->tick_ms != LOAD_TICK_DEFAULT)
        printf(",\"tick_ms\":%u", plan->tick_ms);
}

static void print_traffic(const struct load *load)
{
    const struct load_tally *total = &load->total;
    const struct load_figures *figures = &load->figures;

    printf(",\"clients\":%u,\"joined\":%u,\"ready_at_end\":%u,\"seconds\":%.6f", load->count,
           figures->joined_count, figures->ready_count, (double)figures->seconds_ns / 1e9);
    printf(",\"sent\":%llu,\"expected\":%llu,\"delivered\":%llu,\"not_delivered\":%llu,"
           "\"held_back\":%llu,\"given_up\":%llu,\"lost_up\":%.6f,\"lost_down\":%.6f",
           (unsigned long long)total->sent, (unsigned long long)total->expected,
           (unsigned long long)total->delivered,
           (unsigned long long)(total->expected - total->delivered),
           (unsigned long long)total->over_budget, (unsigned long long)total->timeouts,
           figures->lost_up, figures->lost_down);
    print_times("latency", &total->latency);
    print_times("age", &total->age);
    print_times("late", &total->late);
}

static void print_cost(const struct load *load)
{
    const struct load_figures *figures = &load->figures;
    struct os_memory memory = {0};
    char why[8 * LOAD_WHY_SIZE + 1];

    if (os_memory_usage(&memory) < 0)
        memory = (struct os_memory){0};
    printf(",\"generator\":{\"cpu_seconds\":%.6f,\"memory_bytes\":%llu,\"kernel_drops\":%llu,"
           "\"send_full\":%llu}",
           (double)figures->own_cpu_ns / 1e9, (unsigned long long)memory.resident_bytes,
           (unsigned long long)figures->kernel_drops, (unsigned long long)figures->send_full);
    if (figures->has_relay) {
        printf(",\"relay\":{\"pid\":%u,\"cpu_seconds\":%.6f,\"memory_bytes\":%llu,"
               "\"peak_bytes\":%llu}",
               load->relay_pid, (double)figures->relay.cpu_ns / 1e9,
               (unsigned long long)figures->relay.resident_bytes,
               (unsigned long long)figures->relay.peak_bytes);
        return;
    }
    text_escape(figures->relay_why, strnlen(figures->relay_why, LOAD_WHY_SIZE), true, why);
    printf(",\"relay\":{\"not_measured\":\"%s\"}", why);
}

bool load_json_print(const struct load *load, int exit_code, const char *verdict)
{
    char text[8 * VERDICT_MAX + 1];

    print_plan(load);
    print_traffic(load);
    print_cost(load);
    print_reasons(load, "refused", load->refused);
    print_reasons(load, "lost", load->lost);
    print_reasons(load, "dropped", load->notices);
    text_escape(verdict, strnlen(verdict, VERDICT_MAX), true, text);
    return print_line(",\"interrupted\":%s,\"exit_code\":%d,\"verdict\":\"%s\"}",
                      load->is_interrupted ? "true" : "false", exit_code, text);
}
