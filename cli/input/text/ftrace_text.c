// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text of ftrace: `trace` and `trace_pipe` of tracefs (kernel/trace/trace_output.c and
 * trace_functions_graph.c print it) and `trace-cmd report` (tracecmd/trace-read.c).
 */
#include <inttypes.h>

#include "cli/input/text/ftrace_text.h"

/* ---- lines that are no events ---- */

/* "# entries-in-buffer/entries-written: 12/34   #P:2" */
static void take_entries(struct vnx_text_worker *w, const char *p)
{
	char *end;
	uint64_t in_buffer = strtoull(p, &end, 10), written;

	if (*end != '/' || !vnx_text_digit(end[1]))
		return;
	written = strtoull(end + 1, &end, 10);
	vnx_text_lock(w->text);
	if (written > in_buffer)
		vnx_text_facts(w->text)->overwritten = written - in_buffer;
	vnx_text_unlock(w->text);
}

/*
 * "# latency: 16 us, #12/34, CPU#0 |" of print_trace_header(). Not 0: a tracer of latencies
 * kept the worst one alone.
 */
static void take_latency(struct vnx_text_worker *w, const char *entries, uint32_t us)
{
	if (vnx_text_digit(*entries))
		take_entries(w, entries);
	if (us)
		vnx_trace_warn(w->trace,
			       "it tells of one latency of %" PRIu32 " us, not of calls over time",
			       us);
}

static void take_comment(struct vnx_text_worker *w, const char *p)
{
	static const char entries[] = "# entries-in-buffer/entries-written: ";
	static const char latency[] = "# latency: ", started[] = "##### CPU ";
	const char *q;
	uint32_t number;

	if (!strncmp(p, entries, sizeof(entries) - 1) && vnx_text_digit(p[sizeof(entries) - 1]))
		take_entries(w, p + sizeof(entries) - 1);
	else if (!strncmp(p, latency, sizeof(latency) - 1) &&
		 (q = vnx_text_u32(p + sizeof(latency) - 1, &number)) && !strncmp(q, " us, #", 6))
		take_latency(w, q + 6, number);
	else if (!strncmp(p, started, sizeof(started) - 1) &&
		 (q = vnx_text_u32(p + sizeof(started) - 1, &number)) &&
		 !strncmp(q, " buffer started", 15))
		vnx_text_lost(w, number, VNX_TEXT_STARTED, 0);
}

/*
 * "CPU:3 [LOST 1234 EVENTS]", "CPU:3 [LOST EVENTS]", "CPU:3 [EVENTS DROPPED]",
 * "CPU 3: [1234 EVENTS DROPPED]"; behind the buffer's name where the report has several.
 */
static bool parse_lost(const char *line, uint32_t *cpu, uint32_t *buffer, uint64_t *count)
{
	const char *p = vnx_ftrace_behind_buffer(vnx_text_blanks(line)), *nl;

	*buffer = vnx_ftrace_buffer(line, p);
	if (strncmp(p, "CPU", 3) || (p[3] != ':' && p[3] != ' '))
		return false;
	p = vnx_text_u32(p + 4, cpu);
	if (!p)
		return false;
	p = vnx_text_blanks(p + (*p == ':'));
	if (*p++ != '[')
		return false;
	if (!strncmp(p, "LOST ", 5))
		p += 5;
	*count = vnx_text_digit(*p) ? strtoull(p, (char **)&p, 10) : 0;
	nl = rawmemchr(p, '\n');
	return memmem(p, (size_t)(nl - p), "EVENTS", 6) && memchr(p, ']', (size_t)(nl - p));
}

/* What stands between events and is none. */
static bool is_noise(const char *p)
{
	static const char *const begins[] = { "cpus=", "version = ", "=> ", "-----", "==>" };
	uint32_t number;
	const char *q;

	p = vnx_text_blanks(p);
	if (*p == '\n' || *p == '\r' || *p == '#')
		return true;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(begins); i++)
		if (!strncmp(p, begins[i], strlen(begins[i])))
			return true;
	if (!strncmp(p, "CPU ", 4)) {
		q = vnx_text_u32(p + 4, &number);
		return q && !strncmp(q, " is empty", 9);
	}
	q = vnx_text_u32(p, &number); /* " 0)  <idle>-0  =>  bash-123": a switch */
	if (q && *q == ')')
		return memmem(q, (size_t)((const char *)rawmemchr(q, '\n') - q), "=>", 2);
	return !strncmp(p, "CPU:", 4) && (q = vnx_text_u32(p + 4, &number)) &&
	       !strncmp(q, " [SUBBUFFER START]", 18);
}

/* ---- lines that are events ---- */

