// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/holder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/holder.skel.h"

#define BATCH 512
/* Pairs of victim and holder in a bin; each bin all places are looked at, filled or not. */
#define HELD_PER_CPU 256
#define HELD_LEAST 1024
#define VHOST_BTF "/sys/kernel/btf/vhost_net"

struct vnx_holder {
	struct holder *skel;     /* with the maps and sched_switch */
	struct holder *kicks;    /* NULL: not attached */
	bool requeues;           /* told from kicks */
	bool kicks_tried;        /* in vain, with vhost_net loaded */
	struct vnx_watch *watch; /* mapped, VNX_WATCH_PLACES */
	uint32_t *tids;          /* watched ones, sorted */
	size_t n, cap;
};

/* A fresh object with only the wanted programs; NULL and errno. */
static struct holder *open_with(bool sched)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t held_max = HELD_LEAST + HELD_PER_CPU * (uint32_t)(cpus > 0 ? cpus : 1);
	struct holder *skel = holder__open();

	if (!skel)
		return NULL;
	if (held_max < VNX_HELD_MAX)
		bpf_map__set_max_entries(skel->maps.held, held_max);
	bpf_program__set_autoload(skel->progs.on_switch, sched);
	bpf_program__set_autoload(skel->progs.on_tx_kick, !sched);
	bpf_program__set_autoload(skel->progs.on_rx_kick, !sched);
	bpf_program__set_autoload(skel->progs.on_queue, false);
	return skel;
}

static int refused(int ret, const char *doing, struct vnx_err *err)
{
	bool rights = ret == -EPERM || ret == -EACCES;

	return vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, rights ? "no-privilege" : "no-bpf",
			   "who holds the CPU cannot be seen: %s a BPF program on sched_switch "
			   "failed: %s",
			   doing, strerror(-ret));
}

int vnx_holder_open(struct vnx_holder **out, struct vnx_err *err)
{
	struct vnx_holder *h = calloc(1, sizeof(*h));
	int ret;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	h->skel = open_with(true);
	if (!h->skel) {
		ret = refused(-errno, "opening", err);
		goto fail;
	}
	ret = holder__load(h->skel);
	if (ret) {
		refused(ret, "loading", err);
		goto fail;
	}
	h->watch = mmap(NULL, VNX_WATCH_PLACES * sizeof(*h->watch), PROT_READ | PROT_WRITE,
			MAP_SHARED, bpf_map__fd(h->skel->maps.watch), 0);
	if (h->watch == MAP_FAILED) {
		h->watch = NULL;
		ret = refused(-errno, "mapping", err);
		goto fail;
	}
	h->skel->links.on_switch = bpf_program__attach(h->skel->progs.on_switch);
	if (!h->skel->links.on_switch) {
		ret = refused(-errno, "attaching", err);
		goto fail;
	}
	*out = h;
	return 0;
fail:
	vnx_holder_close(h);
	return ret;
}

/* With @queue, the function that puts work into a worker's queue, or NULL. */
static struct holder *attach_with(const struct vnx_holder *h, const char *queue)
{
	struct holder *skel = open_with(false);

	if (!skel)
		return NULL;
	if (queue && (bpf_program__set_autoload(skel->progs.on_queue, true) ||
		      bpf_program__set_attach_target(skel->progs.on_queue, 0, queue)))
		goto fail;
	if (bpf_map__reuse_fd(skel->maps.watch, bpf_map__fd(h->skel->maps.watch)) ||
	    bpf_program__set_attach_target(skel->progs.on_tx_kick, 0, "handle_tx_kick") ||
	    bpf_program__set_attach_target(skel->progs.on_rx_kick, 0, "handle_rx_kick") ||
	    holder__load(skel))
		goto fail;
	/* first what tells the others apart */
	skel->links.on_queue = queue ? bpf_program__attach(skel->progs.on_queue) : NULL;
	if (queue && !skel->links.on_queue)
		goto fail;
	skel->links.on_tx_kick = bpf_program__attach(skel->progs.on_tx_kick);
	skel->links.on_rx_kick = bpf_program__attach(skel->progs.on_rx_kick);
	if (skel->links.on_tx_kick && skel->links.on_rx_kick)
		return skel;
fail:
	holder__destroy(skel);
	return NULL;
}

