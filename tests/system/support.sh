# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the system tests in sh have in common. Sourced; the sourcing script has set `work_dir`, a folder of
# its own that is emptied here, and `daemon`, the path of gsrelayd.

wine=$(cd "$(dirname "$0")/../../scripts" && pwd)/wine
rm -rf "$work_dir"
mkdir -p "$work_dir"
failures=0
started_pids=

# Runs a program of ours, by Wine if it is a Windows one; in a subshell it takes that shell's place.
program() {
    case $1 in
    *.exe)
        if command -v wine >/dev/null 2>&1; then
            "$wine" "$@"
            return
        fi
        ;;
    esac
    "$@"
}

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

pass() {
    echo "ok: $*"
}

# expect_code CODE WHAT ARGUMENT... : runs the daemon, whose output lands in out.txt and err.txt.
expect_code() {
    wanted=$1
    what=$2
    shift 2
    program "$daemon" "$@" </dev/null >"$work_dir/out.txt" 2>"$work_dir/err.txt"
    code=$?
    tr -d '\r' <"$work_dir/err.txt" >"$work_dir/err.unix.txt"
    if [ "$code" -eq "$wanted" ]; then
        pass "$what: exit code $code"
    else
        fail "$what: exit code $code instead of $wanted"
        cat "$work_dir/err.txt" >&2
    fi
}

# expect_text FILE TEXT WHAT
expect_text() {
    if tr -d '\r' <"$work_dir/$1" | grep -F -q -e "$2"; then
        pass "$3"
    else
        fail "$3: \"$2\" is not in $1:"
        cat "$work_dir/$1" >&2
    fi
}

# wait_for FILE TEXT : until the text stands in the file, half a minute at most.
wait_for() {
    tries=0
    until [ -f "$work_dir/$1" ] && grep -F -q -e "$2" "$work_dir/$1"; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "\"$2\" did not come in $1"
            cat "$work_dir/$1" >&2
            return 1
        fi
        sleep 0.1
    done
}

# wait_for_line FILE : until the file has a whole line.
wait_for_line() {
    tries=0
    until [ -f "$work_dir/$1" ] && [ "$(wc -l <"$work_dir/$1")" -gt 0 ]; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "no line came in $1"
            return 1
        fi
        sleep 0.1
    done
}

# start_daemon NAME ARGUMENT... : in the background, until it is ready. Sets pid, control and udp.
start_daemon() {
    name=$1
    shift
    case $daemon in
    *.exe) set -- "$wine" "$daemon" "$@" ;;
    *) set -- "$daemon" "$@" ;;
    esac
    "$@" </dev/null >"$work_dir/$name.out" 2>"$work_dir/$name.log" &
    pid=$!
    started_pids="$started_pids $pid"
    tries=0
    until grep -q '^gsrelayd ready' "$work_dir/$name.out"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
            fail "the relay $name did not become ready"
            cat "$work_dir/$name.log" >&2
            return 1
        fi
        sleep 0.1
    done
    control=$(ready_field "$name" control)
    udp=$(ready_field "$name" udp)
}

ready_field() { # The first address of $2 in the ready line of $1.
    tr -d '\r' <"$work_dir/$1.out" | tr ' ' '\n' | sed -n "s/^$2=//p" | cut -d, -f1
}

# stop_daemon SIGNAL : ends the daemon started last; it has to end with 0.
stop_daemon() {
    kill "-$1" "$pid"
    wait "$pid"
    code=$?
    [ "$code" -eq 0 ] || fail "after SIG$1 the daemon ended with $code"
}

finish() {
    for each in $started_pids; do
        kill -KILL "$each" 2>/dev/null
    done
    echo "$failures failed"
    [ "$failures" -eq 0 ]
    exit
}
