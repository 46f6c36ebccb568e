// SPDX-License-Identifier: GPL-2.0-only
/* A table of times and rates: which columns, which unit, where an interval begins and ends. */
#include "load_lines.h"

/* The first interval and its rate in bit/s. */
static void check_first(const char *text, double start_s, double end_s, double rate_bps)
{
	struct vnx_throughput *tp = parse_load(text);
	const struct vnx_interval *iv = tp->intervals.v;

	assert_string_equal(tp->source, "csv");
	assert_true(tp->intervals.n >= 2);
	if (!(fabs(iv->start_s - start_s) < 1e-9 && fabs(iv->end_s - end_s) < 1e-9))
		fail_msg("%g to %g is not %g to %g of %s", iv->start_s, iv->end_s, start_s, end_s,
			 text);
	assert_near(iv->bytes * 8 / (iv->end_s - iv->start_s), rate_bps, 1e-9);
	vnx_throughput_free(tp);
}

static void test_rates(void **state)
{
	static const struct {
		const char *name;
		double bps; /* of a 5 there, over half a second */
	} t[] = {
		{ "bps", 5 },
		{ "bits_per_second", 5 },
		{ "bit/s", 5 },
		{ "throughput", 5 },
		{ "kbps", 5e3 },
		{ "mbps", 5e6 },
		{ "Mbit/s", 5e6 },
		{ "Mbits/s", 5e6 },
		{ "Gbps", 5e9 },
		{ "Throughput (Mbit/s)", 5e6 },
		{ "\"Throughput [Mbit/s]\"", 5e6 },
		{ "throughput_bps", 5 },
		{ "bytes_per_second", 40 },
		{ "bytes", 80 },
		{ "bits", 10 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		char text[128];

		snprintf(text, sizeof(text), "time,%s\n0,5\n0.5,5\n1,5\n", t[i].name);
		check_first(text, 0, 0.5, t[i].bps);
	}
}

static void test_times(void **state)
{
	/* a first time of 0 cannot be an end; one of a step is the first end; others may be either
	 */
	check_first("t,bps\n0,8\n0.5,8\n", 0, 0.5, 8);
	check_first("t,bps\n0.5,8\n1.0,8\n", 0, 0.5, 8);
	check_first("seconds,bps\n10,8\n11,8\n12,8\n", 9, 10, 8);
	check_first("time_ms,bps\n0,8\n500,8\n1000,8\n", 0, 0.5, 8);
	check_first("t_ns,bps\n0,8\n500000000,8\n", 0, 0.5, 8);
	check_first("Time (ms),bps\n0,8\n500,8\n1000,8\n", 0, 0.5, 8);
	check_first("start,bps\n3,8\n4,8\n", 3, 4, 8);
	check_first("end,bps\n3,8\n4,8\n", 2, 3, 8);
	check_first("start,end,seconds,bytes\n3,3.5,0.5,8\n4,5,1,8\n", 3, 3.5, 128);
	/* other separators, quotes, remarks, byte-order mark, other columns */
	check_first("t;bps\n0;8\n0.5;8\n", 0, 0.5, 8);
	check_first("t\tbps\n0\t8\n0.5\t8\n", 0, 0.5, 8);
	check_first("# by hand\n\n\"vm\",\"t\",\"bps\"\n\"a,b\",\"0\",\"8\"\nc,0.5,8\n", 0, 0.5, 8);
	check_first("#t,bps\n0,8\n0.5,8\n", 0, 0.5, 8);
	check_first("\xef\xbb\xbft,bps\r\n0,8\r\n0.5,8\r\n", 0, 0.5, 8);
	check_first("started the load\nt,bps\n0,8\n0.5,8\n", 0, 0.5, 8);
}

static void test_doubt_about_the_edge(void **state)
{
	struct vnx_throughput *tp = parse_load("time,bps\n10,8\n11,8\n12,8\n");

	assert_true(tp->slack_s == 1);
	vnx_throughput_offset(tp, 0);
	assert_true(tp->uncertainty_s >= 1);
	vnx_throughput_free(tp);
	tp = parse_load("end,bps\n10,8\n11,8\n12,8\n");
	assert_true(tp->slack_s == 0);
	vnx_throughput_free(tp);
}

static void test_wall_clock(void **state)
{
	struct vnx_throughput *tp =
		parse_load("end,bps\n1405034256.5,8\n1405034257.0,8\n1405034257.5,8\n");

	assert_true(fabs(tp->timestamp_s - 1405034256) < 1e-6);
	assert_true(tp->intervals.v[0].start_s == 0);
	vnx_throughput_align(tp, 1405034256000000000ll - 7ll * (int64_t)VNX_NSEC_PER_SEC);
	assert_int_equal(tp->method, VNX_ALIGN_TIMESTAMP);
	assert_true(fabs((double)tp->zero_ns / 1e9 - 7) < 0.002 && tp->uncertainty_s < 0.002);
	vnx_throughput_free(tp);
	/* whole seconds were cut */
	tp = parse_load("end,bps\n1405034256,8\n1405034257,8\n1405034258,8\n");
	vnx_throughput_align(tp, 1405034255000000000ll - 7ll * (int64_t)VNX_NSEC_PER_SEC);
	assert_true(tp->uncertainty_s >= 0.5);
	vnx_throughput_free(tp);
}

/* Rows that are missing leave a hole; an amount that may be of all that time is left out. */
static void test_gaps(void **state)
{
	struct vnx_throughput *tp = parse_load("start,bps\n0,8\n1,8\n2,8\n3,8\n60,8\n61,8\n");

	assert_int_equal(tp->intervals.n, 6);
	assert_true(tp->intervals.v[3].end_s == 4);
	vnx_throughput_free(tp);
	tp = parse_load("end,bytes\n1,8\n2,8\n3,8\n4,8\n60,8\n61,8\n");
	assert_int_equal(tp->intervals.n, 5);
	assert_int_equal(tp->dropped, 1);
	vnx_throughput_free(tp);
	/* late and merged rows are as true as any */
	tp = parse_load("end,bytes\n1,8\n2,8\n3,8\n5.5,20\n6,4\n7,8\n8,8\n");
	assert_int_equal(tp->intervals.n, 7);
	assert_true(tp->intervals.v[3].start_s == 3 && tp->intervals.v[3].end_s == 5.5);
	vnx_throughput_free(tp);
}

static void check_rates(const char *text, double first_s, size_t n, double mbit)
{
	struct vnx_throughput *tp = parse_load(text);

	if (tp->intervals.n != n)
		fail_msg("%zu intervals of %s", tp->intervals.n, text);
	for (size_t i = 0; i < n; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];

		assert_near(iv->bytes * 8 / (iv->end_s - iv->start_s), mbit * 1e6, 1e-9);
	}
	if (!isnan(first_s))
		assert_true(fabs(tp->timestamp_s - first_s) < 1e-6);
	vnx_throughput_free(tp);
}

