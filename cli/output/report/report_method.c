// SPDX-License-Identifier: GPL-2.0-only
/* Where the VMs hang, how the run was measured, and how to do it again. */
#include "cli/output/report/report_parts.h"

#include <inttypes.h>
#include <math.h>

#include "cli/output/text/text.h"
#include "cli/base/units.h"

struct ports {
	struct vnx_doc_port *v;
	size_t n, cap;
};

struct words {
	const char **v;
	size_t n, cap;
};

static void say(struct vnx_doc *d, struct words *list, const char *text)
{
	if (*text && vnx_vec_push(list, text))
		d->l.failed = true;
}

static void put_words(struct vnx_doc *d, struct words *list)
{
	if (list->n)
		d->ops->list(d, list->v, list->n);
	free(list->v);
	*list = (struct words){ 0 };
}

static const char *text_of(const char *s)
{
	return s ? s : "";
}

static bool same_switch(const struct vnx_iface *a, const struct vnx_iface *b)
{
	return !strcmp(text_of(a->sw), text_of(b->sw)) &&
	       !strcmp(text_of(a->switch_kind), text_of(b->switch_kind)) &&
	       !strcmp(text_of(a->uplink), text_of(b->uplink));
}

/* The interface that stands for its switch: the first one there. */
static bool is_first(const struct vnx_diagnosis *dg, size_t vm, size_t iface)
{
	const struct vnx_iface *wanted = &dg->vms.v[vm].vm.ifaces.v[iface];

	for (size_t i = 0; i <= vm; i++)
		for (size_t k = 0; k < dg->vms.v[i].vm.ifaces.n; k++) {
			const struct vnx_iface *other = &dg->vms.v[i].vm.ifaces.v[k];

			if (other == wanted)
				return true;
			if (same_switch(other, wanted))
				return false;
		}
	return true;
}

static void add_ports(struct vnx_doc *d, const struct vnx_diagnosis *dg, size_t i,
		      const struct vnx_iface *of, struct ports *ports)
{
	const struct vnx_ifaces *ifaces = &dg->vms.v[i].vm.ifaces;
	VNX_CLEANUP_FREE char *label = vnx_pick_label(dg, i);

	for (size_t k = 0; k < ifaces->n; k++) {
		const struct vnx_iface *iface = &ifaces->v[k];
		const char *nic = vnx_doc_safe(d, iface->nic, VNX_DOC_LABEL_MAX);
		struct vnx_doc_port port = {
			.vm = vnx_doc_safe(d, label, VNX_DOC_LABEL_MAX),
			.card = vnx_layout_format(&d->l, "%s%s%s", nic, *nic ? ", " : "",
						  vnx_backend_name(iface->backend)),
			.tap = vnx_doc_safe(d, iface->name, VNX_DOC_LABEL_MAX),
		};

		if (same_switch(iface, of) && vnx_vec_push(ports, port))
			d->l.failed = true;
	}
}

static void put_switch(struct vnx_doc *d, const struct vnx_diagnosis *dg,
		       const struct vnx_iface *of)
{
	struct ports ports = { 0 };
	struct vnx_doc_switch sw = {
		.name = vnx_doc_safe(d, of->sw, VNX_DOC_LABEL_MAX),
		.kind = vnx_doc_safe(d, of->switch_kind, VNX_DOC_LABEL_MAX),
		.uplink = vnx_doc_safe(d, of->uplink, VNX_DOC_LABEL_MAX),
		.rate = "",
	};
	char rate[VNX_UNIT_LEN];

	if (of->uplink_bps > 0)
		sw.rate = vnx_layout_format(&d->l, "%s",
					    vnx_rate_format((double)of->uplink_bps, rate));
	for (size_t i = 0; i < dg->vms.n; i++)
		add_ports(d, dg, i, of, &ports);
	sw.ports = ports.v;
	sw.n_ports = ports.n;
	d->ops->topology(d, &sw);
	free(ports.v);
}

