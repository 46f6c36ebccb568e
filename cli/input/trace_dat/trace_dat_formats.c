// SPDX-License-Identifier: GPL-2.0-only
/* Event formats, symbols and saved names of a trace.dat: which record means which call. */
#include <ctype.h>

#include <traceevent/event-parse.h>

#include "bpf/ladder.h"
#include "cli/input/trace_dat/trace_dat.h"

/* ---- lines of fields ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "unsigned long args[6]": words, stars and brackets, a name last. */
static const char *skip_declaration(const char *p)
{
	int words = 0;

	while (*p && *p != ';') {
		if (isalpha((unsigned char)*p) || *p == '_') {
			while (is_word(*p))
				p++;
			words++;
		} else if (*p == '[' && words) {
			for (p++; is_word(*p);)
				p++;
			if (*p++ != ']')
				return NULL;
		} else if (*p != ' ' && (*p != '*' || !words)) {
			return NULL;
		} else {
			p++;
		}
	}
	return words >= 2 && (is_word(p[-1]) || p[-1] == ']') ? p : NULL;
}

/* "KEY:N;" with a number of up to six digits */
static const char *skip_number(const char *p, const char *key)
{
	size_t n = strlen(key), digits;

	if (!p || strncmp(p, key, n))
		return NULL;
	digits = strspn(p + n, "0123456789");
	return digits && digits <= 6 && p[n + digits] == ';' ? p + n + digits + 1 : NULL;
}

static bool good_field(const char *line)
{
	const char *p = line + 7;

	if (strncmp(line, "\tfield:", 7))
		return false;
	p = skip_declaration(p + strspn(p, " "));
	p = skip_number(p, ";\toffset:");
	p = skip_number(p, "\tsize:");
	if (p && *p)
		p = skip_number(p, "\tsigned:");
	return p && !*p;
}

/*
 * Appends those lines of @text that are fields beyond doubt. libtraceevent gets nothing else
 * to see: it is made for the kernel's words, and falls over those of a damaged file.
 */
static void copy_fields(FILE *out, char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	bool common = false;

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (!good_field(line))
			continue;
		/* An empty line stands between the common fields and the event's own. */
		if (common && !strstr(line, " common_"))
			fputc('\n', out);
		common = strstr(line, " common_");
		fprintf(out, "%s\n", line);
	}
}

/* ---- header_page ---- */

static int get_text(struct dat_stream *s, const char *name, size_t name_len, char **text,
		    uint64_t *len)
{
	char head[16];
	int ret = dat_stream_get(s, head, name_len);

	if (!ret && memcmp(head, name, name_len))
		ret = -EBADMSG;
	if (!ret)
		ret = dat_stream_get64(s, len);
	if (!ret && (!*len || *len > DAT_HEADER_MAX))
		ret = -EBADMSG;
	if (ret)
		return ret;
	*text = calloc(1, (size_t)*len + 1);
	if (!*text)
		return -ENOMEM;
	return dat_stream_get(s, *text, (size_t)*len);
}

static int parse_header_page(struct dat *d, char *text)
{
	VNX_CLEANUP_FREE char *clean = NULL;
	struct tep_handle *tep;
	size_t len = 0;
	FILE *out = open_memstream(&clean, &len);
	int commit, stamp;
	bool old;

	if (!out)
		return -ENOMEM;
	copy_fields(out, text);
	tep = fclose(out) ? NULL : tep_alloc();
	if (!tep)
		return -ENOMEM;
	tep_set_loglevel(TEP_LOG_NONE);
	commit = tep_parse_header_page(tep, clean, len, 8) ? 0 : tep_get_header_page_size(tep);
	stamp = tep_get_header_timestamp_size(tep);
	old = tep_is_old_format(tep);
	tep_free(tep);
	if (old || stamp != 8 || (commit != 4 && commit != 8))
		return -EBADMSG;
	d->commit_size = (uint16_t)commit;
	return 0;
}

int dat_read_header_info(struct dat *d, struct dat_stream *s)
{
	VNX_CLEANUP_FREE char *page = NULL;
	VNX_CLEANUP_FREE char *event = NULL;
	uint64_t len, event_len;
	int ret = get_text(s, "header_page", 12, &page, &len);

	if (!ret)
		ret = parse_header_page(d, page);
	if (!ret)
		ret = get_text(s, "header_event", 13, &event, &event_len);
	return ret;
}

/* ---- formats ---- */

static bool field_at(struct tep_event *e, const char *name, int min, int max, uint16_t *at,
		     uint16_t *size, uint16_t *need)
{
	struct tep_format_field *f = tep_find_any_field(e, name);

	if (!f || f->offset < 0 || f->offset > 16384 || f->size < min || f->size > max)
		return false;
	*at = (uint16_t)f->offset;
	if (size)
		*size = (uint16_t)f->size;
	if (f->offset + f->size > *need)
		*need = (uint16_t)(f->offset + f->size);
	return true;
}

