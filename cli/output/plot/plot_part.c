// SPDX-License-Identifier: GPL-2.0-only
/* The parts of a run that captions compare: before the first fall, and while one lasts. */
#include <math.h>

#include "analysis/stats.h"
#include "cli/output/plot/plot_internal.h"
#include "cli/base/units.h"

bool vnx_part_has(const struct vnx_finding *f, size_t i, enum vnx_part part, size_t bin)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	double from = vnx_bin_start_s(&f->dg->grid, bin);
	double to = vnx_bin_start_s(&f->dg->grid, bin + 1);
	double begin = INFINITY;

	if (part == VNX_PART_ALL)
		return true;
	for (size_t k = 0; k < vm->degradations.n; k++) {
		const struct vnx_degradation *d = &vm->degradations.v[k];

		/* Of a fall against an earlier run every bin is a part. */
		if (part == VNX_PART_DURING && to <= (isnan(d->end_s) ? INFINITY : d->end_s) &&
		    (from >= d->start_s + d->start_uncertainty_s || d->from_baseline))
			return true;
		begin = fmin(begin, d->from_baseline ? 0 : d->start_s - d->start_uncertainty_s);
	}
	return part == VNX_PART_BEFORE && isfinite(begin) && to <= begin;
}

double vnx_part_mean(const struct vnx_finding *f, size_t i, enum vnx_part part, const double *x,
		     size_t *n)
{
	VNX_CLEANUP_FREE double *in = malloc((f->dg->grid.n ? f->dg->grid.n : 1) * sizeof(*in));
	size_t count = 0;

	for (size_t b = 0; x && in && b < f->dg->grid.n; b++)
		if (!isnan(x[b]) && vnx_part_has(f, i, part, b))
			in[count++] = x[b];
	if (n)
		*n = count;
	return count ? vnx_mean(in, count) : NAN;
}

struct vnx_part_means vnx_part_means(const struct vnx_finding *f, size_t i, const double *x,
				     double unit)
{
	struct vnx_part_means m;

	m.all = vnx_part_mean(f, i, VNX_PART_ALL, x, &m.n) / unit;
	m.before = vnx_part_mean(f, i, VNX_PART_BEFORE, x, &m.n_before) / unit;
	m.during = vnx_part_mean(f, i, VNX_PART_DURING, x, &m.n_during) / unit;
	return m;
}

const char *vnx_falls_words(const struct vnx_vm_finding *vm, char buf[32])
{
	if (vm->degradations.n == 1)
		return "the fall";
	snprintf(buf, 32, "the %zu falls", vm->degradations.n);
	return buf;
}

static bool has_stages(const struct vnx_grid *grid, const unsigned *stage)
{
	for (size_t b = 1; stage && b < grid->n; b++)
		if (stage[b] != stage[b - 1])
			return true;
	return false;
}

void vnx_plot_marks(const struct vnx_finding *f, size_t i, FILE *out)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	bool stages = has_stages(&f->dg->grid, vm->stage);

	if (vm->degradations.n)
		fputs(stages ? " Shaded: falls, darker where the start may lie; dashes: stages."
			     : " Shaded: falls, darker where the start may lie.",
		      out);
	else if (stages)
		fputs(" Dashes: stages.", out);
}

char *vnx_change_format(double part, char buf[VNX_UNIT_LEN])
{
	char number[VNX_UNIT_LEN];

	snprintf(buf, VNX_UNIT_LEN, "%s%.20s", part > 0 ? "+" : "",
		 vnx_percent_format(part, number));
	return buf;
}

bool vnx_series_any(const double *x, size_t n)
{
	return x && !isnan(vnx_series_top(x, n));
}
