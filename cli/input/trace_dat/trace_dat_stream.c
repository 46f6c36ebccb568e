// SPDX-License-Identifier: GPL-2.0-only
/* Bytes of a trace.dat in order. What is packed is unpacked piece by piece, never as a whole. */
#include <zlib.h>
#include <zstd.h>

#include "cli/input/trace_dat/trace_dat.h"

#define BUF_LEN 65536
#define LINE_MAX_LEN 512
/* A kallsyms has 5 to 30 MB; a block that unpacks to more than this is hostile. */
#define BLOCK_MAX (128u << 20)
/* Windows that zstd may want: metadata is one stream at a time, chunks are one a worker. */
#define BLOCK_WINDOW_LOG 25
#define CHUNK_WINDOW_LOG 23

static int stream_open(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end)
{
	*s = (struct dat_stream){ .dat = d, .at = at, .end = end < at ? at : end };
	s->buf = malloc(BUF_LEN);
	return s->buf ? 0 : -ENOMEM;
}

static int unpack_open(struct dat_stream *s)
{
	s->codec = s->dat->codec;
	if (s->codec == DAT_ZSTD) {
		s->unpack = ZSTD_createDCtx();
		if (s->unpack)
			ZSTD_DCtx_setParameter(s->unpack, ZSTD_d_windowLogMax,
					       s->chunked ? CHUNK_WINDOW_LOG : BLOCK_WINDOW_LOG);
	} else if (s->codec == DAT_ZLIB) {
		s->unpack = calloc(1, sizeof(z_stream));
		if (s->unpack && inflateInit((z_stream *)s->unpack) != Z_OK) {
			free(s->unpack);
			s->unpack = NULL;
		}
	} else {
		s->error = -EBADMSG; /* a packed section in a file that names no packer */
		return 0;
	}
	return s->unpack ? 0 : -ENOMEM;
}

void dat_stream_close(struct dat_stream *s)
{
	if (s->unpack && s->codec == DAT_ZSTD)
		ZSTD_freeDCtx(s->unpack);
	if (s->unpack && s->codec == DAT_ZLIB) {
		inflateEnd(s->unpack);
		free(s->unpack);
	}
	free(s->buf);
	*s = (struct dat_stream){ 0 };
}

int dat_stream_plain(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end)
{
	return stream_open(s, d, at, end);
}

uint64_t dat_stream_at(const struct dat_stream *s)
{
	return s->at - (s->buf_len - s->buf_at);
}

/* Bytes as they stand in the file, straight to @buf where there are many. */
static size_t read_raw(struct dat_stream *s, void *buf, size_t len)
{
	size_t have = s->buf_len - s->buf_at;
	ssize_t got;

	if (len > have + (s->end - s->at))
		len = have + (size_t)(s->end - s->at);
	if (!have && len >= BUF_LEN) {
		got = vnx_input_pread(s->dat->in, buf, len, s->at);
		if (got < (ssize_t)len)
			s->error = got < 0 ? (int)got : -ENODATA;
		s->at += got > 0 ? (size_t)got : 0;
		return got > 0 ? (size_t)got : 0;
	}
	if (!have) {
		have = s->end - s->at < BUF_LEN ? (size_t)(s->end - s->at) : BUF_LEN;
		got = vnx_input_pread(s->dat->in, s->buf, have, s->at);
		if (got < (ssize_t)have && (got < 0 || (size_t)got < len))
			s->error = got < 0 ? (int)got : -ENODATA;
		have = got > 0 ? (size_t)got : 0;
		s->at += have;
		s->buf_at = 0;
		s->buf_len = have;
	}
	if (len > have)
		len = have;
	memcpy(buf, s->buf + s->buf_at, len);
	s->buf_at += len;
	return len;
}

static int get_raw(struct dat_stream *s, void *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		size_t n = read_raw(s, (uint8_t *)buf + got, len - got);

		if (!n)
			return s->error ? s->error : (s->error = -ENODATA);
		got += n;
	}
	return 0;
}

/* The sizes before a block or chunk; false at the end or where they cannot be. */
static bool next_block(struct dat_stream *s)
{
	uint8_t sizes[8];

	if (s->chunked && s->at >= s->end && s->buf_at == s->buf_len)
		return false;
	if (get_raw(s, sizes, sizeof(sizes)))
		return false;
	s->packed_left = dat_u32(sizes, s->dat->swap);
	s->left = dat_u32(sizes + 4, s->dat->swap);
	if (s->left > BLOCK_MAX) {
		s->error = -EBADMSG;
		return false;
	}
	if (s->codec == DAT_ZSTD)
		ZSTD_DCtx_reset(s->unpack, ZSTD_reset_session_only);
	else
		inflateReset((z_stream *)s->unpack);
	return true;
}

int dat_stream_block(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end)
{
	int ret = stream_open(s, d, at, end);

	if (!ret)
		ret = unpack_open(s);
	if (!ret && !s->error)
		next_block(s);
	return ret;
}

int dat_stream_chunks(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end)
{
	int ret = stream_open(s, d, at, end);

	s->chunked = true;
	return ret ? ret : unpack_open(s);
}

/* Packed bytes that are at hand, at most those of this block. */
static size_t packed_input(struct dat_stream *s)
{
	size_t have;

	if (s->buf_at == s->buf_len) {
		uint64_t more = s->end - s->at;
		ssize_t got =
			vnx_input_pread(s->dat->in, s->buf, more < BUF_LEN ? more : BUF_LEN, s->at);

		if (got < 0)
			s->error = (int)got;
		s->buf_at = 0;
		s->buf_len = got > 0 ? (size_t)got : 0;
		s->at += s->buf_len;
	}
	have = s->buf_len - s->buf_at;
	return have < s->packed_left ? have : s->packed_left;
}

