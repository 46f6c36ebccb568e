// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segmentation and CUSUM on simulated throughput. VNX_TEST_LONG=1 in the environment runs
 * the simulations at full length: false alarms at the promised one a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* its statics are compared with their definitions */
#include "analysis/segment.c"
#include "tests/unit/sim.h"

#define DAY 172800.0 /* bins of 0.5 s */

static const struct vnx_change_conf conf = VNX_CHANGE_CONF_DEFAULT;

static struct vnx_changes segment(const double *x, size_t n)
{
	struct vnx_changes c = { 0 };

	assert_int_equal(vnx_segment(x, n, &conf, &c), 0);
	return c;
}

static struct vnx_changes segment_mbit(const double *mbit, size_t n)
{
	double y[64];

	assert_true(n <= VNX_ARRAY_SIZE(y));
	for (size_t i = 0; i < n; i++)
		y[i] = mbit[i] * 1e6;
	return segment(y, n);
}

static size_t count_changes(const double *x, size_t n)
{
	struct vnx_changes c = segment(x, n);

	free(c.v);
	return c.n;
}

/* Best cost over all segmentations, no pruning. */
static double plain_best(const double *g, size_t n, size_t min_bins, double penalty)
{
	double best[121];
	struct pelt p;

	assert_int_equal(pelt_init(&p, g, n), 0);
	best[0] = -penalty;
	for (size_t to = 1; to <= n; to++) {
		best[to] = INFINITY;
		for (size_t from = 0; from + min_bins <= to; from++)
			best[to] =
				fmin(best[to], best[from] + segment_cost(&p, from, to) + penalty);
	}
	pelt_fini(&p);
	return best[n];
}

static double cost_of(const double *g, const size_t *b, long k, double penalty)
{
	double cost = -penalty;

	for (long i = 0; i < k; i++) {
		double mean = vnx_mean(g + b[i], b[i + 1] - b[i]);

		for (size_t j = b[i]; j < b[i + 1]; j++)
			cost += (g[j] - mean) * (g[j] - mean);
		cost += penalty;
	}
	return cost;
}

static void pelt_is_exact(void **state)
{
	double g[120], want, got;
	size_t b[122];

	for (unsigned run = 0; run < 200; run++) {
		struct sim s = sim_seed(run + 1);
		size_t n = 6 + (size_t)(114 * sim_uniform(&s)), min_bins = 1 + run % 6;
		double penalty = pow(10, 3 * sim_uniform(&s) - 1);
		long k;

		if (n < 2 * min_bins)
			continue;
		for (size_t i = 0; i < n; i++)
			g[i] = sim_normal(&s) + 3 * floor(3 * sin((double)i / 9));
		want = plain_best(g, n, min_bins, penalty);
		k = pelt_run(g, n, min_bins, penalty, b);
		assert_true(k > 0 && b[0] == 0 && b[k] == n);
		for (long i = 0; i < k; i++)
			assert_true(b[i + 1] - b[i] >= min_bins);
		got = cost_of(g, b, k, penalty);
		assert_true(fabs(got - want) < 1e-8 * (1 + fabs(want)));
	}
}

static void clean_steps_are_found_exactly(void **state)
{
	double x[120];
	struct vnx_changes c;

	for (int i = 0; i < 120; i++)
		x[i] = i < 40 ? 1e8 : i < 80 ? 5e7 : 9e7;
	c = segment(x, 120);
	assert_int_equal(c.n, 2);
	assert_true(c.v[0].at == 40 && c.v[1].at == 80);
	assert_true(c.v[0].before == 1e8 && c.v[0].after == 5e7 && c.v[1].after == 9e7);
	assert_true(c.v[0].p <= 0.01 && c.v[0].uncertainty >= 0.5 && c.v[0].uncertainty < 2);
	free(c.v);
	/* below the minimum effect */
	for (int i = 0; i < 120; i++)
		x[i] = i < 40 ? 1e8 : 0.97e8;
	assert_int_equal(count_changes(x, 120), 0);
}

