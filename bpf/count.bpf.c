// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs that count. Each is one line calling count(); which of them is loaded, and
 * on what it hangs, is decided at run time (bpf/capture_bpf.c). No kernel type is needed,
 * hence no vmlinux.h: programs take their context as void.
 */
#include <linux/bpf.h>
#include <stdbool.h>
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

/* The log is behind one more map, so that a larger one can take its place while we count. */
struct log {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536); /* of a pattern, not of the log; any page size fits */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct log);
} logs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct vnx_spill_key);
	__type(value, __u64);
} spill SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnx_tallies);
} tallies SEC(".maps");

/* In the hot path jiffies cost a load, bpf_ktime_get_ns() can cost over a hundred ns. */
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

/* Adds without asking for the sum: of BPF's atomics only this one is on every kernel. */
#define TALLY(which)                                                           \
	do {                                                                   \
		__u32 first = 0;                                               \
		struct vnx_tallies *t = bpf_map_lookup_elem(&tallies, &first); \
                                                                               \
		if (t)                                                         \
			__sync_fetch_and_add(&t->which, 1);                    \
	} while (0)

/*
 * The time says which bin it is; it is asked for here and not in the hot path. The bin's end is
 * then so many ticks away, and whatever ticks do until then, the next bin asks again.
 */
static __always_inline void open_bin(struct vnx_head *h, __u32 slot, __u32 metric, __u64 now)
{
	__u64 t = bpf_ktime_get_ns(), left = conf.bin_ns - (t - conf.start_ns) % conf.bin_ns;
	struct vnx_opening o = { .slot = slot,
				 .nth = h->opened + 1,
				 .metric = metric,
				 .tid = (__u32)bpf_get_current_pid_tgid(),
				 .t_ns = t,
				 .clock = now,
				 .edge = now + (left + conf.tick_ns - 1) / conf.tick_ns,
				 .start = h->total };
	__u32 first = 0;
	void *log = bpf_map_lookup_elem(&logs, &first);

	h->opened = o.nth;
	h->edge = o.edge;
	if (!log || bpf_ringbuf_output(log, &o, sizeof(o), BPF_RB_NO_WAKEUP))
		TALLY(unlogged);
}

static __always_inline void spill_event(__u32 metric)
{
	struct vnx_spill_key key = { .tid = (__u32)bpf_get_current_pid_tgid(),
				     .metric = metric,
				     .bin = (bpf_ktime_get_ns() - conf.start_ns) / conf.bin_ns };
	__u64 zero = 0, *n = bpf_map_lookup_elem(&spill, &key);

	if (!n) {
		bpf_map_update_elem(&spill, &key, &zero, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&spill, &key);
	}
	if (n) {
		__sync_fetch_and_add(n, 1);
		TALLY(spilled);
	} else {
		TALLY(lost[metric & (VNX_COUNTED - 1)]);
	}
}

/* Is the place ours from now on? The answer of the addition is not used: see count.h. */
static __always_inline bool claim_head(struct vnx_head *h)
{
	if (*(volatile __u32 *)&h->claim)
		return false;
	__sync_fetch_and_add(&h->claim, 1);
	if (*(volatile __u32 *)&h->claim == 1)
		return true;
	TALLY(contested);
	return false;
}

/* First event of a bin, or a head not where it is looked for first. */
static __noinline int count_slow(__u64 id, __u32 metric)
{
	__u64 key = id | VNX_KEY_METRIC(metric), now = clock_now();
	/* Stacks lie in rows: from a taken place on, each goes its own way (TAOCP 6.4, D). */
	__u32 i, step = (__u32)id * 2654435761u >> 16 | 1;
	struct vnx_head *h;

	for (int k = 0; k < VNX_PROBES; k++) {
		i = ((__u32)id + (metric & 1) + k * step) & conf.slot_mask;
		h = bpf_map_lookup_elem(&heads, &i);
		if (!h)
			return 0;
		if (h->key != key) {
			if (h->key || !claim_head(h))
				continue;
			h->key = key;
			h->edge = 0; /* another thread's bin may be open */
		}
		if (now >= h->edge)
			open_bin(h, i, metric, now);
		h->total++;
		return 0;
	}
	spill_event(metric);
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
