// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one list of the VMs' threads that all sources of evidence look at, and what they keep of
 * each thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/evidence/threads.h"

struct rig {
	uint32_t tids[2][4];
	struct vnx_vm v[2];
	struct vnx_vms vms;
	struct vnx_threads list;
	struct vnx_thread_records records;
};

/* VM 20: worker 11, vCPUs 30 and 29; VM 10: worker 12, vCPU 28. */
static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	memcpy(r->tids, (uint32_t[2][4]){ { 11, 30, 29 }, { 12, 28 } }, sizeof(r->tids));
	for (size_t i = 0; i < 2; i++)
		r->v[i] = (struct vnx_vm){ .pid = i ? 10 : 20,
					   .start_ticks = 5,
					   .last_ns = UINT64_MAX,
					   .workers = { r->tids[i], 1, 1 },
					   .vcpus = { r->tids[i] + 1, i ? 1 : 2, 3 } };
	r->vms = (struct vnx_vms){ r->v, 2, 2 };
	r->records.size = sizeof(uint64_t);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	vnx_threads_fini(&r->list);
	free(r->records.v);
	free(r);
	return 0;
}

static uint64_t *record(struct rig *r, const struct vnx_thread *t)
{
	return vnx_thread_record(&r->records, t->place);
}

static void sync(struct rig *r)
{
	assert_int_equal(vnx_threads_sync(&r->list, &r->vms), 0);
	assert_int_equal(vnx_thread_records_sync(&r->records, &r->list), 0);
}

/* Each thread's record is to hold its tid; 0 where it is new. */
static size_t count_new(struct rig *r)
{
	size_t fresh = 0;

	for (size_t i = 0; i < r->list.n; i++) {
		uint64_t *mine = record(r, &r->list.v[i]);

		assert_true(!*mine || *mine == r->list.v[i].tid);
		fresh += !*mine;
		*mine = r->list.v[i].tid;
	}
	return fresh;
}

static void assert_tids(const struct rig *r, size_t n, const uint32_t *tids)
{
	assert_int_equal(r->list.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(r->list.v[i].tid, tids[i]);
}

static void by_vm(void **state)
{
	struct rig *r = *state;
	size_t end;

	sync(r);
	assert_tids(r, 5, (uint32_t[]){ 12, 28, 11, 29, 30 });
	assert_int_equal(vnx_threads_vm(&r->list, 1, &end), 0);
	assert_int_equal(end, 2);
	assert_int_equal(vnx_threads_vm(&r->list, 3, &end), 2);
	assert_int_equal(end, 5);
	assert_true(r->list.v[2].worker && !r->list.v[3].worker);
}

static void nothing_changes(void **state)
{
	struct rig *r = *state;

	sync(r);
	assert_int_equal(count_new(r), 5);
	for (int i = 0; i < 3; i++) {
		sync(r);
		assert_int_equal(r->list.changes, 1);
		assert_int_equal(r->list.gone.n, 0);
		assert_int_equal(count_new(r), 0);
	}
}

static void one_goes_one_comes(void **state)
{
	struct rig *r = *state;

	sync(r);
	count_new(r);
	r->tids[0][1] = 27; /* 30 went, 27 came */
	sync(r);
	assert_tids(r, 5, (uint32_t[]){ 12, 28, 11, 27, 29 });
	assert_int_equal(r->list.changes, 2);
	assert_int_equal(r->list.gone.n, 1);
	assert_int_equal(r->list.places, 5);
	assert_int_equal(count_new(r), 1);
}

/* The numbers of a VM that is gone are another's, all at once. */
static void reused_numbers(void **state)
{
	struct rig *r = *state;

	sync(r);
	count_new(r);
	r->v[0].start_ticks = 6;
	sync(r);
	assert_tids(r, 5, (uint32_t[]){ 12, 28, 11, 29, 30 });
	assert_int_equal(r->list.gone.n, 3);
	assert_int_equal(count_new(r), 3);
}

static void vm_goes_and_returns(void **state)
{
	struct rig *r = *state;

	sync(r);
	count_new(r);
	r->v[0].last_ns = 1;
	sync(r);
	assert_tids(r, 2, (uint32_t[]){ 12, 28 });
	assert_int_equal(count_new(r), 0);
	r->v[0].last_ns = UINT64_MAX;
	sync(r);
	assert_int_equal(r->list.places, 5);
	assert_int_equal(count_new(r), 3);
	r->vms.n = 0;
	sync(r);
	assert_int_equal(r->list.n, 0);
	assert_int_equal(r->list.gone.n, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_vm),          TEST(nothing_changes),     TEST(one_goes_one_comes),
		TEST(reused_numbers), TEST(vm_goes_and_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
