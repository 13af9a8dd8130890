# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The Debian packages. Sourced by scripts/package.sh, which says what these functions are for.

. "$root/scripts/package_deb_check.sh"

package_linux_setup() {
    setup_linux
    need_packages dpkg-dev debhelper
}

# The source package's tree: the sources, and packaging/linux/debian with the names of identity.cmake in it.
deb_tree() {
    mkdir -p "$2"
    if [ "$1" = "$root" ]; then
        package_copy_tree "$2"
    else
        cp -R "$1/." "$2"
    fi
    cp -R "$2/packaging/linux/debian" "$2/debian"
    for template in "$2"/debian/*.in; do
        sed -e "s|@VERSION@|$package_version|g" -e "s|@HOLDER@|$(identity HOLDER)|g" \
            -e "s|@CONTACT@|$(identity CONTACT)|g" -e "s|@YEAR@|$(identity YEAR)|g" \
            -e "s|@HOME_URL@|$(identity HOME_URL)|g" \
            -e "s|@DATE@|$(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")|g" \
            "$template" >"${template%.in}"
        rm "$template"
    done
    # What ends in a package has modes and times of its own, whoever made the copy and when: debhelper
    # only makes times earlier that are later than SOURCE_DATE_EPOCH.
    chmod -R u=rwX,go=rX "$2"
    find "$2" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# package_linux_make TREE OUT
package_linux_make() {
    deb_work=$2.work
    rm -rf "$deb_work"
    deb_tree "$1" "$deb_work/gsrelay-$package_version"
    # The tests of these sources are run by ./dev test, with more compilers and checkers than a build of
    # a package has; dpkg-buildpackage without this option runs those that need no machine to themselves.
    (cd "$deb_work/gsrelay-$package_version" &&
        DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES=nocheck \
            dpkg-buildpackage --build=binary --no-sign </dev/null) >"$deb_work/log" 2>&1 || {
        tail -n 60 "$deb_work/log" >&2
        die "The Debian packages did not build; the whole output is in $deb_work/log"
    }
    mkdir -p "$2"
    cp "$deb_work"/*.deb "$2"
}
