// SPDX-License-Identifier: GPL-2.0-only
/*
 * Schema vnetdx.diagnosis/1. Fields of the contract come first and in its order, our
 * additions after them. Only "source" may tell a live run from its replayed recording.
 */
#include "cli/output/reporter.h"

#include <math.h>

#include "cli/input/trace/clock_cost.h"
#include "cli/output/json_write.h"
#include "cli/output/pick.h"

static const struct vnx_run no_run = {
	.facts = { .cpu_share = NAN, .stats = { .ns_per_event = NAN, .clock_error_s = NAN } }
};

static const char *orelse(const char *s, const char *other)
{
	return s ? s : other;
}

/* Seconds from the first bin; null for a time that is not set. */
static void put_since(struct vnx_json *j, const char *key, const struct vnx_grid *grid,
		      uint64_t t_ns)
{
	if (!t_ns || t_ns == UINT64_MAX)
		vnx_json_null(j, key);
	else if (t_ns >= grid->start_ns)
		vnx_json_real(j, key, (double)(t_ns - grid->start_ns) / 1e9);
	else
		vnx_json_real(j, key, -((double)(grid->start_ns - t_ns) / 1e9));
}

static void put_source(struct vnx_json *j, const struct vnx_finding *f, const struct vnx_run *run)
{
	const struct vnx_clock_cost *cost = f->run ? vnx_clock_cost(run->facts.clock) : NULL;

	vnx_json_open(j, "source", '{', true);
	vnx_json_string(j, "kind", f->source_kind);
	vnx_json_string(j, "path", f->source_path);
	vnx_json_string(j, "clock", run->facts.clock);
	if (cost)
		vnx_json_text(j, "clock_cost", cost->cost);
	vnx_json_close(j);
}

static void put_verified(struct vnx_json *j, const struct vnx_verified *v)
{
	if (v->against[0]) {
		vnx_json_open(j, "verified", '{', true);
		vnx_json_text(j, "against", v->against);
		vnx_json_uint(j, "hook", v->hook);
		vnx_json_uint(j, "account", v->account);
		vnx_json_close(j);
	} else {
		vnx_json_null(j, "verified");
	}
	vnx_json_string(j, "verified_why", v->why);
}

static void put_hook(struct vnx_json *j, const struct vnx_grid *grid, const struct vnx_hook *hook)
{
	vnx_json_open(j, NULL, '{', false);
	vnx_json_text(j, "metric", vnx_metric_name(hook->metric));
	vnx_json_string(j, "hook", hook->hook);
	vnx_json_open(j, "refused", '[', false);
	for (size_t i = 0; i < hook->refused.n; i++) {
		vnx_json_open(j, NULL, '{', true);
		vnx_json_text(j, "hook", hook->refused.v[i].hook);
		vnx_json_text(j, "why", hook->refused.v[i].why);
		vnx_json_close(j);
	}
	vnx_json_close(j);
	put_verified(j, &hook->verified);
	vnx_json_string(j, "note", hook->note);
	put_since(j, "since_s", grid, hook->since_ns);
	put_since(j, "until_s", grid, hook->until_ns);
	vnx_json_close(j);
}

/* By metric, so that the order does not hang on who attached first; none is left unsaid. */
static void put_hooks(struct vnx_json *j, const struct vnx_grid *grid,
		      const struct vnx_hooks *hooks)
{
	struct vnx_hook none = { .note = "not recorded" };
	bool any;

	vnx_json_open(j, "hooks", '[', false);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		any = false;
		for (size_t i = 0; i < hooks->n; i++) {
			if ((int)hooks->v[i].metric != m)
				continue;
			put_hook(j, grid, &hooks->v[i]);
			any = true;
		}
		none.metric = (enum vnx_metric)m;
		if (!any && vnx_metric_is_call(none.metric))
			put_hook(j, grid, &none);
	}
	vnx_json_close(j);
}

