// SPDX-License-Identifier: GPL-2.0-only
/* The causes as data: how each is scored, its words, what tells it and what speaks against it. */
#include "analysis/cause_score.h"

#include <math.h>

static const struct vnx_parts *the_worker(const struct vnx_judge *j)
{
	return &j->worker;
}

static const struct vnx_parts *the_vcpu(const struct vnx_judge *j)
{
	return &j->vcpu;
}

static char *artefact_finding(const struct vnx_judge *j)
{
	return strdup(j->c->conf->clock_stepped && !j->c->tap
			      ? "A clock was stepped during the run."
			      : "Throughput itself was not measured right where this drop starts.");
}

static char *artefact_advice(const struct vnx_judge *j)
{
	return strdup(
		j->c->conf->clock_stepped
			? "Measure again: a clock was stepped during the run, so the load's "
			  "times cannot be trusted."
			: "Measure again: throughput is missing right where this drop starts.");
}

static double percent(double share)
{
	return 100 * vnx_judge_or0(share);
}

/* "The vhost thread", or which of several. */
static char *who(const struct vnx_judge *j, const struct vnx_parts *p)
{
	const struct vnx_vm *vm = &j->c->f->vm;
	char *words;

	if (!p->thread)
		return strdup(p == &j->worker ? "The vhost thread" : "The vCPU");
	if (p->thread->worker && vm->workers.n < 2)
		return strdup("The vhost thread");
	words = vnx_thread_words(vm, p->thread);
	if (words && p->thread->worker)
		words[0] = 'W';
	return words;
}

/* "WHO could run but had no CPU for 40 % of the time, 5 % before", of one part of its time. */
static char *share_words(const struct vnx_judge *j, const struct vnx_parts *p, enum vnx_spent k,
			 const char *did)
{
	VNX_CLEANUP_FREE char *name = who(j, p);

	return name ? vnx_asprintf("%s %s for %.0f %% of the time, %.0f %% before", name, did,
				   percent(p->after[k]), percent(p->before[k]))
		    : NULL;
}

static char *contention_finding(const struct vnx_judge *j)
{
	VNX_CLEANUP_FREE char *s =
		share_words(j, &j->worker, VNX_SPENT_WAIT, "could run but had no CPU");

	return s ? vnx_asprintf("%s; it ran for %.0f %%, %.0f %% before.", s,
				percent(j->worker.after[VNX_SPENT_RUN]),
				percent(j->worker.before[VNX_SPENT_RUN]))
		 : NULL;
}

static char *contention_advice(const struct vnx_judge *j)
{
	return strdup("Give the vhost thread a CPU of its own (taskset, libvirt's emulatorpin), or "
		      "move or limit those that hold it: they are named as offenders.");
}

static bool by_quota(const struct vnx_parts *p)
{
	return vnx_judge_or0(p->part[VNX_SPENT_QUOTA]) >
	       fmax(0, vnx_judge_or0(p->part[VNX_SPENT_WAIT]));
}

static char *throttled_finding(const struct vnx_judge *j)
{
	VNX_CLEANUP_FREE char *s =
		share_words(j, &j->worker, VNX_SPENT_QUOTA, "was held back by a CPU quota");

	if (by_quota(&j->worker))
		return s ? vnx_asprintf("%s.", s) : NULL;
	return vnx_asprintf(
		"The vhost thread may run only on the CPU of its own vCPU: it waited "
		"for %.0f %% of the time (%.0f %% before), the vCPU for %.0f %% "
		"(%.0f %% before).",
		percent(j->worker.after[VNX_SPENT_WAIT]), percent(j->worker.before[VNX_SPENT_WAIT]),
		percent(j->vcpu.after[VNX_SPENT_WAIT]), percent(j->vcpu.before[VNX_SPENT_WAIT]));
}

