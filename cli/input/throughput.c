// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a load generator's output to intervals on one clock of the generator.
 *
 * Which side: what the receiver saw. With --get-server-output the server's intervals are taken
 * where they are the receiver's and no coarser than the client's (an interval of 1 s says
 * nothing of bins of 0.5 s). They count from the server's own zero, of which no line tells
 * when it was; both sides start the test at one word of the control connection, so the
 * client's zero serves, with OTHER_SIDE_S more of uncertainty.
 *
 * Several tests in one output (a script): those of one direction are put on the first one's
 * clock by their arrival stamps; without stamps the longest alone is taken.
 */
#include "cli/input/iperf3.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (256u << 20)
/* kernel.md: the minimum finds the zero within 0.3 ms on a contended host */
#define STAMP_FLOOR_S 0.0003
/* one line alone: single lines were up to 1.8 s late */
#define ONE_STAMP_S 1.8

/* Life */

void vnx_throughput_free(struct vnx_throughput *tp)
{
	if (!tp)
		return;
	free(tp->source);
	free(tp->warning);
	free(tp->intervals.v);
	free(tp->reverse.v);
	free(tp);
}

int iperf_warn(struct vnx_throughput *tp, const char *fmt, ...)
{
	char text[256], *joined;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (tp->warning && strstr(tp->warning, text))
		return 0;
	joined = vnx_asprintf("%s%s%s", tp->warning ? tp->warning : "", tp->warning ? "; " : "",
			      text);
	if (!joined)
		return -ENOMEM;
	free(tp->warning);
	tp->warning = joined;
	return 0;
}

/* Stamps */

static int compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * A line can be late, never early: the smallest arrival - end is nearest the zero. How near
 * shows in how far the next two are from it: lines that came on time lie together; lines
 * that a buffer held back lie whole intervals apart.
 */
static int stamps_of(const struct iperf_run *run, struct vnx_throughput *tp)
{
	const struct iperf_rows *rows = run->rows.n ? &run->rows : &run->reverse;
	VNX_CLEANUP_FREE int64_t *lag = malloc((rows->n + 1) * sizeof(*lag));
	double spread_s;
	size_t n = 0;

	if (!lag)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++) {
		const struct iperf_row *r = &rows->v[i];

		if (r->arrival_ns && r->arrival_ns <= INT64_MAX && !r->omitted && r->end_s > 0 &&
		    r->end_s < 1e7)
			lag[n++] = (int64_t)r->arrival_ns - llround(r->end_s * 1e9);
	}
	qsort(lag, n, sizeof(*lag), compare_i64);
	tp->stamps.n = n && lag[0] > 0 ? n : 0;
	if (!tp->stamps.n)
		return 0;
	spread_s = n == 1 ? ONE_STAMP_S : (double)(lag[n > 2 ? 2 : 1] - lag[0]) / 1e9;
	tp->stamps.zero_ns = (uint64_t)lag[0];
	/* A time printed as 0.50 is anything up to 5 ms beside it. */
	tp->stamps.uncertainty_s = fmax(STAMP_FLOOR_S, spread_s) + run->resolution_s / 2;
	return 0;
}

/* Choice */

static size_t size_of(const struct iperf_run *run)
{
	return run->rows.n + run->reverse.n;
}

static const struct iperf_run *longest(const struct iperf_runs *runs)
{
	const struct iperf_run *best = NULL;

	for (size_t i = 0; i < runs->n; i++)
		if (!best || size_of(&runs->v[i]) > size_of(best))
			best = &runs->v[i];
	return best;
}

/* The view of @run to be used: its own, or the server's. */
static const struct iperf_run *better_view(const struct iperf_run *run)
{
	const struct iperf_run *server = run->server;

	if (!server || run->side != IPERF_SENDER || server->side != IPERF_RECEIVER)
		return run;
	return iperf_rows_nominal(&server->rows) <= 1.1 * iperf_rows_nominal(&run->rows) ? server
											 : run;
}

static int describe(struct vnx_throughput *tp, const struct iperf_run *run)
{
	const struct iperf_run *view = better_view(run);

	tp->source = strdup(view->side == IPERF_RECEIVER ? "iperf3-receiver" : "iperf3-sender");
	tp->is_reverse = run->is_reverse;
	tp->timestamp_s = run->timestamp_s;
	tp->has_ms = run->has_ms;
	tp->omit_s = run->omit_s;
	tp->resolution_s = view->resolution_s;
	tp->other_side = view != run;
	return tp->source ? stamps_of(run, tp) : -ENOMEM;
}

/* A further test of the same output, on the clock of the first one. */
static int add_further(struct vnx_throughput *tp, const struct iperf_run *run)
{
	struct vnx_throughput own = { 0 };
	int ret = stamps_of(run, &own);

	if (ret || !own.stamps.n)
		return ret;
	tp->stamps.uncertainty_s = fmax(tp->stamps.uncertainty_s, own.stamps.uncertainty_s);
	return iperf_rules_apply(better_view(run),
				 ((double)own.stamps.zero_ns - (double)tp->stamps.zero_ns) / 1e9,
				 tp);
}

static int add_runs(struct vnx_throughput *tp, const struct iperf_runs *runs)
{
	const struct iperf_run *main = longest(runs), *first = main;
	size_t left_out = 0;
	int ret;

	ret = describe(tp, main);
	if (!ret && tp->stamps.n) {
		for (first = runs->v; first != main; first++)
			if (size_of(first) && first->is_reverse == main->is_reverse)
				break;
		if (first != main) {
			free(tp->source);
			ret = describe(tp, first);
		}
	}
	if (!ret)
		ret = iperf_rules_apply(better_view(first), 0, tp);
	for (size_t i = 0; i < runs->n && !ret; i++) {
		const struct iperf_run *run = &runs->v[i];

		if (run == first || !size_of(run))
			continue;
		if (run > first && tp->stamps.n && run->is_reverse == first->is_reverse)
			ret = add_further(tp, run);
		else
			left_out++;
	}
	if (!ret && left_out)
		ret = iperf_warn(tp, "%zu further test%s in the output left out", left_out,
				 left_out > 1 ? "s" : "");
	return ret;
}

