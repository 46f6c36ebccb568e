/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of CPUs of whatever size this kernel has: a cpu_set_t ends at 1024. */
#ifndef VNX_CPUS_H
#define VNX_CPUS_H

#include <sched.h>

#include "analysis/util.h"

struct vnx_cpus {
	cpu_set_t *set;
	size_t size; /* bytes; the same for all sets that were read on one host */
};

/* The CPUs that thread @tid (0: ours) may use, into @out, which is grown as needed. -errno. */
int vnx_cpus_read(struct vnx_cpus *out, uint32_t tid) VNX_MUST_CHECK;
unsigned vnx_cpus_count(const struct vnx_cpus *cpus);
bool vnx_cpus_equal(const struct vnx_cpus *a, const struct vnx_cpus *b);
void vnx_cpus_fini(struct vnx_cpus *cpus);

#endif
