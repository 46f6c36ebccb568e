// SPDX-License-Identifier: GPL-2.0-only
/* The fields of a row: numbers with a point or a comma, times as seconds or as ISO 8601. */
#include "cli/input/throughput/csv.h"

#include <ctype.h>
#include <math.h>
#include <time.h>

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
		fields[n++].commas = separator == ',';
		if (!end)
			break;
		p = end + 1;
	}
	return n;
}

/* "1,234" where commas part the columns: 1234 or 1.234, which nobody knows. */
static bool may_be_thousands(const struct csv_field *f, const char *comma)
{
	return f->commas && comma && f->text + f->n - comma == 4 && *f->text != '0';
}

/* "12,5": one comma, which stands for the point. */
bool csv_number(const struct csv_field *f, double *out)
{
	const char *comma = memchr(f->text, ',', f->n), *end;
	char copy[41];

	if (!f->n || f->n >= sizeof(copy) || (comma && memchr(f->text, '.', f->n)) ||
	    may_be_thousands(f, comma))
		return false;
	memcpy(copy, f->text, f->n);
	copy[f->n] = 0;
	if (comma)
		copy[comma - f->text] = '.';
	end = vnx_decimal_parse(copy, out);
	return end && !*end;
}

/* @n digits at *s. */
static bool take_digits(const char **s, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, ++*s) {
		if (!isdigit((unsigned char)**s))
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

/* "10:00:00.25" in seconds; hours within a day, 60 is a leap second. */
static bool take_clock(const char **s, double *out)
{
	double fraction = 0, unit = 1;
	int h, m, sec;

	if (!take_digits(s, 2, &h) || *(*s)++ != ':' || !take_digits(s, 2, &m) || *(*s)++ != ':' ||
	    !take_digits(s, 2, &sec) || h > 23 || m > 59 || sec > 60)
		return false;
	if ((**s == '.' || **s == ',') && isdigit((unsigned char)(*s)[1]))
		for (++*s; isdigit((unsigned char)**s); ++*s) {
			unit /= 10;
			fraction += (**s - '0') * unit;
		}
	*out = h * 3600 + m * 60 + sec + fraction;
	return true;
}

/* "Z", "+02:00", "-0530", "+02", " UTC"; *east_s of Greenwich. */
static bool take_zone(const char **s, double *east_s)
{
	int h, m = 0;
	double sign;

	*s += strspn(*s, " ");
	*east_s = 0;
	if (**s == 'Z' || **s == 'z' || !strncmp(*s, "UTC", 3) || !strncmp(*s, "GMT", 3)) {
		*s += isupper((unsigned char)(*s)[0]) && (*s)[1] ? 3 : 1;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	sign = *(*s)++ == '-' ? -1 : 1;
	if (!take_digits(s, 2, &h) || h > 15)
		return false;
	*s += **s == ':';
	if (isdigit((unsigned char)**s) && !take_digits(s, 2, &m))
		return false;
	*east_s = sign * (h * 3600 + m * 60);
	return true;
}

/* "2024-05-01T10:00:00.25+02:00", a blank for the T, or the time of day alone. */
enum csv_clock csv_time_of(const struct csv_field *f, double *out)
{
	double day_s = 0, clock_s, east_s;
	struct tm tm = { 0 };
	bool dated, zoned;
	const char *s;
	char copy[48];

	if (!f->n || f->n >= sizeof(copy))
		return CSV_NO_TIME;
	memcpy(copy, f->text, f->n);
	copy[f->n] = 0;
	s = copy;
	dated = f->n > 10 && copy[4] == '-' && copy[7] == '-';
	if (dated) {
		if (!take_digits(&s, 4, &tm.tm_year) || *s++ != '-' ||
		    !take_digits(&s, 2, &tm.tm_mon) || *s++ != '-' ||
		    !take_digits(&s, 2, &tm.tm_mday) || (*s != 'T' && *s != 't' && *s != ' ') ||
		    tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31)
			return CSV_NO_TIME;
		s++;
		tm.tm_year -= 1900;
		tm.tm_mon--;
		day_s = (double)timegm(&tm);
	}
	if (!take_clock(&s, &clock_s))
		return CSV_NO_TIME;
	zoned = dated && take_zone(&s, &east_s);
	if (*s)
		return CSV_NO_TIME;
	*out = day_s + clock_s - (zoned ? east_s : 0);
	return zoned ? CSV_WALL : dated ? CSV_LOCAL : CSV_OF_DAY;
}
