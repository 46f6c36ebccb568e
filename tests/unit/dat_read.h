/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the trace.dat reader share: reads bytes as a file, and knows the workload. */
#ifndef VNX_DAT_READ_H
#define VNX_DAT_READ_H

#include <sys/mman.h>
#include <unistd.h>

#include "cli/input/reader.h"
#include "tests/unit/dat_gen.h"

#define BINS 10
#define TX 23
#define RX 29
#define ENTER 31
#define HALT 37

static struct vnx_err err;

/* What a file gave. */
struct got {
	int ret;
	uint64_t total[VNX_METRIC_MAX];
	struct vnx_samples lost;
	struct vnx_samples calls;
	struct vnx_run run;
};

static inline int memfile(const void *p, size_t n)
{
	int fd = memfd_create("test-trace-dat", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	return fd;
}

static inline void take_samples(struct got *got, const struct vnx_reader_ops *ops,
				struct vnx_reader *r)
{
	struct vnx_sample s;

	while ((got->ret = ops->next(r, &s, &err)) == 1) {
		assert_in_range(s.metric, 0, VNX_METRIC_MAX - 1);
		got->total[s.metric] += s.count;
		assert_int_equal(vnx_vec_push(s.metric == VNX_LOST ? &got->lost : &got->calls, s),
				 0);
	}
}

static inline struct got read_hooked(const void *p, size_t n, const struct vnx_hook_override *hooks,
				     size_t n_hooks)
{
	struct vnx_reader_conf conf = {
		.bin_ns = GEN_BIN, .hooks = hooks, .n_hooks = n_hooks, .quiet = true
	};
	const struct vnx_reader_ops *ops;
	struct got got = { .ret = -1 };
	struct vnx_reader *r = NULL;
	struct vnx_input in;
	char path[64];
	int fd = memfile(p, n);

	err = (struct vnx_err){ 0 };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	ops = vnx_reader_find(&in, &err);
	if (ops) {
		assert_string_equal(ops->name, "trace.dat");
		got.ret = ops->open(&r, &in, &conf, &err);
		if (!got.ret)
			got.ret = ops->run(r, &got.run, &err);
		if (!got.ret)
			take_samples(&got, ops, r);
		if (r)
			ops->close(r);
	}
	vnx_input_close(&in);
	close(fd);
	if (got.ret)
		assert_true(err.message[0] != '\0');
	return got;
}

static inline struct got read_bytes(const void *p, size_t n)
{
	return read_hooked(p, n, NULL, 0);
}

static inline struct got read_gen(struct gen *g)
{
	struct gen_bytes file;
	struct got got;

	gen_file(g, &file);
	got = read_bytes(file.v, file.n);
	free(file.v);
	gen_fini(g);
	return got;
}

static inline void got_fini(struct got *got)
{
	free(got->lost.v);
	free(got->calls.v);
	vnx_run_fini(&got->run);
}

static inline void assert_workload(const struct got *got, uint64_t bins)
{
	if (got->ret)
		print_error("%s\n", err.message);
	assert_int_equal(got->ret, 0);
	assert_int_equal(got->total[VNX_HANDLE_TX], TX * bins);
	assert_int_equal(got->total[VNX_HANDLE_RX], RX * bins);
	assert_int_equal(got->total[VNX_VCPU_ENTER], ENTER * bins);
	assert_int_equal(got->total[VNX_VCPU_HALT], HALT * bins);
}

static inline uint64_t all_calls(const struct got *got)
{
	return got->total[VNX_HANDLE_TX] + got->total[VNX_HANDLE_RX] + got->total[VNX_VCPU_ENTER] +
	       got->total[VNX_VCPU_HALT];
}

static const struct {
	unsigned version;
	enum gen_codec codec;
} kinds[] = { { 6, GEN_PLAIN }, { 7, GEN_PLAIN }, { 7, GEN_ZLIB }, { 7, GEN_ZSTD } };

static inline void make(struct gen *g, unsigned kind, bool big, unsigned commit_size)
{
	gen_init(g, kinds[kind].version, big, commit_size);
	g->codec = kinds[kind].codec;
}

static inline void add_calls(struct gen *g, unsigned cpu, uint64_t t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gen_call(g, 0, cpu, t + i * 1000, GEN_FUNCTION, 148, GEN_TX);
}

#endif
