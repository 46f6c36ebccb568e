// SPDX-License-Identifier: GPL-2.0-only
/* Samples to counts. One block by one thread; what comes first here runs once a sample. */
#include "cli/input/perf_data/perf_data.h"

/*
 * Further than this from the sample before, in time, is nowhere: damage, unless the next
 * sample bears it out. An idle host is silent for minutes, not for hours.
 */
#define FAR_NS (3600 * VNX_NSEC_PER_SEC)

static inline __attribute__((always_inline)) uint64_t get64(const uint8_t *p, bool swap)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return swap ? bswap_64(x) : x;
}

static inline __attribute__((always_inline)) uint32_t get32(const uint8_t *p, bool swap)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return swap ? bswap_32(x) : x;
}

static inline __attribute__((always_inline)) uint16_t get16(const uint8_t *p, bool swap)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return swap ? bswap_16(x) : x;
}

static uint64_t offset_in(const struct perf_block *b, const uint8_t *rec)
{
	return b->packed ? b->offset : b->offset + (uint64_t)(rec - b->data);
}

static int add_note(struct perf_worker *w, struct perf_note note)
{
	return vnx_vec_push(&w->done->notes, note);
}

/* Something was there and cannot be counted: near the sample before it, in time. */
static int note_bad(struct perf_worker *w, uint64_t offset, const char *why)
{
	struct perf_notes *notes = &w->done->notes;
	struct perf_note *last = notes->n ? &notes->v[notes->n - 1] : NULL;

	if (!last || last->kind != PERF_NOTE_BAD || last->why != why)
		return add_note(w, (struct perf_note){ .kind = PERF_NOTE_BAD,
						       .cpu = PERF_NO_CPU,
						       .from_ns = w->near_ns,
						       .to_ns = w->near_ns,
						       .count = 1,
						       .offset = offset,
						       .why = why });
	if (w->near_ns < last->from_ns)
		last->from_ns = w->near_ns;
	if (w->near_ns > last->to_ns)
		last->to_ns = w->near_ns;
	last->count++;
	return 0;
}

static int note_cpu(struct perf_worker *w, uint32_t cpu)
{
	return vnx_vec_push(&w->done->cpus, ((struct perf_last){ .cpu = cpu }));
}

/* ---- the slow half of a sample ---- */

/* Where the raw data are: behind what read_format and the call chain take. */
static const uint8_t *find_raw(const struct perf_data *pd, const struct perf_attr *attr,
			       const uint8_t *rec, size_t size, uint32_t *len)
{
	uint64_t at = attr->fixed_len, n = 1, each = 1;

	if (!(attr->sample_type & PERF_SAMPLE_RAW))
		return NULL;
	if (attr->sample_type & PERF_SAMPLE_READ) {
		uint64_t f = attr->read_format;

		each += !!(f & PERF_FORMAT_ID) + !!(f & (1u << 4)); /* PERF_FORMAT_LOST, 6.0 */
		at += 8 * (uint64_t)(!!(f & PERF_FORMAT_TOTAL_TIME_ENABLED) +
				     !!(f & PERF_FORMAT_TOTAL_TIME_RUNNING));
		if (f & PERF_FORMAT_GROUP) {
			if (attr->fixed_len + 8u > size)
				return NULL;
			n = perf_u64(pd, rec + attr->fixed_len);
			at += 8;
		}
		if (at > size || n > size)
			return NULL;
		at += 8 * n * each;
	}
	if (attr->sample_type & PERF_SAMPLE_CALLCHAIN) {
		if (at + 8 > size || perf_u64(pd, rec + at) > size)
			return NULL;
		at += 8 + 8 * perf_u64(pd, rec + at);
	}
	if (at + 4 > size)
		return NULL;
	*len = perf_u32(pd, rec + at);
	return *len <= size - at - 4 ? rec + at + 4 : NULL;
}

