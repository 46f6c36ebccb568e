/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --events FILE.dat: raw events of the hooks beside the counting. After open() nothing here
 * fails the run: the first trouble is told on stderr, once, and ends the recording of events.
 */
#ifndef VNX_EVENT_FILE_H
#define VNX_EVENT_FILE_H

#include "analysis/vm.h"
#include "bpf/capture.h"

struct vnx_event_file;

/* Claims @path and switches the events on; *out is NULL, and all is well, where @path is. */
int vnx_event_file_open(struct vnx_event_file **out, const char *path, bool force, bool quiet,
			const struct vnx_capture_conf *conf, struct vnx_err *err) VNX_MUST_CHECK;
/* All below take NULL for "no events wanted". */

/* A screen stands where stderr goes: what goes wrong is told by vnx_event_file_finish(). */
void vnx_event_file_tell_later(struct vnx_event_file *ef);
/* A marker line per VM: whose threads those are cannot be told from the events later. */
void vnx_event_file_mark(struct vnx_event_file *ef, const struct vnx_vms *vms);
void vnx_event_file_refresh(struct vnx_event_file *ef, const uint32_t *tids, size_t n_tids);
/* Writes what is due; how long may be slept before the next time, at most @timeout_ms. */
void vnx_event_file_pump(struct vnx_event_file *ef);
int vnx_event_file_timeout_ms(const struct vnx_event_file *ef, int timeout_ms);
/*
 * The run is over: takes the rest, completes the file, tells where it is and what was lost,
 * frees.
 */
void vnx_event_file_finish(struct vnx_event_file *ef);
/* There was no run: nothing stays. */
void vnx_event_file_discard(struct vnx_event_file *ef);

/*
 * The markers of @vm as readers take them (cli/input/trace/trace_vms.c), for one line each:
 * "vnetdx vm pid=12 backend=vhost-net workers=15,16 vcpus=17 name=vm1". More threads than a
 * line holds go to further lines of the same pid. Blanks, "%", control characters and what is
 * not UTF-8 in the name become %XX. @line is valid during the call only; a return of not 0
 * ends it and is returned.
 */
int vnx_event_mark_vm(const struct vnx_vm *vm, int (*emit)(void *arg, const char *line), void *arg);

#endif
