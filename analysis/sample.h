/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one currency of the house: a count over an interval, whatever produced it.
 */
#ifndef VNX_SAMPLE_H
#define VNX_SAMPLE_H

#include "analysis/util.h"

/* Names are those of contract.md; see vnx_metric_name(). Order is part of the recording. */
enum vnx_metric {
	VNX_HANDLE_TX,       /* calls of vhost_net's handle_tx; entity: worker's tid */
	VNX_HANDLE_RX,       /* calls of vhost_net's handle_rx; entity: worker's tid */
	VNX_VCPU_ENTER,      /* guest entries; entity: vCPU thread's tid */
	VNX_VCPU_HALT,       /* halts (poll + sleep); entity: vCPU thread's tid */
	VNX_TX_PACKETS,      /* left the guest by its tap; entity: ifindex */
	VNX_TX_BYTES,        /* entity: ifindex */
	VNX_RX_PACKETS,      /* entered the guest by its tap; entity: ifindex */
	VNX_RX_BYTES,        /* entity: ifindex */
	VNX_THROUGHPUT,      /* bit/s, a VM's series only, never a sample */
	VNX_VHOST_RUNQ_WAIT, /* share of the bin, 0..1 (samples: ns waited; entity: tid) */
	VNX_VCPU_RUNQ_WAIT,  /* likewise */
	VNX_VHOST_RUN,       /* likewise, ns run */
	VNX_KVM_EXIT,        /* exits; entity: vCPU thread's tid */
	VNX_LOST, /* events of unknown place in the interval were lost; entity: 0 or tid */
	VNX_METRIC_MAX
};

/* "handle_tx", ...; NULL for a number that is no metric. */
const char *vnx_metric_name(enum vnx_metric metric);
/* The metric of that name, or -EINVAL. */
int vnx_metric_parse(const char *name);
/* True for the four metrics whose samples are calls counted by a kernel hook. */
bool vnx_metric_is_call(enum vnx_metric metric);

/*
 * @count happened within [t_ns, t_ns + dur_ns) of the source's clock. dur_ns 0 is one
 * instant (a trace's event). Several samples of one bin, metric and entity add up.
 */
struct vnx_sample {
	uint64_t t_ns;
	uint64_t dur_ns;
	uint64_t count;
	uint32_t entity; /* tid or ifindex, by metric */
	uint32_t metric; /* enum vnx_metric */
};

struct vnx_samples {
	struct vnx_sample *v;
	size_t n, cap;
};

#endif
