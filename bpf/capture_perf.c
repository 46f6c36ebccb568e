// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting by perf events, one a thread and hook: no BPF, no trace buffer. The kernel only
 * keeps a sum per thread, so a sample covers the time between two reads and not a bin, and
 * a thread is counted from the refresh() that first named it. A function gets one kprobe event
 * of ftrace's, in a group named after our pid, that all threads' counters share: through the
 * kprobe PMU each counter would have a kprobe of its own, and removing hundreds takes seconds.
 */
#include "bpf/capture.h"

#include <linux/perf_event.h>
#include <math.h>
#include <perf/core.h>
#include <perf/evsel.h>
#include <perf/threadmap.h>
#include <tracefs.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/tracefs.h"

#define HOOKS 4
#define KINDS (VNX_KIND(VNX_HOOK_KPROBE) | VNX_KIND(VNX_HOOK_TP))

_Static_assert(VNX_HANDLE_TX == 0 && VNX_VCPU_HALT + 1 == HOOKS, "hooks are indexed by metric");

/* Whose calls a hook can see: not asking the others saves descriptors and probes. */
enum whose { EVERY_THREAD, WORKERS, VCPUS };

struct counter {
	uint32_t tid;
	struct perf_evsel *evsel;
	struct perf_thread_map *threads;
	uint64_t count, read_ns; /* as of the last read */
};

struct source {
	bool attached;
	enum whose whose;
	struct perf_event_attr attr;
	struct tracefs_dynevent *probe; /* NULL: a tracepoint */
	char event[64];                 /* its name */
	uint64_t missed, missed_ns;     /* by it, and when that was told */
	char module[64];                /* of its function, "" : none */
	uint64_t module_base;           /* where it was loaded: a probe dies with its module */
	struct {
		struct counter *v; /* sorted by tid */
		size_t n, cap;
	} counters;
};

struct vnx_capture {
	struct vnx_capture_conf conf;
	struct vnx_kernel kernel;
	struct vnx_hooks hooks;
	unsigned waiting;
	char *tracefs;
	char group[32];
	struct source src[HOOKS];
	uint64_t start_ns, events, lost;
	struct vnx_samples left; /* of counters closed between two reads */
	bool detached;
};

