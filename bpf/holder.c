// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/holder.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/holder.skel.h"
#include "bpf/kernel.h"

/* Threads whose holders are told: more than a host's CPUs can be shared by and still serve. */
#define ROWS_PER_CPU 16
#define ROWS_LEAST 512
#define VHOST_BTF "/sys/kernel/btf/vhost_net"
#define VHOST_MODULE "/sys/module/vhost_net"

struct vnx_holder {
	struct holder *skel;       /* with the maps and sched_switch */
	struct holder *kicks;      /* NULL: not attached */
	const char *no_kicks;      /* why they cannot be counted, with vhost_net there; or NULL */
	struct vnx_watch *watch;   /* mapped, VNX_WATCH_PLACES */
	struct vnx_held_row *rows; /* mapped, n_rows */
	uint32_t n_rows;
	uint32_t *free_rows; /* n_free of them, room for n_rows */
	uint32_t n_free;
	uint32_t *tids; /* watched ones, sorted */
	size_t n, cap;
};

/* A fresh object with only the wanted programs; NULL and errno. */
static struct holder *open_with(bool sched)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t rows = ROWS_LEAST + ROWS_PER_CPU * (uint32_t)(cpus > 0 ? cpus : 1);
	struct holder *skel = holder__open();

	if (!skel)
		return NULL;
	if (rows < VNX_HELD_ROWS_MAX)
		bpf_map__set_max_entries(skel->maps.held, rows);
	bpf_map__set_autocreate(skel->maps.held, sched);
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

