// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hot loop: records of one page of the kernel's ring buffer. Layout: struct
 * ring_buffer_event in include/linux/ring_buffer.h; times as check_buffer() and
 * rb_fix_abs_ts() in kernel/trace/ring_buffer.c add them up.
 */
#include "cli/input/trace_dat/trace_dat.h"

#define TYPE_DATA_MAX 28
#define TYPE_PADDING 29
#define TYPE_EXTEND 30
#define TYPE_STAMP 31
#define DELTA_BITS 27
#define DELTA_MASK ((1u << DELTA_BITS) - 1)
#define STAMP_TOP (0xf8ULL << 56) /* an absolute stamp has 59 bits only */
#define CLONE_THREAD_FLAG 0x00010000u
#define HOST_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

uint64_t dat_time(const struct dat *d, uint64_t raw)
{
	if (d->tsc_mult)
		raw = (uint64_t)(((unsigned __int128)raw * d->tsc_mult) >> d->tsc_shift);
	if (d->offset_ns < 0 && raw < -(uint64_t)d->offset_ns)
		return 0;
	return raw + (uint64_t)d->offset_ns;
}

/*
 * The function that starts at @ip or a few bytes before: the tracer's call, and a probe set on
 * the entry, come after what arrives first at a function (endbr64, bti, mflr). What is probed
 * further in is no call.
 */
static __attribute__((noinline)) int function_at(const struct dat *d, uint64_t ip)
{
	unsigned lo = 0, hi = d->n_addresses;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (d->addresses[mid].at <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || ip - d->addresses[lo - 1].at >= DAT_ENTRY_BYTES)
		return -1;
	return d->addresses[lo - 1].function;
}

static inline int cached_function(struct dat_worker *w, uint64_t ip)
{
	unsigned i = (unsigned)((ip >> 4) ^ (ip >> 12)) % DAT_CACHE;

	if (__builtin_expect(w->cache[i].ip != ip, 0)) {
		w->cache[i].ip = ip;
		w->cache[i].function = (int16_t)function_at(w->dat, ip);
	}
	return w->cache[i].function;
}

static __attribute__((noinline)) struct vnx_trace_shard *new_shard(struct dat_worker *w,
								   unsigned layer)
{
	w->now[layer] = vnx_trace_shard(w->dat->t);
	w->no_memory |= !w->now[layer];
	return w->now[layer];
}

static inline void count(struct dat_worker *w, unsigned layer, int source, uint32_t tid,
			 uint64_t t_ns)
{
	struct vnx_trace_shard *sh = w->now[layer];

	if (__builtin_expect(!sh, 0) && !(sh = new_shard(w, layer)))
		return;
	/* Names come from the saved ones and from what events tell, not from who is counted. */
	vnx_trace_count(sh, source, tid, t_ns);
}

/* func_repeats: one record for up to 65535 calls since the last one of the same function. */
static void count_repeats(struct dat_worker *w, int source, uint32_t tid, uint64_t t_ns, uint16_t n)
{
	struct vnx_trace_slot *slot;

	if (!n)
		return;
	count(w, 0, source, tid, t_ns);
	slot = w->now[0] ? w->now[0]->last[source] : NULL;
	if (slot && slot->tid == tid && !w->now[0]->error)
		slot->bins.v[slot->at].count += n - 1u;
}

static void count_probe(struct dat_worker *w, const struct dat_event *ev, uint64_t ip, uint32_t tid,
			uint64_t t_ns)
{
	int function = cached_function(w, ip);
	int source = function >= 0 ? ev->probed[function] : ev->probed[DAT_FUNCTIONS];

	if (source >= 0)
		count(w, ev->layer, source, tid, t_ns);
}

