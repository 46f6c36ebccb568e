// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why the guests exit, and what their halted vCPUs do: KVM's own counters of each VM, in debugfs
 * a folder kvm/TID-FD a VM (virt/kvm/kvm_main.c, kvm_create_vm_debugfs()) with one file a number,
 * the sum over the VM's vCPUs (kvm_get_stat_per_vcpu()). The same names stand above the folders,
 * summed over all VMs: these tell what the kernel counts before there is a VM.
 *
 * Each reading opens and closes the files: they cannot be read a second time (simple_attr_open()
 * is nonseekable_open()), and one held open holds the VM and its memory (kvm_debugfs_open()).
 * The folder may be held: of a VM that is gone, nothing is found in it any more.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/base/proc.h"
#include "cli/evidence/kvm.h"
#include "cli/evidence/threads.h"

#define DEBUGFS "/sys/kernel/debug"
#define SCAN_NS (5 * VNX_NSEC_PER_SEC)
/* As in sched.c: a sleep is accounted when it ends. */
#define UNDECIDED_MAX_NS (3 * VNX_NSEC_PER_SEC)
#define NOT_READ UINT64_MAX

enum number {
	EXITS,
	IO,
	MMIO,
	HALT,
	IRQ,
	IRQ_WINDOW,
	SIGNAL,
	HYPERCALLS,
	POLLS,
	POLLS_HIT,
	POLL_HIT_NS,
	POLL_MISS_NS,
	SLEEP_NS,
	STATS
};

/* arch/x86/kvm/x86.c, kvm_vcpu_stats_desc[]; include/linux/kvm_host.h, KVM_GENERIC_VCPU_STATS(). */
static const char *const files[STATS] = {
	[EXITS] = "exits",
	[IO] = "io_exits",
	[MMIO] = "mmio_exits",
	[HALT] = "halt_exits",
	[IRQ] = "irq_exits",
	[IRQ_WINDOW] = "irq_window_exits",
	[SIGNAL] = "signal_exits",
	[HYPERCALLS] = "hypercalls",
	[POLLS] = "halt_attempted_poll",
	[POLLS_HIT] = "halt_successful_poll",
	[POLL_HIT_NS] = "halt_poll_success_ns",
	[POLL_MISS_NS] = "halt_poll_fail_ns",
	[SLEEP_NS] = "halt_wait_ns",
};

#define S(number) (1u << (number))
#define REASONS (S(IO) | S(MMIO) | S(HALT) | S(IRQ) | S(IRQ_WINDOW) | S(HYPERCALLS))

/* What each metric is made of. */
static const struct {
	enum vnx_metric metric;
	unsigned needs;
} made_of[] = {
	{ VNX_EXIT_TOTAL, S(EXITS) },
	{ VNX_EXIT_IO, S(IO) },
	{ VNX_EXIT_MMIO, S(MMIO) },
	{ VNX_EXIT_HALT, S(HALT) },
	{ VNX_EXIT_IRQ, S(IRQ) },
	{ VNX_EXIT_IRQ_WINDOW, S(IRQ_WINDOW) },
	{ VNX_EXIT_SIGNAL, S(SIGNAL) },
	{ VNX_EXIT_HYPERCALL, S(HYPERCALLS) },
	{ VNX_EXIT_OTHER, S(EXITS) | REASONS },
	{ VNX_HALT_POLL, S(POLL_HIT_NS) | S(POLL_MISS_NS) },
	{ VNX_HALT_SLEEP, S(SLEEP_NS) },
	{ VNX_HALT_POLL_HIT, S(POLLS) | S(POLLS_HIT) },
};

/* One of KVM's VMs. */
struct folder {
	char name[32];
	int fd;
	uint64_t was[STATS]; /* NOT_READ: not at the last reading */
};

/* One of ours: a process, mostly with one folder; with several, their sum. */
struct machine {
	uint32_t pid, n_vcpus;
	uint64_t start_ticks;
	bool seen;
	struct {
		struct folder *v;
		size_t n, cap;
	} folders;
	uint64_t at_ns; /* of the last reading, 0: none yet */
	uint64_t slept_ns, sleep_from_ns;
};

struct kvm {
	struct {
		struct machine *v;
		size_t n, cap;
	} machines;
	char path[PATH_MAX]; /* .../kvm */
	unsigned counted;    /* S() of what this kernel counts */
	bool scan;           /* a folder is wanted or gone */
	uint64_t scan_ns;
	struct vnx_pace pace;
};

/* How a sum over a VM's folders moved; what a folder lacks, the sum lacks. */
struct moves {
	uint64_t by[STATS];
	unsigned known; /* S() */
};

