// SPDX-License-Identifier: GPL-2.0-only
/* Reporters against a diagnosis built by hand: the contract's fields, nulls, widths, names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output/plot/figure.h"
#include "cli/output/json_write.h"
#include "cli/output/text/layout.h"
#include "cli/output/plot/plot.h"
#include "cli/base/safe.h"
#include "cli/base/units.h"

#define BINS 40
#define HOSTILE "w\x1b[31m'`\"<&,\n\xe6\xbc\xa2"

struct setting {
	struct vnx_diagnosis dg;
	struct vnx_run run;
	struct vnx_throughput tp;
	struct vnx_finding f;
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static double *series(double level, double last)
{
	double *x = malloc(BINS * sizeof(*x));

	for (size_t i = 0; i < BINS; i++)
		x[i] = (i < BINS / 2 ? level : last) * (1 + 0.01 * (double)(i % 5));
	return x;
}

static void add_corr(struct vnx_vm_finding *vm, enum vnx_corr_on on, double r,
		     const char *undefined)
{
	struct vnx_correlation c = { .x = VNX_HANDLE_TX, .y = VNX_THROUGHPUT, .on = on };

	c.c = (struct vnx_corr){ r, 38, 12.5, r - 0.1, r + 0.05, 1e-9, undefined };
	if (isnan(r))
		c.c = (struct vnx_corr){ NAN, 0, NAN, NAN, NAN, NAN, undefined };
	must(vnx_vec_push(&vm->correlations, c));
}

static void add_fall(struct vnx_vm_finding *vm, double start_s, double end_s, double before,
		     double after)
{
	struct vnx_degradation d = { .start_s = start_s,
				     .start_uncertainty_s = 1,
				     .end_s = end_s,
				     .before_bps = before,
				     .after_bps = after,
				     .change = after / before - 1,
				     .p = 1e-5,
				     .cause = VNX_CAUSE_UNKNOWN };
	struct vnx_missing m = { strdup("vhost_runq_wait"), strdup("a later version records it") };
	struct vnx_evidence e = { VNX_HANDLE_TX, 400, NAN };

	must(vnx_vec_push(&d.missing, m));
	must(vnx_vec_push(&d.evidence, e));
	must(vnx_vec_push(&vm->degradations, d));
}

static void add_iface(struct vnx_vm *vm)
{
	struct vnx_iface iface = { .name = strdup("tap1"),
				   .ifindex = 7,
				   .kind = strdup("tap"),
				   .nic = strdup("virtio-net"),
				   .backend = VNX_BACKEND_VHOST_NET,
				   .queues = 1,
				   .mac = strdup(""),
				   .sw = strdup("br0"),
				   .switch_kind = strdup("bridge"),
				   .uplink = strdup("eth0"),
				   .uplink_bps = 10000000000 };

	must(vnx_vec_push(&vm->ifaces, iface));
	must(vnx_vec_push(&vm->workers, 148));
	must(vnx_vec_push(&vm->vcpus, 150));
}

static struct vnx_vm_finding *add_vm(struct setting *s, const char *name, enum vnx_verdict verdict)
{
	struct vnx_vm_finding vm = { .verdict = verdict };
	double low = verdict == VNX_DEGRADED ? 57e6 : 118e6;

	vm.vm = (struct vnx_vm){ .name = strdup(name),
				 .pid = 144 + (uint32_t)s->dg.vms.n,
				 .nic = strdup("virtio-net"),
				 .backend = VNX_BACKEND_VHOST_NET,
				 .last_ns = UINT64_MAX };
	add_iface(&vm.vm);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		vm.totals[m] = NAN;
	vm.totals[VNX_HANDLE_TX] = 2255;
	vm.totals[VNX_VCPU_ENTER] = 12012.5;
	vm.totals[VNX_TX_BYTES] = 1e9;
	vm.series[VNX_THROUGHPUT] = series(118e6, low);
	vm.series[VNX_HANDLE_TX] = series(200, 100);
	vm.series[VNX_TX_BYTES] = series(7e6, 3.5e6);
	vm.series[VNX_THROUGHPUT][9] = NAN;
	vm.throughput = (struct vnx_throughput_summary){
		strdup("iperf3-receiver"), 1e8, 2e7, 9e7, 1.8e8, 39
	};
	if (verdict == VNX_DEGRADED)
		add_fall(&vm, 10.5, NAN, 118e6, 57e6);
	else
		vm.why = strdup("nothing to see in 20 s");
	add_corr(&vm, VNX_ON_RAW, 0.8646, NULL);
	add_corr(&vm, VNX_ON_SMA, 0.94, NULL);
	must(vnx_vec_push(&s->dg.vms, vm));
	return &s->dg.vms.v[s->dg.vms.n - 1];
}

static void add_hook(struct setting *s, enum vnx_metric metric, const char *hook)
{
	struct vnx_hook h = { .metric = metric, .since_ns = 1234000000000 };
	struct vnx_refusal no = { .hook = "fentry:vcpu_enter_guest",
				  .why = "no such function: inlined" };

	snprintf(h.hook, sizeof(h.hook), "%s", hook);
	if (!*hook)
		h.since_ns = 0;
	if (metric == VNX_VCPU_ENTER)
		must(vnx_vec_push(&h.refused, no));
	must(vnx_vec_push(&s->run.hooks, h));
}

static void begin(struct setting *s)
{
	memset(s, 0, sizeof(*s));
	s->dg.verdict = VNX_DEGRADED;
	s->dg.grid = (struct vnx_grid){ 1234500000000, 500000000, BINS };
	s->dg.sma_bins = 20;
	s->run.facts = (struct vnx_run_facts){ .capture = "bpf",
					       .clock = "mono",
					       .kernel = "6.1.0-25-amd64",
					       .host = "lab",
					       .finished = true,
					       .stats = { 123456, 0, 81, 0.004 },
					       .cpu_share = 0.0004 };
	/* Out of order on purpose: who attached first must not show. */
	add_hook(s, VNX_VCPU_ENTER, "tp:kvm:kvm_entry");
	add_hook(s, VNX_HANDLE_TX, "fentry:handle_tx");
	add_hook(s, VNX_HANDLE_RX, "");
	s->tp = (struct vnx_throughput){ .source = "iperf3-receiver",
					 .method = VNX_ALIGN_ARRIVAL,
					 .offset_s = 0.0012,
					 .uncertainty_s = 0.0003 };
	s->f = (struct vnx_finding){ &s->dg, &s->run, &s->tp, "vdx", "run.vdx" };
}

