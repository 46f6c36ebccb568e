// SPDX-License-Identifier: GPL-2.0-only
/* Names in text: which events they are, whose threads, and what is said of what was left out. */
#include <inttypes.h>

#include "bpf/ladder.h"
#include "cli/input/text/text_internal.h"

/* A probe this near to a function's start is one on its entry: endbr, bti and the call of the
 * tracer stand before it (arch_adjust_kprobe_addr() of the kernel). */
#define ENTRY_BYTES 8
#define MARKER "vnetdx "
#define PROBE_LINES 64
#define PROBE_SCORE 70

const uint8_t vnx_text_name_chars[256] = {
	['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['_'] = 1, ['.'] = 1,
};

/* ---- names ---- */

static int add_name(struct vnx_text_names *names, const struct vnx_text_name *name)
{
	unsigned at = vnx_text_hash(name->name, name->len);
	uint8_t *link = &names->bucket[at];

	if (names->n == VNX_TEXT_NAMES)
		return -E2BIG;
	while (*link) /* in the order of the ladder: the first that fits wins */
		link = &names->v[*link - 1].next;
	names->v[names->n] = *name;
	*link = (uint8_t)++names->n;
	return 0;
}

static int set_name(struct vnx_text_name *n, enum vnx_text_what what, const char *system,
		    const char *name)
{
	*n = (struct vnx_text_name){ .what = what, .source = -1, .probe = -1 };
	if (!*name || strlen(name) >= sizeof(n->name) || strlen(system) >= sizeof(n->system))
		return -EINVAL;
	n->len = (uint8_t)strlen(name);
	n->system_len = (uint8_t)strlen(system);
	memcpy(n->name, name, n->len);
	memcpy(n->system, system, n->system_len);
	return 0;
}

static int add_functions(struct vnx_text_names *names, struct vnx_trace *t)
{
	const char *const *functions = vnx_trace_functions(t);
	struct vnx_text_name n;
	int ret = 0;

	for (unsigned i = 0; functions[i] && i < 64 && !ret; i++) {
		const char *module = vnx_trace_module(functions[i]);

		if (set_name(&n, VNX_TEXT_FUNCTION, module ? module : "", functions[i]))
			continue;
		n.function = (uint8_t)i;
		n.source = vnx_trace_source(t, NULL, NULL, functions[i]);
		n.probe = vnx_trace_source(t, NULL, functions[i], functions[i]);
		ret = add_name(names, &n);
	}
	return ret;
}

static int add_tracepoint(struct vnx_text_names *names, struct vnx_trace *t, const char *hook)
{
	struct vnx_hook_spec spec;
	struct vnx_text_name n;

	if (vnx_hook_parse(hook, &spec, NULL) ||
	    (spec.kind != VNX_HOOK_TP && spec.kind != VNX_HOOK_RAW_TP) ||
	    set_name(&n, VNX_TEXT_TP, spec.system, spec.name))
		return 0;
	if (spec.kind == VNX_HOOK_RAW_TP &&
	    vnx_text_find(names, VNX_TEXT_TP,
			  &(struct vnx_text_key){ .name = n.name, .len = n.len }))
		return 0;
	n.source = vnx_trace_source(t, spec.system, spec.name, NULL);
	return n.source < 0 ? 0 : add_name(names, &n);
}

/*
 * Text of ftrace does not tell the system of an event: its name is matched against those of
 * the user's hooks and of the ladder, which do. Full names stand before raw ones, so that a
 * hook has its system where it can.
 */
static int add_tracepoints(struct vnx_text_names *names, struct vnx_trace *t,
			   const struct vnx_reader_conf *conf, bool raw)
{
	size_t n;
	const struct vnx_candidate *ladder = vnx_ladder(&n);
	int ret = 0;

	for (size_t i = 0; i < conf->n_hooks && !ret; i++)
		if (raw == !strncmp(conf->hooks[i].hook, "raw_tp:", 7))
			ret = add_tracepoint(names, t, conf->hooks[i].hook);
	for (size_t i = 0; i < n && !ret; i++)
		if (raw == !strncmp(ladder[i].hook, "raw_tp:", 7))
			ret = add_tracepoint(names, t, ladder[i].hook);
	return ret;
}

int vnx_text_names_fill(struct vnx_text_names *names, struct vnx_trace *t,
			const struct vnx_reader_conf *conf, const char *const *words,
			struct vnx_err *err)
{
	struct vnx_text_name n;
	int ret = add_functions(names, t);

	if (!ret)
		ret = add_tracepoints(names, t, conf, false);
	if (!ret)
		ret = add_tracepoints(names, t, conf, true);
	for (int i = 0; words[i] && !ret; i++) {
		ret = set_name(&n, VNX_TEXT_WORD, "", words[i]);
		n.probe = i;
		if (!ret)
			ret = add_name(names, &n);
	}
	return ret ? vnx_err_set(err, ret, VNX_EXIT_USAGE, "too-many-hooks",
				 "more hooks were named than a trace can be searched for")
		   : 0;
}

const struct vnx_text_name *vnx_text_find_slow(const struct vnx_text_names *names, unsigned at,
					       enum vnx_text_what what,
					       const struct vnx_text_key *key)
{
	for (; at; at = names->v[at - 1].next) {
		const struct vnx_text_name *n = &names->v[at - 1];

		if (n->what != what || n->len != key->len || memcmp(n->name, key->name, key->len))
			continue;
		if (!key->system || !n->system_len ||
		    (n->system_len == key->system_len &&
		     !memcmp(n->system, key->system, key->system_len)))
			return n;
	}
	return NULL;
}

/* ---- functions and probes ---- */

/* The name of a clone ends in a number: "handle_tx.constprop.0". */
static const struct vnx_text_name *find_function(const struct vnx_text_worker *w,
						 const struct vnx_text_key *key)
{
	const struct vnx_text_name *n = vnx_text_find(w->names, VNX_TEXT_FUNCTION, key);
	struct vnx_text_key base;

	if (__builtin_expect(n || !key->len || !vnx_text_digit(key->name[key->len - 1]), 1))
		return n;
	base = *key;
	base.len = vnx_trace_base_len(key->name, key->len);
	return vnx_text_find(w->names, VNX_TEXT_FUNCTION, &base);
}

/* "0x6b0": behind it; what is too big for any function stays too big. */
static const char *skip_hex(const char *p, uint64_t *v)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;

	*v = UINT64_MAX;
	if (p[0] != '0' || p[1] != 'x')
		return p;
	for (p += 2, *v = 0; *p && (digit = strchr(digits, *p)); p++)
		*v = *v >> 32 ? *v : *v << 4 | (uint64_t)(digit - digits);
	return p;
}

