/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vnetdx says: the C form of schema vnetdx.diagnosis/1. Plain data, owned as a whole.
 */
#ifndef VNX_DIAGNOSIS_H
#define VNX_DIAGNOSIS_H

#include "analysis/parts.h"
#include "analysis/sample.h"
#include "analysis/stats.h"
#include "analysis/timeline.h"
#include "analysis/vm.h"

/* In order of precedence: a host's is the first that any of its VMs has. */
enum vnx_verdict {
	VNX_DEGRADED,     /* throughput fell: within the run, or against a baseline */
	VNX_LIMITED,      /* nothing fell; something that was measured holds the VM back */
	VNX_UNDETERMINED, /* why says what was missing */
	VNX_HEALTHY,      /* nothing fell, no place is near its end */
	VNX_IDLE,         /* no traffic worth the name */
	VNX_VERDICT_MAX
};
const char *vnx_verdict_name(enum vnx_verdict v);

/* The closed list of vnetdx-causes(7). */
enum vnx_cause {
	VNX_CAUSE_CPU_CONTENTION,
	VNX_CAUSE_THROTTLED,
	VNX_CAUSE_VHOST_SATURATED,
	VNX_CAUSE_VCPU_STARVED,
	VNX_CAUSE_SENDER_LIMITED,
	VNX_CAUSE_NOTIFICATION_STORM,
	VNX_CAUSE_LINK_LIMITED,
	VNX_CAUSE_RECEIVER_LIMITED,
	VNX_CAUSE_PATH_LOSS,
	VNX_CAUSE_EMULATED_BACKEND,
	VNX_CAUSE_MEASUREMENT_ARTEFACT,
	VNX_CAUSE_GUEST_RING_FULL,
	VNX_CAUSE_SOFTIRQ_SATURATED,
	VNX_CAUSE_OFFLOAD_OFF,
	VNX_CAUSE_PATH_DELAY,
	VNX_CAUSE_VM_PAUSED,
	VNX_CAUSE_HOST_STOLEN,
	VNX_CAUSE_UNKNOWN,
	VNX_CAUSE_MAX
};
const char *vnx_cause_name(enum vnx_cause c);

struct vnx_correlation {
	enum vnx_metric x, y;
	enum vnx_corr_on on;
	enum vnx_corr_method method;
	struct vnx_corr c;
	double lag_s;
};

struct vnx_evidence {
	enum vnx_metric metric;
	double before, after; /* mean per second (rates) or share; NaN: missing */
};

struct vnx_missing {
	char *what; /* "vhost_runq_wait" */
	char *how;  /* how to get it */
};

/* Who had the CPU that the VM's thread waited for. */
struct vnx_offender {
	bool is_vm; /* else a process */
	char *name; /* of the VM, or the process' short name (comm) */
	uint32_t pid;
	double share; /* of the waiting that came with the fall, 0..1 */
};

/*
 * A significant fall of the level of throughput. Falls that follow each other are each one
 * of their own, `before` being the level just before the fall, unless they follow within 3 s, or a
 * straight decline explains them better (analysis/ramp.c): that is one, from its begin. It ends
 * with the first bin of the level that lacks at most a quarter of the loss (or min_effect of
 * `before`, if that is more), or at which the traffic stops.
 */
struct vnx_degradation {
	double start_s, start_uncertainty_s; /* from the first bin */
	double detected_s; /* from the first bin: when it could first be told; NaN: not known */
	double ramp_s;     /* how long a gradual fall took; 0: a step */
	double end_s;      /* NaN: lasts to the end */
	double before_bps, after_bps, change; /* change: (after - before) / before, negative */
	double p;
	bool online; /* seen bin by bin as it came: detected_s is known */
	/* bytes of the tap per handle_* call, of the direction that moves more; NaN: not known */
	double bytes_per_call_before, bytes_per_call_after;
	bool from_baseline; /* against an earlier recording, not within the run; start_s is 0 */
	enum vnx_cause cause;
	double score;  /* of the cause, 0..1; 0: unknown */
	char *finding; /* the numbers that decided, in one sentence; "" for unknown */
	/* of the levels below, missing ones not taken off; 0: they are another run's */
	size_t bins_before, bins_after;
	/* what decided; what speaks against; and all that was measured */
	struct {
		struct vnx_evidence *v;
		size_t n, cap;
	} evidence, against, levels;
	struct {
		struct vnx_offender *v;
		size_t n, cap;
	} offenders;
	struct {
		struct vnx_missing *v;
		size_t n, cap;
	} missing;
	struct {
		struct {
			enum vnx_cause cause;
			double score;
		} * v;
		size_t n, cap;
	} alternatives;
	char *advice;
	/* Of the worst worker and vCPU: what each bit takes more time for. thread: not kept. */
	struct vnx_parts worker_parts, vcpu_parts;
	/* of drops of about one depth at even intervals; times 0: it does not recur */
	struct {
		double every_s;
		size_t times;
	} recurs;
	char *where; /* the thread that decided, "worker 148 (queue 0)"; "" where there is but one
		      */
};

/* Something that holds a VM back now, whether or not anything fell. */
struct vnx_limit {
	enum vnx_cause cause;
	char *where;      /* "worker 163 (queue 2)", "tap1" */
	double level;     /* how much of it there is */
	const char *unit; /* of @level, static: "share of the time" */
	double since_s;   /* from the first bin */
	double score;     /* 0..1 */
	char *finding, *advice;
	struct {
		struct vnx_evidence *v; /* before: NaN */
		size_t n, cap;
	} evidence;
};

