// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting the stream of records into blocks. Records that samples do not need to know of are
 * dealt with here, in the order of the file: descriptions, names, compression.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "cli/input/perf_data/perf_data.h"

#define HEAD_LEN 8
#define TRACING_DATA_MAX (16u << 20)
/* Levels up to 20 need no larger window; a hostile file may name one of gigabytes. */
#define ZSTD_WINDOW_LOG 25
/* perf fills a compressed record up to this before it begins another (builtin-record.c). */
#define PIECE_MAX (65536 - 16 - 1)

enum stop {
	STOP_SHORT,   /* the next record is not whole */
	STOP_SPECIAL, /* more than a record: something follows it, or is in it */
	STOP_BAD,
	STOP_SAMPLE, /* the first one, and descriptions may end here */
	STOP_ERROR,
};

static void stream_end(struct perf_data *pd, const char *fmt, ...) VNX_PRINTF(2, 3);
static void stream_end(struct perf_data *pd, const char *fmt, ...)
{
	struct perf_stream *st = &pd->stream;
	va_list args;

	st->over = true;
	if (!fmt || st->cut)
		return;
	st->cut = true;
	va_start(args, fmt);
	vsnprintf(st->why, sizeof(st->why), fmt, args);
	va_end(args);
}

static size_t at_hand(const struct perf_stream *st)
{
	return st->len - st->pos;
}

static uint64_t offset_of(const struct perf_stream *st)
{
	return st->at - at_hand(st);
}

/* Up to @len bytes, fewer at the end only. */
static size_t stream_read(struct perf_data *pd, uint8_t *to, size_t len)
{
	struct perf_stream *st = &pd->stream;
	ssize_t got;

	if (len > st->left)
		len = (size_t)st->left;
	if (!len)
		return 0;
	got = pd->in->seekable ? vnx_input_pread(pd->in, to, len, st->at)
			       : vnx_input_read(pd->in, to, len);
	if (got < 0) {
		stream_end(pd, "cannot be read on at offset 0x%" PRIx64 ": %s", st->at,
			   strerror((int)-got));
		got = 0;
	}
	if ((size_t)got < len)
		st->left = 0;
	else
		st->left -= len;
	st->at += (uint64_t)got;
	vnx_trace_progress(pd->trace, (uint64_t)got);
	return (size_t)got;
}

/* At least @want bytes at hand if there are so many; how many there are. */
static size_t stream_need(struct perf_data *pd, size_t want)
{
	struct perf_stream *st = &pd->stream;

	if (at_hand(st) >= want)
		return at_hand(st);
	memmove(st->buf, st->buf + st->pos, at_hand(st));
	st->len -= st->pos;
	st->pos = 0;
	st->len += stream_read(pd, st->buf + st->len, PERF_BUF_LEN - st->len);
	return at_hand(st);
}

static void stream_skip(struct perf_data *pd, uint64_t n)
{
	struct perf_stream *st = &pd->stream;
	size_t have = at_hand(st);

	if (n <= have) {
		st->pos += (size_t)n;
		return;
	}
	n -= have;
	st->pos = st->len = 0;
	if (pd->in->seekable && n <= st->left) {
		st->at += n;
		st->left -= n;
		vnx_trace_progress(pd->trace, n);
		return;
	}
	while (n) {
		size_t got = stream_read(pd, st->buf, n < PERF_BUF_LEN ? (size_t)n : PERF_BUF_LEN);

		if (!got) {
			stream_end(pd,
				   "ends at offset 0x%" PRIx64 ", within trace data of hardware",
				   st->at);
			return;
		}
		n -= got;
	}
}

static bool is_compressed(uint32_t type)
{
	return type == PERF_USER_COMPRESSED || type == PERF_USER_COMPRESSED2;
}

static bool is_special(uint32_t type)
{
	return is_compressed(type) || type == PERF_USER_TRACING_DATA || type == PERF_USER_AUXTRACE;
}

/* Types that no kernel and no perf has: what they held is gone. */
static void note_type(struct perf_stream *st, uint32_t type, uint64_t offset)
{
	if ((type >= 1 && type < 32) || (type >= 64 && type < 128))
		return;
	if (!st->unknown++) {
		st->unknown_type = type;
		st->unknown_at = offset;
	}
}

