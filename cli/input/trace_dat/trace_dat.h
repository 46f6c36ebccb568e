/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by trace_dat*.c only. Formats: trace-cmd.dat.v6(5), trace-cmd.dat.v7(5) and, for the
 * pages, the kernel's include/linux/ring_buffer.h and kernel/trace/ring_buffer.c.
 */
#ifndef VNX_TRACE_DAT_H
#define VNX_TRACE_DAT_H

#include "cli/input/trace/trace_sched.h"

/* ---- numbers of the file, in its byte order ---- */

static inline uint16_t dat_u16(const void *p, bool swap)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t dat_u32(const void *p, bool swap)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap32(v) : v;
}

static inline uint64_t dat_u64(const void *p, bool swap)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return swap ? __builtin_bswap64(v) : v;
}

/* ---- what the file says of itself ---- */

#define DAT_HEADER_MAX 16384 /* bytes of the header_page and header_event texts */
#define DAT_FORMAT_MAX 65536 /* of one event's format: the kernel's are under 20 KB */
#define DAT_PAGE_MIN 256
#define DAT_PAGE_MAX (4u << 20)
#define DAT_EVENTS 255    /* events that matter, of all that the file describes */
#define DAT_LAYERS 32     /* the tracers and tracepoints, and each kprobe event */
#define DAT_FUNCTIONS 64  /* names that the ladder asks for */
#define DAT_ADDRESSES 128 /* symbols of those names */
#define DAT_BUFFERS 256
#define DAT_ENTRY_BYTES 16 /* see function_at() */

enum dat_codec { DAT_PLAIN, DAT_ZLIB, DAT_ZSTD };

enum dat_kind {
	DAT_COUNT,   /* a tracepoint */
	DAT_CALL,    /* function, funcgraph_entry */
	DAT_REPEAT,  /* func_repeats: the same call again, so many times */
	DAT_PROBE,   /* a kprobe event */
	DAT_PRINT,   /* text written to trace_marker */
	DAT_SWITCH,  /* sched_switch: names, and who had a CPU */
	DAT_WAKEUP,  /* sched_wakeup */
	DAT_NEW,     /* sched_wakeup_new */
	DAT_NEWTASK, /* task_newtask: a name and whose thread it is */
};

/* Where fields are in a record; need: bytes that a record must have for all of them. */
struct dat_event {
	uint8_t kind, layer, ip_size;
	int8_t source; /* counted whatever else it tells, -1: not */
	uint16_t need, pid, ip, count;
	uint16_t tid[2], comm[2], flags, state;
	uint8_t state_size; /* of prev_state, 0: not told */
	/* DAT_PROBE: source by function, the last: of any other; by its own name alone */
	int8_t probed[DAT_FUNCTIONS + 1], by_name;
};

struct dat_address {
	uint64_t at;
	uint8_t function; /* its number in vnx_trace_functions() */
	bool own_module;  /* the one that the ladder names */
};

struct dat_cpu {
	uint32_t cpu;
	uint64_t offset, size; /* in the file */
};

struct dat_buffer {
	char name[64], clock[32];
	uint32_t page_size;
	bool packed;
	struct {
		struct dat_cpu *v;
		size_t n, cap;
	} cpus;
};

/* OPTION_CPUSTAT: per_cpu/cpuN/stats when the recording ended. */
struct dat_stat {
	char buffer[64];
	uint32_t cpu;
	uint64_t overrun, dropped; /* events lost: overwritten in time order, and at any time */
	uint64_t now;              /* of the buffer's clock, 0: not told */
};

struct dat {
	const struct vnx_input *in;
	struct vnx_trace *t;
	struct vnx_err *err; /* while it opens */
	unsigned version;
	bool swap; /* the file's byte order is not ours */
	uint64_t bin_ns;
	uint32_t page_size, cpu_count;
	enum dat_codec codec;
	uint64_t options; /* v7: offset of the first */
	/* header_page */
	uint16_t commit_size;
	/* events */
	uint8_t index[65536]; /* by id: place in events, 0: none */
	struct dat_event events[DAT_EVENTS + 1];
	unsigned n_events, n_layers;
	uint16_t type_at; /* of common_type */
	bool has_type;
	bool switches; /* sched_switch is described, with all that is wanted of it */
	struct dat_address addresses[DAT_ADDRESSES]; /* sorted */
	unsigned n_addresses;
	int8_t called[DAT_FUNCTIONS]; /* source of each function's entry, -1 */
	/* options */
	char clock[32], kernel[128], host[128], capture[64];
	bool has_date;
	int64_t date_us, offset_ns;
	uint32_t tsc_mult, tsc_shift;
	struct {
		uint64_t at, end; /* in the file; end 0: there is none */
		bool packed, cut; /* cut: the file ends in it */
	} text;
	struct {
		struct dat_stat *v;
		size_t n, cap;
	} stats;
	struct {
		struct dat_buffer *v;
		size_t n, cap;
	} buffers;
};

