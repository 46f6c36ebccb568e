/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the counting programs (bpf/count.bpf.c) and the reader of their maps (bpf/slots.c)
 * share: a head per (thread, metric), which is all that the hot path touches, and a log to
 * which each opening of a bin goes.
 *
 * A head has one writer, its owner, and head.total only grows. Opening a bin numbers it
 * (head.opened) and logs {which, by whom, when, total so far}; only then the total moves on.
 * What was counted in a bin is the difference between its record and the next one, or the
 * total while head.opened is still that bin's number. The reader subtracts; nothing is ever
 * cleared, so a read can neither lose nor race with a count. A record that found no room in
 * the log leaves a gap in the numbers: then the sum over the bins is known, not their parts.
 * The log is a BPF ring buffer: records of one head come in order (its lock), and whole (its
 * commit is a full barrier, which also keeps head.opened before the total).
 *
 * Nothing here needs an atomic that answers, which x86 has for BPF from 5.12 on only. A
 * place is claimed by adding 1 to head.claim and looking: who sees 1 owns it. Two who come
 * at once may both see 2; then the place stays empty until the reader frees it, and both go
 * on to their next one. The reader frees the place of a thread that is gone in two steps a
 * second apart, first the key and then the claim, so that a count on its way meets no owner.
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

#define VNX_PROBES 16 /* places tried from the thread's own on; then the event is spilled */
#define VNX_COUNTED 4 /* metrics that programs count: the first four of enum vnx_metric */

/*
 * Key of a head: who counts, and what. "Who" is the kernel stack the program runs on, as
 * asking for the thread id takes a call that costs more than all the rest; the id is asked
 * for once a bin and stands in the log. A thread that dies and whose stack goes to another
 * one that runs the same function may hence give that one its name until the bin's end.
 * Where a stack does not tell, or may be an interrupt's, it is the id after all
 * (vnx_count_conf.by_tid).
 */
#define VNX_KEY_METRIC_SHIFT 60
#define VNX_KEY_METRIC(metric) ((vnx_u64)((metric) + 1) << VNX_KEY_METRIC_SHIFT)
/* Kernel stacks of all 64-bit architectures are at least so large, and aligned to it. */
#define VNX_STACK_SHIFT 14

/* Two to a cache line: a thread's two metrics are neighbours. */
struct vnx_head {
	vnx_u64 key;    /* 0: no owner */
	vnx_u64 edge;   /* clock value from which on the open bin is over */
	vnx_u64 total;  /* events counted, all bins */
	vnx_u32 opened; /* bins ever opened: number of the open one */
	vnx_u32 claim;  /* 0: free to claim */
};

struct vnx_opening {
	vnx_u32 slot;   /* which head */
	vnx_u32 nth;    /* its head.opened */
	vnx_u32 metric; /* enum vnx_metric */
	vnx_u32 tid;    /* 0: the idle thread of some CPU */
	vnx_u64 t_ns;   /* CLOCK_MONOTONIC of the bin's first event */
	vnx_u64 clock;  /* the bins' clock at that time */
	vnx_u64 edge;   /* head.edge */
	vnx_u64 start;  /* head.total before that event */
};

/* Events of threads that found no head: exact, but a call and a hash each. */
struct vnx_spill_key {
	vnx_u32 tid;
	vnx_u32 metric;
	vnx_u64 bin;
};

/* How often what is out of the ordinary happened. */
struct vnx_tallies {
	vnx_u64 lost[VNX_COUNTED]; /* events for which no memory was left, by metric */
	vnx_u64 unlogged;          /* openings for which the log had no room */
	vnx_u64 spilled;           /* events that went to the spill */
	vnx_u64 contested;         /* places that two claimed at once */
};

/* Clock of the bins, constants of a program when it is loaded. */
struct vnx_count_conf {
	vnx_u64 start_ns; /* CLOCK_MONOTONIC at which bin 0 starts */
	vnx_u64 tick_ns;  /* length of one unit of the clock: TICK_NSEC, or 1 for ktime */
	vnx_u64 bin_ns;
	vnx_u32 slot_mask; /* number of heads less one */
	vnx_u32 use_ktime; /* 1: bpf_ktime_get_ns() instead of jiffies */
	vnx_u32 by_tid;    /* 1: a head's key has the thread's id instead of its stack */
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
