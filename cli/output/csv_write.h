/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNX_CSV_OUT_H
#define VNX_CSV_OUT_H

#include "cli/output/reporter.h"

/*
 * @s as a field of RFC 4180, in quotes where it needs them. A text that begins like a formula
 * is run by spreadsheets: it gets an apostrophe, which they drop again. Caller frees; NULL when
 * memory is out.
 */
char *vnx_csv_text(const char *s) VNX_MUST_CHECK;

#endif
