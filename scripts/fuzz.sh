# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev fuzz: builds the libFuzzer targets with both sanitizers and runs each. Sourced by ./dev.
#
# New inputs go to build/linux-fuzz/corpus/TARGET, findings to build/linux-fuzz/findings; the seeds in
# tests/fuzz/corpus/TARGET are read only. Copy there what is worth keeping: ./dev test replays them.

fuzz_runs=1000000

# Empty input alone finds little; so a target without seeds of its own is a mistake.
fuzz_one() {
    target=$1
    seeds=tests/fuzz/corpus/$target
    [ -d "$seeds" ] || die "$target has no seeds: make $seeds with at least one file."
    mkdir -p "build/linux-fuzz/corpus/$target" build/linux-fuzz/findings
    say "fuzzing $target, $fuzz_runs executions"
    env ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
        "build/linux-fuzz/fuzz/$target" -runs="$fuzz_runs" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix=build/linux-fuzz/findings/ \
        "build/linux-fuzz/corpus/$target" "$seeds" </dev/null >"build/linux-fuzz/$target.log" 2>&1 || {
        tail -n 40 "build/linux-fuzz/$target.log" >&2
        return 1
    }
    grep -E '^stat::number_of_executed_units' "build/linux-fuzz/$target.log" | tail -n 1 >&2
}

fuzz_all() {
    if [ "${1:-}" = --runs ]; then
        case "${2:-}" in
        '' | *[!0-9]*) usage_error "--runs takes a number" ;;
        esac
        fuzz_runs=$2
        shift 2
    fi
    setup_preset linux-fuzz
    build_preset linux-fuzz fuzz_all || exit 1
    if [ $# -eq 0 ]; then
        for file in build/linux-fuzz/fuzz/fuzz_*; do
            [ -x "$file" ] && set -- "$@" "${file##*/}"
        done
    fi
    passed=0
    failed=0
    for target in "$@"; do
        [ -x "build/linux-fuzz/fuzz/$target" ] || die "there is no fuzz target '$target'"
        if fuzz_one "$target"; then
            passed=$((passed + 1))
        else
            say "$target found something: the input is in build/linux-fuzz/findings, the output in build/linux-fuzz/$target.log"
            failed=$((failed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
