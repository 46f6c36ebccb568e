// SPDX-License-Identifier: GPL-2.0-only
/*
 * The causes, a rule each. Every number is set against the VM's own before the fall (or an
 * earlier run's), never against an absolute one: hosts and kernels differ by far more than ill
 * and well do. A score is 1 where what must hold was clearly measured, 0 where it was not, and
 * rises between two bounds that were set on the tuning half of the fault suite (tests/lab).
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

/* Below what names a cause: all speaks for it, but what would decide was not measured. */
#define SUSPECTED 0.45

/* 0 below @lo, 1 above @hi, a straight line between; what was not measured is 0. */
static double ramp(double x, double lo, double hi)
{
	return isnan(x) || x <= lo ? 0 : x >= hi ? 1 : (x - lo) / (hi - lo);
}

static double rise(const struct vnx_judge *j, enum vnx_metric m)
{
	return j->a[m] - j->b[m];
}

/* NaN counts as nothing. */
static double or0(double x)
{
	return isnan(x) ? 0 : x;
}

static double packets(const double *level)
{
	return or0(level[VNX_TX_PACKETS]) + or0(level[VNX_RX_PACKETS]);
}

/* More of @m per packet than before. */
static double rise_per_packet(const struct vnx_judge *j, enum vnx_metric m)
{
	double a = packets(j->a), b = packets(j->b);

	return a > 0 ? j->a[m] / a - (b > 0 ? or0(j->b[m]) / b : 0) : NAN;
}

static double drop_share(const struct vnx_judge *j)
{
	return fmax(or0(rise_per_packet(j, VNX_QDISC_DROPS)),
		    or0(rise_per_packet(j, VNX_UPLINK_DROPS)));
}

/* Measurement */

static bool bin_is_bad(const struct vnx_case *c, size_t i)
{
	return (c->conf->lost && c->conf->lost[i]) || !isfinite(c->f->series[VNX_THROUGHPUT][i]);
}

/* Something was lost or not measured right where the fall starts. */
static bool start_is_torn(const struct vnx_judge *j)
{
	size_t last = j->at + j->c->conf->min_bins;

	for (size_t i = j->at > j->from ? j->at - 1 : j->at; i < last && i < j->c->grid->n; i++)
		if (bin_is_bad(j->c, i))
			return true;
	return false;
}

/*
 * A loss at the start of a level that is well measured afterwards does not explain the
 * level: busy hosts lose events, and fall, for one reason. A stepped clock moves the load
 * generator's times against ours, the tap's are ours.
 */
static double artefact_score(const struct vnx_judge *j)
{
	size_t good = 0;

	if (j->c->conf->clock_stepped && !j->c->tap)
		return 1;
	if (!start_is_torn(j))
		return 0;
	for (size_t i = j->at; i < j->next; i++)
		good += !bin_is_bad(j->c, i);
	/* else the share of the level that the loss could have touched */
	return good < VNX_JUDGE_BINS ? 1 : 1 - (double)good / (double)(j->next - j->at);
}

static char *artefact_finding(const struct vnx_judge *j)
{
	return strdup(j->c->conf->clock_stepped && !j->c->tap
			      ? "A clock was stepped during the run."
			      : "Events or bins were lost right where this fall starts.");
}

static char *artefact_advice(const struct vnx_judge *j)
{
	return strdup(j->c->conf->clock_stepped
			      ? "Measure again: a clock was stepped during the run, so the load's "
				"times cannot be trusted."
			      : "Measure again: events or bins were lost right where this fall "
				"starts.");
}

/* CPU */

/* How much of the worker's new waiting a quota, or its own vCPU, accounts for. */
static double quota_part(const struct vnx_judge *j)
{
	double wait = rise(j, VNX_VHOST_RUNQ_WAIT), quota = or0(rise(j, VNX_VHOST_THROTTLED));

	if (quota <= 0.01)
		return 0;
	return wait > 0 ? fmin(1, quota / wait) : 1;
}

