// SPDX-License-Identifier: GPL-2.0-only
/* What the live view answers to keys, to what goes away, and to readers of its lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio_ext.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/live/app.h"
#include "cli/base/stop.h"
#include "tests/unit/live_bed.h"

/* ---- the list and the detail ---- */

static void test_filter_while_paused(void **state)
{
	struct bed *b = *state;

	three_vms(b);
	press(b, "sp"); /* by name */
	for (int i = 0; i < 20; i++) {
		feed_vm(&b->f, 0, 500 * MBIT, 0);
		end_bin(b);
	}
	press(b, "/MA\n");
	assert_int_equal(b->v.rows.n, 1);
	assert_string_equal(b->v.rows.v[0].vm->label, "mail");
	assert_float_equal(b->v.rows.v[0].bps, 20 * MBIT, MBIT); /* as it was */
	press(b, "/\x15\n");
	assert_order(b, "db", "mail", "web");
	assert_true(b->v.rows.v[2].bps < 20 * MBIT);
	press(b, "/\x15w\np");
	assert_int_equal(b->v.rows.n, 1);
	assert_true(b->v.rows.v[0].bps > 400 * MBIT);
}

static void test_detail_of_one_that_went(void **state)
{
	struct bed *b = *state;

	three_vms(b);
	press(b, "s"); /* by name */
	vnx_live_key(&b->v, KEY_DOWN);
	press(b, "d");
	assert_string_equal(vnx_live_view_row(&b->v)->vm->label, "mail");
	b->f.vms.v[2].last_ns = b->f.facts.end_ns;
	run_bins(b, 100, MBIT, 0);
	press(b, "");
	assert_int_equal(b->v.page, VNX_PAGE_DETAIL);
	assert_string_equal(vnx_live_view_row(&b->v)->vm->label, "mail");
	run_bins(b, 40, MBIT, 0); /* it is shown for a minute */
	press(b, "");
	assert_int_equal(b->v.page, VNX_PAGE_LIST);
	assert_string_equal(b->v.message, "mail is gone");
	/* A filter that hides it leads back to the list as well. */
	press(b, "d/web\n");
	assert_int_equal(b->v.page, VNX_PAGE_LIST);
	assert_string_equal(vnx_live_view_row(&b->v)->vm->label, "web");
}

static void test_peak_of_nothing_is_missing(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	for (int i = 0; i < 5; i++)
		end_bin(b);
	press(b, "d");
	assert_true(is_drawn(b, "peak not measured"));
	run_bins(b, 5, 0, 0);
	assert_true(is_drawn(b, "peak 0 bit/s"));
	run_bins(b, 5, 10 * MBIT, 0);
	assert_true(is_drawn(b, "peak 10"));
}

/* vhost_net was unloaded while it was looked at. */
static void test_hook_that_went_is_told(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	b->v.lines = 60;
	run_bins(b, 3, MBIT, 0);
	press(b, "d");
	assert_true(is_drawn(b, "handle_tx by fentry:made_up"));
	b->f.hooks.v[0].until_ns = b->f.facts.end_ns;
	run_bins(b, 3, MBIT, 0);
	assert_true(is_drawn(b, "handle_tx no longer counted: was by fentry:made_up"));
	assert_true(is_drawn(b, "handle_rx by fentry:made_up"));
}

/* It never ran; what another one counts in its place says nothing of the time before. */
static void test_bins_of_a_replaced_hook_are_missing(void **state)
{
	struct bed *b = *state;
	const float *calls;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 6, 0, 0);
	calls = b->m->vms.v[0]->ring[VNX_HANDLE_RX];
	assert_float_equal(calls[1], 0, 0);
	b->f.hooks.v[1].since_ns = b->f.facts.end_ns;
	snprintf(b->f.hooks.v[1].hook, sizeof(b->f.hooks.v[1].hook), "kprobe:made_up");
	run_bins(b, 6, 0, 0);
	for (size_t i = 0; i < 6; i++)
		assert_true(isnan(calls[i]));
	assert_float_equal(calls[8], 0, 0);
}

/* ---- recording ---- */

/* Stopped before the bin that begins it: what was recorded before is not told again. */
static void test_recording_that_never_began(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	b->keep.done = strdup("earlier.vdx");
	press(b, "r\x15/nowhere/at/all.vdx\n");
	assert_non_null(b->keep.path);
	press(b, "ry");
	assert_null(b->keep.path);
	assert_string_equal(b->v.message, "nothing was recorded: it had not begun");
	/* It fails while it is asked whether to stop. */
	press(b, "r\x15/nowhere/at/all.vdx\nr");
	run_bins(b, 1, MBIT, 0);
	press(b, "y");
	assert_non_null(strstr(b->v.message, "recording failed"));
}

