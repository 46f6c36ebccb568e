// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a tired operator reads: the verdict in words first, then what it rests on, then how
 * it was measured. Many VMs become a table with details of the degraded ones.
 */
#include "cli/output/text/text.h"

#include <inttypes.h>
#include <math.h>

#include "cli/input/trace/clock_cost.h"
#include "cli/base/units.h"

#define DETAILS_MAX 4 /* up to so many VMs each gets its paragraph */
#define HEADLINES_MAX 10

static const char *verdict_words(enum vnx_verdict verdict)
{
	switch (verdict) {
	case VNX_DEGRADED:
		return VNX_BOLD VNX_RED "DEGRADED" VNX_PLAIN;
	case VNX_LIMITED:
		return VNX_BOLD VNX_YELLOW "LIMITED" VNX_PLAIN;
	case VNX_IDLE:
		return VNX_BOLD "IDLE" VNX_PLAIN;
	case VNX_HEALTHY:
		return VNX_BOLD VNX_GREEN "HEALTHY" VNX_PLAIN;
	default:
		return VNX_BOLD VNX_YELLOW "UNDETERMINED" VNX_PLAIN;
	}
}

static const char *cause_sentence(struct vnx_layout *l, const struct vnx_degradation *d)
{
	const char *missing = vnx_text_missing(l, d);

	if (d->cause != VNX_CAUSE_UNKNOWN || !*missing)
		return vnx_layout_format(l, "cause: %s", vnx_text_cause(d->cause));
	return vnx_layout_format(l, "cause: unknown, because %s %s not measured", missing,
				 d->missing.n == 1 ? "was" : "were");
}

/* "vm1 DEGRADED since 75.5 s: 118 -> 57 Mbit/s (-52 %); cause: ..." */
static const char *degraded_words(struct vnx_layout *l, const struct vnx_diagnosis *dg,
				  const struct vnx_vm_finding *vm, const char *label)
{
	char start[VNX_UNIT_LEN], end[VNX_UNIT_LEN], before[VNX_UNIT_LEN], after[VNX_UNIT_LEN];
	char change[VNX_UNIT_LEN], every[VNX_UNIT_LEN];
	struct vnx_episode ep;
	size_t episodes = vnx_pick_worst(vm, (double)dg->grid.bin_ns / 1e9, &ep);
	const char *when, *steps = "", *more = "";
	struct vnx_episode last;
	double top;

	if (!episodes)
		return vnx_layout_format(l, VNX_BOLD "%s" VNX_PLAIN " %s: %s", label,
					 verdict_words(vm->verdict), vnx_layout_safe(l, vm->why));
	vnx_seconds_format(ep.start_s, start);
	when = isnan(ep.end_s) ? vnx_layout_format(l, "since %s, and still is", start)
			       : vnx_layout_format(l, "from %s to %s", start,
						   vnx_seconds_format(ep.end_s, end));
	if (ep.n > 1)
		steps = vnx_layout_format(l, " in %zu steps", ep.n);
	if (episodes > 1)
		more = vnx_layout_format(l, "; the worst of %zu drops", episodes);
	if (ep.worst->recurs.times)
		more = vnx_layout_format(
			l, "; recurring, every %s, %zu times",
			vnx_layout_glue(l, vnx_seconds_format(ep.worst->recurs.every_s, every)),
			ep.worst->recurs.times);
	if (!isnan(ep.end_s) && vnx_pick_episode(vm, (double)dg->grid.bin_ns / 1e9, &last) &&
	    isnan(last.end_s))
		more = vnx_layout_format(
			l, "%s, and since %s still %s down", more,
			vnx_layout_glue(l, vnx_seconds_format(last.start_s, start)),
			vnx_layout_glue(l, vnx_percent_format(-last.change, end)));
	if (ep.worst->cause == VNX_CAUSE_UNKNOWN && vm->limits.n)
		more = vnx_layout_format(l, "%s; limited as well: %s", more,
					 vnx_text_cause(vm->limits.v[0].cause));
	top = fmax(ep.before_bps, ep.after_bps);
	return vnx_layout_format(l,
				 VNX_BOLD "%s" VNX_PLAIN " %s %s: " VNX_BOLD "%s \u2192 %s" VNX_NBSP
					  "%sbit/s" VNX_PLAIN " (%s%s); %s%s",
				 label, verdict_words(vm->verdict), when,
				 vnx_rate_scaled(ep.before_bps, top, before),
				 vnx_rate_scaled(ep.after_bps, top, after),
				 vnx_scale_for(top).prefix,
				 vnx_layout_glue(l, vnx_percent_format(ep.change, change)), steps,
				 cause_sentence(l, ep.worst), more);
}

