#!/bin/sh
# SPDX-License-Identifier: MIT
# A relay on both families at once: rooms over IPv6, and a room whose members come by either.
#
# usage: ipv6.sh WORK_DIR DAEMON TOOL GSRELAY_ROOMS
# Ends with 77 (skipped) where the machine has no ::1.
set -u
work_dir=$1
daemon=$2
tool=$3
rooms=$4
. "$(dirname "$0")/support.sh"
: >"$work_dir/empty.ini"

if ! start_daemon both --config "$work_dir/empty.ini" --set udp.port=0 --set control.port=0 \
    --set "server.listen=::1,127.0.0.1" --set udp.challenge_per_ip_s=10000 --set limits.clients_per_room=4 \
    --set control.accepts_per_ip_burst=1000 --set limits.rooms_created_burst=100; then
    grep -q '^gsrelayd: .*::1' "$work_dir/both.log" || finish
    echo "ipv6: this machine has no ::1"
    exit 77
fi
case $control in
"[::1]:"*) pass "the ready line has the IPv6 address first" ;;
*) fail "the ready line begins with $control" ;;
esac
ipv4=$(tr -d '\r' <"$work_dir/both.out" | tr ' ' '\n' | sed -n 's/^control=.*,//p')

(program "$rooms" "$control") </dev/null >"$work_dir/rooms.txt" 2>&1 && pass "rooms over IPv6" || {
    fail "rooms over IPv6"
    cat "$work_dir/rooms.txt" >&2
}

mkfifo "$work_dir/host.in"
(program "$tool" --server "$control" create) <"$work_dir/host.in" >"$work_dir/host.out" \
    2>"$work_dir/host.err" &
tool_pid=$!
started_pids="$started_pids $tool_pid"
exec 3>"$work_dir/host.in"
wait_for_line host.out || finish
room=$(tr -d '\r' <"$work_dir/host.out" | head -n 1)
(program "$tool" --server "$ipv4" send "$room" from the other family) </dev/null 2>"$work_dir/send.err" ||
    fail "send over IPv4: $(cat "$work_dir/send.err")"
wait_for host.out ": from the other family" && pass "IPv4 and IPv6 meet in one room"
exec 3>&-
wait $tool_pid || fail "create ended with $?"
stop_daemon INT
sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/both.log" ||
    fail "the ledgers"
finish
