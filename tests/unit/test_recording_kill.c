// SPDX-License-Identifier: GPL-2.0-only
/* The recording when its writer is killed, its disk full, its file read at the same time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/record/recording.h"

#define BIN (500 * VNX_NSEC_PER_MSEC)
#define START 1234567890123456789ULL

static char dir[64];
static struct vnx_err err;

static const char *in_dir(const char *name)
{
	static char buf[4][256];
	static int at;

	at = (at + 1) % 4;
	snprintf(buf[at], sizeof(buf[at]), "%s/%s", dir, name);
	return buf[at];
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vnx-test-recording-XXXXXX");
	err = (struct vnx_err){ 0 };
	return mkdtemp(dir) ? chmod(dir, 0755) : -1;
}

static int teardown(void **state)
{
	char cmd[192];

	snprintf(cmd, sizeof(cmd), "chmod -R u+w %s; rm -rf %s", dir, dir);
	return system(cmd);
}

static struct vnx_run_facts some_facts(void)
{
	return (struct vnx_run_facts){ .bin_ns = BIN, .start_ns = START, .end_ns = START };
}

static struct vnx_recording *create(const char *path)
{
	struct vnx_run_facts facts = some_facts();
	struct vnx_recording *rec = NULL;

	assert_int_equal(vnx_recording_create(path, false, &facts, &rec, &err), 0);
	return rec;
}

static int add(struct vnx_recording *rec, uint64_t t, uint32_t metric, uint32_t entity,
	       uint64_t count)
{
	struct vnx_sample s = {
		.t_ns = t, .dur_ns = BIN, .count = count, .entity = entity, .metric = metric
	};
	struct vnx_samples list = { .v = &s, .n = 1 };

	return vnx_recording_add_samples(rec, &list, &err);
}

static void close_ok(struct vnx_recording *rec)
{
	assert_int_equal(vnx_recording_close(rec, &err), 0);
}

/* Many rows, so that a good part of the time goes into the commit itself. */
#define ROWS 2000

/* Child: a bin, a commit, a byte down the pipe, for ever. */
static void record_for_ever(const char *path, int fd)
{
	struct vnx_run_facts facts = some_facts();
	struct vnx_recording *rec = create(path);

	for (uint64_t bin = 0;; bin++) {
		for (uint32_t e = 1; e <= ROWS; e++)
			if (add(rec, START + bin * BIN, VNX_HANDLE_TX, e, bin + 1))
				_exit(1);
		facts.end_ns = START + (bin + 1) * BIN;
		if (vnx_recording_update(rec, &facts, &err) || vnx_recording_commit(rec, &err) ||
		    write(fd, "", 1) != 1)
			_exit(1);
	}
}

/* Every bin up to the last one is whole; at most one bin beyond what was acknowledged. */
static void check_killed(const char *path, uint64_t acknowledged)
{
	struct vnx_run_facts facts;
	struct vnx_recording *rec;
	struct vnx_sample s;
	uint64_t rows = 0;
	int ret = vnx_recording_open(path, &rec, &err);

	if ((ret == -ENOMSG || ret == -ENOENT) && !acknowledged)
		return; /* killed before the first commit, and says so */
	if (ret)
		print_error("%s\n", err.message);
	assert_int_equal(ret, 0);
	while ((ret = vnx_recording_next(rec, &s, &err)) > 0) {
		assert_int_equal(s.t_ns, START + rows / ROWS * BIN);
		assert_int_equal(s.entity, rows % ROWS + 1);
		assert_int_equal(s.count, rows / ROWS + 1);
		rows++;
	}
	assert_int_equal(ret, 0);
	assert_int_equal(rows % ROWS, 0);
	assert_in_range(rows / ROWS, acknowledged, acknowledged + 1);
	/* the facts are of the very same commit */
	assert_int_equal(vnx_recording_facts(rec, &facts, &err), 0);
	assert_int_equal(facts.end_ns, START + rows / ROWS * BIN);
	close_ok(rec);
}

