// SPDX-License-Identifier: GPL-2.0-only
/* A VM to JSON and back: nothing is lost, nothing broken is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "cli/host/internal.h"

static uint32_t workers[] = { 7, 9, UINT32_MAX }, vcpus[] = { 12, 3 };

static struct vnx_iface full_iface(void)
{
	return (struct vnx_iface){ .name = "tap1",
				   .ifindex = 5,
				   .kind = "tap",
				   .nic = "virtio-net",
				   .backend = VNX_BACKEND_VHOST_NET,
				   .queues = 4,
				   .mac = "52:54:00:12:34:56",
				   .sw = "br0",
				   .switch_kind = "bridge",
				   .uplink = "eth0",
				   .uplink_ifindex = 2,
				   .uplink_bps = 100000000000 };
}

static struct vnx_iface bare_iface(void)
{
	return (struct vnx_iface){ .name = "",
				   .kind = "",
				   .nic = "e1000",
				   .mac = "",
				   .sw = "",
				   .switch_kind = "",
				   .uplink = "",
				   .uplink_bps = -1 };
}

static void same_vm(const struct vnx_vm *a, const struct vnx_vm *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->start_ticks, b->start_ticks);
	assert_string_equal(a->nic, b->nic);
	assert_int_equal(a->backend, b->backend);
	assert_int_equal(a->first_ns, b->first_ns);
	assert_int_equal(a->last_ns, b->last_ns);
	assert_int_equal(a->workers.n, b->workers.n);
	assert_memory_equal(a->workers.v, b->workers.v, a->workers.n * sizeof(uint32_t));
	assert_int_equal(a->vcpus.n, b->vcpus.n);
	assert_memory_equal(a->vcpus.v, b->vcpus.v, a->vcpus.n * sizeof(uint32_t));
	assert_int_equal(a->ifaces.n, b->ifaces.n);
	for (size_t i = 0; i < a->ifaces.n; i++) {
		const struct vnx_iface *x = &a->ifaces.v[i], *y = &b->ifaces.v[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->ifindex, y->ifindex);
		assert_string_equal(x->kind, y->kind);
		assert_string_equal(x->nic, y->nic);
		assert_int_equal(x->backend, y->backend);
		assert_int_equal(x->queues, y->queues);
		assert_string_equal(x->mac, y->mac);
		assert_string_equal(x->sw, y->sw);
		assert_string_equal(x->switch_kind, y->switch_kind);
		assert_string_equal(x->uplink, y->uplink);
		assert_int_equal(x->uplink_ifindex, y->uplink_ifindex);
		assert_int_equal(x->uplink_bps, y->uplink_bps);
	}
}

/* Through text, as a recording keeps it. */
static void round_trip(const struct vnx_vm *vm)
{
	json_t *json = vnx_vm_to_json(vm), *again;
	char *text = json_dumps(json, JSON_COMPACT);
	struct vnx_err err = { 0 };
	struct vnx_vm back;

	assert_non_null(text);
	again = json_loads(text, 0, NULL);
	if (vnx_vm_from_json(&back, again, &err))
		fail_msg("%s", err.message);
	same_vm(vm, &back);
	assert_true(vnx_vm_equal(vm, &back));
	vnx_vm_fini(&back);
	json_decref(json);
	json_decref(again);
	free(text);
}

static void all_fields(void **state)
{
	struct vnx_iface ifaces[] = { full_iface(), bare_iface() };
	struct vnx_vm vm = { .name = "vm \"1\"\033[1m \303\251",
			     .pid = 4194304,
			     .start_ticks = 1234567890123,
			     .nic = "virtio-net",
			     .backend = VNX_BACKEND_VHOST_NET,
			     .workers = { workers, 3, 3 },
			     .vcpus = { vcpus, 2, 2 },
			     .ifaces = { ifaces, 2, 2 },
			     .first_ns = 123456789012345678,
			     .last_ns = UINT64_MAX };

	round_trip(&vm);
	vm.last_ns = 0;
	round_trip(&vm);
	vm.last_ns = (uint64_t)INT64_MAX;
	round_trip(&vm);
	/* beyond what JSON numbers of most readers hold */
	vm.last_ns = (uint64_t)INT64_MAX + 1;
	vm.start_ticks = UINT64_MAX - 1;
	round_trip(&vm);
	for (int i = 0; i < VNX_BACKEND_MAX; i++) {
		vm.backend = ifaces[0].backend = (enum vnx_backend)i;
		round_trip(&vm);
	}
}

