# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev package: makes the packages of a release and, with --check, proves them. Sourced by ./dev.
#
# A target T brings three functions, windows in scripts/package_windows.sh, linux in package_deb.sh:
#   package_T_setup            installs what it needs on this machine
#   package_T_make TREE OUT    builds the sources in TREE and puts the finished files into OUT; builds
#                              anything between under $OUT.work. Two runs give the same bytes
#   package_T_check OUT        tries the packages in OUT, with check_ok and check_failed
# They take names from identity(), the version from $package_version and all times from SOURCE_DATE_EPOCH.

package_targets="windows linux"
package_out=$root/build/package
checks_passed=0
checks_failed=0

check_ok() {
    checks_passed=$((checks_passed + 1))
    say "ok: $*"
}

check_failed() {
    checks_failed=$((checks_failed + 1))
    say "FAILED: $*"
}

# check WHAT COMMAND...: counts the command's success.
check() {
    check_what=$1
    shift
    if "$@"; then check_ok "$check_what"; else check_failed "$check_what"; fi
}

# identity KEY: a value of packaging/identity.cmake.
identity() {
    identity_value=$(sed -n "s/^set(GSRELAY_IDENTITY_$1 \"\\(.*\\)\")\$/\\1/p" "$root/packaging/identity.cmake")
    [ -n "$identity_value" ] || die "packaging/identity.cmake has no GSRELAY_IDENTITY_$1."
    printf '%s\n' "$identity_value"
}

# All times in packages are the commit's; where there is no git, the change log's.
package_epoch() {
    git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md
}

# Whoever gets a release must be able to find it, and to make it again from its commit.
package_release_ready() {
    case "$(identity HOME_URL) $(identity RELEASE_URL) $(identity CONTACT)" in
    *example.invalid*)
        die "A release needs real addresses: set HOME_URL, RELEASE_URL and CONTACT in packaging/identity.cmake."
        ;;
    esac
    [ -z "$(git status --porcelain)" ] || die "A release is made from a commit: there are changes that are in none."
}

package_release_refused() {
    ! package_words=$("$root/dev" package --release </dev/null 2>&1) &&
        printf '%s\n' "$package_words" | grep -q 'real addresses'
}

package_release_taken() {
    (
        identity() { echo https://gsrelay.test; }
        git() { :; }
        package_release_ready
    )
}

# The tree as git knows it, with the changes that are not committed yet.
package_copy_tree() {
    mkdir -p "$1"
    if git ls-files >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard
    else
        find . \( -name build -o -name .git \) -prune -o -type f -print0
    fi | tar --create --null --files-from=- | tar --extract --directory "$1"
}

# Builds a target again, from a copy of the tree in another folder, in another time zone and with another
# umask, and compares every file.
package_check_twice() {
    twice=$package_out.twice
    rm -rf "$twice"
    package_copy_tree "$twice/tree"
    (umask 077 && export TZ=Asia/Seoul && "package_$1_make" "$twice/tree" "$twice/$1")
    (cd "$package_out.$1" && find . -type f | sort) >"$twice/names"
    while read -r name; do
        check "${name#./} is the same from another folder" cmp "$package_out.$1/$name" "$twice/$1/$name"
    done <"$twice/names"
    rm -rf "$twice"
}

package_one() {
    "package_$1_setup"
    say "making the packages for $1"
    rm -rf "$package_out.$1"
    mkdir -p "$package_out.$1"
    "package_$1_make" "$root" "$package_out.$1"
    if [ "$package_check" = yes ]; then
        package_check_twice "$1"
        "package_$1_check" "$package_out.$1"
    fi
    cp -R "$package_out.$1/." "$package_out"
}

package_all() {
    targets=
    package_check=no
    package_release=no
    for argument in "$@"; do
        case "$argument" in
        windows | linux) targets="$targets $argument" ;;
        --check) package_check=yes ;;
        --release) package_release=yes ;;
        *) usage_error "package takes windows, linux, --check and --release" ;;
        esac
    done
    [ "$package_release" = no ] || package_release_ready
    if [ "$package_check" = yes ] && grep -q example.invalid packaging/identity.cmake; then
        check "no release is made while its addresses are examples" package_release_refused
        check "one is made when they are real" package_release_taken
    fi
    package_version=$(identity VERSION)
    export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(package_epoch)}"
    rm -rf "$package_out"
    mkdir -p "$package_out"
    for target in ${targets:-$package_targets}; do
        case "$target" in
        windows) . "$root/scripts/package_windows.sh" ;;
        linux) . "$root/scripts/package_deb.sh" ;;
        esac
        package_one "$target"
    done
    (cd "$package_out" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum) \
        >"$package_out.sums"
    mv "$package_out.sums" "$package_out/SHA256SUMS"
    if [ "$package_check" = yes ]; then
        (cd "$package_out" && sha256sum --quiet --check SHA256SUMS >&2) && package_sums=right || package_sums=wrong
        check "SHA256SUMS is right" [ "$package_sums" = right ]
    fi
    say "the packages are in build/package"
    [ "$package_check" = no ] || {
        echo "$checks_passed passed, $checks_failed failed"
        [ "$checks_failed" -eq 0 ]
    }
}