static void end_degradation(struct vnx_degradation *d)
{
	for (size_t i = 0; i < d->missing.n; i++) {
		free(d->missing.v[i].what);
		free(d->missing.v[i].how);
	}
	free(d->missing.v);
	free(d->evidence.v);
	free(d->advice);
}

static void end(struct setting *s)
{
	for (size_t i = 0; i < s->dg.vms.n; i++) {
		struct vnx_vm_finding *vm = &s->dg.vms.v[i];

		vnx_vm_fini(&vm->vm);
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			free(vm->series[m]);
		for (size_t k = 0; k < vm->degradations.n; k++)
			end_degradation(&vm->degradations.v[k]);
		free(vm->degradations.v);
		free(vm->correlations.v);
		free(vm->throughput.source);
		free(vm->why);
		free(vm->stage);
	}
	free(s->dg.vms.v);
	for (size_t i = 0; i < s->run.hooks.n; i++)
		free(s->run.hooks.v[i].refused.v);
	free(s->run.hooks.v);
}

static char *render(const struct setting *s, const struct vnx_reporter_ops *ops,
		    struct vnx_report_conf conf)
{
	struct vnx_err err = { 0 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	must(ops->report(&s->f, &conf, out, &err));
	fclose(out);
	return text;
}

static json_t *render_json(const struct setting *s)
{
	char *text = render(s, &vnx_reporter_json, (struct vnx_report_conf){ 0 });
	json_error_t e;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!doc)
		fail_msg("line %d: %s", e.line, e.text);
	assert_null(strcasestr(text, "nan"));
	assert_null(strcasestr(text, ": inf"));
	free(text);
	return doc;
}

/* @object's fields begin with the contract's, in its order. */
static void assert_fields(json_t *object, const char *const *fields)
{
	void *it = json_object_iter(object);

	for (; *fields; fields++) {
		if (!it)
			fail_msg("field %s is not there", *fields);
		assert_string_equal(json_object_iter_key(it), *fields);
		it = json_object_iter_next(object, it);
	}
}
#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static json_t *at(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!v)
		fail_msg("no field %s", key);
	return v;
}

