// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which cause a fall has: all rules are tried on what was measured before and after it, the
 * best that is good enough names it. Where none is, it is unknown; what would tell more is
 * listed as missing, with how to get it.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define ENOUGH 0.5   /* a cause with a lower score is not named */
#define NOTABLE 0.01 /* one with a higher score is told as an alternative */

/* Takes @how over; NULL is a failed allocation. */
static int missing_add(struct vnx_degradation *d, const char *what, char *how)
{
	struct vnx_missing m = { .what = strdup(what), .how = how };

	if (m.what && m.how && !vnx_vec_push(&d->missing, m))
		return 0;
	free(m.what);
	free(m.how);
	return -ENOMEM;
}

/* Where the scheduler tells it: /proc/TID/schedstat, ns run and ns waited (sched-stats.rst). */
static char *schedstat_how(const struct vnx_case *c, enum vnx_metric m)
{
	bool worker = vnx_metric_info(m)->owner == VNX_OF_WORKER, run = m == VNX_VHOST_RUN;
	const struct vnx_u32s *tids = worker ? &c->f->vm.workers : &c->f->vm.vcpus;
	const char *who = worker ? "vhost worker" : "vCPU thread";
	const char *what = run ? "1 (ns it ran)" : "2 (ns it waited for a CPU)";

	if (!tids->n)
		return vnx_asprintf("read field %s of /proc/TID/schedstat of the %s twice", what,
				    who);
	return vnx_asprintf("read field %s of /proc/%u/schedstat (%s%s) twice", what, tids->v[0],
			    who, tids->n > 1 ? ", the first of several" : "");
}

/* What would have to be read by hand, or what to do so that it is measured. */
static char *how_to_get(const struct vnx_case *c, enum vnx_metric m)
{
	static const char *const ways[VNX_METRIC_MAX] = {
		[VNX_VHOST_THROTTLED] = "throttled_usec in cpu.stat of the VM's control group",
		[VNX_QDISC_DROPS] = "tc -s qdisc, on the tap and on the uplink, twice",
		[VNX_LOAD_RECVQ] =
			"run the load by vnetdx (-- COMMAND), or ss -tmi beside it on the "
			"receiving machine",
		[VNX_LOAD_OOO] = "run the load by vnetdx (-- COMMAND), or ss -ti on both ends: "
				 "retrans, rcv_ooopack",
	};
	const char *why = c->conf->not_measured[m];

	if (m == VNX_VHOST_RUNQ_WAIT || m == VNX_VHOST_RUN || m == VNX_VCPU_RUNQ_WAIT) {
		VNX_CLEANUP_FREE char *by_hand = schedstat_how(c, m);

		if (why && by_hand && strcmp(why, VNX_NO_EVIDENCE))
			return vnx_asprintf("%s; without it: %s", why, by_hand);
		return by_hand ? strdup(by_hand) : NULL;
	}
	if (why && ways[m])
		return vnx_asprintf("%s; without it: %s", why, ways[m]);
	if (why || ways[m])
		return strdup(why ? why : ways[m]);
	return strdup("vnetdx check says which hook it needs");
}

static bool is_missing(const struct vnx_judge *j, enum vnx_metric m)
{
	return vnx_metric_can_move(&j->c->f->vm, m) && isnan(j->a[m]);
}

static int missing_list(const struct vnx_judge *j, struct vnx_degradation *d)
{
	static const enum vnx_metric wanted[] = {
		VNX_VHOST_RUNQ_WAIT, VNX_VHOST_RUN,   VNX_VCPU_RUNQ_WAIT,
		VNX_VHOST_THROTTLED, VNX_QDISC_DROPS, VNX_HANDLE_TX,
		VNX_HANDLE_RX,       VNX_VCPU_ENTER,  VNX_VCPU_HALT,
	};
	bool receiver = is_missing(j, VNX_LOAD_RECVQ) && is_missing(j, VNX_LOAD_BUSY);
	int err = 0;

	if (j->c->tap)
		err = missing_add(d, "offered_load",
				  strdup("name the load after --, or its output by --throughput: "
					 "a tap does not show what the guest wanted to send"));
	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted) && !err; i++)
		if (is_missing(j, wanted[i]))
			err = missing_add(d, vnx_metric_name(wanted[i]),
					  how_to_get(j->c, wanted[i]));
	if (!err && receiver)
		err = missing_add(d, vnx_metric_name(VNX_LOAD_RECVQ),
				  how_to_get(j->c, VNX_LOAD_RECVQ));
	if (!err && is_missing(j, VNX_LOAD_OOO) && is_missing(j, VNX_LOAD_RETRANS))
		err = missing_add(d, vnx_metric_name(VNX_LOAD_OOO), how_to_get(j->c, VNX_LOAD_OOO));
	return err;
}

