/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by perf_data*.c only. Formats: tools/perf/Documentation/perf.data-file-format.txt,
 * tools/lib/perf/include/perf/event.h and include/uapi/linux/perf_event.h of the kernel.
 *
 * The file is one stream of records. Whoever holds the stream's lock cuts the next block of
 * whole records from it (perf_data_stream.c) and notes what describes rather than counts;
 * samples are decoded outside the lock (perf_data_decode.c); what needs the order of the
 * file, losses above all, is settled when a block's turn comes.
 */
#ifndef VNX_PERF_DATA_H
#define VNX_PERF_DATA_H

#include <byteswap.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <zstd.h>

#include "cli/input/trace/trace_sched.h"

#define PERF_RECORD_MAX_LEN 65536 /* its size has 16 bits */
#define PERF_BLOCK_LEN (1u << 20)
#define PERF_BUF_LEN (PERF_BLOCK_LEN + PERF_RECORD_MAX_LEN)
#define PERF_CPUS 4096 /* told apart; more are one stream of unknown order */
#define PERF_NO_CPU PERF_CPUS
#define PERF_ID_PLACES 4
#define PERF_PROBED 16 /* functions that one probe event may stand on */

/* Of perf itself, above what the kernel writes. */
enum perf_user_record {
	PERF_USER_ATTR = 64,
	PERF_USER_EVENT_TYPE = 65,
	PERF_USER_TRACING_DATA = 66,
	PERF_USER_FINISHED_ROUND = 68,
	PERF_USER_AUXTRACE = 71,
	PERF_USER_EVENT_UPDATE = 78,
	PERF_USER_FEATURE = 80,
	PERF_USER_COMPRESSED = 81,
	PERF_USER_COMPRESSED2 = 83, /* since 6.16 */
};

enum perf_feature {
	PERF_FEATURE_TRACING_DATA = 1,
	PERF_FEATURE_HOSTNAME = 3,
	PERF_FEATURE_OSRELEASE = 4,
	PERF_FEATURE_VERSION = 5,
	PERF_FEATURE_EVENT_DESC = 12,
	PERF_FEATURE_SAMPLE_TIME = 21,
	PERF_FEATURE_CLOCK_DATA = 29,
	PERF_FEATURES = 256,
};

enum perf_use {
	PERF_USE_NOT,
	PERF_USE_COUNT,
	PERF_USE_PROBE, /* which function is told by __probe_ip */
	PERF_USE_MARKER,
	PERF_USE_SWITCH, /* sched_switch */
	PERF_USE_WAKEUP, /* sched_wakeup */
	PERF_USE_NEW,    /* sched_wakeup_new */
};

/* Fields of sched_switch, and the first two of wakeups: the thread that it is about. */
enum perf_sched_field {
	PERF_SCHED_COMM,
	PERF_SCHED_PID,
	PERF_SCHED_STATE,
	PERF_SCHED_NEXT_COMM,
	PERF_SCHED_NEXT_PID,
	PERF_SCHED_FIELDS
};

struct perf_field {
	uint16_t offset, size; /* in the raw data; size 0: there is none */
};

struct perf_probed {
	uint64_t addr;
	int source;
};

/* A perf_event_attr: what is sampled and how its samples look. Offsets from the record's. */
struct perf_attr {
	uint32_t type, index, n_ids;
	uint64_t config, sample_type, read_format, period;
	int32_t clockid; /* -1: perf's own clock */
	bool freq, sample_id_all;
	char system[64], event[128];                        /* "" where not known (yet) */
	uint16_t id_at, tid_at, time_at, cpu_at, period_at; /* 0: not there */
	uint16_t fixed_len;                        /* up to the first part of varying length */
	uint16_t trailer_len, time_back, cpu_back; /* of other records; from their ends */
	bool described;                            /* by its format, not by its name alone */
	bool numbered;                             /* its name is not told: "unnamed:idNUMBER" */
	bool is_probe, is_return;
	uint16_t field_at, field_len; /* __probe_ip or the marker's text, in the raw data */
	struct perf_field sched[PERF_SCHED_FIELDS];
	enum perf_use use;
	int source;
	bool exact;            /* a sample is a call, whatever its period says */
	atomic_bool estimated; /* a sample was seen that stands for several calls */
	struct perf_probed probed[PERF_PROBED];
	unsigned n_probed;
	uint64_t throttled_ns; /* since; 0: not. Only where ids tell nothing */
};

struct perf_attrs {
	struct perf_attr *v;
	size_t n, cap;
};

/* A kernel event: one attr on one CPU or thread. Open addressing, id 0 is free. */
struct perf_id {
	uint64_t id, throttled_ns;
	uint32_t attr;
};

