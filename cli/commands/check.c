// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnetdx check: can this host be diagnosed, and if not, what to do?
 */
#include "cli/commands/check.h"

#include "cli/commands/commands.h"

struct opts {
	bool json, no_color, verbose;
};

static const struct vnx_opt options[] = {
	{ "json", 0, VNX_OPT_FLAG, offsetof(struct opts, json), NULL, "one JSON document" },
	{ "verbose", 'v', VNX_OPT_FLAG, offsetof(struct opts, verbose), NULL,
	  "every back end's refused candidates" },
	{ "no-color", 0, VNX_OPT_FLAG, offsetof(struct opts, no_color), NULL, "plain text" },
};

static int show(const struct opts *o, struct vnx_err *err)
{
	struct vnx_check check;
	int ret = vnx_check_gather(&check), exit_code = VNX_EXIT_OK;

	if (!ret && check.verdict == VNX_CHECK_CANNOT)
		exit_code = VNX_EXIT_UNSUPPORTED;
	if (!ret && o->json)
		ret = vnx_check_print_json(&check);
	else if (!ret)
		vnx_check_print_text(&check, o->no_color, o->verbose);
	vnx_check_fini(&check);
	if (!ret && (fflush(stdout) || ferror(stdout)))
		ret = -EIO;
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "failed",
				   "the check did not come to its end: %s", strerror(-ret));
	return exit_code;
}

static int run(int argc, char **argv)
{
	struct opts o = { 0 };
	struct vnx_err err = { 0 };
	int ret = vnx_options_parse(&vnx_command_check, argc, argv, &o, NULL, &err);

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && ret < argc)
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "check takes no operand: \"%s\"", argv[ret]);
	if (ret >= 0)
		ret = show(&o, &err);
	return ret < 0 ? vnx_fail(&err, o.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_check = {
	.name = "check",
	.summary = "can this host be diagnosed? hooks, privileges, kernel, and what to do",
	.synopsis = "[--json] [-v]",
	.text = "For each wanted function: the hook that would be used, and why better ones are not;\n"
		"for each source of evidence: whether it can be had here (--without NAME of diagnose\n"
		"and record leaves one out).\n"
		"Exit code 0 where the host can be diagnosed, even partly; 3 where it cannot.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
