// SPDX-License-Identifier: GPL-2.0-only
/* What turns the kernel's counters into samples, over plain memory and a clock made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf/jiffies.h"
#include "bpf/slots.h"

#define MS 1000000ull
#define BIN (500 * MS)
#define START (7000 * MS)
#define TICK (4 * MS)
#define HEADS 8
#define ROOM 4096

/* A host: counting programs as in count.bpf.c, in C; times are ns since START. */
struct host {
	struct vnx_head heads[HEADS];
	struct vnx_slot_seen seen[HEADS];
	struct vnx_tallies tallies;
	struct vnx_opening log[ROOM];
	size_t logged, room, taken;
	uint64_t (*jiffies)(uint64_t t_ns);
	struct vnx_slots slots;
	struct vnx_samples out; /* of all reads */
	uint64_t made;
};

static uint64_t even_ticks(uint64_t t_ns)
{
	return 1000 + t_ns / TICK;
}

static uint64_t slow_ticks(uint64_t t_ns)
{
	return 1000 + (uint64_t)((double)t_ns * 0.96) / TICK;
}

/* Stands from 1.9 s to 6.9 s, then is right again at once. */
static uint64_t standing_ticks(uint64_t t_ns)
{
	return even_ticks(t_ns >= 1900 * MS && t_ns < 6900 * MS ? 1900 * MS : t_ns);
}

/* As a host that lost 5 s for good: ticks go on where they were. */
static uint64_t lagging_ticks(uint64_t t_ns)
{
	return t_ns < 6900 * MS ? standing_ticks(t_ns) : even_ticks(t_ns - 5000 * MS);
}

/* Runs ahead: a jump of ten ticks in the middle of each bin. */
static uint64_t jumping_ticks(uint64_t t_ns)
{
	return even_ticks(t_ns) + 10 * ((t_ns + BIN / 2) / BIN);
}

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return -1;
	h->room = ROOM;
	h->jiffies = even_ticks;
	h->slots = (struct vnx_slots){ .heads = h->heads,
				       .tallies = &h->tallies,
				       .seen = h->seen,
				       .n = HEADS,
				       .start_ns = START,
				       .tick_ns = TICK,
				       .bin_ns = BIN };
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct host *h = *state;

	vnx_slots_fini(&h->slots);
	free(h->out.v);
	free(h);
	return 0;
}

static void open_bin(struct host *h, uint32_t slot, uint32_t tid, uint64_t t_ns)
{
	struct vnx_head *head = &h->heads[slot];
	uint64_t clock = h->jiffies(t_ns), left = BIN - t_ns % BIN;
	struct vnx_opening o = { .slot = slot,
				 .nth = head->opened + 1,
				 .metric = (uint32_t)(head->key >> VNX_KEY_METRIC_SHIFT) - 1,
				 .tid = tid,
				 .t_ns = START + t_ns,
				 .clock = clock,
				 .edge = clock + (left + TICK - 1) / TICK,
				 .start = head->total };

	head->opened = o.nth;
	head->edge = o.edge;
	if (h->logged - h->taken == h->room) {
		h->tallies.unlogged++;
		return;
	}
	assert_true(h->logged < ROOM);
	h->log[h->logged++] = o;
}

static void claim(struct host *h, uint32_t slot, enum vnx_metric metric)
{
	h->heads[slot].claim = 1;
	h->heads[slot].key = (slot + 1) | VNX_KEY_METRIC(metric);
	h->heads[slot].edge = 0;
}

static void count(struct host *h, uint32_t slot, uint32_t tid, uint64_t t_ns)
{
	if (!h->heads[slot].key)
		claim(h, slot, VNX_HANDLE_TX);
	if (h->jiffies(t_ns) >= h->heads[slot].edge)
		open_bin(h, slot, tid, t_ns);
	h->heads[slot].total++;
	h->made++;
}

/* One event each @every_ns in [from, to). */
static void count_evenly(struct host *h, uint32_t slot, uint64_t from_ns, uint64_t to_ns,
			 uint64_t every_ns)
{
	for (uint64_t t = from_ns; t < to_ns; t += every_ns)
		count(h, slot, 42 + slot, t);
}

