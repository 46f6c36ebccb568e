// SPDX-License-Identifier: GPL-2.0-only
#include "cli/live/keep.h"

#include <unistd.h>

#define SAMPLES_MAX (128 * 1024) /* 4 MB */
#define HOLDS_MAX (32 * 1024)
#define PUT_AGAIN_NS (10 * VNX_NSEC_PER_SEC) /* VMs and hooks, where no event calls for it */

int vnx_live_keep_begin(struct vnx_live_keep *k, const char *path, bool force, struct vnx_err *err)
{
	if (!force && !access(path, F_OK)) {
		vnx_err_hint(err, "Give another name, or remove that file first.");
		return vnx_err_set(err, -EEXIST, VNX_EXIT_FAILED, "file-exists",
				   "%s exists and is not overwritten", path);
	}
	free(k->path);
	k->path = strdup(path);
	k->force = force;
	return k->path ? 0 : -ENOMEM;
}

static uint64_t edge_after(const struct vnx_live_model *m, uint64_t ns)
{
	uint64_t bin_ns = m->facts.bin_ns;

	if (ns <= m->facts.start_ns)
		return m->facts.start_ns;
	return m->facts.start_ns + (ns - m->facts.start_ns + bin_ns - 1) / bin_ns * bin_ns;
}

/* Gives up the oldest quarter. */
static void drop_oldest(struct vnx_live_keep *k, const struct vnx_live_model *m, uint64_t from_ns)
{
	size_t n = 0;

	k->since_ns = edge_after(m, from_ns);
	for (size_t i = 0; i < k->samples.n; i++)
		if (k->samples.v[i].t_ns + k->samples.v[i].dur_ns > k->since_ns)
			k->samples.v[n++] = k->samples.v[i];
	k->samples.n = n;
	n = 0;
	for (size_t i = 0; i < k->holds.n; i++)
		if (k->holds.v[i].t_ns >= k->since_ns)
			k->holds.v[n++] = k->holds.v[i];
	k->holds.n = n;
}

static int remember(struct vnx_live_keep *k, const struct vnx_live_model *m,
		    const struct vnx_seen *seen)
{
	uint64_t span_ns = VNX_LIVE_BINS * m->facts.bin_ns;
	int ret = 0;

	if (!k->since_ns)
		k->since_ns = seen->facts->start_ns;
	for (size_t i = 0; i < seen->samples->n && !ret; i++)
		ret = vnx_vec_push(&k->samples, seen->samples->v[i]);
	for (size_t i = 0; i < seen->holds->n && !ret; i++)
		ret = vnx_vec_push(&k->holds, seen->holds->v[i]);
	if (k->samples.n > SAMPLES_MAX)
		drop_oldest(k, m, k->samples.v[k->samples.n / 4].t_ns);
	if (k->holds.n > HOLDS_MAX)
		drop_oldest(k, m, k->holds.v[k->holds.n / 4].t_ns);
	if (m->now_ns > span_ns + span_ns / 4 && k->since_ns < m->now_ns - span_ns - span_ns / 4)
		drop_oldest(k, m, m->now_ns - span_ns);
	return ret;
}

double vnx_live_keep_memory_s(const struct vnx_live_keep *k, const struct vnx_live_model *m)
{
	return k->since_ns && m->now_ns > k->since_ns ? (double)(m->now_ns - k->since_ns) / 1e9 : 0;
}

static int put_people(struct vnx_live_keep *k, const struct vnx_live_model *m,
		      const struct vnx_seen *seen, struct vnx_err *err)
{
	int ret = vnx_recording_put_vms(k->rec, seen->vms, seen->others, err);

	if (!ret)
		ret = vnx_recording_put_hooks(k->rec, seen->hooks, err);
	if (!ret)
		ret = vnx_recording_put_sources(k->rec, seen->sources, err);
	k->put_ns = m->now_ns;
	k->told = m->events_gone + m->events.n;
	return ret;
}

/* What is in memory goes in as one transaction, as every bin after it. */
static int write_memory(struct vnx_live_keep *k, const struct vnx_live_model *m,
			const struct vnx_seen *seen, struct vnx_err *err)
{
	struct vnx_run_facts facts = *seen->facts;
	int ret = vnx_recording_add_samples(k->rec, &k->samples, err);

	for (size_t i = 0; i < k->samples.n; i++)
		if (vnx_metric_is_call(k->samples.v[i].metric))
			k->events += k->samples.v[i].count;
	facts.start_ns = k->start_ns;
	facts.end_ns = facts.end_ns > k->start_ns ? facts.end_ns : k->start_ns;
	facts.stats.events = k->events;
	k->facts = facts;
	if (!ret)
		ret = vnx_recording_add_holds(k->rec, &k->holds, err);
	if (!ret && (seen->facts->finished || m->events_gone + m->events.n != k->told ||
		     m->now_ns >= k->put_ns + PUT_AGAIN_NS))
		ret = put_people(k, m, seen, err);
	if (!ret)
		ret = vnx_recording_update(k->rec, &facts, err);
	if (!ret)
		ret = vnx_recording_commit(k->rec, err);
	return ret;
}

