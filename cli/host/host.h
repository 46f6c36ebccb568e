/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's VMs and the network between them, from /proc and rtnetlink. Reads only.
 */
#ifndef VNX_HOST_H
#define VNX_HOST_H

#include "analysis/sample.h"
#include "analysis/vm.h"

struct json_t;

struct vnx_host; /* keeps what it has read, so that a rescan is cheap */

/* @proc is "/proc" (tests give a folder of their own). */
struct vnx_host *vnx_host_new(const char *proc);
void vnx_host_free(struct vnx_host *host);
/*
 * Looks again. VMs that are gone get last_ns = @now_ns and stay listed; new ones get
 * first_ns = @now_ns. *changed (may be NULL) tells whether anything differs from before.
 */
int vnx_host_scan(struct vnx_host *host, uint64_t now_ns, bool *changed,
		  struct vnx_err *err) VNX_MUST_CHECK;
const struct vnx_vms *vnx_host_vms(const struct vnx_host *host);
/* All worker and vCPU tids of living VMs, sorted; owned by @host until the next scan. */
const struct vnx_u32s *vnx_host_tids(const struct vnx_host *host);
/*
 * "This thread entered a guest": what the capture saw and /proc cannot tell, as vCPU threads
 * have no name of their own unless QEMU was given debug-threads=on. Its VM gets @tid as a vCPU.
 * 1: learned something; 0: known already; VNX_HOST_STRANGER: of no VM we know, its process is
 * examined by the next scan; -ESRCH: the thread is gone; -ENOMEM.
 */
#define VNX_HOST_STRANGER 2
int vnx_host_note_thread(struct vnx_host *host, uint32_t tid) VNX_MUST_CHECK;
/*
 * What the last scan could not see, in one sentence with its remedy (no root, another network
 * namespace, Open vSwitch's database closed to us), or NULL. Not an error: what could be seen
 * is in vnx_host_vms().
 */
const struct vnx_err *vnx_host_partial(const struct vnx_host *host);
/* Does @vm answer to --vm @text (name or pid)? */
bool vnx_vm_matches(const struct vnx_vm *vm, const char *text);

/* JSON of one VM, as in `topology --json` and the recording; new reference. And back. */
struct json_t *vnx_vm_to_json(const struct vnx_vm *vm);
int vnx_vm_from_json(struct vnx_vm *vm, const struct json_t *json,
		     struct vnx_err *err) VNX_MUST_CHECK;

/*
 * The tap counters. Each read appends, per interface of a living VM and metric
 * (tx/rx from the guest's side), the difference to the last read with its true interval.
 * A counter that went backwards gives a VNX_LOST sample (entity: the ifindex), not a number.
 */
struct vnx_tapstats;
int vnx_tapstats_open(struct vnx_tapstats **out, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_tapstats_read(struct vnx_tapstats *ts, const struct vnx_vms *vms, struct vnx_samples *out,
		      struct vnx_err *err) VNX_MUST_CHECK;
void vnx_tapstats_close(struct vnx_tapstats *ts);

#endif
