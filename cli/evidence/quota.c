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

#include "cli/base/proc.h"
#include "cli/evidence/quota.h"

#define PROC_MAX (16u << 20)
/* A thread may be moved to another group: that is looked up this often. */
#define LOOKUP_NS (5 * VNX_NSEC_PER_SEC)

struct group {
	char *path; /* below the root, "" for the root itself */
	struct group *parent;
	int fd;         /* its cpu.stat, -1: not open */
	uint64_t ns;    /* throttled so far, it and all above it */
	uint64_t at_ns; /* as of */
};

/* Of one thread. */
struct account {
	uint64_t looked_ns;  /* when its group was looked up, 0: not yet */
	struct group *group; /* NULL: not known */
	uint64_t at_ns;      /* when the number below was read, 0: not since it is in that group */
	uint64_t ns;         /* throttled so far */
};

struct quota {
	int proc_fd;
	struct vnx_thread_records accounts;
	struct {
		struct group **v; /* by path; those that a thread is in, and all above them */
		size_t n, cap;
	} groups;
	char root[PATH_MAX / 2]; /* where the hierarchy with the cpu controller is mounted */
	bool v1;
	uint64_t read_ns;
};

static void close_group(struct group *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

static void free_group(struct group *g)
{
	close_group(g);
	free(g->path);
	free(g);
}

static void quota_close(void *src)
{
	struct quota *q = src;

	for (size_t i = 0; i < q->groups.n; i++)
		free_group(q->groups.v[i]);
	free(q->groups.v);
	if (q->proc_fd >= 0)
		close(q->proc_fd);
	free(q->accounts.v);
	free(q);
}

/* Is "cpu" in "cpu,cpuacct"? */
static bool names_cpu(const char *list)
{
	for (; *list; list += *list == ',') {
		size_t len = strcspn(list, ",");

		if (len == 3 && !strncmp(list, "cpu", len))
			return true;
		list += len;
	}
	return false;
}

/* The mount point of a line of mountinfo (proc_pid_mountinfo(5)), if it is the one we want. */
static bool parse_mount(char *line, struct quota *q)
{
	char *dash = strstr(line, " - "), *save = NULL, *field;
	bool v2, v1;
	int n = 0;

	if (!dash)
		return false;
	v2 = !strncmp(dash + 3, "cgroup2 ", 8);
	v1 = !strncmp(dash + 3, "cgroup ", 7) && names_cpu(strrchr(dash, ' ') + 1);
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

int vnx_quota_open_at(void **src, const char *proc, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *mounts = NULL;
	struct quota *q = calloc(1, sizeof(*q));
	char *save = NULL;

	if (!q)
		return -ENOMEM;
	q->accounts.size = sizeof(struct account);
	q->proc_fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mounts = vnx_proc_read(q->proc_fd, "self/mountinfo", PROC_MAX, NULL);
	for (char *line = mounts ? strtok_r(mounts, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		parse_mount(line, q);
	if (q->root[0]) {
		*src = q;
		return 0;
	}
	quota_close(q);
	return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-cgroup",
			   "no control groups with the cpu controller are mounted");
}

static int quota_open(void **src, struct vnx_err *err)
{
	return vnx_quota_open_at(src, "/proc", err);
}

/* "0::/machine.slice/..." or "4:cpu,cpuacct:/...": the path below the root, or NULL. */
static char *parse_group(char *line, bool v1)
{
	char *controllers = strchr(line, ':'), *path;

	path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return NULL;
	*path++ = '\0';
	return (v1 ? names_cpu(controllers + 1) : !controllers[1]) ? path : NULL;
}

/* Where the group at @path stands in the list, or belongs. */
static size_t place_of(const struct quota *q, const char *path)
{
	size_t lo = 0, hi = q->groups.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(q->groups.v[mid]->path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct group *add_group(struct quota *q, const char *path, struct group *parent)
{
	struct group *g = calloc(1, sizeof(*g));
	size_t at = place_of(q, path);

	if (!g)
		return NULL;
	*g = (struct group){ .path = strdup(path), .parent = parent, .fd = -1 };
	if (!g->path || vnx_vec_push(&q->groups, g)) {
		free(g->path);
		free(g);
		return NULL;
	}
	memmove(q->groups.v + at + 1, q->groups.v + at,
		(q->groups.n - 1 - at) * sizeof(*q->groups.v));
	return q->groups.v[at] = g;
}

/* The group at @path, which is taken apart; its parents are made known too. NULL: no memory. */
static struct group *intern_group(struct quota *q, char *path)
{
	char *slash = strrchr(path, '/');
	struct group *parent = NULL;
	size_t at;

	if (slash && !slash[1])
		*slash = '\0'; /* "/": the root is "" */
	at = place_of(q, path);
	if (at < q->groups.n && !strcmp(q->groups.v[at]->path, path))
		return q->groups.v[at];
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		parent = intern_group(q, path);
		if (!parent)
			return NULL;
		*slash = '/';
	}
	return add_group(q, path, parent);
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
static uint64_t group_ns(struct quota *q, struct group *g, uint64_t now_ns)
{
	const char *key = q->v1 ? "throttled_time " : "throttled_usec ";
	char buf[1024], *at;
	uint64_t n = 0;

	if (g->at_ns == now_ns)
		return g->ns;
	g->at_ns = now_ns;
	g->ns = g->parent ? group_ns(q, g->parent, now_ns) : 0;
	if (g->ns == UINT64_MAX || !read_group(q, g, buf, sizeof(buf)))
		return g->ns = UINT64_MAX;
	at = strstr(buf, key);
	if (at && sscanf(at + strlen(key), "%" SCNu64, &n) == 1)
		g->ns += q->v1 ? n : n * 1000;
	return g->ns;
}

/* The group that thread @tid is in, into *@out: NULL where that is not known. */
static int find_group(struct quota *q, uint32_t tid, struct group **out)
{
	char rel[32], *path = NULL, *save = NULL;

	*out = NULL;
	snprintf(rel, sizeof(rel), "%" PRIu32 "/cgroup", tid);
	VNX_CLEANUP_FREE char *text = vnx_proc_read(q->proc_fd, rel, PROC_MAX, NULL);

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line && !path;
	     line = strtok_r(NULL, "\n", &save))
		path = parse_group(line, q->v1);
	if (path)
		*out = intern_group(q, path);
	return path && !*out ? -ENOMEM : 0;
}

/* A new group begins a new account. */
static int look_up(struct quota *q, uint32_t tid, struct account *a, uint64_t now_ns)
{
	struct group *group;

	if (a->looked_ns && now_ns - a->looked_ns < LOOKUP_NS)
		return 0;
	if (find_group(q, tid, &group))
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
	if (!a->group)
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

/* VMs come and go: groups that nobody is in any more. */
static void forget_unread(struct quota *q, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < q->groups.n; i++) {
		if (q->groups.v[i]->at_ns == now_ns)
			q->groups.v[kept++] = q->groups.v[i];
		else
			free_group(q->groups.v[i]);
	}
	q->groups.n = kept;
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
	forget_unread(q, scene->now_ns);
	return 0;
}

const struct vnx_source_ops vnx_source_quota = {
	.name = "quota",
	.summary = "how long CPU quotas of control groups held vhost workers and vCPUs back",
	.metrics = VNX_BIT(VNX_VHOST_THROTTLED) | VNX_BIT(VNX_VCPU_THROTTLED),
	.open = quota_open,
	.read = quota_read,
	.close = quota_close,
};
