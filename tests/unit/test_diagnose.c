// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/diagnosis.h"
#include "tests/unit/sim.h"

#include <math.h>

#define BINS 400

static const struct vnx_grid grid = { 1234500000000ULL, 500000000, BINS };
static const struct vnx_diagnose_conf plain = {
	.sma_bins = 20, .min_effect = 0.05, .min_bins = 3
};
static const double study[8] = { 176e6, 120e6, 92e6, 71e6, 58e6, 46e6, 36e6, 27e6 };
static const double level[8] = { 1e8, 1e8, 1e8, 1e8, 1e8, 1e8, 1e8, 1e8 };

/* One VM's measured run. */
struct run {
	struct vnx_vm vm;
	double bps[BINS], tx[BINS], rx[BINS], enter[BINS], halt[BINS], bytes[BINS], acks[BINS];
	struct vnx_vm_input in;
};

static void run_make(struct run *r, const double *levels, double cv, unsigned seed)
{
	static uint32_t workers[] = { 148 }, vcpus[] = { 150 };
	struct sim s = sim_seed(seed);

	memset(r, 0, sizeof(*r));
	r->vm = (struct vnx_vm){ .name = "vm1",
				 .pid = 144,
				 .nic = "virtio-net",
				 .backend = VNX_BACKEND_VHOST_NET,
				 .workers = { workers, 1, 1 },
				 .vcpus = { vcpus, 1, 1 } };
	sim_throughput(&s, r->bps, BINS, levels, 50, cv, 0.4, 0);
	for (int i = 0; i < BINS; i++) {
		r->tx[i] = floor(r->bps[i] / 8e5 * (1 + 0.1 * sim_normal(&s)));
		r->rx[i] = 0; /* a VM that only sends, its acknowledgements polled */
		r->enter[i] = floor(3000 + 100 * sim_normal(&s));
		r->halt[i] = floor(r->bps[i] / 3e6);
		r->bytes[i] = r->bps[i] / 16 * 1.02;
		r->acks[i] = r->bytes[i] / 40;
	}
	r->in = (struct vnx_vm_input){ .vm = &r->vm, .throughput_source = "iperf3-receiver" };
	r->in.series[VNX_HANDLE_TX] = r->tx;
	r->in.series[VNX_HANDLE_RX] = r->rx;
	r->in.series[VNX_VCPU_ENTER] = r->enter;
	r->in.series[VNX_VCPU_HALT] = r->halt;
	r->in.series[VNX_TX_BYTES] = r->bytes;
	r->in.series[VNX_RX_BYTES] = r->acks;
	r->in.series[VNX_THROUGHPUT] = r->bps;
}

static struct vnx_diagnosis *diagnose(const struct run *r, const struct vnx_diagnose_conf *conf)
{
	struct vnx_diagnosis *dg;

	assert_int_equal(vnx_diagnose(&grid, &r->in, 1, conf, &dg), 0);
	assert_int_equal(dg->vms.n, 1);
	return dg;
}

static const struct vnx_correlation *find(const struct vnx_vm_finding *f, enum vnx_metric x,
					  enum vnx_corr_on on, enum vnx_corr_method m)
{
	for (size_t i = 0; i < f->correlations.n; i++)
		if (f->correlations.v[i].x == x && f->correlations.v[i].on == on &&
		    f->correlations.v[i].method == m && f->correlations.v[i].lag_s == 0)
			return &f->correlations.v[i];
	return NULL;
}

