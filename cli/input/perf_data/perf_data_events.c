// SPDX-License-Identifier: GPL-2.0-only
/* What was sampled, how its samples look, and which of it counts. */
#include <inttypes.h>
#include <time.h>

#include "cli/input/perf_data/perf_data.h"

#define ATTRS_MAX 4096
#define NUMBERS_TOLD 8
#define IDS_MAX (1u << 18) /* 512 events on 512 CPUs */

/* Offsets in struct perf_event_attr, and its oldest size (include/uapi/linux/perf_event.h). */
#define ATTR_SIZE_VER0 64
#define ATTR_SIZE 4
#define ATTR_CONFIG 8
#define ATTR_PERIOD 16
#define ATTR_SAMPLE_TYPE 24
#define ATTR_READ_FORMAT 32
#define ATTR_FLAGS 40
#define ATTR_CLOCKID 92

enum attr_flag { FLAG_FREQ = 10, FLAG_SAMPLE_ID_ALL = 18, FLAG_USE_CLOCKID = 25 };

/* Bits of a C bit-field: from the lowest up, on big-endian machines from the highest down. */
static bool flag_of(const struct perf_data *pd, const uint8_t *attr, enum attr_flag flag)
{
	union {
		uint16_t whole;
		uint8_t first;
	} here = { .whole = 1 };
	bool big_endian = !here.first != pd->swap;
	unsigned bit = big_endian ? 7 - flag % 8 : flag % 8;

	return attr[ATTR_FLAGS + flag / 8] >> bit & 1;
}

/* perf_output_sample() of kernel/events/core.c: the order of a sample's parts. */
static void lay_out_sample(struct perf_attr *a)
{
	const struct {
		uint64_t bit;
		uint16_t *at;
	} parts[] = { { PERF_SAMPLE_IDENTIFIER, &a->id_at },
		      { PERF_SAMPLE_IP, NULL },
		      { PERF_SAMPLE_TID, &a->tid_at },
		      { PERF_SAMPLE_TIME, &a->time_at },
		      { PERF_SAMPLE_ADDR, NULL },
		      { PERF_SAMPLE_ID, &a->id_at },
		      { PERF_SAMPLE_STREAM_ID, NULL },
		      { PERF_SAMPLE_CPU, &a->cpu_at },
		      { PERF_SAMPLE_PERIOD, &a->period_at } };
	uint16_t at = 8;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(parts); i++) {
		if (!(a->sample_type & parts[i].bit))
			continue;
		if (parts[i].at && !*parts[i].at)
			*parts[i].at = at;
		at += 8;
	}
	a->fixed_len = at;
}

/* perf_event__output_id_sample(): what stands at the end of all other records. */
static void lay_out_trailer(struct perf_attr *a)
{
	const struct {
		uint64_t bit;
		uint16_t *back;
	} parts[] = { { PERF_SAMPLE_IDENTIFIER, NULL },    { PERF_SAMPLE_CPU, &a->cpu_back },
		      { PERF_SAMPLE_STREAM_ID, NULL },     { PERF_SAMPLE_ID, NULL },
		      { PERF_SAMPLE_TIME, &a->time_back }, { PERF_SAMPLE_TID, NULL } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(parts); i++) {
		if (!(a->sample_type & parts[i].bit))
			continue;
		a->trailer_len += 8;
		if (parts[i].back)
			*parts[i].back = a->trailer_len;
	}
}

/* Records tell their event by an id at one of few places. */
static int add_id_place(struct perf_data *pd, uint16_t at)
{
	for (unsigned i = 0; i < pd->n_id_places; i++)
		if (pd->id_places[i] == at)
			return 0;
	if (pd->n_id_places == PERF_ID_PLACES)
		return -EPROTO;
	pd->id_places[pd->n_id_places++] = at;
	return 0;
}

int vnx_perf_attr_add(struct perf_data *pd, const uint8_t *p, size_t len, uint32_t *index)
{
	struct perf_attr a = { .source = -1, .clockid = -1, .index = (uint32_t)pd->attrs.n };
	uint32_t size;

	if (len < ATTR_SIZE_VER0)
		return -EPROTO;
	if (pd->attrs.n >= ATTRS_MAX)
		return -E2BIG;
	size = perf_u32(pd, p + ATTR_SIZE);
	if (size > len)
		return -EPROTO;
	if (size < ATTR_SIZE_VER0)
		size = ATTR_SIZE_VER0;
	a.type = perf_u32(pd, p);
	a.config = perf_u64(pd, p + ATTR_CONFIG);
	a.period = perf_u64(pd, p + ATTR_PERIOD);
	a.sample_type = perf_u64(pd, p + ATTR_SAMPLE_TYPE);
	a.read_format = perf_u64(pd, p + ATTR_READ_FORMAT);
	a.freq = flag_of(pd, p, FLAG_FREQ);
	a.sample_id_all = flag_of(pd, p, FLAG_SAMPLE_ID_ALL);
	if (flag_of(pd, p, FLAG_USE_CLOCKID) && size >= ATTR_CLOCKID + 4)
		a.clockid = (int32_t)perf_u32(pd, p + ATTR_CLOCKID);
	lay_out_sample(&a);
	lay_out_trailer(&a);
	if (a.id_at && add_id_place(pd, a.id_at))
		return -EPROTO;
	*index = a.index;
	return vnx_vec_push(&pd->attrs, a);
}

