// SPDX-License-Identifier: GPL-2.0-only
/*
 * The series and falls for ui.perfetto.dev and chrome://tracing: Chrome's trace-event format,
 * "Trace Event Format" of the Chromium project. A VM is a process, a series a counter (ph C),
 * a fall a slice (ph X). Times are microseconds from the first bin.
 *
 * A counter keeps its value until the next one comes, and the format has no "unknown": so a
 * missing bin has no event, and a slice "not measured: ..." lies over it.
 */
#include "cli/output/reporter.h"

#include <math.h>

#include "cli/output/json_write.h"
#include "cli/output/pick.h"
#include "cli/base/safe.h"
#include "cli/output/text/text.h"
#include "cli/base/units.h"

/* Threads of a VM's process: falls first, of which several may last at once. */
#define FALL_TID 1
#define GAP_TID 1000

struct track {
	char name[64];
	const char *unit;
	double *values; /* owned, grid.n, NaN: missing */
};

struct out {
	struct vnx_json j;
	const struct vnx_grid *grid;
	uint64_t pid; /* of the VM that is written */
	uint64_t gaps;
};

static double bin_us(const struct vnx_grid *grid, size_t i)
{
	return (double)(grid->bin_ns * (uint64_t)i) / 1e3;
}

static void begin_event(struct out *o, const char *ph, const char *name, uint64_t tid)
{
	vnx_json_open(&o->j, NULL, '{', true);
	vnx_json_text(&o->j, "ph", ph);
	vnx_json_text(&o->j, "name", name);
	vnx_json_uint(&o->j, "pid", o->pid);
	vnx_json_uint(&o->j, "tid", tid);
}

/* ph M: what a process or a thread is called. */
static void put_name(struct out *o, const char *what, uint64_t tid, const char *name)
{
	begin_event(o, "M", what, tid);
	vnx_json_open(&o->j, "args", '{', true);
	vnx_json_text(&o->j, "name", name);
	vnx_json_close(&o->j);
	vnx_json_close(&o->j);
}

static void put_counter(struct out *o, const struct track *t, size_t i)
{
	begin_event(o, "C", t->name, 0);
	vnx_json_count(&o->j, "ts", bin_us(o->grid, i));
	vnx_json_open(&o->j, "args", '{', true);
	vnx_json_real(&o->j, t->unit, t->values[i]);
	vnx_json_close(&o->j);
	vnx_json_close(&o->j);
}

/* @args stays open, for the caller to fill and close twice. */
static void open_slice(struct out *o, const char *name, uint64_t tid, double from_us, double to_us)
{
	begin_event(o, "X", name, tid);
	vnx_json_count(&o->j, "ts", from_us);
	vnx_json_count(&o->j, "dur", to_us - from_us);
	vnx_json_open(&o->j, "args", '{', true);
}

static void close_slice(struct out *o)
{
	vnx_json_close(&o->j);
	vnx_json_close(&o->j);
}

static void put_gaps(struct out *o, const struct track *t)
{
	uint64_t tid = GAP_TID + o->gaps;
	bool any = false;
	char name[96];

	snprintf(name, sizeof(name), "not measured: %s", t->name);
	for (size_t i = 0, end; i < o->grid->n; i = end) {
		end = i + 1;
		if (!isnan(t->values[i]))
			continue;
		while (end < o->grid->n && isnan(t->values[end]))
			end++;
		if (!any)
			put_name(o, "thread_name", tid, name);
		any = true;
		open_slice(o, name, tid, bin_us(o->grid, i), bin_us(o->grid, end));
		close_slice(o);
	}
	o->gaps += any;
}

static void put_track(struct out *o, const struct track *t)
{
	for (size_t i = 0; i < o->grid->n; i++)
		if (isfinite(t->values[i]))
			put_counter(o, t, i);
	put_gaps(o, t);
}

/* ---- series ---- */

