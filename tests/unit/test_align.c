// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load on the trace's clock: by hand, by search, several at once; and what clocks cost.
 */
#include "load_lines.h"

#include "analysis/place.h"
#include "cli/input/trace/clock_cost.h"

#define SEC VNX_NSEC_PER_SEC
#define N 240

static uint64_t seed;

static double noise(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(seed >> 11) / (double)(1ULL << 53) - 0.5;
}

/* n intervals of half a second from @start_s on, at rate[i] bit/s. */
static struct vnx_throughput *make_flow(const char *source, double start_s, size_t n,
					const double *rate)
{
	struct vnx_throughput *tp = calloc(1, sizeof(*tp));

	assert_non_null(tp);
	tp->source = strdup(source);
	tp->timestamp_s = tp->uncertainty_s = tp->offset_s = NAN;
	for (size_t i = 0; i < n; i++) {
		struct vnx_interval iv = { start_s + 0.5 * (double)i,
					   start_s + 0.5 * (double)(i + 1),
					   (rate ? rate[i] : 8e6) / 16, 0 };

		assert_int_equal(vnx_vec_push(&tp->intervals, iv), 0);
	}
	return tp;
}

/* Half a second a bin from 100 s on. */
static struct vnx_grid grid_of(size_t n)
{
	return (struct vnx_grid){ .start_ns = 100 * SEC, .bin_ns = SEC / 2, .n = n };
}

/* By hand */

static void test_offset(void **state)
{
	const struct vnx_grid grid = grid_of(8);
	struct vnx_throughput *tp = make_flow("csv", 0, 4, NULL);
	double y[8];

	/* nothing known: its own times plus the offset are the trace's */
	vnx_throughput_offset(tp, 101 * (int64_t)SEC);
	assert_int_equal(tp->method, VNX_ALIGN_GIVEN);
	assert_true(tp->offset_s == 101);
	assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
	for (int i = 0; i < 8; i++)
		assert_true((i >= 2 && i < 6) ? fabs(y[i] - 8e6) < 1 : isnan(y[i]));
	/* known: from where it is */
	tp->method = VNX_ALIGN_TIMESTAMP;
	tp->uncertainty_s = 0.25;
	vnx_throughput_offset(tp, -3 * (int64_t)SEC / 2);
	assert_true(tp->zero_ns == 199 * (int64_t)SEC / 2 && tp->uncertainty_s == 0.25);
	assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
	assert_true(y[0] > 0 && y[2] > 0 && isnan(y[3]));
	/* before the clock's zero: nothing there, and no wrap-around */
	vnx_throughput_offset(tp, -101 * (int64_t)SEC);
	assert_true(tp->zero_ns < 0);
	assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
	for (int i = 0; i < 8; i++)
		assert_true(isnan(y[i]));
	vnx_throughput_free(tp);
}

/* Search */

static void fill_series(double *x, double *y, size_t n, size_t m, long lag, double share)
{
	for (size_t i = 0; i < n; i++)
		x[i] = 1000 + 100 * noise();
	for (size_t i = 0; i < m; i++) {
		long at = (long)i + lag;
		double like = at >= 0 && at < (long)n ? x[at] - 1000 : 100 * noise();

		y[i] = 5e8 + 1e6 * (share * like + (1 - share) * 100 * noise());
	}
}

static void search(struct vnx_throughput *tp, const double *x, size_t n)
{
	const struct vnx_grid grid = grid_of(n);
	const double *const series[] = { x };
	const char *const names[] = { "tx_bytes" };
	struct vnx_err err = { 0 };

	assert_int_equal(vnx_throughput_search(tp, &grid, series, names, 1, &err), 0);
}

static void test_search_finds(void **state)
{
	static const long lags[] = { 0, 17, 120, 150, -40 };

	for (size_t k = 0; k < VNX_ARRAY_SIZE(lags); k++) {
		double x[N], y[120];
		struct vnx_throughput *tp;

		seed = 7 + k;
		fill_series(x, y, N, 120, lags[k], 0.7);
		tp = make_flow("iperf3-sender", 3, 120, y);
		search(tp, x, N);
		assert_int_equal(tp->method, VNX_ALIGN_LAG);
		/* its first interval begins 3 s after its zero */
		assert_true(fabs((double)tp->zero_ns / 1e9 - (97 + 0.5 * (double)lags[k])) <=
			    tp->uncertainty_s);
		assert_true(tp->uncertainty_s >= 0.25 && tp->uncertainty_s < 1);
		/* --offset would say the same */
		assert_true(fabs(tp->offset_s - (double)tp->zero_ns / 1e9) < 1e-6);
		assert_true(tp->places > 200);
		assert_non_null(strstr(tp->note, "corrected for all"));
		vnx_throughput_free(tp);
	}
}

