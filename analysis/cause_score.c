// SPDX-License-Identifier: GPL-2.0-only
/*
 * The causes, a rule each. What a thread's time tells is scored by its part of the time that each
 * bit takes more (analysis/parts.h), so that no bound is any lab's. What a counter tells counts
 * only where the count itself rose by more than chance makes it, and then by its share. What was
 * not measured holds nothing up.
 */
#include "analysis/cause_score.h"

#include <math.h>

/* Below what names a cause: all speaks for it, but what would decide was not measured. */
#define SUSPECTED 0.45

#define LOSS_FROM 1e-4 /* of the segments: less of it no TCP feels ... */
#define LOSS_TO 1e-3   /* ... and this it does */
#define READ_MS 10.0   /* unread for no longer is no queue that stands */
#define NO_REST 0.02   /* of the time asleep: nothing to lose any more */
#define SHORTEST 0.05  /* quantile of the round trips: one bin may be mistaken */
#define PRESENCE_S 0.5 /* an interval in which a count is there or not, whatever the bin */
#define STILL_S 2.0    /* even an idle guest is entered within that time */

/* 0 below @lo, 1 above @hi, a straight line between; what was not measured is 0. */
static double ramp(double x, double lo, double hi)
{
	return isnan(x) || x <= lo ? 0 : x >= hi ? 1 : (x - lo) / (hi - lo);
}

double vnx_judge_rise(const struct vnx_judge *j, enum vnx_metric m)
{
	return j->a[m] - j->b[m];
}

/* NaN counts as nothing. */
double vnx_judge_or0(double x)
{
	return isnan(x) ? 0 : x;
}

/* Parts of the added time */

/* 0..1; 0 where its interval holds 0. For what does the work itself: each bit costs more of it. */
static double part(const struct vnx_parts *p, enum vnx_spent k)
{
	/* what is known in one bin only has no error: it is not known well enough */
	return p->error[k] < p->part[k] ? fmin(p->part[k], 1) : 0;
}

/*
 * As above, of what only keeps: 0 where the share itself did not rise, beyond its own error. What
 * was there all along did not come with the fall. Of a tap, whose traffic may be less for its own
 * reasons, the rise has to account for it: half of the part or more, or, where little is left to
 * rise by, as far as the time that is left shrank with throughput.
 */
double vnx_judge_part_risen(const struct vnx_judge *j, const struct vnx_parts *p, enum vnx_spent k)
{
	double rise = p->after[k] - p->before[k];
	double shrunk = log((1 - p->before[k]) / (1 - p->after[k])) / -log(p->left);
	double most = 2 * rise / (1 - p->left);

	if (!(rise > 0 && rise > p->moved[k]))
		return 0;
	if (!j->c->tap)
		return part(p, k);
	return fmin(part(p, k), isfinite(shrunk) ? fmax(most, shrunk) : most);
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

	return vnx_judge_part_risen(j, &p, VNX_SPENT_RUN);
}

/* Counts */

static size_t count_valid(const double *x, size_t n)
{
	size_t valid = 0;

	for (size_t i = 0; i < n; i++)
		valid += isfinite(x[i]);
	return valid;
}

/*
 * Did the count itself rise? Two rates, each with the error that its own bins show: Poisson's, or
 * more where counts come in lumps. Of a fall whose place is not well known few bins are certain to
 * lie after it: then all from that place on count; those from before make the rise look smaller.
 */
static bool rose(const struct vnx_judge *j, enum vnx_metric m)
{
	const double *x = j->c->f->series[m];
	const struct vnx_span *s = &j->span;
	size_t since = 2 * (s->to - s->since) < s->to - s->at ? s->at : s->since;
	size_t n_a, n_b = s->until - s->from;
	double a, b = vnx_judge_or0(j->b[m]) * j->c->bin_s, sd_a, sd_b, p;

	if (!x || isnan(j->b[m]))
		return false;
	a = since == s->since ? j->a[m] * j->c->bin_s : vnx_mean(x + since, s->to - since);
	if (!(a > b))
		return false;
	sd_a = vnx_judge_or0(vnx_sd(x + since, s->to - since));
	sd_b = n_b ? vnx_judge_or0(vnx_sd(x + s->from, n_b)) : 0;
	n_a = count_valid(x + since, s->to - since);
	/* another run's rate is as well known as this one's */
	n_b = n_b ? count_valid(x + s->from, n_b) : n_a;
	p = vnx_welch_p_moments(a, fmax(sd_a * sd_a, a), (double)n_a, (double)n_a - 1, b,
				fmax(sd_b * sd_b, b), (double)n_b, (double)n_b - 1);
	return p < 2 * VNX_P_MAX; /* of both sides */
}

