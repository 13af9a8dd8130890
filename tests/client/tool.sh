#!/bin/sh
# SPDX-License-Identifier: MIT
# The gsrelay command where no relay is needed: mistakes, exit codes, tickets.
#
# usage: tool.sh WORK_DIR GSRELAY
set -u
work=$1 tool=$2
wine=$(cd "$(dirname "$0")/../../scripts" && pwd)/wine
rm -rf "$work"
mkdir -p "$work"
failures=0

run() {
    case $tool in
    *.exe) if command -v wine >/dev/null 2>&1; then "$wine" "$tool" "$@"; else "$tool" "$@"; fi ;;
    *) "$tool" "$@" ;;
    esac </dev/null >"$work/out" 2>"$work/err"
}

# expect CODE TEXT WHAT ARGUMENT... : the exit code, and a text on one of the outputs.
expect() {
    wanted=$1 text=$2 what=$3
    shift 3
    run "$@"
    code=$?
    if [ "$code" -eq "$wanted" ] && cat "$work/out" "$work/err" | grep -F -q -e "$text"; then
        echo "ok: $what"
    else
        echo "FAILED: $what: exit code $code, and this:" >&2
        cat "$work/out" "$work/err" >&2
        failures=$((failures + 1))
    fi
}

expect 0 "gsrelay 0." "--version" --version
expect 0 "Exit codes" "--help" --help
expect 2 "a command is missing" "nothing"
expect 2 "there is no command: fly" "an unknown command" fly
expect 2 "there is no option: --fly" "an unknown option" --fly
expect 2 "cannot be a room's code" "a code that is none" join 'AEIOU!'
expect 2 "HOST:PORT" "a server that is none" --server 'a:b:c' ping
expect 3 "is gsrelayd running there?" "a relay that is not there" --server 127.0.0.1:1 ping
expect 3 "could not find" "a name that is none" --server 'no such name' create
expect 2 "could not read the ticket file" "a ticket file that is missing" -t "$work/none" ping
: >"$work/empty"
expect 2 "is empty" "an empty ticket file" -t "$work/empty" ping
echo "not a ticket" >"$work/bad"
expect 2 "is not a ticket" "a file that holds no ticket" -t "$work/bad" ping

secret=1f2e3d4c5b6a79880123456789abcdef1f2e3d4c5b6a79880123456789abcdef
printf 'main = %s\n' "$secret" >"$work/secret"
chmod 600 "$work/secret"
expect 0 "gsr1:main:" "a ticket" ticket --secret-file "$work/secret" --client me --expires 10m
cp "$work/out" "$work/ticket"
expect 3 "is gsrelayd running there?" "the ticket is read" -t "$work/ticket" --server 127.0.0.1:1 ping
expect 0 ":me:join=CDF*" "a grant" ticket --secret-file "$work/secret" --client me --grant 'join=cdf*'
expect 2 "a grant is" "a grant that is none" ticket --secret-file "$work/secret" --grant fly
expect 2 "no secret named other" "a key id that is not there" ticket --secret-file "$work/secret" --key-id other
expect 2 "could not read the secret file" "a secret file that is missing" ticket --secret-file "$work/none"
expect 2 "$work/bad" "a secret file that is none" ticket --secret-file "$work/bad"
expect 2 "--client is" "a client id that is none" ticket --secret-file "$work/secret" --client 'a b'
if grep -F -q "$secret" "$work/out" "$work/err" "$work/ticket"; then
    echo "FAILED: a secret was printed" >&2
    failures=$((failures + 1))
fi

# HMAC-SHA256 by another program: docs/PROTOCOL.md 4.
if command -v openssl >/dev/null 2>&1; then
    name=$(tr -d '\r' <"$work/ticket" | cut -d' ' -f1)
    key=$(printf 'gsr1-ticket%s' "$name" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" | sed 's/.* //')
    if [ "$(tr -d '\r' <"$work/ticket" | cut -d' ' -f2)" = "$key" ]; then
        echo "ok: the key is the one that openssl derives"
    else
        echo "FAILED: openssl derives another key" >&2
        failures=$((failures + 1))
    fi
fi

[ "$failures" -eq 0 ]
