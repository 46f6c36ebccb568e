// SPDX-License-Identifier: GPL-2.0-only
/* All buffers of a trace.dat: divided into jobs, decoded, and put together again. */
#include <inttypes.h>

#include "cli/input/trace_dat/trace_dat.h"

#define PART_BYTES (1u << 20) /* unpacked; a job */
#define PARTS_MAX (1u << 20)
#define CHUNK_HEAD 8
/* Trace data pack to a tenth; a page of zeros to a hundredth. More is made to exhaust us. */
#define PACK_RATIO_MAX 1024
/* Without "now ts" an event this long after the pages' first times is damage: 52 days. */
#define SPAN_MAX (1ULL << 52)
#define SLACK VNX_NSEC_PER_SEC

struct parts {
	struct dat_part *v;
	size_t n, cap;
};

struct decoder {
	struct dat *d;
	struct parts parts;
	struct dat_worker workers[64];
	unsigned n_workers;
	uint64_t limit[DAT_BUFFERS];  /* raw time that no event can have */
	uint64_t events[DAT_BUFFERS]; /* counted, once it is decided which */
	bool left_out[DAT_BUFFERS];
	struct dat_sched *sched; /* NULL: no switches are described */
	size_t sched_buffer;     /* switches are taken of buffers that have its clock */
};

/* ---- jobs ---- */

static int add_part(struct decoder *dec, const struct dat_part *part)
{
	return dec->parts.n < PARTS_MAX ? vnx_vec_push(&dec->parts, *part) : -E2BIG;
}

/* What the file does not have any more is told by the last part. */
static int plain_parts(struct decoder *dec, struct dat_part part)
{
	const struct dat_buffer *b = &dec->d->buffers.v[part.buffer];
	const struct dat_cpu *cpu = &b->cpus.v[part.cpu];
	uint64_t in_file = cpu->offset < dec->d->in->size ? dec->d->in->size - cpu->offset : 0;
	uint64_t there = cpu->size < in_file ? cpu->size : in_file;
	uint64_t step = PART_BYTES / b->page_size * b->page_size, at = 0;

	if (step < b->page_size)
		step = b->page_size;
	while (there / step > PARTS_MAX / 4)
		step *= 2;
	do {
		int ret;

		part.page = at / b->page_size;
		part.offset = cpu->offset + at;
		part.bytes = there - at > step ? step : cpu->size - at;
		at += step;
		ret = add_part(dec, &part);
		if (ret)
			return ret;
	} while (at < there);
	return 0;
}

static void damaged_chunk(const struct dat *d, const struct dat_part *part, uint64_t at,
			  const char *what)
{
	const struct dat_buffer *b = &d->buffers.v[part->buffer];

	vnx_trace_warn(d->t,
		       "CPU %u at offset %#" PRIx64 "%s%s: a packed piece %s: what follows "
		       "it is left out",
		       b->cpus.v[part->cpu].cpu, at, *b->name ? " of buffer " : "", b->name, what);
}

/* The sizes of the chunk at @at; false: it cannot be read on. */
static bool chunk_sizes(const struct dat *d, uint64_t at, uint32_t *packed, uint32_t *unpacked)
{
	uint8_t head[CHUNK_HEAD];

	if (vnx_input_pread(d->in, head, sizeof(head), at) != sizeof(head))
		return false;
	*packed = dat_u32(head, d->swap);
	*unpacked = dat_u32(head + 4, d->swap);
	return true;
}

