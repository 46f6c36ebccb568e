/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes trace.dat files of known content: trace-cmd.dat.v6(5), trace-cmd.dat.v7(5), and pages
 * as kernel/trace/ring_buffer.c writes them. For tests, seeds and the bench.
 */
#ifndef VNX_DAT_GEN_H
#define VNX_DAT_GEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define GEN_CPUS 8
#define GEN_BUFFERS 4

struct gen_bytes {
	uint8_t *v;
	size_t n, cap;
	bool big; /* byte order of numbers */
};

static inline void gen_put(struct gen_bytes *b, const void *p, size_t n)
{
	while (b->n + n > b->cap) {
		b->cap = b->cap ? b->cap * 2 : 4096;
		b->v = realloc(b->v, b->cap);
		if (!b->v)
			abort();
	}
	if (p)
		memcpy(b->v + b->n, p, n);
	else
		memset(b->v + b->n, 0, n);
	b->n += n;
}

static inline void gen_set(struct gen_bytes *b, size_t at, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		b->v[at + i] = (uint8_t)(v >> 8 * (b->big ? size - 1 - i : i));
}

static inline void gen_num(struct gen_bytes *b, uint64_t v, unsigned size)
{
	gen_put(b, NULL, size);
	gen_set(b, b->n - size, v, size);
}

