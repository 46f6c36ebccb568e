/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_RUN_FACTS_H
#define VNX_RUN_FACTS_H

#include "bpf/capture.h"

/* Facts of the run, written at its start; strings are copied. */
struct vnx_run_facts {
	uint64_t bin_ns, start_ns;      /* grid; CLOCK_MONOTONIC */
	uint64_t end_ns;                /* last edge covered; grows while recording */
	int64_t realtime_minus_mono_ns; /* at the start; 0: not known (of a raw trace) */
	char capture[16];               /* back end's name */
	char clock[16];                 /* "mono" */
	char kernel[96], host[96];
	char command[512];              /* the load, "" if none */
	double stage_s;                 /* --stages, 0: not given */
	bool finished;                  /* closed in order, not killed */
	bool clock_stepped;             /* CLOCK_REALTIME moved against MONOTONIC by > 0.1 s */
	struct vnx_capture_stats stats; /* last known */
	double cpu_share;               /* vnetdx's own CPU time / wall time, NaN: not measured */
};

#endif
