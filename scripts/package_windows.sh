# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The packages for Windows: portable zip, MSI, setup program, and what winget, scoop and Chocolatey read.
# Sourced by package.sh, which says what package_windows_* must do.
#
# Everything is signed if GSRELAY_SIGN_PKCS12 names a certificate; sign_windows.sh says more.

package_windows_setup() {
    setup_windows
    need_packages wixl msitools nsis zip unzip cmark-gfm
    [ -z "${GSRELAY_SIGN_PKCS12:-}" ] || need_packages osslsigncode
}

# What a template's @NAMES@ become.
windows_names() {
    printf 's|@VERSION@|%s|g' "$package_version"
    for key in PRODUCT PUBLISHER HOLDER YEAR SUMMARY HOME_URL SERVICE_NAME UPGRADE_CODE WINGET_ID SCOOP_ID \
        CHOCOLATEY_ID; do
        printf ';s|@%s@|%s|g' "$key" "$(identity "$key")"
    done
}

windows_lines() {
    sed 's/\r$//; s/$/\r/'
}

# A GUID that depends on nothing but the text.
windows_guid() {
    cat >"$work/guid.cmake" <<'CMAKE'
string(UUID guid NAMESPACE "${SPACE}" NAME "${NAME}" TYPE SHA1 UPPER)
execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${guid}")
CMAKE
    cmake -DSPACE="$(identity UPGRADE_CODE)" -DNAME="$1" -P "$work/guid.cmake"
}

windows_sign() {
    sh "$tree/scripts/sign_windows.sh" "$1" "$(identity PRODUCT)" "$(identity HOME_URL)" || exit 1
}

# Builds the programs from $tree. No path of the machine stays in them, so the same sources give the same
# bytes in every folder.
windows_programs() {
    {
        (cd "$tree" && cmake --preset windows-release -B "$work/build" -DGSRELAY_BUILD_TESTS=OFF \
            -DGSRELAY_VERSION="$package_version" -DCMAKE_C_FLAGS="-ffile-prefix-map=$tree=. -ffile-prefix-map=$work=.") &&
            cmake --build "$work/build" --parallel "$jobs" --target gsrelayd gsrelay msi_service
    } </dev/null >"$work/build.log" 2>&1 || {
        tail -n 40 "$work/build.log" >&2
        die "The programs did not build; the whole output is in $work/build.log."
    }
    for program in gsrelayd.exe gsrelay.exe; do
        x86_64-w64-mingw32-strip -o "$work/files/$program" "$work/build/bin/$program"
        windows_sign "$work/files/$program"
    done
    x86_64-w64-mingw32-strip -o "$work/msi_service.dll" "$work/build/bin/msi_service.dll"
    windows_sign "$work/msi_service.dll"
}

# The licences of what is linked into the programs, out of the sources that they were built from.
windows_notices() {
    deps_unpack "$work" || exit 1
    runtime=/usr/share/doc/mingw-w64-x86-64-dev/copyright
    [ -f "$runtime" ] || die "$runtime is missing, and its notices have to go into the packages: reinstall mingw-w64-x86-64-dev."
    echo "gsrelayd.exe and gsrelay.exe contain the libraries below. Their licences ask for these notices."
    for library in "libsodium 1.0.18:libsodium-1.0.18/LICENSE" "inih r59:inih-r59/LICENSE.txt"; do
        printf '\n\n==== %s ====\n\n' "${library%%:*}"
        cat "$work/src/${library#*:}" || die "The sources of ${library%%:*} hold no licence any more."
    done
    printf '\n\n==== the C run-time of mingw-w64 ====\n\n'
    # Debian's list of it, without the names of files and without the headers under the (L)GPL, which
    # leave nothing in a program.
    awk 'BEGIN { RS = ""; FS = "\n" }
        /(^|\n)License: L?GPL/ || !/(^|\n)License:[^\n]*\n / { next }
        { keep = 0
          for (i = 1; i <= NF; i++) {
              if ($i ~ /^[A-Z][A-Za-z-]*:/) keep = $i !~ /^Files:/
              if (keep) { sub(/^ \.$/, "", $i); print $i }
          }
          print "" }' "$runtime"
    printf '\n==== libgcc and libssp of GCC ====\n\n%s\n%s\n' \
        "Copyright (C) Free Software Foundation, Inc. GNU General Public License, version 3 or later, with the" \
        "GCC Runtime Library Exception, version 3.1, which lets programs be given away under terms of their own."
}