static void take_names(struct dat_worker *w, const struct dat_event *ev, const uint8_t *data,
		       uint32_t pid, uint64_t t_ns, bool swap)
{
	uint32_t tid = dat_u32(data + ev->tid[0], swap);

	dat_people_name(w->people, tid, (const char *)data + ev->comm[0], t_ns);
	if (ev->kind == DAT_SWITCH)
		dat_people_name(w->people, dat_u32(data + ev->tid[1], swap),
				(const char *)data + ev->comm[1], t_ns);
	else
		dat_people_born(w->people, tid, pid,
				dat_u64(data + ev->flags, swap) & CLONE_THREAD_FLAG);
}

static void take_switch(struct dat_worker *w, const struct dat_event *ev, const uint8_t *data,
			uint64_t t_ns, bool swap)
{
	uint64_t state;

	w->passed_sched |= w->no_sched;
	w->took_sched |= !w->no_sched;
	if (!ev->state_size || w->no_sched)
		return;
	state = ev->state_size == 8 ? dat_u64(data + ev->state, swap)
				    : dat_u32(data + ev->state, swap);
	vnx_sched_switch(&w->sched, &w->sched_cpu, t_ns, dat_u32(data + ev->tid[0], swap),
			 (const char *)data + ev->comm[0], vnx_sched_left(state),
			 dat_u32(data + ev->tid[1], swap), (const char *)data + ev->comm[1]);
}

/* Everything but calls of functions. */
static __attribute__((noinline)) void take_other(struct dat_worker *w, const struct dat_event *ev,
						 const uint8_t *data, size_t len, uint64_t t_ns,
						 bool swap)
{
	uint32_t pid = dat_u32(data + ev->pid, swap);
	uint64_t ip = 0;
	int function;

	if (ev->ip_size)
		ip = ev->ip_size == 8 ? dat_u64(data + ev->ip, swap) : dat_u32(data + ev->ip, swap);
	if (ev->source >= 0)
		count(w, 0, ev->source, pid, t_ns);
	switch (ev->kind) {
	case DAT_PROBE:
		count_probe(w, ev, ip, pid, t_ns);
		break;
	case DAT_REPEAT:
		function = cached_function(w, ip);
		if (function >= 0 && w->dat->called[function] >= 0)
			count_repeats(w, w->dat->called[function], pid, t_ns,
				      dat_u16(data + ev->count, swap));
		break;
	case DAT_PRINT:
		dat_people_marker(w->people, (const char *)data + ev->comm[0], len - ev->comm[0],
				  t_ns);
		break;
	case DAT_WAKEUP:
	case DAT_NEW:
		if (!w->no_sched)
			vnx_sched_wakeup(&w->sched,
					 ev->kind == DAT_NEW ? VNX_SCHED_NEW : VNX_SCHED_WAKE, t_ns,
					 dat_u32(data + ev->tid[0], swap),
					 (const char *)data + ev->comm[0]);
		break;
	case DAT_SWITCH:
		take_switch(w, ev, data, t_ns, swap);
		take_names(w, ev, data, pid, t_ns, swap);
		break;
	case DAT_NEWTASK:
		take_names(w, ev, data, pid, t_ns, swap);
		break;
	}
}

static inline __attribute__((always_inline)) void take_event(struct dat_worker *w,
							     const uint8_t *data, size_t len,
							     uint64_t raw, bool swap)
{
	const struct dat *d = w->dat;
	const struct dat_event *ev;
	uint8_t at;
	uint64_t ip, t_ns = raw;
	int function;

	if (__builtin_expect(len < (size_t)d->type_at + 2, 0))
		return;
	at = d->index[dat_u16(data + d->type_at, swap)];
	if (!at)
		return;
	ev = &d->events[at];
	if (__builtin_expect(len < ev->need, 0))
		return;
	if (__builtin_expect(d->tsc_mult || d->offset_ns, 0))
		t_ns = dat_time(d, raw);
	if (__builtin_expect(ev->kind == DAT_CALL, 1)) {
		ip = ev->ip_size == 8 ? dat_u64(data + ev->ip, swap) : dat_u32(data + ev->ip, swap);
		function = cached_function(w, ip);
		if (function >= 0 && d->called[function] >= 0)
			count(w, 0, d->called[function], dat_u32(data + ev->pid, swap), t_ns);
		return;
	}
	if (ev->kind == DAT_COUNT)
		count(w, 0, ev->source, dat_u32(data + ev->pid, swap), t_ns);
	else
		take_other(w, ev, data, len, t_ns, swap);
}

