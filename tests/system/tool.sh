#!/bin/sh
# SPDX-License-Identifier: MIT
# The `gsrelay` command as its user meets it: two terminals, pipes, tickets, mistakes and exit codes.
#
# usage: tool.sh WORK_DIR DAEMON TOOL
set -u
work_dir=$1
daemon=$2
tool=$3
. "$(dirname "$0")/support.sh"

free_ports="--set udp.port=0 --set control.port=0"
: >"$work_dir/empty.ini"

# begin NAME ARGUMENT... : the tool in the background. What is written to file descriptor 3 is its input
# until end_input; what it says lands in NAME.out and NAME.err. Sets tool_pid.
begin() {
    name=$1
    shift
    mkfifo "$work_dir/$name.in"
    run_tool "$@" <"$work_dir/$name.in" >"$work_dir/$name.out" 2>"$work_dir/$name.err" &
    tool_pid=$!
    started_pids="$started_pids $tool_pid"
}

# run_tool ARGUMENT... : in place of this shell, a minute at most. Nobody keeps the others' inputs open.
run_tool() {
    exec 3>&- 4>&- 5>&- 6>&-
    case $tool in
    *.exe) if command -v wine >/dev/null 2>&1; then set -- "$wine" "$tool" --server "$control" "$@"; fi ;;
    esac
    case $1 in
    "$wine") ;;
    *) set -- "$tool" --server "$control" "$@" ;;
    esac
    exec timeout -k 5 60 "$@"
}

# ends PID CODE WHAT
ends() {
    wait "$1"
    code=$?
    if [ "$code" -eq "$2" ]; then
        pass "$3: exit code $code"
    else
        fail "$3: exit code $code instead of $2"
    fi
}

# tool_code CODE WHAT ARGUMENT... : runs the tool without input to its end; tool.out and tool.err are its.
tool_code() {
    wanted=$1
    what=$2
    shift 2
    (run_tool "$@") </dev/null >"$work_dir/tool.out" 2>"$work_dir/tool.err"
    code=$?
    if [ "$code" -eq "$wanted" ]; then
        pass "$what: exit code $code"
    else
        fail "$what: exit code $code instead of $wanted"
        cat "$work_dir/tool.err" >&2
    fi
}

# say_until FILE LINE : the host says the line until the file has it.
say_until() {
    tries=0
    until grep -q -e "$2" "$work_dir/$1"; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ]; then
            fail "\"$2\" of the host did not come in $1"
            return 1
        fi
        echo "$2" >&3
        sleep 0.1
    done
}

first_line() {
    tr -d '\r' <"$work_dir/$1" | head -n 1
}

# no_text FILE TEXT WHAT
no_text() {
    if grep -F -q -e "$2" "$work_dir/$1"; then
        fail "$3: \"$2\" is in $1"
    else
        pass "$3"
    fi
}

# Every line is one object of strings, numbers and true (RFC 8259), in UTF-8.
expect_json() {
    string='"([^"\\[:cntrl:]]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    pair="$string:($string|-?(0|[1-9][0-9]*)|true|false|null)"
    if [ ! -s "$work_dir/$1" ] ||
        tr -d '\r' <"$work_dir/$1" | LC_ALL=C.UTF-8 grep -a -v -E -q "^\{$pair(,$pair)*\}\$"; then
        fail "$1 is not one JSON object a line"
        cat "$work_dir/$1" >&2
    else
        pass "$1 is one JSON object a line"
    fi
}

# --- Two terminals -------------------------------------------------------------------------------

# shellcheck disable=SC2086
start_daemon open $free_ports --config "$work_dir/empty.ini" --set limits.clients_per_room=4 \
    --set limits.rooms_created_burst=100 --set control.accepts_per_ip_burst=1000 \
    --set room.blob_bytes=64KiB || finish

begin host create
exec 3>"$work_dir/host.in"
wait_for host.err "its host" && wait_for_line host.out || finish
room=$(first_line host.out)
host_pid=$tool_pid
case $room in
*[!2-9CDFHJKMNPQRTVWX]* | "") fail "the first line of create is not a code: $room" ;;
??????) pass "the first line of create is the code" ;;
*) fail "the code has not six symbols: $room" ;;
esac

