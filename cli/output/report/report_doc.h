/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A report as a document: headings, paragraphs, tables, figures. Its content is written once,
 * against this; the page (HTML) and Markdown are two back ends of it and cannot drift apart.
 *
 * Text may hold the marks of layout.h and VNX_CODE; names and other text from outside goes
 * through vnx_doc_safe() first, which leaves no mark and no control character in it. Each
 * back end escapes what acts in its own format.
 */
#ifndef VNX_REPORT_DOC_H
#define VNX_REPORT_DOC_H

#include "cli/output/text/layout.h"

#define VNX_CODE "\016"      /* a word of the machine's, to VNX_PLAIN */
#define VNX_MINUS "\u2212"   /* a real minus: a hyphen is thin beside digits */
#define VNX_DOC_LABEL_MAX 48 /* columns of a name in a heading; in full it stands elsewhere */

enum vnx_doc_tone { VNX_TONE_PLAIN, VNX_TONE_BAD, VNX_TONE_GOOD, VNX_TONE_WARN };

struct vnx_doc_fact {
	const char *label, *text;
};

enum vnx_doc_kind {
	VNX_COL_WORD,   /* not broken into lines */
	VNX_COL_NUMBER, /* to the right, digits under digits */
	VNX_COL_TEXT,
};

struct vnx_doc_column {
	const char *head;
	enum vnx_doc_kind kind;
};

struct vnx_doc_table {
	const char *caption;
	const struct vnx_doc_column *cols;
	size_t n_cols;
	struct {
		const char **v; /* of the document's arena */
		size_t n, cap;
	} cells;
};

struct vnx_doc_figure {
	const char *id; /* unique in the document */
	const char *title, *caption;
	const char *file; /* within the folder, without .svg or .png; NULL: none */
	const char *why;  /* why there is none */
};

/* One VM's way out; strings are safe, "" where not known. */
struct vnx_doc_port {
	const char *vm, *card, *tap;
};

struct vnx_doc_switch {
	const char *name, *kind, *uplink, *rate;
	const struct vnx_doc_port *ports;
	size_t n_ports;
};

struct vnx_doc;

struct vnx_doc_ops {
	void (*begin)(struct vnx_doc *d, const char *title);
	void (*end)(struct vnx_doc *d);
	/* @level 1 to 6; @id of letters, digits and "-". */
	void (*heading)(struct vnx_doc *d, unsigned level, const char *id, const char *text);
	/* What can be jumped to: label is the id, text the words. */
	void (*contents)(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n);
	void (*para)(struct vnx_doc *d, const char *text);
	void (*list)(struct vnx_doc *d, const char *const *items, size_t n);
	void (*code)(struct vnx_doc *d, const char *text);
	void (*facts)(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n);
	void (*table)(struct vnx_doc *d, const struct vnx_doc_table *t);
	void (*figure)(struct vnx_doc *d, const struct vnx_doc_figure *fig);
	void (*topology)(struct vnx_doc *d, const struct vnx_doc_switch *sw);
	/* What belongs together, in a box; not nested. */
	void (*box)(struct vnx_doc *d, enum vnx_doc_tone tone);
	void (*box_end)(struct vnx_doc *d);
	/* What few will read: folded away where that can be done. */
	void (*fold)(struct vnx_doc *d, const char *title);
	void (*fold_end)(struct vnx_doc *d);
};

extern const struct vnx_doc_ops vnx_doc_page;     /* page.c */
extern const struct vnx_doc_ops vnx_doc_markdown; /* markdown.c */

struct vnx_doc {
	struct vnx_layout l; /* its arena keeps what the functions below return */
	const struct vnx_doc_ops *ops;
	FILE *out;
	const char *dir;    /* the folder that holds the figures */
	const char *prefix; /* of the ids of this part, "" or "in2-" */
	unsigned base;      /* level of the heading above this part's first */
	struct vnx_err *err;
	int ret; /* of the first thing that failed */
};

void vnx_doc_init(struct vnx_doc *d, const struct vnx_doc_ops *ops, const char *dir, FILE *out,
		  struct vnx_err *err);
void vnx_doc_fini(struct vnx_doc *d);

/* Text from outside made harmless; @columns 0: not cut. NULL: "". */
const char *vnx_doc_safe(struct vnx_doc *d, const char *s, unsigned columns);
/* The same as a word of the machine's; "" stays "". */
const char *vnx_doc_code(struct vnx_doc *d, const char *s);

void vnx_doc_heading(struct vnx_doc *d, unsigned depth, const char *id, const char *fmt, ...)
	VNX_PRINTF(4, 5);
void vnx_doc_para(struct vnx_doc *d, const char *fmt, ...) VNX_PRINTF(2, 3);
void vnx_doc_cell(struct vnx_doc *d, struct vnx_doc_table *t, const char *fmt, ...)
	VNX_PRINTF(3, 4);
/* Writes @t where it has rows, and empties it. */
void vnx_doc_table(struct vnx_doc *d, struct vnx_doc_table *t);

#endif
