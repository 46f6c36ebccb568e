// SPDX-License-Identifier: GPL-2.0-only
#include "cli/record/event_file.h"

#include <inttypes.h>
#include <unistd.h>

#include "bpf/events.h"
#include "bpf/clock.h"
#include "cli/record/trace_dat_write.h"
#include "cli/base/safe.h"
#include "cli/base/units.h"

#define NAME_MAX_LEN 600 /* escaped, so that pid, back end and some threads have room beside it */
#define MAX_SHOWN 8      /* CPUs whose losses are told one by one */

struct vnx_event_file {
	char *path;
	struct vnx_events *events;
	struct vnx_trace_dat *dat;
	bool quiet, later; /* later: what goes wrong is told at the end */
	bool failed;       /* what there is by then is kept */
	char why[sizeof(((struct vnx_err *)0)->message)]; /* it failed, and was not told yet */
};

/* ---- markers ---- */

/* As much of @name as fits, never half a character. */
static void escape_name(const char *name, char out[NAME_MAX_LEN + 1])
{
	size_t n = 0, len;
	uint32_t cp;

	for (; (len = vnx_utf8_next(name, &cp)); name += len) {
		bool plain = cp != ' ' && cp != '%' && cp != 0xfffd && !vnx_utf8_is_control(cp);

		if (n + len * (plain ? 1 : 3) > NAME_MAX_LEN)
			break;
		for (size_t i = 0; i < len; i++)
			n += (size_t)sprintf(out + n, plain ? "%c" : "%%%02X",
					     (unsigned char)name[i]);
	}
	out[n] = '\0';
}

struct line {
	char text[VNX_MARK_LEN + 1], tail[NAME_MAX_LEN + 8];
	size_t len, head; /* head: without any threads */
	int (*emit)(void *arg, const char *line);
	void *arg;
};

static int send_line(struct line *l)
{
	strcpy(l->text + l->len, l->tail);
	l->len = l->head;
	return l->emit(l->arg, l->text);
}

/* " workers=15,16"; a line that is full is sent and begun anew. */
static int put_tids(struct line *l, const char *key, const struct vnx_u32s *tids)
{
	size_t room = VNX_MARK_LEN - strlen(l->tail);
	bool listing = false;

	for (size_t i = 0; i < tids->n; i++) {
		char word[32];
		int ret = 0;

		snprintf(word, sizeof(word), ",%" PRIu32, tids->v[i]);
		if (listing && l->len + strlen(word) > room) {
			ret = send_line(l);
			listing = false;
		}
		if (ret)
			return ret;
		if (!listing)
			snprintf(word, sizeof(word), " %s=%" PRIu32, key, tids->v[i]);
		strcpy(l->text + l->len, word);
		l->len += strlen(word);
		listing = true;
	}
	return 0;
}

int vnx_event_mark_vm(const struct vnx_vm *vm, int (*emit)(void *arg, const char *line), void *arg)
{
	char name[NAME_MAX_LEN + 1];
	struct line l = { .emit = emit, .arg = arg };
	int ret;

	escape_name(vm->name ? vm->name : "", name);
	snprintf(l.tail, sizeof(l.tail), "%s%s", *name ? " name=" : "", name);
	l.head = l.len =
		(size_t)snprintf(l.text, sizeof(l.text), "vnetdx vm pid=%" PRIu32 " backend=%s",
				 vm->pid, vnx_backend_name(vm->backend));
	ret = put_tids(&l, "workers", &vm->workers);
	if (!ret && l.len + 32 > VNX_MARK_LEN - strlen(l.tail))
		ret = send_line(&l);
	if (!ret)
		ret = put_tids(&l, "vcpus", &vm->vcpus);
	return ret ? ret : send_line(&l);
}

/* ---- the run ---- */

