// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run against an earlier one: for a host that is ill from the first second on.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define BASELINE_EFFECT 0.1 /* two runs differ by more than two halves of one */
#define BASELINE_CLEAR 0.25 /* ... and hardly by that, whatever the lower one does */

bool vnx_baseline_make(const struct vnx_vm_finding *f, const struct vnx_grid *grid,
		       struct vnx_baseline *out)
{
	const double *y = f->series[VNX_THROUGHPUT];
	double bin_s = (double)grid->bin_ns / VNX_NSEC_PER_SEC, phi;
	double values = (double)f->throughput.values / (double)f->throughput.n;
	size_t n = grid->n, valid = 0, from = 0;

	if (f->degradations.n)
		n = (size_t)(f->degradations.v[0].start_s / bin_s + 0.5);
	for (size_t i = 0; y && i < n; i++)
		valid += isfinite(y[i]);
	if (valid < VNX_JUDGE_BINS)
		return false;
	phi = vnx_autocorr(y, n, 1);
	*out = (struct vnx_baseline){ .mean_bps = vnx_mean(y, n),
				      .sd_bps = vnx_sd(y, n),
				      .n_eff = fmin(vnx_mean_neff(valid, phi > 0 ? phi : 0),
						    (double)valid * values),
				      .backend = f->vm.backend };
	vnx_trim(y, &from, &n);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		double mean = f->series[m] ? vnx_mean(f->series[m] + from, n - from) : NAN;

		out->level[m] = vnx_metric_is_mean((enum vnx_metric)m) ? mean : mean / bin_s;
	}
	return out->mean_bps > 0;
}

/* Is the run's first level, of observations [0, n), lower than the baseline? p in *p. */
static bool lies_under(const struct vnx_case *c, size_t n, double *mean, double *p)
{
	const double *y = c->obs.y;
	const struct vnx_baseline *base = c->baseline;
	double sd = vnx_sd(y, n), phi = vnx_autocorr(y, n, 1), n_eff;
	size_t valid = 0;

	for (size_t i = 0; i < n; i++)
		valid += isfinite(y[i]);
	*mean = vnx_mean(y, n);
	if (valid < (c->obs.bins ? c->conf->min_bins : 2) ||
	    !(*mean < base->mean_bps * (1 - BASELINE_EFFECT)))
		return false;
	n_eff = vnx_mean_neff(valid, phi > 0 ? phi : 0);
	*p = vnx_welch_p_moments(base->mean_bps, base->sd_bps * base->sd_bps, base->n_eff,
				 base->n_eff - 1, *mean, sd * sd, n_eff, n_eff - 1);
	if (*p < VNX_P_MAX || valid < VNX_JUDGE_BINS ||
	    !(*mean < base->mean_bps * (1 - BASELINE_CLEAR)))
		return *p < VNX_P_MAX;
	/* It wanders too much to be the measure of itself: were it well, it would be as steady. */
	n_eff = fmin(base->n_eff, (double)valid);
	*p = vnx_welch_p_moments(base->mean_bps, base->sd_bps * base->sd_bps, base->n_eff,
				 base->n_eff - 1, *mean, base->sd_bps * base->sd_bps, n_eff,
				 base->n_eff - 1);
	return *p < VNX_P_MAX;
}

static int levels_fill(const struct vnx_case *c, struct vnx_degradation *d, size_t from, size_t n)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		struct vnx_evidence e = { .metric = (enum vnx_metric)m, .after = NAN };

		if (m == VNX_THROUGHPUT || m == VNX_LOST)
			continue;
		e.before = c->baseline->level[m];
		if (c->f->series[m] && vnx_metric_can_move(&c->f->vm, e.metric))
			e.after = vnx_case_level(c, e.metric, from, n);
		if ((!isnan(e.before) || !isnan(e.after)) && vnx_vec_push(&d->evidence, e))
			return -ENOMEM;
	}
	return 0;
}

int vnx_case_compare(struct vnx_case *c)
{
	size_t values = c->changes.n ? c->changes.v[0].at : c->obs.n;
	size_t n = c->obs.start[values], from = 0;
	struct vnx_degradation d = { .end_s = NAN,
				     .before_bps = c->baseline->mean_bps,
				     .bytes_per_call_before = NAN,
				     .bytes_per_call_after = NAN,
				     .detected_s = NAN,
				     .bins_after = n,
				     .from_baseline = true,
				     .cause = VNX_CAUSE_UNKNOWN };
	struct vnx_degradation *first;

	if (!lies_under(c, values, &d.after_bps, &d.p))
		return 0;
	d.change = (d.after_bps - d.before_bps) / d.before_bps;
	for (size_t i = 0; i < c->changes.n && isnan(d.end_s); i++)
		if (c->changes.v[i].after >= d.before_bps * (1 - BASELINE_EFFECT))
			d.end_s = (double)c->obs.start[c->changes.v[i].at] * c->bin_s;
	if (vnx_vec_push(&c->f->degradations, d))
		return -ENOMEM;
	/* It comes first in time. */
	first = c->f->degradations.v;
	d = first[c->f->degradations.n - 1];
	memmove(first + 1, first, (c->f->degradations.n - 1) * sizeof(*first));
	*first = d;
	vnx_trim(c->f->series[VNX_THROUGHPUT], &from, &n);
	first->bins_after = n - from;
	if (levels_fill(c, first, from, n))
		return -ENOMEM;
	return vnx_case_explain(c, first, &(struct vnx_span){ from, from, from, from, n });
}