# A code in lower case and with a hyphen is the same one.
begin guest join "$(echo "$room" | tr 'A-Z' 'a-z' | sed 's/^.../&-/')"
exec 4>"$work_dir/guest.in"
guest_pid=$tool_pid
wait_for guest.err "in room $room as member" || finish
wait_for host.err "joined" || finish
host_id=$(tr -d '\r' <"$work_dir/host.err" | sed -n 's/.*as member \([0-9]*\),.*/\1/p')
guest_id=$(tr -d '\r' <"$work_dir/guest.err" | sed -n 's/.*as member \([0-9]*\).*/\1/p')

echo "from the guest" >&4
wait_for host.out "$guest_id: from the guest" && pass "a line reaches the host"
echo "안녕, from the host" >&3
wait_for guest.out "$host_id: 안녕, from the host" && pass "a line reaches the guest"

# A third one watches; a fourth pipes sixty lines, which is less than a room's ring of stream 0 holds.
begin watcher watch "$room"
exec 5>"$work_dir/watcher.in"
watcher_pid=$tool_pid
wait_for watcher.err "in room" || finish
# Whoever watches shows nothing until it is bound: a line of the host tells.
say_until watcher.out tick || finish
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    echo "line $i of sixty"
done >"$work_dir/sixty.txt"
(run_tool join "$room") <"$work_dir/sixty.txt" >"$work_dir/pipe.out" 2>"$work_dir/pipe.err"
code_of_pipe=$?
[ $code_of_pipe -eq 0 ] || fail "the pipe ended with $code_of_pipe"
for each in host guest watcher; do
    wait_for $each.out "line 60 of sixty"
    tr -d '\r' <"$work_dir/$each.out" | sed -n 's/^[0-9]*: \(line .*\)/\1/p' |
        cmp -s - "$work_dir/sixty.txt" && pass "$each has the sixty lines in order" ||
        fail "$each has not the sixty lines in order"
done
wait_for host.err "left: " && pass "the host hears that the pipe has left"

# Full now: host, guest, watcher and one more.
begin fourth watch "$room"
exec 6>"$work_dir/fourth.in"
fourth_pid=$tool_pid
wait_for fourth.err "in room" || finish
tool_code 1 "a full room" join "$room"
expect_text tool.err "no place left" "it is said"
kill -INT $fourth_pid
ends $fourth_pid 0 "watch, ended with SIGINT"
exec 6>&-

tool_code 0 "send" send "$room" two words
wait_for host.out ": two words" && pass "what was sent arrives"
[ -s "$work_dir/tool.out" ] && fail "send printed something"
tool_code 0 "ping" ping --count 2
[ "$(grep -c 'time=.* ms' "$work_dir/tool.out")" -eq 2 ] && pass "ping prints each time" ||
    fail "ping did not print two times"

# --- Hostile bytes -------------------------------------------------------------------------------

begin json --json -q watch "$room"
exec 6>"$work_dir/json.in"
json_pid=$tool_pid
say_until json.out json-tick || finish
printf 'hostile \033[31m red \377\376 \000 nul \302\233 csi \342\200\256 rtl "quote" \\ end\n' >&4
printf 'good \t "quote" \\ \033[0m 한 end\n' >&4
wait_for host.out "good" || finish
wait_for json.out "good" || finish
expect_text host.out ': hostile \x1B[31m red \xFF\xFE \x00 nul \x9B csi \u{202E} rtl "quote" \ end' \
    "hostile bytes are shown as what they are"
# Nothing but printable ASCII, line ends and the Korean letters is left.
if [ -n "$(sed 's/[안녕한]//g' "$work_dir/host.out" | tr -d '\r' | LC_ALL=C tr -d '\n\040-\176')" ]; then
    fail "bytes that can drive a terminal came through"
else
    pass "no byte that could drive a terminal came through"
