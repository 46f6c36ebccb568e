// SPDX-License-Identifier: GPL-2.0-only
/* The two back ends of a report's document, and its folder: what they escape, keep and name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output/csv_write.h"
#include "cli/output/report/page.h"
#include "cli/output/report/report_parts.h"

#define BINS 40

struct written {
	struct vnx_doc d;
	char *text;
	size_t len;
	FILE *out;
	struct vnx_err err;
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static void begin(struct written *w, const struct vnx_doc_ops *ops)
{
	*w = (struct written){ 0 };
	w->out = open_memstream(&w->text, &w->len);
	assert_non_null(w->out);
	vnx_doc_init(&w->d, ops, "/nonexistent", w->out, &w->err);
}

/* Closes; what was written is w->text until free(). */
static const char *end(struct written *w)
{
	fclose(w->out);
	assert_false(w->d.l.failed);
	vnx_doc_fini(&w->d);
	return w->text;
}

static void assert_has(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("no <<%s>> in <<%s>>", part, text ? text : "nothing");
}

static void assert_lacks(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part))
		fail_msg("<<%s>> in <<%s>>", part, text);
}

static void a_page_escapes_text_and_closes_marks(void **state)
{
	struct written w;
	const char *text;

	begin(&w, &vnx_doc_page);
	vnx_doc_para(&w.d, VNX_BOLD "a" VNX_RED "b" VNX_PLAIN " %s " VNX_CODE "c",
		     vnx_doc_safe(&w.d, "<i> & \"q\" 'r' \001\033[31m\n", 0));
	text = end(&w);
	assert_string_equal(text, "<p><strong>a<span class=\"bad\">b</span></strong> &lt;i&gt; "
				  "&amp; &quot;q&quot; &#39;r&#39; \\x01\\x1B[31m\\x0A "
				  "<code>c</code></p>\n");
	free(w.text);
}

static void markdown_escapes_what_acts(void **state)
{
	static const struct {
		const char *name, *md;
	} cases[] = {
		{ "[x](javascript:y)", "\\[x\\](javascript:y)" },
		{ "<b>|`*_#~&$@!", "\\<b\\>\\|\\`\\*\\_\\#\\~\\&\\$\\@\\!" },
		{ "see http://192.0.2.1", "see http\\://192.0.2.1" },
		{ "www.example.org a.b", "www\\.example.org a.b" },
		{ "- a", "\\- a" },
		{ "-51 %", "-51 %" },
		{ "1. a", "1\\. a" },
		{ "1.5 s", "1.5 s" },
		{ "=cmd()", "\\=cmd()" },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(cases); i++) {
		char want[128];
		struct written w;

		begin(&w, &vnx_doc_markdown);
		vnx_doc_para(&w.d, "%s", vnx_doc_safe(&w.d, cases[i].name, 0));
		snprintf(want, sizeof(want), "%s\n\n", cases[i].md);
		assert_string_equal(end(&w), want);
		free(w.text);
	}
}

static void code_in_markdown_is_never_left(void **state)
{
	struct written w;
	const char *text;

	begin(&w, &vnx_doc_markdown);
	w.d.ops->code(&w.d, "a ```` b");
	vnx_doc_para(&w.d, "%s and %s", vnx_doc_code(&w.d, "fentry:handle_tx"),
		     vnx_doc_code(&w.d, "a`b|c"));
	text = end(&w);
	assert_has(text, "`````\na ```` b\n`````\n");
	assert_has(text, "`fentry:handle_tx` and a\\`b\\|c\n");
	free(w.text);
}

