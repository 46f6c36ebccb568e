// SPDX-License-Identifier: GPL-2.0-only
/*
 * iperf3 -J and --json-stream, wherever they stand in a text: indented, behind a log's prefix on
 * every line, in a list or inside of another document (also as a string of it), with a wrapper's
 * chatter before, between and after. A document that was cut short is closed where it broke off,
 * so that its intervals are not lost.
 */
#include "cli/input/throughput/iperf3.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <strings.h>

#define MAX_DEPTH 64  /* iperf3 nests 6 deep */
#define MAX_BROKEN 64 /* documents that do not parse: enough is enough */
/* ... or so many bytes looked through for them, beside the text's own four times */
#define BROKEN_BYTES (16u << 20)

/* Fields */

/* NaN unless a finite number. */
static double number(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void take_side(struct iperf_run *run, const json_t *sum)
{
	const json_t *sender = json_object_get(sum, "sender");

	if (run->side == IPERF_UNKNOWN && json_is_boolean(sender))
		run->side = json_is_true(sender) ? IPERF_SENDER : IPERF_RECEIVER;
}

/*
 * What TCP's sender tells of each of its streams, @like the one of which the row is made: those
 * of the same direction.
 */
static void take_tcp(struct iperf_row *row, const json_t *streams, const json_t *like)
{
	bool sender = json_is_true(json_object_get(like, "sender"));
	double retrans = 0, cwnd = 0, rtt = 0, n = 0;
	const json_t *s;
	size_t i;

	json_array_foreach(streams, i, s)
	{
		if (json_is_true(json_object_get(s, "sender")) != sender)
			continue;
		retrans += number(s, "retransmits");
		cwnd += number(s, "snd_cwnd");
		rtt += number(s, "rtt");
		n++;
	}
	if (!n)
		return;
	if (isnan(row->retrans))
		row->retrans = retrans;
	row->cwnd_bytes = cwnd;
	row->rtt_us = rtt / n;
}

static int push_sum(struct iperf_rows *rows, const json_t *sum, const json_t *streams,
		    uint64_t arrival_ns)
{
	struct iperf_row row = IPERF_ROW_INIT;

	row.start_s = number(sum, "start");
	row.end_s = number(sum, "end");
	row.seconds = number(sum, "seconds");
	row.bytes = number(sum, "bytes");
	row.omitted = json_is_true(json_object_get(sum, "omitted"));
	row.arrival_ns = arrival_ns;
	row.retrans = number(sum, "retransmits");
	row.lost = number(sum, "lost_packets");
	take_tcp(&row, streams, sum);
	return vnx_vec_push(rows, row);
}

/* Without a sum (some 3.x leave it out for one stream): the streams of one direction. */
static int push_streams(struct iperf_rows *rows, const json_t *streams, uint64_t arrival_ns)
{
	struct iperf_row row = IPERF_ROW_INIT;
	const json_t *first = json_array_get(streams, 0), *s;
	size_t i;

	if (!json_is_object(first))
		return 0;
	row.start_s = number(first, "start");
	row.end_s = number(first, "end");
	row.seconds = number(first, "seconds");
	row.omitted = json_is_true(json_object_get(first, "omitted"));
	row.arrival_ns = arrival_ns;
	row.bytes = row.lost = 0;
	json_array_foreach(streams, i, s)
	{
		/* with --bidir only those of the first one's direction */
		if (json_object_get(s, "sender") != json_object_get(first, "sender"))
			continue;
		row.bytes += number(s, "bytes");
		row.lost += number(s, "lost_packets");
	}
	take_tcp(&row, streams, first);
	return vnx_vec_push(rows, row);
}

static int take_interval(struct iperf_run *run, const json_t *interval, uint64_t arrival_ns)
{
	const json_t *sum = json_object_get(interval, "sum");
	const json_t *reverse = json_object_get(interval, "sum_bidir_reverse");
	const json_t *streams = json_object_get(interval, "streams");
	int ret = 0;

	if (json_is_object(sum)) {
		take_side(run, sum);
		ret = push_sum(&run->rows, sum, streams, arrival_ns);
	} else if (json_is_array(streams) && !run->interrupted) {
		/* of a document cut short the list of streams may be, too */
		take_side(run, json_array_get(streams, 0));
		ret = push_streams(&run->rows, streams, arrival_ns);
	}
	if (!ret && json_is_object(reverse))
		ret = push_sum(&run->reverse, reverse, streams, arrival_ns);
	return ret;
}

static void take_start(struct iperf_run *run, const json_t *start)
{
	const json_t *stamp = json_object_get(start, "timestamp");
	const json_t *test = json_object_get(start, "test_start");
	const char *cookie = json_string_value(json_object_get(start, "cookie"));
	double ms = number(stamp, "timemillisecs"), mss = number(start, "tcp_mss_default");
	double omit = number(test, "omit");

	if (cookie)
		snprintf(run->cookie, sizeof(run->cookie), "%s", cookie);
	run->has_ms = isfinite(ms);
	run->timestamp_s = run->has_ms ? ms / 1000 : number(stamp, "timesecs");
	run->from_server = json_object_get(start, "accepted_connection") != NULL;
	run->is_reverse = number(test, "reverse") > 0;
	/* The one that -M asked for, or what the control connection has. */
	run->mss = isnan(mss) ? number(start, "tcp_mss") : mss;
	run->asked_bps = number(test, "target_bitrate") * number(test, "num_streams");
	if (!(run->asked_bps > 0))
		run->asked_bps = 0;
	if (omit > 0 && omit <= 600)
		run->omit_s = omit;
}

static int take_error(struct iperf_run *run, const json_t *error)
{
	return json_is_string(error) ? iperf_run_error(run, json_string_value(error)) : 0;
}

static void guess_side(struct iperf_run *run)
{
	if (run->side == IPERF_UNKNOWN)
		run->side = run->from_server == run->is_reverse ? IPERF_SENDER : IPERF_RECEIVER;
}

/*
 * A document of -J but for its server output. It arrives when all is over, so the arrival
 * binds its last interval alone; it is given to all, and the smallest distance is again the
 * last one's.
 */
static int take_body(struct iperf_run *run, const json_t *doc, uint64_t arrival_ns)
{
	const json_t *intervals = json_object_get(doc, "intervals"), *interval;
	size_t i;
	int ret;

	take_start(run, json_object_get(doc, "start"));
	ret = take_error(run, json_object_get(doc, "error"));
	json_array_foreach(intervals, i, interval)
	{
		if (!ret)
			ret = take_interval(run, interval, arrival_ns);
	}
	guess_side(run);
	return ret;
}

static int new_server(struct iperf_run *run)
{
	run->server = calloc(1, sizeof(*run->server));
	if (!run->server)
		return -ENOMEM;
	run->server->timestamp_s = run->server->mss = NAN;
	run->server->resolution_s = 1e-6;
	return 0;
}

/* The lines of a string of JSON's, read as @form. */
static int parse_string(const char *text, uint64_t arrival_ns,
			int (*form)(const struct vnx_load_lines *, struct iperf_runs *),
			struct iperf_runs *out)
{
	VNX_CLEANUP_FREE char *copy = strdup(text);
	struct vnx_load_lines lines = { 0 };
	char *save = NULL;
	int ret = copy ? 0 : -ENOMEM;

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l && !ret;
	     l = strtok_r(NULL, "\n", &save)) {
		struct vnx_load_line line = { .arrival_ns = arrival_ns, .text = l };

		ret = vnx_vec_push(&lines, line);
	}
	if (!ret)
		ret = form(&lines, out);
	free(lines.v); /* texts belong to copy */
	return ret;
}

