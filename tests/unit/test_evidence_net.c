// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drops, backlog and use along the VMs' path: netlink messages as the kernel would send them,
 * whole and broken, and the samples that come of two readings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "cli/evidence/net.h"

#define SEC VNX_NSEC_PER_SEC
#define TAP 7
#define MACVTAP 11
#define UPLINK 3
#define MBIT 1000000

struct rig {
	struct vnx_iface ifaces[4];
	struct vnx_vm vms_v[2];
	struct vnx_vms vms;
	struct vnx_net_ports ports;
	struct vnx_samples samples;
	struct vnx_readings out;
	struct vnx_netlink nl;
	struct vnx_net_answer answer;
};

static struct vnx_iface iface(const char *kind, uint32_t ifindex, uint32_t uplink, int64_t bps)
{
	return (struct vnx_iface){ .kind = (char *)kind,
				   .ifindex = ifindex,
				   .uplink_ifindex = uplink,
				   .uplink_bps = bps };
}

/* vm 0: a tap and a macvtap behind one uplink; vm 1: a tap of no switch. */
static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->ifaces[0] = iface("tap", TAP, UPLINK, 100 * MBIT);
	r->ifaces[1] = iface("macvtap", MACVTAP, UPLINK, 100 * MBIT);
	r->ifaces[2] = iface("tap", 5, 0, -1);
	r->vms_v[0] = (struct vnx_vm){ .ifaces = { r->ifaces, 2, 2 }, .last_ns = UINT64_MAX };
	r->vms_v[1] = (struct vnx_vm){ .ifaces = { r->ifaces + 2, 1, 1 }, .last_ns = UINT64_MAX };
	r->vms = (struct vnx_vms){ r->vms_v, 2, 2 };
	r->out.samples = &r->samples;
	r->answer = (struct vnx_net_answer){ &r->ports, &r->nl };
	assert_int_equal(vnx_net_ports_sync(&r->ports, &r->vms), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	free(r->ports.v);
	free(r->samples.v);
	free(r);
	return 0;
}

static struct vnx_net_port *port(struct rig *r, uint32_t ifindex)
{
	struct vnx_net_port *p = vnx_net_port_find(&r->ports, ifindex);

	assert_non_null(p);
	return p;
}

/* The only sample of that kind; -1 where there is none. */
static int64_t sample(const struct rig *r, enum vnx_metric metric, uint32_t ifindex, uint64_t from,
		      uint64_t to)
{
	int64_t count = -1;

	for (size_t i = 0; i < r->samples.n; i++) {
		const struct vnx_sample *s = &r->samples.v[i];

		if (s->metric != metric || s->entity != ifindex)
			continue;
		assert_int_equal(count, -1);
		assert_int_equal(s->t_ns, from);
		assert_int_equal(s->dur_ns, to - from);
		count = (int64_t)s->count;
	}
	return count;
}

/* ---- messages ---- */

union message {
	char bytes[1024];
	struct nlmsghdr nlh;
};

static struct nlmsghdr *begin(union message *m, uint16_t type, const void *head, size_t len)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(m->bytes);

	nlh->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(nlh, len), head, len);
	return nlh;
}

static void feed(struct rig *r, mnl_cb_t parse, const struct nlmsghdr *nlh, uint64_t t_ns)
{
	size_t len = MNL_ALIGN(nlh->nlmsg_len);
	char *copy = malloc(len); /* exactly as long, for the sanitizer */

	assert_non_null(copy);
	memcpy(copy, nlh, len);
	r->nl.t_ns = t_ns;
	assert_int_equal(mnl_cb_run(copy, len, 0, 0, parse, &r->answer), MNL_CB_OK);
	free(copy);
}

static struct nlmsghdr *link_message(union message *m, uint32_t ifindex, const void *stats,
				     size_t len)
{
	struct if_stats_msg head = { .ifindex = ifindex };
	struct nlmsghdr *nlh = begin(m, RTM_NEWSTATS, &head, sizeof(head));

	mnl_attr_put(nlh, IFLA_STATS_LINK_64, len, stats);
	return nlh;
}

