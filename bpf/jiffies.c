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

int vnx_jiffies_fit(const struct vnx_clock_pair *pairs, size_t n, uint64_t *tick_ns)
{
	size_t first = 0, last = 0;
	uint64_t ticks;
	unsigned hz;

	if (find_edges(pairs, n, &first, &last) < 2)
		return -ERANGE;
	ticks = pairs[last].jiffies - pairs[first].jiffies;
	if (ticks < MIN_TICKS || pairs[last].mono_ns <= pairs[first].mono_ns)
		return -ERANGE;
	hz = hz_find((double)ticks * 1e9 / (double)(pairs[last].mono_ns - pairs[first].mono_ns));
	if (!hz)
		return -ERANGE;
	*tick_ns = (VNX_NSEC_PER_SEC + hz / 2) / hz;
	return 0;
}