static void a_table_keeps_its_shape(void **state)
{
	static const struct vnx_doc_column cols[] = { { "VM", VNX_COL_WORD },
						      { "Rate", VNX_COL_NUMBER } };
	static const struct vnx_doc_ops *const both[] = { &vnx_doc_page, &vnx_doc_markdown };
	struct written w;

	for (size_t i = 0; i < 2; i++) {
		struct vnx_doc_table t = { "All of them", cols, 2, { 0 } };

		begin(&w, both[i]);
		vnx_doc_cell(&w.d, &t, "%s", vnx_doc_safe(&w.d, "a|b\nc", 0));
		vnx_doc_cell(&w.d, &t, "1 bit/s");
		vnx_doc_table(&w.d, &t);
		vnx_doc_table(&w.d, &t); /* empty by now: nothing */
		end(&w);
		if (i)
			assert_string_equal(w.text, "All of them\n\n| VM | Rate |\n|---|---:|\n"
						    "| a\\|b\\\\x0Ac | 1 bit/s |\n\n");
		else
			assert_has(w.text, "<tr><th scope=\"row\">a|b\\x0Ac</th>"
					   "<td class=\"num\">1 bit/s</td></tr>");
		free(w.text);
	}
}

static void a_figure_without_a_picture_keeps_its_words(void **state)
{
	struct vnx_doc_figure fig = { .id = "fig-1-x",
				      .title = "A <title>",
				      .caption = "what to see",
				      .why = "gnuplot failed" };
	struct written w;
	const char *text;

	begin(&w, &vnx_doc_page);
	w.d.ops->figure(&w.d, &fig);
	text = end(&w);
	assert_has(text, "A &lt;title&gt;.</strong> what to see");
	assert_has(text, "No picture: gnuplot failed");
	assert_lacks(text, "role=\"img\"");
	free(w.text);
	begin(&w, &vnx_doc_markdown);
	w.d.ops->figure(&w.d, &fig);
	assert_string_equal(end(&w),
			    "**A \\<title\\>.** what to see No picture: gnuplot failed\n\n");
	free(w.text);
}

/* A picture that should be there and is not makes the whole document fail, by name. */
static void a_lost_picture_is_told(void **state)
{
	struct vnx_doc_figure fig = {
		.id = "fig-1-x", .title = "T", .caption = "C", .file = "gone-vm1"
	};
	struct written w;

	begin(&w, &vnx_doc_page);
	w.d.ops->figure(&w.d, &fig);
	assert_true(w.d.ret < 0);
	assert_has(w.err.message, "gone-vm1");
	end(&w);
	free(w.text);
}

static void fields_of_csv_are_no_formulas(void **state)
{
	static const char *const cases[][2] = {
		{ "vm1", "vm1" },       { "=1+1", "\"'=1+1\"" },      { "@x", "\"'@x\"" },
		{ "a,b", "\"a,b\"" },   { "a\"b", "\"a\"\"b\"" },     { "\t=x", "\\x09=x" },
		{ "-2", "\"'-2\"" },    { "\"; rm", "\"\"\"; rm\"" }, { "", "" },
		{ "a;=b", "\"a;=b\"" },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(cases); i++) {
		VNX_CLEANUP_FREE char *field = vnx_csv_text(cases[i][0]);

		assert_string_equal(field, cases[i][1]);
	}
}

static void every_metric_has_a_unit_and_a_value(void **state)
{
	struct written w;

	begin(&w, &vnx_doc_page);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		assert_non_null(vnx_metric_unit((enum vnx_metric)m));
		assert_string_equal(vnx_doc_value(&w.d, (enum vnx_metric)m, NAN), "not measured");
	}
	assert_string_equal(vnx_doc_value(&w.d, VNX_HANDLE_TX, 537), "537\302\240calls/s");
	assert_string_equal(vnx_doc_value(&w.d, VNX_VHOST_RUN, 0.823), "82\302\240%");
	assert_string_equal(vnx_doc_value(&w.d, VNX_TX_BYTES, 34.2e6), "34.2\302\240MB/s");
	assert_string_equal(vnx_doc_value(&w.d, VNX_LOAD_RECVQ, 14500), "14.5\302\240kB");
	end(&w);
	free(w.text);
}

/* A run of @n VMs; of the first the throughput falls, the others move @other of it. */
struct setting {
	struct vnx_diagnosis dg;
	struct vnx_run run;
	struct vnx_finding f;
};

