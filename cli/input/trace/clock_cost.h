/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What it costs that a trace's clock is not CLOCK_MONOTONIC.
 */
#ifndef VNX_CLOCK_COST_H
#define VNX_CLOCK_COST_H

#include "analysis/util.h"

/* ftrace's latency format: microseconds since the trace began, a moment that it does not tell. */
#define VNX_CLOCK_SINCE_START "since-start"

struct vnx_clock_cost {
	const char *clock;
	const char *cost; /* one sentence without its full stop */
	bool no_time;     /* it counts events: nothing can be read off it */
	bool no_stamps;   /* no time stamp can be brought onto it */
};

/* @clock is what the trace calls it, "" where it does not tell. NULL: "mono", no cost. */
const struct vnx_clock_cost *vnx_clock_cost(const char *clock);

#endif
