// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why splice: it gives whole pages only. A read() of trace_pipe_raw would also take what has
 * been begun, so that reading ten times a second would give ten nearly empty pages a second.
 * Pages go through a pipe, out of it by read() and to the sink: one copy, no other cost.
 */
#include "bpf/events.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <tracefs.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/tracefs.h"

#define KINDS (VNX_KIND(VNX_HOOK_KPROBE) | VNX_KIND(VNX_HOOK_TP))
#define CHUNK (1u << 20) /* what a pipe may hold for anybody: /proc/sys/fs/pipe-max-size */
/* Of each CPU's buffer: 8 MB, but all of them together not more than a part of the memory. */
#define BUFFER_MAX (8u << 20)
#define BUFFER_MIN (512u << 10)
#define MEMORY_PART 128
#define LOOK_MAX_NS (100 * VNX_NSEC_PER_MSEC)
#define LOOK_MIN_NS (5 * VNX_NSEC_PER_MSEC)
#define COMMS_MAX 16384
#define COMM_LEN 16

struct event {
	char system[32], name[64];
	char function[64];              /* of a probe, else "" */
	struct tracefs_dynevent *probe; /* NULL: a tracepoint */
	char *format;                   /* now: its module may be gone at the end */
};

struct comm {
	uint32_t tid;
	char name[COMM_LEN];
};

struct vnx_events {
	struct vnx_capture_conf conf;
	struct vnx_kernel kernel;
	struct vnx_hooks hooks;
	unsigned waiting;
	char *tracefs;
	char group[32];
	struct tracefs_instance *inst;
	struct {
		struct event *v;
		size_t n, cap;
	} used;
	struct {
		struct comm *v;
		size_t n, cap;
	} comms;  /* by tid */
	int *raw; /* trace_pipe_raw of each CPU */
	unsigned n_cpus;
	int pipe[2], marker;
	unsigned page_size;
	size_t buffer_size; /* of a CPU */
	void *buf;          /* CHUNK */
	uint64_t every_ns, due_ns;
	bool stopped;
};

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

/* ---- hooks ---- */

static int switch_event(struct vnx_events *ev, const struct event *e, bool on)
{
	char path[128];

	snprintf(path, sizeof(path), "events/%s/%s/enable", e->system, e->name);
	errno = 0;
	if (tracefs_instance_file_write(ev->inst, path, on ? "1" : "0") > 0)
		return 0;
	return errno ? -errno : -EIO;
}

static void event_fini(struct event *e)
{
	if (e->probe) {
		tracefs_dynevent_destroy(e->probe, false);
		tracefs_dynevent_free(e->probe);
	}
	free(e->format);
}