static void read_at(struct host *h, uint64_t t_ns, bool final)
{
	struct vnx_clock_pair now = { .jiffies = h->jiffies(t_ns),
				      .mono_ns = START + t_ns,
				      .after_ns = START + t_ns + 1000 };

	vnx_slots_begin(&h->slots, &now, &h->out);
	for (; h->taken < h->logged; h->taken++)
		assert_int_equal(vnx_slots_take(&h->slots, &h->log[h->taken]), 0);
	assert_int_equal(vnx_slots_end(&h->slots, final), 0);
}

/* Counts a millisecond while reading as a recording does, 20 ms after each edge. */
static void run_host(struct host *h, uint64_t end_ns)
{
	for (uint64_t t = 0; t < end_ns; t += MS) {
		if (t % BIN == 20 * MS && t > BIN)
			read_at(h, t, false);
		count(h, 1, 43, t);
	}
	read_at(h, end_ns, true);
}

static uint64_t sum_of(const struct host *h, uint32_t tid)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->out.n; i++)
		if (h->out.v[i].metric != VNX_LOST && (!tid || h->out.v[i].entity == tid))
			sum += h->out.v[i].count;
	return sum;
}

/* How many events the samples put into bin @bin, spread by overlap as a timeline does. */
static double in_bin(const struct host *h, uint64_t bin)
{
	uint64_t lo = START + bin * BIN, hi = lo + BIN;
	double sum = 0;

	for (size_t i = 0; i < h->out.n; i++) {
		const struct vnx_sample *s = &h->out.v[i];
		uint64_t from = s->t_ns > lo ? s->t_ns : lo, to = s->t_ns + s->dur_ns;

		to = to < hi ? to : hi;
		if (to > from)
			sum += (double)s->count * (double)(to - from) / (double)s->dur_ns;
	}
	return sum;
}

static void assert_sample(const struct vnx_sample *s, enum vnx_metric metric, uint32_t entity,
			  uint64_t bin, uint64_t count)
{
	assert_int_equal(s->metric, metric);
	assert_int_equal(s->entity, entity);
	assert_int_equal(s->t_ns, START + bin * BIN);
	assert_int_equal(s->dur_ns, BIN);
	assert_int_equal(s->count, count);
}

static void bins_wait_for_their_end(void **state)
{
	struct host *h = *state;

	claim(h, 1, VNX_HANDLE_RX);
	count_evenly(h, 1, 3 * BIN, 3 * BIN + 29 * MS, MS);
	read_at(h, 4 * BIN - TICK, false);
	assert_int_equal(h->out.n, 0);
	read_at(h, 4 * BIN + TICK, false);
	assert_int_equal(h->out.n, 1);
	assert_sample(&h->out.v[0], VNX_HANDLE_RX, 43, 3, 29);
	read_at(h, 5 * BIN, true);
	assert_int_equal(h->out.n, 1);
	count_evenly(h, 1, 5 * BIN, 5 * BIN + 31 * MS, MS);
	read_at(h, 5 * BIN + 40 * MS, true);
	assert_int_equal(h->out.n, 2);
	assert_sample(&h->out.v[1], VNX_HANDLE_RX, 43, 5, 31);
}

/* The writer had looked at the clock before the edge. */
static void late_counts_are_of_the_old_bin(void **state)
{
	struct host *h = *state;

	count_evenly(h, 0, 0, 10 * MS, MS);
	read_at(h, BIN + TICK, false);
	h->heads[0].total += 2;
	count_evenly(h, 0, BIN + TICK, BIN + TICK + 5 * MS, MS);
	read_at(h, 2 * BIN + TICK, false);
	assert_int_equal(h->out.n, 3);
	assert_sample(&h->out.v[0], VNX_HANDLE_TX, 42, 0, 10);
	assert_sample(&h->out.v[1], VNX_HANDLE_TX, 42, 0, 2);
	assert_sample(&h->out.v[2], VNX_HANDLE_TX, 42, 1, 5);
}

