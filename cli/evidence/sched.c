// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the threads of the VMs ran, and how long they could run and had no CPU: the
 * scheduler's own account, /proc/TID/schedstat (Documentation/scheduler/sched-stats.rst: ns
 * run, ns waited, times run). It costs the scheduler nothing more and us one read a thread and
 * bin. Beside it, where the worker may run at all.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <unistd.h>

#include "cli/evidence/threads.h"

/*
 * The account of a wait is made when it ends. A thread whose account stands still either sleeps
 * or waits: only later is known which, so its stretch grows until then, up to this.
 */
#define UNDECIDED_MAX_NS (3 * VNX_NSEC_PER_SEC)

struct sched {
	struct vnx_threads threads;
	bool one_cpu; /* in the whole host: where all share it, nobody is bound to it */
};

static int sched_open(void **src, struct vnx_err *err)
{
	struct sched *s;

	if (access("/proc/self/schedstat", R_OK))
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-schedstat",
				   "this kernel keeps no account of waiting for a CPU "
				   "(CONFIG_SCHED_INFO)");
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->one_cpu = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	*src = s;
	return 0;
}

static int open_schedstat(struct vnx_thread *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/schedstat", t->tid);
	t->fd = open(path, O_RDONLY | O_CLOEXEC);
	return t->fd < 0 ? -errno : 0;
}

/* What is over or under the stretch is the lateness of the scheduler's own account. */
static int emit_share(const struct vnx_readings *out, enum vnx_metric metric,
		      const struct vnx_thread *t, uint64_t now_ns, uint64_t was, uint64_t is)
{
	uint64_t ns = is > was ? is - was : 0, most = now_ns - t->at_ns;

	return vnx_evidence_emit(out, metric, t->tid, t->at_ns, now_ns, ns < most ? ns : most);
}

static int read_thread(struct vnx_thread *t, uint64_t now_ns, const struct vnx_readings *out)
{
	uint64_t run, wait, turns;
	char buf[96];
	int err = 0;

	if (t->fd < 0 && open_schedstat(t))
		return 0;
	if (vnx_evidence_pread(t->fd, buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "%" SCNu64 " %" SCNu64 " %" SCNu64, &run, &wait, &turns) != 3)
		return 0;
	if (t->at_ns && run == t->a && wait == t->b && now_ns - t->at_ns < UNDECIDED_MAX_NS)
		return 0;
	if (t->at_ns)
		err = emit_share(out, t->worker ? VNX_VHOST_RUN : VNX_VCPU_RUN, t, now_ns, t->a,
				 run);
	if (t->at_ns && !err)
		err = emit_share(out, t->worker ? VNX_VHOST_RUNQ_WAIT : VNX_VCPU_RUNQ_WAIT, t,
				 now_ns, t->b, wait);
	/* The mean way of a kick through the worker: wait for the CPU, then work until all is done.
	 */
	if (t->at_ns && !err && t->worker && (uint32_t)turns != t->group)
		err = vnx_evidence_emit(out, VNX_VHOST_TURN, t->tid, t->at_ns, now_ns,
					(run - t->a + wait - t->b) / 1000 /
						((uint32_t)turns - t->group));
	t->a = run;
	t->b = wait;
	t->group = (uint32_t)turns;
	t->at_ns = now_ns;
	return err;
}

/* Which CPUs may the worker use, and is that the one its own vCPU is bound to? */
static int read_places(const struct sched *s, struct vnx_thread *t, uint64_t now_ns,
		       const struct vnx_readings *out)
{
	const struct vnx_threads *list = &s->threads;
	uint64_t from_ns = t->other_ns;
	cpu_set_t worker, vcpu;
	bool with = false;
	int n;

	t->other_ns = now_ns;
	if (!t->worker || !from_ns || sched_getaffinity((pid_t)t->tid, sizeof(worker), &worker))
		return 0;
	if (s->one_cpu)
		return 0;
	n = CPU_COUNT(&worker);
	for (size_t i = 0; n == 1 && i < list->n && !with; i++)
		with = !list->v[i].worker && list->v[i].vm_pid == t->vm_pid &&
		       !sched_getaffinity((pid_t)list->v[i].tid, sizeof(vcpu), &vcpu) &&
		       CPU_EQUAL(&vcpu, &worker);
	if (vnx_evidence_emit(out, VNX_VHOST_CPUS, t->tid, from_ns, now_ns, (uint64_t)n))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_VHOST_WITH_VCPU, t->tid, from_ns, now_ns, with);
}

static int sched_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		      struct vnx_err *err)
{
	struct sched *s = src;

	if (vnx_threads_sync(&s->threads, scene->vms))
		return -ENOMEM;
	for (size_t i = 0; i < s->threads.n; i++) {
		struct vnx_thread *t = &s->threads.v[i];

		if (read_thread(t, scene->now_ns, out) || read_places(s, t, scene->now_ns, out))
			return -ENOMEM;
	}
	return 0;
}

static void sched_close(void *src)
{
	struct sched *s = src;

	vnx_threads_fini(&s->threads);
	free(s);
}

const struct vnx_source_ops vnx_source_sched = {
	.name = "sched",
	.summary =
		"how long vhost workers and vCPUs ran and waited for a CPU, and where they may run",
	.metrics = VNX_BIT(VNX_VHOST_RUN) | VNX_BIT(VNX_VHOST_RUNQ_WAIT) | VNX_BIT(VNX_VCPU_RUN) |
		   VNX_BIT(VNX_VCPU_RUNQ_WAIT) | VNX_BIT(VNX_VHOST_CPUS) |
		   VNX_BIT(VNX_VHOST_WITH_VCPU) | VNX_BIT(VNX_VHOST_TURN),
	.open = sched_open,
	.read = sched_read,
	.close = sched_close,
};
