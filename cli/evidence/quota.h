/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_QUOTA_H
#define VNX_QUOTA_H

#include "cli/evidence/threads.h"

/* As the source's open(), with another place than /proc. */
int vnx_quota_open_at(void **src, const char *proc, struct vnx_err *err) VNX_MUST_CHECK;

#endif