static int silent(enum libperf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static void counter_close(struct counter *c)
{
	if (c->evsel) {
		perf_evsel__close(c->evsel);
		perf_evsel__delete(c->evsel);
	}
	if (c->threads)
		perf_thread_map__put(c->threads);
	*c = (struct counter){ 0 };
}

static int counter_open(struct counter *c, const struct perf_event_attr *attr, uint32_t tid)
{
	struct perf_event_attr copy = *attr;
	pid_t pid = (pid_t)tid;
	int ret = -ENOMEM;

	*c = (struct counter){ .tid = tid };
	c->threads = perf_thread_map__new_array(1, &pid);
	c->evsel = c->threads ? perf_evsel__new(&copy) : NULL;
	if (c->evsel) {
		c->read_ns = vnx_clock_mono();
		ret = perf_evsel__open(c->evsel, NULL, c->threads);
	}
	if (ret)
		counter_close(c);
	return ret;
}

static int count_event(struct vnx_capture *cap, struct source *src, const char *system,
		       const char *name, char why[VNX_WHY_LEN])
{
	int id = vnx_tracefs_event_id(cap->tracefs, system, name);

	if (id < 0) {
		snprintf(why, VNX_WHY_LEN, "its number cannot be read: %s", strerror(-id));
		return id;
	}
	src->attr.type = PERF_TYPE_TRACEPOINT;
	src->attr.config = (uint64_t)id;
	return 0;
}

static int set_probe(struct vnx_capture *cap, struct source *src, enum vnx_metric metric,
		     const struct vnx_candidate *cand, const struct vnx_hook_spec *spec,
		     char why[VNX_WHY_LEN])
{
	const struct vnx_symbol *sym;
	int ret = vnx_kernel_kprobe_pmu(why);

	if (ret < 0)
		return ret;
	ret = vnx_kernel_check_function(&cap->kernel, cand, spec->name, &sym, why);
	if (ret)
		return ret;
	snprintf(src->event, sizeof(src->event), "%s_p%d", vnx_metric_name(metric), getpid());
	ret = vnx_tracefs_probe(cap->group, src->event, sym, spec->name, &src->probe);
	if (ret) {
		snprintf(why, VNX_WHY_LEN, "the kernel refuses a probe there: %s", strerror(-ret));
		return ret;
	}
	src->missed_ns = vnx_clock_mono();
	memcpy(src->module, sym->module, sizeof(src->module));
	src->module_base = vnx_kernel_module_base(&cap->kernel, sym->module);
	return count_event(cap, src, cap->group, src->event, why);
}

static int set_tracepoint(struct vnx_capture *cap, struct source *src,
			  const struct vnx_candidate *cand, const struct vnx_hook_spec *spec,
			  char why[VNX_WHY_LEN])
{
	struct vnx_hook_spec tp = *spec;
	int ret = vnx_tracefs_resolve(cap->tracefs, &cap->kernel, cand, &tp, why);

	return ret ? ret : count_event(cap, src, tp.system, tp.name, why);
}

/* With its counters; they are not read once more. */
static void drop_source(struct source *src)
{
	for (size_t i = 0; i < src->counters.n; i++)
		counter_close(&src->counters.v[i]);
	free(src->counters.v);
	if (src->probe) {
		tracefs_dynevent_destroy(src->probe, false);
		tracefs_dynevent_free(src->probe);
	}
	*src = (struct source){ 0 };
}

static int attach_candidate(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
			    const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct vnx_capture *cap = arg;
	struct source src = { .attr.size = sizeof(src.attr) };
	struct counter trial;
	int ret;

	if (spec->kind == VNX_HOOK_FENTRY) {
		snprintf(why, VNX_WHY_LEN, "only BPF programs hang there: use kprobe:%s",
			 spec->name);
		return -EOPNOTSUPP;
	}
	ret = spec->kind == VNX_HOOK_KPROBE ? set_probe(cap, &src, metric, cand, spec, why)
					    : set_tracepoint(cap, &src, cand, spec, why);
	if (!ret) {
		ret = counter_open(&trial, &src.attr, (uint32_t)getpid());
		if (ret)
			snprintf(why, VNX_WHY_LEN, "the kernel refuses to count it: %s",
				 strerror(-ret));
		else
			counter_close(&trial);
		ret = ret == -EAGAIN ? -EBUSY : ret;
	}
	if (ret) {
		drop_source(&src);
		return ret;
	}
	/* Only of the ladder's own hooks is it known whose threads run them. */
	src.whose = !cand->module ? EVERY_THREAD : metric <= VNX_HANDLE_RX ? WORKERS : VCPUS;
	src.attached = true;
	cap->src[metric] = src;
	return 0;
}

static bool is_worker(uint32_t tid)
{
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	char path[64], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	f = fopen(path, "re");
	return f && fgets(comm, sizeof(comm), f) && !strncmp(comm, "vhost-", 6);
}

static struct counter *find_counter(const struct source *src, uint32_t tid, size_t *at)
{
	size_t lo = 0, hi = src->counters.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (src->counters.v[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return lo < src->counters.n && src->counters.v[lo].tid == tid ? &src->counters.v[lo] : NULL;
}

static int track(struct source *src, uint32_t tid)
{
	struct counter c;
	size_t at;
	int ret;

	if (find_counter(src, tid, &at))
		return 0;
	if (src->whose != EVERY_THREAD && is_worker(tid) != (src->whose == WORKERS))
		return 0;
	ret = counter_open(&c, &src->attr, tid);
	if (ret)
		return ret == -ESRCH ? 0 : ret; /* gone since it was listed */
	if (vnx_vec_push(&src->counters, c)) {
		counter_close(&c);
		return -ENOMEM;
	}
	memmove(&src->counters.v[at + 1], &src->counters.v[at],
		(src->counters.n - 1 - at) * sizeof(c));
	src->counters.v[at] = c;
	return 0;
}

static int read_counter(struct vnx_capture *cap, enum vnx_metric metric, struct counter *c,
			struct vnx_samples *out)
{
	struct perf_counts_values now = { 0 };
	struct vnx_sample s;
	uint64_t t_ns;
	int ret = perf_evsel__read(c->evsel, 0, 0, &now);

	t_ns = vnx_clock_mono();
	if (ret)
		return ret;
	s = (struct vnx_sample){ .t_ns = c->read_ns,
				 .dur_ns = t_ns - c->read_ns,
				 .count = now.val - c->count,
				 .entity = c->tid,
				 .metric = metric };
	if (s.count && vnx_vec_push(out, s))
		return -ENOMEM;
	cap->events += s.count;
	c->count = now.val;
	c->read_ns = t_ns;
	return 0;
}

/* A counter outlives its thread until it is read once more. */
static int read_source(struct vnx_capture *cap, enum vnx_metric metric, struct vnx_samples *out)
{
	struct source *src = &cap->src[metric];
	size_t kept = 0;
	int ret = 0;

	for (size_t i = 0; i < src->counters.n; i++) {
		struct counter c = src->counters.v[i];
		bool gone = vnx_kernel_thread_gone(c.tid);

		if (!ret)
			ret = read_counter(cap, metric, &c, out);
		if (gone && !ret)
			counter_close(&c);
		else
			src->counters.v[kept++] = c;
	}
	src->counters.n = kept;
	return ret;
}

/* Counters whose module went away count no more: they are read once more and closed. */
static int drop_orphans(struct vnx_capture *cap)
{
	for (size_t i = 0; i < cap->hooks.n; i++) {
		struct vnx_hook *hook = &cap->hooks.v[i];
		struct source *src = &cap->src[hook->metric];
		int ret;

		if (!src->attached || !src->module[0] ||
		    vnx_kernel_module_base(&cap->kernel, src->module) == src->module_base)
			continue;
		ret = read_source(cap, hook->metric, &cap->left);
		if (ret)
			return ret;
		drop_source(src);
		hook->hook[0] = '\0';
		hook->until_ns = vnx_clock_mono();
		cap->waiting++;
	}
	return 0;
}

static int reattach(struct vnx_capture *cap, struct vnx_err *err)
{
	int ret = drop_orphans(cap);

	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "perf-read",
				   "a perf counter cannot be read: %s", strerror(-ret));
	return cap->waiting ? vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate,
						cap, &cap->waiting, err)
			    : 0;
}

static int perf_distrust(struct vnx_capture *cap, enum vnx_metric metric, const char *why,
			 struct vnx_err *err)
{
	drop_source(&cap->src[metric]);
	if (vnx_hooks_distrust(&cap->hooks, metric, why))
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				 &cap->waiting, err);
}

