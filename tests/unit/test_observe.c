// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bins narrower than the load's intervals: the intervals are what was observed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/change.h"
#include "analysis/diagnosis.h"
#include "analysis/observe.h"
#include "tests/unit/sim.h"

#define MOST 2000 /* bins */

/* Intervals of @width bins, the first from @phase on, spread over bins as a load's bytes are. */
struct bins {
	double y[MOST];
	int interval[MOST];
	size_t n;
};

static void spread(struct bins *b, const double *rate, size_t n, double width, double phase)
{
	b->n = (size_t)(phase + (double)n * width);
	assert_true(b->n <= MOST);
	for (size_t i = 0; i < b->n; i++) {
		double middle = ((double)i + 0.5 - phase) / width, cover = 0, sum = 0;
		size_t k = (size_t)fmax(middle, 0);
		double from = phase + (double)k * width;
		bool within = (double)i >= from && (double)i + 1 <= from + width;

		for (size_t j = 0; j < n; j++) {
			double lo = fmax((double)i, phase + (double)j * width);
			double hi = fmin((double)i + 1, phase + (double)(j + 1) * width);

			cover += fmax(hi - lo, 0);
			sum += fmax(hi - lo, 0) * rate[j];
		}
		b->y[i] = cover > 0.8 ? sum / cover : NAN;
		b->interval[i] = middle < 0 ? 0 : within ? (int)k + 1 : -(int)k - 1;
	}
}

static size_t count_changes(const struct bins *b)
{
	static const struct vnx_change_conf conf = VNX_CHANGE_CONF_DEFAULT;
	struct vnx_changes c = { 0 };
	struct vnx_obs o;

	assert_int_equal(vnx_obs_init(&o, b->y, b->interval, b->n), 0);
	assert_int_equal(vnx_segment(o.y, o.n, &conf, &c), 0);
	vnx_obs_fini(&o);
	free(c.v);
	return c.n;
}

/* Bins of 10 ms under intervals of 0.5 s are fifty of one value; bins that are lost change nothing.
 */
static void narrow_bins_are_no_observations(void **state)
{
	static const double mbit[] = { 264, 261, 265, 191, 335, 262, 262, 252, 273, 265,
				       262, 263, 254, 273, 262, 264, 263, 264, 264, 262,
				       262, 262, 264, 222, 306, 263, 262, 261 };
	struct bins b;

	spread(&b, mbit, VNX_ARRAY_SIZE(mbit), 50, 0);
	assert_int_equal(count_changes(&b), 0);
	for (size_t i = 620; i < 740; i++)
		b.y[i] = NAN;
	for (size_t i = 800; i < 900; i++)
		b.y[i] = NAN;
	for (size_t i = 0; i < 30; i++)
		b.y[i] = NAN;
	assert_int_equal(count_changes(&b), 0);
	for (size_t i = 1000; i < b.n; i++)
		b.y[i] /= 2;
	assert_int_equal(count_changes(&b), 1);
}

/* Wherever bins and intervals meet, an observation is its interval's rate. */
static void observations_are_the_intervals(void **state)
{
	static const double rate[] = { 5, 9, 2, 2, 7 }; /* two alike are two */
	struct vnx_obs o;
	struct bins b;

	for (double phase = 0; phase < 3; phase += 0.25)
		for (double width = 2; width < 7; width += 0.5) {
			size_t at = phase > 0.5;

			spread(&b, rate, VNX_ARRAY_SIZE(rate), width, phase);
			assert_int_equal(vnx_obs_init(&o, b.y, b.interval, b.n), 0);
			assert_true(o.n >= at + 4 && !o.bins);
			for (size_t k = 0; k < 4; k++)
				assert_true(fabs(o.y[at + k] - rate[k]) < 1e-9);
			assert_int_equal(o.start[o.n], b.n);
			vnx_obs_fini(&o);
		}
	assert_int_equal(vnx_obs_init(&o, rate, NULL, VNX_ARRAY_SIZE(rate)), 0);
	assert_true(o.bins && o.n == 5 && o.valid == 5 && vnx_obs_bins(&o) == 1);
	assert_true(vnx_obs_reach(&o, 2, 1.5) == 1.5);
	vnx_obs_fini(&o);
}

static struct vnx_diagnosis *diagnose(const struct bins *b, const double *calls)
{
	static const struct vnx_diagnose_conf conf;
	struct vnx_vm vm = { .name = "vm", .pid = 1 };
	struct vnx_vm_input in = { .vm = &vm, .throughput_source = "csv", .interval = b->interval };
	struct vnx_grid grid = { .bin_ns = VNX_NSEC_PER_SEC / 2, .n = b->n };
	struct vnx_diagnosis *dg;

	in.series[VNX_THROUGHPUT] = b->y;
	in.series[VNX_VCPU_ENTER] = calls;
	assert_int_equal(vnx_diagnose(&grid, &in, 1, &conf, &dg), 0);
	return dg;
}

