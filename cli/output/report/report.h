/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdx report`: one document of one or several runs, in a folder with its data and figures.
 */
#ifndef VNX_REPORT_H
#define VNX_REPORT_H

#include "cli/output/reporter.h"

/* One run; nothing is owned. */
struct vnx_report_input {
	const char *path;
	const struct vnx_finding *f; /* NULL: it could not be read */
	const struct vnx_err *err;   /* ... and why */
};

struct vnx_report_set {
	const struct vnx_report_input *v;
	size_t n;
	char *const *argv; /* the command line that made it, its command first; or NULL */
	int argc;
	bool quiet; /* no progress */
};

/*
 * Writes index.html, report.md and each run's diagnosis.json, diagnosis.txt, series.csv,
 * series-wide.csv, metrics.csv and figures into @dir, which is made where it is missing: one
 * run's beside the page, several runs' in a folder each, with all of them in report.json. Files
 * of the same name are replaced, others stay. What fails does not take the rest along: -ENOENT
 * where gnuplot is not installed, -EIO where it failed, and the page says so.
 */
int vnx_report_write(const struct vnx_report_set *set, const char *dir,
		     struct vnx_err *err) VNX_MUST_CHECK;

/* report.json, schema vnetdx.report/1: the document of each run, or its error. */
int vnx_report_set_json(const struct vnx_report_set *set, FILE *out,
			struct vnx_err *err) VNX_MUST_CHECK;

#endif
