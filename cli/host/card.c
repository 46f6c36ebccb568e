// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network cards of one VMM. Evidence beats arguments: vhost=on with no open /dev/vhost-net
 * is QEMU moving the packets itself, and a tap's name is what its descriptor says.
 */
#include "cli/host/internal.h"

#include "cli/base/safe.h"

/* Descriptors that belong to the card being looked at. */
struct evidence {
	char ifname[16];
	uint32_t ifindex; /* macvtap only */
	unsigned queues;
	bool vhost;
};

static int set_text(char **dst, const char *value)
{
	free(*dst);
	*dst = vnx_utf8_dup(value);
	return *dst ? 0 : -ENOMEM;
}

static int iface_init(struct vnx_iface *iface, const char *nic, const char *mac)
{
	*iface = (struct vnx_iface){ .uplink_bps = -1 };
	if (set_text(&iface->name, "") || set_text(&iface->kind, "") ||
	    set_text(&iface->nic, nic) || set_text(&iface->mac, mac) || set_text(&iface->sw, "") ||
	    set_text(&iface->switch_kind, "") || set_text(&iface->uplink, ""))
		return -ENOMEM;
	return 0;
}

static struct vnx_vmm_fd *find_fd(struct vnx_vmm *vmm, int fd)
{
	for (size_t i = 0; i < vmm->fds.n; i++)
		if (fd >= 0 && vmm->fds.v[i].fd == (uint32_t)fd)
			return &vmm->fds.v[i];
	return NULL;
}

static bool is_tap(const struct vnx_vmm_fd *fd)
{
	return fd->kind == VNX_FD_TUN || fd->kind == VNX_FD_MACVTAP;
}

/* The first tap descriptor that is not taken: by number, by name, or just the next. */
static struct vnx_vmm_fd *pick_tap(struct vnx_vmm *vmm, const struct vnx_qemu_netdev *nd)
{
	for (size_t i = 0; nd && i < nd->fds.n; i++) {
		struct vnx_vmm_fd *fd = find_fd(vmm, nd->fds.v[i]);

		if (fd && is_tap(fd) && !fd->claimed)
			return fd;
	}
	for (size_t i = 0; i < vmm->fds.n; i++) {
		struct vnx_vmm_fd *fd = &vmm->fds.v[i];

		if (!is_tap(fd) || fd->claimed)
			continue;
		if (!nd || (nd->ifname[0] ? !strcmp(fd->ifname, nd->ifname) : !nd->fds.n))
			return fd;
	}
	return NULL;
}

/* Takes all descriptors of the interface that @tap is a queue of. */
static void claim_tap(struct vnx_vmm *vmm, const struct vnx_vmm_fd *tap, struct evidence *ev)
{
	const struct vnx_vmm_fd want = *tap;

	snprintf(ev->ifname, sizeof(ev->ifname), "%s", want.ifname);
	ev->ifindex = want.kind == VNX_FD_MACVTAP ? want.number : 0;
	for (size_t i = 0; i < vmm->fds.n; i++) {
		struct vnx_vmm_fd *fd = &vmm->fds.v[i];

		if (fd->kind == want.kind && fd->number == want.number &&
		    !strcmp(fd->ifname, want.ifname)) {
			fd->claimed = true;
			ev->queues++;
		}
	}
}

/* Takes up to @n vhost-net descriptors, those named by the arguments first. */
static bool claim_vhost(struct vnx_vmm *vmm, const struct vnx_ints *named, unsigned n)
{
	bool any = false;

	for (size_t i = 0; named && i < named->n; i++) {
		struct vnx_vmm_fd *fd = find_fd(vmm, named->v[i]);

		if (fd && fd->kind == VNX_FD_VHOST_NET && !fd->claimed) {
			fd->claimed = any = true;
			n -= n > 0;
		}
	}
	for (size_t i = 0; n && i < vmm->fds.n; i++) {
		struct vnx_vmm_fd *fd = &vmm->fds.v[i];

		if (fd->kind != VNX_FD_VHOST_NET || fd->claimed)
			continue;
		fd->claimed = any = true;
		n--;
	}
	return any;
}

static int put_link(struct vnx_iface *iface, const struct evidence *ev, const char *promised,
		    const struct vnx_links *links, bool other_netns)
{
	const char *name = ev->ifname[0] ? ev->ifname : promised;
	const struct vnx_link *link = NULL;
	int err;

	if (!other_netns && ev->ifindex)
		link = vnx_links_by_index(links, ev->ifindex);
	else if (!other_netns)
		link = vnx_links_by_name(links, name);
	iface->ifindex = link ? link->index : 0;
	err = set_text(&iface->name, link ? link->name : name);
	if (!err)
		err = set_text(&iface->kind, ev->ifindex || (link && !strcmp(link->kind, "macvtap"))
						     ? "macvtap"
						     : "tap");
	return err ? err : vnx_links_switch(links, link, iface);
}

static const struct vnx_qemu_netdev *find_netdev(const struct vnx_qemu *q, const char *id)
{
	for (size_t i = 0; id[0] && i < q->netdevs.n; i++)
		if (!strcmp(q->netdevs.v[i].id, id))
			return &q->netdevs.v[i];
	return NULL;
}

