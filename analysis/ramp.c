// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gradual changes. Segmentation knows only levels, so it cuts a slow fall into a staircase.
 *
 * Decision, for changes i..j of one direction that follow each other: over the bins from the
 * change before i to the one after j, the staircase (a level each) is compared with one ramp
 * (level, straight line, level) by the Schwarz criterion
 *
 *	gain = n log(SSE_steps / SSE_ramp) + (p_steps - p_ramp) log n
 *
 * where n is the effective number of bins under the noise's AR(1), a staircase of k steps has
 * p = 2k + 1 parameters (places and levels), a ramp 4. Squares are weighted by one over the
 * level, as noise grows with it (see segment.c). A ramp it is when the gain is at least
 * GAIN_MIN, so that noise that has blurred the levels does not make a ramp of a staircase:
 * levels are what load schedules and most faults make. Of several that qualify the best by
 * one common noise goes first, then what is left on either side of it.
 */
#include "analysis/change.h"

#include "analysis/stats.h"

#include <math.h>

#define GAIN_MIN 4.0
#define RAMP_PARAMETERS 4
#define HOLDS 0.98 /* for 95 %: the end and the noise are estimated too */
#define RUN_MAX 16 /* changes looked at together */
#define GRID 160   /* places of start and end that are tried at first; then finer around the best */
#define PHI_MAX 0.9 /* of levels that a slope may have left in */

/* The valid bins in [lo, hi), and sums over the first k of them of the weighted moments. */
struct window {
	size_t lo, hi, n;
	size_t *first; /* of each bin from lo to hi: how many valid ones come before it */
	double *y;     /* scaled by the mean */
	double *sums;  /* SUMS for each k */
	double scale, floor;
	double n_eff;
};

enum { W, WT, WTT, WY, WTY, WYY, SUMS };

struct fit {
	size_t from, to; /* bins of the window: the line runs from the begin of one to that of the
			    other */
	double sse, level, change;
};

static void window_fini(struct window *w)
{
	free(w->first);
	free(w->y);
	free(w->sums);
}

static void sums_between(const struct window *w, size_t from, size_t to, double *out)
{
	const double *a = w->sums + SUMS * w->first[from], *b = w->sums + SUMS * w->first[to];

	for (int i = 0; i < SUMS; i++)
		out[i] = b[i] - a[i];
}

static void value_add(struct window *w, size_t t, double y, double weight)
{
	const double *last = w->sums + SUMS * w->n;
	double *next = w->sums + SUMS * ++w->n, time = (double)t + 0.5;
	double add[SUMS] = { weight,     weight * time,     weight * time * time,
			     weight * y, weight * time * y, weight * y * y };

	for (int i = 0; i < SUMS; i++)
		next[i] = last[i] + add[i];
	w->y[w->n - 1] = y;
}

static int window_init(struct window *w, const double *y, size_t lo, size_t hi)
{
	size_t n = hi - lo;

	*w = (struct window){ .lo = lo, .hi = hi, .scale = fabs(vnx_mean(y + lo, n)) };
	w->first = calloc(n + 1, sizeof(*w->first));
	w->y = calloc(n + 1, sizeof(*w->y));
	w->sums = calloc((n + 1) * SUMS, sizeof(*w->sums));
	return w->first && w->y && w->sums ? 0 : -ENOMEM;
}

/* Changes i..j of @c with the levels around them; returns the squares about those levels. */
static double steps_fill(struct window *w, const double *y, const struct vnx_changes *c, size_t i,
			 size_t j)
{
	double sse = 0, s[SUMS];
	size_t from = w->lo;

	for (size_t k = i; k <= j + 1; k++) {
		size_t to = k <= j ? c->v[k].at : w->hi;
		double mean = vnx_mean(y + from, to - from) / w->scale;

		for (size_t b = from; b < to; b++) {
			w->first[b - w->lo] = w->n;
			if (isfinite(y[b]))
				value_add(w, b - w->lo, y[b] / w->scale,
					  1 / fmax(fabs(mean), 0.05));
		}
		w->first[to - w->lo] = w->n;
		sums_between(w, from - w->lo, to - w->lo, s);
		if (s[W] > 0)
			sse += fmax(s[WYY] - s[WY] * s[WY] / s[W], 0);
		from = to;
	}
	w->floor = 1e-6 * w->sums[SUMS * w->n + WYY];
	return sse;
}

/* Least squares of level + change * r(t), r rising from 0 to 1 between two bins. */
static struct fit ramp_fit(const struct window *w, size_t from, size_t to)
{
	double len = (double)(to - from), start = (double)from, r, rr, ry, det, s[SUMS], e[SUMS];
	const double *all = w->sums + SUMS * w->n;
	struct fit f = { from, to, INFINITY, 0, 0 };

