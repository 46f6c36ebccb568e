// SPDX-License-Identifier: GPL-2.0-only
/*
 * The load generator's TCP connections as their own end on this host sees them: what is sent
 * again, what holds the sender back (net/ipv4/tcp_output.c, tcp_chrono_set), what waits to be
 * read. Of a load over UDP there is nothing to see.
 *
 * A dump lists every socket of the host, so it is asked for only while the load has a TCP socket
 * that is not known yet; the known ones are asked for one by one, by their addresses.
 */
#include <inttypes.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "cli/evidence/load_diag.h"
#include "cli/evidence/load_procs.h"
#include "cli/evidence/threads.h"

#define MAX_SOCKS 512
#define MAX_SPACES 8
/* A socket that no dump shows (not connected yet) is looked for less and less often. */
#define DUMP_PAUSE_NS (1 * VNX_NSEC_PER_SEC)
#define DUMP_PAUSE_MAX_NS (16 * VNX_NSEC_PER_SEC)
/* Connections of less than this share of the busiest one's bytes only control it ... */
#define DATA_SHARE 100
/* ... and so do those that moved no more than this, before anything moved at all. */
#define DATA_BYTES 4096
/* A direction with at least this share of a connection's bytes counts. */
#define WAY_SHARE 10

/* A network namespace that the load has sockets in. */
struct space {
	uint64_t netns;
	struct vnx_tcp_diag *diag;
	bool used;
	uint64_t unknown; /* sum of the inodes that are: another one is looked for at once */
	uint64_t next_dump_ns, pause_ns;
};

struct tcp_sock {
	uint64_t inode, netns;
	bool held;      /* by one of the load's processes */
	uint64_t at_ns; /* of now, 0: not read yet */
	bool has_was;   /* was is of the last reading */
	struct vnx_tcp_facts was, now;
};

struct load_tcp {
	struct vnx_load_procs procs;
	struct space spaces[MAX_SPACES];
	size_t n_spaces;
	uint64_t own_netns, at_ns;
	struct tcp_sock *v;
	size_t n, cap;
};

static void forget(struct load_tcp *l)
{
	for (size_t i = 0; i < l->n_spaces; i++)
		vnx_tcp_diag_close(l->spaces[i].diag);
	l->n = l->n_spaces = l->at_ns = 0;
}

static void tcp_close(void *src)
{
	struct load_tcp *l = src;

	forget(l);
	vnx_load_procs_fini(&l->procs);
	free(l->v);
	free(l);
}

static uint64_t own_netns(void)
{
	struct stat sb;

	return stat("/proc/self/ns/net", &sb) ? 0 : sb.st_ino;
}

static int tcp_open(void **src, struct vnx_err *err)
{
	struct vnx_tcp_diag *trial = NULL;
	struct load_tcp *l;
	int ret = vnx_tcp_diag_open(&trial, NULL, err);

	vnx_tcp_diag_close(trial);
	if (ret)
		return ret;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->own_netns = own_netns();
	*src = l;
	return 0;
}

/* Finding */

static struct tcp_sock *find_sock(const struct load_tcp *l, uint64_t netns, uint64_t inode)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].inode == inode && l->v[i].netns == netns)
			return &l->v[i];
	return NULL;
}

static struct space *find_space(struct load_tcp *l, uint64_t netns)
{
	for (size_t i = 0; i < l->n_spaces; i++)
		if (l->spaces[i].netns == netns)
			return &l->spaces[i];
	return NULL;
}

/* The namespace of process @p, opened; *out NULL: too many of them, or @p is gone. */
static int open_space(struct load_tcp *l, const struct vnx_load_proc *p, struct space **out,
		      struct vnx_err *err)
{
	struct space fresh = { .netns = p->netns, .pause_ns = DUMP_PAUSE_NS };
	struct vnx_err why = { 0 };
	char path[64];
	int ret;

	*out = find_space(l, p->netns);
	if (*out || !p->netns || l->n_spaces == MAX_SPACES)
		return 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ns/net", p->pid);
	ret = vnx_tcp_diag_open(&fresh.diag, p->netns == l->own_netns ? NULL : path, &why);
	if (ret == -ENOENT)
		return 0;
	if (ret) {
		vnx_err_hint(err, "%s", why.hint);
		return vnx_err_set(err, ret, why.exit, why.code, "%s", why.message);
	}
	l->spaces[l->n_spaces] = fresh;
	*out = &l->spaces[l->n_spaces++];
	return 0;
}

static void drop_unused(struct load_tcp *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].held)
			l->v[kept++] = l->v[i];
	l->n = kept;
	kept = 0;
	for (size_t i = 0; i < l->n_spaces; i++) {
		if (l->spaces[i].used)
			l->spaces[kept++] = l->spaces[i];
		else
			vnx_tcp_diag_close(l->spaces[i].diag);
	}
	l->n_spaces = kept;
}

/* What one dump looks for. */
struct wanted {
	struct load_tcp *l;
	uint64_t netns;
};

