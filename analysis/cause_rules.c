// SPDX-License-Identifier: GPL-2.0-only
/*
 * The causes, a rule each. What a thread's time tells is scored by its part of the time that each
 * bit takes more (analysis/parts.h), so that no bound is any lab's. What a counter tells counts
 * only where the count itself rose by more than chance makes it, and then by its share. What was
 * not measured holds nothing up.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

/* Below what names a cause: all speaks for it, but what would decide was not measured. */
#define SUSPECTED 0.45

#define LOSS_FROM 1e-4 /* of the segments: less of it no TCP feels ... */
#define LOSS_TO 1e-3   /* ... and this it does */
#define READ_MS 10.0   /* unread for no longer is no queue that stands */

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

/* Parts of the added time */

/* 0..1; 0 where its interval holds 0. For what does the work itself: each bit costs more of it. */
static double part(const struct vnx_parts *p, enum vnx_spent k)
{
	return isnan(p->part[k]) || p->error[k] >= p->part[k] ? 0 : fmin(fmax(p->part[k], 0), 1);
}

/*
 * As above, of what only keeps: in full where half of it or more is its own rise. What was there
 * all along, at the same share of the time, did not come with the fall.
 */
static double part_risen(const struct vnx_parts *p, enum vnx_spent k)
{
	double rise = (p->after[k] - p->before[k]) / (1 - p->left);

	return isnan(rise) || p->error[k] >= 2 * rise ? 0 : fmin(part(p, k), fmax(2 * rise, 0));
}

/* Of a metric that is a share of the time, as if it were a thread's. */
static struct vnx_parts parts_of(const struct vnx_judge *j, enum vnx_metric m)
{
	const struct vnx_baseline *base = j->span.from == j->span.until ? j->c->baseline : NULL;
	struct vnx_thread_input t = { .x = { j->c->f->series[m] } };
	double before[VNX_SPENT_MAX] = { 0 };
	struct vnx_parts p = { 0 };

	if (!t.x[VNX_TIME_RUN])
		return p;
	if (base) {
		before[VNX_SPENT_RUN] = base->level[m];
		before[VNX_SPENT_ASLEEP] = 1 - base->level[m];
	}
	vnx_parts_of(&t, j->c->f->series[VNX_THROUGHPUT], &j->span, base ? before : NULL,
		     base ? base->mean_bps : NAN, &p);
	return p;
}

static double risen_of(const struct vnx_judge *j, enum vnx_metric m)
{
	struct vnx_parts p = parts_of(j, m);

	return part_risen(&p, VNX_SPENT_RUN);
}

static const struct vnx_parts *the_worker(const struct vnx_judge *j)
{
	return &j->worker;
}

static const struct vnx_parts *the_vcpu(const struct vnx_judge *j)
{
	return &j->vcpu;
}

/* Counts */

/*
 * Did the count itself rise? Two rates, each with the error that its own bins show: Poisson's, or
 * more where counts come in lumps.
 */
static bool rose(const struct vnx_judge *j, enum vnx_metric m)
{
	const double *x = j->c->f->series[m];
	const struct vnx_span *s = &j->span;
	double a = j->a[m] * j->c->bin_s, b = or0(j->b[m]) * j->c->bin_s, sd_a, sd_b, p;
	size_t n_a = s->to - s->since, n_b = s->until - s->from;

	if (!x || !(a > b) || isnan(j->b[m]))
		return false;
	sd_a = or0(vnx_sd(x + s->since, n_a));
	sd_b = n_b ? or0(vnx_sd(x + s->from, n_b)) : 0;
	if (!n_b) /* another run's rate, as well known as this one's */
		n_b = n_a;
	p = vnx_welch_p_moments(a, fmax(sd_a * sd_a, a), (double)n_a, (double)n_a - 1, b,
				fmax(sd_b * sd_b, b), (double)n_b, (double)n_b - 1);
	return p < 2 * VNX_P_MAX; /* of both sides */
}

static double packets(const double *level)
{
	return or0(level[VNX_TX_PACKETS]) + or0(level[VNX_RX_PACKETS]);
}