static void feed_link(struct rig *r, uint32_t ifindex, const struct rtnl_link_stats64 *s,
		      uint64_t t_ns)
{
	union message m;

	port(r, ifindex)->link.t_ns = 0;
	feed(r, vnx_net_parse_link, link_message(&m, ifindex, s, sizeof(*s)), t_ns);
}

static void emit_link(struct rig *r, uint32_t ifindex)
{
	assert_int_equal(vnx_net_emit_link(port(r, ifindex), true, &r->out), 0);
}

/* Two readings, a second apart. */
static void two_links(struct rig *r, uint32_t ifindex, const struct rtnl_link_stats64 *a,
		      const struct rtnl_link_stats64 *b)
{
	feed_link(r, ifindex, a, 10 * SEC);
	emit_link(r, ifindex);
	assert_int_equal(r->samples.n, 0);
	feed_link(r, ifindex, b, 11 * SEC);
	emit_link(r, ifindex);
}

struct qdisc {
	uint32_t ifindex, parent, handle;
	const char *kind;
	struct gnet_stats_queue q;
	uint8_t hardware;
};

/* As tc_fill_qdisc() orders it; htb has nested options before its statistics. */
static struct nlmsghdr *qdisc_message(union message *m, const struct qdisc *q)
{
	struct tcmsg head = { .tcm_ifindex = (int)q->ifindex,
			      .tcm_parent = q->parent,
			      .tcm_handle = q->handle };
	struct gnet_stats_basic basic = { .bytes = 1, .packets = 1 };
	struct tc_htb_glob glob = { .version = 3 };
	struct nlmsghdr *nlh = begin(m, RTM_NEWQDISC, &head, sizeof(head));
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, TCA_KIND, q->kind);
	if (!strcmp(q->kind, "htb")) {
		nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
		mnl_attr_put(nlh, TCA_HTB_INIT, sizeof(glob), &glob);
		mnl_attr_put_u32(nlh, TCA_HTB_DIRECT_QLEN, 1000);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_put_u8(nlh, TCA_HW_OFFLOAD, q->hardware);
	nest = mnl_attr_nest_start(nlh, TCA_STATS2);
	mnl_attr_put(nlh, TCA_STATS_BASIC, sizeof(basic), &basic);
	mnl_attr_put(nlh, TCA_STATS_QUEUE, sizeof(q->q), &q->q);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static void feed_qdisc(struct rig *r, const struct qdisc *q, uint64_t t_ns)
{
	union message m;

	feed(r, vnx_net_parse_queues, qdisc_message(&m, q), t_ns);
}

/* A reading of the disciplines of one interface, @n of them. */
static void read_qdiscs(struct rig *r, uint32_t ifindex, const struct qdisc *q, size_t n,
			uint64_t t_ns)
{
	port(r, ifindex)->queues = (struct vnx_net_queues){ 0 };
	for (size_t i = 0; i < n; i++)
		feed_qdisc(r, &q[i], t_ns);
	assert_int_equal(vnx_net_emit_queues(port(r, ifindex), true, &r->out), 0);
}

/* ---- the list ---- */

static void test_ports(void **state)
{
	struct rig *r = *state;

	assert_int_equal(r->ports.n, 4);
	for (size_t i = 1; i < r->ports.n; i++)
		assert_true(r->ports.v[i - 1].ifindex < r->ports.v[i].ifindex);
	assert_int_equal(port(r, TAP)->roles, VNX_NET_TAP);
	assert_int_equal(port(r, MACVTAP)->roles, VNX_NET_MACVTAP);
	assert_int_equal(port(r, UPLINK)->roles, VNX_NET_UPLINK);
	assert_int_equal(port(r, UPLINK)->bps, 100 * MBIT);
	assert_null(vnx_net_port_find(&r->ports, 0));
	/* The uplink stays as long as one behind it lives, and keeps what was read. */
	port(r, UPLINK)->link_was.t_ns = 5;
	r->ifaces[1].uplink_bps = r->ifaces[0].uplink_bps = -1;
	r->vms_v[1].last_ns = 1;
	assert_int_equal(vnx_net_ports_sync(&r->ports, &r->vms), 0);
	assert_int_equal(r->ports.n, 3);
	assert_int_equal(port(r, UPLINK)->link_was.t_ns, 5);
	assert_int_equal(port(r, UPLINK)->bps, -1);
	r->vms_v[0].last_ns = 1;
	assert_int_equal(vnx_net_ports_sync(&r->ports, &r->vms), 0);
	assert_int_equal(r->ports.n, 0);
	r->vms_v[0].last_ns = UINT64_MAX;
	assert_int_equal(vnx_net_ports_sync(&r->ports, &r->vms), 0);
	assert_int_equal(port(r, UPLINK)->link_was.t_ns, 0);
}

/* ---- counters of interfaces ---- */

static void test_tap_drops(void **state)
{
	struct rtnl_link_stats64 a = { .rx_dropped = 100, .tx_dropped = 200, .rx_frame_errors = 5 };
	struct rtnl_link_stats64 b = {
		.rx_dropped = 123, .tx_dropped = 229, .rx_frame_errors = 9, .tx_errors = 2
	};
	struct rig *r = *state;

	two_links(r, TAP, &a, &b);
	assert_int_equal(sample(r, VNX_TX_DROPS, TAP, 10 * SEC, 11 * SEC), 27);
	assert_int_equal(sample(r, VNX_RX_DROPS, TAP, 10 * SEC, 11 * SEC), 31);
	assert_int_equal(r->samples.n, 2);
}

/* The other way round, and a lost packet stands in two counters. */
static void test_macvtap_drops(void **state)
{
	struct rtnl_link_stats64 a = { 0 };
	struct rtnl_link_stats64 b = { .rx_dropped = 31, .rx_errors = 29, .tx_dropped = 23 };
	struct rig *r = *state;

	two_links(r, MACVTAP, &a, &b);
	assert_int_equal(sample(r, VNX_TX_DROPS, MACVTAP, 10 * SEC, 11 * SEC), 23);
	assert_int_equal(sample(r, VNX_RX_DROPS, MACVTAP, 10 * SEC, 11 * SEC), 31);
	assert_int_equal(r->samples.n, 2);
}

static void test_uplink(void **state)
{
	struct rtnl_link_stats64 a = { .rx_bytes = 1 };
	/* 1000 packets of 1226 bytes are 1250 on the wire: 10 Mbit of 100. */
	struct rtnl_link_stats64 b = { .tx_bytes = 1226000,
				       .tx_packets = 1000,
				       .rx_bytes = 60001,
				       .rx_packets = 1000,
				       .rx_dropped = 1,
				       .tx_dropped = 2,
				       .rx_errors = 4,
				       .tx_errors = 8,
				       .rx_missed_errors = 16,
				       .rx_fifo_errors = 32,
				       .tx_carrier_errors = 256,
				       .rx_crc_errors = 512 };
	struct rig *r = *state;

	two_links(r, UPLINK, &a, &b);
	assert_int_equal(sample(r, VNX_UPLINK_USE, UPLINK, 10 * SEC, 11 * SEC), 100000);
	assert_int_equal(sample(r, VNX_UPLINK_DROPS, UPLINK, 10 * SEC, 11 * SEC), 63);
	assert_int_equal(r->samples.n, 2);
}

static void test_uplink_full(void **state)
{
	struct rtnl_link_stats64 a = { 0 };
	struct rtnl_link_stats64 b = { .rx_bytes = UINT64_MAX, .rx_packets = UINT64_MAX };
	struct rig *r = *state;

	two_links(r, UPLINK, &a, &b);
	assert_int_equal(sample(r, VNX_UPLINK_USE, UPLINK, 10 * SEC, 11 * SEC), 1000000);
}

static void test_uplink_without_speed(void **state)
{
	struct rtnl_link_stats64 a = { 0 }, b = { .rx_packets = 1, .rx_bytes = 100 };
	struct rig *r = *state;

	port(r, UPLINK)->bps = -1;
	two_links(r, UPLINK, &a, &b);
	assert_int_equal(sample(r, VNX_UPLINK_USE, UPLINK, 10 * SEC, 11 * SEC), -1);
	assert_int_equal(sample(r, VNX_UPLINK_DROPS, UPLINK, 10 * SEC, 11 * SEC), 0);
}

/* A card that tells its counters every 2 s; and one that is idle indeed. */
static void test_uplink_late(void **state)
{
	struct rtnl_link_stats64 a = { 0 }, b = { .rx_packets = 1, .rx_bytes = 2500000 - 24 };
	struct rig *r = *state;

	two_links(r, UPLINK, &a, &a);
	assert_int_equal(r->samples.n, 0);
	feed_link(r, UPLINK, &b, 12 * SEC);
	emit_link(r, UPLINK);
	assert_int_equal(sample(r, VNX_UPLINK_USE, UPLINK, 10 * SEC, 12 * SEC), 100000);
	r->samples.n = 0;
	feed_link(r, UPLINK, &b, 15 * SEC);
	emit_link(r, UPLINK);
	assert_int_equal(sample(r, VNX_UPLINK_USE, UPLINK, 12 * SEC, 15 * SEC), 0);
}

static void test_link_backwards(void **state)
{
	struct rtnl_link_stats64 a = { .rx_dropped = 9, .tx_dropped = 9 };
	struct rtnl_link_stats64 b = { .rx_dropped = 8, .tx_dropped = 10 };
	struct rtnl_link_stats64 c = { .rx_dropped = 11, .tx_dropped = 10 };
	struct rig *r = *state;

	two_links(r, TAP, &a, &b);
	assert_int_equal(r->samples.n, 0);
	feed_link(r, TAP, &c, 12 * SEC);
	emit_link(r, TAP);
	assert_int_equal(sample(r, VNX_TX_DROPS, TAP, 11 * SEC, 12 * SEC), 3);
	assert_int_equal(sample(r, VNX_RX_DROPS, TAP, 11 * SEC, 12 * SEC), 0);
}

/* Without an answer: gone if all were asked for, else only passed over. */
static void test_link_gone(void **state)
{
	struct rtnl_link_stats64 a = { .rx_dropped = 1 }, b = { .rx_dropped = 3 };
	struct rig *r = *state;

	feed_link(r, TAP, &a, 10 * SEC);
	emit_link(r, TAP);
	port(r, TAP)->link.t_ns = 0;
	assert_int_equal(vnx_net_emit_link(port(r, TAP), false, &r->out), 0);
	feed_link(r, TAP, &b, 12 * SEC);
	emit_link(r, TAP);
	assert_int_equal(sample(r, VNX_TX_DROPS, TAP, 10 * SEC, 12 * SEC), 2);
	r->samples.n = 0;
	port(r, TAP)->link.t_ns = 0;
	emit_link(r, TAP);
	feed_link(r, TAP, &b, 14 * SEC);
	emit_link(r, TAP);
	assert_int_equal(r->samples.n, 0);
}

static void test_link_broken(void **state)
{
	struct rtnl_link_stats64 s = { .rx_dropped = 1 };
	char longer[sizeof(s) + 40] = { 0 };
	struct rig *r = *state;
	struct nlmsghdr *nlh;
	union message m;

	/* Too short for what is wanted. */
	nlh = link_message(&m, TAP, &s, offsetof(struct rtnl_link_stats64, rx_missed_errors));
	feed(r, vnx_net_parse_link, nlh, SEC);
	assert_int_equal(port(r, TAP)->link.t_ns, 0);
	/* Says more than the message holds. */
	nlh = link_message(&m, TAP, &s, sizeof(s));
	nlh->nlmsg_len -= 64;
	feed(r, vnx_net_parse_link, nlh, SEC);
	assert_int_equal(port(r, TAP)->link.t_ns, 0);
	/* Ends within its head, and before it. */
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;
	feed(r, vnx_net_parse_link, nlh, SEC);
	nlh->nlmsg_len = NLMSG_HDRLEN;
	feed(r, vnx_net_parse_link, nlh, SEC);
	assert_int_equal(port(r, TAP)->link.t_ns, 0);
	/* Nobody's. */
	feed(r, vnx_net_parse_link, link_message(&m, 999, &s, sizeof(s)), SEC);
	/* Of a later kernel. */
	memcpy(longer, &s, sizeof(s));
	feed(r, vnx_net_parse_link, link_message(&m, TAP, longer, sizeof(longer)), SEC);
	assert_int_equal(port(r, TAP)->link.t_ns, SEC);
	assert_int_equal(port(r, TAP)->link.s.rx_dropped, 1);
}

/* ---- queueing disciplines ---- */

#define ROOT(kind_, handle_, drops_, over_, backlog_)                                  \
	(struct qdisc)                                                                 \
	{                                                                              \
		.ifindex = TAP, .parent = TC_H_ROOT, .handle = handle_, .kind = kind_, \
		.q = {.qlen = 3,                                                       \
		      .backlog = backlog_,                                             \
		      .drops = drops_,                                                 \
		      .requeues = 77,                                                  \
		      .overlimits = over_ }                                            \
	}

/* The child's drops are in the parent already; the policer's stand at clsact. */
static void test_qdisc_sum(void **state)
{
	struct rig *r = *state;
	struct qdisc q[] = { ROOT("htb", 0x10000, 100, 10, 5000), ROOT("fq_codel", 0, 100, 1, 5000),
			     ROOT("clsact", 0xffff0000, 50, 0, 0) };

	q[1].parent = 0x10001;
	q[2].parent = TC_H_CLSACT;
	read_qdiscs(r, TAP, q, 3, 10 * SEC);
	assert_int_equal(r->samples.n, 0);
	q[0].q = (struct gnet_stats_queue){ .drops = 123, .overlimits = 21, .backlog = 6056 };
	q[1].q.drops = 123;
	q[2].q.drops = 79;
	read_qdiscs(r, TAP, q, 3, 11 * SEC);
	assert_int_equal(sample(r, VNX_QDISC_DROPS, TAP, 10 * SEC, 11 * SEC), 52);
	assert_int_equal(sample(r, VNX_QDISC_OVERLIMITS, TAP, 10 * SEC, 11 * SEC), 11);
	assert_int_equal(sample(r, VNX_QDISC_BACKLOG, TAP, 10 * SEC, 11 * SEC), 6056);
	assert_int_equal(r->samples.n, 3);
}

static void test_noqueue_is_zero(void **state)
{
	struct rig *r = *state;
	struct qdisc q = ROOT("noqueue", 0, 0, 0, 0);

	read_qdiscs(r, TAP, &q, 1, 10 * SEC);
	read_qdiscs(r, TAP, &q, 1, 11 * SEC);
	assert_int_equal(sample(r, VNX_QDISC_DROPS, TAP, 10 * SEC, 11 * SEC), 0);
	assert_int_equal(sample(r, VNX_QDISC_OVERLIMITS, TAP, 10 * SEC, 11 * SEC), 0);
	assert_int_equal(sample(r, VNX_QDISC_BACKLOG, TAP, 10 * SEC, 11 * SEC), 0);
}

/* Another discipline, counters that fell, an ingress side that came: counts are missing. */
static void test_qdisc_replaced(void **state)
{
	const struct qdisc was = ROOT("tbf", 0x10000, 100, 10, 5000);
	const struct qdisc is[] = { ROOT("htb", 0x10000, 200, 20, 7),
				    ROOT("tbf", 0x20000, 200, 20, 7),
				    ROOT("tbf", 0x10000, 99, 20, 7),
				    ROOT("tbf", 0x10000, 200, 9, 7) };
	struct qdisc both[] = { was, ROOT("ingress", 0xffff0000, 23, 0, 0) };
	struct rig *r = *state;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(is); i++) {
		read_qdiscs(r, TAP, &was, 1, 10 * SEC);
		r->samples.n = 0;
		read_qdiscs(r, TAP, &is[i], 1, 11 * SEC);
		assert_int_equal(r->samples.n, 1);
		assert_int_equal(sample(r, VNX_QDISC_BACKLOG, TAP, 10 * SEC, 11 * SEC), 7);
		port(r, TAP)->queues_was.t_ns = 0;
	}
	both[1].parent = TC_H_INGRESS;
	read_qdiscs(r, TAP, &was, 1, 10 * SEC);
	r->samples.n = 0;
	read_qdiscs(r, TAP, both, 2, 11 * SEC);
	assert_int_equal(sample(r, VNX_QDISC_DROPS, TAP, 10 * SEC, 11 * SEC), -1);
	r->samples.n = 0;
	both[1].q.drops = 52;
	read_qdiscs(r, TAP, both, 2, 12 * SEC);
	assert_int_equal(sample(r, VNX_QDISC_DROPS, TAP, 11 * SEC, 12 * SEC), 29);
}

