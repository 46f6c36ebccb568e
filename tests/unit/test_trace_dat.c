// SPDX-License-Identifier: GPL-2.0-only
/* The trace.dat reader against files of known content. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/dat_read.h"

/* ---- whole files ---- */

/* Version, packer, byte order, size of a long, page size, times: the same counts. */
static void test_all_kinds(void **state)
{
	for (unsigned i = 0; i < VNX_ARRAY_SIZE(kinds) * 16; i++) {
		struct gen g;
		struct got got;

		make(&g, i / 16, i & 1, i & 2 ? 4 : 8);
		g.absolute = i & 4;
		g.page_size = i & 8 ? 65536 : 4096;
		gen_workload(&g, 0, BINS);
		got = read_gen(&g);
		assert_workload(&got, BINS);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.lost.n, 0);
		assert_string_equal(got.run.facts.clock, "mono");
		assert_string_equal(got.run.facts.kernel, "6.1.0-18-amd64");
		assert_string_equal(got.run.facts.host, "hyper1");
		assert_string_equal(got.run.facts.capture, "trace-cmd 3.1.6");
		assert_int_equal(got.run.facts.stats.events, (TX + RX + ENTER + HALT) * BINS);
		got_fini(&got);
	}
}

/* Each bin has its own counts, in its own time. */
static void assert_bins(const struct got *got)
{
	static const uint64_t want[] = { TX, RX, ENTER, HALT };

	assert_int_equal(got->calls.n, 4 * BINS);
	for (size_t i = 0; i < got->calls.n; i++) {
		const struct vnx_sample *s = &got->calls.v[i];

		assert_int_equal(s->t_ns, GEN_START + i / 4 * GEN_BIN);
		assert_int_equal(s->dur_ns, GEN_BIN);
		assert_int_equal(s->metric, VNX_HANDLE_TX + i % 4);
		assert_int_equal(s->count, want[i % 4]);
		assert_int_equal(s->entity, i % 4 < 2 ? 148 : 150);
	}
}

static void test_bins_and_vms(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 3, false, 8);
	gen_workload(&g, 0, BINS);
	got = read_gen(&g);
	assert_workload(&got, BINS);
	assert_bins(&got);
	assert_int_equal(got.run.vms.n, 1);
	assert_int_equal(got.run.vms.v[0].pid, 144);
	assert_int_equal(got.run.vms.v[0].workers.n, 1);
	assert_int_equal(got.run.vms.v[0].workers.v[0], 148);
	assert_int_equal(got.run.vms.v[0].vcpus.n, 1);
	assert_int_equal(got.run.vms.v[0].vcpus.v[0], 150);
	assert_string_equal(got.run.hooks.v[0].hook, "function:handle_tx");
	assert_string_equal(got.run.hooks.v[2].hook, "tp:kvm:kvm_entry");
	got_fini(&got);
}

/* More than one job's worth of pages a CPU: nothing is counted twice at the seams, or left out. */
static void test_many_parts(void **state)
{
	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen g;
		struct got got;

		make(&g, kind, false, 8);
		g.kallsyms = GEN_KALLSYMS;
		g.cmdlines = GEN_CMDLINES;
		g.chunk_pages = 10;
		for (unsigned i = 0; i < 500009; i++)
			gen_call(&g, 0, i % 7 == 3, GEN_START + i * 5000ULL, GEN_FUNCTION, 148,
				 i % 5 ? GEN_TX : GEN_OTHER);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_int_equal(got.total[VNX_HANDLE_TX], 400007);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.lost.n, 0);
		got_fini(&got);
	}
}

/* Hours without an event: a time extend; beyond 2^59 ns: the top bits of an absolute stamp. */
static void test_far_times(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t start = (i & 1 ? 3ULL << 59 : 0) + GEN_START,
			 hours = 17 * 3600ULL * 1000000000;
		struct gen g;
		struct got got;

		make(&g, 0, i & 2, 8);
		g.absolute = i & 4;
		g.n_cpus = 1;
		g.kallsyms = GEN_KALLSYMS;
		gen_call(&g, 0, 0, start, GEN_FUNCTION, 148, GEN_TX);
		gen_call(&g, 0, 0, start + hours, GEN_FUNCTION, 148, GEN_TX);
		gen_call(&g, 0, 0, start + hours + 1, GEN_FUNCTION, 148, GEN_TX);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.calls.n, 2);
		assert_int_equal(got.calls.v[0].t_ns, start / GEN_BIN * GEN_BIN);
		assert_int_equal(got.calls.v[1].t_ns, (start + hours) / GEN_BIN * GEN_BIN);
		assert_int_equal(got.calls.v[1].count, 2);
		got_fini(&got);
	}
}

