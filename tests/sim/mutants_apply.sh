#!/bin/sh
# SPDX-License-Identifier: MIT
# Each planted bug still fits the sources. (./dev sim --mutants shows that each is found.)
#
# usage: mutants_apply.sh SOURCES MUTANTS
set -u
cd "$1" || exit 1
faults=0
count=0
for mutant in "$2"/*.patch; do
    count=$((count + 1))
    if ! patch --dry-run --force --fuzz=0 --strip=1 --input="$mutant" >/dev/null; then
        echo "$(basename "$mutant") does not fit any more: make it anew"
        faults=$((faults + 1))
    fi
done
echo "$count mutants, $faults do not fit"
[ "$faults" -eq 0 ] && [ "$count" -ge 20 ]
