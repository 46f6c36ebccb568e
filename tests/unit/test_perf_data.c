// SPDX-License-Identifier: GPL-2.0-only
/* perf.data made here, with known counts, in every shape that perf writes; and broken ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <byteswap.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/input/reader.h"

#define MS VNX_NSEC_PER_MSEC
#define BIN (100 * MS)
#define T0 (1000 * VNX_NSEC_PER_SEC)
#define SPAN VNX_NSEC_PER_SEC
#define TX 23
#define RX 29
#define ENTER 31
#define HALT 37
#define USUAL                                                                           \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW)
#define SAMPLE_LEN 80 /* of the usual */
#define ADDR_TX 0xffffffffc0001000ull
#define ADDR_RX 0xffffffffc0002000ull

struct bytes {
	uint8_t *v;
	size_t n, cap;
};

/* How a file is made. */
struct shape {
	bool swap, pipe, pack, pack2, no_tracing_data, no_names, kallsyms, unfinished, rounds;
	uint64_t sample_type; /* 0: the usual */
	uint64_t read_format;
	uint64_t period;        /* 0: 1 */
	uint64_t sample_period; /* in each sample; 0: 1 */
	bool freq, no_clockid, twin, early_names;
};

struct event {
	const char *system, *name;
	uint64_t config;
	unsigned calls, tid, cpu;
	bool probe;
	uint64_t ip;
};

static const struct event events[] = {
	{ "probe", "handle_tx", 1501, TX, 148, 0, true, ADDR_TX },
	{ "probe", "handle_rx", 1502, RX, 148, 0, true, ADDR_RX },
	{ "kvm", "kvm_entry", 1200, ENTER, 150, 1, false, 0 },
	{ "kvm", "kvm_vcpu_wakeup", 1201, HALT, 150, 1, false, 0 },
};

#define N_EVENTS VNX_ARRAY_SIZE(events)

static struct shape shape;
static struct bytes file;
static struct vnx_err err;
static struct vnx_run run;
static uint64_t counts[VNX_METRIC_MAX], lost_ns;
static const struct vnx_hook_override *hooks;
static size_t n_hooks;

/* ---- writing ---- */

static void put(struct bytes *b, const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(vnx_vec_push(b, ((const uint8_t *)p)[i]), 0);
}

static void put16(struct bytes *b, uint16_t x)
{
	x = shape.swap ? bswap_16(x) : x;
	put(b, &x, 2);
}

static void put32(struct bytes *b, uint32_t x)
{
	x = shape.swap ? bswap_32(x) : x;
	put(b, &x, 4);
}

static void put64(struct bytes *b, uint64_t x)
{
	x = shape.swap ? bswap_64(x) : x;
	put(b, &x, 8);
}

static void set64(struct bytes *b, size_t at, uint64_t x)
{
	x = shape.swap ? bswap_64(x) : x;
	memcpy(b->v + at, &x, 8);
}

static void put_string(struct bytes *b, const char *s)
{
	char padded[64] = "";

	snprintf(padded, sizeof(padded), "%s", s);
	put32(b, sizeof(padded));
	put(b, padded, sizeof(padded));
}

static void put_head(struct bytes *b, uint32_t type, size_t size)
{
	put32(b, type);
	put16(b, 0);
	put16(b, (uint16_t)size);
}

static void pad8(struct bytes *b)
{
	while (b->n % 8)
		put(b, "", 1);
}

static uint64_t flags_bit(unsigned bit)
{
	return shape.swap ? 1ull << (63 - bit) : 1ull << bit;
}

static uint64_t sample_type(void)
{
	return shape.sample_type ? shape.sample_type : USUAL;
}

