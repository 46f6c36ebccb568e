// SPDX-License-Identifier: GPL-2.0-only
/* The hook ladder, and the histograms of ftrace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "bpf/hist.h"
#include "bpf/kernel.h"
#include "bpf/ladder.h"
#include "bpf/tracefs.h"

static void parse_takes_every_kind(void **state)
{
	struct vnx_hook_spec s;

	assert_int_equal(vnx_hook_parse("fentry:handle_tx", &s, NULL), 0);
	assert_int_equal(s.kind, VNX_HOOK_FENTRY);
	assert_string_equal(s.name, "handle_tx");
	assert_int_equal(vnx_hook_parse("kprobe:vhost_notify.constprop.0", &s, NULL), 0);
	assert_int_equal(s.kind, VNX_HOOK_KPROBE);
	assert_string_equal(s.name, "vhost_notify.constprop.0");
	assert_int_equal(vnx_hook_parse("raw_tp:netif_receive_skb", &s, NULL), 0);
	assert_int_equal(s.kind, VNX_HOOK_RAW_TP);
	assert_string_equal(s.system, "");
	assert_int_equal(vnx_hook_parse("tp:kvm:kvm_entry", &s, NULL), 0);
	assert_int_equal(s.kind, VNX_HOOK_TP);
	assert_string_equal(s.system, "kvm");
	assert_string_equal(s.name, "kvm_entry");
}

static void parse_refuses_the_rest(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"handle_tx",
		"fentry",
		"fentry:",
		"fent:handle_tx",
		"tp:kvm",
		"tp:kvm:",
		"tp::kvm_entry",
		"kprobe:a b",
		"kprobe:a\nb",
		"kprobe:a/b",
		"kprobe:../x",
		"raw_tp:a:b",
		"kprobe:9x",
		"kprobe:handle_tx ",
		"FENTRY:handle_tx",
		"kprobe:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(bad); i++) {
		struct vnx_err err = { 0 };
		struct vnx_hook_spec s;

		assert_int_equal(vnx_hook_parse(bad[i], &s, &err), -EINVAL);
		assert_int_equal(err.exit, VNX_EXIT_USAGE);
		assert_true(err.message[0] && err.hint[0]);
	}
}

static void ladder_is_sane(void **state)
{
	unsigned seen = 0;
	size_t n;
	const struct vnx_candidate *c = vnx_ladder(&n);

	for (size_t i = 0; i < n; i++) {
		struct vnx_hook_spec s;

		assert_true(vnx_metric_is_call(c[i].metric));
		assert_int_equal(vnx_hook_parse(c[i].hook, &s, NULL), 0);
		assert_non_null(c[i].module);
		if (i && c[i].metric != c[i - 1].metric)
			assert_false(seen & 1u << c[i].metric); /* grouped */
		seen |= 1u << c[i].metric;
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(c[i].hook, c[j].hook);
		if (!strcmp(s.name, "kvm_vcpu_block") || !strcmp(s.name, "kvm_vcpu_halt"))
			assert_non_null(c[i].unless);
	}
	assert_int_equal(seen, 0xf);
}

static void captures_are_found(void **state)
{
	assert_ptr_equal(vnx_capture_find("bpf"), &vnx_capture_bpf);
	assert_ptr_equal(vnx_capture_find("ftrace"), &vnx_capture_ftrace);
	assert_ptr_equal(vnx_capture_find("perf"), &vnx_capture_perf);
	assert_null(vnx_capture_find("auto"));
	assert_ptr_equal(vnx_captures[0], &vnx_capture_bpf);
}

/* A host that refuses what its @arg says; counts how often it was asked. */
struct host {
	const char *has;
	int otherwise;
	unsigned asked;
};

static int host_attach(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
		       const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct host *h = arg;

	h->asked++;
	if (h->has && !strcmp(h->has, cand->hook))
		return 0;
	snprintf(why, VNX_WHY_LEN, "not %s", spec->name);
	return h->otherwise;
}

