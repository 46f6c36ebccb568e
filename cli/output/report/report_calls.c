// SPDX-License-Identifier: GPL-2.0-only
/* Calls against throughput: every correlation that was computed, and why others were not. */
#include "cli/output/report/report_parts.h"

#include <math.h>

#include "cli/output/text/text.h"
#include "cli/base/units.h"

static void put_row(struct vnx_doc *d, struct vnx_doc_table *t, const struct vnx_correlation *c)
{
	char lag[VNX_UNIT_LEN];

	vnx_doc_cell(d, t, VNX_CODE "%s" VNX_PLAIN, vnx_metric_name(c->x));
	vnx_doc_cell(d, t, "%s", vnx_corr_on_name(c->on));
	vnx_doc_cell(d, t, "%s", vnx_corr_method_name(c->method));
	vnx_doc_cell(d, t, "%.3f", c->c.r);
	if (isfinite(c->c.ci_lo) && isfinite(c->c.ci_hi))
		vnx_doc_cell(d, t, "%.2f to %.2f", c->c.ci_lo, c->c.ci_hi);
	else
		vnx_doc_cell(d, t, "not defined");
	vnx_doc_cell(d, t, "%zu", c->c.n);
	vnx_doc_cell(d, t, "%.1f", c->c.n_eff);
	if (isfinite(c->c.p))
		vnx_doc_cell(d, t, "%.2g", c->c.p);
	else
		vnx_doc_cell(d, t, "not defined");
	vnx_doc_cell(d, t, "%s", vnx_layout_glue(&d->l, vnx_seconds_format(c->lag_s, lag)));
}

/* Like one before: the same metric refused for the same reason. */
static bool told_before(const struct vnx_vm_finding *vm, size_t i)
{
	const struct vnx_correlation *c = &vm->correlations.v[i];

	for (size_t j = 0; j < i; j++) {
		const struct vnx_correlation *b = &vm->correlations.v[j];

		if (b->x == c->x && !isfinite(b->c.r) && b->c.undefined && c->c.undefined &&
		    !strcmp(b->c.undefined, c->c.undefined))
			return true;
	}
	return false;
}

static void put_undefined(struct vnx_doc *d, const struct vnx_vm_finding *vm)
{
	struct {
		const char **v;
		size_t n, cap;
	} list = { 0 };

	for (size_t i = 0; i < vm->correlations.n; i++) {
		const struct vnx_correlation *c = &vm->correlations.v[i];
		const char *words;

		if (isfinite(c->c.r) || told_before(vm, i))
			continue;
		words = vnx_text_no_number(&d->l, c->x, c->c.undefined);
		if (vnx_vec_push(&list, words))
			d->l.failed = true;
	}
	if (list.n)
		d->ops->list(d, list.v, list.n);
	free(list.v);
}

static void put_vm(struct vnx_doc *d, const struct vnx_finding *f, size_t i)
{
	static const struct vnx_doc_column cols[] = {
		{ "Calls", VNX_COL_WORD },           { "Series", VNX_COL_WORD },
		{ "Method", VNX_COL_WORD },          { "r", VNX_COL_NUMBER },
		{ "95 % interval", VNX_COL_NUMBER }, { "n (bins)", VNX_COL_NUMBER },
		{ "n_eff (bins)", VNX_COL_NUMBER },  { "p", VNX_COL_NUMBER },
		{ "Lag", VNX_COL_NUMBER },
	};
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);
	struct vnx_doc_table t = { .cols = cols, .n_cols = VNX_ARRAY_SIZE(cols) };
	const char *name = vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX);

	vnx_doc_heading(d, 2, vnx_layout_format(&d->l, "vm-%zu-r", i + 1), "%s: correlations",
			name);
	t.caption = vnx_layout_format(&d->l, "Throughput of %s and calls", name);
	for (size_t k = 0; k < vm->correlations.n; k++)
		if (isfinite(vm->correlations.v[k].c.r))
			put_row(d, &t, &vm->correlations.v[k]);
	vnx_doc_table(d, &t);
	put_undefined(d, vm);
	if (!vm->correlations.n)
		vnx_doc_para(d, "Nothing could be correlated: calls or throughput were not "
				"measured.");
}

void vnx_report_correlations(struct vnx_doc *d, const struct vnx_finding *f)
{
	char window[VNX_UNIT_LEN], bin[VNX_UNIT_LEN];
	size_t told = 0;

	vnx_doc_heading(d, 1, "correlations", "Calls and throughput");
	vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, f->dg->sma_bins), window);
	vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), bin);
	vnx_doc_para(
		d,
		"raw: bins of %s as counted. sma: moving averages over %s. within-stage: what is "
		"left when each stage's own mean is taken away; where the stages were found in the "
		"throughput itself it has no interval, as independent series would agree too. n_eff is the number of "
		"independent bins that n dependent ones are worth; the interval and p rest on "
		"it. Where the interval holds 0 no link is shown.",
		vnx_layout_glue(&d->l, bin), vnx_layout_glue(&d->l, window));
	for (size_t i = 0; i < f->dg->vms.n; i++) {
		if (!vnx_report_tells(f->dg, i))
			continue;
		put_vm(d, f, i);
		told++;
	}
	if (!told)
		vnx_doc_para(d, "No VM moved enough to correlate anything.");
}