const char *vnx_text_symbol_parts(const char *end, struct vnx_text_symbol *s)
{
	const char *q;
	uint64_t size;

	if (*end == '+') {
		end = skip_hex(end + 1, &s->offset);
		if (*end == '/')
			end = skip_hex(end + 1, &size);
	}
	if (end[0] == ' ' && end[1] == '[') {
		q = vnx_text_name(end + 2);
		if (*q == ']') {
			s->key.system = end + 2;
			s->key.system_len = (size_t)(q - end - 2);
			end = q + 1;
		}
	}
	if (end[0] == ' ' && end[1] == '<' && vnx_text_name_chars[(unsigned char)end[2]]) {
		q = vnx_text_name(end + 2);
		end = *q == '>' ? q + 1 : end;
	}
	return end;
}

int vnx_text_function(struct vnx_text_worker *w, const struct vnx_text_key *key)
{
	const struct vnx_text_name *n = find_function(w, key);

	return n ? vnx_text_called(w, n) : -1;
}

static const struct vnx_text_name *find_named(const struct vnx_text_worker *w, const char *name,
					      const char *end)
{
	struct vnx_text_key key = { .name = name, .len = (size_t)(end - name) };

	return find_function(w, &key);
}

/* Names that tools give a probe on a function: its own, "p_FUNCTION_0", "FUNCTION_1". */
static int named_after(const struct vnx_text_worker *w, const struct vnx_text_key *key)
{
	const char *name = key->name, *end = name + key->len, *p = end;
	const struct vnx_text_name *n = find_named(w, name, end);

	if (n)
		return n->probe;
	while (p > name && vnx_text_digit(p[-1]))
		p--;
	if (p < end && p > name + 1 && p[-1] == '_')
		end = p - 1;
	n = find_named(w, name, end);
	if (!n && end - name > 2 && !memcmp(name, "p_", 2)) {
		name += 2;
		n = find_named(w, name, end);
		if (!n) /* "p_FUNCTION_0" of a function whose own name ends in a number */
			n = find_named(w, name, key->name + key->len);
	}
	return n ? n->probe : -1;
}

/* "(ffffffffc0a4b0c0)": an address of the kernel; "(x <- y)" is a return. */
static bool kernel_address(const char *p, size_t len)
{
	return (len == 16 && *p == 'f') || (len == 8 && *p >= '8');
}

