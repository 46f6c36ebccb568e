// SPDX-License-Identifier: GPL-2.0-only
/*
 * From iperf's tests, as its JSON, text or CSV told them, to intervals on one clock.
 *
 * Which side: what the receiver saw. With --get-server-output the server's intervals are taken
 * where they are the receiver's and no coarser than the client's (an interval of 1 s says
 * nothing of bins of 0.5 s). They count from the server's own zero, of which no line tells
 * when it was; both sides start the test at one word of the control connection, so the
 * client's zero serves, with OTHER_SIDE_S more of uncertainty.
 *
 * Several tests in one output (a script, a server's file, two clients): those of one direction are
 * put on the first one's clock by their arrival stamps, else by their start.timestamp. What then
 * overlaps becomes a flow of its own (tp->peers), for vnx_throughput_join() to sum. Where there is
 * neither, nobody knows whether they ran at once: one of them alone may be a part of what was
 * moved, so the output is refused.
 */
#include "cli/input/throughput/iperf3.h"

#include <math.h>

/* start.timestamp is cut to whole seconds before 3.20, to milliseconds since: two of them */
#define APART_S 1.0
#define APART_MS_S 0.001
#define LONGEST_APART_S 1e7
#define TOUCH_S 0.5 /* less of common time is the end of one and the start of the next */

/* Stamps */

static int stamps_of(const struct iperf_run *run, struct vnx_throughput *tp)
{
	const struct iperf_rows *rows = run->rows.n ? &run->rows : &run->reverse;
	VNX_CLEANUP_FREE int64_t *lag = malloc((rows->n + 1) * sizeof(*lag));
	size_t n = 0;

	if (!lag)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++) {
		const struct iperf_row *r = &rows->v[i];

		if (r->arrival_ns && r->arrival_ns <= INT64_MAX && !r->omitted && r->end_s > 0 &&
		    r->end_s < 1e7)
			lag[n++] = (int64_t)r->arrival_ns - llround(r->end_s * 1e9);
	}
	vnx_throughput_stamps(tp, lag, n, run->resolution_s);
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

	free(tp->source);
	tp->source = vnx_asprintf("iperf%d%s", run->iperf2 ? 2 : 3,
				  run->any_side                  ? ""
				  : view->side == IPERF_RECEIVER ? "-receiver"
								 : "-sender");
	tp->is_reverse = run->is_reverse;
	tp->asked_bps = run->asked_bps;
	tp->timestamp_s = run->local_time ? NAN : run->timestamp_s;
	tp->has_ms = run->has_ms;
	tp->omit_s = run->omit_s;
	tp->resolution_s = view->resolution_s;
	tp->other_side = view != run;
	memcpy(tp->cookie, run->cookie, sizeof(tp->cookie));
	return tp->source ? stamps_of(run, tp) : -ENOMEM;
}

/* Where @run's zero stands behind that of @first, by their own stamps; false: not known. */
static bool apart(const struct vnx_throughput *tp, const struct iperf_run *first,
		  const struct iperf_run *run, double *shift_s)
{
	*shift_s = (run->timestamp_s + run->omit_s) - (first->timestamp_s + first->omit_s);
	return !tp->stamps.n && *shift_s >= 0 && *shift_s < LONGEST_APART_S;
}

/* The better view's intervals; beside them each side tells what only it can know. */
static int apply(const struct iperf_run *run, double shift_s, struct vnx_throughput *tp)
{
	int ret = iperf_rules_apply(better_view(run), shift_s, tp);

	if (!ret)
		ret = iperf_rules_extras(run, shift_s, NAN, tp);
	if (!ret && run->server && run->server->side != run->side)
		ret = iperf_rules_extras(run->server, shift_s, run->mss, tp);
	return ret;
}

/* Do the rows of @run, moved by @shift_s, begin before what @tp has is over? */
static bool begins_within(const struct vnx_throughput *tp, const struct iperf_run *run,
			  double shift_s)
{
	const struct iperf_rows *rows = &better_view(run)->rows;
	const struct vnx_interval *last;
	double from = INFINITY;

	if (!tp->intervals.n)
		return false;
	last = &tp->intervals.v[tp->intervals.n - 1];
	for (size_t i = 0; i < rows->n; i++)
		if (!rows->v[i].omitted && rows->v[i].end_s > rows->v[i].start_s)
			from = fmin(from, rows->v[i].start_s + shift_s);
	return last->end_s - from >= fmin(TOUCH_S, last->end_s - last->start_s);
}

