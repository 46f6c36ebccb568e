// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures of a report, of recordings of real runs: what they have, say and draw, and what
 * becomes of gnuplot's SVG within a page. VNX_PLOTS=DIR keeps the pictures there to look at.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "cli/output/plot/figure.h"
#include "cli/output/plot/plot.h"
#include "cli/pipeline/pipeline.h"

#define CAUSES "fixtures/causes-6.1/"

static const char *const recordings[] = {
	"fixtures/stepped-6.1/stepped.vdx", CAUSES "contention-guests/run.vdx",
	CAUSES "throttled-vm/run.vdx",      CAUSES "link-htb/run.vdx",
	CAUSES "storm-ping/run.vdx",        CAUSES "healthy-plain/run.vdx",
	CAUSES "backend-e1000/run.vdx",
};

struct setting {
	struct vnx_pipeline p;
	struct vnx_finding f;
	struct vnx_err err;
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static void begin(struct setting *s, const char *path)
{
	struct vnx_pipeline_conf conf = { .sma_ns = 10 * VNX_NSEC_PER_SEC };
	struct vnx_reader_conf rc = { .quiet = true };
	struct vnx_reader *r;
	struct vnx_input in;

	memset(s, 0, sizeof(*s));
	if (vnx_input_open(&in, path, &s->err) || vnx_reader_vdx.open(&r, &in, &rc, &s->err) ||
	    vnx_pipeline_run(&vnx_reader_vdx, r, &conf, &s->p, &s->err))
		fail_msg("%s: %s", path, s->err.message);
	vnx_reader_vdx.close(r);
	vnx_input_close(&in);
	s->f = (struct vnx_finding){ s->p.dg, &s->p.run, s->p.tp, "vdx", path };
}

static void end(struct setting *s)
{
	vnx_pipeline_fini(&s->p);
}

static void rename_vm(struct setting *s, const char *name)
{
	struct vnx_vm *vm = &s->p.dg->vms.v[0].vm;

	free(vm->name);
	vm->name = strdup(name);
}

static const struct vnx_plot_ops *find(const char *id)
{
	for (size_t i = 0; vnx_plots[i]; i++)
		if (!strcmp(vnx_plots[i]->id, id))
			return vnx_plots[i];
	fail_msg("no plot %s", id);
	return NULL;
}

static char *caption(const struct setting *s, const char *id)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	find(id)->caption(&s->f, 0, out);
	fclose(out);
	return text;
}

static char *script(struct setting *s, const struct vnx_plot_ops *plot)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (plot->script(&s->f, 0, "x", out, &s->err))
		fail_msg("%s: %s", plot->id, s->err.message);
	fclose(out);
	return text;
}

static bool has_gnuplot(void)
{
	return !system("gnuplot --version >/dev/null 2>&1");
}

#define NEED_GNUPLOT()                                          \
	do {                                                    \
		if (!has_gnuplot()) {                           \
			print_message("skipped: no gnuplot\n"); \
			skip();                                 \
		}                                               \
	} while (0)

static void make_dir(char *dir)
{
	assert_non_null(mkdtemp(dir));
}

/* Removes @dir and returns how many files were in it. */
static size_t empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];
	size_t n = 0;

	while ((e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		must(unlink(path));
		n++;
	}
	closedir(d);
	must(rmdir(dir));
	return n;
}

/* A caption is whole sentences on one line, and every number of it is one. */
static void assert_sentence(const char *text, const char *what)
{
	if (!*text || strchr(text, '\n') || strstr(text, "nan") || strstr(text, "inf ") ||
	    strchr(text, '?') || strstr(text, "  ") || strstr(text, "..") ||
	    text[strlen(text) - 1] != '.')
		fail_msg("%s: \"%s\"", what, text);
}

static void keep_inline(const char *dir, const char *stem)
{
	struct vnx_err err = { 0 };
	char path[512], *text;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s.svg", dir, stem);
	if (vnx_plot_inline(path, stem, &text, &err))
		fail_msg("%s", err.message);
	strcat(path, ".inline");
	out = fopen(path, "w");
	fputs(text, out);
	fclose(out);
	free(text);
}

