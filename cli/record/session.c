// SPDX-License-Identifier: GPL-2.0-only
#include "cli/record/session.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "bpf/ladder.h"
#include "cli/record/event_file.h"
#include "cli/host/host.h"
#include "cli/record/load.h"
#include "cli/record/memory.h"
#include "cli/base/progress.h"
#include "cli/base/stop.h"
#include "cli/record/verify.h"

/* The taps are read as a bin ends, the hooks this much later: theirs are over by then. */
#define READ_DELAY_NS (20 * VNX_NSEC_PER_MSEC)
#define SCAN_NS VNX_NSEC_PER_SEC
/* Looking for VMs may take 1/1000 of a CPU, unless news would be older than this. */
#define SCAN_SHARE 1000
#define SCAN_MAX_NS (10 * VNX_NSEC_PER_SEC)
/* CLOCK_REALTIME moving this much against MONOTONIC is a step, not a slew. */
#define STEP_NS (100 * (int64_t)VNX_NSEC_PER_MSEC)
#define WANTED 4u /* call metrics, see capture_conf() */
#define LOAD_GRACE_NS (2 * VNX_NSEC_PER_SEC)

struct session {
	const struct vnx_session_conf *conf;
	const struct vnx_capture_ops *ops;
	struct vnx_capture *cap;
	struct vnx_host *host;
	struct vnx_tapstats *taps;
	struct vnx_recording *rec; /* NULL: somebody looks on, nothing is kept */
	struct vnx_event_file *events;
	struct vnx_load *load;
	struct vnx_load_lines lines;
	size_t lines_written;
	struct vnx_samples samples;
	struct vnx_evidence *evidence;
	struct vnx_holds holds;
	unsigned sources_off; /* of what is written */
	struct vnx_verify verify;
	struct vnx_run_facts facts;
	struct vnx_progress progress;
	uint64_t start_ns, edge_ns, scanned_ns, next_scan_ns;
	bool taps_read; /* of the bin that ends at edge_ns */
	double cpu_at_start_s;
	bool vms_changed, watch_done;
	uint64_t hooks_state; /* of what is written */
};

static struct vnx_capture_conf capture_conf(const struct session *s)
{
	return (struct vnx_capture_conf){
		.bin_ns = s->conf->bin_ns,
		.metrics = 1u << VNX_HANDLE_TX | 1u << VNX_HANDLE_RX | 1u << VNX_VCPU_ENTER |
			   1u << VNX_VCPU_HALT,
		.overrides = s->conf->overrides,
		.n_overrides = s->conf->n_overrides,
		.threads_hint = vnx_host_tids(s->host)->n,
	};
}

/* Before counting begins and, at the end, after it: all that is counted is among the events. */
static int open_events(struct session *s, struct vnx_err *err)
{
	struct vnx_capture_conf cc = capture_conf(s);

	return vnx_event_file_open(&s->events, s->conf->events_path, s->conf->force, s->conf->quiet,
				   &cc, err);
}

static int open_with(struct session *s, const struct vnx_capture_ops *ops, struct vnx_err *err)
{
	struct vnx_capture_conf cc = capture_conf(s);
	struct vnx_capture *cap = NULL;
	int ret = ops->probe(err);

	if (!ret)
		ret = ops->open(&cap, &cc, err);
	if (ret)
		return ret;
	s->ops = ops;
	s->cap = cap;
	return 0;
}

/* @was has been opened before: the one that covers more stays, the earlier if both do. */
static void keep_better(struct session *s, const struct vnx_capture_ops *was,
			struct vnx_capture *was_open)
{
	unsigned n = vnx_hooks_cover(s->ops->hooks(s->cap)), n_was;

	if (!was)
		return;
	n_was = vnx_hooks_cover(was->hooks(was_open));
	if (n > n_was) {
		if (!s->conf->quiet)
			fprintf(stderr,
				"vnetdx: back end %s counts %u of %u functions here, %s %u: "
				"counting by %s\n",
				was->name, n_was, WANTED, s->ops->name, n, s->ops->name);
		was->close(was_open);
		return;
	}
	s->ops->close(s->cap);
	s->ops = was;
	s->cap = was_open;
}

