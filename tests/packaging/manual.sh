#!/bin/sh
# SPDX-License-Identifier: MIT
# Reads a manual page with the tools that are at hand, and compares it with what its program's --help says:
# the same options and commands, and for the daemon the exit codes of daemon/exit_code.h.
#
# usage: manual.sh PAGE [PROGRAM]
set -u
page=$1
program=${2:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
failures=0

fail() {
    echo "manual: $*"
    failures=$((failures + 1))
}

# same WHAT HELP PAGE: two lists of words, one a line.
same() {
    missing=$(printf '%s\n' "$2" | grep -vxF -e "$3")
    extra=$(printf '%s\n' "$3" | grep -vxF -e "$2")
    [ -z "$missing" ] || fail "$1 that ${page##*/} lacks: $(echo "$missing" | tr '\n' ' ')"
    [ -z "$extra" ] || fail "$1 that only ${page##*/} has: $(echo "$extra" | tr '\n' ' ')"
}

# Behind a bar the macro begins anew with one dash: each long option needs its own "Fl Fl".
lone=$(grep -nE '^\.(Op |It )?Fl Fl .*\| [a-z]' "$page") && fail "shown with one dash: $lone"
if command -v mandoc >/dev/null; then
    complaints=$(mandoc -Tlint -Wwarning "$page") || fail "mandoc: $complaints"
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
    complaints=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$complaints" ] || fail "man: $complaints"
fi

if [ -n "$program" ]; then
    help=$("$program" --help) || fail "$program --help failed"
    # "Fl Fl name" is --name, "Fl x" is -x; entries of a list alone count, not what the text mentions.
    entries=$(grep '^\.It ' "$page" | sed 's/Fl Fl \([a-z-]*\)/--\1/g; s/Fl \([A-Za-z]\)/-\1/g' | tr ' ' '\n')
    options() {
        grep -oE -e '(^|[^[:alnum:]_-])--?[A-Za-z][a-z-]*' | grep -oE -e '--?[A-Za-z].*' |
            grep -xE -e '-[A-Za-z]|--[a-z-]+' | sort -u
    }
    same options "$(printf '%s\n' "$help" | options)" "$(printf '%s\n' "$entries" | options)"
    name=${program##*/}
    same commands "$(printf '%s\n' "$help" | sed -n "s/^  $name \([a-z][a-z-]*\).*/\1/p" | sort -u)" \
        "$(sed -n 's/^\.It Cm \([a-z-]*\).*/\1/p' "$page" | sort -u)"
fi
case $page in
*.8)
    same 'exit codes' "$(sed -n 's/^ *EXIT_CODE_[A-Z]* = \([0-9]*\).*/\1/p' "$root/daemon/exit_code.h")" \
        "$(sed -n 's/^\.It \([0-9]*\)$/\1/p' "$page")"
    ;;
esac
[ "$failures" -eq 0 ]
