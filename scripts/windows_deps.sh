# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The Windows builds of inih, cmocka and libsodium, made once from Debian's source packages.
# Sourced after common.sh. The result: $windows_deps/include and $windows_deps/lib.

# name=version, and the archive that it must yield. The sums are ours: they hold even where apt's do not.
deps_list() {
    cat <<'LIST'
libinih=59-1 libinih_59.orig.tar.gz 062279922805f5e9a369551a08d5ddb506140fe50774183ffdbb7c22bb97e3f4
cmocka=1.1.5-2.1 cmocka_1.1.5.orig.tar.xz f0ccd8242d55e2fd74b16ba518359151f6f8383ff8aef4976e48393f77bba8b6
libsodium=1.0.18-1+deb12u1 libsodium_1.0.18.orig.tar.gz d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4
LIST
}

deps_sum_is() {
    [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]
}

# The mirror that this machine already uses for Debian itself (not for its security updates).
deps_mirror() {
    apt-get "$@" indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' \
        </dev/null 2>/dev/null | awk '$1 == "Debian" && $2 !~ /-(security|updates|backports)/ { print $3; exit }'
}

# Downloads what is missing in $cache/sources, with a configuration of apt's that is ours alone: nothing
# under /etc/apt or /var/lib/apt is written, so no root is needed either.
deps_download() {
    work=$1
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/get" "$cache/sources"
    private="-o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User="
    mirror=$(deps_mirror)
    if [ -z "$mirror" ]; then
        # The machine's lists are empty, as in a fresh container: read its sources into lists of our own.
        # shellcheck disable=SC2086
        apt-get $private update -q </dev/null >"$work/log" 2>&1 || true
        # shellcheck disable=SC2086
        mirror=$(deps_mirror $private)
    fi
    [ -n "$mirror" ] ||
        die "apt on this machine names no Debian mirror that can be reached, so the sources of $* cannot be fetched. Check the network and /etc/apt, or put the archives into $cache/sources."
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    for suite in bookworm trixie; do
        echo "deb-src [signed-by=$key] $mirror $suite main"
    done >"$work/sources.list"
    private="$private -o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null"
    # A mirror may lack one of the two; whether that matters is seen when the archive is asked for.
    # shellcheck disable=SC2086
    apt-get $private update -q </dev/null >>"$work/log" 2>&1 || true
    deps_list | while read -r pin archive sum; do
        [ ! -f "$cache/sources/$archive" ] || continue
        say "fetching $archive from $mirror"
        # Revisions of one upstream version share the archive, so another one of them will do as well.
        for source in "$pin" "${pin%%=*}/bookworm" "${pin%%=*}/trixie"; do
            [ ! -f "$work/get/$archive" ] || break
            # shellcheck disable=SC2086
            (cd "$work/get" && apt-get $private -q source --download-only --tar-only "$source") \
                </dev/null >>"$work/log" 2>&1 || true
        done
        if [ ! -f "$work/get/$archive" ]; then
            tail -n 5 "$work/log" >&2
            die "$pin could not be fetched from $mirror: there is no network, or the mirror no longer has this version. Put $archive (SHA-256 $sum) into $cache/sources and run this again."
        fi
        deps_sum_is "$work/get/$archive" "$sum" ||
            die "$archive from $mirror has the wrong SHA-256; expected $sum. Put the right file into $cache/sources."
        mv "$work/get/$archive" "$cache/sources/$archive"
    done || exit 1
}

# One line that changes with everything that the result depends on.
deps_stamp() {
    {
        deps_list
        cat "$root/cmake/windows-deps/CMakeLists.txt"
        x86_64-w64-mingw32-gcc-win32 --version
    } | sha256sum | cut -d' ' -f1
}

# The pinned sources, fetched unless they are there, unpacked in $1/src.
deps_unpack() {
    work=$1
    wanted=
    for archive in $(deps_list | cut -d' ' -f2); do
        [ -f "$cache/sources/$archive" ] || wanted="$wanted $archive"
    done
    # shellcheck disable=SC2086
    [ -z "$wanted" ] || deps_download "$work" $wanted || exit 1
    mkdir -p "$work/src"
    deps_list | while read -r _ archive sum; do
        deps_sum_is "$cache/sources/$archive" "$sum" ||
            die "$cache/sources/$archive has the wrong SHA-256; expected $sum. Remove it, or put the right file there."
        # cmake reads every format of archive, where tar would need xz.
        (cd "$work/src" && cmake -E tar xf "$cache/sources/$archive") ||
            die "$cache/sources/$archive cannot be unpacked: is the disk full?"
    done || exit 1
}

deps_build() {
    stamp=$(deps_stamp)
    [ "$(cat "$windows_deps/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    say "building inih, cmocka and libsodium for Windows into $windows_deps (once, about half a minute)"
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    deps_unpack "$work" || exit 1
    {
        cmake -S "$root/cmake/windows-deps" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_TOOLCHAIN_FILE="$root/cmake/mingw-w64.cmake" -DDEPS_SOURCES="$work/src" \
            -DCMAKE_INSTALL_PREFIX="$work/out" &&
            cmake --build "$work/build" && cmake --install "$work/build"
    } </dev/null >"$work/build.log" 2>&1 || {
        tail -n 40 "$work/build.log" >&2
        die "The Windows libraries did not build; see the lines above."
    }
    echo "$stamp" >"$work/out/.stamp"
    # Renaming the whole folder into place: whoever reads it sees the old build or the new one, never a half.
    if [ -e "$windows_deps" ]; then
        mv "$windows_deps" "$work/old"
    fi
    mv "$work/out" "$windows_deps"
}

windows_deps_make() {
    with_lock windows-x64 deps_build
    export GSRELAY_WINDOWS_DEPS="$windows_deps"
}