/* The back end that covers most, the first of several; why others cannot is told with -v. */
static int open_capture(struct session *s, struct vnx_err *err)
{
	struct vnx_err first = { 0 };

	if (strcmp(s->conf->backend, "auto"))
		return open_with(s, vnx_capture_find(s->conf->backend), err);
	for (size_t i = 0; vnx_captures[i]; i++) {
		const struct vnx_capture_ops *was = s->ops;
		struct vnx_capture *was_open = s->cap;
		struct vnx_err why = { 0 };

		if (!open_with(s, vnx_captures[i], &why))
			keep_better(s, was, was_open);
		else if (s->conf->verbose)
			fprintf(stderr, "back end %s: %s\n", vnx_captures[i]->name, why.message);
		if (!first.message[0])
			first = why;
		if (s->cap && vnx_hooks_cover(s->ops->hooks(s->cap)) == WANTED)
			return 0;
	}
	if (s->cap)
		return 0;
	*err = first;
	return -ENOTSUP;
}

/* The back end's bins began before all hooks were attached: ours begin with the next one. */
static uint64_t next_edge(const struct session *s, uint64_t now_ns)
{
	uint64_t zero_ns = s->ops->start_ns(s->cap);

	if (now_ns <= zero_ns)
		return zero_ns;
	return zero_ns + ((now_ns - zero_ns) / s->conf->bin_ns + 1) * s->conf->bin_ns;
}

static void fill_facts(struct session *s)
{
	struct utsname u;

	s->facts = (struct vnx_run_facts){
		.bin_ns = s->conf->bin_ns,
		.start_ns = next_edge(s, vnx_clock_mono()),
		.realtime_minus_mono_ns = vnx_clock_real_minus_mono(),
		.stage_s = (double)s->conf->stage_ns / VNX_NSEC_PER_SEC,
		.cpu_share = NAN,
		.stats.ns_per_event = NAN,
	};
	s->facts.end_ns = s->facts.start_ns;
	s->edge_ns = s->facts.start_ns + s->conf->bin_ns;
	snprintf(s->facts.capture, sizeof(s->facts.capture), "%s", s->ops->name);
	snprintf(s->facts.clock, sizeof(s->facts.clock), "mono");
	if (!uname(&u)) {
		snprintf(s->facts.kernel, sizeof(s->facts.kernel), "%s", u.release);
		snprintf(s->facts.host, sizeof(s->facts.host), "%s", u.nodename);
	}
	for (char **a = s->conf->command; a && *a; a++) {
		size_t n = strlen(s->facts.command);

		snprintf(s->facts.command + n, sizeof(s->facts.command) - n, "%s%s", n ? " " : "",
			 *a);
	}
}

/* --vm: who is judged. The samples of others belong to nobody; they can be named, no more. */
static bool wanted_vm(const struct vnx_session_conf *conf, const struct vnx_vm *vm)
{
	for (size_t i = 0; i < conf->n_vms; i++)
		if (vnx_vm_matches(vm, conf->vms[i]))
			return true;
	return !conf->n_vms;
}

/* The lists are to be freed, the VMs in them are the host's. */
static int list_vms(const struct session *s, struct vnx_vms *wanted, struct vnx_vms *others)
{
	const struct vnx_vms *all = vnx_host_vms(s->host);
	int ret = 0;

	for (size_t i = 0; i < all->n && !ret; i++)
		ret = wanted_vm(s->conf, &all->v[i]) ? vnx_vec_push(wanted, all->v[i])
						     : vnx_vec_push(others, all->v[i]);
	return ret;
}

static int write_vms(struct session *s, struct vnx_err *err)
{
	struct vnx_vms wanted = { 0 }, others = { 0 };
	int ret = list_vms(s, &wanted, &others);

	if (!ret)
		ret = vnx_recording_put_vms(s->rec, &wanted, &others, err);
	vnx_event_file_mark(s->events, &wanted);
	free(wanted.v);
	free(others.v);
	s->vms_changed = false;
	return ret;
}

static int read_evidence(struct session *s, bool last, struct vnx_err *err)
{
	struct vnx_scene scene = { .now_ns = vnx_clock_mono(),
				   .vms = vnx_host_vms(s->host),
				   .load_pid = s->load ? vnx_load_pid(s->load) : 0,
				   .last = last };
	struct vnx_readings out = { &s->samples, &s->holds };

	return vnx_evidence_read(s->evidence, &scene, &out, err);
}

