#!/bin/sh
# SPDX-License-Identifier: MIT
# Plants one break of each rule in a tree of its own and requires that tidy.sh finds exactly those; a
# check that finds nothing would otherwise look like a clean tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$tree".*' EXIT
failures=0

fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}

# plant PATH < the file's text after the licence line
plant() {
    mkdir -p "$tree/$(dirname "$1")"
    {
        echo '/* SPDX-License-Identifier: MIT */'
        cat
    } >"$tree/$1"
}

run() {
    sh "$here/tidy.sh" "$tree" "$tree/exceptions" >"$tree.out" 2>&1
}

# expect "START OF LINE": what tidy.sh must print
expect() {
    expected="$expected$1
"
}

# Runs tidy.sh over what is planted and compares the places that it names with what is expected.
check() {
    if run; then
        fail "$1: tidy.sh found nothing"
    fi
    sed -n 's/^\([a-z-]* [^ ]*:[0-9]*\): .*/\1/p' "$tree.out" | sort >"$tree.found"
    printf '%s' "$expected" | sort >"$tree.expected"
    if ! diff "$tree.expected" "$tree.found"; then
        fail "$1: expected (<) and found (>) differ"
    fi
    rm -rf "$tree"
    mkdir "$tree"
    : >"$tree/exceptions"
    expected=
}

: >"$tree/exceptions"
expected=

# --- a clean file, with everything that could be mistaken for a break ---
plant proto/clean.h <<'X'
#ifndef GSRELAY_PROTO_CLEAN_H
#define GSRELAY_PROTO_CLEAN_H

/* clean.h - nothing wrong here. Words in comments do not count: malloc(1), time(NULL), strcpy(a, b). */
#include <stdint.h>

#endif
X
plant proto/clean.c <<'X'
#include "proto/clean.h"

const char *text = "sprintf(\"x\") // not a comment, malloc(1), clock_gettime(0)";
int snprintf_like(int fprintf_count);

int my_time(int x)
{
    /* TODO(#7): has a number. */
    return snprintf_like(x);
}
X
if ! run; then
    cat "$tree.out"
    fail "a clean tree is refused"
fi

# --- one break of each rule ---
plant proto/includes.c <<'X'
#include "daemon/os/os.h"
#include "proto/clean.h"
#include <sys/socket.h>
#include <stdlib.h>
X
expect "include proto/includes.c:2"
expect "include proto/includes.c:4"
expect "include proto/includes.c:5"
plant daemon/os/includes.c <<'X'
#include "proto/wire.h"
X
expect "include daemon/os/includes.c:2"
plant daemon/core/includes.c <<'X'
#include "config/config.h"
#include "daemon/net/net_udp.h"
X
expect "include daemon/core/includes.c:2"
expect "include daemon/core/includes.c:3"
plant daemon/net/includes.c <<'X'
#include "config/config.h"
X
expect "include daemon/net/includes.c:2"
plant daemon/control/connection.c <<'X'
#include "daemon/core/core.h"
#include "daemon/core/message.h"
X
expect "include daemon/control/connection.c:2"
plant daemon/control/control_server.c <<'X'
#include "daemon/core/message.h"
#include "daemon/net/net_tcp.h"
#include <stdlib.h>
X
plant daemon/server.c <<'X'
#include "daemon/core/core.h"
#include "daemon/net/net_udp.h"
X
expect "include daemon/server.c:1"
plant client/client.c <<'X'
#include "daemon/net/net_udp.h"
#include "proto/wire.h"
X
expect "include client/client.c:2"
plant elsewhere/unseen.c <<'X'
#include "daemon/net/net_udp.h"
X
check "include directions"

plant proto/calls.c <<'X'
int f(void)
{
    strcpy(a, b);
    x = (int)atoi(text);
    p = malloc(1);
    free(p);
    t = time(NULL);
    n = os_clock_ns();
    return 0;
}
X
expect "forbidden proto/calls.c:4"
expect "forbidden proto/calls.c:5"
expect "allocation proto/calls.c:6"
expect "allocation proto/calls.c:7"
expect "clock proto/calls.c:8"
expect "clock proto/calls.c:9"
plant daemon/net/net_udp.c <<'X'
int net_udp_open(int x)
{
    return malloc(1);
}

void net_udp_close(int x)
{
    free(1);
}

int net_udp_send(int x)
{
    return malloc(1);
}
X
expect "allocation daemon/net/net_udp.c:14"
plant daemon/control/frame.c <<'X'
int f(void)
{
    return clock_gettime(0, 0);
}
X
expect "clock daemon/control/frame.c:4"
plant tests/core/test_core.c <<'X'
int f(void)
{
    return malloc(1) + rand();
}
X
expect "forbidden tests/core/test_core.c:4"
check "calls"

plant config/platform.c <<'X'
#ifdef _WIN32
#endif
#if defined(__linux__)
#endif
X
expect "platform config/platform.c:2"
expect "platform config/platform.c:4"
plant daemon/os/os_windows.c <<'X'
#ifdef _WIN32
#endif
X
check "platform"

mkdir -p "$tree/config"
echo 'int x;' >"$tree/config/licence.c"
expect "licence config/licence.c:1"
mkdir -p "$tree/scripts"
echo 'echo' >"$tree/scripts/licence.sh"
expect "licence scripts/licence.sh:1"
check "licence"

plant config/header.h <<'X'
#pragma once
/* Something else. */
X
expect "contract config/header.h:1"
expect "guard config/header.h:1"
expect "guard config/header.h:2"
check "headers"

plant config/open_end.c <<'X'
/* TODO: later */
// comment
/* FIXME */
X
expect "todo config/open_end.c:2"
expect "comment config/open_end.c:3"
expect "todo config/open_end.c:4"
check "open ends and comments"

{
    echo 'int long_one(void)'
    echo '{'
    i=0
    while [ "$i" -lt 101 ]; do
        echo '    x();'
        i=$((i + 1))
    done
    echo '}'
    echo 'int fair_one(void)'
    echo '{'
    i=0
    while [ "$i" -lt 71 ]; do
        echo '    x();'
        i=$((i + 1))
    done
    echo '}'
    i=0
    while [ "$i" -lt 430 ]; do
        echo 'int y;'
        i=$((i + 1))
    done
} | plant config/lengths.c
expect "function-length config/lengths.c:105"
expect "warning config/lengths.c:179"
expect "file-length config/lengths.c:609"
check "lengths"

mkdir -p "$tree/docs"
echo 'see ../''shared/DESIGN.md' >"$tree/docs/PLACES.md"
expect "machine docs/PLACES.md:1"
check "places outside the tree"

# --- exceptions ---
plant config/excepted.c <<'X'
#ifdef _WIN32
#endif
X
echo 'platform config/excepted.c' >"$tree/exceptions"
run || fail "an exception does not help"
echo 'todo config/excepted.c' >>"$tree/exceptions"
if run || ! grep -q 'not needed any more' "$tree.out"; then
    fail "an exception without need is not told"
fi

if [ "$failures" -gt 0 ]; then
    echo "$failures failed"
    exit 1
fi
echo "every planted break was found"
