// SPDX-License-Identifier: GPL-2.0-only
/* One VM in text: what it is, what it moved, when it fell, what the call counts say. */
#include "cli/output/text/text.h"

#include <inttypes.h>
#include <math.h>

#include "cli/base/units.h"

#define LABEL 12 /* columns of the label before each paragraph */

static const char *const cause_words[VNX_CAUSE_MAX] = {
	[VNX_CAUSE_CPU_CONTENTION] = "CPU contention, the vhost thread waits for a CPU",
	[VNX_CAUSE_THROTTLED] = "throttled, a quota or pinning holds the vhost thread back",
	[VNX_CAUSE_VHOST_SATURATED] = "vhost thread saturated, one thread can do no more",
	[VNX_CAUSE_VCPU_STARVED] = "vCPUs starved, the guest waits for a CPU",
	[VNX_CAUSE_SENDER_LIMITED] = "sender limited, the guest has little to send",
	[VNX_CAUSE_NOTIFICATION_STORM] = "notification storm, many kicks with few bytes each",
	[VNX_CAUSE_GUEST_RING_FULL] = "guest ring full, the guest does not take its packets",
	[VNX_CAUSE_SOFTIRQ_SATURATED] = "softirq saturated, interrupt work holds the CPU",
	[VNX_CAUSE_OFFLOAD_OFF] = "offload off, packets of one MTU where there were large ones",
	[VNX_CAUSE_PATH_DELAY] = "path delay, the round trip takes longer",
	[VNX_CAUSE_VM_PAUSED] = "VM paused, no vCPU entered the guest",
	[VNX_CAUSE_HOST_STOLEN] = "host stolen, a hypervisor below took the CPU",
	[VNX_CAUSE_LINK_LIMITED] = "link limited, the NIC, qdisc or shaper is full or drops",
	[VNX_CAUSE_RECEIVER_LIMITED] = "receiver limited",
	[VNX_CAUSE_PATH_LOSS] = "loss beyond the host",
	[VNX_CAUSE_EMULATED_BACKEND] = "emulated back end, QEMU itself moves the packets",
	[VNX_CAUSE_MEASUREMENT_ARTEFACT] = "measurement artefact, not a fall of the network",
	[VNX_CAUSE_UNKNOWN] = "unknown",
};

const char *vnx_text_cause(enum vnx_cause cause)
{
	return (unsigned)cause < VNX_CAUSE_MAX ? cause_words[cause] : "unknown";
}

double vnx_text_top(const double *x, size_t n)
{
	double top = 0;

	for (size_t i = 0; x && i < n; i++)
		if (x[i] > top)
			top = x[i];
	return top;
}

const char *vnx_text_missing(struct vnx_layout *l, const struct vnx_degradation *d)
{
	const char *list = "", *sep;

	for (size_t i = 0; i < d->missing.n; i++) {
		sep = !i ? "" : i + 1 == d->missing.n ? " and " : ", ";
		list = vnx_layout_format(l, "%s%s%s", list, sep,
					 vnx_layout_safe(l, d->missing.v[i].what));
	}
	return list;
}

static const char *iface_words(struct vnx_layout *l, const struct vnx_iface *iface)
{
	const char *name = vnx_layout_safe(l, iface->name), *sw = vnx_layout_safe(l, iface->sw);
	const char *kind = vnx_layout_safe(l, iface->switch_kind), *up = "";
	char rate[VNX_UNIT_LEN];

	if (!*name)
		return "";
	vnx_rate_format((double)iface->uplink_bps, rate);
	if (iface->uplink && *iface->uplink)
		up = vnx_layout_format(l, ", uplink %s%s%s", vnx_layout_safe(l, iface->uplink),
				       iface->uplink_bps > 0 ? " " : "",
				       iface->uplink_bps > 0 ? vnx_layout_glue(l, rate) : "");
	if (!*sw)
		return vnx_layout_format(l, ", %s on no switch", name);
	return vnx_layout_format(l, ", %s in %s%s%s%s", name, strcmp(kind, "unknown") ? kind : "",
				 *kind && strcmp(kind, "unknown") ? " " : "", sw, up);
}

