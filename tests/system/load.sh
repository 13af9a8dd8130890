#!/bin/sh
# SPDX-License-Identifier: MIT
# gsrelay load against a relay: what it counts adds up, agrees with the relay's own ledger, and everything that
# makes figures worthless is said and ends with another code.
#
# usage: load.sh WORK_DIR DAEMON GSRELAY
set -u
work_dir=$1
daemon=$2
tool=$3
. "$(dirname "$0")/support.sh"
: >"$work_dir/empty.ini"
case $daemon in
*.exe) is_windows=1 ;;
*) is_windows= ;;
esac

relay() { # NAME ARGUMENT...
    name=$1
    shift
    start_daemon "$name" --config "$work_dir/empty.ini" --set udp.port=0 --set control.port=0 \
        --set udp.challenge_per_ip_s=10000 --set log.lines_per_s=10000 "$@" || finish
}

# load CODE NAME WHAT ARGUMENT... : runs it; its outputs land in NAME.out and NAME.err.
load() {
    wanted=$1 run=$2 what=$3
    shift 3
    program "$tool" load --server "$control" "$@" </dev/null >"$work_dir/$run.out" 2>"$work_dir/$run.err"
    code=$?
    if [ "$code" -eq "$wanted" ]; then
        pass "$what: exit code $code"
    else
        fail "$what: exit code $code instead of $wanted"
        cat "$work_dir/$run.out" "$work_dir/$run.err" >&2
    fi
}

figure() { # NAME FIELD : a number out of the JSON, the first of that name.
    tr -d '\r' <"$work_dir/$1.out" | grep -o "\"$2\":[0-9.]*" | head -n 1 | cut -d: -f2
}

# is NAME WHAT EXPRESSION : an integer expression of test(1) about figures.
is() {
    run=$1 what=$2
    shift 2
    if [ "$@" ]; then
        pass "$run: $what"
    else
        fail "$run: $what: $*"
        cat "$work_dir/$run.out" >&2
    fi
}

adds_up() { # NAME RECEIVERS
    is "$1" "every state is expected at each other member" \
        "$(($(figure "$1" sent) * $2))" -eq "$(figure "$1" expected)"
    is "$1" "delivered and not delivered are what was expected" \
        "$(($(figure "$1" delivered) + $(figure "$1" not_delivered)))" -eq "$(figure "$1" expected)"
    is "$1" "each delivery has a latency" "$(figure "$1" count)" -eq "$(figure "$1" delivered)"
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys; json.loads(open(sys.argv[1]).read())' "$work_dir/$1.out" &&
            pass "$1: the report is JSON" || fail "$1: the report is not JSON"
    fi
}

