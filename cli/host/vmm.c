// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one process shows of itself: descriptors and threads. Evidence, where the arguments
 * are promises.
 */
#include "cli/host/internal.h"

#include <sys/syscall.h>
#include <unistd.h>

#define KVM_RUN_CMD 0xae80UL /* _IO(KVMIO, 0x80), include/uapi/linux/kvm.h */
#define NAME_LOOKS 4         /* scans in which a new thread may still get its name */

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static enum vnx_vmm_kind kind_of_name(const char *name)
{
	static const struct {
		const char *prefix;
		enum vnx_vmm_kind kind;
	} names[] = {
		{ "qemu-system-", VNX_VMM_QEMU },      { "qemu-kvm", VNX_VMM_QEMU },
		{ "firecracker", VNX_VMM_VIRTIO },     { "crosvm", VNX_VMM_VIRTIO },
		{ "cloud-hyperviso", VNX_VMM_VIRTIO }, { "lkvm", VNX_VMM_VIRTIO },
		{ "dragonball", VNX_VMM_VIRTIO },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++)
		if (starts(name, names[i].prefix))
			return names[i].kind;
	return VNX_VMM_NOT;
}

enum vnx_vmm_kind vnx_vmm_kind_of(const char *comm, const char *exe)
{
	const char *base = strrchr(exe, '/');
	enum vnx_vmm_kind kind = kind_of_name(comm);

	/* -name process=... changes the comm, so that the executable has the last word. */
	if (kind == VNX_VMM_NOT && base)
		kind = kind_of_name(base + 1);
	return kind;
}

/* ---- descriptors ---- */

static bool ends_with(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);

	return a >= b && !strcmp(s + a - b, suffix);
}

/* Name of the interface a /dev/net/tun descriptor is attached to; "" if none. */
static void read_iff(int dirfd, uint32_t pid, uint32_t fd, char *out, size_t size)
{
	char rel[64], *line;

	out[0] = '\0';
	snprintf(rel, sizeof(rel), "%u/fdinfo/%u", pid, fd);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(dirfd, rel, 4096, NULL);

	line = text ? strstr(text, "iff:\t") : NULL;
	if (line && (line == text || line[-1] == '\n'))
		snprintf(out, size, "%.*s", (int)strcspn(line + 5, "\n"), line + 5);
}

/* Fills kind and number from the link's text; false for a descriptor of no interest. */
static bool classify_fd(const char *link, struct vnx_vmm_fd *fd)
{
	const char *p = link;

	fd->number = UINT32_MAX;
	if (starts(p, "anon_inode:")) {
		p += strlen("anon_inode:");
		p += *p == '[';
		if (starts(p, "kvm-vm")) {
			fd->kind = VNX_FD_KVM_VM;
			return true;
		}
		if (!starts(p, "kvm-vcpu"))
			return false;
		fd->kind = VNX_FD_KVM_VCPU;
		if (p[8] == ':' && !vnx_parse_u32(p + 9, '\0', &fd->number))
			vnx_parse_u32(p + 9, ']', &fd->number);
		return true;
	}
	if (ends_with(link, "/vhost-net")) {
		fd->kind = VNX_FD_VHOST_NET;
		return true;
	}
	if (ends_with(link, "/net/tun")) {
		fd->kind = VNX_FD_TUN;
		return true;
	}
	if (starts(link, "/dev/vhost-vdpa-")) {
		fd->kind = VNX_FD_VDPA;
		return true;
	}
	/* The number in /dev/tapN is the interface's index (drivers/net/tap.c). */
	if (starts(link, "/dev/tap") && (vnx_parse_u32(link + 8, '\0', &fd->number) ||
					 vnx_parse_u32(link + 8, ' ', &fd->number))) {
		fd->kind = VNX_FD_MACVTAP;
		return true;
	}
	return false;
}

static bool is_exiting(int dirfd, uint32_t pid)
{
	struct vnx_proc_stat st;
	int saved = errno;
	char rel[16];
	bool gone;

	snprintf(rel, sizeof(rel), "%u", pid);
	gone = vnx_proc_stat(dirfd, rel, &st) || st.ended;
	errno = saved;
	return gone;
}

