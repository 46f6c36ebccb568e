// SPDX-License-Identifier: GPL-2.0-only
/* How throughput is distributed in each of several runs: one curve a VM, over each other. */
#include <math.h>

#include "analysis/stats.h"
#include "cli/output/plot/plot_internal.h"
#include "cli/output/report/report_parts.h"
#include "cli/base/units.h"

#define LINES_MAX 8
/* Medians that lie further apart leave nothing to see of the lower one on a linear axis. */
#define FAR_APART 20
#define BELOW_ALL 0.05 /* of the lowest median: a logarithmic axis shows no less */

/* No two dashes are the same: the lines are told apart without colour too. */
static const struct {
	const char *color, *dash;
} looks[LINES_MAX] = {
	{ VNX_RGB_BLUE, "1" },
	{ VNX_RGB_RED, "(12,4)" },
	{ VNX_RGB_GREEN, "(4,4)" },
	{ VNX_RGB_PURPLE, "(14,4,3,4)" },
	{ VNX_RGB_GOLD, "(20,6)" },
	{ VNX_RGB_INK, "(2,3)" },
	{ VNX_RGB_MUTED, "(8,3,2,3,2,3)" },
	{ VNX_RGB_BLUE, "(6,8)" },
};

struct line {
	const struct vnx_report_part *part;
	size_t input, vm, rank; /* rank: of the VM among its run's */
	struct vnx_dist dist;
	char tag[32]; /* "2", of a run's further VMs "2b" */
};

struct lines {
	struct line *v;
	size_t n, cap;
	size_t all;    /* with those there is no room for */
	size_t inputs; /* runs with a line */
	double top, low_median, high_median;
};

static bool is_load(const struct vnx_vm_finding *vm)
{
	const char *source = vm->throughput.source;

	return source && *source && strcmp(source, "tap") != 0;
}

static bool any_load(const struct vnx_diagnosis *dg)
{
	for (size_t i = 0; i < dg->vms.n; i++)
		if (is_load(&dg->vms.v[i]))
			return true;
	return false;
}

/* Where a load generator told its throughput, the other VMs' taps are not what is compared. */
static bool is_compared(const struct vnx_finding *f, size_t i, bool loads)
{
	return (!loads || is_load(&f->dg->vms.v[i])) && vnx_report_tells(f->dg, i) &&
	       vnx_plot_cdf.has(f, i);
}

static int add_run(struct lines *l, const struct vnx_report_part *part, size_t input)
{
	const struct vnx_finding *f = part->in->f;
	bool loads = any_load(f->dg);
	size_t rank = 0;

	for (size_t i = 0; i < f->dg->vms.n; i++) {
		struct line line = { .part = part, .input = input, .vm = i };

		if (!is_compared(f, i, loads))
			continue;
		line.rank = rank++;
		if (vnx_vec_push(l, line))
			return -ENOMEM;
	}
	l->inputs += rank > 0;
	return 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->input < y->input ? -1 : x->input > y->input;
}

static int by_input(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->input != y->input ? (x->input < y->input ? -1 : 1) : by_rank(a, b);
}

/* Every run has its first VM before any has its second. */
static int lines_list(struct lines *l, const struct vnx_report_parts *parts)
{
	*l = (struct lines){ 0 };
	for (size_t i = 0; i < parts->n; i++)
		if (parts->v[i].in->f && add_run(l, &parts->v[i], i))
			return -ENOMEM;
	l->all = l->n;
	if (!l->n)
		return 0;
	qsort(l->v, l->n, sizeof(*l->v), by_rank);
	l->n = l->n < LINES_MAX ? l->n : LINES_MAX;
	qsort(l->v, l->n, sizeof(*l->v), by_input);
	return 0;
}

static int lines_init(struct lines *l, const struct vnx_report_parts *parts)
{
	int ret = lines_list(l, parts);

	l->low_median = INFINITY;
	for (size_t k = 0; k < l->n && !ret; k++) {
		struct line *line = &l->v[k];

		ret = vnx_dist_init(&line->dist, line->part->in->f, line->vm, VNX_PART_ALL);
		if (ret)
			break;
		snprintf(line->tag, sizeof(line->tag), "%zu%.1s", line->input + 1,
			 &"\0bcdefgh"[line->rank]);
		l->top = fmax(l->top, line->dist.v[line->dist.n - 1]);
		l->low_median = fmin(l->low_median, line->dist.mark[1]);
		l->high_median = fmax(l->high_median, line->dist.mark[1]);
	}
	return ret;
}

static void lines_fini(struct lines *l)
{
	for (size_t k = 0; k < l->n; k++)
		free(l->v[k].dist.v);
	free(l->v);
}

static bool is_log(const struct lines *l)
{
	return l->low_median > 0 && l->high_median > FAR_APART * l->low_median;
}

/* Where the x axis begins: on a logarithmic one 0 has no place. */
static double left_edge(const struct lines *l)
{
	return is_log(l) ? l->low_median * BELOW_ALL : 0;
}

bool vnx_overlay_has(const struct vnx_report_parts *parts)
{
	struct lines l;
	bool has = !lines_list(&l, parts) && l.inputs > 1;

	free(l.v);
	return has;
}

/* At heights of their own, so that labels of curves that lie together do not. */
static void put_tag(FILE *out, const struct lines *l, size_t k, double unit)
{
	const struct vnx_dist *dist = &l->v[k].dist;
	double share = 0.88 - 0.76 * (double)k / (double)(l->n - 1);

	fprintf(out,
		"set label '%s' at first %g, first %g left offset 0.7,-0.7 point pt 7 ps 0.7 lc rgb '#%s' front "
		"noenhanced font 'DejaVu Sans:Bold,15' tc rgb '#" VNX_RGB_INK "'\n",
		l->v[k].tag, fmax(vnx_quantile(dist->v, dist->n, share), left_edge(l)) / unit,
		share * 100, looks[k].color);
}

