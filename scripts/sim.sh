# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev sim: runs seeds of the simulation, or shows that it finds planted bugs. Sourced by ./dev.

# A copy of the tree in build/mutants, so that neither the sources nor their builds are touched.
sim_copy_tree() {
    rm -rf build/mutants/tree
    mkdir -p build/mutants/tree
    tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C build/mutants/tree
}

# sim_try MUTANT: prints how the simulation fares with the bug; fails if it is not found.
sim_try() {
    name=$(basename "$1" .patch)
    log=$root/build/mutants/$name.log
    if ! patch --quiet --force --fuzz=0 --strip=1 --directory=build/mutants/tree --input="$1" >"$log" 2>&1; then
        echo "FAILED  $name: the patch does not fit any more"
        return 1
    fi
    status=0
    cmake --build build/mutants/tree/build/linux-release --target gsrelay_simulate >>"$log" 2>&1 || status=build
    if [ "$status" = 0 ]; then
        # A bug may also show as a hang.
        timeout 300 build/mutants/tree/build/linux-release/tests/gsrelay_simulate --seeds 2000 >"$log" 2>&1 || status=$?
    fi
    patch --quiet --force --reverse --fuzz=0 --strip=1 --directory=build/mutants/tree --input="$1" >/dev/null
    case "$status" in
    0 | 2) echo "FAILED  $name: not found in 2000 seeds" ;;
    build) echo "FAILED  $name: does not build, see $log" ;;
    *)
        echo "found   $name: $(sed -n 1p "$log")"
        return 0
        ;;
    esac
    return 1
}

sim_mutants() {
    need_packages patch
    setup_linux
    sim_copy_tree
    say "building the tree without a bug"
    (cd build/mutants/tree && cmake --preset linux-release >/dev/null && cmake --build build/linux-release --target gsrelay_simulate) \
        >build/mutants/build.log 2>&1 || die "it does not build: see build/mutants/build.log"
    found=0
    missed=0
    for mutant in "$root"/tests/sim/mutants/*.patch; do
        if sim_try "$mutant"; then
            found=$((found + 1))
        else
            missed=$((missed + 1))
        fi
    done
    echo "$found passed, $missed failed"
    [ "$missed" -eq 0 ]
}

sim_run() {
    if [ "$windows" = yes ]; then
        setup_windows
        build_preset windows-release gsrelay_simulate
        wine_session run_windows_program build/windows-release/tests/gsrelay_simulate.exe "$@"
    else
        setup_linux
        build_preset linux-release gsrelay_simulate
        exec build/linux-release/tests/gsrelay_simulate "$@"
    fi
}