static void nothing_comes_of_nothing(void **state)
{
	double x[100];

	for (size_t n = 0; n < 8; n++) {
		for (size_t i = 0; i < n; i++)
			x[i] = (double)i * 1e9;
		(void)count_changes(x, n);
	}
	for (int i = 0; i < 100; i++)
		x[i] = NAN;
	assert_int_equal(count_changes(x, 100), 0);
	for (int i = 0; i < 100; i++)
		x[i] = 0;
	assert_int_equal(count_changes(x, 100), 0);
	for (int i = 0; i < 100; i++)
		x[i] = 1e10 + (i % 2); /* a quantum of noise */
	assert_int_equal(count_changes(x, 100), 0);
}

static void gaps_widen_the_uncertainty(void **state)
{
	double x[120];
	struct vnx_changes c;
	struct sim s = sim_seed(8);

	for (int i = 0; i < 120; i++)
		x[i] = (i < 60 ? 1e8 : 4e7) * (1 + 0.05 * sim_normal(&s));
	for (int i = 55; i < 65; i++)
		x[i] = NAN;
	c = segment(x, 120);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.v[0].at, 65);
	assert_true(c.v[0].uncertainty >= 10);
	free(c.v);
}

/* One or two bad bins, an outlier of any height: no level. Three bins are one. */
static void dips_and_spikes_are_no_levels(void **state)
{
	double x[240];

	for (unsigned seed = 1; seed <= 50; seed++) {
		struct sim s = sim_seed(seed);

		for (int i = 0; i < 240; i++)
			x[i] = 1e8 * (1 + 0.05 * sim_normal(&s));
		x[60] = 0;
		x[100] = x[101] = 1e6;
		x[150] = 1e10;
		assert_int_equal(count_changes(x, 240), 0);
	}
}

static unsigned healthy_with_falls(double cv, double phi, double wander, int heavy, unsigned runs)
{
	double x[240], level = 1e8;
	unsigned bad = 0;

	for (unsigned i = 0; i < runs; i++) {
		struct sim s = sim_seed(i + 1);
		double phase = 2 * M_PI * sim_uniform(&s), period = 120 + 240 * sim_uniform(&s);
		struct vnx_changes c;
		unsigned falls = 0;

		sim_throughput(&s, x, 240, &level, 240, cv, phi, heavy);
		for (int k = 0; k < 240; k++)
			x[k] *= 1 + wander * sin(phase + 2 * M_PI * k / period);
		c = segment(x, 240);
		for (size_t k = 0; k < c.n; k++)
			falls += c.v[k].after < c.v[k].before;
		bad += falls > 0;
		free(c.v);
	}
	return bad;
}

/* 120 s of throughput that wanders and is noisy, but well. */
static void healthy_series_stay_healthy(void **state)
{
	static const struct {
		double cv, phi, wander;
		int heavy;
	} cases[] = {
		{ 0.3, 0.5, 0.05, 0 }, { 0.3, 0.5, 0.05, 1 }, { 0.3, 0.5, 0, 0 },
		{ 0.3, 0.3, 0.05, 0 }, { 0.3, 0.8, 0.05, 0 }, { 0.2, 0.4, 0.03, 1 },
		{ 0.1, 0.0, 0, 0 },    { 0.4, 0.7, 0.05, 1 },
	};
	unsigned runs = getenv("VNX_TEST_LONG") ? 2000 : 200;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(cases); i++) {
		unsigned bad = healthy_with_falls(cases[i].cv, cases[i].phi, cases[i].wander,
						  cases[i].heavy, runs);

		print_message("healthy, CV %.2f, AR(1) %.1f, wander %.2f%s: falls in %u of %u\n",
			      cases[i].cv, cases[i].phi, cases[i].wander,
			      cases[i].heavy ? ", heavy tails" : "", bad, runs);
		assert_true(bad * 100 <= runs);
	}
}

/* The study's run: eight stages of 25 s. How the first fall, at bin 50, is found. */
struct found {
	unsigned close, covered, none;
	double falls;
};