/* Chance must not be taken for a place: at most the promised share of independent loads. */
static void test_search_refuses_chance(void **state)
{
	int placed = 0;

	for (int k = 0; k < 100; k++) {
		double x[N], y[120];
		struct vnx_throughput *tp;

		seed = 1000 + (uint64_t)k;
		fill_series(x, y, N, 120, 0, 0);
		/* wandering, as throughput does: what makes naive tests see links everywhere */
		for (size_t i = 1; i < N; i++)
			x[i] += 0.7 * (x[i - 1] - 1000);
		for (size_t i = 1; i < 120; i++)
			y[i] += 0.7 * (y[i - 1] - 5e8);
		tp = make_flow("iperf3-sender", 0, 120, y);
		search(tp, x, N);
		placed += tp->method != VNX_ALIGN_NONE;
		assert_non_null(tp->note);
		vnx_throughput_free(tp);
	}
	if (placed > 5)
		fail_msg("%d of 100 independent loads were placed", placed);
}

/* Why there was no place to look at. */
static void test_search_tells_why_not(void **state)
{
	static const struct {
		size_t n, m; /* bins of the trace, of the load */
		const char *why;
	} t[] = { { N, 120, "is the same at all times" },
		  { N, 12, "the load is shorter than 20 bins" },
		  { 30, 120, "the trace does not cover half of the load" } };

	for (size_t k = 0; k < VNX_ARRAY_SIZE(t); k++) {
		double x[N], y[120];
		struct vnx_throughput *tp;

		for (size_t i = 0; i < N; i++)
			x[i] = 1000;
		for (size_t i = 0; i < 120; i++)
			y[i] = 5e8 + 1e6 * (double)(i % 7);
		tp = make_flow("iperf3-sender", 0, t[k].m, y);
		search(tp, x, t[k].n);
		assert_int_equal(tp->method, VNX_ALIGN_NONE);
		if (!strstr(tp->note, t[k].why))
			fail_msg("%s: %s", t[k].why, tp->note);
		vnx_throughput_free(tp);
	}
}

/* Where clocks tell something, nothing outside of that is looked at. */
static void test_search_within(void **state)
{
	double x[N], y[120];
	struct vnx_throughput *tp;

	seed = 5;
	fill_series(x, y, N, 120, 60, 0.9);
	tp = make_flow("iperf3-sender", 0, 120, y);
	tp->method = VNX_ALIGN_TIMESTAMP;
	tp->zero_ns = 129 * (int64_t)SEC; /* true: 130 s */
	tp->uncertainty_s = 1.5;
	search(tp, x, N);
	assert_int_equal(tp->method, VNX_ALIGN_LAG);
	assert_true(tp->zero_ns == 130 * (int64_t)SEC);
	assert_true(tp->places <= 7);
	assert_true(tp->offset_s == 1);
	assert_non_null(strstr(tp->note, "where the clocks alone put it"));
	vnx_throughput_free(tp);

	tp = make_flow("iperf3-sender", 0, 120, y);
	tp->method = VNX_ALIGN_TIMESTAMP;
	tp->zero_ns = 110 * (int64_t)SEC;
	tp->uncertainty_s = 1.5;
	search(tp, x, N);
	assert_int_equal(tp->method, VNX_ALIGN_TIMESTAMP);
	assert_true(tp->zero_ns == 110 * (int64_t)SEC && !tp->places);
	vnx_throughput_free(tp);

	tp = make_flow("iperf3-sender", 0, 120, y);
	tp->method = VNX_ALIGN_ARRIVAL;
	tp->zero_ns = 129 * (int64_t)SEC;
	tp->uncertainty_s = 0.005;
	search(tp, x, N);
	assert_int_equal(tp->method, VNX_ALIGN_ARRIVAL);
	assert_non_null(strstr(tp->note, "not searched"));
	vnx_throughput_free(tp);
}

static void test_search_too_long(void **state)
{
	const struct vnx_grid grid = grid_of(N);
	struct vnx_throughput *tp = make_flow("csv", 0, 2, NULL);
	struct vnx_err err = { 0 };
	double x[N] = { 0 };
	const double *const series[] = { x };
	const char *const names[] = { "tx_bytes" };

	tp->intervals.v[1].end_s = 9e6;
	assert_int_equal(vnx_throughput_search(tp, &grid, series, names, 1, &err), -E2BIG);
	assert_non_null(strstr(err.message, "too long"));
	vnx_throughput_free(tp);
	/* shorter than what a search takes */
	tp = make_flow("csv", 0, 5, NULL);
	search(tp, x, N);
	assert_int_equal(tp->method, VNX_ALIGN_NONE);
	assert_non_null(strstr(tp->note, "shorter than 20 bins"));
	vnx_throughput_free(tp);
}

