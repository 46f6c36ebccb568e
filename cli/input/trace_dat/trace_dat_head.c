// SPDX-License-Identifier: GPL-2.0-only
/* The head of a trace.dat: what v6 has in one row and v7 in sections. */
#include <stdarg.h>

#include "cli/input/trace_dat/trace_dat.h"

#define CPUS_MAX 65536
#define OPTION_MAX (4u << 20) /* bytes; the longest that is read lists CPUs, 20 bytes each */
#define SECTIONS_MAX 1024     /* of options; a chain that goes round is longer */
#define SECTION_HEAD 16
#define SECTION_PACKED 1

int dat_unusable(struct dat *d, const char *fmt, ...)
{
	char why[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	vnx_err_hint(d->err, "Record again: trace-cmd record -C mono -p function -l handle_tx "
			     "-l handle_rx -l kvm_vcpu_halt -e kvm:kvm_entry -o trace.dat");
	return vnx_err_set(d->err, -EBADMSG, VNX_EXIT_FAILED, "damaged",
			   "%s is a trace.dat without events that can be read: %s", d->in->path,
			   why);
}

static const char *ended(int error)
{
	return error == -ENODATA ? "ends" : error == -EBADMSG ? "is damaged" : "cannot be read";
}

/* ---- options that mean the same in v6 and v7 ---- */

void dat_take_clock(char clock[32], const char *text)
{
	const char *from = strchr(text, '[');

	from = from ? from + 1 : text + strspn(text, " \n");
	snprintf(clock, 32, "%.*s", (int)strcspn(from, "] \n"), from);
}

/* "Linux HOST RELEASE MACHINE", as trace-cmd puts uname(2) together. */
static void take_uname(struct dat *d, const char *text)
{
	const char *host = strchr(text, ' '), *kernel = host ? strchr(host + 1, ' ') : NULL;

	if (!kernel)
		return;
	snprintf(d->host, sizeof(d->host), "%.*s", (int)(kernel - host - 1), host + 1);
	snprintf(d->kernel, sizeof(d->kernel), "%.*s", (int)strcspn(kernel + 1, " \n"), kernel + 1);
}

/* The number after "KEY: " at the start of a line. */
static bool stat_value(const char *text, const char *key, const char **value)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, n) && p[n] == ':') {
			*value = p + n + 1;
			return true;
		}
		if (!*p)
			break;
	}
	return false;
}

static uint64_t stat_count(const char *text, const char *key)
{
	const char *value;

	return stat_value(text, key, &value) ? strtoull(value, NULL, 10) : 0;
}

/* "now ts: 15479.544867" in seconds, or a bare number of a clock that does not count ns. */
static uint64_t stat_now(const char *text)
{
	const char *value;
	char *end;
	uint64_t n, us;

	if (!stat_value(text, "now ts", &value))
		return 0;
	n = strtoull(value, &end, 10);
	if (*end != '.' || n > UINT64_MAX / VNX_NSEC_PER_SEC / 2)
		return *end == '.' ? 0 : n;
	us = strtoull(end + 1, NULL, 10);
	return n * VNX_NSEC_PER_SEC + (us < 1000000 ? us * 1000 : 0);
}

/* Rows of a buffer of its own come after a row "Buffer: NAME". */
static int take_stat(struct dat *d, const char *text)
{
	struct dat_stat row = { .cpu = UINT32_MAX }, *last;
	const char *value;

	last = d->stats.n ? &d->stats.v[d->stats.n - 1] : NULL;
	if (last)
		memcpy(row.buffer, last->buffer, sizeof(row.buffer));
	if (stat_value(text, "Buffer", &value)) {
		value += strspn(value, " ");
		snprintf(row.buffer, sizeof(row.buffer), "%.*s", (int)strcspn(value, "\n"), value);
	} else if (stat_value(text, "CPU", &value)) {
		row.cpu = (uint32_t)strtoul(value, NULL, 10);
		row.overrun = stat_count(text, "overrun");
		row.dropped =
			stat_count(text, "dropped events") + stat_count(text, "commit overrun");
		row.now = stat_now(text);
	} else {
		return 0;
	}
	return d->stats.n < 2 * CPUS_MAX ? vnx_vec_push(&d->stats, row) : 0;
}