/* --get-server-output where the server ran without -J. */
static int take_server_text(struct iperf_run *run, const char *text)
{
	struct iperf_runs runs = { 0 };
	int ret = parse_string(text, 0, iperf_text_parse, &runs);

	if (!ret && runs.n) {
		ret = new_server(run);
		if (!ret) {
			*run->server = runs.v[0];
			run->server->from_server = true;
			runs.v[0] = (struct iperf_run){ 0 };
		}
	}
	iperf_runs_fini(&runs);
	return ret;
}

/* Its own clock: the arrival of the client's document says nothing of it. */
static int take_server(struct iperf_run *run, const json_t *doc, const json_t *text)
{
	int ret;

	if (run->server)
		return 0;
	if (json_is_object(doc)) {
		ret = new_server(run);
		return ret ? ret : take_body(run->server, doc, 0);
	}
	return json_is_string(text) ? take_server_text(run, json_string_value(text)) : 0;
}

/* One line of --json-stream. */
static int take_event(struct iperf_runs *out, const char *event, const json_t *data,
		      uint64_t arrival_ns)
{
	struct iperf_run *run = out->n ? &out->v[out->n - 1] : NULL;

	if (!strcmp(event, "start") || !run) {
		run = iperf_runs_add(out);
		if (!run)
			return -ENOMEM;
		run->resolution_s = 1e-6;
	}
	if (!strcmp(event, "start"))
		take_start(run, data);
	if (!strcmp(event, "interval"))
		return take_interval(run, data, arrival_ns);
	if (!strcmp(event, "error"))
		return take_error(run, data);
	if (!strcmp(event, "server_output_json"))
		return take_server(run, data, NULL);
	if (!strcmp(event, "server_output_text"))
		return take_server(run, NULL, data);
	return 0;
}

