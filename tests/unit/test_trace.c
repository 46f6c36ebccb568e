// SPDX-License-Identifier: GPL-2.0-only
/* What the readers of raw traces share: sources, counting, threads, losses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/input/trace/trace.h"

#define BIN (VNX_NSEC_PER_SEC / 2)

static const struct vnx_input input = { .path = "a-trace" };
static struct vnx_reader_conf conf;
static struct vnx_err err;
static struct vnx_trace *t;
static struct vnx_run run;

static int setup(void **state)
{
	conf = (struct vnx_reader_conf){ .bin_ns = BIN, .quiet = true };
	err = (struct vnx_err){ 0 };
	run = (struct vnx_run){ 0 };
	return vnx_trace_new(&t, &input, &conf, &err);
}

static int teardown(void **state)
{
	vnx_run_fini(&run);
	vnx_trace_free(t);
	return 0;
}

static int finish(void)
{
	const struct vnx_trace_facts facts = { "mono",          "6.1", "host", "trace-cmd",
					       "Record it so.", false, 0 };

	return vnx_trace_run(t, &facts, &run, &err);
}

static uint64_t total(enum vnx_metric metric, uint32_t tid)
{
	uint64_t sum = 0;
	struct vnx_sample s;

	/* Samples can be read once; a fresh run is for another question. */
	while (vnx_trace_next(t, &s))
		if (s.metric == metric && (!tid || s.entity == tid))
			sum += s.count;
	return sum;
}

static void count(struct vnx_trace_shard *sh, int source, uint32_t tid, uint64_t t_ns)
{
	vnx_trace_count(sh, source, tid, t_ns);
	vnx_trace_seen(sh, t_ns);
}

static const struct vnx_vm *vm_of(uint32_t pid)
{
	for (size_t i = 0; i < run.vms.n; i++)
		if (run.vms.v[i].pid == pid)
			return &run.vms.v[i];
	fail_msg("no VM with pid %u", pid);
	return NULL;
}

static void events_of_the_ladder(void **state)
{
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");

	assert_true(tx >= 0);
	assert_int_equal(vnx_trace_source(t, NULL, NULL, "handle_tx"), tx);
	assert_true(vnx_trace_source(t, "probe", "my_own_name", "handle_tx") >= 0);
	assert_true(vnx_trace_source(t, "kprobes", "p_handle_tx_0", "") >= 0);
	assert_true(vnx_trace_source(t, "probe", "handle_tx_1", "") >= 0);
	assert_int_equal(vnx_trace_source(t, "probe", "handle_tx__return", ""), -1);
	assert_int_equal(vnx_trace_source(t, "probe", "handle_tx_net", ""), -1);
	assert_true(vnx_trace_source(t, "kvm", "kvm_entry", NULL) >= 0);
	assert_int_equal(vnx_trace_source(t, "sched", "sched_switch", NULL), -1);
	assert_int_equal(vnx_trace_source(t, NULL, NULL, "handle_tx_kick"), -1);
}

/* --hook leaves nothing else for its metric, and may name any event. */
static void override_is_all_there_is(void **state)
{
	const struct vnx_hook_override hook = { VNX_HANDLE_TX, "tp:sched:sched_switch" };

	vnx_trace_free(t);
	conf.hooks = &hook;
	conf.n_hooks = 1;
	assert_int_equal(vnx_trace_new(&t, &input, &conf, &err), 0);
	assert_true(vnx_trace_source(t, "sched", "sched_switch", NULL) >= 0);
	assert_int_equal(vnx_trace_source(t, NULL, NULL, "handle_tx"), -1);
	assert_true(vnx_trace_source(t, NULL, NULL, "handle_rx") >= 0);
}

/* Two shards, times out of order, bins far apart: 23, 29 and 31 are what comes out. */
static void counts_add_up(void **state)
{
	struct vnx_trace_shard *a = vnx_trace_shard(t), *b = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");
	int in = vnx_trace_source(t, "kvm", "kvm_entry", NULL);
	struct vnx_sample s, before = { 0 };
	uint64_t tx_sum = 0, in_sum = 0, n = 0;

	for (uint64_t i = 0; i < 23; i++)
		count(i % 2 ? a : b, tx, 5, 10 * BIN + (i * 7 % 23) * BIN / 4);
	for (uint64_t i = 0; i < 29; i++)
		count(a, in, 6, (1000 - i) * BIN);
	for (uint64_t i = 0; i < 31; i++)
		count(b, in, 7, (20 + i % 2) * BIN - 1 + i % 2);
	assert_int_equal(finish(), 0);
	while (vnx_trace_next(t, &s)) {
		assert_true(!n++ || s.t_ns >= before.t_ns);
		assert_int_equal(s.t_ns % BIN, 0);
		assert_int_equal(s.dur_ns, BIN);
		assert_false(n > 1 && s.t_ns == before.t_ns && s.metric == before.metric &&
			     s.entity == before.entity);
		tx_sum += s.metric == VNX_HANDLE_TX ? s.count : 0;
		in_sum += s.metric == VNX_VCPU_ENTER ? s.count : 0;
		before = s;
	}
	assert_int_equal(tx_sum, 23);
	assert_int_equal(in_sum, 29 + 31);
	assert_int_equal(run.facts.start_ns, 10 * BIN);
	assert_int_equal(run.facts.end_ns, 1000 * BIN);
	assert_string_equal(run.facts.clock, "mono");
}

