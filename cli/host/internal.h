/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of cli/host only. proc.c reads, qemu.c parses arguments, link.c and
 * ovsdb.c know the switches, vmm.c gathers the evidence of one VMM, card.c joins it all into
 * network cards, host.c keeps the list.
 */
#ifndef VNX_HOST_INTERNAL_H
#define VNX_HOST_INTERNAL_H

#include "cli/host/host.h"

/* ---- proc.c: a /proc tree, by descriptor ---- */

struct vnx_proc_stat {
	char comm[64];
	bool ended; /* exiting or a zombie: it closes its files, or has */
	bool kthread;
	uint64_t start_ticks;
};

/* A numbered entry of a folder. The inode tells a reused pid without opening anything. */
struct vnx_proc_entry {
	uint32_t id;
	uint64_t ino;
};

struct vnx_proc_entries {
	struct vnx_proc_entry *v;
	size_t n, cap;
};

/*
 * Whole of file @rel under @dirfd, at most @max bytes, NUL added; *len (may be NULL) without
 * it. NULL with errno set.
 */
char *vnx_proc_read(int dirfd, const char *rel, size_t max, size_t *len) VNX_MUST_CHECK;
/* Numbered entries of folder @rel, sorted; appended to @out, which is emptied first. */
int vnx_proc_list(int dirfd, const char *rel, struct vnx_proc_entries *out) VNX_MUST_CHECK;
/* Target of a symlink; "" where there is none or it may not be read (errno says why). */
void vnx_proc_link(int dirfd, const char *rel, char *buf, size_t size);
/* @rel is "PID" or "PID/task/TID". 0 or -errno. */
int vnx_proc_stat(int dirfd, const char *rel, struct vnx_proc_stat *out) VNX_MUST_CHECK;
/* Decimal number at @s that ends at @end's character; false if it is none or too big. */
bool vnx_parse_u32(const char *s, char end, uint32_t *out);

/* ---- qemu.c: what the arguments promise ---- */

struct vnx_ints {
	int *v;
	size_t n, cap;
};

struct vnx_qemu_netdev {
	char *id, *type, *ifname;
	struct vnx_ints fds, vhostfds;
	bool vhost;
	bool hub;        /* of the old -net: its card is behind a hub, vhost cannot be used */
	unsigned queues; /* 0: not given */
};

struct vnx_qemu_nic {
	char *driver; /* "virtio-net", "e1000", "vfio-pci" */
	char *netdev; /* id, "" for none */
	char *mac;
	char *host; /* PCI address of a vfio device, "" otherwise */
	bool hub;
};

struct vnx_qemu {
	char *name;    /* "" if not given */
	bool no_guest; /* -machine none: libvirt asking what QEMU can do, no VM */
	bool has_nic;  /* any network option given: no default card */
	char machine[32];
	struct {
		struct vnx_qemu_netdev *v;
		size_t n, cap;
	} netdevs;
	struct {
		struct vnx_qemu_nic *v;
		size_t n, cap;
	} nics;
};

/*
 * Parses a /proc/PID/cmdline (arguments ended by NUL). What it does not understand it skips:
 * arguments are hints. 0 or -ENOMEM; @out is to be freed by vnx_qemu_fini() in any case.
 */
int vnx_qemu_parse(struct vnx_qemu *out, const char *cmdline, size_t len) VNX_MUST_CHECK;
void vnx_qemu_fini(struct vnx_qemu *qemu);

/* ---- link.c: the interfaces of our network namespace ---- */

struct vnx_link {
	uint32_t index, master, lower; /* lower: IFLA_LINK; 0: none or in another namespace */
	char name[16];
	char kind[24];     /* IFLA_INFO_KIND, "" for a physical one */
	bool physical;     /* has a device behind it */
	int64_t speed_bps; /* -1: not known */
	char bridge[64];   /* Open vSwitch's bridge, "" elsewhere */
};

struct vnx_links {
	struct vnx_link *v;
	size_t n, cap;
};

struct vnx_link_watch; /* sockets: one to ask, one to hear of changes */

int vnx_link_watch_open(struct vnx_link_watch **out, struct vnx_err *err) VNX_MUST_CHECK;
void vnx_link_watch_close(struct vnx_link_watch *w);
/* Has anything about interfaces changed since the last call? True the first time. */
bool vnx_link_watch_changed(struct vnx_link_watch *w);
/* Reads all interfaces anew into @links (emptied first). */
int vnx_link_watch_read(struct vnx_link_watch *w, struct vnx_links *links,
			struct vnx_err *err) VNX_MUST_CHECK;
