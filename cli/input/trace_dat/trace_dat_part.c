// SPDX-License-Identifier: GPL-2.0-only
/* One job: a run of pages of one CPU, their headers, and what was lost between them. */
#include <inttypes.h>

#include "cli/input/trace_dat/trace_dat.h"

/* struct buffer_data_page's commit: length of the data, and flags (kernel/trace/ring_buffer.c) */
#define COMMIT_MASK ((1u << 27) - 1)
#define MISSED_STORED (1u << 30)
#define MISSED_EVENTS (1u << 31)
#define BLOCK_LEN (512u << 10)
#define SLACK_NS VNX_NSEC_PER_SEC /* by which times may be out of order without being damage */
#define LOOK_PAGES 2              /* that follow, to judge a page's time by */

/* A part at work. */
struct run {
	struct dat_worker *w;
	struct dat_part *part;
	const struct dat_buffer *buffer;
	uint64_t limit;  /* raw time that no event of the CPU can have */
	uint64_t number; /* of the page in the CPU's data */
	uint64_t last;   /* raw time stamp of the last good page */
	struct dat_gap gap;
	bool gap_open; /* a loss whose end is the next event */
	int error;
};

static uint32_t page_header_len(const struct dat *d)
{
	return 8u + d->commit_size;
}

/* The sign extension of bit 31 makes more of it than the flag: the low word has all. */
static uint32_t commit_of(const struct dat *d, const uint8_t *page)
{
	return d->commit_size == 8 ? (uint32_t)dat_u64(page + 8, d->swap)
				   : dat_u32(page + 8, d->swap);
}

static void open_gap(struct run *r, bool told, uint64_t count)
{
	if (!r->gap_open)
		r->gap = (struct dat_gap){ .from_ns = r->part->any ? r->part->last_ns : 0,
					   .told = true };
	r->gap_open = true;
	r->w->sched_cpu = (struct vnx_sched_cpu){ 0 };
	r->gap.told &= told;
	r->gap.count = r->gap.count > UINT64_MAX - count ? UINT64_MAX : r->gap.count + count;
}

/* Losses within one bin make that bin missing once: they are kept as one. */
static void close_gap(struct run *r, uint64_t to_ns)
{
	struct dat_part *part = r->part;
	uint64_t bin_ns = r->w->bin_ns;
	struct dat_gap *last = part->gaps.n ? &part->gaps.v[part->gaps.n - 1] : NULL;

	r->gap_open = false;
	r->gap.to_ns = to_ns;
	if (r->w->dat->switches && !r->w->no_sched)
		vnx_sched_add(&r->w->sched, VNX_SCHED_GAP, to_ns, 0, 0);
	if (!part->any) { /* where it began, the part before knows */
		part->first_gap = true;
		part->before = r->gap;
	} else if (last && last->to_ns / bin_ns == r->gap.from_ns / bin_ns &&
		   last->told == r->gap.told) {
		last->to_ns = to_ns;
		last->count += r->gap.count;
	} else if (vnx_vec_push(&part->gaps, r->gap)) {
		r->error = -ENOMEM;
	}
}

static void skipped(struct run *r, const char *what, uint64_t at)
{
	const struct dat_cpu *cpu = &r->buffer->cpus.v[r->part->cpu];

	vnx_trace_warn(r->w->dat->t,
		       "page %" PRIu64 " of CPU %u at offset %#" PRIx64 "%s%s%s: %s: the rest of "
		       "this page is skipped",
		       r->number, cpu->cpu, at, r->buffer->packed ? " (unpacked)" : "",
		       *r->buffer->name ? " of buffer " : "", r->buffer->name, what);
	open_gap(r, false, 0);
}

/* Where a page is: in the file, or in what the CPU's data unpack to. */
static uint64_t page_offset(const struct run *r)
{
	uint64_t in_data = r->number * r->buffer->page_size;

	return r->buffer->packed ? in_data : r->buffer->cpus.v[r->part->cpu].offset + in_data;
}

