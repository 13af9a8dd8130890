# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The Wine prefix of ./dev and the session of its server. Sourced after common.sh.
#
# Wine starts its server and a few services with the first program and ends them with the last. Those
# services would hold the pipes of the test that happened to be first, and ctest would wait for them. So
# the session is started here, cut off from every pipe, and kept until the last run of ./dev is done.

wine_prefix=${WINEPREFIX:-$cache/wine}
export WINEPREFIX="$wine_prefix"
# Without "-all" first, Wine prints advice about 32-bit packages on standard error.
export WINEDEBUG="${WINEDEBUG:--all}"

wine_prefix_build() {
    [ ! -f "$wine_prefix/.gsrelay-ready" ] || return 0
    say "making a Wine prefix in $wine_prefix (once, about ten seconds)"
    mkdir -p "$(dirname "$wine_prefix")"
    work=$(mktemp -d "$wine_prefix.work.XXXXXX")
    trap 'WINEPREFIX=$work wineserver -k </dev/null >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    (
        export WINEPREFIX="$work"
        wineserver -p </dev/null >/dev/null 2>&1 &&
            wine wineboot -i </dev/null >/dev/null 2>&1 &&
            wine winecfg -v win10 </dev/null >/dev/null 2>&1 &&
            wineserver -k </dev/null >/dev/null 2>&1 &&
            wineserver -w </dev/null >/dev/null 2>&1
    ) || die "Wine could not make its prefix in $work: see what 'WINEPREFIX=$work wine wineboot -i' prints."
    : >"$work/.gsrelay-ready"
    # A folder that was left half made, or was made by hand, is replaced.
    [ ! -e "$wine_prefix" ] || mv "$wine_prefix" "$work.old"
    mv "$work" "$wine_prefix"
    trap - EXIT
    rm -rf "$work.old"
}

wine_server_runs() {
    wineserver -k0 </dev/null >/dev/null 2>&1
}

# Starts the server unless one runs, and remembers that it is ours to end.
wine_server_start() {
    tries=0
    until wineserver -p </dev/null >/dev/null 2>&1; do
        # One is there already. If nobody keeps it, it ends within three seconds of its last program.
        [ ! -f "$wine_prefix/.gsrelay-session" ] || return 0
        tries=$((tries + 1))
        [ "$tries" -lt 8 ] || return 0
        sleep 0.5
    done
    : >"$wine_prefix/.gsrelay-session"
    wine wineboot </dev/null >/dev/null 2>&1 || true
}

wine_server_end() {
    if [ -f "$wine_prefix/.gsrelay-session" ]; then
        rm -f "$wine_prefix/.gsrelay-session"
        wineserver -k </dev/null >/dev/null 2>&1 || true
    fi
}

# Runs "$@" in a session. Every run holds a shared lock while it is at work; whoever finds itself alone at
# its end closes the session. A server that somebody started by hand is left alone. No subshell: "$@" may
# set traps for the signals that this script gets.
wine_session() {
    with_lock wine wine_prefix_build
    exec 8>"$cache/wine-users.lock"
    flock -s 8
    with_lock wine wine_server_start 8>&-
    session_status=0
    "$@" 8>&- || session_status=$?
    if flock -n -x 8; then
        wine_server_end 8>&-
    fi
    exec 8>&-
    return "$session_status"
}
