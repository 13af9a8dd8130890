#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmarks side by side: plays every case against every server and keeps the figures.

Run by ./dev bench. Each case starts a fresh server on processor 0; its players (bench_load) are on
processor 1. The servers of a case run one after the other and then the next case begins, and the whole
is repeated round by round, so that what disturbs the machine disturbs all of them.

    bench.py --build DIR --json FILE [--rounds N] [--seconds S] [--quick] [--gates-only] [--only REGEX]

judge.py tells from the file what holds, report.py makes the page's tables and its picture.
"""
import argparse
import atexit
import fcntl
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SERVER_CORE, PLAYER_CORE = 0, 1
NEAR_LOW, NEAR_AIM, NEAR_HIGH = 0.65, 0.70, 0.75  # Share of its core that is "near capacity".
GENERATOR_MAX = 0.85  # Share of their core that the players may take, or the case is void.
WAITED_MAX = 0.15  # Share of the time in which something else may have had it.
PEERS = ["libuv", "enet", "node", "coturn"]

RELAY_SETS = [
    "udp.port=0", "control.port=0", "server.memory_max=8GiB",
    "control.connections_per_ip=1000000", "control.accepts_per_ip_s=1000000",
    "control.accepts_per_ip_burst=1000000", "control.idle_timeout=1h",
    "udp.challenge_per_ip_s=1000000", "udp.bind_timeout=1m", "udp.session_idle=10m",
    "limits.client_datagrams_s=10000", "limits.client_datagrams_burst=10000",
    "limits.room_deliveries_s=100000000", "limits.room_bytes_s=off", "log.level=info",
]


def relay(tick_us=0, auto="off"):
    return {"protocol": "gsrelay", "tick_us": tick_us, "auto": auto}


SERVERS = {
    "limit": {"protocol": "raw", "program": "fanout_limit"},
    "libuv": {"protocol": "raw", "program": "fanout_libuv"},
    "node": {"protocol": "raw"},
    "enet": {"protocol": "enet", "program": "fanout_enet"},
    "coturn": {"protocol": "turn"},
    "gsrelay-0": relay(),
    "gsrelay-0-auto": relay(auto="4ms"),
    "gsrelay-4": relay(4000),
    "gsrelay-5": relay(5000),
    "gsrelay-16": relay(16000),
}

# CPU ns of a delivered state, to begin the search for the load near capacity.
GUESS_NS = {"limit": 3500, "libuv": 3600, "node": 4800, "enet": 5000, "coturn": 5500, "gsrelay-0": 3300,
            "gsrelay-4": 2000, "gsrelay-16": 1500}


class Failed(Exception):
    pass


def log(text):
    print(text, file=sys.stderr, flush=True)


def on_server_core():
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        os.nice(-10)
    except PermissionError:
        pass


def go_first():
    """Others at work on this machine wait while we run: their share would be noise in every figure."""
    try:
        with open("/proc/self/autogroup", "r+", encoding="ascii") as group:
            before = group.read().rsplit(None, 1)[1]
            group.write("-15")
        atexit.register(lambda: pathlib.Path("/proc/self/autogroup").write_text(before, encoding="ascii"))
    except OSError:
        pass


def wait_for_others():
    """Two benchmarks at a time would measure each other."""
    lock = open(os.path.join(tempfile.gettempdir(), "gsrelay-bench.lock"), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log("bench: another benchmark is running; waiting for its end")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


class Server:
    """A server under test: a child process, its ports, its log."""

    def __init__(self, name, build, players):
        spec = SERVERS[name]
        self.log = tempfile.TemporaryFile(mode="w+")
        self.spec, self.port, self.control = spec, 0, 0
        cwd = None
        if name == "coturn":
            argv, cwd = self.coturn_argv(), tempfile.gettempdir()
        elif name == "node":
            argv = ["node", str(HERE / "fanout_node.js")]
        elif spec["protocol"] == "gsrelay":
            argv = self.relay_argv(build, players)
        else:
            argv = [str(build / "bench" / spec["program"])]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        stderr=self.log, preexec_fn=on_server_core, cwd=cwd)
        try:
            self.wait_ready(name)
        except Failed:
            self.stop()
            raise

    def relay_argv(self, build, players):
        sets = RELAY_SETS + [f"room.auto_tick_max={self.spec['auto']}"]
        if players > 4000:
            sets += [f"limits.max_clients={players + 64}", "limits.max_rooms=4096"]
        return [str(build / "bin" / "gsrelayd"), "--config", "/dev/null"] + \
            [word for each in sets for word in ("--set", each)]

    def coturn_argv(self):
        self.port = 34000 + os.getpid() % 500
        return ["turnserver", "-n", "--no-auth", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay",
                "--no-multicast-peers", "--allow-loopback-peers", "-L", "127.0.0.1", "-E", "127.0.0.1",
                "-p", str(self.port), "--min-port", "10000", "--max-port", "32000", "-m", "1", "--simple-log",
                "--log-file", "stdout", "--pidfile", os.path.join(tempfile.gettempdir(), "gsrelay-bench-turn.pid")]

    def wait_ready(self, name):
        if name == "coturn":
            time.sleep(0.5)  # It says nothing that could be waited for; the players ask again and again.
            if self.process.poll() is not None:
                raise Failed("coturn did not start")
            return
        line = self.process.stdout.readline()
        udp = re.search(r"udp=[0-9.]+:(\d+)", line)
        control = re.search(r"control=[0-9.]+:(\d+)", line)
        if not udp:
            self.log.seek(0)
            raise Failed(f"{name} did not become ready: {self.log.read()[-400:]}")
        self.port, self.control = int(udp.group(1)), int(control.group(1)) if control else 0

    def stop(self):
        if self.spec["protocol"] == "gsrelay":
            self.process.send_signal(signal.SIGUSR2)  # The counters, before those of stopping.
            time.sleep(0.1)
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def counters(self):
        """The relay's own, over the whole run; {} for the others."""
        self.log.seek(0)
        lines = [line for line in self.log if "evt=counters" in line]
        found = {}
        for line in lines:
            found.update((k, int(v)) for k, v in re.findall(r"(deliveries_\w+|kernel_drops|auto_tick_us_max"
                                                            r"|receivers_held|send_would_block|turns|wakes|datagrams_received|sent_datagrams)=(\d+)", line))
        return found


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(options.build).resolve()
        self.runs = []
        self.loads = {}  # Deliveries a second near capacity, by (server, members, size, hz).
        self.missing = {}
        self.workers = {}
        self.find_servers()

    def find_servers(self):
        for name, spec in SERVERS.items():
            program = {"node": "node", "coturn": "turnserver"}.get(name)
            if program and not shutil.which(program):
                self.missing[name] = f"{program} is not installed"
            elif "program" in spec and not (self.build / "bench" / spec["program"]).exists():
                self.missing[name] = f"{spec['program']} was not built: its library is not installed"
        for name, why in self.missing.items():
            log(f"bench: without {name}: {why}")

    def play(self, server, members, rooms, size, rate, warm_ms, run_ms, **more):
        """One run: a fresh server, its players, their figures."""
        spec = SERVERS[server]
        instance = Server(server, self.build, rooms * members)
        try:
            argv = [str(self.build / "bench" / "bench_load"), spec["protocol"], f"udp={instance.port}",
                    f"control={instance.control}", f"pid={instance.process.pid}",
                    f"own_core={PLAYER_CORE}", f"rooms={rooms}", f"members={members}", f"size={size}",
                    f"rate={rate:.6f}", f"tick_us={spec.get('tick_us', 0)}", f"warm_ms={warm_ms}", f"run_ms={run_ms}"]
            argv += [f"{key}={value}" for key, value in more.items()]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
            if done.returncode != 0:
                raise Failed(f"{server}: {done.stderr.strip()[-300:]}")
            figures = json.loads(done.stdout)
        finally:
            instance.stop()
        counters = instance.counters()
        figures["server"] = server
        figures["counters"] = counters
        made = counters.get("deliveries_made", 0)
        figures["superseded"] = counters.get("deliveries_superseded", 0) / made if made else 0
        figures["loss"] = 1 - figures["delivered"] / figures["due"] if figures["due"] else 0
        figures["void"] = figures["generator"] > GENERATOR_MAX or figures["players_waited"] > WAITED_MAX
        return figures

    def keep(self, figures, kind, round_number, hz, **more):
        figures.update(kind=kind, round=round_number, hz=hz, **more)
        self.runs.append(figures)
        log("bench: {kind:9} {server:15} {clients:6} in {members:3} {size:3} B {hz:3} Hz: "
            "{cpu_ns:7.0f} ns {delivered_s:9.0f}/s core {core:.2f} players {generator:.2f} "
            "p50 {p50_us:.0f} p99 {p99_us:.0f} us lost {loss:.4f} superseded {superseded:.4f} waited {waited:.2f}/{players_waited:.2f}".format(**figures)
            + (" VOID" if figures["void"] else ""))

    @staticmethod
    def shape(load, members, hz, server):
        """Rooms and rate that make that many deliveries a second, the rate as near to hz as can be."""
        each = members * (members - 1)
        rooms = max(1, round(load / (each * hz)))
        if server == "enet":
            rooms = min(rooms, 4000 // members)
        return rooms, load / (rooms * each)

    def run_near(self, server, members, size, hz, round_number):
        key = (server, members, size, hz)
        load = self.loads.get(key)
        if load is None:
            ns = GUESS_NS[server] / ({8: 1, 32: 2.5, 64: 4}[members] if server.startswith("gsrelay") else 1)
            load = next((found * 0.9 for (name, of, *_), found in self.loads.items() if (name, of) == (server, members)),
                        0.6 * 1e9 / ns)
            load = self.search(server, members, size, hz, load)
        for attempt in range(5):
            rooms, rate = self.shape(load, members, hz, server)
            figures = self.play(server, members, rooms, size, rate, self.options.warm_ms, self.options.run_ms)
            figures["near"] = NEAR_LOW <= self.share(figures) <= NEAR_HIGH
            if figures["near"] or figures["void"] or attempt == 4:
                break
            load *= min(max(NEAR_AIM / self.share(figures), 0.85), 1.15)
        self.loads[key] = load
        self.keep(figures, "near", round_number, hz)

    @staticmethod
    def share(figures):
        """Of the time in which nobody else had the core."""
        return figures["core"] / max(0.2, 1 - figures["waited"])

    def search(self, server, members, size, hz, load):
        """The highest load that takes no more than NEAR_HIGH of the core.

        What a server takes need not rise with its load: one that wakes up less often the more there is to
        do takes the same for a wide range. So this goes up until it is too much, and then halves the gap.
        """
        low, high = 0.0, math.inf
        for _ in range(8):
            rooms, rate = self.shape(load, members, hz, server)
            figures = self.play(server, members, rooms, size, rate, 200, 400)
            share = self.share(figures)
            # Players that cannot keep up offer less than they should; more load would only be void.
            if share > NEAR_HIGH - 0.01 or figures["generator"] > GENERATOR_MAX or figures["loss"] > 0.2:
                high = min(high, load)
                load = max((low + high) / 2, load * NEAR_AIM / min(max(share, 0.5), 1.0)) if low else load * 0.75
            else:
                low = max(low, load)
                load = load * NEAR_AIM / share if share < NEAR_LOW else load * 1.15
                load = min(load, low * 2)
            if load >= high:
                load = (low + high) / 2
            if low and high < low * 1.1:
                break
            if server == "enet" and rooms >= 4000 // members:
                break
        return low or load

    def run(self, kind, server, members, rooms, size, hz, round_number, rate=None, **more):
        warm = self.options.warm_ms + (700 if kind == "overload" else 0)
        keys = {key: value for key, value in more.items() if key in ("down", "ping_ms")}
        figures = self.play(server, members, rooms, size, rate or hz, warm, self.options.run_ms, **keys)
        self.keep(figures, kind, round_number, hz, **more)

    def start_memory(self, round_number):
        """Resident memory after the ready line, with the relay.ini that is delivered."""
        argv = [str(self.build / "bin" / "gsrelayd"), "--config", str(ROOT / "config" / "relay.ini"),
                "--set", "udp.port=0", "--set", "control.port=0"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as process:
            process.stdout.readline()
            time.sleep(0.2)
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            process.terminate()
            process.wait()
        kb = {key: int(value) for key, value in re.findall(r"(VmRSS|RssAnon):\s+(\d+)", status)}
        self.runs.append({"kind": "start", "server": "gsrelay-0", "round": round_number, "void": False,
                          "resident_kb": kb["VmRSS"], "private_kb": kb["RssAnon"]})
        log(f"bench: start     gsrelay: {kb['VmRSS']} KiB resident, {kb['RssAnon']} KiB of it anonymous")

    def cases(self):
        """What is played in each round: (name, function, arguments), in order."""
        made = []

        def add(function, *arguments, **more):
            made.append((function, arguments, more))

        # Near capacity, against the best peer.
        for members, size in ((8, 100), (32, 100), (64, 100), (64, 32)):
            for server in ["limit", *PEERS, "gsrelay-16"]:
                add(self.run_near, server, members, size, 60)
        # Moderate load, against the limit: as many rooms as make 67, 119 and 242 thousand deliveries a second.
        for members, rooms in ((8, 20), (32, 2), (64, 1)):
            for server in ("limit", "gsrelay-0", "gsrelay-5"):
                add(self.run, "moderate", server, members, rooms, 100, 60)
        # Overload: 1,280 clients.
        for members in (8, 32, 64):
            for server in ("limit", "gsrelay-0", "gsrelay-0-auto"):
                add(self.run, "overload", server, members, 1280 // members, 100, 60)
        # A receiver with a tenth of the downlink that it needs.
        for server in ("gsrelay-0", "gsrelay-16"):
            add(self.run, "plain", server, 32, 2, 100, 60)
            add(self.run, "budget", server, 32, 2, 100, 60, down=int(31 * 60 * 105 / 10))
        # Growth: the same 70,000 deliveries a second from ever more clients.
        for server in ("gsrelay-0", "limit"):
            for rooms in (13, 125, 1250):
                add(self.run, "scale", server, 8, rooms, 100, 0, rate=70000 / (rooms * 56), ping_ms=0)
        for rooms in (13, 125, 1250):
            add(self.run, "scale-ping", "gsrelay-0", 8, rooms, 100, 0, rate=70000 / (rooms * 56))
        for server in ("gsrelay-0", "limit", *PEERS):
            add(self.run_idle, server)
        return made

    def run_idle(self, server, round_number):
        figures = self.play(server, 8, 500, 100, 60, 0, 0)
        figures["client_kb"] = (figures["idle_kb"] - figures["empty_kb"]) / figures["clients"]
        figures.update(kind="idle", round=round_number, hz=0)
        self.runs.append(figures)
        log(f"bench: idle      {server:15} {figures['clients']} clients: {figures['empty_kb']} KiB, "
            f"{figures['client_kb']:.2f} KiB more for each")

    def matrix(self):
        """The rest of the table: every size and rate near capacity, the other ticks, the peers in overload."""
        made = []
        for members in (8, 32, 64):
            for server in ("libuv", "enet", "node", "gsrelay-4", "gsrelay-16"):
                made.append((self.run, ("overload", server, members, 1280 // members, 100, 60), {}))
        for members in (8, 32, 64):
            for size in (100, 32):
                for hz in (60, 20):
                    for server in SERVERS:
                        is_gate = hz == 60 and (size == 100 or members == 64) and \
                            server in ("limit", *PEERS, "gsrelay-16")
                        if not is_gate and server not in ("gsrelay-0-auto", "gsrelay-5"):
                            made.append((self.run_near, (server, members, size, hz), {}))
        return made

    def round(self, number, cases):
        only = re.compile(self.options.only) if self.options.only else None
        for function, arguments, more in cases:
            name = " ".join(str(each) for each in (function.__name__, *arguments))
            if any(each in self.missing for each in arguments) or (only and not only.search(name)):
                continue
            try:
                function(*arguments, round_number=number, **more)
            except (Failed, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
                log(f"bench: {name}: {error}")
                self.runs.append({"kind": "failed", "name": name, "round": number, "why": str(error)})
            self.save()

    def save(self):
        with open(self.options.json + ".part", "w", encoding="utf-8") as out:
            json.dump({"machine": machine(), "missing": self.missing, "options": vars(self.options),
                       "workers": self.workers, "runs": self.runs}, out, indent=1)
        os.replace(self.options.json + ".part", self.options.json)

    def two_workers(self):
        """What workers.py finds: a benchmark of its own, whose result is judged with the others."""
        with tempfile.NamedTemporaryFile() as figures:
            argv = [sys.executable, str(HERE / "workers.py"), str(self.build / "bin"), "--json", figures.name,
                    "--rounds", str(self.options.rounds), "--seconds", str(max(1, round(self.options.seconds)))]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self.workers = json.load(figures)
            else:
                self.runs.append({"kind": "failed", "name": "workers", "round": 0, "why": done.stderr[-300:]})
            log(f"bench: workers   {done.stdout.strip()[-200:] if done.returncode == 0 else done.stderr[-300:]}")

    @staticmethod
    def has_delivered(run):
        """Most states, or newer ones in their place. A server that sends to the wrong members does not."""
        return run.get("due", 0) > 0 and run["loss"] - run["superseded"] < 0.5

    def smoke(self):
        """On a machine that has no time left a run may see nothing: it is played again, and longer."""
        self.start_memory(0)
        for server in SERVERS:
            for run_ms in (150, 500, 2000, 8000):
                self.options.run_ms = run_ms
                before = len(self.runs)
                self.round(0, [(self.run, ("moderate", server, 4, 1, 100, 60), {})])
                if len(self.runs) == before or self.has_delivered(self.runs[-1]):
                    break

    def all(self):
        for number in range(self.options.rounds):
            self.start_memory(number)
            self.round(number, self.cases())
        if not self.options.only:
            self.two_workers()
            self.save()
        if not self.options.gates_only:
            for number in range(self.options.matrix_rounds):
                self.round(number, self.matrix())


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "processors": os.cpu_count(),
            "model": model.group(1).strip() if model else "?", "machine": os.uname().machine,
            "kernel": os.uname().release.split("-")[0]}


def main():
    parser = argparse.ArgumentParser(description="Plays every case against every server.")
    parser.add_argument("--build", default="build/linux-release", help="where the programs are")
    parser.add_argument("--json", required=True, help="where the figures go")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--matrix-rounds", type=int, default=1, help="of the cases that no gate asks for")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="one round of short runs of what the gates ask for")
    parser.add_argument("--gates-only", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="a moment of each server: whether all of it works")
    parser.add_argument("--only", help="only cases whose name this expression finds")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.gates_only = 1, 0.8, True
    options.run_ms = int(options.seconds * 1000)
    options.warm_ms = 300
    if (os.cpu_count() or 1) < 2:
        sys.exit("bench: servers and players need a processor each; this machine has one")
    if options.smoke:
        options.warm_ms = 50
        Bench(options).smoke()
        return
    lock = wait_for_others()
    go_first()
    Bench(options).all()
    lock.close()


if __name__ == "__main__":
    main()
