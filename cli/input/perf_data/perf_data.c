// SPDX-License-Identifier: GPL-2.0-only
/* The reader of perf.data, as a file and as a pipe. */
#include <inttypes.h>
#include <time.h>

#include "cli/input/perf_data/perf_data.h"

#define MAGIC "PERFILE2"
#define MAGIC_SWAPPED "2ELIFREP"
#define MAGIC_OLD "PERFFILE"
#define FILE_HEADER_LEN 104
#define PIPE_HEADER_LEN 16
#define SECTION_LEN 16
#define FEATURE_MAX (16u << 20)

#define HINT_UNNAMED                                                                             \
	"If it is a copy, copy it whole. Else name its events by their numbers, which the host " \
	"tells as long as it runs (cat /sys/kernel/tracing/events/kvm/kvm_entry/id): "           \
	"--hook vcpu_enter=tp:unnamed:idNUMBER. Next time end perf record with Ctrl-C"

struct vnx_reader {
	struct perf_data pd;
};

struct section {
	uint64_t offset, size;
};

static bool named_like(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');

	return !strncmp(base ? base + 1 : path, name, strlen(name));
}

static int perf_data_probe(const char *path, const unsigned char *head, size_t len)
{
	if (len >= 8 && (!memcmp(head, MAGIC, 8) || !memcmp(head, MAGIC_SWAPPED, 8) ||
			 !memcmp(head, MAGIC_OLD, 8)))
		return 100;
	return len && named_like(path, "perf.data") ? 5 : 0;
}

static int damaged(const struct perf_data *pd, struct vnx_err *err, const char *what)
{
	vnx_err_hint(err, "If it is a copy, copy it whole; else record again and end perf record "
			  "with Ctrl-C.");
	return vnx_err_set(err, -EPROTO, VNX_EXIT_FAILED, "damaged", "%s is no whole perf.data: %s",
			   pd->in->path, what);
}

static int failed(const struct perf_data *pd, int ret, struct vnx_err *err)
{
	if (ret == -EPROTO)
		return damaged(pd, err, "the description of its events is damaged");
	if (ret == -E2BIG)
		return vnx_err_set(
			err, ret, VNX_EXIT_FAILED, "damaged",
			"%s has more events, threads or losses than any trace of a host: "
			"it is damaged",
			pd->in->path);
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return 0;
}

/* ---- sections of a file ---- */

static struct section section_at(const struct perf_data *pd, const uint8_t *p)
{
	return (struct section){ perf_u64(pd, p), perf_u64(pd, p + 8) };
}

static bool is_within(const struct perf_data *pd, const struct section *s)
{
	return s->offset <= pd->in->size && s->size <= pd->in->size - s->offset;
}

/* All of a section, NULL where the file does not reach so far, or memory is out. */
static uint8_t *load(const struct perf_data *pd, const struct section *s, size_t max)
{
	uint8_t *p;

	if (!is_within(pd, s) || s->size > max || !s->size)
		return NULL;
	p = malloc(s->size);
	if (p && vnx_input_pread(pd->in, p, s->size, s->offset) != (ssize_t)s->size) {
		free(p);
		p = NULL;
	}
	return p;
}

static int load_ids(struct perf_data *pd, const struct section *s, uint32_t attr)
{
	VNX_CLEANUP_FREE uint8_t *p = load(pd, s, FEATURE_MAX);
	int ret = 0;

	if (!s->size)
		return 0;
	if (!p)
		return -EPROTO;
	for (uint64_t at = 0; at + 8 <= s->size && !ret; at += 8)
		ret = vnx_perf_id_add(pd, perf_u64(pd, p + at), attr);
	return ret;
}

/* Each: the attr, then where its ids are. */
static int load_attrs(struct perf_data *pd, const struct section *s, uint64_t each)
{
	VNX_CLEANUP_FREE uint8_t *p = load(pd, s, FEATURE_MAX);
	int ret = 0;

	if (!p || each <= SECTION_LEN || each > s->size)
		return -EPROTO;
	for (uint64_t at = 0; at + each <= s->size && !ret; at += each) {
		struct section ids = section_at(pd, p + at + each - SECTION_LEN);
		uint32_t attr;

		ret = vnx_perf_attr_add(pd, p + at, each - SECTION_LEN, &attr);
		if (!ret)
			ret = load_ids(pd, &ids, attr);
	}
	return ret;
}