/* The source by the probe's address, -1 where it stands on no function of ours. */
static int probe_source(const struct perf_data *pd, const struct perf_attr *attr,
			const uint8_t *rec, size_t size)
{
	uint32_t len;
	const uint8_t *raw = find_raw(pd, attr, rec, size, &len);
	uint64_t ip;

	if (!raw || (uint64_t)attr->field_at + attr->field_len > len)
		return -2;
	ip = attr->field_len == 4 ? perf_u32(pd, raw + attr->field_at)
				  : perf_u64(pd, raw + attr->field_at);
	/* The entry, or just behind a landing pad or the call of ftrace. */
	for (unsigned i = 0; i < attr->n_probed; i++)
		if (ip - attr->probed[i].addr <= 16)
			return attr->probed[i].source;
	return -1;
}

static int take_marker(const struct perf_data *pd, const struct perf_attr *attr, const uint8_t *rec,
		       size_t size)
{
	uint32_t len;
	const uint8_t *raw = find_raw(pd, attr, rec, size, &len);
	const char *text;

	if (!raw || attr->field_at >= len)
		return 0;
	text = (const char *)raw + attr->field_at;
	return vnx_trace_marker(pd->trace, text, strnlen(text, len - attr->field_at));
}

static inline __attribute__((always_inline)) bool is_far(const struct perf_worker *w, uint64_t t_ns)
{
	return !w->near_known || t_ns - w->near_ns + FAR_NS >= 2 * FAR_NS;
}

/* Who had the sample's CPU of late; NULL: not known. */
static struct vnx_sched_cpu *sched_cpu_of(struct perf_worker *w, const struct perf_attr *attr,
					  const uint8_t *rec)
{
	uint32_t cpu = attr->cpu_at ? perf_u32(w->pd, rec + attr->cpu_at) : PERF_NO_CPU;

	if (!w->sched_cpus)
		w->sched_cpus = calloc(PERF_CPUS, sizeof(*w->sched_cpus));
	if (!w->sched_cpus)
		w->done->sched.error = -ENOMEM;
	return cpu < PERF_CPUS && w->sched_cpus ? &w->sched_cpus[cpu] : NULL;
}

/*
 * Damage in it is a switch less; the time of those around is then missing. That of a sample
 * that is far from others in time waits with it for one to bear it out.
 */
static void take_sched(struct perf_worker *w, const struct perf_attr *attr, const uint8_t *rec,
		       size_t size)
{
	uint32_t len;
	const uint8_t *raw = find_raw(w->pd, attr, rec, size, &len);
	uint64_t t_ns = perf_u64(w->pd, rec + attr->time_at);

	if (raw && is_far(w, t_ns))
		vnx_perf_sched_take(w->pd, attr, raw, len, t_ns, NULL, &w->far);
	else if (raw)
		vnx_perf_sched_take(w->pd, attr, raw, len, t_ns, sched_cpu_of(w, attr, rec),
				    &w->done->sched);
}

static int accept(struct perf_worker *w, const struct perf_suspect *s)
{
	if (s->cpu < PERF_CPUS) {
		if (!w->cpu_ns[s->cpu] && note_cpu(w, s->cpu))
			return -ENOMEM;
		w->cpu_ns[s->cpu] = s->t_ns ? s->t_ns : 1;
	}
	if (s->t_ns > w->done->max_ns)
		w->done->max_ns = s->t_ns;
	vnx_trace_seen(w->shard, s->t_ns);
	if (s->source >= 0 && vnx_trace_count(w->shard, s->source, s->tid, s->t_ns))
		return vnx_trace_thread(w->pd->trace, s->tid, s->pid, NULL);
	return 0;
}

/* A sample whose time is far from that of the one before. */
static int take_far(struct perf_worker *w, const struct perf_suspect *s)
{
	struct perf_suspect old = w->suspect;
	int ret = 0;

	if (old.is_set && s->t_ns - old.t_ns + FAR_NS < 2 * FAR_NS) {
		w->near_ns = s->t_ns;
		w->near_known = true;
		w->suspect.is_set = false;
		vnx_sched_move(&w->done->sched, &w->suspected);
		vnx_sched_move(&w->done->sched, &w->far);
		ret = accept(w, &old);
		return ret ? ret : accept(w, s);
	}
	w->suspect = *s;
	w->suspect.is_set = true;
	free(w->suspected.recs.v);
	w->suspected = w->far;
	w->far = (struct vnx_sched_batch){ 0 };
	return old.is_set ? note_bad(w, old.offset, "a sample's time is far from all others") : 0;
}