static double own_part(const struct vnx_judge *j)
{
	double all = j->worker.own + j->worker.other + j->worker.idle;

	return j->worker.known && all > 0.005 ? j->worker.own / all : 0;
}

/* Pinned together it is a matter of chance which of the two waits for the other. */
static double throttled_score(const struct vnx_judge *j)
{
	double wait = rise(j, VNX_VHOST_RUNQ_WAIT);
	double quota = ramp(rise(j, VNX_VHOST_THROTTLED), 0.02, 0.1), core = 0;

	if (rise(j, VNX_VHOST_WITH_VCPU) > 0.5)
		core = ramp(fmax(wait, rise(j, VNX_VCPU_RUNQ_WAIT)), 0.02, 0.08);
	else if (j->a[VNX_VHOST_WITH_VCPU] > 0.5 ||
		 (own_part(j) > 0.6 && j->a[VNX_VHOST_CPUS] < 1.5))
		core = ramp(wait, 0.02, 0.08);
	return fmax(quota, core);
}

/*
 * A trace tells neither quota nor pinning, but who had the CPU: where that was nobody, or the VM
 * itself, it was not the others.
 */
static double others_part(const struct vnx_judge *j)
{
	double all = j->worker.own + j->worker.other + j->worker.idle;

	if (!isnan(j->a[VNX_VHOST_CPUS]) || !j->worker.known || all <= 0.005)
		return 1;
	return ramp(j->worker.other / all, 0.1, 0.3);
}

/*
 * How much of the fall the worker's new waiting explains: of the time more that each bit takes,
 * what it waits more for each.
 */
static double wait_part(const struct vnx_judge *j)
{
	double slower = 1 / j->a[VNX_THROUGHPUT] - 1 / j->b[VNX_THROUGHPUT];
	double waits = j->a[VNX_VHOST_RUNQ_WAIT] / j->a[VNX_THROUGHPUT] -
		       or0(j->b[VNX_VHOST_RUNQ_WAIT]) / j->b[VNX_THROUGHPUT];

	if (!(j->a[VNX_THROUGHPUT] > 0)) /* nothing at all gets through */
		return j->a[VNX_VHOST_RUNQ_WAIT];
	return waits / slower;
}

/* The worker waits, and no quota or core of its own VM keeps it: whoever has the CPU. */
static double waiting_score(const struct vnx_judge *j)
{
	double wait = rise(j, VNX_VHOST_RUNQ_WAIT);
	double demand = j->a[VNX_VHOST_RUNQ_WAIT] + j->a[VNX_VHOST_RUN];
	double starved = demand > 0 ? j->a[VNX_VHOST_RUNQ_WAIT] / demand : 0;
	double s =
		ramp(wait, 0.02, 0.08) * ramp(starved, 0.05, 0.15) * ramp(wait_part(j), 0.2, 0.45);

	return s * (1 - ramp(quota_part(j), 0.3, 0.7)) * (1 - throttled_score(j));
}

static double contention_score(const struct vnx_judge *j)
{
	return waiting_score(j) * others_part(j);
}

/* There is a worker, or may be, and whether it waited was not measured. */
static bool worker_is_unseen(const struct vnx_judge *j)
{
	enum vnx_backend b = j->c->f->vm.backend;

	return (vnx_backend_has_worker(b) || b == VNX_BACKEND_UNKNOWN) &&
	       isnan(j->a[VNX_VHOST_RUNQ_WAIT]);
}

static double vcpu_score(const struct vnx_judge *j)
{
	double wait = ramp(rise(j, VNX_VCPU_RUNQ_WAIT), 0.05, 0.15);
	double quota = ramp(rise(j, VNX_VCPU_THROTTLED), 0.02, 0.1);

	double s = fmax(wait, quota) * (1 - fmax(waiting_score(j), throttled_score(j)));

	return worker_is_unseen(j) ? fmin(s, SUSPECTED) : s;
}

