// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report's order of reading: the verdict in words, then each VM, then the numbers, the
 * figures, the topology, and how it was measured. Several runs begin with a comparison.
 */
#include "cli/output/report/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "cli/output/text/text.h"
#include "cli/base/units.h"

#define CARDS_MAX 10 /* VMs that get a sentence of their own in the summary */
#define TELLS_MAX 24 /* VMs that get a part of their own, the degraded ones beside */
#define LITTLE 0.01  /* of what the busiest VM moved: less is not worth figures */
/* Printed with TELLS_MAX. */
#define UNTOLD_WHY "moved almost nothing, not measured, or not among the %d busiest"

static const struct vnx_doc_fact sections[] = {
	{ "vms", "Virtual machines" },
	{ "correlations", "Calls and throughput" },
	{ "figures", "Figures" },
	{ "topology", "Topology" },
	{ "method", "How it was measured" },
	{ "repeat", "How to repeat it" },
};

bool vnx_report_any_throughput(const struct vnx_diagnosis *dg)
{
	for (size_t i = 0; i < dg->vms.n; i++)
		if (!isnan(dg->vms.v[i].throughput.mean_bps))
			return true;
	return false;
}

/* What VM @i moved: throughput, or calls where that was measured of no VM; NaN: not known. */
static double weight_of(const struct vnx_diagnosis *dg, size_t i, bool by_rate)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];

	return by_rate ? vm->throughput.mean_bps : vm->totals[vnx_pick_shown_calls(vm)];
}

bool vnx_report_tells(const struct vnx_diagnosis *dg, size_t i)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	bool by_rate = vnx_report_any_throughput(dg);
	double top = 0, own = weight_of(dg, i, by_rate), other;
	size_t before = 0;

	if (vm->verdict <= VNX_LIMITED || dg->vms.n == 1)
		return true;
	for (size_t j = 0; j < dg->vms.n; j++) {
		other = weight_of(dg, j, by_rate);
		top = fmax(top, other);
		before += other > own || (other == own && j < i);
	}
	return own > LITTLE * top && before < TELLS_MAX;
}

static enum vnx_doc_tone tone_of(enum vnx_verdict v)
{
	return v == VNX_DEGRADED ? VNX_TONE_BAD : v >= VNX_HEALTHY ? VNX_TONE_GOOD : VNX_TONE_WARN;
}

/* "vm1 is degraded: 455 -> 68 Mbit/s" */
static const char *headline_of_vm(struct vnx_doc *d, const struct vnx_diagnosis *dg, size_t i)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	VNX_CLEANUP_FREE char *label = vnx_pick_label(dg, i);
	const char *name = vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX);
	char before[VNX_UNIT_LEN], after[VNX_UNIT_LEN], change[VNX_UNIT_LEN];
	struct vnx_episode ep;
	double top;

	if (vm->verdict != VNX_DEGRADED)
		return vnx_layout_format(&d->l, "%s is %s", name, vnx_verdict_name(vm->verdict));
	if (!vnx_pick_worst(vm, vnx_bin_start_s(&dg->grid, 1), &ep))
		return vnx_layout_format(&d->l, "%s is degraded", name);
	top = fmax(ep.before_bps, ep.after_bps);
	return vnx_layout_format(&d->l, "%s is degraded: %s \u2192 %s" VNX_NBSP "%sbit/s (%s)",
				 name, vnx_rate_scaled(ep.before_bps, top, before),
				 vnx_rate_scaled(ep.after_bps, top, after),
				 vnx_scale_for(top).prefix,
				 vnx_layout_glue(&d->l, vnx_percent_format(ep.change, change)));
}