/* "virtio-net, back end vhost-net"; a raw trace tells no card, at most a vhost worker. */
static const char *card_words(struct vnx_layout *l, const struct vnx_vm *vm)
{
	const char *nic = vnx_layout_safe(l, vm->nic);

	if (vm->backend == VNX_BACKEND_NONE && !*nic)
		return "no network card";
	if (vm->backend == VNX_BACKEND_UNKNOWN && !*nic)
		return "network card not known";
	return vnx_layout_format(l, "%s%sback end" VNX_NBSP "%s", nic, *nic ? ", " : "",
				 vnx_backend_name(vm->backend));
}

const char *vnx_text_identity(struct vnx_layout *l, const struct vnx_vm *vm)
{
	const char *ifaces = "";

	for (size_t i = 0; i < vm->ifaces.n; i++)
		ifaces = vnx_layout_format(l, "%s%s", ifaces, iface_words(l, &vm->ifaces.v[i]));
	return vnx_layout_format(l, "%s%s, pid" VNX_NBSP "%" PRIu32, card_words(l, vm), ifaces,
				 vm->pid);
}

static void put_identity(struct vnx_layout *l, const struct vnx_vm *vm, const char *label)
{
	vnx_layout_para(l, 0, 2 + LABEL, VNX_BOLD "%s" VNX_PLAIN VNX_NBSP " %s", label,
			vnx_text_identity(l, vm));
}

/* "label      text", the text wrapped under itself. */
static void put_label(struct vnx_layout *l, const char *label, const char *text)
{
	const char *pad = "";

	for (size_t i = strlen(label); i < LABEL; i++)
		pad = vnx_layout_format(l, "%s" VNX_NBSP, pad);
	vnx_layout_para(l, 2, 2 + LABEL, VNX_DIM "%s" VNX_PLAIN "%s%s", label, pad, text);
}

static bool is_nothing(const struct vnx_throughput_summary *t)
{
	return vnx_rate_told(t->p95_bps) == 0 && vnx_rate_told(t->mean_bps) == 0;
}

static void put_throughput(struct vnx_layout *l, const struct vnx_throughput_summary *t)
{
	char mean[VNX_UNIT_LEN], p05[VNX_UNIT_LEN], p50[VNX_UNIT_LEN], p95[VNX_UNIT_LEN];

	if (isnan(t->mean_bps)) {
		put_label(l, "throughput", "not measured");
		return;
	}
	if (is_nothing(t)) {
		put_label(l, "throughput", "0 (less than 1 kbit/s)");
		return;
	}
	put_label(l, "throughput",
		  vnx_layout_format(l, "mean %s, p5 %s, median %s, p95 %s" VNX_NBSP "%sbit/s (%s)",
				    vnx_rate_scaled(t->mean_bps, t->p95_bps, mean),
				    vnx_rate_scaled(t->p05_bps, t->p95_bps, p05),
				    vnx_rate_scaled(t->p50_bps, t->p95_bps, p50),
				    vnx_rate_scaled(t->p95_bps, t->p95_bps, p95),
				    vnx_scale_for(t->p95_bps).prefix,
				    t->source && *t->source ? vnx_layout_safe(l, t->source)
							    : "source not known"));
}

/* Writes @text at @at where nothing stands yet. */
static void put_if_free(char *line, size_t at, const char *text)
{
	size_t len = strlen(text);

	if (strspn(line + at, " ") >= len)
		memcpy(line + at, text, len);
}

/* A mark under every fall's start, and the time from end to end of the run. */
static const char *spark_axis(struct vnx_layout *l, const struct vnx_grid *grid,
			      const struct vnx_vm_finding *vm, unsigned width)
{
	double end_s = vnx_bin_start_s(grid, grid->n), at;
	char line[128], end[VNX_UNIT_LEN];

	width = width < sizeof(line) ? width : sizeof(line) - 1;
	memset(line, ' ', width);
	line[width] = '\0';
	for (size_t i = 0; i < vm->degradations.n; i++) {
		at = floor(vm->degradations.v[i].start_s / end_s * width);
		if (at >= 0 && at < width)
			line[(size_t)at] = '^';
	}
	put_if_free(line, 0, "0 s");
	vnx_seconds_format(end_s, end);
	put_if_free(line, width - strlen(end), end);
	return vnx_layout_format(l, "%s", line);
}