static int probe_source(struct vnx_text_worker *w, const struct vnx_text_key *key, const char *p)
{
	struct vnx_text_symbol s;
	const char *end = vnx_text_symbol(++p, &s);
	const struct vnx_text_name *n;

	if (*end != ')')
		return -1;
	if (s.offset == UINT64_MAX && !s.key.system) {
		bool perf = key->system_len == 5 && !memcmp(key->system, "probe", 5);

		p += p[0] == '0' && p[1] == 'x' ? 2 : 0;
		return perf || kernel_address(p, (size_t)(end - p)) ? named_after(w, key) : -1;
	}
	n = find_function(w, &s.key);
	if (!n)
		return -1;
	w->functions |= 1ULL << n->function;
	return s.offset <= ENTRY_BYTES ? n->probe : -1;
}

int vnx_text_source(struct vnx_text_worker *w, const struct vnx_text_key *key, const char *body)
{
	const struct vnx_text_name *n = vnx_text_find(w->names, VNX_TEXT_TP, key);

	if (n)
		return n->source;
	if (*body == '(')
		return probe_source(w, key, body);
	/* perf script that was told to leave the fields out: -F comm,tid,time,event */
	return key->system_len == 5 && !memcmp(key->system, "probe", 5) ? named_after(w, key) : -1;
}

void vnx_text_marker(struct vnx_text_worker *w, const char *body)
{
	size_t len = (size_t)((const char *)rawmemchr(body, '\n') - body);
	const char *p = memmem(body, len, MARKER, strlen(MARKER));

	if (!p)
		return;
	len -= (size_t)(p - body);
	while (len && (p[len - 1] == '\r' || p[len - 1] == ' '))
		len--;
	if (vnx_trace_marker(w->trace, p, len))
		w->shard->error = -ENOMEM;
}

/* ---- threads ---- */

void vnx_text_trim(struct vnx_text_thread *t, const char *from, const char *end)
{
	while (from < end && *from == ' ')
		from++;
	while (end > from && end[-1] == ' ')
		end--;
	t->comm = from;
	t->comm_len = (size_t)(end - from);
}

static bool was_nameless(struct vnx_text_worker *w, uint32_t tid)
{
	for (unsigned i = 0; i < w->n_nameless; i++)
		if (w->nameless[i] == tid) {
			w->nameless[i] = w->nameless[--w->n_nameless];
			return true;
		}
	return false;
}

/* A name that is forgotten when a thread is first seen ("<...>") may be told later. */
void vnx_text_thread(struct vnx_text_worker *w, const struct vnx_text_thread *thread, bool fresh)
{
	bool named = thread->comm && thread->comm_len &&
		     !(thread->comm_len == 5 && !memcmp(thread->comm, "<...>", 5));
	char comm[VNX_COMM_LEN] = "";
	int ret;

	if (!fresh && (!named || !was_nameless(w, thread->tid)))
		return;
	if (named)
		snprintf(comm, sizeof(comm), "%.*s", (int)thread->comm_len, thread->comm);
	else if (fresh && w->n_nameless < VNX_TEXT_NAMELESS)
		w->nameless[w->n_nameless++] = thread->tid;
	ret = vnx_trace_thread(w->trace, thread->tid, thread->tgid, named ? comm : NULL);
	if (ret)
		w->shard->error = ret;
}

/* ---- scanning ---- */

const char *vnx_text_odd_time(const char *p, uint64_t *t_ns, bool *whole)
{
	const char *begin = p;
	uint64_t secs = 0, frac = 0;
	int digits = 0;

	for (; vnx_text_digit(*p) && p - begin < 19; p++)
		secs = secs * 10 + (uint64_t)(*p - '0');
	if (p == begin || vnx_text_digit(*p))
		return NULL;
	*whole = *p != '.';
	*t_ns = secs;
	if (*whole)
		return p;
	for (p++; vnx_text_digit(*p) && digits < 9; p++, digits++)
		frac = frac * 10 + (uint64_t)(*p - '0');
	if (!digits || vnx_text_digit(*p) || secs > INT64_MAX / VNX_NSEC_PER_SEC - 1)
		return NULL;
	for (; digits < 9; digits++)
		frac *= 10;
	*t_ns = secs * VNX_NSEC_PER_SEC + frac;
	return p;
}

int vnx_text_probe(const unsigned char *head, size_t len, int (*line)(const char *p))
{
	const char *p = (const char *)head, *end = p + len;
	unsigned events = 0, others = 0;

	for (int i = 0; i < PROBE_LINES; i++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		int what;

		if (!nl) /* the head may end in a line: that one tells nothing */
			break;
		what = line(p);
		events += what > 0;
		others += what < 0;
		p = nl + 1;
	}
	return events > others ? PROBE_SCORE : 0;
}

