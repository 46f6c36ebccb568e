/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_PAGE_H
#define VNX_PAGE_H

#include "cli/output/report/report_doc.h"

/* @s as HTML text, marks as elements. */
void vnx_page_text(const char *s, FILE *out);
/* ... as an attribute's value between double quotes, marks left out. */
void vnx_page_attribute(const char *s, FILE *out);
/* The style sheet. */
void vnx_page_style(FILE *out);

#endif