static char *throttled_advice(const struct vnx_judge *j)
{
	if (by_quota(&j->worker))
		return strdup("Raise or lift the quota (cpu.max of the VM's control group; "
			      "libvirt: cputune period, quota, emulator_quota).");
	return strdup("Let the vhost thread use another CPU than its own vCPU (taskset -p; "
		      "libvirt: emulatorpin apart from vcpupin).");
}

static char *vcpu_finding(const struct vnx_judge *j)
{
	bool quota = by_quota(&j->vcpu);
	VNX_CLEANUP_FREE char *s =
		share_words(j, &j->vcpu, quota ? VNX_SPENT_QUOTA : VNX_SPENT_WAIT,
			    quota ? "was held back by a CPU quota" : "could run but had no CPU");

	if (!s || !j->worker.thread)
		return s ? vnx_asprintf("%s.", s) : NULL;
	return vnx_asprintf("%s; the vhost thread waited for %.0f %%, %.0f %% before.", s,
			    percent(j->worker.after[VNX_SPENT_WAIT]),
			    percent(j->worker.before[VNX_SPENT_WAIT]));
}

static char *vcpu_advice(const struct vnx_judge *j)
{
	if (by_quota(&j->vcpu))
		return strdup(
			"Raise or lift the quota of the vCPUs (libvirt: cputune vcpu_quota).");
	return strdup("Give the vCPUs CPUs of their own (vcpupin), or move or limit those that "
		      "hold them: they are named as offenders.");
}

/* CPU time of all workers for each packet, in us; NaN: not known. */
static double packet_us(const struct vnx_judge *j, const double *level)
{
	double n = vnx_judge_packets(level), workers = fmax(1, (double)j->c->f->vm.workers.n);

	return n > 0 ? 1e6 * level[VNX_VHOST_RUN] * workers / n : NAN;
}

static double dearer(const struct vnx_judge *j)
{
	return packet_us(j, j->a) / packet_us(j, j->b);
}

static char *saturated_finding(const struct vnx_judge *j)
{
	VNX_CLEANUP_FREE char *s = share_words(j, &j->worker, VNX_SPENT_RUN, "ran");
	VNX_CLEANUP_FREE char *each =
		vnx_asprintf("; each cost %.0f us of CPU, %.0f before (%.2g times)",
			     packet_us(j, j->a), packet_us(j, j->b), dearer(j));

	if (!s || !each)
		return NULL;
	return vnx_asprintf("%s. The VM's packets were %.0f a second, %.0f before%s.", s,
			    vnx_judge_packets(j->a), vnx_judge_packets(j->b),
			    isnan(dearer(j)) ? "" : each);
}

static char *saturated_advice(const struct vnx_judge *j)
{
	if (dearer(j) > 1.5)
		return strdup("Find what makes each packet dearer since then: rules in its way (tc "
			      "filter show dev TAP, nft list ruleset, ebtables), a capture on the "
			      "tap, smaller packets; or give the NIC more queues (queues=N, "
			      "mq=on; ethtool -L in the guest).");
	return strdup("One worker is not enough: give the NIC more queues (queues=N, mq=on; "
		      "ethtool -L in the guest), or fewer, larger packets.");
}

static char *softirq_finding(const struct vnx_judge *j)
{
	if (vnx_judge_part_risen(j, &j->worker, VNX_SPENT_IRQ) > 0.3)
		return vnx_asprintf(
			"Interrupts and softirqs took %.0f %% of the CPU that the vhost "
			"thread is on, %.0f %% before.",
			percent(j->worker.after[VNX_SPENT_IRQ]),
			percent(j->worker.before[VNX_SPENT_IRQ]));
	return vnx_asprintf("The host's receive backlog dropped %.0f packets/s, %.0f before.",
			    j->a[VNX_SOFTNET_DROPS], vnx_judge_or0(j->b[VNX_SOFTNET_DROPS]));
}

static char *softirq_advice(const struct vnx_judge *j)
{
	return strdup("Spread the NIC's interrupts over more CPUs (ethtool -L, irqbalance, "
		      "/proc/irq/N/smp_affinity, RPS), away from the vhost thread's.");
}