/* The number of chunks, then each with its sizes; parts begin where a chunk and a page do. */
static int packed_parts(struct decoder *dec, struct dat_part part)
{
	struct dat *d = dec->d;
	const struct dat_buffer *b = &d->buffers.v[part.buffer];
	const struct dat_cpu *cpu = &b->cpus.v[part.cpu];
	/* trace-cmd does not count the number of chunks into the size. */
	uint64_t at = cpu->offset + 4, end = at + cpu->size, total = 0;
	uint8_t raw[4];
	uint32_t n = 0, packed, unpacked;
	const char *damage = NULL;

	if (vnx_input_pread(d->in, raw, sizeof(raw), cpu->offset) == sizeof(raw))
		n = dat_u32(raw, d->swap);
	else
		damage = "is not there";
	part.offset = at;
	for (; n && !damage; n--) {
		if (!chunk_sizes(d, at, &packed, &unpacked) || end - at < CHUNK_HEAD) {
			damage = "is not there";
			break;
		}
		if (part.bytes >= PART_BYTES && total % b->page_size == 0) {
			int ret = add_part(dec, &part);

			if (ret)
				return ret;
			part.page = total / b->page_size;
			part.offset = at;
			part.bytes = 0;
		}
		if ((total + unpacked) / PACK_RATIO_MAX > cpu->size + 1024)
			damage = "unpacks to more than trace data can";
		else if (packed > end - at - CHUNK_HEAD || packed + CHUNK_HEAD > d->in->size - at)
			damage = "ends too early";
		part.bytes += unpacked;
		total += unpacked;
		at += CHUNK_HEAD + (uint64_t)packed;
	}
	part.more = damage;
	if (damage)
		damaged_chunk(d, &part, at, damage);
	return part.bytes || damage ? add_part(dec, &part) : 0;
}

static int list_parts(struct decoder *dec)
{
	int ret = 0;

	for (size_t i = 0; i < dec->d->buffers.n && !ret; i++) {
		struct dat_buffer *b = &dec->d->buffers.v[i];

		for (size_t j = 0; j < b->cpus.n && !ret; j++) {
			struct dat_part part = { .buffer = (uint16_t)i, .cpu = (uint32_t)j };

			/* Sizes near 2^64 are damage; so added up they are none. */
			b->cpus.v[j].size &= INT64_MAX >> 1;
			b->cpus.v[j].offset &= INT64_MAX >> 1;
			ret = b->packed ? packed_parts(dec, part) : plain_parts(dec, part);
		}
	}
	return ret;
}

/* ---- times that cannot be ---- */

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The time stamp of the first page of each CPU; how many could be read. */
static size_t first_stamps(struct decoder *dec, size_t buffer, uint64_t *stamps)
{
	const struct dat_buffer *b = &dec->d->buffers.v[buffer];
	size_t n = 0;

	for (size_t i = 0; i < b->cpus.n; i++) {
		struct dat_stream s = { 0 };
		const struct dat_cpu *cpu = &b->cpus.v[i];
		uint64_t end = cpu->offset + cpu->size + (b->packed ? 4 : 0);
		int ret = b->packed ? dat_stream_chunks(&s, dec->d, cpu->offset + 4, end)
				    : dat_stream_plain(&s, dec->d, cpu->offset, end);

		if (!ret && !dat_stream_get64(&s, &stamps[n]) && stamps[n])
			n++;
		dat_stream_close(&s);
	}
	if (n)
		qsort(stamps, n, sizeof(*stamps), by_u64);
	return n;
}

/*
 * The buffer's own clock when the recording ended, which trace-cmd stores, bounds all events:
 * what is damaged must not stretch the trace over years.
 */
static int find_limit(struct decoder *dec, size_t buffer)
{
	const struct dat_buffer *b = &dec->d->buffers.v[buffer];
	VNX_CLEANUP_FREE uint64_t *stamps = calloc(b->cpus.n + 1, sizeof(*stamps));
	uint64_t now = 0, middle, limit;
	size_t n;

	if (!stamps)
		return -ENOMEM;
	n = first_stamps(dec, buffer, stamps);
	middle = n ? stamps[n / 2] : 0;
	for (size_t i = 0; i < dec->d->stats.n; i++)
		if (!strcmp(dec->d->stats.v[i].buffer, b->name) && dec->d->stats.v[i].now > now)
			now = dec->d->stats.v[i].now;
	limit = now >= middle ? now : middle;
	limit = limit > UINT64_MAX - SPAN_MAX ? UINT64_MAX : limit + SPAN_MAX;
	if (now >= middle && now)
		limit = now + SLACK;
	dec->limit[buffer] = limit;
	return 0;
}

