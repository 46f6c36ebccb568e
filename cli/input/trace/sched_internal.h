/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by trace_sched.c and trace_evidence.c only. */
#ifndef VNX_SCHED_INTERNAL_H
#define VNX_SCHED_INTERNAL_H

#include <pthread.h>

#include "cli/input/trace/trace_sched.h"

#define SCHED_HOLDERS 16 /* of one bin that are told apart at a time */

enum sched_state {
	SCHED_UNKNOWN,
	SCHED_SLEEPS,
	SCHED_WAITS, /* could run and has no CPU */
	SCHED_RUNS,
	SCHED_GONE, /* the number may come again */
	SCHED_OFF,  /* no wakeup tells when it ceased to sleep and began to wait */
};

/* @n bins from @bin on, each the same. Not all of a bin need be known. */
struct sched_row {
	uint64_t bin, known_ns, run_ns, wait_ns, off_ns; /* off_ns is not known_ns */
	uint32_t tid, n, turns;                          /* turns: times that it got a CPU */
};

struct sched_hold {
	uint32_t holder; /* tid */
	uint64_t ns;
};

struct sched_held {
	uint64_t bin, ns;
	uint32_t victim, holder; /* tids */
};

struct sched_thread {
	uint32_t tid;
	enum sched_state state;
	uint64_t since_ns;    /* what it did before is settled */
	struct sched_row row; /* of the bin at work */
	/*
	 * What its first event says of the time before is kept until the end: a kernel thread gets
	 * its name only after it is made, so whether it was there at all its VM has to tell.
	 */
	enum sched_state early;
	uint64_t early_ns, first_ns; /* from, to; first_ns 0: no event yet */
	uint64_t born_ns;            /* the first event of its VM */
	size_t first_row;            /* in rows, from 1; 0: none yet */
	/* of the wait at work: told of up to held_ns; in longest_ns of it that one had the CPU */
	uint64_t held_ns, longest_ns;
	uint32_t longest_by;
	uint64_t hold_bin;
	struct sched_hold holds[SCHED_HOLDERS];
	unsigned n_holds;
};

struct sched_batch {
	struct vnx_sched_recs recs;
	size_t at;
};

struct vnx_sched {
	pthread_mutex_t lock;
	uint64_t bin_ns, shift_ns;
	bool reads, switched, woken; /* the reader looks for switches; there are; and wakeups */
	int error;                   /* -ENOMEM, -E2BIG: nothing more is added up */
	char why[160];               /* not to be used, "" */
	bool begun;                  /* something is added up */
	uint64_t known_ns;           /* since when events of all CPUs are there, 0: not yet known */
	uint64_t folded_ns;          /* up to when they are added up */
	struct {
		struct sched_batch *v;
		size_t n, cap;
	} batches;
	struct vnx_sched_recs work;
	struct sched_thread **table; /* open addressing by tid */
	size_t n_threads, table_size;
	struct {
		struct sched_row *v;
		size_t n, cap;
	} rows;
	struct {
		struct sched_held *v;
		size_t n, cap;
	} holds;
	struct vnx_samples lost;
};

struct vnx_sched *vnx_sched_new(uint64_t bin_ns, uint64_t shift_ns);
void vnx_sched_free(struct vnx_sched *s);
/* All was taken: what threads did last they did up to @last_ns. */
void vnx_sched_finish(struct vnx_sched *s, uint64_t last_ns);

#endif
