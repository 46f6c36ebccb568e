// SPDX-License-Identifier: GPL-2.0-only
/* What iperf3's intervals tell beside the bytes: retransmits, windows, lost datagrams. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "cli/input/throughput/throughput.h"

#define FIXTURES "fixtures/iperf3/"
#define BIN_NS (VNX_NSEC_PER_SEC / 2)
#define ZERO_NS (100 * VNX_NSEC_PER_SEC)
#define BINS 48

static struct vnx_err err;
static const struct vnx_grid grid = { .start_ns = ZERO_NS, .bin_ns = BIN_NS, .n = BINS };

static struct vnx_throughput *read_file(const char *name)
{
	struct vnx_throughput *tp = NULL;
	char path[256];

	snprintf(path, sizeof(path), FIXTURES "%s", name);
	if (vnx_throughput_read_file(path, &tp, &err))
		fail_msg("%s: %s", name, err.message);
	vnx_throughput_offset(tp, (int64_t)ZERO_NS - (int64_t)llround(tp->own_zero_s * 1e9));
	return tp;
}

static struct vnx_throughput *parse(const char *text)
{
	struct vnx_load_lines lines = { 0 };
	struct vnx_throughput *tp = NULL;

	while (*text) {
		size_t n = strcspn(text, "\n");
		struct vnx_load_line line = { .text = strndup(text, n) };

		assert_int_equal(vnx_vec_push(&lines, line), 0);
		text += n + (text[n] == '\n');
	}
	assert_int_equal(vnx_throughput_parse(&lines, &tp, &err), 0);
	vnx_load_lines_fini(&lines);
	vnx_throughput_offset(tp, ZERO_NS);
	return tp;
}

static double total(const struct vnx_throughput *tp, enum vnx_metric metric)
{
	double s = 0;

	for (size_t i = 0; i < tp->extras.n; i++)
		s += tp->extras.v[i].metric == metric ? tp->extras.v[i].value : 0;
	return s;
}

/* Sums over the run by a reading of each file; -1: not told. */
static void test_totals(void **state)
{
	static const struct {
		const char *name;
		double retrans, lost, first_cwnd, first_rtt_us;
	} t[] = {
		{ "cli.json", 21, -1, 916762. / 32768, 42 },
		{ "p4.cli.json", 1, -1, 4190912. / 32768, 239.25 },
		{ "bidir.cli.json", 6, -1, 2226422. / 32768, 7002 },
		{ "bidir.srv.json", -1, -1, -1, -1 },
		{ "interrupted.json", 10, -1, 1178694. / 32768, 120 },
		{ "omitted.cli.json", 0, -1, 916762. / 32768, 106 },
		{ "server_text.json", 0, -1, 2357388. / 32768, 235 },
		{ "reverse.json", -1, -1, -1, -1 },
		{ "udp.srv.json", -1, 0, -1, -1 },
		{ "udp.cli.json", -1, -1, -1, -1 },
		{ "udp_reverse.json", -1, 0, -1, -1 },
		{ "plain.txt", 1, -1, -1, -1 },
		{ "verbose.txt", 4, -1, 767. / 32, -1 },
		{ "p4.txt", 55, -1, -1, -1 },
		{ "bidir.txt", 5, -1, -1, -1 },
		{ "getserver.txt", 6, -1, -1, -1 },
		{ "udp.txt", -1, -1, -1, -1 },
		{ "udp_reverse.txt", -1, 0, -1, -1 },
		{ "udp.srv.txt", -1, 0, -1, -1 },
		{ "reverse.srv.txt", 22, -1, -1, -1 },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		struct vnx_throughput *tp = read_file(t[i].name);
		const struct {
			enum vnx_metric metric;
			double want;
			bool first;
		} rows[] = { { VNX_LOAD_RETRANS, t[i].retrans, false },
			     { VNX_LOAD_LOST, t[i].lost, false },
			     { VNX_LOAD_CWND, t[i].first_cwnd, true },
			     { VNX_LOAD_RTT, t[i].first_rtt_us, true } };

		for (size_t k = 0; k < VNX_ARRAY_SIZE(rows); k++) {
			double out[BINS], got;
			int ret = vnx_throughput_extra(tp, &grid, rows[k].metric, out);

			got = ret ? -1 : rows[k].first ? out[0] : total(tp, rows[k].metric);
			assert_int_equal(ret, rows[k].want < 0 ? -ENODATA : 0);
			/* Counts as told; a level of the first bin may have some of the next. */
			if (fabs(got - rows[k].want) > (rows[k].first ? 0.02 : 0) * fabs(got))
				fail_msg("%s: %s %g, not %g", t[i].name,
					 vnx_metric_name(rows[k].metric), got, rows[k].want);
		}
		vnx_throughput_free(tp);
	}
}

#define TEXT_HEAD \
	"[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams\n"

