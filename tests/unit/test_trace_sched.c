// SPDX-License-Identifier: GPL-2.0-only
/* Who ran, who waited and for whom, from the switches and wakeups of a trace.dat. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/input/trace/trace_sched.h"
#include "cli/pipeline/pipeline.h"
#include "tests/unit/dat_read.h"
#include "tests/unit/sched_cases.h"

#define N_CASES VNX_ARRAY_SIZE(sched_cases)

/* Which of it is written, and where. */
struct how {
	unsigned buffer, calls; /* of switches, of calls */
	bool no_switches, no_wakeups;
	size_t skip;        /* a case that is not in the trace, from 1 */
	uint64_t preempted; /* how the kernel says so, 0: as sched_cases[] does */
	bool lost_after;    /* cpu 0 lost events after the case skip */
	bool born;          /* the worker's first wakeup is the first of all */
};

static void put_case(struct gen *g, const struct how *how, const struct sched_case *c)
{
	uint64_t t = GEN_START + c->t_ns;
	uint64_t state = c->state == ST_PREEMPTED && how->preempted ? how->preempted : c->state;

	if (c->wakeup && !how->no_wakeups)
		gen_woken(g, how->buffer, c->cpu, t,
			  how->born && c->t_ns == 50 * MS ? GEN_SCHED_WAKEUP_NEW : GEN_SCHED_WAKEUP,
			  c->next, case_name(c->next));
	else if (!c->wakeup && !how->no_switches)
		gen_switch_state(g, how->buffer, c->cpu, t, c->prev, case_name(c->prev), state,
				 c->next, case_name(c->next));
}

static void put_calls_in(struct gen *g, unsigned buffer, uint64_t t)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		gen_call(g, buffer, cpu, t, GEN_FUNCTION, WORKER, GEN_TX + 4);
		gen_call(g, buffer, cpu, t, GEN_ENTRY, VCPU, 7);
	}
}

static void put_calls(struct gen *g, uint64_t t)
{
	put_calls_in(g, 0, t);
}

static void put_cases(struct gen *g, const struct how *how)
{
	g->kallsyms = GEN_KALLSYMS;
	g->cmdlines = GEN_CMDLINES;
	for (size_t i = 0; i < N_CASES; i++) {
		if (i + 1 != how->skip)
			put_case(g, how, &sched_cases[i]);
		else if (how->lost_after)
			gen_page_end(g, &g->buffers[how->buffer].cpus[0], 0, 0);
		if (i == 1) {
			if (!how->calls)
				gen_newtask(g, 1, GEN_START + 9 * MS, HOG, HOG_THREAD, "stress",
					    true);
			put_calls_in(g, how->calls, GEN_START + 10 * MS);
		}
	}
	put_calls_in(g, how->calls, GEN_START + 5000 * MS);
}

static struct got read_how(unsigned kind, bool big, const struct how *how)
{
	struct gen g;

	make(&g, kind, big, 8);
	put_cases(&g, how);
	return read_gen(&g);
}

/* ---- exact ---- */

static void known_schedule(void **state)
{
	for (unsigned i = 0; i < 2 * VNX_ARRAY_SIZE(kinds); i++) {
		struct got got = read_how(i / 2, i % 2, &(struct how){ 0 });
		uint64_t known;

		assert_int_equal(got.ret, 0);
		assert_string_equal(got.run.warning, "");
		assert_worker(&got.calls, GEN_START);
		/* 200 ms to 900: of a switch and a wakeup on different CPUs */
		assert_int_equal(case_held(&got.run.holds, WORKER, HOG, GEN_START, 0), 50 * MS);
		for (unsigned b = 0; b < 10; b++)
			assert_int_equal(case_held(&got.run.holds, WORKER, HOG, GEN_START, b),
					 worker_wants[b].wait_ns);
		assert_int_equal(case_sum(&got.calls, VNX_VCPU_RUN, VCPU, GEN_START, 1, &known),
				 500 * MS);
		assert_int_equal(got.run.sources.n, 1);
		assert_string_equal(got.run.sources.v[0].name, "sched");
		assert_string_equal(got.run.sources.v[0].why, "");
		got_fini(&got);
	}
}