static bool is_wanted(const struct wanted *w, uint64_t inode)
{
	for (size_t i = 0; i < w->l->procs.n; i++) {
		const struct vnx_load_proc *p = &w->l->procs.v[i];

		for (size_t j = 0; j < p->tcp.n && p->netns == w->netns; j++)
			if (p->tcp.v[j] == inode)
				return !find_sock(w->l, w->netns, inode);
	}
	return false;
}

static int take_socket(const struct vnx_tcp_facts *facts, void *data)
{
	const struct wanted *w = data;
	struct tcp_sock s = {
		.inode = facts->inode, .netns = w->netns, .held = true, .now = *facts
	};

	if (!facts->inode || w->l->n >= MAX_SOCKS || !is_wanted(w, facts->inode))
		return 0;
	return vnx_vec_push(w->l, s);
}

/* Marks what process @p holds; *unknown: sum of the inodes of it that are not known. */
static int mark_held(struct load_tcp *l, const struct vnx_load_proc *p, uint64_t *unknown,
		     struct vnx_err *err)
{
	struct space *space;
	int ret;

	*unknown = 0;
	if (!p->tcp.n)
		return 0;
	ret = open_space(l, p, &space, err);
	if (ret || !space)
		return ret;
	space->used = true;
	for (size_t i = 0; i < p->tcp.n; i++) {
		struct tcp_sock *s = find_sock(l, p->netns, p->tcp.v[i]);

		if (s)
			s->held = true;
		*unknown += s ? 0 : p->tcp.v[i];
	}
	return 0;
}

static int dump_space(struct load_tcp *l, struct space *space, uint64_t unknown, uint64_t now_ns,
		      struct vnx_err *err)
{
	struct wanted w = { l, space->netns };
	size_t before = l->n;
	int ret;

	if (l->n >= MAX_SOCKS || (unknown == space->unknown && now_ns < space->next_dump_ns))
		return 0;
	if (unknown != space->unknown)
		space->pause_ns = DUMP_PAUSE_NS / 2;
	space->unknown = unknown;
	ret = vnx_tcp_diag_dump(space->diag, take_socket, &w);
	if (ret == -ENOMEM)
		return ret;
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "io",
				   "the load's sockets cannot be seen any more: %s",
				   strerror(-ret));
	space->pause_ns = l->n > before ? DUMP_PAUSE_NS : 2 * space->pause_ns;
	if (space->pause_ns > DUMP_PAUSE_MAX_NS)
		space->pause_ns = DUMP_PAUSE_MAX_NS;
	/* The looks that it depends on are a little early, too. */
	space->next_dump_ns = now_ns + space->pause_ns - VNX_NSEC_PER_SEC + VNX_SLOW_READ_NS;
	return 0;
}

static int find_sockets(struct load_tcp *l, uint64_t now_ns, struct vnx_err *err)
{
	uint64_t unknown[MAX_SPACES] = { 0 };
	int ret = 0;

	for (size_t i = 0; i < l->n_spaces; i++)
		l->spaces[i].used = false;
	for (size_t i = 0; i < l->n; i++)
		l->v[i].held = false;
	for (size_t i = 0; i < l->procs.n && !ret; i++) {
		const struct vnx_load_proc *p = &l->procs.v[i];
		struct space *space;
		uint64_t sum;

		ret = mark_held(l, p, &sum, err);
		space = find_space(l, p->netns);
		if (space)
			unknown[space - l->spaces] += sum;
	}
	for (size_t i = 0; i < l->n_spaces && !ret; i++)
		if (unknown[i])
			ret = dump_space(l, &l->spaces[i], unknown[i], now_ns, err);
	if (!ret)
		drop_unused(l);
	return ret;
}

/* Reading */

static void read_sockets(struct load_tcp *l, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct tcp_sock s = l->v[i];
		struct space *space = find_space(l, s.netns);
		struct vnx_tcp_facts facts;

		if (!space || s.now.state == TCP_LISTEN) {
			if (space)
				l->v[kept++] = s;
			continue;
		}
		if (vnx_tcp_diag_get(space->diag, &s.now, &facts))
			continue;
		s.has_was = s.at_ns && s.at_ns == l->at_ns;
		s.was = s.now;
		s.now = facts;
		s.at_ns = now_ns;
		l->v[kept++] = s;
	}
	l->n = kept;
}

/* Telling */

static uint64_t known(uint64_t v)
{
	return v == VNX_TCP_UNKNOWN ? 0 : v;
}

static uint64_t moved(const struct tcp_sock *s)
{
	return known(s->now.acked) + known(s->now.received);
}

struct sum {
	uint64_t total, n;
};

/* One stretch over all data connections that were read at both of its ends. */
struct tally {
	struct sum retrans, busy, rwnd, sndbuf, rtt, cwnd, sendq; /* of those that send */
	struct sum ooo, recvq;                                    /* of those that receive */
};

static void add_level(struct sum *sum, uint64_t v)
{
	if (v == VNX_TCP_UNKNOWN)
		return;
	sum->total += v;
	sum->n++;
}

