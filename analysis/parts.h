/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread's time went to, and what of it explains that each bit takes longer. Of each second
 * a thread runs, waits for a CPU, is held by a quota, is kept by interrupts or sleeps; the shares
 * add up to 1. Divided by throughput they are the time that each bit takes: of what it takes more
 * after a fall the parts add up to 1 too.
 */
#ifndef VNX_PARTS_H
#define VNX_PARTS_H

#include "analysis/sample.h"

enum vnx_spent {
	VNX_SPENT_RUN,
	VNX_SPENT_WAIT,   /* it could run and had no CPU, no quota or interrupt kept it */
	VNX_SPENT_QUOTA,  /* its control group was out of its CPU quota */
	VNX_SPENT_IRQ,    /* interrupts and softirqs on its CPU, in what else were wait or sleep */
	VNX_SPENT_ASLEEP, /* what is left */
	VNX_SPENT_MAX
};
const char *vnx_spent_name(enum vnx_spent part); /* "run", "wait", "quota", "irq", "asleep" */

/* What is measured of a thread: ns of each bin. */
enum vnx_time { VNX_TIME_RUN, VNX_TIME_WAIT, VNX_TIME_THROTTLED, VNX_TIME_IRQ, VNX_TIMES };

/*
 * One thread of a VM as it was measured: a share (0..1) of each bin, NaN missing, as many as the
 * grid has; NULL: not measured. Nothing is owned.
 */
struct vnx_thread_input {
	uint32_t tid;
	bool worker;  /* a vhost worker; else a vCPU */
	size_t index; /* among the VM's workers or vCPUs, from 0 */
	const double *x[VNX_TIMES];
};

/* The metric that measures @k of a worker or a vCPU; VNX_LOST: none does. */
enum vnx_metric vnx_time_metric(bool worker, enum vnx_time k);

/* Share of bin @i, which @t spent so; NaN where any of it is missing. */
double vnx_thread_share(const struct vnx_thread_input *t, enum vnx_spent part, size_t i);

/* Two levels of throughput: bins [from, until) before a fall, [since, to) after it. */
struct vnx_span {
	size_t from, until, at, since, to; /* @at: where it falls */
};

struct vnx_parts {
	const struct vnx_thread_input *thread;              /* NULL: none was measured */
	double before[VNX_SPENT_MAX], after[VNX_SPENT_MAX]; /* mean shares; NaN: not known */
	double part[VNX_SPENT_MAX];  /* of the time that each bit takes more; NaN: not known */
	double error[VNX_SPENT_MAX]; /* half of its 95 % interval; NaN: not known */
	double moved[VNX_SPENT_MAX]; /* half of the 95 % interval of after - before */
	double left;                 /* throughput after the fall, of that before; NaN: not known */
};

/*
 * Of @t over @span, with throughput @y (bit/s a bin). @before: mean shares before the fall where
 * another run tells them (then @before_bps is its throughput and span's first part is empty), or
 * NULL. Where nothing gets through any more a part is the share of the time itself.
 */
void vnx_parts_of(const struct vnx_thread_input *t, const double *y, const struct vnx_span *span,
		  const double *before, double before_bps, struct vnx_parts *out);

/* A mean over bins [from, to) with half of its 95 % interval (autocorrelation paid for). */
struct vnx_level {
	double mean, error; /* NaN: none is valid */
};
struct vnx_level vnx_thread_level(const struct vnx_thread_input *t, enum vnx_spent part,
				  size_t from, size_t to);

#endif
