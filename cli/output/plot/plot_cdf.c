// SPDX-License-Identifier: GPL-2.0-only
/* How throughput is distributed over the bins, before and during the falls. */
#include <math.h>

#include "analysis/stats.h"
#include "cli/output/json_write.h"
#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

#define STEPS_MAX 600

static const double marks[] = { 0.05, 0.5, 0.95 };

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int vnx_dist_init(struct vnx_dist *d, const struct vnx_finding *f, size_t i, enum vnx_part part)
{
	const double *x = f->dg->vms.v[i].series[VNX_THROUGHPUT];

	d->n = 0;
	d->v = malloc((f->dg->grid.n ? f->dg->grid.n : 1) * sizeof(*d->v));
	if (!d->v)
		return -ENOMEM;
	for (size_t b = 0; x && b < f->dg->grid.n; b++)
		if (!isnan(x[b]) && vnx_part_has(f, i, part, b))
			d->v[d->n++] = x[b];
	if (d->n)
		qsort(d->v, d->n, sizeof(*d->v), compare);
	for (size_t k = 0; k < VNX_ARRAY_SIZE(marks); k++)
		d->mark[k] = d->n ? vnx_quantile(d->v, d->n, marks[k]) : NAN;
	return 0;
}

/* One curve of all bins, or two where both parts have enough to be a distribution. */
struct curves {
	struct vnx_dist v[2];
	bool split;
};

static void curves_fini(struct curves *c)
{
	free(c->v[0].v);
	free(c->v[1].v);
}

static int curves_init(struct curves *c, const struct vnx_finding *f, size_t i)
{
	memset(c, 0, sizeof(*c));
	if (vnx_dist_init(&c->v[0], f, i, VNX_PART_BEFORE) ||
	    vnx_dist_init(&c->v[1], f, i, VNX_PART_DURING))
		return -ENOMEM;
	c->split = c->v[0].n >= 2 && c->v[1].n >= 2;
	if (c->split)
		return 0;
	free(c->v[0].v);
	return vnx_dist_init(&c->v[0], f, i, VNX_PART_ALL);
}

static bool cdf_has(const struct vnx_finding *f, size_t i)
{
	size_t n;

	vnx_part_mean(f, i, VNX_PART_ALL, f->dg->vms.v[i].series[VNX_THROUGHPUT], &n);
	return n >= 2;
}

static void put_point(FILE *out, double x, double share)
{
	char a[VNX_NUMBER_LEN], b[VNX_NUMBER_LEN];

	fprintf(out, "%s %s\n", vnx_number_format(x, a), vnx_number_format(share * 100, b));
}

/*
 * Through the sorted values with (k - 1) / (n - 1) of the others below the k-th: on that line
 * the quantiles of type 7, which all of vnetdx states, lie.
 */
void vnx_dist_write(FILE *out, const struct vnx_dist *d, size_t k, double unit)
{
	size_t step = (d->n - 1) / STEPS_MAX + 1, last = d->n - 1;

	fprintf(out, "$cdf%zu << EOD\n", k);
	put_point(out, d->v[0] / unit, 0);
	for (size_t j = step; j < last; j += step)
		put_point(out, d->v[j] / unit, (double)j / (double)last);
	put_point(out, d->v[last] / unit, 1);
	fprintf(out, "EOD\n$mark%zu << EOD\n", k);
	for (size_t j = 0; j < VNX_ARRAY_SIZE(marks); j++)
		put_point(out, d->mark[j] / unit, marks[j]);
	fputs("EOD\n", out);
}

/* The median's number, on the side where there is room: a curve leaves two corners free. */
static void put_median(FILE *out, const struct vnx_dist *d, double top)
{
	bool left = d->mark[1] > top * 0.6;
	char number[VNX_UNIT_LEN];

	fprintf(out,
		"set label 'median %s' at first %g, first 50 %s offset %s front noenhanced font "
		"'DejaVu Sans,13' tc rgb '#" VNX_RGB_INK "'\n",
		vnx_rate_format(d->mark[1], number), d->mark[1] / vnx_scale_for(top).factor,
		left ? "right" : "left", left ? "-1.2,0.6" : "1.2,-0.6");
}