static int create(struct vnx_live_keep *k, const struct vnx_seen *seen, struct vnx_err *err)
{
	struct vnx_run_facts facts = *seen->facts;

	k->start_ns = facts.start_ns = k->since_ns;
	k->events = 0;
	k->put_ns = 0;
	k->told = SIZE_MAX;
	return vnx_recording_create(k->path, k->force, &facts, &k->rec, err);
}

static void forget_recording(struct vnx_live_keep *k)
{
	k->rec = NULL;
	free(k->path);
	k->path = NULL;
}

static int fail(struct vnx_live_keep *k, struct vnx_live_model *m, const struct vnx_err *why)
{
	struct vnx_err ignored = { 0 };
	const char *message = *why->message ? why->message : "out of memory"; /* has no sentence */

	snprintf(k->failed, sizeof(k->failed), "%s", message);
	snprintf(k->remedy, sizeof(k->remedy), "%s", why->hint);
	vnx_recording_close(k->rec, &ignored);
	forget_recording(k);
	return vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "recording failed: %s%s%s", message,
			     *why->hint ? ". " : "", why->hint);
}

static int record(struct vnx_live_keep *k, struct vnx_live_model *m, const struct vnx_seen *seen,
		  struct vnx_err *err)
{
	bool begins = !k->rec;
	double memory_s;
	int ret = begins ? create(k, seen, err) : 0;

	if (!ret)
		ret = write_memory(k, m, seen, err);
	if (ret || !begins)
		return ret;
	memory_s = vnx_live_keep_memory_s(k, m);
	if (memory_s < 1)
		return vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "recording to %s", k->path);
	return vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "recording to %s, with the %.0f s before",
			     k->path, memory_s);
}

int vnx_live_keep_feed(struct vnx_live_keep *k, struct vnx_live_model *m,
		       const struct vnx_seen *seen, struct vnx_err *err)
{
	struct vnx_err why = { 0 };
	bool was_recording = k->rec;
	int ret;

	/* While recording only what is new since the last bin is to be written. */
	if (was_recording) {
		k->samples.n = k->holds.n = 0;
		k->since_ns = m->now_ns;
	}
	ret = remember(k, m, seen);
	if (ret || !k->path)
		return ret;
	ret = record(k, m, seen, &why);
	if (!ret || !k->fatal)
		return ret ? fail(k, m, &why) : 0;
	*err = why;
	return ret;
}

static int complete(struct vnx_live_keep *k, struct vnx_err *err)
{
	struct vnx_err ignored = { 0 };
	int ret, closed;

	k->facts.finished = true;
	ret = vnx_recording_update(k->rec, &k->facts, err);
	if (!ret)
		ret = vnx_recording_commit(k->rec, err);
	closed = vnx_recording_close(k->rec, ret ? &ignored : err);
	k->rec = NULL;
	return ret ? ret : closed;
}

int vnx_live_keep_end(struct vnx_live_keep *k, struct vnx_live_model *m, struct vnx_err *err)
{
	struct vnx_err why = { 0 };
	int ret;

	/* Asked for since the last bin: there is no file yet. */
	if (!k->rec) {
		forget_recording(k);
		return 0;
	}
	ret = complete(k, &why);
	k->fatal = false;
	/* What was recorded is not told again by the next one. */
	k->samples.n = k->holds.n = 0;
	k->since_ns = m->now_ns;
	if (ret) {
		*err = why;
		fail(k, m, &why);
		return ret;
	}
	ret = vnx_live_tell(m, VNX_EVENT_NOTE, NULL, "recording to %s ends", k->path);
	free(k->done);
	k->done = k->path;
	k->path = NULL;
	return ret;
}

void vnx_live_keep_fini(struct vnx_live_keep *k)
{
	struct vnx_err ignored = { 0 };

	if (k->rec)
		vnx_recording_close(k->rec, &ignored);
	forget_recording(k);
	free(k->done);
	free(k->samples.v);
	free(k->holds.v);
}
