// SPDX-License-Identifier: GPL-2.0-only
/* perf.data made here, with known counts, in every shape that perf writes; and broken ones. */
#include "tests/unit/perf_data_gen.h"

#include <sys/mman.h>
#include <unistd.h>

#define BIN (100 * MS)

static struct vnx_err err;
static struct vnx_run run;
static uint64_t counts[VNX_METRIC_MAX], lost_ns;
static const struct vnx_hook_override *hooks;
static size_t n_hooks;

/* ---- reading ---- */

static int read_all(const char *path)
{
	struct vnx_reader_conf conf = {
		.bin_ns = BIN, .hooks = hooks, .n_hooks = n_hooks, .quiet = true
	};
	const struct vnx_reader_ops *ops;
	struct vnx_reader *r = NULL;
	struct vnx_sample s;
	struct vnx_input in;
	int ret = vnx_input_open(&in, path, &err);

	assert_int_equal(ret, 0);
	ops = vnx_reader_find(&in, &err);
	ret = ops ? ops->open(&r, &in, &conf, &err) : -EINVAL;
	if (!ret)
		ret = ops->run(r, &run, &err);
	while (!ret && ops->next(r, &s, &err) == 1) {
		counts[s.metric] += s.count;
		if (s.metric == VNX_LOST)
			lost_ns += s.dur_ns;
	}
	if (ops)
		ops->close(r);
	vnx_input_close(&in);
	return ret;
}

static void forget(void)
{
	vnx_run_fini(&run);
	memset(counts, 0, sizeof(counts));
	lost_ns = 0;
	err = (struct vnx_err){ 0 };
}

static int read_bytes(const uint8_t *p, size_t len)
{
	int fd = memfd_create("perf", 0), ret;
	char path[64];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	forget();
	ret = read_all(path);
	close(fd);
	return ret;
}

static int read_file(void)
{
	return read_bytes(file.v, file.n);
}

static void assert_counts(void)
{
	assert_string_equal(err.message, "");
	assert_string_equal(run.warning, "");
	assert_int_equal(counts[VNX_HANDLE_TX], TX);
	assert_int_equal(counts[VNX_HANDLE_RX], RX);
	assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT);
	assert_int_equal(counts[VNX_LOST], 0);
}

static int teardown(void **state)
{
	forget();
	free(file.v);
	file = (struct bytes){ 0 };
	shape = (struct shape){ 0 };
	hooks = NULL;
	n_hooks = 0;
	return 0;
}

/* ---- tests ---- */

static void test_shapes(void **state)
{
	static const struct shape shapes[] = {
		{ 0 },
		{ .swap = true },
		{ .pipe = true },
		{ .pipe = true, .swap = true },
		{ .pack = true },
		{ .pack = true, .swap = true },
		{ .pack = true, .pipe = true },
		{ .pack = true, .pack2 = true },
		{ .pack = true, .pack2 = true, .pipe = true },
		{ .rounds = true },
		{ .no_tracing_data = true },
		{ .no_tracing_data = true, .pipe = true },
		{ .no_names = true },
		{ .no_names = true, .pipe = true, .swap = true },
		{ .sample_type =
			  USUAL | PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID },
		{ .sample_type = (USUAL & ~(uint64_t)PERF_SAMPLE_IDENTIFIER) | PERF_SAMPLE_ID },
		{ .sample_type = USUAL & ~(uint64_t)(PERF_SAMPLE_PERIOD | PERF_SAMPLE_IP) },
		{ .period = 100 }, /* each call is a sample of period 1 all the same */
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], NULL);
		assert_int_equal(read_file(), 0);
		assert_counts();
	}
}