void vnx_report_topology(struct vnx_doc *d, const struct vnx_finding *f)
{
	size_t shown = 0;

	vnx_doc_heading(d, 1, "topology", "Topology");
	for (size_t i = 0; i < f->dg->vms.n; i++)
		for (size_t k = 0; k < f->dg->vms.v[i].vm.ifaces.n; k++) {
			if (!is_first(f->dg, i, k))
				continue;
			if (!shown++)
				vnx_doc_para(d, "From VM to interface, switch and uplink.");
			put_switch(d, f->dg, &f->dg->vms.v[i].vm.ifaces.v[k]);
		}
	if (!shown)
		vnx_doc_para(d, "No interface of a VM is known; a raw trace does not tell them.");
}

static const char *verified_of(struct vnx_doc *d, const struct vnx_verified *v)
{
	if (!v->against[0])
		return v->why[0] ? vnx_layout_format(&d->l, "not compared: %s",
						     vnx_doc_safe(d, v->why, 0))
				 : "not compared";
	return vnx_layout_format(&d->l, "counted %llu, %s %llu%s%s", (unsigned long long)v->hook,
				 vnx_doc_code(d, v->against), (unsigned long long)v->account,
				 v->why[0] ? ": " : "", vnx_doc_safe(d, v->why, 0));
}

static void put_hook(struct vnx_doc *d, struct vnx_doc_table *t, const struct vnx_hook *hook)
{
	const char *refused = "";

	for (size_t i = 0; i < hook->refused.n; i++)
		refused = vnx_layout_format(&d->l, "%s%s%s: %s", refused, i ? "; " : "",
					    vnx_doc_code(d, hook->refused.v[i].hook),
					    vnx_doc_safe(d, hook->refused.v[i].why, 0));
	vnx_doc_cell(d, t, VNX_CODE "%s" VNX_PLAIN, vnx_metric_name(hook->metric));
	vnx_doc_cell(d, t, "%s%s%s", *hook->hook ? vnx_doc_code(d, hook->hook) : "not possible",
		     *hook->note ? ": " : "", vnx_doc_safe(d, hook->note, 0));
	vnx_doc_cell(d, t, "%s", verified_of(d, &hook->verified));
	vnx_doc_cell(d, t, "%s", *refused ? refused : "none");
}

static void put_hooks(struct vnx_doc *d, const struct vnx_hooks *hooks)
{
	static const struct vnx_doc_column cols[] = { { "Counted", VNX_COL_WORD },
						      { "Hook", VNX_COL_TEXT },
						      { "Held against", VNX_COL_TEXT },
						      { "Tried before and refused",
							VNX_COL_TEXT } };
	struct vnx_doc_table t = { "What was counted in the kernel, and by which hook",
				   cols,
				   VNX_ARRAY_SIZE(cols),
				   { 0 } };

	vnx_doc_heading(d, 2, "hooks", "Hooks");
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		for (size_t i = 0; i < hooks->n; i++)
			if ((int)hooks->v[i].metric == m)
				put_hook(d, &t, &hooks->v[i]);
	if (!t.cells.n)
		vnx_doc_para(d, "No call was counted.");
	vnx_doc_table(d, &t);
}

static const char *summary_of(const char *source)
{
	for (size_t i = 0; vnx_sources[i]; i++)
		if (!strcmp(vnx_sources[i]->name, source))
			return vnx_sources[i]->summary;
	return "";
}

static void put_sources(struct vnx_doc *d, const struct vnx_source_states *states)
{
	static const struct vnx_doc_column cols[] = { { "Source", VNX_COL_WORD },
						      { "It measures", VNX_COL_TEXT },
						      { "State", VNX_COL_TEXT } };
	struct vnx_doc_table t = {
		"What was measured beside the counts", cols, VNX_ARRAY_SIZE(cols), { 0 }
	};

	vnx_doc_heading(d, 2, "evidence", "Evidence");
	for (size_t i = 0; i < states->n; i++) {
		const struct vnx_source_state *st = &states->v[i];

		vnx_doc_cell(d, &t, "%s", vnx_doc_code(d, st->name));
		vnx_doc_cell(d, &t, "%s", summary_of(st->name));
		if (st->why[0])
			vnx_doc_cell(d, &t, VNX_YELLOW "missing:" VNX_PLAIN " %s",
				     vnx_doc_safe(d, st->why, 0));
		else
			vnx_doc_cell(d, &t, "measured");
	}
	if (!t.cells.n)
		vnx_doc_para(d, "The input holds no evidence beside the counts: a recording made "
				"by vnetdx record or diagnose does.");
	vnx_doc_table(d, &t);
}