	sums_between(w, from, to, s);
	sums_between(w, to, w->hi - w->lo, e);
	r = (s[WT] - start * s[W]) / len + e[W];
	rr = (s[WTT] - 2 * start * s[WT] + start * start * s[W]) / (len * len) + e[W];
	ry = (s[WTY] - start * s[WY]) / len + e[WY];
	det = all[W] * rr - r * r;
	if (!(det > 1e-12 * all[W] * all[W]))
		return f;
	f.change = (all[W] * ry - r * all[WY]) / det;
	f.level = (all[WY] - f.change * r) / all[W];
	f.sse = fmax(all[WYY] - f.level * all[WY] - f.change * ry, 0);
	return f;
}

/* The best of the grid of starts and ends within the bounds. */
static struct fit grid_best(const struct window *w, const size_t *lo, const size_t *hi, size_t step,
			    size_t least)
{
	struct fit best = { .sse = INFINITY };

	for (size_t from = lo[0]; from <= hi[0]; from += step) {
		size_t to = from + least > lo[1] ? from + least : lo[1];

		for (; to <= hi[1]; to += step) {
			struct fit f = ramp_fit(w, from, to);

			if (f.sse < best.sse)
				best = f;
		}
	}
	return best;
}

static struct fit ramp_search(const struct window *w, size_t min_bins)
{
	size_t n = w->hi - w->lo, step = n / GRID + 1, least = 2 * min_bins;
	size_t lo[2] = { min_bins, min_bins + least }, hi[2] = { n - least, n };
	struct fit best = grid_best(w, lo, hi, step, least);

	if (step > 1 && isfinite(best.sse)) {
		lo[0] = best.from > lo[0] + step ? best.from - step : lo[0];
		lo[1] = best.to > lo[1] + step ? best.to - step : lo[1];
		hi[0] = best.from + step < hi[0] ? best.from + step : hi[0];
		hi[1] = best.to + step < hi[1] ? best.to + step : hi[1];
		best = grid_best(w, lo, hi, 1, least);
	}
	return best;
}

/* AR(1) of the noise: the smaller of what either model leaves. */
static double noise_phi(const struct window *w, const struct fit *f, const double *y,
			const struct vnx_changes *c, size_t i, size_t j)
{
	struct vnx_stretch part[RUN_MAX + 1], rest;
	double *left VNX_CLEANUP_FREE = malloc((w->hi - w->lo) * sizeof(*left)), len;
	size_t from = w->lo, n = 0;

	for (size_t k = i; k <= j + 1; k++) {
		size_t to = k <= j ? c->v[k].at : w->hi;

		part[n++] = (struct vnx_stretch){ y + from, to - from };
		from = to;
	}
	if (!left)
		return vnx_ar1_pooled(part, n);
	len = (double)(f->to - f->from);
	for (size_t b = w->lo; b < w->hi; b++) {
		double r = ((double)(b - w->lo) + 0.5 - (double)f->from) / len;

		left[b - w->lo] = y[b] / w->scale - f->level - f->change * fmin(fmax(r, 0), 1);
	}
	rest = (struct vnx_stretch){ left, w->hi - w->lo };
	return fmin(vnx_ar1_pooled(part, n), vnx_ar1_pooled(&rest, 1));
}

/* Half-width around the best start that holds 95 % of the likelihood, the best end at each. */
static double start_halfwidth(const struct window *w, const struct fit *best, size_t min_bins)
{
	size_t n = w->hi - w->lo, least = 2 * min_bins, step = n / GRID + 1, width = 0;
	double *lik VNX_CLEANUP_FREE = calloc(n + 1, sizeof(*lik)), total = 0, in;

	if (!lik)
		return (double)n;
	for (size_t from = min_bins; from + least <= n; from++) {
		size_t lo[2] = { from, from + least }, hi[2] = { from, n };
		double sse =
			fmin(grid_best(w, lo, hi, step, least).sse,
			     from + least <= best->to ? ramp_fit(w, from, best->to).sse : INFINITY);

		lik[from] =
			exp(-w->n_eff / 2 * log(fmax(sse, w->floor) / fmax(best->sse, w->floor)));
		total += lik[from];
	}
	for (in = lik[best->from]; in < HOLDS * total && width < n;) {
		width++;
		in += best->from + width <= n ? lik[best->from + width] : 0;
		in += best->from >= width ? lik[best->from - width] : 0;
	}
	return (double)width;
}

/* What surrounds changes i..j counts only as far as they reach themselves: it may drift. */
static void window_bounds(const struct vnx_changes *c, size_t n, size_t i, size_t j, size_t *lo,
			  size_t *hi)
{
	size_t reach = c->v[j].at - c->v[i].at;

	reach = reach > 60 ? reach : 60;
	*lo = i ? c->v[i - 1].at : 0;
	*hi = j + 1 < c->n ? c->v[j + 1].at : n;
	if (c->v[i].at - *lo > reach)
		*lo = c->v[i].at - reach;
	if (*hi - c->v[j].at > reach)
		*hi = c->v[j].at + reach;
}

