/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parsers of iperf's forms hand to iperf3.c: tests ("runs") with their
 * interval lines as printed, nothing judged yet.
 */
#ifndef VNX_IPERF3_H
#define VNX_IPERF3_H

#include "cli/input/throughput/throughput_format.h"

struct iperf_row {
	double start_s, end_s;
	double seconds; /* as iperf3 measured it; NaN: not told (text) */
	double bytes;   /* NaN: not a number there */
	double precision;
	bool omitted;
	bool inconsistent; /* its columns contradict each other */
	uint64_t arrival_ns;
	int stream;  /* its number; 0: the sum of all */
	size_t line; /* from 1 */
	/* NaN: not told. TCP's are of the sender, the datagrams' of the receiver. */
	double retrans;
	double cwnd_bytes; /* of all streams */
	double rtt_us;     /* mean of the streams */
	double lost;
};

#define IPERF_ROW_INIT                                                                          \
	{                                                                                       \
		.seconds = NAN, .bytes = NAN, .retrans = NAN, .cwnd_bytes = NAN, .rtt_us = NAN, \
		.lost = NAN                                                                     \
	}

struct iperf_rows {
	struct iperf_row *v;
	size_t n, cap;
};

enum iperf_side { IPERF_UNKNOWN, IPERF_SENDER, IPERF_RECEIVER };

/* One test, as one side saw it. */
struct iperf_run {
	struct iperf_rows rows;    /* client to server, or with -R server to client */
	struct iperf_rows reverse; /* --bidir: server to client */
	enum iperf_side side;      /* of `rows` */
	bool iperf2, any_side;     /* any: nothing tells which side printed it */
	bool local_time;           /* timestamp_s is of an unknown zone */
	bool from_server, is_reverse, interrupted;
	const char
		*trouble; /* why its rows cannot be used, from line @trouble_line; NULL: they can */
	size_t trouble_line;
	bool mixed;         /* its lines stand among those of other tests: they ran at once */
	double timestamp_s; /* start.timestamp, CLOCK_REALTIME; NaN */
	bool has_ms;
	double omit_s;            /* zero of the kept rows comes this much later */
	double mss;               /* bytes a segment, NaN: not told */
	double asked_bps;         /* of all streams; 0: not told, or no bound */
	double resolution_s;      /* times are printed to this */
	size_t broken_line;       /* interrupted: from 1, in the JSON; 0: not known */
	char cookie[40];          /* "" where not told */
	char *error;              /* iperf3's own words, or NULL */
	struct iperf_run *server; /* --get-server-output: the other side's view, or NULL */
};

struct iperf_runs {
	struct iperf_run *v;
	size_t n, cap;
};

void iperf_runs_fini(struct iperf_runs *runs);
/*
 * Appends an empty run and returns it, valid until the next call; NULL: -ENOMEM. After MAX_RUNS it
 * is the last one again, and that is in trouble.
 */
struct iperf_run *iperf_runs_add(struct iperf_runs *runs);
/* Sets run->error unless it has one. -ENOMEM. */
int iperf_run_error(struct iperf_run *run, const char *text) VNX_MUST_CHECK;

/*
 * Both append the runs they find in lines[0..n); nothing found is no error. -ENOMEM only:
 * whatever else stands in the lines is passed over.
 */
int iperf_json_parse(const struct vnx_load_lines *lines, struct iperf_runs *out) VNX_MUST_CHECK;
int iperf_text_parse(const struct vnx_load_lines *lines, struct iperf_runs *out) VNX_MUST_CHECK;
int iperf_text_probe(const struct vnx_load_lines *lines);
int iperf_csv_parse(const struct vnx_load_lines *lines, struct iperf_runs *out) VNX_MUST_CHECK;
int iperf_csv_probe(const struct vnx_load_lines *lines);

/*
 * Of @rows of several streams makes their sums; run->trouble tells where that cannot be, or where
 * one stream's times begin anew.
 */
void iperf_rows_sum(struct iperf_run *run, struct iperf_rows *rows);
/* ... where @rows are sums, in the order in which they were told. */
void iperf_rows_check(struct iperf_run *run, const struct iperf_rows *rows);
/*
 * Is this the total at the end of a stream whose intervals are in @rows? It begins at 0, as one of
 * them did, and ends no earlier than the last.
 */
bool iperf_rows_ended_by(const struct iperf_rows *rows, const struct iperf_row *r);

/*
 * The judgement of one run, in iperf3_rules.c. Moves the rows that the rules of
 * statistics.md keep into tp->intervals and tp->reverse, shifted by @shift_s.
 */
int iperf_rules_apply(const struct iperf_run *run, double shift_s,
		      struct vnx_throughput *tp) VNX_MUST_CHECK;
/*
 * Appends what @run, of either side, tells beside the bytes to tp->extras. @mss: bytes a segment,
 * where @run itself does not tell (a server says 0). -ENOMEM.
 */
int iperf_rules_extras(const struct iperf_run *run, double shift_s, double mss,
		       struct vnx_throughput *tp) VNX_MUST_CHECK;
/* Median length of the rows that are not omitted, NaN if there are none. */
double iperf_rows_nominal(const struct iperf_rows *rows);

#endif
