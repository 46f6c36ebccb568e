// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace.dat of a latency tracer (wakeup, irqsoff): in place of pages it has the text of the
 * file `trace`. In v6 it follows the word "latency" up to the file's end, in v7 it is a section
 * of its own, packed in pieces of a page (trace-cmd.dat.v6(5), trace-cmd.dat.v7(5)).
 */
#include <inttypes.h>

#include "cli/input/text/text_lines.h"
#include "cli/input/trace_dat/trace_dat.h"

#define SECTION_HEAD 16
#define SECTION_PACKED 1
#define CHUNK_HEAD 8
#define CHUNK_MAX DAT_PAGE_MAX /* trace-cmd packs page by page */
#define PACK_RATIO_MAX 1024    /* a page of one letter packs to less than a thousandth of it */

void dat_take_text(struct dat *d, uint64_t at, uint64_t end, bool packed)
{
	if (d->text.end) {
		vnx_trace_warn(d->t, "it has the text of more than one buffer: the first is read");
		return;
	}
	d->text.at = at;
	d->text.end = end;
	d->text.packed = packed;
}

void dat_take_text_section(struct dat *d, uint64_t at)
{
	uint8_t head[SECTION_HEAD];
	uint64_t size, left;

	if (vnx_input_pread(d->in, head, sizeof(head), at) != sizeof(head) ||
	    dat_u16(head, d->swap) != DAT_OPT_BUFFER_TEXT) {
		vnx_trace_warn(d->t,
			       "the text of a latency tracer at offset %#" PRIx64
			       " is not there: it is left out",
			       at);
		return;
	}
	at += SECTION_HEAD;
	left = d->in->size - at;
	size = dat_u64(head + 8, d->swap);
	d->text.cut = !size || size > left;
	dat_take_text(d, at, at + (d->text.cut ? left : size),
		      dat_u16(head + 2, d->swap) & SECTION_PACKED);
}

/*
 * How far pieces reach is told by themselves, what they unpack to too. What is wrong with them
 * ends the text before it, as *why says.
 */
static uint64_t measure_pieces(const struct dat *d, uint64_t at, uint64_t *unpacked,
			       const char **why)
{
	uint64_t begin = at, end = d->text.end;
	uint8_t head[CHUNK_HEAD];
	uint32_t n = 0;

	*unpacked = 0;
	if (at <= end && vnx_input_pread(d->in, head, 4, at - 4) == 4)
		n = dat_u32(head, d->swap);
	else
		*why = "is not there";
	for (; n && !*why; n--) {
		uint32_t packed, size;

		if (end - at < CHUNK_HEAD ||
		    vnx_input_pread(d->in, head, sizeof(head), at) != sizeof(head)) {
			*why = "is not there";
			break;
		}
		packed = dat_u32(head, d->swap);
		size = dat_u32(head + 4, d->swap);
		if (size > CHUNK_MAX ||
		    (*unpacked + size) / PACK_RATIO_MAX > at + CHUNK_HEAD + packed - begin) {
			*why = "unpacks to more than text can";
		} else if (packed > end - at - CHUNK_HEAD) {
			*why = "ends too early";
		} else {
			*unpacked += size;
			at += CHUNK_HEAD + (uint64_t)packed;
		}
	}
	return at;
}

struct source {
	struct dat_stream s;
	struct vnx_text_bytes bytes;
};

static ssize_t read_text(void *arg, void *buf, size_t len)
{
	struct source *src = arg;
	size_t got = dat_stream_read(&src->s, buf, len);

	src->bytes.cut |= src->s.error != 0;
	return (ssize_t)got;
}

/* What is left to say when all that could be had was read. */
static void tell_end(struct dat *d, const struct dat_stream *s, uint64_t at, const char *why)
{
	if (s->error && s->error != -ENODATA)
		why = s->error == -EBADMSG ? "does not unpack" : "cannot be read";
	if (why)
		vnx_trace_warn(d->t,
			       "the text of a latency tracer: a packed piece at or before offset "
			       "%#" PRIx64 " %s: what follows is left out",
			       at, why);
	else if (d->text.cut && !d->text.packed)
		vnx_trace_warn(d->t,
			       "the file ends in the text of a latency tracer, at %" PRIu64
			       " bytes: what follows is missing",
			       d->in->size);
}

/* Stamps of latency format are of no clock, whatever the options call the buffer's. */
static void take_clock(struct dat *d, const char *clock)
{
	if (!clock)
		return;
	snprintf(d->clock, sizeof(d->clock), "%s", clock);
	d->tsc_mult = 0;
	d->has_date = false;
}

int dat_decode_text(struct dat *d, struct vnx_input *in, const struct vnx_reader_conf *conf)
{
	struct source src = { .bytes = { .read = read_text, .unpacked = d->text.packed } };
	const char *clock = NULL, *why = NULL;
	uint64_t at = d->text.at, end = d->text.end;
	int ret;

	if (d->text.packed) {
		at += 4;
		end = measure_pieces(d, at, &src.bytes.size, &why);
		src.bytes.cut = why != NULL;
		ret = dat_stream_chunks(&src.s, d, at, end);
	} else {
		src.bytes.offset = at;
		src.bytes.size = end - at;
		src.bytes.cut = d->text.cut;
		ret = dat_stream_plain(&src.s, d, at, end);
	}
	src.bytes.arg = &src;
	if (!ret)
		ret = vnx_text_into(d->t, in, conf, &vnx_ftrace_text_format, &src.bytes, &clock,
				    d->err);
	tell_end(d, &src.s, d->text.packed ? src.s.at : end, why);
	dat_stream_close(&src.s);
	take_clock(d, clock);
	return ret;
}
