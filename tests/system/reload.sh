#!/bin/sh
# SPDX-License-Identifier: MIT
# Settings and secrets change while clients play, files are broken, a share does not answer, the log's file is
# moved away, and in the end the relay drains: they play on.
#
# usage: reload.sh WORK_DIR DAEMON GSRELAY_RELOAD TOOL
set -u
work_dir=$1
daemon=$2
player=$3
tool=$4
. "$(dirname "$0")/support.sh"
# A player that is gone is a failure that is told, not the end of this script: the relay must be ended too.
trap "" PIPE

# count NAME TEXT
count() {
    grep -c -F -e "$2" "$work_dir/$1.log"
}

# reload NAME EVENT WHAT : SIGHUP, and waits for one more line of that event.
reload() {
    before=$(count "$1" "evt=$2")
    kill -HUP "$pid"
    tries=0
    while [ "$(count "$1" "evt=$2")" -le "$before" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "$3: no evt=$2"
            tail -n 20 "$work_dir/$1.log" >&2
            return 1
        fi
        sleep 0.05
    done
    pass "$3: evt=$2"
}

# they WORD... ANSWER : tells the players, and waits for one more of their answers.
they() {
    before=$(grep -c -F -x -e "$2" "$work_dir/players.txt")
    echo "$1" >&3
    tries=0
    while [ "$(grep -c -F -x -e "$2" "$work_dir/players.txt")" -le "$before" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 1200 ] || ! kill -0 "$player_pid" 2>/dev/null; then
            fail "$3"
            cat "$work_dir/players.txt" >&2
            return 1
        fi
        sleep 0.05
    done
    pass "$3"
}

# file NAME : what comes on standard input, in one piece.
file() {
    cat >"$work_dir/$1.new"
    mv "$work_dir/$1.new" "$work_dir/$1"
}

# --- Settings ------------------------------------------------------------------------------------

ports="[udp]
port = 0
workers = 2
challenge_per_ip_s = 10000
[control]
port = 0"
echo "$ports" | file game.ini
start_daemon game --config "$work_dir/game.ini" || finish
mkfifo "$work_dir/players.in"
"$player" "$control" <"$work_dir/players.in" >"$work_dir/players.txt" 2>&1 &
player_pid=$!
started_pids="$started_pids $player_pid"
exec 3>"$work_dir/players.in"
wait_for players.txt "they play" || finish
they play played "they play"

printf '%s\n[limits]\nclient_datagrams_s = 20\nclient_datagrams_burst = 40\nmax_rooms = 7\n' "$ports" | file game.ini
reload game reloaded "a lower limit"
expect_text game.log "changed=limits.client_datagrams_s,limits.client_datagrams_burst" "the changed keys are named"
wait_for game.log "evt=restart_needed keys=limits.max_rooms" && pass "and what needs a restart"
they "limited 20" "limited 20" "members of both workers meet the new limit"

printf '%s\n[limits]\nclient_datagrams_s = 2000\nclient_datagrams_burst = 1\nmax_room = 3\n' "$ports" | file game.ini
reload game reload_refused "a broken file"
# The lines of the file are counted from 1: 6 before [limits].
expect_text game.log 'game.ini line=9 text="[limits] client_datagrams_burst:' "the first mistake has its place"
expect_text game.log 'game.ini line=10 text="[limits] max_room: there is no such key' "and the second one"
they "limited 20" "limited 20" "the old limit goes on"

rm "$work_dir/game.ini"
reload game reload_refused "no file"
expect_text game.log "the file cannot be opened" "it is said"

echo "$ports" | file game.ini
reload game reloaded "the first settings again"
they play played "they play on as at first"

for number in 1 2 3 4 5 6 7 8 9 10; do
    printf '%s\n[limits]\nclient_datagrams_s = 12%s\n' "$ports" "$((number % 10))" | file game.ini
    kill -HUP "$pid"
done
printf '%s\n[udp.x]\n' "$ports" | file game.ini
reload game reload_refused "many reloads, a broken one last"
they play played "they play on after them"

# A share that does not answer: the reader waits for somebody to write.
rm "$work_dir/game.ini"
mkfifo "$work_dir/game.ini"
before=$(count game "evt=reloading")
kill -HUP "$pid"
while [ "$(count game "evt=reloading")" -le "$before" ]; do sleep 0.05; done
they play played "they play while the file does not come"
before=$(count game "evt=counters scope=worker")
kill -USR2 "$pid"
while [ "$(count game "evt=counters scope=worker")" -le "$before" ]; do sleep 0.05; done
pass "and the control thread serves"
before=$(count game "evt=reloaded")
printf '%s\n[log]\nlevel = warn\n' "$ports" >"$work_dir/game.ini"
wait_for game.log "evt=reloading" # The level has silenced what would follow.
rm "$work_dir/game.ini"
echo "$ports" | file game.ini
reload game reloaded "the file has come, and another one"

# --- Drain ---------------------------------------------------------------------------------------

kill -QUIT "$pid"
wait_for game.log "evt=draining rooms=2" && pass "SIGQUIT begins the drain"
reload game reloaded "a reload during the drain"
they drain drained "nobody new, members come and go, and all hear of the end"
wait_for game.log "evt=stopped"
wait "$pid"
code=$?
[ $code -eq 0 ] && pass "the drain ends with 0" || fail "the drain ends with $code"
exec 3>&-
wait "$player_pid"
code=$?
[ $code -eq 0 ] && pass "every member is content" || {
    fail "the players ended with $code"
    cat "$work_dir/players.txt" >&2
}
sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/game.log" || fail "the ledgers"

# --- Drain with a bound --------------------------------------------------------------------------

start_daemon bounded --config "$work_dir/game.ini" --set server.drain_wait=1s --set server.drain_timeout=2s
mkfifo "$work_dir/bounded.in"
"$tool" --server "$control" create <"$work_dir/bounded.in" >"$work_dir/bounded.txt" 2>"$work_dir/bounded.err" &
tool_pid=$!
started_pids="$started_pids $tool_pid"
exec 3>"$work_dir/bounded.in"
wait_for_line bounded.txt
kill -QUIT "$pid"
wait "$pid"
code=$?
[ $code -eq 0 ] && pass "server.drain_wait ends a drain, with 0" || fail "a bounded drain ends with $code"
expect_text bounded.log "evt=draining rooms=1 wait=1000ms" "the bound is logged"
exec 3>&-
wait "$tool_pid"
expect_text bounded.err "the relay stops in" "the command tells its user"

# --- Secrets -------------------------------------------------------------------------------------

# secrets ID...
secrets() {
    for id in "$@"; do
        printf '%s = ' "$id"
        cat "$work_dir/$id.hex"
    done >"$work_dir/secrets.new"
    chmod 600 "$work_dir/secrets.new"
    mv "$work_dir/secrets.new" "$work_dir/secrets"
}

mint() { # ID : a ticket that the secret ID signed.
    (umask 077 && { printf '%s = ' "$1" && cat "$work_dir/$1.hex"; } >"$work_dir/$1.secret")
    "$tool" ticket --secret-file "$work_dir/$1.secret" --client "$1" >"$work_dir/$1.ticket" || fail "no ticket"
}

for id in old new; do
    "$daemon" --genkey | sed 's/.* = //' >"$work_dir/$id.hex"
    mint "$id"
done
secrets old
printf '%s\n[auth]\nmode = ticket\nsecret_file = %s\n' "$ports" "$work_dir/secrets" | file tickets.ini
start_daemon tickets --config "$work_dir/tickets.ini" || finish
mkfifo "$work_dir/owner.in"
"$tool" --server "$control" --ticket-file "$work_dir/old.ticket" create <"$work_dir/owner.in" \
    >"$work_dir/owner.txt" 2>"$work_dir/owner.err" &
owner_pid=$!
started_pids="$started_pids $owner_pid"
exec 3>"$work_dir/owner.in"
wait_for_line owner.txt
room=$(head -n 1 "$work_dir/owner.txt")

# may ID : whether that ticket is good.
may() {
    "$tool" --server "$control" --ticket-file "$work_dir/$1.ticket" -q send "$room" "from $1" \
        >"$work_dir/may.txt" 2>&1
}

may new && fail "a secret that is not there yet is good" || pass "the new secret is not there yet"
secrets old new
reload tickets reloaded "one secret more"
expect_text tickets.log "secrets=2" "it is counted"
may new && pass "the new secret is good" || fail "the new secret is not good"
secrets new
reload tickets reloaded "the old secret is gone"
may old && fail "the old secret is still good" || pass "it is good no more"
chmod 644 "$work_dir/secrets"
reload tickets reload_refused "a file of secrets that others may read"
secrets new
echo "x" >>"$work_dir/secrets"
reload tickets reload_refused "a broken file of secrets"
expect_text tickets.log 'secrets line=2 text=' "it has its place"
may new && pass "the secrets in force go on" || fail "the secrets in force are gone"
kill -0 "$owner_pid" && pass "who came with the old one is still there" || fail "who came with the old one is gone"
wait_for owner.txt "from new" && pass "and hears the others"
if grep -q -F -f "$work_dir/new.hex" "$work_dir/tickets.log"; then fail "a secret is in the log"; fi
exec 3>&-
stop_daemon TERM

# --- The log -------------------------------------------------------------------------------------

start_daemon file --config "$work_dir/game.ini" --set "log.file=$work_dir/relay.txt"
wait_for relay.txt "evt=ready"
mv "$work_dir/relay.txt" "$work_dir/moved.txt"
kill -USR1 "$pid"
wait_for relay.txt "evt=log_reopened" && pass "SIGUSR1 opens the log's file anew"
stop_daemon INT
expect_text relay.txt "evt=stopped" "and the log goes on there"
finish