/* A source may end on the way. */
static int write_sources(struct session *s, struct vnx_err *err)
{
	const struct vnx_source_states *states = vnx_evidence_states(s->evidence);
	unsigned off = 1;
	int ret;

	for (size_t i = 0; i < states->n; i++)
		off += states->v[i].why[0] != '\0';
	if (off == s->sources_off)
		return 0;
	ret = vnx_recording_put_sources(s->rec, states, err);
	if (!ret)
		s->sources_off = off;
	return ret;
}

static bool is_override(const struct session *s, enum vnx_metric metric)
{
	for (size_t i = 0; i < s->conf->n_overrides; i++)
		if (s->conf->overrides[i].metric == metric)
			return true;
	return false;
}

/* Once counting has ended nothing can take the place of a hook that never ran. */
static int distrust(struct session *s, struct vnx_hook *hook, const char *why, bool final,
		    struct vnx_err *err)
{
	enum vnx_metric metric = hook->metric;

	if (!s->conf->quiet)
		fprintf(stderr, "vnetdx: %s of %s %s\n", hook->hook, vnx_metric_name(metric), why);
	s->next_scan_ns = 0; /* a back end that counts by thread learns of them then */
	if (!final)
		return s->ops->distrust(s->cap, metric, why, err);
	return vnx_hooks_distrust(s->ops->hooks(s->cap), metric, why);
}

/* A hook that is silent while its account moves is replaced; one that the user named is told. */
static int verify_hooks(struct session *s, bool final, struct vnx_err *err)
{
	struct vnx_hooks *hooks = s->ops->hooks(s->cap);
	int ret = 0;

	vnx_verify_add(&s->verify, &s->samples, vnx_host_vms(s->host), s->ops->listed_only,
		       vnx_evidence_states(s->evidence), hooks);
	for (size_t i = 0; i < hooks->n && !ret; i++) {
		struct vnx_hook *hook = &hooks->v[i];
		char why[VNX_WHY_LEN];

		if (!vnx_verify_denies(&s->verify, hook, why))
			continue;
		if (is_override(s, hook->metric))
			memcpy(hook->verified.why, why, sizeof(why));
		else
			ret = distrust(s, hook, why, final, err);
	}
	return ret;
}

/*
 * Hooks change when a module comes or goes, one turns out to be silent, and at the end; what they
 * are held against grows from bin to bin, and is written with them.
 */
static int write_hooks(struct session *s, bool final, struct vnx_err *err)
{
	const struct vnx_hooks *hooks = s->ops->hooks(s->cap);
	uint64_t state = 1;
	int ret;

	for (size_t i = 0; i < hooks->n; i++)
		state = (state * 31 + hooks->v[i].since_ns) * 31 + hooks->v[i].until_ns +
			hooks->v[i].refused.n + !hooks->v[i].verified.account;
	if (state == s->hooks_state && !final)
		return 0;
	ret = vnx_recording_put_hooks(s->rec, hooks, err);
	if (!ret)
		s->hooks_state = state;
	return ret;
}

static int check_vm_names(struct session *s, struct vnx_err *err)
{
	const struct vnx_vms *all = vnx_host_vms(s->host);
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += wanted_vm(s->conf, &all->v[i]);
	if (n || !s->conf->n_vms)
		return 0;
	if (all->n)
		vnx_err_hint(err, "`vnetdx topology` lists the %zu VM%s here.", all->n,
			     all->n == 1 ? "" : "s");
	else
		vnx_err_hint(err, "No VM runs here, or none can be seen: `vnetdx topology` tells.");
	return vnx_err_set(err, -ENOENT, VNX_EXIT_FAILED, "no-such-vm", "no VM answers to --vm %s",
			   s->conf->vms[0]);
}

static uint64_t scan_pause_ns(uint64_t cost_ns)
{
	uint64_t pause_ns = cost_ns * SCAN_SHARE;

	return pause_ns < SCAN_NS ? SCAN_NS : pause_ns > SCAN_MAX_NS ? SCAN_MAX_NS : pause_ns;
}

static int scan(struct session *s, uint64_t now_ns, struct vnx_err *err)
{
	uint64_t begun_ns = vnx_clock_thread_cpu();
	const struct vnx_u32s *tids;
	bool changed = false;
	int ret = vnx_host_scan(s->host, now_ns, &changed, err);

	if (ret)
		return ret;
	s->vms_changed |= changed;
	if (s->cap) {
		tids = vnx_host_tids(s->host);
		vnx_event_file_refresh(s->events, tids->v, tids->n);
		ret = s->ops->refresh(s->cap, tids->v, tids->n, err);
	}
	s->scanned_ns = now_ns;
	s->next_scan_ns = now_ns + scan_pause_ns(vnx_clock_thread_cpu() - begun_ns);
	return ret;
}