static double saturated_score(const struct vnx_judge *j)
{
	double run = j->a[VNX_VHOST_RUN], wait = or0(j->a[VNX_VHOST_RUNQ_WAIT]);
	double more = rise(j, VNX_VHOST_RUN);

	/* As often as it runs all it can, it was not so before. */
	return ramp(run + wait, 0.8, 0.92) * ramp(run, 0.6, 0.75) * ramp(more, 0.02, 0.08) *
	       (1 - fmax(waiting_score(j), throttled_score(j)));
}

/* Path */

static double link_score(const struct vnx_judge *j)
{
	double held = ramp(rise(j, VNX_QDISC_OVERLIMITS), 1, 20);
	double full = ramp(j->a[VNX_UPLINK_USE], 0.85, 0.95) *
		      ramp(rise(j, VNX_UPLINK_USE) + 0.05, 0, 0.05);
	double queued = ramp(rise(j, VNX_QDISC_BACKLOG), 20e3, 100e3);

	return fmax(fmax(held, full), fmax(queued, ramp(drop_share(j), 2e-5, 5e-4)));
}

/*
 * In how many of the bins that so many losses could have fallen into there were any, a share: all
 * of them in one bin, as where traffic sets in again after a pause, are no loss that lasts.
 */
static double lasting(const struct vnx_judge *j, enum vnx_metric m)
{
	const double *x = j->c->f->series[m];
	double all = 0, bins = 0, with = 0;

	for (size_t i = j->at; x && i < j->next; i++) {
		bins += isfinite(x[i]);
		all += or0(x[i]);
		with += x[i] >= 0.5;
	}
	return with / fmax(1, fmin(all, bins));
}

static double loss_of(const struct vnx_judge *j, enum vnx_metric m)
{
	return or0(rise_per_packet(j, m)) * ramp(lasting(j, m), 0.15, 0.3);
}

static double loss_share(const struct vnx_judge *j)
{
	return fmax(fmax(loss_of(j, VNX_LOAD_OOO), loss_of(j, VNX_LOAD_RETRANS)),
		    loss_of(j, VNX_LOAD_LOST));
}

static double path_score(const struct vnx_judge *j)
{
	double taps =
		fmax(or0(rise_per_packet(j, VNX_TX_DROPS)), or0(rise_per_packet(j, VNX_RX_DROPS)));

	/* Loss closes the sender's window; where the receiver's holds it, that is no loss. */
	double s = ramp(loss_share(j), 1e-4, 1e-3) * (1 - link_score(j)) *
		   (1 - ramp(or0(j->a[VNX_LOAD_RWND]), 0.3, 0.7)) * (1 - ramp(taps, 1e-5, 1e-4)) *
		   (1 - ramp(rise_per_packet(j, VNX_SOFTNET_DROPS), 1e-5, 1e-4));

	/* Lost beyond the host is what no queue of this host dropped. */
	return isnan(j->a[VNX_QDISC_DROPS]) ? fmin(s, SUSPECTED) : s;
}

/* Ends */

/*
 * What of the causes tried before says that the VM's own path is slow. Then data waits there, for
 * which the receiver's window closes and the sender loses patience, and neither is to blame.
 */
static double slow_path(const struct vnx_judge *j)
{
	double s = fmax(j->score[VNX_CAUSE_THROTTLED], j->score[VNX_CAUSE_CPU_CONTENTION]);

	return fmax(s, fmax(j->score[VNX_CAUSE_VCPU_STARVED], j->score[VNX_CAUSE_VHOST_SATURATED]));
}

static bool receives_here(const struct vnx_judge *j)
{
	return !isnan(j->a[VNX_LOAD_RECVQ]) && isnan(j->a[VNX_LOAD_BUSY]);
}

