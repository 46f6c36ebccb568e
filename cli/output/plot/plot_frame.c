// SPDX-License-Identifier: GPL-2.0-only
/* The frame of every figure: fonts, axes, what marks stages and falls. */
#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/safe.h"
#include "cli/base/units.h"

/* Drawn at 640 x 400, so that letters of 15 are still read where a phone shows it at 400. */
#define WIDTH 640
#define HEIGHT 400
#define LEFT 0.125
#define RIGHT 0.972
#define TOP 0.858
#define BOTTOM 0.16
#define KEY_ROW 20

/*
 * Letters that the fonts of a bare system have. Of others cairo draws a box with the code,
 * which with gnuplot's scale covers the whole picture.
 */
static bool has_glyph(uint32_t cp)
{
	return cp < 0x250 || (cp >= 0x370 && cp < 0x530) || cp == 0x2192;
}

/*
 * In single quotes only the quote itself means something, and gnuplot's scanner knows a doubled
 * one by the letter before it: the first of a text, and one behind another, become accents.
 */
void vnx_plot_quote(FILE *out, const char *s, unsigned width)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, width);
	const char *at = safe ? safe : "?";
	uint32_t cp, last = '\'';
	size_t len;

	fputc('\'', out);
	for (; (len = vnx_utf8_next(at, &cp)); at += len, last = cp) {
		if (cp == '\'')
			fputs(last == '\'' ? "\u00b4" : "''", out);
		else if (has_glyph(cp))
			fwrite(at, 1, len, out);
		else
			fputc('?', out);
	}
	fputc('\'', out);
}

void vnx_plot_stages(FILE *out, const struct vnx_grid *grid, const unsigned *stage)
{
	for (size_t i = 1; stage && i < grid->n; i++)
		if (stage[i] != stage[i - 1])
			fprintf(out,
				"set arrow from first %g, graph 0 to first %g, graph 1 nohead back "
				"dt (9,6) lw 1.3 lc rgb '#" VNX_RGB_STAGE "'\n",
				vnx_bin_start_s(grid, i), vnx_bin_start_s(grid, i));
}

void vnx_plot_falls(FILE *out, const struct vnx_grid *grid, const struct vnx_vm_finding *vm,
		    bool labels)
{
	double run_s = vnx_bin_start_s(grid, grid->n), last = -INFINITY;
	/* Falls that last lie over each other: the deeper, the darker, up to what can be read. */
	double depth = fmin(0.10, 0.30 / (double)vm->degradations.n);
	char change[VNX_UNIT_LEN];

	for (size_t i = 0; i < vm->degradations.n; i++) {
		const struct vnx_degradation *d = &vm->degradations.v[i];
		double end = isnan(d->end_s) ? run_s : fmin(d->end_s, run_s);
		double low = fmax(0, d->start_s - d->start_uncertainty_s);
		double high = fmin(run_s, d->start_s + d->start_uncertainty_s);

		fprintf(out,
			"set obj rect from first %g, graph 0 to first %g, graph 1 behind fs "
			"transparent solid %.3f noborder fc rgb '#" VNX_RGB_FALL "'\n",
			d->start_s, end, depth);
		if (high > low)
			fprintf(out,
				"set obj rect from first %g, graph 0 to first %g, graph 1 behind "
				"fs transparent solid 0.35 noborder fc rgb '#" VNX_RGB_FALL "'\n",
				low, high);
		if (!labels || d->start_s < last + run_s * 0.055)
			continue;
		last = d->start_s;
		fprintf(out,
			"set label '%s' at first %g, graph 1 center offset 0,0.55 noenhanced font "
			"'DejaVu Sans,11' tc rgb '#" VNX_RGB_FALL_TEXT "'\n",
			vnx_percent_format(d->change, change), d->start_s);
	}
}

void vnx_plot_name(FILE *out, const struct vnx_finding *f, size_t i, double y)
{
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);

	fputs("set label ", out);
	vnx_plot_quote(out, label ? label : "?", 24);
	fprintf(out,
		" at screen %g, screen %g right noenhanced font 'DejaVu Sans,12' tc rgb '#%s'\n",
		RIGHT, y, VNX_RGB_MUTED);
}

double vnx_plot_step(double top)
{
	static const double steps[] = { 1, 2, 2.5, 5, 10 };
	double ten = pow(10, floor(log10(top / 5)));

	for (size_t i = 0; i < VNX_ARRAY_SIZE(steps); i++)
		if (top <= 5.5 * steps[i] * ten)
			return steps[i] * ten;
	return 10 * ten;
}

/* The frame has room for two rows of a legend. */
static unsigned height_of(unsigned rows)
{
	return HEIGHT + (rows > 2 ? (rows - 2) * KEY_ROW : 0);
}

