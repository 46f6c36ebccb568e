// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

#define DEFAULT_DURATION_NS (60 * VNX_NSEC_PER_SEC)

struct opts {
	struct vnx_live_opts live;
	struct vnx_view_opts view;
};

static const struct vnx_opt options[] = {
	VNX_LIVE_OPTIONS(struct opts, live),
	{ "output", 'o', VNX_OPT_STRING, offsetof(struct opts, live.path), "REC.vdx",
	  "keep the recording" },
	VNX_VIEW_OPTIONS(struct opts, view),
};

static int analyse(const struct opts *o, struct vnx_recording *rec, struct vnx_err *err)
{
	struct vnx_pipeline_conf pc = { .sma_ns = o->view.sma_ns,
					.throughput = o->view.throughput.v,
					.n_throughput = o->view.throughput.n };
	struct vnx_pipeline p;
	struct vnx_reader *r;
	int ret = vnx_reader_vdx_borrow(&r, rec, err);

	if (ret)
		return ret;
	ret = vnx_pipeline_run(&vnx_reader_vdx, r, &pc, &p, err);
	vnx_reader_vdx.close(r);
	if (ret)
		return ret;
	ret = vnx_view_run(&o->view, &p, "live", o->live.path ? o->live.path : "");
	vnx_pipeline_fini(&p);
	return ret;
}

static int run(int argc, char **argv)
{
	struct opts o = { .live = { .bin_ns = 500 * VNX_NSEC_PER_MSEC, .backend = "auto" },
			  .view = { .sma_ns = 10 * VNX_NSEC_PER_SEC, .argv = argv, .argc = argc } };
	struct vnx_recording *rec = NULL;
	struct vnx_err err = { 0 };
	bool load_failed = false;
	int cmd, ret;

	ret = vnx_options_parse(&vnx_command_diagnose, argc, argv, &o, &cmd, &err);
	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret < 0)
		goto out;
	ret = vnx_no_operands("diagnose", ret, cmd, argc, argv, &err);
	if (!ret)
		ret = vnx_view_check(&o.view, &err);
	if (ret)
		goto out;
	o.live.quiet = o.view.quiet;
	o.live.verbose = o.view.verbose;
	if (!o.live.duration_ns && cmd >= argc)
		o.live.duration_ns = DEFAULT_DURATION_NS;
	ret = vnx_live_run(&o.live, cmd < argc ? argv + cmd : NULL, &rec, &load_failed, &err);
	if (!ret)
		ret = analyse(&o, rec, &err);
	if (rec && vnx_recording_close(rec, &err))
		ret = -EIO;
out:
	free(o.live.vms.v);
	free(o.live.without.v);
	free(o.live.hooks.v);
	free(o.view.throughput.v);
	if (ret < 0)
		return vnx_fail(&err, o.view.json || vnx_wants_json(argc, argv));
	return ret == VNX_EXIT_OK && load_failed ? VNX_EXIT_FAILED : ret;
}

const struct vnx_command vnx_command_diagnose = {
	.name = "diagnose",
	.summary = "record this host now, analyse, give a verdict",
	.synopsis = "[-d TIME] [--vm NAME|PID]... [-o REC.vdx] [--report DIR] [-- COMMAND...]",
	.text = "COMMAND is the load, for example: iperf3 -c 192.0.2.7 -R. Where its output is iperf3's,\n"
		"its intervals are the throughput; else the taps' own counters are. Without -d the run\n"
		"lasts as long as COMMAND, or 60 s. Ctrl-C ends it early and keeps what was recorded.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
