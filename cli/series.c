// SPDX-License-Identifier: GPL-2.0-only
#include "cli/series.h"

#include <math.h>

#define TAP_METRICS 4 /* VNX_TX_PACKETS .. VNX_RX_BYTES */
#define CALL_METRICS (VNX_VCPU_HALT + 1)

/* A thread or an interface, and the VM it belongs to. */
struct member {
	uint32_t entity;
	uint32_t vm;
	uint32_t iface; /* index in the VM, interfaces only */
};

struct members {
	struct member *v;
	size_t n, cap;
};

struct iface_acc {
	struct vnx_accum acc[TAP_METRICS];
	bool any[TAP_METRICS];
};

struct vm_acc {
	struct vnx_accum calls[CALL_METRICS];
	struct iface_acc *ifaces;
	double *values[VNX_METRIC_MAX];
	double totals[VNX_METRIC_MAX];
};

struct vnx_series_set {
	const struct vnx_run *run;
	struct vnx_grid grid;
	struct members threads, links;
	struct vm_acc *vms;
	struct vnx_accum lost; /* only its lost[] is used */
	uint64_t lost_events;
	double unattributed[VNX_METRIC_MAX];
};

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return x->vm < y->vm ? -1 : x->vm > y->vm;
}

static int list_members(struct vnx_series_set *set)
{
	const struct vnx_vms *vms = &set->run->vms;

	for (uint32_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];
		struct member m = { .vm = i };

		for (size_t j = 0; j < vm->workers.n; j++) {
			m.entity = vm->workers.v[j];
			if (vnx_vec_push(&set->threads, m))
				return -ENOMEM;
		}
		for (size_t j = 0; j < vm->vcpus.n; j++) {
			m.entity = vm->vcpus.v[j];
			if (vnx_vec_push(&set->threads, m))
				return -ENOMEM;
		}
		for (m.iface = 0; m.iface < vm->ifaces.n; m.iface++) {
			m.entity = vm->ifaces.v[m.iface].ifindex;
			if (m.entity && vnx_vec_push(&set->links, m))
				return -ENOMEM;
		}
	}
	if (set->threads.n)
		qsort(set->threads.v, set->threads.n, sizeof(struct member), compare_members);
	if (set->links.n)
		qsort(set->links.v, set->links.n, sizeof(struct member), compare_members);
	return 0;
}

/* Thread and interface numbers are reused: of those alike, the VM that lived then. */
static const struct member *find_member(const struct vnx_series_set *set,
					const struct members *list, uint32_t entity, uint64_t t_ns)
{
	size_t lo = 0, hi = list->n;
	const struct member *best = NULL;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list->v[mid].entity < entity)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < list->n && list->v[lo].entity == entity; lo++) {
		const struct vnx_vm *vm = &set->run->vms.v[list->v[lo].vm];

		best = &list->v[lo];
		/* A thread is seen by the hook before the next scan sees its VM. */
		if (t_ns <= vm->last_ns)
			break;
	}
	return best;
}

static int init_vm(struct vnx_series_set *set, size_t i)
{
	struct vm_acc *va = &set->vms[i];
	size_t n = set->run->vms.v[i].ifaces.n;

	for (int m = 0; m < CALL_METRICS; m++)
		if (vnx_accum_init(&va->calls[m], &set->grid))
			return -ENOMEM;
	va->ifaces = calloc(n ? n : 1, sizeof(*va->ifaces));
	if (!va->ifaces)
		return -ENOMEM;
	for (size_t j = 0; j < n; j++)
		for (int m = 0; m < TAP_METRICS; m++)
			if (vnx_accum_init(&va->ifaces[j].acc[m], &set->grid))
				return -ENOMEM;
	return 0;
}

int vnx_series_new(struct vnx_series_set **out, const struct vnx_run *run,
		   const struct vnx_grid *grid)
{
	struct vnx_series_set *set = calloc(1, sizeof(*set));

	*out = NULL;
	if (!set)
		return -ENOMEM;
	set->run = run;
	set->grid = *grid;
	set->vms = calloc(run->vms.n ? run->vms.n : 1, sizeof(*set->vms));
	if (!set->vms || vnx_accum_init(&set->lost, grid) || list_members(set))
		goto fail;
	for (size_t i = 0; i < run->vms.n; i++)
		if (init_vm(set, i))
			goto fail;
	*out = set;
	return 0;
fail:
	vnx_series_free(set);
	return -ENOMEM;
}

void vnx_series_free(struct vnx_series_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; set->vms && i < set->run->vms.n; i++) {
		struct vm_acc *va = &set->vms[i];

		for (int m = 0; m < CALL_METRICS; m++)
			vnx_accum_fini(&va->calls[m]);
		for (size_t j = 0; va->ifaces && j < set->run->vms.v[i].ifaces.n; j++)
			for (int m = 0; m < TAP_METRICS; m++)
				vnx_accum_fini(&va->ifaces[j].acc[m]);
		free(va->ifaces);
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			free(va->values[m]);
	}
	free(set->vms);
	free(set->threads.v);
	free(set->links.v);
	vnx_accum_fini(&set->lost);
	free(set);
}

static void add_tap(struct vnx_series_set *set, const struct member *m, const struct vnx_sample *s)
{
	struct iface_acc *ia = &set->vms[m->vm].ifaces[m->iface];
	int k = (int)s->metric - VNX_TX_PACKETS;

	ia->any[k] = true;
	vnx_accum_add(&ia->acc[k], s->t_ns, s->dur_ns, (double)s->count);
	vnx_accum_cover(&ia->acc[k], s->t_ns, s->dur_ns);
}