/*
 * Does the page's time fit those of its neighbours? Pages of a CPU are in order of time, so
 * that of three in a row the odd one shows. *limit: what its events cannot exceed.
 */
static bool time_fits(const struct run *r, const uint64_t *stamp, size_t n, uint64_t *limit)
{
	*limit = r->limit;
	if (stamp[0] > r->limit || (r->part->any && stamp[0] + SLACK_NS < r->last))
		return false;
	if (n > 1 && stamp[1] + SLACK_NS >= stamp[0])
		*limit = stamp[1];
	else if (n > 2 && stamp[2] + SLACK_NS >= stamp[0])
		*limit = stamp[2]; /* it is the next that is wrong */
	else if (n > 2)
		return false;
	*limit = *limit > UINT64_MAX - SLACK_NS ? UINT64_MAX : *limit + SLACK_NS;
	if (*limit > r->limit)
		*limit = r->limit;
	return true;
}

static void take_results(struct run *r, const struct dat_page *page)
{
	struct dat_part *part = r->part;

	if (r->gap_open)
		close_gap(r, page->first_ns);
	if (!part->any || page->first_ns < part->first_ns)
		part->first_ns = page->first_ns;
	if (!part->any || page->last_ns > part->last_ns)
		part->last_ns = page->last_ns;
	part->any = true;
}

/* The count that the kernel puts behind the data where there is room: a long. */
static void missed(struct run *r, const uint8_t *page, uint32_t commit, size_t len)
{
	const struct dat *d = r->w->dat;
	size_t at = page_header_len(d) + (commit & COMMIT_MASK);

	if (!(commit & MISSED_EVENTS))
		return;
	if (!(commit & MISSED_STORED) || at > len || len - at < d->commit_size)
		open_gap(r, false, 0);
	else
		open_gap(r, true,
			 d->commit_size == 8 ? dat_u64(page + at, d->swap)
					     : dat_u32(page + at, d->swap));
}

/* @len: of the page, less where the data end in it. @stamp: of it and the next, @n in all. */
static void decode_page(struct run *r, const uint8_t *data, size_t len, const uint64_t *stamp,
			size_t n)
{
	const struct dat *d = r->w->dat;
	uint32_t head = page_header_len(d), commit = commit_of(d, data), size;
	struct dat_page page = { .w = r->w, .base = stamp[0] };

	if (!time_fits(r, stamp, n, &page.limit)) {
		skipped(r, "its time does not fit its neighbours'", page_offset(r));
		return;
	}
	missed(r, data, commit, len);
	size = commit & COMMIT_MASK;
	if (size > r->buffer->page_size - head) {
		skipped(r, "it says that it holds more than a page can", page_offset(r));
		return;
	}
	r->last = stamp[0];
	dat_page_decode(&page, data + head, size < len - head ? size : len - head);
	if (page.any)
		take_results(r, &page);
	if (page.damage && size <= len - head)
		skipped(r, page.damage, page_offset(r));
}

static size_t read_stamps(const struct dat *d, const uint8_t *p, size_t len, size_t page_size,
			  uint64_t *stamp)
{
	size_t n = 0;

	for (; n <= LOOK_PAGES && len >= page_header_len(d); n++) {
		stamp[n] = dat_u64(p, d->swap);
		p += page_size;
		len = len > page_size ? len - page_size : 0;
	}
	return n;
}

/* Pages of the block while their neighbours are in it too; bytes used. */
static size_t decode_block(struct run *r, const uint8_t *block, size_t len, uint64_t *left,
			   bool end)
{
	size_t page_size = r->buffer->page_size, at = 0;
	struct vnx_trace_shard **now = r->w->now;

	while (*left && at < len && (end || len - at >= (1 + LOOK_PAGES) * page_size)) {
		size_t n = len - at < page_size ? len - at : page_size;
		uint64_t stamp[LOOK_PAGES + 1];
		size_t stamps = read_stamps(r->w->dat, block + at, len - at, page_size, stamp);

		if (stamps)
			decode_page(r, block + at, n, stamp, stamps);
		at += n;
		*left -= n < *left ? n : *left;
		r->number++;
		if (r->error || r->w->no_memory || (now[0] && now[0]->error))
			break;
	}
	return at;
}

