// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a load generator's output: read by the whole table of formats, placed in every
 * way, put on bins and searched for. Seeds: fixtures/iperf3, fixtures/sockperf.
 */
#include <assert.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

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

static int read_bytes(const uint8_t *data, size_t size, struct vnx_throughput **out,
		      struct vnx_err *err)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC), ret;
	struct vnx_input in;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	*out = NULL;
	ret = vnx_input_take(&in, "input", fd, err);
	if (!ret) {
		ret = vnx_throughput_read_input(&in, out, err);
		vnx_input_close(&in);
	}
	return ret;
}

/* A file of its own twice: two views of one flow, one run, or one after the other. */
static void join_twice(const uint8_t *data, size_t size)
{
	struct vnx_throughput *v[2] = { NULL }, *tp = NULL;
	struct vnx_err err = { 0 };

	for (int i = 0; i < 2; i++) {
		if (read_bytes(data, size, &v[i], &err))
			v[i] = NULL;
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
	int ret = read_bytes(data, size, &tp, &err);

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
