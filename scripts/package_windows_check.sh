# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# ./dev package windows --check: what is in the packages, and their life under Wine. Sourced by
# package_windows.sh. Nothing here vouches for a real Windows: docs/WINDOWS-CHECKLIST.md is for that.
#
# Wine's peculiarities: exit codes of msiexec are cut to 8 bits, uninstall.exe returns before it is done,
# msiexec /f knows no packages; so the state is looked at, and waited for.

check_old_version=0.0.1
check_wine=$package_out.wine
check_drive=$check_wine/drive_c
check_program="$check_drive/Program Files/gsrelay"
check_data=$check_drive/ProgramData/gsrelay
check_listed='HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall'
check_service='HKLM\SYSTEM\CurrentControlSet\Services\gsrelay'
check_events='HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\gsrelay'

# Runs a Windows program; its output is in $check_wine.out, its exit code in $code.
windows_run() {
    code=0
    timeout 120 wine "$@" </dev/null >"$check_wine.out" 2>&1 || code=$?
}

# exits CODE COMMAND...: whether a Windows program ends so.
exits() {
    wanted=$1
    shift
    windows_run "$@"
    [ "$code" -eq "$wanted" ] || {
        tr -d '\r' <"$check_wine.out" | tail -n 10 >&2
        say "$1 ended with $code instead of $wanted"
        return 1
    }
}

# Whether a Windows program fails.
refuses() {
    windows_run "$@"
    [ "$code" -ne 0 ]
}

# holds SECONDS COMMAND...: whether it becomes true in that time.
holds() {
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# registry KEY VALUE: prints a value of the registry.
registry() {
    windows_run reg query "$1" /v "$2"
    tr -d '\r' <"$check_wine.out" | sed -n "s/^ *$2 *REG_[A-Z_]* *//p"
}

has_key() {
    windows_run reg query "$1"
    [ "$code" -eq 0 ]
}

lacks_key() {
    ! has_key "$1"
}

lacks() {
    [ ! -e "$1" ]
}

# What the service manager says, not what our own command says.
service_is() {
    windows_run sc query gsrelay
    case $1 in
    absent) grep -q 'Could not get handle\|1060' "$check_wine.out" || [ "$code" -ne 0 ] ;;
    *) grep -q "STATE.* $1" "$check_wine.out" ;;
    esac
}

# starts_as START ACCOUNT: of the service.
starts_as() {
    start_found=$(registry "$check_service" Start)
    account_found=$(registry "$check_service" ObjectName)
    [ "$start_found $account_found" = "$1 $2" ] || {
        say "it starts as $start_found $account_found"
        return 1
    }
}

# runs_from EXE: whether the service's command line begins with it, in quotes. Printed values lose what is
# not in Wine's code page; exported ones do not.
runs_from() {
    windows_run reg export "$check_service" 'C:\service.reg' /y
    iconv -f UTF-16 -t UTF-8 "$check_drive/service.reg" | tr -d '\r' | sed 's/\\\(.\)/\1/g' |
        grep -F "\"ImagePath\"=" | grep -qF "\"$1\" service run"
}

version_is() {
    windows_run 'C:\Program Files\gsrelay\gsrelayd.exe' --version
    tr -d '\r' <"$check_wine.out" | grep -q " $1\$" || {
        cat "$check_wine.out" >&2
        return 1
    }
}

# Two members meet through the service and one hears the other: our own client, run natively.
plays() {
    rm -f "$check_wine.pipe"
    mkfifo "$check_wine.pipe"
    : >"$check_wine.host"
    client=$root/build/linux-release/bin/gsrelay
    "$client" --server "127.0.0.1:$check_port" create <"$check_wine.pipe" >"$check_wine.host" 2>"$check_wine.host.err" 8>&- &
    host=$!
    exec 7>"$check_wine.pipe"
    heard=no
    if holds 10 test -s "$check_wine.host"; then
        room=$(head -n 1 "$check_wine.host")
        timeout 20 "$client" --server "127.0.0.1:$check_port" send "$room" hello there </dev/null >/dev/null 2>&1 &&
            holds 5 grep -q 'hello there' "$check_wine.host" && heard=yes
    fi
    exec 7>&-
    wait "$host" || true
    [ "$heard" = yes ] || {
        cat "$check_wine.host.err" >&2
        return 1
    }
}

