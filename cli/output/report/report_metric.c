// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics in words. The rows say what the table of analysis/sample.c cannot: a metric without
 * a row here has its name alone and the unit of its kind.
 */
#include "cli/output/report/report_parts.h"

#include <math.h>

#include "cli/base/units.h"

static const struct {
	const char *words;
	const char *unit; /* of a count or a level; NULL: a mere number */
} rows[VNX_METRIC_MAX] = {
	[VNX_HANDLE_TX] = { "calls of vhost_net's handle_tx: the worker sends for the guest",
			    NULL },
	[VNX_HANDLE_RX] = { "calls of vhost_net's handle_rx: the worker receives for the guest",
			    NULL },
	[VNX_VCPU_ENTER] = { "entries into the guest", NULL },
	[VNX_VCPU_HALT] = { "halts of the guest's vCPUs", NULL },
	[VNX_TX_PACKETS] = { "packets that left the guest by its tap", "packets" },
	[VNX_TX_BYTES] = { "bytes that left the guest by its tap", "B" },
	[VNX_RX_PACKETS] = { "packets that entered the guest by its tap", "packets" },
	[VNX_RX_BYTES] = { "bytes that entered the guest by its tap", "B" },
	[VNX_THROUGHPUT] = { "throughput", "bit/s" },
	[VNX_VHOST_RUNQ_WAIT] = { "the vhost thread could run and had no CPU", NULL },
	[VNX_VCPU_RUNQ_WAIT] = { "the vCPUs could run and had no CPU", NULL },
	[VNX_VHOST_RUN] = { "the vhost thread ran", NULL },
	[VNX_KVM_EXIT] = { "exits from the guest", "exits" },
	[VNX_VCPU_RUN] = { "the vCPUs ran", NULL },
	[VNX_VHOST_THROTTLED] = { "a CPU quota held the vhost thread back", NULL },
	[VNX_VCPU_THROTTLED] = { "a CPU quota held the vCPUs back", NULL },
	[VNX_VHOST_CPUS] = { "CPUs that the vhost thread may run on", "CPUs" },
	[VNX_VHOST_WITH_VCPU] = { "1: the vhost thread is pinned to its own vCPU's CPU", NULL },
	[VNX_WORKER_IRQ] = { "interrupts and softirqs on the CPU of the vhost thread", NULL },
	[VNX_TX_KICK] = { "the guest rang: it has packets to send", "kicks" },
	[VNX_RX_KICK] = { "the guest rang: it gave buffers", "kicks" },
	[VNX_TX_DROPS] = { "packets of the guest that its tap dropped", "packets" },
	[VNX_RX_DROPS] = { "packets for the guest that its tap dropped: its ring was full",
			   "packets" },
	[VNX_QDISC_DROPS] = { "packets that queues dropped, at the tap and the uplink", "packets" },
	[VNX_QDISC_BACKLOG] = { "bytes that wait in those queues", "B" },
	[VNX_QDISC_OVERLIMITS] = { "a shaper there held something back", "times" },
	[VNX_UPLINK_USE] = { "share of the uplink's speed in use, its fuller direction", NULL },
	[VNX_UPLINK_DROPS] = { "packets that the uplink dropped", "packets" },
	[VNX_HOST_IDLE] = { "idle time of all CPUs of the host", NULL },
	[VNX_HOST_STEAL] = { "time of all CPUs that a hypervisor below took", NULL },
	[VNX_KSM_SCANNED] = { "pages that KSM looked at", "pages" },
	[VNX_LOAD_RUN] = { "the load's process on this host ran", NULL },
	[VNX_LOAD_WAIT] = { "the load's process could run and had no CPU", NULL },
	[VNX_LOAD_STOPPED] = { "the load's process was stopped", NULL },
	[VNX_LOAD_RECVQ] = { "bytes in the load's sockets that it has not read", "B" },
	[VNX_LOAD_SENDQ] = { "bytes in the load's sockets that are not acknowledged", "B" },
	[VNX_LOAD_RETRANS] = { "segments that the load sent again", "segments" },
	[VNX_LOAD_OOO] = { "segments that reached the load out of order", "segments" },
	[VNX_LOAD_RWND] = { "the other side's window held the load back", NULL },
	[VNX_LOAD_SNDBUF] = { "its send buffer held the load back", NULL },
	[VNX_LOAD_BUSY] = { "the load had something to send", NULL },
	[VNX_LOAD_RTT] = { "round-trip time, smoothed, as the load's TCP sees it", "\u00b5s" },
	[VNX_LOAD_CWND] = { "congestion window of the load", "segments" },
	[VNX_LOAD_LOST] = { "datagrams that the load missed", "datagrams" },
	[VNX_VHOST_TURN] = { "from the vhost thread's waking to its sleeping again, a mean",
			     "\u00b5s" },
	[VNX_SOFTNET_DROPS] = { "packets that the host's receive backlog had no room for",
				"packets" },
	[VNX_EXIT_TOTAL] = { "exits from the guest, of every reason", "exits" },
	[VNX_EXIT_IO] = { "exits for an I/O port, to the VMM", "exits" },
	[VNX_EXIT_MMIO] = { "exits for device memory, to the VMM", "exits" },
	[VNX_EXIT_HALT] = { "exits because the vCPU halted", "exits" },
	[VNX_EXIT_IRQ] = { "exits for an interrupt of the host", "exits" },
	[VNX_EXIT_IRQ_WINDOW] = { "exits to give the guest an interrupt", "exits" },
	[VNX_EXIT_SIGNAL] = { "returns to the VMM because of a signal", "exits" },
	[VNX_EXIT_HYPERCALL] = { "hypercalls", "exits" },
	[VNX_EXIT_OTHER] = { "exits of other reasons", "exits" },
	[VNX_HALT_POLL] = { "KVM polled for a halted vCPU", NULL },
	[VNX_HALT_SLEEP] = { "halted vCPUs slept", NULL },
	[VNX_HALT_POLL_HIT] = { "halt polls that ended in work", NULL },
	[VNX_TX_REQUEUE] = { "handle_tx had enough at once and lined up again", "calls" },
	[VNX_RX_REQUEUE] = { "handle_rx had enough at once and lined up again", "calls" },
	[VNX_VHOST_FAR] = { "vCPUs on another NUMA node than the vhost thread", NULL },
};

