// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who fell, and why. The watch looks at every bin of every VM, for it costs next to
 * nothing; vnx_diagnose() over the last minutes, which costs milliseconds, is for those it
 * flagged, for those whose fall lasts, for the one that is looked at, and for all others in turn
 * as far as the budget reaches. Whom the watch flagged does not wait for the budget: on a slow
 * CPU one analysis may use up half a minute of it.
 */
#include "cli/live/model.h"

#include <math.h>

#include "bpf/clock.h"
#include "cli/base/units.h"

#define JUDGE_BINS 20 /* as a diagnosis takes for a verdict */
#define RECENT_S 10
#define IDLE_BPS 100e3 /* as in a diagnosis: less carries no load that could be judged */
#define WINDOW_S 120
#define BEFORE_S 60 /* of a fall stay in the window while it lasts */
#define AGAIN_NS VNX_NSEC_PER_SEC
#define AGAIN_OLD_NS (5 * VNX_NSEC_PER_SEC) /* of a fall that was told this long ago: */
#define NEWS_NS (30 * VNX_NSEC_PER_SEC)
#define MISSES 3 /* analyses in a row without the fall: it was none */
/* ... with it, for it to be told: the last bin of a flow that ends looks like a fall, too. */
#define SIGHTS 2
#define PAUSE_S 5      /* without traffic: what comes then is a flow of its own */
#define SETTLE_BINS 2  /* at the start of a flow, which say nothing of its level */
#define RECOVERED 0.25 /* of the loss may still lack */
#define BACK_S 3
#define BACK_NS (3 * VNX_NSEC_PER_SEC)
/* Saved up for VMs that were flagged; those whose turn it merely is leave half of it. */
#define TOKENS_MAX_S 0.050
/* Analyses of a flagged VM: a fall that has just begun may not stand out in the first of them. */
#define FLAGGED_LOOKS 6
/* Without budget one of a flagged VM so often, and never more than a twentieth of a core. */
#define URGENT_NS (3 * VNX_NSEC_PER_SEC / 2)
#define URGENT_COSTS 20
#define URGENT_OTHERS 4 /* each fourth of these is of a VM that merely waits for its turn */

static const char *const words[VNX_CAUSE_MAX] = {
	[VNX_CAUSE_CPU_CONTENTION] = "contention",
	[VNX_CAUSE_THROTTLED] = "throttled",
	[VNX_CAUSE_VHOST_SATURATED] = "saturated",
	[VNX_CAUSE_VCPU_STARVED] = "starved",
	[VNX_CAUSE_SENDER_LIMITED] = "sender",
	[VNX_CAUSE_NOTIFICATION_STORM] = "storm",
	[VNX_CAUSE_LINK_LIMITED] = "link",
	[VNX_CAUSE_RECEIVER_LIMITED] = "receiver",
	[VNX_CAUSE_PATH_LOSS] = "path loss",
	[VNX_CAUSE_EMULATED_BACKEND] = "emulated",
	[VNX_CAUSE_MEASUREMENT_ARTEFACT] = "artefact",
	[VNX_CAUSE_GUEST_RING_FULL] = "guest ring",
	[VNX_CAUSE_SOFTIRQ_SATURATED] = "softirq",
	[VNX_CAUSE_OFFLOAD_OFF] = "offload",
	[VNX_CAUSE_PATH_DELAY] = "delay",
	[VNX_CAUSE_VM_PAUSED] = "paused",
	[VNX_CAUSE_HOST_STOLEN] = "stolen",
	[VNX_CAUSE_UNKNOWN] = "unknown",
};

static const char *const states[VNX_LIVE_STATES] = {
	[VNX_LIVE_DEGRADED] = "DEGRADED", [VNX_LIVE_LIMITED] = "LIMITED",
	[VNX_LIVE_UNKNOWN] = "unknown",   [VNX_LIVE_OK] = "ok",
	[VNX_LIVE_WAITING] = "gathering", [VNX_LIVE_IDLE] = "idle",
	[VNX_LIVE_GONE] = "gone",
};

