// SPDX-License-Identifier: GPL-2.0-only
/* One VM in full: what it is, what is suspected, its numbers now and before. */
#include "cli/live/view.h"

#include <inttypes.h>
#include <math.h>

#include "cli/output/text/text.h"
#include "cli/base/units.h"

#define NOW_S 5
#define LABEL 10

static void put_label(struct vnx_layout *l, const char *label, const char *text)
{
	const char *pad = "";

	for (size_t i = strlen(label); i < LABEL; i++)
		pad = vnx_layout_format(l, "%s" VNX_NBSP, pad);
	vnx_layout_para(l, 0, LABEL, VNX_BOLD "%s" VNX_PLAIN "%s%s", label, pad, text);
}

static const char *tids(struct vnx_layout *l, const struct vnx_u32s *list)
{
	const char *text = "";

	for (size_t i = 0; i < list->n; i++)
		text = vnx_layout_format(l, "%s%s%" PRIu32, text, i ? ", " : "", list->v[i]);
	return *text ? text : "none known";
}

static void put_iface(struct vnx_layout *l, const struct vnx_iface *i)
{
	const char *up = "", *sw = vnx_layout_safe(l, i->sw);
	char rate[VNX_UNIT_LEN];

	if (*i->uplink)
		up = vnx_layout_format(
			l, ", uplink %s%s%s", vnx_layout_safe(l, i->uplink),
			i->uplink_bps > 0 ? " " : "",
			i->uplink_bps > 0 ? vnx_rate_format((double)i->uplink_bps, rate) : "");
	put_label(l, "tap",
		  vnx_layout_format(l, "%s%s%s, card %s, back end %s%s, %s%s%s%s",
				    *i->name ? vnx_layout_safe(l, i->name) : "no kernel interface",
				    *i->kind ? " " : "", vnx_layout_safe(l, i->kind),
				    *i->nic ? vnx_layout_safe(l, i->nic) : "not known",
				    vnx_backend_name(i->backend),
				    i->queues > 1 ? vnx_layout_format(l, ", %u queues", i->queues)
						  : "",
				    *sw ? vnx_layout_safe(l, i->switch_kind) : "on no switch",
				    *sw ? " " : "", sw, up));
}

static void put_identity(struct vnx_live_view *v, struct vnx_layout *l, const struct vnx_vm *vm)
{
	char at[32];

	put_label(l, "VM",
		  vnx_layout_format(l, "pid %" PRIu32 ", %s, seen since %s", vm->pid,
				    vnx_backend_name(vm->backend),
				    vnx_live_clock(v->m, vm->first_ns, at)));
	put_label(l, "workers", vnx_layout_format(l, "%s (vhost threads)", tids(l, &vm->workers)));
	put_label(l, "vCPUs", tids(l, &vm->vcpus));
	for (size_t i = 0; i < vm->ifaces.n; i++)
		put_iface(l, &vm->ifaces.v[i]);
}

static void put_spark(struct vnx_live_view *v, struct vnx_layout *l, const struct vnx_live_vm *vm)
{
	unsigned width = l->columns - LABEL < 60 ? l->columns - LABEL : 60;
	char rate[VNX_UNIT_LEN];
	double peak;
	const char *spark = vnx_live_spark(v, l, vm, width, &peak);

	vnx_layout_line(l, VNX_BOLD "%-*s" VNX_PLAIN "%s", LABEL, "last 60 s", spark);
	vnx_layout_line(l, "%*s" VNX_DIM "peak %s, tap, both directions" VNX_PLAIN, LABEL, "",
			isnan(peak) ? "not measured" : vnx_rate_format(peak, rate));
}

/* ---- the suspicion beyond its sentence ---- */

static void put_against(struct vnx_layout *l, const struct vnx_degradation *d)
{
	const char *list = "";

	for (size_t i = 0; i < d->against.n; i++)
		list = vnx_layout_format(l, "%s%s%s %.3g before, %.3g after", list, i ? "; " : "",
					 vnx_metric_name(d->against.v[i].metric),
					 d->against.v[i].before, d->against.v[i].after);
	if (*list)
		put_label(l, "against", list);
	list = "";
	for (size_t i = 0; i < d->alternatives.n; i++)
		list = vnx_layout_format(l, "%s%s%s (score %.2f)", list, i ? ", " : "",
					 vnx_cause_name(d->alternatives.v[i].cause),
					 d->alternatives.v[i].score);
	if (*list)
		put_label(l, "or else", list);
}

static void put_missing(struct vnx_layout *l, const struct vnx_degradation *d)
{
	for (size_t i = 0; i < d->missing.n; i++)
		put_label(l, i ? "" : "missing",
			  vnx_layout_format(l, "%s: %s", vnx_layout_safe(l, d->missing.v[i].what),
					    vnx_layout_safe(l, d->missing.v[i].how)));
}

/* ---- numbers ---- */

