#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""calls.py FOLDER: each VM's calls against the events that ftrace stamped in its workers while the hooks were attached."""
import json
import re
import sys
from pathlib import Path

EVENT = re.compile(r"-(\d+) +\[\d+\] .*?(\d+\.\d+): ([tr]x): ")
out = Path(sys.argv[1])
run = json.loads((out / "stdout").read_text())
events = [(int(m[1]), float(m[2]), m[3]) for m in EVENT.finditer((out / "events").read_text())]
wrong = []
for hook in run["hooks"]:
    if hook["metric"] not in ("handle_tx", "handle_rx"):
        continue
    since, until = (run["bins"]["start_s"] + hook[k] for k in ("since_s", "until_s"))
    for vm in run["vms"]:
        workers = set(vm["workers"])
        calls = [tid for tid, t, way in events if tid in workers and since <= t <= until and way == hook["metric"][-2:]]
        line = (f"{vm['name']}: {hook['metric']} {vm['totals'][hook['metric']]}, ftrace {len(calls)}"
                f" in {len(set(calls))} of {len(workers)} workers")
        with (out / "totals").open("a") as f:
            f.write(line + "\n")
        if vm["totals"][hook["metric"]] != len(calls) or len(calls) < 50 or len(set(calls)) < min(2, len(workers)):
            wrong.append(line)
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