/* ---- losses ---- */

struct losses {
	struct dat_gap *v;
	size_t n, cap;
};

static void join(struct dat_gap *to, const struct dat_gap *from)
{
	to->told &= from->told;
	to->count = to->count > UINT64_MAX - from->count ? UINT64_MAX : to->count + from->count;
}

/* The gaps of one CPU, those between its parts too; *first_ns of its events, or UINT64_MAX. */
static int join_parts(const struct dat_part *parts, size_t n, struct losses *out,
		      uint64_t *first_ns)
{
	struct dat_gap open = { .told = true };
	bool is_open = false;
	uint64_t last_ns = 0;

	*first_ns = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct dat_part *p = &parts[i];

		if (p->first_gap)
			join(&open, &p->before);
		is_open |= p->first_gap;
		if (p->any) {
			open.from_ns = last_ns;
			open.to_ns = p->first_ns;
			if (is_open && vnx_vec_push(out, open))
				return -ENOMEM;
			for (size_t j = 0; j < p->gaps.n; j++)
				if (vnx_vec_push(out, p->gaps.v[j]))
					return -ENOMEM;
			open = (struct dat_gap){ .told = true };
			is_open = false;
			last_ns = p->last_ns;
			if (*first_ns == UINT64_MAX)
				*first_ns = p->first_ns;
		}
		if (p->cut)
			join(&open, &p->tail);
		is_open |= p->cut;
	}
	open.from_ns = last_ns;
	open.to_ns = UINT64_MAX;
	return is_open ? vnx_vec_push(out, open) : 0;
}

/*
 * What the kernel says that it overwrote is what gaps tell of, as far as they tell: the rest
 * belongs to the first gap that does not, or before the first event, where there is none.
 */
static int add_overrun(const struct dat_stat *stat, uint64_t first_ns, struct losses *losses)
{
	struct dat_gap *untold = NULL;
	uint64_t told = 0;
	struct dat_gap before = { .to_ns = first_ns, .told = true };
	struct dat_gap any_time = { .from_ns = first_ns == UINT64_MAX ? 0 : first_ns,
				    .to_ns = UINT64_MAX,
				    .count = stat->dropped,
				    .told = true };

	for (size_t i = 0; i < losses->n; i++) {
		told += losses->v[i].count;
		if (!losses->v[i].told && !untold)
			untold = &losses->v[i];
	}
	if (stat->overrun > told) {
		before.count = stat->overrun - told;
		if (untold)
			untold->count += before.count;
		else if (vnx_vec_push(losses, before))
			return -ENOMEM;
	}
	/* Dropped for want of room: nobody knows when. */
	return stat->dropped ? vnx_vec_push(losses, any_time) : 0;
}

static const struct dat_stat *stat_of(const struct dat *d, const struct dat_buffer *b, uint32_t cpu)
{
	for (size_t i = 0; i < d->stats.n; i++)
		if (d->stats.v[i].cpu == cpu && !strcmp(d->stats.v[i].buffer, b->name))
			return &d->stats.v[i];
	return NULL;
}

/* @counts: events were counted that it is a loss to; else it is one to the switches alone. */
static int tell_cpu_losses(struct decoder *dec, const struct dat_part *parts, size_t n, bool counts)
{
	struct dat *d = dec->d;
	const struct dat_buffer *b = &d->buffers.v[parts->buffer];
	const struct dat_stat *stat = stat_of(d, b, b->cpus.v[parts->cpu].cpu);
	struct losses losses = { 0 };
	uint64_t first_ns;
	int ret = join_parts(parts, n, &losses, &first_ns);

	if (!ret && stat)
		ret = add_overrun(stat, first_ns, &losses);
	for (size_t i = 0; i < losses.n && !ret; i++) {
		const struct dat_gap *gap = &losses.v[i];

		ret = counts ? vnx_trace_lost(d->t, gap->from_ns, gap->to_ns, gap->count)
			     : vnx_trace_sched_lost(d->t, gap->from_ns, gap->to_ns);
	}
	free(losses.v);
	return ret;
}

