// SPDX-License-Identifier: GPL-2.0-only
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>

/* SQLite wants a name that it can open again: a file in memory has none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/vnx-fuzz-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	fuzz_path(&vnx_reader_vdx, NULL, path);
	unlink(path);
	return 0;
}
