// SPDX-License-Identifier: GPL-2.0-only
/* gzip (RFC 1952) and zstd (RFC 8878), of several members or frames too, by zlib and libzstd. */
#include <inttypes.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/input/layers.h"

#define RAW_LEN ((size_t)64 << 10)
#define GZIP_WINDOW (15 + 16) /* the largest, behind a gzip header */

struct vnx_unpack {
	const struct vnx_packing *packing;
	int fd;
	z_stream z;       /* of gzip */
	ZSTD_DStream *zd; /* of zstd, NULL: it is gzip */
	bool between;     /* no member is begun: the file may end here */
	char why[96];     /* what is wrong with it, "" nothing */
	uint64_t offset;  /* of the file, where raw[] begins */
	size_t at, n;     /* in raw */
	unsigned char raw[RAW_LEN];
};

static const struct vnx_packing packings[] = {
	{ "gzip", "\x1f\x8b\x08", "gzip -d", true },
	{ "zstd", "\x28\xb5\x2f\xfd", "zstd -d", true },
	{ "zstd", "\x50\x2a\x4d\x18", "zstd -d", true }, /* a skippable frame first: pzstd */
	{ "xz", "\xfd\x37\x7a\x58\x5a", "unxz", false },
	{ "bzip2", "BZh", "bunzip2", false },
	{ "lz4", "\x04\x22\x4d\x18", "lz4 -d", false },
	{ "zip", "PK\x03\x04", "funzip", false },
};

const struct vnx_packing *vnx_packing_find(const unsigned char *head, size_t len)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(packings); i++) {
		size_t n = strlen(packings[i].magic);

		if (len > n && !memcmp(head, packings[i].magic, n))
			return &packings[i];
	}
	return NULL;
}

struct vnx_unpack *vnx_unpack_new(const struct vnx_packing *packing, int fd,
				  const unsigned char *head, size_t len)
{
	struct vnx_unpack *u = calloc(1, sizeof(*u));
	bool gzip = packing == &packings[0];

	if (!u)
		return NULL;
	u->packing = packing;
	u->fd = fd;
	u->n = len < RAW_LEN ? len : RAW_LEN;
	memcpy(u->raw, head, u->n);
	if (gzip ? inflateInit2(&u->z, GZIP_WINDOW) == Z_OK
		 : (u->zd = ZSTD_createDStream()) != NULL)
		return u;
	free(u);
	return NULL;
}

void vnx_unpack_free(struct vnx_unpack *u)
{
	if (!u)
		return;
	if (u->zd)
		ZSTD_freeDStream(u->zd);
	else
		inflateEnd(&u->z);
	free(u);
}

static int refuse(struct vnx_unpack *u, const char *what, const char *detail)
{
	snprintf(u->why, sizeof(u->why), "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
	return -EBADMSG;
}

/* 1: there are raw bytes; 0: the end; -errno. */
static int fill(struct vnx_unpack *u)
{
	ssize_t got;

	if (u->at < u->n)
		return 1;
	u->offset += u->n;
	u->at = u->n = 0;
	got = vnx_read_full(u->fd, u->raw, RAW_LEN);
	if (got < 0)
		return (int)got;
	u->n = (size_t)got;
	return got > 0;
}

/* Tapes and block devices pad with zeros; anything else behind the end is no part of it. */
static int take_padding(struct vnx_unpack *u)
{
	int ret;

	while ((ret = fill(u)) > 0)
		for (; u->at < u->n; u->at++)
			if (u->raw[u->at])
				return refuse(u, "something else follows the packed data", NULL);
	return ret;
}

static ssize_t inflate_some(struct vnx_unpack *u, void *buf, size_t len)
{
	size_t room = len < UINT32_MAX ? len : UINT32_MAX;
	int ret;

	if (u->between && !u->raw[u->at])
		return take_padding(u);
	if (u->between)
		inflateReset(&u->z);
	u->z.next_in = u->raw + u->at;
	u->z.avail_in = (uInt)(u->n - u->at);
	u->z.next_out = buf;
	u->z.avail_out = (uInt)room;
	ret = inflate(&u->z, Z_NO_FLUSH);
	u->at = u->n - u->z.avail_in;
	u->between = ret == Z_STREAM_END;
	if (ret == Z_MEM_ERROR)
		return -ENOMEM;
	if (ret != Z_OK && ret != Z_STREAM_END && ret != Z_BUF_ERROR)
		return refuse(u, "is damaged", u->z.msg);
	return (ssize_t)(room - u->z.avail_out);
}

static ssize_t zstd_some(struct vnx_unpack *u, void *buf, size_t len)
{
	ZSTD_inBuffer in = { u->raw, u->n, u->at };
	ZSTD_outBuffer out = { buf, len, 0 };
	size_t ret = ZSTD_decompressStream(u->zd, &out, &in);

	u->at = in.pos;
	u->between = !ret;
	if (ZSTD_isError(ret))
		return refuse(u, "is damaged", ZSTD_getErrorName(ret));
	return (ssize_t)out.pos;
}

/*
 * What was unpacked may still wait inside when all raw bytes are taken: the end is where neither
 * more comes in nor more comes out.
 */
ssize_t vnx_unpack_read(struct vnx_unpack *u, void *buf, size_t len)
{
	size_t done = 0;

	if (u->why[0])
		return -EBADMSG;
	while (done < len) {
		int more = fill(u);
		ssize_t got;

		if (more < 0)
			return more;
		if (!more && u->between)
			break;
		got = u->zd ? zstd_some(u, (char *)buf + done, len - done)
			    : inflate_some(u, (char *)buf + done, len - done);
		if (got < 0)
			return got;
		if (!more && !got)
			return refuse(u, "ends early", NULL);
		done += (size_t)got;
	}
	return (ssize_t)done;
}

void vnx_unpack_tell(const struct vnx_unpack *u, const char *path, struct vnx_err *err)
{
	const char *tool = u->packing->unpacker;

	if (strstr(u->why, "too much memory"))
		vnx_err_hint(err, "Unpack it: zstd -d --long=31 < %s > FILE", path);
	else
		vnx_err_hint(err,
			     "If it is a copy, copy it whole; else recover what is there: "
			     "%s < %s > FILE",
			     tool, path);
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "damaged", "%s: its %s data %s, at byte %" PRIu64,
		    path, u->packing->name, u->why, u->offset + u->at);
}
