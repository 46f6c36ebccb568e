/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples sorted into VMs: which thread or interface belongs to whom, what was observed
 * when, and the series that come of it.
 */
#ifndef VNX_SERIES_H
#define VNX_SERIES_H

#include "analysis/parts.h"
#include "analysis/timeline.h"
#include "analysis/vm.h"
#include "cli/input/reader.h"

struct vnx_series_set; /* all VMs of one run */

/* @run stays the caller's and must outlive the set. */
int vnx_series_new(struct vnx_series_set **out, const struct vnx_run *run,
		   const struct vnx_grid *grid) VNX_MUST_CHECK;
void vnx_series_free(struct vnx_series_set *set);
/* Sorts one sample in; -ENOMEM. What belongs to no VM is counted, not dropped silently. */
int vnx_series_add(struct vnx_series_set *set, const struct vnx_sample *s) VNX_MUST_CHECK;
/* After the last sample: values are made, coverage judged. */
int vnx_series_finish(struct vnx_series_set *set) VNX_MUST_CHECK;

/* grid.n values, NaN missing; NULL: not measured for that VM. Owned by the set. */
const double *vnx_series_get(const struct vnx_series_set *set, size_t vm, enum vnx_metric metric);
/* The VM's workers and vCPUs, each of its own: @n of them. Owned by the set. */
const struct vnx_thread_input *vnx_series_threads(const struct vnx_series_set *set, size_t vm,
						  size_t *n);
/* As vnx_series_get(), of the load generator or the host as a whole (VNX_OF_LOAD, VNX_OF_HOST). */
const double *vnx_series_shared(const struct vnx_series_set *set, enum vnx_metric metric);
/* Counts of the whole run by metric, bins that are missing or cut included. Owned by the set. */
const double *vnx_series_totals(const struct vnx_series_set *set, size_t vm);
/* grid.n flags: something was lost there that could belong to any VM. */
const bool *vnx_series_lost(const struct vnx_series_set *set);
uint64_t vnx_series_lost_events(const struct vnx_series_set *set);
uint64_t vnx_series_unattributed(const struct vnx_series_set *set, enum vnx_metric metric);

#endif
