// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a fall could first be told, and gradual falls, through the whole analysis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/change.h"
#include "tests/sim/sim_series.h"

#define LEN 240

static const struct vnx_change_conf conf = { 3, 0.05, 0.001 };

/* The only fall there is. */
static struct vnx_degradation only_fall(const double *x)
{
	struct vnx_diagnosis *dg = diagnose_series(x, LEN);
	struct vnx_degradation d;

	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	d = dg->vms.v[0].degradations.v[0]; /* its vectors are not looked at */
	vnx_diagnosis_free(dg);
	return d;
}

static void step_fill(double *x, unsigned seed, double cv, double phi, double drop)
{
	struct sim s = sim_seed(seed);

	noise_fill(&s, x, LEN, NOISE_NORMAL, cv, phi);
	for (size_t i = 0; i < LEN; i++)
		x[i] *= 1e8 * (i < 120 ? 1 : 1 - drop);
}

static bool prefix_has_fall(const double *x, size_t n)
{
	struct vnx_changes c = { 0 };
	bool found = false;

	assert_int_equal(vnx_segment(x, n, &conf, &c), 0);
	for (size_t i = 0; i < c.n; i++)
		found |= c.v[i].after < c.v[i].before && c.v[i].at >= 110;
	free(c.v);
	return found;
}

/* The first prefix that tells, looked for plainly; never before the fall. */
static void detected_is_the_first_prefix(void **state)
{
	double x[LEN];

	for (unsigned seed = 1; seed <= 10; seed++) {
		struct vnx_degradation d;
		size_t first = 121;

		step_fill(x, seed, 0.1, 0.3, 0.3);
		d = only_fall(x);
		while (!prefix_has_fall(x, first))
			first++;
		assert_true(d.online && d.detected_s >= 61.5 && d.detected_s == (double)first / 2);
	}
}

static void what_comes_later_does_not_hasten_it(void **state)
{
	double x[LEN], y[LEN];
	struct vnx_degradation d, e;

	step_fill(x, 4, 0.1, 0.3, 0.4);
	step_fill(y, 4, 0.1, 0.3, 0.4);
	d = only_fall(x);
	for (size_t i = (size_t)(2 * d.detected_s) + 20; i < LEN; i++)
		y[i] = 6e7;
	e = only_fall(y);
	assert_true(d.start_s == e.start_s && d.detected_s == e.detected_s);
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Half the level lost in noise of a tenth: told within 3 s in the median. */
static void deep_fall_is_told_within_3_s(void **state)
{
	double x[LEN], delay[40];

	for (unsigned i = 0; i < 40; i++) {
		step_fill(x, i + 1, 0.1, 0.3, 0.5);
		delay[i] = only_fall(x).detected_s - 60;
	}
	qsort(delay, 40, sizeof(*delay), double_cmp);
	print_message("told after %.1f s (median), %.1f s (nine in ten)\n", delay[20], delay[36]);
	assert_true(delay[20] <= 3 && delay[36] <= 4);
}

static void gradual_fall_says_how_long_it_took(void **state)
{
	struct vnx_degradation d;
	double x[LEN];

	for (unsigned seed = 1; seed <= 5; seed++) {
		struct sim s = sim_seed(seed);

		noise_fill(&s, x, LEN, NOISE_NORMAL, 0.05, 0.2);
		for (size_t i = 0; i < LEN; i++)
			x[i] *= 1e8 * (1 - 0.5 * fmin(fmax(((double)i + 0.5 - 60) / 80, 0), 1));
		d = only_fall(x);
		assert_true(fabs(d.start_s - 30) <= 4 && fabs(d.ramp_s - 40) <= 6);
		assert_true(fabs(d.change + 0.5) < 0.05);
		assert_true(d.detected_s > 30 && d.detected_s < 60);
	}
	step_fill(x, 1, 0.05, 0.2, 0.4);
	d = only_fall(x);
	assert_true(d.ramp_s == 0 && d.start_s == 60);
}

/* 3 s at half speed of a paced load: made up for at once it is no degradation, else it is. */
static void what_is_made_up_for_is_no_degradation(void **state)
{
	double x[LEN];

	for (int made_up = 0; made_up < 2; made_up++) {
		struct sim s = sim_seed(5);
		struct vnx_diagnosis *dg;

		noise_fill(&s, x, LEN, NOISE_NORMAL, 0.05, 0.2);
		for (size_t i = 0; i < LEN; i++)
			x[i] *= i >= 120 && i < 126              ? 5e7
				: made_up && i >= 126 && i < 132 ? 1.5e8
								 : 1e8;
		dg = diagnose_series(x, LEN);
		assert_int_equal(dg->vms.v[0].degradations.n, !made_up);
		vnx_diagnosis_free(dg);
	}
}

static void healthy_runs_are_not_called_ill(void **state)
{
	double x[LEN];
	unsigned bad = 0, runs = 0;

	for (int kind = 0; kind < NOISE_MAX; kind++)
		for (unsigned seed = 1; seed <= 100; seed++, runs++) {
			struct sim s = sim_seed(seed);
			struct vnx_diagnosis *dg;

			noise_fill(&s, x, LEN, (enum noise)kind, 0.2, 0.2 * (seed % 5));
			for (size_t i = 0; i < LEN; i++)
				x[i] *= 1e8;
			dg = diagnose_series(x, LEN);
			bad += dg->vms.v[0].degradations.n > 0;
			vnx_diagnosis_free(dg);
		}
	print_message("healthy runs of 120 s called ill: %u of %u\n", bad, runs);
	assert_true(bad <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detected_is_the_first_prefix),
		cmocka_unit_test(what_comes_later_does_not_hasten_it),
		cmocka_unit_test(deep_fall_is_told_within_3_s),
		cmocka_unit_test(gradual_fall_says_how_long_it_took),
		cmocka_unit_test(what_is_made_up_for_is_no_degradation),
		cmocka_unit_test(healthy_runs_are_not_called_ill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
