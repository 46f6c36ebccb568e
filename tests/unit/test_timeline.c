// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/timeline.h"
#include "tests/unit/sim.h"

#include <math.h>

#define BIN 500000000ULL
#define START 7000000123ULL

static const struct vnx_grid grid = { START, BIN, 4 };

static void values(const struct vnx_accum *a, bool scale, double *out)
{
	vnx_accum_values(a, scale, out);
}

static void counts_fall_into_their_bins(void **state)
{
	struct vnx_accum a;
	double v[4];

	assert_int_equal(vnx_accum_init(&a, &grid), 0);
	vnx_accum_cover(&a, START, 4 * BIN);
	vnx_accum_add(&a, START - 1, 0, 1000);       /* before */
	vnx_accum_add(&a, START, 0, 1);              /* first instant of bin 0 */
	vnx_accum_add(&a, START + BIN - 1, 0, 2);    /* last of bin 0 */
	vnx_accum_add(&a, START + BIN, 0, 4);        /* first of bin 1 */
	vnx_accum_add(&a, START + 4 * BIN, 0, 1000); /* after */
	vnx_accum_add(&a, START + 2 * BIN, BIN, 23); /* exactly bin 2 */
	values(&a, false, v);
	assert_true(v[0] == 3 && v[1] == 4 && v[2] == 23 && v[3] == 0);
	vnx_accum_fini(&a);
}

static void intervals_spread_by_overlap(void **state)
{
	struct vnx_accum a;
	double v[4];

	assert_int_equal(vnx_accum_init(&a, &grid), 0);
	vnx_accum_cover(&a, START, 4 * BIN);
	vnx_accum_add(&a, START - BIN, 2 * BIN, 100);           /* half of it inside */
	vnx_accum_add(&a, START + BIN + BIN / 2, 2 * BIN, 100); /* a quarter, a half, a quarter */
	values(&a, false, v);
	assert_true(fabs(v[0] - 50) < 1e-9);
	assert_true(fabs(v[1] - 25) < 1e-9);
	assert_true(fabs(v[2] - 50) < 1e-9);
	assert_true(fabs(v[3] - 25) < 1e-9);
	vnx_accum_add(&a, START + 3 * BIN, 100 * BIN, 1000); /* leaves 10 in the last bin */
	vnx_accum_add(&a, START - 10, 10, 77);               /* ends where we start: nothing */
	values(&a, false, v);
	assert_true(fabs(v[3] - 35) < 1e-9 && fabs(v[0] - 50) < 1e-9);
	vnx_accum_fini(&a);
}

static void partial_bins_are_missing_or_scaled(void **state)
{
	struct vnx_accum a;
	double v[4];

	assert_int_equal(vnx_accum_init(&a, &grid), 0);
	vnx_accum_cover(&a, START + BIN / 4, BIN);           /* 75 % of bin 0, 25 % of bin 1 */
	vnx_accum_cover(&a, START + BIN + BIN / 4, BIN / 2); /* bin 1: 75 % in all */
	vnx_accum_cover(&a, START + 2 * BIN, BIN / 10 * 3);  /* bin 2: 0.3 + 0.5 = 0.8 */
	vnx_accum_cover(&a, START + 2 * BIN + BIN / 2, BIN / 2);
	vnx_accum_add(&a, START + 2 * BIN, 0, 8);
	vnx_accum_add(&a, START, 0, 5);
	values(&a, false, v);
	assert_true(isnan(v[0]) && isnan(v[1]) && v[2] == 8 && isnan(v[3]));
	values(&a, true, v);
	assert_true(fabs(v[2] - 10) < 1e-9);
	vnx_accum_fini(&a);
}

static void lost_bins_are_missing_not_zero(void **state)
{
	struct vnx_accum a;
	double v[4];

	assert_int_equal(vnx_accum_init(&a, &grid), 0);
	vnx_accum_cover(&a, START, 4 * BIN);
	vnx_accum_void(&a, START + BIN + 1, BIN); /* touches bins 1 and 2 */
	vnx_accum_void(&a, START + 3 * BIN, 0);   /* an instant in bin 3 */
	vnx_accum_void(&a, START + 4 * BIN, BIN); /* after the end */
	vnx_accum_void(&a, START - BIN, BIN);     /* up to the start */
	values(&a, false, v);
	assert_true(v[0] == 0 && isnan(v[1]) && isnan(v[2]) && isnan(v[3]));
	vnx_accum_fini(&a);
}