static double *scaled(const struct vnx_grid *grid, const double *x, double factor)
{
	double *out = malloc((grid->n + 1) * sizeof(*out));

	for (size_t i = 0; out && i < grid->n; i++)
		out[i] = isfinite(x[i]) ? x[i] * factor : NAN;
	return out;
}

/* Of a bin without a call nothing per call can be told. */
static double *ratio(const struct vnx_grid *grid, const double *x, const double *y)
{
	double *out = malloc((grid->n + 1) * sizeof(*out));

	for (size_t i = 0; out && i < grid->n; i++)
		out[i] = isfinite(x[i]) && y[i] > 0 ? x[i] / y[i] : NAN;
	return out;
}

/* Takes t->values over; a series with no value at all is not shown. */
static int put_and_free(struct out *o, struct track *t)
{
	bool any = false;

	if (!t->values)
		return -ENOMEM;
	for (size_t i = 0; i < o->grid->n && !any; i++)
		any = isfinite(t->values[i]);
	if (any)
		put_track(o, t);
	free(t->values);
	return 0;
}

static int put_calls(struct out *o, const struct vnx_vm_finding *vm, enum vnx_metric metric)
{
	struct track t = { .unit = "calls/s" };

	if (!vm->series[metric])
		return 0;
	snprintf(t.name, sizeof(t.name), "%s calls per s", vnx_metric_name(metric));
	t.values = scaled(o->grid, vm->series[metric], 1e9 / (double)o->grid->bin_ns);
	return put_and_free(o, &t);
}

static int put_per_call(struct out *o, const struct vnx_vm_finding *vm, enum vnx_metric calls)
{
	const double *bytes = vm->series[vnx_pick_bytes(calls)];
	struct track t = { .unit = "bytes" };

	if (!bytes || !vm->series[calls])
		return 0;
	snprintf(t.name, sizeof(t.name), "bytes per %s call", vnx_metric_name(calls));
	t.values = ratio(o->grid, bytes, vm->series[calls]);
	return put_and_free(o, &t);
}

static int put_series(struct out *o, const struct vnx_vm_finding *vm)
{
	struct track t = { .name = "throughput", .unit = "bit/s" };
	int ret = 0;

	if (vm->series[VNX_THROUGHPUT]) {
		t.values = scaled(o->grid, vm->series[VNX_THROUGHPUT], 1);
		ret = put_and_free(o, &t);
	}
	for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT && !ret; m++)
		ret = put_calls(o, vm, (enum vnx_metric)m);
	for (int m = VNX_HANDLE_TX; m <= VNX_HANDLE_RX && !ret; m++)
		ret = put_per_call(o, vm, (enum vnx_metric)m);
	return ret;
}

/* ---- falls ---- */

static double fall_end_us(const struct out *o, const struct vnx_degradation *d)
{
	double end_us = bin_us(o->grid, o->grid->n);

	return isfinite(d->end_s) && d->end_s * 1e6 < end_us ? d->end_s * 1e6 : end_us;
}

/* The first thread on which nothing lasts any more: slices of one thread must not overlap. */
static unsigned choose_lane(const struct out *o, const struct vnx_vm_finding *vm, size_t n,
			    const unsigned *lane)
{
	for (unsigned l = 0;; l++) {
		bool taken = false;

		for (size_t i = 0; i < n && !taken; i++)
			taken = lane[i] == l && fall_end_us(o, &vm->degradations.v[i]) >
							vm->degradations.v[n].start_s * 1e6;
		if (!taken)
			return l;
	}
}

