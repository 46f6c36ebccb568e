// SPDX-License-Identifier: GPL-2.0-only
#include "cli/evidence/load_diag.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "cli/base/netlink.h"

/* include/net/tcp_states.h; the enumeration is the kernel's own */
enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5, CLOSE_WAIT = 8, LAST_ACK, LISTEN, CLOSING };
#define WANTED_STATES                                                               \
	(1u << ESTABLISHED | 1u << FIN_WAIT1 | 1u << FIN_WAIT2 | 1u << CLOSE_WAIT | \
	 1u << LAST_ACK | 1u << LISTEN | 1u << CLOSING)

struct vnx_tcp_diag {
	struct vnx_netlink *nl;
};

/* Messages */

/* The structure only ever grew at its end (include/uapi/linux/tcp.h). */
#define FIELD(info, len, f)                                                              \
	((len) >= offsetof(struct tcp_info, f) + sizeof((info)->f) ? (uint64_t)(info)->f \
								   : VNX_TCP_UNKNOWN)

static void take_info(const void *data, size_t len, struct vnx_tcp_facts *out)
{
	struct tcp_info ti = { 0 };

	/* Not aligned for its 64-bit members. */
	memcpy(&ti, data, len < sizeof(ti) ? len : sizeof(ti));
	out->acked = FIELD(&ti, len, tcpi_bytes_acked);
	out->received = FIELD(&ti, len, tcpi_bytes_received);
	out->retrans = FIELD(&ti, len, tcpi_total_retrans);
	out->ooo = FIELD(&ti, len, tcpi_rcv_ooopack);
	out->busy_us = FIELD(&ti, len, tcpi_busy_time);
	out->rwnd_us = FIELD(&ti, len, tcpi_rwnd_limited);
	out->sndbuf_us = FIELD(&ti, len, tcpi_sndbuf_limited);
	out->rtt_us = FIELD(&ti, len, tcpi_rtt);
	out->cwnd = FIELD(&ti, len, tcpi_snd_cwnd);
}

bool vnx_tcp_facts_parse(const struct nlmsghdr *nlh, struct vnx_tcp_facts *out)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*msg))
		return false;
	*out = (struct vnx_tcp_facts){ .family = msg->idiag_family,
				       .state = msg->idiag_state,
				       .id = msg->id,
				       .inode = msg->idiag_inode,
				       .recvq = msg->idiag_rqueue,
				       .sendq = msg->idiag_wqueue };
	take_info("", 0, out);
	mnl_attr_for_each(attr, nlh, sizeof(*msg)) if (mnl_attr_get_type(attr) == INET_DIAG_INFO)
		take_info(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), out);
	return true;
}

static struct inet_diag_req_v2 *make_request(struct vnx_tcp_diag *diag, uint16_t flags,
					     uint8_t family, uint32_t states)
{
	struct inet_diag_req_v2 *req =
		vnx_netlink_request(diag->nl, SOCK_DIAG_BY_FAMILY, flags, sizeof(*req));

	req->sdiag_family = family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	req->idiag_states = states;
	return req;
}

/* Dumps */

struct dump {
	int (*take)(const struct vnx_tcp_facts *facts, void *data);
	void *data;
};

static int take_message(const struct nlmsghdr *nlh, void *data)
{
	struct dump *d = data;
	struct vnx_tcp_facts facts;
	int ret = vnx_tcp_facts_parse(nlh, &facts) ? d->take(&facts, d->data) : 0;

	if (!ret)
		return MNL_CB_OK;
	errno = -ret;
	return MNL_CB_ERROR;
}

static int run_dump(struct vnx_tcp_diag *diag, uint8_t family, uint32_t states, struct dump *d)
{
	make_request(diag, NLM_F_DUMP, family, states);
	return vnx_netlink_ask(diag->nl, take_message, d);
}

int vnx_tcp_diag_dump(struct vnx_tcp_diag *diag,
		      int (*take)(const struct vnx_tcp_facts *facts, void *data), void *data)
{
	struct dump d = { take, data };
	int ret = run_dump(diag, AF_INET, WANTED_STATES, &d), six;

	if (ret == -ENOMEM)
		return ret;
	/* A kernel without IPv6 refuses. */
	six = run_dump(diag, AF_INET6, WANTED_STATES, &d);
	return six == -ENOMEM ? six : ret;
}

/* One socket */

static int keep_one(const struct vnx_tcp_facts *facts, void *data)
{
	*(struct vnx_tcp_facts *)data = *facts;
	return 0;
}

int vnx_tcp_diag_get(struct vnx_tcp_diag *diag, const struct vnx_tcp_facts *which,
		     struct vnx_tcp_facts *out)
{
	struct dump d = { keep_one, out };
	int ret;

	*out = (struct vnx_tcp_facts){ 0 };
	make_request(diag, 0, which->family, 0)->id = which->id;
	ret = vnx_netlink_ask(diag->nl, take_message, &d);
	if (ret)
		return ret;
	/* One that only waits for late segments has neither an owner nor numbers. */
	return out->state && (1u << out->state & WANTED_STATES) ? 0 : -ENOENT;
}

/* Opening */

struct opening {
	const char *netns;
	struct vnx_netlink *nl;
	int error;         /* 0 or -errno */
	const char *where; /* what failed */
};

static void *open_socket(void *arg)
{
	struct opening *o = arg;
	VNX_CLEANUP_CLOSE int fd = -1;

	o->where = "its network namespace cannot be entered";
	if (o->netns) {
		fd = open(o->netns, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET)) {
			o->error = -errno;
			return NULL;
		}
	}
	o->where = "the kernel tells nothing of sockets";
	o->error = vnx_netlink_open(&o->nl, NETLINK_SOCK_DIAG, 0, NULL);
	return NULL;
}

/* A thread of its own enters the namespace: the socket stays there, we stay here. */
static void open_there(struct opening *o)
{
	pthread_t thread;
	int error;

	o->where = "no thread could be made";
	if (!o->netns) {
		open_socket(o);
		return;
	}
	error = pthread_create(&thread, NULL, open_socket, o);
	if (error)
		o->error = -error;
	else
		pthread_join(thread, NULL);
}

int vnx_tcp_diag_open(struct vnx_tcp_diag **out, const char *netns, struct vnx_err *err)
{
	struct vnx_tcp_diag *diag = calloc(1, sizeof(*diag));
	struct opening o = { .netns = netns };
	struct dump nobody = { 0 };
	int ret;

	*out = NULL;
	if (!diag)
		return -ENOMEM;
	open_there(&o);
	diag->nl = o.nl;
	ret = o.error;
	if (!ret) {
		/* In no state there is no socket: only whether the kernel can be asked. */
		ret = run_dump(diag, AF_INET, 0, &nobody);
		o.where = "the kernel tells nothing of TCP sockets (CONFIG_INET_DIAG)";
	}
	if (!ret) {
		*out = diag;
		return 0;
	}
	vnx_tcp_diag_close(diag);
	vnx_err_hint(err, ret == -ENOENT ? "`modprobe tcp_diag` may help."
					 : "Without root only our own namespace can be seen.");
	return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-sock-diag",
			   "the load's sockets cannot be seen: %s: %s", o.where, strerror(-ret));
}

void vnx_tcp_diag_close(struct vnx_tcp_diag *diag)
{
	if (diag)
		vnx_netlink_close(diag->nl);
	free(diag);
}