static void put_spark(struct vnx_layout *l, const struct vnx_grid *grid,
		      const struct vnx_vm_finding *vm)
{
	unsigned width = l->columns - 2 - LABEL;
	const double *x = vm->series[VNX_THROUGHPUT];
	double top = vnx_text_top(x, grid->n);
	char peak[VNX_UNIT_LEN];

	if (!x || top <= 0 || is_nothing(&vm->throughput))
		return;
	vnx_layout_line(l, VNX_DIM "%*s " VNX_PLAIN "%s", LABEL + 1, vnx_rate_format(top, peak),
			vnx_layout_spark(l, x, grid->n, width, top));
	vnx_layout_line(l, VNX_DIM "%*s %s" VNX_PLAIN, LABEL + 1, "0",
			spark_axis(l, grid, vm, width));
}

static void put_degradation(struct vnx_layout *l, const struct vnx_degradation *d)
{
	char start[VNX_UNIT_LEN], err[VNX_UNIT_LEN], end[VNX_UNIT_LEN], before[VNX_UNIT_LEN];
	char after[VNX_UNIT_LEN], change[VNX_UNIT_LEN];

	vnx_seconds_format(d->start_s, start);
	vnx_seconds_format(d->start_uncertainty_s, err);
	if (isnan(d->end_s))
		snprintf(end, sizeof(end), "lasts");
	else
		vnx_seconds_format(d->end_s, end);
	vnx_layout_line(
		l, "%*s%s %s %s %s " VNX_RED "%s" VNX_PLAIN "  %s", 2, "",
		vnx_layout_fit(l, vnx_layout_format(l, "%s \u00b1 %s", start, err), 18, false),
		vnx_layout_fit(l, end, 8, true),
		vnx_layout_fit(l, vnx_rate_format(d->before_bps, before), 11, true),
		vnx_layout_fit(l, vnx_rate_format(d->after_bps, after), 11, true),
		vnx_layout_fit(l, vnx_percent_format(d->change, change), 7, true),
		vnx_cause_name(d->cause));
}

/* What the counters did over the last fall, from its start to the level it led to. */
static void put_meanwhile(struct vnx_layout *l, const struct vnx_vm_finding *vm, double bin_s)
{
	char before[VNX_UNIT_LEN], after[VNX_UNIT_LEN];
	const char *list = "";
	struct vnx_episode ep;

	if (!vnx_pick_episode(vm, bin_s, &ep))
		return;
	for (size_t i = 0; i < ep.first->levels.n && i < ep.last->levels.n; i++) {
		const struct vnx_evidence *b = &ep.first->levels.v[i];
		const struct vnx_evidence *a = &ep.last->levels.v[i];

		if (b->metric != a->metric || !vnx_metric_is_call(b->metric))
			continue;
		list = vnx_layout_format(
			l, "%s%s%s" VNX_NBSP "%s" VNX_NBSP "\u2192" VNX_NBSP "%s", list,
			*list ? ", " : "", vnx_metric_name(b->metric),
			vnx_layout_glue(l, vnx_count_format(round(b->before), before)),
			vnx_layout_glue(l, vnx_count_format(round(a->after), after)));
	}
	if (*list)
		put_label(l, "meanwhile", vnx_layout_format(l, "%s calls/s", list));
}

const char *vnx_text_why(struct vnx_layout *l, const struct vnx_degradation *d)
{
	const char *who = "";
	char share[VNX_UNIT_LEN];

	for (size_t k = 0; k < d->offenders.n; k++) {
		const struct vnx_offender *o = &d->offenders.v[k];

		who = vnx_layout_format(l, "%s%s%s %s (pid" VNX_NBSP "%u) for %s", who,
					*who ? ", " : "", o->is_vm ? "VM" : "process",
					vnx_layout_safe(l, o->name), o->pid,
					vnx_layout_glue(l, vnx_percent_format(o->share, share)));
	}
	if (!d->finding || !*d->finding)
		return "";
	return vnx_layout_format(l, "%s%s%s%s", vnx_layout_safe(l, d->finding),
				 *who ? " The CPU was held by " : "", who, *who ? " of that." : "");
}

