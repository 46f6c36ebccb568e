// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/observe.h"

#include "analysis/stats.h"

#include <math.h>

#define AROUND 32  /* observations on either side of a step that it may have fallen into */
#define NOISE 1e-3 /* of the level; nothing is trusted to be steadier */
#define PHI_MAX 0.95

/* The bins that lie within the interval have its value; where there is none, those next to it. */
static double value_of(const double *y, const int *interval, size_t from, size_t to)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (!isfinite(y[i]) || interval[i] < 0)
			continue;
		sum += y[i];
		n++;
	}
	return n ? sum / (double)n : vnx_mean(y + from, to - from);
}

int vnx_obs_init(struct vnx_obs *o, const double *y, const int *interval, size_t n_bins)
{
	*o = (struct vnx_obs){ .bins = !interval,
			       .y = malloc((n_bins + 1) * sizeof(*o->y)),
			       .start = malloc((n_bins + 1) * sizeof(*o->start)) };
	if (!o->y || !o->start) {
		vnx_obs_fini(o);
		return -ENOMEM;
	}
	for (size_t i = 0, to; i < n_bins; i = to) {
		to = i + 1;
		while (interval && to < n_bins && abs(interval[to]) == abs(interval[i]))
			to++;
		o->start[o->n] = i;
		o->y[o->n] = interval ? value_of(y, interval, i, to) : y[i];
		o->valid += isfinite(o->y[o->n++]);
	}
	o->start[o->n] = n_bins;
	return 0;
}

void vnx_obs_fini(struct vnx_obs *o)
{
	free(o->y);
	free(o->start);
	*o = (struct vnx_obs){ 0 };
}

void vnx_obs_mean(const struct vnx_obs *o, const double *x, double *out)
{
	for (size_t k = 0; k < o->n; k++)
		out[k] = vnx_mean(x + o->start[k], o->start[k + 1] - o->start[k]);
}

double vnx_obs_bins(const struct vnx_obs *o)
{
	size_t bins = 0;

	for (size_t k = 0; k < o->n; k++)
		if (isfinite(o->y[k]))
			bins += o->start[k + 1] - o->start[k];
	return o->bins || !o->valid ? 1 : (double)bins / (double)o->valid;
}

/* The bin at which @at observations end, within one in proportion. */
static double bin_at(const struct vnx_obs *o, double at)
{
	double whole = fmin(fmax(floor(at), 0), (double)o->n);
	size_t k = (size_t)whole;

	if (k == o->n || at < 0)
		return (double)o->start[k];
	return (double)o->start[k] + (at - whole) * (double)(o->start[k + 1] - o->start[k]);
}

double vnx_obs_reach(const struct vnx_obs *o, size_t at, double half)
{
	double here = (double)at;

	if (o->bins)
		return half;
	return fmax(bin_at(o, here + half) - bin_at(o, here),
		    bin_at(o, here) - bin_at(o, here - half));
}

/* The step within observation @mixed: what the rest of both sides leaves of squares, in *squares.
 */
static struct vnx_obs_step split_in(const struct vnx_obs *o, size_t from, size_t mixed, size_t to,
				    double *squares)
{
	struct vnx_obs_step s = { .before = vnx_mean(o->y + from, mixed - from),
				  .after = vnx_mean(o->y + mixed + 1, to - mixed - 1) };
	double width = (double)(o->start[mixed + 1] - o->start[mixed]);
	double share = (o->y[mixed] - s.after) / (s.before - s.after), fits, off;

	*squares = INFINITY;
	if (!isfinite(share))
		return s;
	fits = fmin(fmax(share, 0), 1);
	s.bin = (double)o->start[mixed] + fits * width;
	off = (share - fits) * (s.before - s.after);
	*squares = off * off;
	for (size_t k = from; k < to; k++) {
		double e = o->y[k] - (k < mixed ? s.before : s.after);

		if (k != mixed && isfinite(e))
			*squares += e * e;
	}
	return s;
}

/* Independent values' likelihood, for as many as there are: so many squares are one unit. */
static double unit_of(const struct vnx_obs *o, size_t from, size_t at, size_t to, double squares)
{
	struct vnx_stretch part[2] = { { o->y + from, at - from }, { o->y + at, to - at } };
	double phi = fmin(vnx_ar1_pooled(part, 2), PHI_MAX),
	       level = vnx_mean(o->y + from, at - from);
	double var =
		fmax(squares / fmax((double)(to - from) - 3, 1), NOISE * NOISE * level * level);

	return 2 * var * (1 + phi) / (1 - phi);
}

/* Observations on either side of @best that hold 95 % of the likelihood. */
static size_t halfwidth(const double *squares, size_t n, size_t best, double unit)
{
	double total = 0, in = 0;

	for (size_t i = 0; i < n; i++)
		total += exp((squares[best] - squares[i]) / unit);
	for (size_t w = 0; w < n; w++) {
		if (best + w < n)
			in += exp((squares[best] - squares[best + w]) / unit);
		if (w && w <= best)
			in += exp((squares[best] - squares[best - w]) / unit);
		if (in >= 0.95 * total)
			return w;
	}
	return n;
}

/* Bins before observation @at of which nothing is known. */
static double gap_before(const struct vnx_obs *o, size_t at)
{
	size_t k = at;

	while (k && !isfinite(o->y[k - 1]))
		k--;
	return (double)(o->start[at] - o->start[k]);
}

struct vnx_obs_step vnx_obs_split(const struct vnx_obs *o, size_t from, size_t at, size_t to)
{
	size_t lo = at > from + AROUND ? at - AROUND : from,
	       hi = to > at + AROUND ? at + AROUND : to;
	struct vnx_obs_step best = { .bin = (double)o->start[at],
				     .before = vnx_mean(o->y + from, at - from),
				     .after = vnx_mean(o->y + at, to - at) };
	double squares[2 * AROUND], least = INFINITY, unit, width;
	size_t mixed = at;

	for (size_t k = lo; k < hi; k++) {
		struct vnx_obs_step s = split_in(o, from, k, to, &squares[k - lo]);

		if (!(squares[k - lo] < least))
			continue;
		least = squares[k - lo];
		best = s;
		mixed = k;
	}
	unit = unit_of(o, from, at, to, isfinite(least) ? least : 0);
	width = isfinite(least) ? (double)halfwidth(squares, hi - lo, mixed - lo, unit) : 0;
	best.uncertainty =
		(0.5 + width) * (double)(o->start[mixed + 1] - o->start[mixed]) + gap_before(o, at);
	return best;
}