static void test_sigkill(void **state)
{
	uint64_t seed = 7;
	int hot = 0;

	for (int i = 0; i < 50; i++) {
		char name[32], buf[4096];
		uint64_t acknowledged = 0;
		int pipe_fd[2];
		ssize_t got;
		pid_t pid;

		err = (struct vnx_err){ 0 };
		snprintf(name, sizeof(name), "kill%d.vdx", i);
		assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
		pid = fork();
		if (!pid)
			record_for_ever(in_dir(name), pipe_fd[1]);
		close(pipe_fd[1]);
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		for (uint64_t us = (seed >> 33) % 100000, t = 0; t < us; t += 500) {
			struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };

			usleep(500);
			if (poll(&p, 1, 0) == 1)
				acknowledged += (uint64_t)read(pipe_fd[0], buf, sizeof(buf));
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while ((got = read(pipe_fd[0], buf, sizeof(buf))) > 0)
			acknowledged += (uint64_t)got;
		close(pipe_fd[0]);
		snprintf(buf, sizeof(buf), "%s-journal", in_dir(name));
		hot += access(buf, F_OK) == 0;
		check_killed(in_dir(name), acknowledged);
		unlink(in_dir(name));
	}
	print_message("%d of 50 killed runs left a journal\n", hot);
}

/* A reader in the middle of reading delays commits; nothing is lost, nothing is an error. */
static void test_reader_while_writing(void **state)
{
	const char *path = in_dir("a.vdx");
	struct vnx_recording *rec = create(path), *reader;
	struct vnx_sample s;
	int n = 0;

	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(add(rec, START + i * BIN, 0, 1, 1), 0);
	assert_int_equal(vnx_recording_commit(rec, &err), 0);
	assert_int_equal(vnx_recording_open(path, &reader, &err), 0);
	assert_int_equal(vnx_recording_next(reader, &s, &err), 1); /* holds its lock */
	for (uint64_t i = 3; i < 1000; i++) {
		assert_int_equal(add(rec, START + i * BIN, 0, 1, 1), 0);
		if (i % 100 == 0)
			assert_int_equal(vnx_recording_commit(rec, &err), 0);
	}
	close_ok(reader);
	assert_int_equal(vnx_recording_commit(rec, &err), 0);
	close_ok(rec);
	assert_int_equal(vnx_recording_open(path, &reader, &err), 0);
	while (vnx_recording_next(reader, &s, &err) == 1)
		n++;
	assert_int_equal(n, 1000);
	close_ok(reader);
}

/* In a mount namespace of its own: a file system of 256 KiB. */
static int fill_disk(void)
{
	struct vnx_recording *rec, *again;
	struct vnx_run_facts facts = some_facts();
	uint64_t bin, committed = 0, n = 0;
	struct vnx_sample s;
	int ret = 0;

	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
		return 77;
	rec = create(in_dir("a.vdx"));
	for (bin = 0; bin < 100000 && !ret; bin++) {
		for (uint32_t e = 0; e < 20 && !ret; e++)
			ret = add(rec, START + bin * BIN, 0, e, 1000);
		if (!ret)
			ret = vnx_recording_commit(rec, &err);
		if (!ret)
			committed = bin + 1;
	}
	if (ret != -ENOSPC || !strstr(err.message, "no space left") || committed < 50)
		return 1;
	/* Told once; from now on only the number comes back, and closing is quiet. */
	if (add(rec, START, 0, 1, 1) != -ENOSPC || vnx_recording_commit(rec, &err) != -ENOSPC ||
	    vnx_recording_update(rec, &facts, &err) != -ENOSPC)
		return 2;
	if (vnx_recording_close(rec, &err))
		return 3;
	if (vnx_recording_open(in_dir("a.vdx"), &again, &err))
		return 4;
	while ((ret = vnx_recording_next(again, &s, &err)) > 0)
		n++;
	vnx_recording_close(again, NULL);
	return ret || n != committed * 20 ? 5 : 0;
}

static void test_disk_full(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fill_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: no mount namespace of our own to be had here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sigkill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_while_writing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