int dat_take_option(struct dat *d, unsigned id, const char *data, size_t len)
{
	switch (id) {
	case DAT_OPT_DATE: /* microseconds, hexadecimal */
		d->has_date = true;
		d->date_us = (int64_t)strtoll(data, NULL, 0);
		return 0;
	case DAT_OPT_OFFSET:
		d->offset_ns = (int64_t)strtoll(data, NULL, 0);
		return 0;
	case DAT_OPT_CPUSTAT:
		return take_stat(d, data);
	case DAT_OPT_TRACECLOCK:
		if (*data)
			dat_take_clock(d->clock, data);
		return 0;
	case DAT_OPT_UNAME:
		take_uname(d, data);
		return 0;
	case DAT_OPT_CPUCOUNT:
		if (len >= 4)
			d->cpu_count = dat_u32(data, d->swap);
		return 0;
	case DAT_OPT_VERSION:
		/* trace-cmd's is a bare number. */
		snprintf(d->capture, sizeof(d->capture), "%s%.*s",
			 strncmp(data, "vnetdx", 6) ? "trace-cmd " : "", (int)strcspn(data, " \n"),
			 data);
		return 0;
	case DAT_OPT_TSC2NSEC:
		if (len >= 16 && dat_u32(data + 4, d->swap) < 64) {
			d->tsc_mult = dat_u32(data, d->swap);
			d->tsc_shift = dat_u32(data + 4, d->swap);
		}
		return 0;
	default:
		return 0;
	}
}

/* The next option: 1, 0 after the last of v6, or an error. *data: new, NUL-terminated. */
static int next_option(struct dat_stream *s, unsigned *id, char **data, uint32_t *len)
{
	uint8_t raw[2];
	int ret = dat_stream_get(s, raw, sizeof(raw));

	*data = NULL;
	*id = ret ? 0 : dat_u16(raw, s->dat->swap);
	if (ret || (*id == DAT_OPT_DONE && s->dat->version == 6))
		return ret;
	ret = dat_stream_get32(s, len);
	if (!ret && *len > OPTION_MAX) {
		ret = dat_stream_skip(s, *len);
		*len = 0;
	}
	if (ret)
		return ret;
	*data = calloc(1, (size_t)*len + 1);
	if (!*data)
		return -ENOMEM;
	ret = dat_stream_get(s, *data, *len);
	if (!ret)
		return 1;
	free(*data);
	*data = NULL;
	return ret;
}

static int add_buffer(struct dat *d, const struct dat_buffer *b)
{
	int ret = d->buffers.n < DAT_BUFFERS ? vnx_vec_push(&d->buffers, *b) : -E2BIG;

	if (ret == -E2BIG) {
		vnx_trace_warn(d->t, "%s has more than %d buffers: the others are left out",
			       d->in->path, DAT_BUFFERS);
		ret = 0;
		free(b->cpus.v);
	} else if (ret) {
		free(b->cpus.v);
	}
	return ret;
}

static bool good_page_size(uint32_t size)
{
	return size >= DAT_PAGE_MIN && size <= DAT_PAGE_MAX && size % 8 == 0;
}

/* ---- v6 ---- */

/* "flyrecord", then offset and size by CPU. */
static int v6_cpu_table(struct dat *d, struct dat_stream *s, struct dat_buffer *b, uint32_t cpus)
{
	for (uint32_t i = 0; i < cpus && i < CPUS_MAX; i++) {
		struct dat_cpu cpu = { .cpu = i };
		int ret = dat_stream_get64(s, &cpu.offset);

		if (!ret)
			ret = dat_stream_get64(s, &cpu.size);
		if (ret)
			return ret;
		if (cpu.size && vnx_vec_push(&b->cpus, cpu))
			return -ENOMEM;
	}
	return 0;
}