static void put_clocks(struct vnx_doc *d, const struct vnx_finding *f)
{
	const struct vnx_grid *grid = &f->dg->grid;
	char width[VNX_UNIT_LEN], span[VNX_UNIT_LEN], edge[VNX_UNIT_LEN];
	struct words list = { 0 };

	vnx_doc_heading(d, 2, "clocks", "Clocks and alignment");
	say(d, &list,
	    vnx_layout_format(
		    &d->l, "%zu bins of %s, %s in all; %zu missing.", grid->n,
		    vnx_layout_glue(&d->l, vnx_seconds_format(vnx_bin_start_s(grid, 1), width)),
		    vnx_layout_glue(&d->l,
				    vnx_seconds_format(vnx_bin_start_s(grid, grid->n), span)),
		    f->dg->bins_missing));
	/* Bins of a trace are cut by its own time stamps: no edge is off. */
	if (f->run && f->run->facts.stats.clock_error_s > 0)
		say(d, &list,
		    vnx_layout_format(
			    &d->l, "Edges of bins are off the monotonic clock by at most %s.",
			    vnx_layout_glue(
				    &d->l,
				    vnx_seconds_format(f->run->facts.stats.clock_error_s, edge))));
	if (f->run && f->run->facts.stats.bent)
		say(d, &list, vnx_text_bent(&d->l, &f->run->facts.stats));
	if (f->run && f->run->facts.clock_stepped)
		say(d, &list, "The host's clock was set during the run.");
	if (f->run)
		say(d, &list, vnx_text_clock_cost(&d->l, f->run->facts.clock));
	if (f->tp)
		say(d, &list, vnx_text_clock(&d->l, f->tp));
	else
		say(d, &list,
		    vnx_report_any_throughput(f->dg)
			    ? "No load generator's output: throughput is what the taps counted."
			    : "No load generator's output and no tap counters: throughput was not "
			      "measured.");
	if (f->tp && f->tp->note)
		say(d, &list,
		    vnx_layout_format(&d->l, "Load: %s", vnx_doc_safe(d, f->tp->note, 0)));
	if (f->tp && f->tp->latency.n)
		say(d, &list,
		    vnx_layout_format(&d->l, "Latency (%s), n = %zu: median %s, 99 %% under %s.",
				      f->tp->latency.round_trip ? "round trip" : "one way",
				      f->tp->latency.n,
				      vnx_seconds_format(f->tp->latency.p50_s, width),
				      vnx_seconds_format(f->tp->latency.p99_s, span)));
	put_words(d, &list);
}

static void put_cost(struct vnx_doc *d, const struct vnx_finding *f)
{
	const struct vnx_run_facts *facts = &f->run->facts;
	char events[VNX_UNIT_LEN], ns[VNX_UNIT_LEN], share[VNX_UNIT_LEN];
	struct words list = { 0 };

	vnx_doc_heading(d, 2, "cost", "Lost events and own cost");
	say(d, &list,
	    vnx_layout_format(&d->l, "%" PRIu64 " events lost; %zu of %zu bins missing by that.",
			      f->dg->lost_events, f->dg->bins_missing, f->dg->grid.n));
	say(d, &list,
	    vnx_layout_format(
		    &d->l, "%s events counted%s%s.",
		    vnx_layout_glue(&d->l, vnx_count_format((double)facts->stats.events, events)),
		    isnan(facts->stats.ns_per_event) ? "" : ", each cost ",
		    isnan(facts->stats.ns_per_event)
			    ? ""
			    : vnx_layout_glue(&d->l,
					      vnx_cost_format(facts->stats.ns_per_event, ns))));
	if (*vnx_text_unattributed(&d->l, f->run))
		say(d, &list,
		    vnx_layout_format(&d->l, "%s.", vnx_text_unattributed(&d->l, f->run)));
	if (!isnan(facts->cpu_share))
		say(d, &list,
		    vnx_layout_format(
			    &d->l, "vnetdx itself took %s of one CPU%s.",
			    vnx_layout_glue(&d->l, vnx_percent_format(facts->cpu_share, share)),
			    isnan(facts->stats.ns_per_event) ? ", its hooks not measured" : ""));
	put_words(d, &list);
}

