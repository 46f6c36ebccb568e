// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pearson, Spearman and Kendall over pairs of bins, judged by the effective sample size.
 */
#include "analysis/place.h"

#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

static const char *const method_names[] = {
	[VNX_PEARSON] = "pearson",
	[VNX_SPEARMAN] = "spearman",
	[VNX_KENDALL] = "kendall",
};

static const char *const on_names[] = {
	[VNX_ON_RAW] = "raw",
	[VNX_ON_SMA] = "sma",
	[VNX_ON_WITHIN_STAGE] = "within-stage",
};

const char *vnx_corr_method_name(enum vnx_corr_method m)
{
	return (unsigned)m < VNX_ARRAY_SIZE(method_names) ? method_names[m] : NULL;
}

const char *vnx_corr_on_name(enum vnx_corr_on on)
{
	return (unsigned)on < VNX_ARRAY_SIZE(on_names) ? on_names[on] : NULL;
}

/* Pairs on the bins' grid: NaN in both where one is missing, so that lags keep their meaning. */
struct pairs {
	double *x, *y;
	size_t n;     /* bins */
	size_t valid; /* pairs */
};

static void pairs_fini(struct pairs *p)
{
	free(p->x);
	free(p->y);
}

static int pairs_init(struct pairs *p, const double *x, const double *y, size_t n)
{
	*p = (struct pairs){ .n = n };
	p->x = malloc((n + 1) * sizeof(*p->x));
	p->y = malloc((n + 1) * sizeof(*p->y));
	if (!p->x || !p->y) {
		pairs_fini(p);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		bool both = isfinite(x[i]) && isfinite(y[i]);

		p->x[i] = both ? x[i] : NAN;
		p->y[i] = both ? y[i] : NAN;
		p->valid += both;
	}
	return 0;
}

struct ranked {
	double value;
	size_t at;
};

static int ranked_cmp(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Replaces the valid values by their ranks from 1; equal values share the middle rank. */
static int rank_values(double *x, size_t n)
{
	struct ranked *v VNX_CLEANUP_FREE = malloc((n + 1) * sizeof(*v));
	size_t valid = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (isfinite(x[i]))
			v[valid++] = (struct ranked){ x[i], i };
	qsort(v, valid, sizeof(*v), ranked_cmp);
	for (size_t i = 0, end; i < valid; i = end) {
		for (end = i; end < valid && v[end].value == v[i].value; end++)
			;
		for (size_t k = i; k < end; k++)
			x[v[k].at] = ((double)i + (double)end + 1) / 2;
	}
	return 0;
}

/* Two passes; sums of products of raw values would lose everything at 10 Gbit/s. */
static double pearson_r(const struct pairs *p)
{
	double mx = vnx_mean(p->x, p->n), my = vnx_mean(p->y, p->n);
	double sxx = 0, syy = 0, sxy = 0, cx = 0, cy = 0, n = (double)p->valid, r;

	for (size_t i = 0; i < p->n; i++) {
		double dx = p->x[i] - mx, dy = p->y[i] - my;

		if (!isfinite(p->x[i]))
			continue;
		sxx += dx * dx;
		syy += dy * dy;
		sxy += dx * dy;
		cx += dx;
		cy += dy;
	}
	sxx -= cx * cx / n;
	syy -= cy * cy / n;
	sxy -= cx * cy / n;
	r = sxy / sqrt(sxx) / sqrt(syy);
	return fmax(-1, fmin(1, r));
}

/* Kendall's score and what ties do to it. */
struct kendall {
	double score;          /* concordant minus discordant pairs */
	double pairs;          /* n (n - 1) / 2 */
	double ties_x, ties_y; /* pairs tied in x, in y */
	double var;            /* of the score, if x and y are independent */
	double sx2, sx3, sxv;  /* sums over groups of ties: t(t-1), t(t-1)(t-2), t(t-1)(2t+5) */
	double sy2, sy3, syv;
};

struct point {
	double x, y;
};

static int point_cmp(const void *a, const void *b)
{
	const struct point *p = a, *q = b;

	if (p->x != q->x)
		return p->x > q->x ? 1 : -1;
	return (p->y > q->y) - (p->y < q->y);
}

/* Sorts v by y, stable; returns how many swaps of neighbours that is worth. */
static double swaps_by_y(struct point *v, struct point *tmp, size_t n)
{
	double swaps = 0;

	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = mid + width < n ? mid + width : n;
			size_t a = lo, b = mid;

			for (size_t k = lo; k < hi; k++) {
				bool left = b >= hi || (a < mid && v[a].y <= v[b].y);

				if (!left)
					swaps += (double)(mid - a);
				tmp[k] = left ? v[a++] : v[b++];
			}
		}
		memcpy(v, tmp, n * sizeof(*v));
	}
	return swaps;
}

