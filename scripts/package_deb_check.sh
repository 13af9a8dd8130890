# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2016 # Most of what stands in single quotes is for the machine's shell.
# Tries the Debian packages on a machine of their own: installed, played through, reloaded, broken, upgraded,
# started at boot, removed, purged. Sourced by package_deb.sh.

. "$root/scripts/debian_machine.sh"

deb_log=$root/build/package_deb_check.log

# Commands in the machine whose output matters only when they fail.
deb_run() {
    machine_run "$@" </dev/null >>"$deb_log" 2>&1 && return 0
    say "failed in the machine: $*"
    return 1
}

# Succeeds when the command fails.
deb_fails() {
    ! machine_run "$@" </dev/null >>"$deb_log" 2>&1
}

# deb_sh 'COMMANDS' [ARGUMENT...]
deb_sh() {
    deb_script=$1
    shift
    deb_run sh -euc "$deb_script" sh "$@"
}

# deb_do 'COMMANDS': a step between two checks.
deb_do() {
    deb_sh "$@" || check_failed "the next step could not be prepared"
}

# deb_put FILE PLACE
deb_put() {
    machine_run sh -c 'cat >"$1" && chmod 755 "$1"' sh "$2" <"$1"
}

# deb_apt ARGUMENT...: whatever was changed locally is kept without a question.
deb_apt() {
    deb_run apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# deb_wait 'COMMANDS': tries until they succeed, for 20 seconds at most.
deb_wait() {
    deb_tries=0
    until machine_run sh -euc "$1" </dev/null >>"$deb_log" 2>&1; do
        deb_tries=$((deb_tries + 1))
        [ "$deb_tries" -lt 100 ] || {
            say "never came true in the machine: $1"
            return 1
        }
        sleep 0.2
    done
}

# deb_mark: from here on deb_journal_has looks.
deb_mark() {
    deb_sh 'journalctl --sync; journalctl --quiet --lines 1 --show-cursor | sed -n "s/^-- cursor: //p" >/root/mark'
}

# deb_journal_has PATTERN: what the unit has said, or will have soon.
deb_journal_has() {
    deb_wait 'journalctl --quiet --unit gsrelayd --output cat --after-cursor "$(cat /root/mark)" | grep -e "'"$1"'"'
}

# The package as an older version had it, with another relay.ini in it.
deb_make_old() {
    rm -rf "$deb_work/old"
    dpkg-deb --raw-extract "$1" "$deb_work/old" &&
        sed -i 's/^Version: .*/Version: 0.0.1-1/' "$deb_work/old/DEBIAN/control" &&
        sed -i '1s/^/# As an older version had it.\n/' "$deb_work/old/etc/gsrelay/relay.ini" &&
        dpkg-deb --root-owner-group --build "$deb_work/old" "$deb_work/gsrelayd_old.deb" >>"$deb_log"
}

# Everything that a package could leave: names of all files, contents of /etc. What apt, dpkg, the journal
# and systemd keep for themselves is left out, and the copies that passwd makes of its files.
deb_traces() {
    machine_run sh -euc '
        find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /root \
            -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log/journal \) -prune \
            -o -print | grep -vE "^/var/log/(dpkg.log|apt/.*|alternatives.log)$|^/etc/(passwd|group|shadow|gshadow)-$|^/etc/.pwd.lock$|^/var/lib/systemd/(random-seed|catalog/database|timers/.*)$" |
            LC_ALL=C sort
        find /etc -type f ! -name "*-" ! -name ld.so.cache ! -name .pwd.lock -exec sha256sum {} + | LC_ALL=C sort' </dev/null
}