static void show(const struct setting *s, const char *recording, size_t i)
{
	const char *dir = getenv("VNX_PLOTS");
	struct vnx_err err = { 0 };
	char stem[128], *text;

	if (!dir)
		return;
	for (size_t k = 0; vnx_plots[k]; k++) {
		if (!vnx_plots[k]->has(&s->f, i))
			continue;
		snprintf(stem, sizeof(stem), "%.80s-%s", recording, vnx_plots[k]->id);
		for (char *c = stem; *c; c++)
			*c = *c == '/' ? '_' : *c;
		if (vnx_plot_draw(vnx_plots[k], &s->f, i, stem, dir, &err))
			fail_msg("%s", err.message);
		text = caption(s, vnx_plots[k]->id);
		printf("%s: %s\n", stem, text);
		free(text);
		keep_inline(dir, stem);
	}
}

static void every_recording_has_its_figures(void **state)
{
	static const char *const want[] = {
		"timeline scatter cdf bytes ",      "timeline scatter cdf bytes wait ",
		"timeline scatter cdf bytes wait ", "timeline scatter cdf bytes wait ",
		"timeline scatter cdf bytes wait ", "timeline scatter cdf bytes wait ",
		"timeline scatter cdf wait ",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(recordings); i++) {
		char have[128] = "", *text, *again;
		struct setting s;

		begin(&s, recordings[i]);
		for (size_t k = 0; vnx_plots[k]; k++) {
			if (!vnx_plots[k]->has(&s.f, 0))
				continue;
			strcat(strcat(have, vnx_plots[k]->id), " ");
			text = caption(&s, vnx_plots[k]->id);
			assert_sentence(text, vnx_plots[k]->id);
			free(text);
			text = script(&s, vnx_plots[k]);
			again = script(&s, vnx_plots[k]);
			assert_string_equal(text, again);
			assert_null(strstr(text, "nan"));
			free(text);
			free(again);
		}
		show(&s, recordings[i], 0);
		if (getenv("VNX_PLOTS"))
			printf("%s: %s\n", recordings[i], have);
		else if (strcmp(have, want[i]) != 0)
			fail_msg("%s has %s", recordings[i], have);
		end(&s);
	}
}

/* What stands between $@id and its EOD. */
static char *block(const char *script, const char *id)
{
	char head[64];
	const char *from, *to;

	snprintf(head, sizeof(head), "$%s << EOD\n", id);
	from = strstr(script, head);
	if (!from)
		fail_msg("no data %s", id);
	from += strlen(head);
	to = strstr(from, "EOD\n");
	return strndup(from, (size_t)(to - from));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *c = text; (c = strstr(c, what)); c += strlen(what))
		n++;
	return n;
}

static void missing_bins_are_gaps(void **state)
{
	struct vnx_vm_finding *vm;
	struct setting s;
	char *text, *data;

	begin(&s, CAUSES "contention-guests/run.vdx");
	vm = &s.p.dg->vms.v[0];
	vm->series[VNX_VHOST_RUNQ_WAIT][20] = NAN;
	text = script(&s, find("wait"));
	data = block(text, "raw4");
	/* Bin 19 ends at 10 s, bin 21 starts at 10.5 s; nothing is drawn between. */
	assert_non_null(strstr(data, "\n\n10.5 "));
	assert_int_equal(count(data, "\n\n"), 1);
	assert_int_equal(count(data, "\n"), 2 * (s.p.dg->grid.n - 1) + 1);
	free(data);
	free(text);

	vm->series[VNX_THROUGHPUT][20] = NAN;
	text = script(&s, find("scatter"));
	data = block(text, "level1");
	assert_int_equal(count(text, "$level0 << EOD"), 1);
	assert_int_equal(count(data, "\n0 "), 0);
	free(data);
	free(text);
	text = caption(&s, "scatter");
	assert_non_null(strstr(text, "one of 30 bins of 0.5 s: handle_tx"));
	free(text);
	end(&s);
}

