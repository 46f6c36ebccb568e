// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnetdx check: can this host be diagnosed, and if not, what to do?
 */
#include "cli/commands/check.h"

#include "cli/commands/commands.h"
#include "cli/commands/common.h"

struct opts {
	const char *backend;
	struct vnx_strings hooks;
	bool json, csv, no_color, quiet, verbose;
};

static const struct vnx_opt options[] = {
	VNX_BACKEND_OPTION(struct opts, backend, "judge this one alone: auto, bpf, ftrace or perf"),
	VNX_HOOK_OPTION(struct opts, hooks, "try this hook: handle_tx=kprobe:my_tx"),
	VNX_JSON_FLAG(struct opts, json),
	VNX_FLAG(struct opts, csv, "csv", 0, "a row for each item as CSV"),
	VNX_NO_COLOR_FLAG(struct opts, no_color),
	VNX_FLAG(struct opts, quiet, "quiet", 'q', "the verdict alone"),
	VNX_FLAG(struct opts, verbose, "verbose", 'v', "every back end's refused candidates"),
};

static int print(const struct opts *o, const struct vnx_check *check)
{
	if (o->json)
		return vnx_check_print_json(check);
	if (o->csv)
		return vnx_check_print_csv(check);
	vnx_check_print_text(check, o->no_color, o->verbose, o->quiet);
	return 0;
}

static int show(const struct opts *o, const struct vnx_overrides *hooks, struct vnx_err *err)
{
	struct vnx_check_conf conf = { .backend = strcmp(o->backend, "auto") ? o->backend : NULL,
				       .overrides = hooks->v,
				       .n_overrides = hooks->n };
	struct vnx_check check;
	int ret = vnx_check_gather(&check, &conf), exit_code = VNX_EXIT_OK;

	if (!ret && (check.verdict == VNX_CHECK_CANNOT || vnx_check_override_refused(&check)))
		exit_code = VNX_EXIT_UNSUPPORTED;
	if (!ret)
		ret = print(o, &check);
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
	struct opts o = { .backend = "auto" };
	struct vnx_overrides hooks = { 0 };
	struct vnx_err err = { 0 };
	int ret = vnx_options_parse(&vnx_command_check, argc, argv, &o, NULL, &err);

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && ret < argc)
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "check takes no operand: \"%s\"", argv[ret]);
	if (ret >= 0)
		ret = vnx_one_format(o.json, "--json", o.csv, "--csv", &err);
	if (!ret)
		ret = vnx_overrides_parse(&o.hooks, &hooks, &err);
	if (!ret)
		ret = show(&o, &hooks, &err);
	free(hooks.v);
	free(o.hooks.v);
	return ret < 0 ? vnx_fail(&err, o.json || vnx_wants_json(argc, argv)) : ret;
}

const struct vnx_command vnx_command_check = {
	.name = "check",
	.summary = "can this host be diagnosed? hooks, privileges, kernel, and what to do",
	.synopsis = "[--backend NAME] [--hook METRIC=HOOK]... [--json | --csv] [-q | -v]",
	.text = "For each wanted function: the hook that would be used, and why better ones are not;\n"
		"for each source of evidence: whether it can be had here (--without NAME of diagnose\n"
		"and record leaves one out).\n"
		"Exit code 0 where the host can be diagnosed, even partly; 3 where it cannot, or where\n"
		"a hook of --hook is refused.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
