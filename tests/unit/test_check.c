// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `vnetdx check` says of the sources of evidence: all are asked, nothing stays open, and
 * what is said stands in text and JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/commands/check.h"

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Which can be had hangs on the machine; that each has an answer does not. */
static void asked(void **state)
{
	struct vnx_check check = { 0 };
	uint64_t all = 0;
	size_t before;

	assert_int_equal(vnx_check_sources(&check), 0); /* libraries may keep a file */
	memset(&check, 0, sizeof(check));
	before = open_files();
	assert_int_equal(vnx_check_sources(&check), 0);
	assert_int_equal(open_files(), before);
	for (size_t i = 0; i < check.n_sources; i++) {
		const struct vnx_check_source *s = &check.sources[i];

		assert_ptr_equal(s->ops, vnx_sources[i]);
		assert_true(s->usable == !s->err.message[0]);
		assert_int_equal(s->lacks & ~s->ops->metrics, 0);
		assert_true(s->ops->metrics != 0);
		assert_int_equal(all & s->ops->metrics, 0); /* a metric has one source */
		all |= s->ops->metrics;
	}
	assert_null(vnx_sources[check.n_sources]);
}

static const struct vnx_source_ops well = { .name = "well",
					    .summary = "all of it",
					    .metrics = VNX_BIT(VNX_HOST_IDLE) };
static const struct vnx_source_ops partly = { .name = "partly",
					      .summary = "some of it",
					      .metrics = VNX_BIT(VNX_EXIT_IO) |
							 VNX_BIT(VNX_EXIT_IRQ) |
							 VNX_BIT(VNX_HALT_SLEEP) };
static const struct vnx_source_ops refused = { .name = "refused",
					       .summary = "none of it",
					       .metrics = VNX_BIT(VNX_VHOST_FAR) };

static void fill(struct vnx_check *check)
{
	*check = (struct vnx_check){ .n_sources = 3, .summary = "s" };
	check->sources[0] = (struct vnx_check_source){ .ops = &well, .usable = true };
	check->sources[1] = (struct vnx_check_source){ .ops = &partly,
						       .usable = true,
						       .lacks = VNX_BIT(VNX_EXIT_IRQ) |
								VNX_BIT(VNX_HALT_SLEEP) };
	check->sources[2] = (struct vnx_check_source){ .ops = &refused };
	vnx_err_set(&check->sources[2].err, -ENOENT, VNX_EXIT_UNSUPPORTED, "x", "not \"here\"");
	vnx_err_hint(&check->sources[2].err, "mount it");
}

/* What is printed to standard output; to be freed. */
enum form { TEXT, QUIET, JSON, CSV };

static char *printed(const struct vnx_check *check, enum form form)
{
	int fd = memfd_create("out", MFD_CLOEXEC), was = dup(STDOUT_FILENO);
	char *text = calloc(1, 1 << 16);
	int ret = 0;

	assert_true(fd >= 0 && was >= 0 && text);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	if (form == JSON)
		ret = vnx_check_print_json(check);
	else if (form == CSV)
		ret = vnx_check_print_csv(check);
	else
		vnx_check_print_text(check, true, false, form == QUIET);
	fflush(stdout);
	dup2(was, STDOUT_FILENO);
	close(was);
	assert_int_equal(ret, 0);
	assert_true(pread(fd, text, (1 << 16) - 1, 0) > 0);
	close(fd);
	return text;
}

static void assert_source(const json_t *list, size_t i, const char *name, bool usable,
			  const char *why, const char *remedy, const char *metric)
{
	const json_t *s = json_array_get(list, i), *metrics = json_object_get(s, "metrics");
	const char *is_why = json_string_value(json_object_get(s, "why"));
	const char *is_remedy = json_string_value(json_object_get(s, "remedy"));

	assert_string_equal(json_string_value(json_object_get(s, "name")), name);
	assert_int_equal(json_is_true(json_object_get(s, "usable")), usable);
	assert_string_equal(is_why ? is_why : "-", why);
	assert_string_equal(is_remedy ? is_remedy : "-", remedy);
	assert_int_equal(json_array_size(metrics), 1);
	assert_string_equal(json_string_value(json_array_get(metrics, 0)), metric);
}

