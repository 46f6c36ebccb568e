// SPDX-License-Identifier: GPL-2.0-only
/*
 * iperf3's text, 3.0 to 3.21, and iperf2's, 2.0 to 2.1:
 *   [  5]   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec    1    895 KBytes       (omitted)
 *   [SUM][TX-C]   0.50-1.00   sec   381 MBytes  6.40 Gbits/sec    1
 *   [ *1] 0.0000-0.5000 sec  3.00 MBytes  50.3 Mbits/sec  24/0          0      895K/5548(8216) us
 * behind whatever --title, --timestamps or a log put in front. A server of iperf2's serves several
 * clients at once: their lines are told apart by the number of the stream.
 */
#include "cli/input/throughput/iperf3.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <time.h>

enum role { ROLE_NONE, ROLE_TX, ROLE_RX };

struct text_line {
	bool sum; /* [SUM] */
	enum role role;
	bool server;  /* role of the server: TX-S, RX-S */
	bool star;    /* iperf2: from server to client */
	double count; /* behind the rate: retransmits or datagrams; NaN: nothing there */
	double rtry;  /* iperf2's retransmits; NaN: not there */
	struct iperf_row row;
};

#define MAX_STREAMS 65536 /* of iperf2 that are told apart */

/* What is known of the test that is being read. */
struct text_state {
	struct iperf_runs *runs;
	uint32_t run_of[MAX_STREAMS]; /* of stream number, from 1: its last test; 0: none */
	size_t line;                  /* from 1 */
	bool is_server;               /* it said that it listens */
	struct iperf_run *run;        /* NULL: none yet */
	bool in_server_output; /* between "Server output:" and its end: run->server is filled */
	bool separator;        /* the last line was "- - -" */
	bool summary;          /* what follows are totals */
	bool retr, rtry;       /* the titles have a column of retransmits; iperf2's */
	bool main_sums, reverse_sums;
};

/* Numbers */

/* A plain decimal at *s (no sign, no exponent, no nan); *unit is that of its last digit. */
static bool take_number(const char **s, double *out, double *unit)
{
	const char *p = *s;
	double v = 0, u = 1;
	int digits = 0;

	while (*p == ' ')
		p++;
	for (; isdigit((unsigned char)*p); p++, digits++)
		v = v * 10 + (*p - '0');
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++, digits++) {
			u /= 10;
			v += (*p - '0') * u;
		}
	if (!digits || digits > 20)
		return false;
	*s = p;
	*out = v;
	*unit = u;
	return true;
}

/* "865 MBytes" or "14.5 Gbits/sec" in bytes or bits: iperf3 counts bytes by 1024, bits by 1000. */
static bool take_amount(const char **s, double *value, double *unit, bool *bits)
{
	static const char prefixes[] = "KMGT";
	const char *p, *prefix;
	double base, scale = 1;

	if (!take_number(s, value, unit) || **s != ' ')
		return false;
	for (p = *s; *p == ' '; p++)
		;
	prefix = *p ? strchr(prefixes, *p) : NULL;
	p += prefix != NULL;
	*bits = !strncmp(p, "bits", 4);
	if (!*bits && strncmp(p, "Bytes", 5) != 0)
		return false;
	base = *bits ? 1000 : 1024;
	for (long i = prefix ? prefix - prefixes + 1 : 0; i > 0; i--)
		scale *= base;
	*value *= scale;
	*unit *= scale;
	*s = p + (*bits ? 4 : 5);
	return true;
}

/*
 * The rate of the interval is what the series is made of. Transfer / (end - start) suffers
 * from times printed to 10 ms (2 % of half a second), Bitrate does not: so the bytes are
 * Bitrate * (end - start) unless Transfer is the finer even so (-f T prints 0.01 Tbits/sec).
 * Both errors are half a unit of the last digit.
 */
