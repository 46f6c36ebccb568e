// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host as a whole: how idle its CPUs are, what a hypervisor below took of them, what
 * interrupts take on the CPUs that the vhost workers use (proc(5), /proc/stat), and whether
 * KSM is at work.
 */
#include "cli/evidence/host_evidence.h"

#include <inttypes.h>
#include <unistd.h>

#include "cli/base/proc.h"
#include "cli/evidence/threads.h"

/* What is read of grows with the CPUs, and /proc/stat with the interrupts too. */
#define PROC_MAX (16u << 20)
#define CPUS_MAX 65536 /* more than any kernel's; of a damaged line */

/* Jiffies of a line of /proc/stat, as far as wanted. */
struct cpu_time {
	uint64_t total, idle, steal, irq;
};

struct cpu_times {
	struct cpu_time *v; /* by CPU; all 0: off, or not told */
	size_t n, cap;
};

struct host {
	int proc_fd, ksm_fd;
	uint64_t at_ns, ksm, softnet;
	struct cpu_time all;
	struct cpu_times cpus, before;
};

static void host_close(void *src)
{
	struct host *h = src;

	if (h->proc_fd >= 0)
		close(h->proc_fd);
	if (h->ksm_fd >= 0)
		close(h->ksm_fd);
	free(h->cpus.v);
	free(h->before.v);
	free(h);
}

int vnx_host_evidence_open_at(void **src, const char *proc, struct vnx_err *err)
{
	struct host *h = calloc(1, sizeof(*h));
	int ret = 0;

	if (!h)
		return -ENOMEM;
	h->ksm_fd = open("/sys/kernel/mm/ksm/pages_scanned", O_RDONLY | O_CLOEXEC);
	h->proc_fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->proc_fd < 0 || faccessat(h->proc_fd, "stat", R_OK, 0))
		ret = -errno;
	if (ret) {
		host_close(h);
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-proc-stat",
				   "%s/stat cannot be read: %s", proc, strerror(-ret));
	}
	*src = h;
	return 0;
}

static int host_open(void **src, struct vnx_err *err)
{
	return vnx_host_evidence_open_at(src, "/proc", err);
}

/* "cpu3 user nice system idle iowait irq softirq steal ..."; number -1 is the sum of all. */
static bool parse_cpu(const char *line, int *number, struct cpu_time *t)
{
	uint64_t v[8];
	int used = 0;

	if (strncmp(line, "cpu", 3))
		return false;
	*number = -1;
	if (line[3] != ' ' && (sscanf(line + 3, "%d", number) != 1 || *number < 0))
		return false;
	line += strcspn(line, " ");
	for (int i = 0; i < 8; i++) {
		if (sscanf(line, "%" SCNu64 "%n", &v[i], &used) != 1)
			return false;
		line += used;
	}
	*t = (struct cpu_time){ .idle = v[3] + v[4], .steal = v[7], .irq = v[5] + v[6] };
	for (int i = 0; i < 8; i++)
		t->total += v[i];
	return true;
}

static uint64_t ppm(uint64_t part, uint64_t was_part, uint64_t all, uint64_t was_all)
{
	return all > was_all && part > was_part ? (part - was_part) * 1000000 / (all - was_all) : 0;
}

static int emit_all(struct host *h, const struct cpu_time *now, uint64_t now_ns,
		    const struct vnx_readings *out)
{
	const struct cpu_time *was = &h->all;

	if (now->total <= was->total)
		return 0;
	if (vnx_evidence_emit(out, VNX_HOST_IDLE, 0, h->at_ns, now_ns,
			      ppm(now->idle, was->idle, now->total, was->total)))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_HOST_STEAL, 0, h->at_ns, now_ns,
				 ppm(now->steal, was->steal, now->total, was->total));
}