/* ---- opening ---- */

static int say_unreadable(int ret, struct vnx_err *err)
{
	if (ret == -EPERM)
		vnx_err_hint(err, "The kernel is locked down: only a boot without lockdown= (or "
				  "Secure Boot) changes it.");
	else if (ret == -EACCES)
		vnx_err_hint(err, "Run as root.");
	return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-kvm-counters",
			   "KVM's counters in debugfs cannot be read: %s", strerror(-ret));
}

/* Without KVM a debugfs still holds folders of others. */
static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	bool any = false;

	while (dir && !any && (d = readdir(dir)))
		any = d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return dir && !any;
}

static int probe(struct kvm *k, const char *debugfs, struct vnx_err *err)
{
	VNX_CLEANUP_CLOSE int dir = open(k->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int why = -errno;

	k->counted = S(STATS) - 1;
	if (dir < 0 && why != -ENOENT)
		return say_unreadable(why, err);
	if (dir < 0 && access(debugfs, F_OK)) {
		vnx_err_hint(err, "A kernel built with CONFIG_DEBUG_FS has it.");
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-debugfs",
				   "this kernel has no debugfs: KVM's counters are there");
	}
	if (dir < 0 && is_empty(debugfs)) {
		vnx_err_hint(err, "Mount it: mount -t debugfs none %s", debugfs);
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-debugfs",
				   "debugfs is not mounted: KVM's counters are there");
	}
	if (dir < 0)
		return 0; /* KVM may be loaded later */
	k->counted = 0;
	for (int i = 0; i < STATS; i++) {
		int fd = openat(dir, files[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 && errno != ENOENT)
			return say_unreadable(-errno, err);
		if (fd < 0)
			continue;
		k->counted |= S(i);
		close(fd);
	}
	return k->counted ? 0
			  : vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-kvm-counters",
					"the KVM of this kernel shows no counters in debugfs");
}

int vnx_kvm_open_at(void **src, const char *debugfs, struct vnx_err *err)
{
	struct kvm *k = calloc(1, sizeof(*k));
	int ret;

	if (!k)
		return -ENOMEM;
	snprintf(k->path, sizeof(k->path), "%s/kvm", debugfs);
	ret = probe(k, debugfs, err);
	if (ret)
		free(k);
	else
		*src = k;
	return ret;
}

static int kvm_open(void **src, struct vnx_err *err)
{
	return vnx_kvm_open_at(src, DEBUGFS, err);
}

static uint64_t kvm_lacks(const void *src)
{
	const struct kvm *k = src;
	uint64_t lacks = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(made_of); i++)
		if (made_of[i].needs & ~k->counted)
			lacks |= VNX_BIT(made_of[i].metric);
	return lacks;
}

/* ---- VMs and their folders ---- */

static void machine_fini(struct machine *m)
{
	for (size_t i = 0; i < m->folders.n; i++)
		close(m->folders.v[i].fd);
	free(m->folders.v);
}

static struct machine *find_machine(struct kvm *k, uint32_t pid)
{
	for (size_t i = 0; i < k->machines.n; i++)
		if (k->machines.v[i].pid == pid)
			return &k->machines.v[i];
	return NULL;
}

/* Takes in living VMs, drops those that are gone: a number may be another process's by now. */
static int sync_machines(struct kvm *k, const struct vnx_vms *vms)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->machines.n; i++)
		k->machines.v[i].seen = false;
	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];
		struct machine *m = find_machine(k, vm->pid);
		struct machine fresh = { .pid = vm->pid, .start_ticks = vm->start_ticks };

		if (vm->last_ns != UINT64_MAX)
			continue;
		if (m && m->start_ticks != vm->start_ticks) {
			machine_fini(m);
			*m = fresh;
			k->scan = true;
		} else if (!m) {
			if (vnx_vec_push(&k->machines, fresh))
				return -ENOMEM;
			m = &k->machines.v[k->machines.n - 1];
			k->scan = true;
		}
		m->n_vcpus = (uint32_t)vm->vcpus.n;
		m->seen = true;
	}
	for (size_t i = 0; i < k->machines.n; i++) {
		if (k->machines.v[i].seen)
			k->machines.v[kept++] = k->machines.v[i];
		else
			machine_fini(&k->machines.v[i]);
	}
	k->machines.n = kept;
	return 0;
}

