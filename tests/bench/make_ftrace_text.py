#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints about N MB of ftrace text: what a host with three VMs writes, always the same bytes.

usage: make_ftrace_text.py MEGABYTES [--perf] >FILE

Every 100 lines are 23 handle_tx, 29 handle_rx, 31 kvm_entry and 17 of no interest.
"""
import random
import sys

WORKERS = (("vhost-1441", 1460), ("vhost-2099", 2111), ("vhost-977", 991))
VCPUS = (("CPU 0/KVM", 1450), ("CPU 1/KVM", 1451), ("CPU 0/KVM", 2105))
KINDS = ["tx"] * 23 + ["rx"] * 29 + ["entry"] * 31 + ["switch"] * 17


def event(kind, draw):
    if kind == "tx":
        return draw.choice(WORKERS), "handle_tx_kick", "p_handle_tx_0: (handle_tx+0x0/0x6b0 [vhost_net])"
    if kind == "rx":
        return draw.choice(WORKERS), "", "p_handle_rx_0: (handle_rx+0x0/0x9c0 [vhost_net])"
    if kind == "entry":
        return draw.choice(VCPUS), "", "kvm_entry: vcpu 0, rip 0xffffffff81a3c0%02x" % draw.randrange(256)
    return ("<idle>", 0), "", (
        "sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> "
        "next_comm=qemu-system-x86 next_pid=%d next_prio=120" % draw.randrange(1000, 3000))


def ftrace(who, cpu, t_us, what):
    return "%16s-%-7d [%03d] d..1. %5d.%06d: %s\n" % (*who, cpu, t_us // 10**6, t_us % 10**6, what)


def perf(who, cpu, t_us, what):
    name, fields = what.split(": ", 1)
    system = "probe" if name.startswith("p_") else "kvm" if name.startswith("kvm") else "sched"
    if system == "probe":
        fields = "(ffffffffc0a4b0c0)"
    return "%16s %7d [%03d] %5d.%06d: %s:%s: %s\n" % (
        *who, cpu, t_us // 10**6, t_us % 10**6, system, name, fields)


def block(draw, t_us, line):
    """Lines of 10 ms."""
    out = []
    kinds = KINDS * 50
    draw.shuffle(kinds)
    for kind in kinds:
        who, _, what = event(kind, draw)
        out.append(line(who, draw.randrange(8), t_us, what))
        t_us += 2
    return "".join(out)


def main():
    size = int(sys.argv[1]) * 1000 * 1000
    line = perf if "--perf" in sys.argv else ftrace
    draw = random.Random(23)
    if line is ftrace:
        size -= sys.stdout.write("# tracer: nop\n#\n# entries-in-buffer/entries-written: 1/1   #P:8\n#\n")
    t_us = 1234 * 10**6
    while size > 0:
        size -= sys.stdout.write(block(draw, t_us, line))
        t_us += 10**4


if __name__ == "__main__":
    main()
