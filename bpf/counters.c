// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADS_MAX 32768u
#define HEADS_MIN 2048u
#define MEMORY_SHARE 2048 /* of the host's, for the heads */
/* What the log holds while nobody reads. */
#define LOG_NS (32 * VNX_NSEC_PER_SEC)
#define LOG_MIN ((size_t)256 << 10)
#define LOG_MAX ((size_t)64 << 20)
#define RECORD (8 + sizeof(struct vnx_opening)) /* with the ring buffer's header */
/* A bin whose edge came a tick early is opened twice. */
#define OPENINGS_A_BIN 2
#define SLOTS_A_THREAD 2

static size_t log_room(uint64_t bytes)
{
	size_t size = LOG_MIN;

	while (size < bytes && size < LOG_MAX)
		size *= 2;
	return size;
}

uint32_t vnx_counters_heads(void)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t n = HEADS_MIN;

	while (n < HEADS_MAX && 2ull * n * sizeof(struct vnx_head) <= memory / MEMORY_SHARE)
		n *= 2;
	return n;
}

static int take_opening(void *arg, void *data, size_t size)
{
	struct vnx_slots *slots = arg;
	struct vnx_opening o;

	if (size < sizeof(o))
		return 0;
	memcpy(&o, data, sizeof(o));
	return o.slot < slots->n && o.metric < VNX_COUNTED ? vnx_slots_take(slots, &o) : 0;
}

/* For the programs to log to from now on; what was there before is the caller's to free. */
static int set_log(struct vnx_counters *c, size_t size)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "log", 0, 0, (uint32_t)size, NULL);
	struct ring_buffer *log;
	uint32_t zero = 0;
	int ret;

	if (fd < 0)
		return -errno;
	log = ring_buffer__new(fd, take_opening, &c->slots, NULL);
	ret = log ? bpf_map_update_elem(c->logs, &zero, &fd, BPF_ANY) : -errno;
	/* The mapping and the outer map keep it. */
	close(fd);
	if (ret) {
		ring_buffer__free(log);
		return ret;
	}
	c->log = log;
	c->log_size = size;
	return 0;
}

/* A failure is tried again in a second: until then sums are right, their bins may not be. */
static int fit_log(struct vnx_counters *c)
{
	uint64_t elapsed_ns = c->slots.now.mono_ns - c->sized_ns;
	uint64_t openings =
		c->slots.openings + __atomic_load_n(&c->tallies->unlogged, __ATOMIC_RELAXED);
	double bytes = (double)(openings - c->openings) * RECORD / (double)elapsed_ns * LOG_NS;
	struct ring_buffer *former = c->log;
	bool first = !c->sized_ns;
	int ret;

	if (elapsed_ns < VNX_NSEC_PER_SEC)
		return 0;
	c->sized_ns = c->slots.now.mono_ns;
	c->openings = openings;
	if (first || log_room((uint64_t)bytes) <= c->log_size ||
	    set_log(c, log_room((uint64_t)bytes)))
		return 0;
	/* The kernel has waited for programs that still used it. */
	ret = ring_buffer__consume(former);
	ring_buffer__free(former);
	return ret < 0 ? ret : 0;
}

