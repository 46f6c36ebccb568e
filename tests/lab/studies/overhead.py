#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""CPU time per byte by state, round by round, from what overhead.toml left: beside the neighbours without.

overhead.py FOLDER [...]: prints per tool the median ratio and a 95 % bootstrap interval of it. A host
that is out of CPU carries as many bytes fewer as each takes more of it: throughput left is 1 / ratio.
"""
import json
import random
import statistics
import sys
from pathlib import Path

TOOLS = {"vnetdx-counts": 20, "vnetdx": 20, "trace-cmd": 10, "trace-cmd-sched": 10}     # rounds wanted
TICK_S = 0.01


def median_and_interval(values):
    boots = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(2000))
    return f"{statistics.median(values):.3f} [{boots[50]:.3f}, {boots[1949]:.3f}]"


out = Path(sys.argv[1])
states = []     # name, bytes a second, busy share of the CPU
lines = [line.split() for line in (out / "states").read_text().splitlines()]
for (name, t0, bytes0, idle0), (_, t1, bytes1, idle1) in zip(lines[::2], lines[1::2]):
    took = float(t1) - float(t0)
    states.append((name, (int(bytes1) - int(bytes0)) / took, 1 - (int(idle1) - int(idle0)) * TICK_S / took))
random.seed(1)
cost = json.loads((out / "stdout").read_text())["overhead"]
none = [(rate, busy) for name, rate, busy in states if name == "none"]
spread = [statistics.stdev(v) / statistics.fmean(v) for v in zip(*none)]
lines = [f"without: median {statistics.median(r for r, _ in none) * 8 / 1e6:.0f} Mbit/s (standard deviation {spread[0]:.1%} of "
         f"the mean), {statistics.median(b for _, b in none):.1%} of the CPU ({spread[1]:.1%})",
         f"vnetdx of itself: {cost['cpu_share']:.1%} of a CPU, {cost['ns_per_event']:.0f} ns an event"]
enough = True
for tool, wanted in TOOLS.items():
    cpu, rates = [], []
    for i, (name, rate, busy) in enumerate(states):
        beside = [s for s in states[max(0, i - 1):i + 2:2] if s[0] == "none"]
        if name == tool and beside:
            cpu.append(busy / rate / statistics.fmean(b / r for _, r, b in beside))
            rates.append(rate / statistics.fmean(r for _, r, _ in beside))
    lines.append(f"{tool}: CPU time per byte {median_and_interval(cpu)} times that without, "
                 f"throughput {median_and_interval(rates)}, {len(cpu)} rounds")
    enough &= len(cpu) >= wanted
(out / "overhead.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
sys.exit(0 if enough else "too few rounds")
