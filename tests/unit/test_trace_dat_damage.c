// SPDX-License-Identifier: GPL-2.0-only
/* The trace.dat reader against files that are cut, damaged, hostile, or nothing for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <time.h>

#include "tests/unit/dat_read.h"

/* ---- what cannot be read ---- */

static void assert_refused(struct got *got, const char *word)
{
	assert_int_not_equal(got->ret, 0);
	if (!strstr(err.message, word))
		print_error("%s\n", err.message);
	assert_non_null(strstr(err.message, word));
	assert_true(err.hint[0] != '\0');
	got_fini(got);
}

static void test_refused(void **state)
{
	struct gen_bytes file;
	struct gen g;
	struct got got;

	make(&g, 0, false, 8);
	gen_workload(&g, 0, 1);
	g.kallsyms = "";
	got = read_gen(&g);
	assert_int_equal(got.ret, 0); /* kvm_entry is known by its event */
	assert_int_equal(all_calls(&got), ENTER);
	got_fini(&got);

	make(&g, 1, false, 8);
	gen_workload(&g, 0, 1);
	gen_file(&g, &file);
	file.v[10] = '8';
	got = read_bytes(file.v, file.n);
	assert_refused(&got, "version 8");
	file.v[10] = '7';
	file.v[18] = 'l'; /* "none" */
	got = read_bytes(file.v, file.n);
	assert_refused(&got, "packed by 'lone'");
	got = read_bytes(file.v, 14);
	assert_refused(&got, "first bytes");
	free(file.v);
	gen_fini(&g);
}

/* ---- damage ---- */

/* The bytes of a page's commit say more than the page has; the others still count. */
static void test_bad_commit(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct gen g;
		struct got got;
		struct gen_cpu *c;

		make(&g, 0, i, 8);
		c = &g.buffers[0].cpus[0];
		g.kallsyms = GEN_KALLSYMS;
		add_calls(&g, 0, GEN_START, 5);
		gen_page_end(&g, c, 0, 0);
		add_calls(&g, 0, GEN_START + GEN_BIN, 7);
		gen_page_end(&g, c, 0, 0);
		gen_set(&c->pages, c->page + 8, 5000, 8);
		add_calls(&g, 0, GEN_START + 2 * GEN_BIN, 11);
		got = read_gen(&g);
		assert_int_equal(got.ret, 0);
		assert_int_equal(got.total[VNX_HANDLE_TX], 16);
		assert_non_null(strstr(got.run.warning, "page 1 of CPU 0 at offset 0x"));
		assert_int_equal(got.lost.n, 1);
		assert_int_equal(got.lost.v[0].t_ns, GEN_START + 4000);
		assert_int_equal(got.lost.v[0].dur_ns, 2 * GEN_BIN - 4000);
		got_fini(&got);
	}
}

/* A page whose time is far from its neighbours' is left out, wherever it is. */
static void test_bad_stamp(void **state)
{
	for (unsigned bad = 0; bad < 5; bad++)
		for (unsigned high = 0; high < 2; high++) {
			struct gen g;
			struct got got;
			struct gen_cpu *c;

			make(&g, 0, false, 8);
			c = &g.buffers[0].cpus[0];
			g.kallsyms = GEN_KALLSYMS;
			for (unsigned i = 0; i < 5; i++) {
				add_calls(&g, 0, GEN_START + (i + 1) * 4 * GEN_BIN, 5);
				gen_page_end(&g, c, 0, 0);
				if (i == bad)
					gen_set(&c->pages, c->page,
						high ? 1ULL << 62 : GEN_START / 2, 8);
			}
			got = read_gen(&g);
			assert_int_equal(got.ret, 0);
			/* A first page that is too early looks like any first page. */
			assert_int_equal(got.total[VNX_HANDLE_TX], !bad && !high ? 25 : 20);
			assert_int_equal(got.lost.n, !bad && !high ? 0 : 1);
			assert_true(got.run.facts.end_ns < 100 * GEN_START);
			got_fini(&got);
		}
}

/* What is cut off at the end is lost, and said to be; v7 lists its buffers there. */
static void test_cut_end(void **state)
{
	for (unsigned i = 0; i < VNX_ARRAY_SIZE(kinds) * 2; i++) {
		uint64_t whole = (TX + RX + ENTER + HALT) * 40;
		struct gen_bytes file;
		struct gen g;
		struct got got;

		make(&g, i / 2, i & 1, 8);
		g.no_strings = true;
		gen_workload(&g, 0, 40);
		gen_file(&g, &file);
		got = read_bytes(file.v, file.n - (g.codec ? 400 : 3 * 4096 + 100));
		assert_int_equal(got.ret, 0);
		assert_true(all_calls(&got) < whole);
		assert_true(all_calls(&got) > whole / 2);
		assert_true(got.run.warning[0] != '\0');
		if (i < 2) {
			assert_non_null(strstr(got.run.warning, "of CPU 1 at offset 0x"));
			assert_non_null(strstr(got.run.warning, "the file ends here"));
			assert_int_equal(got.lost.n, 1);
		}
		assert_true(got.lost.n > 0);
		assert_int_equal(got.lost.v[got.lost.n - 1].t_ns +
					 got.lost.v[got.lost.n - 1].dur_ns,
				 GEN_START + 39 * GEN_BIN + 119 * (GEN_BIN / 120));
		got_fini(&got);
		free(file.v);
		gen_fini(&g);
	}
}

