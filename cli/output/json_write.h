/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON straight to a stream. Beside jansson (which reads) because reports promise
 * stable bytes with the shortest number that reads back as the same double.
 */
#ifndef VNX_JSON_WRITE_H
#define VNX_JSON_WRITE_H

#include "analysis/util.h"

#define VNX_NUMBER_LEN 40

/*
 * The shortest decimal that strtod() turns back into @x, with '.' whatever the locale, into
 * @buf; "" for NaN and infinities, which have no number. Returns @buf.
 */
char *vnx_number_format(double x, char buf[VNX_NUMBER_LEN]);

/* Zero-initialise with .out set. Nesting deeper than the array is a programming error. */
struct vnx_json {
	FILE *out;
	unsigned depth;
	struct {
		char close;
		bool inline_items, any;
	} level[16];
};

/* @key is NULL within an array and at the top. "Inline" keeps all on one line. */
void vnx_json_open(struct vnx_json *j, const char *key, char bracket, bool inline_items);
void vnx_json_close(struct vnx_json *j);
void vnx_json_string(struct vnx_json *j, const char *key, const char *value); /* NULL, "": null */
void vnx_json_text(struct vnx_json *j, const char *key, const char *value);   /* "" stays "" */
void vnx_json_real(struct vnx_json *j, const char *key, double value);        /* NaN, inf: null */
void vnx_json_count(struct vnx_json *j, const char *key, double value); /* integer if integral */
void vnx_json_uint(struct vnx_json *j, const char *key, uint64_t value);
void vnx_json_bool(struct vnx_json *j, const char *key, bool value);
void vnx_json_null(struct vnx_json *j, const char *key);

#endif
