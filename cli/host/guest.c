// SPDX-License-Identifier: GPL-2.0-only
/*
 * One VM: what its process shows now, made into a struct vnx_vm.
 */
#include "cli/host/state.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FDS_YOUNG_SCANS 10
#define FDS_EVERY 8 /* scans between looks at the descriptors of a settled VMM */

static bool still_there(const struct vnx_host *host, size_t i)
{
	struct vnx_proc_stat st;
	char rel[16];

	snprintf(rel, sizeof(rel), "%u", host->guests.v[i].vmm.pid);
	return !vnx_proc_stat(host->dirfd, rel, &st) && !st.ended &&
	       st.start_ticks == host->vms.v[i].start_ticks;
}

static bool same_fds(const struct vnx_vmm_fds *a, const struct vnx_vmm_fds *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].fd != b->v[i].fd || a->v[i].kind != b->v[i].kind ||
		    a->v[i].number != b->v[i].number || strcmp(a->v[i].ifname, b->v[i].ifname))
			return false;
	return true;
}

/*
 * Descriptors change when a card is plugged in or out. Since 6.2 the folder's size is their
 * number, so that a look costs one stat; in any case they are read again now and then.
 */
static int update_fds(struct vnx_host *host, size_t i)
{
	struct guest *g = &host->guests.v[i];
	struct vnx_vmm *vmm = &g->vmm;
	struct vnx_vmm_fds fds = { 0 };
	uint64_t count = vmm->fd_count;
	struct stat st;
	char rel[32];
	int err;

	snprintf(rel, sizeof(rel), "%u/fd", vmm->pid);
	if (!fstatat(host->dirfd, rel, &st, 0))
		count = (uint64_t)st.st_size;
	vmm->looks++;
	if (vmm->looks > FDS_YOUNG_SCANS && count == vmm->fd_count &&
	    !vnx_host_turn(host, vmm->pid, FDS_EVERY))
		return 0;
	vmm->fd_count = count;
	err = vnx_vmm_read_fds(host->dirfd, vmm->pid, &fds);
	vmm->fds_denied = vnx_host_denied(err);
	if (vmm->fds_denied)
		vnx_host_note_denied(host, vmm->kind);
	/* What an exiting process has left is not what the VM had: the next scan ends it. */
	if (err || same_fds(&vmm->fds, &fds) || !still_there(host, i)) {
		free(fds.v);
		return err == -ENOMEM ? err : 0;
	}
	free(vmm->fds.v);
	vmm->fds = fds;
	g->dirty = true;
	return 0;
}

/* Kernel threads named after a thread of the VMM (vhost before it used the owner's threads). */
static int update_kworkers(struct vnx_host *host, struct guest *g)
{
	for (size_t i = 0; i < host->procs.n; i++) {
		const struct process *p = &host->procs.v[i];
		bool ours = p->vhost_owner == g->vmm.pid && p->vhost_owner;
		size_t before = g->kworkers.n;

		for (size_t j = 0; p->vhost_owner && j < g->vmm.threads.n && !ours; j++)
			ours = g->vmm.threads.v[j].tid == p->vhost_owner;
		if (ours && vnx_u32s_add(&g->kworkers, p->id.id))
			return -ENOMEM;
		g->dirty |= g->kworkers.n != before;
	}
	return 0;
}