/* "vm1 LIMITED at 37.7 Mbit/s: throttled, ...; asked for 218" */
static const char *limited_words(struct vnx_layout *l, const struct vnx_vm_finding *vm,
				 const char *label)
{
	const struct vnx_limit *limit = &vm->limits.v[0];
	char got[VNX_UNIT_LEN], asked[VNX_UNIT_LEN];
	const char *at = "", *of = "", *more = "";

	if (!isnan(vm->got_bps))
		at = vnx_layout_format(l, " at %s",
				       vnx_layout_glue(l, vnx_rate_format(vm->got_bps, got)));
	if (!isnan(vm->asked_bps))
		of = vnx_layout_format(l, " of the %s asked for",
				       vnx_layout_glue(l, vnx_rate_format(vm->asked_bps, asked)));
	if (vm->limits.n > 1)
		more = vnx_layout_format(l, "; %zu more limit%s below", vm->limits.n - 1,
					 vm->limits.n == 2 ? "" : "s");
	return vnx_layout_format(l, VNX_BOLD "%s" VNX_PLAIN " %s%s%s: %s%s", label,
				 verdict_words(VNX_LIMITED), at, of, vnx_text_cause(limit->cause),
				 more);
}

const char *vnx_text_verdict(struct vnx_layout *l, const struct vnx_diagnosis *dg, size_t i)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	VNX_CLEANUP_FREE char *name = vnx_pick_label(dg, i);
	const char *label = vnx_layout_safe(l, name);

	if (vm->verdict == VNX_DEGRADED)
		return degraded_words(l, dg, vm, label);
	if (vm->verdict == VNX_LIMITED)
		return limited_words(l, vm, label);
	return vnx_layout_format(l, VNX_BOLD "%s" VNX_PLAIN " %s%s%s", label,
				 verdict_words(vm->verdict), vm->why && *vm->why ? ": " : "",
				 vnx_layout_safe(l, vm->why));
}

size_t vnx_text_count(const struct vnx_diagnosis *dg, enum vnx_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < dg->vms.n; i++)
		n += dg->vms.v[i].verdict == verdict;
	return n;
}

const char *vnx_text_tally(struct vnx_layout *l, const struct vnx_diagnosis *dg)
{
	const char *list = "";

	for (enum vnx_verdict v = 0; v < VNX_VERDICT_MAX; v++)
		if (vnx_text_count(dg, v) || v == VNX_DEGRADED)
			list = *list ? vnx_layout_format(l, "%s, %zu %s", list,
							 vnx_text_count(dg, v), vnx_verdict_name(v))
				     : vnx_layout_format(l, "%zu of %zu VMs %s",
							 vnx_text_count(dg, v), dg->vms.n,
							 vnx_verdict_name(v));
	return list;
}

/* Is this VM news where there are many? */
static bool is_news(const struct vnx_vm_finding *vm)
{
	return vm->verdict == VNX_DEGRADED || vm->verdict == VNX_LIMITED;
}

/* The verdict on the host, and a sentence for each VM that needs one. */
static void put_headlines(struct vnx_layout *l, const struct vnx_finding *f)
{
	const struct vnx_diagnosis *dg = f->dg;
	bool calls = f->run && vnx_unattributed_sum(&f->run->unattributed);
	size_t told = 0;
	bool many = dg->vms.n > DETAILS_MAX;

	if (!dg->vms.n)
		vnx_layout_para(l, 0, 2, "%s: no virtual machine was seen%s",
				verdict_words(dg->verdict),
				calls ? "; the calls that were are unattributed, see below" : "");
	if (dg->vms.n > 1)
		vnx_layout_para(l, 0, 2, "%s: %s", verdict_words(dg->verdict),
				vnx_text_tally(l, dg));
	for (size_t i = 0; i < dg->vms.n; i++) {
		if (many && !is_news(&dg->vms.v[i]))
			continue;
		if (many && ++told > HEADLINES_MAX)
			continue;
		vnx_layout_para(l, 0, 2, "%s", vnx_text_verdict(l, dg, i));
	}
	if (told > HEADLINES_MAX)
		vnx_layout_para(l, 0, 2, "... and %zu more, see the table", told - HEADLINES_MAX);
}