static void put_axes(FILE *out, const struct lines *l)
{
	struct vnx_scale unit = vnx_scale_for(l->top);
	double top = l->top > 0 ? l->top / unit.factor : 1;
	char title[64];

	if (is_log(l))
		fprintf(out, "set logscale x\nset grid xtics\nset xrange [%g:%g]\n",
			left_edge(l) / unit.factor, top * 1.3);
	else
		fprintf(out, "set xrange [0:%g]\n", top * 1.05);
	fputs("set yrange [0:104]\nset ytics 25\n", out);
	snprintf(title, sizeof(title), "throughput of a bin (%sbit/s)", unit.prefix);
	vnx_plot_x_title(out, title);
	vnx_plot_y_title(out, "bins that are slower (%)");
}

/* "1  stepped-6.1/stepped.vdx, vm1" */
static char *line_title(const struct line *line)
{
	VNX_CLEANUP_FREE char *label = vnx_pick_label(line->part->in->f->dg, line->vm);

	return label ? vnx_asprintf("%s  %s, %s", line->tag, line->part->name, label) : NULL;
}

static int put_plot(FILE *out, const struct lines *l)
{
	for (size_t k = 0; k < l->n; k++) {
		VNX_CLEANUP_FREE char *title = line_title(&l->v[k]);

		if (!title)
			return -ENOMEM;
		fprintf(out, "%s$cdf%zu w l dt %s lw 2.4 lc rgb '#%s' t ", k ? ", " : "plot ", k,
			looks[k].dash, looks[k].color);
		vnx_plot_quote(out, title, 64);
	}
	fputc('\n', out);
	return 0;
}

static int put_script(FILE *out, const struct lines *l, const char *stem)
{
	double unit = vnx_scale_for(l->top).factor;
	int ret;

	vnx_plot_begin_rows(out, (unsigned)l->n);
	for (size_t k = 0; k < l->n; k++) {
		vnx_dist_write(out, &l->v[k].dist, k, unit);
		put_tag(out, l, k, unit);
	}
	put_axes(out, l);
	vnx_plot_open(out, stem, (unsigned)l->n);
	ret = put_plot(out, l);
	vnx_plot_close(out, stem, (unsigned)l->n);
	return ret;
}

int vnx_overlay_script(const struct vnx_report_parts *parts, const char *stem, FILE *out,
		       struct vnx_err *err)
{
	struct lines l;
	int ret = lines_init(&l, parts);

	if (!ret && l.inputs < 2)
		ret = vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	else if (ret || put_script(out, &l, stem))
		ret = vnx_plot_no_memory(err);
	lines_fini(&l);
	return ret;
}

static int write_script(const void *what, const char *stem, FILE *out, struct vnx_err *err)
{
	return vnx_overlay_script(what, stem, out, err);
}

int vnx_overlay_draw(const struct vnx_report_parts *parts, const char *stem, const char *dir,
		     struct vnx_err *err)
{
	return vnx_gnuplot_draw(write_script, parts, stem, dir, err);
}

/* ", line 2 (good/run.vdx, vm1) 97 Mbit/s (p05 80 Mbit/s, p95 99 Mbit/s; n = 39 bins of 0.5 s)" */
static int put_words(FILE *out, const struct line *line, bool first)
{
	const struct vnx_finding *f = line->part->in->f;
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, line->vm);
	char mid[VNX_UNIT_LEN], low[VNX_UNIT_LEN], high[VNX_UNIT_LEN], bin[VNX_UNIT_LEN];

	if (!label)
		return -ENOMEM;
	fprintf(out, "%s line %s (%s, %s) %s (p05 %s, p95 %s; n = %zu bins of %s)",
		first ? "" : ",", line->tag, line->part->name, label,
		vnx_rate_format(line->dist.mark[1], mid), vnx_rate_format(line->dist.mark[0], low),
		vnx_rate_format(line->dist.mark[2], high), line->dist.n,
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin));
	return 0;
}

static void put_left_out(FILE *out, const struct lines *l, const struct vnx_report_parts *parts)
{
	if (is_log(l))
		fputs(" The axis is logarithmic: equal steps are equal factors.", out);
	if (l->all > l->n)
		fprintf(out,
			" Drawn are %zu of %zu VMs, in turn one of each recording; the others stand "
			"in the table.",
			l->n, l->all);
	if (l->inputs < parts->n)
		fprintf(out, " Of %zu of the %zu recordings no throughput is known.",
			parts->n - l->inputs, parts->n);
}

static int put_caption(FILE *out, const struct lines *l, const struct vnx_report_parts *parts)
{
	fputs("The further right a curve lies, the faster was the VM; the steeper it is, the "
	      "steadier; a flat piece parts two levels, as those before a fall and in it. Median "
	      "throughput:",
	      out);
	for (size_t k = 0; k < l->n; k++)
		if (put_words(out, &l->v[k], !k))
			return -ENOMEM;
	fputs(". 5 and 95 % of the bins are slower than p05 and p95.", out);
	put_left_out(out, l, parts);
	return 0;
}

char *vnx_overlay_caption(const struct vnx_report_parts *parts)
{
	char *text = NULL;
	struct lines l;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int ret = lines_init(&l, parts);

	if (out && !ret)
		ret = put_caption(out, &l, parts);
	if (out)
		fclose(out);
	lines_fini(&l);
	if (!out || ret) {
		free(text);
		return NULL;
	}
	return text;
}