/* COMM: pid, tid, name; FORK: pid, ppid, tid, ptid. */
static int side_record(struct perf_data *pd, uint32_t type, const uint8_t *rec, size_t len,
		       uint64_t offset)
{
	if (type >= 64 && type < 128)
		return vnx_perf_describe(pd, type, rec, len);
	if (type == PERF_RECORD_COMM && len > 16)
		return vnx_perf_thread(pd, perf_u32(pd, rec + 12), perf_u32(pd, rec + 8),
				       (const char *)rec + 16, len - 16);
	if (type == PERF_RECORD_FORK && len >= 24)
		return vnx_perf_thread(pd, perf_u32(pd, rec + 16), perf_u32(pd, rec + 8), NULL, 0);
	note_type(&pd->stream, type, offset);
	return 0;
}

/*
 * From *whole on over whole records of @data, *whole is where the first other one begins.
 * @offset is that of data[0]; @inner: the data were unpacked.
 */
static enum stop walk(struct perf_data *pd, const uint8_t *data, size_t n, size_t *whole,
		      uint64_t offset, bool inner, int *error)
{
	size_t p = *whole;
	enum stop stop = STOP_SHORT;

	while (n - p >= HEAD_LEN) {
		uint32_t type = perf_u32(pd, data + p);
		size_t size = perf_u16(pd, data + p + 6);

		if (__builtin_expect(type != PERF_RECORD_SAMPLE || !pd->frozen, 0)) {
			if (!inner && is_special(type)) {
				stop = STOP_SPECIAL;
				break;
			}
			if (type == PERF_RECORD_SAMPLE) {
				stop = STOP_SAMPLE;
				break;
			}
			if (size >= HEAD_LEN && size <= n - p) {
				*error = side_record(pd, type, data + p, size,
						     inner ? offset : offset + p);
				if (*error) {
					stop = STOP_ERROR;
					break;
				}
			}
		}
		if (size < HEAD_LEN) {
			stop = STOP_BAD;
			break;
		}
		if (size > n - p)
			break;
		p += size;
	}
	*whole = p;
	return stop;
}

/* ---- records that are more than records ---- */

/* What follows the record, into one piece. */
static int read_tracing_data(struct perf_data *pd, uint64_t len, uint64_t offset)
{
	VNX_CLEANUP_FREE uint8_t *all = NULL;
	size_t cap = 0, n = 0;
	int ret;

	if (len > TRACING_DATA_MAX)
		vnx_trace_warn(pd->trace,
			       "descriptions of events at offset 0x%" PRIx64
			       " are larger than any: left out",
			       offset);
	if (pd->frozen || len > TRACING_DATA_MAX) {
		stream_skip(pd, len);
		return 0;
	}
	while (n < len && stream_need(pd, 1)) {
		struct perf_stream *st = &pd->stream;
		size_t part = at_hand(st) < len - n ? at_hand(st) : (size_t)(len - n);

		ret = vnx_vec_grow((void **)&all, &cap, n + part, 1);
		if (ret)
			return ret;
		memcpy(all + n, st->buf + st->pos, part);
		st->pos += part;
		n += part;
	}
	if (n < len) {
		stream_end(pd, "ends within the descriptions of events at offset 0x%" PRIx64,
			   offset);
		return 0;
	}
	ret = vnx_perf_tracing_data(pd, all, n);
	if (ret == -EPROTO)
		vnx_trace_warn(pd->trace,
			       "descriptions of events at offset 0x%" PRIx64
			       " are damaged: what follows in them is left out",
			       offset);
	return ret == -EPROTO ? 0 : ret;
}

static int take_special(struct perf_data *pd, uint32_t type, size_t size)
{
	struct perf_stream *st = &pd->stream;
	uint64_t offset = offset_of(st), follows;
	const uint8_t *rec = st->buf + st->pos;

	if (size < 16 || stream_need(pd, size) < size) {
		stream_end(pd,
			   "is damaged at offset 0x%" PRIx64 ": a record of type %u is too short",
			   offset, type);
		return 0;
	}
	rec = st->buf + st->pos;
	follows = type == PERF_USER_AUXTRACE ? perf_u64(pd, rec + 8) : perf_u32(pd, rec + 8);
	st->pos += size;
	if (type == PERF_USER_TRACING_DATA)
		return read_tracing_data(pd, follows, offset);
	stream_skip(pd, follows);
	return 0;
}

/*
 * Length of the packed bytes in *len and of all in *size. Where the bytes of one push are too
 * many for the 16 bits, perf 6.16 to 6.18 wrap the size of the first of its records, write
 * none of the padding, and leave the length in all others unset: what is there is clear still.
 */
