/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a reader to a diagnosis: the one path that live runs and recordings share.
 */
#ifndef VNX_PIPELINE_H
#define VNX_PIPELINE_H

#include "analysis/diagnosis.h"
#include "cli/input/reader.h"

struct vnx_pipeline_conf {
	uint64_t sma_ns;
	uint64_t stage_ns;      /* 0: what the recording says, else segments found */
	const char *const *vms; /* --vm: names or pids; n_vms 0: all */
	size_t n_vms;
	uint64_t from_ns, to_ns; /* only this part, of the source's clock; to_ns 0: to the end */
	const char *const *throughput; /* --throughput FILE...; none: the recording's own load */
	size_t n_throughput;
	struct vnx_placement placement;       /* --offset */
	const struct vnx_diagnosis *baseline; /* of an earlier run, --baseline, or NULL */
};

/* All that a reporter needs; vnx_pipeline_fini() frees. */
struct vnx_pipeline {
	struct vnx_run run;
	struct vnx_throughput *tp;
	struct vnx_diagnosis *dg;
};

/* Reads @r to its end and analyses. @out is zeroed first; on error it is empty. */
int vnx_pipeline_run(const struct vnx_reader_ops *ops, struct vnx_reader *r,
		     const struct vnx_pipeline_conf *conf, struct vnx_pipeline *out,
		     struct vnx_err *err) VNX_MUST_CHECK;
void vnx_pipeline_fini(struct vnx_pipeline *p);

#endif
