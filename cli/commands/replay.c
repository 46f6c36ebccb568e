// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_strings vms;
	struct vnx_strings hooks;
	uint64_t stage_ns, bin_ns, from_ns, to_ns;
	const char *offset, *baseline;
};

static const struct vnx_opt options[] = {
	{ "vm", 0, VNX_OPT_LIST, offsetof(struct opts, vms), "NAME|PID",
	  "only this VM (may be repeated)" },
	{ "stages", 0, VNX_OPT_TIME, offsetof(struct opts, stage_ns), "TIME",
	  "the load changed every TIME: correlate within stages", .min = VNX_NSEC_PER_SEC },
	{ "bin", 0, VNX_OPT_TIME, offsetof(struct opts, bin_ns), "TIME",
	  "width of a bin of a raw trace (500ms)", .min = 10 * VNX_NSEC_PER_MSEC,
	  .max = 60 * VNX_NSEC_PER_SEC },
	{ "hook", 0, VNX_OPT_LIST, offsetof(struct opts, hooks), "METRIC=HOOK",
	  "the event of a raw trace to count: handle_tx=tp:probe:my_tx" },
	{ "from", 0, VNX_OPT_TIME, offsetof(struct opts, from_ns), "TIME",
	  "leave out what is before TIME of the trace's clock;\n"
	  "                         bins of a raw trace begin there" },
	{ "to", 0, VNX_OPT_TIME, offsetof(struct opts, to_ns), "TIME",
	  "leave out what is after TIME of the trace's clock" },
	{ "offset", 0, VNX_OPT_STRING, offsetof(struct opts, offset), "TIME|search",
	  "add TIME (also -1.5s) to the load's times" },
	{ "baseline", 0, VNX_OPT_STRING, offsetof(struct opts, baseline), "REC.vdx",
	  "an earlier run of the same VMs in which all was well" },
	VNX_VIEW_OPTIONS(struct opts, view),
	{ "quiet", 'q', VNX_OPT_FLAG, offsetof(struct opts, view.quiet), NULL, "no progress" },
	{ "verbose", 'v', VNX_OPT_FLAG, offsetof(struct opts, view.verbose), NULL,
	  "hooks refused and why, every VM in full" },
};

static int parse_offset(const struct opts *o, struct vnx_placement *out, struct vnx_err *err)
{
	if (!o->offset)
		return 0;
	out->search = !strcmp(o->offset, "search");
	out->given = !out->search;
	if (out->search && o->view.throughput.n > 1)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--offset search places one load, %zu were given",
				   o->view.throughput.n);
	if (out->search || !vnx_signed_time_parse(o->offset, &out->offset_ns))
		return 0;
	vnx_err_hint(err, "Give a number with a unit, 12.5s or -300ms, or the word search.");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage", "--offset: \"%s\" is not a time",
			   o->offset);
}

static int analyse(struct vnx_input *in, const struct vnx_reader_conf *rc,
		   const struct vnx_pipeline_conf *pc, const struct vnx_reader_ops **ops,
		   struct vnx_pipeline *p, struct vnx_err *err)
{
	struct vnx_reader *r;
	int ret;

	*ops = vnx_reader_find(in, err);
	if (!*ops)
		return -EINVAL;
	ret = (*ops)->open(&r, in, rc, err);
	if (ret)
		return ret;
	ret = vnx_pipeline_run(*ops, r, pc, p, err);
	(*ops)->close(r);
	return ret;
}

/* The run to compare with is analysed as it is: --vm, --from and the like are of the other. */
static int read_baseline(const struct opts *o, const struct vnx_reader_conf *rc,
			 struct vnx_pipeline *base, struct vnx_err *err)
{
	struct vnx_pipeline_conf pc = { .sma_ns = o->view.sma_ns };
	const struct vnx_reader_ops *ops;
	struct vnx_input in;
	int ret = vnx_input_open(&in, o->baseline, err);

	if (ret)
		return ret;
	ret = analyse(&in, rc, &pc, &ops, base, err);
	vnx_input_close(&in);
	return ret;
}

static int replay_input(const struct opts *o, struct vnx_input *in,
			const struct vnx_reader_conf *rc, struct vnx_err *err)
{
	struct vnx_pipeline base = { 0 };
	struct vnx_pipeline_conf pc = { .sma_ns = o->view.sma_ns,
					.stage_ns = o->stage_ns,
					.vms = o->vms.v,
					.n_vms = o->vms.n,
					.from_ns = o->from_ns,
					.to_ns = o->to_ns,
					.throughput = o->view.throughput.v,
					.n_throughput = o->view.throughput.n };
	const struct vnx_reader_ops *ops;
	struct vnx_pipeline p;
	int ret = parse_offset(o, &pc.placement, err);

	if (!ret && o->baseline) {
		ret = read_baseline(o, rc, &base, err);
		pc.baseline = base.dg;
	}
	if (!ret)
		ret = analyse(in, rc, &pc, &ops, &p, err);
	vnx_pipeline_fini(&base);
	if (ret)
		return ret;
	if (p.run.warning[0])
		fprintf(stderr, "vnetdx: %s: %s\n", in->path, p.run.warning);
	ret = vnx_view_run(&o->view, &p, ops->name, in->path);
	vnx_pipeline_fini(&p);
	return ret;
}

static int replay_one(const struct opts *o, const char *path, struct vnx_err *err)
{
	struct vnx_overrides hooks = { 0 };
	struct vnx_input in;
	int ret = vnx_overrides_parse(&o->hooks, &hooks, err);
	struct vnx_reader_conf rc = { .bin_ns = o->bin_ns,
				      .origin_ns = o->from_ns,
				      .hooks = hooks.v,
				      .n_hooks = hooks.n,
				      .quiet = o->view.quiet };

	if (!ret)
		ret = vnx_input_open(&in, path, err);
	if (!ret) {
		ret = replay_input(o, &in, &rc, err);
		vnx_input_close(&in);
	}
	free(hooks.v);
	return ret;
}

static int run(int argc, char **argv)
{
	struct opts o = { .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC },
			  .bin_ns = VNX_NSEC_PER_SEC / 2 };
	struct vnx_err err = { 0 };
	int ret = vnx_options_parse(&vnx_command_replay, argc, argv, &o, NULL, &err);

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && argc - ret != 1) {
		vnx_err_hint(&err, "For example: vnetdx replay run.vdx");
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "replay takes one recording, %d were given", argc - ret);
	}
	if (ret >= 0)
		ret = replay_one(&o, argv[ret], &err);
	free(o.vms.v);
	free(o.hooks.v);
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
