// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of VMs. A rescan lists /proc once and opens only what is new or due: a process that
 * was looked at and is no VMM costs nothing until its turn to be looked at again comes.
 */
#include "cli/host/state.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define LINKS_FILE "vnetdx-links" /* in a recorded tree: stands for rtnetlink and /sys */

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
	vnx_link_watch_close(host->link_watch);
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

bool vnx_host_denied(int err)
{
	return err == -EACCES || err == -EPERM;
}

int vnx_u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int vnx_u32s_add(struct vnx_u32s *set, uint32_t v)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == v)
			return 0;
	return vnx_vec_push(set, v);
}

struct guest *vnx_host_find_guest(struct vnx_host *host, uint32_t pid)
{
	for (size_t i = 0; i < host->guests.n; i++)
		if (host->guests.v[i].alive && host->guests.v[i].vmm.pid == pid)
			return &host->guests.v[i];
	return NULL;
}

void vnx_host_note_partial(struct vnx_host *host, const char *code, const char *what,
			   const char *hint)
{
	vnx_err_set(&host->partial, 0, VNX_EXIT_UNSUPPORTED, code, "%s", what);
	vnx_err_hint(&host->partial, "%s", hint);
}

/*
 * Stays noted, as a process that may not be read is not tried at every scan. A process other
 * than a VMM that even root may not read (of a security module, say) is nobody's loss.
 */
void vnx_host_note_denied(struct vnx_host *host, enum vnx_vmm_kind kind)
{
	if (kind == VNX_VMM_NOT && !geteuid())
		return;
	host->any_denied = true;
	vnx_host_note_partial(
		host, "no-privilege",
		"open files of other users' processes may not be read: VMMs other than QEMU "
		"are not found, and back ends are what the arguments promise",
		geteuid() ? "Run as root." : "Run with CAP_SYS_PTRACE, outside of containers.");
}

/*
 * Is it @pid's vnx_host_turn, one scan of @every? Mixed, as VMs started by one tool have pids in
 * even steps and would all have theirs at once (Knuth, TAOCP 6.4: multiplicative hashing).
 */
bool vnx_host_turn(const struct vnx_host *host, uint32_t pid, unsigned every)
{
	return (host->scans + (pid * 2654435761u >> 16)) % every == 0;
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
	if (!host->link_watch) {
		ret = vnx_link_watch_open(&host->link_watch, err);
		if (ret)
			return ret;
	}
	if (!vnx_link_watch_changed(host->link_watch))
		return 0;
	*fresh = true;
	ret = vnx_link_watch_read(host->link_watch, &host->links, err);
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
		qsort(host->tids.v, host->tids.n, sizeof(uint32_t), vnx_u32_cmp);
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
			vnx_host_note_partial(
				host, "other-netns",
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
		ret = vnx_host_update_processes(host, now_ns);
	*changed |= host->guests.n != before;
	for (size_t i = 0; i < host->guests.n && !ret; i++) {
		ret = vnx_guest_update(host, i, now_ns, changed);
		if (!ret && host->guests.v[i].alive && (host->guests.v[i].dirty || fresh_links))
			ret = vnx_guest_rebuild(host, i, changed);
		note_netns(host, i);
	}
	if (!ret)
		ret = collect_tids(host);
	return ret;
}

int vnx_host_scan(struct vnx_host *host, uint64_t now_ns, bool *changed, struct vnx_err *err)
{
	bool differs = false;
	struct timespec now;
	int ret;

	if (host->dirfd < 0) {
		vnx_err_hint(err, "Give the folder of a mounted procfs.");
		return vnx_err_set(err, -ENOENT, VNX_EXIT_FAILED, "no-proc",
				   "cannot open the folder %s", host->proc);
	}
	clock_gettime(CLOCK_BOOTTIME, &now);
	host->boot_ticks = (uint64_t)now.tv_sec * (uint64_t)sysconf(_SC_CLK_TCK);
	memset(&host->partial, 0, sizeof(host->partial));
	if (host->any_denied)
		vnx_host_note_denied(host, VNX_VMM_QEMU);
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
	if (host->tids.n && bsearch(&tid, host->tids.v, host->tids.n, sizeof(tid), vnx_u32_cmp))
		return 0;
	tgid = tgid_of(host, tid);
	if (!tgid)
		return -ESRCH;
	g = vnx_host_find_guest(host, tgid);
	if (!g)
		return vnx_u32s_add(&host->wanted, tgid) ? -ENOMEM : VNX_HOST_STRANGER;
	ret = vnx_vmm_note_vcpu(&g->vmm, tid);
	if (ret > 0) {
		int err = vnx_guest_rebuild(host, (size_t)(g - host->guests.v), &changed);

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
