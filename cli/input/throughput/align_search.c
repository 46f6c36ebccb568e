// SPDX-License-Identifier: GPL-2.0-only
/*
 * --offset search: the place at which the load follows the calls best. Where the clocks are
 * known it is looked for within their uncertainty only; where nothing is known, wherever the
 * trace covers at least half of the load. The best of many places looks good by chance alone
 * (statistics.md: 67 % of independent series at +-10 bins), so its p is corrected for all that
 * were looked at, and a place that is no better than chance is not taken.
 */
#include "cli/input/throughput/throughput_format.h"

#include <math.h>

#include "analysis/place.h"

#define P_MAX 0.01
#define MIN_PAIRS 20
#define MAX_BINS 200000
#define MAX_WORK 1e9 /* lags times bins times series, a second or two */

struct search {
	const struct vnx_grid *grid;
	double *y; /* the load on bins of its own, from its first interval on */
	size_t m;
	double first_s;  /* its first interval's start */
	long from, to;   /* bins of the grid where y[0] may fall */
	double base_bin; /* the bin where --offset 0s puts y[0] */
	struct vnx_place best;
	double most;   /* values of y that can be independent */
	size_t which;  /* series of the best */
	size_t tries;  /* of all series */
	double r_base; /* of series @which at base_bin; NaN: that place is not known */
};

static int too_long(struct vnx_err *err)
{
	vnx_err_hint(err, "Choose a part by --from and --to, wider bins by --bin, or give --offset "
			  "TIME.");
	return vnx_err_set(err, -E2BIG, VNX_EXIT_USAGE, "usage",
			   "--offset search: trace and load are too long to try every place");
}

/* The load on bins whose edge is its first interval's start. */
static int own_series(struct vnx_throughput *tp, struct search *s, struct vnx_err *err)
{
	const struct vnx_interval *last = &tp->intervals.v[tp->intervals.n - 1];
	struct vnx_grid grid = { .start_ns = VNX_NSEC_PER_SEC, .bin_ns = s->grid->bin_ns };
	struct vnx_throughput own = *tp;
	double bins;

	s->first_s = tp->intervals.v[0].start_s;
	bins = ceil((last->end_s - s->first_s) * 1e9 / (double)grid.bin_ns);
	if (!(bins <= MAX_BINS))
		return too_long(err);
	grid.n = s->m = (size_t)bins;
	s->y = malloc((s->m + 1) * sizeof(*s->y));
	if (!s->y)
		return -ENOMEM;
	own.method = VNX_ALIGN_GIVEN;
	own.zero_ns = (int64_t)grid.start_ns - llround(s->first_s * 1e9);
	own.peers.n = 0;
	s->most = bins > (double)tp->intervals.n ? (double)tp->intervals.n : INFINITY;
	return vnx_throughput_series(&own, &grid, s->y);
}

static size_t min_pairs(const struct search *s)
{
	return s->m / 2 > MIN_PAIRS ? s->m / 2 : MIN_PAIRS;
}

static int set_range(const struct vnx_throughput *tp, size_t n, struct search *s,
		     struct vnx_err *err)
{
	double bin_ns = (double)s->grid->bin_ns, zero_ns, doubt;
	double lags, bins = (double)(s->grid->n < s->m ? s->grid->n : s->m);

	zero_ns = tp->method == VNX_ALIGN_NONE ? tp->own_zero_s * 1e9 : (double)tp->zero_ns;
	s->base_bin = (zero_ns + s->first_s * 1e9 - (double)s->grid->start_ns) / bin_ns;
	if (tp->method == VNX_ALIGN_NONE) {
		s->from = -(long)s->m;
		s->to = (long)s->grid->n;
	} else {
		doubt = tp->uncertainty_s * 1e9 / bin_ns;
		if (!(fabs(s->base_bin) + doubt < 1e15))
			return too_long(err);
		s->from = (long)floor(s->base_bin - doubt + 0.5);
		s->to = (long)ceil(s->base_bin + doubt - 0.5);
		/* Elsewhere there is no overlap. */
		s->from = s->from < -(long)s->m ? -(long)s->m : s->from;
		s->to = s->to > (long)s->grid->n ? (long)s->grid->n : s->to;
	}
	lags = (double)s->to - (double)s->from + 1;
	return lags * bins * (double)n > MAX_WORK ? too_long(err) : 0;
}

static double fit(const struct vnx_corr *c)
{
	return isnan(c->p) ? 2 : c->p;
}

