// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/slots.h"

#define EDGE_SHARE 20 /* an edge off by this part of a bin changes no bin by more */

static uint64_t bin_start(const struct vnx_slots *slots, uint64_t t_ns)
{
	uint64_t since_ns = t_ns > slots->start_ns ? t_ns - slots->start_ns : 0;

	return slots->start_ns + since_ns - since_ns % slots->bin_ns;
}

static uint64_t tolerance_ns(const struct vnx_slots *slots)
{
	return slots->tick_ns + (slots->now.after_ns - slots->now.mono_ns) +
	       slots->bin_ns / EDGE_SHARE;
}

static int emit(struct vnx_slots *slots, enum vnx_metric metric, uint32_t tid, uint64_t from_ns,
		uint64_t to_ns, uint64_t count)
{
	struct vnx_sample s = {
		.t_ns = from_ns,
		.dur_ns = to_ns > from_ns ? to_ns - from_ns : 1,
		.count = count,
		.entity = tid,
		.metric = metric,
	};

	return vnx_vec_push(slots->out, s);
}

/* The clock reached @edge before @t_ns, when it stood at @clock; without catching up, then. */
static uint64_t reached_before(const struct vnx_slots *slots, uint64_t edge, uint64_t clock,
			       uint64_t t_ns)
{
	uint64_t after_ns = (clock - edge) * slots->tick_ns;

	return t_ns > after_ns ? t_ns - after_ns : 0;
}

/* No event of the bin in @seen is later than this. @next: the opening after it, or NULL. */
static uint64_t last_event_ns(const struct vnx_slots *slots, const struct vnx_slot_seen *seen,
			      const struct vnx_opening *next)
{
	const struct vnx_clock_pair *now = &slots->now;
	uint64_t edge = seen->last.edge, known_ns = next ? next->t_ns : now->after_ns;
	uint64_t ns = known_ns;

	if (next && next->clock >= edge)
		ns = reached_before(slots, edge, next->clock, next->t_ns);
	/* A look before the edge, however late, tells nothing of what came until @next. */
	if (now->jiffies >= edge) {
		uint64_t by_now_ns = reached_before(slots, edge, now->jiffies, now->after_ns);

		known_ns = now->after_ns < known_ns ? now->after_ns : known_ns;
		ns = by_now_ns < ns ? by_now_ns : ns;
	}
	/* Not reached at the last look: it did catch up. */
	if (slots->was.jiffies < edge && ns < slots->was.mono_ns)
		ns = known_ns;
	return ns;
}

/* @count more of the bin in @seen, of which none is later than @last_ns. */
static int emit_bin(struct vnx_slots *slots, const struct vnx_slot_seen *seen, uint64_t last_ns,
		    uint64_t count)
{
	const struct vnx_opening *o = &seen->last;
	uint64_t from_ns = bin_start(slots, o->t_ns), end_ns = from_ns + slots->bin_ns;
	uint64_t late_ns = last_ns > end_ns ? last_ns - end_ns : 0;

	slots->events += count;
	if (!seen->from_ns && late_ns <= tolerance_ns(slots)) {
		if (late_ns > slots->edge_error_ns)
			slots->edge_error_ns = late_ns;
		return emit(slots, o->metric, o->tid, from_ns, end_ns, count);
	}
	slots->bent++;
	if (late_ns > slots->bent_ns)
		slots->bent_ns = late_ns;
	return emit(slots, o->metric, o->tid, seen->from_ns ? seen->from_ns : o->t_ns, last_ns,
		    count);
}

/* @count of bins whose openings found no room in the log: where in the interval is not known. */
static int emit_unsplit(struct vnx_slots *slots, const struct vnx_slot_seen *seen,
			const struct vnx_opening *owner, uint64_t to_ns, uint64_t count)
{
	uint64_t from_ns = seen->from_ns ? seen->from_ns : seen->last.t_ns;

	slots->events += count;
	return emit(slots, owner->metric, owner->tid, from_ns, to_ns, count);
}