/* A probe is called after its function: so readers know what it counts. */
static int make_probe(struct vnx_events *ev, struct event *e, const struct vnx_symbol *sym)
{
	snprintf(e->system, sizeof(e->system), "%s", ev->group);
	snprintf(e->name, sizeof(e->name), "%s", e->function);
	for (char *p = e->name; *p; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
	return vnx_tracefs_probe(ev->group, e->name, sym, e->function, &e->probe);
}

static int prepare_probe(struct vnx_events *ev, struct event *e, const struct vnx_candidate *cand,
			 const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	const struct vnx_symbol *sym;
	int ret = vnx_kernel_kprobe_pmu(why);

	if (ret < 0)
		return ret;
	ret = vnx_kernel_check_function(&ev->kernel, cand, spec->name, &sym, why);
	if (ret)
		return ret;
	memcpy(e->function, spec->name, sizeof(e->function));
	ret = make_probe(ev, e, sym);
	if (ret)
		snprintf(why, VNX_WHY_LEN, "the kernel refuses a probe there: %s", strerror(-ret));
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int prepare_event(struct vnx_events *ev, struct event *e, const struct vnx_candidate *cand,
			 const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct vnx_hook_spec tp = *spec;
	int ret;

	/* An override may name what only BPF can hook; the function is the same. */
	if (spec->kind == VNX_HOOK_FENTRY || spec->kind == VNX_HOOK_KPROBE)
		return prepare_probe(ev, e, cand, spec, why);
	ret = vnx_tracefs_resolve(ev->tracefs, &ev->kernel, cand, &tp, why);
	memcpy(e->system, tp.system, sizeof(e->system));
	memcpy(e->name, tp.name, sizeof(e->name));
	return ret;
}

/* Two metrics may be overridden with one event: it is recorded once. */
static bool is_used(const struct vnx_events *ev, const struct vnx_hook_spec *spec)
{
	for (size_t i = 0; i < ev->used.n; i++) {
		const struct event *e = &ev->used.v[i];

		if (spec->kind == VNX_HOOK_FENTRY || spec->kind == VNX_HOOK_KPROBE) {
			if (!strcmp(e->function, spec->name))
				return true;
		} else if (!e->probe && !strcmp(e->name, spec->name) &&
			   (!spec->system[0] || !strcmp(e->system, spec->system))) {
			return true;
		}
	}
	return false;
}

static int attach_candidate(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
			    const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN])
{
	struct vnx_events *ev = arg;
	struct event e = { 0 };
	char path[128];
	int ret;

	if (is_used(ev, spec))
		return 0;
	ret = prepare_event(ev, &e, cand, spec, why);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "events/%s/%s/format", e.system, e.name);
	e.format = tracefs_instance_file_read(ev->inst, path, NULL);
	ret = e.format ? switch_event(ev, &e, true) : -EIO;
	if (!ret)
		ret = vnx_vec_push(&ev->used, e);
	if (!ret)
		return 0;
	event_fini(&e);
	snprintf(why, VNX_WHY_LEN, "the kernel does not record it: %s", strerror(-ret));
	return ret == -EAGAIN ? -EBUSY : ret;
}

static int no_event(const struct vnx_hooks *hooks, struct vnx_err *err)
{
	vnx_err_hint(err, "Run without --events, or name an event with --hook METRIC=HOOK; "
			  "`vnetdx check` shows what this host has");
	for (size_t i = 0; i < hooks->n; i++) {
		const struct vnx_refusals *r = &hooks->v[i].refused;

		if (r->n)
			return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-hook",
					   "ftrace can record none of the wanted events; %s: %s",
					   r->v[0].hook, r->v[0].why);
	}
	return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-hook",
			   "ftrace can record none of the wanted events");
}

static int choose(struct vnx_events *ev, struct vnx_err *err)
{
	int ret = vnx_ladder_choose(&ev->hooks, &ev->conf, KINDS, attach_candidate, ev,
				    &ev->waiting, err);

	if (ret)
		return ret;
	return ev->used.n || ev->waiting ? 0 : no_event(&ev->hooks, err);
}

/* ---- the names of threads ---- */