static bool has_feature(const uint8_t *flags, unsigned bit, size_t word, bool big_endian)
{
	unsigned byte = bit / 8;

	if (big_endian)
		byte = (unsigned)(byte / word * word + word - 1 - byte % word);
	return flags[byte] >> bit % 8 & 1;
}

/*
 * The flags are words of the writer's `unsigned long`: every perf sets HOSTNAME, which tells
 * how long those of a big-endian one are.
 */
static size_t flags_word(const uint8_t *flags, bool big_endian)
{
	return has_feature(flags, PERF_FEATURE_HOSTNAME, 8, big_endian) ? 8 : 4;
}

/* Where they are stands behind the data, in the order of the flags. Damage costs its own. */
static int load_features(struct perf_data *pd, const uint8_t *flags, uint64_t table_at)
{
	bool big_endian = !memcmp(pd->in->head, MAGIC_SWAPPED, 8);
	size_t word = flags_word(flags, big_endian);
	int ret = 0;

	for (unsigned bit = 0; bit < PERF_FEATURES && !ret; bit++) {
		struct section row = { table_at, SECTION_LEN }, s;
		VNX_CLEANUP_FREE uint8_t *at = NULL, *p = NULL;

		if (!has_feature(flags, bit, word, big_endian))
			continue;
		table_at += SECTION_LEN;
		at = load(pd, &row, SECTION_LEN);
		if (!at)
			return 0;
		s = section_at(pd, at);
		p = load(pd, &s, FEATURE_MAX);
		if (p)
			ret = vnx_perf_feature(pd, bit, p, s.size);
		if (ret != -EPROTO)
			continue;
		vnx_trace_warn(pd->trace,
			       "section %u at offset 0x%" PRIx64 " is damaged: what "
			       "follows in it is left out",
			       bit, s.offset);
		ret = 0;
	}
	return ret;
}

static int open_file(struct perf_data *pd, struct vnx_err *err)
{
	const uint8_t *h = pd->in->head;
	struct section attrs, data;
	int ret;

	if (pd->in->head_len < FILE_HEADER_LEN)
		return damaged(pd, err, "it ends within its header");
	/* What its events are stands behind them. */
	ret = vnx_input_spool(pd->in, pd->conf->quiet, err);
	if (ret)
		return ret;
	attrs = section_at(pd, h + 24);
	data = section_at(pd, h + 40);
	if (data.offset < FILE_HEADER_LEN || data.offset > pd->in->size)
		return damaged(pd, err, "its data are not where its header says");
	ret = load_attrs(pd, &attrs, perf_u64(pd, h + 16));
	/* Not finished: the length is written last, and no features are there. */
	if (!ret && data.size && is_within(pd, &data))
		ret = load_features(pd, h + 72, data.offset + data.size);
	if (ret)
		return failed(pd, ret, err);
	pd->unfinished = !data.size;
	if (data.size && !is_within(pd, &data))
		vnx_trace_warn(pd->trace, "it ends at %" PRIu64 " of at least %" PRIu64 " bytes",
			       pd->in->size, data.offset + data.size);
	return failed(pd,
		      vnx_perf_stream_open(pd, data.offset,
					   data.size ? data.size : pd->in->size - data.offset),
		      err);
}

/* ---- the reader ---- */

static int check_magic(struct perf_data *pd, struct vnx_err *err)
{
	const uint8_t *h = pd->in->head;
	uint64_t native = 0x32454c4946524550ull, magic = 0; /* MAGIC, the lowest byte first */

	if (pd->in->head_len >= PIPE_HEADER_LEN)
		memcpy(&magic, h, sizeof(magic));
	if (magic != native && magic != bswap_64(native))
		return damaged(pd, err,
			       pd->in->head_len >= 8 && !memcmp(h, MAGIC_OLD, 8)
				       ? "it is of a perf before 2013"
				       : "it does not begin like one");
	pd->swap = magic != native;
	pd->pipe = perf_u64(pd, h + 8) == PIPE_HEADER_LEN;
	return 0;
}

static int skip_header(struct perf_data *pd, struct vnx_err *err)
{
	uint8_t head[PIPE_HEADER_LEN];

	if (!pd->in->seekable && vnx_input_read(pd->in, head, sizeof(head)) != sizeof(head))
		return damaged(pd, err, "it ends within its header");
	return failed(pd,
		      vnx_perf_stream_open(pd, PIPE_HEADER_LEN,
					   pd->in->seekable ? pd->in->size - PIPE_HEADER_LEN
							    : UINT64_MAX - PIPE_HEADER_LEN),
		      err);
}