static void study_is_degraded(void **state)
{
	const struct vnx_degradation *d;
	const struct vnx_vm_finding *f;
	struct vnx_diagnosis *dg;
	struct run r;
	double raw, sma, within;

	run_make(&r, study, 0.15, 5);
	dg = diagnose(&r, &plain);
	f = &dg->vms.v[0];
	assert_int_equal(dg->verdict, VNX_DEGRADED);
	assert_int_equal(f->verdict, VNX_DEGRADED);
	assert_true(f->degradations.n >= 3);
	d = &f->degradations.v[0];
	assert_true(fabs(d->start_s - 25) <= 3);
	assert_true(d->start_uncertainty_s >= 0.25 && d->start_uncertainty_s < 10);
	assert_true(isnan(d->end_s) && d->change < -0.2 && d->change > -0.45 && d->p <= 0.01);
	assert_true(fabs(d->change - (d->after_bps - d->before_bps) / d->before_bps) < 1e-12);
	assert_int_equal(d->cause, VNX_CAUSE_UNKNOWN);
	assert_true(*d->advice && d->missing.n >= 3);
	assert_string_equal(d->missing.v[0].what, "vhost_runq_wait");
	assert_non_null(strstr(d->missing.v[0].how, "/proc/148/schedstat"));
	for (size_t i = 1; i < f->degradations.n; i++) /* levels join up */
		assert_true(f->degradations.v[i].start_s > f->degradations.v[i - 1].start_s);
	raw = find(f, VNX_HANDLE_TX, VNX_ON_RAW, VNX_PEARSON)->c.r;
	sma = find(f, VNX_HANDLE_TX, VNX_ON_SMA, VNX_PEARSON)->c.r;
	within = find(f, VNX_HANDLE_TX, VNX_ON_WITHIN_STAGE, VNX_PEARSON)->c.r;
	assert_true(raw > 0.9 && sma > raw && within < raw && within > 0);
	assert_true(find(f, VNX_HANDLE_TX, VNX_ON_SMA, VNX_PEARSON)->c.n_eff < 40);
	vnx_diagnosis_free(dg);
}

/* @n bins of 0.5 s about @level(bin), CV 0.1, AR(1) 0.3: how many degradations are told. */
static size_t falls_of_long(size_t n, double (*level)(size_t bin, size_t n), unsigned seed)
{
	struct vnx_grid long_grid = { 0, 500000000, n };
	VNX_CLEANUP_FREE double *y = malloc(n * sizeof(*y));
	struct vnx_vm vm = { .name = "vm1", .nic = "virtio-net", .backend = VNX_BACKEND_VHOST_NET };
	struct vnx_vm_input in = { .vm = &vm, .throughput_source = "iperf3-receiver" };
	struct sim s = sim_seed(seed);
	struct vnx_diagnosis *dg;
	double e = 0;
	size_t found;

	for (size_t i = 0; i < n; i++) {
		e = 0.3 * e + sqrt(1 - 0.09) * sim_normal(&s);
		y[i] = 1e9 * level(i, n) * (1 + 0.1 * e);
	}
	in.series[VNX_THROUGHPUT] = y;
	assert_int_equal(vnx_diagnose(&long_grid, &in, 1, &plain, &dg), 0);
	found = dg->vms.v[0].degradations.n;
	for (size_t i = 0; i < found; i++) /* what is found is the dip, where there is one */
		if (level(n / 2, n) < 1 && seed % 100 < 50)
			assert_true(fabs(dg->vms.v[0].degradations.v[i].start_s - (double)n / 4) <
				    20);
	vnx_diagnosis_free(dg);
	return found;
}

static double dip_of_5_s(size_t bin, size_t n)
{
	return bin >= n / 2 && bin < n / 2 + 10 ? 0.5 : 1;
}

static double daily_sine(size_t bin, size_t n)
{
	return 1 + 0.3 * sin(2 * M_PI * (double)bin / 172800);
}

/* The same answer in a recording of any length; what a day does is no drop. */
static void length_does_not_matter(void **state)
{
	static const size_t n[] = { 240, 7200, 28800 };

	for (size_t k = 0; k < VNX_ARRAY_SIZE(n); k++) {
		unsigned found = 0;

		for (unsigned seed = 1; seed <= 8; seed++)
			found += falls_of_long(n[k], dip_of_5_s, seed) > 0;
		print_message("5 s at half speed in %zu bins: found in %u of 8\n", n[k], found);
		assert_true(found >= 7);
	}
	assert_int_equal(falls_of_long(172800, dip_of_5_s, 1), 1);
	assert_int_equal(falls_of_long(172800, daily_sine, 51), 0);
}

