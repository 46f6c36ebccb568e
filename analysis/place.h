/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where on one series another one fits best, when no clock tells.
 */
#ifndef VNX_PLACE_H
#define VNX_PLACE_H

#include "analysis/stats.h"

struct vnx_place {
	long lag;          /* bin of x on which y[0] falls */
	long first, last;  /* lags around it that fit about as well: r within its 95 % interval */
	size_t tries;      /* places looked at */
	struct vnx_corr c; /* Pearson at @lag; p and interval not corrected for the search yet */
};

/*
 * Looks at every lag in @from..@to at which at least @min_pairs bins of both are valid.
 * tries 0: there is no such place. @most: values of y that can be independent (INFINITY: all).
 * Time: number of lags times bins of the shorter. -ENOMEM.
 */
int vnx_place_search(const double *x, size_t n, const double *y, size_t m, long from, long to,
		     size_t min_pairs, double most, struct vnx_place *out) VNX_MUST_CHECK;
/* p and interval of the best of @tries looked at (Bonferroni); 1 changes nothing. */
void vnx_corr_correct(enum vnx_corr_method method, size_t tries, struct vnx_corr *c);

#endif
