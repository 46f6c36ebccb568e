// SPDX-License-Identifier: GPL-2.0-only
/*
 * Levels of a series whose noise remembers: levels and the noise's autocorrelation are fitted
 * together, as either looks like the other (Chakar, Lebarbier, Levy-Leduc & Robin 2017). For each
 * AR(1) of a grid the whitened series is cut into the levels that fit it best (exactly: PELT); of
 * all these the most likely is taken, each level at a price; then each bound must be worth its
 * price by itself, as a difference of means between two levels with scales of their own.
 */
#include "analysis/change.h"

#include "analysis/stats.h"

#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

#define NU 8.0 /* degrees of freedom of the innovations: a shock is no level */
#define NU_JUMP 3.0
#define SCALE_PRIOR 8.0 /* values' worth of the common scale in each level's */
#define SCALE_ROUNDS 6
/* of the root of the level: a series without noise has no levels in its roundings */
#define SCALE_LEAST 5e-4
#define CLIP 3.0       /* scales that what is shorter than a level may stand out */
#define PHI_PLACES 0.4 /* noise that remembers longer leaves no fewer places to choose from */
#define PLACES_LEAST 8.0
/* while searching a bound costs so many times what it must be worth ... */
#define PRICE_SEARCH 1.2
/* ... less where levels are short (modified BIC: Zhang & Siegmund 2007) */
#define PRICE_SHORT 2.0
#define ROUNDS 6
#define FEW 12 /* values that say nothing of how long their noise remembers */

static const double phis[] = { 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98 };

/* A place at which a last level may begin, with what its cost needs of it. */
struct candidate {
	double cost, z1;
	size_t from;
};

/* The valid values of a series, in order, and what the search works with. */
struct series {
	double *y;       /* as measured */
	double *g;       /* clipped roots, of mean 1: their noise does not follow the level */
	double *z1, *z2; /* n + 1: sums of the whitened g and its squares */
	double *best;    /* n + 1: cost of the best levels of the first i values */
	double *cost;    /* of each candidate */
	size_t *from;    /* n + 1: where the last of these levels begins */
	struct candidate *cand;
	double *inverse; /* 1 / i */
	size_t *at;      /* place of each value in the series */
	size_t n, least; /* values; of a level at least */
	double root;     /* what the roots were divided by */
	double p_max;
};

/* Levels: b[0] = 0 < b[1] < ... < b[k] = n, and the noise about them. */
struct fit {
	size_t *b, k;
	double phi;
};

static void series_fini(struct series *s)
{
	free(s->y);
	free(s->g);
	free(s->z1);
	free(s->z2);
	free(s->best);
	free(s->cost);
	free(s->from);
	free(s->cand);
	free(s->inverse);
	free(s->at);
}

static int series_init(struct series *s, const double *x, size_t n,
		       const struct vnx_change_conf *conf)
{
	*s = (struct series){ .least = conf->min_bins > 2 ? conf->min_bins : 2,
			      .p_max = conf->p_max };
	s->y = malloc((n + 1) * sizeof(*s->y));
	s->g = malloc((n + 1) * sizeof(*s->g));
	s->z1 = malloc((n + 1) * sizeof(*s->z1));
	s->z2 = malloc((n + 1) * sizeof(*s->z2));
	s->best = malloc((n + 1) * sizeof(*s->best));
	s->cost = malloc((n + 1) * sizeof(*s->cost));
	s->from = malloc((n + 1) * sizeof(*s->from));
	s->cand = malloc((n + 1) * sizeof(*s->cand));
	s->inverse = malloc((n + 1) * sizeof(*s->inverse));
	s->at = malloc((n + 1) * sizeof(*s->at));
	if (!s->y || !s->g || !s->z1 || !s->z2 || !s->best || !s->cost || !s->from || !s->cand ||
	    !s->inverse || !s->at)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		s->inverse[i] = 1 / (double)(i ? i : 1);
		if (!isfinite(x[i]))
			continue;
		s->y[s->n] = x[i];
		s->at[s->n++] = i;
	}
	s->root = s->n ? sqrt(fmax(vnx_mean(s->y, s->n), 0)) : 0;
	return 0;
}