static void longest_is_charged(void **state)
{
	struct got got;
	struct gen g;

	make(&g, 0, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(hold_cases); i++)
		put_case(&g, &(struct how){ 0 }, &hold_cases[i]);
	put_calls(&g, GEN_START + 300 * MS);
	put_calls(&g, GEN_START + 1000 * MS);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	assert_held(&got.run.holds, GEN_START);
	got_fini(&got);
}

static void lost_wakeup_is_missing(void **state)
{
	struct got got = read_how(0, false, &(struct how){ 0 });
	uint64_t known;

	/* slept from 1000 on; runs at 2200, woken nobody knows when */
	for (unsigned b = 2; b < 4; b++) {
		assert_int_equal(
			case_sum(&got.calls, VNX_VCPU_RUNQ_WAIT, VCPU, GEN_START, b, &known), 0);
		assert_int_equal(known, 0);
	}
	assert_int_equal(case_sum(&got.calls, VNX_VCPU_RUN, VCPU, GEN_START, 4, &known), 300 * MS);
	assert_int_equal(known, 300 * MS);
	assert_int_equal(case_sum(&got.calls, VNX_VCPU_RUN, VCPU, GEN_START, 8, &known), 500 * MS);
	got_fini(&got);
}

/* The switch that brings the worker in at 3100 is not there: what it did from 1400 to 4700? */
static void lost_switch_is_missing(void **state)
{
	struct got got = read_how(0, false, &(struct how){ .skip = 11 });
	uint64_t known, run, wait;

	for (unsigned b = 0; b < 10; b++) {
		run = case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
		wait = case_sum(&got.calls, VNX_VHOST_RUNQ_WAIT, WORKER, GEN_START, b, &known);
		assert_int_equal(known, b < 2    ? CASE_BIN
					: b == 2 ? 400 * MS
					: b == 9 ? 300 * MS
						 : 0);
		assert_int_equal(run, b == 9 ? 0 : known ? worker_wants[b].run_ns : 0);
		assert_int_equal(wait, b == 2           ? 250 * MS + 1
				       : known && b < 9 ? worker_wants[b].wait_ns
							: 0);
	}
	got_fini(&got);
}

static void states(void **state)
{
	static const struct {
		uint64_t value;
		enum vnx_sched_kind kind;
	} t[] = {
		{ 0, VNX_SCHED_READY },     { 0x100, VNX_SCHED_READY },  { 0x400, VNX_SCHED_READY },
		{ 0x800, VNX_SCHED_READY }, { 0x1000, VNX_SCHED_READY }, { 1, VNX_SCHED_SLEEP },
		{ 2, VNX_SCHED_SLEEP },     { 130, VNX_SCHED_SLEEP },    { 4, VNX_SCHED_SLEEP },
		{ 8, VNX_SCHED_SLEEP },     { 0x40, VNX_SCHED_SLEEP },   { 0x80, VNX_SCHED_SLEEP },
		{ 0x10, VNX_SCHED_EXIT },   { 0x20, VNX_SCHED_EXIT },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++)
		assert_int_equal(vnx_sched_left(t[i].value), t[i].kind);
}

static void preempted_on_any_kernel(void **state)
{
	static const uint64_t ways[] = { 0x400, 0x800, ST_PREEMPTED_OLD };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(ways); i++) {
		struct got got = read_how(0, false, &(struct how){ .preempted = ways[i] });

		assert_worker(&got.calls, GEN_START);
		got_fini(&got);
	}
}

/* ---- what is not there ---- */