static void row_bytes(struct iperf_row *row, double transfer, double transfer_unit, double rate,
		      double rate_unit)
{
	double len = row->end_s - row->start_s;
	double by_rate = rate / 8 * len;
	double err_rate = rate > 0 ? rate_unit / 2 / rate : transfer > 0 ? INFINITY : 0;
	double err_transfer = transfer > 0 ? transfer_unit / 2 / transfer + 0.01 / len : INFINITY;
	bool use_rate = err_rate <= err_transfer;

	row->bytes = use_rate ? by_rate : transfer;
	row->precision = use_rate ? err_rate : err_transfer;
	/* The boundary of --omit may show bytes of a part with the rate of the whole. */
	row->inconsistent = transfer > 0 && isfinite(err_rate) && isfinite(err_transfer) &&
			    fabs(by_rate - transfer) >
				    (err_rate + err_transfer + 0.05) * fmax(by_rate, transfer);
}

/* Lines */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return n >= m && !strncmp(s + n - m, end, m);
}

/* "[  5]", "[SUM]", then perhaps "[TX-C]". */
static bool take_head(const char **s, struct text_line *l)
{
	const char *p = *s + 1;

	l->sum = !strncmp(p, "SUM", 3);
	if (l->sum) {
		p += 3;
	} else {
		p += strspn(p, " ");
		l->star = *p == '*';
		p += l->star;
		if (!isdigit((unsigned char)*p))
			return false;
		l->row.stream = (int)(strtoul(p, NULL, 10) % INT_MAX) + 1;
		p += strspn(p, "0123456789");
	}
	if (*p++ != ']')
		return false;
	l->role = ROLE_NONE;
	if (*p == '[') {
		if (strncmp(p, "[TX-", 4) && strncmp(p, "[RX-", 4))
			return false;
		l->role = p[1] == 'T' ? ROLE_TX : ROLE_RX;
		l->server = p[4] == 'S';
		p = strchr(p, ']');
		if (!p)
			return false;
		p++;
	}
	*s = p;
	return true;
}

/* "24/0  1  895K/5548(8216) us" of iperf2 -e from the slash on: errors, Rtry, window, round trip.
 */
static void take_enhanced(const char *s, struct text_line *l)
{
	double number, unit;

	s += 1 + strspn(s + 1, "0123456789");
	if (!take_number(&s, &number, &unit))
		return;
	l->rtry = number;
	if (!take_number(&s, &number, &unit) || strncmp(s, "K/", 2) != 0)
		return;
	l->row.cwnd_bytes = number * 1024;
	s += 2;
	if (take_number(&s, &number, &unit))
		l->row.rtt_us = number;
}

/*
 * What stands behind the rate: "1    895 KBytes" of TCP's sender (a sum has no window),
 * "0.042 ms  0/190 (0%)" of a receiver of datagrams, "96" of their sender.
 */
static void take_tail(const char *s, struct text_line *l)
{
	double number, unit;
	bool bits, minus;

	if (!take_number(&s, &number, &unit))
		return;
	if (!strncmp(s, " ms ", 4)) {
		s += 4;
		s += strspn(s, " ");
		minus = *s == '-';
		s += minus;
		if (take_number(&s, &number, &unit) && *s == '/')
			l->row.lost = minus ? -number : number;
		return;
	}
	l->count = number;
	if (*s == '/')
		take_enhanced(s, l);
	else if (take_amount(&s, &number, &unit, &bits) && !bits) {
		l->row.cwnd_bytes = number;
		l->row.retrans = l->count;
	}
}

