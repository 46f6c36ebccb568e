// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host as a whole: how idle its CPUs are, what a hypervisor below took of them, what
 * interrupts take on the CPUs that the vhost workers use (proc(5), /proc/stat), and whether
 * KSM is at work.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/evidence/threads.h"

#define MAX_CPUS 4096

/* Jiffies of a line of /proc/stat, as far as wanted. */
struct cpu_time {
	uint64_t total, idle, steal, irq;
};

struct host {
	int stat_fd, ksm_fd, softnet_fd;
	char *buf;
	size_t size;
	uint64_t at_ns, ksm, softnet;
	struct cpu_time all;
	struct cpu_time *cpus, *before; /* MAX_CPUS each */
};

static void host_close(void *src)
{
	struct host *h = src;

	if (h->stat_fd >= 0)
		close(h->stat_fd);
	if (h->ksm_fd >= 0)
		close(h->ksm_fd);
	if (h->softnet_fd >= 0)
		close(h->softnet_fd);
	free(h->buf);
	free(h->cpus);
	free(h->before);
	free(h);
}

static int host_open(void **src, struct vnx_err *err)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->size = 64 << 10;
	h->buf = malloc(h->size);
	h->cpus = calloc(MAX_CPUS, sizeof(*h->cpus));
	h->before = calloc(MAX_CPUS, sizeof(*h->before));
	h->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	h->softnet_fd = open("/proc/net/softnet_stat", O_RDONLY | O_CLOEXEC);
	h->ksm_fd = open("/sys/kernel/mm/ksm/pages_scanned", O_RDONLY | O_CLOEXEC);
	if (!h->buf || !h->cpus || !h->before || h->stat_fd < 0) {
		int ret = h->stat_fd < 0 ? -errno : -ENOMEM;

		host_close(h);
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-proc-stat",
				   "/proc/stat cannot be read: %s", strerror(-ret));
	}
	*src = h;
	return 0;
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

		if (cpu < 0 || cpu >= MAX_CPUS)
			continue;
		now = &h->cpus[cpu];
		was = &h->before[cpu];
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
	uint64_t sum = 0, was = h->softnet;
	char *save = NULL;
	uint32_t n;

	if (h->softnet_fd < 0 || vnx_evidence_pread(h->softnet_fd, h->buf, h->size) <= 0)
		return 0;
	for (char *line = strtok_r(h->buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*x %" SCNx32, &n) == 1)
			sum += n;
	h->softnet = sum;
	if (!h->at_ns || sum < was)
		return 0;
	return vnx_evidence_emit(out, VNX_SOFTNET_DROPS, 0, h->at_ns, now_ns, sum - was);
}

/* The whole of /proc/stat: interrupts of hundreds of CPUs make it long, so the buffer grows. */
static ssize_t read_stat(struct host *h)
{
	ssize_t n;

	while ((n = vnx_evidence_pread(h->stat_fd, h->buf, h->size)) == (ssize_t)h->size - 1) {
		/* What we want stands at the start. */
		if (strstr(h->buf, "\nintr"))
			break;
		free(h->buf);
		h->size *= 2;
		h->buf = malloc(h->size);
		if (!h->buf)
			return -ENOMEM;
	}
	return n;
}

static int host_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err)
{
	struct host *h = src;
	struct cpu_time t, *swap = h->before;
	char *save = NULL;
	ssize_t n;
	int cpu;

	if (h->at_ns && scene->now_ns - h->at_ns < VNX_SLOW_READ_NS)
		return 0;
	n = read_stat(h);
	if (n == -ENOMEM)
		return -ENOMEM;
	if (n <= 0)
		return vnx_err_set(err, n ? (int)n : -EIO, VNX_EXIT_FAILED, "io",
				   "/proc/stat could not be read any more");
	h->before = h->cpus;
	h->cpus = swap;
	memset(h->cpus, 0, MAX_CPUS * sizeof(*h->cpus));
	for (char *line = strtok_r(h->buf, "\n", &save); line && parse_cpu(line, &cpu, &t);
	     line = strtok_r(NULL, "\n", &save)) {
		if (cpu >= 0 && cpu < MAX_CPUS)
			h->cpus[cpu] = t;
		if (cpu >= 0)
			continue;
		if (h->at_ns && emit_all(h, &t, scene->now_ns, out))
			return -ENOMEM;
		h->all = t;
	}
	if ((h->at_ns && emit_irq(h, scene->threads, scene->now_ns, out)) ||
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
