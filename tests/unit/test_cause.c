// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each cause from the numbers that stand for it, what they must not be taken for, offenders,
 * baselines. Throughput falls to half at bin 40 of 80; every metric has a level before and one
 * after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analysis/cause_score.h"
#include "analysis/diagnosis.h"
#include "tests/unit/sim.h"

#include <math.h>

#define BINS 80
#define FALL 40

static const struct vnx_grid grid = { 1000000000000ULL, 500000000, BINS };

struct level {
	enum vnx_metric metric;
	double before, after; /* of a bin */
};

/* What a healthy sender's VM shows; a case overrides some. */
static const struct level well[] = {
	{ VNX_HANDLE_TX, 400, 200 },
	{ VNX_HANDLE_RX, 400, 200 },
	{ VNX_TX_KICK, 390, 195 },
	{ VNX_TX_PACKETS, 500, 250 },
	{ VNX_TX_BYTES, 20e6, 10e6 },
	{ VNX_RX_PACKETS, 400, 200 },
	{ VNX_RX_BYTES, 26e3, 13e3 },
	{ VNX_VHOST_RUN, 0.4, 0.4 },
	{ VNX_VHOST_RUNQ_WAIT, 0.05, 0.05 },
	{ VNX_VCPU_RUN, 0.6, 0.6 },
	{ VNX_VCPU_RUNQ_WAIT, 0.1, 0.1 },
	{ VNX_VHOST_THROTTLED, 0, 0 },
	{ VNX_VCPU_THROTTLED, 0, 0 },
	{ VNX_VHOST_CPUS, 2, 2 },
	{ VNX_VHOST_WITH_VCPU, 0, 0 },
	{ VNX_TX_DROPS, 0, 0 },
	{ VNX_RX_DROPS, 0, 0 },
	{ VNX_QDISC_DROPS, 0, 0 },
	{ VNX_QDISC_BACKLOG, 0, 0 },
	{ VNX_QDISC_OVERLIMITS, 0, 0 },
	{ VNX_LOAD_RECVQ, 10e3, 10e3 },
	{ VNX_LOAD_OOO, 0, 0 },
	{ VNX_LOAD_STOPPED, 0, 0 },
	{ VNX_HOST_IDLE, 0.2, 0.2 },
};

struct run {
	struct vnx_vm vms[2];
	struct vnx_vm_input in[2];
	double series[VNX_METRIC_MAX][BINS];
	struct vnx_diagnose_conf conf;
};

static void set_level(struct run *r, const struct level *l)
{
	for (int i = 0; i < BINS; i++)
		r->series[l->metric][i] = i < FALL ? l->before : l->after;
	r->in[0].series[l->metric] = r->series[l->metric];
}

static void run_make(struct run *r, const struct level *levels, size_t n)
{
	static uint32_t workers[] = { 148 }, vcpus[] = { 150 }, others[] = { 250 };
	struct sim s = sim_seed(7);

	memset(r, 0, sizeof(*r));
	r->vms[0] = (struct vnx_vm){ .name = "vm1",
				     .pid = 144,
				     .nic = "virtio-net",
				     .backend = VNX_BACKEND_VHOST_NET,
				     .workers = { workers, 1, 1 },
				     .vcpus = { vcpus, 1, 1 } };
	r->vms[1] = (struct vnx_vm){ .name = "vm2",
				     .pid = 244,
				     .nic = "virtio-net",
				     .backend = VNX_BACKEND_VHOST_NET,
				     .vcpus = { others, 1, 1 } };
	r->in[0] =
		(struct vnx_vm_input){ .vm = &r->vms[0], .throughput_source = "iperf3-receiver" };
	r->in[1] = (struct vnx_vm_input){ .vm = &r->vms[1], .throughput_source = "" };
	for (size_t i = 0; i < VNX_ARRAY_SIZE(well); i++)
		set_level(r, &well[i]);
	for (size_t i = 0; i < n; i++)
		set_level(r, &levels[i]);
	for (int i = 0; i < BINS; i++)
		r->series[VNX_THROUGHPUT][i] =
			(i < FALL ? 300e6 : 150e6) * (1 + 0.05 * sim_normal(&s));
	r->in[0].series[VNX_THROUGHPUT] = r->series[VNX_THROUGHPUT];
	r->conf = (struct vnx_diagnose_conf){ .sma_bins = 20 };
}

static struct vnx_diagnosis *diagnose(const struct run *r)
{
	struct vnx_diagnosis *dg;

	assert_int_equal(vnx_diagnose(&grid, r->in, 2, &r->conf, &dg), 0);
	assert_int_equal(dg->vms.v[0].degradations.n, 1);
	return dg;
}

/* The fall has that cause; its words name what decided, with before and after. */
static void is_cause(const struct run *r, enum vnx_cause cause)
{
	struct vnx_diagnosis *dg = diagnose(r);
	const struct vnx_degradation *d = &dg->vms.v[0].degradations.v[0];

	if (d->cause != cause)
		print_error("%s instead of %s: %s\n", vnx_cause_name(d->cause),
			    vnx_cause_name(cause), d->finding);
	assert_int_equal(d->cause, cause);
	assert_true(d->advice && *d->advice);
	if (cause != VNX_CAUSE_UNKNOWN) {
		assert_true(*d->finding && d->score >= 0.5 && d->score <= 1);
		assert_true(d->evidence.n > 0 || cause == VNX_CAUSE_MEASUREMENT_ARTEFACT);
	}
	for (size_t i = 0; i < d->alternatives.n; i++)
		assert_true(d->alternatives.v[i].cause != cause && d->alternatives.v[i].score <= 1);
	vnx_diagnosis_free(dg);
}

static void case_of(enum vnx_cause cause, const struct level *levels, size_t n)
{
	struct run r;

	run_make(&r, levels, n);
	is_cause(&r, cause);
}