static int add_warnings(struct vnx_throughput *tp, const struct iperf_runs *runs)
{
	int ret = 0;

	for (size_t i = 0; i < runs->n && !ret; i++) {
		if (runs->v[i].error)
			ret = iperf_warn(tp, "iperf3 reported: %s", runs->v[i].error);
		if (!ret && runs->v[i].interrupted)
			ret = iperf_warn(tp, "the output breaks off");
	}
	if (!ret && !tp->intervals.n && !tp->reverse.n)
		ret = iperf_warn(tp, "it holds no interval that can be used");
	return ret;
}

static int build(const struct iperf_runs *runs, const struct vnx_load_lines *lines,
		 struct vnx_throughput **out)
{
	struct vnx_throughput *tp = calloc(1, sizeof(*tp));
	int ret;

	if (!tp)
		return -ENOMEM;
	tp->uncertainty_s = tp->offset_s = NAN;
	ret = add_runs(tp, runs);
	if (!ret)
		ret = add_warnings(tp, runs);
	tp->stamps.first_ns = lines->n ? lines->v[0].arrival_ns : 0;
	if (ret) {
		vnx_throughput_free(tp);
		return ret;
	}
	*out = tp;
	return 0;
}

/**
 * vnx_throughput_parse() - recognises what a load printed.
 *
 * Also 0 where a test was recognised that has no interval (refused, -i 0): intervals.n is 0
 * then and tp->warning says why.
 */
int vnx_throughput_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			 struct vnx_err *err)
{
	struct iperf_runs json = { 0 }, text = { 0 };
	const struct iperf_runs *use = &json;
	int ret = iperf_json_parse(lines, &json);

	*out = NULL;
	if (!ret && (!json.n || !size_of(longest(&json)))) {
		ret = iperf_text_parse(lines, &text);
		if (!json.n || (text.n && size_of(longest(&text))))
			use = &text;
	}
	if (!ret)
		ret = use->n ? build(use, lines, out) : -ENOENT;
	if (ret == -ENOMEM)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory",
			    "no memory for the load's output");
	iperf_runs_fini(&json);
	iperf_runs_fini(&text);
	return ret;
}

/* Files */

static int push_text(struct vnx_load_lines *lines, const char *text)
{
	struct vnx_load_line line = { .text = strdup(text) };
	int ret = line.text ? vnx_vec_push(lines, line) : -ENOMEM;

	if (ret)
		free(line.text);
	return ret;
}

static int read_lines(FILE *f, struct vnx_load_lines *lines)
{
	VNX_CLEANUP_FREE char *buf = NULL;
	size_t size = 0, total = 0;
	ssize_t got;

	while ((got = getline(&buf, &size, f)) >= 0) {
		total += (size_t)got;
		if (total > MAX_FILE_BYTES)
			return -EFBIG;
		for (ssize_t i = 0; i < got; i++)
			if (!buf[i])
				buf[i] = ' ';
		while (got && (buf[got - 1] == '\n' || buf[got - 1] == '\r'))
			buf[--got] = 0;
		if (push_text(lines, buf))
			return -ENOMEM;
	}
	return ferror(f) ? -EIO : 0;
}

static int open_text(const char *path, FILE **out, struct vnx_err *err)
{
	struct stat sb;

	*out = NULL;
	if (stat(path, &sb))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	/* A pipe is welcome: --throughput <(ssh ...). */
	if (S_ISDIR(sb.st_mode) || S_ISCHR(sb.st_mode) || S_ISBLK(sb.st_mode))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
				   "%s is %s, not a load generator's output", path,
				   S_ISDIR(sb.st_mode) ? "a folder" : "a device");
	*out = fopen(path, "re");
	if (!*out)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	return 0;
}

static int unknown_output(const char *path, bool empty, struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, empty ? "empty-file" : "unknown-format",
		    empty ? "%s is empty"
			  : "%s is no load generator's output known here (known: iperf3 text, "
			    "JSON, JSON stream)",
		    path);
	vnx_err_hint(err, "iperf3 -c HOST -i 0.5 -J > FILE makes one");
	return empty ? -ENODATA : -ENOMSG;
}

/**
 * vnx_throughput_read_file() - vnx_throughput_parse() of a file.
 *
 * Errors, each with a sentence: -ENOMSG not recognised, -ENODATA empty or without a usable
 * interval, -EFBIG, -EINVAL folder or device, -ENOENT, -EACCES, -ENOMEM.
 */
int vnx_throughput_read_file(const char *path, struct vnx_throughput **out, struct vnx_err *err)
{
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	struct vnx_load_lines lines = { 0 };
	int ret = open_text(path, &f, err);

	*out = NULL;
	if (ret)
		return ret;
	ret = read_lines(f, &lines);
	if (ret) {
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "cannot-read", "cannot read %s: %s", path,
			    strerror(-ret));
		goto out;
	}
	ret = vnx_throughput_parse(&lines, out, err);
	if (ret == -ENOENT)
		ret = unknown_output(path, !lines.n, err);
	if (!ret && !(*out)->intervals.n && !(*out)->reverse.n) {
		ret = vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-intervals", "%s: %s", path,
				  (*out)->warning);
		vnx_throughput_free(*out);
		*out = NULL;
	}
out:
	vnx_load_lines_fini(&lines);
	return ret;
}