static void tell_trouble(const struct vnx_event_file *ef, const char *why)
{
	bool late = *ef->why;

	fprintf(stderr, "%svnetdx: %s\n        No more events %s recorded to %s; counting %s on.\n",
		!ef->quiet && isatty(STDERR_FILENO) ? "\n" : "", why, late ? "were" : "are",
		ef->path, late ? "went" : "goes");
}

/* Counting goes on: so the first trouble is a warning, and the last word on the matter. */
static void give_up(struct vnx_event_file *ef, const struct vnx_err *why)
{
	if (ef->failed)
		return;
	ef->failed = true;
	vnx_events_stop(ef->events);
	if (ef->later)
		snprintf(ef->why, sizeof(ef->why), "%s", why->message);
	else
		tell_trouble(ef, why->message);
}

static int emit_mark(void *arg, const char *line)
{
	struct vnx_event_file *ef = arg;

	return vnx_events_mark(ef->events, line);
}

/* Times of the trace are monotonic; a load's own are the wall clock's. */
static int mark_clock(struct vnx_event_file *ef)
{
	char line[96];

	snprintf(line, sizeof(line), "vnetdx clock realtime_minus_mono_ns=%" PRId64,
		 vnx_clock_real_minus_mono());
	return emit_mark(ef, line);
}

void vnx_event_file_mark(struct vnx_event_file *ef, const struct vnx_vms *vms)
{
	struct vnx_err err = { 0 };
	int ret = 0;

	if (ef && !ef->failed)
		ret = mark_clock(ef);
	for (size_t i = 0; ef && !ef->failed && !ret && i < vms->n; i++)
		ret = vnx_event_mark_vm(&vms->v[i], emit_mark, ef);
	if (!ret)
		return;
	vnx_err_set(&err, ret, VNX_EXIT_FAILED, "io", "ftrace takes no marker: %s", strerror(-ret));
	give_up(ef, &err);
}

void vnx_event_file_refresh(struct vnx_event_file *ef, const uint32_t *tids, size_t n_tids)
{
	struct vnx_err err = { 0 };

	if (ef && !ef->failed && vnx_events_refresh(ef->events, tids, n_tids, &err))
		give_up(ef, &err);
}

static int drain(struct vnx_event_file *ef, bool final, struct vnx_err *err)
{
	const struct vnx_events_sink sink = { vnx_trace_dat_pages, ef->dat };

	return vnx_events_read(ef->events, final, &sink, err);
}

void vnx_event_file_pump(struct vnx_event_file *ef)
{
	struct vnx_err err = { 0 };

	if (!ef || ef->failed || vnx_clock_mono() < vnx_events_due_ns(ef->events))
		return;
	if (drain(ef, false, &err))
		give_up(ef, &err);
}

int vnx_event_file_timeout_ms(const struct vnx_event_file *ef, int timeout_ms)
{
	uint64_t now_ns = vnx_clock_mono(), due_ns;

	if (!ef || ef->failed)
		return timeout_ms;
	due_ns = vnx_events_due_ns(ef->events);
	if (due_ns <= now_ns)
		return 0;
	due_ns = (due_ns - now_ns + VNX_NSEC_PER_MSEC - 1) / VNX_NSEC_PER_MSEC;
	return due_ns < (uint64_t)timeout_ms ? (int)due_ns : timeout_ms;
}

/* ---- begin and end ---- */

/* Which metrics' events are not in the file, and why. */
static void tell_refused(const struct vnx_event_file *ef)
{
	const struct vnx_hooks *hooks = vnx_events_hooks(ef->events);

	for (size_t i = 0; i < hooks->n && !ef->quiet; i++) {
		const struct vnx_hook *h = &hooks->v[i];

		if (!h->hook[0])
			fprintf(stderr, "vnetdx: no events of %s are recorded: %s: %s\n",
				vnx_metric_name(h->metric),
				h->refused.n ? h->refused.v[0].hook : "no hook",
				h->refused.n ? h->refused.v[0].why : "none is known");
	}
}

