// SPDX-License-Identifier: GPL-2.0-only
/*
 * iperf2 -y C, a line an interval and a stream, without titles:
 *   20261130121504,127.0.0.1,55888,127.0.0.1,5001,1,0.0-0.5,4980796,79692736
 * and for UDP jitter, lost, sent, percent and out of order behind it; stream -1 is a sum of others.
 * Client and server print alike, so nothing tells which of them it was. The time is the local one
 * of an unknown zone: it tells the streams of one test from those of a later one, but places
 * nothing. A stream's last line is its total, from 0.0 on.
 */
#include "cli/input/throughput/iperf3.h"

#include <ctype.h>
#include <math.h>
#include <time.h>

#define FIELDS 9
#define MAX_STREAMS 4096
#define LONGEST_FIELD 64 /* an address with its zone is the longest */
#define ONE_TEST_S 1.5   /* whole seconds of streams that began together differ by one at most */

struct csv_line {
	const char *key; /* addresses, ports and number of the stream, in the text */
	size_t key_len;
	bool sum;
	double printed_s; /* the time, as if it were UTC */
	struct iperf_row row;
};

struct stream {
	const char *key;
	size_t key_len;
	double zero_s; /* when it began, by the lines that tell it earliest */
	bool sum;
	size_t run; /* from 1 */
};

struct streams {
	struct stream *v;
	size_t n, cap;
	size_t next; /* of the one found last: streams take turns */
	bool only_sums, full;
};

/* "20261130121504", or with a fraction; false: no time. */
static bool take_time(const char *s, double *out)
{
	size_t n = strspn(s, "0123456789");
	struct tm tm = { 0 };
	char digits[16];

	if (n != 14 || (s[n] != ',' && s[n] != '.'))
		return false;
	memcpy(digits, s, n);
	digits[n] = 0;
	if (!strptime(digits, "%Y%m%d%H%M%S", &tm))
		return false;
	*out = (double)timegm(&tm);
	return true;
}

/* Where the fields begin, up to FIELDS; returns how many. */
static int split(const char *text, const char **field)
{
	int n = 0;

	for (const char *s = text; s && n < FIELDS; n++) {
		field[n] = s;
		s = memchr(s, ',', strnlen(s, LONGEST_FIELD));
		s = s ? s + 1 : NULL;
	}
	return n;
}

/* From the time on; false: some other line. */
static bool parse_line(const char *text, struct csv_line *l)
{
	const char *f[FIELDS], *s;
	double bps;

	*l = (struct csv_line){ .row = IPERF_ROW_INIT };
	if (!take_time(text, &l->printed_s) || split(text, f) < FIELDS)
		return false;
	/* "0.0-0.5": what is read as a number ends where the next sign is */
	s = vnx_decimal_parse(f[6], &l->row.start_s);
	s = s && *s == '-' ? vnx_decimal_parse(s + 1, &l->row.end_s) : NULL;
	if (!s || *s != ',' || !vnx_decimal_parse(f[7], &l->row.bytes) ||
	    !vnx_decimal_parse(f[8], &bps))
		return false;
	l->sum = *f[5] == '-';
	l->key = f[1];
	l->key_len = (size_t)(f[6] - f[1]);
	return true;
}

/* Behind whatever a log put in front. */
static bool find_line(const char *text, struct csv_line *l)
{
	for (const char *s = text; *s; s++)
		if (isdigit((unsigned char)*s) && (s == text || !isdigit((unsigned char)s[-1])) &&
		    parse_line(s, l))
			return true;
	return false;
}

static struct stream *find_stream(struct streams *list, const struct csv_line *l)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t at = (list->next + i) % list->n;
		struct stream *s = &list->v[at];

		if (s->key_len != l->key_len || memcmp(s->key, l->key, l->key_len) != 0)
			continue;
		list->next = at + 1;
		return s;
	}
	return NULL;
}

static int list_streams(const struct vnx_load_lines *lines, struct streams *list)
{
	struct csv_line l;

	list->only_sums = true;
	for (size_t i = 0; i < lines->n && !list->full; i++) {
		struct stream *known, fresh;

		if (!find_line(lines->v[i].text, &l))
			continue;
		known = find_stream(list, &l);
		fresh = (struct stream){ l.key, l.key_len, l.printed_s - l.row.end_s, l.sum, 0 };
		list->only_sums &= l.sum;
		if (known)
			known->zero_s = fmin(known->zero_s, fresh.zero_s);
		else if (list->n == MAX_STREAMS)
			list->full = true;
		else if (vnx_vec_push(list, fresh))
			return -ENOMEM;
	}
	return 0;
}

static int compare_streams(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;

	if (x->zero_s != y->zero_s)
		return x->zero_s > y->zero_s ? 1 : -1;
	return (x->key > y->key) - (x->key < y->key);
}

/* Streams that began together are one test. */
static int make_runs(struct streams *list, struct iperf_runs *out)
{
	double zero_s = -INFINITY;
	struct iperf_run *run;

	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), compare_streams);
	for (size_t i = 0; i < list->n; i++) {
		struct stream *s = &list->v[i];

		if (s->sum != list->only_sums)
			continue;
		if (s->zero_s - zero_s > ONE_TEST_S) {
			run = iperf_runs_add(out);
			if (!run)
				return -ENOMEM;
			*run = (struct iperf_run){ .iperf2 = true,
						   .any_side = true,
						   .local_time = true,
						   .timestamp_s = s->zero_s,
						   .mss = NAN,
						   .resolution_s = 0.1 };
			zero_s = s->zero_s;
		}
		s->run = out->n;
	}
	return 0;
}

static int take_rows(const struct vnx_load_lines *lines, struct streams *list,
		     struct iperf_runs *out)
{
	struct csv_line l;

	for (size_t i = 0; i < lines->n; i++) {
		const struct stream *s;
		struct iperf_rows *rows;

		if (!find_line(lines->v[i].text, &l))
			continue;
		s = find_stream(list, &l);
		if (!s || !s->run)
			continue;
		l.row.stream = (int)(s - list->v) + 1;
		l.row.line = i + 1;
		l.row.arrival_ns = lines->v[i].arrival_ns;
		rows = &out->v[s->run - 1].rows;
		if (!iperf_rows_ended_by(rows, &l.row) && vnx_vec_push(rows, l.row))
			return -ENOMEM;
	}
	return 0;
}

int iperf_csv_parse(const struct vnx_load_lines *lines, struct iperf_runs *out)
{
	struct streams list = { 0 };
	int ret = list_streams(lines, &list);

	if (!ret)
		ret = make_runs(&list, out);
	if (!ret)
		ret = take_rows(lines, &list, out);
	if (list.full && out->n)
		out->v[0].trouble = "it holds more than 4096 streams";
	for (size_t i = 0; i < out->n; i++)
		iperf_rows_sum(&out->v[i], &out->v[i].rows);
	free(list.v);
	return ret;
}

int iperf_csv_probe(const struct vnx_load_lines *lines)
{
	struct csv_line l;

	for (size_t i = 0; i < lines->n; i++)
		if (find_line(lines->v[i].text, &l))
			return 80;
	return 0;
}
