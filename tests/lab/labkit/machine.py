# SPDX-License-Identifier: GPL-2.0-only
"""A running lab host: one emulated machine, its agent, its share, its end."""
import contextlib
import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import cpushare, image
from .common import CACHE, LabCrash, LabError, need, say

PORTS = 24
BOOT_LIMIT_S = 180
NICE = -10
EXIT_NO_AGENT = 125
CRASH_SIGNS = re.compile(r"Kernel panic|Oops:|\bBUG: (?!soft lockup|workqueue)|int3: 0000|general protection fault"
                         r"|invalid opcode: 0000|stack segment: 0000|double fault")
APPEND = ("quiet panic=-1 oops=panic mitigations=off nokaslr tsc=reliable no_timer_check "
          "random.trust_cpu=on console=ttyS0 nowatchdog")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def favour(pid):
    """Before others of this machine, where we may: what they take bends the emulated time. An autogroup is weighed, too."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))


def take_lock(wait=True):
    """One lab at a time: the descriptor is inherited by QEMU, so the lock ends with it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = os.open(CACHE / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 200, 0).decode(errors="replace").strip()
        if not wait:
            raise LabError(f"a lab is up: {holder}") from None
        say(f"waiting for the lab that is up: {holder}")
        fcntl.flock(lock, fcntl.LOCK_EX)    # the kernel queues us: first come, first served
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"pid {os.getpid()} since {time.strftime('%H:%M:%S')}\n".encode(), 0)
    return lock


