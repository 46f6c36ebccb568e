// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the counters of an interface (rtnl_link_stats64, linux/if_link.h) tell of the path.
 */
#include "cli/evidence/net.h"

#include <linux/rtnetlink.h>

/* Packets that a wire carries have so much more on it: preamble, checksum, gap (IEEE 802.3). */
#define WIRE_BYTES 24
/*
 * Cards hand their counters to the kernel every so often, some only every 2 s: of an uplink on
 * which nothing moved it is not known yet whether it was idle, up to this.
 */
#define UNDECIDED_MAX_NS (3 * VNX_NSEC_PER_SEC)

static int compare_ports(const void *a, const void *b)
{
	const struct vnx_net_port *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

static struct vnx_net_port *find_among(const struct vnx_net_ports *list, size_t n, uint32_t ifindex)
{
	struct vnx_net_port key = { .ifindex = ifindex };

	return n ? bsearch(&key, list->v, n, sizeof(key), compare_ports) : NULL;
}

struct vnx_net_port *vnx_net_port_find(const struct vnx_net_ports *list, uint32_t ifindex)
{
	return find_among(list, list->n, ifindex);
}

/* The first @known are sorted; an uplink is many VMs', so what was appended is searched too. */
static int note_port(struct vnx_net_ports *list, size_t known, uint32_t ifindex, unsigned role,
		     int64_t bps)
{
	struct vnx_net_port fresh = { .ifindex = ifindex, .bps = -1 };
	struct vnx_net_port *port = find_among(list, known, ifindex);

	if (!ifindex)
		return 0;
	for (size_t i = known; i < list->n && !port; i++)
		if (list->v[i].ifindex == ifindex)
			port = &list->v[i];
	if (!port) {
		if (vnx_vec_push(list, fresh))
			return -ENOMEM;
		port = &list->v[list->n - 1];
	}
	if (!port->seen) {
		port->roles = 0;
		port->bps = -1;
	}
	port->seen = true;
	port->roles |= role;
	if (bps > port->bps)
		port->bps = bps;
	return 0;
}

static int note_iface(struct vnx_net_ports *list, size_t known, const struct vnx_iface *iface)
{
	unsigned role = !strcmp(iface->kind, "macvtap") ? VNX_NET_MACVTAP : VNX_NET_TAP;

	if (note_port(list, known, iface->ifindex, role, -1))
		return -ENOMEM;
	return note_port(list, known, iface->uplink_ifindex, VNX_NET_UPLINK, iface->uplink_bps);
}

int vnx_net_ports_sync(struct vnx_net_ports *list, const struct vnx_vms *vms)
{
	size_t known = list->n, kept = 0, all;

	for (size_t i = 0; i < known; i++)
		list->v[i].seen = false;
	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];

		if (vm->last_ns != UINT64_MAX)
			continue;
		for (size_t j = 0; j < vm->ifaces.n; j++)
			if (note_iface(list, known, &vm->ifaces.v[j]))
				return -ENOMEM;
	}
	all = list->n;
	for (size_t i = 0; i < all; i++) {
		if (list->v[i].seen && kept != i)
			list->v[kept] = list->v[i];
		kept += list->v[i].seen;
	}
	list->n = kept;
	if (all > known)
		qsort(list->v, kept, sizeof(*list->v), compare_ports);
	return 0;
}

int vnx_net_parse_link(const struct nlmsghdr *nlh, void *answer)
{
	const struct vnx_net_answer *a = answer;
	const struct if_stats_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct vnx_net_port *port;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWSTATS || mnl_nlmsg_get_payload_len(nlh) < sizeof(*msg))
		return MNL_CB_OK;
	port = vnx_net_port_find(a->ports, msg->ifindex);
	if (!port)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*msg))
	{
		size_t len = mnl_attr_get_payload_len(attr);

		/* The structure grows with the kernel; those wanted are in the oldest. */
		if (mnl_attr_get_type(attr) != IFLA_STATS_LINK_64 ||
		    len < offsetof(struct rtnl_link_stats64, tx_aborted_errors))
			continue;
		port->link = (struct vnx_net_link){ .t_ns = a->nl->t_ns };
		memcpy(&port->link.s, mnl_attr_get_payload(attr),
		       len < sizeof(port->link.s) ? len : sizeof(port->link.s));
	}
	return MNL_CB_OK;
}

/* Differences of the counters wanted; false where one went backwards: it is another interface. */
static bool differ(const struct rtnl_link_stats64 *was, const struct rtnl_link_stats64 *is,
		   struct rtnl_link_stats64 *d)
{
#define WANTED(field) offsetof(struct rtnl_link_stats64, field)
	static const size_t wanted[] = { WANTED(rx_packets),      WANTED(tx_packets),
					 WANTED(rx_bytes),        WANTED(tx_bytes),
					 WANTED(rx_errors),       WANTED(tx_errors),
					 WANTED(rx_dropped),      WANTED(tx_dropped),
					 WANTED(rx_frame_errors), WANTED(rx_missed_errors),
					 WANTED(rx_fifo_errors) };
#undef WANTED

