// SPDX-License-Identifier: GPL-2.0-only
/* ftrace's latency format, as the text of `trace` and inside a trace.dat. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cli/input/trace/clock_cost.h"
#include "tests/unit/dat_read.h"

#define US 1000ULL
#define OTHERS "#    -----------------\n#    | task: -0 (uid:0 nice:0 policy:0 rt_prio:0)\n"

/* As kernel 6.18 printed it; the figures of the header are the caller's. */
static const char head_format[] =
	"# tracer: function\n#\n# function latency trace v1.1.5 on 6.18.44\n"
	"# --------------------------------------------------------------------\n"
	"# latency: %s, CPU#0 | (M:PREEMPT(none) VP:0, KP:0, SP:0 HP:0 #P:2)\n" OTHERS
	"#    -----------------\n#\n"
	"#                    _------=> CPU#            \n"
	"#                   / _-----=> irqs-off/BH-disabled\n"
	"#  cmd     pid     |||||| time  |   caller     \n"
	"#     \\   /        ||||||  \\    |    /       \n";

struct text {
	char *v;
	size_t n;
};

static struct text text_begin(const char *figures)
{
	struct text t = { .v = malloc(4 << 20) };

	assert_non_null(t.v);
	t.n = (size_t)sprintf(t.v, head_format, figures);
	return t;
}

static const char marks[] = { ' ', '+', '!', '#', '*', '@', '$' };

/* @n times @what, a millisecond from each other. */
static void put(struct text *t, unsigned n, const char *who, unsigned cpu, uint64_t at_us,
		const char *what)
{
	for (unsigned i = 0; i < n; i++)
		t->n += (size_t)sprintf(t->v + t->n, "%s %3ud..1. %4lluus%c: %s\n", who, cpu,
					(unsigned long long)at_us + i * 1000,
					marks[i % sizeof(marks)], what);
}

/* A second of the usual in each @bins seconds, and a first and last event beside them. */
static struct text workload(unsigned bins)
{
	struct text t = text_begin("0 us, #120/120");

	put(&t, 1, "    bash-11468  ", 1, 0, "tracing_mark_write: vnetdx clock x");
	for (unsigned b = 1; b <= bins; b++) {
		uint64_t at_us = b * 1000000ULL;

		put(&t, TX, "vhost-14-148    ", 1, at_us, "handle_tx <-vhost_worker");
		put(&t, RX, "vhost-14-148    ", 0, at_us + 100000, "handle_rx <-vhost_worker");
		put(&t, ENTER, "CPU 0/KV-150    ", 0, at_us + 200000,
		    "kvm_entry: vcpu 0, rip 0xffffffff81000000");
		put(&t, HALT, "CPU 0/KV-150    ", 100, at_us + 300000, "kvm_vcpu_halt <-vcpu_run");
	}
	put(&t, 1, "  <idle>-0      ", 1, (bins + 1) * 1000000ULL, "schedule <-do_idle");
	return t;
}

static struct got read_as(const struct vnx_reader_ops *ops, const void *p, size_t n)
{
	struct vnx_reader_conf conf = { .bin_ns = VNX_NSEC_PER_SEC, .quiet = true };
	struct got got = { .ret = -1 };
	struct vnx_reader *r = NULL;
	struct vnx_input in;
	char path[64];
	int fd = memfile(p, n);

	err = (struct vnx_err){ 0 };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	assert_ptr_equal(vnx_reader_find(&in, &err), ops);
	got.ret = ops->open(&r, &in, &conf, &err);
	if (!got.ret)
		got.ret = ops->run(r, &got.run, &err);
	if (!got.ret)
		take_samples(&got, ops, r);
	if (r)
		ops->close(r);
	vnx_input_close(&in);
	close(fd);
	if (got.ret)
		assert_true(err.message[0] != '\0');
	return got;
}

static void assert_relative(const struct got *got, unsigned bins)
{
	assert_workload(got, bins);
	assert_string_equal(got->run.facts.clock, VNX_CLOCK_SINCE_START);
	assert_true(vnx_clock_cost(got->run.facts.clock)->no_stamps);
	assert_non_null(strstr(vnx_clock_cost(got->run.facts.clock)->cost, "not told"));
	assert_int_equal(got->run.facts.start_ns, 0);
	assert_int_equal(got->run.facts.end_ns, (bins + 1) * VNX_NSEC_PER_SEC);
	/* Each second has its own, from its very first microsecond on. */
	for (size_t i = 0; i < got->calls.n; i++)
		if (got->calls.v[i].metric == VNX_HANDLE_TX) {
			assert_int_equal(got->calls.v[i].count, TX);
			assert_int_equal(got->calls.v[i].t_ns % VNX_NSEC_PER_SEC, 0);
		}
}

