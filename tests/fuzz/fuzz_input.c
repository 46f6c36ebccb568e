// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as an input: unpacked, as UTF-8, in large pieces and in small ones, which must be the
 * same. An error has a sentence that names the input and the place.
 */
#include "tests/fuzz/fuzz.h"

#define MOST (16u << 20) /* a bomb's rest is more of the same */

static uint64_t mix(uint64_t sum, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 1099511628211u; /* FNV-1a */
	return sum;
}

/* Of what is read in pieces of @piece; *ret is how it ended. */
static uint64_t read_sum(const uint8_t *data, size_t size, size_t piece, size_t *all, int *ret)
{
	static unsigned char buf[1 << 16];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct vnx_err err = { 0 };
	struct vnx_input in;
	uint64_t sum = 14695981039346656037u;
	ssize_t got = 1;

	*all = 0;
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	*ret = vnx_input_take(&in, "input", fd, &err);
	while (!*ret && got > 0 && *all < MOST) {
		got = vnx_input_read(&in, buf, piece);
		if (got < 0) {
			*ret = vnx_input_failed(&in, (int)got, &err);
			continue;
		}
		sum = mix(sum, buf, (size_t)got);
		*all += (size_t)got;
	}
	if (*ret && !strstr(err.message, "input"))
		abort();
	vnx_input_close(&in);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t all, again;
	int ret, ret_again;
	uint64_t sum = read_sum(data, size, 1 << 16, &all, &ret);

	if (all > 1 << 16)
		return 0;
	if (read_sum(data, size, 7, &again, &ret_again) != sum && !ret)
		abort();
	if (ret != ret_again || (!ret && all != again))
		abort();
	return 0;
}
