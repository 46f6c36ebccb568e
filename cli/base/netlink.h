/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions to the kernel over AF_NETLINK (netlink(7)), one at a time. The kernel answers while
 * it takes the request, so nothing is ever waited for.
 */
#ifndef VNX_NETLINK_H
#define VNX_NETLINK_H

#include <libmnl/libmnl.h>

#include "analysis/util.h"

/* The kernel fills no larger batches (net/netlink/af_netlink.c). */
#define VNX_NETLINK_BATCH 32768

struct vnx_netlink {
	struct mnl_socket *sock;
	unsigned seq;
	/* Of the last answer: */
	bool interrupted; /* what it lists changed meanwhile: some of it may be missing */
	uint64_t t_ns;    /* when the kernel filled the batch being parsed, CLOCK_MONOTONIC */
	char buf[VNX_NETLINK_BATCH] __attribute__((aligned(8)));
};

/*
 * @bus: NETLINK_ROUTE, ...; @groups: what to hear of (RTMGRP_LINK, ...), 0: only to ask. -errno
 * with a sentence.
 */
int vnx_netlink_open(struct vnx_netlink **out, int bus, unsigned groups,
		     struct vnx_err *err) VNX_MUST_CHECK;
/* NULL is fine. */
void vnx_netlink_close(struct vnx_netlink *nl);
/*
 * Begins a request in @nl->buf, where attributes may be put behind it. The @size bytes of the
 * family's own head, all 0; @flags: NLM_F_DUMP or 0.
 */
void *vnx_netlink_request(struct vnx_netlink *nl, uint16_t type, uint16_t flags, size_t size);
/*
 * Sends the request in @nl->buf and has every message of the answer parsed, also of one that
 * was interrupted. -errno: as the kernel or @parse (by errno) says it.
 */
int vnx_netlink_ask(struct vnx_netlink *nl, mnl_cb_t parse, void *data) VNX_MUST_CHECK;
/* Throws away what lies there; was there anything? */
bool vnx_netlink_drain(struct vnx_netlink *nl);

#endif
