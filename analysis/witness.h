/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Falls of throughput that another series bears witness of.
 */
#ifndef VNX_WITNESS_H
#define VNX_WITNESS_H

#include "analysis/change.h"

/* A series that does harm when it rises, over the same bins as throughput. */
struct vnx_witness {
	const double *x; /* counts or levels, or shares 0..1; NaN missing; not owned */
	bool is_share;
};

/*
 * The fall within bins [from, to) of y, a level of throughput (bit/s, NaN missing), at which one
 * of @w[n] rises. 1 with *out; 0: there is none; -ENOMEM. @p_max is the witness's, its place and
 * the number of witnesses being paid for; the fall itself is tested at that place.
 */
int vnx_witness_find(const double *y, size_t from, size_t to, const struct vnx_witness *w, size_t n,
		     double p_max, struct vnx_change *out) VNX_MUST_CHECK;

#endif
