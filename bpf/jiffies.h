/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a jiffy is. The kernel advances jiffies in steps of TICK_NSEC of the monotonic
 * clock (kernel/time/tick-sched.c, tick_do_update_jiffies64); HZ is found out from pairs of
 * both clocks read close together. A tick may come late all the same, and in emulation all
 * may: no bin depends on more than "so many ticks from now" (bpf/slots.h).
 */
#ifndef VNX_JIFFIES_H
#define VNX_JIFFIES_H

#include "analysis/util.h"
#include "bpf/count.h"

/*
 * TICK_NSEC of the kernel by @pairs (in time order; close enough together to see single
 * ticks, >= 4 ticks). -ERANGE: the ticks fit no HZ that kernels have.
 */
int vnx_jiffies_fit(const struct vnx_clock_pair *pairs, size_t n, uint64_t *tick_ns) VNX_MUST_CHECK;

#endif
