// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/pick.h"

#include <inttypes.h>
#include <math.h>

void vnx_texts_fini(struct vnx_texts *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	memset(list, 0, sizeof(*list));
}

/* Takes @s over; NULL is a failed allocation. */
static int strings_take(struct vnx_texts *list, char *s)
{
	if (!s)
		return -ENOMEM;
	if (!vnx_vec_push(list, s))
		return 0;
	free(s);
	return -ENOMEM;
}

/*
 * A recording that was never closed ends early. A live run is not asked: whether its file
 * is closed before or after the report is no business of the reader's.
 */
static bool was_killed(const struct vnx_finding *f)
{
	return f->run && !f->run->facts.finished && f->source_kind &&
	       strcmp(f->source_kind, "live") != 0;
}

int vnx_pick_warnings(const struct vnx_finding *f, struct vnx_texts *out)
{
	int ret = 0;

	if (f->run && f->run->facts.clock_stepped)
		ret = strings_take(out, vnx_asprintf("the host's clock was set during the run"));
	if (!ret && f->dg->lost_events)
		ret = strings_take(out, vnx_asprintf("%" PRIu64 " event%s lost; %zu bin%s missing",
						     f->dg->lost_events,
						     f->dg->lost_events == 1 ? "" : "s",
						     f->dg->bins_missing,
						     f->dg->bins_missing == 1 ? "" : "s"));
	if (!ret && was_killed(f))
		ret = strings_take(out, vnx_asprintf("the recording was not closed in order and "
						     "ends early: vnetdx was killed?"));
	if (!ret && f->tp && f->tp->warning && *f->tp->warning)
		ret = strings_take(out, vnx_asprintf("load generator: %s", f->tp->warning));
	return ret;
}

enum vnx_metric vnx_pick_calls(const struct vnx_vm_finding *vm)
{
	return vm->totals[VNX_RX_BYTES] > vm->totals[VNX_TX_BYTES] ? VNX_HANDLE_RX : VNX_HANDLE_TX;
}

enum vnx_metric vnx_pick_shown_calls(const struct vnx_vm_finding *vm)
{
	enum vnx_metric calls = vnx_pick_calls(vm);

	return isnan(vm->totals[calls]) && !isnan(vm->totals[VNX_VCPU_ENTER]) ? VNX_VCPU_ENTER
									      : calls;
}

enum vnx_metric vnx_pick_bytes(enum vnx_metric calls)
{
	return calls == VNX_HANDLE_RX ? VNX_RX_BYTES : VNX_TX_BYTES;
}

enum vnx_metric vnx_pick_packets(enum vnx_metric calls)
{
	return calls == VNX_HANDLE_RX ? VNX_RX_PACKETS : VNX_TX_PACKETS;
}

double vnx_pick_per_call(const struct vnx_vm_finding *vm, size_t n_bins, enum vnx_metric what,
			 enum vnx_metric calls)
{
	const double *x = vm->series[what], *y = vm->series[calls];
	double sum = 0, n = 0;

	if (!x || !y || isnan(vm->totals[calls]))
		return NAN;
	for (size_t i = 0; i < n_bins; i++) {
		if (isnan(x[i]) || isnan(y[i]))
			continue;
		sum += x[i];
		n += y[i];
	}
	return n > 0 ? sum / n : NAN;
}

const struct vnx_correlation *vnx_pick_corr(const struct vnx_vm_finding *vm, enum vnx_metric x,
					    enum vnx_corr_on on, enum vnx_corr_method method)
{
	const struct vnx_correlation *best = NULL;

	for (size_t i = 0; i < vm->correlations.n; i++) {
		const struct vnx_correlation *c = &vm->correlations.v[i];

		if (c->x != x || c->y != VNX_THROUGHPUT || c->on != on || c->method != method)
			continue;
		if (!best || (best->lag_s != 0 && c->lag_s == 0))
			best = c;
	}
	return best;
}

/* Of two ends the later one; NaN is never. */
static double later(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static double loss(const struct vnx_degradation *d)
{
	return d->before_bps - d->after_bps;
}

/* The episode that begins with degradation @i, and how many degradations it takes in. */
static size_t episode_at(const struct vnx_vm_finding *vm, size_t i, double bin_s,
			 struct vnx_episode *out)
{
	const struct vnx_degradation *d = &vm->degradations.v[i];

	*out = (struct vnx_episode){ .first = d, .last = d, .worst = d, .end_s = d->end_s, .n = 1 };
	for (; i + out->n < vm->degradations.n; out->n++) {
		d = &vm->degradations.v[i + out->n];
		if (out->end_s < d->start_s - bin_s)
			break;
		out->end_s = later(out->end_s, d->end_s);
		/* A dip that is over does not tell where the lasting fall stands. */
		if (isnan(d->end_s) || !isnan(out->last->end_s))
			out->last = d;
		if (loss(d) > loss(out->worst))
			out->worst = d;
	}
	out->start_s = out->first->start_s;
	out->start_uncertainty_s = out->first->start_uncertainty_s;
	out->before_bps = out->first->before_bps;
	out->after_bps = out->last->after_bps;
	out->change = (out->after_bps - out->before_bps) / out->before_bps;
	return out->n;
}

bool vnx_pick_episode(const struct vnx_vm_finding *vm, double bin_s, struct vnx_episode *out)
{
	for (size_t i = 0; i < vm->degradations.n;)
		i += episode_at(vm, i, bin_s, out);
	return vm->degradations.n;
}

size_t vnx_pick_worst(const struct vnx_vm_finding *vm, double bin_s, struct vnx_episode *out)
{
	struct vnx_episode ep;
	size_t n = 0;

	for (size_t i = 0; i < vm->degradations.n; n++) {
		i += episode_at(vm, i, bin_s, &ep);
		/* of as bad ones the one that lasts, or else the later */
		if (!n || ep.before_bps - ep.after_bps >= out->before_bps - out->after_bps)
			*out = ep;
	}
	return n;
}

#define SHOWN 20

bool vnx_pick_is_shown(const struct vnx_vm_finding *vm, size_t i)
{
	const struct vnx_degradation *d = vm->degradations.v;
	size_t worse = 0;

	for (size_t k = 0; vm->degradations.n > SHOWN && k < vm->degradations.n; k++)
		worse += loss(&d[k]) > loss(&d[i]) || (loss(&d[k]) >= loss(&d[i]) && k < i);
	return worse < SHOWN || isnan(d[i].end_s);
}

size_t vnx_pick_left_out(const struct vnx_vm_finding *vm)
{
	size_t n = 0;

	for (size_t i = 0; i < vm->degradations.n; i++)
		n += !vnx_pick_is_shown(vm, i);
	return n;
}

char *vnx_pick_label(const struct vnx_diagnosis *dg, size_t i)
{
	const struct vnx_vm *vm = &dg->vms.v[i].vm;

	if (!vm->name || !*vm->name)
		return vnx_asprintf("pid %" PRIu32, vm->pid);
	for (size_t j = 0; j < dg->vms.n; j++)
		if (j != i && dg->vms.v[j].vm.name && !strcmp(dg->vms.v[j].vm.name, vm->name))
			return vnx_asprintf("%s#%" PRIu32, vm->name, vm->pid);
	return strdup(vm->name);
}

int vnx_output_check(FILE *out, struct vnx_err *err)
{
	int ret = 0;

	errno = 0;
	if (!fflush(out) && !ferror(out))
		return 0;
	ret = errno ? -errno : -EIO;
	if (ret != -EPIPE)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output",
				   "cannot write the report: %s", strerror(-ret));
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output",
			   "the program that reads the report went away");
}
