// SPDX-License-Identifier: GPL-2.0-only
/* Text in UTF-16, as PowerShell's `>` and Out-File write it, to UTF-8 (RFC 2781, RFC 3629). */
#include "cli/input/layers.h"

#define RAW_LEN ((size_t)64 << 10)
#define MARK 0xfeffu
#define REPLACEMENT 0xfffdu /* what stands for no character */
#define PROBE_UNITS 8

struct vnx_utf16 {
	bool big;
	ssize_t (*read)(void *arg, void *buf, size_t len);
	void *arg;
	unsigned char out[4]; /* of a character that did not fit any more */
	size_t out_at, out_n;
	size_t at, n; /* in raw */
	unsigned char raw[RAW_LEN];
};

static uint32_t unit_at(const unsigned char *p, bool big)
{
	return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static bool is_ascii_text(uint32_t unit)
{
	return (unit >= ' ' && unit < 0x7f) || unit == '\t' || unit == '\n' || unit == '\r';
}

static bool begins_ascii(const unsigned char *head, size_t len, bool big)
{
	size_t units = len / 2 < PROBE_UNITS ? len / 2 : PROBE_UNITS;

	for (size_t i = 0; i < units; i++)
		if (!is_ascii_text(unit_at(head + 2 * i, big)))
			return false;
	return units == PROBE_UNITS;
}

enum vnx_utf16_order vnx_utf16_probe(const unsigned char *head, size_t len)
{
	for (int big = 0; len >= 2 && big <= 1; big++)
		if (unit_at(head, big) == MARK || begins_ascii(head, len, big))
			return big ? VNX_UTF16_BE : VNX_UTF16_LE;
	return VNX_UTF16_NOT;
}

struct vnx_utf16 *vnx_utf16_new(enum vnx_utf16_order order, const unsigned char *head, size_t len,
				ssize_t (*read)(void *arg, void *buf, size_t len), void *arg)
{
	struct vnx_utf16 *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->big = order == VNX_UTF16_BE;
	x->read = read;
	x->arg = arg;
	x->n = len < RAW_LEN ? len : RAW_LEN;
	memcpy(x->raw, head, x->n);
	return x;
}

void vnx_utf16_free(struct vnx_utf16 *x)
{
	free(x);
}

/* Bytes that are there, two units if possible; fewer at the end only; -errno. */
static ssize_t fill(struct vnx_utf16 *x)
{
	size_t left = x->n - x->at;
	ssize_t got;

	if (left >= 4)
		return (ssize_t)left;
	memmove(x->raw, x->raw + x->at, left);
	x->at = 0;
	x->n = left;
	got = x->read(x->arg, x->raw + left, RAW_LEN - left);
	if (got < 0)
		return got;
	x->n += (size_t)got;
	return (ssize_t)x->n;
}

static bool in_range(uint32_t unit, uint32_t from)
{
	return unit >= from && unit < from + 0x400;
}

/* The next character; half of one, or a pair's half alone, is none. @left: bytes there are. */
static uint32_t take_character(struct vnx_utf16 *x, size_t left)
{
	const unsigned char *p = x->raw + x->at;
	uint32_t unit, low;

	if (left < 2) {
		x->at += left;
		return REPLACEMENT;
	}
	unit = unit_at(p, x->big);
	x->at += 2;
	if (!in_range(unit, 0xd800) && !in_range(unit, 0xdc00))
		return unit;
	low = in_range(unit, 0xd800) && left >= 4 ? unit_at(p + 2, x->big) : 0;
	if (!in_range(low, 0xdc00))
		return REPLACEMENT;
	x->at += 2;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static size_t put_utf8(unsigned char *p, uint32_t c)
{
	size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char first[] = { 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = more; i; i--, c >>= 6)
		p[i] = 0x80 | (c & 0x3f);
	p[0] = (unsigned char)(first[more] | c);
	return more + 1;
}

/* Takes one character into out; marks, which `>>` puts in the middle too, are none. */
static ssize_t next_character(struct vnx_utf16 *x)
{
	ssize_t left;
	uint32_t c;

	do {
		left = fill(x);
		if (left <= 0)
			return left;
		c = take_character(x, (size_t)left);
	} while (c == MARK);
	x->out_at = 0;
	x->out_n = put_utf8(x->out, c);
	return 1;
}

ssize_t vnx_utf16_read(struct vnx_utf16 *x, void *buf, size_t len)
{
	unsigned char *p = buf;
	size_t done = 0;

	while (done < len) {
		ssize_t got = x->out_at < x->out_n ? 1 : next_character(x);

		if (got < 0)
			return got;
		if (!got)
			break;
		while (x->out_at < x->out_n && done < len)
			p[done++] = x->out[x->out_at++];
	}
	return (ssize_t)done;
}
