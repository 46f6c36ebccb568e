// SPDX-License-Identifier: GPL-2.0-only
/*
 * What holds a VM back now, whether or not anything fell: a place that is at its end at the last
 * level of throughput. Shares of the time are judged by the bound of their interval.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define HELD 0.05      /* a quota that holds a thread back for that share is at work */
#define REST 0.2       /* who sleeps less is near the end of what one thread can do */
#define WAITS (1 / 3.) /* of the time that it wants */
#define STOLEN 0.1     /* of the host's CPUs */
#define LOST 1e-3      /* of the packets, in most bins */
#define WINDOW 0.8     /* of the time */
#define FULL 0.9       /* of an uplink */
#define QUEUE 20e3     /* bytes in a shaper */
#define UNREAD 256e3   /* bytes in the receiving program's sockets, and ... */
#define UNREAD_MS 10.0 /* ... for how long it has to read at its rate */

static const char *const share_unit = "share of the time";

char *vnx_thread_words(const struct vnx_vm *vm, const struct vnx_thread_input *t)
{
	if (!t->worker)
		return vnx_asprintf("vCPU %zu (thread %u)", t->index, t->tid);
	/* one interface's workers are its queues, in the order in which QEMU opened them */
	if (vm->workers.n > 1 && vm->ifaces.n == 1)
		return vnx_asprintf("worker %u (queue %zu)", t->tid, t->index);
	return vnx_asprintf("worker %u", t->tid);
}

/* The limits under construction: a judge that knows one level only. */
struct now {
	struct vnx_case *c;
	struct vnx_judge j;
	size_t from, to;
};

static double mean_of(const struct now *n, enum vnx_metric m)
{
	return n->j.a[m];
}

/* Takes over @where and @finding; NULL is a failed allocation. */
static int add(struct now *n, enum vnx_cause cause, char *where, double level, const char *unit,
	       char *finding)
{
	const struct vnx_cause_rule *rule = vnx_cause_rules;
	struct vnx_limit l = { .cause = cause,
			       .where = where,
			       .level = level,
			       .unit = unit,
			       .since_s = (double)n->from * n->c->bin_s,
			       .score = unit == share_unit ? fmin(level, 1) : 0.5,
			       .finding = finding };
	int err = 0;

	while (rule->cause != cause)
		rule++;
	l.advice = rule->advice(&n->j);
	for (size_t i = 0; !err && rule->tells[i] != VNX_LOST; i++) {
		struct vnx_evidence e = { rule->tells[i], NAN, mean_of(n, rule->tells[i]) };

		if (isfinite(e.after))
			err = vnx_vec_push(&l.evidence, e);
	}
	if (l.where && l.finding && l.advice && !err && !vnx_vec_push(&n->c->f->limits, l))
		return 0;
	free(l.where);
	free(l.finding);
	free(l.advice);
	free(l.evidence.v);
	return -ENOMEM;
}

/* " Running on the CPU instead: VM vm3 (pid 161) for 60 % of that time.", or "". */
static char *held_words(const struct now *n, bool worker)
{
	struct vnx_degradation d = { 0 };
	char *text = strdup("");

	if (vnx_judge_offenders(&n->j, worker, &d)) {
		free(text);
		text = NULL;
	}
	for (size_t i = 0; text && i < d.offenders.n; i++) {
		char *more = vnx_asprintf("%s%s%s %s (pid %u) for %.0f %%", text,
					  i ? ", " : " Running on the CPU instead: ",
					  d.offenders.v[i].is_vm ? "VM" : "process",
					  d.offenders.v[i].name, d.offenders.v[i].pid,
					  100 * d.offenders.v[i].share);

		free(text);
		text = more;
	}
	if (text && d.offenders.n) {
		char *more = vnx_asprintf("%s of that time.", text);

		free(text);
		text = more;
	}
	for (size_t i = 0; i < d.offenders.n; i++)
		free(d.offenders.v[i].name);
	free(d.offenders.v);
	return text;
}

/* A thread's time at this level, with the judge's eyes on it. */
struct look {
	const struct vnx_thread_input *t;
	struct vnx_level l[VNX_SPENT_MAX];
};

static struct look look_at(struct now *n, const struct vnx_thread_input *t)
{
	struct vnx_parts *p = t->worker ? &n->j.worker : &n->j.vcpu;
	struct look k = { .t = t };

