// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of VMs. A rescan lists /proc once and opens only what is new or due: a process that
 * was looked at and is no VMM costs nothing until its turn to be looked at again comes.
 */
#include "cli/host/internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output/safe.h"

#define CMDLINE_MAX (4u << 20)
#define YOUNG_SCANS 8 /* a process may still exec or open /dev/kvm: look each time */
#define FDS_YOUNG_SCANS 10
#define FDS_EVERY 8               /* scans between looks at the descriptors of a settled VMM */
#define LOOK_EVERY 64             /* scans between looks at a settled process that is no VMM */
#define LINKS_FILE "vnetdx-links" /* in a recorded tree: stands for rtnetlink and /sys */

struct process {
	struct vnx_proc_entry id;
	unsigned looks; /* scans it was seen in */
	bool kthread;
	bool maybe;           /* has a VMM's name but is not one yet: looked at each time */
	uint32_t vhost_owner; /* tid in the name of a vhost kernel thread, 0: it is none */
};

struct processes {
	struct process *v;
	size_t n, cap;
};

/* Runs parallel to the list of struct vnx_vm that is handed out. */
struct guest {
	struct vnx_vmm vmm;
	struct vnx_u32s kworkers; /* kernel threads that serve it */
	bool alive, dirty;
};

struct vnx_host {
	int dirfd;
	char *proc;
	char *recorded; /* text of LINKS_FILE, NULL on a live tree */
	char netns[64];
	unsigned scans;
	struct processes procs;
	struct vnx_proc_entries listing;
	struct {
		struct guest *v;
		size_t n, cap;
	} guests;
	struct vnx_vms vms;
	struct vnx_u32s tids;
	struct vnx_u32s wanted; /* pids that a hint asks to look at */
	struct vnx_netlink *nl;
	struct vnx_links links;
	bool has_ovs;
	bool any_denied;
	struct vnx_err partial, ovs_err;
};

/* ---- life ---- */

/* Our own namespace, as the tree's owner sees it. */
static void read_own_netns(struct vnx_host *host)
{
	const char *line = host->recorded ? strstr(host->recorded, "netns ") : NULL;

	if (!host->recorded)
		vnx_proc_link(AT_FDCWD, "/proc/self/ns/net", host->netns, sizeof(host->netns));
	else if (line)
		snprintf(host->netns, sizeof(host->netns), "%.*s", (int)strcspn(line + 6, "\n"),
			 line + 6);
}

struct vnx_host *vnx_host_new(const char *proc)
{
	struct vnx_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->proc = strdup(proc);
	if (!host->proc) {
		free(host);
		return NULL;
	}
	host->dirfd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host->dirfd >= 0)
		host->recorded = vnx_proc_read(host->dirfd, LINKS_FILE, 1 << 20, NULL);
	read_own_netns(host);
	return host;
}

static void guest_fini(struct guest *g)
{
	vnx_vmm_fini(&g->vmm);
	free(g->kworkers.v);
}

void vnx_host_free(struct vnx_host *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->guests.n; i++)
		guest_fini(&host->guests.v[i]);
	free(host->guests.v);
	vnx_vms_fini(&host->vms);
	vnx_netlink_close(host->nl);
	if (host->dirfd >= 0)
		close(host->dirfd);
	free(host->procs.v);
	free(host->listing.v);
	free(host->tids.v);
	free(host->wanted.v);
	free(host->links.v);
	free(host->recorded);
	free(host->proc);
	free(host);
}

/* ---- small helpers ---- */

static bool denied(int err)
{
	return err == -EACCES || err == -EPERM;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int u32s_add(struct vnx_u32s *set, uint32_t v)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == v)
			return 0;
	return vnx_vec_push(set, v);
}

static struct guest *find_guest(struct vnx_host *host, uint32_t pid)
{
	for (size_t i = 0; i < host->guests.n; i++)
		if (host->guests.v[i].alive && host->guests.v[i].vmm.pid == pid)
			return &host->guests.v[i];
	return NULL;
}

static void note_partial(struct vnx_host *host, const char *code, const char *what,
			 const char *hint)
{
	vnx_err_set(&host->partial, 0, VNX_EXIT_UNSUPPORTED, code, "%s", what);
	vnx_err_hint(&host->partial, "%s", hint);
}

/*
 * Stays noted, as a process that may not be read is not tried at every scan. A process other
 * than a VMM that even root may not read (of a security module, say) is nobody's loss.
 */
static void note_denied(struct vnx_host *host, enum vnx_vmm_kind kind)
{
	if (kind == VNX_VMM_NOT && !geteuid())
		return;
	host->any_denied = true;
	note_partial(host, "no-privilege",
		     "open files of other users' processes may not be read: VMMs other than QEMU "
		     "are not found, and back ends are what the arguments promise",
		     geteuid() ? "Run as root."
			       : "Run with CAP_SYS_PTRACE, outside of containers.");
}

