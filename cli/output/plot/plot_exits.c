// SPDX-License-Identifier: GPL-2.0-only
/* KVM exits a second over time, by reason where reasons were counted. */
#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

#define REASON_PREFIX "exit_"
#define SHOWN_MAX 5 /* more lines are not told apart */

static const struct {
	const char *color, *dash;
} looks[SHOWN_MAX] = {
	{ VNX_RGB_BLUE, "1" },      { VNX_RGB_RED, "(12,4)" },
	{ VNX_RGB_GREEN, "(3,3)" }, { VNX_RGB_PURPLE, "(10,3,2,3)" },
	{ VNX_RGB_GOLD, "(18,3)" },
};

struct reason {
	enum vnx_metric metric;
	double mean; /* a second */
};

/* The most frequent first. */
struct reasons {
	struct reason v[VNX_METRIC_MAX];
	size_t n, measured; /* n: that ever happened */
	const double *all;  /* of every reason, by kvm_exit or by the total; NULL: not measured */
};

/* A signal follows an exit, it is no reason for one. */
static bool is_reason(enum vnx_metric m)
{
	const struct vnx_metric_info *info = vnx_metric_info(m);

	if (m == VNX_EXIT_TOTAL || m == VNX_EXIT_SIGNAL)
		return false;
	return info && info->name && !strncmp(info->name, REASON_PREFIX, strlen(REASON_PREFIX));
}

static int more_often(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->mean != y->mean)
		return x->mean < y->mean ? 1 : -1;
	return (int)x->metric - (int)y->metric;
}

static const double *all_exits(const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];

	if (vnx_series_any(vm->series[VNX_KVM_EXIT], f->dg->grid.n))
		return vm->series[VNX_KVM_EXIT];
	return vnx_series_any(vm->series[VNX_EXIT_TOTAL], f->dg->grid.n)
		       ? vm->series[VNX_EXIT_TOTAL]
		       : NULL;
}

static void reasons_init(struct reasons *r, const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1);

	memset(r, 0, sizeof(*r));
	r->all = all_exits(f, i);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		double mean;

		if (!is_reason((enum vnx_metric)m) || !vnx_series_any(vm->series[m], f->dg->grid.n))
			continue;
		r->measured++;
		mean = vnx_part_mean(f, i, VNX_PART_ALL, vm->series[m], NULL) / bin_s;
		if (mean > 0)
			r->v[r->n++] = (struct reason){ (enum vnx_metric)m, mean };
	}
	qsort(r->v, r->n, sizeof(*r->v), more_often);
}

static size_t shown(const struct reasons *r)
{
	return r->n < SHOWN_MAX ? r->n : SHOWN_MAX;
}

static bool exits_has(const struct vnx_finding *f, size_t i)
{
	struct reasons r;

	reasons_init(&r, f, i);
	return r.all || r.n;
}

/* Data blocks 0..: reasons; SHOWN_MAX: all exits. */
static int put_data(FILE *out, const struct vnx_finding *f, size_t i, const struct reasons *r)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1), top = 0;
	struct vnx_scale scale;
	char title[64];
	int ret = 0;

	if (r->all)
		top = vnx_series_top(r->all, f->dg->grid.n);
	for (size_t k = 0; k < shown(r); k++)
		top = fmax(top, vnx_series_top(vm->series[r->v[k].metric], f->dg->grid.n));
	scale = vnx_scale_for(top / bin_s / 10);
	for (size_t k = 0; !ret && k < shown(r); k++)
		ret = vnx_curve_write(out, f, vm->series[r->v[k].metric], bin_s * scale.factor, k);
	if (!ret && r->all)
		ret = vnx_curve_write(out, f, r->all, bin_s * scale.factor, SHOWN_MAX);
	top /= bin_s * scale.factor;
	fprintf(out, "set yrange [0:%g]\n", top > 0 ? top * 1.08 : 1);
	snprintf(title, sizeof(title), "KVM exits (%s%s1/s)", scale.prefix,
		 *scale.prefix ? " " : "");
	vnx_plot_y_title(out, title);
	return ret;
}

