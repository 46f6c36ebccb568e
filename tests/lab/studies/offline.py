#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the recording, the trace.dat and the perf.data of offline.toml say of vm1's fall, side by side."""
import json
import sys
from pathlib import Path

out = Path(sys.argv[1])
wrong = 0
for name in ("vdx", "dat", "perf"):
    doc = json.loads((out / f"{name}.json").read_text())
    if "error" in doc:
        print(f"{name}: {doc['error']['message']}")
        wrong += 1
        continue
    vm = max(doc["vms"], key=lambda v: v["totals"].get("vcpu_enter") or 0)
    print(f"{name}: {vm['name']} {doc['verdict']}, {doc['lost_events']} events lost")
    falls = [d for d in vm["degradations"] if d["cause"] in ("cpu_contention", "vcpu_starved")]
    for d in vm["degradations"]:
        held = ", ".join(f"{o['name']} {o['share']:.0%}" for o in d["offenders"])
        print(f"  {d['start_s']:.1f} s +- {d['start_uncertainty_s']:.1f}: {d['cause']} {d['score']:.2f}; {d['finding']} by {held}")
        for level in d["levels"]:
            if level["metric"] in ("vhost_runq_wait", "vhost_run", "vcpu_runq_wait", "vcpu_run"):
                print(f"    {level['metric']} {level['before']:.3f} -> {level['after']:.3f}")
    wrong += not any(o["name"] == "yes" for d in falls for o in d["offenders"])
sys.exit(wrong)