/* The clock's file follows the table where an (empty) option announces it. */
static void v6_clock(struct dat *d, struct dat_stream *s)
{
	char text[513] = "";
	uint64_t len;

	if (dat_stream_get64(s, &len) || !len || len >= sizeof(text) ||
	    dat_stream_get(s, text, (size_t)len))
		return;
	if (strchr(text, '['))
		dat_take_clock(d->clock, text);
}

/* A buffer of its own: @at is where its "flyrecord" stands. */
static int v6_instance(struct dat *d, uint64_t at, const char *name, uint32_t cpus)
{
	struct dat_buffer b = { .page_size = d->page_size };
	struct dat_stream s;
	char kind[10] = "";
	int ret = dat_stream_plain(&s, d, at, d->in->size);

	snprintf(b.name, sizeof(b.name), "%s", name);
	if (!ret)
		ret = dat_stream_get(&s, kind, sizeof(kind));
	if (!ret && memcmp(kind, "flyrecord", 9))
		ret = -EBADMSG;
	if (!ret)
		ret = v6_cpu_table(d, &s, &b, cpus);
	dat_stream_close(&s);
	if (ret == -ENOMEM) {
		free(b.cpus.v);
		return ret;
	}
	if (ret)
		vnx_trace_warn(d->t,
			       "buffer '%s' at offset %#llx: its table %s: not all of its "
			       "CPUs are read",
			       b.name, (unsigned long long)at, ended(ret));
	return add_buffer(d, &b);
}

struct instance {
	uint64_t at;
	char name[64];
};

struct instances {
	struct instance *v;
	size_t n, cap;
};

static int v6_options(struct dat *d, struct dat_stream *s, struct instances *instances,
		      bool *has_clock)
{
	VNX_CLEANUP_FREE char *data = NULL;
	uint32_t len;
	unsigned id;
	int ret;

	while ((ret = next_option(s, &id, &data, &len)) > 0) {
		struct instance in = { 0 };

		if (id == DAT_OPT_BUFFER && len > 8) {
			in.at = dat_u64(data, d->swap);
			snprintf(in.name, sizeof(in.name), "%s", data + 8);
			ret = instances->n < DAT_BUFFERS ? vnx_vec_push(instances, in) : 0;
		} else {
			*has_clock |= id == DAT_OPT_TRACECLOCK;
			ret = dat_take_option(d, id, data, len);
		}
		free(data);
		data = NULL;
		if (ret)
			return ret;
	}
	return ret;
}

static int v6_data(struct dat *d, struct dat_stream *s, struct instances *instances)
{
	struct dat_buffer b = { .page_size = d->page_size };
	bool has_clock = false;
	char kind[11] = "";
	int ret = dat_stream_get(s, kind, 10);

	if (!ret && !strncmp(kind, "options", 7)) {
		ret = v6_options(d, s, instances, &has_clock);
		if (!ret)
			ret = dat_stream_get(s, kind, 10);
	}
	if (ret)
		return ret == -ENOMEM ? ret : dat_unusable(d, "it %s in its options", ended(ret));
	if (!strncmp(kind, "latency", 7)) {
		dat_take_text(d, dat_stream_at(s), d->in->size, false);
		return 0;
	}
	if (strncmp(kind, "flyrecord", 9))
		return dat_unusable(d, "neither 'flyrecord' nor 'latency' follows its options");
	ret = v6_cpu_table(d, s, &b, d->cpu_count);
	if (ret == -ENOMEM) {
		free(b.cpus.v);
		return ret;
	}
	if (ret)
		vnx_trace_warn(d->t, "the table of CPUs %s: only %zu are read", ended(ret),
			       b.cpus.n);
	else if (has_clock)
		v6_clock(d, s);
	return add_buffer(d, &b);
}

static int v6_skip_printk(struct dat_stream *s)
{
	uint32_t size;
	int ret = dat_stream_get32(s, &size);

	return ret ? ret : dat_stream_skip(s, size);
}

