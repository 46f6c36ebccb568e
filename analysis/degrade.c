// SPDX-License-Identifier: GPL-2.0-only
/*
 * From changes of level to degradations: which falls count, how long they last, what the
 * other series did meanwhile. Levels are looked for in what throughput was observed in (c->obs),
 * where a place is the number of an observation; what is reported is in bins.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define RECOVERED_LOSS 0.25 /* a level that lacks at most this share of the loss has recovered */

#define BURST_S 10     /* a rise that lasts no longer is a burst ... */
#define BURST_REST 3   /* ... where what was before it lasted this many times as long */
#define BURST_LACK 0.1 /* a level that lacks at most this share of that is no less */

#define EXACT 60      /* observations after its start that its detection is looked for one by one */
#define DETECTIONS 50 /* of the first falls: of the hundredth nobody asks when it could be told */
#define LOOK_BACK 240 /* observations before a fall that its detection is judged by */

/* A fall to be reported: one change, or several that are one ramp or follow at once. */
struct fall {
	size_t first, last; /* of the changes */
	size_t at;          /* first observation */
	size_t down;        /* first observation of the level after */
	bool ramp;          /* gradual */
	double uncertainty; /* observations */
	double slack; /* observations: of the step it begins with, when others are set against it */
	double before, after, p;
};

/* A level lasts for min_bins; two observations it takes in any case. */
static size_t level_least(const struct vnx_case *c)
{
	double least = ceil((double)c->conf->min_bins / vnx_obs_bins(&c->obs));

	return c->obs.bins || least > 2 ? (size_t)least : 2;
}

static struct vnx_change_conf change_conf(const struct vnx_case *c)
{
	return (struct vnx_change_conf){ level_least(c), c->conf->min_effect, VNX_P_MAX };
}

/* Does a change seen at @at, known to @uncertainty, mean this fall? */
static bool means_fall(const struct vnx_case *c, const struct fall *f, size_t at,
		       double uncertainty)
{
	double slack = uncertainty + f->slack + (double)level_least(c);

	return (double)at >= (double)f->at - slack && (double)at <= (double)f->down + slack;
}

/*
 * Of a load generator every fall counts, it says when it runs. A tap falls silent when a
 * flow ends, and its chatter while idle is no load. @to: where the level after ends. Its
 * first observation may still hold some of the flow, so its median counts where that is less.
 */
static bool is_stop(const struct vnx_case *c, const struct vnx_change *ch, size_t to)
{
	double after;

	if (!c->tap)
		return false;
	after = vnx_median(c->obs.y + ch->at, to - ch->at);
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
	return i + 1 < c->changes.n ? c->changes.v[i + 1].at : c->obs.n;
}

/* Do the levels of [from, to) alone report this fall? 1, 0 or -ENOMEM. */
static int prefix_tells(const struct vnx_case *c, const struct fall *f, size_t from, size_t to)
{
	const struct vnx_change_conf conf = change_conf(c);
	struct vnx_changes seen = { 0 };
	int ret = vnx_levels_find(c->obs.y + from, to - from, &conf, &seen, NULL);

	for (size_t i = 0; !ret && i < seen.n; i++) {
		size_t end = i + 1 < seen.n ? seen.v[i + 1].at + from : to;

		seen.v[i].at += from;
		ret = is_fall(c, &seen.v[i], end) &&
		      means_fall(c, f, seen.v[i].at, seen.v[i].uncertainty);
	}
	free(seen.v);
	return ret;
}

/*
 * Observations that had to be seen before this fall could be told by all up to then; 0: not known.
 * A longer prefix may lose what a shorter one told, so there is nothing to bisect: every prefix is
 * tried for EXACT from the start, then every eighth part further, which finds it late by that at
 * most.
 */
