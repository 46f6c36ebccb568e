// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/capture.h"

static int not_yet_probe(struct vnx_err *err)
{
	return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-perf",
			   "back end perf is not built yet");
}

static int not_yet_open(struct vnx_capture **out, const struct vnx_capture_conf *conf,
			struct vnx_err *err)
{
	*out = NULL;
	return not_yet_probe(err);
}

const struct vnx_capture_ops vnx_capture_perf = {
	.name = "perf",
	.summary = "",
	.probe = not_yet_probe,
	.open = not_yet_open,
};