/* What the wire carried: a packet of 64 kB in here is 45 there. */
static double segments(const double *level)
{
	double bytes = or0(level[VNX_TX_BYTES]) + or0(level[VNX_RX_BYTES]);

	return fmax(packets(level), bytes / VNX_MSS);
}

/* Share of the segments that @m makes more than before; 0 where the count did not rise. */
static double share_of(const struct vnx_judge *j, enum vnx_metric m)
{
	double a = segments(j->a), b = segments(j->b);

	if (!rose(j, m) || !(a + j->a[m] > 0))
		return 0;
	return fmax(0, j->a[m] / (a + j->a[m]) - (b > 0 ? or0(j->b[m]) / b : 0));
}

/*
 * In how many of the bins that so many losses could have fallen into there were any, a share: all
 * of them in one bin, as where traffic sets in again after a pause, are no loss that lasts.
 */
static double lasting(const struct vnx_judge *j, enum vnx_metric m)
{
	const double *x = j->c->f->series[m];
	double all = 0, bins = 0, with = 0;

	for (size_t i = j->span.at; x && i < j->span.to; i++) {
		bins += isfinite(x[i]);
		all += or0(x[i]);
		with += x[i] >= 0.5;
	}
	return with / fmax(1, fmin(all, bins));
}

static double loss_of(const struct vnx_judge *j, enum vnx_metric m)
{
	return share_of(j, m) * ramp(lasting(j, m), 0.15, 0.3);
}

static double loss_share(const struct vnx_judge *j)
{
	return fmax(fmax(loss_of(j, VNX_LOAD_OOO), loss_of(j, VNX_LOAD_RETRANS)),
		    loss_of(j, VNX_LOAD_LOST));
}

static double drop_share(const struct vnx_judge *j)
{
	return fmax(share_of(j, VNX_QDISC_DROPS), share_of(j, VNX_UPLINK_DROPS));
}

/* Of what came for the guest. */
static double ring_share(const double *level)
{
	return level[VNX_RX_DROPS] / (level[VNX_RX_DROPS] + or0(level[VNX_RX_PACKETS]));
}

/* Measurement */

/* Something was not measured where the fall starts: throughput itself, nothing else lowers it. */
static bool start_is_torn(const struct vnx_judge *j)
{
	const double *y = j->c->f->series[VNX_THROUGHPUT];
	size_t at = j->span.at, last = at + j->c->conf->min_bins;

	for (size_t i = at > j->span.from ? at - 1 : at; i < last && i < j->c->grid->n; i++)
		if (!isfinite(y[i]))
			return true;
	return false;
}

