// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offline change points. Candidates come from an exact segmentation (PELT) under a penalty
 * raised for autocorrelation; each must then pass Welch's t with effective sizes, corrected
 * for its place having been chosen, and the minimum effect; each that passes is placed by
 * the likelihood of an AR(1) around the two levels, which also says how sure the place is.
 */
#include "analysis/change.h"

#include "analysis/stats.h"

#include <float.h>
#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

/*
 * Penalty of one change, in units of the noise's long-run variance times log n. 2 is the
 * Schwarz criterion for independent values (place and level: Yao 1988); the rest pays for
 * the variance itself being estimated. The unit test measures the false alarms it leaves.
 */
#define PENALTY 2.5
#define CLIP 3.0 /* outliers are clipped at so many scales from the running median */
#define PHI_MAX 0.95
#define PHI_GUESS_MAX 0.8 /* more than that is levels, not noise, before they are told apart */
#define NU 4.0            /* degrees of freedom of the innovations when placing a change */
#define SCALE_PRIOR 8.0   /* bins' worth of the whole series' scale in each segment's */
#define PLACE_ROUNDS 2
#define SEARCH_ROUNDS 5
#define HUBER 2.5
#define SHORT 20 /* bins: a level shorter than that must show that it is one */

/* Above this the search is over means of several bins; the placing is over bins again. */
#define EXACT_MAX 8192

/* The valid bins of a series, in order. */
struct series {
	double *y;    /* as measured */
	double *root; /* stabilised */
	double *g;    /* clipped and variance-stabilised: what is segmented */
	size_t *at;   /* bin of each */
	size_t n;
	double phi;       /* AR(1) of the noise */
	double half_diff; /* half the mean square of neighbours' differences, of the root */
};

static void series_fini(struct series *s)
{
	free(s->y);
	free(s->root);
	free(s->g);
	free(s->at);
}

/*
 * Noise of throughput grows with its level: between a constant spread and a constant share
 * the root is the middle way, so that neither high nor low levels drown the others.
 */
static double stabilise(double x)
{
	return copysign(sqrt(fabs(x)), x);
}

static int series_init(struct series *s, const double *x, size_t n)
{
	memset(s, 0, sizeof(*s));
	s->y = malloc((n + 1) * sizeof(*s->y));
	s->root = malloc((n + 1) * sizeof(*s->root));
	s->g = calloc(n + 1, sizeof(*s->g));
	s->at = malloc((n + 1) * sizeof(*s->at));
	if (!s->y || !s->root || !s->g || !s->at)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		s->y[s->n] = x[i];
		s->root[s->n] = stabilise(x[i]);
		s->at[s->n++] = i;
	}
	return 0;
}

/* Median of up to @half bins on either side. @half is small: insertion sort. */
static double running_median(const double *y, size_t n, size_t i, size_t half, double *buf)
{
	size_t lo = i > half ? i - half : 0, hi = i + half < n ? i + half : n - 1, m = 0;

	for (size_t k = lo; k <= hi; k++) {
		size_t j = m++;

		for (; j > 0 && buf[j - 1] > y[k]; j--)
			buf[j] = buf[j - 1];
		buf[j] = y[k];
	}
	return m % 2 ? buf[m / 2] : (buf[m / 2 - 1] + buf[m / 2]) / 2;
}

/*
 * Fills g: what lasts less than @min_bins and stands out by CLIP scales is clipped (Hampel's
 * filter), a single bad bin is no level. A level of @min_bins is the majority of its window.
 */
static int series_stabilise(struct series *s, size_t min_bins)
{
	size_t half = min_bins > 1 ? min_bins - 1 : 1;
	double *med VNX_CLEANUP_FREE = malloc((s->n + 1) * sizeof(*med));
	double *buf VNX_CLEANUP_FREE = malloc((2 * half + 1) * sizeof(*buf));
	double lim;

	if (!med || !buf)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		s->g[i] = stabilise(s->y[i]);
	for (size_t i = 0; i < s->n; i++) {
		med[i] = running_median(s->g, s->n, i, half, buf);
	}
	for (size_t i = 0; i < s->n; i++)
		s->g[i] -= med[i];
	lim = CLIP * vnx_mad(s->g, s->n);
	for (size_t i = 0; i < s->n; i++)
		s->g[i] = med[i] + fmin(fmax(s->g[i], -lim), lim);
	return 0;
}