static void extremes_are_harmless(void **state)
{
	struct vnx_grid bad = { UINT64_MAX - 10, BIN, 4 };
	struct vnx_grid empty = { 0, BIN, 0 };
	struct vnx_accum a;
	double v[4];

	assert_int_equal(vnx_accum_init(&a, &bad), -EINVAL);
	assert_int_equal(vnx_accum_init(&a, &empty), -EINVAL);
	assert_int_equal(vnx_accum_init(&a, &grid), 0);
	vnx_accum_cover(&a, 0, UINT64_MAX);
	vnx_accum_add(&a, UINT64_MAX, 0, 5);
	vnx_accum_add(&a, UINT64_MAX - 1, UINT64_MAX, 5);
	vnx_accum_add(&a, 0, 0, 5);
	values(&a, false, v);
	for (int i = 0; i < 4; i++)
		assert_true(v[i] == 0);
	vnx_accum_void(&a, 1, UINT64_MAX);
	values(&a, false, v);
	assert_true(isnan(v[0]) && isnan(v[3]));
	vnx_accum_fini(&a);
}

/* The definition, term by term. */
static double plain_sma(const double *x, size_t i, size_t window)
{
	size_t lo = i + 1 > window ? i + 1 - window : 0, n = 0;
	double sum = 0;

	for (size_t k = lo; k <= i; k++) {
		if (isnan(x[k]))
			continue;
		sum += x[k];
		n++;
	}
	return n && 2 * n >= window ? sum / (double)n : NAN;
}

static void sma_is_its_definition(void **state)
{
	static const size_t windows[] = { 0, 1, 2, 3, 7, 20, 99, 100, 101, 250 };
	struct sim s = sim_seed(1);
	double x[100], out[100];

	for (size_t i = 0; i < 100; i++)
		x[i] = sim_uniform(&s) < 0.3 ? NAN : 1e10 * sim_uniform(&s);
	for (size_t w = 0; w < VNX_ARRAY_SIZE(windows); w++) {
		vnx_sma(x, 100, windows[w], out);
		for (size_t i = 0; i < 100; i++) {
			double want = plain_sma(x, i, windows[w] ? windows[w] : 1);

			assert_int_equal(isnan(out[i]), isnan(want));
			if (!isnan(want))
				assert_true(fabs(out[i] - want) <= 1e-14 * fabs(want));
		}
	}
	vnx_sma(x, 0, 20, out);
}

static void sma_does_not_drift(void **state)
{
	static double x[100000], out[100000];

	/* a running sum would carry the error of the large values to the end */
	for (size_t i = 0; i < 100000; i++)
		x[i] = i < 50000 ? 1e18 + (double)i * 1e3 : 0.1;
	vnx_sma(x, 100000, 20, out);
	assert_true(fabs(out[99999] - 0.1) < 1e-16);
	x[99999] = 0;
	for (size_t i = 50000; i < 100000; i++)
		x[i] = 0;
	vnx_sma(x, 100000, 20, out);
	assert_true(out[99999] == 0);
}

static void sma_of_gaps_is_missing(void **state)
{
	double x[40], out[40];

	for (size_t i = 0; i < 40; i++)
		x[i] = i < 20 ? 1 : NAN;
	vnx_sma(x, 40, 20, out);
	assert_true(isnan(out[8]) && out[9] == 1);   /* 9 of 20, then 10 of 20 */
	assert_true(out[29] == 1 && isnan(out[30])); /* 10 left, then 9 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_fall_into_their_bins),
		cmocka_unit_test(intervals_spread_by_overlap),
		cmocka_unit_test(partial_bins_are_missing_or_scaled),
		cmocka_unit_test(lost_bins_are_missing_not_zero),
		cmocka_unit_test(extremes_are_harmless),
		cmocka_unit_test(sma_is_its_definition),
		cmocka_unit_test(sma_does_not_drift),
		cmocka_unit_test(sma_of_gaps_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