/* Median of up to @half values on either side. @half is small: insertion sort. */
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
 * Fills g. What is shorter than a level and stands out by CLIP scales is clipped (Hampel's
 * filter): a level is the majority of its window, a bad bin is not.
 */
static int series_clip(struct series *s)
{
	size_t half = s->least - 1;
	double *med VNX_CLEANUP_FREE = malloc((s->n + 1) * sizeof(*med));
	double *buf VNX_CLEANUP_FREE = malloc((2 * half + 1) * sizeof(*buf));
	double lim;

	if (!med || !buf)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		s->g[i] = copysign(sqrt(fabs(s->y[i])), s->y[i]) / s->root;
	for (size_t i = 0; i < s->n; i++)
		med[i] = running_median(s->g, s->n, i, half, buf);
	for (size_t i = 0; i < s->n; i++)
		s->g[i] -= med[i];
	lim = CLIP * vnx_mad(s->g, s->n);
	for (size_t i = 0; i < s->n; i++)
		s->g[i] = med[i] + fmin(fmax(s->g[i], -lim), lim);
	return 0;
}

/* ---- the exact search, of squares ---- */

static void whiten(struct series *s, double phi)
{
	s->z1[0] = s->z2[0] = 0;
	for (size_t t = 0; t < s->n; t++) {
		/* less their mean, so that sums of many do not lose digits */
		double z = t ? (s->g[t] - 1) - phi * (s->g[t - 1] - 1) : 0;

		s->z1[t + 1] = s->z1[t] + z;
		s->z2[t + 1] = s->z2[t] + z * z;
	}
}

/* Squares about the mean of [from, to); its first value, which two levels share, is left out. */
static double level_cost(const struct series *s, size_t from, size_t to)
{
	double sum = s->z1[to] - s->z1[from + 1];

	return fmax(s->z2[to] - s->z2[from + 1] - sum * sum / (double)(to - from - 1), 0);
}

static struct candidate candidate_at(const struct series *s, size_t from)
{
	return (struct candidate){ s->best[from] - s->z2[from + 1], s->z1[from + 1], from };
}

/* Fills b with the best levels at @price each (Killick, Fearnhead & Eckley 2012); their number. */
static size_t pelt(struct series *s, double price, size_t *b)
{
	size_t n_cand = 0, k = 0;

	s->best[0] = -price;
	for (size_t to = 1; to <= s->n; to++) {
		size_t kept = 0;

		s->best[to] = INFINITY;
		if (to < s->least)
			continue;
		/* prefixes shorter than a level cannot be the end of one */
		if (to == s->least || to >= 2 * s->least)
			s->cand[n_cand++] = candidate_at(s, to - s->least);
		for (size_t i = 0; i < n_cand; i++) {
			double sum = s->z1[to] - s->cand[i].z1;

			s->cost[i] = s->cand[i].cost + s->z2[to] -
				     sum * sum * s->inverse[to - s->cand[i].from - 1];
		}
		for (size_t i = 0; i < n_cand; i++) {
			if (s->cost[i] + price < s->best[to]) {
				s->best[to] = s->cost[i] + price;
				s->from[to] = s->cand[i].from;
			}
		}
		/* the value that is left out may cost a rival its advantage, so by @price later */
		for (size_t i = 0; i < n_cand; i++)
			if (s->cost[i] <= s->best[to] + price ||
			    to - s->cand[i].from < 2 * s->least)
				s->cand[kept++] = s->cand[i];
		n_cand = kept;
	}
	for (size_t to = s->n; to > 0; to = s->from[to])
		k++;
	b[k] = s->n;
	for (size_t to = s->n, i = k; to > 0; to = s->from[to])
		b[--i] = s->from[to];
	return k;
}

/* ---- the likelihood ---- */

struct level {
	double mean, scale; /* scale: of the innovations */
};

