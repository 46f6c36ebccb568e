/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rules of causes score by (cause_score.c); their words and the table are cause_rules.c.
 * A score is 0..1; what was not measured holds nothing up. Nobody else includes this.
 */
#ifndef VNX_CAUSE_SCORE_H
#define VNX_CAUSE_SCORE_H

#include "analysis/diagnose_parts.h"

double vnx_score_artefact(const struct vnx_judge *j);
double vnx_score_stolen(const struct vnx_judge *j);
double vnx_score_throttled(const struct vnx_judge *j);
double vnx_score_contention(const struct vnx_judge *j);
double vnx_score_vcpu(const struct vnx_judge *j);
double vnx_score_offload(const struct vnx_judge *j);
double vnx_score_saturated(const struct vnx_judge *j);
double vnx_score_softirq(const struct vnx_judge *j);
double vnx_score_paused(const struct vnx_judge *j);
double vnx_score_emulated(const struct vnx_judge *j);
double vnx_score_link(const struct vnx_judge *j);
double vnx_score_ring(const struct vnx_judge *j);
double vnx_score_receiver(const struct vnx_judge *j);
double vnx_score_storm(const struct vnx_judge *j);
double vnx_score_path(const struct vnx_judge *j);
double vnx_score_delay(const struct vnx_judge *j);
double vnx_score_sender(const struct vnx_judge *j);

/* Level after less level before; NaN where either is not known. */
double vnx_judge_rise(const struct vnx_judge *j, enum vnx_metric m);
/* NaN counts as nothing. */
double vnx_judge_or0(double x);
/* Of both directions, a second. @level: j->a or j->b. */
double vnx_judge_packets(const double *level);
/* Share of the segments that @m makes more than before; 0 where the count itself did not rise. */
double vnx_judge_share_of(const struct vnx_judge *j, enum vnx_metric m);
/* Of what came for the guest, the share that its tap dropped. */
double vnx_judge_ring_share(const double *level);
/* @k's part of the time that each bit takes more where the share itself rose; 0..1. */
double vnx_judge_part_risen(const struct vnx_judge *j, const struct vnx_parts *p, enum vnx_spent k);
/* The load on this host receives. */
bool vnx_judge_receives_here(const struct vnx_judge *j);
/* The load has what it asked for. */
bool vnx_judge_is_satisfied(const struct vnx_judge *j);

#endif
