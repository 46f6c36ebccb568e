/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reader a format, listed in vnx_readers[]: told the run first, then asked for its
 * samples one by one. Readers of raw traces count while they open (see trace.h).
 */
#ifndef VNX_READER_H
#define VNX_READER_H

#include "cli/input/input.h"
#include "cli/record/recording.h"

/* What the user wants of a raw trace; recordings of ours know it themselves. */
struct vnx_reader_conf {
	uint64_t bin_ns;
	uint64_t origin_ns; /* a bin begins here, 0: at whole multiples of bin_ns */
	const struct vnx_hook_override *hooks; /* --hook METRIC=HOOK */
	size_t n_hooks;
	bool quiet; /* no progress on stderr */
};

/* Everything but the samples. */
struct vnx_run {
	struct vnx_run_facts facts;
	struct vnx_hooks hooks;
	struct vnx_vms vms;
	struct vnx_vms others; /* not asked for by --vm: known so that they can be named */
	struct vnx_load_lines lines;
	struct vnx_source_states sources; /* none: of a trace without evidence */
	struct vnx_holds holds;
	char warning[384]; /* what of a damaged file was left out, "" if nothing */
};
void vnx_run_fini(struct vnx_run *run);

struct vnx_reader;

struct vnx_reader_ops {
	const char *name; /* source.kind of the JSON */
	bool fixed_hooks; /* chosen when it was recorded: --hook comes too late */
	/* 0: not mine ... 100: certain; by magic first, by name second. */
	int (*probe)(const char *path, const unsigned char *head, size_t len);
	/* @in is open, stays the caller's and must outlive the reader; @conf too. */
	int (*open)(struct vnx_reader **out, struct vnx_input *in,
		    const struct vnx_reader_conf *conf, struct vnx_err *err);
	/* Before next(). @run is zeroed by the caller and freed by vnx_run_fini(). */
	int (*run)(struct vnx_reader *r, struct vnx_run *run, struct vnx_err *err);
	/* 1: *s filled; 0: no more; -errno with a sentence that names the place. */
	int (*next)(struct vnx_reader *r, struct vnx_sample *s, struct vnx_err *err);
	void (*close)(struct vnx_reader *r);
};

extern const struct vnx_reader_ops *const vnx_readers[]; /* NULL-terminated */
/* Chooses by content; NULL with @err ("empty", "no format known"). */
const struct vnx_reader_ops *vnx_reader_find(const struct vnx_input *in, struct vnx_err *err);
/* -EINVAL where --hook is given to a reader that cannot take it. */
int vnx_reader_check_hooks(const struct vnx_reader_ops *ops, const char *path, size_t n_hooks,
			   struct vnx_err *err) VNX_MUST_CHECK;
/* The .vdx reader over a recording that is open already (a live run); borrows @rec. */
int vnx_reader_vdx_borrow(struct vnx_reader **out, struct vnx_recording *rec, struct vnx_err *err);
extern const struct vnx_reader_ops vnx_reader_vdx;
extern const struct vnx_reader_ops vnx_reader_perf_data;
extern const struct vnx_reader_ops vnx_reader_ftrace_text;
extern const struct vnx_reader_ops vnx_reader_perf_script;
extern const struct vnx_reader_ops vnx_reader_trace_dat;

#endif
