// SPDX-License-Identifier: GPL-2.0-only
#include "cli/input/throughput/csv.h"

#include <ctype.h>
#include <math.h>

#define NAME_LEN 48

/*
 * "Throughput (Mbit/s)" to "throughput_mbit/s", "MiB/s" to "mibytes/s"; false: too long to be
 * known.
 */
static bool plain_name(const struct csv_field *f, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		unsigned char c = (unsigned char)f->text[i];

		if (n + 8 > NAME_LEN)
			return false;
		if (c == 'B' && i && f->text[i - 1] == 'i') {
			n += (size_t)snprintf(out + n, NAME_LEN - n, "bytes");
			continue;
		}
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
		{ "end_time", CSV_END },   { "end", CSV_END },          { "datetime", CSV_TIME },
		{ "date_time", CSV_TIME }, { "date", CSV_TIME },
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
static double rate_name(const char *name, bool *is_amount, bool *is_counter)
{
	static const struct {
		const char *name;
		bool is_counter;
	} amounts[] = {
		{ "bytes", false },
		{ "bits", false },
		{ "bytes_transferred", false },
		{ "transferred_bytes", false },
		{ "bytes_sent", false },
		{ "bytes_received", false },
		{ "tx_bytes", false },
		{ "rx_bytes", false },
		{ "bytes_total", true },
		{ "total_bytes", true },
		{ "bits_total", true },
		{ "total_bits", true },
		{ "cumulative_bytes", true },
		{ "bytes_cumulative", true },
	};
	static const char *const heads[] = { "throughput_", "rate_", "bandwidth_", "bitrate_" };
	static const char *const tails[] = { "bps",      "bit/s",        "bits/s",
					     "bit_s",    "bits_s",       "bits_per_second",
					     "bits/sec", "bits_per_sec", "b/s" };
	static const char prefixes[] = "kmg";
	const char *p;
	double scale = 1;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(heads); i++) {
		const char *rest = after(name, heads[i]);

		name = rest ? rest : name;
	}
	for (size_t i = 0; i < VNX_ARRAY_SIZE(amounts); i++)
		if (!strcmp(name, amounts[i].name)) {
			*is_amount = true;
			*is_counter = amounts[i].is_counter;
			return strstr(name, "byte") ? 8 : 1;
		}
	if (!strcmp(name, "throughput"))
		return 1;
	if (strlen(name) > 2 && !strcmp(name + 1, "ibytes/s") && strchr(prefixes, *name))
		return 8 * pow(1024, (double)(strchr(prefixes, *name) - prefixes) + 1);
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
	bool is_amount = false, is_counter = false;
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
	unit = rate_name(name, &is_amount, &is_counter);
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
	c->is_counter = is_counter;
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
	n = out->n = csv_split(text, out->separator, fields);
	for (int i = 0; i < n; i++)
		take_name(out, &fields[i], i);
	return n > 1;
}
