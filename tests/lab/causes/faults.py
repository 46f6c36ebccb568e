# SPDX-License-Identifier: GPL-2.0-only
"""The faults: one row a way to bring a cause about. Shell text runs on the lab host, see lib.sh.

Strengths are drawn by the run's seed and reach the shell as variables. The VM judged is vm1.
"""
from dataclasses import dataclass, field, replace
from typing import Callable

# A steady demand well below what the healthy path carries, so that a fall stands out within seconds: at
# full speed throughput follows the emulated CPU's own speed, which wanders by half, and a demand near it was
# missed now and then by itself. RATE is drawn by the seed.
SEND_FULL = "iperf3 -c 10.77.0.11 -p $PORT -R -t $D -i 0.5 --forceflush"        # the guest sends
RECEIVE_FULL = "iperf3 -c 10.77.0.11 -p $PORT -t $D -i 0.5 --forceflush"        # the guest receives
SEND, RECEIVE = SEND_FULL + " -b ${RATE}M", RECEIVE_FULL + " -b ${RATE}M"
SEND_MORE = SEND_FULL + " -b 280M"      # what an emulated NIC hardly carries
SEND_4, RECEIVE_4 = (load + " -P 4 -b $((RATE / 4))M" for load in (SEND_FULL, RECEIVE_FULL))
RECEIVE_MORE = RECEIVE_FULL + " -b $((2 * RATE))M"       # what shows that each packet is dearer
SEND_8, RECEIVE_8 = (load + " -P 8 -b $((RATE / 8))M" for load in (SEND_FULL, RECEIVE_FULL))
# Nobody tells what was wanted: the tap alone shows traffic that comes and goes.
ON_OFF = ('sh -c "e=\\$((\\$(date +%s) + D)); while [ \\$(date +%s) -lt \\$e ]; do '
          'iperf3 -c 10.77.0.11 -p $PORT -R -t $ON -b ${RATE}M >/dev/null; sleep $OFF; done"')
RATE = {"6.1": (200, 260), "6.12": (160, 210)}


def uniform(low, high, digits=0):
    def draw(rng):
        value = round(rng.uniform(low, high), digits)
        return value if digits else int(value)
    return draw


def log_uniform(low, high, digits=0):
    def draw(rng):
        value = round(low * (high / low) ** rng.random(), digits)
        return value if digits else int(value)
    return draw


def one_of(*values):
    return lambda rng: rng.choice(values)


@dataclass(frozen=True)
class Way:
    """One way to bring a cause about."""
    name: str
    cause: str
    inject: str = ""            # at the moment of the fault
    before: str = ""            # before the recording, no fault yet
    after: str = ""             # undo what lib.sh's undo_all does not
    strength: dict = field(default_factory=dict)    # variable -> sampler
    load: str = SEND
    options: str = ""           # of vnetdx record
    guests: Callable = lambda s: 1                  # how many are needed at least, by strength
    nic: str = "virtio-vhost"   # of vm1
    whole: bool = False         # ill from the first second
    baseline: str = ""          # load of the healthy recording to compare with
    lasts: str = ""             # the strength that says for how many ms; else to the end
    steady: bool = False        # there before the recording began, and nothing to compare with: a limit, no drop
    kernels: tuple = ("6.1", "6.12")
    vm: dict = field(default_factory=dict)          # of vm1 what is not the default: queues, cpus, switch
    software: tuple = ()                            # what the lab host needs beside the usual
    also: tuple = ()            # causes that are as right: the fault brings them about as well


HOGS = dict(strength={"K": one_of(2, 3), "HOG_NICE": one_of(-10, -13, -15)}, guests=lambda s: s["K"] + 1)
PLAIN_HOGS = dict(strength={"K": one_of(2, 3)}, guests=lambda s: s["K"] + 1)
FLAT = "echo 0 >/proc/sys/kernel/sched_autogroup_enabled; "     # nice counts between sessions too
GROUPED = "echo 1 >/proc/sys/kernel/sched_autogroup_enabled"
OTHERS = dict(guests=lambda s: 2)

