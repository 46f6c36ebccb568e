// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/report/report_doc.h"

#include <stdarg.h>

#include "cli/base/safe.h"

void vnx_doc_init(struct vnx_doc *d, const struct vnx_doc_ops *ops, const char *dir, FILE *out,
		  struct vnx_err *err)
{
	struct vnx_report_conf conf = { .columns = 80, .utf8 = true };

	*d = (struct vnx_doc){
		.ops = ops, .out = out, .dir = dir, .prefix = "", .base = 1, .err = err
	};
	vnx_layout_init(&d->l, &conf, out);
}

void vnx_doc_fini(struct vnx_doc *d)
{
	vnx_layout_fini(&d->l);
}

const char *vnx_doc_safe(struct vnx_doc *d, const char *s, unsigned columns)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, columns);

	if (!safe)
		d->l.failed = true;
	return vnx_layout_format(&d->l, "%s", safe ? safe : "?");
}

const char *vnx_doc_code(struct vnx_doc *d, const char *s)
{
	const char *safe = vnx_doc_safe(d, s, 0);

	return *safe ? vnx_layout_format(&d->l, VNX_CODE "%s" VNX_PLAIN, safe) : "";
}

static const char *format(struct vnx_doc *d, const char *fmt, va_list ap)
{
	VNX_CLEANUP_FREE char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0) {
		s = NULL;
		d->l.failed = true;
	}
	return vnx_layout_format(&d->l, "%s", s ? s : "?");
}

void vnx_doc_heading(struct vnx_doc *d, unsigned depth, const char *id, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(d, fmt, ap);
	va_end(ap);
	d->ops->heading(d, d->base + depth, vnx_layout_format(&d->l, "%s%s", d->prefix, id), text);
}

void vnx_doc_para(struct vnx_doc *d, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(d, fmt, ap);
	va_end(ap);
	if (*text)
		d->ops->para(d, text);
}

void vnx_doc_cell(struct vnx_doc *d, struct vnx_doc_table *t, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(d, fmt, ap);
	va_end(ap);
	if (vnx_vec_push(&t->cells, text))
		d->l.failed = true;
}

void vnx_doc_table(struct vnx_doc *d, struct vnx_doc_table *t)
{
	/* Where memory ran out a row may be short: the whole document fails then. */
	if (t->cells.n && !d->l.failed)
		d->ops->table(d, t);
	free(t->cells.v);
	t->cells.v = NULL;
	t->cells.n = t->cells.cap = 0;
}