static double receiver_score(const struct vnx_judge *j)
{
	double more = rise(j, VNX_LOAD_RWND), queue = 0, stopped = 0;
	/* Where it often was the limit before, little is left to rise by. */
	double all = ramp(more, 0.03, 0.08) * ramp(more / (1 - j->b[VNX_LOAD_RWND]), 0.6, 0.9);
	double window = fmax(ramp(more, 0.05, 0.2), or0(all)) * (1 - slow_path(j));

	if (receives_here(j)) {
		double was = fmax(or0(j->b[VNX_LOAD_RECVQ]), 64e3);

		queue = ramp(j->a[VNX_LOAD_RECVQ] / was, 2, 5);
		stopped = ramp(rise(j, VNX_LOAD_STOPPED), 0.05, 0.2);
	}
	return fmax(window, fmax(queue, stopped));
}

/*
 * More kicks with less in each and not far fewer packets: those are the small ones. Where there is
 * next to nothing in each, as many kicks as before are a storm too.
 */
static double storm_score(const struct vnx_judge *j)
{
	enum vnx_metric kick = isnan(j->a[VNX_TX_KICK]) ? VNX_HANDLE_TX : VNX_TX_KICK;
	double more = j->b[kick] > 0 ? j->a[kick] / j->b[kick] : NAN;
	double was = j->b[kick] > 0 ? j->b[VNX_TX_BYTES] / j->b[kick] : NAN;
	double is = j->a[kick] > 0 ? j->a[VNX_TX_BYTES] / j->a[kick] : NAN;
	double many = fmax(ramp(more, 1.1, 1.4), ramp(more, 0.8, 1) * ramp(was / is, 3, 5));

	return many * ramp(was / is, 1.5, 2.5) *
	       ramp(j->a[VNX_TX_PACKETS] / j->b[VNX_TX_PACKETS], 0.5, 0.7) *
	       /* loss leaves few packets on their way, and little in each */
	       (1 - saturated_score(j)) * (1 - ramp(loss_share(j), 1e-4, 1e-3));
}

static double emulated_score(const struct vnx_judge *j)
{
	enum vnx_backend b = j->c->f->vm.backend;

	if (b != VNX_BACKEND_QEMU && b != VNX_BACKEND_EMULATED)
		return 0;
	/* It cannot be what changed within a run; but it is dear enough to be told beside. */
	return j->c->baseline && vnx_backend_has_worker(j->c->baseline->backend) ? 1 : SUSPECTED;
}

/* All other places were looked at, and nothing is the matter there. */
static bool all_measured(const struct vnx_judge *j)
{
	return !j->c->tap && !isnan(j->a[VNX_VHOST_RUNQ_WAIT]) &&
	       !isnan(j->a[VNX_VCPU_RUNQ_WAIT]) && !isnan(j->a[VNX_QDISC_DROPS]) &&
	       (!isnan(j->a[VNX_LOAD_OOO]) || !isnan(j->a[VNX_LOAD_RETRANS]) ||
		!isnan(j->a[VNX_LOAD_LOST])) &&
	       (receives_here(j) || !isnan(j->a[VNX_LOAD_BUSY]));
}

/* How many times less the guest puts into a packet. */
static double smaller(const struct vnx_judge *j)
{
	double was = j->b[VNX_TX_BYTES] / j->b[VNX_TX_PACKETS];

	return was / (j->a[VNX_TX_BYTES] / j->a[VNX_TX_PACKETS]);
}

static double sender_score(const struct vnx_judge *j)
{
	double here =
		fmax(ramp(-rise(j, VNX_LOAD_BUSY), 0.1, 0.3),
		     isnan(j->a[VNX_LOAD_BUSY]) ? 0 : ramp(rise(j, VNX_LOAD_STOPPED), 0.05, 0.2));
	double others = 0, there;

	for (size_t i = 0; i < VNX_CAUSE_MAX; i++)
		others = fmax(others, j->score[i]);
	if (!isnan(j->a[VNX_LOAD_BUSY]))
		return here * (1 - others);
	/* The worker has less to do; or as many packets with less in each. */
	there = ramp(-rise(j, VNX_VHOST_RUN) / fmax(or0(j->b[VNX_VHOST_RUN]), 1e-9), 0.02, 0.1);
	there = fmax(there,
		     ramp(smaller(j), 3, 8) *
			     ramp(2 - j->a[VNX_TX_PACKETS] / j->b[VNX_TX_PACKETS], 0.3, 0.7));
	return all_measured(j) ? 0.8 * there * (1 - others) : 0;
}

