// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a load generator's zero stands on CLOCK_MONOTONIC, and its series on our bins.
 * Figures are those of kernel.md, "Cross-clock facts".
 */
#include "cli/input/throughput/throughput_format.h"

#include <limits.h>
#include <math.h>

#include "analysis/stats.h"

#define LONGER 1.5   /* bins: what an interval takes at least to be more than a bin */
#define ROUNDED 0.01 /* of a bin */

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
	int64_t base;

	if (!(tp->timestamp_s > 0 && tp->timestamp_s < 9e9) || realtime_minus_mono_ns == INT64_MIN)
		return (struct guess){ 0 };
	if (__builtin_sub_overflow(llround((tp->timestamp_s + tp->omit_s) * 1e9),
				   realtime_minus_mono_ns, &base))
		return (struct guess){ 0 };
	base_ns = (double)base;
	low = base_ns + (tp->stamped_rows ? 0 : TIMESTAMP_LEAST_S * 1e9);
	high = base_ns + (tp->stamped_rows ? tp->resolution_s : TIMESTAMP_MOST_S + cut_s) * 1e9;
	if (low <= 0)
		vnx_throughput_warn(tp, "its time stamps are from before the trace's clock began");
	if (stamps->known && stamps->zero_ns + tp->resolution_s * 1e9 < low) {
		vnx_throughput_warn(tp, "its start.timestamp is %.3g s later than its lines allow",
				    (low - stamps->zero_ns) / 1e9);
		return (struct guess){ 0 };
	}
	if (stamps->known && stamps->zero_ns - stamps->uncertainty_s * 1e9 > high)
		vnx_throughput_warn(tp,
				    "its lines arrived %.3g s later than its start.timestamp says",
				    (stamps->zero_ns - high) / 1e9);
	else if (stamps->known)
		high = fmin(high, fmax(stamps->zero_ns, low));
	return (struct guess){ .known = low > 0,
			       .zero_ns = (low + high) / 2,
			       .uncertainty_s = (high - low) / 2e9 +
						(tp->stamped_rows ? 0 : tp->resolution_s / 2) };
}

/* Of the intervals against their own zero, however that was placed. */
static double own_doubt_s(const struct vnx_throughput *tp)
{
	return tp->slack_s + (tp->other_side ? OTHER_SIDE_S : 0);
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
	tp->zero_ns = by_time ? (int64_t)timestamp.zero_ns : (int64_t)tp->stamps.zero_ns;
	tp->uncertainty_s = best->uncertainty_s + own_doubt_s(tp);
	if (by_time)
		tp->offset_s = ((double)tp->zero_ns - ((double)llround(tp->timestamp_s * 1e9) -
						       (double)realtime_minus_mono_ns)) /
			       1e9;
	else
		tp->offset_s = (double)(int64_t)((uint64_t)tp->zero_ns - tp->stamps.first_ns) / 1e9;
}

/**
 * vnx_throughput_offset() - places a load by hand.
 *
 * The uncertainty stays what it was; where nothing was known it is that of the generator's own
 * times, for how well the user knows is not known here.
 */
void vnx_throughput_offset(struct vnx_throughput *tp, int64_t offset_ns)
{
	int64_t from_ns = tp->zero_ns, zero_ns;

	if (tp->method == VNX_ALIGN_NONE) {
		from_ns = llround(tp->own_zero_s * 1e9);
		tp->uncertainty_s = tp->resolution_s / 2 + own_doubt_s(tp);
	}
	if (__builtin_add_overflow(from_ns, offset_ns, &zero_ns))
		return;
	tp->zero_ns = zero_ns;
	tp->method = VNX_ALIGN_GIVEN;
	tp->offset_s = (double)offset_ns / 1e9;
}

/*
 * [start_s, end_s) of the generator on the trace's clock; false: not there. Above 1970 plus 290
 * years no trace has bins, and no int64 the time.
 */