static int alternatives_list(const struct vnx_judge *j, struct vnx_degradation *d)
{
	for (size_t done = 0; done < VNX_CAUSE_MAX; done++) {
		double best = NOTABLE, last = 2;
		int which = -1;

		if (d->alternatives.n)
			last = d->alternatives.v[d->alternatives.n - 1].score;
		for (int k = 0; k < VNX_CAUSE_MAX; k++) {
			bool told = k == (int)d->cause;

			for (size_t i = 0; i < d->alternatives.n && !told; i++)
				told = (int)d->alternatives.v[i].cause == k;
			if (told || j->score[k] > last || !(j->score[k] > best))
				continue;
			best = j->score[k];
			which = k;
		}
		if (which < 0)
			return 0;
		if (vnx_vec_grow((void **)&d->alternatives.v, &d->alternatives.cap,
				 d->alternatives.n + 1, sizeof(*d->alternatives.v)))
			return -ENOMEM;
		d->alternatives.v[d->alternatives.n].cause = (enum vnx_cause)which;
		d->alternatives.v[d->alternatives.n++].score = best;
	}
	return 0;
}

static struct vnx_parts parts_none(void)
{
	struct vnx_parts p = { 0 };

	for (int k = 0; k < VNX_SPENT_MAX; k++)
		p.before[k] = p.after[k] = p.part[k] = p.error[k] = p.moved[k] = NAN;
	p.left = NAN;
	return p;
}

/* Mean shares of an earlier run, which are of all the VM's threads of that kind. */
static void baseline_shares(const double *level, bool worker, double *out)
{
	struct vnx_thread_input t = { 0 };

	for (enum vnx_time k = 0; k < VNX_TIMES; k++) {
		enum vnx_metric m = vnx_time_metric(worker, k);

		t.x[k] = m == VNX_LOST || isnan(level[m]) ? NULL : &level[m];
	}
	for (enum vnx_spent k = 0; k < VNX_SPENT_MAX; k++)
		out[k] = vnx_thread_share(&t, k, 0);
}

/* How much of the fall the thread's own time explains; of a vCPU its running is no reason. */
static double explains(const struct vnx_parts *p)
{
	double sum = p->part[VNX_SPENT_WAIT] + p->part[VNX_SPENT_QUOTA];

	if (p->thread->worker)
		sum += p->part[VNX_SPENT_RUN] + p->part[VNX_SPENT_IRQ];
	return isnan(sum) ? -INFINITY : sum;
}

/* Of the workers or the vCPUs the one that explains most: one ill queue of eight is no mean. */
static struct vnx_parts worst_parts(const struct vnx_judge *j, bool worker)
{
	const struct vnx_case *c = j->c;
	const struct vnx_baseline *base = j->span.from == j->span.until ? c->baseline : NULL;
	/* another run's are known as means only */
	const struct vnx_thread_input *t = base ? c->stand : c->threads;
	size_t n = base ? VNX_ARRAY_SIZE(c->stand) : c->n_threads;
	struct vnx_parts worst = parts_none(), p;
	double shares[VNX_SPENT_MAX];

	if (base)
		baseline_shares(base->level, worker, shares);
	for (size_t i = 0; i < n; i++) {
		if (t[i].worker != worker || !t[i].x[VNX_TIME_RUN])
			continue;
		vnx_parts_of(&t[i], c->f->series[VNX_THROUGHPUT], &j->span, base ? shares : NULL,
			     base ? base->mean_bps : NAN, &p);
		if (!worst.thread || explains(&p) > explains(&worst))
			worst = p;
	}
	return worst;
}

static void judge_init(struct vnx_judge *j, const struct vnx_case *c,
		       const struct vnx_degradation *d, const struct vnx_span *span)
{
	*j = (struct vnx_judge){ .c = c, .span = *span };
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		j->b[m] = j->a[m] = NAN;
	j->b[VNX_THROUGHPUT] = d->before_bps;
	j->a[VNX_THROUGHPUT] = d->after_bps;
	for (size_t i = 0; i < d->levels.n; i++) {
		j->b[d->levels.v[i].metric] = d->levels.v[i].before;
		j->a[d->levels.v[i].metric] = d->levels.v[i].after;
	}
	j->worker = worst_parts(j, true);
	j->vcpu = worst_parts(j, false);
	vnx_judge_blame(j);
}

