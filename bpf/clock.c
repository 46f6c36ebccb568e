// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t vnx_clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Preemption between two readings looks like a step: the narrowest of several is taken. */
int64_t vnx_clock_real_minus_mono(void)
{
	int64_t best = 0;
	uint64_t width = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = read_clock(CLOCK_MONOTONIC);
		uint64_t real = read_clock(CLOCK_REALTIME);
		uint64_t after = read_clock(CLOCK_MONOTONIC);

		if (after - before < width) {
			width = after - before;
			best = (int64_t)(real - before - width / 2);
		}
	}
	return best;
}

uint64_t vnx_clock_thread_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
