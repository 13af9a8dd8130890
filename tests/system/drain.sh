#!/bin/sh
# SPDX-License-Identifier: MIT
# Stopping the relay while clients play, in every way it is stopped.
#
# usage: drain.sh WORK_DIR DAEMON GSRELAY_DRAIN GSRELAY_CHURN
set -u
work_dir=$1
daemon=$2
drain=$3
churn=$4
. "$(dirname "$0")/support.sh"
: >"$work_dir/empty.ini"
settings="--config $work_dir/empty.ini --set udp.port=0 --set control.port=0 --set udp.challenge_per_ip_s=10000"

# stop_while_playing NAME "SIGNAL ..." PLAYER_ARGUMENT ARGUMENT... : all signals but the first come during the
# drain. The players are $drain.
stop_while_playing() {
    name=$1
    signals=$2
    player_argument=$3
    shift 3
    # shellcheck disable=SC2086
    start_daemon "$name" $settings "$@" || return
    daemon_pid=$pid
    mkfifo "$work_dir/$name.in"
    # shellcheck disable=SC2086
    (program "$drain" "$control" $player_argument) <"$work_dir/$name.in" >"$work_dir/$name.txt" 2>&1 &
    player_pid=$!
    started_pids="$started_pids $player_pid"
    exec 3>"$work_dir/$name.in"
    wait_for "$name.txt" "they play" || return
    for signal in $signals; do
        kill "-$signal" "$daemon_pid"
        wait_for "$name.log" "evt=stopping" || return
    done
    wait_for "$name.log" "evt=stopped" || return
    wait "$daemon_pid"
    code=$?
    [ $code -eq 0 ] && pass "$name: exit code 0" || fail "$name: exit code $code"
    exec 3>&-
    wait "$player_pid"
    code=$?
    if [ $code -eq 0 ]; then
        pass "$name: every member was told"
    else
        fail "$name: the members' program ended with $code"
        cat "$work_dir/$name.txt" "$work_dir/$name.log" >&2
    fi
    sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/$name.log" ||
        fail "$name: the ledgers"
}

stop_while_playing once INT ""
case $daemon in
*.exe) ;;
*) stop_while_playing term TERM "" --set udp.workers=2 ;;
esac
stop_while_playing at_once INT "" --set server.drain_timeout=off
# A connection that nobody reads lingers a minute, longer than anything here waits, but the drain ends it.
stop_while_playing deaf "INT INT INT" deaf --set server.drain_timeout=2s --set control.linger=60s \
    --set control.commands_burst=1000 --set control.out_buffer=256KiB --set limits.max_clients=64 \
    --set control.preauth_max=8 --set control.send_buffer=4KiB

# Rooms on two workers, where others come and go, before the relay stops and until it has.
turns=2000
case $daemon in
*.exe) turns=600 ;;
esac
drain=$churn
stop_while_playing churn INT $turns --set udp.workers=2 --set control.commands_per_s=100000 \
    --set control.commands_burst=1000000 --set limits.rooms_created_burst=100
cat "$work_dir/churn.txt"
both=$(sed -n 's/.* evt=counters .*scope=worker worker=\([01]\) .* records_admitted=[1-9].*/\1/p' \
    "$work_dir/churn.log" | sort -u | tr -d '\n')
[ "$both" = 01 ] && pass "churn: both workers carried states" || fail "churn: only worker $both carried states"
finish
