#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""events.py FOLDER: calls that vnetdx counted against the events of its trace.dat while its hooks were attached.

The guest runs while hooks come and go: its entries may differ by those few that fall between the
hook and the note of when it was attached. The network rests then: its calls may not differ.
"""
import json
import sys
from pathlib import Path

EVENTS = {"handle_tx": ("handle_tx",), "handle_rx": ("handle_rx",),
          "vcpu_enter": ("kvm_entry", "vcpu_enter_guest"), "vcpu_halt": ("kvm_vcpu_halt",)}
out = Path(sys.argv[1])
run = json.loads((out / "run.json").read_text())
stamps = {}
for line in (out / "events").read_text().splitlines():
    name, t = line.split()
    stamps.setdefault(name, []).append(float(t))
wrong = []
for hook in run["hooks"]:
    metric = hook["metric"]
    since, until = (run["bins"]["start_s"] + hook[k] for k in ("since_s", "until_s"))
    seen = sum(since <= t <= until for name in EVENTS[metric] for t in stamps.get(name, []))
    counted = sum(v["totals"][metric] for v in run["vms"])
    line = f"{metric}: vnetdx {counted}, trace-cmd {seen}"
    with (out / "totals").open("a") as f:
        f.write(line + "\n")
    network = metric.startswith("handle")
    if abs(counted - seen) > (0 if network else 50) or seen < (1000 if network else 20):
        wrong.append(line)
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
