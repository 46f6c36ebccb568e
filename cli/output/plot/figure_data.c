// SPDX-License-Identifier: GPL-2.0-only
/* The numbers of a figure: scaled to the axis, holes kept, thinned to what a screen shows. */
#include "cli/output/plot/figure.h"

#include <math.h>

#include "cli/output/json_write.h"
#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

#define POINTS_MAX 2400 /* two a pixel of the widest plot */

double vnx_series_top(const double *x, size_t n)
{
	double top = NAN;

	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]) && !(top >= x[i]))
			top = x[i];
	return top;
}

/* Makes room for both curves; @x is copied into the raw one, or it is all missing. */
static int panel_init(struct vnx_panel *p, const double *x, size_t n, size_t sma_bins)
{
	p->raw = malloc((n ? n : 1) * sizeof(*p->raw));
	p->sma = malloc((n ? n : 1) * sizeof(*p->sma));
	if (!p->raw || !p->sma)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p->raw[i] = x ? x[i] : NAN;
	vnx_sma(p->raw, n, sma_bins ? sma_bins : 1, p->sma);
	return 0;
}

static void panel_scale(struct vnx_panel *p, size_t n, double factor)
{
	for (size_t i = 0; i < n; i++) {
		p->raw[i] /= factor;
		p->sma[i] /= factor;
	}
	p->top = vnx_series_top(p->raw, n);
	p->any = !isnan(p->top);
	if (!(p->top > 0))
		p->top = 1;
}

static int throughput_panel(struct vnx_panel *p, const struct vnx_diagnosis *dg,
			    const struct vnx_vm_finding *vm)
{
	struct vnx_scale scale;

	p->id = "throughput";
	p->color = "0072B2";
	if (panel_init(p, vm->series[VNX_THROUGHPUT], dg->grid.n, dg->sma_bins))
		return -ENOMEM;
	scale = vnx_scale_for(vnx_series_top(p->raw, dg->grid.n));
	snprintf(p->title, sizeof(p->title), "throughput (%sbit/s)", scale.prefix);
	panel_scale(p, dg->grid.n, scale.factor);
	return 0;
}

static int calls_panel(struct vnx_panel *p, const struct vnx_diagnosis *dg, const double *calls,
		       const char *name)
{
	double bin_s = vnx_bin_start_s(&dg->grid, 1);
	struct vnx_scale scale;

	p->id = "calls";
	p->color = "D55E00";
	if (panel_init(p, calls, dg->grid.n, dg->sma_bins))
		return -ENOMEM;
	scale = vnx_scale_for(vnx_series_top(p->raw, dg->grid.n) / bin_s / 10);
	snprintf(p->title, sizeof(p->title), "%s (%s%scalls/s)", name, scale.prefix,
		 *scale.prefix ? " " : "");
	panel_scale(p, dg->grid.n, bin_s * scale.factor);
	return 0;
}

/* The smoothed curve is bytes of the window by calls of the window, not a mean of ratios. */
static int per_call_panel(struct vnx_panel *p, const struct vnx_diagnosis *dg, const double *bytes,
			  const double *calls)
{
	size_t n = dg->grid.n;
	VNX_CLEANUP_FREE double *x = malloc(2 * (n ? n : 1) * sizeof(*x));
	struct vnx_scale scale;
	double *y;

	p->id = "percall";
	p->color = "009E73";
	if (!x || panel_init(p, NULL, n, dg->sma_bins))
		return -ENOMEM;
	y = x + n;
	for (size_t i = 0; i < n; i++) {
		bool valid = !isnan(bytes[i]) && !isnan(calls[i]);

		x[i] = valid ? bytes[i] : NAN;
		y[i] = valid ? calls[i] : NAN;
		p->raw[i] = y[i] > 0 ? x[i] / y[i] : NAN;
	}
	vnx_sma(x, n, dg->sma_bins ? dg->sma_bins : 1, p->sma);
	memcpy(x, p->sma, n * sizeof(*x));
	vnx_sma(y, n, dg->sma_bins ? dg->sma_bins : 1, p->sma);
	for (size_t i = 0; i < n; i++)
		p->sma[i] = p->sma[i] > 0 ? x[i] / p->sma[i] : NAN;
	scale = vnx_scale_for(vnx_series_top(p->raw, n));
	snprintf(p->title, sizeof(p->title), "size of a call (%sB)", scale.prefix);
	panel_scale(p, n, scale.factor);
	return 0;
}