static void put_measurement(struct vnx_json *j, const struct vnx_finding *f,
			    const struct vnx_run *run)
{
	const struct vnx_diagnosis *dg = f->dg;
	const struct vnx_capture_stats *stats = &run->facts.stats;
	bool aligned = f->tp && f->tp->method != VNX_ALIGN_NONE;

	vnx_json_open(j, "bins", '{', true);
	vnx_json_real(j, "width_s", (double)dg->grid.bin_ns / 1e9);
	vnx_json_uint(j, "count", dg->grid.n);
	vnx_json_uint(j, "missing", dg->bins_missing);
	vnx_json_real(j, "start_s", (double)dg->grid.start_ns / 1e9);
	vnx_json_real(j, "edge_error_s", stats->clock_error_s);
	vnx_json_uint(j, "bent", stats->bent);
	vnx_json_real(j, "sma_s", vnx_bin_start_s(&dg->grid, dg->sma_bins));
	vnx_json_close(j);
	vnx_json_uint(j, "lost_events", dg->lost_events);
	vnx_json_open(j, "unattributed", '{', true);
	for (int m = 0; m <= VNX_VCPU_HALT; m++)
		if (run->unattributed.counts[m])
			vnx_json_uint(j, vnx_metric_name(m), run->unattributed.counts[m]);
	vnx_json_close(j);
	vnx_json_open(j, "overhead", '{', true);
	vnx_json_uint(j, "events", stats->events);
	vnx_json_real(j, "ns_per_event", stats->ns_per_event);
	vnx_json_real(j, "cpu_share", run->facts.cpu_share);
	vnx_json_close(j);
	vnx_json_open(j, "alignment", '{', true);
	vnx_json_text(j, "method", aligned ? vnx_align_name(f->tp->method) : "none");
	vnx_json_real(j, "offset_s", aligned ? f->tp->offset_s : NAN);
	vnx_json_real(j, "uncertainty_s", aligned ? f->tp->uncertainty_s : NAN);
	vnx_json_close(j);
}

static void put_u32s(struct vnx_json *j, const char *key, const struct vnx_u32s *list)
{
	vnx_json_open(j, key, '[', true);
	for (size_t i = 0; i < list->n; i++)
		vnx_json_uint(j, NULL, list->v[i]);
	vnx_json_close(j);
}

static void put_iface(struct vnx_json *j, const struct vnx_iface *iface)
{
	vnx_json_open(j, NULL, '{', true);
	vnx_json_string(j, "name", iface->name);
	vnx_json_string(j, "switch", iface->sw);
	vnx_json_string(j, "switch_kind", iface->switch_kind);
	vnx_json_string(j, "kind", iface->kind);
	vnx_json_string(j, "nic", iface->nic);
	vnx_json_text(j, "backend", vnx_backend_name(iface->backend));
	if (iface->queues)
		vnx_json_uint(j, "queues", iface->queues);
	else
		vnx_json_null(j, "queues");
	vnx_json_string(j, "uplink", iface->uplink);
	vnx_json_count(j, "uplink_bps", iface->uplink_bps < 0 ? NAN : (double)iface->uplink_bps);
	vnx_json_close(j);
}

static void put_totals(struct vnx_json *j, const double *totals)
{
	vnx_json_open(j, "totals", '{', true);
	for (int m = VNX_HANDLE_TX; m <= VNX_RX_BYTES; m++)
		vnx_json_count(j, vnx_metric_name((enum vnx_metric)m), totals[m]);
	if (!isnan(totals[VNX_KVM_EXIT]))
		vnx_json_count(j, vnx_metric_name(VNX_KVM_EXIT), totals[VNX_KVM_EXIT]);
	vnx_json_close(j);
}

static void put_throughput(struct vnx_json *j, const struct vnx_throughput_summary *t)
{
	vnx_json_open(j, "throughput", '{', true);
	vnx_json_string(j, "source", t->source);
	vnx_json_real(j, "mean_bps", t->mean_bps);
	vnx_json_real(j, "p05_bps", t->p05_bps);
	vnx_json_real(j, "p50_bps", t->p50_bps);
	vnx_json_real(j, "p95_bps", t->p95_bps);
	vnx_json_uint(j, "n", t->n);
	vnx_json_close(j);
}

static void put_correlation(struct vnx_json *j, const struct vnx_correlation *c)
{
	vnx_json_open(j, NULL, '{', true);
	vnx_json_text(j, "x", vnx_metric_name(c->x));
	vnx_json_text(j, "y", vnx_metric_name(c->y));
	vnx_json_text(j, "on", vnx_corr_on_name(c->on));
	vnx_json_text(j, "method", vnx_corr_method_name(c->method));
	vnx_json_real(j, "r", c->c.r);
	vnx_json_uint(j, "n", c->c.n);
	vnx_json_real(j, "n_eff", c->c.n_eff);
	if (isfinite(c->c.ci_lo) && isfinite(c->c.ci_hi)) {
		vnx_json_open(j, "ci95", '[', true);
		vnx_json_real(j, NULL, c->c.ci_lo);
		vnx_json_real(j, NULL, c->c.ci_hi);
		vnx_json_close(j);
	} else {
		vnx_json_null(j, "ci95");
	}
	vnx_json_real(j, "p", c->c.p);
	vnx_json_real(j, "lag_s", c->lag_s);
	vnx_json_string(j, "undefined",
			isfinite(c->c.r) ? c->c.undefined : orelse(c->c.undefined, "not computed"));
	vnx_json_close(j);
}