static enum vnx_backend backend_of_type(const char *type)
{
	if (!strcmp(type, "tap") || !strcmp(type, "bridge"))
		return VNX_BACKEND_QEMU;
	if (!strcmp(type, "vhost-user"))
		return VNX_BACKEND_VHOST_USER;
	if (!strcmp(type, "vhost-vdpa"))
		return VNX_BACKEND_VDPA;
	return VNX_BACKEND_NONE; /* user, socket, stream, ...: no interface of the kernel */
}

/* A card whose back end is a tap or macvtap. */
static int tap_card(struct vnx_vmm *vmm, const struct vnx_qemu_nic *nic,
		    const struct vnx_qemu_netdev *nd, const struct vnx_links *links,
		    struct vnx_iface *iface)
{
	struct vnx_vmm_fd *tap = pick_tap(vmm, nd);
	struct evidence ev = { 0 };
	bool virtio = !strcmp(nic->driver, "virtio-net");

	if (tap)
		claim_tap(vmm, tap, &ev);
	iface->queues = ev.queues ? ev.queues : nd->queues ? nd->queues : 1;
	if (!tap && !nd->queues && nd->fds.n)
		iface->queues = (unsigned)nd->fds.n;
	/* QEMU opens vhost-net for any tap with vhost=on, but only virtio can use it. */
	if (nd->vhost)
		ev.vhost = vmm->fds_denied || claim_vhost(vmm, &nd->vhostfds, iface->queues);
	iface->backend = !virtio                ? VNX_BACKEND_EMULATED
			 : ev.vhost && !nd->hub ? VNX_BACKEND_VHOST_NET
						: VNX_BACKEND_QEMU;
	return put_link(iface, &ev, nd->ifname, links, vmm->other_netns);
}

#define PCI_CLASS_NETWORK 0x02

/* One card of the arguments; 0 with *skip for a device that is no network card. */
static int card_of_args(struct vnx_vmm *vmm, const struct vnx_qemu_nic *nic,
			const struct vnx_links *links,
			uint32_t (*pci_class)(void *ctx, const char *addr), void *ctx,
			struct vnx_iface *iface, bool *skip)
{
	const struct vnx_qemu_netdev *nd = find_netdev(&vmm->args, nic->netdev);

	if (!strcmp(nic->driver, "vfio-pci")) {
		uint32_t class = pci_class ? pci_class(ctx, nic->host) : 0;

		*skip = class && class >> 16 != PCI_CLASS_NETWORK;
		iface->backend = VNX_BACKEND_VFIO;
		return 0;
	}
	iface->backend = nd ? backend_of_type(nd->type) : VNX_BACKEND_NONE;
	if (iface->backend == VNX_BACKEND_QEMU)
		return tap_card(vmm, nic, nd, links, iface);
	if (iface->backend != VNX_BACKEND_NONE)
		iface->queues = nd->queues ? nd->queues : 1;
	return 0;
}

/*
 * What no argument explains: cards plugged in while the VM runs, and the cards of VMMs whose
 * arguments we do not read.
 */
static int card_of_evidence(struct vnx_vmm *vmm, struct vnx_vmm_fd *tap,
			    const struct vnx_links *links, struct vnx_iface *iface)
{
	struct evidence ev = { 0 };
	const char *nic = vmm->kind == VNX_VMM_VIRTIO ? "virtio-net" : "unknown";

	if (tap)
		claim_tap(vmm, tap, &ev);
	ev.vhost = claim_vhost(vmm, NULL, ev.queues ? ev.queues : 1);
	if (iface_init(iface, ev.vhost ? "virtio-net" : nic, ""))
		return -ENOMEM;
	iface->queues = ev.queues;
	/* Not vhost: whatever the card is, the VMM moves its packets. */
	iface->backend = ev.vhost ? VNX_BACKEND_VHOST_NET : VNX_BACKEND_QEMU;
	return tap ? put_link(iface, &ev, "", links, vmm->other_netns) : 0;
}

static bool spare_vhost(const struct vnx_vmm *vmm)
{
	for (size_t i = 0; i < vmm->fds.n; i++)
		if (vmm->fds.v[i].kind == VNX_FD_VHOST_NET && !vmm->fds.v[i].claimed)
			return true;
	return false;
}

static int add_iface(struct vnx_ifaces *out, struct vnx_iface *iface, int err, bool skip)
{
	if (!err && !skip)
		err = vnx_vec_push(out, *iface);
	if (err || skip)
		vnx_iface_fini(iface);
	return err;
}

int vnx_cards_find(struct vnx_vmm *vmm, const struct vnx_links *links,
		   uint32_t (*pci_class)(void *ctx, const char *addr), void *ctx,
		   struct vnx_ifaces *out)
{
	struct vnx_vmm_fd *tap;
	struct vnx_iface iface;
	int err = 0;

	for (size_t i = 0; i < vmm->fds.n; i++)
		vmm->fds.v[i].claimed = false;
	for (size_t i = 0; i < vmm->args.nics.n && !err; i++) {
		const struct vnx_qemu_nic *nic = &vmm->args.nics.v[i];
		bool skip = false;

		err = iface_init(&iface, nic->driver, nic->mac);
		if (!err)
			err = card_of_args(vmm, nic, links, pci_class, ctx, &iface, &skip);
		err = add_iface(out, &iface, err, skip);
	}
	while (!err &&
	       ((tap = pick_tap(vmm, NULL)) || (vmm->kind != VNX_VMM_QEMU && spare_vhost(vmm)))) {
		err = card_of_evidence(vmm, tap, links, &iface);
		err = add_iface(out, &iface, err, false);
	}
	return err;
}
