/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who had a CPU and who waited for one, from a trace's sched_switch and sched_wakeup: the same
 * evidence that a live run has from the scheduler's own account.
 *
 * A thread is woken on one CPU and runs on another, so events have to be put in one order.
 * Each decoding thread keeps short records of the threads that may be of a VM, by the names that
 * the events themselves tell, and hands them over batch by batch; as soon as all that happened
 * before a moment is there, it is added up by thread and bin and forgotten. So memory grows with
 * bins and threads of interest, and with how far the file's parts are out of order.
 */
#ifndef VNX_TRACE_SCHED_H
#define VNX_TRACE_SCHED_H

#include "cli/input/trace/trace.h"

enum vnx_sched_kind {
	VNX_SCHED_GAP,   /* events were lost up to here: nothing is known of any thread */
	VNX_SCHED_SLEEP, /* left the CPU, and waits for something else */
	VNX_SCHED_READY, /* left the CPU, but could run on */
	VNX_SCHED_EXIT,
	VNX_SCHED_WAKE,
	VNX_SCHED_RUN, /* got a CPU, which the thread @other had before */
	VNX_SCHED_NEW, /* woken for the first time: it was not there before */
	/* @other left the CPU that the thread got afterwards, and had had it for longer than
	 * anybody between the two */
	VNX_SCHED_HELD,
};

#define VNX_SCHED_TID_BITS 29 /* of the kernel's 22; a larger number is damage */

struct vnx_sched_rec {
	uint64_t t_ns;
	uint32_t tid;
	uint32_t other : VNX_SCHED_TID_BITS, kind : 3;
	uint32_t batch, place; /* order of what happened at one and the same moment */
};

struct vnx_sched_recs {
	struct vnx_sched_rec *v;
	size_t n, cap;
};

/* What one decoding thread met in one piece of the file. Zeroed is empty. */
struct vnx_sched_batch {
	struct vnx_sched_recs recs;
	uint64_t first_ns;    /* of all that comes here, whoever's it is; 0: none */
	bool switched, woken; /* there was such an event, whoever's it is */
	int error;            /* -ENOMEM */
};

/* A name that a vhost worker, a vCPU or a thread of a VMM has. Others' waiting does not matter. */
bool vnx_sched_name(const char *comm);

/*
 * Who had one CPU since a thread with a name of ours got it last: only those that nobody had it
 * for longer after. Whoever waited, the longest stretch of that wait is among them. Of more than
 * there is room for the last two are one. Zeroed: events before are not known.
 */
struct vnx_sched_cpu {
	uint64_t since_ns; /* the last switch, 0: none */
	struct {
		uint64_t end_ns, len_ns;
		uint32_t tid;
	} v[4];
	unsigned n;
};

/* @prev leaves it. */
static inline void vnx_sched_leave_cpu(struct vnx_sched_cpu *cpu, uint64_t t_ns, uint32_t prev)
{
	uint64_t len_ns = t_ns - cpu->since_ns;

	/* The first switch tells an end without a begin. */
	if (cpu->since_ns && t_ns >= cpu->since_ns) {
		while (cpu->n && cpu->v[cpu->n - 1].len_ns <= len_ns)
			cpu->n--;
		cpu->n -= cpu->n == sizeof(cpu->v) / sizeof(cpu->v[0]);
		cpu->v[cpu->n].end_ns = t_ns;
		cpu->v[cpu->n].len_ns = len_ns;
		cpu->v[cpu->n++].tid = prev;
	}
	cpu->since_ns = t_ns;
}

/* @next gets it at @t_ns: adds who had it, but the last, whom the switch tells. */
void vnx_sched_take_cpu(struct vnx_sched_batch *b, struct vnx_sched_cpu *cpu, uint64_t t_ns,
			uint32_t next);

/* Appends all of @from to @to, and empties it. */
void vnx_sched_move(struct vnx_sched_batch *to, struct vnx_sched_batch *from);

void vnx_sched_add(struct vnx_sched_batch *b, enum vnx_sched_kind kind, uint64_t t_ns, uint32_t tid,
		   uint32_t other);

/* First letters of the names in vnx_sched_name(): nearly all others end here. */
static inline bool vnx_sched_may_be(const char *comm)
{
	return *comm == 'v' || *comm == 'C' || *comm == 'q' || *comm == 'k' || *comm == 'f' ||
	       *comm == 'c';
}

/*
 * prev_state of sched_switch: bits of the states up to 0x80 (0: runnable), above them one that
 * says "preempted", at another place from kernel to kernel (include/trace/events/sched.h).
 */
static inline enum vnx_sched_kind vnx_sched_left(uint64_t prev_state)
{
	return !(prev_state & 0xff) ? VNX_SCHED_READY
	       : prev_state & 0x30  ? VNX_SCHED_EXIT /* EXIT_DEAD, EXIT_ZOMBIE */
				    : VNX_SCHED_SLEEP;
}

static inline void vnx_sched_seen(struct vnx_sched_batch *b, uint64_t t_ns)
{
	if (__builtin_expect(!b->first_ns || t_ns < b->first_ns, 0))
		b->first_ns = t_ns ? t_ns : 1;
}

/* Names have VNX_COMM_LEN bytes. @cpu: where it was, NULL: not known. */
static inline void vnx_sched_switch(struct vnx_sched_batch *b, struct vnx_sched_cpu *cpu,
				    uint64_t t_ns, uint32_t prev, const char *prev_comm,
				    enum vnx_sched_kind left, uint32_t next, const char *next_comm)
{
	vnx_sched_seen(b, t_ns);
	b->switched = true;
	if (cpu)
		vnx_sched_leave_cpu(cpu, t_ns, prev);
	if (vnx_sched_may_be(prev_comm) && vnx_sched_name(prev_comm))
		vnx_sched_add(b, left, t_ns, prev, 0);
	if (vnx_sched_may_be(next_comm) && vnx_sched_name(next_comm)) {
		if (cpu)
			vnx_sched_take_cpu(b, cpu, t_ns, next);
		vnx_sched_add(b, VNX_SCHED_RUN, t_ns, next, prev);
	}
}

/* @kind: VNX_SCHED_WAKE, VNX_SCHED_NEW */
static inline void vnx_sched_wakeup(struct vnx_sched_batch *b, enum vnx_sched_kind kind,
				    uint64_t t_ns, uint32_t tid, const char *comm)
{
	vnx_sched_seen(b, t_ns);
	b->woken |= kind == VNX_SCHED_WAKE;
	if (vnx_sched_may_be(comm) && vnx_sched_name(comm))
		vnx_sched_add(b, kind, t_ns, tid, 0);
}

/* ---- the trace's own; these lock ---- */

/* The reader looks for switches: what the trace does not have is then the trace's fault. */
void vnx_trace_sched_begin(struct vnx_trace *t);
/* Takes @b's records over and empties it. @number: of the piece, the same in every reading. */
int vnx_trace_sched_take(struct vnx_trace *t, struct vnx_sched_batch *b,
			 uint32_t number) VNX_MUST_CHECK;
/* All that happened before @until_ns was taken. */
int vnx_trace_sched_until(struct vnx_trace *t, uint64_t until_ns) VNX_MUST_CHECK;
/* Events of switches and wakeups alone were lost in [from_ns, to_ns]. */
int vnx_trace_sched_lost(struct vnx_trace *t, uint64_t from_ns, uint64_t to_ns) VNX_MUST_CHECK;
/* None of it can be used; the sentence says why. The first stays. */
void vnx_trace_sched_refuse(struct vnx_trace *t, const char *why);

#endif