#define FUNCTIONS (VNX_KIND(VNX_HOOK_FENTRY) | VNX_KIND(VNX_HOOK_KPROBE))

static void choose_keeps_every_refusal(void **state)
{
	struct vnx_capture_conf conf = { .metrics = 1u << VNX_VCPU_ENTER | 1u << VNX_TX_BYTES };
	struct host host = { "raw_tp:kvm_entry", -ENOENT, 0 };
	struct vnx_hooks hooks = { 0 };
	unsigned waiting;

	assert_int_equal(vnx_ladder_choose(&hooks, &conf, FUNCTIONS | VNX_KIND(VNX_HOOK_RAW_TP),
					   host_attach, &host, &waiting, NULL),
			 0);
	assert_int_equal(hooks.n, 1); /* bytes are no calls */
	assert_string_equal(hooks.v[0].hook, "raw_tp:kvm_entry");
	assert_true(hooks.v[0].since_ns > 0);
	assert_int_equal(hooks.v[0].refused.n, 2);
	assert_string_equal(hooks.v[0].refused.v[0].hook, "fentry:vcpu_enter_guest");
	assert_string_equal(hooks.v[0].refused.v[1].why, "not vcpu_enter_guest");
	assert_int_equal(waiting, 0);
	vnx_hooks_fini(&hooks);
}

static void choose_waits_for_modules(void **state)
{
	struct vnx_capture_conf conf = { .metrics = 1u << VNX_HANDLE_TX };
	struct host host = { NULL, -EAGAIN, 0 };
	struct vnx_hooks hooks = { 0 }, copy;
	struct vnx_err err = { 0 };
	unsigned waiting;

	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, host_attach, &host, &waiting, NULL), 0);
	assert_int_equal(waiting, 1);
	assert_string_equal(hooks.v[0].hook, "");
	assert_int_equal(vnx_hooks_copy(&copy, &hooks), 0);
	assert_int_equal(copy.v[0].refused.n, 2);
	assert_ptr_not_equal(copy.v[0].refused.v, hooks.v[0].refused.v);
	assert_int_equal(vnx_hooks_need(&copy, "bpf", &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, VNX_EXIT_UNSUPPORTED);
	vnx_hooks_fini(&copy);
	host.has = "kprobe:handle_tx";
	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, host_attach, &host, &waiting, NULL), 0);
	assert_int_equal(waiting, 0);
	assert_int_equal(hooks.n, 1);
	assert_int_equal(hooks.v[0].refused.n, 1); /* of this time only */
	vnx_hooks_end(&hooks, VNX_HANDLE_TX);
	assert_true(hooks.v[0].until_ns >= hooks.v[0].since_ns);
	vnx_hooks_fini(&hooks);
}

static void override_is_the_only_candidate(void **state)
{
	struct vnx_hook_override o = { VNX_HANDLE_TX, "raw_tp:netif_receive_skb" };
	struct vnx_capture_conf conf = { .metrics = 0x3, .overrides = &o, .n_overrides = 1 };
	struct host host = { "kprobe:handle_rx", -ENOENT, 0 };
	struct vnx_hooks hooks = { 0 };
	unsigned waiting;

	/* Of a kind that the back end's ladder does not take. */
	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, host_attach, &host, &waiting, NULL), 0);
	assert_int_equal(host.asked, 1 + 2);
	assert_string_equal(hooks.v[0].hook, "");
	assert_int_equal(hooks.v[0].refused.n, 1);
	assert_string_equal(hooks.v[1].hook, "kprobe:handle_rx");
	vnx_hooks_fini(&hooks);
	o.hook = "nonsense";
	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, host_attach, &host, &waiting, NULL),
		-EINVAL);
	vnx_hooks_fini(&hooks);
}