static void put_attr(struct bytes *b, uint64_t config)
{
	put32(b, PERF_TYPE_TRACEPOINT);
	put32(b, 112);
	put64(b, config);
	put64(b, shape.period ? shape.period : 1);
	put64(b, sample_type());
	put64(b, shape.read_format);
	put64(b, flags_bit(18) | (shape.no_clockid ? 0 : flags_bit(25)) |
			 (shape.freq ? flags_bit(10) : 0));
	for (int i = 0; i < 5; i++)
		put64(b, 0);
	put32(b, 0);
	put32(b, CLOCK_MONOTONIC);
	put64(b, 0);
	put64(b, 0);
}

static uint64_t id_of(size_t event)
{
	return 500 + event * 7;
}

static void put_format(struct bytes *b, const struct event *e)
{
	char text[1024];
	int n = snprintf(
		text, sizeof(text),
		"name: %s\nID: %d\nformat:\n"
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
		"\tfield:unsigned %s;\toffset:8;\tsize:8;\tsigned:0;\n\n"
		"print fmt: \"(%%lx)\", REC->%s\n",
		e->name, (int)e->config, e->probe ? "long __probe_ip" : "long vcpu",
		e->probe ? "__probe_ip" : "vcpu");

	put64(b, (uint64_t)n);
	put(b, text, (size_t)n);
}

static void put_kallsyms(struct bytes *b)
{
	char text[256];
	int n = !shape.kallsyms
			? 0
			: snprintf(text, sizeof(text),
				   "%llx t handle_rx\t[vhost_net]\n%llx t handle_tx\t[vhost_net]\n"
				   "%llx T kvm_vcpu_halt\t[kvm]\n",
				   ADDR_TX, ADDR_RX, 0xffffffffc0003000ull);

	put32(b, (uint32_t)n);
	put(b, text, (size_t)n);
}

static void put_tracing_data(struct bytes *b)
{
	put(b, "\x17\x08\x44tracing0.6", 14);
	put(b, shape.swap ? "\1\10" : "\0\10", 2);
	put32(b, 4096);
	put(b, "header_page", 12);
	put64(b, 0);
	put(b, "header_event", 13);
	put64(b, 0);
	put32(b, 0);
	put32(b, 2);
	put(b, "probe", 6);
	put32(b, 2);
	put_format(b, &events[0]);
	put_format(b, &events[1]);
	put(b, "kvm", 4);
	put32(b, 2);
	put_format(b, &events[2]);
	put_format(b, &events[3]);
	put_kallsyms(b);
	put32(b, 0);
	put64(b, 0);
}

static void put_event_desc(struct bytes *b)
{
	put32(b, N_EVENTS);
	put32(b, 112);
	for (size_t i = 0; i < N_EVENTS; i++) {
		char name[64];

		put_attr(b, events[i].config);
		put32(b, 1);
		snprintf(name, sizeof(name), "%s:%s", events[i].system, events[i].name);
		put_string(b, name);
		put64(b, id_of(i));
	}
}

static void put_clock_data(struct bytes *b)
{
	put32(b, 1);
	put32(b, CLOCK_MONOTONIC);
	put64(b, 1700000000ull * VNX_NSEC_PER_SEC);
	put64(b, T0);
}

static void put_feature(struct bytes *b, unsigned feature)
{
	if (feature == 1)
		put_tracing_data(b);
	else if (feature == 3)
		put_string(b, "ill-host");
	else if (feature == 4)
		put_string(b, "6.1.0-test");
	else if (feature == 12)
		put_event_desc(b);
	else
		put_clock_data(b);
}

/* sample_id at the end of records that are no samples */
static void put_trailer(struct bytes *b, unsigned tid, uint64_t t_ns, unsigned cpu, size_t event)
{
	put32(b, tid);
	put32(b, tid);
	put64(b, t_ns);
	put32(b, cpu);
	put32(b, 0);
	put64(b, id_of(event));
}

static void put_comm(struct bytes *b, unsigned pid, unsigned tid, const char *comm)
{
	char name[16] = "";

	snprintf(name, sizeof(name), "%s", comm);
	put_head(b, PERF_RECORD_COMM, 64);
	put32(b, pid);
	put32(b, tid);
	put(b, name, 16);
	put_trailer(b, tid, 0, 0, 0);
}