static inline uint32_t dat_gen_u32(const uint8_t *p, bool big)
{
	return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
		   : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void gen_str(struct gen_bytes *b, const char *s)
{
	gen_put(b, s, strlen(s) + 1);
}

/* ---- pages of one CPU ---- */

struct gen_cpu {
	struct gen_bytes pages;
	size_t page; /* where the page at work begins */
	uint64_t last;
	bool open;
};

enum gen_codec { GEN_PLAIN, GEN_ZLIB, GEN_ZSTD };

struct gen_buffer {
	char name[32];
	const char *clock;
	struct gen_cpu cpus[GEN_CPUS];
};

struct gen {
	unsigned version, n_cpus, n_buffers;
	bool big, absolute; /* absolute: times as stamps, not extends */
	unsigned commit_size, page_size, chunk_pages;
	enum gen_codec codec;
	bool no_strings;     /* no strings section */
	bool no_sched;       /* no formats of sched's events */
	const char *latency; /* the text of a latency tracer, in place of pages */
	const char *kallsyms, *cmdlines, *clock, *date, *offset, *uname;
	uint32_t tsc_mult, tsc_shift; /* an option where mult is not 0 */
	struct {
		const char *text[16];
		unsigned n;
	} stats;
	struct gen_buffer buffers[GEN_BUFFERS];
};

static inline void gen_init(struct gen *g, unsigned version, bool big, unsigned commit_size)
{
	*g = (struct gen){ .version = version,
			   .big = big,
			   .commit_size = commit_size,
			   .page_size = 4096,
			   .chunk_pages = 2,
			   .n_cpus = 2,
			   .n_buffers = 1,
			   .clock = "local global [mono] boot",
			   .uname = "Linux hyper1 6.1.0-18-amd64 x86_64",
			   .kallsyms = "",
			   .cmdlines = "" };
	for (unsigned i = 0; i < GEN_BUFFERS; i++) {
		g->buffers[i].clock = "mono";
		for (unsigned j = 0; j < GEN_CPUS; j++)
			g->buffers[i].cpus[j].pages.big = big;
	}
}

static inline void gen_fini(struct gen *g)
{
	for (unsigned i = 0; i < GEN_BUFFERS; i++)
		for (unsigned j = 0; j < GEN_CPUS; j++)
			free(g->buffers[i].cpus[j].pages.v);
}

static inline size_t gen_head_len(const struct gen *g)
{
	return 8 + g->commit_size;
}

static inline void gen_commit(const struct gen *g, struct gen_cpu *c, uint64_t flags)
{
	uint64_t size = c->pages.n - c->page - gen_head_len(g);

	gen_set(&c->pages, c->page + 8, size | flags, g->commit_size);
}

/* Ends the page: flags into its commit; @lost is stored behind the data where not 0. */
static inline void gen_page_end(const struct gen *g, struct gen_cpu *c, uint64_t flags,
				uint64_t lost)
{
	if (!c->open)
		return;
	if (c->pages.n - c->page + g->commit_size > g->page_size) { /* no room for a count */
		flags &= ~(1ULL << 30);
		lost = 0;
	}
	gen_commit(g, c, flags);
	if (lost)
		gen_num(&c->pages, lost, g->commit_size);
	gen_put(&c->pages, NULL, g->page_size - (c->pages.n - c->page));
	c->open = false;
}

static inline void gen_page_begin(struct gen_cpu *c, const struct gen *g, uint64_t t)
{
	c->page = c->pages.n;
	gen_num(&c->pages, t, 8);
	gen_put(&c->pages, NULL, g->commit_size);
	c->last = t;
	c->open = true;
}

static inline void gen_head(const struct gen *g, struct gen_cpu *c, unsigned type, uint32_t delta)
{
	gen_num(&c->pages, g->big ? (uint64_t)type << 27 | delta : (uint64_t)delta << 5 | type, 4);
}

static inline void gen_extend(const struct gen *g, struct gen_cpu *c, uint64_t t)
{
	uint64_t stamp = g->absolute ? t & ((1ULL << 59) - 1) : t - c->last;

	gen_head(g, c, g->absolute ? 31 : 30, stamp & ((1u << 27) - 1));
	gen_num(&c->pages, stamp >> 27, 4);
}

/* One record, its page begun where need be. A length of data over 112 bytes comes in front. */
static inline void gen_record(const struct gen *g, unsigned buffer, unsigned cpu, uint64_t t,
			      const struct gen_bytes *data)
{
	struct gen_cpu *c = &((struct gen *)g)->buffers[buffer].cpus[cpu];
	size_t len = (data->n + 3) / 4 * 4;
	uint32_t delta;

	if (c->open && c->pages.n - c->page + len + 16 > g->page_size)
		gen_page_end(g, c, 0, 0);
	if (!c->open)
		gen_page_begin(c, g, t);
	if (t - c->last >= 1u << 27 || g->absolute) {
		gen_extend(g, c, t);
		c->last = t;
	}
	delta = (uint32_t)(t - c->last);
	c->last = t;
	if (len <= 112 && data->n) {
		gen_head(g, c, (unsigned)len / 4, delta);
	} else {
		gen_head(g, c, 0, delta);
		gen_num(&c->pages, len + 4, 4);
	}
	gen_put(&c->pages, data->v, data->n);
	gen_put(&c->pages, NULL, len - data->n);
	gen_commit(g, c, 0);
}

/* An event that was discarded after it had been reserved. */
static inline void gen_discarded(const struct gen *g, unsigned buffer, unsigned cpu, uint32_t delta)
{
	struct gen_cpu *c = &((struct gen *)g)->buffers[buffer].cpus[cpu];

	gen_head(g, c, 29, delta);
	gen_num(&c->pages, 16, 4);
	gen_put(&c->pages, NULL, 12);
	c->last += delta == 1 ? 0 : delta;
	gen_commit(g, c, 0);
}

/* ---- events ---- */

enum {
	GEN_FUNCTION = 1,
	GEN_PRINT = 5,
	GEN_FUNCGRAPH = 11,
	GEN_REPEATS = 18,
	GEN_NEWTASK = 205,
	GEN_SWITCH = 320,
	GEN_SCHED_WAKEUP = 323,
	GEN_SCHED_WAKEUP_NEW = 322,
	GEN_ENTRY = 1200,
	GEN_WAKEUP = 1201,
	GEN_EXIT = 1202,
	GEN_PROBE_A = 2001, /* "kprobes:my_first" */
	GEN_PROBE_B = 2002, /* "kprobes:p_handle_tx_0" */
};

#define GEN_TX 0xffffffffc0a01000ULL
#define GEN_RX 0xffffffffc0a02000ULL
#define GEN_HALT 0xffffffffc0b03000ULL
#define GEN_OTHER 0xffffffff81004000ULL
#define GEN_KALLSYMS                                           \
	"ffffffff81000000 T _stext\n"                          \
	"ffffffff81004000 t some_thing\n"                      \
	"ffffffff81005000 t handle_rx\t[other_drv]\n"          \
	"ffffffffc0a00000 t vhost_net_buf_peek\t[vhost_net]\n" \
	"ffffffffc0a01000 t handle_tx\t[vhost_net]\n"          \
	"ffffffffc0a02000 t handle_rx\t[vhost_net]\n"          \
	"ffffffffc0b03000 T kvm_vcpu_halt\t[kvm]\n"

#define GEN_COMMON                                                                     \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static inline void gen_format(struct gen_bytes *b, const char *name, int id, const char *fields,
			      const char *print)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "name: %s\nID: %d\nformat:\n" GEN_COMMON "%s\nprint fmt: %s\n", name, id,
			 fields, print);

	gen_num(b, (uint64_t)n, 8);
	gen_put(b, text, (size_t)n);
}

