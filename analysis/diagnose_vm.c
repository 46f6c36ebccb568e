// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole analysis: per VM totals, throughput, stages, correlations, falls and a verdict.
 * Reads no clock, draws no random number: equal input gives equal bytes.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

#define HIDDEN_MAX 0.5 /* a run that could hide such a drop is not called healthy */
#define POWER 2 /* a drop of twice the least that is significant is found in nine of ten runs */

static const struct vnx_diagnose_conf defaults = { .sma_bins = 20,
						   .min_effect = 0.05,
						   .min_bins = 3 };

static struct vnx_diagnose_conf conf_complete(const struct vnx_diagnose_conf *conf)
{
	struct vnx_diagnose_conf c = *conf;

	if (!c.sma_bins)
		c.sma_bins = defaults.sma_bins;
	if (!(c.min_effect > 0))
		c.min_effect = defaults.min_effect;
	if (!c.min_bins)
		c.min_bins = defaults.min_bins;
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

/*
 * Of a tap nobody knows what was wanted: that it moves less is a degradation only where the host's
 * own evidence explains it. The largest drop that was left out is remembered in f->less.
 */
static void drop_unexplained(const struct vnx_case *c)
{
	struct vnx_vm_finding *f = c->f;
	size_t kept = 0;

	for (size_t i = 0; i < f->degradations.n; i++) {
		struct vnx_degradation *d = &f->degradations.v[i];

		if (!c->tap || d->cause != VNX_CAUSE_UNKNOWN) {
			f->degradations.v[kept++] = *d;
			continue;
		}
		if (isnan(f->less.at_s) ||
		    d->before_bps - d->after_bps > f->less.before_bps - f->less.after_bps) {
			f->less.at_s = d->from_baseline ? -1 : d->start_s;
			f->less.before_bps = d->before_bps;
			f->less.after_bps = d->after_bps;
		}
		vnx_degradation_fini(d);
	}
	f->degradations.n = kept;
}

#define RECUR_TIMES 3   /* so many are a rhythm */
#define RECUR_DEPTH 1.5 /* they lose as much, within this factor of their median ... */
#define RECUR_EVEN 0.25 /* ... and come at even intervals, within this share of theirs ... */
#define RECUR_MISS 10   /* ... or of twice, thrice as much: one in so many may not be seen */

static double loss_of(const struct vnx_degradation *d)
{
	return d->before_bps - d->after_bps;
}

/* Of the drops that are over, those of about the usual depth: which recur at even intervals? */
static int recurrence_find(struct vnx_vm_finding *f)
{
	size_t n = f->degradations.n, m = 0;
	VNX_CLEANUP_FREE double *x = calloc(n + 1, sizeof(*x));
	VNX_CLEANUP_FREE size_t *which = calloc(n + 1, sizeof(*which));
	double depth, every, missed = 0;

	if (!x || !which)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		x[i] = loss_of(&f->degradations.v[i]);
	depth = vnx_median(x, n);
	for (size_t i = 0; i < n; i++)
		if (!isnan(f->degradations.v[i].end_s) && x[i] <= RECUR_DEPTH * depth &&
		    x[i] * RECUR_DEPTH >= depth)
			which[m++] = i;
	if (m < RECUR_TIMES)
		return 0;
	for (size_t k = 1; k < m; k++)
		x[k - 1] = f->degradations.v[which[k]].start_s -
			   f->degradations.v[which[k - 1]].start_s;
	every = vnx_median(x, m - 1);
	for (size_t k = 0; k + 1 < m; k++) {
		double times = fmax(1, round(x[k] / every));

		missed += times - 1;
		if (fabs(x[k] - times * every) > RECUR_EVEN * every)
			return 0;
	}
	if (missed * RECUR_MISS > (double)m + missed)
		return 0;
	for (size_t k = 0; k < m; k++) {
		f->degradations.v[which[k]].recurs.every_s = every;
		f->degradations.v[which[k]].recurs.times = m;
	}
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
 * The smallest drop, as a share of the mean, that would be found in most runs given how throughput
 * wanders around the levels found: between halves of the run, at the p that a verdict takes. NaN
 * where that cannot be told. -ENOMEM.
 */
static int hidden_drop(const struct vnx_case *c, double *out)
{
	const struct vnx_obs *o = &c->obs;
	VNX_CLEANUP_FREE double *rest = malloc((o->n + 1) * sizeof(*rest));
	VNX_CLEANUP_FREE double *each = malloc((o->n / VNX_WINDOW + 1) * sizeof(*each));
	size_t from = 0, n = 0;

	if (!rest || !each)
		return -ENOMEM;
	for (size_t i = 0; i <= c->changes.n; i++) {
		size_t to = i < c->changes.n ? c->changes.v[i].at : o->n;
		double mean = vnx_mean(o->y + from, to - from);

		for (; from < to; from++)
			rest[from] = o->y[from] - mean;
	}
	/* of windows, as it is looked for */
	for (from = 0; !from || from + VNX_WINDOW <= o->n; from += VNX_WINDOW) {
		size_t width = o->n - from < 2 * VNX_WINDOW ? o->n - from : VNX_WINDOW, valid = 0;
		double sd = vnx_sd(rest + from, width), phi = vnx_autocorr(rest + from, width, 1);
		double n_eff, t;

		for (size_t i = from; i < from + width; i++)
			valid += isfinite(rest[i]);
		n_eff = vnx_mean_neff(valid, phi > 0 ? phi : 0);
		t = qt(VNX_P_MAX / 2, fmax(n_eff - 2, 1), 0, 0);
		/* it wanders less where it is lower: what counts is the logarithm */
		each[n++] =
			1 - exp(-POWER * t * sd * 2 / sqrt(n_eff) / vnx_mean(o->y + from, width));
	}
	*out = fmax(vnx_median(each, n), c->conf->min_effect);
	return 0;
}

/* Enough of a tap was seen, and there is next to nothing; a load that moves nothing is not idle. */
static bool is_idle(const struct vnx_case *c)
{
	const struct vnx_throughput_summary *t = &c->f->throughput;

	return t->n >= VNX_JUDGE_BINS && c->tap && t->mean_bps < VNX_IDLE_BPS;
}

/* Why there is no verdict on a VM without falls; NULL: there can be one. NULL is no error. */
static char *doubt_find(const struct vnx_case *c)
{
	const struct vnx_vm_finding *f = c->f;
	const struct vnx_throughput_summary *t = &f->throughput;
	const char *note = backend_note(&f->vm);

	if (!f->series[VNX_THROUGHPUT])
		return vnx_asprintf("throughput was not measured: no tap counters and %s%s",
				    c->throughput_why ? c->throughput_why : "no load generator",
				    note);
	if (t->n < VNX_JUDGE_BINS)
		return vnx_asprintf("throughput is known in %zu of %zu bins only, a verdict takes "
				    "%d%s",
				    t->n, c->grid->n, VNX_JUDGE_BINS, note);
	if (!(t->mean_bps > 0))
		return vnx_asprintf("the load moved nothing in %zu bins%s", t->n, note);
	if (c->obs.valid == 1)
		return vnx_asprintf("one interval tells no drop in throughput%s", note);
	if (c->obs.valid < VNX_JUDGE_OBS)
		return vnx_asprintf("%zu intervals of the load tell no drop in throughput, a "
				    "verdict takes %d%s",
				    c->obs.valid, VNX_JUDGE_OBS, note);
	if (f->hidden_drop >= HIDDEN_MAX)
		return vnx_asprintf("throughput wanders so much that a drop of %.0f %% could hide "
				    "in it: measure longer, or with a steady load%s",
				    100 * f->hidden_drop, note);
	return NULL;
}

/* What the load wanted and did not get, where nothing that was measured explains it. */
static char *shortfall_find(const struct vnx_vm_finding *f)
{
	if (!(f->got_bps < 0.9 * f->asked_bps))
		return NULL;
	return vnx_asprintf("the load asked for %.4g Mbit/s and got %.4g, and nothing that was "
			    "measured is at its end",
			    f->asked_bps / 1e6, f->got_bps / 1e6);
}

/* Were the places looked at that a drop could come from? */
static bool is_watched(const struct vnx_case *c)
{
	for (size_t i = 0; i < c->n_threads; i++)
		if (c->threads[i].x[VNX_TIME_RUN] && c->threads[i].x[VNX_TIME_WAIT])
			return true;
	return false;
}

static char *less_words(const struct vnx_case *c)
{
	const struct vnx_vm_finding *f = c->f;

	return vnx_asprintf(
		"traffic fell from %.3g to %.3g Mbit/s at %.6g s, and %s: less may have "
		"been wanted (name the load after --, or its output by --throughput)%s",
		f->less.before_bps / 1e6, f->less.after_bps / 1e6, f->less.at_s,
		is_watched(c) ? "nothing that was measured on the host explains it"
			      : "what the VM's threads did was not measured",
		backend_note(&f->vm));
}

static char *healthy_words(const struct vnx_case *c)
{
	const struct vnx_vm_finding *f = c->f;
	const char *note = backend_note(&f->vm);

	if (!isnan(f->less.at_s))
		return less_words(c);
	return vnx_asprintf("no drop of %.2g %% or more in %.6g s of throughput%s",
			    100 * f->hidden_drop, (double)f->throughput.n * c->bin_s, note);
}

static char *artefact_words(const struct vnx_case *c)
{
	return vnx_asprintf("drops in throughput were seen, but %s where they start: measure "
			    "again%s",
			    c->conf->clock_stepped && !c->tap
				    ? "a clock was stepped, so it is not certain"
				    : "throughput itself is missing",
			    backend_note(&c->f->vm));
}

/* In the order of precedence that enum vnx_verdict has. */
static int verdict_find(struct vnx_case *c)
{
	struct vnx_vm_finding *f = c->f;
	const char *note = backend_note(&f->vm);
	bool artefacts = f->degradations.n && all_artefacts(f);

	if (f->degradations.n && !artefacts) {
		f->verdict = VNX_DEGRADED;
		f->why = strdup(*note ? note + 2 : "");
		return f->why ? 0 : -ENOMEM;
	}
	if (f->limits.n) {
		f->verdict = VNX_LIMITED;
		f->why = strdup(f->limits.v[0].finding);
		return f->why ? 0 : -ENOMEM;
	}
	if (f->verdict == VNX_IDLE) {
		f->why = vnx_asprintf("no traffic to speak of in %.6g s%s",
				      (double)f->throughput.n * c->bin_s, note);
		return f->why ? 0 : -ENOMEM;
	}
	f->verdict = VNX_UNDETERMINED;
	f->why = artefacts ? artefact_words(c) : doubt_find(c);
	if (!f->why)
		f->why = shortfall_find(f);
	if (!f->why && !isnan(f->less.at_s) && !is_watched(c))
		f->why = less_words(c);
	if (f->why)
		return 0;
	f->verdict = VNX_HEALTHY;
	f->why = healthy_words(c);
	return f->why ? 0 : -ENOMEM;
}

/* The means of all workers and of all vCPUs, as one of each; for a run without threads, these. */
static void stand_in(struct vnx_case *c)
{
	const struct vnx_vm *vm = &c->f->vm;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(c->stand); i++) {
		const struct vnx_u32s *tids = i ? &vm->vcpus : &vm->workers;
		struct vnx_thread_input *t = &c->stand[i];

		*t = (struct vnx_thread_input){ .tid = tids->n ? tids->v[0] : 0, .worker = !i };
		for (enum vnx_time k = 0; k < VNX_TIMES; k++)
			if (vnx_time_metric(!i, k) != VNX_LOST)
				t->x[k] = c->f->series[vnx_time_metric(!i, k)];
	}
	if (c->n_threads)
		return;
	c->threads = c->stand;
	c->n_threads = VNX_ARRAY_SIZE(c->stand);
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
	c.threads = in->threads;
	c.n_threads = in->n_threads;
	f->asked_bps = in->asked_bps > 0 ? in->asked_bps : NAN;
	f->got_bps = f->hidden_drop = f->less.at_s = NAN;
	err = vnx_vm_copy(&f->vm, in->vm);
	if (!err)
		err = series_copy(f, in, grid->n);
	if (!err)
		err = summary_fill(f, in->throughput_source, grid->n);
	if (err)
		goto out;
	c.tap = !strcmp(f->throughput.source, "tap");
	stand_in(&c);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		f->totals[m] = metric_is_count((enum vnx_metric)m)
				       ? total_of(f, in, (enum vnx_metric)m, grid->n)
				       : NAN;
	if (f->series[VNX_THROUGHPUT]) {
		err = vnx_obs_init(&c.obs, f->series[VNX_THROUGHPUT], in->interval, grid->n);
		f->throughput.values = c.obs.valid;
	}
	/* what carries no verdict tells no drop either */
	if (!err && f->throughput.n >= VNX_JUDGE_BINS)
		err = vnx_case_degrade(&c);
	if (!err && f->series[VNX_THROUGHPUT] && c.baseline)
		err = vnx_case_compare(&c);
	drop_unexplained(&c);
	if (!err)
		err = recurrence_find(f);
	if (is_idle(&c))
		f->verdict = VNX_IDLE;
	else if (!err && f->throughput.n >= VNX_JUDGE_BINS && c.obs.valid >= VNX_JUDGE_OBS)
		err = hidden_drop(&c, &f->hidden_drop);
	if (!err)
		err = vnx_case_limits(&c);
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

/* The first in the order of precedence; idle VMs make no host idle while others work. */
static enum vnx_verdict verdict_join(const struct vnx_diagnosis *dg)
{
	enum vnx_verdict v = VNX_IDLE;

	for (size_t i = 0; i < dg->vms.n; i++)
		v = dg->vms.v[i].verdict < v ? dg->vms.v[i].verdict : v;
	return dg->vms.n ? v : VNX_UNDETERMINED;
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
		struct vnx_vm_finding f = { .verdict = VNX_UNDETERMINED };

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