static void put_fork(struct bytes *b, unsigned pid, unsigned tid)
{
	put_head(b, PERF_RECORD_FORK, 64);
	put32(b, pid);
	put32(b, 1);
	put32(b, tid);
	put32(b, 1);
	put64(b, T0);
	put_trailer(b, tid, T0, 0, 0);
}

static void put_lost(struct bytes *b, uint64_t t_ns, unsigned cpu, uint64_t count)
{
	put_head(b, PERF_RECORD_LOST, 56);
	put64(b, 1);
	put64(b, count);
	put_trailer(b, 0, t_ns, cpu, 0);
}

static void put_read(struct bytes *b)
{
	uint64_t f = shape.read_format;
	int each = 1 + !!(f & PERF_FORMAT_ID) + !!(f & 16), n = f & PERF_FORMAT_GROUP ? 3 : 1;

	if (f & PERF_FORMAT_GROUP)
		put64(b, 3);
	else
		put64(b, 77);
	if (f & PERF_FORMAT_TOTAL_TIME_ENABLED)
		put64(b, 88);
	if (f & PERF_FORMAT_TOTAL_TIME_RUNNING)
		put64(b, 99);
	for (int i = f & PERF_FORMAT_GROUP ? 0 : 1; i < n * each; i++)
		put64(b, 66);
}

static void put_sample(struct bytes *b, size_t event, uint64_t t_ns)
{
	const struct event *e = &events[event];
	uint64_t type = sample_type();
	size_t at = b->n;
	uint16_t size;

	put_head(b, PERF_RECORD_SAMPLE, 0);
	if (type & PERF_SAMPLE_IDENTIFIER)
		put64(b, id_of(event));
	if (type & PERF_SAMPLE_IP)
		put64(b, 0xffffffff81000000ull);
	put32(b, e->tid == 150 ? 144 : e->tid);
	put32(b, e->tid);
	if (type & PERF_SAMPLE_TIME)
		put64(b, t_ns);
	if (type & PERF_SAMPLE_ADDR)
		put64(b, 1);
	if (type & PERF_SAMPLE_ID)
		put64(b, id_of(event));
	if (type & PERF_SAMPLE_STREAM_ID)
		put64(b, 2);
	if (type & PERF_SAMPLE_CPU)
		put64(b, shape.swap ? (uint64_t)e->cpu << 32 : e->cpu);
	if (type & PERF_SAMPLE_PERIOD)
		put64(b, shape.sample_period ? shape.sample_period : 1);
	if (type & PERF_SAMPLE_READ)
		put_read(b);
	if (type & PERF_SAMPLE_CALLCHAIN) {
		put64(b, 2);
		put64(b, 0xffffffffffffff80ull);
		put64(b, 0xffffffff81000000ull);
	}
	put32(b, 20);
	put16(b, (uint16_t)e->config);
	put16(b, 0);
	put32(b, e->tid);
	put64(b, e->ip);
	put32(b, 0);
	size = (uint16_t)(b->n - at);
	size = shape.swap ? bswap_16(size) : size;
	memcpy(b->v + at + 6, &size, 2);
}

/* Each event's calls spread over a second, one event after the other: far out of order. */
static void put_samples(struct bytes *b)
{
	for (size_t e = 0; e < N_EVENTS; e++) {
		for (unsigned i = 0; i < events[e].calls; i++)
			put_sample(b, e, T0 + i * SPAN / (events[e].calls - 1));
		if (shape.rounds)
			put_head(b, 68, 8);
	}
}

static void put_threads(struct bytes *b)
{
	put_comm(b, 144, 144, "qemu-system-x86");
	put_comm(b, 148, 148, "vhost-144");
	put_fork(b, 144, 150);
	put_comm(b, 144, 150, "CPU 0/KVM");
}