static void json_has_the_contracts_fields_in_its_order(void **state)
{
	struct setting s;
	json_t *doc, *vm, *d;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	doc = render_json(&s);
	assert_fields(doc, FIELDS("schema", "verdict", "source", "hooks", "bins", "lost_events",
				  "unattributed", "overhead", "alignment", "vms"));
	assert_string_equal(json_string_value(at(doc, "schema")), "vnetdx.diagnosis/1");
	assert_string_equal(json_string_value(at(doc, "verdict")), "degraded");
	assert_fields(at(doc, "source"), FIELDS("kind", "path", "clock"));
	assert_fields(json_array_get(at(doc, "hooks"), 0), FIELDS("metric", "hook", "refused"));
	assert_fields(at(doc, "bins"), FIELDS("width_s", "count", "missing", "start_s"));
	assert_fields(at(doc, "overhead"), FIELDS("events", "ns_per_event", "cpu_share"));
	assert_fields(at(doc, "alignment"), FIELDS("method", "offset_s", "uncertainty_s"));
	vm = json_array_get(at(doc, "vms"), 0);
	assert_fields(vm, FIELDS("name", "pid", "nic", "backend", "workers", "vcpus", "interfaces",
				 "totals", "throughput", "correlations", "degradations"));
	assert_fields(json_array_get(at(vm, "interfaces"), 0),
		      FIELDS("name", "switch", "switch_kind"));
	assert_fields(at(vm, "totals"),
		      FIELDS("handle_tx", "handle_rx", "vcpu_enter", "vcpu_halt"));
	assert_fields(at(vm, "throughput"),
		      FIELDS("source", "mean_bps", "p05_bps", "p50_bps", "p95_bps"));
	assert_fields(json_array_get(at(vm, "correlations"), 0),
		      FIELDS("x", "y", "on", "method", "r", "n", "n_eff", "ci95", "p", "lag_s",
			     "undefined"));
	d = json_array_get(at(vm, "degradations"), 0);
	assert_fields(d, FIELDS("start_s", "start_uncertainty_s", "end_s", "before_bps",
				"after_bps", "change", "cause", "offenders", "evidence", "against",
				"missing", "alternatives", "advice"));
	assert_fields(json_array_get(at(d, "evidence"), 0), FIELDS("metric", "before", "after"));
	json_decref(doc);
	end(&s);
}

static void json_has_the_numbers_and_their_types(void **state)
{
	struct setting s;
	json_t *doc, *vm, *c;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	doc = render_json(&s);
	vm = json_array_get(at(doc, "vms"), 0);
	assert_int_equal(json_integer_value(at(at(vm, "totals"), "handle_tx")), 2255);
	assert_true(json_real_value(at(at(vm, "totals"), "vcpu_enter")) == 12012.5);
	assert_true(json_is_real(at(at(vm, "throughput"), "mean_bps")));
	assert_true(json_real_value(at(at(doc, "bins"), "start_s")) == 1234.5);
	c = json_array_get(at(vm, "correlations"), 0);
	assert_true(json_real_value(at(c, "r")) == 0.8646);
	assert_true(json_real_value(json_array_get(at(c, "ci95"), 1)) == 0.8646 + 0.05);
	assert_true(json_is_null(at(c, "undefined")));
	assert_true(json_is_null(at(json_array_get(at(vm, "degradations"), 0), "end_s")));
	json_decref(doc);
	end(&s);
}

static void json_says_null_and_why(void **state)
{
	struct setting s;
	struct vnx_vm_finding *vm;
	json_t *doc, *v, *c;

	begin(&s);
	vm = add_vm(&s, "vm1", VNX_UNDETERMINED);
	vm->correlations.n = 0;
	add_corr(vm, VNX_ON_RAW, NAN, "constant series");
	vm->throughput.mean_bps = NAN;
	s.run.facts.stats.ns_per_event = NAN;
	s.f.tp = NULL;
	doc = render_json(&s);
	v = json_array_get(at(doc, "vms"), 0);
	assert_true(json_is_null(at(at(v, "totals"), "handle_rx")));
	assert_true(json_is_null(at(at(v, "throughput"), "mean_bps")));
	assert_true(json_is_null(at(at(doc, "overhead"), "ns_per_event")));
	assert_string_equal(json_string_value(at(at(doc, "alignment"), "method")), "none");
	assert_true(json_is_null(at(at(doc, "alignment"), "offset_s")));
	c = json_array_get(at(v, "correlations"), 0);
	assert_true(json_is_null(at(c, "r")) && json_is_null(at(c, "p")));
	assert_true(json_is_null(at(c, "ci95")) && json_is_null(at(c, "n_eff")));
	assert_string_equal(json_string_value(at(c, "undefined")), "constant series");
	json_decref(doc);
	end(&s);
}