static void tie_add(double t, double *s2, double *s3, double *sv)
{
	*s2 += t * (t - 1);
	*s3 += t * (t - 1) * (t - 2);
	*sv += t * (t - 1) * (2 * t + 5);
}

/* Ties in x and in both, v sorted by x then y. Returns pairs tied in both. */
static double ties_in_x(const struct point *v, size_t n, struct kendall *k)
{
	double both = 0;

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && v[end].x == v[i].x; end++)
			;
		tie_add((double)(end - i), &k->sx2, &k->sx3, &k->sxv);
		for (size_t j = i, stop; j < end; j = stop) {
			for (stop = j; stop < end && v[stop].y == v[j].y; stop++)
				;
			both += (double)(stop - j) * (double)(stop - j - 1) / 2;
		}
	}
	return both;
}

static void ties_in_y(const struct point *v, size_t n, struct kendall *k)
{
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && v[end].y == v[i].y; end++)
			;
		tie_add((double)(end - i), &k->sy2, &k->sy3, &k->syv);
	}
}

/*
 * Kendall's score in O(n log n): sorted by x, the discordant pairs are the swaps a merge
 * sort by y makes (Knight 1966). Variance with ties: Kendall, Rank Correlation Methods, ch. 4.
 */
static int kendall_score(const struct pairs *p, struct kendall *k)
{
	struct point *v VNX_CLEANUP_FREE = malloc((p->valid + 1) * sizeof(*v));
	struct point *tmp VNX_CLEANUP_FREE = malloc((p->valid + 1) * sizeof(*tmp));
	double n = (double)p->valid, both;
	size_t m = 0;

	memset(k, 0, sizeof(*k));
	if (!v || !tmp)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		if (isfinite(p->x[i]))
			v[m++] = (struct point){ p->x[i], p->y[i] };
	qsort(v, m, sizeof(*v), point_cmp);
	both = ties_in_x(v, m, k);
	k->score = -2 * swaps_by_y(v, tmp, m);
	ties_in_y(v, m, k);
	k->pairs = n * (n - 1) / 2;
	k->ties_x = k->sx2 / 2;
	k->ties_y = k->sy2 / 2;
	k->score += k->pairs - k->ties_x - k->ties_y + both;
	k->var = (n * (n - 1) * (2 * n + 5) - k->sxv - k->syv) / 18 +
		 k->sx2 * k->sy2 / (2 * n * (n - 1));
	if (m > 2)
		k->var += k->sx3 * k->sy3 / (9 * n * (n - 1) * (n - 2));
	return 0;
}

/* Variance of tau among @n independent pairs without ties. */
static double tau_var(double n)
{
	return 2 * (2 * n + 5) / (9 * n * (n - 1));
}

/*
 * Two-sided p of tau-b. The score's variance, ties and all, is that of n pairs; it grows as
 * that of tau does when only n_eff of them are independent.
 */
static double kendall_p(const struct kendall *k, double n, double n_eff)
{
	double sd = sqrt(k->var * tau_var(n_eff) / tau_var(n));

	return sd > 0 ? 2 * pnorm5(-fabs(k->score) / sd, 0, 1, 1, 0) : NAN;
}