static int add_folder(struct kvm *k, int dir, const char *name)
{
	struct folder f = { .fd = -1 };
	struct machine *m;
	uint32_t tid, fd;
	char proc[32];
	int used = 0;

	if (sscanf(name, "%" SCNu32 "-%" SCNu32 "%n", &tid, &fd, &used) != 2 || name[used] ||
	    strlen(name) >= sizeof(f.name))
		return 0;
	/* the number of the thread that made it */
	snprintf(proc, sizeof(proc), "/proc/%" PRIu32, tid);
	m = find_machine(k, tid);
	if (!m)
		m = find_machine(k, vnx_proc_tgid(AT_FDCWD, proc));
	for (size_t i = 0; m && i < m->folders.n; i++)
		if (!strcmp(m->folders.v[i].name, name))
			return 0;
	f.fd = m ? openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (f.fd < 0)
		return 0;
	strcpy(f.name, name);
	for (int i = 0; i < STATS; i++)
		f.was[i] = NOT_READ;
	if (!vnx_vec_push(&m->folders, f))
		return 0;
	close(f.fd);
	return -ENOMEM;
}

static int scan_folders(struct kvm *k, uint64_t now_ns)
{
	struct dirent *d;
	int err = 0;
	DIR *dir;

	if (!k->scan && now_ns - k->scan_ns < SCAN_NS)
		return 0;
	k->scan = false;
	k->scan_ns = now_ns;
	dir = opendir(k->path);
	while (dir && !err && (d = readdir(dir)))
		err = add_folder(k, dirfd(dir), d->d_name);
	if (dir)
		closedir(dir);
	return err;
}

/* ---- reading ---- */

/* "%llu\n" and no more: what is cut short is no number. NOT_READ, or -errno in *@err. */
static uint64_t read_number(int dir, const char *name, int *err)
{
	VNX_CLEANUP_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char buf[32], *end;
	uint64_t x;
	ssize_t n;

	*err = fd < 0 ? -errno : 0;
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n < 2 || buf[n - 1] != '\n' || buf[0] < '0' || buf[0] > '9')
		return NOT_READ;
	buf[n] = '\0';
	errno = 0;
	x = strtoull(buf, &end, 10);
	return errno || end != buf + n - 1 ? NOT_READ : x;
}

/* Adds how the folder moved. -ENOENT: it is gone; -EPERM, -EACCES: closed to us. */
static int read_folder(const struct kvm *k, struct folder *f, struct moves *moves)
{
	int err, gone = -ENOENT;

	for (int i = 0; i < STATS; i++) {
		uint64_t is, was = f->was[i];

		if (!(k->counted & S(i)))
			continue;
		is = read_number(f->fd, files[i], &err);
		f->was[i] = is;
		if (err == -EPERM || err == -EACCES)
			return err;
		if (!err)
			gone = 0;
		/* It can be set to 0 by anybody who may write it. */
		if (is == NOT_READ || was == NOT_READ || is < was)
			moves->known &= ~S(i);
		else
			moves->by[i] += is - was;
	}
	return gone;
}

/* Adds up the folders; those gone are dropped, and what they did last is not known. */
static int read_folders(struct kvm *k, struct machine *m, struct moves *moves, struct vnx_err *err)
{
	size_t kept = 0;
	int first = 0;

	*moves = (struct moves){ .known = m->folders.n ? k->counted : 0 };
	for (size_t i = 0; i < m->folders.n; i++) {
		struct folder *f = &m->folders.v[i];
		int ret = read_folder(k, f, moves);

		if (ret == -ENOENT) {
			moves->known = 0;
			k->scan = true;
			close(f->fd);
			continue;
		}
		m->folders.v[kept++] = *f;
		if (!first)
			first = ret;
	}
	m->folders.n = kept;
	return first ? say_unreadable(first, err) : 0;
}

/* Sum over the vCPUs into their mean, within the stretch. */
static uint64_t share(const struct machine *m, uint64_t ns, uint64_t most)
{
	uint64_t mean = m->n_vcpus ? ns / m->n_vcpus : ns;

	return mean < most ? mean : most;
}

static int emit_sleep(struct machine *m, const struct moves *moves, uint64_t now_ns,
		      const struct vnx_readings *out)
{
	uint64_t from_ns = m->sleep_from_ns, slept_ns;

	if (!(moves->known & S(SLEEP_NS)) || !from_ns) {
		m->slept_ns = 0;
		m->sleep_from_ns = now_ns;
		return 0;
	}
	m->slept_ns += moves->by[SLEEP_NS];
	if (!m->slept_ns && now_ns - from_ns < UNDECIDED_MAX_NS)
		return 0;
	slept_ns = share(m, m->slept_ns, now_ns - from_ns);
	m->slept_ns = 0;
	m->sleep_from_ns = now_ns;
	return vnx_evidence_emit(out, VNX_HALT_SLEEP, m->pid, from_ns, now_ns, slept_ns);
}

