// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/input/reader.h"

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

/* Reads on after a signal and over short reads; short at the end only. */
static ssize_t read_full(int fd, void *buf, size_t len)
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
	in->size = in->seekable ? (uint64_t)sb.st_size : 0;
	if (in->seekable || !strcmp(in->path, "-"))
		return 0;
	vnx_err_hint(err, "Give - to read a trace from standard input.");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
			   "%s is a device or a pipe, not a recording", in->path);
}

int vnx_input_open(struct vnx_input *in, const char *path, struct vnx_err *err)
{
	ssize_t got;
	int ret;

	*in = (struct vnx_input){ .path = path, .fd = STDIN_FILENO };
	/* NONBLOCK: opening a pipe without a writer must not hang. */
	if (strcmp(path, "-"))
		in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in->fd < 0)
		return cannot_read(path, errno, err);
	ret = check_kind(in, err);
	if (!ret) {
		got = in->seekable ? vnx_input_pread(in, in->head, sizeof(in->head), 0)
				   : read_full(in->fd, in->head, sizeof(in->head));
		if (got < 0)
			ret = cannot_read(path, (int)-got, err);
		else
			in->head_len = (size_t)got;
		/* What is read in order goes on behind the head. */
		if (!ret && in->seekable && lseek(in->fd, (off_t)in->head_len, SEEK_SET) < 0)
			ret = cannot_read(path, errno, err);
	}
	if (ret)
		vnx_input_close(in);
	return ret;
}

void vnx_input_close(struct vnx_input *in)
{
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
	more = read_full(in->fd, (char *)buf + n, len - n);
	return more < 0 ? more : (ssize_t)n + more;
}

ssize_t vnx_input_pread(const struct vnx_input *in, void *buf, size_t len, uint64_t offset)
{
	size_t got = 0;

	if (offset > INT64_MAX - len)
		return -EINVAL;
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
