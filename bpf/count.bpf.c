// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs that count. Each is one line calling count(); which of them is loaded, and
 * on what it hangs, is decided at run time (bpf/capture_bpf.c). No kernel type is needed,
 * hence no vmlinux.h: programs take their context as void.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/count.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct vnx_count_conf conf = { .tick_ns = 1, .bin_ns = 1 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, struct vnx_head);
} heads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnx_ring);
} rings SEC(".maps");

/* Events that found no slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} dropped SEC(".maps");

/* In the hot path jiffies cost a load, bpf_ktime_get_ns() over a hundred ns (kernel.md). */
static __always_inline __u64 clock_now(void)
{
	return conf.use_ktime ? bpf_ktime_get_ns() : bpf_jiffies64();
}

/*
 * The kernel stack we are on, by the frame pointer's value. Its lower half comes whole, its
 * upper half as a difference to a fixed address, since the verifier gives no other: that is
 * as good for telling stacks apart.
 */
static __always_inline __u64 stack_id(void)
{
	__u64 high;
	__u32 low;

	asm volatile("%0 = w10" : "=w"(low));
	asm volatile("%0 = r10; %0 -= %1" : "=&r"(high) : "r"(&conf));
	return high >> 32 << (32 - VNX_STACK_SHIFT) | low >> VNX_STACK_SHIFT;
}

/* Thread ids are doubled: a thread's two metrics are neighbours, as its stack's are. */
static __always_inline __u64 who(void)
{
	__u32 tid;

	if (!conf.by_tid)
		return stack_id();
	tid = (__u32)bpf_get_current_pid_tgid();
	/* The idle thread is number 0 on every CPU at once. */
	return tid ? (__u64)tid * 2 : 1ULL << 40 | bpf_get_smp_processor_id() * 2;
}

/* Half a unit is added so that an edge between two ticks goes to the nearer one. */
static __always_inline void open_bin(struct vnx_head *h, __u32 i, __u64 now)
{
	__u64 half = conf.tick_ns / 2;
	__u64 bin = ((now - conf.origin) * conf.tick_ns + half) / conf.bin_ns;
	struct vnx_ring *ring = bpf_map_lookup_elem(&rings, &i);
	struct vnx_ring_entry *e;
	__u64 n = h->n;

	if (!ring)
		return;
	e = &ring->e[n & (VNX_RING - 1)];
	e->bin = bin;
	e->tid = (__u32)bpf_get_current_pid_tgid();
	e->start = h->total;
	/* A full barrier: the reader never sees the number without the entry. */
	__sync_lock_test_and_set(&h->n, n + 1);
	h->edge = conf.origin + ((bin + 1) * conf.bin_ns - half + conf.tick_ns - 1) / conf.tick_ns;
}

/* First event of a bin, or a slot not where it is looked for first. */
static __noinline int count_slow(__u64 id, __u32 metric)
{
	__u64 key = id | VNX_KEY_METRIC(metric), now = clock_now(), owner;
	/* Stacks lie in rows: from a taken slot on, each goes its own way (TAOCP 6.4, algorithm D).
	 */
	__u32 zero = 0, i, step = (__u32)id * 2654435761u >> 16 | 1;
	struct vnx_head *h;
	__u64 *lost;

	for (int k = 0; k < VNX_PROBES; k++) {
		i = ((__u32)id + (metric & 1) + k * step) & conf.slot_mask;
		h = bpf_map_lookup_elem(&heads, &i);
		if (!h)
			return 0;
		owner = h->key;
		if (!owner)
			owner = __sync_val_compare_and_swap(&h->key, 0, key);
		if (owner && owner != key)
			continue;
		/* A slot just claimed may have another thread's bin open. */
		if (!owner || now >= h->edge)
			open_bin(h, i, now);
		h->total++;
		return 0;
	}
	lost = bpf_map_lookup_elem(&dropped, &zero);
	if (lost)
		__sync_fetch_and_add(lost, 1);
	return 0;
}

/* No call in here is one: the map's and the jiffies' are inlined by the verifier. */
static __always_inline int count(__u32 metric)
{
	__u64 id = who();
	__u32 i = ((__u32)id + (metric & 1)) & conf.slot_mask;
	struct vnx_head *h = bpf_map_lookup_elem(&heads, &i);

	if (!h)
		return 0;
	if (h->key != (id | VNX_KEY_METRIC(metric)) || clock_now() >= h->edge)
		return count_slow(id, metric);
	h->total++;
	return 0;
}

/* Numbers are those of enum vnx_metric; capture_bpf.c asserts it. */
#define PROGRAMS(metric)                                  \
	SEC("fentry/none") int fentry_##metric(void *ctx) \
	{                                                 \
		return count(metric);                     \
	}                                                 \
	SEC("kprobe") int kprobe_##metric(void *ctx)      \
	{                                                 \
		return count(metric);                     \
	}                                                 \
	SEC("raw_tp") int raw_tp_##metric(void *ctx)      \
	{                                                 \
		return count(metric);                     \
	}

PROGRAMS(0)
PROGRAMS(1)
PROGRAMS(2)
PROGRAMS(3)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnx_calibration);
} calibration SEC(".maps");

/* Run by hand (BPF_PROG_TEST_RUN) to fit jiffies to CLOCK_MONOTONIC and to try stack_id(). */
SEC("raw_tp") int calibrate(void *ctx)
{
	__u32 zero = 0;
	struct vnx_calibration *c = bpf_map_lookup_elem(&calibration, &zero);

	if (!c)
		return 0;
	c->clocks.mono_ns = bpf_ktime_get_ns();
	c->clocks.jiffies = bpf_jiffies64();
	c->clocks.after_ns = bpf_ktime_get_ns();
	c->stack = conf.by_tid ? 0 : stack_id();
	return 0;
}

/* Does nothing: tells whether this kernel lets functions be hooked at all. */
SEC("fentry/none") int trial(void *ctx)
{
	return 0;
}