struct perf_ids {
	struct perf_id *v;
	size_t n, size;
};

struct perf_thread {
	uint32_t tid, tgid; /* tid 0 is free: nobody needs its name */
	char comm[VNX_COMM_LEN];
};

struct perf_threads {
	struct perf_thread *v;
	size_t n, size;
};

/* A symbol of the kernel that a probe may stand on. */
struct perf_symbol {
	uint64_t addr;
	const char *function; /* of vnx_trace_functions() */
};

struct perf_symbols {
	struct perf_symbol *v;
	size_t n, cap;
};

/* Whole records, in one piece. */
struct perf_block {
	uint8_t *data; /* PERF_BUF_LEN */
	size_t len;
	uint64_t number;
	uint64_t offset; /* in the file, of data[0]; or of the compressed record it is from */
	bool packed;
};

enum perf_note_kind {
	PERF_NOTE_LOST,
	PERF_NOTE_LOST_UNTIMED, /* perf's own sum at the end of a recording */
	PERF_NOTE_THROTTLE,
	PERF_NOTE_UNTHROTTLE,
	PERF_NOTE_BAD,
};

/* What a block has to tell in the order of the file. */
struct perf_note {
	enum perf_note_kind kind;
	uint32_t cpu; /* or PERF_NO_CPU */
	uint64_t from_ns, to_ns, count;
	uint64_t id, offset;
	const char *why;
};

struct perf_notes {
	struct perf_note *v;
	size_t n, cap;
};

struct perf_last {
	uint32_t cpu;
	uint64_t t_ns;
};

struct perf_lasts {
	struct perf_last *v;
	size_t n, cap;
};

/* A block's outcome, waiting for its turn. */
struct perf_done {
	struct perf_done *next;
	uint64_t number;
	bool packed;
	uint64_t max_ns;
	uint64_t rounds;        /* finished in it */
	uint64_t round_ns[2];   /* max_ns at the last but one and at the last of them */
	struct perf_lasts cpus; /* the last time of each CPU in it */
	struct perf_notes notes;
	struct vnx_sched_batch sched;
};

/* A sample far from all others in time, until one beside it bears it out. */
struct perf_suspect {
	int source;
	uint32_t pid, tid, cpu;
	uint64_t t_ns, offset;
	bool packed, is_set;
};

struct perf_worker {
	struct perf_data *pd;
	struct vnx_trace_shard *shard;
	struct perf_block block;
	struct perf_done *done; /* of the block */
	uint64_t near_ns;       /* the last time believed */
	bool near_known;
	struct perf_suspect suspect;
	struct vnx_sched_batch far, suspected; /* switches of the far sample at hand, of suspect */
	uint64_t last_id;                      /* a memory of one */
	struct perf_attr *last_attr;
	uint64_t cpu_ns[PERF_CPUS];
	struct vnx_sched_cpu *sched_cpus; /* PERF_CPUS, of the block; NULL: no switch yet */
};

/* The file's own losses of one CPU that fall into one bin are one. */
struct perf_loss {
	uint64_t from_ns, to_ns, count; /* count 0: none */
};

struct perf_stream {
	pthread_mutex_t lock;
	uint64_t at, left; /* where to read on, how much there is of it */
	uint8_t *buf;      /* read, not handed out: [pos, len); PERF_BUF_LEN */
	size_t pos, len;
	uint64_t next_number;
	bool over, cut; /* no more; not as its writer wanted it to end */
	bool packed;
	ZSTD_DStream *zstd;
	ZSTD_inBuffer zin;   /* in buf */
	uint64_t packed_at;  /* file offset of what zin is from */
	uint64_t pieces_end; /* of records that perf 6.16 wrote under one head */
	uint8_t *inner;      /* unpacked, not handed out; PERF_BUF_LEN */
	size_t inner_len;
	char why[192]; /* the end's reason, "" */
	uint64_t unknown, unknown_at, unknown_type;
};

struct perf_data {
	struct vnx_trace *trace;
	struct vnx_input *in;
	const struct vnx_reader_conf *conf;
	bool swap, pipe, frozen;
	bool unfinished; /* perf record was killed: no length, no sections behind the data */
	bool nameless;   /* tracepoints are known by their numbers only */
	struct perf_attrs attrs;
	struct perf_ids ids;
	uint16_t id_places[PERF_ID_PLACES];
	unsigned n_id_places;
	struct perf_threads threads;
	struct perf_symbols symbols;
	bool has_symbols;
	char host[64], kernel[128], version[64];
	bool has_realtime;
	int64_t realtime_minus_clock_ns;
	uint64_t last_sample_ns; /* as the file says; 0: it does not */
	uint64_t searched;       /* by names, so far */
	struct perf_stream stream;
	struct perf_worker *workers;
	unsigned n_workers;

