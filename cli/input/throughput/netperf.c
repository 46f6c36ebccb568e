// SPDX-License-Identifier: GPL-2.0-only
/*
 * netperf's interim results (-D, a netperf configured with --enable-demo), in the three forms
 * of demo_interval_display() of its src/netlib.c:
 *   Interim result: 9386.91 10^6bits/s over 1.000 seconds ending at 1405034256.123
 *   9386.91,10^6bits/s,1.000,1405034256.123
 *   NETPERF_INTERIM_RESULT[0]=9386.91   and _UNITS, _INTERVAL, _ENDING of that number
 * The ends are CLOCK_REALTIME cut to milliseconds, so the file tells where its zero is. What
 * omni's -j, -k and -o print at the end of a test is one figure for all of it: no series.
 */
#include "cli/input/throughput/throughput_format.h"

#include <ctype.h>
#include <math.h>

/* Newer versions print the length to 1 ms, older ones to 10 ms: who is further off had a gap. */
#define TOUCH_S 0.02
#define CUT_S 0.001
#define LONGEST_S 1e7
#define MAX_FLOWS 256

struct result {
	double rate; /* in @unit */
	char unit[24];
	double seconds, end_s; /* end: CLOCK_REALTIME */
	uint64_t arrival_ns;
	size_t line; /* from 1 */
};

struct results {
	struct result *v;
	size_t n, cap;
};

/* Fields of a keyword block, filled as they come. */
struct block {
	struct result r;
	unsigned have; /* bits: result, units, interval, ending */
};

#define HAVE_ALL 15u

