// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a raw trace holds beside the calls, as a recording would: running and waiting of the VMs'
 * threads, who had the CPU meanwhile, guest exits. Bins that lost anything are left out.
 */
#include "cli/input/trace/sched_internal.h"
#include "cli/input/trace/trace_internal.h"

#define SAMPLES_MAX (32u << 20)
#define HOW "record with -e sched_switch -e sched_wakeup -e sched_wakeup_new beside the calls"

#define ALL_LOST                                                                          \
	"events of switches were lost throughout, no bin is whole: record with a larger " \
	"buffer (trace-cmd record -b KB, perf record -m PAGES)"

/* A thread of a VM. */
struct member {
	uint32_t tid, vm_pid;
	bool worker;
};

struct range {
	uint64_t from, to; /* bins, both in it */
};

struct evidence {
	struct vnx_trace *t;
	uint64_t bin_ns, first_bin, last_bin;
	struct {
		struct member *v;
		size_t n, cap;
	} members; /* sorted by tid */
	struct {
		struct range *v;
		size_t n, cap;
	} lost; /* sorted, apart from each other */
	struct vnx_samples exits;
	int error;
};

/* ---- members ---- */

static int by_tid(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static const struct member *member_of(const struct evidence *ev, uint32_t tid)
{
	struct member key = { .tid = tid };

	return ev->members.n ? bsearch(&key, ev->members.v, ev->members.n, sizeof(key), by_tid)
			     : NULL;
}

static int add_members(struct evidence *ev, const struct vnx_vm *vm, bool worker)
{
	const struct vnx_u32s *tids = worker ? &vm->workers : &vm->vcpus;

	for (size_t i = 0; i < tids->n; i++) {
		struct member m = { .tid = tids->v[i], .vm_pid = vm->pid, .worker = worker };

		if (vnx_vec_push(&ev->members, m))
			return -ENOMEM;
	}
	return 0;
}

static int list_members(struct evidence *ev, const struct vnx_vms *vms)
{
	for (size_t i = 0; i < vms->n; i++)
		if (add_members(ev, &vms->v[i], true) || add_members(ev, &vms->v[i], false))
			return -ENOMEM;
	if (ev->members.n)
		qsort(ev->members.v, ev->members.n, sizeof(*ev->members.v), by_tid);
	return 0;
}

/* ---- when VMs were there ---- */

struct birth {
	uint32_t vm_pid;
	uint64_t ns; /* of its threads' first event */
};

static int by_vm(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	return x->vm_pid < y->vm_pid ? -1 : x->vm_pid > y->vm_pid;
}

/* The row of the VM that @tid belongs to, or NULL. */
static struct birth *birth_of(const struct evidence *ev, uint32_t tid, struct birth *v, size_t n)
{
	const struct vnx_trace_thread *row = vnx_trace_threads_find(&ev->t->threads, tid);
	const struct member *m = member_of(ev, tid);
	struct birth key = { .vm_pid = m ? m->vm_pid : row && row->tgid ? row->tgid : tid };

	return n ? bsearch(&key, v, n, sizeof(*v), by_vm) : NULL;
}

/* No member was there before anything of its VM was seen. */
static int date_members(struct evidence *ev, struct vnx_sched *s, const struct vnx_vms *vms)
{
	VNX_CLEANUP_FREE struct birth *v = calloc(vms->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < vms->n; i++)
		v[i] = (struct birth){ vms->v[i].pid, UINT64_MAX };
	qsort(v, vms->n, sizeof(*v), by_vm);
	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->table_size; i++) {
			struct sched_thread *th = s->table[i];
			struct birth *b = th ? birth_of(ev, th->tid, v, vms->n) : NULL;

			if (b && pass)
				th->born_ns = b->ns;
			else if (b && th->first_ns && th->first_ns < b->ns)
				b->ns = th->first_ns;
		}
	return 0;
}

/* ---- losses ---- */

static uint64_t bin_of(const struct evidence *ev, uint64_t t_ns)
{
	return t_ns > UINT64_MAX - ev->t->shift_ns ? UINT64_MAX / ev->bin_ns
						   : (t_ns + ev->t->shift_ns) / ev->bin_ns;
}

