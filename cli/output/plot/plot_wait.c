// SPDX-License-Identifier: GPL-2.0-only
/* What the VM's threads did with their time: waited for a CPU, ran, stood still by quota. */
#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

/* In order of drawing; a quota is shown where it ever held anything. */
static const struct share {
	enum vnx_metric metric;
	const char *name, *words, *color, *dash;
	double width;
	bool raw, any_only;
} shares[] = {
	{ VNX_VHOST_RUN, "vhost ran", "the vhost worker ran", VNX_RGB_MUTED, "1", 1.4, false,
	  false },
	{ VNX_VCPU_THROTTLED, "vCPUs throttled", "the vCPUs were out of quota", VNX_RGB_PURPLE, "1",
	  6, false, true },
	{ VNX_VHOST_THROTTLED, "vhost throttled", "the vhost worker was out of quota", VNX_RGB_INK,
	  "(14,14)", 2.4, false, true },
	{ VNX_VCPU_RUNQ_WAIT, "vCPUs wait", "the vCPUs waited for a CPU", VNX_RGB_BLUE, "(12,4)",
	  2.6, true, false },
	{ VNX_VHOST_RUNQ_WAIT, "vhost waits", "the vhost worker waited for a CPU", VNX_RGB_RED, "1",
	  3, true, false },
};

static bool share_shown(const struct vnx_finding *f, size_t i, const struct share *s)
{
	const double *x = f->dg->vms.v[i].series[s->metric];

	return vnx_series_any(x, f->dg->grid.n) &&
	       (!s->any_only || vnx_series_top(x, f->dg->grid.n) > 0);
}

static bool wait_has(const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];

	return vnx_series_any(vm->series[VNX_VHOST_RUNQ_WAIT], f->dg->grid.n) ||
	       vnx_series_any(vm->series[VNX_VCPU_RUNQ_WAIT], f->dg->grid.n);
}

static int put_share(FILE *out, const struct vnx_finding *f, size_t i, size_t k)
{
	return vnx_curve_write(out, f, f->dg->vms.v[i].series[shares[k].metric], 0.01, k);
}

static void put_plot(FILE *out, const struct vnx_finding *f, size_t i)
{
	const char *before = "plot ";

	for (size_t k = 0; k < VNX_ARRAY_SIZE(shares); k++) {
		const struct share *s = &shares[k];

		if (!share_shown(f, i, s))
			continue;
		if (s->raw)
			fprintf(out, "%s$raw%zu w l lw 1 lc rgb '#80%s' notitle, ", before, k,
				s->color);
		fprintf(out, "%s$sma%zu w l dt %s lw %g lc rgb '#%s' t '%s'", s->raw ? "" : before,
			k, s->dash, s->width, s->color, s->name);
		before = ", ";
	}
	fputc('\n', out);
}

static int wait_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		       struct vnx_err *err)
{
	int ret = 0;

	if (!wait_has(f, i))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	vnx_plot_begin(out, f, i);
	for (size_t k = 0; !ret && k < VNX_ARRAY_SIZE(shares); k++)
		if (share_shown(f, i, &shares[k]))
			ret = put_share(out, f, i, k);
	if (ret)
		return vnx_plot_no_memory(err);
	vnx_plot_time_axis(out, f, i);
	fputs("set yrange [0:104]\nset ytics 25\n", out);
	vnx_plot_y_title(out, "share of the time (%)");
	vnx_plot_open(out, stem, 1);
	put_plot(out, f, i);
	vnx_plot_close(out, stem, 1);
	return 0;
}

/*
 * "The vhost worker waited for a CPU 2 % of the time before the fall (n = 12 bins), 34 % during
 * it (n = 17)"
 */
static void put_words(const struct vnx_finding *f, size_t i, const struct share *s, bool first,
		      FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	struct vnx_part_means mean = vnx_part_means(f, i, vm->series[s->metric], 1);
	char a[VNX_UNIT_LEN], b[VNX_UNIT_LEN], falls[32];

	fprintf(out, "%s%s", first ? "" : "; ", first ? "T" : "t");
	fputs(s->words + 1, out);
	if (isnan(mean.before) || isnan(mean.during))
		fprintf(out, " %s of the time (n = %zu bins)", vnx_percent_format(mean.all, a),
			mean.n);
	else if (first)
		fprintf(out, " %s of the time before %s (n = %zu bins), %s during %s (n = %zu)",
			vnx_percent_format(mean.before, a), vnx_falls_words(vm, falls),
			mean.n_before, vnx_percent_format(mean.during, b),
			vm->degradations.n == 1 ? "it" : "them", mean.n_during);
	else
		fprintf(out, " %s (n = %zu), then %s (n = %zu)", vnx_percent_format(mean.before, a),
			mean.n_before, vnx_percent_format(mean.during, b), mean.n_during);
}

static void wait_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	char bin[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	bool first = true;

	/* What matters most is drawn last and said first. */
	for (size_t k = VNX_ARRAY_SIZE(shares); k-- > 0;) {
		if (!share_shown(f, i, &shares[k]))
			continue;
		put_words(f, i, &shares[k], first, out);
		first = false;
	}
	fprintf(out, ". Thin: bins of %s; thick: their %s averages.",
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin),
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, vnx_curve_window(f)), window));
	vnx_plot_marks(f, i, out);
}

const struct vnx_plot_ops vnx_plot_wait = {
	.id = "wait",
	.title = "Waiting for a CPU",
	.has = wait_has,
	.caption = wait_caption,
	.script = wait_script,
};