/* Words */

static double percent(double share)
{
	return 100 * or0(share);
}

static char *contention_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("The vhost thread could run but had no CPU for %.0f %% of the time, "
			    "%.0f %% before; it ran for %.0f %%, %.0f %% before.",
			    percent(j->a[VNX_VHOST_RUNQ_WAIT]), percent(j->b[VNX_VHOST_RUNQ_WAIT]),
			    percent(j->a[VNX_VHOST_RUN]), percent(j->b[VNX_VHOST_RUN]));
}

static char *contention_advice(const struct vnx_judge *j)
{
	return strdup("Give the vhost thread a CPU of its own (taskset, libvirt's emulatorpin), or "
		      "move or limit those that hold it: they are named as offenders.");
}

static char *throttled_finding(const struct vnx_judge *j)
{
	if (ramp(rise(j, VNX_VHOST_THROTTLED), 0.02, 0.1) > 0)
		return vnx_asprintf("A CPU quota held the vhost thread's control group back for "
				    "%.0f %% of the time, %.0f %% before.",
				    percent(j->a[VNX_VHOST_THROTTLED]),
				    percent(j->b[VNX_VHOST_THROTTLED]));
	return vnx_asprintf("The vhost thread may run only on the CPU of its own vCPU: it waited "
			    "for %.0f %% of the time (%.0f %% before), the vCPU for %.0f %% "
			    "(%.0f %% before).",
			    percent(j->a[VNX_VHOST_RUNQ_WAIT]), percent(j->b[VNX_VHOST_RUNQ_WAIT]),
			    percent(j->a[VNX_VCPU_RUNQ_WAIT]), percent(j->b[VNX_VCPU_RUNQ_WAIT]));
}

static char *throttled_advice(const struct vnx_judge *j)
{
	if (ramp(rise(j, VNX_VHOST_THROTTLED), 0.02, 0.1) > 0)
		return strdup("Raise or lift the quota (cpu.max of the VM's control group; "
			      "libvirt: cputune period, quota, emulator_quota).");
	return strdup("Let the vhost thread use another CPU than its own vCPU (taskset -p; "
		      "libvirt: emulatorpin apart from vcpupin).");
}

static char *vcpu_finding(const struct vnx_judge *j)
{
	bool quota = rise(j, VNX_VCPU_THROTTLED) > VNX_QUOTA_HOLDS;
	enum vnx_metric m = quota ? VNX_VCPU_THROTTLED : VNX_VCPU_RUNQ_WAIT;
	VNX_CLEANUP_FREE char *worker = vnx_asprintf(
		"; the vhost thread waited for %.0f %%, %.0f %% before",
		percent(j->a[VNX_VHOST_RUNQ_WAIT]), percent(j->b[VNX_VHOST_RUNQ_WAIT]));

	if (!worker)
		return NULL;
	return vnx_asprintf(
		"%s for %.0f %% of the time, %.0f %% before%s.",
		quota ? "A CPU quota held the vCPUs back" : "The vCPUs could run but had no CPU",
		percent(j->a[m]), percent(j->b[m]),
		isnan(j->a[VNX_VHOST_RUNQ_WAIT] + j->b[VNX_VHOST_RUNQ_WAIT]) ? "" : worker);
}

static char *vcpu_advice(const struct vnx_judge *j)
{
	if (rise(j, VNX_VCPU_THROTTLED) > VNX_QUOTA_HOLDS)
		return strdup(
			"Raise or lift the quota of the vCPUs (libvirt: cputune vcpu_quota).");
	return strdup("Give the vCPUs CPUs of their own (vcpupin), or move or limit those that "
		      "hold them: they are named as offenders.");
}