/*
 * What decided each cause, and who is to blame; falls of one finding are told once, and where there
 * are more than are shown each cause is.
 */
static void put_findings(struct vnx_layout *l, const struct vnx_vm_finding *vm, bool all)
{
	bool told[VNX_CAUSE_MAX] = { false };
	const char *last = "";

	for (size_t i = 0; i < vm->degradations.n; i++) {
		const struct vnx_degradation *d = &vm->degradations.v[i];
		const char *why = vnx_text_why(l, d);
		char start[VNX_UNIT_LEN];

		if (!*why || !strcmp(d->finding, last) ||
		    (!all && (told[d->cause] || !vnx_pick_is_shown(vm, i))))
			continue;
		told[d->cause] = true;
		last = d->finding;
		if (vm->degradations.n > 1)
			why = vnx_layout_format(
				l, "%s (fall at %s)", why,
				vnx_layout_glue(l, vnx_seconds_format(d->start_s, start)));
		put_label(l, "why", why);
	}
}

static bool told_before(const struct vnx_vm_finding *vm, size_t i, const char *what)
{
	for (size_t j = 0; j < i; j++)
		for (size_t k = 0; k < vm->degradations.v[j].missing.n; k++)
			if (!strcmp(vm->degradations.v[j].missing.v[k].what, what))
				return true;
	return false;
}

/* What no hook measured; how to get it takes room and comes with -v. */
static void put_missing(struct vnx_layout *l, const struct vnx_vm_finding *vm, bool verbose)
{
	const struct vnx_missing *m;
	const char *list = "";

	for (size_t i = 0; i < vm->degradations.n; i++) {
		for (size_t k = 0; k < vm->degradations.v[i].missing.n; k++) {
			m = &vm->degradations.v[i].missing.v[k];
			if (told_before(vm, i, m->what))
				continue;
			if (verbose)
				put_label(l, "unmeasured",
					  vnx_layout_format(l, "%s%s%s",
							    vnx_layout_safe(l, m->what),
							    m->how && *m->how ? ": " : "",
							    vnx_layout_safe(l, m->how)));
			list = vnx_layout_format(l, "%s%s%s", list, *list ? ", " : "",
						 vnx_layout_safe(l, m->what));
		}
	}
	if (*list && !verbose)
		put_label(l, "unmeasured", vnx_layout_format(l, "%s (-v: how to get them)", list));
}

static void put_advice(struct vnx_layout *l, const struct vnx_vm_finding *vm)
{
	const char *last = "", *advice;

	for (size_t i = 0; i < vm->degradations.n; i++) {
		advice = vm->degradations.v[i].advice;
		if (!advice || !*advice || !strcmp(advice, last))
			continue;
		put_label(l, "advice", vnx_layout_safe(l, advice));
		last = advice;
	}
}

static bool told_as_cause(const struct vnx_vm_finding *vm, enum vnx_cause cause)
{
	for (size_t i = 0; i < vm->degradations.n; i++)
		if (vm->degradations.v[i].cause == cause)
			return true;
	return false;
}

/* What holds the VM back now, where no drop in throughput told it already. */
static void put_limits(struct vnx_layout *l, const struct vnx_vm_finding *vm)
{
	const char *last = "";

	for (size_t i = 0; i < vm->limits.n; i++) {
		const struct vnx_limit *limit = &vm->limits.v[i];

		if (told_as_cause(vm, limit->cause))
			continue;
		put_label(l, "limit",
			  vnx_layout_format(l, VNX_BOLD "%s" VNX_PLAIN ": %s",
					    vnx_cause_name(limit->cause),
					    vnx_layout_safe(l, limit->finding)));
		/* the same remedy for eight queues is one remedy */
		if (strcmp(limit->advice, last))
			put_label(l, "advice", vnx_layout_safe(l, limit->advice));
		last = limit->advice;
	}
}

