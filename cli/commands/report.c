// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/recorded_set.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_recorded_opts rec;
};

static const struct vnx_opt options[] = {
	VNX_STRING_OPTION(struct opts, view.report_dir, "output", 'o', "DIR",
			  "the folder to write to; made if it is not there"),
	VNX_THROUGHPUT_OPTION(struct opts, view.throughput),
	VNX_SMA_OPTION(struct opts, view.sma_ns),
	VNX_RECORDED_OPTIONS(struct opts, rec),
	VNX_FLAG(struct opts, view.json, "json", 0, "print one JSON document too"),
	VNX_CHECK_FLAG(struct opts, view.check),
	VNX_QUIET_FLAG(struct opts, view.quiet),
	VNX_FLAG(struct opts, view.verbose, "verbose", 'v', "what replay -v prints, on stderr"),
};

/* stdout has one line or one document: what a person wants to read beside goes to stderr. */
static int say_text(const struct vnx_view_opts *view, const struct vnx_finding *f, bool first,
		    struct vnx_err *err)
{
	struct vnx_view_opts text = { .verbose = true };

	if (!view->verbose)
		return 0;
	return vnx_view_print(&text, f, f->source_path, first, stderr, err);
}

static int write_set(const struct opts *o, const struct vnx_recorded_set *all, struct vnx_err *err)
{
	const struct vnx_report_set *set = &all->set;
	int ret = vnx_recorded_set_say(all, err);

	if (ret)
		return ret;
	/* Printed last: where something fails the one document on stdout is the error. */
	ret = vnx_report_write(set, o->view.report_dir, err);
	if (!ret && o->view.json)
		ret = vnx_view_print_set(set, err);
	if (ret)
		return ret;
	if (!o->view.json)
		printf("%s/index.html\n", o->view.report_dir);
	return vnx_recorded_set_exit(all, &o->view);
}

static int report(const struct opts *o, char **paths, size_t n, struct vnx_err *err)
{
	struct vnx_recorded_set set;
	int ret = vnx_recorded_set_read(&o->rec, &o->view, paths, n, say_text, &set, err);

	if (!ret)
		ret = write_set(o, &set, err);
	vnx_recorded_set_fini(&set);
	return ret;
}

static int check_usage(const struct opts *o, char **paths, int n, struct vnx_err *err)
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
	return vnx_recorded_set_check(&o->view, "report -o DIR", paths, (size_t)n, err);
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
		ret = check_usage(&o, argv + first, argc - first, &err);
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
