// SPDX-License-Identifier: GPL-2.0-only
/* Which intervals of a test count. The rules are those of statistics.md, "iperf3 intervals". */
#include "cli/input/throughput/iperf3.h"

#include <math.h>

#define BOUNDARY_S 0.001 /* end - start against seconds */
#define LONGEST_S 1e7
#define MAX_RUNS 10000

static void run_fini(struct iperf_run *run)
{
	free(run->rows.v);
	free(run->reverse.v);
	free(run->error);
	if (run->server)
		run_fini(run->server);
	free(run->server);
}

void iperf_runs_fini(struct iperf_runs *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		run_fini(&runs->v[i]);
	free(runs->v);
	*runs = (struct iperf_runs){ 0 };
}

struct iperf_run *iperf_runs_add(struct iperf_runs *runs)
{
	struct iperf_run run = { .timestamp_s = NAN, .mss = NAN };

	if (runs->n == MAX_RUNS) {
		runs->v[runs->n - 1].trouble = "it holds more than 10000 tests";
		return &runs->v[runs->n - 1];
	}
	return vnx_vec_push(runs, run) ? NULL : &runs->v[runs->n - 1];
}

int iperf_run_error(struct iperf_run *run, const char *text)
{
	if (run->error)
		return 0;
	run->error = strdup(text);
	return run->error ? 0 : -ENOMEM;
}

static bool is_sound(const struct iperf_row *r)
{
	const struct vnx_interval iv = { r->start_s, r->end_s, r->bytes, 0 };

	/* Written so that NaN fails. */
	return r->start_s >= 0 && r->end_s < LONGEST_S && vnx_interval_sane(&iv);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double iperf_rows_nominal(const struct iperf_rows *rows)
{
	double *len = malloc((rows->n + 1) * sizeof(*len));
	double median = NAN;
	size_t n = 0;

	if (!len)
		return NAN;
	for (size_t i = 0; i < rows->n; i++)
		if (!rows->v[i].omitted && is_sound(&rows->v[i]))
			len[n++] = rows->v[i].end_s - rows->v[i].start_s;
	qsort(len, n, sizeof(*len), compare_doubles);
	if (n)
		median = len[n / 2];
	free(len);
	return median;
}

static bool is_kept(const struct iperf_row *r, bool last, double nominal_s)
{
	double len = r->end_s - r->start_s;

	if (r->omitted || r->inconsistent || !is_sound(r))
		return false;
	if (!isnan(r->seconds) && fabs(len - r->seconds) > BOUNDARY_S)
		return false;
	return !last || !(len < nominal_s / 2);
}

struct interval_list {
	struct vnx_interval **v;
	size_t *n, *cap;
};

static int keep_rows(const struct iperf_run *run, const struct iperf_rows *rows, double shift_s,
		     struct interval_list out, struct vnx_throughput *tp)
{
	double nominal_s = iperf_rows_nominal(rows), slack_s = fmax(BOUNDARY_S, run->resolution_s);
	double prev_end = *out.n ? (*out.v)[*out.n - 1].end_s : -INFINITY;

	for (size_t i = 0; i < rows->n; i++) {
		const struct iperf_row *r = &rows->v[i];
		struct vnx_interval iv = { .start_s = r->start_s + shift_s,
					   .end_s = r->end_s + shift_s,
					   .bytes = r->bytes,
					   .arrival_ns = r->arrival_ns };

		/* An aborted test prints its last interval twice. */
		if (!is_kept(r, i + 1 == rows->n, nominal_s) || iv.start_s < prev_end - slack_s) {
			tp->dropped++;
			continue;
		}
		if (vnx_vec_grow((void **)out.v, out.cap, *out.n + 1, sizeof(iv)))
			return -ENOMEM;
		(*out.v)[(*out.n)++] = iv;
		prev_end = iv.end_s;
		tp->precision = fmax(tp->precision, r->precision);
	}
	return 0;
}

int iperf_rules_apply(const struct iperf_run *run, double shift_s, struct vnx_throughput *tp)
{
	struct interval_list main = { &tp->intervals.v, &tp->intervals.n, &tp->intervals.cap };
	struct interval_list reverse = { &tp->reverse.v, &tp->reverse.n, &tp->reverse.cap };
	int ret = keep_rows(run, &run->rows, shift_s, main, tp);

	return ret ? ret : keep_rows(run, &run->reverse, shift_s, reverse, tp);
}

static int add_extra(struct vnx_throughput *tp, const struct iperf_row *r, double shift_s,
		     enum vnx_metric metric, double value)
{
	struct vnx_extra x = { .start_s = r->start_s + shift_s,
			       .end_s = r->end_s + shift_s,
			       .value = value,
			       .metric = metric };

	return value >= 0 && isfinite(value) ? vnx_vec_push(&tp->extras, x) : 0;
}

/*
 * Of the main direction, for that is what the series is of. A datagram that comes late is taken
 * off the lost ones of the interval in which it comes, which may then have less than none: 0.
 */
int iperf_rules_extras(const struct iperf_run *run, double shift_s, double mss,
		       struct vnx_throughput *tp)
{
	double segment = run->mss > 0 ? run->mss : mss;
	double nominal_s = iperf_rows_nominal(&run->rows), prev_end = -INFINITY;
	double slack_s = fmax(BOUNDARY_S, run->resolution_s);
	int ret = 0;

	for (size_t i = 0; i < run->rows.n && !ret; i++) {
		const struct iperf_row *r = &run->rows.v[i];

		if (!is_kept(r, i + 1 == run->rows.n, nominal_s) || r->start_s < prev_end - slack_s)
			continue;
		prev_end = r->end_s;
		if (run->side == IPERF_RECEIVER) {
			ret = add_extra(tp, r, shift_s, VNX_LOAD_LOST, r->lost < 0 ? 0 : r->lost);
			continue;
		}
		ret = add_extra(tp, r, shift_s, VNX_LOAD_RETRANS, r->retrans);
		if (!ret && segment > 0)
			ret = add_extra(tp, r, shift_s, VNX_LOAD_CWND, r->cwnd_bytes / segment);
		if (!ret)
			ret = add_extra(tp, r, shift_s, VNX_LOAD_RTT, r->rtt_us);
	}
	return ret;
}