/* r without an interval where there is too little to have one: stages found, few windows. */
static void certainty_is_not_made_up(void **state)
{
	struct vnx_diagnose_conf conf = plain;
	const struct vnx_corr *within, *sma;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, study, 0.15, 5);
	for (int k = 0; k < 3; k++) {
		conf.stage_s = k == 1 ? 25 : 0;
		conf.sma_bins = k == 2 ? BINS / 4 : 20;
		dg = diagnose(&r, &conf);
		within = &find(&dg->vms.v[0], VNX_HANDLE_TX, VNX_ON_WITHIN_STAGE, VNX_PEARSON)->c;
		sma = &find(&dg->vms.v[0], VNX_HANDLE_TX, VNX_ON_SMA, VNX_PEARSON)->c;
		assert_true(isfinite(within->r) && isfinite(sma->r));
		assert_true(isfinite(within->p) == (k == 1) && isfinite(within->ci_lo) == (k == 1));
		assert_true(isfinite(sma->p) == (k != 2) && isfinite(sma->ci_hi) == (k != 2));
		vnx_diagnosis_free(dg);
	}
}

static void evidence_is_before_and_after(void **state)
{
	static const double half[8] = { 1e8, 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 5e7 };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, half, 0.05, 5);
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	d = &dg->vms.v[0].degradations.v[0];
	assert_true(d->online);
	assert_true(d->start_s == 100 && fabs(d->before_bps / 1e8 - 1) < 0.03);
	assert_int_equal(d->evidence.n, 6);
	assert_int_equal(d->evidence.v[0].metric, VNX_HANDLE_TX);
	/* per second, not per bin: 1e8 / 8e5 = 125 a bin */
	assert_true(fabs(d->evidence.v[0].before - 250) < 10);
	assert_true(fabs(d->evidence.v[0].after - 125) < 8);
	assert_true(fabs(d->bytes_per_call_before - 51000) < 3000);
	assert_true(fabs(d->bytes_per_call_after - 51000) < 3000);
	vnx_diagnosis_free(dg);
}

/* Before the load begins and after it ends nothing is asked of the host, and nothing counts. */
static void evidence_is_of_the_load_alone(void **state)
{
	static const double half[8] = { 1e8, 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 5e7 };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, half, 0.05, 5);
	for (int i = 0; i < BINS; i++) {
		if (i >= 60 && i < 300)
			continue;
		r.bps[i] = NAN;
		r.tx[i] = r.bytes[i] = r.acks[i] = 0;
	}
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	d = &dg->vms.v[0].degradations.v[0];
	assert_int_equal(d->evidence.v[0].metric, VNX_HANDLE_TX);
	assert_true(fabs(d->evidence.v[0].before - 250) < 10);
	assert_true(fabs(d->evidence.v[0].after - 125) < 8);
	vnx_diagnosis_free(dg);
}

/* How many falls are told where bins [from, to) carry @times as much. */
static size_t falls_with(const double *levels, int from, int to, double times)
{
	struct vnx_diagnosis *dg;
	struct run r;
	size_t n;

	run_make(&r, levels, 0.03, 9);
	for (int i = from; i < to; i++)
		r.bps[i] *= times;
	dg = diagnose(&r, &plain);
	n = dg->vms.v[0].degradations.n;
	vnx_diagnosis_free(dg);
	return n;
}

/* A landing of 2 s between two steps is part of the fall; one of 5 s is a level. */
static void steps_that_follow_at_once_are_one_fall(void **state)
{
	static const double low[8] = { 1e8, 1e8, 1e8, 1e8, 3e7, 3e7, 3e7, 3e7 };
	static const double half[8] = { 1e8, 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 5e7 };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	assert_int_equal(falls_with(low, 200, 210, 2.2), 2);
	/* nor where one of the steps is next to nothing */
	assert_int_equal(falls_with(low, 200, 206, 1.6), 1);
	assert_int_equal(falls_with(low, 200, 206, 1.3), 2);
	/* what ends a burst is no fall, and no part of the one after it */
	run_make(&r, half, 0.03, 9);
	for (int i = 180; i < 196; i++)
		r.bps[i] *= 4;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	assert_true(fabs(dg->vms.v[0].degradations.v[0].before_bps / 1e8 - 1) < 0.05);
	vnx_diagnosis_free(dg);

	run_make(&r, low, 0.03, 9);
	for (int i = 200; i < 204; i++)
		r.bps[i] *= 2.2;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	d = &dg->vms.v[0].degradations.v[0];
	assert_true(d->start_s == 100 && d->start_uncertainty_s >= 2.25 && d->ramp_s == 0);
	assert_true(d->start_uncertainty_s < 3 && d->detected_s >= d->start_s);
	assert_true(fabs(d->before_bps / 1e8 - 1) < 0.03 && fabs(d->after_bps / 3e7 - 1) < 0.03);
	vnx_diagnosis_free(dg);
}

