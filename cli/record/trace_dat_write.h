/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a trace.dat of version 6, which every trace-cmd, KernelShark and libtracecmd reads.
 *
 * While events come, FILE is a whole trace.dat without events, and the pages of CPU N go to
 * FILE.cpuN beside it; finish() puts all together and removes those. A killed run leaves them
 * as they are, which is just what `trace-cmd restore -i FILE -o OUT FILE.cpu*` makes a trace
 * of; create() refuses to write over such remains and says so.
 */
#ifndef VNX_TRACE_DAT_H
#define VNX_TRACE_DAT_H

#include "bpf/events.h"

struct vnx_trace_dat;

/*
 * Claims @path, which must not exist, nor remains of a killed run, unless @force. @n_cpus is
 * the number of CPUs that may have pages. Frees by finish() or discard().
 */
int vnx_trace_dat_create(struct vnx_trace_dat **out, const char *path, bool force, unsigned n_cpus,
			 struct vnx_err *err) VNX_MUST_CHECK;
/* (Re)writes FILE without events; @meta's page_size counts from the first time on. */
int vnx_trace_dat_head(struct vnx_trace_dat *d, const struct vnx_events_meta *meta,
		       struct vnx_err *err) VNX_MUST_CHECK;
/* A vnx_events_sink: @arg is the file. What cannot be written whole is not written at all. */
int vnx_trace_dat_pages(void *arg, unsigned cpu, const void *pages, size_t len,
			struct vnx_err *err);
uint64_t vnx_trace_dat_bytes(const struct vnx_trace_dat *d); /* of pages so far */
/*
 * Puts everything into FILE, with @meta as it is at the end, and frees @d. On failure the
 * pieces stay and @err tells what makes a trace of them.
 */
int vnx_trace_dat_finish(struct vnx_trace_dat *d, const struct vnx_events_meta *meta,
			 struct vnx_err *err) VNX_MUST_CHECK;
/* Removes what was made, FILE too, and frees. NULL is fine. */
void vnx_trace_dat_discard(struct vnx_trace_dat *d);

#endif