static bool find_comm(const struct vnx_events *ev, uint32_t tid, size_t *at)
{
	size_t lo = 0, hi = ev->comms.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ev->comms.v[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return lo < ev->comms.n && ev->comms.v[lo].tid == tid;
}

/* Saved names are for the few threads that ftrace saw last: those of VMs are kept here. */
static int note_comm(struct vnx_events *ev, uint32_t tid)
{
	struct comm c = { .tid = tid };
	char path[64];
	size_t at, len;
	FILE *f;

	if (find_comm(ev, tid, &at) || ev->comms.n == COMMS_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	len = fread(c.name, 1, COMM_LEN - 1, f);
	fclose(f);
	if (len && c.name[len - 1] == '\n')
		len--;
	c.name[len] = '\0';
	for (char *p = c.name; *p; p++)
		if (*p == '\n')
			*p = '?';
	if (!len)
		return 0;
	if (vnx_vec_push(&ev->comms, c))
		return -ENOMEM;
	memmove(&ev->comms.v[at + 1], &ev->comms.v[at], (ev->comms.n - 1 - at) * sizeof(c));
	ev->comms.v[at] = c;
	return 0;
}

int vnx_events_refresh(struct vnx_events *ev, const uint32_t *tids, size_t n_tids,
		       struct vnx_err *err)
{
	if (ev->stopped)
		return 0;
	for (size_t i = 0; i < n_tids; i++)
		if (note_comm(ev, tids[i]))
			return no_memory(err);
	if (!ev->waiting || vnx_kernel_refresh(&ev->kernel) <= 0)
		return 0;
	return choose(ev, err);
}

/* ---- pages ---- */

int vnx_events_mark(struct vnx_events *ev, const char *text)
{
	size_t len = strnlen(text, VNX_MARK_LEN);

	return write(ev->marker, text, len) < 0 ? -errno : 0;
}

uint64_t vnx_events_due_ns(const struct vnx_events *ev)
{
	return ev->due_ns;
}

static int read_failed(unsigned cpu, int err_no, struct vnx_err *err)
{
	return vnx_err_set(err, -err_no, VNX_EXIT_FAILED, "ftrace-read",
			   "the events of CPU %u cannot be read: %s", cpu, strerror(err_no));
}

/* Bytes of whole pages that are in buf now, 0: none is full, -errno. */
static ssize_t take_full(struct vnx_events *ev, unsigned cpu)
{
	ssize_t n = splice(ev->raw[cpu], NULL, ev->pipe[1], NULL, CHUNK, SPLICE_F_NONBLOCK);
	size_t got = 0;

	if (n <= 0)
		return !n || errno == EAGAIN || errno == EINTR ? 0 : -errno;
	while (got < (size_t)n) {
		ssize_t part = read(ev->pipe[0], (char *)ev->buf + got, (size_t)n - got);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			return part ? -errno : -EIO;
		got += (size_t)part;
	}
	return n;
}

/* One begun page, as a whole one: how much of it is filled stands in its head. */
static ssize_t take_begun(struct vnx_events *ev, unsigned cpu)
{
	ssize_t n;

	memset(ev->buf, 0, ev->page_size);
	n = read(ev->raw[cpu], ev->buf, ev->page_size);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n ? ev->page_size : 0;
}

/* @taken: bytes. Not more than the buffer holds at once, so that other CPUs get their turn. */
static int read_cpu(struct vnx_events *ev, unsigned cpu, bool begun,
		    const struct vnx_events_sink *sink, size_t *taken, struct vnx_err *err)
{
	ssize_t n;
	int ret;

	*taken = 0;
	while (*taken < ev->buffer_size + ev->page_size) {
		n = begun ? take_begun(ev, cpu) : take_full(ev, cpu);
		if (n < 0)
			return read_failed(cpu, (int)-n, err);
		if (!n)
			return 0;
		*taken += (size_t)n;
		ret = sink->pages(sink->arg, cpu, ev->buf, (size_t)n, err);
		if (ret)
			return ret;
	}
	return 0;
}

int vnx_events_read(struct vnx_events *ev, bool final, const struct vnx_events_sink *sink,
		    struct vnx_err *err)
{
	size_t most = 0, taken;
	int ret = 0;

	for (unsigned cpu = 0; cpu < ev->n_cpus && !ret; cpu++) {
		if (ev->raw[cpu] < 0)
			continue;
		ret = read_cpu(ev, cpu, false, sink, &taken, err);
		most = taken > most ? taken : most;
		if (!ret && final)
			ret = read_cpu(ev, cpu, true, sink, &taken, err);
	}
	if (most > ev->buffer_size / 4 && ev->every_ns > LOOK_MIN_NS)
		ev->every_ns /= 2;
	else if (most < ev->buffer_size / 16 && ev->every_ns < LOOK_MAX_NS)
		ev->every_ns *= 2;
	ev->due_ns = vnx_clock_mono() + ev->every_ns;
	return ret;
}

void vnx_events_stop(struct vnx_events *ev)
{
	if (ev->stopped)
		return;
	ev->stopped = true;
	ev->waiting = 0;
	for (size_t i = 0; i < ev->used.n; i++)
		switch_event(ev, &ev->used.v[i], false);
	tracefs_instance_file_write(ev->inst, "tracing_on", "0");
	for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++)
		vnx_hooks_end(&ev->hooks, (enum vnx_metric)m);
}

const struct vnx_hooks *vnx_events_hooks(const struct vnx_events *ev)
{
	return &ev->hooks;
}

unsigned vnx_events_cpus(const struct vnx_events *ev)
{
	return ev->n_cpus;
}

/* ---- what readers of the pages must know ---- */

static char *read_top(const char *file)
{
	return tracefs_instance_file_read(NULL, file, NULL);
}

/* saved_cmdlines, lines "TID NAME", and the names kept here that are not in it. */
static char *collect_cmdlines(const struct vnx_events *ev)
{
	VNX_CLEANUP_FREE char *saved = read_top("saved_cmdlines");
	VNX_CLEANUP_FREE bool *told = calloc(ev->comms.n + 1, 1);
	size_t len = saved ? strlen(saved) : 0, at;
	char *out = malloc(len + ev->comms.n * (COMM_LEN + 12) + 1);

	if (!out || !told) {
		free(out);
		return NULL;
	}
	for (char *p = saved; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (find_comm(ev, (uint32_t)strtoul(p, NULL, 10), &at))
			told[at] = true;
	if (len)
		memcpy(out, saved, len);
	for (size_t i = 0; i < ev->comms.n; i++)
		if (!told[i])
			len += (size_t)sprintf(out + len, "%u %s\n", ev->comms.v[i].tid,
					       ev->comms.v[i].name);
	out[len] = '\0';
	return out;
}

/* All of ftrace's own events: the marker's is one of them. */
static int collect_ftrace(const struct vnx_events *ev, struct vnx_events_meta *out)
{
	char path[512], file[384];
	struct dirent *e;
	int ret = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/events/ftrace", ev->tracefs);
	d = opendir(path);
	while (d && !ret && (e = readdir(d))) {
		struct vnx_events_format f = { 0 };

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "events/ftrace/%s/format", e->d_name);
		f.text = read_top(file);
		f.system = strdup("ftrace");
		if (f.text && f.system)
			ret = vnx_vec_push(&out->ftrace, f);
		if (!f.text || !f.system || ret) {
			free(f.text);
			free(f.system);
		}
	}
	if (d)
		closedir(d);
	return ret;
}

static int by_system(const void *a, const void *b)
{
	return strcmp(((const struct vnx_events_format *)a)->system,
		      ((const struct vnx_events_format *)b)->system);
}

static int collect_formats(const struct vnx_events *ev, struct vnx_events_meta *out)
{
	for (size_t i = 0; i < ev->used.n; i++) {
		struct vnx_events_format f = { strdup(ev->used.v[i].system),
					       strdup(ev->used.v[i].format) };

		if (!f.system || !f.text || vnx_vec_push(&out->events, f)) {
			free(f.system);
			free(f.text);
			return -ENOMEM;
		}
	}
	if (out->events.n)
		qsort(out->events.v, out->events.n, sizeof(*out->events.v), by_system);
	return 0;
}

/* The number of a line "KEY: 12" of a CPU's stats. */
static uint64_t stat_of(const char *stats, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = stats; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p, key, n) && p[n] == ':')
			return strtoull(p + n + 1, NULL, 10);
	return 0;
}