static void recovery_ends_it(void **state)
{
	/* 100 -> 60 -> 40 -> 65 -> 98: the second fall ends at the third rise, the first at the
	 * last */
	static const double levels[8] = { 1e8, 6e7, 4e7, 4e7, 5.6e7, 5.6e7, 9.8e7, 9.8e7 };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, levels, 0.03, 9);
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 2);
	d = dg->vms.v[0].degradations.v;
	assert_true(d[0].start_s == 25 && d[0].end_s == 150);
	assert_true(d[1].start_s == 50 && d[1].end_s == 100);
	assert_true(fabs(d[1].before_bps / 6e7 - 1) < 0.03);
	vnx_diagnosis_free(dg);
}

/* What follows a short burst is a fall only where it is less than what was before the burst. */
static void burst_ends_without_a_fall(void **state)
{
	static const double ill[8] = { 1e8, 1e8, 4e7, 4e7, 4e7, 4e7, 4e7, 4e7 };
	static const double less[8] = { 1e8, 1e8, 1e8, 7e7, 7e7, 7e7, 7e7, 7e7 };

	assert_int_equal(falls_with(level, 150, 162, 4), 0);
	assert_int_equal(falls_with(level, 150, 190, 4), 1); /* 20 s are no burst */
	assert_int_equal(falls_with(level, 20, 32, 4), 1);   /* before it was too short to tell */
	assert_int_equal(falls_with(ill, 200, 212, 4), 2);   /* the host is still ill after it */
	assert_int_equal(falls_with(less, 138, 150, 4), 1);  /* it hides when the fall began */
}

static void healthy_is_healthy(void **state)
{
	unsigned bad = 0;

	for (unsigned seed = 1; seed <= 100; seed++) {
		struct vnx_diagnosis *dg;
		struct run r;

		run_make(&r, level, 0.3, seed);
		dg = diagnose(&r, &plain);
		bad += dg->verdict != VNX_HEALTHY;
		if (seed == 1) {
			assert_string_equal(dg->vms.v[0].why,
					    "no drop of 25 % or more in 200 s of throughput");
			assert_int_equal(dg->vms.v[0].throughput.n, BINS);
			assert_true(fabs(dg->vms.v[0].throughput.mean_bps / 1e8 - 1) < 0.1);
		}
		vnx_diagnosis_free(dg);
	}
	print_message("healthy runs not called so: %u of 100\n", bad);
	assert_true(bad <= 1);
}

/* Before the load started and after it ended there is no throughput: missing, not a fall. */
static void load_start_and_stop_are_no_falls(void **state)
{
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, level, 0.1, 3);
	for (int i = 0; i < BINS; i++) {
		if (i < 40 || i >= 350) {
			r.bps[i] = NAN;
			r.tx[i] = r.bytes[i] = 0;
		}
	}
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_HEALTHY);
	assert_int_equal(dg->vms.v[0].throughput.n, 310);
	vnx_diagnosis_free(dg);
	/* the same run seen by the tap alone */
	for (int i = 0; i < BINS; i++)
		r.bps[i] = r.bytes[i] * 16;
	r.in.throughput_source = "tap";
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_HEALTHY);
	assert_int_equal(dg->vms.v[0].degradations.n, 0);
	vnx_diagnosis_free(dg);
	/* but a load generator that reports nothing for so long reports a stall */
	r.in.throughput_source = "iperf3-receiver";
	for (int i = 0; i < 40; i++)
		r.bps[i] = NAN;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_DEGRADED);
	assert_true(dg->vms.v[0].degradations.v[0].after_bps == 0);
	vnx_diagnosis_free(dg);
}

