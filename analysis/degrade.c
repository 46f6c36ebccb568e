// SPDX-License-Identifier: GPL-2.0-only
/*
 * From changes of level to degradations: which falls count, how long they last, what the
 * other series did meanwhile.
 */
#include "analysis/diagnose_parts.h"
#include "analysis/witness.h"

#include <math.h>

#define RECOVERED_LOSS 0.25 /* a level that lacks at most this share of the loss has recovered */

#define BURST_S 10     /* a rise that lasts no longer is a burst ... */
#define BURST_REST 3   /* ... where what was before it lasted this many times as long */
#define BURST_LACK 0.1 /* a level that lacks at most this share of that is no less */

#define EXACT_BINS 60 /* how long after its start a fall's detection is looked for bin by bin */
#define LOOK_BACK 600 /* bins before a fall that its detection is judged by */

/* A low alarm of the online detector. */
struct alarm {
	struct vnx_change change;
	size_t raised; /* with this bin */
};

struct alarms {
	struct alarm *v;
	size_t n, cap;
};

/* A fall to be reported: one change, or several that are one ramp or follow at once. */
struct fall {
	size_t first, last; /* of the changes */
	size_t at;          /* first bin */
	size_t down;        /* first bin of the level after */
	bool ramp;          /* gradual */
	double uncertainty; /* bins */
	double slack;       /* bins: of the step it begins with, when others are set against it */
	double before, after, p;
};

static struct vnx_change_conf change_conf(const struct vnx_case *c)
{
	return (struct vnx_change_conf){ c->conf->min_bins, c->conf->min_effect, VNX_P_MAX };
}

/* What does harm when it rises: the metrics that causes are told by. */
static const enum vnx_metric harms[] = {
	VNX_VHOST_RUNQ_WAIT, VNX_VHOST_THROTTLED,  VNX_VCPU_RUNQ_WAIT,  VNX_VCPU_THROTTLED,
	VNX_VHOST_RUN,       VNX_QDISC_OVERLIMITS, VNX_QDISC_DROPS,     VNX_QDISC_BACKLOG,
	VNX_LOAD_RECVQ,      VNX_LOAD_STOPPED,     VNX_LOAD_RWND,       VNX_LOAD_OOO,
	VNX_LOAD_RETRANS,    VNX_TX_KICK,          VNX_VHOST_WITH_VCPU,
};

/* Those that were measured, into @w; returns how many. */
static size_t witnesses_call(const struct vnx_case *c, struct vnx_witness *w)
{
	size_t n = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(harms); i++) {
		const double *x = c->f->series[harms[i]];

		if (x && vnx_metric_can_move(&c->f->vm, harms[i]))
			w[n++] = (struct vnx_witness){ x,
						       vnx_metric_info(harms[i])->unit == VNX_NS };
	}
	return n;
}

/* Adds to the changes in [from, to), which @out holds alone, the falls that have a witness. */
static int witnessed_add(const struct vnx_case *c, size_t from, size_t to, struct vnx_changes *out)
{
	struct vnx_witness w[VNX_ARRAY_SIZE(harms)];
	size_t n = witnesses_call(c, w);

	for (size_t i = 0; n && i <= out->n;) {
		size_t a = i ? out->v[i - 1].at : from, b = i < out->n ? out->v[i].at : to;
		struct vnx_change fall;
		int ret = vnx_witness_find(c->f->series[VNX_THROUGHPUT], a, b, w, n, VNX_P_MAX,
					   &fall);

		if (ret < 0 || (ret && vnx_vec_push(out, fall)))
			return -ENOMEM;
		if (!ret) {
			i++;
			continue;
		}
		memmove(out->v + i + 1, out->v + i, (out->n - 1 - i) * sizeof(*out->v));
		out->v[i] = fall;
		if (i)
			out->v[i - 1].after = fall.before;
		if (i + 1 < out->n)
			out->v[i + 1].before = fall.after;
	}
	return 0;
}