	p->thread = t;
	for (enum vnx_spent i = 0; i < VNX_SPENT_MAX; i++) {
		k.l[i] = vnx_thread_level(t, i, n->from, n->to);
		p->after[i] = p->part[i] = k.l[i].mean;
	}
	return k;
}

static double mean(const struct look *k, enum vnx_spent p)
{
	return k->l[p].mean;
}

static double least(const struct look *k, enum vnx_spent p)
{
	return k->l[p].mean - k->l[p].error;
}

static double most(const struct look *k, enum vnx_spent p)
{
	return k->l[p].mean + k->l[p].error;
}

static bool waits(const struct look *k)
{
	double wait = least(k, VNX_SPENT_WAIT), run = k->l[VNX_SPENT_RUN].mean;

	return wait > k->l[VNX_SPENT_ASLEEP].mean && wait >= WAITS * (run + wait);
}

/* Does @k wait longer than it sleeps, by the scheduler's account, in which interrupts are wait? */
static bool wants(const struct now *n, const struct look *k)
{
	const double *x = k->t->x[VNX_TIME_WAIT];
	double wait = x ? vnx_mean(x + n->from, n->to - n->from) : NAN;
	double run = k->l[VNX_SPENT_RUN].mean;

	return wait > 1 - run - wait && wait >= WAITS * (run + wait);
}

static int add_share(struct now *n, const struct look *k, enum vnx_cause cause, enum vnx_spent p,
		     const char *did, const char *tail)
{
	VNX_CLEANUP_FREE char *name = vnx_thread_words(&n->c->f->vm, k->t);
	char *words;

	if (!name || !tail)
		return -ENOMEM;
	words = vnx_asprintf("%c%s %s for %.0f %% of the time; it ran for %.0f %%.%s",
			     k->t->worker ? 'W' : 'v', name + 1, did, 100 * k->l[p].mean,
			     100 * k->l[VNX_SPENT_RUN].mean, tail);
	return add(n, cause, strdup(name), k->l[p].mean, share_unit, words);
}

static int add_wait(struct now *n, const struct look *k)
{
	bool own = k->t->worker && mean_of(n, VNX_VHOST_WITH_VCPU) > 0.5;
	VNX_CLEANUP_FREE char *held = held_words(n, k->t->worker);

	if (own)
		return add_share(n, k, VNX_CAUSE_THROTTLED, VNX_SPENT_WAIT,
				 "may run only on the CPU of its own vCPU, and waited", "");
	return add_share(n, k, k->t->worker ? VNX_CAUSE_CPU_CONTENTION : VNX_CAUSE_VCPU_STARVED,
			 VNX_SPENT_WAIT, "could run but had no CPU", held);
}

/* Is it the account of one and the same control group that both read? */
static bool same_group(const struct now *n, const struct vnx_thread_input *a,
		       const struct vnx_thread_input *b)
{
	const double *x = a->x[VNX_TIME_THROTTLED], *y = b->x[VNX_TIME_THROTTLED];

	for (size_t i = n->from; x && y && i < n->to; i++)
		if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i])))
			return false;
	return x && y;
}

/* How long a quota stopped the group of @t, as that thread of it saw it which wanted most. */
static double group_share(const struct now *n, const struct vnx_thread_input *t)
{
	double share = 0;

	for (size_t i = 0; i < n->c->n_threads; i++) {
		const struct vnx_thread_input *other = &n->c->threads[i];
		struct vnx_level l = vnx_thread_level(other, VNX_SPENT_QUOTA, n->from, n->to);

		if (same_group(n, t, other) && l.mean > share)
			share = l.mean;
	}
	return share;
}

