// SPDX-License-Identifier: GPL-2.0-only
/* Clocks of ftrace (Documentation/trace/ftrace.rst, "trace_clock") and of perf. */
#include "cli/input/trace/clock_cost.h"

static const struct vnx_clock_cost costs[] = {
	{ "",
	  "it may be one a CPU, with CPUs apart: load and trace cannot be aligned by time "
	  "stamps",
	  .no_stamps = true },
	{ "local", "CPUs' clocks may differ and nothing can be aligned by time stamps",
	  .no_stamps = true },
	{ "global",
	  "it keeps the order between CPUs but is not CLOCK_MONOTONIC: nothing can be "
	  "aligned by time stamps",
	  .no_stamps = true },
	{ "counter", "it counts events and knows no time", .no_time = true, .no_stamps = true },
	{ "x86-tsc",
	  "it counts cycles: seconds are as good as the conversion, and nothing can be "
	  "aligned by time stamps",
	  .no_stamps = true },
	{ VNX_CLOCK_SINCE_START,
	  "it counts whole microseconds from the start of the trace, a moment that is not told: "
	  "nothing can be aligned by time stamps",
	  .no_stamps = true },
	{ "perf", "it runs near CLOCK_MONOTONIC but drifts from it: alignment by time stamps gets "
		  "worse with the length of the trace" },
	{ "uptime", "it moves by whole jiffies (1 to 10 ms) and not while suspended" },
	{ "boot", "it runs on while the host is suspended, so it is ahead of CLOCK_MONOTONIC by "
		  "that time" },
	{ "mono_raw", "nothing disciplines it: it drifts from CLOCK_MONOTONIC by up to 0.5 ms a "
		      "second" },
	{ "tai", "it steps when the wall clock is set" },
	{ "realtime", "it steps when the wall clock is set" },
};

static const struct vnx_clock_cost unknown = {
	"?",
	"how it relates to CLOCK_MONOTONIC is not known: nothing can be aligned by time stamps",
	.no_stamps = true
};

const struct vnx_clock_cost *vnx_clock_cost(const char *clock)
{
	if (!strcmp(clock, "mono"))
		return NULL;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(costs); i++)
		if (!strcmp(clock, costs[i].clock))
			return &costs[i];
	return &unknown;
}