/* Never more than there is, never nothing without a word. */
static void check_damaged(const void *p, size_t n, uint64_t whole)
{
	struct got got = read_bytes(p, n);

	if (!got.ret)
		assert_true(all_calls(&got) <= whole);
	if (!got.ret && all_calls(&got) < whole)
		assert_true(got.run.warning[0] != '\0' || got.lost.n);
	got_fini(&got);
}

/* Not the clock on the wall: others may have the CPU. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * VNX_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Every prefix, at 1000 cuts. */
static void test_cuts(void **state)
{
	uint64_t begun = cpu_ns();

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;

		make(&g, kind, kind & 1, 8);
		gen_workload(&g, 0, BINS);
		gen_file(&g, &file);
		for (size_t i = 0; i < 1000; i++)
			check_damaged(file.v, file.n * i / 1000, (TX + RX + ENTER + HALT) * BINS);
		free(file.v);
		gen_fini(&g);
	}
	assert_true(cpu_ns() - begun < 60 * VNX_NSEC_PER_SEC);
}

/* xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift generators, 2016) */
static uint64_t random64(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ULL;
}

/* One byte wrong at a time: some value that was not there before. */
static void test_corruptions(void **state)
{
	uint64_t seed = 20260101;

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;
		uint64_t slowest = 0;

		make(&g, kind, kind & 1, 8);
		gen_workload(&g, 0, BINS);
		gen_file(&g, &file);
		for (size_t i = 0; i < 1000; i++) {
			size_t at = random64(&seed) % file.n;
			uint8_t was = file.v[at];
			uint64_t begun = cpu_ns();
			struct got got;

			file.v[at] ^= (uint8_t)(1 + random64(&seed) % 255);
			got = read_bytes(file.v, file.n);
			got_fini(&got);
			file.v[at] = was;
			begun = cpu_ns() - begun;
			slowest = begun > slowest ? begun : slowest;
		}
		assert_true(slowest < 2 * VNX_NSEC_PER_SEC);
		free(file.v);
		gen_fini(&g);
	}
}

/* Counts and sizes that no file can have. */
static void test_hostile_numbers(void **state)
{
	static const uint64_t numbers[] = { UINT64_MAX, INT64_MAX,  UINT32_MAX,
					    INT32_MAX,  1ULL << 40, 0 };

	for (unsigned kind = 0; kind < VNX_ARRAY_SIZE(kinds); kind++) {
		struct gen_bytes file;
		struct gen g;

		make(&g, kind, false, 8);
		gen_workload(&g, 0, 2);
		gen_file(&g, &file);
		for (size_t at = 0; at + 8 < file.n; at += at < 8192 ? 31 : 251)
			for (unsigned i = 0; i < VNX_ARRAY_SIZE(numbers); i++) {
				uint8_t was[8];
				struct got got;

				memcpy(was, file.v + at, 8);
				memcpy(file.v + at, &numbers[i], i % 2 ? 4 : 8);
				got = read_bytes(file.v, file.n);
				got_fini(&got);
				memcpy(file.v + at, was, 8);
			}
		free(file.v);
		gen_fini(&g);
	}
}

/* Sections that lead to each other for ever. */
static void test_option_loop(void **state)
{
	struct gen_bytes file;
	struct gen g;
	struct got got;
	uint64_t first;

	make(&g, 1, false, 8);
	gen_workload(&g, 0, 1);
	g.no_strings = true;
	gen_file(&g, &file);
	memcpy(&first, file.v + 24, 8); /* behind "none", "" */
	memcpy(file.v + file.n - 8, &first, 8);
	got = read_bytes(file.v, file.n);
	assert_int_not_equal(got.ret, -1);
	got_fini(&got);
	free(file.v);
	gen_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_commit),
		cmocka_unit_test(test_bad_stamp),
		cmocka_unit_test(test_cut_end),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_corruptions),
		cmocka_unit_test(test_hostile_numbers),
		cmocka_unit_test(test_option_loop),
	};

	return cmocka_run_group_tests_name("trace_dat_damage", tests, NULL, NULL);
}
