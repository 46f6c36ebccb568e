/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a load generator says it moved, as intervals; and where its clock stands on ours.
 */
#ifndef VNX_THROUGHPUT_H
#define VNX_THROUGHPUT_H

#include "analysis/timeline.h"

/* One line of a load's output with its arrival; arrival 0: read from a file, not stamped. */
struct vnx_load_line {
	uint64_t arrival_ns; /* CLOCK_MONOTONIC */
	char *text;          /* without the newline */
};

struct vnx_load_lines {
	struct vnx_load_line *v;
	size_t n, cap;
};
void vnx_load_lines_fini(struct vnx_load_lines *lines);

/* Seconds from the generator's own zero. */
struct vnx_interval {
	double start_s, end_s;
	double bytes;
	uint64_t arrival_ns; /* of the line that told it, 0: none */
};

enum vnx_align {
	VNX_ALIGN_NONE,
	VNX_ALIGN_ARRIVAL,
	VNX_ALIGN_TIMESTAMP,
	VNX_ALIGN_LAG,
	VNX_ALIGN_GIVEN
};
/* "none", "arrival-stamps", "timestamp", "lag-search", "given" */
const char *vnx_align_name(enum vnx_align m);

struct vnx_throughput {
	char *source;  /* "iperf3-receiver", "iperf3-sender", ... */
	char *warning; /* what was odd ("interrupted", "error - ..."), or NULL */
	struct {
		struct vnx_interval *v;
		size_t n, cap;
	} intervals; /* kept ones, in order */
	struct {
		struct vnx_interval *v;
		size_t n, cap;
	} reverse;           /* --bidir's other way */
	bool is_reverse;     /* the load ran with -R: the peer sends */
	size_t dropped;      /* intervals left out by the rules of statistics.md */
	double precision;    /* relative, of the bytes: 0 JSON, up to 0.005 for text */
	double timestamp_s;  /* start.timestamp, CLOCK_REALTIME; NaN if not told */
	bool has_ms;         /* ... with milliseconds (iperf3 3.20+) */
	double omit_s;       /* --omit: the zero comes this much later than timestamp_s tells */
	double resolution_s; /* the generator's times are rounded to this */
	bool other_side;     /* intervals are of --get-server-output: near the zero, not on it */
	/* of the lines that arrived; n 0: none were stamped */
	struct {
		size_t n;
		uint64_t first_ns; /* first line of all */
		uint64_t zero_ns;  /* smallest arrival - interval end */
		double uncertainty_s;
	} stamps;
	/* after vnx_throughput_align(): */
	enum vnx_align method;
	uint64_t zero_ns; /* the generator's zero on CLOCK_MONOTONIC; valid unless NONE */
	double uncertainty_s;
	double offset_s; /* zero minus the first line's arrival (stamps) or start.timestamp */
};

void vnx_throughput_free(struct vnx_throughput *tp);
/*
 * Recognises iperf3 text, JSON or JSON stream. 0 with *out, -ENOENT where the lines hold
 * no known load generator's output (not an error: *out is NULL), -errno with @err else.
 */
int vnx_throughput_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			 struct vnx_err *err) VNX_MUST_CHECK;
/* The same from a file; @path is named in errors. */
int vnx_throughput_read_file(const char *path, struct vnx_throughput **out,
			     struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Puts the generator's zero on CLOCK_MONOTONIC: by arrival stamps where lines have them
 * (minimum of arrival - interval end), else by start.timestamp with @realtime_minus_mono_ns
 * (of the capture's start; INT64_MIN: not known).
 */
void vnx_throughput_align(struct vnx_throughput *tp, int64_t realtime_minus_mono_ns);
/*
 * bit/s of the main direction per bin of @grid, NaN where under 80 % of the bin is covered by
 * kept intervals, all NaN where nothing is aligned. out[grid->n]. -ENOMEM.
 */
int vnx_throughput_series(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			  double *out) VNX_MUST_CHECK;

#endif
