// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/slots.h"

/* A head and its ring as they were at one instant. */
struct snapshot {
	uint64_t key, total, n;
	struct vnx_ring ring;
};

#define SNAPSHOT_TRIES 64

enum vnx_metric vnx_slot_metric(uint64_t key)
{
	return (enum vnx_metric)((key >> VNX_KEY_METRIC_SHIFT) - 1);
}

/*
 * head.n changes once a bin and after the entry is written, so an unchanged n around the
 * copy means the copy is of one instant. Only the entry about to be overwritten can be torn;
 * read_slot() does not use it.
 */
static bool snapshot_take(const struct vnx_head *head, const struct vnx_ring *ring,
			  struct snapshot *s)
{
	for (int i = 0; i < SNAPSHOT_TRIES; i++) {
		s->n = __atomic_load_n(&head->n, __ATOMIC_ACQUIRE);
		s->key = __atomic_load_n(&head->key, __ATOMIC_RELAXED);
		memcpy(&s->ring, ring, sizeof(s->ring));
		s->total = __atomic_load_n(&head->total, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&head->n, __ATOMIC_RELAXED) == s->n)
			return true;
	}
	return false;
}

static int emit(struct vnx_slots *slots, struct vnx_samples *out, enum vnx_metric metric,
		uint32_t tid, uint64_t bin, uint64_t n_bins, uint64_t count)
{
	struct vnx_sample s = {
		.t_ns = slots->start_ns + bin * slots->bin_ns,
		.dur_ns = n_bins * slots->bin_ns,
		.count = count,
		.entity = tid,
		.metric = metric,
	};

	return vnx_vec_push(out, s);
}

/* Entries older than @oldest are gone: what they held is lost, unless it is all of one bin. */
static int skip_overwritten(struct vnx_slots *slots, struct vnx_slot_seen *seen,
			    const struct snapshot *s, enum vnx_metric metric, uint64_t oldest,
			    struct vnx_samples *out)
{
	const struct vnx_ring_entry *e = &s->ring.e[oldest % VNX_RING];
	uint64_t n = e->start - seen->total, from = seen->any ? seen->bin : 0;
	bool known = seen->any && seen->entry + 1 == oldest;
	int ret = 0;

	if (n && known)
		ret = emit(slots, out, metric, seen->tid, from, 1, n);
	else if (n)
		ret = emit(slots, out, VNX_LOST, e->tid, from, e->bin > from ? e->bin - from : 1,
			   n);
	if (ret)
		return ret;
	*(known ? &slots->events : &slots->lost) += n;
	seen->total = e->start;
	return 0;
}

static int read_slot(struct vnx_slots *slots, struct vnx_slot_seen *seen, const struct snapshot *s,
		     uint64_t now_ns, bool final, struct vnx_samples *out)
{
	uint64_t oldest = s->n >= VNX_RING ? s->n - VNX_RING + 1 : 0;
	uint64_t key = s->key ? s->key : seen->key, i = seen->any ? seen->entry : 0;
	enum vnx_metric metric = vnx_slot_metric(key);
	int ret;

	if (i < oldest) {
		ret = skip_overwritten(slots, seen, s, metric, oldest, out);
		if (ret)
			return ret;
		i = oldest;
	}
	for (; i < s->n; i++) {
		const struct vnx_ring_entry *e = &s->ring.e[i % VNX_RING];
		uint64_t end = i + 1 < s->n ? s->ring.e[(i + 1) % VNX_RING].start : s->total;

		if (!final && slots->start_ns + (e->bin + 1ull) * slots->bin_ns > now_ns)
			break;
		if (end > seen->total) {
			ret = emit(slots, out, metric, e->tid, e->bin, 1, end - seen->total);
			if (ret)
				return ret;
			slots->events += end - seen->total;
		}
		*seen = (struct vnx_slot_seen){ key, end, i, e->bin, e->tid, true, seen->gone };
	}
	return 0;
}

int vnx_slots_read(struct vnx_slots *slots, uint64_t now_ns, bool final, struct vnx_samples *out)
{
	struct snapshot s;

	for (size_t i = 0; i < slots->n; i++) {
		const struct vnx_head *head = &slots->heads[i];
		struct vnx_slot_seen *seen = &slots->seen[i];
		int ret;

		if (__atomic_load_n(&head->total, __ATOMIC_RELAXED) == seen->total)
			continue;
		if (!snapshot_take(head, &slots->rings[i], &s))
			continue; /* opens bins faster than we can copy: next time */
		ret = read_slot(slots, seen, &s, now_ns, final, out);
		if (ret)
			return ret;
	}
	return 0;
}

size_t vnx_slots_reclaim(struct vnx_slots *slots, bool (*is_gone)(uint32_t tid, void *arg),
			 void *arg)
{
	size_t freed = 0;

	for (size_t i = 0; i < slots->n; i++) {
		struct vnx_head *head = &slots->heads[i];
		struct vnx_slot_seen *seen = &slots->seen[i];
		uint64_t key = __atomic_load_n(&head->key, __ATOMIC_RELAXED);
		bool gone =
			key && seen->tid && seen->total == head->total && is_gone(seen->tid, arg);

		if (gone && seen->gone) {
			__atomic_store_n(&head->key, 0, __ATOMIC_RELEASE);
			freed++;
			gone = false;
		}
		seen->gone = gone;
	}
	return freed;
}