static void tap_says_what_it_cannot_know(void **state)
{
	static const double half[8] = { 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 0, 0 };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, half, 0.1, 3);
	r.in.throughput_source = "tap";
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 0);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	assert_true(fabs(dg->vms.v[0].less.at_s - 75) <= 1);
	assert_non_null(strstr(dg->vms.v[0].why, "what the VM's threads did was not measured"));
	vnx_diagnosis_free(dg);
	/* the same of a load generator's throughput is one, whatever brought it about */
	r.in.throughput_source = "iperf3-sender";
	dg = diagnose(&r, &plain);
	assert_true(dg->vms.v[0].degradations.n >= 1);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_UNKNOWN);
	vnx_diagnosis_free(dg);
	r.in.throughput_source = "tap";
	/* chatter of an idle guest */
	for (int i = 0; i < BINS; i++)
		r.bps[i] = (i < 200 ? 4000 : 400) * (1 + 0.1 * (i % 3));
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_IDLE);
	assert_int_equal(dg->vms.v[0].degradations.n, 0);
	assert_non_null(strstr(dg->vms.v[0].why, "no traffic to speak of"));
	vnx_diagnosis_free(dg);
}

static void still_counters_are_refused(void **state)
{
	static const enum vnx_backend backends[] = { VNX_BACKEND_QEMU,       VNX_BACKEND_EMULATED,
						     VNX_BACKEND_VHOST_USER, VNX_BACKEND_VDPA,
						     VNX_BACKEND_VFIO,       VNX_BACKEND_NONE };
	struct run r;

	run_make(&r, level, 0.1, 3);
	for (size_t b = 0; b < VNX_ARRAY_SIZE(backends); b++) {
		struct vnx_diagnosis *dg;
		const struct vnx_vm_finding *f;

		r.vm.backend = backends[b];
		memset(r.tx, 0, sizeof(r.tx));
		dg = diagnose(&r, &plain);
		f = &dg->vms.v[0];
		for (int x = VNX_HANDLE_TX; x <= VNX_HANDLE_RX; x++) {
			const struct vnx_corr *c =
				&find(f, (enum vnx_metric)x, VNX_ON_RAW, VNX_PEARSON)->c;

			assert_true(isnan(c->r) && isnan(c->p) && isnan(f->totals[x]));
			assert_non_null(
				strstr(c->undefined,
				       b == 5 ? "no network card" : vnx_backend_name(backends[b])));
		}
		assert_true(isfinite(find(f, VNX_VCPU_HALT, VNX_ON_RAW, VNX_PEARSON)->c.r));
		assert_true(f->totals[VNX_VCPU_ENTER] > 0);
		assert_true(isnan(f->totals[VNX_TX_BYTES]) == !vnx_backend_has_tap(backends[b]));
		vnx_diagnosis_free(dg);
	}
	r.vm.backend = VNX_BACKEND_VHOST_NET;
	{
		struct vnx_diagnosis *dg = diagnose(&r, &plain);

		/* here nothing stops them: a real 0, and a constant */
		assert_true(dg->vms.v[0].totals[VNX_HANDLE_TX] == 0);
		assert_string_equal(
			find(&dg->vms.v[0], VNX_HANDLE_RX, VNX_ON_RAW, VNX_KENDALL)->c.undefined,
			"x is constant");
		vnx_diagnosis_free(dg);
	}
}

/* It was there before the fall: a suspicion, until an earlier run with vhost says otherwise. */
static void emulation_is_a_suspicion_and_a_note(void **state)
{
	static const double half[8] = { 1e8, 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 5e7 };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, half, 0.05, 5);
	r.vm.backend = VNX_BACKEND_EMULATED;
	r.vm.nic = "e1000";
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_UNKNOWN);
	assert_int_equal(dg->vms.v[0].degradations.v[0].alternatives.n, 1);
	assert_int_equal(dg->vms.v[0].degradations.v[0].alternatives.v[0].cause,
			 VNX_CAUSE_EMULATED_BACKEND);
	assert_non_null(strstr(dg->vms.v[0].why, "QEMU moves the packets itself"));
	vnx_diagnosis_free(dg);
	run_make(&r, level, 0.05, 5);
	r.vm.backend = VNX_BACKEND_QEMU;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_HEALTHY);
	assert_non_null(strstr(dg->vms.v[0].why, "QEMU moves the packets itself"));
	vnx_diagnosis_free(dg);
}