# Wine's netsh does nothing. In its place stands a script, which Wine runs too, that notes what it is asked.
# Wine does not wait for it: so what was asked counts, not the order.
check_firewall() {
    : >"$check_wine.netsh"
    rm -f "$check_drive/windows/system32/netsh.exe"
    printf '#!/bin/sh\necho "$*" >>%s\n' "'$check_wine.netsh'" >"$check_drive/windows/system32/netsh.exe"
    chmod +x "$check_drive/windows/system32/netsh.exe"
}

# firewall_asked WORDS...: whether netsh was asked for each, since the last time that this was true.
firewall_asked() {
    for words in "$@"; do
        holds 5 grep -q "^advfirewall firewall $words" "$check_wine.netsh" || {
            cat "$check_wine.netsh" >&2
            return 1
        }
    done
    sleep 0.5
    : >"$check_wine.netsh"
}

# One rule for each protocol, for the ports of relay.ini.
firewall_opened() {
    firewall_asked "add rule .* protocol=UDP localport=$check_port\$" "add rule .* protocol=TCP localport=$check_port\$"
}

firewall_closed() {
    firewall_asked "delete rule .*(UDP)" "delete rule .*(TCP)"
}

firewall_untouched() {
    ! grep . "$check_wine.netsh" >&2
}

# A prefix of our own with a session of its own: services are installed into it.
check_wine_begin() {
    export WINEPREFIX="$check_wine"
    rm -rf "$check_wine"
    (wine_prefix=$check_wine && wine_prefix_build)
    trap 'WINEPREFIX=$check_wine wineserver -k </dev/null >/dev/null 2>&1 || true' EXIT
    wineserver -p </dev/null >/dev/null 2>&1
    wine wineboot </dev/null >/dev/null 2>&1
    check_firewall
    check_port=$((20000 + $$ % 20000))
    while grep -qi ":$(printf %04X "$check_port") " /proc/net/tcp /proc/net/udp; do
        check_port=$((check_port + 1))
    done
}

check_wine_end() {
    wineserver -k </dev/null >/dev/null 2>&1 || true
    wineserver -w </dev/null >/dev/null 2>&1 || true
    trap - EXIT
    export WINEPREFIX="$wine_prefix"
    rm -rf "$check_wine" "$check_wine".*
}

# What a user has made of relay.ini; upgrades and removals have to leave it like this.
check_settings() {
    printf '; by hand\n[udp]\nport = %s\n[control]\nport = %s\n' "$check_port" "$check_port" >"$check_wine.ini"
    cp "$check_wine.ini" "$check_data/relay.ini"
    cp "$check_data/secrets/secrets.ini" "$check_wine.secrets"
}

settings_are_kept() {
    cmp "$check_wine.ini" "$check_data/relay.ini" && cmp "$check_wine.secrets" "$check_data/secrets/secrets.ini" &&
        [ -s "$check_data/logs/gsrelayd.log" ] || {
        ls -R "$check_data" >&2
        return 1
    }
}

relay() {
    windows_run 'C:\Program Files\gsrelay\gsrelayd.exe' service "$@"
    [ "$code" -eq 0 ]
}

# What wixl and msibuild made of it.
msi_has() {
    msiinfo export "$check_msi" "$1" | tr -d '\r' | grep -qxF "$(printf "$2")"
}

msi_lacks() {
    ! msiinfo export "$check_msi" "$1" | grep -q "$2"
}

