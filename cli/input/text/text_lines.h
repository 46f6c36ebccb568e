/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the readers of text share: blocks of whole lines that worker threads decode at once,
 * names of events looked up without copying them, and what has to be told in the order of the
 * file though blocks are decoded out of it: losses and lines left out.
 *
 * Every line that a decoder is given ends in '\n': a scan that stops there needs no end.
 */
#ifndef VNX_TEXT_LINES_H
#define VNX_TEXT_LINES_H

#include "cli/input/trace/trace.h"

#define VNX_TEXT_CPUS 16384 /* of these, losses are told apart; a power of two */
#define VNX_TEXT_NAMELESS 64

/* Why a line was left out. */
enum vnx_text_flaw {
	VNX_TEXT_BAD,       /* not understood */
	VNX_TEXT_LONG,      /* longer than a block */
	VNX_TEXT_CUT,       /* the last one of a file, without its end */
	VNX_TEXT_NO_TIME,   /* function_graph without absolute times */
	VNX_TEXT_NO_THREAD, /* function_graph that does not tell whose call it is */
	VNX_TEXT_TICKS,     /* stamps of a clock that counts something else than time */
	VNX_TEXT_CLOCK,     /* latency format among absolute times, or the other way round */
	VNX_TEXT_PERIOD,    /* a sample that stands for several events */
	VNX_TEXT_FLAWS
};

/* What opens a loss on a CPU, closed by the CPU's next event. */
#define VNX_TEXT_LOST 1u    /* from the CPU's last event */
#define VNX_TEXT_STARTED 2u /* the CPU's buffer begins here: what was before is overwritten */
#define VNX_TEXT_ANY_CPU 4u /* the CPU is not told: from the start of the trace */

struct vnx_text_cpu {
	uint64_t first_ns, last_ns; /* of its events in the block, where has */
	uint64_t lost;              /* events of the open loss, 0: not told how many */
	uint64_t block;             /* whose state this is */
	unsigned open;              /* VNX_TEXT_LOST ... */
	bool has;
};

struct vnx_text_loss {
	uint64_t from_ns, to_ns, count;
	unsigned open;
	uint16_t cpu;
	bool from_known; /* else from the CPU's last event in the blocks before */
};

struct vnx_text_losses {
	struct vnx_text_loss *v;
	size_t n, cap;
};

/* ---- names of events ---- */

enum vnx_text_what {
	VNX_TEXT_FUNCTION, /* of the function tracers and of probes */
	VNX_TEXT_TP,
	VNX_TEXT_WORD, /* an event that means something to the reader itself */
};

struct vnx_text_name {
	char name[64], system[32]; /* system "": any */
	uint8_t len, system_len, next;
	enum vnx_text_what what;
	int source;       /* vnx_trace_source(); of FUNCTION as a call */
	int probe;        /* of FUNCTION as a probe; of WORD its number */
	uint8_t function; /* of FUNCTION: its place in vnx_trace_functions() */
};

#define VNX_TEXT_NAMES 128

struct vnx_text_names {
	uint8_t bucket[256]; /* 1 + number of the first name, 0: none */
	struct vnx_text_name v[VNX_TEXT_NAMES];
	unsigned n;
};

static inline unsigned vnx_text_hash(const char *p, size_t len)
{
	return ((unsigned char)p[0] * 31u + (unsigned char)p[len - 1] * 7u +
		(unsigned char)p[len / 2] * 3u + (unsigned)len) &
	       255;
}

struct vnx_text_key {
	const char *name, *system; /* @system NULL: not told */
	size_t len, system_len;
};

const struct vnx_text_name *vnx_text_find_slow(const struct vnx_text_names *names, unsigned at,
					       enum vnx_text_what what,
					       const struct vnx_text_key *key);

/* NULL: no such name. Nearly all names of a trace end at the first look. */
static inline const struct vnx_text_name *vnx_text_find(const struct vnx_text_names *names,
							enum vnx_text_what what,
							const struct vnx_text_key *key)
{
	unsigned at = key->len ? names->bucket[vnx_text_hash(key->name, key->len)] : 0;

	return at ? vnx_text_find_slow(names, at, what, key) : NULL;
}

/* ---- decoding ---- */

