// SPDX-License-Identifier: GPL-2.0-only
/* One VM in a report: what changed when, why, who, what to do, what is not known. */
#include "cli/output/report/report_parts.h"

#include <inttypes.h>
#include <math.h>

#include "cli/output/text/text.h"
#include "cli/base/units.h"

#define NOT_MEASURED "not measured"

struct facts {
	struct vnx_doc_fact v[12];
	size_t n;
};

static void add_fact(struct facts *f, const char *label, const char *text)
{
	if (*text && f->n < VNX_ARRAY_SIZE(f->v))
		f->v[f->n++] = (struct vnx_doc_fact){ label, text };
}

static const char *seconds(struct vnx_doc *d, double s)
{
	char text[VNX_UNIT_LEN];

	return vnx_layout_glue(&d->l, vnx_seconds_format(s, text));
}

static const char *percent(struct vnx_doc *d, double part)
{
	char text[VNX_UNIT_LEN];

	return vnx_layout_glue(&d->l, vnx_percent_format(part, text));
}

static const char *rate(struct vnx_doc *d, double bps)
{
	char text[VNX_UNIT_LEN];

	return isnan(bps) ? NOT_MEASURED : vnx_layout_glue(&d->l, vnx_rate_format(bps, text));
}

static const char *size(struct vnx_doc *d, double bytes)
{
	char text[VNX_UNIT_LEN];

	return isnan(bytes) ? NOT_MEASURED : vnx_layout_glue(&d->l, vnx_size_format(bytes, text));
}

static const char *metric_cell(struct vnx_doc *d, enum vnx_metric m)
{
	return vnx_layout_format(&d->l, VNX_CODE "%s" VNX_PLAIN, vnx_metric_name(m));
}

static void put_evidence(struct vnx_doc *d, struct vnx_doc_table *t, const struct vnx_evidence *v,
			 size_t n, const char *says)
{
	for (size_t i = 0; i < n; i++) {
		const char *words = vnx_metric_words(v[i].metric);

		vnx_doc_cell(d, t, "%s", metric_cell(d, v[i].metric));
		if (says)
			vnx_doc_cell(d, t, "%s", says);
		vnx_doc_cell(d, t, "%s", vnx_doc_value(d, v[i].metric, v[i].before));
		vnx_doc_cell(d, t, "%s", vnx_doc_value(d, v[i].metric, v[i].after));
		vnx_doc_cell(d, t, "%s", words ? words : "");
	}
}

static const char *means(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	if (dg->from_baseline)
		return vnx_layout_format(&d->l,
					 "means of the baseline and of this run (n = %zu bins)",
					 dg->bins_after);
	return vnx_layout_format(&d->l, "means before the fall (n = %zu bins) and after (n = %zu)",
				 dg->bins_before, dg->bins_after);
}

/* No cause was named: nothing decided, all that was measured is told by put_levels(). */
static void put_reasons(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	static const struct vnx_doc_column cols[] = {
		{ "Measured", VNX_COL_WORD }, { "Role", VNX_COL_WORD },
		{ "Before", VNX_COL_NUMBER }, { "After", VNX_COL_NUMBER },
		{ "It is", VNX_COL_TEXT },
	};
	struct vnx_doc_table t = {
		vnx_layout_format(&d->l,
				  "What decided on this cause, and what speaks against it; %s",
				  means(d, dg)),
		cols,
		VNX_ARRAY_SIZE(cols),
		{ 0 }
	};

	if (dg->cause == VNX_CAUSE_UNKNOWN)
		return;
	put_evidence(d, &t, dg->evidence.v, dg->evidence.n, "decided");
	put_evidence(d, &t, dg->against.v, dg->against.n, "against");
	vnx_doc_table(d, &t);
	if (dg->evidence.n && !dg->against.n)
		vnx_doc_para(d, "Nothing that was measured speaks against it.");
}

static void put_levels(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	static const struct vnx_doc_column cols[] = { { "Measured", VNX_COL_WORD },
						      { "Before", VNX_COL_NUMBER },
						      { "After", VNX_COL_NUMBER },
						      { "It is", VNX_COL_TEXT } };
	struct vnx_doc_table t = { vnx_layout_format(&d->l, "Everything that was measured, %s",
						     means(d, dg)),
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };
	bool folded = dg->cause != VNX_CAUSE_UNKNOWN;

	if (!dg->levels.n)
		return;
	if (folded)
		d->ops->fold(d, vnx_layout_format(&d->l, "All %zu numbers, before and after",
						  dg->levels.n));
	put_evidence(d, &t, dg->levels.v, dg->levels.n, NULL);
	vnx_doc_table(d, &t);
	if (folded)
		d->ops->fold_end(d);
}