int vnx_panels_init(struct vnx_panels *panels, const struct vnx_diagnosis *dg,
		    const struct vnx_vm_finding *vm)
{
	enum vnx_metric m = vnx_pick_shown_calls(vm);
	const double *calls = vm->series[m], *bytes = vm->series[vnx_pick_bytes(m)];
	int ret;

	memset(panels, 0, sizeof(*panels));
	ret = throughput_panel(&panels->v[panels->n++], dg, vm);
	/* Where nothing can move there is no curve to show. */
	if (!ret && calls && !isnan(vm->totals[m]))
		ret = calls_panel(&panels->v[panels->n++], dg, calls, vnx_metric_name(m));
	if (!ret && panels->n == 2 && bytes && m != VNX_VCPU_ENTER)
		ret = per_call_panel(&panels->v[panels->n++], dg, bytes, calls);
	if (ret)
		vnx_panels_fini(panels);
	return ret;
}

void vnx_panels_fini(struct vnx_panels *panels)
{
	for (size_t i = 0; i < panels->n; i++) {
		free(panels->v[i].raw);
		free(panels->v[i].sma);
	}
	memset(panels, 0, sizeof(*panels));
}

static void put_point(FILE *out, double t_s, double x)
{
	char t[VNX_NUMBER_LEN], v[VNX_NUMBER_LEN];

	fprintf(out, "%s %s\n", vnx_number_format(t_s, t), vnx_number_format(x, v));
}

/* Lowest and highest of x[from, to) into @low, @high; false if none is valid. */
static bool extremes(const double *x, size_t from, size_t to, double *low, double *high)
{
	bool any = false;

	for (size_t i = from; i < to; i++) {
		if (isnan(x[i]))
			continue;
		*low = any && *low < x[i] ? *low : x[i];
		*high = any && *high > x[i] ? *high : x[i];
		any = true;
	}
	return any;
}

/*
 * A hole breaks the line (one blank row). More bins than pixels are drawn as the band
 * between their extremes, so that no peak is lost.
 */
void vnx_curve_steps(FILE *out, const struct vnx_grid *grid, const double *x)
{
	size_t step = grid->n / POINTS_MAX + 1, to;
	double low = 0, high = 0;
	bool open = false;

	for (size_t i = 0; i < grid->n; i += step) {
		to = i + step < grid->n ? i + step : grid->n;
		if (!extremes(x, i, to, &low, &high)) {
			if (open)
				fputc('\n', out);
			open = false;
			continue;
		}
		put_point(out, vnx_bin_start_s(grid, i), low);
		put_point(out, vnx_bin_start_s(grid, to), high);
		open = true;
	}
}

void vnx_curve_line(FILE *out, const struct vnx_grid *grid, const double *x)
{
	size_t step = grid->n / POINTS_MAX + 1;
	bool open = false;

	for (size_t i = 0; i < grid->n; i += step) {
		if (isnan(x[i])) {
			if (open)
				fputc('\n', out);
			open = false;
			continue;
		}
		/* A trailing average is known at the end of its last bin. */
		put_point(out, vnx_bin_start_s(grid, i + 1), x[i]);
		open = true;
	}
}

void vnx_panel_write(const struct vnx_panel *panel, const struct vnx_grid *grid, FILE *out)
{
	fprintf(out, "$%s_raw << EOD\n", panel->id);
	vnx_curve_steps(out, grid, panel->raw);
	fprintf(out, "EOD\n$%s_sma << EOD\n", panel->id);
	vnx_curve_line(out, grid, panel->sma);
	fputs("EOD\n", out);
}
