#!/bin/sh
# SPDX-License-Identifier: MIT
# The daemon as systemd runs it, with sixteen clients playing: ready, reloads good and bad, a log moved away,
# a worker that hangs, a drain, a stop, and what systemd hears of it all.
#
# usage: service_linux.sh WORK_DIR DAEMON GSRELAY GSRELAY_PLAYERS GSRELAY_NOTIFIED GSRELAY_FREEZE
set -u
work_dir=$1
daemon=$2
tool=$3
players=$4
notified=$5
freeze=$6
. "$(dirname "$0")/support.sh"
. "$(dirname "$0")/service.sh"

# Paths of sockets are short: 107 bytes.
NOTIFY_SOCKET=/tmp/gsrelay-notified-$$
export NOTIFY_SOCKET
trap 'rm -f "$NOTIFY_SOCKET"' EXIT
# A sign of life every 100 ms, so that its absence shows soon.
WATCHDOG_USEC=200000
export WATCHDOG_USEC
unset WATCHDOG_PID

settings=$work_dir/relay.ini
log=$work_dir/relay.log
mkfifo "$work_dir/listen.in"
"$notified" "$NOTIFY_SOCKET" <"$work_dir/listen.in" >"$work_dir/notified.txt" 2>&1 &
started_pids="$started_pids $!"
exec 4>"$work_dir/listen.in"
wait_for notified.txt listening

# heard TEXT COUNT WHAT : until systemd has heard that so often.
heard() {
    tries=0
    until [ "$(grep -c -e "$1" "$work_dir/notified.txt")" -ge "$2" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "$3: systemd did not hear \"$1\" $2 times:"
            tail -n 20 "$work_dir/notified.txt" >&2
            return 1
        fi
        sleep 0.1
    done
    pass "$3"
}

signs_of_life() {
    grep -c '^WATCHDOG=1' "$work_dir/notified.txt"
}

write_settings "$settings" 16 '[log]' "file = $log"
start_daemon first --config "$settings" || finish
heard '^READY=1|STATUS=gsrelayd ready' 1 "ready was told"
heard '^WATCHDOG=1' 3 "signs of life come"
players_begin game
players_do play "sixteen clients play"

expect_no_newcomer "the seventeenth is refused"
write_settings "$settings" 20 '[log]' "file = $log"
kill -HUP "$pid"
wait_for relay.log "evt=reloaded" && pass "SIGHUP: the file was read again"
heard '^RELOADING=1|MONOTONIC_USEC=[1-9]' 1 "the reload was told"
heard '^READY=1' 2 "and its end"
expect_newcomer "the changed limit acts"
players_do play "they play on after the reload"

printf '[udp]\nprot = 1\n' >"$settings"
kill -HUP "$pid"
wait_for relay.log "evt=reload_refused" && pass "a bad file is refused"
grep 'evt=config_error' "$log" | grep -F -q "relay.ini" && pass "with file, line and reason" ||
    fail "no evt=config_error names the file"
heard '^READY=1|STATUS=the last reload was refused' 1 "systemctl status says so"
expect_newcomer "the settings before it act"
players_do play "they play on after the refusal"

mv "$log" "$work_dir/old.log"
kill -USR1 "$pid"
wait_for relay.log "evt=log_reopened" && pass "SIGUSR1: the log is a new file"

# One thread hangs, the others do not.
mkfifo "$work_dir/freeze.in"
"$freeze" "$pid" gsrelay-worker <"$work_dir/freeze.in" >"$work_dir/freeze.txt" 2>&1 &
freeze_pid=$!
exec 5>"$work_dir/freeze.in"
wait_for_line freeze.txt
if grep -q frozen "$work_dir/freeze.txt"; then
    sleep 0.3
    before=$(signs_of_life)
    sleep 1
    [ "$(signs_of_life)" -eq "$before" ] && pass "a worker that hangs: no sign of life" ||
        fail "a worker hangs, and signs of life come"
    exec 5>&-
    wait "$freeze_pid"
    heard '^WATCHDOG=1' $((before + 3)) "it goes on, and signs of life come"
    players_do play "they play on after it"
else
    exec 5>&-
    echo "skipped: the system does not let one process stop another's thread"
fi

kill -QUIT "$pid"
players_do draining "SIGQUIT: every client hears of the drain"
heard '^STATUS=draining' 1 "systemctl status says so"
expect_no_newcomer "nobody new comes in"
players_do play "they play on while it drains"
players_do leave "they leave"
players_do over "the relay says goodbye"
players_end "every client heard of the end"
wait "$pid"
code=$?
[ $code -eq 0 ] && pass "it ended with the last room" || fail "after the drain it ended with $code"
heard '^STOPPING=1' 1 "the end was told"

# A stop in mid-game.
write_settings "$settings" 16
start_daemon second --config "$settings" || finish
players_begin stopped
players_do play "sixteen clients play again"
players_tell over
kill -TERM "$pid"
players_answer "SIGTERM: every client hears of the end"
players_end "and none before"
wait "$pid"
code=$?
[ $code -eq 0 ] && pass "SIGTERM: exit code 0" || fail "after SIGTERM it ended with $code"

# A start that waits for a port until it is free.
write_settings "$settings" 16
start_daemon blocker --config "$settings" || finish
blocker_pid=$pid
port=${control##*:}
sed "s/^port = 0\$/port = $port/" "$settings" >"$work_dir/taken.ini"
"$daemon" --config "$work_dir/taken.ini" </dev/null >"$work_dir/patient.out" 2>"$work_dir/patient.log" &
patient_pid=$!
started_pids="$started_pids $patient_pid"
wait_for patient.log "evt=waiting" && pass "a port in use is waited for"
heard 'is in use by another program' 1 "and systemctl status says what for"
kill -TERM "$blocker_pid"
wait "$blocker_pid"
wait_for patient.out "gsrelayd ready" && pass "and taken when it is free"
kill -TERM "$patient_pid"
wait "$patient_pid"
[ $? -eq 0 ] || fail "the patient one did not end in order"

exec 4>&-
finish