static int emit_irq(struct host *h, const struct vnx_threads *list, uint64_t now_ns,
		    const struct vnx_readings *out)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct vnx_thread *t = &list->v[i];
		const struct cpu_time *now, *was;
		int cpu = t->worker ? vnx_thread_last_cpu(t->tid) : -1;

		if (cpu < 0 || (size_t)cpu >= h->cpus.n || (size_t)cpu >= h->before.n)
			continue;
		now = &h->cpus.v[cpu];
		was = &h->before.v[cpu];
		if (now->total <= was->total || !was->total)
			continue;
		if (vnx_evidence_emit(out, VNX_WORKER_IRQ, t->tid, h->at_ns, now_ns,
				      ppm(now->irq, was->irq, now->total, was->total) *
					      (now_ns - h->at_ns) / 1000000))
			return -ENOMEM;
	}
	return 0;
}

static int read_ksm(struct host *h, uint64_t now_ns, const struct vnx_readings *out)
{
	uint64_t n, was = h->ksm;
	char buf[32];

	if (h->ksm_fd < 0 || vnx_evidence_pread(h->ksm_fd, buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "%" SCNu64, &n) != 1)
		return 0;
	h->ksm = n;
	if (!h->at_ns || n < was)
		return 0;
	return vnx_evidence_emit(out, VNX_KSM_SCANNED, 0, h->at_ns, now_ns, n - was);
}

/*
 * Second number of each CPU's line, in hexadecimal (net/core/net-procfs.c): drops of the queue
 * between a sender on this host (a tap, a veth) and its receiver.
 */
static int read_softnet(struct host *h, uint64_t now_ns, const struct vnx_readings *out)
{
	VNX_CLEANUP_FREE char *text = vnx_proc_read(h->proc_fd, "net/softnet_stat", PROC_MAX, NULL);
	uint64_t sum = 0, was = h->softnet;
	char *save = NULL;
	uint32_t n;

	if (!text)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*x %" SCNx32, &n) == 1)
			sum += n;
	h->softnet = sum;
	if (!h->at_ns || sum < was)
		return 0;
	return vnx_evidence_emit(out, VNX_SOFTNET_DROPS, 0, h->at_ns, now_ns, sum - was);
}

static int note_cpu(struct cpu_times *list, size_t cpu, const struct cpu_time *t)
{
	if (cpu >= CPUS_MAX)
		return 0;
	while (list->n <= cpu)
		if (vnx_vec_push(list, ((struct cpu_time){ 0 })))
			return -ENOMEM;
	list->v[cpu] = *t;
	return 0;
}

static int take_stat(struct host *h, char *text, uint64_t now_ns, const struct vnx_readings *out)
{
	struct cpu_times swap = h->before;
	struct cpu_time t;
	char *save = NULL;
	int cpu;

	h->before = h->cpus;
	h->cpus = swap;
	h->cpus.n = 0;
	for (char *line = strtok_r(text, "\n", &save); line && parse_cpu(line, &cpu, &t);
	     line = strtok_r(NULL, "\n", &save)) {
		if (cpu >= 0 && note_cpu(&h->cpus, (size_t)cpu, &t))
			return -ENOMEM;
		if (cpu >= 0)
			continue;
		if (h->at_ns && emit_all(h, &t, now_ns, out))
			return -ENOMEM;
		h->all = t;
	}
	return 0;
}

static int host_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *text = NULL;
	struct host *h = src;

	if (h->at_ns && scene->now_ns - h->at_ns < VNX_SLOW_READ_NS)
		return 0;
	text = vnx_proc_read(h->proc_fd, "stat", PROC_MAX, NULL);
	if (!text)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "io",
				   "/proc/stat could not be read any more: %s", strerror(errno));
	if (take_stat(h, text, scene->now_ns, out) ||
	    (h->at_ns && emit_irq(h, scene->threads, scene->now_ns, out)) ||
	    read_ksm(h, scene->now_ns, out) || read_softnet(h, scene->now_ns, out))
		return -ENOMEM;
	h->at_ns = scene->now_ns;
	return 0;
}

const struct vnx_source_ops vnx_source_host = {
	.name = "host",
	.summary = "idle and stolen time of the host, interrupts on the workers' CPUs, KSM",
	.metrics = VNX_BIT(VNX_HOST_IDLE) | VNX_BIT(VNX_HOST_STEAL) | VNX_BIT(VNX_WORKER_IRQ) |
		   VNX_BIT(VNX_KSM_SCANNED) | VNX_BIT(VNX_SOFTNET_DROPS),
	.open = host_open,
	.read = host_read,
	.close = host_close,
};
