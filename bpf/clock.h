/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_CLOCK_H
#define VNX_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in ns: the clock of BPF's ktime and of every sample of a live run. */
uint64_t vnx_clock_mono(void);
/* CLOCK_REALTIME minus CLOCK_MONOTONIC in ns, read back to back. */
int64_t vnx_clock_real_minus_mono(void);

/* CPU time of the calling thread in ns. */
uint64_t vnx_clock_thread_cpu(void);

#endif