static void test_facts(void **state)
{
	make((struct shape){ .swap = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_string_equal(run.facts.clock, "mono");
	assert_string_equal(run.facts.kernel, "6.1.0-test");
	assert_string_equal(run.facts.host, "ill-host");
	assert_int_equal(run.facts.realtime_minus_mono_ns,
			 1700000000ll * (int64_t)VNX_NSEC_PER_SEC - (int64_t)T0);
	assert_int_equal(run.facts.start_ns, T0);
	assert_int_equal(run.facts.end_ns, T0 + SPAN);
	assert_int_equal(run.facts.stats.events, TX + RX + ENTER + HALT);
	assert_int_equal(run.vms.n, 1);
	assert_int_equal(run.vms.v[0].pid, 144);
	assert_int_equal(run.vms.v[0].workers.n, 1);
	assert_int_equal(run.vms.v[0].workers.v[0], 148);
	assert_int_equal(run.vms.v[0].vcpus.n, 1);
	assert_int_equal(run.vms.v[0].vcpus.v[0], 150);
	make((struct shape){ .no_clockid = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_string_equal(run.facts.clock, "perf");
}

/* The symbols say that both probes stand on the other's function: addresses are believed. */
static void test_probes_by_address(void **state)
{
	static const struct shape shapes[] = {
		{ .kallsyms = true },
		{ .kallsyms = true, .swap = true, .pipe = true },
		{ .kallsyms = true, .sample_type = USUAL | PERF_SAMPLE_CALLCHAIN },
		{ .kallsyms = true,
		  .sample_type = USUAL | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN,
		  .read_format =
			  PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED },
		{ .kallsyms = true,
		  .sample_type = USUAL | PERF_SAMPLE_READ,
		  .read_format = PERF_FORMAT_ID | 16 | PERF_FORMAT_TOTAL_TIME_RUNNING },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], NULL);
		assert_int_equal(read_file(), 0);
		assert_string_equal(run.warning, "");
		assert_int_equal(counts[VNX_HANDLE_TX], RX);
		assert_int_equal(counts[VNX_HANDLE_RX], TX);
		assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	}
}

static void test_overrides(void **state)
{
	static const struct vnx_hook_override over[] = { { VNX_HANDLE_TX, "tp:kvm:kvm_entry" },
							 { VNX_HANDLE_RX, "tp:probe:handle_tx" } };

	hooks = over;
	n_hooks = 2;
	for (int kallsyms = 0; kallsyms < 2; kallsyms++) {
		make((struct shape){ .kallsyms = kallsyms }, NULL);
		assert_int_equal(read_file(), 0);
		assert_int_equal(counts[VNX_HANDLE_TX], ENTER);
		assert_int_equal(counts[VNX_HANDLE_RX], TX);
	}
}

static void test_estimates_are_refused(void **state)
{
	make((struct shape){ .freq = true, .period = 4000 }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "by frequency"));
	make((struct shape){ .period = 100, .sample_period = 100 }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "several calls each"));
	make((struct shape){ .period = 100, .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_PERIOD },
	     NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "one in several calls"));
	make((struct shape){ .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_TIME }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "no time"));
	make((struct shape){ .sample_type = USUAL & ~(uint64_t)PERF_SAMPLE_IDENTIFIER }, NULL);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "cannot be told"));
}

static void test_twice_recorded(void **state)
{
	make((struct shape){ .twin = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
	assert_non_null(strstr(run.warning, "recorded twice"));
}

/* ---- losses ---- */

static void lose_one(struct bytes *b)
{
	put_lost(b, T0 + SPAN + 50 * MS, 1, 41);
	put_sample(b, 3, T0 + SPAN + 250 * MS);
}

static void test_lost(void **state)
{
	static const struct shape shapes[] = { { 0 }, { .swap = true }, { .pack = true } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], lose_one);
		assert_int_equal(read_file(), 0);
		assert_int_equal(counts[VNX_LOST], 41);
		assert_int_equal(lost_ns, 50 * MS); /* since that CPU's last record */
		assert_int_equal(run.facts.stats.lost, 41);
	}
}

/* perf sums up at the end what rings told of before; more than they told is a loss. */
static void sum_up(struct bytes *b)
{
	put_lost(b, T0 + SPAN + 50 * MS, 1, 41);
	put_head(b, PERF_RECORD_LOST_SAMPLES, 48);
	put64(b, 41);
	put_trailer(b, 0, 0, 0, 3);
}

static void sum_up_more(struct bytes *b)
{
	sum_up(b);
	put_head(b, PERF_RECORD_LOST_SAMPLES, 48);
	put64(b, 2);
	put_trailer(b, 0, 0, 0, 2);
}

static void test_sum_of_losses(void **state)
{
	make((struct shape){ 0 }, sum_up);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 41);
	make((struct shape){ 0 }, sum_up_more);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 43);
}

static void throttle(struct bytes *b)
{
	put_head(b, PERF_RECORD_THROTTLE, 64);
	put64(b, T0 + 300 * MS);
	put64(b, id_of(2));
	put64(b, id_of(2));
	put_trailer(b, 0, T0 + 300 * MS, 1, 2);
	put_head(b, PERF_RECORD_UNTHROTTLE, 64);
	put64(b, T0 + 400 * MS);
	put64(b, id_of(2));
	put64(b, id_of(2));
	put_trailer(b, 0, T0 + 400 * MS, 1, 2);
}

