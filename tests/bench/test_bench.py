#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the benchmarks: that the judge judges, and that every server and its players still work.

    test_bench.py BUILD_DIR

No time is asserted: the judge reads a recorded file, and of the servers only states are wanted.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import bench
import judge
import report

HERE = pathlib.Path(__file__).resolve().parent
BUILD = None


def recorded():
    with open(HERE / "recorded.json", encoding="utf-8") as source:
        return json.load(source)


def row_of(rows, beginning):
    return next(row for row in rows if row["what"].startswith(beginning))


def rounds(runs, kind, server, values, key):
    """The first run of that kind and server, once for each value."""
    first = next(run for run in runs if run["kind"] == kind and run.get("server") == server)
    return [dict(first, round=number, void=False, near=True, **{key: value}) for number, value in enumerate(values)]


class Judge(unittest.TestCase):
    def test_recorded_run__judged__the_rows_are_those_of_its_figures(self):
        rows = judge.judge(recorded())
        row = row_of(rows, "delivered states a second, tick 0, overload, rooms of 32")
        self.assertAlmostEqual(row["median"], 2386042.6 / 252656.6, places=2)
        self.assertEqual(row["state"], "holds, and the goal")
        self.assertEqual(row_of(rows, "states per CPU second, tick 5 ms, moderate load, rooms of 64")["state"],
                         "does not hold")
        self.assertEqual(row_of(rows, "states per CPU second, tick 5 ms, moderate load, rooms of 8")["state"], "void")
        self.assertLess(row_of(rows, "CPU per delivered state from 100")["median"], 0.05)

    def test_void_run__judged__counts_for_nothing(self):
        data = recorded()
        for run in data["runs"]:
            run["void"] = True
        states = {row["state"] for row in judge.judge(data)}
        self.assertLessEqual(states, {"void", "not measured", "holds", "holds, and the goal"})
        self.assertEqual(row_of(judge.judge(data), "receiver with")["state"], "void")

    def test_nothing_measured__judged__says_so(self):
        self.assertEqual({row["state"] for row in judge.judge({"runs": []})}, {"not measured"})

    def test_median_near_its_bound__less_than_five_rounds__undecided(self):
        data = recorded()
        runs = rounds(data["runs"], "moderate", "gsrelay-0", [110, 112, 104], "cpu_ns")
        runs += rounds(data["runs"], "moderate", "limit", [100, 100, 100], "cpu_ns")
        row = row_of(judge.judge({"runs": runs}), "CPU per delivered state, tick 0")
        self.assertEqual(row["state"], "near its bound: wants five rounds")
        runs = rounds(data["runs"], "moderate", "gsrelay-0", [110, 112, 104, 108, 108], "cpu_ns")
        runs += rounds(data["runs"], "moderate", "limit", [100] * 5, "cpu_ns")
        row = row_of(judge.judge({"runs": runs}), "CPU per delivered state, tick 0")
        self.assertEqual((row["state"], row["median"], row["low"], row["high"]), ("holds", 1.08, 1.04, 1.12))

    def near(self, libuv, enet):
        data = recorded()
        runs = rounds(data["runs"], "near", "gsrelay-16", [1000, 1000], "cpu_ns")
        runs += rounds(data["runs"], "near", "libuv", [4000, 5000], "cpu_ns")
        runs += rounds(data["runs"], "near", "enet", [4800, 4800], "cpu_ns")
        for run in runs:
            run["near"] = {"libuv": libuv, "enet": enet}.get(run["server"], True)
        return row_of(judge.judge({"runs": runs}), "CPU per delivered state, tick 16 ms near capacity, rooms of 8")

    def test_peers__that_of_the_least_median__is_the_yardstick(self):
        row = self.near(libuv=True, enet=True)
        self.assertEqual((row["low"], row["high"]), (0.2, 0.25))
        self.assertIn("(libuv)", row["what"])

    def test_peers__one_has_no_run_that_counts__nothing_is_judged(self):
        self.assertEqual(self.near(libuv=False, enet=True)["state"], "void")
        self.assertEqual(self.near(libuv=True, enet=False)["state"], "void")

    def test_cost_that_doubles_with_ten_times_the_clients__exponent__is_log_two(self):
        runs = [{"clients": 10 ** n, "cpu_ns": 100 * 2 ** n} for n in (2, 3, 4)]
        self.assertAlmostEqual(judge.exponent(runs), 0.30103, places=4)


    def test_two_workers__rounds_that_lost_states__count_for_nothing(self):
        one = [{"cpu_ns": 100, "lost": 0}, {"cpu_ns": 100, "lost": 0}, {"cpu_ns": 100, "lost": 0}]
        two = [{"cpu_ns": 102, "lost": 0}, {"cpu_ns": 300, "lost": 0.5}, {"cpu_ns": 100, "lost": 0.01}]
        row = judge.two_workers({"workers": {"1 worker, 1 generator": {"runs": one},
                                             "2 workers, 2 generators": {"runs": two}}})
        self.assertEqual((row["state"], row["rounds"], row["median"]), ("holds", 2, 1.01))


class Report(unittest.TestCase):
    def test_recorded_run__reported__tables_and_picture(self):
        data = recorded()
        text = report.tables(data)
        for wanted in ("Without coturn, pairs: turnserver is not installed", "Near capacity: rooms of 64, 32 bytes",
                       "Overload, 1,280 clients: rooms of 8", "4,000 idle clients", "| 10000 |", "tenth of the downlink"):
            self.assertIn(wanted, text)
        picture = xml.etree.ElementTree.fromstring(report.Picture(data["runs"]).svg())
        self.assertGreater(len(picture), 10)


class Servers(unittest.TestCase):
    def test_a_moment_of_each_server__played__states_are_delivered(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = pathlib.Path(folder) / "figures.json"
            subprocess.run([sys.executable, str(HERE / "bench.py"), "--smoke", "--build", BUILD, "--json", str(figures)],
                           check=True, stdin=subprocess.DEVNULL)
            data = json.loads(figures.read_text(encoding="utf-8"))
        failed = [run for run in data["runs"] if run["kind"] == "failed"]
        self.assertEqual(failed, [])
        played = {run["server"] for run in data["runs"] if run["kind"] == "moderate" and bench.Bench.has_delivered(run)}
        self.assertEqual(played | set(data["missing"]), set(report.NAMES))
        self.assertEqual([run["strange"] for run in data["runs"] if run.get("strange")], [])


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    sys.path.insert(0, str(HERE))
    unittest.main()
