// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of /proc/PID/stat: whole, hostile and cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/base/proc.h"

/* Of a 6.1 host: a vCPU's process; its flags, start and last CPU are 1077936384, 4711 and 37. */
#define REST                                                                                   \
	" S 23 29 31 0 -1 1077936384 5 0 0 0 1 2 0 0 20 0 4 0 4711 99 9 18446744073709551615 " \
	"1 1 0 0 0 0 0 4096 0 0 0 0 17 37 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void assert_line(const char *comm)
{
	char line[512];
	struct vnx_proc_stat st;

	snprintf(line, sizeof(line), "4242 (%s)%s", comm, REST);
	assert_int_equal(vnx_proc_stat_parse(line, &st), 0);
	assert_int_equal(st.pid, 4242);
	assert_string_equal(st.comm, comm);
	assert_int_equal(st.state, 'S');
	assert_false(st.ended || st.kthread);
	assert_int_equal(st.parent, 23);
	assert_int_equal(st.group, 29);
	assert_int_equal(st.start_ticks, 4711);
	assert_int_equal(st.last_cpu, 37);
}

static void names(void **state)
{
	static const char *const comms[] = {
		"qemu-system-x86",
		"",
		" ",
		"CPU 0/KVM",
		") R 1 1 1",
		"a) Z 7 (b",
		":-)",
		"((()",
		"1 (2) 3",
		"\xff\xfe",
		"kworker/u128:3-events_unbound_of_a_long_name_as_the_kernel_has",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(comms); i++)
		assert_line(comms[i]);
}

static void states(void **state)
{
	static const struct {
		const char *line;
		char state;
		bool ended, kthread;
	} rows[] = {
		{ "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5", 'S', false,
		  true },
		{ "9 (x) Z 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0\n", 'Z', true, false },
		{ "9 (x) X 0 -1 -1 0 -1 4 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0\n", 'X', true, false },
		{ "9 (x) R 1 1 1 0 -1 4 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0\n", 'R', true, false },
		{ "9 (x) t 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0\n", 't', false, false },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		struct vnx_proc_stat st;

		assert_int_equal(vnx_proc_stat_parse(rows[i].line, &st), 0);
		assert_int_equal(st.state, rows[i].state);
		assert_int_equal(st.ended, rows[i].ended);
		assert_int_equal(st.kthread, rows[i].kthread);
		assert_true(st.state != 'X' || (!st.parent && !st.group));
		/* The line ends before it. */
		assert_int_equal(st.last_cpu, -1);
	}
}

static void broken(void **state)
{
	static const char *const lines[] = {
		"",
		"(",
		")",
		")(",
		"1 (x",
		"1 x) S 1",
		"1 (x)",
		"1 (x) ",
		"1 (x)\n",
		"1 (x) S",
		"x (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0",
		"-1 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0",
		"4294967296 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0",
		/* no number, one too big for any field, one too big for its own, one too few */
		"1 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 9z 0 0",
		"1 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 18446744073709551616 0 0",
		"1 (x) S 1 1 1 0 -1 4294967296 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0",
		"1 (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0\n",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(lines); i++) {
		struct vnx_proc_stat st;

		assert_int_equal(vnx_proc_stat_parse(lines[i], &st), -EBADMSG);
	}
}

static void our_own(void **state)
{
	struct vnx_proc_stat st;
	char path[32];
	pid_t child;

	assert_int_equal(prctl(PR_SET_NAME, "a) R (b c"), 0);
	assert_int_equal(vnx_proc_stat(AT_FDCWD, "/proc/self", &st), 0);
	assert_int_equal(st.pid, getpid());
	assert_int_equal(st.parent, getppid());
	assert_int_equal(st.group, getpgrp());
	assert_string_equal(st.comm, "a) R (b c");
	assert_int_equal(st.state, 'R');
	assert_true(st.last_cpu >= 0 && st.last_cpu < sysconf(_SC_NPROCESSORS_CONF));
	assert_int_equal(vnx_proc_tgid(AT_FDCWD, "/proc/self"), getpid());

	child = fork();
	if (!child)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	snprintf(path, sizeof(path), "/proc/%d", child);
	assert_int_equal(vnx_proc_stat(AT_FDCWD, path, &st), 0);
	assert_true(st.ended && st.state == 'Z');
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(vnx_proc_stat(AT_FDCWD, path, &st), -ENOENT);
	assert_int_equal(vnx_proc_tgid(AT_FDCWD, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(states),
		cmocka_unit_test(broken),
		cmocka_unit_test(our_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
