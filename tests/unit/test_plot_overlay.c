// SPDX-License-Identifier: GPL-2.0-only
/* The figure of a comparison: the throughput of several recordings over each other. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "cli/output/report/report_parts.h"
#include "cli/base/units.h"
#include "cli/pipeline/pipeline.h"

#define CAUSES "fixtures/causes-6.1/"
#define RUNS_MAX 10

/* The recordings are read once each; a run of the comparison may be any of them again. */
struct setting {
	struct vnx_pipeline p[2];
	struct vnx_finding f[2];
	struct vnx_report_input in[RUNS_MAX];
	struct vnx_report_part v[RUNS_MAX];
	struct vnx_report_parts parts;
	char names[RUNS_MAX][16];
	struct vnx_err err;
};

static void read_run(struct setting *s, size_t i, const char *path)
{
	struct vnx_pipeline_conf conf = { .sma_ns = 10 * VNX_NSEC_PER_SEC };
	struct vnx_reader_conf rc = { .quiet = true };
	struct vnx_reader *r;
	struct vnx_input in;

	if (vnx_input_open(&in, path, &s->err) || vnx_reader_vdx.open(&r, &in, &rc, &s->err) ||
	    vnx_pipeline_run(&vnx_reader_vdx, r, &conf, &s->p[i], &s->err))
		fail_msg("%s: %s", path, s->err.message);
	vnx_reader_vdx.close(r);
	vnx_input_close(&in);
	s->f[i] = (struct vnx_finding){ s->p[i].dg, &s->p[i].run, s->p[i].tp, "vdx", path };
}

/* @n runs: contention, a shaper, contention, ... */
static void begin(struct setting *s, size_t n)
{
	memset(s, 0, sizeof(*s));
	read_run(s, 0, CAUSES "contention-guests/run.vdx");
	read_run(s, 1, CAUSES "link-htb/run.vdx");
	s->parts = (struct vnx_report_parts){ .v = s->v, .n = n };
	for (size_t i = 0; i < n; i++) {
		snprintf(s->names[i], sizeof(s->names[i]), "run%zu.vdx", i + 1);
		s->in[i] = (struct vnx_report_input){ .path = s->names[i], .f = &s->f[i % 2] };
		s->v[i] = (struct vnx_report_part){ .in = &s->in[i], .name = s->names[i] };
	}
}

static void end(struct setting *s)
{
	vnx_pipeline_fini(&s->p[0]);
	vnx_pipeline_fini(&s->p[1]);
}

static char *script(struct setting *s)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (vnx_overlay_script(&s->parts, "x", out, &s->err))
		fail_msg("%s", s->err.message);
	fclose(out);
	return text;
}

static char *caption(const struct setting *s)
{
	char *text = vnx_overlay_caption(&s->parts);

	assert_non_null(text);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void assert_has(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("no <<%s>> in <<%s>>", part, text ? text : "nothing");
}

/* Each VM that carried the load, and no neighbour. */
static void each_run_has_its_curve(void **state)
{
	char want[128], median[VNX_UNIT_LEN];
	struct setting s;
	char *text;

	begin(&s, 2);
	assert_true(vnx_overlay_has(&s.parts));
	text = script(&s);
	assert_int_equal(count(text, "<< EOD\n"), 4); /* $cdf and $mark of two */
	assert_int_equal(count(text, " 100\nEOD\n"), 2);
	assert_has(text, "t '1  run1.vdx, vm1', ");
	assert_has(text, "t '2  run2.vdx, vm1'\n");
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "logscale"));
	free(text);
	text = caption(&s);
	for (size_t i = 0; i < 2; i++) {
		const struct vnx_throughput_summary *t = &s.f[i].dg->vms.v[0].throughput;

		snprintf(want, sizeof(want), "line %zu (run%zu.vdx, vm1) %s (p05 ", i + 1, i + 1,
			 vnx_rate_format(t->p50_bps, median));
		assert_has(text, want);
		snprintf(want, sizeof(want), "; n = %zu bins of 0.5 s)", t->n);
		assert_has(text, want);
	}
	assert_null(strstr(text, "Drawn are"));
	assert_null(strstr(text, "no throughput is known"));
	free(text);
	end(&s);
}

