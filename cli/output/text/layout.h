/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text for a terminal: paragraphs wrapped by display columns, colour as marks that become
 * escape sequences or nothing, plain ASCII where the terminal knows no more.
 */
#ifndef VNX_LAYOUT_H
#define VNX_LAYOUT_H

#include "cli/output/pick.h"

/* Marks within a paragraph; text from outside can hold none, see vnx_layout_safe(). */
#define VNX_BOLD "\001"
#define VNX_RED "\002"
#define VNX_GREEN "\003"
#define VNX_YELLOW "\004"
#define VNX_DIM "\005"
#define VNX_PLAIN "\006"
#define VNX_NBSP "\302\240" /* a space where no line breaks */

struct vnx_layout {
	FILE *out;
	unsigned columns;
	bool color, utf8;
	bool failed;            /* memory ran out: what was written is not complete */
	struct vnx_texts arena; /* what the functions below return lives until fini */
};

void vnx_layout_init(struct vnx_layout *l, const struct vnx_report_conf *conf, FILE *out);
void vnx_layout_fini(struct vnx_layout *l);

/* Text from outside made harmless: nothing that acts on a terminal is left. NULL: "". */
const char *vnx_layout_safe(struct vnx_layout *l, const char *s);
/* ... and cut to @columns, the cut shown; padded to them, to the left where @right. */
const char *vnx_layout_fit(struct vnx_layout *l, const char *s, unsigned columns, bool right);
/* @s with no place to break a line at: "10 s". */
const char *vnx_layout_glue(struct vnx_layout *l, const char *s);
/* printf into the arena; never NULL. */
const char *vnx_layout_format(struct vnx_layout *l, const char *fmt, ...) VNX_PRINTF(2, 3);

/* One paragraph: @indent on its first line, @hang on the others; empty text: nothing. */
void vnx_layout_para(struct vnx_layout *l, unsigned indent, unsigned hang, const char *fmt, ...)
	VNX_PRINTF(4, 5);
/* One line as it is, not wrapped, without blanks at its end: tables. */
void vnx_layout_line(struct vnx_layout *l, const char *fmt, ...) VNX_PRINTF(2, 3);

/* Columns of a terminal that @s takes; marks and combining characters take none. */
unsigned vnx_text_columns(const char *s);

/*
 * @x[n] from 0 to @top in @width characters, each the mean of the bins it stands for; a
 * place without any valid bin is blank.
 */
const char *vnx_layout_spark(struct vnx_layout *l, const double *x, size_t n, unsigned width,
			     double top);

#endif
