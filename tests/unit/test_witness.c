// SPDX-License-Identifier: GPL-2.0-only
/*
 * Falls that only a witness tells: found where something harmful rises at once with them, not
 * where it rises alone, where throughput falls alone, or where neither does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/witness.h"
#include "tests/unit/sim.h"

#define N 30
#define FALL 14
#define P_MAX 0.001
#define WITNESSES 14

struct run {
	double y[N], x[WITNESSES][N];
	struct vnx_witness w[WITNESSES];
};

/* Throughput of CV 0.15 and AR(1) @phi that falls by @drop, shares that rise by @rise (the first).
 */
static void run_make(struct run *r, unsigned seed, double phi, double drop, double rise)
{
	struct sim s = sim_seed(seed);

	sim_ar1(&s, r->y, N, phi, 0);
	for (int i = 0; i < N; i++)
		r->y[i] = 3e8 * (1 + 0.15 * r->y[i]) * (i < FALL ? 1 : 1 - drop);
	for (int k = 0; k < WITNESSES; k++) {
		sim_ar1(&s, r->x[k], N, phi, 1);
		for (int i = 0; i < N; i++)
			r->x[k][i] = fmax(0, 0.15 + 0.05 * r->x[k][i]) +
				     (k == 0 && i >= FALL ? rise : 0);
		r->w[k] = (struct vnx_witness){ r->x[k], true };
	}
}

static int find(const struct run *r, struct vnx_change *c)
{
	int ret = vnx_witness_find(r->y, 0, N, r->w, WITNESSES, P_MAX, c);

	assert_in_range(ret, 0, 1);
	return ret;
}

static unsigned found_of(unsigned runs, double phi, double drop, double rise)
{
	struct vnx_change c;
	unsigned found = 0;
	struct run r;

	for (unsigned seed = 1; seed <= runs; seed++) {
		run_make(&r, seed, phi, drop, rise);
		found += (unsigned)find(&r, &c);
	}
	return found;
}

static void fall_with_a_witness_is_found(void **state)
{
	struct vnx_change c;
	unsigned near = 0;
	struct run r;

	assert_true(found_of(100, 0.5, 0.45, 0.4) >= 85);
	for (unsigned seed = 1; seed <= 100; seed++) {
		run_make(&r, seed, 0.3, 0.45, 0.4);
		if (!find(&r, &c))
			continue;
		near += fabs((double)c.at - FALL) <= c.uncertainty + 1;
		assert_true(c.after < 0.9 * c.before && c.p > 0 && c.p <= 0.05);
		assert_false(c.online);
	}
	assert_true(near >= 90);
}

/* A host may wait more and lose nothing; throughput may wander with nobody to blame. */
static void without_a_fall_none_is_told(void **state)
{
	static const double phi[] = { 0, 0.3, 0.5, 0.7, 0.8 };

	for (size_t i = 0; i < 5; i++) {
		unsigned neither = found_of(2000, phi[i], 0, 0);
		unsigned harm = found_of(500, phi[i], 0, 0.4);

		print_message("AR(1) %.1f: healthy %u of 2000, harm without a fall %u of 500\n",
			      phi[i], neither, harm);
		assert_true(neither <= 10 && harm <= 25);
	}
}

static void small_rises_and_gaps(void **state)
{
	struct vnx_change c, whole;
	struct run r;

	run_make(&r, 3, 0.3, 0.5, 0.4);
	assert_int_equal(find(&r, &whole), 1);
	/* a gap of throughput is in the uncertainty; places still count all bins */
	r.y[FALL - 1] = r.y[FALL] = NAN;
	assert_int_equal(find(&r, &c), 1);
	assert_true(fabs((double)c.at - (FALL + 1)) <= 1 && c.uncertainty >= 2.5);
	/* what the witness did not tell is taken as it was */
	run_make(&r, 3, 0.3, 0.5, 0.4);
	r.x[0][0] = r.x[0][1] = r.x[0][20] = NAN;
	assert_int_equal(find(&r, &c), 1);
	assert_int_equal(c.at, whole.at);
	for (int i = 0; i < 10; i++) /* ... but not most of it */
		r.x[0][i] = NAN;
	assert_int_equal(find(&r, &c), 0);
	/* clear, but too small to do harm */
	run_make(&r, 3, 0.3, 0.5, 0);
	for (int i = 0; i < N; i++)
		r.x[0][i] = i < FALL ? 0.001 : 0.011;
	assert_int_equal(find(&r, &c), 0);
	r.w[0].is_share = false; /* a count that grows tenfold is another thing */
	assert_int_equal(find(&r, &c), 1);
	assert_int_equal(vnx_witness_find(r.y, 0, 7, r.w, WITNESSES, P_MAX, &c), 0);
	assert_int_equal(vnx_witness_find(r.y, 0, N, r.w, 0, P_MAX, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fall_with_a_witness_is_found),
		cmocka_unit_test(without_a_fall_none_is_told),
		cmocka_unit_test(small_rises_and_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
