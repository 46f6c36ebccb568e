// SPDX-License-Identifier: GPL-2.0-only
/*
 * Falls with a witness. Throughput that wanders hides falls that a test of it alone must leave
 * in doubt: a place chosen among many in noise that remembers. But where what does harm (waiting
 * for a CPU, a quota, a queue that drops, a receiver that stops) rises clearly and at once, the
 * place is given by that, and the test of throughput there need not pay for having searched.
 */
#include "analysis/witness.h"

#include "analysis/stats.h"

#include <math.h>

#define SIDE_MIN 4  /* bins on either side of a place */
#define MOST 240    /* bins; longer levels tell their falls by themselves */
#define NEAR 2      /* bins that throughput may fall before or after its witness rises */
#define EFFECT 0.1  /* smaller falls are not looked for */
#define P_FALL 0.05 /* of throughput, at a place that the witness gives */
#define RISE 0.03   /* of a share; other metrics must double */
#define PHI_MAX 0.95
#define PRIOR 8.0 /* bins' worth of the common variance in that of each side */

/* A level of throughput, its valid bins only. */
struct level {
	double *root, *other; /* of throughput; of a witness in the same bins, NaN: missing */
	size_t *bin;
	size_t n;
};

static void level_fini(struct level *l)
{
	free(l->root);
	free(l->other);
	free(l->bin);
}

static int level_init(struct level *l, const double *y, size_t from, size_t to)
{
	size_t n = to - from;

	*l = (struct level){ .root = malloc((n + 1) * sizeof(*l->root)),
			     .other = malloc((n + 1) * sizeof(*l->other)),
			     .bin = malloc((n + 1) * sizeof(*l->bin)) };
	if (!l->root || !l->other || !l->bin)
		return -ENOMEM;
	for (size_t i = from; i < to; i++) {
		if (!isfinite(y[i]))
			continue;
		l->root[l->n] = sqrt(fmax(y[i], 0));
		l->bin[l->n++] = i;
	}
	return 0;
}

struct split {
	double before, after, p; /* means, and p of their being one */
	double phi;
};

/* Welch with effective sizes, as the exact search tests its bounds (segment.c). */
static struct split split_test(const double *x, size_t n, size_t at)
{
	struct vnx_stretch part[2] = { { x, at }, { x + at, n - at } };
	double var[2], neff[2], df[2], mean[2], pool, phi = vnx_ar1_pooled(part, 2);
	struct split s;

	phi = fmin(phi + 0.5 * sqrt((1 - phi * phi) / (double)n), PHI_MAX);
	for (int i = 0; i < 2; i++) {
		double m = (double)part[i].n;

		mean[i] = vnx_mean(part[i].x, part[i].n);
		var[i] = vnx_sd(part[i].x, part[i].n) * vnx_sd(part[i].x, part[i].n);
		neff[i] = vnx_mean_neff(part[i].n, phi);
		df[i] = fmax(m * (1 - phi * phi) / (1 + phi * phi) - 1, 1) + PRIOR;
	}
	pool = (((double)at - 1) * var[0] + ((double)(n - at) - 1) * var[1]) / ((double)n - 2);
	for (int i = 0; i < 2; i++)
		var[i] = (((double)part[i].n - 1) * var[i] + PRIOR * pool) /
			 ((double)part[i].n - 1 + PRIOR);
	s = (struct split){ .before = mean[0], .after = mean[1], .phi = phi };
	s.p = vnx_welch_p_moments(mean[0], var[0], neff[0], df[0], mean[1], var[1], neff[1], df[1]);
	if (isnan(s.p)) /* two constants */
		s.p = mean[0] == mean[1] ? 1 : 0;
	return s;
}

/* Squares about the two means, less what does not depend on the place; lower is better. */
static double split_cost(const double *sum, size_t n, size_t at)
{
	double a = sum[at], b = sum[n] - sum[at];

	return -a * a / (double)at - b * b / (double)(n - at);
}

/*
 * The witness in the level's bins; what is missing is taken as it was in the bin before, or, at
 * the begin, as it is in the first one that has it. False where more than a quarter is missing.
 */
static bool listen(const struct vnx_witness *w, struct level *l)
{
	size_t missing = 0, first = l->n;

	for (size_t i = 0; i < l->n; i++) {
		double x = w->x[l->bin[i]];

		if (!isfinite(x))
			missing++;
		else if (first == l->n)
			first = i;
		if (!isfinite(x) && i)
			l->other[i] = l->other[i - 1];
		else
			l->other[i] = w->is_share ? x : sqrt(fmax(x, 0));
	}
	for (size_t i = 0; first < l->n && i < first; i++)
		l->other[i] = l->other[first];
	return missing * 4 <= l->n && l->n;
}