/* vhost_net may come with the first VM. */
static void attach_kicks(struct vnx_holder *h)
{
	/* of newer kernels, and of older ones; without, requeues count as kicks */
	static const char *const queues[] = { "vhost_worker_queue", "vhost_work_queue", NULL };

	if (h->kicks || h->kicks_tried || access(VHOST_BTF, F_OK))
		return;
	h->kicks_tried = true;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(queues) && !h->kicks; i++) {
		h->kicks = attach_with(h, queues[i]);
		h->requeues = h->kicks && queues[i];
	}
}

static struct vnx_watch *place(const struct vnx_holder *h, uint32_t tid, uint32_t on)
{
	return &h->watch[(tid + on) & (VNX_WATCH_PLACES - 1)];
}

static struct vnx_watch *find(const struct vnx_holder *h, uint32_t tid)
{
	for (uint32_t k = 0; k < VNX_WATCH_PROBES; k++)
		if (place(h, tid, k)->tid == tid)
			return place(h, tid, k);
	return NULL;
}

/* The programs look on: the place is made first, the thread's number put there last. */
static void watch_one(struct vnx_holder *h, uint32_t tid)
{
	struct vnx_watch *home = place(h, tid, 0), *w = home;
	uint32_t k = 0;

	while (w->tid && ++k < VNX_WATCH_PROBES)
		w = place(h, tid, k);
	if (k == VNX_WATCH_PROBES)
		return; /* thousands of threads: this one's waits are not told */
	w->known = w->worker = 0;
	w->waited_ns = 0;
	w->kicks = (struct vnx_kicks){ 0 };
	if (k > home->reach)
		home->reach = k;
	__atomic_store_n(&w->tid, tid, __ATOMIC_RELEASE);
}

/* A thread of that number that comes later begins a new account. */
static void forget_one(struct vnx_holder *h, uint32_t tid)
{
	struct vnx_watch *w = find(h, tid);

	if (w)
		__atomic_store_n(&w->tid, 0, __ATOMIC_RELEASE);
}

int vnx_holder_watch(struct vnx_holder *h, const uint32_t *tids, size_t n)
{
	size_t i = 0, j = 0;

	attach_kicks(h);
	while (i < h->n || j < n) {
		if (j == n || (i < h->n && h->tids[i] < tids[j]))
			forget_one(h, h->tids[i++]);
		else if (i == h->n || tids[j] < h->tids[i])
			watch_one(h, tids[j++]);
		else
			i++, j++;
	}
	if (vnx_vec_grow((void **)&h->tids, &h->cap, n ? n : 1, sizeof(*h->tids)))
		return -ENOMEM;
	if (n)
		memcpy(h->tids, tids, n * sizeof(*tids));
	h->n = n;
	return 0;
}

int vnx_holder_read(struct vnx_holder *h, uint64_t from_ns, uint64_t to_ns, struct vnx_holds *out)
{
	int fd = bpf_map__fd(h->skel->maps.held), ret;
	struct vnx_held_key keys[BATCH];
	struct vnx_held values[BATCH];
	uint64_t place = 0;
	bool first = true;
	uint32_t n;

	do {
		n = BATCH;
		ret = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &place, &place, keys,
						      values, &n, NULL);
		first = false;
		if (ret && ret != -ENOENT)
			return ret == -ENOSPC ? 0 : ret;
		for (uint32_t i = 0; i < n; i++) {
			struct vnx_hold hold = { .t_ns = from_ns,
						 .dur_ns = to_ns - from_ns,
						 .ns = values[i].ns,
						 .victim = keys[i].victim,
						 .holder = keys[i].holder };

			snprintf(hold.comm, sizeof(hold.comm), "%.*s", VNX_COMM_LEN - 1,
				 values[i].comm[0] ? values[i].comm : "(gone)");
			if (vnx_vec_push(out, hold))
				return -ENOMEM;
		}
	} while (!ret);
	return 0;
}

bool vnx_holder_kicks(struct vnx_holder *h, uint32_t tid, struct vnx_kicks *out)
{
	const struct vnx_watch *w = find(h, tid);

	*out = w ? w->kicks : (struct vnx_kicks){ 0 };
	return w && h->kicks;
}

bool vnx_holder_knows_requeues(const struct vnx_holder *h)
{
	return h->requeues;
}

void vnx_holder_close(struct vnx_holder *h)
{
	if (!h)
		return;
	if (h->watch)
		munmap(h->watch, VNX_WATCH_PLACES * sizeof(*h->watch));
	holder__destroy(h->kicks);
	holder__destroy(h->skel);
	free(h->tids);
	free(h);
}