static void measure_packed(struct perf_data *pd, const uint8_t *rec, size_t avail, size_t *head,
			   size_t *len, size_t *size)
{
	struct perf_stream *st = &pd->stream;
	uint64_t data, at = offset_of(st);

	*size = perf_u16(pd, rec + 6);
	*head = HEAD_LEN;
	*len = *size > HEAD_LEN ? *size - HEAD_LEN : 0;
	if (perf_u32(pd, rec) == PERF_USER_COMPRESSED)
		return;
	*head = 16;
	*len = *size > 16 ? *size - 16 : 0;
	if (avail < 16 || at < st->pieces_end)
		return;
	data = perf_u64(pd, rec + 8);
	if (data <= *len) {
		*len = (size_t)data;
	} else if (((data + 16 + 7) & 0xfff8) == *size && data < PERF_BUF_LEN) {
		st->pieces_end = at + 16 + data;
		*len = data < PIECE_MAX ? (size_t)data : PIECE_MAX;
		*size = 16 + *len;
	}
}

static void take_packed(struct perf_data *pd)
{
	struct perf_stream *st = &pd->stream;
	size_t head, len, size;

	measure_packed(pd, st->buf + st->pos, stream_need(pd, 16), &head, &len, &size);
	if (!len || stream_need(pd, size) < size) {
		stream_end(pd, "%s at offset 0x%" PRIx64,
			   len ? "ends in a compressed record" : "has an empty compressed record",
			   offset_of(st));
		return;
	}
	st->packed_at = offset_of(st);
	st->zin = (ZSTD_inBuffer){ st->buf + st->pos + head, len, 0 };
	st->pos += size;
}

