// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interfaces of our network namespace by rtnetlink, and which switch a tap hangs on.
 */
#include "cli/host/internal.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/base/netlink.h"

/* As often a list is asked for again during which interfaces came or went. */
#define DUMP_TRIES 5

struct vnx_link_watch {
	struct vnx_netlink *ask, *hear;
	bool changed;
};

int vnx_link_watch_open(struct vnx_link_watch **out, struct vnx_err *err)
{
	struct vnx_link_watch *w = calloc(1, sizeof(*w));
	int ret;

	*out = NULL;
	if (!w)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ret = vnx_netlink_open(&w->ask, NETLINK_ROUTE, 0, err);
	if (!ret)
		ret = vnx_netlink_open(&w->hear, NETLINK_ROUTE, RTMGRP_LINK, err);
	if (ret) {
		vnx_link_watch_close(w);
		return ret;
	}
	w->changed = true;
	*out = w;
	return 0;
}

void vnx_link_watch_close(struct vnx_link_watch *w)
{
	if (!w)
		return;
	vnx_netlink_close(w->ask);
	vnx_netlink_close(w->hear);
	free(w);
}

bool vnx_link_watch_changed(struct vnx_link_watch *w)
{
	bool changed = vnx_netlink_drain(w->hear) || w->changed;

	w->changed = false;
	return changed;
}

static int parse_info(const struct nlattr *attr, void *data)
{
	struct vnx_link *link = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && !mnl_attr_validate(attr, MNL_TYPE_STRING))
		snprintf(link->kind, sizeof(link->kind), "%.*s",
			 (int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int parse_link_attr(const struct nlattr *attr, void *data)
{
	struct vnx_link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (!mnl_attr_validate(attr, MNL_TYPE_STRING))
			snprintf(link->name, sizeof(link->name), "%.*s",
				 (int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
		break;
	case IFLA_MASTER:
		if (!mnl_attr_validate(attr, MNL_TYPE_U32))
			link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		if (!mnl_attr_validate(attr, MNL_TYPE_U32))
			link->lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, parse_info, link);
		break;
	}
	return MNL_CB_OK;
}

static bool has_attr(const struct nlmsghdr *nlh, unsigned type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg)) if (mnl_attr_get_type(attr) ==
								   type) return true;
	return false;
}

static int parse_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct vnx_link link = { .speed_bps = -1 };

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return MNL_CB_OK;
	link.index = (uint32_t)ifi->ifi_index;
	mnl_attr_parse(nlh, sizeof(*ifi), parse_link_attr, &link);
	/* An index of another namespace means nothing here. */
	if (has_attr(nlh, IFLA_LINK_NETNSID))
		link.lower = 0;
	return vnx_vec_push((struct vnx_links *)data, link) ? (errno = ENOMEM, MNL_CB_ERROR)
							    : MNL_CB_OK;
}

/* Names of interfaces hold no slash, so that the path cannot leave the folder. */
static void read_sysfs(struct vnx_link *link)
{
	VNX_CLEANUP_CLOSE int dir = open("/sys/class/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64], *end;
	long mbps;

	if (dir < 0)
		return;
	snprintf(path, sizeof(path), "%s/device", link->name);
	link->physical = !faccessat(dir, path, F_OK, 0);
	snprintf(path, sizeof(path), "%s/speed", link->name);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(dir, path, 64, NULL);

	/* EINVAL: link is down or its driver tells no speed; -1: unknown. */
	if (!text)
		return;
	mbps = strtol(text, &end, 10);
	if (end != text && mbps > 0 && mbps < 100000000)
		link->speed_bps = (int64_t)mbps * 1000000;
}

static int dump_links(struct vnx_netlink *nl, struct vnx_links *links)
{
	struct ifinfomsg *ifi =
		vnx_netlink_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));

	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32((struct nlmsghdr *)nl->buf, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	links->n = 0;
	return vnx_netlink_ask(nl, parse_link, links);
}

int vnx_link_watch_read(struct vnx_link_watch *w, struct vnx_links *links, struct vnx_err *err)
{
	int ret = dump_links(w->ask, links);

	for (int i = 1; i < DUMP_TRIES && !ret && w->ask->interrupted; i++)
		ret = dump_links(w->ask, links);
	/* Where something comes or goes all the time, what may be missing is there next time. */
	w->changed = ret || w->ask->interrupted;
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-netlink",
				   "cannot list the network interfaces: %s", strerror(-ret));
	for (size_t i = 0; i < links->n; i++)
		if (links->v[i].master)
			read_sysfs(&links->v[i]);
	/* Parents of macvtaps have no master. */
	for (size_t i = 0; i < links->n; i++)
		for (size_t j = 0; links->v[i].lower && j < links->n; j++)
			if (links->v[j].index == links->v[i].lower && !links->v[j].master)
				read_sysfs(&links->v[j]);
	return 0;
}

