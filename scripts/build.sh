# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What each target needs on the machine, and how a preset is configured and built.
# Sourced after common.sh, windows_deps.sh and wine_session.sh.

jobs=$(nproc 2>/dev/null || echo 2)

setup_linux() {
    need_packages gcc libc6-dev cmake ninja-build libsodium-dev libinih-dev libcmocka-dev
}

setup_clang() {
    need_packages clang llvm libclang-rt-14-dev
}

setup_windows() {
    setup_linux
    need_packages gcc-mingw-w64-x86-64-win32 wine wine64
    windows_deps_make
}

setup_preset() {
    case "$1" in
    windows-release) setup_windows ;;
    linux-clang | linux-fuzz) setup_linux && setup_clang ;;
    linux-*) setup_linux ;;
    *) die "There is no preset '$1' that can be built here; CMakePresets.json lists them." ;;
    esac
}

# build_preset PRESET [TARGET...]: says nothing while all is well.
build_preset() {
    preset=$1
    shift
    [ $# -gt 0 ] || set -- all
    launcher=
    if command -v ccache >/dev/null 2>&1; then
        launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
    fi
    mkdir -p build
    # shellcheck disable=SC2086
    if ! cmake --preset "$preset" $launcher </dev/null >"build/$preset.log" 2>&1 ||
        ! cmake --build "build/$preset" --parallel "$jobs" --target "$@" </dev/null >>"build/$preset.log" 2>&1; then
        # Ninja prints a failed command before its errors; progress lines are of no use here.
        grep -v '^\[[0-9]*/[0-9]*\] ' "build/$preset.log" | tail -n 60 >&2
        say "$preset did not build; the whole output is in build/$preset.log"
        return 1
    fi
}

# Our C sources, separated by NUL: what git tracks, or all of them where there is no git.
list_sources() {
    if git ls-files >/dev/null 2>&1; then
        git ls-files -z --cached -- '*.c' '*.h'
    else
        find proto config daemon client examples tests -name '*.[ch]' -print0
    fi
}

# Starts a Windows program in the foreground. Ctrl+C reaches it by the terminal; a TERM for this script
# is handed on as what Wine understands as Ctrl+C.
run_windows_program() {
    scripts/wine "$@" &
    program=$!
    trap 'kill -INT "$program" 2>/dev/null' INT TERM HUP
    status=0
    wait "$program" || status=$?
    # A signal interrupts the wait; the program is still draining then.
    while kill -0 "$program" 2>/dev/null; do
        status=0
        wait "$program" || status=$?
    done
    trap - INT TERM HUP
    return "$status"
}
