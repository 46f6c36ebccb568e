// SPDX-License-Identifier: GPL-2.0-only
/* Hooks held against their accounts: a silent one is found, one that is rightly silent is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analysis/account.h"
#include "cli/record/verify.h"

#define BIN 500000000ull
#define SINCE (7 * BIN)

static struct vnx_source_states states = {
	.v = (struct vnx_source_state[]){ { "holder", "" }, { "kvm", "" } }, .n = 2
};

/* One hook of one metric, one VM with a worker 148, a vCPU 150, a tap 5. */
struct bed {
	struct vnx_verify verify;
	struct vnx_hook hook;
	struct vnx_hooks hooks;
	uint32_t worker, vcpu;
	struct vnx_iface iface;
	struct vnx_vm vm;
	struct vnx_vms vms;
	struct vnx_sample samples[8];
	struct vnx_samples list;
	uint64_t t_ns;
	bool listed_only;
};

static void make_bed(struct bed *b, enum vnx_metric metric)
{
	*b = (struct bed){ .worker = 148, .vcpu = 150, .t_ns = SINCE };
	b->iface = (struct vnx_iface){ .ifindex = 5, .backend = VNX_BACKEND_VHOST_NET };
	b->hook = (struct vnx_hook){ .metric = metric, .hook = "fentry:x", .since_ns = SINCE };
	b->hooks = (struct vnx_hooks){ .v = &b->hook, .n = 1 };
	b->vm = (struct vnx_vm){ .pid = 144,
				 .backend = VNX_BACKEND_VHOST_NET,
				 .workers = { &b->worker, 1, 0 },
				 .vcpus = { &b->vcpu, 1, 0 },
				 .ifaces = { &b->iface, 1, 0 } };
	b->vms = (struct vnx_vms){ .v = &b->vm, .n = 1 };
}

static void saw(struct bed *b, enum vnx_metric metric, uint32_t entity, uint64_t count)
{
	b->samples[b->list.n++] = (struct vnx_sample){
		.t_ns = b->t_ns, .dur_ns = BIN, .count = count, .entity = entity, .metric = metric
	};
}

/* A bin is over: is the hook denied? */
static bool look(struct bed *b, char why[VNX_WHY_LEN])
{
	b->list.v = b->samples;
	vnx_verify_add(&b->verify, &b->list, &b->vms, b->listed_only, &states, &b->hooks);
	b->list.n = 0;
	b->t_ns += BIN;
	return vnx_verify_denies(&b->verify, &b->hook, why);
}

static void zero_is_denied_by_its_chance(void **state)
{
	assert_false(vnx_account_denies(0, 13, 1));
	assert_true(vnx_account_denies(0, 14, 1)); /* exp(-14) < 1e-6 < exp(-13) */
	assert_false(vnx_account_denies(0, 14, 1.0 / 256));
	assert_true(vnx_account_denies(0, 14 * 256, 1.0 / 256));
	assert_false(vnx_account_denies(1, UINT64_MAX, 1));
	assert_false(vnx_account_denies(0, 0, 1));
}

static void silent_halts_are_found(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_HALT);
	saw(&b, VNX_EXIT_HALT, 144, 37);
	saw(&b, VNX_HALT_SLEEP, 144, 1000);
	assert_false(look(&b, why)); /* the hook's bin may come with the next reading */
	assert_true(look(&b, why));
	assert_string_equal(why, "attached but never ran (0 of 37 halts by KVM's own count)");
	assert_string_equal(b.hook.verified.against, "halt_exits");
	assert_int_equal(b.hook.verified.hook, 0);
	assert_int_equal(b.hook.verified.account, 37);
	/* Its successor has an account of its own. */
	b.hook.since_ns = b.t_ns;
	saw(&b, VNX_EXIT_HALT, 144, 3);
	saw(&b, VNX_VCPU_HALT, 150, 3);
	assert_false(look(&b, why));
	assert_int_equal(b.hook.verified.hook, 3);
	assert_int_equal(b.hook.verified.account, 3);
}