/* Changes of level within bins [from, to); their places count from bin 0. */
static int changes_find(const struct vnx_case *c, size_t from, size_t to, struct vnx_changes *out)
{
	const struct vnx_change_conf conf = change_conf(c);
	int err = vnx_segment(c->f->series[VNX_THROUGHPUT] + from, to - from, &conf, out);

	for (size_t i = 0; i < out->n; i++)
		out->v[i].at += from;
	return err ? err : witnessed_add(c, from, to, out);
}

/* Low alarms of the online detector over the whole series. */
static int alarms_find(const struct vnx_case *c, struct alarms *out)
{
	const struct vnx_change_conf conf = change_conf(c);
	double per_bin = c->conf->false_alarms_per_day * c->bin_s / 86400;
	const double *y = c->f->series[VNX_THROUGHPUT];
	struct vnx_cusum *cusum = vnx_cusum_new(&conf, fmin(per_bin, 0.5));
	struct alarm a;
	int err = 0;

	if (!cusum)
		return -ENOMEM;
	for (a.raised = 0; !err && a.raised < c->grid->n; a.raised++)
		if (vnx_cusum_push(cusum, y[a.raised], &a.change) &&
		    a.change.after < a.change.before)
			err = vnx_vec_push(out, a);
	vnx_cusum_free(cusum);
	return err;
}

/* Does a change seen at @at, known to @uncertainty, mean this fall? */
static bool means_fall(const struct vnx_case *c, const struct fall *f, size_t at,
		       double uncertainty)
{
	double slack = uncertainty + f->slack + (double)c->conf->min_bins;

	return (double)at >= (double)f->at - slack && (double)at <= (double)f->down + slack;
}

/* The first alarm that means this fall; NULL: none. */
static const struct alarm *alarm_of(const struct vnx_case *c, const struct alarms *alarms,
				    const struct fall *f)
{
	for (size_t i = 0; i < alarms->n; i++)
		if (means_fall(c, f, alarms->v[i].change.at, alarms->v[i].change.uncertainty))
			return &alarms->v[i];
	return NULL;
}

/*
 * Of a load generator every fall counts, it says when it runs. A tap falls silent when a
 * flow ends, and its chatter while idle is no load. @to: where the level after ends. Its
 * first bin may still hold some of the flow, so its median counts where that is less.
 */
static bool is_stop(const struct vnx_case *c, const struct vnx_change *ch, size_t to)
{
	double after;

	if (!c->tap)
		return false;
	after = vnx_median(c->f->series[VNX_THROUGHPUT] + ch->at, to - ch->at);
	after = fmin(ch->after, after);
	return after < VNX_IDLE_SHARE * ch->before || after < VNX_IDLE_BPS;
}

static bool is_fall(const struct vnx_case *c, const struct vnx_change *ch, size_t to)
{
	if (!(ch->after < ch->before))
		return false;
	return !(c->tap && ch->before < VNX_IDLE_BPS) && !is_stop(c, ch, to);
}

/* Where the level that change @i brings ends. */
static size_t level_end(const struct vnx_case *c, size_t i)
{
	return i + 1 < c->changes.n ? c->changes.v[i + 1].at : c->grid->n;
}

/* Does the segmentation of bins [from, to) alone report this fall? 1, 0 or -ENOMEM. */
static int prefix_tells(const struct vnx_case *c, const struct fall *f, size_t from, size_t to)
{
	struct vnx_changes seen = { 0 };
	int ret = changes_find(c, from, to, &seen);

	for (size_t i = 0; !ret && i < seen.n; i++)
		ret = is_fall(c, &seen.v[i], i + 1 < seen.n ? seen.v[i + 1].at : to) &&
		      means_fall(c, f, seen.v[i].at, seen.v[i].uncertainty);
	free(seen.v);
	return ret;
}

/*
 * Bins that had to be seen before this fall could be told, by the segmentation of all bins up
 * to then or by @alarm; 0: not known. A longer prefix may lose what a shorter one told, so
 * there is nothing to bisect: every prefix is tried for EXACT_BINS from the start, then every
 * eighth part further, which finds it late by that at most. LOOK_BACK bins before the fall
 * stand for all before.
 */