/* "index name kind master lower physical speed_bps bridge", "-" for nothing. */
int vnx_links_parse(const char *text, struct vnx_links *links)
{
	links->n = 0;
	while (*text) {
		struct vnx_link l = { 0 };
		int physical = 0;
		long long speed = -1;

		if (sscanf(text, "link %u %15s %23s %u %u %d %lld %63s", &l.index, l.name, l.kind,
			   &l.master, &l.lower, &physical, &speed, l.bridge) == 8) {
			l.physical = physical;
			l.speed_bps = speed;
			if (!strcmp(l.kind, "-"))
				l.kind[0] = '\0';
			if (!strcmp(l.bridge, "-"))
				l.bridge[0] = '\0';
			if (vnx_vec_push(links, l))
				return -ENOMEM;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}

const struct vnx_link *vnx_links_by_index(const struct vnx_links *links, uint32_t index)
{
	for (size_t i = 0; index && i < links->n; i++)
		if (links->v[i].index == index)
			return &links->v[i];
	return NULL;
}

const struct vnx_link *vnx_links_by_name(const struct vnx_links *links, const char *name)
{
	for (size_t i = 0; name[0] && i < links->n; i++)
		if (!strcmp(links->v[i].name, name))
			return &links->v[i];
	return NULL;
}

/*
 * How likely a port leads out of the host: 0 it does not. A physical port is certain; a bond
 * or VLAN has one below; a veth leads to a container or another bridge (as in OpenStack).
 */
static unsigned uplink_rank(const struct vnx_link *l)
{
	static const struct {
		const char *kind;
		unsigned rank;
	} kinds[] = { { "bond", 5 },   { "team", 5 },      { "vlan", 4 },
		      { "veth", 3 },   { "vxlan", 2 },     { "geneve", 2 },
		      { "gretap", 2 }, { "ip6gretap", 2 }, { "wireguard", 2 } };

	if (l->physical)
		return 6;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(kinds); i++)
		if (!strcmp(l->kind, kinds[i].kind))
			return kinds[i].rank;
	return 0;
}

static const struct vnx_link *find_uplink(const struct vnx_links *links,
					  const struct vnx_link *port)
{
	const struct vnx_link *best = NULL;
	unsigned best_rank = 0;

	/* The oldest of equals: the one set up with the switch. */
	for (size_t i = 0; i < links->n; i++) {
		const struct vnx_link *l = &links->v[i];

		/* All bridges of Open vSwitch share one master. */
		if (l == port || l->master != port->master || strcmp(l->bridge, port->bridge))
			continue;
		if (uplink_rank(l) > best_rank ||
		    (uplink_rank(l) && uplink_rank(l) == best_rank && l->index < best->index)) {
			best = l;
			best_rank = uplink_rank(l);
		}
	}
	return best;
}

static int put_str(char **dst, const char *value)
{
	free(*dst);
	*dst = strdup(value);
	return *dst ? 0 : -ENOMEM;
}

static int put_switch(struct vnx_iface *iface, const char *sw, const char *kind,
		      const struct vnx_link *uplink)
{
	iface->uplink_bps = uplink ? uplink->speed_bps : -1;
	iface->uplink_ifindex = uplink ? uplink->index : 0;
	if (put_str(&iface->sw, sw) || put_str(&iface->switch_kind, kind) ||
	    put_str(&iface->uplink, uplink ? uplink->name : ""))
		return -ENOMEM;
	return 0;
}

int vnx_links_switch(const struct vnx_links *links, const struct vnx_link *port,
		     struct vnx_iface *iface)
{
	const struct vnx_link *master = port ? vnx_links_by_index(links, port->master) : NULL;
	bool ovs;

	if (!port)
		return put_switch(iface, "", "unknown", NULL);
	if (!strcmp(port->kind, "macvtap") || !strcmp(port->kind, "macvlan")) {
		const struct vnx_link *lower = vnx_links_by_index(links, port->lower);

		return put_switch(iface, lower ? lower->name : "", "macvtap",
				  lower && uplink_rank(lower) ? lower : NULL);
	}
	if (!port->master)
		return put_switch(iface, "", "none", NULL);
	if (!master)
		return put_switch(iface, "", "unknown", NULL);
	ovs = !strcmp(master->kind, "openvswitch");
	if (ovs || !strcmp(master->kind, "bridge"))
		return put_switch(iface, ovs && port->bridge[0] ? port->bridge : master->name,
				  master->kind, find_uplink(links, port));
	return put_switch(iface, master->name, "unknown", NULL);
}