/* Told apart without colours: no two dashes are the same. */
static void eight_lines_and_no_more(void **state)
{
	char dashes[8][24], label[64];
	const char *at;
	struct setting s;
	char *text;

	begin(&s, RUNS_MAX);
	text = script(&s);
	assert_int_equal(count(text, " lw 2.4 "), 8);
	at = strstr(text, "plot $");
	for (size_t k = 0; k < 8; k++) {
		at = strstr(at, " dt ");
		assert_non_null(at);
		at += strlen(" dt ");
		snprintf(dashes[k], sizeof(dashes[k]), "%.*s", (int)strcspn(at, " "), at);
		for (size_t j = 0; j < k; j++)
			assert_string_not_equal(dashes[j], dashes[k]);
		snprintf(label, sizeof(label), "set label '%zu' at first ", k + 1);
		assert_has(text, label);
	}
	free(text);
	text = caption(&s);
	assert_has(text, "Drawn are 8 of 10 VMs, ");
	assert_null(strstr(text, "run9.vdx"));
	free(text);
	end(&s);
}

/* A run has its further VMs where there is room, under letters. */
static void further_vms_have_letters(void **state)
{
	struct vnx_vm_finding *vm;
	struct setting s;
	char *text;

	begin(&s, 3);
	vm = &s.f[1].dg->vms.v[1];
	free(vm->throughput.source);
	vm->throughput = s.f[1].dg->vms.v[0].throughput;
	vm->throughput.source = strdup(vm->throughput.source);
	for (size_t b = 0; b < s.f[1].dg->grid.n; b++)
		vm->series[VNX_THROUGHPUT][b] = 1e8;
	text = script(&s);
	assert_int_equal(count(text, " lw 2.4 "), 4);
	assert_has(text, "t '2  run2.vdx, vm1', ");
	assert_has(text, "t '2b  run2.vdx, vm2', ");
	assert_has(text, "t '3  run3.vdx, vm1'\n");
	free(text);
	end(&s);
}

static void far_apart_is_logarithmic(void **state)
{
	struct setting s;
	char *text;
	double *x;

	begin(&s, 2);
	x = s.f[1].dg->vms.v[0].series[VNX_THROUGHPUT];
	for (size_t b = 0; b < s.f[1].dg->grid.n; b++)
		x[b] /= b < 10 ? INFINITY : 1000; /* standing still has no place on such an axis */
	text = script(&s);
	assert_has(text, "set logscale x\n");
	assert_has(text, "set label '2' at first 0.00"); /* Mbit/s */
	assert_null(strstr(text, "set label '2' at first 0,"));
	assert_has(text, "throughput of a bin (Mbit/s)");
	free(text);
	text = caption(&s);
	assert_has(text, "logarithmic");
	free(text);
	end(&s);
}

static void one_curve_is_no_comparison(void **state)
{
	struct setting s;
	char *text;

	begin(&s, 3);
	s.in[2].f = NULL;
	text = caption(&s);
	assert_has(text, "Of 1 of the 3 recordings no throughput is known.");
	free(text);
	for (size_t b = 0; b < s.f[1].dg->grid.n; b++)
		s.f[1].dg->vms.v[0].series[VNX_THROUGHPUT][b] = NAN;
	assert_false(vnx_overlay_has(&s.parts));
	assert_int_equal(vnx_overlay_draw(&s.parts, "x", "/tmp", &s.err), -EINVAL);
	assert_string_equal(s.err.message, "nothing to draw");
	end(&s);
}

static void names_are_only_names(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", path[128], *text;
	struct setting s;

	if (system("gnuplot --version >/dev/null 2>&1")) {
		print_message("skipped: no gnuplot\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	begin(&s, 2);
	s.v[0].name = (char *)"';!touch x;'<script>";
	s.v[1].name = (char *)"\"; `touch x` $(touch x)\n";
	if (vnx_overlay_draw(&s.parts, "c", dir, &s.err))
		fail_msg("%s", s.err.message);
	snprintf(path, sizeof(path), "%s/c.svg", dir);
	if (vnx_plot_inline(path, "fig-c", &text, &s.err))
		fail_msg("%s", s.err.message);
	assert_has(text, ";!touch x;");
	assert_null(strstr(text, "<script"));
	free(text);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/c.png", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0); /* and no file "x" */
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_run_has_its_curve),
		cmocka_unit_test(eight_lines_and_no_more),
		cmocka_unit_test(further_vms_have_letters),
		cmocka_unit_test(far_apart_is_logarithmic),
		cmocka_unit_test(one_curve_is_no_comparison),
		cmocka_unit_test(names_are_only_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