#define GEN_ULONG(name, at) "\tfield:unsigned long " name ";\toffset:" #at ";\tsize:8;\tsigned:0;\n"

static inline void gen_ftrace_formats(struct gen_bytes *b)
{
	gen_num(b, 4, 4);
	gen_format(b, "function", GEN_FUNCTION, GEN_ULONG("ip", 8) GEN_ULONG("parent_ip", 16),
		   "\" %ps <-- %ps\", (void *)REC->ip, (void *)REC->parent_ip");
	gen_format(b, "print", GEN_PRINT,
		   GEN_ULONG("ip", 8) "\tfield:char buf[];\toffset:16;\tsize:0;\tsigned:0;\n",
		   "\"%ps: %s\", (void *)REC->ip, REC->buf");
	gen_format(b, "funcgraph_entry", GEN_FUNCGRAPH,
		   GEN_ULONG("func", 8) "\tfield:int depth;\toffset:16;\tsize:4;\tsigned:1;\n",
		   "\"--> %ps (%d)\", (void *)REC->func, REC->depth");
	gen_format(b, "func_repeats", GEN_REPEATS,
		   GEN_ULONG("ip", 8) GEN_ULONG(
			   "parent_ip", 16) "\tfield:u16 count;\toffset:24;\tsize:2;\tsigned:0;\n",
		   "\" %ps <-%ps\", (void *)REC->ip, (void *)REC->parent_ip");
}

static inline void gen_system(struct gen_bytes *b, const char *name, uint32_t events)
{
	gen_str(b, name);
	gen_num(b, events, 4);
}

#define GEN_WOKEN                                                  \
	"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n" \
	"\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"

static inline void gen_sched_formats(struct gen_bytes *b)
{
	gen_system(b, "sched", 3);
	gen_format(b, "sched_switch", GEN_SWITCH,
		   "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
		   "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
		   "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"
		   "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
		   "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n"
		   "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n",
		   "\"%s\", REC->prev_comm");
	gen_format(b, "sched_wakeup", GEN_SCHED_WAKEUP, GEN_WOKEN, "\"%s\", REC->comm");
	gen_format(b, "sched_wakeup_new", GEN_SCHED_WAKEUP_NEW, GEN_WOKEN, "\"%s\", REC->comm");
}

static inline void gen_event_formats(const struct gen *g, struct gen_bytes *b)
{
	gen_num(b, g->no_sched ? 3 : 4, 4);
	gen_system(b, "kvm", 3);
	gen_format(b, "kvm_exit", GEN_EXIT,
		   "\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n",
		   "\"reason %u\", REC->exit_reason");
	gen_format(b, "kvm_entry", GEN_ENTRY,
		   "\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n" GEN_ULONG("rip",
											      16),
		   "\"vcpu %u, rip 0x%lx\", REC->vcpu_id, REC->rip");
	gen_format(b, "kvm_vcpu_wakeup", GEN_WAKEUP,
		   "\tfield:__u64 ns;\toffset:8;\tsize:8;\tsigned:0;\n", "\"%lld\", REC->ns");
	gen_system(b, "task", 1);
	gen_format(b, "task_newtask", GEN_NEWTASK,
		   "\tfield:pid_t pid;\toffset:8;\tsize:4;\tsigned:1;\n"
		   "\tfield:char comm[16];\toffset:12;\tsize:16;\tsigned:0;\n"
		   "\tfield:unsigned long clone_flags;\toffset:32;\tsize:8;\tsigned:0;\n",
		   "\"pid=%d\", REC->pid");
	if (!g->no_sched)
		gen_sched_formats(b);
	gen_system(b, "kprobes", 2);
	gen_format(b, "my_first", GEN_PROBE_A, GEN_ULONG("__probe_ip", 8),
		   "\"(%lx)\", REC->__probe_ip");
	gen_format(b, "p_handle_tx_0", GEN_PROBE_B, GEN_ULONG("__probe_ip", 8),
		   "\"(%lx)\", REC->__probe_ip");
}

