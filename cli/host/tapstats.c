// SPDX-License-Identifier: GPL-2.0-only
/*
 * Byte and packet counters of the VMs' interfaces: one RTM_GETSTATS dump a read, which carries
 * 64-bit counters of all interfaces and nothing else (net/core/rtnetlink.c, rtnl_stats_dump).
 */
#include "cli/host/host.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "bpf/clock.h"

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
	struct mnl_socket *sock;
	unsigned seq;
	uint64_t batch_ns; /* when the kernel filled the batch being parsed */
	bool interrupted;  /* interfaces came or went during the dump: some may be missing */
	struct counter_list last, now;
};

int vnx_tapstats_open(struct vnx_tapstats **out, struct vnx_err *err)
{
	struct vnx_tapstats *ts = calloc(1, sizeof(*ts));
	int ret;

	*out = NULL;
	if (!ts)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ts->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!ts->sock || mnl_socket_bind(ts->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		vnx_tapstats_close(ts);
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-netlink",
				   "cannot open a netlink socket for the tap counters: %s",
				   strerror(-ret));
	}
	*out = ts;
	return 0;
}

void vnx_tapstats_close(struct vnx_tapstats *ts)
{
	if (!ts)
		return;
	if (ts->sock)
		mnl_socket_close(ts->sock);
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
				      .t_ns = ts->batch_ns,
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
 * An interface that came or went meanwhile is no reason to drop the rest of the answer, as
 * mnl_cb_run() would: one that was skipped has a longer interval at the next read.
 */
static void allow_interrupt(struct vnx_tapstats *ts, char *buf, size_t len)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	int left = (int)len;

	while (mnl_nlmsg_ok(nlh, left)) {
		ts->interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		nlh->nlmsg_flags &= ~NLM_F_DUMP_INTR;
		nlh = mnl_nlmsg_next(nlh, &left);
	}
}

/*
 * The kernel fills the first batch while it takes the request and each further one at the end
 * of the receive before it: that call's middle is when the counters were read.
 */
static int dump(struct vnx_tapstats *ts)
{
	char buf[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned port = mnl_socket_get_portid(ts->sock), seq = ++ts->seq;
	uint64_t before = vnx_clock_mono(), filled;
	struct if_stats_msg *msg;
	int ret = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETSTATS;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	ts->now.n = 0;
	ts->interrupted = false;
	if (mnl_socket_sendto(ts->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	filled = before + (vnx_clock_mono() - before) / 2;
	while (ret == MNL_CB_OK) {
		ssize_t n;

		before = vnx_clock_mono();
		n = mnl_socket_recvfrom(ts->sock, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		ts->batch_ns = filled;
		filled = before + (vnx_clock_mono() - before) / 2;
		allow_interrupt(ts, buf, (size_t)n);
		ret = mnl_cb_run(buf, (size_t)n, seq, port, parse_stats, ts);
	}
	if (ret < 0) {
		ret = -errno;
		while (recv(mnl_socket_get_fd(ts->sock), buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	return ret;
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
	if (!ret && !ts->interrupted)
		forget_gone(ts);
	return ret ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory") : 0;
}