static void test_lost_text(void **state)
{
	struct vnx_throughput *tp = parse(
		TEXT_HEAD
		"[  5]   0.00-1.00   sec  6.00 MBytes  50.3 Mbits/sec  0.210 ms  30/190 (16%)  \n"
		"[  5]   1.00-2.00   sec  6.00 MBytes  50.3 Mbits/sec  0.210 ms  7/190 (4%)  \n"
		"[  5]   2.00-3.00   sec  6.00 MBytes  50.3 Mbits/sec  0.210 ms  -2/190 (0%)  \n");
	double out[BINS];

	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_LOST, out), 0);
	/* Spread over the bins like the bytes. */
	assert_float_equal(out[0], 15, 1e-9);
	assert_float_equal(out[1], 15, 1e-9);
	assert_float_equal(out[2], 3.5, 1e-9);
	/* Late ones came back: none was lost. Nothing is told after the end. */
	assert_float_equal(out[4], 0, 1e-9);
	assert_true(isnan(out[6]));
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RETRANS, out), -ENODATA);
	assert_true(isnan(out[0]));
	vnx_throughput_free(tp);
}

#define STREAM(more) "{\"start\":0,\"end\":0.5,\"seconds\":0.5,\"bytes\":1000000," more "}"
#define INTERVAL(sum, streams) "{\"sum\":" STREAM(sum) ",\"streams\":[" streams "]}"
#define SENDER                                         \
	INTERVAL("\"sender\":true,\"retransmits\":12", \
		 STREAM("\"sender\":true,\"retransmits\":12,\"snd_cwnd\":14480,\"rtt\":900"))
#define RECEIVER INTERVAL("\"sender\":false", STREAM("\"sender\":false"))

/* -R --get-server-output: only the far end knows what it sent again; its mss is 0. */
static void test_reverse_with_server(void **state)
{
	struct vnx_throughput *tp = parse(
		"{\"start\":{\"tcp_mss_default\":1448,\"test_start\":{\"reverse\":1}},"
		"\"intervals\":[" RECEIVER "],\"server_output_json\":{\"start\":{"
		"\"tcp_mss_default\":0,\"accepted_connection\":{},\"test_start\":{\"reverse\":1}},"
		"\"intervals\":[" SENDER "]}}\n");
	double out[BINS];

	assert_string_equal(tp->source, "iperf3-receiver");
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RETRANS, out), 0);
	assert_float_equal(out[0], 12, 1e-9);
	assert_true(isnan(out[1]));
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_CWND, out), 0);
	assert_float_equal(out[0], 10, 1e-9);
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RTT, out), 0);
	assert_float_equal(out[0], 900, 1e-9);
	vnx_throughput_free(tp);
}

/* Both views of one test: the sender's file is left out, what only it can tell is not. */
static void test_second_view(void **state)
{
	struct vnx_throughput *v[2] = { read_file("pair.a.srv.json"),
					read_file("pair.a.cli.json") };
	struct vnx_throughput *tp;
	double out[BINS];

	assert_int_equal(vnx_throughput_extra(v[0], &grid, VNX_LOAD_RETRANS, out), -ENODATA);
	/* Its zero, as placed, is a bin later. */
	vnx_throughput_offset(v[1], BIN_NS);
	assert_int_equal(vnx_throughput_join(v, 2, &tp), 0);
	assert_string_equal(tp->source, "iperf3-receiver");
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RETRANS, out), 0);
	assert_true(isnan(out[0]));
	assert_float_equal(out[1], 0, 1e-9);
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_CWND, out), 0);
	assert_float_equal(out[1], 1178694. / 32768, 0.5);
	vnx_throughput_free(tp);
}

/* Two flows at once: counts are summed, a round-trip time is not. */
static void test_two_flows(void **state)
{
	struct vnx_throughput *v[2] = { read_file("pair.a.cli.json"),
					read_file("pair.b.cli.json") };
	double one[BINS], other[BINS], both[BINS];
	struct vnx_throughput *tp;

	assert_int_equal(vnx_throughput_extra(v[0], &grid, VNX_LOAD_RTT, one), 0);
	assert_int_equal(vnx_throughput_extra(v[1], &grid, VNX_LOAD_RTT, other), 0);
	assert_int_equal(vnx_throughput_join(v, 2, &tp), 0);
	assert_int_equal(tp->peers.n, 1);
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RTT, both), 0);
	assert_float_equal(both[1], (one[1] + other[1]) / 2, 1e-9);
	assert_true(both[1] > 0);
	vnx_throughput_free(tp);
}

static void test_unplaced(void **state)
{
	struct vnx_throughput *tp = NULL;
	double out[BINS];

	assert_int_equal(vnx_throughput_read_file(FIXTURES "plain.txt", &tp, &err), 0);
	assert_int_equal(vnx_throughput_extra(tp, &grid, VNX_LOAD_RETRANS, out), -ENODATA);
	vnx_throughput_free(tp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totals),      cmocka_unit_test(test_lost_text),
		cmocka_unit_test(test_second_view), cmocka_unit_test(test_reverse_with_server),
		cmocka_unit_test(test_two_flows),   cmocka_unit_test(test_unplaced),
	};

	return cmocka_run_group_tests_name("load_extra", tests, NULL, NULL);
}
