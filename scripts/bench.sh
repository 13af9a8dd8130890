# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev bench: gsrelay beside its peers and beside the least that a fan-out can cost. Sourced by ./dev.

bench_out=build/bench
bench_page=docs/BENCHMARKS.md

# Installs one package of a peer; without it the bench goes on and says so.
bench_peer_package() {
    (need_packages "$1") || say "$1 cannot be installed here: the bench leaves out what needs it"
}

# Debian's coturn begins to serve when it is installed; nothing of that is wanted.
bench_need_coturn() {
    command -v turnserver >/dev/null 2>&1 && return
    bench_peer_package coturn
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root service coturn stop </dev/null >/dev/null 2>&1 || true
}

# Puts the text of $1 between the marks of the page.
bench_into_page() {
    awk -v text="$1" '
        /^<!-- measured: end -->/ { skip = 0; print "" }
        !skip { print }
        /^<!-- measured: begin/ {
            print ""
            while ((getline line < text) > 0) print line
            skip = 1
        }' "$bench_page" >"$bench_out/page.md"
    cp "$bench_out/page.md" "$bench_page"
}

bench_usage() {
    usage_error "bench takes --quick, --gates-only, --rounds N, --matrix-rounds N, --seconds S, --only REGEX, --json FILE, --docs"
}

# bench_servers [--docs] [--json FILE] [options of bench.py]
bench_servers() {
    bench_docs=no
    bench_json=$bench_out/figures.json
    bench_left=$#
    # What is not for here goes to the end of the list, and so through to bench.py, spaces and all.
    while [ "$bench_left" -gt 0 ]; do
        case "$1" in
        --docs) bench_docs=yes ;;
        --quick | --gates-only) set -- "$@" "$1" ;;
        --json | --rounds | --matrix-rounds | --seconds | --only)
            [ "$bench_left" -ge 2 ] || bench_usage
            if [ "$1" = --json ]; then bench_json=$2; else set -- "$@" "$1" "$2"; fi
            shift
            bench_left=$((bench_left - 1))
            ;;
        *) bench_usage ;;
        esac
        shift
        bench_left=$((bench_left - 1))
    done
    setup_linux
    need_packages python3 util-linux
    for package in libuv1-dev libenet-dev nodejs; do
        bench_peer_package "$package"
    done
    bench_need_coturn
    say "building"
    build_preset linux-release gsrelayd bench_programs
    mkdir -p "$bench_out"
    say "measuring; nothing else should run on this machine meanwhile"
    python3 tests/bench/bench.py --build build/linux-release --json "$bench_json" "$@" </dev/null
    python3 tests/bench/report.py "$bench_json" --svg "$bench_out/benchmarks.svg" >"$bench_out/table.md"
    cat "$bench_out/table.md"
    if [ "$bench_docs" = yes ]; then
        bench_into_page "$bench_out/table.md"
        cp "$bench_out/benchmarks.svg" docs/benchmarks.svg
        say "written to $bench_page and docs/benchmarks.svg; every figure is in $bench_json"
    else
        say "every figure is in $bench_json (--docs puts tables and picture into $bench_page)"
    fi
}
