// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/holder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/holder.skel.h"

#define BATCH 512
#define VHOST_BTF "/sys/kernel/btf/vhost_net"

struct vnx_holder {
	struct holder *skel;  /* with the maps and sched_switch */
	struct holder *kicks; /* NULL: not attached */
	bool requeues;        /* told from kicks */
	bool kicks_tried;     /* in vain, with vhost_net loaded */
	uint64_t *watched;    /* mapped, VNX_WATCH_WORDS */
	uint32_t *tids;       /* watched ones, sorted */
	size_t n, cap;
};

/* A fresh object with only the wanted programs; NULL and errno. */
static struct holder *open_with(bool sched)
{
	struct holder *skel = holder__open();

	if (!skel)
		return NULL;
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
	h->watched = mmap(NULL, VNX_WATCH_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			  MAP_SHARED, bpf_map__fd(h->skel->maps.watched), 0);
	if (h->watched == MAP_FAILED) {
		h->watched = NULL;
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
static struct holder *attach_with(const char *queue)
{
	struct holder *skel = open_with(false);

	if (!skel)
		return NULL;
	if (queue && (bpf_program__set_autoload(skel->progs.on_queue, true) ||
		      bpf_program__set_attach_target(skel->progs.on_queue, 0, queue)))
		goto fail;
	if (bpf_program__set_attach_target(skel->progs.on_tx_kick, 0, "handle_tx_kick") ||
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
		h->kicks = attach_with(queues[i]);
		h->requeues = h->kicks && queues[i];
	}
}

static void set_bit(struct vnx_holder *h, uint32_t tid, bool on)
{
	uint64_t *word, bit = 1ULL << (tid & 63);

	if (tid >= VNX_PID_LIMIT)
		return;
	word = &h->watched[tid / 64];
	*(volatile uint64_t *)word = on ? *word | bit : *word & ~bit;
	if (on)
		return;
	/* A thread of that number that comes later begins a new account. */
	bpf_map_delete_elem(bpf_map__fd(h->skel->maps.waiters), &tid);
	if (h->kicks)
		bpf_map_delete_elem(bpf_map__fd(h->kicks->maps.kicks), &tid);
}

int vnx_holder_watch(struct vnx_holder *h, const uint32_t *tids, size_t n)
{
	size_t i = 0, j = 0;

	attach_kicks(h);
	while (i < h->n || j < n) {
		if (j == n || (i < h->n && h->tids[i] < tids[j]))
			set_bit(h, h->tids[i++], false);
		else if (i == h->n || tids[j] < h->tids[i])
			set_bit(h, tids[j++], true);
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

			memcpy(hold.comm, values[i].comm, sizeof(hold.comm));
			hold.comm[sizeof(hold.comm) - 1] = '\0';
			if (vnx_vec_push(out, hold))
				return -ENOMEM;
		}
	} while (!ret);
	return 0;
}

bool vnx_holder_kicks(struct vnx_holder *h, uint32_t tid, struct vnx_kicks *out)
{
	*out = (struct vnx_kicks){ 0 };
	if (!h->kicks)
		return false;
	/* No entry: it was never rung for. */
	bpf_map_lookup_elem(bpf_map__fd(h->kicks->maps.kicks), &tid, out);
	return true;
}

bool vnx_holder_knows_requeues(const struct vnx_holder *h)
{
	return h->requeues;
}

void vnx_holder_close(struct vnx_holder *h)
{
	if (!h)
		return;
	if (h->watched)
		munmap(h->watched, VNX_WATCH_WORDS * sizeof(uint64_t));
	holder__destroy(h->kicks);
	holder__destroy(h->skel);
	free(h->tids);
	free(h);
}
