#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Replays each recording of formats.toml and compares: formats.py FOLDER

Totals per VM must be the same in all; correlations to 1e-9 among those that come from the same
stamps (one ring buffer, or one perf session), and to what two clocks read a few microseconds
apart can move over a bin's edge among all.
"""
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
out = Path(sys.argv[1])
BIN_NS = 500000000
CALLS = ("handle_tx", "handle_rx", "vcpu_enter", "vcpu_halt")
FAMILIES = (("run.vdx",), ("run.dat", "run-v7.dat", "run.ftrace.txt"), ("run.data", "run.script.txt"))


def write_load():
    """iperf3's intervals on the traces' clock, and the stretch that all recordings cover."""
    meta = dict(sqlite3.connect(out / "run.vdx").execute("SELECT key, value FROM meta"))
    iperf3 = json.loads((out / "iperf3.json").read_text())
    zero = iperf3["start"]["timestamp"]["timesecs"] + 0.5 - int(meta["realtime_minus_mono_ns"]) / 1e9
    rows = [(zero + i["sum"]["start"], zero + i["sum"]["end"], i["sum"]["bits_per_second"]) for i in iperf3["intervals"]]
    (out / "load.csv").write_text("start,end,bps\n" + "".join(f"{a:.6f},{b:.6f},{bps:.1f}\n" for a, b, bps in rows))
    start, end = int(meta["start_ns"]), int(meta["end_ns"])
    assert (end - start) % BIN_NS == 0
    return start + BIN_NS, end - 3 * BIN_NS


def seconds(ns):
    return f"{ns // 10**9}.{ns % 10**9:09d}s"


def replay(name, begin, end, *more):
    command = [TOP / "build/vnetdx", "replay", "--json", "-q", out / name, "--from", seconds(begin),
               "--to", seconds(end), "--throughput", out / "load.csv", "--offset", "0s", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def shape(name, begin, end):
    """What is compared: totals of all VMs; of the one that talks the verdict and all correlations."""
    all_vms = replay(name, begin, end)["vms"]
    totals = {vm["pid"]: [vm["totals"][m] for m in CALLS] for vm in all_vms}
    talker = max(totals, key=lambda pid: totals[pid][0])
    found = replay(name, begin, end, "--vm", str(talker))
    r = {(c["x"], c["on"], c["method"]): c["r"] for c in found["vms"][0]["correlations"]
         if c["y"] == "throughput" and c["x"] in CALLS}
    return totals, r, (found["verdict"], found["bins"]["count"], found["lost_events"])


def distance(a, b):
    if set(a) != set(b) or any((a[k] is None) != (b[k] is None) for k in a):
        return float("inf")
    return max((abs(a[k] - b[k]) for k in a if a[k] is not None), default=0)


begin, end = write_load()
found = {name: shape(name, begin, end) for family in FAMILIES for name in family}
wrong, lines = [], []
whole_r = found["run.vdx"][1]
for family in FAMILIES:
    for name in family:
        totals, r, verdict = found[name]
        lines.append(f"{name}: {totals} {verdict}, r off the family's by {distance(r, found[family[0]][1]):.2g}, "
                     f"off run.vdx's by {distance(r, whole_r):.2g}")
        if totals != found["run.vdx"][0]:
            wrong.append(f"{name}: other totals than run.vdx")
        if verdict != found["run.vdx"][2]:
            wrong.append(f"{name}: {verdict}, run.vdx {found['run.vdx'][2]}")
        if not distance(r, found[family[0]][1]) <= 1e-9:
            wrong.append(f"{name}: other correlations than {family[0]}")
print("\n".join(lines + wrong))
(out / "formats.txt").write_text("\n".join(lines) + "\n")
sys.exit(1 if wrong else 0)
