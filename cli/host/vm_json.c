// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM as JSON and back, without loss. What is not known is null: an ifindex of 0, a speed of
 * -1, an end of UINT64_MAX.
 */
#include "cli/host/internal.h"

#include <inttypes.h>
#include <jansson.h>

#include "cli/base/safe.h"

/* Numbers of a JSON reader are signed 64 bits; what is beyond goes as text. */
static json_t *from_u64(uint64_t v, uint64_t unknown)
{
	char text[24];

	if (v == unknown)
		return json_null();
	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	snprintf(text, sizeof(text), "%" PRIu64, v);
	return json_string(text);
}

static json_t *from_text(const char *s)
{
	VNX_CLEANUP_FREE char *valid = vnx_utf8_dup(s);

	return valid ? json_string(valid) : NULL;
}

static json_t *from_u32s(const struct vnx_u32s *set)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < set->n; i++)
		if (json_array_append_new(a, json_integer(set->v[i]))) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *iface_to_json(const struct vnx_iface *f)
{
	json_t *o = json_object();
	int bad = 0;

	bad |= json_object_set_new(o, "name", from_text(f->name));
	bad |= json_object_set_new(o, "ifindex", from_u64(f->ifindex, 0));
	bad |= json_object_set_new(o, "kind", from_text(f->kind));
	bad |= json_object_set_new(o, "nic", from_text(f->nic));
	bad |= json_object_set_new(o, "backend", json_string(vnx_backend_name(f->backend)));
	bad |= json_object_set_new(o, "queues", from_u64(f->queues, 0));
	bad |= json_object_set_new(o, "mac", from_text(f->mac));
	bad |= json_object_set_new(o, "switch", from_text(f->sw));
	bad |= json_object_set_new(o, "switch_kind", from_text(f->switch_kind));
	bad |= json_object_set_new(o, "uplink", from_text(f->uplink));
	bad |= json_object_set_new(o, "uplink_ifindex", from_u64(f->uplink_ifindex, 0));
	bad |= json_object_set_new(o, "uplink_bps",
				   f->uplink_bps < 0 ? json_null() : json_integer(f->uplink_bps));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *ifaces_to_json(const struct vnx_ifaces *ifaces)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < ifaces->n; i++)
		if (json_array_append_new(a, iface_to_json(&ifaces->v[i]))) {
			json_decref(a);
			return NULL;
		}
	return a;
}

struct json_t *vnx_vm_to_json(const struct vnx_vm *vm)
{
	json_t *o = json_object();
	int bad = 0;

