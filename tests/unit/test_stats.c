// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/stats.h"
#include "analysis/timeline.h"
#include "tests/unit/sim.h"

#include <math.h>

static void assert_near(double got, double want, double tol)
{
	if (!(fabs(got - want) <= tol))
		fail_msg("got %.17g, want %.17g (+- %g)", got, want, tol);
}

static struct vnx_corr corr(enum vnx_corr_method m, const double *x, const double *y, size_t n)
{
	struct vnx_corr c;

	vnx_correlate(m, x, y, n, &c);
	return c;
}

/* Anscombe 1973 */
static const double ax[] = { 10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5 };
static const double ax4[] = { 8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8 };
static const double ay1[] = { 8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68 };
static const double ay2[] = { 9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74 };
static const double ay3[] = { 7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73 };
static const double ay4[] = { 6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89 };

static const struct {
	const double *x, *y;
	double r[3]; /* Pearson, Spearman, Kendall tau-b */
} anscombe[] = {
	{ ax, ay1, { 0.81642051634483981, 0.818181818181818, 0.636363636363636 } },
	{ ax, ay2, { 0.81623650600024278, 0.690909090909091, 0.563636363636364 } },
	{ ax, ay3, { 0.81628673948959818, 0.990909090909091, 0.963636363636364 } },
	{ ax4, ay4, { 0.81652143688850287, 0.500000000000000, 0.426401432711221 } },
};

static void anscombe_is_exact(void **state)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(anscombe); i++)
		for (int m = VNX_PEARSON; m <= VNX_KENDALL; m++) {
			struct vnx_corr c = corr(m, anscombe[i].x, anscombe[i].y, 11);

			/* the rank correlations are given to 15 digits */
			assert_near(c.r, anscombe[i].r[m], m == VNX_PEARSON ? 2e-16 : 6e-16);
			assert_int_equal(c.n, 11);
			assert_null(c.undefined);
		}
}

/* NIST StRD, linear regression, Norris: y, x */
static const double norris[][2] = {
	{ 0.1, 0.2 },     { 338.8, 337.4 }, { 118.1, 118.2 }, { 888.0, 884.6 }, { 9.2, 10.1 },
	{ 228.1, 226.5 }, { 668.5, 666.3 }, { 998.5, 996.3 }, { 449.1, 448.6 }, { 778.9, 777.0 },
	{ 559.2, 558.2 }, { 0.3, 0.4 },     { 0.1, 0.6 },     { 778.1, 775.5 }, { 668.8, 666.9 },
	{ 339.3, 338.0 }, { 448.9, 447.5 }, { 10.8, 11.6 },   { 557.7, 556.0 }, { 228.3, 228.1 },
	{ 998.0, 995.8 }, { 888.8, 887.6 }, { 119.6, 120.2 }, { 0.3, 0.3 },     { 0.6, 0.3 },
	{ 557.6, 556.8 }, { 339.3, 339.1 }, { 888.0, 887.2 }, { 998.5, 999.0 }, { 778.9, 779.0 },
	{ 10.2, 11.1 },   { 117.6, 118.3 }, { 228.9, 229.2 }, { 668.4, 669.1 }, { 449.2, 448.9 },
	{ 0.2, 0.5 },
};

static void norris_is_exact(void **state)
{
	double x[36], y[36];

	assert_int_equal(VNX_ARRAY_SIZE(norris), 36);
	for (int i = 0; i < 36; i++) {
		y[i] = norris[i][0];
		x[i] = norris[i][1];
	}
	assert_near(corr(VNX_PEARSON, x, y, 36).r, 0.99999687293696660, 2e-16);
}

/* NIST StRD NumAcc4: values of 8 digits, one digit of spread. */
static void numacc4_is_exact(void **state)
{
	double v[1001];

	v[0] = 10000000.2;
	for (int i = 1; i < 1001; i++)
		v[i] = i % 2 ? 10000000.1 : 10000000.3;
	assert_near(vnx_mean(v, 1001), 10000000.2, 2e-9); /* one unit in the last place */
	/* the data themselves are rounded to 1.9e-9: that is what is left of 0.1 */
	assert_near(vnx_sd(v, 1001), 0.1, 1e-9);
	assert_near(vnx_autocorr(v, 1001, 1), -0.999, 1e-8);
}