static void test_correction(void **state)
{
	struct vnx_corr c, one;
	double x[40], y[40];

	seed = 3;
	fill_series(x, y, 40, 40, 0, 0.5);
	vnx_correlate(VNX_PEARSON, x, y, 40, &one);
	c = one;
	vnx_corr_correct(VNX_PEARSON, 1, &c);
	assert_true(c.p == one.p && c.ci_lo == one.ci_lo);
	vnx_corr_correct(VNX_PEARSON, 50, &c);
	assert_near(c.p, fmin(1, 50 * one.p), 1e-12);
	assert_true(c.ci_lo < one.ci_lo && c.ci_hi > one.ci_hi && c.r == one.r);
}

/* Several flows */

static struct vnx_throughput *flow_at(const char *source, double from_s, size_t n, double rate_bps)
{
	struct vnx_throughput *tp = make_flow(source, 0, n, NULL);

	for (size_t i = 0; i < n; i++)
		tp->intervals.v[i].bytes = rate_bps / 16;
	tp->method = VNX_ALIGN_TIMESTAMP;
	tp->zero_ns = llround(from_s * 1e9);
	tp->uncertainty_s = 0.02;
	return tp;
}

static struct vnx_throughput *join(struct vnx_throughput *a, struct vnx_throughput *b,
				   struct vnx_throughput *c)
{
	struct vnx_throughput *v[3] = { a, b, c }, *tp = NULL;

	assert_int_equal(vnx_throughput_join(v, c ? 3 : 2, &tp), 0);
	assert_null(v[0]);
	assert_null(v[1]);
	return tp;
}

/* Mbit/s in each of the bins from 100 s on, 0 for a missing one; frees @tp. */
static void check_join(struct vnx_throughput *tp, const char *word, size_t n, const int *want)
{
	const struct vnx_grid grid = grid_of(n);
	double y[32];

	assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
	for (size_t i = 0; i < n; i++)
		if ((isnan(y[i]) ? 0 : lround(y[i] / 1e6)) != want[i])
			fail_msg("bin %zu is %g, not %d (%s)", i, y[i], want[i], tp->note);
	if (!tp->note || !strstr(tp->note, word))
		fail_msg("\"%s\" has no \"%s\"", tp->note, word);
	vnx_throughput_free(tp);
}

static void test_clients_of_one_run(void **state)
{
	const int sum[] = { 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0 };
	struct vnx_throughput *a = flow_at("iperf3-receiver", 101, 10, 2e6);
	struct vnx_throughput *b = flow_at("iperf3-receiver", 101, 10, 3e6);

	check_join(join(a, b, NULL), "sum of 2 flows", 14, sum);
	/* a hole in one is a hole in the sum */
	a = flow_at("csv", 101, 10, 2e6);
	b = flow_at("csv", 101, 10, 3e6);
	b->intervals.n = 9;
	check_join(join(a, b, NULL), "sum of 2 flows", 14,
		   (const int[]){ 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0 });
}

static void test_runs_in_a_row(void **state)
{
	const int want[] = { 2, 2, 2, 2, 0, 0, 3, 3, 3, 3 };

	check_join(join(flow_at("csv", 103, 4, 3e6), flow_at("csv", 100, 4, 2e6), NULL),
		   "2 runs one after the other", 10, want);
}

static void test_two_views(void **state)
{
	const int want[] = { 3, 3, 3, 3 };
	struct vnx_throughput *a = flow_at("iperf3-sender", 100, 4, 2e6);
	struct vnx_throughput *b = flow_at("iperf3-receiver", 100, 4, 3e6), *tp;

	/* the same test by its cookie */
	strcpy(a->cookie, "abc");
	strcpy(b->cookie, "abc");
	tp = join(a, b, NULL);
	assert_string_equal(tp->source, "iperf3-receiver");
	check_join(tp, "another view", 4, want);
	/* no cookies: it may be */
	a = flow_at("iperf3-sender", 100, 4, 2e6);
	b = flow_at("iperf3-receiver", 100, 4, 3e6);
	check_join(join(a, b, NULL), "may be the sender's view", 4, want);
	/* cookies that say it is not */
	a = flow_at("iperf3-sender", 100, 4, 2e6);
	b = flow_at("iperf3-receiver", 100, 4, 3e6);
	strcpy(a->cookie, "abc");
	strcpy(b->cookie, "def");
	check_join(join(a, b, NULL), "sum of 2", 4, (const int[]){ 5, 5, 5, 5 });
}