static struct found study_runs(double cv, double phi, unsigned runs)
{
	static const double level[8] = { 176e6, 120e6, 92e6, 71e6, 58e6, 46e6, 36e6, 27e6 };
	struct found f = { 0 };
	double x[400];

	for (unsigned i = 0; i < runs; i++) {
		struct sim s = sim_seed(i + 1000);
		const struct vnx_change *first = NULL;
		struct vnx_changes c;

		sim_throughput(&s, x, 400, level, 50, cv, phi, 1);
		c = segment(x, 400);
		for (size_t k = 0; k < c.n; k++) {
			if (c.v[k].after >= c.v[k].before)
				continue;
			first = first ? first : &c.v[k];
			f.falls += 1.0 / runs;
		}
		f.none += !first;
		if (first) {
			double off = fabs((double)first->at - 50);

			f.close += off <= 6;
			f.covered += off <= first->uncertainty;
		}
		free(c.v);
	}
	return f;
}

static void first_fall_is_found_within_3_s(void **state)
{
	static const struct {
		double cv, phi;
		unsigned at_least; /* per cent of runs; 30 % noise hides a fall of 32 % now and then
				    */
	} cases[] = {
		{ 0.1, 0.3, 97 }, { 0.1, 0.5, 95 }, { 0.2, 0.3, 80 },
		{ 0.2, 0.5, 62 }, { 0.3, 0.3, 48 },
	};
	unsigned runs = getenv("VNX_TEST_LONG") ? 2000 : 200;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(cases); i++) {
		struct found f = study_runs(cases[i].cv, cases[i].phi, runs);

		print_message("study, CV %.1f, AR(1) %.1f, heavy tails: within 3 s in %u of %u, "
			      "interval holds it in %u, no fall at all in %u, %.1f falls a run\n",
			      cases[i].cv, cases[i].phi, f.close, runs, f.covered, f.none, f.falls);
		assert_true(f.close * 100 >= cases[i].at_least * runs);
		assert_true(f.none * 100 <= runs); /* that it degraded is always seen */
	}
}

/* A fall of more than the noise is placed as well as the interval says. */
static void uncertainty_holds(void **state)
{
	static const double level[2] = { 1e8, 6e7 };
	unsigned runs = 300, covered = 0, found = 0;
	double x[200], width = 0;

	for (unsigned i = 0; i < runs; i++) {
		struct sim s = sim_seed(i + 1);
		struct vnx_changes c;

		sim_throughput(&s, x, 200, level, 100, 0.2, 0.4, 1);
		c = segment(x, 200);
		if (c.n == 1) {
			found++;
			covered += fabs((double)c.v[0].at - 100) <= c.v[0].uncertainty;
			width += c.v[0].uncertainty;
		}
		free(c.v);
	}
	print_message("a fall of 40 %% in 20 %% noise: found in %u of %u, interval holds it in %u, "
		      "half-width %.1f bins\n",
		      found, runs, covered, width / found);
	assert_true(found * 100 >= 95 * runs && covered * 100 >= 88 * found);
}

static void slow_ramp_is_a_fall(void **state)
{
	struct sim s = sim_seed(3);
	struct vnx_changes c;
	double x[240];

	for (int i = 0; i < 240; i++)
		x[i] = 1e8 * (1 - 0.5 * i / 240) * (1 + 0.1 * sim_normal(&s));
	c = segment(x, 240);
	assert_true(c.n >= 1);
	for (size_t i = 0; i < c.n; i++)
		assert_true(c.v[i].after < c.v[i].before);
	free(c.v);
}

/* What the first step of a series is taken for. */
static struct vnx_ramps ramps_of(const double *x, size_t n)
{
	struct vnx_changes c = segment(x, n);
	struct vnx_ramps r = { 0 };

	assert_true(c.n > 0);
	assert_int_equal(vnx_ramps_find(x, n, &c, conf.min_bins, &r), 0);
	free(c.v);
	return r;
}