static void scale_and_shift_do_not_matter(void **state)
{
	struct sim s = sim_seed(7);
	double x[400], y[400], xs[400], ys[400];
	struct vnx_corr c;

	for (int i = 0; i < 400; i++) {
		x[i] = floor(1000 * sim_uniform(&s));
		y[i] = floor(3 * x[i] + 500 * sim_normal(&s));
		xs[i] = x[i] + 1e9;
		ys[i] = y[i] + 1e9;
	}
	c = corr(VNX_PEARSON, x, y, 400);
	assert_near(corr(VNX_PEARSON, xs, ys, 400).r, c.r, 1e-12);
	assert_near(corr(VNX_PEARSON, xs, ys, 400).n_eff, c.n_eff, 1e-6 * c.n_eff);
	/* 10 Gbit/s in bit/s, exactly linear: a public tool says 0 here */
	for (int i = 0; i < 400; i++) {
		x[i] = 800000 + i;
		y[i] = 10e9 + 12000.0 * i;
	}
	c = corr(VNX_PEARSON, x, y, 400);
	assert_near(c.r, 1, 1e-15);
}

static void few_bins_are_undefined(void **state)
{
	double x[] = { 1, 2, 4 }, y[] = { 2, 3, 9 };

	for (size_t n = 0; n < 3; n++)
		for (int m = VNX_PEARSON; m <= VNX_KENDALL; m++) {
			struct vnx_corr c = corr(m, x, y, n);

			assert_true(isnan(c.r) && isnan(c.p) && isnan(c.ci_lo) && isnan(c.n_eff));
			assert_int_equal(c.n, n);
			assert_string_equal(c.undefined, "too few bins: fewer than 3");
		}
	for (int m = VNX_PEARSON; m <= VNX_KENDALL; m++) {
		struct vnx_corr c = corr(m, x, y, 3);

		assert_null(c.undefined);
		assert_true(c.r > 0.9 && c.r <= 1 && isnan(c.ci_lo) && isnan(c.ci_hi));
	}
	assert_near(corr(VNX_PEARSON, x, y, 3).p, 0.1198, 0.01);
}

static void constants_are_undefined(void **state)
{
	double flat[20], tenth[20], ramp[20];

	for (int i = 0; i < 20; i++) {
		flat[i] = 0; /* handle_rx of a VM that only sends */
		tenth[i] = 0.1 * 3;
		ramp[i] = i;
	}
	tenth[3] = 0.3; /* one rounding apart */
	for (int m = VNX_PEARSON; m <= VNX_KENDALL; m++) {
		assert_string_equal(corr(m, flat, ramp, 20).undefined, "x is constant");
		assert_string_equal(corr(m, ramp, flat, 20).undefined, "y is constant");
		assert_string_equal(corr(m, flat, tenth, 20).undefined, "x and y are constant");
		assert_true(isnan(corr(m, flat, ramp, 20).r));
	}
}

static void gaps_are_left_out(void **state)
{
	double x[13], y[13];
	struct vnx_corr c;

	for (int i = 0; i < 13; i++) {
		x[i] = i < 11 ? ax[i] : i == 11 ? 7 : NAN;
		y[i] = i < 11 ? ay1[i] : i == 11 ? NAN : 1e12;
	}
	c = corr(VNX_PEARSON, x, y, 13);
	assert_int_equal(c.n, 11);
	assert_near(c.r, 0.81642051634483981, 2e-16);
	for (int i = 2; i < 13; i++)
		x[i] = NAN;
	assert_string_equal(corr(VNX_KENDALL, x, y, 13).undefined,
			    "gaps: fewer than 3 bins where both were measured");
}

static void outlier_moves_pearson_not_ranks(void **state)
{
	double x[50], y[50];

	for (int i = 0; i < 50; i++)
		x[i] = y[i] = i;
	y[49] = -1e6;
	assert_true(corr(VNX_PEARSON, x, y, 50).r < 0);
	assert_true(corr(VNX_SPEARMAN, x, y, 50).r > 0.85);
	assert_near(corr(VNX_KENDALL, x, y, 50).r, 1 - 4 * 49.0 / (50 * 49), 1e-15);
}

