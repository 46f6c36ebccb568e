// SPDX-License-Identifier: GPL-2.0-only
/* Text of `perf script` with every column that may come or go, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/text_trace.h"

#define OPS (&vnx_reader_perf_script)
#define T0 1234000000ULL

static const char noise[] = "         swapper     0 [001]  %T: sched:sched_wakeup: comm=vhost-1441 "
			    "pid=1460 prio=120 target_cpu=001\n";

static struct text begin(void)
{
	struct text t = { .t_us = T0 };

	n_test_hooks = 0;
	add_n(&t, 1, noise);
	return t;
}

static void assert_all(const struct got *g)
{
	assert_int_equal(g->total[VNX_HANDLE_TX], 23);
	assert_int_equal(g->total[VNX_HANDLE_RX], 29);
	assert_int_equal(g->total[VNX_VCPU_ENTER], 31);
	assert_int_equal(g->total[VNX_VCPU_HALT], 37);
	assert_string_equal(g->run.warning, "");
	assert_int_equal(g->lost, 0);
}

static void test_default(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441  1460 [003]  %T:     probe:handle_tx: (ffffffffc0a4b0c0)\n");
	add_n(&t, 29,
	      "      vhost-1441  1460 [003]  %T:   probe:handle_rx_1: (ffffffffc0a4b0c0)\n");
	add_n(&t, 31, "       CPU 0/KVM  1450 [000]  %T:       kvm:kvm_entry: vcpu 0, rip 0x1\n");
	add_n(&t, 37, "       CPU 0/KVM  1450 [000]  %T: kvm:kvm_vcpu_wakeup: wait time 1 ns\n");
	add_n(&t, 41,
	      "      vhost-1441  1460 [003]  %T: probe:handle_tx__return: (ffffffffc0a4b0c0 "
	      "<- ffffffffc0a4b0c4)\n");
	add_n(&t, 43, "      vhost-1441  1460 [003]  %T: probe_x:handle_tx: (55d0c0a4b0c0)\n");
	add_n(&t, 47, "      vhost-1441  1460 [003]  %T: other:kvm_entry: vcpu 0\n");
	add_n(&t, 53, "      vhost-1441  1460 [003]  %T: cycles:u: \n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_string_equal(hook_of(&g, VNX_HANDLE_TX), "kprobe:handle_tx");
	assert_string_equal(hook_of(&g, VNX_VCPU_ENTER), "tp:kvm:kvm_entry");
	assert_string_equal(g.run.facts.clock, "");
	assert_string_equal(g.run.facts.capture, "perf");
	assert_int_equal(vm_of_pid(&g, 1441)->workers.v[0], 1460);
	assert_int_equal(vm_of_pid(&g, 1441)->vcpus.v[0], 1450);
	free_got(&g);
}

/* -F +pid, --ns, without CPU, -F +period, -F +misc, modifiers. */
static void test_columns(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 11,
	      "      vhost-1441    1441/1460    [003]  %T: probe:handle_tx: "
	      "(ffffffffc0a4b0c0)\n");
	add_n(&t, 12,
	      "      vhost-1441    1441/1460    [003]  %N:          1 probe:handle_tx: "
	      "(ffffffffc0a4b0c0)\n");
	add_n(&t, 29, "      vhost-1441  1460  %N: probe:handle_rx: (0)\n");
	add_n(&t, 31, "       CPU 0/KVM    2441/2450    [000] K     %T: kvm:kvm_entry:H: vcpu 0\n");
	add_n(&t, 37, "CPU 0/KVM 2450 %T: kvm:kvm_vcpu_wakeup: x\r\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_int_equal(vm_of_pid(&g, 1441)->workers.n, 1);
	assert_int_equal(vm_of_pid(&g, 2441)->vcpus.v[0], 2450);
	free_got(&g);
}