/* Records that are longer than 112 bytes, discarded, or fill up the page. */
static void test_odd_records(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct gen_bytes big;
		struct gen g;
		struct got got;

		make(&g, i & 1, i & 2, 8);
		g.n_cpus = 1;
		g.kallsyms = GEN_KALLSYMS;
		gen_call(&g, 0, 0, GEN_START, GEN_FUNCTION, 148, GEN_TX);
		gen_discarded(&g, 0, 0, 1);
		gen_discarded(&g, 0, 0, 1000);
		big = gen_event(&g, GEN_FUNCTION, 148);
		gen_num(&big, GEN_TX + 4, 8);
		gen_put(&big, NULL, 200);
		gen_record(&g, 0, 0, GEN_START + 2000, &big);
		free(big.v);
		gen_call(&g, 0, 0, GEN_START + GEN_BIN, GEN_FUNCTION, 148, GEN_TX);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.total[VNX_HANDLE_TX], 3);
		assert_int_equal(got.calls.v[0].count, 2);
		got_fini(&got);
	}
}

/* The other tracers of functions; a namesake in another module and a middle are no call. */
static void test_functions(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 1, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	for (unsigned i = 0; i < 23; i++) {
		gen_call(&g, 0, 0, GEN_START + i * 1000, GEN_FUNCGRAPH, 148, GEN_TX + 4);
		gen_call(&g, 0, 0, GEN_START + i * 1000 + 1, GEN_FUNCGRAPH, 148, GEN_TX + 64);
		gen_call(&g, 0, 0, GEN_START + i * 1000 + 2, GEN_FUNCGRAPH, 148,
			 0xffffffff81005000ULL);
	}
	gen_repeats(&g, 0, GEN_START + 30000, 148, GEN_TX, 29);
	gen_repeats(&g, 0, GEN_START + 30001, 148, GEN_TX, 0);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_TX], 23 + 29);
	assert_int_equal(got.total[VNX_HANDLE_RX], 0);
	got_fini(&got);
}

/* Any name will do, the address tells; two probes of one function are one call. */
static void test_kprobe_events(void **state)
{
	for (int symbols = 0; symbols < 2; symbols++) {
		struct gen g;
		struct got got;

		make(&g, 0, true, 8);
		g.kallsyms = symbols ? GEN_KALLSYMS : "0000000000000000 t handle_tx\t[vhost_net]\n";
		for (unsigned i = 0; i < 31; i++) {
			gen_call(&g, 0, 1, GEN_START + i * 1000, GEN_PROBE_A, 148, GEN_RX + 4);
			gen_call(&g, 0, 1, GEN_START + i * 1000, GEN_PROBE_A, 148, GEN_RX + 40);
			gen_call(&g, 0, 0, GEN_START + i * 1000, GEN_PROBE_A, 148, GEN_TX);
			if (i < 29)
				gen_call(&g, 0, 0, GEN_START + i * 1000, GEN_PROBE_B, 148, GEN_TX);
		}
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		/* Without addresses only the name that a tool gives tells the function. */
		assert_int_equal(got.total[VNX_HANDLE_RX], symbols ? 31 : 0);
		assert_int_equal(got.total[VNX_HANDLE_TX], symbols ? 31 : 29);
		assert_string_equal(got.run.hooks.v[0].hook, "kprobe:handle_tx");
		got_fini(&got);
	}
}

static void test_hook_override(void **state)
{
	struct vnx_hook_override hooks[] = { { VNX_HANDLE_TX, "tp:kprobes:my_first" },
					     { VNX_VCPU_ENTER, "tp:kvm:kvm_vcpu_wakeup" } };
	struct gen_bytes file;
	struct gen g;
	struct got got;

	make(&g, 1, false, 8);
	for (unsigned i = 0; i < 37; i++) {
		gen_call(&g, 0, 0, GEN_START + i, GEN_PROBE_A, 148, GEN_OTHER + 123);
		gen_call(&g, 0, 0, GEN_START + i, GEN_WAKEUP, 150, 1);
	}
	gen_file(&g, &file);
	got = read_hooked(file.v, file.n, hooks, 2);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.total[VNX_HANDLE_TX], 37);
	assert_int_equal(got.total[VNX_VCPU_ENTER], 37);
	got_fini(&got);
	free(file.v);
	gen_fini(&g);
}

