/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting calls of kernel functions. A capture back end attaches to the hooks that the
 * ladder (bpf/ladder.h) chooses, counts per thread and bin, and hands out samples.
 */
#ifndef VNX_CAPTURE_H
#define VNX_CAPTURE_H

#include "analysis/sample.h"

#define VNX_HOOK_LEN 96
#define VNX_WHY_LEN 192

/* A candidate that was not used, and why, in words for a person. */
struct vnx_refusal {
	char hook[VNX_HOOK_LEN]; /* "fentry:vcpu_enter_guest" */
	char why[VNX_WHY_LEN];   /* "no such function in this kernel: inlined" */
	bool later;              /* may be had once its module is loaded */
	bool silent;             /* it was attached and never ran: not tried again */
};

struct vnx_refusals {
	struct vnx_refusal *v;
	size_t n, cap;
};

/* What an account that does not depend on the hook says of it. */
struct vnx_verified {
	char against[24];       /* "halt_exits"; "": nothing was compared, and why tells */
	uint64_t hook, account; /* what both counted over the same time */
	char why[VNX_WHY_LEN];  /* beside @against: what else is known, or "" */
};

/* What became of one wanted metric. */
struct vnx_hook {
	enum vnx_metric metric;
	char hook[VNX_HOOK_LEN]; /* "raw_tp:kvm_entry"; "" where no candidate was left */
	char note[VNX_WHY_LEN];  /* what the number means here when not the usual thing, or "" */
	uint64_t since_ns;       /* attached from here (CLOCK_MONOTONIC); 0: not attached */
	uint64_t until_ns;       /* detached; 0: still attached */
	struct vnx_refusals refused;
	struct vnx_verified verified; /* a back end says what it saw on attaching, its user more */
};

struct vnx_hooks {
	struct vnx_hook *v;
	size_t n, cap;
};

void vnx_hooks_fini(struct vnx_hooks *hooks);
/* Deep copy; -ENOMEM and @dst empty on failure. */
int vnx_hooks_copy(struct vnx_hooks *dst, const struct vnx_hooks *src) VNX_MUST_CHECK;

/* --hook METRIC=HOOK: the only candidate for that metric. */
struct vnx_hook_override {
	enum vnx_metric metric;
	const char *hook;
};

struct vnx_capture_conf {
	uint64_t bin_ns;  /* width of a bin, >= 10 ms */
	uint32_t metrics; /* bit per call metric wanted */
	const struct vnx_hook_override *overrides;
	size_t n_overrides;
	unsigned threads_hint; /* threads expected at once; tables get room for more */
	bool by_stack;         /* the overrides run in no interrupt either: faster */
	bool keep_empty;       /* open() succeeds even where no hook can be had: hooks() says why */
	bool kprobe_first;     /* a back end's own: fentry is the last resort for functions */
};

struct vnx_capture_stats {
	uint64_t events;      /* counted so far, all hooks */
	uint64_t lost;        /* refused by the kernel or of a thread that is not known */
	double ns_per_event;  /* time in the program, NAN: not measured */
	double clock_error_s; /* nominal edges were late by at most this */
	uint64_t bent;        /* samples with true edges instead: the tick came later */
	double bent_s;        /* ... by at most this */
};

struct vnx_capture; /* each back end's own */

/*
 * One back end. Every function returns 0 or -errno and, where it takes one, fills @err.
 * Not thread-safe: one thread calls.
 */
struct vnx_capture_ops {
	const char *name; /* "bpf", "ftrace", "perf" */
	const char *summary;
	bool listed_only; /* counts no other threads than those refresh() was told of */
	/*
	 * Can this host run it at all? 0, or -errno with the reason and remedy in @err.
	 * Attaches nothing.
	 */
	int (*probe)(struct vnx_err *err);
	/*
	 * Load and attach. Hooks whose function is not there yet (vhost_net not loaded) are
	 * not an error: they are tried again by refresh(). Fails only where no hook of any
	 * wanted metric can ever be had. *out is owned by the caller, close() frees it.
	 */
	int (*open)(struct vnx_capture **out, const struct vnx_capture_conf *conf,
		    struct vnx_err *err);
	/*
	 * Called about once a second with the threads of the known VMs (@tids, sorted, not
	 * kept): attaches late hooks, attaches per-thread counters, frees the room of
	 * threads that are gone.
	 */
	int (*refresh)(struct vnx_capture *cap, const uint32_t *tids, size_t n_tids,
		       struct vnx_err *err);
	/*
	 * Appends what was counted since the last read. Bins that are not over yet are left
	 * for later unless @final. Late calls lose nothing; they may leave more than one bin
	 * to a sample. VNX_LOST samples say what was lost. Zero bins are not appended.
	 */
	int (*read)(struct vnx_capture *cap, struct vnx_samples *out, bool final,
		    struct vnx_err *err);
	/* Time in CLOCK_MONOTONIC ns at which bin 0 starts. */
	uint64_t (*start_ns)(const struct vnx_capture *cap);
	/* The rows stay the back end's; @verified of each is the caller's to fill. */
	struct vnx_hooks *(*hooks)(struct vnx_capture *cap);
	/*
	 * The hook of @metric never ran, though an account of the same moved: it is detached and
	 * refused with @why, the ladder goes on below it. 0 also where nothing is left.
	 */
	int (*distrust)(struct vnx_capture *cap, enum vnx_metric metric, const char *why,
			struct vnx_err *err);
	void (*stats)(const struct vnx_capture *cap, struct vnx_capture_stats *out);
	/* Stop counting (hooks get until_ns); a last read(final) may follow. */
	int (*detach)(struct vnx_capture *cap, struct vnx_err *err);
	/* Detaches if need be, leaves the host as found, frees. NULL is fine. */
	void (*close)(struct vnx_capture *cap);
};

extern const struct vnx_capture_ops vnx_capture_bpf;
extern const struct vnx_capture_ops vnx_capture_ftrace;
extern const struct vnx_capture_ops vnx_capture_perf;

/* In order of preference, NULL-terminated. */
extern const struct vnx_capture_ops *const vnx_captures[];
/* By name, NULL if there is none. "auto" is the caller's: the one that covers most, see ladder.h.
 */
const struct vnx_capture_ops *vnx_capture_find(const char *name);

#endif