windows_page() {
    title=$(sed -n 's/^# //p' "$1" | head -n 1)
    printf '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>%s - %s %s</title>\n' \
        "$title" "$(identity PRODUCT)" "$package_version"
    printf '<style>body{max-width:52em;margin:2em auto;padding:0 1em;font:16px/1.5 "Segoe UI",sans-serif}%s</style>\n' \
        'pre,code{font-family:Consolas,monospace;background:#f3f3f3}pre{padding:.6em;overflow:auto}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left;vertical-align:top}'
    echo '</head><body>'
    # A page that is not in the package is read where the project lives.
    cmark-gfm --extension table "$1" | sed -E \
        -e 's#href="(\.\./)?(docs/)?(OPERATIONS|CONFIGURATION|PROTOCOL|CHANGELOG)\.md#href="\3.html#g' \
        -e "s#href=\"([A-Za-z./_-]+\\.(md|h|c))#href=\"$(identity HOME_URL)/docs/\\1#g"
    echo '</body></html>'
}

# Everything that a package holds, in $work/files, all with the time of the commit.
windows_files() {
    mkdir -p "$work/files/docs"
    windows_programs
    windows_lines <"$tree/LICENSE" >"$work/files/LICENSE.txt"
    sed "$names" "$tree/packaging/windows/README.txt.in" | windows_lines >"$work/files/README.txt"
    windows_notices >"$work/notices" || exit 1
    windows_lines <"$work/notices" >"$work/files/THIRD-PARTY-NOTICES.txt"
    for page in docs/OPERATIONS docs/CONFIGURATION docs/PROTOCOL CHANGELOG; do
        windows_page "$tree/$page.md" >"$work/files/docs/${page##*/}.html"
    done
    chmod -R u=rwX,go=rX "$work/files"
    find "$work/files" "$work/msi_service.dll" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

windows_zip() {
    rm -rf "$work/zip"
    mkdir -p "$work/zip"
    cp -Rp "$work/files" "$work/zip/$windows_name"
    windows_lines <"$tree/config/relay.ini" >"$work/zip/$windows_name/relay.ini"
    chmod -R u=rwX,go=rX "$work/zip"
    find "$work/zip" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
    (cd "$work/zip" && find "$windows_name" -type f | LC_ALL=C sort | TZ=UTC zip -q -X -9 -@ "$out/$windows_name.zip")
}

windows_msi() {
    product_code=$(windows_guid "product $package_version")
    # A package of its own for each content, whatever the version says.
    content=$(find "$work/files" "$work/msi_service.dll" "$tree/packaging/windows" -type f -exec sha256sum {} + |
        cut -d' ' -f1 | LC_ALL=C sort | sha256sum | cut -d' ' -f1)
    package_code=$(windows_guid "package $package_version $content")
    msi=$work/$windows_name.msi
    rm -f "$msi"
    # wixl takes no absolute names of files.
    (cd "$work" && wixl -a x64 -o "$msi" -D ProductCode="$product_code" -D UpgradeCode="$(identity UPGRADE_CODE)" \
        -D Version="$package_version" -D Product="$(identity PRODUCT)" -D Publisher="$(identity PUBLISHER)" \
        -D Summary="$(identity SUMMARY)" -D HomeUrl="$(identity HOME_URL)" -D ServiceName="$(identity SERVICE_NAME)" \
        -D Files=files -D MsiService=msi_service.dll "$tree/packaging/windows/gsrelay.wxs") \
        >"$work/wixl.log" 2>&1 || {
        cat "$work/wixl.log" >&2
        die "wixl could not make the MSI; see above."
    }
    if [ -s "$work/wixl.log" ]; then
        cat "$work/wixl.log" >&2
        die "wixl drops what it does not know with a word only; here it had words, see above."
    fi
    sed "$names" "$tree/packaging/windows/msi_patch.sql" | grep -v '^--' >"$work/patch.sql"
    xargs -d '\n' msibuild "$msi" -q <"$work/patch.sql" || die "msibuild refused a line of msi_patch.sql."
    created=$(TZ=UTC date --date="@$SOURCE_DATE_EPOCH" '+%Y/%m/%d %H:%M:%S')
    {
        printf 'PropertyId\tValue\r\ni2\tl255\r\n_SummaryInformation\tPropertyId\r\n'
        printf '%s\t%s\r\n' 1 1252 2 "Installation Database" 3 "$(identity PRODUCT) $package_version" \
            4 "$(identity PUBLISHER)" 5 Installer 6 "$(identity SUMMARY)" 7 'x64;1033' 9 "{$package_code}" \
            12 "$created" 13 "$created" 14 500 15 2 18 msitools 19 2
    } >"$work/summary.idt"
    TZ=UTC msibuild "$msi" -i "$work/summary.idt" || die "msibuild could not write the MSI's summary."
    windows_sign "$msi"
    mv "$msi" "$out/$windows_name.msi"
}

windows_setup() {
    setup=$out/$windows_name-setup.exe
    set -- -DPRODUCT="$(identity PRODUCT)" -DPUBLISHER="$(identity PUBLISHER)" -DHOLDER="$(identity HOLDER)" \
        -DYEAR="$(identity YEAR)" -DHOMEURL="$(identity HOME_URL)" -DVERSION="$package_version" \
        -DFILES="$work/files" -DOUTPUT="$setup"
    # The uninstaller is signed in the middle of it.
    [ -z "${GSRELAY_SIGN_PKCS12:-}" ] || set -- "$@" -DSIGN="$tree/scripts/sign_windows.sh"
    makensis -V2 -WX -NOCD "$@" "$tree/packaging/windows/setup.nsi" </dev/null >"$work/nsis.log" 2>&1 || {
        cat "$work/nsis.log" >&2
        die "makensis could not make the setup program; see above."
    }
    windows_sign "$setup"
}

windows_sum() {
    sha256sum "$out/$windows_name$1" | cut -d' ' -f1
}

# What package managers read; a template's name is filled in like its text.
windows_manifests() {
    sums="s|@NAME@|$windows_name|g;s|@URL@|$(identity RELEASE_URL)/v$package_version|g"
    sums="$sums;s|@DATE@|$(TZ=UTC date --date="@$SOURCE_DATE_EPOCH" +%F)|;s|@PRODUCT_CODE@|$product_code|"
    for kind in "msi .msi" "zip .zip" "setup -setup.exe"; do
        sum=$(windows_sum "${kind#* }")
        upper=$(printf '%s' "$sum ${kind%% *}" | tr '[:lower:]' '[:upper:]')
        sums="$sums;s|@sha_${kind%% *}@|$sum|;s|@SHA_${upper#* }@|${upper% *}|"
    done
    for manager in winget scoop chocolatey; do
        (cd "$tree/packaging/windows/$manager" && find . -type f -name '*.in') | LC_ALL=C sort >"$work/templates"
        while read -r template; do
            target=$(echo "${template#./}" | sed "$names")
            mkdir -p "$(dirname "$out/$manager/$target")"
            sed "$names;$sums" "$tree/packaging/windows/$manager/$template" >"$out/$manager/${target%.in}"
        done <"$work/templates"
    done
    if grep -rn '@[A-Za-z_]*@' "$out/winget" "$out/scoop" "$out/chocolatey" >&2; then
        die "A template has a name that nothing fills in."
    fi
}

package_windows_make() {
    tree=$1
    out=$2
    work=$out.work
    windows_name=$(identity PRODUCT)-$package_version-windows-x64
    names=$(windows_names)
    rm -rf "$work"
    mkdir -p "$work/files" "$out"
    windows_files
    windows_zip
    windows_msi
    windows_setup
    windows_manifests
    rm -rf "$work"
}

package_windows_check() {
    . "$root/scripts/package_windows_check.sh"
    windows_check_all "$1"
}
