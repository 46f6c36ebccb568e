# SPDX-License-Identifier: GPL-2.0-only
"""Scenario files: read, checked for spelling, expanded into cases, run, judged."""
import contextlib
import dataclasses
import itertools
import json
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

from . import cpushare, image
from .common import CACHE, KERNELS, ROOT, LabCrash, LabError, Unavailable, say
from .cpushare import CpuShare
from .machine import EXIT_NO_AGENT, Machine, die_with_parent, take_lock

RUNS_PER_CASE = 3       # where the lab's kernel dies, or others take the CPUs
EXIT_SKIP = 77
# A call of handle_tx() or handle_rx() moves no more: VHOST_NET_WEIGHT and the packet that goes beyond it (drivers/vhost/net.c).
CALL_BYTES = 0x80000 + 0x10000 + 14
PATIENCE_S = 180        # for what takes a second or two; only a lab that hangs is given so long
HOST_STATE = ("cd /sys/kernel/tracing; cat kprobe_events uprobe_events tracing_on current_tracer "
              "set_event enabled_functions; ls instances /sys/fs/bpf; ls /sys/class/net | grep -v tap")

DEFAULTS = {
    "about": "", "kernels": list(KERNELS), "smp": 2, "mem": 3072, "append": "", "needs": [],
    "guest": [], "setup": "", "run": "", "zero": "", "meter": "", "timeout": 120, "at": [], "after": "",
    "status": 0, "check": [], "check_script": "", "leaves_nothing": False, "fresh": False,
    "matrix": {}, "skip_if": "", "software": [], "core": False,
}
GUEST_DEFAULTS = {"name": None, "nic": "virtio-vhost", "queues": 1, "switch": "br0", "mem": 128,
                  "cpus": 1, "accel": "kvm", "machine": "pc", "launcher": "qemu", "load": "", "late": False}
AT_DEFAULTS = {"t": None, "step": 0, "on": "host", "do": None, "name": ""}
CHECK_DEFAULTS = {"say": "", "that": None}


class Skip(Exception):
    """Why a case was not run."""


@dataclasses.dataclass
class Case:
    """A scenario on one kernel with one choice of its matrix."""
    name: str
    spec: dict
    kernel: str
    choice: dict
    where: Path
    out: Path = None
    failures: list = dataclasses.field(default_factory=list)
    cpu: CpuShare = None
    starved: int = 0        # runs that others starved
    nr: int = 0             # of a series, else 0
    hog: bool = False       # beside a process that burns one of this machine's CPUs

    def host(self):
        append = string.Template(self.spec["append"]).safe_substitute(self.choice)
        return (self.kernel, self.spec["smp"], append, self.spec["mem"], bool(self.spec["meter"]),
                tuple(self.spec["software"]))

    def title(self):
        series = [f"{self.nr}{' beside yes' if self.hog else ''}"] if self.nr else []
        return "/".join([self.name, self.kernel, *map(str, self.choice.values()), *series])


def _filled(table, defaults, where):
    unknown = set(table) - set(defaults)
    if unknown:
        raise LabError(f"{where}: no such key: {', '.join(sorted(unknown))}")
    filled = {**defaults, **table}
    missing = [k for k, v in filled.items() if v is None]
    if missing:
        raise LabError(f"{where}: {', '.join(missing)} is missing")
    return filled


def _expanded_at(entry, where):
    """One entry an event: 'on' may be a list, its members start 'step' seconds apart."""
    entry = _filled(entry, AT_DEFAULTS, where)
    targets = entry["on"] if isinstance(entry["on"], list) else [entry["on"]]
    for i, target in enumerate(targets):
        yield {"t": entry["t"] + i * entry["step"], "on": target, "do": entry["do"],
               "name": entry["name"] if entry["name"] and len(targets) == 1 else f"{entry['name'] or 'at'}-{target}"
               + ("" if entry["name"] else f"-{entry['t'] + i * entry['step']:g}")}


