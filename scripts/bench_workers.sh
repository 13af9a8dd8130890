# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev bench --workers [--rounds N] [--seconds N] [--tick MS] [--json FILE]: what a delivered state costs
# with one worker and with two. Sourced by ./dev.

bench_workers() {
    shift # --workers
    setup_linux
    need_packages python3
    build_preset linux-release
    exec python3 "$root/tests/bench/workers.py" "$root/build/linux-release/bin" "$@"
}
