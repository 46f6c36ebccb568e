// SPDX-License-Identifier: GPL-2.0-only
/* Sources and shards: which events matter, and how many there were by thread and bin. */
#include <stdarg.h>

#include "bpf/clock.h"
#include "cli/input/trace/sched_internal.h"
#include "cli/input/trace/trace_internal.h"

/* What a file may make us hold, a shard: more threads or bins than any host has in a trace. */
#define SLOTS_MAX 65536
#define BINS_MAX (4u << 20)
#define LOST_MAX (1u << 20)
#define THREADS_MAX (1u << 22)
#define LOOK_BACK 4 /* bins between which events out of order go to and fro */

static int add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->v[i], name))
			return 0;
	return vnx_vec_push(names, name);
}

static bool is_function(const struct vnx_hook_spec *spec)
{
	return spec->kind == VNX_HOOK_FENTRY || spec->kind == VNX_HOOK_KPROBE;
}

static bool overridden(const struct vnx_reader_conf *conf, enum vnx_metric metric)
{
	for (size_t i = 0; i < conf->n_hooks; i++)
		if (conf->hooks[i].metric == metric)
			return true;
	return false;
}

static int add_rung(struct vnx_trace *t, enum vnx_metric metric, const char *hook,
		    const struct vnx_candidate *cand, struct vnx_err *err)
{
	struct rung r = { .metric = metric,
			  .unless = cand ? cand->unless : NULL,
			  .note = cand ? cand->note : NULL };
	int ret = vnx_hook_parse(hook, &r.spec, err);

	return ret ? ret : vnx_vec_push(&t->rungs, r);
}

/* Rungs by metric, best first: the user's word, or the ladder of the live hooks. */
static int fill_rungs(struct vnx_trace *t, struct vnx_err *err)
{
	const struct vnx_reader_conf *conf = t->conf;
	size_t n;
	const struct vnx_candidate *ladder = vnx_ladder(&n);
	int ret = 0;

	for (size_t i = 0; i < conf->n_hooks && !ret; i++)
		ret = add_rung(t, conf->hooks[i].metric, conf->hooks[i].hook, NULL, err);
	for (size_t i = 0; i < n && !ret; i++)
		if (!overridden(conf, ladder[i].metric))
			ret = add_rung(t, ladder[i].metric, ladder[i].hook, &ladder[i], err);
	for (size_t i = 0; i < t->rungs.n && !ret; i++) {
		const struct rung *r = &t->rungs.v[i];

		if (is_function(&r->spec))
			ret = add_name(&t->functions, r->spec.name);
		for (const struct vnx_unless *u = r->unless; u && u->has && !ret; u++) {
			ret = add_name(&t->functions, u->has);
			if (!ret && u->lacks)
				ret = add_name(&t->functions, u->lacks);
		}
	}
	return ret ? ret : vnx_vec_push(&t->functions, NULL);
}

int vnx_trace_new(struct vnx_trace **out, const struct vnx_input *in,
		  const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	struct vnx_trace *t = calloc(1, sizeof(*t));
	int ret;

	*out = NULL;
	if (!t)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	pthread_mutex_init(&t->lock, NULL);
	t->in = in;
	t->conf = conf;
	t->shift_ns = (conf->bin_ns - conf->origin_ns % conf->bin_ns) % conf->bin_ns;
	t->begun_ns = t->shown_ns = vnx_clock_mono();
	t->sched = vnx_sched_new(conf->bin_ns, t->shift_ns);
	ret = t->sched ? fill_rungs(t, err) : -ENOMEM;
	if (ret) {
		vnx_trace_free(t);
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	}
	*out = t;
	return 0;
}

static void free_shard(struct vnx_trace_shard *sh)
{
	for (size_t i = 0; i < sh->table_size; i++)
		if (sh->table[i]) {
			free(sh->table[i]->bins.v);
			free(sh->table[i]);
		}
	free(sh->table);
	free(sh);
}