/* With chains of callers names are not padded, and blanks in them no end. */
static void test_callchains(void **state)
{
	static const char chain[] =
		"\tffffffff821facd8 handle_tx+0x618 ([kernel.kallsyms])\n"
		"\t           ee137 kvm_entry@@GLIBC_2.3.4+0x7 (/usr/lib/libc.so.6)\n"
		"\n";
	struct text t = begin();
	struct got g;

	for (unsigned i = 0; i < 37; i++) {
		if (i < 23) {
			add_n(&t, 1,
			      "vhost-1441 1460 [003] %T: probe:handle_tx: (ffffffffc0a4b0c0)\n");
			add(&t, chain);
		}
		if (i < 29) {
			add_n(&t, 1,
			      "a 12 [3] 4 1460 [003] %T: probe:handle_rx: (ffffffffc0a4b0c0)\n");
			add(&t, chain);
		}
		if (i < 31) {
			add_n(&t, 1, "CPU 0/KVM 1450 [003] %T: kvm:kvm_entry: vcpu 0\n");
			add(&t, chain);
		}
		add_n(&t, 1, "CPU 0/KVM 1450 [003] %T: kvm:kvm_vcpu_wakeup: x\n");
		add(&t, chain);
	}
	read_text(OPS, &t, &g);
	assert_all(&g);
	free_got(&g);
}

/* In each form that perf has for a call of a module's function. */
static void test_module_calls(void **state)
{
	static const char *const calls[] = {
		"      vhost-1441  1460 [003]  %T: probe:handle_tx: (ffffffffc0a4b0c0) net=0x1\n",
		"      vhost-1441  1460 [003]  %T: probe:handle_tx: (handle_tx+0x4/0x6b0 "
		"[vhost_net])\n",
		"      vhost-1441  1460  %T: probe:handle_tx: \n",
		"      vhost-1441  1460 [003]  %T: probe:handle_tx:      7fffc0a4b0c0 handle_tx+0x0 "
		"([vhost_net])\n",
		"      vhost-1441  1460 [003]  %T: ftrace:function: handle_tx <-- vhost_worker\n",
		"      vhost-1441  1460 [003]  %T:   1 ftrace:function: handle_tx.constprop.0 "
		"[vhost_net] <-- vhost_worker [vhost]\n",
	};
	struct got g;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(calls); i++) {
		struct text t = begin();

		add_n(&t, 23, calls[i]);
		add_n(&t, 29, "      vhost-1441  1460 [003]  %T: probe:handle_rx: (0)\n");
		add_n(&t, 5,
		      "      vhost-1441  1460 [003]  %T: ftrace:function: vhost_work <-- "
		      "handle_tx\n");
		read_text(OPS, &t, &g);
		if (g.total[VNX_HANDLE_TX] != 23 || g.total[VNX_HANDLE_RX] != 29)
			fail_msg("%" PRIu64 " of: %s", g.total[VNX_HANDLE_TX], calls[i]);
		free_got(&g);
	}
}

static void test_header(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t, "# ========\n# captured on    : Sun Nov 22 02:51:28 2026\n# hostname : kvm-7\n"
		"# os release : 6.12.0-1-amd64\n# clockid frequency: 1000 MHz\n"
		"# clockid: monotonic (1)\n# reference time: 2026-11-22 02:51:26.952916 = "
		"1795315886.952916 (TOD) = 15729.084285012 (monotonic)\n# ========\n#\n");
	add_n(&t, 23, "      vhost-1441  1460 [003]  %T: probe:handle_tx: (ffffffffc0a4b0c0)\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_string_equal(g.run.facts.clock, "mono");
	assert_string_equal(g.run.facts.kernel, "6.12.0-1-amd64");
	assert_string_equal(g.run.facts.host, "kvm-7");
	assert_int_equal(g.run.facts.realtime_minus_mono_ns, 1795315886952916000 - 15729084285012);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
}

static void test_hooks_named(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 23, "      vhost-1441  1460 [003]  %T: probe:my_tx: (ffffffffc0a4b0c0)\n");
	add_n(&t, 29, "      vhost-1441  1460 [003]  %T: net:netif_receive_skb: dev=tap1\n");
	add_n(&t, 31, "       CPU 0/KVM  1450 [000]  %T: a:enter: x\n");
	add_n(&t, 41, "       CPU 0/KVM  1450 [000]  %T: b:enter: x\n");
	add_n(&t, 37, "       CPU 0/KVM  1450 [000]  %T: kvm:kvm_vcpu_wakeup: x\n");
	test_hooks[0] = (struct vnx_hook_override){ VNX_HANDLE_TX, "tp:probe:my_tx" };
	test_hooks[1] = (struct vnx_hook_override){ VNX_HANDLE_RX, "raw_tp:netif_receive_skb" };
	test_hooks[2] = (struct vnx_hook_override){ VNX_VCPU_ENTER, "tp:a:enter" };
	n_test_hooks = 3;
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_string_equal(hook_of(&g, VNX_HANDLE_TX), "tp:probe:my_tx");
	assert_string_equal(hook_of(&g, VNX_VCPU_ENTER), "tp:a:enter");
	free_got(&g);
	n_test_hooks = 0;
}

