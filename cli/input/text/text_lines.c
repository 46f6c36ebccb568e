// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of whole lines: read in order, decoded on all CPUs, their results joined in order. */
#include <inttypes.h>
#include <pthread.h>

#include "cli/input/trace/clock_cost.h"
#include "cli/input/text/text_internal.h"

/* A line that fits into no block is left out; a worker holds one block. Fuzzing has small ones. */
#ifndef VNX_TEXT_BLOCK
#define VNX_TEXT_BLOCK (1 << 20)
#endif
#define SMALL_BLOCK ((size_t)64 << 10)

void vnx_text_lock(struct vnx_reader *text)
{
	pthread_mutex_lock(&text->lock);
}

void vnx_text_unlock(struct vnx_reader *text)
{
	pthread_mutex_unlock(&text->lock);
}

struct vnx_text_facts *vnx_text_facts(struct vnx_reader *text)
{
	return &text->facts;
}

/* ---- reading: under read_lock ---- */

static void left_out(struct vnx_reader *x, enum vnx_text_flaw flaw, uint64_t offset)
{
	vnx_text_lock(x);
	if (!x->flaws[flaw]++)
		x->flaw_at[flaw] = offset;
	vnx_text_unlock(x);
}

static bool only_blanks(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] && !strchr(" \t\r", p[i]))
			return false;
	return true;
}

static ssize_t read_bytes(struct vnx_reader *x, void *buf, size_t len)
{
	return x->bytes ? x->bytes->read(x->bytes->arg, buf, len) : vnx_input_read(x->in, buf, len);
}

/* What follows the last line end of @w's bytes: the next block begins with it. */
static int keep_rest(struct vnx_reader *x, const struct vnx_text_worker *w, size_t len, bool end)
{
	const char *rest = w->buf + w->len;
	size_t n = len - w->len;

	x->carried = 0;
	if (end) {
		/* A pipe's writer may have been stopped anywhere: nobody's fault. */
		if (!x->in->pipe && !(x->bytes && x->bytes->cut) && !only_blanks(rest, n))
			left_out(x, VNX_TEXT_CUT, w->offset + w->len);
		return 0;
	}
	if (n == x->block) {
		left_out(x, VNX_TEXT_LONG, w->offset);
		x->skipping = true;
		return 0;
	}
	memcpy(x->carry, rest, n);
	x->carried = n;
	return 0;
}

/* The rest of a line that was too long goes, with its end. */
static size_t skip_long(struct vnx_reader *x, char *buf, size_t len)
{
	char *nl = memchr(buf, '\n', len);
	size_t gone = nl ? (size_t)(nl - buf) + 1 : len;

	x->skipping = !nl;
	memmove(buf, buf + gone, len - gone);
	return gone;
}

/* 1: @w has the next block; 0: none is left; -errno. */
static int read_block(struct vnx_reader *x, struct vnx_text_worker *w)
{
	size_t len = x->carried;
	const char *nl;
	ssize_t got;

	if (x->ended)
		return 0;
	memcpy(w->buf, x->carry, len);
	got = read_bytes(x, w->buf + len, x->block - len);
	if (got < 0)
		return (int)got;
	x->ended = (size_t)got < x->block - len;
	w->offset = x->offset;
	len += (size_t)got;
	if (x->skipping) {
		size_t gone = skip_long(x, w->buf, len);

		w->offset += gone;
		len -= gone;
	}
	nl = memrchr(w->buf, '\n', len);
	w->len = nl ? (size_t)(nl - w->buf) + 1 : 0;
	if (!x->blocks && x->format->relative)
		x->relative = x->format->relative(w->buf, w->buf + w->len);
	w->relative = x->relative;
	w->block = ++x->blocks;
	if (!x->skipping)
		keep_rest(x, w, len, x->ended);
	x->offset = w->offset + len - x->carried;
	vnx_trace_progress(x->trace, (uint64_t)got);
	return 1;
}

/* ---- one block ---- */

static struct vnx_text_cpu *touch(struct vnx_text_worker *w, uint16_t cpu)
{
	struct vnx_text_cpu *c = &w->cpus[cpu];

