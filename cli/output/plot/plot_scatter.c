// SPDX-License-Identifier: GPL-2.0-only
/* Calls against throughput, one point a bin; the run's levels told apart. */
#include <math.h>

#include "cli/output/json_write.h"
#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

#define POINTS_MAX 2000 /* more hide each other */

/* How a level is drawn; the last one is for all levels beyond the table. */
static const struct {
	const char *color;
	unsigned point; /* gnuplot's: circle, square, triangles, diamond, cross */
} looks[] = {
	{ VNX_RGB_BLUE, 7 },    { VNX_RGB_RED, 5 },   { VNX_RGB_GREEN, 9 },
	{ VNX_RGB_PURPLE, 13 }, { VNX_RGB_GOLD, 11 }, { VNX_RGB_MUTED, 2 },
};
#define LOOKS VNX_ARRAY_SIZE(looks)

/* A stretch of bins of one stage. */
struct level {
	size_t from, to, n; /* n: points in it */
};

struct cloud {
	const double *x, *y; /* throughput in bit/s, calls a bin */
	size_t n, points;
	struct level levels[LOOKS];
	size_t n_levels;
	bool merged; /* the last level is several */
};

static bool is_point(const struct cloud *c, size_t b)
{
	return !isnan(c->x[b]) && !isnan(c->y[b]);
}

/* Levels in order of time; what does not fit is the last one's. */
static void add_level(struct cloud *c, size_t from, size_t to)
{
	struct level *l = &c->levels[c->n_levels];
	size_t n = 0;

	for (size_t b = from; b < to; b++)
		n += is_point(c, b);
	c->points += n;
	if (!n)
		return;
	if (c->n_levels == LOOKS) {
		l[-1].to = to;
		l[-1].n += n;
		c->merged = true;
		return;
	}
	*l = (struct level){ from, to, n };
	c->n_levels++;
}

static bool cloud_init(struct cloud *c, const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	enum vnx_metric m = vnx_pick_shown_calls(vm);
	size_t from = 0;

	*c = (struct cloud){ vm->series[VNX_THROUGHPUT], vm->series[m], .n = f->dg->grid.n };
	if (!c->x || !c->y || isnan(vm->totals[m]))
		return false;
	for (size_t b = 1; b <= c->n; b++) {
		if (b < c->n && (!vm->stage || vm->stage[b] == vm->stage[from]))
			continue;
		add_level(c, from, b);
		from = b;
	}
	return c->points >= 2;
}

static size_t cloud_step(const struct cloud *c)
{
	return (c->points - 1) / POINTS_MAX + 1;
}

static bool scatter_has(const struct vnx_finding *f, size_t i)
{
	struct cloud c;

	return cloud_init(&c, f, i);
}

static void put_level(FILE *out, const struct cloud *c, size_t k, double x_unit, double y_unit)
{
	const struct level *l = &c->levels[k];
	size_t step = cloud_step(c), count = 0;
	char x[VNX_NUMBER_LEN], y[VNX_NUMBER_LEN];

	fprintf(out, "$level%zu << EOD\n", k);
	for (size_t b = l->from; b < l->to; b++)
		if (is_point(c, b) && count++ % step == 0)
			fprintf(out, "%s %s\n", vnx_number_format(c->x[b] / x_unit, x),
				vnx_number_format(c->y[b] / y_unit, y));
	fputs("EOD\n", out);
}

static void put_plot(FILE *out, const struct cloud *c, const struct vnx_grid *grid)
{
	double size = c->points > 1000 ? 0.35 : c->points > 150 ? 0.5 : 0.7;
	char to[VNX_UNIT_LEN];

	for (size_t k = 0; k < c->n_levels; k++) {
		const struct level *l = &c->levels[k];

		fprintf(out, "%s$level%zu w p pt %u ps %g lc rgb '#%s'",

			k ? ", " : "plot ", k, looks[k].point, size, looks[k].color);
		if (c->n_levels > 1)
			fprintf(out, " t '%g to %s'", vnx_bin_start_s(grid, l->from),
				vnx_seconds_format(vnx_bin_start_s(grid, l->to), to));
	}
	fputs(c->n_levels == 1 ? " notitle\n" : "\n", out);
}