/* A gap at the start of a level that is well measured afterwards does not explain the level. */
static double artefact_score(const struct vnx_judge *j)
{
	const double *y = j->c->f->series[VNX_THROUGHPUT];
	size_t good = 0;

	if (j->c->conf->clock_stepped && !j->c->tap)
		return 1;
	if (!start_is_torn(j))
		return 0;
	for (size_t i = j->span.at; i < j->span.to; i++)
		good += isfinite(y[i]);
	/* else the share of the level that the gap could have touched */
	return good < VNX_JUDGE_BINS ? 1 : 1 - (double)good / (double)(j->span.to - j->span.at);
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

/* CPU */

/* A trace tells no pinning, but who had the CPU. */
static bool owns_core(const struct vnx_judge *j)
{
	double all = j->worker_blame.own + j->worker_blame.other + j->worker_blame.idle;

	return j->a[VNX_VHOST_WITH_VCPU] > 0.5 ||
	       (j->worker_blame.known && all > 0.005 && j->worker_blame.own > 0.6 * all &&
		j->a[VNX_VHOST_CPUS] < 1.5);
}

/* Pinned together it is a matter of chance which of the two waits for the other. */
static double throttled_score(const struct vnx_judge *j)
{
	double core = 0;

	if (owns_core(j))
		core = part_risen(&j->worker, VNX_SPENT_WAIT);
	/* put together just then they wait for each other by turns, and sleep in between */
	if (rise(j, VNX_VHOST_WITH_VCPU) > 0.5)
		core = fmax(core, ramp(fmax(part_risen(&j->worker, VNX_SPENT_WAIT),
					    part_risen(&j->vcpu, VNX_SPENT_WAIT)),
				       0.1, 0.3));
	return fmax(part_risen(&j->worker, VNX_SPENT_QUOTA), core);
}

/* Where the CPU it waited for was nobody's, or the VM's own, it was not the others. */
static double others_part(const struct vnx_judge *j)
{
	double all = j->worker_blame.own + j->worker_blame.other + j->worker_blame.idle;

	if (!isnan(j->a[VNX_VHOST_CPUS]) || !j->worker_blame.known || all <= 0.005)
		return 1;
	return ramp(j->worker_blame.other / all, 0.1, 0.3);
}

static double stolen_score(const struct vnx_judge *j)
{
	return risen_of(j, VNX_HOST_STEAL);
}

static double waiting(const struct vnx_judge *j)
{
	return owns_core(j) ? 0 : part_risen(&j->worker, VNX_SPENT_WAIT);
}

static double contention_score(const struct vnx_judge *j)
{
	return waiting(j) * others_part(j) * (1 - stolen_score(j));
}

/* What of the worker's own time is to blame, so that the rest need not be. */
static double worker_score(const struct vnx_judge *j)
{
	return fmax(waiting(j), throttled_score(j));
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
	double s = fmin(1, part_risen(&j->vcpu, VNX_SPENT_WAIT) +
				   part_risen(&j->vcpu, VNX_SPENT_QUOTA));

	s *= (1 - worker_score(j)) * (1 - stolen_score(j));
	return worker_is_unseen(j) ? fmin(s, SUSPECTED) : s;
}

/* How much of the time that it had a CPU to itself the worker ran. */
static double busy(const struct vnx_parts *p)
{
	return p->after[VNX_SPENT_RUN] / (p->after[VNX_SPENT_RUN] + p->after[VNX_SPENT_ASLEEP]);
}

/*
 * Other traffic than before is no fault of the host's: where only a tap tells, a change of its
 * packets is suspected, unless the worker has all it can do with them.
 */
static double by_load(const struct vnx_judge *j)
{
	return j->c->tap && !(busy(&j->worker) > 0.8) ? SUSPECTED : 1;
}

/* Packets of one MTU where there were large ones: segmentation is no longer left to the card. */
static double offload_score(const struct vnx_judge *j)
{
	bool down = j->b[VNX_RX_BYTES] > or0(j->b[VNX_TX_BYTES]);
	enum vnx_metric bytes = down ? VNX_RX_BYTES : VNX_TX_BYTES;
	enum vnx_metric number = down ? VNX_RX_PACKETS : VNX_TX_PACKETS;
	double was = j->b[bytes] / j->b[number], is = j->a[bytes] / j->a[number];
	double more = j->a[number] / j->b[number];
	bool one_mtu = (is > 1300 && is <= 1522) || (is > 8000 && is <= 9022);

	return one_mtu && vnx_backend_has_worker(j->c->f->vm.backend)
		       ? by_load(j) * ramp(was / is, 1.5, 2.5) * ramp(more, 1.2, 1.5) *
				 (1 - worker_score(j))
		       : 0;
}

static double saturated_score(const struct vnx_judge *j)
{
	return part(&j->worker, VNX_SPENT_RUN) * ramp(busy(&j->worker), 0.8, 0.9) *
	       (1 - worker_score(j)) * (1 - offload_score(j));
}

static double softirq_score(const struct vnx_judge *j)
{
	double s = fmax(part_risen(&j->worker, VNX_SPENT_IRQ),
			ramp(loss_of(j, VNX_SOFTNET_DROPS), LOSS_FROM, LOSS_TO));

	return s * (1 - worker_score(j));
}

/* No vCPU entered the guest any more. */
static double paused_score(const struct vnx_judge *j)
{
	double vcpus = fmax(1, (double)j->c->f->vm.vcpus.n);

	if (!(j->b[VNX_VCPU_ENTER] > 0) || worker_score(j) > 0.5 || vcpu_score(j) > 0.5)
		return 0;
	/* even an idle guest enters a few times a second */
	return ramp(1 - j->a[VNX_VCPU_ENTER] / j->b[VNX_VCPU_ENTER], 0.9, 0.99) *
	       (1 - ramp(j->a[VNX_VCPU_ENTER] / vcpus, 0.5, 2)) *
	       (1 - ramp(j->a[VNX_VCPU_RUN] * vcpus, 0.005, 0.05));
}

/* What of the causes tried so far says that the VM's own threads are slow. */
static double threads_score(const struct vnx_judge *j)
{
	static const enum vnx_cause own[] = {
		VNX_CAUSE_THROTTLED,       VNX_CAUSE_CPU_CONTENTION,    VNX_CAUSE_VCPU_STARVED,
		VNX_CAUSE_VHOST_SATURATED, VNX_CAUSE_SOFTIRQ_SATURATED, VNX_CAUSE_HOST_STOLEN
	};
	double s = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(own); i++)
		s = fmax(s, j->score[own[i]]);
	return s;
}