fi
expect_text json.out '"hex":"686f7374696c65201b5b33316d20' "what is not text is hexadecimal in JSON"
expect_text json.out '"text":"good \t \"quote\" \\ \u001B[0m 한 end"' "text is escaped in JSON"
head -c 3000 /dev/zero | tr '\000' x >&4
echo >&4
wait_for guest.err "too long for a datagram" && pass "a line that does not fit is told"

# --- The end -------------------------------------------------------------------------------------

exec 4>&-
ends $guest_pid 1 "the guest, whose line was not sent"
wait_for host.err "member $guest_id left: left on its own" && pass "the host hears of it"
exec 3>&-
ends $host_pid 0 "the host, at the end of its input"
wait_for watcher.err "we are the host now" && pass "the watcher hears that it is the host"
watcher_id=$(tr -d '\r' <"$work_dir/watcher.err" | sed -n 's/.*as member \([0-9]*\).*/\1/p')
wait_for json.out "\"host_changed\",\"host\":$watcher_id,\"host_epoch\":2" &&
    pass "JSON has the new host and its epoch"
kill -INT $json_pid
ends $json_pid 0 "watch --json"
exec 6>&-
expect_json json.out
expect_text json.out '"event":"joined"' "JSON has the joining"
expect_text json.out '"event":"member_left"' "JSON has the leaving"
[ -s "$work_dir/json.err" ] && fail "-q was not quiet"

# --- A host that is killed ------------------------------------------------------------------------

# Both its connection and its datagrams end; it is a member still when another one is host.
begin doomed create --election lowest_rtt
exec 3>"$work_dir/doomed.in"
doomed_pid=$tool_pid
wait_for_line doomed.out || finish
begin witness watch "$(first_line doomed.out)"
exec 4>"$work_dir/witness.in"
witness_pid=$tool_pid
wait_for witness.err "in room" || finish
# timeout(1) leads a group of its own.
kill -KILL -"$doomed_pid"
wait_for witness.err "we are the host now" && pass "a host that is killed is followed at once"
no_text witness.err "left:" "and is still a member"
kill -INT $witness_pid
ends $witness_pid 0 "the witness"
exec 3>&- 4>&-

# --- What a host leaves for the next one -----------------------------------------------------------

head -c 65536 /dev/urandom >"$work_dir/saved"
begin saver create --blob "$work_dir/saved"
exec 3>"$work_dir/saver.in"
saver_pid=$tool_pid
wait_for saver.err "the relay keeps" && wait_for_line saver.out || finish
begin heir watch "$(first_line saver.out)" --blob-out "$work_dir/heritage"
exec 4>"$work_dir/heir.in"
heir_pid=$tool_pid
wait_for heir.err "in room" || finish
exec 3>&-
ends $saver_pid 0 "the host that has left a file"
wait_for heir.err "what the host before us has left" || finish
expect_text heir.err "we are the host now" "it is told that it is the host"
cmp -s "$work_dir/saved" "$work_dir/heritage" && pass "the next host has it byte for byte" ||
    fail "what the next host has is not what the one before has left"
kill -INT $heir_pid
ends $heir_pid 0 "the next host"
exec 4>&-
head -c 65537 /dev/zero >"$work_dir/too_large"
tool_code 2 "a file that is too large" create --blob "$work_dir/too_large"
expect_text tool.err "larger than 64 KiB" "it is said"
: >"$work_dir/empty"
tool_code 2 "an empty file to leave" create --blob "$work_dir/empty"
expect_text tool.err "nothing to leave" "it is said"
tool_code 2 "a file to leave that is not there" create --blob "$work_dir/no_such_file"

# --- Mistakes ------------------------------------------------------------------------------------

tool_code 1 "a code of no room" join 222222
expect_text tool.err "no room has this code" "it is said"
tool_code 2 "what cannot be a code" join 'AEI!OU'
tool_code 2 "an unknown command" shout
tool_code 2 "an unknown option" create --loud
tool_code 2 "retaining on stream 0" create --retain
tool_code 2 "a ticket file that is not there" create --ticket-file "$work_dir/none.ticket"
expect_text tool.err "none.ticket" "it is named"
tool_code 0 "--help" --help
expect_text tool.out "Exit codes: 0 done" "the help documents the exit codes"

