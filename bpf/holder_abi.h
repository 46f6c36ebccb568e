/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of bpf/holder.bpf.c and their reader share.
 */
#ifndef VNX_HOLDER_ABI_H
#define VNX_HOLDER_ABI_H

#include "bpf/count.h"

#define VNX_PID_LIMIT 4194304u /* PID_MAX_LIMIT of 64-bit kernels */
#define VNX_WATCH_WORDS (VNX_PID_LIMIT / 64)
#define VNX_COMM_LEN 16

/* A thread that is watched, from switch to switch. */
struct vnx_waiter {
	vnx_u64 delay_ns; /* its sched_info.run_delay, as far as given to holders */
	vnx_u32 before;   /* process that had the CPU before it */
	vnx_u32 pad;
	char comm[VNX_COMM_LEN]; /* of that one's thread */
};

struct vnx_held_key {
	vnx_u32 victim; /* thread id */
	vnx_u32 holder; /* process id, 0: the CPU was idle */
};

struct vnx_held {
	vnx_u64 ns;
	char comm[VNX_COMM_LEN]; /* of the last of the holder's threads */
};

/* What called handle_tx and handle_rx as if for a kick. */
struct vnx_kicks {
	vnx_u64 tx, rx;             /* the guest */
	vnx_u64 tx_again, rx_again; /* itself, having had enough at once */
};

#endif
