// SPDX-License-Identifier: GPL-2.0-only
/* netperf's interim results in the three forms its source prints them. */
#include "load_lines.h"

#include <math.h>

#define TITLE                                                                            \
	"MIGRATED TCP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 10.0.0.1 () " \
	"port 0 AF_INET : demo\n"
#define HUMAN(rate, over, end) \
	"Interim result: " rate " 10^6bits/s over " over " seconds ending at " end "\n"

static void test_classic(void **state)
{
	struct vnx_throughput *tp = parse_load(
		TITLE HUMAN("9386.91", "1.000", "1405034256.123")
			HUMAN(" 100.00", "1.001", "1405034257.124") "Recv   Send\n 87380  16384\n");

	assert_non_null(tp);
	assert_string_equal(tp->source, "netperf-sender");
	assert_false(tp->is_reverse);
	assert_int_equal(tp->intervals.n, 2);
	assert_true(fabs(tp->timestamp_s - 1405034255.123) < 1e-6);
	assert_true(tp->intervals.v[0].start_s == 0);
	assert_true(fabs(tp->intervals.v[1].end_s - 2.001) < 1e-6);
	/* the second begins where the first ended */
	assert_true(tp->intervals.v[1].start_s == tp->intervals.v[0].end_s);
	assert_near(tp->intervals.v[0].bytes, 9386.91e6 / 8, 1e-6);
	assert_near(tp->intervals.v[1].bytes, 100e6 / 8 * 1.001, 1e-6);
	assert_null(tp->warning);
	vnx_throughput_free(tp);
}

static void test_keywords(void **state)
{
	struct vnx_throughput *tp =
		parse_load("NETPERF_INTERIM_RESULT[0]=8.00\nNETPERF_UNITS[0]=MBytes/s\n"
			   "NETPERF_INTERVAL[0]=0.500\nNETPERF_ENDING[0]=1405034256.500\n"
			   "NETPERF_INTERIM_RESULT[1]=4.00\nNETPERF_UNITS[1]=MBytes/s\n"
			   "NETPERF_INTERVAL[1]=0.500\nNETPERF_ENDING[1]=1405034257.000\n"
			   /* cut short */
			   "NETPERF_INTERIM_RESULT[2]=4.00\nNETPERF_UNITS[2]=MBytes/s\n");

	assert_non_null(tp);
	assert_int_equal(tp->intervals.n, 2);
	assert_near(tp->intervals.v[0].bytes, 4 * 1024 * 1024, 1e-6);
	assert_near(tp->intervals.v[1].bytes, 2 * 1024 * 1024, 1e-6);
	vnx_throughput_free(tp);
}

static void test_commas(void **state)
{
	struct vnx_throughput *tp = parse_load(" 800.00,10^3bits/s,0.500,1405034256.500\n"
					       "1600.00,10^3bits/s,0.500,1405034257.000\n");

	assert_non_null(tp);
	assert_int_equal(tp->intervals.n, 2);
	assert_near(tp->intervals.v[1].bytes, 1600e3 / 8 * 0.5, 1e-6);
	vnx_throughput_free(tp);
}

