/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the readers of text: text made of lines, read as a file or a pipe, added up. */
#ifndef TEXT_TRACE_H
#define TEXT_TRACE_H

#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/input/reader.h"

struct text {
	char *v;
	size_t n, cap;
	uint64_t t_us; /* of the next line */
};

struct got {
	int ret;
	struct vnx_err err;
	struct vnx_run run;
	uint64_t total[VNX_METRIC_MAX], lost, lost_from_ns, lost_to_ns, n_lost;
};

static struct vnx_hook_override test_hooks[4];
static size_t n_test_hooks;
static uint64_t test_bin_ns = 100 * VNX_NSEC_PER_MSEC;

static void put(struct text *t, const char *p, size_t len)
{
	while (t->n + len + 1 > t->cap) {
		t->cap = t->cap ? t->cap * 2 : 4096;
		t->v = realloc(t->v, t->cap);
		assert_non_null(t->v);
	}
	memcpy(t->v + t->n, p, len);
	t->n += len;
	t->v[t->n] = '\0';
}

static void add(struct text *t, const char *line)
{
	put(t, line, strlen(line));
}

/* @n times @line; "%T" in it is the time in microseconds, "%N" in nanoseconds. */
static void add_n(struct text *t, unsigned n, const char *line)
{
	for (unsigned i = 0; i < n; i++, t->t_us += 1000)
		for (const char *p = line; *p; p++) {
			char stamp[40];

			if (p[0] != '%' || (p[1] != 'T' && p[1] != 'N')) {
				put(t, p, 1);
				continue;
			}
			snprintf(stamp, sizeof(stamp), "%" PRIu64 ".%06" PRIu64 "%s",
				 t->t_us / 1000000, t->t_us % 1000000, p[1] == 'N' ? "789" : "");
			add(t, stamp);
			p++;
		}
}

static void add_up(const struct vnx_reader_ops *ops, struct vnx_reader *r, struct got *g)
{
	struct vnx_sample s;

	while ((g->ret = ops->next(r, &s, &g->err)) > 0) {
		if (s.metric < VNX_METRIC_MAX)
			g->total[s.metric] += s.count;
		if (s.metric != VNX_LOST)
			continue;
		if (!g->n_lost++ || s.t_ns < g->lost_from_ns)
			g->lost_from_ns = s.t_ns;
		if (s.t_ns + s.dur_ns > g->lost_to_ns)
			g->lost_to_ns = s.t_ns + s.dur_ns;
		g->lost += s.count;
	}
}

static void read_path(const struct vnx_reader_ops *ops, const char *path, struct got *g)
{
	struct vnx_reader_conf conf = {
		.bin_ns = test_bin_ns, .hooks = test_hooks, .n_hooks = n_test_hooks, .quiet = true
	};
	struct vnx_reader *r = NULL;
	struct vnx_input in;

	memset(g, 0, sizeof(*g));
	g->ret = vnx_input_open(&in, path, &g->err);
	assert_int_equal(g->ret, 0);
	g->ret = ops->open(&r, &in, &conf, &g->err);
	if (!g->ret)
		g->ret = ops->run(r, &g->run, &g->err);
	if (!g->ret)
		add_up(ops, r, g);
	else /* every failure is told */
		assert_true(g->err.message[0] && g->err.code[0]);
	if (r)
		ops->close(r);
	vnx_input_close(&in);
}

static void read_bytes(const struct vnx_reader_ops *ops, const char *p, size_t len, struct got *g)
{
	char path[64];
	int fd = memfd_create("text", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, p + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_path(ops, path, g);
	close(fd);
}

static void read_text(const struct vnx_reader_ops *ops, struct text *t, struct got *g)
{
	read_bytes(ops, t->v, t->n, g);
	free(t->v);
	*t = (struct text){ 0 };
	if (g->ret)
		print_error("%s\n", g->err.message);
	assert_int_equal(g->ret, 0);
}

struct pipe_writer {
	const struct text *t;
	int fd;
};

static void *write_pipe(void *arg)
{
	const struct pipe_writer *w = arg;

	for (size_t at = 0; at < w->t->n;) {
		size_t left = w->t->n - at;
		ssize_t n = write(w->fd, w->t->v + at, left < 4099 ? left : 4099);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(w->fd);
	return NULL;
}

/* As standard input, in odd pieces. */
static void read_pipe(const struct vnx_reader_ops *ops, const struct text *t, struct got *g)
{
	struct pipe_writer w = { .t = t };
	int fds[2], saved = dup(STDIN_FILENO);
	pthread_t thread;

	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[0], STDIN_FILENO) >= 0);
	close(fds[0]);
	w.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, write_pipe, &w), 0);
	read_path(ops, "-", g);
	pthread_join(thread, NULL);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

static void free_got(struct got *g)
{
	vnx_run_fini(&g->run);
}

static const struct vnx_vm *vm_of_pid(const struct got *g, uint32_t pid)
{
	for (size_t i = 0; i < g->run.vms.n; i++)
		if (g->run.vms.v[i].pid == pid)
			return &g->run.vms.v[i];
	fail_msg("no VM %u among %zu", pid, g->run.vms.n);
	return NULL;
}

static const char *hook_of(const struct got *g, enum vnx_metric metric)
{
	for (size_t i = 0; i < g->run.hooks.n; i++)
		if (g->run.hooks.v[i].metric == metric)
			return g->run.hooks.v[i].hook;
	return "";
}

/* All that a damaged file may do: be refused with a sentence, or give no more than was in it. */
static void damage(const struct vnx_reader_ops *ops, const struct text *t, uint64_t most)
{
	struct got g;

	for (unsigned i = 0; i < 1000; i++) {
		read_bytes(ops, t->v, t->n * i / 1000, &g);
		for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++)
			assert_true(g.total[m] <= most);
		free_got(&g);
	}
	srandom(37);
	for (unsigned i = 0; i < 1000; i++) {
		size_t at = (size_t)random() % t->n;
		char was = t->v[at];

		t->v[at] = (char)random();
		read_bytes(ops, t->v, t->n, &g);
		for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++)
			assert_true(g.total[m] <= most);
		free_got(&g);
		t->v[at] = was;
	}
}

#endif
