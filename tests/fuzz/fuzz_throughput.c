// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a load generator's output: read by the whole table of formats, placed in every
 * way, put on bins and searched for. Seeds: fixtures/iperf3, iperf2, loads, sockperf.
 */
#include <assert.h>
#include <math.h>

#include "cli/input/throughput/throughput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BINS 64

static void check_sound(const struct vnx_throughput *tp)
{
	for (size_t i = 0; i < tp->intervals.n; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];

		assert(iv->end_s > iv->start_s && isfinite(iv->end_s) && isfinite(iv->bytes) &&
		       iv->bytes >= 0);
	}
	for (size_t i = 0; i < tp->latency.n; i++)
		assert(tp->latency.v[i].seconds >= 0);
}

static void put_on_bins(struct vnx_throughput *tp, uint64_t start_ns)
{
	struct vnx_grid grid = { start_ns, VNX_NSEC_PER_SEC / 2, BINS };
	const char *const names[] = { "x" };
	double x[BINS], y[BINS];
	const double *const series[] = { x };
	struct vnx_err err = { 0 };

	for (int i = 0; i < BINS; i++)
		x[i] = (i * 7) % 13;
	if (vnx_throughput_series(tp, &grid, y))
		return;
	for (int i = 0; i < BINS; i++)
		assert(isnan(y[i]) || y[i] >= 0);
	/* Long ones are searched as well, only not so often a second. */
	if (tp->intervals.n && tp->intervals.v[tp->intervals.n - 1].end_s > 1000)
		return;
	if (!vnx_throughput_search(tp, &grid, series, names, 1, &err))
		assert(tp->method == VNX_ALIGN_NONE || isfinite(tp->uncertainty_s));
}

/* A file of its own twice: two views of one flow, one run, or one after the other. */
static void join_twice(const uint8_t *data, size_t size)
{
	struct vnx_throughput *v[2] = { NULL }, *tp = NULL;
	struct vnx_err err = { 0 };

	for (int i = 0; i < 2; i++) {
		FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");

		if (!f)
			break;
		if (vnx_throughput_read_stream(f, i ? "b" : "a", &v[i], &err))
			v[i] = NULL;
		fclose(f);
		if (v[i])
			vnx_throughput_offset(v[i], i * (int64_t)VNX_NSEC_PER_SEC);
	}
	if (v[0] && v[1] && !vnx_throughput_join(v, 2, &tp))
		put_on_bins(tp, VNX_NSEC_PER_SEC);
	vnx_throughput_free(tp);
	vnx_throughput_free(v[0]);
	vnx_throughput_free(v[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnx_throughput *tp = NULL;
	struct vnx_err err = { 0 };
	FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	int ret;

	if (!f)
		return 0;
	ret = vnx_throughput_read_stream(f, "input", &tp, &err);
	fclose(f);
	/* An error says what, and which file. */
	assert(!ret || (!tp && strstr(err.message, "input")));
	if (ret)
		return 0;
	check_sound(tp);
	vnx_throughput_align(tp, 1795296000ll * (int64_t)VNX_NSEC_PER_SEC);
	put_on_bins(tp, VNX_NSEC_PER_SEC);
	vnx_throughput_align(tp, INT64_MIN);
	put_on_bins(tp, VNX_NSEC_PER_SEC);
	vnx_throughput_offset(tp, -(int64_t)VNX_NSEC_PER_SEC);
	put_on_bins(tp, 0);
	vnx_throughput_free(tp);
	join_twice(data, size);
	return 0;
}
