// SPDX-License-Identifier: GPL-2.0-only
/* Text of ftrace in every form that kernels and trace-cmd print, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/text_trace.h"

#define OPS (&vnx_reader_ftrace_text)
#define SEC VNX_NSEC_PER_SEC
#define T0 1234000000ULL

static const char header[] =
	"# tracer: function\n#\n# entries-in-buffer/entries-written: 120/120   #P:4\n#\n"
	"#                                _-----=> irqs-off/BH-disabled\n"
	"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
	"#              | |         |   |||||     |         |\n";

static const char noise[] =
	"          <idle>-0       [001] d.h1.  %T: sched_wakeup: comm=vhost-1441 "
	"pid=1460 prio=120 target_cpu=001\n";

static struct text begin(const char *head)
{
	struct text t = { .t_us = T0 };

	n_test_hooks = 0;
	add(&t, head);
	add_n(&t, 1, noise);
	return t;
}

/* 23 handle_tx, 29 handle_rx, 31 entries, 37 halts, and nothing left out. */
static void assert_all(const struct got *g)
{
	assert_int_equal(g->total[VNX_HANDLE_TX], 23);
	assert_int_equal(g->total[VNX_HANDLE_RX], 29);
	assert_int_equal(g->total[VNX_VCPU_ENTER], 31);
	assert_int_equal(g->total[VNX_VCPU_HALT], 37);
	assert_string_equal(g->run.warning, "");
	assert_int_equal(g->lost, 0);
}