/* What a clock in emulation does for a whole run: bins must not drift with it. */
static void a_slow_tick_moves_no_bin(void **state)
{
	struct host *h = *state;

	h->jiffies = slow_ticks;
	run_host(h, 50000 * MS);
	assert_int_equal(sum_of(h, 0), h->made);
	for (uint64_t bin = 0; bin < 100; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 475, 525);
	assert_in_range(h->slots.edge_error_ns, 1, TICK + BIN / 20 + 1000);
}

static void a_standing_tick_bends_and_voids_nothing(void **state)
{
	struct host *h = *state;

	h->jiffies = standing_ticks;
	run_host(h, 10000 * MS);
	assert_int_equal(sum_of(h, 0), h->made);
	for (size_t i = 0; i < h->out.n; i++)
		assert_int_equal(h->out.v[i].metric, VNX_HANDLE_TX);
	/* Read every bin, what was counted while it stood is still told bin by bin. */
	for (uint64_t bin = 0; bin < 20; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 475, 525);
	assert_true(h->slots.bent > 5);
	assert_in_range(h->slots.bent_ns, 4000 * MS, 5000 * MS);
	assert_true(h->slots.edge_error_ns <= TICK + BIN / 20 + 1000);
}

static void a_late_reader_still_sees_where_ticks_stood(void **state)
{
	struct host *h = *state;

	h->jiffies = standing_ticks;
	count_evenly(h, 1, 0, 1800 * MS, MS);
	read_at(h, 1800 * MS, false);
	count_evenly(h, 1, 1800 * MS, 6000 * MS, MS);
	read_at(h, 6000 * MS, false); /* the clock stands */
	count_evenly(h, 1, 6000 * MS, 9000 * MS, MS);
	read_at(h, 9000 * MS, true);
	assert_int_equal(sum_of(h, 0), h->made);
	for (uint64_t bin = 0; bin < 18; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 475, 525);
}

static void lost_ticks_bend_only_the_bin_they_were_lost_in(void **state)
{
	struct host *h = *state;

	h->jiffies = lagging_ticks;
	run_host(h, 12000 * MS);
	assert_int_equal(sum_of(h, 0), h->made);
	for (uint64_t bin = 0; bin < 24; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 475, 525);
}

static void an_early_edge_opens_the_same_bin_again(void **state)
{
	struct host *h = *state;

	h->jiffies = jumping_ticks;
	run_host(h, 5000 * MS);
	assert_true(h->logged > 10);
	assert_int_equal(sum_of(h, 0), 5000);
	for (uint64_t bin = 0; bin < 10; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 495, 505);
	assert_int_equal(h->slots.bent, 0);
}

/* Stops over an edge and catches up long before the next read of a bin. */
static uint64_t hiccup_ticks(uint64_t t_ns)
{
	return even_ticks(t_ns >= 1950 * MS && t_ns < 2300 * MS ? 1950 * MS : t_ns);
}

static void a_stall_between_two_bins_reads_is_seen(void **state)
{
	struct host *h = *state;

	h->jiffies = hiccup_ticks;
	run_host(h, 5000 * MS);
	assert_int_equal(sum_of(h, 0), h->made);
	for (uint64_t bin = 0; bin < 10; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 475, 525);
	assert_int_equal(h->slots.bent, 1);
	assert_in_range(h->slots.bent_ns, 290 * MS, 310 * MS);
}

static uint64_t stopped_ticks(uint64_t t_ns)
{
	return even_ticks(t_ns < 490 * MS ? t_ns : t_ns < 720 * MS ? 490 * MS : t_ns - 228 * MS);
}

