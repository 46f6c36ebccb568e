/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reader a format, listed in vnx_readers[]. Samples are pulled, the rest of the run is
 * told after the last one.
 */
#ifndef VNX_READER_H
#define VNX_READER_H

#include "cli/recording.h"

/* Everything but the samples. */
struct vnx_run {
	struct vnx_run_facts facts;
	struct vnx_hooks hooks;
	struct vnx_vms vms;
	struct vnx_load_lines lines;
};
void vnx_run_fini(struct vnx_run *run);

struct vnx_reader;

struct vnx_reader_ops {
	const char *name; /* source.kind of the JSON */
	/* 0: not mine ... 100: certain; by magic first, by name second. */
	int (*probe)(const char *path, const unsigned char *head, size_t len);
	int (*open)(struct vnx_reader **out, const char *path, struct vnx_err *err);
	/* 1: *s filled; 0: no more; -errno with a sentence that names the place. */
	int (*next)(struct vnx_reader *r, struct vnx_sample *s, struct vnx_err *err);
	/* After next() gave 0. @run is zeroed by the caller and freed by vnx_run_fini(). */
	int (*finish)(struct vnx_reader *r, struct vnx_run *run, struct vnx_err *err);
	void (*close)(struct vnx_reader *r);
};

extern const struct vnx_reader_ops *const vnx_readers[]; /* NULL-terminated */
/* Chooses by content; NULL with @err ("empty", "a directory", "no format known"). */
const struct vnx_reader_ops *vnx_reader_find(const char *path, struct vnx_err *err);
/* The .vdx reader over a recording that is open already (a live run); borrows @rec. */
int vnx_reader_vdx_borrow(struct vnx_reader **out, struct vnx_recording *rec, struct vnx_err *err);
extern const struct vnx_reader_ops vnx_reader_vdx;

#endif
