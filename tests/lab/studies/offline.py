#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the recording, the trace.dat and the perf.data of offline.toml say of vm1's fall, side by side."""
import json
import sys
from pathlib import Path

out = Path(sys.argv[1])
WAITS = ("vhost_runq_wait", "vhost_run", "vcpu_runq_wait", "vcpu_run")
first, causes = {}, {}
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
    causes[name] = [(d["cause"], [a["cause"] for a in d["alternatives"]], d["missing"]) for d in falls]
    d = falls[0]
    first[name] = (doc["bins"]["start_s"] + d["start_s"], {e["metric"]: (e["before"], e["after"]) for e in d["levels"]})
    print("  ", {m: tuple(round(x, 3) for x in first[name][1][m]) for m in WAITS if m in first[name][1]})
at, levels = first["vdx"]
# `yes` on every CPU. A perf.data does not tell whether there is a vhost worker, a trace.dat of two VMs not which
# thread is whose: these may leave the cause open, but then say so, and never name another.
TRUE = "vcpu_starved"
wrong = [f"vdx: {cause}, not {TRUE}" for cause, *_ in causes["vdx"] if cause != TRUE]
for name in ("dat", "perf"):
    wrong += [f"{name}: {cause}, beside it {beside}, missing {missing}" for cause, beside, missing in causes[name]
              if cause != TRUE and (cause != "unknown" or not (TRUE in beside or missing))]
    if abs(first[name][0] - at) > 2:
        wrong.append(f"{name}: its fall is {first[name][0] - at:+.1f} s from the recording's")
    known = [m for m in WAITS if m in first[name][1]]
    wrong += [f"{name}: no waiting was told"] if not known else []
    wrong += [f"{name}: {m} {first[name][1][m]}, the recording has {levels[m]}" for m in known
              if abs(first[name][1][m][1] - levels[m][1]) > 0.15]
print("\n".join(wrong))
sys.exit(bool(wrong))
