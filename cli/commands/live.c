// SPDX-License-Identifier: GPL-2.0-only
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/live/app.h"

/* The rings hold VNX_LIVE_BINS bins, which must reach over the minute that is shown. */
#define BIN_MIN_NS (100 * VNX_NSEC_PER_MSEC)
/* Of a core, for the analysis; the capture and the painting have their own. */
#define ANALYSIS_SHARE 0.002

#define INTERVAL_NS (2 * VNX_NSEC_PER_SEC)

struct opts {
	struct vnx_live_opts live;
	uint64_t interval_ns; /* 0: not given */
	const char *replay, *speed;
	bool no_color;
};

static const struct vnx_opt options[] = {
	VNX_LIVE_OPTIONS(struct opts, live),
	{ "output", 'o', VNX_OPT_STRING, offsetof(struct opts, live.path), "REC.vdx",
	  "record from the start on (key r: later)" },
	{ "replay", 0, VNX_OPT_STRING, offsetof(struct opts, replay), "REC.vdx",
	  "show a recording again as it happened" },
	{ "speed", 0, VNX_OPT_STRING, offsetof(struct opts, speed), "N",
	  "... N times as fast, or max (1)" },
	{ "interval", 0, VNX_OPT_TIME, offsetof(struct opts, interval_ns), "TIME",
	  "between lines, where stdout is no terminal (2s)", .min = 100 * VNX_NSEC_PER_MSEC },
	{ "no-color", 0, VNX_OPT_FLAG, offsetof(struct opts, no_color), NULL, "no colours" },
	{ "json", 0, VNX_OPT_FLAG, offsetof(struct opts, live.json), NULL,
	  "refused: the view ends with no document" },
	VNX_REFUSED_FLAG(struct opts, live.verbose),
};

static bool has_screen(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int parse_speed(const struct opts *o, double *speed, struct vnx_err *err)
{
	const char *text = o->speed ? o->speed : "1";
	char *end;

	if (o->speed && !o->replay) {
		vnx_err_hint(err, "For example: vnetdx live --replay REC.vdx --speed 10");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--speed is for --replay only");
	}
	*speed = !strcmp(text, "max") ? INFINITY : strtod(text, &end);
	if (isinf(*speed) && !strcmp(text, "max"))
		return 0;
	if (*end || end == text || !(*speed >= 0.1 && *speed <= 1000)) {
		vnx_err_hint(err, "For example --speed 10; max is as fast as it can be read.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--speed: \"%s\" is not a number from 0.1 to 1000, or max",
				   text);
	}
	return 0;
}

/* What only measuring can obey is not ignored where a recording is shown. */
static int check_replay(const struct opts *o, struct vnx_err *err)
{
	const struct {
		bool given;
		const char *option, *remedy;
	} refused[] = {
		{ o->live.path, "-o", "Copy the recording instead." },
		{ o->live.events, "--events",
		  "Raw events are taken while it is measured: vnetdx live --events FILE.dat" },
		{ o->live.backend, "--backend",
		  "Leave it out: the head says what it was measured with." },
		{ o->live.without.n, "--without",
		  "Leave it out: what was not measured is missing anyway." },
		{ o->live.stage_ns, "--stages",
		  "`vnetdx replay --stages TIME` correlates within stages." },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(refused); i++) {
		if (!refused[i].given)
			continue;
		vnx_err_hint(err, "%s", refused[i].remedy);
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--replay shows what is recorded already: it takes no %s",
				   refused[i].option);
	}
	return 0;
}

