// SPDX-License-Identifier: GPL-2.0-only
/* From what the shards counted to a run, as a recording would tell it. */
#include <inttypes.h>
#include <math.h>

#include "cli/input/trace/trace_internal.h"

#define HINT_HOOKS                                                                          \
	"Record the calls: trace-cmd record -C mono -p function -l handle_tx -l handle_rx " \
	"-l kvm_vcpu_halt -e kvm:kvm_entry. `--hook METRIC=HOOK` names other events."

#define FAR_NS (24 * 3600 * VNX_NSEC_PER_SEC)
#define SPAN_MAX (4u << 20) /* bins: 24 days of 0.5 s */

/* Events of each source, all shards. */
static void add_up(const struct vnx_trace *t, uint64_t *counts)
{
	for (size_t i = 0; i < t->shards.n; i++) {
		const struct vnx_trace_shard *sh = t->shards.v[i];

		for (size_t j = 0; j < sh->table_size; j++)
			for (size_t b = 0; sh->table[j] && b < sh->table[j]->bins.n; b++)
				counts[sh->table[j]->source] += sh->table[j]->bins.v[b].count;
	}
}

static bool has_symbol(const void *trace, const char *name)
{
	const struct vnx_trace *t = trace;

	for (size_t i = 0; i < t->symbols.n; i++)
		if (!strcmp(t->symbols.v[i], name))
			return true;
	return false;
}

static int refuse(struct vnx_hook *hook, const char *what, const char *why)
{
	struct vnx_refusal r = { 0 };

	snprintf(r.hook, sizeof(r.hook), "%s", what);
	snprintf(r.why, sizeof(r.why), "%s", why);
	return vnx_vec_push(&hook->refused, r);
}

/* The best source of @metric that has events: its number, -1 none, -ENOMEM; fills @hook. */
static int choose(const struct vnx_trace *t, const uint64_t *counts, struct vnx_hook *hook)
{
	int best = -1;

	for (unsigned i = 0; i < t->n_sources; i++) {
		const struct rung *r = &t->rungs.v[t->sources[i].rung];
		const char *is;

		if (r->metric != hook->metric || !counts[i])
			continue;
		is = vnx_candidate_differs(r->unless, has_symbol, t);
		if (is) {
			char why[VNX_WHY_LEN];

			snprintf(why, sizeof(why), "in this kernel %s", is);
			if (refuse(hook, t->sources[i].hook, why))
				return -ENOMEM;
			continue;
		}
		if (best < 0 || t->sources[i].rung < t->sources[best].rung)
			best = (int)i;
	}
	if (best < 0)
		return refuse(hook, vnx_metric_name(hook->metric), "the trace has no event for it")
			       ? -ENOMEM
			       : -1;
	return best;
}

static void describe(const struct vnx_trace *t, int source, struct vnx_hook *hook)
{
	const struct rung *r = &t->rungs.v[t->sources[source].rung];

	snprintf(hook->hook, sizeof(hook->hook), "%s", t->sources[source].hook);
	if (r->note)
		snprintf(hook->note, sizeof(hook->note), "%s", r->note);
	else if (r->unless && !t->symbols.n)
		snprintf(hook->note, sizeof(hook->note),
			 "in some kernels %s: the trace does not tell of which it is",
			 r->unless->why);
}

/* One row a call metric; @of[source] is the metric that uses it, or -1. */
static int fill_hooks(const struct vnx_trace *t, const uint64_t *counts, struct vnx_hooks *hooks,
		      int *of)
{
	for (unsigned i = 0; i < t->n_sources; i++)
		of[i] = -1;
	for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++) {
		struct vnx_hook hook = { .metric = (enum vnx_metric)m };
		int source = choose(t, counts, &hook);

		if (source >= 0) {
			of[source] = m;
			describe(t, source, &hook);
		}
		if ((source < 0 && source != -1) || vnx_vec_push(hooks, hook)) {
			free(hook.refused.v);
			return -ENOMEM;
		}
	}
	return 0;
}

