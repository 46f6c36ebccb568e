// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is to blame for waiting: of the time that the VM's threads waited for a CPU after the
 * fall, what each holder had more than before it.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define LEAST_SHARE 0.1 /* who had less of it is not named */
#define MOST_OFFENDERS 8

struct holder {
	uint32_t pid;
	const char *comm;
	double ns; /* a second, more than before the fall */
};

struct holders {
	struct holder *v;
	size_t n, cap;
};

static bool has(const struct vnx_u32s *list, uint32_t x)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == x)
			return true;
	return false;
}

static bool is_of(const struct vnx_vm *vm, uint32_t pid)
{
	return vm->pid == pid || has(&vm->workers, pid);
}

/* The VM that process or kernel thread @pid belongs to, or NULL. */
static const struct vnx_vm *vm_of(const struct vnx_case *c, uint32_t pid)
{
	const struct vnx_vms *others = c->conf->others;

	for (size_t i = 0; pid && i < c->n_vms; i++)
		if (is_of(c->vms[i].vm, pid))
			return c->vms[i].vm;
	for (size_t i = 0; pid && others && i < others->n; i++)
		if (is_of(&others->v[i], pid))
			return &others->v[i];
	return NULL;
}

static struct holder *holder_of(struct holders *list, const struct vnx_case *c,
				const struct vnx_hold *hold)
{
	const struct vnx_vm *vm = vm_of(c, hold->holder);
	struct holder fresh = { .pid = vm ? vm->pid : hold->holder, .comm = hold->comm };

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].pid == fresh.pid)
			return &list->v[i];
	return vnx_vec_push(list, fresh) ? NULL : &list->v[list->n - 1];
}

/* ns of @hold that fall into [from, to). */
static double overlap(const struct vnx_hold *hold, uint64_t from, uint64_t to)
{
	uint64_t a = hold->t_ns > from ? hold->t_ns : from;
	uint64_t end = hold->t_ns + hold->dur_ns, b = end < to ? end : to;

	return b > a && hold->dur_ns ? (double)hold->ns * (double)(b - a) / (double)hold->dur_ns
				     : 0;
}

/* Adds the waits in bins [first, last) to their holders, at @sign per second of them. */
static int add_waits(struct holders *list, const struct vnx_judge *j, const struct vnx_u32s *tids,
		     size_t first, size_t last, double sign)
{
	const struct vnx_holds *holds = j->c->conf->holds;
	uint64_t from = j->c->grid->start_ns + first * j->c->grid->bin_ns;
	uint64_t to = j->c->grid->start_ns + last * j->c->grid->bin_ns;

	for (size_t i = 0; i < holds->n && last > first; i++) {
		const struct vnx_hold *hold = &holds->v[i];
		double ns = has(tids, hold->victim) ? overlap(hold, from, to) : 0;
		struct holder *h;

		if (!(ns > 0))
			continue;
		h = holder_of(list, j->c, hold);
		if (!h)
			return -ENOMEM;
		h->ns += sign * ns / ((double)(to - from) / VNX_NSEC_PER_SEC);
		if (sign > 0) /* a program just started bears its parent's name at first */
			h->comm = hold->comm;
	}
	return 0;
}

static int collect(const struct vnx_judge *j, bool worker, struct holders *list)
{
	const struct vnx_vm *vm = &j->c->f->vm;
	const struct vnx_u32s *tids = worker ? &vm->workers : &vm->vcpus;
	int err = add_waits(list, j, tids, j->span.at, j->span.to, 1);

	return err ? err : add_waits(list, j, tids, j->span.from, j->span.at, -1);
}

static void blame_fill(const struct vnx_judge *j, bool worker, struct vnx_blame *blame)
{
	const struct vnx_vm *vm = &j->c->f->vm;
	struct holders list = { 0 };

	*blame = (struct vnx_blame){ 0 };
	if (!j->c->conf->holds || collect(j, worker, &list)) {
		free(list.v);
		return;
	}
	blame->known = true;
	for (size_t i = 0; i < list.n; i++) {
		double share = fmax(0, list.v[i].ns / VNX_NSEC_PER_SEC);

		if (!list.v[i].pid)
			blame->idle += share;
		else if (list.v[i].pid == vm->pid)
			blame->own += share;
		else
			blame->other += share;
	}
	free(list.v);
}

void vnx_judge_blame(struct vnx_judge *j)
{
	blame_fill(j, true, &j->worker_blame);
	blame_fill(j, false, &j->vcpu_blame);
}

static int worst_first(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int offender_add(const struct vnx_judge *j, const struct holder *h, double all,
			struct vnx_degradation *d)
{
	const struct vnx_vm *vm = vm_of(j->c, h->pid);
	struct vnx_offender o = { .is_vm = vm != NULL,
				  .name = strdup(vm ? vm->name : h->comm),
				  .pid = h->pid,
				  .share = h->ns / all };

	if (o.name && !vnx_vec_push(&d->offenders, o))
		return 0;
	free(o.name);
	return -ENOMEM;
}

int vnx_judge_offenders(const struct vnx_judge *j, bool worker, struct vnx_degradation *d)
{
	struct holders list = { 0 };
	double all = 0;
	int err = j->c->conf->holds ? collect(j, worker, &list) : 0;

	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), worst_first);
	for (size_t i = 0; i < list.n; i++)
		all += list.v[i].pid ? fmax(0, list.v[i].ns) : 0;
	for (size_t i = 0; i < list.n && !err && d->offenders.n < MOST_OFFENDERS; i++)
		if (list.v[i].pid && list.v[i].pid != j->c->f->vm.pid &&
		    list.v[i].ns >= LEAST_SHARE * all && list.v[i].ns > 0)
			err = offender_add(j, &list.v[i], all, d);
	free(list.v);
	return err;
}
