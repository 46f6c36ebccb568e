// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several streams of one test whose sum is not told (no [SUM] line, a CSV): what they moved
 * together in each interval. An interval that one of them lacks has no sum.
 */
#include "cli/input/throughput/iperf3.h"

#include <math.h>

#define SAME 0.2 /* of an interval: streams' intervals begin and end together to that */

static int compare_rows(const void *a, const void *b)
{
	const struct iperf_row *x = a, *y = b;

	if (x->omitted != y->omitted)
		return x->omitted ? -1 : 1;
	if (x->start_s != y->start_s)
		return x->start_s > y->start_s ? 1 : -1;
	return (x->line > y->line) - (x->line < y->line);
}

static int compare_streams(const void *a, const void *b)
{
	const struct iperf_row *x = a, *y = b;

	return x->stream != y->stream ? (x->stream > y->stream) - (x->stream < y->stream)
				      : (x->line > y->line) - (x->line < y->line);
}

/*
 * Sorted by stream and line: how many streams. Where one of them goes back in time for the second
 * time, that is told as trouble; once is how an aborted test ends: it prints its last interval
 * twice.
 */
static size_t look_at_streams(struct iperf_run *run, const struct iperf_rows *rows)
{
	size_t streams = 0, back = 0;
	double prev_end = 0;

	for (size_t i = 0; i < rows->n; i++) {
		const struct iperf_row *r = &rows->v[i], *prev = i ? r - 1 : r;
		bool first = !i || r->stream != prev->stream;

		streams += first;
		back = first ? 0 : back;
		if (first || r->omitted != prev->omitted)
			prev_end = -INFINITY;
		if (r->start_s < prev_end - SAME * (r->end_s - r->start_s) && ++back == 2 &&
		    !run->trouble) {
			run->trouble =
				"one stream's intervals begin anew: this is more than one test";
			run->trouble_line = r->line;
		}
		prev_end = fmax(prev_end, r->end_s);
	}
	return streams;
}

static bool together(const struct iperf_row *a, const struct iperf_row *b)
{
	double slack = SAME * (a->end_s - a->start_s);

	return a->omitted == b->omitted && fabs(a->start_s - b->start_s) <= slack &&
	       fabs(a->end_s - b->end_s) <= slack;
}

static void add_stream(struct iperf_row *sum, const struct iperf_row *r)
{
	sum->bytes += r->bytes;
	sum->retrans += r->retrans;
	sum->cwnd_bytes += r->cwnd_bytes;
	sum->rtt_us += r->rtt_us;
	sum->lost += r->lost;
	sum->precision = fmax(sum->precision, r->precision);
	sum->inconsistent |= r->inconsistent;
	sum->arrival_ns = r->arrival_ns > sum->arrival_ns ? r->arrival_ns : sum->arrival_ns;
}

/* Makes one row of each interval, in place; returns how many lack a stream. */
static size_t sum_rows(struct iperf_rows *rows, size_t streams)
{
	size_t kept = 0, partial = 0;

	for (size_t i = 0, to; i < rows->n; i = to) {
		struct iperf_row sum = rows->v[i];

		for (to = i + 1; to < rows->n && together(&rows->v[i], &rows->v[to]); to++)
			add_stream(&sum, &rows->v[to]);
		sum.rtt_us /= (double)(to - i);
		sum.stream = 0;
		if (to - i != streams) {
			sum.bytes = NAN;
			partial++;
		}
		rows->v[kept++] = sum;
	}
	rows->n = kept;
	return partial;
}

void iperf_rows_check(struct iperf_run *run, const struct iperf_rows *rows)
{
	look_at_streams(run, rows);
}

void iperf_rows_sum(struct iperf_run *run, struct iperf_rows *rows)
{
	size_t streams, partial;

	if (!rows->n)
		return;
	qsort(rows->v, rows->n, sizeof(*rows->v), compare_streams);
	streams = look_at_streams(run, rows);
	if (streams == 1)
		return;
	qsort(rows->v, rows->n, sizeof(*rows->v), compare_rows);
	partial = sum_rows(rows, streams);
	if (2 * partial > rows->n && !run->trouble) {
		run->trouble = "its streams' intervals do not fit each other, so they have no sum";
		run->trouble_line = rows->v[0].line;
	}
}

bool iperf_rows_ended_by(const struct iperf_rows *rows, const struct iperf_row *r)
{
	bool begun = false;

	if (r->start_s > 0)
		return false;
	for (size_t i = 0; i < rows->n; i++) {
		const struct iperf_row *x = &rows->v[i];

		if (x->stream != r->stream || x->omitted)
			continue;
		begun |= x->start_s <= 0;
		if (x->end_s > r->end_s + SAME * (x->end_s - x->start_s))
			return false;
	}
	return begun;
}