static int v6_sections(struct dat *d, struct dat_stream *s)
{
	const char *where = "header_page";
	int ret = dat_read_header_info(d, s);

	if (!ret && (where = "formats of ftrace"))
		ret = dat_read_ftrace_formats(d, s);
	if (!ret && (where = "event formats"))
		ret = dat_read_event_formats(d, s);
	if (!ret && (where = "kallsyms"))
		ret = dat_read_kallsyms(d, s);
	if (!ret && (where = "printk formats"))
		ret = v6_skip_printk(s);
	if (!ret && (where = "saved names"))
		ret = dat_read_cmdlines(d, s);
	if (!ret && (where = "number of CPUs"))
		ret = dat_stream_get32(s, &d->cpu_count);
	if (ret && ret != -ENOMEM)
		return dat_unusable(d, "it %s in its %s", ended(ret), where);
	return ret;
}

static int read_v6(struct dat *d, uint64_t at)
{
	struct instances instances = { 0 };
	struct dat_stream s;
	int ret = dat_stream_plain(&s, d, at, d->in->size);

	if (!ret)
		ret = v6_sections(d, &s);
	if (!ret)
		ret = v6_data(d, &s, &instances);
	for (size_t i = 0; i < instances.n && !ret; i++)
		ret = v6_instance(d, instances.v[i].at, instances.v[i].name, d->cpu_count);
	free(instances.v);
	dat_stream_close(&s);
	return ret;
}

/* ---- v7 ---- */

/* Opens the section at @at, which must be @id; s->error tells what is wrong with it. */
static int open_section(struct dat *d, struct dat_stream *s, unsigned id, uint64_t at)
{
	uint8_t head[SECTION_HEAD];
	uint64_t size;
	ssize_t got = vnx_input_pread(d->in, head, sizeof(head), at);
	bool packed = got == sizeof(head) && dat_u16(head + 2, d->swap) & SECTION_PACKED;
	int ret;

	*s = (struct dat_stream){ .error = -ENODATA };
	if (got != sizeof(head)) {
		s->error = got < 0 ? (int)got : -ENODATA;
		return 0;
	}
	if (dat_u16(head, d->swap) != id) {
		s->error = -EBADMSG;
		return 0;
	}
	size = dat_u64(head + 8, d->swap);
	/*
	 * A section without a size reaches as far as it needs. So do options: trace-cmd appends
	 * to them without counting anew.
	 */
	if (!size || size > d->in->size - at - SECTION_HEAD || id == DAT_OPT_DONE)
		size = d->in->size - at - SECTION_HEAD;
	at += SECTION_HEAD;
	ret = packed ? dat_stream_block(s, d, at, at + size)
		     : dat_stream_plain(s, d, at, at + size);
	return ret;
}

struct sections {
	uint64_t at[DAT_OPT_BUFFER_TEXT + 1]; /* by id, 0: none */
	uint64_t options_end;                 /* of the last options that could be read */
	bool broken;                          /* there are more, which cannot */
};

/* A string inside an option; NULL where it does not end. */
static const char *take_string(const char **p, const char *end)
{
	const char *s = *p, *nul = memchr(s, '\0', (size_t)(end - s));

	*p = nul ? nul + 1 : end;
	return nul ? s : NULL;
}

static int v7_cpus(struct dat *d, struct dat_buffer *b, const char *p, const char *end, uint32_t n)
{
	for (; n && end - p >= 20; n--, p += 20) {
		struct dat_cpu cpu = { dat_u32(p, d->swap), dat_u64(p + 4, d->swap),
				       dat_u64(p + 12, d->swap) };

		if (cpu.size && vnx_vec_push(&b->cpus, cpu))
			return -ENOMEM;
	}
	if (n)
		vnx_trace_warn(d->t, "buffer '%s' lists %u CPUs fewer than it has", b->name, n);
	return 0;
}

