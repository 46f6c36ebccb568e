// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole analysis: per VM totals, throughput, stages, correlations, falls and a verdict.
 * Reads no clock, draws no random number: equal input gives equal bytes.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

#define LEAST_FALL_MAX 1.0 /* a run that could hide even a stop is not called healthy */

static const struct vnx_diagnose_conf defaults = {
	.sma_bins = 20, .min_effect = 0.05, .min_bins = 3, .false_alarms_per_day = 1
};

static struct vnx_diagnose_conf conf_complete(const struct vnx_diagnose_conf *conf)
{
	struct vnx_diagnose_conf c = *conf;

	if (!c.sma_bins)
		c.sma_bins = defaults.sma_bins;
	if (!(c.min_effect > 0))
		c.min_effect = defaults.min_effect;
	if (!c.min_bins)
		c.min_bins = defaults.min_bins;
	if (!(c.false_alarms_per_day > 0))
		c.false_alarms_per_day = defaults.false_alarms_per_day;
	return c;
}

static int series_copy(struct vnx_vm_finding *f, const struct vnx_vm_input *in, size_t n)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		if (!in->series[m])
			continue;
		f->series[m] = malloc(n * sizeof(double));
		if (!f->series[m])
			return -ENOMEM;
		memcpy(f->series[m], in->series[m], n * sizeof(double));
	}
	return 0;
}

/* The run's count. NaN: nothing measured, or nothing there that could count. */
static double total_of(const struct vnx_vm_finding *f, const struct vnx_vm_input *in,
		       enum vnx_metric m, size_t n)
{
	const double *x = f->series[m];
	size_t valid = 0;
	double sum = 0;

	if (!x || !vnx_metric_can_move(&f->vm, m))
		return NAN;
	if (in->totals)
		return in->totals[m];
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		sum += x[i];
		valid++;
	}
	return valid ? sum : NAN;
}

static bool metric_is_count(enum vnx_metric m)
{
	return m <= VNX_RX_BYTES || m == VNX_KVM_EXIT || m == VNX_LOST;
}

static int summary_fill(struct vnx_vm_finding *f, const char *source, size_t n)
{
	struct vnx_throughput_summary *t = &f->throughput;
	const double *y = f->series[VNX_THROUGHPUT];

	*t = (struct vnx_throughput_summary){
		.mean_bps = NAN, .p05_bps = NAN, .p50_bps = NAN, .p95_bps = NAN
	};
	t->source = strdup(source ? source : "");
	if (!t->source)
		return -ENOMEM;
	if (!y)
		return 0;
	for (size_t i = 0; i < n; i++)
		t->n += isfinite(y[i]);
	t->mean_bps = vnx_mean(y, n);
	t->p05_bps = vnx_quantile(y, n, 0.05);
	t->p50_bps = vnx_quantile(y, n, 0.5);
	t->p95_bps = vnx_quantile(y, n, 0.95);
	return 0;
}

static bool all_artefacts(const struct vnx_vm_finding *f)
{
	for (size_t i = 0; i < f->degradations.n; i++)
		if (f->degradations.v[i].cause != VNX_CAUSE_MEASUREMENT_ARTEFACT)
			return false;
	return true;
}

/* What the back end itself costs, said whatever the verdict; "" if nothing. */
static const char *backend_note(const struct vnx_vm *vm)
{
	switch (vm->backend) {
	case VNX_BACKEND_QEMU:
		return "; QEMU moves the packets itself (qemu-virtio, no vhost)";
	case VNX_BACKEND_EMULATED:
		return "; QEMU moves the packets itself (qemu-emulated card)";
	default:
		return "";
	}
}

/*
 * The smallest fall, as a share of the mean, that would stand out from how throughput wanders
 * around the levels found: between halves of the run, at the p that a verdict takes. NaN where
 * that cannot be told, -ENOMEM in *err.
 */
static double least_fall(const struct vnx_case *c, int *err)
{
	const struct vnx_obs *o = &c->obs;
	VNX_CLEANUP_FREE double *rest = malloc((o->n + 1) * sizeof(*rest));
	double sd, phi, n_eff, t;
	size_t from = 0;

	*err = rest ? 0 : -ENOMEM;
	if (!rest)
		return NAN;
	for (size_t i = 0; i <= c->changes.n; i++) {
		size_t to = i < c->changes.n ? c->changes.v[i].at : o->n;
		double mean = vnx_mean(o->y + from, to - from);

		for (; from < to; from++)
			rest[from] = o->y[from] - mean;
	}
	sd = vnx_sd(rest, o->n);
	phi = vnx_autocorr(rest, o->n, 1);
	n_eff = vnx_mean_neff(o->valid, phi > 0 ? phi : 0);
	t = qt(VNX_P_MAX / 2, fmax(n_eff - 2, 1), 0, 0);
	return t * sd * 2 / sqrt(n_eff) / c->f->throughput.mean_bps;
}