static int perf_refresh(struct vnx_capture *cap, const uint32_t *tids, size_t n_tids,
			struct vnx_err *err)
{
	int ret = 0;

	if (cap->detached)
		return 0;
	if (vnx_kernel_refresh(&cap->kernel) > 0)
		ret = reattach(cap, err);
	for (int m = 0; m < HOOKS && !ret; m++)
		for (size_t i = 0; i < n_tids && cap->src[m].attached && !ret; i++)
			ret = track(&cap->src[m], tids[i]);
	if (ret == -EMFILE)
		vnx_err_hint(err, "Raise the limit of open files (ulimit -n) or use --backend bpf");
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "perf-open",
			    "a thread cannot be counted: %s", strerror(-ret));
	return ret;
}

static int emit_missed(struct vnx_capture *cap, enum vnx_metric metric, struct vnx_samples *out)
{
	struct source *src = &cap->src[metric];
	struct vnx_sample s = { .t_ns = src->missed_ns,
				.entity = VNX_REFUSED_OF(metric),
				.metric = VNX_LOST };
	uint64_t missed;

	if (!src->probe || vnx_tracefs_missed(cap->tracefs, src->event, &missed))
		return 0;
	src->missed_ns = vnx_clock_mono();
	s.dur_ns = src->missed_ns - s.t_ns;
	s.count = missed - src->missed;
	src->missed = missed;
	cap->lost += s.count;
	return s.count ? vnx_vec_push(out, s) : 0;
}