/* CPU time of the worker for each packet, in us; NaN: not known. */
static double packet_us(const double *level)
{
	double n = packets(level);

	return n > 0 ? 1e6 * level[VNX_VHOST_RUN] / n : NAN;
}

static char *saturated_finding(const struct vnx_judge *j)
{
	VNX_CLEANUP_FREE char *each = vnx_asprintf("; each cost it %.0f us, %.0f before",
						   packet_us(j->a), packet_us(j->b));

	if (!each)
		return NULL;
	return vnx_asprintf("The vhost thread ran for %.0f %% of the time, %.0f %% before, and "
			    "handled %.0f packets/s, %.0f before%s.",
			    percent(j->a[VNX_VHOST_RUN]), percent(j->b[VNX_VHOST_RUN]),
			    packets(j->a), packets(j->b),
			    isnan(packet_us(j->a) + packet_us(j->b)) ? "" : each);
}

static char *saturated_advice(const struct vnx_judge *j)
{
	if (packet_us(j->a) > 1.5 * packet_us(j->b))
		return strdup("Find what makes each packet dearer since then: rules in its way (tc "
			      "filter show dev TAP, nft list ruleset, ebtables), a capture on the "
			      "tap, smaller packets; or give the card more queues (queues=N, "
			      "mq=on; ethtool -L in the guest).");
	return strdup("One worker is not enough: give the card more queues (queues=N, mq=on; "
		      "ethtool -L in the guest), or fewer, larger packets.");
}

static char *storm_finding(const struct vnx_judge *j)
{
	enum vnx_metric kick = isnan(j->a[VNX_TX_KICK]) ? VNX_HANDLE_TX : VNX_TX_KICK;

	return vnx_asprintf("The guest rang %.0f times a second with %.0f bytes each, before it "
			    "was %.0f times with %.0f bytes.",
			    j->a[kick], j->a[VNX_TX_BYTES] / j->a[kick], j->b[kick],
			    j->b[VNX_TX_BYTES] / j->b[kick]);
}

static char *storm_advice(const struct vnx_judge *j)
{
	return strdup("Look in the guest for the program that sends tiny packets: let it collect "
		      "them (no TCP_NODELAY, larger writes, UDP_SEGMENT).");
}

static char *link_finding(const struct vnx_judge *j)
{
	if (j->a[VNX_UPLINK_USE] > 0.85)
		return vnx_asprintf("The uplink is %.0f %% full, %.0f %% before; %.0f packets/s "
				    "were dropped.",
				    percent(j->a[VNX_UPLINK_USE]), percent(j->b[VNX_UPLINK_USE]),
				    or0(j->a[VNX_QDISC_DROPS]) + or0(j->a[VNX_UPLINK_DROPS]));
	if (rise(j, VNX_QDISC_OVERLIMITS) > 1)
		return vnx_asprintf(
			"A shaper at the tap or the uplink held back %.0f times a second "
			"(%.0f before); %.0f kB waited in it, %.1f packets/s were "
			"dropped.",
			j->a[VNX_QDISC_OVERLIMITS], or0(j->b[VNX_QDISC_OVERLIMITS]),
			or0(j->a[VNX_QDISC_BACKLOG]) / 1e3, or0(j->a[VNX_QDISC_DROPS]));
	return vnx_asprintf("Queues at the tap or the uplink dropped %.1f packets/s (%.1f before), "
			    "%.0f kB waited in them (%.0f before).",
			    or0(j->a[VNX_QDISC_DROPS]) + or0(j->a[VNX_UPLINK_DROPS]),
			    or0(j->b[VNX_QDISC_DROPS]) + or0(j->b[VNX_UPLINK_DROPS]),
			    or0(j->a[VNX_QDISC_BACKLOG]) / 1e3, or0(j->b[VNX_QDISC_BACKLOG]) / 1e3);
}

