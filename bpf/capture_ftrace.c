// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting by ftrace's histograms: the kernel adds up per thread and time bin, no event is
 * recorded and no BPF needed. Everything is in two instances of our own, and probes are in
 * a group of our own, both named after our pid: a later run removes what a kill left.
 *
 * A histogram holds so many rows and is never cleared while it counts, as that would lose
 * what comes between reading and clearing. Instead, when one is half full, a second one is
 * started on the same event in the other instance; bins that began before the second was
 * there are taken from the first, later ones from the second, and the first is removed
 * when its last bin is over.
 */
#include "bpf/capture.h"

#include <math.h>
#include <tracefs.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/hist.h"
#include "bpf/tracefs.h"

#define HOOKS 4
#define KINDS (VNX_KIND(VNX_HOOK_KPROBE) | VNX_KIND(VNX_HOOK_TP))
#define ROWS_MIN 4096u
#define ROWS_MAX 65536u
/* After its end a bin is left alone for so long: events on their way still reach it. */
#define SETTLE_NS (20 * VNX_NSEC_PER_MSEC)

_Static_assert(VNX_HANDLE_TX == 0 && VNX_VCPU_HALT + 1 == HOOKS, "hooks are indexed by metric");

struct source {
	bool attached;
	char system[32], event[64];
	struct tracefs_dynevent *probe; /* NULL: a tracepoint */
	int cur;                        /* instance whose histogram is read */
	uint64_t from_ns;               /* rows before are the former histogram's business */
	uint64_t until_ns; /* rows from here on are the next histogram's; 0: there is none */
	struct vnx_hist seen;
	uint64_t read_ns;         /* last read, for histograms without bins */
	uint64_t dropped, missed; /* told as lost: for want of rows; by the probe */
};

struct vnx_capture {
	struct vnx_capture_conf conf;
	struct vnx_kernel kernel;
	struct vnx_hooks hooks;
	unsigned waiting;
	char *tracefs;
	char group[32];
	struct tracefs_instance *inst[2];
	char trigger[192];
	bool stamped; /* bins are stamped in the kernel */
	bool detached;
	unsigned rows;
	struct source src[HOOKS];
	uint64_t start_ns, events, lost;
};

static int write_trigger(struct vnx_capture *cap, const struct source *src, int which, bool on)
{
	char text[200];

	snprintf(text, sizeof(text), "%s%s", on ? "" : "!", cap->trigger);
	errno = 0;
	if (tracefs_event_file_append(cap->inst[which], src->system, src->event, "trigger", text) <
	    0)
		return errno ? -errno : -EIO;
	return 0;
}

static int make_probe(struct vnx_capture *cap, struct source *src, enum vnx_metric metric,
		      const struct vnx_hook_spec *spec, const struct vnx_symbol *sym)
{
	snprintf(src->system, sizeof(src->system), "%s", cap->group);
	snprintf(src->event, sizeof(src->event), "%s_%d", vnx_metric_name(metric), getpid());
	return vnx_tracefs_probe(cap->group, src->event, sym, spec->name, &src->probe);
}

static void drop_probe(struct source *src)
{
	if (!src->probe)
		return;
	tracefs_dynevent_destroy(src->probe, false);
	tracefs_dynevent_free(src->probe);
	src->probe = NULL;
}

static int prepare_event(struct vnx_capture *cap, struct source *src, enum vnx_metric metric,
			 const struct vnx_candidate *cand, const struct vnx_hook_spec *spec,
			 char why[VNX_WHY_LEN])
{
	struct vnx_hook_spec tp = *spec;
	const struct vnx_symbol *sym;
	int ret;

	if (spec->kind == VNX_HOOK_FENTRY) {
		snprintf(why, VNX_WHY_LEN, "only BPF programs hang there: use kprobe:%s",
			 spec->name);
		return -EOPNOTSUPP;
	}
	if (spec->kind != VNX_HOOK_KPROBE) {
		ret = vnx_tracefs_resolve(cap->tracefs, &cap->kernel, cand, &tp, why);
		memcpy(src->system, tp.system, sizeof(src->system));
		memcpy(src->event, tp.name, sizeof(src->event));
		return ret;
	}
	ret = vnx_kernel_kprobe_pmu(why);
	if (ret < 0)
		return ret;
	ret = vnx_kernel_check_function(&cap->kernel, cand, spec->name, &sym, why);
	if (ret)
		return ret;
	ret = make_probe(cap, src, metric, spec, sym);
	if (ret)
		snprintf(why, VNX_WHY_LEN, "the kernel refuses a probe there: %s", strerror(-ret));
	return ret == -EAGAIN ? -EBUSY : ret;
}