struct record {
	uint64_t ts;
	const uint8_t *data, *next; /* data NULL: nothing to count */
	size_t len;
};

/* Whatever is not a small record of data; false: it cannot be. */
static __attribute__((noinline)) bool special(const struct dat_page *page, uint32_t type,
					      uint32_t delta, const uint8_t *p, const uint8_t *end,
					      bool swap, struct record *r)
{
	uint64_t stamp;
	uint32_t word;

	r->data = NULL;
	if (type == TYPE_PADDING && !delta) { /* the rest of the page is empty */
		r->next = end;
		return true;
	}
	if (end - p < 8)
		return false;
	word = dat_u32(p + 4, swap);
	r->next = p + 8;
	stamp = ((uint64_t)word << DELTA_BITS) + delta;
	switch (type) {
	case TYPE_EXTEND:
		r->ts += stamp;
		return r->ts <= page->limit && r->ts >= page->base;
	case TYPE_STAMP:
		stamp |= r->ts & STAMP_TOP;
		if ((r->ts & STAMP_TOP) && stamp < r->ts)
			stamp += 1ULL << 59;
		/* Out of order by what a page can hold at most is damage. */
		if (stamp > page->limit || stamp < page->base)
			return false;
		r->ts = stamp;
		return true;
	case TYPE_PADDING: /* an event that was discarded; delta 1 stands for none */
		r->ts += delta == 1 ? 0 : delta;
		if (word < 4 || (size_t)(end - p) < 4 + (size_t)word)
			return false;
		r->next = p + 4 + word;
		return true;
	default: /* data: its length, itself included, comes first */
		r->ts += delta;
		if (word < 4 || (size_t)(end - p) < 4 + (((size_t)word + 3) & ~(size_t)3))
			return false;
		r->data = p + 8;
		r->len = word - 4;
		r->next = p + 4 + (((size_t)word + 3) & ~(size_t)3);
		return true;
	}
}

/* What changes with every record is kept in locals, which need not go through memory. */
static inline __attribute__((always_inline)) void decode(struct dat_page *page, const uint8_t *p,
							 const uint8_t *end, const bool swap)
{
	const bool big = HOST_BIG != swap;
	uint64_t ts = page->base, first = 0, last = 0;
	bool any = false;

	while (end - p >= 4) {
		uint32_t head = dat_u32(p, swap);
		uint32_t type = big ? head >> DELTA_BITS : head & 31;
		uint32_t delta = big ? head & DELTA_MASK : head >> 5;
		const uint8_t *data = p + 4;
		size_t len = type * 4;

		if (__builtin_expect(type - 1 < TYPE_DATA_MAX, 1)) {
			if (__builtin_expect((size_t)(end - data) < len, 0)) {
				page->damage = "an event runs past the page's end";
				break;
			}
			ts += delta;
			p = data + len;
		} else {
			struct record r = { .ts = ts };

			if (!special(page, type, delta, p, end, swap, &r)) {
				page->damage = "an event's length or time cannot be";
				break;
			}
			ts = r.ts;
			p = r.next;
			if (!r.data)
				continue;
			data = r.data;
			len = r.len;
		}
		if (!any)
			first = ts;
		any = true;
		last = ts;
		take_event(page->w, data, len, ts, swap);
	}
	page->any = any;
	page->first_ns = first;
	page->last_ns = last;
}

void dat_page_decode(struct dat_page *page, const uint8_t *data, size_t len)
{
	const struct dat *d = page->w->dat;

	page->damage = NULL;
	if (d->swap)
		decode(page, data, data + len, true);
	else
		decode(page, data, data + len, false);
	if (page->any) {
		page->first_ns = dat_time(d, page->first_ns);
		page->last_ns = dat_time(d, page->last_ns);
	}
}
