# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A Wine of a test's own, for what would be in the way of others: services, registry, ProgramData. Sourced.
#
# Its folder is kept between runs, because making it takes ten seconds; two tests may share it if they do not
# run at once. Whatever starts Wine's services must not hold our pipes.

# own_wine_begin FOLDER [EVENTS] : sets and exports WINEPREFIX; no service runs in it. What services report to
# the Event Log lands in the file EVENTS, as Wine keeps no Event Log. Returns 1 if Wine cannot.
own_wine_begin() {
    WINEPREFIX=$1
    WINEDEBUG=-all
    LC_ALL=C.UTF-8
    export WINEPREFIX WINEDEBUG LC_ALL
    own_wine_end
    if [ ! -f "$WINEPREFIX/.made" ]; then
        rm -rf "$WINEPREFIX"
        mkdir -p "$WINEPREFIX"
        wineserver -p </dev/null >/dev/null 2>&1
        wine wineboot -i </dev/null >/dev/null 2>&1 || return 1
        wine winecfg -v win10 </dev/null >/dev/null 2>&1 || return 1
        own_wine_end
        : >"$WINEPREFIX/.made"
    fi
    wineserver -p </dev/null >/dev/null 2>&1
    WINEDEBUG=-all,+eventlog wine wineboot </dev/null >"${2:-/dev/null}" 2>&1
}

own_wine_end() {
    wineserver -k </dev/null >/dev/null 2>&1
    wineserver -w </dev/null >/dev/null 2>&1
}