/* ---- buffers ---- */

/* The same events in two buffers count once; threads that only one has count too. */
static void test_instances(void **state)
{
	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen g;
		struct got got;

		make(&g, kind, false, 8);
		g.n_buffers = 3;
		snprintf(g.buffers[1].name, sizeof(g.buffers[1].name), "one");
		snprintf(g.buffers[2].name, sizeof(g.buffers[2].name), "two");
		gen_workload(&g, 1, BINS);
		gen_workload(&g, 2, BINS - 1);
		for (unsigned i = 0; i < 41; i++)
			gen_call(&g, 2, 0, GEN_START + BINS * GEN_BIN + i, GEN_FUNCTION, 777,
				 GEN_TX);
		got = read_gen(&g);
		got.total[VNX_HANDLE_TX] -= 41;
		assert_workload(&got, BINS);
		assert_string_equal(got.run.warning, "");
		got_fini(&got);
	}
}

static void test_two_clocks(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 1, false, 8);
	g.n_buffers = 2;
	snprintf(g.buffers[1].name, sizeof(g.buffers[1].name), "other");
	g.buffers[1].clock = "boot";
	gen_workload(&g, 1, BINS);
	gen_call(&g, 0, 0, 5, GEN_FUNCTION, 777, GEN_TX);
	got = read_gen(&g);
	assert_workload(&got, BINS);
	assert_string_equal(got.run.facts.clock, "boot");
	assert_non_null(strstr(got.run.warning, "another clock"));
	got_fini(&got);
}

/* ---- losses ---- */

/* From the last event before the page to the first in it; on the first page from the start. */
static void test_lost_pages(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		bool stored = i & 1;
		struct gen g;
		struct got got;
		struct gen_cpu *c;

		make(&g, i / 4 % 2 ? 3 : 0, i & 2, i & 8 ? 4 : 8);
		c = &g.buffers[0].cpus[0];
		g.kallsyms = GEN_KALLSYMS;
		add_calls(&g, 1, GEN_START - GEN_BIN, 1);
		add_calls(&g, 0, GEN_START, 3);
		gen_page_end(&g, c, 1u << 31 | (stored ? 1u << 30 : 0), stored ? 41 : 0);
		add_calls(&g, 0, GEN_START + GEN_BIN, 2);
		gen_page_end(&g, c, 0, 0);
		add_calls(&g, 0, GEN_START + 2 * GEN_BIN, 2);
		gen_page_end(&g, c, 0xffffffff00000000ULL | 1u << 31 | (stored ? 1u << 30 : 0),
			     stored ? 43 : 0);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_string_equal(got.run.warning, "");
		assert_int_equal(got.total[VNX_HANDLE_TX], 8);
		assert_int_equal(got.lost.n, 2);
		assert_int_equal(got.lost.v[0].t_ns, GEN_START - GEN_BIN);
		assert_int_equal(got.lost.v[0].dur_ns, GEN_BIN);
		assert_int_equal(got.lost.v[0].count, stored ? 41 : 1);
		assert_int_equal(got.lost.v[1].t_ns, GEN_START + GEN_BIN + 1000);
		assert_int_equal(got.lost.v[1].dur_ns, GEN_BIN - 1000);
		assert_int_equal(got.lost.v[1].count, stored ? 43 : 1);
		got_fini(&got);
	}
}

/* What the ring says that it overwrote and no page tells of was before the first event. */
static void test_overruns(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 0, false, 8);
	g.kallsyms = GEN_KALLSYMS;
	g.stats.text[g.stats.n++] = "CPU: 0\nentries: 2\noverrun: 47\ncommit overrun: 0\n"
				    "bytes: 9\nnow ts:  2000.000001\ndropped events: 0\n";
	g.stats.text[g.stats.n++] = "CPU: 1\nentries: 2\noverrun: 0\ncommit overrun: 0\n"
				    "now ts:  2000.000001\ndropped events: 53\n";
	g.stats.text[g.stats.n++] = "\nBuffer: gone\n\n";
	g.stats.text[g.stats.n++] = "CPU: 0\nentries: 2\noverrun: 1000\n";
	add_calls(&g, 1, GEN_START - GEN_BIN, 1);
	add_calls(&g, 1, GEN_START + 3 * GEN_BIN, 1);
	add_calls(&g, 0, GEN_START, 3);
	got = read_gen(&g);
	assert_int_equal(got.ret, 0);
	assert_int_equal(got.lost.n, 2);
	assert_int_equal(got.lost.v[0].t_ns, GEN_START - GEN_BIN);
	assert_int_equal(got.lost.v[0].dur_ns, GEN_BIN);
	assert_int_equal(got.lost.v[0].count, 47);
	assert_int_equal(got.lost.v[1].t_ns, GEN_START - GEN_BIN);
	assert_int_equal(got.lost.v[1].dur_ns, 4 * GEN_BIN);
	assert_int_equal(got.lost.v[1].count, 53);
	assert_int_equal(got.run.facts.stats.lost, 100);
	got_fini(&got);
}

