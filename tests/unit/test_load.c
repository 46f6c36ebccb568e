// SPDX-License-Identifier: GPL-2.0-only
/* The load after "--": its lines, their times, and every way in which it can end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/record/load.h"
#include "cli/record/memory.h"

#define MS VNX_NSEC_PER_MSEC
#define BIN (500 * MS)
/* of a test that hangs */
#define LIMIT (60 * VNX_NSEC_PER_SEC)

static struct vnx_err err;
static struct vnx_load *load;
static struct vnx_load_lines lines;
static char fifo[64];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * VNX_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int setup(void **state)
{
	err = (struct vnx_err){ 0 };
	load = NULL;
	return 0;
}

static int teardown(void **state)
{
	vnx_load_free(load);
	load = NULL;
	vnx_load_lines_fini(&lines);
	return 0;
}

static void start(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };

	assert_int_equal(vnx_load_start(&load, argv, BIN, &err), 0);
	assert_string_equal(vnx_load_added(load), "");
}

/* It finds in $F a fifo whose other end meet() opens: both wait there for each other. */
static void start_with_fifo(const char *script)
{
	snprintf(fifo, sizeof(fifo), "/tmp/vnx-load-%d", getpid());
	assert_int_equal(mkfifo(fifo, 0600), 0);
	setenv("F", fifo, 1);
	start(script);
}

static void meet(int flags)
{
	int fd = open(fifo, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	unlink(fifo);
}

/* As the caller's loop does it, until @n lines are there or it is over. Returns how often it woke.
 */
static int run_until_lines(size_t n)
{
	uint64_t t0 = now_ns();
	int wakes = 0;

	while (lines.n < n && vnx_load_running(load)) {
		struct pollfd p = { .fd = vnx_load_fd(load), .events = POLLIN };

		poll(&p, 1, 100);
		assert_int_equal(vnx_load_pump(load, &lines, &err), 0);
		assert_true(now_ns() - t0 < LIMIT);
		wakes++;
	}
	return wakes;
}

static int run_until_over(void)
{
	return run_until_lines(SIZE_MAX);
}

/* Waits for one of the @states ("ZX": gone, and not every machine has an init that reaps). */
static bool comes_to(pid_t pid, const char *states)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (uint64_t t0 = now_ns(); now_ns() - t0 < LIMIT; usleep(10000)) {
		FILE *f = fopen(path, "r");
		char *state = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;

		if (f)
			fclose(f);
		if (state ? strchr(states, state[2]) : strchr(states, 'X'))
			return true;
	}
	return false;
}

static void check_argv(const char *given, const char *want, const char *want_added)
{
	char *argv[32] = { NULL }, added[64], text[256], got[256] = "";
	char **out = NULL, *save = NULL;
	int n = 0;

	snprintf(text, sizeof(text), "%s", given);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	assert_int_equal(vnx_load_argv(argv, BIN, &out, added, sizeof(added)), 0);
	for (int i = 0; out[i]; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			 out[i]);
	vnx_load_argv_free(out);
	assert_string_equal(got, want);
	assert_string_equal(added, want_added);
}

static void test_argv(void **state)
{
#define BOTH "-i 0.5 --forceflush"
	check_argv("iperf3 -c h -R", "iperf3 " BOTH " -c h -R", BOTH);
	check_argv("/usr/bin/iperf3 -c h", "/usr/bin/iperf3 " BOTH " -c h", BOTH);
	check_argv("iperf3 -c h -i 1", "iperf3 --forceflush -c h -i 1", "--forceflush");
	check_argv("iperf3 -c h -i1", "iperf3 --forceflush -c h -i1", "--forceflush");
	check_argv("iperf3 -Ri 1 -c h", "iperf3 --forceflush -Ri 1 -c h", "--forceflush");
	check_argv("iperf3 --interval=2 -c h", "iperf3 --forceflush --interval=2 -c h",
		   "--forceflush");
	check_argv("iperf3 --interv 2 -c h", "iperf3 --forceflush --interv 2 -c h", "--forceflush");
	check_argv("iperf3 -c h -J", "iperf3 -i 0.5 -c h -J", "-i 0.5");
	check_argv("iperf3 -uJ -c h", "iperf3 -i 0.5 -uJ -c h", "-i 0.5");
	check_argv("iperf3 -c h --json", "iperf3 -i 0.5 -c h --json", "-i 0.5");
	check_argv("iperf3 -c h --json-stream -i 1", "iperf3 -c h --json-stream -i 1", "");
	check_argv("iperf3 -c h --forceflush -i 1", "iperf3 -c h --forceflush -i 1", "");
	/* values that look like options, options that look alike */
	check_argv("iperf3 -c -J", "iperf3 " BOTH " -c -J", BOTH);
	check_argv("iperf3 -ci", "iperf3 " BOTH " -ci", BOTH);
	check_argv("iperf3 -c h --idle-timeout 5 -I f",
		   "iperf3 " BOTH " -c h --idle-timeout 5 -I f", BOTH);
	check_argv("iperf3 -c h --format m", "iperf3 " BOTH " -c h --format m", BOTH);
	check_argv("iperf3 -c h -- -J", "iperf3 " BOTH " -c h -- -J", BOTH);
	/* through another program */
	check_argv("ip netns exec a iperf3 -c h", "ip netns exec a iperf3 " BOTH " -c h", BOTH);
	check_argv("taskset -c 1 iperf3 -c h -J", "taskset -c 1 iperf3 -i 0.5 -c h -J", "-i 0.5");
	/* not ours to touch */
	check_argv("netperf -H h", "netperf -H h", "");
	check_argv("./run.sh iperf3", "./run.sh iperf3", "");
	check_argv("iperf -c h", "iperf -c h", "");
}