/* An interface's counters went backwards, or a hook lost events (of one thread, or any). */
static void add_lost(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct member *m =
		s->entity ? find_member(set, &set->links, s->entity, s->t_ns) : NULL;

	set->lost_events += s->count;
	if (m) {
		struct iface_acc *ia = &set->vms[m->vm].ifaces[m->iface];

		for (int k = 0; k < TAP_METRICS; k++)
			vnx_accum_void(&ia->acc[k], s->t_ns, s->dur_ns);
		return;
	}
	m = s->entity ? find_member(set, &set->threads, s->entity, s->t_ns) : NULL;
	vnx_accum_void(&set->lost, s->t_ns, s->dur_ns);
	for (size_t i = 0; i < set->run->vms.n; i++)
		for (int k = 0; k < CALL_METRICS && (!m || m->vm == i); k++)
			vnx_accum_void(&set->vms[i].calls[k], s->t_ns, s->dur_ns);
}

int vnx_series_add(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct member *m;

	if (s->metric == VNX_LOST) {
		add_lost(set, s);
		return 0;
	}
	if (s->metric < CALL_METRICS) {
		m = find_member(set, &set->threads, s->entity, s->t_ns);
		if (m)
			vnx_accum_add(&set->vms[m->vm].calls[s->metric], s->t_ns, s->dur_ns,
				      (double)s->count);
	} else if (s->metric <= VNX_RX_BYTES) {
		m = find_member(set, &set->links, s->entity, s->t_ns);
		if (m)
			add_tap(set, m, s);
	} else {
		m = NULL;
	}
	if (s->metric < VNX_METRIC_MAX)
		*(m ? &set->vms[m->vm].totals[s->metric] : &set->unattributed[s->metric]) +=
			(double)s->count;
	return 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static const struct vnx_hook *find_hook(const struct vnx_run *run, enum vnx_metric metric)
{
	for (size_t i = 0; i < run->hooks.n; i++)
		if (run->hooks.v[i].metric == metric && run->hooks.v[i].since_ns)
			return &run->hooks.v[i];
	return NULL;
}

/* Silence is a zero only while the hook was attached and the VM was there. */
static int finish_calls(struct vnx_series_set *set, size_t i, enum vnx_metric metric)
{
	const struct vnx_run *run = set->run;
	const struct vnx_vm *vm = &run->vms.v[i];
	const struct vnx_hook *hook = find_hook(run, metric);
	struct vnx_accum *acc = &set->vms[i].calls[metric];
	uint64_t from, to;

	if (!hook)
		return 0;
	if (metric <= VNX_HANDLE_RX && !vnx_backend_has_worker(vm->backend) &&
	    vm->backend != VNX_BACKEND_UNKNOWN)
		return 0;
	from = max_u64(max_u64(hook->since_ns, vm->first_ns), set->grid.start_ns);
	to = min_u64(min_u64(hook->until_ns ? hook->until_ns : UINT64_MAX, vm->last_ns),
		     run->facts.end_ns);
	if (to > from)
		vnx_accum_cover(acc, from, to - from);
	set->vms[i].values[metric] = malloc((set->grid.n + 1) * sizeof(double));
	if (!set->vms[i].values[metric])
		return -ENOMEM;
	vnx_accum_values(acc, false, set->vms[i].values[metric]);
	return 0;
}

/* Sum over the VM's interfaces; a bin that one of them misses is missing. */
static int finish_tap(struct vnx_series_set *set, size_t i, int k)
{
	struct vm_acc *va = &set->vms[i];
	double *sum = NULL, *one;

	one = malloc((set->grid.n + 1) * sizeof(double));
	if (!one)
		return -ENOMEM;
	for (size_t j = 0; j < set->run->vms.v[i].ifaces.n; j++) {
		if (!va->ifaces[j].any[k])
			continue;
		if (!sum)
			sum = calloc(set->grid.n + 1, sizeof(double));
		if (!sum) {
			free(one);
			return -ENOMEM;
		}
		vnx_accum_values(&va->ifaces[j].acc[k], true, one);
		for (size_t b = 0; b < set->grid.n; b++)
			sum[b] += one[b];
	}
	free(one);
	va->values[VNX_TX_PACKETS + k] = sum;
	return 0;
}

int vnx_series_finish(struct vnx_series_set *set)
{
	for (size_t i = 0; i < set->run->vms.n; i++) {
		for (int m = 0; m < CALL_METRICS; m++)
			if (finish_calls(set, i, m))
				return -ENOMEM;
		for (int k = 0; k < TAP_METRICS; k++)
			if (finish_tap(set, i, k))
				return -ENOMEM;
	}
	return 0;
}

const double *vnx_series_get(const struct vnx_series_set *set, size_t vm, enum vnx_metric metric)
{
	return set->vms[vm].values[metric];
}

const double *vnx_series_totals(const struct vnx_series_set *set, size_t vm)
{
	return set->vms[vm].totals;
}

const bool *vnx_series_lost(const struct vnx_series_set *set)
{
	return set->lost.lost;
}

uint64_t vnx_series_lost_events(const struct vnx_series_set *set)
{
	return set->lost_events;
}

double vnx_series_unattributed(const struct vnx_series_set *set, enum vnx_metric metric)
{
	return set->unattributed[metric];
}
