/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reporter a format: all draw from the same finding.
 */
#ifndef VNX_REPORTER_H
#define VNX_REPORTER_H

#include "analysis/diagnosis.h"
#include "cli/input/reader.h"

/* All that is known at the end of a run; nothing here is owned. */
struct vnx_finding {
	const struct vnx_diagnosis *dg;
	const struct vnx_run *run;
	const struct vnx_throughput *tp; /* NULL: no load generator's output */
	const char *source_kind;         /* "live", "vdx" */
	const char *source_path;         /* "" where none */
};

struct vnx_report_conf {
	bool color;
	unsigned columns; /* of the terminal, 80 if not known */
	bool verbose, quiet;
	bool utf8;
	const char *input; /* of several: headline of text, column of CSV; NULL: the only one */
	bool go_on;        /* ... and others of them stand before it */
};

struct vnx_reporter_ops {
	const char *name; /* "text", "json", "csv" */
	int (*report)(const struct vnx_finding *f, const struct vnx_report_conf *conf, FILE *out,
		      struct vnx_err *err);
};

extern const struct vnx_reporter_ops vnx_reporter_text;
extern const struct vnx_reporter_ops vnx_reporter_json;
extern const struct vnx_reporter_ops vnx_reporter_csv;
extern const struct vnx_reporter_ops vnx_reporter_perfetto;
extern const struct vnx_reporter_ops *const vnx_reporters[]; /* NULL-terminated */

/*
 * The folder of one run's report, see report.h: without a command line and without progress.
 * -ENOENT with a hint where gnuplot is missing (the rest is written all the same).
 */
int vnx_report_folder(const struct vnx_finding *f, const char *dir,
		      struct vnx_err *err) VNX_MUST_CHECK;
/* --perfetto FILE: what vnx_reporter_perfetto writes, into that file. */
int vnx_report_perfetto(const struct vnx_finding *f, const char *path,
			struct vnx_err *err) VNX_MUST_CHECK;
/* The error as a JSON document on @out. */
void vnx_report_error_json(const struct vnx_err *err, FILE *out);

#endif
