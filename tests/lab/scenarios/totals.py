#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""totals.py FOLDER: calls that vnetdx counted against the events ftrace stamped while its hooks were attached.

And who held the CPU against how long the kernel says that was waited for: each wait is somebody's.
"""
import json
import sqlite3
import sys
from pathlib import Path

CALL_BYTES = 0x80000 + 0x10000 + 14     # labkit/scenario.py says why
out = Path(sys.argv[1])
run = json.loads((out / "live.json").read_text())
stamps = {"tx:": [], "rx:": []}
for line in (out / "events").read_text().splitlines():
    t, name = line.split()
    stamps[name].append(float(t.rstrip(":")))
wrong = []
db = sqlite3.connect(out / "run.vdx")
# What the kernel kept from a hook is told call by call: VNX_REFUSED_OF() of the metric (analysis/sample.h).
refused = {metric: db.execute("SELECT coalesce(sum(count), 0) FROM counts WHERE metric = 'lost' AND entity = ?", (3 << 30 | i,)).fetchone()[0]
           for i, metric in enumerate(("handle_tx", "handle_rx"))}
for hook in run["hooks"]:
    if hook["metric"] not in ("handle_tx", "handle_rx"):
        continue
    since, until = (run["bins"]["start_s"] + hook[k] for k in ("since_s", "until_s"))
    seen = sum(since <= t <= until for t in stamps[hook["metric"][-2:] + ":"])
    counted = sum(v["totals"][hook["metric"]] for v in run["vms"])
    moved = sum(v["totals"][hook["metric"][-2:] + "_bytes"] for v in run["vms"])
    told = refused[hook["metric"]]
    line = f"{hook['metric']}: vnetdx {counted}, refused {told}, ftrace {seen}"
    (out / "totals").open("a").write(line + "\n")
    if counted + told != seen or not seen * CALL_BYTES >= moved > 0:
        wrong.append(line)
waits = dict(db.execute("SELECT entity, sum(count) / 1e9 FROM counts WHERE metric IN ('vcpu_runq_wait', 'vhost_runq_wait') GROUP BY entity"))
held = dict(db.execute("SELECT victim, sum(ns) / 1e9 FROM holder GROUP BY victim"))
long_waits = {tid: s for tid, s in waits.items() if s > 1}
for tid, waited in long_waits.items():
    line = f"thread {tid}: waited {waited:.2f} s, others held the CPU for {held.get(tid, 0):.2f} s of it"
    (out / "totals").open("a").write(line + "\n")
    # small holders are not written down; a wait that ends long after it began is cut to where it is told
    if not 0.95 <= held.get(tid, 0) / waited <= 1.05:
        wrong.append(line)
hogs = [ns / 1e9 for (ns,) in db.execute("SELECT sum(ns) FROM holder WHERE comm = 'yes' GROUP BY pid")]
if len(hogs) != 3 or max(hogs) > 1.5 * min(hogs) or not long_waits:
    wrong.append(f"three equal hogs held the CPU for {hogs} s")
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