static void what_was_not_measured_has_no_figure(void **state)
{
	struct vnx_vm_finding *vm;
	struct vnx_err err = { 0 };
	struct setting s;

	begin(&s, CAUSES "healthy-plain/run.vdx");
	vm = &s.p.dg->vms.v[0];
	for (size_t b = 0; b < s.p.dg->grid.n; b++) {
		vm->series[VNX_THROUGHPUT][b] = NAN;
		vm->series[VNX_VHOST_RUNQ_WAIT][b] = NAN;
	}
	free(vm->series[VNX_VCPU_RUNQ_WAIT]);
	vm->series[VNX_VCPU_RUNQ_WAIT] = NULL;
	assert_true(find("timeline")->has(&s.f, 0)); /* of the calls */
	assert_true(find("bytes")->has(&s.f, 0));
	assert_false(find("scatter")->has(&s.f, 0));
	assert_false(find("cdf")->has(&s.f, 0));
	assert_false(find("wait")->has(&s.f, 0));
	assert_false(find("exits")->has(&s.f, 0));
	assert_int_equal(find("cdf")->script(&s.f, 0, "x", stderr, &err), -EINVAL);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		free(vm->series[m]);
		vm->series[m] = NULL;
		vm->totals[m] = NAN;
	}
	for (size_t k = 0; vnx_plots[k]; k++)
		assert_false(vnx_plots[k]->has(&s.f, 0));
	end(&s);
}

static double *steady(const struct setting *s, double x)
{
	double *v = malloc(s->p.dg->grid.n * sizeof(*v));

	for (size_t b = 0; b < s->p.dg->grid.n; b++)
		v[b] = x;
	return v;
}

/* Whatever reasons the metrics know: the last of them is the most frequent. */
static void exits_are_by_reason_where_counted(void **state)
{
	const char *top = NULL;
	struct setting s;
	char *text, want[96];
	double n = 0;

	begin(&s, CAUSES "healthy-plain/run.vdx");
	s.p.dg->vms.v[0].series[VNX_KVM_EXIT] = steady(&s, 5000);
	text = caption(&s, "exits");
	assert_non_null(strstr(
		text, "left for the host 10.0 k times a second (n = 32 bins). Thin: bins of "));
	assert_non_null(strstr(text, "Reasons were not counted."));
	free(text);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		const char *name = vnx_metric_name(m);

		if (strncmp(name, "exit_", 5) != 0 || !strcmp(name, "exit_total"))
			continue;
		top = name + 5;
		free(s.p.dg->vms.v[0].series[m]);
		s.p.dg->vms.v[0].series[m] = steady(&s, 100 * ++n);
	}
	/* neither the sum nor what follows an exit is a reason */
	free(s.p.dg->vms.v[0].series[VNX_EXIT_TOTAL]);
	s.p.dg->vms.v[0].series[VNX_EXIT_TOTAL] = steady(&s, 4000);
	free(s.p.dg->vms.v[0].series[VNX_EXIT_SIGNAL]);
	s.p.dg->vms.v[0].series[VNX_EXIT_SIGNAL] = steady(&s, 4000);
	text = caption(&s, "exits");
	assert_sentence(text, "exits");
	assert_non_null(top);
	snprintf(want, sizeof(want), "reasons are %s (%g a second)", top, 200 * n);
	assert_non_null(strstr(text, want));
	free(text);
	show(&s, "made-up", 0);
	end(&s);
}

static void captions_say_what_the_bins_say(void **state)
{
	struct vnx_vm_finding *vm;
	struct setting s;
	char *text;

	begin(&s, CAUSES "contention-guests/run.vdx");
	vm = &s.p.dg->vms.v[0];
	/* The fall starts at 7 s, give or take 0.25 s: bins 0 to 12, and 15 to the end. */
	for (size_t b = 0; b < s.p.dg->grid.n; b++)
		vm->series[VNX_VHOST_RUNQ_WAIT][b] = b < 13 ? 0.25 : b < 15 ? 1 : 0.75;
	text = caption(&s, "wait");
	assert_non_null(strstr(text,
			       "The vhost worker waited for a CPU 25 % of the time before the "
			       "fall (n = 13 bins), 75 % during it (n = 19); the vCPUs"));
	assert_non_null(strstr(text, "Thin: bins of 0.5 s"));
	free(text);
	/* Each mean has its n, also where throughput has none. */
	text = caption(&s, "timeline");
	assert_non_null(strstr(text, " bins) and "));
	free(text);
	for (size_t k = 0; k < vm->correlations.n; k++) {
		vm->correlations.v[k].c.r = NAN;
		vm->correlations.v[k].c.undefined = "the calls are constant";
	}
	text = caption(&s, "scatter");
	assert_non_null(strstr(text, "r is not defined: the calls are constant."));
	free(text);
	for (size_t b = 0; b < s.p.dg->grid.n; b++)
		vm->series[VNX_THROUGHPUT][b] = NAN;
	text = caption(&s, "timeline");
	assert_non_null(strstr(text, "Throughput was not measured"));
	assert_null(strstr(text, " 0 bins"));
	free(text);
	end(&s);
}

