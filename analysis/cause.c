// SPDX-License-Identifier: GPL-2.0-only
/*
 * Causes, a row each: what must hold, and what to do. The first row whose condition was
 * measured to hold names the cause; where none does it is unknown, and what would tell more
 * is listed as missing, with how to get it.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

/* The level of a fall: bins [at, next). */
struct fall {
	size_t at, next;
};

struct cause_row {
	enum vnx_cause cause;
	bool (*holds)(const struct vnx_case *c, const struct fall *f);
	char *(*advice)(const struct vnx_case *c);
};

static bool bin_is_bad(const struct vnx_case *c, size_t i)
{
	return (c->conf->lost && c->conf->lost[i]) || !isfinite(c->f->series[VNX_THROUGHPUT][i]);
}

/* Something was lost or not measured right where the fall starts. */
static bool start_is_torn(const struct vnx_case *c, const struct fall *f)
{
	size_t last = f->at + c->conf->min_bins;

	for (size_t i = f->at ? f->at - 1 : 0; i < last && i < c->grid->n; i++)
		if (bin_is_bad(c, i))
			return true;
	return false;
}

static size_t good_bins(const struct vnx_case *c, const struct fall *f)
{
	size_t good = 0;

	for (size_t i = f->at; i < f->next; i++)
		good += !bin_is_bad(c, i);
	return good;
}

/*
 * A loss at the start of a level that is well measured afterwards does not explain the
 * level: busy hosts lose events, and fall, for one reason. A stepped clock moves the load
 * generator's times against ours, the tap's are ours.
 */
static bool artefact_holds(const struct vnx_case *c, const struct fall *f)
{
	if (c->conf->clock_stepped && !c->tap)
		return true;
	return start_is_torn(c, f) && good_bins(c, f) < VNX_JUDGE_BINS;
}

static char *artefact_advice(const struct vnx_case *c)
{
	return strdup(c->conf->clock_stepped
			      ? "Measure again: a clock was stepped during the run, so the load's "
				"times cannot be trusted."
			      : "Measure again: events or bins were lost right where this fall "
				"starts.");
}

static bool emulated_holds(const struct vnx_case *c, const struct fall *f)
{
	return c->f->vm.backend == VNX_BACKEND_QEMU || c->f->vm.backend == VNX_BACKEND_EMULATED;
}

static char *emulated_advice(const struct vnx_case *c)
{
	if (c->f->vm.backend == VNX_BACKEND_QEMU)
		return strdup("Switch vhost on for this card (vhost=on; libvirt: driver name "
			      "'vhost'): now QEMU itself carries every packet.");
	return vnx_asprintf("Replace the emulated card (%s) by virtio-net with vhost=on: now QEMU "
			    "itself carries every packet, register by register.",
			    c->f->vm.nic && *c->f->vm.nic ? c->f->vm.nic : "model not known");
}

static bool always_holds(const struct vnx_case *c, const struct fall *f)
{
	return true;
}

static char *unknown_advice(const struct vnx_case *c)
{
	if (c->tap)
		return strdup("Repeat under a constant load (vnetdx diagnose -- iperf3 ...): the "
			      "tap alone cannot tell less demand from a worse path.");
	return strdup("Find what started on the host when the fall did, and compare how long the "
		      "vhost worker and the vCPUs wait for a CPU before and after.");
}

static const struct cause_row causes[] = {
	{ VNX_CAUSE_MEASUREMENT_ARTEFACT, artefact_holds, artefact_advice },
	{ VNX_CAUSE_EMULATED_BACKEND, emulated_holds, emulated_advice },
	{ VNX_CAUSE_UNKNOWN, always_holds, unknown_advice },
};

/* Takes @how over; NULL is a failed allocation. */
static int missing_add(struct vnx_degradation *d, const char *what, char *how)
{
	struct vnx_missing m = { .what = strdup(what), .how = how };

	if (m.what && m.how && !vnx_vec_push(&d->missing, m))
		return 0;
	free(m.what);
	free(m.how);
	return -ENOMEM;
}

/* Where the scheduler tells it: /proc/TID/schedstat, ns run and ns waited (sched-stats.rst). */
static char *schedstat_how(const char *who, const struct vnx_u32s *tids, int field)
{
	const char *what = field == 1 ? "ns it ran" : "ns it waited for a CPU";

	if (!tids->n)
		return vnx_asprintf("read field %d (%s) of /proc/TID/schedstat of the %s twice",
				    field, what, who);
	return vnx_asprintf("read field %d (%s) of /proc/%u/schedstat (%s%s) twice", field, what,
			    tids->v[0], who, tids->n > 1 ? ", the first of several" : "");
}

static int missing_list(const struct vnx_case *c, struct vnx_degradation *d)
{
	const struct vnx_vm *vm = &c->f->vm;
	double *const *series = c->f->series;
	int err = 0;

	if (c->tap)
		err = missing_add(d, "offered_load",
				  strdup("name the load after --, or its output by --throughput: "
					 "a tap does not show what the guest wanted to send"));
	if (!err && vnx_backend_has_worker(vm->backend) && !series[VNX_VHOST_RUNQ_WAIT])
		err = missing_add(d, "vhost_runq_wait",
				  schedstat_how("vhost worker", &vm->workers, 2));
	if (!err && vnx_backend_has_worker(vm->backend) && !series[VNX_VHOST_RUN])
		err = missing_add(d, "vhost_run", schedstat_how("vhost worker", &vm->workers, 1));
	if (!err && !series[VNX_VCPU_RUNQ_WAIT])
		err = missing_add(d, "vcpu_runq_wait", schedstat_how("vCPU thread", &vm->vcpus, 2));
	for (int m = VNX_HANDLE_TX; !err && m <= VNX_VCPU_HALT; m++)
		if (!series[m] && vnx_metric_can_move(vm, (enum vnx_metric)m))
			err = missing_add(d, vnx_metric_name((enum vnx_metric)m),
					  strdup("vnetdx check says which hook it needs"));
	return err;
}

/* A loss at the start that does not explain the fall is still said. */
static int alternatives_list(const struct vnx_case *c, struct vnx_degradation *d,
			     const struct fall *f)
{
	if (d->cause == VNX_CAUSE_MEASUREMENT_ARTEFACT || !start_is_torn(c, f))
		return 0;
	if (vnx_vec_grow((void **)&d->alternatives.v, &d->alternatives.cap, d->alternatives.n + 1,
			 sizeof(*d->alternatives.v)))
		return -ENOMEM;
	d->alternatives.v[d->alternatives.n].cause = VNX_CAUSE_MEASUREMENT_ARTEFACT;
	/* the share of the level that the loss could have touched */
	d->alternatives.v[d->alternatives.n++].score =
		1 - (double)good_bins(c, f) / (double)(f->next - f->at);
	return 0;
}

int vnx_case_explain(const struct vnx_case *c, struct vnx_degradation *d, size_t at, size_t next)
{
	const struct fall f = { at, next };
	const struct cause_row *row = causes;

	while (!row->holds(c, &f))
		row++;
	d->cause = row->cause;
	d->advice = row->advice(c);
	if (!d->advice || alternatives_list(c, d, &f))
		return -ENOMEM;
	return missing_list(c, d);
}
