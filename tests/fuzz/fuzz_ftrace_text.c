// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: text of ftrace, from opening to the last sample. */
#include <sys/mman.h>
#include <unistd.h>

#include "cli/input/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char *path)
{
	static const struct vnx_hook_override hooks[] = { { VNX_HANDLE_TX, "tp:probe:my_tx" } };
	struct vnx_reader_conf conf = {
		.bin_ns = 500 * VNX_NSEC_PER_MSEC, .hooks = hooks, .n_hooks = 1, .quiet = true
	};
	const struct vnx_reader_ops *ops = &vnx_reader_ftrace_text;
	struct vnx_reader *r = NULL;
	struct vnx_run run = { 0 };
	struct vnx_sample s;
	struct vnx_err err = { 0 };
	struct vnx_input in;

	if (vnx_input_open(&in, path, &err))
		return;
	ops->probe(path, in.head, in.head_len);
	if (!ops->open(&r, &in, &conf, &err) && !ops->run(r, &run, &err))
		while (ops->next(r, &s, &err) > 0)
			;
	ops->close(r);
	vnx_run_fini(&run);
	vnx_input_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size)
		read_all(path);
	close(fd);
	return 0;
}
