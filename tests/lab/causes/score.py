#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges vnetdx by recorded faults: replays each recording and compares the verdict with the truth.

How a run counts. Of vm1's degradations the one that begins nearest to the injection is the verdict
on the fault; one that is over with its uncertainty before the injection is an early flag, no verdict.
A fault that lowered the mean throughput by less than 5 % stands in the row "(no effect)": it counts in
no recall; a cause named there counts against that cause's precision unless it is the true one. A
measurement_artefact is no fall: naming it and finding nothing are both right. For a healthy run
every degradation is a false flag; one that is told as limited is counted beside.
"""
import argparse
import json
import re
import sqlite3
import statistics
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]
sys.dont_write_bytecode = True

from faults import CAUSES, WAYS                 # noqa: E402
from labkit.common import KERNELS, ROOT         # noqa: E402

NO_EFFECT = 0.05        # a fall of the mean below this share is none
WARM_UP_S = 1.5         # TCP's start, and the first interval
INTERVAL = re.compile(r"(?:\[ *\d+\]|\[SUM\]) +([\d.]+)-([\d.]+) +sec .* ([\d.]+) ([KMG]?)bits/sec")
UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
SETTLE_S = 1.0          # after the injection is done
NOT_FOUND, FALSE_FLAG = "not found", "false flag"
SHORT = {"cpu_contention": "contend", "throttled": "throttl", "vhost_saturated": "satur", "vcpu_starved": "starved",
         "sender_limited": "sender", "notification_storm": "storm", "link_limited": "link",
         "receiver_limited": "receiv", "path_loss": "loss", "emulated_backend": "emulat",
         "guest_ring_full": "ring", "offload_off": "offload", "path_delay": "delay", "vm_paused": "paused", "softirq_saturated": "softirq",
         "measurement_artefact": "artef", "unknown": "unknown", NOT_FOUND: "-", FALSE_FLAG: "false"}


@dataclass
class Judged:
    """A run beside what vnetdx says of it."""
    truth: dict
    folder: Path
    error: str = ""
    verdict: str = ""
    degradation: dict = None        # the one that answers for the fault
    early: list = field(default_factory=list)
    before_bps: float = None
    after_bps: float = None
    injected: tuple = None          # seconds from the first bin
    bin_s: float = 0.5
    limits: list = field(default_factory=list)
    why: str = ""

    @property
    def steady(self):
        """There before the recording began: a limit is looked for, no drop."""
        return self.truth.get("steady", False)

    @property
    def off_list(self):
        """Something the list of causes has no word for: any name is a wrong one."""
        return self.truth["cause"] == "off_list"

    @property
    def healthy(self):
        return self.truth["cause"] == "healthy"

    @property
    def artefact(self):
        return self.truth["cause"] == "measurement_artefact"

    @property
    def change(self):
        return self.after_bps / self.before_bps - 1 if self.before_bps and self.after_bps is not None else None

    @property
    def no_effect(self):
        return not self.healthy and not self.artefact and self.change is not None and self.change > -NO_EFFECT

    @property
    def cause(self):
        if self.steady:
            return self.limits[0]["cause"] if self.limits else NOT_FOUND
        return self.degradation["cause"] if self.degradation else NOT_FOUND

    @property
    def right(self):
        if self.healthy:
            return not self.degradation
        if self.off_list:
            return self.cause in ("unknown", NOT_FOUND, *self.also)
        return self.cause in (self.truth["cause"], *self.also) or (self.artefact and not self.degradation)

    @property
    def also(self):
        """Causes as right as the first, as the suite said when it was recorded or says now."""
        now = next((way.also for way in WAYS if way.name == self.truth["way"]), ())
        return (*now, *self.truth.get("also", ()))

    @property
    def flags(self):
        return len(self.early) + (self.degradation is not None)

    @property
    def start_error(self):
        """Seconds the start lies outside its uncertainty; 0 inside, None where there is nothing to compare."""
        if not self.degradation or not self.injected:
            return None
        start = self.degradation["start_s"]
        slack = self.degradation["start_uncertainty_s"] + self.bin_s
        return max(0.0, self.injected[0] - start - slack, start - slack - self.injected[1])

    @property
    def delay(self):
        detected = (self.degradation or {}).get("detected_s")
        return None if detected is None or not self.injected else detected - self.injected[0]

    @property
    def offender_right(self):
        """Whether the first one named is one of the true ones; None where there is none to name."""
        true = self.truth["offenders"]
        if not true or not self.degradation:
            return None
        named = self.degradation.get("offenders") or []
        return bool(named) and any(o["kind"] == named[0]["kind"] and (o["name"] == named[0]["name"]
                                   or o["pid"] == named[0].get("pid")) for o in true)


# ------------------------------------------------------------------ replaying


def vnetdx(program, *args):
    return subprocess.run([program, "replay", *map(str, args)], capture_output=True, text=True, check=False)


def throughput(recording):
    """(CLOCK_MONOTONIC in s, bit/s) of the middle of iperf3's intervals, by its own words."""
    with closing(sqlite3.connect(f"file:{recording}?mode=ro", uri=True)) as db:
        lines = db.execute("SELECT arrival_ns, text FROM load_line ORDER BY seq").fetchall()
    found = [(at, INTERVAL.search(text)) for at, text in lines if "sender" not in text and "receiver" not in text]
    found = [(at, m) for at, m in found if m]
    found = [(at, m) for at, m in found if m[0].startswith("[SUM]")] or found
    if not found:
        return []
    zero = found[0][0] / 1e9 - float(found[0][1][2])
    return [(zero + (float(m[1]) + float(m[2])) / 2, float(m[3]) * UNITS[m[4]]) for _, m in found]


