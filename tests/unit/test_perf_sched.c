// SPDX-License-Identifier: GPL-2.0-only
/* Who ran, who waited and for whom, from the switches and wakeups of a perf.data. */
#define WITH_SCHED
#define T0 (10000 * VNX_NSEC_PER_SEC) /* hours after what is hours before it */
#include "tests/unit/perf_data_gen.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/sched_cases.h"

/* How the samples of sched_cases[] are written. */
static struct {
	bool by_cpu; /* CPU 1's before CPU 0's, then rounds; else in order of time */
	bool rounds; /* one after each sample */
	bool no_switches;
	bool born;        /* the worker's first wakeup is the first of all */
	uint64_t lost_ns; /* CPU 0 lost events before this, 0: none */
	uint64_t told_ns; /* as the record says, 0: the same */
	bool far;         /* first the worker gets a CPU two hours before */
} how;

static struct vnx_err err;
static struct vnx_run run;
static struct vnx_samples samples;

/* ---- writing ---- */

static void put_name(struct bytes *b, const char *name)
{
	char comm[16] = "";

	snprintf(comm, sizeof(comm), "%s", name);
	put(b, comm, sizeof(comm));
}

static void put_raw_head(struct bytes *b, size_t event, const struct sched_case *c, uint32_t len)
{
	put_head(b, PERF_RECORD_SAMPLE, 56 + 4 + len);
	put64(b, id_of(event));
	put64(b, 0xffffffff81000000ull);
	put32(b, c->prev);
	put32(b, c->prev);
	put64(b, T0 + c->t_ns);
	put64(b, shape.swap ? (uint64_t)c->cpu << 32 : c->cpu);
	put64(b, 1);
	put32(b, len);
	put16(b, (uint16_t)events[event].config);
	put16(b, 0);
	put32(b, c->prev);
}

static void put_switch(struct bytes *b, const struct sched_case *c)
{
	put_raw_head(b, SCHED_SWITCH, c, 68);
	put_name(b, case_name(c->prev));
	put32(b, c->prev);
	put32(b, 120);
	put64(b, c->state);
	put_name(b, case_name(c->next));
	put32(b, c->next);
	put32(b, 120);
	put32(b, 0);
}

static void put_wakeup(struct bytes *b, const struct sched_case *c)
{
	put_raw_head(b, how.born && c->t_ns == 50 * MS ? SCHED_NEW : SCHED_WAKEUP, c, 36);
	put_name(b, case_name(c->next));
	put32(b, c->next);
	put32(b, 120);
	put32(b, 0);
}

static void put_case(struct bytes *b, const struct sched_case *c)
{
	if (how.lost_ns == c->t_ns && how.lost_ns) {
		put_lost(b, how.told_ns ? how.told_ns : T0 + c->t_ns, 0, 5);
		return;
	}
	if (c->wakeup)
		put_wakeup(b, c);
	else if (!how.no_switches)
		put_switch(b, c);
	if (how.rounds)
		put_head(b, 68, 8);
}

static void put_cases(struct bytes *b)
{
	put_comm(b, HOG, HOG, "stress");
	put_comm(b, HOG, HOG_THREAD, "stress");
	if (how.far)
		put_switch(b, &(struct sched_case){ -7200000 * MS, 0, HOG, 0, WORKER, false });
	for (unsigned cpu = 2; cpu-- > 0;)
		for (size_t i = 0; i < VNX_ARRAY_SIZE(sched_cases); i++)
			if (how.by_cpu ? sched_cases[i].cpu == cpu : cpu)
				put_case(b, &sched_cases[i]);
	for (size_t e = 0; e < 4; e++)
		put_sample(b, e, T0 + 5000 * MS);
}

/* ---- reading ---- */

static void read_file(void)
{
	struct vnx_reader_conf conf = { .bin_ns = CASE_BIN, .quiet = true };
	int fd = memfd_create("perf", 0);
	struct vnx_reader *r;
	struct vnx_sample s;
	struct vnx_input in;
	char path[64];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.v, file.n), (ssize_t)file.n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	vnx_run_fini(&run);
	samples.n = 0;
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	if (vnx_reader_perf_data.open(&r, &in, &conf, &err))
		fail_msg("%s", err.message);
	assert_int_equal(vnx_reader_perf_data.run(r, &run, &err), 0);
	while (vnx_reader_perf_data.next(r, &s, &err) == 1)
		assert_int_equal(vnx_vec_push(&samples, s), 0);
	vnx_reader_perf_data.close(r);
	vnx_input_close(&in);
	close(fd);
}

