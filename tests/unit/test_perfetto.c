// SPDX-License-Identifier: GPL-2.0-only
/* The document for ui.perfetto.dev of a diagnosis built by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "cli/output/reporter.h"

#define BINS 40
#define HOSTILE "w\x1b[31m\"},{\\\n\xff\xe6\xbc\xa2"

struct setting {
	struct vnx_diagnosis dg;
	struct vnx_run run;
	struct vnx_finding f;
	json_t *doc, *events;
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static double *series(double level, size_t n_missing, const size_t *missing)
{
	double *x = malloc(BINS * sizeof(*x));

	for (size_t i = 0; i < BINS; i++)
		x[i] = level + (double)i;
	for (size_t i = 0; i < n_missing; i++)
		x[missing[i]] = NAN;
	return x;
}

static void add_fall(struct vnx_vm_finding *vm, double start_s, double end_s)
{
	struct vnx_degradation d = { .start_s = start_s,
				     .start_uncertainty_s = 1,
				     .end_s = end_s,
				     .before_bps = 118e6,
				     .after_bps = 57e6,
				     .change = -0.517,
				     .cause = VNX_CAUSE_CPU_CONTENTION,
				     .advice = strdup("give it a CPU") };

	must(vnx_vec_push(&vm->degradations, d));
}

static void add_vm(struct setting *s, const char *name)
{
	static const size_t gaps[] = { 9, 10, 11, 39 };
	struct vnx_vm_finding vm = {
		.vm = { .name = strdup(name), .nic = strdup(""), .pid = 144 }
	};

	vm.series[VNX_THROUGHPUT] = series(118e6, 1, gaps);
	vm.series[VNX_HANDLE_TX] = series(200, 4, gaps);
	vm.series[VNX_TX_BYTES] = series(7e6, 2, gaps);
	vm.series[VNX_VCPU_ENTER] = series(1000, 0, gaps);
	vm.series[VNX_HANDLE_TX][3] = 0; /* no call: nothing per call */
	must(vnx_vec_push(&s->dg.vms, vm));
}

static void report(struct setting *s)
{
	struct vnx_err err = { 0 };
	json_error_t why;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	static const struct vnx_report_conf conf = { .columns = 80 };

	must(vnx_reporter_perfetto.report(&s->f, &conf, out, &err));
	fclose(out);
	assert_null(memchr(text, '\x1b', len));
	s->doc = json_loads(text, 0, &why);
	if (!s->doc)
		fail_msg("%s: %s", why.text, text);
	s->events = json_object_get(s->doc, "traceEvents");
	assert_true(json_is_array(s->events));
	free(text);
}

static int setup(void **state)
{
	static struct setting s;

	memset(&s, 0, sizeof(s));
	s.dg.grid = (struct vnx_grid){ 1000000000, 500000000, BINS };
	s.f = (struct vnx_finding){
		.dg = &s.dg, .run = &s.run, .source_kind = "vdx", .source_path = "run.vdx"
	};
	add_vm(&s, "vm1");
	add_vm(&s, HOSTILE);
	add_fall(&s.dg.vms.v[0], 5, 15);
	add_fall(&s.dg.vms.v[0], 8, NAN); /* begins while the first lasts */
	add_fall(&s.dg.vms.v[0], 16.5, 18);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct setting *s = *state;

	json_decref(s->doc);
	for (size_t i = 0; i < s->dg.vms.n; i++) {
		struct vnx_vm_finding *vm = &s->dg.vms.v[i];

		for (int m = 0; m < VNX_METRIC_MAX; m++)
			free(vm->series[m]);
		for (size_t k = 0; k < vm->degradations.n; k++)
			free(vm->degradations.v[k].advice);
		free(vm->degradations.v);
		vnx_vm_fini(&vm->vm);
	}
	free(s->dg.vms.v);
	return 0;
}

static const char *text_of(const json_t *e, const char *key)
{
	const char *s = json_string_value(json_object_get(e, key));

	return s ? s : "";
}

static double number_of(const json_t *e, const char *key)
{
	json_t *x = json_object_get(e, key);

	assert_true(json_is_number(x));
	return json_number_value(x);
}

static bool is(const json_t *e, const char *ph, int pid, const char *name)
{
	return !strcmp(text_of(e, "ph"), ph) && number_of(e, "pid") == pid &&
	       (!name || !strcmp(text_of(e, "name"), name));
}

static size_t count(const struct setting *s, const char *ph, int pid, const char *name)
{
	size_t i, n = 0;
	json_t *e;

	json_array_foreach(s->events, i, e) n += is(e, ph, pid, name);
	return n;
}

static void test_one_counter_event_a_bin(void **state)
{
	struct setting *s = *state;

	report(s);
	for (int pid = 1; pid <= 2; pid++) {
		assert_int_equal(count(s, "C", pid, "throughput"), BINS - 1);
		assert_int_equal(count(s, "C", pid, "handle_tx calls per s"), BINS - 4);
		assert_int_equal(count(s, "C", pid, "vcpu_enter calls per s"), BINS);
		assert_int_equal(count(s, "C", pid, "bytes per handle_tx call"), BINS - 4 - 1);
		assert_int_equal(count(s, "C", pid, NULL), 4 * BINS - 1 - 4 - 5);
	}
}

