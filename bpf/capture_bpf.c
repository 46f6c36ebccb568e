// SPDX-License-Identifier: GPL-2.0-only
/*
 * The default back end: BPF programs count into memory that this process has mapped, so
 * that reading takes no system call and disturbs nobody. Every attachment is a descriptor:
 * when the process dies, by whatever signal, the kernel detaches.
 */
#include "bpf/clock.h"
#include "bpf/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bpf/count.h"
#include "bpf/count.skel.h"
#include "bpf/counters.h"
#include "bpf/jiffies.h"
#include "bpf/kernel.h"
#include "bpf/kprobe.h"
#include "bpf/ladder.h"
#include "bpf/tracefs.h"

_Static_assert(VNX_HANDLE_TX == 0 && VNX_VCPU_HALT + 1 == VNX_COUNTED, "see count.bpf.c");

#define KINDS (VNX_KIND(VNX_HOOK_FENTRY) | VNX_KIND(VNX_HOOK_KPROBE) | VNX_KIND(VNX_HOOK_RAW_TP))
#define MIN_TICKS_A_BIN 10 /* below, bins are stamped by ktime: a jiffy is too coarse */
#define CALIBRATE_EDGES 8
#define CALIBRATE_TRIES 4
#define CALIBRATE_MAX_NS (500 * VNX_NSEC_PER_MSEC)
#define COST_EVENTS 64 /* enough to tell the cost of one */
#define COST_WINDOWS 2
#define COST_STEP_NS (5 * VNX_NSEC_PER_MSEC)
#define COST_STEPS 8 /* of which a window has no more */

/* A program at its hook. Each has an object of its own: one refused refuses no other. */
struct attached {
	struct count *skel;
	struct bpf_program *prog;
	struct bpf_link *link;
	bool kprobe;
	char module[64];      /* of a kprobe's function, which may go while we look */
	uint64_t module_base; /* where it was loaded */
	uint64_t missed;      /* recursion the kernel refused, so far; */
	uint64_t told;        /* of it, in samples */
};

struct vnx_capture {
	struct vnx_capture_conf conf;
	struct vnx_kernel kernel;
	struct vnx_hooks hooks;
	unsigned waiting;   /* metrics that may get a hook later */
	struct count *base; /* owns the maps */
	struct attached at[VNX_COUNTED];
	struct vnx_count_conf rodata;
	struct vnx_counters counters;
	struct vnx_calibration *calibration; /* mapped */
	uint64_t tick_ns;                    /* of jiffies; 0: not known */
	uint64_t ended_ns[VNX_COUNTED];      /* when a hook's module went away, 0: it has not */
	uint64_t last_refresh_ns;
	struct vnx_sample hole[VNX_COUNTED]; /* calls may be missing there; dur_ns 0: nowhere */
	char no_fentry[VNX_WHY_LEN];         /* why functions cannot be hooked, "" if they can */
	bool fentry_tried;
	unsigned cost_windows; /* in which the kernel's run-time statistics were on, so far */
	double ns_per_event;
};

/* libbpf's last complaint, of which the reasons for a person are made where errno says little. */
static __thread char last_warning[160];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN)
		vsnprintf(last_warning, sizeof(last_warning), fmt, ap);
	return 0;
}

static void say_errno(int ret, const char *doing, char why[VNX_WHY_LEN])
{
	last_warning[strcspn(last_warning, "\n")] = '\0';
	snprintf(why, VNX_WHY_LEN, "%s failed: %s%s%.100s", doing, strerror(-ret),
		 *last_warning ? "; " : "", last_warning);
}

/* A fresh object of which only @name will be loaded; NULL and errno. */
static struct count *open_one(const char *name, struct bpf_program **prog)
{
	struct count *skel = count__open();
	struct bpf_program *p;

	last_warning[0] = '\0';
	if (!skel)
		return NULL;
	bpf_object__for_each_program(p, skel->obj)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	*prog = bpf_object__find_program_by_name(skel->obj, name);
	return skel;
}

