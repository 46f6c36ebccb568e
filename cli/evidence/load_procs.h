/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load's processes: its process group and whoever descends from it, with the TCP sockets
 * that they hold.
 */
#ifndef VNX_EVIDENCE_LOAD_PROCS_H
#define VNX_EVIDENCE_LOAD_PROCS_H

#include "cli/base/proc.h"
#include "cli/evidence/evidence.h"

struct vnx_inodes {
	uint64_t *v;
	size_t n, cap;
};

struct vnx_load_proc {
	uint32_t pid;
	uint64_t start_ticks; /* tells a reused number */
	char state;           /* as proc(5) has it, at the last sync */
	bool was_stopped;     /* at the sync before that one */
	bool talks;           /* holds a socket to the network, TCP or not */
	uint64_t netns;       /* inode of its network namespace, 0: not known */
	struct vnx_inodes tcp;
};

struct vnx_load_procs {
	uint32_t leader;
	struct vnx_load_proc *v; /* living ones */
	size_t n, cap;
	struct vnx_proc_entries strangers; /* looked at, not the load's */
	uint64_t looked_ns;  /* last look for further processes and sockets, 0: none yet */
	uint64_t scanned_ns; /* ... through all of /proc */
	bool looked;         /* the last sync did */
};

/*
 * Takes in state of the processes and, at most once a second, new ones and their sockets.
 * @leader 0 forgets all. -ENOMEM.
 */
int vnx_load_procs_sync(struct vnx_load_procs *list, uint32_t leader,
			uint64_t now_ns) VNX_MUST_CHECK;
void vnx_load_procs_fini(struct vnx_load_procs *list);
/* Stopped by a signal or by a tracer. */
bool vnx_load_proc_stopped(const struct vnx_load_proc *p);

#endif