static void empty_vm(void **state)
{
	struct vnx_vm vm = { .name = "", .nic = "", .last_ns = UINT64_MAX };

	round_trip(&vm);
}

static void unknown_is_null(void **state)
{
	struct vnx_iface iface = bare_iface();
	struct vnx_vm vm = {
		.name = "x", .nic = "", .ifaces = { &iface, 1, 1 }, .last_ns = UINT64_MAX
	};
	json_t *json = vnx_vm_to_json(&vm);
	json_t *f = json_array_get(json_object_get(json, "interfaces"), 0);

	assert_true(json_is_null(json_object_get(f, "ifindex")));
	assert_true(json_is_null(json_object_get(f, "queues")));
	assert_true(json_is_null(json_object_get(f, "uplink_bps")));
	assert_true(json_is_null(json_object_get(json, "last_ns")));
	json_decref(json);
}

static void broken_utf8_is_text(void **state)
{
	struct vnx_vm vm = { .name = "\377x", .nic = "\300\257", .last_ns = UINT64_MAX };
	json_t *json = vnx_vm_to_json(&vm);

	assert_string_equal(json_string_value(json_object_get(json, "name")), "\\xFFx");
	assert_string_equal(json_string_value(json_object_get(json, "nic")), "\\xC0\\xAF");
	json_decref(json);
}

static void refused(void **state)
{
	static const char *const rows[] = {
		"[]",
		"null",
		"\"x\"",
		"{}",
		"{\"name\":\"x\"}",
		"{\"pid\":1,\"backend\":\"none\"}",
		"{\"name\":7,\"pid\":1,\"backend\":\"none\"}",
		"{\"name\":\"x\",\"pid\":-1,\"backend\":\"none\"}",
		"{\"name\":\"x\",\"pid\":4294967296,\"backend\":\"none\"}",
		"{\"name\":\"x\",\"pid\":1.5,\"backend\":\"none\"}",
		"{\"name\":\"x\",\"pid\":1}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"workers\":{}}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"workers\":[-1]}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"vcpus\":[\"1\"]}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"interfaces\":[1]}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"interfaces\":[{}]}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"first_ns\":\"12x\"}",
		"{\"name\":\"x\",\"pid\":1,\"backend\":\"none\",\"first_ns\":"
		"\"99999999999999999999\"}",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		json_t *json = json_loads(rows[i], JSON_DECODE_ANY, NULL);
		struct vnx_err err = { 0 };
		struct vnx_vm vm;

		assert_non_null(json);
		if (vnx_vm_from_json(&vm, json, &err) != -EBADMSG)
			fail_msg("taken: %s", rows[i]);
		assert_true(err.message[0]);
		json_decref(json);
	}
}

/* A later version may add fields; those of a back end we do not know are of no known kind. */
static void newer_fields_are_skipped(void **state)
{
	json_t *json = json_loads("{\"name\":\"x\",\"pid\":1,\"backend\":\"teleport\",\"new\":[1]}",
				  0, NULL);
	struct vnx_vm vm;

	assert_int_equal(vnx_vm_from_json(&vm, json, NULL), 0);
	assert_int_equal(vm.backend, VNX_BACKEND_UNKNOWN);
	assert_int_equal(vm.last_ns, UINT64_MAX);
	vnx_vm_fini(&vm);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields),      cmocka_unit_test(empty_vm),
		cmocka_unit_test(unknown_is_null), cmocka_unit_test(broken_utf8_is_text),
		cmocka_unit_test(refused),         cmocka_unit_test(newer_fields_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