static const char *headline(struct vnx_doc *d, const struct vnx_diagnosis *dg)
{
	static const enum vnx_verdict news[] = { VNX_DEGRADED, VNX_LIMITED };

	if (!dg->vms.n)
		return "No virtual machine was seen";
	if (dg->vms.n == 1)
		return headline_of_vm(d, dg, 0);
	for (size_t k = 0; k < VNX_ARRAY_SIZE(news); k++) {
		size_t n = vnx_text_count(dg, news[k]);

		for (size_t i = 0; n == 1 && i < dg->vms.n; i++)
			if (dg->vms.v[i].verdict == news[k])
				return headline_of_vm(d, dg, i);
		if (n)
			return vnx_layout_format(&d->l, "%zu of %zu VMs are %s", n, dg->vms.n,
						 vnx_verdict_name(news[k]));
	}
	if (vnx_text_count(dg, dg->verdict) == dg->vms.n)
		return vnx_layout_format(&d->l, "All %zu VMs are %s", dg->vms.n,
					 vnx_verdict_name(dg->verdict));
	return vnx_layout_format(&d->l, "No VM is degraded: %s", vnx_text_tally(&d->l, dg));
}

/* What holds the VM back now, worst first: why, what to do. */
static void put_limit_card(struct vnx_doc *d, const struct vnx_vm_finding *vm)
{
	if (vm->verdict != VNX_LIMITED)
		return;
	vnx_doc_para(d, "%s", vnx_doc_safe(d, vm->limits.v[0].finding, 0));
	vnx_doc_para(d, VNX_BOLD "What to do:" VNX_PLAIN " %s",
		     vnx_doc_safe(d, vm->limits.v[0].advice, 0));
}

/* One VM in a box: what, why, what to do. Details stand further down. */
static void put_card(struct vnx_doc *d, const struct vnx_diagnosis *dg, size_t i)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	struct vnx_episode ep;
	const char *why;

	d->ops->box(d, tone_of(vm->verdict));
	vnx_doc_para(d, "%s.", vnx_text_verdict(&d->l, dg, i));
	if (vm->verdict == VNX_DEGRADED && vnx_pick_worst(vm, vnx_bin_start_s(&dg->grid, 1), &ep)) {
		why = vnx_text_why(&d->l, ep.worst);
		vnx_doc_para(d, "%s", why);
		if (ep.worst->advice && *ep.worst->advice)
			vnx_doc_para(d, VNX_BOLD "What to do:" VNX_PLAIN " %s",
				     vnx_doc_safe(d, ep.worst->advice, 0));
	}
	put_limit_card(d, vm);
	d->ops->box_end(d);
}

static void put_cards(struct vnx_doc *d, const struct vnx_diagnosis *dg)
{
	bool news = dg->verdict == VNX_DEGRADED || dg->verdict == VNX_LIMITED;
	size_t told = 0;

	if (dg->vms.n > 1)
		vnx_doc_para(d, "%s.", vnx_text_tally(&d->l, dg));
	for (size_t i = 0; i < dg->vms.n; i++) {
		/* Where some are degraded or limited they alone are news. */
		if (news ? dg->vms.v[i].verdict > VNX_LIMITED : dg->vms.n > 4)
			continue;
		if (told++ < CARDS_MAX)
			put_card(d, dg, i);
	}
	if (told > CARDS_MAX)
		vnx_doc_para(d, "... and %zu more, see the table.", told - CARDS_MAX);
}

static void put_warnings(struct vnx_doc *d, const struct vnx_report_part *part)
{
	const struct vnx_finding *f = part->in->f;
	struct vnx_texts warnings = { 0 };

	if (vnx_pick_warnings(f, &warnings))
		d->l.failed = true;
	if (warnings.n || part->no_gnuplot || (f->run && f->run->warning[0])) {
		d->ops->box(d, VNX_TONE_WARN);
		for (size_t i = 0; i < warnings.n; i++)
			vnx_doc_para(d, VNX_BOLD "Warning:" VNX_PLAIN " %s.",
				     vnx_doc_safe(d, warnings.v[i], 0));
		if (f->run && f->run->warning[0])
			vnx_doc_para(d, VNX_BOLD "Warning:" VNX_PLAIN " %s.",
				     vnx_doc_safe(d, f->run->warning, 0));
		if (part->no_gnuplot)
			vnx_doc_para(d, VNX_BOLD "No figures:" VNX_PLAIN
						 " gnuplot is not installed. Install the package "
						 "gnuplot-nox and write this report again.");
		d->ops->box_end(d);
	}
	vnx_texts_fini(&warnings);
}

