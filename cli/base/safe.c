// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/safe.h"

struct text {
	char *v;
	size_t n, cap;
};

struct range {
	uint32_t from, to;
};

/* Wide letters of East Asian scripts and emoji (Unicode TR 11, classes W and F). */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x2329, 0x232a },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
	{ 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
	{ 0x20000, 0x2fffd }, { 0x30000, 0x3fffd },
};

/* Letters that sit on the one before them. */
static const struct range zero[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
	{ 0x064b, 0x065f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

/*
 * Never shown as they are: controls (which include terminal escapes), separators that break a
 * line, and the marks that reorder or hide the text around them.
 */
static const struct range unsafe[] = {
	{ 0x00, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },     { 0x061c, 0x061c },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
	{ 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
};

static bool in_ranges(const struct range *r, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].from && cp <= r[i].to)
			return true;
	return false;
}

/*
 * Length of the well-formed UTF-8 character at @s (RFC 3629: no overlong forms, no
 * surrogates, nothing past U+10FFFF) with its code point in *cp, or 0. Stops at NUL.
 */
static unsigned utf8_decode(const char *s, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned len;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	*cp = p[0] & (0x7f >> len);
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

size_t vnx_utf8_next(const char *s, uint32_t *cp)
{
	size_t len = *s ? utf8_decode(s, cp) : 0;

	if (len || !*s)
		return len;
	*cp = 0xfffd;
	return 1;
}

bool vnx_utf8_is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200e && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

static unsigned cp_width(uint32_t cp)
{
	if (cp < 0x300)
		return 1;
	if (in_ranges(zero, VNX_ARRAY_SIZE(zero), cp))
		return 0;
	return in_ranges(wide, VNX_ARRAY_SIZE(wide), cp) ? 2 : 1;
}

static int text_add(struct text *t, const char *s, size_t len)
{
	if (vnx_vec_grow((void **)&t->v, &t->cap, t->n + len + 1, 1))
		return -ENOMEM;
	memcpy(t->v + t->n, s, len);
	t->n += len;
	t->v[t->n] = '\0';
	return 0;
}

/* The bytes at @s as "\xNN" text. */
static int text_add_escaped(struct text *t, const char *s, size_t len)
{
	char hex[5];

	for (size_t i = 0; i < len; i++) {
		snprintf(hex, sizeof(hex), "\\x%02X", (unsigned char)s[i]);
		if (text_add(t, hex, 4))
			return -ENOMEM;
	}
	return 0;
}

/* What must be cut from the end of @t so that it fits @width columns, dots included. */
static void text_cut(struct text *t, unsigned width)
{
	unsigned keep = width >= 4 ? width - 3 : width, used = 0;
	size_t end = 0;

	if (vnx_text_width(t->v) <= width)
		return;
	while (end < t->n) {
		uint32_t cp;
		unsigned len = utf8_decode(t->v + end, &cp);

		used += cp_width(cp);
		if (used > keep)
			break;
		end += len;
	}
	t->n = end;
	t->v[end] = '\0';
	/* There was more than this behind it, so the dots fit without growing. */
	if (width >= 4)
		strcpy(t->v + end, "...");
}

char *vnx_text_safe(const char *s, unsigned width)
{
	struct text t = { 0 };
	uint32_t cp = 0;

	/* Four bytes more than the empty text needs: room for the dots of text_cut(). */
	if (text_add(&t, "\0\0\0", 4))
		return NULL;
	t.n = 0;
	while (s && *s) {
		unsigned len = utf8_decode(s, &cp);
		bool bad = !len || in_ranges(unsafe, VNX_ARRAY_SIZE(unsafe), cp);

		len = len ? len : 1;
		if (bad ? text_add_escaped(&t, s, len) : text_add(&t, s, len)) {
			free(t.v);
			return NULL;
		}
		s += len;
	}
	if (width && t.n)
		text_cut(&t, width);
	return t.v;
}

unsigned vnx_text_width(const char *s)
{
	unsigned width = 0;

	while (*s) {
		uint32_t cp = 0;
		unsigned len = utf8_decode(s, &cp);

		width += len ? cp_width(cp) : 1;
		s += len ? len : 1;
	}
	return width;
}

void vnx_text_cell(FILE *out, const char *s, unsigned width)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, width);
	unsigned used;

	if (!safe)
		return;
	used = vnx_text_width(safe);
	fprintf(out, "%s%*s", safe, used < width ? (int)(width - used) : 0, "");
}

char *vnx_utf8_dup(const char *s)
{
	struct text t = { 0 };
	uint32_t cp;

	if (text_add(&t, "", 0))
		return NULL;
	while (s && *s) {
		unsigned len = utf8_decode(s, &cp);

		if (len ? text_add(&t, s, len) : text_add_escaped(&t, s, 1)) {
			free(t.v);
			return NULL;
		}
		s += len ? len : 1;
	}
	return t.v;
}

void vnx_text_escape(FILE *out, const char *s)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, 0);

	for (const char *p = safe ? safe : ""; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
}

void vnx_text_quote(FILE *out, const char *s)
{
	fputc('"', out);
	vnx_text_escape(out, s);
	fputc('"', out);
}