/* What both kvm_entry and kvm_exit tell is counted once, by the better of them. */
static void best_source_wins(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int out = vnx_trace_source(t, "kvm", "kvm_exit", NULL);
	int in = vnx_trace_source(t, "kvm", "kvm_entry", NULL);

	for (int i = 0; i < 37; i++)
		count(sh, out, 6, 3 * BIN);
	for (int i = 0; i < 31; i++)
		count(sh, in, 6, 3 * BIN);
	assert_int_equal(finish(), 0);
	assert_string_equal(run.hooks.v[VNX_VCPU_ENTER].hook, "tp:kvm:kvm_entry");
	assert_string_equal(run.hooks.v[VNX_HANDLE_TX].hook, "");
	assert_int_equal(run.hooks.v[VNX_HANDLE_TX].refused.n, 1);
	assert_int_equal(total(VNX_VCPU_ENTER, 0), 31);
}

/* The old name of a function that was split means another thing: known by the symbols. */
static void split_function(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int block = vnx_trace_source(t, NULL, NULL, "kvm_vcpu_block");

	assert_true(block >= 0);
	vnx_trace_saw_symbol(t, "kvm_vcpu_halt");
	for (int i = 0; i < 37; i++)
		count(sh, block, 6, 3 * BIN);
	assert_int_equal(finish(), 0);
	assert_string_equal(run.hooks.v[VNX_VCPU_HALT].hook, "");
	assert_non_null(strstr(run.hooks.v[VNX_VCPU_HALT].refused.v[0].why, "kvm_vcpu_halt"));
	assert_int_equal(total(VNX_VCPU_HALT, 0), 0);
}

static void whose_threads(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");
	int in = vnx_trace_source(t, "kvm", "kvm_entry", NULL);

	count(sh, tx, 148, BIN);     /* a kernel thread named after the VMM */
	count(sh, tx, 250, 2 * BIN); /* a thread of the VMM (since 6.4) */
	count(sh, tx, 300, 2 * BIN); /* nobody says whose */
	count(sh, in, 150, 2 * BIN);
	count(sh, in, 251, 2 * BIN);
	count(sh, in, 252, 2 * BIN);
	assert_int_equal(vnx_trace_thread(t, 148, 148, "vhost-144"), 0);
	assert_int_equal(vnx_trace_thread(t, 250, 244, "vhost-245"), 0);
	assert_int_equal(vnx_trace_thread(t, 300, 0, "<...>"), 0);
	assert_int_equal(vnx_trace_thread(t, 150, 0, "CPU 0/KVM"), 0);
	assert_int_equal(vnx_trace_thread(t, 150, 144, NULL), 0); /* completes the former */
	assert_int_equal(vnx_trace_thread(t, 251, 244, "CPU 0/KVM"), 0);
	assert_int_equal(vnx_trace_thread(t, 252, 0, "CPU 1/KVM"), 0); /* of which of the two? */
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 2);
	assert_int_equal(vm_of(144)->workers.n, 1);
	assert_int_equal(vm_of(144)->workers.v[0], 148);
	assert_int_equal(vm_of(144)->vcpus.n, 1);
	assert_int_equal(vm_of(144)->backend, VNX_BACKEND_VHOST_NET);
	assert_int_equal(vm_of(244)->workers.v[0], 250);
	assert_int_equal(vm_of(244)->vcpus.n, 1);
	assert_int_equal(vm_of(244)->vcpus.v[0], 251);
}

/* One VM and vCPUs of different names: they can be nobody else's. */
static void only_vm_has_all_vcpus(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");
	int in = vnx_trace_source(t, "kvm", "kvm_entry", NULL);

	count(sh, tx, 148, BIN);
	count(sh, in, 150, 2 * BIN);
	count(sh, in, 151, 2 * BIN);
	assert_int_equal(vnx_trace_thread(t, 148, 0, "vhost-144"), 0);
	assert_int_equal(vnx_trace_thread(t, 150, 0, "CPU 0/KVM"), 0);
	assert_int_equal(vnx_trace_thread(t, 151, 0, "CPU 1/KVM"), 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 1);
	assert_int_equal(run.vms.v[0].vcpus.n, 2);
}