static uint64_t bin_floor(const struct vnx_capture *cap, uint64_t t_ns)
{
	return t_ns - t_ns % cap->conf.bin_ns;
}

/* The kernel's trigger text, with bins where it takes them. */
static void make_trigger(struct vnx_capture *cap, bool stamped)
{
	cap->stamped = stamped;
	if (stamped)
		snprintf(cap->trigger, sizeof(cap->trigger),
			 "hist:keys=common_pid,common_timestamp.buckets=%llu:size=%u:clock=mono",
			 (unsigned long long)cap->conf.bin_ns, cap->rows);
	else
		snprintf(cap->trigger, sizeof(cap->trigger), "hist:keys=common_pid:size=%u",
			 cap->rows);
}

static int attach_candidate(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
			    const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct vnx_capture *cap = arg;
	struct source src = { 0 };
	int ret = prepare_event(cap, &src, metric, cand, spec, why);

	if (ret)
		return ret;
	src.read_ns = vnx_clock_mono();
	ret = write_trigger(cap, &src, 0, true);
	if (ret == -EINVAL && cap->stamped) {
		/* Buckets came with 5.14; before, sums per thread are what there is. */
		make_trigger(cap, false);
		ret = write_trigger(cap, &src, 0, true);
		if (ret)
			make_trigger(cap, true);
	}
	if (ret) {
		drop_probe(&src);
		if (ret == -EEXIST)
			snprintf(why, VNX_WHY_LEN, "counted already for another metric");
		else
			snprintf(why, VNX_WHY_LEN, "the kernel refuses a histogram of it: %s",
				 strerror(-ret));
		return ret == -EAGAIN ? -EBUSY : ret;
	}
	src.attached = true;
	cap->src[metric] = src;
	return 0;
}

static void stop_source(struct vnx_capture *cap, struct source *src)
{
	for (int i = 0; i < 2; i++)
		if (src->attached && (i == src->cur || src->until_ns))
			write_trigger(cap, src, i, false);
}

static void free_source(struct source *src)
{
	drop_probe(src);
	vnx_hist_fini(&src->seen);
	*src = (struct source){ 0 };
}

static int ftrace_distrust(struct vnx_capture *cap, enum vnx_metric metric, const char *why,
			   struct vnx_err *err)
{
	stop_source(cap, &cap->src[metric]);
	free_source(&cap->src[metric]);
	if (vnx_hooks_distrust(&cap->hooks, metric, why))
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				 &cap->waiting, err);
}

static int ftrace_refresh(struct vnx_capture *cap, const uint32_t *tids, size_t n_tids,
			  struct vnx_err *err)
{
	if (cap->detached || !cap->waiting || vnx_kernel_refresh(&cap->kernel) <= 0)
		return 0;
	return vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				 &cap->waiting, err);
}

static int look(struct vnx_capture *cap, struct source *src, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *text = NULL;
	struct vnx_hist now = { 0 };
	int ret;

	errno = 0;
	text = tracefs_event_file_read(cap->inst[src->cur], src->system, src->event, "hist", NULL);
	if (!text)
		return vnx_err_set(err, errno ? -errno : -EIO, VNX_EXIT_FAILED, "ftrace-read",
				   "the histogram of %s cannot be read: %s", src->event,
				   strerror(errno));
	ret = vnx_hist_parse(text, &now);
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "ftrace-read",
			    "the histogram of %s is not understood", src->event);
	else
		vnx_hist_update(&src->seen, &now);
	vnx_hist_fini(&now);
	return ret;
}

/* What found no row, and what the probe missed. */
static int emit_lost(struct vnx_capture *cap, enum vnx_metric metric, uint64_t now_ns,
		     struct vnx_samples *out)
{
	struct source *src = &cap->src[metric];
	struct vnx_sample s = { .t_ns = src->read_ns,
				.dur_ns = now_ns - src->read_ns,
				.count = src->seen.dropped - src->dropped,
				.entity = VNX_LOST_OF(metric),
				.metric = VNX_LOST };
	uint64_t missed = src->missed;

	src->dropped = src->seen.dropped;
	cap->lost += s.count;
	if (s.count && vnx_vec_push(out, s))
		return -ENOMEM;
	if (!src->probe || vnx_tracefs_missed(cap->tracefs, src->event, &missed))
		return 0;
	s.count = missed - src->missed;
	s.entity = VNX_REFUSED_OF(metric);
	src->missed = missed;
	cap->lost += s.count;
	return s.count ? vnx_vec_push(out, s) : 0;
}

