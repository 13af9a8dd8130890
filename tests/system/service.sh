# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of the service on both systems have in common: sixteen players and their commands. Sourced
# after support.sh; the sourcing script has set `players` and `tool`, the paths of the two programs.

# Players that are gone are told of by `players_answer`, not by a signal to this shell.
trap "" PIPE

# players_begin NAME : they connect to $control and stay in their rooms. Sets players_pid.
players_begin() {
    players_name=$1
    rm -f "$work_dir/$players_name.in"
    mkfifo "$work_dir/$players_name.in"
    (program "$players" "$control") <"$work_dir/$players_name.in" >"$work_dir/$players_name.txt" 2>&1 &
    players_pid=$!
    started_pids="$started_pids $players_pid"
    exec 3>"$work_dir/$players_name.in"
    players_answers=0
    wait_for "$players_name.txt" "they are in"
}

# players_tell WORD : gives them a command, without waiting.
players_tell() {
    echo "$1" >&3
    players_answers=$((players_answers + 1))
}

# players_answer WHAT : waits until the last command has been carried out.
players_answer() {
    tries=0
    while :; do
        # Asked first: the last answer may be the last that they do.
        kill -0 "$players_pid" 2>/dev/null && is_there=yes || is_there=no
        if [ "$(grep -c ': done' "$work_dir/$players_name.txt")" -ge "$players_answers" ]; then
            pass "$1"
            return 0
        fi
        tries=$((tries + 1))
        if [ $tries -gt 700 ] || [ $is_there = no ]; then
            fail "$1"
            tail -n 20 "$work_dir/$players_name.txt" >&2
            return 1
        fi
        sleep 0.1
    done
}

# players_do WORD WHAT
players_do() {
    players_tell "$1"
    players_answer "$2"
}

# players_end WHAT : after "over" was told; every one of them has heard of the end.
players_end() {
    wait "$players_pid"
    code=$?
    exec 3>&-
    [ $code -eq 0 ] && pass "$1" || {
        fail "$1: the players ended with $code"
        tail -n 20 "$work_dir/$players_name.txt" >&2
    }
}

# newcomer : whether one more client gets in.
newcomer() {
    program "$tool" ping --count 1 --server "$control" -q </dev/null >"$work_dir/newcomer.txt" 2>&1
}

expect_newcomer() {
    newcomer && pass "$1" || {
        fail "$1"
        cat "$work_dir/newcomer.txt" >&2
    }
}

expect_no_newcomer() {
    newcomer && fail "$1" || pass "$1"
}

# write_settings FILE CONNECTIONS LINE... : a relay.ini in which one address may have so many connections.
write_settings() {
    settings_file=$1
    settings_connections=$2
    shift 2
    {
        printf '%s\n' "$@"
        printf '[control]\nport = 0\nconnections_per_ip = %s\n' "$settings_connections"
        printf '[udp]\nport = 0\nchallenge_per_ip_s = 10000\n'
    } >"$settings_file"
}