/* As perf record -z: one stream over all, cut into records anywhere. */
static void put_packed(struct bytes *b, const struct bytes *plain)
{
	ZSTD_CStream *z = ZSTD_createCStream();
	ZSTD_inBuffer in = { plain->v, plain->n, 0 };
	size_t head = shape.pack2 ? 16 : 8;

	ZSTD_initCStream(z, 1);
	while (in.pos < in.size) {
		uint8_t some[512];
		ZSTD_outBuffer out = { some, sizeof(some), 0 };
		ZSTD_inBuffer part = { plain->v, in.pos + 700 < in.size ? in.pos + 700 : in.size,
				       in.pos };

		ZSTD_compressStream(z, &out, &part);
		in.pos = part.pos;
		ZSTD_flushStream(z, &out);
		put_head(b, shape.pack2 ? 83 : 81,
			 shape.pack2 ? (head + out.pos + 7) / 8 * 8 : head + out.pos);
		if (shape.pack2)
			put64(b, out.pos);
		put(b, some, out.pos);
		for (size_t i = head + out.pos; shape.pack2 && i % 8; i++)
			put(b, "", 1);
		put_head(b, 68, 8);
	}
	ZSTD_freeCStream(z);
}

/* EVENT_UPDATE: a name */
static void put_names(struct bytes *b)
{
	for (size_t i = 0; i < N_EVENTS; i++) {
		char name[32] = "";

		snprintf(name, sizeof(name), "%s:%s", events[i].system, events[i].name);
		put_head(b, 78, 24 + sizeof(name));
		put64(b, 2);
		put64(b, id_of(i));
		put(b, name, sizeof(name));
	}
}

static void put_data(struct bytes *b, void (*more)(struct bytes *b))
{
	struct bytes plain = { 0 };

	put_threads(b);
	if (shape.early_names)
		put_names(b);
	put_samples(shape.pack ? &plain : b);
	if (more)
		more(shape.pack ? &plain : b);
	if (shape.pack)
		put_packed(b, &plain);
	free(plain.v);
}

static const unsigned features[] = { 1, 3, 4, 12, 29 };

static bool wanted(unsigned feature)
{
	if (feature == 1)
		return !shape.no_tracing_data;
	return feature != 12 || !shape.no_names;
}

static void make_pipe(void (*more)(struct bytes *b))
{
	struct bytes part = { 0 };

	put(&file, shape.swap ? "2ELIFREP" : "PERFILE2", 8);
	put64(&file, 16);
	for (size_t i = 0; i < N_EVENTS; i++) {
		put_head(&file, 64, 8 + 112 + 8);
		put_attr(&file, events[i].config);
		put64(&file, id_of(i));
	}
	for (size_t i = 0; i < VNX_ARRAY_SIZE(features); i++) {
		part.n = 0;
		if (!wanted(features[i]))
			continue;
		put_feature(&part, features[i]);
		pad8(&part);
		put_head(&file, features[i] == 1 ? 66 : 80, 16 + (features[i] == 1 ? 0 : part.n));
		if (features[i] == 1)
			put64(&file, shape.swap ? (uint64_t)part.n << 32 : part.n);
		else
			put64(&file, features[i]);
		put(&file, part.v, part.n);
	}
	free(part.v);
	put_data(&file, more);
}

static void make_sections(void)
{
	size_t table = file.n;
	uint64_t flags = 0;

	if (shape.unfinished)
		return;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(features); i++)
		if (wanted(features[i])) {
			flags |= 1ull << features[i];
			put64(&file, 0);
			put64(&file, 0);
		}
	set64(&file, 72, flags);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(features); i++) {
		size_t at = file.n;

		if (!wanted(features[i]))
			continue;
		put_feature(&file, features[i]);
		set64(&file, table, at);
		set64(&file, table + 8, file.n - at);
		table += 16;
	}
}