/* Parts are in order of buffer, CPU, page. */
static int tell_losses(struct decoder *dec)
{
	const struct dat_part *v = dec->parts.v;
	int ret = 0;

	for (size_t i = 0, j; i < dec->parts.n && !ret; i = j) {
		for (j = i + 1;
		     j < dec->parts.n && v[j].buffer == v[i].buffer && v[j].cpu == v[i].cpu;)
			j++;
		if (!dec->left_out[v[i].buffer] || dat_sched_has(dec->sched, v[i].buffer))
			ret = tell_cpu_losses(dec, &v[i], j - i, !dec->left_out[v[i].buffer]);
	}
	return ret;
}

/* ---- the same event in several buffers ---- */

/* Events of one source and thread that came by one way: a buffer, and in it a kprobe event. */
struct tally {
	uint32_t source, tid, way;
	uint64_t count;
};

struct tallies {
	struct tally *v;
	size_t n, cap;
};

static int by_thread(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->way < y->way ? -1 : x->way > y->way;
}

typedef int (*slot_fn)(void *arg, uint32_t way, struct vnx_trace_slot *slot);

static int each_slot(struct decoder *dec, slot_fn fn, void *arg)
{
	size_t ways = dec->d->buffers.n * DAT_LAYERS;

	for (unsigned w = 0; w < dec->n_workers; w++)
		for (size_t way = 0; way < ways; way++) {
			struct vnx_trace_shard *sh = dec->workers[w].shards[way];

			for (size_t i = 0; sh && i < sh->table_size; i++)
				if (sh->table[i] && fn(arg, (uint32_t)way, sh->table[i]))
					return -ENOMEM;
		}
	return 0;
}

static int tally_slot(void *arg, uint32_t way, struct vnx_trace_slot *slot)
{
	struct tallies *list = arg;
	struct tally row = { slot->source, slot->tid, way, 0 };

	for (size_t i = 0; i < slot->bins.n; i++)
		row.count += slot->bins.v[i].count;
	return vnx_vec_push(list, row);
}

/* One row a source, thread and way; then only the way with the most events. */
static void best_ways(struct tallies *list)
{
	size_t kept = 0;

	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_thread);
	for (size_t i = 0; i < list->n; i++)
		if (kept && !by_thread(&list->v[kept - 1], &list->v[i]))
			list->v[kept - 1].count += list->v[i].count;
		else
			list->v[kept++] = list->v[i];
	list->n = kept;
	kept = 0;
	for (size_t i = 0; i < list->n; i++) {
		struct tally *best = kept ? &list->v[kept - 1] : NULL;

		if (!best || best->source != list->v[i].source || best->tid != list->v[i].tid)
			list->v[kept++] = list->v[i];
		else if (list->v[i].count > best->count)
			*best = list->v[i];
	}
	list->n = kept;
}

