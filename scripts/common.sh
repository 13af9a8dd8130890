# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What every script of ./dev shares. It is sourced, with `root` set to the top of the tree.
#
# Everything that is kept between runs and does not belong to one tree lies under $cache: pinned sources,
# the Windows builds of the libraries, the Wine prefix. Deleting it costs one download and a minute.

if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
    export HOME
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gsrelay
windows_deps=$cache/windows-x64
export LC_ALL=C.UTF-8

say() {
    printf '%s\n' "dev: $*" >&2
}

# Ends the script with a sentence that says what is wrong and what to do.
die() {
    say "$*"
    exit 1
}

# Installs the Debian packages that are missing; when all are there it costs one dpkg-query.
need_packages() {
    missing=
    for package in "$@"; do
        status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            die "These packages are missing:$missing. Install them as root: apt-get install$missing"
        as_root="sudo"
    fi
    say "installing$missing"
    # A list of packages that is missing or old is the usual reason for a first failure.
    install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
    # shellcheck disable=SC2086
    if ! $install $missing </dev/null >&2; then
        $as_root apt-get update -q </dev/null >&2 ||
            die "apt-get update failed: check the network and the sources of apt, then run this again."
        # shellcheck disable=SC2086
        $install $missing </dev/null >&2 ||
            die "apt could not install$missing. This needs Debian 12 and its package mirror; see the lines above."
    fi
}

# Runs "$@" while holding a lock, so that two runs of ./dev never make the same thing at once. The lock
# is kept out of the command's hands: a background process that it leaves must not hold it for ever.
with_lock() {
    lock_name=$1
    shift
    mkdir -p "$cache" || die "$cache cannot be made: set XDG_CACHE_HOME to a folder that can be written."
    (
        flock 9
        "$@" 9>&-
    ) 9>"$cache/$lock_name.lock"
}
