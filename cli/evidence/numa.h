/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_EVIDENCE_NUMA_H
#define VNX_EVIDENCE_NUMA_H

#include "cli/evidence/evidence.h"

/* As the source's open(), with another place than /sys/devices/system/node. */
int vnx_numa_open_at(void **src, const char *path, struct vnx_err *err) VNX_MUST_CHECK;

#endif