class Machine:
    """Handle on a lab host by name; the state is all in build/lab/run/NAME."""

    def __init__(self, name="lab"):
        self.name = name
        self.dir = CACHE / "run" / name
        self.share = self.dir / "share"
        self.console = self.dir / "console.log"

    # -- life

    def pid(self):
        try:
            pid = int((self.dir / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if b"qemu-system" in command and f"labhost-{self.name}".encode() in command else None

    def instructions(self):
        """Executed so far, by a lab of one CPU that was started with meter."""
        return int.from_bytes((self.dir / "instructions").read_bytes(), "little")

    def _prepare(self):
        if self.pid():
            raise LabError(f"lab {self.name} is up: tests/lab/lab down")
        self.share.mkdir(parents=True, exist_ok=True)
        (self.dir / "ports").mkdir(exist_ok=True)
        for old in [*self.dir.glob("ports/*"), self.dir / "pid", self.console, self.dir / "qmp"]:
            old.unlink(missing_ok=True)

    def _command(self, kernel, smp, append, mem, accel, meter):
        command = [
            need("qemu-system-x86_64"), "-name", f"labhost-{self.name}",
            "-accel", accel, "-cpu", "EPYC-v1,+svm,-npt", "-smp", str(smp), "-m", str(mem),
            "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", image.vmlinux(kernel), "-initrd", "initrd",
            "-append", f"{APPEND} {append}".strip(),
            "-serial", "file:console.log", "-qmp", "unix:qmp,server=on,wait=off", "-pidfile", "pid",
            "-fsdev", "local,id=share,path=share,security_model=none",
            "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
            "-device", f"virtio-serial-pci,max_ports={PORTS + 1}",
        ]
        if meter:
            command += ["-plugin", CACHE / "bin" / "instructions"]
        for i in range(PORTS):
            command += ["-chardev", f"socket,id=a{i},path=ports/{i:02}.sock,server=on,wait=off",
                        "-device", f"virtserialport,chardev=a{i},name=agent{i}"]
        return [str(c) for c in command]

    def start(self, kernel, lock, smp=2, append="", mem=3072, attached=False, meter=False,
              software=()):
        """Boots and returns when the agent answers. attached: the lab dies with this process. meter: instructions() counts."""
        self._prepare()
        began = time.monotonic()
        with open(self.dir / "initrd", "wb") as out:
            for part in image.archives(kernel, software):
                with open(part, "rb") as archive:
                    shutil.copyfileobj(archive, out, 1 << 20)
        accel = "tcg,thread=multi"
        with open(self.dir / "qemu.log", "wb") as log:
            qemu = subprocess.Popen(self._command(kernel, smp, append, mem, accel, meter), cwd=self.dir,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,),
                                    start_new_session=True,
                                    preexec_fn=die_with_parent if attached else None)
        favour(qemu.pid)
        (self.dir / "boot.json").write_text(json.dumps({"kernel": kernel, "smp": smp, "append": append}))
        try:
            self._wait_for_agent(qemu, began)
        except BaseException:
            cpushare.end(qemu)
            raise
        say(f"lab host {self.name}: kernel {kernel}, {smp} CPU, up in {time.monotonic() - began:.1f} s")
        return qemu

    def _wait_for_agent(self, qemu, began):
        while not (self.dir / "pid").exists():
            if qemu.poll() is not None:
                raise LabError(f"QEMU ended: {(self.dir / 'qemu.log').read_text().strip()}")
            time.sleep(0.02)
        while time.monotonic() - began < BOOT_LIMIT_S:
            if self.exec("true", timeout=15, capture=True).returncode == 0:
                return
            if qemu.poll() is not None or self.crashed():
                raise LabCrash(f"the lab host died while booting: {self.last_words()}")
        raise LabCrash(f"the lab host did not come up in {BOOT_LIMIT_S} s: {self.last_words()}")

    def down(self):
        pid = self.pid()
        if not pid:
            return False
        os.kill(pid, signal.SIGTERM)
        for i in range(200):
            if not self.pid():
                return True
            if i == 100:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        raise LabError(f"QEMU {pid} does not end")

    # -- health

    def crashed(self):
        """What the console says of the kernel's death, or None while all is well."""
        try:
            text = self.console.read_text(errors="replace")
        except OSError:
            return None
        found = CRASH_SIGNS.search(text)
        return text[found.start():].splitlines()[0] if found else None

    def last_words(self):
        try:
            lines = self.console.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return self.crashed() or (" | ".join(lines[-3:]) if lines else "(nothing on the console)")

    def check_alive(self):
        """Raises LabCrash when the kernel died or the agent is silent."""
        if self.crashed() or not self.pid():
            raise LabCrash(self.last_words())
        if self.exec("true", timeout=30, capture=True).returncode != 0:
            raise LabCrash(f"the agent does not answer: {self.last_words()}")

    # -- work

    def exec_command(self, command, timeout=None, terminal=False):
        argv = [str(CACHE / "bin" / "agent"), "run"]
        if terminal:
            argv.append("-p")
        if timeout:
            argv += ["-t", str(timeout)]
        return [*argv, str(self.dir / "ports"), command]

    def exec(self, command, timeout=None, capture=False):
        return subprocess.run(self.exec_command(command, timeout), stdin=subprocess.DEVNULL,
                              capture_output=capture, text=True, errors="replace", check=False)

    def put(self, source, target=None):
        """A file into the share; with a program, the libraries the image does not hold."""
        source = Path(source)
        if not source.exists():
            raise LabError(f"{source}: no such file")
        target = self.share / (target or source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--remove-destination" if source.is_file() else "-T",
                        source, target], check=True)
        if source.is_file() and os.access(source, os.X_OK):
            self._put_libraries(source)
        return f"/share/{target.relative_to(self.share)}"

    def _put_libraries(self, program):
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        paths = re.findall(r"=> (/\S+) \(0x", done.stdout)
        if not paths:
            return
        names = " ".join(f"/usr{p}" if p.startswith("/lib") else p for p in paths)
        missing = self.exec(f"for f in {names}; do [ -e $f ] || echo $f; done", 20, True).stdout.split()
        (self.share / "lib").mkdir(exist_ok=True)
        for path in paths:
            if any(m.endswith(path) for m in missing):
                subprocess.run(["cp", "-L", path, self.share / "lib" / os.path.basename(path)], check=True)

    def guest(self, *args, timeout=None, capture=False):
        return self.exec("guest " + " ".join(shlex.quote(a) for a in args), timeout, capture)


def qmp(path, *commands):
    """Runs QMP commands in order, gives their answers."""
    answers = []
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        stream = s.makefile("rw")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"}, *commands):
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            while "event" in answer:
                answer = json.loads(stream.readline())
            answers.append(answer)
    return answers[1:]
