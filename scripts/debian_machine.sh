# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A Debian machine to install packages on: a fresh root made by debootstrap, with its own systemd as process
# 1 in namespaces of its own (mounts, processes, network, control groups, users of systemd's units). Sourced
# after common.sh and windows_deps.sh. It needs root, or sudo; the root is kept in $cache and never
# written again: each machine works on a layer above it.

machine_base=$cache/debian-bookworm

# $machine_base with systemd; what packages of ours depend on lies in apt's cache there, not installed, so
# that installing them proves what they say they need, also where there is no network.
machine_base_build() {
    [ "$(cat "$machine_base/.ready" 2>/dev/null)" != "$machine_downloads" ] || return 0
    mirror=$(deps_mirror)
    [ -n "$mirror" ] ||
        die "apt on this machine names no Debian mirror, so no Debian can be made for the check: run apt-get update."
    say "making a Debian in $machine_base (once, a minute or two)"
    $as_root rm -rf "$machine_base"
    # shellcheck disable=SC2086
    {
        $as_root debootstrap --variant=minbase --include=systemd-sysv bookworm "$machine_base" "$mirror" &&
            $as_root chroot "$machine_base" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --download-only $machine_downloads &&
            echo "$machine_downloads" | $as_root tee "$machine_base/.ready"
    } </dev/null >"$machine_work/debootstrap.log" 2>&1 || {
        tail -n 20 "$machine_work/debootstrap.log" >&2
        die "debootstrap could not make a Debian from $mirror; see the lines above."
    }
}

# machine_make WORK_DIR PACKAGE...: a machine that is not running yet. The packages can be installed later.
machine_make() {
    machine_work=$1
    shift
    machine_downloads=$*
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
    fi
    need_packages debootstrap util-linux
    mkdir -p "$machine_work"
    with_lock debian-bookworm machine_base_build
    machine_cgroup=$(findmnt --noheadings --first-only --output TARGET --types cgroup2)/gsrelay-$$
}

# Runs in the new namespaces: puts the layers together and becomes systemd.
# shellcheck disable=SC2016
machine_init='
set -eu
base=$1 root=$2/root
mount -t overlay -o "lowerdir=$base,upperdir=$2/upper,workdir=$2/overlay" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/old"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ip link set lo up
cd "$root"
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=gsrelay PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --log-target=journal --show-status=0 --unit=multi-user.target
'

# Starts the machine that machine_make has made; its disk is as it was left.
machine_start() {
    # shellcheck disable=SC2086
    $as_root mkdir -p "$machine_work/root" "$machine_work/upper" "$machine_work/overlay" "$machine_cgroup"
    # The shell enters the control group before the namespace takes that group as its top.
    # shellcheck disable=SC2016
    $as_root sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$machine_cgroup" \
        unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --net --cgroup \
        sh -c "$machine_init" sh "$machine_base" "$machine_work" </dev/null >"$machine_work/console.log" 2>&1 &
    machine_outside=$!
    tries=0
    # A unit that failed makes it "degraded"; up it is.
    until machine_pid=$(machine_find_init) && machine_run systemctl is-system-running 2>/dev/null |
        grep -qxE 'running|degraded'; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$machine_outside" 2>/dev/null; then
            cat "$machine_work/console.log" >&2
            say "no systemd could be started in namespaces of its own: this needs root, overlayfs and cgroup2"
            return 1
        fi
        sleep 0.1
    done
}

# systemd's process, seen from outside: the one in the machine's group that is the first in its namespace.
machine_find_init() {
    while read -r candidate; do
        awk '/^NSpid:/ && NF == 3 && $3 == 1 { found = 1 } END { exit !found }' \
            "/proc/$candidate/status" 2>/dev/null && echo "$candidate" && return 0
    done <<LIST
$(cat "$machine_cgroup/cgroup.procs" "$machine_cgroup/init.scope/cgroup.procs" 2>/dev/null)
LIST
    return 1
}

# machine_run COMMAND...: runs it in the machine, as root, with what this shell has as input and output.
machine_run() {
    $as_root nsenter --target "$machine_pid" --mount --pid --ipc --uts --net --cgroup \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# Pulls the plug; the disk stays. Safe to call twice.
machine_stop() {
    [ -n "${machine_pid:-}" ] || return 0
    $as_root kill -KILL "$machine_pid" 2>/dev/null || true
    wait "$machine_outside" 2>/dev/null || true
    machine_pid=
    tries=0
    while [ -d "$machine_cgroup" ] && [ "$tries" -lt 50 ]; do
        $as_root find "$machine_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
        tries=$((tries + 1))
    done
}

# Stops it and removes its disk. Safe to call twice.
machine_remove() {
    machine_stop
    $as_root rm -rf "$machine_work/upper" "$machine_work/overlay" "$machine_work/root"
}
