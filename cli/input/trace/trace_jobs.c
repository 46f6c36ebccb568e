// SPDX-License-Identifier: GPL-2.0-only
/* Decoding on all CPUs, and the line that says how far it is. */
#include <pthread.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/base/cpus.h"
#include "cli/input/trace/trace_internal.h"

#define WORKERS_MAX 16
#define QUIET_NS (2 * VNX_NSEC_PER_SEC) /* what is over sooner needs no progress */
#define REDRAW_NS (VNX_NSEC_PER_SEC / 5)
#define PLAIN_EVERY_NS (10 * VNX_NSEC_PER_SEC)

struct pool {
	int (*fn)(void *arg, size_t job, unsigned worker);
	void *arg;
	size_t n;
	_Atomic size_t next;
	_Atomic int error;
};

struct worker {
	struct pool *pool;
	unsigned number;
	pthread_t thread;
};

unsigned vnx_trace_workers(size_t n)
{
	struct vnx_cpus usable = { 0 };
	unsigned cpus = vnx_cpus_read(&usable, 0) ? 1 : vnx_cpus_count(&usable);

	vnx_cpus_fini(&usable);
	if (cpus > WORKERS_MAX)
		cpus = WORKERS_MAX;
	return n < cpus ? (n ? (unsigned)n : 1) : cpus;
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct pool *p = w->pool;
	size_t job;

	while (!p->error && (job = p->next++) < p->n) {
		int ret = p->fn(p->arg, job, w->number), none = 0;

		if (ret)
			atomic_compare_exchange_strong(&p->error, &none, ret);
	}
	return NULL;
}

int vnx_trace_jobs(size_t n, unsigned workers, int (*fn)(void *arg, size_t job, unsigned worker),
		   void *arg)
{
	struct pool pool = { .fn = fn, .arg = arg, .n = n };
	struct worker w[WORKERS_MAX];
	unsigned started = 1;

	for (unsigned i = 0; i < workers && i < WORKERS_MAX; i++)
		w[i] = (struct worker){ .pool = &pool, .number = i };
	/* A thread that cannot be had is one less: the caller's own does all if need be. */
	while (started < workers && started < WORKERS_MAX &&
	       !pthread_create(&w[started].thread, NULL, work, &w[started]))
		started++;
	work(&w[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(w[i].thread, NULL);
	return pool.error;
}

static void show(struct vnx_trace *t, uint64_t now_ns)
{
	double elapsed_s = (double)(now_ns - t->begun_ns) / VNX_NSEC_PER_SEC;
	double rate = (double)t->done / elapsed_s;
	bool terminal = isatty(STDERR_FILENO);
	char left[64] = "";

	if (now_ns - t->shown_ns < (terminal ? REDRAW_NS : PLAIN_EVERY_NS))
		return;
	t->shown_ns = now_ns;
	if (t->in->size > t->done)
		snprintf(left, sizeof(left), " of %.0f MB, %.0f s left", (double)t->in->size / 1e6,
			 (double)(t->in->size - t->done) / rate);
	fprintf(stderr, "%sreading %s: %.0f MB%s, %.0f MB/s%s", terminal ? "\r\033[K" : "",
		t->in->path, (double)t->done / 1e6, left, rate / 1e6, terminal ? "" : "\n");
	t->shown = terminal;
}

void vnx_trace_progress(struct vnx_trace *t, uint64_t bytes)
{
	uint64_t now_ns;

	pthread_mutex_lock(&t->lock);
	t->done += bytes;
	if (!t->conf->quiet) {
		now_ns = vnx_clock_mono();
		if (now_ns - t->begun_ns > QUIET_NS)
			show(t, now_ns);
	}
	pthread_mutex_unlock(&t->lock);
}

void vnx_trace_progress_end(struct vnx_trace *t)
{
	if (t->shown)
		fputs("\r\033[K", stderr);
	t->shown = false;
}