static int search_all(struct search *s, const double *const *series, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct vnx_place p;
		int ret = vnx_place_search(series[i], s->grid->n, s->y, s->m, s->from, s->to,
					   min_pairs(s), s->most, &p);

		if (ret)
			return ret;
		if (p.tries &&
		    (!s->tries || fit(&p.c) < fit(&s->best.c) ||
		     (fit(&p.c) == fit(&s->best.c) && fabs(p.c.r) > fabs(s->best.c.r)))) {
			s->best = p;
			s->which = i;
		}
		s->tries += p.tries;
	}
	if (s->tries)
		vnx_corr_correct(VNX_PEARSON, s->tries, &s->best.c);
	return 0;
}

static int r_at_base(struct search *s, const double *x)
{
	long base = lround(fmax(-1e9, fmin(1e9, s->base_bin)));
	struct vnx_place p;
	int ret = vnx_place_search(x, s->grid->n, s->y, s->m, base, base, MIN_PAIRS, s->most, &p);

	s->r_base = !ret && p.tries ? p.c.r : NAN;
	return ret;
}

static void take_place(struct vnx_throughput *tp, const struct search *s)
{
	double bin_s = (double)s->grid->bin_ns / 1e9;
	double plateau =
		fmax((double)(s->best.last - s->best.lag), (double)(s->best.lag - s->best.first));
	int64_t first_ns = llround(s->first_s * 1e9), was_ns = tp->zero_ns;

	tp->offset_s = ((double)s->best.lag - s->base_bin) * bin_s;
	tp->zero_ns =
		(int64_t)s->grid->start_ns + s->best.lag * (int64_t)s->grid->bin_ns - first_ns;
	tp->uncertainty_s = (0.5 + plateau) * bin_s;
	tp->method = VNX_ALIGN_LAG;
	tp->places = s->tries;
	for (size_t i = 0; i < tp->peers.n; i++)
		tp->peers.v[i]->zero_ns += tp->zero_ns - was_ns;
}

/* Why no place was tried. */
static int tell_none(struct vnx_throughput *tp, const struct search *s, bool known)
{
	size_t common = s->m < s->grid->n ? s->m : s->grid->n;

	if (s->m < MIN_PAIRS)
		return vnx_throughput_note(
			tp, "no place to search: the load is shorter than %d bins", MIN_PAIRS);
	if (!known && common >= min_pairs(s))
		return vnx_throughput_note(tp, "no place to search: the load, or all that was "
					       "counted, is the same at all times");
	return vnx_throughput_note(
		tp, "no place to search: the trace does not cover half of the load%s",
		known ? " where the clocks put it" : "");
}

static int tell(struct vnx_throughput *tp, const struct search *s, const char *name)
{
	const struct vnx_corr *c = &s->best.c;
	bool known = tp->method != VNX_ALIGN_NONE;
	bool taken = c->p < P_MAX;
	char base[64] = "";

	if (!s->tries)
		return tell_none(tp, s, known);
	if (known && !isnan(s->r_base))
		snprintf(base, sizeof(base), "; r = %.3f where the clocks alone put it", s->r_base);
	if (taken)
		take_place(tp, s);
	return vnx_throughput_note(tp,
				   "%s of %zu places (r = %.3f with %s, p = %.2g corrected for all "
				   "of them%s)%s",
				   taken ? "placed by the best fit" : "not placed: the best fit",
				   s->tries, c->r, name, c->p, base, taken ? "" : " may be chance");
}

int vnx_throughput_search(struct vnx_throughput *tp, const struct vnx_grid *grid,
			  const double *const *series, const char *const *names, size_t n,
			  struct vnx_err *err)
{
	struct search s = { .grid = grid };
	int ret;

	if (tp->method != VNX_ALIGN_NONE && tp->uncertainty_s * 2e9 <= (double)grid->bin_ns)
		return vnx_throughput_note(tp,
					   "not searched: its place is known to less than a bin");
	if (!tp->intervals.n || !n)
		return vnx_throughput_note(tp,
					   "no place to search: nothing to follow was measured");
	ret = own_series(tp, &s, err);
	if (!ret)
		ret = set_range(tp, n, &s, err);
	if (!ret)
		ret = search_all(&s, series, n);
	if (!ret && s.tries)
		ret = r_at_base(&s, series[s.which]);
	if (!ret)
		ret = tell(tp, &s, n ? names[s.which] : "");
	free(s.y);
	return ret;
}