static void put_warnings(struct vnx_layout *l, const struct vnx_finding *f)
{
	struct vnx_texts warnings = { 0 };

	if (vnx_pick_warnings(f, &warnings))
		l->failed = true;
	for (size_t i = 0; i < warnings.n; i++)
		vnx_layout_para(l, 0, 2, VNX_YELLOW "warning:" VNX_PLAIN " %s",
				vnx_layout_safe(l, warnings.v[i]));
	vnx_texts_fini(&warnings);
}

static const char *row_verdict(struct vnx_layout *l, const struct vnx_diagnosis *dg,
			       const struct vnx_vm_finding *vm)
{
	char change[VNX_UNIT_LEN];
	struct vnx_episode ep;

	if (vm->verdict == VNX_HEALTHY)
		return VNX_GREEN "healthy" VNX_PLAIN;
	if (vm->verdict != VNX_DEGRADED)
		return vnx_layout_format(l, "%s%s" VNX_PLAIN,
					 vm->verdict == VNX_IDLE ? VNX_DIM : VNX_YELLOW,
					 vnx_verdict_name(vm->verdict));
	if (!vnx_pick_worst(vm, (double)dg->grid.bin_ns / 1e9, &ep))
		return VNX_RED "DEGRADED" VNX_PLAIN;
	return vnx_layout_format(l, VNX_RED "DEGRADED %s" VNX_PLAIN,
				 vnx_percent_format(ep.change, change));
}

static void put_row(struct vnx_layout *l, const struct vnx_diagnosis *dg, size_t i, unsigned name)
{
	const struct vnx_vm_finding *vm = &dg->vms.v[i];
	const struct vnx_correlation *c =
		vnx_pick_corr(vm, vnx_pick_calls(vm), VNX_ON_RAW, VNX_PEARSON);
	char mean[VNX_UNIT_LEN], p05[VNX_UNIT_LEN], *label = vnx_pick_label(dg, i);

	vnx_layout_line(l, "%s %-14s %s %s %s  %s", vnx_layout_fit(l, label, name, false),
			vnx_backend_name(vm->vm.backend),
			vnx_layout_fit(l, vnx_rate_format(vm->throughput.mean_bps, mean), 11, true),
			vnx_layout_fit(l, vnx_rate_format(vm->throughput.p05_bps, p05), 11, true),
			c && isfinite(c->c.r) ? vnx_layout_format(l, "%5.2f", c->c.r) : "    -",
			row_verdict(l, dg, vm));
	free(label);
}

static void put_table(struct vnx_layout *l, const struct vnx_diagnosis *dg)
{
	unsigned name = l->columns - 62;

	vnx_layout_line(l, "\n" VNX_DIM "%s %-14s %11s %11s %5s  %s" VNX_PLAIN,
			vnx_layout_fit(l, "VM", name, false), "back end", "mean", "p5", "r",
			"verdict");
	for (size_t i = 0; i < dg->vms.n; i++)
		put_row(l, dg, i, name);
}

static void put_details(struct vnx_layout *l, const struct vnx_finding *f, bool verbose)
{
	bool many = f->dg->vms.n > DETAILS_MAX;
	size_t told = 0, left = 0;

	for (size_t i = 0; i < f->dg->vms.n; i++) {
		if (many && !verbose && !is_news(&f->dg->vms.v[i]))
			continue;
		if (many && !verbose && told >= HEADLINES_MAX) {
			left++;
			continue;
		}
		vnx_text_vm(l, f, i, verbose);
		told++;
	}
	if (left)
		vnx_layout_para(l, 0, 2, "\n... %zu more VMs: -v shows all", left);
}

static void put_foot(struct vnx_layout *l, const char *label, const char *text)
{
	vnx_layout_para(l, 0, 7, VNX_DIM "%s%.*s%s" VNX_PLAIN, label, (int)(7 - strlen(label)) * 2,
			VNX_NBSP VNX_NBSP VNX_NBSP VNX_NBSP VNX_NBSP VNX_NBSP VNX_NBSP, text);
}

static void put_refusals(struct vnx_layout *l, const struct vnx_hook *hook)
{
	for (size_t i = 0; i < hook->refused.n; i++)
		vnx_layout_para(l, 9, 11, VNX_DIM "%s: %s refused: %s" VNX_PLAIN,
				vnx_metric_name(hook->metric),
				vnx_layout_safe(l, hook->refused.v[i].hook),
				vnx_layout_safe(l, hook->refused.v[i].why));
}

