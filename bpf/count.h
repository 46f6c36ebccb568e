/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the counting programs (bpf/count.bpf.c) and the reader of their maps (bpf/slots.c)
 * share: one slot per (thread, metric), split into a head that the hot path touches and a
 * ring that is touched once a bin.
 *
 * A slot has one writer, its thread, so nothing is atomic but the claim. head.total only
 * grows. Opening a bin appends {bin, thread, total so far} to the ring and is the last time
 * that entry is written: what was counted in a bin is the difference between its entry and
 * the next one (or the total). The reader subtracts; nothing is ever cleared, so a read can
 * neither lose nor race with a count.
 */
#ifndef VNX_COUNT_H
#define VNX_COUNT_H

#ifndef __bpf__
#include <stdint.h>
typedef uint64_t vnx_u64;
typedef uint32_t vnx_u32;
#else
typedef unsigned long long vnx_u64;
typedef unsigned int vnx_u32;
#endif

#define VNX_RING 64u  /* bins with counts kept per slot; a power of two */
#define VNX_PROBES 16 /* slots tried from the thread's own on; then the event is dropped */
#define VNX_COUNTED 4 /* metrics that programs count: the first four of enum vnx_metric */
#define VNX_SLOTS_MIN 1024u

/*
 * Key of a slot: who counts, and what. "Who" is the kernel stack the program runs on, as
 * asking for the thread id takes a call that costs more than all the rest; the id is asked
 * for once a bin and stands in the ring. (Where a stack does not tell, it is the id after
 * all: vnx_count_conf.by_tid.) A thread that dies and whose stack goes to another one that
 * runs the same function may hence give that one its name until the bin's end.
 */
#define VNX_KEY_METRIC_SHIFT 60
#define VNX_KEY_METRIC(metric) ((vnx_u64)((metric) + 1) << VNX_KEY_METRIC_SHIFT)
/* Kernel stacks of all 64-bit architectures are at least so large, and aligned to it. */
#define VNX_STACK_SHIFT 14

/* One cache line. */
struct vnx_head {
	vnx_u64 key;   /* 0: free */
	vnx_u64 edge;  /* clock value from which on the open bin is over */
	vnx_u64 total; /* events counted, all bins */
	vnx_u64 n;     /* ring entries ever written */
	vnx_u64 pad[4];
};

struct vnx_ring_entry {
	vnx_u32 bin;
	vnx_u32 tid;   /* 0: the idle thread of some CPU */
	vnx_u64 start; /* head.total when the bin was opened */
};

struct vnx_ring {
	struct vnx_ring_entry e[VNX_RING];
};

/* Clock of the bins, constants of a program when it is loaded. */
struct vnx_count_conf {
	vnx_u64 origin;  /* clock value at which bin 0 starts */
	vnx_u64 tick_ns; /* length of one unit of the clock: TICK_NSEC, or 1 for ktime */
	vnx_u64 bin_ns;
	vnx_u32 slot_mask; /* number of slots less one */
	vnx_u32 use_ktime; /* 1: bpf_ktime_get_ns() instead of jiffies */
	vnx_u32 by_tid;    /* 1: a slot's key has the thread's id instead of its stack */
	vnx_u32 pad;
};

/* Jiffies, and CLOCK_MONOTONIC just before and just after they were read. */
struct vnx_clock_pair {
	vnx_u64 jiffies;
	vnx_u64 mono_ns;
	vnx_u64 after_ns;
};

/* What the calibration program answers. */
struct vnx_calibration {
	struct vnx_clock_pair clocks;
	vnx_u64 stack; /* the caller's, as in a key */
};

#endif
