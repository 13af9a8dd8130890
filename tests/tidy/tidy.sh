#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds the rules of the house (docs/HACKING.md) over the tree whose top is $1.
#
# $2 names a file of exceptions, lines of "RULE PATH". The list may only shrink: an exception that nothing
# needs any more is an error too. Warnings are printed and break nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
exceptions=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
cd "$1" || exit 2
export LC_ALL=C

found=$(
    find proto config daemon client examples tests -name '*.[ch]' -print0 2>/dev/null | sort -z |
        xargs -0 awk -f "$here/tidy.awk"
    # The rules for every file. The patterns are written so that this file does not match itself.
    find . \( -name build -o -name .git -o -name .cache \) -prune -o -type f -print0 | sort -z |
        xargs -0 grep -nIE '\.\./share[d]|(^|[^A-Za-z0-9_])/wor[k]/' /dev/null |
        sed 's|^\./\([^:]*\):\([0-9]*\):.*|machine \1:\2: names a place outside the tree|'
    find . \( -name build -o -name .git \) -prune -o -name '*.sh' -print | sort | while read -r script; do
        head -n 3 "$script" | grep -q '^# SPDX-License-Identifier: MIT$' ||
            echo "licence ${script#./}:1: no SPDX line near the top"
    done
)

printf '%s\n' "$found" | awk -v exceptions="$exceptions" '
    BEGIN {
        while ((getline line < exceptions) > 0) {
            if (line !~ /^#/ && line != "") {
                excepted[line] = 1
            }
        }
    }
    NF == 0 { next }
    $1 == "warning" { print; next }
    {
        place = $2
        sub(/:.*/, "", place)
        if (($1 " " place) in excepted) {
            needed[$1 " " place] = 1
            next
        }
        print
        errors++
    }
    END {
        for (line in excepted) {
            if (!(line in needed)) {
                print "exceptions: \"" line "\" is not needed any more: remove it"
                errors++
            }
        }
        if (errors > 0) {
            print errors " broken rules"
            exit 1
        }
        print "no rule is broken"
    }'
