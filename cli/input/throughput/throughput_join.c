// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several flows, of several --throughput files or of one, all put on the trace's clock before. The
 * rule:
 *
 * 1. Two files with the same iperf3 cookie are two views of one flow: the receiver's is taken
 *    (of equals the one with more intervals), and what only the other side can tell beside the
 *    bytes is taken from that one.
 * 2. What could not be put on the trace's clock, and what goes the other way than the first
 *    flow that could, is left out.
 * 3. Flows that share at least OVERLAP_MIN of the longer one's time ran at once as one run with
 *    several clients: they are summed. But a sender's and a receiver's view may be of one flow,
 *    unless cookies tell that they are not: then the receivers' stay and the senders' go.
 * 4. Flows that do not touch in time follow one another in one series.
 * 5. What overlaps otherwise is not one run: the longer stays, the other is left out.
 *
 * All of that is told in the note.
 */
#include "cli/input/throughput/throughput_format.h"

#include <math.h>

#define OVERLAP_MIN 0.8
#define TOUCH_S 0.5 /* less of common time is the end of one and the start of the next */

struct flows {
	struct vnx_throughput **v;
	size_t n;
	bool *out; /* left out */
};

static double start_of(const struct vnx_throughput *tp)
{
	return (double)tp->zero_ns / 1e9 + tp->intervals.v[0].start_s;
}

static double end_of(const struct vnx_throughput *tp)
{
	return (double)tp->zero_ns / 1e9 + tp->intervals.v[tp->intervals.n - 1].end_s;
}

static double length_of(const struct vnx_throughput *tp)
{
	return end_of(tp) - start_of(tp);
}

/* Common time in seconds; negative: how far apart. */
static double common_s(const struct vnx_throughput *a, const struct vnx_throughput *b)
{
	return fmin(end_of(a), end_of(b)) - fmax(start_of(a), start_of(b));
}

static bool is_receiver(const struct vnx_throughput *tp)
{
	const char *dash = strrchr(tp->source, '-');

	return dash && !strcmp(dash, "-receiver");
}

static bool is_sender(const struct vnx_throughput *tp)
{
	const char *dash = strrchr(tp->source, '-');

	return dash && !strcmp(dash, "-sender");
}

static bool same_test(const struct vnx_throughput *a, const struct vnx_throughput *b)
{
	return a->cookie[0] && !strcmp(a->cookie, b->cookie);
}

static const char *name_of(const struct vnx_throughput *tp)
{
	return tp->path ? tp->path : tp->source;
}

static int leave_out(struct flows *f, size_t i, struct vnx_throughput *head, const char *why)
{
	f->out[i] = true;
	return vnx_throughput_note(head, "%.120s left out: %s", name_of(f->v[i]), why);
}

static bool better_view(const struct vnx_throughput *a, const struct vnx_throughput *b)
{
	if (is_receiver(a) != is_receiver(b))
		return is_receiver(a);
	return a->intervals.n >= b->intervals.n;
}

static bool tells(const struct vnx_throughput *tp, enum vnx_metric metric)
{
	for (size_t i = 0; i < tp->extras.n; i++)
		if (tp->extras.v[i].metric == metric)
			return true;
	return false;
}

/* Where only one of them is placed, both zeros are taken for one: it is one test. */
static int take_extras(struct vnx_throughput *kept, const struct vnx_throughput *other)
{
	bool placed = kept->method != VNX_ALIGN_NONE && other->method != VNX_ALIGN_NONE;
	double shift_s = placed ? ((double)other->zero_ns - (double)kept->zero_ns) / 1e9 : 0;
	bool has[VNX_METRIC_MAX];

	for (int m = 0; m < VNX_METRIC_MAX; m++)
		has[m] = tells(kept, (enum vnx_metric)m);
	for (size_t i = 0; i < other->extras.n; i++) {
		struct vnx_extra x = other->extras.v[i];

		x.start_s += shift_s;
		x.end_s += shift_s;
		if (!has[x.metric] && vnx_vec_push(&kept->extras, x))
			return -ENOMEM;
	}
	return 0;
}