static void test_function(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23, "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 29, "      vhost-1441-1460    [003] .....  %T: handle_rx <-vhost_worker\n");
	add_n(&t, 31, "       CPU 0/KVM-1450    [000] d..1.  %T: vcpu_enter_guest <-vcpu_run\n");
	add_n(&t, 37, "       CPU 0/KVM-1450    [000] .....  %T: kvm_vcpu_halt <-vcpu_run\n");
	add_n(&t, 41, "       CPU 0/KVM-1450    [000] .....  %T: handle_tx_kick <-vhost_worker\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_string_equal(hook_of(&g, VNX_HANDLE_TX), "function:handle_tx");
	assert_string_equal(g.run.facts.clock, "");
	assert_string_equal(g.run.facts.capture, "ftrace");
	assert_int_equal(g.run.facts.start_ns, 1234 * SEC);
	assert_int_equal(g.run.vms.n, 1);
	assert_int_equal(vm_of_pid(&g, 1441)->workers.v[0], 1460);
	assert_int_equal(vm_of_pid(&g, 1441)->vcpus.v[0], 1450);
	free_got(&g);
}

/* Four characters of flags before 5.17, none without irq-info; offsets; no callers. */
static void test_function_columns(void **state)
{
	struct text t = begin("");
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441-1460  [003] d..1  %T: handle_tx+0x4/0x6b0 <-vhost_worker+0x1\n");
	add_n(&t, 29, "      vhost-1441-1460  [003]  %N: handle_rx\n");
	add_n(&t, 31,
	      "       CPU 0/KVM-1450  [000] .... %N: vcpu_enter_guest(vcpu=0x1) <-vcpu_run\n");
	add_n(&t, 37, "CPU 0/KVM-1450 [000] %T: kvm_vcpu_halt <-vcpu_run\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	free_got(&g);
}

/* The old name is the sleep only, where the kernel has the new one: the caller tells it. */
static void test_caller_tells_split(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23, "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 37, "       CPU 0/KVM-1450    [000] .....  %T: kvm_vcpu_block <-kvm_vcpu_halt\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_VCPU_HALT], 0);
	free_got(&g);
	t = begin(header);
	add_n(&t, 37, "       CPU 0/KVM-1450    [000] .....  %T: kvm_vcpu_block <-vcpu_run\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_VCPU_HALT], 37);
	free_got(&g);
}

static void test_probes(void **state)
{
	struct text t = begin("# tracer: nop\n#\n");
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441-1460    [003] d..2.  %T: p_handle_tx_0: "
	      "(handle_tx+0x0/0x6b0 [vhost_net])\n");
	add_n(&t, 29,
	      "      vhost-1441-1460    [003] d..2.  %T: mine: (handle_rx+0x4/0x9c0) "
	      "arg1=0x1\n");
	add_n(&t, 31, "       CPU 0/KVM-1450    [000] d..2.  %T: x: (vcpu_enter_guest+0x0/0x10)\n");
	add_n(&t, 37,
	      "       CPU 0/KVM-1450    [000] d..2.  %T: kvm_vcpu_halt: (ffffffffc0a4b0c0)\n");
	/* Returns, the middle of a function, one whose name is a beginning, user space. */
	add_n(&t, 41,
	      "      vhost-1441-1460    [003] d..2.  %T: r_handle_tx_0: "
	      "(vhost_worker+0x3e/0x80 [vhost] <- handle_tx)\n");
	add_n(&t, 43, "      vhost-1441-1460    [003] d..2.  %T: r: (handle_tx+0x0/0x6b0 <- x)\n");
	add_n(&t, 47, "      vhost-1441-1460    [003] d..2.  %T: m: (handle_tx+0x124/0x6b0)\n");
	add_n(&t, 53, "      vhost-1441-1460    [003] d..2.  %T: p: (handle_tx_copy+0x0/0x6b0)\n");
	add_n(&t, 59, "      vhost-1441-1460    [003] d..2.  %T: handle_tx: (0x55d0c0a4b0c0)\n");
	add_n(&t, 61,
	      "      vhost-1441-1460    [003] d..2.  %T: handle_tx: (ffffffffc0a4b0c0 <- "
	      "ffffffffc0a4b0c4)\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_string_equal(hook_of(&g, VNX_HANDLE_TX), "kprobe:handle_tx");
	free_got(&g);
}

static void test_tracepoints(void **state)
{
	struct text t = begin("# tracer: nop\n#\n");
	struct got g;

	add_n(&t, 31, "       CPU 0/KVM-1450    [000] d..1.  %T: kvm_entry: vcpu 0, rip 0xff\n");
	add_n(&t, 41, "       CPU 0/KVM-1450    [000] d..1.  %T: kvm_exit: vcpu 0 reason hlt\n");
	add_n(&t, 37,
	      "       CPU 0/KVM-1450    [000] .....  %T: kvm_vcpu_wakeup: wait time 1 ns\n");
	add_n(&t, 43, "       CPU 0/KVM-1450    [000] .....  %T: kvm_entry_fail: x\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_VCPU_ENTER], 31);
	assert_int_equal(g.total[VNX_VCPU_HALT], 37);
	assert_string_equal(hook_of(&g, VNX_VCPU_ENTER), "tp:kvm:kvm_entry");
	assert_string_equal(hook_of(&g, VNX_VCPU_HALT), "tp:kvm:kvm_vcpu_wakeup");
	free_got(&g);
}

static void test_hooks_named(void **state)
{
	struct text t = begin("");
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441-1460    [003] d..2.  %T: my_probe: (vhost_net_x+0x70/0x80)\n");
	add_n(&t, 29, "      vhost-1441-1460    [003] ..s1.  %T: netif_receive_skb: dev=tap1\n");
	add_n(&t, 31, "       CPU 0/KVM-1450    [000] .....  %T: my_enter <-vcpu_run\n");
	add_n(&t, 37, "       CPU 0/KVM-1450    [000] .....  %T: kvm_vcpu_halt <-vcpu_run\n");
	add_n(&t, 41, "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
	test_hooks[0] = (struct vnx_hook_override){ VNX_HANDLE_TX, "tp:kprobes:my_probe" };
	test_hooks[1] = (struct vnx_hook_override){ VNX_HANDLE_RX, "raw_tp:netif_receive_skb" };
	test_hooks[2] = (struct vnx_hook_override){ VNX_VCPU_ENTER, "kprobe:my_enter" };
	n_test_hooks = 3;
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_string_equal(hook_of(&g, VNX_HANDLE_TX), "tp:kprobes:my_probe");
	assert_string_equal(hook_of(&g, VNX_HANDLE_RX), "raw_tp:netif_receive_skb");
	free_got(&g);
	n_test_hooks = 0;
}

/* `trace-cmd report`, plain, -t, -l, and of several buffers. */
static void test_trace_cmd(void **state)
{
	struct text t = begin("version = 6\nCPU 1 is empty\ncpus=2\n");
	struct got g;

	add_n(&t, 23,
	      "      vhost-1441-1460  [001]  %T: function:             handle_tx <-- vhost_worker\n");
	add_n(&t, 29, "vhost-14-1460    1d..2.  %N: p_handle_rx_0:        (ffffffffc0a4b0c0)\n");
	add_n(&t, 31,
	      "       CPU 0/KVM-1450  [000] d..1. %N: kvm_entry:            vcpu 0, rip 0x1\n");
	add_n(&t, 31,
	      "  inst:         CPU 0/KVM-1450  [000]  %T: funcgraph_entry:      + 12.345 us   |  "
	      "kvm_vcpu_halt();\n");
	add_n(&t, 6,
	      "  inst:         CPU 0/KVM-1450  [000]  %T: funcgraph_entry:                   |  "
	      "kvm_vcpu_halt() {\n");
	add_n(&t, 6,
	      "  inst:         CPU 0/KVM-1450  [000]  %T: funcgraph_exit:  ! 123.4 us   |  }\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	free_got(&g);
}

static void test_graph(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t,
	    "# tracer: function_graph\n#\n"
	    "#     TIME        CPU  TASK/PID         DURATION                  FUNCTION CALLS\n"
	    "#      |          |     |    |           |   |                     |   |   |   |\n");
	add_n(&t, 1, " %T |   0)    <idle>-0    |               |  schedule() {\n");
	add(&t, " ------------------------------------------\n"
		" 0)    <idle>-0    =>    vh-144-1460 \n"
		" ------------------------------------------\n\n");
	add_n(&t, 19, " %T |   0)  vh-144-1460   |   1.234 us    |  handle_tx();\n");
	add_n(&t, 2, " %T |   0)  vh-144-1460   | ! 123.456 us  |    handle_tx();\n");
	add_n(&t, 1, " %T |   0)  vh-144-1460   | $ 1234567 us |      handle_tx();\n");
	add_n(&t, 1, " %T |  10)  vh-144-1460   |               |  handle_tx() {\n");
	add_n(&t, 1, " %T |  10)  vh-144-1460   | # 1234.56 us |  } /* handle_tx */\n");
	add_n(&t, 29, " %T |   0)  vh-144-1460   | * 12345.6 us |  handle_rx(net=0x1);\n");
	add_n(&t, 31,
	      " %T |   1)  C 0/K-1450    |               |    /* kvm_entry: vcpu 0, rip 0x1 */\n");
	add_n(&t, 37, " %T |   1)  C 0/K-1450    | @ 123456.7 us |  kvm_vcpu_halt();\n");
	add_n(&t, 41, " %T |   1)  C 0/K-1450    |   ==========> |\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	free_got(&g);
}

/* Calls of modules' functions, in each form that the kernel and trace-cmd have for them. */
static const char *const calls_tx[] = {
	/* function_graph: leaf and nested, with and without each column, mark and option */
	" %T |   3)  vh-144-1460   | ! 123.456 us  |  handle_tx [vhost_net]();\n",
	" %T |   3)  vh-144-1460   |   0.456 us    |  handle_tx [vhost_net]();\r\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx [vhost_net]() {\n",
	" %T |   3)  vh-144-1460   |   1.456 us    |      handle_tx.constprop.0 [vhost_net]();\n",
	" %T |   3)  vh-144-1460   | * 12345.67 us |  handle_tx.isra.0.constprop.0 [vhost_net]() {\n",
	" %T |   3)  vh-144-1460   | @ 123456.7 us |  handle_tx.llvm.123456789 [vhost_net]();\n",
	" %T |   3)  vh-144-1460   | $ 1234567 us  |  handle_tx [vhost_net](net=0xffff88);\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx [vhost_net](net=0x1, n=2) {\n",
	" %T |   3)  vh-144-1460   | + 12.345 us   |  handle_tx [vhost_net](); /* = 0x0 */\n",
	" %T |   3)  vh-144-1460   | # 1234.56 us  |  handle_tx [vhost_net](); /* ret=-11 */\n",
	" %T |   3)  vh-144-1460   |   0.345 us    |  handle_tx [vhost_net](); /* "
	"<-vhost_worker+0x9e/0x150 [vhost] ret=0x0 */\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx [vhost_net]() { /* "
	"<-vhost_worker+0x9e/0x150 [vhost] */\n",
	" %T |   3)  vh-144-1460   |  d..1. |   0.345 us    |  handle_tx [vhost_net]();\n",
	" %T |   3)  vh-144-1460   |  handle_tx [vhost_net]() {\n",
	" %T |  vh-144-1460   |   0.345 us    |  handle_tx [vhost_net]();\n",
	" %T |  vh-144-1460   |  .N.2. |               |  handle_tx [vhost_net]() {\n",
	/* the function tracer, with sym-offset, sym-addr and func-args */
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx [vhost_net] <-vhost_worker [vhost]\n",
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx+0x4/0x6b0 [vhost_net] "
	"<-vhost_worker+0x9e/0x150 [vhost]\n",
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx+0x4/0x6b0 [vhost_net] "
	"<ffffffffc0a4b0c4> <-vhost_worker+0x9e/0x150 [vhost] <ffffffffc0a4c0c4>\n",
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx(net=0x1, n=2) <-vhost_worker\n",
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx.constprop.0 <-vhost_worker\n",
	/* probes */
	"      vhost-1441-1460    [003] d..2.  %T: p_handle_tx_0: (handle_tx+0x0/0x6b0 "
	"[vhost_net]) net=0x1\n",
	"      vhost-1441-1460    [003] d..2.  %T: mine: (handle_tx.isra.0+0x4/0x6b0 [vhost_net] "
	"<ffffffffc0a4b0c4>)\n",
	/* trace-cmd report */
	"      vhost-1441-1460  [001]  %T: function:             handle_tx [vhost_net] <-- "
	"vhost_worker [vhost]\n",
	"      vhost-1441-1460  [001]  %T: funcgraph_entry:                   |  handle_tx "
	"[vhost_net]() {\n",
	"      vhost-1441-1460  [001]  %T: funcgraph_entry:      ! 123.456 us |    "
	"handle_tx(net=0x1);\n",
	"      vhost-1441-1460  [001]  %T: funcgraph_entry:        1.456 us   |    handle_tx(); (2)\n",
	"      vhost-1441-1460  [001]  %T: funcgraph_entry:      --> handle_tx (2)\n",
	"      vhost-1441-1460  [001]  %T: fgraph_retaddr_entry: --> handle_tx (2) <- vhost_worker\n",
};

/* What looks like one and is none: ends, pieces, other modules' namesakes, others' comments. */
static const char *const calls_none[] = {
	" %T |   3)  vh-144-1460   | ! 123.456 us  |  } /* handle_tx [vhost_net] */\n",
	" %T |   3)  vh-144-1460   | ! 123.456 us  |  } /* handle_tx [vhost_net] ret=0x0 */\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx.part.0 [vhost_net]() {\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx.cold [vhost_net]() {\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx.constprop.0.cold [vhost_net]() {\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx [vhost_vsock]() {\n",
	" %T |   3)  vh-144-1460   |               |  handle_tx_copy [vhost_net]() {\n",
	"      vhost-1441-1460    [003] d..2.  %T: handle_tx+0x4/0x6b0 [b43] <-tasklet+0x1/0x2\n",
	"      vhost-1441-1460    [003] d..2.  %T: vhost_worker <-handle_tx [vhost_net]\n",
	"      vhost-1441-1460    [003] d..2.  %T: mine: (handle_tx+0x40/0x6b0 [vhost_net])\n",
	"      vhost-1441-1460    [003] d..2.  %T: mine: (vhost_worker+0x4/0x6b0 [vhost] <- "
	"handle_tx [vhost_net])\n",
	"      vhost-1441-1460  [001]  %T: funcgraph_exit:  ! 123.4 us   |  } /* handle_tx */\n",
};

static void test_module_calls(void **state)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(calls_tx); i++) {
		struct text t = { .t_us = T0 };
		struct got g;

		add_n(&t, 23, calls_tx[i]);
		read_text(OPS, &t, &g);
		if (g.total[VNX_HANDLE_TX] != 23)
			fail_msg("%" PRIu64 " of: %s", g.total[VNX_HANDLE_TX], calls_tx[i]);
		assert_string_equal(g.run.warning, "");
		free_got(&g);
	}
	for (size_t i = 0; i < VNX_ARRAY_SIZE(calls_none); i++) {
		struct text t = { .t_us = T0 };
		struct got g;

		add_n(&t, 29,
		      "      vhost-1441-1460    [003] d..2.  %T: handle_rx <-vhost_worker\n");
		add_n(&t, 23, calls_none[i]);
		read_text(OPS, &t, &g);
		if (g.total[VNX_HANDLE_TX])
			fail_msg("%" PRIu64 " of: %s", g.total[VNX_HANDLE_TX], calls_none[i]);
		assert_int_equal(g.total[VNX_HANDLE_RX], 29);
		assert_string_equal(g.run.warning, "");
		free_got(&g);
	}
}

/* One line for several calls is left out, also behind a module's name; what calls is told. */
static void test_callers(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add_n(&t, 23, "      vhost-1441-1460    [003] d..2.  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 3,
	      "      vhost-1441-1460    [003] d..2.  %T: handle_tx+0x4/0x6b0 [vhost_net] "
	      "<-vhost_worker+0x9e/0x150 [vhost] (repeats: 5, last_ts:000003.555134)\n");
	add_n(&t, 37,
	      " %T |   1)  C 0/K-1450    |               |  kvm_vcpu_block [kvm]() { /* "
	      "<-kvm_vcpu_halt+0x1/0x2 [kvm] */\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_VCPU_HALT], 0); /* it is a part of what was not traced */
	assert_non_null(strstr(g.run.warning, "estimates"));
	free_got(&g);
}

/* The names that this tracer prints are cut: "vhost-1" is not the worker of process 1. */
static void test_graph_names_cut(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add_n(&t, 23, " %T |   0)  vhost-1-1460  |   1.234 us    |  handle_tx();\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.run.vms.n, 0);
	assert_non_null(strstr(g.run.warning, "7 characters"));
	free_got(&g);
}

static void refused(const char *text, const char *code, const char *hint)
{
	struct got g;

	read_bytes(OPS, text, strlen(text), &g);
	assert_int_equal(g.ret, -ENODATA);
	assert_string_equal(g.err.code, code);
	assert_non_null(strstr(g.err.hint, hint));
	free_got(&g);
}

static void test_refused(void **state)
{
	refused("# tracer: function_graph\n#\n# CPU  DURATION                  FUNCTION CALLS\n"
		" 0)   1.234 us    |  handle_tx();\n 0)               |  handle_rx() {\n"
		" 0) ! 123.4 us    |  }\n",
		"no-times", "funcgraph-abstime");
	refused(" 1234.567890 |   0)   1.234 us    |  handle_tx();\n", "no-threads",
		"funcgraph-proc");
	refused(" 1234.567890 |   0)  handle_tx [vhost_net]() {\n", "no-threads", "funcgraph-proc");
	refused(" 0)  handle_tx [vhost_net]() {\n", "no-times", "funcgraph-abstime");
	refused("  vh-144-1460   |   1.234 us    |  handle_tx [vhost_net]();\n", "no-times",
		"funcgraph-abstime");
	refused("# tracer: nop\n#\n      vhost-1441-1460    [003] d..2.     123456789012: "
		"p_handle_tx_0: (handle_tx+0x0/0x6b0)\n",
		"no-times", "trace_clock");
	refused("# tracer: nop\n#\n", "no-events", "");
	refused("", "no-events", "");
	refused("# tracer: nop\nx\n 0) y | z\n\1\2\3\n", "no-events", "");
}

/* What stands for several calls tells no times of theirs; columns between stamp and name. */
static void test_repeats(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23, "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 29,
	      "      vhost-1441-1460    [003] .....  %T: handle_rx <-vhost_worker (repeats: "
	      "31, last_ts: 1234.567890)\n");
	add_n(&t, 31, "       CPU 0/KVM-1450  [000]  %T: (+1230)  kvm_entry:   vcpu 0\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_HANDLE_RX], 0);
	assert_int_equal(g.total[VNX_VCPU_ENTER], 31);
	assert_non_null(strstr(g.run.warning, "29 lines"));
	free_got(&g);
}

static void test_threads(void **state)
{
	struct text t =
		begin("#           TASK-PID       TGID    CPU#  |||||  TIMESTAMP  FUNCTION\n");
	struct got g;

	add_n(&t, 11,
	      "           <...>-1460    (-------) [003] .....  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 12,
	      "      vhost-1450-1460    (   1441) [003] .....  %T: handle_tx <-vhost_worker\n");
	add_n(&t, 29,
	      " a-b [1] c 9.9: -2470    (   2441) [003] .....  %T: handle_rx <-vhost_worker\n");
	add_n(&t, 31,
	      "       CPU 0/KVM-1451    (   1441) [003] .....  %T: vcpu_enter_guest <-vcpu_run\n");
	add_n(&t, 37,
	      "     CPU 0/KVM  -2451    ( 2441) [003] .....  %T: kvm_vcpu_halt <-vcpu_run\n");
	read_text(OPS, &t, &g);
	assert_all(&g);
	assert_int_equal(vm_of_pid(&g, 1441)->workers.n, 1);
	assert_int_equal(vm_of_pid(&g, 1441)->vcpus.v[0], 1451);
	assert_int_equal(vm_of_pid(&g, 2441)->vcpus.v[0], 2451);
	free_got(&g);
}

static void test_marker(void **state)
{
	static const char *const forms[] = { "tracing_mark_write: ", "print: ffffffff8123: ",
					     "print:                tracing_mark_write: " };
	struct got g;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(forms); i++) {
		struct text t = begin(header);

		add_n(&t, 1, "            bash-16888   [000] .....  %T: ");
		add(&t, forms[i]);
		add(&t,
		    "vnetdx vm pid=77 name=web%201 backend=vhost-net workers=1460 vcpus=1450\n");
		add_n(&t, 23,
		      "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
		read_text(OPS, &t, &g);
		assert_int_equal(g.run.vms.n, 1);
		assert_string_equal(vm_of_pid(&g, 77)->name, "web 1");
		assert_int_equal(vm_of_pid(&g, 77)->workers.v[0], 1460);
		free_got(&g);
	}
}

/* ---- losses ---- */

static const char tx3[] = "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n";
static const char rx1[] = "      vhost-2441-2460    [001] .....  %T: handle_rx <-vhost_worker\n";

static void test_lost(void **state)
{
	static const struct {
		const char *line;
		uint64_t count;
	} forms[] = { { "CPU:3 [LOST 1237 EVENTS]\n", 1237 },
		      { "CPU:3 [LOST EVENTS]\n", 1 },
		      { "CPU:3 [EVENTS DROPPED]\n", 1 },
		      { "CPU 3: [31 EVENTS DROPPED]\n", 31 },
		      { "CPU:3 [29 EVENTS DROPPED]\r\n", 29 } };
	struct got g;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(forms); i++) {
		struct text t = begin(header);

		add_n(&t, 500, tx3); /* the last one at 1.000 s hereafter, but for a noise line */
		add_n(&t, 500, rx1);
		add(&t, forms[i].line);
		add_n(&t, 500, rx1);
		add_n(&t, 500, tx3);
		read_text(OPS, &t, &g);
		assert_int_equal(g.total[VNX_HANDLE_TX], 1000);
		assert_int_equal(g.total[VNX_HANDLE_RX], 1000);
		assert_int_equal(g.lost, forms[i].count);
		assert_int_equal(g.n_lost, 1);
		assert_int_equal(g.lost_from_ns, (T0 + 500000) * 1000);
		assert_int_equal(g.lost_to_ns, (T0 + 1501000) * 1000);
		assert_string_equal(g.run.warning, "");
		free_got(&g);
	}
}

/* Many blocks between a CPU's last event and its next. */
static void test_lost_across_blocks(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 29, tx3);
	add_n(&t, 41000, rx1);
	add(&t, "CPU:3 [LOST 31 EVENTS]\n");
	add_n(&t, 41000, rx1);
	add(&t, "CPU:3 [LOST 37 EVENTS]\n");
	add_n(&t, 41000, rx1);
	add_n(&t, 29, tx3);
	assert_true(t.n > 6 << 20);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 58);
	assert_int_equal(g.total[VNX_HANDLE_RX], 123000);
	assert_int_equal(g.lost, 68);
	assert_int_equal(g.lost_from_ns, (T0 + 29000) * 1000);
	assert_int_equal(g.lost_to_ns, (T0 + 30000 + 123000000) * 1000);
	free_got(&g);
}

/* A loss before anything, and one that nothing comes after. */
static void test_lost_at_ends(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t, "CPU:1 [LOST 23 EVENTS]\n");
	add_n(&t, 1000, tx3);
	add(&t, "CPU:0 [LOST 29 EVENTS]\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 1000);
	assert_int_equal(g.lost, 52);
	assert_int_equal(g.lost_from_ns, T0 * 1000);
	assert_int_equal(g.lost_to_ns, (T0 + 999000) * 1000);
	free_got(&g);
}

/* Two buffers of one report lose apart: the events of the other one are no bound. */
static void test_lost_of_buffers(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t, "cpus=4\n");
	add_n(&t, 100, "   one:       vhost-1441-1460  [003]  %T: kvm_entry: x\n");
	add_n(&t, 100, "   two:       vhost-1441-1460  [003]  %T: kvm_entry: x\n");
	add(&t, "   one: CPU:3 [31 EVENTS DROPPED]\n");
	add_n(&t, 1, "      vhost-1441-1460  [003]  %T: kvm_entry: x\n");
	add_n(&t, 29, "   one:       vhost-1441-1460  [003]  %T: kvm_entry: x\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_VCPU_ENTER], 230);
	assert_int_equal(g.lost, 31);
	assert_int_equal(g.lost_from_ns, (T0 + 99000) * 1000);
	assert_int_equal(g.lost_to_ns, (T0 + 200000) * 1000);
	free_got(&g);
}

/* More was written than is there: up to where the last CPU's buffer begins, all is doubtful. */
static void test_overwritten(void **state)
{
	struct text t = { .t_us = T0 };
	struct got g;

	add(&t, "# tracer: nop\n#\n# entries-in-buffer/entries-written: 2000/2037   #P:4\n#\n");
	add_n(&t, 1000, tx3);
	add(&t, "##### CPU 1 buffer started ####\n");
	add_n(&t, 1000, rx1);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 1000);
	assert_int_equal(g.lost, 37);
	assert_int_equal(g.lost_from_ns, T0 * 1000);
	assert_int_equal(g.lost_to_ns, (T0 + 1000000) * 1000);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
}

