// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/reporter.h"

const struct vnx_reporter_ops *const vnx_reporters[] = {
	&vnx_reporter_text, &vnx_reporter_json, &vnx_reporter_csv, &vnx_reporter_perfetto, NULL,
};