def mean_between(series, begin, end):
    values = [v for t, v in series if begin <= t <= end]
    return statistics.fmean(values) if values else None


def measure(judged):
    """The change of the mean, by the load's own words and without vnetdx's opinion."""
    truth, folder = judged.truth, judged.folder
    series = throughput(folder / "run.vdx")
    begin, end = truth["begun_s"] + WARM_UP_S, truth["begun_s"] + truth["length_s"]
    if truth["injected_s"]:
        judged.before_bps = mean_between(series, begin, truth["injected_s"][0])
        lasts = next((way.lasts for way in WAYS if way.name == truth["way"]), "")
        if lasts:   # it is over before the load is
            end = truth["injected_s"][0] + truth["strength"][lasts] / 1e3
        judged.after_bps = mean_between(series, truth["injected_s"][1] + SETTLE_S, end)
    else:
        judged.after_bps = mean_between(series, begin, end)
    if truth.get("steady"):     # what was asked for, against what was got
        judged.before_bps = truth["strength"]["RATE"] * 1e6
    if truth["baseline"]:
        values = [v for _, v in throughput(folder / truth["baseline"])]
        judged.before_bps = statistics.fmean(values[2:]) if len(values) > 2 else None


def choose(judged, degradations):
    if judged.healthy or not judged.injected:
        judged.degradation = degradations[0] if degradations else None
        judged.early = degradations[1:]
        return
    begun = judged.injected[0]
    is_early = lambda d: d["start_s"] + d["start_uncertainty_s"] + judged.bin_s < begun
    judged.early = [d for d in degradations if is_early(d)]
    late = [d for d in degradations if not is_early(d)]
    judged.degradation = min(late, key=lambda d: abs(d["start_s"] - begun), default=None)


def judge(program, folder, with_baseline):
    judged = Judged(json.loads((folder / "truth.json").read_text()), folder)
    truth = judged.truth
    more = ["--baseline", folder / truth["baseline"]] if truth["baseline"] and with_baseline else []
    done = vnetdx(program, "--json", *more, folder / "run.vdx")
    try:
        document = json.loads(done.stdout)
        vm = next(v for v in document["vms"] if v["name"] == truth["vm"])
    except (ValueError, KeyError, StopIteration):
        judged.error = (done.stderr or done.stdout).strip() or f"exit {done.returncode}"
        return judged
    first_bin_s = document["bins"]["start_s"]
    judged.bin_s = document["bins"]["width_s"]
    judged.verdict = vm.get("verdict", document["verdict"])
    if truth["injected_s"]:
        judged.injected = tuple(t - first_bin_s for t in truth["injected_s"])
    judged.why = vm.get("why", "")
    judged.limits = vm["limits"] if judged.verdict == "limited" else []
    choose(judged, vm["degradations"])
    measure(judged)
    return judged


# ------------------------------------------------------------------ counting


def ratio(part, whole):
    return f"{100 * part / whole:5.1f} % ({part} of {whole})" if whole else "  n/a (0)"