static const char stamped[] =
	"# event histogram\n#\n# trigger info: hist:keys=common_pid [active]\n#\n\n"
	"{ common_pid:        144, common_timestamp: ~ 1000000000-1499999999 } hitcount:          2\n"
	"{ common_pid:        148, common_timestamp: ~ 500000000-999999999 } hitcount:         23\n"
	"{ common_pid:        144, common_timestamp: ~ 1000000000-1499999999 } hitcount:          1\n"
	"\nTotals:\n    Hits: 26\n    Entries: 3\n    Dropped: 5\n";

static void hist_rows_are_understood(void **state)
{
	struct vnx_hist h = { 0 };

	assert_int_equal(vnx_hist_parse(stamped, &h), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.dropped, 5);
	assert_int_equal(h.v[0].stamp_ns, 500000000);
	assert_int_equal(h.v[0].tid, 148);
	assert_int_equal(h.v[0].count, 23);
	assert_int_equal(h.v[1].tid, 144);
	assert_int_equal(h.v[1].count, 3); /* two rows of one key */
	assert_int_equal(vnx_hist_parse("{ common_pid:       7 } hitcount:   9\n", &h), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.v[0].stamp_ns, 0);
	assert_int_equal(h.dropped, 0);
	assert_int_equal(vnx_hist_parse("", &h), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(vnx_hist_parse("{ common_pid: x } hitcount: 9\n", &h), -EPROTO);
	assert_int_equal(vnx_hist_parse("{ common_pid: 7 } hitcount:\n9\n", &h), -EPROTO);
	assert_int_equal(vnx_hist_parse("{ common_pid: 4294967296 } hitcount: 9\n", &h), -EPROTO);
	vnx_hist_fini(&h);
}

static void hist_keeps_what_was_handed_out(void **state)
{
	struct vnx_hist seen = { 0 }, now = { 0 };

	assert_int_equal(vnx_hist_parse(stamped, &now), 0);
	vnx_hist_update(&seen, &now);
	assert_int_equal(now.n, 0);
	seen.v[0].emitted = 23;
	assert_int_equal(vnx_hist_parse("{ common_pid: 1, common_timestamp: ~ 5-9 } hitcount: 4\n"
					"{ common_pid: 148, common_timestamp: ~ 500000000-9 } "
					"hitcount: 24\n",
					&now),
			 0);
	vnx_hist_update(&seen, &now);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.v[0].emitted, 0);
	assert_int_equal(seen.v[1].count, 24);
	assert_int_equal(seen.v[1].emitted, 23);
	vnx_hist_forget(&seen, 500000000);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.v[0].tid, 148);
	vnx_hist_fini(&seen);
	vnx_hist_fini(&now);
}

static void kernel_says_why(void **state)
{
	struct vnx_symbol syms[] = { { .name = "inlined", .home = "kvm" },
				     { .name = "cloned", .variant = "cloned.constprop.0" },
				     { .name = "halt", .module = "kvm", .copies = 1 },
				     { .name = "twice", .copies = 2 } };
	char modules[] = "kvm 1146880 1 kvm_amd, Live 0xffffffffc0a00000\n"
			 "tun 61440 1 - Live 0xffffffffc0900000\n";
	struct vnx_kernel k = { .v = syms, .n = 4, .modules = modules };
	struct vnx_kernel hidden = { .modules = "kvm 1146880 1 - Live 0x0000000000000000\n" };
	struct vnx_candidate c = { .module = "kvm" };
	const struct vnx_symbol *s = NULL;
	char why[VNX_WHY_LEN];

	assert_int_equal(vnx_kernel_module_base(&k, "kvm"), 0xffffffffc0a00000);
	assert_int_equal(vnx_kernel_module_base(&k, "kv"), 0);
	assert_int_equal(vnx_kernel_module_base(&hidden, "kvm"), VNX_HIDDEN_BASE);
	assert_int_equal(vnx_kernel_module_base(&hidden, "tun"), 0);
	assert_int_equal(vnx_kernel_check_function(&k, &c, "halt", &s, why), 0);
	assert_ptr_equal(s, &syms[2]);
	assert_int_equal(vnx_kernel_check_function(&k, &c, "inlined", &s, why), -ENOENT);
	assert_string_equal(why, "no such function in this kernel: inlined");
	assert_int_equal(vnx_kernel_check_function(&k, &c, "cloned", &s, why), -ENOENT);
	assert_non_null(strstr(why, "cloned.constprop.0"));
	assert_int_equal(vnx_kernel_check_function(&k, &c, "twice", &s, why), -EEXIST);
	c = (struct vnx_candidate){ .module = "no_such_module" };
	assert_int_equal(vnx_kernel_check_function(&k, &c, "inlined", &s, why), -EAGAIN);
	assert_string_equal(why, "module no_such_module is not loaded");
	k.modules = NULL;
	assert_int_equal(vnx_kernel_check_function(&k, &c, "inlined", &s, why), -ENOENT);
}

