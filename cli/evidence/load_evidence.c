// SPDX-License-Identifier: GPL-2.0-only
/*
 * The load generator's processes on this host: how long they ran, waited for a CPU and were
 * stopped. Sums over their threads, one sample a reading with entity 0: of several threads the
 * series goes over 1.
 *
 * The account of a wait is made when it ends (see sched.c). A thread whose account stood still
 * over a whole stretch and which can run has waited all of it: that is told at once and taken
 * off the account when it comes.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/evidence/load_procs.h"
#include "cli/evidence/threads.h"

#define MAX_THREADS 1024

struct load_thread {
	uint32_t pid, tid;
	bool seen;
	bool known;             /* the account below was read */
	uint64_t run, wait;     /* of schedstat, ns */
	uint64_t moved_ns;      /* since when the account stands still */
	uint64_t told_ns;       /* waited in advance of the account */
	uint64_t d_run, d_wait; /* of this stretch */
};

struct load {
	struct vnx_load_procs procs;
	uint64_t at_ns; /* last reading, 0: none */
	struct load_thread *v;
	size_t n, cap;
};

static void load_close(void *src)
{
	struct load *l = src;

	vnx_load_procs_fini(&l->procs);
	free(l->v);
	free(l);
}

static int load_open(void **src, struct vnx_err *err)
{
	if (access("/proc/self/schedstat", R_OK))
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-schedstat",
				   "this kernel keeps no account of waiting for a CPU "
				   "(CONFIG_SCHED_INFO)");
	*src = calloc(1, sizeof(struct load));
	return *src ? 0 : -ENOMEM;
}

static int note_thread(struct load *l, size_t known, uint32_t pid, uint32_t tid)
{
	struct load_thread t = { .pid = pid, .tid = tid, .seen = true };

	for (size_t i = 0; i < known; i++)
		if (l->v[i].tid == tid && l->v[i].pid == pid) {
			l->v[i].seen = true;
			return 0;
		}
	return l->n < MAX_THREADS ? vnx_vec_push(l, t) : 0;
}

static int list_threads(struct load *l, size_t known, uint32_t pid)
{
	struct vnx_proc_entries tasks = { 0 };
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	ret = vnx_proc_list(AT_FDCWD, path, &tasks) == -ENOMEM ? -ENOMEM : 0;
	for (size_t i = 0; i < tasks.n && !ret; i++)
		ret = note_thread(l, known, pid, tasks.v[i].id);
	free(tasks.v);
	return ret;
}

static int sync_threads(struct load *l)
{
	size_t known = l->n, kept = 0;
	int ret = 0;

	for (size_t i = 0; i < known; i++)
		l->v[i].seen = false;
	for (size_t i = 0; i < l->procs.n && !ret; i++)
		ret = list_threads(l, known, l->procs.v[i].pid);
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].seen)
			l->v[kept++] = l->v[i];
	l->n = kept;
	return ret;
}

static bool can_run(const struct load_thread *t)
{
	struct vnx_proc_stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32, t->pid, t->tid);
	return !vnx_proc_stat(AT_FDCWD, path, &st) && st.state == 'R';
}