static void make_file(void (*more)(struct bytes *b))
{
	size_t ids = 104, attrs = ids + 8 * N_EVENTS, data;

	put(&file, shape.swap ? "2ELIFREP" : "PERFILE2", 8);
	put64(&file, 104);
	put64(&file, 112 + 16);
	put64(&file, attrs);
	put64(&file, N_EVENTS * (112 + 16));
	for (int i = 0; i < 8; i++)
		put64(&file, 0);
	for (size_t i = 0; i < N_EVENTS; i++)
		put64(&file, id_of(i));
	for (size_t i = 0; i < N_EVENTS; i++) {
		put_attr(&file, shape.twin && i == 3 ? events[2].config : events[i].config);
		put64(&file, ids + 8 * i);
		put64(&file, 8);
	}
	data = file.n;
	set64(&file, 40, data);
	put_data(&file, more);
	if (!shape.unfinished)
		set64(&file, 48, file.n - data);
	make_sections();
}

static void make(struct shape s, void (*more)(struct bytes *b))
{
	shape = s;
	file.n = 0;
	if (shape.pipe)
		make_pipe(more);
	else
		make_file(more);
}

/* ---- reading ---- */

static int read_all(const char *path)
{
	struct vnx_reader_conf conf = {
		.bin_ns = BIN, .hooks = hooks, .n_hooks = n_hooks, .quiet = true
	};
	const struct vnx_reader_ops *ops;
	struct vnx_reader *r = NULL;
	struct vnx_sample s;
	struct vnx_input in;
	int ret = vnx_input_open(&in, path, &err);

	assert_int_equal(ret, 0);
	ops = vnx_reader_find(&in, &err);
	ret = ops ? ops->open(&r, &in, &conf, &err) : -EINVAL;
	if (!ret)
		ret = ops->run(r, &run, &err);
	while (!ret && ops->next(r, &s, &err) == 1) {
		counts[s.metric] += s.count;
		if (s.metric == VNX_LOST)
			lost_ns += s.dur_ns;
	}
	if (ops)
		ops->close(r);
	vnx_input_close(&in);
	return ret;
}

static void forget(void)
{
	vnx_run_fini(&run);
	memset(counts, 0, sizeof(counts));
	lost_ns = 0;
	err = (struct vnx_err){ 0 };
}

static int read_bytes(const uint8_t *p, size_t len)
{
	int fd = memfd_create("perf", 0), ret;
	char path[64];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	forget();
	ret = read_all(path);
	close(fd);
	return ret;
}

static int read_file(void)
{
	return read_bytes(file.v, file.n);
}

static void assert_counts(void)
{
	assert_string_equal(err.message, "");
	assert_string_equal(run.warning, "");
	assert_int_equal(counts[VNX_HANDLE_TX], TX);
	assert_int_equal(counts[VNX_HANDLE_RX], RX);
	assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT);
	assert_int_equal(counts[VNX_LOST], 0);
}

static int teardown(void **state)
{
	forget();
	free(file.v);
	file = (struct bytes){ 0 };
	shape = (struct shape){ 0 };
	hooks = NULL;
	n_hooks = 0;
	return 0;
}

/* ---- tests ---- */

static void test_shapes(void **state)
{
	static const struct shape shapes[] = {
		{ 0 },
		{ .swap = true },
		{ .pipe = true },
		{ .pipe = true, .swap = true },
		{ .pack = true },
		{ .pack = true, .swap = true },
		{ .pack = true, .pipe = true },
		{ .pack = true, .pack2 = true },
		{ .pack = true, .pack2 = true, .pipe = true },
		{ .rounds = true },
		{ .no_tracing_data = true },
		{ .no_tracing_data = true, .pipe = true },
		{ .no_names = true },
		{ .no_names = true, .pipe = true, .swap = true },
		{ .sample_type =
			  USUAL | PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID },
		{ .sample_type = (USUAL & ~(uint64_t)PERF_SAMPLE_IDENTIFIER) | PERF_SAMPLE_ID },
		{ .sample_type = USUAL & ~(uint64_t)(PERF_SAMPLE_PERIOD | PERF_SAMPLE_IP) },
		{ .period = 100 }, /* each call is a sample of period 1 all the same */
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], NULL);
		assert_int_equal(read_file(), 0);
		assert_counts();
	}
}

