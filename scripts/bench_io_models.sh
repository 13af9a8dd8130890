# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev bench --io-models: the seven I/O models and the relay's engine under Wine, and what of it docs
# shows. Sourced by ./dev.
#
# A server under Wine does its work in two processes, itself and wineserver, so the cost of an echo is
# counted in both. To count nobody else's, the bench has a wineserver of its own: a prefix made of the
# registry of the shared one and a link to its drive.

io_models_out=build/io-models
io_models_prefix=$root/build/io-models/wine

io_models_make_prefix() {
    with_lock wine wine_prefix_build
    rm -rf "$io_models_prefix"
    mkdir -p "$io_models_prefix/dosdevices"
    cp -p "$wine_prefix"/*.reg "$wine_prefix/.update-timestamp" "$io_models_prefix/"
    ln -s "$wine_prefix/drive_c" "$io_models_prefix/drive_c"
    ln -s ../drive_c "$io_models_prefix/dosdevices/c:"
    ln -s / "$io_models_prefix/dosdevices/z:"
}

io_models_end() {
    WINEPREFIX=$io_models_prefix wineserver -k </dev/null >/dev/null 2>&1 || true
    rm -rf "$io_models_prefix"
}

# Runs the programs of linux-release as clients. $1 is where the results go, the rest are arguments.
io_models_run_under_wine() {
    results=$1
    shift
    io_models_make_prefix
    trap io_models_end EXIT
    trap 'exit 1' HUP INT TERM
    export WINEPREFIX="$io_models_prefix"
    second=$(($(nproc) > 1))
    taskset -c "$second" wineserver -f -p </dev/null >/dev/null 2>&1 &
    io_models_server=$!
    # The services of a session start with its first program.
    taskset -c "$second" wine wineboot </dev/null >/dev/null 2>&1 ||
        die "Wine does not start in $io_models_prefix"
    kill -0 "$io_models_server" ||
        die "wineserver did not stay; is another one at work in $io_models_prefix?"
    build/linux-release/bench/bench_io_models --and-pid "$io_models_server" "$@" -- \
        scripts/wine build/windows-release/bench/io_echo_server.exe </dev/null >"$results.part"
    [ "$(grep -vc '^#' "$results.part")" -eq "$io_models_lines" ] ||
        die "not all eight models were measured in all six cases"
    mv "$results.part" "$results"
    io_models_end
    trap - EXIT
}

# Where, when and how, for the reader of the page.
io_models_circumstances() {
    printf 'Measured %s on %s with %s processors (%s), Linux %s, %s; ' \
        "$(date -u +%Y-%m-%d)" "$(uname -m)" "$(nproc)" \
        "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)" "$(uname -r | cut -d- -f1)" \
        "$(wine --version)"
    awk '{
        printf "load average of the machine before it began %s.\n", $1
        if ($1 > 0.5) printf "Other work ran on the machine, so small differences mean nothing.\n"
    }' "$io_models_out/loadavg"
}

# The rounds of one run, from the first line of its results.
io_models_rounds() {
    sed -n -e 's/^#rounds 1 ms \([0-9]*\)$/One round of \1 ms for each case/p' \
        -e 's/^#rounds \([0-9]*\) ms \([0-9]*\)$/\1 rounds of \2 ms for each case/p' "$1" | head -n 1
}

# Puts the text of $1 between two marks of docs/IO-MODELS.md.
io_models_into_page() {
    awk -v text="$1" '
        /^<!-- measured: end -->/ { skip = 0 }
        !skip { print }
        /^<!-- measured: begin/ {
            print ""
            while ((getline line < text) > 0) print line
            skip = 1
        }' docs/IO-MODELS.md >"$io_models_out/page.md"
    cp "$io_models_out/page.md" docs/IO-MODELS.md
}

io_models_tables() {
    echo "### $1"
    echo
    echo "$2 $(io_models_rounds "$3"), interleaved; a cell is the median of its rounds."
    echo
    awk -f tests/bench/io_models/table.awk "$3"
}

io_models_report() {
    {
        io_models_circumstances
        echo
        io_models_tables "Under Wine" "CPU is that of the server and its wineserver together." \
            "$io_models_out/wine.tsv"
        io_models_tables "Natively on Linux, what Linux has of them" "For comparison." \
            "$io_models_out/linux.tsv"
    } >"$io_models_out/table.md"
    awk -v caption="Echo servers under Wine on Linux: what Wine costs, not what Windows costs" \
        -f tests/bench/io_models/plot.awk "$io_models_out/wine.tsv" >"$io_models_out/plot.svg"
}

# bench_io_models [--docs] [-- ARGUMENTS of bench_io_models]
bench_io_models() {
    io_models_docs=no
    if [ "${1:-}" = --docs ]; then
        io_models_docs=yes
        shift
    fi
    [ "${1:-}" != -- ] || shift
    io_models_lines=48
    case " $* " in *" --model "*)
        [ "$io_models_docs" = no ] || die "--docs shows all models: leave out --model"
        io_models_lines=6
        ;;
    esac
    setup_windows
    need_packages util-linux
    say "building"
    build_preset linux-release bench_io_models io_echo_server
    build_preset windows-release io_echo_server
    mkdir -p "$io_models_out"
    cat /proc/loadavg >"$io_models_out/loadavg"
    say "measuring under Wine (several minutes; the machine should have nothing else to do)"
    io_models_run_under_wine "$io_models_out/wine.tsv" "$@"
    say "measuring what Linux has of them natively"
    build/linux-release/bench/bench_io_models "$@" -- \
        build/linux-release/bench/io_echo_server </dev/null >"$io_models_out/linux.tsv"
    io_models_report
    cat "$io_models_out/table.md"
    if [ "$io_models_docs" = yes ]; then
        io_models_into_page "$io_models_out/table.md"
        cp "$io_models_out/plot.svg" docs/io-models.svg
        say "written to docs/IO-MODELS.md and docs/io-models.svg"
    else
        say "written to $io_models_out: table.md and plot.svg (--docs puts them into docs/IO-MODELS.md)"
    fi
}