static void put_offenders(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	static const struct vnx_doc_column cols[] = { { "Offender", VNX_COL_WORD },
						      { "Kind", VNX_COL_WORD },
						      { "pid", VNX_COL_NUMBER },
						      { "Share", VNX_COL_NUMBER } };
	struct vnx_doc_table t = { "Who had the CPU, as a share of the waiting that came with the "
				   "fall",
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };

	for (size_t i = 0; i < dg->offenders.n; i++) {
		const struct vnx_offender *o = &dg->offenders.v[i];

		vnx_doc_cell(d, &t, "%s", vnx_doc_safe(d, o->name, VNX_DOC_LABEL_MAX));
		vnx_doc_cell(d, &t, "%s", o->is_vm ? "VM" : "process");
		vnx_doc_cell(d, &t, "%" PRIu32, o->pid);
		vnx_doc_cell(d, &t, "%s", percent(d, o->share));
	}
	vnx_doc_table(d, &t);
}

static bool same_missing(const struct vnx_degradation *a, const struct vnx_degradation *b)
{
	if (a->missing.n != b->missing.n)
		return false;
	for (size_t i = 0; i < a->missing.n; i++)
		if (strcmp(a->missing.v[i].what, b->missing.v[i].what))
			return false;
	return true;
}

/* @before: the fall told before this one, or NULL. */
static void put_missing(struct vnx_doc *d, const struct vnx_degradation *dg,
			const struct vnx_degradation *before)
{
	static const struct vnx_doc_column cols[] = { { "Missing", VNX_COL_WORD },
						      { "How to get it", VNX_COL_TEXT } };
	struct vnx_doc_table t = { "What was not measured and could change the answer",
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };

	if (dg->missing.n && before && same_missing(before, dg)) {
		vnx_doc_para(d, "Missing is the same as for the fall before.");
		return;
	}
	for (size_t i = 0; i < dg->missing.n; i++) {
		vnx_doc_cell(d, &t, "%s", vnx_doc_code(d, dg->missing.v[i].what));
		vnx_doc_cell(d, &t, "%s", vnx_doc_safe(d, dg->missing.v[i].how, 0));
	}
	vnx_doc_table(d, &t);
}

static void put_alternatives(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	static const struct vnx_doc_column cols[] = { { "Other cause", VNX_COL_TEXT },
						      { "Score", VNX_COL_NUMBER } };
	struct vnx_doc_table t = { "What else would explain it; a score is from 0 to 1",
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };

	for (size_t i = 0; i < dg->alternatives.n; i++) {
		vnx_doc_cell(d, &t, "%s", vnx_text_cause(dg->alternatives.v[i].cause));
		vnx_doc_cell(d, &t, "%.2f", dg->alternatives.v[i].score);
	}
	vnx_doc_table(d, &t);
}

static const char *p_words(struct vnx_doc *d, double p)
{
	if (isnan(p))
		return "not tested";
	return p < 1e-12 ? "< 1e-12" : vnx_layout_format(&d->l, "= %.2g", p);
}

static const char *begin_words(struct vnx_doc *d, const struct vnx_degradation *dg)
{
	const char *ramp = "";

	if (dg->from_baseline)
		return "lower than the baseline from the first bin on";
	if (dg->ramp_s > 0)
		ramp = vnx_layout_format(&d->l, ", gradual over %s", seconds(d, dg->ramp_s));
	return vnx_layout_format(&d->l, "%s \u00b1" VNX_NBSP "%s%s", seconds(d, dg->start_s),
				 seconds(d, dg->start_uncertainty_s), ramp);
}

static void put_numbers(struct vnx_doc *d, const struct vnx_degradation *dg, size_t bins)
{
	struct facts f = { .n = 0 };

	add_fact(&f, "Throughput",
		 vnx_layout_format(&d->l, VNX_BOLD "%s \u2192 %s" VNX_PLAIN " (%s)",
				   rate(d, dg->before_bps), rate(d, dg->after_bps),
				   percent(d, dg->change)));
	add_fact(&f, "Begins", begin_words(d, dg));
	add_fact(&f, "Ends", isnan(dg->end_s) ? "lasts to the end" : seconds(d, dg->end_s));
	if (!isnan(dg->detected_s))
		add_fact(&f, "Could be told at", seconds(d, dg->detected_s));
	add_fact(&f, "Chance of it in a steady run",
		 vnx_layout_format(&d->l, "p" VNX_NBSP "%s, n" VNX_NBSP "= %zu bins",
				   p_words(d, dg->p), bins));
	if (!isnan(dg->bytes_per_call_before) || !isnan(dg->bytes_per_call_after))
		add_fact(&f, "Carried by each call",
			 vnx_layout_format(&d->l, "%s \u2192 %s",
					   size(d, dg->bytes_per_call_before),
					   size(d, dg->bytes_per_call_after)));
	if (dg->cause != VNX_CAUSE_UNKNOWN)
		add_fact(&f, "Score of the cause",
			 vnx_layout_format(&d->l, "%.2f of 1", dg->score));
	d->ops->facts(d, f.v, f.n);
}