static const char *why_ended(int error)
{
	if (error == -EBADMSG)
		return "what is packed does not unpack";
	return error == -ENODATA ? "the file ends" : strerror(-error);
}

/* The data end before the CPU's do: what is missing was lost from its last event on. */
static void cut_off(struct run *r, int error, uint64_t left)
{
	const struct dat_cpu *cpu = &r->buffer->cpus.v[r->part->cpu];

	r->part->cut = true;
	vnx_trace_warn(r->w->dat->t,
		       "page %" PRIu64 " of CPU %u at offset %#" PRIx64 "%s%s%s: %s here: %" PRIu64
		       " bytes of events are missing",
		       r->number, cpu->cpu, page_offset(r), r->buffer->packed ? " (unpacked)" : "",
		       *r->buffer->name ? " of buffer " : "", r->buffer->name, why_ended(error),
		       left);
}

static size_t block_size(const struct dat_buffer *b)
{
	size_t pages = BLOCK_LEN / b->page_size;

	return (pages > LOOK_PAGES + 1 ? pages : LOOK_PAGES + 2) * b->page_size;
}

int dat_part_open(struct dat_stream *s, const struct dat *d, const struct dat_part *part)
{
	const struct dat_buffer *b = &d->buffers.v[part->buffer];
	const struct dat_cpu *cpu = &b->cpus.v[part->cpu];
	uint64_t end = cpu->offset + cpu->size + (b->packed ? 4 : 0);

	return b->packed ? dat_stream_chunks(s, d, part->offset, end)
			 : dat_stream_plain(s, d, part->offset, end);
}

/* Everything a part has, in blocks; pages that only serve to judge the last ones by are kept. */
static void decode_stream(struct run *r, struct dat_stream *s)
{
	size_t size = block_size(r->buffer), have = 0;
	uint64_t left = r->part->bytes, to_read = left + LOOK_PAGES * r->buffer->page_size;

	while (left && !r->error) {
		size_t want = size - have < to_read ? size - have : (size_t)to_read;
		size_t got = dat_stream_read(s, r->w->block + have, want), used;
		bool end = got < want || want == to_read;

		to_read -= got;
		have += got;
		vnx_trace_progress(r->w->dat->t, r->buffer->packed ? got / 4 : got);
		used = decode_block(r, r->w->block, have, &left, end);
		memmove(r->w->block, r->w->block + used, have - used);
		have -= used;
		if (r->w->no_memory)
			r->error = -ENOMEM;
		if (r->w->now[0] && r->w->now[0]->error)
			return; /* vnx_trace_run() says it */
		if (end)
			break;
	}
	if (left && !r->error)
		cut_off(r, s->error ? s->error : -ENODATA, left);
}

/* Losses after the last event of a part reach to the first of the next one. */
static void finish(struct run *r)
{
	r->part->cut |= r->part->more;
	if (r->gap_open) {
		r->part->cut = true;
		r->part->tail = r->gap;
	}
}

int dat_decode_part(struct dat_worker *w, struct dat_part *part, uint64_t limit)
{
	const struct dat_buffer *b = &w->dat->buffers.v[part->buffer];
	struct run r = { .w = w, .part = part, .buffer = b, .limit = limit, .number = part->page };
	struct dat_stream s;
	int ret;

	if (w->block_len < block_size(b)) {
		free(w->block);
		w->block = malloc(block_size(b));
		w->block_len = w->block ? block_size(b) : 0;
		if (!w->block)
			return -ENOMEM;
	}
	w->sched_cpu = (struct vnx_sched_cpu){ 0 };
	w->now = w->shards + (size_t)part->buffer * DAT_LAYERS;
	ret = dat_part_open(&s, w->dat, part);
	if (!ret) {
		decode_stream(&r, &s);
		finish(&r);
		ret = r.error;
	}
	dat_stream_close(&s);
	return ret;
}
