// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who had the CPU while a watched thread waited for it. The kernel keeps the length of each
 * wait itself (sched_info.run_delay, kernel/sched/stats.h); it is added up when the thread gets
 * the CPU, so that the difference is found at the latest when it leaves it. All of it is given
 * to who had that CPU for longest at a stretch since a watched thread got it last: with one
 * offender that is exact, with several they share. A switch between two strangers costs two
 * looks at a bit map, a clock and a comparison.
 *
 * And how often guests rang: handle_tx_kick and handle_rx_kick are handle_tx and handle_rx
 * called because of the guest, not of a socket; or of an earlier call that had enough and put
 * this work into the queue of its own thread (vhost.c, vhost_exceeds_weight()), which guests
 * never do: they ring from their vCPUs.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/holder_abi.h"

char LICENSE[] SEC("license") = "GPL";

/* Of the kernel's types only what is read; offsets come from its BTF. */
struct sched_info {
	unsigned long long run_delay;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid, tgid;
	char comm[VNX_COMM_LEN];
	struct sched_info sched_info;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VNX_WATCH_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct vnx_waiter);
} waiters SEC(".maps");

/*
 * The longest stretch on this CPU since a watched thread got it, and that thread's own, which is
 * what others may have waited for but not itself.
 */
struct stretch {
	__u64 since_ns; /* who runs now got the CPU then */
	__u64 longest_ns, first_ns;
	struct vnx_waiter by, first; /* whose they were; delay_ns unused */
	__u32 first_tid;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stretch);
} stretches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct vnx_held_key);
	__type(value, struct vnx_held);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct vnx_kicks);
} kicks SEC(".maps");

/* Works that their own worker put into its queue; those of sockets stay here. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* address of the work */
	__type(value, __u8);
} again SEC(".maps");

static __always_inline bool is_watched(__u32 tid)
{
	__u32 word = tid / 64;
	__u64 *bits = bpf_map_lookup_elem(&watched, &word);

	return bits && *bits >> (tid & 63) & 1;
}

/* The wait that ends here is added to run_delay only after this tracepoint. */
static __noinline int arrive(__u32 tid, struct vnx_waiter *now)
{
	struct vnx_waiter *w = bpf_map_lookup_elem(&waiters, &tid);

	if (!w)
		return (int)bpf_map_update_elem(&waiters, &tid, now, BPF_NOEXIST);
	w->before = now->before;
	__builtin_memcpy(w->comm, now->comm, sizeof(w->comm));
	return 0;
}

static __noinline int depart(__u32 tid, __u64 delay_ns)
{
	struct vnx_waiter *w = bpf_map_lookup_elem(&waiters, &tid);
	struct vnx_held_key key = { .victim = tid };
	struct vnx_held fresh = { 0 }, *h;
	__u64 ns;

	if (!w)
		return 0;
	ns = delay_ns - w->delay_ns;
	w->delay_ns = delay_ns;
	if (!ns)
		return 0;
	key.holder = w->before;
	h = bpf_map_lookup_elem(&held, &key);
	if (h) {
		h->ns += ns;
		__builtin_memcpy(h->comm, w->comm, sizeof(h->comm));
		return 0;
	}
	fresh.ns = ns;
	__builtin_memcpy(fresh.comm, w->comm, sizeof(fresh.comm));
	return (int)bpf_map_update_elem(&held, &key, &fresh, BPF_NOEXIST);
}

static __always_inline void end_of(struct vnx_waiter *w, struct task_struct *prev)
{
	w->before = prev->tgid;
	bpf_probe_read_kernel(w->comm, sizeof(w->comm), prev->comm);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 from = prev->pid, to = next->pid, zero = 0;
	struct stretch *s = bpf_map_lookup_elem(&stretches, &zero);
	__u64 now_ns = bpf_ktime_get_ns(), ns;

	if (!s)
		return 0;
	/* The first switch on this CPU tells an end without a begin. */
	ns = s->since_ns ? now_ns - s->since_ns : 0;
	if (from == s->first_tid && !s->first_ns) {
		s->first_ns = ns;
		end_of(&s->first, prev);
	} else if (ns > s->longest_ns) {
		s->longest_ns = ns;
		end_of(&s->by, prev);
	}
	s->since_ns = now_ns;
	if (is_watched(to)) {
		struct vnx_waiter *by =
			s->first_tid != to && s->first_ns > s->longest_ns ? &s->first : &s->by;

		by->delay_ns = next->sched_info.run_delay;
		arrive(to, by);
		s->longest_ns = s->first_ns = 0;
		s->first_tid = to;
	}
	if (is_watched(from))
		depart(from, prev->sched_info.run_delay);
	return 0;
}

static __always_inline int count_kick(__u64 work, int rx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct vnx_kicks *k = bpf_map_lookup_elem(&kicks, &tid), fresh = { 0 };
	bool own = k && !bpf_map_delete_elem(&again, &work);

	if (!k) {
		fresh.tx = !rx;
		fresh.rx = rx;
		return (int)bpf_map_update_elem(&kicks, &tid, &fresh, BPF_NOEXIST);
	}
	if (own && rx)
		k->rx_again++;
	else if (own)
		k->tx_again++;
	else if (rx)
		k->rx++;
	else
		k->tx++;
	return 0;
}

/* The first argument is the work. */
SEC("fentry/none") int on_tx_kick(__u64 *ctx)
{
	count_kick(ctx[0], 0);
	return 0;
}

SEC("fentry/none") int on_rx_kick(__u64 *ctx)
{
	count_kick(ctx[0], 1);
	return 0;
}

/* vhost_worker_queue(worker, work), vhost_work_queue(dev, work): in a worker or anywhere else. */
SEC("fentry/none") int on_queue(__u64 *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 work = ctx[1];
	__u8 yes = 1;

	if (bpf_map_lookup_elem(&kicks, &tid))
		bpf_map_update_elem(&again, &work, &yes, BPF_ANY);
	return 0;
}
