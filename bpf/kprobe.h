/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BPF programs at the entry of functions by kprobe. libbpf's own way names the function in one
 * form only, which some kernels do not find.
 */
#ifndef VNX_KPROBE_H
#define VNX_KPROBE_H

#include "bpf/kernel.h"

struct bpf_link;
struct bpf_program;

/* 0 and *out, for bpf_link__destroy(); or -errno: -ENOENT where the kernel finds no such place. */
int vnx_kprobe_attach(struct bpf_program *prog, const struct vnx_symbol *sym, const char *function,
		      struct bpf_link **out) VNX_MUST_CHECK;
/*
 * How many calls the kprobe itself missed so far, by recursion; false where the kernel does not
 * tell (before 6.7). What it ran the program for and the program refused is not in it.
 */
bool vnx_kprobe_missed(const struct bpf_link *link, uint64_t *missed);

#endif