/* Type, flags, pid: the common fields. */
static inline struct gen_bytes gen_event(const struct gen *g, unsigned id, uint32_t pid)
{
	struct gen_bytes b = { .big = g->big };

	gen_num(&b, id, 2);
	gen_num(&b, 0, 2);
	gen_num(&b, pid, 4);
	return b;
}

/* An event with an address first: function, funcgraph_entry, kprobe events, kvm_entry. */
static inline void gen_call(const struct gen *g, unsigned buffer, unsigned cpu, uint64_t t,
			    unsigned id, uint32_t pid, uint64_t ip)
{
	struct gen_bytes b = gen_event(g, id, pid);

	gen_num(&b, ip, 8);
	gen_num(&b, GEN_OTHER + 8, 8);
	gen_record(g, buffer, cpu, t, &b);
	free(b.v);
}

static inline void gen_repeats(const struct gen *g, unsigned cpu, uint64_t t, uint32_t pid,
			       uint64_t ip, uint16_t n)
{
	struct gen_bytes b = gen_event(g, GEN_REPEATS, pid);

	gen_num(&b, ip, 8);
	gen_num(&b, GEN_OTHER, 8);
	gen_num(&b, n, 2);
	gen_record(g, 0, cpu, t, &b);
	free(b.v);
}

static inline void gen_print(const struct gen *g, unsigned cpu, uint64_t t, const char *text)
{
	struct gen_bytes b = gen_event(g, GEN_PRINT, 99);

	gen_num(&b, GEN_OTHER, 8);
	gen_str(&b, text);
	gen_record(g, 0, cpu, t, &b);
	free(b.v);
}

static inline void gen_comm(struct gen_bytes *b, const char *comm)
{
	char buf[16] = "";

	snprintf(buf, sizeof(buf), "%s", comm);
	gen_put(b, buf, sizeof(buf));
}

static inline void gen_newtask(const struct gen *g, unsigned cpu, uint64_t t, uint32_t parent,
			       uint32_t pid, const char *comm, bool thread)
{
	struct gen_bytes b = gen_event(g, GEN_NEWTASK, parent);

	gen_num(&b, pid, 4);
	gen_comm(&b, comm);
	gen_num(&b, 0, 4);
	gen_num(&b, thread ? 0x3d0f00 : 0x1200011, 8);
	gen_record(g, 0, cpu, t, &b);
	free(b.v);
}

static inline void gen_switch_state(const struct gen *g, unsigned buffer, unsigned cpu, uint64_t t,
				    uint32_t prev, const char *prev_comm, uint64_t state,
				    uint32_t next, const char *next_comm)
{
	struct gen_bytes b = gen_event(g, GEN_SWITCH, prev);

	gen_comm(&b, prev_comm);
	gen_num(&b, prev, 4);
	gen_num(&b, 120, 4);
	gen_num(&b, state, 8);
	gen_comm(&b, next_comm);
	gen_num(&b, next, 4);
	gen_record(g, buffer, cpu, t, &b);
	free(b.v);
}

static inline void gen_switch(const struct gen *g, unsigned cpu, uint64_t t, uint32_t prev,
			      const char *prev_comm, uint32_t next, const char *next_comm)
{
	gen_switch_state(g, 0, cpu, t, prev, prev_comm, 1, next, next_comm);
}

/* @id: GEN_SCHED_WAKEUP, GEN_SCHED_WAKEUP_NEW */
static inline void gen_woken(const struct gen *g, unsigned buffer, unsigned cpu, uint64_t t,
			     unsigned id, uint32_t tid, const char *comm)
{
	struct gen_bytes b = gen_event(g, id, 0);

	gen_comm(&b, comm);
	gen_num(&b, tid, 4);
	gen_record(g, buffer, cpu, t, &b);
	free(b.v);
}

/* ---- sections ---- */

static inline void gen_text8(struct gen_bytes *b, const char *text)
{
	gen_num(b, strlen(text), 8);
	gen_put(b, text, strlen(text));
}

static inline void gen_header_info(const struct gen *g, struct gen_bytes *b)
{
	char page[512];
	size_t head = gen_head_len(g);

	snprintf(page, sizeof(page),
		 "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		 "\tfield: local_t commit;\toffset:8;\tsize:%u;\tsigned:1;\n"
		 "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		 "\tfield: char data;\toffset:%zu;\tsize:%zu;\tsigned:0;\n",
		 g->commit_size, head, g->page_size - head);
	gen_str(b, "header_page");
	gen_text8(b, page);
	gen_str(b, "header_event");
	gen_text8(b, "# compressed entry header\n\ttype_len    :    5 bits\n");
}