static bool place(const struct vnx_throughput *tp, double start_s, double end_s, uint64_t *t_ns,
		  uint64_t *dur_ns)
{
	double last_s = (double)tp->zero_ns / 1e9 + end_s;
	int64_t start, end;

	if (!(last_s > 0 && last_s < 9e9))
		return false;
	start = tp->zero_ns + llround(start_s * 1e9);
	end = tp->zero_ns + llround(end_s * 1e9);
	if (start < 0 || end <= start)
		return false;
	*t_ns = (uint64_t)start;
	*dur_ns = (uint64_t)(end - start);
	return true;
}

/* One flow. Bytes are spread over the bins an interval overlaps; a dropped one leaves a hole. */
static int flow_series(const struct vnx_throughput *tp, const struct vnx_grid *grid, double *out)
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
		uint64_t t_ns, dur_ns;

		if (!place(tp, iv->start_s, iv->end_s, &t_ns, &dur_ns))
			continue;
		vnx_accum_add(&acc, t_ns, dur_ns, iv->bytes * 8);
		vnx_accum_cover(&acc, t_ns, dur_ns);
	}
	vnx_accum_values(&acc, true, out);
	for (size_t i = 0; i < grid->n; i++)
		out[i] /= bin_s;
	vnx_accum_fini(&acc);
	return 0;
}

/* One flow's @metric. A level is weighted by the time for which it held. */
static int flow_extra(const struct vnx_throughput *tp, const struct vnx_grid *grid,
		      enum vnx_metric metric, double *out)
{
	bool level = metric == VNX_LOAD_CWND || metric == VNX_LOAD_RTT;
	struct vnx_accum acc;
	int ret;

	for (size_t i = 0; i < grid->n; i++)
		out[i] = NAN;
	if (tp->method == VNX_ALIGN_NONE || !grid->n)
		return 0;
	ret = vnx_accum_init(&acc, grid);
	if (ret)
		return ret;
	for (size_t i = 0; i < tp->extras.n; i++) {
		const struct vnx_extra *x = &tp->extras.v[i];
		double weight = 1;
		uint64_t t_ns, dur_ns;

		if (x->metric != metric || !place(tp, x->start_s, x->end_s, &t_ns, &dur_ns))
			continue;
		if (level)
			weight = (double)dur_ns / (double)grid->bin_ns;
		vnx_accum_add(&acc, t_ns, dur_ns, x->value * weight);
		vnx_accum_cover(&acc, t_ns, dur_ns);
	}
	vnx_accum_values(&acc, true, out);
	vnx_accum_fini(&acc);
	return 0;
}

/* VNX_THROUGHPUT: the bytes. */
static int one_flow(const struct vnx_throughput *tp, const struct vnx_grid *grid,
		    enum vnx_metric metric, double *out)
{
	return metric == VNX_THROUGHPUT ? flow_series(tp, grid, out)
					: flow_extra(tp, grid, metric, out);
}

/* Adds @tp to the sum of its group: where one of them is missing, the sum is. */
static int add_flow(const struct vnx_throughput *tp, const struct vnx_grid *grid,
		    enum vnx_metric metric, double *one, double *sum)
{
	int ret = one_flow(tp, grid, metric, one);

	for (size_t i = 0; !ret && i < grid->n; i++)
		sum[i] += one[i];
	return ret;
}

/* Flows of one group are summed; the groups follow one another in time. */
static int all_flows(const struct vnx_throughput *tp, const struct vnx_grid *grid,
		     enum vnx_metric metric, double *out)
{
	double *buf VNX_CLEANUP_FREE = NULL;
	unsigned last = tp->group;
	int ret = 0;

