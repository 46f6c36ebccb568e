// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/sample.h"

static const char *const metric_names[VNX_METRIC_MAX] = {
	[VNX_HANDLE_TX] = "handle_tx",
	[VNX_HANDLE_RX] = "handle_rx",
	[VNX_VCPU_ENTER] = "vcpu_enter",
	[VNX_VCPU_HALT] = "vcpu_halt",
	[VNX_TX_PACKETS] = "tx_packets",
	[VNX_TX_BYTES] = "tx_bytes",
	[VNX_RX_PACKETS] = "rx_packets",
	[VNX_RX_BYTES] = "rx_bytes",
	[VNX_THROUGHPUT] = "throughput",
	[VNX_VHOST_RUNQ_WAIT] = "vhost_runq_wait",
	[VNX_VCPU_RUNQ_WAIT] = "vcpu_runq_wait",
	[VNX_VHOST_RUN] = "vhost_run",
	[VNX_KVM_EXIT] = "kvm_exit",
	[VNX_LOST] = "lost",
};

const char *vnx_metric_name(enum vnx_metric metric)
{
	return (unsigned)metric < VNX_METRIC_MAX ? metric_names[metric] : NULL;
}

int vnx_metric_parse(const char *name)
{
	for (int i = 0; i < VNX_METRIC_MAX; i++)
		if (!strcmp(metric_names[i], name))
			return i;
	return -EINVAL;
}

bool vnx_metric_is_call(enum vnx_metric metric)
{
	return metric <= VNX_VCPU_HALT;
}
