#!/bin/sh
# SPDX-License-Identifier: MIT
# The limits of the control channel, each with a relay whose limits are small, and what its log and its
# counters say of it.
#
# usage: limits.sh WORK_DIR DAEMON GSRELAY_LIMITS
set -u
work_dir=$1
daemon=$2
limits=$3
. "$(dirname "$0")/support.sh"
: >"$work_dir/empty.ini"

# group NAME ARGUMENT... : the tests whose names begin with NAME.
group() {
    name=$1
    shift
    start_daemon "$name" --config "$work_dir/empty.ini" --set udp.port=0 --set control.port=0 \
        --set udp.challenge_per_ip_s=10000 --set limits.rooms_created_burst=100 \
        --set log.lines_per_s=10000 "$@" || return
    if (program "$limits" "$control" "${name}__*") </dev/null >"$work_dir/$name.txt" 2>&1; then
        pass "$name"
    else
        fail "$name"
        cat "$work_dir/$name.txt" >&2
        tail -n 40 "$work_dir/$name.log" >&2
    fi
    grep -q '\[       OK \]' "$work_dir/$name.txt" || fail "$name: no test was run"
    stop_daemon INT
    sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/$name.log" ||
        fail "$name: the ledgers"
}

# counted NAME COUNTER AT_LEAST [AT_MOST] : in the last counters of the control channel, or of the worker.
counted() {
    value=$(tr -d '\r' <"$work_dir/$1.log" | grep -E "scope=(control|worker) .* $2=" | tail -n 1 | tr ' ' '\n' |
        sed -n "s/^$2=//p")
    if [ "${value:-0}" -ge "$3" ] && [ "${value:-0}" -le "${4:-1000000}" ]; then
        pass "$1: $2=$value"
    else
        fail "$1: $2=${value:-missing}, not $3 to ${4:-any number}"
    fi
}

group doors --set control.connections_per_ip=6
expect_text doors.log "evt=client_refused" "doors: the refusal is logged"
expect_text doors.log "reason=connections_per_ip" "doors: with its reason"
expect_text doors.log "limit=6" "doors: and the limit"
counted doors connections_refused 1
counted doors closed_connections_per_ip 1

group rates --set control.accepts_per_ip_s=1 --set control.accepts_per_ip_burst=8 \
    --set control.commands_per_s=1 --set control.commands_burst=8
expect_text rates.log "reason=accepts_per_ip" "rates: the refusal is logged"
expect_text rates.log "reason=command_rate" "rates: the refused request is logged"
counted rates closed_accepts_per_ip 1
counted rates refused_command_rate 1

group crowd --set control.preauth_max=8 --set control.handshake_timeout=60s
expect_text crowd.log "reason=preauth_full" "crowd: who made room is logged"
counted crowd closed_preauth_full 2 2

group slow --set control.handshake_timeout=2s --set control.frame_timeout=2s \
    --set auth.fail_limit=10000 --set control.accepts_per_ip_burst=1000 --set control.out_buffer=4KiB \
    --set control.send_buffer=4KiB --set control.commands_burst=100000 --set control.resume_grace=1s
expect_text slow.log "reason=frame_size" "slow: a bad length is logged"
expect_text slow.log "reason=bad_message" "slow: a bad first flight is logged"
expect_text slow.log "reason=output_full" "slow: who does not read is logged"
counted slow closed_handshake_timeout 2
counted slow closed_frame_timeout 1 1
counted slow closed_output_full 1 1
counted slow closed_frame_size 4 4
counted slow closed_version_unsupported 2 2
counted slow closed_bad_message 3 3
counted slow auth_failures 8 8

group lockout --set auth.fail_limit=3 --set auth.lockout=2s --set control.accepts_per_ip_burst=10000
expect_text lockout.log "reason=no_such_session" "lockout: an unknown session is logged"
expect_text lockout.log "evt=limit_hit" "lockout: it is logged"
expect_text lockout.log "reason=lockout" "lockout: with its reason"
counted lockout lockouts 1 1
counted lockout auth_failures 3 3
counted lockout closed_lockout 1

group flood --set limits.client_datagrams_s=100 --set limits.client_datagrams_burst=100 \
    --set limits.over_limit_close=2s
counted flood dropped_client_datagrams 1
expect_text flood.log "reason=over_limit" "flood: the end is logged"

(umask 077 && program "$daemon" --genkey | tr -d '\r' >"$work_dir/secrets")
group ticket --set auth.mode=ticket --set "auth.secret_file=$work_dir/secrets" --set auth.fail_limit=3
expect_text ticket.log "reason=ticket_key_id" "ticket: an unknown secret is logged"
expect_text ticket.log "reason=ticket_format" "ticket: what is no ticket is logged"
counted ticket lockouts 1 1
counted ticket auth_failures 3 3

finish
