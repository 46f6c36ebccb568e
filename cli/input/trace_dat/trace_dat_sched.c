// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches and wakeups of a trace.dat. Its parts are decoded in order of their first times, so
 * that what is done with grows from the trace's start on.
 */
#include <pthread.h>

#include "cli/input/trace_dat/trace_dat.h"

struct dat_sched {
	const struct dat *d;
	struct dat_part *parts;
	size_t n;
	size_t *order; /* of the parts: a job each */
	pthread_mutex_t lock;
	size_t next; /* all jobs before it are done */
	bool has[DAT_BUFFERS];
};

/* A damaged stamp that comes too early has more kept for longer; too late ones are passed over. */
static void read_stamps(struct dat_sched *s)
{
	for (size_t i = s->n; i-- > 0;) {
		struct dat_part *p = &s->parts[i], *after = p + 1;
		struct dat_stream st = { 0 };
		uint64_t stamp;

		p->stamp_ns = UINT64_MAX;
		if (!dat_part_open(&st, s->d, p) && !dat_stream_get64(&st, &stamp))
			p->stamp_ns = dat_time(s->d, stamp);
		dat_stream_close(&st);
		if (i + 1 < s->n && after->buffer == p->buffer && after->cpu == p->cpu &&
		    after->stamp_ns < p->stamp_ns)
			p->stamp_ns = after->stamp_ns;
	}
}

static int by_stamp(const void *a, const void *b, void *parts)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct dat_part *v = parts;

	if (v[x].stamp_ns != v[y].stamp_ns)
		return v[x].stamp_ns < v[y].stamp_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

int dat_sched_new(struct dat_sched **out, const struct dat *d, struct dat_part *parts, size_t n)
{
	struct dat_sched *s = calloc(1, sizeof(*s));

	*out = s;
	if (!s)
		return -ENOMEM;
	*s = (struct dat_sched){ .d = d, .parts = parts, .n = n };
	pthread_mutex_init(&s->lock, NULL);
	s->order = calloc(n + 1, sizeof(*s->order));
	if (!s->order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		s->order[i] = i;
	read_stamps(s);
	if (n)
		qsort_r(s->order, n, sizeof(*s->order), by_stamp, parts);
	return 0;
}

void dat_sched_free(struct dat_sched *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->order);
	free(s);
}

size_t dat_sched_job(const struct dat_sched *s, size_t job)
{
	return s->order[job];
}

bool dat_sched_has(const struct dat_sched *s, size_t buffer)
{
	return s && s->has[buffer];
}

/* The part before or after @i of the same CPU, if it is decoded. */
static const struct dat_part *neighbour(const struct dat_sched *s, size_t i, bool after)
{
	const struct dat_part *p = &s->parts[i], *other = after ? p + 1 : p - 1;

	if (after ? i + 1 == s->n : !i)
		return NULL;
	return other->done && other->buffer == p->buffer && other->cpu == p->cpu ? other : NULL;
}

/* What a part lost at its end it lost up to where the next one begins. */
static int take_gaps(struct dat_sched *s, size_t i)
{
	const struct dat_part *p = &s->parts[i], *before = neighbour(s, i, false),
			      *after = neighbour(s, i, true);
	struct vnx_sched_batch gaps = { 0 };

	if (before && before->cut && p->any)
		vnx_sched_add(&gaps, VNX_SCHED_GAP, p->first_ns, 0, 0);
	if (after && p->cut && after->any)
		vnx_sched_add(&gaps, VNX_SCHED_GAP, after->first_ns, 0, 0);
	return vnx_trace_sched_take(s->d->t, &gaps, (uint32_t)i);
}

static int fold(struct dat_sched *s)
{
	size_t was = s->next;

	while (s->next < s->n && s->parts[s->order[s->next]].done)
		s->next++;
	if (s->next == was)
		return 0;
	return vnx_trace_sched_until(s->d->t, s->next < s->n ? s->parts[s->order[s->next]].stamp_ns
							     : UINT64_MAX);
}

int dat_sched_done(struct dat_sched *s, struct dat_worker *w, size_t i)
{
	struct dat_part *p = &s->parts[i];
	int ret;

	pthread_mutex_lock(&s->lock);
	p->done = true;
	s->has[p->buffer] |= w->sched.first_ns != 0;
	ret = vnx_trace_sched_take(s->d->t, &w->sched, (uint32_t)i);
	if (!ret && !w->no_sched)
		ret = take_gaps(s, i);
	if (!ret)
		ret = fold(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}
