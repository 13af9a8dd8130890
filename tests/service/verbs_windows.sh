#!/bin/sh
# SPDX-License-Identifier: MIT
# The verbs of "gsrelayd service" against Wine's service manager: what install writes and keeps, several services
# side by side, names and paths that are hard to carry, and what goes wrong. The life of a service is another test.
#
# usage: verbs_windows.sh WORK_DIR WINE_FOLDER GSRELAYD
set -u
work_dir=$1
wine_folder=$2
daemon=$3
. "$(dirname "$0")/../system/own_wine.sh"
command -v wine >/dev/null 2>&1 || {
    echo "skipped: there is no Wine here"
    exit 77
}
rm -rf "$work_dir"
mkdir -p "$work_dir" || exit 1
failures=0
services='HKLM\System\CurrentControlSet\Services'
sources="$services\\EventLog\\Application"

fail() {
    printf 'FAILED: %s\n' "$*" # echo would read backslashes.
    failures=$((failures + 1))
}

own_wine_begin "$wine_folder" || {
    echo "Wine could not make its folder"
    exit 1
}
trap own_wine_end EXIT
drive=$WINEPREFIX/drive_c
data=$drive/ProgramData/gsrelay
rm -rf "$data"

# A path with spaces and Korean letters, and a second one to move to.
mkdir -p "$drive/서버 games" "$drive/moved"
cp "$daemon" "$drive/서버 games/gsrelayd.exe"
cp "$daemon" "$drive/moved/gsrelayd.exe"
cp "$daemon" "$drive/moved/other.exe"
program="$drive/서버 games/gsrelayd.exe"

# service CODE VERB... : what it says lands in said.txt.
service() {
    wanted=$1
    shift
    wine "$program" service "$@" </dev/null >"$work_dir/said.raw" 2>&1
    code=$?
    tr -d '\r' <"$work_dir/said.raw" >"$work_dir/said.txt"
    [ "$code" -eq "$wanted" ] || {
        fail "service $*: ended with $code, not $wanted:"
        cat "$work_dir/said.txt"
    }
}

says() {
    grep -qF -e "$1" "$work_dir/said.txt" || {
        fail "it does not say \"$1\":"
        cat "$work_dir/said.txt"
    }
}

says_not() {
    ! grep -qF -e "$1" "$work_dir/said.txt" || fail "it says \"$1\""
}

# value KEY NAME TEXT : the value in the registry has the text in it. REG_SZ only: as .reg files write it, with
# a backslash before each quote and backslash.
value() {
    rm -f "$work_dir/value.reg"
    wine reg export "$1" "Z:$work_dir/value.reg" </dev/null >/dev/null 2>&1
    iconv -f UTF-16 -t UTF-8 "$work_dir/value.reg" | tr -d '\r' | grep -F "\"$2\"=" |
        sed 's/\\\(["\\]\)/\1/g' >"$work_dir/value.txt"
    grep -qF -e "$3" "$work_dir/value.txt" || {
        fail "$1 $2 is not $3:"
        cat "$work_dir/value.txt"
    }
}

key_is_gone() {
    ! wine reg query "$1" </dev/null >/dev/null 2>&1 || fail "$1 is still there"
}

same() {
    cmp -s "$1" "$2" || fail "$1 has changed"
}

# ports NAME : a relay.ini on loopback, on free ports.
settings() {
    printf '[server]\r\nlisten = 127.0.0.1\r\n[udp]\r\nport = 0\r\n[control]\r\nport = 0\r\n'
}

# --- One service ------------------------------------------------------------------------------

service 4 status
says "gsrelay: not installed"
service 0 install
says "gsrelay: installed"
says "relay.ini (new: who has a ticket may play)"
value "$services\\gsrelay" ImagePath \
    '"C:\서버 games\gsrelayd.exe" service run --name gsrelay --config "C:\ProgramData\gsrelay\relay.ini"'