/* Why there is no verdict on a VM without falls; NULL: there can be one. Caller frees. */
static int doubt_find(const struct vnx_case *c, char **out)
{
	const struct vnx_throughput_summary *t = &c->f->throughput;
	const char *note = backend_note(&c->f->vm);
	double least;
	int err;

	*out = NULL;
	if (!c->f->series[VNX_THROUGHPUT])
		*out = vnx_asprintf("throughput was not measured: no tap counters and %s%s",
				    c->throughput_why ? c->throughput_why : "no load generator",
				    note);
	else if (t->n < VNX_JUDGE_BINS)
		*out = vnx_asprintf("throughput is known in %zu of %zu bins only, a verdict takes "
				    "%d%s",
				    t->n, c->grid->n, VNX_JUDGE_BINS, note);
	else if (!(t->mean_bps > 0))
		*out = vnx_asprintf("no traffic in %zu bins: nothing to judge%s", t->n, note);
	else if (c->tap && t->mean_bps < VNX_IDLE_BPS)
		*out = vnx_asprintf("almost no traffic (%.1f kbit/s): nothing to judge%s",
				    t->mean_bps / 1e3, note);
	else if (c->obs.valid < VNX_JUDGE_OBS)
		*out = c->obs.valid == 1
			       ? vnx_asprintf("one interval tells no drop in throughput%s", note)
			       : vnx_asprintf("%zu intervals of the load tell no drop in "
					      "throughput, a verdict takes %d%s",
					      c->obs.valid, VNX_JUDGE_OBS, note);
	if (*out)
		return 1;
	least = least_fall(c, &err);
	if (err || !(least > LEAST_FALL_MAX))
		return err;
	*out = vnx_asprintf("throughput wanders so much that not even a fall to nothing could be "
			    "told from that: measure longer, or with a steady load%s",
			    note);
	return *out ? 1 : -ENOMEM;
}

static int verdict_find(struct vnx_case *c)
{
	struct vnx_vm_finding *f = c->f;
	const char *note = backend_note(&f->vm);
	int doubt;

	if (f->degradations.n && !all_artefacts(f)) {
		f->verdict = VNX_DEGRADED;
		f->why = strdup(*note ? note + 2 : "");
		return f->why ? 0 : -ENOMEM;
	}
	f->verdict = VNX_UNDETERMINED;
	doubt = f->degradations.n ? 0 : doubt_find(c, &f->why);
	if (doubt)
		return doubt < 0 ? doubt : 0;
	if (f->degradations.n) {
		f->why = vnx_asprintf("falls were seen, but %s where they start: measure again%s",
				      c->conf->clock_stepped && !c->tap
					      ? "a clock was stepped, so it is not certain"
					      : "something was lost",
				      note);
	} else {
		f->verdict = VNX_HEALTHY;
		f->why = vnx_asprintf("no fall of %.3g %% or more in %.6g s of throughput%s",
				      c->conf->min_effect * 100, (double)f->throughput.n * c->bin_s,
				      note);
	}
	return f->why ? 0 : -ENOMEM;
}

static int vm_diagnose(const struct vnx_case *all, const struct vnx_vm_input *in,
		       struct vnx_vm_finding *f)
{
	const struct vnx_grid *grid = all->grid;
	struct vnx_case c = *all;
	int err;

	c.f = f;
	c.baseline = in->baseline;
	c.throughput_why = in->throughput_why;
	err = vnx_vm_copy(&f->vm, in->vm);
	if (!err)
		err = series_copy(f, in, grid->n);
	if (!err)
		err = summary_fill(f, in->throughput_source, grid->n);
	if (err)
		goto out;
	c.tap = !strcmp(f->throughput.source, "tap");
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		f->totals[m] = metric_is_count((enum vnx_metric)m)
				       ? total_of(f, in, (enum vnx_metric)m, grid->n)
				       : NAN;
	if (f->series[VNX_THROUGHPUT]) {
		err = vnx_obs_init(&c.obs, f->series[VNX_THROUGHPUT], in->interval, grid->n);
		f->throughput.values = c.obs.valid;
	}
	if (!err && f->series[VNX_THROUGHPUT])
		err = vnx_case_degrade(&c);
	if (!err && f->series[VNX_THROUGHPUT] && c.baseline)
		err = vnx_case_compare(&c);
	if (!err)
		err = vnx_case_stages(&c);
	if (!err)
		err = vnx_case_stage_table(&c);
	if (!err)
		err = vnx_case_relate(&c);
	if (!err)
		err = verdict_find(&c);
out:
	free(c.changes.v);
	vnx_obs_fini(&c.obs);
	return err;
}

/* Degraded if any VM is, healthy if one is and none degraded. */
static enum vnx_verdict verdict_join(const struct vnx_diagnosis *dg)
{
	enum vnx_verdict v = VNX_UNDETERMINED;

	for (size_t i = 0; i < dg->vms.n; i++) {
		if (dg->vms.v[i].verdict == VNX_DEGRADED)
			return VNX_DEGRADED;
		if (dg->vms.v[i].verdict == VNX_HEALTHY)
			v = VNX_HEALTHY;
	}
	return v;
}

int vnx_diagnose(const struct vnx_grid *grid, const struct vnx_vm_input *vms, size_t n_vms,
		 const struct vnx_diagnose_conf *conf, struct vnx_diagnosis **out)
{
	struct vnx_diagnose_conf full = conf_complete(conf);
	struct vnx_case all = { .grid = grid,
				.conf = &full,
				.vms = vms,
				.n_vms = n_vms,
				.bin_s = (double)grid->bin_ns / VNX_NSEC_PER_SEC };
	struct vnx_diagnosis *dg;
	int err = 0;

	*out = NULL;
	if (!grid->n || !grid->bin_ns)
		return -EINVAL;
	dg = calloc(1, sizeof(*dg));
	if (!dg)
		return -ENOMEM;
	dg->grid = *grid;
	dg->sma_bins = full.sma_bins;
	dg->lost_events = full.lost_events;
	for (size_t i = 0; full.lost && i < grid->n; i++)
		dg->bins_missing += full.lost[i];
	for (size_t i = 0; !err && i < n_vms; i++) {
		struct vnx_vm_finding f = { 0 };

		err = vnx_vec_push(&dg->vms, f);
		if (!err)
			err = vm_diagnose(&all, &vms[i], &dg->vms.v[i]);
	}
	if (err) {
		vnx_diagnosis_free(dg);
		return err;
	}
	dg->verdict = verdict_join(dg);
	*out = dg;
	return 0;
}