/* Rows of bins that are over by @now_ns, or all of them. */
static int emit_rows(struct vnx_capture *cap, enum vnx_metric metric, uint64_t now_ns, bool final,
		     struct vnx_samples *out)
{
	struct source *src = &cap->src[metric];

	for (size_t i = 0; i < src->seen.n; i++) {
		struct vnx_hist_row *row = &src->seen.v[i];
		struct vnx_sample s = { .count = row->count - row->emitted,
					.entity = row->tid,
					.metric = metric };

		if (row->count <= row->emitted)
			continue;
		s.t_ns = cap->stamped ? row->stamp_ns : src->read_ns;
		s.dur_ns = cap->stamped ? cap->conf.bin_ns : now_ns - src->read_ns;
		if (cap->stamped &&
		    (s.t_ns < src->from_ns || (src->until_ns && s.t_ns >= src->until_ns)))
			continue;
		if (cap->stamped && !final && s.t_ns + s.dur_ns + SETTLE_NS > now_ns)
			continue;
		if (vnx_vec_push(out, s))
			return -ENOMEM;
		row->emitted = row->count;
		cap->events += s.count;
	}
	return 0;
}

static int make_instance(struct vnx_capture *cap, int which)
{
	char name[48];

	snprintf(name, sizeof(name), VNX_INSTANCE_FMT, getpid(), which ? "b" : "");
	errno = 0;
	cap->inst[which] = tracefs_instance_create(name);
	if (!cap->inst[which])
		return errno ? -errno : -EIO;
	/* Nothing is recorded: give the ring buffers of all processors back. */
	tracefs_instance_file_write(cap->inst[which], "buffer_size_kb", "4");
	return 0;
}

/* Half full: from the next edge on, a fresh histogram in the other instance counts too. */
static void start_next(struct vnx_capture *cap, struct source *src)
{
	if (!cap->stamped || src->until_ns || cap->detached || src->seen.n < cap->rows / 2)
		return;
	/* A failure is tried again at the next read; should it never work, events are lost. */
	if (!cap->inst[1] && make_instance(cap, 1))
		return;
	if (write_trigger(cap, src, !src->cur, true))
		return;
	src->until_ns = bin_floor(cap, vnx_clock_mono()) + cap->conf.bin_ns;
}

/* The elder histogram's last bin was handed out: go on with the younger. */
static void take_next(struct vnx_capture *cap, struct source *src)
{
	write_trigger(cap, src, src->cur, false);
	src->cur = !src->cur;
	src->from_ns = src->until_ns;
	src->until_ns = 0;
	src->dropped = 0;
	vnx_hist_forget(&src->seen, UINT64_MAX);
}

static int read_once(struct vnx_capture *cap, enum vnx_metric metric, bool final,
		     struct vnx_samples *out, struct vnx_err *err)
{
	struct source *src = &cap->src[metric];
	uint64_t now_ns = vnx_clock_mono();
	int ret = look(cap, src, err);

	if (ret)
		return ret;
	if (!cap->stamped)
		now_ns = vnx_clock_mono();
	ret = emit_rows(cap, metric, now_ns, final, out);
	if (!ret)
		ret = emit_lost(cap, metric, now_ns, out);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	src->read_ns = now_ns;
	return 0;
}

static int read_source(struct vnx_capture *cap, enum vnx_metric metric, bool final,
		       struct vnx_samples *out, struct vnx_err *err)
{
	struct source *src = &cap->src[metric];
	int ret = read_once(cap, metric, final, out, err);

	if (ret)
		return ret;
	if (src->until_ns && (final || src->read_ns >= src->until_ns + SETTLE_NS)) {
		take_next(cap, src);
		return read_once(cap, metric, final, out, err);
	}
	start_next(cap, src);
	return 0;
}

static int ftrace_read(struct vnx_capture *cap, struct vnx_samples *out, bool final,
		       struct vnx_err *err)
{
	int ret = 0;

	for (int m = 0; m < HOOKS && !ret; m++)
		if (cap->src[m].attached)
			ret = read_source(cap, (enum vnx_metric)m, final, out, err);
	return ret;
}

