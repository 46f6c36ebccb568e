/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the live view knows: the last minutes of every VM in bins, what is suspected, what
 * happened. Fed bin by bin, by a session or from a recording; draws nothing.
 */
#ifndef VNX_LIVE_MODEL_H
#define VNX_LIVE_MODEL_H

#include "analysis/change.h"
#include "cli/output/pick.h"
#include "cli/record/session.h"

#define VNX_LIVE_BINS 600 /* remembered: 5 min of 0.5 s */
#define VNX_LIVE_QUIET_S 60
#define VNX_LIVE_WHY 320
#define VNX_LIVE_EVENTS 1000
#define VNX_LIVE_GONE_NS (60 * VNX_NSEC_PER_SEC) /* a VM that went is shown so long */

enum vnx_live_state {
	VNX_LIVE_DEGRADED,
	VNX_LIVE_LIMITED, /* nothing fell, something that was measured holds it back */
	VNX_LIVE_UNKNOWN, /* it moves bytes, and whether it fell cannot be told */
	VNX_LIVE_OK,
	VNX_LIVE_WAITING, /* not enough data yet */
	VNX_LIVE_IDLE,
	VNX_LIVE_GONE,
	VNX_LIVE_STATES
};

/* Levels of the last bins: per second, or a mean share or level; NaN: not measured. */
struct vnx_levels {
	double of[VNX_METRIC_MAX];
};

/* A fall that lasts, as it was told last. Shared by count. */
struct vnx_suspicion {
	unsigned refs;
	struct vnx_diagnosis *dg; /* the VM's finding is its first; without series */
	struct vnx_episode ep;    /* within dg */
	uint64_t start_ns, told_ns;
	struct vnx_levels quiet; /* of the minute before the fall */
};

/* A worker or vCPU of a VM: rings of what vnx_series_threads() has. */
struct vnx_live_thread {
	uint32_t tid;
	bool worker;
	size_t index;
	float *ring[VNX_TIMES];
};

struct vnx_live_vm {
	struct vnx_vm vm;
	char *label; /* name, "name#pid" where another bears it, "pid N"; as it came */
	uint32_t id; /* never used twice */
	enum vnx_live_state state;
	char why[VNX_LIVE_WHY];        /* of limited, unknown and waiting, else "" */
	char judged_why[VNX_LIVE_WHY]; /* by the last analysis */
	char limit_why[VNX_LIVE_WHY];  /* of the limit, by the analysis that saw it last */
	struct vnx_suspicion *fall;    /* VNX_LIVE_DEGRADED, else NULL */
	float *ring[VNX_METRIC_MAX];   /* VNX_LIVE_BINS values as of vnx_series_get() */
	struct {
		struct vnx_live_thread *v;
		size_t n, cap;
	} threads;
	enum vnx_cause limit;                 /* that holds it back, as told; VNX_CAUSE_MAX: none */
	enum vnx_cause limit_next;            /* another that was seen since ... */
	unsigned limit_sighted, limit_missed; /* ... in so many analyses in a row, or none */
	struct vnx_watch *watch;
	size_t first, watch_next;    /* bins */
	unsigned looks;              /* analyses still due since the detector flagged it ... */
	size_t flag_bin;             /* ... for a fall that it placed there */
	bool undetermined;           /* by the last analysis */
	size_t busy_from, idle_bins; /* bin from which on its present traffic runs; idle so far */
	bool was_busy;
	unsigned sighted;            /* analyses in a row that saw a fall not told yet */
	unsigned missed;             /* analyses in a row that did not see the fall */
	uint64_t judged_ns, told_ns; /* last analysis; falls up to here are told */
	uint64_t gone_ns;            /* 0: it is there */
};

enum vnx_live_kind {
	VNX_EVENT_CAME,
	VNX_EVENT_WENT,
	VNX_EVENT_FELL,
	VNX_EVENT_CAUSE,
	VNX_EVENT_ENDED,
	VNX_EVENT_LOST,
	VNX_EVENT_SOURCE,
	VNX_EVENT_NOTE
};

struct vnx_live_event {
	uint64_t t_ns;
	enum vnx_live_kind kind;
	char *vm; /* label, "" for the host */
	char *text;
};

struct vnx_live_conf {
	double share; /* of a core that the analysis may take; INFINITY: as much as it wants */
};