/* One ramp instead of changes i..j. */
struct candidate {
	struct vnx_ramp ramp;
	double gain;  /* against the steps, by the noise of its own window; negative: none */
	double saved; /* squares */
	double noise; /* long-run variance */
	double costs; /* parameters saved, times log n */
};

/* Fills *out. -ENOMEM. */
static int candidate_fill(const double *y, size_t n, const struct vnx_changes *c, size_t i,
			  size_t j, size_t min_bins, struct candidate *out)
{
	double sse, phi;
	size_t lo, hi;
	struct window w;
	struct fit f;
	int err;

	*out = (struct candidate){ .gain = -1 };
	window_bounds(c, n, i, j, &lo, &hi);
	if (hi - lo < 4 * min_bins)
		return 0;
	err = window_init(&w, y, lo, hi);
	if (err)
		goto out;
	sse = steps_fill(&w, y, c, i, j);
	f = ramp_search(&w, min_bins);
	if (!(w.n > 8) || !isfinite(f.sse) || f.change >= 0)
		goto out;
	phi = fmin(noise_phi(&w, &f, y, c, i, j), PHI_MAX);
	w.n_eff = fmax((double)w.n * (1 - phi) / (1 + phi), 4);
	sse = fmax(sse, w.floor);
	f.sse = fmax(f.sse, w.floor);
	out->costs = (2 * (double)(j - i + 1) + 1 - RAMP_PARAMETERS) * log(w.n_eff);
	out->gain = w.n_eff * log(sse / f.sse) + out->costs;
	out->saved = (sse - f.sse) * w.scale;
	out->noise = fmin(sse, f.sse) * w.scale / w.n_eff;
	out->ramp = (struct vnx_ramp){ .first = i,
				       .last = j,
				       .from = lo + f.from,
				       .to = lo + f.to,
				       .before = f.level * w.scale,
				       .after = (f.level + f.change) * w.scale };
	if (out->gain > 0)
		out->ramp.uncertainty = 0.5 + start_halfwidth(&w, &f, min_bins);
out:
	window_fini(&w);
	return err;
}

/*
 * The best ramp within the run of changes a..b; gain under GAIN_MIN: none. Candidates are
 * ranked by one noise for all: a short stretch that happens to be quiet is no reason.
 */
static int run_best(const double *y, size_t n, const struct vnx_changes *c, size_t a, size_t b,
		    size_t min_bins, struct candidate *best)
{
	double noise, rank, most = -INFINITY;
	struct candidate k;
	int err;

	*best = (struct candidate){ .gain = -1 };
	err = candidate_fill(y, n, c, a, b < a + RUN_MAX ? b : a + RUN_MAX - 1, min_bins, &k);
	noise = k.noise;
	for (size_t i = a; !err && i <= b; i++) {
		for (size_t j = i; !err && j <= b && j < i + RUN_MAX; j++) {
			err = candidate_fill(y, n, c, i, j, min_bins, &k);
			rank = (noise > 0 ? k.saved / noise : 0) + k.costs;
			if (k.gain >= GAIN_MIN && rank > most) {
				most = rank;
				*best = k;
			}
		}
	}
	return err;
}

/* Steps among a..b that are as likely short ramps: their start may be as early as that. */
static int doubts_add(const double *y, size_t n, const struct vnx_changes *c, size_t a, size_t b,
		      size_t min_bins, struct vnx_ramps *out)
{
	struct candidate k;
	int err = 0;

	for (size_t i = a; !err && i <= b; i++) {
		err = candidate_fill(y, n, c, i, i, min_bins, &k);
		k.ramp.doubtful = true;
		if (!err && k.gain > 0)
			err = vnx_vec_push(out, k.ramp);
	}
	return err;
}

/* Ramps among changes a..b, all of one direction, in order of time. */
static int run_split(const double *y, size_t n, const struct vnx_changes *c, size_t a, size_t b,
		     size_t min_bins, struct vnx_ramps *out)
{
	struct candidate best;
	int err = run_best(y, n, c, a, b, min_bins, &best);

	if (err)
		return err;
	if (best.gain < GAIN_MIN)
		return doubts_add(y, n, c, a, b, min_bins, out);
	if (best.ramp.first > a)
		err = run_split(y, n, c, a, best.ramp.first - 1, min_bins, out);
	if (!err)
		err = vnx_vec_push(out, best.ramp);
	if (!err && best.ramp.last < b)
		err = run_split(y, n, c, best.ramp.last + 1, b, min_bins, out);
	return err;
}

static bool is_down(const struct vnx_change *c)
{
	return c->after < c->before;
}

int vnx_ramps_find(const double *y, size_t n, const struct vnx_changes *c, size_t min_bins,
		   struct vnx_ramps *out)
{
	int err = 0;

	for (size_t a = 0, b; !err && a < c->n; a = b + 1) {
		for (b = a; b + 1 < c->n && is_down(&c->v[b + 1]) == is_down(&c->v[a]);)
			b++;
		if (is_down(&c->v[a]))
			err = run_split(y, n, c, a, b, min_bins, out);
	}
	return err;
}
