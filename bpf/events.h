/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw events of the hooks, for others to look at: ftrace records them in an instance of our
 * own, the pages of its ring buffers are handed out as they are. Counting goes on beside it,
 * by any back end; nothing here depends on that.
 */
#ifndef VNX_EVENTS_H
#define VNX_EVENTS_H

#include "bpf/capture.h"

struct vnx_events;

/* Where pages go. 0, or -errno with a sentence in @err: reading then ends with that. */
struct vnx_events_sink {
	/* @len bytes of whole pages of @cpu, in the order in which they were filled */
	int (*pages)(void *arg, unsigned cpu, const void *pages, size_t len, struct vnx_err *err);
	void *arg;
};

/*
 * Makes the instance (clock mono) and switches the events on: conf's metrics and overrides
 * down the ladder, as far as tracefs has them, a function always by a kprobe event. As with a
 * capture, what is not there yet is tried again by refresh(); fails where nothing can ever be
 * recorded, -EOPNOTSUPP, or where there is no tracefs. *out is freed by close().
 */
int vnx_events_open(struct vnx_events **out, const struct vnx_capture_conf *conf,
		    struct vnx_err *err) VNX_MUST_CHECK;
/* About once a second: late hooks, and the names of @tids while they live. */
int vnx_events_refresh(struct vnx_events *ev, const uint32_t *tids, size_t n_tids,
		       struct vnx_err *err) VNX_MUST_CHECK;
/* A line of text among the events (trace_marker); at most VNX_MARK_LEN bytes of it. */
#define VNX_MARK_LEN 999 /* kernels of old take 1024 with what they add */
int vnx_events_mark(struct vnx_events *ev, const char *text) VNX_MUST_CHECK;
/*
 * When the buffers are to be looked at next, CLOCK_MONOTONIC: sooner where they fill fast.
 * A timer and no poll() on the buffers: kernels differ in when that wakes, some always.
 */
uint64_t vnx_events_due_ns(const struct vnx_events *ev);
/* All pages that are full by now; @final: the begun ones too. */
int vnx_events_read(struct vnx_events *ev, bool final, const struct vnx_events_sink *sink,
		    struct vnx_err *err) VNX_MUST_CHECK;
/* No more events; a last read(final) may follow. */
void vnx_events_stop(struct vnx_events *ev);
/* Leaves the host as found, frees. NULL is fine. */
void vnx_events_close(struct vnx_events *ev);

/* One row per metric, as of a capture: which event stands for it, and what was refused. */
const struct vnx_hooks *vnx_events_hooks(const struct vnx_events *ev);
unsigned vnx_events_cpus(const struct vnx_events *ev); /* possible ones: page()'s cpu is below */

struct vnx_events_format {
	char *system, *text; /* text: the event's format file */
};

/* What a reader of the pages must know, as the kernel tells it. All owned. */
struct vnx_events_meta {
	unsigned page_size, n_cpus;
	char *header_page, *header_event;
	struct {
		struct vnx_events_format *v;
		size_t n, cap;
	} ftrace, events; /* ftrace's own; the recorded ones, those of one system side by side */
	char *kallsyms, *printk_formats, *cmdlines;
	char *clocks;   /* "local [mono] ..." */
	char *uname;    /* "Linux host 6.1.0 x86_64" */
	char **stats;   /* [n_cpus], per_cpu/cpuN/stats or NULL */
	uint64_t *lost; /* [n_cpus], overwritten or dropped before they were read */
};

/* As of now: what changes (lost, cmdlines, late events) is best asked for at the end. */
int vnx_events_meta(struct vnx_events *ev, struct vnx_events_meta *out,
		    struct vnx_err *err) VNX_MUST_CHECK;
void vnx_events_meta_fini(struct vnx_events_meta *meta);

#endif