/* ---- clocks ---- */

static void test_offsets(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 0, false, 8);
	gen_workload(&g, 0, BINS);
	g.date = "0x5f5e100";
	g.offset = "1000000000";
	got = read_gen(&g);
	assert_workload(&got, BINS);
	assert_int_equal(got.run.facts.realtime_minus_mono_ns, 100000000000LL);
	assert_int_equal(got.calls.v[0].t_ns, GEN_START + 2 * GEN_BIN);
	got_fini(&got);
}

static void test_cycles(void **state)
{
	struct gen g;
	struct got got;

	make(&g, 0, false, 8);
	gen_workload(&g, 0, BINS);
	g.clock = "local global [x86-tsc]";
	g.tsc_mult = 1u << 20;
	g.tsc_shift = 22;
	got = read_gen(&g);
	assert_workload(&got, BINS);
	assert_int_equal(got.calls.v[0].t_ns, GEN_START / 4 / GEN_BIN * GEN_BIN);
	got_fini(&got);

	make(&g, 0, false, 8);
	gen_workload(&g, 0, BINS);
	g.clock = "local global [x86-tsc]";
	got = read_gen(&g);
	assert_int_not_equal(got.ret, 0);
	assert_non_null(strstr(err.message, "x86-tsc"));
	got_fini(&got);
}

/* ---- names ---- */

/* A marker of ours; the tgid that task_newtask tells; names of sched_switch where none is saved. */
static void test_people(void **state)
{
	struct gen g;
	struct got got;
	unsigned i;

	make(&g, 0, true, 8);
	gen_workload(&g, 0, 1);
	g.cmdlines = "144 qemu-system-x86\n";
	gen_newtask(&g, 0, GEN_START + GEN_BIN, 1, 144, "qemu-system-x86", false);
	gen_newtask(&g, 0, GEN_START + GEN_BIN + 1, 144, 149, "qemu-system-x86", true);
	gen_newtask(&g, 0, GEN_START + GEN_BIN + 2, 149, 150, "qemu-system-x86", true);
	gen_switch(&g, 0, GEN_START + GEN_BIN + 3, 0, "swapper/0", 148, "vhost-149");
	gen_print(&g, 0, GEN_START + GEN_BIN + 4, "something else\n");
	gen_print(&g, 0, GEN_START + GEN_BIN + 5,
		  "vnetdx vm pid=200 name=web%201 backend=vhost-net workers=201 vcpus=202\n");
	got = read_gen(&g);
	assert_workload(&got, 1);
	assert_int_equal(got.run.vms.n, 2);
	for (i = 0; i < 2 && got.run.vms.v[i].pid != 200; i++)
		;
	assert_true(i < 2);
	assert_string_equal(got.run.vms.v[i].name, "web 1");
	assert_int_equal(got.run.vms.v[i].workers.v[0], 201);
	assert_int_equal(got.run.vms.v[!i].pid, 144);
	assert_int_equal(got.run.vms.v[!i].workers.n, 1);
	assert_int_equal(got.run.vms.v[!i].workers.v[0], 148);
	assert_int_equal(got.run.vms.v[!i].vcpus.n, 1);
	assert_int_equal(got.run.vms.v[!i].vcpus.v[0], 150);
	got_fini(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),     cmocka_unit_test(test_bins_and_vms),
		cmocka_unit_test(test_many_parts),    cmocka_unit_test(test_far_times),
		cmocka_unit_test(test_odd_records),   cmocka_unit_test(test_functions),
		cmocka_unit_test(test_kprobe_events), cmocka_unit_test(test_hook_override),
		cmocka_unit_test(test_instances),     cmocka_unit_test(test_two_clocks),
		cmocka_unit_test(test_lost_pages),    cmocka_unit_test(test_overruns),
		cmocka_unit_test(test_offsets),       cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_people),
	};

	return cmocka_run_group_tests_name("trace_dat", tests, NULL, NULL);
}
