#!/bin/sh
# SPDX-License-Identifier: MIT
# Standard input from a pipe, as bytes, to its end. "$@" is the program, with what it takes to run it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'one\n\353\221\230\r\nthree' | "$@" --echo >"$folder/out"
printf 'one\n\353\221\230\r\nthree[0]' | cmp - "$folder/out"
printf '' | "$@" --echo >"$folder/out"
printf '[0]' | cmp - "$folder/out"
echo "input arrives unchanged"
