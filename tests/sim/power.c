// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is found of real falls: power [RUNS]. Runs of 120 s with a step at a random place;
 * runs with a linear decline; runs that go down in stages of 25 s; dips that recur. Through the
 * whole analysis.
 */
#include "tests/sim/sim_series.h"

#include <stdlib.h>

#define LEN 240
#define NEAR 20 /* bins: a fall that starts within them of the true place is that fall */

static double no_less(double x)
{
	return isnan(x) ? INFINITY : x;
}

/* What is known of one set of runs. Delay and error in bins. */
struct tally {
	unsigned runs, found, covered, one, ramps, falls, online;
	double error[4096], delay[4096], length[4096];
};

static struct tally t;

/* The degradation that starts nearest to bin @at. */
static const struct vnx_degradation *nearest(const struct vnx_diagnosis *dg, double at)
{
	const struct vnx_vm_finding *f = &dg->vms.v[0];
	const struct vnx_degradation *best = NULL;

	for (size_t i = 0; i < f->degradations.n; i++) {
		const struct vnx_degradation *d = &f->degradations.v[i];

		if (!best || fabs(2 * d->start_s - at) < fabs(2 * best->start_s - at))
			best = d;
	}
	return best;
}

static void tally_add(const double *x, double at, double near)
{
	struct vnx_diagnosis *dg = diagnose_series(x, LEN);
	const struct vnx_degradation *d = nearest(dg, at);
	unsigned i = t.runs++;
	double off = d ? fabs(2 * d->start_s - at) : INFINITY;

	t.error[i] = t.delay[i] = t.length[i] = INFINITY;
	t.falls += (unsigned)dg->vms.v[0].degradations.n;
	t.one += dg->vms.v[0].degradations.n == 1;
	if (off <= near) {
		t.found++;
		t.covered += off <= 2 * d->start_uncertainty_s;
		t.ramps += d->ramp_s > 0;
		t.online += d->online;
		t.error[i] = off;
		t.length[i] = d->ramp_s * 2;
		t.delay[i] = no_less(2 * d->detected_s - at);
	}
	vnx_diagnosis_free(dg);
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of all runs, what was not found being infinite. */
static double quantile(double *v, double q)
{
	qsort(v, t.runs, sizeof(*v), double_cmp);
	return v[(size_t)(q * (t.runs - 1))];
}

static double share(unsigned n, unsigned of)
{
	return of ? 100.0 * n / of : NAN;
}

static void steps_print(enum noise kind, double cv, double phi, double drop, unsigned runs)
{
	double x[LEN];

	t = (struct tally){ 0 };
	for (unsigned seed = 1; seed <= runs; seed++) {
		struct sim s = sim_seed(seed + 5000);
		size_t at = 80 + (size_t)(80 * sim_uniform(&s));

		noise_fill(&s, x, LEN, kind, cv, phi);
		for (size_t i = 0; i < LEN; i++)
			x[i] *= i < at ? 1e8 : 1e8 * (1 - drop);
		tally_add(x, (double)at, NEAR);
	}
	printf("%-10s %4.1f %5.1f %4.0f %% %7.1f %9.1f %9.1f %9.1f %8.1f %8.1f %7.1f %7.1f\n",
	       noise_name[kind], cv, phi, 100 * drop, share(t.found, runs), quantile(t.error, 0.5),
	       quantile(t.error, 0.9), share(t.covered, t.found), quantile(t.delay, 0.5),
	       quantile(t.delay, 0.9), share(t.online, t.found), share(t.ramps, t.found));
	fflush(stdout);
}

static void steps_table(unsigned runs)
{
	static const double cvs[] = { 0.1, 0.2 }, phis[] = { 0, 0.3, 0.6 },
			    drops[] = { 0.1, 0.2, 0.3, 0.5 };

	printf("Steps, %u runs each; error and delay in bins of 0.5 s, over all runs\n", runs);
	printf("%-10s %4s %5s %6s %7s %9s %9s %9s %8s %8s %7s %7s\n", "noise", "CV", "AR(1)",
	       "fall", "found %", "error p50", "error p90", "covered %", "delay50", "delay90",
	       "onl. %", "ramp %");
	for (int kind = NOISE_NORMAL; kind <= NOISE_T3; kind++)
		for (size_t c = 0; c < VNX_ARRAY_SIZE(cvs); c++)
			for (size_t p = 0; p < VNX_ARRAY_SIZE(phis); p++)
				for (size_t d = 0; d < VNX_ARRAY_SIZE(drops); d++)
					steps_print((enum noise)kind, cvs[c], phis[p], drops[d],
						    runs);
}

static void ramps_print(double cv, double phi, size_t len, unsigned runs)
{
	double x[LEN];

	t = (struct tally){ 0 };
	for (unsigned seed = 1; seed <= runs; seed++) {
		struct sim s = sim_seed(seed + 9000);
		size_t at = 50 + (size_t)(30 * sim_uniform(&s));

		noise_fill(&s, x, LEN, NOISE_NORMAL, cv, phi);
		for (size_t i = 0; i < LEN; i++) {
			double r = ((double)i + 0.5 - (double)at) / (double)len;

			x[i] *= 1e8 * (1 - 0.5 * fmin(fmax(r, 0), 1));
		}
		tally_add(x, (double)at, NEAR + (double)len);
	}
	printf("%4.1f %5.1f %6.0f %7.1f %7.1f %7.1f %9.1f %9.1f %8.1f %8.1f\n", cv, phi,
	       (double)len / 2, share(t.found, runs), share(t.one, runs), share(t.ramps, runs),
	       quantile(t.error, 0.5), share(t.covered, t.found), quantile(t.length, 0.5),
	       quantile(t.delay, 0.5));
	fflush(stdout);
}

static void ramps_table(unsigned runs)
{
	static const double cvs[] = { 0.05, 0.1, 0.2 }, phis[] = { 0, 0.3, 0.6 };
	static const size_t lens[] = { 20, 40, 80, 120 };

	printf("Linear decline to half; error, length and delay (from its begin) in bins\n");
	printf("%4s %5s %6s %7s %7s %7s %9s %9s %8s %8s\n", "CV", "AR(1)", "len/s", "found %",
	       "one %", "ramp %", "error p50", "covered %", "length50", "delay50");
	for (size_t c = 0; c < VNX_ARRAY_SIZE(cvs); c++)
		for (size_t p = 0; p < VNX_ARRAY_SIZE(phis); p++)
			for (size_t l = 0; l < VNX_ARRAY_SIZE(lens); l++)
				ramps_print(cvs[c], phis[p], lens[l], runs);
}

/* 1, 3/4, 1/2, 1/4 of the level, or 20 % down each: 25 s a stage. */
static void stages_table(unsigned runs)
{
	static const double cvs[] = { 0.05, 0.1, 0.2, 0.3 }, phis[] = { 0, 0.3, 0.6 };
	double x[LEN];

	printf("Stages of 25 s, three falls: falls a run, ramps among the nearest\n");
	for (int form = 0; form < 2; form++)
		for (size_t c = 0; c < VNX_ARRAY_SIZE(cvs); c++)
			for (size_t p = 0; p < VNX_ARRAY_SIZE(phis); p++) {
				t = (struct tally){ 0 };
				for (unsigned seed = 1; seed <= runs; seed++) {
					struct sim s = sim_seed(seed + 7000);

					noise_fill(&s, x, LEN, NOISE_NORMAL, cvs[c], phis[p]);
					for (size_t i = 0; i < LEN; i++) {
						double k = fmin((double)(i / 50), 3);

						x[i] *= 1e8 * (form ? pow(0.8, k) : 1 - k / 4);
					}
					tally_add(x, 50, NEAR);
				}
				printf("%-12s CV %4.2f AR(1) %3.1f: falls %5.2f, found first %5.1f %%, "
				       "ramp %5.1f %%\n",
				       form ? "20 % each" : "quarters", cvs[c], phis[p],
				       t.falls / (double)runs, share(t.found, runs),
				       share(t.ramps, runs));
			}
}

/* Dips to half that recur every 30 s, 5 minutes: how many of them start a fall. */
static void dips_table(unsigned runs)
{
	static const double cvs[] = { 0.1, 0.2 }, phis[] = { 0, 0.3, 0.6 };
	static double x[600];

	printf("Dips to half, every 30 s: found, %% of them\n%4s %5s %6s %7s\n", "CV", "AR(1)",
	       "len/s", "found %");
	for (size_t c = 0; c < VNX_ARRAY_SIZE(cvs); c++)
		for (size_t p = 0; p < VNX_ARRAY_SIZE(phis); p++)
			for (size_t len = 4; len <= 10; len += 2) {
				unsigned found = 0;

				for (unsigned seed = 1; seed <= runs; seed++) {
					struct sim s = sim_seed(seed + 3000);
					struct vnx_diagnosis *dg;

					noise_fill(&s, x, 600, NOISE_NORMAL, cvs[c], phis[p]);
					for (size_t i = 0; i < 600; i++)
						x[i] *= i % 60 >= 30 && i % 60 < 30 + len ? 5e7
											  : 1e8;
					dg = diagnose_series(x, 600);
					found += (unsigned)dg->vms.v[0].degradations.n;
					vnx_diagnosis_free(dg);
				}
				printf("%4.1f %5.1f %6.1f %7.1f\n", cvs[c], phis[p],
				       (double)len / 2, share(found, 10 * runs));
			}
}

int main(int argc, char **argv)
{
	unsigned runs = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
	const char *only = argc > 2 ? argv[2] : "srtd";
	double start = seconds_now();

	if (!runs || runs > VNX_ARRAY_SIZE(t.delay))
		return 1;
	if (strchr(only, 's'))
		steps_table(runs);
	if (strchr(only, 'r'))
		ramps_table(runs);
	if (strchr(only, 't'))
		stages_table(runs);
	if (strchr(only, 'd'))
		dips_table(runs);
	printf("took %.1f s\n", seconds_now() - start);
	return 0;
}
