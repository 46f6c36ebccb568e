// SPDX-License-Identifier: GPL-2.0-only
/* The trace.dat reader against files of known content, whole, cut and damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/input/reader.h"
#include "tests/unit/dat_gen.h"

#define BINS 10
#define TX 23
#define RX 29
#define ENTER 31
#define HALT 37

static struct vnx_err err;

/* What a file gave. */
struct got {
	int ret;
	uint64_t total[VNX_METRIC_MAX];
	struct vnx_samples lost;
	struct vnx_samples calls;
	struct vnx_run run;
};

static int memfile(const void *p, size_t n)
{
	int fd = memfd_create("test-trace-dat", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	return fd;
}

static void take_samples(struct got *got, const struct vnx_reader_ops *ops, struct vnx_reader *r)
{
	struct vnx_sample s;

	while ((got->ret = ops->next(r, &s, &err)) == 1) {
		assert_in_range(s.metric, 0, VNX_METRIC_MAX - 1);
		got->total[s.metric] += s.count;
		assert_int_equal(vnx_vec_push(s.metric == VNX_LOST ? &got->lost : &got->calls, s),
				 0);
	}
}

static struct got read_hooked(const void *p, size_t n, const struct vnx_hook_override *hooks,
			      size_t n_hooks)
{
	struct vnx_reader_conf conf = {
		.bin_ns = GEN_BIN, .hooks = hooks, .n_hooks = n_hooks, .quiet = true
	};
	const struct vnx_reader_ops *ops;
	struct got got = { .ret = -1 };
	struct vnx_reader *r = NULL;
	struct vnx_input in;
	char path[64];
	int fd = memfile(p, n);

	err = (struct vnx_err){ 0 };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	ops = vnx_reader_find(&in, &err);
	if (ops) {
		assert_string_equal(ops->name, "trace.dat");
		got.ret = ops->open(&r, &in, &conf, &err);
		if (!got.ret)
			got.ret = ops->run(r, &got.run, &err);
		if (!got.ret)
			take_samples(&got, ops, r);
		if (r)
			ops->close(r);
	}
	vnx_input_close(&in);
	close(fd);
	if (got.ret)
		assert_true(err.message[0] != '\0');
	return got;
}

static struct got read_bytes(const void *p, size_t n)
{
	return read_hooked(p, n, NULL, 0);
}

static struct got read_gen(struct gen *g)
{
	struct gen_bytes file;
	struct got got;

	gen_file(g, &file);
	got = read_bytes(file.v, file.n);
	free(file.v);
	gen_fini(g);
	return got;
}

static void got_fini(struct got *got)
{
	free(got->lost.v);
	free(got->calls.v);
	vnx_run_fini(&got->run);
}

static void assert_workload(const struct got *got, uint64_t bins)
{
	if (got->ret)
		print_error("%s\n", err.message);
	assert_int_equal(got->ret, 0);
	assert_int_equal(got->total[VNX_HANDLE_TX], TX * bins);
	assert_int_equal(got->total[VNX_HANDLE_RX], RX * bins);
	assert_int_equal(got->total[VNX_VCPU_ENTER], ENTER * bins);
	assert_int_equal(got->total[VNX_VCPU_HALT], HALT * bins);
}

static uint64_t all_calls(const struct got *got)
{
	return got->total[VNX_HANDLE_TX] + got->total[VNX_HANDLE_RX] + got->total[VNX_VCPU_ENTER] +
	       got->total[VNX_VCPU_HALT];
}

/* ---- whole files ---- */

static const struct {
	unsigned version;
	enum gen_codec codec;
} kinds[] = { { 6, GEN_PLAIN }, { 7, GEN_PLAIN }, { 7, GEN_ZLIB }, { 7, GEN_ZSTD } };

static void make(struct gen *g, unsigned kind, bool big, unsigned commit_size)
{
	gen_init(g, kinds[kind].version, big, commit_size);
	g->codec = kinds[kind].codec;
}

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

static void add_calls(struct gen *g, unsigned cpu, uint64_t t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gen_call(g, 0, cpu, t + i * 1000, GEN_FUNCTION, 148, GEN_TX);
}

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

/* ---- what cannot be read ---- */

static void assert_refused(struct got *got, const char *word)
{
	assert_int_not_equal(got->ret, 0);
	if (!strstr(err.message, word))
		print_error("%s\n", err.message);
	assert_non_null(strstr(err.message, word));
	assert_true(err.hint[0] != '\0');
	got_fini(got);
}

static void test_refused(void **state)
{
	struct gen_bytes file;
	struct gen g;
	struct got got;

	make(&g, 0, false, 8);
	g.latency = true;
	got = read_gen(&g);
	assert_refused(&got, "latency");

	make(&g, 0, false, 8);
	gen_workload(&g, 0, 1);
	g.kallsyms = "";
	got = read_gen(&g);
	assert_int_equal(got.ret, 0); /* kvm_entry is known by its event */
	assert_int_equal(all_calls(&got), ENTER);
	got_fini(&got);

	make(&g, 1, false, 8);
	gen_workload(&g, 0, 1);
	gen_file(&g, &file);
	file.v[10] = '8';
	got = read_bytes(file.v, file.n);
	assert_refused(&got, "version 8");
	file.v[10] = '7';
	file.v[18] = 'l'; /* "none" */
	got = read_bytes(file.v, file.n);
	assert_refused(&got, "packed by 'lone'");
	got = read_bytes(file.v, 14);
	assert_refused(&got, "first bytes");
	free(file.v);
	gen_fini(&g);
}

static void test_pipe(void **state)
{
	struct vnx_reader_conf conf = { .bin_ns = GEN_BIN, .quiet = true };
	struct vnx_input in = { .path = "-", .fd = -1, .head_len = 16 };
	struct vnx_reader *r;

	err = (struct vnx_err){ 0 };
	memcpy(in.head, "\x17\x08\x44tracing6\0\0\x8", 14);
	assert_ptr_equal(vnx_reader_find(&in, &err), &vnx_reader_trace_dat);
	assert_int_not_equal(vnx_reader_trace_dat.open(&r, &in, &conf, &err), 0);
	assert_non_null(strstr(err.message, "pipe"));
}

/* ---- damage ---- */

/* The bytes of a page's commit say more than the page has; the others still count. */
static void test_bad_commit(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct gen g;
		struct got got;
		struct gen_cpu *c;

		make(&g, 0, i, 8);
		c = &g.buffers[0].cpus[0];
		g.kallsyms = GEN_KALLSYMS;
		add_calls(&g, 0, GEN_START, 5);
		gen_page_end(&g, c, 0, 0);
		add_calls(&g, 0, GEN_START + GEN_BIN, 7);
		gen_page_end(&g, c, 0, 0);
		gen_set(&c->pages, c->page + 8, 5000, 8);
		add_calls(&g, 0, GEN_START + 2 * GEN_BIN, 11);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_int_equal(got.total[VNX_HANDLE_TX], 16);
		assert_non_null(strstr(got.run.warning, "page 1 of CPU 0 at offset 0x"));
		assert_int_equal(got.lost.n, 1);
		assert_int_equal(got.lost.v[0].t_ns, GEN_START + 4000);
		assert_int_equal(got.lost.v[0].dur_ns, 2 * GEN_BIN - 4000);
		got_fini(&got);
	}
}

