// SPDX-License-Identifier: GPL-2.0-only
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vnx_hook_override hook = { VNX_HANDLE_TX, "tp:probe:my_tx" };

	fuzz_reader(&vnx_reader_perf_script, &hook, data, size);
	return 0;
}