/* The reader looked, then lost the CPU; meanwhile a standing clock kept the bin open for long. */
static void a_look_before_the_edge_tells_nothing_of_it(void **state)
{
	struct host *h = *state;
	struct vnx_clock_pair now = { .jiffies = stopped_ticks(490 * MS),
				      .mono_ns = START + 490 * MS,
				      .after_ns = START + 490 * MS };

	h->jiffies = stopped_ticks;
	count_evenly(h, 1, 0, 760 * MS, 10 * MS);
	vnx_slots_begin(&h->slots, &now, &h->out);
	for (; h->taken < h->logged; h->taken++)
		assert_int_equal(vnx_slots_take(&h->slots, &h->log[h->taken]), 0);
	assert_int_equal(h->out.n, 1);
	assert_int_equal(h->out.v[0].t_ns, START);
	assert_in_range(h->out.v[0].dur_ns, 728 * MS, 740 * MS);
	assert_int_equal(h->slots.bent, 1);
}

/* A thread that made no call after the edge: its counts are of the bin, not of the silence. */
static void silence_bends_nothing(void **state)
{
	struct host *h = *state;

	count_evenly(h, 1, 600 * MS, 900 * MS, MS);
	read_at(h, 1020 * MS, false);
	read_at(h, 1520 * MS, false);
	count_evenly(h, 1, 1700 * MS, 1800 * MS, MS);
	read_at(h, 2020 * MS, false);
	assert_int_equal(h->out.n, 2);
	assert_sample(&h->out.v[0], VNX_HANDLE_TX, 43, 1, 300);
	assert_sample(&h->out.v[1], VNX_HANDLE_TX, 43, 3, 100);
}

static void a_late_read_loses_nothing(void **state)
{
	struct host *h = *state;

	for (uint64_t bin = 0; bin < 200; bin++)
		count_evenly(h, 0, 2 * bin * BIN + MS, 2 * bin * BIN + MS + (bin + 1) * MS / 2,
			     MS / 2);
	read_at(h, 400 * BIN, false);
	assert_int_equal(h->out.n, 200);
	for (size_t i = 0; i < h->out.n; i++)
		assert_sample(&h->out.v[i], VNX_HANDLE_TX, 42, 2 * i, i + 1);
	assert_int_equal(h->slots.lost, 0);
	assert_int_equal(h->slots.events, h->made);
}

/* No room in the log: no count is lost, and no bin gets another one's for its own. */
static void a_full_log_leaves_the_sum(void **state)
{
	struct host *h = *state;

	h->room = 2;
	count_evenly(h, 0, 0, 5 * BIN, MS);
	assert_true(h->tallies.unlogged >= 3);
	read_at(h, 5 * BIN - 100 * MS, false); /* sees that openings are missing */
	count_evenly(h, 0, 5 * BIN, 6 * BIN, MS);
	read_at(h, 6 * BIN + 20 * MS, false);
	count_evenly(h, 0, 6 * BIN + 20 * MS, 7 * BIN, MS);
	read_at(h, 7 * BIN, true);
	assert_int_equal(sum_of(h, 0), h->made);
	assert_int_equal(h->slots.lost, 0);
	assert_int_equal((int)(in_bin(h, 0) + 0.5), 500);
	for (uint64_t bin = 1; bin < 5; bin++)
		assert_in_range((uint64_t)in_bin(h, bin), 450, 550);
	assert_in_range((uint64_t)in_bin(h, 5), 480, 520);
}

static void a_head_never_logged_is_found(void **state)
{
	struct host *h = *state;

	read_at(h, 20 * MS, false);
	h->room = 0;
	count_evenly(h, 3, 40 * MS, 900 * MS, MS);
	read_at(h, 920 * MS, false);
	assert_int_equal(h->out.n, 0); /* whose it is is not known yet */
	h->room = ROOM;
	count_evenly(h, 3, 1000 * MS, 1400 * MS, MS);
	read_at(h, 1520 * MS, false);
	assert_int_equal(sum_of(h, 45), 860 + 400);
	assert_int_equal(h->out.v[0].t_ns, START + 20 * MS);
	assert_int_equal(h->out.v[0].t_ns + h->out.v[0].dur_ns, START + 1000 * MS);
	assert_int_equal(h->slots.lost, 0);
}