static int detected_after(const struct vnx_case *c, const struct fall *f, const struct alarm *alarm,
			  size_t *out)
{
	size_t from = f->at > LOOK_BACK ? f->at - LOOK_BACK : 0;
	size_t end = alarm ? alarm->raised : c->grid->n;
	int ret;

	*out = alarm ? alarm->raised + 1 : 0;
	for (size_t to = f->at + 1; to <= end;) {
		ret = prefix_tells(c, f, from, to);
		if (ret < 0)
			return ret;
		if (ret) {
			*out = to;
			return 0;
		}
		to += to - f->at < EXACT_BINS ? 1 : (to - f->at) / 8;
	}
	return 0;
}

/* First bin after which the fall is over; NaN: never seen. */
static double fall_end_s(const struct vnx_case *c, const struct fall *f)
{
	double loss = f->before - f->after;
	double lack = fmax(c->conf->min_effect * f->before, RECOVERED_LOSS * loss);

	for (size_t j = f->last + 1; j < c->changes.n; j++) {
		const struct vnx_change *ch = &c->changes.v[j];

		if (ch->after >= f->before - lack ||
		    (ch->after < ch->before && is_stop(c, ch, level_end(c, j))))
			return (double)ch->at * c->bin_s;
	}
	return NAN;
}

void vnx_trim(const double *x, size_t *from, size_t *to)
{
	while (*from < *to && !isfinite(x[*from]))
		++*from;
	while (*to > *from && !isfinite(x[*to - 1]))
		--*to;
}

/* Mean per second, or mean share or level, of a series in [from, to). */
double vnx_case_level(const struct vnx_case *c, enum vnx_metric m, size_t from, size_t to)
{
	double mean = vnx_mean(c->f->series[m] + from, to - from);

	return vnx_metric_is_mean(m) ? mean : mean / c->bin_s;
}

/* Levels of the other series in [from, at) and, the fall being over, in [down, to). */
static int evidence_collect(const struct vnx_case *c, struct vnx_degradation *d, size_t from,
			    size_t at, size_t down, size_t to)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		struct vnx_evidence e = { .metric = (enum vnx_metric)m };

		if (m == VNX_THROUGHPUT || m == VNX_LOST || !c->f->series[m] ||
		    !vnx_metric_can_move(&c->f->vm, e.metric))
			continue;
		e.before = vnx_case_level(c, e.metric, from, at);
		e.after = vnx_case_level(c, e.metric, down, to);
		if (isnan(e.before) && isnan(e.after))
			continue;
		if (vnx_vec_push(&d->evidence, e))
			return -ENOMEM;
	}
	return 0;
}

static const struct vnx_evidence *evidence_of(const struct vnx_degradation *d, enum vnx_metric m)
{
	for (size_t i = 0; i < d->evidence.n; i++)
		if (d->evidence.v[i].metric == m)
			return &d->evidence.v[i];
	return NULL;
}

/* One call drains many packets: calls alone say little (kernel's handle_tx). */
static void per_call_fill(struct vnx_degradation *d)
{
	const struct vnx_evidence *tx = evidence_of(d, VNX_TX_BYTES);
	const struct vnx_evidence *rx = evidence_of(d, VNX_RX_BYTES);
	bool down = tx && rx && rx->before > tx->before;
	const struct vnx_evidence *bytes = down ? rx : tx;
	const struct vnx_evidence *calls = evidence_of(d, down ? VNX_HANDLE_RX : VNX_HANDLE_TX);

	d->bytes_per_call_before = d->bytes_per_call_after = NAN;
	if (!bytes || !calls)
		return;
	if (calls->before > 0)
		d->bytes_per_call_before = bytes->before / calls->before;
	if (calls->after > 0)
		d->bytes_per_call_after = bytes->after / calls->after;
}

/*
 * Where within [from, to) the levels beside a fall are certain: it may have come a little sooner
 * or later than it was placed. @end: the later end is by the fall, and is given back; else the
 * earlier one is.
 */
static size_t shrunk(const struct vnx_case *c, const struct fall *f, size_t from, size_t to,
		     bool end)
{
	size_t guard = (size_t)ceil(f->uncertainty) + 1;

	if (to - from < guard + c->conf->min_bins)
		guard = 0;
	return end ? to - guard : from + guard;
}