struct vnx_text_worker {
	struct vnx_reader *text;
	struct vnx_trace *trace;
	struct vnx_trace_shard *shard;
	const struct vnx_text_names *names;
	char *buf;
	uint64_t block, offset; /* number of the block, of its first byte in the input */
	size_t len;             /* of its whole lines */
	uint64_t events;        /* understood, of any kind; of all blocks */
	struct vnx_text_cpu *cpus;
	uint16_t touched[VNX_TEXT_CPUS];
	unsigned n_touched;
	struct vnx_text_losses losses;
	uint64_t flaws[VNX_TEXT_FLAWS], flaw_at[VNX_TEXT_FLAWS]; /* of the block */
	uint64_t functions;  /* bit i: vnx_trace_functions()[i] was seen */
	bool relative;       /* stamps count from a start that is not told: "since-start" */
	uint8_t short_names; /* names of threads are cut to so many characters, 0: they are not */
	uint32_t nameless[VNX_TEXT_NAMELESS]; /* threads counted whose name was forgotten */
	unsigned n_nameless;
	uint32_t private[2]; /* the format's own */
};

struct vnx_text_format {
	/* Decodes the whole lines from @p to @end. */
	void (*decode)(struct vnx_text_worker *w, const char *p, const char *end);
	/* Names that mean something to the reader: vnx_text_name.probe is the place in here. */
	const char *const *words;
	const char *capture; /* what recorded it */
	const char *remedy;  /* vnx_trace_facts.remedy */
	/* Asked of the first block: do stamps count from a start that is not told? May be NULL. */
	bool (*relative)(const char *p, const char *end);
};

/* Text that is a part of something else. */
struct vnx_text_bytes {
	/* Up to @len next bytes, fewer at the end only; -errno. One thread at a time. */
	ssize_t (*read)(void *arg, void *buf, size_t len);
	void *arg;
	uint64_t size;   /* at most */
	uint64_t offset; /* in the file, of the first byte, where not unpacked */
	bool unpacked;   /* offsets are of what was unpacked */
	bool cut;        /* the end is known not to be the writer's */
};

/* What the text tells of the machine; "" and 0 where it does not. Decoders lock. */
struct vnx_text_facts {
	char clock[16], kernel[96], host[96];
	bool has_realtime;
	int64_t realtime_minus_mono_ns;
	uint64_t overwritten; /* events that the buffer had no room for any more */
};

void vnx_text_lock(struct vnx_reader *text);
void vnx_text_unlock(struct vnx_reader *text);
struct vnx_text_facts *vnx_text_facts(struct vnx_reader *text);

/* Reads and decodes all of @in. */
int vnx_text_open(struct vnx_reader **out, struct vnx_input *in, const struct vnx_reader_conf *conf,
		  const struct vnx_text_format *format, struct vnx_err *err) VNX_MUST_CHECK;
/*
 * Reads and decodes @bytes into @t, which stays the caller's and tells the run; it may know
 * threads by name already. *clock is set where the text tells of its own ("since-start").
 */
int vnx_text_into(struct vnx_trace *t, struct vnx_input *in, const struct vnx_reader_conf *conf,
		  const struct vnx_text_format *format, const struct vnx_text_bytes *bytes,
		  const char **clock, struct vnx_err *err) VNX_MUST_CHECK;
