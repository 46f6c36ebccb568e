/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts that report_body.c puts together. */
#ifndef VNX_REPORT_PARTS_H
#define VNX_REPORT_PARTS_H

#include "cli/output/plot/plot.h"
#include "cli/output/report/report.h"
#include "cli/output/report/report_doc.h"

/* A figure of one VM, drawn or not. */
struct vnx_drawn {
	const struct vnx_plot_ops *plot;
	size_t vm;
	char *file; /* within the report's folder, without .svg; NULL: it could not be drawn */
	char *why;
};

struct vnx_drawings {
	struct vnx_drawn *v;
	size_t n, cap;
};

#define VNX_STEM_MAX 64

/* One run of the report. */
struct vnx_report_part {
	const struct vnx_report_input *in;
	char *name;                  /* for headings: the end of its path, safe */
	char *folder;                /* of its files, within the report's: "" or "1-run/" */
	char (*stems)[VNX_STEM_MAX]; /* of its VMs, in files' names */
	struct vnx_drawings drawings;
	bool no_gnuplot;
};

struct vnx_report_parts {
	struct vnx_report_part *v;
	size_t n;
	struct vnx_drawn overlay; /* of several runs: plot_overlay.c */
	const struct vnx_report_set *set;
};

/* Writes the whole document; d->ops decides the format. 0, or -errno with a sentence. */
int vnx_report_document(struct vnx_doc *d, const struct vnx_report_parts *parts) VNX_MUST_CHECK;

bool vnx_report_any_throughput(const struct vnx_diagnosis *dg);
/* Whether VM @i gets a part of its own and figures: it is degraded, or moved something. */
bool vnx_report_tells(const struct vnx_diagnosis *dg, size_t i);

/* report_vm.c: what became of VM @i. */
void vnx_report_vm(struct vnx_doc *d, const struct vnx_finding *f, size_t i);
/* report_calls.c: the correlations of every VM that is told of. */
void vnx_report_correlations(struct vnx_doc *d, const struct vnx_finding *f);
/* report_method.c: where the VMs hang, and how it was measured. */
void vnx_report_topology(struct vnx_doc *d, const struct vnx_finding *f);
void vnx_report_method(struct vnx_doc *d, const struct vnx_finding *f);
void vnx_report_repeat(struct vnx_doc *d, const struct vnx_report_set *set,
		       const struct vnx_report_part *part);

/* report_metric.c: what a metric is, in words; NULL where there are none. */
const char *vnx_metric_words(enum vnx_metric m);
/* The unit of a bin's value in the series: "calls", "B", "share 0..1". */
const char *vnx_metric_unit(enum vnx_metric m);
/* A mean rate, share or level with its unit, of the arena: "537 calls/s", "82 %". */
const char *vnx_doc_value(struct vnx_doc *d, enum vnx_metric m, double x);

/*
 * A name of each VM for files: only letters that mean nothing to shells, file systems and web
 * servers, no two the same. Caller frees *out; -ENOMEM.
 */
int vnx_report_stems(const struct vnx_diagnosis *dg, char (**out)[VNX_STEM_MAX]) VNX_MUST_CHECK;

/*
 * plot_overlay.c: the throughput of several runs over each other. Whether two of them have
 * any; gnuplot's script and the pictures as in plot.h; the caption, NULL without memory.
 */
bool vnx_overlay_has(const struct vnx_report_parts *parts);
int vnx_overlay_script(const struct vnx_report_parts *parts, const char *stem, FILE *out,
		       struct vnx_err *err) VNX_MUST_CHECK;
int vnx_overlay_draw(const struct vnx_report_parts *parts, const char *stem, const char *dir,
		     struct vnx_err *err) VNX_MUST_CHECK;
char *vnx_overlay_caption(const struct vnx_report_parts *parts);

/* report_data.c */
int vnx_report_wide(const struct vnx_finding *f, FILE *out, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_report_metrics(const struct vnx_finding *f, FILE *out, struct vnx_err *err) VNX_MUST_CHECK;

#endif