/* "never ran" is said always, the rest to those who ask. */
static void put_verified(struct vnx_layout *l, const struct vnx_hook *hook, bool verbose)
{
	const struct vnx_verified *v = &hook->verified;
	const char *metric = vnx_metric_name(hook->metric);

	if (!v->against[0]) {
		if (verbose && v->why[0] && hook->hook[0])
			vnx_layout_para(l, 9, 11, VNX_DIM "%s: %s" VNX_PLAIN, metric,
					vnx_layout_safe(l, v->why));
		return;
	}
	if (!verbose && !v->why[0])
		return;
	vnx_layout_para(l, 9, 11, VNX_DIM "%s: counted %llu, %s %llu%s%s" VNX_PLAIN, metric,
			(unsigned long long)v->hook, vnx_layout_safe(l, v->against),
			(unsigned long long)v->account, v->why[0] ? "; " : "",
			vnx_layout_safe(l, v->why));
}

static void put_hooks(struct vnx_layout *l, const struct vnx_hooks *hooks, bool verbose)
{
	const char *list = "";

	for (size_t i = 0; i < hooks->n; i++) {
		const struct vnx_hook *h = &hooks->v[i];

		list = vnx_layout_format(
			l, "%s%s%s" VNX_NBSP "%s%s%s%s", list, *list ? ", " : "",
			vnx_metric_name(h->metric), *h->hook ? "by" VNX_NBSP : "not possible",
			vnx_layout_safe(l, h->hook), *h->note ? " (" : "",
			*h->note ? vnx_layout_format(l, "%s)", vnx_layout_safe(l, h->note)) : "");
	}
	put_foot(l, "hooks", *list ? list : "none: tap counters only");
	for (size_t i = 0; i < hooks->n; i++) {
		put_verified(l, &hooks->v[i], verbose);
		if (verbose)
			put_refusals(l, &hooks->v[i]);
	}
}

const char *vnx_text_unattributed(struct vnx_layout *l, const struct vnx_run *run)
{
	const struct vnx_unattributed *u = &run->unattributed;
	const char *list = "";

	for (int m = 0; m <= VNX_VCPU_HALT; m++)
		if (u->counts[m])
			list = vnx_layout_format(l, "%s%s%" PRIu64 VNX_NBSP "%s", list,
						 *list ? ", " : "", u->counts[m],
						 vnx_metric_name(m));
	if (!*list)
		return "";
	return vnx_layout_format(l, "%s unattributed: in threads of no known VM%s%s%s%s%s", list,
				 *u->threads ? " (" : "", vnx_layout_safe(l, u->threads),
				 *u->threads ? ")" : "", u->remedy ? ". " : "",
				 u->remedy ? u->remedy : "");
}

static void put_cost(struct vnx_layout *l, const struct vnx_run_facts *facts)
{
	char events[VNX_UNIT_LEN], ns[VNX_UNIT_LEN], share[VNX_UNIT_LEN];
	const char *each = "", *cpu = "";

	if (!isnan(facts->stats.ns_per_event))
		each = vnx_layout_format(l, " of %s",
					 vnx_cost_format(facts->stats.ns_per_event, ns));
	if (!isnan(facts->cpu_share))
		cpu = vnx_layout_format(l, "; vnetdx took %s of one CPU%s",
					vnx_percent_format(facts->cpu_share, share),
					*each ? "" : ", its hooks not measured");
	put_foot(l, "cost",
		 vnx_layout_format(l, "%s events%s%s",
				   vnx_count_format((double)facts->stats.events, events), each,
				   cpu));
}

static const char *placed_by(struct vnx_layout *l, const struct vnx_throughput *tp)
{
	char by[VNX_UNIT_LEN];

	if (tp->method == VNX_ALIGN_TIMESTAMP)
		return "timestamp (both hosts' wall clocks taken for the same)";
	if (tp->method == VNX_ALIGN_GIVEN)
		return vnx_layout_format(l, "hand (--offset %s)",
					 vnx_layout_glue(l, vnx_seconds_format(tp->offset_s, by)));
	return vnx_align_name(tp->method);
}

const char *vnx_text_clock(struct vnx_layout *l, const struct vnx_throughput *tp)
{
	char err[VNX_UNIT_LEN];
	const char *dropped = "";

	if (!tp->intervals.n && tp->latency.n)
		return "";
	if (tp->dropped)
		dropped = vnx_layout_format(l, "; %zu odd interval%s left out", tp->dropped,
					    tp->dropped == 1 ? "" : "s");
	if (tp->method == VNX_ALIGN_NONE)
		return "the load's clock could not be brought onto the host's: --offset places it";
	return vnx_layout_format(
		l, "%s brought onto the host's clock by %s," VNX_NBSP "\u00b1" VNX_NBSP "%s%s",
		vnx_layout_safe(l, tp->source), placed_by(l, tp),
		vnx_layout_glue(l, vnx_seconds_format(tp->uncertainty_s, err)), dropped);
}