static double student_p(double r, double n_eff)
{
	double df = n_eff - 2;

	if (!(df > 0))
		return NAN;
	if (fabs(r) >= 1)
		return 0;
	return 2 * pt(-fabs(r) * sqrt(df / ((1 - r) * (1 + r))), df, 1, 0);
}

/*
 * Fisher's z, at @level. Variances of z for the rank correlations: Fieller, Hartley & Pearson
 * 1957. Where the variance is not defined nothing is known: no interval.
 */
static void fisher_ci(enum vnx_corr_method method, double level, struct vnx_corr *c)
{
	double var = 1 / (c->n_eff - 3), half;

	if (method == VNX_SPEARMAN)
		var = 1.06 / (c->n_eff - 3);
	else if (method == VNX_KENDALL)
		var = 0.437 / (c->n_eff - 4);
	if (!(var > 0) || !isfinite(var))
		return;
	if (fabs(c->r) >= 1) {
		c->ci_lo = c->ci_hi = c->r;
		return;
	}
	half = qnorm5(0.5 + level / 2, 0, 1, 1, 0) * sqrt(var);
	c->ci_lo = tanh(atanh(c->r) - half);
	c->ci_hi = tanh(atanh(c->r) + half);
}

static const char *why_undefined(const struct pairs *p)
{
	bool cx, cy;

	if (p->valid < 3)
		return p->n < 3 ? "too few bins: fewer than 3"
				: "gaps: fewer than 3 bins where both were measured";
	cx = vnx_is_constant(p->x, p->n);
	cy = vnx_is_constant(p->y, p->n);
	if (cx && cy)
		return "x and y are constant";
	return cx ? "x is constant" : cy ? "y is constant" : NULL;
}

/* @n_eff NaN: computed here, but no more than @most. @level of the interval. */
static void correlate_pairs(enum vnx_corr_method method, struct pairs *p, double n_eff, double most,
			    double level, struct vnx_corr *out)
{
	struct kendall k;

	out->n = p->valid;
	out->undefined = why_undefined(p);
	if (!out->undefined && most < 3)
		out->undefined = "too few intervals of the load: fewer than 3";
	if (out->undefined)
		return;
	/* Ranks carry the rank correlations' autocorrelation: n_eff is of what is correlated. */
	if (method != VNX_PEARSON && (rank_values(p->x, p->n) || rank_values(p->y, p->n))) {
		out->undefined = "out of memory";
		return;
	}
	if (method == VNX_KENDALL && kendall_score(p, &k)) {
		out->undefined = "out of memory";
		return;
	}
	if (isnan(n_eff))
		n_eff = vnx_neff(p->x, p->y, p->n);
	if (isnan(n_eff)) {
		out->undefined = "out of memory";
		return;
	}
	out->n_eff = fmin(fmax(n_eff, 4), fmin((double)p->valid, most));
	if (method == VNX_KENDALL) {
		out->r = k.score / sqrt(k.pairs - k.ties_x) / sqrt(k.pairs - k.ties_y);
		out->r = fmax(-1, fmin(1, out->r));
		out->p = kendall_p(&k, (double)p->valid, out->n_eff);
	} else {
		out->r = pearson_r(p);
		out->p = student_p(out->r, out->n_eff);
	}
	fisher_ci(method, level, out);
}

static void correlate_at(enum vnx_corr_method method, const double *x, const double *y, size_t n,
			 double n_eff, double most, double level, struct vnx_corr *out)
{
	struct pairs p;

	*out = (struct vnx_corr){ .r = NAN, .n_eff = NAN, .ci_lo = NAN, .ci_hi = NAN, .p = NAN };
	if (pairs_init(&p, x, y, n)) {
		out->undefined = "out of memory";
		return;
	}
	correlate_pairs(method, &p, n_eff, most, level, out);
	pairs_fini(&p);
}