/* On a slow host an account may be read once only, when the hook is gone already. */
static void last_reading_denies_at_once(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_HALT);
	b.hook.until_ns = b.t_ns + BIN / 2;
	saw(&b, VNX_EXIT_HALT, 144, 37);
	saw(&b, VNX_HALT_SLEEP, 144, 1000);
	assert_true(look(&b, why)); /* half of them were before */
	assert_string_equal(why, "attached but never ran (0 of 18 halts by KVM's own count)");
	make_bed(&b, VNX_VCPU_HALT);
	b.hook.until_ns = b.t_ns;
	saw(&b, VNX_EXIT_HALT, 144, 37);
	saw(&b, VNX_HALT_SLEEP, 144, 1000);
	assert_false(look(&b, why));
}

/* A VMM that emulates the interrupt controller keeps halted vCPUs to itself. */
static void halts_of_the_vmm_deny_nothing(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_HALT);
	for (int i = 0; i < 4; i++) {
		saw(&b, VNX_EXIT_HALT, 144, 1000);
		assert_false(look(&b, why));
	}
}

static void late_bin_denies_nothing(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	saw(&b, VNX_EXIT_TOTAL, 144, 5000);
	assert_false(look(&b, why));
	saw(&b, VNX_VCPU_ENTER, 150, 4999);
	assert_false(look(&b, why));
	assert_string_equal(b.hook.verified.against, "exits");
	assert_int_equal(b.hook.verified.hook, 4999);
	assert_int_equal(b.hook.verified.account, 5000);
}

/* KVM's counters are first read a while after the hook was attached: only what both saw counts. */
static void same_time_is_compared(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	saw(&b, VNX_VCPU_ENTER, 150, 700);
	assert_false(look(&b, why));
	saw(&b, VNX_EXIT_TOTAL, 144, 0);
	assert_false(look(&b, why));
	saw(&b, VNX_EXIT_TOTAL, 144, 31);
	saw(&b, VNX_VCPU_ENTER, 150, 31);
	assert_false(look(&b, why));
	assert_int_equal(b.hook.verified.hook, 31);
	assert_int_equal(b.hook.verified.account, 31);
	/* It has run, if not since: that is no silence. */
	make_bed(&b, VNX_VCPU_ENTER);
	saw(&b, VNX_VCPU_ENTER, 150, 1);
	assert_false(look(&b, why));
	saw(&b, VNX_EXIT_TOTAL, 144, 5000);
	assert_false(look(&b, why));
	assert_false(look(&b, why));
}

/*
 * A run that ends within the bin in which it attached: calls bear the whole bin, and the accounts
 * are read once, behind them.
 */
static void first_bin_denies_nothing(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	b.t_ns = SINCE - BIN / 2;
	b.hook.until_ns = SINCE + BIN;
	saw(&b, VNX_VCPU_ENTER, 150, 300);
	b.t_ns = SINCE;
	saw(&b, VNX_EXIT_TOTAL, 144, 150);
	assert_false(look(&b, why));
	assert_int_equal(b.hook.verified.hook, 150);
	assert_int_equal(b.hook.verified.account, 150);
}

/* KVM's counters may be read every ten seconds: the calls meanwhile are held against them, too. */
static void slow_account_is_compared(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	for (int i = 0; i < 200; i++) {
		saw(&b, VNX_VCPU_ENTER, 150, 10);
		if (i == 99) { /* from the end of the 60th bin on */
			saw(&b, VNX_EXIT_TOTAL, 144, 400);
			b.samples[b.list.n - 1].t_ns -= 39 * BIN;
			b.samples[b.list.n - 1].dur_ns = 40 * BIN;
		}
		assert_false(look(&b, why));
		if (i == 99)
			assert_int_equal(b.hook.verified.hook, 400);
	}
	assert_int_equal(b.hook.verified.account, 400);
}