/* ---- ids ---- */

/* Knuth, TAOCP 6.4: multiplicative hashing. */
static size_t id_slot(const struct perf_ids *ids, uint64_t id)
{
	size_t i = (size_t)(id * 11400714819323198485ull >> 20) & (ids->size - 1);

	while (ids->v[i].id && ids->v[i].id != id)
		i = (i + 1) & (ids->size - 1);
	return i;
}

static int grow_ids(struct perf_ids *ids)
{
	struct perf_ids old = *ids;

	ids->size = old.size ? old.size * 2 : 64;
	ids->v = calloc(ids->size, sizeof(*ids->v));
	if (!ids->v) {
		*ids = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.v[i].id)
			ids->v[id_slot(ids, old.v[i].id)] = old.v[i];
	free(old.v);
	return 0;
}

int vnx_perf_id_add(struct perf_data *pd, uint64_t id, uint32_t attr)
{
	struct perf_ids *ids = &pd->ids;
	size_t i;

	if (!id)
		return 0;
	if (ids->n >= IDS_MAX)
		return -E2BIG;
	if (ids->n * 2 >= ids->size && grow_ids(ids))
		return -ENOMEM;
	i = id_slot(ids, id);
	if (ids->v[i].id)
		return 0;
	ids->v[i] = (struct perf_id){ .id = id, .attr = attr };
	ids->n++;
	pd->attrs.v[attr].n_ids++;
	return 0;
}

struct perf_id *vnx_perf_id_find(const struct perf_data *pd, uint64_t id)
{
	size_t i;

	if (!id || !pd->ids.size)
		return NULL;
	i = id_slot(&pd->ids, id);
	return pd->ids.v[i].id ? &pd->ids.v[i] : NULL;
}

/* ---- names ---- */

void vnx_perf_attr_name(struct perf_attr *attr, const char *name, size_t len)
{
	const char *colon, *end;

	len = strnlen(name, len);
	colon = memchr(name, ':', len);
	if (attr->event[0] || !colon)
		return;
	end = memchr(colon + 1, ':', len - (size_t)(colon + 1 - name));
	if (!end)
		end = name + len;
	snprintf(attr->system, sizeof(attr->system), "%.*s", (int)(colon - name), name);
	snprintf(attr->event, sizeof(attr->event), "%.*s", (int)(end - colon - 1), colon + 1);
}

/* ---- sources ---- */

static int find_probed(struct perf_data *pd, struct perf_attr *a)
{
	for (size_t i = 0; i < pd->symbols.n && a->n_probed < PERF_PROBED; i++) {
		int source =
			vnx_trace_source(pd->trace, a->system, a->event, pd->symbols.v[i].function);

		if (source >= 0)
			a->probed[a->n_probed++] =
				(struct perf_probed){ pd->symbols.v[i].addr, source };
	}
	return a->n_probed ? 0 : -1;
}

/* By its name alone: a tracepoint, and if not that a probe named after its function. */
static int source_by_name(struct perf_data *pd, const struct perf_attr *a)
{
	int source = -1;

	/* Matches by the full name only: what returns is not what enters. */
	if (a->is_return)
		return vnx_trace_source(pd->trace, a->system, a->event, "(return)");
	if (!a->is_probe)
		source = vnx_trace_source(pd->trace, a->system, a->event, NULL);
	if (source < 0 && (a->is_probe || !a->described))
		source = vnx_trace_source(pd->trace, a->system, a->event, "");
	return source;
}

static void choose_use(struct perf_data *pd, struct perf_attr *a)
{
	if (!strcmp(a->system, "ftrace") && !strcmp(a->event, "print") && a->described) {
		a->use = PERF_USE_MARKER;
		return;
	}
	if (a->is_probe && pd->has_symbols && a->sample_type & PERF_SAMPLE_RAW) {
		/* Where the user names the event itself, it counts wherever it stands. */
		a->source = vnx_trace_source(pd->trace, a->system, a->event, "(probe)");
		if (a->source < 0 && !find_probed(pd, a))
			a->use = PERF_USE_PROBE;
	} else {
		a->source = source_by_name(pd, a);
	}
	if (a->source >= 0)
		a->use = PERF_USE_COUNT;
	else if (a->use == PERF_USE_NOT)
		a->use = vnx_perf_sched_use(a);
}