static void put_evidence(struct vnx_json *j, const char *key, const struct vnx_evidence *v,
			 size_t n)
{
	vnx_json_open(j, key, '[', false);
	for (size_t i = 0; i < n; i++) {
		vnx_json_open(j, NULL, '{', true);
		vnx_json_text(j, "metric", vnx_metric_name(v[i].metric));
		vnx_json_real(j, "before", v[i].before);
		vnx_json_real(j, "after", v[i].after);
		vnx_json_close(j);
	}
	vnx_json_close(j);
}

static void put_reasons(struct vnx_json *j, const struct vnx_degradation *d)
{
	vnx_json_open(j, "offenders", '[', false);
	for (size_t i = 0; i < d->offenders.n; i++) {
		const struct vnx_offender *o = &d->offenders.v[i];

		vnx_json_open(j, NULL, '{', true);
		vnx_json_text(j, "kind", o->is_vm ? "vm" : "process");
		vnx_json_string(j, "name", o->name);
		vnx_json_uint(j, "pid", o->pid);
		vnx_json_real(j, "share", o->share);
		vnx_json_close(j);
	}
	vnx_json_close(j);
	put_evidence(j, "evidence", d->evidence.v, d->evidence.n);
	put_evidence(j, "against", d->against.v, d->against.n);
	vnx_json_open(j, "missing", '[', false);
	for (size_t i = 0; i < d->missing.n; i++) {
		vnx_json_open(j, NULL, '{', true);
		vnx_json_text(j, "what", d->missing.v[i].what);
		vnx_json_string(j, "how", d->missing.v[i].how);
		vnx_json_close(j);
	}
	vnx_json_close(j);
	vnx_json_open(j, "alternatives", '[', false);
	for (size_t i = 0; i < d->alternatives.n; i++) {
		vnx_json_open(j, NULL, '{', true);
		vnx_json_text(j, "cause", vnx_cause_name(d->alternatives.v[i].cause));
		vnx_json_real(j, "score", d->alternatives.v[i].score);
		vnx_json_close(j);
	}
	vnx_json_close(j);
	vnx_json_string(j, "advice", d->advice);
	vnx_json_string(j, "finding", d->finding);
	vnx_json_real(j, "score", d->score);
	vnx_json_bool(j, "from_baseline", d->from_baseline);
	put_evidence(j, "levels", d->levels.v, d->levels.n);
}

/* The shares of the added time a bit takes, of the worst thread, with half of their intervals. */
static void put_parts(struct vnx_json *j, const char *key, const struct vnx_parts *p)
{
	if (isnan(p->part[VNX_SPENT_ASLEEP])) {
		vnx_json_null(j, key);
		return;
	}
	vnx_json_open(j, key, '{', false);
	for (enum vnx_spent k = 0; k < VNX_SPENT_MAX; k++) {
		vnx_json_open(j, vnx_spent_name(k), '{', true);
		vnx_json_real(j, "part", p->part[k]);
		if (isnan(p->error[k])) {
			vnx_json_null(j, "ci95");
		} else {
			vnx_json_open(j, "ci95", '[', true);
			vnx_json_real(j, NULL, p->part[k] - p->error[k]);
			vnx_json_real(j, NULL, p->part[k] + p->error[k]);
			vnx_json_close(j);
		}
		vnx_json_real(j, "before", p->before[k]);
		vnx_json_real(j, "after", p->after[k]);
		vnx_json_close(j);
	}
	vnx_json_close(j);
}