/* ---- odd bytes ---- */

static void test_bad_lines(void **state)
{
	struct text t = begin(header);
	char at[32];
	struct got g;

	add_n(&t, 23, tx3);
	snprintf(at, sizeof(at), "at byte %zu,", t.n);
	add(&t, "what is this\n");
	put(&t, "\0\0\xff\xfe nul\0bytes\n", 16);
	add(&t,
	    "      vhost-1441-1460    [003] .....  99999999999999999999.000001: handle_tx <-x\n");
	add(&t, "      vhost-1441-99999999999    [003] .....  1234.000001: handle_tx <-x\n");
	add(&t, "      vhost-1441-1460    [003] .....  1234.: handle_tx <-x\n");
	add_n(&t, 29, "      vhost-1441-1460    [003] .....  %T: handle_rx <-vhost_worker\r\n");
	add(&t, "      vhost-1441-1460    [003] .....  1234.500000: handle_tx <-vhost_worker");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_HANDLE_RX], 29);
	assert_non_null(strstr(g.run.warning, at));
	assert_non_null(strstr(g.run.warning, "5 lines"));
	assert_non_null(strstr(g.run.warning, "1 more"));
	free_got(&g);
}

static void test_noise_is_silent(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23, tx3);
	add(&t, "\n\r\n   \n");
	add_n(&t, 1, "            bash-1       [000] .....  %T: <stack trace>\n");
	add(&t, " => handle_tx\n => vhost_worker\n=> x (ffffffff81234567)\n");
	add_n(&t, 1,
	      "            bash-1       [000] .....  %T: kernel_stack:         <stack trace >\n");
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
}

