#!/bin/sh
# SPDX-License-Identifier: MIT
# The Windows service under Wine, in a prefix of its own: install, start, sixteen clients playing through it,
# reload, refused reload, drain, stop, uninstall, round after round; then what keeps it from starting.
#
# usage: service_windows.sh WORK_DIR DAEMON GSRELAY GSRELAY_PLAYERS GSRELAY_SCM_CONTROL ROUNDS
set -u
work_dir=$1
daemon=$2
tool=$3
players=$4
scm_control=$5
rounds=$6
. "$(dirname "$0")/support.sh"
. "$(dirname "$0")/service.sh"
. "$(dirname "$0")/own_wine.sh"
command -v wine >/dev/null 2>&1 && [ -d /proc/self/fd ] || {
    echo "skipped: this test looks at Wine's processes"
    exit 77
}

# --- A Wine of our own ----------------------------------------------------------------------------------

WINEPREFIX=$(realpath -m "$work_dir.wine")
data=$WINEPREFIX/drive_c/ProgramData/gsrelay
log=$data/logs/gsrelayd.log
settings=$data/relay.ini
events=$work_dir/events.txt
trap own_wine_end EXIT

wine_begin() {
    own_wine_end
    rm -rf "$data"
    own_wine_begin "$WINEPREFIX" "$events" || fail "Wine could not make its prefix"
}

