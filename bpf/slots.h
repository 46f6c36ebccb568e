/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the counters' memory (bpf/count.h) to samples. Works on any memory of that shape,
 * so that it is tested without a kernel.
 */
#ifndef VNX_SLOTS_H
#define VNX_SLOTS_H

#include "analysis/sample.h"
#include "bpf/count.h"

/* What the reader remembers of a slot. All zero at the start. */
struct vnx_slot_seen {
	uint64_t key;   /* last owner, kept after the slot was freed */
	uint64_t total; /* events handed out or declared lost */
	uint64_t entry; /* ring entry up to which ... */
	uint32_t bin;   /* ... its bin ... */
	uint32_t tid;   /* ... and thread */
	bool any;       /* entry, bin and tid are valid */
	bool gone;      /* the owner was gone at the last vnx_slots_reclaim() */
};

struct vnx_slots {
	struct vnx_head *heads; /* written only by vnx_slots_reclaim() */
	const struct vnx_ring *rings;
	struct vnx_slot_seen *seen;
	size_t n;
	uint64_t start_ns; /* where bin 0 starts */
	uint64_t bin_ns;
	uint64_t events; /* handed out so far */
	uint64_t lost;   /* overwritten before they were read, so far */
};

/*
 * Appends what was counted since the last call: one sample per slot and bin. Bins that end
 * after @now_ns stay unless @final. Events whose bin was overwritten become a VNX_LOST
 * sample over the stretch they are from. 0 or -ENOMEM; nothing is handed out twice or
 * skipped after a failure.
 */
int vnx_slots_read(struct vnx_slots *slots, uint64_t now_ns, bool final,
		   struct vnx_samples *out) VNX_MUST_CHECK;

/*
 * Frees slots whose counts were all handed out and whose thread is_gone() at two calls in a
 * row. Returns the number freed. A thread that was not gone after all claims a slot anew.
 */
size_t vnx_slots_reclaim(struct vnx_slots *slots, bool (*is_gone)(uint32_t tid, void *arg),
			 void *arg);

enum vnx_metric vnx_slot_metric(uint64_t key); /* of a key that is not 0 */

#endif
