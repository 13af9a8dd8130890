#!/bin/sh
# SPDX-License-Identifier: MIT
# The log file of a real daemon: it rotates, is renamed by others, and stands on a disk that is full for a
# while. No line may be missing: the counters of the log say how many lines came before the three last of
# their report, of which they are the third.
#
# usage: log_file.sh WORK_DIR DAEMON
set -u
work_dir=$1
daemon=$2
pid=
# shellcheck source=tests/system/support.sh
. "$(dirname "$0")/support.sh"

# ask_counters TIMES : each is some 2.5 KiB of log.
ask_counters() {
    asked=0
    while [ "$asked" -lt "$1" ]; do
        asked=$((asked + 1))
        kill -USR2 "$pid"
        sleep 0.02
    done
}

# expect_whole WHAT FILE... : the files, in this order, hold every line there ever was.
expect_whole() {
    what=$1
    shift
    cat "$@" >"$work_dir/all.txt"
    if awk '!/^ts=.* level=[a-z]+ evt=/ { bad++ }
            / scope=log / { line = NR; split($0, part, " written="); written = part[2] + 0; lost = /lost=[1-9]/ }
            END { exit !(bad == 0 && line > 0 && line == written + 3 && !lost && /evt=stopped/) }' "$work_dir/all.txt"; then
        pass "$what: every line is there and whole"
    else
        fail "$what: lines are missing or cut"
        tail -n 3 "$work_dir/all.txt" >&2
    fi
}

printf '[udp]\nport = 0\n[control]\nport = 0\n[log]\nfile = 기록/relay.log\nfile_size = 16KiB\nfile_count = 100\n' \
    >"$work_dir/relay.ini"
log="$work_dir/기록/relay.log"
if start_daemon rotate --config "$work_dir/relay.ini"; then
    ask_counters 40
    stop_daemon INT
    [ -f "$log.2" ] || fail "nothing was rotated"
    [ "$(stat -c %s "$log.1")" -le 16384 ] || fail "a file is larger than log.file_size"
    set --
    number=100
    while [ "$number" -gt 0 ]; do
        [ -f "$log.$number" ] && set -- "$@" "$log.$number"
        number=$((number - 1))
    done
    expect_whole "rotation" "$@" "$log"
    expect_text rotate.log "evt=ready" "what is notable is on standard error, too"
    grep -q "evt=counters" "$work_dir/rotate.log" && fail "so are the counters"
fi

rm -rf "$work_dir/기록"
if start_daemon rename --config "$work_dir/relay.ini" --set log.file_size=10MiB; then
    ask_counters 3
    mv "$log" "$log.old"
    kill -USR1 "$pid"
    wait_for "기록/relay.log" "evt=log_reopened" && pass "SIGUSR1 begins a new file"
    ask_counters 3
    stop_daemon INT
    expect_whole "a rename by others" "$log.old" "$log"
fi

# A disk of its own, which nobody else sees.
mkdir "$work_dir/disk"
if ! unshare -m true 2>/dev/null; then
    echo "no mount namespaces here: the full disk is left out"
    finish
fi
cat >"$work_dir/on_a_disk" <<END
#!/bin/sh
mount -t tmpfs -o size=64k tmpfs "$work_dir/disk" && exec "$daemon" "\$@"
END
cat >"$work_dir/disk_daemon" <<END
#!/bin/sh
exec unshare -m sh "$work_dir/on_a_disk" "\$@"
END
chmod +x "$work_dir/disk_daemon"
daemon="$work_dir/disk_daemon"
if start_daemon full --config "$work_dir/relay.ini" --set "log.file=$work_dir/disk/relay.log" \
    --set log.file_size=10MiB; then
    disk="/proc/$pid/root$work_dir/disk"
    dd if=/dev/zero of="$disk/fill" bs=1k count=100 2>/dev/null
    ask_counters 10
    wait_for full.log "evt=log_stuck" && pass "a full disk is told on standard error"
    expect_text full.log "$work_dir/disk/relay.log" "with the file's name"
    [ "$(tail -c 1 "$disk/relay.log" | od -An -c | tr -d ' ')" = '\n' ] || fail "a line is cut"
    rm "$disk/fill"
    wait_for full.log "evt=log_lost" && pass "and that it is over"
    cp "$disk/relay.log" "$work_dir/before.log"
    kill -INT "$pid"
    # The disk goes with the last process on it; what the file held is read while the daemon stops.
    exec 3<"$disk/relay.log"
    wait "$pid" || fail "it did not end with 0"
    cat <&3 >"$work_dir/full.txt"
    exec 3<&-
    expect_whole "a full disk" "$work_dir/full.txt"
fi
finish