static int collect_stats(const struct vnx_events *ev, struct vnx_events_meta *out)
{
	char file[64];

	out->stats = calloc(ev->n_cpus + 1, sizeof(*out->stats));
	out->lost = calloc(ev->n_cpus + 1, sizeof(*out->lost));
	if (!out->stats || !out->lost)
		return -ENOMEM;
	out->n_cpus = ev->n_cpus;
	for (unsigned cpu = 0; cpu < ev->n_cpus; cpu++) {
		char *text;

		snprintf(file, sizeof(file), "per_cpu/cpu%u/stats", cpu);
		text = tracefs_instance_file_read(ev->inst, file, NULL);
		out->stats[cpu] = text;
		if (text)
			out->lost[cpu] = stat_of(text, "overrun") +
					 stat_of(text, "commit overrun") +
					 stat_of(text, "dropped events");
	}
	return 0;
}

static int collect(struct vnx_events *ev, struct vnx_events_meta *out)
{
	struct utsname u;

	out->page_size = ev->page_size;
	out->header_page = read_top("events/header_page");
	out->header_event = read_top("events/header_event");
	out->kallsyms = vnx_kernel_read_file("/proc/kallsyms");
	out->printk_formats = read_top("printk_formats");
	out->cmdlines = collect_cmdlines(ev);
	out->clocks = tracefs_instance_file_read(ev->inst, "trace_clock", NULL);
	if (!uname(&u))
		out->uname =
			vnx_asprintf("%s %s %s %s", u.sysname, u.nodename, u.release, u.machine);
	if (!out->header_page || !out->header_event)
		return -EIO;
	if (!out->cmdlines || !out->uname || collect_ftrace(ev, out) || collect_formats(ev, out) ||
	    collect_stats(ev, out))
		return -ENOMEM;
	return 0;
}