/* ---- what is said of it ---- */

#define HINT_GRAPH                                                                                  \
	"Have it print them: `echo 1 > options/funcgraph-abstime; echo 1 > options/funcgraph-proc`" \
	" in tracefs before `trace` is read, or `-O funcgraph-abstime -O funcgraph-proc` of "       \
	"trace-cmd start; `trace-cmd report` always prints them"

static const struct {
	const char *code, *sentence, *hint;
} refusals[VNX_TEXT_FLAWS] = {
	[VNX_TEXT_NO_TIME] = { "no-times",
			       "%s is of the function_graph tracer without absolute times: when "
			       "its calls were is not told",
			       HINT_GRAPH },
	[VNX_TEXT_NO_THREAD] = { "no-threads",
				 "%s is of the function_graph tracer without threads: whose its "
				 "calls were is not told",
				 HINT_GRAPH },
	[VNX_TEXT_TICKS] = { "no-times",
			     "the stamps in %s are counts, not seconds: it was made with the clock "
			     "counter or x86-tsc",
			     "Record with a clock that tells time: `echo mono > trace_clock` in "
			     "tracefs, or `trace-cmd record -C mono`" },
};

static const char *const warnings[VNX_TEXT_FLAWS] = {
	[VNX_TEXT_BAD] = "not understood",
	[VNX_TEXT_LONG] = "longer than any line of a trace",
	[VNX_TEXT_CUT] = "cut off at the end of the file",
	[VNX_TEXT_NO_TIME] = "of the function_graph tracer without absolute times",
	[VNX_TEXT_NO_THREAD] = "of the function_graph tracer without threads",
	[VNX_TEXT_TICKS] = "stamped by a clock that does not count time",
	[VNX_TEXT_CLOCK] = "stamped otherwise than the first one (in latency format or not)",
	[VNX_TEXT_PERIOD] = "estimates, of several events each,",
};

static void warn_flaws(struct vnx_reader *x)
{
	const char *of = x->bytes && x->bytes->unpacked ? " of the unpacked text" : "";

	for (int i = 0; i < VNX_TEXT_FLAWS; i++)
		if (x->flaws[i] == 1)
			vnx_trace_warn(x->trace,
				       "one line, at byte %" PRIu64 "%s, is %s and left out",
				       x->flaw_at[i], of, warnings[i]);
		else if (x->flaws[i])
			vnx_trace_warn(x->trace,
				       "%" PRIu64 " lines, the first at byte %" PRIu64
				       "%s, are %s and left out",
				       x->flaws[i], x->flaw_at[i], of, warnings[i]);
}

/* Nothing to count, for a reason that has its own remedy. */
static int refuse(const struct vnx_reader *x, uint64_t events, bool counted, struct vnx_err *err)
{
	for (int i = 0; i < VNX_TEXT_FLAWS; i++) {
		bool none = i == VNX_TEXT_NO_THREAD ? !counted : !events;

		/* A few among bytes of any kind are an accident, no format. */
		if (!refusals[i].code || !none || x->flaws[i] <= x->flaws[VNX_TEXT_BAD])
			continue;
		vnx_err_hint(err, "%s", refusals[i].hint);
		return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, refusals[i].code,
				   refusals[i].sentence, x->in->path);
	}
	return 0;
}

int vnx_text_tell(struct vnx_reader *x, struct vnx_err *err)
{
	const char *const *functions = vnx_trace_functions(x->trace);
	unsigned short_names = 0;
	bool counted = false;
	uint64_t events = 0, seen = 0;

	for (unsigned i = 0; i < x->n_workers; i++) {
		events += x->workers[i].events;
		counted |= x->workers[i].shard->n_slots > 0;
		seen |= x->workers[i].functions;
		if (x->workers[i].short_names)
			short_names = x->workers[i].short_names;
	}
	for (unsigned i = 0; functions[i] && i < 64; i++)
		if (seen & 1ULL << i)
			vnx_trace_saw_symbol(x->trace, functions[i]);
	warn_flaws(x);
	x->cut_names = short_names != 0;
	/* A trace.dat has the names in full beside its text. */
	if (short_names && !x->bytes)
		vnx_trace_warn(x->trace,
			       "%s cuts the names of threads to %u characters: the VM of some is "
			       "not told by theirs",
			       x->relative ? "the latency format" : "the function_graph tracer",
			       short_names);
	return refuse(x, events, counted, err);
}