const char *vnx_live_cause_word(enum vnx_cause cause)
{
	return (unsigned)cause < VNX_CAUSE_MAX ? words[cause] : "unknown";
}

const char *vnx_live_state_name(enum vnx_live_state state)
{
	return (unsigned)state < VNX_LIVE_STATES ? states[state] : "?";
}

void vnx_suspicion_put(struct vnx_suspicion *s)
{
	if (!s || --s->refs)
		return;
	vnx_diagnosis_free(s->dg);
	free(s);
}

static double cpu_s(void)
{
	return (double)vnx_clock_thread_cpu() / 1e9;
}

static size_t bins_of(const struct vnx_live_model *m, double s)
{
	size_t n = (size_t)(s / vnx_live_bin_s(m));

	return n ? n : 1;
}

static size_t oldest_bin(const struct vnx_live_model *m)
{
	return m->bins > VNX_LIVE_BINS ? m->bins - VNX_LIVE_BINS : 0;
}

/* ---- the analysis ---- */

/* Bins [from, from + n) of @ring into *room, which moves on; NULL: none is known. */
static const double *plain_series(const struct vnx_live_model *m, const float *ring, size_t from,
				  size_t n, double **room)
{
	double *x = *room;
	bool any = false;

	for (size_t b = 0; ring && b < n; b++) {
		x[b] = vnx_live_value(m, ring, from + b);
		any |= !isnan(x[b]);
	}
	*room += n;
	return any ? x : NULL;
}

/* What vnx_diagnose() reads of one VM: its rings from bin @from on, as plain series. */
static void fill_input(const struct vnx_live_model *m, const struct vnx_live_vm *vm, size_t from,
		       double *room, struct vnx_thread_input *threads, struct vnx_vm_input *in)
{
	size_t n = m->bins - from;

	*in = (struct vnx_vm_input){ .vm = &vm->vm,
				     .throughput_source = "tap",
				     .threads = threads,
				     .n_threads = vm->threads.n };
	for (int k = 0; k < VNX_METRIC_MAX; k++) {
		const float *ring =
			vnx_metric_info(k)->owner == VNX_OF_HOST ? m->host[k] : vm->ring[k];

		in->series[k] = plain_series(m, ring, from, n, &room);
	}
	for (size_t i = 0; i < vm->threads.n; i++) {
		const struct vnx_live_thread *t = &vm->threads.v[i];

		threads[i] = (struct vnx_thread_input){ t->tid, t->worker, t->index, { NULL } };
		for (int k = 0; k < VNX_TIMES; k++)
			threads[i].x[k] = plain_series(m, t->ring[k], from, n, &room);
	}
	if (!in->series[VNX_THROUGHPUT])
		in->throughput_source = "";
}

/* All VMs but @vm that may have held its CPU, of which only the name is wanted; shallow copies. */
static int list_others(const struct vnx_live_model *m, const struct vnx_live_vm *vm,
		       struct vnx_vms *out)
{
	int ret = 0;

	for (size_t i = 0; i < m->vms.n && !ret; i++)
		if (m->vms.v[i] != vm && vnx_live_is_shown(m, m->vms.v[i]))
			ret = vnx_vec_push(out, m->vms.v[i]->vm);
	for (size_t i = 0; m->others && i < m->others->n && !ret; i++)
		ret = vnx_vec_push(out, m->others->v[i]);
	return ret;
}

static int run_diagnosis(struct vnx_live_model *m, struct vnx_live_vm *vm, size_t from,
			 struct vnx_diagnosis **out)
{
	size_t n = m->bins - from;
	VNX_CLEANUP_FREE double *room =
		malloc((VNX_METRIC_MAX + vm->threads.n * VNX_TIMES) * n * sizeof(*room));
	VNX_CLEANUP_FREE struct vnx_thread_input *threads =
		calloc(vm->threads.n + 1, sizeof(*threads));
	VNX_CLEANUP_FREE bool *lost = calloc(n + 1, sizeof(*lost));
	struct vnx_vms others = { 0 };
	struct vnx_grid grid = { m->facts.start_ns + from * m->facts.bin_ns, m->facts.bin_ns, n };
	struct vnx_diagnose_conf dc = { .sma_bins = 1,
					.min_effect = 0.05,
					.min_bins = 3,
					.live = true,
					.lost = lost,
					.holds = m->holds.n ? &m->holds : NULL,
					.others = &others };
	struct vnx_vm_input in;
	int ret;