/* The one sentence for a file that gives nothing; returns -EBADMSG. */
int dat_unusable(struct dat *d, const char *fmt, ...) VNX_PRINTF(2, 3);
/* Headers, formats, symbols, names, options, buffers; 0 or -errno with a sentence. */
int dat_read_headers(struct dat *d) VNX_MUST_CHECK;
void dat_fini(struct dat *d);

/* ---- bytes in order, unpacked where they are packed ---- */

struct dat_stream {
	const struct dat *dat;
	uint64_t at, end; /* of the file, still to be read */
	/* packed: */
	enum dat_codec codec;
	bool chunked;
	uint32_t packed_left, left; /* bytes of this block still to come, before and after */
	void *unpack;               /* z_stream or ZSTD_DCtx */
	/* buffer */
	uint8_t *buf;
	size_t buf_at, buf_len;
	int error; /* -ENODATA: the file ends early; -EBADMSG: it does not unpack; -errno */
};

/* From @at up to @end; the file's end is an error if it comes earlier. */
int dat_stream_plain(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end);
/* One packed block of metadata (sizes and data) at @at; chunks of trace data up to @end. */
int dat_stream_block(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end);
int dat_stream_chunks(struct dat_stream *s, const struct dat *d, uint64_t at, uint64_t end);
void dat_stream_close(struct dat_stream *s);
/* Where in the file the next byte stands, of a plain one. */
uint64_t dat_stream_at(const struct dat_stream *s);
/* Up to @len bytes: fewer at the end, where s->error says whether it is the proper one. */
size_t dat_stream_read(struct dat_stream *s, void *buf, size_t len);
/* Exactly @len bytes: 0 or the stream's error. */
int dat_stream_get(struct dat_stream *s, void *buf, size_t len) VNX_MUST_CHECK;
int dat_stream_skip(struct dat_stream *s, uint64_t len) VNX_MUST_CHECK;
int dat_stream_get32(struct dat_stream *s, uint32_t *v) VNX_MUST_CHECK;
int dat_stream_get64(struct dat_stream *s, uint64_t *v) VNX_MUST_CHECK;
/* Lines of the next @size bytes, without '\n', NUL-terminated; too long ones are cut. */
int dat_stream_lines(struct dat_stream *s, uint64_t size, void (*fn)(void *arg, char *line),
		     void *arg) VNX_MUST_CHECK;

/* ---- sections ---- */

int dat_read_header_info(struct dat *d, struct dat_stream *s) VNX_MUST_CHECK;
int dat_read_ftrace_formats(struct dat *d, struct dat_stream *s) VNX_MUST_CHECK;
int dat_read_event_formats(struct dat *d, struct dat_stream *s) VNX_MUST_CHECK;
int dat_read_kallsyms(struct dat *d, struct dat_stream *s) VNX_MUST_CHECK;
int dat_read_cmdlines(struct dat *d, struct dat_stream *s) VNX_MUST_CHECK;
/* One format; no interest is no error. */
void dat_take_format(struct dat *d, const char *system, const char *text, size_t len);
/* After formats and symbols: which source each function feeds. */
void dat_resolve(struct dat *d);

/* ---- options ---- */

enum dat_option {
	DAT_OPT_DONE = 0,
	DAT_OPT_DATE = 1,
	DAT_OPT_CPUSTAT = 2,
	DAT_OPT_BUFFER = 3,
	DAT_OPT_TRACECLOCK = 4,
	DAT_OPT_UNAME = 5,
	DAT_OPT_OFFSET = 7,
	DAT_OPT_CPUCOUNT = 8,
	DAT_OPT_VERSION = 9,
	DAT_OPT_TSC2NSEC = 14,
	DAT_OPT_HEADER_INFO = 16,
	DAT_OPT_FTRACE_EVENTS = 17,
	DAT_OPT_EVENT_FORMATS = 18,
	DAT_OPT_KALLSYMS = 19,
	DAT_OPT_CMDLINES = 21,
	DAT_OPT_BUFFER_TEXT = 22,
};

/* An option that means the same in both versions; @data is NUL-terminated behind @len. */
int dat_take_option(struct dat *d, unsigned id, const char *data, size_t len) VNX_MUST_CHECK;
/* "[mono]" among others, or a name alone. */
void dat_take_clock(char clock[32], const char *text);

/* v7 whose list of buffers is cut off: looks for their data behind @at. */
int dat_rescue(struct dat *d, uint64_t at) VNX_MUST_CHECK;

/* ---- names and processes that events tell of; one a worker ---- */

struct dat_people;

