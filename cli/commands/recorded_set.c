// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/recorded_set.h"

static int of_one(const char *option, const char *command, size_t n, struct vnx_err *err)
{
	vnx_err_hint(err, "Give each recording a command of its own: vnetdx %s INPUT %s FILE",
		     command, option);
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
			   "%s is of one recording, %zu were given", option, n);
}

int vnx_recorded_set_check(const struct vnx_view_opts *view, const char *command, char **paths,
			   size_t n, struct vnx_err *err)
{
	size_t pipes = 0;

	if (n > 1 && view->throughput.n)
		return of_one("--throughput", command, n, err);
	if (n > 1 && view->perfetto)
		return of_one("--perfetto", command, n, err);
	for (size_t i = 0; i < n; i++)
		pipes += !strcmp(paths[i], "-");
	if (pipes < 2)
		return 0;
	vnx_err_hint(err, "Save all but one to files and give their names.");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
			   "standard input (-) can be read once only");
}

static void read_one(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
		     const char *path, struct vnx_recorded_result *r)
{
	const char *kind = "";

	r->ret = vnx_recorded_run(o, view, path, &r->p, &kind, &r->err);
	r->f = (struct vnx_finding){ .dg = r->p.dg,
				     .run = &r->p.run,
				     .tp = r->p.tp,
				     .source_kind = kind,
				     .source_path = path };
}

int vnx_recorded_set_read(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
			  char **paths, size_t n, vnx_recorded_fn each,
			  struct vnx_recorded_set *out, struct vnx_err *err)
{
	bool first = true;
	int ret = 0;

	*out = (struct vnx_recorded_set){ .inputs = calloc(n, sizeof(*out->inputs)),
					  .results = calloc(n, sizeof(*out->results)) };
	if (!out->inputs || !out->results)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	out->set = (struct vnx_report_set){ .v = out->inputs,
					    .n = n,
					    .argv = view->argv,
					    .argc = view->argc,
					    .quiet = view->quiet };
	for (size_t i = 0; i < n && !ret; i++) {
		struct vnx_recorded_result *r = &out->results[i];

		read_one(o, view, paths[i], r);
		out->inputs[i] = (struct vnx_report_input){ .path = paths[i],
							    .f = r->ret ? NULL : &r->f,
							    .err = &r->err };
		out->failed += r->ret != 0;
		if (r->ret || !each)
			continue;
		ret = each(view, &r->f, first, err);
		first = false;
	}
	return ret;
}

/* A sentence that does not name its file gets the name where there are several. */
static void say_failure(const struct vnx_report_input *in, bool several)
{
	struct vnx_err named = { 0 };

	if (!several || strstr(in->err->message, in->path)) {
		vnx_fail(in->err, false);
		return;
	}
	vnx_err_set(&named, 0, in->err->exit, in->err->code, "%s: %s", in->path, in->err->message);
	if (in->err->hint[0])
		vnx_err_hint(&named, "%s", in->err->hint);
	vnx_fail(&named, false);
}

int vnx_recorded_set_say(const struct vnx_recorded_set *set, struct vnx_err *err)
{
	bool none = set->failed == set->set.n;

	for (size_t i = none; i < set->set.n; i++)
		if (set->results[i].ret)
			say_failure(&set->inputs[i], set->set.n > 1);
	if (!none)
		return 0;
	*err = set->results[0].err;
	return set->results[0].ret;
}

int vnx_recorded_set_exit(const struct vnx_recorded_set *set, const struct vnx_view_opts *view)
{
	if (set->failed)
		return VNX_EXIT_FAILED;
	for (size_t i = 0; i < set->set.n && view->check; i++)
		if (set->results[i].f.dg->verdict <= VNX_LIMITED)
			return VNX_EXIT_DEGRADED;
	return VNX_EXIT_OK;
}

void vnx_recorded_set_fini(struct vnx_recorded_set *set)
{
	for (size_t i = 0; i < set->set.n; i++)
		vnx_pipeline_fini(&set->results[i].p);
	free(set->results);
	free(set->inputs);
}
