/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes under every reader: of a file or a pipe, unpacked where they are gzip or zstd, as
 * UTF-8 where they are text in UTF-16, without a byte-order mark.
 */
#ifndef VNX_INPUT_H
#define VNX_INPUT_H

#include <sys/types.h>

#include "analysis/util.h"

#define VNX_HEAD_LEN 4096

struct vnx_unpack;
struct vnx_utf16;

/* Looked at but not consumed. */
struct vnx_input {
	const char *path; /* as given; "-" is standard input */
	int fd;
	bool seekable; /* a file, and neither packed nor in UTF-16 */
	bool pipe;     /* no file: its writer may have been stopped anywhere */
	uint64_t size; /* bytes; 0 where not seekable */
	uint64_t base; /* of the file, that a byte-order mark takes */
	unsigned char head[VNX_HEAD_LEN];
	size_t head_len, head_taken;
	struct vnx_unpack *unpack; /* NULL: not packed */
	struct vnx_utf16 *utf16;   /* NULL: not in UTF-16 */
};

/* Opens @path for reading; -errno with a sentence ("a folder, not a recording"). */
int vnx_input_open(struct vnx_input *in, const char *path, struct vnx_err *err) VNX_MUST_CHECK;
/* ... @fd, which it owns from here on, also when it fails; @path is named in errors. */
int vnx_input_take(struct vnx_input *in, const char *path, int fd,
		   struct vnx_err *err) VNX_MUST_CHECK;
void vnx_input_close(struct vnx_input *in);
/* Up to @len next bytes, from the start on; short at the end only; -errno. In order. */
ssize_t vnx_input_read(struct vnx_input *in, void *buf, size_t len) VNX_MUST_CHECK;
/* Says what @error of vnx_input_read() is about, with the place and the remedy; returns it. */
int vnx_input_failed(const struct vnx_input *in, int error, struct vnx_err *err);
/* Up to @len bytes at @offset of a seekable input, short at the end only; -errno. */
ssize_t vnx_input_pread(const struct vnx_input *in, void *buf, size_t len,
			uint64_t offset) VNX_MUST_CHECK;
/*
 * Makes @in seekable: what is not is copied into a file without a name, in TMPDIR or /var/tmp.
 * Before the first vnx_input_read(). Shows progress on stderr unless @quiet.
 */
int vnx_input_spool(struct vnx_input *in, bool quiet, struct vnx_err *err) VNX_MUST_CHECK;

#endif
