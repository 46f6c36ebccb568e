// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptions of tracepoints, as tools/perf/util/trace-event-info.c writes them: the
 * text of the format files, kallsyms (perf up to 4.x), names of threads.
 *
 * Of a format a name, a number and the place of one field are wanted. libtraceevent (1.7)
 * would parse it all, and leaks memory on damaged text: a few lines here do not.
 */
#include <ctype.h>

#include "cli/input/perf_data/perf_data.h"

#define FORMAT_MAX (256u << 10)
#define SYMBOL_MIN 12  /* an address of 32 bits, a type, a letter */
#define FIELD_MAX 4096 /* no sample is so long that a field of ours stands further in */

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

/* What is wanted of a format: its number, its name, and of some fields where they are. */
struct field {
	bool found;
	unsigned offset, size;
};

struct format {
	unsigned id;
	char name[64];
	struct field probe_ip, probe_func, buf;
	struct perf_field sched[PERF_SCHED_FIELDS];
};

static void keep_sched_field(struct format *f, const char *name, size_t len,
			     const struct field *field)
{
	static const struct {
		const char *name;
		enum perf_sched_field field;
	} known[] = {
		{ "prev_comm", PERF_SCHED_COMM },    { "prev_pid", PERF_SCHED_PID },
		{ "prev_state", PERF_SCHED_STATE },  { "next_comm", PERF_SCHED_NEXT_COMM },
		{ "next_pid", PERF_SCHED_NEXT_PID }, { "comm", PERF_SCHED_COMM },
		{ "pid", PERF_SCHED_PID },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(known); i++)
		if (strlen(known[i].name) == len && !memcmp(name, known[i].name, len))
			f->sched[known[i].field] = (struct perf_field){ (uint16_t)field->offset,
									(uint16_t)field->size };
}

/* "\tfield:char buf[];\toffset:16;\tsize:0;\tsigned:1;": the name is the last word of the type. */
static void parse_field(struct format *f, const char *line)
{
	const char *end = strchr(line, ';'), *name;
	struct field field = { .found = true };
	size_t len;

	if (!end || sscanf(end, ";\toffset:%u;\tsize:%u;", &field.offset, &field.size) != 2 ||
	    field.offset > FIELD_MAX || field.size > FIELD_MAX)
		return;
	if (end > line && end[-1] == ']')
		while (end > line && *end != '[')
			end--;
	name = end;
	while (name > line && (isalnum((unsigned char)name[-1]) || name[-1] == '_'))
		name--;
	len = (size_t)(end - name);
	if (len == 10 && !memcmp(name, "__probe_ip", len))
		f->probe_ip = field;
	else if (len == 12 && !memcmp(name, "__probe_func", len))
		f->probe_func = field;
	else if (len == 3 && !memcmp(name, "buf", len))
		f->buf = field;
	else
		keep_sched_field(f, name, len, &field);
}

static bool parse_format(struct format *f, char *text)
{
	bool has_id = false;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "print fmt:", 10))
			break;
		if (!strncmp(line, "name: ", 6))
			snprintf(f->name, sizeof(f->name), "%s", line + 6);
		else if (!strncmp(line, "ID: ", 4))
			has_id = sscanf(line, "ID: %u", &f->id) == 1;
		else if (!strncmp(line, "\tfield:", 7))
			parse_field(f, line + 7);
	}
	return has_id && f->name[0];
}

static void describe(struct perf_attr *a, const struct format *f, const char *system)
{
	const struct field *field = f->probe_ip.found ? &f->probe_ip : &f->buf;

	snprintf(a->system, sizeof(a->system), "%s", system);
	snprintf(a->event, sizeof(a->event), "%s", f->name);
	a->described = true;
	a->is_probe = f->probe_ip.found && (f->probe_ip.size == 4 || f->probe_ip.size == 8);
	a->is_return = f->probe_func.found;
	a->field_at = (uint16_t)field->offset;
	a->field_len = (uint16_t)field->size;
	memcpy(a->sched, f->sched, sizeof(a->sched));
}

static int take_format(struct perf_data *pd, const char *system, const uint8_t *p, size_t len)
{
	VNX_CLEANUP_FREE char *text = NULL;
	struct format f = { 0 };

	if (len > FORMAT_MAX)
		return 0;
	text = strndup((const char *)p, len);
	if (!text)
		return -ENOMEM;
	if (!parse_format(&f, text) || !vnx_perf_afford(pd, pd->attrs.n))
		return 0;
	for (size_t i = 0; i < pd->attrs.n; i++) {
		struct perf_attr *a = &pd->attrs.v[i];

		if (a->type == PERF_TYPE_TRACEPOINT && a->config == f.id)
			describe(a, &f, system);
	}
	return 0;
}

static int take_formats(struct perf_data *pd, struct cursor *c, const char *system)
{
	uint32_t n = take32(c);
	int ret = 0;

	for (uint32_t i = 0; i < n && !c->bad && !ret; i++) {
		uint64_t len = take64(c);
		const uint8_t *p = take(c, len);

		if (p)
			ret = take_format(pd, system, p, (size_t)len);
	}
	return ret;
}

/* ---- symbols ---- */

/* "ffffffff81000000 T name\t[module]" */
static int take_symbol(struct perf_data *pd, const char *line, size_t len)
{
	const char *const *wanted = vnx_trace_functions(pd->trace);
	char name[64], type;
	unsigned long long addr;
	char text[128];

	if (len < SYMBOL_MIN)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)(len < 127 ? len : 127), line);
	if (sscanf(text, "%llx %c %63[^ \t\n]", &addr, &type, name) != 3 || !addr)
		return 0;
	pd->has_symbols = true;
	name[vnx_trace_base_len(name, strlen(name))] = '\0';
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

static int take_all(struct perf_data *pd, struct cursor *c)
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
	ret = take_formats(pd, c, "ftrace");
	for (uint32_t i = take32(c); i && !c->bad && !ret; i--) {
		system = take_text(c);
		if (system)
			ret = take_formats(pd, c, system);
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

	return take_all(pd, &c);
}