def wilson(part, whole):
    """The 95 % interval of a share (Wilson 1927)."""
    if not whole:
        return ""
    z, p = 1.96, part / whole
    middle, half = p + z * z / 2 / whole, z * ((p * (1 - p) + z * z / 4 / whole) / whole) ** .5
    low, high = ((middle + sign * half) / (1 + z * z / whole) for sign in (-1, 1))
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def matrix(runs):
    """Row -> Counter of columns."""
    table = {}
    for r in runs:
        row = "(no effect)" if r.no_effect else r.truth["cause"]
        column = r.cause
        if r.healthy and r.flags:
            column = FALSE_FLAG
        table.setdefault(row, Counter())[column] += 1
    return table


def per_cause(runs):
    faults = [r for r in runs if not r.healthy and not r.no_effect]
    result = {}
    for cause in (*CAUSES, "off_list"):
        rows = [r for r in faults if r.truth["cause"] == cause]
        named = [r for r in runs if r.cause == cause and not (r.no_effect and r.right)]
        result[cause] = {"runs": len(rows), "right": sum(r.right for r in rows), "named": len(named),
                         "named_right": sum(r.right for r in named)}
    return result


def summary(runs):
    faults = [r for r in runs if not r.healthy and not r.no_effect]
    healthy = [r for r in runs if r.healthy]
    starts = [r.start_error for r in faults if r.start_error is not None]
    delays = [r.delay for r in faults if r.delay is not None]
    contention = [r for r in faults if r.truth["cause"] == "cpu_contention" and not r.steady]
    listed = [r for r in faults if not r.off_list]
    off, steady = [r for r in faults if r.off_list], [r for r in listed if r.steady]
    one = [r for r in contention if len(r.truth["offenders"]) == 1]
    return {
        "runs": len(runs), "faults": len(faults), "healthy": len(healthy),
        "no_effect": sum(r.no_effect for r in runs), "errors": 0,
        "listed": len(listed), "top1_right": sum(r.right for r in listed),
        "steady": len(steady), "steady_right": sum(r.right for r in steady),
        "off_list": len(off), "off_list_named": sum(not r.right for r in off),
        "starts": len(starts), "starts_within": sum(e == 0 for e in starts),
        "delays": len(delays), "median_delay_s": statistics.median(delays) if delays else None,
        "contention": len(contention), "offender_right": sum(bool(r.offender_right) for r in contention),
        "one_offender": len(one), "one_offender_right": sum(bool(r.offender_right) for r in one),
        "healthy_limited": sum(r.verdict == "limited" for r in healthy),
        "healthy_flagged": sum(r.flags > 0 for r in healthy), "early_flags": sum(len(r.early) for r in faults),
    }


# ------------------------------------------------------------------ printing


def print_matrix(table):
    columns = [*CAUSES, "unknown", NOT_FOUND, FALSE_FLAG]
    rows = [r for r in ("healthy", *CAUSES, "off_list", "(no effect)") if r in table]
    print(f"{'truth / verdict':21}" + "".join(f"{SHORT[c]:>8}" for c in columns))
    for row in rows:
        print(f"{row:21}" + "".join(f"{table[row][c] or '.':>8}" for c in columns))


def print_causes(causes):
    print(f"\n{'cause':21}{'recall':>24}{'precision':>24}")
    for cause, n in causes.items():
        if n["runs"] or n["named"]:
            print(f"{cause:21}{ratio(n['right'], n['runs']):>24}{ratio(n['named_right'], n['named']):>24}")


def print_summary(s):
    print(f"\n{s['runs']} runs: {s['faults']} faults, {s['healthy']} healthy, "
          f"{s['no_effect']} without effect (the mean fell by less than 5 %; in no recall)")
    print(f"top-1 cause             {ratio(s['top1_right'], s['listed'])} {wilson(s['top1_right'], s['listed'])}")
    print(f"  of steady states      {ratio(s['steady_right'], s['steady'])} {wilson(s['steady_right'], s['steady'])}")
    print(f"off the list, but named {ratio(s['off_list_named'], s['off_list'])} {wilson(s['off_list_named'], s['off_list'])}")
    print(f"start within            {ratio(s['starts_within'], s['starts'])}   its uncertainty and one bin, of the found")
    delay = "n/a" if s["median_delay_s"] is None else f"{s['median_delay_s']:5.2f} s (of {s['delays']})"
    print(f"median detection delay  {delay}")
    print(f"offender, contention    {ratio(s['offender_right'], s['contention'])}")
    print(f"  with one offender     {ratio(s['one_offender_right'], s['one_offender'])}")
    print(f"healthy with a flag     {ratio(s['healthy_flagged'], s['healthy'])}")
    print(f"  told as limited       {ratio(s['healthy_limited'], s['healthy'])}")
    print(f"flags before the fault  {s['early_flags']}")


