#!/bin/sh
# SPDX-License-Identifier: MIT
# A game through a relay, and the books afterwards.
#
# usage: play_and_check.sh WORK_DIR MIN_PERCENT ROOMS CLIENTS RATE_PER_S SECONDS TICK_MS PLAY DAEMON [ARGUMENT...]
set -u
here=$(cd "$(dirname "$0")" && pwd)
work_dir=$1
min_percent=$2
rooms=$3
clients=$4
rate=$5
seconds=$6
tick_ms=$7
play=$8
shift 8

sh "$here/with_daemon.sh" "$work_dir" "$@" -- \
    "$play" @CONTROL@ "$rooms" "$clients" "$rate" "$seconds" "$tick_ms" || exit 1
sh "$here/check_run.sh" "$here/../../proto/reason.h" "$work_dir/relay.log" "$work_dir/client.txt" \
    "$min_percent"
