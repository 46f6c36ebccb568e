// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/plot/plot.h"

#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

static bool timeline_has(const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	enum vnx_metric calls = vnx_pick_shown_calls(vm);

	return vnx_series_any(vm->series[VNX_THROUGHPUT], f->dg->grid.n) ||
	       (!isnan(vm->totals[calls]) && vnx_series_any(vm->series[calls], f->dg->grid.n));
}

/* Where the part that fell has lost its calls as well, or has not. */
static void put_calls_words(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1);
	enum vnx_metric m = vnx_pick_shown_calls(vm);
	const double *calls = isnan(vm->totals[m]) ? NULL : vm->series[m];
	struct vnx_part_means mean = vnx_part_means(f, i, calls, bin_s);
	char a[VNX_UNIT_LEN], b[VNX_UNIT_LEN], change[VNX_UNIT_LEN];

	if (isnan(mean.all))
		fputs(". Calls were not measured.", out);
	else if (mean.before > 0 && !isnan(mean.during))
		fprintf(out,
			"; %s had %s calls/s before (n = %zu bins) and %s during it (n = %zu): %s.",
			vnx_metric_name(m), vnx_count_format(mean.before, a), mean.n_before,
			vnx_count_format(mean.during, b), mean.n_during,
			vnx_change_format(mean.during / mean.before - 1, change));
	else
		fprintf(out, "; %s had %s calls/s in the mean (n = %zu bins).", vnx_metric_name(m),
			vnx_count_format(mean.all, a), mean.n);
}

static void timeline_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double bin_s = vnx_bin_start_s(&f->dg->grid, 1);
	char a[VNX_UNIT_LEN], b[VNX_UNIT_LEN], start[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	struct vnx_episode ep;
	size_t n;
	double mean = vnx_part_mean(f, i, VNX_PART_ALL, vm->series[VNX_THROUGHPUT], &n);

	if (isnan(mean))
		fputs("Throughput was not measured", out);
	else if (vnx_pick_episode(vm, bin_s, &ep))
		fprintf(out, "Throughput falls from %s on%s, from %s to %s (n = %zu bins)",
			vnx_seconds_format(ep.start_s, start), ep.n > 1 ? " in steps" : "",
			vnx_rate_format(ep.before_bps, a), vnx_rate_format(ep.after_bps, b), n);
	else
		fprintf(out, "Throughput is %s in the mean (n = %zu bins), without a fall",
			vnx_rate_format(mean, a), n);
	put_calls_words(f, i, out);
	fprintf(out, " Thin: bins of %s; thick: their %s average.", vnx_seconds_format(bin_s, b),
		vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, vnx_curve_window(f)), window));
	vnx_plot_marks(f, i, out);
}

static const struct vnx_plot_ops timeline = {
	.id = "timeline",
	.title = "Throughput and calls over time",
	.has = timeline_has,
	.caption = timeline_caption,
	.script = vnx_figure_script_page,
};

const struct vnx_plot_ops *const vnx_plots[] = {
	&timeline,      &vnx_plot_scatter, &vnx_plot_cdf, &vnx_plot_bytes,
	&vnx_plot_wait, &vnx_plot_exits,   NULL,
};

int vnx_plot_draw(const struct vnx_plot_ops *plot, const struct vnx_finding *f, size_t i,
		  const char *stem, const char *dir, struct vnx_err *err)
{
	return vnx_gnuplot_draw_vm(plot->script, f, i, stem, dir, err);
}