/* What each kernel has of these names, and which of the two is poll and sleep there. */
static void halts_are_told_apart(void **state)
{
	static const struct {
		const char *functions[4], *wanted, *other;
	} kernels[] = {
		/* x86 up to 5.16: the handler of HLT exits has the later name */
		{ { "kvm_vcpu_halt", "kvm_vcpu_block", "kvm_emulate_halt" },
		  "kvm_vcpu_block",
		  "kvm_vcpu_halt" },
		{ { "kvm_vcpu_halt", "kvm_vcpu_block", "kvm_emulate_halt",
		    "kvm_emulate_halt_noskip" },
		  "kvm_vcpu_halt",
		  "kvm_vcpu_block" },
		/* other processors */
		{ { "kvm_vcpu_block" }, "kvm_vcpu_block", NULL },
		{ { "kvm_vcpu_halt", "kvm_vcpu_block" }, "kvm_vcpu_halt", "kvm_vcpu_block" },
	};
	size_t n;
	const struct vnx_candidate *ladder = vnx_ladder(&n);

	for (size_t i = 0; i < VNX_ARRAY_SIZE(kernels); i++) {
		struct vnx_symbol syms[4] = { 0 };
		struct vnx_kernel k = { .v = syms };
		char modules[] = "kvm 1146880 1 - Live 0xffffffffc0a00000\n";

		k.modules = modules;
		for (; k.n < 4 && kernels[i].functions[k.n]; k.n++) {
			strcpy(syms[k.n].name, kernels[i].functions[k.n]);
			syms[k.n].copies = 1;
		}
		for (size_t j = 0; j < n; j++) {
			const struct vnx_symbol *s;
			const char *name = strchr(ladder[j].hook, ':') + 1;
			char why[VNX_WHY_LEN] = "";
			int ret = vnx_kernel_check_function(&k, &ladder[j], name, &s, why);

			if (!strcmp(name, kernels[i].wanted)) {
				assert_int_equal(ret, 0);
			} else if (kernels[i].other && !strcmp(name, kernels[i].other)) {
				assert_int_equal(ret, -ENOENT);
				assert_ptr_equal(strstr(why, "in this kernel the "), why);
			}
		}
	}
}

static void the_other_maker_never_comes(void **state)
{
	char modules[] = "kvm 1146880 1 kvm_amd, Live 0xffffffffc0a00000\n"
			 "kvm_amd 61440 1 - Live 0xffffffffc0900000\n";
	struct vnx_kernel k = { .modules = modules };
	struct vnx_candidate c = { .module = "kvm_intel" };
	const struct vnx_symbol *s;
	char why[VNX_WHY_LEN];

	assert_int_equal(vnx_kernel_check_function(&k, &c, "vmx_vcpu_run", &s, why), -ENOENT);
	assert_string_equal(why, "not this CPU's: kvm_amd is loaded");
	k.modules[strlen(modules) - strlen("kvm_amd 61440 1 - Live 0xffffffffc0900000\n")] = '\0';
	assert_int_equal(vnx_kernel_check_function(&k, &c, "vmx_vcpu_run", &s, why), -EAGAIN);
}

