/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names come from other people's processes: they may hold terminal escapes, broken UTF-8,
 * or three hundred letters. What is printed for a person goes through here.
 */
#ifndef VNX_SAFE_H
#define VNX_SAFE_H

#include "analysis/util.h"

/*
 * A copy of @s that is harmless on a terminal and in a file: control characters (C0, DEL, C1,
 * line separators, the invisible marks that reorder text) and bytes that are not UTF-8 become
 * "\xNN" text, and what is wider than @width columns is cut to end in "..." (@width 0: no
 * limit; below 4 it is cut without dots). Always valid UTF-8. Caller frees; NULL when memory
 * is out. @s NULL counts as "".
 */
char *vnx_text_safe(const char *s, unsigned width) VNX_MUST_CHECK;
/* Columns that the valid UTF-8 text @s takes on a terminal, double-width letters counted twice. */
unsigned vnx_text_width(const char *s);
/*
 * vnx_text_safe() printed on @out and padded with blanks to @width columns; @width 0 neither
 * cuts nor pads. For tables.
 */
void vnx_text_cell(FILE *out, const char *s, unsigned width);

/*
 * A copy of @s that is valid UTF-8: bytes that are not become "\xNN" text, everything else
 * stays (controls too: JSON escapes those itself). Caller frees; NULL when memory is out.
 */
char *vnx_utf8_dup(const char *s) VNX_MUST_CHECK;
/* @s on @out as a quoted Graphviz or JSON-like string, made safe first. */
void vnx_text_quote(FILE *out, const char *s);
/* The same without the quotes, as a part of a longer string. */
void vnx_text_escape(FILE *out, const char *s);

/*
 * One UTF-8 character of @s: its code point in *@cp, its length in bytes returned; 0 at the
 * end; a byte that is not UTF-8 gives U+FFFD and 1.
 */
size_t vnx_utf8_next(const char *s, uint32_t *cp);
/* Characters that act on a terminal or reorder the text around them. */
bool vnx_utf8_is_control(uint32_t cp);

#endif
