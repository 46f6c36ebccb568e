// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

struct opts {
	struct vnx_live_opts live;
};

static const struct vnx_opt options[] = {
	VNX_LIVE_OPTIONS(struct opts, live),
	{ "output", 'o', VNX_OPT_STRING, offsetof(struct opts, live.path), "REC.vdx",
	  "the recording (required)" },
	{ "json", 0, VNX_OPT_FLAG, offsetof(struct opts, live.json), NULL,
	  "errors as a JSON document" },
	{ "quiet", 'q', VNX_OPT_FLAG, offsetof(struct opts, live.quiet), NULL, "no progress" },
	{ "verbose", 'v', VNX_OPT_FLAG, offsetof(struct opts, live.verbose), NULL,
	  "say which back ends were refused" },
};

static int check_opts(const struct opts *o, int first, int cmd, char **argv, struct vnx_err *err)
{
	if (first < cmd - 1 && argv[first] && strcmp(argv[first], "--")) {
		vnx_err_hint(err, "A load is given after \"--\".");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "record takes no operand \"%s\"", argv[first]);
	}
	if (!o->live.path) {
		vnx_err_hint(err, "For example: vnetdx record -o run.vdx -d 60s");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "record needs -o REC.vdx, the file to write");
	}
	return 0;
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
		ret = check_opts(&o, ret, cmd, argv, &err);
	if (!ret)
		ret = vnx_live_run(&o.live, cmd < argc ? argv + cmd : NULL, &rec, &load_failed,
				   &err);
	if (!ret)
		ret = vnx_recording_close(rec, &err);
	free(o.live.vms.v);
	free(o.live.hooks.v);
	if (ret < 0)
		return vnx_fail(&err, o.live.json || vnx_wants_json(argc, argv));
	if (!o.live.quiet)
		fprintf(stderr, "vnetdx: recorded to %s; `vnetdx replay %s` analyses it\n",
			o.live.path, o.live.path);
	return load_failed ? VNX_EXIT_FAILED : VNX_EXIT_OK;
}

const struct vnx_command vnx_command_record = {
	.name = "record",
	.summary = "record this host now, analyse later",
	.synopsis = "-o REC.vdx [-d TIME] [--vm NAME|PID]... [-- COMMAND...]",
	.text = "Without -d the run lasts as long as COMMAND, or until Ctrl-C.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