static void places_are_named_in_turn(void **state)
{
	struct vnx_symbol s = { .module = "vhost_net", .addr = 0xffffffffc0a4b0c0 };
	char place[64];

	assert_true(vnx_kernel_place(&s, "handle_tx", 0, place, sizeof(place)));
	assert_string_equal(place, "vhost_net:handle_tx");
	assert_true(vnx_kernel_place(&s, "handle_tx", 1, place, sizeof(place)));
	assert_string_equal(place, "handle_tx");
	assert_true(vnx_kernel_place(&s, "handle_tx", 2, place, sizeof(place)));
	assert_string_equal(place, "0xffffffffc0a4b0c0");
	assert_false(vnx_kernel_place(&s, "handle_tx", 3, place, sizeof(place)));
	s.elsewhere = true; /* the plain name may be another module's */
	assert_true(vnx_kernel_place(&s, "handle_tx", 1, place, sizeof(place)));
	assert_string_equal(place, "0xffffffffc0a4b0c0");
	assert_false(vnx_kernel_place(&s, "handle_tx", 2, place, sizeof(place)));
	s = (struct vnx_symbol){ 0 }; /* built in, its address hidden from us */
	assert_true(vnx_kernel_place(&s, "handle_tx", 0, place, sizeof(place)));
	assert_string_equal(place, "handle_tx");
	assert_false(vnx_kernel_place(&s, "handle_tx", 1, place, sizeof(place)));
}

static void put_file(const char *root, const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(full, 0700);
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void remove_file(const char *root, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	assert_int_equal(unlink(full), 0);
	for (char *p; (p = strrchr(full, '/')) > full + strlen(root);) {
		*p = '\0';
		rmdir(full);
	}
}

/* The running kernel's own word first, then its command line, then how it was built. */
static void preemption_is_found_out(void **state)
{
	static const char sched[] = "/sys/kernel/debug/sched/preempt", line[] = "/proc/cmdline",
			  built[] = "/boot/config-6.12.0", dynamic[] = "#1 SMP PREEMPT_DYNAMIC 6";
	char root[] = "/tmp/vnetdx-preempt-XXXXXX";

	assert_non_null(mkdtemp(root));
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", "#1 SMP PREEMPT Mon"), "full");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", "#1 SMP PREEMPT_RT M"),
			    "full");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", "#1 SMP PREEMPT_LAZY"),
			    "lazy");
	assert_null(vnx_kernel_preemption_at(root, "6.12.0", dynamic));
	assert_null(vnx_kernel_preemption_at(root, "6.12.0", "#1 SMP Debian"));
	put_file(root, built,
		 "# CONFIG_PREEMPT_NONE is not set\nCONFIG_PREEMPT_VOLUNTARY=y\n"
		 "# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_DYNAMIC=y\n");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", dynamic), "voluntary");
	assert_null(vnx_kernel_preemption_at(root, "6.1.0", dynamic));
	put_file(root, line, "quiet preempt=none x=y preempt=full\n");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", dynamic), "full");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", "#1 SMP Debian"), "voluntary");
	put_file(root, sched, "none voluntary full (lazy)\n");
	assert_string_equal(vnx_kernel_preemption_at(root, "6.12.0", dynamic), "lazy");
	remove_file(root, sched);
	remove_file(root, line);
	remove_file(root, built);
	assert_int_equal(rmdir(root), 0);
}