static int scatter_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
			  struct vnx_err *err)
{
	enum vnx_metric m = vnx_pick_shown_calls(&f->dg->vms.v[i]);
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1), x_top, y_top;
	struct vnx_scale x, y;
	char title[64];
	struct cloud c;

	if (!cloud_init(&c, f, i))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	x_top = vnx_series_top(c.x, c.n);
	y_top = vnx_series_top(c.y, c.n) / bin_s;
	x = vnx_scale_for(x_top);
	y = vnx_scale_for(y_top / 10);
	vnx_plot_begin(out, f, i);
	for (size_t k = 0; k < c.n_levels; k++)
		put_level(out, &c, k, x.factor, y.factor * bin_s);
	fprintf(out, "set grid xtics\nset xrange [0:%g]\nset yrange [0:%g]\n",
		x_top > 0 ? x_top / x.factor * 1.05 : 1, y_top > 0 ? y_top / y.factor * 1.08 : 1);
	snprintf(title, sizeof(title), "throughput (%sbit/s)", x.prefix);
	vnx_plot_x_title(out, title);
	snprintf(title, sizeof(title), "%s (%s%scalls/s)", vnx_metric_name(m), y.prefix,
		 *y.prefix ? " " : "");
	vnx_plot_y_title(out, title);
	vnx_plot_open(out, stem, 1);
	put_plot(out, &c, &f->dg->grid);
	vnx_plot_close(out, stem, 1);
	return 0;
}

/* What r says of the cloud, in words that claim no more than its interval does. */
static const char *meaning(const struct vnx_corr *r)
{
	if (!isfinite(r->ci_lo) || !isfinite(r->ci_hi) || (r->ci_lo <= 0 && r->ci_hi >= 0))
		return "no certain link between calls and throughput";
	if (r->r < 0)
		return "where throughput is higher there are fewer calls";
	if (r->ci_lo > 0.5)
		return "calls rise and fall with throughput";
	return r->r > 0.7 ? "calls go with throughput, how closely is not certain"
			  : "calls go with throughput, but loosely";
}

static void scatter_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	enum vnx_metric m = vnx_pick_shown_calls(vm);
	const struct vnx_correlation *c = vnx_pick_corr(vm, m, VNX_ON_RAW, VNX_PEARSON);
	char bin[VNX_UNIT_LEN];
	struct cloud cloud;

	if (!cloud_init(&cloud, f, i))
		return;
	fprintf(out, "Each point is one of %zu bins of %s: %s calls/s against throughput",
		cloud.points, vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin),
		vnx_metric_name(m));
	if (cloud_step(&cloud) > 1)
		fprintf(out, ", one in %zu drawn", cloud_step(&cloud));
	if (!c || !isfinite(c->c.r)) {
		fprintf(out, ". Pearson's r is not defined: %s.",
			c && c->c.undefined ? c->c.undefined : "it was not computed");
	} else {
		fprintf(out, "; %s. Pearson's r = %.2f", meaning(&c->c), c->c.r);
		if (isfinite(c->c.ci_lo) && isfinite(c->c.ci_hi))
			fprintf(out, ", 95 %% interval [%.2f, %.2f]", c->c.ci_lo, c->c.ci_hi);
		fprintf(out, ", n = %zu bins, worth n_eff = %.0f independent ones.", c->c.n,
			c->c.n_eff);
	}
	if (cloud.n_levels > 1)
		fprintf(out, " Shapes and colours: the stages of the run, in order of time%s.",
			cloud.merged ? " (crosses: all later ones)" : "");
}

const struct vnx_plot_ops vnx_plot_scatter = {
	.id = "scatter",
	.title = "Calls against throughput",
	.has = scatter_has,
	.caption = scatter_caption,
	.script = scatter_script,
};
