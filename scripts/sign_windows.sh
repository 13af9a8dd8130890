#!/bin/sh
# SPDX-License-Identifier: MIT
# Signs one file (an exe or an MSI) in place with osslsigncode; does nothing without a certificate.
#
#   GSRELAY_SIGN_PKCS12          a PKCS#12 file with the certificate and its key
#   GSRELAY_SIGN_PASSWORD_FILE   holds its password; unset: it has none
#   GSRELAY_SIGN_TIMESTAMP_URL   a server that confirms the time (RFC 3161); unset: the signature ends with
#                                the certificate
#
# usage: sign_windows.sh FILE PRODUCT URL
set -eu
[ -n "${GSRELAY_SIGN_PKCS12:-}" ] || exit 0
file=$1
set -- -pkcs12 "$GSRELAY_SIGN_PKCS12" -n "$2" -i "$3" -h sha256
[ -z "${GSRELAY_SIGN_PASSWORD_FILE:-}" ] || set -- "$@" -readpass "$GSRELAY_SIGN_PASSWORD_FILE"
[ -z "${GSRELAY_SIGN_TIMESTAMP_URL:-}" ] || set -- "$@" -ts "$GSRELAY_SIGN_TIMESTAMP_URL"
osslsigncode sign "$@" -in "$file" -out "$file.signed" </dev/null >"$file.log" 2>&1 || {
    tail -n 5 "$file.log" >&2
    echo "dev: ${file##*/} could not be signed with $GSRELAY_SIGN_PKCS12; osslsigncode's words are above." >&2
    exit 1
}
rm -f "$file.log"
mv "$file.signed" "$file"
