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

/* Rows for tables of commands; BASE is the command's own struct. */
#define VNX_RECORDED_OPTIONS(T, f)                                                                \
	{                                                                                         \
		"vm",         0,                                                                  \
		VNX_OPT_LIST, offsetof(T, f.vms),                                                 \
		"NAME|PID",   "only this VM (may be repeated)"                                    \
	},                                                                                        \
		{ "stages",                                                                       \
		  0,                                                                              \
		  VNX_OPT_TIME,                                                                   \
		  offsetof(T, f.stage_ns),                                                        \
		  "TIME",                                                                         \
		  "the load changed every TIME: correlate within stages",                         \
		  .min = VNX_NSEC_PER_SEC },                                                      \
		{ "bin",                                                                          \
		  0,                                                                              \
		  VNX_OPT_TIME,                                                                   \
		  offsetof(T, f.bin_ns),                                                          \
		  "TIME",                                                                         \
		  "width of a bin of a raw trace (500ms)",                                        \
		  .min = 10 * VNX_NSEC_PER_MSEC,                                                  \
		  .max = 60 * VNX_NSEC_PER_SEC },                                                 \
		{ "hook",        0,                                                               \
		  VNX_OPT_LIST,  offsetof(T, f.hooks),                                            \
		  "METRIC=HOOK", "the event of a raw trace to count: handle_tx=tp:probe:my_tx" }, \
		{ "from",                                                                         \
		  0,                                                                              \
		  VNX_OPT_TIME,                                                                   \
		  offsetof(T, f.from_ns),                                                         \
		  "TIME",                                                                         \
		  "leave out what is before TIME of the trace's clock;\n"                         \
		  "                             bins of a raw trace begin there" },               \
		{ "to",         0,                                                                \
		  VNX_OPT_TIME, offsetof(T, f.to_ns),                                             \
		  "TIME",       "leave out what is after TIME of the trace's clock" },            \
		{ "offset",       0,                                                              \
		  VNX_OPT_STRING, offsetof(T, f.offset),                                          \
		  "TIME|search",  "add TIME (also -1.5s) to the load's times" },                  \
	{                                                                                         \
		"baseline", 0, VNX_OPT_STRING, offsetof(T, f.baseline), "REC.vdx",                \
			"an earlier run of the same VMs in which all was well"                    \
	}

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
