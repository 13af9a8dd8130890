#!/bin/sh
# SPDX-License-Identifier: MIT
# with_daemon.sh, and the relay's three ledgers afterwards.
#
# usage: run_and_add_up.sh WORK_DIR DAEMON [DAEMON_ARGUMENT...] -- CLIENT [CLIENT_ARGUMENT...]
set -u
here=$(cd "$(dirname "$0")" && pwd)

sh "$here/with_daemon.sh" "$@" || exit 1
exec sh "$here/check_run.sh" "$here/../../proto/reason.h" "$1/relay.log"
