// SPDX-License-Identifier: GPL-2.0-only
/*
 * Byte and packet counters of the VMs' interfaces: one RTM_GETSTATS dump a read, which carries
 * 64-bit counters of all interfaces and nothing else (net/core/rtnetlink.c, rtnl_stats_dump).
 */
#include "cli/host/host.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "cli/base/netlink.h"

struct counters {
	uint32_t ifindex;
	uint64_t t_ns;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* as the device counts */
};

struct counter_list {
	struct counters *v;
	size_t n, cap;
};

struct vnx_tapstats {
	struct vnx_netlink *nl;
	struct counter_list last, now;
};

int vnx_tapstats_open(struct vnx_tapstats **out, struct vnx_err *err)
{
	struct vnx_tapstats *ts = calloc(1, sizeof(*ts));
	int ret;

	*out = NULL;
	if (!ts)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ret = vnx_netlink_open(&ts->nl, NETLINK_ROUTE, 0, err);
	if (ret)
		free(ts);
	else
		*out = ts;
	return ret;
}

void vnx_tapstats_close(struct vnx_tapstats *ts)
{
	if (!ts)
		return;
	vnx_netlink_close(ts->nl);
	free(ts->last.v);
	free(ts->now.v);
	free(ts);
}

static int parse_stats(const struct nlmsghdr *nlh, void *data)
{
	struct vnx_tapstats *ts = data;
	const struct if_stats_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct rtnl_link_stats64 s;
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWSTATS || mnl_nlmsg_get_payload_len(nlh) < sizeof(*msg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*msg))
	{
		/* The structure grows with the kernel; its first members are the ones wanted. */
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != IFLA_STATS_LINK_64 ||
		    len < offsetof(struct rtnl_link_stats64, rx_errors))
			continue;
		memset(&s, 0, sizeof(s));
		memcpy(&s, mnl_attr_get_payload(attr), len < sizeof(s) ? len : sizeof(s));
		struct counters c = { .ifindex = msg->ifindex,
				      .t_ns = ts->nl->t_ns,
				      .rx_packets = s.rx_packets,
				      .rx_bytes = s.rx_bytes,
				      .tx_packets = s.tx_packets,
				      .tx_bytes = s.tx_bytes };

		if (vnx_vec_push(&ts->now, c)) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
	}
	return MNL_CB_OK;
}

/*
 * An interface that came or went meanwhile is no reason to drop the rest of the answer: one
 * that was skipped has a longer interval at the next read.
 */
static int dump(struct vnx_tapstats *ts)
{
	struct if_stats_msg *msg =
		vnx_netlink_request(ts->nl, RTM_GETSTATS, NLM_F_DUMP, sizeof(*msg));

	msg->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	ts->now.n = 0;
	return vnx_netlink_ask(ts->nl, parse_stats, ts);
}

static struct counters *find(struct counter_list *list, uint32_t ifindex)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].ifindex == ifindex)
			return &list->v[i];
	return NULL;
}

static int emit(struct vnx_samples *out, const struct counters *from, const struct counters *to,
		enum vnx_metric metric, uint64_t count)
{
	struct vnx_sample s = { .t_ns = from->t_ns,
				.dur_ns = to->t_ns - from->t_ns,
				.count = count,
				.entity = to->ifindex,
				.metric = metric };

	return vnx_vec_push(out, s);
}

static int emit_all(struct vnx_samples *out, const struct counters *a, const struct counters *b,
		    bool macvtap)
{
	uint64_t rxp = b->rx_packets - a->rx_packets, rxb = b->rx_bytes - a->rx_bytes;
	uint64_t txp = b->tx_packets - a->tx_packets, txb = b->tx_bytes - a->tx_bytes;

	if (b->rx_packets < a->rx_packets || b->rx_bytes < a->rx_bytes ||
	    b->tx_packets < a->tx_packets || b->tx_bytes < a->tx_bytes)
		return emit(out, a, b, VNX_LOST, 1);
	/*
	 * What a guest sends, a tap receives (drivers/net/tun.c: netif_rx); a macvtap sends it
	 * on (drivers/net/tap.c: dev_queue_xmit).
	 */
	if (emit(out, a, b, VNX_TX_PACKETS, macvtap ? txp : rxp) ||
	    emit(out, a, b, VNX_TX_BYTES, macvtap ? txb : rxb) ||
	    emit(out, a, b, VNX_RX_PACKETS, macvtap ? rxp : txp) ||
	    emit(out, a, b, VNX_RX_BYTES, macvtap ? rxb : txb))
		return -ENOMEM;
	return 0;
}

/* One interface: the difference to the last read, or only a base where it is new. */
static int read_iface(struct vnx_tapstats *ts, const struct vnx_iface *iface,
		      struct vnx_samples *out)
{
	const struct counters *now = find(&ts->now, iface->ifindex);
	struct counters *last = find(&ts->last, iface->ifindex);
	int err;

	if (!now)
		return 0;
	if (!last)
		return vnx_vec_push(&ts->last, *now);
	/* Two cards may not share an interface; a list that says so must not count twice. */
	if (last->t_ns >= now->t_ns)
		return 0;
	err = emit_all(out, last, now, !strcmp(iface->kind, "macvtap"));
	*last = *now;
	return err;
}

/* Interfaces that are gone: should their number come back, it is another interface. */
static void forget_gone(struct vnx_tapstats *ts)
{
	size_t kept = 0;

	for (size_t i = 0; i < ts->last.n; i++)
		if (find(&ts->now, ts->last.v[i].ifindex))
			ts->last.v[kept++] = ts->last.v[i];
	ts->last.n = kept;
}

int vnx_tapstats_read(struct vnx_tapstats *ts, const struct vnx_vms *vms, struct vnx_samples *out,
		      struct vnx_err *err)
{
	int ret = dump(ts);

	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-netlink",
				   "cannot read the interfaces' counters: %s", strerror(-ret));
	for (size_t i = 0; i < vms->n && !ret; i++) {
		const struct vnx_vm *vm = &vms->v[i];

		if (vm->last_ns != UINT64_MAX)
			continue;
		for (size_t j = 0; j < vm->ifaces.n && !ret; j++)
			if (vm->ifaces.v[j].ifindex)
				ret = read_iface(ts, &vm->ifaces.v[j], out);
	}
	if (!ret && !ts->nl->interrupted)
		forget_gone(ts);
	return ret ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory") : 0;
}