static char *stolen_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("A hypervisor below this host took %.0f %% of its CPUs' time, %.0f %% "
			    "before.",
			    percent(j->a[VNX_HOST_STEAL]), percent(j->b[VNX_HOST_STEAL]));
}

static char *stolen_advice(const struct vnx_judge *j)
{
	return strdup("This host is itself a VM that lacks CPU: ask for more of it, or move.");
}

static char *paused_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("The vCPUs entered the guest %.0f times a second, %.0f before: the VM "
			    "stood still.",
			    j->a[VNX_VCPU_ENTER], j->b[VNX_VCPU_ENTER]);
}

static char *paused_advice(const struct vnx_judge *j)
{
	return strdup("See who paused it: virsh domstate --reason, a migration, a snapshot, a "
		      "full disk (QEMU's query-status).");
}

static char *offload_finding(const struct vnx_judge *j)
{
	bool down = j->b[VNX_RX_BYTES] > vnx_judge_or0(j->b[VNX_TX_BYTES]);
	enum vnx_metric bytes = down ? VNX_RX_BYTES : VNX_TX_BYTES;
	enum vnx_metric number = down ? VNX_RX_PACKETS : VNX_TX_PACKETS;

	return vnx_asprintf("Packets of %.0f bytes, one MTU, where there were ones of %.1f kB: "
			    "%.0f a second, %.0f before.",
			    j->a[bytes] / j->a[number], j->b[bytes] / j->b[number] / 1e3,
			    j->a[number], j->b[number]);
}

static char *offload_advice(const struct vnx_judge *j)
{
	return strdup(
		"Switch segmentation offload on again: ethtool -k in the guest and on the "
		"tap (tso, gso, gro), and the NIC's features in QEMU (host_tso4, guest_tso4).");
}

static char *storm_finding(const struct vnx_judge *j)
{
	enum vnx_metric kick = isnan(j->a[VNX_TX_KICK]) ? VNX_HANDLE_TX : VNX_TX_KICK;

	return vnx_asprintf("The guest notified %.0f times a second with %.0f bytes each, before "
			    "it was %.0f times with %.0f bytes.",
			    j->a[kick], j->a[VNX_TX_BYTES] / j->a[kick], j->b[kick],
			    j->b[VNX_TX_BYTES] / j->b[kick]);
}

static char *storm_advice(const struct vnx_judge *j)
{
	return strdup("Look in the guest for the program that sends tiny packets: let it collect "
		      "them (no TCP_NODELAY, larger writes, UDP_SEGMENT).");
}

static char *ring_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("The tap dropped %.0f packets/s for the guest, %.0f before, %.2g %% of "
			    "them: the guest did not take them from its ring in time.",
			    j->a[VNX_RX_DROPS], vnx_judge_or0(j->b[VNX_RX_DROPS]),
			    percent(vnx_judge_ring_share(j->a)));
}

static char *ring_advice(const struct vnx_judge *j)
{
	return strdup("Give the guest's NIC a longer receive ring (rx_queue_size=1024) and the tap "
		      "a longer queue (ip link set TAP txqueuelen 1000), or more queues; see "
		      "whether a vCPU of the guest is busy with receiving alone.");
}

