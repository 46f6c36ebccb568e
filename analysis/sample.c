// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/sample.h"

static const struct vnx_metric_info infos[VNX_METRIC_MAX] = {
	[VNX_HANDLE_TX] = { "handle_tx", VNX_OF_WORKER, VNX_CALLS },
	[VNX_HANDLE_RX] = { "handle_rx", VNX_OF_WORKER, VNX_CALLS },
	[VNX_VCPU_ENTER] = { "vcpu_enter", VNX_OF_VCPU, VNX_CALLS },
	[VNX_VCPU_HALT] = { "vcpu_halt", VNX_OF_VCPU, VNX_CALLS },
	[VNX_TX_PACKETS] = { "tx_packets", VNX_OF_TAP, VNX_COUNT },
	[VNX_TX_BYTES] = { "tx_bytes", VNX_OF_TAP, VNX_COUNT },
	[VNX_RX_PACKETS] = { "rx_packets", VNX_OF_TAP, VNX_COUNT },
	[VNX_RX_BYTES] = { "rx_bytes", VNX_OF_TAP, VNX_COUNT },
	[VNX_THROUGHPUT] = { "throughput", VNX_OF_NOBODY, VNX_LEVEL },
	[VNX_VHOST_RUNQ_WAIT] = { "vhost_runq_wait", VNX_OF_WORKER, VNX_NS },
	[VNX_VCPU_RUNQ_WAIT] = { "vcpu_runq_wait", VNX_OF_VCPU, VNX_NS },
	[VNX_VHOST_RUN] = { "vhost_run", VNX_OF_WORKER, VNX_NS },
	[VNX_KVM_EXIT] = { "kvm_exit", VNX_OF_VCPU, VNX_COUNT },
	[VNX_LOST] = { "lost", VNX_OF_NOBODY, VNX_COUNT },
	[VNX_VCPU_RUN] = { "vcpu_run", VNX_OF_VCPU, VNX_NS },
	[VNX_VHOST_THROTTLED] = { "vhost_throttled", VNX_OF_WORKER, VNX_NS },
	[VNX_VCPU_THROTTLED] = { "vcpu_throttled", VNX_OF_VCPU, VNX_NS },
	[VNX_VHOST_CPUS] = { "vhost_cpus", VNX_OF_WORKER, VNX_LEVEL },
	[VNX_VHOST_WITH_VCPU] = { "vhost_with_vcpu", VNX_OF_WORKER, VNX_LEVEL },
	[VNX_WORKER_IRQ] = { "worker_irq", VNX_OF_WORKER, VNX_NS },
	[VNX_TX_KICK] = { "tx_kick", VNX_OF_WORKER, VNX_COUNT },
	[VNX_RX_KICK] = { "rx_kick", VNX_OF_WORKER, VNX_COUNT },
	[VNX_TX_DROPS] = { "tx_drops", VNX_OF_TAP, VNX_COUNT },
	[VNX_RX_DROPS] = { "rx_drops", VNX_OF_TAP, VNX_COUNT },
	[VNX_QDISC_DROPS] = { "qdisc_drops", VNX_OF_PATH, VNX_COUNT },
	[VNX_QDISC_BACKLOG] = { "qdisc_backlog", VNX_OF_PATH, VNX_LEVEL },
	[VNX_QDISC_OVERLIMITS] = { "qdisc_overlimits", VNX_OF_PATH, VNX_COUNT },
	[VNX_UPLINK_USE] = { "uplink_use", VNX_OF_PATH, VNX_PPM },
	[VNX_UPLINK_DROPS] = { "uplink_drops", VNX_OF_PATH, VNX_COUNT },
	[VNX_HOST_IDLE] = { "host_idle", VNX_OF_HOST, VNX_PPM },
	[VNX_HOST_STEAL] = { "host_steal", VNX_OF_HOST, VNX_PPM },
	[VNX_KSM_SCANNED] = { "ksm_scanned", VNX_OF_HOST, VNX_COUNT },
	[VNX_LOAD_RUN] = { "load_run", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_WAIT] = { "load_wait", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_STOPPED] = { "load_stopped", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_RECVQ] = { "load_recvq", VNX_OF_LOAD, VNX_LEVEL },
	[VNX_LOAD_SENDQ] = { "load_sendq", VNX_OF_LOAD, VNX_LEVEL },
	[VNX_LOAD_RETRANS] = { "load_retrans", VNX_OF_LOAD, VNX_COUNT },
	[VNX_LOAD_OOO] = { "load_ooo", VNX_OF_LOAD, VNX_COUNT },
	[VNX_LOAD_RWND] = { "load_rwnd", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_SNDBUF] = { "load_sndbuf", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_BUSY] = { "load_busy", VNX_OF_LOAD, VNX_NS },
	[VNX_LOAD_RTT] = { "load_rtt", VNX_OF_LOAD, VNX_LEVEL },
	[VNX_LOAD_CWND] = { "load_cwnd", VNX_OF_LOAD, VNX_LEVEL },
	[VNX_SOFTNET_DROPS] = { "softnet_drops", VNX_OF_HOST, VNX_COUNT },
	[VNX_VHOST_TURN] = { "vhost_turn_us", VNX_OF_WORKER, VNX_LEVEL },
	[VNX_LOAD_LOST] = { "load_lost", VNX_OF_LOAD, VNX_COUNT },
	[VNX_EXIT_TOTAL] = { "exit_total", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_IO] = { "exit_io", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_MMIO] = { "exit_mmio", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_HALT] = { "exit_halt", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_IRQ] = { "exit_irq", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_IRQ_WINDOW] = { "exit_irq_window", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_SIGNAL] = { "exit_signal", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_HYPERCALL] = { "exit_hypercall", VNX_OF_VM, VNX_COUNT },
	[VNX_EXIT_OTHER] = { "exit_other", VNX_OF_VM, VNX_COUNT },
	[VNX_HALT_POLL] = { "halt_poll", VNX_OF_VM, VNX_NS },
	[VNX_HALT_SLEEP] = { "halt_sleep", VNX_OF_VM, VNX_NS },
	[VNX_HALT_POLL_HIT] = { "halt_poll_hit", VNX_OF_VM, VNX_PPM },
	[VNX_VHOST_FAR] = { "vhost_far", VNX_OF_WORKER, VNX_PPM },
	[VNX_TX_REQUEUE] = { "tx_requeue", VNX_OF_WORKER, VNX_COUNT },
	[VNX_RX_REQUEUE] = { "rx_requeue", VNX_OF_WORKER, VNX_COUNT },
};

const struct vnx_metric_info *vnx_metric_info(enum vnx_metric metric)
{
	return (unsigned)metric < VNX_METRIC_MAX ? &infos[metric] : NULL;
}

const char *vnx_metric_name(enum vnx_metric metric)
{
	return (unsigned)metric < VNX_METRIC_MAX ? infos[metric].name : NULL;
}

int vnx_metric_parse(const char *name)
{
	for (int i = 0; i < VNX_METRIC_MAX; i++)
		if (!strcmp(infos[i].name, name))
			return i;
	return -EINVAL;
}

bool vnx_metric_is_call(enum vnx_metric metric)
{
	return (unsigned)metric < VNX_METRIC_MAX && infos[metric].unit == VNX_CALLS;
}

bool vnx_metric_is_mean(enum vnx_metric metric)
{
	return infos[metric].unit == VNX_NS || infos[metric].unit == VNX_LEVEL ||
	       infos[metric].unit == VNX_PPM;
}
