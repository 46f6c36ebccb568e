// SPDX-License-Identifier: GPL-2.0-only
/*
 * For how long the CPU quota of a control group held a thread back: throttled time of the
 * thread's cgroup and of all above it (Documentation/admin-guide/cgroup-v2.rst, cpu.stat
 * throttled_usec; cgroup-v1's cpu.stat throttled_time). A group without a quota counts no
 * throttled time: that is a measured zero.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "cli/evidence/threads.h"

/* A thread may be moved to another group: that is looked up this often. */
#define LOOKUP_NS (5 * VNX_NSEC_PER_SEC)
#define NO_GROUP UINT32_MAX

/* A control group; its number is its place in the list. */
struct group {
	char *path; /* below the root, "" for the root itself */
	uint32_t parent;
	int fd;         /* its cpu.stat, -1: not open */
	uint64_t ns;    /* throttled so far, it and all above it */
	uint64_t at_ns; /* as of */
};

/* Of one thread. */
struct account {
	uint64_t looked_ns; /* when its group was looked up, 0: not yet */
	uint32_t group;
	uint64_t at_ns; /* when the number below was read, 0: not since it is in that group */
	uint64_t ns;    /* throttled so far */
};

struct quota {
	struct vnx_thread_records accounts;
	struct {
		struct group *v;
		size_t n, cap;
	} groups;
	char root[PATH_MAX / 2]; /* where the hierarchy with the cpu controller is mounted */
	bool v1;
	uint64_t read_ns;
};

/* The mount point of a line of mountinfo (proc_pid_mountinfo(5)), if it is the one we want. */
static bool parse_mount(char *line, struct quota *q)
{
	char *dash = strstr(line, " - "), *save = NULL, *field;
	bool v2, v1;
	int n = 0;

	if (!dash)
		return false;
	v2 = !strncmp(dash + 3, "cgroup2 ", 8);
	v1 = !strncmp(dash + 3, "cgroup ", 7) && (strstr(dash, ",cpu,") || strstr(dash, ",cpu\n"));
	if (!v1 && (!v2 || q->v1))
		return false;
	*dash = '\0';
	field = strtok_r(line, " ", &save);
	while (field && n++ < 4)
		field = strtok_r(NULL, " ", &save);
	if (!field || strlen(field) >= sizeof(q->root))
		return false;
	strcpy(q->root, field);
	q->v1 = v1;
	return true;
}

static int quota_open(void **src, struct vnx_err *err)
{
	VNX_CLEANUP_FREE struct quota *q = calloc(1, sizeof(*q));
	VNX_CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	FILE *f;

	if (!q)
		return -ENOMEM;
	f = fopen("/proc/self/mountinfo", "re");
	while (f && getline(&line, &size, f) > 0)
		parse_mount(line, q);
	if (f)
		fclose(f);
	if (!q->root[0])
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-cgroup",
				   "no control groups with the cpu controller are mounted");
	q->accounts.size = sizeof(struct account);
	*src = q;
	q = NULL;
	return 0;
}

/* Path of the thread's group below the root: "0::/machine.slice/..." or "4:cpu,cpuacct:/...". */
static bool group_path(const struct quota *q, uint32_t tid, char path[PATH_MAX / 2])
{
	VNX_CLEANUP_FREE char *line = NULL;
	char name[64];
	size_t size = 0;
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/cgroup", tid);
	f = fopen(name, "re");
	while (f && !found && getline(&line, &size, f) > 0) {
		char *controllers = strchr(line, ':'), *rest;

		rest = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!rest)
			continue;
		*rest++ = '\0';
		rest[strcspn(rest, "\n")] = '\0';
		found = q->v1 ? !strncmp(controllers + 1, "cpu,", 4) ||
					!strcmp(controllers + 1, "cpu") ||
					strstr(controllers, ",cpu,") != NULL
			      : !controllers[1];
		if (found)
			snprintf(path, PATH_MAX / 2, "%s", rest);
	}
	if (f)
		fclose(f);
	return found;
}

static int add_group(struct quota *q, const char *path, uint32_t parent, uint32_t *out)
{
	struct group g = { .path = strdup(path), .parent = parent, .fd = -1 };

	if (!g.path || vnx_vec_push(&q->groups, g)) {
		free(g.path);
		return -ENOMEM;
	}
	*out = (uint32_t)q->groups.n - 1;
	return 0;
}

/* The number of the group at @path, which is taken apart; its parents are made known too. */
static int intern_group(struct quota *q, char *path, uint32_t *out)
{
	char *slash = strrchr(path, '/');
	uint32_t parent = NO_GROUP;
	int err;

	if (slash && !slash[1])
		*slash = '\0'; /* "/": the root is "" */
	for (uint32_t i = 0; i < q->groups.n; i++)
		if (!strcmp(q->groups.v[i].path, path)) {
			*out = i;
			return 0;
		}
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		err = intern_group(q, path, &parent);
		if (err)
			return err;
		*slash = '/';
	}
	return add_group(q, path, parent, out);
}