/* "10^6bits/s", "MBytes/s" in bytes a second (format_units() of netlib.c); 0: none of these. */
static double unit_bytes(const char *unit)
{
	static const struct {
		const char *name;
		double bytes;
	} units[] = {
		{ "10^0bits/s", 1 / 8. },
		{ "10^3bits/s", 1e3 / 8 },
		{ "10^6bits/s", 1e6 / 8 },
		{ "10^9bits/s", 1e9 / 8 },
		{ "Bytes/s", 1 },
		{ "KBytes/s", 1024 },
		{ "MBytes/s", 1024 * 1024 },
		{ "GBytes/s", 1024. * 1024 * 1024 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(units); i++)
		if (!strcmp(unit, units[i].name))
			return units[i].bytes;
	return 0;
}

/* A word up to one of @stops into r->unit; what follows it, or NULL. */
static const char *take_unit(const char *s, const char *stops, struct result *r)
{
	size_t n;

	s += strspn(s, " ");
	n = strcspn(s, stops);
	if (!n || n >= sizeof(r->unit))
		return NULL;
	memcpy(r->unit, s, n);
	r->unit[n] = 0;
	return s + n;
}

/* "@word value" */
static const char *take_after(const char *s, const char *word, double *out)
{
	s = s ? strstr(s, word) : NULL;
	return s ? vnx_decimal_parse(s + strlen(word), out) : NULL;
}

static bool parse_human(const char *text, struct result *r)
{
	const char *s = take_after(text, "Interim result:", &r->rate);

	s = s ? take_unit(s, " ", r) : NULL;
	s = take_after(s, " over ", &r->seconds);
	return take_after(s, "ending at ", &r->end_s) != NULL;
}

/* What follows the last blank: a log may put something in front. */
static const char *last_word(const char *text)
{
	const char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	while (end > text && !isspace((unsigned char)end[-1]))
		end--;
	return end;
}

static bool parse_commas(const char *text, struct result *r)
{
	const char *s = vnx_decimal_parse(last_word(text), &r->rate);

	s = s && *s == ',' ? take_unit(s + 1, ",", r) : NULL;
	if (!s || *s != ',' || strlen(r->unit) < 3 || strcmp(r->unit + strlen(r->unit) - 2, "/s"))
		return false;
	s = vnx_decimal_parse(s + 1, &r->seconds);
	s = s && *s == ',' ? vnx_decimal_parse(s + 1, &r->end_s) : NULL;
	return s && !s[strspn(s, " \t")];
}

/* One line of a keyword block; true: it is whole now. */
static bool take_keyword(const char *text, struct block *b)
{
	static const char *const keys[] = { "INTERIM_RESULT[", "UNITS[", "INTERVAL[", "ENDING[" };
	const char *value;

	text = strstr(text, "NETPERF_");
	value = text ? strchr(text, '=') : NULL;
	if (!value)
		return false;
	for (unsigned i = 0; i < VNX_ARRAY_SIZE(keys); i++) {
		double *const number[] = { &b->r.rate, NULL, &b->r.seconds, &b->r.end_s };
		bool ok;

		if (strncmp(text + 8, keys[i], strlen(keys[i])))
			continue;
		if (!i)
			*b = (struct block){ 0 };
		ok = i == 1 ? take_unit(value + 1, " \t", &b->r) != NULL
			    : vnx_decimal_parse(value + 1, number[i]) != NULL;
		if (ok)
			b->have |= 1u << i;
	}
	return b->have == HAVE_ALL;
}

static bool is_interim(const char *text)
{
	struct result r = { 0 };

	return strstr(text, "Interim result:") || strstr(text, "NETPERF_INTERIM_RESULT[") ||
	       parse_commas(text, &r);
}

static int netperf_probe(const struct vnx_load_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		if (is_interim(lines->v[i].text))
			return 90;
	/* A test's title, with nothing of use below. */
	for (size_t i = 0; i < lines->n; i++)
		if (strstr(lines->v[i].text, " TEST from ") &&
		    strstr(lines->v[i].text, " port 0 AF_INET"))
			return 30;
	return 0;
}

static int collect(const struct vnx_load_lines *lines, struct results *out, size_t *bad_line)
{
	struct block b = { 0 };

	*bad_line = 0;
	for (size_t i = 0; i < lines->n; i++) {
		const char *text = lines->v[i].text;
		struct result r = { 0 };
		bool got = parse_human(text, &r) || parse_commas(text, &r);

		if (!got && take_keyword(text, &b)) {
			r = b.r;
			b = (struct block){ 0 };
			got = true;
		}
		if (!got && strstr(text, "Interim result:") && !*bad_line)
			*bad_line = i + 1;
		if (!got)
			continue;
		r.arrival_ns = lines->v[i].arrival_ns;
		r.line = i + 1;
		if (vnx_vec_push(out, r))
			return -ENOMEM;
	}
	return 0;
}

static bool is_sound(const struct result *r)
{
	return r->rate >= 0 && r->seconds > 0 && r->seconds < LONGEST_S && r->end_s > 0 &&
	       r->end_s < 9e9;
}

/* Flows that ran at once: each goes on where it ended. */
struct flow {
	struct vnx_throughput *tp;
	double end_s;
};

struct flows {
	struct flow v[MAX_FLOWS];
	size_t n;
};

/*
 * The flow that goes on with an interval from @start_s on: the one that ended there, else the last
 * that had ended; NULL: it is of a further one.
 */
static struct flow *flow_of(struct flows *flows, double start_s)
{
	struct flow *best = NULL;

	for (size_t i = 0; i < flows->n; i++) {
		struct flow *f = &flows->v[i];

		if (f->end_s <= start_s + TOUCH_S && (!best || f->end_s > best->end_s))
			best = f;
	}
	return best;
}

static struct flow *new_flow(struct flows *flows, struct vnx_throughput *tp, double start_s)
{
	struct vnx_throughput *own = tp;
	struct flow *f = &flows->v[flows->n];

	if (flows->n) {
		own = vnx_throughput_new(tp->source);
		if (!own || vnx_vec_push(&tp->peers, own)) {
			vnx_throughput_free(own);
			return NULL;
		}
		own->is_reverse = tp->is_reverse;
	} else {
		tp->timestamp_s = start_s;
	}
	*f = (struct flow){ own, start_s };
	flows->n++;
	return f;
}

/* Each interval ends where it says and begins where the one before it ended. */
static int add_intervals(struct vnx_throughput *tp, const struct results *list)
{
	struct flows flows = { .n = 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct result *r = &list->v[i];
		double start = r->end_s - r->seconds;
		struct vnx_interval iv = { .arrival_ns = r->arrival_ns };
		struct flow *f;

		if (!is_sound(r) || (flows.n && fabs(r->end_s - tp->timestamp_s) > LONGEST_S)) {
			tp->dropped++;
			continue;
		}
		f = flow_of(&flows, start);
		if (!f && flows.n < MAX_FLOWS)
			f = new_flow(&flows, tp, start);
		if (!f)
			return -ENOMEM;
		if (fabs(start - f->end_s) <= TOUCH_S)
			start = f->end_s;
		iv.start_s = start - tp->timestamp_s;
		iv.end_s = r->end_s - tp->timestamp_s;
		iv.bytes = r->rate * unit_bytes(r->unit) * (iv.end_s - iv.start_s);
		if (!vnx_interval_sane(&iv)) {
			tp->dropped++;
			continue;
		}
		if (vnx_vec_push(&f->tp->intervals, iv))
			return -ENOMEM;
		f->end_s = r->end_s;
	}
	return 0;
}

/* A flow without intervals is none; one interval beside many is a clock that stepped. */
static void drop_poor_peers(struct vnx_throughput *tp)
{
	size_t kept = 0, poor = tp->intervals.n > 2;

	for (size_t i = 0; i < tp->peers.n; i++) {
		if (tp->peers.v[i]->intervals.n > poor) {
			tp->peers.v[kept++] = tp->peers.v[i];
			continue;
		}
		tp->dropped += tp->peers.v[i]->intervals.n;
		vnx_throughput_free(tp->peers.v[i]);
	}
	tp->peers.n = kept;
}

/* MAERTS is STREAM backwards: what is measured is what comes. */
static bool is_receiving(const struct vnx_load_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		if (strstr(lines->v[i].text, "MAERTS TEST") ||
		    strstr(lines->v[i].text, "Receive TEST"))
			return true;
	return false;
}

static int not_throughput(const struct results *list, size_t bad_line, struct vnx_err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct result *r = &list->v[i];

		if (unit_bytes(r->unit) > 0)
			continue;
		vnx_err_hint(err, "`netperf -t TCP_STREAM -D 0.5 -H HOST` measures throughput");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-throughput",
				   "line %zu: netperf counts in \"%.20s\" there, which is no "
				   "amount of data",
				   r->line, r->unit);
	}
	if (list->n)
		return 0;
	vnx_err_hint(err, "`netperf -t TCP_STREAM -D 0.5 -H HOST` prints interim results");
	if (bad_line)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "damaged",
				   "line %zu: netperf's interim result is cut short", bad_line);
	return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-intervals",
			   "netperf's final result alone is no series: it has no interim results");
}