static int worker_limits(struct now *n, const struct look *k)
{
	VNX_CLEANUP_FREE char *name = vnx_thread_words(&n->c->f->vm, k->t);
	double group = group_share(n, k->t);

	if (!name)
		return -ENOMEM;
	if (least(k, VNX_SPENT_QUOTA) >= HELD)
		return add(
			n, VNX_CAUSE_THROTTLED, strdup(name), group, share_unit,
			vnx_asprintf("A CPU quota stopped the control group of w%s for %.0f %% of "
				     "the time: it was held back for %.0f %%, and ran for %.0f %%.",
				     name + 1, 100 * group, 100 * mean(k, VNX_SPENT_QUOTA),
				     100 * mean(k, VNX_SPENT_RUN)));
	/* interrupts on its CPU keep it from nothing while it sleeps of its own accord */
	if (mean(k, VNX_SPENT_IRQ) > mean(k, VNX_SPENT_WAIT) && wants(n, k))
		return add(
			n, VNX_CAUSE_SOFTIRQ_SATURATED, strdup(name), mean(k, VNX_SPENT_IRQ),
			share_unit,
			vnx_asprintf("Interrupts and softirqs kept the CPU of w%s for %.0f %% of "
				     "the time; it ran for %.0f %%.",
				     name + 1, 100 * mean(k, VNX_SPENT_IRQ),
				     100 * mean(k, VNX_SPENT_RUN)));
	if (waits(k) ||
	    (most(k, VNX_SPENT_ASLEEP) < REST &&
	     mean(k, VNX_SPENT_WAIT) > fmax(mean(k, VNX_SPENT_RUN), mean(k, VNX_SPENT_IRQ))))
		return add_wait(n, k);
	if (!(least(k, VNX_SPENT_RUN) >= (1 - REST) * (1 - mean(k, VNX_SPENT_WAIT))))
		return 0;
	return add(n, VNX_CAUSE_VHOST_SATURATED, strdup(name), mean(k, VNX_SPENT_RUN), share_unit,
		   vnx_asprintf("W%s ran for %.0f %% of the time and slept for %.0f %%: one thread "
				"can do no more.",
				name + 1, 100 * mean(k, VNX_SPENT_RUN),
				100 * mean(k, VNX_SPENT_ASLEEP)));
}

/* A quota that a worker's limit told is the same one for the vCPUs of its group. */
static bool is_told(const struct now *n, const struct vnx_thread_input *t)
{
	for (size_t i = 0; i < n->c->n_threads; i++)
		if (n->c->threads[i].worker && same_group(n, t, &n->c->threads[i]))
			for (size_t k = 0; k < n->c->f->limits.n; k++)
				if (n->c->f->limits.v[k].cause == VNX_CAUSE_THROTTLED)
					return true;
	return false;
}

static bool is_busy_emulating(const struct now *n, const struct look *k)
{
	enum vnx_backend b = n->c->f->vm.backend;

	return (b == VNX_BACKEND_QEMU || b == VNX_BACKEND_EMULATED) &&
	       most(k, VNX_SPENT_ASLEEP) < REST && mean(k, VNX_SPENT_RUN) > 0.5;
}

/*
 * One vCPU of several may be busy, or wait, with something that is not the network: which of them
 * serves it is not known, so all have to.
 */
static int vcpu_limits(struct now *n)
{
	size_t vcpus = 0, waiting = 0, busy = 0;
	struct look worst = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < n->c->n_threads; i++) {
		const struct vnx_thread_input *t = &n->c->threads[i];
		struct look k;

		if (t->worker || !t->x[VNX_TIME_RUN])
			continue;
		k = look_at(n, t);
		vcpus++;
		waiting += waits(&k);
		busy += is_busy_emulating(n, &k);
		if (!worst.t || mean(&k, VNX_SPENT_WAIT) > mean(&worst, VNX_SPENT_WAIT))
			worst = k;
		if (least(&k, VNX_SPENT_QUOTA) >= HELD && !is_told(n, t))
			err = add_share(n, &k, VNX_CAUSE_VCPU_STARVED, VNX_SPENT_QUOTA,
					"was held back by a CPU quota", "");
	}
	if (!err && vcpus && waiting == vcpus)
		err = add_wait(n, &worst);
	else if (!err && vcpus && busy == vcpus)
		err = add_share(n, &worst, VNX_CAUSE_EMULATED_BACKEND, VNX_SPENT_RUN,
				"has every packet carried by QEMU and was busy", "");
	return err;
}

static int thread_limits(struct now *n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n->c->n_threads; i++) {
		const struct vnx_thread_input *t = &n->c->threads[i];

		if (t->worker && t->x[VNX_TIME_RUN]) {
			struct look k = look_at(n, t);

			err = worker_limits(n, &k);
		}
	}
	/* the vCPUs of a VM that moves nothing do something else */
	return err || n->c->f->verdict == VNX_IDLE ? err : vcpu_limits(n);
}

/* Share of the time in which there was any. */
static double lasting(const struct now *n, enum vnx_metric m)
{
	struct vnx_presence p = vnx_case_presence(n->c, m, n->from, n->to);

	return p.intervals > 0 ? p.with / p.intervals : 0;
}

