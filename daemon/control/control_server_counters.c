/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server_internal.h"
#include "daemon/os/os.h"

#include "proto/datagram.h"

#include <stdio.h>

/* A counter that has not moved is left out where there are many of its kind: types and reasons. */

static const char *const type_names[CORE_TYPES] = {
    [DATAGRAM_DATA] = "data",       [DATAGRAM_BIND] = "bind",   [DATAGRAM_CHALLENGE] = "challenge",
    [DATAGRAM_CONFIRM] = "confirm", [DATAGRAM_BOUND] = "bound", [DATAGRAM_PING] = "ping",
    [DATAGRAM_PONG] = "pong",       [DATAGRAM_BYE] = "bye",     [DATAGRAM_PROBE] = "probe",
};

static void add_types(struct log_line *line, const char *what, const uint64_t counts[CORE_TYPES])
{
    for (unsigned type = 0; type < CORE_TYPES; type++) {
        char key[40];
        if (counts[type] != 0 && type_names[type] != NULL) {
            (void)snprintf(key, sizeof(key), "%s_%s", what, type_names[type]);
            log_u64(line, key, counts[type]);
        }
    }
}

static void add_reasons(struct log_line *line, const char *what,
                        const uint64_t counts[REASON_LIMIT])
{
    for (unsigned reason = 0; reason < REASON_LIMIT; reason++) {
        char key[48];
        if (counts[reason] != 0) {
            (void)snprintf(key, sizeof(key), "%s_%s", what, reason_name(reason));
            log_u64(line, key, counts[reason]);
        }
    }
}

static struct log_line *begin(struct log *log, const char *scope)
{
    struct log_line *line = log_begin(log, LOG_EVENT_COUNTERS);

    log_text(line, "scope", scope);
    return line;
}

/* The three ledgers of core/counters.h, so that a reader can add them up. */
static void add_ledgers(struct log_line *line, const struct core_counters *core)
{
    log_u64(line, "datagrams_received", core->datagrams_received);
    add_types(line, "handled", core->datagrams_handled);
    log_u64(line, "records_read", core->records_read);
    log_u64(line, "records_admitted", core->records_admitted);
    log_u64(line, "deliveries_made", core->deliveries_made);
    log_u64(line, "deliveries_sent", core->deliveries_sent);
    log_u64(line, "deliveries_superseded", core->deliveries_superseded);
    log_u64(line, "deliveries_waiting", core->deliveries_waiting);
    log_u64(line, "deliveries_replayed", core->deliveries_replayed);
    add_reasons(line, "dropped", core->dropped);
}

static void log_core(struct log *log, unsigned worker, const struct link_snapshot *snapshot)
{
    const struct core_counters *core = &snapshot->core;
    struct log_line *line = begin(log, "worker");

    log_u64(line, "worker", worker);
    add_ledgers(line, core);
    log_u64(line, "bytes_received", core->bytes_received);
    log_u64(line, "bytes_sent", core->bytes_sent);
    add_types(line, "sent", core->datagrams_sent);
    log_u64(line, "challenges_withheld", core->challenges_withheld);
    log_u64(line, "path_moves", core->path_moves);
    log_u64(line, "hosts_deposed", core->hosts_deposed);
    log_u64(line, "retained_repairs", core->retained_repairs);
    log_u64(line, "retained_inherited", core->retained_inherited);
    log_u64(line, "retained_beyond_bound", core->retained_beyond_bound);
    log_u64(line, "flushes", core->flushes);
    log_u64(line, "flushes_lengthened", core->flushes_lengthened);
    log_u64(line, "auto_tick_us", core->auto_tick_us);
    log_u64(line, "auto_tick_us_max", core->auto_tick_us_max);
    log_u64(line, "auto_tick_raised", core->auto_tick_raised);
    log_u64(line, "receivers_held", core->receivers_held);
    log_u64(line, "flush_late_us_max", core->flush_late_ns_max / 1000);
    log_u64(line, "slots", core->slots_in_use);
    log_u64(line, "slots_bound", core->slots_bound);
    log_u64(line, "rooms", core->rooms_in_use);
    log_u64(line, "cells", core->cells_in_use);
    log_u64(line, "cells_max", core->cells_in_use_max);
    log_u64(line, "turns", snapshot->turns);
    log_u64(line, "turns_bounded", snapshot->turns_bounded);
    log_u64(line, "events_withheld", snapshot->events_withheld);
    log_end(log);
}