static void put_fall(struct vnx_doc *d, const struct vnx_vm_finding *vm, size_t i, size_t k)
{
	const struct vnx_degradation *dg = &vm->degradations.v[k];
	const char *why = vnx_text_why(&d->l, dg);

	vnx_doc_heading(
		d, 3, vnx_layout_format(&d->l, "vm-%zu-fall-%zu", i + 1, k + 1), "%s: %s",
		dg->from_baseline ? "Below the baseline"
				  : vnx_layout_format(&d->l, "Fall at %s", seconds(d, dg->start_s)),
		dg->cause == VNX_CAUSE_UNKNOWN ? "cause unknown" : vnx_text_cause(dg->cause));
	put_numbers(d, dg, vm->throughput.n);
	if (*why)
		vnx_doc_para(d, VNX_BOLD "Finding." VNX_PLAIN " %s", why);
	if (dg->advice && *dg->advice)
		vnx_doc_para(d, VNX_BOLD "Advice." VNX_PLAIN " %s", vnx_doc_safe(d, dg->advice, 0));
	put_offenders(d, dg);
	put_reasons(d, dg);
	put_alternatives(d, dg);
	put_missing(d, dg, k ? dg - 1 : NULL);
	put_levels(d, dg);
}

static void put_throughput(struct vnx_doc *d, const struct vnx_throughput_summary *t)
{
	const char *source = vnx_doc_safe(d, t->source, 0);
	struct facts f = { .n = 0 };

	if (isnan(t->mean_bps)) {
		vnx_doc_para(d, "Its throughput was not measured.");
		return;
	}
	add_fact(&f, "Throughput, mean", rate(d, t->mean_bps));
	add_fact(&f, "Median", rate(d, t->p50_bps));
	add_fact(&f, "5 % and 95 % of bins are under",
		 vnx_layout_format(&d->l, "%s, %s", rate(d, t->p05_bps), rate(d, t->p95_bps)));
	add_fact(&f, "Measured by",
		 vnx_layout_format(&d->l, "%s, n" VNX_NBSP "= %zu bins",
				   *source ? source : "a source not known", t->n));
	d->ops->facts(d, f.v, f.n);
}

/* Bins from stage @i to the next one, or to the end. */
static size_t stage_bins(const struct vnx_grid *grid, const struct vnx_vm_finding *vm, size_t i)
{
	double bin_s = vnx_bin_start_s(grid, 1);
	double end =
		i + 1 < vm->stages.n ? vm->stages.v[i + 1].start_s : vnx_bin_start_s(grid, grid->n);

	return (size_t)fmax(0, round((end - vm->stages.v[i].start_s) / bin_s));
}

static void put_stages(struct vnx_doc *d, const struct vnx_grid *grid,
		       const struct vnx_vm_finding *vm)
{
	static const struct vnx_doc_column cols[] = {
		{ "Stage from", VNX_COL_NUMBER },     { "Bins", VNX_COL_NUMBER },
		{ "Throughput", VNX_COL_NUMBER },     { "Calls", VNX_COL_NUMBER },
		{ "Bytes per call", VNX_COL_NUMBER }, { "Packets per call", VNX_COL_NUMBER }
	};
	struct vnx_doc_table t = { .cols = cols, .n_cols = VNX_ARRAY_SIZE(cols) };

	if (vm->stages.n < 2)
		return;
	if (vm->stages.n > VNX_STAGES_SHOWN) {
		vnx_doc_para(d,
			     "%zu levels were found, too many for a table; " VNX_CODE
			     "diagnosis.json" VNX_PLAIN " has them.",
			     vm->stages.n);
		return;
	}
	t.caption =
		vnx_layout_format(&d->l,
				  "Stages of the load, or levels found; means of that many bins; "
				  "calls are %s",
				  vnx_metric_name(vm->stages.v[0].calls));
	for (size_t i = 0; i < vm->stages.n; i++) {
		const struct vnx_stage *s = &vm->stages.v[i];
		char packets[VNX_UNIT_LEN];

		vnx_doc_cell(d, &t, "%s%s", seconds(d, s->start_s), s->odd ? " *" : "");
		vnx_doc_cell(d, &t, "%zu", stage_bins(grid, vm, i));
		vnx_doc_cell(d, &t, "%s", rate(d, s->throughput_bps));
		vnx_doc_cell(d, &t, "%s", vnx_doc_value(d, s->calls, s->calls_per_s));
		vnx_doc_cell(d, &t, "%s", size(d, s->bytes_per_call));
		vnx_doc_cell(d, &t, "%s",
			     isnan(s->packets_per_call)
				     ? NOT_MEASURED
				     : vnx_count_format(s->packets_per_call, packets));
	}
	vnx_doc_table(d, &t);
	for (size_t i = 1; i < vm->stages.n; i++)
		if (vm->stages.v[i].odd)
			vnx_doc_para(d, "* Calls and throughput part: %s.",
				     vnx_text_odd(&d->l, &vm->stages.v[i - 1], &vm->stages.v[i]));
}

