/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The study's figure of one VM: throughput and calls over one time axis, per bin and
 * smoothed, with stages and falls marked. Drawn by gnuplot.
 */
#ifndef VNX_FIGURE_H
#define VNX_FIGURE_H

#include "cli/output/pick.h"

/* gnuplot's script that draws @stem.svg and @stem.png of VM @i into its working folder. */
int vnx_figure_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		      struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Draws it into @dir. -ENOENT where gnuplot is not installed, -EIO with its own words where
 * it failed.
 */
int vnx_figure_draw(const struct vnx_finding *f, size_t i, const char *stem, const char *dir,
		    struct vnx_err *err) VNX_MUST_CHECK;

/* Makes the fonts of gnuplot's SVG at @path those of any machine; see figure_svg.c. */
int vnx_figure_fonts(const char *path, struct vnx_err *err) VNX_MUST_CHECK;

/* ... without header, for a page that says all that itself; in larger letters. */
int vnx_figure_script_page(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
			   struct vnx_err *err) VNX_MUST_CHECK;

/* The curves of a figure as gnuplot data blocks; see figure_data.c. */
struct vnx_panel {
	const char *id;    /* of the data blocks: $<id>_raw, $<id>_sma */
	char title[64];    /* of the y axis */
	const char *color; /* rrggbb */
	double *raw, *sma; /* n, owned; in the unit of the axis; NaN missing */
	double top;        /* highest value */
	bool any;          /* at least one valid value */
};

struct vnx_panels {
	struct vnx_panel v[3];
	size_t n;
};

/* Throughput always; calls and bytes per call where they were measured. -ENOMEM. */
int vnx_panels_init(struct vnx_panels *panels, const struct vnx_diagnosis *dg,
		    const struct vnx_vm_finding *vm) VNX_MUST_CHECK;
void vnx_panels_fini(struct vnx_panels *panels);
/* One @x a bin as rows "time value": each bin from its start to its end. */
void vnx_curve_steps(FILE *out, const struct vnx_grid *grid, const double *x);
/* ... as a line through the bins' ends, where a trailing average is known. */
void vnx_curve_line(FILE *out, const struct vnx_grid *grid, const double *x);
void vnx_panel_write(const struct vnx_panel *panel, const struct vnx_grid *grid, FILE *out);

#endif
