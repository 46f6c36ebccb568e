// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who belongs to the load: children are told by /proc/PID/task/TID/children, which costs as
 * little as the load has threads. All of /proc is looked through for the process group where the
 * kernel does not have that (CONFIG_PROC_CHILDREN), and every few seconds for those whose parent
 * has left them to init; of a process that was no part of it only the number is read again.
 */
#include "cli/evidence/load_procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/base/proc.h"
#include "cli/evidence/threads.h"

#define MAX_PROCS 256
#define SCAN_NS (5 * VNX_NSEC_PER_SEC)
#define CHILDREN_MAX (64 << 10)
#define MAX_FDS 4096 /* of one process; a load has a handful */

static bool read_stat(uint32_t pid, struct vnx_proc_stat *out)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	return !vnx_proc_stat(AT_FDCWD, path, out);
}

bool vnx_load_proc_stopped(const struct vnx_load_proc *p)
{
	return p->state == 'T' || p->state == 't';
}

static struct vnx_load_proc *find_proc(const struct vnx_load_procs *list, uint32_t pid)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].pid == pid)
			return &list->v[i];
	return NULL;
}

static int add_proc(struct vnx_load_procs *list, const struct vnx_proc_stat *st)
{
	struct vnx_load_proc p = { .pid = st->pid,
				   .start_ticks = st->start_ticks,
				   .state = st->state };

	if (list->n >= MAX_PROCS || st->ended || find_proc(list, st->pid))
		return 0;
	p.was_stopped = vnx_load_proc_stopped(&p);
	return vnx_vec_push(list, p);
}

static void forget_all(struct vnx_load_procs *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].tcp.v);
	list->n = list->strangers.n = 0;
	list->looked_ns = list->scanned_ns = 0;
}

void vnx_load_procs_fini(struct vnx_load_procs *list)
{
	forget_all(list);
	free(list->v);
	free(list->strangers.v);
}

/* The states of those known; the dead go. */
static void refresh(struct vnx_load_procs *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct vnx_load_proc p = list->v[i];
		struct vnx_proc_stat st;

		if (!read_stat(p.pid, &st) || st.start_ticks != p.start_ticks || st.ended) {
			free(p.tcp.v);
			continue;
		}
		p.was_stopped = vnx_load_proc_stopped(&p);
		p.state = st.state;
		list->v[kept++] = p;
	}
	list->n = kept;
}

/* Children, told by their parent */

static int take_children(struct vnx_load_procs *list, const char *text)
{
	uint32_t pid;
	int used, ret = 0;

	for (; !ret && sscanf(text, "%" SCNu32 "%n", &pid, &used) == 1; text += used) {
		struct vnx_proc_stat st;

		if (read_stat(pid, &st))
			ret = add_proc(list, &st);
	}
	return ret;
}

/* 1: done, 0: this kernel tells no children. */
static int walk_proc(struct vnx_load_procs *list, uint32_t pid)
{
	struct vnx_proc_entries tasks = { 0 };
	char path[96];
	int ret;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	ret = vnx_proc_list(AT_FDCWD, path, &tasks) == -ENOMEM ? -ENOMEM : 1;
	for (size_t i = 0; i < tasks.n && ret > 0; i++) {
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/children", pid,
			 tasks.v[i].id);
		VNX_CLEANUP_FREE char *text = vnx_proc_read(AT_FDCWD, path, CHILDREN_MAX, NULL);

		/* The thread may be what is gone. */
		if (!text)
			ret = errno != ENOENT || access("/proc/thread-self/children", F_OK) == 0;
		else if (take_children(list, text))
			ret = -ENOMEM;
	}
	free(tasks.v);
	return ret;
}

/* The list grows while it is walked: children of children. */
static int walk(struct vnx_load_procs *list)
{
	int ret = 1;

	for (size_t i = 0; i < list->n && ret > 0; i++)
		ret = walk_proc(list, list->v[i].pid);
	return ret;
}

/* ... by looking at all processes */

struct stat_lines {
	struct vnx_proc_stat *v;
	size_t n, cap;
};