static bool ip_at(struct tep_event *e, const char *name, struct dat_event *ev)
{
	uint16_t size;

	if (!field_at(e, name, 4, 8, &ev->ip, &size, &ev->need) || (size != 4 && size != 8))
		return false;
	ev->ip_size = (uint8_t)size;
	return true;
}

/* A long of the kernel's. */
static void state_at(struct tep_event *e, struct dat_event *ev)
{
	uint16_t size;

	if (field_at(e, "prev_state", 4, 8, &ev->state, &size, &ev->need) &&
	    (size == 4 || size == 8))
		ev->state_size = (uint8_t)size;
}

/* Fields of what is known by name; false: it cannot be used. */
static bool fill_known(struct tep_event *e, const char *system, struct dat_event *ev)
{
	const char *name = e->name;

	switch (ev->kind) {
	case DAT_CALL:
		return ip_at(e, strcmp(name, "function") ? "func" : "ip", ev);
	case DAT_REPEAT:
		return ip_at(e, "ip", ev) &&
		       field_at(e, "count", 2, 2, &ev->count, NULL, &ev->need);
	case DAT_PROBE:
		return ip_at(e, "__probe_ip", ev);
	case DAT_PRINT:
		return field_at(e, "buf", 0, 4096, &ev->comm[0], NULL, &ev->need);
	case DAT_SWITCH:
		state_at(e, ev);
		return field_at(e, "prev_comm", 16, 16, &ev->comm[0], NULL, &ev->need) &&
		       field_at(e, "prev_pid", 4, 4, &ev->tid[0], NULL, &ev->need) &&
		       field_at(e, "next_comm", 16, 16, &ev->comm[1], NULL, &ev->need) &&
		       field_at(e, "next_pid", 4, 4, &ev->tid[1], NULL, &ev->need);
	case DAT_WAKEUP:
	case DAT_NEW:
		return field_at(e, "comm", 16, 16, &ev->comm[0], NULL, &ev->need) &&
		       field_at(e, "pid", 4, 4, &ev->tid[0], NULL, &ev->need);
	case DAT_NEWTASK:
		return field_at(e, "comm", 16, 16, &ev->comm[0], NULL, &ev->need) &&
		       field_at(e, "pid", 4, 4, &ev->tid[0], NULL, &ev->need) &&
		       field_at(e, "clone_flags", 8, 8, &ev->flags, NULL, &ev->need);
	default:
		return true;
	}
}

static enum dat_kind kind_of(const char *system, const char *name, bool probe)
{
	static const struct {
		const char *system, *name;
		enum dat_kind kind;
	} known[] = {
		{ "ftrace", "function", DAT_CALL },
		{ "ftrace", "funcgraph_entry", DAT_CALL },
		{ "ftrace", "fgraph_retaddr_entry", DAT_CALL }, /* since 6.13 */
		{ "ftrace", "func_repeats", DAT_REPEAT },
		{ "ftrace", "print", DAT_PRINT },
		{ "sched", "sched_switch", DAT_SWITCH },
		{ "sched", "sched_wakeup", DAT_WAKEUP },
		{ "sched", "sched_wakeup_new", DAT_NEW },
		{ "task", "task_newtask", DAT_NEWTASK },
	};

	if (probe)
		return DAT_PROBE;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].system, system) && !strcmp(known[i].name, name))
			return known[i].kind;
	return DAT_COUNT;
}

/*
 * Where a kprobe event is, its records tell; which function that is, the symbols. Sources are
 * taken for every function it may turn out to be.
 */
static bool fill_probe(struct dat *d, const char *system, const char *name, struct dat_event *ev)
{
	const char *const *functions = vnx_trace_functions(d->t);

	if (d->n_layers == DAT_LAYERS) {
		vnx_trace_warn(d->t, "more than %d kprobe events: %s:%s is left out",
			       DAT_LAYERS - 1, system, name);
		return false;
	}
	ev->layer = (uint8_t)d->n_layers++;
	for (unsigned i = 0; i < DAT_FUNCTIONS && functions[i]; i++)
		ev->probed[i] = (int8_t)vnx_trace_source(d->t, system, name, functions[i]);
	/* "?" is no function's name: only an override that names the event can match. */
	ev->probed[DAT_FUNCTIONS] = (int8_t)vnx_trace_source(d->t, system, name, "?");
	ev->by_name = (int8_t)vnx_trace_source(d->t, system, name, "");
	return true;
}