void vnx_report_method(struct vnx_doc *d, const struct vnx_finding *f)
{
	vnx_doc_heading(d, 1, "method", "How it was measured");
	if (f->run) {
		put_hooks(d, &f->run->hooks);
		put_sources(d, &f->run->sources);
	}
	put_clocks(d, f);
	if (f->run)
		put_cost(d, f);
}

/*
 * Whether @word is -o or --output of report, or --report of replay; *apart: its value is the
 * next word.
 */
static bool is_output(const char *word, bool *apart)
{
	const char *o = word[0] == '-' && word[1] != '-' ? strchr(word, 'o') : NULL;

	*apart = o ? !o[1] : !strchr(word, '=');
	return o || !strncmp(word, "--ou", 4) || !strncmp(word, "--rep", 5);
}

/* @s as a word of a shell: nothing in it acts when the line is pasted. */
static const char *shell_word(struct vnx_doc *d, const char *s)
{
	const char *out = "'", *safe = vnx_doc_safe(d, s, 0), *quote;

	if (*safe && !safe[strspn(safe, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_./:=,+@%-")])
		return safe;
	while ((quote = strchr(safe, '\''))) {
		out = vnx_layout_format(&d->l, "%s%.*s'\\''", out, (int)(quote - safe), safe);
		safe = quote + 1;
	}
	return vnx_layout_format(&d->l, "%s%s'", out, safe);
}

static const char *command_line(struct vnx_doc *d, const struct vnx_report_set *set)
{
	const char *line = "vnetdx";

	for (int i = 0; i < set->argc; i++)
		line = vnx_layout_format(&d->l, "%s %s", line, shell_word(d, set->argv[i]));
	return line;
}

/* The command line without the report: whatever else was said of the analysis stays. */
static const char *replay_line(struct vnx_doc *d, const struct vnx_report_set *set,
			       const char *source)
{
	const char *line = "vnetdx replay -v";
	bool apart, over = false; /* options are over */

	if (!set->argv)
		return vnx_layout_format(&d->l, "%s %s", line, shell_word(d, source));
	for (int i = 1; i < set->argc; i++) {
		over |= !strcmp(set->argv[i], "--");
		if (!over && is_output(set->argv[i], &apart))
			i += apart;
		else if (strcmp(set->argv[i], "-v") && strcmp(set->argv[i], "--verbose"))
			line = vnx_layout_format(&d->l, "%s %s", line, shell_word(d, set->argv[i]));
	}
	return line;
}

void vnx_report_repeat(struct vnx_doc *d, const struct vnx_report_set *set,
		       const struct vnx_report_part *part)
{
	const struct vnx_finding *f = part ? part->in->f : NULL;
	const char *load = f && f->run ? vnx_doc_safe(d, f->run->facts.command, 0) : "";

	vnx_doc_heading(d, 1, "repeat", "How to repeat it");
	vnx_doc_para(d, "This report was written by vnetdx " VNX_VERSION ".");
	if (set->argv)
		d->ops->code(d, command_line(d, set));
	if (f && *f->source_path && strcmp(f->source_kind, "live")) {
		vnx_doc_para(d, "The same verdict in a terminal, or as JSON with --json:");
		d->ops->code(d, replay_line(d, set, f->source_path));
	}
	if (*load) {
		vnx_doc_para(d, "The load that ran while it was recorded:");
		d->ops->code(d, load);
	}
}
