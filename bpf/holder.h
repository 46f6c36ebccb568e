/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who had the CPU while threads of interest waited for it, and how often guests kicked their
 * vhost workers: BPF programs on sched_switch and vhost_net, see bpf/holder.bpf.c.
 */
#ifndef VNX_HOLDER_H
#define VNX_HOLDER_H

#include "analysis/sample.h"
#include "bpf/holder_abi.h"

struct vnx_holder;

/*
 * Loads and attaches to sched_switch; the kicks come later, with vhost_net. -EPERM, or what
 * the kernel says, with a sentence in @err. *out is freed by close().
 */
int vnx_holder_open(struct vnx_holder **out, struct vnx_err *err) VNX_MUST_CHECK;
/* The threads of interest from now on: @tids, n of them, sorted, not kept. */
int vnx_holder_watch(struct vnx_holder *h, const uint32_t *tids, size_t n) VNX_MUST_CHECK;
/* Appends what was held since the last call, as of [from_ns, to_ns). */
int vnx_holder_read(struct vnx_holder *h, uint64_t from_ns, uint64_t to_ns,
		    struct vnx_holds *out) VNX_MUST_CHECK;
/* False where kicks are not counted (yet); else those of worker @tid since it was attached. */
bool vnx_holder_kicks(struct vnx_holder *h, uint32_t tid, struct vnx_kicks *out);
/* Why kicks cannot be counted here; NULL: they are, or will be once vhost_net is there. */
const char *vnx_holder_no_kicks(const struct vnx_holder *h);
/* Detaches, frees. NULL is fine. */
void vnx_holder_close(struct vnx_holder *h);

#endif