def read(path):
    path = Path(path)
    try:
        spec = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: {error}") from None
    spec = _filled(spec, DEFAULTS, path.name)
    spec["guest"] = [_filled(g, GUEST_DEFAULTS, f"{path.name}: guest") for g in spec["guest"]]
    spec["check"] = [_filled(c, CHECK_DEFAULTS, f"{path.name}: check") for c in spec["check"]]
    if spec["meter"] and spec["smp"] != 1:
        raise LabError(f"{path.name}: meter wants smp = 1")
    spec["at"] = sorted((e for a in spec["at"] for e in _expanded_at(a, f"{path.name}: at")),
                        key=lambda e: e["t"])
    return spec


def cases_of(path, kernels, core=False):
    """core: on kernels beyond a scenario's first only where it is one of the core."""
    spec, path = read(path), Path(path)
    for kernel in spec["kernels"]:
        if kernels and kernel not in kernels or core and not spec["core"] and kernel != spec["kernels"][0]:
            continue
        for values in itertools.product(*spec["matrix"].values()):
            yield Case(path.stem, spec, kernel, dict(zip(spec["matrix"], values)), path.parent)


# ------------------------------------------------------------------ one case in a running lab


class Together:
    """What the lanes of a run share: what is printed, the end, and the one lock, taken with the first boot."""

    def __init__(self, lanes=1):
        self.lanes = lanes
        self.guard = threading.Lock()       # of what is printed; never held while one waits
        self.stopping = threading.Event()
        self._locking = threading.Lock()
        self._lock = None

    def lock(self):
        with self._locking:
            if self._lock is None:
                self._lock = take_lock()
            return self._lock