static void test_facts(void **state)
{
	make((struct shape){ .swap = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_string_equal(run.facts.clock, "mono");
	assert_string_equal(run.facts.kernel, "6.1.0-test");
	assert_string_equal(run.facts.host, "ill-host");
	assert_int_equal(run.facts.realtime_minus_mono_ns,
			 1700000000ll * (int64_t)VNX_NSEC_PER_SEC - (int64_t)T0);
	assert_int_equal(run.facts.start_ns, T0);
	assert_int_equal(run.facts.end_ns, T0 + SPAN);
	assert_int_equal(run.facts.stats.events, TX + RX + ENTER + HALT);
	assert_int_equal(run.vms.n, 1);
	assert_int_equal(run.vms.v[0].pid, 144);
	assert_int_equal(run.vms.v[0].workers.n, 1);
	assert_int_equal(run.vms.v[0].workers.v[0], 148);
	assert_int_equal(run.vms.v[0].vcpus.n, 1);
	assert_int_equal(run.vms.v[0].vcpus.v[0], 150);
	make((struct shape){ .no_clockid = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_string_equal(run.facts.clock, "perf");
}

/* The symbols say that both probes stand on the other's function: addresses are believed. */
static void test_probes_by_address(void **state)
{
	static const struct shape shapes[] = {
		{ .kallsyms = true },
		{ .kallsyms = true, .swap = true, .pipe = true },
		{ .kallsyms = true, .sample_type = USUAL | PERF_SAMPLE_CALLCHAIN },
		{ .kallsyms = true,
		  .sample_type = USUAL | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN,
		  .read_format =
			  PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED },
		{ .kallsyms = true,
		  .sample_type = USUAL | PERF_SAMPLE_READ,
		  .read_format = PERF_FORMAT_ID | 16 | PERF_FORMAT_TOTAL_TIME_RUNNING },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], NULL);
		assert_int_equal(read_file(), 0);
		assert_string_equal(run.warning, "");
		assert_int_equal(counts[VNX_HANDLE_TX], RX);
		assert_int_equal(counts[VNX_HANDLE_RX], TX);
		assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	}
}

static void test_overrides(void **state)
{
	static const struct vnx_hook_override over[] = { { VNX_HANDLE_TX, "tp:kvm:kvm_entry" },
							 { VNX_HANDLE_RX, "tp:probe:handle_tx" } };

	hooks = over;
	n_hooks = 2;
	for (int kallsyms = 0; kallsyms < 2; kallsyms++) {
		make((struct shape){ .kallsyms = kallsyms }, NULL);
		assert_int_equal(read_file(), 0);
		assert_int_equal(counts[VNX_HANDLE_TX], ENTER);
		assert_int_equal(counts[VNX_HANDLE_RX], TX);
	}
}

static void test_estimates_are_refused(void **state)
{
	make((struct shape){ .freq = true, .period = 4000 }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "by frequency"));
	make((struct shape){ .period = 100, .sample_period = 100 }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "several calls each"));
	make((struct shape){ .period = 100, .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_PERIOD },
	     NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "one in several calls"));
	make((struct shape){ .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_TIME }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "no time"));
	make((struct shape){ .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_IDENTIFIER }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "cannot be told"));
}

static void test_twice_recorded(void **state)
{
	make((struct shape){ .twin = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	assert_non_null(strstr(run.warning, "recorded twice"));
}

/* ---- losses ---- */

static void lose_one(struct bytes *b)
{
	put_lost(b, T0 + SPAN + 50 * MS, 1, 41);
	put_sample(b, 3, T0 + SPAN + 250 * MS);
}

static void test_lost(void **state)
{
	static const struct shape shapes[] = { { 0 }, { .swap = true }, { .pack = true } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], lose_one);
		assert_int_equal(read_file(), 0);
		assert_int_equal(counts[VNX_LOST], 41);
		assert_int_equal(lost_ns, 50 * MS); /* since that CPU's last record */
		assert_int_equal(run.facts.stats.lost, 41);
	}
}