static void put_plot(FILE *out, const struct curves *c)
{
	static const struct {
		const char *color, *dash;
		unsigned point;
	} looks[] = { { VNX_RGB_BLUE, "1", 7 }, { VNX_RGB_RED, "(12,4)", 5 } };

	for (size_t k = 0; k < (c->split ? 2 : 1); k++)
		fprintf(out,
			"%s$cdf%zu w l dt %s lw 2.4 lc rgb '#%s' t '%s (%zu bins)', "
			"$mark%zu w p pt %u ps 0.8 lc rgb '#%s' notitle",
			k ? ", " : "plot ", k, looks[k].dash, looks[k].color,
			c->split ? (k ? "during a fall" : "before any fall") : "all", c->v[k].n, k,
			looks[k].point, looks[k].color);
	fputc('\n', out);
}

static void put_script(const struct vnx_finding *f, size_t i, const struct curves *c,
		       const char *stem, FILE *out)
{
	double top = c->v[0].v[c->v[0].n - 1];
	struct vnx_scale unit;
	char title[64];

	if (c->split)
		top = fmax(top, c->v[1].v[c->v[1].n - 1]);
	unit = vnx_scale_for(top);
	vnx_plot_begin(out, f, i);
	for (size_t k = 0; k < (c->split ? 2 : 1); k++)
		vnx_dist_write(out, &c->v[k], k, unit.factor);
	put_median(out, &c->v[0], top);
	if (c->split)
		put_median(out, &c->v[1], top);
	fprintf(out, "set xrange [0:%g]\nset yrange [0:104]\nset ytics 25\n",
		top > 0 ? top / unit.factor * 1.05 : 1);
	snprintf(title, sizeof(title), "throughput (%sbit/s)", unit.prefix);
	vnx_plot_x_title(out, title);
	vnx_plot_y_title(out, "bins that are slower (%)");
	vnx_plot_open(out, stem, 1);
	put_plot(out, c);
	vnx_plot_close(out, stem, 1);
}

static int cdf_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		      struct vnx_err *err)
{
	struct curves c;
	int ret = curves_init(&c, f, i);

	if (ret)
		vnx_plot_no_memory(err);
	else if (!c.v[0].n)
		ret = vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	else
		put_script(f, i, &c, stem, out);
	curves_fini(&c);
	return ret;
}

/* "118 Mbit/s (p05 80.1 Mbit/s, p95 140 Mbit/s; n = 39)" */
static void put_words(FILE *out, const struct vnx_dist *d)
{
	char mid[VNX_UNIT_LEN], low[VNX_UNIT_LEN], high[VNX_UNIT_LEN];

	fprintf(out, "%s (p05 %s, p95 %s; n = %zu)", vnx_rate_format(d->mark[1], mid),
		vnx_rate_format(d->mark[0], low), vnx_rate_format(d->mark[2], high), d->n);
}

static void cdf_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	char bin[VNX_UNIT_LEN], falls[32];
	struct curves c;

	if (!curves_init(&c, f, i) && c.v[0].n) {
		fprintf(out, "Median throughput of a bin of %s",
			vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin));
		if (c.split)
			fprintf(out, " before %s", vnx_falls_words(vm, falls));
		fputs(": ", out);
		put_words(out, &c.v[0]);
		if (c.split) {
			fprintf(out, "; during %s: ", vm->degradations.n == 1 ? "it" : "them");
			put_words(out, &c.v[1]);
		}
		fputs(". The steeper the curve, the steadier the throughput; marked on it: "
		      "p05, median and p95, which 5, 50 and 95 % of the bins are slower than.",
		      out);
	}
	curves_fini(&c);
}

const struct vnx_plot_ops vnx_plot_cdf = {
	.id = "cdf",
	.title = "Distribution of throughput",
	.has = cdf_has,
	.caption = cdf_caption,
	.script = cdf_script,
};
