#!/bin/sh
# SPDX-License-Identifier: MIT
# Adds up the three ledgers of the relay's last counters and, where a game was played, compares them with
# what the players saw.
#
# usage: check_run.sh REASON_H RELAY_LOG [CLIENT_TXT MIN_PERCENT]
#
# MIN_PERCENT 100: every state was delivered or superseded, and nothing was dropped at all. Below that: in
# every room at least so many were; since only the relay knows what it superseded, and only in all, the loss of all
# rooms together has to be small enough for one.
set -u
reason_h=$1
relay_log=$2
client_txt=${3:-/dev/null}
min_percent=${4:-0}

tr -d '\r' <"$relay_log" >"$relay_log.unix"
tr -d '\r' <"$client_txt" >"$relay_log.client"
exec awk -v min_percent="$min_percent" '
function check(is_true, what) {
    if (!is_true) { print "check_run: " what; faults++ }
}
function sum_dropped(worker, first, last,    name, total) {
    total = 0
    for (name in number)
        if (number[name] >= first && number[name] <= last)
            total += value[worker, "dropped_" name]
    return total
}
function sum_prefixed(worker, prefix,    pair, parts, total) {
    total = 0
    for (pair in value) {
        split(pair, parts, SUBSEP)
        if (parts[1] == worker && index(parts[2], prefix) == 1)
            total += value[pair]
    }
    return total
}
# The reasons and their numbers, so that each drop is known by its ledger.
FILENAME == ARGV[1] {
    if (match($0, /X\([A-Z_0-9]+, [0-9]+, "[a-z_0-9]+"/)) {
        split(substr($0, RSTART, RLENGTH), part, /[(,"] */)
        number[part[5]] = part[3] + 0
    }
    next
}
FILENAME == ARGV[2] && / evt=counters / && / scope=worker / {
    worker = -1
    for (i = 1; i <= NF; i++)
        if ($i ~ /^worker=/) worker = substr($i, 8)
    for (pair in value) {
        split(pair, part, SUBSEP)
        if (part[1] == worker) delete value[pair]
    }
    workers[worker] = 1
    for (i = 1; i <= NF; i++) {
        equals = index($i, "=")
        value[worker, substr($i, 1, equals - 1)] = substr($i, equals + 1)
    }
    next
}
FILENAME == ARGV[3] && /^play / {
    for (i = 2; i <= NF; i++) {
        equals = index($i, "=")
        play[substr($i, 1, equals - 1)] = substr($i, equals + 1)
    }
}
END {
    count = 0
    for (name in number) count++
    check(count > 60, "the reasons could not be read")
    worker_count = 0
    for (w in workers) {
        worker_count++
        outcomes = sum_prefixed(w, "handled_") + sum_dropped(w, 1, 39)
        check(value[w, "datagrams_received"] == outcomes,
              "worker " w ": the ledger of datagrams does not add up")
        outcomes = value[w, "records_admitted"] + sum_dropped(w, 40, 59)
        check(value[w, "records_read"] == outcomes,
              "worker " w ": the ledger of records does not add up")
        outcomes = value[w, "deliveries_sent"] + value[w, "deliveries_superseded"]
        outcomes += value[w, "deliveries_waiting"] + sum_dropped(w, 60, 79)
        check(value[w, "deliveries_made"] == outcomes,
              "worker " w ": the ledger of deliveries does not add up")
        admitted += value[w, "records_admitted"]
        made += value[w, "deliveries_made"] - value[w, "deliveries_replayed"]
        sent += value[w, "deliveries_sent"]
        superseded += value[w, "deliveries_superseded"]
        lost_records += sum_dropped(w, 40, 59)
        lost_deliveries += sum_dropped(w, 60, 79)
    }
    check(worker_count > 0, "no counters of a worker were found")
    if ("sent" in play) {
        expected = play["expected"]
        lost = expected - play["received"] - superseded
        printf "check_run: sent=%d admitted=%d expected=%d delivered=%d superseded=%d lost=%d\n",
               play["sent"], admitted, expected, play["received"], superseded, lost
        check(play["faults"] == 0, "the players saw faults")
        check(play["sent"] > 0, "nothing was played")
        if (min_percent == 100) {
            check(admitted == play["sent"], "records were lost on the way up")
            check(made == expected, "a record did not go to every other member, or went to others")
            check(lost_records == 0 && lost_deliveries == 0, "something was dropped")
            check(play["received"] + play["stale"] == sent, "deliveries were lost on the way down")
            check(lost == 0, "states are neither delivered nor superseded")
            check(play["missing_ends"] == 0, "a stream does not end with its newest state")
        }
        check(lost <= (100 - min_percent) / 100 * play["expected_room_min"],
              "less than " min_percent " % of a room may have been delivered or superseded")
    }
    if (faults == 0) print "check_run: the ledgers add up"
    exit faults > 0
}' "$reason_h" "$relay_log.unix" "$relay_log.client"