/* ... which is then a flow of its own, on the same clock. */
static int add_peer(struct vnx_throughput *tp, const struct iperf_run *run, double shift_s)
{
	struct vnx_throughput *peer = vnx_throughput_new("");
	int ret = peer ? describe(peer, run) : -ENOMEM;

	if (!ret)
		ret = apply(run, shift_s, peer);
	if (!ret && peer->intervals.n)
		ret = vnx_vec_push(&tp->peers, peer);
	if (ret || !peer->intervals.n)
		vnx_throughput_free(peer);
	return ret;
}

static int add_on_clock(struct vnx_throughput *tp, const struct iperf_run *run, double shift_s)
{
	return tp->peers.n || begins_within(tp, run, shift_s) ? add_peer(tp, run, shift_s)
							      : apply(run, shift_s, tp);
}

/* A further test of the same output, on the clock of the first one; *done: it could be. */
static int add_further(struct vnx_throughput *tp, const struct iperf_run *first,
		       const struct iperf_run *run, bool *done)
{
	struct vnx_throughput own = { 0 };
	double shift_s;
	int ret = stamps_of(run, &own);

	*done = ret || apart(tp, first, run, &shift_s);
	if (ret)
		return ret;
	if (*done) {
		tp->slack_s =
			fmax(tp->slack_s, first->has_ms && run->has_ms ? APART_MS_S : APART_S);
		return add_on_clock(tp, run, shift_s);
	}
	*done = own.stamps.n > 0;
	if (!own.stamps.n)
		return 0;
	tp->stamps.uncertainty_s = fmax(tp->stamps.uncertainty_s, own.stamps.uncertainty_s);
	return add_on_clock(tp, run,
			    ((double)own.stamps.zero_ns - (double)tp->stamps.zero_ns) / 1e9);
}

/*
 * The test that the others are put behind: of those that are stamped the first, else the one that
 * began first, wherever it stands.
 */
static const struct iperf_run *choose_first(const struct vnx_throughput *tp,
					    const struct iperf_runs *runs,
					    const struct iperf_run *main)
{
	const struct iperf_run *best = main;

	for (size_t i = 0; i < runs->n; i++) {
		const struct iperf_run *run = &runs->v[i];

		if (!size_of(run) || run->is_reverse != main->is_reverse)
			continue;
		if (tp->stamps.n
			    ? run < best
			    : run->timestamp_s + run->omit_s < best->timestamp_s + best->omit_s)
			best = run;
	}
	return best;
}

/* --json-stream-full-output tells the whole test once more at its end; a list may, of each. */
static bool is_repeated(const struct iperf_runs *runs, const struct iperf_run *run,
			const struct iperf_run *first)
{
	if (!run->cookie[0])
		return false;
	for (const struct iperf_run *other = runs->v; other < run; other++)
		if (size_of(other) && !strcmp(run->cookie, other->cookie))
			return true;
	return !strcmp(run->cookie, first->cookie);
}

/* "line 7: ", "" where it is not known; returns @buf. */
static const char *at_line(size_t line, char *buf, size_t size)
{
	*buf = 0;
	if (line)
		snprintf(buf, size, "line %zu: ", line);
	return buf;
}

/* What makes the rows of a test unusable, in a sentence. */
static int refuse_trouble(const struct iperf_runs *runs, struct vnx_err *err)
{
	for (size_t i = 0; i < runs->n; i++) {
		char where[32];

		if (!runs->v[i].trouble)
			continue;
		vnx_err_hint(err, "Give each test as a file of its own: --throughput A "
				  "--throughput B; what ran at once is summed.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "mixed-tests", "%s%s",
				   at_line(runs->v[i].trouble_line, where, sizeof(where)),
				   runs->v[i].trouble);
	}
	return 0;
}

static int refuse_unplaced(const struct iperf_run *run, struct vnx_err *err)
{
	char where[32];

	at_line(run->rows.n ? run->rows.v[0].line : 0, where, sizeof(where));
	vnx_err_hint(err,
		     "Give each test as a file of its own: --throughput A --throughput B; what "
		     "ran at once is summed. Or have times printed: iperf3 -J, iperf3 -V.");
	return vnx_err_set(
		err, -EINVAL, VNX_EXIT_FAILED, "mixed-tests",
		"%sthis is more than one test, and nothing tells %s: one of them alone may "
		"be a part of what was moved",
		where,
		run->mixed ? "how far apart they began"
			   : "whether they ran at once or one after the other");
}