static double own_cpu_s(void)
{
	struct rusage ru;

	if (getrusage(RUSAGE_SELF, &ru))
		return 0;
	return ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static int create_recording(struct session *s, struct vnx_err *err)
{
	int ret = vnx_recording_create(s->conf->path, s->conf->force, &s->facts, &s->rec, err);

	if (!ret)
		ret = write_vms(s, err);
	if (!ret)
		ret = write_hooks(s, false, err);
	if (!ret)
		ret = write_sources(s, err);
	return ret ? ret : vnx_recording_commit(s->rec, err);
}

static int start(struct session *s, struct vnx_err *err)
{
	int ret;

	vnx_files_raise();
	vnx_memory_keep_small();
	s->host = vnx_host_new("/proc");
	if (!s->host)
		return -ENOMEM;
	ret = scan(s, vnx_clock_mono(), err);
	if (!ret)
		ret = check_vm_names(s, err);
	if (!ret)
		ret = open_events(s, err);
	if (!ret)
		ret = open_capture(s, err);
	if (!ret)
		ret = scan(s, vnx_clock_mono(), err);
	if (!ret)
		ret = vnx_evidence_open(&s->evidence, s->conf->without, s->conf->n_without, err);
	/* The first reading opens files and finds sockets: it takes longest and yields nothing yet.
	 */
	if (!ret)
		ret = read_evidence(s, false, err);
	if (ret)
		return ret;
	vnx_memory_give_back();
	fill_facts(s);
	if (!s->conf->watch)
		ret = create_recording(s, err);
	if (!ret)
		ret = vnx_tapstats_open(&s->taps, err);
	if (!ret)
		ret = vnx_tapstats_read(s->taps, vnx_host_vms(s->host), &s->samples, err);
	if (!ret && s->conf->command)
		ret = vnx_load_start(&s->load, s->conf->command, s->conf->bin_ns, err);
	s->start_ns = vnx_clock_mono();
	s->cpu_at_start_s = own_cpu_s();
	return ret;
}

/* A thread that entered a guest is a vCPU, however the VMM names it. */
static int learn_threads(struct session *s)
{
	for (size_t i = 0; i < s->samples.n; i++) {
		int ret;

		if (s->samples.v[i].metric != VNX_VCPU_ENTER)
			continue;
		ret = vnx_host_note_thread(s->host, s->samples.v[i].entity);
		if (ret == -ENOMEM)
			return ret;
		s->vms_changed |= ret == 1;
		/* A VM that is not known yet: looked at before its turn. */
		if (ret == VNX_HOST_STRANGER && s->next_scan_ns > s->scanned_ns + SCAN_NS)
			s->next_scan_ns = s->scanned_ns + SCAN_NS;
	}
	return 0;
}

/* What the run itself costs: setting up and the analysis afterwards are not in it. */
static double cpu_share(const struct session *s, uint64_t now_ns)
{
	double own_s = own_cpu_s() - s->cpu_at_start_s;

	if (!isnan(s->facts.stats.ns_per_event))
		own_s += s->facts.stats.events * s->facts.stats.ns_per_event / 1e9;
	return own_s / ((double)(now_ns - s->start_ns) / VNX_NSEC_PER_SEC);
}

static void update_facts(struct session *s, uint64_t now_ns)
{
	int64_t drift = vnx_clock_real_minus_mono() - s->facts.realtime_minus_mono_ns;
	uint64_t whole =
		now_ns > s->facts.start_ns ? (now_ns - s->facts.start_ns) / s->conf->bin_ns : 0;

	if (drift > STEP_NS || drift < -STEP_NS)
		s->facts.clock_stepped = true;
	s->facts.end_ns = s->facts.start_ns + whole * s->conf->bin_ns;
	s->ops->stats(s->cap, &s->facts.stats);
	if (now_ns > s->start_ns)
		s->facts.cpu_share = cpu_share(s, now_ns);
}

static int write_recording(struct session *s, bool final, struct vnx_err *err)
{
	int ret = vnx_recording_add_samples(s->rec, &s->samples, err);

	if (!ret)
		ret = vnx_recording_add_holds(s->rec, &s->holds, err);
	if (!ret)
		ret = write_sources(s, err);
	if (!ret && (s->vms_changed || final))
		ret = write_vms(s, err);
	if (!ret && s->lines.n > s->lines_written)
		ret = vnx_recording_add_lines(s->rec, &s->lines, s->lines_written, err);
	if (!ret)
		ret = write_hooks(s, final, err);
	if (!ret)
		ret = vnx_recording_update(s->rec, &s->facts, err);
	if (!ret)
		ret = vnx_recording_commit(s->rec, err);
	s->lines_written = s->lines.n;
	return ret;
}

static int show_watch(struct session *s, struct vnx_err *err)
{
	struct vnx_vms wanted = { 0 }, others = { 0 };
	struct vnx_seen seen = { .facts = &s->facts,
				 .vms = &wanted,
				 .others = &others,
				 .hooks = s->ops->hooks(s->cap),
				 .sources = vnx_evidence_states(s->evidence),
				 .samples = &s->samples,
				 .holds = &s->holds,
				 .partial = vnx_host_partial(s->host) };
	int ret = list_vms(s, &wanted, &others);

	if (!ret)
		ret = s->conf->watch->on_bin(s->conf->watch->arg, &seen, err);
	free(wanted.v);
	free(others.v);
	return ret;
}

/* Everything that is known by now goes into the recording as one transaction. */
static int write_out(struct session *s, bool final, struct vnx_err *err)
{
	uint64_t now_ns = vnx_clock_mono();
	int ret;

	ret = s->ops->read(s->cap, &s->samples, final, err);
	if (!ret && final)
		ret = vnx_tapstats_read(s->taps, vnx_host_vms(s->host), &s->samples, err);
	if (!ret && final)
		ret = read_evidence(s, true, err);
	if (!ret)
		ret = learn_threads(s);
	if (!ret)
		ret = verify_hooks(s, final, err);
	if (ret)
		return ret;
	update_facts(s, now_ns);
	s->facts.finished = final;
	ret = s->rec ? write_recording(s, final, err) : show_watch(s, err);
	vnx_progress_update(&s->progress, &s->samples, now_ns);
	s->samples.n = 0;
	s->holds.n = 0;
	return ret;
}

/* Lets the one who looks on have his turn; he may end the run. */
static int wake_watch(struct session *s, struct vnx_err *err)
{
	const struct vnx_watch *w = s->conf->watch;
	int ret = w ? w->on_wake(w->arg, err) : 0;

	s->watch_done |= ret == 1;
	return ret < 0 ? ret : 0;
}

/* Sleeps until the next thing to do; takes in what the load prints meanwhile. */
static int wait_and_pump(struct session *s, struct vnx_err *err)
{
	const struct vnx_watch *w = s->conf->watch;
	uint64_t now_ns = vnx_clock_mono();
	uint64_t due_ns = s->edge_ns + (s->taps_read ? READ_DELAY_NS : 0);
	uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
	int timeout_ms = (int)((left_ns + VNX_NSEC_PER_MSEC - 1) / VNX_NSEC_PER_MSEC);
	struct pollfd pfd[2] = { { .fd = s->load ? vnx_load_fd(s->load) : -1, .events = POLLIN },
				 { .fd = w ? w->fd : -1, .events = POLLIN } };
	int ret;

	timeout_ms = vnx_event_file_timeout_ms(s->events, timeout_ms);
	if (w && timeout_ms > VNX_WATCH_MS)
		timeout_ms = VNX_WATCH_MS;
	if (poll(pfd, 2, timeout_ms) < 0 && errno != EINTR)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "io", "poll failed: %s",
				   strerror(errno));
	ret = wake_watch(s, err);
	return !ret && pfd[0].revents ? vnx_load_pump(s->load, &s->lines, err) : ret;
}