static int fill(struct vnx_throughput *tp, const struct vnx_load_lines *lines,
		const struct results *list)
{
	int ret;

	tp->is_reverse = is_receiving(lines);
	tp->stamped_rows = true;
	tp->resolution_s = CUT_S;
	ret = add_intervals(tp, list);
	drop_poor_peers(tp);
	tp->own_zero_s = tp->timestamp_s;
	tp->stamps.first_ns = lines->n ? lines->v[0].arrival_ns : 0;
	if (!ret)
		ret = vnx_throughput_stamps_of_intervals(tp);
	if (!ret && !tp->intervals.n)
		ret = vnx_throughput_warn(tp, "it holds no interval that can be used");
	return ret;
}

static int netperf_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			 struct vnx_err *err)
{
	struct results list = { 0 };
	struct vnx_throughput *tp = NULL;
	size_t bad_line;
	int ret = collect(lines, &list, &bad_line);

	if (!ret)
		ret = not_throughput(&list, bad_line, err);
	if (ret)
		goto out;
	tp = vnx_throughput_new(is_receiving(lines) ? "netperf-receiver" : "netperf-sender");
	ret = tp ? fill(tp, lines, &list) : -ENOMEM;
	if (!ret && bad_line)
		ret = vnx_throughput_warn(tp, "line %zu is cut short", bad_line);
out:
	free(list.v);
	if (ret)
		vnx_throughput_free(tp);
	else
		*out = tp;
	return ret;
}

const struct vnx_load_format vnx_load_netperf = {
	.name = "netperf -D",
	.probe = netperf_probe,
	.parse = netperf_parse,
};
