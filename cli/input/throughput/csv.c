// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of times and rates with names in its first row (csv_columns.c knows which). Lines
 * before it that begin with '#' are passed over.
 *
 * Where an interval begins and ends: as columns "start" and "end" say; with one of them, from
 * one row's time to the next's. A plain "time" is the start where the first one is 0; else the
 * end, as samplers print it, and unless the first is one step from 0 it may as well be the
 * start: that step is added to the uncertainty. Times since 1970 and ISO 8601 with a zone are taken
 * for the wall clock. Bytes that only grow are a counter: what counts is what each row adds, and
 * where it falls it was reset, so that nothing is known of the time before.
 */
#include "cli/input/throughput/csv.h"

#include <math.h>
#include <stdarg.h>

#define LONGEST_S 1e7
#define HEADER_WITHIN 50 /* rows before it are some program's chatter */
#define GAP 3            /* so many usual steps: rows are missing there */
#define EPOCH_FROM_S 1e9 /* 2001: nothing counts so many seconds from elsewhere */
#define EPOCH_TO_S 9e9
#define WANTED                                                                              \
	"a column time, t, seconds, timestamp, start or end (in s, with _ms, _us, _ns, or " \
	"ISO 8601) and one of bps, kbps, mbps, gbps, Mbit/s, bits_per_second, throughput "  \
	"(bit/s), bytes_per_second, bytes or bits (of the interval), bytes_total (a counter)"
#define COUNTER_ROWS 10   /* fewer that only grow may do so by chance */
#define COUNTER_GROWS 0.8 /* of the rows are more than the one before */
#define BEGAN 0.5         /* of its last value: a counter that begins below began with the table */
#define DAY_S 86400.0
#define MOST_BACK 0.1 /* of the rows kept: more of them are no clock's correction */

struct row {
	double start_s, end_s; /* what is not told is NaN */
	double value;
	uint64_t arrival_ns;
};

struct rows {
	struct row *v;
	size_t n, cap;
	double step_s; /* the usual one, NaN: none */
	bool whole_seconds;
	bool dates;      /* or times of day, not seconds */
	bool local_time; /* ... of a zone that is not told */
	double days_s;   /* midnights that times of day passed */
	size_t good;     /* have a value */
	size_t back;     /* left out since they do not go forward in time */
};

/* What is wrong with the first line that cannot be used. */
struct fault {
	size_t line, n; /* from 1, 0: none; how many such lines */
	char what[160];
};

/* Which of the times are used: start and end before a plain one. */
static bool has_time(const struct csv_columns *c)
{
	return c->time[CSV_TIME] >= 0 || c->time[CSV_START] >= 0 || c->time[CSV_END] >= 0;
}

static bool is_complete(const struct csv_columns *c)
{
	return has_time(c) && c->rate >= 0;
}

/* Numbers and times. */
static bool is_numbers(const char *text, char separator)
{
	struct csv_field f[CSV_FIELDS];
	int n = separator ? csv_split(text, separator, f) : 0;
	double v;

	for (int i = 0; i < n; i++)
		if (!csv_number(&f[i], &v) && !csv_time_of(&f[i], &v))
			return false;
	return n > 1;
}

/* The row of names; lines->n: none. */
static size_t find_header(const struct vnx_load_lines *lines, struct csv_columns *c)
{
	size_t at = vnx_lines_next(lines, 0);

	for (int i = 0; i < HEADER_WITHIN && at < lines->n; i++) {
		if (csv_columns_read(lines->v[at].text, c) && is_complete(c))
			return at;
		at = vnx_lines_next(lines, at + 1);
	}
	return lines->n;
}

/* The first row that is no remark, if the table is one but lacks the names wanted. */
static size_t find_poor_header(const struct vnx_load_lines *lines, struct csv_columns *c)
{
	size_t at = vnx_lines_next(lines, 0), next;

	while (at < lines->n && lines->v[at].text[0] == '#')
		at = vnx_lines_next(lines, at + 1);
	next = at < lines->n ? vnx_lines_next(lines, at + 1) : lines->n;
	if (next >= lines->n || !csv_columns_read(lines->v[at].text, c))
		return lines->n;
	if (is_numbers(lines->v[at].text, c->separator))
		return at;
	return c->any && is_numbers(lines->v[next].text, c->separator) ? at : lines->n;
}

static int csv_probe(const struct vnx_load_lines *lines)
{
	struct csv_columns c;

	if (find_header(lines, &c) < lines->n)
		return 40;
	return find_poor_header(lines, &c) < lines->n ? 10 : 0;
}

static const char *field_name(const char *text, char separator, int at, char *buf, size_t size)
{
	struct csv_field f[CSV_FIELDS];
	int n = csv_split(text + (*text == '#'), separator, f);

	snprintf(buf, size, "%.*s", at < n ? (int)(f[at].n < 30 ? f[at].n : 30) : 0,
		 at < n ? f[at].text : "");
	return buf;
}