void vnx_correlate(enum vnx_corr_method method, const double *x, const double *y, size_t n,
		   struct vnx_corr *out)
{
	correlate_at(method, x, y, n, NAN, INFINITY, 0.95, out);
}

void vnx_correlate_most(enum vnx_corr_method method, const double *x, const double *y, size_t n,
			double most, struct vnx_corr *out)
{
	correlate_at(method, x, y, n, NAN, most, 0.95, out);
}

void vnx_correlate_neff(enum vnx_corr_method method, const double *x, const double *y, size_t n,
			double n_eff, struct vnx_corr *out)
{
	correlate_at(method, x, y, n, n_eff, INFINITY, 0.95, out);
}

void vnx_correlate_lag(const double *x, const double *y, size_t n, size_t max_lag, double most,
		       struct vnx_corr *out, long *lag)
{
	double tries;

	if (max_lag >= n)
		max_lag = n ? n - 1 : 0;
	tries = 2 * (double)max_lag + 1;
	*lag = 0;
	correlate_at(VNX_PEARSON, x, y, n, NAN, most, 1 - 0.05 / tries, out);
	/* from the nearest lag outwards: of equals the nearest to 0 stays */
	for (size_t d = 1; d <= max_lag; d++) {
		for (int sign = 1; sign >= -1; sign -= 2) {
			const double *lx = sign > 0 ? x : x + d, *ly = sign > 0 ? y + d : y;
			struct vnx_corr c;

			correlate_at(VNX_PEARSON, lx, ly, n - d, NAN, most, 1 - 0.05 / tries, &c);
			if (c.undefined || (!out->undefined && !(fabs(c.r) > fabs(out->r))))
				continue;
			*out = c;
			*lag = sign * (long)d;
		}
	}
	if (!out->undefined)
		out->p = fmin(1, out->p * tries);
}

void vnx_corr_correct(enum vnx_corr_method method, size_t tries, struct vnx_corr *c)
{
	if (tries < 2 || isnan(c->r))
		return;
	c->p = fmin(1, c->p * (double)tries);
	fisher_ci(method, 1 - 0.05 / (double)tries, c);
}

struct stage_sum {
	unsigned stage;
	size_t n;
	double mean;
};

static int stage_cmp(const void *a, const void *b)
{
	const struct stage_sum *x = a, *y = b;

	return (x->stage > y->stage) - (x->stage < y->stage);
}

static struct stage_sum *stage_find(struct stage_sum *v, size_t n, unsigned stage)
{
	struct stage_sum key = { .stage = stage };

	return bsearch(&key, v, n, sizeof(*v), stage_cmp);
}

/* The distinct stages, sorted, at the front of @v; returns how many. */
static size_t stage_list(struct stage_sum *v, const unsigned *stage, size_t n)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		v[i] = (struct stage_sum){ .stage = stage[i] };
	qsort(v, n, sizeof(*v), stage_cmp);
	for (size_t i = 0; i < n; i++)
		if (!m || v[m - 1].stage != v[i].stage)
			v[m++] = v[i];
	return m;
}

int vnx_remove_stage_means(const double *x, const unsigned *stage, size_t n, double *out)
{
	struct stage_sum *v VNX_CLEANUP_FREE = malloc((n + 1) * sizeof(*v));
	size_t m;

	if (!v)
		return -ENOMEM;
	m = stage_list(v, stage, n);
	/* running means: of a stage that is constant exactly that constant, so the rest is 0 */
	for (size_t i = 0; i < n; i++) {
		struct stage_sum *s = stage_find(v, m, stage[i]);

		if (isfinite(x[i]))
			s->mean += (x[i] - s->mean) / (double)++s->n;
	}
	for (size_t i = 0; i < n; i++) {
		const struct stage_sum *s = stage_find(v, m, stage[i]);

		out[i] = isfinite(x[i]) ? x[i] - s->mean : NAN;
	}
	return 0;
}