static int teardown(void **state)
{
	vnx_run_fini(&run);
	free(samples.v);
	samples = (struct vnx_samples){ 0 };
	free(file.v);
	file = (struct bytes){ 0 };
	memset(&how, 0, sizeof(how));
	return 0;
}

/* ---- tests ---- */

static void assert_known(void)
{
	uint64_t known;

	assert_string_equal(run.warning, "");
	assert_worker(&samples, T0);
	for (unsigned b = 0; b < 10; b++)
		assert_int_equal(case_held(&run.holds, WORKER, HOG, T0, b),
				 worker_wants[b].wait_ns);
	case_sum(&samples, VNX_VCPU_RUN, VCPU, T0, 3, &known);
	assert_int_equal(known, 0); /* its wakeup is not there */
	assert_int_equal(case_sum(&samples, VNX_VCPU_RUN, VCPU, T0, 8, &known), 500 * MS);
	assert_int_equal(run.sources.n, 1);
	assert_string_equal(run.sources.v[0].why, "");
}

static void known_schedule(void **state)
{
	static const struct shape shapes[] = {
		{ 0 }, { .swap = true }, { .pipe = true }, { .pack = true }, { .rounds = true }
	};

	for (size_t i = 0; i < 4 * VNX_ARRAY_SIZE(shapes); i++) {
		how.by_cpu = i & 1;
		how.rounds = (i & 2) && !how.by_cpu;
		make(shapes[i / 4], put_cases);
		read_file();
		assert_known();
	}
}

static void put_hold_cases(struct bytes *b)
{
	put_comm(b, HOG, HOG, "stress");
	put_comm(b, HOG_2, HOG_2, "stress");
	for (unsigned cpu = 2; cpu-- > 0;)
		for (size_t i = 0; i < VNX_ARRAY_SIZE(hold_cases); i++)
			if (how.by_cpu ? hold_cases[i].cpu == cpu : cpu)
				put_case(b, &hold_cases[i]);
	put_sample(b, 0, T0 + 1000 * MS);
}

static void longest_is_charged(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		how.by_cpu = i;
		make((struct shape){ .swap = i }, put_hold_cases);
		read_file();
		assert_held(&run.holds, T0);
	}
}

/*
 * 20000 rounds of 100 us from 1 s on, 8 MB in several blocks: sleeps 40 us, waits 10 for the
 * hog, runs 50. perf drains one CPU after the other.
 */
static void put_many(struct bytes *b)
{
	const uint64_t us = 1000;

	for (unsigned i = 0; i < 20000; i += 20) {
		for (unsigned cpu = 0; cpu < 2; cpu++)
			for (unsigned k = i; k < i + 20; k++) {
				uint64_t t = 1000 * MS + k * 100 * us + 1;
				struct sched_case c[] = {
					{ t + 40 * us, 1, 0, 0, WORKER, true },
					{ t + 50 * us, 0, HOG, ST_PREEMPTED, WORKER, false },
					{ t + 100 * us - 2, 0, WORKER, ST_SLEEPS, HOG, false },
				};

				for (unsigned j = 0; j < 3; j++)
					if (c[j].cpu == cpu)
						put_case(b, &c[j]);
			}
		put_head(b, 68, 8);
	}
	put_sample(b, 0, T0 + 3000 * MS);
}

static void many_blocks(void **state)
{
	const uint64_t us = 1000;
	uint64_t known;

	make((struct shape){ 0 }, put_many);
	read_file();
	assert_true(file.n > 5u << 20);
	for (unsigned b = 2; b < 6; b++) {
		assert_int_equal(case_sum(&samples, VNX_VHOST_RUN, WORKER, T0, b, &known),
				 5000 * (50 * us - 2));
		assert_true(known > CASE_BIN - 100 * us);
		assert_int_equal(case_sum(&samples, VNX_VHOST_RUNQ_WAIT, WORKER, T0, b, &known),
				 5000 * 10 * us);
	}
}