static void artefacts_are_no_degradation(void **state)
{
	static const double half[8] = { 1e8, 1e8, 1e8, 1e8, 5e7, 5e7, 5e7, 5e7 };
	struct vnx_diagnose_conf conf = plain;
	bool lost[BINS] = { false };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, half, 0.05, 5);
	conf.clock_stepped = true;
	dg = diagnose(&r, &conf);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_MEASUREMENT_ARTEFACT);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	vnx_diagnosis_free(dg);
	/* lost events lower no throughput; where its own bins are missing a drop may be theirs */
	conf = plain;
	conf.lost = lost;
	conf.lost_events = 12;
	for (int i = 198; i < 202; i++)
		lost[i] = true;
	dg = diagnose(&r, &conf);
	assert_int_equal(dg->bins_missing, 4);
	assert_int_equal(dg->verdict, VNX_DEGRADED);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_UNKNOWN);
	assert_int_equal(dg->vms.v[0].degradations.v[0].alternatives.n, 0);
	vnx_diagnosis_free(dg);
	/* a long low level with a gap at its start; a short one that the gap takes much of */
	for (int i = 198; i < 202; i++)
		r.bps[i] = NAN;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_DEGRADED);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_UNKNOWN);
	vnx_diagnosis_free(dg);
	for (int i = 212; i < BINS; i++)
		r.bps[i] = 1e8 * (1 + 0.05 * ((i % 5) - 2) / 2);
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_MEASUREMENT_ARTEFACT);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	vnx_diagnosis_free(dg);
}

static void too_little_is_undetermined(void **state)
{
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, level, 0.1, 3);
	r.in.series[VNX_THROUGHPUT] = NULL;
	r.in.throughput_source = "";
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	assert_non_null(strstr(dg->vms.v[0].why, "not measured"));
	assert_non_null(strstr(dg->vms.v[0].why, "no load generator"));
	assert_true(isnan(dg->vms.v[0].throughput.mean_bps));
	assert_string_equal(
		find(&dg->vms.v[0], VNX_VCPU_HALT, VNX_ON_SMA, VNX_PEARSON)->c.undefined,
		"throughput was not measured");
	vnx_diagnosis_free(dg);
	r.in.throughput_why = "the load generator ran at another time";
	dg = diagnose(&r, &plain);
	assert_non_null(strstr(dg->vms.v[0].why, "no tap counters and the load generator ran at"));
	vnx_diagnosis_free(dg);
	run_make(&r, level, 0.1, 3);
	for (int i = 19; i < BINS; i++)
		r.bps[i] = NAN;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	assert_non_null(strstr(dg->vms.v[0].why, "19 of 400 bins"));
	vnx_diagnosis_free(dg);
	/* not even where it seems to have fallen */
	for (int i = 10; i < 19; i++)
		r.bps[i] = 2e7;
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	assert_int_equal(dg->vms.v[0].degradations.n, 0);
	vnx_diagnosis_free(dg);
	memset(r.bps, 0, sizeof(r.bps));
	dg = diagnose(&r, &plain);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	assert_non_null(strstr(dg->vms.v[0].why, "the load moved nothing"));
	vnx_diagnosis_free(dg);
	assert_int_equal(vnx_diagnose(&grid, NULL, 0, &plain, &dg), 0);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	vnx_diagnosis_free(dg);
	assert_int_equal(vnx_diagnose(&(struct vnx_grid){ 0, 1, 0 }, NULL, 0, &plain, &dg),
			 -EINVAL);
	assert_null(dg);
	vnx_diagnosis_free(NULL);
}

/*
 * A measured run (Mbit/s by 0.5 s; its host was busy with other things): it went up and down all
 * the time, and its level fell in the end. No fall stands out, but healthy would be a lie.
 */