static int add_lost(struct evidence *ev, const struct vnx_sample *s)
{
	uint64_t last_ns = s->dur_ns ? s->t_ns + s->dur_ns - 1 : s->t_ns;
	struct range r = { bin_of(ev, s->t_ns),
			   bin_of(ev, last_ns < s->t_ns ? UINT64_MAX : last_ns) };

	return vnx_vec_push(&ev->lost, r);
}

static int by_from(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int list_lost(struct evidence *ev, const struct vnx_samples *own)
{
	const struct vnx_samples *all = &ev->t->samples;
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].metric == VNX_LOST && add_lost(ev, &all->v[i]))
			return -ENOMEM;
	for (size_t i = 0; i < own->n; i++)
		if (add_lost(ev, &own->v[i]))
			return -ENOMEM;
	if (ev->lost.n)
		qsort(ev->lost.v, ev->lost.n, sizeof(*ev->lost.v), by_from);
	for (size_t i = 0; i < ev->lost.n; i++) {
		struct range *r = &ev->lost.v[i], *last = kept ? &ev->lost.v[kept - 1] : NULL;

		if (!last || r->from > last->to)
			ev->lost.v[kept++] = *r;
		else if (r->to > last->to)
			last->to = r->to;
	}
	ev->lost.n = kept;
	return 0;
}

/* The first loss that ends in or after @bin: its place, lost.n where there is none. */
static size_t loss_from(const struct evidence *ev, uint64_t bin)
{
	size_t lo = 0, hi = ev->lost.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ev->lost.v[mid].to < bin)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_lost(const struct evidence *ev, uint64_t bin)
{
	size_t i = loss_from(ev, bin);

	return bin < ev->first_bin || bin > ev->last_bin ||
	       (i < ev->lost.n && ev->lost.v[i].from <= bin);
}

/* Takes the first stretch without losses from the front of @bins; false: there is none. */
static bool next_whole(const struct evidence *ev, struct range *bins, struct range *out)
{
	size_t i;

	if (bins->from < ev->first_bin)
		bins->from = ev->first_bin;
	if (bins->to > ev->last_bin)
		bins->to = ev->last_bin;
	i = loss_from(ev, bins->from);
	while (i < ev->lost.n && ev->lost.v[i].from <= bins->from && bins->from <= bins->to)
		bins->from = ev->lost.v[i++].to + 1;
	if (bins->from > bins->to)
		return false;
	*out = *bins;
	if (i < ev->lost.n && ev->lost.v[i].from <= bins->to)
		out->to = ev->lost.v[i].from - 1;
	bins->from = out->to + 1;
	return true;
}

/* ---- samples ---- */

static void emit(struct evidence *ev, enum vnx_metric metric, uint32_t tid, uint64_t bin,
		 uint64_t dur_ns, uint64_t count)
{
	struct vnx_sample s = { .t_ns = vnx_trace_begin_of(ev->t, bin),
				.dur_ns = dur_ns,
				.count = count,
				.entity = tid,
				.metric = metric };

	if (ev->t->samples.n >= SAMPLES_MAX)
		ev->error = -E2BIG;
	else if (vnx_vec_push(&ev->t->samples, s))
		ev->error = -ENOMEM;
}

/*
 * @row's times are of each of @n bins. Where no wakeup is in the trace at all, what a thread did
 * between two turns is not known, but it did not run; where others are, one was lost.
 */
static void emit_row(struct evidence *ev, const struct member *m, const struct sched_row *row,
		     uint64_t bin, uint64_t n)
{
	bool woken = ev->t->sched->woken;
	uint64_t known_ns = n * (row->known_ns + (woken ? 0 : row->off_ns));

	if (!known_ns)
		return;
	emit(ev, m->worker ? VNX_VHOST_RUN : VNX_VCPU_RUN, m->tid, bin, known_ns, n * row->run_ns);
	if (!woken)
		return;
	emit(ev, m->worker ? VNX_VHOST_RUNQ_WAIT : VNX_VCPU_RUNQ_WAIT, m->tid, bin, known_ns,
	     n * row->wait_ns);
	/* As of the live evidence: the mean way of a kick through the worker. */
	if (m->worker && row->turns)
		emit(ev, VNX_VHOST_TURN, m->tid, bin, known_ns,
		     (row->run_ns + row->wait_ns) / 1000 / row->turns);
}

