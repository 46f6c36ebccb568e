// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the interfaces on the VMs' path and their queueing disciplines dropped, held back and
 * carried, by rtnetlink.
 *
 * Disciplines are had by a dump of all alone: a request for one is answered to everybody who
 * listens to changes (net/sched/sch_api.c, qdisc_notify), and no filter by interface is known
 * to the kernel's dump.
 *
 * The backlog of a CPU (/proc/net/softnet_stat) is not read: it is the host's and no path's,
 * and what it drops is already among the drops of the interface that the packet came from.
 */
#include "cli/evidence/net.h"

#include <linux/rtnetlink.h>

#include "bpf/clock.h"

/* As many interfaces are asked for one by one; of more, all of the host's at once. */
#define ONE_BY_ONE_MAX 64
/* Reading may take 1/1000 of a CPU, unless news would be older than this. */
#define READ_SHARE 1000
#define READ_MAX_NS (5 * VNX_NSEC_PER_SEC)

struct net {
	struct vnx_netlink *nl;
	bool no_qdiscs; /* a kernel without traffic control */
	uint64_t links_due_ns, queues_due_ns;
	struct vnx_net_ports ports;
};

static void net_close(void *src)
{
	struct net *n = src;

	vnx_netlink_close(n->nl);
	free(n->ports.v);
	free(n);
}

static int net_open(void **src, struct vnx_err *err)
{
	struct net *n = calloc(1, sizeof(*n));
	int ret;

	if (!n)
		return -ENOMEM;
	ret = vnx_netlink_open(&n->nl, NETLINK_ROUTE, 0, err);
	if (ret)
		free(n);
	else
		*src = n;
	return ret;
}

/* @ifindex 0: of all interfaces. */
static int ask_links(struct net *n, uint32_t ifindex)
{
	struct vnx_net_answer answer = { .ports = &n->ports, .nl = n->nl };
	struct if_stats_msg *msg =
		vnx_netlink_request(n->nl, RTM_GETSTATS, ifindex ? 0 : NLM_F_DUMP, sizeof(*msg));

	msg->ifindex = ifindex;
	msg->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	return vnx_netlink_ask(n->nl, vnx_net_parse_link, &answer);
}

static int ask_queues(struct net *n)
{
	struct vnx_net_answer answer = { .ports = &n->ports, .nl = n->nl };

	vnx_netlink_request(n->nl, RTM_GETQDISC, NLM_F_DUMP, sizeof(struct tcmsg));
	return vnx_netlink_ask(n->nl, vnx_net_parse_queues, &answer);
}

static int read_links(struct net *n, const struct vnx_readings *out)
{
	int ret = 0;

	for (size_t i = 0; i < n->ports.n; i++)
		n->ports.v[i].link.t_ns = 0;
	if (n->ports.n > ONE_BY_ONE_MAX)
		ret = ask_links(n, 0);
	for (size_t i = 0; i < n->ports.n && n->ports.n <= ONE_BY_ONE_MAX && !ret; i++) {
		ret = ask_links(n, n->ports.v[i].ifindex);
		/* Gone, or never in our network namespace. */
		if (ret == -ENODEV)
			ret = 0;
	}
	for (size_t i = 0; i < n->ports.n && !ret; i++)
		ret = vnx_net_emit_link(&n->ports.v[i], !n->nl->interrupted, out);
	return ret;
}

static int read_queues(struct net *n, const struct vnx_readings *out)
{
	int ret;

	for (size_t i = 0; i < n->ports.n; i++)
		n->ports.v[i].queues = (struct vnx_net_queues){ 0 };
	ret = n->ports.n && !n->no_qdiscs ? ask_queues(n) : 0;
	if (ret == -EOPNOTSUPP) {
		n->no_qdiscs = true;
		ret = 0;
	}
	for (size_t i = 0; i < n->ports.n && !ret; i++)
		ret = vnx_net_emit_queues(&n->ports.v[i], !n->nl->interrupted, out);
	return ret;
}

/* One of the two readings, if it is its turn; what it cost decides when the next one is. */
static int read_when_due(struct net *n, int (*read)(struct net *, const struct vnx_readings *),
			 uint64_t *due_ns, uint64_t now_ns, const struct vnx_readings *out)
{
	uint64_t begun_ns = vnx_clock_thread_cpu(), pause_ns;
	int ret;

	if (now_ns < *due_ns)
		return 0;
	ret = read(n, out);
	pause_ns = (vnx_clock_thread_cpu() - begun_ns) * READ_SHARE;
	*due_ns = now_ns + (pause_ns < READ_MAX_NS ? pause_ns : READ_MAX_NS);
	return ret;
}

static int net_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		    struct vnx_err *err)
{
	struct net *n = src;
	int ret = vnx_net_ports_sync(&n->ports, scene->vms);

	if (!ret)
		ret = read_when_due(n, read_links, &n->links_due_ns, scene->now_ns, out);
	if (!ret)
		ret = read_when_due(n, read_queues, &n->queues_due_ns, scene->now_ns, out);
	if (!ret || ret == -ENOMEM)
		return ret;
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-netlink",
			   "the interfaces' counters could not be read any more: %s",
			   strerror(-ret));
}

const struct vnx_source_ops vnx_source_net = {
	.name = "net",
	.summary = "what taps, queueing disciplines and uplinks dropped, held back and carried",
	.metrics = VNX_BIT(VNX_TX_DROPS) | VNX_BIT(VNX_RX_DROPS) | VNX_BIT(VNX_QDISC_DROPS) |
		   VNX_BIT(VNX_QDISC_BACKLOG) | VNX_BIT(VNX_QDISC_OVERLIMITS) |
		   VNX_BIT(VNX_UPLINK_USE) | VNX_BIT(VNX_UPLINK_DROPS),
	.open = net_open,
	.read = net_read,
	.close = net_close,
};