/*
 * Scale of the innovations within the levels @b about their @mean, by likelihood; @pool: the
 * common one, with its prior weight (0: none).
 */
static double scale_fit(const struct series *s, const size_t *b, size_t k, const double *mean,
			double phi, double pool)
{
	double scale = pool, n = (double)(b[k] - b[0] - k);

	for (int round = pool > 0 ? 1 : 0; round <= SCALE_ROUNDS; round++) {
		double sum = 0;

		for (size_t i = 0; i < k; i++) {
			for (size_t t = b[i] + 1; t < b[i + 1]; t++) {
				double e = (s->g[t] - mean[i]) - phi * (s->g[t - 1] - mean[i]);

				e *= e;
				/* the first round is of plain squares */
				sum += round ? (NU + 1) / (NU + e / (scale * scale)) * e : e;
			}
		}
		if (pool > 0)
			scale = sqrt((sum + SCALE_PRIOR * pool * pool) / (n + SCALE_PRIOR));
		else
			scale = sqrt(sum / fmax(n, 1));
		scale = fmax(scale, SCALE_LEAST);
	}
	return scale;
}

/* Fills l[k]; the common scale. @mean: room for k. */
static double levels_fit(const struct series *s, const struct fit *f, double *mean, struct level *l)
{
	double pool;

	for (size_t i = 0; i < f->k; i++)
		mean[i] = vnx_mean(s->g + f->b[i], f->b[i + 1] - f->b[i]);
	pool = scale_fit(s, f->b, f->k, mean, f->phi, 0);
	for (size_t i = 0; i < f->k; i++)
		l[i] = (struct level){ mean[i], scale_fit(s, f->b + i, 1, mean + i, f->phi, pool) };
	return pool;
}

/*
 * -2 log density of value @t of level @now, the value before it being of level @last. The first
 * value of a level may hold some of both, so there the larger scale counts.
 */
static double density(const struct series *s, size_t t, double phi, const struct level *now,
		      const struct level *last)
{
	double scale = fmax(now->scale, last->scale);
	double e = ((s->g[t] - now->mean) - phi * (s->g[t - 1] - last->mean)) / scale;

	return (NU + 1) * log1p(e * e / NU) + 2 * log(scale);
}

/* -2 log density of the values within a level, but for its first, as for level_cost(). */
static double level_density(const struct series *s, size_t from, size_t to, double phi,
			    const struct level *l)
{
	double sum = 0;

	for (size_t t = from + 1; t < to; t++)
		sum += density(s, t, phi, l, l);
	return sum;
}

/* Places that a bound is chosen among: as many as there are independent values. */
static double places_of(const struct series *s, double phi)
{
	double all = (double)(s->n - 2 * s->least + 1);

	phi = fmin(phi, PHI_PLACES);
	/* neighbouring places are nearly the same test */
	return fmin(fmax((double)s->n * (1 - phi) / (1 + phi) / 2, PLACES_LEAST), all);
}

/* What a bound must be worth, by p_max over these places. */
static double price_of(const struct series *s, double phi)
{
	return qchisq(s->p_max / places_of(s, phi), 1, 0, 0);
}

/* -2 log likelihood of all, and what the levels cost. @mean, @l: room for k. */
static double fit_cost(const struct series *s, const struct fit *f, double *mean, struct level *l)
{
	double first, sum = PRICE_SEARCH * price_of(s, f->phi) * (double)(f->k - 1);

	levels_fit(s, f, mean, l);
	first = (s->g[0] - l[0].mean) / l[0].scale * sqrt(1 - f->phi * f->phi);
	sum += (NU + 1) * log1p(first * first / NU) - log(1 - f->phi * f->phi);
	for (size_t i = 0; i < f->k; i++) {
		double n = (double)(f->b[i + 1] - f->b[i]);

		sum += 2 * log(l[i].scale);
		sum += level_density(s, f->b[i], f->b[i + 1], f->phi, &l[i]);
		sum += PRICE_SHORT * log(n / (double)s->n);
	}
	return sum;
}