/* Half the mean square of differences at @lag, those beyond HUBER scales clipped. */
static int variogram(const double *y, size_t n, size_t lag, double *out)
{
	double *d VNX_CLEANUP_FREE = calloc(n + 1, sizeof(*d));
	double lim, sum = 0;

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i + lag < n; i++)
		d[i] = fabs(stabilise(y[i + lag]) - stabilise(y[i]));
	lim = HUBER * 1.4826 * vnx_median(d, n - lag);
	for (size_t i = 0; i + lag < n; i++)
		sum += fmin(d[i], lim) * fmin(d[i], lim);
	*out = sum / (double)(n - lag) / 2;
	return 0;
}

/*
 * First guess of the noise, whatever its levels: of an AR(1) the variogram is
 * sigma^2 (1 - phi^lag), and clipped differences hardly see a few changes of level
 * (after Chakar, Lebarbier, Levy-Leduc & Robin 2017, who take medians).
 */
static int noise_guess(struct series *s)
{
	double v2;

	if (variogram(s->y, s->n, 1, &s->half_diff) || variogram(s->y, s->n, 2, &v2))
		return -ENOMEM;
	s->phi = s->half_diff > 0 ? fmin(fmax(v2 / s->half_diff - 1, 0), PHI_GUESS_MAX) : 0;
	return 0;
}

/* The penalty of one change at the present phi. */
static double penalty_of(const struct series *s)
{
	/* a series without noise must not be split at rounding errors */
	double level = 1e-3 * vnx_median(s->g, s->n);
	double var = fmax(s->half_diff / (1 - s->phi), level * level);

	return PENALTY * fmax(var, DBL_MIN) * (1 + s->phi) / (1 - s->phi) * log((double)s->n);
}

struct candidate {
	size_t at;   /* last change before */
	size_t dead; /* useless for ends from here on */
	double cost; /* of the present prefix, without the penalty */
};

struct pelt {
	double *s1, *s2; /* sums of g - shift and its square; at most n * range: no drift matters */
	double *best;    /* cost of the best segmentation of the first i values */
	size_t *from;    /* where its last segment starts */
	struct candidate *cand;
	size_t n_cand;
};

static double segment_cost(const struct pelt *p, size_t from, size_t to)
{
	double sum = p->s1[to] - p->s1[from];

	return fmax(p->s2[to] - p->s2[from] - sum * sum / (double)(to - from), 0);
}

static void pelt_fini(struct pelt *p)
{
	free(p->s1);
	free(p->s2);
	free(p->best);
	free(p->from);
	free(p->cand);
}

static int pelt_init(struct pelt *p, const double *g, size_t n)
{
	double shift = vnx_median(g, n);

	memset(p, 0, sizeof(*p));
	p->s1 = calloc(n + 1, sizeof(*p->s1));
	p->s2 = calloc(n + 1, sizeof(*p->s2));
	p->best = calloc(n + 1, sizeof(*p->best));
	p->from = calloc(n + 1, sizeof(*p->from));
	p->cand = calloc(n + 1, sizeof(*p->cand));
	if (!p->s1 || !p->s2 || !p->best || !p->from || !p->cand)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		p->s1[i + 1] = p->s1[i] + (g[i] - shift);
		p->s2[i + 1] = p->s2[i] + (g[i] - shift) * (g[i] - shift);
	}
	return 0;
}

/* Best last change for the first @to values; candidates that cannot win any more are dropped. */
static void pelt_step(struct pelt *p, size_t to, size_t min_bins, double penalty)
{
	size_t kept = 0;

	p->best[to] = INFINITY;
	for (size_t k = 0; k < p->n_cand; k++) {
		struct candidate *c = &p->cand[k];

		c->cost = p->best[c->at] + segment_cost(p, c->at, to);
		if (c->cost + penalty < p->best[to]) {
			p->best[to] = c->cost + penalty;
			p->from[to] = c->at;
		}
	}
	for (size_t k = 0; k < p->n_cand; k++) {
		struct candidate c = p->cand[k];

		/* a rival change at @to can serve only ends min_bins later (Killick et al. 2012) */
		if (c.dead == SIZE_MAX && c.cost > p->best[to])
			c.dead = to + min_bins;
		if (to + 1 < c.dead)
			p->cand[kept++] = c;
	}
	p->n_cand = kept;
}

