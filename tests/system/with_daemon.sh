#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts a relay, runs a client against it, stops the relay in order, and keeps what both said.
#
# usage: with_daemon.sh WORK_DIR DAEMON [DAEMON_ARGUMENT...] -- CLIENT [CLIENT_ARGUMENT...]
#
# A program whose name ends in .exe is run by scripts/wine, unless this is Windows. In the client's arguments
# @CONTROL@, @CONTROL_PORT@ and @UDP_PORT@ stand for what the relay's ready line says, @PID@ for its process.
# WORK_DIR then holds ready.txt, relay.log and client.txt. Fails when the client fails, when the relay does not become ready, or
# when it does not stop with exit code 0.
set -u

wine=$(cd "$(dirname "$0")/../../scripts" && pwd)/wine
work_dir=$1
shift
daemon=$1
shift

say() {
    echo "with_daemon: $*" >&2
}

# Runs $1 with the other arguments, in place of this shell.
run() {
    case $1 in
    *.exe) if command -v wine >/dev/null 2>&1; then exec "$wine" "$@"; fi ;;
    esac
    exec "$@"
}

mkdir -p "$work_dir"
rm -f "$work_dir"/ready.txt "$work_dir"/relay.log "$work_dir"/client.txt
: >"$work_dir/empty.ini"
: >"$work_dir/ready.txt"

# The daemon's arguments, up to "--", become one script so that words with spaces stay whole.
daemon_line=
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
    daemon_line="$daemon_line '$(printf '%s' "$1" | sed "s/'/'\\\\''/g")'"
    shift
done
[ $# -gt 1 ] || {
    say "no client was named"
    exit 2
}
shift

(
    eval "set -- $daemon_line"
    run "$daemon" --config "$work_dir/empty.ini" --set udp.port=0 --set control.port=0 "$@"
) </dev/null >"$work_dir/ready.txt" 2>"$work_dir/relay.log" &
pid=$!
trap 'kill -KILL "$pid" 2>/dev/null' EXIT

tries=0
until grep -q '^gsrelayd ready' "$work_dir/ready.txt"; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
        say "the relay did not become ready"
        cat "$work_dir/relay.log" >&2
        exit 1
    fi
    sleep 0.1
done

field() { # The value of $1 in the ready line, as it stood first.
    tr -d '\r' <"$work_dir/ready.txt" | tr ' ' '\n' | sed -n "s/^$1=//p" | head -n 1
}
control=$(field control | cut -d, -f1)
udp=$(field udp | cut -d, -f1)

count=$#
while [ "$count" -gt 0 ]; do
    argument=$(printf '%s' "$1" | sed "s/@CONTROL@/$control/; s/@CONTROL_PORT@/${control##*:}/; s/@UDP_PORT@/${udp##*:}/; s/@PID@/$pid/")
    shift
    set -- "$@" "$argument"
    count=$((count - 1))
done
(run "$@") </dev/null >"$work_dir/client.txt" 2>&1
client_code=$?
cat "$work_dir/client.txt"

kill -INT "$pid"
wait "$pid"
daemon_code=$?
trap - EXIT
if [ "$daemon_code" -ne 0 ]; then
    say "the relay ended with exit code $daemon_code"
    tail -n 50 "$work_dir/relay.log" >&2
    exit 1
fi
if [ "$client_code" -ne 0 ]; then
    say "the client ended with exit code $client_code"
    tail -n 20 "$work_dir/relay.log" >&2
fi
exit "$client_code"
