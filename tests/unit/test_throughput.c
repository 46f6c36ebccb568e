// SPDX-License-Identifier: GPL-2.0-only
/*
 * The load generator's output: every form of iperf3 we have real examples of, the rules, the
 * clock, and bytes that no generator ever printed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "cli/input/throughput/throughput.h"

#define FIXTURES "fixtures/iperf3/"
#define SEC VNX_NSEC_PER_SEC

static struct vnx_err err;

static struct vnx_throughput *read_ok(const char *name)
{
	struct vnx_throughput *tp = NULL;
	char path[256];
	int ret;

	err = (struct vnx_err){ 0 };
	snprintf(path, sizeof(path), FIXTURES "%s", name);
	ret = vnx_throughput_read_file(path, &tp, &err);
	if (ret)
		print_error("%s: %s\n", name, err.message);
	assert_int_equal(ret, 0);
	assert_non_null(tp);
	return tp;
}

/* Lines of @text with arrival times at[0..n_at), none if NULL. */
static struct vnx_load_lines lines_of(const char *text, const uint64_t *at, size_t n_at)
{
	struct vnx_load_lines lines = { 0 };

	while (*text) {
		size_t n = strcspn(text, "\n");
		struct vnx_load_line line = { .text = strndup(text, n) };

		if (at && lines.n < n_at)
			line.arrival_ns = at[lines.n];
		assert_int_equal(vnx_vec_push(&lines, line), 0);
		text += n + (text[n] == '\n');
	}
	return lines;
}

static struct vnx_throughput *parse(const char *text, const uint64_t *at, size_t n_at)
{
	struct vnx_load_lines lines = lines_of(text, at, n_at);
	struct vnx_throughput *tp = NULL;
	int ret = vnx_throughput_parse(&lines, &tp, &err);

	vnx_load_lines_fini(&lines);
	assert_true(ret == (tp ? 0 : -ENOENT));
	return tp;
}

static void assert_near(double a, double b, double rel)
{
	if (!(fabs(a - b) <= rel * fabs(b)))
		fail_msg("%.17g is not %.17g within %g", a, b, rel);
}

static double total(const struct vnx_throughput *tp)
{
	double sum = 0;

	for (size_t i = 0; i < tp->intervals.n; i++)
		sum += tp->intervals.v[i].bytes;
	return sum;
}