/* Bounds 0 = b[0] < ... < b[k] = n of the best segmentation of g[n]; returns k or -ENOMEM. */
static long pelt_run(const double *g, size_t n, size_t min_bins, double penalty, size_t *bounds)
{
	struct pelt p;
	long k = 0, err = -ENOMEM;

	if (pelt_init(&p, g, n))
		goto out;
	p.best[0] = -penalty;
	for (size_t to = 1; to <= n; to++) {
		if (to < min_bins) {
			p.best[to] = INFINITY;
			continue;
		}
		/* prefixes shorter than a segment cannot be the end of one */
		if (to == min_bins || to - min_bins >= min_bins)
			p.cand[p.n_cand++] = (struct candidate){ to - min_bins, SIZE_MAX, 0 };
		pelt_step(&p, to, min_bins, penalty);
	}
	for (size_t to = n; to > 0; to = p.from[to])
		k++;
	err = k;
	bounds[k] = n;
	for (size_t to = n; to > 0; to = p.from[to])
		bounds[--k] = p.from[to];
out:
	pelt_fini(&p);
	return err;
}

/* As pelt_run(), over means of several values where there are too many for the exact search. */
static long bounds_find(const struct series *s, size_t min_bins, double penalty, size_t *bounds)
{
	size_t fold = (s->n + EXACT_MAX - 1) / EXACT_MAX, m;
	double *mean VNX_CLEANUP_FREE = NULL;
	long k;

	if (fold <= 1)
		return pelt_run(s->g, s->n, min_bins, penalty, bounds);
	m = s->n / fold;
	mean = malloc(m * sizeof(*mean));
	if (!mean)
		return -ENOMEM;
	for (size_t i = 0; i < m; i++)
		mean[i] = vnx_mean(s->g + i * fold, i + 1 < m ? fold : s->n - i * fold);
	min_bins = (min_bins + fold - 1) / fold;
	k = pelt_run(mean, m, min_bins, penalty / (double)fold, bounds);
	for (long i = 1; i <= k; i++)
		bounds[i] = i < k ? bounds[i] * fold : s->n;
	return k;
}

/* What the test of one bound says. */
struct verdict {
	double before, after, effect, p;
};

/*
 * Degrees of freedom of the variance of @n values of an AR(1): its own effective size, larger
 * than the mean's, since squares forget faster (Bayley & Hammersley 1946).
 */
static double variance_df(size_t n, double phi)
{
	return fmax((double)n * (1 - phi * phi) / (1 + phi * phi) - 1, 1);
}

/*
 * phi is estimated, and one that is too low makes wandering look like levels: tests take it
 * half a standard error higher (of an AR(1): Bartlett 1946).
 */
static double phi_cautious(const struct series *s)
{
	return fmin(s->phi + 0.5 * sqrt((1 - s->phi * s->phi) / (double)s->n), PHI_MAX);
}

/*
 * p of the shorter of two neighbours as a level that lasts, if it is shorter than SHORT. A
 * single shock decays as phi^i and leaves no innovation but its first; a level of d leaves
 * (1 - phi) d in every bin. So the first bin does not count, outliers count as CLIP, and the
 * rest must stand out from the longer neighbour's level.
 */
static double lasting_p(const struct series *s, const size_t *b, double var)
{
	size_t na = b[1] - b[0], nb = b[2] - b[1], from = na < nb ? b[0] : b[1];
	size_t n = na < nb ? na : nb;
	double level = vnx_mean(s->root + (na < nb ? b[1] : b[0]), na < nb ? nb : na);
	double scale = sqrt(var * (1 - s->phi * s->phi)), sum = 0;

	if (n >= SHORT || !(scale > 0))
		return 0;
	for (size_t i = from + 1; i < from + n; i++) {
		double e = (s->root[i] - level) - s->phi * (s->root[i - 1] - level);

		sum += fmin(fmax(e, -CLIP * scale), CLIP * scale);
	}
	return 2 * pnorm(-fabs(sum) / scale / sqrt((double)n - 1), 0, 1, 1, 0);
}

/*
 * The search has chosen the place among all between the two neighbours: Bonferroni over as
 * many places as there are independent values. A few bins say little of their own variance
 * (three bins at 0 have none), so some of the pooled one is mixed in, with its degrees of
 * freedom. Tested are the roots, as segmented: their spread does not follow the level.
 */
static struct verdict bound_test(const struct series *s, const size_t *b)
{
	size_t na = b[1] - b[0], nb = b[2] - b[1];
	const double *ra = s->root + b[0], *rb = s->root + b[1];
	struct verdict v = { .before = vnx_mean(s->y + b[0], na),
			     .after = vnx_mean(s->y + b[1], nb) };
	double fa = (double)na - 1, fb = (double)nb - 1, sa = vnx_sd(ra, na), sb = vnx_sd(rb, nb);
	double pool = (fa * sa * sa + fb * sb * sb) / (fa + fb), p, phi = phi_cautious(s);