/* The source of a sample that is no plain one; -1: counts for nothing; -2: damaged. */
static int odd_source(struct perf_worker *w, struct perf_attr *attr, const uint8_t *rec,
		      size_t size, int *error)
{
	const struct perf_data *pd = w->pd;

	if (attr->use == PERF_USE_MARKER)
		*error = take_marker(pd, attr, rec, size);
	if (vnx_perf_is_sched(attr))
		take_sched(w, attr, rec, size);
	if (attr->use != PERF_USE_COUNT && attr->use != PERF_USE_PROBE)
		return -1;
	if (!attr->exact && (!attr->period_at || perf_u64(pd, rec + attr->period_at) != 1)) {
		atomic_store_explicit(&attr->estimated, true, memory_order_relaxed);
		return -1;
	}
	return attr->use == PERF_USE_PROBE ? probe_source(pd, attr, rec, size) : attr->source;
}

/* ---- a sample ---- */

static struct perf_attr *search_attr(struct perf_worker *w, const uint8_t *rec, size_t size)
{
	struct perf_data *pd = w->pd;

	for (unsigned i = 0; i < pd->n_id_places; i++) {
		uint16_t at = pd->id_places[i];
		struct perf_id *id =
			at + 8u <= size ? vnx_perf_id_find(pd, perf_u64(pd, rec + at)) : NULL;

		if (id && pd->attrs.v[id->attr].id_at == at) {
			if (pd->n_id_places == 1) {
				w->last_id = id->id;
				w->last_attr = &pd->attrs.v[id->attr];
			}
			return &pd->attrs.v[id->attr];
		}
	}
	return NULL;
}

static inline __attribute__((always_inline)) struct perf_attr *attr_of(struct perf_worker *w,
								       const uint8_t *rec,
								       size_t size, bool swap)
{
	struct perf_data *pd = w->pd;

	if (pd->attrs.n == 1)
		return pd->attrs.v;
	if (w->last_attr && size >= pd->id_places[0] + 8u &&
	    get64(rec + pd->id_places[0], swap) == w->last_id)
		return w->last_attr;
	return search_attr(w, rec, size);
}

static inline __attribute__((always_inline)) int take_sample(struct perf_worker *w,
							     const uint8_t *rec, size_t size,
							     bool swap)
{
	struct perf_attr *attr = attr_of(w, rec, size, swap);
	struct perf_suspect s;
	int error = 0;

	if (!attr)
		return note_bad(w, offset_in(&w->block, rec),
				"a sample is of no event of the file");
	if (size < attr->fixed_len)
		return note_bad(w, offset_in(&w->block, rec), "a sample is too short");
	if (!attr->time_at)
		return 0;
	s.t_ns = get64(rec + attr->time_at, swap);
	s.pid = s.tid = 0;
	if (attr->tid_at) {
		s.pid = get32(rec + attr->tid_at, swap);
		s.tid = get32(rec + attr->tid_at + 4, swap);
	}
	s.cpu = attr->cpu_at ? get32(rec + attr->cpu_at, swap) : PERF_NO_CPU;
	s.source = attr->source;
	if (__builtin_expect(attr->use != PERF_USE_COUNT || !attr->exact, 0)) {
		s.source = odd_source(w, attr, rec, size, &error);
		if (error)
			return error;
		if (s.source == -2)
			return note_bad(w, offset_in(&w->block, rec),
					"a sample has no probe's address");
	}
	if (__builtin_expect(is_far(w, s.t_ns), 0)) {
		s.packed = w->block.packed;
		s.offset = offset_in(&w->block, rec);
		return take_far(w, &s);
	}
	w->near_ns = s.t_ns;
	return accept(w, &s);
}

/* ---- other records ---- */

