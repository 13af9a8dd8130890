#!/bin/sh
# SPDX-License-Identifier: MIT
# gsrelayd as its operator meets it: options, mistakes, exit codes, signals.
#
# usage: command_line.sh WORK_DIR DAEMON SHIPPED_INI
set -u
work_dir=$1
daemon=$2
shipped_ini=$3
. "$(dirname "$0")/support.sh"

is_windows=no
case $daemon in *.exe) is_windows=yes ;; esac
free_ports="--set udp.port=0 --set control.port=0"

# --- Questions -----------------------------------------------------------------------------------

expect_code 0 "--version" --version
expect_text out.txt "gsrelayd " "it names itself"
expect_code 0 "--help" --help
expect_text out.txt "--check-config" "the help lists the options"
expect_code 0 "--dump-defaults" --dump-defaults
if cmp -s "$work_dir/out.txt" "$shipped_ini"; then
    pass "the shipped relay.ini is what --dump-defaults prints"
else
    fail "the shipped relay.ini differs from --dump-defaults"
fi
expect_code 0 "the shipped relay.ini" --check-config --config "$shipped_ini"
expect_code 0 "--genkey" --genkey
if program "$daemon" --genkey </dev/null >/dev/full 2>/dev/null; then
    fail "--genkey on a full disk claims that the key was written"
else
    pass "--genkey on a full disk fails"
fi
expect_code 0 "--dump-config" --dump-config --set udp.port=7000
expect_text out.txt "7000" "what was set is in the dump"

# --- Mistakes ------------------------------------------------------------------------------------

expect_code 2 "an unknown option" --prot
expect_text err.txt "--prot" "it is named"
expect_code 2 "a file that is not there" --config "$work_dir/none.ini"
expect_text err.txt "none.ini" "it is named"
printf '[udp]\nprot = 1\nport = 65536\n[control]\nport = 0x50\n' >"$work_dir/bad.ini"
expect_code 2 "a file with three mistakes" --config "$work_dir/bad.ini"
expect_text err.txt "bad.ini:2:" "the first has its line"
expect_text err.txt 'did you mean "port"' "and a suggestion"
expect_text err.txt "bad.ini:3:" "the second has its line"
expect_text err.txt "bad.ini:5:" "the third has its line"
[ -s "$work_dir/out.txt" ] && fail "something was printed on standard output"
expect_text err.txt "nothing was started" "what came of it"
expect_code 2 "--check-config finds the same" --check-config --config "$work_dir/bad.ini"
expect_text err.txt "no relay starts with this configuration" "what would come of it"
expect_code 2 "an open relay on a public address" --set server.listen=0.0.0.0
expect_text err.txt "server.allow_open_public" "the key that allows it is named"
expect_code 2 "more memory than allowed" --set server.memory_max=16MiB
expect_text err.txt "server.memory_max" "the key is named"
expect_code 2 "ticket mode without secrets" --set auth.mode=ticket
expect_text err.txt "auth.secret_file" "the key is named"
# shellcheck disable=SC2086
expect_code 3 "an address of somebody else" $free_ports --set server.listen=192.0.2.1 \
    --set server.allow_open_public=yes
expect_text err.txt "192.0.2.1" "the address is named"
expect_text err.txt "server.listen" "and the key"

mkdir "$work_dir/설정 파일"
printf '[udp]\nport = 0\n[control]\nport = 0\n' >"$work_dir/설정 파일/relay.ini"
expect_code 0 "a path with Korean letters and a space" --check-config \
    --config "$work_dir/설정 파일/relay.ini"

# --- Life ----------------------------------------------------------------------------------------

# shellcheck disable=SC2086
if start_daemon first --config "$work_dir/설정 파일/relay.ini"; then
    expect_code 3 "a UDP port in use" --set control.port=0 --set "udp.port=${udp##*:}"
    expect_text err.txt "$udp" "the address is named"
    expect_text err.txt "udp.port" "and the key"
    expect_code 3 "a TCP port in use" --set udp.port=0 --set "control.port=${control##*:}"
    expect_text err.txt "$control" "the address is named"
    expect_text err.txt "control.port" "and the key"
    if [ $is_windows = no ]; then
        kill -USR2 "$pid"
        wait_for first.log "evt=counters" && pass "SIGUSR2 writes the counters"
    fi
    stop_daemon INT
    [ "$(wc -l <"$work_dir/first.out")" -eq 1 ] || fail "standard output has more than one line"
    expect_text first.log "evt=stopped" "it says that it has stopped"
    expect_text first.log "evt=counters" "and its counters"
fi
if [ $is_windows = no ]; then
    # shellcheck disable=SC2086
    start_daemon second $free_ports --config "$work_dir/설정 파일/relay.ini" && stop_daemon TERM &&
        pass "SIGTERM stops it"
    # The ports of the first are free again at once.
    start_daemon third --config "$work_dir/설정 파일/relay.ini" --set "udp.port=${udp##*:}" \
        --set "control.port=${control##*:}" && stop_daemon INT && pass "its ports are free at once"
    (
        ulimit -n 64
        # shellcheck disable=SC2086
        exec "$daemon" $free_ports >"$work_dir/few.out" 2>"$work_dir/few.txt" </dev/null
    )
    [ $? -eq 4 ] || fail "too few handles: not exit code 4"
    expect_text few.txt "control.max_connections" "too few handles: the key is named"
fi
# shellcheck disable=SC2086
start_daemon many $free_ports --set udp.workers=3 --config "$work_dir/설정 파일/relay.ini" &&
    stop_daemon INT && pass "three workers"

finish
