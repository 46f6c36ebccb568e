// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/common.h"

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bpf/ladder.h"

const char *const vnx_backend_choices[] = { "auto", "bpf", "ftrace", "perf", NULL };

/* "handle_tx=raw_tp:netif_receive_skb"; @text is not changed, the hook points into it. */
static int parse_override(const char *text, struct vnx_hook_override *out, struct vnx_err *err)
{
	const char *eq = strchr(text, '=');
	VNX_CLEANUP_FREE char *name = eq ? strndup(text, (size_t)(eq - text)) : NULL;
	struct vnx_hook_spec spec;
	int metric = name ? vnx_metric_parse(name) : -EINVAL;

	if (metric < 0 || !vnx_metric_is_call(metric)) {
		vnx_err_hint(err, "METRIC is handle_tx, handle_rx, vcpu_enter or vcpu_halt; "
				  "for example --hook handle_tx=kprobe:handle_tx.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--hook: \"%s\" is not METRIC=HOOK", text);
	}
	out->metric = metric;
	out->hook = eq + 1;
	return vnx_hook_parse(eq + 1, &spec, err);
}

int vnx_overrides_parse(const struct vnx_strings *texts, struct vnx_overrides *out,
			struct vnx_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < texts->n && !ret; i++) {
		struct vnx_hook_override o;

		ret = parse_override(texts->v[i], &o, err);
		if (!ret)
			ret = vnx_vec_push(out, o);
	}
	return ret;
}

int vnx_live_run(const struct vnx_live_opts *opts, char **command, struct vnx_recording **out,
		 bool *load_failed, struct vnx_err *err)
{
	struct vnx_overrides list = { 0 };
	int ret = vnx_overrides_parse(&opts->hooks, &list, err);

	if (!ret && opts->path && opts->events && !strcmp(opts->path, opts->events))
		ret = vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "-o and --events name the same file, %s", opts->path);
	if (!ret) {
		struct vnx_session_conf sc = {
			.duration_ns = opts->duration_ns,
			.bin_ns = opts->bin_ns,
			.backend = opts->backend,
			.overrides = list.v,
			.n_overrides = list.n,
			.vms = opts->vms.v,
			.n_vms = opts->vms.n,
			.without = opts->without.v,
			.n_without = opts->without.n,
			.path = opts->path,
			.events_path = opts->events,
			.force = opts->force,
			.command = command,
			.stage_ns = opts->stage_ns,
			.watch = opts->watch,
			.quiet = opts->quiet,
			.verbose = opts->verbose,
		};

		ret = vnx_session_run(&sc, out, load_failed, err);
	}
	free(list.v);
	return ret;
}

int vnx_no_operands(const char *name, int first, int cmd, int argc, char **argv,
		    struct vnx_err *err)
{
	int end = !strcmp(argv[cmd - 1], "--") ? cmd - 1 : argc;

	if (first >= end)
		return 0;
	vnx_err_hint(err, "A load is given after \"--\": vnetdx %s ... -- iperf3 -c ADDR", name);
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage", "%s takes no operand \"%s\"",
			   name, argv[first]);
}

static unsigned terminal_columns(void)
{
	struct winsize ws;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= 40)
		return ws.ws_col;
	return 80;
}

static bool has_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

int vnx_one_format(bool a, const char *a_name, bool b, const char *b_name, struct vnx_err *err)
{
	if (!a || !b)
		return 0;
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage", "%s and %s exclude each other",
			   a_name, b_name);
}

int vnx_view_check(const struct vnx_view_opts *view, struct vnx_err *err)
{
	return vnx_one_format(view->json, "--json", view->csv, "--csv", err);
}

static const struct vnx_reporter_ops *choose_reporter(const struct vnx_view_opts *view)
{
	return view->json ? &vnx_reporter_json : view->csv ? &vnx_reporter_csv : &vnx_reporter_text;
}

static int write_report(const struct vnx_view_opts *view, const struct vnx_finding *f,
			const char *path, struct vnx_err *err)
{
	struct vnx_report_input in = { .path = path, .f = f };
	struct vnx_report_set set = {
		.v = &in, .n = 1, .argv = view->argv, .argc = view->argc, .quiet = view->quiet
	};

	return vnx_report_write(&set, view->report_dir, err);
}

static int check_written(FILE *out, struct vnx_err *err)
{
	if (!fflush(out) && !ferror(out))
		return 0;
	return vnx_err_set(err, errno ? -errno : -EIO, VNX_EXIT_FAILED, "io",
			   "standard output cannot be written: %s", strerror(errno ? errno : EIO));
}

int vnx_view_print(const struct vnx_view_opts *view, const struct vnx_finding *f, const char *input,
		   bool first, FILE *out, struct vnx_err *err)
{
	const char *no_color = getenv("NO_COLOR");
	struct vnx_report_conf rc = {
		.color = !view->no_color && !(no_color && *no_color) && isatty(fileno(out)),
		.columns = terminal_columns(),
		.verbose = view->verbose,
		.quiet = view->quiet,
		.utf8 = has_utf8(),
		.input = input,
		.go_on = !first,
	};
	int ret = choose_reporter(view)->report(f, &rc, out, err);

	return ret ? ret : check_written(out, err);
}

int vnx_view_print_set(const struct vnx_report_set *set, struct vnx_err *err)
{
	struct vnx_report_conf conf = { .columns = 80 };
	int ret = set->n == 1 ? vnx_reporter_json.report(set->v[0].f, &conf, stdout, err)
			      : vnx_report_set_json(set, stdout, err);

	return ret ? ret : check_written(stdout, err);
}

int vnx_view_run(const struct vnx_view_opts *view, const struct vnx_pipeline *p, const char *kind,
		 const char *path)
{
	struct vnx_finding finding = {
		.dg = p->dg, .run = &p->run, .tp = p->tp, .source_kind = kind, .source_path = path
	};
	struct vnx_err err = { 0 };
	int ret = vnx_view_print(view, &finding, NULL, true, stdout, &err);

	if (!ret && view->report_dir)
		ret = write_report(view, &finding, path, &err);
	if (!ret && view->perfetto)
		ret = vnx_report_perfetto(&finding, view->perfetto, &err);
	/* The document stands on stdout already: what failed after it goes to stderr. */
	if (ret)
		return vnx_fail(&err, false);
	if (view->report_dir && !view->quiet)
		fprintf(stderr, "vnetdx: the report is %s/index.html\n", view->report_dir);
	return view->check && p->dg->verdict <= VNX_LIMITED ? VNX_EXIT_DEGRADED : VNX_EXIT_OK;
}