/* perf sums up at the end what rings told of before; more than they told is a loss. */
static void sum_up(struct bytes *b)
{
	put_lost(b, T0 + SPAN + 50 * MS, 1, 41);
	put_head(b, PERF_RECORD_LOST_SAMPLES, 48);
	put64(b, 41);
	put_trailer(b, 0, 0, 0, 3);
}

static void sum_up_more(struct bytes *b)
{
	sum_up(b);
	put_head(b, PERF_RECORD_LOST_SAMPLES, 48);
	put64(b, 2);
	put_trailer(b, 0, 0, 0, 2);
}

static void test_sum_of_losses(void **state)
{
	make((struct shape){ 0 }, sum_up);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 41);
	make((struct shape){ 0 }, sum_up_more);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 43);
}

static void throttle(struct bytes *b)
{
	put_head(b, PERF_RECORD_THROTTLE, 64);
	put64(b, T0 + 300 * MS);
	put64(b, id_of(2));
	put64(b, id_of(2));
	put_trailer(b, 0, T0 + 300 * MS, 1, 2);
	put_head(b, PERF_RECORD_UNTHROTTLE, 64);
	put64(b, T0 + 400 * MS);
	put64(b, id_of(2));
	put64(b, id_of(2));
	put_trailer(b, 0, T0 + 400 * MS, 1, 2);
}

static void test_throttle(void **state)
{
	make((struct shape){ 0 }, throttle);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 1);
	assert_int_equal(lost_ns, 100 * MS);
}

/* ---- damage ---- */

static void test_cut_pipe(void **state)
{
	make((struct shape){ .pipe = true, .rounds = true }, NULL);
	assert_int_equal(read_bytes(file.v, file.n - 8 - 20), 0);
	assert_int_equal(counts[VNX_HANDLE_TX], TX);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_true(counts[VNX_LOST] > 0);
	assert_non_null(strstr(run.warning, "ends within a record at offset"));
}

static void test_record_without_length(void **state)
{
	size_t at;

	make((struct shape){ .pipe = true }, NULL);
	/* the last sample's size */
	at = file.n - SAMPLE_LEN;
	assert_int_equal(file.v[at], PERF_RECORD_SAMPLE);
	memset(file.v + at + 6, 0, 2);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_non_null(strstr(run.warning, "without length"));
}

static void test_time_from_nowhere(void **state)
{
	make((struct shape){ .pipe = true }, NULL);
	file.v[file.n - SAMPLE_LEN + 8 + 8 + 8 + 8 + 6] ^= 0x40;
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_int_equal(run.facts.end_ns, T0 + SPAN);
	assert_non_null(strstr(run.warning, "far from all others"));
	assert_int_equal(counts[VNX_LOST], 1);
}

static void test_unknown_event(void **state)
{
	make((struct shape){ .pipe = true }, NULL);
	file.v[file.n - SAMPLE_LEN + 8] ^= 0x80;
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_int_equal(counts[VNX_LOST], 1);
	assert_non_null(strstr(run.warning, "no event of the file"));
}