static void wandering_is_not_healthy(void **state)
{
	static const double mbps[] = {
		140, 141, 177, 297, 419, 362, 350, 304, 355, 344, 366, 344, 344, 383, 339, 362, 383,
		522, 503, 470, 569, 502, 519, 458, 470, 424, 447, 335, 276, 193, 203, 264, 327, 354,
		314, 262, 161, 107, 158, 173, 163, 146, 162, 170, 92,  62,  58,  48,  65,  74,  83,
		83,  74,  76,  68,  71,  81,  63,  69,  67,  70,  70,  67,  135, 147, 173, 187, 133,
		144, 137, 147, 145, 93,  126, 128, 134, 131, 124, 134, 125, 135, 119, 123, 123, 118,
		144, 114, 125, 129, 112, 106, 105, 105, 118, 101, 143, 133, 101, 90
	};
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, level, 0.1, 3);
	for (size_t i = 0; i < BINS; i++)
		r.bps[i] = i < VNX_ARRAY_SIZE(mbps) ? mbps[i] * 1e6 : NAN;
	dg = diagnose(&r, &plain);
	assert_int_not_equal(dg->verdict, VNX_HEALTHY);
	if (dg->verdict == VNX_UNDETERMINED)
		assert_non_null(strstr(dg->vms.v[0].why, "wanders"));
	vnx_diagnosis_free(dg);
}

static void missing_series_stay_missing(void **state)
{
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, study, 0.1, 3);
	r.in.series[VNX_HANDLE_TX] = NULL;
	for (int i = 0; i < BINS; i++)
		r.halt[i] = NAN;
	r.enter[5] = NAN;
	dg = diagnose(&r, &plain);
	assert_true(isnan(dg->vms.v[0].totals[VNX_HANDLE_TX]));
	assert_true(isnan(dg->vms.v[0].totals[VNX_VCPU_HALT]));
	assert_true(isnan(dg->vms.v[0].totals[VNX_THROUGHPUT]));
	assert_int_equal(find(&dg->vms.v[0], VNX_VCPU_ENTER, VNX_ON_RAW, VNX_PEARSON)->c.n, 399);
	assert_string_equal(
		find(&dg->vms.v[0], VNX_HANDLE_TX, VNX_ON_RAW, VNX_PEARSON)->c.undefined,
		"handle_tx was not measured");
	assert_non_null(strstr(
		find(&dg->vms.v[0], VNX_VCPU_HALT, VNX_ON_RAW, VNX_PEARSON)->c.undefined, "gaps"));
	vnx_diagnosis_free(dg);
}

static void stages_and_lags_follow_the_conf(void **state)
{
	struct vnx_diagnose_conf conf = plain;
	struct vnx_diagnosis *dg;
	struct run r;
	size_t lagged = 0;

	run_make(&r, study, 0.1, 3);
	for (int i = 0; i < 4; i++)
		r.bps[i] = NAN; /* stages count from where the load starts */
	conf.stage_s = 25;
	dg = diagnose(&r, &conf);
	assert_true(dg->vms.v[0].stage[53] == 0 && dg->vms.v[0].stage[54] == 1);
	assert_int_equal(dg->vms.v[0].stage[399], 7);
	for (size_t i = 0; i < dg->vms.v[0].correlations.n; i++)
		assert_true(dg->vms.v[0].correlations.v[i].lag_s == 0);
	vnx_diagnosis_free(dg);
	/* calls two bins late, clocks sure to 1.2 s */
	memmove(r.tx + 2, r.tx, (BINS - 2) * sizeof(double));
	conf.clock_uncertainty_s = 1.2;
	dg = diagnose(&r, &conf);
	for (size_t i = 0; i < dg->vms.v[0].correlations.n; i++) {
		const struct vnx_correlation *c = &dg->vms.v[0].correlations.v[i];

		if (c->lag_s == 0)
			continue;
		lagged++;
		if (c->x == VNX_HANDLE_TX)
			assert_true(c->lag_s == -1 && c->c.r > 0.9);
	}
	assert_true(lagged >= 1);
	assert_non_null(find(&dg->vms.v[0], VNX_HANDLE_TX, VNX_ON_RAW, VNX_PEARSON));
	vnx_diagnosis_free(dg);
}