/* May fentry programs be loaded at all? On locked-down kernels they may not. */
static bool fentry_allowed(struct vnx_capture *cap)
{
	struct bpf_program *prog;
	struct count *skel;
	int ret;

	if (cap->fentry_tried)
		return !cap->no_fentry[0];
	cap->fentry_tried = true;
	if (access("/sys/kernel/btf/vmlinux", F_OK)) {
		snprintf(cap->no_fentry, VNX_WHY_LEN, "this kernel has no type information (BTF)");
		return false;
	}
	skel = open_one("trial", &prog);
	if (!skel)
		return true;
	ret = bpf_program__set_attach_target(prog, 0, "bpf_fentry_test1");
	if (!ret)
		ret = bpf_object__load(skel->obj);
	if (ret == -EPERM || ret == -EACCES)
		snprintf(cap->no_fentry, VNX_WHY_LEN, "function tracing is locked down (EPERM)");
	else if (ret == -EOPNOTSUPP || ret == -ENOTSUP || ret == -524)
		snprintf(cap->no_fentry, VNX_WHY_LEN, "this kernel cannot hook functions for BPF");
	count__destroy(skel);
	return !cap->no_fentry[0];
}

static int share_maps(struct vnx_capture *cap, struct count *skel)
{
	int ret = bpf_map__reuse_fd(skel->maps.heads, bpf_map__fd(cap->base->maps.heads));

	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.logs, bpf_map__fd(cap->base->maps.logs));
	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.spill, bpf_map__fd(cap->base->maps.spill));
	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.tallies, bpf_map__fd(cap->base->maps.tallies));
	return ret;
}

static void drop_attached(struct attached *at)
{
	bpf_link__destroy(at->link);
	count__destroy(at->skel);
	*at = (struct attached){ 0 };
}

static int attach_link(struct attached *at, const struct vnx_hook_spec *spec,
		       const struct vnx_symbol *sym)
{
	if (spec->kind == VNX_HOOK_KPROBE)
		return vnx_kprobe_attach(at->prog, sym, spec->name, &at->link);
	at->link = spec->kind == VNX_HOOK_FENTRY
			   ? bpf_program__attach_trace(at->prog)
			   : bpf_program__attach_raw_tracepoint(at->prog, spec->name);
	return at->link ? 0 : -errno;
}

/* A hook of the user's may run in an interrupt, whose stack belongs to no thread. */
static bool may_interrupt(const struct vnx_capture *cap, enum vnx_metric metric)
{
	for (size_t i = 0; i < cap->conf.n_overrides && !cap->conf.by_stack; i++)
		if (cap->conf.overrides[i].metric == metric)
			return true;
	return false;
}

/* @at is loaded, but attached to nothing yet. */
static int load(struct vnx_capture *cap, struct attached *at, enum vnx_metric metric,
		const struct vnx_hook_spec *spec, const struct vnx_symbol *sym,
		char why[VNX_WHY_LEN])
{
	static const char *const family[VNX_HOOK_KIND_MAX] = { "fentry", "kprobe", "raw_tp",
							       "raw_tp" };
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "%s_%d", family[spec->kind], (int)metric);
	at->skel = open_one(name, &at->prog);
	if (!at->skel)
		return say_errno(-errno, "opening the BPF object", why), -errno;
	*(struct vnx_count_conf *)&at->skel->rodata->conf = cap->rodata;
	at->skel->rodata->conf.by_tid |= may_interrupt(cap, metric);
	ret = share_maps(cap, at->skel);
	if (ret)
		return say_errno(ret, "sharing the counters", why), ret;
	if (spec->kind == VNX_HOOK_FENTRY) {
		ret = bpf_program__set_attach_target(at->prog, 0, spec->name);
		if (ret) {
			snprintf(why, VNX_WHY_LEN, "not in the type information (BTF) of %s",
				 *sym->module ? sym->module : "the kernel");
			return ret;
		}
	}
	ret = bpf_object__load(at->skel->obj);
	if (ret)
		say_errno(ret, "loading the BPF program", why);
	last_warning[0] = '\0';
	return ret;
}

