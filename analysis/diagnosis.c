// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/diagnosis.h"

static const char *const verdict_names[] = {
	[VNX_DEGRADED] = "degraded", [VNX_LIMITED] = "limited", [VNX_UNDETERMINED] = "undetermined",
	[VNX_HEALTHY] = "healthy",   [VNX_IDLE] = "idle",
};

static const char *const cause_names[VNX_CAUSE_MAX] = {
	[VNX_CAUSE_CPU_CONTENTION] = "cpu_contention",
	[VNX_CAUSE_THROTTLED] = "throttled",
	[VNX_CAUSE_VHOST_SATURATED] = "vhost_saturated",
	[VNX_CAUSE_VCPU_STARVED] = "vcpu_starved",
	[VNX_CAUSE_SENDER_LIMITED] = "sender_limited",
	[VNX_CAUSE_NOTIFICATION_STORM] = "notification_storm",
	[VNX_CAUSE_LINK_LIMITED] = "link_limited",
	[VNX_CAUSE_RECEIVER_LIMITED] = "receiver_limited",
	[VNX_CAUSE_PATH_LOSS] = "path_loss",
	[VNX_CAUSE_EMULATED_BACKEND] = "emulated_backend",
	[VNX_CAUSE_MEASUREMENT_ARTEFACT] = "measurement_artefact",
	[VNX_CAUSE_GUEST_RING_FULL] = "guest_ring_full",
	[VNX_CAUSE_SOFTIRQ_SATURATED] = "softirq_saturated",
	[VNX_CAUSE_OFFLOAD_OFF] = "offload_off",
	[VNX_CAUSE_PATH_DELAY] = "path_delay",
	[VNX_CAUSE_VM_PAUSED] = "vm_paused",
	[VNX_CAUSE_HOST_STOLEN] = "host_stolen",
	[VNX_CAUSE_UNKNOWN] = "unknown",
};

const char *vnx_verdict_name(enum vnx_verdict v)
{
	return (unsigned)v < VNX_ARRAY_SIZE(verdict_names) ? verdict_names[v] : NULL;
}

const char *vnx_cause_name(enum vnx_cause c)
{
	return (unsigned)c < VNX_CAUSE_MAX ? cause_names[c] : NULL;
}

void vnx_degradation_fini(struct vnx_degradation *d)
{
	for (size_t i = 0; i < d->missing.n; i++) {
		free(d->missing.v[i].what);
		free(d->missing.v[i].how);
	}
	free(d->missing.v);
	for (size_t i = 0; i < d->offenders.n; i++)
		free(d->offenders.v[i].name);
	free(d->offenders.v);
	free(d->finding);
	free(d->evidence.v);
	free(d->levels.v);
	free(d->against.v);
	free(d->alternatives.v);
	free(d->advice);
	free(d->where);
}

static void limit_fini(struct vnx_limit *l)
{
	free(l->where);
	free(l->finding);
	free(l->advice);
	free(l->evidence.v);
}

static void finding_fini(struct vnx_vm_finding *f)
{
	for (size_t i = 0; i < f->degradations.n; i++)
		vnx_degradation_fini(&f->degradations.v[i]);
	free(f->degradations.v);
	for (size_t i = 0; i < f->limits.n; i++)
		limit_fini(&f->limits.v[i]);
	free(f->limits.v);
	free(f->correlations.v);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		free(f->series[m]);
	free(f->throughput.source);
	free(f->stage);
	free(f->stages.v);
	free(f->why);
	vnx_vm_fini(&f->vm);
}

void vnx_diagnosis_free(struct vnx_diagnosis *dg)
{
	if (!dg)
		return;
	for (size_t i = 0; i < dg->vms.n; i++)
		finding_fini(&dg->vms.v[i]);
	free(dg->vms.v);
	free(dg);
}