/* WCAG 2: relative luminance of sRGB, contrast of two. */
static double luminance(unsigned rgb)
{
	static const double weight[] = { 0.0722, 0.7152, 0.2126 };
	double sum = 0;

	for (int k = 0; k < 3; k++) {
		double c = (rgb >> (8 * k) & 255) / 255.0;

		sum += weight[k] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
	}
	return sum;
}

static double contrast(unsigned a, unsigned b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}

static void colours_stand_out_on_both_papers(void **state)
{
	assert_true(fabs(contrast(0xffffff, 0) - 21) < 1e-9);
	for (int dark = 0; dark < 2; dark++) {
		const char *at = vnx_plot_css(dark);
		char name[32];
		unsigned rgb, n = 0;
		int used;

		for (; sscanf(at, "--%31[a-z-]: #%6x; %n", name, &rgb, &used) == 2;
		     at += used, n++) {
			bool text = strstr(name, "text") || strstr(name, "axis") ||
				    strstr(name, "muted");
			double ratio = contrast(rgb, dark ? 0x14171a : 0xffffff);

			if (ratio < (text ? 4.5 : 3))
				fail_msg("%s is %.2f to 1 on %s paper", name, ratio,
					 dark ? "dark" : "light");
		}
		assert_int_equal(*at, '\0');
		assert_int_equal(n, 10);
	}
}

static int inline_text(const char *svg, char **out, struct vnx_err *err)
{
	char path[] = "/tmp/vnetdx-test-XXXXXX";
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, svg, strlen(svg)), strlen(svg));
	close(fd);
	*err = (struct vnx_err){ 0 };
	ret = vnx_plot_inline(path, "p1", out, err);
	unlink(path);
	return ret;
}

#define HEAD \
	"<?xml version=\"1.0\"?>\n<!-- x --><svg \n width=\"9\" viewBox=\"0 0 64 40\"\n xmlns=\"u\">\n"

static void inline_is_what_gnuplot_meant(void **state)
{
	struct vnx_err err;
	char *out;

	must(inline_text(HEAD "<title>T &amp; x</title><desc><g/></desc>"
			      "<script type='x'><![CDATA[ if (a<b) alert('</g>') ]]></script>"
			      "<defs><path id='gpPt0' d='M-1,0 h2'/>\n"
			      "<filter id='f'><feFlood flood-color='#FFFFFF'/></filter></defs>"
			      "<g id=\"a_1\" fill = 'rgb(  0, 114, 178)' onclick=\"x()\" class='c'>"
			      "<use xlink:href='#gpPt0' color=\"black\" stroke='#d55e00'/>"
			      "<a xlink:href='http://x'><text filter='url(#f)'> a &lt;b&gt; & c > d"
			      "</text></a></g></svg>\n",
			 &out, &err));
	assert_string_equal(out, "<svg class=\"plot\" aria-hidden=\"true\" viewBox=\"0 0 64 40\">"
				 "<defs><path id=\"p1-gpPt0\" d=\"M-1,0 h2\"/></defs>"
				 "<g id=\"p1-a_1\" fill=\"var(--plot-blue, #0072B2)\">"
				 "<use href=\"#p1-gpPt0\" color=\"var(--ink, #000000)\" "
				 "stroke=\"var(--plot-red, #D55E00)\"/>"
				 "<text> a &lt;b&gt; &amp; c &gt; d</text></g></svg>");
	free(out);
}