static void *map_table(const struct bpf_map *map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static int map_tables(struct vnx_holder *h)
{
	h->n_rows = bpf_map__max_entries(h->skel->maps.held);
	h->free_rows = calloc(h->n_rows, sizeof(*h->free_rows));
	if (!h->free_rows)
		return -ENOMEM;
	while (h->n_free < h->n_rows) {
		h->free_rows[h->n_free] = h->n_rows - 1 - h->n_free;
		h->n_free++;
	}
	h->watch = map_table(h->skel->maps.watch, VNX_WATCH_PLACES * sizeof(*h->watch));
	if (!h->watch)
		return -errno;
	h->rows = map_table(h->skel->maps.held, h->n_rows * sizeof(*h->rows));
	return h->rows ? 0 : -errno;
}

/* With @queue, the function that puts work into a worker's queue. */
static struct holder *attach_with(const struct vnx_holder *h, const char *queue)
{
	struct holder *skel = open_with(false);

	if (!skel)
		return NULL;
	if (bpf_program__set_autoload(skel->progs.on_queue, true) ||
	    bpf_program__set_attach_target(skel->progs.on_queue, 0, queue) ||
	    bpf_map__reuse_fd(skel->maps.watch, bpf_map__fd(h->skel->maps.watch)) ||
	    bpf_program__set_attach_target(skel->progs.on_tx_kick, 0, "handle_tx_kick") ||
	    bpf_program__set_attach_target(skel->progs.on_rx_kick, 0, "handle_rx_kick") ||
	    holder__load(skel))
		goto fail;
	/* first what tells the others apart */
	skel->links.on_queue = bpf_program__attach(skel->progs.on_queue);
	skel->links.on_tx_kick = bpf_program__attach(skel->progs.on_tx_kick);
	skel->links.on_rx_kick = bpf_program__attach(skel->progs.on_rx_kick);
	if (skel->links.on_queue && skel->links.on_tx_kick && skel->links.on_rx_kick)
		return skel;
fail:
	holder__destroy(skel);
	return NULL;
}

/*
 * vhost_net may come with the first VM, or be built in: then its types are the kernel's. Without
 * the function that queues work, requeues would count as kicks: better none.
 */
static void attach_kicks(struct vnx_holder *h)
{
	/* of newer kernels, and of older ones */
	static const char *const queues[] = { "vhost_worker_queue", "vhost_vq_work_queue",
					      "vhost_work_queue" };
	VNX_CLEANUP_FREE char *state = NULL;

	if (h->kicks || h->no_kicks || access(VHOST_MODULE, F_OK))
		return;
	state = vnx_kernel_read_file(VHOST_MODULE "/initstate"); /* NULL: built in */
	if (state && strcmp(state, "live\n"))
		return; /* it is being loaded: nothing can be attached yet */
	if (state && access(VHOST_BTF, F_OK)) {
		h->no_kicks = "module vhost_net has no type information (BTF)";
		return;
	}
	for (size_t i = 0; i < VNX_ARRAY_SIZE(queues) && !h->kicks; i++)
		h->kicks = attach_with(h, queues[i]);
	if (!h->kicks)
		h->no_kicks = "handle_tx_kick, or what queues a worker's work, cannot be hooked";
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
	ret = map_tables(h);
	if (ret) {
		refused(ret, "mapping", err);
		goto fail;
	}
	h->skel->links.on_switch = bpf_program__attach(h->skel->progs.on_switch);
	if (!h->skel->links.on_switch) {
		ret = refused(-errno, "attaching", err);
		goto fail;
	}
	attach_kicks(h);
	*out = h;
	return 0;
fail:
	vnx_holder_close(h);
	return ret;
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
	w->row = h->n_free ? h->free_rows[--h->n_free] : h->n_rows;
	if (w->row < h->n_rows)
		memset(&h->rows[w->row], 0, sizeof(h->rows[w->row]));
	if (k > home->reach)
		home->reach = k;
	__atomic_store_n(&w->tid, tid, __ATOMIC_RELEASE);
}

/* A thread of that number that comes later begins a new account. */
static void forget_one(struct vnx_holder *h, uint32_t tid)
{
	struct vnx_watch *w = find(h, tid);

	if (!w)
		return;
	__atomic_store_n(&w->tid, 0, __ATOMIC_RELEASE);
	if (w->row < h->n_rows)
		h->free_rows[h->n_free++] = w->row;
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

/* A wait that ends on another CPU in these very microseconds may be lost. */
int vnx_holder_read(struct vnx_holder *h, uint64_t from_ns, uint64_t to_ns, struct vnx_holds *out)
{
	uint32_t over = h->skel->data->round_now;

	__atomic_store_n(&h->skel->data->round_now, over + 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < h->n; i++) {
		const struct vnx_watch *w = find(h, h->tids[i]);
		const struct vnx_held *v =
			w && w->row < h->n_rows ? h->rows[w->row].side[over & 1] : NULL;

		for (int k = 0; v && k < VNX_HELD_PLACES && v[k].round == over; k++) {
			struct vnx_hold hold = { .t_ns = from_ns,
						 .dur_ns = to_ns - from_ns,
						 .ns = v[k].ns,
						 .victim = h->tids[i],
						 .holder = v[k].pid };

			snprintf(hold.comm, sizeof(hold.comm), "%.*s", VNX_COMM_LEN - 1,
				 v[k].comm[0] ? v[k].comm : "(gone)");
			if (vnx_vec_push(out, hold))
				return -ENOMEM;
		}
	}
	return 0;
}

bool vnx_holder_kicks(struct vnx_holder *h, uint32_t tid, struct vnx_kicks *out)
{
	const struct vnx_watch *w = find(h, tid);

	*out = w ? w->kicks : (struct vnx_kicks){ 0 };
	return w && h->kicks;
}

const char *vnx_holder_no_kicks(const struct vnx_holder *h)
{
	return h->no_kicks;
}

void vnx_holder_close(struct vnx_holder *h)
{
	if (!h)
		return;
	if (h->watch)
		munmap(h->watch, VNX_WATCH_PLACES * sizeof(*h->watch));
	if (h->rows)
		munmap(h->rows, h->n_rows * sizeof(*h->rows));
	free(h->free_rows);
	holder__destroy(h->kicks);
	holder__destroy(h->skel);
	free(h->tids);
	free(h);
}