	/* in the order of the file */
	pthread_mutex_t order;
	struct perf_done *waiting;
	uint64_t next_done;
	uint64_t max_ns, round_ns, whole_ns; /* all before whole_ns is in the file, 0: unknown */
	uint64_t cpu_ns[PERF_CPUS];
	struct perf_loss loss[PERF_CPUS + 1];
	uint64_t lost_timed, lost_untimed;
	bool switches; /* of threads are read */
};

static inline bool vnx_perf_is_sched(const struct perf_attr *a)
{
	return a->use == PERF_USE_SWITCH || a->use == PERF_USE_WAKEUP || a->use == PERF_USE_NEW;
}

static inline uint16_t perf_u16(const struct perf_data *pd, const void *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return pd->swap ? bswap_16(x) : x;
}

static inline uint32_t perf_u32(const struct perf_data *pd, const void *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return pd->swap ? bswap_32(x) : x;
}

static inline uint64_t perf_u64(const struct perf_data *pd, const void *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return pd->swap ? bswap_64(x) : x;
}

/* A file that has us search for more names than any host has is hostile: no more then. */
static inline bool vnx_perf_afford(struct perf_data *pd, size_t rows)
{
	pd->searched += rows;
	return pd->searched < 1u << 28;
}

/* ---- perf_data_events.c: what was sampled ---- */

/* @len bytes of perf_event_attr; *out stays valid until the next. -E2BIG, -EPROTO, -ENOMEM. */
int vnx_perf_attr_add(struct perf_data *pd, const uint8_t *p, size_t len, uint32_t *index);
int vnx_perf_id_add(struct perf_data *pd, uint64_t id, uint32_t attr);
struct perf_id *vnx_perf_id_find(const struct perf_data *pd, uint64_t id);
/* "kvm:kvm_entry", perhaps with modifiers; a name that is there stays. */
void vnx_perf_attr_name(struct perf_attr *attr, const char *name, size_t len);
/* No more descriptions: finds out which attrs feed which metric. */
void vnx_perf_freeze(struct perf_data *pd);
/* After decoding: takes back what estimated attrs counted. */
void vnx_perf_drop_estimates(struct perf_data *pd);

/* ---- perf_data_meta.c: what the file tells of itself ---- */

int vnx_perf_feature(struct perf_data *pd, unsigned feature, const uint8_t *p, size_t len);
/* A record that describes; it is whole. */
int vnx_perf_describe(struct perf_data *pd, uint32_t type, const uint8_t *rec, size_t len);
int vnx_perf_thread(struct perf_data *pd, uint32_t tid, uint32_t tgid, const char *comm,
		    size_t len);
int vnx_perf_threads_tell(struct perf_data *pd);

/* ---- perf_data_format.c ---- */

int vnx_perf_tracing_data(struct perf_data *pd, const uint8_t *p, size_t len);

/* ---- perf_data_stream.c ---- */

int vnx_perf_stream_open(struct perf_data *pd, uint64_t at, uint64_t left);
void vnx_perf_stream_close(struct perf_data *pd);
/* The next block, length 0 at the end, or where the first sample is while not frozen. */
int vnx_perf_stream_next(struct perf_data *pd, struct perf_block *b);

/* ---- perf_data_decode.c ---- */

int vnx_perf_workers_new(struct perf_data *pd, unsigned n);
void vnx_perf_workers_free(struct perf_data *pd);
/* Decodes blocks until there is none. */
int vnx_perf_work(struct perf_worker *w);
/* Decodes all, on all workers. */
int vnx_perf_decode(struct perf_data *pd);

/* ---- perf_data_sched.c ---- */

/* What a tracepoint of the scheduler is used for, where its format tells enough. */
enum perf_use vnx_perf_sched_use(const struct perf_attr *a);
/* @raw, of @len bytes: the raw data of a sample that is used for that. */
void vnx_perf_sched_take(const struct perf_data *pd, const struct perf_attr *a, const uint8_t *raw,
			 uint32_t len, uint64_t t_ns, struct vnx_sched_cpu *cpu,
			 struct vnx_sched_batch *out);

/* ---- perf_data_order.c ---- */

int vnx_perf_done(struct perf_data *pd, struct perf_done *done);
void vnx_perf_done_free(struct perf_done *done);
/* All blocks are in: what is open is closed. */
int vnx_perf_order_end(struct perf_data *pd);

#endif