static void inline_refuses_what_gnuplot_never_writes(void **state)
{
	static const struct {
		const char *svg, *why;
	} bad[] = {
		{ "", "no picture" },
		{ "hello", "text outside" },
		{ "<html></html>", "out of place" },
		{ "<svg></svg>", "without a size" },
		{ "<svg viewBox=\"0 0 1 x\"></svg>", "four numbers" },
		{ "<svg viewBox=\"0 0 1 1\">", "too early" },
		{ HEAD "<g></svg>", "without its begin" },
		{ HEAD "</svg></g>", "without its begin" },
		{ HEAD "</svg>" HEAD "</svg>", "out of place" },
		{ HEAD "<foreignObject/></svg>", "unknown element" },
		{ HEAD "<image href=\"x\"/></svg>", "unknown element" },
		{ HEAD "<use href=\"http://x/y\"/></svg>", "to the outside" },
		{ HEAD "<use xlink:href='x.svg#a'/></svg>", "to the outside" },
		{ HEAD "<g fill='url(http://x)'/></svg>", "no known form" },
		{ HEAD "<g fill='red;x:y'/></svg>", "no known form" },
		{ HEAD "<path d='url(#x)'/></svg>", "neither number" },
		{ HEAD "<path d='\"><b'/></svg>", "neither number" },
		{ HEAD "<g id='\"x'/></svg>", "strange letters" },
		{ HEAD "<g id/></svg>", "without a value" },
		{ HEAD "<g id=x/></svg>", "without quotes" },
		{ HEAD "<g id='x", "without an end" },
		{ HEAD "<g", "without an end" },
		{ HEAD "<!-- ", "without an end" },
		{ HEAD "<script>", "without an end" },
		{ HEAD "<![CDATA[ x ]]></svg>", "raw text" },
		{ "<!DOCTYPE svg [ <!ENTITY x SYSTEM \"f\"> ]>" HEAD "</svg>", "document type" },
	};
	struct vnx_err err = { 0 };
	char *out, *deep;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(bad); i++) {
		if (inline_text(bad[i].svg, &out, &err) != -EINVAL)
			fail_msg("taken: %s", bad[i].svg);
		assert_null(out);
		if (!strstr(err.message, bad[i].why))
			fail_msg("%s: %s", bad[i].svg, err.message);
	}
	deep = calloc(1, 4096);
	strcpy(deep, HEAD);
	for (int i = 0; i < 100; i++)
		strcat(deep, "<g>");
	assert_int_equal(inline_text(deep, &out, &err), -EINVAL);
	free(deep);
	assert_int_equal(vnx_plot_inline("/nonexistent.svg", "p", &out, &err), -ENOENT);
	assert_int_equal(vnx_plot_inline("/dev/null", "p", &out, &err), -EINVAL);
	assert_int_equal(vnx_plot_inline("/dev/null", "p\"", &out, &err), -EINVAL);
}

/* Of a page's part: every colour follows the page, every id is its own, nothing leads outside. */
static void assert_inline(const char *text)
{
	static const char *const never[] = { "script", "http",  "xlink", "Gnuplot", "rgb(",
					     "<title", "<?",    "<!",    "url(",    "=\"#0",
					     "style=", "xmlns", "onload" };
	size_t ids = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(never); i++)
		if (strstr(text, never[i]))
			fail_msg("\"%s\" in the figure", never[i]);
	for (const char *c = text; (c = strstr(c, " id=\"")); c += 5, ids++)
		assert_memory_equal(c + 5, "fig-1-", 6);
	for (const char *c = text; (c = strstr(c, " href=\"")); c += 7)
		assert_memory_equal(c + 7, "#fig-1-", 7);
	assert_true(ids > 10);
	assert_int_equal(count(text, "<text>"), count(text, "</text>"));
	assert_int_equal(count(text, "stroke=\"#") + count(text, "fill=\"#"), 0);
	assert_memory_equal(text, "<svg class=\"plot\" ", 18);
	assert_string_equal(text + strlen(text) - 6, "</svg>");
}