deb_check_installed() {
    check "the older version installs, with what it depends on" deb_apt install /root/old.deb /root/gsrelay.deb
    check "it runs, and will at boot" deb_sh 'systemctl is-active gsrelayd; systemctl is-enabled gsrelayd'
    check "its user is a system user without a shell" \
        deb_sh 'getent passwd gsrelay | grep -E "^gsrelay:x:[0-9]{1,3}:[0-9]{1,3}:.*:/usr/sbin/nologin$"'
    check "the files are as they were packaged" deb_run dpkg --verify gsrelayd gsrelay
    check "files and folders belong to whom they should" deb_sh '
        test "$(stat -c "%U:%G %a" /etc/gsrelay /etc/gsrelay/relay.ini /usr/sbin/gsrelayd /usr/bin/gsrelay \
            /var/lib/gsrelay /var/log/gsrelay | tr "\n" ,)" = \
            "root:root 755,root:root 644,root:root 755,root:root 755,gsrelay:gsrelay 750,gsrelay:gsrelay 750,"'
    check "systemd finds nothing wrong with the unit" deb_run systemd-analyze verify --man=no gsrelayd.service
    check "the exposure of the running unit is at most 1.5" \
        deb_run systemd-analyze security --no-pager --threshold=15 gsrelayd.service
    check "the process has no capability, no new privileges, and a filter of system calls" deb_sh '
        cd /proc/$(systemctl show --property MainPID --value gsrelayd)
        test "$(stat -c %U .)" = gsrelay
        grep -x "CapBnd:.0*" status
        grep -x "CapEff:.0*" status
        grep -x "NoNewPrivs:.1" status
        grep -x "Seccomp:.2" status'
    check "even root could write but its two folders where it lives" deb_sh '
        in_it() { nsenter --target "$(systemctl show --property MainPID --value gsrelayd)" --mount "$@"; }
        in_it touch /var/lib/gsrelay/x /var/log/gsrelay/x
        in_it rm /var/lib/gsrelay/x /var/log/gsrelay/x
        for place in /usr/x /etc/gsrelay/x /var/x /root/x /home/x; do
            if in_it touch $place; then exit 1; fi
        done'
}

deb_check_upgrade() {
    # One of the administrator's, which is also what lets the players below join at once.
    deb_do 'sed -i "s/^;challenge_per_ip_s = .*/challenge_per_ip_s = 10000/" /etc/gsrelay/relay.ini
        grep -x "challenge_per_ip_s = 10000" /etc/gsrelay/relay.ini; sha256sum /etc/gsrelay/relay.ini >/root/sum'
    check "it upgrades" deb_apt install /root/new.deb
    check "the changed relay.ini is kept, the new one lies beside it" \
        deb_sh 'sha256sum --check /root/sum; test -e /etc/gsrelay/relay.ini.dpkg-dist; rm /etc/gsrelay/relay.ini.dpkg-dist'
    check "the new version runs" deb_sh 'systemctl is-active gsrelayd
        dpkg-query -W -f "\${Version}" gsrelayd | grep -v 0.0.1'
}

# Sixteen players; meanwhile the configuration is changed, then broken, then mended.
deb_check_play() {
    deb_mark
    machine_run /root/play 127.0.0.1:7777 1 16 30 8 0 </dev/null >"$deb_work/client.txt" 2>&1 &
    deb_players=$!
    deb_journal_has 'evt=member_joined' || true
    deb_do 'sed -i "s/^;client_datagrams_s = .*/client_datagrams_s = 200/" /etc/gsrelay/relay.ini'
    check "a reload is taken" deb_run systemctl reload gsrelayd
    check "and the log says so" deb_journal_has 'evt=reloaded'
    deb_do 'cp /etc/gsrelay/relay.ini /root/good.ini; echo "nonsense = 1" >>/etc/gsrelay/relay.ini'
    deb_mark
    check "a reload with a broken file fails" deb_fails systemctl reload gsrelayd
    check "and the journal names file and line" deb_journal_has 'relay.ini:[0-9][0-9]*:.*nonsense'
    check "it runs on" deb_run systemctl is-active gsrelayd
    deb_do 'cp /root/good.ini /etc/gsrelay/relay.ini'
    check "the players have played to the end" wait "$deb_players"
    check "it stops in order" deb_sh 'systemctl stop gsrelayd
        test "$(systemctl show --property Result --value gsrelayd)" = success
        test "$(systemctl show --property ExecMainStatus --value gsrelayd)" = 0'
    machine_run journalctl --quiet --unit gsrelayd --output cat </dev/null >"$deb_work/relay.log"
    check "nothing was lost on the way" \
        sh "$root/tests/system/check_run.sh" "$root/proto/reason.h" "$deb_work/relay.log" "$deb_work/client.txt" 100
}