static bool read_schedstat(const struct load_thread *t, uint64_t *run, uint64_t *wait)
{
	VNX_CLEANUP_CLOSE int fd = -1;
	char path[96], buf[96];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/schedstat", t->pid,
		 t->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && vnx_evidence_pread(fd, buf, sizeof(buf)) > 0 &&
	       sscanf(buf, "%" SCNu64 " %" SCNu64, run, wait) == 2;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A zombie's account can still be read. */
static bool lives(const struct load *l, uint32_t pid)
{
	for (size_t i = 0; i < l->procs.n; i++)
		if (l->procs.v[i].pid == pid)
			return true;
	return false;
}

/*
 * A thread that came since the last look has its whole account in this stretch, as far as it
 * fits in. false: it is gone.
 */
static bool read_thread(struct load_thread *t, uint64_t from_ns, uint64_t now_ns)
{
	uint64_t run, wait, d_wait, all = now_ns - from_ns;

	t->d_run = t->d_wait = 0;
	if (!read_schedstat(t, &run, &wait))
		return false;
	if (t->known && run == t->run && wait == t->wait) {
		if (can_run(t)) {
			t->d_wait = all;
			t->told_ns += all;
		}
		return true;
	}
	d_wait = wait > t->wait ? wait - t->wait : 0;
	d_wait = d_wait > t->told_ns ? d_wait - t->told_ns : 0;
	t->d_run = least(run > t->run ? run - t->run : 0, all);
	t->d_wait = least(d_wait, t->known ? now_ns - t->moved_ns : all - t->d_run);
	t->told_ns = 0;
	t->known = true;
	t->run = run;
	t->wait = wait;
	t->moved_ns = now_ns;
	return true;
}

/* Run time of the process's busiest thread in this stretch. */
static uint64_t busiest_ns(const struct load *l, uint32_t pid)
{
	uint64_t most = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pid == pid && l->v[i].d_run > most)
			most = l->v[i].d_run;
	return most;
}

/*
 * The state is seen at the readings alone: stopped at both is stopped all the stretch, at one
 * is half of it; but not while it ran. Mean over the processes that have a socket to the
 * network, where there is any.
 */
static uint64_t stopped_ns(const struct load *l, uint64_t all_ns)
{
	uint64_t sum = 0, n = 0;
	bool any = false;

	for (size_t i = 0; i < l->procs.n; i++)
		any |= l->procs.v[i].talks;
	for (size_t i = 0; i < l->procs.n; i++) {
		const struct vnx_load_proc *p = &l->procs.v[i];
		unsigned ends = (unsigned)p->was_stopped + vnx_load_proc_stopped(p);

		if (any && !p->talks)
			continue;
		sum += least(all_ns * ends / 2, all_ns - busiest_ns(l, p->pid));
		n++;
	}
	return n ? sum / n : 0;
}

static int emit(const struct load *l, uint64_t now_ns, const struct vnx_readings *out)
{
	uint64_t run = 0, wait = 0;

	for (size_t i = 0; i < l->n; i++) {
		run += l->v[i].d_run;
		wait += l->v[i].d_wait;
	}
	if (vnx_evidence_emit(out, VNX_LOAD_RUN, 0, l->at_ns, now_ns, run) ||
	    vnx_evidence_emit(out, VNX_LOAD_WAIT, 0, l->at_ns, now_ns, wait))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_LOAD_STOPPED, 0, l->at_ns, now_ns,
				 stopped_ns(l, now_ns - l->at_ns));
}

static int load_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err)
{
	struct load *l = src;
	uint64_t now_ns = scene->now_ns;
	size_t kept = 0;

	if (scene->load_pid != l->procs.leader)
		l->n = l->at_ns = 0;
	if (vnx_load_procs_sync(&l->procs, scene->load_pid, now_ns))
		return -ENOMEM;
	if (l->procs.looked && sync_threads(l))
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		if (lives(l, l->v[i].pid) && read_thread(&l->v[i], l->at_ns, now_ns))
			l->v[kept++] = l->v[i];
	l->n = kept;
	if (l->at_ns && l->at_ns < now_ns && kept && emit(l, now_ns, out))
		return -ENOMEM;
	l->at_ns = scene->load_pid ? now_ns : 0;
	return 0;
}

const struct vnx_source_ops vnx_source_load = {
	.name = "load",
	.summary = "how long the load generator's processes here ran, waited for a CPU or were "
		   "stopped",
	.metrics = VNX_BIT(VNX_LOAD_RUN) | VNX_BIT(VNX_LOAD_WAIT) | VNX_BIT(VNX_LOAD_STOPPED),
	.open = load_open,
	.read = load_read,
	.close = load_close,
};
