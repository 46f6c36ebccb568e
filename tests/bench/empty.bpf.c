// SPDX-License-Identifier: GPL-2.0-only
/* What a hook costs before any program does anything: the bench's yardstick. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp") int empty(void *ctx)
{
	return 0;
}