static void json_lists_hooks_by_metric_with_those_not_possible(void **state)
{
	static const char *const metrics[] = { "handle_tx", "handle_rx", "vcpu_enter",
					       "vcpu_halt" };
	struct setting s;
	json_t *doc, *hooks, *no;

	begin(&s);
	doc = render_json(&s);
	hooks = at(doc, "hooks");
	assert_int_equal(json_array_size(hooks), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_string_value(at(json_array_get(hooks, i), "metric")),
				    metrics[i]);
	assert_true(json_is_null(at(json_array_get(hooks, 1), "hook")));
	assert_true(json_is_null(at(json_array_get(hooks, 3), "hook")));
	no = json_array_get(at(json_array_get(hooks, 2), "refused"), 0);
	assert_string_equal(json_string_value(at(no, "why")), "no such function: inlined");
	assert_int_equal(json_array_size(at(doc, "vms")), 0);
	json_decref(doc);
	end(&s);
}

static void only_source_tells_live_from_replayed(void **state)
{
	struct setting s;
	char *live, *replayed, *a, *b;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	replayed = render(&s, &vnx_reporter_json, (struct vnx_report_conf){ 0 });
	s.f.source_kind = "live";
	s.f.source_path = "";
	/* The live report may be written before its recording is closed. */
	s.run.facts.finished = false;
	live = render(&s, &vnx_reporter_json, (struct vnx_report_conf){ 0 });
	assert_string_not_equal(live, replayed);
	a = strstr(live, "\"source\": {\"kind\"");
	b = strstr(replayed, "\"source\": {\"kind\"");
	assert_int_equal(a - live, b - replayed);
	assert_memory_equal(live, replayed, (size_t)(a - live));
	assert_string_equal(strchr(a, '\n'), strchr(b, '\n'));
	free(live);
	free(replayed);
	end(&s);
}

static void json_keeps_hostile_names_as_data(void **state)
{
	struct setting s;
	json_t *doc, *vms;
	char *text;

	begin(&s);
	add_vm(&s, HOSTILE, VNX_HEALTHY);
	add_vm(&s, "bad\xff\xc0\x80\xed\xa0\x80utf8", VNX_HEALTHY);
	doc = render_json(&s);
	vms = at(doc, "vms");
	assert_string_equal(json_string_value(at(json_array_get(vms, 0), "name")), HOSTILE);
	assert_non_null(json_string_value(at(json_array_get(vms, 1), "name")));
	json_decref(doc);
	text = render(&s, &vnx_reporter_json, (struct vnx_report_conf){ 0 });
	assert_null(strchr(text, '\033'));
	free(text);
	end(&s);
}

static void error_document(void **state)
{
	struct vnx_err err = { .code = "no-privilege", .message = "needs \"root\"\n" };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *doc, *e;

	vnx_report_error_json(&err, out);
	fclose(out);
	doc = json_loads(text, 0, NULL);
	assert_fields(doc, FIELDS("schema", "error"));
	assert_string_equal(json_string_value(at(doc, "schema")), "vnetdx.error/1");
	e = at(doc, "error");
	assert_fields(e, FIELDS("code", "message", "hint"));
	assert_string_equal(json_string_value(at(e, "message")), "needs \"root\"\n");
	assert_true(json_is_null(at(e, "hint")));
	json_decref(doc);
	free(text);
}

static void numbers_read_back_and_are_short(void **state)
{
	char buf[VNX_NUMBER_LEN];
	uint64_t bits = 88172645463325252;
	double x;

	assert_string_equal(vnx_number_format(0.1, buf), "0.1");
	assert_string_equal(vnx_number_format(0.1 + 0.2, buf), "0.30000000000000004");
	assert_string_equal(vnx_number_format(1234.5, buf), "1234.5");
	assert_string_equal(vnx_number_format(NAN, buf), "");
	assert_string_equal(vnx_number_format(-INFINITY, buf), "");
	for (int i = 0; i < 100000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&x, &bits, sizeof(x));
		if (isfinite(x))
			assert_true(strtod(vnx_number_format(x, buf), NULL) == x);
	}
}