static int perf_read(struct vnx_capture *cap, struct vnx_samples *out, bool final,
		     struct vnx_err *err)
{
	for (; cap->left.n; cap->left.n--)
		if (vnx_vec_push(out, cap->left.v[cap->left.n - 1]))
			return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory",
					   "out of memory");
	for (int m = 0; m < HOOKS; m++) {
		int ret = read_source(cap, (enum vnx_metric)m, out);

		if (!ret)
			ret = emit_missed(cap, (enum vnx_metric)m, out);
		if (ret)
			return vnx_err_set(err, ret, VNX_EXIT_FAILED, "perf-read",
					   "a perf counter cannot be read: %s", strerror(-ret));
	}
	return 0;
}

static int perf_detach(struct vnx_capture *cap, struct vnx_err *err)
{
	for (int m = 0; m < HOOKS; m++) {
		for (size_t i = 0; i < cap->src[m].counters.n; i++)
			perf_evsel__disable(cap->src[m].counters.v[i].evsel);
		vnx_hooks_end(&cap->hooks, (enum vnx_metric)m);
	}
	cap->detached = true;
	return 0;
}

static void perf_close(struct vnx_capture *cap)
{
	if (!cap)
		return;
	for (int m = 0; m < HOOKS; m++)
		drop_source(&cap->src[m]);
	vnx_hooks_fini(&cap->hooks);
	vnx_kernel_fini(&cap->kernel);
	vnx_capture_conf_fini(&cap->conf);
	free(cap->left.v);
	free(cap->tracefs);
	free(cap);
}

static int set_up(struct vnx_capture *cap, struct vnx_err *err)
{
	int ret = vnx_tracefs_open(&cap->tracefs, err);

	if (ret)
		return ret;
	ret = vnx_kernel_load(&cap->kernel, &cap->conf);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-symbols",
				   "the kernel's symbols cannot be read: %s", strerror(-ret));
	vnx_tracefs_clean();
	snprintf(cap->group, sizeof(cap->group), VNX_GROUP_FMT "_p", getpid());
	cap->start_ns = vnx_clock_mono();
	ret = vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				&cap->waiting, err);
	if (ret || cap->waiting || cap->conf.keep_empty)
		return ret;
	return vnx_hooks_need(&cap->hooks, "perf", err);
}

static int perf_open(struct vnx_capture **out, const struct vnx_capture_conf *conf,
		     struct vnx_err *err)
{
	struct vnx_capture *cap = calloc(1, sizeof(*cap));
	int ret;

	*out = NULL;
	if (!cap)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	libperf_init(silent);
	ret = vnx_capture_conf_copy(&cap->conf, conf);
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	else
		ret = set_up(cap, err);
	if (ret)
		perf_close(cap);
	else
		*out = cap;
	return ret;
}

static int perf_probe(struct vnx_err *err)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };
	struct counter c;
	char *tracefs = NULL;
	int ret;

	libperf_init(silent);
	ret = counter_open(&c, &attr, 1);
	if (ret) {
		vnx_err_hint(err, "Run as root, or with CAP_PERFMON and kernel.perf_event_paranoid "
				  "at most 1");
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED,
				   ret == -EACCES || ret == -EPERM ? "no-privilege" : "no-perf",
				   "perf events cannot be used: %s", strerror(-ret));
	}
	counter_close(&c);
	ret = vnx_tracefs_open(&tracefs, err);
	free(tracefs);
	return ret;
}

static uint64_t perf_start_ns(const struct vnx_capture *cap)
{
	return cap->start_ns;
}

static struct vnx_hooks *perf_hooks(struct vnx_capture *cap)
{
	return &cap->hooks;
}

static void perf_stats(const struct vnx_capture *cap, struct vnx_capture_stats *out)
{
	*out = (struct vnx_capture_stats){ .events = cap->events + cap->lost,
					   .lost = cap->lost,
					   .ns_per_event = NAN };
}

const struct vnx_capture_ops vnx_capture_perf = {
	.name = "perf",
	.summary = "perf events count per thread; bins are those of the reads",
	.listed_only = true,
	.probe = perf_probe,
	.open = perf_open,
	.refresh = perf_refresh,
	.read = perf_read,
	.start_ns = perf_start_ns,
	.hooks = perf_hooks,
	.distrust = perf_distrust,
	.stats = perf_stats,
	.detach = perf_detach,
	.close = perf_close,
};