/* A line of --json-stream. */
static bool is_event(const json_t *doc, const char *event)
{
	static const char *const events[] = { "start", "interval",           "end",
					      "error", "server_output_json", "server_output_text" };

	for (size_t i = 0; event && i < VNX_ARRAY_SIZE(events); i++)
		if (!strcmp(event, events[i]) && json_object_get(doc, "data"))
			return true;
	return false;
}

/*
 * A document of iperf3's; *taken: it is one. What has its keys but tells nothing of a test may be
 * some wrapper's, with iperf3's own inside.
 */
static int take_document(struct iperf_runs *out, const json_t *doc, uint64_t arrival_ns, bool whole,
			 bool *taken)
{
	const char *event = json_string_value(json_object_get(doc, "event"));
	bool is_line = is_event(doc, event);
	struct iperf_run *run;
	int ret;

	*taken = is_line || json_is_object(json_object_get(doc, "start")) ||
		 json_is_array(json_object_get(doc, "intervals"));
	if (!*taken || (is_line && !whole))
		return 0;
	if (is_line)
		return take_event(out, event, json_object_get(doc, "data"), arrival_ns);
	run = iperf_runs_add(out);
	if (!run)
		return -ENOMEM;
	run->resolution_s = 1e-6;
	run->interrupted = !whole;
	ret = take_body(run, doc, arrival_ns);
	if (!ret)
		ret = take_server(run, json_object_get(doc, "server_output_json"),
				  json_object_get(doc, "server_output_text"));
	*taken = run->rows.n || run->reverse.n || run->error || run->server;
	return ret;
}

/* iperf3's documents, however deep in @v; also where some program kept its output as a string. */
static int take_json(struct iperf_runs *out, const json_t *v, uint64_t arrival_ns, bool whole,
		     int depth)
{
	const char *key, *text = json_string_value(v);
	bool taken = false;
	json_t *part;
	int ret = 0;
	size_t i;

	if (depth > MAX_DEPTH)
		return 0;
	if (json_is_object(v))
		ret = take_document(out, v, arrival_ns, whole, &taken);
	/* Strings of documents cut short are not looked into: each may be looked at 64 times. */
	if (text && whole && strchr(text, '{'))
		ret = parse_string(text, arrival_ns, iperf_json_parse, out);
	if (taken)
		return ret;
	json_array_foreach(v, i, part)
	{
		if (!ret)
			ret = take_json(out, part, arrival_ns, whole, depth + 1);
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, part)
	{
		if (!ret)
			ret = take_json(out, part, arrival_ns, whole, depth + 1);
	}
	return ret;
}

