#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bench.py found, for readers: tables in Markdown, and a picture.

    report.py FIGURES.json [--svg FILE]
"""
import argparse
import json
import math
import statistics

import judge

NAMES = {"limit": "limit: recvmmsg/sendmmsg", "libuv": "libuv", "enet": "ENet", "node": "Node.js dgram",
         "coturn": "coturn, pairs", "gsrelay-0": "gsrelay, tick 0", "gsrelay-0-auto": "gsrelay, tick 0, auto tick",
         "gsrelay-4": "gsrelay, tick 4 ms", "gsrelay-5": "gsrelay, tick 5 ms", "gsrelay-16": "gsrelay, tick 16 ms"}
ORDER = list(NAMES)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def spread(runs, key):
    values = [run[key] for run in runs]
    text = f"{statistics.median(values):.0f}"
    return text if len(values) == 1 else f"{text} ({min(values):.0f} to {max(values):.0f})"


def groups(runs, kind):
    """{(members, size, hz): {server: runs}} in the order in which they were played."""
    found = {}
    for run in runs:
        if run["kind"] == kind:
            case = found.setdefault((run["members"], run["size"], run["hz"]), {})
            case.setdefault(run["server"], []).append(run)
    return found


def load_rows(case):
    limit = [run for run in case.get("limit", []) if not run["void"]]
    rows = []
    for server in sorted(case, key=ORDER.index):
        runs = [run for run in case[server] if not run["void"] and run.get("near", True)]
        if not runs:
            rows.append(f"| {NAMES[server]} | void | | | | | | | | |")
            continue
        ratio = f"{median(runs, 'cpu_ns') / median(limit, 'cpu_ns'):.2f}" if limit else ""
        whole = median(runs, "delivered_s") / median(runs, "core") / 1000
        rows.append(
            f"| {NAMES[server]} | {median(runs, 'clients'):.0f} | {spread(runs, 'cpu_ns')} | {ratio} "
            f"| {median(runs, 'delivered_s') / 1000:.0f} | {whole:.0f} | {median(runs, 'p50_us'):.0f} / "
            f"{median(runs, 'p99_us'):.0f} | {100 * median(runs, 'loss'):.2f} | {100 * median(runs, 'superseded'):.2f} "
            f"| {median(runs, 'core'):.2f} / {median(runs, 'generator'):.2f} |")
    return rows


def load_tables(runs, kind, title):
    lines = []
    for (members, size, hz), case in groups(runs, kind).items():
        lines += ["", f"**{title}: rooms of {members}, {size} bytes, {hz} Hz**", "",
                  "| Server | clients | CPU ns per delivered state | to the limit | delivered k/s | k/s of a whole core "
                  "| age p50 / p99, µs | not delivered, % | superseded, % | core: server / players |",
                  "|---|---|---|---|---|---|---|---|---|---|", *load_rows(case)]
    return lines


def memory_table(runs):
    lines = ["", "**Memory: 4,000 idle clients in rooms of 8**", "",
             "| Server | resident when empty, KiB | more for each client, KiB |", "|---|---|---|"]
    for server, found in groups(runs, "idle").get((8, 100, 0), {}).items():
        lines.append(f"| {NAMES[server]} | {median(found, 'empty_kb'):.0f} | {median(found, 'client_kb'):.2f} |")
    return lines


def growth_table(runs):
    lines = ["", "**Growth: 70,000 deliveries a second from ever more clients, rooms of 8, 100 bytes, tick 0**", "",
             "| Server | clients | CPU ns per delivered state | resident, KiB |", "|---|---|---|---|"]
    for kind, note in (("scale", ""), ("scale-ping", ", with a PING a second from each")):
        for server, found in groups(runs, kind).get((8, 100, 0), {}).items():
            for clients in sorted({run["clients"] for run in found}):
                same = [run for run in found if run["clients"] == clients]
                lines.append(f"| {NAMES[server]}{note} | {clients} | {spread(same, 'cpu_ns')} | "
                             f"{median(same, 'end_kb'):.0f} |")
    return lines


def budget_table(runs):
    lines = ["", "**A receiver with a tenth of the downlink that it needs: 2 rooms of 32, 60 Hz, 100 bytes**", "",
             "| Server | its states a second | its age p50 / p99, µs | the others' p50 / p99, µs | without it |",
             "|---|---|---|---|---|"]
    plain = groups(runs, "plain").get((32, 100, 60), {})
    for server, found in groups(runs, "budget").get((32, 100, 60), {}).items():
        each = statistics.median(run["budget_states"] / run["seconds"] / run["rooms"] for run in found)
        without = plain.get(server, found)
        lines.append(f"| {NAMES[server]} | {each:.0f} | {median(found, 'budget_p50_us'):.0f} / "
                     f"{median(found, 'budget_p99_us'):.0f} | {median(found, 'p50_us'):.0f} / {median(found, 'p99_us'):.0f} "
                     f"| {median(without, 'p50_us'):.0f} / {median(without, 'p99_us'):.0f} |")
    return lines


def circumstances(data):
    machine = data["machine"]
    played = [run for run in data["runs"] if "waited" in run]
    waited = statistics.median(run["waited"] for run in played) if played else 0
    worst = max((run["waited"] for run in played), default=0)
    void = sum(run["void"] for run in played)
    text = (f"Measured {machine['date']} on {machine['machine']} with {machine['processors']} processors "
            f"({machine['model']}), Linux {machine['kernel']}, loopback; {len(played)} runs of "
            f"{data['options']['seconds']:g} s, {data['options']['rounds']} rounds of what the targets ask for. Servers "
            f"waited for their core, because something else ran on it, {100 * waited:.1f} % of the time in the median "
            f"run and {100 * worst:.1f} % in the worst; {void} runs were void.")
    for server, why in data["missing"].items():
        text += f" Without {NAMES[server]}: {why}."
    for run in data["runs"]:
        if run["kind"] == "failed":
            text += f" Failed: {run['name']}."
    return text


def tables(data):
    runs = data["runs"]
    lines = [circumstances(data), "", judge.table(judge.judge(data)),
             *load_tables(runs, "near", "Near capacity"), *load_tables(runs, "moderate", "Moderate load"),
             *load_tables(runs, "overload", "Overload, 1,280 clients"), *memory_table(runs), *growth_table(runs),
             *budget_table(runs)]
    return "\n".join(lines) + "\n"


class Picture:
    """CPU of a delivered state near capacity: a panel for each size of room, a bar for each server."""

    LEFT, PANEL, GAP, TOP, STEP = 200, 250, 40, 70, 24
    COLOURS = {"limit": "#888888", "gsrelay": "#D55E00"}
    OTHER = "#0072B2"

    def __init__(self, runs):
        found = groups(runs, "near")
        self.panels = [(members, {server: median(good, "cpu_ns") for server, all_runs in
                                  found.get((members, 100, 60), {}).items()
                                  if (good := [run for run in all_runs if not run["void"] and run.get("near", True)])})
                       for members in (8, 32, 64)]
        self.servers = [server for server in ORDER if any(server in bars for _, bars in self.panels)]
        values = [value for _, bars in self.panels for value in bars.values()] or [1]
        self.step = next(step for step in (10, 100, 500, 1000, 2000, 5000, 10 ** 5) if max(values) <= 5 * step)
        self.high = self.step * math.ceil(max(values) / self.step)

    def x(self, value):
        return self.PANEL * value / self.high

    def svg(self):
        width = self.LEFT + 3 * (self.PANEL + self.GAP)
        height = self.TOP + self.STEP * len(self.servers) + 40
        title = "CPU time for a delivered state near capacity, ns: states of 100 bytes, 60 Hz"
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
               'font-size="12">', f"<title>{title}</title>", f'<rect width="{width}" height="{height}" fill="white"/>',
               f'<text x="20" y="24" font-size="14">{title}</text>']
        for row, server in enumerate(self.servers):
            y = self.TOP + row * self.STEP
            out.append(f'<text x="{self.LEFT - 10}" y="{y + 15}" text-anchor="end">{NAMES[server]}</text>')
        for number, (members, bars) in enumerate(self.panels):
            out += self.panel(self.LEFT + number * (self.PANEL + self.GAP), members, bars)
        return "\n".join([*out, "</svg>", ""])

    def panel(self, left, members, bars):
        bottom = self.TOP + self.STEP * len(self.servers)
        out = [f'<text x="{left}" y="{self.TOP - 16}" font-weight="bold">rooms of {members}</text>']
        for mark in range(0, self.high + 1, self.step):
            x = left + self.x(mark)
            out.append(f'<line x1="{x:.1f}" y1="{self.TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
            out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{mark}</text>')
        for row, server in enumerate(self.servers):
            if server in bars:
                y = self.TOP + row * self.STEP
                colour = self.COLOURS.get(server.split("-", maxsplit=1)[0], self.OTHER)
                out.append(f'<rect x="{left}" y="{y + 3}" width="{self.x(bars[server]):.1f}" height="16" fill="{colour}"/>')
                out.append(f'<text x="{left + self.x(bars[server]) + 4:.1f}" y="{y + 15}">{bars[server]:.0f}</text>')
        return out


def main():
    parser = argparse.ArgumentParser(description="Tables and a picture of what bench.py found.")
    parser.add_argument("figures")
    parser.add_argument("--svg")
    options = parser.parse_args()
    with open(options.figures, encoding="utf-8") as source:
        data = json.load(source)
    print(tables(data), end="")
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as out:
            out.write(Picture(data["runs"]).svg())


if __name__ == "__main__":
    main()
