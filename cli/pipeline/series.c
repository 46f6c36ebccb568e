// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pipeline/series.h"

#include <math.h>

#define TAP_METRICS 4 /* VNX_TX_PACKETS .. VNX_RX_BYTES */
#define CALL_METRICS (VNX_VCPU_HALT + 1)
/* A count that is low by this share is kept: no smaller change is ever reported. */
#define MAX_LOST_SHARE 0.05

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

/* Evidence of one thread, interface or host: a metric is a VM's by way of its parts. */
struct part {
	uint32_t entity;
	enum vnx_metric metric;
	struct vnx_accum acc;
};

struct parts {
	struct part *v;
	size_t n, cap;
};

struct vm_acc {
	struct vnx_accum calls[CALL_METRICS];
	struct iface_acc *ifaces;
	struct parts parts;
	double *values[VNX_METRIC_MAX];
	double totals[VNX_METRIC_MAX];
	struct {
		struct vnx_thread_input *v;
		size_t n, cap;
	} threads; /* own their series */
};

struct vnx_series_set {
	const struct vnx_run *run;
	struct vnx_grid grid;
	struct members threads, links, vmms;
	struct vm_acc *vms;
	struct parts shared; /* the load's and the host's */
	double *shared_values[VNX_METRIC_MAX];
	struct vnx_accum lost; /* only its lost[] is used */
	uint64_t lost_events;
	struct vnx_accum all_calls[CALL_METRICS]; /* of all threads */
	struct vnx_samples refused;               /* VNX_REFUSED_OF() one of them */
	struct vnx_u32s others; /* threads of VMs that were not asked for, sorted */
	uint64_t unattributed[VNX_METRIC_MAX];
};

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return x->vm < y->vm ? -1 : x->vm > y->vm;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int list_others(struct vnx_series_set *set)
{
	const struct vnx_vms *vms = &set->run->others;

	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_u32s *lists[] = { &vms->v[i].workers, &vms->v[i].vcpus };

		for (size_t k = 0; k < VNX_ARRAY_SIZE(lists); k++)
			for (size_t j = 0; j < lists[k]->n; j++)
				if (vnx_vec_push(&set->others, lists[k]->v[j]))
					return -ENOMEM;
	}
	if (set->others.n)
		qsort(set->others.v, set->others.n, sizeof(uint32_t), compare_u32);
	return 0;
}