static bool is_over(const struct session *s, uint64_t now_ns)
{
	if (vnx_stop_asked() || s->watch_done)
		return true;
	if (s->conf->duration_ns && now_ns - s->start_ns >= s->conf->duration_ns)
		return true;
	return s->load && !vnx_load_running(s->load);
}

/* What is due at this moment of the bin: first the taps, a little later all the rest. */
static int tick(struct session *s, struct vnx_err *err)
{
	uint64_t now_ns = vnx_clock_mono();
	int ret = 0;

	if (!s->taps_read && now_ns >= s->edge_ns) {
		s->taps_read = true;
		ret = vnx_tapstats_read(s->taps, vnx_host_vms(s->host), &s->samples, err);
		if (!ret)
			ret = read_evidence(s, false, err);
	}
	if (ret || now_ns < s->edge_ns + READ_DELAY_NS)
		return ret;
	ret = write_out(s, false, err);
	s->taps_read = false;
	while (s->edge_ns <= vnx_clock_mono())
		s->edge_ns += s->conf->bin_ns;
	if (!ret && vnx_clock_mono() >= s->next_scan_ns)
		ret = scan(s, vnx_clock_mono(), err);
	return ret;
}

static int run(struct session *s, struct vnx_err *err)
{
	int ret = 0;

	while (!ret && !is_over(s, vnx_clock_mono())) {
		ret = wait_and_pump(s, err);
		vnx_event_file_pump(s->events);
		if (!ret)
			ret = tick(s, err);
	}
	return ret;
}