/* ---- each bound by itself ---- */

/*
 * How unlikely it is that innovations did the step at b[1], which may take as long as the shortest
 * level, be they ever so heavy-tailed (Student's t of NU_JUMP). Noise that remembers for long hides
 * a level, but no such jump.
 */
static double jump_worth(const struct series *s, const size_t *b, double phi, double mean)
{
	size_t all[2] = { b[0], b[2] },
	       first = b[1] - s->least + 1 > b[0] + 1 ? b[1] - s->least + 1 : b[0] + 1;
	double scale = scale_fit(s, all, 1, &mean, phi, 0), most = 0;

	for (size_t i = first; i <= b[1] && i + s->least <= b[2]; i++) {
		double sum = 0;

		for (size_t t = i; t < i + s->least; t++)
			sum += (s->g[t] - mean) - phi * (s->g[t - 1] - mean);
		most = fmax(most, fabs(sum) / scale / sqrt((double)s->least));
	}
	return (NU_JUMP + 1) * log1p(most * most / NU_JUMP);
}

/*
 * Twice the log of how much likelier b[1] makes b[0] .. b[2], as a difference of means: the scales
 * may differ without it. A chi-square of one degree of freedom where there is none.
 */
static double bound_worth(const struct series *s, size_t *b, double phi)
{
	struct fit f = { b, 2, phi };
	double mean[2], common, weight[2], worth = 0, pool;
	struct level l[2];

	pool = levels_fit(s, &f, mean, l);
	for (int i = 0; i < 2; i++)
		weight[i] = (double)(b[i + 1] - b[i]) / (l[i].scale * l[i].scale);
	common = (weight[0] * mean[0] + weight[1] * mean[1]) / (weight[0] + weight[1]);
	for (int i = 0; i < 2; i++) {
		struct level without = { common, scale_fit(s, b + i, 1, &common, phi, pool) };

		worth += level_density(s, b[i], b[i + 1], phi, &without) -
			 level_density(s, b[i], b[i + 1], phi, &l[i]);
	}
	/* at the end of a level that is as short as can be a jump may be that of a bad bin */
	if (b[1] - b[0] <= s->least || b[2] - b[1] <= s->least)
		return worth;
	return fmax(worth, jump_worth(s, b, phi, common));
}

static bool effect_is_small(const struct series *s, const size_t *b, double min_effect)
{
	double before = vnx_mean(s->y + b[0], b[1] - b[0]);
	double after = vnx_mean(s->y + b[1], b[2] - b[1]);

	return after == before || fabs(after - before) < min_effect * fabs(before);
}

/* Takes the bounds away that are not worth their price, the least worth first. */
static void bounds_drop(const struct series *s, struct fit *f, double min_effect)
{
	double price = price_of(s, f->phi);

	while (f->k > 1) {
		double least = price;
		size_t worst = 0;

		for (size_t i = 1; i < f->k; i++) {
			double worth = effect_is_small(s, f->b + i - 1, min_effect)
					       ? -INFINITY
					       : bound_worth(s, f->b + i - 1, f->phi);

			if (worth < least) {
				least = worth;
				worst = i;
			}
		}
		if (!worst)
			break;
		memmove(f->b + worst, f->b + worst + 1, (f->k - worst) * sizeof(*f->b));
		f->k--;
	}
}

/* Half-width around @best that holds 95 % of the likelihood, all places being alike before. */
static size_t place_halfwidth(const double *profile, size_t n, size_t best)
{
	double total = 0, in = 0;

	for (size_t i = 0; i < n; i++)
		total += exp((profile[best] - profile[i]) / 2);
	for (size_t w = 0; w < n; w++) {
		if (best + w < n)
			in += exp((profile[best] - profile[best + w]) / 2);
		if (w && w <= best)
			in += exp((profile[best] - profile[best - w]) / 2);
		if (in >= 0.95 * total)
			return w;
	}
	return n;
}