/* An interval's line from its '[' on. */
static bool parse_interval(const char *s, struct text_line *l)
{
	double unit, transfer, transfer_unit, rate, rate_unit;
	bool bits;

	*l = (struct text_line){ .count = NAN, .rtry = NAN, .row = IPERF_ROW_INIT };
	if (!take_head(&s, l) || !take_number(&s, &l->row.start_s, &unit) || *s++ != '-' ||
	    !take_number(&s, &l->row.end_s, &unit))
		return false;
	while (*s == ' ')
		s++;
	if (strncmp(s, "sec", 3) != 0)
		return false;
	s += 3;
	if (!take_amount(&s, &transfer, &transfer_unit, &bits) || bits || *s != ' ')
		return false;
	if (!take_amount(&s, &rate, &rate_unit, &bits) || strncmp(s, "/sec", 4) != 0)
		return false;
	if (!bits) {
		rate *= 8;
		rate_unit *= 8;
	}
	take_tail(s + 4, l);
	l->row.omitted = ends_with(s, "(omitted)");
	if (l->row.end_s > l->row.start_s)
		row_bytes(&l->row, transfer, transfer_unit, rate, rate_unit);
	else
		l->row.bytes = NAN;
	return true;
}

static bool find_interval(const char *text, struct text_line *l)
{
	for (const char *p = strchr(text, '['); p; p = strchr(p + 1, '['))
		if (parse_interval(p, l))
			return true;
	return false;
}

/* Tests */

static int run_begin(struct text_state *st, bool from_server)
{
	bool iperf2 = st->run && st->run->iperf2;

	st->run = iperf_runs_add(st->runs);
	if (!st->run)
		return -ENOMEM;
	st->run->iperf2 = iperf2;
	st->run->from_server = from_server;
	st->run->resolution_s = 0.01;
	st->in_server_output = st->summary = st->main_sums = st->reverse_sums = false;
	return 0;
}

static int server_begin(struct text_state *st)
{
	struct iperf_run *server;

	if (!st->run || st->run->server)
		return 0;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	*server = (struct iperf_run){ .from_server = true,
				      .is_reverse = st->run->is_reverse,
				      .timestamp_s = NAN,
				      .mss = NAN,
				      .resolution_s = 0.01 };
	st->run->server = server;
	st->in_server_output = true;
	st->summary = st->main_sums = st->reverse_sums = false;
	return 0;
}

static struct iperf_run *current(struct text_state *st)
{
	return st->in_server_output ? st->run->server : st->run;
}

/* Of several streams only the sum counts, where it is told; it comes after them. */
static int add_row(struct iperf_rows *rows, bool *sums, const struct text_line *l)
{
	if ((*sums && !l->sum) || iperf_rows_ended_by(rows, &l->row))
		return 0;
	if (l->sum && !*sums) {
		rows->n = 0;
		*sums = true;
	}
	return vnx_vec_push(rows, l->row);
}

/* The test that the line is of: the last one, but of iperf2's server that of its stream. */
static struct iperf_run *run_of(struct text_state *st, const struct text_line *l)
{
	struct iperf_run *run = current(st);
	size_t last = st->runs->n, of = st->run_of[l->row.stream % MAX_STREAMS];

	if (!run->iperf2 || !of || of == last || l->sum)
		return run;
	/* A total may come late. What goes on after another one began ran beside it. */
	if (!iperf_rows_ended_by(&st->runs->v[of - 1].rows, &l->row))
		st->runs->v[of - 1].mixed = run->mixed = true;
	return &st->runs->v[of - 1];
}

static int take_interval(struct text_state *st, struct text_line *l)
{
	bool is_reverse = l->role != ROLE_NONE && (l->role == ROLE_TX) == l->server;
	struct iperf_run *run;
	int ret;

	if (st->summary)
		return 0;
	if (!st->run) {
		ret = run_begin(st, false);
		if (ret)
			return ret;
	}
	run = run_of(st, l);
	if (l->star)
		is_reverse = !run->is_reverse;
	if (st->retr)
		l->row.retrans = l->count;
	if (st->rtry)
		l->row.retrans = l->rtry;
	if (l->role != ROLE_NONE && !is_reverse)
		run->side = l->role == ROLE_TX ? IPERF_SENDER : IPERF_RECEIVER;
	return is_reverse ? add_row(&run->reverse, &st->reverse_sums, l)
			  : add_row(&run->rows, &st->main_sums, l);
}

