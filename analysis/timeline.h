/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bins on one clock. A series is a sum per bin beside the share of the bin that was
 * observed; a bin under VNX_MIN_COVERAGE observed is missing (NaN), never 0.
 */
#ifndef VNX_TIMELINE_H
#define VNX_TIMELINE_H

#include "analysis/sample.h"

#define VNX_MIN_COVERAGE 0.8 /* of a bin or an interval; less is missing */

struct vnx_grid {
	uint64_t start_ns; /* where bin 0 starts */
	uint64_t bin_ns;
	size_t n;
};

/* A sum per bin under construction. Zero-initialised by vnx_accum_init(). */
struct vnx_accum {
	struct vnx_grid grid;
	double *sum;   /* grid.n */
	double *cover; /* grid.n, observed share of each bin, may exceed 1 for merged entities */
	bool *lost;    /* grid.n, true: something was lost here, the bin is missing */
};

int vnx_accum_init(struct vnx_accum *acc, const struct vnx_grid *grid) VNX_MUST_CHECK;
void vnx_accum_fini(struct vnx_accum *acc);
/* Adds a count that happened in [t, t + dur); spreads it by overlap; says nothing of coverage. */
void vnx_accum_add(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns, double count);
/* [t, t + dur) was observed (a hook was attached, a counter was read at both ends). */
void vnx_accum_cover(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns);
/* What was added so far within [t, t + dur), bins that are only partly in it by their share. */
double vnx_accum_within(const struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns);
/* Something in [t, t + dur) was lost: those bins are missing. */
void vnx_accum_void(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns);
/*
 * Values per bin: out[grid.n]; NaN where missing. A partly covered bin (>= the minimum) is
 * scaled to the whole bin when @scale, for rates; counts of calls are left as counted.
 */
void vnx_accum_values(const struct vnx_accum *acc, bool scale, double *out);

/* Trailing moving average over @window bins; out[n]; NaN where under half are valid. */
void vnx_sma(const double *x, size_t n, size_t window, double *out);

#endif