static const char *recorded_at(struct vnx_doc *d, const struct vnx_run_facts *facts)
{
	time_t at = (time_t)(((int64_t)facts->start_ns + facts->realtime_minus_mono_ns) /
			     (int64_t)VNX_NSEC_PER_SEC);
	char text[64];
	struct tm tm;

	if (!facts->realtime_minus_mono_ns || !gmtime_r(&at, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		return "";
	return vnx_layout_format(&d->l, "%s", text);
}

/* Told before VM @i. */
static bool is_known_source(const struct vnx_diagnosis *dg, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!isnan(dg->vms.v[j].throughput.mean_bps) &&
		    !strcmp(dg->vms.v[j].throughput.source, dg->vms.v[i].throughput.source))
			return true;
	return false;
}

/* "iperf3-receiver, tap": a load is one VM's, the others have their taps. */
static const char *throughput_sources(struct vnx_doc *d, const struct vnx_diagnosis *dg)
{
	const char *list = "";

	for (size_t i = 0; i < dg->vms.n; i++) {
		const struct vnx_throughput_summary *t = &dg->vms.v[i].throughput;

		if (!isnan(t->mean_bps) && *t->source && !is_known_source(dg, i))
			list = vnx_layout_format(&d->l, "%s%s%s", list, *list ? ", " : "",
						 vnx_doc_safe(d, t->source, 0));
	}
	return *list ? list : "nothing: not measured";
}

static void put_facts(struct vnx_doc *d, const struct vnx_report_part *part)
{
	const struct vnx_finding *f = part->in->f;
	const struct vnx_run_facts *facts = f->run ? &f->run->facts : NULL;
	char width[VNX_UNIT_LEN], span[VNX_UNIT_LEN];
	struct vnx_doc_fact v[8];
	size_t n = 0;

#define FACT(label, text)                                              \
	do {                                                           \
		const char *said = (text);                             \
		if (*said)                                             \
			v[n++] = (struct vnx_doc_fact){ label, said }; \
	} while (0)
	FACT("Recording", vnx_doc_safe(d, f->source_path, 0));
	FACT("Kind", vnx_doc_safe(d, f->source_kind, 0));
	FACT("Host", facts ? vnx_doc_safe(d, facts->host, 0) : "");
	FACT("Kernel", facts ? vnx_doc_safe(d, facts->kernel, 0) : "");
	FACT("Recorded", facts ? recorded_at(d, facts) : "");
	FACT("Length",
	     vnx_layout_format(
		     &d->l, "%s, %zu bins of %s",
		     vnx_layout_glue(
			     &d->l, vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, f->dg->grid.n),
						       span)),
		     f->dg->grid.n,
		     vnx_layout_glue(&d->l,
				     vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), width))));
	FACT("Throughput by", throughput_sources(d, f->dg));
#undef FACT
	d->ops->facts(d, v, n);
	if (facts && *facts->command)
		vnx_doc_para(d, VNX_DIM "Load:" VNX_PLAIN " %s", vnx_doc_code(d, facts->command));
}

static const char *verdict_cell(struct vnx_doc *d, const struct vnx_vm_finding *vm)
{
	const char *mark = vm->verdict == VNX_DEGRADED  ? VNX_BOLD VNX_RED "\u25bc "
			   : vm->verdict == VNX_HEALTHY ? VNX_GREEN "\u2713 "
			   : vm->verdict == VNX_LIMITED ? VNX_YELLOW "! "
			   : vm->verdict == VNX_IDLE    ? VNX_DIM "\u2013 "
							: VNX_YELLOW "? ";

	return vnx_layout_format(&d->l, "%s%s" VNX_PLAIN, mark, vnx_verdict_name(vm->verdict));
}

static const char *cause_cell(struct vnx_doc *d, const struct vnx_diagnosis *dg,
			      const struct vnx_vm_finding *vm)
{
	struct vnx_episode ep;

	if (vm->verdict == VNX_DEGRADED && vnx_pick_worst(vm, vnx_bin_start_s(&dg->grid, 1), &ep))
		return vnx_text_cause(ep.worst->cause);
	if (vm->verdict == VNX_LIMITED)
		return vnx_text_cause(vm->limits.v[0].cause);
	return vnx_doc_safe(d, vm->why, 0);
}

