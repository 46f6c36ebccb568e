/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Throughput as simulations see it: AR(1) noise of several kinds around levels, and the way
 * through the real analysis. Every machine sees the same series (tests/unit/sim.h).
 */
#ifndef TESTS_SIM_SERIES_H
#define TESTS_SIM_SERIES_H

#include "analysis/diagnosis.h"
#include "tests/unit/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BIN_NS 500000000ULL
#define DAY_BINS 172800

enum noise { NOISE_NORMAL, NOISE_T3, NOISE_LOGNORMAL, NOISE_CONTAMINATED, NOISE_MAX };
static const char *const noise_name[NOISE_MAX] = { "normal", "Student t3", "lognormal",
						   "1 % of 5 sd" };

/* Student's t with 3 degrees of freedom: a normal over the root of a mean of 3 squares. */
static inline double sim_t3(struct sim *s)
{
	double sq = 0, z = sim_normal(s);

	for (int i = 0; i < 3; i++) {
		double q = sim_normal(s);

		sq += q * q;
	}
	return z / sqrt(sq / 3);
}

/*
 * One innovation of unit variance, at most six of them: a shock that stops the traffic for
 * seconds, as Student's would now and then, is a fall.
 */
static inline double innovation(struct sim *s, enum noise kind)
{
	double z;

	switch (kind) {
	case NOISE_T3:
		return fmin(fmax(sim_t3(s) / sqrt(3.0), -6), 6);
	case NOISE_CONTAMINATED:
		z = sim_normal(s);
		return (sim_uniform(s) < 0.01 ? 5 * z : z) / sqrt(1.24);
	default:
		return sim_normal(s);
	}
}

/* Multipliers around 1 with coefficient of variation @cv, AR(1) @phi, never under 0. */
static inline void noise_fill(struct sim *s, double *x, size_t n, enum noise kind, double cv,
			      double phi)
{
	double v = sim_normal(s), sigma = sqrt(log1p(cv * cv));

	for (size_t i = 0; i < n; i++) {
		v = phi * v + sqrt(1 - phi * phi) * innovation(s, kind);
		x[i] = kind == NOISE_LOGNORMAL ? exp(sigma * v - sigma * sigma / 2)
					       : fmax(0, 1 + cv * v);
	}
}

/*
 * Multipliers with long memory (Hurst 0.85, fractional differencing of 0.35 cut off at MEMORY
 * values), coefficient of variation @cv. Exits without memory.
 */
static inline void memory_fill(struct sim *s, double *x, size_t n, double cv)
{
	enum { MEMORY = 1000 };
	double weight[MEMORY] = { 1 }, squares = 1, *e = malloc((n + MEMORY) * sizeof(*e));

	if (!e)
		exit(1);
	for (size_t j = 1; j < MEMORY; j++) {
		weight[j] = weight[j - 1] * ((double)j - 0.65) / (double)j;
		squares += weight[j] * weight[j];
	}
	for (size_t i = 0; i < n + MEMORY; i++)
		e[i] = sim_normal(s);
	for (size_t i = 0; i < n; i++) {
		double v = 0;

		for (size_t j = 0; j < MEMORY; j++)
			v += weight[j] * e[i + MEMORY - 1 - j];
		x[i] = fmax(0, 1 + cv * v / sqrt(squares));
	}
	free(e);
}

/* The whole analysis of one VM of which only throughput was measured. Exits without memory. */
static inline struct vnx_diagnosis *diagnose_series(const double *x, size_t n)
{
	const struct vnx_grid grid = { .bin_ns = BIN_NS, .n = n };
	const struct vnx_diagnose_conf conf = { 0 };
	struct vnx_vm vm = { .name = (char *)"sim", .backend = VNX_BACKEND_VHOST_NET };
	struct vnx_vm_input in = { .vm = &vm, .throughput_source = "iperf3-receiver" };
	struct vnx_diagnosis *dg;

	in.series[VNX_THROUGHPUT] = x;
	if (vnx_diagnose(&grid, &in, 1, &conf, &dg)) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return dg;
}

static inline double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
