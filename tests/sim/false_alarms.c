// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often a healthy series is called ill:
 *
 *	false_alarms [DAYS [CV [NOISE [AR [P]]]]]
 *
 * One run of 24 h, and the same day in runs of 60 and 120 s, through the whole analysis; the
 * watch of `live` over the day; and one that fits anew with every bin, at @P (0: none, the
 * default). NOISE and AR are the rows of the table to begin with, from 0.
 */
#include "tests/sim/sim_series.h"

#include "analysis/change.h"

#include <stdlib.h>

static const double phis[] = { 0, 0.2, 0.4, 0.6, 0.8, 0.98 };
static double cv = 0.2;

#define WATCH 240
#define WATCHED 14400
static double watch_p;

struct tally {
	unsigned day, online;         /* flags in runs of 24 h; falls told by live's watch */
	unsigned short_60, short_120; /* runs of 60 and 120 s with a flag */
	unsigned watch;
	double slowest_s; /* analysis of 24 h */
};

static unsigned falls_in(const double *x, size_t n)
{
	struct vnx_diagnosis *dg = diagnose_series(x, n);
	unsigned falls = (unsigned)dg->vms.v[0].degradations.n;

	vnx_diagnosis_free(dg);
	return falls;
}

static unsigned alarms_in(const double *x, size_t n)
{
	static const struct vnx_change_conf conf = VNX_CHANGE_CONF_DEFAULT;
	struct vnx_watch *w = vnx_watch_new(&conf);
	struct vnx_change ch;
	unsigned alarms = 0;

	for (size_t i = 0; w && i < n; i++)
		alarms += vnx_watch_push(w, x[i], &ch) == 1 && ch.after < ch.before;
	vnx_watch_free(w);
	return alarms;
}

static unsigned runs_with_falls(const double *x, size_t run)
{
	unsigned bad = 0;

	for (size_t from = 0; from + run <= DAY_BINS; from += run)
		bad += falls_in(x + from, run) > 0;
	return bad;
}

/*
 * Falls told by looking anew at the last WATCH bins with every bin, as the times of detection
 * assume; after each the watch begins anew. Over the first WATCHED bins.
 */
static unsigned watch(const double *x)
{
	struct vnx_change_conf conf = { 3, 0.05, watch_p };
	struct vnx_changes c = { 0 };
	size_t from = 0;
	unsigned falls = 0;

	for (size_t to = 40; to <= WATCHED; to++) {
		bool told = false;

		if (to < from + 40)
			continue;
		from = to > from + WATCH ? to - WATCH : from;
		c.n = 0;
		if (vnx_segment(x + from, to - from, &conf, &c))
			exit(1);
		for (size_t i = 0; i < c.n; i++)
			told |= c.v[i].after < c.v[i].before;
		falls += told;
		from = told ? to : from;
	}
	free(c.v);
	return falls;
}

static void day_add(struct tally *t, double *x)
{
	double start;

	for (size_t i = 0; i < DAY_BINS; i++)
		x[i] *= 1e8;
	start = seconds_now();
	t->day += falls_in(x, DAY_BINS);
	t->slowest_s = fmax(t->slowest_s, seconds_now() - start);
	t->online += alarms_in(x, DAY_BINS);
	t->watch += watch_p > 0 ? watch(x) : 0;
	t->short_60 += runs_with_falls(x, 120);
	t->short_120 += runs_with_falls(x, 240);
}

static void tally_print(const char *name, double phi, unsigned days, const struct tally *t)
{
	printf("%-12s %5.1f %10.2f %10.2f %12.2f %9.5f %12.2f %9.5f %8.2f %8.2f\n", name, phi,
	       t->day / (double)days, t->online / (double)days, t->short_60 / (double)days,
	       t->short_60 / (1440.0 * days), t->short_120 / (double)days,
	       t->short_120 / (720.0 * days), t->slowest_s,
	       t->watch * ((double)DAY_BINS / WATCHED) / days);
	fflush(stdout);
}

/* Long memory, and a level that rises and falls by 30 % in a day: no AR(1). */
static void others_print(double *x, unsigned days)
{
	for (int kind = 0; kind < 2; kind++) {
		struct tally t = { 0 };

		for (unsigned seed = 1; seed <= days; seed++) {
			struct sim s = sim_seed(seed);

			if (kind) {
				noise_fill(&s, x, DAY_BINS, NOISE_NORMAL, cv / 4, 0.3);
				for (size_t i = 0; i < DAY_BINS; i++)
					x[i] *= 1 + 0.3 * sin(2 * M_PI * (double)i / DAY_BINS);
			} else {
				memory_fill(&s, x, DAY_BINS, cv);
			}
			day_add(&t, x);
		}
		tally_print(kind ? "daily sine" : "long memory", NAN, days, &t);
	}
}

int main(int argc, char **argv)
{
	double *x = malloc(DAY_BINS * sizeof(*x)), start = seconds_now();
	unsigned days = argc > 1 ? (unsigned)atoi(argv[1]) : 1;

	cv = argc > 2 ? atof(argv[2]) : cv;
	watch_p = argc > 5 ? atof(argv[5]) : watch_p;
	if (!x || !days)
		return 1;
	printf("Healthy series, CV %g, %u day(s) each: flags a day\n", cv, days);
	printf("%-12s %5s %10s %10s %12s %9s %12s %9s %8s %8s\n", "innovations", "AR(1)",
	       "24 h run", "live", "1440x 60 s", "p a run", "720x 120 s", "p a run", "24 h/s",
	       "watched");
	for (int kind = argc > 3 ? atoi(argv[3]) : 0; kind < NOISE_MAX; kind++) {
		for (size_t i = argc > 4 ? (size_t)atoi(argv[4]) : 0; i < VNX_ARRAY_SIZE(phis);
		     i++) {
			struct tally t = { 0 };

			for (unsigned seed = 1; seed <= days; seed++) {
				struct sim s = sim_seed(1000 * seed + 10 * (unsigned)kind +
							(unsigned)(phis[i] * 5));

				noise_fill(&s, x, DAY_BINS, (enum noise)kind, cv, phis[i]);
				day_add(&t, x);
			}
			tally_print(noise_name[kind], phis[i], days, &t);
		}
	}
	others_print(x, days);
	printf("took %.1f s\n", seconds_now() - start);
	free(x);
	return 0;
}