DROPS = (
    # -- healthy: what may vary without anything being ill
    Way("healthy-plain", "healthy"),
    Way("healthy-receive", "healthy", load=RECEIVE),
    Way("healthy-full", "healthy", load=SEND_FULL),
    Way("healthy-talker", "healthy", strength={"MBITS": log_uniform(1, 8)}, **OTHERS, before="""
        in_guest vm2 "iperf3 -c 10.77.0.2 -p 5222 -t 60 -b ${MBITS}M"
        """),
    Way("healthy-flows", "healthy", strength={"MBITS": log_uniform(1, 6), "S": uniform(1, 4)}, **OTHERS, before="""
        in_guest vm2 "while :; do sleep $S; iperf3 -c 10.77.0.2 -p 5222 -t $S -b ${MBITS}M; done"
        """),
    Way("healthy-paced", "healthy", strength={"MBITS": log_uniform(20, 80)}, load=SEND_FULL + " -b ${MBITS}M"),
    Way("healthy-rising", "healthy", strength={"MBITS": log_uniform(20, 50)}, before="""
        guest exec -t 30 vm1 "modprobe sch_tbf; tc qdisc add dev eth0 root tbf rate ${MBITS}mbit burst 256kb latency 50ms"
        in_guest vm1 "r=$MBITS; while :; do sleep 1; r=\\$((r * 108 / 100 + 1));
            tc qdisc change dev eth0 root tbf rate \\${r}mbit burst 256kb latency 50ms; done"
        """),
    Way("healthy-idle-class", "healthy", strength={"K": one_of(1, 2)}, before="""
        for i in $(seq $K); do bg "echo 19 >/proc/self/autogroup; exec chrt -i 0 yes >/dev/null"; done
        """),
    Way("healthy-ticks", "healthy", strength={"MS": uniform(50, 300)}, **OTHERS, before="""
        in_guest vm2 "while :; do usleep ${MS}000; done"
        bg "while :; do usleep ${MS}000; done"
        """),
    # a few packets are lost from the first second to the last
    Way("healthy-drops", "healthy", strength={"ONE_IN": log_uniform(2000, 20000)}, before="""
        ip netns exec peer tc qdisc add dev eth0 clsact
        ip netns exec peer tc filter add dev eth0 ingress matchall action ok random netrand drop $ONE_IN"""),
    Way("healthy-drops-uplink", "healthy", strength={"PERCENT": log_uniform(.01, .1, 3)},
        before="tc qdisc add dev peer0 root netem loss $PERCENT% limit 10000"),
    Way("healthy-on-off", "healthy", load=ON_OFF, strength={"ON": one_of(2, 3), "OFF": one_of(1, 2)}),
    Way("healthy-one-flow", "healthy", load=ON_OFF, strength={"ON": one_of(5, 7, 9), "OFF": one_of(15)}),
    # AR(1) about the middle, a step twice a second
    Way("healthy-wander", "healthy", load=SEND_FULL, strength={"MBITS": log_uniform(60, 120)}, before="""
        guest exec -t 30 vm1 "modprobe sch_tbf; tc qdisc add dev eth0 root tbf rate ${MBITS}mbit burst 256kb latency 50ms"
        in_guest vm1 "x=0; i=$MBITS; while :; do usleep 500000; i=\\$(((i * 1103515245 + 12345) % 2147483648))
            x=\\$((x * 9 / 10 + i / 65536 % 101 - 50))
            tc qdisc change dev eth0 root tbf rate \\$(($MBITS * (1000 + x)))kbit burst 256kb latency 50ms; done"
        """),

    # -- others hold the CPU
    Way("contention-guests", "cpu_contention", "hog_guests $K", **HOGS, before=FLAT + "pin_worker 1; pin_hogs 1",
        after=GROUPED),
    Way("contention-host", "cpu_contention", 'for i in $(seq $K); do hog_host ""; done',
        strength={"K": one_of(4, 6, 8)}, also=("vcpu_starved",)),
    Way("contention-pinned", "cpu_contention", "for i in $(seq $K); do hog_host 1; done",
        before=FLAT + "pin_worker 1", strength={"K": one_of(1, 2, 3), "HOG_NICE": one_of(-10, -13, -15)},
        after=GROUPED),
    Way("contention-realtime", "cpu_contention", "hog_host 1 chrt -r 5; duty $! $ON $OFF",
        before="pin_worker 1", strength={"ON": uniform(60, 120), "OFF": uniform(8, 20)}),

    # -- a quota, or the own vCPU
    Way("throttled-vm", "throttled", "quota vm1 $SHARE 100000",
        before="echo +cpu >$CG/cgroup.subtree_control", strength={"SHARE": uniform(10, 35)}),
    Way("throttled-period", "throttled", "quota vm1 $SHARE $PERIOD",
        before="echo +cpu >$CG/cgroup.subtree_control",
        strength={"SHARE": uniform(10, 35), "PERIOD": one_of(20000, 50000, 250000, 500000)}),
    # the guest has work for its vCPU, and the vCPU goes before the worker
    Way("throttled-own-core", "throttled", "nice_vcpu $NICE; pin_vcpu $CPU; pin_worker $CPU",
        before=FLAT + 'in_guest vm1 "yes >/dev/null"', after="nice_vcpu 0; " + GROUPED,
        strength={"CPU": one_of(0, 1), "NICE": one_of(-5, -10, -13)}),
    Way("throttled-receive", "throttled", "quota vm1 $SHARE 100000", load=RECEIVE,
        before="echo +cpu >$CG/cgroup.subtree_control", strength={"SHARE": uniform(10, 30)}),

    # -- the worker has all it can get and it is not enough
    # one stream alone waits for its own completions and leaves the worker idle in between
    Way("saturated-rules", "vhost_saturated", "rules_on", before="rules $N", load=SEND_4,
        strength={"N": uniform(13000, 22000)}),
    Way("saturated-rules-receive", "vhost_saturated", "rules_on", before="rules $N", load=RECEIVE_4,
        strength={"N": uniform(26000, 40000)}),
    Way("saturated-rules-udp", "vhost_saturated", before="rules $N; rules_on",
        inject='in_guest vm1 "iperf3 -c 10.77.0.2 -p 5221 -u -b 0 -l $LEN -t 40"',
        strength={"N": uniform(2000, 4000), "LEN": uniform(200, 600)}),

    # -- interrupt work on the worker's CPU: what the host receives for others, each packet dear
    Way("softirq-rules", "softirq_saturated", "irq_work $KBITS", before="pin_worker 1; irq_setup 1 $N",
        strength={"N": uniform(15000, 25000), "KBITS": uniform(60, 250)}, also=("cpu_contention",)),
    Way("softirq-receive", "softirq_saturated", "irq_work $KBITS", before="pin_worker 1; irq_setup 1 $N", load=RECEIVE,
        strength={"N": uniform(15000, 25000), "KBITS": uniform(60, 250)}, also=("cpu_contention",)),

    Way("softirq-flows", "softirq_saturated", "irq_work $KBITS", before="pin_worker 1; irq_setup 1 $N", load=SEND_4,
        strength={"N": uniform(15000, 25000), "KBITS": uniform(60, 250)}, also=("cpu_contention",)),

    # -- the guest's vCPU waits, the worker does not
    # where nobody is pinned the scheduler decides which of the two waits more, often the vCPU
    Way("starved-guests", "vcpu_starved", "hog_guests $K", also=("cpu_contention",), **PLAIN_HOGS),
    Way("starved-receive", "vcpu_starved", "hog_guests $K", load=RECEIVE, guests=lambda s: s["K"] + 1,
        before=FLAT + "pin_worker 1; pin_vcpu 0; pin_hogs 0", after=GROUPED,
        strength={"K": one_of(2, 3), "HOG_NICE": one_of(-9, -11, -13)}),
    Way("starved-quota", "vcpu_starved", "quota vm1/vcpu $SHARE $PERIOD",
        before="echo +cpu >$CG/cgroup.subtree_control; vcpu_group",
        strength={"SHARE": uniform(8, 32), "PERIOD": one_of(20000, 50000, 100000)}),
    Way("starved-hog", "vcpu_starved", "for i in $(seq $K); do hog_host 0; done",
        before="pin_worker 1; pin_vcpu 0", strength={"K": one_of(3, 4, 6)}),
    Way("starved-idle-class", "vcpu_starved",
        # an idle-class thread gets nothing beside a hog, so the hog pauses
        "for t in $(vcpu_tids vm1); do chrt -i -p 0 $t; done; hog_host 0; duty $! $ON $OFF",
        strength={"ON": uniform(90, 150), "OFF": uniform(15, 30)},
        before=FLAT + "pin_worker 1; pin_vcpu 0",
        after="for t in $(vcpu_tids vm1); do chrt -o -p 0 $t; done; " + GROUPED),
    Way("starved-nice", "vcpu_starved",
        "nice_vcpu $NICE; hog_host 0",
        strength={"NICE": uniform(2, 9)},
        before=FLAT + "pin_worker 1; pin_vcpu 0",
        after="nice_vcpu 0; " + GROUPED),

    # -- the guest has little to send
    Way("sender-on-off", "sender_limited", "duty_guest $ON $OFF",
        strength={"ON": uniform(20, 60), "OFF": uniform(200, 500)}),
    Way("sender-busy", "sender_limited", """
        in_guest vm1 "echo -$NICE >/proc/self/autogroup; i=0
            while [ \\$i -lt $K ]; do yes >/dev/null & renice -n -$NICE -p \\$!; i=\\$((i + 1)); done; wait"
        """, strength={"K": one_of(3, 4), "NICE": uniform(11, 16)}),
    Way("sender-rate", "sender_limited", whole=True, baseline=SEND, load=SEND_FULL + " -b ${MBITS}M",
        strength={"MBITS": log_uniform(5, 60)}),
    # tiny writes are little to send, and many kicks with few bytes each: TCP joins them or does not
    Way("sender-small", "sender_limited", whole=True, baseline=SEND, load=SEND + " -l $LEN", also=("notification_storm",),
        strength={"LEN": uniform(64, 200)}),

    # -- many kicks, few bytes each
    # the far end is on this host too: even at its ease, receiving the storm may be what holds the worker's CPU
    Way("storm-tcp", "notification_storm", also=("cpu_contention",), inject=
        'in_guest vm1 "echo -$NICE >/proc/self/autogroup; iperf3 -c 10.77.0.2 -p 5221 -N -l $LEN -P 3 -t 40"',
        strength={"LEN": uniform(24, 64), "NICE": uniform(9, 13)},
        before="for p in $(servers 5221); do echo 19 >/proc/$p/autogroup; done",
        after="for p in $(servers 5221); do echo 0 >/proc/$p/autogroup; done"),
    Way("storm-ping", "notification_storm", """
        in_guest vm1 "echo -$NICE >/proc/self/autogroup; i=0
            while [ \\$i -lt $K ]; do ping -A -q -s 18 10.77.0.2 & i=\\$((i + 1)); done; wait"
        """, strength={"K": uniform(12, 20), "NICE": uniform(9, 13)}),
    Way("storm-whole", "notification_storm", whole=True, baseline=SEND, load=SEND + " -N -l $LEN",
        strength={"LEN": uniform(64, 200)}),

    # -- a link is full
    Way("link-tap", "link_limited", load=RECEIVE, strength={"MBITS": log_uniform(15, 120)},
        inject="tc qdisc add dev tap1 root tbf rate ${MBITS}mbit burst 128kb latency 20ms"),
    Way("link-uplink", "link_limited", strength={"MBITS": log_uniform(15, 120)},
        inject="tc qdisc add dev peer0 root tbf rate ${MBITS}mbit burst 128kb latency 20ms"),
    Way("link-htb", "link_limited", strength={"MBITS": log_uniform(15, 120)}, inject="""
        tc qdisc add dev peer0 root handle 1: htb default 1
        tc class add dev peer0 parent 1: classid 1:1 htb rate ${MBITS}mbit burst 128kb"""),
    Way("link-police", "link_limited", load=RECEIVE, strength={"MBITS": log_uniform(15, 120)}, inject="""
        tc qdisc add dev peer0 clsact
        tc filter add dev peer0 ingress matchall action police rate ${MBITS}mbit burst 256kb mtu 128kb drop"""),

    # -- the receiver is slow
    Way("receiver-on-off", "receiver_limited", "duty $(load_pid) $ON $OFF",
        strength={"ON": uniform(20, 60), "OFF": uniform(200, 500)}),
    Way("receiver-quota", "receiver_limited", "quota load $SHARE 50000",
        before="echo +cpu >$CG/cgroup.subtree_control", strength={"SHARE": uniform(2, 5)}),
    Way("receiver-guest", "receiver_limited", "duty_guest $ON $OFF", load=RECEIVE,
        strength={"ON": uniform(20, 60), "OFF": uniform(200, 500)}),

    # -- loss where the host does not look
    Way("loss-to-guest", "path_loss", load=RECEIVE, strength={"PERCENT": log_uniform(1, 8, 2)},
        inject="ip netns exec peer tc qdisc add dev eth0 root netem loss $PERCENT%"),
    Way("loss-from-guest", "path_loss", strength={"ONE_IN": log_uniform(10, 60)}, inject="""
        ip netns exec peer tc qdisc add dev eth0 clsact
        ip netns exec peer tc filter add dev eth0 ingress matchall action ok random netrand drop $ONE_IN"""),
    Way("loss-far-to", "path_loss", load=RECEIVE, strength={"MS": uniform(1, 8), "PERCENT": log_uniform(.5, 5, 2)},
        before="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000",
        inject="ip netns exec peer tc qdisc change dev eth0 root netem delay ${MS}ms limit 10000 loss $PERCENT%"),
    Way("loss-far-from", "path_loss", strength={"MS": uniform(1, 8), "ONE_IN": log_uniform(10, 80)},
        before="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000",
        inject="""ip netns exec peer tc qdisc add dev eth0 clsact
        ip netns exec peer tc filter add dev eth0 ingress matchall action ok random netrand drop $ONE_IN"""),

    # -- no vhost
    Way("backend-e1000", "emulated_backend", whole=True, nic="e1000", load=SEND_MORE, baseline=SEND_MORE),
    Way("backend-e1000e", "emulated_backend", whole=True, nic="e1000e", load=SEND_MORE, baseline=SEND_MORE),
    # carries the load unharmed where the machine is quiet
    Way("backend-qemu", "emulated_backend", whole=True, nic="virtio-qemu", load=SEND_MORE, baseline=SEND_MORE),
    Way("backend-rtl8139", "emulated_backend", whole=True, nic="rtl8139", load=SEND_MORE, baseline=SEND_MORE),

    # -- the guest does not take its packets
    Way("ring-queue", "guest_ring_full", "ip link set tap1 txqueuelen $N", load=RECEIVE,
        after="ip link set tap1 txqueuelen 1000", strength={"N": one_of(1, 2, 3)}),
    Way("ring-queue-flows", "guest_ring_full", "ip link set tap1 txqueuelen $N", load=RECEIVE_4,
        after="ip link set tap1 txqueuelen 1000", strength={"N": uniform(2, 8)}),

    # -- packets of one MTU where there were large ones
    Way("offload-far", "offload_off", "ip netns exec peer ip link set dev eth0 gso_max_segs 1", load=RECEIVE_MORE,
        after="ip netns exec peer ip link set dev eth0 gso_max_segs 65535"),
    Way("offload-tap", "offload_off", "ip link set dev tap1 gso_max_segs 1", load=RECEIVE_MORE,
        after="ip link set dev tap1 gso_max_segs 65535"),
    Way("offload-far-flows", "offload_off", "ip netns exec peer ip link set dev eth0 gso_max_segs 1", load=RECEIVE_FULL + " -P 2 -b ${RATE}M",
        after="ip netns exec peer ip link set dev eth0 gso_max_segs 65535"),

    # -- the round trip takes longer
    Way("delay-far", "path_delay", load=RECEIVE, strength={"MS": uniform(30, 90)},
        inject="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000"),
    Way("delay-more", "path_delay", load=RECEIVE, strength={"MS": uniform(40, 90), "FROM": uniform(1, 4)},
        before="ip netns exec peer tc qdisc add dev eth0 root netem delay ${FROM}ms limit 10000",
        inject="ip netns exec peer tc qdisc change dev eth0 root netem delay ${MS}ms limit 10000"),

    Way("delay-flows", "path_delay", load=RECEIVE_4, strength={"MS": uniform(60, 120)},
        inject="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000"),

    # -- the VM stands still, and goes on before the load ends
    Way("paused-stop", "vm_paused", 'p=$(qemu_pid vm1); kill -STOP $p; bg "usleep ${MS}000; kill -CONT $p"', load=RECEIVE,
        lasts="MS", strength={"MS": uniform(2500, 4500)}),
    Way("paused-flows", "vm_paused", 'p=$(qemu_pid vm1); kill -STOP $p; bg "usleep ${MS}000; kill -CONT $p"', load=RECEIVE_4,
        lasts="MS", strength={"MS": uniform(2500, 4500)}),
    Way("paused-sender", "vm_paused", 'p=$(qemu_pid vm1); kill -STOP $p; bg "usleep ${MS}000; kill -CONT $p"',
        lasts="MS", strength={"MS": uniform(2500, 4500)}),

    # -- what the list has no word for, or nothing on this host can see: whoever names it guesses
    Way("off-guest-shaper", "off_list", strength={"MBITS": log_uniform(15, 80)}, before='guest exec -t 30 vm1 "modprobe sch_tbf"',
        inject='in_guest vm1 "tc qdisc add dev eth0 root tbf rate ${MBITS}mbit burst 64kb latency 50ms"'),
    Way("off-ack-delay", "off_list", strength={"MS": uniform(150, 300)},
        inject="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000"),
    Way("off-reorder", "off_list", load=RECEIVE, strength={"MS": uniform(40, 90)}, also=("path_delay",),
        inject="ip netns exec peer tc qdisc add dev eth0 root netem delay ${MS}ms $((MS / 2))ms limit 10000"),

    # the whole of QEMU stands still by turns, as under a debugger or a snapshot tool
    Way("off-stutter", "off_list", "duty $(qemu_pid vm1) $ON $OFF", strength={"ON": uniform(30, 80), "OFF": uniform(100, 300)},
        also=("vm_paused",)),
    # a port that goes down and up; what is lost meanwhile is lost
    Way("off-flap", "off_list", 'bg "while :; do ip link set peer0 down; usleep ${OFF}000; ip link set peer0 up; usleep ${ON}000; done"',
        strength={"ON": uniform(300, 600), "OFF": uniform(100, 300)}, also=("path_loss",), after="ip link set peer0 up"),
    # the guest holds back what it sends
    Way("off-guest-delay", "off_list", strength={"MS": uniform(150, 300)}, before='guest exec -t 30 vm1 "modprobe sch_netem"',
        inject='in_guest vm1 "tc qdisc add dev eth0 root netem delay ${MS}ms limit 10000"'),
    # a link beyond this host is full; its queue is long
    Way("off-far-shaper", "off_list", load=RECEIVE, strength={"MBITS": log_uniform(15, 80)}, also=("path_loss", "path_delay"),
        inject="ip netns exec peer tc qdisc add dev eth0 root tbf rate ${MBITS}mbit burst 128kb latency 100ms"),
    # a far end that sends by turns, as radio does
    Way("off-slots", "off_list", strength={"MS": uniform(40, 100)}, also=("path_delay",),
        inject="ip netns exec peer tc qdisc add dev eth0 root netem slot ${MS}ms $((2 * MS))ms limit 10000"),

    # -- the measurement is ill, not the host
    Way("artefact-clock", "measurement_artefact", "date -s @$(($(date +%s) + ($STEP)))",
        strength={"STEP": one_of(-3600, -60, -5, 5, 60, 3600)}, after="date -s @$(($(date +%s) - ($STEP)))"),
    Way("artefact-stopped", "measurement_artefact",
        "p=$(pidof vnetdx); kill -STOP $p; usleep $((MS * 1000)); kill -CONT $p",
        options="--bin 10ms", strength={"MS": uniform(1000, 3000)}),
    Way("artefact-stutter", "measurement_artefact",
        'bg "for i in 1 2 3 4; do killall -STOP vnetdx; usleep $((MS * 1000)); killall -CONT vnetdx; usleep 400000; done"',
        options="--bin 10ms", strength={"MS": uniform(700, 1200)}),
)

