/* SPDX-License-Identifier: GPL-2.0-only */
/* A text as a load generator's output, for the tests of its formats. */
#ifndef VNX_TEST_LOAD_LINES_H
#define VNX_TEST_LOAD_LINES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/input/throughput/throughput.h"

#define assert_near(a, b, rel)                                                           \
	do {                                                                             \
		double a_ = (a), b_ = (b);                                               \
		if (!(fabs(a_ - b_) <= (rel)*fabs(b_)))                                  \
			fail_msg("%.17g is not %.17g within %g", a_, b_, (double)(rel)); \
	} while (0)

/* As a file of the name "t": 0 or the error, in @err. */
static inline int read_load(const char *text, struct vnx_throughput **out, struct vnx_err *err)
{
	int fd = memfd_create("t", MFD_CLOEXEC), ret;
	struct vnx_input in;

	*err = (struct vnx_err){ 0 };
	*out = NULL;
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	ret = vnx_input_take(&in, "t", fd, err);
	if (!ret) {
		ret = vnx_throughput_read_input(&in, out, err);
		vnx_input_close(&in);
	}
	return ret;
}

static inline struct vnx_throughput *parse_load(const char *text)
{
	struct vnx_throughput *tp;
	struct vnx_err err;
	int ret = read_load(text, &tp, &err);

	if (ret)
		fail_msg("%s", err.message);
	return tp;
}

/* Refused, with a sentence that names the file and has @word in it. */
static inline void check_complaint(const char *text, const char *word)
{
	struct vnx_throughput *tp;
	struct vnx_err err;

	assert_true(read_load(text, &tp, &err) < 0);
	assert_null(tp);
	if (strncmp(err.message, "t", 1) || !strstr(err.message, word) || !err.hint[0])
		fail_msg("\"%s\" has no \"%s\", or there is no remedy", err.message, word);
}

#endif