static void test_unfinished(void **state)
{
	make((struct shape){ .unfinished = true }, NULL);
	assert_true(read_file() < 0);
	assert_int_equal(err.exit, VNX_EXIT_FAILED);
	assert_non_null(strstr(err.message, "not ended properly"));
	assert_non_null(strstr(err.hint, "Ctrl-C"));
	/* Where names come before samples, all up to the end of the file counts. */
	make((struct shape){ .unfinished = true, .early_names = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_non_null(strstr(run.warning, "not ended properly"));
	run.warning[0] = '\0';
	assert_counts();
}

static void test_unusable(void **state)
{
	assert_true(read_bytes((const uint8_t *)"PERFILE2", 8) < 0);
	assert_non_null(strstr(err.message, "no whole perf.data"));
	assert_true(read_bytes((const uint8_t *)"PERFFILE----------------", 24) < 0);
	assert_non_null(strstr(err.message, "before 2013"));
	make((struct shape){ 0 }, NULL);
	set64(&file, 40, 1ull << 40);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "not where its header says"));
	set64(&file, 16, 0);
	assert_true(read_file() < 0);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Whatever is left of a file: an answer or one sentence, at once, and never more than there was. */
static void assert_survives(const uint8_t *p, size_t len, bool counts_matter)
{
	double begun_s = now_s();
	int ret = read_bytes(p, len);

	assert_true(now_s() - begun_s < 2);
	assert_true(ret <= 0);
	if (ret)
		assert_true(err.message[0] != '\0');
	if (counts_matter) {
		assert_true(counts[VNX_HANDLE_TX] <= TX);
		assert_true(counts[VNX_HANDLE_RX] <= RX);
		assert_true(counts[VNX_VCPU_ENTER] <= ENTER);
		assert_true(counts[VNX_VCPU_HALT] <= HALT + 1);
	}
}

static const struct shape hurt[] = { { .rounds = true },
				     { .pipe = true, .kallsyms = true },
				     { .pipe = true, .swap = true },
				     { .pipe = true, .pack = true },
				     { .pack = true, .pack2 = true } };

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(hurt); i++) {
		make(hurt[i], lose_one);
		for (size_t cut = 0; cut < 1000; cut++)
			assert_survives(file.v, file.n * cut / 1000 + 1, !hurt[i].kallsyms);
	}
}

static void test_every_corruption(void **state)
{
	uint64_t seed = 20240229;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(hurt); i++) {
		make(hurt[i], lose_one);
		for (int n = 0; n < 1000; n++) {
			size_t at;
			uint8_t was;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			at = (size_t)(seed >> 33) % file.n;
			was = file.v[at];
			file.v[at] ^= (uint8_t)(1 + (seed >> 20) % 255);
			assert_survives(file.v, file.n, false);
			file.v[at] = was;
		}
	}
}

/* More than one block, decoded by several threads. */
static void many(struct bytes *b)
{
	for (unsigned i = 0; i < 30000; i++)
		put_sample(b, i % 2 ? 3 : 2, T0 + i * (SPAN / 30000));
}

static void test_blocks(void **state)
{
	static const struct shape shapes[] = { { 0 }, { .pack = true }, { .pipe = true } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], many);
		assert_true(shape.pack || file.n > 2 << 20);
		assert_int_equal(read_file(), 0);
		assert_string_equal(run.warning, "");
		assert_int_equal(counts[VNX_VCPU_ENTER], ENTER + 15000);
		assert_int_equal(counts[VNX_VCPU_HALT], HALT + 15000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_shapes, teardown),
		cmocka_unit_test_teardown(test_facts, teardown),
		cmocka_unit_test_teardown(test_probes_by_address, teardown),
		cmocka_unit_test_teardown(test_overrides, teardown),
		cmocka_unit_test_teardown(test_estimates_are_refused, teardown),
		cmocka_unit_test_teardown(test_twice_recorded, teardown),
		cmocka_unit_test_teardown(test_lost, teardown),
		cmocka_unit_test_teardown(test_sum_of_losses, teardown),
		cmocka_unit_test_teardown(test_throttle, teardown),
		cmocka_unit_test_teardown(test_cut_pipe, teardown),
		cmocka_unit_test_teardown(test_record_without_length, teardown),
		cmocka_unit_test_teardown(test_time_from_nowhere, teardown),
		cmocka_unit_test_teardown(test_unknown_event, teardown),
		cmocka_unit_test_teardown(test_unfinished, teardown),
		cmocka_unit_test_teardown(test_unusable, teardown),
		cmocka_unit_test_teardown(test_every_prefix, teardown),
		cmocka_unit_test_teardown(test_every_corruption, teardown),
		cmocka_unit_test_teardown(test_blocks, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