deb_check_trouble() {
    deb_mark
    deb_do 'echo "nonsense = 1" >>/etc/gsrelay/relay.ini'
    check "a broken file keeps it from starting" deb_fails systemctl start gsrelayd
    check "the journal names file and line" deb_journal_has 'relay.ini:[0-9][0-9]*:.*nonsense'
    check "it is not tried again and again" deb_sh 'sleep 3
        test "$(systemctl show --property ActiveState --value gsrelayd)" = failed
        test "$(systemctl show --property NRestarts --value gsrelayd)" = 0'
    deb_do 'cp /root/good.ini /etc/gsrelay/relay.ini'
    check "with the mended file it starts" deb_run systemctl start gsrelayd

    check "killed, it is started again" deb_sh 'systemctl kill --signal=KILL --kill-who=main gsrelayd'
    check "and runs" deb_wait 'systemctl is-active gsrelayd; test "$(systemctl show --property NRestarts --value gsrelayd)" = 1'
    deb_do 'mkdir -p /run/systemd/system/gsrelayd.service.d
        printf "[Service]\nWatchdogSec=2s\n" >/run/systemd/system/gsrelayd.service.d/watchdog.conf
        systemctl daemon-reload; systemctl restart gsrelayd; sleep 3'
    check "it keeps the watchdog quiet" deb_sh 'test "$(systemctl show --property NRestarts --value gsrelayd)" = 0'
    deb_mark
    deb_do 'systemctl kill --signal=STOP --kill-who=main gsrelayd'
    check "hanging, it is ended by the watchdog and started again" deb_wait '
        systemctl is-active gsrelayd; test "$(systemctl show --property NRestarts --value gsrelayd)" = 1'
    deb_do 'rm -r /run/systemd/system/gsrelayd.service.d; systemctl daemon-reload; systemctl restart gsrelayd'
}

# A second relay beside the first, by the template.
deb_check_second() {
    deb_do 'gsrelayd --dump-defaults |
        sed -e "s/^;port = 7777/port = 7801/" -e "s/^;drain_timeout = .*/drain_timeout = 1s/" >/etc/gsrelay/eu.ini'
    check "a second relay starts by the template" deb_run systemctl enable --now gsrelayd@eu
    check "both serve" deb_sh 'gsrelay ping --count 1; gsrelay --server 127.0.0.1:7801 ping --count 1'
    check "it has folders of its own" deb_sh '
        test "$(stat -c "%U:%G %a" /var/lib/gsrelay/eu /var/log/gsrelay/eu | tr "\n" ,)" = "gsrelay:gsrelay 750,gsrelay:gsrelay 750,"'
    check "the exposure of the template is at most 1.5" \
        deb_run systemd-analyze security --no-pager --threshold=15 gsrelayd@eu.service
    check "the verbs reach it by its name" deb_run gsrelayd service drain --name gsrelayd@eu
    check "drained, it alone ends" deb_wait '
        test "$(systemctl show --property ActiveState --value gsrelayd@eu)" = inactive; systemctl is-active gsrelayd'
    check "and starts again" deb_run systemctl start gsrelayd@eu
}

