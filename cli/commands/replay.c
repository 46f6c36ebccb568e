// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

struct opts {
	struct vnx_view_opts view;
	struct vnx_strings vms;
	uint64_t stage_ns;
};

static const struct vnx_opt options[] = {
	{ "vm", 0, VNX_OPT_LIST, offsetof(struct opts, vms), "NAME|PID",
	  "only this VM (may be repeated)" },
	{ "stages", 0, VNX_OPT_TIME, offsetof(struct opts, stage_ns), "TIME",
	  "the load changed every TIME: correlate within stages", .min = VNX_NSEC_PER_SEC },
	VNX_VIEW_OPTIONS(struct opts, view),
	{ "quiet", 'q', VNX_OPT_FLAG, offsetof(struct opts, view.quiet), NULL, "no progress" },
	{ "verbose", 'v', VNX_OPT_FLAG, offsetof(struct opts, view.verbose), NULL,
	  "hooks refused and why, every VM in full" },
};

static int replay_one(const struct opts *o, const char *path, struct vnx_err *err)
{
	struct vnx_pipeline_conf pc = { .sma_ns = o->view.sma_ns,
					.stage_ns = o->stage_ns,
					.vms = o->vms.v,
					.n_vms = o->vms.n,
					.throughput_path = o->view.throughput };
	const struct vnx_reader_ops *ops = vnx_reader_find(path, err);
	struct vnx_pipeline p;
	struct vnx_reader *r;
	int ret;

	if (!ops)
		return -EINVAL;
	ret = ops->open(&r, path, err);
	if (ret)
		return ret;
	ret = vnx_pipeline_run(ops, r, &pc, &p, err);
	ops->close(r);
	if (ret)
		return ret;
	ret = vnx_view_run(&o->view, &p, ops->name, path);
	vnx_pipeline_fini(&p);
	return ret;
}

static int run(int argc, char **argv)
{
	struct opts o = { .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC } };
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
	return ret < 0 ? vnx_fail(&err, o.view.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_replay = {
	.name = "replay",
	.summary = "the same verdict from a recording",
	.synopsis = "INPUT [--throughput FILE]",
	.text = "INPUT is a recording of vnetdx (.vdx).",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
