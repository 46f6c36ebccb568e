/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recording from within the live view: the last samples are kept as they came, so that a
 * recording begun after a fall holds what was before it.
 */
#ifndef VNX_LIVE_KEEP_H
#define VNX_LIVE_KEEP_H

#include "cli/live/model.h"

struct vnx_live_keep {
	struct vnx_samples samples; /* all from since_ns on, if not recorded already */
	struct vnx_holds holds;
	uint64_t since_ns;
	struct vnx_recording *rec;  /* NULL: not recording */
	char *path;                 /* of rec, or to be begun with the next bin */
	bool force, fatal;          /* fatal: given on the command line, a failure ends the run */
	uint64_t start_ns, put_ns;  /* of the recording; VMs and hooks were written last */
	uint64_t events;            /* calls in it */
	struct vnx_run_facts facts; /* as written last */
	size_t told;                /* events of the model when VMs and hooks were written last */
	char failed[384];           /* why the last recording failed, "" if not */
	char remedy[384];           /* ... and what to do about it, "" where nothing is known */
	char *done;                 /* path of the last that was completed, or NULL */
};

/*
 * A recording of that name is begun with the next bin. -EEXIST with a sentence where there is
 * such a file and not @force.
 */
int vnx_live_keep_begin(struct vnx_live_keep *k, const char *path, bool force,
			struct vnx_err *err) VNX_MUST_CHECK;
/* Completes the recording, if there is one; it goes on without. Fails with a sentence. */
int vnx_live_keep_end(struct vnx_live_keep *k, struct vnx_live_model *m, struct vnx_err *err);
/* After vnx_live_model_feed(). Fails where the recording must not. */
int vnx_live_keep_feed(struct vnx_live_keep *k, struct vnx_live_model *m,
		       const struct vnx_seen *seen, struct vnx_err *err) VNX_MUST_CHECK;
/* Seconds that a recording begun now would hold already. */
double vnx_live_keep_memory_s(const struct vnx_live_keep *k, const struct vnx_live_model *m);
void vnx_live_keep_fini(struct vnx_live_keep *k);

#endif
