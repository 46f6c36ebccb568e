/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics over series with holes: NaN is missing, pairs with one NaN are left out.
 * The sources of formulas are named at each.
 */
#ifndef VNX_STATS_H
#define VNX_STATS_H

#include "analysis/util.h"

enum vnx_corr_method { VNX_PEARSON, VNX_SPEARMAN, VNX_KENDALL };
enum vnx_corr_on { VNX_ON_RAW, VNX_ON_SMA, VNX_ON_WITHIN_STAGE };

const char *vnx_corr_method_name(enum vnx_corr_method m); /* "pearson" ... */
const char *vnx_corr_on_name(enum vnx_corr_on on);        /* "raw", "sma", "within-stage" */

/*
 * r is NaN when undefined, and `undefined` (static string) says why; beside an r it says why there
 * is no interval and no p; else it is NULL.
 */
struct vnx_corr {
	double r;
	size_t n;            /* valid pairs */
	double n_eff;        /* Pyper & Peterman 1998, clamped to [4, n]; NaN when r is */
	double ci_lo, ci_hi; /* 95 %, Fisher z with n_eff; NaN when not defined */
	double p;            /* two-sided, Student t with n_eff - 2; NaN when not defined */
	const char *undefined;
};

void vnx_correlate(enum vnx_corr_method method, const double *x, const double *y, size_t n,
		   struct vnx_corr *out);
/* As above, but n_eff is no more than @most, under 3 of which nothing is defined. */
void vnx_correlate_most(enum vnx_corr_method method, const double *x, const double *y, size_t n,
			double most, struct vnx_corr *out);
/* As above with n_eff given, e.g. for a smoothed pair judged by its raw series. */
void vnx_correlate_neff(enum vnx_corr_method method, const double *x, const double *y, size_t n,
			double n_eff, struct vnx_corr *out);
/* out[i] = x[i] minus the mean of its stage; stage[i] is any stage number. */
int vnx_remove_stage_means(const double *x, const unsigned *stage, size_t n,
			   double *out) VNX_MUST_CHECK;
double vnx_neff(const double *x, const double *y, size_t n);

/*
 * Largest |r| over lags -max_lag..max_lag bins (y later than x is positive); p corrected for
 * the number of lags (Bonferroni). out->r is at that lag; *lag is in bins. n_eff is no more than
 * @most (INFINITY: no bound).
 */
void vnx_correlate_lag(const double *x, const double *y, size_t n, size_t max_lag, double most,
		       struct vnx_corr *out, long *lag);

double vnx_mean(const double *x, size_t n);                 /* NaN if none valid */
double vnx_sd(const double *x, size_t n);                   /* n - 1; NaN under 2 valid */
double vnx_median(const double *x, size_t n);               /* NaN if none valid or memory is out */
double vnx_mad(const double *x, size_t n);                  /* times 1.4826 */
double vnx_quantile(const double *x, size_t n, double q);   /* type 7 of Hyndman & Fan */
double vnx_autocorr(const double *x, size_t n, size_t lag); /* NaN if undefined */
/*
 * rx[lag], ry[lag] for lags 0..max_lag as vnx_autocorr() has them, in O(n log n). @x and @y
 * are missing in the same bins, neither is constant. -ENOMEM.
 */
int vnx_autocorr_pair(const double *x, const double *y, size_t n, size_t max_lag, double *rx,
		      double *ry) VNX_MUST_CHECK;

/* True if all valid values are one value, up to the rounding of sums; also if none is valid. */
bool vnx_is_constant(const double *x, size_t n);

/* A stretch of a series, not owned. */
struct vnx_stretch {
	const double *x;
	size_t n;
};

/*
 * Lag-1 autocorrelation common to several stretches, each about its own mean, corrected
 * for its bias in short stretches; within [0, 0.98], 0 if there is nothing to estimate it by.
 */
double vnx_ar1_pooled(const struct vnx_stretch *part, size_t n_parts);
/*
 * How many independent values the mean of @n values with AR(1) @phi is worth, such that
 * s^2 / n_eff is the mean's variance without bias (Bayley & Hammersley 1946). Never under 1.5.
 */
double vnx_mean_neff(size_t n, double phi);

/*
 * Welch's t between two stretches with effective sizes (of the AR(1) pooled over both);
 * p two-sided. NaN if undefined: under two valid values in one, or two equal constants.
 */
double vnx_welch_p(const double *a, size_t na, const double *b, size_t nb);
/* As above with the effective sizes given; those of independent values are the valid counts. */
double vnx_welch_p_neff(const double *a, size_t na, double neff_a, const double *b, size_t nb,
			double neff_b);
/* As above from means and variances, with the degrees of freedom of each variance. */
double vnx_welch_p_moments(double mean_a, double var_a, double neff_a, double df_a, double mean_b,
			   double var_b, double neff_b, double df_b);

#endif