static void test_interval_is_the_bin(void **state)
{
	char *argv[] = { "iperf3", "-c", "h", "-J", NULL }, added[64], **out;
	static const struct {
		uint64_t bin_ns;
		const char *added;
	} t[] = { { 250 * MS, "-i 0.25" },
		  { 10 * MS, "-i 0.1" },
		  { 1000 * MS, "-i 1" },
		  { 100 * VNX_NSEC_PER_SEC, "-i 60" } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(t); i++) {
		assert_int_equal(vnx_load_argv(argv, t[i].bin_ns, &out, added, sizeof(added)), 0);
		assert_string_equal(added, t[i].added);
		vnx_load_argv_free(out);
	}
}

static void test_lines_and_stamps(void **state)
{
	uint64_t before = now_ns(), between;

	/* It says b when it was told to: after a was read. */
	start_with_fifo("printf 'a\\n'; read x <$F; printf 'b\\r\\n\\nc'");
	run_until_lines(1);
	between = now_ns();
	meet(O_WRONLY);
	run_until_over();
	assert_false(vnx_load_running(load));
	assert_int_equal(lines.n, 4);
	assert_string_equal(lines.v[0].text, "a");
	assert_string_equal(lines.v[1].text, "b");
	assert_string_equal(lines.v[2].text, "");
	assert_string_equal(lines.v[3].text, "c"); /* without its newline */
	assert_in_range(lines.v[0].arrival_ns, before, between);
	assert_in_range(lines.v[1].arrival_ns, between, now_ns());
	assert_false(vnx_load_failed(load, false, &err));
}

static void test_partial_line_grows(void **state)
{
	start("printf 'one '; sleep 0.2; printf 'two '; sleep 0.2; echo three");
	run_until_over();
	assert_int_equal(lines.n, 1);
	assert_string_equal(lines.v[0].text, "one two three");
}

static void test_environment(void **state)
{
	/* C locale, nothing to read, signals as a program expects them: yes dies of SIGPIPE */
	signal(SIGPIPE, SIG_IGN);
	start("echo $LC_ALL; wc -c; yes | head -n 1; exec 2>&1; (yes; echo $?) | head -n 1");
	run_until_over();
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(lines.n, 4);
	assert_string_equal(lines.v[0].text, "C");
	assert_string_equal(lines.v[1].text, "0");
	assert_string_equal(lines.v[2].text, "y");
}

static void test_odd_bytes_and_long_lines(void **state)
{
	size_t total = 0;

	start("printf 'a\\000b\\377\\n'; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end");
	run_until_over();
	assert_string_equal(lines.v[0].text, "a b\377");
	assert_string_equal(lines.v[lines.n - 1].text, "end");
	for (size_t i = 1; i < lines.n - 1; i++) {
		assert_true(strlen(lines.v[i].text) <= 1 << 20);
		total += strlen(lines.v[i].text);
	}
	assert_int_equal(total, 3000000);
}

static void test_flood(void **state)
{
	start("exec yes 'a flood of words, again and again and again and again and again'");
	run_until_lines(1000);
	vnx_load_stop(load, LIMIT, &lines);
	assert_false(vnx_load_running(load));
	assert_false(vnx_load_failed(load, true, &err));
}

