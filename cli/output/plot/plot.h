/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The figures of a report, one row each in vnx_plots[]; gnuplot draws them.
 */
#ifndef VNX_PLOT_H
#define VNX_PLOT_H

#include "cli/output/pick.h"

struct vnx_plot_ops {
	const char *id;    /* part of the files' names: "scatter" */
	const char *title; /* heading of the figure, a few words */
	/* Whether VM @i has what the figure needs. */
	bool (*has)(const struct vnx_finding *f, size_t i);
	/* Its caption, plain text on one line: what to see, with n and units. Also the alt text. */
	void (*caption)(const struct vnx_finding *f, size_t i, FILE *out);
	/* gnuplot's script that draws @stem.svg and @stem.png into its working folder. */
	int (*script)(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		      struct vnx_err *err);
};

extern const struct vnx_plot_ops *const vnx_plots[]; /* NULL-terminated, in order of reading */

/*
 * Draws @plot of VM @i as @dir/@stem.svg and .png. -ENOENT where gnuplot is not installed,
 * -EIO with its own words where it failed.
 */
int vnx_plot_draw(const struct vnx_plot_ops *plot, const struct vnx_finding *f, size_t i,
		  const char *stem, const char *dir, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * The SVG at @path as text to stand within an HTML page: no prolog, no script, no reference
 * to the outside, ids made unique by @prefix (letters, digits, "-"), text and lines in colours
 * that follow the page's CSS variables (--ink, --paper, --grid and the plots' own), so that a
 * dark page has a dark figure. Caller frees *out.
 */
int vnx_plot_inline(const char *path, const char *prefix, char **out,
		    struct vnx_err *err) VNX_MUST_CHECK;
/* The CSS declarations of the plots' own variables, for light (@dark false) or dark. */
const char *vnx_plot_css(bool dark);

#endif
