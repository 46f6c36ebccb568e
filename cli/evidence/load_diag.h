/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tells of TCP sockets: NETLINK_SOCK_DIAG (sock_diag(7), net/ipv4/inet_diag.c)
 * with struct tcp_info.
 */
#ifndef VNX_EVIDENCE_LOAD_DIAG_H
#define VNX_EVIDENCE_LOAD_DIAG_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include "analysis/util.h"

/* An older kernel's struct tcp_info ends before this field. */
#define VNX_TCP_UNKNOWN UINT64_MAX

struct vnx_tcp_facts {
	uint8_t family;
	uint8_t state;              /* TCP_ESTABLISHED, ... */
	struct inet_diag_sockid id; /* as the kernel gave it, in network order */
	uint64_t inode;             /* 0: no process holds it any more */
	uint64_t recvq, sendq;      /* bytes */
	/* VNX_TCP_UNKNOWN where not told: */
	uint64_t acked, received; /* bytes */
	uint64_t retrans, ooo;    /* segments */
	uint64_t busy_us, rwnd_us, sndbuf_us;
	uint64_t rtt_us, cwnd;
};

/* Reads one whole message; false: it is no socket's, or too short to be one. */
bool vnx_tcp_facts_parse(const struct nlmsghdr *nlh, struct vnx_tcp_facts *out) VNX_MUST_CHECK;

struct vnx_tcp_diag;

/* @netns: path of a network namespace, NULL: our own. -errno with a sentence. */
int vnx_tcp_diag_open(struct vnx_tcp_diag **out, const char *netns,
		      struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Hands every TCP socket of the namespace that is open or listening to @take, which returns 0
 * or -errno to stop. -errno without a sentence.
 */
int vnx_tcp_diag_dump(struct vnx_tcp_diag *diag,
		      int (*take)(const struct vnx_tcp_facts *facts, void *data),
		      void *data) VNX_MUST_CHECK;
/* The socket that @which told of, again. -ENOENT: it is gone. */
int vnx_tcp_diag_get(struct vnx_tcp_diag *diag, const struct vnx_tcp_facts *which,
		     struct vnx_tcp_facts *out) VNX_MUST_CHECK;
void vnx_tcp_diag_close(struct vnx_tcp_diag *diag);

#endif