static void a_head_never_logged_is_lost_at_the_end(void **state)
{
	struct host *h = *state;

	read_at(h, 20 * MS, false);
	h->room = 0;
	claim(h, 3, VNX_VCPU_HALT);
	count_evenly(h, 3, 40 * MS, 60 * MS, MS);
	read_at(h, 520 * MS, false);
	read_at(h, 600 * MS, true);
	assert_int_equal(h->out.n, 1);
	assert_int_equal(h->out.v[0].metric, VNX_LOST);
	assert_int_equal(h->out.v[0].entity, VNX_LOST_OF(VNX_VCPU_HALT));
	assert_int_equal(h->out.v[0].count, 20);
	assert_int_equal(h->slots.lost, 20);
}

/* The head was read between its opening and the record of it. */
static void an_opening_on_its_way_is_waited_for(void **state)
{
	struct host *h = *state;

	count_evenly(h, 0, 0, 400 * MS, MS);
	h->heads[0].opened++;
	h->heads[0].total++;
	read_at(h, 520 * MS, false);
	assert_int_equal(h->out.n, 0);
	h->heads[0].opened--;
	h->heads[0].total--;
	count_evenly(h, 0, 510 * MS, 900 * MS, MS);
	read_at(h, 1020 * MS, false);
	assert_int_equal(h->out.n, 2);
	assert_sample(&h->out.v[0], VNX_HANDLE_TX, 42, 0, 400);
	assert_sample(&h->out.v[1], VNX_HANDLE_TX, 42, 1, 390);
}

static bool tid_is(uint32_t tid, void *arg)
{
	return tid == *(uint32_t *)arg;
}

static void heads_of_gone_threads_are_freed(void **state)
{
	struct host *h = *state;
	uint32_t gone = 42;

	count_evenly(h, 0, 0, 11 * MS, MS);
	count_evenly(h, 1, 0, 12 * MS, MS);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0); /* not read yet */
	read_at(h, BIN + TICK, false);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 1);
	assert_int_equal(h->heads[0].key, 0);
	assert_int_equal(h->heads[0].claim, 1); /* nobody can claim it yet */
	assert_int_not_equal(h->heads[1].key, 0);
	h->heads[0].total++; /* was on its way: still the old owner's */
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0);
	assert_int_equal(h->heads[0].claim, 1);
	read_at(h, 2 * BIN, false);
	assert_sample(&h->out.v[2], VNX_HANDLE_TX, 42, 0, 1);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0);
	assert_int_equal(h->heads[0].claim, 0);
	claim(h, 0, VNX_VCPU_ENTER);
	for (int i = 0; i < 5; i++)
		count(h, 0, 99, 2 * BIN + MS);
	read_at(h, 3 * BIN + TICK, false);
	assert_int_equal(h->out.n, 4);
	assert_sample(&h->out.v[3], VNX_VCPU_ENTER, 99, 2, 5);
}

/* Two claimed it at once and both went on: it is free again two looks later. */
static void contested_places_are_freed(void **state)
{
	struct host *h = *state;
	uint32_t gone = 0;

	h->heads[5].claim = 2;
	count_evenly(h, 1, 0, 10 * MS, MS);
	h->heads[1].claim = 2; /* the other came too late */
	h->tallies.contested = 2;
	read_at(h, BIN + TICK, false);
	vnx_slots_reclaim(&h->slots, tid_is, &gone);
	assert_int_equal(h->heads[5].claim, 2);
	vnx_slots_reclaim(&h->slots, tid_is, &gone);
	assert_int_equal(h->heads[5].claim, 0);
	assert_int_equal(h->heads[1].claim, 2);
}

/* As looked at between the claim that won and its key: not again a moment later. */
static void a_place_just_claimed_is_left_alone(void **state)
{
	struct host *h = *state;
	uint32_t gone = 0;

	h->heads[5].claim = 2;
	h->tallies.contested = 1;
	vnx_slots_reclaim(&h->slots, tid_is, &gone);
	h->heads[6].claim = 2;
	h->tallies.contested = 2;
	vnx_slots_reclaim(&h->slots, tid_is, &gone);
	assert_int_equal(h->heads[5].claim, 0);
	assert_int_equal(h->heads[6].claim, 2);
	h->heads[6].key = 1;
	vnx_slots_reclaim(&h->slots, tid_is, &gone);
	assert_int_equal(h->heads[6].claim, 2);
}

