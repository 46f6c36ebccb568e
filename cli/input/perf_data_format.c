// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptions of tracepoints, as tools/perf/util/trace-event-info.c writes them: the
 * text of the format files, kallsyms (perf up to 4.x), names of threads.
 */
#include <event-parse.h>

#include "cli/input/perf_data.h"

#define FORMAT_MAX (256u << 10)
#define PRINT_FMT "print fmt:"
#define NO_PRINT_FMT "print fmt: \"\"\n"

/* What is left to read; empty for good once something was not there. */
struct cursor {
	const struct perf_data *pd;
	const uint8_t *p;
	size_t len;
	bool bad;
};

static const uint8_t *take(struct cursor *c, uint64_t len)
{
	const uint8_t *p = c->p;

	if (c->bad || len > c->len) {
		c->bad = true;
		c->len = 0;
		return NULL;
	}
	c->p += len;
	c->len -= (size_t)len;
	return p;
}

static uint32_t take32(struct cursor *c)
{
	const uint8_t *p = take(c, 4);

	return p ? perf_u32(c->pd, p) : 0;
}

static uint64_t take64(struct cursor *c)
{
	const uint8_t *p = take(c, 8);

	return p ? perf_u64(c->pd, p) : 0;
}

static const char *take_text(struct cursor *c)
{
	const uint8_t *end = c->len ? memchr(c->p, 0, c->len) : NULL;

	if (!end)
		c->bad = true;
	return (const char *)take(c, end ? (uint64_t)(end - c->p) + 1 : 1);
}

static bool take_magic(struct cursor *c, const char *magic, size_t len)
{
	const uint8_t *p = take(c, len);

	if (!p || memcmp(p, magic, len))
		c->bad = true;
	return !c->bad;
}

/* ---- formats ---- */

/* The file's own text with how it is printed left out, which only a printer needs. */
static char *format_text(const uint8_t *p, size_t len, size_t *out_len)
{
	const uint8_t *cut = memmem(p, len, PRINT_FMT, strlen(PRINT_FMT));
	size_t n = cut ? (size_t)(cut - p) : len;
	char *text;

	if (!len || len > FORMAT_MAX || memchr(p, 0, n))
		return NULL;
	text = malloc(n + sizeof(NO_PRINT_FMT) + 1);
	if (!text)
		return NULL;
	memcpy(text, p, n);
	memcpy(text + n, NO_PRINT_FMT, sizeof(NO_PRINT_FMT));
	*out_len = n + strlen(NO_PRINT_FMT);
	return text;
}

/* Only events that were sampled are worth parsing: is "ID: n" one of them? */
static bool is_sampled(const struct perf_data *pd, const char *text)
{
	const char *id = strstr(text, "\nID: ");
	char *end;
	unsigned long n;

	if (!id)
		return false;
	n = strtoul(id + 5, &end, 10);
	for (size_t i = 0; i < pd->attrs.n; i++)
		if (pd->attrs.v[i].type == PERF_TYPE_TRACEPOINT && pd->attrs.v[i].config == n)
			return true;
	return false;
}

/* Where the reader has to look: a probe's address, or a marker's text. */
static void note_field(struct perf_attr *a, const struct tep_format_field *field)
{
	if (!field || field->offset < 0 || field->offset > 4096)
		return;
	a->field_at = (uint16_t)field->offset;
	a->field_len = field->size == 4 ? 4 : 8;
}

static void describe(struct perf_attr *a, struct tep_event *event, const char *system)
{
	struct tep_format_field *probe = tep_find_field(event, "__probe_ip");

	snprintf(a->system, sizeof(a->system), "%s", system);
	snprintf(a->event, sizeof(a->event), "%s", event->name);
	a->described = true;
	a->is_probe = probe && (probe->size == 4 || probe->size == 8);
	a->is_return = tep_find_field(event, "__probe_func");
	note_field(a, probe ? probe : tep_find_field(event, "buf"));
}

static void take_format(struct perf_data *pd, struct tep_handle *tep, const char *system,
			const uint8_t *p, size_t len)
{
	struct tep_event *event = NULL;
	size_t n;
	VNX_CLEANUP_FREE char *text = format_text(p, len, &n);

	/* An event belongs to @tep when it was parsed. */
	if (!text || !is_sampled(pd, text) || tep_parse_format(tep, &event, text, n, system) ||
	    !event || !event->name)
		return;
	for (size_t i = 0; i < pd->attrs.n; i++) {
		struct perf_attr *a = &pd->attrs.v[i];

		if (a->type == PERF_TYPE_TRACEPOINT && event->id >= 0 &&
		    a->config == (uint64_t)event->id)
			describe(a, event, system);
	}
}

