#!/bin/sh
# SPDX-License-Identifier: MIT
# Standard input from a pipe, as bytes, to its end, and standard error. "$@" is the program, with what it takes to run it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'one\n\353\221\230\r\nthree' | "$@" --echo >"$folder/out"
printf 'one\n\353\221\230\r\nthree[0]' | cmp - "$folder/out"
printf '' | "$@" --echo >"$folder/out"
printf '[0]' | cmp - "$folder/out"
"$@" --complain 2>"$folder/out"
printf 'one\n\353\221\230\r\n' | cmp - "$folder/out"
if "$@" --complain 2>/dev/full; then
    echo "a full standard error takes no bytes, but it says so"
    exit 1
fi
echo "streams carry bytes unchanged"