/* Ends the load, takes its last words, then stops counting. */
static int finish(struct session *s, bool *load_failed, struct vnx_err *err)
{
	struct vnx_err why = { 0 };
	bool ours = s->load && vnx_load_running(s->load);
	int ret = 0;

	if (s->conf->watch)
		s->conf->watch->on_end(s->conf->watch->arg);
	if (s->load) {
		vnx_load_stop(s->load, LOAD_GRACE_NS, &s->lines);
		*load_failed = vnx_load_failed(s->load, ours, &why);
	}
	ret = s->ops->detach(s->cap, err);
	if (!ret)
		ret = scan(s, vnx_clock_mono(), err);
	if (!ret)
		ret = write_out(s, true, err);
	vnx_progress_end(&s->progress);
	vnx_event_file_finish(s->events);
	s->events = NULL;
	if (*load_failed)
		fprintf(stderr, "vnetdx: %s\n        What was measured until then is kept.\n",
			why.message);
	return ret;
}

static void free_session(struct session *s)
{
	struct vnx_err ignored = { 0 };

	if (s->load)
		vnx_load_stop(s->load, LOAD_GRACE_NS, &s->lines);
	vnx_load_free(s->load);
	vnx_event_file_discard(s->events);
	if (s->cap)
		s->ops->close(s->cap);
	if (s->rec)
		vnx_recording_close(s->rec, &ignored);
	vnx_evidence_close(s->evidence);
	vnx_tapstats_close(s->taps);
	vnx_host_free(s->host);
	vnx_load_lines_fini(&s->lines);
	free(s->samples.v);
	free(s->holds.v);
}

static void announce(const struct session *s)
{
	const struct vnx_vms *vms = vnx_host_vms(s->host);

	if (s->conf->quiet)
		return;
	if (vnx_host_partial(s->host))
		fprintf(stderr, "vnetdx: %s\n        %s\n", vnx_host_partial(s->host)->message,
			vnx_host_partial(s->host)->hint);
	if (!vms->n)
		fprintf(stderr, "vnetdx: no VM runs on this host now; one that starts is taken in. "
				"`vnetdx topology` tells how VMs are looked for.\n");
	if (s->load && vnx_load_added(s->load)[0])
		fprintf(stderr, "vnetdx: added %s to the command, to have its intervals in time\n",
			vnx_load_added(s->load));
}

int vnx_session_run(const struct vnx_session_conf *conf, struct vnx_recording **out,
		    bool *load_failed, struct vnx_err *err)
{
	struct session s = { .conf = conf };
	int ret;

	*out = NULL;
	*load_failed = false;
	vnx_stop_catch();
	ret = start(&s, err);
	if (ret)
		goto out;
	announce(&s);
	vnx_progress_begin(&s.progress, conf->quiet, s.start_ns, conf->duration_ns, conf->bin_ns);
	if (conf->watch && conf->watch->fd >= 0)
		vnx_event_file_tell_later(s.events);
	ret = run(&s, err);
	if (!ret)
		ret = finish(&s, load_failed, err);
	if (ret) {
		if (conf->watch)
			conf->watch->on_end(conf->watch->arg);
		vnx_progress_end(&s.progress);
		vnx_event_file_finish(s.events); /* what there is, is kept */
		s.events = NULL;
		goto out;
	}
	*out = s.rec;
	s.rec = NULL;
out:
	free_session(&s);
	vnx_stop_release();
	return ret;
}