/* Nothing comes out of rows of the VMs' threads where no bin of them is whole. */
static void emit_rows(struct evidence *ev, const struct vnx_sched *s)
{
	bool any = false, whole_any = false;

	for (size_t i = 0; i < s->rows.n && !ev->error; i++) {
		const struct sched_row *row = &s->rows.v[i];
		const struct member *m = member_of(ev, row->tid);
		struct range bins = { row->bin, row->bin + row->n - 1 }, whole;

		any |= m != NULL;
		while (m && !ev->error && next_whole(ev, &bins, &whole)) {
			emit_row(ev, m, row, whole.from, whole.to - whole.from + 1);
			whole_any = true;
		}
	}
	if (any && !whole_any && ev->lost.n)
		vnx_trace_sched_refuse(ev->t, ALL_LOST);
}

/* ---- holders ---- */

/* Whose thread it is: the VM that it belongs to, else its process, else itself. */
static void name_holder(const struct evidence *ev, uint32_t tid, struct vnx_hold *h)
{
	const struct vnx_trace_thread *row = vnx_trace_threads_find(&ev->t->threads, tid);
	const struct member *m = member_of(ev, tid);

	h->holder = m ? m->vm_pid : row && row->tgid ? row->tgid : tid;
	if (row && row->comm[0])
		snprintf(h->comm, sizeof(h->comm), "%s", row->comm);
	else
		snprintf(h->comm, sizeof(h->comm), tid ? "%u" : "swapper", tid);
}

static int by_hold(const void *a, const void *b)
{
	const struct vnx_hold *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	if (x->victim != y->victim)
		return x->victim < y->victim ? -1 : 1;
	return x->holder < y->holder ? -1 : x->holder > y->holder;
}

static int emit_holds(struct evidence *ev, const struct vnx_sched *s, struct vnx_holds *out)
{
	for (size_t i = 0; i < s->holds.n; i++) {
		const struct sched_held *held = &s->holds.v[i];
		struct vnx_hold h = { .t_ns = vnx_trace_begin_of(ev->t, held->bin),
				      .dur_ns = ev->bin_ns,
				      .ns = held->ns,
				      .victim = held->victim };

		if (!member_of(ev, held->victim) || is_lost(ev, held->bin))
			continue;
		name_holder(ev, held->holder, &h);
		if (vnx_vec_push(out, h))
			return -ENOMEM;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_hold);
	return 0;
}

/* ---- guest exits ---- */

static bool is_exit(const struct source *s)
{
	return !strcmp(s->hook, "tp:kvm:kvm_exit") || !strcmp(s->hook, "raw_tp:kvm_exit");
}

/* t_ns: number of the bin. */
static int slot_exits(struct evidence *ev, const struct vnx_trace_slot *slot)
{
	struct vnx_sample s = { .entity = slot->tid };

	for (size_t i = 0; i < slot->bins.n; i++) {
		s.t_ns = slot->bins.v[i].bin;
		s.count = slot->bins.v[i].count;
		if (vnx_vec_push(&ev->exits, s))
			return -ENOMEM;
	}
	return 0;
}

static int list_exits(struct evidence *ev)
{
	for (size_t i = 0; i < ev->t->shards.n; i++) {
		const struct vnx_trace_shard *sh = ev->t->shards.v[i];

		for (size_t j = 0; j < sh->table_size; j++) {
			const struct vnx_trace_slot *slot = sh->table[j];
			const struct member *m = slot ? member_of(ev, slot->tid) : NULL;

			if (m && !m->worker && is_exit(&ev->t->sources[slot->source]) &&
			    slot_exits(ev, slot))
				return -ENOMEM;
		}
	}
	return 0;
}

static int by_thread(const void *a, const void *b)
{
	const struct vnx_sample *x = a, *y = b;

	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return x->t_ns < y->t_ns ? -1 : x->t_ns > y->t_ns;
}

