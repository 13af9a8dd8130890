#!/bin/sh
# SPDX-License-Identifier: MIT
# Reads built programs and requires of each what makes an attack on it harder, and for Windows that it
# needs no library but the system's.
#
# usage: binaries.sh pe|elf OBJDUMP_OR_READELF PROGRAM...
set -u
export LC_ALL=C
kind=$1
tool=$2
shift 2
errors=0

broken() {
    echo "$program: $*"
    errors=$((errors + 1))
}

# What Windows itself brings. Everything else would have to be shipped along.
system_dlls=' KERNEL32.dll ADVAPI32.dll WS2_32.dll msvcrt.dll bcrypt.dll WINMM.dll IPHLPAPI.DLL ntdll.dll USER32.dll SHELL32.dll '

is_system_dll() {
    case "$system_dlls" in
    *" $1 "*) return 0 ;;
    esac
    case "$1" in
    api-ms-win-crt-*.dll) return 0 ;; # The parts of UCRT, where it is built with that.
    esac
    return 1
}

check_pe() {
    headers=$("$tool" -p "$program") || broken "cannot be read"
    for flag in HIGH_ENTROPY_VA DYNAMIC_BASE NX_COMPAT; do
        echo "$headers" | grep -q "^[[:space:]]*$flag$" || broken "$flag is off"
    done
    for dll in $(echo "$headers" | sed -n 's/.*DLL Name: //p'); do
        is_system_dll "$dll" || broken "needs $dll"
    done
    sections=$("$tool" -h "$program")
    # Without relocations the loader cannot move it, whatever the flags say.
    echo "$sections" | grep -q ' \.reloc ' || broken "has no relocations"
    "$tool" -t "$program" | grep -q '__stack_chk_fail' || broken "was built without the stack protector"
    # The names of a version resource are UTF-16.
    tr -d '\000' <"$program" | grep -q 'ProductVersion' || broken "has no version resource"
}

check_elf() {
    "$tool" -hW "$program" | grep -q 'Type: *DYN' || broken "is not position-independent"
    segments=$("$tool" -lW "$program")
    echo "$segments" | grep -q 'GNU_RELRO' || broken "has no RELRO"
    echo "$segments" | grep 'GNU_STACK' | grep -q 'RW ' || broken "has an executable stack"
    dynamic=$("$tool" -dW "$program")
    echo "$dynamic" | grep -qE 'BIND_NOW|FLAGS_1.* NOW' || broken "binds late, so RELRO is partial"
    if echo "$dynamic" | grep -qE 'TEXTREL|RPATH|RUNPATH'; then
        broken "has TEXTREL, RPATH or RUNPATH"
    fi
    "$tool" -sW "$program" | grep -q '__stack_chk_fail' || broken "was built without the stack protector"
}

if [ $# -eq 0 ]; then
    echo "no programs were named"
    exit 1
fi
for program in "$@"; do
    "check_$kind"
done
[ "$errors" -eq 0 ] && echo "$# programs are as they should be"
exit $((errors > 0))