static const struct vnx_cause_rule *choose(struct vnx_judge *j)
{
	const struct vnx_cause_rule *best = NULL;

	for (size_t i = 0; i < vnx_n_cause_rules; i++) {
		const struct vnx_cause_rule *rule = &vnx_cause_rules[i];
		double s = rule->score(j);

		j->score[rule->cause] = s;
		if (s >= ENOUGH && (!best || s > j->score[best->cause]))
			best = rule;
	}
	return best;
}

/* Half of the time or more; or of what has no natural bound, more than twice what it was. */
static bool is_high(const struct vnx_evidence *e)
{
	enum vnx_unit unit = vnx_metric_info(e->metric)->unit;

	if ((unit == VNX_NS || unit == VNX_PPM) && e->after >= 0.5)
		return true;
	return e->after > 2 * e->before + 1e-9; /* never of what was not measured */
}

/* Of @list those that were measured; against: only where they are high. */
static int put_metrics(const struct vnx_judge *j, const enum vnx_metric *list, bool against,
		       struct vnx_degradation *d)
{
	for (size_t i = 0; i < VNX_TELLS_MAX && list[i] != VNX_LOST; i++) {
		struct vnx_evidence e = { list[i], j->b[list[i]], j->a[list[i]] };

		if ((isnan(e.before) && isnan(e.after)) || (against && !is_high(&e)))
			continue;
		if (against ? vnx_vec_push(&d->against, e) : vnx_vec_push(&d->evidence, e))
			return -ENOMEM;
	}
	return 0;
}

static int name_cause(const struct vnx_judge *j, const struct vnx_cause_rule *rule,
		      struct vnx_degradation *d)
{
	d->cause = rule->cause;
	d->score = j->score[rule->cause];
	d->finding = rule->finding(j);
	d->advice = rule->advice(j);
	if (!d->finding || !d->advice || put_metrics(j, rule->tells, false, d) ||
	    put_metrics(j, rule->against, true, d))
		return -ENOMEM;
	if (rule->thread) {
		const struct vnx_thread_input *t = rule->thread(j)->thread;

		d->where = t ? vnx_thread_words(&j->c->f->vm, t) : NULL;
		if (t && !d->where)
			return -ENOMEM;
	}
	/* whom a quota stops waits for nobody */
	if (d->cause == VNX_CAUSE_VCPU_STARVED &&
	    j->vcpu.part[VNX_SPENT_QUOTA] > fmax(0, j->vcpu.part[VNX_SPENT_WAIT]))
		return 0;
	if (d->cause == VNX_CAUSE_CPU_CONTENTION || d->cause == VNX_CAUSE_VCPU_STARVED)
		return vnx_judge_offenders(j, d->cause == VNX_CAUSE_CPU_CONTENTION, d);
	return 0;
}

static int name_unknown(const struct vnx_judge *j, struct vnx_degradation *d)
{
	d->cause = VNX_CAUSE_UNKNOWN;
	d->finding = strdup("");
	d->advice = strdup(
		j->c->tap
			? "Repeat under a constant load (vnetdx diagnose -- iperf3 ...): the "
			  "tap alone cannot tell less demand from a worse path."
			: "Find what started on the host when the fall did; the numbers that were "
			  "measured fit no known cause well enough to name it.");
	for (size_t i = 0; i < d->levels.n; i++)
		if (vnx_vec_push(&d->evidence, d->levels.v[i]))
			return -ENOMEM;
	return d->finding && d->advice ? 0 : -ENOMEM;
}

int vnx_case_explain(const struct vnx_case *c, struct vnx_degradation *d,
		     const struct vnx_span *span)
{
	const struct vnx_cause_rule *rule;
	struct vnx_judge j;
	int err;

	d->levels.v = d->evidence.v;
	d->levels.n = d->evidence.n;
	d->levels.cap = d->evidence.cap;
	d->evidence.v = NULL;
	d->evidence.n = d->evidence.cap = 0;
	judge_init(&j, c, d, span);
	rule = choose(&j);
	d->worker_parts = j.worker;
	d->vcpu_parts = j.vcpu;
	d->worker_parts.thread = d->vcpu_parts.thread = NULL;
	err = rule ? name_cause(&j, rule, d) : name_unknown(&j, d);
	if (!err)
		err = alternatives_list(&j, d);
	return err ? err : missing_list(&j, d);
}
