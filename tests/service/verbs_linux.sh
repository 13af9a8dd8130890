#!/bin/sh
# SPDX-License-Identifier: MIT
# The verbs of "gsrelayd service" on Linux, against a systemctl that says what the test wants it to.
#
# usage: verbs_linux.sh WORK_DIR GSRELAYD
set -u
work=$1
relay=$2
rm -rf "$work"
mkdir -p "$work/bin" || exit 1
failures=0

cat >"$work/bin/systemctl" <<'FAKE'
#!/bin/sh
[ "$1 $2 $3" = "show --property=LoadState,MainPID --" ] || exit 90
echo "$4" >>"$FAKE_DIR/asked"
[ ! -f "$FAKE_DIR/fails" ] || { echo "System has not been booted with systemd" >&2; exit 1; }
cat "$FAKE_DIR/answer"
FAKE
chmod +x "$work/bin/systemctl"
export FAKE_DIR="$work"
export PATH="$work/bin:$PATH"

wrong() {
    echo "wrong: $*"
    failures=$((failures + 1))
}

# expect CODE TEXT ARGS... : the exit code, and a text in what it says.
expect() {
    code=$1
    text=$2
    shift 2
    "$relay" service "$@" >"$work/said" 2>&1 </dev/null
    got=$?
    [ "$got" -eq "$code" ] || wrong "service $*: ended with $got, not $code: $(cat "$work/said")"
    grep -qF -- "$text" "$work/said" || wrong "service $*: does not say \"$text\": $(cat "$work/said")"
}

answer() {
    printf 'LoadState=%s\nMainPID=%s\n' "$1" "$2" >"$work/answer"
}

# A process that notes its signals. The shell starts what runs in the background deaf to SIGQUIT, for ever;
# env undoes that.
cat >"$work/target" <<'TARGET'
trap 'echo HUP >>"$FAKE_DIR/signals"' HUP
trap 'echo QUIT >>"$FAKE_DIR/signals"' QUIT
trap 'echo USR1 >>"$FAKE_DIR/signals"' USR1
: >"$FAKE_DIR/listening"
while [ ! -f "$FAKE_DIR/done" ]; do sleep 0.05; done
TARGET
env --default-signal=QUIT sh "$work/target" &
target=$!
trap ': >"$work/done"; wait "$target"' EXIT
tries=0
while [ ! -f "$work/listening" ] && [ "$tries" -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done

await_signal() {
    tries=0
    until [ "$(tail -n 1 "$work/signals" 2>/dev/null)" = "$1" ]; do
        sleep 0.05
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { wrong "no $1 came"; return; }
    done
}

answer loaded "$target"
expect 0 "gsrelayd.service: asked to read its configuration again; what came of it: journalctl -u gsrelayd.service" reload
await_signal HUP
expect 0 "gsrelayd.service: asked to drain" drain
await_signal QUIT
expect 0 "relay@eu1.service: asked to reopen its log" reopen-log --name relay@eu1
await_signal USR1
[ "$(tr '\n' ' ' <"$work/asked")" = "gsrelayd.service gsrelayd.service relay@eu1.service " ] ||
    wrong "asked for $(cat "$work/asked")"
expect 0 "eu.service: asked" reload --name eu.service
await_signal HUP

answer not-found 0
expect 1 "systemd knows no unit nosuch.service" reload --name nosuch
answer loaded 0
expect 1 "gsrelayd.service is not running: systemctl start gsrelayd.service" drain
# A process that has ended: its id is free.
sh -c 'exit 0' &
gone=$!
wait "$gone"
answer loaded "$gone"
expect 1 "took no signal: No such process" reload
if [ "$(id -u)" -ne 0 ]; then
    answer loaded 1
    expect 1 "run this as root" reload
fi
answer loaded "12x"
expect 1 "does not tell the main process" reload
answer loaded ""
expect 1 "does not tell the main process" reload
: >"$work/answer"
expect 1 "does not tell the main process" reload
: >"$work/fails"
expect 1 "has not been booted with systemd" reload
expect 1 "systemctl show gsrelayd.service failed with 1" reload
rm "$work/fails"
expect 2 "cannot be the name of a unit" reload --name "a b"
expect 2 "cannot be the name of a unit" reload --name=-x

expect 2 "on Linux systemd does this: systemctl start gsrelayd.service" start
expect 2 "systemctl status eu.service" status --name eu
expect 2 "systemctl restart gsrelayd.service" restart
expect 2 "systemctl stop gsrelayd.service" stop
expect 2 "apt install" install
expect 2 "apt remove" uninstall
expect 2 "did you mean install?" instal
expect 2 "a verb is missing"
expect 0 "reopen-log" --help

PATH=$work/nothing
answer loaded "$target"
expect() {
    "$relay" service "$3" >"$work/said" 2>&1 </dev/null
    [ $? -eq "$1" ] || failures=$((failures + 1))
    while read -r line; do
        case "$line" in *"$2"*) return ;; esac
    done <"$work/said"
    echo "wrong: without systemctl it does not say \"$2\""
    failures=$((failures + 1))
}
expect 1 "systemctl cannot be run (No such file or directory); without systemd send the signal" reload
PATH=/usr/bin:/bin
[ "$failures" -eq 0 ] && echo "every verb does what it should"
exit $((failures > 0))