static char *link_finding(const struct vnx_judge *j)
{
	if (j->a[VNX_UPLINK_USE] > 0.85)
		return vnx_asprintf("The uplink is %.0f %% full, %.0f %% before; %.0f packets/s "
				    "were dropped.",
				    percent(j->a[VNX_UPLINK_USE]), percent(j->b[VNX_UPLINK_USE]),
				    vnx_judge_or0(j->a[VNX_QDISC_DROPS]) +
					    vnx_judge_or0(j->a[VNX_UPLINK_DROPS]));
	if (vnx_judge_rise(j, VNX_QDISC_OVERLIMITS) > 1)
		return vnx_asprintf(
			"A shaper at the tap or the uplink held back %.0f times a second "
			"(%.0f before); %.0f kB waited in it, %.1f packets/s were "
			"dropped.",
			j->a[VNX_QDISC_OVERLIMITS], vnx_judge_or0(j->b[VNX_QDISC_OVERLIMITS]),
			vnx_judge_or0(j->a[VNX_QDISC_BACKLOG]) / 1e3,
			vnx_judge_or0(j->a[VNX_QDISC_DROPS]));
	return vnx_asprintf(
		"Queues at the tap or the uplink dropped %.1f packets/s (%.1f before), "
		"%.0f kB waited in them (%.0f before).",
		vnx_judge_or0(j->a[VNX_QDISC_DROPS]) + vnx_judge_or0(j->a[VNX_UPLINK_DROPS]),
		vnx_judge_or0(j->b[VNX_QDISC_DROPS]) + vnx_judge_or0(j->b[VNX_UPLINK_DROPS]),
		vnx_judge_or0(j->a[VNX_QDISC_BACKLOG]) / 1e3,
		vnx_judge_or0(j->b[VNX_QDISC_BACKLOG]) / 1e3);
}

static char *link_advice(const struct vnx_judge *j)
{
	return strdup("tc -s qdisc and ethtool -S on the tap and the uplink show which queue: "
		      "raise or remove the shaper, or get a faster link.");
}

static char *path_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("%.2g %% of the segments had to be sent again or came out of order, "
			    "more than before; this host's own queues dropped no more than before.",
			    percent(fmax(fmax(vnx_judge_share_of(j, VNX_LOAD_OOO),
					      vnx_judge_share_of(j, VNX_LOAD_RETRANS)),
					 vnx_judge_share_of(j, VNX_LOAD_LOST))));
}

static char *path_advice(const struct vnx_judge *j)
{
	return strdup("Look beyond the host: the switch port's error counters, cables, and the far "
		      "host's own drops (nstat, ethtool -S there).");
}

static char *delay_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("A round trip took %.1f ms, %.1f before, and the window did not grow "
			    "with it.",
			    j->a[VNX_LOAD_RTT] / 1e3, j->b[VNX_LOAD_RTT] / 1e3);
}

static char *delay_advice(const struct vnx_judge *j)
{
	return strdup("Find where the delay is (ping, mtr, the far host's queues), or let the "
		      "window grow (tcp_rmem, tcp_wmem, more flows).");
}

char *vnx_unread_words(double bytes, double bps)
{
	if (!(bps > 0))
		return vnx_asprintf("%.0f kB lay unread in the receiving program's sockets",
				    bytes / 1e3);
	return vnx_asprintf("%.0f kB lay unread in the receiving program's sockets, %.0f ms of "
			    "reading",
			    bytes / 1e3, vnx_unread_ms(bytes, bps));
}

static char *receiver_finding(const struct vnx_judge *j)
{
	if (vnx_judge_receives_here(j) && vnx_judge_rise(j, VNX_LOAD_STOPPED) > 0.05)
		return vnx_asprintf("The receiving program was stopped for %.0f %% of the time.",
				    percent(j->a[VNX_LOAD_STOPPED]));
	if (vnx_judge_receives_here(j)) {
		VNX_CLEANUP_FREE char *s =
			vnx_unread_words(j->a[VNX_LOAD_RECVQ], j->a[VNX_THROUGHPUT]);

		return s ? vnx_asprintf("%s; %.0f kB before.", s,
					vnx_judge_or0(j->b[VNX_LOAD_RECVQ]) / 1e3)
			 : NULL;
	}
	return vnx_asprintf("The receiver's window held the sender back for %.0f %% of the time, "
			    "%.0f %% before.",
			    percent(j->a[VNX_LOAD_RWND]), percent(j->b[VNX_LOAD_RWND]));
}