static void put_plot(FILE *out, const struct reasons *r)
{
	const char *before = "plot ";

	if (r->all) {
		fprintf(out,
			"plot $raw%d w l lw 1 lc rgb '#80" VNX_RGB_MUTED "' notitle, $sma%d w l lw "
			"%s lc rgb '#" VNX_RGB_MUTED "' t 'all exits'",
			SHOWN_MAX, SHOWN_MAX, r->n ? "4.5" : "3");
		before = ", ";
	}
	for (size_t k = 0; k < shown(r); k++) {
		fprintf(out, "%s$sma%zu w l dt %s lw 2.6 lc rgb '#%s' t '%s'", before, k,
			looks[k].dash, looks[k].color,
			vnx_metric_name(r->v[k].metric) + strlen(REASON_PREFIX));
		before = ", ";
	}
	fputc('\n', out);
}

static int exits_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
			struct vnx_err *err)
{
	struct reasons r;

	reasons_init(&r, f, i);
	if (!r.all && !r.n)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	vnx_plot_begin(out, f, i);
	if (put_data(out, f, i, &r))
		return vnx_plot_no_memory(err);
	vnx_plot_time_axis(out, f, i);
	vnx_plot_open(out, stem, 1);
	put_plot(out, &r);
	vnx_plot_close(out, stem, 1);
	return 0;
}

static void put_all_words(const struct vnx_finding *f, size_t i, const double *x, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1);
	struct vnx_part_means mean = vnx_part_means(f, i, x, bin_s);
	char a[VNX_UNIT_LEN], b[VNX_UNIT_LEN], falls[32];

	if (isnan(mean.before) || isnan(mean.during))
		fprintf(out, "The guest left for the host %s times a second (n = %zu bins)",
			vnx_count_format(mean.all, a), mean.n);
	else
		fprintf(out,
			"The guest left for the host %s times a second before %s (n = %zu bins), "
			"%s during %s (n = %zu)",
			vnx_count_format(mean.before, a), vnx_falls_words(vm, falls), mean.n_before,
			vnx_count_format(mean.during, b), vm->degradations.n == 1 ? "it" : "them",
			mean.n_during);
}

/* Of the whole run, whatever fell in it. */
static void put_reason_words(const struct vnx_finding *f, size_t i, const struct reasons *r,
			     FILE *out)
{
	char mean[VNX_UNIT_LEN];
	size_t n;

	vnx_part_mean(f, i, VNX_PART_ALL, f->dg->vms.v[i].series[r->v[0].metric], &n);
	fprintf(out, "%sver the whole run (n = %zu bins) the most frequent %s ",
		r->all ? ". O" : "O", n, r->n > 1 ? "reasons are" : "reason is");
	for (size_t k = 0; k < r->n && k < 2; k++)
		fprintf(out, "%s%s (%s a second)", k ? " and " : "",
			vnx_metric_name(r->v[k].metric) + strlen(REASON_PREFIX),
			vnx_count_format(r->v[k].mean, mean));
}

static void exits_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	char bin[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	struct reasons r;

	reasons_init(&r, f, i);
	if (r.all)
		put_all_words(f, i, r.all, out);
	if (r.n)
		put_reason_words(f, i, &r, out);
	/* Of reasons only the averages are drawn. */
	fprintf(out,
		r.all ? ". Thin: bins of %s; other lines: %s averages."
		      : ". Bins of %s, drawn as %s averages.",
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin),
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, vnx_curve_window(f)), window));
	if (r.n > SHOWN_MAX)
		fprintf(out, " Shown are the %d most frequent of %zu reasons.", SHOWN_MAX, r.n);
	else if (!r.measured)
		fputs(" Reasons were not counted.", out);
	vnx_plot_marks(f, i, out);
}

const struct vnx_plot_ops vnx_plot_exits = {
	.id = "exits",
	.title = "KVM exits over time",
	.has = exits_has,
	.caption = exits_caption,
	.script = exits_script,
};