/* Rates of @n intervals of which those from @at on are halved, the one it falls into in part. */
static void make_rates(struct sim *s, double *rate, size_t n, double at, double cv)
{
	for (size_t i = 0; i < n; i++) {
		double before = fmin(fmax(at - (double)i, 0), 1);

		rate[i] = 1e8 * (0.5 + before / 2) * (1 + cv * sim_normal(s));
	}
}

/* A healthy load in few long intervals is not called ill; @runs of each number. */
static void few_intervals_raise_no_alarm(void **state)
{
	struct sim s = sim_seed(77);
	unsigned flagged = 0, runs = 0;
	double rate[40];
	struct bins b;

	for (size_t n = 5; n <= 40; n += 5)
		for (int i = 0; i < 100; i++, runs++) {
			struct vnx_diagnosis *dg;

			make_rates(&s, rate, n, INFINITY, 0.1);
			spread(&b, rate, n, 20, 0);
			dg = diagnose(&b, NULL);
			flagged += dg->verdict == VNX_DEGRADED;
			vnx_diagnosis_free(dg);
		}
	print_message("healthy, 5 to 40 intervals of 10 s, CV 0.1: %u of %u flagged\n", flagged,
		      runs);
	assert_true(flagged <= runs / 200);
}

/* A fall to the half somewhere within an interval is one fall, where the interval says. */
static void a_fall_is_within_its_interval(void **state)
{
	unsigned found = 0, held = 0, one = 0, runs = 0;
	struct sim s = sim_seed(78);
	double rate[20], width = 0;
	struct bins b;

	for (double at = 6; at < 14; at += 0.05, runs++) {
		const struct vnx_vm_finding *f;
		struct vnx_diagnosis *dg;

		make_rates(&s, rate, VNX_ARRAY_SIZE(rate), at, 0.05);
		spread(&b, rate, VNX_ARRAY_SIZE(rate), 20, 0);
		dg = diagnose(&b, NULL);
		f = &dg->vms.v[0];
		found += f->degradations.n > 0;
		one += f->degradations.n == 1;
		if (f->degradations.n) {
			const struct vnx_degradation *d = &f->degradations.v[0];

			assert_true(d->start_uncertainty_s >= 5);
			held += fabs(d->start_s - at * 10) <= d->start_uncertainty_s;
			width += d->start_uncertainty_s;
		}
		vnx_diagnosis_free(dg);
	}
	print_message("a fall to the half in 20 intervals of 10 s, CV 0.05: found in %u of %u, one "
		      "fall in %u, +- %.1f s holds it in %u\n",
		      found, runs, one, width / found, held);
	assert_true(found >= runs * 95 / 100 && one >= found * 95 / 100 &&
		    held >= found * 95 / 100 && width / found < 15);
}

/* One interval, or four, tell nothing; calls that wander say nothing of two values. */
static void too_few_intervals_tell_nothing(void **state)
{
	static const double rate[] = { 660e6, 660e6, 660e6, 660e6, 660e6 };
	struct sim s = sim_seed(79);
	double calls[MOST];
	struct bins b;

	for (size_t i = 0; i < MOST; i++)
		calls[i] = 100 + sim_normal(&s);
	for (size_t n = 1; n <= 5; n++) {
		struct vnx_diagnosis *dg;

		spread(&b, rate, n, 20, 0);
		dg = diagnose(&b, calls);
		assert_int_equal(dg->verdict, n < 5 ? VNX_UNDETERMINED : VNX_HEALTHY);
		if (n == 1)
			assert_string_equal(dg->vms.v[0].why,
					    "one interval tells no drop in throughput");
		vnx_diagnosis_free(dg);
	}
}

/* However many bins an interval covers: no correlation has more independent values. */
static void intervals_bound_what_is_independent(void **state)
{
	struct sim s = sim_seed(80);
	double calls[MOST], rate[12];
	struct vnx_diagnosis *dg;
	struct bins b;

	for (size_t i = 0; i < MOST; i++)
		calls[i] = 100 + sim_normal(&s);
	make_rates(&s, rate, VNX_ARRAY_SIZE(rate), INFINITY, 0.1);
	spread(&b, rate, VNX_ARRAY_SIZE(rate), 20, 0);
	dg = diagnose(&b, calls);
	for (size_t i = 0; i < dg->vms.v[0].correlations.n; i++) {
		const struct vnx_correlation *c = &dg->vms.v[0].correlations.v[i];

		if (c->x == VNX_VCPU_ENTER)
			assert_true(isfinite(c->c.r) && c->c.n > 200 && c->c.n_eff <= 12);
	}
	vnx_diagnosis_free(dg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrow_bins_are_no_observations),
		cmocka_unit_test(observations_are_the_intervals),
		cmocka_unit_test(few_intervals_raise_no_alarm),
		cmocka_unit_test(a_fall_is_within_its_interval),
		cmocka_unit_test(too_few_intervals_tell_nothing),
		cmocka_unit_test(intervals_bound_what_is_independent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