/* A page whose time is far from its neighbours' is left out, wherever it is. */
static void test_bad_stamp(void **state)
{
	for (unsigned bad = 0; bad < 5; bad++)
		for (unsigned high = 0; high < 2; high++) {
			struct gen g;
			struct got got;
			struct gen_cpu *c;

			make(&g, 0, false, 8);
			c = &g.buffers[0].cpus[0];
			g.kallsyms = GEN_KALLSYMS;
			for (unsigned i = 0; i < 5; i++) {
				add_calls(&g, 0, GEN_START + (i + 1) * 4 * GEN_BIN, 5);
				gen_page_end(&g, c, 0, 0);
				if (i == bad)
					gen_set(&c->pages, c->page,
						high ? 1ULL << 62 : GEN_START / 2, 8);
			}
			got = read_gen(&g);
			assert_int_equal(got.ret, 0);
			/* A first page that is too early looks like any first page. */
			assert_int_equal(got.total[VNX_HANDLE_TX], !bad && !high ? 25 : 20);
			assert_int_equal(got.lost.n, !bad && !high ? 0 : 1);
			assert_true(got.run.facts.end_ns < 100 * GEN_START);
			got_fini(&got);
		}
}

/* What is cut off at the end is lost, and said to be; v7 lists its buffers there. */
static void test_cut_end(void **state)
{
	for (unsigned i = 0; i < VNX_ARRAY_SIZE(kinds) * 2; i++) {
		uint64_t whole = (TX + RX + ENTER + HALT) * 40;
		struct gen_bytes file;
		struct gen g;
		struct got got;

		make(&g, i / 2, i & 1, 8);
		g.no_strings = true;
		gen_workload(&g, 0, 40);
		gen_file(&g, &file);
		got = read_bytes(file.v, file.n - (g.codec ? 400 : 3 * 4096 + 100));
		assert_int_equal(got.ret, 0);
		assert_true(all_calls(&got) < whole);
		assert_true(all_calls(&got) > whole / 2);
		assert_true(got.run.warning[0] != '\0');
		if (i < 2) {
			assert_non_null(strstr(got.run.warning, "of CPU 1 at offset 0x"));
			assert_non_null(strstr(got.run.warning, "the file ends here"));
			assert_int_equal(got.lost.n, 1);
		}
		assert_true(got.lost.n > 0);
		assert_int_equal(got.lost.v[got.lost.n - 1].t_ns +
					 got.lost.v[got.lost.n - 1].dur_ns,
				 GEN_START + 39 * GEN_BIN + 119 * (GEN_BIN / 120));
		got_fini(&got);
		free(file.v);
		gen_fini(&g);
	}
}

