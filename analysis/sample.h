/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one currency of the house: a count over an interval, whatever produced it.
 */
#ifndef VNX_SAMPLE_H
#define VNX_SAMPLE_H

#include "analysis/util.h"

/* Why a metric is missing where the input says nothing of it at all. */
#define VNX_NO_EVIDENCE "the input holds no evidence of that kind"

/*
 * Entity of a VNX_LOST sample that is of one hook and of an unknown thread: calls of that metric,
 * all of some thread's maybe; calls that the kernel kept from the hook now and then, whoever made
 * them. No thread or interface has such a number.
 */
#define VNX_LOST_OF(metric) (UINT32_C(2) << 30 | (uint32_t)(metric))
#define VNX_REFUSED_OF(metric) (UINT32_C(3) << 30 | (uint32_t)(metric))

/* Names: vnx_metric_name(). Order is part of the recording. */
enum vnx_metric {
	VNX_HANDLE_TX,  /* calls of vhost_net's handle_tx */
	VNX_HANDLE_RX,  /* calls of vhost_net's handle_rx */
	VNX_VCPU_ENTER, /* guest entries */
	VNX_VCPU_HALT,  /* halts (poll + sleep) */
	VNX_TX_PACKETS, /* left the guest by its tap */
	VNX_TX_BYTES,
	VNX_RX_PACKETS, /* entered the guest by its tap */
	VNX_RX_BYTES,
	VNX_THROUGHPUT,      /* bit/s, a VM's series only, never a sample */
	VNX_VHOST_RUNQ_WAIT, /* the worker could run and had no CPU */
	VNX_VCPU_RUNQ_WAIT,
	VNX_VHOST_RUN, /* the worker ran */
	VNX_KVM_EXIT,
	VNX_LOST, /* events of unknown place were lost; entity: 0, tid, ifindex, or VNX_*_OF() */
	VNX_VCPU_RUN,
	VNX_VHOST_THROTTLED, /* the worker's cgroup was out of its CPU quota */
	VNX_VCPU_THROTTLED,
	VNX_VHOST_CPUS,      /* CPUs that the worker may run on */
	VNX_VHOST_WITH_VCPU, /* 1: the worker and its own vCPU are pinned to one and the same CPU */
	VNX_WORKER_IRQ,      /* interrupts and softirqs on the CPU of the worker */
	VNX_TX_KICK,         /* calls of handle_tx_kick: the guest rang */
	VNX_RX_KICK,         /* calls of handle_rx_kick: the guest gave buffers */
	VNX_TX_DROPS,        /* packets of the guest that its tap dropped */
	VNX_RX_DROPS,        /* packets for the guest that its tap dropped: its ring was full */
	VNX_QDISC_DROPS,     /* packets, at the tap and the uplink */
	VNX_QDISC_BACKLOG,   /* bytes that wait there */
	VNX_QDISC_OVERLIMITS, /* times that a shaper there held something back */
	VNX_UPLINK_USE,       /* share of the uplink's speed, the fuller direction */
	VNX_UPLINK_DROPS,
	VNX_HOST_IDLE,     /* share of all CPUs' time */
	VNX_HOST_STEAL,    /* share of all CPUs' time that a hypervisor below us took */
	VNX_KSM_SCANNED,   /* pages that KSM looked at */
	VNX_LOAD_RUN,      /* the load's process on this host ran */
	VNX_LOAD_WAIT,     /* ... could run and had no CPU */
	VNX_LOAD_STOPPED,  /* ... was stopped */
	VNX_LOAD_RECVQ,    /* bytes in its sockets that it has not read */
	VNX_LOAD_SENDQ,    /* bytes in its sockets that are not acknowledged */
	VNX_LOAD_RETRANS,  /* segments sent again */
	VNX_LOAD_OOO,      /* segments that came out of order: others before them were lost */
	VNX_LOAD_RWND,     /* share of the time that the other side's window held it back */
	VNX_LOAD_SNDBUF,   /* share of the time that its send buffer held it back */
	VNX_LOAD_BUSY,     /* share of the time that it had something to send */
	VNX_LOAD_RTT,      /* us, smoothed, as TCP sees it */
	VNX_LOAD_CWND,     /* segments */
	VNX_LOAD_LOST,     /* datagrams that the load generator missed */
	VNX_VHOST_TURN,    /* us from the worker's waking to its sleeping again, a mean */
	VNX_SOFTNET_DROPS, /* packets that the host's own receive backlog had no room for */