struct vnx_live_model {
	struct vnx_live_conf conf;
	struct vnx_run_facts facts; /* as fed last; bin_ns 0: nothing was fed */
	struct vnx_hooks hooks;
	struct vnx_source_states sources;
	struct {
		struct vnx_live_vm **v;
		size_t n, cap;
	} vms;
	struct {
		struct vnx_live_event *v;
		size_t n, cap;
	} events;                    /* in order of telling */
	size_t events_gone;          /* older ones that gave way */
	float *host[VNX_METRIC_MAX]; /* rings of VNX_OF_HOST */
	bool lost[VNX_LIVE_BINS];
	uint64_t lost_events;
	size_t bins; /* complete so far; bin b of them stands at b % VNX_LIVE_BINS */
	uint64_t now_ns;
	uint32_t selected; /* id of the VM that is looked at: its turn comes sooner */
	bool hold;         /* VMs that are gone stay: somebody still shows them */
	uint64_t analyses; /* so far */
	/* the rest is the model's own */
	struct vnx_live_vm **map; /* of the VMs as fed last */
	size_t map_n, fast_next, slow_next;
	struct vnx_samples fast, slow; /* not yet in all of their bins */
	struct vnx_holds holds;
	double tokens_s;    /* CPU time that the analysis may take now */
	uint64_t budget_ns; /* ... as of then */
	uint64_t urgent_ns; /* a flagged VM is analysed from then on even without */
	unsigned urgent_n;  /* so many were */
	uint64_t next_take_ns;
	const struct vnx_vms *others; /* while it is fed */
	uint32_t next_id;
	bool partial_told;
};

struct vnx_live_model *vnx_live_model_new(const struct vnx_live_conf *conf);
void vnx_live_model_free(struct vnx_live_model *m);
/* Takes in what @seen holds; -ENOMEM. */
int vnx_live_model_feed(struct vnx_live_model *m, const struct vnx_seen *seen) VNX_MUST_CHECK;
struct vnx_live_vm *vnx_live_find(const struct vnx_live_model *m, uint32_t id);

/* False for a VM that went a while ago. */
bool vnx_live_is_shown(const struct vnx_live_model *m, const struct vnx_live_vm *vm);

double vnx_live_bin_s(const struct vnx_live_model *m);
/* Bin that ended last at @ns, one past it. */
size_t vnx_live_bin_at(const struct vnx_live_model *m, uint64_t ns);
/* Value of a ring in bin @b, NaN where it is not (or no longer) known. @ring may be NULL. */
double vnx_live_value(const struct vnx_live_model *m, const float *ring, size_t b);
/* Levels over @s seconds before bin @end. */
void vnx_live_levels(const struct vnx_live_model *m, const struct vnx_live_vm *vm, size_t end,
		     double s, struct vnx_levels *out);
double vnx_live_level(const struct vnx_live_model *m, const struct vnx_live_vm *vm,
		      enum vnx_metric metric, size_t end, double s);

/* events.c */
int vnx_live_tell(struct vnx_live_model *m, enum vnx_live_kind kind, const char *vm,
		  const char *fmt, ...) VNX_PRINTF(4, 5);
void vnx_live_events_free(struct vnx_live_model *m);
/* Tells what changed between the last feed and @seen, but for the VMs. -ENOMEM. */
int vnx_live_compare(struct vnx_live_model *m, const struct vnx_seen *seen) VNX_MUST_CHECK;
/*
 * "14:03:12", "11-20 14:03:12" where that is half a day ago, of a time of the capture's clock;
 * local time where its wall clock is known.
 */
char *vnx_live_clock(const struct vnx_live_model *m, uint64_t ns, char buf[32]);

/* take.c: samples into rings. */
int vnx_live_take(struct vnx_live_model *m, const struct vnx_seen *seen) VNX_MUST_CHECK;
/* The hook that counted @metric until then (0: until now) was none: its zeros are missing. */
void vnx_live_forget_calls(struct vnx_live_model *m, enum vnx_metric metric, uint64_t until_ns);

/* suspect.c: who fell and why. */
int vnx_live_suspect(struct vnx_live_model *m) VNX_MUST_CHECK;
void vnx_suspicion_put(struct vnx_suspicion *s);
/* One word for a narrow column, never NULL. */
const char *vnx_live_cause_word(enum vnx_cause cause);
const char *vnx_live_state_name(enum vnx_live_state state);

#endif