class Runner:
    """Holds a lab host and the guests that run in it."""

    def __init__(self, out, name, together):
        self.out = Path(out)
        self.together = together
        self.machine = Machine(name)
        self.qemu = None
        self.booted = None
        self.guests = {}
        self.reboots = 0
        self.reruns = []        # what others took
        self.unbootable = {}    # host: why, as often as it was tried

    # -- the host

    def boot(self, host):
        self.stop()
        if self.together.stopping.is_set():
            raise LabError("stopped")
        kernel, smp, append, mem, meter, software = host
        failed = self.unbootable.setdefault(host, [])
        if len(failed) == RUNS_PER_CASE:
            raise LabError(f"its host was tried {RUNS_PER_CASE} times before: {failed[-1]}")
        try:
            image.build([kernel], software)
            self.qemu = self.machine.start(kernel, self.together.lock(), smp, append, mem, attached=True, meter=meter,
                                            software=software)
        except Unavailable:
            raise
        except LabError as error:
            failed.append(error)
            raise
        failed.clear()
        self.booted, self.guests = host, {}

    def stop(self):
        qemu, self.qemu, self.booted = self.qemu, None, None
        if qemu:
            cpushare.end(qemu)

    def host_exec(self, command, timeout=PATIENCE_S):
        done = self.machine.exec(command, timeout, capture=True)
        if done.returncode == EXIT_NO_AGENT:
            self.machine.check_alive()
        return done

    def must(self, command, what, timeout=PATIENCE_S):
        done = self.host_exec(command, timeout)
        if done.returncode:
            self.machine.check_alive()
            raise LabError(f"{what}: {(done.stderr or done.stdout).strip() or f'exit {done.returncode}'}")
        return done.stdout

    # -- the guests

    def ready_guests(self, wanted, fresh):
        """Those wanted run, no others; one that runs as wanted already is kept."""
        wanted = {g["name"]: g for g in wanted if not g["late"]}
        stale = [n for n, g in self.guests.items() if fresh or wanted.get(n) != g]
        if stale:
            self.must(f"guest kill {' '.join(stale)}", "guests do not end")
            for name in stale:
                del self.guests[name]
        new = [g for n, g in wanted.items() if n not in self.guests]
        if new:
            began = time.monotonic()
            script = "".join(f"{guest_start(g)} & p{i}=$!\n" for i, g in enumerate(new))
            script += "".join(f"wait $p{i} || exit 1\n" for i in range(len(new)))
            self.must(script, "guests do not start", 120 + 60 * len(new))
            self.guests.update({g["name"]: g for g in new})
            say(f"{len(new)} guests up in {time.monotonic() - began:.1f} s")

    # -- a case

    def prepare(self, case):
        spec = case.spec
        for name in spec["needs"]:
            if not (ROOT / name).exists():
                raise Skip(f"{name} is not there")
            self.machine.put(ROOT / name)
        self.must("rm -rf /tmp/out /tmp/at; mkdir -p /tmp/out /tmp/at", "no /tmp")
        if spec["skip_if"]:
            done = self.host_exec(environment(case) + spec["skip_if"])
            if done.returncode == 0:
                raise Skip(done.stdout.strip() or "skip_if holds")
        self.ready_guests(spec["guest"], spec["fresh"])
        for guest in spec["guest"]:
            if guest["load"] and not guest["late"]:
                self.must(background(guest["name"], guest["load"]), f"load of {guest['name']}")
        if spec["setup"]:
            self.must(environment(case) + spec["setup"], "setup")

    def clean(self, case):
        names = [g["name"] for g in case.spec["guest"]]
        script = "for p in $(cat /tmp/at/pids 2>/dev/null); do kill -9 -$p 2>/dev/null; done\n"
        for name in names:
            script += (f"guest exec -t 30 {name} 'for p in $(cat /tmp/at.pids 2>/dev/null); do "
                       f"kill -9 -$p; done; rm -f /tmp/at.pids' 2>/dev/null\n")
        self.host_exec(script)
        # a guest the scenario itself stopped or started is not as we left it
        running = set(self.host_exec("guest list").stdout.split())
        for name in running - set(self.guests):
            self.host_exec(f"guest kill {name}")
        self.guests = {n: g for n, g in self.guests.items() if n in running}

    def run(self, case):
        self.prepare(case)
        before = self.host_exec(HOST_STATE).stdout if case.spec["leaves_nothing"] else ""
        status, times = self.run_command(case)
        if case.spec["after"]:
            (case.out / "after").write_text(
                self.host_exec(environment(case) + case.spec["after"]).stdout)
        self.clean(case)
        if before:
            self.compare_state(case, before)
        self.fetch(case, times, status)
        self.machine.check_alive()
        if status == EXIT_SKIP:
            raise Skip(" ".join((case.out / "stderr").read_text().strip().splitlines()[-1:]) or "exit 77")
        judge(case, status, times)

    def run_command(self, case):
        spec = case.spec
        argv = self.machine.exec_command(environment(case) + "cd /tmp/out\n" + (spec["run"] or "true"),
                                         spec["timeout"])
        schedule = Schedule(self, spec["at"])
        with open(case.out / "stderr", "wb") as err, open(case.out / "stdout", "wb") as out, \
                open(case.out / "instructions", "w") as meter:
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)
            Watch(self.machine, proc).start()
            if not spec["zero"]:
                schedule.begin()
            for line in proc.stdout:
                out.write(line)
                out.flush()
                if spec["zero"] and re.search(spec["zero"], line.decode(errors="replace")):
                    schedule.begin()
                if spec["meter"] and re.search(spec["meter"], line.decode(errors="replace")):
                    print(self.machine.instructions(), file=meter, flush=True)
            status = proc.wait()
        schedule.end()
        if status == EXIT_NO_AGENT or status < 0:
            self.machine.check_alive()
        return status, schedule.times

    def compare_state(self, case, before):
        after = self.host_exec(HOST_STATE).stdout
        if after != before:
            (case.out / "state-before").write_text(before)
            (case.out / "state-after").write_text(after)
            new = [l for l in after.splitlines() if l not in before.splitlines()]
            case.failures.append(f"left behind on the host: {'; '.join(new[:5]) or 'something is gone'}")

    def fetch(self, case, times, status):
        (case.out / "times.json").write_text(json.dumps(times, indent=1))
        (case.out / "status").write_text(f"{status}\n")
        # a fifo, a socket or a device is no result
        self.must("rm -rf /share/out; find /tmp/out ! -type d ! -type f ! -type l -exec rm {} +; cp -r /tmp/out /share/out",
                  "fetching results")
        shutil.copytree(self.machine.share / "out", case.out, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(self.machine.share / "out")


class Schedule(threading.Thread):
    """Does the events of a scenario when their time comes; times are the lab host's CLOCK_MONOTONIC."""

    def __init__(self, runner, events):
        super().__init__(daemon=True)
        self.runner, self.events = runner, events
        self.times, self.over = {}, threading.Event()
        self.zero = None

    def begin(self):
        if self.zero is None:
            self.zero = time.monotonic()
            self.start()

    def end(self):
        self.over.set()
        if self.zero is not None:
            self.join()

    def run(self):
        zero = self.runner.host_exec("cut -d' ' -f1 /proc/uptime").stdout.strip()
        self.times["zero"] = {"begun_s": float(zero or 0)}
        for event in self.events:
            if self.over.wait(max(0, self.zero + event["t"] - time.monotonic())):
                break
            now = "cut -d' ' -f1 /proc/uptime"
            done = self.runner.machine.exec(f"{now}\n{background(event['on'], event['do'])}\n{now}", 60, True)
            stamps = re.findall(r"^\d+\.\d+$", done.stdout, re.M)
            self.times[event["name"]] = {
                "on": event["on"], "t": event["t"], "ok": len(stamps) == 2 and not done.stderr,
                "begun_s": float(stamps[0]) if stamps else None,
                "done_s": float(stamps[-1]) if stamps else None, "said": done.stderr.strip()}


class Watch(threading.Thread):
    """Knocks while a command runs, and ends the command of a lab that does not answer twice.

    The knock is needed too: QEMU's emulated SVM now and then loses the host's timer while a busy
    guest runs, and all stands still until something from outside interrupts it.
    """

    def __init__(self, machine, proc):
        super().__init__(daemon=True)
        self.machine, self.proc = machine, proc

    def run(self):
        silent = 0
        while self.proc.poll() is None:
            silent = silent + 1 if self.machine.exec("true", 45, True).returncode else 0
            if silent == 2:
                self.proc.kill()
            time.sleep(1)


def guest_start(guest):
    options = [f"--{k} {shlex.quote(str(guest[k]))}"
               for k in ("nic", "queues", "switch", "mem", "cpus", "accel", "machine", "launcher")]
    return f"guest start {guest['name']} {' '.join(options)}"


def background(on, command):
    """Shell text that starts a command on the host or in a guest and leaves it running."""
    pids = "/tmp/at/pids" if on == "host" else "/tmp/at.pids"
    start = f"setsid sh -c {shlex.quote(command)} </dev/null >/dev/null 2>&1 & echo $! >>{pids}"
    return start if on == "host" else f"guest exec -t 60 {on} {shlex.quote(start)}"


def environment(case):
    """What run, setup and after find set: the matrix's choice, OUT, KERNEL."""
    values = {**case.choice, "OUT": "/tmp/out", "KERNEL": case.kernel}
    return "".join(f"export {k}={shlex.quote(str(v))}\n" for k, v in values.items())


# ------------------------------------------------------------------ judging


class Results(dict):
    """Names an expression may use; what is costly or may be absent is read when asked for."""

    def __init__(self, case, status, times):
        out = case.out
        text = lambda name: (out / name).read_text(errors="replace")
        super().__init__(
            status=status, times=times, kernel=case.kernel, re=re, text=text, **case.choice,
            load=lambda name: json.loads(text(name)), exists=lambda name: (out / name).exists(),
            number=lambda name: float(text(name).split()[0]), near=lambda a, b, by: abs(a - b) <= by,
            call_bytes=CALL_BYTES)
        self.lazy = {"stdout": lambda: text("stdout"), "stderr": lambda: text("stderr"),
                     "after": lambda: text("after"), "json": lambda: json.loads(text("stdout")),
                     "mbits": lambda: throughputs(text("stdout"))}

    def __missing__(self, name):
        if name not in self.lazy:
            raise KeyError(name)
        self[name] = self.lazy[name]()
        return self[name]


def throughputs(text):
    """Mbit/s of the intervals in iperf3's text output, without its closing sums."""
    units = {"": 1e-6, "K": 1e-3, "M": 1, "G": 1e3}
    lines = [line for line in text.splitlines() if not re.search(r"(sender|receiver)\s*$", line)]
    found = (re.search(r"\[ *(?:\d+|SUM)\].* ([\d.]+) ([KMG]?)bits/sec", line) for line in lines)
    return [float(m[1]) * units[m[2]] for m in found if m]


def judge(case, status, times):
    wanted = case.spec["status"]
    if wanted != "any" and status not in (wanted if isinstance(wanted, list) else [wanted]):
        tail = (case.out / "stderr").read_text(errors="replace").strip().splitlines()[-3:]
        case.failures.append(f"exit status {status}, not {wanted}: {' | '.join(tail)}")
        return      # what it had yet to write is no failure of its own
    for event in times.values():
        if event.get("ok") is False:
            case.failures.append(f"could not do on {event['on']} at {event['t']:g} s: {event['said']}")
    results = Results(case, status, times)
    for check in case.spec["check"]:
        label = check["say"] or check["that"]
        try:
            if not eval(check["that"], results):    # the project's own files, not input
                case.failures.append(f"not so: {label}")
        except Exception as error:
            case.failures.append(f"cannot tell: {label}: {type(error).__name__}: {error}")
    if case.spec["check_script"]:
        script = case.where / case.spec["check_script"]
        done = subprocess.run([str(script), str(case.out), case.kernel, *map(str, case.choice.values())],
                              capture_output=True, text=True, check=False)
        if done.returncode == EXIT_SKIP:
            raise Skip(done.stdout.strip())
        if done.returncode:
            case.failures.append(f"{script.name}: {(done.stdout + done.stderr).strip()}")


# ------------------------------------------------------------------ all cases


def run_case(runner, case):
    """passed, failed or skipped; a death of the lab's kernel, and a failure of a starved lab, are answered by another run.

    again: beside another lane, whose company explains the failure; to be run alone.
    """
    if not case.starved:
        for old in case.out.parent.glob(f"{case.out.name}.starved-*"):
            shutil.rmtree(old)
    shutil.rmtree(case.out, ignore_errors=True)
    deaths = 0
    while True:
        case.out.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            verdict = attempt(runner, case)
        except LabCrash as crash:
            if runner.together.stopping.is_set():
                return "failed"     # it was ended, and that is told
            runner.stop()
            deaths += 1
            keep_console(runner, case, deaths)
            if deaths == RUNS_PER_CASE:
                case.failures = [f"the lab's kernel died {deaths} times: {crash}"]
                return "failed"
            runner.reboots += 1
            say(f"lab reboot {runner.reboots}, not a failed test: {crash}")
            continue
        starved = verdict == "failed" and case.cpu and case.cpu.starved(case.spec["smp"])
        if not starved or case.starved == RUNS_PER_CASE - 1:
            return verdict
        case.starved += 1
        runner.reruns.append(f"{case.title()}: {case.cpu}")
        with runner.together.guard:
            tell("again", case, began)
        case.out.rename(case.out.with_name(f"{case.out.name}.starved-{case.starved}"))
        if runner.together.lanes > 1:
            return "again"


def attempt(runner, case):
    """One run of a case: passed, failed or skipped, and what others took meanwhile; dies with the lab's kernel."""
    case.failures, case.cpu = [], None
    try:
        if runner.booted != case.host():
            runner.boot(case.host())
        case.cpu = CpuShare(runner.qemu.pid)
        runner.run(case)
        case.cpu.end()
    except (Skip, Unavailable) as reason:
        if not case.failures:
            case.failures = [str(reason)]
            return "skipped"
    except LabCrash:
        raise
    except LabError as error:
        case.failures.append(str(error))
        if case.cpu:
            case.cpu.end()
        runner.stop()
    return "failed" if case.failures else "passed"


def keep_console(runner, case, death):
    if runner.machine.console.exists():
        shutil.copy(runner.machine.console, case.out / f"crash-{death}.log")


def tell(verdict, case, began):
    """In one piece, reasons indented: tests/run reads it."""
    lines = [f"{verdict:8}{case.title()}  {time.monotonic() - began:.1f} s"]
    for reason in case.failures + ([str(case.cpu)] if case.cpu and verdict in ("failed", "again") else []):
        lines += [" " * 8 + line for line in reason.splitlines()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def company(case):
    """What runs beside it on this machine."""
    hog = subprocess.Popen(["taskset", "-c", str(os.cpu_count() - 1), "yes"], stdout=subprocess.DEVNULL,
                           preexec_fn=die_with_parent) if case.hog else None
    try:
        yield
    finally:
        if hog:
            hog.kill()
            hog.wait()


def series(cases, times):
    """Each so many times, every other time beside a hog; once is no series."""
    for case in cases:
        for nr in range(1, times + 1) if times > 1 else [0]:
            yield dataclasses.replace(case, nr=nr, hog=nr > 0 and nr % 2 == 0, failures=[])


class Tally:
    """Verdicts of cases, from all lanes, and those that are to be run again alone."""

    def __init__(self, together):
        self.of = {"passed": 0, "failed": 0, "skipped": 0}
        self.again = []
        self.together = together

    def add(self, verdict, case, began):
        with self.together.guard:
            if self.together.stopping.is_set():
                return
            if verdict == "again":
                self.again.append(case)
                return
            self.of[verdict] += 1
            tell(verdict, case, began)


def by_host(cases):
    """Those that agree on the host share its boot; guests are few at first, and stay for the next."""
    cases.sort(key=lambda c: (c.host(), c.spec["fresh"], len(c.spec["guest"])))
    hosts = [list(group) for _, group in itertools.groupby(cases, key=Case.host)]
    return sorted(hosts, key=len, reverse=True)


def lane(runner, hosts, tally):
    """Takes the cases of one host after the other, until none is left."""
    stopping = tally.together.stopping
    try:
        while not stopping.is_set():
            try:
                cases = hosts.pop(0)
            except IndexError:
                break
            for case in cases:
                began = time.monotonic()
                with company(case):
                    verdict = run_case(runner, case)
                tally.add(verdict, case, began)
                if stopping.is_set():
                    break
    finally:
        runner.stop()


def run_lanes(runners, hosts, tally):
    """Returns when all lanes have ended; what breaks off here ends them."""
    lanes = [threading.Thread(target=lane, args=(r, hosts, tally), daemon=True) for r in runners]
    for thread in lanes:
        thread.start()
    try:
        while any(thread.is_alive() for thread in lanes):
            time.sleep(0.2)
    except BaseException:
        with tally.together.guard:
            tally.together.stopping.set()
        for runner in runners:
            runner.stop()
        raise


def run_files(files, kernels, out, only, core=False, times=1, lanes=1):
    out = Path(out or CACHE / "out").resolve()
    cases = [c for path in files for c in cases_of(path, kernels, core) if not only or c.name in only]
    cases = list(series(cases, times))
    for case in cases:
        case.out = out / case.title().replace("/", "-").replace(" ", "-")
    hosts = by_host(cases)
    together = Together(min(lanes, len(hosts)))
    tally = Tally(together)
    runners = [Runner(out, f"run{i}", together) for i in range(together.lanes)]
    try:
        run_lanes(runners, hosts, tally)
        together.lanes = 1
        run_lanes(runners[:1], by_host(tally.again), tally)
    finally:
        left = len(cases) - sum(tally.of.values())
        reruns = [text for r in runners for text in r.reruns]
        if left:
            print(f"stopped: {left} of {len(cases)} were not run to their end")
        print(f"lab reboots: {sum(r.reboots for r in runners)}")
        print(f"lab reruns: {len(reruns)}" + (f" ({'; '.join(reruns)})" if reruns else ""))
        print(", ".join(f"{n} {what}" for what, n in tally.of.items()), flush=True)
    return 1 if tally.of["failed"] or left else 0
