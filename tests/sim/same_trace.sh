#!/bin/sh
# SPDX-License-Identifier: MIT
# The same seeds give the same bytes natively and with the Windows build under Wine.
#
# usage: same_trace.sh SIM WINE SEEDS
# The Windows program is looked for beside GSRELAY_WINDOWS_BIN, which ./dev test sets.
set -eu
windows=${GSRELAY_WINDOWS_BIN:-}/../tests/gsrelay_simulate.exe
if [ ! -f "$windows" ]; then
    echo "skipped: there is no Windows build beside this one"
    exit 77
fi
native=$("$1" --seeds "$3")
foreign=$("$2" "$windows" --seeds "$3" </dev/null | tr -d '\r')
echo "native: $native"
echo "wine:   $foreign"
[ "$native" = "$foreign" ]