/* The remedy is told, and the path that was typed stays to be mended. */
static void test_taken_name_is_asked_again(void **state)
{
	struct bed *b = *state;
	char path[] = "/tmp/vnx-live-XXXXXX", keys[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	snprintf(keys, sizeof(keys), "r\x15%s\n", path);
	press(b, keys);
	assert_null(b->keep.path);
	assert_true(is_drawn(b, "exists and is not overwritten"));
	assert_true(is_drawn(b, "Give another name, or remove that file first."));
	assert_true(is_drawn(b, "record to: "));
	assert_string_equal(b->v.input, path);
	press(b, "-2\n");
	assert_non_null(b->keep.path);
	assert_non_null(strstr(b->keep.path, "-2"));
	assert_false(is_drawn(b, "Give another name"));
	unlink(path);
}

static void test_failure_keeps_its_remedy(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m };
	struct vnx_err err = { 0 };

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 1, MBIT, 0);
	assert_int_equal(vnx_live_keep_begin(&b->keep, "/nowhere/at/all.vdx", false, &err), 0);
	run_bins(b, 1, MBIT, 0);
	assert_true(b->keep.remedy[0]);
	assert_non_null(strstr(last_of(b, VNX_EVENT_NOTE)->text, b->keep.remedy));
	a.keep = b->keep;
	b->keep = (struct vnx_live_keep){ 0 };
	assert_int_not_equal(vnx_live_app_complete(&a, &err), 0);
	assert_string_equal(err.hint, a.keep.remedy);
	vnx_live_keep_fini(&a.keep);
}

/* ---- lines instead of a screen ---- */

/* A pipe as a stream; *reader is its other end. */
static FILE *open_pipe(int *reader)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	*reader = fd[0];
	return fdopen(fd[1], "w");
}

static void test_reader_that_went(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m, .lines = true, .interval_ns = FEED_BIN_NS };
	struct vnx_err err = { 0 };
	int reader;
	FILE *out = open_pipe(&reader);

	close(reader);
	a.view.m = b->m;
	feed_add_vm(&b->f, "vm1");
	vnx_stop_catch(); /* SIGPIPE is an error then */
	run_bins(b, 1, MBIT, 0);
	assert_int_equal(vnx_live_plain(&a, out, &err), -EPIPE);
	assert_string_equal(err.message, "the program that reads the output went away");
	assert_true(a.lines);
	raise(SIGTERM); /* Ctrl-C ended the reader as well: in order */
	run_bins(b, 1, MBIT, 0);
	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	assert_false(a.lines);
	assert_int_equal(err.message[0], 0);
	vnx_stop_release();
	vnx_live_view_fini(&a.view);
	fclose(out);
}

static void fill_pipe(int fd)
{
	char some[4096] = { 0 };
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	while (write(fd, some, sizeof(some)) > 0)
		;
	while (write(fd, some, 1) > 0)
		;
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

/* Asks for the end again and again, for the first time may be before anything waits. */
static pid_t start_asking(void)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	while (!pid) {
		usleep(20000);
		if (getppid() != parent || kill(parent, SIGHUP))
			_exit(0);
	}
	return pid;
}

static void test_reader_that_does_not_read(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m, .lines = true, .interval_ns = FEED_BIN_NS };
	struct vnx_err err = { 0 };
	int reader;
	FILE *out = open_pipe(&reader);
	pid_t asking;

	fill_pipe(fileno(out));
	a.view.m = b->m;
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 1, MBIT, 0);
	signal(SIGHUP, SIG_DFL); /* under nohup too */
	vnx_stop_catch();
	asking = start_asking();
	assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	assert_false(a.lines);
	kill(asking, SIGKILL);
	assert_int_equal(waitpid(asking, NULL, 0), asking);
	/* Nothing is left that closing, or exit(), would wait for. */
	assert_int_equal(__fpending(out), 0);
	vnx_stop_release();
	vnx_live_view_fini(&a.view);
	fclose(out);
	close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_filter_while_paused),
		LIVE_TEST(test_detail_of_one_that_went),
		LIVE_TEST(test_peak_of_nothing_is_missing),
		LIVE_TEST(test_hook_that_went_is_told),
		LIVE_TEST(test_bins_of_a_replaced_hook_are_missing),
		LIVE_TEST(test_reader_that_went),
		LIVE_TEST(test_reader_that_does_not_read),
		LIVE_TEST(test_recording_that_never_began),
		LIVE_TEST(test_taken_name_is_asked_again),
		LIVE_TEST(test_failure_keeps_its_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