const char *vnx_metric_words(enum vnx_metric m)
{
	return (unsigned)m < VNX_METRIC_MAX ? rows[m].words : NULL;
}

const char *vnx_metric_unit(enum vnx_metric m)
{
	switch (vnx_metric_info(m)->unit) {
	case VNX_CALLS:
		return "calls";
	case VNX_NS:
	case VNX_PPM:
		return "share 0..1";
	default:
		return rows[m].unit ? rows[m].unit : "";
	}
}

/* "12.3 kB", "537", and the unit behind where the number does not hold it. */
static const char *number(struct vnx_doc *d, double x, const char *unit, const char *per)
{
	char text[VNX_UNIT_LEN];

	if (isnan(x))
		return "not measured";
	if (unit && !strcmp(unit, "B"))
		return vnx_layout_format(&d->l, "%s%s",
					 vnx_layout_glue(&d->l, vnx_size_format(x, text)), per);
	if (unit && !strcmp(unit, "bit/s"))
		return vnx_layout_glue(&d->l, vnx_rate_format(x, text));
	return vnx_layout_format(&d->l, "%s%s%s%s",
				 vnx_layout_glue(&d->l, vnx_count_format(x, text)),
				 unit   ? VNX_NBSP
				 : *per ? VNX_NBSP
					: "",
				 unit ? unit : "", per);
}

const char *vnx_doc_value(struct vnx_doc *d, enum vnx_metric m, double x)
{
	char text[VNX_UNIT_LEN];

	switch (vnx_metric_info(m)->unit) {
	case VNX_NS:
	case VNX_PPM:
		return isnan(x) ? "not measured"
				: vnx_layout_glue(&d->l, vnx_percent_format(x, text));
	case VNX_LEVEL:
		return number(d, x, rows[m].unit, "");
	case VNX_CALLS:
		return number(d, x, "calls", "/s");
	default:
		return number(d, x, rows[m].unit, "/s");
	}
}