static int load_and_attach(struct vnx_capture *cap, struct attached *at, enum vnx_metric metric,
			   const struct vnx_hook_spec *spec, const struct vnx_symbol *sym,
			   char why[VNX_WHY_LEN])
{
	int ret = load(cap, at, metric, spec, sym, why);

	if (ret)
		return ret;
	ret = attach_link(at, spec, sym);
	if (ret)
		say_errno(ret, "attaching", why);
	return ret || spec->kind != VNX_HOOK_FENTRY ? ret : vnx_kernel_see_fentry(spec->name, why);
}

/* What may be there later is promised only where its program can be loaded. */
static int try_loading(struct vnx_capture *cap, enum vnx_metric metric,
		       const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct attached at = { 0 };
	char because[VNX_WHY_LEN];
	int ret = spec->kind == VNX_HOOK_FENTRY ? 0 : load(cap, &at, metric, spec, NULL, because);

	drop_attached(&at);
	if (!ret)
		return -EAGAIN;
	memcpy(why, because, VNX_WHY_LEN);
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int check_function(struct vnx_capture *cap, const struct vnx_candidate *cand,
			  const struct vnx_hook_spec *spec, const struct vnx_symbol **sym,
			  char why[VNX_WHY_LEN])
{
	char btf[128];
	int ret;

	if (spec->kind == VNX_HOOK_FENTRY && !fentry_allowed(cap)) {
		memcpy(why, cap->no_fentry, VNX_WHY_LEN);
		return -EPERM;
	}
	if (spec->kind == VNX_HOOK_KPROBE && vnx_kernel_kprobe_pmu(why) < 0)
		return -ENOENT;
	ret = vnx_kernel_check_function(&cap->kernel, cand, spec->name, sym, why);
	if (ret || spec->kind != VNX_HOOK_FENTRY)
		return ret;
	if ((*sym)->elsewhere) {
		snprintf(why, VNX_WHY_LEN, "another module has a function of that name");
		return -EEXIST;
	}
	snprintf(btf, sizeof(btf), "/sys/kernel/btf/%s",
		 *(*sym)->module ? (*sym)->module : "vmlinux");
	if (access(btf, F_OK)) {
		snprintf(why, VNX_WHY_LEN, "no type information (BTF) for module %s",
			 (*sym)->module);
		return -ENOENT;
	}
	return 0;
}

static int attach_candidate(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
			    const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	bool function = spec->kind == VNX_HOOK_FENTRY || spec->kind == VNX_HOOK_KPROBE;
	struct vnx_capture *cap = arg;
	struct attached at = { 0 };
	const struct vnx_symbol *sym = NULL;
	int ret = 0;

	if (function)
		ret = check_function(cap, cand, spec, &sym, why);
	if (ret)
		return ret == -EAGAIN ? try_loading(cap, metric, spec, why) : ret;
	ret = load_and_attach(cap, &at, metric, spec, sym, why);
	if (ret) {
		drop_attached(&at);
		/* A busy program or a verifier's timeout may also pass; only absence is known to.
		 */
		return ret == -ENOENT && !function
			       ? vnx_kernel_no_tracepoint(&cap->kernel, cand, why)
			       : (ret == -EAGAIN ? -EBUSY : ret);
	}
	at.kprobe = spec->kind == VNX_HOOK_KPROBE;
	if (at.kprobe && *sym->module) {
		memcpy(at.module, sym->module, sizeof(at.module));
		at.module_base = vnx_kernel_module_base(&cap->kernel, sym->module);
	}
	cap->at[metric] = at;
	return 0;
}

static int choose(struct vnx_capture *cap, struct vnx_err *err)
{
	int ret = vnx_ladder_choose(&cap->hooks, &cap->conf, KINDS, attach_candidate, cap,
				    &cap->waiting, err);

	for (size_t i = 0; i < cap->hooks.n; i++) {
		const struct attached *at = &cap->at[cap->hooks.v[i].metric];
		uint64_t missed;

		if (at->link && at->kprobe && !vnx_kprobe_missed(at->link, &missed))
			vnx_hook_note(&cap->hooks.v[i], "calls that the kernel keeps from a "
							"kprobe are not told before 6.7");
	}
	return ret;
}

/* Reads both clocks at one instant, in the kernel. */
static int read_clocks(struct vnx_capture *cap, struct vnx_clock_pair *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int ret = bpf_prog_test_run_opts(bpf_program__fd(cap->base->progs.calibrate), &opts);

	*out = *(volatile struct vnx_clock_pair *)&cap->calibration->clocks;
	return ret;
}

/* Both clocks just before and just after some ticks. Returns the number of pairs. */
static size_t watch_ticks(struct vnx_capture *cap, struct vnx_clock_pair *pairs, size_t max)
{
	struct vnx_clock_pair was, now;
	size_t n = 0;

	if (read_clocks(cap, &was))
		return 0;
	for (uint64_t end = was.mono_ns + CALIBRATE_MAX_NS; n + 2 <= max; was = now) {
		if (read_clocks(cap, &now) || now.mono_ns > end)
			break;
		if (now.jiffies == was.jiffies)
			continue;
		pairs[n++] = was;
		pairs[n++] = now;
	}
	return n;
}

/* False where jiffies fit no clock: ktime it is then. A busy host may need another look. */
static bool calibrate(struct vnx_capture *cap)
{
	struct vnx_clock_pair pairs[2 * CALIBRATE_EDGES * CALIBRATE_TRIES];

	for (int try = 1; try <= CALIBRATE_TRIES; try++) {
		size_t n = watch_ticks(cap, pairs, 2 * CALIBRATE_EDGES * (size_t)try);

		if (!vnx_jiffies_fit(pairs, n, &cap->tick_ns))
			return true;
	}
	return false;
}

/* Two threads on one processor, the second while the first lives, ask for their stacks. */
struct asker {
	struct vnx_capture *cap;
	struct asker *next;
	uint64_t stack;
};

static void *ask_stack(void *arg)
{
	struct asker *a = arg;
	struct vnx_clock_pair unused;
	pthread_t thread;
	int cpu = sched_getcpu();
	cpu_set_t *one = a->next && cpu >= 0 ? CPU_ALLOC(cpu + 1) : NULL;

	if (one) {
		CPU_ZERO_S(CPU_ALLOC_SIZE(cpu + 1), one);
		CPU_SET_S(cpu, CPU_ALLOC_SIZE(cpu + 1), one);
		sched_setaffinity(0, CPU_ALLOC_SIZE(cpu + 1), one);
		CPU_FREE(one);
	}
	if (!read_clocks(a->cap, &unused))
		a->stack = *(volatile vnx_u64 *)&a->cap->calibration->stack;
	if (a->next && !pthread_create(&thread, NULL, ask_stack, a->next))
		pthread_join(thread, NULL);
	return NULL;
}

/*
 * Does a program run on its thread's stack? A kernel may give programs one per processor:
 * then it says nothing of who runs, and the thread's id must be asked for at each event.
 */
static bool stack_tells_threads(struct vnx_capture *cap)
{
	struct asker second = { .cap = cap }, first = { .cap = cap, .next = &second };
	pthread_t thread;

	if (pthread_create(&thread, NULL, ask_stack, &first))
		return false;
	pthread_join(thread, NULL);
	return first.stack && second.stack && first.stack != second.stack;
}

/* Both clocks of the bins: where they are stamped by ktime, the two are one. */
static int look_at_clocks(struct vnx_capture *cap, struct vnx_clock_pair *out)
{
	int ret = read_clocks(cap, out);

	if (!ret && cap->rodata.use_ktime)
		out->jiffies = out->mono_ns;
	return ret;
}

static int set_programs(struct vnx_capture *cap)
{
	struct vnx_slots *slots = &cap->counters.slots;
	struct vnx_clock_pair now = { 0 };
	bool jiffies = calibrate(cap) && cap->conf.bin_ns >= MIN_TICKS_A_BIN * cap->tick_ns;
	int ret = read_clocks(cap, &now);

	if (ret)
		return ret;
	cap->rodata.bin_ns = cap->conf.bin_ns;
	cap->rodata.slot_mask = (uint32_t)slots->n - 1;
	cap->rodata.use_ktime = !jiffies;
	cap->rodata.by_tid |= !stack_tells_threads(cap);
	cap->rodata.tick_ns = slots->tick_ns = jiffies ? cap->tick_ns : 1;
	cap->rodata.start_ns = slots->start_ns = now.mono_ns;
	cap->last_refresh_ns = now.mono_ns;
	return 0;
}

static int try_base(struct vnx_capture *cap, char why[VNX_WHY_LEN])
{
	struct bpf_program *prog;
	int ret;

	cap->base = open_one("calibrate", &prog);
	if (!cap->base)
		return say_errno(-errno, "opening the BPF object", why), -errno;
	*(struct vnx_count_conf *)&cap->base->rodata->conf = cap->rodata;
	ret = bpf_map__set_max_entries(cap->base->maps.heads, vnx_counters_heads());
	if (!ret)
		ret = bpf_object__load(cap->base->obj);
	if (ret)
		say_errno(ret, "loading a BPF program", why);
	return ret;
}

static int load_base(struct vnx_capture *cap, char why[VNX_WHY_LEN])
{
	int ret = try_base(cap, why);

	if (ret != -EACCES)
		return ret;
	/* The verifier's answer where it does not like the look at the frame pointer. */
	count__destroy(cap->base);
	cap->rodata.by_tid = 1;
	return try_base(cap, why);
}

static int map_base(struct vnx_capture *cap)
{
	struct vnx_counter_maps maps = { .heads = bpf_map__fd(cap->base->maps.heads),
					 .logs = bpf_map__fd(cap->base->maps.logs),
					 .spill = bpf_map__fd(cap->base->maps.spill),
					 .tallies = bpf_map__fd(cap->base->maps.tallies) };
	void *p = mmap(NULL, sizeof(*cap->calibration), PROT_READ, MAP_SHARED,
		       bpf_map__fd(cap->base->maps.calibration), 0);

	if (p == MAP_FAILED)
		return -errno;
	cap->calibration = p;
	return vnx_counters_open(&cap->counters, &maps, bpf_map__max_entries(cap->base->maps.heads),
				 cap->conf.bin_ns, cap->conf.threads_hint);
}

static void unmap_base(struct vnx_capture *cap)
{
	vnx_counters_close(&cap->counters);
	if (cap->calibration)
		munmap(cap->calibration, sizeof(*cap->calibration));
	count__destroy(cap->base);
}

static int refused(struct vnx_err *err, int ret, const char *why)
{
	bool rights = ret == -EPERM || ret == -EACCES;

	vnx_err_hint(err, rights ? "Run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; "
				   "--backend perf or ftrace may do"
				 : "Try --backend ftrace or --backend perf");
	return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, rights ? "no-privilege" : "no-bpf",
			   "BPF cannot be used: %s", why);
}

