// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/recorded.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_recorded_opts rec;
};

static const struct vnx_opt options[] = {
	VNX_RECORDED_OPTIONS(struct opts, rec),
	VNX_VIEW_OPTIONS(struct opts, view),
	{ "quiet", 'q', VNX_OPT_FLAG, offsetof(struct opts, view.quiet), NULL, "no progress" },
	{ "verbose", 'v', VNX_OPT_FLAG, offsetof(struct opts, view.verbose), NULL,
	  "hooks refused and why, every VM in full" },
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

static int run(int argc, char **argv)
{
	struct opts o = { .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC, .argv = argv, .argc = argc },
			  .rec = { .bin_ns = VNX_NSEC_PER_SEC / 2 } };
	struct vnx_err err = { 0 };
	int ret = vnx_options_parse(&vnx_command_replay, argc, argv, &o, NULL, &err);

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && argc - ret != 1) {
		vnx_err_hint(&err, argc - ret
					   ? "Several are compared by: vnetdx report A B... -o DIR"
					   : "For example: vnetdx replay run.vdx");
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "replay takes one recording, %d were given", argc - ret);
	}
	if (ret >= 0 && vnx_view_check(&o.view, &err))
		ret = -EINVAL;
	if (ret >= 0)
		ret = replay_one(&o, argv[ret], &err);
	vnx_recorded_fini(&o.rec);
	free(o.view.throughput.v);
	return ret < 0 ? vnx_fail(&err, o.view.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_replay = {
	.name = "replay",
	.summary = "the same verdict from a recording",
	.synopsis = "INPUT [--throughput FILE]...",
	.text = "INPUT is a recording of vnetdx (.vdx), a trace-cmd trace.dat, a perf.data, or text of\n"
		"ftrace (trace, trace_pipe, trace-cmd report) or perf script; \"-\" is standard input.\n"
		"\n"
		"FILE is iperf3's output (JSON, JSON stream, text; a client's or a server's), netperf's\n"
		"with -D, or a CSV whose first row names a time and a rate. Each FILE is one flow. Flows\n"
		"of one direction that share 80 % of their time are one run and are summed; those that\n"
		"follow each other are put in a row; of two views of one flow the receiver's is taken.\n"
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