static unsigned count_workers(const struct perf_data *pd)
{
	uint64_t blocks = pd->in->seekable ? pd->in->size / PERF_BLOCK_LEN + 1 : 16;

	return vnx_trace_workers(blocks < 16 ? (size_t)blocks : 16);
}

/* Descriptions come before the first sample: until there, one thread. */
static int decode(struct perf_data *pd)
{
	int ret = vnx_perf_workers_new(pd, count_workers(pd));

	if (!ret)
		ret = vnx_perf_work(&pd->workers[0]);
	if (ret)
		return ret;
	vnx_perf_freeze(pd);
	ret = vnx_perf_decode(pd);
	if (!ret)
		ret = vnx_perf_order_end(pd);
	if (!ret)
		ret = vnx_perf_threads_tell(pd);
	if (!ret)
		vnx_perf_drop_estimates(pd);
	return ret;
}

static void reader_free(struct vnx_reader *r)
{
	struct perf_data *pd = &r->pd;

	while (pd->waiting) {
		struct perf_done *done = pd->waiting;

		pd->waiting = done->next;
		vnx_perf_done_free(done);
	}
	vnx_perf_workers_free(pd);
	vnx_perf_stream_close(pd);
	free(pd->attrs.v);
	free(pd->ids.v);
	free(pd->threads.v);
	free(pd->symbols.v);
	vnx_trace_free(pd->trace);
	pthread_mutex_destroy(&pd->order);
	pthread_mutex_destroy(&pd->stream.lock);
	free(r);
}

/* All that decoding needs; the trace and its shards stay. */
static void free_buffers(struct perf_data *pd)
{
	vnx_perf_workers_free(pd);
	vnx_perf_stream_close(pd);
}

static int perf_data_open(struct vnx_reader **out, struct vnx_input *in,
			  const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	struct vnx_reader *r = calloc(1, sizeof(*r));
	struct perf_data *pd = r ? &r->pd : NULL;
	int ret;

	*out = NULL;
	if (!r)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	pd->in = in;
	pd->conf = conf;
	pthread_mutex_init(&pd->stream.lock, NULL);
	pthread_mutex_init(&pd->order, NULL);
	/* A stream of perf is read as it comes, but what may turn out to be damaged is not. */
	ret = in->unpack ? vnx_input_spool(in, conf->quiet, err) : 0;
	if (!ret)
		ret = vnx_trace_new(&pd->trace, in, conf, err);
	if (!ret)
		ret = check_magic(pd, err);
	if (!ret)
		ret = pd->pipe ? skip_header(pd, err) : open_file(pd, err);
	if (!ret)
		ret = failed(pd, decode(pd), err);
	if (ret) {
		reader_free(r);
		return ret;
	}
	free_buffers(pd);
	*out = r;
	return 0;
}

/* The clock's name as ftrace calls it; perf's own is sched_clock(). */
static const char *clock_name(const struct perf_data *pd)
{
	static const struct {
		int id;
		const char *name;
	} clocks[] = { { CLOCK_REALTIME, "realtime" },
		       { CLOCK_MONOTONIC, "mono" },
		       { CLOCK_MONOTONIC_RAW, "mono_raw" },
		       { CLOCK_BOOTTIME, "boot" },
		       { CLOCK_TAI, "tai" } };
	int id = pd->attrs.n ? pd->attrs.v[0].clockid : -1;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(clocks); i++)
		if (clocks[i].id == id)
			return clocks[i].name;
	return "perf";
}

static int perf_data_run(struct vnx_reader *r, struct vnx_run *run, struct vnx_err *err)
{
	struct perf_data *pd = &r->pd;
	struct vnx_trace_facts facts = { .clock = clock_name(pd),
					 .kernel = pd->kernel,
					 .host = pd->host,
					 .capture = "perf",
					 .has_realtime = pd->has_realtime,
					 .realtime_minus_mono_ns = pd->realtime_minus_clock_ns };

	if (pd->nameless)
		vnx_err_hint(err, HINT_UNNAMED);
	return vnx_trace_run(pd->trace, &facts, run, err);
}

static int perf_data_next(struct vnx_reader *r, struct vnx_sample *s, struct vnx_err *err)
{
	return vnx_trace_next(r->pd.trace, s);
}

static void perf_data_close(struct vnx_reader *r)
{
	if (r)
		reader_free(r);
}

const struct vnx_reader_ops vnx_reader_perf_data = {
	.name = "perf.data",
	.probe = perf_data_probe,
	.open = perf_data_open,
	.run = perf_data_run,
	.next = perf_data_next,
	.close = perf_data_close,
};
