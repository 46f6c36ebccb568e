/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_EVIDENCE_KVM_H
#define VNX_EVIDENCE_KVM_H

#include "cli/evidence/evidence.h"

/* As the source's open(), with another place than /sys/kernel/debug. */
int vnx_kvm_open_at(void **src, const char *debugfs, struct vnx_err *err) VNX_MUST_CHECK;
/* As its read(), however short ago the last one was. */
int vnx_kvm_read_now(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err) VNX_MUST_CHECK;

#endif