/*
 * Puts b[1] where it is likeliest between its neighbours, *halfwidth values to either side. From
 * one place to the next two values change their density.
 */
static int bound_place(const struct series *s, size_t *b, double phi, size_t *halfwidth)
{
	size_t lo = b[0] + s->least, n = b[2] - s->least + 1 - lo, best = 0;
	double *profile VNX_CLEANUP_FREE = calloc(n, sizeof(*profile));
	struct fit f = { b, 2, phi };
	double mean[2];
	struct level l[2];

	if (!profile)
		return -ENOMEM;
	levels_fit(s, &f, mean, l);
	for (size_t i = 1; i < n; i++) {
		size_t t = lo + i; /* the first value of the new level; it was t - 1 */

		profile[i] = profile[i - 1] + density(s, t - 1, phi, &l[0], &l[0]) -
			     density(s, t - 1, phi, &l[1], &l[0]) +
			     density(s, t, phi, &l[1], &l[0]) - density(s, t, phi, &l[1], &l[1]);
		if (profile[i] < profile[best])
			best = i;
	}
	*halfwidth = place_halfwidth(profile, n, best);
	b[1] = lo + best;
	return 0;
}

/* Places all bounds, and drops those that are worth nothing there, until none is. */
static int bounds_settle(const struct series *s, struct fit *f, double min_effect,
			 size_t *halfwidth)
{
	for (size_t was = f->k + 1; f->k < was;) {
		was = f->k;
		for (int round = 0; round < 2; round++)
			for (size_t i = 1; i < f->k; i++)
				if (bound_place(s, f->b + i - 1, f->phi, &halfwidth[i]))
					return -ENOMEM;
		bounds_drop(s, f, min_effect);
	}
	return 0;
}

/* ---- all together ---- */

/* What fits are tried in: rooms for n + 2 each. */
struct room {
	size_t *b, *halfwidth;
	double *mean;
	struct level *levels;
};

/* Takes the levels r->b[0..k] if they are better. */
static void fit_try(const struct series *s, const struct room *r, size_t k, double phi,
		    struct fit *best, double *cost)
{
	struct fit f = { r->b, k, phi };
	double here = fit_cost(s, &f, r->mean, r->levels);

	if (here >= *cost)
		return;
	*cost = here;
	memcpy(best->b, r->b, (k + 1) * sizeof(*r->b));
	best->k = k;
	best->phi = phi;
}

/* Levels under one autocorrelation: the fewer squares they leave, the cheaper is one. */
static void fits_try(struct series *s, const struct room *r, double phi, double share,
		     struct fit *best, double *cost)
{
	double price = share * price_of(s, phi), noise = level_cost(s, 0, s->n);

	noise /= (double)(s->n - 1);
	for (int round = 0; round < ROUNDS; round++) {
		double floor = SCALE_LEAST * SCALE_LEAST, left = 0;
		size_t k = pelt(s, price * fmax(noise, floor), r->b);

		for (size_t i = 0; i < k; i++)
			left += level_cost(s, r->b[i], r->b[i + 1]);
		left /= fmax((double)s->n + 1 - 2 * (double)k, 4);
		fit_try(s, r, k, phi, best, cost);
		if (left > 0.98 * noise)
			break;
		noise = fmax(left, 0.3 * noise);
	}
}

/* The best levels and autocorrelation. Levels only lower it: what one level has is the most. */
static void fit_find(struct series *s, const struct room *r, struct fit *best)
{
	static const double shares[] = { 1, 0.5 }; /* of the price */
	double cost = INFINITY;
	size_t most = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(phis); i++) {
		double was = cost;

		r->b[0] = 0;
		r->b[1] = s->n;
		fit_try(s, r, 1, phis[i], best, &cost);
		most = cost < was ? i : most;
	}
	for (size_t i = 0; i <= most; i++) {
		whiten(s, phis[i]);
		/* many long levels save little each, few short ones much: each may be the best */
		for (size_t k = 0; k < VNX_ARRAY_SIZE(shares); k++)
			fits_try(s, r, phis[i], shares[k], best, &cost);
	}
}