static void test_marker(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 1,
	      "            bash   168 [000]  %T: ftrace:print: tracing_mark_write: vnetdx vm "
	      "pid=77 name=web workers=1460\n");
	add_n(&t, 23, "      vhost-1441  1460 [003]  %T: probe:handle_tx: (ffffffffc0a4b0c0)\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.run.vms.n, 1);
	assert_string_equal(vm_of_pid(&g, 77)->name, "web");
	free_got(&g);
}

/* A sample that stands for many events tells no count of them. */
static void test_period(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441  1460 [003]  %T:     1 probe:handle_tx: (ffffffffc0a4b0c0)\n");
	add_n(&t, 29,
	      "      vhost-1441  1460 [003]  %T:  1000 probe:handle_rx: (ffffffffc0a4b0c0)\n");
	add_n(&t, 2, "      vhost-1441  1460 [003]  %T: 99999999999 probe:handle_rx: (0)\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_HANDLE_RX], 0);
	assert_non_null(strstr(g.run.warning, "31 lines"));
	assert_non_null(strstr(g.run.warning, "estimates"));
	free_got(&g);
}

/* ---- losses ---- */

static const char tx3[] = "      vhost-1441  1460 [003]  %T: probe:handle_tx: (ffffffffc0a4b0c0)\n";
static const char rx1[] = "      vhost-2441  2460 [001]  %T: probe:handle_rx: (ffffffffc0a4b0c0)\n";

static void test_lost(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 500, tx3);
	add_n(&t, 500, rx1);
	add_n(&t, 1, "            perf   168 [003]  %T: PERF_RECORD_LOST lost 1237\n");
	add_n(&t, 500, rx1);
	add_n(&t, 1, "            perf   168 [003]  %T: PERF_RECORD_LOST_SAMPLES lost 31\n");
	add_n(&t, 500, tx3);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 1000);
	assert_int_equal(g.lost, 1268);
	assert_int_equal(g.lost_from_ns, (T0 + 500000) * 1000);
	assert_int_equal(g.lost_to_ns, (T0 + 1503000) * 1000);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
}

/* Where the CPU is not told, it may be any one: nothing before is sure. */
static void test_lost_anywhere(void **state)
{
	static const char *const forms[] = {
		"            perf   168  %T: PERF_RECORD_LOST lost 37\n",
		"PERF_RECORD_LOST lost 37\n"
	};
	struct got g;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(forms); i++) {
		struct text t = { .t_us = T0 };

		add_n(&t, 1000,
		      "      vhost-1441  1460  %T: probe:handle_tx: (ffffffffc0a4b0c0)\n");
		add_n(&t, 1, forms[i]);
		add_n(&t, 1000,
		      "      vhost-1441  1460  %T: probe:handle_tx: (ffffffffc0a4b0c0)\n");
		read_text(OPS, &t, &g);
		assert_int_equal(g.total[VNX_HANDLE_TX], 2000);
		assert_int_equal(g.lost, 37);
		assert_int_equal(g.lost_from_ns, T0 * 1000);
		assert_int_equal(g.lost_to_ns, (T0 + 1001000) * 1000);
		free_got(&g);
	}
}

/* Records about threads may be stamped 0: the trace does not begin there. */
static void test_records(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t,
	    "        kthreadd     0 [000]     0.000000: PERF_RECORD_FORK(4851:4851):(2:2)\n"
	    "       kworker/1     0 [000]     0.000000: PERF_RECORD_COMM: kworker/1:4851/4851\n");
	add_n(&t, 1000, tx3);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 1000);
	assert_int_equal(g.run.facts.start_ns, T0 * 1000);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
}

/* ---- odd bytes ---- */

static void test_bad_lines(void **state)
{
	struct text t = begin();
	char at[32];
	struct got g;

	add_n(&t, 23, tx3);
	snprintf(at, sizeof(at), "at byte %zu,", t.n);
	add(&t, "what is this\n");
	put(&t, "\0\0\xff\xfe nul\0bytes\n", 16);
	add(&t,
	    "      vhost-1441  1460 [003]  99999999999999999999.000001: probe:handle_tx: (0)\n");
	add(&t, "      vhost-1441  1460 [003]  1234.000001: \n");
	add(&t, "      vhost-1441  1460 [003]  1234.000001: probe:handle_tx\n");
	add_n(&t, 29, rx1);
	add(&t, "      vhost-1441  1460 [003]  1234.500000: probe:handle_tx: (0)");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_HANDLE_RX], 29);
	assert_non_null(strstr(g.run.warning, at));
	assert_non_null(strstr(g.run.warning, "5 lines"));
	assert_non_null(strstr(g.run.warning, "1 more"));
	free_got(&g);
}