	bad |= json_object_set_new(o, "name", from_text(vm->name));
	bad |= json_object_set_new(o, "pid", json_integer(vm->pid));
	bad |= json_object_set_new(o, "start_ticks", from_u64(vm->start_ticks, UINT64_MAX));
	bad |= json_object_set_new(o, "nic", from_text(vm->nic));
	bad |= json_object_set_new(o, "backend", json_string(vnx_backend_name(vm->backend)));
	bad |= json_object_set_new(o, "workers", from_u32s(&vm->workers));
	bad |= json_object_set_new(o, "vcpus", from_u32s(&vm->vcpus));
	bad |= json_object_set_new(o, "interfaces", ifaces_to_json(&vm->ifaces));
	bad |= json_object_set_new(o, "first_ns", from_u64(vm->first_ns, UINT64_MAX));
	bad |= json_object_set_new(o, "last_ns", from_u64(vm->last_ns, UINT64_MAX));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

/* ---- and back ---- */

/* Remembers the first field that is not what it should be. */
struct reading {
	const json_t *object;
	const char *bad;
	bool no_memory;
};

static void read_text(struct reading *r, const char *key, char **out)
{
	const json_t *v = json_object_get(r->object, key);

	if (!json_is_string(v) && v && !json_is_null(v) && !r->bad)
		r->bad = key;
	*out = strdup(json_is_string(v) ? json_string_value(v) : "");
	r->no_memory |= !*out;
}

static uint64_t read_u64(struct reading *r, const char *key, uint64_t max, uint64_t unknown)
{
	const json_t *v = json_object_get(r->object, key);
	const char *text = json_string_value(v);
	uint64_t n = 0;
	char *end = NULL;

	if (!v || json_is_null(v))
		return unknown;
	errno = 0;
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		n = (uint64_t)json_integer_value(v);
	else if (text && *text >= '0' && *text <= '9')
		n = strtoull(text, &end, 10);
	else
		errno = EINVAL;
	if ((errno || (end && *end) || n > max) && !r->bad)
		r->bad = key;
	return n;
}

static void read_backend(struct reading *r, enum vnx_backend *out)
{
	const char *name = json_string_value(json_object_get(r->object, "backend"));

	if (!name && !r->bad)
		r->bad = "backend";
	*out = name ? vnx_backend_parse(name) : VNX_BACKEND_UNKNOWN;
}

static void read_u32s(struct reading *r, const char *key, struct vnx_u32s *out)
{
	const json_t *array = json_object_get(r->object, key), *v;
	size_t i;

	if (!json_is_array(array) && array && !r->bad)
		r->bad = key;
	json_array_foreach(array, i, v)
	{
		json_int_t n = json_integer_value(v);

		if ((!json_is_integer(v) || n < 0 || n > UINT32_MAX) && !r->bad)
			r->bad = key;
		r->no_memory |= vnx_vec_push(out, (uint32_t)n) != 0;
	}
}

static void read_iface(struct reading *r, struct vnx_iface *f)
{
	const json_t *bps = json_object_get(r->object, "uplink_bps");

	read_text(r, "name", &f->name);
	f->ifindex = (uint32_t)read_u64(r, "ifindex", UINT32_MAX, 0);
	read_text(r, "kind", &f->kind);
	read_text(r, "nic", &f->nic);
	read_backend(r, &f->backend);
	f->queues = (unsigned)read_u64(r, "queues", UINT32_MAX, 0);
	read_text(r, "mac", &f->mac);
	read_text(r, "switch", &f->sw);
	read_text(r, "switch_kind", &f->switch_kind);
	read_text(r, "uplink", &f->uplink);
	f->uplink_ifindex = (uint32_t)read_u64(r, "uplink_ifindex", UINT32_MAX, 0);
	f->uplink_bps =
		bps && !json_is_null(bps) ? (int64_t)read_u64(r, "uplink_bps", INT64_MAX, 0) : -1;
}

static void read_ifaces(struct reading *r, struct vnx_ifaces *out)
{
	const json_t *array = json_object_get(r->object, "interfaces"), *v;
	size_t i;

	if (!json_is_array(array) && array && !r->bad)
		r->bad = "interfaces";
	json_array_foreach(array, i, v)
	{
		struct reading sub = { .object = v,
				       .bad = json_is_object(v) ? NULL : "interfaces" };
		struct vnx_iface iface = { 0 };

		read_iface(&sub, &iface);
		if (vnx_vec_push(out, iface)) {
			vnx_iface_fini(&iface);
			r->no_memory = true;
		}
		r->no_memory |= sub.no_memory;
		if (sub.bad && !r->bad)
			r->bad = sub.bad;
	}
}

int vnx_vm_from_json(struct vnx_vm *vm, const struct json_t *json, struct vnx_err *err)
{
	struct reading r = { .object = json };

	memset(vm, 0, sizeof(*vm));
	if (!json_is_object(json) || !json_object_get(json, "name") ||
	    !json_object_get(json, "pid"))
		r.bad = "name and pid";
	read_text(&r, "name", &vm->name);
	vm->pid = (uint32_t)read_u64(&r, "pid", UINT32_MAX, 0);
	vm->start_ticks = read_u64(&r, "start_ticks", UINT64_MAX, UINT64_MAX);
	read_text(&r, "nic", &vm->nic);
	read_backend(&r, &vm->backend);
	read_u32s(&r, "workers", &vm->workers);
	read_u32s(&r, "vcpus", &vm->vcpus);
	read_ifaces(&r, &vm->ifaces);
	vm->first_ns = read_u64(&r, "first_ns", UINT64_MAX, UINT64_MAX);
	vm->last_ns = read_u64(&r, "last_ns", UINT64_MAX, UINT64_MAX);
	if (!r.bad && !r.no_memory)
		return 0;
	vnx_vm_fini(vm);
	if (r.no_memory)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return vnx_err_set(err, -EBADMSG, VNX_EXIT_FAILED, "bad-vm",
			   "the description of a VM is not as it should be: %s", r.bad);
}

/* ---- copies and comparison ---- */

int vnx_iface_copy(struct vnx_iface *dst, const struct vnx_iface *src)
{
	struct vnx_vm in = { .name = (char *)"", .nic = (char *)"" }, out;
	int err;

	/* One card of a VM that has nothing else: the deep copy lives in analysis/vm.c. */
	in.ifaces.v = (struct vnx_iface *)src;
	in.ifaces.n = 1;
	memset(dst, 0, sizeof(*dst));
	err = vnx_vm_copy(&out, &in);
	if (err)
		return err;
	*dst = out.ifaces.v[0];
	out.ifaces.n = 0;
	vnx_vm_fini(&out);
	return 0;
}

bool vnx_vm_equal(const struct vnx_vm *a, const struct vnx_vm *b)
{
	json_t *x = vnx_vm_to_json(a), *y = vnx_vm_to_json(b);
	bool same = x && y && json_equal(x, y);

	json_decref(x);
	json_decref(y);
	return same;
}
