#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the library into a folder of its own and builds examples/minimal.c against it: by pkg-config,
# as C++, and by CMake's find_package. Checks that the library gives out no name but gsrelay_*.
#
# usage: install.sh BUILD_DIR SOURCE_DIR WORK_DIR CC CXX NM CMAKE [SODIUM_PREFIX]
# SODIUM_PREFIX: the compilers make Windows programs, and there is libsodium for them.
set -eu
build=$1 source=$2 work=$3 cc=$4 cxx=$5 nm=$6 cmake=$7 sodium=${8:-}

rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --component sdk --prefix "$work/prefix" >/dev/null
archive=$(find "$work/prefix" -name libgsrelay.a)
pc=$(find "$work/prefix" -name gsrelay.pc)

foreign=$("$nm" --defined-only --extern-only "$archive" 2>/dev/null |
    awk 'NF == 3 && $3 !~ /^(gsrelay_|[.]refptr[.])/ && $2 !~ /[a-z]/ { print $3 }')
if [ -n "$foreign" ]; then
    echo "FAILED: the library gives out foreign names: $foreign" >&2
    exit 1
fi

static=
suffix=
if [ -n "$sodium" ]; then
    # The Windows builds of the dependencies bring no .pc file that fits.
    mkdir -p "$work/pc"
    printf 'Name: libsodium\nDescription: x\nVersion: 1\nLibs: -L%s/lib -lsodium\nCflags: -I%s/include\n' \
        "$sodium" "$sodium" >"$work/pc/libsodium.pc"
    export PKG_CONFIG_LIBDIR="$work/pc"
    static=-static
    suffix=.exe
fi
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH

# pkg-config escapes blanks in paths for a shell that reads its words again.
eval "set -- $(pkg-config --cflags --libs gsrelay)"
# shellcheck disable=SC2086
"$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror $static "$source/examples/minimal.c" "$@" -o "$work/minimal$suffix"
echo "ok: C by pkg-config"

cat >"$work/minimal.cpp" <<'CPP'
#include <gsrelay/gsrelay.h>
#include <gsrelay/gsrelay_io.h>
int main()
{
    gsrelay_client *client = nullptr;
    if (gsrelay_create(nullptr, &client) != GSRELAY_OK)
        return 1;
    gsrelay_destroy(client);
    return 0;
}
CPP
if command -v "$cxx" >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    "$cxx" -Wall -Wextra -Wpedantic -Werror $static "$work/minimal.cpp" "$@" -o "$work/minimal_cpp$suffix"
    echo "ok: C++ by pkg-config"
    if [ -z "$sodium" ]; then
        "$work/minimal_cpp"
        echo "ok: it runs"
    fi
fi

mkdir "$work/game"
cat >"$work/game/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.16)
project(game LANGUAGES C)
find_package(gsrelay 0.1 REQUIRED)
add_executable(game "$source/examples/minimal.c")
target_link_libraries(game PRIVATE gsrelay::gsrelay)
CMAKE
set -- -S "$work/game" -B "$work/game/build" -G Ninja "-DCMAKE_PREFIX_PATH=$work/prefix" "-DCMAKE_C_COMPILER=$cc"
if [ -n "$sodium" ]; then
    set -- "$@" -DCMAKE_SYSTEM_NAME=Windows "-DCMAKE_PREFIX_PATH=$work/prefix;$sodium" \
        -DCMAKE_EXE_LINKER_FLAGS=-static
fi
"$cmake" "$@" >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log" >&2; exit 1; }
"$cmake" --build "$work/game/build" >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log" >&2; exit 1; }
echo "ok: C by find_package"