static const struct vnx_doc_column summary_cols[] = {
	{ "Recording", VNX_COL_TEXT },
	{ "VM", VNX_COL_WORD },
	{ "Verdict", VNX_COL_WORD },
	{ "Mean", VNX_COL_NUMBER },
	{ "Median", VNX_COL_NUMBER },
	{ "Bins", VNX_COL_NUMBER },
	{ "r", VNX_COL_NUMBER },
	{ "Falls", VNX_COL_NUMBER },
	{ "Cause, or why not", VNX_COL_TEXT },
};

static void put_row(struct vnx_doc *d, struct vnx_doc_table *t, const struct vnx_diagnosis *dg,
		    size_t i)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	const struct vnx_correlation *c =
		vnx_pick_corr(vm, vnx_pick_calls(vm), VNX_ON_RAW, VNX_PEARSON);
	VNX_CLEANUP_FREE char *label = vnx_pick_label(dg, i);

	vnx_doc_cell(d, t, "%s", vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX));
	vnx_doc_cell(d, t, "%s", verdict_cell(d, vm));
	vnx_doc_cell(d, t, "%s", vnx_doc_value(d, VNX_THROUGHPUT, vm->throughput.mean_bps));
	vnx_doc_cell(d, t, "%s", vnx_doc_value(d, VNX_THROUGHPUT, vm->throughput.p50_bps));
	vnx_doc_cell(d, t, "%zu", vm->throughput.n);
	if (!c || !isfinite(c->c.r))
		vnx_doc_cell(d, t, "undefined");
	else if (vm->totals[c->x] < VNX_FEW_CALLS)
		vnx_doc_cell(d, t, "too few");
	else
		vnx_doc_cell(d, t, "%.2f", c->c.r);
	vnx_doc_cell(d, t, "%zu", vm->degradations.n);
	vnx_doc_cell(d, t, "%s", cause_cell(d, dg, vm));
}

static void put_vms(struct vnx_doc *d, const struct vnx_finding *f)
{
	struct vnx_doc_table t = {
		.caption =
			"Every VM that was seen: its throughput, mean and median of that many bins; r is Pearson's, "
			"of throughput and the calls of vhost's handle_tx or handle_rx, whichever is busier, bin by bin",
		.cols = summary_cols + 1,
		.n_cols = VNX_ARRAY_SIZE(summary_cols) - 1
	};
	size_t untold = 0;

	vnx_doc_heading(d, 1, "vms", "Virtual machines");
	if (!f->dg->vms.n)
		vnx_doc_para(d, "None was seen in this recording.");
	for (size_t i = 0; i < f->dg->vms.n; i++)
		put_row(d, &t, f->dg, i);
	vnx_doc_table(d, &t);
	for (size_t i = 0; i < f->dg->vms.n; i++) {
		if (vnx_report_tells(f->dg, i))
			vnx_report_vm(d, f, i);
		else
			untold++;
	}
	if (untold)
		vnx_doc_para(d,
			     "%zu VM%s in the table only: not degraded, and " UNTOLD_WHY
			     "; all numbers are in " VNX_CODE "diagnosis.json" VNX_PLAIN ".",
			     untold, untold == 1 ? " is" : "s are", TELLS_MAX);
}

static const char *caption_of(struct vnx_doc *d, const struct vnx_finding *f,
			      const struct vnx_drawn *drawn)
{
	VNX_CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		drawn->plot->caption(f, drawn->vm, out);
		fclose(out);
	}
	if (!out || !text)
		d->l.failed = true;
	return vnx_doc_safe(d, text, 0);
}

static void put_figure(struct vnx_doc *d, const struct vnx_finding *f,
		       const struct vnx_drawn *drawn)
{
	struct vnx_doc_figure fig = {
		.id = vnx_layout_format(&d->l, "%sfig-%zu-%s", d->prefix, drawn->vm + 1,
					drawn->plot->id),
		.title = drawn->plot->title,
		.caption = caption_of(d, f, drawn),
		.file = drawn->file,
		.why = drawn->why ? vnx_doc_safe(d, drawn->why, 0) : NULL,
	};

	d->ops->figure(d, &fig);
}