static int open_zstd(struct perf_stream *st)
{
	if (st->zstd)
		return 0;
	st->zstd = ZSTD_createDStream();
	st->inner = malloc(PERF_BUF_LEN);
	if (!st->zstd || !st->inner)
		return -ENOMEM;
	ZSTD_initDStream(st->zstd);
	ZSTD_DCtx_setParameter(st->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	return 0;
}

/* Unpacks behind data[n]; the new n. */
static size_t unpack(struct perf_data *pd, uint8_t *data, size_t n)
{
	struct perf_stream *st = &pd->stream;
	ZSTD_outBuffer out = { data, PERF_BUF_LEN, n };
	size_t before = st->zin.pos, ret = ZSTD_decompressStream(st->zstd, &out, &st->zin);

	if (ZSTD_isError(ret)) {
		stream_end(pd,
			   "the compressed record at offset 0x%" PRIx64 " is damaged (%s): "
			   "all from there on is left out",
			   st->packed_at, ZSTD_getErrorName(ret));
		st->zin = (ZSTD_inBuffer){ 0 };
	} else if (out.pos == n && st->zin.pos == before) {
		st->zin = (ZSTD_inBuffer){ 0 }; /* nothing is left in it */
	}
	return out.pos;
}

/* A record that is not compressed, before the unpacked one that is not whole yet. */
static size_t insert_record(struct perf_data *pd, uint8_t *data, size_t n, size_t whole,
			    size_t size)
{
	struct perf_stream *st = &pd->stream;

	memmove(data + whole + size, data + whole, n - whole);
	memcpy(data + whole, st->buf + st->pos, size);
	st->pos += size;
	return n + size;
}

/* One record more of the file towards a block of unpacked ones. False: the block is done. */
static bool feed(struct perf_data *pd, uint8_t *data, size_t *n, size_t whole, int *error)
{
	struct perf_stream *st = &pd->stream;
	size_t avail = stream_need(pd, HEAD_LEN), size;
	uint32_t type;

	if (avail < HEAD_LEN) {
		stream_end(pd, avail ? "ends within a record at offset 0x%" PRIx64 : NULL,
			   offset_of(st));
		return false;
	}
	type = perf_u32(pd, st->buf + st->pos);
	size = perf_u16(pd, st->buf + st->pos + 6);
	if (is_compressed(type)) {
		take_packed(pd);
		return !st->over;
	}
	if (is_special(type)) {
		*error = take_special(pd, type, size);
		return !*error && !st->over;
	}
	if (size < HEAD_LEN || stream_need(pd, size) < size) {
		stream_end(pd,
			   size < HEAD_LEN ? "has a record without length at offset 0x%" PRIx64
					   : "ends within a record at offset 0x%" PRIx64,
			   offset_of(st));
		return false;
	}
	if (*n + size > PERF_BUF_LEN)
		return false;
	*n = insert_record(pd, data, *n, whole, size);
	return true;
}

static int next_packed(struct perf_data *pd, struct perf_block *b)
{
	struct perf_stream *st = &pd->stream;
	size_t n, whole = 0;
	int error = open_zstd(st);

	if (error)
		return error;
	n = st->inner_len;
	memcpy(b->data, st->inner, n);
	b->packed = true;
	b->offset = st->packed_at;
	for (;;) {
		enum stop stop = walk(pd, b->data, n, &whole, st->packed_at, true, &error);

		if (stop == STOP_BAD) {
			stream_end(pd,
				   "what the compressed record at offset 0x%" PRIx64
				   " holds is damaged",
				   st->packed_at);
			st->zin = (ZSTD_inBuffer){ 0 };
			n = whole;
		}
		if (stop != STOP_SHORT || n == PERF_BUF_LEN || error)
			break;
		if (st->zin.src)
			n = unpack(pd, b->data, n);
		else if (st->over || !feed(pd, b->data, &n, whole, &error))
			break;
	}
	b->len = whole;
	st->inner_len = n - whole;
	memcpy(st->inner, b->data + whole, n - whole);
	if (st->over && !whole && st->inner_len)
		stream_end(pd, "ends within a compressed record at offset 0x%" PRIx64,
			   st->packed_at);
	return error;
}

/* ---- the plain way ---- */

static int next_plain(struct perf_data *pd, struct perf_block *b)
{
	struct perf_stream *st = &pd->stream;
	size_t n = at_hand(st), whole = 0;
	int error = 0;
	enum stop stop;

	b->offset = offset_of(st);
	memcpy(b->data, st->buf + st->pos, n);
	st->pos = st->len = 0;
	if (n < PERF_BLOCK_LEN)
		n += stream_read(pd, b->data + n, PERF_BLOCK_LEN - n);
	stop = walk(pd, b->data, n, &whole, b->offset, false, &error);
	b->len = whole;
	st->len = n - whole;
	memcpy(st->buf, b->data + whole, st->len);
	if (stop == STOP_BAD)
		stream_end(pd,
			   "has a record without length at offset 0x%" PRIx64
			   ": all from there on is left out",
			   offset_of(st));
	else if (stop == STOP_SHORT && !whole)
		stream_end(pd,
			   "ends within a record at offset 0x%" PRIx64 ": %zu bytes are left out",
			   offset_of(st), st->len);
	return error;
}

static int next_block(struct perf_data *pd, struct perf_block *b)
{
	struct perf_stream *st = &pd->stream;

	while (!st->over) {
		size_t avail = stream_need(pd, HEAD_LEN);
		uint32_t type = avail >= HEAD_LEN ? perf_u32(pd, st->buf + st->pos) : 0;
		int ret;

		if (!avail) {
			stream_end(pd, NULL);
			break;
		}
		st->packed = is_compressed(type);
		if (st->packed)
			return next_packed(pd, b);
		if (!is_special(type))
			return next_plain(pd, b);
		ret = take_special(pd, type, perf_u16(pd, st->buf + st->pos + 6));
		if (ret)
			return ret;
	}
	return 0;
}

int vnx_perf_stream_next(struct perf_data *pd, struct perf_block *b)
{
	struct perf_stream *st = &pd->stream;
	int ret = 0;

	b->len = 0;
	b->packed = false;
	b->number = st->next_number;
	if (st->packed)
		ret = st->over && !st->inner_len && !st->zin.src ? 0 : next_packed(pd, b);
	else
		ret = next_block(pd, b);
	if (b->len)
		st->next_number++;
	return ret;
}

int vnx_perf_stream_open(struct perf_data *pd, uint64_t at, uint64_t left)
{
	struct perf_stream *st = &pd->stream;

	st->at = at;
	st->left = left;
	st->buf = malloc(PERF_BUF_LEN);
	return st->buf ? 0 : -ENOMEM;
}

void vnx_perf_stream_close(struct perf_data *pd)
{
	struct perf_stream *st = &pd->stream;

	ZSTD_freeDStream(st->zstd);
	free(st->inner);
	free(st->buf);
	st->zstd = NULL;
	st->inner = st->buf = NULL;
}
