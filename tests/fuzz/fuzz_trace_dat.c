// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target of the trace.dat reader. The mutator knows the layout: what libFuzzer alone
 * would have to guess are sizes that fit, options, and records inside pages.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dat_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t magic[10] = { 0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g' };

	/* What is no trace.dat never comes to this reader. */
	if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)))
		return -1;
	fuzz_reader(&vnx_reader_trace_dat, NULL, data, size);
	return 0;
}

/* ---- mutation ---- */

static uint64_t state;

static uint32_t any(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 2685821657736338717ULL) >> 32) % below;
}

static void some_events(struct gen *g, unsigned n)
{
	static const unsigned ids[] = { GEN_FUNCTION, GEN_FUNCGRAPH, GEN_ENTRY,
					GEN_WAKEUP,   GEN_PROBE_A,   GEN_PROBE_B };
	static const uint64_t ips[] = { GEN_TX, GEN_RX + 4, GEN_HALT, GEN_OTHER, GEN_TX + 80 };
	uint64_t t = GEN_START;

	for (unsigned i = 0; i < n; i++) {
		unsigned buffer = any(g->n_buffers), cpu = any(g->n_cpus);
		struct gen_cpu *c = &g->buffers[buffer].cpus[cpu];

		t += any(2) ? any(100000) : (uint64_t)any(1u << 30) * any(8);
		gen_call(g, buffer, cpu, t, ids[any(6)], 140 + any(12), ips[any(5)]);
		if (!any(20))
			gen_page_end(g, c, (uint64_t)any(4) << 30, any(2) ? any(1000) : 0);
		if (!any(20))
			gen_repeats(g, cpu, t, 148, GEN_TX, (uint16_t)any(65536));
		if (!any(20))
			gen_print(g, cpu, t, "vnetdx vm pid=7 name=a workers=148 vcpus=150\n");
		if (!any(20))
			gen_newtask(g, cpu, t, 140 + any(12), 140 + any(12), "CPU 0/KVM", any(2));
		if (!any(20))
			gen_switch_state(g, buffer, cpu, t, 148, "vhost-144", any(300),
					 140 + any(12), "CPU 1/KVM");
		if (!any(20))
			gen_woken(g, buffer, cpu, t, GEN_SCHED_WAKEUP, 140 + any(12), "vhost-144");
	}
}

static const char latency_text[] =
	"# tracer: irqsoff\n#\n# irqsoff latency trace v1.1.5 on 6.1.0\n"
	"# latency: 16 us, #5/9, CPU#0 | (M:preempt VP:0, KP:0, SP:0 HP:0 #P:2)\n"
	"vhost-14-148       1d..1. 20176us!: handle_tx <-vhost_worker\n"
	"CPU 0/KV-150       0d..2. 20409us#: kvm_entry: vcpu 0, rip 0xffffffff81000000\n"
	"CPU:1 [LOST 12 EVENTS]\n"
	"vhost-14-148       1d..1. 920176us : handle_rx <-vhost_worker\n"
	"   920180 us |   1)  vhost-14-148   |  d..1. |   0.250 us    |  handle_tx();\n";

/* A new file of everything that the generator can make. */
static size_t fresh(uint8_t *data, size_t max_size)
{
	struct gen_bytes file;
	struct gen g;
	size_t n;

	gen_init(&g, 6 + any(2), any(2), any(2) ? 8 : 4);
	g.codec = g.version == 7 ? any(3) : GEN_PLAIN;
	g.absolute = any(2);
	g.page_size = 256u << any(3);
	g.n_cpus = 1 + any(3);
	g.n_buffers = 1 + any(3);
	for (unsigned i = 1; i < g.n_buffers; i++)
		snprintf(g.buffers[i].name, sizeof(g.buffers[i].name), "b%u", any(3));
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	g.date = any(2) ? "0x1234567" : NULL;
	g.offset = any(4) ? NULL : "-5000000000";
	g.latency = any(10) ? NULL : latency_text;
	g.tsc_mult = any(8) ? 0 : 1000 + any(1u << 24);
	g.tsc_shift = any(40);
	if (any(2))
		g.stats.text[g.stats.n++] = "CPU: 0\noverrun: 41\ncommit overrun: 1\n"
					    "now ts:  2000.000001\ndropped events: 2\n";
	some_events(&g, 10 + any(80));
	gen_file(&g, &file);
	n = file.n < max_size ? file.n : max_size;
	memcpy(data, file.v, n);
	free(file.v);
	gen_fini(&g);
	return n;
}

static const uint64_t odd_numbers[] = { 0,          1,          2,          3,
					7,          8,          0xff,       0x7fffffff,
					0x80000000, 0xffffffff, 0xc0000000, 1ULL << 59,
					INT64_MAX,  UINT64_MAX, 4096,       65536 };

/* A number of the file's own byte order, or not quite. */
static void put_number(uint8_t *p, size_t room, bool big)
{
	unsigned size = 1u << any(4);
	uint64_t v = odd_numbers[any(VNX_ARRAY_SIZE(odd_numbers))] + any(3) - any(2);

	if (size > room)
		return;
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> 8 * (big ? size - 1 - i : i));
}

/* Somewhere near a word that structure is around. */
static size_t near_word(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "tracing",   "header_page", "header_event", "offset:",
					     "size:",     "ID: ",        "name: ",       "options",
					     "flyrecord", "kprobes",     "handle_tx",    "vhost-",
					     "overrun",   "now ts" };
	const char *word = words[any(VNX_ARRAY_SIZE(words))];
	const uint8_t *p = memmem(data, size, word, strlen(word));
	size_t at;

	for (int skip = (int)any(6); p && skip; skip--) {
		const uint8_t *next =
			memmem(p + 1, size - (size_t)(p + 1 - data), word, strlen(word));

		if (!next)
			break;
		p = next;
	}
	if (!p)
		return any((uint32_t)size);
	at = (size_t)(p - data) + strlen(word) + any(40);
	return at < size ? at : size - 1;
}

/* Pages begin where the page size says: their head, or a record's in them. */
static size_t in_page(const uint8_t *data, size_t size, bool big)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t page = 256, at;

	if (nul && size - (size_t)(nul - data) > 7)
		page = dat_gen_u32(nul + 3, big);
	if (page < 16 || page > size)
		page = 256;
	at = any((uint32_t)(size / page + 1)) * page;
	at += any(3) ? any(24) : any((uint32_t)page) & ~3u;
	return at < size ? at : size - 1;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	bool big;

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (size < 32 || !any(50))
		return fresh(data, max_size);
	big = data[12];
	switch (any(6)) {
	case 0:
		size = LLVMFuzzerMutate(data, size, max_size);
		break;
	case 1:
	case 2:
		for (unsigned i = 1 + any(3), at; i; i--) {
			at = (unsigned)near_word(data, size);
			put_number(data + at, size - at, big);
		}
		break;
	case 3:
	case 4:
		for (unsigned i = 1 + any(3), at; i; i--) {
			at = (unsigned)in_page(data, size, big);
			put_number(data + at, size - at, big);
		}
		break;
	default:
		data[any((uint32_t)size)] ^= (uint8_t)(1u << any(8));
		if (!any(10))
			size = 32 + any((uint32_t)size - 31);
	}
	/* Without its magic a file is not this reader's. */
	if (size >= 10 && max_size >= 10)
		memcpy(data, "\x17\x08\x44tracing", 10);
	return size;
}
