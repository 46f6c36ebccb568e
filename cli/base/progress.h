/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line on stderr while a run lasts: rewritten on a terminal, every 10 s elsewhere.
 */
#ifndef VNX_PROGRESS_H
#define VNX_PROGRESS_H

#include "analysis/sample.h"

struct vnx_progress {
	bool quiet, terminal, shown;
	uint64_t start_ns, duration_ns, bin_ns, last_ns;
};

/* @duration_ns 0: not known. */
void vnx_progress_begin(struct vnx_progress *p, bool quiet, uint64_t start_ns, uint64_t duration_ns,
			uint64_t bin_ns);
/* @samples: those of the bin just read. */
void vnx_progress_update(struct vnx_progress *p, const struct vnx_samples *samples,
			 uint64_t now_ns);
/* Clears the line; may be called twice. */
void vnx_progress_end(struct vnx_progress *p);

#endif