static void put_degradations(struct vnx_layout *l, const struct vnx_vm_finding *vm, double bin_s,
			     bool verbose)
{
	size_t left_out = verbose ? 0 : vnx_pick_left_out(vm);

	if (!vm->degradations.n)
		return;
	vnx_layout_line(l, VNX_DIM "  %-18s %8s %11s %11s %7s  %s" VNX_PLAIN, "fall starts", "ends",
			"before", "after", "change", "cause");
	for (size_t i = 0; i < vm->degradations.n; i++)
		if (verbose || vnx_pick_is_shown(vm, i))
			put_degradation(l, &vm->degradations.v[i]);
	if (left_out)
		vnx_layout_line(l,
				VNX_DIM
				"  and %zu smaller ones (-v lists all, --json tells all)" VNX_PLAIN,
				left_out);
	put_findings(l, vm, !left_out);
	put_meanwhile(l, vm, bin_s);
	put_missing(l, vm, verbose);
	put_advice(l, vm);
}

static bool is_certain(const struct vnx_corr *c)
{
	return isfinite(c->ci_lo) && isfinite(c->ci_hi) && (c->ci_lo > 0 || c->ci_hi < 0);
}

/* What a person may take from r and its interval. */
static const char *strength(const struct vnx_corr *c)
{
	if (!is_certain(c))
		return "show no certain link with throughput";
	if (c->r < 0)
		return "rise where throughput falls";
	if (c->r >= 0.8)
		return "explain throughput well";
	return c->r >= 0.5 ? "explain throughput in part" : "explain little of throughput";
}

static const char *r_words(struct vnx_layout *l, const struct vnx_corr *c)
{
	if (!isfinite(c->ci_lo) || !isfinite(c->ci_hi))
		return vnx_layout_format(l, "%.2f", c->r);
	return vnx_layout_format(l, "%.2f" VNX_NBSP "[%.2f," VNX_NBSP "%.2f]", c->r, c->ci_lo,
				 c->ci_hi);
}

/* "; 10 s SMA 0.97 [..]" or what keeps it from being a number. */
static const char *other_r(struct vnx_layout *l, const struct vnx_vm_finding *vm, enum vnx_metric x,
			   enum vnx_corr_on on, const char *name)
{
	const struct vnx_correlation *c = vnx_pick_corr(vm, x, on, VNX_PEARSON);

	if (!c)
		return "";
	if (!isfinite(c->c.r))
		return vnx_layout_format(l, "; %s undefined (%s)", name,
					 vnx_layout_safe(l, c->c.undefined));
	return vnx_layout_format(l, "; %s %s", name, r_words(l, &c->c));
}

const char *vnx_text_no_number(struct vnx_layout *l, enum vnx_metric x, const char *why)
{
	const char *name = vnx_metric_name(x), *safe = vnx_layout_safe(l, why);

	if (!strncmp(safe, name, strlen(name)))
		return vnx_layout_format(l, "no correlation with throughput: %s", safe);
	return vnx_layout_format(l, "no correlation of %s with throughput: %s", name,
				 *safe ? safe : "not computed");
}

static const char *explains(struct vnx_layout *l, const struct vnx_diagnosis *dg,
			    const struct vnx_vm_finding *vm, enum vnx_metric x)
{
	const struct vnx_correlation *raw = vnx_pick_corr(vm, x, VNX_ON_RAW, VNX_PEARSON);
	const struct vnx_correlation *within =
		vnx_pick_corr(vm, x, VNX_ON_WITHIN_STAGE, VNX_PEARSON);
	const char *sma, *tail = "";
	char window[VNX_UNIT_LEN];

	if (!raw)
		return NULL;
	if (!isfinite(raw->c.r))
		return vnx_text_no_number(l, x, raw->c.undefined);
	if (vm->totals[x] < VNX_FEW_CALLS)
		return vnx_text_no_number(l, x,
					  vnx_layout_format(l, "only %.0f calls", vm->totals[x]));
	if (within && isfinite(within->c.ci_lo) && is_certain(&raw->c) && !is_certain(&within->c))
		tail = "; the link is between the stages' levels, not from bin to bin";
	vnx_seconds_format(vnx_bin_start_s(&dg->grid, dg->sma_bins), window);
	sma = vnx_layout_glue(l, vnx_layout_format(l, "%s SMA", window));
	return vnx_layout_format(l,
				 "%s calls " VNX_BOLD "%s" VNX_PLAIN ": r" VNX_NBSP "=" VNX_NBSP
				 "%s%s%s; n_eff" VNX_NBSP "%.0f of %zu bins%s",
				 vnx_metric_name(x), strength(&raw->c), r_words(l, &raw->c),
				 other_r(l, vm, x, VNX_ON_SMA, sma),
				 other_r(l, vm, x, VNX_ON_WITHIN_STAGE, "within stages"),
				 raw->c.n_eff, raw->c.n, tail);
}

