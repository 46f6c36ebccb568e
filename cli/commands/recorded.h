/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What replay and report share: how a recording is read and analysed.
 */
#ifndef VNX_RECORDED_H
#define VNX_RECORDED_H

#include "cli/commands/common.h"

/* Options of the reading; those of the analysis are in vnx_view_opts. */
struct vnx_recorded_opts {
	struct vnx_strings vms, hooks;
	uint64_t stage_ns, bin_ns, from_ns, to_ns;
	const char *offset, *baseline;
};

/* Rows for tables of commands: field @f of their own struct @T. */
#define VNX_RECORDED_OPTIONS(T, f)                                                              \
	VNX_VM_OPTION(T, f.vms),                                                                \
		VNX_STAGES_OPTION(T, f.stage_ns,                                                \
				  "the load changed every TIME: correlate within stages"),      \
		VNX_BIN_OPTION(T, f.bin_ns, "width of a bin of a raw trace (500ms)"),           \
		VNX_HOOK_OPTION(T, f.hooks,                                                     \
				"the event of a raw trace to count: handle_tx=tp:probe:my_tx"), \
		VNX_TIME_OPTION(T, f.from_ns, "from", 0,                                        \
				"leave out what is before TIME of the trace's clock;\n"         \
				"                             bins of a raw trace begin there", \
				0, 0),                                                          \
		VNX_TIME_OPTION(T, f.to_ns, "to", 0,                                            \
				"leave out what is after TIME of the trace's clock", 0, 0),     \
		VNX_STRING_OPTION(T, f.offset, "offset", 0, "TIME|search",                      \
				  "add TIME (also -1.5s) to the load's times"),                 \
		VNX_STRING_OPTION(T, f.baseline, "baseline", 0, "REC.vdx",                      \
				  "an earlier run of the same VMs in which all was well")

/*
 * Reads and analyses @path. @view gives the moving average, the load's files and quiet. *kind is
 * the reader's name. On error @out is empty; else vnx_pipeline_fini() frees it. What of a
 * damaged file was left out is said on stderr.
 */
int vnx_recorded_run(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
		     const char *path, struct vnx_pipeline *out, const char **kind,
		     struct vnx_err *err) VNX_MUST_CHECK;
void vnx_recorded_fini(struct vnx_recorded_opts *o);

#endif