static int check_options(const struct opts *o, struct vnx_err *err)
{
	if (o->live.json) {
		vnx_err_hint(err, "`vnetdx diagnose --json` prints one document; live's lines are "
				  "for people.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "live has no JSON: it does not end with a document");
	}
	if (o->live.bin_ns < BIN_MIN_NS) {
		vnx_err_hint(err, "For example --bin 100ms; `vnetdx diagnose` takes 10ms or more.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--bin: live takes 100ms or more, for it shows a minute");
	}
	if (o->interval_ns && has_screen()) {
		vnx_err_hint(err, "Leave it out, or have lines: vnetdx live --interval 10s | cat");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--interval is of lines: there are none on a terminal");
	}
	return o->replay ? check_replay(o, err) : 0;
}

static int run_replay(const struct opts *o, struct vnx_live_app *a, double speed,
		      struct vnx_err *err)
{
	struct vnx_live_play play = { .speed = speed,
				      .duration_ns = o->live.duration_ns,
				      .vms = o->live.vms.v,
				      .n_vms = o->live.vms.n };
	struct vnx_overrides hooks = { 0 };
	struct vnx_input in;
	const struct vnx_reader_ops *ops;
	struct vnx_reader *r;
	int ret = vnx_overrides_parse(&o->live.hooks, &hooks, err);
	struct vnx_reader_conf rc = { .bin_ns = o->live.bin_ns,
				      .hooks = hooks.v,
				      .n_hooks = hooks.n };

	if (!ret)
		ret = vnx_input_open(&in, o->replay, err);
	if (ret)
		goto out;
	ops = vnx_reader_find(&in, err);
	ret = ops ? vnx_reader_check_hooks(ops, o->replay, hooks.n, err) : -EINVAL;
	if (!ret)
		ret = ops->open(&r, &in, &rc, err);
	if (!ret) {
		ret = vnx_live_replay(a, ops, r, &play, err);
		ops->close(r);
	}
	vnx_input_close(&in);
out:
	free(hooks.v);
	return ret;
}

static int run_session(struct opts *o, struct vnx_live_app *a, struct vnx_err *err)
{
	struct vnx_watch watch = { .arg = a,
				   .fd = vnx_live_app_fd(a),
				   .on_bin = vnx_live_app_bin,
				   .on_wake = vnx_live_app_wake,
				   .on_end = vnx_live_app_end };
	struct vnx_recording *none;
	bool load_failed;
	int ret = 0;

	if (o->live.path) {
		ret = vnx_live_keep_begin(&a->keep, o->live.path, o->live.force, err);
		a->keep.fatal = true;
	}
	if (!o->live.backend)
		o->live.backend = "auto";
	o->live.watch = &watch;
	o->live.quiet = true; /* what there is to say stands among the events */
	return ret ? ret : vnx_live_run(&o->live, NULL, &none, &load_failed, err);
}

static int run_app(struct opts *o, struct vnx_err *err)
{
	const char *no_color = getenv("NO_COLOR");
	struct vnx_live_app a = {
		.full_screen = has_screen(),
		.no_color = o->no_color || (no_color && *no_color),
		.interval_ns = o->interval_ns ? o->interval_ns : INTERVAL_NS,
	};
	struct vnx_err later = { 0 };
	double speed = 1;
	int ret, done;

	setlocale(LC_CTYPE, "");
	a.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	ret = parse_speed(o, &speed, err);
	if (!ret)
		ret = vnx_live_app_init(&a, o->replay, o->replay ? INFINITY : ANALYSIS_SHARE);
	if (!ret)
		ret = o->replay ? run_replay(o, &a, speed, err) : run_session(o, &a, err);
	/* The first error stays; what was recorded before it is completed all the same. */
	done = vnx_live_app_complete(&a, ret ? &later : err);
	if (a.keep.done)
		fprintf(stderr, "vnetdx: recorded to %s; `vnetdx replay %s` analyses it\n",
			a.keep.done, a.keep.done);
	vnx_live_app_fini(&a);
	return ret ? ret : done;
}

static int run(int argc, char **argv)
{
	struct opts o = { .live = { .bin_ns = 500 * VNX_NSEC_PER_MSEC } };
	struct vnx_err err = { 0 };
	int cmd, ret;

	ret = vnx_options_parse(&vnx_command_live, argc, argv, &o, &cmd, &err);
	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && ret < argc) {
		vnx_err_hint(&err, "A recording is shown by: vnetdx live --replay REC.vdx");
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "live takes no operand \"%s\"", argv[ret]);
	}
	if (ret >= 0)
		ret = check_options(&o, &err);
	if (ret >= 0)
		ret = run_app(&o, &err);
	free(o.live.vms.v);
	free(o.live.without.v);
	free(o.live.hooks.v);
	if (ret < 0)
		vnx_err_set(&err, ret, VNX_EXIT_FAILED, "failed", "%s", strerror(-ret));
	return ret < 0 ? vnx_fail(&err, vnx_wants_json(argc, argv)) : VNX_EXIT_OK;
}

const struct vnx_command vnx_command_live = {
	.name = "live",
	.summary = "full-screen view of the running host",
	.synopsis = "[-d TIME] [--vm NAME|PID]... [-o REC.vdx] | --replay REC.vdx [--speed N]",
	.text = "A row a VM, what is wrong with it and why; key ? explains all. Where stdin or stdout is no\n"
		"terminal: a line a VM every --interval, and one for each event.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