static void clean_ramp_is_found_exactly(void **state)
{
	struct vnx_ramps r;
	double x[240];

	for (int i = 0; i < 240; i++)
		x[i] = 1e8 * (1 - 0.5 * fmin(fmax((i + 0.5 - 70) / 60, 0), 1));
	x[100] = NAN;
	r = ramps_of(x, 240);
	assert_int_equal(r.n, 1);
	assert_false(r.v[0].doubtful);
	assert_true(r.v[0].from >= 69 && r.v[0].from <= 71);
	assert_true(r.v[0].to >= 129 && r.v[0].to <= 131);
	assert_true(fabs(r.v[0].before - 1e8) < 1e6 && fabs(r.v[0].after - 5e7) < 1e6);
	free(r.v);
	/* upward it is no fall */
	for (int i = 0; i < 240; i++)
		x[i] = 1e8 * (1 + 0.5 * fmin(fmax((i + 0.5 - 70) / 60, 0), 1));
	r = ramps_of(x, 240);
	assert_int_equal(r.n, 0);
}

/* A decline is one fall that begins where it does; a step and stairs of 25 s are no decline. */
static void decline_is_one_fall_and_stairs_are_several(void **state)
{
	unsigned one = 0, covered = 0, stairs = 0, steps = 0, runs = 60;
	double x[240];

	for (unsigned seed = 1; seed <= runs; seed++) {
		struct sim s = sim_seed(seed);
		size_t len = 20 * (1 + seed % 6);
		struct vnx_ramps r;
		struct vnx_changes c;

		sim_ar1(&s, x, 240, 0.3, 0);
		for (size_t i = 0; i < 240; i++)
			x[i] = 1e8 * (1 + 0.1 * x[i]) *
			       (1 - 0.5 * fmin(fmax(((double)i + 0.5 - 60) / (double)len, 0), 1));
		c = segment(x, 240);
		r = ramps_of(x, 240);
		one += r.n == 1 && !r.v[0].doubtful && r.v[0].first == 0 && r.v[0].last == c.n - 1;
		covered += r.n && fabs((double)r.v[0].from - 60) <= r.v[0].uncertainty;
		free(r.v);
		free(c.v);
		sim_ar1(&s, x, 240, 0.3, 0);
		for (size_t i = 0; i < 240; i++)
			x[i] = 1e8 * (1 + 0.1 * x[i]) * (1 - 0.2 * fmin((double)(i / 50), 3));
		r = ramps_of(x, 240);
		for (size_t i = 0; i < r.n; i++)
			stairs += !r.v[i].doubtful;
		free(r.v);
		sim_ar1(&s, x, 240, 0.3, 0);
		for (size_t i = 0; i < 240; i++)
			x[i] = 1e8 * (1 + 0.1 * x[i]) * (i < 100 ? 1 : 0.6);
		r = ramps_of(x, 240);
		for (size_t i = 0; i < r.n; i++)
			steps += !r.v[i].doubtful;
		free(r.v);
	}
	print_message("declines of 10 to 60 s: one fall in %u of %u, start covered in %u; ramps in "
		      "stairs %u, in steps %u\n",
		      one, runs, covered, stairs, steps);
	assert_true(one * 10 >= 8 * runs && covered * 10 >= 8 * runs);
	assert_true(stairs <= 2 && steps <= 2);
}

/* One shock of eight scales that dies away as the noise does is no level; one that stays is. */
static void shock_that_decays_is_no_level(void **state)
{
	unsigned shocks = 0, levels = 0;
	double x[240];

	for (unsigned seed = 1; seed <= 40; seed++) {
		struct sim s = sim_seed(seed);
		double v = 0;

		for (int i = 0; i < 240; i++) {
			v = 0.5 * v + sqrt(0.75) * sim_normal(&s) - (i == 120 ? 8 : 0);
			x[i] = 1e8 * (1 + 0.1 * v);
		}
		shocks += count_changes(x, 240) > 0;
		for (int i = 120; i < 132; i++)
			x[i] += 8e7 * pow(0.5, i - 120) - 5e7;
		levels += count_changes(x, 240) > 0;
	}
	print_message("shocks taken for levels: %u of 40; levels found: %u\n", shocks, levels);
	assert_true(shocks <= 2 && levels >= 36);
}

