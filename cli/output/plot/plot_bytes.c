// SPDX-License-Identifier: GPL-2.0-only
/* Bytes per call over time: what moved where calls and throughput do not go together. */
#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

/* The panel that the timeline has too, or NULL. */
static const struct vnx_panel *find_panel(const struct vnx_panels *panels)
{
	for (size_t k = 0; k < panels->n; k++)
		if (!strcmp(panels->v[k].id, "percall") && panels->v[k].any)
			return &panels->v[k];
	return NULL;
}

static bool bytes_has(const struct vnx_finding *f, size_t i)
{
	struct vnx_panels panels;
	bool has;

	if (vnx_panels_init(&panels, f->dg, &f->dg->vms.v[i]))
		return false;
	has = find_panel(&panels) != NULL;
	vnx_panels_fini(&panels);
	return has;
}

static void put_settings(FILE *out, const struct vnx_finding *f, size_t i,
			 const struct vnx_panel *panel)
{
	vnx_plot_begin(out, f, i);
	vnx_panel_write(panel, &f->dg->grid, out);
	vnx_plot_time_axis(out, f, i);
	fprintf(out, "set yrange [0:%g]\n", panel->top * 1.08);
	vnx_plot_y_title(out, panel->title);
}

static int bytes_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
			struct vnx_err *err)
{
	char bin[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	struct vnx_diagnosis dg = *f->dg;
	const struct vnx_panel *panel;
	struct vnx_panels panels;
	int ret;

	dg.sma_bins = vnx_curve_window(f);
	if (vnx_panels_init(&panels, &dg, &f->dg->vms.v[i]))
		return vnx_plot_no_memory(err);
	panel = find_panel(&panels);
	ret = panel ? 0 : vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output", "nothing to draw");
	if (!ret) {
		put_settings(out, f, i, panel);
		vnx_plot_open(out, stem, 1);
		fprintf(out,
			"plot $percall_raw w l lw 1.2 lc rgb '#70" VNX_RGB_GREEN
			"' t 'bins of %s', $percall_sma w l lw 3 lc rgb '#" VNX_RGB_GREEN
			"' t '%s average'\n",
			vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin),
			vnx_seconds_format(vnx_bin_start_s(&dg.grid, dg.sma_bins), window));
		vnx_plot_close(out, stem, 1);
	}
	vnx_panels_fini(&panels);
	return ret;
}

/* Bytes by calls over a part, not a mean of ratios. */
static double per_call(const struct vnx_finding *f, size_t i, enum vnx_part part, size_t *n)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	enum vnx_metric m = vnx_pick_shown_calls(vm);
	const double *bytes = vm->series[vnx_pick_bytes(m)], *calls = vm->series[m];
	double sum = 0, count = 0;

	*n = 0;
	for (size_t b = 0; bytes && calls && b < f->dg->grid.n; b++) {
		if (isnan(bytes[b]) || isnan(calls[b]) || !vnx_part_has(f, i, part, b))
			continue;
		sum += bytes[b];
		count += calls[b];
		++*n;
	}
	return count > 0 ? sum / count : NAN;
}

/* Stages at which calls went another way than throughput: here is why. */
static void put_odd(FILE *out, const struct vnx_vm_finding *vm)
{
	const char *before = " Calls went another way than throughput at ";
	char start[VNX_UNIT_LEN], from[VNX_UNIT_LEN], to[VNX_UNIT_LEN];
	size_t n = 0;

	for (size_t k = 1; k < vm->stages.n; k++) {
		const struct vnx_stage *s = &vm->stages.v[k];

		if (!s->odd || n++ >= 3)
			continue;
		fprintf(out, "%s%s (%s to %s a call)", before,
			vnx_seconds_format(s->start_s, start),
			vnx_size_format(s[-1].bytes_per_call, from),
			vnx_size_format(s->bytes_per_call, to));
		before = ", ";
	}
	if (n)
		fputs(", for it was the size of a call that moved.", out);
}

static void bytes_caption(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	const char *name = vnx_metric_name(vnx_pick_shown_calls(vm));
	size_t n, n_before, n_during;
	double all = per_call(f, i, VNX_PART_ALL, &n);
	double before = per_call(f, i, VNX_PART_BEFORE, &n_before);
	double during = per_call(f, i, VNX_PART_DURING, &n_during);
	char a[VNX_UNIT_LEN], b[VNX_UNIT_LEN], change[VNX_UNIT_LEN], falls[32];

	if (!isnan(before) && !isnan(during))
		fprintf(out,
			"A call of %s moved %s before %s (n = %zu bins) and %s during %s (n = %zu): "
			"%s.",
			name, vnx_size_format(before, a), vnx_falls_words(vm, falls), n_before,
			vnx_size_format(during, b), vm->degradations.n == 1 ? "it" : "them",
			n_during, vnx_change_format(during / before - 1, change));
	else
		fprintf(out, "A call of %s moved %s in the mean (n = %zu bins).", name,
			vnx_size_format(all, a), n);
	put_odd(out, vm);
	vnx_plot_marks(f, i, out);
}

const struct vnx_plot_ops vnx_plot_bytes = {
	.id = "bytes",
	.title = "Bytes per call over time",
	.has = bytes_has,
	.caption = bytes_caption,
	.script = bytes_script,
};