check_contents() {
    check_msi=$1/$check_name.msi
    sed "$names" "$root/packaging/windows/msi_patch.sql" | sed -n "s/^INSERT INTO .\([A-Za-z]*\). .* VALUES (\(.*\))\$/\1 \2/p" |
        sed "s/', \([0-9]*\)/'\t\1/g; s/\([0-9]\), '/\1\t/g; s/', '/\t/g; s/ '/ /; s/'//g" >"$check_wine.rows"
    rows=0
    while read -r table row; do
        msiinfo export "$check_msi" "$table" | tr -d '\r' | sed 's/\t$//' | grep -qxF "$row" || {
            say "the MSI lacks in $table: $row"
            continue
        }
        rows=$((rows + 1))
    done <"$check_wine.rows"
    check "the MSI has every row of msi_patch.sql" test "$rows" -gt 10 -a "$rows" -eq "$(wc -l <"$check_wine.rows")"
    for program in gsrelayd.exe gsrelay.exe; do
        check "the MSI knows the version of $program" sh -c \
            "msiinfo export '$check_msi' File | grep -q '^$program	.*	$package_version.0	1033	'"
        check "the MSI has no hash of $program" msi_lacks MsiFileHash "$program"
    done
    check "the MSI removes the old version after the new one is in place" msi_has InstallExecuteSequence \
        'RemoveExistingProducts\t\t5960'
    check "the MSI is 64-bit throughout" sh -c \
        "! msiinfo export '$check_msi' Component | tr -d '\r' | tail -n +4 | awk -F'\t' '!(int(\$4 / 256) % 2)' | grep ."
    check "the MSI's template is x64" sh -c "msiinfo suminfo '$check_msi' | grep -q '^Template: x64;1033'"
    rm -rf "$check_wine.zip"
    unzip -q "$1/$check_name.zip" -d "$check_wine.zip"
    folder=$check_wine.zip/$check_name
    for library in libsodium inih mingw-w64; do
        check "the notices name $library" grep -q "^==== .*$library" "$folder/THIRD-PARTY-NOTICES.txt"
    done
    check "the notices hold the licences" sh -c \
        "grep -q 'Copyright (c) 2013-20.. *\$\|Frank Denis' '$folder/THIRD-PARTY-NOTICES.txt' && grep -q 'Ben Hoyt' '$folder/THIRD-PARTY-NOTICES.txt'"
    check "our licence is there" grep -q 'The gsrelay authors' "$folder/LICENSE.txt"
    grep -oh 'href="[^"#]*' "$folder"/docs/*.html | sed 's/href="//' | grep -v '^$\|^https*:' | sort -u >"$check_wine.links" || true
    check "every link between the pages leads to a page" sh -c \
        "while read -r link; do [ -f '$folder/docs/'\"\$link\" ] || { echo \"\$link\"; exit 1; }; done <'$check_wine.links'"
    while read -r manager kind; do
        sum=$(sha256sum "$1/$check_name$kind" | cut -d' ' -f1)
        check "$manager knows $check_name$kind" grep -rqiw "$sum" "$1/$manager"
        check "$manager fetches it from the release" grep -rqF \
            "$(identity RELEASE_URL)/v$package_version/$check_name$kind" "$1/$manager"
    done <<'LIST'
winget .msi
winget -setup.exe
scoop .zip
chocolatey .msi
LIST
    check "winget and the MSI have one product code" msi_has Property \
        "ProductCode\\t$(sed -n "s/^ *ProductCode: '\\(.*\\)'\$/\\1/p" "$1"/winget/*.installer.yaml)"
    [ -n "${GSRELAY_SIGN_PKCS12:-}" ] || for kind in .msi -setup.exe; do
        check "without a certificate $check_name$kind is not signed" unsigned "$1/$check_name$kind"
    done
}

unsigned() {
    osslsigncode verify "$1" </dev/null >"$check_wine.out" 2>&1 || true
    grep -qi 'no signature' "$check_wine.out"
}

check_signatures() {
    for file in "$1"/*.msi "$1"/*-setup.exe; do
        check "${file##*/} is signed" sh -c \
            "osslsigncode verify -CAfile '$check_wine.cert.pem' '$file' >'$check_wine.out' 2>&1 && ! grep -q 'No signature' '$check_wine.out'"
    done
    check "uninstall.exe is signed" sh -c "osslsigncode verify -CAfile '$check_wine.cert.pem' '$check_program/uninstall.exe' >/dev/null 2>&1"
    check "gsrelayd.exe is signed" sh -c "osslsigncode verify -CAfile '$check_wine.cert.pem' '$check_program/gsrelayd.exe' >/dev/null 2>&1"
}

# An older version of the same sources, signed by a certificate of the moment.
check_make_old() {
    need_packages osslsigncode openssl
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a test of gsrelay" -addext extendedKeyUsage=codeSigning \
        -keyout "$check_wine.key.pem" -out "$check_wine.cert.pem" </dev/null >/dev/null 2>&1
    echo "a password" >"$check_wine.password"
    openssl pkcs12 -export -inkey "$check_wine.key.pem" -in "$check_wine.cert.pem" -out "$check_wine.p12" \
        -passout "file:$check_wine.password" </dev/null >/dev/null 2>&1
    (
        export GSRELAY_SIGN_PKCS12="$check_wine.p12" GSRELAY_SIGN_PASSWORD_FILE="$check_wine.password"
        package_version=$check_old_version
        package_windows_make "$root" "$check_wine.old"
    )
}