	VNX_EXIT_TOTAL,      /* guest exits of all vCPUs, as KVM counts them; below, by reason */
	VNX_EXIT_IO,         /* port access */
	VNX_EXIT_MMIO,       /* memory-mapped access that the VMM has to serve; kicks are not */
	VNX_EXIT_HALT,       /* the guest halted */
	VNX_EXIT_IRQ,        /* an interrupt of the host */
	VNX_EXIT_IRQ_WINDOW, /* the guest can take an interrupt again */
	VNX_EXIT_SIGNAL, /* back to the VMM for a signal: follows an exit, is no reason of one */
	VNX_EXIT_HYPERCALL,
	VNX_EXIT_OTHER,    /* all others */
	VNX_HALT_POLL,     /* halted vCPUs kept the CPU to poll for work, mean of the vCPUs */
	VNX_HALT_SLEEP,    /* halted vCPUs slept, mean of the vCPUs */
	VNX_HALT_POLL_HIT, /* share of the polls that work came in */
	VNX_VHOST_FAR,     /* share of the vCPUs that ran on another NUMA node than the worker */
	VNX_TX_REQUEUE,    /* handle_tx had enough, 256 packets or 512 KiB, and lined up again */
	VNX_RX_REQUEUE,    /* the same of handle_rx */

	VNX_METRIC_MAX
};

/* Whose number it is; says what a sample's entity is. */
enum vnx_owner {
	VNX_OF_WORKER, /* entity: tid of a vhost worker */
	VNX_OF_VCPU,   /* tid of a vCPU thread */
	VNX_OF_TAP,    /* ifindex of a tap */
	VNX_OF_VM,     /* the VMM's process id */
	VNX_OF_PATH,   /* ifindex of a tap or of the uplink behind its switch */
	VNX_OF_LOAD,   /* 0; the VM whose traffic the load measures */
	VNX_OF_HOST,   /* 0; every VM's */
	VNX_OF_NOBODY
};

enum vnx_unit {
	VNX_CALLS, /* of a hooked function: no sample is a zero while the hook is attached */
	VNX_COUNT, /* counter read at both ends of the sample; series: a bin */
	VNX_NS,    /* ns within the sample; series: share of the bin, 0..1 */
	VNX_LEVEL, /* a reading that holds over the sample; series: mean */
	VNX_PPM,   /* likewise a share, in millionths; series: 0..1 */
};

struct vnx_metric_info {
	const char *name;
	enum vnx_owner owner;
	enum vnx_unit unit;
};

/* NULL for a number that is no metric. */
const struct vnx_metric_info *vnx_metric_info(enum vnx_metric metric);
/* "handle_tx", ...; NULL for a number that is no metric. */
const char *vnx_metric_name(enum vnx_metric metric);
/* The metric of that name, or -EINVAL. */
int vnx_metric_parse(const char *name);
/* True for the metrics whose samples are calls counted by a kernel hook. */
bool vnx_metric_is_call(enum vnx_metric metric);
/* True where the series is a share or a level: a mean and no rate. */
bool vnx_metric_is_mean(enum vnx_metric metric);

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

/* @holder's threads had the CPU for @ns of the time that the thread @victim waited for it. */
struct vnx_hold {
	uint64_t t_ns, dur_ns;
	uint64_t ns;
	uint32_t victim; /* tid */
	uint32_t holder; /* process id, a kernel thread's own; 0: the CPU was idle */
	char comm[16];   /* of the holder's thread */
};

struct vnx_holds {
	struct vnx_hold *v;
	size_t n, cap;
};

struct vnx_samples {
	struct vnx_sample *v;
	size_t n, cap;
};

#endif
