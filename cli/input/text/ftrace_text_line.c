// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of ftrace. "%16s-%-7d (%7d) [%03d] FLAGS TS: " of trace_print_context(): the name is
 * padded to 16 and never longer than 15, so that the dash behind it is the one at 16, whatever
 * the name has in it. Other tools' columns are searched for.
 */
#include "cli/input/text/ftrace_text.h"

#define COMM_WIDTH 16
#define SEARCH_MAX 512 /* bytes of a line in which its pid must stand */
#define FLAGS_MAX 12

/* "(  123) " or "(-----) "; @p where there is none, NULL where it goes wrong. */
static const char *parse_tgid(const char *p, uint32_t *tgid)
{
	if (*p != '(')
		return p;
	p = vnx_text_blanks(p + 1);
	if (*p == '-') {
		while (*p == '-')
			p++;
	} else {
		p = vnx_text_u32(p, tgid);
	}
	return p && *p == ')' ? vnx_text_blanks(p + 1) : NULL;
}

/* "d..1." or "d..1", a blank and more; @p where there are none. */
static const char *skip_flags(const char *p)
{
	const char *begin = p;

	if (vnx_text_digit(*p))
		return p;
	while (*p > ' ' && *p != ':' && p - begin < FLAGS_MAX)
		p++;
	return *p == ' ' ? vnx_text_blanks(p) : begin;
}

/* "[003]" and a blank; in latency format "  3d..1.", which tells no end of the number. */
static const char *parse_cpu(const char *p, uint32_t *cpu)
{
	bool bracket = *p == '[';

	p = vnx_text_u32(p + bracket, cpu);
	if (!p)
		return NULL;
	if (bracket)
		return *p == ']' && p[1] == ' ' ? vnx_text_blanks(p + 1) : NULL;
	return *p == ' ' || *p == ':' || *p == '\n' ? NULL : p;
}

/* What was read as a number is of microseconds; false: of no trace's. */
static bool take_micros(struct vnx_ftrace_line *l)
{
	if (l->t_ns > INT64_MAX / 1000)
		return false;
	l->t_ns *= 1000;
	return true;
}

static const char *parse_stamp(const char *p, struct vnx_ftrace_line *l)
{
	bool whole;

	p = vnx_text_time(p, &l->t_ns, &whole);
	if (!p)
		return NULL;
	l->kind = whole ? VNX_FTRACE_TICKS : VNX_FTRACE_CONTEXT;
	if (whole && p[0] == 'u' && p[1] == 's') {
		if (!take_micros(l))
			return NULL;
		l->kind = VNX_FTRACE_RELATIVE;
		p += 2;
		p = vnx_text_blanks(p + (*p && strchr("!+#*@$", *p) != NULL));
	}
	return *p == ':' ? vnx_text_blanks(p + 1) : NULL;
}

/* From the pid on: @p stands on its first digit. */
static const char *parse_columns(const char *p, struct vnx_ftrace_line *l)
{
	p = vnx_text_u32(p, &l->thread.tid);
	if (!p || *p != ' ')
		return NULL;
	l->thread.tgid = 0;
	p = parse_tgid(vnx_text_blanks(p), &l->thread.tgid);
	if (!p)
		return NULL;
	p = parse_cpu(p, &l->cpu);
	return p ? parse_stamp(skip_flags(p), l) : NULL;
}

const char *vnx_ftrace_behind_buffer(const char *p)
{
	const char *q = p;

	while (*q > ' ' && *q != ':')
		q++;
	return q > p && q[0] == ':' && q[1] == ' ' ? vnx_text_blanks(q + 1) : p;
}

uint32_t vnx_ftrace_buffer(const char *line, const char *own)
{
	uint32_t hash = 0;
	const char *p = vnx_text_blanks(line), *behind = vnx_ftrace_behind_buffer(p);

	if (behind == p || behind > own)
		return 0;
	for (; *p != ':'; p++)
		hash = hash * 31 + (unsigned char)*p;
	return hash ? hash : 1;
}

/* Short lines, other columns, several buffers: the first dash that all else fits behind. */
static bool search_context(const char *line, const char *nl, struct vnx_ftrace_line *l)
{
	const char *end = nl - line > SEARCH_MAX ? line + SEARCH_MAX : nl, *dash = line;

	while ((dash = memchr(dash, '-', (size_t)(end - dash)))) {
		dash++;
		l->rest = vnx_text_digit(*dash) ? parse_columns(dash, l) : NULL;
		if (!l->rest)
			continue;
		dash--;
		l->buffer = dash - line > COMM_WIDTH / 2 ? vnx_ftrace_buffer(line, dash) : 0;
		line = l->buffer ? vnx_ftrace_behind_buffer(vnx_text_blanks(line)) : line;
		vnx_text_trim(&l->thread, dash - line > COMM_WIDTH ? dash - COMM_WIDTH : line,
			      dash);
		return true;
	}
	return false;
}