/* 2024-05-01T10:00:00Z is 1714557600. */
static void test_iso_times(void **state)
{
	check_rates("start,mbps\n2024-05-01T10:00:00Z,8\n2024-05-01T10:00:01Z,8\n", 1714557600, 2,
		    8);
	check_rates("start,mbps\n2024-05-01 12:00:00.25+02:00,8\n2024-05-01 12:00:00.75+02:00,8\n",
		    1714557600.25, 2, 8);
	check_rates("start;mbps\n2024-05-01T04:30:00,5-0530;8\n2024-05-01T04:30:01,5-0530;8\n",
		    1714557600.5, 2, 8);
	check_rates("start,mbps\n2024-05-01 10:00:00 UTC,8\n2024-05-01 10:00:01 UTC,8\n",
		    1714557600, 2, 8);
	/* a zone that nobody names places nothing */
	struct vnx_throughput *tp =
		parse_load("start,mbps\n2024-05-01T10:00:00,8\n2024-05-01T10:00:01,8\n");

	assert_true(isnan(tp->timestamp_s) && tp->intervals.n == 2 && tp->own_zero_s == 0);
	vnx_throughput_free(tp);
	check_rates("start,mbps\n10:00:00.5,8\n10:00:01.5,8\n", NAN, 2, 8);
	check_complaint("time,bps\n2024-13-01T10:00:00Z,8\n2024-13-01T10:00:01Z,8\n",
			"line 2: \"2024-13-01T10:00:00Z\" is no time");
	check_complaint("time,bps\nyesterday,8\ntoday,8\n", "line 2: \"yesterday\" is no time");
}

static void test_decimal_commas(void **state)
{
	check_rates("start;Mbit/s\n0;12,5\n0,5;12,5\n1;12,5\n", NAN, 3, 12.5);
	check_rates("start\tThroughput (Mbits/sec)\n0\t12,5\n0,5\t12,5\n", NAN, 2, 12.5);
	check_rates("start,MiB/s\n0,\"0,5\"\n1,\"0,5\"\n", NAN, 2, 4.194304);
	check_complaint("start,mbps\n0,0,12,5\n0,5,12,5\n",
			"line 2: it has 4 fields and the first row names 2: decimal commas");
	/* thousands or decimals? */
	check_complaint("start,mbps\n0,\"1,234\"\n1,\"1,234\"\n", "\"1,234\" is no number");
	check_rates("start;mbps\n0;1,234\n1;1,234\n", NAN, 2, 1.234);
	check_complaint("start;mbps\n0;1.234,5\n1;1.234,5\n", "line 2: \"1.234,5\" is no number");
}

