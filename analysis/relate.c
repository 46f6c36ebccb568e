// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far the kernel's call counts explain the throughput: every call metric against it, raw,
 * smoothed and within stages. A counter the back end cannot move is refused, not correlated.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#include "analysis/place.h"

/* Of the moving average; with fewer the 95 % interval holds r in 72 to 84 of 100 runs (n = 40). */
#define SMA_WINDOWS 5

/* Per back end: why handle_tx and handle_rx stand still. NULL: they move. */
#define STILL(why)                                                           \
	{                                                                    \
		"handle_tx cannot move: " why, "handle_rx cannot move: " why \
	}
static const char *const why_still[VNX_BACKEND_MAX][2] = {
	[VNX_BACKEND_QEMU] = STILL("back end is qemu-virtio, QEMU moves the packets itself"),
	[VNX_BACKEND_EMULATED] = STILL("back end is qemu-emulated, QEMU moves the packets itself"),
	[VNX_BACKEND_VHOST_USER] =
		STILL("back end is vhost-user, a switch in user space moves the packets"),
	[VNX_BACKEND_VDPA] = STILL("back end is vdpa, the device moves the packets"),
	[VNX_BACKEND_VFIO] = STILL("back end is vfio, the guest drives the device itself"),
	[VNX_BACKEND_NONE] = STILL("the VM has no network card with a host side"),
};

const char *vnx_metric_why_still(const struct vnx_vm *vm, enum vnx_metric metric)
{
	if (metric != VNX_HANDLE_TX && metric != VNX_HANDLE_RX)
		return NULL;
	if ((unsigned)vm->backend >= VNX_BACKEND_MAX)
		return NULL;
	return why_still[vm->backend][metric == VNX_HANDLE_RX];
}

bool vnx_metric_can_move(const struct vnx_vm *vm, enum vnx_metric metric)
{
	switch (vnx_metric_info(metric)->owner) {
	case VNX_OF_WORKER:
		return vnx_backend_has_worker(vm->backend) || vm->backend == VNX_BACKEND_UNKNOWN;
	case VNX_OF_TAP:
		return vnx_backend_has_tap(vm->backend) || vm->backend == VNX_BACKEND_UNKNOWN;
	default:
		return true;
	}
}

static unsigned *stages_fixed(const struct vnx_case *c, unsigned *stage)
{
	const double *y = c->f->series[VNX_THROUGHPUT];
	size_t first = 0;

	while (first < c->grid->n && !isfinite(y[first]))
		first++;
	for (size_t i = 0; i < c->grid->n; i++) {
		double t_s = i > first ? (double)(i - first) * c->bin_s : 0;

		/* 1e-9: 25 s of 0.5 s bins must not end at bin 49 by rounding */
		stage[i] = (unsigned)(t_s / c->conf->stage_s + 1e-9);
	}
	return stage;
}

static unsigned *stages_found(const struct vnx_case *c, unsigned *stage)
{
	size_t next = 0;

	for (size_t i = 0; i < c->grid->n; i++) {
		while (next < c->changes.n && c->obs.start[c->changes.v[next].at] <= i)
			next++;
		stage[i] = (unsigned)next;
	}
	return stage;
}

int vnx_case_stages(struct vnx_case *c)
{
	unsigned *stage;

	if (!c->f->series[VNX_THROUGHPUT])
		return 0;
	stage = calloc(c->grid->n, sizeof(*stage));
	if (!stage)
		return -ENOMEM;
	c->f->stage = c->conf->stage_s > 0 ? stages_fixed(c, stage) : stages_found(c, stage);
	return 0;
}

/* What is correlated with what, prepared once per metric. */
struct relation {
	const double *x, *y;   /* raw */
	double *sma_x, *sma_y; /* grid.n each */
	double *in_x, *in_y;   /* stage means removed */
};

static int relation_add(struct vnx_case *c, enum vnx_metric x, enum vnx_corr_on on,
			enum vnx_corr_method method, const struct vnx_corr *corr, double lag_s)
{
	struct vnx_correlation item = {
		.x = x, .y = VNX_THROUGHPUT, .on = on, .method = method, .c = *corr, .lag_s = lag_s
	};

	vnx_corr_correct(method, c->conf->places, &item.c);
	return vnx_vec_push(&c->f->correlations, item);
}

/* No more values of throughput are independent than there are observations. */
static double most_values(const struct vnx_case *c)
{
	return c->obs.bins ? INFINITY : (double)c->obs.valid;
}

/* r alone: what is known of it is not enough for an interval. */
static void forget_certainty(struct vnx_corr *c, const char *why)
{
	c->ci_lo = c->ci_hi = c->p = NAN;
	c->undefined = why;
}

/* A stage's mean takes one degree of freedom with it. */
static void correlate_within(const struct vnx_case *c, const struct relation *r,
			     struct vnx_corr *out)
{
	double n_eff = fmin(vnx_neff(r->in_x, r->in_y, c->grid->n), most_values(c));
	double n = 0, stages = 0;
	unsigned last = 0;