/* The attr whose sample_id stands at the end of a record that is no sample; NULL: none does. */
static const struct perf_attr *trailer_of(const struct perf_data *pd, const uint8_t *rec,
					  size_t size, size_t least)
{
	const struct perf_attr *attr = pd->attrs.n ? pd->attrs.v : NULL;

	if (!attr || !attr->sample_id_all)
		return NULL;
	if (attr->sample_type & PERF_SAMPLE_IDENTIFIER && size >= least + 8) {
		const struct perf_id *id = vnx_perf_id_find(pd, perf_u64(pd, rec + size - 8));

		if (id)
			attr = &pd->attrs.v[id->attr];
	}
	return attr->sample_id_all && size >= least + attr->trailer_len ? attr : NULL;
}

/* The sample after a record of losses came when there was room again. */
static uint64_t next_time(const struct perf_worker *w, const uint8_t *rec, size_t size)
{
	const struct perf_block *b = &w->block;
	const struct perf_attr *attr = w->pd->attrs.n ? w->pd->attrs.v : NULL;
	const uint8_t *next = rec + size, *end = b->data + b->len;

	if (!attr || !attr->time_at || next == end || perf_u32(w->pd, next) != PERF_RECORD_SAMPLE ||
	    perf_u16(w->pd, next + 6) < attr->fixed_len)
		return w->near_ns;
	return perf_u64(w->pd, next + attr->time_at);
}

/* LOST: id, count; LOST_SAMPLES: count. */
static int take_lost(struct perf_worker *w, uint32_t type, const uint8_t *rec, size_t size)
{
	const struct perf_data *pd = w->pd;
	size_t least = type == PERF_RECORD_LOST ? 24 : 16;
	const struct perf_attr *attr;
	struct perf_note n = { .kind = PERF_NOTE_LOST, .cpu = PERF_NO_CPU };

	if (size < least)
		return note_bad(w, offset_in(&w->block, rec), "a record of losses is too short");
	/* PERF_RECORD_MISC_LOST_SAMPLES_BPF: filtered, which is no loss. */
	if (type == PERF_RECORD_LOST_SAMPLES && perf_u16(pd, rec + 4) & (1u << 15))
		return 0;
	n.count = perf_u64(pd, rec + least - 8);
	attr = trailer_of(pd, rec, size, least);
	if (attr && attr->time_back)
		n.to_ns = perf_u64(pd, rec + size - attr->time_back);
	if (attr && attr->cpu_back)
		n.cpu = perf_u32(pd, rec + size - attr->cpu_back);
	if (!n.to_ns && type == PERF_RECORD_LOST_SAMPLES)
		n.kind = PERF_NOTE_LOST_UNTIMED;
	else if (!n.to_ns)
		n.to_ns = next_time(w, rec, size);
	if (n.cpu >= PERF_CPUS)
		n.cpu = PERF_NO_CPU;
	else
		n.from_ns = w->cpu_ns[n.cpu];
	if (n.cpu < PERF_CPUS && w->sched_cpus)
		w->sched_cpus[n.cpu] = (struct vnx_sched_cpu){ 0 };
	return add_note(w, n);
}

static int take_throttle(struct perf_worker *w, uint32_t type, const uint8_t *rec, size_t size)
{
	if (size < 32)
		return 0;
	return add_note(w, (struct perf_note){ .kind = type == PERF_RECORD_THROTTLE
							       ? PERF_NOTE_THROTTLE
							       : PERF_NOTE_UNTHROTTLE,
					       .cpu = PERF_NO_CPU,
					       .from_ns = perf_u64(w->pd, rec + 8),
					       .id = perf_u64(w->pd, rec + 16) });
}

static int take_other(struct perf_worker *w, uint32_t type, const uint8_t *rec, size_t size)
{
	switch (type) {
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		return take_lost(w, type, rec, size);
	case PERF_RECORD_THROTTLE:
	case PERF_RECORD_UNTHROTTLE:
		return take_throttle(w, type, rec, size);
	case PERF_USER_FINISHED_ROUND:
		w->done->rounds++;
		w->done->round_ns[0] = w->done->round_ns[1];
		w->done->round_ns[1] = w->done->max_ns;
		return 0;
	default:
		return 0;
	}
}

