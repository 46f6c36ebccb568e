// SPDX-License-Identifier: GPL-2.0-only
#include "cli/commands/recorded.h"

#include "cli/base/safe.h"

static int parse_offset(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
			struct vnx_placement *out, struct vnx_err *err)
{
	if (!o->offset)
		return 0;
	out->search = !strcmp(o->offset, "search");
	out->given = !out->search;
	if (out->search && view->throughput.n > 1)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--offset search places one load, %zu were given",
				   view->throughput.n);
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
static int read_baseline(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
			 const struct vnx_reader_conf *rc, struct vnx_pipeline *base,
			 struct vnx_err *err)
{
	struct vnx_pipeline_conf pc = { .sma_ns = view->sma_ns };
	const struct vnx_reader_ops *ops;
	struct vnx_input in;
	int ret = vnx_input_open(&in, o->baseline, err);

	if (ret)
		return ret;
	ret = analyse(&in, rc, &pc, &ops, base, err);
	vnx_input_close(&in);
	return ret;
}

static void say_warning(const char *path, const char *warning)
{
	VNX_CLEANUP_FREE char *where = vnx_text_safe(path, 0);
	VNX_CLEANUP_FREE char *what = vnx_text_safe(warning, 0);

	if (where && what && *what)
		fprintf(stderr, "vnetdx: %s: %s\n", where, what);
}

/* Of the INPUT alone: beside a raw trace a .vdx may be the baseline. */
static int check_hooks(const struct vnx_input *in, size_t n_hooks, struct vnx_err *err)
{
	const struct vnx_reader_ops *ops = vnx_reader_find(in, err);

	return ops ? vnx_reader_check_hooks(ops, in->path, n_hooks, err) : -EINVAL;
}

static int read_input(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
		      struct vnx_input *in, const struct vnx_reader_conf *rc,
		      struct vnx_pipeline *out, const char **kind, struct vnx_err *err)
{
	struct vnx_pipeline base = { 0 };
	struct vnx_pipeline_conf pc = { .sma_ns = view->sma_ns,
					.stage_ns = o->stage_ns,
					.vms = o->vms.v,
					.n_vms = o->vms.n,
					.from_ns = o->from_ns,
					.to_ns = o->to_ns,
					.throughput = view->throughput.v,
					.n_throughput = view->throughput.n };
	const struct vnx_reader_ops *ops;
	int ret = parse_offset(o, view, &pc.placement, err);

	if (!ret)
		ret = check_hooks(in, rc->n_hooks, err);
	if (!ret && o->baseline) {
		ret = read_baseline(o, view, rc, &base, err);
		pc.baseline = base.dg;
	}
	if (!ret)
		ret = analyse(in, rc, &pc, &ops, out, err);
	vnx_pipeline_fini(&base);
	if (ret)
		return ret;
	*kind = ops->name;
	say_warning(in->path, out->run.warning);
	return 0;
}

int vnx_recorded_run(const struct vnx_recorded_opts *o, const struct vnx_view_opts *view,
		     const char *path, struct vnx_pipeline *out, const char **kind,
		     struct vnx_err *err)
{
	struct vnx_overrides hooks = { 0 };
	struct vnx_input in;
	int ret = vnx_overrides_parse(&o->hooks, &hooks, err);
	struct vnx_reader_conf rc = { .bin_ns = o->bin_ns,
				      .origin_ns = o->from_ns,
				      .hooks = hooks.v,
				      .n_hooks = hooks.n,
				      .quiet = view->quiet };

	*out = (struct vnx_pipeline){ 0 };
	if (!ret)
		ret = vnx_input_open(&in, path, err);
	if (!ret) {
		ret = read_input(o, view, &in, &rc, out, kind, err);
		vnx_input_close(&in);
	}
	free(hooks.v);
	return ret;
}

void vnx_recorded_fini(struct vnx_recorded_opts *o)
{
	free(o->vms.v);
	free(o->hooks.v);
}
