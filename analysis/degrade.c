// SPDX-License-Identifier: GPL-2.0-only
/*
 * From changes of level to degradations: which falls count, how long they last, what the
 * other series did meanwhile.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define RECOVERED_LOSS 0.25 /* a level that lacks at most this share of the loss has recovered */

/* Low alarms of the online detector over the whole series. */
static int alarms_find(const struct vnx_case *c, struct vnx_changes *out)
{
	const struct vnx_change_conf conf = { c->conf->min_bins, c->conf->min_effect, VNX_P_MAX };
	double per_bin = c->conf->false_alarms_per_day * c->bin_s / 86400;
	const double *y = c->f->series[VNX_THROUGHPUT];
	struct vnx_cusum *cusum = vnx_cusum_new(&conf, fmin(per_bin, 0.5));
	struct vnx_change alarm;
	int err = 0;

	if (!cusum)
		return -ENOMEM;
	for (size_t i = 0; !err && i < c->grid->n; i++)
		if (vnx_cusum_push(cusum, y[i], &alarm) && alarm.after < alarm.before)
			err = vnx_vec_push(out, alarm);
	vnx_cusum_free(cusum);
	return err;
}

/* Both detectors place the fall at one time, as far as each knows it. */
static bool alarm_agrees(const struct vnx_changes *alarms, const struct vnx_change *fall,
			 size_t min_bins)
{
	for (size_t i = 0; i < alarms->n; i++) {
		const struct vnx_change *a = &alarms->v[i];
		double apart = fabs((double)a->at - (double)fall->at);

		if (apart <= a->uncertainty + fall->uncertainty + (double)min_bins)
			return true;
	}
	return false;
}

/*
 * Of a load generator every fall counts, it says when it runs. A tap falls silent when a
 * flow ends, and its chatter while idle is no load.
 */
static bool is_stop(const struct vnx_case *c, const struct vnx_change *ch)
{
	return c->tap && (ch->after < VNX_IDLE_SHARE * ch->before || ch->after < VNX_IDLE_BPS);
}

static bool is_fall(const struct vnx_case *c, const struct vnx_change *ch)
{
	if (!(ch->after < ch->before))
		return false;
	return !(c->tap && ch->before < VNX_IDLE_BPS) && !is_stop(c, ch);
}

/* First bin after which fall @i is over; NaN: never seen. */
static double fall_end_s(const struct vnx_case *c, size_t i)
{
	const struct vnx_change *fall = &c->changes.v[i];
	double loss = fall->before - fall->after;
	double lack = fmax(c->conf->min_effect * fall->before, RECOVERED_LOSS * loss);

	for (size_t j = i + 1; j < c->changes.n; j++) {
		const struct vnx_change *ch = &c->changes.v[j];

		if (ch->after >= fall->before - lack || (ch->after < ch->before && is_stop(c, ch)))
			return (double)ch->at * c->bin_s;
	}
	return NAN;
}

/* Mean per second, or mean share or level, of a series in [from, to). */
double vnx_case_level(const struct vnx_case *c, enum vnx_metric m, size_t from, size_t to)
{
	double mean = vnx_mean(c->f->series[m] + from, to - from);

	return vnx_metric_is_mean(m) ? mean : mean / c->bin_s;
}

static int evidence_collect(const struct vnx_case *c, struct vnx_degradation *d, size_t from,
			    size_t at, size_t to)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		struct vnx_evidence e = { .metric = (enum vnx_metric)m };

		if (m == VNX_THROUGHPUT || m == VNX_LOST || !c->f->series[m] ||
		    !vnx_metric_can_move(&c->f->vm, e.metric))
			continue;
		e.before = vnx_case_level(c, e.metric, from, at);
		e.after = vnx_case_level(c, e.metric, at, to);
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

static int fall_add(struct vnx_case *c, size_t i, const struct vnx_changes *alarms)
{
	const struct vnx_change *ch = &c->changes.v[i];
	size_t from = i ? c->changes.v[i - 1].at : 0;
	size_t to = i + 1 < c->changes.n ? c->changes.v[i + 1].at : c->grid->n;
	struct vnx_degradation d = {
		.start_s = (double)ch->at * c->bin_s,
		.start_uncertainty_s = ch->uncertainty * c->bin_s,
		.end_s = fall_end_s(c, i),
		.before_bps = ch->before,
		.after_bps = ch->after,
		.change = (ch->after - ch->before) / ch->before,
		.p = ch->p,
		.online = alarm_agrees(alarms, ch, c->conf->min_bins),
		.cause = VNX_CAUSE_UNKNOWN,
	};
	struct vnx_degradation *slot;

	if (vnx_vec_push(&c->f->degradations, d))
		return -ENOMEM;
	/* from here on it is the diagnosis' to free, whatever fails */
	slot = &c->f->degradations.v[c->f->degradations.n - 1];
	if (evidence_collect(c, slot, from, ch->at, to))
		return -ENOMEM;
	per_call_fill(slot);
	return vnx_case_explain(c, slot, from, ch->at, to);
}

int vnx_case_degrade(struct vnx_case *c)
{
	const struct vnx_change_conf conf = { c->conf->min_bins, c->conf->min_effect, VNX_P_MAX };
	struct vnx_changes alarms = { 0 };
	int err;

	err = vnx_segment(c->f->series[VNX_THROUGHPUT], c->grid->n, &conf, &c->changes);
	if (!err)
		err = alarms_find(c, &alarms);
	for (size_t i = 0; !err && i < c->changes.n; i++)
		if (is_fall(c, &c->changes.v[i]))
			err = fall_add(c, i, &alarms);
	free(alarms.v);
	return err;
}