	p = vnx_welch_p_moments(
		vnx_mean(ra, na), (fa * sa * sa + SCALE_PRIOR * pool) / (fa + SCALE_PRIOR),
		vnx_mean_neff(na, phi), variance_df(na, phi) + SCALE_PRIOR, vnx_mean(rb, nb),
		(fb * sb * sb + SCALE_PRIOR * pool) / (fb + SCALE_PRIOR), vnx_mean_neff(nb, phi),
		variance_df(nb, phi) + SCALE_PRIOR);
	v.effect = v.after == v.before ? 0 : fabs(v.after - v.before) / fabs(v.before);
	v.p = isnan(p) ? 1 : fmin(1, p * vnx_mean_neff(na + nb, s->phi));
	v.p = fmax(v.p, lasting_p(s, b, pool));
	return v;
}

/* Autocorrelation about the levels found, all segments together. */
static int phi_of_levels(const struct series *s, const size_t *b, size_t k, double *phi)
{
	struct vnx_stretch *part VNX_CLEANUP_FREE = calloc(k, sizeof(*part));

	if (!part)
		return -ENOMEM;
	for (size_t i = 0; i < k; i++)
		part[i] = (struct vnx_stretch){ s->root + b[i], b[i + 1] - b[i] };
	*phi = fmin(vnx_ar1_pooled(part, k), PHI_MAX);
	return 0;
}

/*
 * Levels not yet told apart look like autocorrelation: where the first segments leave less
 * of it than was guessed, the search is repeated with that, until nothing is gained.
 */
static long bounds_search(struct series *s, size_t min_bins, size_t *b)
{
	for (int round = 0;; round++) {
		long k = bounds_find(s, min_bins, penalty_of(s), b);
		double phi;

		if (k <= 0)
			return k;
		if (phi_of_levels(s, b, (size_t)k, &phi))
			return -ENOMEM;
		if (phi > s->phi - 0.02 || round == SEARCH_ROUNDS) {
			s->phi = phi;
			return k;
		}
		s->phi = phi;
	}
}

/* The place that parts g's [from, to) best into two levels, of min_bins at least. */
static size_t best_split(const struct series *s, size_t from, size_t to, size_t min_bins)
{
	size_t best = from + min_bins;
	double all = 0, left = 0, most = -1;

	for (size_t i = from; i < to; i++)
		all += s->g[i];
	for (size_t i = from; i + min_bins < to; i++) {
		double na = (double)(i + 1 - from), nb = (double)(to - i - 1), gap;

		left += s->g[i];
		gap = left / na - (all - left) / nb;
		if (i + 1 >= from + min_bins && gap * gap * na * nb / (na + nb) > most) {
			most = gap * gap * na * nb / (na + nb);
			best = i + 1;
		}
	}
	return best;
}

/*
 * Where levels are few and far apart the first guess takes them for autocorrelation, under which
 * the search finds none, which confirms the guess. So each segment is tried as two, by what
 * autocorrelation that leaves; the test of a bound decides.
 */
static int bounds_try(struct series *s, const struct vnx_change_conf *conf, size_t min_bins,
		      size_t *b, size_t *k)
{
	for (size_t i = 1; i <= *k;) {
		double was = s->phi;
		struct verdict v;

		if (b[i] - b[i - 1] < 2 * min_bins) {
			i++;
			continue;
		}
		memmove(b + i + 1, b + i, (*k + 1 - i) * sizeof(*b));
		b[i] = best_split(s, b[i - 1], b[i + 1], min_bins);
		++*k;
		if (phi_of_levels(s, b, *k, &s->phi))
			return -ENOMEM;
		v = bound_test(s, b + i - 1);
		if (v.p <= conf->p_max && v.effect >= conf->min_effect)
			continue;
		s->phi = was;
		--*k;
		memmove(b + i, b + i + 1, (*k + 1 - i) * sizeof(*b));
		i++;
	}
	return 0;
}