static void two_first_vcpus_are_two_vms(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");
	int in = vnx_trace_source(t, "kvm", "kvm_entry", NULL);

	count(sh, tx, 148, BIN);
	count(sh, in, 150, 2 * BIN);
	count(sh, in, 250, 2 * BIN);
	assert_int_equal(vnx_trace_thread(t, 148, 0, "vhost-144"), 0);
	assert_int_equal(vnx_trace_thread(t, 150, 0, "CPU 0/KVM"), 0);
	assert_int_equal(vnx_trace_thread(t, 250, 0, "CPU 0/KVM"), 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 1);
	assert_int_equal(run.vms.v[0].vcpus.n, 0);
}

static void markers_tell_all(void **state)
{
	static const char line[] =
		"vnetdx vm pid=144 backend=vhost-net workers=148,149 vcpus=150 name=a%20b%0a\n";
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");

	count(sh, tx, 149, BIN);
	count(sh, tx, 149, 3 * BIN);
	assert_int_equal(vnx_trace_marker(t, line, sizeof(line) - 1), 0);
	assert_int_equal(vnx_trace_marker(t, line, sizeof(line) - 1), 0); /* again at the end */
	assert_int_equal(vnx_trace_marker(t, "vnetdx vm name=x", 16), 0); /* no pid: nobody */
	assert_int_equal(vnx_trace_marker(t, "hello", 5), 0);
	assert_int_equal(vnx_trace_marker(t, "vnetdx clock realtime_minus_mono_ns=-7\n", 40), 0);
	assert_int_equal(vnx_trace_marker(t, "vnetdx clock realtime_minus_mono_ns=8", 37), 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 1);
	assert_string_equal(run.vms.v[0].name, "a b\n");
	assert_int_equal(run.vms.v[0].workers.n, 2);
	assert_int_equal(run.vms.v[0].vcpus.v[0], 150);
	assert_int_equal(run.facts.realtime_minus_mono_ns, -7);
}

static void losses_reach_no_further_than_the_trace(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");
	uint64_t lost = 0;
	struct vnx_sample s;

	count(sh, tx, 5, 4 * BIN);
	count(sh, tx, 5, 9 * BIN);
	assert_int_equal(vnx_trace_lost(t, 0, 5 * BIN, 41), 0);
	assert_int_equal(vnx_trace_lost(t, 8 * BIN, UINT64_MAX, 0), 0);
	assert_int_equal(finish(), 0);
	while (vnx_trace_next(t, &s))
		if (s.metric == VNX_LOST) {
			lost += s.count;
			assert_true(s.t_ns >= 4 * BIN && s.t_ns + s.dur_ns <= 9 * BIN);
		}
	assert_int_equal(lost, 42);
	assert_int_equal(run.facts.stats.lost, 42);
}

static void nothing_of_use(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);

	vnx_trace_seen(sh, BIN);
	assert_int_equal(finish(), -ENODATA);
	assert_non_null(strstr(err.message, "a-trace has events, but none"));
	assert_non_null(strstr(err.hint, "trace-cmd record"));
}

static void first_warning_and_their_number(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);

	count(sh, vnx_trace_source(t, NULL, NULL, "handle_tx"), 5, BIN);
	vnx_trace_warn(t, "page %d is broken", 17);
	vnx_trace_warn(t, "page %d is broken", 18);
	assert_int_equal(finish(), 0);
	assert_string_equal(run.warning, "page 17 is broken (and 1 more)");
}

/* More threads than a host can have are no trace of one: told, not counted without end. */
static void threads_without_end(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");

	for (uint32_t tid = 1; tid < 200000 && !sh->error; tid++)
		count(sh, tx, tid, BIN);
	assert_int_equal(finish(), -E2BIG);
	assert_non_null(strstr(err.message, "damaged"));
}

/* One bit of a time stamp flipped must not make a trace of centuries. */
static void stamps_far_off(void **state)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int tx = vnx_trace_source(t, NULL, NULL, "handle_tx");

	for (uint64_t i = 0; i < 23; i++)
		count(sh, tx, 5, (1000 + i) * BIN);
	count(sh, tx, 5, 1ULL << 62);
	count(sh, tx, 5, 3);
	assert_int_equal(finish(), 0);
	assert_int_equal(run.facts.start_ns, BIN);
	assert_int_equal(run.facts.end_ns, 1023 * BIN);
	assert_non_null(strstr(run.warning, "1 events a day from all others"));
	assert_int_equal(total(VNX_HANDLE_TX, 0), 24);
}