static void add_vm(struct setting *s, const char *name, double bps, enum vnx_verdict verdict)
{
	struct vnx_vm_finding vm = { .verdict = verdict,
				     .why = strdup("because"),
				     .asked_bps = NAN,
				     .got_bps = NAN,
				     .hidden_drop = NAN };

	vm.vm = (struct vnx_vm){ .name = strdup(name), .nic = strdup(""), .pid = 7 };
	vm.throughput = (struct vnx_throughput_summary){ strdup("tap"), bps, bps, bps, bps, BINS };
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		vm.totals[m] = NAN;
	vm.series[VNX_THROUGHPUT] = malloc(BINS * sizeof(double));
	for (size_t b = 0; b < BINS; b++)
		vm.series[VNX_THROUGHPUT][b] = b == 3 ? NAN : bps;
	must(vnx_vec_push(&s->dg.vms, vm));
	s->dg.verdict = s->dg.vms.n > 1 && s->dg.verdict < verdict ? s->dg.verdict : verdict;
}

static struct setting *setting_new(void)
{
	struct setting *s = calloc(1, sizeof(*s));

	s->dg.grid = (struct vnx_grid){ 0, VNX_NSEC_PER_SEC / 2, BINS };
	s->dg.sma_bins = 20;
	s->run.facts.cpu_share = s->run.facts.stats.ns_per_event = NAN;
	s->run.facts.stats.clock_error_s = NAN;
	s->run.facts.finished = true;
	s->f = (struct vnx_finding){
		.dg = &s->dg, .run = &s->run, .source_kind = "vdx", .source_path = "a/run.vdx"
	};
	return s;
}

static void setting_free(struct setting *s)
{
	for (size_t i = 0; i < s->dg.vms.n; i++) {
		struct vnx_vm_finding *vm = &s->dg.vms.v[i];

		free(vm->series[VNX_THROUGHPUT]);
		free(vm->throughput.source);
		free(vm->why);
		vnx_vm_fini(&vm->vm);
	}
	free(s->dg.vms.v);
	free(s);
}

static char *slurp(const char *dir, const char *name)
{
	VNX_CLEANUP_FREE char *path = vnx_asprintf("%s/%s", dir, name);
	char *text = NULL;
	size_t room = 0;
	FILE *in = fopen(path, "r");

	if (!in)
		fail_msg("%s is not there", path);
	if (getdelim(&text, &room, '\0', in) < 0)
		fail_msg("%s is empty", path);
	fclose(in);
	return text;
}

static void remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		VNX_CLEANUP_FREE char *path = vnx_asprintf("%s/%s", dir, e->d_name);

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlink(path))
			remove_tree(path);
	}
	closedir(d);
	must(rmdir(dir));
}

/* Written where gnuplot is not found: the words are what is tested here. */
static int write_without_gnuplot(const struct vnx_report_set *set, const char *dir,
				 struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *path = strdup(getenv("PATH"));
	int ret;

	must(setenv("PATH", "/nonexistent", 1));
	ret = vnx_report_write(set, dir, err);
	must(setenv("PATH", path, 1));
	return ret;
}

static void vms_that_moved_nothing_are_in_the_table_only(void **state)
{
	struct setting *s = setting_new();

	add_vm(s, "busy", 1e8, VNX_HEALTHY);
	add_vm(s, "idle", 10, VNX_UNDETERMINED);
	add_vm(s, "ill", 10, VNX_DEGRADED);
	add_vm(s, "unmeasured", NAN, VNX_UNDETERMINED);
	assert_true(vnx_report_tells(&s->dg, 0));
	assert_false(vnx_report_tells(&s->dg, 1));
	assert_true(vnx_report_tells(&s->dg, 2));
	assert_false(vnx_report_tells(&s->dg, 3));
	for (int i = 0; i < 60; i++)
		add_vm(s, "more", 5e7, VNX_HEALTHY);
	assert_false(vnx_report_tells(&s->dg, 60));
	setting_free(s);
}