static int list_members(struct vnx_series_set *set)
{
	const struct vnx_vms *vms = &set->run->vms;

	for (uint32_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];
		struct member m = { .entity = vm->pid, .vm = i };

		if (vnx_vec_push(&set->vmms, m))
			return -ENOMEM;
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
	if (set->vmms.n)
		qsort(set->vmms.v, set->vmms.n, sizeof(struct member), compare_members);
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
	if (!set->vms || vnx_accum_init(&set->lost, grid) || list_members(set) || list_others(set))
		goto fail;
	for (int m = 0; m < CALL_METRICS; m++)
		if (vnx_accum_init(&set->all_calls[m], grid))
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

static void parts_fini(struct parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		vnx_accum_fini(&parts->v[i].acc);
	free(parts->v);
}

static void thread_fini(const struct vnx_thread_input *t)
{
	for (int k = 0; k < VNX_TIMES; k++)
		free((void *)t->x[k]);
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
		parts_fini(&va->parts);
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			free(va->values[m]);
		for (size_t j = 0; j < va->threads.n; j++)
			thread_fini(&va->threads.v[j]);
		free(va->threads.v);
	}
	parts_fini(&set->shared);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		free(set->shared_values[m]);
	free(set->vms);
	free(set->threads.v);
	free(set->links.v);
	free(set->vmms.v);
	free(set->others.v);
	vnx_accum_fini(&set->lost);
	for (int m = 0; m < CALL_METRICS; m++)
		vnx_accum_fini(&set->all_calls[m]);
	free(set->refused.v);
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

static void void_calls(struct vnx_series_set *set, enum vnx_metric metric,
		       const struct vnx_sample *s)
{
	vnx_accum_void(&set->lost, s->t_ns, s->dur_ns);
	for (size_t i = 0; i < set->run->vms.n; i++)
		vnx_accum_void(&set->vms[i].calls[metric], s->t_ns, s->dur_ns);
}

/*
 * An interface's counters went backwards, or a hook lost events: of a thread, of any, or calls
 * of its own. Those refused are judged when all is known that was counted beside them.
 */
static int add_lost(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct member *m;

	set->lost_events += s->count;
	if (s->entity >= VNX_REFUSED_OF(0) && s->entity < VNX_REFUSED_OF(CALL_METRICS))
		return vnx_vec_push(&set->refused, *s);
	if (s->entity >= VNX_LOST_OF(0) && s->entity < VNX_LOST_OF(CALL_METRICS)) {
		void_calls(set, s->entity - VNX_LOST_OF(0), s);
		return 0;
	}
	m = s->entity ? find_member(set, &set->links, s->entity, s->t_ns) : NULL;
	if (m) {
		struct iface_acc *ia = &set->vms[m->vm].ifaces[m->iface];

		for (int k = 0; k < TAP_METRICS; k++)
			vnx_accum_void(&ia->acc[k], s->t_ns, s->dur_ns);
		return 0;
	}
	m = s->entity ? find_member(set, &set->threads, s->entity, s->t_ns) : NULL;
	vnx_accum_void(&set->lost, s->t_ns, s->dur_ns);
	for (size_t i = 0; i < set->run->vms.n; i++)
		for (int k = 0; k < CALL_METRICS && (!m || m->vm == i); k++)
			vnx_accum_void(&set->vms[i].calls[k], s->t_ns, s->dur_ns);
	return 0;
}

static int add_part(struct vnx_series_set *set, struct parts *parts, const struct vnx_sample *s)
{
	enum vnx_unit unit = vnx_metric_info(s->metric)->unit;
	double amount = (double)s->count;
	struct part *p = NULL;

	if (!s->dur_ns)
		return 0;
	for (size_t i = 0; i < parts->n && !p; i++)
		if (parts->v[i].entity == s->entity && parts->v[i].metric == s->metric)
			p = &parts->v[i];
	if (!p) {
		struct part fresh = { .entity = s->entity, .metric = s->metric };

		if (vnx_accum_init(&fresh.acc, &set->grid))
			return -ENOMEM;
		if (vnx_vec_push(parts, fresh)) {
			vnx_accum_fini(&fresh.acc);
			return -ENOMEM;
		}
		p = &parts->v[parts->n - 1];
	}
	/* A level is weighted by the time for which it held. */
	if (unit == VNX_LEVEL || unit == VNX_PPM)
		amount *= (double)s->dur_ns / (double)set->grid.bin_ns;
	vnx_accum_add(&p->acc, s->t_ns, s->dur_ns, amount);
	vnx_accum_cover(&p->acc, s->t_ns, s->dur_ns);
	return 0;
}

/* Of a tap it is one VM's, of an uplink that of all who reach the world through it. */
static int add_path(struct vnx_series_set *set, const struct vnx_sample *s)
{
	for (size_t i = 0; i < set->run->vms.n; i++) {
		const struct vnx_ifaces *ifaces = &set->run->vms.v[i].ifaces;
		bool mine = false;

		for (size_t j = 0; j < ifaces->n; j++)
			mine |= ifaces->v[j].ifindex == s->entity ||
				ifaces->v[j].uplink_ifindex == s->entity;
		if (mine && add_part(set, &set->vms[i].parts, s))
			return -ENOMEM;
	}
	return 0;
}

static void add_unattributed(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct vnx_u32s *others = &set->others;

	if (!others->n || !bsearch(&s->entity, others->v, others->n, sizeof(uint32_t), compare_u32))
		set->unattributed[s->metric] += s->count;
}

static int add_evidence(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct member *m;

	switch (vnx_metric_info(s->metric)->owner) {
	case VNX_OF_WORKER:
	case VNX_OF_VCPU:
		m = find_member(set, &set->threads, s->entity, s->t_ns);
		break;
	case VNX_OF_VM:
		m = find_member(set, &set->vmms, s->entity, s->t_ns);
		break;
	case VNX_OF_TAP:
		m = find_member(set, &set->links, s->entity, s->t_ns);
		break;
	case VNX_OF_PATH:
		return s->entity ? add_path(set, s) : 0;
	case VNX_OF_LOAD:
	case VNX_OF_HOST:
		return add_part(set, &set->shared, s);
	default:
		return 0;
	}
	if (m)
		set->vms[m->vm].totals[s->metric] += (double)s->count;
	else
		add_unattributed(set, s);
	return m ? add_part(set, &set->vms[m->vm].parts, s) : 0;
}

int vnx_series_add(struct vnx_series_set *set, const struct vnx_sample *s)
{
	const struct member *m;

	if (s->metric >= VNX_METRIC_MAX)
		return 0;
	if (s->metric == VNX_LOST)
		return add_lost(set, s);
	if (s->metric > VNX_RX_BYTES)
		return add_evidence(set, s);
	if (s->metric < CALL_METRICS) {
		vnx_accum_add(&set->all_calls[s->metric], s->t_ns, s->dur_ns, (double)s->count);
		m = find_member(set, &set->threads, s->entity, s->t_ns);
		if (m)
			vnx_accum_add(&set->vms[m->vm].calls[s->metric], s->t_ns, s->dur_ns,
				      (double)s->count);
	} else {
		m = find_member(set, &set->links, s->entity, s->t_ns);
		if (m)
			add_tap(set, m, s);
	}
	if (m)
		set->vms[m->vm].totals[s->metric] += (double)s->count;
	else
		add_unattributed(set, s);
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

/* Who calls most is refused most: the share of all calls of that hook is everybody's. */
static void judge_refused(struct vnx_series_set *set, const struct vnx_sample *s)
{
	enum vnx_metric metric = s->entity - VNX_REFUSED_OF(0);
	double refused = (double)s->count;
	double counted = vnx_accum_within(&set->all_calls[metric], s->t_ns, s->dur_ns);

	if (refused > MAX_LOST_SHARE * (refused + counted))
		void_calls(set, metric, s);
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

/* How the parts of one bin make the whole: NaN is a part that misses it. */
static double join_parts(const struct vnx_metric_info *info, double sum, double one, size_t n)
{
	if (info->unit == VNX_COUNT)
		return n ? sum + one : one;
	if (isnan(one) || !n)
		return n ? sum : one;
	if (isnan(sum))
		return one;
	/* What waits on a path waits in one queue after the other; its fullest link counts. */
	if (info->owner == VNX_OF_PATH)
		return info->unit == VNX_PPM ? fmax(sum, one) : sum + one;
	return sum + one;
}

/* Series of @metric: counts a bin, shares of it, or means; *out NULL where there is no part. */
static int finish_parts(const struct vnx_series_set *set, const struct parts *parts,
			enum vnx_metric metric, double **out)
{
	const struct vnx_metric_info *info = vnx_metric_info(metric);
	double unit = info->unit == VNX_NS    ? (double)set->grid.bin_ns
		      : info->unit == VNX_PPM ? 1e6
					      : 1;
	bool mean = vnx_metric_is_mean(metric) && info->owner != VNX_OF_PATH;
	VNX_CLEANUP_FREE unsigned *valid = NULL;
	VNX_CLEANUP_FREE double *one = NULL;
	size_t n = 0;

	for (size_t i = 0; i < parts->n; i++) {
		if (parts->v[i].metric != metric)
			continue;
		if (!*out) {
			*out = calloc(set->grid.n + 1, sizeof(double));
			one = calloc(set->grid.n + 1, sizeof(*one));
			valid = calloc(set->grid.n + 1, sizeof(*valid));
			if (!*out || !one || !valid)
				return -ENOMEM;
		}
		vnx_accum_values(&parts->v[i].acc, true, one);
		for (size_t b = 0; b < set->grid.n; b++) {
			(*out)[b] = join_parts(info, (*out)[b], one[b] / unit, n);
			valid[b] += !isnan(one[b]);
		}
		n++;
	}
	for (size_t b = 0; n && mean && b < set->grid.n; b++)
		if (valid[b])
			(*out)[b] /= valid[b];
	return 0;
}

/* Share of each bin that @metric was of one thread; *out NULL: not measured. */
static int thread_series(const struct vnx_series_set *set, const struct parts *parts,
			 enum vnx_metric metric, uint32_t tid, const double **out)
{
	for (size_t i = 0; i < parts->n; i++) {
		const struct part *p = &parts->v[i];
		double *x;

		if (p->metric != metric || p->entity != tid)
			continue;
		x = malloc((set->grid.n + 1) * sizeof(*x));
		if (!x)
			return -ENOMEM;
		vnx_accum_values(&p->acc, true, x);
		for (size_t b = 0; b < set->grid.n; b++)
			x[b] /= (double)set->grid.bin_ns;
		*out = x;
		return 0;
	}
	return 0;
}

static int finish_thread(struct vnx_series_set *set, struct vm_acc *va, struct vnx_thread_input t)
{
	int err = 0;

	for (int k = 0; k < VNX_TIMES && !err; k++)
		err = thread_series(set, &va->parts, vnx_time_metric(t.worker, k), t.tid, &t.x[k]);
	if (!err)
		err = vnx_vec_push(&va->threads, t);
	if (err)
		thread_fini(&t);
	return err;
}

static int finish_threads(struct vnx_series_set *set, size_t i)
{
	const struct vnx_vm *vm = &set->run->vms.v[i];
	const struct vnx_u32s *lists[] = { &vm->workers, &vm->vcpus };

	for (size_t k = 0; k < VNX_ARRAY_SIZE(lists); k++)
		for (size_t j = 0; j < lists[k]->n; j++)
			if (finish_thread(set, &set->vms[i],
					  (struct vnx_thread_input){ .tid = lists[k]->v[j],
								     .worker = !k,
								     .index = j }))
				return -ENOMEM;
	return 0;
}

static int finish_evidence(struct vnx_series_set *set)
{
	for (int m = VNX_RX_BYTES + 1; m < VNX_METRIC_MAX; m++) {
		if (finish_parts(set, &set->shared, m, &set->shared_values[m]))
			return -ENOMEM;
		for (size_t i = 0; i < set->run->vms.n; i++)
			if (finish_parts(set, &set->vms[i].parts, m, &set->vms[i].values[m]))
				return -ENOMEM;
	}
	return 0;
}

int vnx_series_finish(struct vnx_series_set *set)
{
	for (size_t i = 0; i < set->refused.n; i++)
		judge_refused(set, &set->refused.v[i]);
	for (size_t i = 0; i < set->run->vms.n; i++) {
		if (finish_threads(set, i))
			return -ENOMEM;
		for (int m = 0; m < CALL_METRICS; m++)
			if (finish_calls(set, i, m))
				return -ENOMEM;
		for (int k = 0; k < TAP_METRICS; k++)
			if (finish_tap(set, i, k))
				return -ENOMEM;
	}
	return finish_evidence(set);
}

const double *vnx_series_get(const struct vnx_series_set *set, size_t vm, enum vnx_metric metric)
{
	return set->vms[vm].values[metric];
}

const struct vnx_thread_input *vnx_series_threads(const struct vnx_series_set *set, size_t vm,
						  size_t *n)
{
	*n = set->vms[vm].threads.n;
	return set->vms[vm].threads.v;
}

const double *vnx_series_shared(const struct vnx_series_set *set, enum vnx_metric metric)
{
	return set->shared_values[metric];
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

uint64_t vnx_series_unattributed(const struct vnx_series_set *set, enum vnx_metric metric)
{
	return set->unattributed[metric];
}