/* Rule 1. */
static int drop_second_views(struct flows *f, struct vnx_throughput *head)
{
	int ret = 0;

	for (size_t i = 0; i < f->n && !ret; i++)
		for (size_t j = i + 1; j < f->n && !ret && !f->out[i]; j++) {
			bool first;

			if (f->out[j] || !same_test(f->v[i], f->v[j]))
				continue;
			first = better_view(f->v[i], f->v[j]);
			ret = leave_out(f, first ? j : i, head,
					"another view of a flow that is there");
			if (!ret)
				ret = take_extras(f->v[first ? i : j], f->v[first ? j : i]);
		}
	return ret;
}

/* Rule 2, and what measures latency. */
static int drop_unplaced(struct flows *f, struct vnx_throughput *head)
{
	const struct vnx_throughput *first = NULL;
	int ret = 0;

	for (size_t i = 0; i < f->n && !ret; i++) {
		struct vnx_throughput *tp = f->v[i];

		if (f->out[i])
			continue;
		if (tp->latency.n)
			ret = leave_out(f, i, head, tp->note ? tp->note : "latency");
		else if (!tp->intervals.n)
			ret = leave_out(f, i, head, "no intervals");
		else if (tp->method == VNX_ALIGN_NONE)
			ret = leave_out(f, i, head,
					"nothing tells where it stands on the trace's clock");
		else if (first && tp->is_reverse != first->is_reverse)
			ret = leave_out(f, i, head, "it goes the other way");
		else if (!first)
			first = tp;
	}
	return ret;
}

static bool ran_at_once(const struct vnx_throughput *a, const struct vnx_throughput *b)
{
	return common_s(a, b) >= OVERLAP_MIN * fmax(length_of(a), length_of(b));
}

/* May both be views of one flow? */
static bool may_be_one(const struct vnx_throughput *a, const struct vnx_throughput *b)
{
	return (!a->cookie[0] || !b->cookie[0]) &&
	       ((is_sender(a) && is_receiver(b)) || (is_receiver(a) && is_sender(b)));
}

/* Rules 3 to 5 for one pair; *out: which of the two goes (0 none, 1 first, 2 second). */
static const char *clash(const struct vnx_throughput *a, const struct vnx_throughput *b, int *out)
{
	double common = common_s(a, b);

	*out = 0;
	if (common < TOUCH_S && common < 0.5 * fmin(length_of(a), length_of(b)))
		return NULL;
	if (ran_at_once(a, b)) {
		if (!may_be_one(a, b))
			return NULL;
		*out = is_receiver(a) ? 2 : 1;
		return "it may be the sender's view of a flow that is there";
	}
	*out = length_of(a) >= length_of(b) ? 2 : 1;
	return "it overlaps another flow but did not run with it";
}

static int drop_clashes(struct flows *f, struct vnx_throughput *head)
{
	int ret = 0;

	for (size_t i = 0; i < f->n && !ret; i++)
		for (size_t j = i + 1; j < f->n && !ret && !f->out[i]; j++) {
			const char *why;
			int which;

			if (f->out[j])
				continue;
			why = clash(f->v[i], f->v[j], &which);
			if (which)
				ret = leave_out(f, which == 1 ? i : j, head, why);
		}
	return ret;
}

/* Numbers the runs; returns how many flows the biggest one has. */
static size_t make_groups(struct flows *f, unsigned *groups)
{
	size_t most = 0;

	*groups = 0;
	for (size_t i = 0; i < f->n; i++) {
		size_t members = 1;
		bool found = false;

		if (f->out[i])
			continue;
		for (size_t j = 0; j < i; j++) {
			if (f->out[j] || !ran_at_once(f->v[i], f->v[j]))
				continue;
			members += 1;
			f->v[i]->group = f->v[j]->group;
			found = true;
		}
		if (!found)
			f->v[i]->group = (*groups)++;
		most = members > most ? members : most;
	}
	return most;
}

