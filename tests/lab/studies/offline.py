#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the recording, the trace.dat and the perf.data of offline.toml say of vm1's fall, side by side."""
import json
import sys
from pathlib import Path

out = Path(sys.argv[1])
WAITS = ("vhost_runq_wait", "vhost_run", "vcpu_runq_wait", "vcpu_run")
first = {}
for name in ("vdx", "dat", "perf"):
    doc = json.loads((out / f"{name}.json").read_text())
    vm = doc["vms"][0]
    falls = vm["degradations"]
    if not falls:
        print(f"{name}: {vm['name']} {doc['verdict']}: {vm.get('why')}")
        sys.exit(1)
    for d in falls:
        held = ", ".join(f"{o['name']} {o['share']:.0%}" for o in d["offenders"])
        others = ", ".join(f"{a['cause']} {a['score']:.2f}" for a in d["alternatives"])
        print(f"{name}: {doc['bins']['start_s'] + d['start_s']:.1f} s +- {d['start_uncertainty_s']:.1f}: {d['cause']}; "
              f"{d['finding']} held by: {held or '-'}; beside: {others or '-'}")
    d = falls[0]
    first[name] = (doc["bins"]["start_s"] + d["start_s"], {e["metric"]: (e["before"], e["after"]) for e in d["levels"]})
    print("  ", {m: tuple(round(x, 3) for x in first[name][1][m]) for m in WAITS if m in first[name][1]})
at, levels = first["vdx"]
wrong = []
for name in ("dat", "perf"):
    if abs(first[name][0] - at) > 2:
        wrong.append(f"{name}: its fall is {first[name][0] - at:+.1f} s from the recording's")
    known = [m for m in WAITS if m in first[name][1]]
    wrong += [f"{name}: no waiting was told"] if not known else []
    wrong += [f"{name}: {m} {first[name][1][m]}, the recording has {levels[m]}" for m in known
              if abs(first[name][1][m][1] - levels[m][1]) > 0.15]
print("\n".join(wrong))
sys.exit(bool(wrong))
