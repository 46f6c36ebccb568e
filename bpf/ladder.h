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

struct vnx_candidate {
	enum vnx_metric metric;
	const char *hook; /* "fentry:handle_tx" */
	const char *note; /* for vnx_hook.note, or NULL */
};

/* All candidates, grouped by metric, best first; *n of them. */
const struct vnx_candidate *vnx_ladder(size_t *n);
/* Parses "kind:name"; -EINVAL with a sentence in @err for anything else. */
int vnx_hook_parse(const char *text, struct vnx_hook_spec *out, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * What the ladder would choose on this host, without leaving anything attached: one row per
 * call metric, with refusals. For `vnetdx check`. @out is filled, vnx_hooks_fini() frees.
 */
int vnx_ladder_probe(const struct vnx_capture_ops *ops, const struct vnx_capture_conf *conf,
		     struct vnx_hooks *out, struct vnx_err *err) VNX_MUST_CHECK;

#endif
