#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares what ftrace saw each VM's threads call with what vnetdx counted for it: arrive.py FOLDER KERNEL PREEMPT VMS."""
import json
import re
import sys
from collections import Counter
from pathlib import Path

out, count = Path(sys.argv[1]), int(sys.argv[4])
METRICS = ("handle_tx", "handle_rx", "vcpu_halt", "vcpu_enter")  # in the order of the histograms
seen = {metric: Counter() for metric in METRICS}
at = -1
for line in (out / "hist").read_text().splitlines():
    at += line.startswith("# event histogram")
    if found := re.match(r"{ common_pid: +(\d+) } hitcount: +(\d+)", line):
        seen[METRICS[at]][int(found[1])] += int(found[2])
run = json.loads((out / "stdout").read_text())
pids = {int(line.split()[1]) for line in (out / "pids").read_text().splitlines()}
vms = [vm for vm in run["vms"] if vm["pid"] in pids]
wrong = [] if len(vms) == count else [f"{len(vms)} VMs were found, not {count}"]
for vm in vms:
    for metric in METRICS:
        made = sum(seen[metric][tid] for tid in vm["workers"] + vm["vcpus"])
        if vm["totals"].get(metric) != made:
            wrong.append(f"VM {vm['name']}: {metric} {vm['totals'].get(metric)}, made {made}")
if run["lost_events"] or run["bins"]["missing"]:
    wrong.append(f"{run['lost_events']} events were lost, {run['bins']['missing']} bins are missing")
calls = sum(sum(c.values()) for c in seen.values())
print("\n".join(wrong[:20]) if wrong else f"{count} VMs exact, {calls} calls")
sys.exit(1 if wrong else 0)