static inline void gen_text4(struct gen_bytes *b, const char *text)
{
	gen_num(b, strlen(text), 4);
	gen_put(b, text, strlen(text));
}

static inline void gen_option(struct gen_bytes *b, unsigned id, const void *data, size_t n)
{
	gen_num(b, id, 2);
	gen_num(b, n, 4);
	gen_put(b, data, n);
}

/* Options that mean the same in v6 and v7. */
static inline void gen_options(const struct gen *g, struct gen_bytes *b)
{
	struct gen_bytes tsc = { .big = g->big };

	if (g->date)
		gen_option(b, 1, g->date, strlen(g->date) + 1);
	if (g->offset)
		gen_option(b, 7, g->offset, strlen(g->offset) + 1);
	if (g->uname)
		gen_option(b, 5, g->uname, strlen(g->uname) + 1);
	gen_option(b, 9, "3.1.6 not-a-git-repo", 21);
	for (unsigned i = 0; i < g->stats.n; i++)
		gen_option(b, 2, g->stats.text[i], strlen(g->stats.text[i]) + 1);
	if (g->tsc_mult) {
		gen_num(&tsc, g->tsc_mult, 4);
		gen_num(&tsc, g->tsc_shift, 4);
		gen_num(&tsc, 0, 8);
		gen_option(b, 14, tsc.v, tsc.n);
		free(tsc.v);
	}
}

static inline void gen_end_pages(struct gen *g)
{
	for (unsigned i = 0; i < g->n_buffers; i++)
		for (unsigned j = 0; j < g->n_cpus; j++)
			gen_page_end(g, &g->buffers[i].cpus[j], 0, 0);
}

static inline void gen_align(struct gen_bytes *b, size_t page)
{
	gen_put(b, NULL, (page - b->n % page) % page);
}

/* "flyrecord", offsets and sizes by CPU, the clock; where the table is, for the pages. */
static inline size_t gen_v6_table(const struct gen *g, struct gen_bytes *b)
{
	size_t at;

	gen_str(b, "flyrecord");
	at = b->n;
	gen_put(b, NULL, 16 * g->n_cpus);
	if (g->clock)
		gen_text8(b, g->clock);
	return at;
}

static inline void gen_v6_pages(const struct gen *g, struct gen_bytes *b, unsigned buffer,
				size_t at)
{
	for (unsigned i = 0; i < g->n_cpus; i++) {
		const struct gen_bytes *pages = &g->buffers[buffer].cpus[i].pages;

		gen_align(b, g->page_size);
		gen_set(b, at + 16 * i, b->n, 8);
		gen_set(b, at + 16 * i + 8, pages->n, 8);
		gen_put(b, pages->v, pages->n);
	}
}

static inline void gen_initial(const struct gen *g, struct gen_bytes *b, const char *version)
{
	gen_put(b, "\x17\x08\x44tracing", 10);
	gen_str(b, version);
	gen_num(b, g->big, 1);
	gen_num(b, 8, 1);
	gen_num(b, g->page_size, 4);
}

static inline void gen_v6(struct gen *g, struct gen_bytes *b)
{
	size_t at[GEN_BUFFERS], option[GEN_BUFFERS];

	gen_initial(g, b, "6");
	gen_header_info(g, b);
	gen_ftrace_formats(b);
	gen_event_formats(g, b);
	gen_text4(b, g->kallsyms);
	gen_text4(b, "0xffffffff82000000 : \"x\"\n");
	gen_text8(b, g->cmdlines);
	gen_num(b, g->n_cpus, 4);
	gen_put(b, "options  ", 10);
	gen_options(g, b);
	if (g->clock)
		gen_option(b, 4, NULL, 0);
	for (unsigned i = 1; i < g->n_buffers; i++) {
		gen_num(b, 3, 2);
		gen_num(b, 8 + strlen(g->buffers[i].name) + 1, 4);
		option[i] = b->n;
		gen_num(b, 0, 8);
		gen_str(b, g->buffers[i].name);
	}
	gen_num(b, 0, 2);
	if (g->latency) {
		gen_put(b, "latency  ", 10);
		gen_put(b, g->latency, strlen(g->latency));
		return;
	}
	for (unsigned i = 0; i < g->n_buffers; i++) {
		if (i)
			gen_set(b, option[i], b->n, 8);
		at[i] = gen_v6_table(g, b);
		gen_v6_pages(g, b, i, at[i]);
	}
}