/* Unpacks @in into @out; how much of either was used. False: damaged. */
static bool unpack_some(struct dat_stream *s, size_t in, size_t *used, void *out, size_t *len)
{
	if (s->codec == DAT_ZSTD) {
		ZSTD_inBuffer zi = { s->buf + s->buf_at, in, 0 };
		ZSTD_outBuffer zo = { out, *len, 0 };
		size_t ret = ZSTD_decompressStream(s->unpack, &zo, &zi);

		*used = zi.pos;
		*len = zo.pos;
		return !ZSTD_isError(ret);
	} else {
		z_stream *z = s->unpack;
		int ret;

		z->next_in = s->buf + s->buf_at;
		z->avail_in = (uInt)in;
		z->next_out = out;
		z->avail_out = (uInt)*len;
		ret = inflate(z, Z_NO_FLUSH);
		*used = in - z->avail_in;
		*len -= z->avail_out;
		return ret == Z_OK || ret == Z_STREAM_END || ret == Z_BUF_ERROR;
	}
}

/* The rest of a block's packed bytes, which nothing was unpacked from (checksums). */
static bool skip_packed(struct dat_stream *s)
{
	while (s->packed_left) {
		size_t have = packed_input(s);

		if (!have)
			return false;
		s->buf_at += have;
		s->packed_left -= (uint32_t)have;
	}
	return true;
}

static size_t read_packed(struct dat_stream *s, uint8_t *out, size_t len)
{
	size_t done = 0;

	while (done < len && !s->error) {
		size_t in, used, n;

		if (!s->left && (!s->chunked || !skip_packed(s) || !next_block(s)))
			break;
		if (!s->left)
			continue;
		in = packed_input(s);
		n = len - done < s->left ? len - done : s->left;
		if (!in && !s->packed_left)
			s->error = -EBADMSG;
		else if (!in && !s->error)
			s->error = -ENODATA;
		if (s->error)
			break;
		if (!unpack_some(s, in, &used, out + done, &n) || (!used && !n)) {
			s->error = -EBADMSG;
			break;
		}
		s->buf_at += used;
		s->packed_left -= (uint32_t)used;
		s->left -= (uint32_t)n;
		done += n;
	}
	return done;
}

size_t dat_stream_read(struct dat_stream *s, void *buf, size_t len)
{
	size_t done = 0;

	if (s->codec != DAT_PLAIN)
		return read_packed(s, buf, len);
	while (done < len && !s->error) {
		size_t n = read_raw(s, (uint8_t *)buf + done, len - done);

		if (!n)
			break;
		done += n;
	}
	return done;
}

int dat_stream_get(struct dat_stream *s, void *buf, size_t len)
{
	if (s->error)
		return s->error;
	if (dat_stream_read(s, buf, len) == len)
		return 0;
	return s->error ? s->error : (s->error = -ENODATA);
}

int dat_stream_skip(struct dat_stream *s, uint64_t len)
{
	uint8_t sink[4096];

	if (s->codec == DAT_PLAIN && len > s->buf_len - s->buf_at) {
		len -= s->buf_len - s->buf_at;
		s->buf_at = s->buf_len = 0;
		if (len > s->end - s->at)
			return s->error = -ENODATA;
		s->at += len;
		return s->error;
	}
	for (; len && !s->error; len -= len < sizeof(sink) ? len : sizeof(sink))
		if (dat_stream_get(s, sink, len < sizeof(sink) ? len : sizeof(sink)))
			break;
	return s->error;
}

int dat_stream_get32(struct dat_stream *s, uint32_t *v)
{
	uint8_t raw[4];
	int ret = dat_stream_get(s, raw, sizeof(raw));

	*v = ret ? 0 : dat_u32(raw, s->dat->swap);
	return ret;
}

int dat_stream_get64(struct dat_stream *s, uint64_t *v)
{
	uint8_t raw[8];
	int ret = dat_stream_get(s, raw, sizeof(raw));

	*v = ret ? 0 : dat_u64(raw, s->dat->swap);
	return ret;
}

int dat_stream_lines(struct dat_stream *s, uint64_t size, void (*fn)(void *arg, char *line),
		     void *arg)
{
	VNX_CLEANUP_FREE char *buf = malloc(BUF_LEN + LINE_MAX_LEN + 1);
	size_t have = 0;

	if (!buf)
		return -ENOMEM;
	while (size && !s->error) {
		size_t want = size < BUF_LEN ? (size_t)size : BUF_LEN, from = 0;
		size_t got = dat_stream_read(s, buf + have, want);
		char *eol;

		if (got < want && !s->error)
			s->error = -ENODATA;
		size -= got;
		have += got;
		while ((eol = memchr(buf + from, '\n', have - from))) {
			*eol = '\0';
			fn(arg, buf + from);
			from = (size_t)(eol - buf) + 1;
		}
		/* No line has so much: what is longer is dropped up to its end. */
		if (have - from > LINE_MAX_LEN)
			from = have - LINE_MAX_LEN;
		memmove(buf, buf + from, have - from);
		have -= from;
	}
	if (have && !s->error) {
		buf[have] = '\0';
		fn(arg, buf);
	}
	return s->error;
}
