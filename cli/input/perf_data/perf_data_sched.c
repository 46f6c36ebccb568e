// SPDX-License-Identifier: GPL-2.0-only
/* sched_switch and sched_wakeup in a perf.data: where their fields are, and what they say. */
#include "cli/input/perf_data/perf_data.h"

static bool has_name(const struct perf_attr *a, enum perf_sched_field f)
{
	return a->sched[f].size == VNX_COMM_LEN;
}

static bool has_number(const struct perf_attr *a, enum perf_sched_field f)
{
	return a->sched[f].size == 4 || (f == PERF_SCHED_STATE && a->sched[f].size == 8);
}

enum perf_use vnx_perf_sched_use(const struct perf_attr *a)
{
	bool thread = has_name(a, PERF_SCHED_COMM) && has_number(a, PERF_SCHED_PID);

	if (strcmp(a->system, "sched") || !a->described || !thread ||
	    !(a->sample_type & PERF_SAMPLE_RAW))
		return PERF_USE_NOT;
	if (!strcmp(a->event, "sched_wakeup"))
		return PERF_USE_WAKEUP;
	if (!strcmp(a->event, "sched_wakeup_new"))
		return PERF_USE_NEW;
	if (strcmp(a->event, "sched_switch") || !has_number(a, PERF_SCHED_STATE) ||
	    !has_name(a, PERF_SCHED_NEXT_COMM) || !has_number(a, PERF_SCHED_NEXT_PID))
		return PERF_USE_NOT;
	return PERF_USE_SWITCH;
}

static uint64_t number_at(const struct perf_data *pd, const struct perf_attr *a, const uint8_t *raw,
			  enum perf_sched_field f)
{
	const uint8_t *p = raw + a->sched[f].offset;

	return a->sched[f].size == 8 ? perf_u64(pd, p) : perf_u32(pd, p);
}

static const char *name_at(const struct perf_attr *a, const uint8_t *raw, enum perf_sched_field f)
{
	return (const char *)raw + a->sched[f].offset;
}

void vnx_perf_sched_take(const struct perf_data *pd, const struct perf_attr *a, const uint8_t *raw,
			 uint32_t len, uint64_t t_ns, struct vnx_sched_cpu *cpu,
			 struct vnx_sched_batch *out)
{
	uint32_t tid;

	for (unsigned f = 0; f < PERF_SCHED_FIELDS; f++)
		if ((uint32_t)a->sched[f].offset + a->sched[f].size > len)
			return;
	tid = (uint32_t)number_at(pd, a, raw, PERF_SCHED_PID);
	if (a->use == PERF_USE_WAKEUP || a->use == PERF_USE_NEW)
		vnx_sched_wakeup(out, a->use == PERF_USE_NEW ? VNX_SCHED_NEW : VNX_SCHED_WAKE, t_ns,
				 tid, name_at(a, raw, PERF_SCHED_COMM));
	else
		vnx_sched_switch(out, cpu, t_ns, tid, name_at(a, raw, PERF_SCHED_COMM),
				 vnx_sched_left(number_at(pd, a, raw, PERF_SCHED_STATE)),
				 (uint32_t)number_at(pd, a, raw, PERF_SCHED_NEXT_PID),
				 name_at(a, raw, PERF_SCHED_NEXT_COMM));
}
