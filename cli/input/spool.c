// SPDX-License-Identifier: GPL-2.0-only
/* A pipe or a packed file as a file, for readers that go to and fro in it. */
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/input/layers.h"

#define CHUNK ((size_t)1 << 20)
#define SPARE 20                        /* one part in so many of the file system stays free */
#define QUIET_NS (2 * VNX_NSEC_PER_SEC) /* what is over sooner needs no progress */
#define REDRAW_NS (VNX_NSEC_PER_SEC / 5)
#define PLAIN_EVERY_NS (10 * VNX_NSEC_PER_SEC)

struct spool {
	struct vnx_input *in;
	const char *dir;
	int fd;
	uint64_t size;
	bool quiet, shown;
	uint64_t begun_ns, shown_ns;
};

/* /var/tmp is on a disk, /tmp may be memory. */
static int open_nameless(struct spool *s, struct vnx_err *err)
{
	const char *const dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	int error = ENOENT;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(dirs); i++) {
		VNX_CLEANUP_FREE char *name = NULL;

		if (!dirs[i])
			continue;
		s->dir = dirs[i];
		name = vnx_asprintf("%s/vnetdx-XXXXXX", s->dir);
		s->fd = name ? mkostemp(name, O_CLOEXEC) : -1;
		if (s->fd >= 0)
			return unlink(name);
		error = errno;
	}
	vnx_err_hint(err, "Set TMPDIR to a folder that can be written.");
	return vnx_err_set(err, -error, VNX_EXIT_FAILED, "no-room",
			   "%s must be copied to be read, and no file can be made in %s: %s",
			   s->in->path, s->dir, strerror(error));
}

static int no_room(const struct spool *s, struct vnx_err *err)
{
	vnx_err_hint(err, "Set TMPDIR to a folder with more room, or unpack it there yourself.");
	return vnx_err_set(err, -ENOSPC, VNX_EXIT_FAILED, "no-room",
			   "%s is too large to be copied into %s: %.0f MB of it nearly fill that",
			   s->in->path, s->dir, (double)s->size / 1e6);
}

/* Whatever it unpacks to: a disk is not filled by looking at a file. */
static bool has_room(const struct spool *s)
{
	struct statvfs fs;

	return fstatvfs(s->fd, &fs) || !fs.f_blocks ||
	       fs.f_bavail > fs.f_blocks / SPARE + CHUNK / fs.f_frsize;
}

static int write_chunk(struct spool *s, const char *p, size_t len, struct vnx_err *err)
{
	while (len) {
		ssize_t n = write(s->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
			return no_room(s, err);
		if (n < 0)
			return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-write",
					   "cannot copy %s into %s: %s", s->in->path, s->dir,
					   strerror(errno));
		p += n;
		len -= (size_t)n;
		s->size += (size_t)n;
	}
	return 0;
}

static void show(struct spool *s)
{
	bool terminal = isatty(STDERR_FILENO);
	uint64_t now_ns = vnx_clock_mono();

	if (s->quiet || now_ns - s->begun_ns < QUIET_NS ||
	    now_ns - s->shown_ns < (terminal ? REDRAW_NS : PLAIN_EVERY_NS))
		return;
	s->shown_ns = now_ns;
	s->shown = terminal;
	fprintf(stderr, "%scopying %s: %.0f MB%s", terminal ? "\r\033[K" : "", s->in->path,
		(double)s->size / 1e6, terminal ? "" : "\n");
}

static int copy_all(struct spool *s, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *buf = malloc(CHUNK);
	ssize_t got = CHUNK;
	int ret = buf ? 0 : vnx_input_failed(s->in, -ENOMEM, err);

	while (!ret && got == (ssize_t)CHUNK) {
		got = vnx_input_read(s->in, buf, CHUNK);
		if (got < 0)
			ret = vnx_input_failed(s->in, (int)got, err);
		else
			ret = has_room(s) ? write_chunk(s, buf, (size_t)got, err) : no_room(s, err);
		show(s);
	}
	if (s->shown)
		fputs("\r\033[K", stderr);
	return ret;
}

int vnx_input_spool(struct vnx_input *in, bool quiet, struct vnx_err *err)
{
	struct spool s = {
		.in = in, .fd = -1, .quiet = quiet, .begun_ns = vnx_clock_mono()
	};
	int ret = in->seekable ? 0 : open_nameless(&s, err);

	if (in->seekable)
		return 0;
	if (!ret)
		ret = copy_all(&s, err);
	if (ret) {
		if (s.fd >= 0)
			close(s.fd);
		return ret;
	}
	vnx_input_close(in);
	in->fd = s.fd;
	in->size = s.size;
	in->seekable = true;
	in->pipe = false;
	in->head_taken = 0;
	return lseek(s.fd, (off_t)in->head_len, SEEK_SET) < 0 ? vnx_input_failed(in, -errno, err)
							      : 0;
}