/* OPTION_BUFFER: offset, name, clock, page size, CPUs. */
static int v7_buffer(struct dat *d, const char *data, size_t len)
{
	const char *p = data + 8, *end = data + len, *name, *clock;
	struct dat_buffer b = { 0 };
	uint8_t head[SECTION_HEAD];
	uint64_t at;
	int ret;

	if (len < 8 || !(name = take_string(&p, end)) || !(clock = take_string(&p, end)) ||
	    end - p < 8) {
		vnx_trace_warn(d->t, "the description of a buffer is damaged: it is left out");
		return 0;
	}
	at = dat_u64(data, d->swap);
	snprintf(b.name, sizeof(b.name), "%s", name);
	dat_take_clock(b.clock, clock);
	b.page_size = dat_u32(p, d->swap);
	if (vnx_input_pread(d->in, head, sizeof(head), at) != sizeof(head) ||
	    dat_u16(head, d->swap) != DAT_OPT_BUFFER) {
		vnx_trace_warn(d->t, "buffer '%s' at offset %#llx is not there: it is left out",
			       b.name, (unsigned long long)at);
		return 0;
	}
	b.packed = dat_u16(head + 2, d->swap) & SECTION_PACKED;
	if (!good_page_size(b.page_size)) {
		vnx_trace_warn(d->t, "buffer '%s' has pages of %u bytes: it is left out", b.name,
			       b.page_size);
		return 0;
	}
	ret = v7_cpus(d, &b, p + 8, end, dat_u32(p + 4, d->swap));
	if (ret) {
		free(b.cpus.v);
		return ret;
	}
	return add_buffer(d, &b);
}

static int v7_option(struct dat *d, struct sections *sections, unsigned id, const char *data,
		     size_t len)
{
	switch (id) {
	case DAT_OPT_BUFFER:
		return v7_buffer(d, data, len);
	case DAT_OPT_BUFFER_TEXT:
		if (len >= 8)
			dat_take_text_section(d, dat_u64(data, d->swap));
		return 0;
	case DAT_OPT_HEADER_INFO:
	case DAT_OPT_FTRACE_EVENTS:
	case DAT_OPT_EVENT_FORMATS:
	case DAT_OPT_KALLSYMS:
	case DAT_OPT_CMDLINES:
		if (len >= 8)
			sections->at[id] = dat_u64(data, d->swap);
		return 0;
	default:
		return dat_take_option(d, id, data, len);
	}
}

static uint64_t options_end(const struct dat *d, uint64_t at)
{
	uint8_t size[8];

	at += SECTION_HEAD;
	if (vnx_input_pread(d->in, size, sizeof(size), at - 8) != sizeof(size) ||
	    dat_u64(size, d->swap) > d->in->size)
		return at;
	return at + dat_u64(size, d->swap);
}

/* One section of options; *next: where they go on, 0: nowhere. */
static int v7_options(struct dat *d, struct sections *sections, uint64_t at, uint64_t *next)
{
	VNX_CLEANUP_FREE char *data = NULL;
	struct dat_stream s;
	uint32_t len = 0;
	unsigned id = 0;
	int ret = open_section(d, &s, DAT_OPT_DONE, at);

	*next = 0;
	while (!ret) {
		ret = next_option(&s, &id, &data, &len);
		if (ret <= 0)
			break;
		if (id == DAT_OPT_DONE) {
			*next = len >= 8 ? dat_u64(data, d->swap) : 0;
			sections->options_end = options_end(d, at);
			ret = 0;
			break;
		}
		ret = v7_option(d, sections, id, data, len);
		free(data);
		data = NULL;
	}
	dat_stream_close(&s);
	sections->broken |= ret != 0;
	if (ret && ret != -ENOMEM) {
		vnx_trace_warn(d->t,
			       "options at offset %#llx: the file %s there: what they would "
			       "tell is left out",
			       (unsigned long long)at, ended(ret));
		ret = 0;
	}
	return ret;
}

/* The formats come first: without them nothing else matters. */
static int v7_section(struct dat *d, const struct sections *sections, unsigned id, const char *what,
		      int (*read)(struct dat *d, struct dat_stream *s))
{
	struct dat_stream s;
	int ret;

	if (!sections->at[id])
		return 0;
	ret = open_section(d, &s, id, sections->at[id]);
	if (!ret)
		ret = s.error ? s.error : read(d, &s);
	dat_stream_close(&s);
	if (!ret || ret == -ENOMEM)
		return ret;
	if (id == DAT_OPT_HEADER_INFO)
		return dat_unusable(d, "it %s in its %s", ended(ret), what);
	vnx_trace_warn(d->t, "%s at offset %#llx: the file %s there: not all of them are known",
		       what, (unsigned long long)sections->at[id], ended(ret));
	return 0;
}