static void units_for_people(void **state)
{
	char buf[VNX_UNIT_LEN];

	assert_string_equal(vnx_rate_format(118e6, buf), "118 Mbit/s");
	assert_string_equal(vnx_rate_format(9.2e9, buf), "9.20 Gbit/s");
	assert_string_equal(vnx_rate_format(999.7e3, buf), "1.00 Mbit/s");
	assert_string_equal(vnx_rate_format(0, buf), "0 bit/s");
	/* no traffic that anybody asks about */
	assert_string_equal(vnx_rate_format(9.86, buf), "0 bit/s");
	assert_string_equal(vnx_rate_format(1000, buf), "1.00 kbit/s");
	assert_string_equal(vnx_rate_scaled(9.86, 118e6, buf), "0");
	assert_string_equal(vnx_rate_scaled(NAN, 118e6, buf), "?");
	assert_string_equal(vnx_rate_format(NAN, buf), "?");
	assert_string_equal(vnx_count_format(2255, buf), "2255");
	assert_string_equal(vnx_count_format(12012, buf), "12.0 k");
	assert_string_equal(vnx_percent_format(-0.52, buf), "-52 %");
	assert_string_equal(vnx_percent_format(0.0004, buf), "0.04 %");
	assert_string_equal(vnx_percent_format(0.00001, buf), "under 0.01 %");
	assert_string_equal(vnx_cost_format(81, buf), "81 ns");
	assert_string_equal(vnx_cost_format(2475, buf), "2475 ns");
	assert_string_equal(vnx_cost_format(10776, buf), "10.8 us");
	assert_string_equal(vnx_seconds_format(75.5, buf), "75.5 s");
	assert_string_equal(vnx_seconds_format(0.0003, buf), "0.3 ms");
	assert_string_equal(vnx_seconds_format(999.97, buf), "1000 s");
	assert_string_equal(vnx_number_scaled(5.3e6, 118e6, buf), "5.3");
	/* what is there is not told as nothing, nor nothing as less than that */
	assert_string_equal(vnx_number_scaled(200, 118e6, buf), "<0.001");
	assert_string_equal(vnx_number_scaled(0, 118e6, buf), "0");
	assert_string_equal(vnx_count_format(0.003, buf), "<0.01");
	assert_string_equal(vnx_percent_format(-0.0, buf), "0 %");
}

static void assert_fits(const char *text, unsigned columns, bool ascii)
{
	char line[1024];

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");

		assert_true(len < sizeof(line));
		snprintf(line, sizeof(line), "%.*s", (int)len, at);
		if (vnx_text_width(line) > columns)
			fail_msg("%u columns: %s", vnx_text_width(line), line);
		for (const char *c = line; *c; c++) {
			assert_true((unsigned char)*c >= 0x20);
			assert_true(!ascii || (unsigned char)*c < 0x7f);
		}
		at += len + (at[len] == '\n');
	}
}

static void fill(struct setting *s, size_t n)
{
	static const char *const names[] = {
		HOSTILE, "vm",
		"a-name-that-is-much-longer-than-any-column-of-any-table-could-ever-be-"
		"and-then-some-more-of-it-without-a-single-blank"
	};
	struct vnx_vm_finding *vm;
	char name[256];

	begin(s);
	s->tp.dropped = 2;
	s->tp.warning = "interrupt - the client has terminated by signal \033[2J";
	s->dg.lost_events = 7;
	s->run.facts.clock_stepped = true;
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%zu", names[i % 3], i);
		vm = add_vm(s, name, i % 2 ? VNX_HEALTHY : VNX_DEGRADED);
		if (i % 7 == 6) {
			add_corr(vm, VNX_ON_WITHIN_STAGE, NAN, "one stage only");
			vm->verdict = VNX_UNDETERMINED;
		}
	}
}

static void text_fits_80_columns_without_escapes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4, 200 };
	struct setting s;
	char *text;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(sizes); i++) {
		fill(&s, sizes[i]);
		for (int mode = 0; mode < 8; mode++) {
			text = render(&s, &vnx_reporter_text,
				      (struct vnx_report_conf){ .columns = mode & 4 ? 0 : 80,
								.utf8 = mode & 1,
								.verbose = mode & 2 });
			assert_fits(text, 80, !(mode & 1));
			free(text);
		}
		end(&s);
	}
}