/* Moves the flows that stay under the first of them. */
static int gather(struct flows *f, struct vnx_throughput *head)
{
	for (size_t i = 0; i < f->n; i++) {
		struct vnx_throughput *tp = f->v[i];

		if (tp == head || f->out[i])
			continue;
		if (tp->warning &&
		    vnx_throughput_warn(head, "%.100s: %.140s", name_of(tp), tp->warning))
			return -ENOMEM;
		head->uncertainty_s = fmax(head->uncertainty_s, tp->uncertainty_s);
		head->dropped += tp->dropped;
		head->precision = fmax(head->precision, tp->precision);
		if (vnx_vec_push(&head->peers, tp))
			return -ENOMEM;
		f->v[i] = NULL;
	}
	return 0;
}

static int join(struct flows *f, struct vnx_throughput *head, size_t *first)
{
	size_t kept = 0, at_once;
	unsigned groups;
	int ret = drop_second_views(f, head);

	if (!ret)
		ret = drop_unplaced(f, head);
	if (!ret)
		ret = drop_clashes(f, head);
	for (size_t i = f->n; i-- > 0;) {
		kept += !f->out[i];
		*first = f->out[i] ? *first : i;
	}
	at_once = make_groups(f, &groups);
	if (!ret && at_once > 1)
		ret = vnx_throughput_note(head, "sum of %zu flows that ran at once", at_once);
	if (!ret && groups > 1)
		ret = vnx_throughput_note(head, "%u runs one after the other", groups);
	return ret;
}

/* Puts @note behind the flow's own, whole. */
static int take_note(struct vnx_throughput *tp, const char *note)
{
	char *both;

	if (!note)
		return 0;
	both = vnx_asprintf("%s%s%s", tp->note ? tp->note : "", tp->note ? "; " : "", note);
	if (!both)
		return -ENOMEM;
	free(tp->note);
	tp->note = both;
	return 0;
}

/* All flows in one list: those of v[0..n), each followed by its peers. -ENOMEM: nothing moved. */
static int flatten(struct vnx_throughput **v, size_t n, struct flows *f)
{
	size_t all = n;

	for (size_t i = 0; i < n; i++)
		all += v[i]->peers.n;
	*f = (struct flows){ .v = calloc(all + 1, sizeof(struct vnx_throughput *)),
			     .out = calloc(all + 1, sizeof(bool)) };
	if (!f->v || !f->out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct vnx_throughput *tp = v[i];

		f->v[f->n++] = tp;
		for (size_t k = 0; k < tp->peers.n; k++)
			f->v[f->n++] = tp->peers.v[k];
		tp->peers.n = 0;
		v[i] = NULL;
	}
	return 0;
}

int vnx_throughput_join(struct vnx_throughput **v, size_t n, struct vnx_throughput **out)
{
	struct vnx_throughput notes = { 0 };
	struct flows f;
	size_t first = 0;
	int ret = flatten(v, n, &f);

	*out = NULL;
	if (!ret && f.n > 1)
		ret = join(&f, &notes, &first);
	if (!ret && f.n) {
		*out = f.v[first];
		ret = take_note(*out, notes.note);
		if (!ret && !f.out[first])
			ret = gather(&f, *out);
		f.v[first] = NULL;
	}
	for (size_t i = 0; i < f.n; i++)
		vnx_throughput_free(f.v[i]);
	for (size_t i = 0; i < n; i++) {
		vnx_throughput_free(v[i]);
		v[i] = NULL;
	}
	free(notes.note);
	free(f.out);
	free(f.v);
	if (ret) {
		vnx_throughput_free(*out);
		*out = NULL;
	}
	return ret;
}