static int bpf_probe(struct vnx_err *err)
{
	struct vnx_capture cap = { .conf = { .threads_hint = 1 } };
	char why[VNX_WHY_LEN] = "";
	int ret;

	libbpf_set_print(keep_warning);
	ret = load_base(&cap, why);
	unmap_base(&cap);
	return ret ? refused(err, ret, why) : 0;
}

/* Sums over the programs; false where the kernel does not tell. */
static bool read_cost(const struct vnx_capture *cap, uint64_t *ns, uint64_t *runs)
{
	*ns = *runs = 0;
	for (int i = 0; i < VNX_COUNTED; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (!cap->at[i].link)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(cap->at[i].prog), &info, &len))
			return false;
		*ns += info.run_time_ns;
		*runs += info.run_cnt;
	}
	return true;
}

/*
 * Measuring makes each event of every program on the host dearer, so it lasts some milliseconds
 * behind each of the first two reads, when the programs are warm, whatever was counted by then.
 */
static void measure_cost(struct vnx_capture *cap)
{
	const struct timespec step = { .tv_nsec = COST_STEP_NS };
	uint64_t ns = 0, runs = 0;
	bool told = true;
	int fd;

	if (cap->cost_windows == COST_WINDOWS || !isnan(cap->ns_per_event))
		return;
	cap->cost_windows++;
	fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (fd < 0)
		return;
	/* The figures start at 0 with each program and stand still outside of the windows. */
	for (int i = 0; i < COST_STEPS && told && runs < COST_EVENTS; i++) {
		nanosleep(&step, NULL);
		told = read_cost(cap, &ns, &runs);
	}
	close(fd);
	if (told && runs >= COST_EVENTS)
		cap->ns_per_event = (double)ns / (double)runs;
}

