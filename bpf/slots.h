/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the counters' memory (bpf/count.h) to samples. Works on any memory of that shape,
 * so that it is tested without a kernel.
 *
 * Where a bin begins is exact: its first event asked for the time. It ends when the clock
 * (jiffies) reaches the edge, which may be late. That moment lies after the last look at both
 * clocks that was before the edge, and before the next look and the next bin's first event.
 * Within these limits ticks are taken to follow each other by at least a tick, unless the
 * looks show that the clock caught up; then only the later limit is known. Where an edge may
 * have been late by more than a tick, the look's own width and a twentieth of a bin (5 % is
 * the smallest change ever reported), the sample covers the interval its events are from;
 * otherwise it has the bin's nominal edges.
 *
 * A clock that stops over an edge and catches up again is seen by the next look, 20 ms after
 * each edge in a recording. Only a look that is late itself can miss it, and then only where
 * the clock was right again before: such a bin holds events of the one after it, unnoticed.
 */
#ifndef VNX_SLOTS_H
#define VNX_SLOTS_H

#include "analysis/sample.h"
#include "bpf/count.h"

/* What the reader remembers of a head. All zero at the start. */
struct vnx_slot_seen {
	struct vnx_opening last; /* of the bin that is open, as far as the log has it */
	uint64_t total;          /* events handed out */
	uint64_t from_ns;        /* handed out up to here, true time; 0: up to the last opening */
	uint32_t stuck;          /* head.opened when it was ahead of the log at the last read */
	bool active;             /* in vnx_slots.active */
	bool any;                /* last is valid */
	bool gone;               /* the owner was gone at the last vnx_slots_reclaim() */
	bool freed;              /* the key was taken at the last vnx_slots_reclaim() */
	bool wasted;             /* two had claimed it, and neither had it, at the last one */
};

struct vnx_slots {
	struct vnx_head *heads; /* written only by vnx_slots_reclaim() */
	const struct vnx_tallies *tallies;
	struct vnx_slot_seen *seen; /* n, the caller's */
	size_t n;
	struct {
		uint32_t *v;
		size_t n, cap;
	} active;          /* heads that opened a bin and are not free again */
	uint64_t start_ns; /* where bin 0 starts */
	uint64_t bin_ns;
	uint64_t tick_ns;               /* of the bins' clock */
	struct vnx_clock_pair was, now; /* both clocks at the last read and at this one */
	uint64_t whole_ns;              /* every opening before this was logged */
	uint64_t unlogged, contested;   /* tallies seen */
	bool wasted;                    /* places were contested before the last reclaim */
	uint64_t events;                /* handed out so far */
	uint64_t lost;                  /* of a thread that is not known, so far */
	uint64_t openings;              /* taken so far */
	uint64_t edge_error_ns;  /* edges of samples that have nominal ones: late by at most this */
	uint64_t bent, bent_ns;  /* samples with true edges, and how late at most theirs came */
	struct vnx_samples *out; /* of the read that is going on */
};

/*
 * A read: begin() with a look at both clocks, take() for each opening in the log, end().
 * Appends to @out what was counted since the last read: a sample per thread, metric and bin.
 * Bins that are not over stay for later unless @final. Events that fit no single bin (the log
 * had no room, the clock stood) are one sample over their interval; those of an unknown
 * thread are lost, of their metric. 0 or -ENOMEM; nothing is handed out twice or skipped
 * after a failure.
 */
void vnx_slots_begin(struct vnx_slots *slots, const struct vnx_clock_pair *now,
		     struct vnx_samples *out);
int vnx_slots_take(struct vnx_slots *slots, const struct vnx_opening *o) VNX_MUST_CHECK;
int vnx_slots_end(struct vnx_slots *slots, bool final) VNX_MUST_CHECK;

/*
 * Frees heads whose counts were all handed out and whose thread is_gone() at two calls in a
 * row; they can be claimed from the third on. Returns the number freed. A thread that was not
 * gone after all claims a head anew.
 */
size_t vnx_slots_reclaim(struct vnx_slots *slots, bool (*is_gone)(uint32_t tid, void *arg),
			 void *arg);
void vnx_slots_fini(struct vnx_slots *slots);

#endif