/*
 * Behind a function's symbol: arguments, and who called, "(net=0x1) <-vhost_worker" or
 * "() {" and a comment "<-vhost_worker+0x9/0x9 [vhost]". That tells what there is: "kvm_vcpu_block
 * <-kvm_vcpu_halt" says that the old name is a part of the new one. False: option
 * func-no-repeats made several calls one line, "(repeats: 5, last_ts:...)".
 */
static bool take_caller(struct vnx_text_worker *w, const char *p)
{
	struct vnx_text_symbol caller;

	if (*p == '(') {
		while (*p != ')' && *p != '\n')
			p++;
		p += *p == ')';
	}
	while (*p && strchr(" ;{/*", *p))
		p++;
	if (p[0] != '<' || p[1] != '-')
		return true;
	p = vnx_text_symbol(vnx_text_blanks(p + 2 + (p[2] == '-')), &caller);
	vnx_text_function(w, &caller.key);
	return strncmp(p, " (repeats:", 10) != 0;
}

static void count_function(struct vnx_text_worker *w, const struct vnx_ftrace_line *l,
			   const char *name)
{
	const char *end = vnx_text_name(name);
	const struct vnx_text_key plain = { .name = name, .len = (size_t)(end - name) };
	const struct vnx_text_name *n = vnx_text_find(w->names, VNX_TEXT_FUNCTION, &plain);
	struct vnx_text_symbol s;
	int source;

	/* Most functions of a trace are of no interest: what follows is not looked at. */
	if (!n && (end == name || !vnx_text_digit(end[-1])))
		return;
	end = vnx_text_symbol(name, &s);
	source = n && !s.key.system ? vnx_text_called(w, n) : vnx_text_function(w, &s.key);
	if (source < 0)
		return;
	if (take_caller(w, end))
		vnx_text_count(w, source, &l->thread, l->t_ns);
	else
		vnx_text_flaw(w, VNX_TEXT_PERIOD, name);
}

static const char *const words[] = { "function", "funcgraph_entry", "fgraph_retaddr_entry",
				     "print",    "bprint",          "tracing_mark_write",
				     NULL };
enum { WORD_FUNCTION, WORD_GRAPH, WORD_GRAPH_RETADDR };

static void take_word(struct vnx_text_worker *w, const struct vnx_ftrace_line *l, int word,
		      const char *body)
{
	if (word == WORD_FUNCTION) {
		count_function(w, l, body);
	} else if (word == WORD_GRAPH || word == WORD_GRAPH_RETADDR) {
		/* As the kernel's own format has it: "--> handle_tx (3)". */
		bool raw = !strncmp(body, "--> ", 4);

		body = raw ? body + 4 : vnx_ftrace_graph_call(body);
		if (raw || vnx_ftrace_is_call(body))
			count_function(w, l, body);
	} else {
		vnx_text_marker(w, body);
	}
}

/* What happened, at @p: "NAME: fields" an event or a probe, "NAME <-CALLER" a call. */
static void take_event(struct vnx_text_worker *w, const struct vnx_ftrace_line *l, const char *p)
{
	struct vnx_text_key key = { .name = p };
	const char *end = vnx_text_name(p), *body;
	const struct vnx_text_name *word;
	int source;

	if (p[0] == '(' && p[1] == '+') { /* trace-cmd report --ts-diff: "(+123)" */
		while (*p > ' ')
			p++;
		p = vnx_text_blanks(p);
		key.name = p;
		end = vnx_text_name(p);
	}
	key.len = (size_t)(end - p);
	if (*end != ':') {
		count_function(w, l, p);
		return;
	}
	body = vnx_text_blanks(end + 1);
	source = vnx_text_source(w, &key, body);
	if (source >= 0) {
		vnx_text_count(w, source, &l->thread, l->t_ns);
		return;
	}
	word = vnx_text_find(w->names, VNX_TEXT_WORD, &key);
	if (word)
		take_word(w, l, word->probe, body);
}

/* function_graph: "TS | CPU) COMM-PID | DURATION | CALL", events as comments of C. */
static void take_graph(struct vnx_text_worker *w, struct vnx_ftrace_line *l, const char *line)
{
	const char *p = vnx_ftrace_graph_call(l->rest);

	if (l->kind == VNX_FTRACE_GRAPH_NO_TIME) {
		vnx_text_flaw(w, VNX_TEXT_NO_TIME, line);
		return;
	}
	if (w->relative != (l->kind == VNX_FTRACE_GRAPH_RELATIVE)) {
		vnx_text_flaw(w, VNX_TEXT_CLOCK, line);
		return;
	}
	vnx_text_event(w, l->cpu, l->t_ns);
	if (!vnx_ftrace_is_call(p) && strncmp(p, "/* ", 3))
		return;
	if (!l->has_thread) {
		vnx_text_flaw(w, VNX_TEXT_NO_THREAD, line);
		return;
	}
	/* print_graph_proc() of the kernel: a name of 7 may be cut, and "vhost-1" would lie. */
	if (l->thread.comm_len >= 7) {
		w->short_names = 7;
		l->thread.comm = NULL;
	}
	if (*p == '/')
		take_event(w, l, p + 3);
	else
		count_function(w, l, p);
}