/* Names are cut to 8: whose worker "vhost-14" is, they do not tell. */
static void test_text(void **state)
{
	struct text t = workload(5);
	struct got got = read_as(&vnx_reader_ftrace_text, t.v, t.n);

	assert_relative(&got, 5);
	assert_int_equal(got.run.vms.n, 0);
	assert_non_null(strstr(got.run.warning, "8 characters"));
	got_fini(&got);
	free(t.v);
}

static void test_graph(void **state)
{
	struct text t = text_begin("0 us, #120/120");
	struct got got;

	t.n += (size_t)sprintf(
		t.v + t.n, "#     REL TIME      CPU  TASK/PID       ||||     DURATION     CALLS\n");
	for (unsigned i = 0; i < TX; i++)
		t.n += (size_t)sprintf(
			t.v + t.n,
			"%9u us |   0)  vhost-1-148   |  d..1. | %s    |  handle_tx();\n",
			i * 100000, i % 2 ? "  0.250 us " : "! 123.456 us");
	t.n += (size_t)sprintf(
		t.v + t.n, "  2400000 us |   0)  vhost-1-148   |  ..... |               |  "
			   "handle_rx() {\n"
			   "  2400001 us |   0)  vhost-1-148   |  ..... |   1.0 us      |  }\n"
			   " 2400.000001 |   0)  vhost-1-148   |   1.0 us      |  handle_rx();\n");
	got = read_as(&vnx_reader_ftrace_text, t.v, t.n);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_TX], TX);
	assert_int_equal(got.total[VNX_HANDLE_RX], 1);
	assert_string_equal(got.run.facts.clock, VNX_CLOCK_SINCE_START);
	got_fini(&got);
	free(t.v);
}

/* What is overwritten, lost, or of another clock, voids or is left out; it never counts. */
static void test_losses(void **state)
{
	struct text t = text_begin("0 us, #120/137");
	struct got got;

	put(&t, TX, "vhost-14-148    ", 1, 1000000, "handle_tx <-vhost_worker");
	t.n += (size_t)sprintf(t.v + t.n, "CPU:1 [LOST 41 EVENTS]\n");
	put(&t, TX, "vhost-14-148    ", 1, 5000000, "handle_tx <-vhost_worker");
	t.n += (size_t)sprintf(t.v + t.n,
			       "      vhost-1441-148     [003] .....     5.500000: handle_tx <-v\n"
			       "vhost-14-148       1d..1. 18446744073709551us : handle_tx <-v\n");
	got = read_as(&vnx_reader_ftrace_text, t.v, t.n);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_TX], 2 * TX);
	assert_int_equal(got.total[VNX_LOST], 41 + 17);
	assert_non_null(strstr(got.run.warning, "(and "));
	for (size_t i = 0; i < got.lost.n; i++)
		if (got.lost.v[i].count == 41) {
			assert_int_equal(got.lost.v[i].t_ns, 1022000 * US);
			assert_int_equal(got.lost.v[i].dur_ns, (5000000 - 1022000) * US);
		}
	got_fini(&got);
	free(t.v);
	/* The first event decides which clock the text has. */
	t = text_begin("0 us, #1/1");
	t.n += (size_t)sprintf(t.v + t.n, "%s%s",
			       "      vhost-1441-148     [003] .....     5.500000: handle_rx <-v\n",
			       "vhost-14-148       1d..1. 5600000us : handle_tx <-v\n");
	got = read_as(&vnx_reader_ftrace_text, t.v, t.n);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_RX], 1);
	assert_int_equal(got.total[VNX_HANDLE_TX], 0);
	assert_string_equal(got.run.facts.clock, "");
	assert_non_null(strstr(got.run.warning, "stamped otherwise"));
	got_fini(&got);
	free(t.v);
}

/* ---- inside a trace.dat ---- */

static struct got read_dat(unsigned kind, bool big, const char *text)
{
	struct gen_bytes file;
	struct gen g;
	struct got got;

	make(&g, kind, big, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	g.date = "0x1234567";
	g.latency = text;
	gen_file(&g, &file);
	got = read_as(&vnx_reader_trace_dat, file.v, file.n);
	free(file.v);
	gen_fini(&g);
	return got;
}

/* The saved names are whole: the worker's tells its VM. */
static void test_dat(void **state)
{
	struct text t = workload(5);

	t.v[t.n] = '\0';
	for (unsigned i = 0; i < 2 * VNX_ARRAY_SIZE(kinds); i++) {
		struct got got = read_dat(i / 2, i % 2, t.v);

		assert_relative(&got, 5);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.run.vms.n, 1);
		assert_int_equal(got.run.vms.v[0].pid, 144);
		assert_string_equal(got.run.facts.kernel, "6.1.0-18-amd64");
		assert_int_equal(got.run.facts.realtime_minus_mono_ns, 0);
		got_fini(&got);
	}
	free(t.v);
}

