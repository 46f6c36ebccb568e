// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/text/layout.h"

#include <math.h>
#include <stdarg.h>

#include "cli/base/safe.h"

static const char *const escapes[] = { "",         "\033[1m", "\033[31m", "\033[32m",
				       "\033[33m", "\033[2m", "\033[0m" };

void vnx_layout_init(struct vnx_layout *l, const struct vnx_report_conf *conf, FILE *out)
{
	unsigned columns = conf->columns ? conf->columns : 80;

	*l = (struct vnx_layout){ .out = out, .color = conf->color, .utf8 = conf->utf8 };
	/* Lines longer than 100 are tiring to read, and a table needs 60. */
	l->columns = columns < 60 ? 60 : columns > 100 ? 100 : columns;
}

void vnx_layout_fini(struct vnx_layout *l)
{
	vnx_texts_fini(&l->arena);
}

/* Takes over @s and keeps it until fini. */
static const char *arena_take(struct vnx_layout *l, char *s)
{
	if (s && !vnx_vec_push(&l->arena, s))
		return s;
	free(s);
	l->failed = true;
	return "?";
}

const char *vnx_layout_format(struct vnx_layout *l, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return arena_take(l, s);
}

const char *vnx_layout_safe(struct vnx_layout *l, const char *s)
{
	return arena_take(l, vnx_text_safe(s, 0));
}

const char *vnx_layout_glue(struct vnx_layout *l, const char *s)
{
	char *glued = malloc(strlen(s) * 2 + 1), *at = glued;

	for (; glued && *s; s++)
		at += sprintf(at, "%s%.1s", *s == ' ' ? VNX_NBSP : "", *s == ' ' ? "" : s);
	if (glued)
		*at = '\0';
	return arena_take(l, glued);
}

static unsigned char_columns(const char *s, size_t len)
{
	char one[5] = "";

	if ((unsigned char)*s < VNX_ARRAY_SIZE(escapes))
		return 0;
	memcpy(one, s, len);
	return vnx_text_width(one);
}

unsigned vnx_text_columns(const char *s)
{
	unsigned columns = 0;
	uint32_t cp;
	size_t len;

	for (; (len = vnx_utf8_next(s, &cp)); s += len)
		columns += char_columns(s, len);
	return columns;
}

/* Our own signs in ASCII; what has no likeness is '?'. NULL: the character is ASCII. */
static const char *ascii_for(uint32_t cp)
{
	static const struct {
		uint32_t cp;
		const char *ascii;
	} likeness[] = { { 0x00b1, "+-" }, { 0x2192, "->" }, { 0x2026, "..." },
			 { 0x00d7, "x" },  { 0x2013, "-" },  { 0x00a0, VNX_NBSP } };

	if (cp < 0x80)
		return NULL;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(likeness); i++)
		if (likeness[i].cp == cp)
			return likeness[i].ascii;
	return "?";
}

/* Rewrites for a terminal without UTF-8, so that widths are counted on what is printed. */
static const char *as_ascii(struct vnx_layout *l, const char *s)
{
	const char *sign;
	size_t len, n = 0;
	uint32_t cp;
	char *out;

	if (l->utf8)
		return s;
	out = malloc(strlen(s) * 3 + 1);
	for (; out && (len = vnx_utf8_next(s, &cp)); s += len) {
		sign = ascii_for(cp);
		if (sign)
			n += (size_t)sprintf(out + n, "%s", sign);
		else
			out[n++] = (char)cp;
	}
	if (out)
		out[n] = '\0';
	return arena_take(l, out);
}

/* Bytes of @s that fit into @columns. */
static size_t fitting(const char *s, unsigned columns, unsigned *used)
{
	const char *at = s;
	uint32_t cp;
	size_t len;

	for (*used = 0; (len = vnx_utf8_next(at, &cp)); at += len) {
		if (*used + char_columns(at, len) > columns)
			break;
		*used += char_columns(at, len);
	}
	return (size_t)(at - s);
}

const char *vnx_layout_fit(struct vnx_layout *l, const char *s, unsigned columns, bool right)
{
	const char *text = as_ascii(l, vnx_layout_safe(l, s));
	int pad;

	text = arena_take(l, vnx_text_safe(text, columns));
	pad = (int)columns - (int)vnx_text_width(text);
	pad = pad < 0 ? 0 : pad;
	return vnx_layout_format(l, "%*s%s%*s", right ? pad : 0, "", text, right ? 0 : pad, "");
}

/* Writes @len bytes, marks as escape sequences or not at all. */
static void put_marked(struct vnx_layout *l, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] >= VNX_ARRAY_SIZE(escapes)) {
			if (!strncmp(s + i, VNX_NBSP, 2)) {
				fputc(' ', l->out);
				i++;
			} else {
				fputc(s[i], l->out);
			}
		} else if (l->color) {
			fputs(escapes[(unsigned char)s[i]], l->out);
		}
	}
}

static void put_wrapped(struct vnx_layout *l, unsigned indent, unsigned hang, const char *s)
{
	unsigned at = indent, used;
	bool fresh = true; /* nothing on this line yet but the indentation */
	size_t len, fit;

	fprintf(l->out, "%*s", (int)indent, "");
	while (*(s += strspn(s, " "))) {
		len = strcspn(s, " ");
		fit = fitting(s, l->columns - hang, &used);
		if (fit < len && fresh)
			len = fit ? fit : 1; /* longer than any line: cut it */
		else
			used = vnx_text_columns(vnx_layout_format(l, "%.*s", (int)len, s));
		if (!fresh && at + 1 + used > l->columns) {
			fprintf(l->out, "\n%*s", (int)hang, "");
			at = hang;
			fresh = true;
			continue;
		}
		if (!fresh)
			fputc(' ', l->out);
		put_marked(l, s, len);
		at += used + !fresh;
		fresh = false;
		s += len;
	}
	fputc('\n', l->out);
}

void vnx_layout_para(struct vnx_layout *l, unsigned indent, unsigned hang, const char *fmt, ...)
{
	const char *text;
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	text = as_ascii(l, arena_take(l, s));
	if (*text)
		put_wrapped(l, indent, hang, text);
}

void vnx_layout_line(struct vnx_layout *l, const char *fmt, ...)
{
	const char *text;
	char *s = NULL;
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	text = as_ascii(l, arena_take(l, s));
	len = strlen(text);
	while (len && text[len - 1] == ' ')
		len--;
	put_marked(l, text, len);
	fputc('\n', l->out);
}

static double mean_of(const double *x, size_t from, size_t to)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (isnan(x[i]))
			continue;
		sum += x[i];
		n++;
	}
	return n ? sum / (double)n : NAN;
}

const char *vnx_layout_spark(struct vnx_layout *l, const double *x, size_t n, unsigned width,
			     double top)
{
	static const char ascii[] = "_.:-=+*#";
	char *s = malloc(width * 3 + 1), *at = s;
	size_t from, to;
	double mean;
	int level;

	for (unsigned i = 0; s && i < width; i++) {
		from = n * i / width;
		to = n * (i + 1) / width;
		mean = mean_of(x, from, to > from ? to : from + 1);
		level = top > 0 ? (int)(mean / top * 7.999) : 0;
		level = level < 0 ? 0 : level > 7 ? 7 : level;
		if (isnan(mean))
			*at++ = ' ';
		else if (l->utf8)
			at += sprintf(at, "\xe2\x96%c", 0x81 + level);
		else
			*at++ = ascii[level];
	}
	if (s)
		*at = '\0';
	return arena_take(l, s);
}
