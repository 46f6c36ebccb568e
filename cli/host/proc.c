// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a /proc tree. Everything is relative to one descriptor, so that a recorded tree or
 * a container's view of its host's /proc serves as well.
 */
#include "cli/host/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* include/linux/sched.h; in field 9 of stat */
#define PF_EXITING 0x00000004UL
#define PF_KTHREAD 0x00200000UL

bool vnx_parse_u32(const char *s, char end, uint32_t *out)
{
	unsigned long v;
	char *stop;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &stop, 10);
	if (errno || *stop != end || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static char *read_all(int fd, size_t max, size_t *len)
{
	size_t cap = 4096, n = 0;
	char *buf = malloc(cap);
	ssize_t got = 0;

	while (buf && n < max) {
		size_t room = cap - 1 - n;

		if (!room) {
			char *more = realloc(buf, cap * 2);

			if (!more)
				break;
			buf = more;
			cap *= 2;
			continue;
		}
		got = read(fd, buf + n, room < max - n ? room : max - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (!buf || got < 0) {
		free(buf);
		return NULL;
	}
	buf[n] = '\0';
	if (len)
		*len = n;
	return buf;
}

char *vnx_proc_read(int dirfd, const char *rel, size_t max, size_t *len)
{
	VNX_CLEANUP_CLOSE int fd = openat(dirfd, rel, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NULL : read_all(fd, max, len);
}

static int by_id(const void *a, const void *b)
{
	const struct vnx_proc_entry *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int vnx_proc_list(int dirfd, const char *rel, struct vnx_proc_entries *out)
{
	int fd = openat(dirfd, rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	struct dirent *d;
	DIR *dir;

	out->n = 0;
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	while (!err && (errno = 0, d = readdir(dir))) {
		struct vnx_proc_entry e = { .ino = d->d_ino };

		if (vnx_parse_u32(d->d_name, '\0', &e.id))
			err = vnx_vec_push(out, e);
	}
	if (!err && errno)
		err = -errno;
	closedir(dir);
	/* The kernel lists pids in order, a file system with a recorded tree does not. */
	for (size_t i = 1; i < out->n; i++)
		if (out->v[i - 1].id > out->v[i].id) {
			qsort(out->v, out->n, sizeof(*out->v), by_id);
			break;
		}
	return err;
}

void vnx_proc_link(int dirfd, const char *rel, char *buf, size_t size)
{
	ssize_t n = readlinkat(dirfd, rel, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
}

/* Field @nr (from 3 on) of the part of a stat line that follows the name. */
static const char *stat_field(const char *rest, unsigned nr)
{
	for (unsigned i = 3; i < nr && rest; i++) {
		rest = strchr(rest, ' ');
		if (rest)
			rest++;
	}
	return rest;
}

int vnx_proc_stat(int dirfd, const char *rel, struct vnx_proc_stat *out)
{
	VNX_CLEANUP_CLOSE int fd = -1;
	char path[64], buf[1024], *open_par, *close_par;
	const char *flags, *start;
	unsigned long bits;
	char state;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/stat", rel);
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	/* A name may hold blanks and parentheses itself: the last one ends it. */
	open_par = strchr(buf, '(');
	close_par = strrchr(buf, ')');
	if (!open_par || !close_par || close_par < open_par || close_par[1] != ' ')
		return -EBADMSG;
	flags = stat_field(close_par + 2, 9);
	start = stat_field(close_par + 2, 22);
	if (!flags || !start)
		return -EBADMSG;
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(close_par - open_par - 1),
		 open_par + 1);
	state = close_par[2];
	bits = strtoul(flags, NULL, 10);
	out->ended = state == 'Z' || state == 'X' || bits & PF_EXITING;
	out->kthread = bits & PF_KTHREAD;
	out->start_ticks = strtoull(start, NULL, 10);
	return 0;
}