	*out = NULL;
	if (!room || !threads || !lost)
		return -ENOMEM;
	for (size_t b = 0; b < n; b++)
		lost[b] = m->lost[(from + b) % VNX_LIVE_BINS];
	for (int k = 0; k < VNX_METRIC_MAX; k++)
		dc.not_measured[k] = vnx_evidence_why(&m->sources, k);
	fill_input(m, vm, from, room, threads, &in);
	ret = list_others(m, vm, &others);
	if (!ret)
		ret = vnx_diagnose(&grid, &in, 1, &dc, out);
	free(others.v);
	m->analyses++;
	return ret;
}

/* ---- what is made of it ---- */

/* "311 -> 151 Mbit/s (-51 %)" */
static void change_words(const struct vnx_episode *ep, char *buf, size_t len)
{
	char before[VNX_UNIT_LEN], after[VNX_UNIT_LEN], change[VNX_UNIT_LEN];
	double top = fmax(ep->before_bps, ep->after_bps);

	snprintf(buf, len, "%s -> %s %sbit/s (%s)", vnx_rate_scaled(ep->before_bps, top, before),
		 vnx_rate_scaled(ep->after_bps, top, after), vnx_scale_for(top).prefix,
		 vnx_percent_format(ep->change, change));
}

/* "cpu_contention by vm2 46 %, vm3 45 %" */
static void cause_words(const struct vnx_degradation *d, char *buf, size_t len)
{
	size_t at = (size_t)snprintf(buf, len, "%s", vnx_cause_name(d->cause));

	for (size_t i = 0; i < d->offenders.n && at < len; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%.40s %.0f %%", i ? ", " : " by ",
				       d->offenders.v[i].name, d->offenders.v[i].share * 100);
}

static int tell_fell(struct vnx_live_model *m, const struct vnx_live_vm *vm,
		     const struct vnx_episode *ep, uint64_t start_ns, uint64_t end_ns)
{
	char change[128], cause[256], from[32], to[32];

	change_words(ep, change, sizeof(change));
	cause_words(ep->worst, cause, sizeof(cause));
	vnx_live_clock(m, start_ns, from);
	if (!end_ns)
		return vnx_live_tell(m, VNX_EVENT_FELL, vm->label, "fell at %s: %s, %s", from,
				     change, cause);
	return vnx_live_tell(m, VNX_EVENT_ENDED, vm->label, "fell from %s to %s: %s, %s", from,
			     vnx_live_clock(m, end_ns, to), change, cause);
}

static int end_fall(struct vnx_live_model *m, struct vnx_live_vm *vm, uint64_t end_ns,
		    const char *how)
{
	char at[32], since[32];
	const struct vnx_suspicion *s = vm->fall;
	int ret = vnx_live_tell(m, VNX_EVENT_ENDED, vm->label, "drop of %s (%s) %s at %s: %s",
				vnx_live_clock(m, s->start_ns, since),
				vnx_cause_name(s->ep.worst->cause),
				end_ns ? "is over" : "is told no longer",
				vnx_live_clock(m, end_ns ? end_ns : m->now_ns, at), how);

	vm->told_ns = end_ns > vm->told_ns ? end_ns : vm->told_ns;
	vnx_suspicion_put(vm->fall);
	vm->fall = NULL;
	vm->missed = 0;
	return ret;
}

static uint64_t time_of(const struct vnx_diagnosis *dg, double s)
{
	return dg->grid.start_ns + (uint64_t)(s * 1e9);
}

/* Series are in the rings already. */
static void drop_series(struct vnx_diagnosis *dg)
{
	for (size_t i = 0; i < dg->vms.n; i++)
		for (int k = 0; k < VNX_METRIC_MAX; k++) {
			free(dg->vms.v[i].series[k]);
			dg->vms.v[i].series[k] = NULL;
		}
}