static int fall_add(struct vnx_case *c, const struct fall *f, const struct alarms *alarms)
{
	size_t from = f->first ? c->changes.v[f->first - 1].at : 0;
	size_t to = level_end(c, f->last), last, bins, down, until, since;
	const struct alarm *alarm = alarm_of(c, alarms, f);
	struct vnx_degradation d = {
		.start_s = (double)f->at * c->bin_s,
		.start_uncertainty_s = f->uncertainty * c->bin_s,
		.ramp_s = f->ramp ? (double)(f->down - f->at) * c->bin_s : 0,
		.end_s = fall_end_s(c, f),
		.before_bps = f->before,
		.after_bps = f->after,
		.change = (f->after - f->before) / f->before,
		.p = f->p,
		.online = alarm != NULL,
		.cause = VNX_CAUSE_UNKNOWN,
	};
	struct vnx_degradation *slot;

	if (detected_after(c, f, alarm, &bins))
		return -ENOMEM;
	d.detected_s = bins ? (double)bins * c->bin_s : NAN;
	if (vnx_vec_push(&c->f->degradations, d))
		return -ENOMEM;
	/* from here on it is the diagnosis' to free, whatever fails */
	slot = &c->f->degradations.v[c->f->degradations.n - 1];
	vnx_trim(c->f->series[VNX_THROUGHPUT], &from, &to);
	/* a ramp may be placed into the gap before the load */
	from = from < f->at ? from : f->at;
	last = to - c->conf->min_bins;
	until = shrunk(c, f, from, f->at, true);
	/* a ramp that lasts to the end has no level after: its last bins are the nearest to one */
	down = f->down < last || f->down == f->at ? f->down : last;
	since = shrunk(c, f, down, to, false);
	slot->bins_before = until - from;
	slot->bins_after = to - since;
	if (evidence_collect(c, slot, from, until, since, to))
		return -ENOMEM;
	per_call_fill(slot);
	return vnx_case_explain(c, slot, from, f->at, to);
}

/* The fall that change @i is or begins; @ramp: the ramp that takes it in, or NULL. */
static struct fall fall_of(const struct vnx_case *c, size_t i, const struct vnx_ramp *ramp)
{
	const struct vnx_change *ch = &c->changes.v[i];
	struct fall f = { .first = i,
			  .last = i,
			  .at = ch->at,
			  .down = ch->at,
			  .uncertainty = ch->uncertainty,
			  .slack = ch->uncertainty,
			  .before = ch->before,
			  .after = ch->after,
			  .p = ch->p };

	if (!ramp)
		return f;
	if (ramp->doubtful) { /* it may have begun as early as the ramp would have */
		f.uncertainty = fmax(f.uncertainty, (double)ch->at - (double)ramp->from);
		f.slack = f.uncertainty;
		return f;
	}
	f.last = ramp->last;
	f.at = ramp->from;
	f.down = ramp->to;
	f.ramp = true;
	f.uncertainty = f.slack = ramp->uncertainty;
	f.before = ramp->before;
	f.after = fmax(ramp->after, 0);
	for (size_t k = i; k <= ramp->last; k++)
		f.p = fmin(f.p, c->changes.v[k].p);
	return f;
}

#define RAMP_MIN 12 /* bins: what goes down faster is a step that took its time */
#define RAMP_SPAN 6 /* bins in which no more than RAMP_SHARE of a gradual fall may happen */
#define RAMP_SHARE 0.6

/* Most of it happens at once somewhere: steps, and what wanders between them, are no slope. */
static bool is_steep(const struct vnx_case *c, const struct vnx_ramp *r)
{
	const double *y = c->f->series[VNX_THROUGHPUT];
	size_t w = c->conf->min_bins;

	for (size_t i = r->from > w ? r->from - w : 0; i + 2 * w + RAMP_SPAN <= c->grid->n; i++) {
		double high = vnx_mean(y + i, w), low = vnx_mean(y + i + w + RAMP_SPAN, w);

		if (i > r->to)
			break;
		if (high - low > RAMP_SHARE * (r->before - r->after))
			return true;
	}
	return false;
}