/* Documents */

/* A place in the text. */
struct cursor {
	size_t line, col;
};

/* A document taken out of its lines, what a log put in front of them left away. */
struct document {
	char *text;
	size_t n, cap;
	size_t good;             /* bytes up to the end of the last whole object or list in it */
	char at_good[MAX_DEPTH]; /* what must be closed there */
	size_t n_at_good;
	char open[MAX_DEPTH + 1]; /* what must be closed at the end */
	size_t n_open;
	bool closed;
	struct cursor end; /* behind it */
};

static int add_bytes(struct document *d, const char *bytes, size_t n)
{
	int ret = vnx_vec_grow((void **)&d->text, &d->cap, d->n + n + 1, 1);

	if (ret)
		return ret;
	memcpy(d->text + d->n, bytes, n);
	d->n += n;
	d->text[d->n] = 0;
	return 0;
}

/* How long a number that is none ("-nan", "inf") is at @s; 0: there is none. */
static size_t not_a_number(const char *s)
{
	size_t sign = *s == '-' || *s == '+';

	if (strncasecmp(s + sign, "nan", 3) && strncasecmp(s + sign, "inf", 3))
		return 0;
	return sign + strspn(s + sign, "nNaAiIfFtTyY");
}

/* What stands in front has the form of @first's first @col characters, but for its digits. */
static bool same_form(const char *s, const char *first, size_t col)
{
	for (size_t i = 0; i < col; i++)
		if (!s[i] || (s[i] != first[i] &&
			      !(isdigit((unsigned char)s[i]) && isdigit((unsigned char)first[i]))))
			return false;
	return true;
}

/*
 * @s without what a log puts in front of each line: of the same form, or of as many words as stand
 * before @col in the document's first line (a month, a time of another length).
 */
static const char *skip_prefix(const char *s, const char *first, size_t col)
{
	const char *p = s;

	if (same_form(s, first, col))
		return s + col;
	for (const char *w = first + strspn(first, " \t"); w < first + col;) {
		w += strcspn(w, " \t");
		w += strspn(w, " \t");
		p += strspn(p, " \t");
		p += strcspn(p, " \t");
	}
	return p;
}

/* An opening or closing sign at the end of d->text; false: the document is at its end. */
static bool nest(struct document *d, char c)
{
	if (c == '{' || c == '[') {
		d->open[d->n_open++] = c == '{' ? '}' : ']';
		return d->n_open <= MAX_DEPTH;
	}
	if (!d->n_open || d->open[d->n_open - 1] != c)
		return false;
	d->n_open--;
	d->good = d->n;
	d->n_at_good = d->n_open;
	memcpy(d->at_good, d->open, d->n_open);
	d->closed = !d->n_open;
	return !d->closed;
}

/* Adds @s up to the end of the line or the document; *more: the document goes on. */
static int add_line(struct document *d, const char *s, size_t *used, bool *more)
{
	bool in_string = false;
	const char *p = s, *from = s;
	int ret = 0;

	for (*more = true; *p && *more && !ret; p++) {
		size_t skip;

		if (in_string && *p == '\\' && p[1]) {
			p++;
			continue;
		}
		in_string ^= *p == '"';
		if (in_string)
			continue;
		if (strchr("{}[]", *p)) {
			ret = add_bytes(d, from, (size_t)(p + 1 - from));
			from = p + 1;
			*more = nest(d, *p);
			continue;
		}
		/* JSON knows no NaN, iperf3 prints it all the same (0/0 of an empty interval). */
		skip = not_a_number(p);
		if (!skip)
			continue;
		ret = add_bytes(d, from, (size_t)(p - from));
		if (!ret)
			ret = add_bytes(d, "null", 4);
		from = p + skip;
		p = from - 1;
	}
	*used = (size_t)(p - s);
	if (!ret && *more)
		ret = add_bytes(d, from, (size_t)(p - from));
	return ret ? ret : add_bytes(d, "\n", 1);
}

