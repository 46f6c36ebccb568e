#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""totals.py FOLDER: calls that vnetdx counted against the events ftrace stamped while its hooks were attached."""
import json
import sys
from pathlib import Path

out = Path(sys.argv[1])
run = json.loads((out / "live.json").read_text())
stamps = {"tx:": [], "rx:": []}
for line in (out / "events").read_text().splitlines():
    t, name = line.split()
    stamps[name].append(float(t.rstrip(":")))
wrong = []
for hook in run["hooks"]:
    if hook["metric"] not in ("handle_tx", "handle_rx"):
        continue
    since, until = (run["bins"]["start_s"] + hook[k] for k in ("since_s", "until_s"))
    seen = sum(since <= t <= until for t in stamps[hook["metric"][-2:] + ":"])
    counted = sum(v["totals"][hook["metric"]] for v in run["vms"])
    line = f"{hook['metric']}: vnetdx {counted}, ftrace {seen}"
    (out / "totals").open("a").write(line + "\n")
    if counted != seen or seen < 1000:
        wrong.append(line)
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