static void take_other(struct vnx_text_worker *w, const char *line)
{
	struct vnx_ftrace_line l;
	const char *p = vnx_text_blanks(line);
	uint32_t cpu, buffer;
	uint64_t count;

	if (*p == '#') {
		take_comment(w, p);
	} else if (vnx_ftrace_graph(line, &l)) {
		take_graph(w, &l, line);
	} else if (parse_lost(line, &cpu, &buffer, &count)) {
		vnx_text_lost(w, cpu + buffer, VNX_TEXT_LOST, count);
		w->private[0] = buffer;
		w->private[1] = cpu;
	} else if (!is_noise(line)) {
		vnx_text_flaw(w, VNX_TEXT_BAD, line);
	}
}

/* Latency format; false: the line is left out. */
static bool take_relative(struct vnx_text_worker *w, struct vnx_ftrace_line *l, const char *line)
{
	if (l->kind == VNX_FTRACE_TICKS) {
		vnx_text_flaw(w, VNX_TEXT_TICKS, line);
		return false;
	}
	if (w->relative != (l->kind == VNX_FTRACE_RELATIVE)) {
		vnx_text_flaw(w, VNX_TEXT_CLOCK, line);
		return false;
	}
	/* It may be cut, and then "vhost-14" would lie. */
	if (l->thread.comm_len >= VNX_FTRACE_LATENCY_COMM) {
		w->short_names = VNX_FTRACE_LATENCY_COMM;
		l->thread.comm = NULL;
	}
	return true;
}

static void take_context(struct vnx_text_worker *w, struct vnx_ftrace_line *l, const char *line)
{
	if (__builtin_expect(l->kind != VNX_FTRACE_CONTEXT || w->relative, 0) &&
	    !take_relative(w, l, line))
		return;
	/* trace-cmd does not repeat the buffer's name behind a line that tells of a loss. */
	if (__builtin_expect(w->private[0], 0)) {
		if (!l->buffer && l->cpu == w->private[1])
			l->buffer = w->private[0];
		w->private[0] = 0;
	}
	vnx_text_event(w, l->cpu + l->buffer, l->t_ns);
	take_event(w, l, l->rest);
}

static void decode(struct vnx_text_worker *w, const char *p, const char *end)
{
	struct vnx_ftrace_line l;
	const char *from;

	w->private[0] = 0;
	while (p < end) {
		from = p;
		if (__builtin_expect(vnx_ftrace_context(p, &l), 1)) {
			take_context(w, &l, p);
			from = l.rest;
		} else {
			take_other(w, p);
		}
		p = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1;
	}
}

/* The first event decides. */
static bool is_relative(const char *p, const char *end)
{
	struct vnx_ftrace_line l;

	for (; p < end; p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1)
		if (vnx_ftrace_context(p, &l) ||
		    (vnx_ftrace_graph(p, &l) && l.kind != VNX_FTRACE_GRAPH_NO_TIME))
			return l.kind == VNX_FTRACE_RELATIVE || l.kind == VNX_FTRACE_GRAPH_RELATIVE;
	return false;
}

/* ---- the reader ---- */

static int probe_line(const char *p)
{
	struct vnx_ftrace_line l;
	uint32_t cpu, buffer;
	uint64_t count;

	if (vnx_ftrace_context(p, &l) || vnx_ftrace_graph(p, &l) ||
	    parse_lost(p, &cpu, &buffer, &count))
		return 1;
	return is_noise(p) ? 0 : -1;
}

static int ftrace_text_probe(const char *path, const unsigned char *head, size_t len)
{
	static const char tracer[] = "# tracer: ";

	if (len >= sizeof(tracer) && !memcmp(head, tracer, sizeof(tracer) - 1))
		return 95;
	return vnx_text_probe(head, len, probe_line);
}

const struct vnx_text_format vnx_ftrace_text_format = {
	.decode = decode,
	.words = words,
	.capture = "ftrace",
	.remedy = "`echo 1 > options/record-tgid` in tracefs before the run has `trace` tell each "
		  "thread's process",
	.relative = is_relative,
};

static int ftrace_text_open(struct vnx_reader **out, struct vnx_input *in,
			    const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	return vnx_text_open(out, in, conf, &vnx_ftrace_text_format, err);
}

const struct vnx_reader_ops vnx_reader_ftrace_text = {
	.name = "ftrace-text",
	.probe = ftrace_text_probe,
	.open = ftrace_text_open,
	.run = vnx_text_run,
	.next = vnx_text_next,
	.close = vnx_text_close,
};
