/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts that text.c puts together. */
#ifndef VNX_TEXT_H
#define VNX_TEXT_H

#include "cli/output/text/layout.h"

/* An r over this few calls follows from when they happened to come: no words about it. */
#define VNX_FEW_CALLS 20

/* Words for a cause: "CPU contention: ..."; never NULL. */
const char *vnx_text_cause(enum vnx_cause cause);
/* What was not measured in @d, as a list; "" where nothing. */
const char *vnx_text_missing(struct vnx_layout *l, const struct vnx_degradation *d);
/* Everything about one VM. */
void vnx_text_vm(struct vnx_layout *l, const struct vnx_finding *f, size_t i, bool verbose);
/* The verdict on VM @i in one sentence, with marks. */
const char *vnx_text_verdict(struct vnx_layout *l, const struct vnx_diagnosis *dg, size_t i);
/* "1 of 3 VMs degraded, 1 limited, 1 idle" */
const char *vnx_text_tally(struct vnx_layout *l, const struct vnx_diagnosis *dg);
/* How many VMs have that verdict. */
size_t vnx_text_count(const struct vnx_diagnosis *dg, enum vnx_verdict verdict);
/* "virtio-net, back end vhost-net, tap1 in bridge br0, ... pid 223" */
const char *vnx_text_identity(struct vnx_layout *l, const struct vnx_vm *vm);
/* The numbers that decided on the cause, and who is to blame; "" where nothing decided. */
const char *vnx_text_why(struct vnx_layout *l, const struct vnx_degradation *d);
/*
 * What the calls tell of throughput; *instead is what the guest's entries do where the vhost
 * worker tells nothing, else "".
 */
const char *vnx_text_calls(struct vnx_layout *l, const struct vnx_diagnosis *dg,
			   const struct vnx_vm_finding *vm, const char **instead);
/* Why there is no r of @x with throughput. */
const char *vnx_text_no_number(struct vnx_layout *l, enum vnx_metric x, const char *why);
/* How calls and throughput part from stage @a to @b. */
const char *vnx_text_odd(struct vnx_layout *l, const struct vnx_stage *a,
			 const struct vnx_stage *b);
/* How the load's clock was brought onto the host's; "" where there is nothing to bring. */
const char *vnx_text_clock(struct vnx_layout *l, const struct vnx_throughput *tp);
/* What it costs that the trace's clock is not the monotonic one; "" where it is. */
const char *vnx_text_clock_cost(struct vnx_layout *l, const char *clock);
/* Bins that the kernel's tick ended late; stats->bent is not 0. */
const char *vnx_text_bent(struct vnx_layout *l, const struct vnx_capture_stats *stats);
/* Highest valid value of @x, 0 if none. */
double vnx_text_top(const double *x, size_t n);

/* "40 handle_tx: their threads (kworker) are of no known VM", "" where there are none. */
const char *vnx_text_unattributed(struct vnx_layout *l, const struct vnx_run *run);

#endif
