// SPDX-License-Identifier: GPL-2.0-only
/*
 * What events tell besides: names and processes of threads, and lines of trace_marker. Each
 * worker collects its own; what counts in the end does not depend on which worker saw what.
 */
#include "cli/input/trace_dat/trace_dat.h"

#define PEOPLE_MAX 65536 /* threads, a worker */
#define MARKERS_MAX 4096 /* lines, a worker */
#define MARKER_LEN_MAX 4096
#define ANCESTORS_MAX 64

struct person {
	uint32_t tid, parent;
	uint64_t named_ns;
	bool used, named, born, thread;
	char comm[VNX_COMM_LEN];
};

struct marker {
	uint64_t t_ns;
	char *text;
};

struct dat_people {
	struct person *table; /* open addressing by tid */
	size_t n, size;
	struct {
		struct marker *v;
		size_t n, cap;
	} markers;
};

struct dat_people *dat_people_new(void)
{
	return calloc(1, sizeof(struct dat_people));
}

void dat_people_free(struct dat_people *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->markers.n; i++)
		free(p->markers.v[i].text);
	free(p->markers.v);
	free(p->table);
	free(p);
}

static struct person *place_of(const struct dat_people *p, uint32_t tid)
{
	size_t i = tid * 2654435761u & (p->size - 1);

	while (p->table[i].used && p->table[i].tid != tid)
		i = (i + 1) & (p->size - 1);
	return &p->table[i];
}

static bool grow(struct dat_people *p)
{
	struct dat_people bigger = { .size = p->size ? p->size * 2 : 64 };

	bigger.table = calloc(bigger.size, sizeof(*bigger.table));
	if (!bigger.table)
		return false;
	for (size_t i = 0; i < p->size; i++)
		if (p->table[i].used)
			*place_of(&bigger, p->table[i].tid) = p->table[i];
	free(p->table);
	p->table = bigger.table;
	p->size = bigger.size;
	return true;
}

/* NULL: there are too many already, or no memory: a name less. */
static struct person *person_of(struct dat_people *p, uint32_t tid)
{
	struct person *who = p->size ? place_of(p, tid) : NULL;

	if (who && who->used)
		return who;
	if (p->n == PEOPLE_MAX || (p->n * 2 >= p->size && !grow(p)))
		return NULL;
	who = place_of(p, tid);
	*who = (struct person){ .tid = tid, .used = true };
	p->n++;
	return who;
}

static void name_person(struct person *who, const char *comm, uint64_t t_ns)
{
	int order = who->named ? memcmp(who->comm, comm, VNX_COMM_LEN) : 1;

	/* Of two names at one moment any will do, but always the same. */
	if (who->named && (t_ns < who->named_ns || (t_ns == who->named_ns && order >= 0)))
		return;
	memcpy(who->comm, comm, VNX_COMM_LEN);
	who->comm[VNX_COMM_LEN - 1] = '\0';
	who->named = true;
	who->named_ns = t_ns;
}

void dat_people_name(struct dat_people *p, uint32_t tid, const char *comm, uint64_t t_ns)
{
	struct person *who = person_of(p, tid);

	if (who)
		name_person(who, comm, t_ns);
}

void dat_people_born(struct dat_people *p, uint32_t tid, uint32_t parent, bool thread)
{
	struct person *who = person_of(p, tid);

	if (!who)
		return;
	who->born = true;
	who->parent = parent;
	who->thread = thread;
}

void dat_people_marker(struct dat_people *p, const char *text, size_t len, uint64_t t_ns)
{
	struct marker m = { .t_ns = t_ns };

	if (len < 7 || memcmp(text, "vnetdx ", 7) || p->markers.n == MARKERS_MAX)
		return;
	m.text = strndup(text, len < MARKER_LEN_MAX ? len : MARKER_LEN_MAX);
	if (m.text && vnx_vec_push(&p->markers, m))
		free(m.text);
}

/* ---- after decoding ---- */

static void merge_person(struct dat_people *all, const struct person *from)
{
	struct person *to = person_of(all, from->tid);

	if (!to)
		return;
	if (from->named)
		name_person(to, from->comm, from->named_ns);
	if (from->born) {
		to->born = true;
		to->parent = from->parent;
		to->thread = from->thread;
	}
}

/*
 * Threads of a process lead back to the one that was not made as a thread; where the trace
 * begins later, to the eldest that it knows. A VMM's main thread makes its vCPUs.
 */
static uint32_t process_of(const struct dat_people *p, const struct person *who)
{
	uint32_t tid = who->tid;

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		who = place_of(p, tid);
		if (!who->used || !who->born || !who->thread)
			break;
		tid = who->parent;
	}
	return tid;
}

static int by_time(const void *a, const void *b)
{
	const struct marker *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int tell_markers(struct vnx_trace *t, struct dat_people **all, size_t n)
{
	struct {
		struct marker *v;
		size_t n, cap;
	} list = { 0 };
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		for (size_t j = 0; j < all[i]->markers.n && !ret; j++)
			ret = vnx_vec_push(&list, all[i]->markers.v[j]);
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), by_time);
	for (size_t i = 0; i < list.n && !ret; i++)
		/* The same line in two buffers is one. */
		if (!i || by_time(&list.v[i - 1], &list.v[i]))
			ret = vnx_trace_marker(t, list.v[i].text, strlen(list.v[i].text));
	free(list.v);
	return ret;
}

int dat_people_tell(struct vnx_trace *t, struct dat_people **all, size_t n)
{
	struct dat_people merged = { 0 };
	int ret = tell_markers(t, all, n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < all[i]->size; j++)
			if (all[i]->table[j].used)
				merge_person(&merged, &all[i]->table[j]);
	for (size_t j = 0; j < merged.size && !ret; j++) {
		const struct person *who = &merged.table[j];

		if (who->used &&
		    vnx_trace_thread(t, who->tid, who->born ? process_of(&merged, who) : 0,
				     who->named ? who->comm : NULL) == -ENOMEM)
			ret = -ENOMEM;
	}
	free(merged.table);
	return ret;
}