value "$services\\gsrelay" ObjectName 'NT SERVICE\gsrelay'
value "$services\\gsrelay" Start dword:00000002
value "$sources\\gsrelay" EventMessageFile 'hex(2):43,00,3a,00,5c,00,1c,c1,84,bc,20,00' # C:\서버, a space
value "$sources\\gsrelay" TypesSupported dword:00000007
for folder in secrets logs state; do
    [ -d "$data/$folder" ] || fail "there is no $folder"
done
grep -q '^mode = ticket.$' "$data/relay.ini" || fail "relay.ini does not ask for tickets"
grep -q '^k[0-9a-f]* = [0-9a-f]\{64\}.*$' "$data/secrets/secrets.ini" || fail "there is no secret"
[ "$(stat -c %a "$data/secrets/secrets.ini" | cut -c 3)" = 0 ] || fail "everybody may read the secret"
wine "$program" --check-config --config 'C:\ProgramData\gsrelay\relay.ini' </dev/null >/dev/null 2>&1 ||
    fail "relay.ini is no good"

# Again, and nothing changes: not the files, not the manager's entry.
settings >"$data/relay.ini"
cp "$data/relay.ini" "$data/secrets/secrets.ini" "$work_dir"
service 0 install --start manual --display-name '게임 relay' --account LocalService
wine reg export "$services\\gsrelay" "Z:$work_dir/before.reg" </dev/null >/dev/null 2>&1
service 0 install
says "was installed already"
says_not "(new:"
wine reg export "$services\\gsrelay" "Z:$work_dir/after.reg" </dev/null >/dev/null 2>&1
[ -s "$work_dir/before.reg" ] || fail "the registry was not exported"
same "$work_dir/before.reg" "$work_dir/after.reg"
same "$work_dir/relay.ini" "$data/relay.ini"
same "$work_dir/secrets.ini" "$data/secrets/secrets.ini"
value "$services\\gsrelay" ObjectName 'NT AUTHORITY\LocalService'
value "$services\\gsrelay" DisplayName '게임 relay'
value "$services\\gsrelay" Start dword:00000003
service 3 status
says "  starts     by hand"
says '  account    NT AUTHORITY\LocalService'

# From where it has moved to: the program changes and nothing else.
program="$drive/moved/gsrelayd.exe"
service 0 install
says 'it ran C:\서버 games\gsrelayd.exe before'
value "$services\\gsrelay" ImagePath '"C:\moved\gsrelayd.exe" service run --name gsrelay'
value "$sources\\gsrelay" EventMessageFile 'hex(2):43,00,3a,00,5c,00,6d,00,6f,00,76,00' # C:\mov
value "$services\\gsrelay" Start dword:00000003
program="$drive/서버 games/gsrelayd.exe"
service 0 install

# --- Several, side by side -------------------------------------------------------------------

mkdir -p "$drive/설정 files"
settings >"$drive/설정 files/my relay.ini"
service 0 install --name 'eu 1' --start manual
settings >"$data/eu 1/relay.ini"
service 0 install --name '유럽$2' --start manual --config 'C:\설정 files\my relay.ini'
says 'icacls "C:\설정 files\my relay.ini" /grant *S-1-5-80-'
[ ! -e "$data/유럽\$2/relay.ini" ] || fail "a relay.ini was written beside the one that was named"
[ ! -e "$data/유럽\$2/secrets" ] || fail "secrets were made for a relay.ini of somebody's own"
value "$services\\eu 1" ImagePath '--name "eu 1" --config "C:\ProgramData\gsrelay\eu 1\relay.ini"'
value "$services\\유럽\$2" ImagePath '--name 유럽$2 --config "C:\설정 files\my relay.ini"'
for name in gsrelay 'eu 1' '유럽$2'; do
    service 0 start --name "$name"
    says "$name: running, process "
done
service 0 start --name 'eu 1'
says "runs already"
for name in gsrelay 'eu 1' '유럽$2'; do
    service 0 status --name "$name"
    says "$name: running"