static int one_job(void *arg, size_t job, unsigned worker)
{
	_Atomic unsigned *done = arg;

	*done += (unsigned)job + 1;
	return job == 99 ? -EIO : 0;
}

static void jobs_are_done_once(void **state)
{
	_Atomic unsigned done = 0;

	assert_true(vnx_trace_workers(1) == 1);
	assert_int_equal(vnx_trace_jobs(50, 4, one_job, &done), 0);
	assert_int_equal(done, 50 * 51 / 2);
	assert_int_equal(vnx_trace_jobs(1000, 4, one_job, &done), -EIO);
}

static void count_n(const char *comm, uint32_t tid, uint32_t tgid, unsigned n)
{
	struct vnx_trace_shard *sh = vnx_trace_shard(t);
	int source = vnx_trace_source(t, "kvm", "kvm_entry", NULL);

	assert_int_equal(vnx_trace_thread(t, tid, tgid, comm), 0);
	for (unsigned i = 0; i < n; i++) {
		vnx_trace_seen(sh, (i + 1) * BIN);
		vnx_trace_count(sh, source, tid, (i + 1) * BIN);
	}
}

/* Of threads of no VM each name is told once; the remedy only where one may be a VM's. */
static void unattributed_threads_are_named(void **state)
{
	count_n("kworker/0:1", 7, 7, 3);
	count_n("kworker/0:1", 8, 8, 3);
	count_n("CPU 1/KVM", 1451, 1441, 3);
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 3); /* by their processes: only the name of that is untold */
	assert_string_equal(run.unattributed.threads, "");
	assert_null(run.unattributed.remedy);
}

static void unattributed_without_processes(void **state)
{
	count_n("kworker/0:1", 7, 0, 3);
	count_n("kworker/0:1", 8, 0, 3);
	assert_int_equal(finish(), 0);
	assert_string_equal(run.unattributed.threads, "kworker/0:1");
	assert_null(run.unattributed.remedy);
}

static void unattributed_that_may_be_vms(void **state)
{
	char name[VNX_COMM_LEN];

	count_n("CPU 0/KVM", 1450, 0, 3);
	count_n("CPU 0/KVM", 1550, 0, 3);
	count_n(NULL, 99, 0, 1);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "CPU %u/KVM", i + 1);
		count_n(name, 2000 + i, 0, 1);
	}
	assert_int_equal(finish(), 0);
	assert_int_equal(run.vms.n, 0);
	assert_true(!strncmp(run.unattributed.threads, "thread 99, CPU 0/KVM, CPU 1/KVM,", 32));
	assert_non_null(strstr(run.unattributed.threads, ", ..."));
	assert_string_equal(run.unattributed.remedy, "Record it so.");
}

static void check_base(const char *name, const char *base)
{
	assert_int_equal(vnx_trace_base_len(name, strlen(name)), strlen(base));
}

/* A clone that is the whole function has its name; a piece of one has none. */
static void clones_have_the_functions_name(void **state)
{
	check_base("handle_tx", "handle_tx");
	check_base("handle_tx.constprop.0", "handle_tx");
	check_base("handle_tx.isra.0.constprop.12", "handle_tx");
	check_base("handle_tx.llvm.12345678901234567890", "handle_tx");
	check_base("handle_tx.lto_priv.0", "handle_tx");
	check_base("handle_tx.part.0", "handle_tx.part.0");
	check_base("handle_tx.constprop.0.cold", "handle_tx.constprop.0.cold");
	check_base("handle_tx.", "handle_tx.");
	check_base("", "");
}

#define IN_TRACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TRACE(events_of_the_ladder),
		IN_TRACE(override_is_all_there_is),
		IN_TRACE(counts_add_up),
		IN_TRACE(best_source_wins),
		IN_TRACE(split_function),
		IN_TRACE(whose_threads),
		IN_TRACE(only_vm_has_all_vcpus),
		IN_TRACE(two_first_vcpus_are_two_vms),
		IN_TRACE(markers_tell_all),
		IN_TRACE(losses_reach_no_further_than_the_trace),
		IN_TRACE(nothing_of_use),
		IN_TRACE(first_warning_and_their_number),
		IN_TRACE(threads_without_end),
		IN_TRACE(stamps_far_off),
		IN_TRACE(unattributed_threads_are_named),
		IN_TRACE(unattributed_without_processes),
		IN_TRACE(unattributed_that_may_be_vms),
		cmocka_unit_test(clones_have_the_functions_name),
		cmocka_unit_test(jobs_are_done_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