static double lost_share(const struct now *n, enum vnx_metric drops, enum vnx_metric packets)
{
	double lost = mean_of(n, drops), passed = mean_of(n, packets);

	/* of segments: what was dropped is counted so on the wire, in here one is 45 of them */
	if (drops != VNX_RX_DROPS)
		passed = fmax(passed, n->c->f->got_bps / 8 / VNX_MSS);
	return lasting(n, drops) >= 0.5 ? lost / (lost + (isnan(passed) ? 0 : passed)) : 0;
}

static char *tap_name(const struct now *n)
{
	const struct vnx_ifaces *ifaces = &n->c->f->vm.ifaces;

	return strdup(ifaces->n == 1 ? ifaces->v[0].name : "its taps");
}

/* Is what the uplink carries this VM's for the most part? Else what it drops is others' too. */
static bool owns_uplink(const struct now *n)
{
	const struct vnx_ifaces *ifaces = &n->c->f->vm.ifaces;
	double all =
		mean_of(n, VNX_UPLINK_USE) * (ifaces->n ? (double)ifaces->v[0].uplink_bps : -1);

	return !(n->c->f->got_bps < 0.5 * all);
}

static int path_limits(struct now *n)
{
	double ring = lost_share(n, VNX_RX_DROPS, VNX_RX_PACKETS);
	double queue = owns_uplink(n) ? lost_share(n, VNX_QDISC_DROPS, VNX_TX_PACKETS) : 0;
	double softnet = owns_uplink(n) ? lost_share(n, VNX_SOFTNET_DROPS, VNX_RX_PACKETS) : 0;
	double steal = mean_of(n, VNX_HOST_STEAL), use = mean_of(n, VNX_UPLINK_USE);
	bool shaped =
		mean_of(n, VNX_QDISC_BACKLOG) > QUEUE && lasting(n, VNX_QDISC_OVERLIMITS) >= 0.5;
	int err = 0;

	if (ring >= LOST && !n->c->f->limits.n) /* a starved guest cannot take its packets */
		err = add(n, VNX_CAUSE_GUEST_RING_FULL, tap_name(n), mean_of(n, VNX_RX_DROPS),
			  "packets/s dropped",
			  vnx_asprintf("The tap dropped %.0f packets/s for the guest, %.2g %% of "
				       "them: the guest did not take them from its ring in time.",
				       mean_of(n, VNX_RX_DROPS), 100 * ring));
	if (err || n->c->f->verdict == VNX_IDLE) /* what the host lacks, others ask of it */
		return err;
	if (use >= FULL)
		err = add(n, VNX_CAUSE_LINK_LIMITED, strdup("the uplink"), use,
			  "share of its speed",
			  vnx_asprintf("The uplink is %.0f %% full.", 100 * use));
	else if (queue >= LOST || shaped)
		err = add(n, VNX_CAUSE_LINK_LIMITED, strdup("a queue at the tap or the uplink"),
			  shaped ? mean_of(n, VNX_QDISC_OVERLIMITS) : mean_of(n, VNX_QDISC_DROPS),
			  shaped ? "times/s held back" : "packets/s dropped",
			  vnx_asprintf("Queues at the tap or the uplink dropped %.1f packets/s and "
				       "held back %.0f times a second; %.0f kB waited in them.",
				       fmax(0, mean_of(n, VNX_QDISC_DROPS)),
				       fmax(0, mean_of(n, VNX_QDISC_OVERLIMITS)),
				       fmax(0, mean_of(n, VNX_QDISC_BACKLOG)) / 1e3));
	if (!err && softnet >= LOST)
		err = add(n, VNX_CAUSE_SOFTIRQ_SATURATED, strdup("the host"),
			  mean_of(n, VNX_SOFTNET_DROPS), "packets/s dropped",
			  vnx_asprintf("The host's receive backlog dropped %.0f packets/s.",
				       mean_of(n, VNX_SOFTNET_DROPS)));
	if (!err && steal >= STOLEN)
		err = add(n, VNX_CAUSE_HOST_STOLEN, strdup("the host"), steal, share_unit,
			  vnx_asprintf("A hypervisor below this host took %.0f %% of its CPUs' "
				       "time.",
				       100 * steal));
	return err;
}