def mbits(bps):
    return "?" if bps is None else f"{bps / 1e6:.0f}"


def line_of(r):
    t = r.truth
    strength = ",".join(f"{k}={v}" for k, v in t["strength"].items())
    mark = "  " if r.right else "! "
    if r.error:
        return f"! {t['kernel']:5}{t['seed']:5} {t['way']:20} {r.error}"
    text = (f"{mark}{t['kernel']:5}{t['seed']:5} {t['way']:20} {strength:22} {mbits(r.before_bps):>4} ->"
            f"{mbits(r.after_bps):>4} Mbit/s  {t['cause']} / {r.cause}")
    text += " (no effect)" if r.no_effect else ""
    if r.early:
        text += f" +{len(r.early)} {'flags' if r.healthy or not r.injected else 'early'}"
    if r.injected and r.degradation:
        text += (f"  start {r.degradation['start_s'] - r.injected[0]:+.2f}"
                 f" +-{r.degradation['start_uncertainty_s']:.2f} s")
    if r.offender_right is not None:
        named = r.degradation.get("offenders") or [{"name": "nobody"}]
        text += f"  by {named[0]['name']}{'' if r.offender_right else ' (wrong)'}"
    text += f"  others {t.get('others_cpu', '?')}"
    if r.degradation:
        number = lambda v: "?" if v is None else f"{v:.3g}"
        text += "\n" + " " * 12 + " ".join(f"{e['metric']} {number(e['before'])}>{number(e['after'])}"
                                         for e in r.degradation["evidence"])
        others = r.degradation.get("alternatives") or []
        text += "".join(f" | {a['cause']} {number(a['score'])}" for a in others)
    elif r.steady or r.healthy:
        text += "\n" + " " * 12 + " | ".join([f"{r.verdict}: {r.why}", *(f"{l['cause']} {l['level']:.3g}" for l in r.limits[1:])])
    return text


def as_json(r):
    return {"kernel": r.truth["kernel"], "seed": r.truth["seed"], "way": r.truth["way"], "truth": r.truth["cause"],
            "cause": r.cause, "right": r.right, "no_effect": r.no_effect, "error": r.error or None,
            "before_bps": r.before_bps, "after_bps": r.after_bps, "start_outside_s": r.start_error,
            "delay_s": r.delay, "offender_right": r.offender_right, "early_flags": len(r.early)}


# ------------------------------------------------------------------ all of it


def folders(out, kernels, half, only):
    for kernel in kernels:
        for path in sorted((out / kernel).glob("*/truth.json")):
            truth = json.loads(path.read_text())
            if half in ("both", truth["half"]) and (not only or truth["cause"] in only or truth["way"] in only):
                yield path.parent


def parse(argv):
    top = argparse.ArgumentParser(prog="lab score", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "lab" / "causes")
    top.add_argument("--kernel", action="append", help="only this one (both)")
    top.add_argument("--half", choices=("tune", "report", "both"), default="both")
    top.add_argument("--only", action="append", default=[], metavar="WAY|CAUSE")
    top.add_argument("--vnetdx", default=str(ROOT / "build" / "vnetdx"))
    top.add_argument("--list", action="store_true", help="a line a run, with the evidence")
    top.add_argument("--json", action="store_true")
    return top.parse_args(argv)


def main(argv=None):
    args = parse(argv)
    has_baseline = "--baseline" in vnetdx(args.vnetdx, "--help").stdout
    found = list(folders(args.out, args.kernel or KERNELS, args.half, args.only))
    with ThreadPoolExecutor(2) as pool:
        everything = list(pool.map(lambda f: judge(args.vnetdx, f, has_baseline), found))
    runs = [r for r in everything if not r.error]
    table, causes, totals = matrix(runs), per_cause(runs), summary(runs)
    totals["errors"] = len(everything) - len(runs)
    if args.json:
        print(json.dumps({"summary": totals, "causes": causes, "matrix": table,
                          "runs": [as_json(r) for r in everything]}, indent=1))
        return 1 if totals["errors"] else 0
    if args.list:
        print("\n".join(map(line_of, everything)), end="\n\n" if everything else "")
    print_matrix(table)
    print_causes(causes)
    print_summary(totals)
    for r in everything:
        if r.error and not args.list:
            print(line_of(r))
    if not has_baseline and any(r.truth["baseline"] for r in runs):
        print("this vnetdx has no --baseline: runs ill from the first second were judged without")
    return 1 if totals["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