static int changes_append(const struct series *s, const struct fit *f, const struct room *r,
			  struct vnx_changes *out)
{
	for (size_t i = 1; i < f->k; i++) {
		size_t *b = f->b + i - 1;
		/* it may have come within the value before, or in any missing bin there */
		double gap = (double)(s->at[b[1]] - s->at[b[1] - 1] - 1);
		double worth = bound_worth(s, b, f->phi);
		struct vnx_change c = {
			.at = s->at[b[1]],
			.uncertainty = 1 + (double)r->halfwidth[i] + gap,
			.before = vnx_mean(s->y + b[0], b[1] - b[0]),
			.after = vnx_mean(s->y + b[1], b[2] - b[1]),
			.p = fmin(1, places_of(s, f->phi) * pchisq(worth, 1, 0, 0)),
		};

		if (vnx_vec_push(out, c))
			return -ENOMEM;
	}
	return 0;
}

/*
 * Of few values, as of intervals of 10 s: Student's t between what is before a place and what is
 * after its first value, which may hold some of both.
 */
static int few_find(const struct series *s, const struct vnx_change_conf *conf,
		    struct vnx_changes *out)
{
	struct vnx_change best = { .p = conf->p_max, .uncertainty = 1 };
	double places = (double)(s->n - 2 * s->least + 1);
	bool found = false;

	for (size_t at = s->least; at + s->least <= s->n; at++) {
		const double *x[2] = { s->g, s->g + at + 1 };
		size_t n[2] = { at, s->n - at - 1 }, b[3] = { 0, at, s->n };
		double mean[2] = { vnx_mean(x[0], n[0]), vnx_mean(x[1], n[1]) };
		double squares = 0, df = (double)(n[0] + n[1]) - 2, p;

		for (int side = 0; side < 2; side++)
			for (size_t i = 0; i < n[side]; i++)
				squares += (x[side][i] - mean[side]) * (x[side][i] - mean[side]);
		p = fmax(sqrt(squares / df), SCALE_LEAST) *
		    sqrt(1 / (double)n[0] + 1 / (double)n[1]);
		p = fmin(1, 2 * places * pt(-fabs(mean[1] - mean[0]) / p, df, 1, 0));
		if (p > best.p || effect_is_small(s, b, conf->min_effect))
			continue;
		found = true;
		best.p = p;
		best.at = s->at[at];
		best.before = vnx_mean(s->y, at);
		best.after = vnx_mean(s->y + at, s->n - at);
	}
	return found && vnx_vec_push(out, best) ? -ENOMEM : 0;
}

static int room_init(struct room *r, size_t n)
{
	*r = (struct room){ malloc(n * sizeof(*r->b)), calloc(n, sizeof(*r->halfwidth)),
			    malloc(n * sizeof(*r->mean)), malloc(n * sizeof(*r->levels)) };
	return r->b && r->halfwidth && r->mean && r->levels ? 0 : -ENOMEM;
}

static void room_fini(struct room *r)
{
	free(r->b);
	free(r->halfwidth);
	free(r->mean);
	free(r->levels);
}

int vnx_levels_find(const double *x, size_t n, const struct vnx_change_conf *conf,
		    struct vnx_changes *out, struct vnx_now_level *last)
{
	struct fit f = { .b = malloc((n + 2) * sizeof(*f.b)), .k = 1 };
	struct series s;
	struct room r;
	int err = series_init(&s, x, n, conf);

