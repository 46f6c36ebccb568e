/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What throughput was really observed in. Bins narrower than the load's intervals repeat one
 * value: they are as many observations as there are intervals, not bins.
 */
#ifndef VNX_OBSERVE_H
#define VNX_OBSERVE_H

#include "analysis/util.h"

struct vnx_obs {
	double *y;     /* n values, NaN: missing */
	size_t *start; /* n + 1: value k holds for bins [start[k], start[k + 1]) */
	size_t n, valid;
	bool bins; /* each bin is an observation of its own */
};

/*
 * Of y[n_bins]. @interval, of as many: 0 where a bin belongs to no interval, k > 0 where it lies
 * within the k-th, -k where it is mostly of the k-th and partly of a neighbour; NULL: each bin is
 * an observation. Neighbouring intervals have different numbers. -ENOMEM; vnx_obs_fini() frees.
 */
int vnx_obs_init(struct vnx_obs *o, const double *y, const int *interval,
		 size_t n_bins) VNX_MUST_CHECK;
void vnx_obs_fini(struct vnx_obs *o);

/* x[n_bins] on the observations: means, out[o->n]; NaN where no bin of one is valid. */
void vnx_obs_mean(const struct vnx_obs *o, const double *x, double *out);
/* Bins of an observation that is valid, the mean; 1 where bins are observations. */
double vnx_obs_bins(const struct vnx_obs *o);
/* How many bins @half observations on either side of the begin of observation @at reach. */
double vnx_obs_reach(const struct vnx_obs *o, size_t at, double half);

/* A step between two levels, within the observation that it falls into. */
struct vnx_obs_step {
	double bin;           /* where, in bins */
	double uncertainty;   /* bins, about 95 %; half an observation at least */
	double before, after; /* the levels without the observation that has some of both */
};

/*
 * Places the step between the levels [from, at) and [at, to): an observation near @at whose value
 * lies between both levels has some of both, and its value says how much. Bins of which nothing is
 * known before @at may all hold it.
 */
struct vnx_obs_step vnx_obs_split(const struct vnx_obs *o, size_t from, size_t at, size_t to);

#endif
