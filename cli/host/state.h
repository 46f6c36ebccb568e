/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a struct vnx_host keeps between scans: for find.c (which processes are VMMs), guest.c
 * (one VM) and host.c (the rest).
 */
#ifndef VNX_HOST_STATE_H
#define VNX_HOST_STATE_H

#include "cli/host/internal.h"

struct process {
	struct vnx_proc_entry id;
	unsigned looks; /* scans it was seen in */
	bool kthread;
	bool old;             /* ran for long when first seen: no exec or open is to come soon */
	bool maybe;           /* has a VMM's name but is not one yet: looked at each time */
	uint32_t vhost_owner; /* tid in the name of a vhost kernel thread, 0: it is none */
};

struct processes {
	struct process *v;
	size_t n, cap;
};

/* Runs parallel to the list of struct vnx_vm that is handed out. */
struct guest {
	struct vnx_vmm vmm;
	struct vnx_u32s kworkers; /* kernel threads that serve it */
	bool alive, dirty;
};

struct vnx_host {
	int dirfd;
	char *proc;
	char *recorded; /* text of LINKS_FILE, NULL on a live tree */
	char netns[64];
	unsigned scans;
	uint64_t boot_ticks; /* now, as start times of processes are counted */
	struct processes procs;
	struct vnx_proc_entries listing;
	struct {
		struct guest *v;
		size_t n, cap;
	} guests;
	struct vnx_vms vms;
	struct vnx_u32s tids;
	struct vnx_u32s wanted; /* pids that a hint asks to look at */
	struct vnx_link_watch *link_watch;
	struct vnx_links links;
	bool has_ovs;
	bool any_denied;
	struct vnx_err partial, ovs_err;
};

/* ---- host.c ---- */

bool vnx_host_denied(int err);
int vnx_u32_cmp(const void *a, const void *b);
/* Adds @v where it is not there yet. */
int vnx_u32s_add(struct vnx_u32s *set, uint32_t v) VNX_MUST_CHECK;
/* The living VM of process @pid, or NULL. */
struct guest *vnx_host_find_guest(struct vnx_host *host, uint32_t pid);
void vnx_host_note_partial(struct vnx_host *host, const char *code, const char *what,
			   const char *hint);
void vnx_host_note_denied(struct vnx_host *host, enum vnx_vmm_kind kind);
/* Is it @pid's turn, one scan of @every? */
bool vnx_host_turn(const struct vnx_host *host, uint32_t pid, unsigned every);

/* ---- find.c ---- */

/* Lists the processes anew; VMMs among the new ones become guests. */
int vnx_host_update_processes(struct vnx_host *host, uint64_t now_ns) VNX_MUST_CHECK;

/* ---- guest.c ---- */

/* Reads what may have changed of guest @i; it is dirty then, or no more alive. */
int vnx_guest_update(struct vnx_host *host, size_t i, uint64_t now_ns,
		     bool *changed) VNX_MUST_CHECK;
/* Makes the struct vnx_vm of guest @i anew from what is known. */
int vnx_guest_rebuild(struct vnx_host *host, size_t i, bool *changed) VNX_MUST_CHECK;

#endif