static void close_group(struct group *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

/* What cpu.stat says, into @buf. A group that was removed and made again has a new file. */
static bool read_group(const struct quota *q, struct group *g, char *buf, size_t size)
{
	VNX_CLEANUP_FREE char *file = NULL;

	if (g->fd >= 0 && vnx_evidence_pread(g->fd, buf, size) > 0)
		return true;
	close_group(g);
	file = vnx_asprintf("%s%s/cpu.stat", q->root, g->path);
	if (file)
		g->fd = open(file, O_RDONLY | O_CLOEXEC);
	return g->fd >= 0 && vnx_evidence_pread(g->fd, buf, size) > 0;
}

/* Throttled ns of a group and all above it, UINT64_MAX: unreadable; each is read once a reading. */
static uint64_t group_ns(struct quota *q, uint32_t i, uint64_t now_ns)
{
	const char *key = q->v1 ? "throttled_time " : "throttled_usec ";
	struct group *g = &q->groups.v[i];
	char buf[1024], *at;
	uint64_t n = 0;

	if (g->at_ns == now_ns)
		return g->ns;
	g->at_ns = now_ns;
	g->ns = g->parent == NO_GROUP ? 0 : group_ns(q, g->parent, now_ns);
	if (g->ns == UINT64_MAX || !read_group(q, g, buf, sizeof(buf)))
		return g->ns = UINT64_MAX;
	at = strstr(buf, key);
	if (at && sscanf(at + strlen(key), "%" SCNu64, &n) == 1)
		g->ns += q->v1 ? n : n * 1000;
	return g->ns;
}

/* Finds the thread's group; a new one begins a new account. */
static int look_up(struct quota *q, uint32_t tid, struct account *a, uint64_t now_ns)
{
	uint32_t group = NO_GROUP;
	char path[PATH_MAX / 2];

	if (a->looked_ns && now_ns - a->looked_ns < LOOKUP_NS)
		return 0;
	if (group_path(q, tid, path) && intern_group(q, path, &group))
		return -ENOMEM;
	if (group != a->group)
		a->at_ns = 0;
	a->group = group;
	a->looked_ns = now_ns;
	return 0;
}

static int read_thread(struct quota *q, const struct vnx_thread *t, uint64_t now_ns,
		       const struct vnx_readings *out)
{
	enum vnx_metric metric = t->worker ? VNX_VHOST_THROTTLED : VNX_VCPU_THROTTLED;
	struct account *a = vnx_thread_record(&q->accounts, t->place);
	uint64_t from_ns, most, ns, is;

	if (look_up(q, t->tid, a, now_ns))
		return -ENOMEM;
	if (a->group == NO_GROUP)
		return 0;
	is = group_ns(q, a->group, now_ns);
	if (is == UINT64_MAX) { /* what comes after the gap would be told as of one bin */
		a->at_ns = 0;
		return 0;
	}
	ns = is > a->ns ? is - a->ns : 0;
	from_ns = a->at_ns;
	most = now_ns - from_ns;
	a->ns = is;
	a->at_ns = now_ns;
	return from_ns ? vnx_evidence_emit(out, metric, t->tid, from_ns, now_ns,
					   ns < most ? ns : most)
		       : 0;
}

static int quota_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		      struct vnx_err *err)
{
	struct quota *q = src;

	if (vnx_thread_records_sync(&q->accounts, scene->threads))
		return -ENOMEM;
	if (q->read_ns && scene->now_ns - q->read_ns < VNX_SLOW_READ_NS)
		return 0;
	q->read_ns = scene->now_ns;
	for (size_t i = 0; i < scene->threads->n; i++)
		if (read_thread(q, &scene->threads->v[i], scene->now_ns, out))
			return -ENOMEM;
	/* VMs come and go: files of groups that nobody is in are not kept open. */
	for (size_t i = 0; i < q->groups.n; i++)
		if (q->groups.v[i].at_ns != scene->now_ns)
			close_group(&q->groups.v[i]);
	return 0;
}

static void quota_close(void *src)
{
	struct quota *q = src;

	for (size_t i = 0; i < q->groups.n; i++) {
		close_group(&q->groups.v[i]);
		free(q->groups.v[i].path);
	}
	free(q->groups.v);
	free(q->accounts.v);
	free(q);
}

const struct vnx_source_ops vnx_source_quota = {
	.name = "quota",
	.summary = "how long CPU quotas of control groups held vhost workers and vCPUs back",
	.metrics = VNX_BIT(VNX_VHOST_THROTTLED) | VNX_BIT(VNX_VCPU_THROTTLED),
	.open = quota_open,
	.read = quota_read,
	.close = quota_close,
};