/* "%8.8s-%-7d %3d": as in latency format, where the dash of the pid is the one at 8. */
static bool latency_context(const char *p, struct vnx_ftrace_line *l)
{
	const char *dash = p + VNX_FTRACE_LATENCY_COMM;

	if (*dash != '-' || !vnx_text_digit(dash[1]))
		return false;
	l->rest = parse_columns(dash + 1, l);
	if (!l->rest || l->kind != VNX_FTRACE_RELATIVE)
		return false;
	l->buffer = 0;
	vnx_text_trim(&l->thread, p, dash);
	return true;
}

bool vnx_ftrace_context(const char *p, struct vnx_ftrace_line *l)
{
	const char *nl = memchr(p, '\n', COMM_WIDTH + 1);

	l->has_thread = true;
	if (nl)
		return search_context(p, nl, l);
	if (p[COMM_WIDTH] == '-' && vnx_text_digit(p[COMM_WIDTH + 1])) {
		l->rest = parse_columns(p + COMM_WIDTH + 1, l);
		if (l->rest) {
			l->buffer = 0;
			vnx_text_trim(&l->thread, p, p + COMM_WIDTH);
			return true;
		}
	}
	return latency_context(p, l) || search_context(p, rawmemchr(p, '\n'), l);
}

/* ---- function_graph ---- */

/* "COMM-PID" that ends at @end, but for blanks. */
static bool parse_proc(const char *p, const char *end, struct vnx_ftrace_line *l)
{
	const char *pid, *stop;

	while (end > p && end[-1] == ' ')
		end--;
	for (pid = end; pid > p && vnx_text_digit(pid[-1]); pid--)
		;
	if (pid == end || pid <= p + 1 || pid[-1] != '-')
		return false;
	stop = vnx_text_u32(pid, &l->thread.tid);
	vnx_text_trim(&l->thread, p, pid - 1);
	return stop == end;
}

/* " d..1. | " of print_graph_lat_fmt(): letters, dots and digits, then a bar. @p: there are none.
 */
static const char *skip_latency_flags(const char *p)
{
	const char *from = vnx_text_blanks(p), *q = from;

	while (vnx_text_name_chars[(unsigned char)*q] || *q == '#')
		q++;
	if (q - from < 4 || q - from > FLAGS_MAX || vnx_text_digit(*from))
		return p;
	q = vnx_text_blanks(q);
	return *q == '|' ? q + 1 : p;
}

/* "  100.250000 | ", "   12 us | ": behind it; @p and NO_TIME: no such column; NULL: no line. */
static const char *parse_graph_time(const char *p, struct vnx_ftrace_line *l)
{
	bool whole;
	const char *q = vnx_text_time(p, &l->t_ns, &whole);

	l->kind = VNX_FTRACE_GRAPH_NO_TIME;
	if (!q)
		return p;
	q = vnx_text_blanks(q);
	if (!whole) {
		l->kind = VNX_FTRACE_GRAPH;
	} else if (q[0] == 'u' && q[1] == 's' && q[2] == ' ') {
		l->kind = VNX_FTRACE_GRAPH_RELATIVE;
		q = vnx_text_blanks(q + 2);
		if (!take_micros(l))
			return NULL;
	} else {
		return p;
	}
	return *q == '|' ? vnx_text_blanks(q + 1) : NULL;
}

/*
 * Each column of print_graph_prologue() may be switched off. What has neither time nor CPU is
 * taken for such a line by its thread, what has no bar by its call.
 */
bool vnx_ftrace_graph(const char *p, struct vnx_ftrace_line *l)
{
	const char *q;
	bool has_cpu;

	p = parse_graph_time(vnx_text_blanks(p), l);
	if (!p)
		return false;
	l->cpu = l->buffer = 0;
	q = vnx_text_u32(p, &l->cpu);
	has_cpu = q && *q == ')';
	if (has_cpu)
		p = q + 1;
	l->thread.tgid = 0;
	q = memchr(p, '|', (size_t)((const char *)rawmemchr(p, '\n') - p));
	l->has_thread = q && parse_proc(vnx_text_blanks(p), q, l);
	l->rest = skip_latency_flags(l->has_thread ? q + 1 : p);
	if (!has_cpu && l->kind == VNX_FTRACE_GRAPH_NO_TIME)
		return l->has_thread && vnx_ftrace_is_call(vnx_ftrace_graph_call(l->rest));
	return q || l->kind != VNX_FTRACE_GRAPH_NO_TIME || vnx_ftrace_is_call(vnx_text_blanks(p));
}

/* "!  123.456 us", "1.234 us", blanks: up to the bar behind it; NULL: no duration. */
static const char *skip_duration(const char *p)
{
	p = vnx_text_blanks(p);
	if (*p && strchr("+!#*@$", *p))
		p = vnx_text_blanks(p + 1);
	while (vnx_text_digit(*p) || *p == '.')
		p++;
	p = vnx_text_blanks(p);
	if (p[0] == 'u' && p[1] == 's')
		p = vnx_text_blanks(p + 2);
	return *p == '|' ? p + 1 : NULL;
}

const char *vnx_ftrace_graph_call(const char *p)
{
	const char *q = skip_duration(p);

	return vnx_text_blanks(q ? q : p);
}

bool vnx_ftrace_is_call(const char *p)
{
	struct vnx_text_symbol s;
	const char *end = vnx_text_symbol(p, &s);

	return s.key.len && *end == '(';
}