#define CASE(cause, ...)                                          \
	do {                                                      \
		const struct level l[] = { __VA_ARGS__ };         \
		case_of(VNX_CAUSE_##cause, l, VNX_ARRAY_SIZE(l)); \
	} while (0)

static void cpu_is_told_apart(void **state)
{
	CASE(CPU_CONTENTION, { VNX_VHOST_RUNQ_WAIT, 0.05, 0.4 }, { VNX_VCPU_RUNQ_WAIT, 0.1, 0.4 });
	/* a quota's waiting is no contention, whoever else waits */
	CASE(THROTTLED, { VNX_VHOST_RUNQ_WAIT, 0.05, 0.4 }, { VNX_VHOST_THROTTLED, 0, 0.5 },
	     { VNX_VCPU_RUNQ_WAIT, 0.1, 0.5 }, { VNX_VCPU_THROTTLED, 0, 0.5 });
	CASE(THROTTLED, { VNX_VHOST_RUNQ_WAIT, 0.05, 0.3 }, { VNX_VHOST_WITH_VCPU, 0, 1 },
	     { VNX_VHOST_CPUS, 2, 1 });
	CASE(VCPU_STARVED, { VNX_VCPU_RUNQ_WAIT, 0.1, 0.5 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(VCPU_STARVED, { VNX_VCPU_RUNQ_WAIT, 0.1, 0.5 }, { VNX_VCPU_THROTTLED, 0, 0.4 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(VHOST_SATURATED, { VNX_VHOST_RUN, 0.5, 0.97 }, { VNX_VHOST_RUNQ_WAIT, 0.02, 0.02 });
}

static void path_is_told_apart(void **state)
{
	CASE(LINK_LIMITED, { VNX_QDISC_DROPS, 0, 5 }, { VNX_QDISC_OVERLIMITS, 0, 200 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
	/* what a queue of ours drops comes out of order too: that is no loss beyond the host */
	CASE(LINK_LIMITED, { VNX_QDISC_DROPS, 0, 5 }, { VNX_LOAD_OOO, 0, 40 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(PATH_LOSS, { VNX_LOAD_OOO, 0, 40 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(NOTIFICATION_STORM, { VNX_TX_KICK, 390, 1600 }, { VNX_TX_PACKETS, 500, 1700 },
	     { VNX_HANDLE_TX, 400, 1600 }, { VNX_VHOST_RUN, 0.4, 0.5 });
	/* with next to nothing in each, as many kicks as before are one too */
	CASE(NOTIFICATION_STORM, { VNX_TX_KICK, 390, 380 }, { VNX_TX_PACKETS, 500, 480 },
	     { VNX_TX_BYTES, 20e6, 0.7e6 }, { VNX_VHOST_RUN, 0.4, 0.35 },
	     { VNX_VCPU_RUN, 0.6, 0.8 });
	/* beside a flow of large packets small ones do not lower the mean by much */
	CASE(NOTIFICATION_STORM, { VNX_TX_KICK, 390, 610 }, { VNX_TX_PACKETS, 500, 760 },
	     { VNX_TX_BYTES, 20e6, 12e6 }, { VNX_VHOST_RUN, 0.4, 0.4 },
	     { VNX_VCPU_RUN, 0.6, 0.88 });
	/* a shaper in the guest cuts packets up too, and leaves everybody as much rest as before */
	CASE(UNKNOWN, { VNX_TX_KICK, 190, 240 }, { VNX_TX_PACKETS, 330, 1270 },
	     { VNX_TX_BYTES, 16e6, 3.4e6 }, { VNX_VHOST_RUN, 0.26, 0.23 },
	     { VNX_VCPU_RUN, 0.68, 0.68 });
	/* ... or some of it less: a bell for thrice the packets is none that rings too often */
	CASE(UNKNOWN, { VNX_TX_KICK, 145, 200 }, { VNX_TX_PACKETS, 285, 1290 },
	     { VNX_TX_BYTES, 14e6, 2e6 }, { VNX_VHOST_RUN, 0.26, 0.24 },
	     { VNX_VCPU_RUN, 0.83, 0.79 }, { VNX_VCPU_RUNQ_WAIT, 0.13, 0.195 });
	/* a queue stands behind them: threads that wait feed it well enough */
	CASE(LINK_LIMITED, { VNX_QDISC_OVERLIMITS, 0, 1200 }, { VNX_QDISC_BACKLOG, 0, 800e3 },
	     { VNX_VCPU_RUN, 0.4, 0.3 }, { VNX_VCPU_RUNQ_WAIT, 0.09, 0.5 });
	CASE(VCPU_STARVED, { VNX_QDISC_OVERLIMITS, 0, 1200 }, { VNX_QDISC_BACKLOG, 0, 5e3 },
	     { VNX_VCPU_RUN, 0.4, 0.3 }, { VNX_VCPU_RUNQ_WAIT, 0.09, 0.6 });
	/* loss makes the sender send little at a time */
	CASE(PATH_LOSS, { VNX_TX_KICK, 390, 610 }, { VNX_TX_PACKETS, 500, 760 },
	     { VNX_TX_BYTES, 20e6, 2e6 }, { VNX_LOAD_OOO, 0, 40 }, { VNX_VHOST_RUN, 0.4, 0.3 });
}

static void ends_are_told_apart(void **state)
{
	CASE(RECEIVER_LIMITED, { VNX_LOAD_RECVQ, 10e3, 900e3 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(RECEIVER_LIMITED, { VNX_LOAD_STOPPED, 0, 0.6 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(RECEIVER_LIMITED, { VNX_LOAD_BUSY, 1, 0.9 }, { VNX_LOAD_RWND, 0, 0.6 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
	/* a stopped receiver makes the sender repeat itself, but its window says what holds it */
	CASE(RECEIVER_LIMITED, { VNX_LOAD_BUSY, 1, 1 }, { VNX_LOAD_RWND, 0.9, 0.994 },
	     { VNX_LOAD_RETRANS, 0.5, 7.5 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(PATH_LOSS, { VNX_LOAD_BUSY, 1, 1 }, { VNX_LOAD_RWND, 0.8, 0 },
	     { VNX_LOAD_RETRANS, 0.5, 7.5 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(SENDER_LIMITED, { VNX_LOAD_BUSY, 1, 0.4 }, { VNX_LOAD_RWND, 0, 0 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
}

/* Where traffic sets in again after a pause some segments overtake others, once. */
static void loss_in_one_bin_is_no_lossy_path(void **state)
{
	struct run r;

	run_make(&r, NULL, 0);
	set_level(&r, &(struct level){ VNX_LOAD_OOO, 0, 40 });
	set_level(&r, &(struct level){ VNX_VHOST_RUN, 0.4, 0.2 });
	for (size_t i = FALL; i < BINS; i++)
		r.series[VNX_LOAD_OOO][i] = i == FALL + 9 ? 40 * (BINS - FALL) : 0;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
}

/* Nothing moved that could explain it, or the decisive was not measured: never a guess. */
static void unknown_is_said(void **state)
{
	struct vnx_diagnosis *dg;
	struct run r;

	CASE(UNKNOWN, { VNX_VHOST_RUN, 0.4, 0.4 });
	/* all looks like a sender with less to send, but the receiver was not seen */
	run_make(&r, NULL, 0);
	set_level(&r, &(struct level){ VNX_VHOST_RUN, 0.4, 0.2 });
	r.in[0].series[VNX_LOAD_RECVQ] = NULL;
	r.conf.not_measured[VNX_LOAD_RECVQ] = "the load runs elsewhere";
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	dg = diagnose(&r);
	for (size_t i = 0; i < dg->vms.v[0].degradations.v[0].missing.n; i++)
		if (strstr(dg->vms.v[0].degradations.v[0].missing.v[i].how, "runs elsewhere"))
			r.in[0].series[VNX_LOAD_RECVQ] = r.series[VNX_LOAD_RECVQ];
	assert_non_null(r.in[0].series[VNX_LOAD_RECVQ]);
	vnx_diagnosis_free(dg);
	/* the tap alone does not know what was wanted */
	r.in[0].throughput_source = "tap";
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	assert_int_equal(dg->vms.v[0].degradations.n, 0);
	assert_true(dg->vms.v[0].less.at_s >= 19 && dg->vms.v[0].less.at_s <= 21);
	assert_int_equal(dg->vms.v[0].verdict, VNX_HEALTHY);
	vnx_diagnosis_free(dg);
}

static void without(enum vnx_metric m, const struct level *levels, size_t n, enum vnx_cause next)
{
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, levels, n);
	r.in[0].series[m] = NULL;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	dg = diagnose(&r);
	assert_true(dg->vms.v[0].degradations.v[0].alternatives.n > 0);
	assert_int_equal(dg->vms.v[0].degradations.v[0].alternatives.v[0].cause, next);
	vnx_diagnosis_free(dg);
}

/* All speaks for it, but what would decide was not measured: told beside, not named. */
static void suspicion_is_no_name(void **state)
{
	const struct level lost[] = { { VNX_LOAD_OOO, 0, 40 }, { VNX_VHOST_RUN, 0.4, 0.2 } };
	const struct level starved[] = { { VNX_VCPU_RUNQ_WAIT, 0.1, 0.5 },
					 { VNX_VHOST_RUN, 0.4, 0.2 } };
	const struct level less[] = { { VNX_VHOST_RUN, 0.4, 0.2 } };
	const struct level small[] = { { VNX_TX_KICK, 390, 610 },
				       { VNX_TX_PACKETS, 500, 760 },
				       { VNX_TX_BYTES, 20e6, 2e6 },
				       { VNX_LOAD_OOO, 0, 40 },
				       { VNX_VHOST_RUN, 0.4, 0.3 } };
	struct vnx_diagnosis *dg;
	struct run r;

	without(VNX_QDISC_DROPS, lost, 2, VNX_CAUSE_PATH_LOSS);
	without(VNX_VHOST_RUNQ_WAIT, starved, 2, VNX_CAUSE_VCPU_STARVED);
	/* what loss makes of the packets looks like a storm, and is none */
	without(VNX_QDISC_DROPS, small, 5, VNX_CAUSE_PATH_LOSS);
	/* nothing lost is known only where losses were looked at */
	run_make(&r, less, 1);
	r.in[0].series[VNX_LOAD_OOO] = NULL;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	/* QEMU moved the packets before the fall too */
	r.vms[0].backend = VNX_BACKEND_QEMU;
	dg = diagnose(&r);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_UNKNOWN);
	assert_int_equal(dg->vms.v[0].degradations.v[0].alternatives.v[0].cause,
			 VNX_CAUSE_EMULATED_BACKEND);
	vnx_diagnosis_free(dg);
	/* without a worker none is spoken of */
	run_make(&r, starved, 2);
	r.vms[0].backend = VNX_BACKEND_QEMU;
	r.in[0].series[VNX_VHOST_RUNQ_WAIT] = r.in[0].series[VNX_VHOST_RUN] = NULL;
	is_cause(&r, VNX_CAUSE_VCPU_STARVED);
	/* ... but where the back end is not known there may be one */
	r.vms[0].backend = VNX_BACKEND_UNKNOWN;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	r.vms[0].backend = VNX_BACKEND_QEMU;
	dg = diagnose(&r);
	assert_null(strstr(dg->vms.v[0].degradations.v[0].finding, "vhost"));
	vnx_diagnosis_free(dg);
}

/* What is as it was speaks against nothing. */
static void against_is_what_rose(void **state)
{
	const struct level l[] = { { VNX_VHOST_RUNQ_WAIT, 0.05, 0.4 },
				   { VNX_LOAD_RECVQ, 10e3, 10e3 },
				   { VNX_QDISC_DROPS, 1, 9 },
				   { VNX_HOST_IDLE, 0.6, 0.6 } };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, l, 4);
	dg = diagnose(&r);
	d = &dg->vms.v[0].degradations.v[0];
	assert_int_equal(d->cause, VNX_CAUSE_CPU_CONTENTION);
	assert_int_equal(d->against.n, 2);
	assert_int_equal(d->against.v[0].metric, VNX_HOST_IDLE);
	assert_int_equal(d->against.v[1].metric, VNX_QDISC_DROPS);
	vnx_diagnosis_free(dg);
}

static void hold_add(struct vnx_holds *holds, int bin, uint32_t victim, uint32_t holder,
		     const char *comm, double ms)
{
	struct vnx_hold h = { .t_ns = grid.start_ns + (uint64_t)bin * grid.bin_ns,
			      .dur_ns = grid.bin_ns,
			      .ns = (uint64_t)(ms * 1e6),
			      .victim = victim,
			      .holder = holder };

	snprintf(h.comm, sizeof(h.comm), "%s", comm);
	assert_int_equal(vnx_vec_push(holds, h), 0);
}

/* Those count who held the CPU more than before; a VM by its name, its own threads never. */
static void offenders_are_named(void **state)
{
	const struct level l[] = { { VNX_VHOST_RUNQ_WAIT, 0.05, 0.4 } };
	const struct vnx_degradation *d;
	uint32_t worker = 800;
	struct vnx_vm vm9 = { .name = "vm9", .pid = 801, .workers = { .v = &worker, .n = 1 } };
	struct vnx_vms others = { .v = &vm9, .n = 1 };
	struct vnx_holds holds = { 0 };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, l, 1);
	for (int i = 0; i < BINS; i++) {
		hold_add(&holds, i, 148, 900, "kworker/0:1", 50); /* always there */
		hold_add(&holds, i, 148, 144, "CPU 0/KVM", 20);   /* its own vCPU */
		hold_add(&holds, i, 777, 901, "make", 400);       /* some other thread's wait */
		if (i < FALL)
			continue;
		hold_add(&holds, i, 148, 244, "CPU 0/KVM", 90);
		hold_add(&holds, i, 148, 800, i == FALL ? "sh" : "yes", 30);
	}
	r.conf.holds = &holds;
	dg = diagnose(&r);
	d = &dg->vms.v[0].degradations.v[0];
	assert_int_equal(d->cause, VNX_CAUSE_CPU_CONTENTION);
	assert_int_equal(d->offenders.n, 2);
	assert_true(d->offenders.v[0].is_vm && d->offenders.v[0].pid == 244);
	assert_string_equal(d->offenders.v[0].name, "vm2");
	assert_true(fabs(d->offenders.v[0].share - 0.75) < 0.01);
	assert_true(!d->offenders.v[1].is_vm && d->offenders.v[1].pid == 800);
	assert_string_equal(d->offenders.v[1].name, "yes");
	vnx_diagnosis_free(dg);
	r.conf.others = &others; /* a VM that is not judged is named all the same */
	dg = diagnose(&r);
	d = &dg->vms.v[0].degradations.v[0];
	assert_true(d->offenders.v[1].is_vm && d->offenders.v[1].pid == 801);
	assert_string_equal(d->offenders.v[1].name, "vm9");
	vnx_diagnosis_free(dg);
	free(holds.v);
}

/* Whom a quota stops waits for nobody, whoever has the CPU meanwhile. */
static void quota_has_no_offender(void **state)
{
	const struct level l[] = { { VNX_VCPU_RUNQ_WAIT, 0.1, 0.5 },
				   { VNX_VCPU_THROTTLED, 0, 0.4 },
				   { VNX_VHOST_RUN, 0.4, 0.2 } };
	struct vnx_holds holds = { 0 };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, l, 3);
	for (int i = FALL; i < BINS; i++)
		hold_add(&holds, i, 150, 800, "yes", 200);
	r.conf.holds = &holds;
	dg = diagnose(&r);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_VCPU_STARVED);
	assert_int_equal(dg->vms.v[0].degradations.v[0].offenders.n, 0);
	vnx_diagnosis_free(dg);
	free(holds.v);
}

/* Of several threads the worst decides, and is named; their mean says nothing. */
static void one_of_many_is_enough(void **state)
{
	static double run[9][BINS], wait[9][BINS], none[BINS];
	struct vnx_thread_input t[9] = { 0 };
	static uint32_t workers[] = { 148, 149, 151, 152 };
	struct vnx_iface tap = { .name = "tap1", .queues = 4 };
	const struct vnx_degradation *d;
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, NULL, 0);
	r.vms[0].workers = (struct vnx_u32s){ workers, 4, 4 };
	r.vms[0].ifaces.v = &tap;
	r.vms[0].ifaces.n = 1;
	for (size_t i = 0; i < 4; i++)
		t[i] = (struct vnx_thread_input){ workers[i], true, i, { run[i], wait[i], none } };
	t[4] = (struct vnx_thread_input){ 150, false, 0, { run[4], wait[4], none } };
	for (int k = 0; k < 4; k++) {
		memset(wait, 0, sizeof(wait));
		for (int i = 0; i < BINS; i++)
			for (int j = 0; j < 5; j++)
				run[j][i] = j == 4 ? 0.5 : 0.05;
		for (int i = 0; i < BINS; i++) {
			run[k][i] = i < FALL ? 0.5 : 0.97;
			wait[k][i] = 0.01;
		}
		r.in[0].threads = t;
		r.in[0].n_threads = 5;
		dg = diagnose(&r);
		d = &dg->vms.v[0].degradations.v[0];
		assert_int_equal(d->cause, VNX_CAUSE_VHOST_SATURATED);
		{
			VNX_CLEANUP_FREE char *name =
				vnx_asprintf("worker %u (queue %d)", workers[k], k);

			assert_string_equal(d->where, name);
			assert_non_null(strstr(d->finding, name + 1));
			assert_string_equal(dg->vms.v[0].limits.v[0].where, name);
		}
		assert_true(fabs(d->worker_parts.after[VNX_SPENT_RUN] - 0.97) < 0.01);
		vnx_diagnosis_free(dg);
		/* ... and the same of one that waits */
		for (int i = 0; i < BINS; i++) {
			run[k][i] = 0.1;
			wait[k][i] = i < FALL ? 0.01 : 0.6;
		}
		dg = diagnose(&r);
		d = &dg->vms.v[0].degradations.v[0];
		assert_int_equal(d->cause, VNX_CAUSE_CPU_CONTENTION);
		assert_true(d->worker_parts.part[VNX_SPENT_WAIT] > 0.9);
		assert_true(d->worker_parts.error[VNX_SPENT_WAIT] < 0.3);
		vnx_diagnosis_free(dg);
	}
}

/* The parts of what each bit takes more add up to 1, whatever they are. */
static void parts_add_up(void **state)
{
	static const double cases[][8] = {
		/* run, wait, throttled, irq before; after */
		{ 0.3, 0.1, 0, 0.05, 0.1, 0.7, 0, 0.05 },
		{ 0.2, 0.1, 0, 0.1, 0.1, 0.8, 1, 0.02 },
		{ 0.5, 0, 0, 0, 0.97, 0, 0, 0 },
		{ 0.4, 0.05, 0, 0.05, 0.2, 0.03, 0, 0.6 },
	};

	for (size_t k = 0; k < VNX_ARRAY_SIZE(cases); k++) {
		double x[VNX_TIMES][BINS], y[BINS], sum = 0;
		struct vnx_thread_input t = { 1, true, 0, { x[0], x[1], x[2], x[3] } };
		struct vnx_span span = { 0, FALL, FALL, FALL, BINS };
		struct sim s = sim_seed(k + 3);
		struct vnx_parts p;

		for (int i = 0; i < BINS; i++) {
			y[i] = (i < FALL ? 3e8 : 1e8) * (1 + 0.1 * sim_normal(&s));
			for (int m = 0; m < VNX_TIMES; m++)
				x[m][i] = cases[k][i < FALL ? m : m + 4];
		}
		vnx_parts_of(&t, y, &span, NULL, NAN, &p);
		for (int m = 0; m < VNX_SPENT_MAX; m++) {
			sum += p.part[m];
			assert_true(p.error[m] >= 0 && p.error[m] < 0.5);
		}
		assert_true(fabs(sum - 1) < 1e-9);
		/* a quota's account is part of the wait, never more than it */
		if (k == 1)
			assert_true(fabs(p.after[VNX_SPENT_QUOTA] - 0.8) < 1e-9 &&
				    p.after[VNX_SPENT_WAIT] == 0);
	}
}

/* The 95 % interval of a part holds the truth in about 95 of 100 runs. */
static void parts_know_their_error(void **state)
{
	unsigned in = 0;

	for (unsigned seed = 1; seed <= 400; seed++) {
		double run[BINS], wait[BINS], y[BINS],
			truth = (0.5 / 1e8 - 0.1 / 3e8) / (1 / 1e8 - 1 / 3e8);
		struct vnx_thread_input t = { 1, true, 0, { run, wait } };
		struct vnx_span span = { 0, FALL, FALL, FALL, BINS };
		struct sim s = sim_seed(seed);
		struct vnx_parts p;

		for (int i = 0; i < BINS; i++) {
			y[i] = (i < FALL ? 3e8 : 1e8) * (1 + 0.15 * sim_normal(&s));
			run[i] = 0.2;
			wait[i] = (i < FALL ? 0.1 : 0.5) * (1 + 0.2 * sim_normal(&s));
		}
		vnx_parts_of(&t, y, &span, NULL, NAN, &p);
		in += fabs(p.part[VNX_SPENT_WAIT] - truth) <= p.error[VNX_SPENT_WAIT];
	}
	print_message("the interval held the part in %u of 400 runs\n", in);
	assert_true(in >= 360 && in <= 396);
}

static void counts_must_rise_themselves(void **state)
{
	/* per packet it doubled, as throughput halved: the drops are what they were */
	CASE(UNKNOWN, { VNX_QDISC_DROPS, 2, 2 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(UNKNOWN, { VNX_RX_DROPS, 3, 3 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	/* of packets of 64 kB one in 300 is no loss: there are 45 segments in each */
	CASE(UNKNOWN, { VNX_LOAD_OOO, 0, 1 }, { VNX_TX_BYTES, 60e6, 30e6 },
	     { VNX_TX_PACKETS, 1000, 500 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(UNKNOWN, { VNX_LOAD_RECVQ, 50e3, 12e3 }, { VNX_VHOST_RUN, 0.4, 0.2 });
}

static void new_causes_are_told(void **state)
{
	CASE(GUEST_RING_FULL, { VNX_RX_DROPS, 0, 50 }, { VNX_VHOST_RUN, 0.4, 0.3 });
	CASE(GUEST_RING_FULL, { VNX_RX_DROPS, 0, 50 }, { VNX_LOAD_OOO, 0, 40 },
	     { VNX_VHOST_RUN, 0.4, 0.3 });
	/* who stands still takes nothing, neither his packets nor what they bring */
	CASE(VM_PAUSED, { VNX_VCPU_ENTER, 4000, 0 }, { VNX_VCPU_RUN, 0.6, 0 },
	     { VNX_VCPU_RUNQ_WAIT, 0, 0 }, { VNX_VHOST_RUN, 0.4, 0 }, { VNX_RX_DROPS, 0, 50 },
	     { VNX_LOAD_BUSY, 1, 1 }, { VNX_LOAD_RWND, 0.2, 1 });
	/* a starved guest cannot take its packets: that is why */
	CASE(VCPU_STARVED, { VNX_RX_DROPS, 0, 50 }, { VNX_VCPU_RUN, 0.6, 0.2 },
	     { VNX_VCPU_RUNQ_WAIT, 0.1, 0.75 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(SOFTIRQ_SATURATED, { VNX_WORKER_IRQ, 0.05, 0.6 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	/* ksoftirqd is a thread that it waits for: the CPU's own account tells */
	CASE(SOFTIRQ_SATURATED, { VNX_WORKER_IRQ, 0.08, 0.99 }, { VNX_VHOST_RUN, 0.22, 0.01 },
	     { VNX_VHOST_RUNQ_WAIT, 0.07, 0.78 });
	CASE(CPU_CONTENTION, { VNX_WORKER_IRQ, 0.08, 0.1 }, { VNX_VHOST_RUN, 0.4, 0.2 },
	     { VNX_VHOST_RUNQ_WAIT, 0.07, 0.8 });
	CASE(SOFTIRQ_SATURATED, { VNX_SOFTNET_DROPS, 0, 40 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(OFFLOAD_OFF, { VNX_TX_PACKETS, 500, 7000 }, { VNX_TX_KICK, 390, 700 },
	     { VNX_TX_BYTES, 20e6, 10e6 }, { VNX_VHOST_RUN, 0.4, 0.6 });
	/* that threads wait for fuller CPUs follows from it */
	CASE(OFFLOAD_OFF, { VNX_TX_PACKETS, 500, 7000 }, { VNX_TX_KICK, 390, 700 },
	     { VNX_TX_BYTES, 20e6, 10e6 }, { VNX_VHOST_RUN, 0.22, 0.45 },
	     { VNX_VHOST_RUNQ_WAIT, 0.07, 0.35 });
	CASE(HOST_STOLEN, { VNX_HOST_STEAL, 0.01, 0.45 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	CASE(VM_PAUSED, { VNX_VCPU_ENTER, 4000, 0 }, { VNX_VCPU_RUN, 0.6, 0 },
	     { VNX_VCPU_RUNQ_WAIT, 0, 0 }, { VNX_VHOST_RUN, 0.4, 0 });
	CASE(PATH_DELAY, { VNX_LOAD_BUSY, 1, 1 }, { VNX_LOAD_RWND, 0.1, 0.1 },
	     { VNX_LOAD_RTT, 2000, 4100 }, { VNX_LOAD_RETRANS, 0, 0 }, { VNX_VHOST_RUN, 0.4, 0.2 });
	/* the window is full of what is under way, and the way is ten times as long */
	CASE(PATH_DELAY, { VNX_LOAD_BUSY, 0.4, 1 }, { VNX_LOAD_RWND, 0.02, 0.98 },
	     { VNX_LOAD_RTT, 8000, 89000 }, { VNX_LOAD_RETRANS, 0, 0 },
	     { VNX_VHOST_RUN, 0.4, 0.2 });
}

/*
 * Of a fall whose place is not well known four bins are certain to lie after it, too few to tell
 * 5 from nothing: then all from that place on count.
 */
static void a_count_rises_where_the_place_is_not_well_known(void **state)
{
	double x[BINS] = { 0 }, moved[BINS] = { 0 };
	struct vnx_vm_finding f = { .series[VNX_QDISC_DROPS] = x };
	struct vnx_case c = { .grid = &grid, .f = &f, .bin_s = 0.5 };
	struct vnx_judge j = { .c = &c, .span = { 0, 30, FALL, BINS - 4, BINS } };

	for (int i = FALL; i < BINS; i++)
		x[i] = 5;
	j.a[VNX_QDISC_DROPS] = 10;
	j.a[VNX_TX_PACKETS] = j.b[VNX_TX_PACKETS] = 990;
	assert_true(fabs(vnx_judge_share_of(&j, VNX_QDISC_DROPS) - 0.01) < 1e-6);
	/* well known, and as short: four bins are what there is */
	j.span.at = BINS - 4;
	assert_true(vnx_judge_share_of(&j, VNX_QDISC_DROPS) == 0);
	/* as many in one bin are a lump */
	moved[BINS - 1] = 200;
	f.series[VNX_QDISC_DROPS] = moved;
	j.span.at = FALL;
	assert_true(vnx_judge_share_of(&j, VNX_QDISC_DROPS) == 0);
}

/* Ten losses a second are there all the time, in bins of any width; in one go they are not. */
static void presence_is_of_time_not_of_bins(void **state)
{
	static double x[1000], once[1000], torn[1000];
	struct vnx_vm_finding f = { 0 };
	struct vnx_case c = { .f = &f, .bin_s = 0.01 };
	struct vnx_presence p;

	for (int i = 0; i < 1000; i++) {
		x[i] = i % 10 == 3;
		torn[i] = i < 700 ? NAN : x[i];
	}
	once[500] = 100;
	f.series[VNX_LOAD_RETRANS] = x;
	f.series[VNX_LOAD_LOST] = once;
	f.series[VNX_LOAD_OOO] = torn;
	p = vnx_case_presence(&c, VNX_LOAD_RETRANS, 0, 1000);
	assert_true(p.intervals == 20 && p.with == 20 && p.all == 100);
	p = vnx_case_presence(&c, VNX_LOAD_LOST, 0, 1000);
	assert_true(p.intervals == 20 && p.with == 1 && p.all == 100);
	p = vnx_case_presence(&c, VNX_LOAD_OOO, 0, 1000);
	assert_true(p.intervals == 6 && p.with == 6 && p.all == 30);
	c.bin_s = 2; /* wider than an interval: a bin each */
	p = vnx_case_presence(&c, VNX_LOAD_RETRANS, 0, 1000);
	assert_true(p.intervals == 1000 && p.with == 100);
	p = vnx_case_presence(&c, VNX_QDISC_DROPS, 0, 1000);
	assert_true(p.intervals == 0 && p.with == 0);
}

/* Only every @nth bin of @m was measured, from the fall on or all along. */
static void thin_out(struct run *r, enum vnx_metric m, int nth, int from)
{
	for (int i = from; i < BINS; i++)
		if (i % nth)
			r->series[m][i] = NAN;
}

static void what_was_measured_in_few_bins_is_not_certain(void **state)
{
	const struct level waits[] = { { VNX_VHOST_RUNQ_WAIT, 0.05, 0.7 },
				       { VNX_VHOST_RUN, 0.4, 0.2 } };
	const struct level drops[] = { { VNX_QDISC_DROPS, 1, 2.5 } };
	struct run r;

	run_make(&r, waits, VNX_ARRAY_SIZE(waits));
	is_cause(&r, VNX_CAUSE_CPU_CONTENTION);
	thin_out(&r, VNX_VHOST_RUNQ_WAIT, 60, FALL);
	thin_out(&r, VNX_VHOST_RUN, 60, FALL);
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	run_make(&r, drops, VNX_ARRAY_SIZE(drops));
	is_cause(&r, VNX_CAUSE_LINK_LIMITED);
	thin_out(&r, VNX_QDISC_DROPS, 15, 0);
	is_cause(&r, VNX_CAUSE_UNKNOWN);
}

/* No number that is none stands in a sentence. */
static void words_of_a_receiver_that_hangs(void **state)
{
	const struct level l[] = { { VNX_LOAD_RECVQ, 10e3, 6e6 }, { VNX_VHOST_RUN, 0.4, 0 } };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, l, VNX_ARRAY_SIZE(l));
	for (int i = FALL; i < BINS; i++)
		r.series[VNX_THROUGHPUT][i] = 0;
	dg = diagnose(&r);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_RECEIVER_LIMITED);
	assert_null(strstr(dg->vms.v[0].degradations.v[0].finding, "inf"));
	for (size_t i = 0; i < dg->vms.v[0].limits.n; i++)
		assert_null(strstr(dg->vms.v[0].limits.v[i].finding, "inf"));
	vnx_diagnosis_free(dg);
}

/* What the load asked for and got is its own word for it; less than that says nothing. */
static void a_load_that_has_what_it_asked_for_sends_no_more(void **state)
{
	struct run r;

	run_make(&r, NULL, 0);
	r.in[0].asked_bps = 150e6;
	is_cause(&r, VNX_CAUSE_SENDER_LIMITED);
	r.in[0].asked_bps = 200e6;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
	r.in[0].asked_bps = 0;
	is_cause(&r, VNX_CAUSE_UNKNOWN);
}

/* The round trip takes @was and then @is us, give or take the share @varies of it. */
static void way_of(double was, double is, double varies, enum vnx_cause cause)
{
	const struct level l[] = { { VNX_LOAD_BUSY, 0.7, 1 },
				   { VNX_LOAD_RWND, 0.3, 0.95 },
				   { VNX_LOAD_RTT, was, is },
				   { VNX_LOAD_RETRANS, 0, 0 },
				   { VNX_VHOST_RUN, 0.4, 0.2 } };
	struct run r;

	run_make(&r, l, VNX_ARRAY_SIZE(l));
	for (int i = 0; i < BINS; i++)
		r.series[VNX_LOAD_RTT][i] *= 1 + (i % 4 ? -varies / 3 : varies);
	is_cause(&r, cause);
	/* one bin may be mistaken */
	r.series[VNX_LOAD_RTT][BINS - 5] = was / 2;
	is_cause(&r, cause);
}

/* Queues of a receiver that reads by fits and starts come and go; a way is in each round trip. */
static void a_longer_way_stays_longer(void **state)
{
	way_of(3700, 13100, 0.1, VNX_CAUSE_PATH_DELAY);
	way_of(3700, 13100, 2, VNX_CAUSE_RECEIVER_LIMITED);
	way_of(4300, 10500, 1.5, VNX_CAUSE_RECEIVER_LIMITED);
}

/* For @still_s of the time after the fall no vCPU is entered; else @rate entries a bin. */
static void paused_for(double still_s, double rate, enum vnx_cause cause)
{
	const struct level l[] = { { VNX_VCPU_RUNQ_WAIT, 0, 0 }, { VNX_VHOST_RUN, 0.4, 0.01 } };
	struct run r;
	struct sim s = sim_seed(3);

	run_make(&r, l, VNX_ARRAY_SIZE(l));
	r.in[0].series[VNX_VCPU_ENTER] = r.series[VNX_VCPU_ENTER];
	for (int i = 0; i < BINS; i++) {
		bool is = i >= FALL && i < FALL + still_s * 2;

		r.series[VNX_VCPU_ENTER][i] = i < FALL ? 2000 : is ? 0 : rate;
		/* the reading before ends with what was there yet */
		r.series[VNX_VCPU_RUN][i] = i <= FALL ? 0.6 : 0.002;
		r.series[VNX_THROUGHPUT][i] *= i < FALL ? 1 : 0.01 + 0.002 * sim_normal(&s);
	}
	is_cause(&r, cause);
}

static void a_pause_is_a_time_without_entries(void **state)
{
	paused_for(20, 2000, VNX_CAUSE_VM_PAUSED);
	paused_for(16, 2000, VNX_CAUSE_VM_PAUSED);
	/* an idle guest is entered now and then */
	paused_for(0, 1, VNX_CAUSE_UNKNOWN);
	paused_for(1.5, 1, VNX_CAUSE_UNKNOWN);
}

/* Ill from the first bin to the last: no fall, and yet something holds it. */
static void limit_of(enum vnx_cause cause, const struct level *levels, size_t n, double level)
{
	const struct vnx_vm_finding *f;
	struct vnx_diagnosis *dg;
	struct run r;
	struct sim s = sim_seed(11);

	run_make(&r, levels, n);
	for (int i = 0; i < BINS; i++) {
		r.series[VNX_THROUGHPUT][i] = 12e6 * (1 + 0.05 * sim_normal(&s));
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			if (m != VNX_THROUGHPUT && r.in[0].series[m])
				r.series[m][i] = r.series[m][BINS - 1];
	}
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	f = &dg->vms.v[0];
	assert_int_equal(f->degradations.n, 0);
	if (cause == VNX_CAUSE_UNKNOWN) {
		if (f->limits.n)
			print_error("limit %s: %s\n", vnx_cause_name(f->limits.v[0].cause),
				    f->limits.v[0].finding);
		assert_int_equal(f->limits.n, 0);
		assert_int_equal(f->verdict, VNX_HEALTHY);
	} else {
		assert_int_equal(f->verdict, VNX_LIMITED);
		assert_int_equal(dg->verdict, VNX_LIMITED);
		assert_int_equal(f->limits.v[0].cause, cause);
		assert_true(isnan(level) || fabs(f->limits.v[0].level - level) < 0.01);
		assert_true(*f->limits.v[0].finding && *f->limits.v[0].advice &&
			    f->limits.v[0].evidence.n);
	}
	vnx_diagnosis_free(dg);
	if (cause == VNX_CAUSE_UNKNOWN)
		return;
	/* who gets what he asked for is held by nothing */
	r.in[0].asked_bps = 12e6;
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	assert_int_equal(dg->vms.v[0].verdict, VNX_HEALTHY);
	vnx_diagnosis_free(dg);
	/* who gets a tenth of it and is held by nothing that was measured is not well either */
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		if (m != VNX_THROUGHPUT)
			r.in[0].series[m] = NULL;
	r.in[0].asked_bps = 120e6;
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	assert_int_equal(dg->vms.v[0].verdict, VNX_UNDETERMINED);
	assert_non_null(strstr(dg->vms.v[0].why, "asked for 120 Mbit/s and got 12"));
	vnx_diagnosis_free(dg);
}

#define LIMIT(cause, much, ...)                                          \
	do {                                                             \
		const struct level l[] = { __VA_ARGS__ };                \
		limit_of(VNX_CAUSE_##cause, l, VNX_ARRAY_SIZE(l), much); \
	} while (0)

static void limits_need_no_fall(void **state)
{
	LIMIT(UNKNOWN, NAN, { VNX_VHOST_RUN, 0.3, 0.3 });
	LIMIT(UNKNOWN, NAN, { VNX_VHOST_RUN, 0.3, 0.3 }, { VNX_VHOST_RUNQ_WAIT, 0.2, 0.2 });
	LIMIT(UNKNOWN, NAN, { VNX_QDISC_DROPS, 0, 0.1 });
	LIMIT(THROTTLED, 0.86, { VNX_VHOST_RUN, 0.08, 0.08 }, { VNX_VHOST_RUNQ_WAIT, 0.86, 0.86 },
	      { VNX_VHOST_THROTTLED, 1, 1 });
	LIMIT(SOFTIRQ_SATURATED, 0.7, { VNX_VHOST_RUN, 0.1, 0.1 }, { VNX_WORKER_IRQ, 0.7, 0.7 },
	      { VNX_VHOST_RUNQ_WAIT, 0.8, 0.8 });
	LIMIT(CPU_CONTENTION, 0.79, { VNX_VHOST_RUN, 0.1, 0.1 },
	      { VNX_VHOST_RUNQ_WAIT, 0.79, 0.79 });
	LIMIT(VHOST_SATURATED, 0.81, { VNX_VHOST_RUN, 0.81, 0.81 },
	      { VNX_VHOST_RUNQ_WAIT, 0.02, 0.02 });
	LIMIT(VCPU_STARVED, 0.44, { VNX_VCPU_RUN, 0.3, 0.3 }, { VNX_VCPU_RUNQ_WAIT, 0.44, 0.44 },
	      { VNX_VCPU_THROTTLED, 0.6, 0.6 });
	LIMIT(GUEST_RING_FULL, NAN, { VNX_RX_DROPS, 30, 30 });
	LIMIT(LINK_LIMITED, NAN, { VNX_QDISC_DROPS, 30, 30 });
	LIMIT(LINK_LIMITED, 0.95, { VNX_UPLINK_USE, 0.95, 0.95 });
	LIMIT(HOST_STOLEN, 0.3, { VNX_HOST_STEAL, 0.3, 0.3 });
	LIMIT(RECEIVER_LIMITED, 0.9, { VNX_LOAD_BUSY, 1, 1 }, { VNX_LOAD_RWND, 0.9, 0.9 });
	LIMIT(SENDER_LIMITED, 0.8, { VNX_LOAD_BUSY, 0.2, 0.2 });
}

/* Dearer packets ask for another remedy than more of them. */
static void saturation_tells_what_a_packet_costs(void **state)
{
	const struct level dear[] = { { VNX_VHOST_RUN, 0.2, 0.97 },
				      { VNX_VHOST_RUNQ_WAIT, 0.02, 0.02 } };
	const struct level many[] = { { VNX_VHOST_RUN, 0.7, 0.97 },
				      { VNX_VHOST_RUNQ_WAIT, 0.02, 0.02 },
				      { VNX_TX_PACKETS, 500, 700 },
				      { VNX_RX_PACKETS, 400, 500 } };
	struct vnx_diagnosis *dg;
	struct run r;

	run_make(&r, dear, 2);
	dg = diagnose(&r);
	assert_non_null(strstr(dg->vms.v[0].degradations.v[0].finding,
			       "each cost 1078 us of CPU, 111 before (9.7 times)"));
	assert_non_null(strstr(dg->vms.v[0].degradations.v[0].advice, "tc filter"));
	vnx_diagnosis_free(dg);
	run_make(&r, many, 4);
	dg = diagnose(&r);
	assert_int_equal(dg->vms.v[0].degradations.v[0].cause, VNX_CAUSE_VHOST_SATURATED);
	assert_null(strstr(dg->vms.v[0].degradations.v[0].advice, "tc filter"));
	vnx_diagnosis_free(dg);
}

/* Its own vCPU on its only CPU is no other's fault. */
static void own_core_is_throttling(void **state)
{
	const struct level l[] = { { VNX_VHOST_RUNQ_WAIT, 0.05, 0.3 }, { VNX_VHOST_CPUS, 1, 1 } };
	struct vnx_holds holds = { 0 };
	struct run r;

	run_make(&r, l, 2);
	for (int i = FALL; i < BINS; i++)
		hold_add(&holds, i, 148, 144, "CPU 0/KVM", 120);
	r.conf.holds = &holds;
	is_cause(&r, VNX_CAUSE_THROTTLED);
	free(holds.v);
}

/* Ill from the first second: only an earlier run tells. */
static void baseline_tells(void **state)
{
	struct vnx_diagnosis *good, *dg;
	struct vnx_baseline base;
	struct run r;

	run_make(&r, NULL, 0);
	for (int i = FALL; i < BINS; i++)
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			r.series[m][i] = r.series[m][i - FALL];
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &good), 0);
	assert_int_equal(good->vms.v[0].verdict, VNX_HEALTHY);
	assert_true(vnx_baseline_make(&good->vms.v[0], &grid, &base));
	assert_true(fabs(base.mean_bps / 300e6 - 1) < 0.05);
	assert_true(fabs(base.level[VNX_VHOST_RUN] - 0.4) < 1e-9);
	assert_true(fabs(base.level[VNX_HANDLE_TX] - 800) < 1e-9);
	assert_false(vnx_baseline_make(&good->vms.v[1], &grid, &base)); /* no throughput */

	r.in[0].baseline = &base;
	assert_true(vnx_baseline_make(&good->vms.v[0], &grid, &base));
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	assert_int_equal(dg->vms.v[0].degradations.n, 0); /* itself */
	vnx_diagnosis_free(dg);
	for (int i = 0; i < BINS; i++)
		r.series[VNX_THROUGHPUT][i] /= 3;
	r.vms[0].backend = VNX_BACKEND_EMULATED;
	r.vms[0].nic = "e1000";
	is_cause(&r, VNX_CAUSE_EMULATED_BACKEND);
	dg = diagnose(&r);
	assert_non_null(strstr(dg->vms.v[0].degradations.v[0].advice, "e1000"));
	assert_true(dg->vms.v[0].degradations.v[0].from_baseline);
	assert_true(dg->vms.v[0].degradations.v[0].start_s == 0);
	vnx_diagnosis_free(dg);
	/* the load began a little later, and slowly: nothing was lost there */
	for (int i = 0; i < 12; i++)
		r.series[VNX_THROUGHPUT][i] = i < 5 ? NAN : 10e6;
	is_cause(&r, VNX_CAUSE_EMULATED_BACKEND);
	dg = diagnose(&r);
	assert_int_equal(dg->vms.v[0].degradations.v[0].bins_after, 7);
	vnx_diagnosis_free(dg);
	/* far below it, but wandering so that its own mean is not known */
	for (int i = 0; i < BINS; i++)
		r.series[VNX_THROUGHPUT][i] = 60e6 + 40e6 * sin(i * M_PI / 40);
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	assert_true(dg->vms.v[0].degradations.n >= 1 &&
		    dg->vms.v[0].degradations.v[0].from_baseline);
	vnx_diagnosis_free(dg);
	/* as high as it, and wandering: that is no fall */
	for (int i = 0; i < BINS; i++)
		r.series[VNX_THROUGHPUT][i] = 300e6 + 90e6 * sin(i * M_PI / 20);
	assert_int_equal(vnx_diagnose(&grid, r.in, 2, &r.conf, &dg), 0);
	for (size_t i = 0; i < dg->vms.v[0].degradations.n; i++)
		assert_false(dg->vms.v[0].degradations.v[i].from_baseline);
	vnx_diagnosis_free(dg);
	vnx_diagnosis_free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_is_told_apart),
		cmocka_unit_test(path_is_told_apart),
		cmocka_unit_test(ends_are_told_apart),
		cmocka_unit_test(loss_in_one_bin_is_no_lossy_path),
		cmocka_unit_test(unknown_is_said),
		cmocka_unit_test(offenders_are_named),
		cmocka_unit_test(own_core_is_throttling),
		cmocka_unit_test(baseline_tells),
		cmocka_unit_test(suspicion_is_no_name),
		cmocka_unit_test(against_is_what_rose),
		cmocka_unit_test(one_of_many_is_enough),
		cmocka_unit_test(parts_add_up),
		cmocka_unit_test(parts_know_their_error),
		cmocka_unit_test(counts_must_rise_themselves),
		cmocka_unit_test(new_causes_are_told),
		cmocka_unit_test(a_count_rises_where_the_place_is_not_well_known),
		cmocka_unit_test(a_load_that_has_what_it_asked_for_sends_no_more),
		cmocka_unit_test(presence_is_of_time_not_of_bins),
		cmocka_unit_test(what_was_measured_in_few_bins_is_not_certain),
		cmocka_unit_test(words_of_a_receiver_that_hangs),
		cmocka_unit_test(a_longer_way_stays_longer),
		cmocka_unit_test(a_pause_is_a_time_without_entries),
		cmocka_unit_test(limits_need_no_fall),
		cmocka_unit_test(quota_has_no_offender),
		cmocka_unit_test(saturation_tells_what_a_packet_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
