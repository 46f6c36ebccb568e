/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading ftrace's histograms: the text of a `hist` file to counts, and what is new in them
 * since the last look.
 */
#ifndef VNX_HIST_H
#define VNX_HIST_H

#include "analysis/sample.h"

struct vnx_hist_row {
	uint64_t stamp_ns; /* start of the bin; 0 where the histogram has none */
	uint64_t count;    /* since the histogram was made */
	uint64_t emitted;  /* of them handed out */
	uint32_t tid;
};

struct vnx_hist {
	struct vnx_hist_row *v; /* sorted by stamp and tid */
	size_t n, cap;
	uint64_t dropped; /* events that found no room, since the histogram was made */
};

/*
 * Parses @text into @out, which is emptied first: rows of equal keys are added up. -EPROTO
 * where a row is not understood, -ENOMEM.
 */
int vnx_hist_parse(const char *text, struct vnx_hist *out) VNX_MUST_CHECK;
/*
 * Takes @now, a later look at the same histogram, over into @seen (@now is left empty),
 * carrying over what was handed out.
 */
void vnx_hist_update(struct vnx_hist *seen, struct vnx_hist *now);
/* Forgets rows with a stamp before @stamp_ns, and what was dropped: the histogram is new. */
void vnx_hist_forget(struct vnx_hist *seen, uint64_t stamp_ns);
void vnx_hist_fini(struct vnx_hist *h);

#endif
