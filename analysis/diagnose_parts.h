/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files behind vnx_diagnose() share; nobody else includes it.
 */
#ifndef VNX_DIAGNOSE_PARTS_H
#define VNX_DIAGNOSE_PARTS_H

#include "analysis/change.h"
#include "analysis/diagnosis.h"
#include "analysis/observe.h"

#define VNX_JUDGE_BINS 20   /* fewer valid bins of throughput carry no verdict */
#define VNX_JUDGE_OBS 5     /* intervals: two before a fall, the one it falls into, two after */
#define VNX_MSS 1448.0      /* of Ethernet's usual MTU: a packet in here may be of 64 kB (GSO) */
#define VNX_IDLE_SHARE 0.02 /* of the level before: the traffic stopped, nothing degraded */
#define VNX_SATISFIED 0.95  /* of what the load asked for */
#define VNX_IDLE_BPS 100e3  /* a tap with less carries no load whose loss could be judged */

/* One VM under diagnosis. */
struct vnx_case {
	const struct vnx_grid *grid;
	const struct vnx_diagnose_conf *conf; /* defaults filled in */
	struct vnx_vm_finding *f;
	const struct vnx_vm_input *vms; /* all of the run, n_vms */
	size_t n_vms;
	const struct vnx_baseline *baseline; /* or NULL */
	const char *throughput_why;          /* of the VM's input, or NULL */
	struct vnx_obs obs;         /* what throughput was observed in; empty: not measured */
	struct vnx_changes changes; /* of the throughput, rises too; places are observations */
	double bin_s;
	bool tap; /* throughput is what the tap moved: demand is not known */
	const struct vnx_thread_input *threads; /* n_threads; stand holds what they are made of */
	size_t n_threads;
	struct vnx_thread_input stand[2];
};

/* What the back end lets move. Unknown back ends are taken at their counters' word. */
bool vnx_metric_can_move(const struct vnx_vm *vm, enum vnx_metric metric);
/* Why not, a static sentence; NULL if it can. For handle_tx and handle_rx. */
const char *vnx_metric_why_still(const struct vnx_vm *vm, enum vnx_metric metric);

/*
 * Takes gaps off both ends of bins [from, to) of throughput @x: before the load began and after it
 * ended nothing was asked of the path.
 */
void vnx_trim(const double *x, size_t *from, size_t *to);

/* Mean per second, or mean share or level, of a series that was measured in bins [from, to). */
double vnx_case_level(const struct vnx_case *c, enum vnx_metric m, size_t from, size_t to);
/* A first level that lies under the baseline's becomes the first fall. -ENOMEM. */
int vnx_case_compare(struct vnx_case *c) VNX_MUST_CHECK;
/* Finds the falls; fills f->degradations but for their causes. -ENOMEM. */
int vnx_case_degrade(struct vnx_case *c) VNX_MUST_CHECK;
/* Fills f->stage. -ENOMEM. */
int vnx_case_stages(struct vnx_case *c) VNX_MUST_CHECK;
/* Fills f->stages from f->stage. -ENOMEM. */
int vnx_case_stage_table(struct vnx_case *c) VNX_MUST_CHECK;
/* Fills f->correlations. -ENOMEM. */
int vnx_case_relate(struct vnx_case *c) VNX_MUST_CHECK;
/*
 * Names the cause of @d, whose evidence has all that was measured: that moves to levels, and
 * evidence is what decided. With a baseline the span's first part is empty.
 */
int vnx_case_explain(const struct vnx_case *c, struct vnx_degradation *d,
		     const struct vnx_span *span) VNX_MUST_CHECK;
/* Fills f->limits: what holds the VM back at the last level of its throughput. -ENOMEM. */
int vnx_case_limits(struct vnx_case *c) VNX_MUST_CHECK;

/* Of a count in [from, to): intervals of half a second that were measured, those with any, all. */
struct vnx_presence {
	double intervals, with, all;
};
struct vnx_presence vnx_case_presence(const struct vnx_case *c, enum vnx_metric m, size_t from,
				      size_t to);

/* For how long @bytes take at @bps, ms; infinite where nothing moves. */
double vnx_unread_ms(double bytes, double bps);
/* "600 kB lay unread in the receiving program's sockets, 12 ms of reading"; NULL is -ENOMEM. */
char *vnx_unread_words(double bytes, double bps);
/* A thread in words, "worker 148 (queue 0)", "vCPU 3 (thread 153)"; NULL is -ENOMEM. */
char *vnx_thread_words(const struct vnx_vm *vm, const struct vnx_thread_input *t);

/* A cause under trial: what was measured before and after the fall. */
struct vnx_judge {
	const struct vnx_case *c;
	struct vnx_span span;
	double b[VNX_METRIC_MAX], a[VNX_METRIC_MAX]; /* levels before, after; NaN: not measured */
	struct vnx_parts worker, vcpu; /* of the worker and the vCPU that explain most */
	struct vnx_blame {
		double other, own, idle; /* share of the bins waited while others, the VM's own
					    threads, or nobody had the CPU, more than before */
		bool known;
	} worker_blame, vcpu_blame;
	double score[VNX_CAUSE_MAX]; /* of the causes tried so far */
};

/* Fills j->worker_blame, j->vcpu_blame from the case's holds. */
void vnx_judge_blame(struct vnx_judge *j);
/* Appends those that had the CPU of the workers (@worker) or the vCPUs, worst first. -ENOMEM. */
int vnx_judge_offenders(const struct vnx_judge *j, bool worker,
			struct vnx_degradation *d) VNX_MUST_CHECK;

#define VNX_TELLS_MAX 9

/* A cause as data: analysis/cause_rules.c has the table. */
struct vnx_cause_rule {
	enum vnx_cause cause;
	/* 0..1 from what must hold; what was not measured holds nothing up */
	double (*score)(const struct vnx_judge *j);
	char *(*finding)(const struct vnx_judge *j); /* new text; NULL is -ENOMEM */
	char *(*advice)(const struct vnx_judge *j);
	/* the thread it is about, for causes that are a thread's; else NULL */
	const struct vnx_parts *(*thread)(const struct vnx_judge *j);
	enum vnx_metric tells[VNX_TELLS_MAX];   /* what decides it, in order of weight; ends */
	enum vnx_metric against[VNX_TELLS_MAX]; /* high: speaks against; both end with VNX_LOST */
};

extern const struct vnx_cause_rule vnx_cause_rules[]; /* in order of trial */
extern const size_t vnx_n_cause_rules;

#endif