static void put_figures(struct vnx_doc *d, const struct vnx_report_part *part)
{
	const struct vnx_drawings *list = &part->drawings;
	const struct vnx_diagnosis *dg = part->in->f->dg;

	vnx_doc_heading(d, 1, "figures", "Figures");
	for (size_t i = 0; i < list->n; i++) {
		size_t vm = list->v[i].vm;

		if (!i || list->v[i - 1].vm != vm) {
			VNX_CLEANUP_FREE char *label = vnx_pick_label(dg, vm);

			vnx_doc_heading(d, 2, vnx_layout_format(&d->l, "fig-%zu", vm + 1),
					"%s in figures", vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX));
		}
		put_figure(d, part->in->f, &list->v[i]);
	}
	if (!list->n)
		vnx_doc_para(d, part->no_gnuplot
					? "None were drawn: gnuplot is not installed. Install the "
					  "package gnuplot-nox and write this report again."
					: "There is nothing to draw: no VM moved anything that was "
					  "measured.");
}

static void put_files(struct vnx_doc *d, const struct vnx_report_part *part)
{
	vnx_doc_para(d,
		     "Beside this report, in %s: " VNX_CODE "diagnosis.json" VNX_PLAIN
		     " (everything), " VNX_CODE "diagnosis.txt" VNX_PLAIN ", " VNX_CODE
		     "series.csv" VNX_PLAIN " (a row a value), " VNX_CODE
		     "series-wide.csv" VNX_PLAIN " (a row a bin), " VNX_CODE "metrics.csv" VNX_PLAIN
		     " (units and meanings), figures as SVG and PNG.",
		     *part->folder ? part->folder : "its folder");
}

static void put_part(struct vnx_doc *d, const struct vnx_report_parts *parts,
		     const struct vnx_report_part *part)
{
	put_cards(d, part->in->f->dg);
	put_warnings(d, part);
	put_facts(d, part);
	if (d->base == 1)
		d->ops->contents(d, sections, VNX_ARRAY_SIZE(sections));
	put_vms(d, part->in->f);
	vnx_report_correlations(d, part->in->f);
	put_figures(d, part);
	vnx_report_topology(d, part->in->f);
	vnx_report_method(d, part->in->f);
	if (d->base == 1)
		vnx_report_repeat(d, parts->set, part);
	put_files(d, part);
}

static const char *error_words(struct vnx_doc *d, const struct vnx_err *err)
{
	const char *hint = vnx_doc_safe(d, err->hint, 0);

	return vnx_layout_format(&d->l, "%s%s%s", vnx_doc_safe(d, err->message, 0),
				 *hint ? ". " : "", hint);
}

static void put_overlay(struct vnx_doc *d, const struct vnx_report_parts *parts)
{
	const struct vnx_drawn *drawn = &parts->overlay;
	struct vnx_doc_figure fig = { .id = "fig-comparison",
				      .title = "Distributions of throughput over each other",
				      .file = drawn->file };
	VNX_CLEANUP_FREE char *caption = NULL;

	if (!drawn->file && !drawn->why)
		return;
	caption = vnx_overlay_caption(parts);
	if (!caption)
		d->l.failed = true;
	fig.caption = vnx_doc_safe(d, caption, 0);
	fig.why = drawn->why ? vnx_doc_safe(d, drawn->why, 0) : NULL;
	d->ops->figure(d, &fig);
}