# The same as steady states: what a guest is ill with from the first second on.
STEADY = ("contention-host", "contention-pinned", "throttled-vm", "throttled-period", "throttled-receive", "saturated-rules",
          "starved-quota", "starved-hog", "softirq-rules", "link-tap", "link-uplink", "link-htb", "ring-queue",
          "wide-contention-pinned", "wide-throttled-vm", "wide-saturated-rules")
# ... of a VM with four queues and four vCPUs, on a macvtap, on Open vSwitch.
WIDE = ("healthy-plain", "healthy-receive", "contention-pinned", "throttled-vm", "saturated-rules", "starved-quota",
        "loss-far-from", "link-uplink")
MACVTAP = ("healthy-plain", "contention-pinned", "throttled-vm")
OVS = ("healthy-plain", "contention-pinned", "throttled-vm", "loss-to-guest")
WIDE_VM = {"queues": 4, "cpus": 4}
IN_8 = {SEND: SEND_8, SEND_4: SEND_8, RECEIVE: RECEIVE_8, RECEIVE_4: RECEIVE_8}


def steady(way):
    return replace(way, name="steady-" + way.name, before=way.before + "\n" + way.inject, inject="", whole=True, steady=True)


def elsewhere(where, names, **changes):
    # four busy workers on two CPUs wait for each other
    also = {"vhost_saturated": ("cpu_contention",)} if where == "wide" else {}
    return tuple(replace(way, name=f"{where}-{way.name}", **changes, also=way.also + also.get(way.cause, ()), load=IN_8[way.load] if where == "wide" else way.load)
                 for way in DROPS if way.name in names)


DROPS += elsewhere("wide", WIDE, vm=WIDE_VM)
DROPS += elsewhere("macvtap", MACVTAP, vm={"switch": "macvtap"})
DROPS += elsewhere("ovs", OVS, vm={"switch": "ovs"}, software=("openvswitch",))
WAYS = DROPS + tuple(steady(way) for way in DROPS if way.name in STEADY)

CAUSES = ("cpu_contention", "throttled", "vhost_saturated", "vcpu_starved", "sender_limited",
          "notification_storm", "link_limited", "receiver_limited", "path_loss", "emulated_backend",
          "guest_ring_full", "offload_off", "path_delay", "vm_paused", "softirq_saturated", "measurement_artefact")


def by_name(names):
    """The ways whose name or cause is among the names; all of them for none."""
    return [w for w in WAYS if not names or w.name in names or w.cause in names]