/* Colour adds escape sequences and nothing else. */
static void colour_changes_no_letter(void **state)
{
	struct setting s;
	char *plain, *color, *to;

	fill(&s, 5);
	plain = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ .utf8 = true });
	color = render(&s, &vnx_reporter_text,
		       (struct vnx_report_conf){ .utf8 = true, .color = true });
	assert_non_null(strchr(color, '\033'));
	to = color;
	for (const char *from = color; *from; from++) {
		if (*from == '\033')
			from += strcspn(from, "m");
		else
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(color, plain);
	free(plain);
	free(color);
	end(&s);
}

static void assert_says(const char *text, const char *words)
{
	/* Where lines break is not what is asked. */
	char *flat = strdup(text);

	for (char *c = flat; *c; c++)
		while (*c == '\n' || (*c == ' ' && c[1] == ' '))
			memmove(c, c + (*c == ' '), strlen(c + (*c == ' ')) + 1), *c = ' ';
	if (!strstr(flat, words))
		fail_msg("\"%s\" is not in:\n%s", words, text);
	free(flat);
}

static void text_begins_with_the_verdict(void **state)
{
	struct setting s;
	char *text;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ 0 });
	assert_memory_equal(text, "vm1 DEGRADED since 10.5 s, and still is: 118 -> 57", 50);
	assert_says(text, "cause: unknown, because vhost_runq_wait was not measured");
	assert_says(text, "handle_tx calls explain throughput well: r = 0.86 [0.76, 0.91]; "
			  "10 s SMA 0.94 [0.84, 0.99]");
	assert_says(text, "handle_tx by fentry:handle_tx");
	free(text);
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ .quiet = true });
	assert_non_null(strstr(text, "DEGRADED"));
	assert_null(strstr(text, "hooks"));
	free(text);
	end(&s);
}

static void text_of_healthy_undetermined_and_none(void **state)
{
	struct setting s;
	struct vnx_vm_finding *vm;
	char *text;

	begin(&s);
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ 0 });
	assert_says(text, "no virtual machine was seen");
	free(text);
	vm = add_vm(&s, "vm1", VNX_HEALTHY);
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ 0 });
	assert_memory_equal(text, "vm1 HEALTHY: nothing to see in 20 s\n", 36);
	free(text);
	vm->verdict = VNX_UNDETERMINED;
	vm->correlations.n = 0;
	add_corr(vm, VNX_ON_RAW, NAN, "handle_tx cannot move on this back end");
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ .verbose = true });
	assert_memory_equal(text, "vm1 UNDETERMINED", 16);
	assert_says(text, "no correlation with throughput: handle_tx cannot move on this back end");
	assert_null(strcasestr(text, "nan"));
	assert_null(strstr(text, "r = "));
	free(text);
	end(&s);
}

static void an_interval_over_zero_is_no_link(void **state)
{
	struct setting s;
	struct vnx_vm_finding *vm;
	char *text;

	begin(&s);
	vm = add_vm(&s, "vm1", VNX_HEALTHY);
	vm->correlations.v[0].c.ci_lo = -0.1;
	text = render(&s, &vnx_reporter_text, (struct vnx_report_conf){ 0 });
	assert_says(text, "show no certain link with throughput");
	free(text);
	end(&s);
}

static void steps_without_recovery_are_one_episode(void **state)
{
	struct setting s;
	struct vnx_vm_finding *vm;
	struct vnx_episode ep;

	begin(&s);
	vm = add_vm(&s, "vm1", VNX_HEALTHY);
	assert_false(vnx_pick_episode(vm, 0.5, &ep));
	add_fall(vm, 1, 3, 100e6, 50e6); /* recovers */
	add_fall(vm, 8, 10, 100e6, 80e6);
	add_fall(vm, 12, NAN, 80e6, 20e6);
	vm->degradations.v[1].end_s = NAN;
	add_fall(vm, 14, 16, 20e6, 5e6); /* a dip of its own, over again */
	assert_true(vnx_pick_episode(vm, 0.5, &ep));
	assert_int_equal(ep.n, 3);
	assert_true(ep.start_s == 8 && isnan(ep.end_s));
	assert_true(ep.before_bps == 100e6 && ep.after_bps == 20e6);
	assert_true(fabs(ep.change + 0.8) < 1e-12);
	vm->degradations.n = 2;
	vm->degradations.v[1].end_s = 10;
	assert_true(vnx_pick_episode(vm, 0.5, &ep));
	assert_true(ep.n == 1 && ep.start_s == 8 && ep.end_s == 10);
	vm->degradations.n = 4;
	end(&s);
}