static void every_figure_is_drawn_and_fits_a_page(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", path[128], *text;
	struct setting s;

	NEED_GNUPLOT();
	make_dir(dir);
	begin(&s, CAUSES "throttled-vm/run.vdx");
	s.p.dg->vms.v[0].series[VNX_KVM_EXIT] = steady(&s, 5000);
	for (size_t k = 0; vnx_plots[k]; k++) {
		if (vnx_plot_draw(vnx_plots[k], &s.f, 0, vnx_plots[k]->id, dir, &s.err))
			fail_msg("%s: %s", vnx_plots[k]->id, s.err.message);
		snprintf(path, sizeof(path), "%s/%s.svg", dir, vnx_plots[k]->id);
		if (vnx_plot_inline(path, "fig-1", &text, &s.err))
			fail_msg("%s", s.err.message);
		assert_inline(text);
		free(text);
	}
	assert_int_equal(empty(dir), 12);
	end(&s);
}

#define LONG10 "0123456789"
#define LONG50 LONG10 LONG10 LONG10 LONG10 LONG10

static const struct {
	const char *name, *shown; /* a part of what stands in the picture */
} hostile[] = {
	{ "<script>alert(1)</script>", "&lt;script&gt;alert(1)" },
	{ "a_b^{c}@d&e~f", "a_b^{c}@d&amp;e~f" },
	{ "';system('touch x');'", "\u00b4;system('touch x');'" },
	{ "a'';!touch x;'''b", "a'\u00b4;!touch x;'\u00b4\u00b4b" },
	{ "\"; !touch x", "; !touch x" },
	{ "`touch x`$(touch x)", "`touch x`$(touch x)" },
	{ "\n!touch x\nEOD\n", "\\x0A!touch x" },
	{ "\x1b[31m\xff\xfe\\", "\\x1B[31m\\xFF\\xFE\\" },
	{ LONG50 LONG50 LONG50 LONG50 LONG50 LONG50, "4567890..." },
	{ "%s%n$x[1]\\", "%s%n$x[1]\\" },
};

static void names_are_only_names(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", path[128], *text;
	struct setting s;

	NEED_GNUPLOT();
	make_dir(dir);
	begin(&s, CAUSES "contention-guests/run.vdx");
	snprintf(path, sizeof(path), "%s/x.svg", dir);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(hostile); i++) {
		rename_vm(&s, hostile[i].name);
		/* The figure that stands alone has the name in its headline too. */
		if (vnx_figure_draw(&s.f, 0, "x", dir, &s.err) ||
		    vnx_plot_draw(find("cdf"), &s.f, 0, "x", dir, &s.err) ||
		    vnx_plot_inline(path, "fig-1", &text, &s.err))
			fail_msg("%s: %s", hostile[i].name, s.err.message);
		if (!strstr(text, hostile[i].shown))
			fail_msg("%s is not in the figure", hostile[i].shown);
		assert_null(strstr(text, "<script"));
		free(text);
	}
	assert_int_equal(empty(dir), 2); /* and no file "x" */
	end(&s);
}

static void drawing_says_what_is_in_its_way(void **state)
{
	char dir[] = "/tmp/vnetdx-test-XXXXXX", *path = strdup(getenv("PATH"));
	struct setting s;

	begin(&s, CAUSES "healthy-plain/run.vdx");
	make_dir(dir);
	must(setenv("PATH", dir, 1));
	assert_int_equal(vnx_plot_draw(find("cdf"), &s.f, 0, "x", dir, &s.err), -ENOENT);
	must(setenv("PATH", path, 1));
	assert_non_null(strstr(s.err.hint, "gnuplot-nox"));
	s.err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_plot_draw(find("cdf"), &s.f, 0, "../x", dir, &s.err), -EINVAL);
	assert_int_equal(empty(dir), 0);
	s.err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_plot_draw(find("cdf"), &s.f, 0, "x", dir, &s.err), -EIO);
	assert_non_null(strstr(s.err.message, dir));
	free(path);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recording_has_its_figures),
		cmocka_unit_test(missing_bins_are_gaps),
		cmocka_unit_test(what_was_not_measured_has_no_figure),
		cmocka_unit_test(exits_are_by_reason_where_counted),
		cmocka_unit_test(captions_say_what_the_bins_say),
		cmocka_unit_test(colours_stand_out_on_both_papers),
		cmocka_unit_test(inline_is_what_gnuplot_meant),
		cmocka_unit_test(inline_refuses_what_gnuplot_never_writes),
		cmocka_unit_test(every_figure_is_drawn_and_fits_a_page),
		cmocka_unit_test(names_are_only_names),
		cmocka_unit_test(drawing_says_what_is_in_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
