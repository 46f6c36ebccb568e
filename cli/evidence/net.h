/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interfaces on the VMs' path (their taps and macvtaps, the uplinks behind their switches),
 * with the kernel's counters of each from reading to reading.
 */
#ifndef VNX_EVIDENCE_NET_H
#define VNX_EVIDENCE_NET_H

#include <linux/if_link.h>

#include "cli/base/netlink.h"
#include "cli/evidence/threads.h"

/* Where on the path an interface stands; it may be several. */
#define VNX_NET_TAP 1u
#define VNX_NET_MACVTAP 2u
#define VNX_NET_UPLINK 4u

struct vnx_net_link {
	uint64_t t_ns; /* when it was read, 0: it was not */
	struct rtnl_link_stats64 s;
};

struct vnx_net_qdisc {
	bool there; /* and its statistics could be read */
	char kind[16];
	uint32_t handle;
	uint32_t drops, overlimits, backlog; /* packets, times, bytes */
};

struct vnx_net_queues {
	uint64_t t_ns; /* when they were read, 0: they were not */
	struct vnx_net_qdisc root, ingress;
};

struct vnx_net_port {
	uint32_t ifindex;
	unsigned roles;
	int64_t bps; /* of an uplink, in each direction; -1: not known */
	bool seen;   /* at the last vnx_net_ports_sync() */
	struct vnx_net_link link, link_was;
	struct vnx_net_queues queues, queues_was;
};

struct vnx_net_ports {
	struct vnx_net_port *v; /* sorted by ifindex */
	size_t n, cap;
};

/* Takes in the interfaces of living VMs, drops those of no VM any more. */
int vnx_net_ports_sync(struct vnx_net_ports *list, const struct vnx_vms *vms) VNX_MUST_CHECK;
struct vnx_net_port *vnx_net_port_find(const struct vnx_net_ports *list, uint32_t ifindex);

/* What an answer is parsed into: what it says of other interfaces is passed over. */
struct vnx_net_answer {
	struct vnx_net_ports *ports;
	const struct vnx_netlink *nl; /* knows when the kernel filled it */
};

/* Called by mnl_cb_run() with a struct vnx_net_answer; each message is checked, none trusted. */
int vnx_net_parse_link(const struct nlmsghdr *nlh, void *answer);
int vnx_net_parse_queues(const struct nlmsghdr *nlh, void *answer);

/*
 * Appends what the counters tell since the reading before, and makes this reading the one
 * before. @whole: every interface was asked for, so that one without an answer is gone.
 */
int vnx_net_emit_link(struct vnx_net_port *port, bool whole,
		      const struct vnx_readings *out) VNX_MUST_CHECK;
int vnx_net_emit_queues(struct vnx_net_port *port, bool whole,
			const struct vnx_readings *out) VNX_MUST_CHECK;

#endif