/* The recorded table of a fixture, see fixtures/host/README.md. */
int vnx_links_parse(const char *text, struct vnx_links *links) VNX_MUST_CHECK;
const struct vnx_link *vnx_links_by_index(const struct vnx_links *links, uint32_t index);
const struct vnx_link *vnx_links_by_name(const struct vnx_links *links, const char *name);
/* Fills sw, switch_kind, uplink and uplink_bps of an interface that is @port (NULL: unknown). */
int vnx_links_switch(const struct vnx_links *links, const struct vnx_link *port,
		     struct vnx_iface *iface) VNX_MUST_CHECK;

/* ---- ovsdb.c ---- */

/*
 * Asks Open vSwitch's database at UNIX socket @path (NULL: the usual place) which bridge each
 * interface belongs to and writes it to @links. 0 or -errno with a sentence.
 */
int vnx_ovsdb_bridges(const char *path, struct vnx_links *links,
		      struct vnx_err *err) VNX_MUST_CHECK;
/* The same from the text of a reply (tests, fuzzing). */
int vnx_ovsdb_parse(const char *text, size_t len, struct vnx_links *links) VNX_MUST_CHECK;

/* ---- vmm.c: what a process shows of itself ---- */

enum vnx_fd_kind {
	VNX_FD_KVM_VM,
	VNX_FD_KVM_VCPU, /* number: the vCPU's, UINT32_MAX not known */
	VNX_FD_VHOST_NET,
	VNX_FD_TUN,     /* ifname */
	VNX_FD_MACVTAP, /* number: ifindex */
	VNX_FD_VDPA,
};

struct vnx_vmm_fd {
	uint32_t fd;
	enum vnx_fd_kind kind;
	uint32_t number;
	char ifname[16];
	bool claimed; /* card.c: belongs to a card already found */
};

struct vnx_vmm_fds {
	struct vnx_vmm_fd *v;
	size_t n, cap;
};

enum vnx_thread_role { VNX_THREAD_OTHER, VNX_THREAD_WORKER, VNX_THREAD_VCPU };

struct vnx_vmm_thread {
	uint32_t tid;
	enum vnx_thread_role role;
	uint32_t vcpu;  /* number, UINT32_MAX not known */
	unsigned looks; /* how often its name was read; names change just after the start */
	bool gone;
	bool kernels; /* of the kernel's making: no vCPU, whatever its registers say */
};

struct vnx_vmm_threads {
	struct vnx_vmm_thread *v;
	size_t n, cap;
};

enum vnx_vmm_kind {
	VNX_VMM_NOT,
	VNX_VMM_QEMU,
	VNX_VMM_VIRTIO, /* a VMM whose only cards are virtio: Firecracker, Cloud Hypervisor ... */
	VNX_VMM_OTHER,  /* holds KVM or vhost descriptors, is none of the known ones */
};

struct vnx_vmm {
	uint32_t pid;
	enum vnx_vmm_kind kind;
	struct vnx_qemu args;
	struct vnx_vmm_fds fds;
	struct vnx_vmm_threads threads;
	bool fds_denied;   /* fds could not be read: no root */
	bool other_netns;  /* lives in another network namespace: names are not ours */
	uint64_t fd_count; /* as stat of the folder tells it, 0 where the kernel does not */
	unsigned looks;
};

/* Kind by name alone: comm and, where it may be read, the executable's. */
enum vnx_vmm_kind vnx_vmm_kind_of(const char *comm, const char *exe);
/* Lists the descriptors that matter. -EACCES/-EPERM where we may not, -ENOENT process gone. */
int vnx_vmm_read_fds(int dirfd, uint32_t pid, struct vnx_vmm_fds *out) VNX_MUST_CHECK;
/* Reads the threads again; *changed is set, never cleared. */
int vnx_vmm_read_threads(int dirfd, struct vnx_vmm *vmm, bool *changed) VNX_MUST_CHECK;
/* Adds vCPU @tid; 1 if that was news, 0 if not, -ENOMEM. */
int vnx_vmm_note_vcpu(struct vnx_vmm *vmm, uint32_t tid);
void vnx_vmm_fini(struct vnx_vmm *vmm);
/* "vhost-123" gives 123; false for any other comm. */
bool vnx_vhost_owner(const char *comm, uint32_t *owner);

/* ---- vm_json.c, and what of a VM's data only we need ---- */

/* Deep copy; on failure -ENOMEM and @dst is empty. */
int vnx_iface_copy(struct vnx_iface *dst, const struct vnx_iface *src) VNX_MUST_CHECK;
/* Do both say the same? */
bool vnx_vm_equal(const struct vnx_vm *a, const struct vnx_vm *b);

/* ---- card.c ---- */

/*
 * The network cards of @vmm from its arguments, descriptors and the interfaces; appends to
 * @out. @pci_class(ctx, addr) gives the class of a PCI device, 0 not known.
 */
int vnx_cards_find(struct vnx_vmm *vmm, const struct vnx_links *links,
		   uint32_t (*pci_class)(void *ctx, const char *addr), void *ctx,
		   struct vnx_ifaces *out) VNX_MUST_CHECK;

#endif