static void not_yet_born(void **state)
{
	struct got got = read_how(0, false, &(struct how){ .born = true });
	uint64_t known;

	assert_int_equal(case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, 0, &known),
			 200 * MS);
	assert_int_equal(known, 450 * MS);
	case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, 1, &known);
	assert_int_equal(known, CASE_BIN);
	got_fini(&got);
}

/* Nobody's from the start on, the VM's process from @since_ms on, its worker at 2000 and 2100. */
static struct got read_late(unsigned since_ms, bool woken)
{
	struct gen g;

	make(&g, 0, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	gen_switch_state(&g, 0, 0, GEN_START, 0, case_name(0), ST_READY, HOG, case_name(HOG));
	gen_switch_state(&g, 0, 1, GEN_START + since_ms * MS, 144, "qemu-system-x86", ST_SLEEPS, 0,
			 case_name(0));
	if (woken) {
		gen_woken(&g, 0, 1, GEN_START + 2000 * MS, GEN_SCHED_WAKEUP, WORKER, "vhost-144");
		gen_switch_state(&g, 0, 0, GEN_START + 2000 * MS + 1, HOG, case_name(HOG),
				 ST_PREEMPTED, WORKER, "vhost-144");
	}
	gen_switch_state(&g, 0, 0, GEN_START + 2100 * MS, WORKER, "vhost-144", ST_SLEEPS, HOG,
			 case_name(HOG));
	put_calls(&g, GEN_START + 2200 * MS);
	put_calls(&g, GEN_START + 5000 * MS);
	return read_gen(&g);
}

/* A worker that got its name when it was made already: what did it before its first event? */
static void known_since_its_vm_is(void **state)
{
	for (unsigned i = 0; i < 6; i++) {
		unsigned since_ms = i % 3 * 700;
		bool woken = i / 3;
		struct got got = read_late(since_ms, woken);
		uint64_t known;

		assert_int_equal(got.ret, 0);
		for (unsigned b = 0; b < 10; b++) {
			uint64_t run =
				case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
			uint64_t want = (b + 1) * 500 < since_ms ? 0
					: b * 500 < since_ms     ? (b + 1) * 500 - since_ms
								 : 500;

			assert_int_equal(known, want * MS);
			if (woken)
				assert_int_equal(run, b == 4 ? 100 * MS - 1 : 0);
		}
		got_fini(&got);
	}
}

static void without_wakeups(void **state)
{
	struct got got = read_how(0, false, &(struct how){ .no_wakeups = true });
	uint64_t known;

	assert_int_equal(got.total[VNX_VHOST_RUNQ_WAIT], 0);
	case_sum(&got.calls, VNX_VHOST_RUNQ_WAIT, WORKER, GEN_START, 3, &known);
	assert_int_equal(known, 0);
	/* it is seen for the first time at 100 ms */
	for (unsigned b = 0; b < 10; b++) {
		assert_int_equal(case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known),
				 worker_wants[b].run_ns);
		assert_int_equal(known, b ? CASE_BIN : 400 * MS);
	}
	assert_int_equal(got.run.holds.n, 0);
	assert_non_null(strstr(vnx_evidence_why(&got.run.sources, VNX_VHOST_RUNQ_WAIT),
			       "no sched_wakeup events"));
	got_fini(&got);
}

/* As a recording without them has it, where their formats are missing too; or with wakeups. */
static void without_switches(void **state)
{
	for (unsigned formats = 0; formats < 2; formats++) {
		struct gen g;
		struct got got;
		uint64_t known;

		make(&g, 0, false, 8);
		g.no_sched = !formats;
		put_cases(&g, &(struct how){ .no_switches = true, .no_wakeups = !formats });
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		for (unsigned b = 0; b < 10; b++) {
			case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
			assert_int_equal(known, 0);
		}
		assert_non_null(strstr(vnx_evidence_why(&got.run.sources, VNX_VHOST_RUNQ_WAIT),
				       "no sched_switch events: record with -e sched_switch"));
		got_fini(&got);
	}
}