struct dat_people *dat_people_new(void);
void dat_people_free(struct dat_people *p);
/* @comm has up to VNX_COMM_LEN bytes; the latest of a thread stands. */
void dat_people_name(struct dat_people *p, uint32_t tid, const char *comm, uint64_t t_ns);
/* task_newtask: @tid came from @parent; @thread: as a thread of the same process. */
void dat_people_born(struct dat_people *p, uint32_t tid, uint32_t parent, bool thread);
/* Text of trace_marker, kept where it may be ours. */
void dat_people_marker(struct dat_people *p, const char *text, size_t len, uint64_t t_ns);
/* Tells the trace of all of them. */
int dat_people_tell(struct vnx_trace *t, struct dat_people **all, size_t n) VNX_MUST_CHECK;

/* ---- pages ---- */

struct dat_gap {
	uint64_t from_ns, to_ns, count;
	bool told; /* count is the kernel's */
};

struct dat_gaps {
	struct dat_gap *v;
	size_t n, cap;
};

/* A run of pages of one CPU: what one job decodes. */
struct dat_part {
	uint16_t buffer;
	uint32_t cpu;    /* place in the buffer's cpus */
	uint64_t page;   /* number of the first */
	uint64_t offset; /* in the file, of the first page or chunk */
	uint64_t bytes;  /* to decode, unpacked */
	/* results: */
	bool any, first_gap; /* has events; lost some before the first of them */
	struct dat_gap before;
	uint64_t first_ns, last_ns;
	bool done;
	uint64_t stamp_ns; /* no event in it, nor in what follows of the CPU, is before this */
	bool more;         /* the CPU's data go on, but cannot be found */
	bool cut;          /* lost what should follow its last event: */
	struct dat_gap tail;
	struct dat_gaps gaps;
};

#define DAT_CACHE 256

/* One decoding thread. */
struct dat_worker {
	const struct dat *dat;
	struct vnx_trace_shard **shards; /* [buffer * DAT_LAYERS + layer], made when needed */
	struct vnx_trace_shard **now;    /* of the buffer at work */
	struct dat_people *people;
	struct vnx_sched_batch sched;   /* of the part at work */
	struct vnx_sched_cpu sched_cpu; /* that of the part */
	bool no_sched;                  /* the part's clock is another */
	bool took_sched, passed_sched;  /* a switch was taken; for its clock was not */
	uint64_t bin_ns;
	uint8_t *block;
	size_t block_len;
	struct {
		uint64_t ip;
		int16_t function; /* -1: none of ours */
	} cache[DAT_CACHE];
	bool no_memory;
};

/* A page at work. */
struct dat_page {
	struct dat_worker *w;
	uint64_t base, limit; /* raw time: of the page, and what events cannot exceed */
	uint64_t first_ns, last_ns;
	bool any;
	const char *damage; /* why decoding ended early, NULL */
};

/* Time stamp of the file to ns of its clock. */
uint64_t dat_time(const struct dat *d, uint64_t raw);
/* Counts the events of @len bytes at @data; the page's header is read already. */
void dat_page_decode(struct dat_page *page, const uint8_t *data, size_t len);

/* ---- the text of latency tracers ---- */

/* It stands there in the file; a v7 section at @at, its head before it, is checked. */
void dat_take_text(struct dat *d, uint64_t at, uint64_t end, bool packed);
void dat_take_text_section(struct dat *d, uint64_t at);
/* Reads it in place of pages; the clock of the trace is then the text's. */
int dat_decode_text(struct dat *d, struct vnx_input *in,
		    const struct vnx_reader_conf *conf) VNX_MUST_CHECK;

/* ---- switches and wakeups: in which order parts are decoded, and what they had ---- */

struct dat_sched;

/* Borrows @parts, n of them in order of buffer, CPU, page; *out is freed on failure too. */
int dat_sched_new(struct dat_sched **out, const struct dat *d, struct dat_part *parts,
		  size_t n) VNX_MUST_CHECK;
void dat_sched_free(struct dat_sched *s);
/* The part that is job number @job. */
size_t dat_sched_job(const struct dat_sched *s, size_t job);
/* Part @i is decoded, by @w. */
int dat_sched_done(struct dat_sched *s, struct dat_worker *w, size_t i) VNX_MUST_CHECK;
/* There were such events in the buffer; @s may be NULL. */
bool dat_sched_has(const struct dat_sched *s, size_t buffer);

/* ---- all of it ---- */

/* Decodes all buffers into shards of d->t and tells it of losses; 0 or -errno. */
int dat_decode(struct dat *d) VNX_MUST_CHECK;
/* The bytes of @part and what follows of its CPU; closed by the caller, on failure too. */
int dat_part_open(struct dat_stream *s, const struct dat *d,
		  const struct dat_part *part) VNX_MUST_CHECK;
int dat_decode_part(struct dat_worker *w, struct dat_part *part, uint64_t limit) VNX_MUST_CHECK;

#endif