/* -EINVAL where the names leave open which column is meant. */
static int check_header(const struct vnx_load_lines *lines, size_t at, const struct csv_columns *c,
			struct vnx_err *err)
{
	const char *text = lines->v[at].text;
	bool times = c->rival_time >= 0;
	int first = c->rate, second = c->rival_rate;
	char a[32], b[32];

	if (!is_complete(c)) {
		vnx_err_hint(err, "The first row must name " WANTED ".");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "csv-header",
				   "line %zu: no column of this table is named as %s", at + 1,
				   has_time(c)    ? "a rate"
				   : c->rate >= 0 ? "a time"
						  : "time and rate");
	}
	if (!times && second < 0)
		return 0;
	for (int k = 0; times && k < CSV_TIMES; k++)
		if (c->time[k] >= 0)
			first = c->time[k];
	second = times ? c->rival_time : second;
	vnx_err_hint(err, "Leave one of them: " WANTED ".");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "csv-header",
			   "line %zu: both \"%s\" and \"%s\" could be the %s", at + 1,
			   field_name(text, c->separator, first, a, sizeof(a)),
			   field_name(text, c->separator, second, b, sizeof(b)),
			   times ? "time" : "rate");
}

static bool say(struct fault *fault, const char *fmt, ...) VNX_PRINTF(2, 3);

/* Always false. */
static bool say(struct fault *fault, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->what, sizeof(fault->what), fmt, ap);
	va_end(ap);
	return false;
}

static double time_of(const struct row *r)
{
	return isnan(r->start_s) ? r->end_s : r->start_s;
}

/* A time of the day that falls by more than half of one is the next day's. */
static void pass_midnight(struct rows *rows, double *t_s)
{
	double last_s = rows->n ? time_of(&rows->v[rows->n - 1]) : -INFINITY;

	if (*t_s + rows->days_s < last_s - DAY_S / 2)
		rows->days_s += DAY_S;
	*t_s += rows->days_s;
}

/* A plain number in the column's unit, or ISO 8601. */
static bool take_time(const struct csv_field *f, double unit_s, struct rows *rows, double *out,
		      struct fault *fault)
{
	enum csv_clock clock;

	if (csv_number(f, out)) {
		*out *= unit_s;
	} else {
		clock = csv_time_of(f, out);
		if (!clock)
			return say(fault,
				   "\"%.*s\" is no time: a number, or ISO 8601 as in "
				   "2024-05-01T10:00:00Z",
				   (int)(f->n < 40 ? f->n : 40), f->text);
		rows->dates = true;
		rows->local_time |= clock != CSV_WALL;
		if (clock == CSV_OF_DAY)
			pass_midnight(rows, out);
	}
	return (*out >= 0 && *out < EPOCH_TO_S) || say(fault, "its time is %g s", *out);
}

/*
 * The times and the value of one line; false: *fault says why not, and the time is NaN unless the
 * value alone is why.
 */
static bool take_row(const char *text, const struct csv_columns *c, struct rows *rows,
		     struct row *r, struct fault *fault)
{
	struct csv_field f[CSV_FIELDS];
	int n = csv_split(text, c->separator, f);
	bool plain = c->time[CSV_START] < 0 && c->time[CSV_END] < 0;
	double t[CSV_TIMES] = { NAN, NAN, NAN }, value;

	r->start_s = r->end_s = r->value = NAN;
	if (n > c->n && c->separator == ',')
		return say(fault,
			   "it has %d fields and the first row names %d: decimal commas want ; or "
			   "tabs between the columns, or quotes",
			   n, c->n);
	for (int k = 0; k < CSV_TIMES; k++) {
		int at = c->time[k];

		if (at < 0 || plain != (k == CSV_TIME))
			continue;
		if (at >= n)
			return say(fault, "it has no time");
		if (!take_time(&f[at], c->time_s[k], rows, &t[k], fault))
			return false;
	}
	/* A plain time is kept as the end until it is known what it is. */
	r->start_s = t[CSV_START];
	r->end_s = plain ? t[CSV_TIME] : t[CSV_END];
	if (c->rate >= n)
		return say(fault, "it has no rate");
	if (!csv_number(&f[c->rate], &value))
		return say(fault, "\"%.*s\" is no number",
			   (int)(f[c->rate].n < 40 ? f[c->rate].n : 40), f[c->rate].text);
	if (value < 0)
		return say(fault, "its rate is less than nothing");
	r->value = value;
	return true;
}

/* Counts what is wrong with line @line, and keeps the first. */
static void add_fault(struct fault *fault, struct fault *own, size_t line)
{
	own->line = line;
	own->n = fault->n + 1;
	if (fault->n)
		fault->n++;
	else
		*fault = *own;
}

