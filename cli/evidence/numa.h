/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_EVIDENCE_NUMA_H
#define VNX_EVIDENCE_NUMA_H

#include "cli/evidence/threads.h"

#define VNX_NO_NODE UINT32_MAX

/* As the source's open(), with another place than /sys/devices/system/node. */
int vnx_numa_open_at(void **src, const char *path, struct vnx_err *err) VNX_MUST_CHECK;
/* A sample a worker of @list; @nodes: the node that each of its threads ran on. */
int vnx_numa_emit(const struct vnx_threads *list, const uint32_t *nodes, uint64_t from_ns,
		  uint64_t to_ns, const struct vnx_readings *out) VNX_MUST_CHECK;

#endif
