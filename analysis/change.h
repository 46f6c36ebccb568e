/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a series changes its level: offline by exact segmentation, online by CUSUM.
 */
#ifndef VNX_CHANGE_H
#define VNX_CHANGE_H

#include "analysis/util.h"

struct vnx_change {
	size_t at;            /* first bin of the new level */
	double uncertainty;   /* the change lies within at +- uncertainty bins (about 95 %) */
	double before, after; /* mean level of the segment before and after */
	double p;             /* Welch's t with effective sizes, corrected for the chosen place;
			       * NaN: not tested (online) */
	bool online;          /* the online detector agrees */
};

struct vnx_changes {
	struct vnx_change *v;
	size_t n, cap;
};

struct vnx_change_conf {
	size_t min_bins;   /* shortest segment, persistence (3) */
	double min_effect; /* relative to the level before (0.05) */
	double p_max;      /* 0.01 */
};

#define VNX_CHANGE_CONF_DEFAULT                                  \
	{                                                        \
		.min_bins = 3, .min_effect = 0.05, .p_max = 0.01 \
	}

/*
 * Exact segmentation (PELT, L2 cost on the mean, penalty raised for autocorrelation) of
 * x[n], NaN skipped. Appends to @out in order of time; -ENOMEM.
 */
int vnx_segment(const double *x, size_t n, const struct vnx_change_conf *conf,
		struct vnx_changes *out) VNX_MUST_CHECK;

/* A gradual fall, which segmentation cut into one or more steps. */
struct vnx_ramp {
	size_t first, last;   /* the changes it stands for */
	size_t from, to;      /* it goes down from the begin of one bin to that of the other */
	double uncertainty;   /* of `from`, in bins (about 95 %) */
	double before, after; /* level before and after */
	bool doubtful;        /* a step is about as likely: take the step, started no earlier */
};

struct vnx_ramps {
	struct vnx_ramp *v;
	size_t n, cap;
};

/*
 * Falls among the changes @c of y[n] that a straight decline explains better than steps do.
 * Appends to @out in order of time; -ENOMEM.
 */
int vnx_ramps_find(const double *y, size_t n, const struct vnx_changes *c, size_t min_bins,
		   struct vnx_ramps *out) VNX_MUST_CHECK;

/*
 * Online detector, fed bin by bin. The threshold follows the measured lag-1
 * autocorrelation so that the false-alarm rate holds.
 */
struct vnx_cusum;
/* NULL when memory is out or the rate is not within (0, 1). */
struct vnx_cusum *vnx_cusum_new(const struct vnx_change_conf *conf, double false_alarms_per_bin);
void vnx_cusum_free(struct vnx_cusum *c);
/*
 * @x NaN: missing, the bin counts. 1: an alarm is raised with this bin, *change filled (at:
 * estimated first bin, counted from the first push), and the baseline is learnt anew; 0: none.
 */
int vnx_cusum_push(struct vnx_cusum *c, double x, struct vnx_change *change);

/*
 * The place at which a steady level of @root[n] (roots of throughput, no gaps) breaks off into a
 * lower one: 1 with *at, its first value, and *p, corrected for all places; 0: there is none;
 * -ENOMEM.
 */
int vnx_break_find(const double *root, size_t n, double p_max, size_t *at,
		   double *p) VNX_MUST_CHECK;

#endif
