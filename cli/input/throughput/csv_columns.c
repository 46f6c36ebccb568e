// SPDX-License-Identifier: GPL-2.0-only
#include "cli/input/throughput/csv.h"

#include <ctype.h>

#define NAME_LEN 48

int csv_split(const char *text, char separator, struct csv_field *fields)
{
	const char *p = text;
	int n = 0;

	while (n < CSV_FIELDS) {
		const char *end;

		p += strspn(p, separator == '\t' ? " " : " \t");
		if (*p == '"') {
			end = strchr(p + 1, '"');
			end = end ? end : p + strlen(p);
			fields[n] = (struct csv_field){ p + 1, (size_t)(end - p) - 1 };
			end = strchr(end, separator);
		} else {
			end = strchr(p, separator);
			fields[n] = (struct csv_field){ p, end ? (size_t)(end - p) : strlen(p) };
		}
		while (fields[n].n && isspace((unsigned char)fields[n].text[fields[n].n - 1]))
			fields[n].n--;
		n++;
		if (!end)
			break;
		p = end + 1;
	}
	return n;
}

bool csv_number(const struct csv_field *f, double *out)
{
	const char *end = f->n ? vnx_decimal_parse(f->text, out) : NULL;

	return end == f->text + f->n;
}

/* "Throughput (Mbit/s)" to "throughput_mbit/s"; false: too long to be known. */
static bool plain_name(const struct csv_field *f, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		unsigned char c = (unsigned char)f->text[i];

		if (n + 2 > NAME_LEN)
			return false;
		/* MB/s, MBps: bytes of 1000 or 1024 to the power of 2, nobody knows. */
		if (c == 'B' && i + 1 < f->n && (f->text[i + 1] == '/' || f->text[i + 1] == 'p'))
			return false;
		if (isalnum(c) || c == '/')
			out[n++] = (char)tolower(c);
		else if (n && out[n - 1] != '_')
			out[n++] = '_';
	}
	while (n && out[n - 1] == '_')
		n--;
	out[n] = 0;
	return n > 0;
}

/* What follows @head in @s, or NULL. */
static const char *after(const char *s, const char *head)
{
	size_t n = strlen(head);

	return strncmp(s, head, n) ? NULL : s + n;
}

/* A unit of time behind a name; 0: none. */
static double time_unit(const char *s)
{
	static const struct {
		const char *name;
		double s;
	} units[] = {
		{ "", 1 },       { "_s", 1 },     { "_sec", 1 },   { "_seconds", 1 },
		{ "_ms", 1e-3 }, { "_us", 1e-6 }, { "_ns", 1e-9 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(units); i++)
		if (!strcmp(s, units[i].name))
			return units[i].s;
	return 0;
}

static double time_name(const char *name, enum csv_time *kind)
{
	static const struct {
		const char *name;
		enum csv_time kind;
	} names[] = {
		{ "timestamp", CSV_TIME }, { "time", CSV_TIME },        { "ts", CSV_TIME },
		{ "t", CSV_TIME },         { "seconds", CSV_TIME },     { "sec", CSV_TIME },
		{ "elapsed", CSV_TIME },   { "start_time", CSV_START }, { "start", CSV_START },
		{ "end_time", CSV_END },   { "end", CSV_END },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++) {
		const char *rest = after(name, names[i].name);
		double unit = rest ? time_unit(rest) : 0;

		if (unit > 0) {
			*kind = names[i].kind;
			return unit;
		}
	}
	return 0;
}

/* Bits of one unit of the rate; 0: no rate's name. */
static double rate_name(const char *name, bool *is_amount)
{
	static const char *const heads[] = { "throughput_", "rate_", "bandwidth_", "bitrate_" };
	static const char *const tails[] = { "bps",    "bit/s",           "bits/s",      "bit_s",
					     "bits_s", "bits_per_second", "bits_per_sec" };
	static const char prefixes[] = "kmg";
	const char *p;
	double scale = 1;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(heads); i++) {
		const char *rest = after(name, heads[i]);

		name = rest ? rest : name;
	}
	*is_amount = !strcmp(name, "bytes") || !strcmp(name, "bits");
	if (*is_amount)
		return name[1] == 'y' ? 8 : 1;
	if (!strcmp(name, "throughput"))
		return 1;
	if (!strcmp(name, "bytes_per_second") || !strcmp(name, "bytes/s") ||
	    !strcmp(name, "bytes_per_sec"))
		return 8;
	p = *name ? strchr(prefixes, *name) : NULL;
	for (long i = p ? p - prefixes + 1 : 0; i > 0; i--)
		scale *= 1000;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(tails); i++)
		if (!strcmp(name + (p != NULL), tails[i]))
			return scale;
	return 0;
}

static void take_name(struct csv_columns *c, const struct csv_field *f, int at)
{
	char name[NAME_LEN];
	enum csv_time kind = CSV_TIME;
	bool is_amount;
	double unit;

	if (!plain_name(f, name))
		return;
	unit = time_name(name, &kind);
	if (unit > 0) {
		c->any = true;
		if (c->time[kind] >= 0 && c->rival_time < 0)
			c->rival_time = at;
		if (c->time[kind] < 0) {
			c->time[kind] = at;
			c->time_s[kind] = unit;
		}
		return;
	}
	unit = rate_name(name, &is_amount);
	if (!(unit > 0))
		return;
	c->any = true;
	if (c->rate >= 0) {
		c->rival_rate = c->rival_rate < 0 ? at : c->rival_rate;
		return;
	}
	c->rate = at;
	c->bits = unit;
	c->is_amount = is_amount;
}

static char find_separator(const char *text)
{
	static const char separators[] = ",;\t";
	size_t best = 0;
	char found = 0;

	for (const char *s = separators; *s; s++) {
		size_t n = 0;

		for (const char *p = strchr(text, *s); p; p = strchr(p + 1, *s))
			n++;
		if (n > best) {
			best = n;
			found = *s;
		}
	}
	return found;
}

bool csv_columns_read(const char *text, struct csv_columns *out)
{
	struct csv_field fields[CSV_FIELDS];
	int n;

	*out = (struct csv_columns){
		.time = { -1, -1, -1 }, .rate = -1, .rival_time = -1, .rival_rate = -1
	};
	/* The mark of UTF-8 that some programs begin with, and a comment's sign. */
	if (!strncmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	text += *text == '#';
	out->separator = find_separator(text);
	if (!out->separator)
		return false;
	n = csv_split(text, out->separator, fields);
	for (int i = 0; i < n; i++)
		take_name(out, &fields[i], i);
	return n > 1;
}
