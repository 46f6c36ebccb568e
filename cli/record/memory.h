/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This process takes little memory while it measures, and asks the host for no huge pages: a
 * few touched pages would become 2 MB that the kernel clears on a CPU that is being watched. It
 * may open many files.
 */
#ifndef VNX_MEMORY_H
#define VNX_MEMORY_H

/* No huge pages from here on. */
void vnx_memory_keep_small(void);
/* What was needed for setting up goes back to the host. */
void vnx_memory_give_back(void);
/*
 * As many open files as it may: a descriptor a thread (of the perf back end: and hook) and a few a
 * VM are more than the usual 1024 on a host with many VMs.
 */
void vnx_files_raise(void);
/* In a child that is about to become another program: all as it was. */
void vnx_memory_restore(void);

#endif