static void enabled_functions_are_read(void **state)
{
	char root[] = "/tmp/vnetdx-enabled-XXXXXX";

	assert_non_null(mkdtemp(root));
	assert_int_equal(vnx_kernel_is_traced(root, "handle_tx"), -ENOENT);
	put_file(root, "/enabled_functions",
		 "kvm_vcpu_block [kvm] (1) R   D  \ttramp: 0xffffffffc0b2e000\n"
		 "handle_tx_kick [vhost_net] (1) R   D  \nschedule (2)\n");
	assert_int_equal(vnx_kernel_is_traced(root, "kvm_vcpu_block"), 1);
	assert_int_equal(vnx_kernel_is_traced(root, "schedule"), 1);
	assert_int_equal(vnx_kernel_is_traced(root, "handle_tx"), 0);
	assert_int_equal(vnx_kernel_is_traced(root, "kvm_vcpu_halt"), 0);
	remove_file(root, "/enabled_functions");
	assert_int_equal(rmdir(root), 0);
}

static void probes_tell_what_they_missed(void **state)
{
	char root[] = "/tmp/vnetdx-missed-XXXXXX";
	uint64_t missed = 7;

	assert_non_null(mkdtemp(root));
	assert_int_equal(vnx_tracefs_missed(root, "handle_tx_1", &missed), -ENOENT);
	put_file(root, "/kprobe_profile",
		 "  handle_tx                                    41              5\n"
		 "  handle_tx_1                                  23              3\n");
	assert_int_equal(vnx_tracefs_missed(root, "handle_tx_1", &missed), 0);
	assert_int_equal(missed, 3);
	assert_int_equal(vnx_tracefs_missed(root, "handle_tx_2", &missed), -ENOENT);
	remove_file(root, "/kprobe_profile");
	assert_int_equal(rmdir(root), 0);
}

/* A host that takes all of @kinds but fentry functions that are not @has. */
static int kind_attach(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
		       const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	const unsigned *kinds = arg;

	return *kinds & VNX_KIND(spec->kind) ? 0 : -ENOENT;
}

static void preemptible_prefers_kprobes(void **state)
{
	struct vnx_capture_conf conf = { .metrics = 1u << VNX_HANDLE_TX, .kprobe_first = true };
	unsigned kinds = FUNCTIONS, waiting;
	struct vnx_hooks hooks = { 0 };

	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, kind_attach, &kinds, &waiting, NULL),
		0);
	assert_string_equal(hooks.v[0].hook, "kprobe:handle_tx");
	assert_int_equal(hooks.v[0].refused.n, 1);
	assert_string_equal(hooks.v[0].refused.v[0].why,
			    "a preemptible kernel refuses some events of fentry programs");
	vnx_hooks_fini(&hooks);
	kinds = VNX_KIND(VNX_HOOK_FENTRY); /* better so than not at all */
	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, kind_attach, &kinds, &waiting, NULL),
		0);
	assert_string_equal(hooks.v[0].hook, "fentry:handle_tx");
	assert_non_null(strstr(hooks.v[0].note, "preemptible"));
	vnx_hooks_fini(&hooks);
}

/* A hook that never ran is not tried again, also not when modules come and go. */
static void distrusted_is_not_tried_again(void **state)
{
	struct vnx_capture_conf conf = { .metrics = 1u << VNX_HANDLE_TX | 1u << VNX_VCPU_HALT };
	unsigned kinds = FUNCTIONS, waiting;
	struct vnx_hooks hooks = { 0 };

	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, kind_attach, &kinds, &waiting, NULL),
		0);
	assert_string_equal(hooks.v[1].hook, "fentry:kvm_vcpu_halt");
	hooks.v[1].since_ns = 1;
	assert_int_equal(vnx_hooks_distrust(&hooks, VNX_VCPU_HALT, "never ran"), 0);
	assert_string_equal(hooks.v[1].hook, "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vnx_ladder_choose(&hooks, &conf, FUNCTIONS, kind_attach, &kinds,
						   &waiting, NULL),
				 0);
		assert_string_equal(hooks.v[0].hook, "fentry:handle_tx");
		assert_string_equal(hooks.v[1].hook, "kprobe:kvm_vcpu_halt");
		assert_true(hooks.v[1].since_ns > 1); /* what was before is missing */
		assert_string_equal(hooks.v[1].note, "fentry:kvm_vcpu_halt never ran");
		assert_int_equal(hooks.v[1].refused.n, 1);
		assert_true(hooks.v[1].refused.v[0].silent);
		hooks.v[1].hook[0] = '\0'; /* its module went */
	}
	assert_int_equal(vnx_hooks_cover(&hooks), 1);
	kinds = 0;
	assert_int_equal(
		vnx_ladder_choose(&hooks, &conf, FUNCTIONS, kind_attach, &kinds, &waiting, NULL),
		0);
	assert_string_equal(hooks.v[1].hook, "");
	assert_int_equal(hooks.v[1].refused.n, 1 + 3);
	vnx_hooks_fini(&hooks);
}