/* Calls without throughput are told of, and nothing is said of a throughput. */
static void calls_without_throughput_are_told(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", *page;
	struct setting *s = setting_new();
	struct vnx_report_input in = { .path = "", .f = &s->f };
	struct vnx_report_set set = { .v = &in, .n = 1, .quiet = true };
	struct vnx_err err = { 0 };

	add_vm(s, "busy", NAN, VNX_UNDETERMINED);
	add_vm(s, "idle", NAN, VNX_UNDETERMINED);
	s->dg.vms.v[0].totals[VNX_HANDLE_TX] = 1000;
	s->dg.vms.v[1].totals[VNX_HANDLE_TX] = 1;
	assert_true(vnx_report_tells(&s->dg, 0));
	assert_false(vnx_report_tells(&s->dg, 1));
	assert_non_null(mkdtemp(dir));
	must(write_without_gnuplot(&set, dir, &err));
	page = slurp(dir, "index.html");
	assert_has(page, "<dt>Throughput by</dt>\n<dd>nothing: not measured</dd>");
	assert_lacks(page, "throughput is what the taps counted");
	assert_has(page, "throughput was not measured");
	assert_has(page, "<td class=\"num\">not measured</td>");
	assert_has(page, "1 VM is in the table only: not degraded, and moved almost nothing, not "
			 "measured, or not among the 24 busiest");
	free(page);
	remove_tree(dir);
	setting_free(s);
}

/* What was said of the analysis is said of the same analysis; where the page goes is not. */
static void the_line_to_repeat_it_keeps_the_options(void **state)
{
	static const char *const lines[][8] = {
		{ "report", "--stages", "10s", "-o", "out", "--vm", "a b", "run.vdx" },
		{ "report", "--stages=10s", "--output=out", "--vm", "a b", "--output", "out",
		  "run.vdx" },
		{ "report", "-oout", "-qo", "out", "--stages=10s", "--vm", "a b", "run.vdx" },
		{ "replay", "-v", "--report", "out", "--stages=10s", "--vm", "a b", "run.vdx" },
	};
	static const char *const want[] = {
		"\nvnetdx replay -v --stages 10s --vm 'a b' run.vdx\n",
		"\nvnetdx replay -v --stages=10s --vm 'a b' run.vdx\n",
		"\nvnetdx replay -v --stages=10s --vm 'a b' run.vdx\n",
		"\nvnetdx replay -v --stages=10s --vm 'a b' run.vdx\n",
	};
	struct setting *s = setting_new();

	s->f.source_path = "run.vdx";
	for (size_t i = 0; i < VNX_ARRAY_SIZE(lines); i++) {
		char dir[] = "/tmp/vnetdx-test-XXXXXX", *md;
		struct vnx_report_input in = { .path = "run.vdx", .f = &s->f };
		struct vnx_report_set set = {
			.v = &in, .n = 1, .argv = (char **)lines[i], .argc = 8, .quiet = true
		};
		struct vnx_err err = { 0 };

		assert_non_null(mkdtemp(dir));
		must(write_without_gnuplot(&set, dir, &err));
		md = slurp(dir, "report.md");
		assert_has(md, want[i]);
		free(md);
		remove_tree(dir);
	}
	setting_free(s);
}

static void what_is_folded_is_printed(void **state)
{
	struct written w;
	const char *text, *print;

	begin(&w, &vnx_doc_page);
	w.d.ops->fold(&w.d, "more");
	w.d.ops->para(&w.d, "inside");
	w.d.ops->fold_end(&w.d);
	vnx_page_style(w.d.out);
	text = end(&w);
	/* Behind the switch: no style sheet reaches into a closed one. */
	assert_has(text, "</details>\n<div class=\"folded\">\n<p>inside</p>\n</div>");
	print = strstr(text, "@media print");
	assert_has(print ? print : "", "details:not([open])+.folded{display:block}");
	free(w.text);
}

