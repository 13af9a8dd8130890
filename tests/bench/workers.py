#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a delivered state costs with one worker and with two.

Counted is the processor time of the worker threads alone, as the scheduler has it
(/proc/PID/task/TID/schedstat), for each state that `gsrelay load` saw delivered. Each generator
makes the same load; with two workers there are two generators. Beside them run two relays of one
worker each under the same load: they share nothing but the machine, so what two workers cost more
than these is what being in one process costs. The cases run in turn, several rounds, medians.

usage: workers.py BIN_DIR [--rounds N] [--seconds N] [--tick MS] [--json FILE]
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOMS, MEMBERS, RATE, SIZE = 8, 8, 60, 100
SETTINGS = {
    "udp.port": "0",
    "control.port": "0",
    "control.connections_per_ip": "4096",
    "control.accepts_per_ip_s": "4096",
    "control.accepts_per_ip_burst": "4096",
    "udp.challenge_per_ip_s": "4096",
    "limits.room_deliveries_s": "1000000",
    "room.auto_tick_max": "0",
}
# A run that lost more than this was short of processor, and says nothing about the price of a state.
LOST_MAX = 0.05
# Name, relays, workers of each, generators.
CASES = [
    ("1 worker, 1 generator", 1, 1, 1),
    ("1 worker, 2 generators", 1, 1, 2),
    ("2 relays of 1 worker, 2 generators", 2, 1, 2),
    ("2 workers, 2 generators", 1, 2, 2),
]


class Relay:
    def __init__(self, binaries, workers, directory):
        command = [os.path.join(binaries, "gsrelayd"), "--config", os.devnull]
        for key, value in dict(SETTINGS, **{"udp.workers": str(workers)}).items():
            command += ["--set", f"{key}={value}"]
        self.log = open(os.path.join(directory, "relay.log"), "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        ready = re.search(r"control=(\S+)", self.process.stdout.readline())
        if ready is None:
            sys.exit(f"workers: the relay did not start: {' '.join(command)}")
        self.server = ready.group(1).split(",")[0]
        deadline = time.monotonic() + 10
        # A thread names itself, which may be after the relay is ready.
        while len(self.worker_times_ns()) != workers:
            if time.monotonic() > deadline:
                sys.exit("workers: the worker threads could not be told by their names")
            time.sleep(0.01)

    def worker_times_ns(self):
        times = []
        for task in sorted(glob.glob(f"/proc/{self.process.pid}/task/*")):
            with open(task + "/comm", encoding="ascii") as name:
                if not name.read().startswith("gsrelay-worker"):
                    continue
            with open(task + "/schedstat", encoding="ascii") as figures:
                times.append(int(figures.read().split()[0]))
        return times

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def start_generator(binaries, relay, options):
    command = [os.path.join(binaries, "gsrelay"), "load", "--server", relay.server, "--json", "-q"]
    command += ["--rooms", str(ROOMS), "--members", str(MEMBERS), "--rate", str(RATE)]
    command += ["--size", str(SIZE), "--duration", f"{options.seconds}s", "--ramp", "500ms"]
    command += ["--tick", str(options.tick)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def measure(case, options, directory):
    _, relay_count, workers, generator_count = case
    relays = [Relay(options.bin, workers, directory) for _ in range(relay_count)]
    try:
        before = [spent for relay in relays for spent in relay.worker_times_ns()]
        generators = [
            start_generator(options.bin, relays[i % relay_count], options)
            for i in range(generator_count)
        ]
        answers = [generator.communicate() for generator in generators]
        after = [spent for relay in relays for spent in relay.worker_times_ns()]
    finally:
        for relay in relays:
            relay.stop()
    reports = []
    for generator, (out, errors) in zip(generators, answers):
        if generator.returncode != 0:
            sys.exit(f"workers: gsrelay load ended with {generator.returncode}: {errors or out}")
        reports.append(json.loads(out.splitlines()[-1]))
    times = [end - begin for begin, end in zip(before, after)]
    delivered = sum(report["delivered"] for report in reports)
    expected = sum(report["expected"] for report in reports)
    return {
        "cpu_ns": sum(times) / delivered,
        "lost": 1 - delivered / expected,
        "core": max(times) / 1e9 / options.seconds,
        "least_share": min(times) / sum(times),
        "generator_core": max(r["generator"]["cpu_seconds"] for r in reports) / options.seconds,
    }


def summary(runs):
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    figures["min_ns"] = min(run["cpu_ns"] for run in runs)
    figures["max_ns"] = max(run["cpu_ns"] for run in runs)
    return figures


def paired_ratio(results, over, under):
    """The median over the rounds of one case against another of the same round; None: no round."""
    ratios = [
        a["cpu_ns"] / b["cpu_ns"]
        for a, b in zip(results[over], results[under])
        if max(a["lost"], b["lost"]) <= LOST_MAX
    ]
    return statistics.median(ratios) if ratios else None


def in_words(ratio):
    return f"{ratio:.3f}" if ratio is not None else "void: in every round states were lost"


def print_table(results, options):
    print("\n| Case | worker CPU ns a delivered state: median (min to max) | not delivered "
          "| busiest worker, of a core | least busy worker's share | a generator, of a core |")
    print("|---|---|---|---|---|---|")
    for case, runs in zip(CASES, results):
        row = summary(runs)
        print(
            f"| {case[0]} | {row['cpu_ns']:.0f} ({row['min_ns']:.0f} to {row['max_ns']:.0f}) "
            f"| {100 * row['lost']:.2f} % | {row['core']:.2f} | {100 * row['least_share']:.0f} % "
            f"| {row['generator_core']:.2f} |"
        )
    print(
        f"\nEach generator: {ROOMS} rooms of {MEMBERS}, {RATE} states of {SIZE} bytes a second from "
        f"each member, tick {options.tick} ms, {options.seconds} s; {options.rounds} rounds in turn, "
        f"{os.cpu_count()} processors.\nRounds in which more than {100 * LOST_MAX:.0f} % "
        "of the states were not delivered do not count for the ratios."
    )
    print(
        "Counted is the time of the worker threads alone. On two processors generators and workers "
        "take them\nfrom each other and empty each other's caches, which the row of two relays has as well."
    )
    print(f"2 workers against 1, same load each: {in_words(paired_ratio(results, 3, 0))} (target 1.10)")
    print(f"2 workers against 1, same load in all: {in_words(paired_ratio(results, 3, 1))}")
    print(f"2 workers against 2 relays of 1: {in_words(paired_ratio(results, 3, 2))}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --workers")
    parser.add_argument("bin")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--tick", type=int, default=0)
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds begin at 1")
    results = [[] for _ in CASES]
    with tempfile.TemporaryDirectory() as directory:
        for number in range(options.rounds):
            for index, case in enumerate(CASES):
                results[index].append(measure(case, options, directory))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print_table(results, options)
    if options.json:
        figures = {case[0]: dict(summary(runs), runs=runs) for case, runs in zip(CASES, results)}
        figures["ratio_same_load_each"] = paired_ratio(results, 3, 0)
        figures["ratio_same_load_in_all"] = paired_ratio(results, 3, 1)
        figures["ratio_to_two_relays"] = paired_ratio(results, 3, 2)
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


main()
