#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds docs/OPERATIONS.md to the code: every log event and every exit code stands in it.
#
# usage: operations.sh SOURCE_DIR
set -u
cd "$1" || exit 2
page=docs/OPERATIONS.md
failures=0
events=$(sed -n 's/^ *X([A-Z_]*, \([a-z_]*\), .*/\1/p' daemon/log/log_event.h)
codes=$(sed -n 's/^ *EXIT_CODE_[A-Z]* = \([0-9]*\).*/\1/p' daemon/exit_code.h)
[ -n "$events" ] && [ -n "$codes" ] || {
    echo "operations: the lists in the code could not be read"
    exit 1
}
for event in $events; do
    grep -q "\`$event\`" "$page" || {
        echo "operations: the event $event is not on the page"
        failures=$((failures + 1))
    }
done
for code in $codes; do
    grep -q "^| $code |" "$page" || {
        echo "operations: the exit code $code is not on the page"
        failures=$((failures + 1))
    }
done
# And the other way round: no event on the page that the code does not have.
for event in $(sed -n '/^| Event |/,/^$/p' "$page" | cut -d'|' -f2 | tr ',' '\n' | tr -d '` ' |
    grep -E '^[a-z_]+$'); do
    echo "$events" | grep -qx "$event" || {
        echo "operations: the page names $event, which the code does not have"
        failures=$((failures + 1))
    }
done
[ "$failures" -eq 0 ]
