// SPDX-License-Identifier: GPL-2.0-only
/* Signals that end a run: in order, twice, ignored, with a screen open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/live/screen.h"
#include "cli/base/stop.h"

/* Wait status of a child that did @what; it returns what _exit() is given. */
static int status_of(int (*what)(int arg), int arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGHUP, SIG_DFL); /* the tests themselves may run under nohup */
		_exit(what(arg));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int raise_twice(int sig)
{
	vnx_stop_catch();
	if (vnx_stop_asked())
		return 1;
	raise(sig);
	if (!vnx_stop_asked())
		return 2;
	raise(sig);
	return 3;
}

static void test_second_signal(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int sig = i ? SIGTERM : SIGINT, status = status_of(raise_twice, sig);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), sig);
	}
	/* A terminal that closes sends it twice: the end must stay orderly. */
	assert_int_equal(WEXITSTATUS(status_of(raise_twice, SIGHUP)), 3);
}

static int raise_under_nohup(int sig)
{
	signal(SIGHUP, SIG_IGN);
	vnx_stop_catch();
	raise(sig);
	if (vnx_stop_asked())
		return 1;
	vnx_stop_release();
	raise(sig);
	return 0;
}

static void test_nohup(void **state)
{
	int status = status_of(raise_under_nohup, SIGHUP);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int slave, how;

static int die_with_screen(int ignored)
{
	FILE *tty = fdopen(slave, "r+");
	struct vnx_err err = { 0 };

	(void)ignored;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	vnx_stop_catch();
	if (!tty || vnx_screen_open("xterm-256color", tty, tty, true, &err))
		return 1;
	raise(how == 0 ? SIGINT : SIGQUIT);
	raise(SIGINT);
	return 2;
}

static void screen_is_given_back(void)
{
	struct termios before, after;
	char text[8192] = "";
	int master, status;
	size_t len = 0;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	status = status_of(die_with_screen, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), how ? SIGQUIT : SIGINT);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_true(after.c_lflag & ECHO && after.c_lflag & ICANON);
	/* a terminal hands on what was written in pieces, and a little later */
	while (!strstr(text, "\033[?1049l") && len < sizeof(text) - 1) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = read(master, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_non_null(strstr(text, "\033[?1049l"));
	close(slave);
	close(master);
}

static void test_screen_is_given_back(void **state)
{
	(void)state;
	for (how = 0; how < 2; how++)
		screen_is_given_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_signal),
		cmocka_unit_test(test_nohup),
		cmocka_unit_test(test_screen_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