/* The fields, common and own, and nothing to print: that is not wanted here. */
static struct tep_event *parse_fields(struct tep_handle *tep, const char *system, const char *name,
				      const char *text, size_t len, int id)
{
	VNX_CLEANUP_FREE char *copy = strndup(text, len);
	VNX_CLEANUP_FREE char *clean = NULL;
	size_t clean_len = 0;
	FILE *out = copy ? open_memstream(&clean, &clean_len) : NULL;

	if (!out)
		return NULL;
	fprintf(out, "name: %s\nID: %d\nformat:\n", name, id);
	copy_fields(out, copy);
	fprintf(out, "\nprint fmt: \"\"\n");
	if (fclose(out) || tep_parse_event(tep, clean, clean_len, system))
		return NULL;
	return tep_find_event(tep, id);
}

static void add_event(struct dat *d, const char *system, const char *name, const char *text,
		      size_t len, int id, struct dat_event *ev)
{
	struct tep_handle *tep = tep_alloc();
	struct tep_event *e = NULL;
	uint16_t type_at = 0;

	if (tep) {
		tep_set_long_size(tep, d->commit_size);
		e = parse_fields(tep, system, name, text, len, id);
	}
	if (!e || !field_at(e, "common_type", 2, 2, &type_at, NULL, &ev->need) ||
	    !field_at(e, "common_pid", 4, 4, &ev->pid, NULL, &ev->need) ||
	    (d->has_type && d->type_at != type_at) || !fill_known(e, system, ev)) {
		vnx_trace_warn(d->t,
			       "the format of event %d of %s cannot be used: such events are "
			       "left out",
			       id, system);
	} else if (ev->kind != DAT_PROBE || fill_probe(d, system, name, ev)) {
		d->type_at = type_at;
		d->has_type = true;
		d->switches |= ev->kind == DAT_SWITCH && ev->state_size;
		d->events[++d->n_events] = *ev;
		d->index[id] = (uint8_t)d->n_events;
	}
	tep_free(tep);
}

/* "name: X\nID: N\n": the first lines of every format. */
static bool name_and_id(const char *text, size_t len, char name[64], int *id)
{
	const char *eol = memchr(text, '\n', len);
	char *end;
	unsigned long n;
	size_t name_len;

	if (!eol || strncmp(text, "name: ", 6) || strncmp(eol + 1, "ID: ", 4))
		return false;
	name_len = (size_t)(eol - text) - 6;
	for (size_t i = 0; i < name_len; i++)
		if (!is_word(text[6 + i]))
			return false;
	n = strtoul(eol + 5, &end, 10);
	if (!name_len || name_len >= 64 || end == eol + 5 || n > UINT16_MAX)
		return false;
	memcpy(name, text + 6, name_len);
	name[name_len] = '\0';
	*id = (int)n;
	return true;
}

void dat_take_format(struct dat *d, const char *system, const char *text, size_t len)
{
	struct dat_event ev = { 0 };
	char name[64];
	int id;

	if (!name_and_id(text, len, name, &id) || d->index[id] || d->n_events == DAT_EVENTS)
		return;
	ev.kind = (uint8_t)kind_of(system, name, memmem(text, len, " __probe_ip;", 12));
	ev.source = -1;
	if (ev.kind == DAT_COUNT || ev.kind == DAT_SWITCH || ev.kind == DAT_WAKEUP ||
	    ev.kind == DAT_NEW || ev.kind == DAT_NEWTASK)
		ev.source = (int8_t)vnx_trace_source(d->t, system, name, NULL);
	if (ev.kind != DAT_COUNT || ev.source >= 0)
		add_event(d, system, name, text, len, id, &ev);
}

static int read_format(struct dat *d, struct dat_stream *s, const char *system)
{
	VNX_CLEANUP_FREE char *text = NULL;
	uint64_t len;
	int ret = dat_stream_get64(s, &len);

	if (ret)
		return ret;
	if (len > DAT_FORMAT_MAX)
		return dat_stream_skip(s, len);
	text = malloc((size_t)len + 1);
	if (!text)
		return -ENOMEM;
	ret = dat_stream_get(s, text, (size_t)len);
	text[ret ? 0 : len] = '\0';
	if (!ret)
		dat_take_format(d, system, text, (size_t)len);
	return ret;
}

int dat_read_ftrace_formats(struct dat *d, struct dat_stream *s)
{
	uint32_t n;
	int ret = dat_stream_get32(s, &n);

	for (; n && !ret; n--)
		ret = read_format(d, s, "ftrace");
	return ret;
}

static int get_name(struct dat_stream *s, char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int ret = dat_stream_get(s, name + i, 1);

		if (ret || !name[i])
			return ret;
	}
	return -EBADMSG;
}