static void put_comparison(struct vnx_doc *d, const struct vnx_report_parts *parts)
{
	struct vnx_doc_table t = {
		.caption =
			"The recordings side by side: throughput, mean and median of that many bins; "
			"r is Pearson's, of throughput and the calls of vhost's handle_tx or handle_rx, whichever is busier, bin by bin",
		.cols = summary_cols,
		.n_cols = VNX_ARRAY_SIZE(summary_cols)
	};

	size_t untold = 0;

	vnx_doc_heading(d, 1, "comparison", "Comparison");
	for (size_t i = 0; i < parts->n; i++) {
		const struct vnx_report_part *part = &parts->v[i];
		const struct vnx_diagnosis *dg = part->in->f ? part->in->f->dg : NULL;

		for (size_t k = 0; dg && k < dg->vms.n; k++) {
			if (!vnx_report_tells(dg, k)) {
				untold++;
				continue;
			}
			vnx_doc_cell(d, &t, "%zu. %s", i + 1, part->name);
			put_row(d, &t, dg, k);
		}
		if (dg)
			continue;
		vnx_doc_cell(d, &t, "%zu. %s", i + 1, part->name);
		for (size_t k = 1; k + 1 < t.n_cols; k++)
			vnx_doc_cell(d, &t, "%s",
				     k == 2 ? VNX_BOLD VNX_RED "not readable" VNX_PLAIN : "\u2013");
		vnx_doc_cell(d, &t, "%s", error_words(d, part->in->err));
	}
	vnx_doc_table(d, &t);
	if (untold)
		vnx_doc_para(d, "%zu VM%s left out here: not degraded, and " UNTOLD_WHY ".", untold,
			     untold == 1 ? " is" : "s are", TELLS_MAX);
	put_overlay(d, parts);
}

static void put_many(struct vnx_doc *d, const struct vnx_report_parts *parts)
{
	struct vnx_doc_fact *links = calloc(parts->n + 2, sizeof(*links));

	if (!links) {
		d->l.failed = true;
		return;
	}
	links[0] = (struct vnx_doc_fact){ "comparison", "Comparison" };
	for (size_t i = 0; i < parts->n; i++)
		links[i + 1] = (struct vnx_doc_fact){ vnx_layout_format(&d->l, "in%zu", i + 1),
						      vnx_layout_format(&d->l, "%zu. %s", i + 1,
									parts->v[i].name) };
	links[parts->n + 1] = (struct vnx_doc_fact){ "repeat", "How to repeat it" };
	d->ops->contents(d, links, parts->n + 2);
	put_comparison(d, parts);
	for (size_t i = 0; i < parts->n; i++) {
		const struct vnx_report_part *part = &parts->v[i];

		vnx_doc_heading(d, 1, links[i + 1].label, "%s \u2013 %s", links[i + 1].text,
				part->in->f ? headline(d, part->in->f->dg) : "not readable");
		if (!part->in->f) {
			d->ops->box(d, VNX_TONE_WARN);
			vnx_doc_para(d, "%s", error_words(d, part->in->err));
			d->ops->box_end(d);
			continue;
		}
		d->base = 2;
		d->prefix = vnx_layout_format(&d->l, "in%zu-", i + 1);
		put_part(d, parts, part);
		d->base = 1;
		d->prefix = "";
	}
	free(links);
	vnx_report_repeat(d, parts->set, NULL);
}

static const char *headline_of_many(struct vnx_doc *d, const struct vnx_report_parts *parts)
{
	size_t degraded = 0, bad = 0;

	for (size_t i = 0; i < parts->n; i++) {
		bad += !parts->v[i].in->f;
		degraded += parts->v[i].in->f && parts->v[i].in->f->dg->verdict == VNX_DEGRADED;
	}
	return vnx_layout_format(&d->l, "%zu of %zu recordings show%s a degradation%s", degraded,
				 parts->n, degraded == 1 ? "s" : "",
				 bad ? vnx_layout_format(&d->l, ", %zu could not be read", bad)
				     : "");
}

int vnx_report_document(struct vnx_doc *d, const struct vnx_report_parts *parts)
{
	bool one = parts->n == 1;
	const char *title = one ? headline(d, parts->v[0].in->f->dg) : headline_of_many(d, parts);

	d->ops->begin(d, vnx_layout_format(&d->l, "%s \u2013 vnetdx", title));
	vnx_doc_heading(d, 0, "top", "%s", title);
	if (one)
		put_part(d, parts, &parts->v[0]);
	else
		put_many(d, parts);
	d->ops->end(d);
	if (d->ret)
		return d->ret;
	if (d->l.failed)
		return vnx_err_set(d->err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return vnx_output_check(d->out, d->err);
}
