// SPDX-License-Identifier: GPL-2.0-only
/* sockperf's full log: latency, and no throughput. */
#include "load_lines.h"

static struct vnx_throughput *read_fixture(const char *path)
{
	struct vnx_throughput *tp;
	struct vnx_err err = { 0 };

	if (vnx_throughput_read_file(path, &tp, &err))
		fail_msg("%s", err.message);
	return tp;
}

/* sockperf's own summary stands in the same file. */
static void test_fixtures(void **state)
{
	struct vnx_throughput *tp = read_fixture("fixtures/sockperf/underload.csv");

	assert_string_equal(tp->source, "sockperf");
	assert_int_equal(tp->intervals.n, 0);
	assert_int_equal(tp->latency.n, 110);
	assert_false(tp->latency.round_trip);
	assert_near(tp->latency.p50_s, 9.539e-6, 1e-2);
	assert_near(tp->latency.p99_s, 17.43e-6, 1e-2);
	assert_null(tp->warning);
	assert_non_null(strstr(tp->note, "no throughput to correlate"));
	vnx_throughput_free(tp);

	tp = read_fixture("fixtures/sockperf/pingpong-rtt.csv");
	assert_int_equal(tp->latency.n, 109);
	assert_true(tp->latency.round_trip);
	assert_near(tp->latency.p50_s, 193.115e-6, 1e-2);
	assert_near(tp->latency.v[0].start_s, 2.406502723, 1e-12);
	vnx_throughput_free(tp);
}

/* Before 3.0 there was no column of latencies. */
static void test_old_form(void **state)
{
	struct vnx_throughput *tp = parse_load("------------------------------\n"
					       "txTime, rxTime\n"
					       "1.000000000, 1.000020000\n"
					       "1.100000000, 1.100040000\n"
					       "------------------------------\n");

	assert_int_equal(tp->latency.n, 2);
	assert_true(tp->latency.round_trip);
	assert_near(tp->latency.p50_s, 30e-6, 1e-6);
	vnx_throughput_free(tp);
}

/* As a log keeps it: with its own words in front, commas among them. */
static void test_behind_a_prefix(void **state)
{
	struct vnx_throughput *tp =
		parse_load("12:00:00,123 pod txTime, rxTime\n12:00:00,124 pod 1.0, 1.00002\n"
			   "12:00:00,125 pod 1.5, 1.50004\n12:00:00,125 pod ------------------\n");

	assert_int_equal(tp->latency.n, 2);
	assert_true(tp->latency.v[1].start_s == 1.5);
	vnx_throughput_free(tp);
}

static void test_damaged(void **state)
{
	struct vnx_throughput *tp =
		parse_load("packet, txTime(sec), rxTime(sec), latency(usec)\n"
			   "0, 1.0, 1.1, 10.0\n1, 1.2, x, 10.0\n2, 1.3, 1.4, -3\n3, 1.5\n"
			   "4, 1.6, 1.7, nan\n5, 1.6, 1.7, 20.0\n");

	assert_int_equal(tp->latency.n, 2);
	assert_int_equal(tp->dropped, 4);
	assert_non_null(strstr(tp->warning, "line 3"));
	vnx_throughput_free(tp);
	check_complaint("sockperf: == version #3.7 ==\nsockperf: Summary: Latency is 10 usec\n",
			"--full-log");
}

static void test_nothing_to_align(void **state)
{
	struct vnx_throughput *tp = read_fixture("fixtures/sockperf/underload.csv");
	struct vnx_grid grid = { VNX_NSEC_PER_SEC, VNX_NSEC_PER_SEC, 3 };
	double y[3];

	vnx_throughput_align(tp, 1405034255000000000ll);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
	assert_true(isnan(y[0]) && isnan(y[2]));
	vnx_throughput_free(tp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixtures),         cmocka_unit_test(test_old_form),
		cmocka_unit_test(test_behind_a_prefix),  cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_nothing_to_align),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