/* The fall that @dg found goes on. Takes over @dg. */
static int take_fall(struct vnx_live_model *m, struct vnx_live_vm *vm, struct vnx_diagnosis *dg,
		     const struct vnx_episode *ep)
{
	struct vnx_suspicion *old = vm->fall, *s = calloc(1, sizeof(*s));
	int ret = 0;

	if (!s || (!old && ++vm->sighted < SIGHTS)) {
		if (!vm->looks) { /* it is looked at again soon */
			vm->looks = 1;
			vm->flag_bin = vnx_live_bin_at(m, time_of(dg, ep->start_s));
		}
		vnx_diagnosis_free(dg);
		free(s);
		return s ? 0 : -ENOMEM;
	}
	vm->sighted = 0;
	vm->looks = 0;
	drop_series(dg);
	*s = (struct vnx_suspicion){ .refs = 1, .dg = dg, .ep = *ep, .told_ns = m->now_ns };
	s->start_ns = time_of(dg, ep->start_s);
	if (!old) {
		vnx_live_levels(m, vm, vnx_live_bin_at(m, s->start_ns), VNX_LIVE_QUIET_S,
				&s->quiet);
		ret = tell_fell(m, vm, ep, s->start_ns, 0);
	} else {
		s->quiet = old->quiet;
		s->told_ns = old->told_ns;
		if (old->ep.worst->cause != ep->worst->cause) {
			char cause[256];

			cause_words(ep->worst, cause, sizeof(cause));
			ret = vnx_live_tell(m, VNX_EVENT_CAUSE, vm->label,
					    "cause is now %s (was %s)", cause,
					    vnx_cause_name(old->ep.worst->cause));
		}
	}
	vm->fall = s;
	vm->missed = 0;
	vnx_suspicion_put(old);
	return ret;
}

static bool is_back(const struct vnx_live_model *m, const struct vnx_live_vm *vm, double s)
{
	double lack = vm->fall->ep.before_bps * (1 - RECOVERED * fabs(vm->fall->ep.change));

	return vnx_live_level(m, vm, VNX_THROUGHPUT, m->bins, s) >= lack;
}

/* No fall lasts, by @dg; one that ended may not have been told yet. */
static int take_none(struct vnx_live_model *m, struct vnx_live_vm *vm,
		     const struct vnx_diagnosis *dg, const struct vnx_episode *ep)
{
	uint64_t start_ns = ep ? time_of(dg, ep->start_s) : 0;
	uint64_t end_ns = ep ? time_of(dg, ep->end_s) : 0;

	if (vm->fall && ep && end_ns > vm->fall->start_ns) {
		double since_s = (double)(m->now_ns - end_ns) / 1e9;

		return end_fall(m, vm, end_ns,
				is_back(m, vm, since_s) ? "throughput is back" : "traffic stopped");
	}
	if (vm->fall)
		return ++vm->missed < MISSES
			       ? 0
			       : end_fall(m, vm, m->now_ns,
					  "seen longer, nothing on the host explains it");
	if (!ep || start_ns < vm->told_ns || end_ns <= vm->told_ns)
		return 0;
	vm->told_ns = end_ns;
	return tell_fell(m, vm, ep, start_ns, end_ns);
}

