#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Records short runs of a real KVM host with a fault injected in each, and the truth beside each.

A seed decides everything of a run: way, strength, moment, number of guests. Even seeds are for
tuning, odd ones for reporting. Runs that are there already are kept.
"""
import argparse
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]
sys.dont_write_bytecode = True

import faults                                                             # noqa: E402
from labkit.common import CACHE, KERNELS, ROOT, LabCrash, LabError, say   # noqa: E402
from labkit.cpushare import CpuShare                                        # noqa: E402
from labkit.scenario import (                                             # noqa: E402
    DEFAULTS, GUEST_DEFAULTS, Case, Runner, Together, Watch, guest_start)

MAX_GUESTS = 4
HALVES = {"tune": (0,), "report": (1,), "both": (0, 1)}
TRIES = 3           # of one run, when the lab's kernel dies
FIRST_OUTPUT_S = .5
DEAF_S = 60         # a run that takes this much longer is given up
SECONDS = 15        # of a run, about

# Everything of a run happens in one shell on the lab host: no round trip stands in a time stamp.
RUN = r'''
rm -rf /tmp/out; mkdir -p /tmp/out /tmp/at
. /share/lib.sh
cd $OUT
{before}
who
vnetdx record -q --force {options} -o run.vdx -- sh -c 'echo $$ >/sys/fs/cgroup/load/cgroup.procs
	cut -d" " -f1 /proc/uptime >/tmp/out/begun
	exec ip netns exec peer {load}' 2>stderr &
rec=$!
until [ -s begun ]; do usleep 20000; kill -0 $rec 2>/dev/null || break; done
usleep 2000000
sched
usleep {wait_us}
sched
now >injected
{{ {inject}
}} >>said
now >>injected
usleep {settle_us}
sched
{probe}
wait $rec
echo $? >status
now >ended
'''
FINISH = r'''
OUT=/tmp/out
. /share/lib.sh
undo_all 2>/dev/null
{{ {after}
}} >/dev/null 2>&1
mkdir -p /share/out; cp -r /tmp/out/. /share/out/
calm
killall -0 vnetdx 2>/dev/null && echo "a vnetdx is left"
for g in {guests}; do kill -0 $(qemu_pid $g) || echo "$g died"; done
'''


@dataclass
class Run:
    """What a seed decides."""
    seed: int
    way: faults.Way
    strength: dict
    guests: int
    inject_s: float
    length_s: int

    def name(self):
        return f"{self.seed:04}-{self.way.name}"


def run_of(seed, kernel="6.1", seconds=SECONDS):
    """Seeds 2i and 2i + 1 are the same way, one for each half."""
    rng = random.Random(f"vnetdx causes {seed}")
    way = faults.WAYS[seed // 2 % len(faults.WAYS)]
    strength = {k: draw(rng) for k, draw in way.strength.items()}
    strength.setdefault("RATE", rng.randint(*faults.RATE[kernel]))
    inject_s = round(rng.uniform(5, 7) * seconds / SECONDS, 2)
    length_s = rng.randint(14, 16) * seconds // SECONDS
    guests = max(way.guests(strength), rng.randint(1, MAX_GUESTS))
    return Run(seed, way, strength, guests, inject_s, length_s)


def shares(text):
    """Of the worker and the vCPU, how much of the time they ran and waited, before the fault and in it."""
    rows = [[float(n) for n in line.split()] for line in text.splitlines()]
    if len(rows) != 3 or any(len(row) != 5 for row in rows):
        return None
    share = lambda i, a, b: round((b[i] - a[i]) / 1e9 / max(b[0] - a[0], .01), 2)
    names = ("worker_run", "worker_wait", "vcpu_run", "vcpu_wait")
    return {n: [share(i, rows[0], rows[1]), share(i, rows[1], rows[2])] for i, n in enumerate(names, 1)}


def expand(load, variables):
    """The load as it is run, its numbers in place: what it asks for stands in its recording. What is
    escaped is a shell's of its own."""
    def value(m):
        if m[3] is not None:
            return str(eval(m[3].replace("/", "//"), {}, dict(variables)))
        return str(variables[m[1] or m[2]])
    return re.sub(r"(?<!\\)\$(?:\{(\w+)\}|(\w+)|\(\((.*?)\)\))", value, load)