	if (c->block != w->block) {
		*c = (struct vnx_text_cpu){ .block = w->block };
		w->touched[w->n_touched++] = cpu;
	}
	return c;
}

void vnx_text_event_slow(struct vnx_text_worker *w, uint16_t cpu, uint64_t t_ns)
{
	struct vnx_text_cpu *c = touch(w, cpu);

	if (c->open) {
		struct vnx_text_loss loss = { .from_ns = c->last_ns,
					      .to_ns = t_ns,
					      .count = c->lost,
					      .open = c->open,
					      .cpu = cpu,
					      .from_known = c->has };

		if (vnx_vec_push(&w->losses, loss))
			w->shard->error = -ENOMEM;
		c->open = 0;
		c->lost = 0;
	}
	if (!c->has)
		c->first_ns = t_ns;
	c->has = true;
	c->last_ns = t_ns;
}

void vnx_text_lost(struct vnx_text_worker *w, uint32_t cpu, unsigned open, uint64_t count)
{
	struct vnx_text_cpu *c = touch(w, (uint16_t)(cpu & (VNX_TEXT_CPUS - 1)));

	c->open |= open;
	c->lost += count;
}

void vnx_text_flaw(struct vnx_text_worker *w, enum vnx_text_flaw flaw, const char *p)
{
	if (!w->flaws[flaw]++)
		w->flaw_at[flaw] = w->offset + (uint64_t)(p - w->buf);
}

/* ---- joining: in the order of the file, under lock ---- */

/* Losses between the same two bins are one: memory grows with bins, not with losses. */
static int put_loss(struct vnx_reader *x, uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
	struct vnx_text_loss *to = &x->loss;
	uint64_t bin_ns = x->conf->bin_ns;
	int ret = 0;

	if (from_ns > to_ns) {
		uint64_t swap_ns = from_ns;

		from_ns = to_ns;
		to_ns = swap_ns;
	}
	if (!count)
		count = 1;
	if (to->count && to->from_ns / bin_ns == from_ns / bin_ns &&
	    to->to_ns / bin_ns == to_ns / bin_ns) {
		to->from_ns = from_ns < to->from_ns ? from_ns : to->from_ns;
		to->to_ns = to_ns > to->to_ns ? to_ns : to->to_ns;
		to->count += count;
		return 0;
	}
	if (to->count)
		ret = vnx_trace_lost(x->trace, to->from_ns, to->to_ns, to->count);
	*to = (struct vnx_text_loss){ .from_ns = from_ns, .to_ns = to_ns, .count = count };
	return ret;
}

static int close_loss(struct vnx_reader *x, const struct vnx_text_loss *loss)
{
	const struct vnx_text_cpu *g = &x->cpus[loss->cpu];
	uint64_t from_ns = loss->from_known ? loss->from_ns : g->has ? g->last_ns : 0;

	if (loss->open & VNX_TEXT_STARTED && loss->to_ns != UINT64_MAX && loss->to_ns > x->until_ns)
		x->until_ns = loss->to_ns;
	if (!(loss->open & (VNX_TEXT_LOST | VNX_TEXT_ANY_CPU)))
		return 0;
	return put_loss(x, loss->open & VNX_TEXT_ANY_CPU ? 0 : from_ns, loss->to_ns, loss->count);
}

/* A loss that an earlier block left open ends where the CPU has its next event. */
static int close_open(struct vnx_reader *x, uint16_t cpu, uint64_t to_ns)
{
	struct vnx_text_cpu *g = &x->cpus[cpu];
	struct vnx_text_loss loss = {
		.to_ns = to_ns, .count = g->lost, .open = g->open, .cpu = cpu
	};

	g->open = 0;
	g->lost = 0;
	return loss.open ? close_loss(x, &loss) : 0;
}

static int join_cpu(struct vnx_reader *x, const struct vnx_text_cpu *c, uint16_t cpu)
{
	struct vnx_text_cpu *g = &x->cpus[cpu];
	int ret = 0;

	if (c->has) {
		ret = close_open(x, cpu, c->first_ns);
		g->has = true;
		g->last_ns = c->last_ns;
	}
	g->open |= c->open;
	g->lost += c->lost;
	return ret;
}