int vnx_vmm_read_fds(int dirfd, uint32_t pid, struct vnx_vmm_fds *out)
{
	struct vnx_proc_entries fds = { 0 };
	char rel[64], link[256];
	int err;

	out->n = 0;
	snprintf(rel, sizeof(rel), "%u/fd", pid);
	err = vnx_proc_list(dirfd, rel, &fds);
	for (size_t i = 0; i < fds.n && !err; i++) {
		struct vnx_vmm_fd fd = { .fd = fds.v[i].id };

		snprintf(rel, sizeof(rel), "%u/fd/%u", pid, fd.fd);
		errno = 0;
		vnx_proc_link(dirfd, rel, link, sizeof(link));
		/* Also what an exiting process answers (fs/proc/base.c): it has no files more. */
		if (!link[0] && (errno == EACCES || errno == EPERM))
			err = is_exiting(dirfd, pid) ? -ESRCH : -errno;
		if (err || !classify_fd(link, &fd))
			continue;
		if (fd.kind == VNX_FD_TUN) {
			read_iff(dirfd, pid, fd.fd, fd.ifname, sizeof(fd.ifname));
			if (!fd.ifname[0])
				continue;
		}
		err = vnx_vec_push(out, fd);
	}
	free(fds.v);
	return err;
}

/* ---- threads ---- */

bool vnx_vhost_owner(const char *comm, uint32_t *owner)
{
	return starts(comm, "vhost-") && vnx_parse_u32(comm + 6, '\0', owner);
}

/* Number of the vCPU that a thread of this name runs; false if it is none. */
static bool vcpu_of_comm(const char *comm, uint32_t *number)
{
	static const struct {
		const char *prefix;
		char end;
		const char *suffix;
	} forms[] = {
		{ "CPU ", '/', "KVM" }, { "CPU ", '/', "TCG" },      { "fc_vcpu ", '\0', "" },
		{ "vcpu", '\0', "" },   { "crosvm_vcpu", '\0', "" }, { "kvm-vcpu-", '\0', "" },
	};

	*number = UINT32_MAX;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(forms); i++) {
		const char *p = comm + strlen(forms[i].prefix);

		if (!starts(comm, forms[i].prefix) || !vnx_parse_u32(p, forms[i].end, number))
			continue;
		p += strspn(p, "0123456789");
		if (!*forms[i].suffix || !strcmp(p + 1, forms[i].suffix))
			return true;
	}
	/* QEMU without KVM and with one thread for all. */
	return !strcmp(comm, "ALL CPUs/TCG");
}

static void name_thread(int dirfd, uint32_t pid, struct vnx_vmm_thread *t)
{
	char rel[64];
	uint32_t owner;

	snprintf(rel, sizeof(rel), "%u/task/%u/comm", pid, t->tid);
	VNX_CLEANUP_FREE char *comm = vnx_proc_read(dirfd, rel, 64, NULL);

	t->looks++;
	if (!comm)
		return;
	comm[strcspn(comm, "\n")] = '\0';
	t->kernels = starts(comm, "kvm-nx-lpage-re");
	if (vnx_vhost_owner(comm, &owner))
		t->role = VNX_THREAD_WORKER;
	else if (vcpu_of_comm(comm, &t->vcpu))
		t->role = VNX_THREAD_VCPU;
}

static bool vcpu_is_known(const struct vnx_vmm *vmm, uint32_t number)
{
	for (size_t i = 0; number != UINT32_MAX && i < vmm->threads.n; i++)
		if (vmm->threads.v[i].role == VNX_THREAD_VCPU && !vmm->threads.v[i].gone &&
		    vmm->threads.v[i].vcpu == number)
			return true;
	return false;
}

/*
 * A thread that waits in ioctl(vcpu fd, KVM_RUN) is a vCPU. One that runs right now shows
 * "running" and is found by a later scan or by vnx_host_note_thread(). Threads that the kernel
 * adds to a process (kernel/vhost_task.c) start with the registers of the thread that caused
 * them: KVM's page recovery, started within KVM_RUN, looks like a second thread of that vCPU.
 */
static void look_into_syscall(int dirfd, const struct vnx_vmm *vmm, struct vnx_vmm_thread *t)
{
	unsigned long long fd, cmd;
	char rel[64];
	long nr;

	snprintf(rel, sizeof(rel), "%u/task/%u/syscall", vmm->pid, t->tid);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(dirfd, rel, 256, NULL);

	if (!text || sscanf(text, "%ld %llx %llx", &nr, &fd, &cmd) != 3 || nr != SYS_ioctl ||
	    cmd != KVM_RUN_CMD)
		return;
	for (size_t i = 0; i < vmm->fds.n; i++)
		if (vmm->fds.v[i].kind == VNX_FD_KVM_VCPU && vmm->fds.v[i].fd == fd &&
		    !vcpu_is_known(vmm, vmm->fds.v[i].number)) {
			t->role = VNX_THREAD_VCPU;
			t->vcpu = vmm->fds.v[i].number;
		}
}