/*
 * The column titles. After a "- - -" they begin the totals (3.0 does not mark those of UDP
 * with "sender" or "receiver"); elsewhere they tell which side this is.
 */
static int take_titles(struct text_state *st, const char *text)
{
	struct iperf_run *run;

	if (st->separator && st->run && (current(st)->rows.n || current(st)->reverse.n)) {
		st->summary = true;
		return 0;
	}
	if (st->summary)
		return 0;
	if (!st->run && run_begin(st, false))
		return -ENOMEM;
	run = current(st);
	st->retr = strstr(text, "Retr") != NULL;
	st->rtry = strstr(text, "Rtry") != NULL;
	if (st->retr || strstr(text, "Total Datagrams"))
		run->side = IPERF_SENDER;
	if (strstr(text, "Jitter"))
		run->side = IPERF_RECEIVER;
	return 0;
}

/* "Time: Sat, 21 Nov 2026 23:11:04 GMT" of -V. */
static void take_time(struct iperf_run *run, const char *text)
{
	const char *p = strstr(text, "Time: ");
	struct tm tm = { 0 };

	if (p && strptime(p + 6, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		run->timestamp_s = (double)timegm(&tm);
}

/* "omitting 1 seconds" of -V. */
static void take_omit(struct iperf_run *run, const char *text)
{
	const char *p = strstr(text, "omitting ");
	double seconds, unit;

	if (!p)
		return;
	p += 9;
	if (take_number(&p, &seconds, &unit) && seconds <= 600)
		run->omit_s = seconds;
}

/* "TCP MSS: 1448 (default)" of -V. */
static void take_mss(struct iperf_run *run, const char *text)
{
	const char *p = strstr(text, "TCP MSS: ");
	double mss, unit;

	if (!p)
		return;
	p += 9;
	if (take_number(&p, &mss, &unit) && mss > 0)
		run->mss = mss;
}

/* " on 2026-11-30 12:14:50 (UTC)" of iperf2 -e, in whole seconds. */
static void take_connect_time(struct iperf_run *run, const char *text)
{
	const char *p = strstr(text, " on 2");
	struct tm tm = { 0 };

	p = p ? strptime(p + 4, "%Y-%m-%d %H:%M:%S", &tm) : NULL;
	if (!p || !isnan(run->timestamp_s))
		return;
	run->timestamp_s = (double)timegm(&tm);
	run->local_time = strncmp(p, " (UTC)", 6) && strncmp(p, " (GMT)", 6);
}

/* "[  2] local ADDRESS port N connected with ADDRESS port N (reverse)
 * (icwnd/mss/irtt=319/32741/66)" */
static int take_connection(struct text_state *st, const char *text)
{
	const char *mss = strstr(text, "icwnd/mss/irtt="), *head = strchr(text, '[');
	struct text_line l = { .row = IPERF_ROW_INIT };
	double number, unit;

	if (!head || !take_head(&head, &l) || l.sum)
		return 0;
	if ((!st->run || st->run->rows.n || st->run->reverse.n) && run_begin(st, st->is_server))
		return -ENOMEM;
	st->run->iperf2 = true;
	st->run->from_server = st->is_server;
	st->run->is_reverse |= strstr(text, "(reverse)") != NULL;
	take_connect_time(st->run, text);
	st->run_of[l.row.stream % MAX_STREAMS] = (uint32_t)st->runs->n;
	mss = mss ? strchr(mss + 15, '/') : NULL;
	if (mss && (mss++, take_number(&mss, &number, &unit)) && number > 0)
		st->run->mss = number;
	return 0;
}

/* iperf2's own words; *taken: they were some. */
static int take_iperf2(struct text_state *st, const char *text, bool *taken)
{
	bool client = strstr(text, "Client connecting to ") != NULL;

	*taken = true;
	if (strstr(text, " connected with "))
		return take_connection(st, text);
	/* The receiver's total, told by the sender. */
	if (strstr(text, "] Server Report:")) {
		st->summary = true;
		return 0;
	}
	*taken = client;
	if (strstr(text, "Server listening on "))
		st->is_server = true;
	if (!client || st->is_server)
		return 0;
	if ((!st->run || st->run->rows.n) && run_begin(st, false))
		return -ENOMEM;
	st->run->iperf2 = true;
	return 0;
}

static int take_words(struct text_state *st, const char *text)
{
	const char *error = strstr(text, "iperf3: error");
	bool taken;
	int ret = take_iperf2(st, text, &taken);

	if (ret || taken)
		return ret;

	if (!error)
		error = strstr(text, "iperf3: interrupt");
	if (error) {
		if (!st->run && run_begin(st, false))
			return -ENOMEM;
		return iperf_run_error(st->run, error + 8);
	}
	if (strstr(text, "Server output:"))
		return server_begin(st);
	if (strstr(text, "iperf Done.")) {
		st->summary = true;
		st->in_server_output = false;
		return 0;
	}
	/* -V tells its version and time before it connects, and in Server output once more. */
	if (st->in_server_output)
		return 0;
	if (strstr(text, "Time: ") && (!st->run || st->run->rows.n) && run_begin(st, false))
		return -ENOMEM;
	if (strstr(text, "Connecting to host") && (!st->run || st->run->rows.n))
		return run_begin(st, false);
	if (strstr(text, "Accepted connection from")) {
		if ((!st->run || st->run->rows.n) && run_begin(st, true))
			return -ENOMEM;
		st->run->from_server = true;
	}
	if (!st->run)
		return 0;
	if (strstr(text, "Reverse mode"))
		st->run->is_reverse = true;
	take_time(st->run, text);
	take_omit(st->run, text);
	take_mss(st->run, text);
	return 0;
}

/* Without a telling column (TCP where the system tells no retransmits): by who connects. */
static void guess_side(struct iperf_run *run)
{
	if (run->side == IPERF_UNKNOWN)
		run->side = run->from_server == run->is_reverse ? IPERF_SENDER : IPERF_RECEIVER;
	/* A server does not say "Reverse mode". */
	if (run->from_server && run->side == IPERF_SENDER)
		run->is_reverse = true;
}

static void finish_run(struct iperf_run *run)
{
	guess_side(run);
	iperf_rows_sum(run, &run->rows);
	iperf_rows_sum(run, &run->reverse);
	if (run->server)
		finish_run(run->server);
}

int iperf_text_parse(const struct vnx_load_lines *lines, struct iperf_runs *out)
{
	struct text_state st = { .runs = out };
	size_t first = out->n;
	int ret = 0;

	for (size_t i = 0; i < lines->n && !ret; i++) {
		const char *text = lines->v[i].text;
		bool separator = strstr(text, "- - - - -") != NULL;
		struct text_line l;

		if (find_interval(text, &l)) {
			l.row.line = i + 1;
			l.row.arrival_ns = st.in_server_output ? 0 : lines->v[i].arrival_ns;
			if (!ends_with(text, "sender") && !ends_with(text, "receiver"))
				ret = take_interval(&st, &l);
		} else if (strstr(text, "[ ID]")) {
			ret = take_titles(&st, text);
		} else {
			ret = take_words(&st, text);
		}
		st.separator = separator;
	}
	for (size_t i = first; i < out->n; i++)
		finish_run(&out->v[i]);
	return ret;
}

int iperf_text_probe(const struct vnx_load_lines *lines)
{
	struct text_line l;

	for (size_t i = 0; i < lines->n; i++) {
		const char *text = lines->v[i].text;

		if (find_interval(text, &l) || strstr(text, "iperf3: ") || strstr(text, "[ ID]") ||
		    strstr(text, "Connecting to host") || strstr(text, "Client connecting to ") ||
		    strstr(text, "Server listening on "))
			return 50;
	}
	return 0;
}
