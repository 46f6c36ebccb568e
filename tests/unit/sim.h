/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Simulated throughput for tests: a generator of our own, so that every machine sees the
 * same series (Marsaglia's xorshift, Box & Muller).
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct sim {
	uint64_t state;
};

static inline double sim_uniform(struct sim *s)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return ((double)(s->state >> 11) + 0.5) / 9007199254740992.0;
}

static inline struct sim sim_seed(unsigned seed)
{
	struct sim s = { seed * 0x9e3779b97f4a7c15ULL + 88172645463325252ULL };

	for (int i = 0; i < 20; i++)
		sim_uniform(&s);
	return s;
}

static inline double sim_normal(struct sim *s)
{
	double u = sim_uniform(s);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * sim_uniform(s));
}

/* AR(1) of unit variance; @heavy: one innovation in twenty is three times as large. */
static inline void sim_ar1(struct sim *s, double *x, size_t n, double phi, int heavy)
{
	double v = sim_normal(s);

	for (size_t i = 0; i < n; i++) {
		double e = sim_normal(s);

		if (heavy && sim_uniform(s) < 0.05)
			e *= 3;
		v = phi * v + sqrt(1 - phi * phi) * e;
		x[i] = v;
	}
}

/* @level (bit/s, @stage bins each) with noise of @cv, AR(1) @phi; never under 0. */
static inline void sim_throughput(struct sim *s, double *x, size_t n, const double *level,
				  size_t stage, double cv, double phi, int heavy)
{
	sim_ar1(s, x, n, phi, heavy);
	for (size_t i = 0; i < n; i++)
		x[i] = fmax(0, level[i / stage] * (1 + cv * x[i]));
}

#endif
