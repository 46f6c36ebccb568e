// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/tracefs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <tracefs.h>
#include <unistd.h>

int vnx_tracefs_open(char **path, struct vnx_err *err)
{
	char events[512];

	*path = vnx_kernel_tracefs();
	if (!*path) {
		vnx_err_hint(err,
			     "As root, mount it: mount -t tracefs tracefs /sys/kernel/tracing");
		return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-tracefs",
				   "tracefs is not mounted");
	}
	snprintf(events, sizeof(events), "%s/events", *path);
	if (access(events, R_OK | X_OK)) {
		int ret = -errno;

		vnx_err_hint(err,
			     "Run as root; kernel lockdown 'confidentiality' forbids it even so");
		vnx_err_set(err, ret, VNX_EXIT_UNSUPPORTED, "no-privilege", "%s cannot be read: %s",
			    events, strerror(-ret));
		free(*path);
		*path = NULL;
		return ret;
	}
	tracefs_set_tracing_dir(*path);
	return 0;
}

static bool has_event(const char *tracefs, const char *system, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/events/%s/%s", tracefs, system, name);
	return !access(path, F_OK);
}

/* Raw tracepoints have no system; the events made of them do, with the same name. */
static bool find_system(const char *tracefs, struct vnx_hook_spec *spec)
{
	char path[512];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s/events", tracefs);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof(spec->system))
			continue;
		found = has_event(tracefs, e->d_name, spec->name);
		if (found)
			snprintf(spec->system, sizeof(spec->system), "%.31s", e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

int vnx_tracefs_resolve(const char *tracefs, const struct vnx_kernel *k,
			const struct vnx_candidate *cand, struct vnx_hook_spec *spec,
			char why[VNX_WHY_LEN])
{
	bool found = spec->system[0] ? has_event(tracefs, spec->system, spec->name)
				     : find_system(tracefs, spec);

	return found ? 0 : vnx_kernel_no_tracepoint(k, cand, why);
}

int vnx_tracefs_event_id(const char *tracefs, const char *system, const char *name)
{
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	char path[512];
	int id;

	snprintf(path, sizeof(path), "%s/events/%s/%s/id", tracefs, system, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	return fscanf(f, "%d", &id) == 1 ? id : -EINVAL;
}

/*
 * Our own number on what was there before we made anything is that of a killed run: in a container
 * numbers are few and come again.
 */
static bool made_any;

/* Is @name that of a process, by the pid after @prefix, that is no more? */
static bool is_left(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	char *end;
	long pid;

	if (strncmp(name, prefix, len))
		return false;
	pid = strtol(name + len, &end, 10);
	if (end == name + len || pid <= 0 || pid > INT32_MAX)
		return false;
	if (pid == getpid())
		return !made_any;
	return kill((pid_t)pid, 0) && errno == ESRCH;
}

/* Removing an instance takes its triggers along. */
static void clean_instances(const char *tracefs)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/instances", tracefs);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (!is_left(e->d_name, "vnetdx-"))
			continue;
		snprintf(path, sizeof(path), "%s/instances/%.255s", tracefs, e->d_name);
		rmdir(path);
	}
	if (d)
		closedir(d);
}

/* Lines of kprobe_events are "p:GROUP/EVENT PLACE". */
static void clean_probes(const char *tracefs)
{
	VNX_CLEANUP_FREE char *line = NULL;
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	VNX_CLEANUP_CLOSE int fd = -1;
	char path[512], command[256];
	size_t cap = 0;

	snprintf(path, sizeof(path), "%s/kprobe_events", tracefs);
	f = fopen(path, "re");
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	while (f && fd >= 0 && getline(&line, &cap, f) > 0) {
		char *name = strchr(line, ':');

		if (!name || !is_left(name + 1, "vnetdx_"))
			continue;
		name[strcspn(name, " \n")] = '\0';
		snprintf(command, sizeof(command), "-%s", name);
		if (write(fd, command, strlen(command)) < 0)
			continue; /* somebody looks at it: the next run gets it */
	}
}

void vnx_tracefs_clean(void)
{
	VNX_CLEANUP_FREE char *tracefs = vnx_kernel_tracefs();

	if (!tracefs)
		return;
	clean_instances(tracefs);
	clean_probes(tracefs);
	made_any = true;
}

int vnx_tracefs_probe(const char *group, const char *event, const struct vnx_symbol *sym,
		      const char *function, struct tracefs_dynevent **out)
{
	char place[160];
	int ret = -ENOENT;

	for (unsigned i = 0; ret == -ENOENT; i++) {
		if (!vnx_kernel_place(sym, function, i, place, sizeof(place)))
			break;
		*out = tracefs_kprobe_alloc(group, event, place, NULL);
		if (!*out)
			return -ENOMEM;
		errno = 0;
		if (!tracefs_dynevent_create(*out))
			return 0;
		ret = errno ? -errno : -EIO;
		tracefs_dynevent_free(*out);
		*out = NULL;
	}
	return ret;
}

/* Lines are "EVENT HITS MISSED". */
int vnx_tracefs_missed(const char *tracefs, const char *event, uint64_t *missed)
{
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	char path[512], name[128];
	uint64_t hits;

	snprintf(path, sizeof(path), "%s/kprobe_profile", tracefs);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fscanf(f, "%127s %" SCNu64 " %" SCNu64 "%*[^\n]", name, &hits, missed) == 3)
		if (!strcmp(name, event))
			return 0;
	return -ENOENT;
}
