// SPDX-License-Identifier: GPL-2.0-only
/* Markers: the text that readers expect, and what the reader of traces makes of it again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/events.h"
#include "cli/record/event_file.h"
#include "cli/input/trace/trace_internal.h"

struct lines {
	char **v;
	size_t n, cap;
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static int keep(void *arg, const char *line)
{
	assert_true(strlen(line) <= VNX_MARK_LEN);
	return vnx_vec_push((struct lines *)arg, strdup(line));
}

static void lines_fini(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void add_tids(struct vnx_u32s *list, uint32_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		must(vnx_vec_push(list, first + (uint32_t)i));
}

static struct vnx_vm make_vm(const char *name, size_t workers, size_t vcpus)
{
	struct vnx_vm vm = { .name = strdup(name),
			     .nic = strdup(""),
			     .pid = 4194301,
			     .backend = VNX_BACKEND_VHOST_NET };

	add_tids(&vm.workers, 3000015, workers);
	add_tids(&vm.vcpus, 3100017, vcpus);
	return vm;
}

static void test_exact_text(void **state)
{
	struct vnx_vm vm = make_vm("vm1", 2, 1);
	struct lines l = { 0 };

	must(vnx_event_mark_vm(&vm, keep, &l));
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0], "vnetdx vm pid=4194301 backend=vhost-net "
				    "workers=3000015,3000016 vcpus=3100017 name=vm1");
	lines_fini(&l);
	vnx_vm_fini(&vm);
}

static void test_no_threads_no_name(void **state)
{
	struct vnx_vm vm = make_vm("", 0, 0);
	struct lines l = { 0 };

	must(vnx_event_mark_vm(&vm, keep, &l));
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0], "vnetdx vm pid=4194301 backend=vhost-net");
	lines_fini(&l);
	vnx_vm_fini(&vm);
}

static void check_name(const char *name, const char *escaped)
{
	struct vnx_vm vm = make_vm(name, 0, 0);
	struct lines l = { 0 };
	const char *at;

	must(vnx_event_mark_vm(&vm, keep, &l));
	at = strstr(l.v[0], " name=");
	assert_non_null(at);
	assert_string_equal(at + 6, escaped);
	lines_fini(&l);
	vnx_vm_fini(&vm);
}

static void test_hostile_names(void **state)
{
	check_name("a b%c", "a%20b%25c");
	check_name("\x1b[31m\n\r\t\x7f", "%1B[31m%0A%0D%09%7F");
	check_name("x pid=1 vnetdx vm", "x%20pid=1%20vnetdx%20vm");
	check_name("\xe6\xbc\xa2", "\xe6\xbc\xa2");
	check_name("\xff\xc2\x9b", "%FF%C2%9B");
	check_name("\xe2\x80\xae", "%E2%80%AE"); /* turns what follows round */
}

/* What the reader makes of the lines of @vm must be @vm. */
static void check_round_trip(const struct vnx_vm *vm, size_t lines)
{
	const struct vnx_input in = { .path = "-" };
	const struct vnx_reader_conf conf = { .bin_ns = VNX_NSEC_PER_SEC, .quiet = true };
	struct vnx_err err = { 0 };
	struct lines l = { 0 };
	struct vnx_trace *t;
	const struct vnx_vm *got;

	must(vnx_trace_new(&t, &in, &conf, &err));
	must(vnx_event_mark_vm(vm, keep, &l));
	assert_int_equal(l.n, lines);
	for (size_t i = 0; i < l.n; i++)
		must(vnx_trace_marker(t, l.v[i], strlen(l.v[i])));
	assert_int_equal(t->marked.n, 1);
	got = &t->marked.v[0];
	assert_int_equal(got->pid, vm->pid);
	assert_int_equal(got->backend, vm->backend);
	assert_string_equal(got->name, vm->name);
	assert_int_equal(got->workers.n, vm->workers.n);
	assert_int_equal(got->vcpus.n, vm->vcpus.n);
	if (vm->workers.n)
		assert_memory_equal(got->workers.v, vm->workers.v,
				    vm->workers.n * sizeof(uint32_t));
	if (vm->vcpus.n)
		assert_memory_equal(got->vcpus.v, vm->vcpus.v, vm->vcpus.n * sizeof(uint32_t));
	vnx_trace_free(t);
	lines_fini(&l);
}

static void test_round_trip(void **state)
{
	struct vnx_vm few = make_vm("web 1 (50 %)\x1b", 2, 4);
	struct vnx_vm many = make_vm("\xe6\xbc\xa2 big", 67, 331);

	check_round_trip(&few, 1);
	check_round_trip(&many, 4);
	vnx_vm_fini(&few);
	vnx_vm_fini(&many);
}

/* However long the name and the lists: each line stays short and whole. */
static void test_any_length(void **state)
{
	char name[801];

	for (size_t len = 0; len <= 800; len += 7) {
		struct vnx_vm vm;
		struct lines l = { 0 };

		memset(name, len % 2 ? 'x' : ' ', len);
		name[len] = '\0';
		vm = make_vm(name, len, len / 3);
		must(vnx_event_mark_vm(&vm, keep, &l));
		for (size_t i = 0; i < l.n; i++) {
			assert_int_equal(strncmp(l.v[i], "vnetdx vm pid=4194301 backend=", 30), 0);
			assert_true(len == 0 || strstr(l.v[i], " name="));
			assert_null(strstr(l.v[i], ", "));
		}
		lines_fini(&l);
		vnx_vm_fini(&vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_text),    cmocka_unit_test(test_no_threads_no_name),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
