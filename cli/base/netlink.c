// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/netlink.h"

#include <sys/socket.h>
#include <unistd.h>

#include "bpf/clock.h"

int vnx_netlink_open(struct vnx_netlink **out, int bus, unsigned groups, struct vnx_err *err)
{
	struct vnx_netlink *nl = calloc(1, sizeof(*nl));
	int ret;

	*out = NULL;
	if (!nl)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nl->sock || mnl_socket_bind(nl->sock, groups, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		vnx_netlink_close(nl);
		return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-netlink",
				   "cannot open a netlink socket: %s", strerror(-ret));
	}
	*out = nl;
	return 0;
}

void vnx_netlink_close(struct vnx_netlink *nl)
{
	if (nl && nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
}

void *vnx_netlink_request(struct vnx_netlink *nl, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(nlh, size);
}

/* mnl_cb_run() would drop all the rest of an answer that was interrupted. */
static void allow_interrupt(struct vnx_netlink *nl, size_t len)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)nl->buf;
	int left = (int)len;

	while (mnl_nlmsg_ok(nlh, left)) {
		nl->interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		nlh->nlmsg_flags &= ~NLM_F_DUMP_INTR;
		nlh = mnl_nlmsg_next(nlh, &left);
	}
}

/* The middle of the call that began at @begun_ns and returned just now. */
static uint64_t middle(uint64_t begun_ns)
{
	return begun_ns + (vnx_clock_mono() - begun_ns) / 2;
}

/*
 * The kernel fills the first batch while it takes the request, and each further one at the end
 * of the receive before it.
 */
int vnx_netlink_ask(struct vnx_netlink *nl, mnl_cb_t parse, void *data)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)nl->buf;
	bool dump = (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	unsigned port = mnl_socket_get_portid(nl->sock);
	uint64_t begun_ns = vnx_clock_mono(), filled_ns;
	int ret = MNL_CB_OK;

	nlh->nlmsg_seq = ++nl->seq;
	nl->interrupted = false;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	filled_ns = middle(begun_ns);
	do {
		ssize_t len;

		begun_ns = vnx_clock_mono();
		len = TEMP_FAILURE_RETRY(mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf)));
		nl->t_ns = filled_ns;
		filled_ns = middle(begun_ns);
		if (len > 0)
			allow_interrupt(nl, (size_t)len);
		ret = len < 0 ? -1 : mnl_cb_run(nl->buf, (size_t)len, nl->seq, port, parse, data);
	} while (dump && ret == MNL_CB_OK);
	ret = ret < 0 ? -errno : 0;
	/* What is left of this answer must not be taken for the next one. */
	if (ret)
		vnx_netlink_drain(nl);
	return ret;
}

bool vnx_netlink_drain(struct vnx_netlink *nl)
{
	bool any = false;

	/* ENOBUFS: there was more than the socket could hold. */
	while (recv(mnl_socket_get_fd(nl->sock), nl->buf, sizeof(nl->buf), 0) >= 0 ||
	       errno == ENOBUFS || errno == EINTR)
		any = true;
	return any;
}
