/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What diagnose, record and replay share: their options and the way out.
 */
#ifndef VNX_COMMON_H
#define VNX_COMMON_H

#include "cli/options.h"
#include "cli/pipeline.h"
#include "cli/session.h"

/* Options of a live capture. */
struct vnx_live_opts {
	uint64_t duration_ns, bin_ns, stage_ns;
	const char *backend, *path, *events;
	struct vnx_strings vms, hooks, without;
	bool force, quiet, verbose, json;
	const struct vnx_watch *watch;
};

/* Options of the analysis and its output. */
struct vnx_view_opts {
	uint64_t sma_ns;
	const char *report_dir, *perfetto;
	struct vnx_strings throughput;
	bool json, csv, check, no_color, quiet, verbose;
	char **argv; /* the command line, for a report's "how to repeat it" */
	int argc;
};

extern const char *const vnx_backend_choices[];

/* Rows for tables of commands; BASE is the command's own struct. */
#define VNX_LIVE_OPTIONS(T, f)                                                                   \
	{ "duration",                                                                            \
	  'd',                                                                                   \
	  VNX_OPT_TIME,                                                                          \
	  offsetof(T, f.duration_ns),                                                            \
	  "TIME",                                                                                \
	  "how long to record",                                                                  \
	  .min = VNX_NSEC_PER_SEC },                                                             \
		{ "vm",         0,                                                               \
		  VNX_OPT_LIST, offsetof(T, f.vms),                                              \
		  "NAME|PID",   "only this VM (may be repeated)" },                              \
		{ "bin",                                                                         \
		  0,                                                                             \
		  VNX_OPT_TIME,                                                                  \
		  offsetof(T, f.bin_ns),                                                         \
		  "TIME",                                                                        \
		  "width of a bin (500ms)",                                                      \
		  .min = 10 * VNX_NSEC_PER_MSEC,                                                 \
		  .max = 60 * VNX_NSEC_PER_SEC },                                                \
		{ "stages",                                                                      \
		  0,                                                                             \
		  VNX_OPT_TIME,                                                                  \
		  offsetof(T, f.stage_ns),                                                       \
		  "TIME",                                                                        \
		  "the load changes every TIME: correlate within stages",                        \
		  .min = VNX_NSEC_PER_SEC },                                                     \
		{ "backend",                                                                     \
		  0,                                                                             \
		  VNX_OPT_ENUM,                                                                  \
		  offsetof(T, f.backend),                                                        \
		  "NAME",                                                                        \
		  "auto, bpf, ftrace or perf",                                                   \
		  .values = vnx_backend_choices },                                               \
		{ "hook",        0,                                                              \
		  VNX_OPT_LIST,  offsetof(T, f.hooks),                                           \
		  "METRIC=HOOK", "override a hook: handle_tx=kprobe:my_tx" },                    \
		{ "without",                                                                     \
		  0,                                                                             \
		  VNX_OPT_LIST,                                                                  \
		  offsetof(T, f.without),                                                        \
		  "SOURCE",                                                                      \
		  "off: sched, quota, host, holder, net, load, load-tcp, kvm, numa or all" },    \
		{ "events",       0,                                                             \
		  VNX_OPT_STRING, offsetof(T, f.events),                                         \
		  "FILE.dat",     "raw events too, for trace-cmd and KernelShark" },             \
	{                                                                                        \
		"force", 0, VNX_OPT_FLAG, offsetof(T, f.force), NULL, "overwrite existing files" \
	}

#define VNX_VIEW_OPTIONS(T, f)                                                               \
	{ "sma",                                                                             \
	  0,                                                                                 \
	  VNX_OPT_TIME,                                                                      \
	  offsetof(T, f.sma_ns),                                                             \
	  "TIME",                                                                            \
	  "window of the moving average (10s)",                                              \
	  .min = 10 * VNX_NSEC_PER_MSEC },                                                   \
		{ "report",       0,                                                         \
		  VNX_OPT_STRING, offsetof(T, f.report_dir),                                 \
		  "DIR",          "write a report to DIR: page, figures, JSON, CSV" },       \
		{ "throughput", 0,                                                           \
		  VNX_OPT_LIST, offsetof(T, f.throughput),                                   \
		  "FILE",       "output of iperf3, netperf -D, a CSV (may be repeated)" },   \
		{ "perfetto",     0,                                                         \
		  VNX_OPT_STRING, offsetof(T, f.perfetto),                                   \
		  "FILE.json",    "write the series and falls for ui.perfetto.dev" },        \
		{ "json", 0, VNX_OPT_FLAG, offsetof(T, f.json), NULL, "one JSON document" }, \
		{ "csv", 0, VNX_OPT_FLAG, offsetof(T, f.csv), NULL, "the series as CSV" },   \
		{ "check",      0,                                                           \
		  VNX_OPT_FLAG, offsetof(T, f.check),                                        \
		  NULL,         "exit with 4 where a degradation was found" },               \
	{                                                                                    \
		"no-color", 0, VNX_OPT_FLAG, offsetof(T, f.no_color), NULL, "plain text"     \
	}

/*
 * -EINVAL where an operand stands before "--": @first and @cmd are what
 * vnx_options_parse() gave.
 */
int vnx_no_operands(const char *name, int first, int cmd, int argc, char **argv,
		    struct vnx_err *err) VNX_MUST_CHECK;

struct vnx_overrides {
	struct vnx_hook_override *v;
	size_t n, cap;
};

/* "METRIC=HOOK" texts of --hook, which must outlive @out; its v is to be freed. */
int vnx_overrides_parse(const struct vnx_strings *texts, struct vnx_overrides *out,
			struct vnx_err *err) VNX_MUST_CHECK;

/* Records as @opts say; the rest as of vnx_session_run(). @command may be NULL. */
int vnx_live_run(const struct vnx_live_opts *opts, char **command, struct vnx_recording **out,
		 bool *load_failed, struct vnx_err *err) VNX_MUST_CHECK;

/* Options that exclude each other: -EINVAL. */
int vnx_view_check(const struct vnx_view_opts *view, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * Prints what @p found as @view wants it and returns the exit code. @kind and @path are
 * source.kind and source.path of the JSON.
 */
int vnx_view_run(const struct vnx_view_opts *view, const struct vnx_pipeline *p, const char *kind,
		 const char *path);

#endif
