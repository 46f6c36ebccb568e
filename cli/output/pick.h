/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of a finding is shown, chosen in one place so that text, figure and page agree.
 */
#ifndef VNX_PICK_H
#define VNX_PICK_H

#include "cli/output/reporter.h"

struct vnx_texts {
	char **v; /* owned */
	size_t n, cap;
};
void vnx_texts_fini(struct vnx_texts *list);

/* What a reader has to know before he trusts the numbers, one sentence each; -ENOMEM. */
int vnx_pick_warnings(const struct vnx_finding *f, struct vnx_texts *out) VNX_MUST_CHECK;

/*
 * The call metric that carries the VM's traffic: handle_rx where more bytes enter the guest
 * than leave it, else handle_tx.
 */
enum vnx_metric vnx_pick_calls(const struct vnx_vm_finding *vm);
/* ... or vcpu_enter where that one does not move or was not measured. */
enum vnx_metric vnx_pick_shown_calls(const struct vnx_vm_finding *vm);
/* Bytes and packets that go with that call metric. */
enum vnx_metric vnx_pick_bytes(enum vnx_metric calls);
enum vnx_metric vnx_pick_packets(enum vnx_metric calls);

/* The correlation of @x with throughput, at lag 0 where there are several; NULL if none. */
const struct vnx_correlation *vnx_pick_corr(const struct vnx_vm_finding *vm, enum vnx_metric x,
					    enum vnx_corr_on on, enum vnx_corr_method method);

/*
 * Degradations of which each begins before the ones before it are over are one fall for the
 * reader: from the level before the first to the level that lasts.
 */
struct vnx_episode {
	double start_s, start_uncertainty_s, end_s; /* end NaN: lasts to the end */
	double before_bps, after_bps, change;
	const struct vnx_degradation *first; /* first of @n */
	const struct vnx_degradation *last;  /* whose level after_bps is */
	const struct vnx_degradation *worst; /* the largest of them: its cause is the episode's */
	size_t n;
};
/* The last episode of @vm (the one that still lasts, if any does); false if none. */
bool vnx_pick_episode(const struct vnx_vm_finding *vm, double bin_s, struct vnx_episode *out);
/* The one that lost most; how many there are, 0: none and @out is not filled. */
size_t vnx_pick_worst(const struct vnx_vm_finding *vm, double bin_s, struct vnx_episode *out);

/* Of many drops a reader is shown the worst, and those that last: is drop @i one of them? */
bool vnx_pick_is_shown(const struct vnx_vm_finding *vm, size_t i);
/* Levels or stages of a run that a table has room for. */
#define VNX_STAGES_SHOWN 60

/* How many are not. */
size_t vnx_pick_left_out(const struct vnx_vm_finding *vm);

/*
 * The VM's name, with "#pid" where another VM bears the same, "pid N" where it has none;
 * NULL when memory is out. Caller frees. Not made safe for a terminal.
 */
char *vnx_pick_label(const struct vnx_diagnosis *dg, size_t i);

/* @what per call over the bins where both were measured; NaN if that is not defined. */
double vnx_pick_per_call(const struct vnx_vm_finding *vm, size_t n_bins, enum vnx_metric what,
			 enum vnx_metric calls);

/* Seconds from the first bin of bin @i. */
static inline double vnx_bin_start_s(const struct vnx_grid *grid, size_t i)
{
	return (double)(grid->bin_ns * (uint64_t)i) / 1e9;
}

/* 0, or -errno with a sentence where something written to @out was lost. */
int vnx_output_check(FILE *out, struct vnx_err *err) VNX_MUST_CHECK;

#endif