/*
 * Mbit/s of a lab run whose receiver was stopped again and again from 12 s on. Before the levels
 * are told apart it looks like an AR(1) of 0.8, under which there is nothing to find.
 */
static void two_levels_are_not_taken_for_autocorrelation(void **state)
{
	static const double mbit[] = {
		202, 202, 241, 240, 158, 154, 179, 386, 302, 230, 229, 227, 228, 229, 228,
		229, 223, 200, 247, 237, 229, 206, 116, 79,  92,  96,  108, 121, 107, 120,
		115, 91,  104, 135, 133, 146, 130, 110, 118, 183, 172, 149, 88,  62,  154,
		169, 92,  82,  126, 120, 98,  123, 93,  99,  115, 109, 114, 112, 122,
	};
	struct vnx_changes c = segment_mbit(mbit, VNX_ARRAY_SIZE(mbit));

	assert_int_equal(c.n, 1);
	assert_int_equal(c.v[0].at, 22);
	assert_true(c.v[0].p < 1e-5);
	free(c.v);
}

/* Mbit/s of a lab run whose worker was saturated from 6 s on: where a steady level breaks off. */
static void break_is_placed_by_what_it_leaves(void **state)
{
	static const double mbit[] = {
		283, 279, 285, 277, 277, 285, 275, 287, 277, 277, 285, 271, 244, 176, 151, 213,
		176, 204, 157, 168, 176, 167, 200, 228, 253, 243, 159, 193, 162, 166, 191, 174,
	};
	struct vnx_changes c = segment_mbit(mbit, VNX_ARRAY_SIZE(mbit));

	assert_int_equal(c.n, 1);
	assert_true(c.v[0].at >= 12 && c.v[0].at <= 13 && c.v[0].uncertainty <= 2);
	free(c.v);
}

static void long_series_are_folded(void **state)
{
	size_t n = 3 * EXACT_MAX + 17, at = 2 * EXACT_MAX + 5;
	double *x = malloc(n * sizeof(*x));
	struct sim s = sim_seed(2);
	struct vnx_changes c;

	assert_non_null(x);
	for (size_t i = 0; i < n; i++)
		x[i] = (i < at ? 1e9 : 7e8) * (1 + 0.1 * sim_normal(&s));
	c = segment(x, n);
	assert_int_equal(c.n, 1);
	assert_true(fabs((double)c.v[0].at - (double)at) <= 2);
	free(c.v);
	free(x);
}

/* Bins per false alarm over @total bins, runs of @run bins each. */
static double false_alarm_bins(double phi, double per_bin, size_t run, double total, int heavy)
{
	struct vnx_change ch;
	double bins = 0, alarms = 0;

	for (unsigned seed = 1; bins < total; seed++) {
		struct vnx_cusum *c = vnx_cusum_new(&conf, per_bin);
		struct sim s = sim_seed(seed);
		double v = sim_normal(&s);

		assert_non_null(c);
		for (size_t i = 0; i < run; i++, bins++) {
			double e = sim_normal(&s);

			if (heavy && sim_uniform(&s) < 0.05)
				e *= 3;
			v = phi * v + sqrt(1 - phi * phi) * e;
			alarms += vnx_cusum_push(c, 1e8 * fmax(0, 1 + 0.3 * v), &ch);
		}
		vnx_cusum_free(c);
	}
	return bins / fmax(alarms, 1);
}

static void false_alarms_are_as_promised(void **state)
{
	bool full = getenv("VNX_TEST_LONG") != NULL;
	double promised = full ? DAY : 1000, total = full ? 1e7 : 2e5;

	for (int heavy = 0; heavy < 2; heavy++)
		for (double phi = 0; phi < 0.85; phi += 0.2) {
			double got = false_alarm_bins(phi, 1 / promised, full ? 7200 : 400, total,
						      heavy);

			print_message("AR(1) %.1f%s: one false alarm in %.0f bins, promised %.0f\n",
				      phi, heavy ? ", heavy tails" : "", got, promised);
			/* 58 or more alarms expected or fewer: 2.5 standard errors are a third */
			assert_true(got > 0.75 * promised);
		}
}