/* What was found was recorded from the trace's first event to its last. */
static void date_hooks(struct vnx_hooks *hooks, uint64_t first_ns, uint64_t last_ns)
{
	for (size_t i = 0; i < hooks->n; i++) {
		if (!hooks->v[i].hook[0])
			continue;
		hooks->v[i].since_ns = first_ns ? first_ns : 1;
		hooks->v[i].until_ns = last_ns + 1;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct vnx_sample *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	return x->entity < y->entity ? -1 : x->entity > y->entity;
}

/* Same bin, metric and thread from several shards, or out of order in one, are one sample. */
static void merge_samples(struct vnx_samples *s)
{
	size_t kept = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_time);
	for (size_t i = 0; i < s->n; i++) {
		if (kept && !by_time(&s->v[kept - 1], &s->v[i]))
			s->v[kept - 1].count += s->v[i].count;
		else
			s->v[kept++] = s->v[i];
	}
	s->n = kept;
}

static int slot_samples(struct vnx_trace *t, const struct vnx_trace_slot *slot, const int *of)
{
	struct vnx_sample s = { .entity = slot->tid, .dur_ns = t->conf->bin_ns };

	if (of[slot->source] < 0)
		return 0;
	s.metric = (uint32_t)of[slot->source];
	for (size_t b = 0; b < slot->bins.n; b++) {
		s.t_ns = vnx_trace_begin_of(t, slot->bins.v[b].bin);
		s.count = slot->bins.v[b].count;
		if (vnx_vec_push(&t->samples, s))
			return -ENOMEM;
	}
	return 0;
}

static int make_samples(struct vnx_trace *t, const int *of)
{
	for (size_t i = 0; i < t->shards.n; i++)
		for (size_t j = 0; j < t->shards.v[i]->table_size; j++)
			if (t->shards.v[i]->table[j] &&
			    slot_samples(t, t->shards.v[i]->table[j], of))
				return -ENOMEM;
	merge_samples(&t->samples);
	return 0;
}

/*
 * A damaged time stamp puts its event days from all others. Of stretches that are so far from
 * each other the one with most events is kept, and *first_ns and *last_ns do not leave it.
 */
static void keep_one_stretch(struct vnx_trace *t, uint64_t *first_ns, uint64_t *last_ns)
{
	struct vnx_samples *s = &t->samples;
	size_t from = 0, best_from = 0, best_to = s->n;
	uint64_t events = 0, best = 0, all = 0;

	for (size_t i = 0; i < s->n; i++) {
		events += s->v[i].count;
		all += s->v[i].count;
		if (i + 1 < s->n && s->v[i + 1].t_ns - s->v[i].t_ns <= FAR_NS)
			continue;
		if (events > best) {
			best = events;
			best_from = from;
			best_to = i + 1;
		}
		from = i + 1;
		events = 0;
	}
	if (best < all)
		vnx_trace_warn(t, "%" PRIu64 " events a day from all others are left out",
			       all - best);
	s->n = best_to - best_from;
	memmove(s->v, s->v + best_from, s->n * sizeof(*s->v));
	if (s->n && *first_ns < s->v[0].t_ns && s->v[0].t_ns - *first_ns > FAR_NS)
		*first_ns = s->v[0].t_ns;
	if (s->n && *last_ns > s->v[s->n - 1].t_ns && *last_ns - s->v[s->n - 1].t_ns > FAR_NS)
		*last_ns = s->v[s->n - 1].t_ns + s->v[s->n - 1].dur_ns;
}

/* After the VMs are known: a loss belongs to no thread. */
static int append_lost(struct vnx_trace *t, uint64_t first_ns, uint64_t last_ns)
{
	for (size_t i = 0; i < t->lost.n; i++) {
		struct vnx_sample s = t->lost.v[i];
		uint64_t end_ns = s.dur_ns > UINT64_MAX - s.t_ns ? UINT64_MAX : s.t_ns + s.dur_ns;

		/* "From the start", "to the end": the trace reaches no further than this. */
		if (s.t_ns < first_ns)
			s.t_ns = first_ns;
		if (end_ns > last_ns)
			end_ns = last_ns;
		s.dur_ns = end_ns > s.t_ns ? end_ns - s.t_ns : 1;
		if (vnx_vec_push(&t->samples, s))
			return -ENOMEM;
	}
	return 0;
}

static int span(const struct vnx_trace *t, uint64_t *first_ns, uint64_t *last_ns)
{
	*first_ns = UINT64_MAX;
	*last_ns = 0;
	for (size_t i = 0; i < t->shards.n; i++) {
		const struct vnx_trace_shard *sh = t->shards.v[i];

		if (sh->error)
			return sh->error;
		if (sh->first_ns < *first_ns)
			*first_ns = sh->first_ns;
		if (sh->last_ns > *last_ns)
			*last_ns = sh->last_ns;
	}
	return 0;
}

