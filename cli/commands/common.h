/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What diagnose, record and replay share: their options and the way out.
 */
#ifndef VNX_COMMON_H
#define VNX_COMMON_H

#include "cli/options.h"
#include "cli/output/report/report.h"
#include "cli/pipeline/pipeline.h"
#include "cli/record/session.h"

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

/* Rows for tables of commands: field @f of their own struct @T. */
#define VNX_LIST_OPTION(T, f, name, arg, help)                   \
	{                                                        \
		name, 0, VNX_OPT_LIST, offsetof(T, f), arg, help \
	}
#define VNX_STRING_OPTION(T, f, name, letter, arg, help)                \
	{                                                               \
		name, letter, VNX_OPT_STRING, offsetof(T, f), arg, help \
	}
#define VNX_TIME_OPTION(T, f, name, letter, help, from, to)                                      \
	{                                                                                        \
		name, letter, VNX_OPT_TIME, offsetof(T, f), "TIME", help, .min = from, .max = to \
	}
#define VNX_VM_OPTION(T, f) \
	VNX_LIST_OPTION(T, f, "vm", "NAME|PID", "only this VM (may be repeated)")
#define VNX_HOOK_OPTION(T, f, help) VNX_LIST_OPTION(T, f, "hook", "METRIC=HOOK", help)
#define VNX_THROUGHPUT_OPTION(T, f)                 \
	VNX_LIST_OPTION(T, f, "throughput", "FILE", \
			"output of iperf3, iperf2, netperf -D, a CSV (may be repeated)")
#define VNX_BIN_OPTION(T, f, help) \
	VNX_TIME_OPTION(T, f, "bin", 0, help, 10 * VNX_NSEC_PER_MSEC, 60 * VNX_NSEC_PER_SEC)
#define VNX_STAGES_OPTION(T, f, help) VNX_TIME_OPTION(T, f, "stages", 0, help, VNX_NSEC_PER_SEC, 0)
#define VNX_SMA_OPTION(T, f)                                                  \
	VNX_TIME_OPTION(T, f, "sma", 0, "window of the moving average (10s)", \
			10 * VNX_NSEC_PER_MSEC, 0)
#define VNX_BACKEND_OPTION(T, f, help)                                    \
	{                                                                 \
		"backend", 0, VNX_OPT_ENUM, offsetof(T, f), "NAME", help, \
			.values = vnx_backend_choices                     \
	}

#define VNX_LIVE_OPTIONS(T, f)                                                                     \
	VNX_TIME_OPTION(T, f.duration_ns, "duration", 'd', "how long to record", VNX_NSEC_PER_SEC, \
			0),                                                                        \
		VNX_VM_OPTION(T, f.vms), VNX_BIN_OPTION(T, f.bin_ns, "width of a bin (500ms)"),    \
		VNX_STAGES_OPTION(T, f.stage_ns,                                                   \
				  "the load changes every TIME: correlate within stages"),         \
		VNX_BACKEND_OPTION(T, f.backend, "auto, bpf, ftrace or perf"),                     \
		VNX_HOOK_OPTION(T, f.hooks, "override a hook: handle_tx=kprobe:my_tx"),            \
		VNX_LIST_OPTION(                                                                   \
			T, f.without, "without", "SOURCE",                                         \
			"off: sched, quota, host, holder, net, load, load-tcp, kvm, numa or all"), \
		VNX_STRING_OPTION(T, f.events, "events", 0, "FILE.dat",                            \
				  "raw events too, for trace-cmd and KernelShark"),                \
		VNX_FLAG(T, f.force, "force", 0, "overwrite existing files")

#define VNX_VIEW_OPTIONS(T, f)                                                                    \
	VNX_SMA_OPTION(T, f.sma_ns),                                                              \
		VNX_STRING_OPTION(T, f.report_dir, "report", 0, "DIR",                            \
				  "write a report to DIR: page, figures, JSON, CSV"),             \
		VNX_THROUGHPUT_OPTION(T, f.throughput),                                           \
		VNX_STRING_OPTION(T, f.perfetto, "perfetto", 0, "FILE.json",                      \
				  "write the series and falls for ui.perfetto.dev"),              \
		VNX_JSON_FLAG(T, f.json), VNX_FLAG(T, f.csv, "csv", 0, "the series as CSV"),      \
		VNX_CHECK_FLAG(T, f.check), VNX_NO_COLOR_FLAG(T, f.no_color),                     \
		VNX_FLAG(T, f.quiet, "quiet", 'q', "no progress; of the text the verdict alone"), \
		VNX_IN_FULL_FLAG(T, f.verbose)

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

/* -EINVAL where both of two formats are wanted. */
int vnx_one_format(bool a, const char *a_name, bool b, const char *b_name,
		   struct vnx_err *err) VNX_MUST_CHECK;
/* Options that exclude each other: -EINVAL. */
int vnx_view_check(const struct vnx_view_opts *view, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * Prints @f on @out as @view wants it, without its report. @input is its path where there are
 * several, else NULL; @first: nothing of the others stands on @out yet.
 */
int vnx_view_print(const struct vnx_view_opts *view, const struct vnx_finding *f, const char *input,
		   bool first, FILE *out, struct vnx_err *err) VNX_MUST_CHECK;
/* The one document on stdout: vnetdx.diagnosis/1 of one run, vnetdx.report/1 of several. */
int vnx_view_print_set(const struct vnx_report_set *set, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * Prints what @p found as @view wants it and returns the exit code. @kind and @path are
 * source.kind and source.path of the JSON.
 */
int vnx_view_run(const struct vnx_view_opts *view, const struct vnx_pipeline *p, const char *kind,
		 const char *path);

#endif
