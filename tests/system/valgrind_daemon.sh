#!/bin/sh
# SPDX-License-Identifier: MIT
# The relay under valgrind, in its place: any error, and anything that is lost, is exit code 99.
# $GSRELAY_VALGRIND and $GSRELAY_DAEMON name the programs. Notes of valgrind's own go to standard error.
exec "$GSRELAY_VALGRIND" --quiet --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible "$GSRELAY_DAEMON" "$@"