static void the_idle_are_no_thread(void **state)
{
	struct host *h = *state;
	uint32_t gone = 0;

	count(h, 2, 0, 0);
	read_at(h, BIN + TICK, false);
	assert_sample(&h->out.v[0], VNX_HANDLE_TX, 0, 0, 1);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0);
	assert_int_equal(vnx_slots_reclaim(&h->slots, tid_is, &gone), 0);
}

/* Two looks around each tick, the second so much after it. */
static size_t make_ticks(struct vnx_clock_pair *p, size_t ticks, uint64_t tick_ns,
			 const uint64_t *late_ns, size_t n_late)
{
	for (size_t i = 0; i < ticks; i++) {
		uint64_t j = 4294893000ull + i, edge = 12345 + j * tick_ns;

		edge += late_ns[i % n_late];
		p[2 * i] = (struct vnx_clock_pair){ j - 1, edge - 500, edge - 400 };
		p[2 * i + 1] = (struct vnx_clock_pair){ j, edge + 400, edge + 500 };
	}
	return 2 * ticks;
}

static void every_hz_is_found(void **state)
{
	static const unsigned hz[] = { 100, 250, 300, 1000, 256, 1024 };
	static const uint64_t late[] = { 40000, 0, 3000, 25000, 100 };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(hz); i++) {
		uint64_t tick = (1000000000ull + hz[i] / 2) / hz[i], found;
		struct vnx_clock_pair p[64];
		/* so that even 1024 Hz runs for long enough against 40 us */
		size_t n = make_ticks(p, 32, tick, late, 5);

		assert_int_equal(vnx_jiffies_fit(p, n, &found), 0);
		assert_int_equal(found, tick);
	}
}

static void what_fits_no_hz_is_refused(void **state)
{
	static const uint64_t late[] = { 0 };
	struct vnx_clock_pair p[32] = { 0 };
	uint64_t tick;

	assert_int_equal(vnx_jiffies_fit(p, 0, &tick), -ERANGE);
	assert_int_equal(vnx_jiffies_fit(p, make_ticks(p, 3, 4000000, late, 1), &tick), -ERANGE);
	assert_int_equal(vnx_jiffies_fit(p, make_ticks(p, 16, 6000000, late, 1), &tick), -ERANGE);
}

int main(void)
{
#define ON_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_HOST(bins_wait_for_their_end),
		ON_HOST(late_counts_are_of_the_old_bin),
		ON_HOST(a_slow_tick_moves_no_bin),
		ON_HOST(a_standing_tick_bends_and_voids_nothing),
		ON_HOST(a_late_reader_still_sees_where_ticks_stood),
		ON_HOST(lost_ticks_bend_only_the_bin_they_were_lost_in),
		ON_HOST(an_early_edge_opens_the_same_bin_again),
		ON_HOST(a_stall_between_two_bins_reads_is_seen),
		ON_HOST(a_look_before_the_edge_tells_nothing_of_it),
		ON_HOST(silence_bends_nothing),
		ON_HOST(a_late_read_loses_nothing),
		ON_HOST(a_full_log_leaves_the_sum),
		ON_HOST(a_head_never_logged_is_found),
		ON_HOST(a_head_never_logged_is_lost_at_the_end),
		ON_HOST(an_opening_on_its_way_is_waited_for),
		ON_HOST(heads_of_gone_threads_are_freed),
		ON_HOST(contested_places_are_freed),
		ON_HOST(a_place_just_claimed_is_left_alone),
		ON_HOST(the_idle_are_no_thread),
		cmocka_unit_test(every_hz_is_found),
		cmocka_unit_test(what_fits_no_hz_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