/* Gone, or of an interface that is down: nothing is said, and it begins anew. */
static void test_qdisc_gone(void **state)
{
	struct qdisc q = ROOT("tbf", 0x10000, 100, 10, 5000);
	struct rig *r = *state;

	read_qdiscs(r, TAP, &q, 1, 10 * SEC);
	read_qdiscs(r, TAP, NULL, 0, 11 * SEC);
	read_qdiscs(r, TAP, &q, 1, 12 * SEC);
	assert_int_equal(r->samples.n, 0);
	/* Passed over by an answer that was interrupted: the stretch grows. */
	port(r, TAP)->queues = (struct vnx_net_queues){ 0 };
	assert_int_equal(vnx_net_emit_queues(port(r, TAP), false, &r->out), 0);
	q.q.drops = 131;
	read_qdiscs(r, TAP, &q, 1, 14 * SEC);
	assert_int_equal(sample(r, VNX_QDISC_DROPS, TAP, 12 * SEC, 14 * SEC), 31);
}

/* Those that count nothing above their children. */
static void test_qdisc_of_hardware(void **state)
{
	struct qdisc q = ROOT("htb", 0x10000, 0, 0, 0);
	struct rig *r = *state;

	for (int i = 0; i < 3; i++) {
		q.hardware = i != 1;
		q.kind = i == 0 ? "htb" : i == 1 ? "taprio" : "mq";
		read_qdiscs(r, TAP, &q, 1, 10 * SEC);
		read_qdiscs(r, TAP, &q, 1, 11 * SEC);
		assert_int_equal(r->samples.n, i == 2 ? 3 : 0);
	}
}