/* What the kernel kept from the program, and from its kprobe, as both were running already. */
static void see_missed(struct attached *at)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	uint64_t missed = 0;

	if (!at->link || bpf_obj_get_info_by_fd(bpf_program__fd(at->prog), &info, &len))
		return;
	if (at->kprobe)
		vnx_kprobe_missed(at->link, &missed);
	missed += info.recursion_misses;
	if (missed > at->missed)
		at->missed = missed;
}

static int bpf_detach(struct vnx_capture *cap, struct vnx_err *err)
{
	for (int i = 0; i < VNX_COUNTED; i++) {
		/* Counting ends as the unlinking begins; what takes time is the waiting after. */
		vnx_hooks_end(&cap->hooks, (enum vnx_metric)i);
		see_missed(&cap->at[i]); /* a kprobe's count goes with it */
		bpf_link__destroy(cap->at[i].link);
		cap->at[i].link = NULL;
	}
	cap->waiting = 0;
	return 0;
}

static void bpf_close(struct vnx_capture *cap)
{
	if (!cap)
		return;
	for (int i = 0; i < VNX_COUNTED; i++)
		drop_attached(&cap->at[i]);
	unmap_base(cap);
	vnx_hooks_fini(&cap->hooks);
	vnx_kernel_fini(&cap->kernel);
	vnx_capture_conf_fini(&cap->conf);
	free(cap);
}

