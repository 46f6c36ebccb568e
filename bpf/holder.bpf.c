// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who had the CPU while a watched thread waited for it. The kernel keeps the length of each
 * wait itself (sched_info, kernel/sched/stats.h); it is added up when the thread gets the CPU
 * and given to who had that CPU for longest at a stretch since a watched thread got it last:
 * with one offender that is exact, with several they share. A switch between two strangers
 * costs a look at a table, a load of the run queue's clock and a comparison.
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

#define AGAIN_BITS 14

char LICENSE[] SEC("license") = "GPL";

/* Of the kernel's types only what is read; offsets come from its BTF. */
struct sched_info {
	unsigned long long run_delay, last_queued;
} __attribute__((preserve_access_index));

struct rq {
	__u64 clock;
} __attribute__((preserve_access_index));

struct cfs_rq {
	struct rq *rq;
} __attribute__((preserve_access_index));

struct sched_entity {
	struct cfs_rq *cfs_rq; /* with group scheduling: there is no KVM host without */
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	char comm[VNX_COMM_LEN];
	struct sched_info sched_info;
	struct sched_entity se;
} __attribute__((preserve_access_index));

/* Filled by user space; an array, since hashing would cost more than all the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VNX_WATCH_PLACES);
	__type(key, __u32);
	__type(value, struct vnx_watch);
} watch SEC(".maps");

/* A stretch of having the CPU, and whose it was. */
struct turn {
	__u64 ns;
	__u64 task; /* address: the task may be gone, its name is read with care */
	__u32 tid, pid;
};

/*
 * The longest turn on this CPU since a watched thread got it, and that thread's own, which is
 * what others may have waited for but not itself.
 */
struct stretch {
	__u64 since_ns; /* who runs now got the CPU then */
	struct turn longest, first;
	__u32 first_tid;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stretch);
} stretches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VNX_HELD_ROWS_MAX); /* fewer are set before loading */
	__type(key, __u32);
	__type(value, struct vnx_held_row);
} held SEC(".maps");

/* Counted on by the reader; never 0, which is what unused places have. */
volatile __u32 round_now = 1;

/*
 * Works that their own worker put into its queue, by a hash of their address; those of sockets
 * stay here. Where two share a place the later one is known: a requeue may be taken for a kick.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << AGAIN_BITS);
	__type(key, __u32);
	__type(value, __u64);
} again SEC(".maps");

static __always_inline struct vnx_watch *find(__u32 tid)
{
	__u32 i = tid & (VNX_WATCH_PLACES - 1);
	struct vnx_watch *home = bpf_map_lookup_elem(&watch, &i), *w;

	if (!tid || !home || home->tid == tid)
		return tid ? home : NULL;
	for (__u32 k = 1; k < VNX_WATCH_PROBES && k <= home->reach; k++) {
		i = (tid + k) & (VNX_WATCH_PLACES - 1);
		w = bpf_map_lookup_elem(&watch, &i);
		if (w && w->tid == tid)
			return w;
	}
	return NULL;
}

/* More than VNX_HELD_PLACES processes in one round: the rest is not told. */
static __noinline int hold(__u32 row, const struct turn *by, __u64 ns)
{
	struct vnx_held_row *r = bpf_map_lookup_elem(&held, &row);
	struct task_struct *task = (struct task_struct *)by->task;
	__u32 now = round_now;
	int tid = 0;

	if (!r || !by->task)
		return 0;
	for (int k = 0; k < VNX_HELD_PLACES; k++) {
		struct vnx_held *h = &r->side[now & 1][k];

		if (h->round == now && h->pid != by->pid)
			continue;
		if (h->round == now) {
			h->ns += ns;
			return 0;
		}
		bpf_probe_read_kernel(h->comm, sizeof(h->comm), &task->comm);
		bpf_probe_read_kernel(&tid, sizeof(tid), &task->pid);
		if (tid != by->tid)
			__builtin_memset(h->comm, 0, sizeof(h->comm));
		h->pid = by->pid;
		h->ns = ns;
		h->round = now;
		return 0;
	}
	return 0;
}

static __always_inline void end_turn(struct turn *t, struct task_struct *task, __u64 id, __u64 ns)
{
	t->ns = ns;
	t->task = (__u64)task;
	t->tid = (__u32)id;
	t->pid = id >> 32;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	/* Whose turn ends is current still: asking is cheaper than following a pointer. */
	__u64 from = bpf_get_current_pid_tgid();
	__u32 to = next->pid, zero = 0;
	struct stretch *s = bpf_map_lookup_elem(&stretches, &zero);
	/* __schedule() has just brought the run queue's clock up to date; sched_info goes by it. */
	__u64 now_ns = prev->se.cfs_rq->rq->clock, ns, waited_ns, queued_ns;
	struct vnx_watch *w;

	if (!s || !now_ns)
		return 0;
	/* The first switch on this CPU tells an end without a begin. */
	ns = s->since_ns ? now_ns - s->since_ns : 0;
	if ((__u32)from == s->first_tid && !s->first.ns)
		end_turn(&s->first, prev, from, ns);
	else if (ns > s->longest.ns)
		end_turn(&s->longest, prev, from, ns);
	s->since_ns = now_ns;
	w = find(to);
	if (!w)
		return 0;
	/* The wait that ends here is added to run_delay only after this tracepoint. */
	waited_ns = next->sched_info.run_delay;
	queued_ns = next->sched_info.last_queued;
	if (queued_ns)
		waited_ns += now_ns - queued_ns;
	ns = waited_ns - w->waited_ns;
	w->waited_ns = waited_ns;
	if (!w->known)
		w->known = 1;
	else if (ns)
		hold(w->row,
		     s->first_tid != to && s->first.ns > s->longest.ns ? &s->first : &s->longest,
		     ns);
	s->longest.ns = s->first.ns = 0;
	s->first_tid = to;
	return 0;
}

static __always_inline __u64 *again_place(__u64 work)
{
	__u32 i = work * 0x9e3779b97f4a7c15ull >> (64 - AGAIN_BITS);

	return bpf_map_lookup_elem(&again, &i);
}

static __always_inline int count_kick(__u64 work, int rx)
{
	struct vnx_watch *w = find((__u32)bpf_get_current_pid_tgid());
	__u64 *place = again_place(work);
	bool own = place && *place == work;

	if (!w)
		return 0;
	w->worker = 1;
	if (own)
		*place = 0;
	if (own && rx)
		w->kicks.rx_again++;
	else if (own)
		w->kicks.tx_again++;
	else if (rx)
		w->kicks.rx++;
	else
		w->kicks.tx++;
	return 0;
}

/* The work is an argument; asked for in this way it comes as a number, not as a pointer. */
static __always_inline __u64 work_of(void *ctx, __u32 argument)
{
	__u64 work = 0;

	bpf_get_func_arg(ctx, argument, &work);
	return work;
}

SEC("fentry/none") int on_tx_kick(void *ctx)
{
	return count_kick(work_of(ctx, 0), 0);
}

SEC("fentry/none") int on_rx_kick(void *ctx)
{
	return count_kick(work_of(ctx, 0), 1);
}

/* vhost_worker_queue(worker, work), vhost_vq_work_queue(vq, work), vhost_work_queue(dev, work): in
 * a worker or anywhere else. */
SEC("fentry/none") int on_queue(void *ctx)
{
	struct vnx_watch *w = find((__u32)bpf_get_current_pid_tgid());
	__u64 work = work_of(ctx, 1), *place = again_place(work);

	if (place && w && w->worker)
		*place = work;
	return 0;
}