static void put_fall(struct out *o, const struct vnx_degradation *d, unsigned lane)
{
	char name[256], before[VNX_UNIT_LEN], after[VNX_UNIT_LEN], change[VNX_UNIT_LEN];
	double start_us = d->start_s * 1e6, end_us = fall_end_us(o, d);

	snprintf(name, sizeof(name), "throughput falls from %s to %s (%s): %s",
		 vnx_rate_format(d->before_bps, before), vnx_rate_format(d->after_bps, after),
		 vnx_percent_format(d->change, change), vnx_text_cause(d->cause));
	open_slice(o, name, FALL_TID + lane, start_us, end_us > start_us ? end_us : start_us);
	vnx_json_text(&o->j, "cause", vnx_cause_name(d->cause));
	vnx_json_real(&o->j, "before_bps", d->before_bps);
	vnx_json_real(&o->j, "after_bps", d->after_bps);
	vnx_json_real(&o->j, "start_uncertainty_s", d->start_uncertainty_s);
	vnx_json_bool(&o->j, "lasts", isnan(d->end_s));
	vnx_json_string(&o->j, "advice", d->advice);
	close_slice(o);
}

/* They are listed by start, so that the slices of a thread are by time. */
static int put_falls(struct out *o, const struct vnx_vm_finding *vm)
{
	size_t n = vm->degradations.n;
	unsigned *lane = calloc(n + 1, sizeof(*lane)), lanes = 0;

	if (!lane)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		lane[i] = choose_lane(o, vm, i, lane);
		if (lane[i] == lanes)
			put_name(o, "thread_name", FALL_TID + lanes++, "falls of throughput");
		put_fall(o, &vm->degradations.v[i], lane[i]);
	}
	free(lane);
	return 0;
}

/* ---- the document ---- */

static int put_vm(struct out *o, const struct vnx_finding *f, size_t i)
{
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);
	VNX_CLEANUP_FREE char *safe = label ? vnx_text_safe(label, 0) : NULL;
	int ret;

	if (!safe)
		return -ENOMEM;
	o->pid = i + 1; /* process ids are reused: two VMs of one run may share theirs */
	o->gaps = 0;
	put_name(o, "process_name", 0, safe);
	ret = put_falls(o, &f->dg->vms.v[i]);
	return ret ? ret : put_series(o, &f->dg->vms.v[i]);
}

static int report_perfetto(const struct vnx_finding *f, const struct vnx_report_conf *conf,
			   FILE *out, struct vnx_err *err)
{
	struct out o = { .j.out = out, .grid = &f->dg->grid };
	int ret = 0;

	vnx_json_open(&o.j, NULL, '{', false);
	vnx_json_text(&o.j, "displayTimeUnit", "ms");
	vnx_json_open(&o.j, "otherData", '{', true);
	vnx_json_text(&o.j, "program", "vnetdx " VNX_VERSION);
	vnx_json_text(&o.j, "verdict", vnx_verdict_name(f->dg->verdict));
	vnx_json_string(&o.j, "source", f->source_kind);
	vnx_json_real(&o.j, "start_s", (double)f->dg->grid.start_ns / 1e9);
	vnx_json_close(&o.j);
	vnx_json_open(&o.j, "traceEvents", '[', false);
	for (size_t i = 0; i < f->dg->vms.n && !ret; i++)
		ret = put_vm(&o, f, i);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	vnx_json_close(&o.j);
	vnx_json_close(&o.j);
	return vnx_output_check(out, err);
}

int vnx_report_perfetto(const struct vnx_finding *f, const char *path, struct vnx_err *err)
{
	static const struct vnx_report_conf conf = { .columns = 80 };
	FILE *out = fopen(path, "we");
	int ret;

	if (!out) {
		ret = -errno;
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output", "cannot write %s: %s", path,
				   strerror(-ret));
	}
	ret = report_perfetto(f, &conf, out, err);
	if (fclose(out) && !ret)
		ret = vnx_err_set(err, -errno, VNX_EXIT_FAILED, "output", "cannot write %s: %s",
				  path, strerror(errno));
	return ret;
}

const struct vnx_reporter_ops vnx_reporter_perfetto = {
	.name = "perfetto",
	.report = report_perfetto,
};
