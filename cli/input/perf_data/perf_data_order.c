// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be told in the order of the file only: between which moments events were lost.
 * perf drains its rings, one a CPU, in turns; a ring's records are in order, the file's are not.
 */
#include <inttypes.h>

#include "cli/input/perf_data/perf_data.h"

#define DAY_NS (86400 * VNX_NSEC_PER_SEC)

void vnx_perf_done_free(struct perf_done *done)
{
	if (!done)
		return;
	free(done->notes.v);
	free(done->sched.recs.v);
	free(done->cpus.v);
	free(done);
}

static int flush_loss(struct perf_data *pd, struct perf_loss *loss)
{
	int ret = 0;

	if (loss->count)
		ret = vnx_trace_lost(pd->trace, loss->from_ns, loss->to_ns, loss->count);
	loss->count = 0;
	return ret;
}

/* What threads did since they were last seen is not known any more. */
static int add_gap(struct perf_data *pd, uint64_t to_ns)
{
	struct vnx_sched_batch gap = { 0 };

	if (!pd->switches)
		return 0;
	vnx_sched_add(&gap, VNX_SCHED_GAP, to_ns, 0, 0);
	return vnx_trace_sched_take(pd->trace, &gap, (uint32_t)pd->next_done);
}

/* Losses in the same bins hide the same bins: they are kept as one. */
static int add_loss(struct perf_data *pd, uint32_t cpu, uint64_t from_ns, uint64_t to_ns,
		    uint64_t count)
{
	struct perf_loss *loss = &pd->loss[cpu < PERF_CPUS ? cpu : PERF_NO_CPU];
	uint64_t bin_ns = pd->conf->bin_ns;

	if (!count)
		return 0;
	if (add_gap(pd, to_ns))
		return -ENOMEM;
	if (from_ns > to_ns)
		from_ns = to_ns;
	if (loss->count && from_ns / bin_ns >= loss->from_ns / bin_ns &&
	    to_ns / bin_ns <= loss->to_ns / bin_ns) {
		loss->count = count > UINT64_MAX - loss->count ? UINT64_MAX : loss->count + count;
		return 0;
	}
	if (flush_loss(pd, loss))
		return -E2BIG;
	*loss = (struct perf_loss){ .from_ns = from_ns, .to_ns = to_ns, .count = count };
	return 0;
}

/* A count that no host reaches: the record is damaged, the loss is not. */
static uint64_t sane(uint64_t count)
{
	return count < (1ull << 48) ? count : 1;
}

static int settle_lost(struct perf_data *pd, const struct perf_note *n)
{
	uint64_t from_ns = n->from_ns;

	pd->lost_timed += sane(n->count);
	if (!from_ns && n->cpu < PERF_CPUS)
		from_ns = pd->cpu_ns[n->cpu];
	else if (!from_ns)
		from_ns = pd->whole_ns;
	return add_loss(pd, n->cpu, from_ns, n->to_ns, sane(n->count));
}

/* Only where it is an event that counts: perf throttles cycles on any busy host. */
static uint64_t *throttled(struct perf_data *pd, uint64_t id)
{
	struct perf_id *row = vnx_perf_id_find(pd, id);
	struct perf_attr *attr = row ? &pd->attrs.v[row->attr] : NULL;

	if (!attr && pd->attrs.n == 1)
		attr = pd->attrs.v;
	if (!attr || attr->use == PERF_USE_NOT || attr->use == PERF_USE_MARKER)
		return NULL;
	return row ? &row->throttled_ns : &attr->throttled_ns;
}

static int settle_throttle(struct perf_data *pd, const struct perf_note *n)
{
	uint64_t *since_ns = throttled(pd, n->id), from_ns;

	if (!since_ns)
		return 0;
	if (n->kind == PERF_NOTE_THROTTLE) {
		if (!*since_ns)
			*since_ns = n->from_ns;
		return 0;
	}
	from_ns = *since_ns;
	*since_ns = 0;
	return from_ns ? add_loss(pd, PERF_NO_CPU, from_ns, n->from_ns, 1) : 0;
}