counter() { # LOG NAME [SCOPE] : in the last counters of the worker, or of another scope.
    tr -d '\r' <"$work_dir/$1.log" | grep "scope=${3:-worker} " | tail -n 1 | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# --- What it counts ------------------------------------------------------------------------------

relay open
load 0 plain "4 rooms of 4 for 2 s" --rooms 4 --members 4 --rate 20 --duration 2s --ramp 500ms --json
adds_up plain 3
is plain "they sent at their rate" "$(figure plain sent)" -eq 640
# On a machine that is short of time the newest wins over those that had to wait.
is plain "they arrived" "$(figure plain delivered)" -gt 400
if [ -n "$is_windows" ]; then
    expect_text plain.out '"not_measured":"' "what is not measured is said"
else
    expect_text plain.out "\"pid\":$pid," "the relay is found by its port"
fi
expect_text plain.err "all 16 members are in" "the live view says who is in"
load 0 closed "closed loop" --rooms 2 --members 4 --duration 1s --ramp 200ms --closed --json -q
adds_up closed 3
is closed "states went round" "$(figure closed sent)" -gt 100
is closed "it is quiet" ! -s "$work_dir/closed.err"
stop_daemon INT
# What the members sent is what the relay took in, and what it sent out is what they got.
if [ -z "$is_windows" ]; then
    is plain "the relay admitted what was sent" \
        "$(($(figure plain sent) + $(figure closed sent)))" -eq "$(counter open records_admitted)"
    is plain "the relay sent what was delivered" \
        "$(($(figure plain delivered) + $(figure closed delivered)))" -eq "$(counter open deliveries_sent)"
    # They share a socket; what they cost the relay is still what players with one each would.
    is plain "no two members share a send" "$(counter open sent_segmented udp)" -eq 0
fi
sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/open.log" ||
    fail "the relay's ledgers"

# --- What makes figures worthless ----------------------------------------------------------------

load 3 nobody "no relay there" --duration 1s
expect_text nobody.err "could not connect to $control" "it is said"
program "$tool" load --server no-such-host.invalid --json </dev/null >"$work_dir/unknown.out" 2>"$work_dir/unknown.err"
code=$?
[ "$code" -eq 3 ] && pass "an unknown host ends it with 3" || fail "an unknown host ends it with $code"
expect_text unknown.out '"verdict":"could not find no-such-host.invalid' "and an object for the script"
expect_text unknown.out '"not_measured":"the run did not begin"' "with a reason for what is not measured"

relay narrow --set control.connections_per_ip=6 --set limits.client_datagrams_s=12
load 1 refused "half of the members are refused" --rooms 3 --members 4 --duration 500ms --ramp 100ms
expect_text refused.err "members were not let in" "it is said"
expect_text refused.out "raise control.connections_per_ip" "and which key to raise"
load 0 held "a rate above what a member may send" --rooms 1 --members 4 --rate 60 --duration 2s --ramp 100ms
expect_text held.out "limits.client_datagrams_s" "the key is named"
load 2 large "a state that no datagram carries" --rooms 1 --members 2 --size 1400 --ramp 100ms
expect_text large.err "udp.max_datagram" "it is said"
load 1 wide "a room with more members than the relay allows" --rooms 1 --members 100 --duration 1s --ramp 100ms
expect_text wide.err "no room of 100 members, 64 at most; raise limits.clients_per_room" "it is said"
stop_daemon INT

# --- Tickets -------------------------------------------------------------------------------------

(umask 077 && program "$daemon" --genkey | tr -d '\r' >"$work_dir/secrets")
chmod 600 "$work_dir/secrets"
relay ticket --set auth.mode=ticket --set "auth.secret_file=$work_dir/secrets" --set auth.fail_limit=100
load 0 minted "tickets made from the secret" --rooms 1 --members 4 --duration 500ms --ramp 100ms \
    --secret-file "$work_dir/secrets" --json
adds_up minted 3
load 3 none "no ticket" --rooms 1 --members 4 --duration 500ms --ramp 100ms
expect_text none.err "--secret-file" "it is said what to do"
program "$tool" ticket --secret-file "$work_dir/secrets" </dev/null | tr -d '\r' >"$work_dir/one.ticket"
load 2 few "fewer tickets than members" --rooms 1 --members 4 --ticket-file "$work_dir/one.ticket"
expect_text few.err "has no ticket for client 2" "it is said"
stop_daemon INT

# --- Ends in the midst of it ---------------------------------------------------------------------

relay ends
load_in_background() { # NAME [ARGUMENT...] : waits for load_sign in what it says.
    name=$1
    shift
    extra=$*
    set -- "$name"
    case $tool in
    *.exe) set -- "$1" "$wine" "$tool" ;;
    *) set -- "$1" "$tool" ;;
    esac
    run=$1
    shift
    "$@" load --server "$control" --rooms 1 --members 4 --duration 20s --ramp 100ms $extra \
        </dev/null >"$work_dir/$run.out" 2>"$work_dir/$run.err" &
    load_pid=$!
    started_pids="$started_pids $load_pid"
    wait_for "$run.err" "${load_sign:- s 4 in, sent}"
}
load_in_background interrupted
kill -INT "$load_pid"
wait "$load_pid"
code=$?
[ "$code" -eq 0 ] && pass "Ctrl+C ends it in order" || fail "Ctrl+C ends it with $code"
expect_text interrupted.out "delivered" "with the figures so far"
expect_text interrupted.err "interrupted" "and the word that they are so"
load_sign="of 4 members are in"
load_in_background ramp --ramp 30s
load_sign=
kill -INT "$load_pid"
wait "$load_pid"
code=$?
[ "$code" -eq 0 ] && pass "Ctrl+C in the ramp ends it in order" || fail "Ctrl+C in the ramp ends it with $code"
expect_text ramp.err "interrupted while members came in" "it is said"
expect_text ramp.out "of 4 so far" "with how many were in"
if [ -z "$is_windows" ]; then
    load_in_background stopped
    stop_daemon INT
    wait "$load_pid"
    code=$?
    [ "$code" -eq 3 ] && pass "a relay that stops ends it with 3" || fail "a relay that stops ends it with $code"
    expect_text stopped.out "the relay stopped" "with the reason"
    relay dies
    load_in_background gone
    kill -KILL "$pid"
    wait "$load_pid"
    code=$?
    [ "$code" -eq 3 ] && pass "a relay that dies ends it with 3" || fail "a dead relay ends it with $code"
    expect_text gone.err "the relay went away" "it is said"
    expect_text gone.out "delivered" "with the figures so far"
    wait "$pid" 2>/dev/null
else
    stop_daemon INT
fi

# --- Many ----------------------------------------------------------------------------------------

if [ -z "$is_windows" ]; then
    # A hard limit that is too low is named with what is needed.
    (ulimit -n 50 && exec "$tool" load --rooms 4 --members 8) </dev/null >"$work_dir/files.out" 2>"$work_dir/files.err"
    code=$?
    [ "$code" -eq 2 ] && pass "too few open files end it with 2" || fail "too few open files end it with $code"
    expect_text files.err "32 clients need 96 open files, and the system allows this process 50" "it is said"

    relay thousand --set control.connections_per_ip=2000 --set control.accepts_per_ip_s=2000 \
        --set control.accepts_per_ip_burst=2000 --set limits.rooms_created_burst=200 \
        --set limits.rooms_created_per_minute=100000
    load 0 thousand "1,000 clients in one process" --rooms 125 --members 8 --rate 2 --duration 1s --ramp 3s --json
    adds_up thousand 7
    is thousand "all were in" "$(figure thousand joined)" -eq 1000
    stop_daemon INT
fi
finish