struct vnx_throughput_summary {
	char *source; /* "iperf3-receiver", "iperf3-sender", "tap", "" */
	double mean_bps, p05_bps, p50_bps, p95_bps; /* NaN: none */
	size_t n;                                   /* valid bins */
	size_t values; /* intervals of the load, where those are longer than bins; else n */
};

/* A stage of the load, or a level of throughput, from its start to the next one's. NaN: unknown. */
struct vnx_stage {
	double start_s, throughput_bps;
	enum vnx_metric calls; /* handle_rx where more enters the guest than leaves it */
	double calls_per_s, bytes_per_call, packets_per_call;
	bool odd; /* calls went another way than throughput did: bytes per call tell why */
};

/* One VM's part. @series[m] has n_bins values (NaN missing) or is NULL: not measured. */
struct vnx_vm_finding {
	struct vnx_vm vm;
	enum vnx_verdict verdict;
	char *why;                     /* what the verdict rests on, one sentence; "" if nothing */
	double totals[VNX_METRIC_MAX]; /* NaN: not measured or cannot move */
	double *series[VNX_METRIC_MAX];
	struct vnx_throughput_summary throughput;
	struct {
		struct vnx_correlation *v;
		size_t n, cap;
	} correlations;
	struct {
		struct vnx_degradation *v;
		size_t n, cap;
	} degradations;
	struct {
		struct vnx_limit *v; /* worst first */
		size_t n, cap;
	} limits;
	double asked_bps;   /* what the load asked for; NaN: it did not say, or all it could get */
	double got_bps;     /* what it got, at the last level; NaN: not measured */
	double hidden_drop; /* smallest drop that could have hidden, a share; NaN: not known */
	/*
	 * The largest drop of a tap's traffic that nothing on the host explains: less may have been
	 * wanted, so it is no degradation. at_s NaN: there is none; -1: against the baseline.
	 */
	struct {
		double at_s, before_bps, after_bps;
	} less;
	/*
	 * n_bins, stage number of each bin, or NULL. Without conf.stage_s the stages are the
	 * levels found in the throughput itself: within-stage correlation is then conditional
	 * on them and says only what is left inside them.
	 */
	unsigned *stage;
	struct {
		struct vnx_stage *v;
		size_t n, cap;
	} stages;
};

struct vnx_diagnosis {
	enum vnx_verdict verdict;
	struct vnx_grid grid;
	size_t bins_missing; /* bins in which something was lost */
	uint64_t lost_events;
	size_t sma_bins;
	struct {
		struct vnx_vm_finding *v;
		size_t n, cap;
	} vms;
};

void vnx_degradation_fini(struct vnx_degradation *d);
void vnx_diagnosis_free(struct vnx_diagnosis *dg);

/* How a VM fared in an earlier run, where nothing was wrong. */
struct vnx_baseline {
	double mean_bps, sd_bps, n_eff; /* of the throughput, bin by bin */
	double level[VNX_METRIC_MAX];   /* means per second, or mean shares; NaN: not measured */
	enum vnx_backend backend;
};

/*
 * Of the bins of @f before its first fall; false where there are too few with throughput. All
 * of them where it is healthy.
 */
bool vnx_baseline_make(const struct vnx_vm_finding *f, const struct vnx_grid *grid,
		       struct vnx_baseline *out);

/* One VM as given to vnx_diagnose(); everything stays the caller's. */
struct vnx_vm_input {
	const struct vnx_vm *vm;
	const double
		*series[VNX_METRIC_MAX]; /* counts a bin (throughput: bit/s), NULL: not measured */
	const double *totals; /* [VNX_METRIC_MAX] counts of the whole run, what fell into bins that
				 are missing or cut included; NULL: sums of the series */
	const int *interval;  /* of the load, for each bin, as vnx_obs_init() has it; or NULL */
	const struct vnx_thread_input *threads; /* n_threads; 0: the series stand for one of each */
	size_t n_threads;
	double asked_bps;                    /* of the load; 0: not known, or without a bound */
	const char *throughput_source;       /* "" where series[VNX_THROUGHPUT] is NULL */
	const char *throughput_why;          /* what became of a load that was given, or NULL */
	const struct vnx_baseline *baseline; /* or NULL */
};

struct vnx_diagnose_conf {
	size_t sma_bins;            /* 20 = 10 s */
	double min_effect;          /* 0.05 */
	size_t min_bins;            /* 3 */
	bool live;                  /* when a fall could be told is not looked for: it costs most */
	double clock_uncertainty_s; /* lags are searched within this only */
	size_t places;  /* the load was put where it fits best of so many: p, ci95 are corrected */
	double stage_s; /* known length of the load's stages; 0: stages are the segments found */
	/* Where stage_s is given, stages count from the first bin with throughput. */
	const bool *lost; /* grid.n, true: something was lost in that bin; NULL: nothing */
	uint64_t lost_events;
	const struct vnx_holds *holds; /* who held the CPU, in order of time; NULL: not measured */
	const struct vnx_vms *others;  /* VMs that are not judged but may have held it; or NULL */
	/* why a metric was not measured, one sentence, or NULL: not known */
	const char *not_measured[VNX_METRIC_MAX];
	bool clock_stepped; /* a clock step may have moved the load's times against ours */
};

/*
 * The whole analysis. -EINVAL for an empty grid, -ENOMEM. *out is freed by
 * vnx_diagnosis_free(). A pure function: equal input gives equal bytes.
 */
int vnx_diagnose(const struct vnx_grid *grid, const struct vnx_vm_input *vms, size_t n_vms,
		 const struct vnx_diagnose_conf *conf, struct vnx_diagnosis **out) VNX_MUST_CHECK;

#endif
