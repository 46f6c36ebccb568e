/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters' memory as the kernel gives it to user space: mapped, so that a read takes no
 * system call but for events that were spilled.
 */
#ifndef VNX_COUNTERS_H
#define VNX_COUNTERS_H

#include "bpf/slots.h"

struct vnx_counters {
	struct vnx_slots slots;
	const struct vnx_tallies *tallies; /* mapped */
	int logs, spill;                   /* the maps' descriptors, the caller's */
	struct ring_buffer *log;
	size_t log_size;
	uint64_t sized_ns, openings;   /* when the log's size was last looked at, as of then */
	uint64_t spilled;              /* taken from the spill so far */
	uint64_t lost;                 /* by all hooks, in samples so far, besides slots.lost */
	uint64_t dropped[VNX_COUNTED]; /* of tallies.lost, in samples so far */
};

/* Descriptors of the maps of count.bpf.c, loaded; they stay the caller's. */
struct vnx_counter_maps {
	int heads, logs, spill, tallies;
};

/* How many heads this host's memory allows: a power of two. */
uint32_t vnx_counters_heads(void);
/* Maps @maps and makes a log for @threads. 0 or -errno; close() in either case. */
int vnx_counters_open(struct vnx_counters *c, const struct vnx_counter_maps *maps, uint32_t heads,
		      uint64_t bin_ns, unsigned threads) VNX_MUST_CHECK;
void vnx_counters_close(struct vnx_counters *c);
/*
 * As vnx_slots_begin() to end(), and what was spilled or lost; about once a second a larger
 * log where this one fills too fast. 0 or -ENOMEM.
 */
int vnx_counters_read(struct vnx_counters *c, const struct vnx_clock_pair *now, bool final,
		      struct vnx_samples *out) VNX_MUST_CHECK;
/*
 * @count calls of @metric were lost since the last read (an unknown number: 0), or
 * @refused by the kernel. -ENOMEM.
 */
int vnx_counters_lose(struct vnx_counters *c, enum vnx_metric metric, bool refused, uint64_t count,
		      struct vnx_samples *out) VNX_MUST_CHECK;

#endif