/* What the load's own sockets say. */
static int load_limits(struct now *n)
{
	double rwnd = mean_of(n, VNX_LOAD_RWND), busy = mean_of(n, VNX_LOAD_BUSY);
	double queue = mean_of(n, VNX_LOAD_RECVQ), got = n->c->f->got_bps;

	if (n->c->f->limits.n) /* what lies behind a slow path waits, whoever reads it */
		return 0;
	if (rwnd >= WINDOW)
		return add(n, VNX_CAUSE_RECEIVER_LIMITED, strdup("the receiver"), rwnd, share_unit,
			   vnx_asprintf("The receiver's window held the sender back for %.0f %% of "
					"the time.",
					100 * rwnd));
	if (isnan(busy) && queue >= UNREAD && vnx_unread_ms(queue, got) >= UNREAD_MS) {
		VNX_CLEANUP_FREE char *s = vnx_unread_words(queue, got);

		return add(n, VNX_CAUSE_RECEIVER_LIMITED, strdup("the receiver"), queue,
			   "bytes unread", s ? vnx_asprintf("%s.", s) : NULL);
	}
	if (busy < 0.5)
		return add(
			n, VNX_CAUSE_SENDER_LIMITED, strdup("the sender"), 1 - busy, share_unit,
			vnx_asprintf("The sending program had nothing to send for %.0f %% of the "
				     "time.",
				     100 * (1 - busy)));
	return 0;
}

static int worst_first(const void *a, const void *b)
{
	const struct vnx_limit *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->cause < y->cause ? -1 : x->cause > y->cause;
}

static bool is_explained(const struct vnx_case *c)
{
	for (size_t i = 0; i < c->f->degradations.n; i++)
		if (c->f->degradations.v[i].cause != VNX_CAUSE_UNKNOWN)
			return true;
	return false;
}

/*
 * The last level of throughput that is long enough to tell anything; of a tap the last one with
 * traffic: what ended before the recording did is no level of what the VM gets.
 */
static bool now_find(const struct vnx_case *c, size_t *from, size_t *to)
{
	const double *y = c->f->series[VNX_THROUGHPUT];

	*from = 0;
	*to = c->grid->n;
	if (!y)
		return *to >= VNX_JUDGE_BINS;
	for (size_t i = c->changes.n + 1; i--;) {
		bool idle = c->f->verdict == VNX_IDLE;

		*from = i ? c->obs.start[c->changes.v[i - 1].at] : 0;
		*to = i < c->changes.n ? c->obs.start[c->changes.v[i].at] : c->grid->n;
		vnx_trim(y, from, to);
		if (*to - *from >= VNX_JUDGE_BINS &&
		    (!c->tap || idle || vnx_mean(y + *from, *to - *from) >= VNX_IDLE_BPS))
			return true;
	}
	if (c->tap || is_explained(c))
		return false;
	/* no level is long enough by itself: what held through the last of them holds */
	*to = c->grid->n;
	vnx_trim(y, from, to);
	for (size_t i = c->changes.n; i--;) {
		*from = i ? c->obs.start[c->changes.v[i - 1].at] : 0;
		vnx_trim(y, from, to);
		if (*to - *from >= VNX_JUDGE_BINS)
			return true;
	}
	return false;
}

int vnx_case_limits(struct vnx_case *c)
{
	struct now n = { .c = c, .to = c->grid->n };
	const double *y = c->f->series[VNX_THROUGHPUT];
	int err;

	if (!now_find(c, &n.from, &n.to))
		return 0;
	c->f->got_bps = y ? vnx_mean(y + n.from, n.to - n.from) : NAN;
	/* whoever has what it asked for is held by nothing */
	if (c->f->got_bps >= VNX_SATISFIED * c->f->asked_bps)
		return 0;
	n.j = (struct vnx_judge){ .c = c, .span = { n.from, n.from, n.from, n.from, n.to } };
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		n.j.b[m] = NAN;
		n.j.a[m] = c->f->series[m] && vnx_metric_can_move(&c->f->vm, (enum vnx_metric)m)
				   ? vnx_case_level(c, (enum vnx_metric)m, n.from, n.to)
				   : NAN;
	}
	err = thread_limits(&n);
	if (!err)
		err = path_limits(&n);
	if (!err)
		err = load_limits(&n);
	if (c->f->limits.n)
		qsort(c->f->limits.v, c->f->limits.n, sizeof(*c->f->limits.v), worst_first);
	return err;
}
