# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev test: builds every preset, then runs every test. Sourced by ./dev.
#
# All is built before anything runs, because tests of linux-release drive the Windows daemon too. They
# find it by GSRELAY_WINDOWS_BIN, which is set when windows-release was built.

test_steps="format linux-release windows-release linux-clang linux-asan linux-tsan"

test_passed=0
test_failed=0
test_report=

# count STEP PASSED FAILED SKIPPED
count() {
    test_passed=$((test_passed + $2))
    test_failed=$((test_failed + $3))
    line=$(printf '%-16s %4d passed, %d failed' "$1" "$2" "$3")
    [ "$4" -eq 0 ] || line="$line, $4 skipped"
    test_report="$test_report$line
"
    say "$line"
}

check_format() {
    need_packages clang-format
    if list_sources | xargs -0 clang-format --dry-run -Werror; then
        count format 1 0 0
    else
        say "some files are not formatted: run ./dev format"
        count format 0 1 0
    fi
}

# read_ctest LOG : sets failed and total by ctest's last word, "95% tests passed, 1 tests failed out of 20".
read_ctest() {
    numbers=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' "$1" | tail -n 1)
    failed=${numbers% *}
    total=${numbers#* }
    [ -n "$numbers" ]
}

# Wine now and then ends a program before its first line, without a word (docs/DECISIONS.md). So what failed
# under it is run once more, alone, and what passes then is named.
try_again() {
    again=build/$step.again.log
    first_total=$total
    first_failed=$failed
    say "running what failed under Wine once more"
    ctest --test-dir "build/$step" --rerun-failed --timeout 300 --output-on-failure \
        --output-junit "$root/build/$step.again.junit.xml" </dev/null >"$again" 2>&1 || true
    read_ctest "$again" || failed=$first_failed
    total=$first_total
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .* Passed .*/\1/p' "$again" | while read -r name; do
        say "$name failed under Wine, and passed when it was run again"
    done
    [ "$failed" -eq 0 ] || cat "$again" >&2
}

# Runs ctest for a preset and adds up what it says itself.
run_ctest() {
    step=$1
    shift
    log=build/$step.test.log
    say "testing $step"
    # Tests may take what time they need on a slow machine, but none may hang.
    "$@" --test-dir "build/$step" --parallel "$jobs" --timeout 300 --output-on-failure \
        --no-tests=error --output-junit "$root/build/$step.junit.xml" </dev/null >"$log" 2>&1 || true
    if ! read_ctest "$log"; then
        tail -n 40 "$log" >&2
        say "ctest of $step did not come to its end; the whole output is in $log"
        count "$step" 0 1 0
        return 0
    fi
    skipped=$(grep -c '\*\*\*Skipped' "$log") || true
    if [ "$failed" -gt 0 ]; then
        # What the failed tests printed, and ctest's list of them.
        sed '/^ *[0-9]*\/[0-9]* Test *#[0-9]*: .* Passed /d; /^ *Start *[0-9]*: /d' "$log" >&2
        [ "$step" != windows-release ] || try_again
    fi
    count "$step" $((total - failed - skipped)) "$failed" "$skipped"
}

test_preset() {
    case "$1" in
    linux-release | windows-release)
        run_ctest "$1" ctest
        ;;
    linux-asan)
        # shellcheck disable=SC2086
        run_ctest "$1" env UBSAN_OPTIONS=print_stacktrace=1 \
            ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
            $fixed_layout ctest -LE tidy
        ;;
    linux-tsan)
        # shellcheck disable=SC2086
        run_ctest "$1" env TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
            $fixed_layout ctest -LE tidy
        ;;
    *)
        # Another compiler: the real-time games are played often enough by the others.
        run_ctest "$1" ctest -LE 'tidy|system'
        ;;
    esac
}

run_presets() {
    for preset in "$@"; do
        test_preset "$preset"
    done
    printf '%s' "$test_report"
    echo "$test_passed passed, $test_failed failed"
    [ "$test_failed" -eq 0 ]
}

test_all() {
    # shellcheck disable=SC2086
    [ $# -gt 0 ] || set -- $test_steps
    setup_linux
    need_packages binutils valgrind pkg-config g++
    # Kernels that scatter a program's memory widely are more than gcc 12's sanitizers can take.
    fixed_layout=
    if setarch -R true 2>/dev/null; then
        fixed_layout="setarch -R"
    fi
    built=
    for step in "$@"; do
        if [ "$step" = format ]; then
            check_format
            continue
        fi
        setup_preset "$step"
        say "building $step"
        if build_preset "$step"; then
            built="$built $step"
        else
            count "$step" 0 1 0
        fi
    done
    case "$built " in
    *" windows-release "*)
        export GSRELAY_WINDOWS_BIN="$root/build/windows-release/bin"
        # shellcheck disable=SC2086
        wine_session run_presets $built
        ;;
    *)
        # shellcheck disable=SC2086
        run_presets $built
        ;;
    esac
}