check_gone() {
    check "$1: the service is gone" holds 10 service_is absent
    check "$1: the program is gone" holds 10 lacks "$check_program"
    check "$1: its registry key is gone" lacks_key 'HKLM\Software\gsrelay'
    check "$1: its source of events is gone" lacks_key "$check_events"
    check "$1: relay.ini, the secret and the logs are kept" settings_are_kept
}

check_msi() {
    old="Z:$check_wine.old/gsrelay-$check_old_version-windows-x64.msi"
    new="Z:$1/$check_name.msi"
    : >"$check_wine.netsh"
    check "MSI: first installation with START=manual" exits 0 msiexec /i "$old" /qn START=manual
    check "MSI: it made relay.ini" test -s "$check_data/relay.ini"
    check "MSI: manual, of an account of its own" starts_as 0x3 'NT SERVICE\gsrelay'
    check "MSI: not started" service_is STOPPED
    check "MSI: its texts of events are in the program" \
        test "$(registry "$check_events" EventMessageFile)" = 'C:\Program Files\gsrelay\gsrelayd.exe'
    check "MSI: the firewall is left alone" firewall_untouched
    check_settings
    check "MSI: started" relay start
    check "MSI: it runs" holds 20 service_is RUNNING
    check "MSI: players meet" plays
    check "MSI: another start type and account" relay install --start auto --account LocalService
    check "MSI: upgrade" exits 0 msiexec /i "$new" /qn
    check "MSI: the new version is there" version_is "$package_version"
    check "MSI: Windows lists the new version" test "$(registry "$check_listed\\{$(windows_guid "product $package_version")}" DisplayVersion)" = "$package_version"
    check "MSI: and not the old one" lacks_key "$check_listed\\{$(windows_guid "product $check_old_version")}"
    check "MSI: start type and account are kept" starts_as 0x2 'NT AUTHORITY\LocalService'
    check "MSI: relay.ini is kept" settings_are_kept
    check "MSI: it runs again" holds 20 service_is RUNNING
    check "MSI: players meet again" plays
    check "MSI: a downgrade is refused" refuses msiexec /i "$old" /qn
    check "MSI: the new version is still there" version_is "$package_version"
    check "MSI: the setup program refuses" exits 2 "$1/$check_name-setup.exe" /S
    relay stop
    rm -f "$check_program/gsrelay.exe"
    check "MSI: repair" exits 0 msiexec /i "$new" REINSTALL=ALL REINSTALLMODE=amus /qn
    check "MSI: the missing file is back" test -s "$check_program/gsrelay.exe"
    check "MSI: what was stopped stays so" service_is STOPPED
    check "MSI: uninstall" exits 0 msiexec /x "$new" /qn
    check_gone "MSI"
    check "MSI: the firewall is closed" firewall_closed
    check "MSI: installed again, with firewall rules" exits 0 msiexec /i "$new" /qn ADDLOCAL=Relay,Firewall START=delayed
    check "MSI: the firewall is opened for its ports" firewall_opened
    check "MSI: started by itself with the kept relay.ini" holds 20 service_is RUNNING
    check "MSI: players meet once more" plays
    check "MSI: uninstall while it runs" exits 0 msiexec /x "$new" /qn
    check "MSI again: the firewall is closed" firewall_closed
    check_gone "MSI again"
    check "MSI: an account that cannot be is refused" refuses msiexec /i "$new" /qn 'ACCOUNT=no such account'
    check_gone "MSI refused"
    check "MSI: into a folder of another name" exits 0 msiexec /i "$old" /qn ADDLOCAL=Relay,Firewall 'INSTALLFOLDER=C:\게임 릴레이\'
    check "MSI: the service's path is quoted" runs_from 'C:\게임 릴레이\gsrelayd.exe'
    check "MSI: with firewall rules" firewall_opened
    check "MSI: an upgrade finds it there" exits 0 msiexec /i "$new" /qn
    check "MSI: and leaves it there" runs_from 'C:\게임 릴레이\gsrelayd.exe'
    check "MSI: and leaves the firewall alone" firewall_untouched
    check "MSI: it runs there" holds 20 service_is RUNNING
    check "MSI: nothing is elsewhere" lacks "$check_program"
    check "MSI: uninstall from there" exits 0 msiexec /x "$new" /qn
    check "MSI: that folder is gone" holds 10 lacks "$check_drive/게임 릴레이"
    check_gone "MSI elsewhere"
}

