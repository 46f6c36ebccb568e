/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hooks held against accounts that do not depend on them, while they count: guest entries and
 * halts against KVM's own statistic (evidence kvm), handle_tx and handle_rx against the guests'
 * notifications (evidence holder) and the taps' packets.
 */
#ifndef VNX_VERIFY_H
#define VNX_VERIFY_H

#include "analysis/vm.h"
#include "bpf/capture.h"
#include "cli/evidence/evidence.h"

#define VNX_VERIFY_HOOKS 4
#define VNX_VERIFY_ACCOUNTS 2
#define VNX_VERIFY_PAST 64 /* moments; the longer the past, the farther apart */

/* Of one hook, since it was attached. Embedded, zeroed before use. */
struct vnx_verify {
	struct {
		uint64_t since_ns; /* of the hook that is looked at */
		uint64_t calls;    /* since then */
		/* How many there were by then, for accounts that are read late and seldom. */
		struct vnx_verify_past {
			uint64_t t_ns, calls;
		} past[VNX_VERIFY_PAST];
		size_t n_past;
		/* An account begins with its first reading; calls before that are not in it. */
		bool begun[VNX_VERIFY_ACCOUNTS];
		uint64_t before[VNX_VERIFY_ACCOUNTS], account[VNX_VERIFY_ACCOUNTS];
		/* What the account had at the look before: the hook's bin may be read later. */
		uint64_t ripe[VNX_VERIFY_ACCOUNTS];
		uint64_t halted_ns; /* halts: the kernel polled or slept for halted vCPUs */
	} of[VNX_VERIFY_HOOKS];
};

/*
 * Takes in what was read of a bin, by all sources; sets @verified of each of @hooks.
 * @listed_only: only the threads that are known of @vms are counted. @states: why an account has
 * nothing to say.
 */
void vnx_verify_add(struct vnx_verify *v, const struct vnx_samples *samples,
		    const struct vnx_vms *vms, bool listed_only,
		    const struct vnx_source_states *states, struct vnx_hooks *hooks);
/* What a hook of @metric is held against, for a person; NULL: nothing. */
const char *vnx_verify_against(enum vnx_metric metric);
/* Did @hook never run, though it must have? Then @why says so, for a refusal. */
bool vnx_verify_denies(const struct vnx_verify *v, const struct vnx_hook *hook,
		       char why[VNX_WHY_LEN]);

#endif