static void test_throttle(void **state)
{
	make((struct shape){ 0 }, throttle);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_LOST], 1);
	assert_int_equal(lost_ns, 100 * MS);
}

/* ---- damage ---- */

static void test_cut_pipe(void **state)
{
	make((struct shape){ .pipe = true, .rounds = true }, NULL);
	assert_int_equal(read_bytes(file.v, file.n - 8 - 20), 0);
	assert_int_equal(counts[VNX_HANDLE_TX], TX);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_true(counts[VNX_LOST] > 0);
	assert_non_null(strstr(run.warning, "ends within a record at offset"));
}

static void test_record_without_length(void **state)
{
	size_t at;

	make((struct shape){ .pipe = true }, NULL);
	/* the last sample's size */
	at = file.n - SAMPLE_LEN;
	assert_int_equal(file.v[at], PERF_RECORD_SAMPLE);
	memset(file.v + at + 6, 0, 2);
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_non_null(strstr(run.warning, "without length"));
}

static void test_time_from_nowhere(void **state)
{
	make((struct shape){ .pipe = true }, NULL);
	file.v[file.n - SAMPLE_LEN + 8 + 8 + 8 + 8 + 6] ^= 0x40;
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_int_equal(run.facts.end_ns, T0 + SPAN);
	assert_non_null(strstr(run.warning, "far from all others"));
	assert_int_equal(counts[VNX_LOST], 1);
}

static void test_unknown_event(void **state)
{
	make((struct shape){ .pipe = true }, NULL);
	file.v[file.n - SAMPLE_LEN + 8] ^= 0x80;
	assert_int_equal(read_file(), 0);
	assert_int_equal(counts[VNX_VCPU_HALT], HALT - 1);
	assert_int_equal(counts[VNX_LOST], 1);
	assert_non_null(strstr(run.warning, "no event of the file"));
}

static void test_unfinished(void **state)
{
	make((struct shape){ .unfinished = true }, NULL);
	assert_true(read_file() < 0);
	assert_int_equal(err.exit, VNX_EXIT_FAILED);
	assert_non_null(strstr(err.message, "not ended properly"));
	assert_non_null(strstr(err.message, "1501, 1502, 1200, 1201"));
	assert_non_null(strstr(err.hint, "Ctrl-C"));
	assert_non_null(strstr(err.hint, "tp:unnamed:id"));
	/* Where names come before samples, all up to the end of the file counts. */
	make((struct shape){ .unfinished = true, .early_names = true }, NULL);
	assert_int_equal(read_file(), 0);
	assert_non_null(strstr(run.warning, "not ended properly"));
	run.warning[0] = '\0';
	assert_counts();
}

/* The user tells what the numbers are; what he does not tell is said to be unknown. */
static void test_unfinished_named_by_number(void **state)
{
	static const struct vnx_hook_override over[] = { { VNX_HANDLE_TX, "tp:unnamed:id1501" },
							 { VNX_VCPU_ENTER, "tp:unnamed:id1200" },
							 { VNX_VCPU_HALT, "tp:unnamed:id1201" },
							 { VNX_HANDLE_RX, "tp:unnamed:id1502" } };

	for (int pack = 0; pack < 2; pack++) {
		make((struct shape){ .unfinished = true, .pack = pack }, NULL);
		hooks = over;
		n_hooks = 1;
		assert_int_equal(read_file(), 0);
		assert_int_equal(counts[VNX_HANDLE_TX], TX);
		assert_int_equal(counts[VNX_HANDLE_RX], 0);
		assert_int_equal(counts[VNX_VCPU_ENTER], 0);
		assert_non_null(strstr(run.warning, "tracepoints 1502, 1200, 1201 are not in it"));
		hooks = over;
		n_hooks = 4;
		assert_int_equal(read_file(), 0);
		assert_non_null(strstr(run.warning, "not ended properly"));
		assert_null(strstr(run.warning, "tracepoints"));
		run.warning[0] = '\0';
		assert_int_equal(counts[VNX_HANDLE_TX], TX);
		assert_int_equal(counts[VNX_HANDLE_RX], RX);
		assert_int_equal(counts[VNX_VCPU_ENTER], ENTER);
		assert_int_equal(counts[VNX_VCPU_HALT], HALT);
		assert_string_equal(run.hooks.v[0].hook, "tp:unnamed:id1501");
	}
}