static char *link_advice(const struct vnx_judge *j)
{
	return strdup("tc -s qdisc and ethtool -S on the tap and the uplink show which queue: "
		      "raise or remove the shaper, or get a faster link.");
}

static char *path_finding(const struct vnx_judge *j)
{
	return vnx_asprintf("%.2f %% of the packets had to be sent again or came out of order, "
			    "more than before; no queue of this host dropped any.",
			    percent(loss_share(j)));
}

static char *path_advice(const struct vnx_judge *j)
{
	return strdup("Look beyond the host: the switch port's error counters, cables, and the far "
		      "host's own drops (nstat, ethtool -S there).");
}

static char *receiver_finding(const struct vnx_judge *j)
{
	if (receives_here(j) && rise(j, VNX_LOAD_STOPPED) > 0.05)
		return vnx_asprintf("The receiving program was stopped for %.0f %% of the time.",
				    percent(j->a[VNX_LOAD_STOPPED]));
	if (receives_here(j))
		return vnx_asprintf("%.0f kB lay unread in the receiving program's sockets, "
				    "%.0f kB before.",
				    j->a[VNX_LOAD_RECVQ] / 1e3, or0(j->b[VNX_LOAD_RECVQ]) / 1e3);
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
	const char *rest = "no queue dropped, no loss lasted, the receiver kept up";

	if (!isnan(j->a[VNX_LOAD_BUSY]))
		return vnx_asprintf("The sending program had something to send for %.0f %% of the "
				    "time, %.0f %% before.",
				    percent(j->a[VNX_LOAD_BUSY]), percent(j->b[VNX_LOAD_BUSY]));
	if (smaller(j) > 3)
		return vnx_asprintf("The guest sent %.0f packets/s of %.1f kB, before it was %.0f "
				    "of %.1f kB; %s.",
				    j->a[VNX_TX_PACKETS],
				    j->a[VNX_TX_BYTES] / j->a[VNX_TX_PACKETS] / 1e3,
				    j->b[VNX_TX_PACKETS],
				    j->b[VNX_TX_BYTES] / j->b[VNX_TX_PACKETS] / 1e3, rest);
	return vnx_asprintf(
		"The vhost thread had less to do (%.0f %% of a CPU, %.0f %% before) and "
		"did not wait for a CPU; %s.",
		percent(j->a[VNX_VHOST_RUN]), percent(j->b[VNX_VHOST_RUN]), rest);
}

static char *sender_advice(const struct vnx_judge *j)
{
	return strdup("Look at the sender itself: its program, its CPUs and its disk; the path "
		      "behind it is not the limit.");
}

static char *emulated_finding(const struct vnx_judge *j)
{
	const struct vnx_vm *vm = &j->c->f->vm;

	return vnx_asprintf("The card (%s) has no vhost worker: QEMU itself carries every packet.",
			    vm->nic && *vm->nic ? vm->nic : "model not known");
}

static char *emulated_advice(const struct vnx_judge *j)
{
	const struct vnx_vm *vm = &j->c->f->vm;

	if (vm->backend == VNX_BACKEND_QEMU)
		return strdup("Switch vhost on for this card (vhost=on; libvirt: driver name "
			      "'vhost'): now QEMU itself carries every packet.");
	return vnx_asprintf("Replace the emulated card (%s) by virtio-net with vhost=on: now QEMU "
			    "itself carries every packet, register by register.",
			    vm->nic && *vm->nic ? vm->nic : "model not known");
}

#define END VNX_LOST