static int detected_after(const struct vnx_case *c, const struct fall *f, size_t *out)
{
	size_t from = f->at > LOOK_BACK ? f->at - LOOK_BACK : 0;
	size_t end = vnx_reach_on(f->at, c->obs.n);

	*out = 0;
	for (size_t to = f->at + 1; to <= end;) {
		int ret = prefix_tells(c, f, from, to);

		if (ret < 0)
			return ret;
		if (ret) {
			*out = to;
			return 0;
		}
		to += to - f->at < EXACT ? 1 : (to - f->at) / 8;
	}
	return 0;
}

/* When observation @k begins. */
static double time_of(const struct vnx_case *c, size_t k)
{
	return (double)c->obs.start[k] * c->bin_s;
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
			return time_of(c, ch->at);
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

/* A fall on the bins. */
struct place {
	double at_s;
	size_t from, at, down, to; /* the level before, the fall, the level after */
	double uncertainty;        /* bins */
};

static struct place place_of(const struct vnx_case *c, const struct fall *f)
{
	size_t first = vnx_reach_back(f->at, f->first ? c->changes.v[f->first - 1].at : 0);
	size_t end = vnx_reach_on(f->down, level_end(c, f->last));
	const size_t *bin = c->obs.start;

	return (struct place){ .at_s = time_of(c, f->at),
			       .from = bin[first],
			       .at = bin[f->at],
			       .down = bin[f->down],
			       .to = bin[end],
			       .uncertainty = vnx_obs_reach(&c->obs, f->at, f->uncertainty) };
}

/* A step falls into an interval of the load rather than between two. */
static void step_place(const struct vnx_case *c, struct fall *f, struct place *p)
{
	size_t first = f->first ? c->changes.v[f->first - 1].at : 0;
	struct vnx_obs_step step;

	if (c->obs.bins || f->ramp || f->first != f->last)
		return;
	step = vnx_obs_split(&c->obs, first, f->at, level_end(c, f->last));
	if (!(step.after < step.before)) /* the likelier place by far is that of the levels */
		return;
	p->at_s = step.bin * c->bin_s;
	p->at = p->down = (size_t)step.bin;
	/* one that may have been a ramp stays as unsure as that made it */
	p->uncertainty = f->uncertainty > c->changes.v[f->first].uncertainty
				 ? fmax(step.uncertainty, p->uncertainty)
				 : step.uncertainty;
	f->before = step.before;
	f->after = step.after;
}

/*
 * Where within [from, to) the levels beside a fall are certain: it may have come a little sooner
 * or later than it was placed. @end: the later end is by the fall, and is given back; else the
 * earlier one is.
 */
static size_t shrunk(const struct vnx_case *c, double uncertainty, size_t from, size_t to, bool end)
{
	size_t guard = (size_t)ceil(uncertainty) + 1;

	if (to - from < guard + c->conf->min_bins)
		guard = 0;
	return end ? to - guard : from + guard;
}

/* What else was measured on either side of the fall at @p, and what explains it. */
static int fall_explain(const struct vnx_case *c, struct vnx_degradation *d, struct place p)
{
	size_t last, down, until, since;

	vnx_trim(c->f->series[VNX_THROUGHPUT], &p.from, &p.to);
	/* a ramp may be placed into the gap before the load */
	p.from = p.from < p.at ? p.from : p.at;
	last = p.to - c->conf->min_bins;
	until = shrunk(c, p.uncertainty, p.from, p.at, true);
	/* a ramp that lasts to the end has no level after: its last bins are the nearest to one */
	down = p.down < last || p.down == p.at ? p.down : last;
	since = shrunk(c, p.uncertainty, down, p.to, false);
	d->bins_before = until - p.from;
	d->bins_after = p.to - since;
	if (evidence_collect(c, d, p.from, until, since, p.to))
		return -ENOMEM;
	per_call_fill(d);
	return vnx_case_explain(c, d, &(struct vnx_span){ p.from, until, p.at, since, p.to });
}

static int fall_add(struct vnx_case *c, struct fall *f)
{
	struct place p = place_of(c, f);
	struct vnx_degradation d;
	size_t seen = 0;

	step_place(c, f, &p);
	if (!c->conf->live && c->f->degradations.n < DETECTIONS && detected_after(c, f, &seen))
		return -ENOMEM;
	d = (struct vnx_degradation){
		.start_s = p.at_s,
		.start_uncertainty_s = p.uncertainty * c->bin_s,
		.detected_s = seen ? time_of(c, seen) : NAN,
		.ramp_s = f->ramp ? (double)(p.down - p.at) * c->bin_s : 0,
		.end_s = fall_end_s(c, f),
		.before_bps = f->before,
		.after_bps = f->after,
		.change = (f->after - f->before) / f->before,
		.p = f->p,
		.online = seen,
		.cause = VNX_CAUSE_UNKNOWN,
	};
	if (vnx_vec_push(&c->f->degradations, d))
		return -ENOMEM;
	/* from here on it is the diagnosis' to free, whatever fails */
	return fall_explain(c, &c->f->degradations.v[c->f->degradations.n - 1], p);
}

/*
 * Was a short drop made up for at once? Over it and as long again at least as much was carried as
 * before: traffic was held up, nothing was lost.
 */
static bool is_made_up(const struct vnx_case *c, const struct fall *f)
{
	size_t end = level_end(c, f->last), to = 2 * end - f->at;

	if (end == c->obs.n || time_of(c, end) - time_of(c, f->at) > BURST_S)
		return false;
	to = to < c->obs.n ? to : c->obs.n;
	return vnx_mean(c->obs.y + f->at, to - f->at) >= f->before * (1 - c->conf->min_effect);
}

/* One that was made up for, and that nothing on the host explains, is no degradation. */
static void fall_forgive(struct vnx_case *c, const struct fall *f)
{
	struct vnx_degradation *d = &c->f->degradations.v[c->f->degradations.n - 1];

	if (d->cause != VNX_CAUSE_UNKNOWN || !is_made_up(c, f))
		return;
	vnx_degradation_fini(d);
	c->f->degradations.n--;
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

#define RAMP_MIN 12 /* observations: what goes down faster is a step that took its time */
#define RAMP_SPAN                                                                       \
	6 /* observations in which no more than RAMP_SHARE of a gradual fall may happen \
	   */
#define RAMP_SHARE 0.6

/* Most of it happens at once somewhere: steps, and what wanders between them, are no slope. */
static bool is_steep(const struct vnx_case *c, const struct vnx_ramp *r)
{
	const double *y = c->obs.y;
	size_t w = level_least(c);

	for (size_t i = r->from > w ? r->from - w : 0; i + 2 * w + RAMP_SPAN <= c->obs.n; i++) {
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
		    time_of(c, next->at) - time_of(c, f->down) > JOIN_S ||
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
	       time_of(c, f->at) - time_of(c, c->changes.v[first].at) <= BURST_S &&
	       c->changes.v[first].at >= BURST_REST * (f->at - c->changes.v[first].at);
}

static int falls_add(struct vnx_case *c, const struct vnx_ramps *ramps)
{
	int err = 0;

	for (size_t i = 0; !err && i < c->changes.n; i++) {
		struct fall f = fall_of(c, i, ramp_at(c, ramps, i));

		if (is_fall(c, &c->changes.v[i], level_end(c, i)) && !ends_burst(c, &f)) {
			if (!f.ramp)
				steps_join(c, ramps, &f);
			err = fall_add(c, &f);
			if (!err)
				fall_forgive(c, &f);
		}
		i = f.last;
	}
	return err;
}

int vnx_case_degrade(struct vnx_case *c)
{
	const struct vnx_change_conf conf = change_conf(c);
	struct vnx_ramps ramps = { 0 };
	int err = vnx_segment(c->obs.y, c->obs.n, &conf, &c->changes);

	if (!err)
		err = vnx_ramps_find(c->obs.y, c->obs.n, &c->changes, level_least(c), &ramps);
	if (!err)
		err = falls_add(c, &ramps);
	free(ramps.v);
	return err;
}