int dat_read_event_formats(struct dat *d, struct dat_stream *s)
{
	char system[128];
	uint32_t systems, n;
	int ret = dat_stream_get32(s, &systems);

	for (; systems && !ret; systems--) {
		ret = get_name(s, system, sizeof(system));
		if (!ret)
			ret = dat_stream_get32(s, &n);
		for (; !ret && n; n--)
			ret = read_format(d, s, system);
	}
	return ret;
}

/* ---- symbols ---- */

/* The number of @name among the wanted functions, or -1. */
static int wanted(const struct dat *d, const char *name, size_t len)
{
	const char *const *functions = vnx_trace_functions(d->t);

	len = vnx_trace_base_len(name, len);
	for (int i = 0; i < DAT_FUNCTIONS && functions[i]; i++)
		if (functions[i][0] == name[0] && !strncmp(functions[i], name, len) &&
		    !functions[i][len])
			return i;
	return -1;
}

/* "ffffffffc0a1b2c0 t handle_tx	[vhost_net]" */
static void take_symbol(void *arg, char *line)
{
	struct dat *d = arg;
	char *end;
	const char *name = strchr(line, ' '), *module, *own;
	struct dat_address a = { 0 };
	size_t len;
	int function;

	if (!name || !name[1] || name[2] != ' ')
		return;
	name += 3;
	len = strcspn(name, "\t ");
	function = wanted(d, name, len);
	if (function < 0)
		return;
	vnx_trace_saw_symbol(d->t, vnx_trace_functions(d->t)[function]);
	a.at = strtoull(line, &end, 16);
	a.function = (uint8_t)function;
	module = name + len + strspn(name + len, "\t [");
	own = vnx_trace_module(vnx_trace_functions(d->t)[function]);
	a.own_module = own && !strncmp(module, own, strlen(own)) && module[strlen(own)] == ']';
	if (*end == ' ' && a.at && d->n_addresses < DAT_ADDRESSES)
		d->addresses[d->n_addresses++] = a;
}

int dat_read_kallsyms(struct dat *d, struct dat_stream *s)
{
	uint32_t size;
	int ret = dat_stream_get32(s, &size);

	return ret ? ret : dat_stream_lines(s, size, take_symbol, d);
}

/* "1234 comm, which may have blanks" */
static void take_cmdline(void *arg, char *line)
{
	struct dat *d = arg;
	char *end;
	unsigned long tid = strtoul(line, &end, 10);

	if (end != line && *end == ' ' && tid <= UINT32_MAX)
		/* A name less is no reason to stop; -ENOMEM comes back elsewhere. */
		vnx_trace_thread(d->t, (uint32_t)tid, 0, end + 1);
}

int dat_read_cmdlines(struct dat *d, struct dat_stream *s)
{
	uint64_t size;
	int ret = dat_stream_get64(s, &size);

	return ret ? ret : dat_stream_lines(s, size, take_cmdline, d);
}

/* ---- what calls what ---- */

static int by_address(const void *a, const void *b)
{
	const struct dat_address *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Where the ladder's own module has the symbol, its namesakes elsewhere are something else. */
static void drop_namesakes(struct dat *d)
{
	bool own[DAT_FUNCTIONS] = { false };
	unsigned kept = 0;

	for (unsigned i = 0; i < d->n_addresses; i++)
		own[d->addresses[i].function] |= d->addresses[i].own_module;
	for (unsigned i = 0; i < d->n_addresses; i++)
		if (d->addresses[i].own_module || !own[d->addresses[i].function])
			d->addresses[kept++] = d->addresses[i];
	d->n_addresses = kept;
	qsort(d->addresses, kept, sizeof(d->addresses[0]), by_address);
}

/*
 * Without the address of the function that a probe's name means (kptr_restrict, no kallsyms)
 * the name must do.
 */
static void resolve_probe(struct dat *d, struct dat_event *ev)
{
	if (ev->by_name < 0 || ev->probed[DAT_FUNCTIONS] >= 0)
		return;
	for (unsigned i = 0; i < d->n_addresses; i++)
		if (ev->probed[d->addresses[i].function] == ev->by_name)
			return;
	ev->probed[DAT_FUNCTIONS] = ev->by_name;
}

void dat_resolve(struct dat *d)
{
	const char *const *functions = vnx_trace_functions(d->t);

	drop_namesakes(d);
	for (unsigned i = 0; i < DAT_FUNCTIONS && functions[i]; i++)
		d->called[i] = (int8_t)vnx_trace_source(d->t, NULL, NULL, functions[i]);
	for (unsigned i = 1; i <= d->n_events; i++)
		if (d->events[i].kind == DAT_PROBE)
			resolve_probe(d, &d->events[i]);
}