static void labels_tell_equal_names_apart(void **state)
{
	struct setting s;
	char *a, *b, *c;

	begin(&s);
	add_vm(&s, "vm", VNX_HEALTHY);
	add_vm(&s, "vm", VNX_HEALTHY);
	add_vm(&s, "", VNX_HEALTHY);
	a = vnx_pick_label(&s.dg, 0);
	b = vnx_pick_label(&s.dg, 1);
	c = vnx_pick_label(&s.dg, 2);
	assert_string_equal(a, "vm#144");
	assert_string_equal(b, "vm#145");
	assert_string_equal(c, "pid 146");
	free(a);
	free(b);
	free(c);
	end(&s);
}

static void csv_is_long_with_holes_empty(void **state)
{
	struct setting s;
	size_t lines = 0;
	char *text;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	add_vm(&s, "=cmd,\"x\"", VNX_HEALTHY);
	text = render(&s, &vnx_reporter_csv, (struct vnx_report_conf){ 0 });
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 1 + 2 * 3 * BINS);
	assert_memory_equal(text, "vm,bin,start_s,metric,value\nvm1,0,0,handle_tx,200\n", 49);
	assert_non_null(strstr(text, "\nvm1,9,4.5,throughput,\n"));
	assert_non_null(strstr(text, "\n\"'=cmd,\"\"x\"\"\",0,0,handle_tx,200\n"));
	free(text);
	end(&s);
}

static void a_full_disk_is_told(void **state)
{
	struct vnx_report_conf conf = { 0 };
	struct vnx_err err = { 0 };
	struct setting s;
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	for (size_t i = 0; vnx_reporters[i]; i++) {
		memset(&err, 0, sizeof(err));
		assert_true(vnx_reporters[i]->report(&s.f, &conf, full, &err) < 0);
		assert_non_null(strstr(err.message, "cannot write"));
	}
	fclose(full);
	end(&s);
}

static void figures_leave_holes_and_quote_names(void **state)
{
	struct vnx_err err = { 0 };
	struct setting s;
	char *text = NULL, *block;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	begin(&s);
	add_vm(&s, HOSTILE, VNX_DEGRADED);
	must(vnx_figure_script(&s.f, 0, "throughput-x", out, &err));
	fclose(out);
	/* Bin 9 is missing: what ends at 4.5 s and what starts at 5 s are two lines. */
	block = strstr(text, "$throughput_raw");
	assert_non_null(block);
	assert_non_null(strstr(block, "\n4.5 121.54\n\n5 "));
	/* Of the name neither a quote nor a control character acts; no letter without a glyph. */
	assert_non_null(strstr(text, "'w\\x1B[31m''`\"<&,\\x0A?  degraded"));
	assert_non_null(strstr(text, "r = 0.86 [0.76, 0.91] raw"));
	free(text);
	end(&s);
}

static void assert_begins(const char *dir, const char *file, const char *magic)
{
	char path[256], head[16] = "";
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	in = fopen(path, "r");
	if (!in)
		fail_msg("%s is not there", path);
	assert_int_equal(fread(head, 1, strlen(magic), in), strlen(magic));
	assert_memory_equal(head, magic, strlen(magic));
	fclose(in);
	unlink(path);
}

static void svg_fonts_are_those_of_any_machine(void **state)
{
	char path[] = "/tmp/vnetdx-test-XXXXXX", text[256] = "";
	struct vnx_err err = { 0 };
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	fputs("<g font-family=\"DejaVu Sans:Bold\"  font-size=\"9\"><text>x</text>\n", f);
	fclose(f);
	must(vnx_figure_fonts(path, &err));
	f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "<g font-family=\"DejaVu Sans, Verdana, sans-serif\" "
				  "font-weight=\"bold\"  font-size=\"9\"><text>x</text>\n");
	unlink(path);
	assert_int_not_equal(vnx_figure_fonts(path, &err), 0);
	assert_non_null(strstr(err.message, path));
}

static bool has_gnuplot(void)
{
	return !system("gnuplot --version >/dev/null 2>&1");
}

