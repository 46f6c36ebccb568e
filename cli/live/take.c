// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples into rings, by way of the series that a diagnosis uses, over the few bins that a
 * feed completes. Evidence that is read less often than every bin reaches far back: it goes a
 * lane of its own, taken seldom, so that what is read every bin is not sorted in again.
 */
#include "cli/live/model.h"

#include <math.h>

#include "bpf/clock.h"
#include "cli/pipeline/series.h"

#define REDO_NS (8 * VNX_NSEC_PER_SEC) /* a sample reaches back so far at most */
#define SLOW_EVERY_NS (2 * VNX_NSEC_PER_SEC)
#define TAKE_SHARE 500                     /* sorting in may take 1/500 of a core ... */
#define TAKE_MAX_NS (2 * VNX_NSEC_PER_SEC) /* ... unless the screen would be older than this */
#define HOLDS_MAX 65536

static float *ring_new(void)
{
	float *ring = malloc(VNX_LIVE_BINS * sizeof(*ring));

	for (size_t i = 0; ring && i < VNX_LIVE_BINS; i++)
		ring[i] = NAN;
	return ring;
}

static void ring_clear(float *ring, size_t from, size_t to)
{
	for (size_t b = from; ring && b < to; b++)
		ring[b % VNX_LIVE_BINS] = NAN;
}

void vnx_live_forget_calls(struct vnx_live_model *m, enum vnx_metric metric, uint64_t until_ns)
{
	size_t to =
		until_ns > m->facts.start_ns ? (until_ns - m->facts.start_ns) / m->facts.bin_ns : 0;

	if (to > m->bins || !until_ns)
		to = m->bins;
	for (size_t i = 0; i < m->vms.n; i++)
		ring_clear(m->vms.v[i]->ring[metric],
			   m->bins > VNX_LIVE_BINS ? m->bins - VNX_LIVE_BINS : 0, to);
}

/* New bins take the place of the oldest. */
static void advance(struct vnx_live_model *m, size_t to)
{
	size_t from = m->bins;

	if (to - from > VNX_LIVE_BINS)
		from = to - VNX_LIVE_BINS;
	for (int k = 0; k < VNX_METRIC_MAX; k++) {
		ring_clear(m->host[k], from, to);
		for (size_t i = 0; i < m->vms.n; i++)
			ring_clear(m->vms.v[i]->ring[k], from, to);
	}
	for (size_t i = 0; i < m->vms.n; i++)
		for (size_t j = 0; j < m->vms.v[i]->threads.n; j++)
			for (int k = 0; k < VNX_TIMES; k++)
				ring_clear(m->vms.v[i]->threads.v[j].ring[k], from, to);
	for (size_t b = from; b < to; b++)
		m->lost[b % VNX_LIVE_BINS] = false;
	m->bins = to;
}

/* What was measured stays where it is not measured better. */
static int put(float **ring, const double *x, size_t first, size_t n)
{
	for (size_t i = 0; x && i < n; i++) {
		if (isnan(x[i]))
			continue;
		if (!*ring)
			*ring = ring_new();
		if (!*ring)
			return -ENOMEM;
		(*ring)[(first + i) % VNX_LIVE_BINS] = (float)x[i];
	}
	return 0;
}

/* The tap's own bytes, both directions, in bit/s. */
static int put_throughput(struct vnx_live_model *m, struct vnx_live_vm *vm, size_t first, size_t n)
{
	const float *tx = vm->ring[VNX_TX_BYTES], *rx = vm->ring[VNX_RX_BYTES];

	for (size_t b = first; tx && rx && b < first + n; b++) {
		size_t at = b % VNX_LIVE_BINS;
		double bps = (tx[at] + rx[at]) * 8 / vnx_live_bin_s(m);

		if (put(&vm->ring[VNX_THROUGHPUT], &bps, b, 1))
			return -ENOMEM;
	}
	return 0;
}

static struct vnx_live_thread *thread_of(struct vnx_live_vm *vm, const struct vnx_thread_input *t)
{
	struct vnx_live_thread fresh = { .tid = t->tid, .worker = t->worker };

	for (size_t i = 0; i < vm->threads.n; i++)
		if (vm->threads.v[i].tid == t->tid)
			return &vm->threads.v[i];
	return vnx_vec_push(&vm->threads, fresh) ? NULL : &vm->threads.v[vm->threads.n - 1];
}

static int put_threads(const struct vnx_series_set *set, size_t i, struct vnx_live_vm *vm,
		       size_t first, size_t n)
{
	size_t n_threads;
	const struct vnx_thread_input *t = vnx_series_threads(set, i, &n_threads);

	for (size_t j = 0; j < n_threads; j++) {
		struct vnx_live_thread *lt = thread_of(vm, &t[j]);

		if (!lt)
			return -ENOMEM;
		lt->index = t[j].index;
		for (int k = 0; k < VNX_TIMES; k++)
			if (put(&lt->ring[k], t[j].x[k], first, n))
				return -ENOMEM;
	}
	return 0;
}

static int put_all(struct vnx_live_model *m, const struct vnx_series_set *set, size_t first,
		   size_t n, bool calls)
{
	const bool *lost = vnx_series_lost(set);
	int ret = 0;

	for (size_t i = 0; i < m->map_n && !ret; i++) {
		/* Silence is a zero for calls: only the lane that has them tells. */
		for (int k = calls ? 0 : VNX_VCPU_HALT + 1; k < VNX_METRIC_MAX && !ret; k++)
			ret = put(&m->map[i]->ring[k], vnx_series_get(set, i, k), first, n);
		if (!ret)
			ret = put_throughput(m, m->map[i], first, n);
		if (!ret)
			ret = put_threads(set, i, m->map[i], first, n);
	}
	for (int k = 0; k < VNX_METRIC_MAX && !ret; k++)
		if (vnx_metric_info(k)->owner == VNX_OF_HOST)
			ret = put(&m->host[k], vnx_series_shared(set, k), first, n);
	for (size_t i = 0; i < n; i++)
		m->lost[(first + i) % VNX_LIVE_BINS] |= lost[i];
	return ret;
}