static void files_of_every_vm_have_a_name_of_their_own(void **state)
{
	static const char *const names[] = { "vm1", "vm1", "vm1-2", "vm/1", "vm?1", "", "" };
	struct setting *s = setting_new();
	char(*stems)[VNX_STEM_MAX], longer[400];

	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++)
		add_vm(s, names[i], 1, VNX_HEALTHY);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	for (int i = 0; i < 400; i++)
		add_vm(s, longer, 1, VNX_HEALTHY);
	must(vnx_report_stems(&s->dg, &stems));
	assert_string_equal(stems[0], "vm1");
	assert_string_equal(stems[1], "vm1-2");
	assert_string_equal(stems[3], "vm_1");
	assert_string_equal(stems[5], "pid-7");
	for (size_t i = 0; i < s->dg.vms.n; i++) {
		assert_true(strspn(stems[i], "abcdefghijklmnopqrstuvwxyz0123456789_-") ==
			    strlen(stems[i]));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(stems[i], stems[j]);
	}
	free(stems);
	setting_free(s);
}

static void several_runs_are_compared_and_failures_named(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX";
	struct vnx_err err = { 0 }, bad = { .message = "page 7 is <torn>", .hint = "record again" };
	struct setting *s = setting_new();
	struct vnx_report_input in[] = { { .path = "a/run.vdx", .f = &s->f },
					 { .path = "../b/run|.vdx", .err = &bad } };
	char *argv[] = { "report", "it's", "a/run.vdx" };
	struct vnx_report_set set = { .v = in, .n = 2, .argv = argv, .argc = 3, .quiet = true };
	char *page, *md, *json;
	json_t *doc;

	add_vm(s, "vm1", 1e8, VNX_HEALTHY);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(write_without_gnuplot(&set, dir, &err), -ENOENT);
	assert_has(err.hint, "gnuplot-nox");
	page = slurp(dir, "index.html");
	assert_has(page,
		   "<h1 id=\"top\">0 of 2 recordings show a degradation, 1 could not be read");
	assert_has(page, "page 7 is &lt;torn&gt;. record again");
	assert_has(page, "id=\"in1-vm-1\"");
	assert_has(page, "vnetdx report &#39;it&#39;\\&#39;&#39;s&#39; a/run.vdx");
	md = slurp(dir, "report.md");
	assert_has(md, "\n| 2\\. b/run\\|.vdx | \u2013 | **not readable** |");
	json = slurp(dir, "report.json");
	doc = json_loads(json, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(json_array_size(json_object_get(doc, "inputs")), 2);
	json_decref(doc);
	free(page);
	free(md);
	free(json);
	page = slurp(dir, "1-a_run.vdx/series-wide.csv");
	assert_has(page, "bin,start_s,\"vm1 throughput (bit/s)\"\n0,0,100000000\n");
	assert_has(page, "\n3,1.5,\n");
	free(page);
	remove_tree(dir);
	setting_free(s);
}

static void no_vm_is_no_crash(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", *page;
	struct setting *s = setting_new();
	struct vnx_report_input in = { .path = "", .f = &s->f };
	struct vnx_report_set set = { .v = &in, .n = 1, .quiet = true };
	struct vnx_err err = { 0 };

	assert_non_null(mkdtemp(dir));
	must(write_without_gnuplot(&set, dir, &err));
	page = slurp(dir, "index.html");
	assert_has(page, "No virtual machine was seen");
	assert_has(page, "None was seen in this recording.");
	free(page);
	remove_tree(dir);
	setting_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_escapes_text_and_closes_marks),
		cmocka_unit_test(markdown_escapes_what_acts),
		cmocka_unit_test(code_in_markdown_is_never_left),
		cmocka_unit_test(a_table_keeps_its_shape),
		cmocka_unit_test(a_figure_without_a_picture_keeps_its_words),
		cmocka_unit_test(a_lost_picture_is_told),
		cmocka_unit_test(fields_of_csv_are_no_formulas),
		cmocka_unit_test(every_metric_has_a_unit_and_a_value),
		cmocka_unit_test(vms_that_moved_nothing_are_in_the_table_only),
		cmocka_unit_test(calls_without_throughput_are_told),
		cmocka_unit_test(the_line_to_repeat_it_keeps_the_options),
		cmocka_unit_test(what_is_folded_is_printed),
		cmocka_unit_test(files_of_every_vm_have_a_name_of_their_own),
		cmocka_unit_test(several_runs_are_compared_and_failures_named),
		cmocka_unit_test(no_vm_is_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
