#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables of what bench.py found."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as source:
    for run in json.load(source)["runs"]:
        print({key: run.get(key) for key in ("kind", "server", "clients", "members", "size", "hz", "cpu_ns", "delivered_s")})