/* A paused histogram counts no more and can still be read. */
static int ftrace_detach(struct vnx_capture *cap, struct vnx_err *err)
{
	char pause[208];

	snprintf(pause, sizeof(pause), "%s:pause", cap->trigger);
	for (int m = 0; m < HOOKS; m++) {
		struct source *src = &cap->src[m];

		for (int i = 0; i < 2; i++)
			if (src->attached && (i == src->cur || src->until_ns))
				tracefs_event_file_append(cap->inst[i], src->system, src->event,
							  "trigger", pause);
		vnx_hooks_end(&cap->hooks, (enum vnx_metric)m);
	}
	cap->waiting = 0;
	cap->detached = true;
	return 0;
}

static void ftrace_close(struct vnx_capture *cap)
{
	if (!cap)
		return;
	for (int m = 0; m < HOOKS; m++)
		stop_source(cap, &cap->src[m]);
	for (int i = 0; i < 2; i++) {
		if (!cap->inst[i])
			continue;
		tracefs_instance_destroy(cap->inst[i]);
		tracefs_instance_free(cap->inst[i]);
	}
	for (int m = 0; m < HOOKS; m++)
		free_source(&cap->src[m]);
	vnx_hooks_fini(&cap->hooks);
	vnx_kernel_fini(&cap->kernel);
	vnx_capture_conf_fini(&cap->conf);
	free(cap->tracefs);
	free(cap);
}

/* Does the kernel have histograms? Each event then has such a file. */
static int check_histograms(const char *tracefs, struct vnx_err *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/events/sched/sched_switch/hist", tracefs);
	if (!access(path, F_OK))
		return 0;
	vnx_err_hint(err, "Use --backend bpf or --backend perf");
	return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-histograms",
			   "this kernel's ftrace has no histograms (CONFIG_HIST_TRIGGERS)");
}

static int ftrace_probe(struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *tracefs = NULL;
	int ret = vnx_tracefs_open(&tracefs, err);

	return ret ? ret : check_histograms(tracefs, err);
}

static unsigned count_rows(unsigned threads)
{
	unsigned rows = ROWS_MIN;

	while (rows < 16ull * threads && rows < ROWS_MAX)
		rows *= 2;
	return rows;
}

static int set_up(struct vnx_capture *cap, struct vnx_err *err)
{
	int ret = vnx_tracefs_open(&cap->tracefs, err);

	if (!ret)
		ret = check_histograms(cap->tracefs, err);
	if (ret)
		return ret;
	vnx_tracefs_clean();
	ret = vnx_kernel_load(&cap->kernel, &cap->conf);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-symbols",
				   "the kernel's symbols cannot be read: %s", strerror(-ret));
	ret = make_instance(cap, 0);
	if (ret) {
		vnx_err_hint(err, "Run as root");
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-instance",
				   "ftrace gives no instance: %s", strerror(-ret));
	}
	snprintf(cap->group, sizeof(cap->group), VNX_GROUP_FMT, getpid());
	cap->rows = count_rows(cap->conf.threads_hint);
	make_trigger(cap, true);
	cap->start_ns = bin_floor(cap, vnx_clock_mono());
	ret = vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				&cap->waiting, err);
	if (ret || cap->waiting || cap->conf.keep_empty)
		return ret;
	return vnx_hooks_need(&cap->hooks, "ftrace", err);
}

static int ftrace_open(struct vnx_capture **out, const struct vnx_capture_conf *conf,
		       struct vnx_err *err)
{
	struct vnx_capture *cap = calloc(1, sizeof(*cap));
	int ret;

	*out = NULL;
	if (!cap)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ret = vnx_capture_conf_copy(&cap->conf, conf);
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	else
		ret = set_up(cap, err);
	if (ret)
		ftrace_close(cap);
	else
		*out = cap;
	return ret;
}

static uint64_t ftrace_start_ns(const struct vnx_capture *cap)
{
	return cap->start_ns;
}

static struct vnx_hooks *ftrace_hooks(struct vnx_capture *cap)
{
	return &cap->hooks;
}

static void ftrace_stats(const struct vnx_capture *cap, struct vnx_capture_stats *out)
{
	*out = (struct vnx_capture_stats){ .events = cap->events + cap->lost,
					   .lost = cap->lost,
					   .ns_per_event = NAN };
}

const struct vnx_capture_ops vnx_capture_ftrace = {
	.name = "ftrace",
	.summary = "ftrace histograms count per thread and bin; no BPF, no event recorded",
	.probe = ftrace_probe,
	.open = ftrace_open,
	.refresh = ftrace_refresh,
	.read = ftrace_read,
	.start_ns = ftrace_start_ns,
	.hooks = ftrace_hooks,
	.distrust = ftrace_distrust,
	.stats = ftrace_stats,
	.detach = ftrace_detach,
	.close = ftrace_close,
};
