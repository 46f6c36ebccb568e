// SPDX-License-Identifier: GPL-2.0-only
/* iperf2's text and CSV, and several streams whose sum is not told. */
#include "load_lines.h"

static struct vnx_throughput *read_fixture(const char *name)
{
	struct vnx_throughput *tp = NULL;
	struct vnx_err err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "fixtures/iperf2/%s", name);
	if (vnx_throughput_read_file(path, &tp, &err))
		fail_msg("%s", err.message);
	return tp;
}

static double mean_mbit(const struct vnx_throughput *tp)
{
	double bytes = 0, len = 0;

	for (size_t i = 0; i < tp->intervals.n; i++) {
		bytes += tp->intervals.v[i].bytes;
		len += tp->intervals.v[i].end_s - tp->intervals.v[i].start_s;
	}
	return bytes * 8e-6 / len;
}

/* Every fixture: its intervals without the totals, and the rate that its total tells. */
static void test_fixtures(void **state)
{
	static const struct {
		const char *name, *source;
		size_t n, reverse;
		double mbit;
	} t[] = {
		{ "v2_tcp.txt", "iperf2-sender", 6, 0, 79.7 },
		{ "v2_p3.txt", "iperf2-sender", 3, 0, 60.9 },
		{ "v2_enh.txt", "iperf2-sender", 6, 0, 49.9 },
		{ "v2_enh.srv.txt", "iperf2-receiver", 10, 0, NAN },
		{ "v2_enh_p2.txt", "iperf2-sender", 2, 0, 101 },
		{ "v2_udp.txt", "iperf2-sender", 6, 0, 20.0 },
		{ "v2_udp.srv.txt", "iperf2-receiver", 3, 0, 20.0 },
		{ "v2_udp_enh.txt", "iperf2-sender", 2, 0, 10.0 },
		{ "v2_udp.enh.srv.txt", "iperf2-receiver", 2, 0, 9.96 },
		{ "v2_rev.txt", "iperf2-receiver", 2, 0, 19.7 },
		{ "v2_full.txt", "iperf2-sender", 2, 2, 20.5 },
		{ "v2_tcp.csv", "iperf2", 6, 0, 79.24 },
		{ "v2_tcp.srv.csv", "iperf2", 5, 0, NAN },
		{ "v2_p3.csv", "iperf2", 4, 0, 90.5 },
		{ "v2_udp.csv", "iperf2", 4, 0, 20.01 },
		{ "v2_udp.srv.csv", "iperf2", 2, 0, 20.01 },
		{ "v2_udp_p2.csv", "iperf2", 2, 0, 39.99 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		struct vnx_throughput *tp = read_fixture(t[i].name);

		if (strcmp(tp->source, t[i].source) || tp->intervals.n != t[i].n ||
		    tp->reverse.n != t[i].reverse || tp->dropped || tp->warning || tp->peers.n)
			fail_msg("%s: %s, %zu + %zu intervals, %zu dropped, %zu peers, warning %s",
				 t[i].name, tp->source, tp->intervals.n, tp->reverse.n, tp->dropped,
				 tp->peers.n, tp->warning);
		if (!isnan(t[i].mbit))
			assert_near(mean_mbit(tp), t[i].mbit, 0.03);
		vnx_throughput_free(tp);
	}
}

/* What -e tells beside the bytes. */
static void test_enhanced(void **state)
{
	struct vnx_throughput *tp = read_fixture("v2_enh.txt");
	size_t seen[VNX_METRIC_MAX] = { 0 };

	for (size_t i = 0; i < tp->extras.n; i++)
		seen[tp->extras.v[i].metric]++;
	assert_true(seen[VNX_LOAD_RETRANS] == 6 && seen[VNX_LOAD_RTT] == 6 &&
		    seen[VNX_LOAD_CWND] == 6);
	vnx_throughput_free(tp);
}

#define LINE(id, from, to, rate) "[ " id "]  " from "-" to " sec  0.00 Bytes  " rate " Mbits/sec\n"
#define TOOL "Client connecting to 192.0.2.1, TCP port 5001\n"

/* 2.0's columns, in which a total is marked by nothing either. */
static void test_old_columns(void **state)
{
	struct vnx_throughput *tp = parse_load(
		TOOL
		"[  3] local 192.0.2.2 port 1 connected with 192.0.2.1 port 5001\n"
		"[ ID] Interval       Transfer     Bandwidth\n" LINE(" 3", " 0.0", " 1.0", "940")
			LINE(" 3", " 1.0", " 2.0", "941") LINE(" 3", " 0.0", " 2.0", "940"));

	assert_string_equal(tp->source, "iperf2-sender");
	assert_int_equal(tp->intervals.n, 2);
	assert_near(mean_mbit(tp), 940.5, 1e-6);
	vnx_throughput_free(tp);
}

/* The sum of the streams, or a reason; never a part of it. */
static void test_streams(void **state)
{
	struct vnx_throughput *tp = parse_load(
		LINE(" 5", "0.00", "1.00", "200") LINE(" 7", "0.00", "1.00", "100")
			LINE(" 7", "1.00", "2.01", "100") LINE(" 5", "1.00", "2.00", "200")
				LINE(" 5", "2.00", "3.00", "200") LINE(" 7", "2.01", "3.00", "100")
					LINE(" 5", "3.00", "4.00", "200"));

	/* of the last interval one stream was not told */
	assert_int_equal(tp->intervals.n, 3);
	assert_int_equal(tp->dropped, 1);
	assert_near(mean_mbit(tp), 300, 0.01);
	vnx_throughput_free(tp);
	check_complaint(LINE(" 5", "0.00", "1.00", "200") LINE(" 5", "0.00", "1.00", "100")
				LINE(" 5", "1.00", "2.00", "200") LINE(" 5", "1.00", "2.00", "100")
					LINE(" 5", "2.00", "3.00", "200")
						LINE(" 5", "2.00", "3.00", "100"),
			"more than one test");
	check_complaint(LINE(" 5", "0.00", "1.00", "200") LINE(" 7", "0.50", "1.50", "100")
				LINE(" 5", "1.00", "2.00", "200") LINE(" 7", "1.50", "2.50", "100"),
			"no sum");
}

/* More than can be told apart are refused, for the sum of some of them is none. */
static void test_many_streams(void **state)
{
	static const struct {
		int streams;
		bool csv;
		const char *why; /* NULL: read */
	} t[] = { { 2000, false, NULL },
		  { 4096, true, NULL },
		  { 4097, true, "more than 4096 streams" } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		for (int k = 0; k < 2 * t[i].streams; k++) {
			int from = k / t[i].streams, id = k % t[i].streams;

			if (t[i].csv)
				fprintf(f,
					"2026113012150%d,a,%d,b,5001,1,%d.0-%d.0,125000,1000000\n",
					from + 1, id, from, from + 1);
			else
				fprintf(f, "[%d] %d.00-%d.00 sec 0.12 MBytes 1.00 Mbits/sec\n",
					id + 3, from, from + 1);
		}
		fclose(f);
		if (t[i].why) {
			check_complaint(text, t[i].why);
		} else {
			struct vnx_throughput *tp = parse_load(text);

			assert_int_equal(tp->intervals.n, 2);
			assert_near(mean_mbit(tp), t[i].streams, 1e-6);
			vnx_throughput_free(tp);
		}
		free(text);
	}
}

/* Two clients of one server, one begun later: their times count from different zeros. */
static void test_clients_mixed(void **state)
{
#define CONNECTED(id) "[  " id "] local 192.0.2.1 port 5001 connected with 192.0.2.2 port 4" id "\n"
	check_complaint(
		"Server listening on TCP port 5001\n" CONNECTED("4") LINE(" 4", "0.0", "1.0", "100")
			CONNECTED("5") LINE(" 4", "1.0", "2.0", "100")
				LINE(" 5", "0.0", "1.0", "200") LINE(" 4", "2.0", "3.0", "100")
					LINE(" 5", "1.0", "2.0", "200"),
		"how far apart they began");
	/* the same lines with their arrivals are two flows */
	check_complaint(TOOL LINE(" 3", "0.0", "1.0", "100") LINE(" 3", "1.0", "2.0", "100")
				TOOL LINE(" 3", "0.0", "1.0", "100")
					LINE(" 3", "1.0", "2.0", "100"),
			"whether they ran at once");
}

static void test_stamped_clients_are_flows(void **state)
{
	static const char *const text[] = {
		"Server listening on TCP port 5001",
		"[  4] local 192.0.2.1 port 5001 connected with 192.0.2.2 port 44",
		"[  4]  0.0- 1.0 sec  0.00 Bytes  100 Mbits/sec",
		"[  5] local 192.0.2.1 port 5001 connected with 192.0.2.2 port 45",
		"[  4]  1.0- 2.0 sec  0.00 Bytes  100 Mbits/sec",
		"[  5]  0.0- 1.0 sec  0.00 Bytes  200 Mbits/sec",
		"[  4]  2.0- 3.0 sec  0.00 Bytes  100 Mbits/sec",
		"[  5]  1.0- 2.0 sec  0.00 Bytes  200 Mbits/sec",
	};
	static const double at[] = { 0, 0, 1, 1.2, 2, 2.2, 3, 3.2 };
	struct vnx_load_lines lines = { 0 };
	struct vnx_throughput *tp = NULL;
	struct vnx_err err = { 0 };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(text); i++) {
		struct vnx_load_line line = { (uint64_t)((100 + at[i]) * 1e9), strdup(text[i]) };

		assert_int_equal(vnx_vec_push(&lines, line), 0);
	}
	assert_int_equal(vnx_throughput_parse(&lines, &tp, &err), 0);
	assert_string_equal(tp->source, "iperf2-receiver");
	assert_int_equal(tp->intervals.n, 3);
	assert_int_equal(tp->peers.n, 1);
	assert_int_equal(tp->peers.v[0]->intervals.n, 2);
	assert_near(tp->peers.v[0]->intervals.v[0].start_s, 1.2, 1e-6);
	vnx_throughput_align(tp, INT64_MIN);
	assert_true(tp->peers.v[0]->zero_ns == tp->zero_ns);
	vnx_throughput_free(tp);
	vnx_load_lines_fini(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_enhanced),
		cmocka_unit_test(test_old_columns),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_many_streams),
		cmocka_unit_test(test_clients_mixed),
		cmocka_unit_test(test_stamped_clients_are_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