static int join(struct vnx_reader *x, struct vnx_text_worker *w)
{
	int ret = 0;

	for (size_t i = 0; i < w->losses.n && !ret; i++)
		ret = close_loss(x, &w->losses.v[i]);
	for (unsigned i = 0; i < w->n_touched && !ret; i++)
		ret = join_cpu(x, &w->cpus[w->touched[i]], w->touched[i]);
	for (int i = 0; i < VNX_TEXT_FLAWS; i++) {
		if (w->flaws[i] && !x->flaws[i])
			x->flaw_at[i] = w->flaw_at[i];
		x->flaws[i] += w->flaws[i];
		w->flaws[i] = 0;
	}
	w->losses.n = 0;
	w->n_touched = 0;
	return ret ? ret : w->shard->error;
}

/* Waits until all blocks before @w's are joined. */
static int join_in_order(struct vnx_reader *x, struct vnx_text_worker *w)
{
	int ret = 0;

	vnx_text_lock(x);
	while (!x->stop && x->joined + 1 != w->block)
		pthread_cond_wait(&x->turn, &x->lock);
	if (!x->stop) {
		ret = join(x, w);
		x->joined++;
	}
	pthread_cond_broadcast(&x->turn);
	vnx_text_unlock(x);
	return ret;
}

static int decode_blocks(void *arg, size_t job, unsigned worker)
{
	struct vnx_reader *x = arg;
	struct vnx_text_worker *w = &x->workers[job];
	int ret;

	do {
		pthread_mutex_lock(&x->read_lock);
		ret = read_block(x, w);
		pthread_mutex_unlock(&x->read_lock);
		if (ret <= 0)
			break;
		x->format->decode(w, w->buf, w->buf + w->len);
		ret = join_in_order(x, w);
	} while (!ret && !x->stop);
	if (ret) { /* those that wait for this block's turn wait no longer */
		vnx_text_lock(x);
		x->stop = true;
		pthread_cond_broadcast(&x->turn);
		vnx_text_unlock(x);
	}
	return ret;
}

/* ---- all of it ---- */

static int new_worker(struct vnx_reader *x, struct vnx_text_worker *w)
{
	w->text = x;
	w->trace = x->trace;
	w->names = &x->names;
	w->shard = vnx_trace_shard(x->trace);
	w->buf = malloc(x->block);
	w->cpus = calloc(VNX_TEXT_CPUS, sizeof(*w->cpus));
	return w->shard && w->buf && w->cpus ? 0 : -ENOMEM;
}

static int decode_all(struct vnx_reader *x)
{
	uint64_t size = x->bytes ? x->bytes->size : x->in->size;
	size_t blocks = x->in->seekable ? (size_t)(size / VNX_TEXT_BLOCK + 1) : SIZE_MAX;
	int ret = 0;

	/* Small files need no more than they have; files of tracefs call themselves empty. */
	x->block = blocks > 1 || VNX_TEXT_BLOCK < SMALL_BLOCK ? VNX_TEXT_BLOCK : SMALL_BLOCK;
	while (x->block <= size && blocks == 1)
		x->block *= 2;
	x->n_workers = vnx_trace_workers(blocks);
	x->workers = calloc(x->n_workers, sizeof(*x->workers));
	x->carry = malloc(x->block);
	x->cpus = calloc(VNX_TEXT_CPUS, sizeof(*x->cpus));
	if (!x->workers || !x->carry || !x->cpus)
		return -ENOMEM;
	for (unsigned i = 0; i < x->n_workers && !ret; i++)
		ret = new_worker(x, &x->workers[i]);
	if (!ret)
		ret = vnx_trace_jobs(x->n_workers, x->n_workers, decode_blocks, x);
	return ret;
}

/* What was still open at the end, and what the header tells was overwritten before the start. */
static int close_losses(struct vnx_reader *x)
{
	int ret = 0;

	for (unsigned i = 0; i < VNX_TEXT_CPUS && !ret; i++)
		ret = close_open(x, (uint16_t)i, UINT64_MAX);
	if (!ret && x->loss.count)
		ret = vnx_trace_lost(x->trace, x->loss.from_ns, x->loss.to_ns, x->loss.count);
	if (!ret && x->facts.overwritten)
		ret = vnx_trace_lost(x->trace, 0, x->until_ns, x->facts.overwritten);
	return ret;
}