/* The definition over all pairs. */
static double plain_tau_b(const double *x, const double *y, size_t n)
{
	double s = 0, tx = 0, ty = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++) {
			double dx = (x[i] > x[j]) - (x[i] < x[j]);
			double dy = (y[i] > y[j]) - (y[i] < y[j]);

			s += dx * dy;
			tx += dx * dx;
			ty += dy * dy;
		}
	return s / sqrt(tx) / sqrt(ty);
}

static void kendall_is_its_definition(void **state)
{
	struct sim s = sim_seed(11);
	double x[200], y[200];

	for (size_t n = 3; n < 200; n += 7)
		for (int levels = 2; levels < 300; levels *= 6) {
			for (size_t i = 0; i < n; i++) {
				x[i] = floor(levels * sim_uniform(&s));
				y[i] = floor(levels * (sim_uniform(&s) + x[i] / levels));
			}
			if (!vnx_is_constant(x, n) && !vnx_is_constant(y, n))
				assert_near(corr(VNX_KENDALL, x, y, n).r, plain_tau_b(x, y, n),
					    1e-14);
		}
}

/* 0.605 of the study with n = 400, and with one independent value per stage. */
static void interval_of_the_study(void **state)
{
	double x[400], y[400], mx = 0, e[400], r = 0.605, sxe = 0, sxx = 0, see = 0;
	struct sim s = sim_seed(2);
	struct vnx_corr c;

	for (int i = 0; i < 400; i++) {
		x[i] = sim_normal(&s);
		e[i] = sim_normal(&s);
	}
	mx = vnx_mean(x, 400);
	for (int i = 0; i < 400; i++)
		x[i] -= mx;
	mx = vnx_mean(e, 400);
	for (int i = 0; i < 400; i++) {
		e[i] -= mx;
		sxe += x[i] * e[i];
		sxx += x[i] * x[i];
	}
	for (int i = 0; i < 400; i++) {
		e[i] -= sxe / sxx * x[i];
		see += e[i] * e[i];
	}
	for (int i = 0; i < 400; i++)
		y[i] = r * x[i] / sqrt(sxx) + sqrt(1 - r * r) * e[i] / sqrt(see);
	vnx_correlate_neff(VNX_PEARSON, x, y, 400, 400, &c);
	assert_near(c.r, 0.605, 1e-12);
	assert_near(c.ci_lo, 0.54, 0.005);
	assert_near(c.ci_hi, 0.66, 0.005);
	vnx_correlate_neff(VNX_PEARSON, x, y, 400, 8, &c);
	assert_near(c.ci_lo, -0.17, 0.005);
	assert_near(c.ci_hi, 0.92, 0.005);
	/* clamped at both ends */
	vnx_correlate_neff(VNX_PEARSON, x, y, 400, 1, &c);
	assert_near(c.n_eff, 4, 0);
	vnx_correlate_neff(VNX_PEARSON, x, y, 400, 1e9, &c);
	assert_near(c.n_eff, 400, 0);
}

/* Share of independent pairs of series called significant at 5 %. */
struct false_finds {
	double raw, sma, naive, spearman, kendall, lag;
};

static struct false_finds false_finds_at(double phi, unsigned runs)
{
	double x[400], y[400], sx[400], sy[400], one = 1.0 / runs;
	struct false_finds f = { 0 };
	struct vnx_corr c;
	long lag;

	for (unsigned i = 0; i < runs; i++) {
		struct sim s = sim_seed(i + 1);

		sim_ar1(&s, x, 400, phi, 0);
		sim_ar1(&s, y, 400, phi, 0);
		f.raw += corr(VNX_PEARSON, x, y, 400).p < 0.05 ? one : 0;
		f.spearman += corr(VNX_SPEARMAN, x, y, 400).p < 0.05 ? one : 0;
		f.kendall += corr(VNX_KENDALL, x, y, 400).p < 0.05 ? one : 0;
		vnx_sma(x, 400, 20, sx);
		vnx_sma(y, 400, 20, sy);
		f.sma += corr(VNX_PEARSON, sx, sy, 400).p < 0.05 ? one : 0;
		vnx_correlate_neff(VNX_PEARSON, sx, sy, 400, 400, &c);
		f.naive += c.p < 0.05 ? one : 0;
		vnx_correlate_lag(x, y, 400, 10, INFINITY, &c, &lag);
		f.lag += c.p < 0.05 ? one : 0;
	}
	return f;
}