static struct vnx_vmm_thread *find_thread(struct vnx_vmm_threads *threads, uint32_t tid)
{
	for (size_t i = 0; i < threads->n; i++)
		if (threads->v[i].tid == tid)
			return &threads->v[i];
	return NULL;
}

/* Is a vCPU descriptor left whose thread is not known? */
static bool lacks_vcpus(const struct vnx_vmm *vmm)
{
	size_t fds = 0, threads = 0;

	for (size_t i = 0; i < vmm->fds.n; i++)
		fds += vmm->fds.v[i].kind == VNX_FD_KVM_VCPU;
	for (size_t i = 0; i < vmm->threads.n; i++)
		threads += vmm->threads.v[i].role == VNX_THREAD_VCPU && !vmm->threads.v[i].gone;
	return threads < fds;
}

/* Workers and vCPUs that ended stay known: what they counted is still their VM's. */
static void drop_gone(struct vnx_vmm *vmm, const struct vnx_proc_entries *tids, bool *changed)
{
	size_t kept = 0, j = 0;

	for (size_t i = 0; i < vmm->threads.n; i++) {
		struct vnx_vmm_thread t = vmm->threads.v[i];

		for (j = 0; j < tids->n && tids->v[j].id != t.tid; j++)
			;
		if (j == tids->n && !t.gone) {
			t.gone = true;
			*changed |= t.role != VNX_THREAD_OTHER;
		}
		if (!t.gone || t.role != VNX_THREAD_OTHER)
			vmm->threads.v[kept++] = t;
	}
	vmm->threads.n = kept;
}

static int add_thread(struct vnx_vmm *vmm, uint32_t tid, struct vnx_vmm_thread **out)
{
	struct vnx_vmm_thread *t = find_thread(&vmm->threads, tid);
	struct vnx_vmm_thread fresh = { .tid = tid, .vcpu = UINT32_MAX };

	if (t && t->gone)
		*t = fresh;
	if (!t) {
		if (vnx_vec_push(&vmm->threads, fresh))
			return -ENOMEM;
		t = &vmm->threads.v[vmm->threads.n - 1];
	}
	*out = t;
	return 0;
}

int vnx_vmm_read_threads(int dirfd, struct vnx_vmm *vmm, bool *changed)
{
	struct vnx_proc_entries tids = { 0 };
	bool lacking;
	char rel[32];
	int err;

	snprintf(rel, sizeof(rel), "%u/task", vmm->pid);
	err = vnx_proc_list(dirfd, rel, &tids);
	if (!err)
		drop_gone(vmm, &tids, changed);
	for (size_t i = 0; i < tids.n && !err; i++) {
		struct vnx_vmm_thread *t;

		err = add_thread(vmm, tids.v[i].id, &t);
		if (err || t->role != VNX_THREAD_OTHER || t->looks >= NAME_LOOKS)
			continue;
		name_thread(dirfd, vmm->pid, t);
		*changed |= t->role != VNX_THREAD_OTHER;
	}
	lacking = !err && lacks_vcpus(vmm);
	for (size_t i = 0; lacking && i < vmm->threads.n; i++) {
		struct vnx_vmm_thread *t = &vmm->threads.v[i];

		if (t->role != VNX_THREAD_OTHER || t->gone || t->kernels)
			continue;
		look_into_syscall(dirfd, vmm, t);
		*changed |= t->role != VNX_THREAD_OTHER;
	}
	free(tids.v);
	return err;
}

int vnx_vmm_note_vcpu(struct vnx_vmm *vmm, uint32_t tid)
{
	struct vnx_vmm_thread *t = find_thread(&vmm->threads, tid);
	struct vnx_vmm_thread fresh = { .tid = tid, .role = VNX_THREAD_VCPU, .vcpu = UINT32_MAX };

	if (!t)
		return vnx_vec_push(&vmm->threads, fresh) ? -ENOMEM : 1;
	if (t->role != VNX_THREAD_OTHER)
		return 0;
	t->role = VNX_THREAD_VCPU;
	return 1;
}

void vnx_vmm_fini(struct vnx_vmm *vmm)
{
	vnx_qemu_fini(&vmm->args);
	free(vmm->fds.v);
	free(vmm->threads.v);
	memset(vmm, 0, sizeof(*vmm));
}
