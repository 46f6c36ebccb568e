# SPDX-License-Identifier: GPL-2.0-only
"""What other processes of this machine took of its CPUs while the lab ran."""
import contextlib
import os
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Alone on a quiet machine the emulated CPU's speed wanders by a third within seconds, and scenarios must bear that. A tenth on
# average is half of the CPUs for a fifth of the case: more than that wandering, for long enough to be taken for a fault.
STARVED = 0.10


def _busy_s():
    """All CPUs' time that was not idle since boot; what a hypervisor took from us (steal) is in it."""
    fields = [int(f) for f in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


_ended_labs_s = 0       # of the children that ended they are not the lab's own


def _lab_s(qemu_pid):
    lab = Path(f"/proc/{qemu_pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(lab[11]) + int(lab[12])) / TICKS


def end(qemu):
    """Ends a lab; what it took is not taken for what ours did meanwhile."""
    global _ended_labs_s
    with contextlib.suppress(OSError):
        took_s = _lab_s(qemu.pid)
        _ended_labs_s += took_s
    qemu.kill()
    qemu.wait()


def _own_s(qemu_pid):
    """The lab's, and that of this process and of its children that ended, but for labs."""
    mine = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return _lab_s(qemu_pid) + sum(r.ru_utime + r.ru_stime for r in mine) - _ended_labs_s


def _waited_s():
    """For how long some thread of this machine waited for a CPU since boot, None where the kernel does not tell."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0]) / 1e6
    except (OSError, IndexError):
        return None


class CpuShare:
    """Counts from its making to end(); a lab that ends meanwhile cannot be measured."""

    def __init__(self, qemu_pid):
        self.qemu_pid = qemu_pid
        self.begun = self._now()
        self.others, self.waited = 0, None

    def _now(self):
        return time.monotonic(), _busy_s() - _own_s(self.qemu_pid), _waited_s()

    def end(self):
        """others: CPUs that others had on average; waited: part of the time in which somebody waited for one, or None."""
        (t0, others0, waited0), (t1, others1, waited1) = self.begun, self._now()
        seconds = max(t1 - t0, 0.01)
        self.others = max(0, others1 - others0) / seconds
        self.waited = None if waited1 is None else (waited1 - waited0) / seconds

    def starved(self, smp):
        """Had the lab less than it can use: a CPU for each of its own and one for QEMU's devices, as far as there are?"""
        usable = min(os.cpu_count(), smp + 1)
        return self.others - (os.cpu_count() - usable) > STARVED * usable

    def __str__(self):
        text = f"others took {100 * self.others / os.cpu_count():.0f} % of the CPUs"
        return text if self.waited is None else f"{text}, in {100 * self.waited:.0f} % of the time somebody waited for one"
