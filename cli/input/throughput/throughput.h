/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a load generator says it moved, as intervals; and where its clock stands on ours.
 */
#ifndef VNX_THROUGHPUT_H
#define VNX_THROUGHPUT_H

#include "analysis/timeline.h"
#include "cli/input/input.h"

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

/* What the generator tells beside its bytes: VNX_LOAD_RETRANS, _CWND, _RTT or _LOST. */
struct vnx_extra {
	double start_s, end_s; /* as of the intervals */
	double value;          /* counts of the interval, or a level that held over it */
	enum vnx_metric metric;
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

/* One message of a load that measures latency, not throughput. */
struct vnx_latency {
	double start_s; /* when it was sent, from the generator's own zero */
	double seconds;
};

struct vnx_throughput {
	char *source;  /* "iperf3-receiver", "iperf3-sender", "netperf-sender", "csv", ... */
	char *warning; /* what was odd ("interrupted", "error - ..."), or NULL */
	char *note;    /* what was done with it ("sum of 2 flows"), or NULL */
	char *path;    /* the file it was read from, NULL: none */
	struct {
		struct vnx_interval *v;
		size_t n, cap;
	} intervals; /* kept ones, in order */
	struct {
		struct vnx_interval *v;
		size_t n, cap;
	} reverse; /* --bidir's other way */
	/* Of the main direction, whichever side told it; what was not told has no row. */
	struct {
		struct vnx_extra *v;
		size_t n, cap;
	} extras;
	/* Of sockperf: such a load has latencies and no intervals. */
	struct {
		struct vnx_latency *v;
		size_t n, cap;
		bool round_trip; /* there and back; else one way, as half of that */
		double p50_s, p99_s;
	} latency;
	bool is_reverse;    /* the load ran with -R: the peer sends */
	double asked_bps;   /* what it was told to send, all streams; 0: not told, or no bound */
	size_t dropped;     /* intervals left out by the rules of statistics.md */
	double precision;   /* relative, of the bytes: 0 JSON, up to 0.005 for text */
	char cookie[40];    /* iperf3's name of the test, the same on both sides; "": not told */
	double timestamp_s; /* start.timestamp, CLOCK_REALTIME; NaN if not told */
	bool stamped_rows; /* timestamp_s is the zero itself (netperf, CSV), not some time before */
	/* What the generator's own times say at its zero (CSV: first time); 0 if those are dates.
	 */
	double own_zero_s;
	double slack_s;      /* how far the intervals may stand off that zero, beside all else */
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
	int64_t zero_ns; /* the generator's zero on the trace's clock; valid unless NONE */
	double uncertainty_s;
	/*
	 * Zero minus the first line's arrival (stamps) or start.timestamp; "given": what
	 * --offset said; "lag-search": what --offset would have to say for this place.
	 */
	double offset_s;
	size_t places; /* searched for the best fit, 0: no search */
	/*
	 * Further flows of the same direction: of the same output, which count from the same zero
	 * and are placed with it; after vnx_throughput_join() all that are part of the series.
	 * Owned.
	 */
	struct {
		struct vnx_throughput **v;
		size_t n, cap;
	} peers;
	unsigned group; /* flows of one group ran at once and are summed */
};

/* Where the user wants a load's zero: --offset. */
struct vnx_placement {
	bool given, search;
	int64_t offset_ns; /* if given */
};

/* What the words of a load's command ask of it (iperf3 -b, -P), bit/s; 0: not told, or no bound. */
double vnx_load_asked(const char *command);
void vnx_throughput_free(struct vnx_throughput *tp);
/*
 * Recognises the formats of vnx_load_formats[]. 0 with *out, -ENOENT where the lines hold
 * no known load generator's output (not an error: *out is NULL), -ENOMEM with @err.
 */
int vnx_throughput_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			 struct vnx_err *err) VNX_MUST_CHECK;
/* The same from a file; @path is named in errors. */
int vnx_throughput_read_file(const char *path, struct vnx_throughput **out,
			     struct vnx_err *err) VNX_MUST_CHECK;
/* ... from an input that is open and stays the caller's. */
int vnx_throughput_read_input(struct vnx_input *in, struct vnx_throughput **out,
			      struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Puts the generator's zero on CLOCK_MONOTONIC: by arrival stamps where lines have them
 * (minimum of arrival - interval end), else by start.timestamp with @realtime_minus_mono_ns
 * (of the capture's start; INT64_MIN: not known).
 */
void vnx_throughput_align(struct vnx_throughput *tp, int64_t realtime_minus_mono_ns);
/*
 * --offset TIME: moves an aligned zero by @offset_ns; where nothing tells where the zero is,
 * the generator's own times plus @offset_ns are taken for the trace's clock.
 */
void vnx_throughput_offset(struct vnx_throughput *tp, int64_t offset_ns);
/*
 * What each file holds, aligned: takes v[0..n) and their peers over (they are freed or owned by
 * *out) and leaves v[i] NULL. What is summed, put one after the other or left out is told in
 * (*out)->note. -ENOMEM. The rule stands in throughput_join.c.
 */
int vnx_throughput_join(struct vnx_throughput **v, size_t n,
			struct vnx_throughput **out) VNX_MUST_CHECK;
/*
 * bit/s of the main direction per bin of @grid, NaN where under 80 % of the bin is covered by
 * kept intervals, all NaN where nothing is aligned. out[grid->n]. -ENOMEM.
 */
int vnx_throughput_series(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			  double *out) VNX_MUST_CHECK;
/*
 * Which of the load's intervals each bin of @grid is of, as vnx_obs_init() takes it: out[grid->n].
 * Of flows that ran at once the longest intervals count. False where they are no longer than bins,
 * so that each bin is an observation; out[] says nothing then. At most 0.01 of a bin is rounding.
 */
bool vnx_throughput_intervals(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			      int *out);
/* Median length of the intervals of one flow in seconds; NaN: it has none, or memory is out. */
double vnx_throughput_nominal_s(const struct vnx_throughput *tp);
/*
 * Likewise what was told of @metric beside the bytes: a count a bin, or a mean. Over flows that
 * ran at once a sum, of round-trip times a mean. -ENODATA: nothing was told, out[] is all NaN.
 */
int vnx_throughput_extra(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			 enum vnx_metric metric, double *out) VNX_MUST_CHECK;
/*
 * Puts the zero where the load follows one of @n series on @grid best: within the uncertainty
 * where aligned, else anywhere the two overlap by at least half the load. Method NONE stays
 * (or the former one) where the best fit is no better than chance; (*tp)->note tells. @names
 * are for that. -ENOMEM, -E2BIG with a sentence: too long to search.
 */
int vnx_throughput_search(struct vnx_throughput *tp, const struct vnx_grid *grid,
			  const double *const *series, const char *const *names, size_t n,
			  struct vnx_err *err) VNX_MUST_CHECK;

#endif