static uint32_t pci_class(void *ctx, const char *addr)
{
	const struct vnx_host *host = ctx;
	char path[128], *end;
	unsigned long class;

	if (strchr(addr, '/') || !addr[0])
		return 0;
	if (host->recorded)
		return 0;
	/* QEMU takes the address without its domain too. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.64s/class",
		 strlen(addr) < 10 ? "0000:" : "", addr);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(AT_FDCWD, path, 32, NULL);

	if (!text)
		return 0;
	class = strtoul(text, &end, 16);
	return end == text || class > 0xffffff ? 0 : (uint32_t) class;
}

static int by_vcpu(const void *a, const void *b)
{
	const struct vnx_vmm_thread *x = a, *y = b;

	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return vnx_u32_cmp(&x->tid, &y->tid);
}

/* vCPUs by number, then those whose number is not known, by tid; workers by tid. */
static int fill_threads(struct vnx_vm *vm, struct guest *g)
{
	struct vnx_vmm_threads *t = &g->vmm.threads;
	int err = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_vcpu);
	for (size_t i = 0; i < t->n && !err; i++) {
		if (t->v[i].role == VNX_THREAD_VCPU)
			err = vnx_vec_push(&vm->vcpus, t->v[i].tid);
		else if (t->v[i].role == VNX_THREAD_WORKER)
			err = vnx_u32s_add(&vm->workers, t->v[i].tid);
	}
	for (size_t i = 0; i < g->kworkers.n && !err; i++)
		err = vnx_u32s_add(&vm->workers, g->kworkers.v[i]);
	if (vm->workers.n)
		qsort(vm->workers.v, vm->workers.n, sizeof(uint32_t), vnx_u32_cmp);
	return err;
}

/* Interfaces that @old had and @vm has no more: what they counted is still the VM's. */
static int keep_gone_ifaces(struct vnx_vm *vm, const struct vnx_vm *old)
{
	int err = 0;

	for (size_t i = 0; i < old->ifaces.n && !err; i++) {
		const struct vnx_iface *was = &old->ifaces.v[i];
		struct vnx_iface copy;
		bool found = !was->ifindex;

		for (size_t j = 0; j < vm->ifaces.n && !found; j++)
			found = vm->ifaces.v[j].ifindex == was->ifindex;
		if (found)
			continue;
		err = vnx_iface_copy(&copy, was);
		if (!err && vnx_vec_push(&vm->ifaces, copy)) {
			vnx_iface_fini(&copy);
			err = -ENOMEM;
		}
	}
	return err;
}

static int fill_backend(struct vnx_vm *vm)
{
	const struct vnx_ifaces *f = &vm->ifaces;

	vm->nic = strdup(f->n ? f->v[0].nic : "");
	vm->backend = VNX_BACKEND_NONE;
	for (size_t i = 0; i < f->n && vm->backend == VNX_BACKEND_NONE; i++)
		if (f->v[i].backend != VNX_BACKEND_UNKNOWN)
			vm->backend = f->v[i].backend;
	return vm->nic ? 0 : -ENOMEM;
}

int vnx_guest_rebuild(struct vnx_host *host, size_t i, bool *changed)
{
	struct guest *g = &host->guests.v[i];
	struct vnx_vm *old = &host->vms.v[i], vm = { 0 };
	int err;

	vm.pid = old->pid;
	vm.start_ticks = old->start_ticks;
	vm.first_ns = old->first_ns;
	vm.last_ns = old->last_ns;
	vm.name = strdup(old->name);
	err = vm.name ? fill_threads(&vm, g) : -ENOMEM;
	if (!err)
		err = vnx_cards_find(&g->vmm, &host->links, pci_class, host, &vm.ifaces);
	if (!err)
		err = fill_backend(&vm);
	if (!err)
		err = keep_gone_ifaces(&vm, old);
	if (!err && !vnx_vm_equal(old, &vm))
		*changed = true;
	if (err) {
		vnx_vm_fini(&vm);
		return err;
	}
	vnx_vm_fini(old);
	*old = vm;
	g->dirty = false;
	return 0;
}

int vnx_guest_update(struct vnx_host *host, size_t i, uint64_t now_ns, bool *changed)
{
	struct guest *g = &host->guests.v[i];
	int err = 0;

	if (!g->alive)
		return 0;
	if (!still_there(host, i)) {
		g->alive = false;
		host->vms.v[i].last_ns = now_ns;
		*changed = true;
		return 0;
	}
	err = update_fds(host, i);
	if (!err) {
		err = vnx_vmm_read_threads(host->dirfd, &g->vmm, &g->dirty);
		/* Gone since: the next scan says so. */
		err = err == -ENOMEM ? err : 0;
	}
	if (!err)
		err = update_kworkers(host, g);
	return err;
}