/* What holds the VM back is told once it was seen twice, and is over once it was missed thrice. */
static int take_limit(struct vnx_live_model *m, struct vnx_live_vm *vm,
		      const struct vnx_vm_finding *f)
{
	enum vnx_cause now = f->verdict == VNX_LIMITED ? f->limits.v[0].cause : VNX_CAUSE_MAX;

	if (f->verdict == VNX_DEGRADED) /* that it was limited before is no longer the news */
		return 0;
	if (now == vm->limit) {
		vm->limit_sighted = vm->limit_missed = 0;
		if (now != VNX_CAUSE_MAX)
			snprintf(vm->limit_why, sizeof(vm->limit_why), "%s",
				 f->limits.v[0].finding);
		return 0;
	}
	if (now == VNX_CAUSE_MAX) {
		vm->limit_sighted = 0;
		if (++vm->limit_missed < MISSES)
			return 0;
		vm->limit_missed = 0;
		now = vm->limit;
		vm->limit = VNX_CAUSE_MAX;
		return vnx_live_tell(m, VNX_EVENT_ENDED, vm->label, "no longer limited (%s)",
				     vnx_cause_name(now));
	}
	if (now != vm->limit_next)
		vm->limit_sighted = 0;
	vm->limit_next = now;
	if (++vm->limit_sighted < SIGHTS)
		return 0;
	vm->limit_sighted = vm->limit_missed = 0;
	vm->limit = now;
	snprintf(vm->limit_why, sizeof(vm->limit_why), "%s", f->limits.v[0].finding);
	return vnx_live_tell(m, VNX_EVENT_FELL, vm->label, "limited, %s: %s", vnx_cause_name(now),
			     f->limits.v[0].finding);
}

static int take_verdict(struct vnx_live_model *m, struct vnx_live_vm *vm, struct vnx_diagnosis *dg)
{
	const struct vnx_vm_finding *f = &dg->vms.v[0];
	struct vnx_episode ep;
	bool any = f->verdict == VNX_DEGRADED && vnx_pick_episode(f, vnx_live_bin_s(m), &ep);
	int ret;

	vm->undetermined = f->verdict == VNX_UNDETERMINED;
	snprintf(vm->judged_why, sizeof(vm->judged_why), "%s", f->why ? f->why : "");
	ret = take_limit(m, vm, f);
	if (ret) {
		vnx_diagnosis_free(dg);
		return ret;
	}
	if (any && isnan(ep.end_s))
		return take_fall(m, vm, dg, &ep);
	vm->sighted = 0;
	ret = take_none(m, vm, dg, any ? &ep : NULL);
	vnx_diagnosis_free(dg);
	return ret;
}

/* ---- states ---- */

static size_t count_known(const struct vnx_live_model *m, const struct vnx_live_vm *vm)
{
	size_t n = 0, from = m->bins > 3 * JUDGE_BINS ? m->bins - 3 * JUDGE_BINS : 0;

	from = from < vm->busy_from ? vm->busy_from : from;
	for (size_t b = from; b < m->bins && n < JUDGE_BINS; b++)
		n += !isnan(vnx_live_value(m, vm->ring[VNX_THROUGHPUT], b));
	return n;
}

static enum vnx_live_state state_of(const struct vnx_live_model *m, struct vnx_live_vm *vm)
{
	double bps = vnx_live_level(m, vm, VNX_THROUGHPUT, m->bins, RECENT_S);

	*vm->why = '\0';
	if (vm->gone_ns)
		return VNX_LIVE_GONE;
	if (m->bins - vm->first >= JUDGE_BINS && isnan(bps)) {
		snprintf(vm->why, sizeof(vm->why), "throughput is not measured: %s",
			 vnx_backend_has_tap(vm->vm.backend) ? "its tap gives no counters"
							     : "this back end has no tap");
		return VNX_LIVE_UNKNOWN;
	}
	if (bps < IDLE_BPS)
		return VNX_LIVE_IDLE;
	if (vm->fall)
		return VNX_LIVE_DEGRADED;
	if (count_known(m, vm) < JUDGE_BINS) {
		snprintf(vm->why, sizeof(vm->why), "a verdict takes %d bins with throughput",
			 JUDGE_BINS);
		return VNX_LIVE_WAITING;
	}
	if (!vm->judged_ns) {
		snprintf(vm->why, sizeof(vm->why),
			 "no fall stands out, but its first analysis has yet to come");
		return VNX_LIVE_WAITING;
	}
	if (vm->limit != VNX_CAUSE_MAX || vm->undetermined)
		snprintf(vm->why, sizeof(vm->why), "%s",
			 vm->limit != VNX_CAUSE_MAX ? vm->limit_why : vm->judged_why);
	if (vm->limit != VNX_CAUSE_MAX)
		return VNX_LIVE_LIMITED;
	return vm->undetermined ? VNX_LIVE_UNKNOWN : VNX_LIVE_OK;
}