static void *map_array(int fd, size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int vnx_counters_open(struct vnx_counters *c, const struct vnx_counter_maps *maps, uint32_t heads,
		      uint64_t bin_ns, unsigned threads)
{
	uint64_t openings = (LOG_NS / bin_ns + 1) * OPENINGS_A_BIN * SLOTS_A_THREAD;

	*c = (struct vnx_counters){ .logs = maps->logs, .spill = maps->spill };
	c->slots.n = heads;
	c->slots.bin_ns = bin_ns;
	c->slots.seen = calloc(heads, sizeof(*c->slots.seen));
	if (!c->slots.seen)
		return -ENOMEM;
	c->slots.heads =
		map_array(maps->heads, heads * sizeof(struct vnx_head), PROT_READ | PROT_WRITE);
	c->tallies =
		c->slots.heads ? map_array(maps->tallies, sizeof(*c->tallies), PROT_READ) : NULL;
	c->slots.tallies = c->tallies;
	if (!c->tallies)
		return -errno;
	return set_log(c, log_room(openings * threads * RECORD));
}

void vnx_counters_close(struct vnx_counters *c)
{
	ring_buffer__free(c->log);
	if (c->slots.heads)
		munmap(c->slots.heads, c->slots.n * sizeof(struct vnx_head));
	if (c->tallies)
		munmap((void *)c->tallies, sizeof(*c->tallies));
	free(c->slots.seen);
	vnx_slots_fini(&c->slots);
	*c = (struct vnx_counters){ 0 };
}

int vnx_counters_lose(struct vnx_counters *c, enum vnx_metric metric, bool refused, uint64_t count,
		      struct vnx_samples *out)
{
	uint64_t since_ns = c->slots.was.mono_ns;
	struct vnx_sample s = { .t_ns = since_ns,
				.dur_ns = c->slots.now.mono_ns - since_ns,
				.count = count,
				.entity = refused ? VNX_REFUSED_OF(metric) : VNX_LOST_OF(metric),
				.metric = VNX_LOST };

	c->lost += count;
	return vnx_vec_push(out, s);
}

/* Only of bins that are over for long: none of their events is still on its way. */
static bool spill_is_over(const struct vnx_counters *c, const struct vnx_spill_key *key)
{
	return c->slots.start_ns + (key->bin + 1) * c->slots.bin_ns + VNX_NSEC_PER_SEC / 10 <=
	       c->slots.now.mono_ns;
}

static int take_spilled(struct vnx_counters *c, const struct vnx_spill_key *key,
			struct vnx_samples *out)
{
	struct vnx_sample s = { .t_ns = c->slots.start_ns + key->bin * c->slots.bin_ns,
				.dur_ns = c->slots.bin_ns,
				.entity = key->tid,
				.metric = key->metric };

	if (bpf_map_lookup_elem(c->spill, key, &s.count))
		return 0;
	if (vnx_vec_push(out, s))
		return -ENOMEM;
	c->spilled += s.count;
	c->slots.events += s.count;
	bpf_map_delete_elem(c->spill, key);
	return 0;
}

static int read_spill(struct vnx_counters *c, bool final, struct vnx_samples *out)
{
	struct vnx_spill_key key, next;
	int more, ret = 0;

	if (__atomic_load_n(&c->tallies->spilled, __ATOMIC_ACQUIRE) == c->spilled)
		return 0;
	more = bpf_map_get_next_key(c->spill, NULL, &key);
	while (!more && !ret) {
		/* Before the key is taken out: after it, the walk would begin anew. */
		more = bpf_map_get_next_key(c->spill, &key, &next);
		if (final || spill_is_over(c, &key))
			ret = take_spilled(c, &key, out);
		key = next;
	}
	return ret;
}

static int read_dropped(struct vnx_counters *c, struct vnx_samples *out)
{
	int ret = 0;

	for (int m = 0; m < VNX_COUNTED && !ret; m++) {
		uint64_t all = __atomic_load_n(&c->tallies->lost[m], __ATOMIC_RELAXED);

		if (all != c->dropped[m])
			ret = vnx_counters_lose(c, (enum vnx_metric)m, false, all - c->dropped[m],
						out);
		c->dropped[m] = all;
	}
	return ret;
}

int vnx_counters_read(struct vnx_counters *c, const struct vnx_clock_pair *now, bool final,
		      struct vnx_samples *out)
{
	int ret;

	vnx_slots_begin(&c->slots, now, out);
	ret = ring_buffer__consume(c->log);
	if (ret >= 0)
		ret = fit_log(c);
	if (!ret)
		ret = vnx_slots_end(&c->slots, final);
	if (!ret)
		ret = read_spill(c, final, out);
	return ret ? ret : read_dropped(c, out);
}
