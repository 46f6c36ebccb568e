/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the figures share: colours, the frame around them, the parts of a run they compare,
 * and gnuplot itself.
 */
#ifndef VNX_PLOT_INTERNAL_H
#define VNX_PLOT_INTERNAL_H

#include "cli/output/plot/figure.h"
#include "cli/output/plot/plot.h"

/* rrggbb on white paper; plot_color.c has what they are on a page. */
#define VNX_RGB_INK "202020"
#define VNX_RGB_AXIS "404040"
#define VNX_RGB_STAGE "606060"
#define VNX_RGB_MUTED "707070"
#define VNX_RGB_GRID "DCDCDC"
#define VNX_RGB_FALL "CC79A7"
#define VNX_RGB_FALL_TEXT "8F3F6E"
/* Okabe and Ito's, those too light for lines on white made darker. */
#define VNX_RGB_BLUE "0072B2"
#define VNX_RGB_RED "D55E00"
#define VNX_RGB_GREEN "009E73"
#define VNX_RGB_PURPLE "9A4C95"
#define VNX_RGB_GOLD "9A6A00"

/* What the name of a colour becomes on a page: "var(--ink, #202020)"; false: no colour. */
bool vnx_plot_color(const char *value, size_t len, char *buf, size_t room);

/* Writes the script that draws @what as @stem.svg and .png. */
typedef int (*vnx_script_fn)(const void *what, const char *stem, FILE *out, struct vnx_err *err);
/* Runs gnuplot in @dir over what @write writes; as vnx_plot_draw(). -EINVAL: no such @stem. */
int vnx_gnuplot_draw(vnx_script_fn write, const void *what, const char *stem, const char *dir,
		     struct vnx_err *err) VNX_MUST_CHECK;
typedef int (*vnx_vm_script_fn)(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
				struct vnx_err *err);
int vnx_gnuplot_draw_vm(vnx_vm_script_fn write, const struct vnx_finding *f, size_t i,
			const char *stem, const char *dir, struct vnx_err *err) VNX_MUST_CHECK;

/* Text from outside in gnuplot's single quotes, cut to @width columns (0: not cut). */
void vnx_plot_quote(FILE *out, const char *s, unsigned width);
/* Vertical dashes where the load's stages begin. */
void vnx_plot_stages(FILE *out, const struct vnx_grid *grid, const unsigned *stage);
/* A band over each fall, a darker one where its start may lie; its size above if @labels. */
void vnx_plot_falls(FILE *out, const struct vnx_grid *grid, const struct vnx_vm_finding *vm,
		    bool labels);

/*
 * A figure of one plot: begin, data blocks and settings, open, the plot command, close. The
 * second picture is a replot of the first. The paper is higher for a legend of several rows.
 */
void vnx_plot_begin(FILE *out, const struct vnx_finding *f, size_t i);
/* ... of no VM in particular; the legend has @rows, a line each. */
void vnx_plot_begin_rows(FILE *out, unsigned rows);
/* The VM's name in the lower right corner, for a picture that lost its page. */
void vnx_plot_name(FILE *out, const struct vnx_finding *f, size_t i, double y);
/* A tic every so much, so that up to @top there are few. */
double vnx_plot_step(double top);
/* Words beside the axes; ours, without quotes. */
void vnx_plot_x_title(FILE *out, const char *text);
void vnx_plot_y_title(FILE *out, const char *text);
/* x is time, with stages and falls. */
void vnx_plot_time_axis(FILE *out, const struct vnx_finding *f, size_t i);
void vnx_plot_open(FILE *out, const char *stem, unsigned rows);
void vnx_plot_close(FILE *out, const char *stem, unsigned rows);
int vnx_plot_no_memory(struct vnx_err *err);

/* Bins of a run, as a caption compares them. Those around an uncertain start are in neither. */
enum vnx_part { VNX_PART_ALL, VNX_PART_BEFORE, VNX_PART_DURING };
bool vnx_part_has(const struct vnx_finding *f, size_t i, enum vnx_part part, size_t bin);
/* Mean of @x over the part; NaN where nothing of it was measured. @n: bins, may be NULL. */
double vnx_part_mean(const struct vnx_finding *f, size_t i, enum vnx_part part, const double *x,
		     size_t *n);
/* The mean of @x, divided by @unit, over each part. */
struct vnx_part_means {
	double all, before, during;
	size_t n, n_before, n_during;
};
struct vnx_part_means vnx_part_means(const struct vnx_finding *f, size_t i, const double *x,
				     double unit);

/*
 * Throughput of VM @i over the part, sorted, and its quantiles: p05, median, p95. -ENOMEM; the
 * caller frees v. Written as data blocks $cdf@k and $mark@k, divided by @unit.
 */
struct vnx_dist {
	double *v;
	size_t n;
	double mark[3];
};
int vnx_dist_init(struct vnx_dist *d, const struct vnx_finding *f, size_t i,
		  enum vnx_part part) VNX_MUST_CHECK;
void vnx_dist_write(FILE *out, const struct vnx_dist *d, size_t k, double unit);

/* "the fall", "the 3 falls" */
const char *vnx_falls_words(const struct vnx_vm_finding *vm, char buf[32]);
/* "+97 %", "-51 %" */
char *vnx_change_format(double part, char buf[32]);
/* "Shaded: falls. Dashes: stages." as far as there are any. */
void vnx_plot_marks(const struct vnx_finding *f, size_t i, FILE *out);

/* Bins of the moving average of evidence: the run's, less in a run that is hardly longer. */
size_t vnx_curve_window(const struct vnx_finding *f);
/*
 * Data blocks $raw@k and $sma@k of a series divided by @unit, per bin and smoothed.
 * -ENOMEM.
 */
int vnx_curve_write(FILE *out, const struct vnx_finding *f, const double *x, double unit,
		    size_t k) VNX_MUST_CHECK;

/* Highest value, NaN if none; whether any of them is valid. */
double vnx_series_top(const double *x, size_t n);
bool vnx_series_any(const double *x, size_t n);

extern const struct vnx_plot_ops vnx_plot_scatter;
extern const struct vnx_plot_ops vnx_plot_cdf;
extern const struct vnx_plot_ops vnx_plot_bytes;
extern const struct vnx_plot_ops vnx_plot_wait;
extern const struct vnx_plot_ops vnx_plot_exits;

#endif