/* Of a metric made of several numbers; -ENODATA where there is nothing to say. */
static int64_t amount(const struct machine *m, enum vnx_metric metric, const uint64_t *by,
		      uint64_t dur_ns)
{
	uint64_t sum = 0;

	switch (metric) {
	case VNX_EXIT_OTHER:
		for (int i = 0; i < STATS; i++)
			sum += REASONS & S(i) ? by[i] : 0;
		/* Numbers of one reading are not of one instant. */
		return by[EXITS] > sum ? (int64_t)(by[EXITS] - sum) : 0;
	case VNX_HALT_POLL:
		return (int64_t)share(m, by[POLL_HIT_NS] + by[POLL_MISS_NS], dur_ns);
	case VNX_HALT_POLL_HIT:
		if (!by[POLLS])
			return -ENODATA;
		sum = by[POLLS_HIT] < by[POLLS] ? by[POLLS_HIT] : by[POLLS];
		return (int64_t)(1e6 * (double)sum / (double)by[POLLS]);
	default:
		return -ENODATA;
	}
}

static int emit_moves(struct machine *m, const struct moves *moves, uint64_t now_ns,
		      const struct vnx_readings *out)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(made_of); i++) {
		enum vnx_metric metric = made_of[i].metric;
		unsigned needs = made_of[i].needs;
		int64_t n;

		if (needs & ~moves->known || metric == VNX_HALT_SLEEP)
			continue;
		n = needs & (needs - 1) ? amount(m, metric, moves->by, now_ns - m->at_ns)
					: (int64_t)moves->by[__builtin_ctz(needs)];
		if (n >= 0 && vnx_evidence_emit(out, metric, m->pid, m->at_ns, now_ns, (uint64_t)n))
			return -ENOMEM;
	}
	return 0;
}

static int read_machine(struct kvm *k, struct machine *m, uint64_t now_ns,
			const struct vnx_readings *out, struct vnx_err *err)
{
	struct moves moves;
	int ret = read_folders(k, m, &moves, err);

	if (ret)
		return ret;
	if (m->at_ns && emit_moves(m, &moves, now_ns, out))
		return -ENOMEM;
	m->at_ns = now_ns;
	return emit_sleep(m, &moves, now_ns, out);
}

int vnx_kvm_read_now(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err)
{
	struct kvm *k = src;
	int ret = 0;

	if (sync_machines(k, scene->vms) || scan_folders(k, scene->now_ns))
		return -ENOMEM;
	for (size_t i = 0; i < k->machines.n && !ret; i++)
		ret = read_machine(k, &k->machines.v[i], scene->now_ns, out, err);
	return ret;
}

static int kvm_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		    struct vnx_err *err)
{
	struct kvm *k = src;
	uint64_t cpu_ns = vnx_clock_thread_cpu();
	int ret;

	if (!vnx_pace_due(&k->pace, scene))
		return 0;
	ret = vnx_kvm_read_now(src, scene, out, err);
	vnx_pace_spent(&k->pace, scene->now_ns, vnx_clock_thread_cpu() - cpu_ns);
	return ret;
}

static void kvm_close(void *src)
{
	struct kvm *k = src;

	for (size_t i = 0; i < k->machines.n; i++)
		machine_fini(&k->machines.v[i]);
	free(k->machines.v);
	free(k);
}

const struct vnx_source_ops vnx_source_kvm = {
	.name = "kvm",
	.summary = "why guests exit, and how long halted vCPUs poll and sleep",
	.metrics = VNX_BIT(VNX_EXIT_TOTAL) | VNX_BIT(VNX_EXIT_IO) | VNX_BIT(VNX_EXIT_MMIO) |
		   VNX_BIT(VNX_EXIT_HALT) | VNX_BIT(VNX_EXIT_IRQ) | VNX_BIT(VNX_EXIT_IRQ_WINDOW) |
		   VNX_BIT(VNX_EXIT_SIGNAL) | VNX_BIT(VNX_EXIT_HYPERCALL) |
		   VNX_BIT(VNX_EXIT_OTHER) | VNX_BIT(VNX_HALT_POLL) | VNX_BIT(VNX_HALT_SLEEP) |
		   VNX_BIT(VNX_HALT_POLL_HIT),
	.open = kvm_open,
	.read = kvm_read,
	.close = kvm_close,
	.lacks = kvm_lacks,
};
