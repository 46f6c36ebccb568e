/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A load generator's format is one row of vnx_load_formats[]; and what the formats share.
 */
#ifndef VNX_THROUGHPUT_FORMAT_H
#define VNX_THROUGHPUT_FORMAT_H

#include "cli/input/throughput/throughput.h"

struct vnx_load_format {
	const char *name; /* as errors list it */
	/* 0: nothing of mine in these lines ... 100: certainly mine. By content alone. */
	int (*probe)(const struct vnx_load_lines *lines);
	/*
	 * 0 with *out; -ENOENT: after all nothing of mine; -ENOMEM; else -errno with a sentence
	 * that names the line ("line 3: ...") but not the file.
	 */
	int (*parse)(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		     struct vnx_err *err);
};

extern const struct vnx_load_format *const vnx_load_formats[]; /* NULL-terminated */

extern const struct vnx_load_format vnx_load_iperf3_json;
extern const struct vnx_load_format vnx_load_iperf3_text;
extern const struct vnx_load_format vnx_load_iperf2_csv;
extern const struct vnx_load_format vnx_load_netperf;
extern const struct vnx_load_format vnx_load_sockperf;
extern const struct vnx_load_format vnx_load_csv;

/* Empty and not aligned, with a copy of @source; NULL: -ENOMEM. */
struct vnx_throughput *vnx_throughput_new(const char *source);
/* Both append to a text, unless it says so already; "; " between. -ENOMEM. */
int vnx_throughput_warn(struct vnx_throughput *tp, const char *fmt, ...) VNX_PRINTF(2, 3);
int vnx_throughput_note(struct vnx_throughput *tp, const char *fmt, ...) VNX_PRINTF(2, 3);
/* @line from @n on that is not blank; lines->n if none. */
size_t vnx_lines_next(const struct vnx_load_lines *lines, size_t n);

/*
 * Fills tp->stamps.n, zero_ns and uncertainty_s from @lag[0..n), arrival minus interval end of
 * each line, which is sorted in place.
 */
void vnx_throughput_stamps(struct vnx_throughput *tp, int64_t *lag, size_t n, double resolution_s);
/* ... from tp->intervals. -ENOMEM. */
int vnx_throughput_stamps_of_intervals(struct vnx_throughput *tp) VNX_MUST_CHECK;

/* It has a length, and its bytes are a number that some host can move in it. */
bool vnx_interval_sane(const struct vnx_interval *iv);

/* A plain decimal ("12.5", "-3e4"), at most 40 characters; returns what follows, NULL: none. */
const char *vnx_decimal_parse(const char *s, double *out);

#endif