static void put_clock(struct vnx_layout *l, const struct vnx_throughput *tp)
{
	if (!tp)
		return;
	if (tp->note)
		put_foot(l, "load", vnx_layout_safe(l, tp->note));
	if (*vnx_text_clock(l, tp))
		put_foot(l, "clock", vnx_text_clock(l, tp));
}

const char *vnx_text_clock_cost(struct vnx_layout *l, const char *clock)
{
	const struct vnx_clock_cost *cost = vnx_clock_cost(clock);

	if (!cost)
		return "";
	return *clock ? vnx_layout_format(l, "the trace's clock is \"%s\": %s",
					  vnx_layout_safe(l, clock), cost->cost)
		      : vnx_layout_format(l, "the trace does not name its clock: %s", cost->cost);
}

/* A clock that costs nothing is not worth a line. */
static void put_clock_cost(struct vnx_layout *l, const struct vnx_run_facts *facts)
{
	const char *words = vnx_text_clock_cost(l, facts->clock);

	if (*words)
		put_foot(l, "time", words);
}

const char *vnx_text_bent(struct vnx_layout *l, const struct vnx_capture_stats *stats)
{
	char late[VNX_UNIT_LEN];

	return vnx_layout_format(
		l,
		"the kernel's tick ended %" PRIu64 " thread's bin%s late, by up to %s: "
		"these counts are spread over the time they are from",
		stats->bent, stats->bent == 1 ? "" : "s", vnx_seconds_format(stats->bent_s, late));
}

static void put_footer(struct vnx_layout *l, const struct vnx_finding *f, bool verbose)
{
	const struct vnx_grid *grid = &f->dg->grid;
	char width[VNX_UNIT_LEN], span[VNX_UNIT_LEN];

	vnx_layout_line(l, "%s", "");
	if (f->run)
		put_hooks(l, &f->run->hooks, verbose);
	put_foot(l, "bins",
		 vnx_layout_format(l, "%zu of %s (%s), %zu missing; %" PRIu64 " events lost",
				   grid->n, vnx_seconds_format(vnx_bin_start_s(grid, 1), width),
				   vnx_seconds_format(vnx_bin_start_s(grid, grid->n), span),
				   f->dg->bins_missing, f->dg->lost_events));
	if (f->run && *vnx_text_unattributed(l, f->run))
		put_foot(l, "calls", vnx_text_unattributed(l, f->run));
	if (f->run)
		put_cost(l, &f->run->facts);
	put_clock(l, f->tp);
	if (f->run)
		put_clock_cost(l, &f->run->facts);
	if (f->run && f->run->facts.stats.bent)
		put_foot(l, "edges", vnx_text_bent(l, &f->run->facts.stats));
	if (f->run && (*f->run->facts.host || *f->run->facts.kernel))
		put_foot(l, "host",
			 vnx_layout_format(l, "%s, Linux %s, capture %s",
					   vnx_layout_safe(l, f->run->facts.host),
					   vnx_layout_safe(l, f->run->facts.kernel),
					   vnx_layout_safe(l, f->run->facts.capture)));
}

static int report_text(const struct vnx_finding *f, const struct vnx_report_conf *conf, FILE *out,
		       struct vnx_err *err)
{
	struct vnx_layout l;
	int ret;

	vnx_layout_init(&l, conf, out);
	if (conf->input)
		vnx_layout_para(&l, 0, 2, "%s" VNX_BOLD "%s" VNX_PLAIN ":", conf->go_on ? "\n" : "",
				vnx_layout_safe(&l, conf->input));
	put_headlines(&l, f);
	put_warnings(&l, f);
	if (!conf->quiet) {
		if (f->dg->vms.n > DETAILS_MAX)
			put_table(&l, f->dg);
		put_details(&l, f, conf->verbose);
		put_footer(&l, f, conf->verbose);
	}
	ret = l.failed ? vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory")
		       : vnx_output_check(out, err);
	vnx_layout_fini(&l);
	return ret;
}

const struct vnx_reporter_ops vnx_reporter_text = {
	.name = "text",
	.report = report_text,
};