static char *receiver_advice(const struct vnx_judge *j)
{
	return strdup("The network delivers more than the receiver reads: look at the CPU, the "
		      "disk and the buffers of the receiving program.");
}

static char *sender_finding(const struct vnx_judge *j)
{
	if (vnx_judge_is_satisfied(j))
		return vnx_asprintf("The load asked for %.3g Mbit/s and got it.",
				    j->c->f->asked_bps / 1e6);
	if (vnx_judge_rise(j, VNX_LOAD_STOPPED) > 0.05)
		return vnx_asprintf("The sending program was stopped for %.0f %% of the time.",
				    percent(j->a[VNX_LOAD_STOPPED]));
	return vnx_asprintf("The sending program had something to send for %.0f %% of the time, "
			    "%.0f %% before.",
			    percent(j->a[VNX_LOAD_BUSY]), percent(j->b[VNX_LOAD_BUSY]));
}

static char *sender_advice(const struct vnx_judge *j)
{
	return strdup("Look at the sender itself: its program, its CPUs and its disk; the path "
		      "behind it is not the limit.");
}

static char *emulated_finding(const struct vnx_judge *j)
{
	const struct vnx_vm *vm = &j->c->f->vm;

	return vnx_asprintf("The NIC (%s) has no vhost worker: QEMU itself carries every packet.",
			    vm->nic && *vm->nic ? vm->nic : "model not known");
}

static char *emulated_advice(const struct vnx_judge *j)
{
	const struct vnx_vm *vm = &j->c->f->vm;

	if (vm->backend == VNX_BACKEND_QEMU)
		return strdup("Switch vhost on for this NIC (vhost=on; libvirt: driver name "
			      "'vhost'): now QEMU itself carries every packet.");
	return vnx_asprintf("Replace the emulated NIC (%s) by virtio-net with vhost=on: now QEMU "
			    "itself carries every packet, register by register.",
			    vm->nic && *vm->nic ? vm->nic : "model not known");
}

#define END VNX_LOST
#define RULE(name) vnx_score_##name, name##_finding, name##_advice

