// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

struct opts {
	struct vnx_live_opts live;
};

static const struct vnx_opt options[] = {
	VNX_LIVE_OPTIONS(struct opts, live),
	{ "output", 'o', VNX_OPT_STRING, offsetof(struct opts, live.path), "REC.vdx",
	  "the recording (required unless --events is given)" },
	VNX_JSON_ERRORS_FLAG(struct opts, live.json),
	VNX_QUIET_FLAG(struct opts, live.quiet),
	VNX_REFUSED_FLAG(struct opts, live.verbose),
};

static int check_path(const struct opts *o, struct vnx_err *err)
{
	if (o->live.path || o->live.events)
		return 0;
	vnx_err_hint(err, "For example: vnetdx record -o run.vdx -d 60s");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
			   "record needs -o REC.vdx, the file to write");
}

static int run(int argc, char **argv)
{
	struct opts o = { .live = { .bin_ns = 500 * VNX_NSEC_PER_MSEC, .backend = "auto" } };
	struct vnx_recording *rec = NULL;
	struct vnx_err err = { 0 };
	bool load_failed = false;
	int cmd, ret;

	ret = vnx_options_parse(&vnx_command_record, argc, argv, &o, &cmd, &err);
	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0)
		ret = vnx_no_operands("record", ret, cmd, argc, argv, &err);
	if (!ret)
		ret = check_path(&o, &err);
	if (!ret)
		ret = vnx_live_run(&o.live, cmd < argc ? argv + cmd : NULL, &rec, &load_failed,
				   &err);
	if (!ret)
		ret = vnx_recording_close(rec, &err);
	free(o.live.vms.v);
	free(o.live.without.v);
	free(o.live.hooks.v);
	if (ret < 0)
		return vnx_fail(&err, o.live.json || vnx_wants_json(argc, argv));
	if (!o.live.quiet && o.live.path)
		fprintf(stderr, "vnetdx: recorded to %s; `vnetdx replay %s` analyses it\n",
			o.live.path, o.live.path);
	return load_failed ? VNX_EXIT_FAILED : VNX_EXIT_OK;
}

const struct vnx_command vnx_command_record = {
	.name = "record",
	.summary = "record this host now, analyse later",
	.synopsis = "-o REC.vdx [--events FILE.dat] [-d TIME] [--vm NAME|PID]... [-- COMMAND...]",
	.text = "Without -d the run lasts as long as COMMAND, or until Ctrl-C. --events records every single\n"
		"call, of all VMs: megabytes a second on a busy host. Should that run be killed, what it\n"
		"wrote is saved by: trace-cmd restore -i FILE.dat -o OUT.dat FILE.dat.cpu*",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