/*
 * The clearest rise of the witness in the level: its first value there in *at, true if it is one.
 * Tested for as many places as there are independent values, and for @n_witnesses.
 */
static bool rises(const struct vnx_witness *w, struct level *l, size_t n_witnesses, double p_max,
		  double *sum, size_t *at)
{
	double best = INFINITY;
	struct split s;

	if (!listen(w, l))
		return false;
	for (size_t i = 0; i < l->n; i++)
		sum[i + 1] = sum[i] + l->other[i];
	for (size_t k = SIDE_MIN; k + SIDE_MIN <= l->n; k++) {
		double cost = split_cost(sum, l->n, k);

		if (cost >= best)
			continue;
		best = cost;
		*at = k;
	}
	s = split_test(l->other, l->n, *at);
	if (w->is_share ? s.after - s.before < RISE
			: !(s.after * s.after > 2 * s.before * s.before))
		return false;
	return s.p * vnx_mean_neff(l->n, s.phi) * (double)n_witnesses <= p_max;
}

/* Half-width around @at, in values, that holds 95 % of the likelihood of the fall's place. */
static size_t halfwidth(const struct level *l, double *sum, size_t at)
{
	struct vnx_stretch part[2] = { { l->root, at }, { l->root + at, l->n - at } };
	double phi = vnx_ar1_pooled(part, 2), squares = 0, total = 0, in = 0, best, scale;

	for (size_t i = 0; i < l->n; i++) {
		sum[i + 1] = sum[i] + l->root[i];
		squares += l->root[i] * l->root[i];
	}
	best = split_cost(sum, l->n, at);
	/* independent values' likelihood, for as many as there are */
	scale = 2 * (squares + best) / (double)(l->n - 2) * (1 + phi) / (1 - phi);
	if (!(scale > 0)) /* two constants */
		return 0;
	for (size_t k = SIDE_MIN; k + SIDE_MIN <= l->n; k++)
		total += exp((best - split_cost(sum, l->n, k)) / scale);
	for (size_t w = 0; w < l->n; w++) {
		if (at + w + SIDE_MIN <= l->n)
			in += exp((best - split_cost(sum, l->n, at + w)) / scale);
		if (w && at >= SIDE_MIN + w)
			in += exp((best - split_cost(sum, l->n, at - w)) / scale);
		if (in >= 0.95 * total)
			return w;
	}
	return l->n;
}

/* Does throughput fall near value @at of the level? *place and *s of where it does so best. */
static bool falls_near(const struct level *l, size_t at, size_t *place, struct split *s)
{
	size_t lo = at > NEAR + SIDE_MIN ? at - NEAR : SIDE_MIN;
	bool found = false;

	for (size_t k = lo; k <= at + NEAR && k + SIDE_MIN <= l->n; k++) {
		struct split here = split_test(l->root, l->n, k);

		if (here.after * here.after > (1 - EFFECT) * here.before * here.before ||
		    here.p * (2 * NEAR + 1) > P_FALL || (found && here.p >= s->p))
			continue;
		*s = here;
		*place = k;
		found = true;
	}
	return found;
}

static int fall_make(const struct level *l, const double *y, size_t from, size_t to, size_t place,
		     double *sum, double p, struct vnx_change *out)
{
	size_t at = l->bin[place], gap = at - l->bin[place - 1] - 1;

	*out = (struct vnx_change){ .at = at,
				    .uncertainty = 0.5 + (double)(halfwidth(l, sum, place) + gap),
				    .before = vnx_mean(y + from, at - from),
				    .after = vnx_mean(y + at, to - at),
				    .p = fmin(1, p * (2 * NEAR + 1)) };
	return 1;
}

int vnx_witness_find(const double *y, size_t from, size_t to, const struct vnx_witness *w, size_t n,
		     double p_max, struct vnx_change *out)
{
	VNX_CLEANUP_FREE double *sum = calloc(to - from + 1, sizeof(*sum));
	struct split best = { 0 };
	struct level l = { 0 };
	size_t place = 0;
	int ret = -ENOMEM;

	if (!sum || level_init(&l, y, from, to))
		goto out;
	ret = 0;
	if (l.n < 2 * SIDE_MIN || l.n > MOST)
		goto out;
	for (size_t i = 0; i < n; i++) {
		struct split s;
		size_t at = 0, where = 0;

		if (!rises(&w[i], &l, n, p_max, sum, &at) || !falls_near(&l, at, &where, &s) ||
		    (place && s.p >= best.p))
			continue;
		best = s;
		place = where;
	}
	if (place)
		ret = fall_make(&l, y, from, to, place, sum, best.p, out);
out:
	level_fini(&l);
	return ret;
}
