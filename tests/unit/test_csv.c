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

static void test_bad_rows(void **state)
{
	struct vnx_throughput *tp =
		parse_load("t,bps\n0,8\n1,x\n2\n3,nan\n4,-8\n5,8 8\n0.5,8\n1,8\n1,8\n0.2,8\n2,8\n");

	assert_int_equal(tp->intervals.n, 4);
	assert_int_equal(tp->dropped, 7);
	assert_non_null(strstr(tp->warning, "line 3: \"x\" is no number (7 such"));
	vnx_throughput_free(tp);
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
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