const char *vnx_text_calls(struct vnx_layout *l, const struct vnx_diagnosis *dg,
			   const struct vnx_vm_finding *vm, const char **instead)
{
	enum vnx_metric calls = vnx_pick_calls(vm);
	const struct vnx_correlation *raw = vnx_pick_corr(vm, calls, VNX_ON_RAW, VNX_PEARSON);
	const struct vnx_correlation *enter =
		vnx_pick_corr(vm, VNX_VCPU_ENTER, VNX_ON_RAW, VNX_PEARSON);
	const char *words = explains(l, dg, vm, calls);

	if (!words && vnx_backend_has_worker(vm->vm.backend))
		words = vnx_text_no_number(l, calls, "not measured");
	else if (!words)
		words = "no vhost worker on this back end: handle_tx and handle_rx cannot move";
	*instead = (!raw || !isfinite(raw->c.r)) && enter && isfinite(enter->c.r)
			   ? explains(l, dg, vm, VNX_VCPU_ENTER)
			   : "";
	return words;
}

static void put_correlation(struct vnx_layout *l, const struct vnx_diagnosis *dg,
			    const struct vnx_vm_finding *vm)
{
	const char *instead;

	put_label(l, "calls", vnx_text_calls(l, dg, vm, &instead));
	if (*instead)
		put_label(l, "", instead);
}

static void put_totals(struct vnx_layout *l, const struct vnx_vm_finding *vm, size_t n_bins)
{
	enum vnx_metric calls = vnx_pick_calls(vm);
	double bytes = vnx_pick_per_call(vm, n_bins, vnx_pick_bytes(calls), calls);
	double packets = vnx_pick_per_call(vm, n_bins, vnx_pick_packets(calls), calls);
	char count[VNX_UNIT_LEN], size[VNX_UNIT_LEN];
	const char *list = "";

	for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++) {
		if (isnan(vm->totals[m]))
			continue;
		list = vnx_layout_format(
			l, "%s%s%s" VNX_NBSP "%s", list, *list ? ", " : "",
			vnx_metric_name((enum vnx_metric)m),
			vnx_layout_glue(l, vnx_count_format(vm->totals[m], count)));
	}
	if (!isnan(bytes))
		list = vnx_layout_format(l, "%s; per %s call %s", list, vnx_metric_name(calls),
					 vnx_layout_glue(l, vnx_size_format(bytes, size)));
	if (!isnan(bytes) && !isnan(packets))
		list = vnx_layout_format(l, "%s in %s" VNX_NBSP "packets", list,
					 vnx_layout_glue(l, vnx_count_format(packets, count)));
	put_label(l, "totals", *list ? list : "none measured");
}

/* Like the row before: the same metric refused for the same reason. */
static bool told_refusal(const struct vnx_vm_finding *vm, size_t i)
{
	const struct vnx_correlation *c = &vm->correlations.v[i], *before = c - 1;

	return i && before->x == c->x && !isfinite(before->c.r) && before->c.undefined &&
	       c->c.undefined && !strcmp(before->c.undefined, c->c.undefined);
}

static void put_row(struct vnx_layout *l, const struct vnx_vm_finding *vm, size_t i)
{
	const struct vnx_correlation *c = &vm->correlations.v[i];

	if (isfinite(c->c.r))
		vnx_layout_line(l, "  %-16s %-12s %-9s %6.3f [%5.2f, %5.2f] %6.0f %9.2g",
				vnx_metric_name(c->x), vnx_corr_on_name(c->on),
				vnx_corr_method_name(c->method), c->c.r, c->c.ci_lo, c->c.ci_hi,
				c->c.n_eff, c->c.p);
	else if (!told_refusal(vm, i))
		vnx_layout_para(l, 2, 19, "%s", vnx_text_no_number(l, c->x, c->c.undefined));
}

