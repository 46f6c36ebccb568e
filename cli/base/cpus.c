// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/cpus.h"

#define SIZE_MAX_BYTES (1u << 17) /* a million CPUs */

static int grow(struct vnx_cpus *cpus)
{
	size_t size = cpus->size ? 2 * cpus->size : sizeof(cpu_set_t);
	cpu_set_t *set = realloc(cpus->set, size);

	if (!set)
		return -ENOMEM;
	*cpus = (struct vnx_cpus){ set, size };
	return 0;
}

int vnx_cpus_read(struct vnx_cpus *out, uint32_t tid)
{
	int ret = out->size ? 0 : grow(out);

	while (!ret) {
		memset(out->set, 0, out->size);
		if (!sched_getaffinity((pid_t)tid, out->size, out->set))
			return 0;
		/* EINVAL: this kernel may have more CPUs (sched_getaffinity(2)). */
		ret = errno == EINVAL && out->size < SIZE_MAX_BYTES ? grow(out) : -errno;
	}
	return ret;
}

unsigned vnx_cpus_count(const struct vnx_cpus *cpus)
{
	return (unsigned)CPU_COUNT_S(cpus->size, cpus->set);
}

bool vnx_cpus_equal(const struct vnx_cpus *a, const struct vnx_cpus *b)
{
	return a->size == b->size && CPU_EQUAL_S(a->size, a->set, b->set);
}

void vnx_cpus_fini(struct vnx_cpus *cpus)
{
	free(cpus->set);
}
