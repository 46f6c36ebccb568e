/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which columns of a CSV file tell the time and the rate, by the names in its first row.
 */
#ifndef VNX_CSV_H
#define VNX_CSV_H

#include "cli/input/throughput/throughput_format.h"

#define CSV_FIELDS 32 /* further ones are not looked at */

struct csv_field {
	const char *text; /* in the line, without quotes and blanks */
	size_t n;
	bool commas; /* part the columns, so that one in quotes may part thousands */
};

enum csv_time { CSV_TIME, CSV_START, CSV_END, CSV_TIMES };

struct csv_columns {
	char separator;
	int time[CSV_TIMES];        /* place from 0, -1: none */
	double time_s[CSV_TIMES];   /* of one unit there */
	int rate;                   /* -1: none */
	double bits;                /* of one unit of the rate */
	bool is_amount;             /* bytes or bits of the interval, not of a second */
	bool is_counter;            /* ... or of all time up to then */
	int n;                      /* names in the row */
	int rival_time, rival_rate; /* a second column that could be it as well, -1: none */
	bool any;                   /* at least one name is known */
};

/* Splits @text; returns how many fields there are, up to CSV_FIELDS. */
int csv_split(const char *text, char separator, struct csv_field *fields);
/* Reads @text as a row of names. False: it has no two columns. */
bool csv_columns_read(const char *text, struct csv_columns *out);
/* The whole field is a number; its decimals may stand behind a comma. */
bool csv_number(const struct csv_field *f, double *out);

/* Whose time it is: of the day, of a zone that nobody names, or the wall clock's since 1970. */
enum csv_clock { CSV_NO_TIME, CSV_OF_DAY, CSV_LOCAL, CSV_WALL };
/* The whole field is a time of ISO 8601, or a time of the day; in seconds. */
enum csv_clock csv_time_of(const struct csv_field *f, double *out);

#endif
