// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/json_write.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "cli/base/safe.h"

char *vnx_number_format(double x, char buf[VNX_NUMBER_LEN])
{
	const char *point = localeconv()->decimal_point;
	char *at;

	buf[0] = '\0';
	if (!isfinite(x))
		return buf;
	/* 17 digits always read back; most numbers do so with 15 or fewer. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, VNX_NUMBER_LEN, "%.*g", digits, x);
		if (strtod(buf, NULL) == x)
			break;
	}
	at = strcmp(point, ".") ? strstr(buf, point) : NULL;
	if (at) {
		*at = '.';
		memmove(at + 1, at + strlen(point), strlen(at + strlen(point)) + 1);
	}
	return buf;
}

static void put_quoted(FILE *out, const char *s)
{
	uint32_t cp;
	size_t len;

	fputc('"', out);
	for (; (len = vnx_utf8_next(s, &cp)); s += len) {
		if (cp == '"' || cp == '\\')
			fprintf(out, "\\%c", (char)cp);
		else if (cp == '\n')
			fputs("\\n", out);
		else if (vnx_utf8_is_control(cp))
			fprintf(out, "\\u%04" PRIx32, cp);
		else if (cp == 0xfffd)
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(s, 1, len, out);
	}
	fputc('"', out);
}

/* Everything that stands before a value: comma, line break, indentation, key. */
static void put_lead(struct vnx_json *j, const char *key)
{
	bool inline_items;

	if (j->depth) {
		inline_items = j->level[j->depth - 1].inline_items;
		if (j->level[j->depth - 1].any)
			fputs(inline_items ? ", " : ",", j->out);
		j->level[j->depth - 1].any = true;
		if (!inline_items)
			fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	}
	if (key) {
		put_quoted(j->out, key);
		fputs(": ", j->out);
	}
}

void vnx_json_open(struct vnx_json *j, const char *key, char bracket, bool inline_items)
{
	bool outer = j->depth && j->level[j->depth - 1].inline_items;

	put_lead(j, key);
	fputc(bracket, j->out);
	if (j->depth == VNX_ARRAY_SIZE(j->level))
		abort();
	j->level[j->depth].close = bracket == '{' ? '}' : ']';
	j->level[j->depth].inline_items = inline_items || outer;
	j->level[j->depth].any = false;
	j->depth++;
}

void vnx_json_close(struct vnx_json *j)
{
	j->depth--;
	if (j->level[j->depth].any && !j->level[j->depth].inline_items)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	fputc(j->level[j->depth].close, j->out);
	if (!j->depth)
		fputc('\n', j->out);
}

void vnx_json_text(struct vnx_json *j, const char *key, const char *value)
{
	put_lead(j, key);
	put_quoted(j->out, value ? value : "");
}

void vnx_json_string(struct vnx_json *j, const char *key, const char *value)
{
	if (value && *value)
		vnx_json_text(j, key, value);
	else
		vnx_json_null(j, key);
}

void vnx_json_real(struct vnx_json *j, const char *key, double value)
{
	char buf[VNX_NUMBER_LEN];

	if (!isfinite(value)) {
		vnx_json_null(j, key);
		return;
	}
	put_lead(j, key);
	vnx_number_format(value, buf);
	fputs(buf, j->out);
	/* Readers that tell integers from reals shall see one type in one field. */
	if (!strpbrk(buf, ".e"))
		fputs(".0", j->out);
}

void vnx_json_count(struct vnx_json *j, const char *key, double value)
{
	if (!isfinite(value) || value != floor(value) || fabs(value) >= 0x1p63) {
		vnx_json_real(j, key, value);
		return;
	}
	put_lead(j, key);
	fprintf(j->out, "%" PRId64, (int64_t)value);
}

void vnx_json_uint(struct vnx_json *j, const char *key, uint64_t value)
{
	put_lead(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void vnx_json_bool(struct vnx_json *j, const char *key, bool value)
{
	put_lead(j, key);
	fputs(value ? "true" : "false", j->out);
}

void vnx_json_null(struct vnx_json *j, const char *key)
{
	put_lead(j, key);
	fputs("null", j->out);
}
