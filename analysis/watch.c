// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of level told as they come, by the levels that a replay would find in the last minutes.
 * Fitting them at every bin would cost too much; so the likelihood ratio of a change at any of the
 * last bins, against the level last fitted, says when it is worth while.
 */
#include "analysis/change.h"

#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

#define MEMORY 240 /* values that are looked at */
#define LEARN 40   /* values before the first look: 20 s of 0.5 s */
#define RELEARN 60 /* values after which the level is fitted anew */
#define LOOKS 10.0 /* what is looked at again and again is told at so much less */

struct vnx_watch {
	struct vnx_change_conf conf;
	double x[2 * MEMORY]; /* the last values, NaN is missing */
	size_t n, pushed;
	size_t told;    /* a change at a value before it was told */
	size_t looked;  /* values pushed at the last look; 0: none yet */
	size_t since;   /* pushed before the level that it found */
	double suspect; /* a likelihood ratio that is looked into */
	struct vnx_now_level level;
};

struct vnx_watch *vnx_watch_new(const struct vnx_change_conf *conf)
{
	struct vnx_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->conf = *conf;
	w->conf.p_max /= LOOKS;
	w->suspect = qchisq(conf->p_max, 1, 0, 0);
	return w;
}

void vnx_watch_free(struct vnx_watch *w)
{
	free(w);
}

/* Whitened departure of value @i from the level, in scales; 0 where it or the last is missing. */
static double departure(const struct vnx_watch *w, size_t i)
{
	double now = sqrt(fmax(w->x[i], 0)) - w->level.mean;
	double last = sqrt(fmax(w->x[i - 1], 0)) - w->level.mean;

	return isfinite(w->x[i] + w->x[i - 1]) ? (now - w->level.phi * last) / w->level.scale : 0;
}

/* May a new level have begun with any of the values since the last one that was told? */
static bool is_suspect(const struct vnx_watch *w)
{
	double sum = 0, n = 0;
	size_t first = w->n > MEMORY ? w->n - MEMORY : 1, base = w->pushed - w->n;

	if (w->since >= base + first)
		first = w->since - base + 1;

	for (size_t i = w->n - 1; i >= first; i--) {
		sum += departure(w, i);
		n++;
		if (n + 1 >= (double)w->conf.min_bins && sum * sum / n > w->suspect)
			return true;
	}
	return false;
}

/* 1: a change that was not told yet, in *change. */
static int look(struct vnx_watch *w, struct vnx_change *change)
{
	size_t from = w->n > MEMORY ? w->n - MEMORY : 0, base = w->pushed - w->n + from;
	struct vnx_changes seen = { 0 };
	int ret = vnx_levels_find(w->x + from, w->n - from, &w->conf, &seen, &w->level);

	w->looked = w->pushed;
	w->since = base;
	if (!ret && seen.n) {
		*change = seen.v[seen.n - 1];
		change->at += base;
		w->since = change->at;
		ret = change->at >= w->told;
		if (ret)
			w->told = change->at + w->conf.min_bins + (size_t)ceil(change->uncertainty);
	}
	free(seen.v);
	return ret;
}

int vnx_watch_push(struct vnx_watch *w, double x, struct vnx_change *change)
{
	if (w->n == 2 * MEMORY) {
		memmove(w->x, w->x + MEMORY, MEMORY * sizeof(*w->x));
		w->n = MEMORY;
	}
	w->x[w->n++] = x;
	w->pushed++;
	if (w->pushed < LEARN || w->pushed < w->looked + w->conf.min_bins)
		return 0;
	if (w->level.scale > 0 && w->pushed < w->looked + RELEARN && !is_suspect(w))
		return 0;
	return look(w, change);
}