const char *vnx_text_odd(struct vnx_layout *l, const struct vnx_stage *a, const struct vnx_stage *b)
{
	char start[VNX_UNIT_LEN], calls[VNX_UNIT_LEN], bps[VNX_UNIT_LEN];
	char was[VNX_UNIT_LEN], is[VNX_UNIT_LEN];

	return vnx_layout_format(
		l,
		"from %s on %s calls change by %s and throughput by %s: each call carries %s "
		"instead of %s",
		vnx_layout_glue(l, vnx_seconds_format(b->start_s, start)),
		vnx_metric_name(b->calls),
		vnx_layout_glue(l, vnx_percent_format(b->calls_per_s / a->calls_per_s - 1, calls)),
		vnx_layout_glue(l,
				vnx_percent_format(b->throughput_bps / a->throughput_bps - 1, bps)),
		vnx_layout_glue(l, vnx_size_format(b->bytes_per_call, is)),
		vnx_layout_glue(l, vnx_size_format(a->bytes_per_call, was)));
}

/* Where calls went another way than throughput: the study's open anomalies, explained. */
static void put_odd_stages(struct vnx_layout *l, const struct vnx_vm_finding *vm)
{
	for (size_t i = 1; i < vm->stages.n && vm->stages.n <= VNX_STAGES_SHOWN; i++)
		if (vm->stages.v[i].odd)
			put_label(l, "note",
				  vnx_text_odd(l, &vm->stages.v[i - 1], &vm->stages.v[i]));
}

/* -v: the levels side by side. */
static void put_stages(struct vnx_layout *l, const struct vnx_vm_finding *vm)
{
	char start[VNX_UNIT_LEN], bps[VNX_UNIT_LEN], calls[VNX_UNIT_LEN], bytes[VNX_UNIT_LEN];
	char packets[VNX_UNIT_LEN];

	if (vm->stages.n < 2)
		return;
	vnx_layout_line(l, VNX_DIM "  %-10s %12s %9s/s %11s %13s" VNX_PLAIN, "stage from",
			"throughput", vnx_metric_name(vm->stages.v[0].calls), "bytes/call",
			"packets/call");
	for (size_t i = 0; i < vm->stages.n; i++) {
		const struct vnx_stage *s = &vm->stages.v[i];

		vnx_layout_line(
			l, "  %s %s %s %s %s%s",
			vnx_layout_fit(l, vnx_seconds_format(s->start_s, start), 10, false),
			vnx_layout_fit(l, vnx_rate_format(s->throughput_bps, bps), 12, true),
			vnx_layout_fit(l, vnx_count_format(s->calls_per_s, calls), 11, true),
			vnx_layout_fit(l, vnx_size_format(s->bytes_per_call, bytes), 11, true),
			vnx_layout_fit(l, vnx_count_format(s->packets_per_call, packets), 13, true),
			s->odd ? "  calls and throughput part" : "");
	}
}

/* -v: every correlation there is. */
static void put_all_correlations(struct vnx_layout *l, const struct vnx_vm_finding *vm)
{
	if (vm->correlations.n)
		vnx_layout_line(l, VNX_DIM "  %-16s %-12s %-9s %6s %-14s %6s %9s" VNX_PLAIN,
				"throughput and", "on", "method", "r", " 95 %", "n_eff", "p");
	for (size_t i = 0; i < vm->correlations.n; i++)
		put_row(l, vm, i);
}

void vnx_text_vm(struct vnx_layout *l, const struct vnx_finding *f, size_t i, bool verbose)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	char *label = vnx_pick_label(f->dg, i);

	vnx_layout_line(l, "%s", "");
	put_identity(l, &vm->vm, vnx_layout_safe(l, label));
	put_throughput(l, &vm->throughput);
	put_spark(l, &f->dg->grid, vm);
	put_degradations(l, vm, vnx_bin_start_s(&f->dg->grid, 1), verbose);
	put_limits(l, vm);
	put_correlation(l, f->dg, vm);
	put_totals(l, vm, f->dg->grid.n);
	put_odd_stages(l, vm);
	if (verbose)
		put_stages(l, vm);
	if (verbose)
		put_all_correlations(l, vm);
	free(label);
}
