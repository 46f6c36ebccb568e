// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text of `perf script` (tools/perf/builtin-script.c prints it): "COMM TID [CPU] TS: PERIOD
 * SYSTEM:EVENT: fields", of which CPU and PERIOD may be missing and TID may be "PID/TID";
 * chains of callers are lines that begin with a tab.
 */
#include <inttypes.h>

#include "cli/input/text/text_lines.h"

#define COMM_WIDTH 16
#define SEARCH_MAX 256 /* bytes of a line in which its thread must stand */

struct line {
	uint64_t t_ns, period;
	uint32_t cpu;
	bool has_cpu, record; /* @record: PERF_RECORD_..., no event */
	struct vnx_text_thread thread;
	struct vnx_text_key key;
	const char *body;
};

/* ---- one line ---- */

/* "TID" or "PID/TID", and the blanks behind. */
static const char *parse_tid(const char *p, struct line *l)
{
	l->thread.tgid = 0;
	p = vnx_text_u32(p, &l->thread.tid);
	if (p && *p == '/') {
		l->thread.tgid = l->thread.tid;
		p = vnx_text_u32(p + 1, &l->thread.tid);
	}
	return p && *p == ' ' ? vnx_text_blanks(p) : NULL;
}

/* "[003] ", and what -F +misc puts behind it: "K    ". */
static const char *parse_cpu(const char *p, struct line *l)
{
	l->cpu = 0;
	l->has_cpu = *p == '[';
	if (l->has_cpu) {
		p = vnx_text_u32(p + 1, &l->cpu);
		if (!p || p[0] != ']' || p[1] != ' ')
			return NULL;
		p = vnx_text_blanks(p + 1);
	}
	if (*p >= 'A' && *p <= 'Z') {
		while (*p >= 'A' && *p <= 'Z')
			p++;
		p = *p == ' ' ? vnx_text_blanks(p) : NULL;
	}
	return p;
}

/* "1 kvm:kvm_entry: ", "probe:handle_tx: ", "cycles:u: ", "PERF_RECORD_LOST lost 12" */
static const char *parse_event(const char *p, struct line *l)
{
	uint32_t period;
	const char *q = vnx_text_u32(p, &period), *end;

	l->period = 1;
	if (vnx_text_digit(*p)) {
		l->period = q && *q == ' ' ? period : 0;
		while (vnx_text_digit(*p))
			p++;
		p = vnx_text_blanks(p);
	}
	l->record = !strncmp(p, "PERF_RECORD_", 12);
	l->key = (struct vnx_text_key){ .system = p, .name = p };
	end = vnx_text_name(p);
	if (l->record) {
		l->key.len = (size_t)(end - p);
		return end;
	}
	l->key.system_len = (size_t)(end - p);
	if (end[0] == ':' && vnx_text_name_chars[(unsigned char)end[1]]) {
		l->key.name = end + 1;
		end = vnx_text_name(end + 1);
	}
	l->key.len = (size_t)(end - l->key.name);
	while (*end > ' ' && !(end[0] == ':' && end[1] <= ' ')) /* modifiers */
		end++;
	return *end == ':' && end > p ? end + 1 : NULL;
}

/* From the thread's number on. */
static bool parse_columns(const char *p, struct line *l)
{
	bool whole;

	p = parse_tid(p, l);
	p = p ? parse_cpu(p, l) : NULL;
	p = p ? vnx_text_time(p, &l->t_ns, &whole) : NULL;
	if (!p || whole || *p != ':')
		return false;
	p = parse_event(vnx_text_blanks(p + 1), l);
	if (p)
		l->body = vnx_text_blanks(p);
	return p != NULL;
}

/*
 * The name is padded to 16 and never longer than 15; where there are chains of callers it is
 * not padded: then the thread is the first number that all else fits behind.
 */