/* A ramp in which traffic stops or begins from idle is left to its steps. */
static bool ramp_counts(const struct vnx_case *c, const struct vnx_ramp *r)
{
	if (r->to - r->from < RAMP_MIN || is_steep(c, r))
		return false;
	for (size_t i = r->first; i <= r->last; i++)
		if (!is_fall(c, &c->changes.v[i], level_end(c, i)))
			return false;
	return true;
}

/* The one that begins with this change, NULL: none that counts. */
static const struct vnx_ramp *ramp_at(const struct vnx_case *c, const struct vnx_ramps *ramps,
				      size_t change)
{
	for (size_t i = 0; i < ramps->n; i++)
		if (ramps->v[i].first == change)
			return ramp_counts(c, &ramps->v[i]) ? &ramps->v[i] : NULL;
	return NULL;
}

#define JOIN_S 3.0     /* a level that lasts no longer is a landing between two steps */
#define JOIN_SHARE 0.2 /* of the whole fall that either step takes at least */

/*
 * What brings a fall about may take a second or two: steps that follow at once are one fall, which
 * may have begun with any of them.
 */
static void steps_join(const struct vnx_case *c, const struct vnx_ramps *ramps, struct fall *f)
{
	for (size_t i = f->last + 1; i < c->changes.n; i++) {
		const struct vnx_ramp *ramp = ramp_at(c, ramps, i);
		const struct vnx_change *next = &c->changes.v[i];
		double least = JOIN_SHARE * (f->before - next->after);

		if ((ramp && !ramp->doubtful) || !is_fall(c, next, level_end(c, i)) ||
		    (double)(next->at - f->down) * c->bin_s > JOIN_S ||
		    f->before - f->after < least || f->after - next->after < least)
			break;
		f->last = i;
		f->down = next->at;
		f->after = next->after;
		f->p = fmin(f->p, next->p);
		f->uncertainty =
			fmax(f->uncertainty, (double)(f->down - f->at) + next->uncertainty);
	}
}

/*
 * A fall that ends a short rise above what was carried all the time before, and no less than that:
 * traffic that was held up is made up for, or somebody sent a file. Nothing became worse.
 */
static bool ends_burst(const struct vnx_case *c, const struct fall *f)
{
	double before = 0;
	size_t first = f->first;

	while (first && c->changes.v[first - 1].after > f->after * (1 + c->conf->min_effect))
		first--;
	if (first == f->first)
		return false;
	for (size_t i = 0; i <= first; i++)
		before = fmax(before, c->changes.v[i].before);
	return f->after >= before * (1 - BURST_LACK) &&
	       (double)(f->at - c->changes.v[first].at) * c->bin_s <= BURST_S &&
	       c->changes.v[first].at >= BURST_REST * (f->at - c->changes.v[first].at);
}

static int falls_add(struct vnx_case *c, const struct alarms *alarms, const struct vnx_ramps *ramps)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->changes.n; i++) {
		struct fall f = fall_of(c, i, ramp_at(c, ramps, i));

		if (is_fall(c, &c->changes.v[i], level_end(c, i)) && !ends_burst(c, &f)) {
			if (!f.ramp)
				steps_join(c, ramps, &f);
			err = fall_add(c, &f, alarms);
		}
		i = f.last;
	}
	return err;
}

int vnx_case_degrade(struct vnx_case *c)
{
	const double *y = c->f->series[VNX_THROUGHPUT];
	struct alarms alarms = { 0 };
	struct vnx_ramps ramps = { 0 };
	int err;

	err = changes_find(c, 0, c->grid->n, &c->changes);
	if (!err)
		err = vnx_ramps_find(y, c->grid->n, &c->changes, c->conf->min_bins, &ramps);
	if (!err)
		err = alarms_find(c, &alarms);
	if (!err)
		err = falls_add(c, &alarms, &ramps);
	free(alarms.v);
	free(ramps.v);
	return err;
}
