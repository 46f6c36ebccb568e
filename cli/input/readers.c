// SPDX-License-Identifier: GPL-2.0-only
#include "cli/input/reader.h"

/* One row a format; names are what errors list. */
const struct vnx_reader_ops *const vnx_readers[] = {
	&vnx_reader_vdx,         &vnx_reader_perf_data, &vnx_reader_ftrace_text,
	&vnx_reader_perf_script, &vnx_reader_trace_dat, NULL,
};

/** vnx_run_fini() - frees what @run owns and zeroes it. */
void vnx_run_fini(struct vnx_run *run)
{
	vnx_hooks_fini(&run->hooks);
	vnx_vms_fini(&run->vms);
	vnx_vms_fini(&run->others);
	vnx_load_lines_fini(&run->lines);
	free(run->sources.v);
	free(run->holds.v);
	*run = (struct vnx_run){ 0 };
}

static const struct vnx_reader_ops *best_reader(const char *path, const unsigned char *head,
						size_t len)
{
	const struct vnx_reader_ops *best = NULL;
	int best_score = 0;

	for (size_t i = 0; vnx_readers[i]; i++) {
		int score = vnx_readers[i]->probe(path, head, len);

		if (score > best_score) {
			best_score = score;
			best = vnx_readers[i];
		}
	}
	return best;
}

static void unknown_format(const struct vnx_input *in, struct vnx_err *err)
{
	const char *path = in->path;
	char names[128] = "";
	size_t at = 0;

	for (size_t i = 0; vnx_readers[i] && at < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "",
				       vnx_readers[i]->name);
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "unknown-format",
		    "%s is in no format known here (known: %s)", path, names);
	vnx_err_hint(err, "`vnetdx record -o FILE.vdx` makes a recording; "
			  "output of a load generator goes with --throughput FILE");
}

/**
 * vnx_reader_find() - the reader most certain that @in is its own; NULL with @err.
 */
const struct vnx_reader_ops *vnx_reader_find(const struct vnx_input *in, struct vnx_err *err)
{
	const struct vnx_reader_ops *best = best_reader(in->path, in->head, in->head_len);

	if (!best && in->head_len == 0) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "empty-file", "%s is empty", in->path);
		vnx_err_hint(err, "Nothing was recorded into it; record again");
	} else if (!best) {
		unknown_format(in, err);
	}
	return best;
}

int vnx_reader_check_hooks(const struct vnx_reader_ops *ops, const char *path, size_t n_hooks,
			   struct vnx_err *err)
{
	if (!n_hooks || !ops->fixed_hooks)
		return 0;
	vnx_err_hint(err, "Leave --hook out, or give it to `vnetdx record` and record again; "
			  "`vnetdx check --hook METRIC=HOOK` tries it.");
	return vnx_err_set(
		err, -EINVAL, VNX_EXIT_USAGE, "usage",
		"--hook comes too late for %s: its hooks were chosen when it was recorded", path);
}