/*
 * 0 with *left_out for what goes the other way; -EINVAL where a test cannot be placed. A live
 * load's lines are stamped, so there each can.
 */
static int add_others(struct vnx_throughput *tp, const struct iperf_runs *runs,
		      const struct iperf_run *first, size_t *left_out, struct vnx_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < runs->n && !ret; i++) {
		const struct iperf_run *run = &runs->v[i];
		bool done = false;

		if (run == first || !size_of(run) || is_repeated(runs, run, first))
			continue;
		if (run->is_reverse != first->is_reverse) {
			++*left_out;
			continue;
		}
		ret = add_further(tp, first, run, &done);
		if (!ret && !done)
			ret = refuse_unplaced(run, err);
	}
	return ret;
}

static int add_runs(struct vnx_throughput *tp, const struct iperf_runs *runs, struct vnx_err *err)
{
	const struct iperf_run *main = longest(runs), *first;
	size_t left_out = 0;
	int ret = refuse_trouble(runs, err);

	if (!ret)
		ret = describe(tp, main);
	first = ret ? main : choose_first(tp, runs, main);
	if (first != main)
		ret = describe(tp, first);
	if (!ret)
		ret = apply(first, 0, tp);
	if (!ret)
		ret = add_others(tp, runs, first, &left_out, err);
	if (!ret && left_out)
		ret = vnx_throughput_warn(tp, "%zu further test%s the other way left out", left_out,
					  left_out > 1 ? "s" : "");
	return ret;
}

static int add_warnings(struct vnx_throughput *tp, const struct iperf_runs *runs)
{
	int ret = 0;

	for (size_t i = 0; i < runs->n && !ret; i++) {
		if (runs->v[i].error)
			ret = vnx_throughput_warn(tp, "iperf3 reported: %s", runs->v[i].error);
		if (!ret && runs->v[i].interrupted)
			ret = runs->v[i].broken_line
				      ? vnx_throughput_warn(tp, "the output breaks off in line %zu",
							    runs->v[i].broken_line)
				      : vnx_throughput_warn(tp, "the output breaks off");
	}
	if (!ret && !tp->intervals.n && !tp->reverse.n)
		ret = vnx_throughput_warn(tp, "it holds no interval that can be used");
	return ret;
}

static int build(const struct iperf_runs *runs, const struct vnx_load_lines *lines,
		 struct vnx_throughput **out, struct vnx_err *err)
{
	struct vnx_throughput *tp = vnx_throughput_new("");
	int ret;

	if (!tp)
		return -ENOMEM;
	ret = add_runs(tp, runs, err);
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

/* One way from lines to a result for both forms. */
static int parse_form(const struct vnx_load_lines *lines,
		      int (*form)(const struct vnx_load_lines *, struct iperf_runs *),
		      struct vnx_throughput **out, struct vnx_err *err)
{
	struct iperf_runs runs = { 0 };
	int ret = form(lines, &runs);

	if (!ret)
		ret = runs.n ? build(&runs, lines, out, err) : -ENOENT;
	iperf_runs_fini(&runs);
	return ret;
}

static int json_probe(const struct vnx_load_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		if (strchr(lines->v[i].text, '{'))
			return 60;
	return 0;
}

static int json_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		      struct vnx_err *err)
{
	return parse_form(lines, iperf_json_parse, out, err);
}

static int text_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		      struct vnx_err *err)
{
	return parse_form(lines, iperf_text_parse, out, err);
}

static int csv_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		     struct vnx_err *err)
{
	return parse_form(lines, iperf_csv_parse, out, err);
}

/* JSON before text: a document may hold the server's text. */
const struct vnx_load_format vnx_load_iperf3_json = {
	.name = "iperf3 JSON and JSON stream",
	.probe = json_probe,
	.parse = json_parse,
};

const struct vnx_load_format vnx_load_iperf3_text = {
	.name = "iperf3 and iperf2 text",
	.probe = iperf_text_probe,
	.parse = text_parse,
};

const struct vnx_load_format vnx_load_iperf2_csv = {
	.name = "iperf2 -y C",
	.probe = iperf_csv_probe,
	.parse = csv_parse,
};