/* Without latency format it is text on the buffer's own clock. */
static void test_dat_absolute(void **state)
{
	static const char text[] =
		"# tracer: nop\n#\n"
		"       vhost-144-148     [001] .....    15.500000: handle_tx <-vhost_worker\n"
		"       vhost-144-148     [001] .....    18.500000: handle_rx <-vhost_worker\n";
	struct got got = read_dat(2, false, text);

	assert_int_equal(got.ret, 0);
	assert_string_equal(got.run.facts.clock, "mono");
	assert_int_equal(got.total[VNX_HANDLE_TX], 1);
	assert_int_equal(got.run.facts.start_ns, 16 * VNX_NSEC_PER_SEC);
	got_fini(&got);
}

/* One worst latency is said to be one. */
static void test_dat_one_latency(void **state)
{
	struct text t = text_begin("16 us, #4/4");
	struct got got;

	put(&t, 3, "vhost-14-148    ", 1, 0, "handle_tx <-vhost_worker");
	t.n += (size_t)sprintf(t.v + t.n, "vhost-14-148       1d..1.   16us : <stack trace>\n"
					  " => handle_tx\n => vhost_worker\n");
	got = read_dat(3, false, t.v);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_TX], 3);
	assert_non_null(strstr(got.run.warning, "one latency of 16 us"));
	got_fini(&got);
	got = read_dat(0, false, "# tracer: irqsoff\n#\n");
	assert_int_equal(got.ret, -ENODATA);
	assert_non_null(strstr(err.message, "no events"));
	got_fini(&got);
	free(t.v);
}

/* ---- damage ---- */

static struct gen_bytes dat_of(unsigned kind, const char *text)
{
	struct gen_bytes file;
	struct gen g;

	make(&g, kind, kind & 1, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	g.latency = text;
	gen_file(&g, &file);
	gen_fini(&g);
	return file;
}

/* Cut anywhere: what is whole counts, and what is missing is told. */
static void test_dat_cut(void **state)
{
	struct text t = workload(40);

	t.v[t.n] = '\0';
	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file = dat_of(kind, t.v);
		unsigned read = 0;

		for (size_t i = 1; i < 250; i++) {
			struct got got = read_as(&vnx_reader_trace_dat, file.v,
						 10 + (file.n - 10) * i / 250);

			assert_true(all_calls(&got) <= 40 * (TX + RX + ENTER + HALT));
			if (!got.ret && all_calls(&got)) {
				read++;
				/* v6 does not say how long its text is. */
				assert_true(!kind || got.run.warning[0]);
			}
			got_fini(&got);
		}
		assert_true(read > 100); /* the text is the greater part of each */
		free(file.v);
	}
	free(t.v);
}

static void test_dat_corrupt(void **state)
{
	struct text t = workload(3);
	uint64_t seed = 20261122;

	t.v[t.n] = '\0';
	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file = dat_of(kind, t.v);

		for (size_t i = 0; i < 500; i++) {
			struct got got;
			size_t at;
			uint8_t was;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			at = 10 + (size_t)(seed >> 33) % (file.n - 10);
			was = file.v[at];
			file.v[at] ^= (uint8_t)(1 + (seed >> 20) % 255);
			got = read_as(&vnx_reader_trace_dat, file.v, file.n);
			got_fini(&got);
			file.v[at] = was;
		}
		free(file.v);
	}
	free(t.v);
}

/* A piece that unpacks to what no page holds is no text; neither are pieces without end. */
static void test_dat_hostile(void **state)
{
	struct text t = workload(3);
	struct gen_bytes file;
	struct got got;
	uint8_t *piece;

	t.v[t.n] = '\0';
	file = dat_of(2, t.v); /* kind 2: little-endian, zlib */
	piece = memmem(file.v, file.n, "\x16\0\1\0", 4);
	assert_non_null(piece);
	piece += 16;
	memset(piece, 0xff, 4); /* how many pieces */
	got = read_as(&vnx_reader_trace_dat, file.v, file.n);
	assert_workload(&got, 3);
	assert_true(got.run.warning[0]);
	got_fini(&got);
	memcpy(piece + 8, "\0\0\0\x70", 4); /* what the first unpacks to */
	got = read_as(&vnx_reader_trace_dat, file.v, file.n);
	assert_int_not_equal(got.ret, 0);
	assert_non_null(strstr(err.message, "more than text can"));
	got_fini(&got);
	free(file.v);
	free(t.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),         cmocka_unit_test(test_graph),
		cmocka_unit_test(test_losses),       cmocka_unit_test(test_dat),
		cmocka_unit_test(test_dat_absolute), cmocka_unit_test(test_dat_one_latency),
		cmocka_unit_test(test_dat_cut),      cmocka_unit_test(test_dat_corrupt),
		cmocka_unit_test(test_dat_hostile),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