static void event_file_free(struct vnx_event_file *ef)
{
	vnx_events_close(ef->events);
	free(ef->path);
	free(ef);
}

static int write_first(struct vnx_event_file *ef, struct vnx_err *err)
{
	struct vnx_events_meta meta;
	int ret = vnx_events_meta(ef->events, &meta, err);

	if (ret)
		return ret;
	ret = vnx_trace_dat_head(ef->dat, &meta, err);
	vnx_events_meta_fini(&meta);
	return ret;
}

int vnx_event_file_open(struct vnx_event_file **out, const char *path, bool force, bool quiet,
			const struct vnx_capture_conf *conf, struct vnx_err *err)
{
	struct vnx_event_file *ef;
	int ret;

	*out = NULL;
	if (!path)
		return 0;
	ef = calloc(1, sizeof(*ef));
	if (!ef || !(ef->path = strdup(path))) {
		free(ef);
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	}
	ef->quiet = quiet;
	ret = vnx_events_open(&ef->events, conf, err);
	if (!ret)
		ret = vnx_trace_dat_create(&ef->dat, path, force, vnx_events_cpus(ef->events), err);
	if (!ret)
		ret = write_first(ef, err);
	if (ret) {
		vnx_event_file_discard(ef);
		return ret;
	}
	tell_refused(ef);
	*out = ef;
	return 0;
}

void vnx_event_file_tell_later(struct vnx_event_file *ef)
{
	if (ef)
		ef->later = true;
}

void vnx_event_file_discard(struct vnx_event_file *ef)
{
	if (!ef)
		return;
	vnx_trace_dat_discard(ef->dat);
	event_file_free(ef);
}

static void tell_lost(const struct vnx_event_file *ef, const struct vnx_events_meta *meta)
{
	unsigned shown = 0, cpus = 0;
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < meta->n_cpus; cpu++) {
		sum += meta->lost[cpu];
		cpus += meta->lost[cpu] > 0;
	}
	if (!sum)
		return;
	fprintf(stderr,
		"vnetdx: %" PRIu64 " events are not in %s: they came faster than they "
		"could be written (",
		sum, ef->path);
	for (unsigned cpu = 0; cpu < meta->n_cpus && shown < MAX_SHOWN; cpu++)
		if (meta->lost[cpu])
			fprintf(stderr, "%sCPU %u: %" PRIu64, shown++ ? ", " : "", cpu,
				meta->lost[cpu]);
	fprintf(stderr, "%s); the file tells where.\n", cpus > shown ? ", ..." : "");
}

static void tell_done(const struct vnx_event_file *ef, uint64_t bytes,
		      const struct vnx_events_meta *meta)
{
	char size[VNX_UNIT_LEN];

	tell_lost(ef, meta);
	if (!ef->quiet)
		fprintf(stderr,
			"vnetdx: events are in %s (%s); `trace-cmd report %s` or KernelShark "
			"shows them\n",
			ef->path, vnx_size_format((double)bytes, size), ef->path);
}

void vnx_event_file_finish(struct vnx_event_file *ef)
{
	struct vnx_events_meta meta = { 0 };
	struct vnx_err err = { 0 };
	uint64_t bytes;
	int ret;

	if (!ef)
		return;
	ef->later = false;
	if (*ef->why)
		tell_trouble(ef, ef->why);
	vnx_events_stop(ef->events);
	if (!ef->failed && drain(ef, true, &err))
		give_up(ef, &err);
	bytes = vnx_trace_dat_bytes(ef->dat);
	err = (struct vnx_err){ 0 };
	ret = vnx_events_meta(ef->events, &meta, &err);
	if (!ret)
		ret = vnx_trace_dat_finish(ef->dat, &meta, &err);
	if (ret)
		fprintf(stderr, "vnetdx: %s\n        %s\n", err.message, err.hint);
	else
		tell_done(ef, bytes, &meta);
	vnx_events_meta_fini(&meta);
	event_file_free(ef);
}