static void refuse(struct perf_data *pd, struct perf_attr *a, const char *why)
{
	vnx_trace_warn(pd->trace, "event %s:%s is not counted: %s", a->system, a->event, why);
	a->use = PERF_USE_NOT;
	a->source = -1;
}

/* An event that was asked for twice has each call in it twice. */
static bool is_twin(const struct perf_data *pd, const struct perf_attr *a)
{
	for (uint32_t i = 0; i < a->index; i++)
		if (pd->attrs.v[i].type == a->type && pd->attrs.v[i].config == a->config &&
		    pd->attrs.v[i].use == a->use)
			return true;
	return false;
}

/* Counts must not lie: what cannot be counted exactly is not. */
static void check_attr(struct perf_data *pd, struct perf_attr *a)
{
	a->exact = !a->freq && a->period == 1;
	if (a->use == PERF_USE_NOT || a->use == PERF_USE_MARKER)
		return;
	if (!a->time_at)
		refuse(pd, a, "its samples have no time");
	else if (!a->tid_at)
		refuse(pd, a, "its samples do not tell the thread");
	else if (!a->id_at && pd->attrs.n > 1)
		refuse(pd, a, "its samples cannot be told from those of other events");
	else if (a->freq)
		refuse(pd, a,
		       "it was sampled by frequency, which is an estimate; record with -c 1");
	else if (!a->exact && !a->period_at)
		refuse(pd, a, "one in several calls was sampled; record with -c 1");
	else if (is_twin(pd, a))
		refuse(pd, a, "it was recorded twice; the first is counted");
	else if (vnx_perf_is_sched(a) && !a->exact)
		refuse(pd, a, "one in several was sampled; record with -c 1");
	pd->switches |= a->use == PERF_USE_SWITCH;
}

/*
 * perf writes names behind the samples; without them an event has the number that the kernel
 * gave it (events/SYSTEM/NAME/id in tracefs), which the user may know: "tp:unnamed:idNUMBER".
 */
static void name_by_number(struct perf_attr *a)
{
	snprintf(a->system, sizeof(a->system), "unnamed");
	snprintf(a->event, sizeof(a->event), "id%" PRIu64, a->config);
	a->numbered = true;
}

/* One sentence: it may be all that is said of the file. */
static void tell_nameless(struct perf_data *pd)
{
	char list[128] = "";
	size_t n = 0, len = 0;

	for (size_t i = 0; i < pd->attrs.n; i++) {
		const struct perf_attr *a = &pd->attrs.v[i];

		if (!a->numbered || a->source >= 0)
			continue;
		if (n++ < NUMBERS_TOLD)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%" PRIu64,
						n > 1 ? ", " : "", a->config & UINT32_MAX);
	}
	if (n > NUMBERS_TOLD)
		snprintf(list + len, sizeof(list) - len, " and %zu more", n - NUMBERS_TOLD);
	pd->nameless = n > 0;
	if (n)
		vnx_trace_warn(pd->trace,
			       "%sthe names of its tracepoints %s are not in it, perf record "
			       "writes them at its end",
			       pd->unfinished ? "perf record was not ended properly: " : "", list);
	else if (pd->unfinished)
		vnx_trace_warn(pd->trace, "perf record was not ended properly");
}

void vnx_perf_freeze(struct perf_data *pd)
{
	pd->frozen = true;
	for (size_t i = 0; i < pd->attrs.n; i++) {
		struct perf_attr *a = &pd->attrs.v[i];

		if (a->type != PERF_TYPE_TRACEPOINT)
			continue;
		if (!a->event[0])
			name_by_number(a);
		choose_use(pd, a);
		check_attr(pd, a);
	}
	vnx_trace_sched_begin(pd->trace);
	tell_nameless(pd);
}

/* ---- afterwards ---- */

static void forget_source(struct perf_data *pd, int source)
{
	for (unsigned i = 0; i < pd->n_workers; i++) {
		struct vnx_trace_shard *sh = pd->workers[i].shard;

		for (size_t j = 0; j < sh->table_size; j++)
			if (sh->table[j] && sh->table[j]->source == (uint32_t)source)
				sh->table[j]->bins.n = 0;
	}
}

void vnx_perf_drop_estimates(struct perf_data *pd)
{
	for (size_t i = 0; i < pd->attrs.n; i++) {
		struct perf_attr *a = &pd->attrs.v[i];

		if (!a->estimated)
			continue;
		if (a->source >= 0)
			forget_source(pd, a->source);
		for (unsigned j = 0; j < a->n_probed; j++)
			forget_source(pd, a->probed[j].source);
		refuse(pd, a, "its samples stand for several calls each; record with -c 1");
	}
}
