// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the queueing disciplines of an interface tell: packets that they dropped, times that
 * they held something back, bytes that wait in them.
 *
 * Summed are the root and the ingress side of an interface, nothing below the root, because
 * all below is in the root's numbers (read in net/sched of Linux 6.1):
 *  - htb, hfsc, prio, drr, tbf, netem count a packet that a child refused as a drop of their
 *    own; what a child drops later (fq_codel, codel at its head) goes up by
 *    qdisc_tree_reduce_backlog(). Their backlog and queue hold those of the children.
 *  - mq and mqprio have no queue; they sum their children whenever they are dumped.
 *  - overlimits stand where the shaper is: tbf, htb, hfsc, cake at the root. A shaper below mq
 *    is in mq's sum; one below prio or netem shows by its backlog and drops only.
 *  - clsact and ingress count what their filters, policers and programs drop, in either
 *    direction (net/core/dev.c, TC_ACT_SHOT), so that the actions need not be asked. What a
 *    BPF program drops that hangs on the interface itself (tcx), and what a card's own filters
 *    drop (skip_sw), stands nowhere here.
 *  - taprio, and htb in a card's hardware, give the children queues of the card and count
 *    nothing above them: their numbers are missing.
 *  - noqueue counts zero, and that is a measured zero. noop, of an interface that is down, is
 *    not in the answer: missing.
 */
#include "cli/evidence/net.h"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

static bool parse_queue(const struct nlattr *stats, struct vnx_net_qdisc *q)
{
	struct gnet_stats_queue s;
	const struct nlattr *attr;
	bool found = false;

	mnl_attr_for_each_nested(attr, stats)
	{
		if (mnl_attr_get_type(attr) != TCA_STATS_QUEUE ||
		    mnl_attr_get_payload_len(attr) < sizeof(s))
			continue;
		memcpy(&s, mnl_attr_get_payload(attr), sizeof(s));
		q->drops = s.drops;
		q->overlimits = s.overlimits;
		q->backlog = s.backlog;
		found = true;
	}
	return found;
}

static bool parse_qdisc(const struct nlmsghdr *nlh, struct vnx_net_qdisc *q)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool found = false, hardware = false;

	*q = (struct vnx_net_qdisc){ .handle = tcm->tcm_handle };
	mnl_attr_for_each(attr, nlh, sizeof(*tcm))
	{
		size_t len = mnl_attr_get_payload_len(attr);
		const char *text = mnl_attr_get_payload(attr);

		switch (mnl_attr_get_type(attr)) {
		case TCA_KIND:
			snprintf(q->kind, sizeof(q->kind), "%.*s", (int)len, text);
			break;
		case TCA_HW_OFFLOAD:
			hardware = len && text[0];
			break;
		case TCA_STATS2:
			found = parse_queue(attr, q);
			break;
		}
	}
	q->there = found && q->kind[0] && strcmp(q->kind, "taprio") &&
		   !(hardware && !strcmp(q->kind, "htb"));
	return q->there;
}

int vnx_net_parse_queues(const struct nlmsghdr *nlh, void *answer)
{
	const struct vnx_net_answer *a = answer;
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	struct vnx_net_port *port;

	if (nlh->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(nlh) < sizeof(*tcm))
		return MNL_CB_OK;
	/* The kernel's dump asks for no interface: it is all of them. */
	port = vnx_net_port_find(a->ports, (uint32_t)tcm->tcm_ifindex);
	if (!port)
		return MNL_CB_OK;
	if (tcm->tcm_parent == TC_H_ROOT) {
		if (parse_qdisc(nlh, &port->queues.root))
			port->queues.t_ns = a->nl->t_ns;
	} else if (tcm->tcm_parent == TC_H_INGRESS && !parse_qdisc(nlh, &port->queues.ingress)) {
		/* There is one and it does not say what it drops: the sum is not known. */
		port->queues.t_ns = 0;
	}
	return MNL_CB_OK;
}

/* Is it the one that was there before, and did its counters go forward? */
static bool goes_on(const struct vnx_net_qdisc *was, const struct vnx_net_qdisc *is)
{
	if (!was->there && !is->there)
		return true;
	return was->there && is->there && was->handle == is->handle &&
	       !strcmp(was->kind, is->kind) && is->drops >= was->drops &&
	       is->overlimits >= was->overlimits;
}

static int emit_counts(const struct vnx_net_port *port, const struct vnx_readings *out)
{
	const struct vnx_net_queues *was = &port->queues_was, *is = &port->queues;
	uint64_t drops =
		(uint64_t)is->root.drops - was->root.drops + is->ingress.drops - was->ingress.drops;
	uint64_t over = (uint64_t)is->root.overlimits - was->root.overlimits +
			is->ingress.overlimits - was->ingress.overlimits;

	if (vnx_evidence_emit(out, VNX_QDISC_DROPS, port->ifindex, was->t_ns, is->t_ns, drops))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_QDISC_OVERLIMITS, port->ifindex, was->t_ns, is->t_ns,
				 over);
}

int vnx_net_emit_queues(struct vnx_net_port *port, bool whole, const struct vnx_readings *out)
{
	struct vnx_net_queues *was = &port->queues_was, *is = &port->queues;
	int err = 0;

	if (!is->t_ns && !whole)
		return 0;
	if (was->t_ns && is->t_ns > was->t_ns) {
		if (goes_on(&was->root, &is->root) && goes_on(&was->ingress, &is->ingress))
			err = emit_counts(port, out);
		if (!err)
			err = vnx_evidence_emit(out, VNX_QDISC_BACKLOG, port->ifindex, was->t_ns,
						is->t_ns, is->root.backlog);
	}
	*was = *is;
	return err;
}