done
[ -s "$data/logs/gsrelayd.log" ] && [ -s "$data/eu 1/logs/gsrelayd.log" ] &&
    [ -s "$data/유럽\$2/logs/gsrelayd.log" ] || fail "each has a log of its own"
service 0 stop --name 'eu 1'
service 3 status --name 'eu 1'
says "last end   in order"
service 0 status
service 0 restart --name 'eu 1'
service 0 reload --name '유럽$2'
service 0 reopen-log
service 0 uninstall --name 'eu 1'
says "eu 1: uninstalled"
says 'C:\ProgramData\gsrelay\eu 1\relay.ini'
[ -s "$data/eu 1/relay.ini" ] && [ -s "$data/eu 1/logs/gsrelayd.log" ] || fail "uninstall took files along"
key_is_gone "$services\\eu 1"
key_is_gone "$sources\\eu 1"
service 0 status
service 0 uninstall --name 'eu 1'
says "eu 1: there is no such service"
service 0 uninstall --name '유럽$2'
[ -s "$drive/설정 files/my relay.ini" ] || fail "uninstall took a file of somebody's own along"

# --- What goes wrong -------------------------------------------------------------------------

service 0 stop
service 0 stop
says "was not running"
service 1 drain
says "is not running"
printf '[udp]\r\nprot = 1\r\n' >"$data/relay.ini"
service 0 install
says 'relay.ini:2: [udp] prot: there is no such key; did you mean "port"?'
says "the service will not start before this is mended"
service 2 start
says "started and stopped again"
says 'relay.ini:2: [udp] prot: there is no such key'
service 3 status
says "exit code 2: the configuration is wrong (1066)"
says 'relay.ini:2: [udp] prot: there is no such key'
service 2 reload
says "goes on as it was"

# A process that is killed: Wine goes on calling it running.
settings >"$data/relay.ini"
service 0 start
process=$(grep -l -x 'gsrelayd.exe' /proc/[0-9]*/comm 2>/dev/null | while read -r each; do
    grep -qz -xF "WINEPREFIX=$WINEPREFIX" "${each%comm}environ" 2>/dev/null &&
        grep -qzxF 'C:\서버 games\gsrelayd.exe' "${each%comm}cmdline" 2>/dev/null &&
        echo "${each%/comm}" | tr -dc 0-9
done)
kill -KILL "$process" || fail "no process of the service was found: $process"
tries=0
while [ -d "/proc/$process" ] && [ "$tries" -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
service 3 status
says "its process ended without a word"
service 1 reopen-log
says "is not running"
service 0 uninstall
service 4 status

# Services of others.
wine sc create others 'binPath=' 'C:\windows\notepad.exe' </dev/null >/dev/null 2>&1
for verb in install uninstall start stop restart reload drain reopen-log status; do
    service 1 $verb --name others
    says "the service others is another program's (C:\\windows\\notepad.exe); it is left alone"
done
value "$services\\others" ImagePath 'notepad.exe'
[ ! -e "$data/others" ] || fail "a folder was made for another program's service"
wine sc delete others </dev/null >/dev/null 2>&1

# What cannot be.
service 1 start
says "there is no service gsrelay; gsrelayd service install makes it"
service 2 install --config 'C:\nowhere\relay.ini'
says 'C:\nowhere\relay.ini cannot be used'
service 2 install --config 'C:\windows'
says 'C:\windows is a folder'
service 2 install --account '.\somebody'
says "--account takes virtual, LocalService"
service 2 install --name 'a\b'
says 'cannot be a service'
service 2 install --name logs
service 2 install --start sometimes
service 2 instal
says "did you mean install?"
program="$drive/moved/other.exe"
service 1 install
says "its name has to begin with gsrelayd"
program="$drive/서버 games/gsrelayd.exe"
rm -rf "$data"
: >"$data"
service 1 install
says "is a link or no folder"
rm -f "$data"
service 4 status
key_is_gone "$services\\gsrelay"

if [ "$failures" -eq 0 ]; then
    echo "every verb does what it should"
fi
exit $((failures > 0))