static int set_up(struct vnx_capture *cap, struct vnx_err *err)
{
	char why[VNX_WHY_LEN] = "";
	const char *preemption = vnx_kernel_preemption();
	int ret = vnx_kernel_load(&cap->kernel, &cap->conf);

	cap->conf.kprobe_first = preemption && !strcmp(preemption, "full");
	vnx_tracefs_clean();
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-symbols",
				   "the kernel's symbols cannot be read: %s", strerror(-ret));
	ret = load_base(cap, why);
	if (ret)
		return refused(err, ret, why);
	ret = map_base(cap);
	if (!ret)
		ret = set_programs(cap);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-counters",
				   "the BPF counters cannot be set up: %s", strerror(-ret));
	ret = choose(cap, err);
	if (ret || cap->waiting || cap->conf.keep_empty)
		return ret;
	return vnx_hooks_need(&cap->hooks, "bpf", err);
}

static int bpf_open(struct vnx_capture **out, const struct vnx_capture_conf *conf,
		    struct vnx_err *err)
{
	struct vnx_capture *cap = calloc(1, sizeof(*cap));
	int ret;

	*out = NULL;
	if (!cap)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	libbpf_set_print(keep_warning);
	cap->ns_per_event = NAN;
	ret = vnx_capture_conf_copy(&cap->conf, conf);
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	else
		ret = set_up(cap, err);
	if (ret)
		bpf_close(cap);
	else
		*out = cap;
	return ret;
}

/* Calls that the kernel kept from a program, or that came while its hook was away. */
static int read_refused(struct vnx_capture *cap, struct vnx_samples *out)
{
	int ret = 0;

	for (int m = 0; m < VNX_COUNTED && !ret; m++) {
		struct attached *at = &cap->at[m];

		see_missed(at);
		if (cap->hole[m].dur_ns)
			ret = vnx_vec_push(out, cap->hole[m]);
		cap->hole[m].dur_ns = 0;
		if (!ret && at->missed > at->told)
			ret = vnx_counters_lose(&cap->counters, (enum vnx_metric)m, true,
						at->missed - at->told, out);
		at->told = at->missed;
	}
	return ret;
}

static int bpf_distrust(struct vnx_capture *cap, enum vnx_metric metric, const char *why,
			struct vnx_err *err)
{
	drop_attached(&cap->at[metric]);
	if (vnx_hooks_distrust(&cap->hooks, metric, why))
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return choose(cap, err);
}