void vnx_trace_free(struct vnx_trace *t)
{
	if (!t)
		return;
	vnx_trace_progress_end(t);
	for (size_t i = 0; i < t->shards.n; i++)
		free_shard(t->shards.v[i]);
	free(t->shards.v);
	free(t->rungs.v);
	free(t->functions.v);
	free(t->symbols.v);
	free(t->threads.v);
	free(t->lost.v);
	vnx_sched_free(t->sched);
	vnx_vms_fini(&t->marked);
	free(t->samples.v);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- sources ---- */

/* Names that tools give a probe on @function: itself, "p_FUNCTION_0", "FUNCTION_1". */
static bool named_after(const char *event, const char *function)
{
	size_t n = strlen(function);

	if (!strncmp(event, "p_", 2) && !strncmp(event + 2, function, n))
		event += 2;
	if (strncmp(event, function, n))
		return false;
	return !event[n] || (event[n] == '_' && event[n + 1] &&
			     !event[n + 1 + strspn(event + n + 1, "0123456789")]);
}

static bool stands_on(const struct rung *r, const char *system, const char *event,
		      const char *function)
{
	switch (r->spec.kind) {
	case VNX_HOOK_FENTRY:
	case VNX_HOOK_KPROBE:
		if (!function)
			return false;
		return *function ? !strcmp(function, r->spec.name)
				 : event && named_after(event, r->spec.name);
	case VNX_HOOK_RAW_TP:
		return event && !function && !strcmp(event, r->spec.name);
	default: /* named in full, it may be anything, a probe too */
		return event && system && !strcmp(system, r->spec.system) &&
		       !strcmp(event, r->spec.name);
	}
}

static void name_source(struct source *s, const struct rung *r, const char *system,
			const char *event)
{
	if (is_function(&r->spec))
		snprintf(s->hook, sizeof(s->hook), "%s:%s", event ? "kprobe" : "function",
			 r->spec.name);
	else if (!system || !*system) /* text may not tell it */
		snprintf(s->hook, sizeof(s->hook), "raw_tp:%.60s", event);
	else
		snprintf(s->hook, sizeof(s->hook), "tp:%.31s:%.60s", system, event);
}

int vnx_trace_source(struct vnx_trace *t, const char *system, const char *event,
		     const char *function)
{
	struct source s;

	for (s.rung = 0; s.rung < t->rungs.n; s.rung++)
		if (stands_on(&t->rungs.v[s.rung], system, event, function))
			break;
	if (s.rung == t->rungs.n)
		return -1;
	name_source(&s, &t->rungs.v[s.rung], system, event);
	for (unsigned i = 0; i < t->n_sources; i++)
		if (t->sources[i].rung == s.rung && !strcmp(t->sources[i].hook, s.hook))
			return (int)i;
	if (t->n_sources == VNX_TRACE_SOURCES)
		return -1;
	t->sources[t->n_sources] = s;
	return (int)t->n_sources++;
}

const char *const *vnx_trace_functions(struct vnx_trace *t)
{
	return t->functions.v;
}

const char *vnx_trace_module(const char *function)
{
	size_t n;
	const struct vnx_candidate *ladder = vnx_ladder(&n);

	for (size_t i = 0; i < n; i++) {
		const char *name = strchr(ladder[i].hook, ':');

		if (name && !strcmp(name + 1, function))
			return ladder[i].module;
	}
	return NULL;
}

static bool keeps_all(const char *word, size_t len)
{
	static const char *const words[] = { "constprop", "isra", "llvm", "lto_priv" };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(words); i++)
		if (len == strlen(words[i]) && !memcmp(word, words[i], len))
			return true;
	return len && strspn(word, "0123456789") >= len;
}

size_t vnx_trace_base_len(const char *name, size_t len)
{
	const char *dot = memchr(name, '.', len), *end = name + len, *next;

	for (const char *p = dot; p && p < end; p = next) {
		next = memchr(p + 1, '.', (size_t)(end - p - 1));
		if (!next)
			next = end;
		if (!keeps_all(p + 1, (size_t)(next - p - 1)))
			return len;
	}
	return dot ? (size_t)(dot - name) : len;
}

void vnx_trace_saw_symbol(struct vnx_trace *t, const char *function)
{
	for (size_t i = 0; t->functions.v[i]; i++)
		if (!strcmp(t->functions.v[i], function) &&
		    add_name(&t->symbols, t->functions.v[i]))
			return; /* no memory: what it would have told stays unknown */
}

/* ---- shards ---- */

struct vnx_trace_shard *vnx_trace_shard(struct vnx_trace *t)
{
	struct vnx_trace_shard *sh = calloc(1, sizeof(*sh));
	int ret;

	if (!sh)
		return NULL;
	*sh = (struct vnx_trace_shard){ .trace = t,
					.bin_ns = t->conf->bin_ns,
					.shift_ns = t->shift_ns,
					.first_ns = UINT64_MAX };
	pthread_mutex_lock(&t->lock);
	ret = vnx_vec_push(&t->shards, sh);
	pthread_mutex_unlock(&t->lock);
	if (!ret)
		return sh;
	free(sh);
	return NULL;
}