/* PREFIX_N: how many were below N µs and not below half of that; PREFIX_more: all longer ones. */
static void add_bins(struct log_line *line, const char *prefix, const uint64_t bins[QUALITY_BINS],
                     unsigned shift)
{
    for (unsigned bin = 0; bin < QUALITY_BINS; bin++) {
        char key[40];
        if (bins[bin] == 0) {
            continue;
        }
        if (bin == QUALITY_BINS - 1) {
            (void)snprintf(key, sizeof(key), "%s_more", prefix);
        } else {
            (void)snprintf(key, sizeof(key), "%s_%u", prefix, 1U << (bin + shift));
        }
        log_u64(line, key, bins[bin]);
    }
}

static void log_latency(struct log *log, unsigned worker, const struct core_counters *core)
{
    struct log_line *line = begin(log, "latency");

    log_u64(line, "worker", worker);
    add_bins(line, "queue_us", core->queue_times, QUALITY_QUEUE_SHIFT);
    log_u64(line, "queue_us_max", core->queue_ns_max / 1000);
    add_bins(line, "rtt_us", core->rtts, QUALITY_RTT_SHIFT);
    add_bins(line, "jitter_us", core->jitters, QUALITY_QUEUE_SHIFT);
    log_u64(line, "path_up_sent", core->path_up_sent);
    log_u64(line, "path_up_received", core->path_up_received);
    log_u64(line, "path_down_sent", core->path_down_sent);
    log_u64(line, "path_down_received", core->path_down_received);
    log_end(log);
}

static void log_udp(struct log *log, unsigned worker, const struct net_udp_counters *net)
{
    struct log_line *line = begin(log, "udp");

    log_u64(line, "worker", worker);
    log_u64(line, "received_datagrams", net->received_datagrams);
    log_u64(line, "received_bytes", net->received_bytes);
    log_u64(line, "received_oversize", net->received_oversize);
    log_u64(line, "receive_peer_errors", net->receive_peer_errors);
    log_u64(line, "receive_errors", net->receive_errors);
    log_u64(line, "kernel_drops", net->kernel_drops);
    log_u64(line, "arm_failures", net->arm_failures);
    log_u64(line, "backoffs", net->backoffs);
    log_u64(line, "sent_datagrams", net->sent_datagrams);
    log_u64(line, "sent_bytes", net->sent_bytes);
    log_u64(line, "sent_segmented", net->sent_segmented);
    log_u64(line, "segment_refusals", net->segment_refusals);
    log_u64(line, "send_would_block", net->send_would_block);
    log_u64(line, "send_refused", net->send_refused);
    log_u64(line, "send_peer_errors", net->send_peer_errors);
    log_u64(line, "send_errors", net->send_errors);
    log_u64(line, "wakes", net->wakes);
    log_end(log);
}

void control_server_log_worker(struct log *log, unsigned worker,
                               const struct link_snapshot *snapshot)
{
    log_core(log, worker, snapshot);
    log_latency(log, worker, &snapshot->core);
    log_udp(log, worker, &snapshot->net);
}

static void log_tcp(struct log *log, const struct net_tcp *net)
{
    struct net_tcp_counters tcp;
    struct log_line *line = begin(log, "tcp");

    net_tcp_counters(net, &tcp);
    log_u64(line, "accepted", tcp.accepted);
    log_u64(line, "accept_aborted", tcp.accept_aborted);
    log_u64(line, "accept_errors", tcp.accept_errors);
    log_u64(line, "accept_backoffs", tcp.accept_backoffs);
    log_u64(line, "accept_pauses", tcp.accept_pauses);
    log_u64(line, "bytes_read", tcp.bytes_read);
    log_u64(line, "bytes_sent", tcp.bytes_sent);
    log_u64(line, "write_ring_full", tcp.write_ring_full);
    log_u64(line, "write_pool_empty", tcp.write_pool_empty);
    log_u64(line, "closed_finished", tcp.closed_finished);
    log_u64(line, "closed_reset", tcp.closed_reset);
    log_u64(line, "closed_timeout", tcp.closed_timeout);
    log_u64(line, "closed_error", tcp.closed_error);
    log_u64(line, "closed_by_owner", tcp.closed_by_owner);
    log_u64(line, "linger_expired", tcp.linger_expired);
    log_u64(line, "wakes", tcp.wakes);
    log_end(log);
}