class Suite(Runner):
    """The lab host, its guests, and the runs."""

    def __init__(self, kernel, out):
        super().__init__(out, "run", Together())
        self.kernel = kernel
        self.baselines = {}     # load -> folder, of this boot
        self.port = 0

    # -- the host

    def ready_host(self, run):
        # what is in already does no harm: the host boots again only for what it lacks
        software = sorted({*run.way.software, *(self.booted[-1] if self.booted else ())})
        host = Case("causes", {**DEFAULTS, "software": software}, self.kernel, {}, None).host()
        if self.booted == host and self.qemu and self.qemu.poll() is None:
            return
        self.boot(host)
        self.baselines = {}
        self.machine.put(ROOT / "build" / "vnetdx")
        self.machine.put(Path(faults.__file__).with_name("lib.sh"))
        self.must("rm -rf /share/out; mkdir -p /tmp/at /sys/fs/cgroup/load; for p in 5221 5222 5223 5224; do "
                  "ip netns exec peer iperf3 -s -D -p $p; done; modprobe -a tcp_diag sch_tbf sch_htb sch_netem "
                  "sch_ingress act_police act_gact cls_matchall; true", "servers do not start")

    def ready_vms(self, run, nic=None):
        """vm1 with the NIC of the way, as many beside it as the seed wants; each in a group of its own."""
        wanted = [{**GUEST_DEFAULTS, "name": f"vm{i + 1}"} for i in range(run.guests)]
        wanted[0].update({"nic": nic or run.way.nic, **run.way.vm})
        stale = [n for n, g in self.guests.items() if g not in wanted]
        if stale:
            self.must(f"guest kill {' '.join(stale)}", "guests do not end")
            self.guests = {n: g for n, g in self.guests.items() if n not in stale}
        new = [g for g in wanted if g["name"] not in self.guests]
        if not new:
            return
        began = time.monotonic()
        script = "".join(
            f"mkdir -p /sys/fs/cgroup/{g['name']}; sh -c 'echo $$ >/sys/fs/cgroup/{g['name']}/cgroup.procs; "
            f"exec {guest_start(g)}' & p{i}=$!\n" for i, g in enumerate(new))
        script += "".join(f"wait $p{i} || exit 1\n" for i in range(len(new)))
        self.must(script, "guests do not start", 120 + 60 * len(new))
        self.guests.update({g["name"]: g for g in new})
        say(f"{len(new)} guests up in {time.monotonic() - began:.1f} s")

    # -- one recording

    def record(self, run, load, inject, folder, probe=""):
        """One recording; gives what the lab host wrote beside it."""
        self.port = self.port % 2 + 1
        variables = {**run.strength, "OUT": "/tmp/out", "D": run.length_s, "PORT": 5200 + self.port}
        prelude = "".join(f"export {k}={shlex.quote(str(v))}\n" for k, v in variables.items())
        settle = max(0.1, min(4, run.length_s - run.inject_s - 3))
        script = prelude + RUN.format(
            before=run.way.before if inject is not None else "true", options=run.way.options,
            load=expand(load, variables), wait_us=int((run.inject_s + FIRST_OUTPUT_S - 2) * 1e6), inject=inject or "true",
            settle_us=int(settle * 1e6), probe=probe or "true")
        argv = self.machine.exec_command(script, run.length_s + DEAF_S)
        cpu = CpuShare(self.qemu.pid)
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        Watch(self.machine, proc).start()
        said = proc.communicate()[0].decode(errors="replace")
        cpu.end()
        shutil.rmtree(self.machine.share / "out", ignore_errors=True)
        done = self.host_exec(prelude + FINISH.format(after=run.way.after or "true", guests=" ".join(self.guests)), 90)
        if done.stdout.strip():
            say(f"{run.name()}: {done.stdout.strip()}")
            self.restart_vms()
        if not (self.machine.share / "out" / "run.vdx").exists():
            self.machine.check_alive()
            raise LabError(f"nothing recorded: {said.strip()} {done.stderr.strip()}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.machine.share / "out", folder)
        (folder / "driver").write_text(said + done.stderr)
        return {"others_cpu": round(cpu.others, 2)}

    def reboot(self, run, why):
        """Ends a lab whose kernel died and keeps what it said."""
        self.stop()
        self.reboots += 1
        (self.out / self.kernel).mkdir(parents=True, exist_ok=True)
        if self.machine.console.exists():
            shutil.copy(self.machine.console, self.out / self.kernel / f"crash-{run.name()}.log")
        say(f"lab reboot {self.reboots}, {run.name()} again: {why}")

    def restart_vms(self):
        self.host_exec("guest kill $(guest list)", 120)
        self.guests = {}

    def baseline(self, run):
        """A healthy recording of this boot with the load the way is compared with."""
        load = run.way.baseline
        if not load:
            return None
        if load not in self.baselines:
            self.ready_vms(run, "virtio-vhost")
            folder = self.out / self.kernel / f"baseline-{run.seed:04}"
            self.record(run, load, None, folder)
            self.baselines[load] = folder
        return self.baselines[load]

    def do(self, run, probe=""):
        way = run.way
        folder = self.out / self.kernel / run.name()
        self.ready_host(run)
        baseline = self.baseline(run)
        self.ready_vms(run)
        more = self.record(run, way.load, "" if way.whole else way.inject, folder, probe)
        text = lambda name: (folder / name).read_text() if (folder / name).exists() else ""
        if not text("status").strip():      # detaching never ended: the emulation lost a CPU at patched code
            raise LabCrash("vnetdx record does not end")
        if text("status").strip() != "0":
            self.restart_vms()
            raise LabError(f"vnetdx record ended with {text('status').strip()}: {text('stderr').strip()}")
        offenders = [dict(zip(("kind", "name", "pid"), line.split())) for line in text("offenders").splitlines()]
        truth = {
            "cause": way.cause, "also": way.also, "way": way.name, "strength": run.strength, "kernel": self.kernel,
            "seed": run.seed, "half": "report" if run.seed % 2 else "tune", "vm": "vm1", "guests": run.guests,
            "steady": way.steady, "injected_s": None if way.whole or not way.inject else [float(t) for t in text("injected").split()],
            "begun_s": float(text("begun")), "length_s": run.length_s,
            "offenders": [{**o, "pid": int(o["pid"])} for o in offenders],
            "baseline": os.path.relpath(baseline / "run.vdx", folder) if baseline else None,
            "load": way.load, "notes": text("notes").split("\n")[:-1],
            "sched": shares(text("sched")), **more,
        }
        (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        return truth

    def do_surely(self, run, probe=""):
        """A death of the lab's kernel is answered by booting again."""
        for _ in range(TRIES):
            try:
                return self.do(run, probe)
            except LabCrash as crash:
                self.reboot(run, crash)
            except LabError as error:
                say(f"{run.name()} again: {error}")
                try:
                    self.machine.check_alive()
                except LabCrash as crash:
                    self.reboot(run, crash)
        return None


def seeds_of(args):
    if args.seed and ".." in args.seed:
        first, last = (int(s) for s in args.seed.split(".."))
        return range(first, last + 1)
    first = int(args.seed or 0)
    return range(first, first + args.runs * len(faults.WAYS))


def planned(args):
    """The runs, those of one set of guests together, so that guests start seldom."""
    ways = faults.by_name(args.only)
    if not ways:
        raise LabError(f"no such way or cause: {', '.join(args.only)}")
    runs = [run_of(s, args.kernel, args.seconds) for s in seeds_of(args) if s % 2 in HALVES[args.half]]
    runs = [r for r in runs if r.way in ways and args.kernel in r.way.kernels]
    return sorted(runs, key=lambda r: (r.way.software, r.way.nic != "virtio-vhost", r.way.nic, sorted(map(str, r.way.vm.values())),
                                       -r.guests, r.seed))


def parse(argv):
    top = argparse.ArgumentParser(prog="lab causes", description=__doc__)
    top.add_argument("--kernel", default="6.1", choices=KERNELS)
    top.add_argument("--seed", help="A..B, or the first of --runs (0)")
    top.add_argument("--runs", type=int, default=2, help="of each way; even, for both halves (%(default)s)")
    top.add_argument("--seconds", type=int, default=SECONDS, help="of a run, about (%(default)s)")
    top.add_argument("--only", action="append", default=[], metavar="WAY|CAUSE")
    top.add_argument("--half", choices=list(HALVES), default="both")
    top.add_argument("--out", type=Path, default=ROOT / "build" / "lab" / "causes")
    top.add_argument("--again", action="store_true", help="also those recorded already")
    top.add_argument("--probe", default="", help="shell on the lab host while the fault lasts, its output into 'probe'")
    top.add_argument("--list", action="store_true", help="only say what would be run")
    return top.parse_args(argv)


def main(argv=None):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = parse(argv)
    suite = Suite(args.kernel, args.out.resolve())
    todo = [r for r in planned(args)
            if args.again or not (suite.out / args.kernel / r.name() / "truth.json").exists()]
    if args.list:
        for r in todo:
            print(r.seed, r.way.name, r.strength, f"{r.guests} guests, fault at {r.inject_s} of {r.length_s} s")
        return 0
    failed = 0
    probe = f"( {args.probe} ) >$OUT/probe 2>&1" if args.probe else ""
    try:
        for i, run in enumerate(todo, 1):
            began = time.monotonic()
            truth = suite.do_surely(run, probe)
            failed += truth is None
            note = "; ".join(truth["notes"]) if truth else "FAILED"
            print(f"{i}/{len(todo)} {args.kernel} {run.name()} {run.strength} {run.guests} guests "
                  f"{time.monotonic() - began:.1f} s {note}", flush=True)
    finally:
        suite.stop()
    print(f"{len(todo) - failed} recorded, {failed} failed, lab reboots: {suite.reboots}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