static void take_formats(struct perf_data *pd, struct tep_handle *tep, struct cursor *c,
			 const char *system)
{
	uint32_t n = take32(c);

	for (uint32_t i = 0; i < n && !c->bad; i++) {
		uint64_t len = take64(c);
		const uint8_t *p = take(c, len);

		if (p)
			take_format(pd, tep, system, p, (size_t)len);
	}
}

/* ---- symbols ---- */

/* "ffffffff81000000 T name\t[module]" */
static int take_symbol(struct perf_data *pd, const char *line, size_t len)
{
	const char *const *wanted = vnx_trace_functions(pd->trace);
	char name[64], type;
	unsigned long long addr;
	char text[128];

	snprintf(text, sizeof(text), "%.*s", (int)(len < 127 ? len : 127), line);
	if (sscanf(text, "%llx %c %63[^ \t\n]", &addr, &type, name) != 3 || !addr)
		return 0;
	pd->has_symbols = true;
	for (size_t i = 0; wanted[i]; i++) {
		if (strcmp(wanted[i], name) || (type | 0x20) != 't')
			continue;
		vnx_trace_saw_symbol(pd->trace, name);
		if (pd->symbols.n < 256)
			return vnx_vec_push(&pd->symbols,
					    ((struct perf_symbol){ addr, wanted[i] }));
	}
	return 0;
}

static int take_lines(struct perf_data *pd, const uint8_t *p, size_t len,
		      int (*line)(struct perf_data *pd, const char *line, size_t len))
{
	while (len) {
		const uint8_t *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) : len;
		int ret = line(pd, (const char *)p, n);

		if (ret)
			return ret;
		n += end != NULL;
		p += n;
		len -= n;
	}
	return 0;
}

/* "123 name" */
static int take_cmdline(struct perf_data *pd, const char *line, size_t len)
{
	char text[64], *end;
	unsigned long tid;

	snprintf(text, sizeof(text), "%.*s", (int)(len < 63 ? len : 63), line);
	tid = strtoul(text, &end, 10);
	if (end == text || *end != ' ' || tid > INT32_MAX || !strcmp(end + 1, "<...>"))
		return 0;
	return vnx_perf_thread(pd, (uint32_t)tid, 0, end + 1, strlen(end + 1));
}

/* ---- all of it ---- */

static int take_all(struct perf_data *pd, struct tep_handle *tep, struct cursor *c)
{
	const char *version, *system;
	const uint8_t *p;
	uint64_t len;
	int ret = 0;

	if (!take_magic(c, "\x17\x08\x44tracing", 10))
		return -EPROTO;
	version = take_text(c);
	take(c, 2); /* byte order and size of long: those of the file */
	take32(c);  /* size of a page */
	take_magic(c, "header_page", 12);
	take(c, take64(c));
	take_magic(c, "header_event", 13);
	take(c, take64(c));
	take_formats(pd, tep, c, "ftrace");
	for (uint32_t i = take32(c); i && !c->bad; i--) {
		system = take_text(c);
		if (system)
			take_formats(pd, tep, c, system);
	}
	len = take32(c);
	p = take(c, len);
	if (p && len)
		ret = take_lines(pd, p, (size_t)len, take_symbol);
	take(c, take32(c)); /* formats of printk */
	if (!ret && !c->bad && version && strcmp(version, "0.6") >= 0) {
		len = take64(c);
		p = take(c, len);
		if (p && len)
			ret = take_lines(pd, p, (size_t)len, take_cmdline);
	}
	return ret ? ret : c->bad ? -EPROTO : 0;
}

/**
 * vnx_perf_tracing_data() - names and fields of the tracepoints that were sampled.
 *
 * -EPROTO: it is damaged, what stands before the damage was taken.
 */
int vnx_perf_tracing_data(struct perf_data *pd, const uint8_t *p, size_t len)
{
	struct cursor c = { .pd = pd, .p = p, .len = len };
	struct tep_handle *tep = tep_alloc();
	int ret;

	if (!tep)
		return -ENOMEM;
	tep_set_loglevel(TEP_LOG_NONE);
	tep_set_long_size(tep, 8);
	ret = take_all(pd, tep, &c);
	tep_free(tep);
	return ret;
}
