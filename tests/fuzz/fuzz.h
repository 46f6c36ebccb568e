/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzz targets share: a reader over bytes, from open to close, as replay uses it. */
#ifndef VNX_FUZZ_H
#define VNX_FUZZ_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/input/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* An error must have words; a run that is given must be readable to its end. */
static inline void fuzz_path(const struct vnx_reader_ops *ops, const struct vnx_hook_override *hook,
			     const char *path)
{
	const struct vnx_reader_conf conf = {
		.bin_ns = VNX_NSEC_PER_SEC / 2, .hooks = hook, .n_hooks = !!hook, .quiet = true
	};
	struct vnx_reader *r = NULL;
	struct vnx_run run = { 0 };
	struct vnx_err err = { 0 };
	struct vnx_input in;
	struct vnx_sample s;
	int ret;

	if (vnx_input_open(&in, path, &err)) {
		/* It may look packed. */
		if (!err.message[0])
			abort();
		return;
	}
	ops->probe(path, in.head, in.head_len);
	ret = ops->open(&r, &in, &conf, &err);
	if (!ret) {
		ret = ops->run(r, &run, &err);
		while (!ret && (ret = ops->next(r, &s, &err)) > 0) {
			if (s.metric >= VNX_METRIC_MAX)
				abort();
			ret = 0;
		}
		ops->close(r);
		vnx_run_fini(&run);
	}
	if (ret < 0 && !err.message[0])
		abort();
	vnx_input_close(&in);
}

/* @data as a file in memory; @hook is the user's --hook, or NULL. */
static inline void fuzz_reader(const struct vnx_reader_ops *ops,
			       const struct vnx_hook_override *hook, const uint8_t *data,
			       size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fuzz_path(ops, hook, path);
	close(fd);
}

#endif