	memset(d, 0, sizeof(*d));
	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted); i++) {
		uint64_t a, b, n;

		memcpy(&a, (const char *)was + wanted[i], sizeof(a));
		memcpy(&b, (const char *)is + wanted[i], sizeof(b));
		if (b < a)
			return false;
		n = b - a;
		memcpy((char *)d + wanted[i], &n, sizeof(n));
	}
	return true;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * A tap receives what its guest sends. It counts a broken virtio header as a frame error only,
 * which linux/if_link.h wants to be among the errors, and what found no place in the CPU's
 * backlog as dropped (drivers/net/tun.c; net/core/dev.c, enqueue_to_backlog). What the guest
 * had no buffer for is dropped on the way out: the ring between them was full.
 */
static int emit_tap(const struct vnx_net_port *port, const struct rtnl_link_stats64 *d,
		    const struct vnx_readings *out)
{
	uint64_t from = port->link_was.t_ns, to = port->link.t_ns;
	uint64_t in = d->rx_dropped + max_u64(d->rx_errors, d->rx_frame_errors);

	if (vnx_evidence_emit(out, VNX_TX_DROPS, port->ifindex, from, to, in))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_RX_DROPS, port->ifindex, from, to,
				 d->tx_dropped + d->tx_errors);
}

/*
 * A macvtap sends what its guest sends, and receives for it; it shows each packet lost for
 * the guest both as error and as dropped (drivers/net/macvlan.c, macvlan_dev_get_stats64).
 */
static int emit_macvtap(const struct vnx_net_port *port, const struct rtnl_link_stats64 *d,
			const struct vnx_readings *out)
{
	uint64_t from = port->link_was.t_ns, to = port->link.t_ns;

	if (vnx_evidence_emit(out, VNX_TX_DROPS, port->ifindex, from, to,
			      d->tx_dropped + d->tx_errors))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_RX_DROPS, port->ifindex, from, to,
				 max_u64(d->rx_dropped, d->rx_errors));
}

/* Millionths of the link's speed; counters that come in heaps can say more than all of it. */
static uint64_t share_of(uint64_t bytes, uint64_t packets, uint64_t dur_ns, int64_t bps)
{
	double bits = 8.0 * ((double)bytes + WIRE_BYTES * (double)packets);
	double share = bits * VNX_NSEC_PER_SEC / (double)dur_ns / (double)bps;

	return share < 1 ? (uint64_t)(share * 1e6) : 1000000;
}

/*
 * Missed and FIFO errors are no part of the errors (linux/if_link.h), the other detailed ones
 * are; a driver that says one loss twice cannot be told.
 */
static int emit_uplink(const struct vnx_net_port *port, const struct rtnl_link_stats64 *d,
		       const struct vnx_readings *out)
{
	uint64_t from = port->link_was.t_ns, to = port->link.t_ns;
	uint64_t lost = d->rx_dropped + d->rx_errors + d->rx_missed_errors + d->rx_fifo_errors +
			d->tx_dropped + d->tx_errors;

	if (vnx_evidence_emit(out, VNX_UPLINK_DROPS, port->ifindex, from, to, lost))
		return -ENOMEM;
	if (port->bps <= 0)
		return 0;
	return vnx_evidence_emit(
		out, VNX_UPLINK_USE, port->ifindex, from, to,
		max_u64(share_of(d->rx_bytes, d->rx_packets, to - from, port->bps),
			share_of(d->tx_bytes, d->tx_packets, to - from, port->bps)));
}

static bool is_undecided(const struct vnx_net_port *port, const struct rtnl_link_stats64 *d)
{
	return port->roles == VNX_NET_UPLINK && !d->rx_packets && !d->tx_packets &&
	       port->link.t_ns - port->link_was.t_ns < UNDECIDED_MAX_NS;
}

int vnx_net_emit_link(struct vnx_net_port *port, bool whole, const struct vnx_readings *out)
{
	struct vnx_net_link *was = &port->link_was, *is = &port->link;
	struct rtnl_link_stats64 d;
	int err = 0;

	if (!is->t_ns && !whole)
		return 0;
	if (was->t_ns && is->t_ns > was->t_ns && differ(&was->s, &is->s, &d)) {
		if (is_undecided(port, &d))
			return 0;
		if (port->roles & VNX_NET_TAP)
			err = emit_tap(port, &d, out);
		else if (port->roles & VNX_NET_MACVTAP)
			err = emit_macvtap(port, &d, out);
		if (!err && port->roles & VNX_NET_UPLINK)
			err = emit_uplink(port, &d, out);
	}
	*was = *is;
	return err;
}
