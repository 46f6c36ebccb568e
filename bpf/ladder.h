/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hook ladder: per metric the candidates, best first. Never decides by kernel version:
 * each candidate is probed alone and a refusal keeps its reason.
 */
#ifndef VNX_LADDER_H
#define VNX_LADDER_H

#include "bpf/capture.h"

enum vnx_hook_kind {
	VNX_HOOK_FENTRY, /* fentry:FUNC */
	VNX_HOOK_KPROBE, /* kprobe:FUNC */
	VNX_HOOK_RAW_TP, /* raw_tp:NAME */
	VNX_HOOK_TP,     /* tp:SYSTEM:NAME */
	VNX_HOOK_KIND_MAX
};

struct vnx_hook_spec {
	enum vnx_hook_kind kind;
	char system[32]; /* VNX_HOOK_TP only */
	char name[64];   /* function or tracepoint */
};

/* The name is another thing in a kernel that has function @has and lacks @lacks (NULL: any). */
struct vnx_unless {
	const char *has, *lacks, *why;
};

struct vnx_candidate {
	enum vnx_metric metric;
	const char *hook;   /* "fentry:handle_tx" */
	const char *module; /* that has it where it is not built in, or NULL: not known */
	const struct vnx_unless *unless; /* the last has no .has; or NULL */
	const char *note;                /* for vnx_hook.note, or NULL */
};

/* All candidates, grouped by metric, best first; *n of them. */
const struct vnx_candidate *vnx_ladder(size_t *n);
/* What a candidate is instead of the wanted thing in the kernel that @has tells of, or NULL. */
const char *vnx_candidate_differs(const struct vnx_unless *unless,
				  bool (*has)(const void *arg, const char *function),
				  const void *arg);
/* Parses "kind:name"; -EINVAL with a sentence in @err for anything else. */
int vnx_hook_parse(const char *text, struct vnx_hook_spec *out, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * For back ends. Attaches one candidate: 0; -EAGAIN where it may be there later (its module
 * is not loaded); any other -errno: not on this host. Unless 0, @why has the reason; else what
 * was seen of the hook's working, or nothing.
 */
typedef int (*vnx_attach_fn)(void *arg, enum vnx_metric metric, const struct vnx_candidate *cand,
			     const struct vnx_hook_spec *spec, char why[VNX_WHY_LEN]);

#define VNX_KIND(kind) (1u << (kind))

/*
 * Goes down the ladder for each wanted call metric of @hooks that has no hook yet: only
 * candidates whose kind is in @kinds, or the overrides, of any kind. Rows are made at the
 * first call; refusals are those of the last, and of hooks that never ran. *waiting: how many
 * metrics may still get a hook later. -EINVAL for an override that does not parse, -ENOMEM.
 */
int vnx_ladder_choose(struct vnx_hooks *hooks, const struct vnx_capture_conf *conf, unsigned kinds,
		      vnx_attach_fn attach, void *arg, unsigned *waiting,
		      struct vnx_err *err) VNX_MUST_CHECK;
/*
 * The hook of @metric never ran: its row keeps it as refused, and has no hook until the ladder
 * is gone down again. The back end has detached it.
 */
int vnx_hooks_distrust(struct vnx_hooks *hooks, enum vnx_metric metric,
		       const char *why) VNX_MUST_CHECK;
/* Of how many metrics calls are counted, or will be once a module is loaded. */
unsigned vnx_hooks_cover(const struct vnx_hooks *hooks);
/* Copies what the caller's @conf points at, for a back end to keep; fini frees. */
int vnx_capture_conf_copy(struct vnx_capture_conf *dst,
			  const struct vnx_capture_conf *src) VNX_MUST_CHECK;
void vnx_capture_conf_fini(struct vnx_capture_conf *conf);
/* One more thing to know of the hook's number. */
void vnx_hook_note(struct vnx_hook *hook, const char *what);
/* The hook of @metric, if attached, gets until_ns = now. */
void vnx_hooks_end(struct vnx_hooks *hooks, enum vnx_metric metric);
/* 0 where any hook is there, else -EOPNOTSUPP with @err filled from the refusals. */
int vnx_hooks_need(const struct vnx_hooks *hooks, const char *backend,
		   struct vnx_err *err) VNX_MUST_CHECK;

/*
 * What the ladder would choose on this host, without leaving anything attached: one row per
 * call metric, with refusals. For `vnetdx check`. @out is filled, vnx_hooks_fini() frees.
 */
int vnx_ladder_probe(const struct vnx_capture_ops *ops, const struct vnx_capture_conf *conf,
		     struct vnx_hooks *out, struct vnx_err *err) VNX_MUST_CHECK;

#endif
