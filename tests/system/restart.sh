#!/bin/sh
# SPDX-License-Identifier: MIT
# A relay that dies without a word and is started again on the same ports.
#
# usage: restart.sh WORK_DIR DAEMON TOOL
set -u
work_dir=$1
daemon=$2
tool=$3
. "$(dirname "$0")/support.sh"
: >"$work_dir/empty.ini"

start_daemon first --config "$work_dir/empty.ini" --set udp.port=0 --set control.port=0 || finish
mkfifo "$work_dir/member.in"
(program "$tool" --server "$control" create) <"$work_dir/member.in" >"$work_dir/member.out" \
    2>"$work_dir/member.err" &
tool_pid=$!
started_pids="$started_pids $tool_pid"
exec 3>"$work_dir/member.in"
wait_for_line member.out || finish
room=$(tr -d '\r' <"$work_dir/member.out" | head -n 1)

kill -KILL "$pid"
wait "$pid" 2>/dev/null
wait_for member.err "trying again" && pass "the member notices"
start_daemon second --config "$work_dir/empty.ini" --set "udp.port=${udp##*:}" \
    --set "control.port=${control##*:}" || finish
pass "the ports are free at once"
wait $tool_pid
code=$?
[ $code -eq 1 ] && pass "the member ends with 1" || fail "the member ended with $code"
expect_text member.err "the relay was restarted" "it says why"
exec 3>&-
(program "$tool" --server "$control" join "$room") </dev/null >"$work_dir/tool.out" 2>"$work_dir/tool.err"
code=$?
[ $code -eq 1 ] && pass "its room is gone" || fail "join ended with $code"
expect_text tool.err "no room has this code" "it is said"
stop_daemon INT
finish
