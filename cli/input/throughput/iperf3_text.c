// SPDX-License-Identifier: GPL-2.0-only
/*
 * iperf3's text, 3.0 to 3.21:
 *   [  5]   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec    1    895 KBytes       (omitted)
 *   [SUM][TX-C]   0.50-1.00   sec   381 MBytes  6.40 Gbits/sec    1
 * behind whatever --title or --timestamps put in front.
 */
#include "cli/input/throughput/iperf3.h"

#include <ctype.h>
#include <math.h>
#include <time.h>

enum role { ROLE_NONE, ROLE_TX, ROLE_RX };

struct text_line {
	bool sum; /* [SUM] */
	enum role role;
	bool server;  /* role of the server: TX-S, RX-S */
	double count; /* behind the rate: retransmits or datagrams; NaN: nothing there */
	struct iperf_row row;
};

/* What is known of the test that is being read. */
struct text_state {
	struct iperf_runs *runs;
	struct iperf_run *run; /* NULL: none yet */
	bool in_server_output; /* between "Server output:" and its end: run->server is filled */
	bool separator;        /* the last line was "- - -" */
	bool summary;          /* what follows are totals */
	bool retr;             /* the titles have a column of retransmits */
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
		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			return false;
		while (isdigit((unsigned char)*p))
			p++;
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
	if (take_amount(&s, &number, &unit, &bits) && !bits) {
		l->row.cwnd_bytes = number;
		l->row.retrans = l->count;
	}
}

/* An interval's line from its '[' on. */
static bool parse_interval(const char *s, struct text_line *l)
{
	double unit, transfer, transfer_unit, rate, rate_unit;
	bool bits;

	*l = (struct text_line){ .count = NAN, .row = IPERF_ROW_INIT };
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
	st->run = iperf_runs_add(st->runs);
	if (!st->run)
		return -ENOMEM;
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

/* Of several streams only the sum counts; it comes after them. */
static int add_row(struct iperf_rows *rows, bool *sums, const struct text_line *l)
{
	if (*sums && !l->sum)
		return 0;
	if (l->sum && !*sums) {
		rows->n = 0;
		*sums = true;
	}
	return vnx_vec_push(rows, l->row);
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
	run = current(st);
	if (st->retr)
		l->row.retrans = l->count;
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
	if (!st->run && run_begin(st, false))
		return -ENOMEM;
	run = current(st);
	st->retr = strstr(text, "Retr") != NULL;
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

static int take_words(struct text_state *st, const char *text)
{
	const char *error = strstr(text, "iperf3: error");

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
	for (size_t i = first; i < out->n; i++) {
		guess_side(&out->v[i]);
		if (out->v[i].server)
			guess_side(out->v[i].server);
	}
	return ret;
}

int iperf_text_probe(const struct vnx_load_lines *lines)
{
	struct text_line l;

	for (size_t i = 0; i < lines->n; i++) {
		const char *text = lines->v[i].text;

		if (find_interval(text, &l) || strstr(text, "iperf3: ") || strstr(text, "[ ID]") ||
		    strstr(text, "Connecting to host"))
			return 50;
	}
	return 0;
}
