// SPDX-License-Identifier: GPL-2.0-only
#include "cli/live/app.h"

#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/live/screen.h"

/* Painting may take 1/500 of a core, unless the screen would be older than that. */
#define PAINT_SHARE 500
#define PAINT_MIN_NS (500 * VNX_NSEC_PER_MSEC)
#define PAINT_MAX_NS (2 * VNX_NSEC_PER_SEC)
#define CTRL_L 12

int vnx_live_app_init(struct vnx_live_app *a, const char *replay, double share)
{
	struct vnx_live_conf conf = { .share = share };

	a->m = vnx_live_model_new(&conf);
	if (!a->m)
		return -ENOMEM;
	a->lines = !a->full_screen;
	a->view.m = a->m;
	a->view.keep = replay ? NULL : &a->keep;
	a->view.replay = replay;
	a->view.utf8 = a->utf8;
	a->view.color = !a->no_color;
	a->view.columns = VNX_LIVE_MIN_COLUMNS;
	a->view.lines = VNX_LIVE_MIN_ROWS;
	return 0;
}

void vnx_live_app_fini(struct vnx_live_app *a)
{
	vnx_live_app_end(a);
	vnx_live_keep_fini(&a->keep);
	vnx_live_view_fini(&a->view);
	vnx_live_model_free(a->m);
	a->m = NULL;
}

int vnx_live_app_complete(struct vnx_live_app *a, struct vnx_err *err)
{
	int ret;

	vnx_live_app_end(a);
	ret = a->m ? vnx_live_keep_end(&a->keep, a->m, err) : 0;
	if (!ret && a->keep.failed[0]) {
		if (*a->keep.remedy)
			vnx_err_hint(err, "%s", a->keep.remedy);
		ret = vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "recording-failed",
				  "recording failed: %s", a->keep.failed);
	}
	return ret;
}

int vnx_live_app_fd(const struct vnx_live_app *a)
{
	return a->full_screen ? STDIN_FILENO : -1;
}

void vnx_live_app_end(void *arg)
{
	struct vnx_live_app *a = arg;

	if (a->open)
		vnx_screen_close();
	a->open = false;
	a->full_screen = false;
}

/* One line instead of the screen, where there is none to draw yet or no room for it. */
static int paint_sentence(const char *text)
{
	struct vnx_live_lines lines = { 0 };
	char *line = strdup(text);
	int ret = line ? vnx_vec_push(&lines, line) : -ENOMEM;

	if (ret)
		free(line);
	else
		vnx_screen_paint(&lines, SIZE_MAX);
	vnx_live_lines_fini(&lines);
	return ret;
}

static int paint_lines(struct vnx_live_app *a)
{
	struct vnx_live_lines lines = { 0 };
	size_t marked = SIZE_MAX;
	int ret = vnx_live_view_update(&a->view);

	if (!ret)
		ret = vnx_live_draw(&a->view, &lines, &marked);
	if (!ret)
		vnx_screen_paint(&lines, marked);
	vnx_live_lines_fini(&lines);
	return ret;
}

static int paint_page(struct vnx_live_app *a)
{
	char text[128];

	vnx_screen_size(&a->view.columns, &a->view.lines);
	if (a->view.columns < VNX_LIVE_MIN_COLUMNS || a->view.lines < VNX_LIVE_MIN_ROWS) {
		snprintf(text, sizeof(text), "%ux%u is too small, 80x24 is needed (q: quit)",
			 a->view.columns, a->view.lines);
		return paint_sentence(text);
	}
	if (!a->m->bins)
		return paint_sentence("vnetdx live: measuring the first bin");
	return paint_lines(a);
}

uint64_t vnx_live_paint_pause_ns(uint64_t cost_ns)
{
	uint64_t pause_ns = cost_ns * PAINT_SHARE;

	/* Painted as bins end: a moment less than the bins that it spans. */
	return (pause_ns < PAINT_MIN_NS   ? PAINT_MIN_NS
		: pause_ns > PAINT_MAX_NS ? PAINT_MAX_NS
					  : pause_ns) -
	       PAINT_MIN_NS / 10;
}

static int paint(struct vnx_live_app *a)
{
	uint64_t begun_ns = vnx_clock_thread_cpu();
	int ret = paint_page(a);

	a->next_paint_ns =
		vnx_clock_mono() + vnx_live_paint_pause_ns(vnx_clock_thread_cpu() - begun_ns);
	return ret;
}

static int open_once(struct vnx_live_app *a, struct vnx_err *err)
{
	int ret;

	if (a->open || !a->full_screen)
		return 0;
	ret = vnx_screen_open(NULL, stdout, stdin, !a->no_color, err);
	a->open = !ret;
	return ret ? ret : paint(a);
}

int vnx_live_app_bin(void *arg, const struct vnx_seen *seen, struct vnx_err *err)
{
	struct vnx_live_app *a = arg;
	int ret = vnx_live_model_feed(a->m, seen);

	if (!ret)
		ret = vnx_live_keep_feed(&a->keep, a->m, seen, err);
	if (!ret && a->full_screen)
		ret = open_once(a, err);
	else if (!ret && a->lines)
		ret = vnx_live_plain(a, stdout, err);
	if (!ret && a->open && vnx_clock_mono() >= a->next_paint_ns)
		ret = paint(a);
	return ret;
}

/* A terminal that hung up gives no keys, and no rest either. */
static bool hung_up(void)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR | POLLNVAL);
}

int vnx_live_app_wake(void *arg, struct vnx_err *err)
{
	struct vnx_live_app *a = arg;
	bool any = false;
	int key, ret;

	if (!a->full_screen)
		return 0;
	ret = open_once(a, err);
	if (ret)
		return ret;
	while ((key = vnx_screen_key()) >= 0) {
		any = true;
		if (key == CTRL_L)
			vnx_screen_redraw();
		else if (a->m->bins && key != KEY_RESIZE)
			vnx_live_key(&a->view, key);
		else if (key == 'q')
			a->view.quit = true;
	}
	if (a->view.quit || (!any && hung_up()))
		return 1;
	if (any || vnx_clock_mono() >= a->next_paint_ns)
		ret = paint(a);
	return ret;
}