check_setup() {
    old="$check_wine.old/gsrelay-$check_old_version-windows-x64-setup.exe"
    new="$1/$check_name-setup.exe"
    check "setup: an account that cannot be is refused" exits 2 "$new" /S '/ACCOUNT=nobody'
    sleep 0.5
    : >"$check_wine.netsh"
    check "setup: first installation" exits 0 "$old" /S /START=manual
    check_signatures "$check_wine.old"
    check "setup: manual, of an account of its own" starts_as 0x3 'NT SERVICE\gsrelay'
    check "setup: not started" service_is STOPPED
    check "setup: the firewall is left alone" firewall_untouched
    check "setup: relay.ini is kept" settings_are_kept
    check "setup: started" relay start
    check "setup: it runs" holds 20 service_is RUNNING
    check "setup: another start type and account" relay install --start auto --account LocalService
    check "setup: upgrade" exits 0 "$new" /S
    check "setup: the new version is there" version_is "$package_version"
    check "setup: Windows lists the new version" test "$(registry "$check_listed\\gsrelay" DisplayVersion)" = "$package_version"
    check "setup: start type and account are kept" starts_as 0x2 'NT AUTHORITY\LocalService'
    check "setup: relay.ini is still kept" settings_are_kept
    check "setup: it runs again" holds 20 service_is RUNNING
    check "setup: players meet" plays
    check "setup: the MSI refuses" refuses msiexec /i "Z:$1/$check_name.msi" /qn
    relay stop
    check "setup: upgrade of a stopped service" exits 0 "$new" /S
    check "setup: what was stopped stays so" service_is STOPPED
    check "setup: uninstall" exits 0 'C:\Program Files\gsrelay\uninstall.exe' /S
    check_gone "setup"
    check "setup: the firewall is closed" firewall_closed
    # /D takes the rest of the line without quotes, so its words are arguments of their own here.
    check "setup: into a folder of another name" exits 0 "$new" /S /FIREWALL '/D=C:\게임' '릴레이'
    check "setup: started there" holds 20 service_is RUNNING
    check "setup: the service's path is quoted" runs_from 'C:\게임 릴레이\gsrelayd.exe'
    check "setup: the firewall is opened for its ports" firewall_opened
    check "setup: an upgrade finds it there" exits 0 "$new" /S
    check "setup: and leaves the firewall alone" firewall_untouched
    check "setup: and leaves nothing elsewhere" lacks "$check_program"
    check "setup: uninstall from there" exits 0 'C:\게임 릴레이\uninstall.exe' /S
    check "setup: that folder is gone" holds 10 lacks "$check_drive/게임 릴레이"
    check "setup elsewhere: the firewall is closed" firewall_closed
    check_gone "setup elsewhere"
}

check_zip() {
    folder="$check_drive/내 게임 서버"
    mkdir -p "$folder"
    unzip -q "$1/$check_name.zip" -d "$folder"
    daemon="C:\\내 게임 서버\\$check_name\\gsrelayd.exe"
    check "zip: relay.ini beside the exe is whole" exits 0 "$daemon" --check-config
    check "zip: installed from there" exits 0 "$daemon" service install
    check "zip: started" exits 0 "$daemon" service start
    check "zip: it runs" holds 20 service_is RUNNING
    check "zip: the service's path is quoted" runs_from "$daemon"
    check "zip: players meet" plays
    check "zip: uninstalled" exits 0 "$daemon" service uninstall
    check "zip: the service is gone" holds 10 service_is absent
    check "zip: its source of events is gone" lacks_key "$check_events"
    check "zip: relay.ini, the secret and the logs are kept" settings_are_kept
}

windows_check_all() {
    setup_linux
    build_preset linux-release gsrelay
    check_name=gsrelay-$package_version-windows-x64
    names=$(windows_names)
    rm -rf "$check_wine" "$check_wine".*
    work=$check_wine.work
    mkdir -p "$work"
    check_make_old
    check_contents "$1"
    check_wine_begin
    check_msi "$1"
    check_setup "$1"
    check_zip "$1"
    check_wine_end
}