static void online_sees_a_fall(void **state)
{
	unsigned seen = 0, close = 0;
	double delay = 0;

	for (unsigned seed = 1; seed <= 100; seed++) {
		static const double level[2] = { 1e8, 6e7 };
		struct vnx_cusum *c = vnx_cusum_new(&conf, 1 / DAY);
		struct sim s = sim_seed(seed);
		struct vnx_change ch;
		double x[160];

		sim_throughput(&s, x, 160, level, 80, 0.1, 0.3, 1);
		for (size_t i = 0; i < 160; i++) {
			if (vnx_cusum_push(c, x[i], &ch) != 1)
				continue;
			assert_true(ch.online && isnan(ch.p) && ch.after < ch.before);
			seen++;
			delay += (double)i - 79;
			close += fabs((double)ch.at - 80) <= 6;
			break;
		}
		vnx_cusum_free(c);
	}
	print_message(
		"online, a fall of 40 %% in 10 %% noise: %u of 100, %u within 3 s, alarm after "
		"%.1f bins\n",
		seen, close, delay / seen);
	assert_true(seen >= 98 && close >= 95);
}

static void online_waits_for_three_bins(void **state)
{
	struct vnx_cusum *c = vnx_cusum_new(&conf, 1 / DAY);
	struct sim s = sim_seed(1);
	struct vnx_change ch;
	unsigned alarms = 0;

	for (int i = 0; i < 400; i++) {
		double x = 1e8 * (1 + 0.02 * sim_normal(&s));

		if (i == 100 || i == 200 || i == 201)
			x = 0;
		if (i == 300)
			x = 1e12;
		if (i % 17 == 0)
			x = NAN;
		alarms += vnx_cusum_push(c, x, &ch);
	}
	assert_int_equal(alarms, 0);
	vnx_cusum_free(c);
	assert_null(vnx_cusum_new(&conf, 0));
	assert_null(vnx_cusum_new(&conf, 1));
	assert_null(vnx_cusum_new(&conf, NAN));
	vnx_cusum_free(NULL);
}

static void online_bears_constants_and_gaps(void **state)
{
	struct vnx_cusum *c = vnx_cusum_new(&conf, 1 / DAY);
	struct vnx_change ch;

	for (int i = 0; i < 100; i++)
		assert_int_equal(vnx_cusum_push(c, NAN, &ch), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(vnx_cusum_push(c, 1e9, &ch), 0);
	for (int i = 0; i < 50; i++)
		if (vnx_cusum_push(c, 5e8, &ch)) {
			assert_int_equal(ch.at, 300);
			vnx_cusum_free(c);
			return;
		}
	fail_msg("a halved constant raised no alarm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pelt_is_exact),
		cmocka_unit_test(clean_steps_are_found_exactly),
		cmocka_unit_test(nothing_comes_of_nothing),
		cmocka_unit_test(gaps_widen_the_uncertainty),
		cmocka_unit_test(dips_and_spikes_are_no_levels),
		cmocka_unit_test(healthy_series_stay_healthy),
		cmocka_unit_test(first_fall_is_found_within_3_s),
		cmocka_unit_test(uncertainty_holds),
		cmocka_unit_test(slow_ramp_is_a_fall),
		cmocka_unit_test(clean_ramp_is_found_exactly),
		cmocka_unit_test(decline_is_one_fall_and_stairs_are_several),
		cmocka_unit_test(shock_that_decays_is_no_level),
		cmocka_unit_test(two_levels_are_not_taken_for_autocorrelation),
		cmocka_unit_test(break_is_placed_by_what_it_leaves),
		cmocka_unit_test(long_series_are_folded),
		cmocka_unit_test(false_alarms_are_as_promised),
		cmocka_unit_test(online_sees_a_fall),
		cmocka_unit_test(online_waits_for_three_bins),
		cmocka_unit_test(online_bears_constants_and_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
