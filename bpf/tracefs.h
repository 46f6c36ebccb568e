/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the ftrace and the perf back end both need of tracefs. Nothing here mounts it.
 */
#ifndef VNX_TRACEFS_H
#define VNX_TRACEFS_H

#include "bpf/kernel.h"

struct tracefs_dynevent;

/*
 * Path of the mounted tracefs, which libtracefs then uses too; -ENOENT with the remedy in
 * @err where none is mounted, -EACCES where it cannot be read. Caller frees.
 */
int vnx_tracefs_open(char **path, struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Makes spec->system known for a tracepoint hook (raw_tp:NAME names none) and checks that
 * the event is there. As a vnx_attach_fn: 0, -EAGAIN or another -errno and @why.
 */
int vnx_tracefs_resolve(const char *tracefs, const struct vnx_kernel *k,
			const struct vnx_candidate *cand, struct vnx_hook_spec *spec,
			char why[VNX_WHY_LEN]);
/* The event's number for perf_event_attr.config, or -errno. */
int vnx_tracefs_event_id(const char *tracefs, const char *system, const char *name);
/*
 * Makes the kprobe event @group/@event at the entry of @function, in the module that @sym
 * tells. 0 and *out, to be destroyed and freed by the caller; or -errno, *out NULL.
 */
int vnx_tracefs_probe(const char *group, const char *event, const struct vnx_symbol *sym,
		      const char *function, struct tracefs_dynevent **out) VNX_MUST_CHECK;
/*
 * Calls that the probe event @event missed so far, by recursion. 0, or -errno where the kernel
 * does not tell. The file knows no groups: the name must be ours alone.
 */
int vnx_tracefs_missed(const char *tracefs, const char *event, uint64_t *missed) VNX_MUST_CHECK;
/*
 * Removes instances and probes that a killed vnetdx left, by the pid in their names. Every
 * back end does it first, as the next run may use another one.
 */
void vnx_tracefs_clean(void);

#define VNX_INSTANCE_FMT "vnetdx-%d%s" /* pid, "a" or "b" */
#define VNX_GROUP_FMT "vnetdx_%d"      /* pid; a group may hold no dash */

#endif