static void put_limits(struct vnx_json *j, const struct vnx_vm_finding *vm)
{
	vnx_json_open(j, "limits", '[', false);
	for (size_t i = 0; i < vm->limits.n; i++) {
		const struct vnx_limit *l = &vm->limits.v[i];

		vnx_json_open(j, NULL, '{', false);
		vnx_json_text(j, "cause", vnx_cause_name(l->cause));
		vnx_json_string(j, "where", l->where);
		vnx_json_real(j, "level", l->level);
		vnx_json_text(j, "unit", l->unit);
		vnx_json_real(j, "since_s", l->since_s);
		vnx_json_string(j, "finding", l->finding);
		vnx_json_string(j, "advice", l->advice);
		put_evidence(j, "evidence", l->evidence.v, l->evidence.n);
		vnx_json_real(j, "score", l->score);
		vnx_json_close(j);
	}
	vnx_json_close(j);
	if (isnan(vm->asked_bps)) {
		vnx_json_null(j, "demand");
	} else {
		vnx_json_open(j, "demand", '{', true);
		vnx_json_real(j, "asked_bps", vm->asked_bps);
		vnx_json_real(j, "got_bps", vm->got_bps);
		vnx_json_close(j);
	}
	vnx_json_real(j, "hidden_drop", vm->hidden_drop);
}

static void put_degradation(struct vnx_json *j, const struct vnx_degradation *d)
{
	vnx_json_open(j, NULL, '{', false);
	vnx_json_real(j, "start_s", d->start_s);
	vnx_json_real(j, "start_uncertainty_s", d->start_uncertainty_s);
	vnx_json_real(j, "end_s", d->end_s);
	vnx_json_real(j, "before_bps", d->before_bps);
	vnx_json_real(j, "after_bps", d->after_bps);
	vnx_json_real(j, "change", d->change);
	vnx_json_text(j, "cause", vnx_cause_name(d->cause));
	put_reasons(j, d);
	vnx_json_real(j, "p", d->p);
	vnx_json_bool(j, "online", d->online);
	vnx_json_real(j, "detected_s", d->detected_s);
	vnx_json_real(j, "ramp_s", d->ramp_s);
	vnx_json_real(j, "bytes_per_call_before", d->bytes_per_call_before);
	vnx_json_real(j, "bytes_per_call_after", d->bytes_per_call_after);
	if (d->recurs.times) {
		vnx_json_open(j, "recurs", '{', true);
		vnx_json_real(j, "every_s", d->recurs.every_s);
		vnx_json_uint(j, "times", d->recurs.times);
		vnx_json_close(j);
	} else {
		vnx_json_null(j, "recurs");
	}
	vnx_json_string(j, "where", d->where);
	put_parts(j, "parts", &d->worker_parts);
	put_parts(j, "vcpu_parts", &d->vcpu_parts);
	vnx_json_close(j);
}

static void put_stages(struct vnx_json *j, const struct vnx_grid *grid, const unsigned *stage)
{
	vnx_json_open(j, "stages_s", '[', true);
	for (size_t i = 0; stage && i < grid->n; i++)
		if (!i || stage[i] != stage[i - 1])
			vnx_json_real(j, NULL, vnx_bin_start_s(grid, i));
	vnx_json_close(j);
}

static void put_stage_table(struct vnx_json *j, const struct vnx_vm_finding *f)
{
	vnx_json_open(j, "stages", '[', false);
	for (size_t i = 0; i < f->stages.n; i++) {
		const struct vnx_stage *s = &f->stages.v[i];

		vnx_json_open(j, NULL, '{', true);
		vnx_json_real(j, "start_s", s->start_s);
		vnx_json_real(j, "throughput_bps", s->throughput_bps);
		vnx_json_text(j, "calls", vnx_metric_name(s->calls));
		vnx_json_real(j, "calls_per_s", s->calls_per_s);
		vnx_json_real(j, "bytes_per_call", s->bytes_per_call);
		vnx_json_real(j, "packets_per_call", s->packets_per_call);
		vnx_json_bool(j, "odd", s->odd);
		vnx_json_close(j);
	}
	vnx_json_close(j);
}

static void put_vm_facts(struct vnx_json *j, const struct vnx_vm *vm)
{
	vnx_json_text(j, "name", vm->name);
	vnx_json_uint(j, "pid", vm->pid);
	vnx_json_string(j, "nic", vm->nic);
	vnx_json_text(j, "backend", vnx_backend_name(vm->backend));
	put_u32s(j, "workers", &vm->workers);
	put_u32s(j, "vcpus", &vm->vcpus);
	vnx_json_open(j, "interfaces", '[', false);
	for (size_t i = 0; i < vm->ifaces.n; i++)
		put_iface(j, &vm->ifaces.v[i]);
	vnx_json_close(j);
}

