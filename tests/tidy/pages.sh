#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds the pages to the code: every log event and every exit code stands in docs/OPERATIONS.md, and the
# example in README.md is examples/minimal.c, which another test compiles.
#
# usage: pages.sh SOURCE_DIR
set -u
cd "$1" || exit 2
page=docs/OPERATIONS.md
failures=0
events=$(sed -n 's/^ *X([A-Z_]*, \([a-z_]*\), .*/\1/p' daemon/log/log_event.h)
codes=$(sed -n 's/^ *EXIT_CODE_[A-Z]* = \([0-9]*\).*/\1/p' daemon/exit_code.h)
[ -n "$events" ] && [ -n "$codes" ] || {
    echo "pages: the lists in the code could not be read"
    exit 1
}
for event in $events; do
    grep -q "\`$event\`" "$page" || {
        echo "pages: the event $event is not on the page"
        failures=$((failures + 1))
    }
done
for code in $codes; do
    grep -q "^| $code |" "$page" || {
        echo "pages: the exit code $code is not on the page"
        failures=$((failures + 1))
    }
done
# And the other way round: no event on the page that the code does not have.
for event in $(sed -n '/^| Event |/,/^$/p' "$page" | cut -d'|' -f2 | tr ',' '\n' | tr -d '` ' |
    grep -E '^[a-z_]+$'); do
    echo "$events" | grep -qx "$event" || {
        echo "pages: the page names $event, which the code does not have"
        failures=$((failures + 1))
    }
done
# shellcheck disable=SC2016 # The backticks are Markdown.
readme_example=$(sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d')
[ "$readme_example" = "$(sed 1d examples/minimal.c)" ] || {
    echo "pages: the example in README.md is not examples/minimal.c"
    failures=$((failures + 1))
}
[ "$failures" -eq 0 ]
