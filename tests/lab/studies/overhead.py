#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Throughput by state, round by round, from what overhead.toml left: ratios to the neighbours without.

overhead.py FOLDER [...]: prints the median ratio and a 95 % bootstrap interval of it, per tool.
"""
import json
import random
import statistics
import sys
from pathlib import Path

out = Path(sys.argv[1])
levels = []
lines = [line.split() for line in (out / "states").read_text().splitlines()]
for (name, t0, bytes0), (_, t1, bytes1) in zip(lines[::2], lines[1::2]):
    levels.append((name, (int(bytes1) - int(bytes0)) * 8 / (float(t1) - float(t0))))
random.seed(1)
cost = json.loads((out / "stdout").read_text())["overhead"]
none = [level for name, level in levels if name == "none"]
lines = [f"without: median {statistics.median(none) / 1e6:.0f} Mbit/s, standard deviation "
         f"{statistics.stdev(none) / statistics.fmean(none):.0%} of the mean",
         f"vnetdx of itself: {cost['cpu_share']:.1%} of a CPU, {cost['ns_per_event']:.0f} ns an event"]
for tool in ("vnetdx-counts", "vnetdx", "trace-cmd", "trace-cmd-sched"):
    ratios = []
    for i, (name, level) in enumerate(levels):
        beside = [v for n, v in levels[max(0, i - 1):i + 2:2] if n == "none"]
        if name == tool and beside:
            ratios.append(level / statistics.fmean(beside))
    boots = sorted(statistics.median(random.choices(ratios, k=len(ratios))) for _ in range(2000))
    lines.append(f"{tool}: median throughput {statistics.median(ratios):.3f} of that without "
                 f"[{boots[50]:.3f}, {boots[1949]:.3f}], {len(ratios)} rounds")
    if len(ratios) < 20:
        print(f"only {len(ratios)} rounds of {tool} are there")
        sys.exit(1)
(out / "overhead.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