static int take_rows(struct vnx_throughput *tp, const struct vnx_load_lines *lines, size_t from,
		     const struct csv_columns *c, struct rows *out, struct fault *fault)
{
	out->whole_seconds = true;
	for (size_t i = vnx_lines_next(lines, from); i < lines->n;
	     i = vnx_lines_next(lines, i + 1)) {
		struct row r = { .arrival_ns = lines->v[i].arrival_ns };
		struct fault own;
		bool ok, back;

		if (lines->v[i].text[0] == '#')
			continue;
		ok = take_row(lines->v[i].text, c, out, &r, &own);
		back = out->n && time_of(&r) <= time_of(&out->v[out->n - 1]);
		out->back += ok && back;
		if (ok && back)
			ok = say(&own, "it does not go forward in time");
		if (!ok)
			add_fault(fault, &own, i + 1);
		if (back || isnan(time_of(&r))) {
			tp->dropped++;
			continue;
		}
		/* Without a value it is a hole: what is known beside it does not reach into it. */
		out->good += ok;
		out->whole_seconds &= time_of(&r) == floor(time_of(&r));
		if (vnx_vec_push(out, r))
			return -ENOMEM;
	}
	return 0;
}

/* Amounts that only grow, but for where they begin anew. */
static bool only_grows(const struct rows *rows)
{
	size_t grows = 0;

	for (size_t i = 1; i < rows->n; i++) {
		double was = rows->v[i - 1].value, is = rows->v[i].value;

		if (is < was && is > was / 10)
			return false;
		grows += is > was;
	}
	return rows->n >= COUNTER_ROWS && (double)grows >= COUNTER_GROWS * (double)(rows->n - 1);
}