	if (!tp->peers.n)
		return one_flow(tp, grid, metric, out);
	buf = malloc((2 * grid->n + 1) * sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	for (size_t i = 0; i < grid->n; i++)
		out[i] = NAN;
	for (size_t i = 0; i < tp->peers.n; i++)
		last = tp->peers.v[i]->group > last ? tp->peers.v[i]->group : last;
	for (unsigned g = 0; g <= last && !ret; g++) {
		double *sum = buf, *one = buf + grid->n;
		double members = tp->group == g;

		memset(sum, 0, grid->n * sizeof(*sum));
		if (tp->group == g)
			ret = add_flow(tp, grid, metric, one, sum);
		for (size_t i = 0; i < tp->peers.n && !ret; i++) {
			if (tp->peers.v[i]->group != g)
				continue;
			ret = add_flow(tp->peers.v[i], grid, metric, one, sum);
			members++;
		}
		for (size_t i = 0; i < grid->n && !ret && members > 0; i++)
			if (isnan(out[i]))
				out[i] = metric == VNX_LOAD_RTT ? sum[i] / members : sum[i];
	}
	return ret;
}

/**
 * vnx_throughput_series() - the main direction on the bins of @grid.
 */
int vnx_throughput_series(const struct vnx_throughput *tp, const struct vnx_grid *grid, double *out)
{
	return all_flows(tp, grid, VNX_THROUGHPUT, out);
}

/**
 * vnx_throughput_extra() - what the generator told beside its bytes, on the bins of @grid.
 */
int vnx_throughput_extra(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			 enum vnx_metric metric, double *out)
{
	int ret = all_flows(tp, grid, metric, out);

	for (size_t i = 0; i < grid->n && !ret; i++)
		if (!isnan(out[i]))
			return 0;
	return ret ? ret : -ENODATA;
}

double vnx_throughput_nominal_s(const struct vnx_throughput *tp)
{
	VNX_CLEANUP_FREE double *len = malloc((tp->intervals.n + 1) * sizeof(*len));

	for (size_t i = 0; len && i < tp->intervals.n; i++)
		len[i] = tp->intervals.v[i].end_s - tp->intervals.v[i].start_s;
	return len ? vnx_median(len, tp->intervals.n) : NAN;
}

/* Marks the bins whose middle lies within [from, to), in bins, as the @number-th interval's. */
static void mark_bins(double from, double to, int number, const struct vnx_grid *grid, int *out)
{
	double first = fmax(ceil(from - 0.5), 0), end = fmin(ceil(to - 0.5), (double)grid->n);

	for (double b = first; b < end; b++) {
		bool within = b >= from - ROUNDED && b + 1 <= to + ROUNDED;

		out[(size_t)b] = within ? number : -number;
	}
}

static void mark_flow(const struct vnx_throughput *tp, const struct vnx_grid *grid, int *number,
		      int *out)
{
	for (size_t i = 0; i < tp->intervals.n && *number < INT_MAX; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];
		uint64_t t_ns, dur_ns;
		double from;

		if (!place(tp, iv->start_s, iv->end_s, &t_ns, &dur_ns))
			continue;
		from = ((double)t_ns - (double)grid->start_ns) / (double)grid->bin_ns;
		++*number;
		mark_bins(from, from + (double)dur_ns / (double)grid->bin_ns, *number, grid, out);
	}
}

/* The flow of @tp and its peers that has the longest intervals. */
static const struct vnx_throughput *coarsest(const struct vnx_throughput *tp)
{
	const struct vnx_throughput *best = tp;

	for (size_t i = 0; i < tp->peers.n; i++)
		if (vnx_throughput_nominal_s(tp->peers.v[i]) > vnx_throughput_nominal_s(best))
			best = tp->peers.v[i];
	return best;
}

/**
 * vnx_throughput_intervals() - what the values of vnx_throughput_series() were measured in.
 *
 * Runs that follow one another are all marked; where flows ran at once the coarsest one's
 * intervals are marked last, over the others'.
 */
bool vnx_throughput_intervals(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			      int *out)
{
	const struct vnx_throughput *last = coarsest(tp);
	double bin_s = (double)grid->bin_ns / VNX_NSEC_PER_SEC;
	int number = 0;

	if (tp->method == VNX_ALIGN_NONE || !(vnx_throughput_nominal_s(last) >= LONGER * bin_s))
		return false;
	memset(out, 0, grid->n * sizeof(*out));
	if (tp != last)
		mark_flow(tp, grid, &number, out);
	for (size_t i = 0; i < tp->peers.n; i++)
		if (tp->peers.v[i] != last)
			mark_flow(tp->peers.v[i], grid, &number, out);
	mark_flow(last, grid, &number, out);
	return true;
}