const struct vnx_cause_rule vnx_cause_rules[] = {
	{ VNX_CAUSE_MEASUREMENT_ARTEFACT,
	  artefact_score,
	  { END },
	  { END },
	  artefact_finding,
	  artefact_advice },
	{ VNX_CAUSE_THROTTLED,
	  throttled_score,
	  { VNX_VHOST_THROTTLED, VNX_VHOST_RUNQ_WAIT, VNX_VHOST_CPUS, VNX_VHOST_WITH_VCPU,
	    VNX_VHOST_RUN, END },
	  { END },
	  throttled_finding,
	  throttled_advice },
	{ VNX_CAUSE_CPU_CONTENTION,
	  contention_score,
	  { VNX_VHOST_RUNQ_WAIT, VNX_VHOST_RUN, VNX_VCPU_RUNQ_WAIT, VNX_VHOST_TURN, VNX_HOST_IDLE,
	    END },
	  { VNX_HOST_IDLE, VNX_VHOST_THROTTLED, VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END },
	  contention_finding,
	  contention_advice },
	{ VNX_CAUSE_VCPU_STARVED,
	  vcpu_score,
	  { VNX_VCPU_RUNQ_WAIT, VNX_VCPU_THROTTLED, VNX_VCPU_RUN, VNX_VHOST_RUNQ_WAIT, END },
	  { VNX_HOST_IDLE, VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END },
	  vcpu_finding,
	  vcpu_advice },
	{ VNX_CAUSE_VHOST_SATURATED,
	  saturated_score,
	  { VNX_VHOST_RUN, VNX_VHOST_RUNQ_WAIT, VNX_TX_PACKETS, VNX_RX_PACKETS, VNX_TX_KICK,
	    VNX_TX_REQUEUE, VNX_RX_REQUEUE, END },
	  { VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END },
	  saturated_finding,
	  saturated_advice },
	{ VNX_CAUSE_EMULATED_BACKEND,
	  emulated_score,
	  { VNX_VCPU_ENTER, VNX_VCPU_RUN, END },
	  { END },
	  emulated_finding,
	  emulated_advice },
	{ VNX_CAUSE_LINK_LIMITED,
	  link_score,
	  { VNX_QDISC_DROPS, VNX_QDISC_OVERLIMITS, VNX_QDISC_BACKLOG, VNX_UPLINK_USE,
	    VNX_UPLINK_DROPS, VNX_LOAD_OOO, END },
	  { VNX_LOAD_RECVQ, END },
	  link_finding,
	  link_advice },
	{ VNX_CAUSE_RECEIVER_LIMITED,
	  receiver_score,
	  { VNX_LOAD_RECVQ, VNX_LOAD_STOPPED, VNX_LOAD_RWND, VNX_LOAD_RUN, VNX_LOAD_WAIT, END },
	  { VNX_QDISC_DROPS, VNX_LOAD_OOO, VNX_LOAD_RETRANS, END },
	  receiver_finding,
	  receiver_advice },
	{ VNX_CAUSE_NOTIFICATION_STORM,
	  storm_score,
	  { VNX_TX_KICK, VNX_HANDLE_TX, VNX_TX_BYTES, VNX_TX_PACKETS, VNX_VHOST_RUN, END },
	  { END },
	  storm_finding,
	  storm_advice },
	{ VNX_CAUSE_PATH_LOSS,
	  path_score,
	  { VNX_LOAD_OOO, VNX_LOAD_RETRANS, VNX_LOAD_LOST, VNX_QDISC_DROPS, VNX_TX_DROPS,
	    VNX_RX_DROPS, END },
	  { VNX_QDISC_DROPS, VNX_LOAD_RWND, END },
	  path_finding,
	  path_advice },
	/* Last: it asks what became of the others. */
	{ VNX_CAUSE_SENDER_LIMITED,
	  sender_score,
	  { VNX_LOAD_BUSY, VNX_VHOST_RUN, VNX_VHOST_RUNQ_WAIT, VNX_VCPU_RUNQ_WAIT, VNX_TX_PACKETS,
	    VNX_QDISC_DROPS, VNX_LOAD_RECVQ, END },
	  { VNX_LOAD_RECVQ, VNX_QDISC_DROPS, END },
	  sender_finding,
	  sender_advice },
};
const size_t vnx_n_cause_rules = VNX_ARRAY_SIZE(vnx_cause_rules);
