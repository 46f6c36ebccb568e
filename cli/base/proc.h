/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a /proc tree. Everything is relative to a descriptor, so that a recorded tree or a
 * container's view of its host's /proc serves as well; AT_FDCWD with "/proc/..." is our own.
 */
#ifndef VNX_PROC_H
#define VNX_PROC_H

#include <fcntl.h>

#include "analysis/util.h"

/* Of proc_pid_stat(5). */
struct vnx_proc_stat {
	uint32_t pid; /* or the thread's */
	char comm[64];
	char state;
	bool ended; /* exiting or a zombie: it closes its files, or has */
	bool kthread;
	uint32_t parent, group; /* 0: none that we can see */
	uint64_t start_ticks;
	int last_cpu; /* -1: not told */
};

/* A numbered entry of a folder. The inode tells a reused pid without opening anything. */
struct vnx_proc_entry {
	uint32_t id;
	uint64_t ino;
};

struct vnx_proc_entries {
	struct vnx_proc_entry *v;
	size_t n, cap;
};

/*
 * Whole of file @rel under @dirfd, at most @max bytes, NUL added; *len (may be NULL) without
 * it. NULL with errno set.
 */
char *vnx_proc_read(int dirfd, const char *rel, size_t max, size_t *len) VNX_MUST_CHECK;
/* Numbered entries of folder @rel, sorted; appended to @out, which is emptied first. */
int vnx_proc_list(int dirfd, const char *rel, struct vnx_proc_entries *out) VNX_MUST_CHECK;
/* Target of a symlink; "" where there is none or it may not be read (errno says why). */
void vnx_proc_link(int dirfd, const char *rel, char *buf, size_t size);
/* @rel: folder of a process or thread, "PID", "PID/task/TID", "/proc/PID". 0 or -errno. */
int vnx_proc_stat(int dirfd, const char *rel, struct vnx_proc_stat *out) VNX_MUST_CHECK;
/* The same from a line of stat. -EBADMSG: it is none, or a number in it is too big. */
int vnx_proc_stat_parse(const char *line, struct vnx_proc_stat *out) VNX_MUST_CHECK;
/* The process of the thread whose folder is @rel; 0: it is gone. */
uint32_t vnx_proc_tgid(int dirfd, const char *rel);
/* Decimal number at @s that ends at @end's character; false if it is none or too big. */
bool vnx_parse_u32(const char *s, char end, uint32_t *out);

#endif
