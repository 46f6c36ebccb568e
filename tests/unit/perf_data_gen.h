/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes perf.data files with known counts, in every shape that perf writes. Include once. */
#ifndef VNX_TEST_PERF_DATA_H
#define VNX_TEST_PERF_DATA_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <byteswap.h>
#include <linux/perf_event.h>
#include <time.h>
#include <zstd.h>

#include "cli/input/reader.h"

#define MS VNX_NSEC_PER_MSEC
#ifndef T0
#define T0 (1000 * VNX_NSEC_PER_SEC)
#endif
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
	bool freq, no_clockid, twin, early_names, wrapped, no_calls_first;
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
#ifdef WITH_SCHED /* their samples are the test's own */
	{ "sched", "sched_switch", 320, 0, 0, 0, false, 0 },
	{ "sched", "sched_wakeup", 323, 0, 0, 0, false, 0 },
	{ "sched", "sched_wakeup_new", 322, 0, 0, 0, false, 0 },
#endif
};

#define N_EVENTS VNX_ARRAY_SIZE(events)

static struct shape shape;
static struct bytes file;

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

#ifdef WITH_SCHED
#define SCHED_SWITCH 4 /* their places in events[] */
#define SCHED_WAKEUP 5
#define SCHED_NEW 6

static void put_sched_format(struct bytes *b, const struct event *e, const char *fields)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "name: %s\nID: %d\nformat:\n"
			 "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
			 "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n%s\n"
			 "print fmt: \"%%s\", REC->comm\n",
			 e->name, (int)e->config, fields);

	put64(b, (uint64_t)n);
	put(b, text, (size_t)n);
}

static void put_sched_formats(struct bytes *b)
{
	put(b, "sched", 6);
	put32(b, 3);
	put_sched_format(b, &events[SCHED_SWITCH],
			 "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
			 "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
			 "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"
			 "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
			 "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n"
			 "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"
			 "\tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;\n");
	for (unsigned i = SCHED_WAKEUP; i <= SCHED_NEW; i++)
		put_sched_format(b, &events[i],
				 "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
				 "\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
				 "\tfield:int prio;\toffset:28;\tsize:4;\tsigned:1;\n"
				 "\tfield:int target_cpu;\toffset:32;\tsize:4;\tsigned:1;\n");
}
#endif

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
	put32(b, N_EVENTS > 4 ? 3 : 2);
	put(b, "probe", 6);
	put32(b, 2);
	put_format(b, &events[0]);
	put_format(b, &events[1]);
	put(b, "kvm", 4);
	put32(b, 2);
	put_format(b, &events[2]);
	put_format(b, &events[3]);
#ifdef WITH_SCHED
	put_sched_formats(b);
#endif
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

/*
 * As perf 6.16 to 6.18 write what does not fit one record of 64 KiB: the first one's length is
 * that of all, its size is that cut to 16 bits, the others' lengths are anything.
 */
static void put_wrapped(struct bytes *b, const struct bytes *plain)
{
	ZSTD_CStream *z = ZSTD_createCStream();
	ZSTD_inBuffer in = { plain->v, plain->n, 0 };
	size_t begin = b->n, left;
	uint16_t size;

	ZSTD_initCStream(z, 1);
	do {
		static uint8_t some[65519];
		ZSTD_outBuffer out = { some, sizeof(some), 0 };

		ZSTD_compressStream(z, &out, &in);
		left = ZSTD_flushStream(z, &out);
		put_head(b, 83, 16 + out.pos);
		put64(b, 0xdeaddeaddeaddeadull);
		put(b, some, out.pos);
	} while (left || in.pos < in.size);
	ZSTD_freeCStream(z);
	assert_true(b->n - begin > 65536 + 16);
	set64(b, begin + 8, b->n - begin - 16);
	size = (uint16_t)((b->n - begin + 7) / 8 * 8);
	memcpy(b->v + begin + 6, &size, 2);
	put_head(b, 68, 8);
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
	if (!shape.no_calls_first)
		put_samples(shape.pack ? &plain : b);
	if (more)
		more(shape.pack ? &plain : b);
	if (shape.pack && shape.wrapped)
		put_wrapped(b, &plain);
	else if (shape.pack)
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

#endif