/* Where (source, tid) is, or belongs. Knuth, TAOCP 6.4: multiplicative hashing. */
static size_t place_of(const struct vnx_trace_shard *sh, uint32_t source, uint32_t tid)
{
	size_t i = (tid * 2654435761u ^ source * 40503u) & (sh->table_size - 1);

	while (sh->table[i] && (sh->table[i]->tid != tid || sh->table[i]->source != source))
		i = (i + 1) & (sh->table_size - 1);
	return i;
}

static int grow_table(struct vnx_trace_shard *sh)
{
	struct vnx_trace_slot **old = sh->table;
	size_t old_size = sh->table_size;

	sh->table_size = old_size ? old_size * 2 : 64;
	sh->table = calloc(sh->table_size, sizeof(struct vnx_trace_slot *));
	if (!sh->table) {
		sh->table = old;
		sh->table_size = old_size;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			sh->table[place_of(sh, old[i]->source, old[i]->tid)] = old[i];
	free(old);
	return 0;
}

static struct vnx_trace_slot *find_slot(struct vnx_trace_shard *sh, uint32_t source, uint32_t tid,
					bool *fresh)
{
	struct vnx_trace_slot *slot;
	size_t i;

	if (sh->n_slots * 2 >= sh->table_size && grow_table(sh)) {
		sh->error = -ENOMEM;
		return NULL;
	}
	i = place_of(sh, source, tid);
	if (sh->table[i])
		return sh->table[i];
	slot = sh->n_slots < SLOTS_MAX ? calloc(1, sizeof(*slot)) : NULL;
	if (!slot) {
		sh->error = sh->n_slots < SLOTS_MAX ? -ENOMEM : -E2BIG;
		return NULL;
	}
	slot->source = source;
	slot->tid = tid;
	sh->n_slots++;
	*fresh = true;
	return sh->table[i] = slot;
}

/* The place of @bin among the latest ones, or a new one; sorted when the trace was read. */
static int find_bin(struct vnx_trace_slot *slot, uint64_t bin)
{
	struct vnx_trace_bins *b = &slot->bins;
	size_t back = b->n < LOOK_BACK ? b->n : LOOK_BACK;

	for (size_t i = b->n; i > b->n - back; i--)
		if (b->v[i - 1].bin == bin) {
			slot->at = i - 1;
			return 0;
		}
	if (b->n >= BINS_MAX)
		return -E2BIG;
	if (vnx_vec_push(b, ((struct vnx_trace_bin){ .bin = bin })))
		return -ENOMEM;
	slot->at = b->n - 1;
	return 0;
}

bool vnx_trace_count_slow(struct vnx_trace_shard *sh, int source, uint32_t tid, uint64_t t_ns)
{
	bool fresh = false;
	struct vnx_trace_slot *slot = find_slot(sh, (uint32_t)source, tid, &fresh);
	int ret;

	if (!slot)
		return false;
	ret = find_bin(slot, (t_ns + sh->shift_ns) / sh->bin_ns);
	if (ret) {
		sh->error = ret;
		return false;
	}
	slot->from_ns = t_ns - (t_ns + sh->shift_ns) % sh->bin_ns;
	slot->bins.v[slot->at].count++;
	sh->last[source] = slot;
	return fresh;
}

/* ---- what the trace tells besides ---- */

int vnx_trace_lost(struct vnx_trace *t, uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
	struct vnx_sample s = { .t_ns = from_ns,
				.dur_ns = to_ns > from_ns ? to_ns - from_ns : 0,
				.count = count ? count : 1,
				.metric = VNX_LOST };
	int ret;

	pthread_mutex_lock(&t->lock);
	ret = t->lost.n < LOST_MAX ? vnx_vec_push(&t->lost, s) : -E2BIG;
	pthread_mutex_unlock(&t->lock);
	return ret;
}

int vnx_trace_thread(struct vnx_trace *t, uint32_t tid, uint32_t tgid, const char *comm)
{
	struct vnx_trace_thread row = { .tid = tid, .tgid = tgid };
	int ret;

	/* "<...>" is what ftrace prints of a thread whose name it has forgotten. */
	if (comm && strcmp(comm, "<...>"))
		snprintf(row.comm, sizeof(row.comm), "%s", comm);
	pthread_mutex_lock(&t->lock);
	ret = t->threads.n < THREADS_MAX ? vnx_vec_push(&t->threads, row) : -E2BIG;
	pthread_mutex_unlock(&t->lock);
	return ret;
}

void vnx_trace_warn(struct vnx_trace *t, const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&t->lock);
	if (!t->warnings++) {
		va_start(args, fmt);
		vsnprintf(t->warning, sizeof(t->warning), fmt, args);
		va_end(args);
	}
	pthread_mutex_unlock(&t->lock);
}