static void independent_series_look_so(void **state)
{
	for (double phi = 0; phi < 0.9; phi += 0.4) {
		struct false_finds f = false_finds_at(phi, 300);

		print_message("phi %.1f: raw %.3f, SMA %.3f (naive %.3f), Spearman %.3f, "
			      "Kendall %.3f, best of 21 lags %.3f significant at 0.05\n",
			      phi, f.raw, f.sma, f.naive, f.spearman, f.kendall, f.lag);
		/* 300 runs at 5 %: 4 standard errors are 5 points */
		assert_true(f.raw < 0.1 && f.sma < 0.1 && f.spearman < 0.1 && f.kendall < 0.1);
		assert_true(f.lag < 0.1);
		assert_true(f.sma > 0.01);  /* and not blind either */
		assert_true(f.naive > 0.5); /* the mistake it guards against */
	}
}

static void lag_is_found_and_paid_for(void **state)
{
	struct sim s = sim_seed(5);
	double x[300], y[300];
	struct vnx_corr c, at0;
	long lag;

	for (int i = 0; i < 300; i++)
		x[i] = sim_normal(&s);
	for (int i = 0; i < 300; i++)
		y[i] = (i >= 3 ? x[i - 3] : 0) + 0.5 * sim_normal(&s);
	vnx_correlate_lag(x, y, 300, 5, INFINITY, &c, &lag);
	assert_int_equal(lag, 3);
	assert_true(c.r > 0.8);
	vnx_correlate_lag(y, x, 300, 5, INFINITY, &c, &lag);
	assert_int_equal(lag, -3);
	/* nothing to search: as without, and wider where there is */
	vnx_correlate_lag(x, x, 300, 0, INFINITY, &c, &lag);
	at0 = corr(VNX_PEARSON, x, x, 300);
	assert_int_equal(lag, 0);
	assert_true(c.r == at0.r);
	for (int i = 0; i < 300; i++)
		y[i] = 0.2 * x[i] + sim_normal(&s);
	at0 = corr(VNX_PEARSON, x, y, 300);
	vnx_correlate_lag(x, y, 300, 5, INFINITY, &c, &lag);
	if (!lag) {
		assert_near(c.p, fmin(1, 11 * at0.p), 1e-12);
		assert_true(c.ci_lo < at0.ci_lo && c.ci_hi > at0.ci_hi);
	}
	vnx_correlate_lag(x, y, 0, 5, INFINITY, &c, &lag);
	assert_true(isnan(c.r));
	assert_non_null(c.undefined);
}

/* A load schedule common to both gives an r that is gone within its stages. */
static void stage_means_are_removed(void **state)
{
	double x[400], y[400], rx[400], ry[400];
	unsigned stage[400];
	struct sim s = sim_seed(3);

	for (int i = 0; i < 400; i++) {
		stage[i] = 100 - (unsigned)i / 50; /* any numbers, any order */
		x[i] = 400 - 40 * (i / 50) + 60 * sim_normal(&s);
		y[i] = 1e8 - 1e7 * (i / 50) + 2e7 * sim_normal(&s);
	}
	x[7] = NAN;
	assert_true(corr(VNX_PEARSON, x, y, 400).r > 0.5);
	assert_int_equal(vnx_remove_stage_means(x, stage, 400, rx), 0);
	assert_int_equal(vnx_remove_stage_means(y, stage, 400, ry), 0);
	assert_true(fabs(corr(VNX_PEARSON, rx, ry, 400).r) < 0.15);
	assert_true(isnan(rx[7]));
	assert_near(vnx_mean(rx, 50), 0, 1e-11);
	/* constant within stages: exactly nothing left */
	for (int i = 0; i < 400; i++)
		x[i] = 0.1 * stage[i];
	assert_int_equal(vnx_remove_stage_means(x, stage, 400, rx), 0);
	assert_string_equal(corr(VNX_PEARSON, rx, ry, 400).undefined, "x is constant");
}