static int settle_note(struct perf_data *pd, const struct perf_done *done,
		       const struct perf_note *n)
{
	switch (n->kind) {
	case PERF_NOTE_LOST:
		return settle_lost(pd, n);
	case PERF_NOTE_LOST_UNTIMED:
		pd->lost_untimed += sane(n->count);
		return 0;
	case PERF_NOTE_BAD:
		vnx_trace_warn(pd->trace, "%sat offset 0x%" PRIx64 ": %s: %" PRIu64 " left out",
			       done->packed ? "compressed record " : "", n->offset, n->why,
			       n->count);
		return add_loss(pd, PERF_NO_CPU, n->from_ns, n->to_ns, n->count);
	default:
		return settle_throttle(pd, n);
	}
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * When a round is finished, all that happened before the end of the round before it is in
 * the file (tools/perf/util/ordered-events.c relies on it).
 */
static void settle_rounds(struct perf_data *pd, const struct perf_done *done)
{
	if (done->rounds >= 2)
		pd->whole_ns = later(pd->max_ns, done->round_ns[0]);
	else if (done->rounds == 1)
		pd->whole_ns = pd->round_ns;
	if (done->rounds)
		pd->round_ns = later(pd->max_ns, done->round_ns[1]);
	pd->max_ns = later(pd->max_ns, done->max_ns);
}

static int settle(struct perf_data *pd, struct perf_done *done)
{
	int ret;

	for (size_t i = 0; i < done->notes.n; i++) {
		ret = settle_note(pd, done, &done->notes.v[i]);
		if (ret)
			return ret;
	}
	ret = vnx_trace_sched_take(pd->trace, &done->sched, (uint32_t)done->number);
	if (ret)
		return ret;
	settle_rounds(pd, done);
	for (size_t i = 0; i < done->cpus.n; i++)
		pd->cpu_ns[done->cpus.v[i].cpu] = done->cpus.v[i].t_ns;
	return done->rounds ? vnx_trace_sched_until(pd->trace, pd->whole_ns) : 0;
}

/**
 * vnx_perf_done() - takes @done over and settles all blocks whose turn has come.
 */
int vnx_perf_done(struct perf_data *pd, struct perf_done *done)
{
	struct perf_done **at = &pd->waiting;
	int ret = 0;

	pthread_mutex_lock(&pd->order);
	while (*at && (*at)->number < done->number)
		at = &(*at)->next;
	done->next = *at;
	*at = done;
	while (pd->waiting && pd->waiting->number == pd->next_done && !ret) {
		done = pd->waiting;
		pd->waiting = done->next;
		pd->next_done++;
		ret = settle(pd, done);
		vnx_perf_done_free(done);
	}
	pthread_mutex_unlock(&pd->order);
	return ret;
}

/* Rings that the file may be of: an event has an id on each. */
static uint32_t count_rings(const struct perf_data *pd)
{
	uint32_t most = 0;

	for (size_t i = 0; i < pd->attrs.n; i++)
		if (pd->attrs.v[i].n_ids > most)
			most = pd->attrs.v[i].n_ids;
	return most;
}

/*
 * A file that is cut has all up to here: by its rounds; or where it has records of all CPUs,
 * up to the last of the CPU that it was drained of first.
 */
static uint64_t whole_until(const struct perf_data *pd)
{
	uint64_t least_ns = UINT64_MAX;
	uint32_t seen = 0, rings = count_rings(pd);

	for (unsigned i = 0; i < PERF_CPUS; i++) {
		if (!pd->cpu_ns[i])
			continue;
		seen++;
		if (pd->cpu_ns[i] < least_ns)
			least_ns = pd->cpu_ns[i];
	}
	return rings && seen >= rings ? later(pd->whole_ns, least_ns) : pd->whole_ns;
}

/*
 * What perf counted as lost but no record of a ring told of was lost when the rings were
 * full for the last time.
 */
static int end_untold(struct perf_data *pd)
{
	if (pd->lost_untimed <= pd->lost_timed)
		return 0;
	return vnx_trace_lost(pd->trace, pd->whole_ns, UINT64_MAX,
			      pd->lost_untimed - pd->lost_timed);
}

static int end_throttles(struct perf_data *pd)
{
	int ret = 0;

	for (size_t i = 0; i < pd->ids.size && !ret; i++)
		if (pd->ids.v[i].throttled_ns)
			ret = vnx_trace_lost(pd->trace, pd->ids.v[i].throttled_ns, UINT64_MAX, 1);
	if (!ret && pd->attrs.n == 1 && pd->attrs.v[0].throttled_ns)
		ret = vnx_trace_lost(pd->trace, pd->attrs.v[0].throttled_ns, UINT64_MAX, 1);
	return ret;
}

/* What is missing of a damaged file reaches to where the file says that it ended. */
static void reach_end(struct perf_data *pd)
{
	if (pd->max_ns && pd->last_sample_ns > pd->max_ns &&
	    pd->last_sample_ns - pd->max_ns < DAY_NS)
		vnx_trace_seen(pd->workers[0].shard, pd->last_sample_ns);
}

int vnx_perf_order_end(struct perf_data *pd)
{
	struct perf_stream *st = &pd->stream;
	int ret = 0;

	for (unsigned i = 0; i <= PERF_CPUS && !ret; i++)
		ret = flush_loss(pd, &pd->loss[i]);
	if (!ret)
		ret = end_untold(pd);
	if (!ret)
		ret = end_throttles(pd);
	if (st->unknown)
		vnx_trace_warn(pd->trace,
			       "record of unknown type 0x%" PRIx64 " at offset 0x%" PRIx64
			       ": left out",
			       st->unknown_type, st->unknown_at);
	if (!ret && st->cut) {
		vnx_trace_warn(pd->trace, "it %s", st->why);
		reach_end(pd);
		ret = vnx_trace_lost(pd->trace, whole_until(pd), UINT64_MAX, 0);
	}
	return ret;
}
