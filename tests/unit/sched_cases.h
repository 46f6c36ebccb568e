/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What threads did on two CPUs, in whole and odd numbers of ns, for traces of every format to
 * tell; and what of it has to come out. Times are from the trace's start.
 */
#ifndef VNX_SCHED_CASES_H
#define VNX_SCHED_CASES_H

#include "cli/input/reader.h"

#ifndef MS
#define MS VNX_NSEC_PER_MSEC
#endif
#define CASE_BIN (500 * MS)
#define WORKER 148
#define VCPU 150
#define HOG 900
#define HOG_THREAD 901

#define ST_SLEEPS 1
#define ST_READY 0         /* before 4.14 and, of a thread that yields, since then */
#define ST_PREEMPTED 0x100 /* since 4.14 */
#define ST_PREEMPTED_OLD 0x1000

struct sched_case {
	uint64_t t_ns;
	unsigned cpu;
	uint32_t prev;  /* 0: a wakeup of next, unless switched */
	uint64_t state; /* of prev */
	uint32_t next;
	bool wakeup;
};

/*
 * The worker: sleeps to 50 ms, waits to 100, runs to 300, sleeps to 900, waits for the hog's
 * thread to 1250, runs to 1400, is preempted by the hog to 3100, runs to 4700, sleeps. Woken
 * while it runs: that says nothing. The vCPU's wakeup at 2000 is not in the trace.
 */
static const struct sched_case sched_cases[] = {
	{ 0 * MS, 0, 0, ST_READY, HOG, false },
	{ 0 * MS, 1, 0, ST_READY, VCPU, false },
	{ 50 * MS, 1, 0, 0, WORKER, true },
	{ 100 * MS, 0, HOG, ST_PREEMPTED, WORKER, false },
	{ 300 * MS, 0, WORKER, ST_SLEEPS, HOG, false },
	{ 900 * MS, 0, 0, 0, WORKER, true },
	{ 1000 * MS, 1, VCPU, ST_SLEEPS, HOG_THREAD, false },
	{ 1250 * MS + 1, 1, HOG_THREAD, ST_PREEMPTED, WORKER, false },
	{ 1400 * MS, 1, WORKER, ST_PREEMPTED, HOG_THREAD, false },
	{ 2200 * MS, 1, HOG_THREAD, ST_SLEEPS, VCPU, false },
	{ 3100 * MS, 0, HOG, ST_PREEMPTED, WORKER, false },
	{ 3500 * MS, 1, 0, 0, WORKER, true },
	{ 4700 * MS, 0, WORKER, ST_SLEEPS, HOG, false },
};

/*
 * Who holds the CPU for long is not who has it last: 20 is there for 20 us each time. The worker
 * waits from 10 ms on, preempted from 30 on, from 145 on after the CPU was idle, and from 206 on
 * for two, longer for the second.
 */
#define LAST 20
#define HOG_2 902
#define LAST_NS (MS / 50)

static const struct sched_case hold_cases[] = {
	{ 1 * MS, 0, 0, ST_READY, HOG, false },
	{ 10 * MS, 1, 0, 0, WORKER, true },
	{ 20 * MS, 0, HOG, ST_PREEMPTED, LAST, false },
	{ 20 * MS + LAST_NS, 0, LAST, ST_SLEEPS, WORKER, false },
	{ 30 * MS, 0, WORKER, ST_PREEMPTED, HOG, false },
	{ 35 * MS, 0, HOG, ST_PREEMPTED, LAST, false },
	{ 35 * MS + LAST_NS, 0, LAST, ST_SLEEPS, WORKER, false },
	{ 40 * MS, 0, WORKER, ST_SLEEPS, 0, false },
	{ 140 * MS, 0, 0, ST_READY, HOG, false },
	{ 145 * MS, 1, 0, 0, WORKER, true },
	{ 150 * MS, 0, HOG, ST_PREEMPTED, LAST, false },
	{ 150 * MS + LAST_NS, 0, LAST, ST_SLEEPS, WORKER, false },
	{ 200 * MS, 0, WORKER, ST_SLEEPS, HOG, false },
	{ 206 * MS, 1, 0, 0, WORKER, true },
	{ 210 * MS, 0, HOG, ST_PREEMPTED, HOG_2, false },
	{ 215 * MS, 0, HOG_2, ST_PREEMPTED, LAST, false },
	{ 215 * MS + LAST_NS, 0, LAST, ST_SLEEPS, WORKER, false },
	{ 220 * MS, 0, WORKER, ST_SLEEPS, HOG, false },
};

