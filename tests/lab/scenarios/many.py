#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares what each of many VMs said it did with what vnetdx counted for it: many.py FOLDER."""
import json
import sys
from pathlib import Path

out = Path(sys.argv[1])
METRICS = ("handle_tx", "handle_rx", "vcpu_enter", "vcpu_halt", "tx_packets", "tx_bytes", "rx_packets", "rx_bytes")
found = json.loads((out / "stdout").read_text())
vms = {vm["pid"]: vm for vm in found["vms"]}
pids = dict(map(int, line.split()) for line in (out / "pids").read_text().splitlines())
wrong = [] if len(vms) == 200 else [f"{len(vms)} VMs were found, not 200"]
for line in (out / "said").read_text().splitlines():
    number, said = line.split(" ", 1)
    said = json.loads(said)
    counted = vms.get(pids[int(number)], {}).get("totals", {})
    wrong += [f"VM {number}: {m} {counted.get(m)}, made {said[m]}" for m in METRICS if counted.get(m) != said[m]]
if found["lost_events"]:
    wrong.append(f"{found['lost_events']} events were lost")
print("\n".join(wrong[:20]) if wrong else
      f"200 VMs exact; vnetdx took {found['overhead']['cpu_share']:.1%} of the CPU")
sys.exit(1 if wrong else 0)