int vnx_events_meta(struct vnx_events *ev, struct vnx_events_meta *out, struct vnx_err *err)
{
	int ret;

	*out = (struct vnx_events_meta){ 0 };
	ret = collect(ev, out);
	if (!ret)
		return 0;
	vnx_events_meta_fini(out);
	if (ret == -ENOMEM)
		return no_memory(err);
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "ftrace-read",
			   "ftrace's header_page and header_event cannot be read");
}

static void formats_fini(struct vnx_events_format *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].system);
		free(v[i].text);
	}
	free(v);
}

void vnx_events_meta_fini(struct vnx_events_meta *meta)
{
	for (unsigned cpu = 0; meta->stats && cpu < meta->n_cpus; cpu++)
		free(meta->stats[cpu]);
	formats_fini(meta->ftrace.v, meta->ftrace.n);
	formats_fini(meta->events.v, meta->events.n);
	free(meta->header_page);
	free(meta->header_event);
	free(meta->kallsyms);
	free(meta->printk_formats);
	free(meta->cmdlines);
	free(meta->clocks);
	free(meta->uname);
	free(meta->stats);
	free(meta->lost);
	*meta = (struct vnx_events_meta){ 0 };
}

/* ---- set-up ---- */

/* One more than the highest N of per_cpu/cpuN; CPUs that may come later are among them. */
static unsigned count_cpus(const struct vnx_events *ev)
{
	char path[512];
	unsigned n = 0, cpu;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/per_cpu", ev->tracefs);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "cpu%u", &cpu) == 1 && cpu >= n && cpu < 65536)
			n = cpu + 1;
	if (d)
		closedir(d);
	return n;
}

static size_t choose_buffer_size(unsigned n_cpus)
{
	struct sysinfo si;
	uint64_t share;

	if (sysinfo(&si))
		return BUFFER_MIN;
	share = (uint64_t)si.totalram * si.mem_unit / MEMORY_PART / (n_cpus ? n_cpus : 1);
	return share > BUFFER_MAX ? BUFFER_MAX : share < BUFFER_MIN ? BUFFER_MIN : (size_t)share;
}

static int make_instance(struct vnx_events *ev, struct vnx_err *err)
{
	char name[48], size_kb[24];
	int ret;

	snprintf(name, sizeof(name), VNX_INSTANCE_FMT, getpid(), "e");
	errno = 0;
	ev->inst = tracefs_instance_create(name);
	if (!ev->inst) {
		ret = errno ? -errno : -EIO;
		vnx_err_hint(err, "Run as root");
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-instance",
				   "ftrace gives no instance: %s", strerror(-ret));
	}
	ev->n_cpus = count_cpus(ev);
	ev->buffer_size = choose_buffer_size(ev->n_cpus);
	snprintf(size_kb, sizeof(size_kb), "%zu", ev->buffer_size >> 10);
	if (tracefs_instance_file_write(ev->inst, "trace_clock", "mono") <= 0)
		return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-clock",
				   "ftrace refuses the clock mono");
	/* Not given? Then what there is has to do: losses are told. */
	tracefs_instance_file_write(ev->inst, "buffer_size_kb", size_kb);
	return 0;
}