static inline size_t gen_pack(const struct gen *g, const void *p, size_t n, uint8_t *out,
			      size_t cap)
{
	uLongf z = cap;

	if (g->codec == GEN_ZSTD)
		return ZSTD_compress(out, cap, p, n, 3);
	return compress2(out, &z, p, n, 6) == Z_OK ? z : 0;
}

/* Sizes before and after, and the packed bytes. */
static inline void gen_packed(const struct gen *g, struct gen_bytes *b, const void *p, size_t n)
{
	size_t cap = n + n / 2 + 256, size;
	uint8_t *out = malloc(cap);

	if (!out)
		abort();
	size = gen_pack(g, p, n, out, cap);
	gen_num(b, size, 4);
	gen_num(b, n, 4);
	gen_put(b, out, size);
	free(out);
}

static inline size_t gen_section(struct gen_bytes *b, unsigned id, bool packed)
{
	gen_num(b, id, 2);
	gen_num(b, packed, 2);
	gen_num(b, 0, 4);
	gen_num(b, 0, 8);
	return b->n;
}

/* A whole section; packs where the file does. Returns where it begins. */
static inline size_t gen_whole(const struct gen *g, struct gen_bytes *b, unsigned id,
			       struct gen_bytes *body)
{
	size_t begin = b->n, at = gen_section(b, id, g->codec != GEN_PLAIN);

	if (g->codec)
		gen_packed(g, b, body->v, body->n);
	else
		gen_put(b, body->v, body->n);
	gen_set(b, at - 8, b->n - at, 8);
	free(body->v);
	*body = (struct gen_bytes){ .big = g->big };
	return begin;
}

/* The pages of one CPU as a v7 file has them; offset and size as its option says. */
static inline void gen_v7_pages(const struct gen *g, struct gen_bytes *b,
				const struct gen_bytes *pages, struct gen_bytes *option)
{
	size_t chunk = g->chunk_pages * g->page_size, at, count = b->n;

	gen_align(b, g->page_size);
	at = b->n;
	gen_num(option, at, 8);
	if (g->codec == GEN_PLAIN) {
		gen_put(b, pages->v, pages->n);
		gen_num(option, pages->n, 8);
		return;
	}
	count = b->n;
	gen_num(b, (pages->n + chunk - 1) / chunk, 4);
	for (size_t i = 0; i < pages->n; i += chunk)
		gen_packed(g, b, pages->v + i, pages->n - i < chunk ? pages->n - i : chunk);
	gen_num(option, b->n - count - 4, 8);
}

static inline void gen_v7_buffer(const struct gen *g, struct gen_bytes *b, unsigned buffer,
				 struct gen_bytes *option)
{
	const struct gen_buffer *buf = &g->buffers[buffer];
	size_t at = b->n, body = gen_section(b, 3, g->codec != GEN_PLAIN);
	uint32_t n = 0;

	gen_num(option, at, 8);
	gen_str(option, buf->name);
	gen_str(option, buf->clock);
	gen_num(option, g->page_size, 4);
	for (unsigned i = 0; i < g->n_cpus; i++)
		n += buf->cpus[i].pages.n > 0;
	gen_num(option, n, 4);
	for (unsigned i = 0; i < g->n_cpus; i++) {
		if (!buf->cpus[i].pages.n)
			continue;
		gen_num(option, i, 4);
		gen_v7_pages(g, b, &buf->cpus[i].pages, option);
	}
	gen_set(b, body - 8, b->n - body, 8);
}

static inline void gen_offset_option(struct gen_bytes *b, unsigned id, uint64_t at)
{
	gen_num(b, id, 2);
	gen_num(b, 8, 4);
	gen_num(b, at, 8);
}

/* A section of options that ends with where the next one is; returns where that stands. */
static inline size_t gen_v7_options(struct gen_bytes *b, struct gen_bytes *options)
{
	size_t at = gen_section(b, 0, false);

	gen_offset_option(options, 0, 0);
	gen_put(b, options->v, options->n);
	gen_set(b, at - 8, b->n - at, 8);
	free(options->v);
	*options = (struct gen_bytes){ .big = b->big };
	return b->n - 8;
}

