/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_HOST_EVIDENCE_H
#define VNX_HOST_EVIDENCE_H

#include "cli/evidence/evidence.h"

/* As the source's open(), with another place than /proc. */
int vnx_host_evidence_open_at(void **src, const char *proc, struct vnx_err *err) VNX_MUST_CHECK;

#endif