static int open_cpus(struct vnx_events *ev, struct vnx_err *err)
{
	char file[64];

	ev->raw = malloc((ev->n_cpus ? ev->n_cpus : 1) * sizeof(*ev->raw));
	if (!ev->raw) {
		ev->n_cpus = 0;
		return no_memory(err);
	}
	for (unsigned cpu = 0; cpu < ev->n_cpus; cpu++)
		ev->raw[cpu] = -1;
	for (unsigned cpu = 0; cpu < ev->n_cpus; cpu++) {
		snprintf(file, sizeof(file), "per_cpu/cpu%u/trace_pipe_raw", cpu);
		ev->raw[cpu] = tracefs_instance_file_open(ev->inst, file,
							  O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (ev->raw[cpu] < 0 && errno != ENOENT)
			return read_failed(cpu, errno, err);
	}
	return 0;
}

static int open_channels(struct vnx_events *ev, struct vnx_err *err)
{
	int ret = open_cpus(ev, err);

	if (ret)
		return ret;
	ev->marker = tracefs_instance_file_open(ev->inst, "trace_marker", O_WRONLY | O_CLOEXEC);
	ev->buf = malloc(CHUNK);
	if (!ev->buf)
		return no_memory(err);
	if (ev->marker < 0 || pipe2(ev->pipe, O_CLOEXEC))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "ftrace-open",
				   "the events' instance cannot be opened: %s", strerror(errno));
	/* Refused, splice gives less at a time. */
	fcntl(ev->pipe[1], F_SETPIPE_SZ, CHUNK);
	return 0;
}

static int set_up(struct vnx_events *ev, struct vnx_err *err)
{
	int ret = vnx_tracefs_open(&ev->tracefs, err);

	if (ret)
		return ret;
	vnx_tracefs_clean();
	ret = vnx_kernel_load(&ev->kernel, &ev->conf);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-symbols",
				   "the kernel's symbols cannot be read: %s", strerror(-ret));
	snprintf(ev->group, sizeof(ev->group), VNX_GROUP_FMT "_e", getpid());
	ret = make_instance(ev, err);
	if (!ret)
		ret = open_channels(ev, err);
	return ret ? ret : choose(ev, err);
}

int vnx_events_open(struct vnx_events **out, const struct vnx_capture_conf *conf,
		    struct vnx_err *err)
{
	struct vnx_events *ev = calloc(1, sizeof(*ev));
	int ret;

	*out = NULL;
	if (!ev)
		return no_memory(err);
	ev->pipe[0] = ev->pipe[1] = ev->marker = -1;
	ev->page_size = (unsigned)sysconf(_SC_PAGESIZE);
	ev->every_ns = LOOK_MAX_NS;
	ret = vnx_capture_conf_copy(&ev->conf, conf) ? no_memory(err) : set_up(ev, err);
	if (ret)
		vnx_events_close(ev);
	else
		*out = ev;
	return ret;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vnx_events_close(struct vnx_events *ev)
{
	if (!ev)
		return;
	if (ev->inst)
		vnx_events_stop(ev);
	for (unsigned cpu = 0; ev->raw && cpu < ev->n_cpus; cpu++)
		close_fd(ev->raw[cpu]);
	close_fd(ev->pipe[0]);
	close_fd(ev->pipe[1]);
	close_fd(ev->marker);
	if (ev->inst) {
		tracefs_instance_destroy(ev->inst);
		tracefs_instance_free(ev->inst);
	}
	for (size_t i = 0; i < ev->used.n; i++)
		event_fini(&ev->used.v[i]);
	vnx_hooks_fini(&ev->hooks);
	vnx_kernel_fini(&ev->kernel);
	vnx_capture_conf_fini(&ev->conf);
	free(ev->used.v);
	free(ev->comms.v);
	free(ev->raw);
	free(ev->buf);
	free(ev->tracefs);
	free(ev);
}
