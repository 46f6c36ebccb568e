// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who had the CPU while the VMs' threads waited for it, and the guests' kicks: what bpf/holder.h
 * counts, by bin.
 */
#include "bpf/holder.h"

#include "cli/evidence/threads.h"

/* Waits shorter than this within a bin, for one holder, are no contention: not written down. */
#define LEAST_NS (VNX_NSEC_PER_MSEC / 2)

struct source {
	struct vnx_holder *holder;
	struct vnx_threads threads;
	struct vnx_u32s tids;
	uint64_t at_ns;
};

static int holder_open(void **src, struct vnx_err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	int ret = s ? vnx_holder_open(&s->holder, err) : -ENOMEM;

	if (ret)
		free(s);
	else
		*src = s;
	return ret;
}

static int watch_threads(struct source *s)
{
	s->tids.n = 0;
	for (size_t i = 0; i < s->threads.n; i++)
		if (vnx_vec_push(&s->tids, s->threads.v[i].tid))
			return -ENOMEM;
	return vnx_holder_watch(s->holder, s->tids.v, s->tids.n);
}

static int read_kicks(struct source *s, struct vnx_thread *t, uint64_t now_ns,
		      const struct vnx_readings *out)
{
	struct vnx_kicks was = { t->a, t->b, t->c, t->d }, is;
	uint64_t from_ns = t->at_ns;

	if (!t->worker || !vnx_holder_kicks(s->holder, t->tid, &is))
		return 0;
	t->a = is.tx;
	t->b = is.rx;
	t->c = is.tx_again;
	t->d = is.rx_again;
	t->at_ns = now_ns;
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
		ret = vnx_threads_sync(&s->threads, scene->vms);
	if (!ret)
		ret = watch_threads(s);
	for (size_t i = 0; i < s->threads.n && !ret; i++)
		ret = read_kicks(s, &s->threads.v[i], scene->now_ns, out);
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
	vnx_threads_fini(&s->threads);
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