static void test_bad_ends(void **state)
{
	start("echo out; echo first >&2; echo '  the reason  ' >&2; exit 3");
	run_until_over();
	assert_int_equal(lines.n, 1);
	vnx_load_stop(load, 100 * MS, &lines); /* harmless by now */
	assert_true(vnx_load_failed(load, false, &err));
	assert_string_equal(err.message, "the load sh ended with exit status 3: the reason");
	teardown(state);

	err = (struct vnx_err){ 0 };
	start("kill -9 $$");
	run_until_over();
	assert_true(vnx_load_failed(load, false, &err));
	assert_string_equal(err.message, "the load sh was killed by signal 9 (Killed)");
	teardown(state);

	/* iperf3 -J tells its errors on stdout; much talk on stderr keeps its end */
	err = (struct vnx_err){ 0 };
	start("echo '\"error\": \"unable to connect to server\"'; exit 1");
	run_until_over();
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "unable to connect"));
	assert_non_null(strstr(err.hint, "iperf3 -s"));
	teardown(state);

	err = (struct vnx_err){ 0 };
	start("yes talk | head -n 100000 >&2; echo last words >&2; exit 1");
	run_until_over();
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "status 1: last words"));
}

static void start_fails(char *name, int want, const char *words, const char *hint)
{
	char *argv[] = { name, NULL };

	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_load_start(&load, argv, BIN, &err), want);
	assert_null(load);
	assert_int_equal(err.exit, VNX_EXIT_FAILED);
	assert_non_null(strstr(err.message, words));
	assert_non_null(strstr(err.hint, hint));
}

static void test_cannot_start(void **state)
{
	char *old = strdup(getenv("PATH"));

	start_fails("/no/such/program", -ENOENT, "/no/such/program was not found", "path");
	start_fails("/dev/null", -EACCES, "Permission denied", "chmod");
	start_fails("/tmp", -EACCES, "Permission denied", "");
	setenv("PATH", "/no/such/folder", 1);
	start_fails("iperf3", -ENOENT, "iperf3 was not found", "apt install iperf3");
	setenv("PATH", old, 1);
	free(old);
}

/* Grace is LIMIT where SIGINT alone must do: SIGTERM would come too late. */
static void stop_by_sigint(void)
{
	uint64_t t0 = now_ns();

	assert_true(vnx_load_running(load));
	vnx_load_stop(load, LIMIT, &lines);
	assert_true(now_ns() - t0 < LIMIT);
	assert_false(vnx_load_running(load));
}

static void test_never_a_newline(void **state)
{
	start_with_fifo("printf 'no newline'; : >$F; exec sleep 1000");
	meet(O_RDONLY);
	assert_int_equal(vnx_load_pump(load, &lines, &err), 0);
	assert_int_equal(lines.n, 0);
	stop_by_sigint();
	assert_int_equal(lines.n, 1);
	assert_string_equal(lines.v[0].text, "no newline");
}

static void test_last_words_after_stop(void **state)
{
	start("trap 'echo summary; exit 1' INT; echo ready; while :; do sleep 0.05; done");
	run_until_lines(1);
	stop_by_sigint();
	assert_int_equal(lines.n, 2);
	assert_string_equal(lines.v[1].text, "summary");
	assert_false(vnx_load_failed(load, true, &err));
}

static void test_deaf_to_signals(void **state)
{
	uint64_t t0;

	start("trap '' INT TERM; echo ready; while :; do sleep 0.05; done");
	run_until_lines(1);
	t0 = now_ns();
	vnx_load_stop(load, 200 * MS, &lines);
	assert_in_range(now_ns() - t0, 400 * MS, LIMIT);
	assert_false(vnx_load_running(load));
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "signal 9"));
}

static void test_stopped_child(void **state)
{
	start("kill -STOP $$");
	assert_true(comes_to((pid_t)vnx_load_pid(load), "T"));
	stop_by_sigint();
}

static void test_closes_output_early(void **state)
{
	uint64_t t0 = now_ns();
	int wakes;

	start("echo a; exec >&- 2>&-; sleep 0.5; exit 4");
	wakes = run_until_over();
	assert_true(now_ns() - t0 > 450 * MS);
	/* closed descriptors must not be polled in a loop: a wake in 100 ms, and one for each of
	 * its ends */
	assert_true((uint64_t)wakes < 10 + (now_ns() - t0) / (100 * MS));
	assert_int_equal(lines.n, 1);
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "status 4"));
}

/* The command is gone, what it left in the background still writes: that is the load. */
static void test_background(void **state)
{
	start("(sleep 0.3; echo late) & exit 0");
	run_until_over();
	assert_int_equal(lines.n, 1);
	assert_string_equal(lines.v[0].text, "late");
	teardown(state);

	start("sleep 77 & echo $!; exit 0"); /* silent: waited for, but not for ever */
	run_until_over();
	assert_false(vnx_load_running(load));
	assert_int_equal(lines.n, 1);
	vnx_load_stop(load, 100 * MS, &lines);
	assert_true(comes_to(atoi(lines.v[0].text), "ZX")); /* and not left behind */
}

static void test_daemon(void **state)
{
	pid_t daemon;

	start("setsid sh -c 'echo $$; exec sleep 1000' & exit 0"); /* out of the group's reach */
	run_until_over();
	vnx_load_stop(load, 100 * MS, &lines);
	assert_int_equal(lines.n, 1);
	daemon = atoi(lines.v[0].text);
	assert_int_equal(kill(daemon, 0), 0); /* its end was not waited for */
	kill(daemon, SIGKILL);
}