static inline __attribute__((always_inline)) int decode(struct perf_worker *w, bool swap)
{
	const uint8_t *p = w->block.data, *end = p + w->block.len;

	while (p < end) {
		uint32_t type = get32(p, swap);
		size_t size = get16(p + 6, swap);
		int ret = __builtin_expect(type == PERF_RECORD_SAMPLE, 1)
				  ? take_sample(w, p, size, swap)
				  : take_other(w, type, p, size);

		if (ret)
			return ret;
		p += size;
	}
	return w->shard->error;
}

/* ---- blocks ---- */

static int decode_block(struct perf_worker *w)
{
	int ret;

	w->done = calloc(1, sizeof(*w->done));
	if (!w->done)
		return -ENOMEM;
	w->done->number = w->block.number;
	w->done->packed = w->block.packed;
	ret = w->pd->swap ? decode(w, true) : decode(w, false);
	for (size_t i = 0; i < w->done->cpus.n; i++) {
		struct perf_last *last = &w->done->cpus.v[i];

		last->t_ns = w->cpu_ns[last->cpu];
		w->cpu_ns[last->cpu] = 0;
		if (w->sched_cpus)
			w->sched_cpus[last->cpu] = (struct vnx_sched_cpu){ 0 };
	}
	if (!ret)
		return vnx_perf_done(w->pd, w->done);
	vnx_perf_done_free(w->done);
	return ret;
}

int vnx_perf_work(struct perf_worker *w)
{
	struct perf_data *pd = w->pd;
	int ret;

	do {
		pthread_mutex_lock(&pd->stream.lock);
		ret = vnx_perf_stream_next(pd, &w->block);
		pthread_mutex_unlock(&pd->stream.lock);
		if (!ret && w->block.len)
			ret = decode_block(w);
	} while (!ret && w->block.len);
	return ret;
}

static int work_job(void *arg, size_t job, unsigned worker)
{
	struct perf_data *pd = arg;

	return vnx_perf_work(&pd->workers[worker]);
}

/* The last suspect has none after it to bear it out: it is believed where it is all there is. */
static int settle_suspect(struct perf_worker *w, bool alone)
{
	if (!w->suspect.is_set)
		return 0;
	w->done = calloc(1, sizeof(*w->done));
	if (!w->done)
		return -ENOMEM;
	w->done->number = w->pd->stream.next_number++;
	w->done->packed = w->suspect.packed;
	if (alone)
		vnx_sched_move(&w->done->sched, &w->suspected);
	if (alone ? accept(w, &w->suspect)
		  : note_bad(w, w->suspect.offset, "a sample's time is far from all others")) {
		vnx_perf_done_free(w->done);
		return -ENOMEM;
	}
	return vnx_perf_done(w->pd, w->done);
}

int vnx_perf_decode(struct perf_data *pd)
{
	bool alone = true;
	int ret = vnx_trace_jobs(pd->n_workers, pd->n_workers, work_job, pd);

	for (unsigned i = 0; i < pd->n_workers; i++)
		alone = alone && !pd->workers[i].near_known;
	for (unsigned i = 0; i < pd->n_workers && !ret; i++)
		ret = settle_suspect(&pd->workers[i], alone);
	return ret;
}

int vnx_perf_workers_new(struct perf_data *pd, unsigned n)
{
	pd->workers = calloc(n, sizeof(*pd->workers));
	if (!pd->workers)
		return -ENOMEM;
	pd->n_workers = n;
	for (unsigned i = 0; i < n; i++) {
		struct perf_worker *w = &pd->workers[i];

		w->pd = pd;
		w->block.data = malloc(PERF_BUF_LEN);
		w->shard = vnx_trace_shard(pd->trace);
		if (!w->block.data || !w->shard)
			return -ENOMEM;
	}
	return 0;
}

void vnx_perf_workers_free(struct perf_data *pd)
{
	for (unsigned i = 0; i < pd->n_workers; i++) {
		free(pd->workers[i].block.data);
		free(pd->workers[i].sched_cpus);
		free(pd->workers[i].far.recs.v);
		free(pd->workers[i].suspected.recs.v);
	}
	free(pd->workers);
	pd->workers = NULL;
	pd->n_workers = 0;
}
