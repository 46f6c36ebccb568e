// SPDX-License-Identifier: GPL-2.0-only
/* What happened, in order of telling. */
#include "cli/live/model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#define LOST_AGAIN_NS (10 * VNX_NSEC_PER_SEC)       /* losses are told at most so often */
#define DAY_SHOWN_NS (12 * 3600 * VNX_NSEC_PER_SEC) /* older: the hour alone would mislead */

static void event_fini(struct vnx_live_event *e)
{
	free(e->vm);
	free(e->text);
}

void vnx_live_events_free(struct vnx_live_model *m)
{
	for (size_t i = 0; i < m->events.n; i++)
		event_fini(&m->events.v[i]);
	free(m->events.v);
}

static void drop_oldest(struct vnx_live_model *m)
{
	size_t n = VNX_LIVE_EVENTS / 4;

	for (size_t i = 0; i < n; i++)
		event_fini(&m->events.v[i]);
	memmove(m->events.v, m->events.v + n, (m->events.n - n) * sizeof(*m->events.v));
	m->events.n -= n;
	m->events_gone += n;
}

/**
 * vnx_live_tell() - appends an event of now; @vm NULL: the host's. The oldest give way. -ENOMEM.
 */
int vnx_live_tell(struct vnx_live_model *m, enum vnx_live_kind kind, const char *vm,
		  const char *fmt, ...)
{
	struct vnx_live_event e = { .t_ns = m->now_ns, .kind = kind, .vm = strdup(vm ? vm : "") };
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&e.text, fmt, ap) < 0)
		e.text = NULL;
	va_end(ap);
	if (m->events.n >= VNX_LIVE_EVENTS)
		drop_oldest(m);
	if (e.vm && e.text && !vnx_vec_push(&m->events, e))
		return 0;
	event_fini(&e);
	return -ENOMEM;
}

char *vnx_live_clock(const struct vnx_live_model *m, uint64_t ns, char buf[32])
{
	int64_t wall_ns = (int64_t)ns + m->facts.realtime_minus_mono_ns;
	time_t t = (time_t)(wall_ns / (int64_t)VNX_NSEC_PER_SEC);
	bool old = m->now_ns > ns && m->now_ns - ns > DAY_SHOWN_NS;
	struct tm tm;

	/* A raw trace does not know the wall clock: seconds of the trace then. */
	if (!m->facts.realtime_minus_mono_ns || !localtime_r(&t, &tm) ||
	    !strftime(buf, 32, old ? "%m-%d %H:%M:%S" : "%H:%M:%S", &tm))
		snprintf(buf, 32, "%.1f s",
			 ns > m->facts.start_ns ? (double)(ns - m->facts.start_ns) / 1e9 : 0.0);
	return buf;
}

static int compare_sources(struct vnx_live_model *m, const struct vnx_source_states *now)
{
	int ret = 0;

	for (size_t i = 0; i < now->n && !ret; i++) {
		const struct vnx_source_state *s = &now->v[i];
		bool fresh = i >= m->sources.n;

		if (!fresh && !strcmp(s->why, m->sources.v[i].why))
			continue;
		if (*s->why)
			ret = vnx_live_tell(m, VNX_EVENT_SOURCE, NULL, "evidence \"%s\" is %s: %s",
					    s->name, fresh ? "off" : "lost", s->why);
		else if (!fresh)
			ret = vnx_live_tell(m, VNX_EVENT_SOURCE, NULL,
					    "evidence \"%s\" is measured again", s->name);
		if (!ret && fresh)
			ret = vnx_vec_push(&m->sources, *s);
		else if (!fresh)
			m->sources.v[i] = *s;
	}
	return ret;
}

static bool same_hook(const struct vnx_hook *a, const struct vnx_hook *b)
{
	return !strcmp(a->hook, b->hook) && !a->since_ns == !b->since_ns &&
	       !a->until_ns == !b->until_ns;
}

static int tell_hook(struct vnx_live_model *m, const struct vnx_hook *h, bool fresh)
{
	const char *metric = vnx_metric_name(h->metric);
	const char *why = h->refused.n ? h->refused.v[h->refused.n - 1].why : "no hook is left";

	if (!h->since_ns || !*h->hook)
		return vnx_live_tell(m, VNX_EVENT_SOURCE, NULL, "%s is not counted: %s", metric,
				     why);
	if (h->until_ns && !fresh)
		return vnx_live_tell(m, VNX_EVENT_SOURCE, NULL,
				     "%s is no longer counted: its hook %s is gone", metric,
				     h->hook);
	if (!fresh)
		return vnx_live_tell(m, VNX_EVENT_SOURCE, NULL, "%s is counted by %s from now on",
				     metric, h->hook);
	return 0;
}

static int compare_hooks(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	const struct vnx_hooks *now = seen->hooks;
	bool same = now->n == m->hooks.n;
	int ret = 0;

	/* At the end all hooks go. */
	for (size_t i = 0; i < now->n && !ret && !seen->facts->finished; i++) {
		bool fresh = i >= m->hooks.n;

		if (!fresh && same_hook(&now->v[i], &m->hooks.v[i]))
			continue;
		same = false;
		vnx_live_forget_calls(m, now->v[i].metric, now->v[i].since_ns);
		ret = tell_hook(m, &now->v[i], fresh);
	}
	if (ret || same)
		return ret;
	vnx_hooks_fini(&m->hooks);
	return vnx_hooks_copy(&m->hooks, now);
}

static int compare_lost(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	uint64_t n = 0;

	for (size_t i = 0; i < seen->samples->n; i++)
		if (seen->samples->v[i].metric == VNX_LOST)
			n += seen->samples->v[i].count ? seen->samples->v[i].count : 1;
	m->lost_events += n;
	for (size_t i = m->events.n; n && i > 0; i--) {
		const struct vnx_live_event *e = &m->events.v[i - 1];

		if (m->now_ns - e->t_ns > LOST_AGAIN_NS)
			break;
		if (e->kind == VNX_EVENT_LOST)
			return 0;
	}
	return n ? vnx_live_tell(m, VNX_EVENT_LOST, NULL,
				 "%" PRIu64
				 " events were lost: bins with more than 5 %% lost are not judged",
				 n)
		 : 0;
}

int vnx_live_compare(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	int ret = compare_sources(m, seen->sources);

	if (!ret)
		ret = compare_hooks(m, seen);
	if (!ret)
		ret = compare_lost(m, seen);
	if (!ret && seen->facts->clock_stepped && !m->facts.clock_stepped)
		ret = vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "the host's wall clock was stepped");
	if (!ret && seen->partial && !m->partial_told) {
		m->partial_told = true;
		ret = vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "%s. %s", seen->partial->message,
				    seen->partial->hint);
	}
	return ret;
}