/* Memory that decoding needed and nothing after it. */
static void free_workers(struct vnx_reader *x)
{
	for (unsigned i = 0; i < x->n_workers && x->workers; i++) {
		free(x->workers[i].buf);
		free(x->workers[i].cpus);
		free(x->workers[i].losses.v);
	}
	free(x->workers);
	free(x->carry);
	free(x->cpus);
	x->workers = NULL;
	x->carry = NULL;
	x->cpus = NULL;
}

static int failed(const struct vnx_reader *x, int ret, struct vnx_err *err)
{
	if (ret == -E2BIG)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "damaged",
				   "%s has more threads or losses than any trace of a host: "
				   "it is damaged",
				   x->in->path);
	return vnx_input_failed(x->in, ret, err);
}

static struct vnx_reader *new_reader(struct vnx_input *in, const struct vnx_reader_conf *conf,
				     const struct vnx_text_format *format, struct vnx_err *err)
{
	struct vnx_reader *x = calloc(1, sizeof(*x));

	if (!x) {
		vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
		return NULL;
	}
	x->in = in;
	x->offset = in->base;
	x->conf = conf;
	x->format = format;
	pthread_mutex_init(&x->lock, NULL);
	pthread_mutex_init(&x->read_lock, NULL);
	pthread_cond_init(&x->turn, NULL);
	return x;
}

static int read_all(struct vnx_reader *x, struct vnx_err *err)
{
	int ret = vnx_text_names_fill(&x->names, x->trace, x->conf, x->format->words, err);

	if (ret)
		return ret;
	ret = decode_all(x);
	if (!ret)
		ret = close_losses(x);
	if (x->relative)
		snprintf(x->facts.clock, sizeof(x->facts.clock), "%s", VNX_CLOCK_SINCE_START);
	ret = ret ? failed(x, ret, err) : vnx_text_tell(x, err);
	free_workers(x);
	return ret;
}

int vnx_text_open(struct vnx_reader **out, struct vnx_input *in, const struct vnx_reader_conf *conf,
		  const struct vnx_text_format *format, struct vnx_err *err)
{
	struct vnx_reader *x = new_reader(in, conf, format, err);
	int ret;

	*out = NULL;
	if (!x)
		return -ENOMEM;
	ret = vnx_trace_new(&x->trace, in, conf, err);
	if (!ret)
		ret = read_all(x, err);
	if (ret)
		vnx_text_close(x);
	else
		*out = x;
	return ret;
}

int vnx_text_into(struct vnx_trace *t, struct vnx_input *in, const struct vnx_reader_conf *conf,
		  const struct vnx_text_format *format, const struct vnx_text_bytes *bytes,
		  const char **clock, struct vnx_err *err)
{
	struct vnx_reader *x = new_reader(in, conf, format, err);
	int ret;

	if (!x)
		return -ENOMEM;
	x->trace = t;
	x->bytes = bytes;
	x->offset = bytes->offset;
	ret = read_all(x, err);
	if (x->relative)
		*clock = VNX_CLOCK_SINCE_START;
	x->trace = NULL;
	vnx_text_close(x);
	return ret;
}

int vnx_text_run(struct vnx_reader *x, struct vnx_run *run, struct vnx_err *err)
{
	struct vnx_trace_facts facts = {
		.clock = x->facts.clock,
		.kernel = x->facts.kernel,
		.host = x->facts.host,
		.capture = x->format->capture,
		.has_realtime = x->facts.has_realtime,
		.realtime_minus_mono_ns = x->facts.realtime_minus_mono_ns,
	};

	return vnx_trace_run(x->trace, &facts, run, err);
}

int vnx_text_next(struct vnx_reader *x, struct vnx_sample *s, struct vnx_err *err)
{
	return vnx_trace_next(x->trace, s);
}

void vnx_text_close(struct vnx_reader *x)
{
	if (!x)
		return;
	vnx_trace_free(x->trace);
	pthread_cond_destroy(&x->turn);
	pthread_mutex_destroy(&x->read_lock);
	pthread_mutex_destroy(&x->lock);
	free(x);
}