void vnx_plot_begin_rows(FILE *out, unsigned rows)
{
	double grown = (double)HEIGHT / height_of(rows);

	fprintf(out,
		"set encoding utf8\n"
		"set lmargin at screen %g\nset rmargin at screen %g\n"
		"set tmargin at screen %g\nset bmargin at screen %g\n"
		"set tics nomirror out scale 0.6\nset border 3 lc rgb '#" VNX_RGB_AXIS "'\n"
		"set tics textcolor rgb '#" VNX_RGB_INK "'\n"
		"set grid ytics lt 1 lw 0.8 lc rgb '#" VNX_RGB_GRID "'\n"
		"set key at screen %g, screen 0.99 top %s Left reverse noenhanced "
		"samplen %g width -1 font ',13' textcolor rgb '#" VNX_RGB_INK "'\n",
		LEFT, RIGHT, 1 - (1 - TOP) * grown - (1 - grown), BOTTOM, rows > 1 ? LEFT : RIGHT,
		rows > 1 ? "left vertical maxrows 99" : "right horizontal", rows > 1 ? 3.2 : 1.6);
}

void vnx_plot_begin(FILE *out, const struct vnx_finding *f, size_t i)
{
	vnx_plot_begin_rows(out, 1);
	vnx_plot_name(out, f, i, 0.032);
}

/* Nor xlabel: where that one stands depends on the terminal. */
void vnx_plot_x_title(FILE *out, const char *text)
{
	fprintf(out,
		"set label '%s' at graph 0.5, screen 0.04 center noenhanced tc rgb '#" VNX_RGB_INK
		"'\n",
		text);
}

/* Not ylabel: that one moves with the width of the numbers beside it. */
void vnx_plot_y_title(FILE *out, const char *text)
{
	fprintf(out,
		"set label '%s' at screen 0.027, graph 0.5 center rotate noenhanced "
		"tc rgb '#" VNX_RGB_INK "'\n",
		text);
}

void vnx_plot_time_axis(FILE *out, const struct vnx_finding *f, size_t i)
{
	const struct vnx_grid *grid = &f->dg->grid;

	fprintf(out, "set xrange [0:%g]\nset format x '%%g'\n", vnx_bin_start_s(grid, grid->n));
	vnx_plot_x_title(out, "time since the first bin (s)");
	vnx_plot_stages(out, grid, f->dg->vms.v[i].stage);
	vnx_plot_falls(out, grid, &f->dg->vms.v[i], false);
}

void vnx_plot_open(FILE *out, const char *stem, unsigned rows)
{
	fprintf(out,
		"set terminal svg size %d,%d dynamic noenhanced font 'DejaVu Sans,15' background "
		"rgb 'white'\nset output '%s.svg'\n",
		WIDTH, height_of(rows), stem);
}

/*
 * Cairo counts letters in points of 96 dpi, 3/4 of the SVG's units: twice that is 1.5. Rows of a
 * legend stand closer there than in the SVG.
 */
void vnx_plot_close(FILE *out, const char *stem, unsigned rows)
{
	fprintf(out,
		"set output\nset key spacing 1.3\nset terminal pngcairo size %d,%d noenhanced font 'DejaVu Sans,15' "
		"fontscale 1.5 linewidth 2 pointscale 3 background rgb 'white'\n"
		"set output '%s.png'\nreplot\nset output\n",
		2 * WIDTH, 2 * height_of(rows), stem);
}

int vnx_plot_no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

size_t vnx_curve_window(const struct vnx_finding *f)
{
	size_t most = f->dg->grid.n / 12, window = f->dg->sma_bins;

	most = most < 3 ? 3 : most;
	window = window < most ? window : most;
	return window ? window : 1;
}

int vnx_curve_write(FILE *out, const struct vnx_finding *f, const double *x, double unit, size_t k)
{
	const struct vnx_grid *grid = &f->dg->grid;
	VNX_CLEANUP_FREE double *raw = malloc(2 * (grid->n ? grid->n : 1) * sizeof(*raw));
	double *sma = raw ? raw + grid->n : NULL;

	if (!raw)
		return -ENOMEM;
	for (size_t b = 0; b < grid->n; b++)
		raw[b] = x[b] / unit;
	vnx_sma(raw, grid->n, vnx_curve_window(f), sma);
	fprintf(out, "$raw%zu << EOD\n", k);
	vnx_curve_steps(out, grid, raw);
	fprintf(out, "EOD\n$sma%zu << EOD\n", k);
	vnx_curve_line(out, grid, sma);
	fputs("EOD\n", out);
	return 0;
}