static void log_channel(struct log *log, const struct control *control)
{
    struct control_counters counters;
    struct log_line *line = begin(log, "control");

    control_counters(control, &counters);
    log_u64(line, "connections", counters.connections);
    log_u64(line, "connections_preauth", counters.connections_preauth);
    log_u64(line, "sessions", counters.sessions);
    log_u64(line, "rooms", counters.rooms);
    log_u64(line, "connections_accepted", counters.connections_accepted);
    log_u64(line, "connections_refused", counters.connections_refused);
    log_u64(line, "handshakes", counters.handshakes);
    log_u64(line, "auth_failures", counters.auth_failures);
    log_u64(line, "lockouts", counters.lockouts);
    log_u64(line, "sessions_opened", counters.sessions_opened);
    log_u64(line, "sessions_resumed", counters.sessions_resumed);
    log_u64(line, "frames_received", counters.frames_received);
    log_u64(line, "messages_sent", counters.messages_sent);
    log_u64(line, "requests_refused", counters.requests_refused);
    log_u64(line, "commands", counters.commands);
    log_u64(line, "events", counters.events);
    log_u64(line, "events_stale", counters.events_stale);
    log_u64(line, "pauses", counters.pauses);
    log_u64(line, "logs_lost", counters.logs_lost);
    log_u64(line, "frame_buffers_max", counters.frame_buffers_used_max);
    log_u64(line, "out_buffers_max", counters.out_buffers_used_max);
    log_u64(line, "blobs", counters.blobs);
    log_u64(line, "blobs_max", counters.blobs_max);
    log_u64(line, "blobs_taken", counters.blobs_taken);
    log_u64(line, "blob_parts", counters.blob_parts);
    add_reasons(line, "closed", counters.closed);
    add_reasons(line, "ended", counters.ended);
    add_reasons(line, "refused", counters.refused);
    log_end(log);
}

void control_server_log_control(struct log *log, const struct control *control,
                                const struct net_tcp *net)
{
    struct log_counts counts = log_counts_get(log);

    log_channel(log, control);
    log_tcp(log, net);
    struct log_line *line = begin(log, "log");
    log_u64(line, "written", counts.written);
    log_u64(line, "suppressed", counts.suppressed);
    log_u64(line, "lost", counts.lost);
    log_end(log);
}

void control_server_report_begin(struct control_server *server)
{
    if (server->is_reporting) {
        return;
    }
    server->is_reporting = true;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        link_snapshot_ask(server->links[i]);
    }
}

/* Writes the lines once every worker has answered. */
void control_server_report_finish(struct control_server *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (link_snapshot_get(server->links[i]) == NULL) {
            return;
        }
    }
    for (uint32_t i = 0; i < server->worker_count; i++) {
        control_server_log_worker(server->log, i, link_snapshot_get(server->links[i]));
    }
    control_server_log_control(server->log, server->control, server->net);
    server->is_reporting = false;
}

void control_server_report_run(struct control_server *server, uint64_t now_ns)
{
    if (server->is_reporting) {
        control_server_report_finish(server);
    }
    if (now_ns >= server->next_stats_ns) {
        server->next_stats_ns = now_ns + server->stats_interval_ns;
        control_server_report_begin(server);
    }
    /* A request that comes while a report is under way is served by the next one. */
    if (!server->is_reporting && atomic_exchange(&server->report, false)) {
        control_server_report_begin(server);
    }
}

void control_server_report_plan(struct control_server *server)
{
    server->next_stats_ns =
        server->stats_interval_ns == 0 ? UINT64_MAX : os_clock_ns() + server->stats_interval_ns;
}
