// SPDX-License-Identifier: GPL-2.0-only
/*
 * A v7 file lists its buffers behind their data: one that is cut off (a full disk, a copy that
 * broke) has pages and no list. They can still be found: sections follow each other, pages
 * begin at multiples of the page size, and the times of a CPU's pages only grow.
 */
#include "cli/input/trace_dat/trace_dat.h"

#define SECTION_HEAD 16
#define SECTION_PACKED 1
#define CPUS_MAX 65536
#define DAT_SECTIONS_MAX 64 /* ids of sections are below; trace-cmd has 25 */
#define SLACK VNX_NSEC_PER_SEC

static uint64_t align_up(uint64_t at, uint64_t page_size)
{
	return (at + page_size - 1) / page_size * page_size;
}

static int add_cpu(struct dat_buffer *b, uint64_t from, uint64_t to)
{
	struct dat_cpu cpu = { .cpu = (uint32_t)b->cpus.n, .offset = from, .size = to - from };

	return to > from && b->cpus.n < CPUS_MAX ? vnx_vec_push(&b->cpus, cpu) : 0;
}

/* Where the time goes back another CPU begins. Two that do not overlap may pass for one. */
static int plain_cpus(struct dat *d, struct dat_buffer *b, uint64_t at, uint64_t end)
{
	uint64_t from = at, last = 0;

	for (; at < end; at += b->page_size) {
		uint8_t raw[8];
		uint64_t stamp;

		if (vnx_input_pread(d->in, raw, sizeof(raw), at) != sizeof(raw))
			break;
		stamp = dat_u64(raw, d->swap);
		if (stamp < last && last - stamp > SLACK) {
			int ret = add_cpu(b, from, at);

			if (ret)
				return ret;
			from = at;
		}
		last = stamp;
	}
	return add_cpu(b, from, end);
}

/* The end of the chunks that begin at @at; UINT64_MAX: not in the file. */
static uint64_t chunks_end(const struct dat *d, uint64_t at)
{
	uint8_t raw[8];
	uint32_t n;

	if (vnx_input_pread(d->in, raw, 4, at) != 4)
		return UINT64_MAX;
	at += 4;
	for (n = dat_u32(raw, d->swap); n; n--) {
		if (vnx_input_pread(d->in, raw, sizeof(raw), at) != sizeof(raw))
			return UINT64_MAX;
		at += 8 + (uint64_t)dat_u32(raw, d->swap);
	}
	return at <= d->in->size ? at : UINT64_MAX;
}

static int packed_cpus(struct dat *d, struct dat_buffer *b, uint64_t at, uint64_t end)
{
	while (at + 4 < end && b->cpus.n < CPUS_MAX) {
		uint64_t next = chunks_end(d, at);
		/* The size does not count the number of chunks; one that is cut goes to the end. */
		int ret = add_cpu(b, at, next == UINT64_MAX ? d->in->size : next - 4);

		if (ret || next == UINT64_MAX)
			return ret;
		at = align_up(next, b->page_size);
	}
	return 0;
}

/* What else the buffer had is not in the file: a CPU that ends before it begins says so. */
static int add_missing(struct dat *d, struct dat_buffer *b)
{
	return add_cpu(b, d->in->size, d->in->size + b->page_size);
}

static int rescue_buffer(struct dat *d, uint64_t at, uint64_t size, bool packed)
{
	struct dat_buffer b = { .page_size = d->page_size, .packed = packed };
	uint64_t left = d->in->size - at, end = at + (size < left ? size : left);
	int ret;

	snprintf(b.name, sizeof(b.name), "cut off");
	at = align_up(at, b.page_size);
	ret = packed ? packed_cpus(d, &b, at, end) : plain_cpus(d, &b, at, end);
	if (!ret && size > left)
		ret = add_missing(d, &b);
	if (!ret && d->buffers.n < DAT_BUFFERS)
		return vnx_vec_push(&d->buffers, b);
	free(b.cpus.v);
	return ret;
}

int dat_rescue(struct dat *d, uint64_t at)
{
	uint8_t head[SECTION_HEAD];
	int ret = 0;

	if (d->page_size < DAT_PAGE_MIN || d->page_size > DAT_PAGE_MAX || d->page_size % 8)
		return 0;
	while (!ret && vnx_input_pread(d->in, head, sizeof(head), at) == sizeof(head)) {
		unsigned id = dat_u16(head, d->swap), flags = dat_u16(head + 2, d->swap);
		uint64_t size = dat_u64(head + 8, d->swap), left;

		at += SECTION_HEAD;
		left = d->in->size - at;
		if (id > DAT_SECTIONS_MAX ||
		    (!size && id != DAT_OPT_BUFFER && id != DAT_OPT_BUFFER_TEXT))
			break;
		if (id == DAT_OPT_BUFFER && size)
			ret = rescue_buffer(d, at, size, flags & SECTION_PACKED);
		if (id == DAT_OPT_BUFFER_TEXT && !d->text.end)
			dat_take_text_section(d, at - SECTION_HEAD);
		if (size >= left)
			break;
		at += size; /* none: a buffer without events */
	}
	return ret;
}
