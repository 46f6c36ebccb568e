// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/recorded_set.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_recorded_opts rec;
};

static const struct vnx_opt options[] = {
	VNX_RECORDED_OPTIONS(struct opts, rec),
	VNX_VIEW_OPTIONS(struct opts, view),
};

static int replay_one(const struct opts *o, const char *path, struct vnx_err *err)
{
	struct vnx_pipeline p;
	const char *kind;
	int ret = vnx_recorded_run(&o->rec, &o->view, path, &p, &kind, err);

	if (ret)
		return ret;
	ret = vnx_view_run(&o->view, &p, kind, path);
	vnx_pipeline_fini(&p);
	return ret;
}

/* Text and CSV come one by one; a document waits for the last. */
static int show_each(const struct vnx_view_opts *view, const struct vnx_finding *f, bool first,
		     struct vnx_err *err)
{
	return view->json ? 0 : vnx_view_print(view, f, f->source_path, first, stdout, err);
}

static int end_set(const struct vnx_view_opts *view, const struct vnx_recorded_set *set,
		   struct vnx_err *err)
{
	int ret = vnx_recorded_set_say(set, err);

	if (!ret && view->json)
		ret = vnx_view_print_set(&set->set, err);
	if (ret)
		return ret;
	if (view->report_dir && vnx_report_write(&set->set, view->report_dir, err))
		return vnx_fail(err, false);
	if (view->report_dir && !view->quiet)
		fprintf(stderr, "vnetdx: the report is %s/index.html\n", view->report_dir);
	return vnx_recorded_set_exit(set, view);
}

static int replay_several(const struct opts *o, char **paths, size_t n, struct vnx_err *err)
{
	struct vnx_recorded_set set;
	int ret = vnx_recorded_set_read(&o->rec, &o->view, paths, n, show_each, &set, err);

	if (!ret)
		ret = end_set(&o->view, &set, err);
	vnx_recorded_set_fini(&set);
	return ret;
}

static int check_usage(const struct opts *o, char **paths, int n, struct vnx_err *err)
{
	if (n < 1) {
		vnx_err_hint(err, "For example: vnetdx replay run.vdx");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "replay takes at least one recording");
	}
	if (vnx_view_check(&o->view, err))
		return -EINVAL;
	return vnx_recorded_set_check(&o->view, "replay", paths, (size_t)n, err);
}

static int run(int argc, char **argv)
{
	struct opts o = { .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC, .argv = argv, .argc = argc },
			  .rec = { .bin_ns = VNX_NSEC_PER_SEC / 2 } };
	struct vnx_err err = { 0 };
	int first = vnx_options_parse(&vnx_command_replay, argc, argv, &o, NULL, &err), ret = first;

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0)
		ret = check_usage(&o, argv + first, argc - first, &err);
	if (!ret && argc - first == 1)
		ret = replay_one(&o, argv[first], &err);
	else if (!ret)
		ret = replay_several(&o, argv + first, (size_t)(argc - first), &err);
	vnx_recorded_fini(&o.rec);
	free(o.view.throughput.v);
	return ret < 0 ? vnx_fail(&err, o.view.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_replay = {
	.name = "replay",
	.summary = "the same verdict from a recording",
	.synopsis = "INPUT... [--throughput FILE]...",
	.text = "INPUT is a recording of vnetdx (.vdx), a trace-cmd trace.dat, a perf.data, or text of\n"
		"ftrace (trace, trace_pipe, trace-cmd report) or perf script; \"-\" is standard input.\n"
		"Of several INPUTs each has its verdict in turn, its path above; --csv begins with a\n"
		"column input, --json is one document of all. --throughput is of a single INPUT only.\n"
		"\n"
		"FILE is the output of iperf3 (JSON, JSON stream, text), of iperf2 (text, -y C), netperf's\n"
		"with -D, or a CSV whose first row names a time and a rate; also inside of a log. Flows\n"
		"of one direction that share 80 % of their time are one run and are summed; those that\n"
		"follow each other are put in a row; of two views of one flow the receiver's is taken;\n"
		"several tests in a FILE that tells no time of theirs are refused.\n"
		"What was done with each stands in the report. A sockperf --full-log gives latency only.\n"
		"\n"
		"--offset TIME is added to the place that the load's time stamps give it; where nothing\n"
		"tells its place, to its own times (iperf3's count from 0), which then are times of the\n"
		"trace's clock. --offset search puts the load where it follows the calls best: within\n"
		"the clocks' uncertainty, or anywhere if nothing tells; p is corrected for the search.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
