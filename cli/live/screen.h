/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A terminal by ncurses: lines go onto it, keys come from it. One at a time, for ncurses has
 * one; it is given back by vnx_screen_close() and at exit.
 */
#ifndef VNX_LIVE_SCREEN_H
#define VNX_LIVE_SCREEN_H

#include "cli/live/view.h"

/* @term: terminfo name, NULL for $TERM. Fails with a sentence where it is not known. */
int vnx_screen_open(const char *term, FILE *out, FILE *in, bool color,
		    struct vnx_err *err) VNX_MUST_CHECK;
void vnx_screen_close(void); /* fine where none is open */
void vnx_screen_size(unsigned *columns, unsigned *lines);
/* @marked: the line under the cursor, SIZE_MAX for none. What did not change is not sent. */
void vnx_screen_paint(const struct vnx_live_lines *lines, size_t marked);
/* The next painting sends all: what others wrote on the terminal (a kernel's message) goes. */
void vnx_screen_redraw(void);
/* A key, KEY_RESIZE, or -1: none waits. */
int vnx_screen_key(void);

#endif