static bool parse_line(const char *line, struct line *l)
{
	const char *nl = memchr(line, '\n', COMM_WIDTH + 1), *end, *p;

	if (!nl && line[COMM_WIDTH] == ' ') {
		p = vnx_text_blanks(line + COMM_WIDTH);
		if (vnx_text_digit(*p) && parse_columns(p, l)) {
			vnx_text_trim(&l->thread, line, line + COMM_WIDTH);
			return true;
		}
	}
	end = nl ? nl : memchr(line, '\n', SEARCH_MAX);
	if (!end)
		end = line + SEARCH_MAX;
	for (p = line + 1; p < end; p++)
		if (p[-1] == ' ' && vnx_text_digit(*p) && parse_columns(p, l)) {
			vnx_text_trim(&l->thread, line, p);
			return true;
		}
	return false;
}

/* ---- header ---- */

static void take_clock(struct vnx_text_facts *f, const char *value, size_t len)
{
	static const struct {
		const char *perf, *ours;
	} clocks[] = { { "monotonic ", "mono" },
		       { "monotonic_raw ", "mono_raw" },
		       { "boottime ", "boot" },
		       { "realtime ", "realtime" },
		       { "tai ", "tai" } };

	snprintf(f->clock, sizeof(f->clock), "%.*s", (int)strcspn(value, " \r\n"), value);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(clocks); i++)
		if (!strncmp(value, clocks[i].perf, strlen(clocks[i].perf)))
			snprintf(f->clock, sizeof(f->clock), "%s", clocks[i].ours);
}

/* "2026-11-22 02:51:26.952916 = 1795315886.952916 (TOD) = 15729.084285012 (monotonic)" */
static void take_reference(struct vnx_text_facts *f, const char *value, size_t len)
{
	const char *p = memmem(value, len, " = ", 3), *end = value + len;
	uint64_t real_ns, mono_ns;
	bool whole;

	p = p ? vnx_text_time(vnx_text_blanks(p + 3), &real_ns, &whole) : NULL;
	if (!p || whole || p > end) /* a value is cut at some length, maybe within the number */
		return;
	p = memmem(p, (size_t)(end - p), " = ", 3);
	p = p ? vnx_text_time(vnx_text_blanks(p + 3), &mono_ns, &whole) : NULL;
	if (!p || whole || strncmp(p, " (monotonic)", 12))
		return;
	f->realtime_minus_mono_ns = (int64_t)(real_ns - mono_ns);
	f->has_realtime = true;
}

static void take_kernel(struct vnx_text_facts *f, const char *value, size_t len)
{
	snprintf(f->kernel, sizeof(f->kernel), "%.*s", (int)len, value);
}

static void take_host(struct vnx_text_facts *f, const char *value, size_t len)
{
	snprintf(f->host, sizeof(f->host), "%.*s", (int)len, value);
}

/* Of --header; tools/perf/util/header.c prints it. */
static void take_comment(struct vnx_text_worker *w, const char *p)
{
	static const struct {
		const char *key;
		void (*take)(struct vnx_text_facts *f, const char *value, size_t len);
	} keys[] = { { "# clockid: ", take_clock },
		     { "# reference time: ", take_reference },
		     { "# os release : ", take_kernel },
		     { "# hostname : ", take_host } };
	size_t len = (size_t)((const char *)rawmemchr(p, '\n') - p);

	if (len && p[len - 1] == '\r')
		len--;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(keys); i++) {
		size_t n = strlen(keys[i].key);

		if (len <= n || memcmp(p, keys[i].key, n))
			continue;
		vnx_text_lock(w->text);
		keys[i].take(vnx_text_facts(w->text), p + n, len - n < 256 ? len - n : 256);
		vnx_text_unlock(w->text);
	}
}

/* ---- decoding ---- */

static const char *const words[] = { "PERF_RECORD_LOST", "PERF_RECORD_LOST_SAMPLES",
				     "function",         "print",
				     "bprint",           NULL };
enum { WORD_LOST, WORD_LOST_SAMPLES, WORD_FUNCTION };