/* Reads of those that are new in /proc; from then on they are strangers, but for those taken in. */
static int list_new(struct vnx_load_procs *list, struct stat_lines *fresh,
		    struct vnx_proc_entries *all)
{
	const struct vnx_proc_entry *old = list->strangers.v, *end = old + list->strangers.n;
	int ret = vnx_proc_list(AT_FDCWD, "/proc", all) == -ENOMEM ? -ENOMEM : 0;

	for (size_t i = 0; i < all->n && !ret; i++) {
		const struct vnx_proc_entry *e = &all->v[i];
		struct vnx_proc_stat st;

		while (old < end && old->id < e->id)
			old++;
		if (old < end && old->id == e->id && old->ino == e->ino)
			continue;
		if (!find_proc(list, e->id) && read_stat(e->id, &st))
			ret = vnx_vec_push(fresh, st);
	}
	return ret;
}

static int scan(struct vnx_load_procs *list)
{
	struct stat_lines fresh = { 0 };
	struct vnx_proc_entries all = { 0 };
	int ret = list_new(list, &fresh, &all);
	size_t before;

	do {
		before = list->n;
		for (size_t i = 0; i < fresh.n && !ret; i++)
			if (fresh.v[i].group == list->leader || find_proc(list, fresh.v[i].parent))
				ret = add_proc(list, &fresh.v[i]);
	} while (!ret && list->n > before);
	free(fresh.v);
	free(list->strangers.v);
	list->strangers = all;
	return ret;
}

/* Sockets */

/* The protocol's name, as the kernel gives it for /proc/PID/fd/N (net/socket.c, sockfs). */
static bool is_tcp(const char *path, bool *talks)
{
	char name[32] = "";
	ssize_t n = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);

	/* What is not told may be one. */
	if (n <= 0)
		return *talks = true;
	*talks |=
		!strncmp(name, "TCP", 3) || !strncmp(name, "UDP", 3) || !strncmp(name, "MPTCP", 5);
	return !strncmp(name, "TCP", 3);
}

static int list_sockets(struct vnx_load_proc *p)
{
	char dir_path[64], path[384], target[64];
	struct dirent *d;
	int ret = 0, left = MAX_FDS;
	DIR *dir;

	p->tcp.n = 0;
	p->talks = false;
	snprintf(dir_path, sizeof(dir_path), "/proc/%" PRIu32 "/fd", p->pid);
	dir = opendir(dir_path);
	while (dir && !ret && left-- && (d = readdir(dir))) {
		uint64_t inode;
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%s", dir_path, d->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1 && is_tcp(path, &p->talks))
			ret = vnx_vec_push(&p->tcp, inode);
	}
	if (dir)
		closedir(dir);
	return ret;
}

static int look_closer(struct vnx_load_proc *p)
{
	char path[64];
	struct stat sb;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ns/net", p->pid);
	p->netns = stat(path, &sb) ? 0 : sb.st_ino;
	return list_sockets(p);
}

static int look(struct vnx_load_procs *list, uint64_t now_ns)
{
	struct vnx_proc_stat leader;
	int ret = 0;

	if (!find_proc(list, list->leader) && read_stat(list->leader, &leader))
		ret = add_proc(list, &leader);
	if (!ret)
		ret = walk(list);
	if (ret >= 0 &&
	    (!ret || !list->n || !list->scanned_ns || now_ns - list->scanned_ns >= SCAN_NS)) {
		ret = scan(list);
		list->scanned_ns = now_ns;
	}
	for (size_t i = 0; i < list->n && ret >= 0; i++)
		ret = look_closer(&list->v[i]);
	return ret < 0 ? ret : 0;
}

int vnx_load_procs_sync(struct vnx_load_procs *list, uint32_t leader, uint64_t now_ns)
{
	list->looked = false;
	if (leader != list->leader)
		forget_all(list);
	list->leader = leader;
	if (!leader)
		return 0;
	refresh(list);
	if (list->looked_ns && now_ns - list->looked_ns < VNX_SLOW_READ_NS)
		return 0;
	list->looked_ns = now_ns;
	list->looked = true;
	return look(list, now_ns);
}
