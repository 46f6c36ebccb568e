/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recording (.vdx): an SQLite database written bin by bin. Schema in CONTRIBUTING.md
 * and in the database itself (table "about"). Same functions serve a run that keeps
 * nothing: path NULL is a database in memory.
 */
#ifndef VNX_RECORDING_H
#define VNX_RECORDING_H

#include "analysis/vm.h"
#include "cli/base/run_facts.h"
#include "cli/evidence/evidence.h"
#include "cli/input/throughput/throughput.h"

struct vnx_recording;

/* Writing. Everything between two commits is lost by a kill, nothing else. */
int vnx_recording_create(const char *path, bool overwrite, const struct vnx_run_facts *facts,
			 struct vnx_recording **out, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_add_samples(struct vnx_recording *rec, const struct vnx_samples *samples,
			      struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_put_vms(struct vnx_recording *rec, const struct vnx_vms *vms,
			  const struct vnx_vms *others,
			  struct vnx_err *err) VNX_MUST_CHECK; /* replaces */
int vnx_recording_put_hooks(struct vnx_recording *rec, const struct vnx_hooks *hooks,
			    struct vnx_err *err) VNX_MUST_CHECK; /* replaces */
int vnx_recording_add_holds(struct vnx_recording *rec, const struct vnx_holds *holds,
			    struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_put_sources(struct vnx_recording *rec, const struct vnx_source_states *states,
			      struct vnx_err *err) VNX_MUST_CHECK; /* replaces */
int vnx_recording_add_lines(struct vnx_recording *rec, const struct vnx_load_lines *lines,
			    size_t from, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_update(struct vnx_recording *rec, const struct vnx_run_facts *facts,
			 struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_commit(struct vnx_recording *rec, struct vnx_err *err) VNX_MUST_CHECK;

/* Reading. Opens read-only; -ENOMSG "not a recording", -EPROTO "newer schema". */
int vnx_recording_open(const char *path, struct vnx_recording **out,
		       struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_facts(struct vnx_recording *rec, struct vnx_run_facts *out,
			struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_vms(struct vnx_recording *rec, struct vnx_vms *out, struct vnx_vms *others,
		      struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_hooks(struct vnx_recording *rec, struct vnx_hooks *out,
			struct vnx_err *err) VNX_MUST_CHECK;
/* Who held the CPU, in order of time; none in recordings without that evidence. */
int vnx_recording_holds(struct vnx_recording *rec, struct vnx_holds *out,
			struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_sources(struct vnx_recording *rec, struct vnx_source_states *out,
			  struct vnx_err *err) VNX_MUST_CHECK;
int vnx_recording_lines(struct vnx_recording *rec, struct vnx_load_lines *out,
			struct vnx_err *err) VNX_MUST_CHECK;
/* 1: *s filled; 0: no more; -errno. Starts over after rewind. Order: time, metric, entity. */
int vnx_recording_next(struct vnx_recording *rec, struct vnx_sample *s,
		       struct vnx_err *err) VNX_MUST_CHECK;
void vnx_recording_rewind(struct vnx_recording *rec);
/* Closes; a written one is first synced to disk. NULL is fine. */
int vnx_recording_close(struct vnx_recording *rec, struct vnx_err *err);

#endif