static void verdicts_join(void **state)
{
	struct vnx_vm_input in[3];
	struct vnx_diagnosis *dg;
	static struct run a, b, c;

	run_make(&a, level, 0.1, 1);
	run_make(&b, study, 0.1, 2);
	run_make(&c, level, 0.1, 3);
	c.in.series[VNX_THROUGHPUT] = NULL;
	in[0] = a.in;
	in[1] = c.in;
	in[2] = b.in;
	assert_int_equal(vnx_diagnose(&grid, in, 2, &plain, &dg), 0);
	assert_int_equal(dg->vms.v[0].verdict, VNX_HEALTHY);
	assert_int_equal(dg->verdict, VNX_UNDETERMINED);
	vnx_diagnosis_free(dg);
	assert_int_equal(vnx_diagnose(&grid, in, 3, &plain, &dg), 0);
	assert_int_equal(dg->verdict, VNX_DEGRADED);
	vnx_diagnosis_free(dg);
}

static void same_input_gives_same_bytes(void **state)
{
	struct vnx_diagnosis *a, *b;
	struct run r;

	run_make(&r, study, 0.2, 8);
	a = diagnose(&r, &plain);
	b = diagnose(&r, &plain);
	assert_int_equal(a->vms.v[0].correlations.n, b->vms.v[0].correlations.n);
	for (size_t i = 0; i < a->vms.v[0].correlations.n; i++)
		assert_memory_equal(&a->vms.v[0].correlations.v[i].c.r,
				    &b->vms.v[0].correlations.v[i].c.r, sizeof(double));
	assert_int_equal(a->vms.v[0].degradations.n, b->vms.v[0].degradations.n);
	for (size_t i = 0; i < a->vms.v[0].degradations.n; i++)
		assert_memory_equal(&a->vms.v[0].degradations.v[i], &b->vms.v[0].degradations.v[i],
				    offsetof(struct vnx_degradation, cause));
	vnx_diagnosis_free(a);
	vnx_diagnosis_free(b);
}

static void names_are_the_contracts(void **state)
{
	assert_string_equal(vnx_verdict_name(VNX_UNDETERMINED), "undetermined");
	assert_string_equal(vnx_verdict_name(VNX_HEALTHY), "healthy");
	assert_string_equal(vnx_verdict_name(VNX_DEGRADED), "degraded");
	assert_string_equal(vnx_cause_name(VNX_CAUSE_CPU_CONTENTION), "cpu_contention");
	assert_string_equal(vnx_cause_name(VNX_CAUSE_MEASUREMENT_ARTEFACT), "measurement_artefact");
	for (int i = 0; i < VNX_CAUSE_MAX; i++)
		assert_non_null(vnx_cause_name((enum vnx_cause)i));
	assert_null(vnx_cause_name(VNX_CAUSE_MAX));
	assert_string_equal(vnx_corr_on_name(VNX_ON_WITHIN_STAGE), "within-stage");
	assert_string_equal(vnx_corr_method_name(VNX_KENDALL), "kendall");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(study_is_degraded),
		cmocka_unit_test(certainty_is_not_made_up),
		cmocka_unit_test(length_does_not_matter),
		cmocka_unit_test(evidence_is_before_and_after),
		cmocka_unit_test(evidence_is_of_the_load_alone),
		cmocka_unit_test(steps_that_follow_at_once_are_one_fall),
		cmocka_unit_test(recovery_ends_it),
		cmocka_unit_test(burst_ends_without_a_fall),
		cmocka_unit_test(healthy_is_healthy),
		cmocka_unit_test(load_start_and_stop_are_no_falls),
		cmocka_unit_test(tap_says_what_it_cannot_know),
		cmocka_unit_test(still_counters_are_refused),
		cmocka_unit_test(emulation_is_a_suspicion_and_a_note),
		cmocka_unit_test(artefacts_are_no_degradation),
		cmocka_unit_test(too_little_is_undetermined),
		cmocka_unit_test(wandering_is_not_healthy),
		cmocka_unit_test(missing_series_stay_missing),
		cmocka_unit_test(stages_and_lags_follow_the_conf),
		cmocka_unit_test(verdicts_join),
		cmocka_unit_test(same_input_gives_same_bytes),
		cmocka_unit_test(names_are_the_contracts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
