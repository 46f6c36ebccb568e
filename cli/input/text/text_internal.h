/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by text_lines.c and text_events.c only. */
#ifndef VNX_TEXT_INTERNAL_H
#define VNX_TEXT_INTERNAL_H

#include <pthread.h>

#include "cli/input/text/text_lines.h"

struct vnx_reader {
	struct vnx_input *in;
	const struct vnx_reader_conf *conf;
	const struct vnx_text_format *format;
	const struct vnx_text_bytes *bytes; /* or NULL: all of in */
	struct vnx_trace *trace;
	struct vnx_text_names names;
	struct vnx_text_worker *workers;
	unsigned n_workers;
	size_t block; /* bytes of one */

	pthread_mutex_t read_lock; /* of these: */
	char *carry;               /* the begun line behind the last block */
	size_t carried;
	uint64_t offset, blocks; /* of the input that blocks had; how many */
	bool skipping, ended, relative;

	pthread_mutex_t lock; /* of all from here on */
	pthread_cond_t turn;
	_Atomic bool stop;
	uint64_t joined; /* blocks */
	struct vnx_text_cpu *cpus;
	struct vnx_text_loss loss; /* the last one, which may grow; count 0: none */
	uint64_t until_ns;         /* up to here events of some CPU were overwritten */
	uint64_t flaws[VNX_TEXT_FLAWS], flaw_at[VNX_TEXT_FLAWS];
	struct vnx_text_facts facts;
	bool cut_names;
};

#define VNX_TEXT_WHOLE_NAMES                                                                 \
	"Names in full are in the function tracer's own format (no latency-format), and in " \
	"`trace-cmd report`"

/* Before decoding: every name that matters, with its source. */
int vnx_text_names_fill(struct vnx_text_names *names, struct vnx_trace *t,
			const struct vnx_reader_conf *conf, const char *const *words,
			struct vnx_err *err) VNX_MUST_CHECK;
/* After decoding: warnings, or the error where nothing can be had of the text. */
int vnx_text_tell(struct vnx_reader *x, struct vnx_err *err) VNX_MUST_CHECK;

#endif
