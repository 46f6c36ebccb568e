// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches and wakeups, in order of time, to the time that threads ran and waited by bin, and to
 * who had the CPU instead. What a thread did up to an event is decided by that event: where the
 * two do not fit (a wakeup or a switch is not in the trace) the stretch between them is missing.
 *
 * A wait is charged to who had the CPU that ended it for longest meanwhile; what shorter stretches
 * came before his is counted as his. The live evidence (bpf/holder.bpf.c) sees no single wait: it
 * takes the longest stretch since a watched thread got that CPU, be it before the wait.
 */
#include "cli/input/trace/trace_sched.h"

#include "cli/input/trace/sched_internal.h"
#include "cli/input/trace/trace_internal.h"

#define PENDING_MAX (8u << 20) /* records, 192 MB: parts of a file are not further out of order */
#define THREADS_MAX 65536      /* with a VMM's name */
#define ROWS_MAX (8u << 20)
/* A holder of less of a bin is no contention: as in the live evidence. */
#define LEAST_NS (VNX_NSEC_PER_MSEC / 2)

bool vnx_sched_name(const char *comm)
{
	static const char *const begins[] = { "vhost-", "CPU ",    "qemu",       "kvm",
					      "vcpu",   "fc_vcpu", "crosvm_vcpu" };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(begins); i++)
		if (!strncmp(comm, begins[i], strlen(begins[i])))
			return true;
	return false;
}

void vnx_sched_add(struct vnx_sched_batch *b, enum vnx_sched_kind kind, uint64_t t_ns, uint32_t tid,
		   uint32_t other)
{
	struct vnx_sched_rec rec = { .t_ns = t_ns, .tid = tid };

	/* Later is damage, and bins near 2^64 cannot be counted through. */
	if (t_ns > INT64_MAX)
		return;
	/* Thread 0 is every CPU's idle one. */
	if ((!tid && kind != VNX_SCHED_GAP) || (tid | other) >> VNX_SCHED_TID_BITS)
		return;
	rec.other = other & ((1u << VNX_SCHED_TID_BITS) - 1);
	rec.kind = kind & 7;
	if (vnx_vec_push(&b->recs, rec))
		b->error = -ENOMEM;
}

void vnx_sched_take_cpu(struct vnx_sched_batch *b, struct vnx_sched_cpu *cpu, uint64_t t_ns,
			uint32_t next)
{
	for (unsigned i = 0; i < cpu->n; i++)
		if (cpu->v[i].end_ns < t_ns && cpu->v[i].tid != next)
			vnx_sched_add(b, VNX_SCHED_HELD, cpu->v[i].end_ns, next, cpu->v[i].tid);
	cpu->n = 0;
}

void vnx_sched_move(struct vnx_sched_batch *to, struct vnx_sched_batch *from)
{
	for (size_t i = 0; i < from->recs.n; i++)
		if (vnx_vec_push(&to->recs, from->recs.v[i]))
			to->error = -ENOMEM;
	if (from->first_ns)
		vnx_sched_seen(to, from->first_ns);
	to->switched |= from->switched;
	to->woken |= from->woken;
	to->error = to->error ? to->error : from->error;
	free(from->recs.v);
	*from = (struct vnx_sched_batch){ 0 };
}

/* ---- threads ---- */

/* Knuth, TAOCP 6.4: multiplicative hashing. */
static size_t place_of(const struct vnx_sched *s, uint32_t tid)
{
	size_t i = (tid * 2654435761u) & (s->table_size - 1);

	while (s->table[i] && s->table[i]->tid != tid)
		i = (i + 1) & (s->table_size - 1);
	return i;
}