/* Bytes that only grow: what each row adds, and where they begin anew nothing. */
static void test_counters(void **state)
{
	struct vnx_throughput *tp;

	check_rates("time,bytes_total\n0,5000000\n1,6000000\n2,7000000\n", NAN, 2, 8);
	tp = parse_load("time,bytes_total\n0,5000000\n1,6000000\n2,100\n3,1000100\n");
	assert_int_equal(tp->intervals.n, 2);
	assert_true(tp->intervals.v[1].start_s - tp->intervals.v[0].start_s == 2);
	assert_non_null(strstr(tp->note, "counter"));
	vnx_throughput_free(tp);
	/* not named as one, but no interval's amount is like that */
	check_rates("time,bytes\n1,7\n2,1000007\n3,2000007\n4,3000007\n5,4000007\n6,5000007\n"
		    "7,6000007\n8,7000007\n9,8000007\n10,9000007\n",
		    NAN, 9, 8);
	check_rates("time,bytes\n1,1000000\n2,1000000\n3,1000000\n4,1000000\n5,1000000\n"
		    "6,1000000\n7,1000000\n8,1000000\n9,1000000\n10,1000000\n",
		    NAN, 10, 8);
	/* a counter since the host began, or a rate that rises */
	check_complaint("time,bytes\n1,100\n2,101\n3,102\n4,103\n5,104\n6,105\n7,106\n8,107\n"
			"9,108\n10,109\n",
			"its amounts only grow, from 100 to 109");
}

/* What is known beside a row without a value does not reach into it. */
static void test_bad_rows(void **state)
{
	struct vnx_throughput *tp = parse_load("t,bps\n0,8\n1,x\n2\n3,nan\n4,-8\n5,8 8\n6,8\n7,8\n"
					       "7,8\n8,8\n");

	assert_int_equal(tp->intervals.n, 4);
	assert_true(tp->intervals.v[0].end_s == 1 && tp->intervals.v[1].start_s == 6);
	assert_int_equal(tp->dropped, 6);
	assert_non_null(strstr(tp->warning, "line 3: \"x\" is no number (6 such"));
	vnx_throughput_free(tp);
	check_complaint("t,bps\n0,x\n1,x\n2,x\n", "line 2: \"x\" is no number");
}

/* Rows of several flows in one table: a part of what was moved is not told as all of it. */
static void test_several_flows(void **state)
{
	check_complaint(
		"time,host,bps\n0,a,8\n0,b,8\n1,a,8\n1,b,8\n2,a,8\n2,b,8\n",
		"3 rows do not go forward in time, beside 3 that do: this is more than one flow");
	check_complaint("time,bps\n0,8\n1,8\n2,8\n0,8\n1,8\n2,8\n", "3 rows do not go forward");
	check_complaint("time,bps\n3,8\n2,8\n1,8\n", "or out of order");
}

static void test_midnight(void **state)
{
	check_rates("start,mbps\n23:59:58,8\n23:59:59,8\n00:00:00,8\n00:00:01,8\n", NAN, 4, 8);
}

/* More than any host moves: a number gone wrong, of which no mean is made. */
static void test_absurd_rates(void **state)
{
	check_rates("start,mbps\n0,8\n1,1e18\n2,8\n3,1e300\n4,8\n", NAN, 3, 8);
}

static void test_complaints(void **state)
{
	check_complaint("time,bps,bytes\n0,8,8\n1,8,8\n",
			"\"bps\" and \"bytes\" could be the rate");
	check_complaint("time,timestamp,bps\n0,8,8\n1,8,8\n",
			"\"time\" and \"timestamp\" could be the time");
	check_complaint("time,load\n0,8\n1,8\n",
			"line 1: no column of this table is named as a rate");
	check_complaint("when,bps\n0,8\n1,8\n", "no column of this table is named as a time");
	/* bytes or bits? */
	check_complaint("time,MBps\n0,8\n1,8\n", "named as a rate");
	check_complaint("time,MB/s\n0,8\n1,8\n", "named as a rate");
	check_complaint("# nothing\n0,8\n1,8\n",
			"line 2: no column of this table is named as time");
	check_complaint("vm,bin,start_s,metric,value\n", "no load generator's output");
	check_complaint("a,b\nc,d\n", "no load generator's output");
	check_complaint("\n\n \n", "is empty");
}

static void test_one_row(void **state)
{
	struct vnx_throughput *tp;
	struct vnx_err err;

	assert_int_equal(read_load("t,bps\n0,8\n", &tp, &err), -ENODATA);
	assert_non_null(strstr(err.message, "one row"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_doubt_about_the_edge),
		cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_iso_times),
		cmocka_unit_test(test_decimal_commas),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_several_flows),
		cmocka_unit_test(test_midnight),
		cmocka_unit_test(test_absurd_rates),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
