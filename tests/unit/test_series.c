// SPDX-License-Identifier: GPL-2.0-only
/* Whose loss voids what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "cli/pipeline/series.h"

#define BIN 500000000ull
#define START 7000000000ull
#define BINS 4

struct bed {
	struct vnx_run run;
	struct vnx_vm vms[2];
	struct vnx_hook hooks[2];
	uint32_t tids[2];
	struct vnx_series_set *set;
};

/* Two VMs of a worker each, whose handle_tx and handle_rx are counted. */
static int setup(void **state)
{
	static const struct vnx_grid grid = { START, BIN, BINS };
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	for (uint32_t i = 0; i < 2; i++) {
		b->tids[i] = 101 + i;
		b->vms[i] = (struct vnx_vm){ .pid = 11 + i,
					     .backend = VNX_BACKEND_VHOST_NET,
					     .workers = { &b->tids[i], 1, 1 },
					     .last_ns = UINT64_MAX };
		b->hooks[i] = (struct vnx_hook){ .metric = i, .since_ns = 1 };
	}
	b->run.vms.v = b->vms;
	b->run.hooks.v = b->hooks;
	b->run.vms.n = b->run.hooks.n = 2;
	b->run.facts.end_ns = START + BINS * BIN;
	*state = b;
	return vnx_series_new(&b->set, &b->run, &grid);
}

static int teardown(void **state)
{
	struct bed *b = *state;

	vnx_series_free(b->set);
	free(b);
	return 0;
}

static void add(struct bed *b, uint64_t bin, enum vnx_metric metric, uint32_t entity,
		uint64_t count)
{
	struct vnx_sample s = { START + bin * BIN, BIN, count, entity, metric };

	assert_int_equal(vnx_series_add(b->set, &s), 0);
}

static double value(const struct bed *b, size_t vm, enum vnx_metric metric, size_t bin)
{
	return vnx_series_get(b->set, vm, metric)[bin];
}

static void refused_calls_void_by_their_share(void **state)
{
	struct bed *b = *state;

	for (uint64_t bin = 0; bin < BINS; bin++) {
		add(b, bin, VNX_HANDLE_TX, 101, 900);
		add(b, bin, VNX_HANDLE_TX, 102, 46);
		add(b, bin, VNX_HANDLE_RX, 101, 29);
	}
	add(b, 1, VNX_LOST, VNX_REFUSED_OF(VNX_HANDLE_TX), 4);  /* of 950 */
	add(b, 2, VNX_LOST, VNX_REFUSED_OF(VNX_HANDLE_TX), 50); /* of 996: more than 5 % */
	assert_int_equal(vnx_series_finish(b->set), 0);
	assert_true(value(b, 0, VNX_HANDLE_TX, 1) == 900 && value(b, 1, VNX_HANDLE_TX, 1) == 46);
	assert_true(isnan(value(b, 0, VNX_HANDLE_TX, 2)) && isnan(value(b, 1, VNX_HANDLE_TX, 2)));
	for (size_t bin = 0; bin < BINS; bin++)
		assert_true(value(b, 0, VNX_HANDLE_RX, bin) == 29);
	assert_true(value(b, 0, VNX_HANDLE_TX, 3) == 900);
	assert_false(vnx_series_lost(b->set)[1]);
	assert_true(vnx_series_lost(b->set)[2]);
	assert_int_equal(vnx_series_lost_events(b->set), 54);
}

static void losses_of_a_hook_void_its_metric(void **state)
{
	struct bed *b = *state;

	for (uint64_t bin = 0; bin < BINS; bin++)
		add(b, bin, VNX_HANDLE_TX, 101, 900);
	add(b, 1, VNX_LOST, VNX_LOST_OF(VNX_HANDLE_TX), 0); /* nobody knows how many */
	add(b, 3, VNX_LOST, VNX_LOST_OF(VNX_HANDLE_TX), 1); /* perhaps all of the other's */
	assert_int_equal(vnx_series_finish(b->set), 0);
	for (size_t bin = 0; bin < BINS; bin++) {
		assert_true(value(b, 0, VNX_HANDLE_RX, bin) == 0);
		assert_true(bin % 2 ? isnan(value(b, 0, VNX_HANDLE_TX, bin))
				    : value(b, 0, VNX_HANDLE_TX, bin) == 900);
	}
}

static void losses_of_a_thread_void_its_vm(void **state)
{
	struct bed *b = *state;

	add(b, 1, VNX_LOST, 102, 1);
	add(b, 3, VNX_LOST, 0, 1);
	add(b, 0, VNX_LOST, VNX_LOST_OF(VNX_RX_BYTES), 1); /* of no hook: anybody's */
	assert_int_equal(vnx_series_finish(b->set), 0);
	assert_true(value(b, 0, VNX_HANDLE_TX, 1) == 0 && isnan(value(b, 1, VNX_HANDLE_TX, 1)));
	for (size_t vm = 0; vm < 2; vm++)
		assert_true(isnan(value(b, vm, VNX_HANDLE_RX, 3)) &&
			    isnan(value(b, vm, VNX_HANDLE_RX, 0)) &&
			    value(b, vm, VNX_HANDLE_RX, 2) == 0);
}

int main(void)
{
#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_BED(refused_calls_void_by_their_share),
		WITH_BED(losses_of_a_hook_void_its_metric),
		WITH_BED(losses_of_a_thread_void_its_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