/* The worker's wakeup at 900 ms is lost, and with it what CPU 0 had since 300. */
static void losses_are_missing(void **state)
{
	uint64_t known;

	how.lost_ns = 900 * MS;
	make((struct shape){ .rounds = true }, put_cases);
	read_file();
	for (unsigned b = 0; b < 2; b++) {
		case_sum(&samples, VNX_VHOST_RUN, WORKER, T0, b, &known);
		assert_int_equal(known, 0);
	}
	/* what it did is known again from when it got a CPU at 1250 ms */
	assert_int_equal(case_sum(&samples, VNX_VHOST_RUN, WORKER, T0, 2, &known), 150 * MS - 1);
	assert_int_equal(known, 250 * MS - 1);
	assert_int_equal(case_sum(&samples, VNX_VHOST_RUNQ_WAIT, WORKER, T0, 2, &known), 100 * MS);
	assert_int_equal(case_sum(&samples, VNX_VHOST_RUNQ_WAIT, WORKER, T0, 3, &known), 500 * MS);
}

/* A damaged record: what follows is lost, and the end of the bins is not looked for for ever. */
static void loss_at_the_end_of_time(void **state)
{
	uint64_t known;

	how.lost_ns = 3500 * MS;
	how.told_ns = UINT64_MAX - 1;
	make((struct shape){ 0 }, put_cases);
	alarm(60);
	read_file();
	alarm(0);
	for (unsigned b = 0; b < 10; b++) {
		assert_int_equal(case_sum(&samples, VNX_VHOST_RUN, WORKER, T0, b, &known),
				 b < 6 ? worker_wants[b].run_ns : 0);
		assert_int_equal(known, b < 6 ? CASE_BIN : 0);
	}
}

/* What is told to be left out is left out. */
static void switch_from_nowhere(void **state)
{
	how.far = true;
	make((struct shape){ 0 }, put_cases);
	read_file();
	assert_non_null(strstr(run.warning, "far from all others"));
	assert_worker(&samples, T0);
}

/* Nothing is near the first sample; the second bears it out. */
static void begins_with_a_switch(void **state)
{
	uint64_t known;

	how.by_cpu = true; /* a vCPU gets one */
	make((struct shape){ .no_calls_first = true }, put_cases);
	read_file();
	case_sum(&samples, VNX_VCPU_RUN, VCPU, T0, 0, &known);
	assert_int_equal(known, CASE_BIN);
}

static void not_yet_born(void **state)
{
	uint64_t known;

	how.born = true;
	make((struct shape){ 0 }, put_cases);
	read_file();
	assert_int_equal(case_sum(&samples, VNX_VHOST_RUN, WORKER, T0, 0, &known), 200 * MS);
	assert_int_equal(known, 450 * MS);
}

static void without_switches(void **state)
{
	how.no_switches = true;
	make((struct shape){ 0 }, put_cases);
	read_file();
	for (size_t i = 0; i < samples.n; i++)
		assert_true(samples.v[i].metric <= VNX_VCPU_HALT);
	assert_non_null(strstr(vnx_evidence_why(&run.sources, VNX_VHOST_RUN), "no sched_switch"));
}

/* One in a hundred switches tells nothing of the others. */
static void estimates_are_refused(void **state)
{
	make((struct shape){ .period = 100 }, put_cases);
	read_file();
	assert_non_null(strstr(run.warning, "sched:sched_switch"));
	for (size_t i = 0; i < samples.n; i++)
		assert_true(samples.v[i].metric <= VNX_VCPU_HALT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(known_schedule, teardown),
		cmocka_unit_test_teardown(longest_is_charged, teardown),
		cmocka_unit_test_teardown(many_blocks, teardown),
		cmocka_unit_test_teardown(losses_are_missing, teardown),
		cmocka_unit_test_teardown(loss_at_the_end_of_time, teardown),
		cmocka_unit_test_teardown(switch_from_nowhere, teardown),
		cmocka_unit_test_teardown(begins_with_a_switch, teardown),
		cmocka_unit_test_teardown(not_yet_born, teardown),
		cmocka_unit_test_teardown(without_switches, teardown),
		cmocka_unit_test_teardown(estimates_are_refused, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
