// SPDX-License-Identifier: GPL-2.0-only
/*
 * iperf3 -J and --json-stream. The documents are looked for at the starts of lines, so that a
 * wrapper's chatter before, between and after them does not matter; a document that was cut
 * short is closed where it broke off, so that its intervals are not lost.
 */
#include "cli/input/throughput/iperf3.h"

#include <jansson.h>
#include <math.h>
#include <strings.h>

#define MAX_DEPTH 64  /* iperf3 nests 6 deep */
#define MAX_BROKEN 64 /* documents that do not parse: enough is enough */
/* ... or so many bytes looked through for them, beside the text's own four times */
#define BROKEN_BYTES (16u << 20)

/* All lines in one buffer, and where each starts. */
struct joined {
	char *text;
	size_t n, cap;
	size_t *start; /* lines->n + 1 */
};

static int add_bytes(struct joined *j, const char *bytes, size_t n)
{
	int ret = vnx_vec_grow((void **)&j->text, &j->cap, j->n + n + 1, 1);

	if (ret)
		return ret;
	memcpy(j->text + j->n, bytes, n);
	j->n += n;
	j->text[j->n] = 0;
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

/* JSON knows no NaN, iperf3 prints it all the same (0/0 of an empty interval): null. */
static int add_line(struct joined *j, const char *s)
{
	bool in_string = false;
	const char *from = s;
	int ret = 0;

	for (; *s && !ret; s++) {
		size_t skip;

		if (in_string && *s == '\\' && s[1]) {
			s++;
			continue;
		}
		in_string ^= *s == '"';
		skip = in_string ? 0 : not_a_number(s);
		if (!skip)
			continue;
		ret = add_bytes(j, from, (size_t)(s - from));
		if (!ret)
			ret = add_bytes(j, "null", 4);
		from = s + skip;
		s = from - 1;
	}
	if (!ret)
		ret = add_bytes(j, from, (size_t)(s - from));
	return ret ? ret : add_bytes(j, "\n", 1);
}

static int join(const struct vnx_load_lines *lines, struct joined *j)
{
	int ret = 0;

	j->start = calloc(lines->n + 1, sizeof(*j->start));
	if (!j->start)
		return -ENOMEM;
	for (size_t i = 0; i < lines->n && !ret; i++) {
		j->start[i] = j->n;
		ret = add_line(j, lines->v[i].text);
	}
	j->start[lines->n] = j->n;
	return ret;
}

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

/* --get-server-output where the server ran without -J. */
static int take_server_text(struct iperf_run *run, const char *text)
{
	char *copy = strdup(text);
	struct vnx_load_lines lines = { 0 };
	struct iperf_runs runs = { 0 };
	char *save = NULL;
	int ret = copy ? 0 : -ENOMEM;

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l && !ret;
	     l = strtok_r(NULL, "\n", &save)) {
		struct vnx_load_line line = { .text = l };

		ret = vnx_vec_push(&lines, line);
	}
	if (!ret)
		ret = iperf_text_parse(&lines, &runs);
	if (!ret && runs.n) {
		ret = new_server(run);
		if (!ret) {
			*run->server = runs.v[0];
			run->server->from_server = true;
			runs.v[0] = (struct iperf_run){ 0 };
		}
	}
	free(lines.v); /* texts belong to copy */
	free(copy);
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

static int take_json(struct iperf_runs *out, const json_t *doc, uint64_t arrival_ns, bool whole)
{
	const char *event = json_string_value(json_object_get(doc, "event"));
	struct iperf_run *run;
	int ret;

	if (event && !whole)
		return 0;
	if (event)
		return take_event(out, event, json_object_get(doc, "data"), arrival_ns);
	if (!json_is_object(json_object_get(doc, "start")) &&
	    !json_is_array(json_object_get(doc, "intervals")))
		return 0; /* some other program's */
	run = iperf_runs_add(out);
	if (!run)
		return -ENOMEM;
	run->resolution_s = 1e-6;
	run->interrupted = !whole;
	ret = take_body(run, doc, arrival_ns);
	return ret ? ret
		   : take_server(run, json_object_get(doc, "server_output_json"),
				 json_object_get(doc, "server_output_text"));
}

/* Documents */

/* What is open at one place of a document. */
struct nesting {
	char closer[MAX_DEPTH];
	size_t n;
};

/*
 * Scans from @s: how many bytes of it stand before the end of the last whole object or list
 * inside, and what must be closed after it. 0: nothing to save.
 */
static size_t find_break(const char *s, size_t n, struct nesting *at)
{
	struct nesting open = { .n = 0 };
	bool in_string = false;
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string && s[i] == '\\') {
			i++;
		} else if (s[i] == '"') {
			in_string = !in_string;
		} else if (!in_string && (s[i] == '{' || s[i] == '[')) {
			if (open.n == MAX_DEPTH)
				break;
			open.closer[open.n++] = s[i] == '{' ? '}' : ']';
		} else if (!in_string && (s[i] == '}' || s[i] == ']')) {
			if (!open.n || open.closer[open.n - 1] != s[i])
				break;
			open.n--;
			best = i + 1;
			*at = open;
			if (!open.n)
				break;
		}
	}
	return best;
}

/* A document cut short, closed where it broke off; NULL if that does not help. */
static json_t *load_broken(const char *s, size_t n)
{
	struct nesting at = { .n = 0 };
	json_t *doc;
	size_t good = find_break(s, n, &at);
	char *copy = good && at.n ? malloc(good + at.n) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, s, good);
	for (size_t i = 0; i < at.n; i++)
		copy[good + i] = at.closer[at.n - 1 - i];
	doc = json_loadb(copy, good + at.n, 0, NULL);
	free(copy);
	return doc;
}

/* First line that starts at or after byte @at. */
static size_t line_after(const struct joined *j, size_t n_lines, size_t from, size_t at)
{
	while (from < n_lines && j->start[from] < at)
		from++;
	return from;
}

/* The document that begins in line @i. */
static int take_broken(const struct joined *j, size_t i, size_t line, struct iperf_runs *out)
{
	json_t *doc = load_broken(j->text + j->start[i], j->n - j->start[i]);
	size_t before = out->n;
	int ret = doc ? take_json(out, doc, 0, false) : 0;

	if (!ret && out->n > before)
		out->v[before].broken_line = line;
	json_decref(doc);
	return ret;
}

int iperf_json_parse(const struct vnx_load_lines *lines, struct iperf_runs *out)
{
	struct joined j = { 0 };
	size_t first = out->n, broken = 0, bytes = 0, i = 0;
	int ret = join(lines, &j);

	while (!ret && i < lines->n && broken < MAX_BROKEN && bytes <= 4 * j.n + BROKEN_BYTES) {
		json_error_t info;
		json_t *doc;

		if (j.text[j.start[i]] != '{') {
			i++;
			continue;
		}
		doc = json_loadb(j.text + j.start[i], j.n - j.start[i], JSON_DISABLE_EOF_CHECK,
				 &info);
		if (!doc) {
			broken++;
			bytes += j.n - j.start[i];
			ret = take_broken(&j, i, i + (size_t)(info.line > 0 ? info.line : 1), out);
			i++;
			continue;
		}
		i = line_after(&j, lines->n, i + 1, j.start[i] + (size_t)info.position);
		ret = take_json(out, doc, lines->v[i - 1].arrival_ns, true);
		json_decref(doc);
	}
	for (size_t k = first; k < out->n; k++)
		guess_side(&out->v[k]);
	free(j.text);
	free(j.start);
	return ret;
}
