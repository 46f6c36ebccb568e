// SPDX-License-Identifier: GPL-2.0-only
#include "cli/evidence/load_diag.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

/* include/net/tcp_states.h; the enumeration is the kernel's own */
enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5, CLOSE_WAIT = 8, LAST_ACK, LISTEN, CLOSING };
#define WANTED_STATES                                                               \
	(1u << ESTABLISHED | 1u << FIN_WAIT1 | 1u << FIN_WAIT2 | 1u << CLOSE_WAIT | \
	 1u << LAST_ACK | 1u << LISTEN | 1u << CLOSING)
/* What one socket's answer needs at most; a dump comes in batches of up to 32 KiB. */
#define BUF_BYTES 32768

struct vnx_tcp_diag {
	struct mnl_socket *sock;
	unsigned seq;
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

static struct nlmsghdr *make_request(struct vnx_tcp_diag *diag, void *buf, uint8_t family,
				     uint32_t states)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++diag->seq;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	req->idiag_states = states;
	return nlh;
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

static void drain(struct vnx_tcp_diag *diag, char *buf)
{
	while (recv(mnl_socket_get_fd(diag->sock), buf, BUF_BYTES, MSG_DONTWAIT) > 0)
		;
}

/* The kernel answers while it takes the request, and fills batch after batch as they are read. */
static int run_dump(struct vnx_tcp_diag *diag, uint8_t family, uint32_t states, struct dump *d)
{
	VNX_CLEANUP_FREE char *buf = malloc(BUF_BYTES);
	unsigned port = mnl_socket_get_portid(diag->sock);
	struct nlmsghdr *nlh;
	int ret = MNL_CB_OK;

	if (!buf)
		return -ENOMEM;
	nlh = make_request(diag, buf, family, states);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	if (mnl_socket_sendto(diag->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(diag->sock, buf, BUF_BYTES);

		ret = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, diag->seq, port, take_message, d);
	}
	ret = ret < 0 ? -errno : 0;
	if (ret)
		drain(diag, buf);
	return ret;
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
	char buf[8192] __attribute__((aligned(MNL_ALIGNTO)));
	struct nlmsghdr *nlh = make_request(diag, buf, which->family, 0);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(nlh);
	struct dump d = { keep_one, out };
	ssize_t n;

	*out = (struct vnx_tcp_facts){ 0 };
	req->id = which->id;
	if (mnl_socket_sendto(diag->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(diag->sock, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	if (mnl_cb_run(buf, (size_t)n, diag->seq, mnl_socket_get_portid(diag->sock), take_message,
		       &d) < 0)
		return -errno;
	/* One that only waits for late segments has neither an owner nor numbers. */
	return out->state && (1u << out->state & WANTED_STATES) ? 0 : -ENOENT;
}

/* Opening */

struct opening {
	const char *netns;
	struct mnl_socket *sock;
	int error;         /* errno */
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
			o->error = errno;
			return NULL;
		}
	}
	o->where = "the kernel tells nothing of sockets";
	/* The answer is there when the request returns: nothing is ever waited for. */
	o->sock = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!o->sock || mnl_socket_bind(o->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		o->error = errno;
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
		o->error = error;
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
	diag->sock = o.sock;
	ret = -o.error;
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
	if (diag && diag->sock)
		mnl_socket_close(diag->sock);
	free(diag);
}