/* What each row added, from the one before it to it; a reset adds nothing that is known. */
static void take_differences(struct rows *rows)
{
	for (size_t i = 0; i + 1 < rows->n; i++) {
		const struct row *next = &rows->v[i + 1];

		rows->v[i] = (struct row){ .start_s = time_of(&rows->v[i]),
					   .end_s = time_of(next),
					   .value = next->value - rows->v[i].value,
					   .arrival_ns = next->arrival_ns };
		if (rows->v[i].value < 0)
			rows->v[i].value = NAN;
	}
	rows->n--;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int find_step(struct rows *rows)
{
	VNX_CLEANUP_FREE double *d = malloc((rows->n + 1) * sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (size_t i = 1; i < rows->n; i++)
		d[i - 1] = time_of(&rows->v[i]) - time_of(&rows->v[i - 1]);
	if (rows->n > 1)
		qsort(d, rows->n - 1, sizeof(*d), compare_doubles);
	rows->step_s = rows->n > 1 ? d[(rows->n - 1) / 2] : NAN;
	return 0;
}

/* A plain time that begins the interval, not ends it. */
static void settle_plain(struct vnx_throughput *tp, struct rows *rows)
{
	double first = rows->v[0].end_s;

	if (first != 0) {
		if (fabs(first - rows->step_s) > 0.05 * rows->step_s)
			tp->slack_s = rows->step_s;
		return;
	}
	for (size_t i = 0; i < rows->n; i++) {
		rows->v[i].start_s = rows->v[i].end_s;
		rows->v[i].end_s = NAN;
	}
}

/* The end of the interval that is not told, from the neighbour; false: rows are missing there. */
static bool complete_row(const struct rows *rows, size_t i, bool is_amount, struct row *r)
{
	double other = NAN;

	*r = rows->v[i];
	if (!isnan(r->start_s) && !isnan(r->end_s))
		return true;
	if (isnan(r->end_s) && i + 1 < rows->n)
		other = rows->v[i + 1].start_s;
	if (isnan(r->start_s) && i)
		other = rows->v[i - 1].end_s;
	if (!isnan(other) && fabs(other - time_of(r)) > GAP * rows->step_s) {
		if (is_amount)
			return false;
		other = NAN;
	}
	if (isnan(r->end_s))
		r->end_s = isnan(other) ? r->start_s + rows->step_s : other;
	else
		r->start_s = isnan(other) ? r->end_s - rows->step_s : other;
	return true;
}

static int add_intervals(struct vnx_throughput *tp, const struct rows *rows,
			 const struct csv_columns *c)
{
	double prev_end = -INFINITY;

	for (size_t i = 0; i < rows->n; i++) {
		struct vnx_interval iv = { .arrival_ns = rows->v[i].arrival_ns };
		struct row r;

		if (complete_row(rows, i, c->is_amount, &r)) {
			iv.start_s = r.start_s - tp->own_zero_s;
			iv.end_s = r.end_s - tp->own_zero_s;
			iv.bytes = r.value * c->bits / 8 * (c->is_amount ? 1 : r.end_s - r.start_s);
		}
		/* Rounded times of neighbours may overlap a little. */
		if (!vnx_interval_sane(&iv) || !(iv.end_s < LONGEST_S) ||
		    iv.start_s < prev_end - 0.011) {
			tp->dropped++;
			continue;
		}
		if (vnx_vec_push(&tp->intervals, iv))
			return -ENOMEM;
		prev_end = iv.end_s;
	}
	return 0;
}

/*
 * Makes amounts of a counter, where it is one. What is not named as one but only grows is one if it
 * began near 0; else it may as well be amounts that rise, and nobody knows.
 */
static int settle_counter(struct vnx_throughput *tp, struct rows *rows, const struct csv_columns *c,
			  struct vnx_err *err)
{
	double begin = rows->v[0].value, end = rows->v[rows->n - 1].value;

	if (!c->is_amount || (!c->is_counter && !only_grows(rows)))
		return 0;
	if (!c->is_counter && begin > BEGAN * end) {
		vnx_err_hint(err, "Name that column bytes_total if it is a counter; if not, give "
				  "what each row's bytes are a second, as bytes_per_second.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "csv-header",
				   "its amounts only grow, from %.15g to %.15g: those of a counter "
				   "or of each interval",
				   begin, end);
	}
	take_differences(rows);
	return vnx_throughput_note(tp, "its amounts are read as a counter's: what each row adds");
}

static int fill(struct vnx_throughput *tp, struct rows *rows, const struct csv_columns *c,
		struct vnx_err *err)
{
	bool plain = c->time[CSV_START] < 0 && c->time[CSV_END] < 0;
	struct row first;
	int ret = find_step(rows);

	if (ret)
		return ret;
	if (rows->n < 2)
		return vnx_throughput_warn(tp, "one row alone tells no interval");
	ret = settle_counter(tp, rows, c, err);
	if (ret)
		return ret;
	if (plain && !tp->note)
		settle_plain(tp, rows);
	complete_row(rows, 0, false, &first);
	if (first.start_s >= EPOCH_FROM_S || rows->dates) {
		tp->stamped_rows = !rows->local_time;
		tp->own_zero_s = first.start_s;
		tp->timestamp_s = rows->local_time ? NAN : first.start_s;
		tp->resolution_s = rows->whole_seconds ? 1 : 0.001;
	}
	ret = add_intervals(tp, rows, c);
	/* No trace counts in dates: --offset counts from the first row. */
	if (rows->dates)
		tp->own_zero_s = 0;
	if (!ret)
		ret = vnx_throughput_stamps_of_intervals(tp);
	if (!ret && !tp->intervals.n)
		ret = vnx_throughput_warn(tp, "it holds no interval that can be used");
	return ret;
}

/* Rows that cannot be used are told; where that leaves none, they are why. */
static int tell_fault(struct vnx_throughput *tp, const struct fault *fault, const struct rows *rows,
		      struct vnx_err *err)
{
	if (!fault->n)
		return 0;
	if ((double)rows->back > 1 + MOST_BACK * (double)rows->n) {
		vnx_err_hint(err, "Sort the rows by time; give each flow as a file of its own: "
				  "--throughput A --throughput B; what ran at once is summed.");
		return vnx_err_set(
			err, -EINVAL, VNX_EXIT_FAILED, "mixed-tests",
			"%zu rows do not go forward in time, beside %zu that do: this is "
			"more than one flow, or out of order",
			rows->back, rows->n);
	}
	if (rows->good)
		return vnx_throughput_warn(tp, "line %zu: %s (%zu such lines left out)",
					   fault->line, fault->what, fault->n);
	vnx_err_hint(err, "A row holds what the first one names: " WANTED ".");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "csv-rows", "line %zu: %s", fault->line,
			   fault->what);
}

static int csv_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		     struct vnx_err *err)
{
	struct vnx_throughput *tp;
	struct fault fault = { 0 };
	struct rows rows = { 0 };
	struct csv_columns c;
	size_t at = find_header(lines, &c);
	int ret;

	if (at == lines->n)
		at = find_poor_header(lines, &c);
	if (at == lines->n)
		return -ENOENT;
	ret = check_header(lines, at, &c, err);
	if (ret)
		return ret;
	tp = vnx_throughput_new("csv");
	ret = tp ? take_rows(tp, lines, at + 1, &c, &rows, &fault) : -ENOMEM;
	if (!ret)
		ret = tell_fault(tp, &fault, &rows, err);
	if (!ret)
		ret = fill(tp, &rows, &c, err);
	if (tp)
		tp->stamps.first_ns = lines->v[0].arrival_ns;
	free(rows.v);
	if (ret)
		vnx_throughput_free(tp);
	else
		*out = tp;
	return ret;
}

const struct vnx_load_format vnx_load_csv = {
	.name = "CSV",
	.probe = csv_probe,
	.parse = csv_parse,
};