static void test_left_out(void **state)
{
	const int want[] = { 2, 2, 2, 2, 2, 2, 2, 2 };
	struct vnx_throughput *a = flow_at("csv", 100, 8, 2e6), *b = flow_at("csv", 100, 8, 3e6);
	struct vnx_throughput *c = flow_at("csv", 102, 4, 7e6);

	/* the other way; part of the time only */
	b->is_reverse = true;
	check_join(join(a, b, c), "goes the other way", 8, want);
	a = flow_at("csv", 100, 8, 2e6);
	check_join(join(flow_at("csv", 102, 4, 7e6), a, NULL), "did not run with it", 8, want);
	/* no place on the clock */
	b = flow_at("csv", 100, 8, 3e6);
	b->method = VNX_ALIGN_NONE;
	check_join(join(b, flow_at("csv", 100, 8, 2e6), NULL), "nothing tells where", 8, want);
	/* none at all: it is said, and there is no series */
	b = flow_at("csv", 100, 8, 3e6);
	a = flow_at("csv", 100, 8, 3e6);
	a->method = b->method = VNX_ALIGN_NONE;
	check_join(join(a, b, NULL), "nothing tells where", 8, (const int[8]){ 0 });
}

/* Real ones: two clients at once, each with its server's view. */
static void test_pair(void **state)
{
	static const char *const names[] = { "pair.a.cli.json", "pair.b.srv.json",
					     "pair.a.srv.json", "pair.b.cli.json" };
	struct vnx_throughput *v[4], *tp;
	struct vnx_err err = { 0 };
	double mean = 0;

	for (int i = 0; i < 4; i++) {
		char path[64];

		snprintf(path, sizeof(path), "fixtures/iperf3/%s", names[i]);
		assert_int_equal(vnx_throughput_read_file(path, &v[i], &err), 0);
		assert_int_equal(strlen(v[i]->cookie), 36);
		vnx_throughput_align(v[i], (1795316700ll - 100) * (int64_t)SEC);
		assert_int_equal(v[i]->method, VNX_ALIGN_TIMESTAMP);
	}
	assert_int_equal(vnx_throughput_join(v, 4, &tp), 0);
	assert_string_equal(tp->source, "iperf3-receiver");
	assert_int_equal(tp->peers.n, 1);
	assert_non_null(strstr(tp->note, "pair.a.cli.json left out"));
	assert_non_null(strstr(tp->note, "pair.b.cli.json left out"));
	assert_non_null(strstr(tp->note, "sum of 2 flows"));
	{
		const struct vnx_grid grid = grid_of(6);
		double y[6];
		size_t n = 0;

		assert_int_equal(vnx_throughput_series(tp, &grid, y), 0);
		for (int i = 0; i < 6; i++) {
			n += !isnan(y[i]);
			mean += isnan(y[i]) ? 0 : y[i];
		}
		assert_int_equal(n, 4); /* 2 s from 100.52 s on */
		mean /= 4;
	}
	/* -b 300M and -b 150M */
	assert_near(mean, 450e6, 0.02);
	vnx_throughput_free(tp);
}

/* A server's file: one document a test. */
static void test_tests_in_a_row(void **state)
{
	struct vnx_throughput *tp;
	struct vnx_err err = { 0 };

	assert_int_equal(vnx_throughput_read_file("fixtures/iperf3/series.srv.json", &tp, &err), 0);
	assert_int_equal(tp->intervals.n, 4);
	/* the second began two seconds later, by stamps cut to a second */
	assert_true(tp->intervals.v[2].start_s == 2);
	assert_true(tp->slack_s == 1);
	vnx_throughput_align(tp, (1795316695ll - 100) * (int64_t)SEC);
	assert_true(tp->uncertainty_s > 1.5 && tp->uncertainty_s < 1.6);
	vnx_throughput_free(tp);
}

/* Clocks */

static void test_clock_costs(void **state)
{
	static const char *const names[] = { "",        "local",    "global", "counter",
					     "x86-tsc", "perf",     "boot",   "tai",
					     "uptime",  "mono_raw", "else" };

	assert_null(vnx_clock_cost("mono"));
	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++) {
		const struct vnx_clock_cost *c = vnx_clock_cost(names[i]);

		assert_non_null(c);
		assert_true(strlen(c->cost) > 20);
		assert_int_equal(c->no_time, !strcmp(names[i], "counter"));
	}
	assert_true(vnx_clock_cost("local")->no_stamps);
	assert_true(vnx_clock_cost("else")->no_stamps);
	assert_false(vnx_clock_cost("boot")->no_stamps);
	assert_false(vnx_clock_cost("perf")->no_stamps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_search_finds),
		cmocka_unit_test(test_search_refuses_chance),
		cmocka_unit_test(test_search_tells_why_not),
		cmocka_unit_test(test_search_within),
		cmocka_unit_test(test_search_too_long),
		cmocka_unit_test(test_correction),
		cmocka_unit_test(test_clients_of_one_run),
		cmocka_unit_test(test_runs_in_a_row),
		cmocka_unit_test(test_two_views),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_tests_in_a_row),
		cmocka_unit_test(test_clock_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