static void told_in_json(void **state)
{
	struct vnx_check check;
	json_t *root, *list;
	char *text;

	fill(&check);
	text = printed(&check, JSON);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	list = json_object_get(root, "evidence");
	assert_int_equal(json_array_size(list), 3);
	assert_source(list, 0, "well", true, "-", "-", "host_idle");
	assert_source(list, 1, "partly", true, "this kernel counts no exit_irq, halt_sleep", "-",
		      "exit_io");
	assert_source(list, 2, "refused", false, "not \"here\"", "mount it", "vhost_far");
	json_decref(root);
	free(text);
}

static void told_in_text(void **state)
{
	struct vnx_check check;
	char *text;

	fill(&check);
	text = printed(&check, TEXT);
	assert_non_null(strstr(text, "all of it\n"));
	assert_non_null(strstr(text, "some of it; this kernel counts no exit_irq, halt_sleep\n"));
	assert_non_null(strstr(text, "no: not \"here\"\n"));
	assert_non_null(strstr(text, "Remedy: mount it\n"));
	assert_non_null(strstr(text, "--without NAME"));
	assert_null(strstr(text, "none of it"));
	free(text);
}

static void told_in_csv(void **state)
{
	struct vnx_check check;
	char *text;

	fill(&check);
	text = printed(&check, CSV);
	assert_string_equal(text, "kind,name,backend,state,text,remedy\n"
				  "verdict,,,can,s,\n"
				  "evidence,well,,ok,\"all of it\",\n"
				  "evidence,partly,,partly,"
				  "\"this kernel counts no exit_irq, halt_sleep\",\n"
				  "evidence,refused,,no,\"not \"\"here\"\"\",\"mount it\"\n");
	free(text);
}

/* A back end that counts entries, refuses a hook of --hook, and waits for a module. */
static void fill_hooks(struct vnx_check *check, const struct vnx_hook_override *asked)
{
	static const struct vnx_capture_ops ops = { .name = "bpf", .summary = "counts" };
	static struct vnx_refusal no = { .hook = "kprobe:mine", .why = "no such function" };
	static struct vnx_refusal later = { .hook = "kprobe:theirs",
					    .why = "no module",
					    .later = true };
	static struct vnx_hook hooks[] = {
		{ .metric = VNX_HANDLE_TX, .refused = { &no, 1, 1 } },
		{ .metric = VNX_HANDLE_RX, .refused = { &later, 1, 1 } },
		{ .metric = VNX_VCPU_ENTER, .hook = "tp:kvm:kvm_entry", .note = "a note" },
	};

	*check = (struct vnx_check){ .conf = { .overrides = asked, .n_overrides = 1 },
				     .n_backends = 1 };
	check->backends[0] = (struct vnx_check_backend){ .ops = &ops, .usable = true };
	check->backends[0].hooks = (struct vnx_hooks){ hooks, VNX_ARRAY_SIZE(hooks), 0 };
	vnx_check_judge(check);
}

static bool is_refused(enum vnx_metric metric)
{
	struct vnx_hook_override asked = { .metric = metric, .hook = "kprobe:mine" };
	struct vnx_check check;

	fill_hooks(&check, &asked);
	assert_int_equal(check.verdict, VNX_CHECK_PARTLY);
	return vnx_check_override_refused(&check);
}

/* What comes with its module is not refused. */
static void overrides(void **state)
{
	struct vnx_hook_override asked = { .metric = VNX_HANDLE_TX, .hook = "kprobe:mine" };
	struct vnx_check check;
	char *text;

	assert_true(is_refused(VNX_HANDLE_TX));
	assert_false(is_refused(VNX_HANDLE_RX));
	assert_false(is_refused(VNX_VCPU_ENTER));
	fill_hooks(&check, &asked);
	text = printed(&check, QUIET);
	assert_non_null(strstr(text, "This host can be diagnosed partly"));
	assert_non_null(strstr(text, "not kprobe:mine: no such function\n"));
	assert_null(strstr(text, "kprobe:theirs"));
	assert_null(strstr(text, "Hooks"));
	free(text);
	text = printed(&check, CSV);
	assert_non_null(strstr(text, "\nbackend,bpf,bpf,ok,counts,\nhook,handle_tx,bpf,none,,\n"
				     "refused,handle_tx,bpf,no,\"kprobe:mine: no such function\",\n"
				     "hook,handle_rx,bpf,later,,\n"
				     "refused,handle_rx,bpf,later,\"kprobe:theirs: no module\",\n"
				     "hook,vcpu_enter,bpf,ok,\"tp:kvm:kvm_entry; a note\",\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked),        cmocka_unit_test(told_in_json),
		cmocka_unit_test(told_in_text), cmocka_unit_test(told_in_csv),
		cmocka_unit_test(overrides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