/* A kprobe dies with its module. If that is back, the hook is too, with a hole in between. */
static int drop_orphans(struct vnx_capture *cap)
{
	int dropped = 0;

	for (size_t i = 0; i < cap->hooks.n; i++) {
		struct vnx_hook *hook = &cap->hooks.v[i];
		struct attached *at = &cap->at[hook->metric];

		if (!at->link || !at->module[0] ||
		    vnx_kernel_module_base(&cap->kernel, at->module) == at->module_base)
			continue;
		drop_attached(at);
		hook->hook[0] = '\0';
		hook->until_ns = cap->ended_ns[hook->metric] = vnx_clock_mono();
		dropped++;
	}
	return dropped;
}

static bool tid_gone(uint32_t tid, void *arg)
{
	return vnx_kernel_thread_gone(tid);
}

/* Modules came or went: hooks to drop, hooks to try again. */
static int reattach(struct vnx_capture *cap, struct vnx_err *err)
{
	uint64_t now = vnx_clock_mono();
	bool orphans = drop_orphans(cap);
	int ret;

	if (!orphans && !cap->waiting)
		return 0;
	ret = choose(cap, err);
	for (size_t i = 0; i < cap->hooks.n; i++) {
		struct vnx_hook *hook = &cap->hooks.v[i];

		/* Attached now, and had been up to its module's end. */
		if (hook->hook[0] && cap->ended_ns[hook->metric]) {
			cap->ended_ns[hook->metric] = 0;
			cap->hole[hook->metric] =
				(struct vnx_sample){ .t_ns = cap->last_refresh_ns,
						     .dur_ns = vnx_clock_mono() -
							       cap->last_refresh_ns,
						     .entity = VNX_LOST_OF(hook->metric),
						     .metric = VNX_LOST };
		}
	}
	cap->last_refresh_ns = now;
	return ret;
}

static int bpf_refresh(struct vnx_capture *cap, const uint32_t *tids, size_t n_tids,
		       struct vnx_err *err)
{
	vnx_slots_reclaim(&cap->counters.slots, tid_gone, NULL);
	/* What cannot be looked up now is tried again in a second. */
	if (vnx_kernel_refresh(&cap->kernel) > 0)
		return reattach(cap, err);
	cap->last_refresh_ns = vnx_clock_mono();
	return 0;
}

static int bpf_read(struct vnx_capture *cap, struct vnx_samples *out, bool final,
		    struct vnx_err *err)
{
	struct vnx_clock_pair now = { 0 };
	int ret = look_at_clocks(cap, &now);

	/* Not looked at, then: what is not known to be over is left for later. */
	if (ret) {
		now.jiffies = cap->counters.slots.now.jiffies;
		now.mono_ns = now.after_ns = vnx_clock_mono();
	}
	ret = vnx_counters_read(&cap->counters, &now, final, out);
	if (!ret)
		ret = read_refused(cap, out);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	if (!final)
		measure_cost(cap);
	return 0;
}

static uint64_t bpf_start_ns(const struct vnx_capture *cap)
{
	return cap->counters.slots.start_ns;
}

static struct vnx_hooks *bpf_hooks(struct vnx_capture *cap)
{
	return &cap->hooks;
}

static void bpf_stats(const struct vnx_capture *cap, struct vnx_capture_stats *out)
{
	const struct vnx_slots *slots = &cap->counters.slots;
	uint64_t lost = slots->lost + cap->counters.lost;

	*out = (struct vnx_capture_stats){
		.events = slots->events + lost,
		.lost = lost,
		.ns_per_event = cap->ns_per_event,
		.clock_error_s = (double)slots->edge_error_ns / 1e9,
		.bent = slots->bent,
		.bent_s = (double)slots->bent_ns / 1e9,
	};
}

const struct vnx_capture_ops vnx_capture_bpf = {
	.name = "bpf",
	.summary = "BPF programs count per thread and bin; no event is recorded",
	.probe = bpf_probe,
	.open = bpf_open,
	.refresh = bpf_refresh,
	.read = bpf_read,
	.start_ns = bpf_start_ns,
	.hooks = bpf_hooks,
	.distrust = bpf_distrust,
	.stats = bpf_stats,
	.detach = bpf_detach,
	.close = bpf_close,
};