/* The counters' 32-bit ones wrap, if anybody's do; such a stretch is missing. */
static void add_count(struct sum *sum, uint64_t was, uint64_t now)
{
	if (was != VNX_TCP_UNKNOWN && now != VNX_TCP_UNKNOWN && now >= was)
		add_level(sum, now - was);
}

/* us to ns; what is over the stretch is the lateness of TCP's own account. */
static void add_time(struct sum *sum, uint64_t was, uint64_t now, uint64_t all_ns)
{
	uint64_t us = now - was, most_us = all_ns / 1000;

	if (was != VNX_TCP_UNKNOWN && now != VNX_TCP_UNKNOWN && now >= was)
		add_level(sum, us < most_us ? us * 1000 : all_ns);
}

static void tally_sock(struct tally *t, const struct tcp_sock *s, uint64_t all_ns)
{
	const struct vnx_tcp_facts *was = &s->was, *now = &s->now;
	uint64_t least = moved(s) / WAY_SHARE;

	if (known(now->acked) >= least) {
		add_count(&t->retrans, was->retrans, now->retrans);
		add_time(&t->busy, was->busy_us, now->busy_us, all_ns);
		add_time(&t->rwnd, was->rwnd_us, now->rwnd_us, all_ns);
		add_time(&t->sndbuf, was->sndbuf_us, now->sndbuf_us, all_ns);
		add_level(&t->rtt, now->rtt_us);
		add_level(&t->cwnd, now->cwnd);
		add_level(&t->sendq, now->sendq);
	}
	if (known(now->received) >= least) {
		add_count(&t->ooo, was->ooo, now->ooo);
		add_level(&t->recvq, now->recvq);
	}
}

static int emit_tally(const struct tally *t, uint64_t from_ns, uint64_t now_ns,
		      const struct vnx_readings *out)
{
	const struct {
		enum vnx_metric metric;
		const struct sum *sum;
		bool mean;
	} rows[] = {
		{ VNX_LOAD_RETRANS, &t->retrans, false }, { VNX_LOAD_OOO, &t->ooo, false },
		{ VNX_LOAD_BUSY, &t->busy, true },        { VNX_LOAD_RWND, &t->rwnd, true },
		{ VNX_LOAD_SNDBUF, &t->sndbuf, true },    { VNX_LOAD_RTT, &t->rtt, true },
		{ VNX_LOAD_CWND, &t->cwnd, false },       { VNX_LOAD_SENDQ, &t->sendq, false },
		{ VNX_LOAD_RECVQ, &t->recvq, false },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		const struct sum *sum = rows[i].sum;

		if (!sum->n)
			continue;
		if (vnx_evidence_emit(out, rows[i].metric, 0, from_ns, now_ns,
				      rows[i].mean ? sum->total / sum->n : sum->total))
			return -ENOMEM;
	}
	return 0;
}

static int emit(const struct load_tcp *l, uint64_t now_ns, const struct vnx_readings *out)
{
	struct tally t = { 0 };
	uint64_t most = 0;

	for (size_t i = 0; i < l->n; i++)
		if (moved(&l->v[i]) > most)
			most = moved(&l->v[i]);
	for (size_t i = 0; i < l->n; i++) {
		const struct tcp_sock *s = &l->v[i];
		uint64_t bytes = moved(s);

		if (s->has_was && bytes > DATA_BYTES && bytes >= most / DATA_SHARE)
			tally_sock(&t, s, now_ns - l->at_ns);
	}
	return emit_tally(&t, l->at_ns, now_ns, out);
}

static int tcp_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		    struct vnx_err *err)
{
	struct load_tcp *l = src;
	uint64_t now_ns = scene->now_ns;
	int ret;

	if (scene->load_pid != l->procs.leader)
		forget(l);
	ret = vnx_load_procs_sync(&l->procs, scene->load_pid, now_ns);
	if (!ret && l->procs.looked)
		ret = find_sockets(l, now_ns, err);
	if (ret)
		return ret;
	read_sockets(l, now_ns);
	if (l->at_ns && now_ns > l->at_ns)
		ret = emit(l, now_ns, out);
	l->at_ns = scene->load_pid ? now_ns : 0;
	return ret;
}

const struct vnx_source_ops vnx_source_load_tcp = {
	.name = "load-tcp",
	.summary = "what holds back the load generator's TCP connections: windows, buffers, "
		   "retransmits, queues",
	.metrics = VNX_BIT(VNX_LOAD_RECVQ) | VNX_BIT(VNX_LOAD_SENDQ) | VNX_BIT(VNX_LOAD_RETRANS) |
		   VNX_BIT(VNX_LOAD_OOO) | VNX_BIT(VNX_LOAD_RWND) | VNX_BIT(VNX_LOAD_SNDBUF) |
		   VNX_BIT(VNX_LOAD_BUSY) | VNX_BIT(VNX_LOAD_RTT) | VNX_BIT(VNX_LOAD_CWND),
	.open = tcp_open,
	.read = tcp_read,
	.close = tcp_close,
};
