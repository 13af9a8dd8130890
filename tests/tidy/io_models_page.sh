#!/bin/sh
# SPDX-License-Identifier: MIT
# Every file and function that docs/IO-MODELS.md points to exists: rows that end in | `file` | `function` |.
#
# usage: io_models_page.sh SOURCE_DIR
set -u
cd "$1" || exit 2
# shellcheck disable=SC2016 # The backticks are Markdown.
pairs=$(sed -n 's/^.*| `\([a-z_/]*\.c\)` | `\([a-z_]*\)` |$/\1:\2/p' docs/IO-MODELS.md)
[ "$(echo "$pairs" | wc -l)" -ge 5 ] || {
    echo "io_models_page: the table could not be read"
    exit 1
}
failures=0
for pair in $pairs; do
    # A definition begins its line and is no declaration.
    grep -qE "^[a-z].*[ *]${pair#*:}\(" "${pair%%:*}" || {
        echo "io_models_page: ${pair%%:*} has no function ${pair#*:}"
        failures=$((failures + 1))
    }
done
[ "$failures" -eq 0 ]
