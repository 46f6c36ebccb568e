// SPDX-License-Identifier: GPL-2.0-only
#include "cli/live/screen.h"

#include <ncurses.h>
#include <termios.h>
#include <unistd.h>

#include "cli/base/stop.h"

#define ESC_DELAY_MS 25 /* a key's sequence comes at once, Esc alone */

static SCREEN *screen;
static FILE *screen_out;

/* Terminals without colour show the same by brightness. */
enum { PAIR_RED = 1, PAIR_GREEN, PAIR_YELLOW };

static void begin_colors(void)
{
	start_color();
	use_default_colors();
	init_pair(PAIR_RED, COLOR_RED, -1);
	init_pair(PAIR_GREEN, COLOR_GREEN, -1);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
}

static bool use_colors;

/* How the terminal was, and what makes it so again, for one that dies with the screen open. */
static struct {
	int fd;
	bool known;
	struct termios modes;
	char text[128];
	size_t len;
} before;

/* A capability of the terminal, without the delays of terminals of old: "$<5>". */
static void note_text(const char *name)
{
	const char *text = tigetstr(name);

	/* NULL: not there, -1: no string. */
	for (; text && text != (char *)-1 && *text; text++) {
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>'))
			text = strchr(text, '>');
		else if (before.len < sizeof(before.text))
			before.text[before.len++] = *text;
	}
}

static void note_before(FILE *out)
{
	before.fd = fileno(out);
	before.known = !tcgetattr(before.fd, &before.modes);
	before.len = 0;
}

/* In a signal's handler: ncurses must not be called. */
static void give_back(void)
{
	ssize_t ignored = write(before.fd, before.text, before.len);

	(void)ignored;
	if (before.known)
		tcsetattr(before.fd, TCSANOW, &before.modes);
}

int vnx_screen_open(const char *term, FILE *out, FILE *in, bool color, struct vnx_err *err)
{
	static bool registered;

	note_before(out);
	screen = newterm(term, out, in);
	if (!screen) {
		vnx_err_hint(err, "Set TERM to what the terminal is, or take lines instead: "
				  "vnetdx live | cat");
		return vnx_err_set(err, -ENOTTY, VNX_EXIT_FAILED, "no-terminal",
				   "the terminal \"%s\" is not known here",
				   term             ? term
				   : getenv("TERM") ? getenv("TERM")
						    : "");
	}
	screen_out = out;
	if (!registered)
		atexit(vnx_screen_close);
	registered = true;
	use_colors = color && has_colors();
	if (use_colors)
		begin_colors();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	curs_set(0);
	set_escdelay(ESC_DELAY_MS);
	note_text("rmkx");
	note_text("sgr0");
	note_text("cnorm");
	note_text("rmcup");
	vnx_stop_on_death(give_back);
	return 0;
}

void vnx_screen_close(void)
{
	if (!screen)
		return;
	vnx_stop_on_death(NULL);
	endwin();
	delscreen(screen);
	screen = NULL;
	fflush(screen_out);
}

void vnx_screen_size(unsigned *columns, unsigned *lines)
{
	*columns = COLS > 0 ? (unsigned)COLS : 0;
	*lines = LINES > 0 ? (unsigned)LINES : 0;
}

static attr_t color_of(int pair)
{
	return use_colors ? (attr_t)COLOR_PAIR(pair) : A_NORMAL;
}

/* The escape sequences of cli/output/text/layout.c; text from outside cannot hold any. */
static attr_t attr_of(attr_t now, long code)
{
	switch (code) {
	case 1:
		return now | A_BOLD;
	case 2:
		return use_colors ? now | A_DIM : now;
	case 31:
		return now | color_of(PAIR_RED);
	case 32:
		return now | color_of(PAIR_GREEN);
	case 33:
		return now | color_of(PAIR_YELLOW);
	default:
		return A_NORMAL;
	}
}

static void paint_line(int y, const char *line, bool marked)
{
	attr_t attr = A_NORMAL, base = marked ? A_REVERSE : A_NORMAL;

	move(y, 0);
	/* The mark goes over the whole line: its end is blank by now. */
	attrset(base);
	for (int x = 0; marked && x < COLS; x++)
		addch(' ');
	move(y, 0);
	while (*line) {
		size_t len = strcspn(line, "\033");

		attrset(attr | base);
		/* Letters wider than we think must not run into the next line. */
		if (len && getcury(stdscr) == y)
			addnstr(line, (int)len);
		line += len;
		if (*line == '\033') {
			char *end;
			long code = strtol(line + 2, &end, 10);

			attr = attr_of(attr, code);
			line = *end ? end + 1 : end;
		}
	}
	attrset(A_NORMAL);
}

void vnx_screen_paint(const struct vnx_live_lines *lines, size_t marked)
{
	erase();
	for (size_t i = 0; i < lines->n && (int)i < LINES; i++)
		paint_line((int)i, lines->v[i], i == marked);
	refresh();
}

void vnx_screen_redraw(void)
{
	clearok(curscr, TRUE);
}

int vnx_screen_key(void)
{
	int key = getch();

	return key == ERR ? -1 : key;
}
