// SPDX-License-Identifier: GPL-2.0-only
/* What the keys do. */
#include "cli/live/view.h"

#include <ncurses.h>
#include <time.h>

#define ESC 27
#define CTRL_U 21

static void move_cursor(struct vnx_live_view *v, long by)
{
	long to = (long)v->cursor + by, last = (long)v->rows.n - 1;

	to = to > last ? last : to;
	v->cursor = to < 0 ? 0 : (size_t)to;
	v->cursor_id = v->rows.n ? v->rows.v[v->cursor].vm->id : 0;
}

static void scroll_page(struct vnx_live_view *v, long by)
{
	long to = (long)v->scroll + by;

	v->scroll = to < 0 ? 0 : (size_t)to; /* drawing keeps it within the page */
}

static void move_by(struct vnx_live_view *v, long by)
{
	if (v->page == VNX_PAGE_LIST)
		move_cursor(v, by);
	else
		scroll_page(v, by);
}

static bool move_key(struct vnx_live_view *v, int key)
{
	long page = v->page_rows > 1 ? (long)v->page_rows - 1 : 1;

	switch (key) {
	case KEY_UP:
	case 'k':
		move_by(v, -1);
		return true;
	case KEY_DOWN:
	case 'j':
		move_by(v, 1);
		return true;
	case KEY_PPAGE:
		move_by(v, -page);
		return true;
	case KEY_NPAGE:
	case ' ':
		move_by(v, page);
		return true;
	case KEY_HOME:
	case 'g':
		move_by(v, -1000000);
		return true;
	case KEY_END:
	case 'G':
		move_by(v, 1000000);
		return true;
	default:
		return false;
	}
}

static void open_page(struct vnx_live_view *v, enum vnx_live_page page)
{
	v->page = v->page == page ? VNX_PAGE_LIST : page;
	v->scroll = 0;
	/* What is looked at in full does not change with the order of the list. */
	if (v->page == VNX_PAGE_DETAIL && v->rows.n)
		v->cursor_id = v->rows.v[v->cursor].vm->id;
}

/* ---- prompts ---- */

static void open_prompt(struct vnx_live_view *v, enum vnx_live_prompt prompt)
{
	v->prompt = prompt;
	*v->message = *v->hint = '\0'; /* of what was done before */
}

static void ask_record(struct vnx_live_view *v)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!v->keep) {
		vnx_live_say(v, "This is a recording already: %s", v->replay ? v->replay : "");
		return;
	}
	if (v->keep->path) {
		open_prompt(v, VNX_PROMPT_STOP);
		*v->input = '\0';
		return;
	}
	open_prompt(v, VNX_PROMPT_RECORD);
	if (!localtime_r(&now, &tm) ||
	    !strftime(v->input, sizeof(v->input), "vnetdx-%Y%m%d-%H%M%S.vdx", &tm))
		snprintf(v->input, sizeof(v->input), "vnetdx.vdx");
}

static void begin_record(struct vnx_live_view *v)
{
	struct vnx_err err = { 0 };

	if (!*v->input)
		return;
	if (vnx_live_keep_begin(v->keep, v->input, false, &err)) {
		vnx_live_say_error(v, &err);
		v->prompt = VNX_PROMPT_RECORD; /* what was typed can be mended */
		return;
	}
	v->keep->failed[0] = '\0';
	vnx_live_say(v, "recording to %s begins", v->input);
}

static void end_record(struct vnx_live_view *v)
{
	struct vnx_err err = { 0 };
	bool began = v->keep->rec;

	if (vnx_live_keep_end(v->keep, v->m, &err))
		vnx_live_say_error(v, &err);
	else if (*v->keep->failed) /* while it was asked */
		vnx_live_say(v, "recording failed: %s", v->keep->failed);
	else if (!began)
		vnx_live_say(v, "nothing was recorded: it had not begun");
	else if (v->keep->done)
		vnx_live_say(v, "recorded to %s", v->keep->done);
}

static void end_prompt(struct vnx_live_view *v, bool accepted)
{
	enum vnx_live_prompt prompt = v->prompt;

	v->prompt = VNX_PROMPT_NONE;
	if (!accepted)
		return;
	if (prompt == VNX_PROMPT_FILTER) {
		snprintf(v->filter, sizeof(v->filter), "%s", v->input);
		v->cursor_id = 0;
		if (v->page == VNX_PAGE_DETAIL) /* of a VM that it may hide */
			open_page(v, VNX_PAGE_LIST);
	} else if (prompt == VNX_PROMPT_RECORD) {
		begin_record(v);
	} else {
		end_record(v);
	}
}

/* The last character goes, all of its bytes. */
static void rub_out(char *text)
{
	size_t n = strlen(text);

	while (n && (text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n ? n - 1 : 0] = '\0';
}

static void prompt_key(struct vnx_live_view *v, int key)
{
	size_t n = strlen(v->input);

	if (v->prompt == VNX_PROMPT_STOP)
		end_prompt(v, key == 'y' || key == 'Y');
	else if (key == '\n' || key == '\r' || key == KEY_ENTER)
		end_prompt(v, true);
	else if (key == ESC)
		end_prompt(v, false);
	else if (key == KEY_BACKSPACE || key == 127 || key == 8)
		rub_out(v->input);
	else if (key == CTRL_U)
		v->input[0] = '\0';
	else if (key >= ' ' && key < 256 && n + 1 < sizeof(v->input)) {
		v->input[n] = (char)key;
		v->input[n + 1] = '\0';
	}
}

/* ---- commands ---- */

static void page_key(struct vnx_live_view *v, int key)
{
	switch (key) {
	case '\n':
	case '\r':
	case KEY_ENTER:
	case 'd':
		open_page(v, VNX_PAGE_DETAIL);
		break;
	case 'e':
		open_page(v, VNX_PAGE_EVENTS);
		break;
	case '?':
	case 'h':
		open_page(v, VNX_PAGE_HELP);
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
		if (v->page == VNX_PAGE_DETAIL)
			move_cursor(v, key == KEY_LEFT ? -1 : 1);
		break;
	case ESC:
	case KEY_BACKSPACE:
	case 127:
		v->page = VNX_PAGE_LIST;
		v->scroll = 0;
		break;
	default:
		break;
	}
}

void vnx_live_key(struct vnx_live_view *v, int key)
{
	if (v->prompt != VNX_PROMPT_NONE) {
		prompt_key(v, key);
		return;
	}
	if (move_key(v, key))
		return;
	switch (key) {
	case 'q':
	case 'Q':
		v->quit = true;
		break;
	case 's':
		v->sort = (v->sort + 1) % VNX_SORTS;
		vnx_live_say(v, "sorted by %s", vnx_live_sort_name(v->sort));
		break;
	case 'S':
		v->reverse = !v->reverse;
		break;
	case 'p':
		v->paused = !v->paused;
		break;
	case '/':
		open_prompt(v, VNX_PROMPT_FILTER);
		snprintf(v->input, sizeof(v->input), "%s", v->filter);
		break;
	case 'r':
		ask_record(v);
		break;
	default:
		page_key(v, key);
	}
}
