/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several recordings of one command line: one that cannot be read does not take the others along.
 */
#ifndef VNX_RECORDED_SET_H
#define VNX_RECORDED_SET_H

#include "cli/commands/recorded.h"
#include "cli/output/report/report.h"

/* What one INPUT gave. */
struct vnx_recorded_result {
	struct vnx_pipeline p;
	struct vnx_finding f;
	struct vnx_err err;
	int ret; /* 0, or -errno and why in @err */
};

struct vnx_recorded_set {
	struct vnx_report_set set; /* for the reporters */
	struct vnx_report_input *inputs;
	struct vnx_recorded_result *results;
	size_t failed; /* how many of set.n could not be read */
};

/* Called for each INPUT as soon as it is analysed; what it returns other than 0 ends the set. */
typedef int (*vnx_recorded_fn)(const struct vnx_view_opts *view, const struct vnx_finding *f,
			       bool first, struct vnx_err *err);

/*
 * -EINVAL where an option is of one recording and @n are given, or "-" is given twice. @command
 * stands in the remedy.
 */
int vnx_recorded_set_check(const struct vnx_view_opts *view, const char *command, char **paths,
			   size_t n, struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Reads and analyses all of @paths, which must outlive @out. @each may be NULL. Unless memory is
 * out or @each fails 0, even where none could be read. vnx_recorded_set_fini() in any case.
 */
int vnx_recorded_set_read(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
			  char **paths, size_t n, vnx_recorded_fn each,
			  struct vnx_recorded_set *out, struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Says on stderr what could not be read. Where nothing could, the first failure is the command's
 * own: returned, with @err.
 */
int vnx_recorded_set_say(const struct vnx_recorded_set *set, struct vnx_err *err) VNX_MUST_CHECK;
/* The exit code of a set of which something was read. */
int vnx_recorded_set_exit(const struct vnx_recorded_set *set, const struct vnx_view_opts *view);
void vnx_recorded_set_fini(struct vnx_recorded_set *set);

#endif