/* No exit in whole bins is a zero, of a thread that had one at any time. */
static void emit_zeros(struct evidence *ev, uint32_t tid, uint64_t from, uint64_t end)
{
	struct range bins = { from, end - 1 }, whole;

	while (from < end && !ev->error && next_whole(ev, &bins, &whole))
		emit(ev, VNX_KVM_EXIT, tid, whole.from, (whole.to - whole.from + 1) * ev->bin_ns,
		     0);
}

/* One row a thread and bin, whichever shards they are from. */
static void merge_exits(struct vnx_samples *x)
{
	size_t kept = 0;

	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), by_thread);
	for (size_t i = 0; i < x->n; i++)
		if (kept && !by_thread(&x->v[kept - 1], &x->v[i]))
			x->v[kept - 1].count += x->v[i].count;
		else
			x->v[kept++] = x->v[i];
	x->n = kept;
}

static void emit_exits(struct evidence *ev)
{
	struct vnx_samples *x = &ev->exits;

	merge_exits(x);
	for (size_t i = 0; i < x->n && !ev->error; i++) {
		const struct vnx_sample *s = &x->v[i];
		bool first = !i || s[-1].entity != s->entity;
		bool last = i + 1 == x->n || s[1].entity != s->entity;
		uint64_t from = first ? ev->first_bin : s[-1].t_ns + 1;

		emit_zeros(ev, s->entity, from, s->t_ns);
		if (!is_lost(ev, s->t_ns))
			emit(ev, VNX_KVM_EXIT, s->entity, s->t_ns, ev->bin_ns, s->count);
		if (last)
			emit_zeros(ev, s->entity, s->t_ns + 1, ev->last_bin + 1);
	}
}

/* ---- all of it ---- */

static const char *why_not(const struct vnx_sched *s)
{
	if (!s->reads)
		return "who had a CPU is read from a trace.dat and a perf.data only";
	if (s->why[0])
		return s->why;
	if (!s->switched)
		return "the trace has no sched_switch events: " HOW;
	if (s->error)
		return "the trace's switches are too many, or too far out of order";
	return s->woken ? "" : "the trace has no sched_wakeup events: " HOW;
}

static int tell_source(const struct vnx_sched *s, struct vnx_source_states *out)
{
	struct vnx_source_state st = { .name = "sched" };

	snprintf(st.why, sizeof(st.why), "%s", why_not(s));
	return vnx_vec_push(out, st);
}

static void emit_all(struct evidence *ev, struct vnx_sched *s, uint64_t last_ns,
		     struct vnx_run *run)
{
	size_t before = ev->t->samples.n;

	if (!s->error && !s->why[0] && s->switched) {
		ev->error = date_members(ev, s, &run->vms);
		vnx_sched_finish(s, last_ns);
		if (!s->error && !ev->error)
			emit_rows(ev, s);
		if (!s->error && !ev->error && s->woken)
			ev->error = emit_holds(ev, s, &run->holds);
	}
	if (ev->error == -E2BIG || s->error == -E2BIG) {
		ev->t->samples.n = before;
		run->holds.n = 0;
		s->error = -E2BIG;
		ev->error = 0;
	}
	if (!ev->error)
		emit_exits(ev);
	if (ev->error == -E2BIG)
		ev->error = 0; /* exits less */
}

int vnx_trace_evidence(struct vnx_trace *t, uint64_t first_ns, uint64_t last_ns,
		       struct vnx_run *run)
{
	struct evidence ev = { .t = t, .bin_ns = t->conf->bin_ns };
	struct vnx_sched *s = t->sched;
	int ret;

	ev.first_bin = bin_of(&ev, first_ns);
	ev.last_bin = bin_of(&ev, last_ns);
	ret = list_members(&ev, &run->vms);
	if (!ret)
		ret = list_lost(&ev, &s->lost);
	if (!ret)
		ret = list_exits(&ev);
	if (!ret)
		ret = vnx_trace_sched_until(t, UINT64_MAX);
	if (!ret) {
		emit_all(&ev, s, last_ns, run);
		ret = ev.error ? ev.error : s->error == -ENOMEM ? -ENOMEM : 0;
	}
	if (!ret)
		ret = tell_source(s, &run->sources);
	free(ev.members.v);
	free(ev.lost.v);
	free(ev.exits.v);
	return ret;
}