double vnx_judge_packets(const double *level)
{
	return vnx_judge_or0(level[VNX_TX_PACKETS]) + vnx_judge_or0(level[VNX_RX_PACKETS]);
}

/* What the wire carried: a packet of 64 kB in here is 45 there. */
static double segments(const double *level)
{
	double bytes = vnx_judge_or0(level[VNX_TX_BYTES]) + vnx_judge_or0(level[VNX_RX_BYTES]);

	return fmax(vnx_judge_packets(level), bytes / VNX_MSS);
}

/* Share of the segments that @m makes more than before; 0 where the count did not rise. */
double vnx_judge_share_of(const struct vnx_judge *j, enum vnx_metric m)
{
	double a = segments(j->a), b = segments(j->b);

	if (!rose(j, m) || !(a + j->a[m] > 0))
		return 0;
	return fmax(0, j->a[m] / (a + j->a[m]) - (b > 0 ? vnx_judge_or0(j->b[m]) / b : 0));
}

struct vnx_presence vnx_case_presence(const struct vnx_case *c, enum vnx_metric m, size_t from,
				      size_t to)
{
	const double *x = c->f->series[m];
	size_t least = (size_t)fmax(1, round(PRESENCE_S / c->bin_s));
	struct vnx_presence p = { 0 };

	for (size_t i = from; x && i < to; i += least) {
		size_t n = to - i < least ? to - i : least, valid = count_valid(x + i, n);
		double sum = valid ? vnx_mean(x + i, n) * (double)valid : 0;

		p.intervals += valid > 0;
		p.with += sum >= 0.5;
		p.all += sum;
	}
	return p;
}

/*
 * In how many of the intervals that so many losses could have fallen into there were any, a share:
 * all of them in one, as where traffic sets in again after a pause, are no loss that lasts.
 */
static double lasting(const struct vnx_judge *j, enum vnx_metric m)
{
	struct vnx_presence p = vnx_case_presence(j->c, m, j->span.at, j->span.to);

	return p.with / fmax(1, fmin(p.all, p.intervals));
}

static double loss_of(const struct vnx_judge *j, enum vnx_metric m)
{
	return vnx_judge_share_of(j, m) * ramp(lasting(j, m), 0.15, 0.3);
}

static double loss_share(const struct vnx_judge *j)
{
	return fmax(fmax(loss_of(j, VNX_LOAD_OOO), loss_of(j, VNX_LOAD_RETRANS)),
		    loss_of(j, VNX_LOAD_LOST));
}

static double drop_share(const struct vnx_judge *j)
{
	return fmax(vnx_judge_share_of(j, VNX_QDISC_DROPS),
		    vnx_judge_share_of(j, VNX_UPLINK_DROPS));
}