static void test_units(void **state)
{
	static const struct {
		const char *unit;
		double bytes;
	} t[] = {
		{ "10^0bits", 1 / 8. }, { "10^3bits", 125 },      { "10^6bits", 125e3 },
		{ "10^9bits", 125e6 },  { "Bytes", 1 },           { "KBytes", 1024 },
		{ "MBytes", 1048576 },  { "GBytes", 1073741824 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		struct vnx_throughput *tp;
		char line[128];

		snprintf(line, sizeof(line),
			 "Interim result: 3 %s/s over 2.0 seconds ending at 1405034256.1",
			 t[i].unit);
		tp = parse_load(line);
		assert_non_null(tp);
		assert_near(tp->intervals.v[0].bytes, 6 * t[i].bytes, 1e-6);
		vnx_throughput_free(tp);
	}
}

static void test_receiving(void **state)
{
	struct vnx_throughput *tp =
		parse_load("MIGRATED TCP MAERTS TEST from 0.0.0.0 port 0 AF_INET to h\n" HUMAN(
			"10.0", "1.0", "1405034256.123"));

	assert_string_equal(tp->source, "netperf-receiver");
	assert_true(tp->is_reverse);
	vnx_throughput_free(tp);
}

/* A pause leaves a hole, one that goes back in time is dropped. */
static void test_gap_and_step_back(void **state)
{
	struct vnx_throughput *tp = parse_load(
		HUMAN("10.0", "1.0", "1405034256.000") HUMAN("10.0", "1.0", "1405034258.000")
			HUMAN("10.0", "1.0", "1405034257.500")
				HUMAN("-10.0", "1.0", "1405034260.000")
					HUMAN("10.0", "0.0", "1405034261.000")
						HUMAN("10.0", "1.0", "1405034262.000"));

	assert_int_equal(tp->intervals.n, 3);
	assert_int_equal(tp->dropped, 3);
	assert_near(tp->intervals.v[1].start_s, 2, 1e-6);
	assert_near(tp->intervals.v[2].start_s, 6, 1e-6);
	vnx_throughput_free(tp);
}

/* Two at once in one log, each behind its name: two flows, of one clock. */
static void test_two_at_once(void **state)
{
	struct vnx_throughput *tp = parse_load(
		"a | " HUMAN("10.0", "1.0", "1405034256.000") "b | " HUMAN("5.0", "1.0", "1405034256.100") "a | " HUMAN(
			"10.0", "1.0",
			"1405034257.000") "b | " HUMAN("5.0", "1.0",
						       "1405034257.100") "a | " HUMAN("10.0", "1.0",
										      "1405034258.000") "b | " HUMAN("5.0",
														     "1.0",
														     "1405034258.100"));

	assert_int_equal(tp->intervals.n, 3);
	assert_int_equal(tp->dropped, 0);
	assert_int_equal(tp->peers.n, 1);
	assert_int_equal(tp->peers.v[0]->intervals.n, 3);
	assert_near(tp->peers.v[0]->intervals.v[0].start_s, 0.1, 1e-3);
	assert_near(tp->peers.v[0]->intervals.v[2].bytes, 5e6 / 8, 1e-6);
	vnx_throughput_free(tp);
	tp = parse_load("10:00:01 host x[1]: 800.00,10^3bits/s,0.500,1405034256.500\n"
			"10:00:02 host x[1]: 800.00,10^3bits/s,0.500,1405034257.000\n");
	assert_int_equal(tp->intervals.n, 2);
	vnx_throughput_free(tp);
}

static void test_complaints(void **state)
{
	check_complaint(TITLE "Recv   Send    Send\n 87380  16384  16384    10.00    9386.91\n",
			"no interim results");
	check_complaint("Interim result: 23.4 Trans/s over 1.0 seconds ending at 1405034256.1\n",
			"line 1: netperf counts in \"Trans/s\"");
	check_complaint(TITLE "Interim result: 9386.91 10^6bits/s over 1.0", "line 2: ");
}

/* Its own ends are the wall clock: the place is known to a millisecond. */
static void test_place(void **state)
{
	const int64_t r_m = 1405034255000000000ll - 5000ll * (int64_t)VNX_NSEC_PER_SEC;
	struct vnx_throughput *tp = parse_load(HUMAN("10.0", "1.0", "1405034256.000"));

	vnx_throughput_align(tp, r_m);
	assert_int_equal(tp->method, VNX_ALIGN_TIMESTAMP);
	assert_true(fabs((double)tp->zero_ns / 1e9 - 5000) <= tp->uncertainty_s + 1e-6);
	assert_true(tp->uncertainty_s > 0 && tp->uncertainty_s < 0.002);
	/* nothing known: its own times plus the offset */
	vnx_throughput_align(tp, INT64_MIN);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	vnx_throughput_offset(tp, -1405034250ll * (int64_t)VNX_NSEC_PER_SEC);
	assert_int_equal(tp->method, VNX_ALIGN_GIVEN);
	assert_true(fabs((double)tp->zero_ns / 1e9 - 5) < 1e-6);
	vnx_throughput_free(tp);
	/* from before the machine was started */
	tp = parse_load(HUMAN("10.0", "1.0", "1405034256.000"));
	vnx_throughput_align(tp, 1505034256000000000ll);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	assert_non_null(strstr(tp->warning, "before the trace's clock"));
	vnx_throughput_free(tp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classic),     cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_commas),      cmocka_unit_test(test_units),
		cmocka_unit_test(test_receiving),   cmocka_unit_test(test_gap_and_step_back),
		cmocka_unit_test(test_two_at_once), cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