struct sched_want {
	uint64_t run_ns, wait_ns;
};

static const struct sched_want worker_wants[10] = {
	{ 200 * MS, 50 * MS }, { 0, 100 * MS }, { 150 * MS - 1, 350 * MS + 1 }, { 0, 500 * MS },
	{ 0, 500 * MS },       { 0, 500 * MS }, { 400 * MS, 100 * MS },         { 500 * MS, 0 },
	{ 500 * MS, 0 },       { 200 * MS, 0 },
};

static inline const char *case_name(uint32_t tid)
{
	return tid == WORKER ? "vhost-144"
	       : tid == VCPU ? "CPU 0/KVM"
	       : tid >= HOG  ? "stress"
			     : "swapper/0";
}

/* Sum of @metric of @tid in bin @i; how much of the bin is known to *known_ns. */
static inline uint64_t case_sum(const struct vnx_samples *s, enum vnx_metric metric, uint32_t tid,
				uint64_t start_ns, unsigned i, uint64_t *known_ns)
{
	uint64_t from = start_ns + i * CASE_BIN, end = from + CASE_BIN, sum = 0;

	*known_ns = 0;
	for (size_t k = 0; k < s->n; k++) {
		const struct vnx_sample *x = &s->v[k];
		uint64_t a = x->t_ns > from ? x->t_ns : from;
		uint64_t b = x->t_ns + x->dur_ns < end ? x->t_ns + x->dur_ns : end;

		if (x->metric != metric || x->entity != tid || b <= a)
			continue;
		*known_ns += b - a;
		sum += x->count * (b - a) / x->dur_ns;
	}
	return sum;
}

static inline void assert_worker(const struct vnx_samples *s, uint64_t start_ns)
{
	for (unsigned i = 0; i < 10; i++) {
		uint64_t known;

		assert_int_equal(case_sum(s, VNX_VHOST_RUN, WORKER, start_ns, i, &known),
				 worker_wants[i].run_ns);
		assert_int_equal(known, CASE_BIN);
		assert_int_equal(case_sum(s, VNX_VHOST_RUNQ_WAIT, WORKER, start_ns, i, &known),
				 worker_wants[i].wait_ns);
		assert_int_equal(known, CASE_BIN);
	}
}

/* ns that @holder had the CPU while @victim waited for it, in bin @i. */
static inline uint64_t case_held(const struct vnx_holds *h, uint32_t victim, uint32_t holder,
				 uint64_t start_ns, unsigned i)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < h->n; k++)
		if (h->v[k].victim == victim && h->v[k].holder == holder &&
		    h->v[k].t_ns == start_ns + i * CASE_BIN) {
			assert_int_equal(h->v[k].dur_ns, CASE_BIN);
			assert_string_equal(h->v[k].comm, "stress");
			sum += h->v[k].ns;
		}
	return sum;
}

/* Of hold_cases[]. */
static inline void assert_held(const struct vnx_holds *h, uint64_t start_ns)
{
	assert_int_equal(h->n, 2);
	assert_int_equal(case_held(h, WORKER, HOG, start_ns, 0), (10 + 5 + 5) * MS + 3 * LAST_NS);
	assert_int_equal(case_held(h, WORKER, HOG_2, start_ns, 0), (4 + 5) * MS + LAST_NS);
}

#endif
