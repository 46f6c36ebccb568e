// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/input/layers.h"

static int cannot_read(const char *path, int error, struct vnx_err *err)
{
	if (error == ENOENT || error == ENOTDIR)
		vnx_err_hint(err,
			     "Look at the path; INPUT is a .vdx of `vnetdx record`, a trace.dat, a "
			     "perf.data, or text of ftrace or perf script.");
	else if (error == EACCES)
		vnx_err_hint(err, "Run as its owner or root, or have it copied to you: ls -l %s",
			     path);
	return vnx_err_set(err, -error, VNX_EXIT_FAILED, "cannot-read", "cannot read %s: %s", path,
			   strerror(error));
}

ssize_t vnx_read_full(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int is_folder(const char *path, struct vnx_err *err)
{
	vnx_err_hint(err,
		     "Give the file in it: a .vdx, a trace.dat, a perf.data, or a trace's text.");
	return vnx_err_set(err, -EISDIR, VNX_EXIT_FAILED, "not-a-file",
			   "%s is a folder, not a recording", path);
}

static int check_kind(struct vnx_input *in, struct vnx_err *err)
{
	struct stat sb;

	if (fstat(in->fd, &sb))
		return cannot_read(in->path, errno, err);
	if (S_ISDIR(sb.st_mode))
		return is_folder(in->path, err);
	in->seekable = S_ISREG(sb.st_mode);
	in->pipe = !in->seekable;
	in->size = in->seekable ? (uint64_t)sb.st_size : 0;
	return 0;
}

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

int vnx_input_failed(const struct vnx_input *in, int error, struct vnx_err *err)
{
	if (error == -ENOMEM)
		return no_memory(err);
	if (error == -EBADMSG && in->unpack)
		vnx_unpack_tell(in->unpack, in->path, err);
	else
		cannot_read(in->path, -error, err);
	return error;
}

/* ---- layers ---- */

static ssize_t read_below_utf16(void *arg, void *buf, size_t len)
{
	const struct vnx_input *in = arg;

	return in->unpack ? vnx_unpack_read(in->unpack, buf, len) : vnx_read_full(in->fd, buf, len);
}

static ssize_t read_top(struct vnx_input *in, void *buf, size_t len)
{
	return in->utf16 ? vnx_utf16_read(in->utf16, buf, len) : read_below_utf16(in, buf, len);
}

static int read_head(struct vnx_input *in, struct vnx_err *err)
{
	ssize_t got = read_top(in, in->head, sizeof(in->head));

	if (got < 0)
		return vnx_input_failed(in, (int)got, err);
	in->head_len = (size_t)got;
	return 0;
}

static int add_unpack(struct vnx_input *in, struct vnx_err *err)
{
	const struct vnx_packing *packing = vnx_packing_find(in->head, in->head_len);

	if (!packing)
		return 0;
	if (!packing->known) {
		vnx_err_hint(err, "Unpack it: %s < %s > FILE", packing->unpacker, in->path);
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "unknown-format",
				   "%s is compressed by %s", in->path, packing->name);
	}
	in->unpack = vnx_unpack_new(packing, in->fd, in->head, in->head_len);
	in->seekable = false;
	in->size = 0;
	return in->unpack ? read_head(in, err) : no_memory(err);
}

static int add_utf16(struct vnx_input *in, struct vnx_err *err)
{
	enum vnx_utf16_order order = vnx_utf16_probe(in->head, in->head_len);

	if (order == VNX_UTF16_NOT)
		return 0;
	in->utf16 = vnx_utf16_new(order, in->head, in->head_len, read_below_utf16, in);
	in->seekable = false;
	in->size = 0;
	return in->utf16 ? read_head(in, err) : no_memory(err);
}

static void skip_mark(struct vnx_input *in)
{
	static const unsigned char mark[] = { 0xef, 0xbb, 0xbf };

	if (in->head_len < sizeof(mark) || memcmp(in->head, mark, sizeof(mark)))
		return;
	in->head_len -= sizeof(mark);
	memmove(in->head, in->head + sizeof(mark), in->head_len);
	if (!in->seekable)
		return;
	in->base = sizeof(mark);
	in->size -= in->size < sizeof(mark) ? in->size : sizeof(mark);
}

int vnx_input_take(struct vnx_input *in, const char *path, int fd, struct vnx_err *err)
{
	int ret;

	*in = (struct vnx_input){ .path = path, .fd = fd };
	ret = check_kind(in, err);
	/* From its beginning, wherever a descriptor that was handed over stands. */
	if (!ret && in->seekable && lseek(fd, 0, SEEK_SET) < 0) {
		in->seekable = false; /* trace_pipe of tracefs calls itself a file */
		in->pipe = true;
	}
	if (!ret)
		ret = read_head(in, err);
	if (!ret)
		ret = add_unpack(in, err);
	if (!ret)
		ret = add_utf16(in, err);
	if (ret)
		vnx_input_close(in);
	else
		skip_mark(in);
	return ret;
}

static int no_recording(const char *path, int fd, struct vnx_err *err)
{
	struct stat sb;

	if (fstat(fd, &sb) || S_ISREG(sb.st_mode) || S_ISDIR(sb.st_mode))
		return 0;
	vnx_err_hint(err, "Give - to read a trace from standard input.");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
			   "%s is a device or a pipe, not a recording", path);
}

int vnx_input_open(struct vnx_input *in, const char *path, struct vnx_err *err)
{
	int fd, ret;

	if (!strcmp(path, "-"))
		return vnx_input_take(in, path, STDIN_FILENO, err);
	*in = (struct vnx_input){ .path = path, .fd = -1 };
	/* NONBLOCK: opening a pipe without a writer must not hang. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return cannot_read(path, errno, err);
	ret = no_recording(path, fd, err);
	if (!ret)
		return vnx_input_take(in, path, fd, err);
	close(fd);
	return ret;
}

void vnx_input_close(struct vnx_input *in)
{
	vnx_unpack_free(in->unpack);
	vnx_utf16_free(in->utf16);
	in->unpack = NULL;
	in->utf16 = NULL;
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	in->fd = -1;
}

ssize_t vnx_input_read(struct vnx_input *in, void *buf, size_t len)
{
	size_t left = in->head_len - in->head_taken, n = left < len ? left : len;
	ssize_t more;

	memcpy(buf, in->head + in->head_taken, n);
	in->head_taken += n;
	if (n == len)
		return (ssize_t)n;
	more = read_top(in, (char *)buf + n, len - n);
	return more < 0 ? more : (ssize_t)n + more;
}

ssize_t vnx_input_pread(const struct vnx_input *in, void *buf, size_t len, uint64_t offset)
{
	size_t got = 0;

	if (offset > INT64_MAX - len - in->base)
		return -EINVAL;
	offset += in->base;
	while (got < len) {
		ssize_t n = pread(in->fd, (char *)buf + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}
