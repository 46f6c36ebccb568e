// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "cli/commands/commands.h"
#include "cli/commands/recorded.h"
#include "cli/output/report.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_recorded_opts rec;
};

static const struct vnx_opt options[] = {
	{ "output", 'o', VNX_OPT_STRING, offsetof(struct opts, view.report_dir), "DIR",
	  "the folder to write to; made if it is not there" },
	{ "throughput", 0, VNX_OPT_LIST, offsetof(struct opts, view.throughput), "FILE",
	  "output of iperf3, netperf -D, a CSV (may be repeated)" },
	{ "sma", 0, VNX_OPT_TIME, offsetof(struct opts, view.sma_ns), "TIME",
	  "window of the moving average (10s)", .min = 10 * VNX_NSEC_PER_MSEC },
	VNX_RECORDED_OPTIONS(struct opts, rec),
	{ "json", 0, VNX_OPT_FLAG, offsetof(struct opts, view.json), NULL,
	  "print one JSON document too" },
	{ "check", 0, VNX_OPT_FLAG, offsetof(struct opts, view.check), NULL,
	  "exit with 4 where a degradation was found" },
	{ "quiet", 'q', VNX_OPT_FLAG, offsetof(struct opts, view.quiet), NULL, "no progress" },
};

/* What one INPUT gave. */
struct result {
	struct vnx_pipeline p;
	struct vnx_finding f;
	struct vnx_err err;
	int ret;
};

static void read_one(const struct opts *o, const char *path, struct result *r)
{
	const char *kind = "";

	r->ret = vnx_recorded_run(&o->rec, &o->view, path, &r->p, &kind, &r->err);
	r->f = (struct vnx_finding){ .dg = r->p.dg,
				     .run = &r->p.run,
				     .tp = r->p.tp,
				     .source_kind = kind,
				     .source_path = path };
}

static int print_json(const struct vnx_report_set *set, struct vnx_err *err)
{
	struct vnx_report_conf conf = { .columns = 80 };

	return set->n == 1 ? vnx_reporter_json.report(set->v[0].f, &conf, stdout, err)
			   : vnx_report_set_json(set, stdout, err);
}

static size_t count_failed(const struct vnx_report_set *set, const struct result *results)
{
	size_t failed = 0;

	for (size_t i = 0; i < set->n; i++)
		failed += results[i].ret != 0;
	return failed;
}

/* What could not be read from @first on is said at once, beside the report that names it too. */
static void say_failed(const struct vnx_report_set *set, const struct result *results, size_t first)
{
	for (size_t i = first; i < set->n; i++)
		if (results[i].ret)
			vnx_fail(&results[i].err, false);
}

static bool any_degraded(const struct result *results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!results[i].ret && results[i].f.dg->verdict == VNX_DEGRADED)
			return true;
	return false;
}

static int write_results(const struct opts *o, const struct vnx_report_set *set,
			 const struct result *results, struct vnx_err *err)
{
	size_t failed = count_failed(set, results);
	int ret;

	/* Where there is no report the first failure is the command's own. */
	say_failed(set, results, failed == set->n ? 1 : 0);
	if (failed == set->n) {
		*err = results[0].err;
		return results[0].ret;
	}
	/* Printed last: where something fails the one document on stdout is the error. */
	ret = vnx_report_write(set, o->view.report_dir, err);
	if (!ret && o->view.json)
		ret = print_json(set, err);
	if (ret)
		return ret;
	if (!o->view.json)
		printf("%s/index.html\n", o->view.report_dir);
	if (failed)
		return VNX_EXIT_FAILED;
	return o->view.check && any_degraded(results, set->n) ? VNX_EXIT_DEGRADED : VNX_EXIT_OK;
}

static int report(const struct opts *o, char **paths, size_t n, struct vnx_err *err)
{
	VNX_CLEANUP_FREE struct vnx_report_input *inputs = calloc(n, sizeof(*inputs));
	VNX_CLEANUP_FREE struct result *results = calloc(n, sizeof(*results));
	struct vnx_report_set set = { .v = inputs,
				      .n = n,
				      .argv = o->view.argv,
				      .argc = o->view.argc,
				      .quiet = o->view.quiet };
	int ret;

	if (!inputs || !results)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	for (size_t i = 0; i < n; i++) {
		read_one(o, paths[i], &results[i]);
		inputs[i] = (struct vnx_report_input){ .path = paths[i],
						       .f = results[i].ret ? NULL : &results[i].f,
						       .err = &results[i].err };
	}
	ret = write_results(o, &set, results, err);
	for (size_t i = 0; i < n; i++)
		vnx_pipeline_fini(&results[i].p);
	return ret;
}

static int check_usage(const struct opts *o, int n, struct vnx_err *err)
{
	if (n < 1) {
		vnx_err_hint(err, "For example: vnetdx report run.vdx -o out");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "report takes at least one recording");
	}
	if (!o->view.report_dir || !*o->view.report_dir) {
		vnx_err_hint(err, "For example: vnetdx report run.vdx -o out");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "report needs -o DIR, the folder to write to");
	}
	if (n > 1 && o->view.throughput.n) {
		vnx_err_hint(err,
			     "Write one report for each recording with a --throughput of its own.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--throughput is of one recording, %d were given", n);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct opts o = { .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC, .argv = argv, .argc = argc },
			  .rec = { .bin_ns = VNX_NSEC_PER_SEC / 2 } };
	struct vnx_err err = { 0 };
	int first = vnx_options_parse(&vnx_command_report, argc, argv, &o, NULL, &err), ret = first;

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0)
		ret = check_usage(&o, argc - first, &err);
	if (!ret)
		ret = report(&o, argv + first, (size_t)(argc - first), &err);
	vnx_recorded_fini(&o.rec);
	free(o.view.throughput.v);
	return ret < 0 ? vnx_fail(&err, o.view.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_report = {
	.name = "report",
	.summary = "a page to look at and send, from recordings",
	.synopsis = "INPUT... -o DIR",
	.text = "INPUT is what replay takes. DIR gets index.html (one page that needs nothing beside\n"
		"itself), report.md, diagnosis.json, diagnosis.txt, series.csv, series-wide.csv,\n"
		"metrics.csv and the figures as SVG and PNG. Of several INPUTs there is one page with a\n"
		"comparison first; each has its data in a folder within DIR, all are in report.json.\n"
		"Files of the same name are replaced, others stay. Figures need gnuplot.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
