/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by trace.c, trace_run.c, trace_vms.c, trace_jobs.c, trace_sched.c, trace_evidence.c only.
 */
#ifndef VNX_TRACE_INTERNAL_H
#define VNX_TRACE_INTERNAL_H

#include <pthread.h>

#include "bpf/ladder.h"
#include "cli/input/trace/trace.h"

/* One rung of the ladder, or an override. */
struct rung {
	enum vnx_metric metric;
	struct vnx_hook_spec spec;
	const struct vnx_unless *unless;
	const char *note;
};

struct rungs {
	struct rung *v;
	size_t n, cap;
};

/* An event of the trace that stands on a rung. */
struct source {
	unsigned rung;
	char hook[VNX_HOOK_LEN];
};

struct vnx_trace_thread {
	uint32_t tid, tgid;
	char comm[VNX_COMM_LEN];
};

struct vnx_trace_threads {
	struct vnx_trace_thread *v;
	size_t n, cap;
};

struct shards {
	struct vnx_trace_shard **v;
	size_t n, cap;
};

struct names {
	const char **v;
	size_t n, cap;
};

struct vnx_trace {
	const struct vnx_input *in;
	const struct vnx_reader_conf *conf;
	uint64_t shift_ns;
	struct rungs rungs;
	struct names functions, symbols;
	struct source sources[VNX_TRACE_SOURCES];
	unsigned n_sources;
	pthread_mutex_t lock; /* of all from here on */
	struct shards shards;
	struct vnx_trace_threads threads;
	struct vnx_samples lost;
	struct vnx_sched *sched; /* has a lock of its own */
	struct vnx_vms marked;   /* VMs that markers told of */
	bool has_realtime;       /* likewise, of a trace on the clock "mono" */
	int64_t realtime_minus_mono_ns;
	char warning[320];
	uint64_t warnings;
	uint64_t begun_ns, shown_ns, done; /* progress */
	bool shown;
	/* after vnx_trace_run() */
	struct vnx_samples samples;
	size_t at;
};

/* Of bin @i; the one that begins before the clock's zero begins there. */
static inline uint64_t vnx_trace_begin_of(const struct vnx_trace *t, uint64_t i)
{
	uint64_t shifted_ns = i * t->conf->bin_ns;

	return shifted_ns > t->shift_ns ? shifted_ns - t->shift_ns : 0;
}

/* Sorts the threads by tid, one row each. */
void vnx_trace_threads_merge(struct vnx_trace_threads *threads);
/* The row of @tid of a merged list, or NULL. */
const struct vnx_trace_thread *vnx_trace_threads_find(const struct vnx_trace_threads *threads,
						      uint32_t tid);
/* Fills @out with the VMs that @t->samples were counted in; samples and threads are merged. */
int vnx_trace_vms(struct vnx_trace *t, struct vnx_vms *out) VNX_MUST_CHECK;
/* Appends evidence to t->samples, where the losses are by now, and to @run; VMs are known. */
int vnx_trace_evidence(struct vnx_trace *t, uint64_t first_ns, uint64_t last_ns,
		       struct vnx_run *run) VNX_MUST_CHECK;
void vnx_trace_progress_end(struct vnx_trace *t);

#endif