/* Never more than there is, never nothing without a word. */
static void check_damaged(const void *p, size_t n, uint64_t whole)
{
	struct got got = read_bytes(p, n);

	if (!got.ret)
		assert_true(all_calls(&got) <= whole);
	if (!got.ret && all_calls(&got) < whole)
		assert_true(got.run.warning[0] != '\0' || got.lost.n);
	got_fini(&got);
}

/* Every prefix, at 1000 cuts. */
static void test_cuts(void **state)
{
	uint64_t begun = vnx_mono_ns();

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;

		make(&g, kind, kind & 1, 8);
		gen_workload(&g, 0, BINS);
		gen_file(&g, &file);
		for (size_t i = 0; i < 1000; i++)
			check_damaged(file.v, file.n * i / 1000, (TX + RX + ENTER + HALT) * BINS);
		free(file.v);
		gen_fini(&g);
	}
	assert_true(vnx_mono_ns() - begun < 60 * VNX_NSEC_PER_SEC);
}

/* xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift generators, 2016) */
static uint64_t random64(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ULL;
}

/* One byte wrong at a time: some value that was not there before. */
static void test_corruptions(void **state)
{
	uint64_t seed = 20260101;

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;
		uint64_t slowest = 0;

		make(&g, kind, kind & 1, 8);
		gen_workload(&g, 0, BINS);
		gen_file(&g, &file);
		for (size_t i = 0; i < 1000; i++) {
			size_t at = random64(&seed) % file.n;
			uint8_t was = file.v[at];
			uint64_t begun = vnx_mono_ns();
			struct got got;

			file.v[at] ^= (uint8_t)(1 + random64(&seed) % 255);
			got = read_bytes(file.v, file.n);
			got_fini(&got);
			file.v[at] = was;
			begun = vnx_mono_ns() - begun;
			slowest = begun > slowest ? begun : slowest;
		}
		assert_true(slowest < 2 * VNX_NSEC_PER_SEC);
		free(file.v);
		gen_fini(&g);
	}
}

/* Counts and sizes that no file can have. */
static void test_hostile_numbers(void **state)
{
	static const uint64_t numbers[] = { UINT64_MAX, INT64_MAX,  UINT32_MAX,
					    INT32_MAX,  1ULL << 40, 0 };

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;

		make(&g, kind, false, 8);
		gen_workload(&g, 0, 2);
		gen_file(&g, &file);
		for (size_t at = 0; at + 8 < file.n; at += at < 8192 ? 13 : 127)
			for (unsigned i = 0; i < VNX_ARRAY_SIZE(numbers); i++) {
				uint8_t was[8];
				struct got got;

				memcpy(was, file.v + at, 8);
				memcpy(file.v + at, &numbers[i], i % 2 ? 4 : 8);
				got = read_bytes(file.v, file.n);
				got_fini(&got);
				memcpy(file.v + at, was, 8);
			}
		free(file.v);
		gen_fini(&g);
	}
}

/* Sections that lead to each other for ever. */
static void test_option_loop(void **state)
{
	struct gen_bytes file;
	struct gen g;
	struct got got;
	uint64_t first;

	make(&g, 1, false, 8);
	gen_workload(&g, 0, 1);
	g.no_strings = true;
	gen_file(&g, &file);
	memcpy(&first, file.v + 24, 8); /* behind "none", "" */
	memcpy(file.v + file.n - 8, &first, 8);
	got = read_bytes(file.v, file.n);
	assert_int_not_equal(got.ret, -1);
	got_fini(&got);
	free(file.v);
	gen_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_bins_and_vms),
		cmocka_unit_test(test_many_parts),
		cmocka_unit_test(test_far_times),
		cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_kprobe_events),
		cmocka_unit_test(test_hook_override),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_two_clocks),
		cmocka_unit_test(test_lost_pages),
		cmocka_unit_test(test_overruns),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_bad_commit),
		cmocka_unit_test(test_bad_stamp),
		cmocka_unit_test(test_cut_end),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_corruptions),
		cmocka_unit_test(test_hostile_numbers),
		cmocka_unit_test(test_option_loop),
	};

	return cmocka_run_group_tests_name("trace_dat", tests, NULL, NULL);
}