static int read_v7(struct dat *d)
{
	struct sections sections = { 0 };
	uint64_t at = d->options;
	int ret = 0, n = 0;

	while (at && !ret && n++ < SECTIONS_MAX)
		ret = v7_options(d, &sections, at, &at);
	if (!ret && !sections.at[DAT_OPT_HEADER_INFO])
		return dat_unusable(d, "its options do not lead to a header_page");
	if (!ret)
		ret = v7_section(d, &sections, DAT_OPT_HEADER_INFO, "header_page",
				 dat_read_header_info);
	if (!ret)
		ret = v7_section(d, &sections, DAT_OPT_FTRACE_EVENTS, "formats of ftrace",
				 dat_read_ftrace_formats);
	if (!ret)
		ret = v7_section(d, &sections, DAT_OPT_EVENT_FORMATS, "event formats",
				 dat_read_event_formats);
	if (!ret)
		ret = v7_section(d, &sections, DAT_OPT_KALLSYMS, "kallsyms", dat_read_kallsyms);
	if (!ret)
		ret = v7_section(d, &sections, DAT_OPT_CMDLINES, "saved names", dat_read_cmdlines);
	if (!ret && sections.broken && sections.options_end)
		ret = dat_rescue(d, sections.options_end);
	return ret;
}

/* ---- both ---- */

/* The packer's name and version, and where the options begin. */
static int v7_initial(struct dat *d, const unsigned char *p, const unsigned char *end)
{
	const char *words[2];

	for (int i = 0; i < 2; i++) {
		const unsigned char *nul = memchr(p, '\0', (size_t)(end - p));

		if (!nul)
			return dat_unusable(d, "it ends in its first bytes");
		words[i] = (const char *)p;
		p = nul + 1;
	}
	if (end - p < 8)
		return dat_unusable(d, "it ends in its first bytes");
	d->options = dat_u64(p, d->swap);
	if (!strcmp(words[0], "zlib"))
		d->codec = DAT_ZLIB;
	else if (!strcmp(words[0], "zstd"))
		d->codec = DAT_ZSTD;
	else if (strcmp(words[0], "none"))
		return dat_unusable(d, "it is packed by '%.32s', which is not known here",
				    words[0]);
	return 0;
}

int dat_read_headers(struct dat *d)
{
	const unsigned char *p = d->in->head + 10, *end = d->in->head + d->in->head_len;
	const unsigned char *nul = memchr(p, '\0', d->in->head_len - 10);
	const uint16_t one = 1;
	bool big;
	int ret;

	if (!nul || end - nul < 7)
		return dat_unusable(d, "it ends in its first bytes");
	d->version = (unsigned)strtoul((const char *)p, NULL, 10);
	if (d->version != 6 && d->version != 7)
		return dat_unusable(d, "version %.8s of the format is not known here (6 and 7 are)",
				    (const char *)p);
	big = nul[1];
	d->swap = big == *(const uint8_t *)&one;
	/* nul[2] is the size of a long in user space; header_page tells the kernel's. */
	d->page_size = dat_u32(nul + 3, d->swap);
	if (d->version == 6 && !good_page_size(d->page_size))
		return dat_unusable(d, "its pages have %u bytes", d->page_size);
	if (d->version == 6) {
		ret = read_v6(d, (uint64_t)(nul + 7 - d->in->head));
	} else {
		ret = v7_initial(d, nul + 7, end);
		if (!ret)
			ret = read_v7(d);
	}
	if (!ret)
		dat_resolve(d);
	return ret;
}

void dat_fini(struct dat *d)
{
	for (size_t i = 0; i < d->buffers.n; i++)
		free(d->buffers.v[i].cpus.v);
	free(d->buffers.v);
	free(d->stats.v);
}
