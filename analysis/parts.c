// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/parts.h"

#include <math.h>

#include "analysis/stats.h"

#define Z95 1.96

static const char *const names[VNX_SPENT_MAX] = {
	[VNX_SPENT_RUN] = "run", [VNX_SPENT_WAIT] = "wait",     [VNX_SPENT_QUOTA] = "quota",
	[VNX_SPENT_IRQ] = "irq", [VNX_SPENT_ASLEEP] = "asleep",
};

const char *vnx_spent_name(enum vnx_spent part)
{
	return (unsigned)part < VNX_SPENT_MAX ? names[part] : NULL;
}

enum vnx_metric vnx_time_metric(bool worker, enum vnx_time k)
{
	static const enum vnx_metric of_worker[VNX_TIMES] = { VNX_VHOST_RUN, VNX_VHOST_RUNQ_WAIT,
							      VNX_VHOST_THROTTLED, VNX_WORKER_IRQ };
	static const enum vnx_metric of_vcpu[VNX_TIMES] = { VNX_VCPU_RUN, VNX_VCPU_RUNQ_WAIT,
							    VNX_VCPU_THROTTLED, VNX_LOST };

	return worker ? of_worker[k] : of_vcpu[k];
}

/* What was not measured at all takes no time. */
static double at(const double *x, size_t i)
{
	return x && isfinite(x[i]) ? fmin(fmax(x[i], 0), 1) : 0;
}

/*
 * The CPU's own account holds: what interrupts took of it, in ksoftirqd as well, nobody else had,
 * so that a thread can have waited for others in what is left only.
 *
 * A quota's account is its group's and counts each CPU: of a thread it is that part of the wait
 * for a CPU (run_delay of the kernel's sched_info goes on while a group is throttled).
 */
double vnx_thread_share(const struct vnx_thread_input *t, enum vnx_spent part, size_t i)
{
	const double *const *x = t->x;
	double run, wait, quota, irq;

	if (!x[VNX_TIME_RUN] || !isfinite(x[VNX_TIME_RUN][i]) ||
	    (x[VNX_TIME_WAIT] && !isfinite(x[VNX_TIME_WAIT][i])) ||
	    (x[VNX_TIME_THROTTLED] && !isfinite(x[VNX_TIME_THROTTLED][i])))
		return NAN;
	run = at(x[VNX_TIME_RUN], i);
	wait = fmin(at(x[VNX_TIME_WAIT], i), 1 - run);
	quota = fmin(at(x[VNX_TIME_THROTTLED], i), x[VNX_TIME_WAIT] ? wait : 1 - run);
	wait = fmax(0, wait - quota);
	irq = fmin(at(x[VNX_TIME_IRQ], i), fmax(0, 1 - run - quota));
	wait = fmin(wait, fmax(0, 1 - run - quota - irq));
	switch (part) {
	case VNX_SPENT_RUN:
		return run;
	case VNX_SPENT_WAIT:
		return wait;
	case VNX_SPENT_QUOTA:
		return quota;
	case VNX_SPENT_IRQ:
		return irq;
	default:
		return fmax(0, 1 - run - wait - quota - irq);
	}
}

/* Sums over the bins of a level in which both the share and throughput are known. */
struct level {
	double x, y; /* means */
	size_t n;
};

static struct level level_of(const struct vnx_thread_input *t, enum vnx_spent part, const double *y,
			     size_t from, size_t to)
{
	struct level l = { 0 };

	for (size_t i = from; i < to; i++) {
		double x = vnx_thread_share(t, part, i);

		if (!isfinite(x) || (y && !isfinite(y[i])))
			continue;
		l.x += x;
		l.y += y ? y[i] : 0;
		l.n++;
	}
	l.x = l.n ? l.x / (double)l.n : NAN;
	l.y = l.n ? l.y / (double)l.n : NAN;
	return l;
}