static int grow_table(struct vnx_sched *s)
{
	struct sched_thread **old = s->table;
	size_t old_size = s->table_size;

	s->table_size = old_size ? old_size * 2 : 64;
	s->table = calloc(s->table_size, sizeof(struct sched_thread *));
	if (!s->table) {
		s->table = old;
		s->table_size = old_size;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			s->table[place_of(s, old[i]->tid)] = old[i];
	free(old);
	return 0;
}

/* NULL with s->error where it cannot be had. */
static struct sched_thread *thread_of(struct vnx_sched *s, uint32_t tid)
{
	struct sched_thread *th;
	size_t i;

	if (s->n_threads * 2 >= s->table_size && grow_table(s)) {
		s->error = -ENOMEM;
		return NULL;
	}
	i = place_of(s, tid);
	if (s->table[i])
		return s->table[i];
	th = s->n_threads < THREADS_MAX ? calloc(1, sizeof(*th)) : NULL;
	if (!th) {
		s->error = s->n_threads < THREADS_MAX ? -ENOMEM : -E2BIG;
		return NULL;
	}
	th->tid = tid;
	th->since_ns = s->known_ns;
	s->n_threads++;
	return s->table[i] = th;
}

/* ---- by bin ---- */

static void push_row(struct vnx_sched *s, const struct sched_row *row)
{
	if (s->rows.n >= ROWS_MAX)
		s->error = -E2BIG;
	else if (vnx_vec_push(&s->rows, *row))
		s->error = -ENOMEM;
}

static void flush_row(struct vnx_sched *s, struct sched_thread *th)
{
	if (th->row.known_ns || th->row.off_ns || th->row.turns) {
		push_row(s, &th->row);
		th->first_row = th->first_row ? th->first_row : s->rows.n;
	}
	th->row = (struct sched_row){ .tid = th->tid, .n = 1 };
}

static struct sched_row *row_of(struct vnx_sched *s, struct sched_thread *th, uint64_t bin)
{
	if (th->row.bin != bin || !th->row.n) {
		flush_row(s, th);
		th->row.bin = bin;
	}
	return &th->row;
}

static void add_time(struct sched_row *row, enum sched_state state, uint64_t ns)
{
	if (state == SCHED_OFF)
		row->off_ns += ns;
	else
		row->known_ns += ns;
	if (state == SCHED_RUNS)
		row->run_ns += ns;
	else if (state == SCHED_WAITS)
		row->wait_ns += ns;
}

/* @th did the same in all of [from, to): whole bins are one row, however many. */
static void add_stretch(struct vnx_sched *s, struct sched_thread *th, enum sched_state state,
			uint64_t from, uint64_t to)
{
	from += s->shift_ns;
	to += s->shift_ns;
	while (from < to && !s->error) {
		uint64_t bin = from / s->bin_ns, end = (bin + 1) * s->bin_ns;
		uint64_t whole = from % s->bin_ns ? 0 : (to - from) / s->bin_ns;

		if (whole > 1) {
			struct sched_row row = { .tid = th->tid,
						 .bin = bin,
						 .n = whole > UINT32_MAX ? UINT32_MAX
									 : (uint32_t)whole };

			add_time(&row, state, s->bin_ns);
			push_row(s, &row);
			from += row.n * s->bin_ns;
			continue;
		}
		add_time(row_of(s, th, bin), state, (end < to ? end : to) - from);
		from = end;
	}
}

/* ---- holders ---- */

static void put_hold(struct vnx_sched *s, const struct sched_thread *th, struct sched_hold *h)
{
	struct sched_held row = {
		.bin = th->hold_bin, .ns = h->ns, .victim = th->tid, .holder = h->holder
	};

	if (h->ns >= LEAST_NS && s->holds.n >= ROWS_MAX)
		s->error = -E2BIG;
	else if (h->ns >= LEAST_NS && vnx_vec_push(&s->holds, row))
		s->error = -ENOMEM;
	*h = (struct sched_hold){ 0 };
}

static void flush_holds(struct vnx_sched *s, struct sched_thread *th)
{
	for (unsigned i = 0; i < th->n_holds; i++)
		put_hold(s, th, &th->holds[i]);
	th->n_holds = 0;
}

/* Of more holders in a bin than there is room for the least gives way. */
static struct sched_hold *hold_of(struct vnx_sched *s, struct sched_thread *th, uint32_t holder)
{
	struct sched_hold *least = &th->holds[0];

	for (unsigned i = 0; i < th->n_holds; i++) {
		if (th->holds[i].holder == holder)
			return &th->holds[i];
		if (th->holds[i].ns < least->ns)
			least = &th->holds[i];
	}
	if (th->n_holds < SCHED_HOLDERS)
		least = &th->holds[th->n_holds++];
	else
		put_hold(s, th, least);
	*least = (struct sched_hold){ .holder = holder };
	return least;
}

/* @th waited in [from, to) because of @holder. */
static void add_hold(struct vnx_sched *s, struct sched_thread *th, uint32_t holder, uint64_t from,
		     uint64_t to)
{
	from += s->shift_ns;
	to += s->shift_ns;
	while (from < to && !s->error) {
		uint64_t bin = from / s->bin_ns, end = (bin + 1) * s->bin_ns;

		if (th->hold_bin != bin)
			flush_holds(s, th);
		th->hold_bin = bin;
		hold_of(s, th, holder)->ns += (end < to ? end : to) - from;
		from = end;
	}
}

/* ---- what a thread does ---- */

/* What it did since the last event is what @state says, unless the clocks say "before that". */
static void settle(struct vnx_sched *s, struct sched_thread *th, enum sched_state state,
		   uint64_t t_ns)
{
	if (!th->first_ns) {
		th->early = state;
		th->early_ns = th->since_ns;
		th->first_ns = t_ns ? t_ns : 1;
	} else if (state != SCHED_UNKNOWN && state != SCHED_GONE && t_ns > th->since_ns) {
		add_stretch(s, th, state, th->since_ns, t_ns);
	}
	if (t_ns > th->since_ns)
		th->since_ns = t_ns;
}

/* It was woken, so it slept; a thread that is awake may be woken too, which says nothing. */
static void wake(struct vnx_sched *s, struct sched_thread *th, const struct vnx_sched_rec *rec)
{
	bool gone = th->state == SCHED_GONE || rec->kind == VNX_SCHED_NEW;

	if (th->state == SCHED_RUNS || th->state == SCHED_WAITS)
		return;
	settle(s, th, gone ? SCHED_GONE : SCHED_SLEEPS, rec->t_ns);
	th->state = SCHED_WAITS;
}

/* If it waits, then up to now because of who had the CPU. */
static void held(struct sched_thread *th, const struct vnx_sched_rec *rec)
{
	uint64_t from = th->held_ns;

	if (th->state != SCHED_WAITS || rec->t_ns <= th->since_ns || rec->t_ns <= from)
		return;
	if (from <= th->since_ns) { /* of an earlier wait */
		from = th->since_ns;
		th->longest_ns = 0;
	}
	th->held_ns = rec->t_ns;
	if (rec->t_ns - from <= th->longest_ns)
		return;
	th->longest_ns = rec->t_ns - from;
	th->longest_by = rec->other;
}

static void run(struct vnx_sched *s, struct sched_thread *th, const struct vnx_sched_rec *rec)
{
	bool waited = th->state == SCHED_WAITS;

	held(th, rec);
	if (waited && rec->t_ns > th->since_ns)
		add_hold(s, th, th->longest_by, th->since_ns, rec->t_ns);
	settle(s, th,
	       waited                      ? SCHED_WAITS
	       : th->state == SCHED_SLEEPS ? SCHED_OFF
					   : SCHED_UNKNOWN,
	       rec->t_ns);
	/* Two buffers of a trace.dat may have the same switch. */
	if (th->state != SCHED_RUNS)
		row_of(s, th, (rec->t_ns + s->shift_ns) / s->bin_ns)->turns++;
	th->state = SCHED_RUNS;
}

/* Nothing was known of it: then it has run since something could have been. */
static void leave(struct vnx_sched *s, struct sched_thread *th, const struct vnx_sched_rec *rec)
{
	bool ran = th->state == SCHED_RUNS || th->state == SCHED_UNKNOWN;

	settle(s, th, ran ? SCHED_RUNS : SCHED_UNKNOWN, rec->t_ns);
	th->state = rec->kind == VNX_SCHED_READY  ? SCHED_WAITS
		    : rec->kind == VNX_SCHED_EXIT ? SCHED_GONE
						  : SCHED_SLEEPS;
}

static void forget(struct sched_thread *th, uint64_t t_ns)
{
	th->state = SCHED_UNKNOWN;
	if (t_ns > th->since_ns)
		th->since_ns = t_ns;
}

/* Up to here events were lost: the bins of that are missing anyhow, those before are whole. */
static void forget_all(struct vnx_sched *s, uint64_t t_ns)
{
	for (size_t i = 0; i < s->table_size; i++) {
		if (!s->table[i])
			continue;
		settle(s, s->table[i], s->table[i]->state, t_ns);
		forget(s->table[i], t_ns);
	}
	if (t_ns > s->known_ns)
		s->known_ns = t_ns;
}

static void apply(struct vnx_sched *s, const struct vnx_sched_rec *rec)
{
	struct sched_thread *th = rec->kind == VNX_SCHED_GAP ? NULL : thread_of(s, rec->tid);

	if (rec->kind == VNX_SCHED_GAP)
		forget_all(s, rec->t_ns);
	else if (th && rec->kind == VNX_SCHED_HELD)
		held(th, rec);
	else if (th && rec->t_ns < s->folded_ns) /* later than the reader had promised */
		forget(th, s->folded_ns);
	else if (th && (rec->kind == VNX_SCHED_WAKE || rec->kind == VNX_SCHED_NEW))
		wake(s, th, rec);
	else if (th && rec->kind == VNX_SCHED_RUN)
		run(s, th, rec);
	else if (th)
		leave(s, th, rec);
}

/* ---- batches ---- */

static int by_time(const void *a, const void *b)
{
	const struct vnx_sched_rec *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	/* A gap ends where the first event after it is. */
	if ((x->kind == VNX_SCHED_GAP) != (y->kind == VNX_SCHED_GAP))
		return x->kind == VNX_SCHED_GAP ? -1 : 1;
	if (x->batch != y->batch)
		return x->batch < y->batch ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void sort_recs(struct vnx_sched_rec *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (by_time(&v[i - 1], &v[i]) > 0) {
			qsort(v, n, sizeof(*v), by_time);
			return;
		}
}

static size_t pending(const struct vnx_sched *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->batches.n; i++)
		n += s->batches.v[i].recs.n - s->batches.v[i].at;
	return n;
}

static int keep_batch(struct vnx_sched *s, struct vnx_sched_batch *b, uint32_t number)
{
	struct sched_batch kept = { .recs = b->recs };

	if (b->first_ns && (!s->known_ns || b->first_ns < s->known_ns) && !s->begun)
		s->known_ns = b->first_ns;
	s->switched |= b->switched;
	s->woken |= b->woken;
	if (s->error || b->error || !b->recs.n) {
		s->error = s->error ? s->error : b->error;
		free(b->recs.v);
		*b = (struct vnx_sched_batch){ 0 };
		return s->error == -ENOMEM ? -ENOMEM : 0;
	}
	for (size_t i = 0; i < b->recs.n; i++) {
		b->recs.v[i].batch = number;
		b->recs.v[i].place = (uint32_t)i;
	}
	sort_recs(b->recs.v, b->recs.n);
	*b = (struct vnx_sched_batch){ 0 };
	if (vnx_vec_push(&s->batches, kept)) {
		free(kept.recs.v);
		return -ENOMEM;
	}
	if (pending(s) > PENDING_MAX)
		s->error = -E2BIG;
	return 0;
}

int vnx_trace_sched_take(struct vnx_trace *t, struct vnx_sched_batch *b, uint32_t number)
{
	int ret;

	pthread_mutex_lock(&t->sched->lock);
	ret = keep_batch(t->sched, b, number);
	pthread_mutex_unlock(&t->sched->lock);
	return ret;
}

/* Moves what happened before @until_ns to s->work; batches that are done with go. */
static int collect(struct vnx_sched *s, uint64_t until_ns)
{
	size_t kept = 0;
	int ret = 0;

	s->work.n = 0;
	for (size_t i = 0; i < s->batches.n; i++) {
		struct sched_batch *b = &s->batches.v[i];

		for (; b->at < b->recs.n && b->recs.v[b->at].t_ns < until_ns && !ret; b->at++)
			ret = vnx_vec_push(&s->work, b->recs.v[b->at]);
		if (b->at < b->recs.n)
			s->batches.v[kept++] = *b;
		else
			free(b->recs.v);
	}
	s->batches.n = kept;
	return ret;
}

static int fold(struct vnx_sched *s, uint64_t until_ns)
{
	int ret = collect(s, until_ns);

	if (ret)
		return ret;
	s->begun |= s->work.n > 0;
	sort_recs(s->work.v, s->work.n);
	for (size_t i = 0; i < s->work.n && !s->error; i++)
		apply(s, &s->work.v[i]);
	if (until_ns > s->folded_ns)
		s->folded_ns = until_ns;
	return s->error == -ENOMEM ? -ENOMEM : 0;
}

int vnx_trace_sched_until(struct vnx_trace *t, uint64_t until_ns)
{
	int ret = 0;

	pthread_mutex_lock(&t->sched->lock);
	if (until_ns > t->sched->folded_ns)
		ret = fold(t->sched, until_ns);
	pthread_mutex_unlock(&t->sched->lock);
	return ret;
}

/* ---- the whole ---- */

void vnx_trace_sched_begin(struct vnx_trace *t)
{
	t->sched->reads = true;
}

int vnx_trace_sched_lost(struct vnx_trace *t, uint64_t from_ns, uint64_t to_ns)
{
	struct vnx_sample s = { .t_ns = from_ns, .dur_ns = to_ns > from_ns ? to_ns - from_ns : 0 };
	int ret;

	pthread_mutex_lock(&t->sched->lock);
	ret = vnx_vec_push(&t->sched->lost, s);
	pthread_mutex_unlock(&t->sched->lock);
	return ret;
}

void vnx_trace_sched_refuse(struct vnx_trace *t, const char *why)
{
	pthread_mutex_lock(&t->sched->lock);
	if (!t->sched->why[0])
		snprintf(t->sched->why, sizeof(t->sched->why), "%s", why);
	pthread_mutex_unlock(&t->sched->lock);
}

/* The bin of its first event has a row already, unless nothing more is known of it. */
static void settle_early(struct vnx_sched *s, struct sched_thread *th)
{
	uint64_t from = th->early_ns > th->born_ns ? th->early_ns : th->born_ns;
	uint64_t first = th->first_ns + s->shift_ns, begin = first - first % s->bin_ns;
	struct sched_row *row = th->first_row ? &s->rows.v[th->first_row - 1] : NULL;

	if ((th->early != SCHED_SLEEPS && th->early != SCHED_RUNS) || from >= th->first_ns)
		return;
	begin = begin > from + s->shift_ns ? begin : from + s->shift_ns;
	if (row && row->bin == first / s->bin_ns && row->n == 1)
		add_time(row, th->early, first - begin);
	else
		begin = first;
	add_stretch(s, th, th->early, from, begin - s->shift_ns);
	flush_row(s, th);
}

void vnx_sched_finish(struct vnx_sched *s, uint64_t last_ns)
{
	for (size_t i = 0; i < s->table_size; i++) {
		struct sched_thread *th = s->table[i];

		if (!th)
			continue;
		settle(s, th, th->state, last_ns > INT64_MAX ? INT64_MAX : last_ns);
		flush_row(s, th);
		settle_early(s, th);
		flush_holds(s, th);
	}
}

struct vnx_sched *vnx_sched_new(uint64_t bin_ns, uint64_t shift_ns)
{
	struct vnx_sched *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->bin_ns = bin_ns;
	s->shift_ns = shift_ns;
	return s;
}

void vnx_sched_free(struct vnx_sched *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->batches.n; i++)
		free(s->batches.v[i].recs.v);
	for (size_t i = 0; i < s->table_size; i++)
		free(s->table[i]);
	free(s->table);
	free(s->batches.v);
	free(s->work.v);
	free(s->rows.v);
	free(s->holds.v);
	free(s->lost.v);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