static void test_dies_with_us(void **state)
{
	int fd[2], status;
	char buf[32] = "";
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		start("echo $$; exec sleep 77");
		run_until_lines(1);
		if (write(fd[1], lines.v[0].text, strlen(lines.v[0].text)) > 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_true(read(fd[0], buf, sizeof(buf) - 1) > 0);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_true(comes_to(atoi(buf), "ZX"));
}

/* Real iperf3 on a port of our own over loopback. */

static bool listens(const char *port)
{
	static const char *tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	char line[512], address[16];
	bool found = false;

	snprintf(address, sizeof(address), ":%04X ", atoi(port));
	for (size_t i = 0; i < VNX_ARRAY_SIZE(tables); i++) {
		FILE *f = fopen(tables[i], "r");

		while (f && fgets(line, sizeof(line), f))
			found |= strstr(line, address) && strstr(line, " 0A ");
		if (f)
			fclose(f);
	}
	return found;
}

static pid_t server(const char *port)
{
	pid_t pid;

	if (listens(port))
		return -1;
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("iperf3", "iperf3", "-s", "-1", "-p", port, NULL);
		_exit(127);
	}
	while (!listens(port)) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		usleep(10000);
	}
	return pid;
}

static void start_client(char *port, char *seconds)
{
	char *argv[] = { "iperf3", "-c", "127.0.0.1", "-p", port, "-t", seconds, NULL };

	assert_int_equal(vnx_load_start(&load, argv, 200 * MS, &err), 0);
	assert_string_equal(vnx_load_added(load), "-i 0.2 --forceflush");
}

static void test_iperf3(void **state)
{
	struct vnx_throughput *tp = NULL;
	pid_t pid = server("5391");

	if (pid < 0) {
		print_message("SKIP: iperf3 is not here or port 5391 is taken\n");
		skip();
	}
	start_client("5391", "2");
	run_until_over();
	waitpid(pid, NULL, 0);
	assert_false(vnx_load_failed(load, false, &err));
	assert_int_equal(vnx_throughput_parse(&lines, &tp, &err), 0);
	assert_in_range(tp->intervals.n, 3, 11);
	/* lines came as they were printed, not all at the end */
	assert_true(tp->intervals.v[0].arrival_ns <
		    tp->intervals.v[tp->intervals.n - 1].arrival_ns);
	vnx_throughput_align(tp, INT64_MIN);
	assert_int_equal(tp->method, VNX_ALIGN_ARRIVAL);
	assert_true(tp->zero_ns < (int64_t)tp->intervals.v[0].arrival_ns);
	vnx_throughput_free(tp);
}

static void test_iperf3_server_dies(void **state)
{
	struct vnx_throughput *tp = NULL;
	pid_t pid = server("5392");

	if (pid < 0) {
		print_message("SKIP: iperf3 is not here or port 5392 is taken\n");
		skip();
	}
	start_client("5392", "30");
	run_until_lines(8); /* 3 of head, then an interval each */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	run_until_over();
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "the load iperf3 ended with exit status 1: iperf3: "));
	assert_int_equal(vnx_throughput_parse(&lines, &tp, &err), 0);
	assert_true(tp->intervals.n >= 3); /* what was got stays */
	vnx_throughput_free(tp);
}

static void test_iperf3_refused(void **state)
{
	char *argv[] = { "iperf3", "-c", "127.0.0.1", "-p", "1", NULL };

	if (vnx_load_start(&load, argv, BIN, &err) == -ENOENT) {
		print_message("SKIP: iperf3 is not here\n");
		skip();
	}
	run_until_over();
	assert_true(vnx_load_failed(load, false, &err));
	assert_non_null(strstr(err.message, "Connection refused"));
	assert_non_null(strstr(err.hint, "iperf3 -s"));
}

/* What we may open is ours alone: programs of old times look at all they may have. */
static void test_open_files(void **state)
{
	struct rlimit before = { 0 }, low, raised;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 97;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	vnx_files_raise();
	vnx_files_raise();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &raised), 0);
	assert_int_equal(raised.rlim_cur, raised.rlim_max);
	start("ulimit -Sn");
	run_until_lines(1);
	assert_string_equal(lines.v[0].text, "97");
	setrlimit(RLIMIT_NOFILE, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argv),
		cmocka_unit_test(test_interval_is_the_bin),
		cmocka_unit_test_setup_teardown(test_lines_and_stamps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partial_line_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_bytes_and_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_a_newline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words_after_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deaf_to_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closes_output_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_background, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dies_with_us, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iperf3, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iperf3_server_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iperf3_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