static const char *level_text(struct vnx_layout *l, enum vnx_metric metric, double x)
{
	const struct vnx_metric_info *info = vnx_metric_info(metric);
	char buf[VNX_UNIT_LEN];

	if (isnan(x))
		return "-";
	if (metric == VNX_THROUGHPUT)
		return vnx_layout_format(l, "%s", vnx_rate_format(x, buf));
	if (info->unit == VNX_NS || info->unit == VNX_PPM)
		return vnx_layout_format(l, "%.*f %%", x < 0.0995 && x > 0 ? 1 : 0, x * 100);
	if (metric == VNX_TX_BYTES || metric == VNX_RX_BYTES)
		return vnx_layout_format(l, "%s/s", vnx_size_format(x, buf));
	if (metric == VNX_QDISC_BACKLOG || metric == VNX_LOAD_RECVQ || metric == VNX_LOAD_SENDQ)
		return vnx_layout_format(l, "%s", vnx_size_format(x, buf));
	vnx_count_format(x < 99.5 && x != floor(x) ? round(x * 10) / 10 : round(x), buf);
	return vnx_layout_format(l, "%s%s", buf, info->unit == VNX_LEVEL ? "" : "/s");
}

static const char *change_text(struct vnx_layout *l, double now, double before)
{
	if (isnan(now) || isnan(before) || before == 0)
		return "";
	return vnx_layout_format(l, "%+.0f %%", (now / before - 1) * 100);
}

static bool decides(const struct vnx_live_row *row, enum vnx_metric metric)
{
	const struct vnx_degradation *d = row->fall ? row->fall->ep.worst : NULL;

	for (size_t i = 0; d && i < d->evidence.n; i++)
		if (d->evidence.v[i].metric == metric)
			return true;
	return false;
}

/* Numbers that are 0 now and were 0 before say nothing, unless they decide. */
static bool is_telling(const struct vnx_live_row *row, enum vnx_metric metric, double now,
		       double before)
{
	if (isnan(now) && isnan(before))
		return false;
	return decides(row, metric) || vnx_metric_is_call(metric) || now != 0 ||
	       (!isnan(before) && before != 0);
}

static void put_numbers(struct vnx_live_view *v, struct vnx_layout *l,
			const struct vnx_live_row *row)
{
	struct vnx_levels now, quiet;
	size_t back = (size_t)(NOW_S / vnx_live_bin_s(v->m));

	vnx_live_levels(v->m, row->vm, v->at_bin, NOW_S, &now);
	if (row->fall)
		quiet = row->fall->quiet;
	else
		vnx_live_levels(v->m, row->vm, v->at_bin > back ? v->at_bin - back : 0,
				VNX_LIVE_QUIET_S, &quiet);
	vnx_layout_line(l, "%s", "");
	vnx_layout_line(l, VNX_BOLD "%-20s %14s %14s %9s" VNX_PLAIN, "EVIDENCE", "now (5 s)",
			row->fall ? "before the fall" : "minute before", "change");
	for (int k = 0; k < VNX_METRIC_MAX; k++) {
		bool deciding = decides(row, k);

		if (!is_telling(row, k, now.of[k], quiet.of[k]))
			continue;
		vnx_layout_line(l, "%s%-20s %14s %14s %9s%s%s", deciding ? VNX_BOLD VNX_YELLOW : "",
				vnx_metric_name(k), level_text(l, k, now.of[k]),
				level_text(l, k, quiet.of[k]),
				change_text(l, now.of[k], quiet.of[k]),
				deciding ? "  <- decides" : "", deciding ? VNX_PLAIN : "");
	}
}

static void put_hooks(struct vnx_live_view *v, struct vnx_layout *l)
{
	vnx_layout_line(l, "%s", "");
	for (size_t i = 0; i < v->m->hooks.n; i++) {
		const struct vnx_hook *h = &v->m->hooks.v[i];
		const char *why = h->refused.n ? h->refused.v[h->refused.n - 1].why : "no hook";
		const char *how = !h->since_ns  ? "not counted: "
				  : h->until_ns ? "no longer counted: was by "
						: "by ";

		put_label(l, i ? "" : "hooks",
			  vnx_layout_format(l, "%s %s%s%s%s", vnx_metric_name(h->metric), how,
					    vnx_layout_safe(l, h->since_ns ? h->hook : why),
					    *h->note ? "; " : "", vnx_layout_safe(l, h->note)));
	}
	for (size_t i = 0; i < v->m->sources.n; i++)
		if (*v->m->sources.v[i].why)
			put_label(l, "no source",
				  vnx_layout_format(l, "%s: %s", v->m->sources.v[i].name,
						    vnx_layout_safe(l, v->m->sources.v[i].why)));
}

void vnx_live_put_detail(struct vnx_live_view *v, struct vnx_layout *l)
{
	const struct vnx_live_row *row = vnx_live_view_row(v);

	if (!row) {
		vnx_layout_line(l, "no VM is shown");
		return;
	}
	vnx_live_put_state(v, l, row);
	put_spark(v, l, row->vm);
	put_numbers(v, l, row);
	vnx_layout_line(l, "%s", "");
	if (row->fall) {
		put_against(l, row->fall->ep.worst);
		put_missing(l, row->fall->ep.worst);
		vnx_layout_line(l, "%s", "");
	}
	put_identity(v, l, &row->vm->vm);
	put_hooks(v, l);
}
