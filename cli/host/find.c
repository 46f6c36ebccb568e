// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which processes are VMMs, and which kernel threads are vhost's.
 */
#include "cli/host/state.h"

#include <unistd.h>

#include "cli/base/safe.h"

#define CMDLINE_MAX (4u << 20)
#define YOUNG_SCANS 8 /* a process may still exec or open /dev/kvm: look each time */
#define OLD_S 10      /* age of a process that has settled */
#define LOOK_EVERY 64 /* scans between looks at a settled process that is no VMM */

/* ---- one process ---- */

/* Is it to be looked at now? A young one each time, as it may change; the rest in turn. */
static bool due(const struct vnx_host *host, const struct process *p)
{
	if (p->kthread)
		return p->looks < 3;
	if (p->maybe || !p->looks || (p->looks < YOUNG_SCANS && !p->old))
		return true;
	return vnx_host_turn(host, p->id.id, LOOK_EVERY);
}

static int new_guest(struct vnx_host *host, struct vnx_vmm *vmm, const struct vnx_proc_stat *st,
		     uint64_t now_ns)
{
	struct guest g = { .vmm = *vmm, .alive = true, .dirty = true };
	struct vnx_vm vm = { .pid = vmm->pid,
			     .start_ticks = st->start_ticks,
			     .first_ns = now_ns,
			     .last_ns = UINT64_MAX };

	if (vmm->args.name && vmm->args.name[0])
		vm.name = vnx_utf8_dup(vmm->args.name);
	else
		vm.name = vnx_asprintf("%u", vmm->pid);
	vm.nic = strdup("");
	if (!vm.name || !vm.nic || vnx_vec_push(&host->guests, g)) {
		vnx_vm_fini(&vm);
		return -ENOMEM;
	}
	if (vnx_vec_push(&host->vms, vm)) {
		host->guests.n--;
		vnx_vm_fini(&vm);
		return -ENOMEM;
	}
	memset(vmm, 0, sizeof(*vmm)); /* taken over */
	return 0;
}

static bool holds_kvm(const struct vnx_vmm_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		if (fds->v[i].kind == VNX_FD_KVM_VM || fds->v[i].kind == VNX_FD_KVM_VCPU ||
		    fds->v[i].kind == VNX_FD_VHOST_NET)
			return true;
	return false;
}

/* A VMM's arguments and namespace, read once: neither changes. */
static int read_vmm_facts(struct vnx_host *host, struct vnx_vmm *vmm)
{
	char rel[32], netns[64];
	size_t len = 0;
	int err = 0;

	snprintf(rel, sizeof(rel), "%u/ns/net", vmm->pid);
	vnx_proc_link(host->dirfd, rel, netns, sizeof(netns));
	vmm->other_netns = netns[0] && host->netns[0] && strcmp(netns, host->netns);
	if (vmm->kind != VNX_VMM_QEMU)
		return 0;
	snprintf(rel, sizeof(rel), "%u/cmdline", vmm->pid);
	VNX_CLEANUP_FREE char *cmdline = vnx_proc_read(host->dirfd, rel, CMDLINE_MAX, &len);

	if (cmdline)
		err = vnx_qemu_parse(&vmm->args, cmdline, len);
	return err;
}

/*
 * QEMU forks: the parent that -daemonize leaves waiting and the child about to become a helper
 * bear its name and arguments. Only the real one has threads for RCU and a vCPU.
 */
static bool qemu_is_up(struct vnx_host *host, uint32_t pid)
{
	struct vnx_proc_entries tids = { 0 };
	char rel[32];
	bool up;

	snprintf(rel, sizeof(rel), "%u/task", pid);
	up = !vnx_proc_list(host->dirfd, rel, &tids) && tids.n >= 3;
	free(tids.v);
	return up;
}

/*
 * Is it a VMM? By name first, as that is cheap; by its descriptors for all others. Gone in the
 * meantime is no error.
 */
static int examine_user(struct vnx_host *host, struct process *p, const struct vnx_proc_stat *st,
			uint64_t now_ns)
{
	uint32_t pid = p->id.id;
	struct vnx_vmm vmm = { .pid = pid };
	char rel[32], exe[512];
	int err;

	snprintf(rel, sizeof(rel), "%u/exe", pid);
	vnx_proc_link(host->dirfd, rel, exe, sizeof(exe));
	vmm.kind = vnx_vmm_kind_of(st->comm, exe);
	p->maybe = vmm.kind != VNX_VMM_NOT;
	if (vmm.kind == VNX_VMM_QEMU && !qemu_is_up(host, pid))
		return 0;
	err = vnx_vmm_read_fds(host->dirfd, pid, &vmm.fds);
	vmm.fds_denied = vnx_host_denied(err);
	if (vmm.fds_denied)
		vnx_host_note_denied(host, vmm.kind);
	if (err && !vmm.fds_denied) {
		err = err == -ENOMEM ? err : 0;
		goto out;
	}
	err = 0;
	if (vmm.kind != VNX_VMM_QEMU) {
		/* Firecracker before it opens KVM is no VM yet; it is looked at again. */
		if (!holds_kvm(&vmm.fds))
			goto out;
		if (vmm.kind == VNX_VMM_NOT)
			vmm.kind = VNX_VMM_OTHER;
	}
	err = read_vmm_facts(host, &vmm);
	p->maybe = false;
	if (!err && !vmm.args.no_guest)
		err = new_guest(host, &vmm, st, now_ns);
out:
	vnx_vmm_fini(&vmm);
	return err;
}

static int examine(struct vnx_host *host, struct process *p, uint64_t now_ns)
{
	struct vnx_proc_stat st;
	char rel[16];
	int err;

	snprintf(rel, sizeof(rel), "%u", p->id.id);
	err = vnx_proc_stat(host->dirfd, rel, &st);
	if (err)
		return err == -ENOMEM ? err : 0;
	p->kthread = st.kthread;
	p->old = host->boot_ticks > st.start_ticks + OLD_S * (uint64_t)sysconf(_SC_CLK_TCK);
	if (st.kthread) {
		if (!vnx_vhost_owner(st.comm, &p->vhost_owner))
			p->vhost_owner = 0;
		return 0;
	}
	if (st.ended || vnx_host_find_guest(host, p->id.id))
		return 0;
	return examine_user(host, p, &st, now_ns);
}

/* ---- all processes ---- */

static bool is_wanted(const struct vnx_host *host, uint32_t pid)
{
	for (size_t i = 0; i < host->wanted.n; i++)
		if (host->wanted.v[i] == pid)
			return true;
	return false;
}

/* Merges the new listing with what is known; a pid with another inode is another process. */
int vnx_host_update_processes(struct vnx_host *host, uint64_t now_ns)
{
	struct processes next = { 0 };
	size_t old = 0;
	int err = vnx_proc_list(host->dirfd, ".", &host->listing);

	for (size_t i = 0; i < host->listing.n && !err; i++) {
		struct process p = { .id = host->listing.v[i] };

		while (old < host->procs.n && host->procs.v[old].id.id < p.id.id)
			old++;
		if (old < host->procs.n && host->procs.v[old].id.id == p.id.id &&
		    host->procs.v[old].id.ino == p.id.ino)
			p = host->procs.v[old];
		if (due(host, &p) || is_wanted(host, p.id.id))
			err = examine(host, &p, now_ns);
		p.looks += p.looks < YOUNG_SCANS;
		if (!err)
			err = vnx_vec_push(&next, p);
	}
	if (err) {
		free(next.v);
		return err;
	}
	free(host->procs.v);
	host->procs = next;
	host->wanted.n = 0;
	return 0;
}