/* Every fixture by hand: what a reader of the file would say of it. */
static void test_fixtures(void **state)
{
	static const struct {
		const char *name, *source;
		size_t n, reverse, dropped;
		bool is_reverse;
		const char *warning;
		double mean_gbps; /* from the file's own summary; 0: not compared */
	} t[] = {
		{ "series.srv.json", "iperf3-receiver", 4, 0, 0, false, "interrupt", 0 },
		{ "pair.a.cli.json", "iperf3-sender", 4, 0, 0, false, NULL, 0.300 },
		{ "pair.b.srv.json", "iperf3-receiver", 4, 0, 0, false, NULL, 0.150 },
		{ "udp_reverse.json", "iperf3-receiver", 2, 0, 0, true, NULL, 0.020 },
		{ "cli.json", "iperf3-receiver", 40, 0, 1, false, NULL, 0 },
		{ "srv.json", "iperf3-receiver", 40, 0, 1, false, NULL, 0 },
		{ "bidir.cli.json", "iperf3-sender", 4, 4, 0, false, NULL, 0 },
		{ "bidir.srv.json", "iperf3-receiver", 4, 4, 2, false, NULL, 0 },
		{ "omitted.cli.json", "iperf3-sender", 4, 0, 2, false, NULL, 0 },
		{ "omitted.srv.json", "iperf3-receiver", 4, 0, 3, false, NULL, 0 },
		{ "p4.cli.json", "iperf3-sender", 2, 0, 0, false, NULL, 0 },
		{ "udp.cli.json", "iperf3-sender", 2, 0, 0, false, NULL, 0 },
		{ "udp.srv.json", "iperf3-receiver", 2, 0, 0, false, NULL, 0 },
		{ "reverse.json", "iperf3-receiver", 2, 0, 0, true, NULL, 0 },
		{ "interrupted.json", "iperf3-sender", 4, 0, 0, false, "interrupt", 0 },
		{ "serverdied.json", "iperf3-sender", 3, 0, 1, false, "control socket", 0 },
		{ "server_text.json", "iperf3-receiver", 2, 0, 1, false, NULL, 0 },
		{ "v321_contended.jsonl", "iperf3-sender", 12, 0, 0, false, NULL, 5.54 },
		{ "plain.txt", "iperf3-sender", 4, 0, 0, false, NULL, 14.5 },
		{ "plain.srv.txt", "iperf3-receiver", 2, 0, 1, false, NULL, 14.4 },
		{ "p4.txt", "iperf3-sender", 2, 0, 0, false, NULL, 9.19 },
		{ "p4.srv.txt", "iperf3-receiver", 1, 0, 0, false, NULL, 7.93 },
		{ "bidir.txt", "iperf3-sender", 4, 4, 0, false, NULL, 3.82 },
		{ "bidir_p2.txt", "iperf3-sender", 2, 2, 0, false, NULL, 7.02 },
		{ "bidir_p2.srv.txt", "iperf3-receiver", 1, 1, 0, false, NULL, 6.66 },
		{ "udp.txt", "iperf3-sender", 2, 0, 0, false, NULL, 0.0501 },
		{ "udp.srv.txt", "iperf3-receiver", 1, 0, 1, false, NULL, 0.0499 },
		{ "udp_reverse.txt", "iperf3-receiver", 2, 0, 0, true, NULL, 0.0501 },
		{ "udp_reverse.srv.txt", "iperf3-sender", 1, 0, 0, true, NULL, 0.0501 },
		{ "reverse.txt", "iperf3-receiver", 2, 0, 0, true, NULL, 8.44 },
		{ "reverse.srv.txt", "iperf3-sender", 1, 0, 1, true, NULL, 8.45 },
		{ "omit.txt", "iperf3-sender", 4, 0, 2, false, NULL, 10.6 },
		{ "omit_p2.txt", "iperf3-sender", 2, 0, 2, false, NULL, 16.1 },
		{ "verbose.txt", "iperf3-sender", 2, 0, 0, false, NULL, 14.4 },
		{ "kbytes.txt", "iperf3-sender", 2, 0, 0, false, NULL, 384 * 8192e-9 },
		{ "tbits.txt", "iperf3-sender", 2, 0, 0, false, NULL, 10.7 },
		{ "timestamps.txt", "iperf3-sender", 2, 0, 0, false, NULL, 15.0 },
		{ "title.txt", "iperf3-sender", 2, 0, 0, false, NULL, 18.2 },
		{ "interrupted.txt", "iperf3-sender", 4, 0, 0, false, NULL, 13.7 },
		{ "serverdied.txt", "iperf3-sender", 3, 0, 1, false, NULL, 0 },
		{ "getserver.txt", "iperf3-receiver", 2, 0, 1, false, NULL, 0 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		struct vnx_throughput *tp = read_ok(t[i].name);
		double len = 0;

		for (size_t k = 0; k < tp->intervals.n; k++)
			len += tp->intervals.v[k].end_s - tp->intervals.v[k].start_s;
		if (strcmp(tp->source, t[i].source) || tp->intervals.n != t[i].n ||
		    tp->reverse.n != t[i].reverse || tp->dropped != t[i].dropped ||
		    tp->is_reverse != t[i].is_reverse || !tp->warning != !t[i].warning)
			fail_msg("%s: %s, %zu + %zu intervals, %zu dropped, reverse %d, warning %s",
				 t[i].name, tp->source, tp->intervals.n, tp->reverse.n, tp->dropped,
				 tp->is_reverse, tp->warning);
		if (t[i].warning)
			assert_non_null(strstr(tp->warning, t[i].warning));
		if (t[i].mean_gbps)
			assert_near(total(tp) * 8 / len, t[i].mean_gbps * 1e9,
				    0.01 + 0.01 / len + tp->precision);
		vnx_throughput_free(tp);
	}
}

static void test_text_columns(void **state)
{
	static const struct {
		const char *line;
		double bytes, precision;
	} t[] = {
		/* bits by 1000, bytes by 1024 */
		{ "[  5]   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec    1    895 KBytes",
		  14.5e9 / 16, 0.05 / 14.5 },
		{ "[  4]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec  0.021 ms  0/16 (0%)",
		  1.05e6 / 8, 0.005 / 1.05 },
		{ "[  5]   0.00-0.50   sec   256 KBytes   512 KBytes/sec    0   1.12 MBytes",
		  256 * 1024, 0.5 / 512 },
		{ "[SUM]   0.00-2.00   sec  2.00 GBytes  1.00 GBytes/sec    0", 2.0 * (1 << 30),
		  0.005 },
		{ "[SUM]   0.00-2.00   sec  2.00 TBytes  8.80 Tbits/sec", 8.8e12 / 4, 0.005 / 8.8 },
		{ "[  5]   0.00-1.00   sec  12.0 Bytes  96.0 bits/sec", 12, 0.05 / 96 },
		{ "[  5]   0.00-1.00   sec  0.00 Bytes  0.00 bits/sec", 0, 0 },
		/* the bitrate has one digit only, the transfer three */
		{ "[  5]   0.00-0.50   sec   624 MBytes  0.01 Tbits/sec", 624.0 * (1 << 20),
		  0.5 / 624 + 0.01 / 0.5 },
		{ "12:00:01 [host] name: [  5]   0.00-1.00   sec  12.0 Bytes  96.0 bits/sec", 12,
		  0.05 / 96 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		struct vnx_throughput *tp = parse(t[i].line, NULL, 0);

		assert_non_null(tp);
		assert_int_equal(tp->intervals.n, 1);
		if (t[i].bytes)
			assert_near(tp->intervals.v[0].bytes, t[i].bytes, 1e-12);
		else
			assert_true(tp->intervals.v[0].bytes == 0);
		assert_true(fabs(tp->precision - t[i].precision) < 1e-12);
		vnx_throughput_free(tp);
	}
}

static void test_text_that_is_none(void **state)
{
	static const char *const t[] = {
		"",
		"hello\nworld\n",
		"[  5] local 127.0.0.1 port 45420 connected to 127.0.0.1 port 5479",
		"[  5]   0.00-0.50   sec   865 MBytes",
		"[  5]   0.00-0.50   sec   865 Mbits  14.5 Gbits/sec",
		"[  5]   0.00-0.50   sec   865 MBytes  14.5 Gbits",
		"[  5]   0.00-0.50   min   865 MBytes  14.5 Gbits/sec",
		"[  5]   nan-0.50   sec   865 MBytes  14.5 Gbits/sec",
		"[  ]   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec",
		"[  5][TX-C   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec",
		"[  5][XX-C]   0.00-0.50   sec   865 MBytes  14.5 Gbits/sec",
		"[  5]   0.00-0.50   sec   865 YBytes  14.5 Gbits/sec",
		"{}\n{\"a\":1}\n[1]\n",
		"{\"events\":[]}",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++)
		assert_null(parse(t[i], NULL, 0));
}

/* iperf 3.0 and 3.1 do not mark the totals of UDP. */
static void test_old_udp_totals(void **state)
{
	struct vnx_throughput *tp = parse(
		"Connecting to host 10.0.0.1, port 5201\n"
		"[  4] local 10.0.0.2 port 1 connected to 10.0.0.1 port 5201\n"
		"[ ID] Interval           Transfer     Bandwidth       Total Datagrams\n"
		"[  4]   0.00-1.00   sec   116 KBytes   950 Kbits/sec  82  \n"
		"[  4]   1.00-2.00   sec   129 KBytes  1.06 Mbits/sec  91  \n"
		"- - - - - - - - - - - - - - - - - - - - - - - - -\n"
		"[ ID] Interval           Transfer     Bandwidth       Jitter    Lost/Total Datagrams\n"
		"[  4]   0.00-2.00   sec   245 KBytes  1.00 Mbits/sec  0.082 ms  0/173 (0%)  \n"
		"[  4] Sent 173 datagrams\n",
		NULL, 0);

	assert_int_equal(tp->intervals.n, 2);
	assert_int_equal(tp->dropped, 0);
	assert_string_equal(tp->source, "iperf3-sender");
	assert_near(tp->intervals.v[1].bytes, 1.06e6 / 8, 1e-12);
	vnx_throughput_free(tp);
}

#define SUM(start, end, seconds, bytes, more)                                \
	"{\"sum\":{\"start\":" start ",\"end\":" end ",\"seconds\":" seconds \
	",\"bytes\":" bytes more "}}"
#define DOC(intervals) "{\"start\":{},\"intervals\":[" intervals "],\"end\":{}}"

static void check_kept(const char *json, size_t n, size_t dropped)
{
	struct vnx_throughput *tp = parse(json, NULL, 0);

	assert_non_null(tp);
	if (tp->intervals.n != n || tp->dropped != dropped)
		fail_msg("%zu kept, %zu dropped of %s", tp->intervals.n, tp->dropped, json);
	vnx_throughput_free(tp);
}

static void test_json_rules(void **state)
{
#define GOOD SUM("0", "0.5", "0.5", "100", "")
	check_kept(DOC(GOOD), 1, 0);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.5", "7.0", ",\"omitted\":false")), 2, 0);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.5", "7", ",\"omitted\":true")), 1, 1);
	/* a boundary: half the time was measured */
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.25", "7", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.4991", "7", "")), 2, 0);
	/* tails */
	check_kept(
		DOC(GOOD "," SUM("0.5", "1", "0.5", "7", "") "," SUM("1", "1.2", "0.2", "7", "")),
		2, 1);
	check_kept(
		DOC(GOOD "," SUM("0.5", "1", "0.5", "7", "") "," SUM("1", "1.3", "0.3", "7", "")),
		3, 0);
	/* late and merged ones are as true as any */
	check_kept(DOC(GOOD "," SUM("0.5", "2.099", "1.599", "9", "") "," SUM("2.099", "2.499",
									      "0.4", "7", "")),
		   3, 0);
	/* printed twice; out of order */
	check_kept(DOC(GOOD "," GOOD), 1, 1);
	/* nothing to be had from these */
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.5", "null", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.5", "-nan", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "nan", "7", "")), 2, 0);
	check_kept(DOC(GOOD "," SUM("0.5", "-inf", "0.5", "7", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("0.5", "1", "0.5", "-7", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("0.5", "0.5", "0", "7", "")), 1, 1);
	check_kept(DOC(GOOD "," SUM("\"0.5\"", "1", "0.5", "7", "")), 1, 1);
	check_kept(DOC(GOOD ",{},null,7,{\"sum\":null},{\"streams\":[]}"), 1, 0);
	check_kept(DOC(GOOD ",{\"sum\":{}}"), 1, 1);
	/* no sum: the streams */
	check_kept(DOC("{\"streams\":[{\"start\":0,\"end\":1,\"seconds\":1,\"bytes\":3},"
		       "{\"start\":0,\"end\":1,\"seconds\":1,\"bytes\":4}]}"),
		   1, 0);
	/* more than any host moves */
	check_kept(DOC(SUM("0", "0.5", "0.5", "1e300", "")), 0, 1);
	check_kept("{\"intervals\":[]}", 0, 0);
	check_kept("{\"start\":{}}", 0, 0);
}

static void test_json_surroundings(void **state)
{
	struct vnx_throughput *tp;

	check_kept("Warning: whatever {\n" DOC(GOOD) "\nand then {\"some\": text}\n", 1, 0);
	check_kept("{ not json\n{\n{]\n" DOC(GOOD) " trailing words\n", 1, 0);
	/* inside of documents that have keys of iperf3's own */
	check_kept("{\"event\":\"end\",\"of\":" DOC(GOOD) "}", 1, 0);
	check_kept("{\"event\":\"done\",\"data\":" DOC(GOOD) "}", 1, 0);
	check_kept("{\"start\":{},\"intervals\":[1],\"client\":" DOC(GOOD) "}", 1, 0);
	/* cut short: what is whole is kept, and it is said */
	tp = parse(
		"{\"start\":{},\"intervals\":[" GOOD
		"," SUM("0.5", "1", "0.5", "7",
			"") ",{\"streams\":[{\"start\":1,\"end\":1.5,\"seconds\":0.5,\"bytes\":4},{\"sta",
		NULL, 0);
	assert_non_null(tp);
	assert_int_equal(tp->intervals.n, 2);
	assert_non_null(strstr(tp->warning, "breaks off in line 1"));
	vnx_throughput_free(tp);
	tp = parse("chatter\n{\"start\":{},\n\"intervals\":[" GOOD ",\n{\"streams\":[\n", NULL, 0);
	assert_int_equal(tp->intervals.n, 1);
	assert_non_null(strstr(tp->warning, "breaks off in line 4"));
	vnx_throughput_free(tp);
	/* two tests: without stamps there is no common clock, and either may be half of it */
	assert_null(
		parse(DOC(GOOD) "\n" DOC(GOOD "," SUM("0.5", "1", "0.5", "7", "")) "\n", NULL, 0));
}

static void test_errors_are_told(void **state)
{
	struct vnx_throughput *tp;
	static const struct {
		const char *path, *word;
		int ret;
	} t[] = {
		{ FIXTURES "refused.json", "Connection refused", -ENODATA },
		{ FIXTURES "README.md", "no load generator's output", -ENOMSG },
		{ "fixtures/bad/throughput-table-without-names", "line 1", -EINVAL },
		{ FIXTURES "no-such-file", "No such file", -ENOENT },
		{ FIXTURES, "a folder", -EINVAL },
		{ "/dev/null", "a device", -EINVAL },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		err = (struct vnx_err){ 0 };
		assert_int_equal(vnx_throughput_read_file(t[i].path, &tp, &err), t[i].ret);
		assert_null(tp);
		assert_non_null(strstr(err.message, t[i].word));
		assert_non_null(strstr(err.message, t[i].path));
	}
	/* live, a refused test is a test without intervals */
	tp = parse("iperf3: error - unable to connect to server: Connection refused\n", NULL, 0);
	assert_non_null(tp);
	assert_int_equal(tp->intervals.n, 0);
	assert_non_null(strstr(tp->warning, "Connection refused"));
	vnx_throughput_align(tp, 0);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	vnx_throughput_free(tp);
}

/* Clocks */

#define ZERO (5000 * SEC)

#define EVENT_START(stamp) "{\"event\":\"start\",\"data\":{\"timestamp\":{" stamp "}}}\n"
#define EVENT(start, end, bytes) \
	"{\"event\":\"interval\",\"data\":" SUM(#start, #end, "0.5", #bytes, "") "}\n"

static void test_align_by_stamps(void **state)
{
	/* the start's line, then four intervals: 0.04, 0.02, 1800 and 0.05 ms late */
	const uint64_t at[] = { ZERO + 1000000, ZERO + SEC / 2 + 40000, ZERO + SEC + 20000,
				ZERO + 3 * SEC / 2 + 1800 * VNX_NSEC_PER_MSEC,
				ZERO + 2 * SEC + 50000 };
	struct vnx_throughput *tp = parse(EVENT_START("") EVENT(0, 0.5, 1) EVENT(0.5, 1.0, 2)
						  EVENT(1.0, 1.5, 3) EVENT(1.5, 2.0, 4),
					  at, 5);

	assert_int_equal(tp->intervals.n, 4);
	vnx_throughput_align(tp, INT64_MIN);
	assert_int_equal(tp->method, VNX_ALIGN_ARRIVAL);
	assert_int_equal(tp->zero_ns, ZERO + 20000);
	assert_true(tp->uncertainty_s >= 0.0003 && tp->uncertainty_s < 0.0004);
	assert_true(fabs(tp->offset_s - (0.00002 - 0.001)) < 1e-9);
	vnx_throughput_free(tp);
}

/* Text prints 10 ms, and lines that a buffer held back come all at once. */
static void test_align_coarse_and_late(void **state)
{
	const char *text = "[  5]   0.00-0.50   sec  12.0 Bytes  96.0 bits/sec\n"
			   "[  5]   0.50-1.00   sec  12.0 Bytes  96.0 bits/sec\n"
			   "[  5]   1.00-1.50   sec  12.0 Bytes  96.0 bits/sec\n";
	const uint64_t good[] = { ZERO + SEC / 2, ZERO + SEC, ZERO + 3 * SEC / 2 };
	const uint64_t bulk[] = { ZERO + 2 * SEC, ZERO + 2 * SEC, ZERO + 2 * SEC };
	struct vnx_throughput *tp = parse(text, good, 3);

	vnx_throughput_align(tp, 0);
	assert_int_equal(tp->zero_ns, ZERO);
	assert_true(fabs(tp->uncertainty_s - 0.0053) < 1e-9);
	vnx_throughput_free(tp);
	tp = parse(text, bulk, 3);
	vnx_throughput_align(tp, 0);
	assert_true(fabs((double)tp->zero_ns - (double)ZERO) / 1e9 <= tp->uncertainty_s);
	assert_true(tp->uncertainty_s >= 0.5);
	vnx_throughput_free(tp);
	tp = parse(text, good, 1);
	vnx_throughput_align(tp, 0);
	assert_true(tp->uncertainty_s > 1);
	vnx_throughput_free(tp);
}

/* start.timestamp: wall clock 1000000000.x; realtime - mono so that the zero is ZERO. */
static void check_timestamp(const char *json, const uint64_t *at, size_t n, double true_s,
			    enum vnx_align method, double most_s)
{
	const int64_t r_m = 1000000000ll * (int64_t)SEC - (int64_t)ZERO;
	struct vnx_throughput *tp = parse(json, at, n);

	assert_non_null(tp);
	vnx_throughput_align(tp, r_m);
	assert_int_equal(tp->method, method);
	if (!(fabs((double)tp->zero_ns / 1e9 - true_s) <= tp->uncertainty_s &&
	      tp->uncertainty_s <= most_s))
		fail_msg("%.6f +- %.6f is not %.6f within %g", tp->zero_ns / 1e9, tp->uncertainty_s,
			 true_s, most_s);
	if (method == VNX_ALIGN_TIMESTAMP)
		assert_true(fabs(tp->offset_s - ((double)tp->zero_ns - (double)ZERO) / 1e9) <
			    1.001);
	vnx_throughput_free(tp);
}

#define STAMPED_DOC(stamp, omit)                                               \
	"{\"start\":{\"timestamp\":{" stamp "},\"test_start\":{\"omit\":" omit \
	"}},\"intervals\":[" GOOD                                              \
	"," SUM("0.5", "1", "0.5", "7", "") "," SUM("1", "1.5", "0.5", "7", "") "]}"

static void test_align_by_timestamp(void **state)
{
	const char *old = STAMPED_DOC("\"timesecs\":1000000000", "0");
	const char *now =
		STAMPED_DOC("\"timesecs\":1000000000,\"timemillisecs\":1000000000300", "0");
	const char *omit =
		STAMPED_DOC("\"timesecs\":1000000000,\"timemillisecs\":1000000000300", "2");
	uint64_t at_end[] = { ZERO + 1900 * VNX_NSEC_PER_MSEC };
	struct vnx_throughput *tp;

	/* from a file: the truncated second is in the uncertainty */
	check_timestamp(old, NULL, 0, 5000.0025, VNX_ALIGN_TIMESTAMP, 0.53);
	check_timestamp(old, NULL, 0, 5001.041, VNX_ALIGN_TIMESTAMP, 0.53);
	check_timestamp(now, NULL, 0, 5000.3025, VNX_ALIGN_TIMESTAMP, 0.03);
	check_timestamp(now, NULL, 0, 5000.341, VNX_ALIGN_TIMESTAMP, 0.03);
	check_timestamp(omit, NULL, 0, 5002.32, VNX_ALIGN_TIMESTAMP, 0.03);
	/* printed at the end, at 1.9 s: the zero was 0.4 s at the latest */
	check_timestamp(old, at_end, 1, 5000.39, VNX_ALIGN_TIMESTAMP, 0.2);
	check_timestamp(old, at_end, 1, 5000.01, VNX_ALIGN_TIMESTAMP, 0.2);
	check_timestamp(now, at_end, 1, 5000.32, VNX_ALIGN_TIMESTAMP, 0.03);
	/* no way to tell */
	tp = parse(old, NULL, 0);
	vnx_throughput_align(tp, INT64_MIN);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	vnx_throughput_free(tp);
}

static void check_disagreement(int64_t r_m, const char *word)
{
	const uint64_t at[] = { ZERO, ZERO + SEC / 2, ZERO + SEC, ZERO + 3 * SEC / 2 };
	struct vnx_throughput *tp =
		parse(EVENT_START("\"timemillisecs\":1000000000000") EVENT(0, 0.5, 1)
			      EVENT(0.5, 1.0, 2) EVENT(1.0, 1.5, 3),
		      at, 4);

	for (int i = 0; i < 2; i++) {
		vnx_throughput_align(tp, r_m);
		assert_int_equal(tp->method, VNX_ALIGN_ARRIVAL);
		assert_int_equal(tp->zero_ns, ZERO);
	}
	if (word) {
		assert_non_null(tp->warning);
		assert_non_null(strstr(tp->warning, word));
		assert_null(strstr(tp->warning, "; ")); /* told once */
	} else {
		assert_null(tp->warning);
	}
	vnx_throughput_free(tp);
}

static void test_clocks_disagree(void **state)
{
	const int64_t r_m = 1000000000ll * (int64_t)SEC - (int64_t)ZERO;

	check_disagreement(r_m + 10 * (int64_t)VNX_NSEC_PER_MSEC, NULL);
	check_disagreement(r_m - 5 * (int64_t)SEC, "5 s later than its lines allow");
	check_disagreement(r_m + 5 * (int64_t)SEC, "arrived 4.96 s later");
}

/* --json-stream-full-output: the events, then all of it once more as one document. */
static void test_told_twice(void **state)
{
#define COOKIE "\"start\":{\"cookie\":\"abc\",\"timestamp\":{\"timesecs\":7}}"
	struct vnx_throughput *tp = parse(
		"{\"event\":\"start\",\"data\":{\"cookie\":\"abc\",\"timestamp\":{\"timesecs\":7}}}\n" EVENT(
			0, 0.5, 1)
			EVENT(0.5, 1.0, 2) "{" COOKIE ",\"intervals\":[" SUM(
				"0", "0.5", "0.5", "1", "") "," SUM("0.5", "1.0", "0.5", "2",
								    "") "]}",
		NULL, 0);

	assert_int_equal(tp->intervals.n, 2);
	assert_int_equal(tp->dropped, 0);
	assert_null(tp->warning);
	assert_string_equal(tp->cookie, "abc");
	vnx_throughput_free(tp);
}

/* A server's file: each test has its own start.timestamp. */
static void test_two_tests_timestamped(void **state)
{
#define TEST_AT(stamp, intervals) \
	"{\"start\":{\"timestamp\":{\"timesecs\":" stamp "}},\"intervals\":[" intervals "]}\n"
	struct vnx_throughput *tp =
		parse(TEST_AT("1000000000", GOOD) TEST_AT("1000000010", GOOD), NULL, 0);

	assert_int_equal(tp->intervals.n, 2);
	assert_true(tp->intervals.v[1].start_s == 10);
	assert_true(tp->slack_s == 1);
	vnx_throughput_free(tp);
	/* at once: two flows, to be summed */
	tp = parse(TEST_AT("1000000000", GOOD) TEST_AT("1000000000", GOOD), NULL, 0);
	assert_int_equal(tp->intervals.n, 1);
	assert_int_equal(tp->peers.n, 1);
	vnx_throughput_free(tp);
	/* in whatever order they stand */
	tp = parse(TEST_AT("1000000010", GOOD) TEST_AT("1000000000", GOOD), NULL, 0);
	assert_true(tp->intervals.n == 2 && tp->intervals.v[1].start_s == 10);
	vnx_throughput_free(tp);
	tp = parse(TEST_AT("1000000000", GOOD) TEST_AT("1000000020", GOOD)
			   TEST_AT("1000000010", GOOD),
		   NULL, 0);
	assert_true(tp->intervals.n == 2 && tp->peers.n == 1 && !tp->dropped);
	assert_true(tp->peers.v[0]->intervals.v[0].start_s == 10);
	vnx_throughput_free(tp);
	/* the third began before the first: its clock is not to be trusted */
	assert_null(parse(TEST_AT("1000000000", GOOD) TEST_AT("1000000010", GOOD)
				  TEST_AT("5", GOOD),
			  NULL, 0));
}

/* A list of both sides' views of two tests: each test counts once. */
static void test_views_in_turns(void **state)
{
#define TEST_OF(cookie)                                        \
	"{\"start\":{\"cookie\":\"" cookie "\",\"timestamp\":" \
	"{\"timesecs\":1000000000}},\"intervals\":[" GOOD "]}\n"
	struct vnx_throughput *tp =
		parse(TEST_OF("a") TEST_OF("b") TEST_OF("a") TEST_OF("b"), NULL, 0);

	assert_true(tp->intervals.n == 1 && tp->peers.n == 1);
	vnx_throughput_free(tp);
}

/* The events of two tests that ran at once, in one log: nothing tells whose each interval is. */
static void test_streams_of_events_mixed(void **state)
{
	assert_null(parse(
		"{\"event\":\"start\",\"data\":{}}\n{\"event\":\"start\",\"data\":{}}\n" EVENT(
			0, 0.5, 1) EVENT(0, 0.5, 2) EVENT(0.5, 1.0, 1) EVENT(0.5, 1.0, 2),
		NULL, 0));
}

/* A script of two tests, the second's zero ten seconds after the first's. */
static void test_two_tests_stamped(void **state)
{
	const uint64_t z2 = ZERO + 10 * SEC;
	const uint64_t at[] = { ZERO,         ZERO + SEC / 2, ZERO + SEC,      z2,
				z2 + SEC / 2, z2 + SEC,       z2 + 3 * SEC / 2 };
	struct vnx_throughput *tp =
		parse(EVENT_START("") EVENT(0, 0.5, 1) EVENT(0.5, 1.0, 2) EVENT_START("")
			      EVENT(0, 0.5, 3) EVENT(0.5, 1.0, 4) EVENT(1.0, 1.5, 5),
		      at, 7);

	assert_int_equal(tp->intervals.n, 5);
	assert_near(tp->intervals.v[2].start_s + 1, 11, 1e-9);
	assert_near(tp->intervals.v[4].end_s, 11.5, 1e-9);
	assert_null(tp->warning);
	vnx_throughput_free(tp);
}

static void test_server_output_clock(void **state)
{
	struct vnx_throughput *tp = read_ok("cli.json");

	assert_true(tp->other_side);
	vnx_throughput_align(tp, 1795296700ll * (int64_t)SEC);
	assert_int_equal(tp->method, VNX_ALIGN_TIMESTAMP);
	assert_true(tp->uncertainty_s > 0.55); /* half a second and the other side's zero */
	vnx_throughput_free(tp);
}

static void test_series(void **state)
{
	/* 1 byte/bin, then a bin's worth in two intervals, then a hole, then a merged one */
	const char *json = DOC(SUM("0", "0.5", "0.5", "1000", "") "," SUM(
		"0.5", "0.75", "0.25", "500",
		"") "," SUM("0.75", "1.0", "0.25", "1500",
			    "") "," SUM("1.0", "1.5", "0.1", "77", "") "," SUM("1.5", "3.0", "1.5",
									       "9000", ""));
	const double want[] = { NAN, 16000, 32000, NAN, 48000, 48000, 48000, NAN };
	struct vnx_grid grid = { .start_ns = ZERO - SEC / 2, .bin_ns = SEC / 2, .n = 8 };
	struct vnx_throughput *tp = parse(json, NULL, 0);
	double out[8];

	assert_int_equal(tp->intervals.n, 4);
	assert_int_equal(vnx_throughput_series(tp, &grid, out), 0);
	assert_true(isnan(out[1])); /* not aligned */
	tp->method = VNX_ALIGN_GIVEN;
	tp->zero_ns = ZERO;
	assert_int_equal(vnx_throughput_series(tp, &grid, out), 0);
	for (size_t i = 0; i < 8; i++) {
		if (isnan(want[i]))
			assert_true(isnan(out[i]));
		else
			assert_near(out[i], want[i], 1e-12);
	}
	grid.n = 0;
	assert_int_equal(vnx_throughput_series(tp, &grid, out), 0);
	vnx_throughput_free(tp);
}

static void test_names(void **state)
{
	assert_string_equal(vnx_align_name(VNX_ALIGN_NONE), "none");
	assert_string_equal(vnx_align_name(VNX_ALIGN_ARRIVAL), "arrival-stamps");
	assert_string_equal(vnx_align_name(VNX_ALIGN_TIMESTAMP), "timestamp");
	assert_string_equal(vnx_align_name(VNX_ALIGN_LAG), "lag-search");
	assert_string_equal(vnx_align_name(VNX_ALIGN_GIVEN), "given");
}

/* Mutations */

static uint64_t seed = 20261121;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

/* Flips bytes, cuts, repeats and splices pieces, and puts in what parsers trip over. */
static size_t mutate(char *s, size_t n, size_t cap)
{
	static const char *const odd[] = { "-nan",
					   "1e999",
					   "{",
					   "}",
					   "[",
					   "\"",
					   "\\",
					   "null",
					   "\n",
					   "-1",
					   "99999999999999999999",
					   "[SUM]",
					   "- - - - - -",
					   "[ ID]",
					   "Server output:",
					   "Connecting to host",
					   "\xff" };

	for (uint32_t k = 1 + rnd(8); k && n > 2; k--) {
		size_t at = rnd((uint32_t)n), len = rnd(64), from = rnd((uint32_t)n);
		const char *word = odd[rnd(VNX_ARRAY_SIZE(odd))];

		switch (rnd(4)) {
		case 0:
			s[at] = (char)rnd(256);
			break;
		case 1:
			n = rnd(4) ? n : at + 1;
			break;
		case 2:
			len = len < n - at ? len : n - at;
			len = len < n - from ? len : n - from;
			memmove(s + at, s + from, len);
			break;
		default:
			len = strlen(word);
			if (n + len < cap) {
				memmove(s + at + len, s + at, n - at);
				memcpy(s + at, word, len);
				n += len;
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		s[i] = s[i] ? s[i] : ' ';
	s[n] = 0;
	return n;
}

static void check_sound(struct vnx_throughput *tp)
{
	struct vnx_grid grid = { .start_ns = ZERO, .bin_ns = SEC / 2, .n = 16 };
	double out[16], prev = -INFINITY;

	for (size_t i = 0; i < tp->intervals.n; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];

		assert_true(iv->end_s > iv->start_s && isfinite(iv->end_s) && iv->bytes >= 0 &&
			    isfinite(iv->bytes));
		assert_true(iv->start_s > prev - 0.011);
		prev = iv->end_s;
	}
	vnx_throughput_align(tp, 1795296000ll * (int64_t)SEC);
	assert_true(tp->method == VNX_ALIGN_NONE || tp->uncertainty_s > 0);
	assert_int_equal(vnx_throughput_series(tp, &grid, out), 0);
	for (size_t i = 0; i < grid.n; i++)
		assert_true(isnan(out[i]) || out[i] >= 0);
}

static void test_mutations(void **state)
{
	static const char *const names[] = {
		"cli.json",       "bidir.cli.json",       "omitted.cli.json", "server_text.json",
		"p4.cli.json",    "v321_contended.jsonl", "plain.txt",        "bidir_p2.txt",
		"omit_p2.txt",    "getserver.txt",        "udp.srv.txt",      "verbose.txt",
		"timestamps.txt", "serverdied.txt",
	};
	const size_t cap = 1 << 17;
	char *buf = malloc(cap);
	size_t parsed = 0;

	for (int round = 0; round < 2000; round++) {
		const char *name = names[round % VNX_ARRAY_SIZE(names)];
		struct vnx_throughput *tp;
		struct vnx_load_lines lines;
		char path[128];
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), FIXTURES "%s", name);
		f = fopen(path, "r");
		assert_non_null(f);
		n = fread(buf, 1, cap / 2, f);
		fclose(f);
		mutate(buf, n, cap - 1);
		lines = lines_of(buf, NULL, 0);
		for (size_t i = 0; round & 1 && i < lines.n; i++)
			lines.v[i].arrival_ns =
				rnd(10) ? ZERO + i * 10000000 : (uint64_t)rnd(9) << 60;
		if (!vnx_throughput_parse(&lines, &tp, &err)) {
			check_sound(tp);
			parsed++;
			vnx_throughput_free(tp);
		}
		vnx_load_lines_fini(&lines);
	}
	free(buf);
	assert_true(parsed > 1000); /* or the mutations only ever broke the first byte */
}

/* What could make a parser slow: deep nesting, many broken documents, one endless line. */
static void test_hostile_sizes(void **state)
{
	const size_t n = 1 << 20;
	static const char *const unit[] = { "{",
					    "{\n",
					    "[",
					    "{\"a\":",
					    "{\"a\":\n{",
					    "\"",
					    "[  5]",
					    "{\"intervals\":[",
					    "{\"intervals\":[\n",
					    "t,bps\n",
					    "t,bps\n0,1\n",
					    "#\n",
					    "txTime,",
					    "txTime,rxTime\n1,2\n",
					    "1,10^6bits/s,",
					    "NETPERF_INTERIM_RESULT[0]=1\n",
					    "Interim result: 1 ",
					    "{\"start\":{},\"error\":\"x\"}\n",
					    "{\"start\":{}}",
					    "20261130121504. " };
	char *buf = malloc(n + 32);

	for (size_t u = 0; u < VNX_ARRAY_SIZE(unit); u++) {
		size_t len = strlen(unit[u]);
		struct vnx_throughput *tp;

		for (size_t at = 0; at < n; at += len)
			memcpy(buf + at, unit[u], len + 1);
		tp = parse(buf, NULL, 0);
		vnx_throughput_free(tp);
	}
	free(buf);
}

/* What the words of a command ask for; a script's variable is not known. */
static void what_a_load_asks_for(void **state)
{
	static const struct {
		const char *command;
		double bps;
	} cases[] = {
		{ "iperf3 -c h -b 200M -t 10", 200e6 },
		{ "ip netns exec peer /usr/bin/iperf3 -c h -b1.5G/10 -P 4", 6e9 },
		{ "iperf3 -c h --bitrate=80m --parallel 2", 160e6 },
		{ "iperf3 -u -c h", 1e6 },
		{ "iperf3 -c h", 0 },
		{ "iperf3 -c h -b 0", 0 },
		{ "sh -c exec iperf3 -c h -b ${RATE}M", 0 },
		{ "netperf -b 10M", 0 },
		{ "iperf3 -b", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(cases); i++)
		assert_true(fabs(vnx_load_asked(cases[i].command) - cases[i].bps) <=
			    1e-6 * cases[i].bps);
	assert_true(vnx_load_asked(NULL) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_load_asks_for),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_text_columns),
		cmocka_unit_test(test_text_that_is_none),
		cmocka_unit_test(test_old_udp_totals),
		cmocka_unit_test(test_json_rules),
		cmocka_unit_test(test_json_surroundings),
		cmocka_unit_test(test_errors_are_told),
		cmocka_unit_test(test_align_by_stamps),
		cmocka_unit_test(test_align_coarse_and_late),
		cmocka_unit_test(test_align_by_timestamp),
		cmocka_unit_test(test_clocks_disagree),
		cmocka_unit_test(test_told_twice),
		cmocka_unit_test(test_two_tests_timestamped),
		cmocka_unit_test(test_views_in_turns),
		cmocka_unit_test(test_streams_of_events_mixed),
		cmocka_unit_test(test_two_tests_stamped),
		cmocka_unit_test(test_server_output_clock),
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_hostile_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