static void quantiles_are_type_7(void **state)
{
	double x[] = { NAN, 3, 1, 4, 2, NAN }, one[] = { 5 };

	assert_near(vnx_quantile(x, 6, 0), 1, 0);
	assert_near(vnx_quantile(x, 6, 0.25), 1.75, 0);
	assert_near(vnx_median(x, 6), 2.5, 0);
	assert_near(vnx_quantile(x, 6, 0.95), 3.85, 1e-15);
	assert_near(vnx_quantile(x, 6, 1), 4, 0);
	assert_near(vnx_mad(x, 6), 1.4826, 1e-15);
	assert_near(vnx_median(one, 1), 5, 0);
	assert_true(isnan(vnx_median(one, 0)) && isnan(vnx_median(x, 1)));
	assert_true(isnan(vnx_quantile(x, 6, 1.1)) && isnan(vnx_quantile(x, 6, NAN)));
	assert_true(isnan(vnx_mean(x, 1)) && isnan(vnx_sd(one, 1)) && isnan(vnx_mad(x, 0)));
}

static void autocorrelation_bridges_gaps(void **state)
{
	double x[2000], phi = 0.7;
	struct sim s = sim_seed(9);

	sim_ar1(&s, x, 2000, phi, 0);
	for (int i = 0; i < 2000; i++)
		if (sim_uniform(&s) < 0.3)
			x[i] = NAN;
	assert_near(vnx_autocorr(x, 2000, 1), phi, 0.07);
	assert_near(vnx_autocorr(x, 2000, 2), phi * phi, 0.09);
	assert_near(vnx_autocorr(x, 2000, 0), 1, 1e-12);
	assert_true(isnan(vnx_autocorr(x, 2000, 2000)) && isnan(vnx_autocorr(x, 1, 1)));
}

static void transform_agrees_with_sums(void **state)
{
	double x[333], y[333], rx[100], ry[100];
	struct sim s = sim_seed(4);

	sim_ar1(&s, x, 333, 0.8, 1);
	sim_ar1(&s, y, 333, -0.4, 1);
	for (int i = 0; i < 333; i++) {
		x[i] = 1e10 + 1e9 * x[i];
		if (sim_uniform(&s) < 0.2)
			x[i] = y[i] = NAN;
	}
	assert_int_equal(vnx_autocorr_pair(x, y, 333, 99, rx, ry), 0);
	for (size_t lag = 0; lag < 100; lag++) {
		assert_near(rx[lag], vnx_autocorr(x, 333, lag), 1e-12);
		assert_near(ry[lag], vnx_autocorr(y, 333, lag), 1e-12);
	}
}

static void welch_knows_its_limits(void **state)
{
	double a[] = { 1, 1, 1 }, b[] = { 2, 2, 2 }, c[] = { 1, 2, NAN }, d[100], e[100];
	struct sim s = sim_seed(6);
	unsigned found = 0;

	assert_true(isnan(vnx_welch_p(a, 3, a, 3)));
	assert_true(vnx_welch_p(a, 3, b, 3) == 0);
	assert_true(isnan(vnx_welch_p(a, 1, b, 3)) && isnan(vnx_welch_p(c + 1, 2, b, 3)));
	/* autocorrelated series of one level: 5 % of false findings, not 25 % */
	for (unsigned i = 0; i < 1000; i++) {
		sim_ar1(&s, d, 100, 0.6, 0);
		sim_ar1(&s, e, 50, 0.6, 0);
		found += vnx_welch_p(d, 100, e, 50) < 0.05;
	}
	print_message("Welch, AR(1) 0.6, equal levels: %u of 1000 under 0.05\n", found);
	assert_true(found > 25 && found < 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anscombe_is_exact),
		cmocka_unit_test(norris_is_exact),
		cmocka_unit_test(numacc4_is_exact),
		cmocka_unit_test(scale_and_shift_do_not_matter),
		cmocka_unit_test(few_bins_are_undefined),
		cmocka_unit_test(constants_are_undefined),
		cmocka_unit_test(gaps_are_left_out),
		cmocka_unit_test(outlier_moves_pearson_not_ranks),
		cmocka_unit_test(kendall_is_its_definition),
		cmocka_unit_test(interval_of_the_study),
		cmocka_unit_test(independent_series_look_so),
		cmocka_unit_test(lag_is_found_and_paid_for),
		cmocka_unit_test(stage_means_are_removed),
		cmocka_unit_test(quantiles_are_type_7),
		cmocka_unit_test(autocorrelation_bridges_gaps),
		cmocka_unit_test(transform_agrees_with_sums),
		cmocka_unit_test(welch_knows_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