static void folder_has_every_format_and_figure(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", name[96];
	struct vnx_err err = { 0 };
	size_t n_figures[2] = { 0 };
	struct setting s;

	if (!has_gnuplot()) {
		print_message("skipped: gnuplot is not installed\n");
		skip();
	}
	begin(&s);
	add_vm(&s, "../vm1", VNX_DEGRADED);
	add_vm(&s, "../vm1", VNX_DEGRADED);
	for (size_t i = 0; i < BINS; i++) /* nothing valid at all */
		s.dg.vms.v[1].series[VNX_THROUGHPUT][i] = NAN;
	assert_non_null(mkdtemp(dir));
	if (vnx_report_folder(&s.f, dir, &err))
		fail_msg("%s", err.message);
	assert_begins(dir, "index.html", "<!DOCTYPE html");
	assert_begins(dir, "report.md", "# 2 of 2 VMs");
	assert_begins(dir, "diagnosis.json", "{\n  \"schema\"");
	assert_begins(dir, "diagnosis.txt", "DEGRADED: 2 of");
	assert_begins(dir, "series.csv", "vm,bin,");
	assert_begins(dir, "series-wide.csv", "bin,start_s,");
	assert_begins(dir, "metrics.csv", "metric,unit,");
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; vnx_plots[k]; k++) {
			if (!vnx_plots[k]->has(&s.f, i))
				continue;
			snprintf(name, sizeof(name), "%s-.._vm1%s.png", vnx_plots[k]->id,
				 i ? "-2" : "");
			assert_begins(dir, name, "\x89PNG");
			snprintf(name, sizeof(name), "%s-.._vm1%s.svg", vnx_plots[k]->id,
				 i ? "-2" : "");
			assert_begins(dir, name, "<?xml");
			n_figures[i]++;
		}
	assert_true(n_figures[0] >= 1 && n_figures[1] >= 1);
	must(rmdir(dir)); /* and nothing else */
	end(&s);
}

static void folder_without_gnuplot_has_the_rest(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", *path = strdup(getenv("PATH"));
	struct vnx_err err = { 0 };
	struct setting s;

	begin(&s);
	add_vm(&s, "vm1", VNX_DEGRADED);
	assert_non_null(mkdtemp(dir));
	must(setenv("PATH", dir, 1));
	assert_int_equal(vnx_report_folder(&s.f, dir, &err), -ENOENT);
	must(setenv("PATH", path, 1));
	assert_non_null(strstr(err.hint, "gnuplot-nox"));
	assert_begins(dir, "index.html", "<!DOCTYPE html");
	assert_begins(dir, "report.md", "# vm1 is");
	assert_begins(dir, "diagnosis.json", "{\n");
	assert_begins(dir, "diagnosis.txt", "vm1");
	assert_begins(dir, "series.csv", "vm,bin,");
	assert_begins(dir, "series-wide.csv", "bin,start_s,");
	assert_begins(dir, "metrics.csv", "metric,unit,");
	must(rmdir(dir));
	free(path);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_the_contracts_fields_in_its_order),
		cmocka_unit_test(json_has_the_numbers_and_their_types),
		cmocka_unit_test(json_says_null_and_why),
		cmocka_unit_test(json_lists_hooks_by_metric_with_those_not_possible),
		cmocka_unit_test(only_source_tells_live_from_replayed),
		cmocka_unit_test(json_keeps_hostile_names_as_data),
		cmocka_unit_test(error_document),
		cmocka_unit_test(numbers_read_back_and_are_short),
		cmocka_unit_test(units_for_people),
		cmocka_unit_test(text_fits_80_columns_without_escapes),
		cmocka_unit_test(colour_changes_no_letter),
		cmocka_unit_test(text_begins_with_the_verdict),
		cmocka_unit_test(text_of_healthy_undetermined_and_none),
		cmocka_unit_test(an_interval_over_zero_is_no_link),
		cmocka_unit_test(steps_without_recovery_are_one_episode),
		cmocka_unit_test(labels_tell_equal_names_apart),
		cmocka_unit_test(csv_is_long_with_holes_empty),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(figures_leave_holes_and_quote_names),
		cmocka_unit_test(svg_fonts_are_those_of_any_machine),
		cmocka_unit_test(folder_has_every_format_and_figure),
		cmocka_unit_test(folder_without_gnuplot_has_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