static void put_totals(struct vnx_doc *d, const struct vnx_grid *grid,
		       const struct vnx_vm_finding *vm)
{
	static const struct vnx_doc_column cols[] = { { "Counted", VNX_COL_WORD },
						      { "Total", VNX_COL_NUMBER },
						      { "It is", VNX_COL_TEXT } };
	struct vnx_doc_table t = { vnx_layout_format(&d->l,
						     "Totals of the whole run, %zu bins of %s",
						     grid->n, seconds(d, vnx_bin_start_s(grid, 1))),
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };
	char text[VNX_UNIT_LEN];

	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		enum vnx_metric metric = (enum vnx_metric)m;
		const char *unit = vnx_metric_unit(metric), *words = vnx_metric_words(metric);

		/* A mean has no sum, and what is everybody's is nobody's total. */
		if (isnan(vm->totals[m]) || metric == VNX_LOST || metric == VNX_THROUGHPUT ||
		    vnx_metric_is_mean(metric) || vnx_metric_info(metric)->owner == VNX_OF_HOST)
			continue;
		vnx_doc_cell(d, &t, "%s", metric_cell(d, metric));
		if (!strcmp(unit, "B"))
			vnx_doc_cell(d, &t, "%s", size(d, vm->totals[m]));
		else
			vnx_doc_cell(d, &t, "%s %s",
				     vnx_layout_glue(&d->l, vnx_count_format(vm->totals[m], text)),
				     unit);
		vnx_doc_cell(d, &t, "%s", words ? words : "");
	}
	if (!t.cells.n)
		return;
	d->ops->fold(d, "Totals of the run");
	vnx_doc_table(d, &t);
	d->ops->fold_end(d);
}

void vnx_report_vm(struct vnx_doc *d, const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);
	const char *instead, *calls = vnx_text_calls(&d->l, f->dg, vm, &instead);
	size_t left_out = vnx_pick_left_out(vm);

	vnx_doc_heading(d, 2, vnx_layout_format(&d->l, "vm-%zu", i + 1), "%s",
			vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX));
	vnx_doc_para(d, "%s.", vnx_text_verdict(&d->l, f->dg, i));
	vnx_doc_para(d, VNX_DIM "%s" VNX_PLAIN, vnx_text_identity(&d->l, &vm->vm));
	put_throughput(d, &vm->throughput);
	for (size_t k = 0; k < vm->degradations.n; k++)
		if (vnx_pick_is_shown(vm, k))
			put_fall(d, vm, i, k);
	if (left_out)
		vnx_doc_para(d, "%zu smaller falls are in " VNX_CODE "diagnosis.json" VNX_PLAIN ".",
			     left_out);
	for (size_t k = 0; k < vm->limits.n; k++) {
		const struct vnx_limit *limit = &vm->limits.v[k];

		vnx_doc_para(d, VNX_BOLD "Limit:" VNX_PLAIN " %s. %s %s",
			     vnx_text_cause(limit->cause), vnx_doc_safe(d, limit->finding, 0),
			     vnx_doc_safe(d, limit->advice, 0));
	}
	if (vm->degradations.n)
		vnx_doc_heading(d, 3, vnx_layout_format(&d->l, "vm-%zu-calls", i + 1),
				"What the calls tell");
	vnx_doc_para(d, "%s.", calls);
	if (*instead)
		vnx_doc_para(d, "%s.", instead);
	put_stages(d, &f->dg->grid, vm);
	put_totals(d, &f->dg->grid, vm);
}
