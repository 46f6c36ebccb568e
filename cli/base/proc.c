// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/proc.h"

#include <dirent.h>
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

/* What is wanted of a line of stat behind the name, by the numbers of proc_pid_stat(5). */
enum { STATE = 3, PPID, PGRP, FLAGS = 9, STARTTIME = 22, PROCESSOR = 39, FIELDS };

/*
 * Fields from @first on, as they follow each other at @s, into v[]. How many there are of those
 * below FIELDS, or -EBADMSG. A negative number wraps.
 */
static int parse_fields(const char *s, int first, uint64_t v[FIELDS])
{
	int nr = first;
	char *end;

	for (; nr < FIELDS && s[0] == ' '; nr++, s = end) {
		errno = 0;
		v[nr] = strtoull(s + 1, &end, 10);
		if (errno || end == s + 1 || !strchr(" \n", *end))
			return -EBADMSG;
	}
	return nr - first;
}

/* A name may hold blanks and parentheses itself: the last one ends it. */
int vnx_proc_stat_parse(const char *line, struct vnx_proc_stat *out)
{
	const char *open_par = strchr(line, '('), *close_par = strrchr(line, ')');
	uint64_t v[FIELDS] = { [PROCESSOR] = UINT64_MAX };

	*out = (struct vnx_proc_stat){ 0 };
	if (!open_par || !close_par || close_par < open_par || close_par[1] != ' ' ||
	    !close_par[2] || !vnx_parse_u32(line, ' ', &out->pid) ||
	    parse_fields(close_par + 3, PPID, v) <= STARTTIME - PPID || v[FLAGS] > UINT32_MAX)
		return -EBADMSG;
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(close_par - open_par - 1),
		 open_par + 1);
	out->state = close_par[2];
	out->ended = strchr("ZXx", out->state) || v[FLAGS] & PF_EXITING;
	out->kthread = v[FLAGS] & PF_KTHREAD;
	/* -1 of one that ended */
	out->parent = v[PPID] <= INT32_MAX ? (uint32_t)v[PPID] : 0;
	out->group = v[PGRP] <= INT32_MAX ? (uint32_t)v[PGRP] : 0;
	out->start_ticks = v[STARTTIME];
	out->last_cpu = v[PROCESSOR] <= INT32_MAX ? (int)v[PROCESSOR] : -1;
	return 0;
}

int vnx_proc_stat(int dirfd, const char *rel, struct vnx_proc_stat *out)
{
	VNX_CLEANUP_CLOSE int fd = -1;
	char path[96], buf[2048];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/stat", rel);
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return vnx_proc_stat_parse(buf, out);
}

uint32_t vnx_proc_tgid(int dirfd, const char *rel)
{
	uint32_t tgid = 0;
	char path[96], *line;

	snprintf(path, sizeof(path), "%s/status", rel);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(dirfd, path, 8192, NULL);

	/* The name in the first line has its newlines escaped: it cannot fake this one. */
	line = text ? strstr(text, "\nTgid:\t") : NULL;
	return line && vnx_parse_u32(line + 7, '\n', &tgid) ? tgid : 0;
}
