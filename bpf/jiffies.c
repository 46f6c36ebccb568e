// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/jiffies.h"

#include <math.h>

/* HZ of kernel/Kconfig.hz, then those that only some architectures have. */
static const unsigned hz_common[] = { 100, 250, 300, 1000 };
static const unsigned hz_rare[] = { 24, 32, 48, 64, 128, 200, 256, 500, 512, 1024, 1200 };
/* The common ones lie far apart, so that ticks seen late by a tenth still tell them. */
#define COMMON_TOLERANCE 0.08
#define RARE_TOLERANCE 0.01
#define MIN_TICKS 4

uint64_t vnx_jiffies_mono_ns(const struct vnx_jiffies *j, uint64_t jiffies)
{
	return (uint64_t)(j->phase_ns + (int64_t)(jiffies * j->tick_ns));
}

static unsigned hz_nearest(double hz, const unsigned *known, size_t n, double tolerance)
{
	unsigned best = 0;

	for (size_t i = 0; i < n; i++) {
		double off = fabs(hz / known[i] - 1.0);

		if (off < tolerance) {
			tolerance = off;
			best = known[i];
		}
	}
	return best;
}

static unsigned hz_find(double hz)
{
	unsigned rare = hz_nearest(hz, hz_rare, VNX_ARRAY_SIZE(hz_rare), RARE_TOLERANCE);
	unsigned best = hz_nearest(hz, hz_common, VNX_ARRAY_SIZE(hz_common), RARE_TOLERANCE);

	if (best || rare)
		return best ? best : rare;
	return hz_nearest(hz, hz_common, VNX_ARRAY_SIZE(hz_common), COMMON_TOLERANCE);
}

/* First pair of the first and of the last jiffy that were seen to begin. */
static size_t find_edges(const struct vnx_clock_pair *pairs, size_t n, size_t *first, size_t *last)
{
	size_t edges = 0;

	for (size_t i = 1; i < n; i++) {
		if (pairs[i].jiffies == pairs[i - 1].jiffies)
			continue;
		if (!edges++)
			*first = i;
		*last = i;
	}
	return edges;
}

/*
 * A jiffy never begins early: each pair just after an edge bounds the phase from above, by
 * the tick's delay and our own. The least of them is the phase. The edge lies between the
 * two pairs around it, so what exceeds that gap was a late tick and not a late look.
 */
static void fit_phase(const struct vnx_clock_pair *pairs, size_t n, struct vnx_jiffies *out)
{
	int64_t lo = INT64_MAX, late = INT64_MIN, best_gap = 0;

	for (size_t i = 1; i < n; i++) {
		int64_t phase =
			(int64_t)pairs[i].after_ns - (int64_t)(pairs[i].jiffies * out->tick_ns);
		int64_t gap = (int64_t)(pairs[i].after_ns - pairs[i - 1].mono_ns);

		if (pairs[i].jiffies == pairs[i - 1].jiffies)
			continue;
		if (phase < lo) {
			lo = phase;
			best_gap = gap;
		}
		late = phase - gap > late ? phase - gap : late;
	}
	memset(out->looks, 0, sizeof(out->looks));
	out->phase_ns = lo;
	out->error_ns = (uint64_t)(best_gap + (late > lo ? late - lo : 0));
}

int vnx_jiffies_fit(const struct vnx_clock_pair *pairs, size_t n, struct vnx_jiffies *out)
{
	size_t first = 0, last = 0;
	uint64_t ticks;

	if (find_edges(pairs, n, &first, &last) < 2)
		return -ERANGE;
	ticks = pairs[last].jiffies - pairs[first].jiffies;
	if (ticks < MIN_TICKS || pairs[last].mono_ns <= pairs[first].mono_ns)
		return -ERANGE;
	out->hz =
		hz_find((double)ticks * 1e9 / (double)(pairs[last].mono_ns - pairs[first].mono_ns));
	if (!out->hz)
		return -ERANGE;
	out->tick_ns = (VNX_NSEC_PER_SEC + out->hz / 2) / out->hz;
	fit_phase(pairs, n, out);
	return 0;
}

uint64_t vnx_jiffies_check(struct vnx_jiffies *j, const struct vnx_clock_pair *pair)
{
	uint64_t begun = vnx_jiffies_mono_ns(j, pair->jiffies), due = begun + j->tick_ns, off = 0;

	/* An interrupt between the readings is nobody's lateness. */
	if (pair->after_ns < begun)
		off = begun - pair->after_ns;
	else if (pair->mono_ns > due)
		off = pair->mono_ns - due;
	j->looks[off ? 64 - __builtin_clzll(off | 1) - (off >> 63) : 0]++;
	return off;
}

uint64_t vnx_jiffies_error_ns(const struct vnx_jiffies *j)
{
	uint64_t all = 0, within = 0, off;
	unsigned k = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(j->looks); i++)
		all += j->looks[i];
	while (k + 1 < VNX_ARRAY_SIZE(j->looks) && (within += j->looks[k]) * 20 < all * 19)
		k++;
	off = k ? 1ULL << k : 0;
	return off > j->error_ns ? off : j->error_ns;
}