/* The attribute of a type in a message, wherever it is nested. */
static struct nlattr *attr_at(struct nlmsghdr *nlh, uint16_t type, uint16_t nested)
{
	struct nlattr *attr, *in;

	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) != type)
			continue;
		if (!nested)
			return attr;
		mnl_attr_for_each_nested(in, attr) if (mnl_attr_get_type(in) == nested) return in;
	}
	fail();
	return NULL;
}

static void test_qdisc_broken(void **state)
{
	const struct qdisc good = ROOT("tbf", 0x10000, 100, 10, 5000);
	struct vnx_net_port *p;
	struct rig *r = *state;
	struct nlmsghdr *nlh;
	union message m;
	uint32_t whole;

	p = port(r, TAP);
	/* Cut everywhere: never more than was there is believed. */
	whole = qdisc_message(&m, &good)->nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len < whole; len += 4) {
		nlh = qdisc_message(&m, &good);
		nlh->nlmsg_len = len;
		feed(r, vnx_net_parse_queues, nlh, SEC);
		assert_int_equal(p->queues.t_ns, 0);
	}
	/* Statistics of a wrong length, and lengths that lead out of their nest. */
	nlh = qdisc_message(&m, &good);
	attr_at(nlh, TCA_STATS2, TCA_STATS_QUEUE)->nla_len = MNL_ATTR_HDRLEN + 16;
	feed(r, vnx_net_parse_queues, nlh, SEC);
	nlh = qdisc_message(&m, &good);
	attr_at(nlh, TCA_STATS2, TCA_STATS_QUEUE)->nla_len = UINT16_MAX;
	feed(r, vnx_net_parse_queues, nlh, SEC);
	nlh = qdisc_message(&m, &good);
	attr_at(nlh, TCA_STATS2, 0)->nla_len = 0;
	feed(r, vnx_net_parse_queues, nlh, SEC);
	nlh = qdisc_message(&m, &good);
	attr_at(nlh, TCA_KIND, 0)->nla_type = 99;
	feed(r, vnx_net_parse_queues, nlh, SEC);
	assert_int_equal(p->queues.t_ns, 0);
	/* A name without an end. */
	nlh = qdisc_message(&m, &good);
	memset(mnl_attr_get_payload(attr_at(nlh, TCA_KIND, 0)), 'x', 4);
	feed(r, vnx_net_parse_queues, nlh, SEC);
	assert_string_equal(p->queues.root.kind, "xxxx");
	assert_int_equal(p->queues.t_ns, SEC);
}

