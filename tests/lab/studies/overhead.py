#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Instructions a byte takes by state, round by round, from what overhead.toml left: beside the neighbours without.

overhead.py FOLDER [...]: prints per tool the median ratio and a 95 % bootstrap interval of it, and of throughput. A
CPU that has no time left carries fewer bytes as each takes more instructions: throughput left is 1 / ratio.
"""
import json
import random
import statistics
import sys
from pathlib import Path

TOOLS = {"vnetdx-counts": 20, "vnetdx": 20, "trace-cmd": 5, "trace-cmd-sched": 5}     # rounds wanted
BIN_S = 0.5


def median_and_interval(values):
    boots = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(2000))
    return f"{statistics.median(values):.3f} [{boots[50]:.3f}, {boots[1949]:.3f}]"


out = Path(sys.argv[1])
random.seed(1)
marks = [line.split()[1:] for line in (out / "stdout").read_text().splitlines() if line.startswith("at ")]
meter = [int(line) for line in (out / "instructions").read_text().split()]
states = []     # name, instructions a byte, bytes a second
idle = []       # name, instructions a second
for i in range(0, len(marks) - 1, 2):
    (name, t0, bytes0), (_, t1, bytes1) = marks[i:i + 2]
    crossed, took, instructions = int(bytes1) - int(bytes0), float(t1) - float(t0), meter[i + 1] - meter[i]
    if name.startswith("idle-"):
        idle.append((name.removeprefix("idle-"), instructions / took))
    else:
        states.append((name, instructions / crossed, crossed / took))
none = [s for s in states if s[0] == "none"]
spread = [statistics.stdev(v) / statistics.fmean(v) for v in list(zip(*none))[1:]]
cost = json.loads((out / "last.json").read_text())["overhead"]
lines = [f"without: {statistics.median(s[1] for s in none):.3f} instructions a byte (standard deviation {spread[0]:.1%} of the mean), "
         f"{statistics.median(s[2] for s in none) * 8 / 1e6:.0f} Mbit/s ({spread[1]:.1%})",
         f"vnetdx of itself: {cost['cpu_share']:.1%} of a CPU, {cost['ns_per_event']:.0f} ns an event"]
enough = True
for tool, wanted in TOOLS.items():
    ratios = []
    for i, state in enumerate(states):
        beside = [s for s in states[max(0, i - 1):i + 2:2] if s[0] == "none"]
        if state[0] == tool and beside:
            ratios.append([state[j] / statistics.fmean(s[j] for s in beside) for j in (1, 2)])
    if ratios:
        instructions, rate = map(list, zip(*ratios))
        lines.append(f"{tool}: {median_and_interval(instructions)} times the instructions a byte, "
                     f"{median_and_interval(rate)} times the throughput, {len(ratios)} rounds")
    enough &= len(ratios) >= wanted
for tool in ("vnetdx-counts", "vnetdx"):
    more = [(idle[i][1] - (idle[i - 1][1] + idle[i + 1][1]) / 2) * BIN_S for i in range(1, len(idle) - 1) if idle[i][0] == tool]
    lines.append(f"{tool}, no flow: {median_and_interval([m / 1e3 for m in more])} thousand instructions a bin, {len(more)} rounds")
(out / "overhead.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
sys.exit(0 if enough else "too few rounds")