static int activate(struct vnx_slots *slots, uint32_t slot)
{
	struct vnx_slot_seen *seen = &slots->seen[slot];

	if (seen->active)
		return 0;
	if (vnx_vec_push(&slots->active, slot))
		return -ENOMEM;
	seen->active = true;
	/* Openings of which there is no trace are later than this. */
	seen->from_ns = slots->whole_ns ? slots->whole_ns : slots->start_ns;
	return 0;
}

void vnx_slots_begin(struct vnx_slots *slots, const struct vnx_clock_pair *now,
		     struct vnx_samples *out)
{
	slots->was = slots->now.mono_ns ? slots->now : *now;
	slots->now = *now;
	slots->out = out;
}

int vnx_slots_take(struct vnx_slots *slots, const struct vnx_opening *o)
{
	struct vnx_slot_seen *seen = &slots->seen[o->slot];
	uint64_t count = o->start - seen->total;
	int ret = activate(slots, o->slot);

	slots->openings++;
	/* Logged late, after its bin was handed out for want of it. */
	if (seen->any && (int32_t)(o->nth - seen->last.nth) <= 0)
		return ret;
	if (!ret && count && seen->any && o->nth == seen->last.nth + 1)
		ret = emit_bin(slots, seen, last_event_ns(slots, seen, o), count);
	else if (!ret && count)
		ret = emit_unsplit(slots, seen, seen->any ? &seen->last : o, o->t_ns, count);
	if (ret)
		return ret;
	seen->last = *o;
	seen->any = true;
	seen->total = o->start;
	seen->from_ns = 0;
	return 0;
}

/* The head is ahead of the log: its opening is on its way, or there was no room for it. */
static int read_unlogged(struct vnx_slots *slots, struct vnx_slot_seen *seen,
			 const struct vnx_head *head, uint64_t total, uint32_t opened, bool final)
{
	uint64_t count = total - seen->total, now_ns = slots->now.mono_ns;
	int ret;

	if (!final && (seen->stuck != opened || !seen->any)) {
		seen->stuck = opened;
		return 0;
	}
	if (!count)
		return 0;
	if (seen->any) {
		ret = emit_unsplit(slots, seen, &seen->last, now_ns, count);
	} else {
		slots->lost += count;
		ret = emit(slots, VNX_LOST, VNX_LOST_OF((head->key >> VNX_KEY_METRIC_SHIFT) - 1),
			   seen->from_ns, now_ns, count);
	}
	if (ret)
		return ret;
	/* What comes of the open bin from now on has a true beginning again. */
	seen->last.nth = opened;
	seen->last.t_ns = now_ns;
	seen->last.edge = __atomic_load_n(&head->edge, __ATOMIC_RELAXED);
	seen->from_ns = 0;
	seen->total = total;
	return 0;
}

static int read_head(struct vnx_slots *slots, uint32_t slot, bool final)
{
	const struct vnx_head *head = &slots->heads[slot];
	struct vnx_slot_seen *seen = &slots->seen[slot];
	uint64_t total = __atomic_load_n(&head->total, __ATOMIC_ACQUIRE), now_ns;
	uint32_t opened = __atomic_load_n(&head->opened, __ATOMIC_ACQUIRE);
	bool over = slots->now.jiffies >= seen->last.edge;
	int ret;

	if (!seen->any || opened != seen->last.nth)
		return read_unlogged(slots, seen, head, total, opened, final);
	if (total == seen->total)
		return 0;
	now_ns = slots->now.mono_ns;
	if (!over && !final &&
	    now_ns <= bin_start(slots, seen->last.t_ns) + slots->bin_ns + tolerance_ns(slots))
		return 0;
	/* A clock that stands does not keep back what was counted: it goes out read by read. */
	ret = emit_bin(slots, seen, over ? last_event_ns(slots, seen, NULL) : now_ns,
		       total - seen->total);
	if (ret)
		return ret;
	seen->total = total;
	if (!over)
		seen->from_ns = now_ns;
	return 0;
}

