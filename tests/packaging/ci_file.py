# SPDX-License-Identifier: MIT
"""Reads the hosted CI's file as far as it can be proven here: it is YAML, and the presets, scripts and MSYS2
packages that it names are those of the tree and of docs/HACKING.md.

usage: ci_file.py SOURCE_DIR"""

import json
import os
import re
import sys

try:
    import yaml
except ImportError:
    sys.exit(77)

os.chdir(sys.argv[1])
with open(".github/workflows/ci.yml", encoding="utf-8") as file:
    text = file.read()
with open("CMakePresets.json", encoding="utf-8") as file:
    presets = json.load(file)
with open("docs/HACKING.md", encoding="utf-8") as file:
    hacking = file.read()

faults = []
jobs = yaml.safe_load(text)["jobs"]
names = {preset["name"]: preset for preset in presets["configurePresets"]}
built = {preset["name"] for preset in presets["buildPresets"]}
steps = [step for job in jobs.values() for step in job["steps"]]
commands = [step["run"] for step in steps if "run" in step]

if not text.startswith("# This file has not been run"):
    faults.append("the first line has to say that the file has not been run, until it has been")
for command in commands:
    for preset in re.findall(r"--preset (\S+)|build/(\S+)", command):
        name = preset[0] or preset[1]
        if name not in names or names[name].get("hidden") or name not in built:
            faults.append(f"there is no preset {name}: {command}")
    script = re.match(r"(\./\S+) (\S+)", command)
    if script and not re.search(rf"^verb_{script[2]}\(\)", open(script[1][2:], encoding="utf-8").read(), re.M):
        faults.append(f"there is no verb {script[2]} in {script[1]}")
if "./dev test" not in commands:
    faults.append("./dev test is not called")

prefix = "mingw-w64-ucrt-x86_64-"
installed = [step["with"]["install"].split() for step in steps if "install" in step.get("with", {})]
listed = re.search(r"UCRT64 shell with the packages\s+`([^`]*)`", hacking)
if not listed or [[prefix + name for name in listed[1].split()]] != installed:
    faults.append("docs/HACKING.md and the workflow name different packages of MSYS2")

for fault in faults:
    print("ci_file:", fault)
sys.exit(1 if faults else 0)