/* ---- whose turn it is ---- */

/*
 * First bin of the window; false: the level before the fall is no longer in memory, and what is
 * there now is what there is.
 */
static bool window_of(const struct vnx_live_model *m, const struct vnx_live_vm *vm, size_t *from)
{
	size_t want = bins_of(m, WINDOW_S), before = bins_of(m, BEFORE_S), oldest = oldest_bin(m);
	size_t at = vm->looks ? vm->flag_bin : SIZE_MAX;

	*from = m->bins > want ? m->bins - want : 0;
	if (vm->fall) {
		at = vnx_live_bin_at(m, vm->fall->start_ns);
		if (oldest && at < oldest + JUDGE_BINS)
			return false;
	}
	at = at > before ? at - before : 0;
	*from = at < *from ? at : *from;
	*from = *from < oldest ? oldest : *from;
	if (*from < vm->busy_from &&
	    (!vm->fall || vm->busy_from < vnx_live_bin_at(m, vm->fall->start_ns)))
		*from = vm->busy_from;
	*from = *from < vm->first ? vm->first : *from;
	return true;
}

static int judge(struct vnx_live_model *m, struct vnx_live_vm *vm)
{
	struct vnx_diagnosis *dg;
	size_t from;
	bool known;
	int ret;

	vm->judged_ns = m->now_ns;
	known = window_of(m, vm, &from);
	vm->looks -= vm->looks > 0;
	if (!known)
		return is_back(m, vm, RECENT_S)
			       ? end_fall(m, vm, m->now_ns, "throughput is back")
			       : end_fall(m, vm, 0, "what was before it is out of memory");
	if (from + JUDGE_BINS > m->bins)
		return 0;
	ret = run_diagnosis(m, vm, from, &dg);
	return ret ? ret : take_verdict(m, vm, dg);
}

/* What was told a while ago and goes on is no news every second; the watch sees its end. */
static uint64_t again_ns(const struct vnx_live_model *m, const struct vnx_live_vm *vm)
{
	bool old = vm->fall && m->now_ns - vm->fall->told_ns > NEWS_NS;

	return old && !vm->looks ? AGAIN_OLD_NS : AGAIN_NS;
}

enum { RANK_IN_TURN = 1, RANK_FLAGGED = 4 };

static int rank(const struct vnx_live_model *m, const struct vnx_live_vm *vm)
{
	if (vm->gone_ns || m->bins < vm->first + JUDGE_BINS)
		return 0;
	if (!vm->fall && m->bins < vm->busy_from + JUDGE_BINS)
		return 0;
	if (vm->judged_ns && m->now_ns - vm->judged_ns < again_ns(m, vm))
		return 0;
	if (vm->state == VNX_LIVE_IDLE ||
	    (vm->state == VNX_LIVE_WAITING && count_known(m, vm) < JUDGE_BINS))
		return 0;
	if (!vm->fall && !vm->ring[VNX_THROUGHPUT])
		return 0;
	if (vm->looks) /* what was seen once is to be told before others are looked at */
		return RANK_FLAGGED + (vm->sighted > 0);
	if (vm->fall && vm->id == m->selected)
		return 3;
	if (vm->fall || vm->id == m->selected)
		return 2;
	return RANK_IN_TURN;
}

/* @in_turn: the one that waited longest of those that are not flagged. */
static struct vnx_live_vm *next_one(const struct vnx_live_model *m, bool in_turn, int *best_rank)
{
	struct vnx_live_vm *best = NULL;

	*best_rank = 0;
	for (size_t i = 0; i < m->vms.n; i++) {
		struct vnx_live_vm *vm = m->vms.v[i];
		int r = rank(m, vm);

		if (in_turn)
			r = r && r < RANK_FLAGGED ? RANK_IN_TURN : 0;
		if (r > *best_rank || (r && r == *best_rank && vm->judged_ns < best->judged_ns)) {
			best = vm;
			*best_rank = r;
		}
	}
	return best;
}