/* Removes the worst bound that fails its test, again and again. Returns the segments left. */
static size_t bounds_merge(const struct series *s, const struct vnx_change_conf *conf, size_t *b,
			   size_t k)
{
	while (k > 1) {
		size_t worst = 0;
		double worst_p = -1;

		for (size_t i = 1; i < k; i++) {
			struct verdict v = bound_test(s, b + i - 1);
			bool fails = v.p > conf->p_max || v.effect < conf->min_effect;

			if (fails && v.p > worst_p) {
				worst = i;
				worst_p = v.p;
			}
		}
		if (!worst)
			break;
		memmove(b + worst, b + worst + 1, (k - worst) * sizeof(*b));
		k--;
	}
	return k;
}

/* Two levels and the scales of the innovations around them. */
struct levels {
	double mean[2], scale[2];
};

static double innovation_squares(const double *y, size_t n, double mean, double phi)
{
	double sq = 0;

	for (size_t i = 1; i < n; i++) {
		double e = (y[i] - mean) - phi * (y[i - 1] - mean);

		sq += e * e;
	}
	return sq;
}

static struct levels levels_fit(const struct series *s, const size_t *b)
{
	size_t n[2] = { b[1] - b[0], b[2] - b[1] };
	struct levels l;
	double sq[2], pool;

	for (int i = 0; i < 2; i++) {
		l.mean[i] = vnx_mean(s->y + b[i], n[i]);
		sq[i] = innovation_squares(s->y + b[i], n[i], l.mean[i], s->phi);
	}
	pool = (sq[0] + sq[1]) / (double)(n[0] + n[1]);
	for (int i = 0; i < 2; i++) {
		l.scale[i] = sqrt((sq[i] + SCALE_PRIOR * pool) / ((double)n[i] + SCALE_PRIOR));
		l.scale[i] = fmax(l.scale[i], 1e-9 * fmax(fabs(l.mean[i]), DBL_MIN));
	}
	return l;
}

/* Log density of bin @i if the new level starts at @place: Student innovations of an AR(1). */
static double place_density(const struct series *s, const struct levels *l, size_t i, size_t place)
{
	int now = i >= place, last = i - 1 >= place;
	double e = (s->y[i] - l->mean[now]) - s->phi * (s->y[i - 1] - l->mean[last]);
	/* the first bin of the new level may belong to both */
	double scale = i == place ? fmax(l->scale[0], l->scale[1]) : l->scale[now];

	e /= scale;
	return -log(scale) - (NU + 1) / 2 * log1p(e * e / NU);
}

/*
 * Log likelihood of each place in [lo, hi), up to a constant: from one place to the next
 * only two bins change their density.
 */
static void place_profile(const struct series *s, const struct levels *l, size_t lo, size_t hi,
			  size_t end, double *profile)
{
	profile[0] = 0;
	for (size_t place = lo + 1; place < hi; place++) {
		double d = place_density(s, l, place - 1, place) -
			   place_density(s, l, place - 1, place - 1);

		d += place_density(s, l, place, place) - place_density(s, l, place, place - 1);
		if (place + 1 < end)
			d += place_density(s, l, place + 1, place) -
			     place_density(s, l, place + 1, place - 1);
		profile[place - lo] = profile[place - lo - 1] + d;
	}
}

/* Half-width around @best that holds 95 % of the likelihood, all places being alike before. */
static size_t place_halfwidth(const double *profile, size_t n, size_t best)
{
	double total = 0, in = 0;

	for (size_t i = 0; i < n; i++)
		total += exp(profile[i] - profile[best]);
	for (size_t w = 0; w < n; w++) {
		if (best + w < n)
			in += exp(profile[best + w] - profile[best]);
		if (w && w <= best)
			in += exp(profile[best - w] - profile[best]);
		if (in >= 0.95 * total)
			return w;
	}
	return n;
}

/* Places b[1] between its neighbours b[0] and b[2]; *halfwidth in values. */
static int bound_place(const struct series *s, size_t min_bins, size_t *b, size_t *halfwidth)
{
	size_t lo = b[0] + min_bins, hi = b[2] - min_bins + 1, best = 0;
	double *profile VNX_CLEANUP_FREE = NULL;
	struct levels l = levels_fit(s, b);

	*halfwidth = 0;
	if (hi <= lo)
		return 0;
	profile = malloc((hi - lo) * sizeof(*profile));
	if (!profile)
		return -ENOMEM;
	place_profile(s, &l, lo, hi, b[2], profile);
	for (size_t i = 0; i < hi - lo; i++)
		if (profile[i] > profile[best])
			best = i;
	*halfwidth = place_halfwidth(profile, hi - lo, best);
	b[1] = lo + best;
	return 0;
}