/* In order of trial: a rule may ask what became of those before it. */
const struct vnx_cause_rule vnx_cause_rules[] = {
	{ VNX_CAUSE_MEASUREMENT_ARTEFACT, RULE(artefact), .tells = { END }, .against = { END } },
	{ VNX_CAUSE_HOST_STOLEN, RULE(stolen),
	  .tells = { VNX_HOST_STEAL, VNX_HOST_IDLE, VNX_VHOST_RUN, END }, .against = { END } },
	{ VNX_CAUSE_THROTTLED, RULE(throttled), .thread = the_worker,
	  .tells = { VNX_VHOST_THROTTLED, VNX_VHOST_RUNQ_WAIT, VNX_VHOST_CPUS, VNX_VHOST_WITH_VCPU,
		     VNX_VHOST_RUN, END },
	  .against = { END } },
	{ VNX_CAUSE_CPU_CONTENTION, RULE(contention), .thread = the_worker,
	  .tells = { VNX_VHOST_RUNQ_WAIT, VNX_VHOST_RUN, VNX_VCPU_RUNQ_WAIT, VNX_VHOST_TURN,
		     VNX_HOST_IDLE, END },
	  .against = { VNX_HOST_IDLE, VNX_VHOST_THROTTLED, VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END } },
	{ VNX_CAUSE_VCPU_STARVED, RULE(vcpu), .thread = the_vcpu,
	  .tells = { VNX_VCPU_RUNQ_WAIT, VNX_VCPU_THROTTLED, VNX_VCPU_RUN, VNX_VHOST_RUNQ_WAIT,
		     END },
	  .against = { VNX_HOST_IDLE, VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END } },
	{ VNX_CAUSE_OFFLOAD_OFF, RULE(offload),
	  .tells = { VNX_TX_PACKETS, VNX_TX_BYTES, VNX_RX_PACKETS, VNX_RX_BYTES, VNX_VHOST_RUN,
		     END },
	  .against = { END } },
	{ VNX_CAUSE_VHOST_SATURATED, RULE(saturated), .thread = the_worker,
	  .tells = { VNX_VHOST_RUN, VNX_VHOST_RUNQ_WAIT, VNX_TX_PACKETS, VNX_RX_PACKETS,
		     VNX_TX_KICK, VNX_TX_REQUEUE, VNX_RX_REQUEUE, END },
	  .against = { VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END } },
	{ VNX_CAUSE_SOFTIRQ_SATURATED, RULE(softirq), .thread = the_worker,
	  .tells = { VNX_WORKER_IRQ, VNX_SOFTNET_DROPS, VNX_VHOST_RUN, END },
	  .against = { VNX_HOST_IDLE, END } },
	{ VNX_CAUSE_VM_PAUSED, RULE(paused), .tells = { VNX_VCPU_ENTER, VNX_VCPU_RUN, END },
	  .against = { END } },
	{ VNX_CAUSE_EMULATED_BACKEND, RULE(emulated),
	  .tells = { VNX_VCPU_ENTER, VNX_VCPU_RUN, END }, .against = { END } },
	{ VNX_CAUSE_LINK_LIMITED, RULE(link),
	  .tells = { VNX_QDISC_DROPS, VNX_QDISC_OVERLIMITS, VNX_QDISC_BACKLOG, VNX_UPLINK_USE,
		     VNX_UPLINK_DROPS, VNX_LOAD_OOO, END },
	  .against = { VNX_LOAD_RECVQ, END } },
	{ VNX_CAUSE_GUEST_RING_FULL, RULE(ring),
	  .tells = { VNX_RX_DROPS, VNX_RX_PACKETS, VNX_VCPU_RUN, VNX_VCPU_RUNQ_WAIT,
		     VNX_LOAD_RETRANS, END },
	  .against = { VNX_VCPU_RUNQ_WAIT, END } },
	{ VNX_CAUSE_RECEIVER_LIMITED, RULE(receiver),
	  .tells = { VNX_LOAD_RECVQ, VNX_LOAD_STOPPED, VNX_LOAD_RWND, VNX_LOAD_RUN, VNX_LOAD_WAIT,
		     END },
	  .against = { VNX_QDISC_DROPS, VNX_LOAD_OOO, VNX_LOAD_RETRANS, END } },
	{ VNX_CAUSE_NOTIFICATION_STORM, RULE(storm),
	  .tells = { VNX_TX_KICK, VNX_HANDLE_TX, VNX_TX_BYTES, VNX_TX_PACKETS, VNX_VHOST_RUN, END },
	  .against = { END } },
	{ VNX_CAUSE_PATH_LOSS, RULE(path),
	  .tells = { VNX_LOAD_OOO, VNX_LOAD_RETRANS, VNX_LOAD_LOST, VNX_QDISC_DROPS, VNX_TX_DROPS,
		     VNX_RX_DROPS, END },
	  .against = { VNX_QDISC_DROPS, VNX_LOAD_RWND, END } },
	{ VNX_CAUSE_PATH_DELAY, RULE(delay),
	  .tells = { VNX_LOAD_RTT, VNX_LOAD_CWND, VNX_LOAD_RWND, VNX_LOAD_RETRANS, END },
	  .against = { VNX_QDISC_BACKLOG, END } },
	{ VNX_CAUSE_SENDER_LIMITED, RULE(sender),
	  .tells = { VNX_LOAD_BUSY, VNX_LOAD_STOPPED, VNX_VHOST_RUN, VNX_VHOST_RUNQ_WAIT,
		     VNX_VCPU_RUNQ_WAIT, VNX_TX_PACKETS, VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END },
	  .against = { VNX_LOAD_RECVQ, VNX_QDISC_DROPS, END } },
};
const size_t vnx_n_cause_rules = VNX_ARRAY_SIZE(vnx_cause_rules);
