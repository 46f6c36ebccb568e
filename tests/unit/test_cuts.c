// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shipped traces cut at many places and with single bytes changed: no crash, no hang, memory
 * bounded, and an error has words. VNX_CUTS=1000 tries that many of each (60 otherwise).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/input/reader.h"

#define HANG_S 2.0
#define MEMORY_MB 256

struct trace {
	unsigned char *data;
	size_t len;
};

static unsigned tries(void)
{
	const char *text = getenv("VNX_CUTS");
	long n = text ? strtol(text, NULL, 10) : 60;

	return n > 0 && n <= 100000 ? (unsigned)n : 60;
}

static struct trace load(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct trace t = { 0 };
	unsigned char *packed;
	long n;

	if (!f)
		fail_msg("%s: run from the project's root", path);
	assert_false(fseek(f, 0, SEEK_END));
	n = ftell(f);
	rewind(f);
	packed = malloc((size_t)n);
	assert_int_equal(fread(packed, 1, (size_t)n, f), n);
	fclose(f);
	t.len = (size_t)ZSTD_getFrameContentSize(packed, (size_t)n);
	t.data = malloc(t.len);
	assert_int_equal(ZSTD_decompress(t.data, t.len, packed, (size_t)n), t.len);
	free(packed);
	return t;
}

/* Not the clock on the wall: others may have the CPU. */
static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* 0: read, else an error, which has words; samples are read to their end. */
static int read_fd(const char *path, uint64_t *events)
{
	const struct vnx_reader_conf conf = { .bin_ns = VNX_NSEC_PER_SEC / 2, .quiet = true };
	const struct vnx_reader_ops *ops;
	struct vnx_run run = { 0 };
	struct vnx_err err = { 0 };
	struct vnx_reader *r;
	struct vnx_input in;
	struct vnx_sample s;
	int ret;

	*events = 0;
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	ops = vnx_reader_find(&in, &err);
	ret = ops ? ops->open(&r, &in, &conf, &err) : -EINVAL;
	if (!ret) {
		ret = ops->run(r, &run, &err);
		while (!ret && (ret = ops->next(r, &s, &err)) > 0) {
			*events += s.metric == VNX_LOST ? 0 : s.count;
			ret = 0;
		}
		ops->close(r);
		vnx_run_fini(&run);
	}
	assert_true(!ret || err.message[0]);
	vnx_input_close(&in);
	return ret;
}

static uint64_t try_bytes(const struct trace *t, size_t len)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);
	double begun = cpu_s();
	uint64_t events;
	char path[32];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, t->data, len), len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_fd(path, &events);
	close(fd);
	if (cpu_s() - begun > HANG_S)
		fail_msg("%zu bytes took %.1f s", len, cpu_s() - begun);
	return events;
}

static void check_memory(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	if (ru.ru_maxrss > MEMORY_MB * 1024)
		fail_msg("%ld MB of memory", ru.ru_maxrss / 1024);
}

/* A longer piece never tells less; the whole tells all. */
static void cut(const char *path)
{
	struct trace t = load(path);
	uint64_t all = try_bytes(&t, t.len), before = 0;
	unsigned n = tries();

	assert_true(all > 50000);
	for (unsigned i = 0; i < n; i++) {
		uint64_t events = try_bytes(&t, t.len * i / n);

		assert_true(events <= all);
		assert_true(events + all / 10 >= before);
		before = events > before ? events : before;
	}
	check_memory();
	free(t.data);
}

static void change(const char *path)
{
	struct trace t = load(path);
	uint64_t state = 0x9e3779b97f4a7c15;
	unsigned n = tries();

	for (unsigned i = 0; i < n; i++) {
		unsigned char *at, was;

		/* xorshift64*: Vigna 2016. Half of the changes go where the headers are. */
		state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
		at = &t.data[(state * 0x2545f4914f6cdd1d >> 8) % (i % 2 ? t.len : 8192)];
		was = *at;
		*at ^= (unsigned char)(1 + state % 255);
		try_bytes(&t, t.len);
		*at = was;
	}
	check_memory();
	free(t.data);
}

#define PAIR(name, file)                              \
	static void name##_cut(void **state)          \
	{                                             \
		cut("fixtures/formats-6.1/" file);    \
	}                                             \
	static void name##_changed(void **state)      \
	{                                             \
		change("fixtures/formats-6.1/" file); \
	}

PAIR(trace_dat, "run.dat.zst")
PAIR(trace_dat_v7, "run-v7.dat.zst")
PAIR(perf_data, "run.data.zst")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trace_dat_cut),    cmocka_unit_test(trace_dat_changed),
		cmocka_unit_test(trace_dat_v7_cut), cmocka_unit_test(trace_dat_v7_changed),
		cmocka_unit_test(perf_data_cut),    cmocka_unit_test(perf_data_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