/* The text's section; pieces of it as chunks of pages are. */
static inline void gen_v7_text(const struct gen *g, struct gen_bytes *b, struct gen_bytes *option)
{
	size_t at = b->n, body = gen_section(b, 22, g->codec != GEN_PLAIN), n = strlen(g->latency);
	size_t page = g->page_size;

	gen_num(option, at, 8);
	gen_str(option, "");
	gen_str(option, "local");
	if (g->codec == GEN_PLAIN)
		gen_put(b, g->latency, n);
	else
		gen_num(b, (n + page - 1) / page, 4);
	for (size_t i = 0; i < n && g->codec; i += page)
		gen_packed(g, b, g->latency + i, n - i < page ? n - i : page);
	gen_set(b, body - 8, b->n - body, 8);
}

static inline void gen_v7(struct gen *g, struct gen_bytes *b)
{
	static const char *const packer[] = { "none", "zlib", "zstd" };
	struct gen_bytes body = { .big = g->big }, options = body, option = body;
	size_t first, next;

	gen_initial(g, b, "7");
	gen_str(b, packer[g->codec]);
	gen_str(b, g->codec ? "1.5" : "");
	first = b->n;
	gen_num(b, 0, 8);
	gen_header_info(g, &body);
	gen_offset_option(&options, 16, gen_whole(g, b, 16, &body));
	gen_ftrace_formats(&body);
	gen_offset_option(&options, 17, gen_whole(g, b, 17, &body));
	gen_event_formats(g, &body);
	gen_offset_option(&options, 18, gen_whole(g, b, 18, &body));
	gen_text4(&body, g->kallsyms);
	gen_offset_option(&options, 19, gen_whole(g, b, 19, &body));
	gen_text8(&body, g->cmdlines);
	gen_offset_option(&options, 21, gen_whole(g, b, 21, &body));
	gen_options(g, &options);
	if (g->clock)
		gen_option(&options, 4, g->clock, strlen(g->clock) + 1);
	gen_set(b, first, b->n, 8);
	next = gen_v7_options(b, &options);
	if (g->latency) {
		gen_v7_text(g, b, &option);
		gen_option(&options, 22, option.v, option.n);
		free(option.v);
		option = (struct gen_bytes){ .big = g->big };
	}
	for (unsigned i = 0; i < g->n_buffers && !g->latency; i++) {
		gen_v7_buffer(g, b, i, &option);
		gen_option(&options, 3, option.v, option.n);
		free(option.v);
		option = (struct gen_bytes){ .big = g->big };
	}
	gen_set(b, next, b->n, 8);
	gen_v7_options(b, &options);
	if (!g->no_strings) {
		gen_str(&body, "headers");
		gen_whole(g, b, 15, &body);
	}
}

/* The whole file; the caller frees b->v. */
static inline void gen_file(struct gen *g, struct gen_bytes *b)
{
	*b = (struct gen_bytes){ .big = g->big };
	gen_end_pages(g);
	if (g->version == 6)
		gen_v6(g, b);
	else
		gen_v7(g, b);
}

/* ---- a workload ---- */

#define GEN_BIN 500000000ULL
#define GEN_START 1000000000000ULL
#define GEN_CMDLINES "144 qemu-system-x86\n148 vhost-144\n150 CPU 0/KVM\n"

/* 23 tx, 29 rx, 31 entries and 37 halts in each of @bins bins, over two CPUs. */
static inline void gen_workload(struct gen *g, unsigned buffer, unsigned bins)
{
	g->kallsyms = GEN_KALLSYMS;
	g->cmdlines = GEN_CMDLINES;
	for (unsigned b = 0; b < bins; b++)
		for (unsigned i = 0; i < 120; i++) {
			uint64_t t = GEN_START + b * GEN_BIN + (uint64_t)i * (GEN_BIN / 120);
			unsigned cpu = (i + b) % 2;

			if (i < 23)
				gen_call(g, buffer, cpu, t, GEN_FUNCTION, 148, GEN_TX + 4);
			else if (i < 23 + 29)
				gen_call(g, buffer, cpu, t, GEN_FUNCTION, 148, GEN_RX);
			else if (i < 23 + 29 + 31)
				gen_call(g, buffer, cpu, t, GEN_ENTRY, 150, 7);
			else
				gen_call(g, buffer, cpu, t, GEN_FUNCTION, 150, GEN_HALT + 4);
		}
}

#endif