# --- Tickets -------------------------------------------------------------------------------------

(umask 077 && program "$daemon" --genkey | tr -d '\r' >"$work_dir/secrets")
chmod 600 "$work_dir/secrets"
mint() { # FILE ARGUMENT...
    file=$1
    shift
    (run_tool ticket --secret-file "$work_dir/secrets" "$@") </dev/null 2>"$work_dir/tool.err" |
        tr -d '\r' >"$work_dir/$file"
    [ -s "$work_dir/$file" ] || fail "no ticket: $(cat "$work_dir/tool.err")"
}
mint all.ticket --client player-1
mint short.ticket --client player-2 --expires 1s
mint join.ticket --client player-3 --grant "join=*"
mint long.ticket --client player-4 --expires 2d

# Here no ticket is wanted, and the client does not fall back to none.
tool_code 3 "a ticket where none is wanted" create --ticket-file "$work_dir/all.ticket"
expect_text tool.err "ticket" "it is said"
begin last create
exec 3>"$work_dir/last.in"
wait_for_line last.out || finish
last_pid=$tool_pid
stop_daemon INT
ends $last_pid 1 "a member when the relay stops"
exec 3>&-
expect_text last.err "the relay stops in" "it was told before"
expect_text last.err "the relay stopped" "and why it ended"
ends $watcher_pid 1 "watch when the relay stops"
exec 5>&-
tool_code 3 "no relay there" ping
expect_text tool.err "is gsrelayd running there?" "it is said"
expect_text tool.err "$control" "the address is named"

# shellcheck disable=SC2086
start_daemon ticket $free_ports --config "$work_dir/empty.ini" --set auth.mode=ticket \
    --set "auth.secret_file=$work_dir/secrets" --set auth.clock_skew=off --set auth.fail_limit=100 ||
    finish
tool_code 3 "no ticket" create
expect_text tool.err "give one with --ticket-file" "it is said what to do"
begin owner create --ticket-file "$work_dir/all.ticket"
exec 3>"$work_dir/owner.in"
owner_pid=$tool_pid
wait_for_line owner.out || finish
room=$(first_line owner.out)
expiry=$(cut -d: -f3 "$work_dir/short.ticket")
until [ "$(date +%s)" -gt "$expiry" ]; do
    sleep 0.2
done
tool_code 3 "an expired ticket" join "$room" --ticket-file "$work_dir/short.ticket"
tool_code 3 "a ticket that lives too long" join "$room" --ticket-file "$work_dir/long.ticket"
sed 's/player-1/player-9/' "$work_dir/all.ticket" >"$work_dir/forged.ticket"
tool_code 3 "a forged ticket" join "$room" --ticket-file "$work_dir/forged.ticket"
tool_code 0 "a ticket that may join" send "$room" hi --ticket-file "$work_dir/join.ticket"
tool_code 1 "it may not create" create --ticket-file "$work_dir/join.ticket"
expect_text tool.err "the ticket does not grant this" "it is said"
mint other.ticket --client player-5 --grant "join=222222"
tool_code 1 "a ticket for another room" join "$room" --ticket-file "$work_dir/other.ticket"
# The newest session of a client id wins.
tool_code 0 "the same ticket again" send "$room" hi --ticket-file "$work_dir/all.ticket"
ends $owner_pid 1 "the session before it"
exec 3>&-
expect_text owner.err "the same client id began a newer session" "it is told why"
stop_daemon INT
for reason in ticket_expired ticket_age refused not_permitted replaced; do
    grep -q "reason=$reason" "$work_dir/ticket.log" || fail "the log does not say $reason"
done
key=$(sed 's/.* = //' "$work_dir/secrets")
no_text ticket.log "$key" "the secret is not in the log"
no_text ticket.log "$(sed 's/.* //' "$work_dir/all.ticket")" "nor is the ticket's key"

for each in open ticket; do
    sh "$(dirname "$0")/check_run.sh" "$(dirname "$0")/../../proto/reason.h" "$work_dir/$each.log" ||
        fail "the ledgers of $each"
done
finish