static void only_modules_that_matter_are_looked_at(void **state)
{
	struct vnx_symbol syms[] = { { .name = "enter", .home = "kvm" },
				     { .name = "tx", .home = "vhost_net" } };
	struct vnx_kernel k = { .v = syms, .n = 2 };
	const char *was = "tun 61440 1 - Live 0xffffffffc0900000\n"
			  "kvm 1146880 1 kvm_amd, Live 0xffffffffc0a00000\n";
	const char *diag = "tcp_diag 16384 0 - Live 0xffffffffc0b00000\n"
			   "kvm 1146880 2 kvm_amd, Live 0xffffffffc0a00000\n"
			   "kvm_amd 200000 0 - Live 0xffffffffc0c00000\n";
	const char *vhost = "vhost_net 36864 0 - Live 0xffffffffc0d00000\n"
			    "kvm 1146880 1 kvm_amd, Live 0xffffffffc0a00000\n";
	const char *again = "kvm 1146880 1 kvm_amd, Live 0xffffffffc0e00000\n";
	const char *loading = "vhost_net 36864 0 - Loading 0xffffffffc0d00000\n"
			      "kvm 1146880 1 kvm_amd, Live 0xffffffffc0a00000\n";

	assert_true(vnx_kernel_same_modules(&k, was, diag));
	assert_false(vnx_kernel_same_modules(&k, was, vhost));
	assert_false(vnx_kernel_same_modules(&k, vhost, was));
	assert_false(vnx_kernel_same_modules(&k, was, again));
	assert_true(vnx_kernel_same_modules(&k, was, loading));
	assert_false(vnx_kernel_same_modules(&k, loading, vhost));
	assert_false(vnx_kernel_same_modules(&k, was, ""));
	k.overridden = true;
	assert_false(vnx_kernel_same_modules(&k, was, diag));
	assert_true(vnx_kernel_same_modules(&k, was, was));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_every_kind),
		cmocka_unit_test(parse_refuses_the_rest),
		cmocka_unit_test(ladder_is_sane),
		cmocka_unit_test(captures_are_found),
		cmocka_unit_test(choose_keeps_every_refusal),
		cmocka_unit_test(choose_waits_for_modules),
		cmocka_unit_test(override_is_the_only_candidate),
		cmocka_unit_test(hist_rows_are_understood),
		cmocka_unit_test(hist_keeps_what_was_handed_out),
		cmocka_unit_test(kernel_says_why),
		cmocka_unit_test(halts_are_told_apart),
		cmocka_unit_test(the_other_maker_never_comes),
		cmocka_unit_test(places_are_named_in_turn),
		cmocka_unit_test(preemption_is_found_out),
		cmocka_unit_test(enabled_functions_are_read),
		cmocka_unit_test(probes_tell_what_they_missed),
		cmocka_unit_test(preemptible_prefers_kprobes),
		cmocka_unit_test(distrusted_is_not_tried_again),
		cmocka_unit_test(only_modules_that_matter_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