static void test_unusable(void **state)
{
	assert_true(read_bytes((const uint8_t *)"PERFILE2", 8) < 0);
	assert_non_null(strstr(err.message, "no whole perf.data"));
	assert_true(read_bytes((const uint8_t *)"PERFFILE----------------", 24) < 0);
	assert_non_null(strstr(err.message, "before 2013"));
	make((struct shape){ 0 }, NULL);
	set64(&file, 40, 1ull << 40);
	assert_true(read_file() < 0);
	assert_non_null(strstr(err.message, "not where its header says"));
	set64(&file, 16, 0);
	assert_true(read_file() < 0);
}

/* Not the clock on the wall: others may have the CPU. */
static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Whatever is left of a file: an answer or one sentence, at once, and never more than there was. */
static void assert_survives(const uint8_t *p, size_t len, bool counts_matter)
{
	double begun_s = cpu_s();
	int ret = read_bytes(p, len);

	assert_true(cpu_s() - begun_s < 2);
	assert_true(ret <= 0);
	if (ret)
		assert_true(err.message[0] != '\0');
	if (counts_matter) {
		assert_true(counts[VNX_HANDLE_TX] <= TX);
		assert_true(counts[VNX_HANDLE_RX] <= RX);
		assert_true(counts[VNX_VCPU_ENTER] <= ENTER);
		assert_true(counts[VNX_VCPU_HALT] <= HALT + 1);
	}
}

static const struct shape hurt[] = { { .rounds = true },
				     { .pipe = true, .kallsyms = true },
				     { .pipe = true, .swap = true },
				     { .pipe = true, .pack = true },
				     { .pack = true, .pack2 = true } };

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(hurt); i++) {
		make(hurt[i], lose_one);
		for (size_t cut = 0; cut < 1000; cut++)
			assert_survives(file.v, file.n * cut / 1000 + 1, !hurt[i].kallsyms);
	}
}

static void test_every_corruption(void **state)
{
	uint64_t seed = 20240229;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(hurt); i++) {
		make(hurt[i], lose_one);
		for (int n = 0; n < 1000; n++) {
			size_t at;
			uint8_t was;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			at = (size_t)(seed >> 33) % file.n;
			was = file.v[at];
			file.v[at] ^= (uint8_t)(1 + (seed >> 20) % 255);
			assert_survives(file.v, file.n, false);
			file.v[at] = was;
		}
	}
}

/* More than one block, decoded by several threads. */
static void many(struct bytes *b)
{
	for (unsigned i = 0; i < 30000; i++)
		put_sample(b, i % 2 ? 3 : 2, T0 + i * (SPAN / 30000) + i * 7919 % 30011);
}

static void test_blocks(void **state)
{
	static const struct shape shapes[] = { { 0 },
					       { .pack = true },
					       { .pipe = true },
					       { .pack = true, .wrapped = true },
					       { .pack = true, .wrapped = true, .pipe = true } };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(shapes); i++) {
		make(shapes[i], many);
		assert_true(shape.pack || file.n > 2 << 20);
		assert_int_equal(read_file(), 0);
		assert_string_equal(run.warning, "");
		assert_int_equal(counts[VNX_VCPU_ENTER], ENTER + 15000);
		assert_int_equal(counts[VNX_VCPU_HALT], HALT + 15000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_shapes, teardown),
		cmocka_unit_test_teardown(test_facts, teardown),
		cmocka_unit_test_teardown(test_probes_by_address, teardown),
		cmocka_unit_test_teardown(test_overrides, teardown),
		cmocka_unit_test_teardown(test_estimates_are_refused, teardown),
		cmocka_unit_test_teardown(test_twice_recorded, teardown),
		cmocka_unit_test_teardown(test_lost, teardown),
		cmocka_unit_test_teardown(test_sum_of_losses, teardown),
		cmocka_unit_test_teardown(test_throttle, teardown),
		cmocka_unit_test_teardown(test_cut_pipe, teardown),
		cmocka_unit_test_teardown(test_record_without_length, teardown),
		cmocka_unit_test_teardown(test_time_from_nowhere, teardown),
		cmocka_unit_test_teardown(test_unknown_event, teardown),
		cmocka_unit_test_teardown(test_unfinished, teardown),
		cmocka_unit_test_teardown(test_unfinished_named_by_number, teardown),
		cmocka_unit_test_teardown(test_unusable, teardown),
		cmocka_unit_test_teardown(test_every_prefix, teardown),
		cmocka_unit_test_teardown(test_every_corruption, teardown),
		cmocka_unit_test_teardown(test_blocks, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