	for (size_t i = 0; i < c->grid->n; i++) {
		if (!isfinite(r->x[i]) || !isfinite(r->y[i]))
			continue;
		stages += !n || c->f->stage[i] != last;
		last = c->f->stage[i];
		n++;
	}
	if (n > 0)
		n_eff *= fmax(n - stages + 1, 0) / n;
	vnx_correlate_neff(VNX_PEARSON, r->in_x, r->in_y, c->grid->n, n_eff, out);
	/* stages that were found in the throughput are no experiment's: independent series agree */
	if (!(c->conf->stage_s > 0))
		forget_certainty(out,
				 "interval and p: the stages were found in the throughput itself");
}

/* Lags within the clocks' uncertainty, in bins; 0: the clocks agree to half a bin. */
static size_t lags_to_search(const struct vnx_case *c)
{
	double lags = c->conf->clock_uncertainty_s / c->bin_s;

	if (!(lags > 0.5))
		return 0;
	return (size_t)fmin(ceil(lags), (double)c->grid->n / 4);
}

static int relate_lag(struct vnx_case *c, enum vnx_metric x, const struct relation *r)
{
	size_t max_lag = lags_to_search(c);
	struct vnx_corr corr;
	long lag;

	if (!max_lag)
		return 0;
	vnx_correlate_lag(r->x, r->y, c->grid->n, max_lag, most_values(c), &corr, &lag);
	if (!lag) /* said already */
		return 0;
	return relation_add(c, x, VNX_ON_RAW, VNX_PEARSON, &corr, (double)lag * c->bin_s);
}

static int relation_prepare(const struct vnx_case *c, struct relation *r)
{
	size_t n = c->grid->n;

	vnx_sma(r->x, n, c->conf->sma_bins, r->sma_x);
	vnx_sma(r->y, n, c->conf->sma_bins, r->sma_y);
	if (vnx_remove_stage_means(r->x, c->f->stage, n, r->in_x) ||
	    vnx_remove_stage_means(r->y, c->f->stage, n, r->in_y))
		return -ENOMEM;
	return 0;
}

static int relate_measured(struct vnx_case *c, enum vnx_metric x, struct relation *r)
{
	size_t n = c->grid->n;
	struct vnx_corr corr;
	int err = relation_prepare(c, r);

	for (int m = VNX_PEARSON; !err && m <= VNX_KENDALL; m++) {
		vnx_correlate_most((enum vnx_corr_method)m, r->x, r->y, n, most_values(c), &corr);
		err = relation_add(c, x, VNX_ON_RAW, (enum vnx_corr_method)m, &corr, 0);
	}
	if (!err)
		err = relate_lag(c, x, r);
	if (err)
		return err;
	vnx_correlate_most(VNX_PEARSON, r->sma_x, r->sma_y, n, most_values(c), &corr);
	if (n < SMA_WINDOWS * c->conf->sma_bins)
		forget_certainty(&corr, "interval and p: fewer than 5 windows");
	err = relation_add(c, x, VNX_ON_SMA, VNX_PEARSON, &corr, 0);
	if (err)
		return err;
	correlate_within(c, r, &corr);
	return relation_add(c, x, VNX_ON_WITHIN_STAGE, VNX_PEARSON, &corr, 0);
}

/* The same rows, undefined, so that nobody takes their absence for an oversight. */
static int relate_refused(struct vnx_case *c, enum vnx_metric x, const char *why)
{
	struct vnx_corr corr = { .r = NAN, .n_eff = NAN, .ci_lo = NAN, .ci_hi = NAN, .p = NAN };
	int err = 0;

	corr.undefined = why;
	for (int m = VNX_PEARSON; !err && m <= VNX_KENDALL; m++)
		err = relation_add(c, x, VNX_ON_RAW, (enum vnx_corr_method)m, &corr, 0);
	if (!err)
		err = relation_add(c, x, VNX_ON_SMA, VNX_PEARSON, &corr, 0);
	return err ? err : relation_add(c, x, VNX_ON_WITHIN_STAGE, VNX_PEARSON, &corr, 0);
}

static const char *const not_measured[] = {
	[VNX_HANDLE_TX] = "handle_tx was not measured",
	[VNX_HANDLE_RX] = "handle_rx was not measured",
	[VNX_VCPU_ENTER] = "vcpu_enter was not measured",
	[VNX_VCPU_HALT] = "vcpu_halt was not measured",
};

int vnx_case_relate(struct vnx_case *c)
{
	double *buf VNX_CLEANUP_FREE = calloc(c->grid->n, 4 * sizeof(*buf));
	size_t n = c->grid->n;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	for (int m = VNX_HANDLE_TX; !err && m <= VNX_VCPU_HALT; m++) {
		enum vnx_metric x = (enum vnx_metric)m;
		const char *why = vnx_metric_why_still(&c->f->vm, x);
		struct relation r = {
			c->f->series[m], c->f->series[VNX_THROUGHPUT], buf, buf + n, buf + 2 * n,
			buf + 3 * n
		};

		if (!why && !r.x)
			why = not_measured[m];
		if (!why && !r.y)
			why = "throughput was not measured";
		err = why ? relate_refused(c, x, why) : relate_measured(c, x, &r);
	}
	return err;
}
