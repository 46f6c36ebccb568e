/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files behind vnx_diagnose() share; nobody else includes it.
 */
#ifndef VNX_DIAGNOSE_PARTS_H
#define VNX_DIAGNOSE_PARTS_H

#include "analysis/change.h"
#include "analysis/diagnosis.h"

#define VNX_JUDGE_BINS 20   /* fewer valid bins of throughput carry no verdict */
#define VNX_IDLE_SHARE 0.02 /* of the level before: the traffic stopped, nothing degraded */
#define VNX_IDLE_BPS 100e3  /* a tap with less carries no load whose loss could be judged */
/* In the lab the injected falls that were found gave 2e-4 or less, one healthy run's wander 1.8e-3.
 */
#define VNX_P_MAX 0.001

/* One VM under diagnosis. */
struct vnx_case {
	const struct vnx_grid *grid;
	const struct vnx_diagnose_conf *conf; /* defaults filled in */
	struct vnx_vm_finding *f;
	struct vnx_changes changes; /* of the throughput, rises too */
	double bin_s;
	bool tap; /* throughput is what the tap moved: demand is not known */
};

/* What the back end lets move. Unknown back ends are taken at their counters' word. */
bool vnx_metric_can_move(const struct vnx_vm *vm, enum vnx_metric metric);
/* Why not, a static sentence; NULL if it can. For handle_tx and handle_rx. */
const char *vnx_metric_why_still(const struct vnx_vm *vm, enum vnx_metric metric);

/* Finds the falls; fills f->degradations but for their causes. -ENOMEM. */
int vnx_case_degrade(struct vnx_case *c) VNX_MUST_CHECK;
/* Fills f->stage. -ENOMEM. */
int vnx_case_stages(struct vnx_case *c) VNX_MUST_CHECK;
/* Fills f->correlations. -ENOMEM. */
int vnx_case_relate(struct vnx_case *c) VNX_MUST_CHECK;
/* Names the cause of @d: cause, missing, alternatives, advice. @at, @next: its level's bins. */
int vnx_case_explain(const struct vnx_case *c, struct vnx_degradation *d, size_t at,
		     size_t next) VNX_MUST_CHECK;

#endif