# What OPERATIONS.md tells the administrator to do.
deb_check_operations() {
    deb_do 'gsrelayd --genkey | install --mode=600 --owner=gsrelay /dev/stdin /etc/gsrelay/secrets
        sed -i -e "s/^;mode = open/mode = ticket/" -e "s|^;secret_file =.*|secret_file = /etc/gsrelay/secrets|" \
            -e "s|^;file =.*|file = /var/log/gsrelay/gsrelayd.log|" /etc/gsrelay/relay.ini
        systemctl restart gsrelayd'
    check "with tickets, whoever has one gets in" deb_sh 'umask 077
        gsrelay ticket --secret-file /etc/gsrelay/secrets >/root/ticket; gsrelay --ticket-file /root/ticket ping'
    check "and whoever has none does not" deb_fails gsrelay ping
    check "its log file is there, for its group to read" \
        deb_sh 'test "$(stat -c "%U:%G %a" /var/log/gsrelay/gsrelayd.log)" = "gsrelay:gsrelay 640"'
    check "it reopens its log file" deb_sh 'mv /var/log/gsrelay/gsrelayd.log /var/log/gsrelay/gsrelayd.log.1
        gsrelayd service reopen-log'
    check "and writes the new one" deb_wait 'test -s /var/log/gsrelay/gsrelayd.log'
    deb_do 'gsrelayd service drain'
    check "drained, it ends when nobody plays" deb_wait '
        test "$(systemctl show --property ActiveState --value gsrelayd)" = inactive
        test "$(systemctl show --property ExecMainStatus --value gsrelayd)" = 0'
    machine_stop
    check "the machine starts again" machine_start
    check "the relay starts with it" deb_wait 'systemctl is-active gsrelayd'
}

deb_check_removed() {
    check "it is removed" deb_apt remove gsrelayd
    check "nothing of it runs, its unit is gone" deb_sh 'if systemctl cat gsrelayd || pgrep gsrelayd; then exit 1; fi'
    check "relay.ini, the state and the logs remain" \
        deb_sh 'test -e /etc/gsrelay/relay.ini; test -e /var/log/gsrelay/gsrelayd.log; test -d /var/lib/gsrelay'
    check "what the administrator put there is left to the administrator" \
        deb_sh 'rm /etc/gsrelay/secrets /etc/gsrelay/eu.ini'
    check "it is purged" deb_apt purge gsrelayd gsrelay
    check "and what it depended on" deb_apt autoremove --purge
    deb_traces >"$deb_work/traces.after"
    check "without a trace" diff -u "$deb_work/traces.before" "$deb_work/traces.after"
}

# A game built from what is in the -dev package alone.
deb_check_library() {
    rm -rf "${deb_work:?}/dev"
    dpkg-deb --extract "$1"/libgsrelay-dev_*.deb "$deb_work/dev" &&
        deb_pc=$(dirname "$(find "$deb_work/dev" -name gsrelay.pc)") &&
        deb_flags=$(PKG_CONFIG_PATH=$deb_pc pkg-config --cflags --libs gsrelay) &&
        eval "set -- $deb_flags" &&
        cc -std=c11 "$deb_work/dev/usr/share/doc/libgsrelay-dev/examples/minimal.c" "$@" -o "$deb_work/minimal"
}

package_linux_check() {
    deb_work=$1.check
    need_packages lintian pkg-config
    rm -rf "$deb_work"
    mkdir -p "$deb_work"
    : >"$deb_log"
    check "lintian finds nothing" lintian --allow-root --fail-on error,warning,info "$1"/*.deb
    check "the library's package is enough to build a game" deb_check_library "$1"
    build_preset linux-release gsrelay_play || die "The players did not build."
    check "an older version can be made" deb_make_old "$1"/gsrelayd_"$package_version"-*.deb
    machine_make "$deb_work/machine" libinih1 libsodium23 procps
    trap machine_remove EXIT
    trap 'exit 1' HUP INT TERM
    check "a Debian with systemd starts" machine_start || return 0
    deb_traces >"$deb_work/traces.before"
    deb_put "$deb_work/gsrelayd_old.deb" /root/old.deb
    deb_put "$(ls "$1"/gsrelayd_"$package_version"-*.deb)" /root/new.deb
    deb_put "$(ls "$1"/gsrelay_"$package_version"-*.deb)" /root/gsrelay.deb
    deb_put "$root/build/linux-release/tests/gsrelay_play" /root/play
    deb_check_installed
    deb_check_upgrade
    deb_check_play
    deb_check_trouble
    deb_check_second
    deb_check_operations
    deb_check_removed
    machine_remove
    trap - EXIT HUP INT TERM
}
