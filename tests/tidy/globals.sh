#!/bin/sh
# SPDX-License-Identifier: MIT
# Finds variables of a library that all threads would have in common: no worker may write what another one
# reads. Tables that are never written lie in read-only sections and are none.
#
# usage: globals.sh OBJDUMP LIBRARY...
set -u
export LC_ALL=C
objdump=$1
shift
errors=0

for library in "$@"; do
    symbols=$("$objdump" -t "$library") || { echo "$library: cannot be read"; errors=1; }
    # The net's table of system calls is a variable only because tests replace it: no thread writes it.
    for name in $(echo "$symbols" | awk '$0 ~ / O / && $0 ~ /[ \t](\.data|\.bss|\*COM\*)(\.[A-Za-z0-9_]+)*[ \t]/ &&
            $0 !~ /\.rel\.ro/ { print $NF }' | grep -v '^real\.[0-9]*$'); do
        echo "$library: $name is a variable"
        errors=$((errors + 1))
    done
done
[ "$errors" -eq 0 ] && echo "globals: none"
exit $((errors > 0))