/* Heads of which no opening was logged yet. */
static int find_unlogged(struct vnx_slots *slots)
{
	uint64_t unlogged = __atomic_load_n(&slots->tallies->unlogged, __ATOMIC_ACQUIRE);

	for (size_t i = 0; unlogged != slots->unlogged && i < slots->n; i++) {
		if (slots->seen[i].active ||
		    !__atomic_load_n(&slots->heads[i].key, __ATOMIC_ACQUIRE))
			continue;
		if (activate(slots, (uint32_t)i))
			return -ENOMEM;
	}
	slots->unlogged = unlogged;
	slots->whole_ns = slots->now.mono_ns;
	return 0;
}

int vnx_slots_end(struct vnx_slots *slots, bool final)
{
	int ret = find_unlogged(slots);

	for (size_t i = 0; i < slots->active.n && !ret; i++)
		ret = read_head(slots, slots->active.v[i], final);
	return ret;
}

/* False: the place is free to claim again. */
static bool keep_head(struct vnx_slots *slots, uint32_t slot,
		      bool (*is_gone)(uint32_t tid, void *arg), void *arg, size_t *freed)
{
	struct vnx_head *head = &slots->heads[slot];
	struct vnx_slot_seen *seen = &slots->seen[slot];
	bool all = seen->any && __atomic_load_n(&head->total, __ATOMIC_ACQUIRE) == seen->total &&
		   __atomic_load_n(&head->opened, __ATOMIC_ACQUIRE) == seen->last.nth;
	bool gone = all && seen->last.tid && !seen->freed && is_gone(seen->last.tid, arg);

	if (seen->freed && all) {
		*seen = (struct vnx_slot_seen){ .total = seen->total };
		__atomic_store_n(&head->claim, 0, __ATOMIC_RELEASE);
		return false;
	}
	if (gone && seen->gone) {
		__atomic_store_n(&head->key, 0, __ATOMIC_RELEASE);
		seen->freed = true;
		++*freed;
	}
	seen->gone = gone;
	return true;
}

/*
 * Places that two claimed at once, so that neither took it. Those that look so at two calls in a
 * row: at the first, one of the two may be about to put its key there.
 */
static void free_wasted(struct vnx_slots *slots)
{
	uint64_t contested = __atomic_load_n(&slots->tallies->contested, __ATOMIC_ACQUIRE);
	bool fresh = contested != slots->contested;

	for (size_t i = 0; (fresh || slots->wasted) && i < slots->n; i++) {
		struct vnx_head *head = &slots->heads[i];
		struct vnx_slot_seen *seen = &slots->seen[i];
		bool wasted = !seen->active && !__atomic_load_n(&head->key, __ATOMIC_ACQUIRE) &&
			      __atomic_load_n(&head->claim, __ATOMIC_RELAXED) > 1;

		if (wasted && seen->wasted)
			__atomic_store_n(&head->claim, 0, __ATOMIC_RELEASE);
		seen->wasted = wasted && !seen->wasted;
	}
	slots->wasted = fresh;
	slots->contested = contested;
}

size_t vnx_slots_reclaim(struct vnx_slots *slots, bool (*is_gone)(uint32_t tid, void *arg),
			 void *arg)
{
	size_t freed = 0, kept = 0;

	free_wasted(slots);
	for (size_t i = 0; i < slots->active.n; i++)
		if (keep_head(slots, slots->active.v[i], is_gone, arg, &freed))
			slots->active.v[kept++] = slots->active.v[i];
	slots->active.n = kept;
	return freed;
}

void vnx_slots_fini(struct vnx_slots *slots)
{
	free(slots->active.v);
	slots->active.v = NULL;
	slots->active.n = slots->active.cap = 0;
}