/* "lost 123"; which CPU's is told by its column, or not at all. */
static void take_lost(struct vnx_text_worker *w, const struct line *l, const char *body)
{
	uint64_t count = 0;

	body = vnx_text_blanks(body);
	if (!strncmp(body, "lost ", 5) && vnx_text_digit(body[5]))
		count = strtoull(body + 5, NULL, 10);
	vnx_text_lost(w, l ? l->cpu : 0, l && l->has_cpu ? VNX_TEXT_LOST : VNX_TEXT_ANY_CPU, count);
}

static void take_record(struct vnx_text_worker *w, const struct line *l)
{
	const struct vnx_text_key key = { .name = l->key.name, .len = l->key.len };
	const struct vnx_text_name *word = vnx_text_find(w->names, VNX_TEXT_WORD, &key);

	/* Others may be stamped 0: they do not say how far the trace reaches. */
	if (word)
		take_lost(w, l, l->body);
}

/* "ftrace:function: handle_tx <-- vhost_worker"; else it may be a marker. */
static int take_word(struct vnx_text_worker *w, const struct line *l)
{
	const struct vnx_text_name *word = vnx_text_find(w->names, VNX_TEXT_WORD, &l->key);
	struct vnx_text_symbol s;

	if (word && word->probe == WORD_FUNCTION && l->key.system_len == 6 &&
	    !memcmp(l->key.system, "ftrace", 6)) {
		vnx_text_symbol(l->body, &s);
		return vnx_text_function(w, &s.key);
	}
	if (word)
		vnx_text_marker(w, l->body);
	return -1;
}

static void take_sample(struct vnx_text_worker *w, const struct line *l, const char *p)
{
	int source;

	vnx_text_event(w, l->cpu, l->t_ns);
	source = vnx_text_source(w, &l->key, l->body);
	if (source < 0)
		source = take_word(w, l);
	if (source < 0)
		return;
	if (l->period != 1) {
		vnx_text_flaw(w, VNX_TEXT_PERIOD, p);
	} else {
		vnx_text_count(w, source, &l->thread, l->t_ns);
	}
}

static bool is_noise(const char *p)
{
	return *p == '\t' || *p == '#' || *(p = vnx_text_blanks(p)) == '\n' || *p == '\r';
}

static void take_other(struct vnx_text_worker *w, const char *line)
{
	const char *p = vnx_text_blanks(line);

	if (*line == '#')
		take_comment(w, line);
	else if (!strncmp(p, "PERF_RECORD_LOST", 16))
		take_lost(w, NULL, vnx_text_name(p));
	else if (!is_noise(line))
		vnx_text_flaw(w, VNX_TEXT_BAD, line);
}

static void decode(struct vnx_text_worker *w, const char *p, const char *end)
{
	const char *from;
	struct line l;

	for (; p < end; p = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1) {
		from = p;
		if (is_noise(p) || !parse_line(p, &l)) {
			take_other(w, p);
			continue;
		}
		from = l.body;
		if (l.record)
			take_record(w, &l);
		else
			take_sample(w, &l, p);
	}
}

/* ---- the reader ---- */

static int probe_line(const char *p)
{
	struct line l;

	if (is_noise(p))
		return 0;
	return parse_line(p, &l) ? 1 : -1;
}

static int perf_script_probe(const char *path, const unsigned char *head, size_t len)
{
	static const char header[] = "# ========\n# captured on";

	if (len >= sizeof(header) && !memcmp(head, header, sizeof(header) - 1))
		return 95;
	return vnx_text_probe(head, len, probe_line);
}

static const struct vnx_text_format format = {
	.decode = decode,
	.words = words,
	.capture = "perf",
	.remedy = "`perf script -F comm,pid,tid,cpu,time,event,trace` tells each thread's process",
};

static int perf_script_open(struct vnx_reader **out, struct vnx_input *in,
			    const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	return vnx_text_open(out, in, conf, &format, err);
}

const struct vnx_reader_ops vnx_reader_perf_script = {
	.name = "perf-script",
	.probe = perf_script_probe,
	.open = perf_script_open,
	.run = vnx_text_run,
	.next = vnx_text_next,
	.close = vnx_text_close,
};