static void test_pipe(void **state)
{
	struct text t = begin();
	struct got g;

	add_n(&t, 23011, tx3);
	add_n(&t, 29009, rx1);
	add(&t, "      vhost-1441  1460 [003]  1300.500000: probe:ha");
	read_pipe(OPS, &t, &g);
	assert_int_equal(g.ret, 0);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23011);
	assert_int_equal(g.total[VNX_HANDLE_RX], 29009);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
	free(t.v);
}

static void test_empty(void **state)
{
	struct got g;

	read_bytes(OPS, "", 0, &g);
	assert_int_equal(g.ret, -ENODATA);
	free_got(&g);
	read_bytes(OPS, "perf 1 [000] 1.000001: sched:sched_switch: x\n", 45, &g);
	assert_int_equal(g.ret, -ENODATA);
	assert_non_null(strstr(g.err.message, "none that counts"));
	free_got(&g);
}

static void test_damage(void **state)
{
	struct text t = { .t_us = T0 };

	add(&t, "# ========\n# captured on    : Sun Nov 22 02:51:28 2026\n"
		"# reference time: 2026-11-22 02:51:26.952916 = "
		"1795315886.952916 (TOD) = 15729.084285012 (monotonic)\n");
	add_n(&t, 23, tx3);
	add_n(&t, 1, "            perf   168 [003]  %T: PERF_RECORD_LOST lost 1237\n");
	add_n(&t, 29,
	      "vhost-1441 1441/1460 [003] %T:  1 probe:handle_rx_1: (ffffffffc0a4b0c0)\n"
	      "\tffffffff821facd8 handle_tx+0x618 ([kernel.kallsyms])\n\n");
	add_n(&t, 31, "       CPU 0/KVM  1450 [000]  %T: kvm:kvm_entry: vcpu 0, rip 0x1\n");
	damage(OPS, &t, 31);
	free(t.v);
}

static int score(const char *text)
{
	return OPS->probe("x", (const unsigned char *)text, strlen(text));
}

static void test_probe(void **state)
{
	assert_true(score("# ========\n# captured on    : Sun Nov 22 02:51:28 2026\n") > 90);
	assert_true(score("            perf   177 [000] 15729.137762: sched:sched_wakeup: x\n") >
		    50);
	assert_true(score("perf   177 15729.137762: sched:sched_wakeup: x\n\tffff x (y)\n\n") > 50);
	assert_int_equal(
		score("       CPU 0/KVM-1450    [000] d..1.  1.000001: kvm_entry: vcpu 0\n"), 0);
	assert_int_equal(score(" 1.234567 |   0)  vhost-1-1460  |   1.234 us    |  handle_tx();\n"),
			 0);
	assert_int_equal(
		score("[ ID] Interval           Transfer     Bitrate         Retr  Cwnd\n"
		      "[  5]   0.00-1.00   sec   112 MBytes   941 Mbits/sec    0    373 KBytes\n"),
		0);
	assert_int_equal(
		score("Nov 22 02:51:28 host-1 prog[123]: x\n[   12.345678] usb 1-1: new\n"), 0);
	assert_int_equal(score("time_s,throughput_bps\n0.5,1000000\n1.0,2000000\n"), 0);
	assert_int_equal(score("{\"start\": {\"connected\": [], \"version\": \"iperf 3.12\"}}\n"),
			 0);
	assert_int_equal(score(""), 0);
	assert_int_equal(score("\n\t\n\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),    cmocka_unit_test(test_columns),
		cmocka_unit_test(test_callchains), cmocka_unit_test(test_module_calls),
		cmocka_unit_test(test_header),     cmocka_unit_test(test_hooks_named),
		cmocka_unit_test(test_marker),     cmocka_unit_test(test_period),
		cmocka_unit_test(test_lost),       cmocka_unit_test(test_lost_anywhere),
		cmocka_unit_test(test_records),    cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_pipe),       cmocka_unit_test(test_empty),
		cmocka_unit_test(test_damage),     cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
