/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jiffies on CLOCK_MONOTONIC. The kernel advances jiffies in steps of TICK_NSEC of the
 * monotonic clock (kernel/time/tick-sched.c, tick_do_update_jiffies64), so that
 * mono = phase + jiffies * TICK_NSEC; HZ and the phase are found out from pairs of both
 * clocks read close together.
 */
#ifndef VNX_JIFFIES_H
#define VNX_JIFFIES_H

#include "analysis/util.h"
#include "bpf/count.h"

struct vnx_jiffies {
	unsigned hz;
	uint64_t tick_ns;   /* TICK_NSEC of the kernel */
	int64_t phase_ns;   /* CLOCK_MONOTONIC at jiffy 0, may be negative */
	uint64_t error_ns;  /* ticks were seen to come at most so much late or early */
	uint32_t looks[64]; /* by the binary logarithm of how far off later looks were */
};

/*
 * Fits @pairs (in time order; close enough together to see single ticks, >= 4 ticks).
 * -ERANGE: the ticks fit no HZ that kernels have.
 */
int vnx_jiffies_fit(const struct vnx_clock_pair *pairs, size_t n,
		    struct vnx_jiffies *out) VNX_MUST_CHECK;
uint64_t vnx_jiffies_mono_ns(const struct vnx_jiffies *j, uint64_t jiffies);
/* A later look at both clocks: notes, and returns in ns, how far it lies outside the tick of @j. */
uint64_t vnx_jiffies_check(struct vnx_jiffies *j, const struct vnx_clock_pair *pair);
/*
 * Ticks are late or early by at most this at 19 of 20 looks (a power of two); not less than
 * the fit's own error. A single stall of the whole host says nothing of all other bins.
 */
uint64_t vnx_jiffies_error_ns(const struct vnx_jiffies *j);

#endif