/* Whom the budget allows for; without any, a flagged one, and now and then one in its turn. */
static struct vnx_live_vm *next_allowed(struct vnx_live_model *m)
{
	struct vnx_live_vm *other, *vm;
	int r;

	vm = next_one(m, false, &r);
	if (!vm || !isfinite(m->conf.share) ||
	    m->tokens_s > (r == RANK_IN_TURN ? TOKENS_MAX_S / 2 : 0))
		return vm;
	if (r < RANK_FLAGGED || m->now_ns < m->urgent_ns)
		return NULL;
	if (++m->urgent_n % URGENT_OTHERS)
		return vm;
	other = next_one(m, true, &r);
	return other ? other : vm;
}

static void charge(struct vnx_live_model *m, double cost_s)
{
	uint64_t gap_ns = (uint64_t)(cost_s * URGENT_COSTS * 1e9);

	if (isfinite(m->conf.share))
		m->tokens_s = fmax(m->tokens_s - cost_s, -fmax(TOKENS_MAX_S, cost_s));
	m->urgent_ns = m->now_ns + (gap_ns > URGENT_NS ? gap_ns : URGENT_NS);
}

static int judge_some(struct vnx_live_model *m)
{
	struct vnx_live_vm *vm;
	int ret = 0;

	while (!ret && (vm = next_allowed(m))) {
		uint64_t analyses = m->analyses;
		double begun_s = cpu_s();

		ret = judge(m, vm);
		vm->state = state_of(m, vm);
		if (m->analyses > analyses)
			charge(m, cpu_s() - begun_s);
	}
	return ret;
}

/* ---- every bin ---- */

/* Where a flow begins, what was before it is no level to fall from. */
static void watch_flow(const struct vnx_live_model *m, struct vnx_live_vm *vm, size_t b, double bps)
{
	if (isnan(bps))
		return;
	if (bps < IDLE_BPS) {
		vm->idle_bins++;
		return;
	}
	if (!vm->was_busy || vm->idle_bins >= bins_of(m, PAUSE_S))
		vm->busy_from = b + (vm->idle_bins ? SETTLE_BINS : 0);
	vm->was_busy = true;
	vm->idle_bins = 0;
}

static int watch_bins(struct vnx_live_model *m, struct vnx_live_vm *vm)
{
	struct vnx_change change;
	int told;

	/* Soon after a fall the watch has few bins of the new level: it sees no end. */
	if (vm->fall && !vm->looks && m->now_ns - vm->judged_ns >= BACK_NS &&
	    is_back(m, vm, BACK_S))
		vm->looks = 1;
	for (; vm->watch_next < m->bins; vm->watch_next++) {
		size_t b = vm->watch_next;
		double bps = vnx_live_value(m, vm->ring[VNX_THROUGHPUT], b);

		watch_flow(m, vm, b, bps);
		told = vnx_watch_push(vm->watch, bps, &change);
		if (told < 0)
			return told;
		if (!told || (!vm->fall && change.after > change.before))
			continue;
		vm->looks = FLAGGED_LOOKS;
		vm->flag_bin = vm->first + change.at;
	}
	return 0;
}

int vnx_live_suspect(struct vnx_live_model *m)
{
	uint64_t spent_ns = m->now_ns > m->budget_ns ? m->now_ns - m->budget_ns : 0;
	int ret = 0;

	for (size_t i = 0; i < m->vms.n; i++) {
		struct vnx_live_vm *vm = m->vms.v[i];

		if (!ret)
			ret = watch_bins(m, vm);
		vm->state = state_of(m, vm);
		if (vm->fall && (vm->state == VNX_LIVE_IDLE || vm->gone_ns) && !ret)
			ret = end_fall(m, vm, m->now_ns,
				       vm->gone_ns ? "the VM is gone" : "the traffic stopped");
	}
	m->tokens_s = fmin(m->tokens_s + (double)spent_ns / 1e9 * m->conf.share, TOKENS_MAX_S);
	m->budget_ns = m->now_ns;
	return ret ? ret : judge_some(m);
}