static int same_thread(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int keep_best(void *arg, uint32_t way, struct vnx_trace_slot *slot)
{
	const struct tallies *list = arg;
	struct tally key = { .source = slot->source, .tid = slot->tid };
	const struct tally *best = bsearch(&key, list->v, list->n, sizeof(*list->v), same_thread);

	if (!best || best->way != way)
		slot->bins.n = 0;
	return 0;
}

static int drop_left_out(void *arg, uint32_t way, struct vnx_trace_slot *slot)
{
	const struct decoder *dec = arg;

	if (dec->left_out[way / DAT_LAYERS])
		slot->bins.n = 0;
	return 0;
}

static const char *clock_of(const struct dat *d, size_t buffer)
{
	return *d->buffers.v[buffer].clock ? d->buffers.v[buffer].clock : d->clock;
}

/*
 * Switches are put in order while they are read, before it is known which buffer has the most
 * events. Without the top buffer's pages, as trace-cmd leaves it where all is recorded in
 * instances, it is one of those.
 */
static size_t first_filled(const struct decoder *dec)
{
	for (size_t i = 0; i < dec->parts.n; i++)
		if (dec->parts.v[i].bytes)
			return dec->parts.v[i].buffer;
	return 0;
}

/* All switches were passed over, or taken by a clock that is not the calls'. */
static void tell_sched_clock(struct decoder *dec, size_t best)
{
	const struct dat *d = dec->d;
	bool taken = false, passed = false;

	for (unsigned i = 0; i < dec->n_workers; i++) {
		passed |= dec->workers[i].passed_sched;
		taken |= dec->workers[i].took_sched;
	}
	if (taken ? strcmp(clock_of(d, dec->sched_buffer), clock_of(d, best)) != 0 : passed)
		vnx_trace_sched_refuse(d->t,
				       "sched_switch was recorded by another clock than the calls: "
				       "record all buffers with the same -C");
}

/* Events of several clocks cannot be put together: the clock of the most events is the one. */
static int choose_clock(struct decoder *dec)
{
	struct dat *d = dec->d;
	size_t best = 0;

	for (size_t i = 1; i < d->buffers.n; i++)
		if (dec->events[i] > dec->events[best])
			best = i;
	for (size_t i = 0; i < d->buffers.n; i++) {
		if (!strcmp(clock_of(d, i), clock_of(d, best)) || !d->buffers.v[i].cpus.n)
			continue;
		dec->left_out[i] = true;
		vnx_trace_warn(d->t,
			       "buffer '%s' has another clock (%s) than buffer '%s' (%s): it "
			       "is left out",
			       d->buffers.v[i].name, clock_of(d, i), d->buffers.v[best].name,
			       clock_of(d, best));
	}
	if (d->buffers.n && dec->sched)
		tell_sched_clock(dec, best);
	if (d->buffers.n && *d->buffers.v[best].clock)
		memcpy(d->clock, d->buffers.v[best].clock, sizeof(d->clock));
	return each_slot(dec, drop_left_out, dec);
}

static void count_buffers(struct decoder *dec, const struct tallies *list)
{
	memset(dec->events, 0, sizeof(dec->events));
	for (size_t i = 0; i < list->n; i++)
		dec->events[list->v[i].way / DAT_LAYERS] += list->v[i].count;
}

/*
 * An event that two buffers have is one event, and so is a call that two kprobe events see.
 * By source and thread the way with the most events counts, alone: so buffers that split the
 * work by thread complete each other, and one that saw less of the same is not added. Losses
 * count of the buffers that events are taken from.
 */
static int choose_ways(struct decoder *dec)
{
	struct tallies list = { 0 };
	int ret = each_slot(dec, tally_slot, &list);

	if (!ret) {
		count_buffers(dec, &list);
		ret = choose_clock(dec);
	}
	list.n = 0;
	if (!ret)
		ret = each_slot(dec, tally_slot, &list);
	if (!ret) {
		best_ways(&list);
		count_buffers(dec, &list);
		ret = each_slot(dec, keep_best, &list);
	}
	free(list.v);
	return ret;
}

/* ---- all of it ---- */

static int decode_job(void *arg, size_t job, unsigned worker)
{
	struct decoder *dec = arg;
	struct dat_worker *w = &dec->workers[worker];
	size_t i = dec->sched ? dat_sched_job(dec->sched, job) : job;
	struct dat_part *part = &dec->parts.v[i];
	int ret;

	w->no_sched = !dec->sched ||
		      strcmp(clock_of(dec->d, part->buffer), clock_of(dec->d, dec->sched_buffer));
	ret = dat_decode_part(w, part, dec->limit[part->buffer]);
	return ret || !dec->sched ? ret : dat_sched_done(dec->sched, w, i);
}

static int start_workers(struct decoder *dec)
{
	unsigned n = vnx_trace_workers(dec->parts.n);

	/* A thread takes longer to come than a small file to decode. */
	if (dec->d->in->size < PART_BYTES)
		n = 1;
	if (n > VNX_ARRAY_SIZE(dec->workers))
		n = VNX_ARRAY_SIZE(dec->workers);
	for (; dec->n_workers < n; dec->n_workers++) {
		struct dat_worker *w = &dec->workers[dec->n_workers];

		w->dat = dec->d;
		w->bin_ns = dec->d->bin_ns;
		w->shards =
			calloc(dec->d->buffers.n * DAT_LAYERS, sizeof(struct vnx_trace_shard *));
		w->people = dat_people_new();
		/* Address 0 is nobody's. */
		for (unsigned i = 0; i < DAT_CACHE; i++)
			w->cache[i].function = -1;
		if (!w->shards || !w->people) {
			dec->n_workers++;
			return -ENOMEM;
		}
	}
	return 0;
}

static int tell_people(struct decoder *dec)
{
	struct dat_people *all[VNX_ARRAY_SIZE(dec->workers)];

	for (unsigned i = 0; i < dec->n_workers; i++)
		all[i] = dec->workers[i].people;
	return dat_people_tell(dec->d->t, all, dec->n_workers);
}

/* The trace reaches over all buffers of its clock, whatever is in them. */
static int tell_span(struct decoder *dec)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(dec->d->t);

	if (!sh)
		return -ENOMEM;
	for (size_t i = 0; i < dec->parts.n; i++) {
		const struct dat_part *p = &dec->parts.v[i];

		if (p->any && !dec->left_out[p->buffer]) {
			vnx_trace_seen(sh, p->first_ns);
			vnx_trace_seen(sh, p->last_ns);
		}
	}
	return 0;
}

