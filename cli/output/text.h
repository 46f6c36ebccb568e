/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts that text.c puts together. */
#ifndef VNX_TEXT_H
#define VNX_TEXT_H

#include "cli/output/layout.h"

/* Words for a cause: "CPU contention: ..."; never NULL. */
const char *vnx_text_cause(enum vnx_cause cause);
/* What was not measured in @d, as a list; "" where nothing. */
const char *vnx_text_missing(struct vnx_layout *l, const struct vnx_degradation *d);
/* Everything about one VM. */
void vnx_text_vm(struct vnx_layout *l, const struct vnx_finding *f, size_t i, bool verbose);
/* Highest valid value of @x, 0 if none. */
double vnx_text_top(const double *x, size_t n);

#endif