extern const struct vnx_text_format vnx_ftrace_text_format;
int vnx_text_run(struct vnx_reader *text, struct vnx_run *run, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_text_next(struct vnx_reader *text, struct vnx_sample *s, struct vnx_err *err);
void vnx_text_close(struct vnx_reader *text);

/* The line at @p is left out. */
void vnx_text_flaw(struct vnx_text_worker *w, enum vnx_text_flaw flaw, const char *p);
/* Events were lost on @cpu, @open says where; @count 0: not told how many. */
void vnx_text_lost(struct vnx_text_worker *w, uint32_t cpu, unsigned open, uint64_t count);
void vnx_text_event_slow(struct vnx_text_worker *w, uint16_t cpu, uint64_t t_ns);

/* An event, counted or not. */
static inline void vnx_text_event(struct vnx_text_worker *w, uint32_t cpu, uint64_t t_ns)
{
	struct vnx_text_cpu *c = &w->cpus[cpu & (VNX_TEXT_CPUS - 1)];

	w->events++;
	vnx_trace_seen(w->shard, t_ns);
	if (__builtin_expect(c->block == w->block && c->has && !c->open, 1))
		c->last_ns = t_ns;
	else
		vnx_text_event_slow(w, (uint16_t)(cpu & (VNX_TEXT_CPUS - 1)), t_ns);
}

/* Whose event it is; @comm is not terminated, NULL where it is not told. */
struct vnx_text_thread {
	uint32_t tid, tgid;
	const char *comm;
	size_t comm_len;
};
/* @t gets the name from @from to @end without the blanks around it. */
void vnx_text_trim(struct vnx_text_thread *t, const char *from, const char *end);

void vnx_text_thread(struct vnx_text_worker *w, const struct vnx_text_thread *thread, bool fresh);

static inline void vnx_text_count(struct vnx_text_worker *w, int source,
				  const struct vnx_text_thread *thread, uint64_t t_ns)
{
	bool fresh = vnx_trace_count(w->shard, source, thread->tid, t_ns);

	if (fresh || w->n_nameless)
		vnx_text_thread(w, thread, fresh);
}

/* The source of a call of @function, which exists in this kernel. */
static inline int vnx_text_called(struct vnx_text_worker *w, const struct vnx_text_name *function)
{
	w->functions |= 1ULL << function->function;
	return function->source;
}
/* A symbol as the kernel prints it: "handle_tx+0x4/0x6b0 [vhost_net] <ffffffffc0a4b0c4>". */
struct vnx_text_symbol {
	struct vnx_text_key key; /* its name; the module as the system, NULL where not told */
	uint64_t offset;         /* UINT64_MAX: not told */
};
/* All but the name, from behind that on. */
const char *vnx_text_symbol_parts(const char *p, struct vnx_text_symbol *s);
/* The source of a call of the function @key, -1 none; it exists in this kernel. */
int vnx_text_function(struct vnx_text_worker *w, const struct vnx_text_key *key);
/*
 * The source of event @key whose fields begin at @body, -1 none: a tracepoint, or a probe,
 * which prints where it is: "(handle_tx+0x0/0x6b0 [vhost_net])", "(ffffffffc0a4b0c0)".
 */
int vnx_text_source(struct vnx_text_worker *w, const struct vnx_text_key *key, const char *body);
/* Tells the shared base of a line "vnetdx vm ..." somewhere from @body on. */
void vnx_text_marker(struct vnx_text_worker *w, const char *body);

/*
 * How much of @head looks like the format: 0 or 70, by what @line says of each whole line:
 * 1 an event, 0 of no meaning, -1 something else.
 */
int vnx_text_probe(const unsigned char *head, size_t len, int (*line)(const char *p));

/* ---- scanning ---- */

extern const uint8_t vnx_text_name_chars[256]; /* what names of events and functions have */

static inline bool vnx_text_digit(char c)
{
	return (unsigned)(c - '0') < 10;
}

static inline const char *vnx_text_blanks(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

static inline const char *vnx_text_name(const char *p)
{
	while (vnx_text_name_chars[(unsigned char)*p])
		p++;
	return p;
}

/* Behind a number of up to 9 digits; NULL where there is none. */
static inline const char *vnx_text_u32(const char *p, uint32_t *v)
{
	const char *begin = p;
	uint32_t x = 0;

	for (; vnx_text_digit(*p) && p - begin < 10; p++)
		x = x * 10 + (uint32_t)(*p - '0');
	*v = x;
	return p == begin || p - begin > 9 ? NULL : p;
}

/*
 * Behind "SECONDS.FRACTION"; NULL where there is none, or one of no trace: from 2^63 ns on.
 * Without a fraction, behind the digits, with *t_ns the number and *whole set.
 */
const char *vnx_text_odd_time(const char *p, uint64_t *t_ns, bool *whole);

static inline const char *vnx_text_time(const char *p, uint64_t *t_ns, bool *whole)
{
	const char *begin = p;
	uint64_t secs = 0;
	uint32_t frac = 0;

	for (; vnx_text_digit(*p) && p - begin < 9; p++)
		secs = secs * 10 + (uint64_t)(*p - '0');
	/* Microseconds of up to 31 years: as good as all. */
	if (*p == '.' && p > begin) {
		int i = 1;

		for (; i <= 6 && vnx_text_digit(p[i]); i++)
			frac = frac * 10 + (uint32_t)(p[i] - '0');
		if (i == 7 && p[7] == ':') {
			*t_ns = secs * VNX_NSEC_PER_SEC + frac * 1000ULL;
			*whole = false;
			return p + 7;
		}
	}
	return vnx_text_odd_time(begin, t_ns, whole);
}

/* Behind the symbol at @p; of its parts all but the name may be missing, and most often are. */
static inline const char *vnx_text_symbol(const char *p, struct vnx_text_symbol *s)
{
	const char *end = vnx_text_name(p);

	*s = (struct vnx_text_symbol){ { .name = p, .len = (size_t)(end - p) }, UINT64_MAX };
	if (*end == '+' || (end[0] == ' ' && (end[1] == '[' || (end[1] == '<' && end[2] != '-'))))
		return vnx_text_symbol_parts(end, s);
	return end;
}

#endif
