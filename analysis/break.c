// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steady levels that break off. A load below what its path can carry runs as flat as it was
 * asked to; once the path is the limit it is lower, and restless. Noise measured over both
 * hides such a fall, so here only what came before is the measure of it, as on a control chart.
 */
#include "analysis/change.h"

#include "analysis/stats.h"

#include <math.h>

#define BEFORE_MIN 10  /* bins that make a level the measure of what follows */
#define BEFORE_MAX 240 /* older ones say nothing of the noise now */
#define AFTER_MIN 5    /* what lasts less is no level */
#define AFTER_MAX 20
#define STEADY 0.03 /* spread of a steady level, of its root: 6 % of throughput */
#define EFFECT 0.15 /* smaller falls are left to the exact search */
#define NOISE 0.005 /* of its root; no level is trusted to be steadier */
#define PHI_MAX 0.95

/*
 * p of @after as more of @before (roots): Welch with the noise of the first for both, its
 * autocorrelation taken a standard error higher (Bartlett 1946) as few bins tell little of it,
 * and as many degrees of freedom as its variance has (Bayley & Hammersley 1946).
 */
static double break_p(const double *before, size_t nb, const double *after, size_t na)
{
	struct vnx_stretch part = { before, nb };
	double phi = vnx_ar1_pooled(&part, 1), level = vnx_mean(before, nb), sd, df, p;

	phi = fmin(phi + sqrt((1 - phi * phi) / (double)nb), PHI_MAX);
	sd = fmax(vnx_sd(before, nb), NOISE * level);
	if (sd > STEADY * level)
		return 1;
	df = fmax((double)nb * (1 - phi * phi) / (1 + phi * phi) - 1, 1);
	p = vnx_welch_p_moments(level, sd * sd, vnx_mean_neff(nb, phi), df, vnx_mean(after, na),
				sd * sd, vnx_mean_neff(na, phi), df);
	return isnan(p) ? 1 : p;
}

/* Cheap to know: does the mean fall by EFFECT at all? Sums of the roots up to each value. */
static bool falls(const double *sum, size_t from, size_t at, size_t to)
{
	double before = (sum[at] - sum[from]) / (double)(at - from);
	double after = (sum[to] - sum[at]) / (double)(to - at);

	return before > 0 && after < before * sqrt(1 - EFFECT);
}

int vnx_break_find(const double *root, size_t n, double p_max, size_t *at, double *p)
{
	double *sum VNX_CLEANUP_FREE = malloc((n + 1) * sizeof(*sum));
	bool found = false;

	if (!sum)
		return -ENOMEM;
	sum[0] = 0;
	for (size_t i = 0; i < n; i++)
		sum[i + 1] = sum[i] + root[i];
	/* looked for at every place: each takes its share of p_max */
	*p = n ? p_max / (double)n : 0;
	for (size_t i = BEFORE_MIN; i + AFTER_MIN <= n; i++) {
		size_t from = i > BEFORE_MAX ? i - BEFORE_MAX : 0;
		size_t to = i + AFTER_MAX < n ? i + AFTER_MAX : n;
		double here;

		if (!falls(sum, from, i, to) || !falls(sum, from, i, i + AFTER_MIN))
			continue;
		here = break_p(root + from, i - from, root + i, to - i);
		if (here > *p)
			continue;
		*p = here;
		*at = i;
		found = true;
	}
	*p = fmin(1, *p * (double)n);
	return found;
}