/* Moments of a series that comes value by value; NaN is left out. */
struct moments {
	double sum, lagged, last;
	size_t n;
};

static void moments_add(struct moments *m, double e)
{
	if (!isfinite(e))
		return;
	m->sum += e * e;
	if (m->n)
		m->lagged += e * m->last;
	m->last = e;
	m->n++;
}

/* Variance of the mean of values about 0 that depend on their predecessors (AR(1)). */
static double variance_of_mean(const struct moments *m)
{
	double phi = m->sum > 0 ? m->lagged / m->sum : 0;

	if (m->n < 2)
		return NAN;
	return m->sum / (double)(m->n - 1) / vnx_mean_neff(m->n, fmin(fmax(phi, 0), 0.98));
}

/*
 * Variance of what a level adds to a part p: with x the share and y throughput, x/y - p/y changes
 * by (x_i - (X - p) / Y * y_i) / Y for each bin's own deviation (first order), p held fixed.
 */
static double level_variance(const struct vnx_thread_input *t, enum vnx_spent part, const double *y,
			     size_t from, size_t to, const struct level *l, double p)
{
	struct moments m = { 0 };

	for (size_t i = from; i < to; i++) {
		double x = vnx_thread_share(t, part, i);

		moments_add(&m, ((x - l->x) - (l->x - p) * (y[i] - l->y) / l->y) / l->y);
	}
	return variance_of_mean(&m);
}

/* Variance of a level's mean share. */
static double share_variance(const struct vnx_thread_input *t, enum vnx_spent part, size_t from,
			     size_t to, double mean)
{
	struct moments m = { 0 };

	for (size_t i = from; i < to; i++)
		moments_add(&m, vnx_thread_share(t, part, i) - mean);
	return variance_of_mean(&m);
}

static void part_fill(const struct vnx_thread_input *t, enum vnx_spent k, const double *y,
		      const struct vnx_span *s, const double *before, double before_bps,
		      struct vnx_parts *out)
{
	struct level a = level_of(t, k, y, s->since, s->to);
	struct level b = before ? (struct level){ before[k], before_bps, 0 }
				: level_of(t, k, y, s->from, s->until);
	double slower = 1 / a.y - 1 / b.y, var;

	if (k == VNX_SPENT_RUN)
		out->left = a.y / b.y;
	out->before[k] = b.x;
	out->after[k] = a.x;
	out->part[k] = out->error[k] = NAN;
	var = share_variance(t, k, s->since, s->to, a.x);
	if (!before)
		var += share_variance(t, k, s->from, s->until, b.x);
	out->moved[k] = Z95 * sqrt(var);
	if (!(a.y > 0)) {
		out->part[k] = a.x;
		out->error[k] = Z95 * sqrt(share_variance(t, k, s->since, s->to, a.x));
		return;
	}
	if (!(slower > 0))
		return;
	out->part[k] = (a.x / a.y - b.x / b.y) / slower;
	var = level_variance(t, k, y, s->since, s->to, &a, out->part[k]);
	if (!before)
		var += level_variance(t, k, y, s->from, s->until, &b, out->part[k]);
	out->error[k] = Z95 * sqrt(var) / slower;
}

void vnx_parts_of(const struct vnx_thread_input *t, const double *y, const struct vnx_span *span,
		  const double *before, double before_bps, struct vnx_parts *out)
{
	*out = (struct vnx_parts){ .thread = t->x[VNX_TIME_RUN] ? t : NULL };
	for (enum vnx_spent k = 0; k < VNX_SPENT_MAX; k++)
		part_fill(t, k, y, span, before, before_bps, out);
}

struct vnx_level vnx_thread_level(const struct vnx_thread_input *t, enum vnx_spent part,
				  size_t from, size_t to)
{
	struct level l = level_of(t, part, NULL, from, to);

	return (struct vnx_level){ l.x, Z95 * sqrt(share_variance(t, part, from, to, l.x)) };
}