static void put_vm(struct vnx_json *j, const struct vnx_grid *grid, const struct vnx_vm_finding *vm)
{
	vnx_json_open(j, NULL, '{', false);
	put_vm_facts(j, &vm->vm);
	put_totals(j, vm->totals);
	put_throughput(j, &vm->throughput);
	vnx_json_open(j, "correlations", '[', false);
	for (size_t i = 0; i < vm->correlations.n; i++)
		put_correlation(j, &vm->correlations.v[i]);
	vnx_json_close(j);
	vnx_json_open(j, "degradations", '[', false);
	for (size_t i = 0; i < vm->degradations.n; i++)
		put_degradation(j, &vm->degradations.v[i]);
	vnx_json_close(j);
	vnx_json_text(j, "verdict", vnx_verdict_name(vm->verdict));
	vnx_json_string(j, "why", vm->why);
	put_limits(j, vm);
	put_stages(j, grid, vm->stage);
	put_stage_table(j, vm);
	put_since(j, "first_s", grid, vm->vm.first_ns);
	put_since(j, "last_s", grid, vm->vm.last_ns);
	vnx_json_close(j);
}

static void put_latency(struct vnx_json *j, const struct vnx_throughput *tp)
{
	vnx_json_open(j, "latency", '{', true);
	vnx_json_text(j, "source", tp->source);
	vnx_json_text(j, "of", tp->latency.round_trip ? "round trip" : "one way");
	vnx_json_uint(j, "n", tp->latency.n);
	vnx_json_real(j, "p50_s", tp->latency.p50_s);
	vnx_json_real(j, "p99_s", tp->latency.p99_s);
	vnx_json_close(j);
}

static void put_surroundings(struct vnx_json *j, const struct vnx_finding *f,
			     const struct vnx_run *run, const struct vnx_texts *warnings)
{
	const struct vnx_run_facts *facts = &run->facts;

	vnx_json_open(j, "host", '{', true);
	vnx_json_string(j, "name", facts->host);
	vnx_json_string(j, "kernel", facts->kernel);
	vnx_json_string(j, "capture", facts->capture);
	vnx_json_close(j);
	vnx_json_open(j, "load", '{', true);
	vnx_json_string(j, "command", facts->command);
	vnx_json_string(j, "source", f->tp ? f->tp->source : NULL);
	vnx_json_uint(j, "dropped_intervals", f->tp ? f->tp->dropped : 0);
	vnx_json_real(j, "stage_s", facts->stage_s > 0 ? facts->stage_s : NAN);
	if (f->tp && f->tp->note)
		vnx_json_text(j, "note", f->tp->note);
	vnx_json_close(j);
	if (f->tp && f->tp->latency.n)
		put_latency(j, f->tp);
	vnx_json_open(j, "warnings", '[', false);
	for (size_t i = 0; i < warnings->n; i++)
		vnx_json_text(j, NULL, warnings->v[i]);
	vnx_json_close(j);
}

static int report_json(const struct vnx_finding *f, const struct vnx_report_conf *conf, FILE *out,
		       struct vnx_err *err)
{
	const struct vnx_run *run = f->run ? f->run : &no_run;
	struct vnx_texts warnings = { 0 };
	struct vnx_json j = { .out = out };
	int ret;

	ret = vnx_pick_warnings(f, &warnings);
	if (ret) {
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
		goto out;
	}
	vnx_json_open(&j, NULL, '{', false);
	vnx_json_text(&j, "schema", "vnetdx.diagnosis/1");
	vnx_json_text(&j, "verdict", vnx_verdict_name(f->dg->verdict));
	put_source(&j, f, run);
	put_hooks(&j, &f->dg->grid, &run->hooks);
	put_measurement(&j, f, run);
	vnx_json_open(&j, "vms", '[', false);
	for (size_t i = 0; i < f->dg->vms.n; i++)
		put_vm(&j, &f->dg->grid, &f->dg->vms.v[i]);
	vnx_json_close(&j);
	put_surroundings(&j, f, run, &warnings);
	vnx_json_close(&j);
	ret = vnx_output_check(out, err);
out:
	vnx_texts_fini(&warnings);
	return ret;
}

void vnx_report_error_json(const struct vnx_err *err, FILE *out)
{
	struct vnx_json j = { .out = out };

	vnx_json_open(&j, NULL, '{', false);
	vnx_json_text(&j, "schema", "vnetdx.error/1");
	vnx_json_open(&j, "error", '{', false);
	vnx_json_text(&j, "code", err->code[0] ? err->code : "failed");
	vnx_json_text(&j, "message", err->message);
	vnx_json_string(&j, "hint", err->hint);
	vnx_json_close(&j);
	vnx_json_close(&j);
	fflush(out);
}

const struct vnx_reporter_ops vnx_reporter_json = {
	.name = "json",
	.report = report_json,
};
