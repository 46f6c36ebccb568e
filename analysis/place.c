// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/place.h"

#include <math.h>

/* The overlap of x with y put at @lag: from bin @x0 of x and @y0 of y on, so many bins. */
struct overlap {
	size_t x0, y0, n;
};

static struct overlap overlap_at(size_t n, size_t m, long lag)
{
	struct overlap o = { 0 };

	if (lag >= 0)
		o.x0 = (size_t)lag;
	else
		o.y0 = (size_t)-lag;
	if (o.x0 < n && o.y0 < m)
		o.n = n - o.x0 < m - o.y0 ? n - o.x0 : m - o.y0;
	return o;
}

/* Pearson's r in two passes over the valid pairs; NaN where not defined. */
static double fast_r(const double *x, const double *y, size_t n, size_t *pairs)
{
	double mx = 0, my = 0, sxx = 0, syy = 0, sxy = 0;
	size_t valid = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]) || !isfinite(y[i]))
			continue;
		mx += x[i];
		my += y[i];
		valid++;
	}
	*pairs = valid;
	mx /= (double)valid;
	my /= (double)valid;
	for (size_t i = 0; i < n; i++) {
		double dx = x[i] - mx, dy = y[i] - my;

		if (!isfinite(dx) || !isfinite(dy))
			continue;
		sxx += dx * dx;
		syy += dy * dy;
		sxy += dx * dy;
	}
	return sxx > 0 && syy > 0 ? fmax(-1, fmin(1, sxy / sqrt(sxx) / sqrt(syy))) : NAN;
}

/* A long overlap with a good r beats a short one with a better. */
static double score(double r, size_t pairs)
{
	return fabs(atanh(0.999999 * r)) * sqrt((double)pairs - 3);
}

/* How far around the best lag r stays within its interval. */
static void find_plateau(const double *r, long from, long to, struct vnx_place *p)
{
	double low = fmin(fabs(p->c.ci_lo), fabs(p->c.ci_hi));

	p->first = p->last = p->lag;
	if (!isfinite(low) || p->c.ci_lo * p->c.ci_hi <= 0)
		return;
	while (p->first > from && r[p->first - 1 - from] * p->c.r >= low * fabs(p->c.r))
		p->first--;
	while (p->last < to && r[p->last + 1 - from] * p->c.r >= low * fabs(p->c.r))
		p->last++;
}

int vnx_place_search(const double *x, size_t n, const double *y, size_t m, long from, long to,
		     size_t min_pairs, double most, struct vnx_place *out)
{
	VNX_CLEANUP_FREE double *r = NULL;
	double best = -1;
	struct overlap o;

	*out = (struct vnx_place){ 0 };
	if (to < from)
		return 0;
	r = malloc((size_t)(to - from + 1) * sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (long lag = from; lag <= to; lag++) {
		size_t pairs = 0;

		r[lag - from] = NAN;
		o = overlap_at(n, m, lag);
		if (o.n < min_pairs || o.n < 5)
			continue;
		r[lag - from] = fast_r(x + o.x0, y + o.y0, o.n, &pairs);
		if (pairs < min_pairs || pairs < 5 || isnan(r[lag - from])) {
			r[lag - from] = NAN;
			continue;
		}
		out->tries++;
		if (score(r[lag - from], pairs) > best) {
			best = score(r[lag - from], pairs);
			out->lag = lag;
		}
	}
	if (!out->tries)
		return 0;
	o = overlap_at(n, m, out->lag);
	vnx_correlate_most(VNX_PEARSON, x + o.x0, y + o.y0, o.n, most, &out->c);
	find_plateau(r, from, to, out);
	return 0;
}
