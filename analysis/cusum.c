// SPDX-License-Identifier: GPL-2.0-only
/*
 * Online change points: a two-sided CUSUM of AR(1)-whitened innovations.
 *
 * The baseline is learnt from the first bins (median and MAD, so that an outlier does not
 * set it) and goes on learning while there is no alarm, as a self-starting CUSUM does
 * (Hawkins 1987): every innovation is judged by what was known before it, with Student's
 * distribution for how little that was, and turned into a normal score. So the textbook's
 * false-alarm rate (Siegmund 1985) applies to the scores. What it does not cover, the
 * error of phi itself, shrinks the scores by what that error could add to their sum.
 */
#include "analysis/change.h"

#include "analysis/stats.h"

#include <float.h>
#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

#define LEARN 40      /* bins before the first judgement: 20 s of 0.5 s */
#define REFERENCE 0.5 /* k: tuned to a shift of one long-run scale */
#define SCORE_MAX 3.0 /* heavy tails count as this */
#define CLIP 3.0      /* what the baseline learns from an outlier, in scales */
#define PHI_MAX 0.95
#define WARNING 3.0 /* a sum above it: what comes is not learnt before the sum is back */
#define PENDING 256 /* values that wait for that at most */
#define RECENT 256  /* values among which an alarm looks for its start */
#define SIDES 2.0
#define MEMORY 2000.0 /* bins after which the baseline forgets */

/* One side of the CUSUM. */
struct side {
	double sum;
	size_t from; /* bin after the last zero */
};

/* A value judged since the last zero of both sides. */
struct judged {
	double x;
	size_t bin;
};

struct vnx_cusum {
	struct vnx_change_conf conf;
	double threshold;
	size_t pushed; /* bins seen, missing ones too */
	double *learn; /* LEARN values */
	size_t learnt;
	double n; /* what the baseline is worth, in bins */
	double mean, phi;
	double var;         /* of the innovations */
	double lag0, lag1;  /* sums for phi */
	double last;        /* last value judged; NaN after a gap */
	double last_learnt; /* last value learnt, clipped; NaN after a gap */
	double *pending;    /* PENDING values not learnt yet; NaN is a gap */
	size_t n_pending;
	struct side low, high;
	struct judged recent[RECENT];
	size_t n_recent;
};

/*
 * Mean time to a false alarm of one side with threshold h: Siegmund's corrected diffusion
 * approximation, whose h + 1.166 allows for the overshoot.
 */
static double false_alarm_time(double h)
{
	double b = 2 * REFERENCE * (h + 1.166);

	return (expm1(b) - b) / (2 * REFERENCE * REFERENCE);
}