	err = room_init(&r, n + 2) || !f.b ? -ENOMEM : err;
	if (last)
		*last = (struct vnx_now_level){ 0 };
	if (err || s.n < 2 * s.least || !(s.root > 0))
		goto out;
	err = series_clip(&s);
	if (err)
		goto out;
	if (s.n <= FEW) {
		err = few_find(&s, conf, out);
		goto out;
	}
	fit_find(&s, &r, &f);
	bounds_drop(&s, &f, conf->min_effect);
	err = bounds_settle(&s, &f, conf->min_effect, r.halfwidth);
	if (!err)
		err = changes_append(&s, &f, &r, out);
	if (!err && last) {
		levels_fit(&s, &f, r.mean, r.levels);
		*last = (struct vnx_now_level){ r.levels[f.k - 1].mean * s.root,
						r.levels[f.k - 1].scale * s.root, f.phi };
	}
out:
	free(f.b);
	room_fini(&r);
	series_fini(&s);
	return err;
}

/* ---- long series ---- */

/* Levels anew between the changes of @out, and none of them that is no change any more. */
static void level_again(const double *x, size_t n, double min_effect, struct vnx_changes *out)
{
	for (size_t i = 0; i < out->n;) {
		struct vnx_change *ch = &out->v[i];
		size_t from = vnx_reach_back(ch->at, i ? out->v[i - 1].at : 0);
		size_t to = vnx_reach_on(ch->at, i + 1 < out->n ? ch[1].at : n);
		bool fell = ch->after < ch->before;

		ch->before = vnx_mean(x + from, ch->at - from);
		ch->after = vnx_mean(x + ch->at, to - ch->at);
		if (fell == (ch->after < ch->before) &&
		    fabs(ch->after - ch->before) >= min_effect * ch->before) {
			i++;
			continue;
		}
		memmove(ch, ch + 1, (--out->n - i) * sizeof(*ch));
		i -= i > 0; /* the one before it has another level after it now */
	}
}

/* In windows of y[n], none missing: as vnx_segment(), but for where that puts the changes. */
static int windows_find(const double *y, size_t n, const struct vnx_change_conf *conf,
			struct vnx_changes *out)
{
	size_t lo = 0;
	int err = 0;

	for (size_t start = 0; !err && lo < n; start += VNX_WINDOW / 2) {
		bool last = start + VNX_WINDOW >= n;
		size_t from = last ? n - VNX_WINDOW : start;
		size_t hi = last ? n : start + VNX_WINDOW / 4 * 3;
		struct vnx_changes seen = { 0 };

		err = vnx_levels_find(y + from, VNX_WINDOW, conf, &seen, NULL);
		for (size_t i = 0; !err && i < seen.n; i++) {
			struct vnx_change ch = seen.v[i];
			bool again;

			ch.at += from;
			again = out->n && ch.at < out->v[out->n - 1].at + conf->min_bins;
			if (ch.at >= lo && ch.at < hi + conf->min_bins && !again)
				err = vnx_vec_push(out, ch);
		}
		free(seen.v);
		lo = hi;
	}
	if (!err)
		level_again(y, n, conf->min_effect, out);
	return err;
}

/*
 * A long series is looked at in windows, so that the same change is found in one of any length and
 * what wanders over hours is none. Of each window, which overlaps half of either neighbour, the
 * middle half counts; at the ends of the series all does. Windows are of values that were measured.
 */
int vnx_segment(const double *x, size_t n, const struct vnx_change_conf *conf,
		struct vnx_changes *out)
{
	double *y VNX_CLEANUP_FREE = malloc((n + 1) * sizeof(*y));
	size_t *at VNX_CLEANUP_FREE = malloc((n + 1) * sizeof(*at)), valid = 0;
	struct vnx_changes found = { 0 };
	int err = 0;

	if (!y || !at)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		y[valid] = x[i];
		at[valid] = i;
		valid += isfinite(x[i]);
	}
	if (valid <= VNX_WINDOW)
		return vnx_levels_find(x, n, conf, out, NULL);
	err = windows_find(y, valid, conf, &found);
	for (size_t i = 0; !err && i < found.n; i++) {
		struct vnx_change ch = found.v[i];

		/* it may have come in any missing bin before the value as well */
		ch.uncertainty += (double)(at[ch.at] - at[ch.at - 1] - 1);
		ch.at = at[ch.at];
		err = vnx_vec_push(out, ch);
	}
	free(found.v);
	return err;
}