static int no_events(const struct vnx_trace *t, bool any, struct vnx_err *err)
{
	vnx_err_hint(err, HINT_HOOKS);
	if (t->warning[0])
		return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-events",
				   "nothing can be read from %s: %s", t->in->path, t->warning);
	return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-events",
			   any ? "%s has events, but none that counts calls of the virtual network"
			       : "%s has no events in it",
			   t->in->path);
}

/* Whole bins only: those that the trace begins and ends in are cut. */
static void fill_facts(const struct vnx_trace *t, const struct vnx_trace_facts *facts,
		       uint64_t first_ns, uint64_t last_ns, const uint64_t *counts,
		       struct vnx_run_facts *out)
{
	uint64_t bin_ns = t->conf->bin_ns;

	*out = (struct vnx_run_facts){
		.bin_ns = bin_ns,
		.start_ns = vnx_trace_begin_of(t, (first_ns + t->shift_ns + bin_ns - 1) / bin_ns),
		.end_ns = vnx_trace_begin_of(t, (last_ns + t->shift_ns) / bin_ns),
		.realtime_minus_mono_ns = facts->has_realtime ? facts->realtime_minus_mono_ns
					  : t->has_realtime   ? t->realtime_minus_mono_ns
							      : 0,
		.cpu_share = NAN,
		.stats.ns_per_event = NAN,
		.finished = true,
	};
	if (out->end_ns < out->start_ns)
		out->end_ns = out->start_ns;
	for (unsigned i = 0; i < t->n_sources; i++)
		out->stats.events += counts[i];
	for (size_t i = 0; i < t->lost.n; i++)
		out->stats.lost += t->lost.v[i].count;
	/* Text does not tell its clock; who left the marker had set it to mono. */
	snprintf(out->clock, sizeof(out->clock), "%s",
		 !*facts->clock && t->has_realtime ? "mono" : facts->clock);
	snprintf(out->kernel, sizeof(out->kernel), "%s", facts->kernel);
	snprintf(out->host, sizeof(out->host), "%s", facts->host);
	snprintf(out->capture, sizeof(out->capture), "%s", facts->capture);
}

static int too_much(const struct vnx_trace *t, int error, struct vnx_err *err)
{
	if (error == -E2BIG)
		return vnx_err_set(err, error, VNX_EXIT_FAILED, "damaged",
				   "%s has more threads or moments than any trace of a host: "
				   "it is damaged",
				   t->in->path);
	return vnx_err_set(err, error, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

int vnx_trace_run(struct vnx_trace *t, const struct vnx_trace_facts *facts, struct vnx_run *run,
		  struct vnx_err *err)
{
	uint64_t counts[VNX_TRACE_SOURCES] = { 0 }, first_ns, last_ns, all = 0;
	int of[VNX_TRACE_SOURCES], ret = span(t, &first_ns, &last_ns);

	vnx_trace_progress_end(t);
	if (ret)
		return too_much(t, ret, err);
	add_up(t, counts);
	for (unsigned i = 0; i < t->n_sources; i++)
		all += counts[i];
	if (!all)
		return no_events(t, first_ns <= last_ns, err);
	vnx_trace_threads_merge(&t->threads);
	ret = fill_hooks(t, counts, &run->hooks, of);
	if (!ret)
		ret = make_samples(t, of);
	if (!ret)
		keep_one_stretch(t, &first_ns, &last_ns);
	if (!ret && (last_ns - first_ns) / t->conf->bin_ns > SPAN_MAX)
		ret = -E2BIG;
	if (ret)
		return too_much(t, ret, err);
	date_hooks(&run->hooks, first_ns, last_ns);
	fill_facts(t, facts, first_ns, last_ns, counts, &run->facts);
	ret = vnx_trace_vms(t, &run->vms);
	if (!ret)
		ret = append_lost(t, first_ns, last_ns);
	if (!ret)
		ret = vnx_trace_evidence(t, first_ns, last_ns, run);
	if (ret)
		return too_much(t, ret, err);
	if (t->warnings > 1)
		snprintf(run->warning, sizeof(run->warning), "%s (and %" PRIu64 " more)",
			 t->warning, t->warnings - 1);
	else
		snprintf(run->warning, sizeof(run->warning), "%s", t->warning);
	t->at = 0;
	return 0;
}

int vnx_trace_next(struct vnx_trace *t, struct vnx_sample *s)
{
	if (t->at == t->samples.n)
		return 0;
	*s = t->samples.v[t->at++];
	return 1;
}
