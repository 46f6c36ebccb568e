/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of bpf/holder.bpf.c and their reader share.
 */
#ifndef VNX_HOLDER_ABI_H
#define VNX_HOLDER_ABI_H

#include "bpf/count.h"

#define VNX_WATCH_PLACES 16384u /* a power of two */
#define VNX_WATCH_PROBES 8
#define VNX_COMM_LEN 16
#define VNX_HELD_PLACES 16
#define VNX_HELD_ROWS_MAX 4096u

/* A process that had the CPU while a watched thread waited for it. */
struct vnx_held {
	vnx_u32 pid;   /* 0: the CPU was idle */
	vnx_u32 round; /* of bookkeeping in which it did; an earlier one: the place is free */
	vnx_u64 ns;
	char comm[VNX_COMM_LEN]; /* of one of its threads, empty: it was gone */
};

/*
 * Those of one watched thread, filled from the first place on. Two sides: the programs write
 * to side round % 2 while the reader, who counts the rounds, reads the other one.
 */
struct vnx_held_row {
	struct vnx_held side[2][VNX_HELD_PLACES];
};

/* What called handle_tx and handle_rx as if for a kick. */
struct vnx_kicks {
	vnx_u64 tx, rx;             /* the guest */
	vnx_u64 tx_again, rx_again; /* itself, having had enough at once */
};

/*
 * A thread of interest. It stands at place tid modulo VNX_WATCH_PLACES, or in one of the
 * VNX_WATCH_PROBES - 1 that follow, the first one free.
 */
struct vnx_watch {
	vnx_u32 tid;   /* 0: the place is free */
	vnx_u32 reach; /* of this place: how far on those stand who belong here */
	vnx_u32 known; /* waited_ns has a value */
	vnx_u32 worker;
	vnx_u32 row; /* of the table of holders; beyond its end: none was left */
	vnx_u32 unused;
	vnx_u64 waited_ns; /* its waits so far, as far as given to holders */
	struct vnx_kicks kicks;
};

#endif