/* ---- one process ---- */

/* Same for a young process, which may change, and now and then for the rest. */
static bool due(const struct vnx_host *host, const struct process *p)
{
	if (p->kthread)
		return p->looks < 3;
	return p->maybe || p->looks < YOUNG_SCANS || (host->scans + p->id.id) % LOOK_EVERY == 0;
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
	vmm.fds_denied = denied(err);
	if (vmm.fds_denied)
		note_denied(host, vmm.kind);
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
	if (st.kthread) {
		if (!vnx_vhost_owner(st.comm, &p->vhost_owner))
			p->vhost_owner = 0;
		return 0;
	}
	if (st.state == 'Z' || st.state == 'X' || find_guest(host, p->id.id))
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
static int update_processes(struct vnx_host *host, uint64_t now_ns)
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

/* ---- one VM ---- */

static bool still_there(const struct vnx_host *host, size_t i)
{
	struct vnx_proc_stat st;
	char rel[16];

	snprintf(rel, sizeof(rel), "%u", host->guests.v[i].vmm.pid);
	return !vnx_proc_stat(host->dirfd, rel, &st) && st.state != 'Z' && st.state != 'X' &&
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
static int update_fds(struct vnx_host *host, struct guest *g)
{
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
	    (host->scans + vmm->pid) % FDS_EVERY)
		return 0;
	vmm->fd_count = count;
	err = vnx_vmm_read_fds(host->dirfd, vmm->pid, &fds);
	vmm->fds_denied = denied(err);
	if (vmm->fds_denied)
		note_denied(host, vmm->kind);
	if (err || same_fds(&vmm->fds, &fds)) {
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
		if (ours && u32s_add(&g->kworkers, p->id.id))
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
	return cmp_u32(&x->tid, &y->tid);
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
			err = u32s_add(&vm->workers, t->v[i].tid);
	}
	for (size_t i = 0; i < g->kworkers.n && !err; i++)
		err = u32s_add(&vm->workers, g->kworkers.v[i]);
	if (vm->workers.n)
		qsort(vm->workers.v, vm->workers.n, sizeof(uint32_t), cmp_u32);
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

static int rebuild(struct vnx_host *host, size_t i, bool *changed)
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

static int update_guest(struct vnx_host *host, size_t i, uint64_t now_ns, bool *changed)
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
	err = update_fds(host, g);
	if (!err) {
		err = vnx_vmm_read_threads(host->dirfd, &g->vmm, &g->dirty);
		/* Gone since: the next scan says so. */
		err = err == -ENOMEM ? err : 0;
	}
	if (!err)
		err = update_kworkers(host, g);
	return err;
}

/* ---- links ---- */

/* Open vSwitch may move a port to another bridge without a word on rtnetlink; rare. */
static void ask_ovs(struct vnx_host *host)
{
	host->has_ovs = false;
	memset(&host->ovs_err, 0, sizeof(host->ovs_err));
	for (size_t i = 0; i < host->links.n; i++)
		host->has_ovs |= !strcmp(host->links.v[i].kind, "openvswitch");
	if (host->has_ovs && vnx_ovsdb_bridges(NULL, &host->links, &host->ovs_err))
		host->ovs_err.exit = 0;
}

static int update_links(struct vnx_host *host, bool *fresh, struct vnx_err *err)
{
	int ret;

	*fresh = false;
	if (host->recorded) {
		*fresh = !host->scans;
		return *fresh ? vnx_links_parse(host->recorded, &host->links) : 0;
	}
	if (!host->nl) {
		ret = vnx_netlink_open(&host->nl, err);
		if (ret)
			return ret;
	}
	if (!vnx_netlink_changed(host->nl))
		return 0;
	*fresh = true;
	ret = vnx_netlink_links(host->nl, &host->links, err);
	if (!ret)
		ask_ovs(host);
	return ret;
}

/* ---- the scan ---- */

static bool still_worker(const struct vnx_host *host, uint32_t pid)
{
	size_t lo = 0, hi = host->procs.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (host->procs.v[mid].id.id < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < host->procs.n && host->procs.v[lo].id.id == pid &&
	       host->procs.v[lo].vhost_owner;
}

static int collect_tids(struct vnx_host *host)
{
	host->tids.n = 0;
	for (size_t i = 0; i < host->guests.n; i++) {
		const struct guest *g = &host->guests.v[i];

		for (size_t j = 0; g->alive && j < g->vmm.threads.n; j++)
			if (g->vmm.threads.v[j].role != VNX_THREAD_OTHER &&
			    !g->vmm.threads.v[j].gone &&
			    vnx_vec_push(&host->tids, g->vmm.threads.v[j].tid))
				return -ENOMEM;
		for (size_t j = 0; g->alive && j < g->kworkers.n; j++)
			if (still_worker(host, g->kworkers.v[j]) &&
			    vnx_vec_push(&host->tids, g->kworkers.v[j]))
				return -ENOMEM;
	}
	if (host->tids.n)
		qsort(host->tids.v, host->tids.n, sizeof(uint32_t), cmp_u32);
	return 0;
}

/* A VM in another namespace is a loss only where it has a card whose switch we cannot see. */
static void note_netns(struct vnx_host *host, size_t i)
{
	const struct vnx_vm *vm = &host->vms.v[i];

	if (!host->guests.v[i].alive || !host->guests.v[i].vmm.other_netns)
		return;
	for (size_t j = 0; j < vm->ifaces.n; j++)
		if (!strcmp(vm->ifaces.v[j].switch_kind, "unknown"))
			note_partial(host, "other-netns",
				     "a VM lives in another network namespace: the counters of "
				     "its taps and its switch are not seen",
				     "Run vnetdx inside that namespace: nsenter -t PID -n.");
}

static int scan(struct vnx_host *host, uint64_t now_ns, bool *changed, struct vnx_err *err)
{
	bool fresh_links;
	size_t before = host->guests.n;
	int ret;

	ret = update_links(host, &fresh_links, err);
	if (!ret)
		ret = update_processes(host, now_ns);
	*changed |= host->guests.n != before;
	for (size_t i = 0; i < host->guests.n && !ret; i++) {
		ret = update_guest(host, i, now_ns, changed);
		if (!ret && host->guests.v[i].alive && (host->guests.v[i].dirty || fresh_links))
			ret = rebuild(host, i, changed);
		note_netns(host, i);
	}
	if (!ret)
		ret = collect_tids(host);
	return ret;
}

int vnx_host_scan(struct vnx_host *host, uint64_t now_ns, bool *changed, struct vnx_err *err)
{
	bool differs = false;
	int ret;

	if (host->dirfd < 0) {
		vnx_err_hint(err, "Give the folder of a mounted procfs.");
		return vnx_err_set(err, -ENOENT, VNX_EXIT_FAILED, "no-proc",
				   "cannot open the folder %s", host->proc);
	}
	memset(&host->partial, 0, sizeof(host->partial));
	if (host->any_denied)
		note_denied(host, VNX_VMM_QEMU);
	ret = scan(host, now_ns, &differs, err);
	host->scans++;
	if (!host->partial.message[0])
		host->partial = host->ovs_err;
	if (changed)
		*changed = differs;
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-proc", "cannot read %s: %s", host->proc,
			    strerror(-ret));
	return ret;
}

const struct vnx_err *vnx_host_partial(const struct vnx_host *host)
{
	return host->partial.message[0] ? &host->partial : NULL;
}

const struct vnx_vms *vnx_host_vms(const struct vnx_host *host)
{
	return &host->vms;
}

const struct vnx_u32s *vnx_host_tids(const struct vnx_host *host)
{
	return &host->tids;
}

/* ---- hints of the capture ---- */

/* Process of thread @tid; 0: gone. */
static uint32_t tgid_of(const struct vnx_host *host, uint32_t tid)
{
	uint32_t tgid = 0;
	char rel[32], *line;

	snprintf(rel, sizeof(rel), "%u/status", tid);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(host->dirfd, rel, 8192, NULL);

	/* The name in the first line has its newlines escaped: it cannot fake this one. */
	line = text ? strstr(text, "\nTgid:\t") : NULL;
	if (line && !vnx_parse_u32(line + 7, '\n', &tgid))
		tgid = 0;
	return tgid;
}

int vnx_host_note_thread(struct vnx_host *host, uint32_t tid)
{
	struct guest *g;
	uint32_t tgid;
	bool changed;
	int ret;

	/* Asked for each sample: the usual answer must not open a file. */
	if (host->tids.n && bsearch(&tid, host->tids.v, host->tids.n, sizeof(tid), cmp_u32))
		return 0;
	tgid = tgid_of(host, tid);
	if (!tgid)
		return -ESRCH;
	g = find_guest(host, tgid);
	if (!g)
		return u32s_add(&host->wanted, tgid);
	ret = vnx_vmm_note_vcpu(&g->vmm, tid);
	if (ret > 0) {
		int err = rebuild(host, (size_t)(g - host->guests.v), &changed);

		if (!err)
			err = collect_tids(host);
		ret = err ? err : 1;
	}
	return ret;
}

bool vnx_vm_matches(const struct vnx_vm *vm, const char *text)
{
	uint32_t pid;

	return !strcmp(vm->name, text) || (vnx_parse_u32(text, '\0', &pid) && pid == vm->pid);
}