static void what_was_before_the_hook_is_not_its(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	b.t_ns = SINCE - 1;
	saw(&b, VNX_EXIT_TOTAL, 144, 5000);
	assert_false(look(&b, why));
	assert_false(look(&b, why));
	assert_string_equal(b.hook.verified.against, "");
	assert_non_null(strstr(b.hook.verified.why, "no exits by KVM's own count"));
}

/* Counters a thread cannot see threads that nobody told them of. */
static void unknown_vcpus_deny_nothing(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_VCPU_ENTER);
	b.listed_only = true;
	b.vm.vcpus.n = 0;
	for (int i = 0; i < 3; i++) {
		saw(&b, VNX_EXIT_TOTAL, 144, 5000);
		assert_false(look(&b, why));
	}
	b.vm.vcpus.n = 1;
	saw(&b, VNX_EXIT_TOTAL, 144, 5000);
	assert_false(look(&b, why));
	assert_true(look(&b, why));
}

/* Only packets that vhost moved: not those of QEMU, before the guest's driver is there or ever. */
static void packets_of_qemu_deny_nothing(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_HANDLE_TX);
	for (int i = 0; i < 3; i++) {
		saw(&b, VNX_TX_PACKETS, 5, 100000);
		saw(&b, VNX_VHOST_RUN, 148, 0);
		assert_false(look(&b, why));
	}
	b.iface.backend = VNX_BACKEND_QEMU; /* the VM has a card with vhost beside */
	for (int i = 0; i < 3; i++) {
		saw(&b, VNX_TX_PACKETS, 5, 100000);
		saw(&b, VNX_VHOST_RUN, 148, 1000);
		assert_false(look(&b, why));
	}
	b.iface.backend = VNX_BACKEND_VHOST_NET;
	saw(&b, VNX_TX_PACKETS, 5, 256 * 14);
	saw(&b, VNX_VHOST_RUN, 148, 1000);
	assert_false(look(&b, why));
	assert_true(look(&b, why));
	assert_string_equal(
		why, "attached but never ran (0 of 3584 packets that vhost took from guests)");
}

static void notifications_come_first(void **state)
{
	char why[VNX_WHY_LEN];
	struct bed b;

	make_bed(&b, VNX_HANDLE_RX);
	saw(&b, VNX_RX_PACKETS, 5, 1000000);
	saw(&b, VNX_RX_KICK, 148, 29);
	saw(&b, VNX_VHOST_RUN, 148, 1000);
	assert_false(look(&b, why));
	assert_true(look(&b, why));
	assert_string_equal(why, "attached but never ran (0 of 29 guest notifications)");
	assert_string_equal(b.hook.verified.against, "rx_kick");
}

static void what_is_not_measured_is_said(void **state)
{
	char why[VNX_WHY_LEN];
	struct vnx_source_states was = states;
	struct vnx_source_state off[] = { { "holder", "" }, { "kvm", "locked down" } };
	struct bed b;

	states = (struct vnx_source_states){ .v = off, .n = 2 };
	make_bed(&b, VNX_VCPU_HALT);
	assert_false(look(&b, why));
	states = was;
	assert_string_equal(b.hook.verified.against, "");
	assert_string_equal(b.hook.verified.why, "halt_exits is not measured: locked down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_is_denied_by_its_chance),
		cmocka_unit_test(silent_halts_are_found),
		cmocka_unit_test(last_reading_denies_at_once),
		cmocka_unit_test(halts_of_the_vmm_deny_nothing),
		cmocka_unit_test(late_bin_denies_nothing),
		cmocka_unit_test(same_time_is_compared),
		cmocka_unit_test(first_bin_denies_nothing),
		cmocka_unit_test(slow_account_is_compared),
		cmocka_unit_test(what_was_before_the_hook_is_not_its),
		cmocka_unit_test(unknown_vcpus_deny_nothing),
		cmocka_unit_test(packets_of_qemu_deny_nothing),
		cmocka_unit_test(notifications_come_first),
		cmocka_unit_test(what_is_not_measured_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
