// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/vm.h"

static const char *const backend_names[VNX_BACKEND_MAX] = {
	[VNX_BACKEND_UNKNOWN] = "unknown",
	[VNX_BACKEND_VHOST_NET] = "vhost-net",
	[VNX_BACKEND_QEMU] = "qemu-virtio",
	[VNX_BACKEND_EMULATED] = "qemu-emulated",
	[VNX_BACKEND_VHOST_USER] = "vhost-user",
	[VNX_BACKEND_VDPA] = "vdpa",
	[VNX_BACKEND_VFIO] = "vfio",
	[VNX_BACKEND_NONE] = "none",
};

const char *vnx_backend_name(enum vnx_backend backend)
{
	return (unsigned)backend < VNX_BACKEND_MAX ? backend_names[backend] : "unknown";
}

enum vnx_backend vnx_backend_parse(const char *name)
{
	for (int i = 0; i < VNX_BACKEND_MAX; i++)
		if (!strcmp(backend_names[i], name))
			return i;
	return VNX_BACKEND_UNKNOWN;
}

bool vnx_backend_has_worker(enum vnx_backend backend)
{
	return backend == VNX_BACKEND_VHOST_NET;
}

bool vnx_backend_has_tap(enum vnx_backend backend)
{
	return backend == VNX_BACKEND_VHOST_NET || backend == VNX_BACKEND_QEMU ||
	       backend == VNX_BACKEND_EMULATED;
}

void vnx_iface_fini(struct vnx_iface *iface)
{
	free(iface->name);
	free(iface->kind);
	free(iface->nic);
	free(iface->mac);
	free(iface->sw);
	free(iface->switch_kind);
	free(iface->uplink);
	memset(iface, 0, sizeof(*iface));
}

void vnx_vm_fini(struct vnx_vm *vm)
{
	for (size_t i = 0; i < vm->ifaces.n; i++)
		vnx_iface_fini(&vm->ifaces.v[i]);
	free(vm->ifaces.v);
	free(vm->workers.v);
	free(vm->vcpus.v);
	free(vm->name);
	free(vm->nic);
	memset(vm, 0, sizeof(*vm));
}

void vnx_vms_fini(struct vnx_vms *vms)
{
	for (size_t i = 0; i < vms->n; i++)
		vnx_vm_fini(&vms->v[i]);
	free(vms->v);
	memset(vms, 0, sizeof(*vms));
}

static int copy_str(char **dst, const char *src)
{
	*dst = strdup(src ? src : "");
	return *dst ? 0 : -ENOMEM;
}

static int copy_u32s(struct vnx_u32s *dst, const struct vnx_u32s *src)
{
	for (size_t i = 0; i < src->n; i++)
		if (vnx_vec_push(dst, src->v[i]))
			return -ENOMEM;
	return 0;
}

static int copy_iface(struct vnx_iface *dst, const struct vnx_iface *src)
{
	*dst = (struct vnx_iface){ .ifindex = src->ifindex,
				   .backend = src->backend,
				   .queues = src->queues,
				   .uplink_bps = src->uplink_bps };
	if (copy_str(&dst->name, src->name) || copy_str(&dst->kind, src->kind) ||
	    copy_str(&dst->nic, src->nic) || copy_str(&dst->mac, src->mac) ||
	    copy_str(&dst->sw, src->sw) || copy_str(&dst->switch_kind, src->switch_kind) ||
	    copy_str(&dst->uplink, src->uplink)) {
		vnx_iface_fini(dst);
		return -ENOMEM;
	}
	return 0;
}

int vnx_vm_copy(struct vnx_vm *dst, const struct vnx_vm *src)
{
	*dst = (struct vnx_vm){ .pid = src->pid,
				.start_ticks = src->start_ticks,
				.backend = src->backend,
				.first_ns = src->first_ns,
				.last_ns = src->last_ns };
	if (copy_str(&dst->name, src->name) || copy_str(&dst->nic, src->nic) ||
	    copy_u32s(&dst->workers, &src->workers) || copy_u32s(&dst->vcpus, &src->vcpus))
		goto fail;
	for (size_t i = 0; i < src->ifaces.n; i++) {
		struct vnx_iface iface;

		if (copy_iface(&iface, &src->ifaces.v[i]))
			goto fail;
		if (vnx_vec_push(&dst->ifaces, iface)) {
			vnx_iface_fini(&iface);
			goto fail;
		}
	}
	return 0;
fail:
	vnx_vm_fini(dst);
	return -ENOMEM;
}
