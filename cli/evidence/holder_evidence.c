// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who had the CPU while the VMs' threads waited for it, and the guests' kicks: what bpf/holder.h
 * counts, by bin.
 */
#include "bpf/holder.h"

#include "cli/evidence/threads.h"

/* Waits shorter than this within a bin, for one holder, are no contention: not written down. */
#define LEAST_NS (VNX_NSEC_PER_MSEC / 2)

struct kicks {
	uint64_t at_ns; /* 0: not read yet */
	struct vnx_kicks n;
};

struct source {
	struct vnx_holder *holder;
	struct vnx_thread_records kicks;
	struct vnx_u32s tids; /* sorted */
	unsigned changes;     /* of the list that they are from */
	uint64_t at_ns;
};

static int holder_open(void **src, struct vnx_err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	int ret = s ? vnx_holder_open(&s->holder, err) : -ENOMEM;

	if (ret) {
		free(s);
		return ret;
	}
	s->kicks.size = sizeof(struct kicks);
	*src = s;
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int watch_threads(struct source *s, const struct vnx_threads *list)
{
	if (s->changes != list->changes) {
		s->tids.n = 0;
		for (size_t i = 0; i < list->n; i++)
			if (vnx_vec_push(&s->tids, list->v[i].tid))
				return -ENOMEM;
		if (s->tids.n)
			qsort(s->tids.v, s->tids.n, sizeof(*s->tids.v), compare_u32);
		s->changes = list->changes;
	}
	/* also where nothing changed: what it attaches to may be there only now */
	return vnx_holder_watch(s->holder, s->tids.v, s->tids.n);
}

static int read_kicks(struct source *s, const struct vnx_thread *t, uint64_t now_ns,
		      const struct vnx_readings *out)
{
	struct kicks *kicks = vnx_thread_record(&s->kicks, t->place);
	struct vnx_kicks was = kicks->n, is;
	uint64_t from_ns = kicks->at_ns;

	if (!t->worker || !vnx_holder_kicks(s->holder, t->tid, &is))
		return 0;
	*kicks = (struct kicks){ now_ns, is };
	if (!from_ns || is.tx < was.tx || is.rx < was.rx)
		return 0;
	if (vnx_evidence_emit(out, VNX_TX_KICK, t->tid, from_ns, now_ns, is.tx - was.tx) ||
	    vnx_evidence_emit(out, VNX_RX_KICK, t->tid, from_ns, now_ns, is.rx - was.rx))
		return -ENOMEM;
	if (is.tx_again < was.tx_again || is.rx_again < was.rx_again)
		return 0;
	if (vnx_evidence_emit(out, VNX_TX_REQUEUE, t->tid, from_ns, now_ns,
			      is.tx_again - was.tx_again))
		return -ENOMEM;
	return vnx_evidence_emit(out, VNX_RX_REQUEUE, t->tid, from_ns, now_ns,
				 is.rx_again - was.rx_again);
}

static void drop_small(struct vnx_holds *holds, size_t from)
{
	size_t kept = from;

	for (size_t i = from; i < holds->n; i++)
		if (holds->v[i].ns >= LEAST_NS)
			holds->v[kept++] = holds->v[i];
	holds->n = kept;
}

static int holder_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		       struct vnx_err *err)
{
	struct source *s = src;
	size_t from = out->holds->n;
	/* first: threads that went waited, too */
	int ret = vnx_holder_read(s->holder, s->at_ns, scene->now_ns, out->holds);

	if (!ret)
		ret = vnx_thread_records_sync(&s->kicks, scene->threads);
	if (!ret)
		ret = watch_threads(s, scene->threads);
	for (size_t i = 0; i < scene->threads->n && !ret; i++)
		ret = read_kicks(s, &scene->threads->v[i], scene->now_ns, out);
	if (ret && ret != -ENOMEM)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-bpf",
				   "who holds the CPU could not be read any more: %s",
				   strerror(-ret));
	drop_small(out->holds, from);
	s->at_ns = scene->now_ns;
	return ret;
}

#define KICKS                                                                    \
	(VNX_BIT(VNX_TX_KICK) | VNX_BIT(VNX_RX_KICK) | VNX_BIT(VNX_TX_REQUEUE) | \
	 VNX_BIT(VNX_RX_REQUEUE))

static uint64_t holder_lacks(const void *src)
{
	const struct source *s = src;

	return vnx_holder_no_kicks(s->holder) ? KICKS : 0;
}

static const char *holder_lacks_why(const void *src)
{
	const struct source *s = src;

	return vnx_holder_no_kicks(s->holder);
}

static void holder_close(void *src)
{
	struct source *s = src;

	vnx_holder_close(s->holder);
	free(s->kicks.v);
	free(s->tids.v);
	free(s);
}

const struct vnx_source_ops vnx_source_holder = {
	.name = "holder",
	.summary = "who had the CPU while vhost workers and vCPUs waited for it; guests' kicks,"
		   " workers' requeues",
	.metrics = KICKS,
	.open = holder_open,
	.read = holder_read,
	.close = holder_close,
	.lacks = holder_lacks,
	.lacks_why = holder_lacks_why,
};
