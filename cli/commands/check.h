/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `vnetdx check` found out, gathered by check_gather.c, shown by check_report.c.
 */
#ifndef VNX_CHECK_H
#define VNX_CHECK_H

#include "bpf/ladder.h"
#include "cli/evidence/evidence.h"

enum vnx_fact_state {
	VNX_FACT_OK,
	VNX_FACT_NOTE,    /* not needed, good to know */
	VNX_FACT_PROBLEM, /* takes something away */
	VNX_FACT_UNKNOWN, /* could not be found out */
};

/* One thing about the host. */
struct vnx_fact {
	const char *name; /* stable word for scripts: "tracefs" */
	enum vnx_fact_state state;
	char text[VNX_WHY_LEN];   /* a sentence without its full stop */
	char remedy[VNX_WHY_LEN]; /* "" where there is nothing to do */
};

struct vnx_facts {
	struct vnx_fact *v;
	size_t n, cap;
};

/* One back end; @hooks is empty where it cannot be used, and @err says why. */
struct vnx_check_backend {
	const struct vnx_capture_ops *ops;
	bool usable;
	struct vnx_err err;
	struct vnx_hooks hooks;
};

/* One source of evidence. */
struct vnx_check_source {
	const struct vnx_source_ops *ops;
	bool usable;
	uint64_t lacks; /* VNX_BIT() of its metrics that this host does not count */
	struct vnx_err err;
};

#define VNX_CHECK_BACKENDS 8
#define VNX_CHECK_SOURCES 16

enum vnx_check_verdict { VNX_CHECK_CAN, VNX_CHECK_PARTLY, VNX_CHECK_CANNOT };

/* What is asked for; nothing is owned. */
struct vnx_check_conf {
	const char *backend; /* judge this one alone; NULL: as diagnose chooses */
	const struct vnx_hook_override
		*overrides; /* --hook: the only candidates of their metrics */
	size_t n_overrides;
};

struct vnx_check {
	struct vnx_check_conf conf;
	struct vnx_check_backend backends[VNX_CHECK_BACKENDS];
	size_t n_backends;
	size_t best; /* what diagnose would use: it covers most; n_backends: none */
	struct vnx_check_source sources[VNX_CHECK_SOURCES];
	size_t n_sources;
	struct vnx_facts facts;
	bool has_vhost_net;     /* module loaded or built in */
	const char *preemption; /* "none", "voluntary", "lazy", "full"; NULL: not told */
	enum vnx_check_verdict verdict;
	char summary[512];
};

/* Looks; leaves nothing attached. -ENOMEM only. */
int vnx_check_gather(struct vnx_check *check, const struct vnx_check_conf *conf) VNX_MUST_CHECK;
void vnx_check_fini(struct vnx_check *check);
/* The facts alone (check_facts.c). */
int vnx_check_facts(struct vnx_check *check) VNX_MUST_CHECK;
/* The sources of evidence alone: each is opened and closed again. -ENOMEM only. */
int vnx_check_sources(struct vnx_check *check) VNX_MUST_CHECK;
/* Sets best, verdict and summary from the rest. */
void vnx_check_judge(struct vnx_check *check);
/* The row of @metric, NULL if the back end has none. */
const struct vnx_hook *vnx_check_hook(const struct vnx_check_backend *backend,
				      enum vnx_metric metric);

/* A hook of --hook that the judged back end refuses for good. */
bool vnx_check_override_refused(const struct vnx_check *check);

/* "can", "partly", "cannot"; "ok", "note", "problem", "unknown" */
const char *vnx_check_verdict_name(enum vnx_check_verdict verdict);
const char *vnx_fact_state_name(enum vnx_fact_state state);

/* @quiet: the verdict alone. */
void vnx_check_print_text(const struct vnx_check *check, bool no_color, bool verbose, bool quiet);
/* A row each: verdict, hook, refused candidate, source of evidence, back end, fact (check_csv.c).
 */
int vnx_check_print_csv(const struct vnx_check *check) VNX_MUST_CHECK;
/* Why not all of @source is measured here, "" where it is. To be freed; NULL: out of memory. */
char *vnx_check_source_why(const struct vnx_check_source *source) VNX_MUST_CHECK;
int vnx_check_print_json(const struct vnx_check *check) VNX_MUST_CHECK;

#endif