static void test_values_and_times(void **state)
{
	struct setting *s = *state;
	size_t i, seen = 0;
	json_t *e;

	report(s);
	json_array_foreach(s->events, i, e)
	{
		json_t *args = json_object_get(e, "args");

		if (!is(e, "C", 1, NULL) || number_of(e, "ts") != 6000000)
			continue;
		seen++; /* bin 12 */
		if (!strcmp(text_of(e, "name"), "throughput"))
			assert_true(number_of(args, "bit/s") == 118e6 + 12);
		else if (!strcmp(text_of(e, "name"), "handle_tx calls per s"))
			assert_true(number_of(args, "calls/s") == 424);
		else if (!strcmp(text_of(e, "name"), "vcpu_enter calls per s"))
			assert_true(number_of(args, "calls/s") == 2024);
		else
			assert_true(number_of(args, "bytes") == (7e6 + 12) / 212);
	}
	assert_int_equal(seen, 4);
}

/* What a viewer draws on one line. */
static bool same_track(const json_t *a, const json_t *b)
{
	if (strcmp(text_of(a, "ph"), text_of(b, "ph")) ||
	    number_of(a, "pid") != number_of(b, "pid"))
		return false;
	if (!strcmp(text_of(a, "ph"), "C"))
		return !strcmp(text_of(a, "name"), text_of(b, "name"));
	return number_of(a, "tid") == number_of(b, "tid");
}

static void test_each_track_is_by_time(void **state)
{
	struct setting *s = *state;
	size_t n;

	report(s);
	n = json_array_size(s->events);
	for (size_t i = 0; i < n; i++) {
		json_t *a = json_array_get(s->events, i);

		if (is(a, "M", (int)number_of(a, "pid"), NULL))
			continue;
		assert_true(number_of(a, "ts") >= 0);
		for (size_t k = i + 1; k < n; k++) {
			json_t *b = json_array_get(s->events, k);
			bool slice = !strcmp(text_of(a, "ph"), "X");
			double least;

			if (!same_track(a, b))
				continue;
			least = number_of(a, "ts") + (slice ? number_of(a, "dur") : 1);
			assert_true(number_of(b, "ts") >= least);
			break;
		}
	}
}

static void test_gaps_are_shown(void **state)
{
	struct setting *s = *state;
	size_t i, seen = 0;
	json_t *e;

	report(s);
	assert_int_equal(count(s, "X", 1, "not measured: throughput"), 1);
	assert_int_equal(count(s, "X", 1, "not measured: handle_tx calls per s"), 2);
	assert_int_equal(count(s, "X", 1, "not measured: vcpu_enter calls per s"), 0);
	json_array_foreach(s->events, i, e)
	{
		if (!is(e, "X", 1, "not measured: handle_tx calls per s"))
			continue;
		assert_true(number_of(e, "ts") == (seen ? 39 * 5e5 : 9 * 5e5));
		assert_true(number_of(e, "dur") == (seen ? 5e5 : 15e5));
		seen++;
	}
	assert_int_equal(seen, 2);
}

static void test_falls(void **state)
{
	struct setting *s = *state;
	double tid[3], end[3];
	size_t i, n = 0;
	json_t *e;

	report(s);
	json_array_foreach(s->events, i, e)
	{
		if (!is(e, "X", 1, NULL) || strncmp(text_of(e, "name"), "throughput falls", 16))
			continue;
		assert_true(n < 3);
		assert_non_null(strstr(text_of(e, "name"), "118 Mbit/s"));
		assert_non_null(strstr(text_of(e, "name"), "CPU"));
		assert_string_equal(text_of(json_object_get(e, "args"), "cause"), "cpu_contention");
		assert_string_equal(text_of(json_object_get(e, "args"), "advice"), "give it a CPU");
		tid[n] = number_of(e, "tid");
		end[n++] = number_of(e, "ts") + number_of(e, "dur");
	}
	assert_int_equal(n, 3);
	assert_true(tid[0] != tid[1] && tid[0] == tid[2]);
	assert_true(end[0] == 15e6 && end[1] == 20e6 && end[2] == 18e6);
	assert_int_equal(count(s, "M", 1, "thread_name"), 2 + 3);
}

static void test_names(void **state)
{
	struct setting *s = *state;
	size_t i;
	json_t *e;

	report(s);
	assert_int_equal(count(s, "M", 1, "process_name"), 1);
	json_array_foreach(s->events, i, e) if (is(e, "M", 2, "process_name"))
		assert_string_equal(text_of(json_object_get(e, "args"), "name"),
				    "w\\x1B[31m\"},{\\\\x0A\\xFF\xe6\xbc\xa2");
}

static void test_nothing_measured(void **state)
{
	struct vnx_diagnosis none = { .grid = { 0, 500000000, 0 } };
	struct setting s = { .f = { .dg = &none, .source_kind = "vdx" } };

	report(&s);
	assert_int_equal(json_array_size(s.events), 0);
	json_decref(s.doc);
}

static void test_file(void **state)
{
	struct setting *s = *state;
	char path[] = "/tmp/vnx-perfetto-XXXXXX";
	struct vnx_err err = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	must(vnx_report_perfetto(&s->f, path, &err));
	s->doc = json_load_file(path, 0, NULL);
	assert_non_null(s->doc);
	unlink(path);
	assert_int_equal(vnx_report_perfetto(&s->f, "/dev/null/x", &err), -ENOTDIR);
	assert_non_null(strstr(err.message, "/dev/null/x"));
	err = (struct vnx_err){ 0 };
	assert_true(vnx_report_perfetto(&s->f, "/dev/full", &err) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_counter_event_a_bin),
		TEST(test_values_and_times),
		TEST(test_each_track_is_by_time),
		TEST(test_gaps_are_shown),
		TEST(test_falls),
		TEST(test_names),
		TEST(test_nothing_measured),
		TEST(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