/* Path */

static double ring_score(const struct vnx_judge *j)
{
	return ramp(loss_of(j, VNX_RX_DROPS), LOSS_FROM, LOSS_TO) * (1 - threads_score(j));
}

static double link_score(const struct vnx_judge *j)
{
	double held =
		rose(j, VNX_QDISC_OVERLIMITS) ? ramp(rise(j, VNX_QDISC_OVERLIMITS), 1, 20) : 0;
	double full = ramp(j->a[VNX_UPLINK_USE], 0.85, 0.95) *
		      ramp(rise(j, VNX_UPLINK_USE) + 0.05, 0, 0.05);
	double queued = ramp(rise(j, VNX_QDISC_BACKLOG), 20e3, 100e3);

	return fmax(fmax(held, full), fmax(queued, ramp(drop_share(j), 2e-5, 5e-4))) *
	       (1 - threads_score(j));
}

static double path_score(const struct vnx_judge *j)
{
	/* Loss closes the sender's window; where the receiver's holds it, that is no loss. */
	double s = ramp(loss_share(j), LOSS_FROM, LOSS_TO) * (1 - link_score(j)) *
		   (1 - ramp(or0(j->a[VNX_LOAD_RWND]), 0.3, 0.7)) * (1 - ring_score(j)) *
		   (1 - ramp(share_of(j, VNX_TX_DROPS), LOSS_FROM / 10, LOSS_FROM)) *
		   (1 - ramp(share_of(j, VNX_SOFTNET_DROPS), LOSS_FROM / 10, LOSS_FROM));

	/* Lost beyond the host is what no queue of this host dropped. */
	return isnan(j->a[VNX_QDISC_DROPS]) ? fmin(s, SUSPECTED) : s;
}

/* Ends */

static bool receives_here(const struct vnx_judge *j)
{
	return !isnan(j->a[VNX_LOAD_RECVQ]) && isnan(j->a[VNX_LOAD_BUSY]);
}

/* For how long the receiver would have to read what lies there, ms, at the rate it does. */
static double unread_ms(const struct vnx_judge *j)
{
	return 8e3 * j->a[VNX_LOAD_RECVQ] / j->a[VNX_THROUGHPUT];
}

/* Behind a slow path the receiver's window closes too, and it is not to blame. */
static double receiver_score(const struct vnx_judge *j)
{
	struct vnx_parts rwnd = parts_of(j, VNX_LOAD_RWND);
	double window = part(&rwnd, VNX_SPENT_RUN), queue = 0, stopped = 0;

	if (receives_here(j)) {
		queue = ramp(j->a[VNX_LOAD_RECVQ] / fmax(or0(j->b[VNX_LOAD_RECVQ]), 64e3), 2, 5) *
			ramp(unread_ms(j), READ_MS / 10, READ_MS);
		stopped = risen_of(j, VNX_LOAD_STOPPED);
	}
	return fmax(window * (1 - threads_score(j)), fmax(queue, stopped));
}

/*
 * A window's worth a round trip: of what throughput lost, the part that the round trip's growth
 * accounts for (logarithms, as it divides). The rest is the window's, which loss or the receiver
 * make small.
 */