/* Events were lost on CPU 0 between 300 and 900 ms, of them the worker's wakeup. */
static void losses_are_missing(void **state)
{
	struct gen g;
	struct got got;
	uint64_t known;

	make(&g, 0, false, 8);
	put_cases(&g, &(struct how){ .skip = 6, .lost_after = true });
	/* the flag stands on the page that follows: it is the last of CPU 0 */
	gen_page_end(&g, &g.buffers[0].cpus[0], 1u << 31, 0);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	assert_true(got.lost.n > 0);
	/* the gap is from 300 to 3100, the next event of CPU 0 */
	for (unsigned b = 0; b <= 6; b++) {
		case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
		assert_int_equal(known, 0);
	}
	assert_int_equal(case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, 7, &known),
			 500 * MS);
	assert_int_equal(known, CASE_BIN);
	assert_int_equal(got.run.holds.n, 0);
	got_fini(&got);
}

/* Calls are whole, switches have a buffer of their own that overflowed. */
static void lost_throughout(void **state)
{
	struct gen g;
	struct got got;
	uint64_t known;

	make(&g, 1, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	g.n_buffers = 2;
	snprintf(g.buffers[1].name, sizeof(g.buffers[1].name), "switches");
	put_calls(&g, GEN_START + 10 * MS);
	put_case(&g, &(struct how){ .buffer = 1 },
		 &(struct sched_case){ 10 * MS, 0, HOG, ST_READY, WORKER, false });
	gen_page_end(&g, &g.buffers[1].cpus[0], 0, 0);
	put_case(&g, &(struct how){ .buffer = 1 },
		 &(struct sched_case){ 4900 * MS, 0, WORKER, ST_SLEEPS, HOG, false });
	gen_page_end(&g, &g.buffers[1].cpus[0], 1u << 31, 0);
	put_calls(&g, GEN_START + 4950 * MS);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.lost.n, 0);
	for (unsigned b = 0; b < 10; b++) {
		case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
		assert_int_equal(known, 0);
	}
	assert_non_null(strstr(got.run.sources.v[0].why, "lost throughout"));
	assert_non_null(strstr(got.run.sources.v[0].why, "trace-cmd record -b KB"));
	got_fini(&got);
}

/* ---- several buffers, many parts ---- */

/* Calls in the top buffer, with switches where @both; in another buffer of @clock switches. */
static struct got read_two(bool both, const char *clock)
{
	struct gen g;

	make(&g, 1, false, 8);
	g.n_buffers = 2;
	snprintf(g.buffers[1].name, sizeof(g.buffers[1].name), "switches");
	g.buffers[1].clock = clock;
	put_cases(&g, &(struct how){ .no_switches = !both, .no_wakeups = !both });
	for (size_t i = 0; i < N_CASES; i++)
		put_case(&g, &(struct how){ .buffer = 1 }, &sched_cases[i]);
	return read_gen(&g);
}

/* Once each. */
static void other_buffers(void **state)
{
	for (unsigned both = 0; both < 2; both++) {
		struct got got = read_two(both, "mono");

		assert_int_equal(got.ret, 0);
		assert_worker(&got.calls, GEN_START);
		assert_int_equal(got.total[VNX_HANDLE_TX], 4);
		/* one turn in bin 0 that took 250 ms with its wait, one in bin 2, one in 6 */
		assert_int_equal(got.total[VNX_VHOST_TURN], 250000 + 500000 + 500000);
		got_fini(&got);
	}
}

static void another_clock(void **state)
{
	struct got got = read_two(false, "boot");

	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_VHOST_RUN], 0);
	assert_non_null(strstr(vnx_evidence_why(&got.run.sources, VNX_VHOST_RUN),
			       "record all buffers with the same -C"));
	got_fini(&got);
}

