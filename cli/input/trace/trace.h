/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the readers of raw traces share: a reader decodes events and counts those that matter
 * into shards, one a decoding thread; then vnx_trace_run() and vnx_trace_next() give what a
 * recording gives. Memory grows with bins and threads of the trace, not with its events.
 *
 * Which event feeds which metric is decided by the ladder of the live hooks (bpf/ladder.h).
 */
#ifndef VNX_TRACE_H
#define VNX_TRACE_H

#include <stdatomic.h>

#include "cli/input/reader.h"

#define VNX_TRACE_SOURCES 32 /* rows of the ladder and overrides that one trace can hold */
#define VNX_COMM_LEN 16

struct vnx_trace;

/* Borrows @conf and @in. Shows progress on stderr while bytes are reported, where wanted. */
int vnx_trace_new(struct vnx_trace **out, const struct vnx_input *in,
		  const struct vnx_reader_conf *conf, struct vnx_err *err) VNX_MUST_CHECK;
void vnx_trace_free(struct vnx_trace *t);

/* ---- before decoding: one thread ---- */

/*
 * The source that an event feeds, to give to vnx_trace_count(); -1: an event of no interest.
 * A tracepoint has @system and @event, a function of the function tracers @function, a probe
 * all three, @function "" where the file does not tell what was probed.
 */
int vnx_trace_source(struct vnx_trace *t, const char *system, const char *event,
		     const char *function);
/* Functions whose entry would feed a source, for lookup in a symbol table: NULL-terminated. */
const char *const *vnx_trace_functions(struct vnx_trace *t);
/* The kernel's module that the ladder has @function in; NULL: it names none. */
const char *vnx_trace_module(const char *function);
/*
 * Characters of @name[0..len) that are the function's own: compilers call a clone that does all
 * of it "handle_tx.constprop.0", ".isra.0", ".llvm.123"; ".part.0" and ".cold" are pieces.
 */
size_t vnx_trace_base_len(const char *name, size_t len);
/* The traced kernel has this function: what the old name of a split one means depends on it. */
void vnx_trace_saw_symbol(struct vnx_trace *t, const char *function);

/* ---- decoding: each shard by one thread at a time ---- */

struct vnx_trace_bin {
	uint64_t bin, count; /* bin: (t_ns + shift_ns) / bin_ns */
};

struct vnx_trace_bins {
	struct vnx_trace_bin *v;
	size_t n, cap;
};

/* Events of one source and thread. */
struct vnx_trace_slot {
	uint64_t from_ns; /* of the bin last counted in: */
	size_t at;        /* its place in bins */
	uint32_t source, tid;
	struct vnx_trace_bins bins; /* by time */
};

struct vnx_trace_shard {
	struct vnx_trace *trace;
	uint64_t bin_ns, shift_ns;  /* bins begin where t_ns + shift_ns is a multiple of bin_ns */
	uint64_t first_ns, last_ns; /* of all events in it; first > last: none */
	struct vnx_trace_slot *last[VNX_TRACE_SOURCES];
	struct vnx_trace_slot **table; /* open addressing by (source, tid) */
	size_t n_slots, table_size;
	int error; /* -ENOMEM, -E2BIG: stop decoding, vnx_trace_run() says it */
};

/* A new shard; NULL when memory is out. Owned by @t. */
struct vnx_trace_shard *vnx_trace_shard(struct vnx_trace *t);

/* The slow half of vnx_trace_count(). */
bool vnx_trace_count_slow(struct vnx_trace_shard *sh, int source, uint32_t tid, uint64_t t_ns);

/*
 * Counts one event. True: @tid is new to the shard with this source, so that it is time to
 * tell its name by vnx_trace_thread().
 */
static inline bool vnx_trace_count(struct vnx_trace_shard *sh, int source, uint32_t tid,
				   uint64_t t_ns)
{
	struct vnx_trace_slot *slot = sh->last[source];

	if (__builtin_expect(slot && slot->tid == tid && t_ns - slot->from_ns < sh->bin_ns, 1)) {
		slot->bins.v[slot->at].count++;
		return false;
	}
	return vnx_trace_count_slow(sh, source, tid, t_ns);
}

/* Any event, counted or not, was seen at @t_ns: the trace reaches from the first to the last. */
static inline void vnx_trace_seen(struct vnx_trace_shard *sh, uint64_t t_ns)
{
	if (t_ns < sh->first_ns)
		sh->first_ns = t_ns;
	if (t_ns > sh->last_ns)
		sh->last_ns = t_ns;
}

/* ---- any thread, any time before vnx_trace_run(): these lock ---- */

/* @count events (0: not told how many) were lost in [from_ns, to_ns]. */
int vnx_trace_lost(struct vnx_trace *t, uint64_t from_ns, uint64_t to_ns, uint64_t count);
/* A thread's name and process, 0 or NULL where not known. Later news completes, not replaces. */
int vnx_trace_thread(struct vnx_trace *t, uint32_t tid, uint32_t tgid, const char *comm);
/* A line that `record --events` wrote into the trace: "vnetdx vm pid=12 name=vm1 ...". */
int vnx_trace_marker(struct vnx_trace *t, const char *text, size_t len);
/* The first is kept; further ones are counted. "page 17 of CPU 3 at offset 0x1000: ..." */
void vnx_trace_warn(struct vnx_trace *t, const char *fmt, ...) VNX_PRINTF(2, 3);
/* So many bytes of the input more are done. */
void vnx_trace_progress(struct vnx_trace *t, uint64_t bytes);

/*
 * Runs @fn(@arg, job, worker) for jobs 0..@n-1 on up to @workers threads (vnx_trace_workers()
 * gives how many make sense); the first error stops it and is returned.
 */
unsigned vnx_trace_workers(size_t n);
int vnx_trace_jobs(size_t n, unsigned workers, int (*fn)(void *arg, size_t job, unsigned worker),
		   void *arg) VNX_MUST_CHECK;

/* ---- after decoding ---- */

/* What the file tells of the machine; strings "" where it does not. */
struct vnx_trace_facts {
	const char *clock; /* as the file names it: "mono", "local", ... */
	const char *kernel, *host, *capture;
	bool has_realtime; /* realtime_minus_mono_ns is known */
	int64_t realtime_minus_mono_ns;
};

int vnx_trace_run(struct vnx_trace *t, const struct vnx_trace_facts *facts, struct vnx_run *run,
		  struct vnx_err *err) VNX_MUST_CHECK;
/* 1: *s filled; 0: no more. */
int vnx_trace_next(struct vnx_trace *t, struct vnx_sample *s);

#endif
