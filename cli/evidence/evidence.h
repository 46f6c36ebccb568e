/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Evidence: what is measured beside the counts so that a fall can be given its cause. One
 * source a file, listed in vnx_sources[]; each is read as a bin ends and hands out samples
 * over the stretch since its last reading. A source that cannot be had on this host, or that
 * fails on the way, is off, with the reason; what it would have measured is then missing.
 */
#ifndef VNX_EVIDENCE_H
#define VNX_EVIDENCE_H

#include "analysis/sample.h"
#include "analysis/vm.h"

struct vnx_threads;

/* What there is to look at. */
struct vnx_scene {
	uint64_t now_ns;                   /* CLOCK_MONOTONIC */
	const struct vnx_vms *vms;         /* those that are gone have a last_ns */
	uint32_t load_pid;                 /* leader of the load's process group; 0: none */
	const struct vnx_threads *threads; /* of @vms, in step with it: vnx_evidence_read()'s own */
	bool last; /* of the run: what is read seldom is read now, so that nothing since is missing
		    */
};

/* What was read. Both are appended to. */
struct vnx_readings {
	struct vnx_samples *samples;
	struct vnx_holds *holds;
};

#define VNX_BIT(metric) (1ULL << (metric))

struct vnx_source_ops {
	const char *name;    /* as --without takes it */
	const char *summary; /* what it measures, for a person */
	uint64_t metrics;    /* VNX_BIT() of each that it hands out */
	/* -errno with a sentence: not on this host. *src is freed by close(). */
	int (*open)(void **src, struct vnx_err *err);
	/*
	 * Appends what was measured since the last call, and nothing at the first one. A thread
	 * or interface that is gone is no error. -ENOMEM fails the run, any other -errno ends the
	 * source, with @err as the reason.
	 */
	int (*read)(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		    struct vnx_err *err);
	void (*close)(void *src);
	/*
	 * VNX_BIT() of those @metrics that this host does not count, as far as known by now;
	 * NULL: it counts all.
	 */
	uint64_t (*lacks)(const void *src);
	const char *(*lacks_why)(const void *src); /* NULL: the kernel does not count them */
};

extern const struct vnx_source_ops *const vnx_sources[]; /* NULL-terminated */
extern const struct vnx_source_ops vnx_source_sched, vnx_source_quota, vnx_source_host,
	vnx_source_holder, vnx_source_net, vnx_source_load, vnx_source_load_tcp, vnx_source_kvm,
	vnx_source_numa;

#define VNX_SOURCE_WHY 192

/*
 * What became of a source; a row of each is in the recording, and one of each metric that a
 * source measures elsewhere and this host does not count.
 */
struct vnx_source_state {
	char name[16];            /* of the source, or of the metric */
	char why[VNX_SOURCE_WHY]; /* "": it measures; else why not */
};

struct vnx_source_states {
	struct vnx_source_state *v;
	size_t n, cap;
};

struct vnx_evidence;

/* Why @metric is missing where @states are those of its run; NULL where its source measured. */
const char *vnx_evidence_why(const struct vnx_source_states *states, enum vnx_metric metric);

/* @off: names that --without gave, n_off of them. -EINVAL with a sentence for no source's name. */
int vnx_evidence_open(struct vnx_evidence **out, const char *const *off, size_t n_off,
		      struct vnx_err *err) VNX_MUST_CHECK;
int vnx_evidence_read(struct vnx_evidence *ev, const struct vnx_scene *scene,
		      const struct vnx_readings *out, struct vnx_err *err) VNX_MUST_CHECK;
const struct vnx_source_states *vnx_evidence_states(const struct vnx_evidence *ev);
/* Leaves the host as found, frees. NULL is fine. */
void vnx_evidence_close(struct vnx_evidence *ev);

#endif