/* Of what came for the guest. */
double vnx_judge_ring_share(const double *level)
{
	return level[VNX_RX_DROPS] / (level[VNX_RX_DROPS] + vnx_judge_or0(level[VNX_RX_PACKETS]));
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
double vnx_score_artefact(const struct vnx_judge *j)
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

/* CPU */

/*
 * A queue stands in a shaper: what feeds it brings enough, however long its threads wait. So much
 * that it would have taken some ms to send at the rate before.
 */
static double standing(const struct vnx_judge *j)
{
	double ms = vnx_unread_ms(j->a[VNX_QDISC_BACKLOG], j->b[VNX_THROUGHPUT]);

	return rose(j, VNX_QDISC_OVERLIMITS) ? ramp(ms, READ_MS / 10, READ_MS) : 0;
}

/* A trace tells no pinning, but who had the CPU. */
static bool owns_core(const struct vnx_judge *j)
{
	double all = j->worker_blame.own + j->worker_blame.other + j->worker_blame.idle;

	return j->a[VNX_VHOST_WITH_VCPU] > 0.5 ||
	       (j->worker_blame.known && all > 0.005 && j->worker_blame.own > 0.6 * all &&
		j->a[VNX_VHOST_CPUS] < 1.5);
}

/*
 * A quota of the whole VM holds its worker and its vCPUs by turns: where the vCPU's rise is beyond
 * doubt, the worker's need not be by itself.
 */
static double quota_part(const struct vnx_judge *j)
{
	double worker = vnx_judge_part_risen(j, &j->worker, VNX_SPENT_QUOTA);

	if (worker > 0 || j->c->tap || !(vnx_judge_part_risen(j, &j->vcpu, VNX_SPENT_QUOTA) > 0) ||
	    !(j->worker.after[VNX_SPENT_QUOTA] > j->worker.before[VNX_SPENT_QUOTA]))
		return worker;
	return part(&j->worker, VNX_SPENT_QUOTA);
}

/* Pinned together it is a matter of chance which of the two waits for the other. */
double vnx_score_throttled(const struct vnx_judge *j)
{
	double core = 0;

	if (owns_core(j))
		core = vnx_judge_part_risen(j, &j->worker, VNX_SPENT_WAIT);
	/* put together just then they wait for each other by turns, and sleep in between */
	if (vnx_judge_rise(j, VNX_VHOST_WITH_VCPU) > 0.5)
		core = fmax(core, ramp(fmax(vnx_judge_part_risen(j, &j->worker, VNX_SPENT_WAIT),
					    vnx_judge_part_risen(j, &j->vcpu, VNX_SPENT_WAIT)),
				       0.1, 0.3));
	return fmax(quota_part(j), core);
}

/* Where the CPU it waited for was nobody's, or the VM's own, it was not the others. */
static double others_part(const struct vnx_judge *j)
{
	double all = j->worker_blame.own + j->worker_blame.other + j->worker_blame.idle;

	if (!isnan(j->a[VNX_VHOST_CPUS]) || !j->worker_blame.known || all <= 0.005)
		return 1;
	return ramp(j->worker_blame.other / all, 0.1, 0.3);
}

double vnx_score_stolen(const struct vnx_judge *j)
{
	return risen_of(j, VNX_HOST_STEAL);
}

static double waiting(const struct vnx_judge *j)
{
	return owns_core(j)
		       ? 0
		       : vnx_judge_part_risen(j, &j->worker, VNX_SPENT_WAIT) * (1 - standing(j));
}

double vnx_score_contention(const struct vnx_judge *j)
{
	return waiting(j) * others_part(j) * (1 - vnx_score_stolen(j));
}

/* What of the worker's own time is to blame, so that the rest need not be. */
static double worker_score(const struct vnx_judge *j)
{
	return fmax(waiting(j), vnx_score_throttled(j));
}

/* There is a worker, or may be, and whether it waited was not measured. */
static bool worker_is_unseen(const struct vnx_judge *j)
{
	enum vnx_backend b = j->c->f->vm.backend;

	return (vnx_backend_has_worker(b) || b == VNX_BACKEND_UNKNOWN) &&
	       isnan(j->a[VNX_VHOST_RUNQ_WAIT]);
}

double vnx_score_vcpu(const struct vnx_judge *j)
{
	double waits = waiting(j), throttled = vnx_score_throttled(j);
	double s = fmin(1, vnx_judge_part_risen(j, &j->vcpu, VNX_SPENT_WAIT) +
				   vnx_judge_part_risen(j, &j->vcpu, VNX_SPENT_QUOTA));

	/* both may wait: the worker's part takes something away only where it would be named itself
	 */
	s *= (1 - fmax(throttled, waits >= 0.5 ? waits : 0)) * (1 - vnx_score_stolen(j)) *
	     (1 - standing(j));
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
double vnx_score_offload(const struct vnx_judge *j)
{
	bool down = j->b[VNX_RX_BYTES] > vnx_judge_or0(j->b[VNX_TX_BYTES]);
	enum vnx_metric bytes = down ? VNX_RX_BYTES : VNX_TX_BYTES;
	enum vnx_metric number = down ? VNX_RX_PACKETS : VNX_TX_PACKETS;
	double was = j->b[bytes] / j->b[number], is = j->a[bytes] / j->a[number];
	double more = j->a[number] / j->b[number];
	bool one_mtu = (is > 1300 && is <= 1522) || (is > 8000 && is <= 9022);

	/* dearer packets fill the CPUs: that threads wait as well is what follows */
	return one_mtu && vnx_backend_has_worker(j->c->f->vm.backend)
		       ? by_load(j) * ramp(was / is, 1.5, 2.5) * ramp(more, 1.2, 1.5)
		       : 0;
}

double vnx_score_saturated(const struct vnx_judge *j)
{
	return part(&j->worker, VNX_SPENT_RUN) * ramp(busy(&j->worker), 0.8, 0.9) *
	       (1 - worker_score(j)) * (1 - vnx_score_offload(j));
}

double vnx_score_softirq(const struct vnx_judge *j)
{
	double s = fmax(vnx_judge_part_risen(j, &j->worker, VNX_SPENT_IRQ),
			ramp(loss_of(j, VNX_SOFTNET_DROPS), LOSS_FROM, LOSS_TO));

	return s * (1 - worker_score(j));
}

/*
 * The share of bins [from, to) that are part of STILL_S or more without an entry of any vCPU; a
 * stretch may have begun as early as @first. NaN: not measured.
 */
static double still(const struct vnx_judge *j, size_t first, size_t from, size_t to)
{
	const double *x = j->c->f->series[VNX_VCPU_ENTER];
	size_t bins = 0, all = 0, run = 0;

	for (size_t i = first; x && i < to; i++) {
		bins += i >= from && isfinite(x[i]);
		run = x[i] < 0.5 ? run + 1 : 0;
		if (i < from || (double)run * j->c->bin_s < STILL_S)
			continue;
		/* with the one that makes it long enough, or that is the first here, all counts */
		if ((double)(run - 1) * j->c->bin_s < STILL_S || i == from)
			all += run < i + 1 - from ? run : i + 1 - from;
		else
			all++;
	}
	return bins ? (double)all / (double)bins : NAN;
}

/* No vCPU entered the guest any more: the part of the added time in which none did. */
double vnx_score_paused(const struct vnx_judge *j)
{
	double a = still(j, j->span.at, j->span.since, j->span.to),
	       b = still(j, j->span.from, j->span.from, j->span.until);
	double after = j->a[VNX_THROUGHPUT], before = j->b[VNX_THROUGHPUT];

	if (!(j->b[VNX_VCPU_ENTER] > 0) || !(a > vnx_judge_or0(b)) || worker_score(j) > 0.5 ||
	    vnx_score_vcpu(j) > 0.5)
		return 0;
	if (!(after > 0))
		return a;
	return fmin((a / after - vnx_judge_or0(b) / before) / (1 / after - 1 / before), 1);
}

/* What of the causes tried so far says that the VM's own threads are slow, or stand still. */
static double threads_score(const struct vnx_judge *j)
{
	static const enum vnx_cause own[] = {
		VNX_CAUSE_THROTTLED,       VNX_CAUSE_CPU_CONTENTION,    VNX_CAUSE_VCPU_STARVED,
		VNX_CAUSE_VHOST_SATURATED, VNX_CAUSE_SOFTIRQ_SATURATED, VNX_CAUSE_HOST_STOLEN,
		VNX_CAUSE_VM_PAUSED
	};
	double s = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(own); i++)
		s = fmax(s, j->score[own[i]]);
	return s;
}

/* Path */

double vnx_score_ring(const struct vnx_judge *j)
{
	return ramp(loss_of(j, VNX_RX_DROPS), LOSS_FROM, LOSS_TO) * (1 - threads_score(j));
}

double vnx_score_link(const struct vnx_judge *j)
{
	double held = rose(j, VNX_QDISC_OVERLIMITS)
			      ? ramp(vnx_judge_rise(j, VNX_QDISC_OVERLIMITS), 1, 20)
			      : 0;
	double full = ramp(j->a[VNX_UPLINK_USE], 0.85, 0.95) *
		      ramp(vnx_judge_rise(j, VNX_UPLINK_USE) + 0.05, 0, 0.05);
	double queued = ramp(vnx_judge_rise(j, VNX_QDISC_BACKLOG), 20e3, 100e3);

	return fmax(fmax(held, full), fmax(queued, ramp(drop_share(j), 2e-5, 5e-4))) *
	       (1 - threads_score(j));
}

double vnx_score_path(const struct vnx_judge *j)
{
	/* Loss closes the sender's window; where the receiver's holds it, that is no loss. */
	double s = ramp(loss_share(j), LOSS_FROM, LOSS_TO) * (1 - vnx_score_link(j)) *
		   (1 - ramp(vnx_judge_or0(j->a[VNX_LOAD_RWND]), 0.3, 0.7)) *
		   (1 - vnx_score_ring(j)) *
		   (1 - ramp(vnx_judge_share_of(j, VNX_TX_DROPS), LOSS_FROM / 10, LOSS_FROM)) *
		   (1 - ramp(vnx_judge_share_of(j, VNX_SOFTNET_DROPS), LOSS_FROM / 10, LOSS_FROM));

	/* Lost beyond the host is what no queue of this host dropped. */
	return isnan(j->a[VNX_QDISC_DROPS]) ? fmin(s, SUSPECTED) : s;
}

/* Ends */

bool vnx_judge_receives_here(const struct vnx_judge *j)
{
	return !isnan(j->a[VNX_LOAD_RECVQ]) && isnan(j->a[VNX_LOAD_BUSY]);
}

/* For how long the receiver would have to read what lies there, ms, at the rate it does. */
double vnx_unread_ms(double bytes, double bps)
{
	return 8e3 * bytes / bps;
}

/*
 * Of what throughput lost, the part that a longer way accounts for: of logarithms. The way is in
 * each round trip, so it is as long as the shortest of them; queues come and go, as behind a
 * receiver that reads by fits and starts.
 */
static double longer_part(const struct vnx_judge *j)
{
	const double *x = j->c->f->series[VNX_LOAD_RTT];
	double slower = log(j->b[VNX_THROUGHPUT] / j->a[VNX_THROUGHPUT]), way, longer;

	if (!x)
		return 0;
	way = vnx_quantile(x + j->span.since, j->span.to - j->span.since, SHORTEST);
	longer = log(way / j->b[VNX_LOAD_RTT]);
	if (!isfinite(slower) || !isfinite(longer) || !(slower > 0))
		return 0;
	return fmin(fmax(longer / slower, 0), 1);
}

/* Behind a slow path the receiver's window closes too, and it is not to blame. */
double vnx_score_receiver(const struct vnx_judge *j)
{
	struct vnx_parts rwnd = parts_of(j, VNX_LOAD_RWND);
	double window = part(&rwnd, VNX_SPENT_RUN), queue = 0, stopped = 0;

	if (vnx_judge_receives_here(j)) {
		queue = ramp(j->a[VNX_LOAD_RECVQ] / fmax(vnx_judge_or0(j->b[VNX_LOAD_RECVQ]), 64e3),
			     2, 5) *
			ramp(vnx_unread_ms(j->a[VNX_LOAD_RECVQ], j->a[VNX_THROUGHPUT]),
			     READ_MS / 10, READ_MS);
		stopped = risen_of(j, VNX_LOAD_STOPPED);
	}
	/* a window that is all under way is too small for a longer way, not the receiver slow */
	window *= 1 - longer_part(j);
	return fmax(window * (1 - threads_score(j)), fmax(queue, stopped));
}

/* A window's worth a round trip. The rest is the window's, which loss or the receiver make small.
 */
double vnx_score_delay(const struct vnx_judge *j)
{
	return longer_part(j) * (1 - threads_score(j)) * (1 - vnx_score_link(j)) *
	       (1 - vnx_score_receiver(j)) * (1 - ramp(loss_share(j), LOSS_FROM, LOSS_TO));
}

static bool lost_rest(const struct vnx_parts *p)
{
	double b = p->before[VNX_SPENT_ASLEEP], a = p->after[VNX_SPENT_ASLEEP];

	return a < b - vnx_judge_or0(p->moved[VNX_SPENT_ASLEEP]) || a < NO_REST;
}

/* Has a thread of the VM lost rest, or none left to lose? What is not measured may have. */
static double is_restless(const struct vnx_judge *j)
{
	const struct vnx_case *c = j->c;
	bool base = j->span.from == j->span.until && c->baseline, seen = false;
	const struct vnx_parts *mean[] = { &j->worker, &j->vcpu };

	for (size_t i = 0; !base && i < c->n_threads; i++) {
		struct vnx_parts p;

		if (!c->threads[i].x[VNX_TIME_RUN] || !c->threads[i].x[VNX_TIME_WAIT])
			continue;
		vnx_parts_of(&c->threads[i], c->f->series[VNX_THROUGHPUT], &j->span, NULL, NAN, &p);
		seen = true;
		if (lost_rest(&p))
			return 1;
	}
	for (size_t i = 0; base && i < VNX_ARRAY_SIZE(mean); i++) {
		seen |= mean[i]->thread != NULL;
		if (lost_rest(mean[i]))
			return 1;
	}
	return seen ? 0 : 1;
}

/* @tap bytes or packets for each kick; NaN: no kicks. */
static double each_kick(const double *level, enum vnx_metric tap)
{
	enum vnx_metric kick = isnan(level[VNX_TX_KICK]) ? VNX_HANDLE_TX : VNX_TX_KICK;

	return level[kick] > 0 ? level[tap] / level[kick] : NAN;
}

/*
 * More kicks with less in each and not far fewer packets: those are the small ones. Where there is
 * next to nothing in each, as many kicks as before are a storm too.
 */
double vnx_score_storm(const struct vnx_judge *j)
{
	enum vnx_metric kick = isnan(j->a[VNX_TX_KICK]) ? VNX_HANDLE_TX : VNX_TX_KICK;
	double more = j->b[kick] > 0 ? j->a[kick] / j->b[kick] : NAN;
	double less = each_kick(j->b, VNX_TX_BYTES) / each_kick(j->a, VNX_TX_BYTES);
	double joined = each_kick(j->a, VNX_TX_PACKETS) / each_kick(j->b, VNX_TX_PACKETS);
	double many = fmax(ramp(more, 1.1, 1.4), ramp(more, 0.8, 1) * ramp(less, 3, 5));

	/* ringing is work: who has as much rest as before is not held back by it */
	return many * ramp(less, 1.5, 2.5) * by_load(j) * is_restless(j) * (1 - standing(j)) *
	       ramp(j->a[VNX_TX_PACKETS] / j->b[VNX_TX_PACKETS], 0.5, 0.7) *
	       /* a bell for far more packets than before rings less often for each */
	       (1 - ramp(joined, 1.5, 2.5)) * (1 - vnx_score_saturated(j)) *
	       (1 - vnx_score_offload(j)) *
	       /* loss leaves few packets on their way, and little in each */
	       (1 - ramp(loss_share(j), LOSS_FROM, LOSS_TO));
}

double vnx_score_emulated(const struct vnx_judge *j)
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
	       vnx_judge_receives_here(j);
}

bool vnx_judge_is_satisfied(const struct vnx_judge *j)
{
	return j->a[VNX_THROUGHPUT] >= VNX_SATISFIED * j->c->f->asked_bps;
}

/*
 * Only the load can say that it had nothing to send: its sockets, or what it asked for and got.
 * Else it is a suspicion.
 */
double vnx_score_sender(const struct vnx_judge *j)
{
	struct vnx_parts busy = parts_of(j, VNX_LOAD_BUSY);
	double others = 0, s;

	for (size_t i = 0; i < VNX_CAUSE_MAX; i++)
		others = fmax(others, j->score[i]);
	if (vnx_judge_is_satisfied(j))
		return 1 - others;
	if (!isnan(j->a[VNX_LOAD_BUSY]))
		s = fmax(vnx_judge_part_risen(j, &busy, VNX_SPENT_ASLEEP),
			 risen_of(j, VNX_LOAD_STOPPED));
	else
		s = all_measured(j) ? SUSPECTED * part(&j->worker, VNX_SPENT_ASLEEP) : 0;
	return s * (1 - others);
}
