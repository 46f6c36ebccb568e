// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a load generator's zero stands on CLOCK_MONOTONIC, and its series on our bins.
 * Figures are those of kernel.md, "Cross-clock facts".
 */
#include "cli/input/iperf3.h"

#include <math.h>

/* start.timestamp comes before the zero by 2.5 ms (idle) to 41 ms (contended) ... */
#define TIMESTAMP_LEAST_S 0.0025
#define TIMESTAMP_MOST_S 0.041
/* ... and was cut to whole seconds before 3.20, to milliseconds since */
#define CUT_BEFORE_320_S 1.0
#define CUT_SINCE_320_S 0.001
/* the server's zero beside the client's: both lie within the 41 ms, taken with some room */
#define OTHER_SIDE_S 0.05

struct guess {
	bool known;
	double zero_ns; /* within 2^53 for 104 days of uptime, then still to a microsecond */
	double uncertainty_s;
};

/* "none", "arrival-stamps", ... */
const char *vnx_align_name(enum vnx_align m)
{
	static const char *const names[] = {
		[VNX_ALIGN_NONE] = "none",           [VNX_ALIGN_ARRIVAL] = "arrival-stamps",
		[VNX_ALIGN_TIMESTAMP] = "timestamp", [VNX_ALIGN_LAG] = "lag-search",
		[VNX_ALIGN_GIVEN] = "given",
	};

	return (unsigned)m < VNX_ARRAY_SIZE(names) ? names[m] : "none";
}

static struct guess by_stamps(const struct vnx_throughput *tp)
{
	return (struct guess){ .known = tp->stamps.n > 0,
			       .zero_ns = (double)tp->stamps.zero_ns,
			       .uncertainty_s = tp->stamps.uncertainty_s };
}

/*
 * The middle of where the zero can lie. No line can arrive before it is printed, so stamps,
 * however late, bind the zero from above and can take most of the truncated second away.
 */
static struct guess by_timestamp(struct vnx_throughput *tp, int64_t realtime_minus_mono_ns,
				 const struct guess *stamps)
{
	double cut_s = tp->has_ms ? CUT_SINCE_320_S : CUT_BEFORE_320_S;
	double base_ns, low, high;

	if (!(tp->timestamp_s > 0 && tp->timestamp_s < 9e9) || realtime_minus_mono_ns == INT64_MIN)
		return (struct guess){ 0 };
	base_ns = (double)(llround((tp->timestamp_s + tp->omit_s) * 1e9) - realtime_minus_mono_ns);
	low = base_ns + TIMESTAMP_LEAST_S * 1e9;
	high = base_ns + (TIMESTAMP_MOST_S + cut_s) * 1e9;
	if (stamps->known && stamps->zero_ns + tp->resolution_s * 1e9 < low) {
		iperf_warn(tp, "its start.timestamp is %.3g s later than its lines allow",
			   (low - stamps->zero_ns) / 1e9);
		return (struct guess){ 0 };
	}
	if (stamps->known && stamps->zero_ns - stamps->uncertainty_s * 1e9 > high)
		iperf_warn(tp, "its lines arrived %.3g s later than its start.timestamp says",
			   (stamps->zero_ns - high) / 1e9);
	else if (stamps->known)
		high = fmin(high, fmax(stamps->zero_ns, low));
	return (struct guess){ .known = low > 0,
			       .zero_ns = (low + high) / 2,
			       .uncertainty_s = (high - low) / 2e9 + tp->resolution_s / 2 };
}

/**
 * vnx_throughput_align() - sets method, zero_ns, uncertainty_s, offset_s.
 *
 * The surer of both ways wins: stamps wherever lines came one by one, start.timestamp where
 * all came at the end. Where both contradict each other, stamps do, for the generator may
 * run on another host with another clock. Takes back an earlier alignment.
 */
void vnx_throughput_align(struct vnx_throughput *tp, int64_t realtime_minus_mono_ns)
{
	struct guess stamps = by_stamps(tp);
	struct guess timestamp = by_timestamp(tp, realtime_minus_mono_ns, &stamps);
	bool by_time = timestamp.known &&
		       (!stamps.known || (timestamp.uncertainty_s < stamps.uncertainty_s &&
					  timestamp.zero_ns <= stamps.zero_ns));
	const struct guess *best = by_time ? &timestamp : &stamps;

	tp->method = VNX_ALIGN_NONE;
	tp->zero_ns = 0;
	tp->uncertainty_s = tp->offset_s = NAN;
	if (!best->known || !(best->zero_ns > 0 && best->zero_ns < 9e18))
		return;
	tp->method = by_time ? VNX_ALIGN_TIMESTAMP : VNX_ALIGN_ARRIVAL;
	tp->zero_ns = by_time ? (uint64_t)timestamp.zero_ns : tp->stamps.zero_ns;
	tp->uncertainty_s = best->uncertainty_s + (tp->other_side ? OTHER_SIDE_S : 0);
	if (by_time)
		tp->offset_s = ((double)tp->zero_ns - ((double)llround(tp->timestamp_s * 1e9) -
						       (double)realtime_minus_mono_ns)) /
			       1e9;
	else
		tp->offset_s = (double)(int64_t)(tp->zero_ns - tp->stamps.first_ns) / 1e9;
}

/**
 * vnx_throughput_series() - the main direction on the bins of @grid.
 *
 * Bytes are spread over the bins an interval overlaps; a dropped interval leaves a hole.
 */
int vnx_throughput_series(const struct vnx_throughput *tp, const struct vnx_grid *grid, double *out)
{
	double bin_s = (double)grid->bin_ns / VNX_NSEC_PER_SEC;
	struct vnx_accum acc;
	int ret;

	for (size_t i = 0; i < grid->n; i++)
		out[i] = NAN;
	if (tp->method == VNX_ALIGN_NONE || !grid->n)
		return 0;
	ret = vnx_accum_init(&acc, grid);
	if (ret)
		return ret;
	for (size_t i = 0; i < tp->intervals.n; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];
		int64_t start = (int64_t)tp->zero_ns + llround(iv->start_s * 1e9);
		int64_t end = (int64_t)tp->zero_ns + llround(iv->end_s * 1e9);

		if (start < 0 || end <= start)
			continue;
		vnx_accum_add(&acc, (uint64_t)start, (uint64_t)(end - start), iv->bytes * 8);
		vnx_accum_cover(&acc, (uint64_t)start, (uint64_t)(end - start));
	}
	vnx_accum_values(&acc, true, out);
	for (size_t i = 0; i < grid->n; i++)
		out[i] /= bin_s;
	vnx_accum_fini(&acc);
	return 0;
}