/* All of it in an instance; the top buffer, whose clock is another, has nothing. */
static void all_in_an_instance(void **state)
{
	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen g;
		struct got got;

		make(&g, kind, false, 8);
		g.n_buffers = 2;
		g.buffers[0].clock = "local";
		snprintf(g.buffers[1].name, sizeof(g.buffers[1].name), "all");
		put_cases(&g, &(struct how){ .buffer = 1, .calls = 1 });
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_worker(&got.calls, GEN_START);
		assert_string_equal(got.run.sources.v[0].why, "");
		got_fini(&got);
	}
}

/*
 * 40000 rounds of 100 us over two CPUs, 8 MB: sleeps 40 us, waits 10 for the hog, runs 50. Woken
 * on the CPU that it does not run on. Parts of a CPU end anywhere.
 */
static void many_parts(void **state)
{
	const uint64_t us = 1000;
	struct gen g;
	struct got got;
	uint64_t known;

	make(&g, 2, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	put_calls(&g, GEN_START);
	for (unsigned i = 0; i < 40000; i++) {
		uint64_t t = GEN_START + i * 100 * us + 1;
		unsigned cpu = i / 7 % 2;

		gen_woken(&g, 0, !cpu, t + 40 * us, GEN_SCHED_WAKEUP, WORKER, "vhost-144");
		gen_switch_state(&g, 0, cpu, t + 50 * us, HOG, "stress", ST_PREEMPTED, WORKER,
				 "vhost-144");
		gen_switch_state(&g, 0, cpu, t + 100 * us - 2, WORKER, "vhost-144", ST_SLEEPS, HOG,
				 "stress");
	}
	put_calls(&g, GEN_START + 4000 * MS);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	for (unsigned b = 0; b < 8; b++) {
		assert_int_equal(case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known),
				 5000 * (50 * us - 2));
		assert_true(known > CASE_BIN - 100 * us);
		assert_int_equal(
			case_sum(&got.calls, VNX_VHOST_RUNQ_WAIT, WORKER, GEN_START, b, &known),
			5000 * 10 * us);
		assert_int_equal(case_held(&got.run.holds, WORKER, HOG, GEN_START, b),
				 5000 * 10 * us);
		assert_int_equal(case_sum(&got.calls, VNX_VHOST_TURN, WORKER, GEN_START, b, &known),
				 59);
	}
	got_fini(&got);
}

/* Whatever bytes are wrong: no more is known of a bin than it has, and no more done in it. */
static void damaged(void **state)
{
	struct gen_bytes file;
	uint64_t known, run, wait, x = 88172645463325252ULL;
	unsigned n_read = 0;
	struct gen g;

	make(&g, 0, false, 8);
	put_cases(&g, &(struct how){ 0 });
	gen_file(&g, &file);
	gen_fini(&g);
	for (unsigned i = 0; i < 200; i++) {
		struct got got;
		uint8_t was[4];
		size_t at[4];

		for (unsigned k = 0; k < 4; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			/* the pages, or the formats before them */
			at[k] = i % 4 ? file.n - 4096 * (1 + (x >> 20 & 1)) + x % 1000 : x % file.n;
			was[k] = file.v[at[k]];
			file.v[at[k]] = (uint8_t)(x >> 32);
		}
		got = read_bytes(file.v, file.n);
		n_read += !got.ret;
		for (unsigned b = 0; b < 10 && !got.ret; b++) {
			run = case_sum(&got.calls, VNX_VHOST_RUN, WORKER, GEN_START, b, &known);
			assert_true(known <= CASE_BIN);
			wait = case_sum(&got.calls, VNX_VHOST_RUNQ_WAIT, WORKER, GEN_START, b,
					&known);
			assert_true(run + wait <= CASE_BIN);
		}
		got_fini(&got);
		for (unsigned k = 4; k-- > 0;)
			file.v[at[k]] = was[k];
	}
	/* Those that hit the pages alone are read, whatever they say. */
	assert_true(n_read >= 150);
	free(file.v);
}

/* ---- exits ---- */

