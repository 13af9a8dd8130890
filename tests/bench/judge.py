#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which targets hold, from the figures of bench.py.

    judge.py FIGURES.json        prints a table in Markdown; ends with 1 when a target does not hold

A target is judged by the median over the rounds of what was compared within one round. Within 7 % of
its bound five rounds are wanted; a run whose players were short of time, or that was to be near
capacity and was not, is void and counts for nothing.
"""
import json
import math
import statistics
import sys

NOISE = 0.07
ROUNDS_NEAR_BOUND = 5
PEERS = ("libuv", "enet", "node", "coturn")
MEGABYTE = 1e6
WORKERS_LOST_MAX = 0.02
RECORD_OVERHEAD, DATAGRAM_OVERHEAD, BODY_MAX = 5, 22, 1210


class Figures:
    """The runs of a file, by what was asked."""

    def __init__(self, runs):
        self.table = {}
        for run in runs:
            key = (run["kind"], run.get("server"), run.get("members"), run.get("size"), run.get("hz"))
            self.table.setdefault(key, []).append(run)

    def by_round(self, kind, server, members=None, size=None, hz=None):
        """{round: run} of those that count, and whether there were others."""
        runs = self.table.get((kind, server, members, size, hz), [])
        good = {run["round"]: run for run in runs if not run.get("void") and run.get("near", True)}
        return good, len(good) < len(runs)


def judged(what, bound, is_upper, values, had_void, goal=None, unit="", beside=False):
    row = {"what": what, "bound": bound, "is_upper": is_upper, "goal": goal, "unit": unit, "beside": beside,
           "rounds": len(values)}
    if not values:
        return {**row, "state": "void" if had_void else "not measured"}
    median = statistics.median(values)
    row.update(median=median, low=min(values), high=max(values))
    if bound is None:
        return {**row, "state": ""}
    holds = median <= bound if is_upper else median >= bound
    is_near = abs(median - bound) < NOISE * abs(bound) if bound else False
    if is_near and len(values) < ROUNDS_NEAR_BOUND:
        return {**row, "state": "near its bound: wants five rounds"}
    if goal is not None and (median <= goal if is_upper else median >= goal):
        return {**row, "state": "holds, and the goal"}
    return {**row, "state": "holds" if holds else "does not hold"}


def compared(ours, theirs, function):
    return [function(ours[each], theirs[each]) for each in sorted(set(ours) & set(theirs))]


def near_capacity(figures, members, size, bound, goal):
    """Against the peer with the least median. Where one that was played has no run that counts, nothing is judged: it
    might have been that one."""
    ours, had_void = figures.by_round("near", "gsrelay-16", members, size, 60)
    peers = {peer: figures.by_round("near", peer, members, size, 60) for peer in PEERS}
    counting = {peer: runs for peer, (runs, _) in peers.items() if runs}
    without = [peer for peer, (runs, is_void) in peers.items() if is_void and not runs]
    values, name = [], ""
    if counting and not without:
        best = min(counting, key=lambda peer: statistics.median(run["cpu_ns"] for run in counting[peer].values()))
        values = compared(ours, counting[best], lambda a, b: a["cpu_ns"] / b["cpu_ns"])
        name = f" ({best})"
    return judged(f"CPU per delivered state, tick 16 ms near capacity, rooms of {members}, {size} bytes, against the "
                  f"best peer{name}", 1 / bound, True, values, had_void or bool(without), 1 / goal)


def moderate(figures):
    rows = []
    for members, bound, goal in ((8, 1.5, 1.6), (32, 3.4, 3.9), (64, 4.3, 5.5)):
        ours, void = figures.by_round("moderate", "gsrelay-5", members, 100, 60)
        limit, limit_void = figures.by_round("moderate", "limit", members, 100, 60)
        values = compared(ours, limit, lambda a, b: b["cpu_ns"] / a["cpu_ns"])
        rows.append(judged(f"states per CPU second, tick 5 ms, moderate load, rooms of {members}, against the limit",
                           bound, False, values, void or limit_void, goal, "times"))
    ours, void = figures.by_round("moderate", "gsrelay-0", 8, 100, 60)
    limit, limit_void = figures.by_round("moderate", "limit", 8, 100, 60)
    rows.append(judged("CPU per delivered state, tick 0, moderate load, rooms of 8, against the limit", 1.1, True,
                       compared(ours, limit, lambda a, b: a["cpu_ns"] / b["cpu_ns"]), void or limit_void, 1.0, "times"))
    rows.append(judged("the same: p50 of the age on delivery above the limit's", 5, True,
                       compared(ours, limit, lambda a, b: a["p50_us"] - b["p50_us"]), void or limit_void, 0, "µs"))
    return rows


def overload(figures):
    rows = []
    for server, name in (("gsrelay-0", "tick 0"), ("gsrelay-0-auto", "tick 0, auto_tick_max 4 ms")):
        beside = server != "gsrelay-0"
        for members, bound, goal in ((8, 1.4, 2), (32, 3.5, 5), (64, 4, 7)):
            ours, void = figures.by_round("overload", server, members, 100, 60)
            limit, limit_void = figures.by_round("overload", "limit", members, 100, 60)
            values = compared(ours, limit, lambda a, b: a["delivered_s"] / b["delivered_s"])
            rows.append(judged(f"delivered states a second, {name}, overload, rooms of {members}, against the limit",
                               bound, False, values, void or limit_void, goal, "times", beside))
            rows.append(judged("the same: p99 of the age of what is delivered", 50, True,
                               [run["p99_us"] / 1000 for run in ours.values()], void, None, "ms", beside))
    return rows


def round_of_budget_ms(run):
    """How long the budget needs for the newest state of every sender, once."""
    records = (run["members"] - 1) * (run["size"] + RECORD_OVERHEAD)
    return 1000 * (records + math.ceil(records / BODY_MAX) * DATAGRAM_OVERHEAD) / run["down"]


def budgeted(figures):
    rows = []
    for server, tick_ms in (("gsrelay-0", 0), ("gsrelay-16", 16)):
        runs, void = figures.by_round("budget", server, 32, 100, 60)
        plain, plain_void = figures.by_round("plain", server, 32, 100, 60)
        rows.append(judged(
            f"receiver with 1/10 of the needed downlink, tick {tick_ms} ms: p99 age on delivery, against one round of "
            "all senders and a flush", 1, True,
            [run["budget_p99_us"] / 1000 / (round_of_budget_ms(run) + tick_ms) for run in runs.values()], void,
            unit="times"))
        # What is superseded for one of 32 receivers is a share of all that the generator does not count.
        rows.append(judged("the others meanwhile: states that they did not get, above what they do not get without it",
                           0.005, True, compared(runs, plain, lambda a, b: max(0.0, a["loss"] - b["loss"])),
                           void or plain_void, unit="share"))
        rows.append(judged("the others meanwhile: p50 of the age, against that without it", 1.1, True,
                           compared(runs, plain, lambda a, b: a["p50_us"] / b["p50_us"]), void or plain_void,
                           unit="times"))
    return rows


def memory(figures):
    start, _ = figures.by_round("start", "gsrelay-0")
    idle, _ = figures.by_round("idle", "gsrelay-0", 8, 100, 0)
    return [judged("resident memory after ready, default relay.ini", 3, True,
                   [run["resident_kb"] * 1024 / MEGABYTE for run in start.values()], False, 2, "MB"),
            judged("resident memory for each idle client in a room, with its control connection", 4, True,
                   [run["client_kb"] for run in idle.values()], False, 1, "KiB")]


def exponent(runs):
    """Slope of log cost over log clients, least squares."""
    points = [(math.log(run["clients"]), math.log(run["cpu_ns"])) for run in runs]
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def growth(figures):
    rows = []
    for kind, server, note in (("scale", "gsrelay-0", ""), ("scale-ping", "gsrelay-0", ", with their PINGs"),
                               ("scale", "limit", ", the limit's")):
        runs = figures.table.get((kind, server, 8, 100, 0), [])
        rounds = {}
        for run in runs:
            if not run.get("void"):
                rounds.setdefault(run["round"], []).append(run)
        values = [exponent(each) for each in rounds.values() if len(each) == 3]
        rows.append(judged(f"CPU per delivered state from 100 to 10,000 clients, rooms of 8: exponent of growth{note}",
                           None if note else 0.05, True, values, any(run.get("void") for run in runs),
                           None if note else 0.02, beside=bool(note)))
    return rows


def two_workers(data):
    """Of workers.py: the same load for each worker as the one had."""
    cases = data.get("workers") or {}
    one = cases.get("1 worker, 1 generator", {}).get("runs", [])
    two = cases.get("2 workers, 2 generators", {}).get("runs", [])
    values = [b["cpu_ns"] / a["cpu_ns"] for a, b in zip(one, two) if max(a["lost"], b["lost"]) <= WORKERS_LOST_MAX]
    return judged("CPU per delivered state of 2 workers, against 1 with half the load", 1.1, True, values, bool(one),
                  unit="times")


def judge(data):
    figures = Figures(data["runs"])
    return [near_capacity(figures, 8, 100, 3, 3.5), near_capacity(figures, 32, 100, 6, 8),
            near_capacity(figures, 64, 100, 9, 13), near_capacity(figures, 64, 32, 15, 25),
            *moderate(figures), *overload(figures), *budgeted(figures), *memory(figures), *growth(figures), two_workers(data)]


def number(value, unit=""):
    if value is None:
        return ""
    digits = 1 if abs(value) >= 10 else 3 if abs(value) < 1 else 2
    return f"{value:.{digits}f}" + (f" {unit}" if unit else "")


def table(rows):
    lines = ["| Target | Bound | Measured: median (min to max) | Rounds | |", "|---|---|---|---|---|"]
    for row in rows:
        bound = "" if row["bound"] is None else ("≤ " if row["is_upper"] else "≥ ") + number(row["bound"], row["unit"])
        measured = f"{number(row['median'], row['unit'])} ({number(row['low'])} to {number(row['high'])})" \
            if "median" in row else ""
        state = f"(beside: {row['state']})" if row["beside"] and row["state"] else row["state"]
        lines.append(f"| {row['what']} | {bound} | {measured} | {row['rounds'] or ''} | {state} |")
    return "\n".join(lines)


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        rows = judge(json.load(source))
    print(table(rows))
    sys.exit(any(row["state"] == "does not hold" and not row["beside"] for row in rows))


if __name__ == "__main__":
    main()