/* A buffer that nothing was taken from has no losses that matter. */
static void leave_out_unused(struct decoder *dec)
{
	bool used = false;

	for (size_t i = 0; i < dec->d->buffers.n; i++)
		used |= dec->events[i] > 0;
	for (size_t i = 0; i < dec->d->buffers.n && used; i++)
		dec->left_out[i] |= !dec->events[i];
}

static void decoder_fini(struct decoder *dec)
{
	for (unsigned i = 0; i < dec->n_workers; i++) {
		free(dec->workers[i].shards);
		free(dec->workers[i].block);
		free(dec->workers[i].sched.recs.v);
		dat_people_free(dec->workers[i].people);
	}
	for (size_t i = 0; i < dec->parts.n; i++)
		free(dec->parts.v[i].gaps.v);
	dat_sched_free(dec->sched);
	free(dec->parts.v);
	free(dec);
}

int dat_decode(struct dat *d)
{
	struct decoder *dec = calloc(1, sizeof(*dec));
	int ret;

	if (!dec)
		return -ENOMEM;
	dec->d = d;
	vnx_trace_sched_begin(d->t);
	ret = list_parts(dec);
	for (size_t i = 0; i < d->buffers.n && !ret; i++)
		ret = find_limit(dec, i);
	if (!ret)
		ret = start_workers(dec);
	dec->sched_buffer = first_filled(dec);
	if (!ret && d->switches)
		ret = dat_sched_new(&dec->sched, d, dec->parts.v, dec->parts.n);
	if (!ret)
		ret = vnx_trace_jobs(dec->parts.n, dec->n_workers, decode_job, dec);
	if (!ret)
		ret = choose_ways(dec);
	if (!ret)
		ret = tell_span(dec);
	if (!ret)
		leave_out_unused(dec);
	if (!ret)
		ret = tell_losses(dec);
	if (!ret)
		ret = tell_people(dec);
	decoder_fini(dec);
	return ret;
}
