/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a series changes its level, in one that is there and in one that comes bin by bin.
 */
#ifndef VNX_CHANGE_H
#define VNX_CHANGE_H

#include "analysis/util.h"

struct vnx_change {
	size_t at;            /* first bin of the new level */
	double uncertainty;   /* the change lies within at +- uncertainty bins (about 95 %) */
	double before, after; /* mean level of the segment before and after */
	double p;             /* of the two means being one, corrected for the chosen place */
};

struct vnx_changes {
	struct vnx_change *v;
	size_t n, cap;
};

/* A change is told where two levels are one with no more than this probability. */
#define VNX_P_MAX 0.001

struct vnx_change_conf {
	size_t min_bins;   /* shortest level, persistence (3) */
	double min_effect; /* relative to the level before (0.05) */
	double p_max;      /* VNX_P_MAX */
};

#define VNX_CHANGE_CONF_DEFAULT                                       \
	{                                                             \
		.min_bins = 3, .min_effect = 0.05, .p_max = VNX_P_MAX \
	}

/* Values of a longer series that are looked at together, and twice as far as a level reaches. */
#define VNX_WINDOW 1200

/* Where the level before, or after, a change at @at begins or ends at the latest. */
static inline size_t vnx_reach_back(size_t at, size_t from)
{
	return at - from > VNX_WINDOW / 2 ? at - VNX_WINDOW / 2 : from;
}

static inline size_t vnx_reach_on(size_t at, size_t to)
{
	return to - at > VNX_WINDOW / 2 ? at + VNX_WINDOW / 2 : to;
}

/*
 * Changes of level of x[n], NaN skipped: levels and AR(1) noise fitted together. The same change
 * is found in a series of any length. Appends to @out in order of time; -ENOMEM.
 */
int vnx_segment(const double *x, size_t n, const struct vnx_change_conf *conf,
		struct vnx_changes *out) VNX_MUST_CHECK;

/* A level, of the root of the series, and the noise about it. */
struct vnx_now_level {
	double mean, scale; /* scale: of the innovations; 0: there was too little to fit */
	double phi;
};

/* As above in one window, of whatever length; @last: the level at its end, or NULL. */
int vnx_levels_find(const double *x, size_t n, const struct vnx_change_conf *conf,
		    struct vnx_changes *out, struct vnx_now_level *last) VNX_MUST_CHECK;

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

/* Changes told value by value, each once, when the last minutes first show it. */
struct vnx_watch;
struct vnx_watch *vnx_watch_new(const struct vnx_change_conf *conf); /* NULL: memory is out */
void vnx_watch_free(struct vnx_watch *w);
/* 1: *change is new (at: counted from the first push); 0: none; -ENOMEM. @x NaN: missing. */
int vnx_watch_push(struct vnx_watch *w, double x, struct vnx_change *change) VNX_MUST_CHECK;

#endif