/* Lines longer than a block, one of them in the middle of blocks, one at the end. */
static void test_long_lines(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23, tx3);
	for (unsigned i = 0; i < 3u << 20; i++)
		put(&t, "x", 1);
	add(&t, "\n");
	add_n(&t, 15000, rx1);
	for (unsigned i = 0; i < 2u << 20; i++)
		put(&t, "", 1);
	add(&t, "\n");
	add_n(&t, 29, tx3);
	for (unsigned i = 0; i < 2u << 20; i++)
		put(&t, "y", 1);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 52);
	assert_int_equal(g.total[VNX_HANDLE_RX], 15000);
	assert_non_null(strstr(g.run.warning, "3 lines"));
	assert_non_null(strstr(g.run.warning, "longer"));
	free_got(&g);
}

static void test_backwards(void **state)
{
	struct text t = begin(header);
	struct got g;

	t.t_us += 50000000;
	add_n(&t, 23, tx3);
	t.t_us -= 30000000;
	add_n(&t, 29, rx1);
	read_text(OPS, &t, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23);
	assert_int_equal(g.total[VNX_HANDLE_RX], 29);
	free_got(&g);
}

static void test_pipe(void **state)
{
	struct text t = begin(header);
	struct got g;

	add_n(&t, 23011, tx3);
	add_n(&t, 29009, rx1);
	add(&t, "      vhost-1441-1460    [003] .....  1300.500000: handle_tx <-vho");
	read_pipe(OPS, &t, &g);
	assert_int_equal(g.ret, 0);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23011);
	assert_int_equal(g.total[VNX_HANDLE_RX], 29009);
	assert_string_equal(g.run.warning, "");
	free_got(&g);
	read_bytes(OPS, t.v, t.n, &g);
	assert_int_equal(g.total[VNX_HANDLE_TX], 23011);
	assert_non_null(strstr(g.run.warning, "cut off"));
	free_got(&g);
	free(t.v);
}