static uint64_t sample_end(const struct vnx_sample *s)
{
	return s->t_ns + s->dur_ns;
}

/* Bins from @first on, anew, from all of @lane that reaches into them. */
static int fill_bins(struct vnx_live_model *m, const struct vnx_seen *seen,
		     const struct vnx_samples *lane, size_t first)
{
	struct vnx_run run = { .facts = *seen->facts, .hooks = *seen->hooks, .vms = *seen->vms };
	struct vnx_grid grid = { .start_ns = m->facts.start_ns + first * m->facts.bin_ns,
				 .bin_ns = m->facts.bin_ns,
				 .n = m->bins - first };
	struct vnx_series_set *set;
	int ret = vnx_series_new(&set, &run, &grid);

	for (size_t i = 0; i < lane->n && !ret; i++)
		if (sample_end(&lane->v[i]) > grid.start_ns)
			ret = vnx_series_add(set, &lane->v[i]);
	if (!ret)
		ret = vnx_series_finish(set);
	if (!ret)
		ret = put_all(m, set, first, grid.n, lane == &m->fast);
	vnx_series_free(set);
	return ret;
}

static size_t redo_bins(const struct vnx_live_model *m)
{
	size_t n = (size_t)(REDO_NS / m->facts.bin_ns) + 2;

	return n < VNX_LIVE_BINS / 2 ? n : VNX_LIVE_BINS / 2;
}

static size_t bin_of(const struct vnx_live_model *m, uint64_t ns)
{
	return ns > m->facts.start_ns ? (ns - m->facts.start_ns) / m->facts.bin_ns : 0;
}

/* What ended before the bins that may still be filled anew is of no use. */
static void drop_old(struct vnx_live_model *m, struct vnx_samples *lane)
{
	size_t redo = redo_bins(m), keep = m->bins > redo ? m->bins - redo : 0, n = 0;
	uint64_t from_ns = m->facts.start_ns + keep * m->facts.bin_ns;

	for (size_t i = 0; i < lane->n; i++)
		if (sample_end(&lane->v[i]) > from_ns)
			lane->v[n++] = lane->v[i];
	lane->n = n;
}

/* *next: first bin that the samples taken in since the last time reach into. */
static int take_lane(struct vnx_live_model *m, const struct vnx_seen *seen,
		     struct vnx_samples *lane, size_t *next)
{
	size_t first = *next, redo = redo_bins(m);
	int ret = 0;

	if (m->bins > redo && first < m->bins - redo)
		first = m->bins - redo;
	if (first < m->bins)
		ret = fill_bins(m, seen, lane, first);
	*next = m->bins;
	drop_old(m, lane);
	return ret;
}

static int sort_samples(struct vnx_live_model *m, const struct vnx_samples *in)
{
	uint64_t slow_ns = m->facts.bin_ns * 8 / 5;
	int ret = 0;

	for (size_t i = 0; i < in->n && !ret; i++) {
		const struct vnx_sample *s = &in->v[i];
		bool slow = s->dur_ns > slow_ns && s->metric != VNX_LOST &&
			    !vnx_metric_is_call(s->metric);
		size_t *next = slow ? &m->slow_next : &m->fast_next, first = bin_of(m, s->t_ns);

		ret = vnx_vec_push(slow ? &m->slow : &m->fast, *s);
		*next = first < *next ? first : *next;
	}
	return ret;
}

static int keep_holds(struct vnx_live_model *m, const struct vnx_holds *in)
{
	uint64_t span_ns = VNX_LIVE_BINS * m->facts.bin_ns;
	uint64_t from_ns = m->now_ns > span_ns ? m->now_ns - span_ns : 0;
	size_t old = 0;
	int ret = 0;

	while (old < m->holds.n && (m->holds.v[old].t_ns < from_ns || m->holds.n - old > HOLDS_MAX))
		old++;
	/* Seldom, for all behind them move. */
	if (old > m->holds.n / 4) {
		memmove(m->holds.v, m->holds.v + old, (m->holds.n - old) * sizeof(*m->holds.v));
		m->holds.n -= old;
	}
	for (size_t i = 0; i < in->n && !ret; i++)
		ret = vnx_vec_push(&m->holds, in->v[i]);
	return ret;
}

int vnx_live_take(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	uint64_t begun_ns = vnx_clock_thread_cpu(), pause_ns;
	int ret = sort_samples(m, seen->samples);

	if (!ret)
		ret = keep_holds(m, seen->holds);
	if (ret || (m->now_ns < m->next_take_ns && !seen->facts->finished))
		return ret;
	if (bin_of(m, seen->facts->end_ns) > m->bins)
		advance(m, bin_of(m, seen->facts->end_ns));
	ret = take_lane(m, seen, &m->fast, &m->fast_next);
	if (!ret && m->slow.n && (m->bins - m->slow_next) * m->facts.bin_ns >= SLOW_EVERY_NS)
		ret = take_lane(m, seen, &m->slow, &m->slow_next);
	pause_ns = (vnx_clock_thread_cpu() - begun_ns) * TAKE_SHARE;
	if (isfinite(m->conf.share))
		m->next_take_ns = m->now_ns + (pause_ns < TAKE_MAX_NS ? pause_ns : TAKE_MAX_NS);
	return ret;
}