static int bounds_place(const struct series *s, size_t min_bins, size_t *b, size_t k,
			size_t *halfwidth)
{
	for (int round = 0; round < PLACE_ROUNDS; round++)
		for (size_t i = 1; i < k; i++)
			if (bound_place(s, min_bins, b + i - 1, &halfwidth[i]))
				return -ENOMEM;
	return 0;
}

/* Makes room for a bound after @b[i - 1], its own place is @at. */
static void bound_insert(size_t *b, size_t *k, size_t *halfwidth, double *broken, size_t i,
			 size_t at, double p)
{
	size_t rest = *k + 1 - i;

	memmove(b + i + 1, b + i, rest * sizeof(*b));
	memmove(halfwidth + i + 1, halfwidth + i, rest * sizeof(*halfwidth));
	memmove(broken + i + 1, broken + i, rest * sizeof(*broken));
	b[i] = at;
	broken[i] = p;
	++*k;
}

/*
 * Within the levels found, steady stretches that break off; broken[i] is the p of those bounds.
 * What autocorrelation they leave, they are placed by.
 */
static int bounds_break(struct series *s, double p_max, size_t min_bins, size_t *b, size_t *k,
			size_t *halfwidth, double *broken)
{
	for (size_t i = 1; i <= *k; i++) {
		size_t at;
		double p, phi;
		int found = vnx_break_find(s->root + b[i - 1], b[i] - b[i - 1], p_max, &at, &p);

		if (found < 0)
			return found;
		if (!found)
			continue;
		bound_insert(b, k, halfwidth, broken, i, b[i - 1] + at, p);
		if (phi_of_levels(s, b, *k, &phi))
			return -ENOMEM;
		s->phi = fmin(s->phi, phi);
		if (bound_place(s, min_bins, b + i - 1, &halfwidth[i]))
			return -ENOMEM;
	}
	return 0;
}

static int changes_append(const struct series *s, const size_t *b, size_t k,
			  const size_t *halfwidth, const double *broken, struct vnx_changes *out)
{
	for (size_t i = 1; i < k; i++) {
		struct verdict v = bound_test(s, b + i - 1);
		/* missing bins before the new level: the change may be in any of them */
		double gap = (double)(s->at[b[i]] - s->at[b[i] - 1] - 1);
		struct vnx_change c = { .at = s->at[b[i]],
					.uncertainty = 0.5 + (double)halfwidth[i] + gap,
					.before = v.before,
					.after = v.after,
					.p = broken[i] > 0 ? broken[i] : v.p };

		if (vnx_vec_push(out, c))
			return -ENOMEM;
	}
	return 0;
}

int vnx_segment(const double *x, size_t n, const struct vnx_change_conf *conf,
		struct vnx_changes *out)
{
	size_t *bounds VNX_CLEANUP_FREE = malloc((n + 2) * sizeof(*bounds));
	size_t *halfwidth VNX_CLEANUP_FREE = calloc(n + 2, sizeof(*halfwidth));
	double *broken VNX_CLEANUP_FREE = calloc(n + 2, sizeof(*broken));
	size_t min_bins = conf->min_bins > 2 ? conf->min_bins : 2;
	struct series s = { 0 };
	long found;
	size_t k;
	int err;

	err = -ENOMEM;
	if (!bounds || !halfwidth || !broken || series_init(&s, x, n))
		goto out;
	err = 0;
	if (s.n < 2 * min_bins)
		goto out;
	err = -ENOMEM;
	if (series_stabilise(&s, min_bins) || noise_guess(&s))
		goto out;
	found = bounds_search(&s, min_bins, bounds);
	if (found < 0)
		goto out;
	k = (size_t)found;
	if (bounds_try(&s, conf, min_bins, bounds, &k))
		goto out;
	k = bounds_merge(&s, conf, bounds, k);
	if (bounds_place(&s, min_bins, bounds, k, halfwidth))
		goto out;
	/* what its better place does not confirm goes, and lets its neighbours spread */
	for (size_t left = bounds_merge(&s, conf, bounds, k); left < k;
	     left = bounds_merge(&s, conf, bounds, k)) {
		k = left;
		if (bounds_place(&s, min_bins, bounds, k, halfwidth))
			goto out;
	}
	if (bounds_break(&s, conf->p_max, min_bins, bounds, &k, halfwidth, broken))
		goto out;
	err = changes_append(&s, bounds, k, halfwidth, broken, out);
out:
	series_fini(&s);
	return err;
}