/* The document that begins at @at. */
static int take_out(const struct vnx_load_lines *lines, struct cursor at, struct document *d)
{
	const char *first = lines->v[at.line].text;
	bool more = true;
	int ret = 0;

	*d = (struct document){ 0 };
	for (size_t i = at.line; i < lines->n && more && !ret; i++) {
		const char *text = lines->v[i].text;
		const char *s = i == at.line ? text + at.col : skip_prefix(text, first, at.col);
		size_t used;

		ret = add_line(d, s, &used, &more);
		d->end = (struct cursor){ i, (size_t)(s - text) + used };
	}
	return ret;
}

/* A document cut short, closed where it broke off; NULL if that does not help. */
static json_t *load_broken(struct document *d)
{
	if (!d->good || !d->n_at_good)
		return NULL;
	d->n = d->good;
	for (size_t i = d->n_at_good; i-- > 0;)
		if (add_bytes(d, &d->at_good[i], 1))
			return NULL;
	return json_loadb(d->text, d->n, 0, NULL);
}

/* Next place from *at on where a document may begin; false: none. */
static bool find_begin(const struct vnx_load_lines *lines, struct cursor *at)
{
	for (; at->line < lines->n; *at = (struct cursor){ at->line + 1, 0 }) {
		const char *text = lines->v[at->line].text;
		const char *s = text + at->col;

		for (s = strchr(s, '{'); s; s = strchr(s + 1, '{')) {
			const char *next = s + 1 + strspn(s + 1, " \t\r");

			if (*next && *next != '"')
				continue;
			at->col = (size_t)(s - text);
			return true;
		}
	}
	return false;
}

/* One that does not parse; looked for further from behind its first sign. */
static int take_broken(struct document *d, struct cursor at, size_t line, struct iperf_runs *out)
{
	json_t *doc = load_broken(d);
	size_t before = out->n;
	int ret = doc ? take_json(out, doc, 0, false, 0) : 0;

	if (!ret && out->n > before)
		out->v[before].broken_line = at.line + line;
	json_decref(doc);
	return ret;
}

int iperf_json_parse(const struct vnx_load_lines *lines, struct iperf_runs *out)
{
	size_t first = out->n, broken = 0, bytes = 0, all = 0;
	struct cursor at = { 0 };
	int ret = 0;

	for (size_t i = 0; i < lines->n; i++)
		all += strlen(lines->v[i].text) + 1;
	while (!ret && broken < MAX_BROKEN && bytes <= 4 * all + BROKEN_BYTES &&
	       find_begin(lines, &at)) {
		json_error_t info = { 0 };
		struct document d;
		json_t *doc;

		ret = take_out(lines, at, &d);
		doc = !ret && d.closed ? json_loadb(d.text, d.n, 0, &info) : NULL;
		if (doc) {
			at = d.end;
			ret = take_json(out, doc, lines->v[at.line].arrival_ns, true, 0);
		} else if (!ret) {
			size_t line = d.closed ? (size_t)info.line : d.end.line - at.line + 1;

			broken++;
			bytes += d.n;
			ret = take_broken(&d, at, line, out);
			at.col++;
		}
		json_decref(doc);
		free(d.text);
	}
	/* Streams of events of two tests may be mixed. */
	for (size_t k = first; k < out->n; k++) {
		guess_side(&out->v[k]);
		iperf_rows_check(&out->v[k], &out->v[k].rows);
	}
	return ret;
}
