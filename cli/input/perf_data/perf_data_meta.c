// SPDX-License-Identifier: GPL-2.0-only
/* What the file tells of its events, its machine and its threads. */
#include "cli/input/perf_data/perf_data.h"

#define THREADS_MAX (1u << 18)
#define UPDATE_NAME 2 /* PERF_EVENT_UPDATE__NAME */

/* A string as sections have it: its length in 32 bits, then so many bytes. */
static size_t take_string(const struct perf_data *pd, const uint8_t *p, size_t len,
			  const char **text)
{
	uint32_t n;

	if (len < 4)
		return 0;
	n = perf_u32(pd, p);
	if (n > len - 4)
		return 0;
	*text = (const char *)p + 4;
	return 4 + (size_t)n;
}

static void copy_string(const struct perf_data *pd, const uint8_t *p, size_t len, char *to,
			size_t size)
{
	const char *text;
	size_t n = take_string(pd, p, len, &text);

	if (n)
		snprintf(to, size, "%.*s", (int)(n - 4), text);
	/* It goes into reports: no control characters. */
	for (char *c = to; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* By its ids; where it has none by its place. */
static struct perf_attr *described(struct perf_data *pd, const uint8_t *ids, uint32_t n_ids,
				   uint32_t place)
{
	struct perf_id *row = n_ids ? vnx_perf_id_find(pd, perf_u64(pd, ids)) : NULL;

	if (row)
		return &pd->attrs.v[row->attr];
	return place < pd->attrs.n && !n_ids ? &pd->attrs.v[place] : NULL;
}

/* nr, size of attr; each: attr, nr of ids, name, ids. */
static int take_event_desc(struct perf_data *pd, const uint8_t *p, size_t len)
{
	uint32_t n, attr_size;
	size_t at = 8;

	if (len < 8)
		return -EPROTO;
	n = perf_u32(pd, p);
	attr_size = perf_u32(pd, p + 4);
	for (uint32_t i = 0; i < n; i++) {
		const char *name;
		uint32_t n_ids;
		size_t used;
		struct perf_attr *attr;

		if (len - at < (uint64_t)attr_size + 4)
			return -EPROTO;
		n_ids = perf_u32(pd, p + at + attr_size);
		at += (size_t)attr_size + 4;
		used = take_string(pd, p + at, len - at, &name);
		if (!used || (len - at - used) / 8 < n_ids)
			return -EPROTO;
		at += used;
		attr = described(pd, p + at, n_ids, i);
		if (attr)
			vnx_perf_attr_name(attr, name, used - 4);
		at += (size_t)n_ids * 8;
	}
	return 0;
}

/* version 1, clock id, wall clock, that clock, at one moment. */
static void take_clock_data(struct perf_data *pd, const uint8_t *p, size_t len)
{
	uint64_t wall_ns, clock_ns;

	if (len < 24 || perf_u32(pd, p) != 1)
		return;
	wall_ns = perf_u64(pd, p + 8);
	clock_ns = perf_u64(pd, p + 16);
	if (wall_ns > INT64_MAX || clock_ns > INT64_MAX)
		return;
	pd->has_realtime = true;
	pd->realtime_minus_clock_ns = (int64_t)wall_ns - (int64_t)clock_ns;
}

int vnx_perf_feature(struct perf_data *pd, unsigned feature, const uint8_t *p, size_t len)
{
	switch (feature) {
	case PERF_FEATURE_TRACING_DATA:
		return pd->frozen ? 0 : vnx_perf_tracing_data(pd, p, len);
	case PERF_FEATURE_EVENT_DESC:
		return pd->frozen ? 0 : take_event_desc(pd, p, len);
	case PERF_FEATURE_HOSTNAME:
		copy_string(pd, p, len, pd->host, sizeof(pd->host));
		return 0;
	case PERF_FEATURE_OSRELEASE:
		copy_string(pd, p, len, pd->kernel, sizeof(pd->kernel));
		return 0;
	case PERF_FEATURE_VERSION:
		copy_string(pd, p, len, pd->version, sizeof(pd->version));
		return 0;
	case PERF_FEATURE_CLOCK_DATA:
		take_clock_data(pd, p, len);
		return 0;
	case PERF_FEATURE_SAMPLE_TIME:
		if (len >= 16)
			pd->last_sample_ns = perf_u64(pd, p + 8);
		return 0;
	default:
		return 0;
	}
}

/* ---- records that describe ---- */

static int take_attr(struct perf_data *pd, const uint8_t *rec, size_t len)
{
	uint32_t attr, size;
	int ret;

	if (pd->frozen) {
		vnx_trace_warn(pd->trace, "an event is described after the first sample: its "
					  "samples are left out");
		return 0;
	}
	ret = vnx_perf_attr_add(pd, rec + 8, len - 8, &attr);
	if (ret)
		return ret;
	size = perf_u32(pd, rec + 12);
	for (size_t at = 8 + (size ? size : 64); at + 8 <= len && !ret; at += 8)
		ret = vnx_perf_id_add(pd, perf_u64(pd, rec + at), attr);
	return ret;
}

static void take_update(struct perf_data *pd, const uint8_t *rec, size_t len)
{
	struct perf_id *row = vnx_perf_id_find(pd, perf_u64(pd, rec + 16));

	if (row && perf_u64(pd, rec + 8) == UPDATE_NAME)
		vnx_perf_attr_name(&pd->attrs.v[row->attr], (const char *)rec + 24, len - 24);
}

static void take_event_type(struct perf_data *pd, const uint8_t *rec, size_t len)
{
	if (!vnx_perf_afford(pd, pd->attrs.n))
		return;
	for (size_t i = 0; i < pd->attrs.n; i++)
		if (pd->attrs.v[i].config == perf_u64(pd, rec + 8))
			vnx_perf_attr_name(&pd->attrs.v[i], (const char *)rec + 16, len - 16);
}

int vnx_perf_describe(struct perf_data *pd, uint32_t type, const uint8_t *rec, size_t len)
{
	int ret = 0;

	if (type == PERF_USER_ATTR)
		ret = take_attr(pd, rec, len);
	else if (type == PERF_USER_FEATURE && len > 16)
		ret = vnx_perf_feature(pd,
				       perf_u64(pd, rec + 8) < PERF_FEATURES
					       ? (unsigned)perf_u64(pd, rec + 8)
					       : PERF_FEATURES,
				       rec + 16, len - 16);
	else if (type == PERF_USER_EVENT_UPDATE && len > 24 && !pd->frozen)
		take_update(pd, rec, len);
	else if (type == PERF_USER_EVENT_TYPE && len > 16 && !pd->frozen)
		take_event_type(pd, rec, len);
	if (ret != -EPROTO && ret != -E2BIG)
		return ret;
	vnx_trace_warn(pd->trace, "a description of an event is damaged: left out");
	return 0;
}

/* ---- threads ---- */

static struct perf_thread *thread_slot(const struct perf_threads *threads, uint32_t tid)
{
	size_t i = (tid * 2654435761u) & (threads->size - 1);

	while (threads->v[i].tid && threads->v[i].tid != tid)
		i = (i + 1) & (threads->size - 1);
	return &threads->v[i];
}

static int grow_threads(struct perf_threads *threads)
{
	struct perf_threads old = *threads;

	threads->size = old.size ? old.size * 2 : 256;
	threads->v = calloc(threads->size, sizeof(*threads->v));
	if (!threads->v) {
		*threads = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.v[i].tid)
			*thread_slot(threads, old.v[i].tid) = old.v[i];
	free(old.v);
	return 0;
}

/* Names that tell whose a thread is: kept even where there are too many threads for all. */
static bool is_telling(const char *comm, size_t len)
{
	return comm && len > 6 && (!strncmp(comm, "vhost-", 6) || memmem(comm, len, "/KVM", 4));
}

/**
 * vnx_perf_thread() - a name or a process of a thread; the first of each stays.
 */
int vnx_perf_thread(struct perf_data *pd, uint32_t tid, uint32_t tgid, const char *comm, size_t len)
{
	struct perf_threads *threads = &pd->threads;
	struct perf_thread *row;

	len = comm ? strnlen(comm, len) : 0;
	if (!tid || tid == UINT32_MAX)
		return 0;
	if (threads->n * 2 >= threads->size && grow_threads(threads))
		return -ENOMEM;
	row = thread_slot(threads, tid);
	if (!row->tid) {
		if (threads->n >= (is_telling(comm, len) ? 2 * THREADS_MAX : THREADS_MAX))
			return 0;
		row->tid = tid;
		threads->n++;
	}
	if (!row->tgid && tgid != UINT32_MAX)
		row->tgid = tgid;
	if (!row->comm[0] && len)
		snprintf(row->comm, sizeof(row->comm), "%.*s", (int)len, comm);
	return 0;
}

int vnx_perf_threads_tell(struct perf_data *pd)
{
	const struct perf_threads *threads = &pd->threads;
	int ret = 0;

	for (size_t i = 0; i < threads->size && !ret; i++)
		if (threads->v[i].tid)
			ret = vnx_trace_thread(pd->trace, threads->v[i].tid, threads->v[i].tgid,
					       threads->v[i].comm);
	return ret;
}