# processes NAME : the ids of those of this prefix whose names begin so.
processes() {
    grep -l -e "^$1" /proc/[0-9]*/comm 2>/dev/null | while read -r each; do
        tr '\0' '\n' 2>/dev/null <"${each%comm}environ" | grep -q -x -F "WINEPREFIX=$WINEPREFIX" || continue
        each=${each#/proc/}
        echo "${each%/comm}"
    done
}

# --- The service ----------------------------------------------------------------------------------------

# service VERB... : what it says lands in service.txt; its exit code is ours.
service() {
    wine "$daemon" service "$@" </dev/null >"$work_dir/service.raw" 2>&1
    service_code=$?
    tr -d '\r' <"$work_dir/service.raw" >"$work_dir/service.txt"
    return $service_code
}

# expect_service CODE WHAT VERB...
expect_service() {
    wanted=$1
    what=$2
    shift 2
    service "$@"
    if [ "$service_code" -eq "$wanted" ]; then
        pass "$what"
    else
        fail "$what: service $* ended with $service_code instead of $wanted"
        cat "$work_dir/service.txt" >&2
    fi
}

# said TEXT WHAT : in what the last verb said.
said() {
    if grep -F -q -e "$1" "$work_dir/service.txt"; then
        pass "$2"
    else
        fail "$2: \"$1\" is not in"
        cat "$work_dir/service.txt" >&2
    fi
}

# logged TEXT COUNT WHAT : until so many lines of the service's log have it.
logged() {
    tries=0
    until [ "$(grep -c -F -e "$1" "$log" 2>/dev/null)" -ge "$2" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "$3: \"$1\" is not in the log $2 times"
            tail -n 20 "$log" >&2
            return 1
        fi
        sleep 0.1
    done
    pass "$3"
}

# reported TEXT WHAT : in the Event Log, whose strings stand there one behind the other.
reported() {
    if sed -n 's/.*:ReportEventW //p' "$events" | tr '\n' ' ' | grep -F -q -e "$1"; then
        pass "$2"
    else
        fail "$2: the Event Log has no $1"
        tail -n 20 "$events" >&2
    fi
}

expect_gone() { # A key of the registry.
    if wine reg query "$1" </dev/null >/dev/null 2>&1; then
        fail "$1 is still there"
    else
        pass "$1 is gone"
    fi
}

wait_for_end() {
    tries=0
    while [ -n "$(processes gsrelayd.exe)" ]; do
        tries=$((tries + 1))
        [ $tries -gt 300 ] && fail "the process of the service is still there" && return 1
        sleep 0.1
    done
}

control_address() { # Where the service listens now.
    sed -n 's/.*evt=socket control=\([^ ]*\) .*/\1/p' "$log" | tail -n 1
}

play_round() {
    expect_service 0 "installed" install --start manual --firewall
    [ -s "$settings" ] || fail "install wrote no relay.ini"
    write_settings "$settings" 16
    expect_service 0 "started" start
    control=$(control_address)
    players_begin game
    players_do play "sixteen clients play"

    expect_no_newcomer "the seventeenth is refused"
    write_settings "$settings" 20
    reloads=$(grep -c 'evt=reloaded' "$log")
    expect_service 0 "reload" reload
    logged "evt=reloaded" $((reloads + 1)) "the file was read again"
    expect_newcomer "the changed limit acts"
    players_do play "they play on after the reload"

    printf '; mistaken\n[udp]\nprot = 1\n' >"$settings"
    refusals=$(grep -c 'evt=reload_refused' "$log")
    expect_service 2 "reload of a file with a mistake" reload
    said 'relay.ini:3: [udp] prot: there is no such key' "says where and what"
    expect_service 2 "restart with a mistake in the file" restart
    said 'nothing was restarted' "stops nothing"
    # By hand, so that the service itself has to see it.
    wine "$scm_control" gsrelay 6 </dev/null >/dev/null 2>&1 || fail "PARAMCHANGE was not taken"
    logged "evt=reload_refused" $((refusals + 1)) "it is refused"
    expect_newcomer "the settings before it act"
    players_do play "they play on after the refusal"
    write_settings "$settings" 16

    expect_service 0 "reopen-log" reopen-log
}

drain_round() {
    expect_service 0 "drain" drain
    players_do draining "every client hears of the drain"
    expect_no_newcomer "nobody new comes in"
    players_do play "they play on while it drains"
    players_do leave "they leave"
    players_do over "the relay says goodbye"
    players_end "every client heard of the end"
    wait_for_end
    expect_service 3 "stopped with the last room" status
    expect_service 0 "stop of what has stopped" stop
}

stop_round() {
    players_tell over
    expect_service 0 "stop" stop
    players_answer "every client hears of the end"
    players_end "and none before"
    wait_for_end
}

uninstall_round() {
    expect_service 0 "uninstalled" uninstall
    expect_service 4 "it is gone" status
    expect_gone 'HKLM\System\CurrentControlSet\Services\gsrelay'
    expect_gone 'HKLM\System\CurrentControlSet\Services\EventLog\Application\gsrelay'
    [ -s "$settings" ] && [ -s "$log" ] && pass "relay.ini and the log are still there" ||
        fail "relay.ini or the log is gone"
}

# --- The rounds -----------------------------------------------------------------------------------------

wine_begin
server=$(processes wineserver)
round=0
while [ "$round" -lt "$rounds" ] && [ "$failures" -eq 0 ]; do
    round=$((round + 1))
    echo "round $round"
    play_round
    if [ $((round % 2)) -eq 1 ]; then drain_round; else stop_round; fi
    uninstall_round
    handles=$(ls "/proc/$server/fd" | wc -l)
    others=$(processes services.exe | wc -l)
    [ "$others" -eq 1 ] || fail "$others services.exe"
    # The first rounds let Wine's own services come up.
    [ "$round" -ne 2 ] || first_handles=$handles
done
if [ "$rounds" -gt 2 ] && [ "$failures" -eq 0 ]; then
    echo "files and sockets that Wine holds for all: $first_handles after round 2, $handles after round $round"
    [ "$handles" -le $((first_handles + 4)) ] && pass "nothing was left open" ||
        fail "something was left open"
fi

# --- One long life --------------------------------------------------------------------------------------

open_handles() { # Of the service and of Wine, which keeps its files and sockets.
    echo $(($(ls "/proc/$server/fd" | wc -l) + $(ls "/proc/$(processes gsrelayd)/fd" | wc -l)))
}

# Reloads, reopened logs, counters and clients that come and go.
many_controls() {
    count=0
    while [ $count -lt "$1" ]; do
        count=$((count + 1))
        for code in 6 128 130; do
            wine "$scm_control" gsrelay $code </dev/null >/dev/null 2>&1 || fail "control $code was not taken"
        done
        newcomer || fail "a client did not get in"
    done
}

expect_service 0 "installed for a long life" install --start manual
write_settings "$settings" 16
expect_service 0 "started" start
control=$(control_address)
many_controls 2
sleep 1
before=$(open_handles)
many_controls 20
sleep 1
after=$(open_handles)
echo "handles: $before, and after twenty of everything $after"
[ "$after" -le $((before + 2)) ] && pass "nothing stays open" || fail "something stays open"
expect_service 0 "stop" stop
expect_service 0 "uninstalled" uninstall

reported 'relay.ini" L"3" L"[udp] prot: there is no such key' \
    "the refused reload is in the Event Log, with file, line and reason"

# --- What keeps it from starting ------------------------------------------------------------------------

# fails_to_start CODE TEXT WHAT : start, and status afterwards, say why.
fails_to_start() {
    expect_service "$1" "$3: it does not start" start
    said "$2" "$3: start says why"
    expect_service 3 "$3: it is stopped" status
    said "exit code $1" "$3: status says how it ended"
    said "$2" "$3: status says why"
}

expect_service 0 "installed again" install --start manual
printf '; mistaken\n\n[room]\ntick_max = 5\n' >"$settings"
fails_to_start 2 'relay.ini:4: [room] tick_max: ' "a broken relay.ini"
reported 'relay.ini" L"4" L"[room] tick_max: ' "a broken relay.ini: so does the Event Log"

write_settings "$settings" 16
start_daemon blocker --config "$settings"
blocker_pid=$pid
sed "s/^port = 0\$/port = ${control##*:}/" "$settings" >"$work_dir/taken.ini"
printf '[server]\nstart_retry = 1s\n' | cat - "$work_dir/taken.ini" >"$settings"
fails_to_start 3 "$control is in use by another program" "a port in use"
reported "$control is in use by another program" "a port in use: so does the Event Log"

# Once nothing is in the way, the old end is forgotten.
kill -INT "$blocker_pid"
wait "$blocker_pid"
expect_service 0 "it starts when the port is free" start
[ ! -e "$data/state/last-end" ] && pass "and the old end is forgotten" || fail "state/last-end is still there"
expect_service 0 "stop" stop
reported 'L"0.' "the Event Log has the start"
uninstall_round
[ -z "$(processes gsrelayd)" ] && pass "no process is left" || fail "a process is left"

finish