static void exits(void **state)
{
	struct gen g;
	struct got got;
	uint64_t known;

	make(&g, 0, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	put_calls(&g, GEN_START);
	for (unsigned i = 0; i < 8; i++)
		gen_call(&g, 0, i % 2, GEN_START + (i < 3 ? 20 : 4600) * MS + i, GEN_EXIT, VCPU, 1);
	put_calls(&g, GEN_START + 5000 * MS);
	got = read_gen(&g);
	for (unsigned b = 0; b < 10; b++) {
		assert_int_equal(case_sum(&got.calls, VNX_KVM_EXIT, VCPU, GEN_START, b, &known),
				 b == 0   ? 3
				 : b == 9 ? 5
					  : 0);
		assert_int_equal(known, CASE_BIN);
	}
	assert_int_equal(got.total[VNX_VCPU_ENTER], 4);
	got_fini(&got);
}

/* ---- to the verdict ---- */

#define FALL_BIN 60
#define RUN_BINS 120

struct fall {
	bool no_switches;
	uint32_t holder; /* 0: nobody has the CPU while the worker waits for it, as under a quota */
};

/* Rounds of 10 ms: the worker waits for 0.2 ms at first, then for 6. */
static void put_rounds(struct gen *g, const struct fall *fall)
{
	g->kallsyms = GEN_KALLSYMS;
	g->cmdlines = GEN_CMDLINES;
	for (unsigned i = 0; i < RUN_BINS * 50; i++) {
		uint64_t t = GEN_START + i * 10 * MS, us = 1000;
		uint64_t wait = i / 50 < FALL_BIN ? 200 * us : 6 * MS;
		uint64_t runs = (i / 50 < FALL_BIN ? 4000 : 2000) * us + i % 7 * 20 * us;

		gen_woken(g, 0, 1, t + 100 * us, GEN_SCHED_WAKEUP, WORKER, "vhost-144");
		gen_call(g, 0, 1, t + 101 * us, GEN_ENTRY, VCPU, 7);
		if (!fall->no_switches)
			gen_switch_state(g, 0, 0, t + 100 * us + wait, fall->holder,
					 case_name(fall->holder), ST_PREEMPTED, WORKER,
					 "vhost-144");
		gen_call(g, 0, 0, t + 101 * us + wait, GEN_FUNCTION, WORKER, GEN_TX);
		if (!fall->no_switches)
			gen_switch_state(g, 0, 0, t + 100 * us + wait + runs, WORKER, "vhost-144",
					 ST_SLEEPS, fall->holder, case_name(fall->holder));
	}
}

static int write_csv(void)
{
	int fd = memfd_create("rates.csv", MFD_CLOEXEC);

	dprintf(fd, "time_s,bps\n");
	for (unsigned i = 0; i < RUN_BINS; i++)
		dprintf(fd, "%.1f,%.0f\n", i * 0.5, (i < FALL_BIN ? 2e8 : 1e8) + i * 37 % 11 * 1e6);
	return fd;
}

static void read_pipeline(struct gen *g, const char *csv, struct vnx_pipeline *p)
{
	struct vnx_reader_conf conf = { .bin_ns = GEN_BIN, .quiet = true };
	struct vnx_pipeline_conf pc = { .sma_ns = 10 * VNX_NSEC_PER_SEC,
					.throughput = &csv,
					.n_throughput = 1,
					.placement = { .given = true, .offset_ns = GEN_START } };
	struct gen_bytes bytes;
	struct vnx_reader *r;
	struct vnx_input in;
	char path[64];
	int fd;

	gen_file(g, &bytes);
	fd = memfile(bytes.v, bytes.n);
	free(bytes.v);
	gen_fini(g);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	assert_int_equal(vnx_reader_trace_dat.open(&r, &in, &conf, &err), 0);
	if (vnx_pipeline_run(&vnx_reader_trace_dat, r, &pc, p, &err))
		fail_msg("%s", err.message);
	vnx_reader_trace_dat.close(r);
	vnx_input_close(&in);
	close(fd);
}

/* Reads the run with that fall; its one degradation. */
static const struct vnx_degradation *read_fall(const struct fall *fall, struct vnx_pipeline *p)
{
	struct gen g;
	char csv[64];
	int fd = write_csv();

	snprintf(csv, sizeof(csv), "/proc/self/fd/%d", fd);
	make(&g, 3, false, 8);
	put_rounds(&g, fall);
	read_pipeline(&g, csv, p);
	close(fd);
	assert_int_equal(p->dg->vms.n, 1);
	assert_int_equal(p->dg->vms.v[0].degradations.n, 1);
	return &p->dg->vms.v[0].degradations.v[0];
}

static const char *how_to_get(const struct vnx_degradation *d, const char *what)
{
	for (size_t i = 0; i < d->missing.n; i++)
		if (!strcmp(d->missing.v[i].what, what))
			return d->missing.v[i].how;
	return NULL;
}

static void contention_is_named(void **state)
{
	struct vnx_pipeline p;
	const struct vnx_degradation *d = read_fall(&(struct fall){ .holder = HOG }, &p);

	assert_true(fabs(d->start_s - FALL_BIN * 0.5) <= 1);
	assert_int_equal(d->cause, VNX_CAUSE_CPU_CONTENTION);
	assert_int_equal(d->offenders.n, 1);
	assert_int_equal(d->offenders.v[0].pid, HOG);
	assert_string_equal(d->offenders.v[0].name, "stress");
	assert_false(d->offenders.v[0].is_vm);
	assert_int_equal(d->evidence.v[0].metric, VNX_VHOST_RUNQ_WAIT);
	assert_true(fabs(d->evidence.v[0].before - 0.02) < 1e-3);
	assert_true(fabs(d->evidence.v[0].after - 0.6) < 1e-3);
	assert_null(how_to_get(d, "vhost_runq_wait"));
	assert_non_null(how_to_get(d, "vhost_throttled"));
	vnx_pipeline_fini(&p);
}

static void nobody_is_no_offender(void **state)
{
	struct vnx_pipeline p;
	const struct vnx_degradation *d = read_fall(&(struct fall){ 0 }, &p);

	assert_int_equal(d->cause, VNX_CAUSE_UNKNOWN);
	assert_int_equal(d->offenders.n, 0);
	assert_non_null(how_to_get(d, "vhost_throttled"));
	vnx_pipeline_fini(&p);
}

static void tells_what_to_record(void **state)
{
	struct vnx_pipeline p;
	const struct vnx_degradation *d = read_fall(&(struct fall){ .no_switches = true }, &p);
	const char *how = how_to_get(d, "vhost_runq_wait");

	assert_int_equal(d->cause, VNX_CAUSE_UNKNOWN);
	assert_non_null(how);
	assert_non_null(strstr(how, "record with -e sched_switch -e sched_wakeup"));
	vnx_pipeline_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_schedule),
		cmocka_unit_test(longest_is_charged),
		cmocka_unit_test(lost_wakeup_is_missing),
		cmocka_unit_test(lost_switch_is_missing),
		cmocka_unit_test(states),
		cmocka_unit_test(preempted_on_any_kernel),
		cmocka_unit_test(not_yet_born),
		cmocka_unit_test(known_since_its_vm_is),
		cmocka_unit_test(without_wakeups),
		cmocka_unit_test(without_switches),
		cmocka_unit_test(losses_are_missing),
		cmocka_unit_test(lost_throughout),
		cmocka_unit_test(other_buffers),
		cmocka_unit_test(another_clock),
		cmocka_unit_test(all_in_an_instance),
		cmocka_unit_test(many_parts),
		cmocka_unit_test(damaged),
		cmocka_unit_test(exits),
		cmocka_unit_test(contention_is_named),
		cmocka_unit_test(nobody_is_no_offender),
		cmocka_unit_test(tells_what_to_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
