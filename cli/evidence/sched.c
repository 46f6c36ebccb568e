// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the threads of the VMs ran, and how long they could run and had no CPU: the
 * scheduler's own account, /proc/TID/schedstat (Documentation/scheduler/sched-stats.rst: ns
 * run, ns waited, times run). It costs the scheduler nothing more and us one read a thread and
 * bin. Beside it, where the worker may run at all.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/base/cpus.h"
#include "cli/evidence/threads.h"

/*
 * The account of a wait is made when it ends. A thread whose account stands still either sleeps
 * or waits: only later is known which, so its stretch grows until then, up to this. What of a
 * wait is longer than its stretch began in the stretch before, where the thread had run first,
 * and is told of that, as far as there is room beside what was told.
 */
#define UNDECIDED_MAX_NS (3 * VNX_NSEC_PER_SEC)

/* Of one thread. */
struct account {
	int fd; /* of its schedstat; only where opened */
	bool opened;
	uint64_t at_ns;     /* when the numbers below were read, 0: not yet */
	uint64_t run, wait; /* ns */
	uint64_t turns;
	uint64_t before_ns; /* where the stretch before at_ns began, and what of it was neither */
	uint64_t room_ns;   /* run nor waited; the first stretch has none: its bin is not whole */
	uint64_t places_ns; /* when its CPUs were looked at, 0: not yet */
};

struct sched {
	struct vnx_thread_records accounts;
	struct vnx_cpus worker, vcpu; /* of those being looked at */
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
	s->accounts.size = sizeof(struct account);
	s->one_cpu = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	*src = s;
	return 0;
}

static bool open_schedstat(struct account *a, uint32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/schedstat", tid);
	a->fd = open(path, O_RDONLY | O_CLOEXEC);
	return a->opened = a->fd >= 0;
}

static void close_account(struct account *a)
{
	if (a->opened)
		close(a->fd);
	a->opened = false;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t grown(uint64_t was, uint64_t is)
{
	return is > was ? is - was : 0;
}

/*
 * From one reading, @was, to the next, @is. What is over the stretch, and no wait from before, is
 * the lateness of the scheduler's own account.
 */
static int emit_account(const struct vnx_readings *out, const struct vnx_thread *t,
			const struct account *was, struct account *is)
{
	enum vnx_metric waits = t->worker ? VNX_VHOST_RUNQ_WAIT : VNX_VCPU_RUNQ_WAIT;
	uint64_t from_ns = was->at_ns, now_ns = is->at_ns, length_ns = now_ns - from_ns;
	uint64_t run_ns = least(grown(was->run, is->run), length_ns);
	uint64_t waited_ns = grown(was->wait, is->wait);
	uint64_t here_ns = least(waited_ns, length_ns - run_ns);
	uint64_t before_ns = least(waited_ns - here_ns, was->room_ns);

	if (vnx_evidence_emit(out, t->worker ? VNX_VHOST_RUN : VNX_VCPU_RUN, t->tid, from_ns,
			      now_ns, run_ns) ||
	    vnx_evidence_emit(out, waits, t->tid, from_ns, now_ns, here_ns) ||
	    (before_ns &&
	     vnx_evidence_emit(out, waits, t->tid, was->before_ns, from_ns, before_ns)))
		return -ENOMEM;
	is->before_ns = from_ns;
	is->room_ns = was->before_ns ? length_ns - run_ns - here_ns : 0;
	/* The mean way of a kick through the worker: wait for the CPU, then work until all is done.
	 */
	if (!t->worker || is->turns <= was->turns)
		return 0;
	return vnx_evidence_emit(out, VNX_VHOST_TURN, t->tid, from_ns, now_ns,
				 (grown(was->run, is->run) + waited_ns) / 1000 /
					 (is->turns - was->turns));
}

static int read_thread(const struct vnx_thread *t, struct account *a, uint64_t now_ns,
		       const struct vnx_readings *out)
{
	struct account was, is = { .at_ns = now_ns };
	char buf[96];

	if (!a->opened && !open_schedstat(a, t->tid))
		return 0;
	was = *a;
	if (vnx_evidence_pread(a->fd, buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "%" SCNu64 " %" SCNu64 " %" SCNu64, &is.run, &is.wait, &is.turns) != 3)
		return 0;
	if (was.at_ns && is.run == was.run && is.wait == was.wait &&
	    now_ns - was.at_ns < UNDECIDED_MAX_NS)
		return 0;
	is.fd = was.fd;
	is.opened = true;
	is.places_ns = was.places_ns;
	*a = is;
	return was.at_ns ? emit_account(out, t, &was, a) : 0;
}

/* Which CPUs may the worker use, and is that the one its own vCPU is bound to? */
static int read_places(struct sched *s, const struct vnx_threads *list, size_t at,
		       struct account *a, uint64_t now_ns, const struct vnx_readings *out)
{
	const struct vnx_thread *t = &list->v[at];
	uint64_t from_ns = a->places_ns;
	size_t end, i = vnx_threads_vm(list, at, &end);
	bool with = false;
	unsigned n;

	a->places_ns = now_ns;
	if (!from_ns || vnx_cpus_read(&s->worker, t->tid))
		return 0;
	n = vnx_cpus_count(&s->worker);
	for (; n == 1 && i < end && !with; i++)
		with = !list->v[i].worker && !vnx_cpus_read(&s->vcpu, list->v[i].tid) &&
		       vnx_cpus_equal(&s->vcpu, &s->worker);
	if (vnx_evidence_emit(out, VNX_VHOST_CPUS, t->tid, from_ns, now_ns, (uint64_t)n))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_VHOST_WITH_VCPU, t->tid, from_ns, now_ns, with);
}

/* Of threads that are gone. */
static int forget_gone(struct sched *s, const struct vnx_threads *list)
{
	for (size_t i = 0; i < list->gone.n; i++)
		if (list->gone.v[i] < s->accounts.n)
			close_account(vnx_thread_record(&s->accounts, list->gone.v[i]));
	return vnx_thread_records_sync(&s->accounts, list);
}

static int sched_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		      struct vnx_err *err)
{
	const struct vnx_threads *list = scene->threads;
	struct sched *s = src;

	if (forget_gone(s, list))
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct vnx_thread *t = &list->v[i];
		struct account *a = vnx_thread_record(&s->accounts, t->place);

		if (read_thread(t, a, scene->now_ns, out) ||
		    (t->worker && !s->one_cpu && read_places(s, list, i, a, scene->now_ns, out)))
			return -ENOMEM;
	}
	return 0;
}

static void sched_close(void *src)
{
	struct sched *s = src;

	for (uint32_t i = 0; i < s->accounts.n; i++)
		close_account(vnx_thread_record(&s->accounts, i));
	free(s->accounts.v);
	vnx_cpus_fini(&s->worker);
	vnx_cpus_fini(&s->vcpu);
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
