#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Throughput by state, round by round, from what overhead.toml left: ratios to the neighbours without.

overhead.py FOLDER [...]: prints the median ratio and a 95 % bootstrap interval of it, per tool.
"""
import random
import re
import statistics
import sys
from pathlib import Path

out = Path(sys.argv[1])
UNIT = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
flow = []
for line in (out / "flow").read_text(errors="replace").splitlines():
    m = re.match(r"([\d.]+) \[ *\d+\] +[\d.]+-[\d.]+ +sec .* ([\d.]+) ([KMG]?)bits/sec", line)
    if m and "sender" not in line and "receiver" not in line:
        flow.append((float(m[1]), float(m[2]) * UNIT[m[3]]))
states = [(w[0], float(w[1]), float(w[2])) for w in map(str.split, (out / "states").read_text().splitlines())]


def mean(a, b):
    """Of the intervals that lie in [a, b] whole: each is 0.5 s and stamped at its end."""
    inside = [bps for t, bps in flow if a + 0.6 <= t <= b]
    return statistics.fmean(inside) if len(inside) >= 4 else None


levels = [(name, mean(a, b)) for name, a, b in states]
random.seed(1)
lines = []
for tool in ("vnetdx", "trace-cmd"):
    ratios = []
    for i, (name, level) in enumerate(levels):
        beside = [v for n, v in levels[max(0, i - 1):i + 2:2] if n == "none" and v]
        if name == tool and level and beside:
            ratios.append(level / statistics.fmean(beside))
    boots = sorted(statistics.median(random.choices(ratios, k=len(ratios))) for _ in range(2000))
    lines.append(f"{tool}: median throughput {statistics.median(ratios):.3f} of that without "
                 f"[{boots[50]:.3f}, {boots[1949]:.3f}], {len(ratios)} rounds")
    if len(ratios) < 15:
        print(f"only {len(ratios)} rounds of {tool} could be judged")
        sys.exit(1)
(out / "overhead.txt").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