/* An ingress side that does not say what it drops makes the sum unknown. */
static void test_ingress_broken(void **state)
{
	struct qdisc q = ROOT("ingress", 0xffff0000, 1, 0, 0);
	const struct qdisc root = ROOT("tbf", 0x10000, 100, 10, 5000);
	struct rig *r = *state;
	struct nlmsghdr *nlh;
	union message m;

	feed_qdisc(r, &root, SEC);
	assert_int_equal(port(r, TAP)->queues.t_ns, SEC);
	q.parent = TC_H_INGRESS;
	nlh = qdisc_message(&m, &q);
	attr_at(nlh, TCA_STATS2, TCA_STATS_QUEUE)->nla_type = TCA_STATS_APP;
	feed(r, vnx_net_parse_queues, nlh, SEC);
	assert_int_equal(port(r, TAP)->queues.t_ns, 0);
}

/* ---- the source ---- */

static void test_source(void **state)
{
	struct vnx_vms none = { 0 };
	struct vnx_scene scene = { .now_ns = SEC, .vms = &none };
	struct vnx_err err = { 0 };
	struct rig *r = *state;
	void *src = NULL;

	assert_int_equal(vnx_source_net.open(&src, &err), 0);
	for (int i = 0; i < 3; i++, scene.now_ns += SEC)
		assert_int_equal(vnx_source_net.read(src, &scene, &r->out, &err), 0);
	/* Interfaces that no kernel has (they are numbered up to INT_MAX): missing, no error. */
	for (int i = 0; i < 3; i++) {
		r->ifaces[i].ifindex = UINT32_MAX - (uint32_t)i;
		r->ifaces[i].uplink_ifindex = 0;
	}
	scene.vms = &r->vms;
	for (int i = 0; i < 3; i++, scene.now_ns += 10 * SEC)
		assert_int_equal(vnx_source_net.read(src, &scene, &r->out, &err), 0);
	assert_int_equal(r->samples.n, 0);
	vnx_source_net.close(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tap_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_macvtap_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uplink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uplink_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uplink_without_speed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uplink_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_backwards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qdisc_sum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noqueue_is_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qdisc_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qdisc_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qdisc_of_hardware, setup, teardown),
		cmocka_unit_test_setup_teardown(test_qdisc_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ingress_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
