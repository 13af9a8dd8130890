#!/bin/sh
# SPDX-License-Identifier: MIT
# Has systemd read the unit, and judge how much of the system the daemon is kept from: at most 1.5.
#
# usage: unit_file.sh UNIT_FILE
set -u
command -v systemd-analyze >/dev/null || exit 77
systemd-analyze --help | grep -q -e '--offline' || exit 77

failures=0
# Whether the manual pages that it names are installed here is another question.
systemd-analyze verify --man=no "$1" || failures=$((failures + 1))
# It counts in tenths.
systemd-analyze security --no-pager --offline=yes --threshold=15 "$1" || failures=$((failures + 1))
[ "$failures" -eq 0 ]
