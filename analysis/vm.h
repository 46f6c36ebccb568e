/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM as the host shows it: plain data, filled by cli/host (live) or a reader (recorded).
 */
#ifndef VNX_VM_H
#define VNX_VM_H

#include "analysis/util.h"

enum vnx_backend {
	VNX_BACKEND_UNKNOWN,
	VNX_BACKEND_VHOST_NET,  /* kernel vhost worker: every counter moves */
	VNX_BACKEND_QEMU,       /* virtio-net served by QEMU itself: no handle_* */
	VNX_BACKEND_EMULATED,   /* an emulated card (e1000, rtl8139...): no handle_* */
	VNX_BACKEND_VHOST_USER, /* a user-space switch: KVM counters only */
	VNX_BACKEND_VDPA,       /* KVM counters only */
	VNX_BACKEND_VFIO,       /* passed-through function: KVM counters only */
	VNX_BACKEND_NONE,       /* no network card, or one with no host side we can see */
	VNX_BACKEND_MAX
};

/* "vhost-net", "qemu-virtio", "qemu-emulated", "vhost-user", "vdpa", "vfio", "none", "unknown" */
const char *vnx_backend_name(enum vnx_backend backend);
/* Back end of that name, VNX_BACKEND_UNKNOWN for any other text. */
enum vnx_backend vnx_backend_parse(const char *name);
/* True where handle_tx/handle_rx can move. */
bool vnx_backend_has_worker(enum vnx_backend backend);
/* True where a tap or macvtap of the VM exists whose counters move. */
bool vnx_backend_has_tap(enum vnx_backend backend);

struct vnx_u32s {
	uint32_t *v;
	size_t n, cap;
};

/* One network card of a VM. Strings are owned, "" where not known, never NULL. */
struct vnx_iface {
	char *name;       /* tap0, macvtap0; "" where there is no kernel interface */
	uint32_t ifindex; /* 0: none */
	char *kind;       /* "tap", "macvtap", "" */
	char *nic;        /* "virtio-net", "e1000", ... */
	enum vnx_backend backend;
	unsigned queues;         /* queue pairs; 0: not known */
	char *mac;               /* guest's, where the VMM's arguments give it, else "" */
	char *sw;                /* switch: "br0", "ovs-br0"; for macvtap its parent */
	char *switch_kind;       /* "bridge", "openvswitch", "macvtap", "none", "unknown" */
	char *uplink;            /* first physical (or veth) port of the switch, "" if none */
	uint32_t uplink_ifindex; /* 0: none */
	int64_t uplink_bps;      /* -1: not known */
};

struct vnx_ifaces {
	struct vnx_iface *v;
	size_t n, cap;
};

struct vnx_vm {
	char *name;
	uint32_t pid;             /* the VMM's tgid */
	uint64_t start_ticks;     /* field 22 of its stat file: tells a reused pid */
	char *nic;                /* of the first card; "" if none */
	enum vnx_backend backend; /* of the first card that has one */
	struct vnx_u32s workers;  /* tids of vhost workers, sorted */
	struct vnx_u32s vcpus;    /* tids of vCPU threads, by vCPU number where known */
	struct vnx_ifaces ifaces;
	uint64_t first_ns; /* seen from here ... */
	uint64_t last_ns;  /* ... to here, of the capture's clock; UINT64_MAX: to the end */
};

struct vnx_vms {
	struct vnx_vm *v;
	size_t n, cap;
};

void vnx_iface_fini(struct vnx_iface *iface);
void vnx_vm_fini(struct vnx_vm *vm);
void vnx_vms_fini(struct vnx_vms *vms);
/* Deep copy; on failure -ENOMEM and @dst is empty. */
int vnx_vm_copy(struct vnx_vm *dst, const struct vnx_vm *src) VNX_MUST_CHECK;

#endif