static void test_damage(void **state)
{
	struct text t = begin(header);

	add_n(&t, 23, "      vhost-1441-1460    [003] .....  %T: handle_tx <-vhost_worker\n");
	add(&t, "CPU:3 [LOST 1237 EVENTS]\n");
	add_n(&t, 29,
	      "      vhost-1441-1460    [003] d..2.  %T: p_handle_rx_0: "
	      "(handle_rx+0x0/0x6b0 [vhost_net])\n");
	add_n(&t, 31, "       CPU 0/KVM-1450    [000] d..1.  %T: kvm_entry: vcpu 0, rip 0xff\n");
	add_n(&t, 37, " %T |   1)  C 0/K-1450    |   1.2 us      |  kvm_vcpu_halt();\n");
	add(&t, "##### CPU 1 buffer started ####\n");
	damage(OPS, &t, 37);
	free(t.v);
}

static int score(const char *text)
{
	return OPS->probe("x", (const unsigned char *)text, strlen(text));
}

static void test_probe(void **state)
{
	assert_true(score(header) > 90);
	assert_true(score("       CPU 0/KVM-1450    [000] d..1.  1.000001: kvm_entry: vcpu 0\n") >
		    50);
	assert_true(
		score("cpus=2\n      vhost-14-1460  [003]  1.000001: function:  handle_tx <-- x\n") >
		50);
	assert_true(score(" 1.234567 |   0)  vhost-1-1460  |   1.234 us    |  handle_tx();\n") >
		    50);
	assert_true(score("CPU:3 [LOST 1 EVENTS]\n  vhost-14-1460  [003]  1.000001: x: y\n") > 50);
	assert_int_equal(
		score("            perf   177 [000] 15729.137762: sched:sched_wakeup: x\n"), 0);
	assert_int_equal(score("perf   177 15729.137762: sched:sched_wakeup: x\n"), 0);
	assert_int_equal(
		score("[ ID] Interval           Transfer     Bitrate         Retr  Cwnd\n"
		      "[  5]   0.00-1.00   sec   112 MBytes   941 Mbits/sec    0    373 KBytes\n"),
		0);
	assert_int_equal(score("Nov 22 02:51:28 host-1 prog[123]: one-2 [3] 4.5: x\n"
			       "Nov 22 02:51:28 host-1 prog[123]: words\nmore\n"),
			 0);
	assert_int_equal(score("time_s,throughput_bps\n0.5,1000000\n1.0,2000000\n"), 0);
	assert_int_equal(score("{\"start\": {\"connected\": [], \"version\": \"iperf 3.12\"}}\n"),
			 0);
	assert_int_equal(score(""), 0);
	assert_int_equal(score("\n\n\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_function_columns),
		cmocka_unit_test(test_caller_tells_split),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_tracepoints),
		cmocka_unit_test(test_hooks_named),
		cmocka_unit_test(test_trace_cmd),
		cmocka_unit_test(test_graph),
		cmocka_unit_test(test_module_calls),
		cmocka_unit_test(test_callers),
		cmocka_unit_test(test_graph_names_cut),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_marker),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_across_blocks),
		cmocka_unit_test(test_lost_at_ends),
		cmocka_unit_test(test_lost_of_buffers),
		cmocka_unit_test(test_overwritten),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_noise_is_silent),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_backwards),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