static double delay_score(const struct vnx_judge *j)
{
	double slower = log(j->b[VNX_THROUGHPUT] / j->a[VNX_THROUGHPUT]);
	double longer = log(j->a[VNX_LOAD_RTT] / j->b[VNX_LOAD_RTT]);

	if (!isfinite(slower) || !isfinite(longer) || !(slower > 0))
		return 0;
	return fmin(fmax(longer / slower, 0), 1) * (1 - threads_score(j)) * (1 - link_score(j)) *
	       (1 - receiver_score(j)) * (1 - ramp(loss_share(j), LOSS_FROM, LOSS_TO));
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

	return many * ramp(was / is, 1.5, 2.5) * by_load(j) *
	       ramp(j->a[VNX_TX_PACKETS] / j->b[VNX_TX_PACKETS], 0.5, 0.7) *
	       (1 - saturated_score(j)) * (1 - offload_score(j)) *
	       /* loss leaves few packets on their way, and little in each */
	       (1 - ramp(loss_share(j), LOSS_FROM, LOSS_TO));
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
	       receives_here(j);
}

/* Only the load's own sockets can say that it had nothing to send; else it is a suspicion. */
static double sender_score(const struct vnx_judge *j)
{
	struct vnx_parts busy = parts_of(j, VNX_LOAD_BUSY);
	double others = 0, s;

	for (size_t i = 0; i < VNX_CAUSE_MAX; i++)
		others = fmax(others, j->score[i]);
	if (!isnan(j->a[VNX_LOAD_BUSY]))
		s = fmax(part_risen(&busy, VNX_SPENT_ASLEEP), risen_of(j, VNX_LOAD_STOPPED));
	else
		s = all_measured(j) ? SUSPECTED * part(&j->worker, VNX_SPENT_ASLEEP) : 0;
	return s * (1 - others);
}

/* Words */

static double percent(double share)
{
	return 100 * or0(share);
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
	return or0(p->part[VNX_SPENT_QUOTA]) > fmax(0, or0(p->part[VNX_SPENT_WAIT]));
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
	double n = packets(level), workers = fmax(1, (double)j->c->f->vm.workers.n);

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
			    packets(j->a), packets(j->b), isnan(dearer(j)) ? "" : each);
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
	if (part_risen(&j->worker, VNX_SPENT_IRQ) > 0.3)
		return vnx_asprintf(
			"Interrupts and softirqs took %.0f %% of the CPU that the vhost "
			"thread is on, %.0f %% before.",
			percent(j->worker.after[VNX_SPENT_IRQ]),
			percent(j->worker.before[VNX_SPENT_IRQ]));
	return vnx_asprintf("The host's receive backlog dropped %.0f packets/s, %.0f before.",
			    j->a[VNX_SOFTNET_DROPS], or0(j->b[VNX_SOFTNET_DROPS]));
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
	bool down = j->b[VNX_RX_BYTES] > or0(j->b[VNX_TX_BYTES]);
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
			    j->a[VNX_RX_DROPS], or0(j->b[VNX_RX_DROPS]), percent(ring_share(j->a)));
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
	return vnx_asprintf(
		"%.2g %% of the segments had to be sent again or came out of order, "
		"more than before; no queue of this host dropped any.",
		percent(fmax(fmax(share_of(j, VNX_LOAD_OOO), share_of(j, VNX_LOAD_RETRANS)),
			     share_of(j, VNX_LOAD_LOST))));
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

static char *receiver_finding(const struct vnx_judge *j)
{
	if (receives_here(j) && rise(j, VNX_LOAD_STOPPED) > 0.05)
		return vnx_asprintf("The receiving program was stopped for %.0f %% of the time.",
				    percent(j->a[VNX_LOAD_STOPPED]));
	if (receives_here(j))
		return vnx_asprintf(
			"%.0f kB lay unread in the receiving program's sockets, %.0f ms "
			"of reading; %.0f kB before.",
			j->a[VNX_LOAD_RECVQ] / 1e3, unread_ms(j), or0(j->b[VNX_LOAD_RECVQ]) / 1e3);
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
	if (rise(j, VNX_LOAD_STOPPED) > 0.05)
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
#define RULE(name) name##_score, name##_finding, name##_advice

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