static double threshold_for(double false_alarms_per_bin)
{
	double want = SIDES / false_alarms_per_bin, lo = 0, hi = 40;

	for (int i = 0; i < 80; i++) {
		double mid = (lo + hi) / 2;

		if (false_alarm_time(mid) < want)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

struct vnx_cusum *vnx_cusum_new(const struct vnx_change_conf *conf, double false_alarms_per_bin)
{
	struct vnx_cusum *c;

	if (!(false_alarms_per_bin > 0 && false_alarms_per_bin < 1))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->learn = calloc(LEARN, sizeof(*c->learn));
	c->pending = calloc(PENDING, sizeof(*c->pending));
	if (!c->learn || !c->pending) {
		vnx_cusum_free(c);
		return NULL;
	}
	c->conf = *conf;
	c->threshold = threshold_for(false_alarms_per_bin);
	c->last = NAN;
	return c;
}

void vnx_cusum_free(struct vnx_cusum *c)
{
	if (!c)
		return;
	free(c->learn);
	free(c->pending);
	free(c);
}

static void side_reset(struct side *s, size_t next)
{
	*s = (struct side){ .from = next };
}

static double clip(double x, double mean, double scale)
{
	return fmin(fmax(x, mean - CLIP * scale), mean + CLIP * scale);
}

/* phi from the sums so far, corrected for the bias of a mean estimated from n bins. */
static void phi_learn(struct vnx_cusum *c)
{
	double r = c->lag0 > 0 ? c->lag1 / c->lag0 : 0;

	c->phi = fmin(fmax((r + 1 / c->n) / (1 - 4 / c->n), 0), PHI_MAX);
}

/* The learning window is full: median and MAD, then mean and variance of what they let pass. */
static void baseline_start(struct vnx_cusum *c)
{
	double median = vnx_median(c->learn, LEARN), mad = vnx_mad(c->learn, LEARN);
	double sq = 0;

	if (!(mad > 0))
		mad = vnx_sd(c->learn, LEARN);
	for (size_t i = 0; i < LEARN; i++)
		c->learn[i] = clip(c->learn[i], median, mad);
	c->n = LEARN;
	c->mean = vnx_mean(c->learn, LEARN);
	c->lag0 = c->lag1 = 0;
	for (size_t i = 0; i < LEARN; i++) {
		double d = c->learn[i] - c->mean;

		c->lag0 += d * d;
		c->lag1 += i ? d * (c->learn[i - 1] - c->mean) : 0;
	}
	phi_learn(c);
	for (size_t i = 1; i < LEARN; i++) {
		double e = (c->learn[i] - c->mean) - c->phi * (c->learn[i - 1] - c->mean);

		sq += e * e;
	}
	c->var = sq / (LEARN - 3);
	c->last = c->last_learnt = c->learn[LEARN - 1];
	c->n_pending = 0;
	side_reset(&c->low, c->pushed);
	side_reset(&c->high, c->pushed);
}

/* An alarm was raised: what holds now must be learnt anew. */
static void baseline_forget(struct vnx_cusum *c)
{
	c->learnt = 0;
	c->n_recent = 0;
	c->last = NAN;
}

/*
 * Whitening with an estimated phi leaves some autocorrelation in the scores, the more the
 * larger phi is; time to a false alarm grows with exp(2 k h). Fitted to simulated AR(1)
 * series of phi 0 to 0.8, see the unit test.
 */
static double threshold_now(const struct vnx_cusum *c)
{
	return c->threshold + log1p(4 * c->phi * c->phi) / (2 * REFERENCE);
}

/* A scale that is never 0, for series without noise. */
static double innovation_scale(const struct vnx_cusum *c)
{
	return fmax(sqrt(c->var), fmax(1e-3 * fabs(c->mean), DBL_MIN));
}

/* Normal score of @x, by what was known before it. */
static double score_of(const struct vnx_cusum *c, double x)
{
	double scale = innovation_scale(c), gain = 1 - c->phi, e, t, slack;

	if (isnan(c->last)) /* first after a gap: nothing to predict it from */
		e = (x - c->mean) * sqrt(1 - c->phi * c->phi);
	else
		e = (x - c->mean) - c->phi * (c->last - c->mean);
	/* the mean's own error: long-run variance / n, of which an innovation sees (1 - phi)^2 */
	t = e / (scale * sqrt(1 + (isnan(c->last) ? gain : 1) / c->n));
	t = qnorm5(pt(-fabs(t), c->n - 2, 1, 0), 0, 1, 0, 0);
	t = fmin(t, SCORE_MAX) * (e < 0 ? -1 : 1);
	slack = sqrt((1 - c->phi * c->phi) / c->n) + (1 + 4 * c->phi) / c->n;
	return t * sqrt((1 - slack) / (1 + slack));
}

/* The baseline learns @x, clipped; NaN is a gap. */
static void baseline_learn(struct vnx_cusum *c, double x)
{
	double scale = innovation_scale(c), keep, d, e, last = c->last_learnt;
	double centre = isnan(last) ? c->mean : c->mean + c->phi * (last - c->mean);

	c->last_learnt = x;
	if (isnan(x))
		return;
	x = clip(x, centre, isnan(last) ? scale / sqrt(1 - c->phi * c->phi) : scale);
	c->last_learnt = x;
	keep = c->n < MEMORY ? 1 : 1 - 1 / MEMORY;
	c->n = c->n * keep + 1;
	d = x - c->mean;
	c->mean += d / c->n;
	if (isnan(last))
		return;
	c->lag0 = c->lag0 * keep + d * (x - c->mean);
	c->lag1 = c->lag1 * keep + d * (last - c->mean);
	phi_learn(c);
	e = (x - c->mean) - c->phi * (last - c->mean);
	c->var += (e * e - c->var) / c->n;
}

/*
 * @x waits until neither sum is suspicious: a change on its way to the alarm must not teach
 * the baseline that it is normal.
 */
static void baseline_offer(struct vnx_cusum *c, double x)
{
	c->pending[c->n_pending++] = x;
	if (fmax(c->low.sum, c->high.sum) > WARNING && c->n_pending < PENDING)
		return;
	for (size_t i = 0; i < c->n_pending; i++)
		baseline_learn(c, c->pending[i]);
	c->n_pending = 0;
}

/* One side takes @z (its own sign); true: over the threshold. */
static bool side_push(struct side *s, double z, double threshold, size_t bin)
{
	s->sum += z - REFERENCE;
	if (s->sum <= 0)
		side_reset(s, bin + 1);
	return s->sum > threshold;
}

static void recent_push(struct vnx_cusum *c, double x, size_t bin)
{
	if (c->low.sum <= 0 && c->high.sum <= 0) {
		c->n_recent = 0;
		return;
	}
	if (c->n_recent == RECENT) { /* a long suspicion: its older half is dropped */
		memmove(c->recent, c->recent + RECENT / 2, RECENT / 2 * sizeof(*c->recent));
		c->n_recent = RECENT / 2;
	}
	c->recent[c->n_recent++] = (struct judged){ x, bin };
}

/*
 * The most likely start of the new level among the values since the side's last zero: where
 * the squared sum of departures per value is largest. The last zero itself is too early.
 * Fills *out; false: no shift of min_bins and min_effect there.
 */
static bool alarm_place(const struct vnx_cusum *c, const struct side *s, struct vnx_change *out)
{
	double sum = 0, best = 0, d;
	size_t bins = 0;

	for (size_t i = c->n_recent; i-- > 0 && c->recent[i].bin >= s->from;) {
		sum += c->recent[i].x - c->mean;
		if (++bins < c->conf.min_bins || sum * sum / (double)bins <= best)
			continue;
		best = sum * sum / (double)bins;
		out->at = c->recent[i].bin;
		out->after = c->mean + sum / (double)bins;
	}
	if (!(best > 0) || (s == &c->low) != (out->after < c->mean) ||
	    !(fabs(out->after - c->mean) >= c->conf.min_effect * fabs(c->mean)))
		return false;
	/*
	 * Where a shift of d long-run scales starts is known to some 11 / d^2 bins (95 %: Bai
	 * 1997), and not later than the alarm.
	 */
	d = (out->after - c->mean) * (1 - c->phi) / innovation_scale(c);
	out->uncertainty = 0.5 + fmin(11 / (d * d), (double)(c->pushed - out->at));
	out->before = c->mean;
	out->p = NAN;
	out->online = true;
	return true;
}

int vnx_cusum_push(struct vnx_cusum *c, double x, struct vnx_change *change)
{
	size_t bin = c->pushed++;
	bool low, high;
	double z, h;

	if (c->learnt < LEARN) {
		if (!isfinite(x))
			return 0;
		c->learn[c->learnt++] = x;
		if (c->learnt == LEARN)
			baseline_start(c);
		return 0;
	}
	if (!isfinite(x)) {
		c->last = NAN;
		baseline_offer(c, NAN);
		return 0;
	}
	z = score_of(c, x);
	h = threshold_now(c);
	low = side_push(&c->low, -z, h, bin);
	high = side_push(&c->high, z, h, bin);
	recent_push(c, x, bin);
	if ((low && alarm_place(c, &c->low, change)) ||
	    (high && alarm_place(c, &c->high, change))) {
		baseline_forget(c);
		return 1;
	}
	c->last = x;
	baseline_offer(c, x);
	return 0;
}
